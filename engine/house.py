"""The house's stream: what outlives a run (freezes, cloning owed, refusals without a run).

Many write to it, so each reads its end again where another was first.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.answering import answer_key
from engine.journal import cleaned
from storage.records import HOUSE, Draft, InboxRow, StreamMoved, every_waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.answering import Answer
    from storage.records import Stores

TRIES = 20
"""Writers of the house's stream are few; so many losses in a row mean something else."""


async def write(
    stores: Stores,
    draft: Draft,
    row: InboxRow,
    answer: Answer,
    *,
    redact: Callable[[str], str],
) -> InboxRow:
    """Append to the house's stream what an inbox row came to, and take the row with it.

    Returns the row in which the answer waits now, to be given.

    Args:
        stores: where.
        draft: what it came to.
        row: the row.
        answer: what its author is told.
        redact: takes secrets out of what is recorded.

    Raises:
        StreamMoved: another worker has taken the row.
    """
    draft = replace(draft, body=cleaned(draft.body, redact))
    told = answer.row(answer_key(row), draft.at, redact=redact)
    for _ in range(TRIES):
        records = await asyncio.to_thread(stores.journal.read, HOUSE)
        try:
            await asyncio.to_thread(
                stores.journal.append,
                HOUSE,
                [draft],
                lease=None,
                last_seq=records[-1].seq if records else 0,
                take=[row.key],
                put=[told],
            )
        except StreamMoved:
            if not await asyncio.to_thread(_waits, stores, row):
                raise
            continue
        return told
    raise StreamMoved(f"{HOUSE} kept growing")


def _waits(stores: Stores, row: InboxRow) -> bool:
    kinds = (row.kind,)
    return any(row.key == one.key for one in every_waiting(stores.inbox, kinds=kinds))
