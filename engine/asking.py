"""Asking people: gates are opened, votes counted as Slack shows them now, and judged.

`engine.gates` decides; this module brings it what is true and records what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from engine import gates
from engine.duty import Duty
from engine.errors import InDoubt, PeopleUnreadable
from engine.invariants import described
from engine.journal import GateState, Kind
from engine.model import (
    GatePolicy,
    GroupFacts,
    Step,
    StepKind,
    differences,
    digest_in_letters,
)
from engine.planner import can_roll_back
from engine.ports import Ballot
from storage.records import Draft

REOPENINGS_LIMIT = 3
"""After so many gates voided by changed facts the run holds: somebody else is at work there."""

SHOWN_LATE = timedelta(minutes=1)
"""A message that takes longer shortens the time to vote; a guess, far above Slack's second."""


def policy_of(duty: Duty, step: Step) -> GatePolicy:
    """Return who must say yes at this gate."""
    policy = duty.plan.policy
    return policy.proposal if step.kind is StepKind.PROPOSAL else policy.failover


async def ask(duty: Duty, step: Step) -> bool:
    """Bring a gate one step on; True when it is approved and its grace time is over.

    Everything that ends a gate otherwise is recorded here: rejected and expired hold the run.
    """
    gate = duty.state.gate_of(step)
    if gate is None or not gate.open:
        await _open(duty, step)
        return False
    if gate.shown is None:
        return False
    try:
        await count(duty, gate)
    except PeopleUnreadable:
        return False
    return await _judge(duty, step)


async def _open(duty: Duty, step: Step) -> None:
    """Ask: bound to this plan and to the facts that READY saw."""
    plan, policy = duty.plan, policy_of(duty, step)
    facts = duty.state.ready.get(step.group) if step.group else duty.state.facts
    if facts is None:
        raise InDoubt(f"{step.id}: nothing was seen that people could approve")
    if duty.state.reopenings.get(step.id, 0) >= REOPENINGS_LIMIT:
        raise InDoubt(f"{step.id}: the facts changed {REOPENINGS_LIMIT} times while people voted")
    package = plan.package.name
    opening = duty.state.gates_asked + 1
    await duty.journal.write(
        Kind.GATE_OPENED,
        step=step.id,
        code=code_of(duty.state.run, plan.digest, facts.digest(package), str(opening)),
        plan_digest=plan.digest,
        revision=plan.revision,
        facts_digest=facts.digest(package),
        facts=facts.digested(package),
        evidence=_evidence(duty, facts),
        expires_at=duty.clock.now() + policy.approval_expiry,
        roles=sorted(policy.roles),
        votes=policy.votes,
        changed=list(_changed_since(duty, step, facts)),
    )


def expires_anew(duty: Duty, gate: GateState) -> datetime | None:
    """Return until when people may vote where a gate's message came late, else None.

    While Slack is away nobody can vote: the time to do so begins when the message stands.
    """
    if duty.stopwatch.about(gate.opened_at) <= SHOWN_LATE:
        return None
    return duty.clock.now() + policy_of(duty, duty.plan.step(gate.step)).approval_expiry


def code_of(*parts: str) -> str:
    """Four letters and digits that say what is asked: this plan, these facts, this opening.

    A million codes: enough that nobody writes the right one without having read it, and that
    two gates that are open at once hardly ever show the same; a gate's name tells those apart.
    """
    return digest_in_letters("|".join(parts), 4)


def _evidence(duty: Duty, facts: GroupFacts) -> dict[str, Any]:
    """What people see at the gate, in the words of the look that READY made."""
    return {
        "at": facts.at.isoformat(),
        "members": {m.id: {"state": described(m), "take": m.take} for m in facts.members},
        "policy": sorted({m.policy.name for m in facts.members if m.policy}),
        "sync": facts.sync,
        "smo": facts.smo,
        "connections": {h.id: h.connections for h in facts.health},
        "accelerated": facts.syncs_accelerated,
    }


