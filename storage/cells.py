"""Reads rows as they stand, whatever somebody wrote into their cells.

SQLite keeps any value in any column. One cell that cannot be read must not take every run and every
word away from whoever looks: so columns are read without their types, and what does not fit shows
as what it is. A record that cannot be read has no hash, and so never fits its chain; a word that
cannot be read has a kind of its own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import types
from sqlmodel import type_coerce

from storage.chain import in_utc
from storage.records import UNREADABLE, InboxRow, Record, RunRow, canonical
from storage.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Label

    from storage.records import Body

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a moment that cannot be read."""

_ODD = (TypeError, ValueError, OverflowError, RecursionError)


def _raw(name: str) -> tuple[Label[Any], ...]:
    columns = METADATA.tables[name].columns
    return tuple(type_coerce(one, types.NullType()).label(one.name) for one in columns)


RECORD = _raw("journal")
RUN = _raw("runs")
WORD = _raw("inbox")
"""The columns to select for each, without their types."""


def record_of(row: Mapping[Any, Any]) -> Record:
    """Return a record as it was appended, or as one that was changed."""
    texts = {name: row[name] for name in ("stream", "kind", "by", "prev", "hash")}
    numbers = {name: row[name] for name in ("seq", "epoch")}
    try:
        at, body = _moment(row["at"]), _body(row["body"])
        if canonical(body) != row["body"]:
            raise ValueError("not the text that was hashed")
        if not _are(texts, str) or not _are(numbers, int):
            raise TypeError("another type")
    except _ODD:
        shown = {name: str(row[name])[:1000] for name in row}
        stream, kind, by, prev, _ = (str(value) for value in texts.values())
        seq, epoch = (value if type(value) is int else 0 for value in numbers.values())
        return Record(stream, seq, epoch, kind, UNKNOWN, by, {UNREADABLE: shown}, prev, hash="")
    return Record(**texts, **numbers, at=at, body=body)


def run_of(row: Mapping[Any, Any]) -> RunRow:
    """Return an index row as it was written; what cannot be read is unlike whatever follows."""
    wake_at = row["wake_at"]
    if wake_at is not None:
        try:
            wake_at = _moment(wake_at)
        except _ODD:
            wake_at = UNKNOWN
    return RunRow(
        id=str(row["id"]),
        group=str(row["group"]),
        kind=str(row["kind"]),
        open=bool(row["open"]),
        occupies=bool(row["occupies"]),
        wake_at=wake_at,
        last_seq=row["last_seq"] if type(row["last_seq"]) is int else -1,
    )


def inbox_row(row: Mapping[Any, Any]) -> InboxRow:
    """Return a row as it was put, or one of the kind UNREADABLE that says what it looks like."""
    key, run, kind, taken = (row[name] for name in ("key", "run", "kind", "taken_seq"))
    try:
        at, body = _moment(row["at"]), _body(row["body"])
        if not _are({"key": key, "kind": kind, "run": "" if run is None else run}, str):
            raise TypeError("another type")
        if taken is not None and type(taken) is not int:
            raise TypeError("another type")
    except _ODD:
        shown: Body = {"kind": str(kind)[:100], "at": str(row["at"])[:100]}
        at_ = UNKNOWN
        gone = taken if type(taken) is int or taken is None else 0
        return InboxRow(str(key), None if run is None else str(run), UNREADABLE, shown, at_, gone)
    return InboxRow(key, run, kind, body, at, taken)


def _are(values: Mapping[str, object], kind: type) -> bool:
    return all(type(value) is kind for value in values.values())


def _moment(cell: object) -> datetime:
    """Return a moment: SQLite has it as text in UTC, without a zone."""
    if isinstance(cell, str):
        cell = datetime.fromisoformat(cell)
        if cell.tzinfo is None:
            cell = cell.replace(tzinfo=UTC)
    if not isinstance(cell, datetime):
        raise TypeError("no moment")
    return in_utc(cell)


def _body(cell: object) -> Body:
    """Return what a text says; NaN and a second value for one key are nothing we wrote."""
    if not isinstance(cell, str):
        raise TypeError("no text")
    body = json.loads(cell, parse_constant=_refuse)
    if not isinstance(body, dict):
        raise TypeError("no object")
    return body


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
