"""A real PostgreSQL for the tests: a server of its own, on a socket in a folder of its own."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.network import wait_for

if TYPE_CHECKING:
    import psycopg

OWNER = "hotfix"
KEEPER = """
folder=$1
control=$2
read -r _
"$control" stop --silent --mode=immediate --timeout=10 --pgdata "$folder/data" ||
    kill -KILL "$(head -n 1 "$folder/data/postmaster.pid")"
rm -rf "$folder"
"""
"""Stops the server when its own standard input ends: also when the tests were killed."""

FAREWELL_S = 300
"""Stopping takes a second, and removing a folder on a busy disk up to a minute."""

_numbers = itertools.count(1)


class PostgresServer:
    """Where the server listens, and how to get an empty database."""

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self._folder = folder
        self._control = programs / "pg_ctl"
        self._user = user

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self._folder / ".s.PGSQL.5432"

    def start(self) -> None:
        """Start the server, or start it again, and wait until it answers."""
        self._run("start", "--log", self._folder / "log")

    def stop(self) -> None:
        """Stop the server as a power cut would: nobody is told, nothing is finished."""
        self._run("stop", "--mode=immediate")

    def _run(self, verb: str, *options: str | Path) -> None:
        command: list[str | Path] = [self._control, verb, "--silent", "--wait"]
        _run([*command, "--pgdata", self._folder / "data", *options], self._user)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self._folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the owner of everything."""
        import psycopg

        address = f"host={self._folder} user={OWNER} dbname={database}"
        return psycopg.connect(address, autocommit=True)

    def new_database(self) -> str:
        """Create a database and return its URL."""
        name = f"contract_{next(_numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Start a server and stop it at the end; skips where that is not possible.

    It forgets commits when left alone (`synchronous_commit=off`) and sorts text by the rules of
    English, so that a store which relies on friendlier settings is found out.
    """
    programs = _programs()
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="hotfix-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    initdb: list[str | Path] = [
        programs / "initdb",
        "--pgdata",
        data,
        "--username",
        OWNER,
        "--auth=trust",
    ]
    english = ["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]
    _run([*initdb, "--auth=trust", "--no-sync", *english], user)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "synchronous_commit": "off",
    }
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    server = PostgresServer(folder, programs, user)
    keeper: list[str | Path] = ["sh", "-c", KEEPER, "keeper", folder, programs / "pg_ctl"]
    with subprocess.Popen(
        keeper,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **_as(user),
    ) as process:
        server.start()
        yield server
        assert process.stdin is not None
        process.stdin.close()
        process.wait(FAREWELL_S)


@contextmanager
def pgbouncer(server: PostgresServer, user: str) -> Iterator[Callable[[str], str]]:
    """Have a pooler before that server, with a new session for each transaction.

    Gives what makes the address of a database behind it. Skips where there is none.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("needs pgbouncer: it is not on this machine")
    folder = server.socket.parent / f"pooler-{next(_numbers)}"
    folder.mkdir()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={server.socket.parent} user={user}\n"
        f"[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
        f"logfile = {folder}/log\nauth_type = any\npool_mode = transaction\n"
        "default_pool_size = 3\nserver_lifetime = 0\n"
    )
    owner = _user()
    if owner is not None:
        for path in (folder, settings):
            shutil.chown(path, owner)
    command: list[str | Path] = ["sh", "-c"]
    command += ['"$1" -q "$2" & read -r _; kill $!; wait', "pooler", program, settings]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **_as(owner),
    ) as process:
        wait_for((folder / ".s.PGSQL.6432").exists)
        yield lambda name: f"postgresql+psycopg://{user}@/{name}?host={folder}&port=6432"
        assert process.stdin is not None
        process.stdin.close()
        process.wait(FAREWELL_S)


def _programs() -> Path:
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("needs postgres: the driver psycopg is not installed")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = debian[-1] if debian else shutil.which("initdb")
    if initdb is None:
        pytest.skip("needs postgres: no initdb on this machine")
    return Path(initdb).resolve().parent


def _user() -> str | None:
    """Return whom the server runs as, where we are root: it refuses to be."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("needs postgres: a user for the server, since we are root")
    return "postgres"


def _as(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _run(command: Sequence[str | Path], user: str | None) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, **_as(user))
    if done.returncode != 0:
        text = (done.stdout + done.stderr)[-500:]
        pytest.skip(f"needs postgres: {Path(command[0]).name} failed: {text}")
