"""When a run with an appointment may do what. Pure.

Question: a run is ordered by day for Saturday at two. When is it approved, when is it prepared,
and what happens where something is late? Answer:

- The proposal is asked at once, and what touches no traffic follows: upload, import, verification
  (`prepare` "in_window" leaves them for then). The run then waits at its step APPOINTMENT, and
  other runs of the group may come and go.
- Where another run has the group then, nothing but the votes: it waits at PREFLIGHT, the first full
  look, until that one is over (`engine.waits`).
- `gate_lead` before the moment it goes on: a full look, cloning off, the first gate. A vote in that
  time is good until the approval's execution expiry, reckoned from the moment itself.
- No failover begins before the moment, nor after the window. At the window's end the run holds
  before the next Logical Group, never inside one.
- Who comes too late (the program was away, the group busy or frozen) asks, and begins nothing by
  itself: `late` after the moment, or at the window's end.

Given up: that a run which people take back (`rollback`) waits for another window. They say so when
something is wrong, and each of its failovers has a gate all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from engine.model import Appointment, Plan, Request, Step, StepKind
from engine.policy import GatePolicy
from engine.zoned import said

BEGINNING = (StepKind.FAILOVER, StepKind.START)
"""Gates after which a device is acted on at once."""

PROPOSAL_LIFE = timedelta(hours=24)
"""The longest that a proposal for later waits for its votes; a guess: everybody had one day."""

COMPARED_EVERY = timedelta(hours=24)
"""How often a run that waits is compared with what is true by then."""

CALLS = 3
"""How often people are called to say whether they will be there."""

CALLED_AHEAD = timedelta(hours=1)
"""What goes on sooner asks nobody whether they will be there: they are asked for their yes then. A
guess."""

PREPARING = (StepKind.PREFLIGHT, StepKind.UPLOAD, StepKind.IMPORT, StepKind.VERIFY)
"""What touches no traffic, and may be done days before."""


def appointed(plan: Plan, appointment: Appointment | None, *, looks_first: bool = False) -> Plan:
    """Return a plan that keeps an appointment: it waits for it where it is prepared.

    `looks_first`: what it was planned from may not last, so it is looked at by day in any case.
    """
    if appointment is None:
        return plan
    steps = [step for step in plan.steps if step.kind is not StepKind.APPOINTMENT]
    asked = (StepKind.KEEP, StepKind.PROPOSAL)
    by_day = (StepKind.PREFLIGHT,) if looks_first else ()
    before = (*asked, *(PREPARING if plan.policy.prepare == "now" else by_day))
    place = next(n for n, step in enumerate(steps) if step.kind not in before)
    suffix = f".r{plan.revision}" if plan.revision > 1 else ""
    wait = Step(f"{StepKind.APPOINTMENT}{suffix}", StepKind.APPOINTMENT)
    return replace(plan, steps=(*steps[:place], wait, *steps[place:]), appointment=appointment)


def opens_at(plan: Plan) -> datetime | None:
    """Return when a run goes on from its appointment; None without one."""
    if plan.appointment is None:
        return None
    early = plan.policy.gate_lead if plan.policy.prepare == "now" else timedelta(0)
    return plan.appointment.start - early


def begins_at(plan: Plan, kind: StepKind, moment: datetime) -> datetime:
    """Return when what a gate of this kind lets begin may do so: at a moment, or later."""
    if plan.appointment is None or kind not in BEGINNING:
        return moment
    return max(moment, plan.appointment.start)


def expires_at(plan: Plan, kind: StepKind, policy: GatePolicy, now: datetime) -> datetime:
    """Return until when people may vote at a gate that is asked now.

    A proposal for later waits until the run would go on, a day at most. A gate before a failover
    waits as long as ever, reckoned from the appointment. Neither waits longer than its window.
    Whether something is kept can be said until it is taken back; a proposal that is asked only once
    it is due (a rollback that nobody has kept) waits a day, and is asked again.
    """
    due = opens_at(plan)
    if plan.appointment is None or due is None:
        return now + policy.approval_expiry
    if kind is StepKind.KEEP:
        return plan.appointment.start
    if kind is StepKind.PROPOSAL:
        longest = PROPOSAL_LIFE if now >= due else min(due - now, PROPOSAL_LIFE)
        last = now + max(policy.approval_expiry, longest)
    else:
        last = begins_at(plan, kind, now) + policy.approval_expiry
    return min(last, ends_at(plan, kind) or last)


def good_until(plan: Plan, kind: StepKind, policy: GatePolicy, starts_at: datetime) -> datetime:
    """Return until when an approval is good that lets something begin at a moment."""
    last = begins_at(plan, kind, starts_at) + policy.execution_expiry
    return min(last, ends_at(plan, kind) or last)


def ends_at(plan: Plan, kind: StepKind) -> datetime | None:
    """Return from when nothing of this kind begins any more; None where it is no window.

    A rollback that was scheduled is asked about until somebody answers, windows or not.
    """
    ends = [*BEGINNING, StepKind.READY]
    if not plan.is_scheduled_rollback:
        ends.append(StepKind.PROPOSAL)
    return plan.appointment.until if plan.appointment is not None and kind in ends else None


def latest_at(plan: Plan, asked_again: datetime | None) -> datetime | None:
    """Return until when a run goes on from its appointment without asking.

    `asked_again`: when people last said that it may.
    """
    if plan.appointment is None:
        return None
    if plan.appointment.until is not None:
        return plan.appointment.until
    return max(filter(None, (plan.appointment.start, asked_again))) + plan.policy.late


def next_call(plan: Plan, first: datetime, calls: int) -> datetime | None:
    """Return when people are called next to say whether they will be there; None for never.

    At once, and at one and two thirds of the time that is left then.

    Args:
        plan: what waits for its time.
        first: when they were called first, or could be.
        calls: how often they were called.
    """
    due = opens_at(plan)
    if due is None or plan.is_scheduled_rollback or calls >= CALLS:
        return None
    left = due - first
    return first + left * calls / CALLS if left >= CALLED_AHEAD else None


def when(appointment: Appointment | None) -> str:
    """Say when that is."""
    if appointment is None:
        return "at once"
    zone = appointment.zone
    until = f" until {said(appointment.until, zone)}" if appointment.until is not None else ""
    return f"{said(appointment.start, zone)}{until}"


def zone_of(request: Request) -> str:
    """Return the time zone in which something was asked for: in it moments are told."""
    asked_in = request.appointment.zone if request.appointment is not None else request.zone
    return asked_in or "UTC"
