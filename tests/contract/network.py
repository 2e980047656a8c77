"""A network between us and a server that can be cut without either side being told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until something is true, for ten seconds at most."""
    pause = threading.Event()
    for _ in range(1000):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("it did not become true")


class Network:
    """Passes bytes on from a TCP port to a server's socket; while cut, it only swallows them."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._whole = True
        self._last_words = b""
        self._ends: list[socket.socket] = []
        self._port = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    def url(self, url: str) -> str:
        """Return the URL by which a database of that server is reached through here.

        Two seconds for connecting are the least that the driver accepts.
        """
        address = f"127.0.0.1:{self._port.getsockname()[1]}"
        place = url.partition("?")[0].replace("@/", f"@{address}/")
        return f"{place}?sslmode=disable&connect_timeout=2"

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Pass nothing on; what was sent meanwhile never arrives."""
        self._whole = False
        yield
        self._whole = True

    @contextmanager
    def cut_at(self, words: bytes) -> Iterator[None]:
        """Pass on what we send up to these words, and no answer to them."""
        self._last_words = words
        yield
        self._last_words = b""
        self._whole = True

    def __enter__(self) -> Network:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in [self._port, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in [self._port, *self._ends]:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._port.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            self._ends += [client, server]
            server.connect(str(self._server))
            self._start(self._ask, client, server)
            self._start(self._answer, server, client)

    def _start(self, pass_on: Callable[..., None], *ends: socket.socket) -> None:
        thread = threading.Thread(target=pass_on, args=ends)
        self._threads.append(thread)
        thread.start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):  # whoever is spoken to may hang up first
            for said in _chunks(client):
                if self._whole:
                    if self._last_words and self._last_words in said:
                        self._whole = False
                    server.sendall(said)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            for said in _chunks(server):
                if self._whole:
                    client.sendall(said)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _chunks(end: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while said := end.recv(65536):
            yield said
