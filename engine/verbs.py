"""What each word does to a run: it stops it, lets it go on, or gives it another plan.

A word is taken in the transaction of the record that it causes. One that would do nothing, or that
cannot be done now, is refused with a reason. Who may say it is settled before, in `engine.words`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping

from engine import attendance, freezes, gates, recovery, waits
from engine.answering import Answer
from engine.canon import Unfamiliar, whole_from_json
from engine.duty import Duty
from engine.errors import MaintenanceError, PeopleUnreadable, PlanRefused
from engine.facts import GroupFacts, MemberId, spelled
from engine.journal import Kind, planned_body
from engine.model import Appointment, LogicalGroup, Plan, Repetition, Step, StepKind
from engine.planner import plan_abort, plan_rollback
from engine.proposals import Change, plan_change, plan_move, plan_other_take
from engine.recovery import Finding
from engine.without import plan_without
from storage.records import Draft, InboxRow, Json, every_waiting

ENDS_A_STOP = ("resume", "abort", "rollback")
"""Words after which a stop is over: not one that was said later, and taken first."""

ENDS_A_REST = (*ENDS_A_STOP, "retry", "change")
"""Words after which a run goes on from a hold or a stop."""


async def _pause(duty: Duty, row: InboxRow) -> None:
    draft = duty.journal.draft(
        Kind.PAUSED,
        by=row.body["user"],
        slack_said=row.body.get("said", ""),
        overtook=await _overtaken(duty, row),
    )
    await duty.journal.append([draft], take=[row.key])


async def _halt(duty: Duty, row: InboxRow) -> None:
    """Nothing more is sent, not even to bring a group up; say how to bring it up by hand."""
    draft = duty.journal.draft(
        Kind.HALTED,
        by=row.body["user"],
        slack_said=row.body.get("said", ""),
        overtook=await _overtaken(duty, row),
        out_of_service=list(duty.state.out_of_service()),
        by_hand=duty.state.by_hand(),
        by_hand_waits=duty.state.by_hand_waits(),
    )
    await duty.journal.append([draft], take=[row.key])


async def _overtaken(duty: Duty, stop: InboxRow) -> list[str]:
    """Return which words wait that were heard before a stop, and that would undo it now.

    They are named by their keys, in the stop's own record: no clock has to tell which came first.
    """
    rows = await asyncio.to_thread(
        lambda: list(every_waiting(duty.inbox, run=duty.state.run, kinds=("word",)))
    )
    before = itertools.takewhile(lambda row: row.key != stop.key, rows)
    return [row.key for row in before if row.body.get("verb") in ENDS_A_STOP]


async def _resume(duty: Duty, row: InboxRow) -> None:
    if not (duty.state.halted or duty.state.paused):
        await refuse(duty, row, "the run is neither halted nor paused")
        return
    duty.asked_again()
    draft = duty.journal.draft(Kind.RESUMED, by=row.body["user"])
    await duty.journal.append([draft], take=[row.key])


async def _retry(duty: Duty, row: InboxRow) -> None:
    """Look again and go on; an installation that ended without effect gets a new attempt."""
    hold = duty.state.hold
    if hold is None:
        await refuse(duty, row, "the run is not held")
        return
    duty.asked_again()
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
    duty.asked_again()
    case, group = await _abort_case(duty)
    by = row.body["user"]
    leaves_it = duty.plan.is_scheduled_rollback or await duty.journal.occupant()
    if not duty.state.occupies and leaves_it:
        # The uploaded file stays: the other run may be about the same one.
        aborted = duty.journal.draft(Kind.ABORTED, by=by, case="nothing_down", group="")
        await waits.end_before_it_began(duty, "aborted", aborted, take=[row.key])
        return
    if case == "cannot_tell":
        await refuse(duty, row, await _not_told_yet(duty, group))
        return
    kept = await _kept_in(duty, group) if case == "interrupted" else {}
    aborted = duty.journal.draft(Kind.ABORTED, by=by, case=case, group=group, kept=kept)
    plan = plan_abort(duty.state, case=case, group=group)
    facts = duty.state.facts
    planned = duty.journal.draft(Kind.PLANNED, **planned_body(plan, facts)) if facts else None
    drafts = [aborted, planned] if planned else [aborted]
    await duty.journal.append(drafts, take=[row.key])


async def _kept_in(duty: Duty, group: str) -> Mapping[MemberId, int]:
    """Return what CPUSE keeps as in progress of work that is given up: nobody waits for it."""
    change = duty.state.changing(group)
    if change is None or duty.state.of(change).committed_at is None:
        return {}
    try:
        facts = await duty.observe()
    except MaintenanceError:
        return {}
    return recovery.kept(change, facts, duty.found(change, facts))


async def _not_told_yet(duty: Duty, group: str) -> str:
    """Say why an abort cannot tell what became of a group, and what helps."""
    change = duty.state.changing(group)
    try:
        findings = duty.found(change, await duty.observe()) if change is not None else {}
    except MaintenanceError:
        findings = {}
    at_work = [one for one, found in findings.items() if found.finding is Finding.UNDER_WAY]
    if not at_work:
        return f"it cannot be told whether {group} was started; use `retry`"
    return (
        f"the work on {spelled(at_work)} goes on ({findings[at_work[0]].why}), so what came of "
        f"{group} cannot be told yet; say `abort` again once it has ended"
    )


async def _abort_case(duty: Duty) -> tuple[str, str]:
    """Return the case of `engine.planner.plan_abort`, and the Logical Group in hand."""
    case, group = await _case_of_down(duty)
    down = duty.state.taken_by(group) if group else None
    not_ours = down is not None and duty.plan.starts_down(down)
    if not_ours and case in ("down_not_started", "interrupted"):
        return "left_down", group
    return case, group


async def _case_of_down(duty: Duty) -> tuple[str, str]:
    coming_up = _coming_up(duty)
    if coming_up is not None:
        hold = duty.state.hold
        given_up = hold is not None and hold.step == coming_up.id
        return "not_back" if given_up else "down_not_started", coming_up.group
    step = _down_step(duty)
    if step is None:
        return await _case_of_undone(duty)
    if duty.plan.starts_down(step) and duty.state.of(step).committed_at is None:
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
        return _case_without_work(duty, step.members), step.group
    try:
        facts = await duty.observe()
    except MaintenanceError:
        return "under_way", step.group
    return _case_after_commit(duty, change, facts), step.group


async def _case_of_undone(duty: Duty) -> tuple[str, str]:
    """Return the case where no group is in hand: one may be down by an attempt that was undone.

    A dialogue that ended otherwise than expected says nothing about what came of it, so a group
    that this run once meant to take down, and of which members are down so, is brought up.
    """
    begun = [group for group in duty.plan.groups if _may_be_left_down(duty, group)]
    if not begun:
        return "nothing_down", ""
    try:
        facts = await duty.observe()
    except MaintenanceError:
        return "cannot_tell", begun[0].name
    for group in begun:
        members = facts.some(group.members)
        if any("ADMIN" in member.notes for member in members):
            at_work = any(duty.state.busy(member) for member in members)
            case = "cannot_tell" if at_work else _case_without_work(duty, group.members)
            return case, group.name
    return "nothing_down", ""


def _case_without_work(duty: Duty, members: Collection[MemberId]) -> str:
    """Return the case where nothing goes on: a former attempt may have begun all the same.

    One that was seen done is no such attempt: where a rollback leads back, nothing is in doubt.
    """
    return "interrupted" if duty.state.never_done & set(members) else "down_not_started"


def _left_down(duty: Duty) -> bool:
    """Tell whether a member is down by an attempt that was undone, as far as was last seen."""
    facts = duty.state.facts
    begun = [group for group in duty.plan.groups if _may_be_left_down(duty, group)]
    return facts is not None and any(
        "ADMIN" in member.notes for group in begun for member in facts.some(group.members)
    )


def _may_be_left_down(duty: Duty, group: LogicalGroup) -> bool:
    """Tell whether an attempt to take a group down was undone, and it was not back since."""
    back = duty.state.step_of(group.name, StepKind.RETURN)
    if back is None or duty.state.of(back).status == "done":
        return False
    return group.name in duty.state.down_undone


async def _rollback(duty: Duty, row: InboxRow) -> None:
    """Plan the way back for the groups already done; each gets a gate of its own."""
    if duty.state.rolled_back:
        await refuse(duty, row, "this run is being rolled back already")
        return
    held = duty.state.hold
    otherwise = held is not None and _back_otherwise(duty, held.step) is not None
    in_hand = _coming_up(duty) is not None or _down_step(duty) is not None or _left_down(duty)
    if in_hand and not otherwise:
        down = bool(duty.state.out_of_service())
        why = "a group is out of service by this run" if down else "a group's work is not over"
        await refuse(duty, row, f"{why}; first `abort` or `retry`")
        return
    duty.asked_again()
    try:
        plan = plan_rollback(duty.state)
    except PlanRefused as refused:
        await refuse(duty, row, str(refused))
        return
    facts = duty.state.facts
    rolled = duty.journal.draft(Kind.ROLLED_BACK, by=row.body["user"])
    planned = duty.journal.draft(Kind.PLANNED, **planned_body(plan, facts)) if facts else None
    await duty.journal.append([planned, rolled] if planned else [rolled], take=[row.key])


async def _change(duty: Duty, row: InboxRow) -> None:
    """Revise the plan of an open proposal from a fresh look; its votes fall, and it asks anew.

    Bound to the revision that the person saw: of two who change the same one, the first does.
    """
    unchangeable = _unchangeable(duty, row.body["revision"], row.body["change"])
    if unchangeable:
        await refuse(duty, row, unchangeable)
        return
    user = row.body["user"]
    try:
        name = (await duty.people.person(user)).name or user
    except PeopleUnreadable:
        name = user
    try:
        change = whole_from_json(Change, row.body["change"])
    except Unfamiliar as unknown:
        await refuse(duty, row, f"it says {unknown}, which this version does not know")
        return
    held = duty.state.hold
    try:
        facts = await duty.glance()
        if change.appointment is not None:
            plan = await _moved(duty, change.appointment, name)
        elif held is not None and change.left_out is not None:
            seen = facts.listing(duty.plan.everyone)
            plan = plan_without(duty.state, change.left_out, seen, by=name)
        elif held is not None:
            plan = plan_other_take(duty.state, change, _back_otherwise(duty, held.step), by=name)
        else:
            plan = plan_change(duty.state, change, facts, by=name)
    except PlanRefused as refused:
        await refuse(duty, row, str(refused))
        return
    except MaintenanceError as error:
        await refuse(duty, row, f"the group cannot be seen now ({error}); say it again later")
        return
    if lacking := await _nobody_left(duty, plan, user):
        await refuse(duty, row, lacking)
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
    # Whoever accepts what nobody expected lets the run go on: to a gate, for others to agree.
    on = [duty.journal.draft(Kind.RETRIED, by=user, again=[], step=held.step)] if held else []
    await duty.journal.append([*superseded, planned, *on], take=[row.key])


async def _moved(duty: Duty, appointment: Appointment, name: str) -> Plan:
    """Return the plan for another appointment.

    Raises:
        PlanRefused: it cannot be moved, or not into a freeze.
    """
    now, house = duty.clock.now(), await duty.journal.house()
    plan = plan_move(duty.state, appointment, now, by=name)
    group, start = plan.security_group, appointment.start
    if start > now and (frozen := freezes.into(house, group, now, appointment, tags=duty.tags)):
        raise PlanRefused(frozen)
    return freezes.noted(plan, house, now, tags=duty.tags)


async def _attends(duty: Duty, row: InboxRow) -> None:
    """Take whether somebody will be there, of whom the failovers may need.

    Where nobody could approve them without this person, that is told at once, while it is day.
    """
    user, there = row.body["user"], row.body["verb"] == "there"
    appointment = duty.plan.appointment
    has_come = appointment is not None and duty.clock.now() >= appointment.start
    if not attendance.is_asked(duty.state) or has_come:
        await refuse(duty, row, "nothing waits for its time here; votes count at the gates")
        return
    policy = duty.plan.policy.failover
    try:
        person, roles = await duty.people.person(user), await duty.people.roles(user)
        members = {role: await duty.people.members(role) for role in sorted(policy.roles)}
    except PeopleUnreadable as error:
        await refuse(duty, row, f"Slack could not be asked who you are: {error}")
        return
    if refused := attendance.refusal(duty.state, person, roles):
        await refuse(duty, row, refused)
        return
    mine, known = policy.roles & roles, duty.state.attending.get(user)
    if known is not None and (known.there, known.roles) == (there, mine):
        await duty.journal.append([], take=[row.key])
        return
    name = person.name or user
    said = duty.journal.draft(
        Kind.ATTENDING, by=user, user=user, name=name, there=there, roles=sorted(mine)
    )
    alone = [] if there else _nobody_comes(duty, members, name, user)
    await duty.journal.append([said, *alone], take=[row.key])


def _nobody_comes(
    duty: Duty, members: Mapping[str, Collection[str]], name: str, user: str
) -> list[Draft]:
    """Return the record that says that nobody could approve the failovers, where it is so."""
    lacking = attendance.nobody_left(duty.state, members, user)
    gone = [one.name for one in attendance.away(duty.state) if one.user != user]
    reason = (
        f"without {' and '.join([*gone, name])} nobody could approve the failovers; they would "
        f"lack {lacking}"
    )
    if not lacking:
        return []
    return [duty.journal.draft(Kind.ALARMED, what="attendance", reason=reason, mention=True)]


async def _nobody_left(duty: Duty, plan: Plan, author: str) -> str:
    """Say which gate could not be passed any more without this author's yes, or ""."""
    requester, authors = duty.state.the_request.requester, duty.state.authors
    for kind in (StepKind.PROPOSAL, StepKind.FAILOVER):
        name, policy = kind.lower(), plan.policy_at(kind)
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


