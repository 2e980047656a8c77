"""Processes of our own: started, waited for until they say that they are ready, and ended.

Each is ended by its own process id, whatever happens; nothing else on the machine is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.demo.watchdog import Watchdog

READY_WITHIN = timedelta(seconds=30)
"""A start takes about two seconds; on a machine that is busy, many more."""

END_WITHIN = timedelta(seconds=5)
"""After SIGTERM; what is still there then gets SIGKILL."""

LONGEST_LINE = 1 << 20
"""Bytes of one line on standard output."""


class ChildFailed(Exception):
    """A process did not start, or ended although it was needed."""


class Child:
    """One process. What it writes goes to a file; its first line may say where it is."""

    def __init__(self, name: str, command: Sequence[str], log: Path, watchdog: Watchdog) -> None:
        """Take what to run, the file for what it writes, and who ends it when we are killed."""
        self.name = name
        self.log = log
        self._command = list(command)
        self._watchdog = watchdog
        self._process: asyncio.subprocess.Process | None = None
        self._pumping: asyncio.Task[None] | None = None

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it, in a session of its own, so that a Ctrl-C reaches us alone."""
        with self.log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        self._watchdog.started(self._process.pid)

    async def first_line(self) -> dict[str, Any]:
        """Return the JSON line with which it says that it is ready, and where.

        Raises:
            ChildFailed: it ended, said something else, or said nothing for too long.
        """
        process = self._running()
        if process.stdout is None:
            raise ChildFailed(f"{self.name}: its output is not ours to read")
        try:
            async with asyncio.timeout(READY_WITHIN.total_seconds()):
                line = await process.stdout.readline()
            told: dict[str, Any] = json.loads(line)
        except TimeoutError as error:
            raise ChildFailed(f"{self.name} did not get ready; see {self.log}") from error
        except ValueError as error:
            raise ChildFailed(f"{self.name} did not start:\n{self.last_words()}") from error
        self.keep_output()
        return told

    def keep_output(self) -> None:
        """Write what follows on its standard output to its file."""
        self._pumping = asyncio.ensure_future(self._pump())

    async def _pump(self) -> None:
        stream = self._running().stdout
        while stream is not None and (line := await stream.readline()):
            with self.log.open("ab") as file:
                file.write(line)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, or None where it runs."""
        return self._process.returncode if self._process else None

    def refuse_dead(self) -> None:
        """Say so when it ended although it is needed.

        Raises:
            ChildFailed: with its last words.
        """
        if not self.alive:
            raise ChildFailed(f"{self.name} ended by itself:\n{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        """Return the end of what it wrote."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) or "(it said nothing)"

    async def kill(self) -> None:
        """SIGKILL: no time for a last word."""
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: it stands still, with everything that it holds."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on, and knows nothing of the time between."""
        self._running().send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not help in time."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            try:
                async with asyncio.timeout(END_WITHIN.total_seconds()):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._watchdog.ended(process.pid)
        if self._pumping is not None:
            self._pumping.cancel()
            await asyncio.gather(self._pumping, return_exceptions=True)
            self._pumping = None

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise ChildFailed(f"{self.name} was not started")
        return self._process
