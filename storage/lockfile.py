"""One acting process per embedded database: an `flock` on a file beside it.

The kernel drops the lock when its process dies, however it dies. So who gets it knows that the
former process is dead, and may take over its leases at once. The file stays for ever: deleting
it lets two processes lock two files of the same name, so the first must look whether its own is
still the one that is found. It does not work on a network drive.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from storage.records import DatabaseInUse

if TYPE_CHECKING:
    from pathlib import Path


class ProcessLock:
    """The lock, held from here until `release`."""

    def __init__(self, path: Path) -> None:
        """Take the lock at once.

        Raises:
            DatabaseInUse: another process, or another opening in this one, has it.
            OSError: the file cannot be made or written.
        """
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise DatabaseInUse(
                f"{path.with_suffix('')} is in use by process {holder or '(unknown)'}"
            ) from error
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:  # a full disk: whoever cannot be named here must not hold it either
            self.release()
            raise

    def keeps_others_out(self) -> bool:
        """Whether the file that we have locked is still the one that another would lock."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):
            os.close(descriptor)