def _back_otherwise(duty: Duty, held_at: str) -> Step | None:
    """Return the RETURN at which the run holds because another take came back, all in service."""
    step, facts = duty.state.next_step(), duty.state.facts
    if step is None or step.id != held_at or facts is None:
        return None
    return step if recovery.came_back_otherwise(step, facts, duty.plan) else None


def _unchangeable(duty: Duty, revision: int, change: Mapping[str, Json]) -> str:
    """Say why the proposal cannot be changed now, or "" where it can."""
    state, step = duty.state, duty.state.next_step()
    if change.get("appointment") is not None:
        return _another_revision(duty, revision)
    proposed = step is not None and step.kind is StepKind.PROPOSAL
    if state.hold is not None and not proposed and change.get("left_out") is not None:
        others = [name for name, value in change.items() if value and name != "left_out"]
        if others:
            return f"where a run holds `without` is said alone, not with {', '.join(others)}"
        return _another_revision(duty, revision)
    if state.hold is not None and change.get("take") is not None:
        if _back_otherwise(duty, state.hold.step) is None:
            return "the run does not hold because another take came back"
        return _another_revision(duty, revision)
    if step is None or step.kind is not StepKind.PROPOSAL:
        how = "it was aborted" if state.aborted else "it was approved, and the work has begun"
        return f"the proposal can be changed only while it is asked, and {how}"
    if state.resting:
        held = f" ({state.hold.reason})" if state.hold is not None else ""
        return f"the run rests{held}; say `{'retry' if state.hold else 'resume'}` first"
    if another := _another_revision(duty, revision):
        return another
    gate = state.open_gate
    if gate is not None and gate.outcome == "approved":
        return f"{gate.name} is approved already"
    return ""


