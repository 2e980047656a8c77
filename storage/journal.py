"""The journal in the database: see `storage.records.JournalStore`.

An append is one transaction that looks at everything before it writes anything: the lease, the
end of the stream, the inbox, the group. What it looked at cannot change until it commits. On
SQLite there is one writer; on PostgreSQL the lease row is share-locked, and streams and groups
are locked by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import and_
from sqlalchemy import select as select_any
from sqlmodel import col, select

from storage.cells import RECORD, RUN, record_of, run_of
from storage.chain import chained, in_utc
from storage.inbox import NO_RUN, putting, refuse_unless, refuse_word, take_rows
from storage.leases import refuse_lost
from storage.records import (
    GENESIS,
    HOUSE,
    GroupBusy,
    Record,
    RunRow,
    StreamMoved,
    WordWaiting,
    canonical,
)
from storage.tables import JournalTable, RunsTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

    from storage.database import Database
    from storage.records import Draft, InboxRow, Lease


class Journal:
    """See storage.records.JournalStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, stream: str, *, after: int = 0) -> Sequence[Record]:
        """See storage.records.JournalStore."""
        query = (
            select_any(*RECORD)
            .where(col(JournalTable.stream) == stream, col(JournalTable.seq) > after)
            .order_by(col(JournalTable.seq))
        )
        with self._database.read() as session:
            return [record_of(row) for row in session.execute(query).mappings()]

    def append(
        self,
        stream: str,
        drafts: Sequence[Draft],
        *,
        lease: Lease | None,
        last_seq: int,
        index: RunRow | None = None,
        take: Sequence[str] = (),
        put: Sequence[InboxRow] = (),
        no_word_for: str | None = None,
        unless: Callable[[InboxRow], bool] | None = None,
        house_at: int | None = None,
        also: Mapping[str, Sequence[Draft]] | None = None,
        also_index: Sequence[RunRow] = (),
    ) -> Sequence[Record]:
        """See storage.records.JournalStore."""
        beside = dict(also or {})
        if stream in beside:
            raise ValueError(f"{stream} cannot be appended to beside itself")
        rows = [*([index] if index is not None else []), *also_index]
        occupied = [f"group {row.group}" for row in rows if row.open and row.occupies]
        with self._database.write() as session:
            if lease is not None:
                refuse_lost(session, lease, shared=True)
            names = [stream, *beside, no_word_for, *occupied]
            names += [NO_RUN] if unless is not None else []
            names += [HOUSE] if house_at is not None else []
            self._database.lock(session, [name for name in names if name])
            seq, prev = _end(session, stream)
            if seq != last_seq:
                raise StreamMoved(f"{stream} ends at {seq}, not at {last_seq}")
            take_rows(session, take, seq + len(drafts))
            if no_word_for is not None:
                refuse_word(session, no_word_for)
            if unless is not None:
                refuse_unless(session, unless)
            if house_at is not None and house_at != _end(session, HOUSE)[0]:
                raise WordWaiting(f"{HOUSE} does not end at {house_at} any more")
            epoch = lease.epoch if lease else 0
            records = chained(stream, drafts, epoch=epoch, seq=seq, prev=prev)
            session.add_all(_row(record) for record in records)
            for other, its_drafts in beside.items():
                seq_there, prev_there = _end(session, other)
                others = chained(other, its_drafts, epoch=0, seq=seq_there, prev=prev_there)
                session.add_all(_row(record) for record in others)
            if index is not None:
                _save_index(session, replace(index, last_seq=seq + len(records)))
            for row in also_index:
                _save_index(session, replace(row, last_seq=len(beside[row.id])))
            for word in put:
                session.execute(putting(self._database, word))
            self._database.tell(session, "" if stream == HOUSE else stream)
        return records

    def streams(self) -> Sequence[str]:
        """See storage.records.JournalStore."""
        query = (
            select(JournalTable.stream)
            .where(col(JournalTable.seq) == 1)
            .order_by(col(JournalTable.stream))
        )
        with self._database.read() as session:
            return list(session.exec(query))

    def runs(self, *, open_only: bool = True, group: str | None = None) -> Sequence[RunRow]:
        """See storage.records.JournalStore."""
        query = _runs_oldest_first()
        if open_only:
            query = query.where(col(RunsTable.open))
        if group is not None:
            query = query.where(col(RunsTable.group) == group)
        with self._database.read() as session:
            return _runs(session, query)

    def ended(self, group: str | None = None) -> Sequence[RunRow]:
        """See storage.records.JournalStore."""
        last = and_(
            col(JournalTable.stream) == col(RunsTable.id),
            col(JournalTable.seq) == col(RunsTable.last_seq),
        )
        query = (
            select(RunsTable)
            .join(JournalTable, last, isouter=True)
            .where(~col(RunsTable.open))
            .order_by(
                col(JournalTable.at).is_(None),
                col(JournalTable.at).desc(),
                col(RunsTable.id).desc(),
            )
        )
        if group is not None:
            query = query.where(col(RunsTable.group) == group)
        with self._database.read() as session:
            return _runs(session, query)

    def run(self, run: str) -> RunRow | None:
        """See storage.records.JournalStore."""
        with self._database.read() as session:
            found = _runs(session, select(RunsTable).where(col(RunsTable.id) == run))
            return found[0] if found else None

    def due(self, now: datetime) -> Sequence[RunRow]:
        """See storage.records.JournalStore."""
        query = due_runs(now)
        with self._database.read() as session:
            return _runs(session, query)


