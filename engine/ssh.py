"""The real shell on a Security Group, over asyncssh.

Question: may a command be sent again when its session broke? Answer: never; the caller looks
first. What is given up is comfort: a lost read-only command costs one more look.

Host keys are always checked: the group address shows the key of the member that is the SMO, so the
file of known hosts names the keys of all members. What commands mean does not belong here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncssh

from engine.errors import MemberUnreachable, StepFailed, TooLate, UnexpectedOutput
from engine.ports import Output

OUTPUT_LIMIT = 8 * 1024 * 1024
"""Characters of one command; the longest look at 31 members is under one million."""

BLOCK = 256 * 1024
"""Bytes of one sftp write; OpenSSH takes up to 256 KiB at once."""

KEEPALIVES_MISSED = 3
"""After this many unanswered keepalives the connection counts as lost."""


@dataclass(frozen=True)
class SshSettings:
    """Where and how to log in; `known_hosts` and `client_keys` are paths."""

    address: str
    known_hosts: Path
    client_keys: Sequence[Path]
    port: int = 22
    username: str = "admin"
    keepalive: timedelta = timedelta(seconds=5)
    connect_within: timedelta = timedelta(seconds=15)


class SshTerminal:
    """One interactive session with a connection of its own; see engine.ports.Terminal."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[str]
    ) -> None:
        self._connection = connection
        self._process = process

    async def read(self, *, within: timedelta) -> str:
        """See engine.ports.Terminal."""
        async with _translated("the terminal"), asyncio.timeout(within.total_seconds()):
            text = await self._process.stdout.read(BLOCK)
        if not text and self._process.exit_status is None and await self._broken():
            raise MemberUnreachable("the connection of the terminal broke")
        return text

    async def _broken(self) -> bool:
        try:
            async with asyncio.timeout(1):
                await self._process.wait_closed()
        except TimeoutError:
            return self._connection.is_closed()
        return self._process.exit_status is None and self._process.exit_signal is None

    async def write(self, text: str) -> None:
        """See engine.ports.Terminal."""
        if self._connection.is_closed() or self._process.is_closing():
            raise MemberUnreachable("the terminal is closed")
        async with _translated("the terminal"):
            self._process.stdin.write(text)
            await self._process.stdin.drain()

    async def close(self) -> None:
        """See engine.ports.Terminal."""
        self._process.close()
        await _closed(self._connection)


class SshShell:
    """One Security Group over SSH; see engine.ports.Shell."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._kept: asyncssh.SSHClientConnection | None = None
        self._opening = asyncio.Lock()

    async def run(self, command: str, *, within: timedelta) -> Output:
        """See engine.ports.Shell."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                connection = await self._connected()
                return await _run(connection, command)
        except TimeoutError as late:
            raise TooLate(f"no end within {within.total_seconds():.0f} s: {command[:80]}") from late

    async def terminal(self, command: str, *, within: timedelta) -> SshTerminal:
        """See engine.ports.Shell."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                connection = await self._connect()
                async with _translated("a terminal"):
                    process = await connection.create_process(
                        command or None,
                        term_type="xterm",
                        term_size=(200, 50),
                        stderr=asyncssh.STDOUT,
                        errors="replace",
                    )
        except TimeoutError as late:
            raise MemberUnreachable("no terminal within the limit") from late
        return SshTerminal(connection, process)

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """See engine.ports.Shell."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                connection = await self._connected()
                async with _translated(f"the upload to {target}"):
                    await _upload(connection, source, target, progress or _unheard)
        except TimeoutError as late:
            limit = within.total_seconds()
            raise TooLate(f"the upload did not end within {limit:.0f} s") from late

    async def close(self) -> None:
        """See engine.ports.Shell."""
        if self._kept is not None:
            await _closed(self._kept)
            self._kept = None

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._opening:
            if self._kept is None or self._kept.is_closed():
                self._kept = await self._connect()
            return self._kept

    async def _connect(self) -> asyncssh.SSHClientConnection:
        settings = self._settings
        where = f"{settings.address}:{settings.port}"
        async with _translated(where), _refused_when_silent(where):
            return await asyncssh.connect(
                settings.address,
                settings.port,
                username=settings.username,
                known_hosts=str(settings.known_hosts),
                client_keys=[str(key) for key in settings.client_keys],
                agent_path=None,
                config=None,
                keepalive_interval=settings.keepalive.total_seconds(),
                keepalive_count_max=KEEPALIVES_MISSED,
                connect_timeout=settings.connect_within.total_seconds(),
                login_timeout=settings.connect_within.total_seconds(),
            )


