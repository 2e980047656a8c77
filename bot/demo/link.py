"""A TCP link on loopback that can be cut: what is sent is then neither passed on nor refused.

As on a network, nobody is told: bytes wait, and arrive late when the link is whole again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

BLOCK = 1 << 16
"""Bytes that are passed on at once."""


class Link:
    """Listens on a free port, and passes everything on to another one."""

    def __init__(self, target: int) -> None:
        """Take the port on 127.0.0.1 that it leads to."""
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        if self._server is None:
            raise RuntimeError("the link is not open")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Pass nothing on from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Pass on what waited, and everything that comes."""
        self._whole.set()

    async def close(self) -> None:
        """End it with all its connections."""
        if self._server is not None:
            self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._passing.add(task)
        try:
            await self._whole.wait()
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
        except (OSError, asyncio.CancelledError):
            writer.close()
        finally:
            self._passing.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(BLOCK):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
