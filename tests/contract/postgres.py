"""A real PostgreSQL for the tests: a server of its own, on a socket in a folder of its own."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

OWNER = "hotfix"
KEEPER = """
folder=$1
shift
"$@" </dev/null &
read -r _
kill -QUIT $!
wait $!
rm -rf "$folder"
"""
"""Runs the server until its own standard input ends: also when the tests were killed."""

_numbers = itertools.count(1)


class PostgresServer:
    """Where the server listens, and how to get an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self._folder}"

    def connect(self) -> psycopg.Connection:
        """Connect as the owner of everything."""
        import psycopg

        address = f"host={self._folder} user={OWNER} dbname=postgres"
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
        "unix_socket_directories": folder,
        "fsync": "off",
        "synchronous_commit": "off",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    keeper: list[str | Path] = ["sh", "-c", KEEPER, "keeper", folder]
    keeper += [programs / "postgres", "-D", data, *options]
    log = folder / "log"
    with (
        log.open("wb") as lines,
        subprocess.Popen(
            keeper,
            stdin=subprocess.PIPE,
            stdout=lines,
            stderr=lines,
            start_new_session=True,
            **_as(user),
        ) as process,
    ):
        server = PostgresServer(folder)
        _wait_for(server, log)
        yield server
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def _wait_for(server: PostgresServer, log: Path) -> None:
    import psycopg

    for _ in range(300):
        try:
            server.connect().close()
        except psycopg.OperationalError:
            threading.Event().wait(0.1)
        else:
            return
    pytest.skip(f"needs postgres: the server did not start: {log.read_text()[-500:]}")


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
