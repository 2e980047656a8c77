"""What is still known of a run that cannot be read to its end: how it stood when last read.

A newer version went on with it, or a record of it is spoilt. Nothing is decided from what comes
before that record. But people must be told who was out of service then, and what brings them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.errors import NotUnderstood
from engine.facts import spelled
from engine.fold import RunState
from engine.zoned import said
from storage.records import Record

_IDLE_FIRST = "not before CPUSE is idle on them"


def last_read(records: Sequence[Record], why: NotUnderstood) -> RunState:
    """Return a run as its records tell it up to the one that cannot be read."""
    return RunState.replay(record for record in records if record.seq < why.seq)


def facts_of(state: RunState) -> dict[str, Any]:
    """Return who was out of service and what brings them up, for programs and for the log.

    Empty where not even the plan can be read. What the later records say is not known, so nobody
    is brought up before CPUSE was seen idle.
    """
    if state.plan is None or state.last_at is None:
        return {}
    by_hand = state.by_hand()
    return {
        "as_last_read": {"record": state.last_seq, "at": state.last_at.isoformat()},
        "out_of_service": list(state.out_of_service()),
        "by_hand": by_hand,
        "by_hand_waits": by_hand and (state.by_hand_waits() or _IDLE_FIRST),
    }


def sentence(state: RunState) -> str:
    """Say the same to a person, as plain text."""
    known = facts_of(state)
    if not known or state.last_at is None:
        return "Nothing of it can be read: look at its group."
    hand = ""
    if known["by_hand"]:
        hand = f" By hand, on a member in Expert mode: `{known['by_hand']}`."
        hand += f" But {known['by_hand_waits']}."
    return (
        f"As last read (record {state.last_seq}, {said(state.last_at, state.zone)}), out of "
        f"service: {spelled(known['out_of_service']) or 'nobody'}. What came after that is not "
        f"known: look at the group.{hand}"
    )
