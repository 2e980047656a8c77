"""Ends the stage's processes when the stage itself was killed, which nothing in it could do.

A shell in a session of its own reads from a pipe which processes there are. The pipe ends when
the stage does, however it ends; what is left then gets SIGKILL. The processes know nothing of it:
the bot among them is the product.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import IO

_WATCH = """
left=
while read -r word pid; do
    case $word in
        started) left="$left $pid" ;;
        ended) left=$(for one in $left; do [ "$one" = "$pid" ] || echo "$one"; done) ;;
    esac
done
for one in $left; do kill -KILL "-$one"; done
"""


class Watchdog:
    """Knows which processes there are, and outlives us by a moment."""

    def __init__(self) -> None:
        """Start it, out of reach of what is sent to our own process group."""
        self._process = subprocess.Popen(  # noqa: S603 -- a text of our own
            ["/bin/sh", "-c", _WATCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def started(self, pid: int) -> None:
        """Watch a process that leads a group of its own."""
        self._tell(f"started {pid}")

    def ended(self, pid: int) -> None:
        """Forget one."""
        self._tell(f"ended {pid}")

    def close(self) -> None:
        """End it; whatever is still watched is ended too."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # It may have been killed too; then it watches nothing, and nothing else is wrong.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(f"{line}\n".encode())
            self._pipe.flush()

    @property
    def _pipe(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise RuntimeError("the watchdog has no pipe")
        return self._process.stdin
