"""Since when a run is told by the life that tells it now.

A run from a copy of its database writes the same numbers again as the night that went on without
it, and so the same keys. What stands in Slack from then is the only record of the lost time: it is
no second copy of anything, it is not taken for what is told now, and nothing on it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.journal import Kind
from storage.records import Record


def begun(records: Sequence[Record]) -> float:
    """Return from when on what stands is of this life, in Slack's seconds; 0 where it is the first.

    Args:
        records: the run's journal.
    """
    copies = (r for r in records if r.kind == Kind.TAKEN_UP and r.body.get("copy"))
    return max((r.at.timestamp() for r in copies), default=0.0)
