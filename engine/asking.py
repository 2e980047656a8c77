"""Asking people: gates are opened, judged by what was counted, and closed.

`engine.gates` decides; this module brings it what is true and records what it says. What people
answer is read and recorded in `engine.counting`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from engine import appointments, calling, counting, freezes, gates, waits
from engine.canon import digest_in_letters
from engine.duty import Duty
from engine.errors import (
    InDoubt,
    MaintenanceError,
    MemberUnreachable,
    PeopleUnreadable,
    TooLate,
    UnexpectedOutput,
    Unnamed,
)
from engine.facts import GroupFacts, differences, in_service
from engine.fold import GateState
from engine.invariants import described
from engine.journal import Kind
from engine.model import Step, StepKind
from engine.planner import can_roll_back
from storage.records import Draft, InboxRow, every_waiting

REOPENINGS_LIMIT = 3
"""After so many gates voided by changed facts the run holds: somebody else is at work there."""

_BEGINS = appointments.BEGINNING
"""Gates after which a device is acted on at once: there is a grace time, and a freeze bars them."""

_ENDED = ("rejected", "expired")
"""What ends a gate, whoever votes after that."""

TOLD_LATE = timedelta(minutes=1)
"""A freeze that waits longer to be decided is told at the gate, and so is a vote whose author Slack
does not name; what is decided tells itself."""

SHOWN_LATE = timedelta(minutes=1)
"""A message that takes longer shortens the time to vote; a guess, far above Slack's second."""


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
    return await _count(duty, step) and await _judge(duty, step)


async def _open(duty: Duty, step: Step) -> None:
    """Ask: bound to this plan and to the facts that READY saw; nothing that could begin no more."""
    waits.inside(duty, step)
    plan, policy = duty.plan, duty.state.policy_at(step.id)
    facts = duty.state.ready.get(step.group) if step.group else duty.state.facts
    if plan.is_scheduled_rollback and step.kind is StepKind.PROPOSAL:
        facts = await duty.observe()  # the last look was days ago
    if step.kind is StepKind.DEGRADED:
        facts = await duty.observe()  # the last record may not show all that is the matter
    if facts is None:
        raise InDoubt(f"{step.id}: nothing was seen that people could approve")
    if duty.state.reopenings.get(step.id, 0) >= REOPENINGS_LIMIT:
        raise InDoubt(f"{step.id}: the facts changed {REOPENINGS_LIMIT} times while people voted")
    opening = duty.state.gates_asked + 1
    await duty.journal.write(
        Kind.GATE_OPENED,
        step=step.id,
        code=code_of(
            duty.state.run,
            plan.digest,
            plan.facts_digest(facts),
            str(opening),
            # What a copy does not know of may have asked the same, under the same number.
            *duty.state.copies,
        ),
        plan_digest=plan.digest,
        revision=plan.revision,
        facts_digest=plan.facts_digest(facts),
        facts=plan.digested(facts),
        evidence=_evidence(duty, facts),
        expires_at=appointments.expires_at(plan, step.kind, policy, duty.clock.now()),
        roles=sorted(policy.roles),
        votes=policy.votes,
        changed=list(_changed_since(duty, step, facts)),
        fallen=_fallen(duty, step),
        reach=await calling.reach_at(duty, step),
    )


def expires_anew(duty: Duty, gate: GateState) -> datetime | None:
    """Return until when people may vote where a gate's message came late, else None.

    While Slack is away nobody can vote: the time to do so begins when the message stands.
    """
    if duty.stopwatch.about(gate.opened_at) <= SHOWN_LATE:
        return None
    policy, kind = duty.state.policy_at(gate.step), duty.plan.step(gate.step).kind
    return appointments.expires_at(duty.plan, kind, policy, duty.clock.now())


def code_of(*parts: str) -> str:
    """Four letters and digits that say what is asked: this plan, these facts, this opening.

    A million codes: enough that nobody writes the right one without having read it, and that
    two gates that are open at once hardly ever show the same; a gate's name tells those apart.
    """
    return digest_in_letters("|".join(parts), 4)


