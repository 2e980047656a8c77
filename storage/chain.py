"""Gives drafts their place in a stream: the one way in which any store makes records.

Nothing is read or written here; a store says where its stream ends, and keeps the result.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storage.records import GENESIS, Body, Draft, Record, canonical, record_hash

if TYPE_CHECKING:
    from collections.abc import Sequence


def chained(
    stream: str, drafts: Sequence[Draft], *, epoch: int, seq: int = 0, prev: str = GENESIS
) -> list[Record]:
    """Return the records that follow the one with `seq` and hash `prev`."""
    records: list[Record] = []
    for draft in drafts:
        seq += 1
        at, body = in_utc(draft.at), plain(draft.body)
        digest = record_hash(
            stream=stream,
            seq=seq,
            epoch=epoch,
            kind=draft.kind,
            at=at,
            by=draft.by,
            body=body,
            prev=prev,
        )
        records.append(Record(stream, seq, epoch, draft.kind, at, draft.by, body, prev, digest))
        prev = digest
    return records


def plain(body: Body) -> Body:
    """Return the body as it will be read back, so that a hash made now is right then.

    A tuple becomes a list and a key becomes a string here, not only after the next restart.
    """
    kept: Body = json.loads(canonical(body))
    return kept


def in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC.

    Raises:
        ValueError: the moment is naive, so nobody knows when it was.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment without its zone cannot be kept: {moment.isoformat()}")
    return moment.astimezone(UTC)