def _another_revision(duty: Duty, revision: int) -> str:
    plan = duty.plan
    if plan.revision == revision:
        return ""
    return (
        f"you changed revision {revision} of the plan, and it is at revision {plan.revision} "
        f"meanwhile ({plan.cause}); look at that first"
    )


def _case_after_commit(duty: Duty, change: Step, facts: GroupFacts) -> str:
    """Return the case where the answer that commits was given; it may have begun and failed."""
    findings = duty.found(change, facts)
    if recovery.all_are(findings, Finding.HAPPENED):
        return "under_way"
    if recovery.all_are(findings, Finding.NOT_HAPPENED):
        return "down_not_started"
    unclear = recovery.any_is(findings, Finding.CANNOT_TELL)
    if unclear and recovery.ended_without_effect(findings):
        return "interrupted"
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
    """Return the step that took the group in hand: begun, and not back yet."""
    for group in duty.plan.groups:
        down = duty.state.taken_by(group.name)
        back = duty.state.step_of(group.name, StepKind.RETURN)
        if down is None or duty.state.of(down).status == "waiting":
            continue
        if back is not None and duty.state.of(back).status != "done":
            return down
    return None


async def refuse(duty: Duty, row: InboxRow, reason: str) -> None:
    """Take a word that has no effect, and tell whoever said it why."""
    await _refuse(duty, row, reason, f"was understood, but not done: {reason}")