def _evidence(duty: Duty, facts: GroupFacts) -> dict[str, Any]:
    """What people see at the gate, in the words of the look that READY made."""
    concerned, words = duty.plan.concerning(facts).members, duty.plan.policy.state_words
    return {
        "at": facts.at.isoformat(),
        "members": {m.id: {"state": described(m), "take": m.take} for m in facts.members},
        "out_of_service": [m.id for m in concerned if not in_service(m, words)],
        "policy": sorted({m.policy.name for m in concerned if m.policy}),
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
    return differences(dict(former.facts), duty.plan.digested(facts))


def _fallen(duty: Duty, step: Step) -> list[str]:
    """Return whose yes fell with the former opening of this gate: they have to vote again."""
    former = duty.state.gate_of(step)
    if former is None or former.outcome != "superseded":
        return []
    return [user for user, vote in former.votes.items() if vote.choice == "yes"]


# -------------------------------------------------------------------------------- judging


async def _count(duty: Duty, step: Step) -> bool:
    """Count what people say now; False where not all of it can be read: then nothing begins.

    A no that is known, or its time, ends a gate all the same, and nobody has to be read for that.
    """
    gate = duty.state.gates[step.id]
    try:
        await counting.count(duty, gate)
    except Unnamed as unread:
        await _judge(duty, step, unread.users)
        return False
    except PeopleUnreadable:
        decision = _decide(duty, gate, "Slack cannot be read")
        if decision.outcome in _ENDED:
            await _close_and_hold(duty, step, decision)
        return False
    return True


def _decide(duty: Duty, gate: GateState, barred: str) -> gates.Decision:
    began = gate.closed_at if gate.outcome == "approved" else gate.opened_at
    now = duty.stopwatch.latest(began or gate.opened_at)
    return gates.decide(duty.state.policy_at(gate.step), gate, now, barred=barred)


def has_expired(duty: Duty, gate: GateState) -> bool:
    """Whether the time of an open gate is over already, and is only not recorded yet."""
    return _decide(duty, gate, "").outcome == "expired"


async def _judge(duty: Duty, step: Step, unnamed: Collection[str] = ()) -> bool:
    """Judge by what was counted; what `unnamed` persons say was not, so nothing is approved."""
    gate = duty.state.gates[step.id]
    long = await _unnamed_for_long(duty, unnamed)
    frozen = duty.journal.as_written(await _barred(duty, step))
    barred = frozen or (str(Unnamed(long)) if long else "")
    decision = _decide(duty, gate, barred or (str(Unnamed(unnamed)) if unnamed else ""))
    if decision.outcome in _ENDED:
        if long and decision.outcome == "expired":
            decision = replace(decision, reason=f"{decision.reason}; {Unnamed(long)}")
        await _close_and_hold(duty, step, decision)
        return False
    if barred != gate.barred:
        who = [] if frozen else long
        await duty.journal.write(Kind.BARRED, step=step.id, reason=barred, unnamed=who)
        gate = duty.state.gates[step.id]
    if decision.outcome == "open":
        await waits.tell_of_freezes(duty)
        if not await _another_site(duty, step):
            await calling.remind_if_due(duty, gate)
        return False
    if gate.outcome != "approved":
        await _approve(duty, step, decision)
        gate = duty.state.gates[step.id]
    approved = gate.closed_at or gate.opened_at
    return _grace_is_over(duty, gate) and waits.may_begin(duty, step.kind, approved)


async def _unnamed_for_long(duty: Duty, unnamed: Collection[str]) -> list[str]:
    """Return of whom it is told at the gate that Slack does not say who they are.

    That is whose vote it shows for a while, and who clicked: that waits, and bars the act.
    """
    now = duty.clock.monotonic()
    since = {user: duty.unnamed_since.get(user, now) for user in unnamed}
    duty.unnamed_since.clear()
    duty.unnamed_since.update(since)
    clicks = await asyncio.to_thread(
        lambda: list(every_waiting(duty.inbox, run=duty.state.run, kinds=("click",)))
    )
    late = {user for user, began in since.items() if now - began >= TOLD_LATE.total_seconds()}
    late |= {one.body["user"] for one in clicks if duty.clock.now() - one.at >= TOLD_LATE}
    return sorted(late)


async def _barred(duty: Duty, step: Step) -> str:
    """Return why nothing can be approved at a gate now, or ""."""
    if step.kind not in _BEGINS:
        return ""
    if frozen := await waits.frozen(duty):
        return frozen
    asked = await _asked_to_freeze(duty)
    if asked is None or duty.clock.now() - asked.at < TOLD_LATE:
        return ""
    what, who = asked.body["scope"], asked.body["user"]
    return f"`freeze {what}` was said by {who}, and Slack does not answer who that is"


async def _asked_to_freeze(duty: Duty) -> InboxRow | None:
    """Return what asks for a freeze of this run's group and is not decided yet."""
    rows = await asyncio.to_thread(freezes.waiting_rows, duty.inbox)
    group, now = duty.plan.security_group, duty.clock.now()
    return next((row for row in rows if freezes.bars(row, group, now, tags=duty.tags)), None)


def _grace_is_over(duty: Duty, gate: GateState) -> bool:
    if gate.starts_at is None or gate.closed_at is None:
        return False
    return duty.stopwatch.at_least(gate.closed_at) >= gate.starts_at - gate.closed_at


async def _approve(duty: Duty, step: Step, decision: gates.Decision) -> None:
    policy, now = duty.state.policy_at(step.id), duty.clock.now()
    grace = policy.grace if step.kind in _BEGINS else policy.grace * 0
    await duty.journal.write(
        Kind.GATE_CLOSED,
        step=step.id,
        outcome="approved",
        voters=[vote.user for vote in decision.counted],
        names=[vote.name for vote in decision.counted],
        starts_at=now + grace,
        good_until=appointments.good_until(duty.plan, step.kind, policy, now + grace),
    )


async def _close_and_hold(duty: Duty, step: Step, decision: gates.Decision) -> None:
    """A rejected or expired gate holds the run; `retry` asks again, with a fresh look.

    Not once the window is over: then the run can only go on at another time.
    """
    gate = duty.state.gates[step.id]
    closed = duty.journal.draft(
        Kind.GATE_CLOSED,
        step=step.id,
        outcome=decision.outcome,
        reason=decision.reason,
        voters=[vote.user for vote in decision.counted],
        again=asked_again_with(duty, step),
    )
    if duty.plan.is_scheduled_rollback and (after := _unkept(duty, step, decision)) is not None:
        await duty.journal.append([closed, *after])
        return
    over = waits.window_over(duty, step)
    held = duty.journal.draft(
        Kind.HELD,
        step=step.id,
        reason=f"{gate.name} {decision.reason}{f'; {over}' if over else ''}",
        error=decision.outcome,
        ways=[
            "move" if over else "retry",
            "abort",
            *(["rollback"] if can_roll_back(duty.state) else []),
        ],
        out_of_service=list(duty.state.out_of_service()),
    )
    await duty.journal.append([closed, held])


def _unkept(duty: Duty, step: Step, decision: gates.Decision) -> list[Draft] | None:
    """Return what follows where nobody holds a rollback that was scheduled; None where it holds.

    A no to keeping it is asked about anew; what nobody has kept in time is due; and what is due is
    asked again until somebody answers.
    """
    expired = decision.outcome == "expired"
    if step.kind is StepKind.KEEP:
        due = duty.journal.draft(Kind.DONE, step=step.id, kind=step.kind, how="due", attempt=1)
        return [due] if expired else []
    return [] if step.kind is StepKind.PROPOSAL and expired else None


def asked_again_with(duty: Duty, gate: Step) -> list[str]:
    """Return the steps that are due again when a gate ended without its failover."""
    if not gate.group:
        return [gate.id]
    place = duty.plan.steps.index(gate)
    return [step.id for step in duty.plan.steps[place - 1 : place + 2]]


# ---------------------------------------------------------------------------- the last look


async def last_look(duty: Duty, step: Step) -> GroupFacts | None:
    """Right before a failover, or a degraded end: the same ballots, the same facts, still in time.

    What was seen, when the act may begin. None when the gate went back to people, or they cannot
    be read; then no failover begins, and nothing is lost. Whatever happens while a difference is
    looked at twice (a word, a vote, a difference that passes) has all of it judged anew.

    The ballots come first: Slack may take minutes to show them, and what was seen before that is
    not what is there now.
    """
    if not await _count(duty, step):
        return None
    facts = await _seen_at_once(duty)
    if facts is None:
        return None
    # The inbox before the house: what is taken from the one meanwhile stands in the other by then.
    asked = await _asked_to_freeze(duty) if step.kind in _BEGINS else None
    if not await _judge(duty, step) or asked is not None:
        return None
    gate = duty.state.gates[step.id]
    if gate.plan_digest != duty.plan.digest:
        await _supersede(duty, step, ("the plan was revised",))
        return None
    seen = duty.plan.facts_digest(facts)
    if seen == gate.facts_digest:
        return facts
    heard = duty.state.last_seq
    await duty.pause(duty.plan.policy.settle)
    if duty.state.last_seq != heard:
        return None
    again = await duty.observe()
    # An end, or a plan without a member, needs no CPUSE: there its silence is a difference.
    concerned = duty.plan.concerning(again).members if step.kind in _BEGINS else ()
    if not await duty.cpuse_answers(step, concerned):
        return None
    if duty.plan.facts_digest(again) == seen:
        changes = differences(dict(gate.facts), duty.plan.digested(again))
        await _supersede(duty, step, changes)
    return None


async def _seen_at_once(duty: Duty) -> GroupFacts | None:
    """Look; None where only a later look saw anything: the ballots are old by then."""
    try:
        return await duty.glance()
    except (MemberUnreachable, TooLate, UnexpectedOutput):
        await duty.observe()
        return None


async def _another_site(duty: Duty, step: Step) -> bool:
    """Look at two Sites while people vote: that another one is active now voids the gate at once.

    Elsewhere nothing needs a look before the last one; a failover of Sites moves all the traffic.
    Two looks must agree, here as there.
    """
    if step.kind is not StepKind.FAILOVER or duty.state.active_site is None:
        return False
    gate = duty.state.gates[step.id]
    package = duty.plan.package.name
    try:
        first = (await duty.glance()).digested(package)
        if first.get("sites") == gate.facts.get("sites"):
            return False
        heard = duty.state.last_seq
        await duty.pause(duty.plan.policy.settle)
        again = (await duty.glance()).digested(package)
    except MaintenanceError:
        # Blind for a moment: the last look does not begin a failover blindly.
        return False
    if duty.state.last_seq != heard or again.get("sites") != first.get("sites"):
        return False
    await _supersede(duty, step, differences(dict(gate.facts), again))
    return True


async def _supersede(duty: Duty, step: Step, changes: Sequence[str]) -> None:
    """The facts are not those that people approved: the votes fall, READY looks again."""
    gate = duty.state.gates[step.id]
    await duty.journal.write(
        Kind.GATE_CLOSED,
        step=step.id,
        outcome="superseded",
        reason="; ".join(changes),
        fallen=[vote.user for vote in gate.votes.values()],
        again=asked_again_with(duty, step),
    )