async def _run(connection: asyncssh.SSHClientConnection, command: str) -> Output:
    async with _translated("a command"):
        process = await connection.create_process(
            command, stdin=asyncssh.DEVNULL, stderr=asyncssh.STDOUT, errors="replace"
        )
    try:
        async with _translated("a command"):
            parts: list[str] = []
            length = 0
            while text := await process.stdout.read(BLOCK):
                parts.append(text)
                length += len(text)
                if length > OUTPUT_LIMIT:
                    raise UnexpectedOutput(
                        f"more than {OUTPUT_LIMIT} characters from {command[:80]}", parts[0][:2000]
                    )
            await process.wait_closed()
    finally:
        process.close()
    if process.exit_status is None and process.exit_signal is None:
        raise MemberUnreachable("the session broke before the command ended")
    return Output("".join(parts), process.exit_status)


async def _upload(
    connection: asyncssh.SSHClientConnection,
    source: Path,
    target: str,
    progress: Callable[[int, int], None],
) -> None:
    try:
        sftp = await connection.start_sftp_client()
    except (asyncssh.SFTPError, asyncssh.ChannelOpenError):
        await _copy(connection, source, target, progress)
        return
    async with sftp:
        try:
            await _resume(sftp, source, target, progress)
        except asyncssh.SFTPError as problem:
            if isinstance(problem, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
                raise MemberUnreachable("the upload's session broke") from problem
            raise StepFailed(f"{target}: {problem.reason}") from problem


async def _resume(
    sftp: asyncssh.SFTPClient,
    source: Path,
    target: str,
    progress: Callable[[int, int], None],
) -> None:
    size = (await asyncio.to_thread(source.stat)).st_size
    done = 0
    if await sftp.exists(target):
        there = (await sftp.stat(target)).size or 0
        done = there if 0 < there < size else 0
    progress(done, size)
    local = await asyncio.to_thread(source.open, "rb")
    try:
        local.seek(done)
        async with sftp.open(target, "r+b" if done else "wb", encoding=None) as remote:
            while block := await asyncio.to_thread(local.read, BLOCK):
                await remote.write(block, done)
                done += len(block)
                progress(done, size)
    finally:
        local.close()


async def _copy(
    connection: asyncssh.SSHClientConnection,
    source: Path,
    target: str,
    progress: Callable[[int, int], None],
) -> None:
    def heard(_source: bytes, _target: bytes, done: int, size: int) -> None:
        progress(done, size)

    try:
        await asyncssh.scp(str(source), (connection, target), progress_handler=heard)
    except asyncssh.SFTPError as problem:
        raise StepFailed(f"{target}: {problem.reason}") from problem


def _unheard(_done: int, _size: int) -> None:
    """Nobody wants to know how far an upload is."""


async def _closed(connection: asyncssh.SSHClientConnection) -> None:
    connection.abort()
    try:
        async with asyncio.timeout(2):
            await connection.wait_closed()
    except (TimeoutError, OSError, asyncssh.Error):
        return


@asynccontextmanager
async def _refused_when_silent(where: str) -> AsyncIterator[None]:
    """Turn asyncssh's own connect limit into a refusal; the caller's limit is a cancellation."""
    try:
        yield
    except TimeoutError as silent:
        raise MemberUnreachable(f"{where}: no answer") from silent


@asynccontextmanager
async def _translated(what: str) -> AsyncIterator[None]:
    """Turn what asyncssh and the operating system raise into our errors."""
    try:
        yield
    except TimeoutError:
        raise
    except asyncssh.SFTPError:
        raise
    except (asyncssh.Error, asyncssh.KeyImportError, OSError) as problem:
        raise MemberUnreachable(f"{what}: {problem}") from problem
