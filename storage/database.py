"""Opens the database and hands out sessions: where durability and order are decided.

No table is known here. Question: why is SQLite opened like this? Answer: `synchronous=FULL`,
since with NORMAL a committed intent may vanish with the power, and that is the failure the
journal exists to exclude; `BEGIN IMMEDIATE` for writers, since a deferred transaction that reads
and then writes can act on what is no longer true; one writer per process, since SQLite has one
anyway and a lock in memory waits more fairly than its busy loop. Given up: write throughput,
of which a run needs hundreds of rows per hour.

PostgreSQL runs READ COMMITTED with named locks: whoever waited sees what the other committed.

What a driver says about the world (gone, locked, full, cut off, not allowed) leaves here as
`StorageDown`; what it says about our own statements stays as it is, since then we are wrong.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
import time
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlmodel import Session, SQLModel

from storage.lockfile import ProcessLock
from storage.postgres import postgres_engine, tells_its_state
from storage.records import StorageDown, StorageRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_S = 30.0
"""How long a writer waits for another process. A guess: the command line writes one row."""

OPEN_S = 10.0
"""How long opening an SQLite file may take in all, while others hold it. A guess: the switch to
WAL takes milliseconds, and whoever keeps the file to himself for longer is no process of ours."""

WAL_PAUSE_S = 0.05
"""How long one try to switch to WAL waits for the others, and then until the next."""

SQLITE = b"SQLite format 3\0"
"""How a database file begins. Source: sqlite.org/fileformat.html."""

WITHOUT_LOG = b"\1\1"
"""What stands at 18 in a file that is in rollback-journal mode, without a log. Source: the same."""

CHANNEL = "hotfix_bot"
"""Where committed appends and words are told to other processes, as `teller run`."""

HINTS_S = 0.5
"""How long one wait for hints lasts: as long as it takes at most to stop listening."""

SECRET_OPTIONS = ("password", "sslpassword")
"""What an address may say after its `?` that nobody else may read."""

DAMAGED = "the file is damaged; stop the service and go on with a backup"

OUR_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What a database says when a statement is wrong; all else it says is about its own state."""