def _runs(session: Session, query: SelectOfScalar[RunsTable]) -> list[RunRow]:
    found = session.execute(query.with_only_columns(*RUN, maintain_column_froms=True))
    return [run_of(row) for row in found.mappings()]


def due_runs(now: datetime) -> SelectOfScalar[RunsTable]:
    """Return the query for runs that are due; the index `runs_due` is made for it."""
    return _runs_oldest_first().where(col(RunsTable.open), col(RunsTable.wake_at) <= in_utc(now))


def _runs_oldest_first() -> SelectOfScalar[RunsTable]:
    first = and_(col(JournalTable.stream) == col(RunsTable.id), col(JournalTable.seq) == 1)
    return (
        select(RunsTable)
        .join(JournalTable, first, isouter=True)
        .order_by(col(JournalTable.at).is_(None), col(JournalTable.at), col(RunsTable.id))
    )


def _end(session: Session, stream: str) -> tuple[int, str]:
    """Return seq and hash of the last record of a stream."""
    query = (
        select(JournalTable.seq, JournalTable.hash)
        .where(col(JournalTable.stream) == stream)
        .order_by(col(JournalTable.seq).desc())
        .limit(1)
    )
    return session.exec(query).first() or (0, GENESIS)


def _save_index(session: Session, index: RunRow) -> None:
    """Insert or replace the index row of a run.

    Raises:
        GroupBusy: another open run occupies its group.
    """
    if index.open and index.occupies:
        others = select(RunsTable.id).where(
            col(RunsTable.group) == index.group,
            col(RunsTable.open),
            col(RunsTable.occupies),
            col(RunsTable.id) != index.id,
        )
        other = session.exec(others).first()
        if other is not None:
            raise GroupBusy(f"{index.group} is occupied by {other}")
    session.merge(index_row(index))


def index_row(index: RunRow) -> RunsTable:
    """Return an index row as it is kept."""
    return RunsTable(
        id=index.id,
        group=index.group,
        kind=index.kind,
        open=index.open,
        occupies=index.occupies,
        wake_at=in_utc(index.wake_at) if index.wake_at else None,
        last_seq=index.last_seq,
    )


def _row(record: Record) -> JournalTable:
    return JournalTable(
        stream=record.stream,
        seq=record.seq,
        epoch=record.epoch,
        kind=record.kind,
        at=record.at,
        by=record.by,
        body=canonical(record.body),
        prev=record.prev,
        hash=record.hash,
    )
