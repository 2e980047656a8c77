"""Asking people: gates are opened, votes counted as Slack shows them now, and judged.

`engine.gates` decides; this module brings it what is true and records what it says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from engine import calling, freezes, gates
from engine.duty import Duty
from engine.errors import InDoubt, PeopleUnreadable
from engine.invariants import described
from engine.journal import Click, GateState, Kind
from engine.model import (
    GatePolicy,
    GroupFacts,
    Step,
    StepKind,
    differences,
    digest_in_letters,
)
from engine.planner import can_roll_back
from engine.ports import Ballot, Person
from engine.rights import HALT, roles_for
from storage.records import Draft, InboxRow

REOPENINGS_LIMIT = 3
"""After so many gates voided by changed facts the run holds: somebody else is at work there."""

TOLD_LATE = timedelta(minutes=1)
"""A freeze that waits longer to be decided is told at the gate; what is decided tells itself."""

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
        await _end_by_a_no(duty, step)
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
        fallen=_fallen(duty, step),
        reach=await calling.reach_at(duty, step),
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
    concerned = duty.plan.concerning(facts).members
    return {
        "at": facts.at.isoformat(),
        "members": {m.id: {"state": described(m), "take": m.take} for m in facts.members},
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
    return differences(dict(former.facts), facts.digested(duty.plan.package.name))


def _fallen(duty: Duty, step: Step) -> list[str]:
    """Return whose yes fell with the former opening of this gate: they have to vote again."""
    former = duty.state.gate_of(step)
    if former is None or former.outcome != "superseded":
        return []
    return [user for user, vote in former.votes.items() if vote.choice == "yes"]


# ------------------------------------------------------------------------------- counting


async def count(
    duty: Duty,
    gate: GateState,
    *,
    take: Sequence[str] = (),
    asked_by: str = "",
    took_away: str = "",
) -> None:
    """Compare what stands now with what is recorded, and record the difference.

    Args:
        duty: the run.
        gate: the gate, open and shown.
        take: keys of inbox rows that this count decides.
        asked_by: who has just said something, and is answered also where nothing came of it.
        took_away: who has just taken a check mark away, and is told where a yes of theirs stands
            all the same.

    Raises:
        PeopleUnreadable: Slack cannot be asked, or not about everybody who says something. Then
            only what could be read was recorded, and no row was taken.
    """
    if gate.shown is None:
        return
    gate = await _with_fallback(duty, gate)
    shown = await _standing(duty, gate)
    drafts, answers, unread = await _difference(duty, gate, shown, asked_by=asked_by)
    taken = () if unread else take
    if drafts or taken:
        await duty.journal.append(drafts, take=taken)
    still = shown.get(took_away)
    if still is not None and still.choice == "yes":
        answers.append((took_away, _stands_all_the_same(gate, still)))
    await _tell(duty, gate, answers)
    for error in unread.values():
        raise error


async def clicked(
    duty: Duty,
    gate: GateState,
    click: Ballot,
    pressed: datetime,
    *,
    take: Sequence[str],
    to: Mapping[str, str],
) -> None:
    """Take a click: it stands from now on where it has an effect, and all is counted with it.

    A click that is refused stands nowhere: who was told so does not expect it to count once they
    are in another role. Whoever clicked is answered in every case.

    Args:
        duty: the run.
        gate: the gate on whose message the button was pressed, open and shown.
        click: what it says.
        pressed: when that was, by Slack's time.
        take: keys of inbox rows that this decides.
        to: where its author is answered; see engine.ports.Answers.

    Raises:
        PeopleUnreadable: Slack cannot be asked; nothing was recorded.
    """
    gate = await _with_fallback(duty, gate)
    address = {"run": duty.state.run, **to, "user": click.user}
    drafts = list[Draft]()
    if told := await _clicked_in_vain(duty, gate, click, drafts):
        await duty.journal.append(drafts, take=take)
        await duty.answers.answer(address, told)
        return
    kept, former = Click(click.user, click.choice, click.code, pressed), gate.clicks.get(click.user)
    if former is None or (former.choice, former.code) != (kept.choice, kept.code):
        drafts.append(_click_draft(duty, gate, kept))
    gate = replace(gate, clicks={**gate.clicks, click.user: kept})
    shown = await _standing(duty, gate)
    changes, answers, unread = await _difference(duty, gate, shown)
    if click.user in unread:
        raise unread[click.user]
    await duty.journal.append([*drafts, *changes], take=take)
    await duty.answers.answer(address, _told_clicker(duty, gate, shown[click.user]))
    await _tell(duty, gate, [(user, text) for user, text in answers if user != click.user])


async def _with_fallback(duty: Duty, gate: GateState) -> GateState:
    """Call the fallback where it is due, before anything is counted; return the gate as it is."""
    await calling.escalate_if_due(duty, gate)
    return duty.state.gates[gate.step]


async def _clicked_in_vain(duty: Duty, gate: GateState, click: Ballot, drafts: list[Draft]) -> str:
    """Return what to tell of a click that has no effect, or ""; record where it is refused."""
    if click.choice == "withdraw":
        said = click.user in gate.votes or click.user in await _standing(duty, gate)
        return "" if said else f"You have no vote at {gate.name} that could be taken back."
    person = await duty.people.person(click.user)
    refused = _refused(duty, gate, click, person, await duty.people.roles(click.user))
    if refused is None:
        return ""
    draft, told, _ = refused
    drafts += [draft] if draft else []
    return told


def _click_draft(duty: Duty, gate: GateState, click: Click) -> Draft:
    channel, ts = gate.shown or ("", "")
    return duty.journal.draft(
        Kind.CLICKED,
        by=click.user,
        step=gate.step,
        gate=gate.name,
        channel=channel,
        ts=ts,
        user=click.user,
        choice=click.choice,
        code=click.code,
        pressed=click.pressed,
    )


def _told_clicker(duty: Duty, gate: GateState, stands: Ballot) -> str:
    """Say what a click amounts to, together with what its author says otherwise."""
    click = gate.clicks[stands.user]
    if stands.choice == "no":
        return f"Your no at {gate.name} is counted: it ends {gate.name}."
    if stands.choice == "withdraw" and click.choice == "withdraw":
        return (
            f"You have no vote at {gate.name} any more, however it was given. "
            f"{_TO_VOTE_AFTER_ALL['button']}"
        )
    if stands.choice == "withdraw":
        return _taken_back(gate, stands)
    step = duty.plan.step(gate.step)
    yes = [vote for vote in duty.state.gates[gate.step].votes.values() if vote.choice == "yes"]
    lacking = gates.missing(gates.in_force(policy_of(duty, step), gate), yes)
    rest = f"Still missing: {lacking}" if lacking else "That is enough"
    barred = f" Nothing can be approved there for now: {gate.barred}." if gate.barred else ""
    return f"Your yes at {gate.name} is counted. {rest}.{barred}"


_TO_VOTE_AFTER_ALL = {
    "text": "To vote after all, write `approve` with the code of its message, or delete that word.",
    "button": "To vote after all, press Approve.",
}


def _taken_back(gate: GateState, ballot: Ballot) -> str:
    said = "you pressed Withdraw" if ballot.source == "button" else "your `withdraw` stands"
    return f"You have no vote at {gate.name}: {said}. {_TO_VOTE_AFTER_ALL[ballot.source]}"


def _stands_all_the_same(gate: GateState, ballot: Ballot) -> str:
    """Say why a check mark that was taken away has changed nothing."""
    why = {
        "button": "you pressed Approve, and nothing of that is left in Slack",
        "text": "you wrote `approve`",
    }.get(ballot.source, "another check mark of yours is on its message")
    return (
        f"Your yes at {gate.name} still counts: {why}. To take it back, press Withdraw or write "
        f"`@hotfix withdraw {gate.name}`."
    )


async def _standing(duty: Duty, gate: GateState) -> dict[str, Ballot]:
    """Return what each person says now: in Slack, as we read it, and by their last click."""
    channel, ts = gate.shown or ("", "")
    shown = await duty.people.ballots(channel, ts)
    pressed = [
        Ballot(one.user, one.choice, "button", gate.name, one.code) for one in gate.clicks.values()
    ]
    return gates.standing([*shown, *pressed], gate)


async def _difference(
    duty: Duty, gate: GateState, shown: Mapping[str, Ballot], *, asked_by: str = ""
) -> tuple[list[Draft], list[tuple[str, str]], dict[str, PeopleUnreadable]]:
    """Return the records that bring the journal to what stands, whom to tell what, and who is left.

    Who may vote is asked again for every yes, however long it has been recorded. Somebody who
    cannot be read keeps no other's word from being recorded: it may be a no.
    """
    drafts = [
        duty.journal.draft(Kind.WITHDRAWN, by=user, step=gate.step, user=user, name=vote.name)
        for user, vote in gate.votes.items()
        if user not in shown or shown[user].choice == "withdraw"
    ]
    answers: list[tuple[str, str]] = []
    unread: dict[str, PeopleUnreadable] = {}
    for ballot in shown.values():
        try:
            found, answer = await _admitted(duty, gate, ballot)
        except PeopleUnreadable as error:
            unread[ballot.user] = error
            continue
        drafts += found
        if answer and (found or ballot.user == asked_by):
            answers.append((ballot.user, answer))
    return drafts, answers, unread


async def _tell(duty: Duty, gate: GateState, answers: Sequence[tuple[str, str]]) -> None:
    channel, _ = gate.shown or ("", "")
    for user, text in answers:
        await duty.answers.answer({"channel": channel, "user": user, "run": duty.state.run}, text)


async def _admitted(duty: Duty, gate: GateState, ballot: Ballot) -> tuple[list[Draft], str]:
    """Return the records that a ballot causes, if any, and what to tell the voter.

    A no that was recorded stays, whoever its author is by now; a yes falls with its author's role.

    Raises:
        PeopleUnreadable: it cannot be told who that is now.
    """
    known = gate.votes.get(ballot.user)
    if ballot.choice == "withdraw":
        return [], "" if known else _taken_back(gate, ballot)
    same = known is not None and known.choice == ballot.choice
    counted = f"Your {ballot.choice} at {gate.name} is counted."
    told = counted if same and ballot.source != "reaction" else ""
    if same and ballot.choice == "no":
        return [], told
    person = await duty.people.person(ballot.user)
    roles = await duty.people.roles(ballot.user)
    refused = _refused(duty, gate, ballot, person, roles)
    if refused is not None:
        return _fallen_with(duty, gate, ballot, refused)
    if ballot.choice == "yes":
        duty.confirmed[ballot.user] = (duty.state.last_seq, frozenset(roles))
    if same and known is not None and not _others(duty, gate, known.roles, roles):
        return [], told
    return [_voted(duty, gate, ballot, person, roles)], ""


def _others(
    duty: Duty, gate: GateState, before: Collection[str], now: Collection[str]
) -> frozenset[str]:
    """Return in which roles that matter at this gate somebody was, or is, but not both."""
    policy = policy_of(duty, duty.plan.step(gate.step))
    matter = policy.roles | {policy.fallback}
    return (frozenset(before) ^ frozenset(now)) & matter


def _fallen_with(
    duty: Duty, gate: GateState, ballot: Ballot, refused: tuple[Draft | None, str, str]
) -> tuple[list[Draft], str]:
    """Return the records and the answer of a refusal; a yes of that person that counted falls."""
    draft, told, reason = refused
    drafts = [draft] if draft else []
    known = gate.votes.get(ballot.user)
    if known is None or known.choice != "yes":
        return drafts, told
    fell = duty.journal.draft(
        Kind.WITHDRAWN, step=gate.step, user=ballot.user, name=known.name, reason=reason
    )
    return [fell, *drafts], f"Your yes at {gate.name} counts no longer: {reason}."


def _voted(
    duty: Duty, gate: GateState, ballot: Ballot, person: Person, roles: Collection[str]
) -> Draft:
    return duty.journal.draft(
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


def _refused(
    duty: Duty, gate: GateState, ballot: Ballot, person: Person, roles: Collection[str]
) -> tuple[Draft | None, str, str] | None:
    """Return the record of a refusal, if new, what to tell, and why; None where a ballot counts."""
    reason = gates.refusal(
        ballot,
        person,
        roles,
        policy_of(duty, duty.plan.step(gate.step)),
        requester=duty.state.the_request.requester,
        halters=roles_for(HALT, duty.plan.policy),
        gate=gate,
        authors=duty.state.authors,
    ) or gates.misread(ballot, gate)
    if not reason:
        return None
    told = f"Your vote at {gate.name} does not count: {reason}."
    if (ballot.user, ballot.choice, reason) in gate.refused:
        return None, told, reason
    draft = duty.journal.draft(
        Kind.REFUSED,
        by=ballot.user,
        step=gate.step,
        user=ballot.user,
        name=person.name,
        choice=ballot.choice,
        reason=reason,
    )
    return draft, told, reason


# -------------------------------------------------------------------------------- judging


async def _judge(duty: Duty, step: Step) -> bool:
    gate = duty.state.gates[step.id]
    began = gate.closed_at if gate.outcome == "approved" else gate.opened_at
    now, barred = duty.stopwatch.latest(began or gate.opened_at), await _barred(duty, step)
    decision = gates.decide(policy_of(duty, step), gate, now, barred=barred)
    if decision.outcome in ("rejected", "expired"):
        await _close_and_hold(duty, step, decision)
        return False
    if barred != gate.barred:
        await duty.journal.write(Kind.BARRED, step=step.id, reason=barred)
        gate = duty.state.gates[step.id]
    if decision.outcome == "open":
        await calling.remind_if_due(duty, gate)
        return False
    if gate.outcome != "approved":
        await _approve(duty, step, decision)
        gate = duty.state.gates[step.id]
    return _grace_is_over(duty, gate)


async def _end_by_a_no(duty: Duty, step: Step) -> None:
    """End a gate by a no that is known already: nobody else has to be read for that."""
    if any(vote.choice == "no" for vote in duty.state.gates[step.id].votes.values()):
        await _judge(duty, step)


async def _barred(duty: Duty, step: Step) -> str:
    """Return why nothing can be approved at a gate now, or ""."""
    if step.kind is not StepKind.FAILOVER:
        return ""
    house = await duty.journal.house()
    group, now = duty.plan.security_group, duty.clock.now()
    frozen = freezes.of_group(house, group, now)
    if frozen is not None:
        return str(frozen)
    asked = await _asked_to_freeze(duty)
    if asked is None or now - asked.at < TOLD_LATE:
        return ""
    what, who = asked.body["scope"], asked.body["user"]
    return f"`freeze {what}` was said by {who}, and Slack does not answer who that is"


async def _asked_to_freeze(duty: Duty) -> InboxRow | None:
    """Return what asks for a freeze of this run's group and is not decided yet."""
    rows = await asyncio.to_thread(freezes.waiting_rows, duty.inbox)
    return next((row for row in rows if freezes.bars(row, duty.plan.security_group)), None)


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
        await _end_by_a_no(duty, step)
        return False
    if not await _judge(duty, step) or await _asked_to_freeze(duty) is not None:
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