class Database:
    """An open database. Thread-safe; each `with` is one transaction."""

    def __init__(self, url: str | URL, *, acting: bool) -> None:
        """Open, without looking at the schema.

        Args:
            url: `sqlite:///…` or `postgresql+psycopg://…`.
            acting: this process acts, and makes a file that is not there. Others may read, and put
                words into the inbox. An embedded database has at most one acting process.

        Raises:
            DatabaseInUse: another process acts on this embedded database.
            StorageRefusal: the address names no database that we can open.
        """
        place = _place(url)
        self.acting = acting
        self.shown = _shown(place)
        self.embedded = place.get_backend_name() == "sqlite"
        self._lock: ProcessLock | None = None
        self.file: Path | None = None
        self._identity: object = None
        self._log: object = None
        self._one_writer: AbstractContextManager[object] = nullcontext()
        self._closed = False
        self.before_words: Callable[[Session], None] = lambda _session: None
        if self.embedded:
            with refusing("the database"):
                file = self.file = _file(place, makes=acting)
                if acting:
                    self._lock = ProcessLock(lock_of(file))
            self.shown = _shown(place.set(database=str(file)))
            self._identity = _identity(file)
            self._one_writer = threading.Lock()
            self._reader = _sqlite_engine(file, acting=acting)
        else:
            self._reader = postgres_engine(place)
        self._writer = self._reader.execution_options(writes=True)
        self._name = secrets.token_hex(8)  # so that we do not hear ourselves
        self._driver_error = self._reader.dialect.loaded_dbapi.Error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Read one consistent state."""
        self._refuse_closed()
        with self._told(), Session(self._reader) as session, session.begin():
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Read as of one moment, however long it takes, while others write."""
        self._refuse_closed()
        kept = {} if self.embedded else {"isolation_level": "REPEATABLE READ"}
        with (
            self._told(),
            Session(self._reader.execution_options(**kept)) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def hear(self) -> Iterator[Session]:
        """Write a word into the inbox: the one thing that a process may write without acting."""
        with self._one_writer:
            self._refuse_closed()
            with (
                self._told(),
                Session(self._writer, expire_on_commit=False) as session,
                session.begin(),
            ):
                self.before_words(session)
                yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Write, durably once the block is left; an exception leaves everything as it was.

        Raises:
            StorageRefusal: this process does not act.
        """
        if not self.acting:
            raise StorageRefusal("this process opened the database to read it, not to act")
        with self.hear() as session:
            yield session

    @contextmanager
    def alter(self) -> Iterator[Connection]:
        """Change the schema, in one transaction that excludes every other such change."""
        with self._one_writer:
            self._refuse_closed()
            with self._told(), self._writer.begin() as connection:
                if not self.embedded:
                    connection.execute(select(func.pg_advisory_xact_lock(_number("schema"))))
                yield connection

    def lock(self, session: Session, names: Iterable[str]) -> None:
        """Wait until this transaction alone holds these names; kept until its end.

        In the order of their numbers, so that two can never wait for each other. SQLite has one
        writer, so there is nothing to wait for.
        """
        if self.embedded:
            return
        for number in sorted({_number(name) for name in names}):
            session.execute(select(func.pg_advisory_xact_lock(number)))

    def share(self, session: Session, name: str) -> None:
        """Wait until no other transaction holds this name alone; kept until the end."""
        if not self.embedded:
            session.execute(select(func.pg_advisory_xact_lock_shared(_number(name))))

    def tell(self, session: Session, run: str) -> None:
        """Wake the other processes that act once this transaction is committed; see `hints`."""
        if not self.embedded:
            session.execute(select(func.pg_notify(CHANNEL, f"{self._name} {run}")))

    @contextmanager
    def hints(self) -> Iterator[Callable[[], list[str]]]:
        """Listen on a connection of our own, and hand out what waits for the others' words.

        It returns with the runs told, or with none after `HINTS_S`. Only PostgreSQL
        has others.
        """
        self._refuse_closed()
        with self._told():
            pooled = self._reader.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            with closing(connection):
                connection.autocommit = True
                connection.execute(f"LISTEN {CHANNEL}")
                yield lambda: [
                    run
                    for notice in connection.notifies(timeout=HINTS_S, stop_after=1)
                    for teller, _, run in [notice.payload.partition(" ")]
                    if teller != self._name
                ]

    def time(self, session: Session, now: datetime) -> datetime:
        """Return the moment by which leases are measured: the database's, or the caller's."""
        if self.embedded:
            return now
        moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return moment

    def copy_file(self, file: Path) -> None:
        """Copy an embedded database as of one moment into an empty file, while others write."""
        with self._told(), closing(self._reader.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("VACUUM INTO ?", (str(file),))
            cursor.close()

    def refuse_damaged(self) -> None:
        """Read every page of an embedded database.

        Raises:
            StorageDown: it is damaged.
        """
        if not self.embedded:
            return
        with self.read() as session:
            found = str(session.scalar(text("PRAGMA quick_check(1)")))
        if found != "ok":
            raise StorageDown(f"{' '.join(found.split())}: {DAMAGED}")

    def restart_numbers(self, session: Session) -> None:
        """Have the next inbox row placed behind those that were copied with their places."""
        if not self.embedded:
            session.execute(
                text(
                    "SELECT setval(pg_get_serial_sequence('inbox', 'place'),"
                    " (SELECT coalesce(max(place), 0) + 1 FROM inbox), false)"
                )
            )

    def insert(self, table: type[SQLModel]) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that knows `on_conflict_…` in the words of this database."""
        return sqlite.insert(table) if self.embedded else postgresql.insert(table)

    def close(self) -> None:
        """Wait for the writer, close all connections and give the lock back."""
        with self._one_writer:
            self._closed = True
            self._reader.dispose()
            if self._lock is not None:
                self._lock.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the driver says about the state of the database into `StorageDown`."""
        self._refuse_taken_away()
        try:
            yield
            self._refuse_taken_away()
        except DBAPIError as error:
            # Without a statement it is about connecting: an address that the driver does not know.
            ours = isinstance(error, OUR_MISTAKES) and error.statement is not None
            if ours and not error.connection_invalidated and not tells_its_state(error.orig):
                raise
            if not self.embedded:
                self._reader.dispose()  # sessions stay read-only, say, if they began like that
            raise StorageDown(_one_line(error.orig)) from error
        except (NoConnectionFree, self._driver_error) as error:
            raise StorageDown(_one_line(error)) from error

    def _refuse_taken_away(self) -> None:
        """Raise where SQLite would go on in a file that nobody can find any more.

        Its log is one as well: what is committed stands there alone until it is merged, and
        another process looks into a new one. Whoever acts keeps it open, so nobody removes it
        by right. Nor the lock: another process then takes a new one, and acts beside us.
        """
        if self.file is None:
            return
        if _identity(self.file) != self._identity:
            raise StorageDown(f"{self.file} was taken away; put it back, or start again")
        if self.acting:
            log = _identity(log_of(self.file))
            self._log = self._log or log
            if log != self._log:
                raise StorageDown(
                    f"{log_of(self.file)} was taken away: what was written last is only in this "
                    "process; end it with SIGTERM, which saves that, and start it again"
                )
            if self._lock is not None and not self._lock.keeps_others_out():
                raise StorageDown(
                    f"{lock_of(self.file)} was taken away, so another process may act here; end "
                    "this one, and start it again where no other runs"
                )

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RuntimeError("the database is closed")


def _place(url: str | URL) -> URL:
    """Return the address with the driver that we use."""
    try:
        place = make_url(url)
    except ArgumentError as error:
        raise StorageRefusal("the address of the database cannot be read") from error
    drivers = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
    name = place.get_backend_name()
    if name not in drivers:
        raise StorageRefusal(f"{name} is not supported; sqlite and postgresql+psycopg are")
    return place.set(drivername=drivers[name])


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn what the system says about files (not allowed, a folder, disk full) into a refusal."""
    try:
        yield
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        raise StorageRefusal(f"{what} cannot be used: {error.strerror or error}{name}") from error


def embedded_file(url: str) -> Path | None:
    """Return the whole path of an embedded database, or None for one on a server.

    A relative one counts from the folder of this process.

    Raises:
        StorageRefusal: the address cannot be read.
    """
    place = _place(url)
    return Path(place.database or "").resolve() if place.get_backend_name() == "sqlite" else None


def url_of(file: Path) -> URL:
    """Return the address of an embedded database, whatever characters its name has."""
    return URL.create("sqlite", database=str(file))


def _file(place: URL, *, makes: bool) -> Path:
    """Return the database's file, created for its owner alone if it was not there.

    Looked at before anything is made: another file must not get a lock beside it.
    """
    if place.database in (None, "", ":memory:"):
        raise StorageRefusal("an SQLite address names a file, e.g. sqlite:///hotfix.db")
    file = Path(str(place.database)).resolve()
    if not file.parent.is_dir():
        raise StorageRefusal(f"the folder {file.parent} does not exist")
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT if makes else os.O_RDONLY, 0o600)
    log = log_of(file)
    try:
        # Before the header: another process may switch to a log of its own at this moment.
        logged = log.exists() and log.stat().st_size > 0
        begins = os.read(descriptor, len(SQLITE))
        mode = os.read(descriptor, 4)[2:]
    finally:
        os.close(descriptor)
    if not begins and not makes:
        raise StorageRefusal(f"{file} is no database of Hotfix Bot: it is empty")
    if begins not in (SQLITE, b""):
        raise StorageRefusal(f"{file} is no SQLite database")
    if logged and mode == WITHOUT_LOG:
        # SQLite would merge it, and destroy what was just put in place.
        raise StorageRefusal(
            f"{file} lies beside a log of another file: remove {log} and "
            f"{file}-shm, then start again"
        )
    return file


