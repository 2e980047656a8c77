"""What an operator does to a whole database: see `storage.records.Upkeep`.

Question: who may act meanwhile? Answer: on SQLite nobody, since holding the process lock proves
it; a backup alone needs no lock. On PostgreSQL nobody who holds a lease, and for a move nobody who
is even connected; the tables are locked against writers until the transaction ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import closing, contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, text
from sqlalchemy import select as select_any
from sqlmodel import col, or_, select

from storage.cells import RECORD, RUN, WORD, inbox_row, record_of, run_of
from storage.chain import in_utc
from storage.copying import copy_all, extent, refuse_different, refuse_filled, refuse_lacking
from storage.database import Database, embedded_file, leave_without_log, lock_of, refusing, url_of
from storage.evidence import spoilt
from storage.identity import (
    also_copied,
    become_copy,
    become_heir,
    identity_of,
    in_words,
    mark_moved,
    moved_to,
    settle,
)
from storage.journal import index_row
from storage.migrate import REVISIONS, make_current, stored_revision
from storage.records import DatabaseAway, StorageDown, StorageRefusal, is_run
from storage.tables import (
    METADATA,
    DeliveriesTable,
    InboxTable,
    JournalTable,
    LeasesTable,
    RunsTable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import URL
    from sqlmodel import Session

    from storage.records import InboxRow, Record, RunRow, Snapshot, Upkeep

GONE_TRIES = 20
"""How often we look whether the others have gone, 0.1 s apart: a server notices late."""

THE_SAME = "the other database is this same one, or a copy of it made by hand: name an empty one"


def open_upkeep(url: str, *, acting: bool) -> Upkeep:
    """Open a database to look after it.

    Args:
        url: see `storage.stores.open_stores`.
        acting: it will be changed, or moved from; else it is only read.

    Raises:
        StorageRefusal: it cannot be opened like this; see `storage.stores.open_stores`.
    """
    return DatabaseUpkeep(_opened(url, acting=acting))


def open_copy(file: Path) -> Upkeep:
    """Open what `Upkeep.backup` wrote, to read it; nothing is made, whatever is there.

    Raises:
        StorageRefusal: it is no such copy.
    """
    return DatabaseUpkeep(_opened(url_of(file), acting=False))


def _opened(url: str | URL, *, acting: bool) -> Database:
    database = Database(url, acting=acting)
    try:
        make_current(database)
        settle(database)
    except StorageDown as error:
        database.close()
        raise DatabaseAway(f"the database cannot be opened: {error.cause}") from error
    except BaseException:
        database.close()
        raise
    return database


class DatabaseUpkeep:
    """See storage.records.Upkeep."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See storage.records.Upkeep."""
        with self._database.snapshot() as session:
            yield DatabaseSnapshot(session)

    def reindex(self, fold: Callable[[Sequence[Record]], RunRow | None]) -> int:
        """See storage.records.Upkeep."""
        with self._database.write() as session:
            self._refuse_actors(session)
            there = DatabaseSnapshot(session)
            made = {run: fold(there.records(run)) for run in there.streams() if is_run(run)}
            rows = [row for row in made.values() if row is not None]
            stays = [run for run, row in made.items() if row is None]
            known = {row.id for row in there.runs() if row.open}
            also_copied(session, {row.id for row in rows if row.open} - known)
            session.execute(delete(RunsTable).where(col(RunsTable.id).not_in(stays)))
            session.add_all(index_row(row) for row in rows)
        return len(rows)

    def backup(self, file: Path) -> Mapping[str, int]:
        """See storage.records.Upkeep."""
        if file.exists():
            raise StorageRefusal(f"{file} is there already; name a new file")
        if not file.parent.is_dir():
            raise StorageRefusal(f"the folder {file.parent} does not exist")
        with refusing(str(file)), _draft_of(file) as draft:
            with self._database.snapshot() as now:
                before = extent(now)
            if self._database.embedded:
                self._database.copy_file(draft)
            else:
                self._copy_into_file(draft)
            _forget_identity(draft)
            with closing(_opened(url_of(draft), acting=False)) as copy:
                with copy.snapshot() as arrived:
                    refuse_lacking(before, arrived)
                return _counted(copy)

    def _copy_into_file(self, file: Path) -> None:
        with (
            closing(_opened(url_of(file), acting=True)) as copy,
            self._database.snapshot() as here,
            copy.write() as there,
        ):
            copy_all(here, there)
            refuse_different(here, there)

    def move(self, url: str) -> Mapping[str, int]:
        """See storage.records.Upkeep."""
        file, stays = embedded_file(url), threading.Event()
        if file is not None and file == self._database.file:
            raise StorageRefusal(THE_SAME)
        fresh = None if file is None or file.exists() else file
        with closing(Database(url, acting=True)) as other, _leaving_nothing(fresh, stays):
            if stored_revision(other) not in (None, REVISIONS[-1]):
                raise StorageRefusal("the other database is not empty, and of another version")
            make_current(other)
            self._refuse_itself(other)
            with self._moving(other.shown, stays), self._database.snapshot() as here:
                self._refuse_actors(here)
                self._refuse_users(here)
                with other.write() as there:
                    refuse_filled(there)
                    copy_all(here, there)
                    other.restart_numbers(there)
                    refuse_different(here, there)
                    become_heir(there, here)
                    stays.set()
            return _counted(other)

    def _refuse_itself(self, other: Database) -> None:
        with self._database.read() as here, other.read() as there:
            if identity_of(here) == identity_of(there):
                raise StorageRefusal(THE_SAME)

    @contextmanager
    def _moving(self, where: str, stays: threading.Event) -> Iterator[None]:
        """Say where everything goes before it is there: dying in between never leaves two.

        Args:
            where: the address of the other database.
            stays: set right before the commit there: a commit whose answer is lost may have
                happened, so from then on the mark stays.

        Raises:
            StorageRefusal: it went elsewhere before.
        """
        with self._database.read() as session:
            before = moved_to(session)
        if before not in ("", where):
            raise StorageRefusal(in_words(before))
        mark_moved(self._database, where)
        try:
            yield
        except BaseException:
            if not stays.is_set():
                mark_moved(self._database, before)
            raise

    def prune(
        self,
        runs: Collection[str],
        *,
        keep: Collection[str],
        looks: Mapping[str, str],
        answers: str,
        decided_before: datetime,
    ) -> Mapping[str, int]:
        """See storage.records.Upkeep."""
        removed = {"inbox": 0, "deliveries": 0}
        key = col(DeliveriesTable.message_key)
        given = delete(InboxTable).where(
            col(InboxTable.kind) == answers,
            col(InboxTable.taken_seq).is_not(None),
            col(InboxTable.at) < in_utc(decided_before),
        )
        with self._database.write() as session:
            removed["inbox"] += session.exec(given).rowcount
            for run in sorted(runs):
                taken = delete(InboxTable).where(
                    col(InboxTable.run) == run, col(InboxTable.taken_seq).is_not(None)
                )
                told = delete(DeliveriesTable).where(
                    or_(key == run, key.startswith(f"{run}/", autoescape=True)),
                    key.not_in(sorted(keep)),
                )
                removed["inbox"] += session.exec(taken).rowcount
                removed["deliveries"] += session.exec(told).rowcount
            for stream, day in sorted(looks.items()):
                told = delete(DeliveriesTable).where(
                    key.startswith(f"{stream}/", autoescape=True), key < f"{stream}/{day}"
                )
                removed["deliveries"] += session.exec(told).rowcount
        return removed

    def close(self) -> None:
        """See storage.records.Upkeep."""
        self._database.close()

    def _refuse_actors(self, session: Session) -> None:
        """Raise where another process acts, and keep all from beginning until the end."""
        if self._database.embedded:
            return
        names = ", ".join(f'"{table}"' for table in sorted(METADATA.tables))
        session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
        now = func.clock_timestamp()
        held = select(LeasesTable.resource, LeasesTable.holder).where(
            col(LeasesTable.holder) != "", col(LeasesTable.expires_at) > now
        )
        found = session.exec(held.order_by(col(LeasesTable.resource)).limit(1)).first()
        if found is not None:
            resource, holder = found
            raise StorageRefusal(
                f"{holder} holds {resource}: stop every serve and worker on this database first"
            )

    def _refuse_users(self, session: Session) -> None:
        """Raise where another process of ours is connected, even one that only hears."""
        if self._database.embedded:
            return
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND application_name = 'hotfix-bot'"
        )
        pause, count = threading.Event(), 0
        for _ in range(GONE_TRIES):
            count = session.scalar(others) or 0
            if count == 0:
                return
            session.execute(select_any(func.pg_stat_clear_snapshot()))
            pause.wait(0.1)
        raise StorageRefusal(
            f"{count} other connections use this database: stop every serve and worker first"
        )


