"""A run waits for its appointment, and goes on when it has come, or asks where it cannot.

When that is says `engine.appointments`. What may stand in the way then (a freeze, another run of
the group) is waited for as long as the appointment allows; what differs from what was planned
holds the run as it would have in the beginning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine import appointments, calling, freezes, invariants, promises
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import ClocksDiffer, ConditionFailed, MaintenanceError, Missed, WindowEnded
from engine.facts import GroupFacts, differences, in_service
from engine.journal import Kind
from engine.model import Step, StepKind
from engine.stopwatch import CLOCKS_DIFFER
from engine.zoned import lasting
from storage.records import Draft, GroupBusy


async def keep_appointment(duty: Duty, step: Step) -> bool:
    """Go on where the moment has come; False where the run still waits.

    What is seen then is what the rest of the run is measured by: days may have passed. Not where
    a Logical Group is changed already; then it stays what was seen before that.

    Raises:
        Missed: people have to say whether it may still begin.
    """
    due = appointments.opens_at(duty.plan)
    if due is not None and not _has_come(duty, due):
        await calling.call_if_due(duty)
        await tell_of_freezes(duty)
        await _compare_with_plan(duty, step)
        return False
    _refuse_late(duty)
    if why := await _in_the_way(duty):
        await _wait_for(duty, step, why)
        return False
    seen: dict[str, Any] = {"facts": None}
    if not _has_changed_any(duty):
        facts = await duty.observe(full=True)
        _refuse_another_time(duty, step, facts)
        state = await duty.with_former(facts)
        invariants.check(replace(step, kind=StepKind.PREFLIGHT), facts, state)
        trouble, kept = invariants.worth_telling(facts), state.kept_actions
        seen = {"facts": to_json(facts), "trouble": trouble, "kept": kept}
        _refuse_late(duty)
    try:
        await duty.done(step, how="kept", **seen)
    except GroupBusy as busy:
        await _wait_for(duty, step, str(busy))
        return False
    return True


async def prepare(duty: Duty, step: Step, look: Callable[[], Awaitable[None]]) -> bool:
    """Begin to prepare a run for later with its first full look; False where it still waits.

    Another run may have its group: what is seen then is not what will be there, and nothing is
    done beside it.

    Raises:
        Missed: its time came while it waited.
    """
    _refuse_late(duty)
    if why := await _busy(duty):
        await _wait_for(duty, step, why)
        return False
    try:
        await look()
    except GroupBusy as busy:
        await _wait_for(duty, step, str(busy))
        return False
    return True


async def frozen(duty: Duty) -> str:
    """Say in which freeze the group is now, or ""."""
    house, now, about = await duty.journal.house(), duty.clock.now(), duty.stopwatch.about
    duty.house_at, group = house[-1].seq if house else 0, duty.plan.security_group
    return str(freezes.by_any_clock(house, group, now, about, tags=duty.tags) or "")


async def tell_of_freezes(duty: Duty) -> None:
    """Say once of each freeze to come that the work reaches into it, where its plan does not.

    It was announced after people were asked, so whoever votes may not know of it.
    """
    left = [step for step in duty.plan.steps if duty.state.of(step).status != "done"]
    house, now = await duty.journal.house(), duty.clock.now()
    met = freezes.reached(duty.plan, left, house, now, tags=duty.tags)
    written = duty.journal.as_written
    told = [*duty.plan.notes, *(alarm["reason"] for alarm in duty.state.alarms)]
    known = [written(one) for one in told]
    for announced, reason in met.items():
        if not any(written(announced) in one for one in known):
            await duty.journal.write(Kind.ALARMED, what="freeze", reason=reason, mention=True)


def inside(duty: Duty, step: Step) -> None:
    """Refuse to begin with a Logical Group, or to ask whether one may, once the window is over.

    Raises:
        WindowEnded: it is.
    """
    if over := window_over(duty, step):
        raise WindowEnded(over)


def window_over(duty: Duty, step: Step) -> str:
    """Say that a step comes after the end of the window, or ""."""
    until = appointments.ends_at(duty.plan, step.kind)
    if until is None or _latest(duty) < until:
        return ""
    before = f"before Logical Group {step.group}" if step.group else "and nothing had begun"
    return f"the window ended at {duty.told(until)}, {before}"


def may_begin(duty: Duty, kind: StepKind, since: datetime) -> bool:
    """Whether the moment has come from which what a gate lets begin may do so.

    `since`: when the gate was approved.
    """
    begins = appointments.begins_at(duty.plan, kind, since)
    return begins == since or since + duty.stopwatch.about(since) >= begins


def _has_come(duty: Duty, due: datetime) -> bool:
    """Whether a moment has come, whatever was done to the machine's clock since we wait.

    Raises:
        Missed: by that clock it has, and by the time that passed here it has not.
    """
    since = duty.state.last_at or due
    now = since + duty.stopwatch.about(since)
    if now >= due:
        return True
    if duty.clock.now() >= due + CLOCKS_DIFFER:
        raise Missed(
            f"this machine's clock says that {duty.told(due)} has come, but it was set, or the "
            "machine slept: look at the time, then say `retry`"
        )
    return False


def _refuse_another_time(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Refuse to go on where the members say that it is another time, until people have looked.

    A process that began after the clock was set, or the machine slept, cannot know that by itself.

    Raises:
        ClocksDiffer: they do.
    """
    state, due = duty.state, appointments.opens_at(duty.plan)
    asked = (state.answered.step, state.answered.error) if state.answered else ()
    looked = asked == (step.id, ClocksDiffer.__name__)
    if looked and due and state.retried_at and state.retried_at >= due:
        return
    if differ := invariants.another_time(facts):
        raise ClocksDiffer(
            f"{differ}, by which it is time: look at the time on both, then say `retry`; this "
            "machine's clock counts then"
        )


