"""What people say to a run: taken from the inbox in order, before anything else is sent.

Stops are read first: a click waits while Slack is away, and no stop may stand behind it.

A word is taken in the transaction of the record that it causes. A reaction and a written vote are
only hints to look: what counts is what Slack shows when we ask. A click on a gate's button is shown
nowhere, so its row is all there is of it until it is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from engine import asking, counting, gates, recovery, rights
from engine.duty import Duty
from engine.errors import (
    Fenced,
    MaintenanceError,
    PeopleUnreadable,
    PlanRefused,
    Stopped,
    StopUnheard,
)
from engine.fold import GateState, Vote
from engine.journal import Kind, planned_body
from engine.model import GroupFacts, Plan, Repetition, Step, StepKind, from_json
from engine.planner import plan_abort, plan_rollback
from engine.ports import Ballot
from engine.proposals import Change, plan_change
from engine.recovery import Finding
from storage.records import UNREADABLE, InboxRow, LeaseLost, StorageDown, every_waiting

SHELL = "shell:"
"""Prefix of `by` for words said at the command line on the bot's machine."""


async def take_words(duty: Duty) -> None:
    """Take every row that waits for this run: the stops first, and those said meanwhile too.

    Of the clicks of one person on one button's message only the last one waits for Slack.
    """
    rows = await asyncio.to_thread(_waiting, duty)
    await _take_stops(duty, rows)
    last = {_who_clicked(row): row.key for row in rows if row.kind == "click"}
    for row in rows:
        if _is_stop(row):
            continue
        if row.kind == "click" and last[_who_clicked(row)] != row.key:
            await _unknown(duty, row)
            continue
        await _take_stops(duty, await asyncio.to_thread(_waiting, duty, "word"))
        await _take(duty, row)


async def _take_stops(duty: Duty, rows: Sequence[InboxRow]) -> None:
    for row in rows:
        if _is_stop(row):
            await _take(duty, row)


def _waiting(duty: Duty, *kinds: str) -> list[InboxRow]:
    return list(every_waiting(duty.inbox, run=duty.state.run, kinds=kinds or None))


def _is_stop(row: InboxRow) -> bool:
    """Whether this is a stop; one that somebody spoilt may have been one."""
    return row.kind == UNREADABLE or (row.kind == "word" and row.body["verb"] in rights.STOPS)


def _who_clicked(row: InboxRow) -> tuple[str, ...]:
    """Return what two clicks have in common of which only the later one can count."""
    names = ("user", "gate", "code", "channel", "ts")
    return tuple(str(row.body.get(name, "")) for name in names)