class DatabaseSnapshot:
    """See storage.records.Snapshot."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def streams(self) -> Sequence[str]:
        """See storage.records.Snapshot."""
        stream = col(JournalTable.stream)
        return [str(one) for one in self._session.exec(select(stream).distinct().order_by(stream))]

    def records(self, stream: str) -> Sequence[Record]:
        """See storage.records.Snapshot."""
        rows = (
            select_any(*RECORD)
            .where(col(JournalTable.stream) == stream)
            .order_by(col(JournalTable.seq))
        )
        return [record_of(row) for row in self._session.execute(rows).mappings()]

    def runs(self) -> Sequence[RunRow]:
        """See storage.records.Snapshot."""
        rows = select_any(*RUN).order_by(col(RunsTable.id))
        return [run_of(row) for row in self._session.execute(rows).mappings()]

    def inbox(self) -> Sequence[InboxRow]:
        """See storage.records.Snapshot."""
        rows = select_any(*WORD).order_by(col(InboxTable.place))
        return [inbox_row(row) for row in self._session.execute(rows).mappings()]

    def told(self) -> Collection[str]:
        """See storage.records.Snapshot."""
        spoken = self._session.exec(
            select(LeasesTable.resource).where(col(LeasesTable.resource).startswith("chat:"))
        )
        runs = {key.partition("/")[0] for key in self.said() if "/" in key}
        return runs | {str(resource).removeprefix("chat:") for resource in spoken}

    def said(self) -> Sequence[str]:
        """See storage.records.Snapshot."""
        key = col(DeliveriesTable.message_key)
        return [str(one) for one in self._session.exec(select(key).order_by(key))]

    def spoilt_evidence(self) -> Sequence[str]:
        """See storage.records.Snapshot."""
        return spoilt(self._session)


def _forget_identity(file: Path) -> None:
    """Have a copy be no database yet: it gets an id of its own when somebody acts on it.

    It says that it has no log, so that one which lies where it is put is known to be another's.
    """
    with closing(Database(url_of(file), acting=True)) as copy, copy.write() as session:
        become_copy(session)
    leave_without_log(file)
    lock_of(file).unlink()


@contextmanager
def _leaving_nothing(file: Path | None, stays: threading.Event) -> Iterator[None]:
    """Take away again what a move made for itself, unless something may have come into it."""
    try:
        yield
    except BaseException:
        if file is not None and not stays.is_set():
            _remove(file)
        raise


def _remove(file: Path) -> None:
    """Remove a database, with what lies beside it; nobody else may act on it."""
    for left in (file, *file.parent.glob(f"{escape(file.name)}-*"), lock_of(file)):
        with suppress(FileNotFoundError):
            left.unlink()


def _counted(database: Database) -> Mapping[str, int]:
    with database.read() as session:
        return extent(session).rows


@contextmanager
def _draft_of(file: Path) -> Iterator[Path]:
    """Hand out a new file that gets its name only once it is whole, and never takes another's."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    draft = Path(name)
    os.close(descriptor)
    try:
        yield draft
        _write_through(draft)
        try:
            file.hardlink_to(draft)
        except FileExistsError as error:
            raise StorageRefusal(f"{file} is there already; name a new file") from error
        _write_through(file.parent)
    finally:
        _remove(draft)


def _write_through(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
