"""A run from a copy of its database: what happened after the copy was made is not in it.

The votes that stand in Slack, the words in the thread and the steps that the journal knows may all
be of a night that went on, and ended, without this database. So each run that was open in it holds
when it is first taken up, what people approved falls, and nothing is sent before a person, who saw
the group, says how it goes on. Who is out of service is told with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine import asking
from engine.duty import Duty
from engine.errors import MaintenanceError
from engine.fold import GateState, RunState, foreseen
from engine.journal import Kind
from engine.model import Step, StepKind
from engine.rights import STOPS
from engine.zoned import said
from storage.records import Copied, Draft, InboxRow

ERROR = "restored"
"""`error` of the hold, as a gate's outcome is one."""

_BEGIN = (StepKind.FAILOVER, StepKind.START)


def unknown(copied: Copied | None, state: RunState) -> Mapping[str, Any]:
    """Return what TAKEN_UP says of a run that was in a copy, once per copy; else nothing."""
    if copied is None or state.run not in copied.runs:
        return {}
    if state.restored is not None and state.restored.copy == copied.id:
        return {}
    return {"copy": copied.id, "last": copied.last}


async def hold(duty: Duty) -> None:
    """Hold a run that was taken up from a copy, before anybody is heard and anything is sent."""
    restored, held = duty.state.restored, duty.state.hold
    if restored is None or restored.answered or (held is not None and held.seq > restored.seq):
        return
    with contextlib.suppress(MaintenanceError):
        # Once, without patience: that it holds must not wait until the group can be seen.
        await duty.glance()
    fallen = _fallen(duty)
    after = foreseen(duty.state, fallen)
    step = after.next_step()
    known = f" from {said(restored.last, duty.state.zone)}" if restored.last is not None else ""
    draft = duty.journal.draft(
        Kind.HELD,
        step=step.id if step is not None else "",
        reason=(
            f"this database is a copy{known}, and what happened after it is not in it: look at the "
            "group, then say `retry` or `abort`; what was approved is asked again"
        ),
        error=ERROR,
        out_of_service=list(after.out_of_service()),
        ways=["retry", "abort"],
        by_hand=after.by_hand(),
        by_hand_waits=after.by_hand_waits(),
    )
    await duty.journal.append([*fallen, draft])


def said_before(state: RunState, row: InboxRow) -> str:
    """Say why a word does not count that was said before its run was taken up from a copy, or "".

    It stands in the thread, or waited in the copy, and may have been done long ago. A stop counts.
    """
    if state.restored is None or row.body["verb"] in STOPS:
        return ""
    moment = datetime.fromisoformat(row.body["said"]) if row.body.get("said") else row.at
    if moment >= state.restored.at:
        return ""
    # Two clocks, Slack's and ours: both moments are told, so that people see where one is off.
    then, started = said(moment, state.zone), said(state.restored.at, state.zone)
    return (
        f"it was said at {then}, before the bot was started with a copy of its database at "
        f"{started} by its own clock; say `{row.body['verb']}` again where it is still meant"
    )


def _fallen(duty: Duty) -> list[Draft]:
    """Return the records that end every gate whose approval could still let something begin."""
    why, drafts = "the bot was started with a copy of its database", list[Draft]()
    for step in duty.plan.steps:
        gate = duty.state.gate_of(step)
        if gate is None or not gate.open:
            continue
        again = asking.asked_again_with(duty, step)
        if duty.state.of(step).status != "done":
            drafts.append(
                duty.journal.draft(
                    Kind.GATE_CLOSED,
                    step=step.id,
                    outcome="superseded",
                    reason=why,
                    fallen=_yes(gate),
                    again=again,
                )
            )
        elif step.kind in _BEGIN and _may_begin(duty, step):
            begun = [one for one in again if duty.state.of(one).status != "waiting"]
            drafts.append(duty.journal.draft(Kind.UNDONE, steps=begun, by="a copy", reason=why))
    return drafts


def _yes(gate: GateState) -> list[str]:
    return [user for user, vote in gate.votes.items() if vote.choice == "yes"]


def _may_begin(duty: Duty, gate: Step) -> bool:
    """Tell whether what was approved at a gate is not surely begun."""
    steps = duty.plan.steps
    act = duty.state.of(steps[steps.index(gate) + 1])
    if gate.kind is StepKind.START:
        return act.committed_at is None
    return act.status != "done"
