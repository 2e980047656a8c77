"""The inbox in the database: see `storage.records.InboxStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select as select_any
from sqlmodel import col, select, update

from storage.cells import WORD, inbox_row
from storage.chain import in_utc
from storage.leases import refuse_lost
from storage.records import InboxRow, StreamMoved, WordWaiting, canonical
from storage.tables import InboxTable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import ColumnElement, Update
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlmodel import Session

    from storage.database import Database
    from storage.records import Lease


NO_RUN = "no run"
"""Name of the lock of what belongs to no run; a run is never called that."""


class Inbox:
    """See storage.records.InboxStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: InboxRow) -> bool:
        """See storage.records.InboxStore.

        It waits for an append to the row's run that is under way: that append has either seen
        this word, or is over before the word is acknowledged.
        """
        insert = putting(self._database, row).returning(col(InboxTable.place))
        with self._database.hear() as session:
            self._database.share(session, row.run or NO_RUN)
            new = session.scalar(insert) is not None
            if new:
                self._database.tell(session, row.run or "")
            return new

    def waiting(
        self,
        *,
        run: str | None = None,
        kinds: Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[InboxRow]:
        """See storage.records.InboxStore."""
        query = select_any(*WORD).where(col(InboxTable.taken_seq).is_(None))
        if run is not None:
            query = query.where(col(InboxTable.run) == run)
        if kinds is not None:
            query = query.where(col(InboxTable.kind).in_(kinds))
        if after is not None:
            query = query.where(_later_than(after))
        query = query.order_by(col(InboxTable.place)).limit(limit)
        with self._database.read() as session:
            return [inbox_row(row) for row in session.execute(query).mappings()]

    def drop(self, key: str, *, seq: int = 0, lease: Lease | None = None) -> None:
        """See storage.records.InboxStore."""
        with self._database.write() as session:
            if lease is not None:
                refuse_lost(session, lease, shared=True)
            session.exec(_taking({key}, seq))


def putting(database: Database, row: InboxRow) -> sqlite.Insert | postgresql.Insert:
    """Return the statement that inserts a row, or does nothing where its key is already there."""
    values = {
        "key": row.key,
        "run": row.run,
        "kind": row.kind,
        "body": canonical(row.body),
        "at": in_utc(row.at),
        "taken_seq": row.taken_seq,
    }
    return database.insert(InboxTable).values(values).on_conflict_do_nothing()


def take_rows(session: Session, keys: Sequence[str], seq: int) -> None:
    """Mark rows as taken by the record with this seq.

    Raises:
        StreamMoved: one of them is not there, or was taken already.
    """
    wanted = set(keys)
    if wanted and session.exec(_taking(wanted, seq)).rowcount != len(wanted):
        raise StreamMoved(f"an inbox row of {sorted(wanted)} is not there or already taken")


def refuse_word(session: Session, run: str) -> None:
    """Raise where a word for this run still waits.

    Raises:
        WordWaiting: it does.
    """
    query = select(InboxTable.key).where(
        col(InboxTable.run) == run, col(InboxTable.taken_seq).is_(None)
    )
    key = session.exec(query.limit(1)).first()
    if key is not None:
        raise WordWaiting(f"{run}: {key} is not taken yet")


def refuse_unless(session: Session, unless: Callable[[InboxRow], bool]) -> None:
    """Raise where something is true of a row that still waits and belongs to no run.

    Raises:
        WordWaiting: it is.
    """
    query = select_any(*WORD).where(
        col(InboxTable.run).is_(None), col(InboxTable.taken_seq).is_(None)
    )
    for found in session.execute(query).mappings():
        row = inbox_row(found)
        if unless(row):
            raise WordWaiting(f"{row.key} is not taken yet")


def _later_than(key: str) -> ColumnElement[bool]:
    """Return the condition of coming after a row in the order in which rows are read."""
    place = select(InboxTable.place).where(col(InboxTable.key) == key).scalar_subquery()
    return col(InboxTable.place) > place


def _taking(keys: set[str], seq: int) -> Update:
    return (
        update(InboxTable)
        .where(col(InboxTable.key).in_(keys), col(InboxTable.taken_seq).is_(None))
        .values(taken_seq=seq)
    )