def _changed_since(duty: Duty, step: Step, facts: GroupFacts) -> tuple[str, ...]:
    """Name what changed since the former opening of this gate."""
    former = duty.state.gate_of(step)
    if former is None:
        return ()
    return differences(dict(former.facts), facts.digested(duty.plan.package.name))


# ------------------------------------------------------------------------------- counting


async def count(
    duty: Duty, gate: GateState, *, take: Sequence[str] = (), asked_by: str = ""
) -> None:
    """Compare what Slack shows now with what is recorded, and record the difference.

    Args:
        duty: the run.
        gate: the gate, open and shown.
        take: keys of inbox rows that this count decides.
        asked_by: who has just said something, and is answered also where nothing came of it.

    Raises:
        PeopleUnreadable: Slack cannot be asked; nothing was recorded.
    """
    if gate.shown is None:
        return
    shown = gates.standing(await duty.people.ballots(*gate.shown), gate)
    drafts = [
        duty.journal.draft(Kind.WITHDRAWN, by=user, step=gate.step, user=user, name=vote.name)
        for user, vote in gate.votes.items()
        if user not in shown or shown[user].choice == "withdraw"
    ]
    answers: list[tuple[str, str]] = []
    for ballot in shown.values():
        draft, answer = await _admitted(duty, gate, ballot)
        drafts += [draft] if draft else []
        if answer and (draft or ballot.user == asked_by):
            answers.append((ballot.user, answer))
    if drafts or take:
        await duty.journal.append(drafts, take=take)
    channel, _ = gate.shown
    for user, text in answers:
        await duty.answers.answer({"channel": channel, "user": user, "run": duty.state.run}, text)


async def _admitted(duty: Duty, gate: GateState, ballot: Ballot) -> tuple[Draft | None, str]:
    """Return the record that a ballot causes, if it is new, and what to tell the voter."""
    known = gate.votes.get(ballot.user)
    if ballot.choice == "withdraw":
        stands = f"You have no vote at {gate.name}: your `withdraw` stands. To vote after all,"
        other = "write `approve` with the code of its message, or delete that word."
        return None, "" if known else f"{stands} {other}"
    if known is not None and known.choice == ballot.choice:
        counted = f"Your {ballot.choice} at {gate.name} is counted."
        return None, counted if ballot.source == "text" else ""
    step = duty.plan.step(gate.step)
    person = await duty.people.person(ballot.user)
    roles = await duty.people.roles(ballot.user)
    reason = gates.refusal(
        ballot,
        person,
        roles,
        policy_of(duty, step),
        requester=duty.state.the_request.requester,
        operators=duty.plan.policy.operators,
    ) or gates.misread(ballot, gate)
    if reason:
        told = f"Your vote at {gate.name} does not count: {reason}."
        if (ballot.user, ballot.choice, reason) in gate.refused:
            return None, told
        draft = duty.journal.draft(
            Kind.REFUSED,
            by=ballot.user,
            step=gate.step,
            user=ballot.user,
            name=person.name,
            choice=ballot.choice,
            reason=reason,
        )
        return draft, told
    draft = duty.journal.draft(
        Kind.VOTED,
        by=ballot.user,
        step=gate.step,
        user=ballot.user,
        name=person.name,
        choice=ballot.choice,
        source=ballot.source,
        code=ballot.code,
        reason=ballot.reason,
        roles=sorted(roles),
        gate=gate.name,
    )
    return draft, ""


# -------------------------------------------------------------------------------- judging


async def _judge(duty: Duty, step: Step) -> bool:
    gate = duty.state.gates[step.id]
    began = gate.closed_at if gate.outcome == "approved" else gate.opened_at
    decision = gates.decide(
        policy_of(duty, step), gate, duty.stopwatch.latest(began or gate.opened_at)
    )
    if decision.outcome in ("rejected", "expired"):
        await _close_and_hold(duty, step, decision)
        return False
    if decision.outcome == "open":
        await _remind_if_due(duty, gate)
        return False
    if gate.outcome != "approved":
        await _approve(duty, step, decision)
        gate = duty.state.gates[step.id]
    return _grace_is_over(duty, gate)


