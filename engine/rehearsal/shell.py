"""The rehearsal behind the engine's Shell port, in this process: no sockets, no threads.

Under a virtual clock two hours pass in milliseconds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from engine.errors import MemberUnreachable, StepFailed, TooLate, UnexpectedOutput
from engine.ports import Clock, Output
from engine.rehearsal.files import File
from engine.rehearsal.group import Group
from engine.rehearsal.sessions import Login, Refused, nothing
from engine.rehearsal.streams import Buffer
from engine.rehearsal.syntax import UnsupportedSyntax
from engine.rehearsal.terminals import Tty

OUTPUT_LIMIT = 8 * 1024 * 1024
"""As `engine.ssh`: more output than this is a mistake."""

REFUSAL = timedelta(seconds=1)
"""How long a refused connection takes; on a real network between nothing and the limit."""


class RehearsalTerminal:
    """A terminal on the simulated group; see engine.ports.Terminal."""

    def __init__(self, login: Login, command: str, clock: Clock) -> None:
        self._login = login
        self._clock = clock
        self._output: list[str] = []
        self._size = 0
        self._news = asyncio.Event()
        self._tty = Tty(self._show)
        self._task = login.start(command, self._tty, self._tty, self._tty)
        self._task.add_done_callback(lambda _task: self._news.set())

    def _show(self, text: str) -> None:
        self._output.append(text)
        self._size += len(text)
        self._news.set()

    async def read(self, *, within: timedelta) -> str:
        """See engine.ports.Terminal."""
        limit = asyncio.ensure_future(self._clock.sleep(within))
        try:
            while not self._output and not self._task.done() and self._login.open:
                self._news.clear()
                news = asyncio.ensure_future(self._news.wait())
                dropped = asyncio.ensure_future(self._login.dropped.wait())
                await asyncio.wait({news, dropped, limit}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                dropped.cancel()
                if limit.done() and not self._output:
                    raise TimeoutError
        finally:
            limit.cancel()
        if self._output:
            text = "".join(self._output)
            self._output.clear()
            return text
        return self._end()

    def _end(self) -> str:
        if not self._login.open and self._login.why != "closed by us":
            raise MemberUnreachable(f"the session broke: {self._login.why}")
        if self._task.done() and not self._task.cancelled():
            problem = self._task.exception()
            if isinstance(problem, UnsupportedSyntax):
                raise problem
        return ""

    async def write(self, text: str) -> None:
        """See engine.ports.Terminal."""
        if not self._login.open or self._task.done():
            raise MemberUnreachable(f"the session is closed: {self._login.why}")
        self._tty.typed(text)
        await self._clock.sleep(timedelta(0))

    async def close(self) -> None:
        """See engine.ports.Terminal."""
        self._tty.hang_up()
        self._login.close()
        await asyncio.gather(self._task, return_exceptions=True)


class RehearsalShell:
    """The simulated group as its operators see it; see engine.ports.Shell."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._clock = group.clock
        self._kept: Login | None = None
        self._terminals: list[RehearsalTerminal] = []
        self._logins: list[Login] = []

    async def run(self, command: str, *, within: timedelta) -> Output:
        """See engine.ports.Shell."""
        login = await self._kept_login()
        output = Buffer()
        task = login.start(command, nothing(), output, output)
        limit = asyncio.ensure_future(self._clock.sleep(within))
        try:
            await asyncio.wait({task, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            if not task.done():
                task.cancel()
        if not login.open:
            raise MemberUnreachable(f"the session broke: {login.why}")
        if not task.done():
            await asyncio.gather(task, return_exceptions=True)
            raise TooLate(f"no end within {within.total_seconds():.0f} s: {command[:80]}")
        text = output.text
        if len(text) > OUTPUT_LIMIT:
            raise UnexpectedOutput(f"more than {OUTPUT_LIMIT} characters from {command[:80]}")
        return Output(text, task.result())

    async def terminal(self, command: str, *, within: timedelta) -> RehearsalTerminal:
        """See engine.ports.Shell."""
        terminal = RehearsalTerminal(await self._login(), command, self._clock)
        self._terminals = [t for t in self._terminals if not t._task.done()]  # noqa: SLF001 -- our own other half
        self._terminals.append(terminal)
        return terminal

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """See engine.ports.Shell."""
        login = await self._kept_login()
        size, group = _size(source), self.group
        digest = await asyncio.to_thread(_digest, source) if size > LARGE else _digest(source)
        there = login.member.files.files.get(target)
        begun = there.size if there is not None and 0 < there.size < size else 0
        if progress is not None:
            progress(begun, size)
        seconds = 1.0 + (size - begun) / (group.setup.upload_mb_per_s * 1e6)
        if seconds > within.total_seconds():
            await self._clock.sleep(within)
            raise TooLate(f"the upload did not end within {within.total_seconds():.0f} s")
        for part in range(1, PARTS + 1):
            await group.sleep(seconds / PARTS)
            if not login.open:
                raise MemberUnreachable(f"the session broke: {login.why}")
            if progress is not None:
                progress(begun + (size - begun) * part // (PARTS + 1), size)
        if begun and there is not None and not _begins_with(source, there):
            # Gone on with behind something else: what lies there is neither the one nor the other.
            digest = hashlib.sha256(f"{there.sha256}{digest}".encode()).hexdigest()
        store_upload(group, login, target, File(None, size, digest))
        if progress is not None:
            progress(size, size)

    async def close(self) -> None:
        """See engine.ports.Shell."""
        self.drop_all()
        await self.group.stop()

    def drop_all(self) -> None:
        """Close all our sessions at once, as when this process dies."""
        for login in self._logins:
            if login.open:
                login.close()
        self._logins.clear()
        self._kept = None

    async def _kept_login(self) -> Login:
        if self._kept is None or not self._kept.open:
            self._kept = await self._login()
        return self._kept

    async def _login(self) -> Login:
        try:
            login = Login(self.group)
        except Refused as refusal:
            await self._clock.sleep(REFUSAL)
            raise MemberUnreachable(str(refusal)) from refusal
        self._logins = [o for o in self._logins if o.open]
        self._logins.append(login)
        return login


def store_upload(group: Group, login: Login, target: str, file: File) -> None:
    """Put an uploaded file on the SMO's disk.

    Raises:
        StepFailed: the disk is full, or there is no such folder.
    """
    group.moment("upload")
    if group.occasion("disk_full", login.member.id):
        login.member.files.full = lambda: True
    if group.occasion("upload_truncated", login.member.id):
        digest = hashlib.sha256(file.sha256.encode()).hexdigest()
        file = File(None, max(0, file.size - 1), digest, damaged=True)
    try:
        login.member.files.put(target, file)
    except OSError as problem:
        raise StepFailed(
            f"{target}: {problem.strerror or 'No such file or directory'}"
        ) from problem


PARTS = 8
"""An upload tells so many times how far it is."""

LARGE = 4 * 1024 * 1024
"""Files above this are read in a thread; smaller ones take no time worth it."""


def _size(source: Path) -> int:
    return source.stat().st_size


def _begins_with(source: Path, there: File) -> bool:
    """Tell whether a file that lies there is the beginning of what is sent.

    Of one whose content is not kept that is believed: it came from an upload that broke off.
    """
    if there.content is None:
        return True
    with source.open("rb") as file:
        return file.read(there.size) == there.content


def _digest(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