async def not_known(duty: Duty, row: InboxRow) -> None:
    """Take a word that only a newer version knows: it changes nothing, and its author is told."""
    reason = "this version does not know that word"
    later = "say it again once the newer one runs everywhere"
    await _refuse(duty, row, reason, f"changed nothing: {reason}; {later}")


async def _refuse(duty: Duty, row: InboxRow, reason: str, told: str) -> None:
    told = f"`{row.body['verb']}` {told}."
    draft = duty.journal.draft(
        Kind.REFUSED, by=row.body["user"], word=row.body["verb"], reason=reason, user="", choice=""
    )
    await duty.decide([draft], take=[row.key], tell=[answer(duty, row, told)])


def answer(duty: Duty, row: InboxRow, text: str) -> Answer:
    """Return what tells whoever said something what came of it, where they said it."""
    here = {"channel": row.body["channel"], "run": duty.state.run} if "channel" in row.body else {}
    return Answer({**here, **row.body.get("answer", {}), "user": row.body["user"]}, text)


Verb = Callable[[Duty, InboxRow], Awaitable[None]]

VERBS: Mapping[str, Verb] = {
    "pause": _pause,
    "halt": _halt,
    "resume": _resume,
    "retry": _retry,
    "abort": _abort,
    "rollback": _rollback,
    "change": _change,
    "there": _attends,
    "away": _attends,
}
"""How each word is taken that people say to a run."""
