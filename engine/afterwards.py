"""The rollback that an installation was ordered with: a run of its own, to be kept or to be due.

Question: an installation is taken back after three days unless people keep it. What asks, when,
and what happens where nobody answers? Answer:

- With the installation's end, in its transaction, the run `<id>-rollback` begins: so it is there
  once, or not at all.
- It first asks whether the hotfix is kept (KEEP), by a failover's policy. A no is a voice against
  it: the votes fall, and it is asked anew. Kept is its end.
- Where nobody has kept it in time it is due, and asks for the rollback itself (PROPOSAL), again and
  again until people approve it, say no, or abort it. Meanwhile the hotfix stays. Only then it goes
  the way of each rollback: with its looks, and a gate at each failover.
- Until it is approved it leaves the group to other runs.

Given up: to plan it anew when it is due. It is planned from what the installation's end saw; where
a look then sees anything else it holds and says what, and people order what they want by hand.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from engine.appointments import appointed, zone_of
from engine.errors import PlanRefused
from engine.facts import GroupFacts
from engine.fold import RunState
from engine.following import ROLLBACK, plan_after
from engine.former import former
from engine.journal import Begun, first_records
from engine.model import Appointment, Plan, Step, StepKind
from engine.ports import Clock
from storage.records import Record


def rollback_id(run: str) -> str:
    """Return the id of the rollback that a run was ordered with."""
    return f"{run}-rollback"


def rollback_of(
    state: RunState, ended: Record, facts: GroupFacts, clock: Clock, *, version: str = ""
) -> Begun | None:
    """Return the rollback that begins with the end of a run; None where none was asked for.

    Args:
        state: the run, before its end.
        ended: its last record, to be.
        facts: the look that its end is from.
        clock: the time.
        version: this program's.

    Raises:
        PlanRefused: no plan can be made of it.
    """
    asked = state.the_request
    if asked.rollback_after is None or ended.body["state"] != "done":
        return None
    future = copy.copy(state)
    future.apply(ended)
    last = former(future)
    if last is None:
        raise PlanRefused(f"{state.run} left nothing that could be taken back")
    due = Appointment(
        ended.at + asked.rollback_after,
        said=f"{asked.rollback_said} of {state.run}",
        zone=zone_of(asked),
    )
    request = replace(
        asked,
        kind=ROLLBACK,
        appointment=due,
        rollback_after=None,
        left_out=state.the_plan.left_out,
        split=(),
        groups=0,
        divide="",
    )
    run = rollback_id(state.run)
    plan = plan_after(run, request, last, last.plan.package, facts, last.plan.policy)
    drafts, index = first_records(
        run,
        request,
        kept_or_due(plan, due, state.run),
        facts,
        clock,
        by=asked.requester,
        version=version,
    )
    return Begun(run, tuple(drafts), index)


def kept_or_due(plan: Plan, due: Appointment, follows: str) -> Plan:
    """Return a plan that asks first whether the hotfix is kept, and waits for its time."""
    keep = Step(str(StepKind.KEEP), StepKind.KEEP)
    policy = replace(plan.policy, prepare="in_window")
    waits = appointed(replace(plan, policy=policy), due)
    return replace(waits, steps=(keep, *waits.steps), follows=follows)
