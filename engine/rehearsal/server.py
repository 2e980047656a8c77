"""The rehearsal behind real SSH on 127.0.0.1, with real host keys and a control channel.

`python -m engine.rehearsal.server --config rehearsal.toml` prints one line of JSON that says where
it is, and serves until SIGTERM. When the SMO moves, connections are really closed, and nobody
listens until the (scaled) gap is over; then the new SMO's host key is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import signal
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh

from engine.clock import SystemClock
from engine.errors import StepFailed
from engine.ports import Clock
from engine.rehearsal.files import File, Files
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.sessions import Login, Refused, nothing
from engine.rehearsal.shell import store_upload
from engine.rehearsal.syntax import UnsupportedSyntax
from engine.rehearsal.terminals import Tty

UNSUPPORTED = 255
"""Exit status of a line that the rehearsal does not know; its text says so too."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a rehearsal is, and what one needs to log in."""

    address: str
    port: int
    control_port: int
    known_hosts: str
    client_key: str
    username: str = "admin"


class _ServerLogin(Login):
    """A login whose end closes the real connection."""

    def __init__(self, group: Group, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        super().__init__(group)

    def drop(self, why: str) -> None:
        """Close the login and the connection beneath."""
        super().drop(why)
        self._connection.abort()


class RehearsalServer:
    """A simulated group that one reaches with ssh.

    `directory` gets the file of known hosts and the client's key.
    """

    def __init__(self, setup: Setup, directory: Path, clock: Clock | None = None) -> None:
        self.group = Group(setup, clock or SystemClock())
        self._directory = directory
        kind = self.group.dialect.host_key
        self._keys = {m: asyncssh.generate_private_key(kind) for m in self.group.members}
        self._client = asyncssh.generate_private_key("ssh-ed25519")
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._control: asyncio.Server | None = None
        self._controls: set[asyncio.StreamWriter] = set()
        self._port = 0
        self._moving: asyncio.Task[None] | None = None
        self.logins: dict[object, Login] = {}
        self.uploads: dict[tuple[str, str], _Upload] = {}
        self.stopped = asyncio.Event()

    async def start(self) -> Place:
        """Listen, write the files, and say where."""
        self.group.start()
        await self._listen()
        self.group.smo_listeners.append(self._smo_moved)
        self._control = await asyncio.start_server(self._controlled, "127.0.0.1", 0)
        hosts, key = self._directory / "known_hosts", self._directory / "client_key"
        lines = [_known_host(self._port, k) for k in self._keys.values()]
        await asyncio.to_thread(hosts.write_text, "".join(lines))
        await asyncio.to_thread(_write_private, key, self._client.export_private_key())
        control_port = self._control.sockets[0].getsockname()[1]
        return Place("127.0.0.1", self._port, control_port, str(hosts), str(key))

    async def stop(self) -> None:
        """Close everything."""
        await self._accept_no_more()
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)
        if self._control is not None:
            self._control.close()
            for writer in self._controls:
                writer.close()
        for login in list(self.logins.values()):
            login.close()
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        await self.group.stop()
        self.stopped.set()

    async def _accept_no_more(self) -> None:
        """Leave those who would connect from now on to the system, and take in those accepted.

        asyncio loses a connection that it accepted in the turn before a server is closed:
        github.com/python/cpython/issues/109564.
        """
        for server in (self._control, self._acceptor):
            for listener in server.sockets if server is not None else ():
                asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)  # noqa: TID251 -- a turn of the loop, no time

    async def _listen(self) -> None:
        smo = self.group.smo or next(iter(self._keys))
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self._port,
            server_factory=lambda: _Server(self),
            server_host_keys=[self._keys[smo]],
            process_factory=self.played if self.group.setup.sftp else None,
            sftp_factory=self.disk if self.group.setup.sftp else None,
            allow_scp=self.group.setup.sftp,
            line_editor=False,
            agent_forwarding=False,
            errors="replace",
        )
        self._port = self._acceptor.get_port()

    def _smo_moved(self) -> None:
        if self._moving is None or self._moving.done():
            self._moving = asyncio.get_running_loop().create_task(self._move())

    async def _move(self) -> None:
        """Listen no more, wait until the address answers again, and show the new SMO's key."""
        if self._acceptor is not None:
            self._acceptor.close()
        while not self.group.answering:
            await self.group.sleep(max(0.5, self.group.silent_until - self.group.now))
        await self._listen()

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """Tell whether this is our client's key."""
        return key.public_data == self._client.public_data

    def disk(self, channel: asyncssh.SSHServerChannel[bytes]) -> _Sftp:
        """Return what sftp and scp see of the member that a connection ended at."""
        return _Sftp(self, channel)

    async def played(self, process: asyncssh.SSHServerProcess[str]) -> None:
        """Run what a client asks for, on the member that its connection ended at."""
        login = self.logins.get(process.channel.get_connection())
        if login is None or not login.open:
            process.close()
            return
        terminal = process.term_type is not None
        closed = asyncio.ensure_future(process.wait_closed())
        if terminal:
            tty = Tty(process.stdout.write)
            task = login.start(process.command or "", tty, tty, tty)
            typing = asyncio.ensure_future(_type(process, tty))
        else:
            task = login.start(
                process.command or "", nothing(), _Out(process.stdout), _Out(process.stderr)
            )
            typing = asyncio.ensure_future(_nobody_types())
        try:
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for other in (typing, closed, task):
                other.cancel()
            await asyncio.gather(typing, closed, task, return_exceptions=True)
        _finish(process, task)

    async def _controlled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._controls.add(writer)
        while line := await _line(reader):
            try:
                answer = await self._order(json.loads(line))
            except (ValueError, KeyError, TypeError) as problem:
                answer = {"ok": False, "error": str(problem)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        self._controls.discard(writer)
        writer.close()

    async def _order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one order of the control channel."""
        match order.get("do"):
            case "report":
                return {"ok": True, **self.group.report()}
            case "state":
                return {"ok": True, **self.group.snapshot()}
            case "fault":
                self.group.add_fault(order["fault"])
                return {"ok": True}
            case "wait":
                limit = timedelta(seconds=float(order.get("within_s", 60)))
                seen = await self.group.wait_for(str(order["moment"]), within=limit)
                return {"ok": seen, "seconds": round(self.group.now, 1)}
            case "stop":
                self.stopped.set()
                return {"ok": True}
            case other:
                raise ValueError(f"nothing is called {other!r}: report, state, fault, wait, stop")


class _Server(asyncssh.SSHServer):
    """Lets our client in by its key, as long as the group address answers."""

    def __init__(self, rehearsal: RehearsalServer) -> None:
        self._rehearsal = rehearsal
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """See asyncssh."""
        self._connection = conn
        try:
            self._rehearsal.logins[conn] = _ServerLogin(self._rehearsal.group, conn)
        except Refused:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncssh."""
        if self._connection is not None:
            login = self._rehearsal.logins.pop(self._connection, None)
            if login is not None and login.open:
                login.drop(f"the client went away ({exc})" if exc else "the client went away")

    def session_requested(self) -> asyncssh.SSHServerSession[str]:
        """See asyncssh: asked only where sftp is not offered."""
        disk: Any = self._rehearsal.disk
        return _WithoutSftp(self._rehearsal.played, disk, 0, True)  # noqa: FBT003 -- asyncssh: scp is taken

    def begin_auth(self, username: str) -> bool:
        """See asyncssh."""
        return bool(username)

    def public_key_auth_supported(self) -> bool:
        """See asyncssh."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """See asyncssh."""
        return bool(username) and self._rehearsal.accepts(key)


class _WithoutSftp(asyncssh.SSHServerProcess[str]):
    """A session on a machine whose `sshd_config` names no sftp, as some are [C:SGMUP]."""

    def subsystem_requested(self, subsystem: str) -> bool:
        """See asyncssh."""
        return subsystem != "sftp" and super().subsystem_requested(subsystem)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except (OSError, ValueError):
        return b""


class _Out:
    """Standard output of a command without a terminal."""

    is_tty = False

    def __init__(self, writer: asyncssh.SSHWriter[str]) -> None:
        self._writer = writer

    def write(self, text: str) -> None:
        """Send text."""
        self._writer.write(text)


async def _type(process: asyncssh.SSHServerProcess[str], tty: Tty) -> None:
    while True:
        try:
            text = await process.stdin.read(4096)
        except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived):
            continue
        except (asyncssh.Error, OSError):
            text = ""
        if not text:
            tty.hang_up()
            return
        tty.typed(text)


async def _nobody_types() -> None:
    await asyncio.Event().wait()


def _finish(process: asyncssh.SSHServerProcess[str], task: asyncio.Task[int]) -> None:
    if process.is_closing():
        return
    if task.cancelled():
        process.close()
        return
    problem = task.exception()
    if isinstance(problem, UnsupportedSyntax):
        process.stderr.write(f"rehearsal: unsupported: {problem}\n")
        process.exit(UNSUPPORTED)
    else:
        process.exit(task.result())


@dataclasses.dataclass
class _Upload:
    """A file that comes in: only its hash and size are kept."""

    member: str
    path: str
    size: int = 0
    digest: Any = dataclasses.field(default_factory=hashlib.sha256)
    early: dict[int, bytes] = dataclasses.field(default_factory=dict)

    def take(self, offset: int, data: bytes) -> None:
        """Take a block; blocks that come before their turn wait."""
        self.early[offset] = data
        while (block := self.early.pop(self.size, None)) is not None:
            self.digest.update(block)
            self.size += len(block)


class _Sftp(asyncssh.SFTPServer):
    """The disk of the member that was the SMO when the session began."""

    def __init__(
        self, rehearsal: RehearsalServer, channel: asyncssh.SSHServerChannel[bytes]
    ) -> None:
        super().__init__(channel)
        self._rehearsal = rehearsal
        login = rehearsal.logins.get(channel.get_connection())
        if login is None:
            raise asyncssh.SFTPConnectionLost("no session")
        self._login = login

    @property
    def _files(self) -> Files:
        return self._login.member.files

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open for writing; reading back is not offered."""
        name, member = path.decode(), self._login.member.id
        if not pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("only writing is simulated")
        key = (member, name)
        there = self._files.files.get(name)
        if pflags & asyncssh.FXF_TRUNC or there is None:
            self._rehearsal.uploads[key] = _Upload(member, name)
        elif key not in self._rehearsal.uploads:
            resumed = _Upload(member, name, size=there.size)
            resumed.digest.update(there.sha256.encode())
            self._rehearsal.uploads[key] = resumed
        return self._rehearsal.uploads[key]

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Take one block, unless the disk is full."""
        upload = _an_upload(file_obj)
        if self._files.full():
            raise asyncssh.SFTPNoSpaceOnFilesystem("No space left on device")
        upload.take(offset, data)
        return len(data)

    def close(self, file_obj: object) -> None:
        """Put the file on the disk."""
        upload = _an_upload(file_obj)
        file = File(None, upload.size, upload.digest.hexdigest())
        before = self._files.files.get(upload.path)
        file.damaged = before is not None and before.damaged and before.size < file.size
        try:
            store_upload(self._rehearsal.group, self._login, upload.path, file)
        except StepFailed as problem:
            raise asyncssh.SFTPFailure(str(problem)) from problem
        if self._files.files[upload.path].damaged:
            self._rehearsal.uploads.pop((upload.member, upload.path), None)

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Size and kind of a file or folder."""
        name = path.decode()
        if self._files.is_folder(name):
            return asyncssh.SFTPAttrs(permissions=0o40755, size=0)
        try:
            return asyncssh.SFTPAttrs(permissions=0o100644, size=self._files.get(name).size)
        except FileNotFoundError as missing:
            raise asyncssh.SFTPNoSuchFile(name) from missing

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """As `stat`."""
        return self.stat(path)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        """Size of a file that comes in."""
        return asyncssh.SFTPAttrs(permissions=0o100644, size=_an_upload(file_obj).size)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Times and permissions are not simulated."""

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Times and permissions are not simulated."""

    def realpath(self, path: bytes) -> bytes:
        """A path is itself; a relative one is under the home folder."""
        return path if path.startswith(b"/") else b"/home/admin/" + path

    def remove(self, path: bytes) -> None:
        """Remove a file."""
        self._files.remove(path.decode())

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Create a folder."""
        self._files.make_folder(path.decode())


def _an_upload(file_obj: object) -> _Upload:
    if not isinstance(file_obj, _Upload):
        raise asyncssh.SFTPFailure("not a file of ours")
    return file_obj


def _known_host(port: int, key: asyncssh.SSHKey) -> str:
    return f"[127.0.0.1]:{port} {key.export_public_key().decode().strip()}\n"


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def setup_from(raw: Mapping[str, Any]) -> Setup:
    """Read a configuration.

    Raises:
        ValueError: an unknown key, or a value that cannot be played.
    """
    known = {f.name for f in dataclasses.fields(Setup)}
    unknown = raw.keys() - known
    if unknown:
        raise ValueError(f"no setting is called {', '.join(sorted(unknown))}")
    return Setup(**raw)


async def serve(setup: Setup, directory: Path) -> None:
    """Serve until SIGTERM, SIGINT or the control channel's stop."""
    server = RehearsalServer(setup, directory)
    place = await server.start()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.stopped.set)
    sys.stdout.write(json.dumps(dataclasses.asdict(place)) + "\n")
    sys.stdout.flush()
    await server.stopped.wait()
    await server.stop()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="engine.rehearsal.server", description=__doc__)
    parser.add_argument("--config", type=Path, help="a TOML file; without one, the defaults")
    parser.add_argument("--directory", type=Path, help="where keys go; default: a temporary one")
    options = parser.parse_args()
    raw = tomllib.loads(options.config.read_text()) if options.config else {}
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as temporary:
        asyncio.run(serve(setup_from(raw), options.directory or Path(temporary)))


if __name__ == "__main__":
    main()