async def _compare_with_plan(duty: Duty, step: Step) -> None:
    """Once a day, and after a restart, see whether it could begin as things are, and say if not.

    Being blind changes nothing: the next advance looks again.
    """
    seen, restarted = duty.state.facts, duty.state.taken_up_at
    if seen is None:
        return
    looked_since = restarted is None or restarted <= seen.at
    if looked_since and duty.stopwatch.about(seen.at) < appointments.COMPARED_EVERY:
        return
    try:
        facts = (await duty.group.observe(full=True)).listing(duty.plan.everyone)
    except MaintenanceError:
        return
    package = duty.plan.package.name
    drafts = [
        duty.journal.draft(
            Kind.SEEN,
            facts=to_json(facts),
            digest=facts.digest(package),
            changes=list(differences(seen.digested(package), facts.digested(package))),
        )
    ]
    if not await duty.journal.occupant() and (why := await _would_not_begin(duty, step, facts)):
        told = [alarm["reason"] for alarm in duty.state.alarms if alarm["what"] == "schedule"]
        if duty.journal.as_written(why) not in told[-1:]:
            alarm = duty.journal.draft(Kind.ALARMED, what="schedule", reason=why, mention=True)
            drafts.append(alarm)
    await duty.journal.append(drafts)


async def _would_not_begin(duty: Duty, step: Step, facts: GroupFacts) -> str:
    state = await duty.with_former(facts)
    try:
        invariants.check(replace(step, kind=StepKind.PREFLIGHT), facts, state)
    except ConditionFailed as differs:
        return f"as things are it would not begin: {differs}"
    return ""


def _refuse_late(duty: Duty) -> None:
    plan, latest = duty.plan, appointments.latest_at(duty.plan, _last_said(duty))
    if plan.appointment is None or latest is None or _latest(duty) < latest:
        return
    why = duty.state.waits_for
    because = f" ({why})" if why else ": nobody was there, or what comes before took longer"
    if plan.appointment.until is not None:
        raise WindowEnded(
            f"the window ended at {duty.told(latest)}, and nothing had begun{because}"
        )
    late = _latest(duty) - plan.appointment.start
    raise Missed(
        f"it was to begin at {duty.told(plan.appointment.start)}, and {lasting(late)} later it had "
        f"not{because}; say `retry` where it may begin now"
    )


def _last_said(duty: Duty) -> datetime | None:
    """Return when people last said that it may go on: by `retry`, or by approving the proposal."""
    asked = [g.closed_at for g in duty.state.gates.values() if g.outcome == "approved"]
    said = [one for one in (*asked, duty.state.retried_at) if one is not None]
    return max(said, default=None)


def _latest(duty: Duty) -> datetime:
    now = duty.clock.now()
    return max(now, duty.stopwatch.latest(duty.state.last_at or now))


async def _in_the_way(duty: Duty) -> str:
    """Say what keeps the run from going on, or ""."""
    return await frozen(duty) or await _busy(duty)


async def _busy(duty: Duty) -> str:
    other = await duty.journal.occupant()
    return f"{duty.plan.security_group} is busy with {other}" if other else ""


def _has_changed_any(duty: Duty) -> bool:
    kinds = (StepKind.INSTALL, StepKind.UNINSTALL)
    return any(s.kind in kinds and duty.state.of(s).status == "done" for s in duty.plan.steps)


async def _wait_for(duty: Duty, step: Step, why: str) -> None:
    if duty.journal.as_written(why) != duty.state.waits_for:
        await duty.journal.write(Kind.BARRED, step=step.id, reason=why)


async def end_before_it_began(
    duty: Duty, state: str, first: Draft, *, take: Sequence[str] = ()
) -> None:
    """End a run of which nothing is under way, without asking anything of its group.

    Another run may be about that, with members out of service by its acts. `first` is the record
    that says why, `take` the rows of the inbox that it comes from.
    """
    facts, words = duty.state.facts, duty.plan.policy.state_words
    members = facts.members if facts is not None else ()
    ended: dict[str, Any] = {
        "state": state,
        "takes": sorted({m.take for m in members if m.take is not None}),
        "members": {m.id: m.take for m in members},
        "out_of_service": [m.id for m in members if not in_service(m, words)],
        "left_out": list(duty.plan.left_out),
        "cloning_owed": False,
    }
    draft = duty.journal.draft(Kind.ENDED, **ended)
    records = [*await duty.journal.records(), duty.journal.foreseen(draft)]
    judged = duty.journal.draft(Kind.ENDED, **ended, promises=promises.judge(records))
    await duty.journal.append([first, judged], take=take)