async def _take(duty: Duty, row: InboxRow) -> None:
    """Take one row.

    A row that finds a mistake of ours breaks the run off and is taken by that: it would find the
    same mistake for ever, and no word behind it, not even a stop, would be heard.
    """
    try:
        await _ROWS.get(row.kind, _unknown)(duty, row)
    except (MaintenanceError, Fenced, Stopped, StorageDown, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 -- our mistake: stop loudly, hear the others
        await duty.break_off(error, take=await _untaken(duty, row))


async def _untaken(duty: Duty, row: InboxRow) -> list[str]:
    waiting = await asyncio.to_thread(_waiting, duty)
    return [one.key for one in waiting if one.key == row.key]


async def _unknown(duty: Duty, row: InboxRow) -> None:
    # Under the lease: to an executor that was replaced, a gate of its successor is unknown, and
    # the votes on it would be lost.
    try:
        await asyncio.to_thread(duty.inbox.drop, row.key, lease=duty.journal.lease)
    except LeaseLost as error:
        raise Fenced(str(error)) from error


async def _unreadable(duty: Duty, row: InboxRow) -> None:
    """Somebody spoilt this row; it may have been a stop, so nothing is sent before people look."""
    step = duty.state.next_step()
    held = duty.journal.draft(
        Kind.HELD,
        step=step.id if step is not None else "",
        reason=(
            f"a word for this run ({row.key}) was changed in the database and cannot be read; it "
            "may have been a stop. See hotfix-bot db check, and retry where nobody said one"
        ),
        error="UnexpectedOutput",
        out_of_service=list(duty.state.out_of_service()),
        ways=["retry", "abort"],
        by_hand=duty.state.by_hand(),
    )
    await duty.journal.append([held], take=[row.key])


async def _shown(duty: Duty, row: InboxRow) -> None:
    """A gate's message stands in Slack; from now on its votes count.

    It may stand there anew, because somebody deleted the former one. The reactions on that one
    went with it: what cannot be read any more does not count, and nobody took it back, so it is no
    withdrawal. What was written in the thread can still be read, and is counted as ever.
    """
    gate = next((g for g in duty.state.gates.values() if g.name == row.body["gate"]), None)
    place = (row.body["channel"], row.body["ts"])
    if gate is None or (gate.shown is not None and not _stands_anew(duty, gate, place)):
        await _unknown(duty, row)
        return
    lost = [vote for vote in gate.votes.values() if vote.source == "reaction"]
    again = {} if gate.shown is None else _lost_with(gate.shown, lost)
    draft = duty.journal.draft(
        Kind.GATE_SHOWN,
        step=gate.step,
        gate=gate.name,
        channel=row.body["channel"],
        ts=row.body["ts"],
        link=row.body.get("link", ""),
        expires_at=asking.expires_anew(duty, gate),
        **again,
    )
    await duty.journal.append([draft], take=[row.key])


def _stands_anew(duty: Duty, gate: GateState, place: tuple[str, str]) -> bool:
    """Whether a message followed the one that this gate had; of two the later one stands."""
    if gate is not duty.state.open_gate or gate.shown is None or gate.shown == place:
        return False
    return place[1] > gate.shown[1]


def _lost_with(former: tuple[str, str], lost: Sequence[Vote]) -> dict[str, Any]:
    return {
        "lost": list(former),
        "fallen": [vote.user for vote in lost],
        "names": [vote.name for vote in lost],
    }


async def _hint(duty: Duty, row: InboxRow) -> None:
    """Somebody reacted: read all ballots of an open gate, else tell the voter why not."""
    place = (row.body["channel"], row.body["ts"])
    gate = next((g for g in duty.state.openings if g.shown == place), None)
    if gate is None:
        await _unknown(duty, row)
        return
    if gate is duty.state.open_gate:
        await _count(duty, gate, row)
    elif row.body["added"] and not _counted(gate, row):
        now = duty.state.open_gate
        also = f"; {now.name} is, with a message of its own" if now is not None else ""
        await _too_late(duty, row, f"{_over(gate)}{also}", former=gate)
    else:
        await _unknown(duty, row)


async def _vote(duty: Duty, row: InboxRow) -> None:
    """Somebody wrote a vote into the thread: read all ballots of the gate that it names."""
    gate, named = duty.state.open_gate, row.body["gate"]
    if gate is not None and named in ("", gate.name):
        # We may have been away between posting its message and knowing that it stands: then the
        # vote waits until we know.
        if gate.shown is not None:
            await _count(duty, gate, row)
        return
    former = next((g for g in duty.state.openings if g.name == named), None)
    if former is not None:
        reason = _over(former)
    else:
        reason = f"{named} is not open" if named else "nothing is asked now"
    if gate is not None:
        reason = f"{reason}; {gate.name} is, with a message of its own"
    await _too_late(duty, row, reason, former=former)


async def _click(duty: Duty, row: InboxRow) -> None:
    """Somebody pressed a button of a gate's message: it is for the opening that was asked there.

    While Slack cannot say who that is the row waits, and with it the bar before any failover:
    unlike a reaction, it cannot be found again.
    """
    gate, body = duty.state.open_gate, row.body
    if gate is not None and gate.shown is None and body["gate"] == gate.name:
        return
    places = (gate.shown, *gate.former) if gate is not None and gate.name == body["gate"] else ()
    if gate is None or (body["channel"], body["ts"]) not in places:
        former = next((g for g in duty.state.openings if g.name == body["gate"]), None)
        reason = _over(former) if former else f"{body['gate']} is no longer open"
        if gate is not None:
            reason = f"{reason}; {gate.name} is, with a message of its own"
        await _too_late(duty, row, reason, former=former)
        return
    pressed, later = datetime.fromisoformat(body["pressed"]), gate.clicks.get(body["user"])
    if later is not None and later.pressed > pressed:
        await _unknown(duty, row)
        await _answer(duty, row, f"You pressed another button of {gate.name} after that.")
        return
    click = Ballot(body["user"], body["choice"], "button", gate.name, body["code"])
    with contextlib.suppress(PeopleUnreadable):
        await counting.clicked(duty, gate, click, pressed, take=[row.key], to=body["answer"])


async def _count(duty: Duty, gate: GateState, row: InboxRow) -> None:
    # Slack away: the hint stays, and with it the bar before any failover.
    user, added = row.body["user"], row.body.get("added", True)
    took_yes = not added and row.body["choice"] == "yes"
    by, away = user if added else "", user if took_yes else ""
    try:
        await counting.count(duty, gate, take=[row.key], asked_by=by, took_away=away)
    except StopUnheard:
        return
    except PeopleUnreadable:
        if gate.outcome != "approved":
            await _unknown(duty, row)


def _counted(gate: GateState, row: InboxRow) -> bool:
    """Whether Slack tells late, or again, of a vote that was read from the message and counted."""
    vote = gate.votes.get(row.body["user"])
    return vote is not None and vote.choice == row.body["choice"]


def _over(gate: GateState) -> str:
    over = gate.outcome if gate.outcome != "approved" else "approved and begun"
    return f"{gate.name} is no longer open ({over})"


async def _too_late(duty: Duty, row: InboxRow, reason: str, *, former: GateState | None) -> None:
    """Refuse a vote that comes too late, once, and tell its author each time.

    At an opening that another one followed, a stop is told to whoever asked for the run as well:
    its author may believe that it stopped something.
    """
    step = former.step if former is not None else ""
    late = former is not None and former not in duty.state.gates.values()
    user, choice = row.body["user"], row.body["choice"]
    present = duty.state.gates.get(step)
    draft = duty.journal.draft(
        Kind.REFUSED,
        by=user,
        step=step,
        user=user,
        choice=choice,
        reason=reason,
        late=late,
    )
    again = present is not None and (user, choice, reason) in present.refused
    await duty.journal.append([] if again else [draft], take=[row.key])
    told = {"withdraw": "There is nothing to take back"}.get(row.body["choice"], _IN_VAIN)
    await _answer(duty, row, f"{told}: {reason}.")


_IN_VAIN = "Your vote does not count"


async def _word(duty: Duty, row: InboxRow) -> None:
    refused = await _may_not(duty, row)
    if refused:
        await _refuse(duty, row, refused)
        return
    verb, stopped = row.body["verb"], duty.state.stop_said
    if verb in _UNDO_A_STOP and stopped is not None and row.at < stopped:
        reason = f"somebody said stop after that; say `{verb}` again where it is still meant"
        await _refuse(duty, row, reason)
        return
    await _VERBS.get(verb, _unknown)(duty, row)


_UNDO_A_STOP = ("resume", "abort", "rollback")
"""Words after which a stop is over: not one that was said later, and read first."""


async def _may_not(duty: Duty, row: InboxRow) -> str:
    """Return why this person's word has no effect, or "" where it has.

    A stop is never refused because Slack cannot be asked who somebody is. Whoever said it at the
    bot's machine has all rights: they could end the process.
    """
    user, verb = row.body["user"], row.body["verb"]
    requester = duty.state.the_request.requester
    if user.startswith(SHELL):
        return ""
    try:
        person = await duty.people.person(user)
        roles = await duty.people.roles(user)
        shared = await duty.people.shared(row.body.get("answer", {}).get("channel", ""))
    except PeopleUnreadable as error:
        free = verb in rights.STOPS or rights.is_own(verb, user, requester)
        return "" if free else f"Slack could not be asked who you are: {error}"
    if shared and verb not in rights.STOPS:
        return shared
    return rights.refusal(verb, person, roles, duty.plan.policy, requester=requester)


async def _refuse(duty: Duty, row: InboxRow, reason: str) -> None:
    draft = duty.journal.draft(
        Kind.REFUSED, by=row.body["user"], word=row.body["verb"], reason=reason, user="", choice=""
    )
    await duty.journal.append([draft], take=[row.key])
    await _answer(duty, row, f"`{row.body['verb']}` was understood, but not done: {reason}.")


async def _answer(duty: Duty, row: InboxRow, text: str) -> None:
    here = {"channel": row.body["channel"], "run": duty.state.run} if "channel" in row.body else {}
    to = {**here, **row.body.get("answer", {}), "user": row.body["user"]}
    await duty.answers.answer(to, text)


# ------------------------------------------------------------------------------- the verbs


async def _pause(duty: Duty, row: InboxRow) -> None:
    draft = duty.journal.draft(Kind.PAUSED, by=row.body["user"], said=row.at)
    await duty.journal.append([draft], take=[row.key])


async def _halt(duty: Duty, row: InboxRow) -> None:
    """Nothing more is sent, not even to bring a group up; say how to bring it up by hand."""
    draft = duty.journal.draft(
        Kind.HALTED,
        by=row.body["user"],
        said=row.at,
        out_of_service=list(duty.state.out_of_service()),
        by_hand=duty.state.by_hand(),
    )
    await duty.journal.append([draft], take=[row.key])


async def _resume(duty: Duty, row: InboxRow) -> None:
    if not (duty.state.halted or duty.state.paused):
        await _refuse(duty, row, "the run is neither halted nor paused")
        return
    draft = duty.journal.draft(Kind.RESUMED, by=row.body["user"])
    await duty.journal.append([draft], take=[row.key])


async def _retry(duty: Duty, row: InboxRow) -> None:
    """Look again and go on; an installation that ended without effect gets a new attempt."""
    hold = duty.state.hold
    if hold is None:
        await _refuse(duty, row, "the run is not held")
        return
    again = await _attempt_again(duty, hold.step)
    duty.tried_since.clear()
    draft = duty.journal.draft(Kind.RETRIED, by=row.body["user"], again=again, step=hold.step)
    await duty.journal.append([draft], take=[row.key])


async def _attempt_again(duty: Duty, held_at: str) -> list[str]:
    step = duty.state.next_step()
    if step is None or step.id != held_at or step.repetition is not Repetition.ONCE:
        return []
    begun = duty.state.of(step)
    if begun.committed_at is None:
        return []
    try:
        facts = await duty.observe()
    except MaintenanceError:
        return []
    findings = duty.found(step, facts)
    ended = recovery.ended_without_effect(findings)
    if ended and not recovery.all_are(findings, Finding.HAPPENED):
        return [step.id]
    return []


async def _abort(duty: Duty, row: InboxRow) -> None:
    """Go to the nearest safe end; which one that is follows from a look."""
    case, group = await _abort_case(duty)
    by = row.body["user"]
    if case == "cannot_tell":
        await _refuse(duty, row, f"it cannot be told whether {group} was started; use `retry`")
        return
    aborted = duty.journal.draft(Kind.ABORTED, by=by, case=case, group=group)
    plan = plan_abort(duty.state, case=case, group=group)
    facts = duty.state.facts
    planned = duty.journal.draft(Kind.PLANNED, **planned_body(plan, facts)) if facts else None
    drafts = [aborted, planned] if planned else [aborted]
    await duty.journal.append(drafts, take=[row.key])


async def _abort_case(duty: Duty) -> tuple[str, str]:
    coming_up = _coming_up(duty)
    if coming_up is not None:
        hold = duty.state.hold
        given_up = hold is not None and hold.step == coming_up.id
        return "not_back" if given_up else "down_not_started", coming_up.group
    step = _down_step(duty)
    if step is None:
        return "nothing_down", ""
    change = duty.state.changing(step.group)
    if change is None:
        return "down_not_started", step.group
    begun = duty.state.of(change)
    if begun.status == "done":
        hold = duty.state.hold
        given_up = hold is not None and hold.step == _return_of(duty, step.group)
        return "not_back" if given_up else "under_way", step.group
    if begun.status == "waiting" or begun.committed_at is None:
        return "down_not_started", step.group
    try:
        facts = await duty.observe()
    except MaintenanceError:
        return "under_way", step.group
    return _case_after_commit(duty, change, facts), step.group


async def _rollback(duty: Duty, row: InboxRow) -> None:
    """Plan the way back for the groups already done; each gets a gate of its own."""
    if duty.state.rolled_back:
        await _refuse(duty, row, "this run is being rolled back already")
        return
    if _coming_up(duty) is not None or _down_step(duty) is not None:
        await _refuse(duty, row, "a group is out of service by this run; first `abort` or `retry`")
        return
    try:
        plan = plan_rollback(duty.state)
    except PlanRefused as refused:
        await _refuse(duty, row, str(refused))
        return
    facts = duty.state.facts
    rolled = duty.journal.draft(Kind.ROLLED_BACK, by=row.body["user"])
    planned = duty.journal.draft(Kind.PLANNED, **planned_body(plan, facts)) if facts else None
    await duty.journal.append([planned, rolled] if planned else [rolled], take=[row.key])


async def _change(duty: Duty, row: InboxRow) -> None:
    """Revise the plan of an open proposal from a fresh look; its votes fall, and it asks anew.

    Bound to the revision that the person saw: of two who change the same one, the first does.
    """
    unchangeable = _unchangeable(duty, row.body["revision"])
    if unchangeable:
        await _refuse(duty, row, unchangeable)
        return
    user = row.body["user"]
    try:
        name = (await duty.people.person(user)).name or user
    except PeopleUnreadable:
        name = user
    try:
        facts = await duty.glance()
        plan = plan_change(duty.state, from_json(Change, row.body["change"]), facts, by=name)
    except PlanRefused as refused:
        await _refuse(duty, row, str(refused))
        return
    except MaintenanceError as error:
        await _refuse(duty, row, f"the group cannot be seen now ({error}); say it again later")
        return
    if lacking := await _nobody_left(duty, plan, user):
        await _refuse(duty, row, lacking)
        return
    gate = duty.state.open_gate
    superseded = [
        duty.journal.draft(
            Kind.GATE_CLOSED,
            by=user,
            step=one.step,
            outcome="superseded",
            reason=plan.cause,
            fallen=[vote.user for vote in one.votes.values() if vote.choice == "yes"],
            changed_by=name,
        )
        for one in ([gate] if gate is not None else [])
    ]
    planned = duty.journal.draft(Kind.PLANNED, by=user, **planned_body(plan, facts, author=user))
    await duty.journal.append([*superseded, planned], take=[row.key])


async def _nobody_left(duty: Duty, plan: Plan, author: str) -> str:
    """Say which gate could not be passed any more without this author's yes, or ""."""
    requester, authors = duty.state.the_request.requester, duty.state.authors
    for name, policy in (("proposal", plan.policy.proposal), ("failover", plan.policy.failover)):
        if policy.requester_may_vote or author in (requester, *authors):
            continue
        try:
            members = {role: await duty.people.members(role) for role in sorted(policy.roles)}
        except PeopleUnreadable as error:
            return f"Slack could not be asked who would be left to approve it: {error}"
        lacking = gates.can_ever_pass(policy, members, requester, (*authors, author))
        if lacking and not gates.can_ever_pass(policy, members, requester, authors):
            return (
                f"whoever changes the plan does not approve it, and without you the {name} gate "
                f"could never pass; it would lack {lacking}. Somebody else has to change it"
            )
    return ""


def _unchangeable(duty: Duty, revision: int) -> str:
    """Say why the proposal cannot be changed now, or "" where it can."""
    state, step = duty.state, duty.state.next_step()
    if step is None or step.kind is not StepKind.PROPOSAL:
        how = "it was aborted" if state.aborted else "it was approved, and the work has begun"
        return f"the proposal can be changed only while it is asked, and {how}"
    if state.resting:
        held = f" ({state.hold.reason})" if state.hold is not None else ""
        return f"the run rests{held}; say `{'retry' if state.hold else 'resume'}` first"
    if state.the_plan.revision != revision:
        return (
            f"you changed revision {revision} of the plan, and it is at revision "
            f"{state.the_plan.revision} meanwhile ({state.the_plan.cause}); look at that first"
        )
    gate = state.open_gate
    if gate is not None and gate.outcome == "approved":
        return f"{gate.name} is approved already"
    return ""


def _case_after_commit(duty: Duty, change: Step, facts: GroupFacts) -> str:
    findings = duty.found(change, facts)
    if recovery.all_are(findings, Finding.HAPPENED):
        return "under_way"
    if recovery.all_are(findings, Finding.NOT_HAPPENED):
        return "down_not_started"
    unclear = recovery.any_is(findings, Finding.CANNOT_TELL)
    if unclear and recovery.ended_without_effect(findings):
        return "down_not_started"
    if recovery.is_over(findings):
        return "interrupted"
    return "cannot_tell" if unclear else "under_way"


def _return_of(duty: Duty, group: str) -> str:
    """Return the id of a group's RETURN: held there, an abort does not wait for it again."""
    step = duty.state.step_of(group, StepKind.RETURN)
    return step.id if step is not None else ""


def _coming_up(duty: Duty) -> Step | None:
    """Return the COMEBACK of a group that a former abort is bringing up, and that is not back."""
    back = (step for step in duty.plan.steps if step.kind is StepKind.COMEBACK)
    return next((step for step in back if duty.state.of(step).status != "done"), None)


def _down_step(duty: Duty) -> Step | None:
    """Return the ADMIN_DOWN of the group in hand: begun, and not back yet."""
    for group in duty.plan.groups:
        down = duty.state.step_of(group.name, StepKind.ADMIN_DOWN)
        back = duty.state.step_of(group.name, StepKind.RETURN)
        if down is None or duty.state.of(down).status == "waiting":
            continue
        if back is not None and duty.state.of(back).status != "done":
            return down
    return None


Taker = Callable[[Duty, InboxRow], Awaitable[None]]

_ROWS: dict[str, Taker] = {
    "shown": _shown,
    UNREADABLE: _unreadable,
    "hint": _hint,
    "vote": _vote,
    "click": _click,
    "word": _word,
}

_VERBS: dict[str, Taker] = {
    "pause": _pause,
    "halt": _halt,
    "resume": _resume,
    "retry": _retry,
    "abort": _abort,
    "rollback": _rollback,
    "change": _change,
}
