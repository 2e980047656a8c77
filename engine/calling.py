"""Calling people: who can be reached when a gate opens, reminders, and the fallback role.

And those who are needed when the time of a run has come, by day.

What was found goes into the journal, so that the messages about it read the same for ever. Who may
vote, who can still help, and when the fallback counts is decided in `engine.gates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from engine import appointments, attendance, gates
from engine.duty import Duty
from engine.fold import GateState
from engine.journal import Kind
from engine.model import Step, StepKind
from engine.policy import GatePolicy
from engine.ports import Reach

MOST_CALLED = 10
"""So many persons are mentioned, and written to, at a time: who is one of more than ten reads it as
meant for the others. A guess."""

FOUND_WITHIN = timedelta(minutes=10)
"""So long a call waits for Slack to say who is in the roles; then it names nobody. A guess."""


async def reach_at(duty: Duty, step: Step) -> list[dict[str, Any]]:
    """Return who could approve at a gate and can be reached now; at the proposal, all night long.

    Who asked for the run is left out where they may not approve it.
    """
    asked = [duty.plan.policy_at(kind) for kind in {step.kind, StepKind.FAILOVER}]
    roles = frozenset().union(*(_all_roles(policy) for policy in asked))
    requester = duty.state.the_request.requester
    own = any(policy.requester_may_vote for policy in asked)
    found = await duty.people.reach(roles)
    askers = {requester, *duty.state.authors}
    return [_told(one) for one in found if own or one.user not in askers]


async def remind_if_due(duty: Duty, gate: GateState) -> None:
    """Call those who can still help; of several reminders that are due only the last is given."""
    now = duty.stopwatch.latest(gate.opened_at)
    number = sum(1 for due in gate.reminders_at if due <= now)
    if number <= gate.reminders or gate.outcome:
        return
    await _call(duty, gate, Kind.REMINDED, number=number, last=number == len(gate.reminders_at))


async def call_if_due(duty: Duty) -> None:
    """Ask those whom the failovers need whether they will be there when the time has come.

    Of several calls that are due only the last is made; where nobody is lacking it names nobody.
    Where all who could be called sleep it is put off until one of them is up.
    """
    state, due, since = duty.state, duty.state.next_call, duty.state.last_at
    if due is None or since is None:
        return
    now = since + duty.stopwatch.about(since)
    if now < due:
        return
    first, number = state.called_at or now, state.calls + 1
    while (later := appointments.next_call(duty.plan, first, number)) is not None and later <= now:
        number += 1
    lacking = attendance.lacking(state)
    found = await duty.people.reach(_all_roles(duty.plan.policy.failover))
    able = [one for one in found if attendance.could_help(state, one.user, one.roles)]
    if lacking and not found and now < due + FOUND_WITHIN:
        return
    if lacking and (morning := _all_asleep_until(duty, able)) is not None:
        await duty.journal.write(Kind.CALLED, number=state.calls, put_off=morning)
        return
    await duty.journal.write(
        Kind.CALLED,
        number=number,
        lacking=lacking,
        call=called(able),
        reach=[_told(one) for one in found],
    )


def _all_asleep_until(duty: Duty, able: Sequence[Reach]) -> datetime | None:
    """Return when the first of them is up; None where one is, or that would be too late.

    Nobody is waited for twice: quiet hours that have become longer meanwhile are called in.
    """
    opens = appointments.opens_at(duty.plan)
    ends = [one.until for one in able if one.state == "quiet" and one.until is not None]
    if not ends or len(ends) < len(able) or duty.state.call_put_off is not None or opens is None:
        return None
    up = min(ends)
    return up if up <= opens - appointments.CALLED_AHEAD else None


async def escalate_if_due(duty: Duty, gate: GateState) -> None:
    """Call the fallback role once its time has come; from this record on its votes count."""
    policy = duty.state.policy_at(gate.step)
    if gates.escalates(policy, gate, _probably_now(duty, gate)):
        await _call(duty, gate, Kind.ESCALATED, role=policy.fallback)


def _probably_now(duty: Duty, gate: GateState) -> datetime:
    """Neither a right that must not outlast its time nor a wait before an act: what is likely."""
    return gate.opened_at + duty.stopwatch.about(gate.opened_at)


async def _call(duty: Duty, gate: GateState, kind: Kind, **body: Any) -> None:  # noqa: ANN401 -- JSON values
    """Record whom to mention and to write to: those who can still help, and nobody else."""
    policy = duty.state.policy_at(gate.step)
    found = await duty.people.reach(_all_roles(policy))
    await duty.journal.write(
        kind,
        step=gate.step,
        gate=gate.name,
        call=_helpers(duty, gate, policy, found, escalated=kind is Kind.ESCALATED),
        reach=[_told(one) for one in found if one.user != duty.state.the_request.requester],
        **body,
    )


def _helpers(
    duty: Duty, gate: GateState, policy: GatePolicy, found: Sequence[Reach], *, escalated: bool
) -> list[str]:
    """Return whom to call."""
    requester = duty.state.the_request.requester
    if escalated:
        gate = gates.called(gate, duty.clock.now())
    able = [
        one
        for one in found
        if one.user != requester
        and (policy.fallback in one.roles or not escalated)
        and gates.can_help(
            policy, gate, one.user, one.roles, requester=requester, authors=duty.state.authors
        )
    ]
    return called(able)


def called(able: Sequence[Reach]) -> list[str]:
    """Return whom of these to mention: who is awake first, since only so many are."""
    return [one.user for one in sorted(able, key=_awake_first)][:MOST_CALLED]


def _awake_first(one: Reach) -> tuple[int, str]:
    return ("awake", "unknown", "quiet").index(one.state), one.user


def _all_roles(policy: GatePolicy) -> frozenset[str]:
    return policy.roles | ({policy.fallback} if policy.fallback else frozenset())


def _told(one: Reach) -> dict[str, Any]:
    return {
        "user": one.user,
        "name": one.name,
        "roles": sorted(one.roles),
        "state": one.state,
        "local": one.local,
        "until": one.until,
    }