def _shown(place: URL) -> str:
    """Return an address as people may read it, without its password."""
    return place.difference_update_query(SECRET_OPTIONS).render_as_string(hide_password=True)


def lock_of(file: Path) -> Path:
    """Return the file whose lock says that a process acts on this database."""
    return file.with_name(file.name + ".lock")


def log_of(file: Path) -> Path:
    """Return where SQLite writes what is not yet merged into this database."""
    return file.with_name(file.name + "-wal")


def _identity(file: Path) -> object:
    """Return what tells a file from another of the same name, or None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sqlite_engine(file: Path, *, acting: bool) -> Engine:
    how = "rw" if acting or os.access(file, os.W_OK) else _how_to_read(file)
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(file)),
        creator=lambda: sqlite3.connect(
            f"{file.as_uri()}?mode={how}",
            uri=True,
            check_same_thread=False,
            timeout=BUSY_S,
            isolation_level=None,
        ),
    )
    if acting:  # whoever reads leaves even this as it is: the file may be somebody else's
        event.listen(engine, "connect", _settle_journal)
    event.listen(engine, "connect", _settle_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _how_to_read(file: Path) -> str:
    """Say how SQLite opens a file that we may not write: a copy, or another user's.

    Without a log beside it nobody writes it, and SQLite need make none, which it may not.
    """
    log = log_of(file)
    return "ro" if log.exists() and log.stat().st_size else "ro&immutable=1"


def _settle_sqlite(connection: DBAPIConnection, _record: object) -> None:
    """Make a new connection durable, before its first transaction."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _settle_journal(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:  # noqa: ANN401 -- the driver's cursor has no public type
    pause, give_up_at = threading.Event(), time.monotonic() + OPEN_S
    cursor.execute(f"PRAGMA busy_timeout = {WAL_PAUSE_S * 1000:.0f}")
    mode = ""
    while not mode:
        try:
            mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            pause.wait(WAL_PAUSE_S)
    if mode != "wal":
        raise StorageRefusal(f"SQLite cannot use WAL here, only {mode}: a network drive?")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}")


def leave_without_log(file: Path) -> None:
    """Have a database be one file again, which nobody has open: it has no log, and says so."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    if mode != "delete":
        raise StorageDown(f"{file} keeps its log")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _one_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    if getattr(error, "sqlite_errorname", "") in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
        return f"{line}: {DAMAGED}"
    return line


def _number(name: str) -> int:
    """Return the number by which PostgreSQL knows a lock; two names may share one, and wait."""
    digest = hashlib.sha256(f"hotfix-bot:{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
