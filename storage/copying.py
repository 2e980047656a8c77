"""Copies all tables from one database into another, and compares what arrived.

Rows are copied as they are, whatever they say: hashes, epochs and the order of the inbox stay. Only
the holders of leases do not travel, since whoever held them acts on the old database.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Table, func, insert, select, tuple_

from storage.records import StorageRefusal
from storage.tables import HOLDINGS, METADATA

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from sqlmodel import Session

_JOURNAL: Table = METADATA.tables["journal"]
_HEAD = (_JOURNAL.c.stream, _JOURNAL.c.seq, _JOURNAL.c.hash)

AT_ONCE = 500
"""Rows in one statement. A guess: records are small, blobs are not."""


def copy_all(here: Session, there: Session) -> None:
    """Copy every row of every table."""
    for table in HOLDINGS:
        for rows in _parts(here, table):
            there.execute(insert(table), [_as_copied(table, row) for row in rows])


def refuse_filled(session: Session) -> None:
    """Raise where any table holds anything.

    Raises:
        StorageRefusal: one does.
    """
    for table in HOLDINGS:
        count = session.scalar(select(func.count()).select_from(table))
        if count:
            raise StorageRefusal(f"the other database is not empty: {table.name} has {count} rows")


def refuse_different(here: Session, there: Session) -> None:
    """Compare every row of every table, and so every record and every head.

    Raises:
        StorageRefusal: something did not arrive as it was.
    """
    for table in HOLDINGS:
        with closing(_rows(here, table)) as ours, closing(_rows(there, table)) as theirs:
            for row in ours:
                if _as_copied(table, row) != next(theirs, None):
                    key = ", ".join(str(row[column.name]) for column in table.primary_key)
                    raise StorageRefusal(f"{table.name} {key} did not arrive as it was")
            if next(theirs, None) is not None:
                raise StorageRefusal(f"{table.name} has more rows there than here")


@dataclass(frozen=True)
class Extent:
    """How much a database holds: the rows of each table, and where each stream ends."""

    rows: Mapping[str, int]
    heads: frozenset[tuple[object, ...]]


def extent(session: Session) -> Extent:
    """Return how much a database holds."""
    counts = {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for table in sorted(HOLDINGS, key=lambda table: table.name)
    }
    last = select(_JOURNAL.c.stream, func.max(_JOURNAL.c.seq)).group_by(_JOURNAL.c.stream)
    heads = select(*_HEAD).where(tuple_(_JOURNAL.c.stream, _JOURNAL.c.seq).in_(last))
    return Extent(counts, frozenset(tuple(row) for row in session.execute(heads)))


def refuse_lacking(before: Extent, copy: Session) -> None:
    """Compare a copy with what was there when it was begun; it may hold more, never less.

    Raises:
        StorageRefusal: it holds less, or other records.
    """
    for name, count in extent(copy).rows.items():
        if count < before.rows[name]:
            raise StorageRefusal(
                f"{name} has {count} rows in the copy, and had {before.rows[name]} here"
            )
    for stream, seq, head in sorted(before.heads, key=str):
        place = (_JOURNAL.c.stream == stream) & (_JOURNAL.c.seq == seq)
        if copy.scalar(select(_JOURNAL.c.hash).where(place)) != head:
            raise StorageRefusal(f"record {seq} of {stream} did not arrive as it was")


def _rows(session: Session, table: Table) -> Generator[dict[str, object], None, None]:
    for rows in _parts(session, table):
        yield from rows


def _parts(session: Session, table: Table) -> Generator[list[dict[str, object]], None, None]:
    query = select(table).order_by(*table.primary_key)
    with session.execute(query, execution_options={"yield_per": AT_ONCE}) as found:
        for rows in found.mappings().partitions():
            yield [{str(name): value for name, value in row.items()} for row in rows]


def _as_copied(table: Table, row: dict[str, object]) -> dict[str, object]:
    return {**row, "holder": ""} if table.name == "leases" else row
