"""A real PostgreSQL server of our own: on loopback, in a folder of its own, gone when we are.

It is set as unfriendly as a server may be that is still correct: it forgets commits when left
alone (`synchronous_commit=off`) and sorts text by the rules of English, so that a store which
relies on more is found out. `fsync` is off as well: here processes die, not the machine.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

OWNER = "hotfix"
DEBIAN = Path("/usr/lib/postgresql")
"""Debian keeps the server's programs out of PATH, one folder per version."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
}
ENGLISH = ("--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")

READY_TRIES = 300
"""A tenth of a second apart. A start takes about one second, a recovery not much longer."""

_KEEPER = """
folder=$1
shift
"$@" </dev/null &
read -r word
kill -QUIT $!
wait $!
[ "$word" = stop ] || rm -rf "$folder"
"""
"""Runs the server until it is told to stop it, at once as by a power cut; also when we were
killed, and then nobody comes back for the folder."""


class PostgresMissing(Exception):
    """This machine cannot run a server; the message says what it lacks."""


class PostgresFailed(Exception):
    """The server did not start; the message has its last words."""


class PostgresServer:
    """One server. It can be stopped and started again, with what it holds."""

    def __init__(self, log: Path) -> None:
        """Create its folder and its first database; nothing runs yet.

        Raises:
            PostgresMissing: no programs, no driver, or no user that it may run as.
        """
        self._programs = _programs()
        self._user = _user()
        self._log = log
        self._password = secrets.token_hex(16)
        self._port = free_port()
        # Under the folder for temporary things: the server's user reaches nothing in ours.
        self._folder = Path(tempfile.mkdtemp(prefix="hotfix-pg-"))
        self._keeper: subprocess.Popen[bytes] | None = None
        try:
            self._create()
        except BaseException:
            self.remove()
            raise

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Return the address of a database, as `[storage] url` has it.

        Args:
            database: its name.
            port: where it is reached instead: of somebody who stands between.
        """
        at = f"127.0.0.1:{port or self._port}"
        return f"postgresql+psycopg://{OWNER}:{self._password}@{at}/{database}"

    @property
    def password(self) -> str:
        """The secret that must be seen nowhere but in settings."""
        return self._password

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._port

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            PostgresFailed: it does not.
        """
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        server = [str(self._programs / "postgres"), "-D", str(self._data)]
        keeper = ["/bin/sh", "-c", _KEEPER, "keeper", str(self._folder), *server]
        with self._log.open("ab") as lines:
            self._keeper = subprocess.Popen(  # noqa: S603 -- a program that was looked for
                [*keeper, f"--port={self._port}", *options],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=lines,
                stderr=lines,
                start_new_session=True,
                **_as(self._user),
            )
        for _ in range(READY_TRIES):
            if self._answers():
                return
            threading.Event().wait(0.1)
        raise PostgresFailed(f"PostgreSQL did not start:\n{_end_of(self._log.read_text())}")

    def stop(self) -> None:
        """Stop it at once, in the middle of whatever it does; what was committed stays."""
        if self._keeper is None:
            return
        self._keeper.communicate(b"stop\n")
        self._keeper = None

    def remove(self) -> None:
        """Stop it, and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _create(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._user is not None:
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        where = ["--pgdata", str(self._data), "--username", OWNER, "--pwfile", str(secret)]
        done = self._run("initdb", *where, "--auth=scram-sha-256", "--no-sync", *ENGLISH)
        secret.unlink()
        if done.returncode != 0:
            raise PostgresFailed(f"initdb failed:\n{_end_of(done.stdout + done.stderr)}")

    def _answers(self) -> bool:
        where = ["--host=127.0.0.1", f"--port={self._port}"]
        return self._run("pg_isready", *where).returncode == 0

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 -- a program that was looked for
            [self._programs / program, *arguments],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **_as(self._user),
        )


def _programs() -> Path:
    if importlib.util.find_spec("psycopg") is None:
        raise PostgresMissing(
            "PostgreSQL needs its driver psycopg: pip install 'hotfix-bot[postgres]'"
        )
    installed = sorted(DEBIAN.glob("*/bin/initdb"), key=_version)
    initdb = installed[-1] if installed else shutil.which("initdb")
    if initdb is None:
        raise PostgresMissing(
            "there is no PostgreSQL server on this machine; on Debian: apt-get install postgresql"
        )
    return Path(initdb).resolve().parent


def _version(initdb: Path) -> tuple[int, str]:
    name = initdb.parent.parent.name
    return (int(name) if name.isdigit() else 0, name)


def _user() -> str | None:
    """Return whom the server runs as, where we are root: it refuses to be."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError as error:
        raise PostgresMissing(
            "PostgreSQL refuses to run as root, and there is no user postgres: run this as another"
            " user, or on Debian: apt-get install postgresql"
        ) from error
    return "postgres"


def _as(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def free_port() -> int:
    """Return a port that nobody has now; it is given up for a moment before the server takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end_of(text: str) -> str:
    return "\n".join(text.splitlines()[-10:])
