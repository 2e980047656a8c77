"""A real PostgreSQL for the tests: a server of its own, on a socket in a folder of its own."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

OWNER = "hotfix"
_numbers = itertools.count(1)


class PostgresServer:
    """Where the server listens, and how to get an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self._folder}"

    def new_database(self) -> str:
        """Create a database and return its URL."""
        import psycopg

        name = f"contract_{next(_numbers)}"
        address = f"host={self._folder} user={OWNER} dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
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
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control: list[str | Path] = [programs / "pg_ctl", "--pgdata", data, "--wait"]
    start = [*control, "--options", f"{options} -c synchronous_commit=off"]
    _run([*start, "--log", folder / "log", "start"], user)
    try:
        yield PostgresServer(folder)
    finally:
        _run([*control, "--mode=immediate", "stop"], user)
        shutil.rmtree(folder)


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


def _run(command: Sequence[str | Path], user: str | None) -> None:
    # Into a file: the server would inherit a pipe, and keep it open.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        said.seek(0)
        if done.returncode != 0:
            text = said.read()[-500:]
            pytest.skip(f"needs postgres: {Path(command[0]).name} failed: {text}")
