"""Hears in a thread what other processes committed: see `storage.records.Stores.listen`.

Question: why not on the event loop? Answer: storage is synchronous inside, and a thread that only
waits costs nothing; it may come and go with the server without anybody noticing. Given up: a
thread and a connection for each process.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from storage.records import StorageDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database

RETRY_S = 1.0
"""How long to wait before listening again on a server that went away."""


class Listener:
    """Listens from here until `stop`, over as many connections as it takes."""

    def __init__(self, database: Database, heard: Callable[[str], None]) -> None:
        self._database = database
        self._heard = heard
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storage-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait until it has; a second time does nothing.

        While it connects, that takes as long as connecting may take.
        """
        self._stopped.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with suppress(StorageDown):
                self._listen()
            self._stopped.wait(RETRY_S)

    def _listen(self) -> None:
        with self._database.hints() as wait:
            self._tell("")  # nobody knows what was committed while we did not listen
            while not self._stopped.is_set():
                for run in dict.fromkeys(wait()):
                    self._tell(run)

    def _tell(self, run: str) -> None:
        with suppress(RuntimeError):  # the event loop of who asked has ended before us
            self._heard(run)