def _grace_is_over(duty: Duty, gate: GateState) -> bool:
    if gate.starts_at is None or gate.closed_at is None:
        return False
    return duty.stopwatch.at_least(gate.closed_at) >= gate.starts_at - gate.closed_at


async def _approve(duty: Duty, step: Step, decision: gates.Decision) -> None:
    policy, now = policy_of(duty, step), duty.clock.now()
    grace = policy.grace if step.kind is StepKind.FAILOVER else policy.grace * 0
    await duty.journal.write(
        Kind.GATE_CLOSED,
        step=step.id,
        outcome="approved",
        voters=[vote.user for vote in decision.counted],
        names=[vote.name for vote in decision.counted],
        starts_at=now + grace,
        good_until=now + grace + policy.execution_expiry,
    )


async def _close_and_hold(duty: Duty, step: Step, decision: gates.Decision) -> None:
    """A rejected or expired gate holds the run; `retry` asks again, with a fresh look."""
    gate = duty.state.gates[step.id]
    closed = duty.journal.draft(
        Kind.GATE_CLOSED,
        step=step.id,
        outcome=decision.outcome,
        reason=decision.reason,
        voters=[vote.user for vote in decision.counted],
        again=_asked_again_with(duty, step),
    )
    held = duty.journal.draft(
        Kind.HELD,
        step=step.id,
        reason=f"{gate.name} {decision.reason}",
        error=decision.outcome,
        ways=["retry", "abort", *(["rollback"] if can_roll_back(duty.state) else [])],
        out_of_service=list(duty.state.out_of_service()),
    )
    await duty.journal.append([closed, held])


def _asked_again_with(duty: Duty, gate: Step) -> list[str]:
    """Return the steps that are due again when a gate ended without its failover."""
    if not gate.group:
        return [gate.id]
    place = duty.plan.steps.index(gate)
    return [step.id for step in duty.plan.steps[place - 1 : place + 2]]


async def _remind_if_due(duty: Duty, gate: GateState) -> None:
    due = duty.state.wake_at()
    now = duty.stopwatch.latest(gate.opened_at)
    if gate.reminders < 2 and due is not None and now >= due:
        await duty.journal.write(Kind.REMINDED, step=gate.step)


# ---------------------------------------------------------------------------- the last look


async def last_look(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Right before a failover: the same ballots, the same facts, still within its time.

    True when the act may begin. False when the gate went back to people, or they cannot be
    read; then no failover begins, and nothing is lost. Whatever happens while a difference is
    looked at twice (a word, a vote, a difference that passes) has all of it judged anew.
    """
    gate = duty.state.gates[step.id]
    try:
        await count(duty, gate)
    except PeopleUnreadable:
        return False
    if not await _judge(duty, step):
        return False
    package = duty.plan.package.name
    gate = duty.state.gates[step.id]
    if gate.plan_digest != duty.plan.digest:
        await _supersede(duty, step, ("the plan was revised",))
        return False
    if facts.digest(package) == gate.facts_digest:
        return True
    heard = duty.state.last_seq
    await duty.pause(duty.plan.policy.settle)
    if duty.state.last_seq != heard:
        return False
    again = await duty.observe()
    if again.digest(package) == facts.digest(package):
        changes = differences(dict(gate.facts), again.digested(package))
        await _supersede(duty, step, changes)
    return False


async def _supersede(duty: Duty, step: Step, changes: Sequence[str]) -> None:
    """The facts are not those that people approved: the votes fall, READY looks again."""
    gate = duty.state.gates[step.id]
    await duty.journal.write(
        Kind.GATE_CLOSED,
        step=step.id,
        outcome="superseded",
        reason="; ".join(changes),
        fallen=[vote.user for vote in gate.votes.values()],
        again=_asked_again_with(duty, step),
    )
