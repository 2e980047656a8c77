"""A Logical Group leaves service and comes back into it: READY, ADMIN_DOWN, ADMIN_UP.

And what every commit asks for once more, right before the answer that commits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from engine import headroom, invariants, recovery
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import ConditionFailed, EffectGone, MemberUnreachable, TooLate
from engine.facts import GroupFacts, MemberId, surely_out
from engine.group import CommitChange
from engine.journal import Kind
from engine.model import Step, StepKind
from engine.recovery import Finding
from engine.steps.preparing import as_listed, in_turn
from storage.records import Json


async def ready(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Check everything that the failover needs; what is seen becomes the gate's evidence."""
    if back := _back_with_cloning_on(duty, facts):
        reason = f"{', '.join(back)}, left out of the plan, came back with auto-clone on"
        await duty.journal.write(Kind.UNDONE, steps=["CLONING_OFF"], by="a look", reason=reason)
        return
    if not await duty.cpuse_answers(step, duty.plan.concerning(facts).members):
        return
    _effects_still_there(duty, step, facts)
    invariants.check(step, facts, duty.state)
    change = duty.state.changing(step.group)
    package, at = duty.plan.package, step.members[0]
    if change is not None and change.kind is StepKind.INSTALL:
        await in_turn(duty, step, lambda: duty.group.verify(package, step.members, at=at))
    elif duty.plan.phase == "fresh":
        # On the way back nothing may stand in between that the dialogue does not ask itself.
        listed = as_listed(duty, facts, step.members)
        await in_turn(duty, step, lambda: duty.group.verify_uninstall(listed))
    await duty.done(step, how="ready", facts=to_json(facts), headroom=_headroom(duty, step, facts))


def _back_with_cloning_on(duty: Duty, facts: GroupFacts) -> list[MemberId]:
    """Return who was left out and has auto-clone on, so that it is switched off once more.

    Such a member was away when it was switched off. As often as there are such members; after
    that somebody switches it on, and the run holds.
    """
    off = duty.state.of("CLONING_OFF")
    if off.status != "done" or off.attempt > len(duty.plan.left_out):
        return []
    words = duty.plan.policy.state_words
    return [
        m.id for m in facts.some(duty.plan.left_out) if m.auto_clone and not surely_out(m, words)
    ]


def _effects_still_there(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """A step recorded as done is not trusted on memory (P4)."""
    if on := cloning_on_again(duty, facts):
        raise EffectGone(f"CLONING_OFF: auto-clone is on again on {', '.join(on)}")
    for group in duty.plan.groups:
        change = duty.state.changing(group.name)
        if change is None or group.name == step.group or duty.state.of(change).status != "done":
            continue
        lost = [
            m.id
            for m in facts.some(group.members)
            if m.answered and recovery.is_undone(m, change, duty.plan)
        ]
        if lost:
            raise EffectGone(f"{change.id}: its effect is gone on {', '.join(lost)}")


def cloning_on_again(duty: Duty, facts: GroupFacts) -> list[MemberId]:
    """Return where image auto-clone was switched on since we switched it off, or saw it off."""
    if duty.state.of("CLONING_OFF").status != "done":
        return []
    words = duty.plan.policy.state_words
    out = {m.id for m in facts.some(duty.plan.left_out) if surely_out(m, words)}
    return [m.id for m in facts.others(out) if m.auto_clone]


def _headroom(duty: Duty, step: Step, facts: GroupFacts) -> dict[str, object]:
    """Say what the members that stay will carry, from connections counted now."""
    seen = headroom.headroom(step.members, duty.plan.members, headroom.active_site(facts))
    health = duty.plan.concerning(facts).health
    connections = {h.id: h.connections or 0 for h in health}
    return {
        "connections_now": sum(connections.get(one, 0) for one in seen.carrying),
        "members_that_stay": len(seen.staying),
        "each_then": seen.each_then(connections),
        "times": round(seen.times, 2),
        "limit": duty.plan.policy.connections_limit,
    }


async def admin_down(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Take a Logical Group out of service. The runner has looked at the gate before."""
    findings = recovery.admin_down(step, facts)
    if recovery.all_are(findings, Finding.HAPPENED) and duty.state.of(step).status == "intended":
        if taken_over(duty, step, outside(duty, step, facts), facts):
            await duty.done(step, how="seen")
            return
        await duty.pause(duty.plan.policy.settle)
        return
    if duty.tried_for(step) > duty.plan.policy.limits.admin_down:
        raise TooLate(f"{step.id}: {recovery.told(findings)}")
    left = [one for one, found in findings.items() if found.finding is not Finding.HAPPENED]
    if len(left) < len(step.members):
        still_tonight(duty, step)
        still_carrying(duty, step, facts)
    try:
        await duty.group.admin_state(
            "down",
            left,
            at=_helper(duty, step, facts),
            outside=outside(duty, step, facts),
            name=duty.approvers(step.group),
            reason=duty.audit_reason(),
            accelerated=_accelerated(duty),
            commit=committing(duty, step),
        )
    except MemberUnreachable:
        await duty.pause(duty.plan.policy.settle)
        return
    await duty.settle(
        step,
        lambda seen: _is_down(duty, step, seen),
        duty.plan.policy.limits.admin_down,
        f"DOWN on {', '.join(step.members)}",
    )
    await duty.done(step, how="acted")


def _is_down(duty: Duty, step: Step, seen: GroupFacts) -> bool:
    """Tell whether the group is down.

    Raises:
        ConditionFailed: a member outside it left service; that is not waited out.
    """
    if trouble := invariants.members_out(step.members, seen, duty.plan):
        raise ConditionFailed("; ".join(trouble))
    # Where a Site went down as a whole it is over when the other one carries the traffic.
    over = taken_over(duty, step, outside(duty, step, seen), seen)
    return over and recovery.all_are(recovery.admin_down(step, seen), Finding.HAPPENED)


TAKE_OVER = timedelta(seconds=30)
"""How long a Site may need to take over from another one before that counts as not happening.

A guess: nobody measured it. Connections are lost from the first second on, so it is short.
"""


def taken_over(duty: Duty, step: Step, members: Sequence[MemberId], seen: GroupFacts) -> bool:
    """Tell whether one Site carries the traffic, with each of these members that belongs to it.

    A Site that takes over needs a moment; for so long this is False.

    Raises:
        ConditionFailed: it did not happen in that time.
    """
    key = f"take-over/{step.id}"
    problems = invariants.one_site_carries(seen.some(members), seen)
    if not problems:
        duty.tried_since.pop(key, None)
        return True
    since = duty.tried_since.setdefault(key, duty.clock.monotonic())
    if duty.clock.monotonic() - since >= TAKE_OVER.total_seconds():
        del duty.tried_since[key]
        raise ConditionFailed("; ".join(problems))
    return False


def still_carrying(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Refuse where a member that must carry traffic does not.

    Raises:
        ConditionFailed: with each of them.
    """
    problems = invariants.carrying_traffic(step.members, facts, duty.plan)
    if problems:
        raise ConditionFailed("; ".join(problems))


def _still_out(duty: Duty, step: Step, facts: GroupFacts) -> None:
    problems = invariants.started_while_down(facts.some(step.members), duty.plan)
    if problems:
        raise ConditionFailed("; ".join(problems))


def outside(duty: Duty, step: Step, facts: GroupFacts) -> list[MemberId]:
    """Return the members that must carry traffic meanwhile: the device checks them once more."""
    return [m.id for m in duty.plan.concerning(facts).others(step.members)]


def _helper(duty: Duty, step: Step, facts: GroupFacts) -> MemberId:
    """Return a member outside the group, in service, to act from."""
    serving = [m for m in duty.serving(facts) if m not in step.members]
    if not serving:
        raise ConditionFailed("no member outside the group is in service")
    return serving[0]


def _accelerated(duty: Duty) -> bool:
    """Whether this device offers to synchronise accelerated connections first."""
    baseline = duty.state.baseline
    return bool(baseline and baseline.syncs_accelerated)


def committing(duty: Duty, step: Step) -> CommitChange:
    """Return what happens right before an answer that commits: a look, then COMMITTING.

    Where several answers of a dialogue may be the one, each has a look; one record is for all.
    """
    written = False

    async def commit(on: MemberId, /, *, restart_announced: bool | None = None) -> None:
        nonlocal written
        facts = await duty.glance()
        duty.still_wanted(step)
        still_carrying(duty, step, facts)
        if cloning := invariants.cloning_on(facts, duty.plan):
            raise ConditionFailed("; ".join(cloning))
        if duty.plan.starts_down(step):
            _still_out(duty, step, facts)
        announced: dict[str, Json] = (
            {} if restart_announced is None else {"restart_announced": restart_announced}
        )
        draft = duty.journal.draft(
            Kind.COMMITTING,
            step=step.id,
            attempt=duty.state.of(step).attempt,
            on=on,
            **announced,
            in_service=duty.carrying(facts),
            states={m.id: m.state for m in facts.members},
            cloning={m.id: m.auto_clone for m in facts.members if m.answered},
        )
        await duty.journal.append([] if written else [draft], unless_word=True)
        written = True

    return commit


def _commit_up(duty: Duty, step: Step) -> Callable[[MemberId], Awaitable[None]]:
    """Bringing up is never forbidden; only a person's stop comes before it."""
    written = False

    async def commit(on: MemberId) -> None:
        nonlocal written
        duty.still_wanted(step)
        draft = duty.journal.draft(
            Kind.COMMITTING, step=step.id, attempt=duty.state.of(step).attempt, on=on
        )
        await duty.journal.append([] if written else [draft], unless_word=True)
        written = True

    return commit


def still_tonight(duty: Duty, step: Step) -> None:
    """Refuse to go on with a failover that began long ago: what people approved was for then.

    A bot that was away for days may find a group down. Whether that group is installed now, or
    brought up, is for people to say; `retry` and `resume` give new time. An approval is a right:
    it has run out as soon as one of the clocks says so.

    Raises:
        TooLate: it began longer ago than an installation may take.
    """
    down = duty.state.step_of(step.group, StepKind.ADMIN_DOWN)
    began = duty.state.of(down).intended_at if down is not None else None
    given = (began, duty.state.retried_at, duty.state.resumed_at)
    lasted = [duty.stopwatch.latest(one) - one for one in given if one is not None]
    if began is not None and min(lasted) > duty.plan.policy.limits.install:
        raise TooLate(
            f"{step.id}: the failover of {step.group} began at {duty.told(began)}, and its "
            "approval was for then"
        )


async def bring_up(duty: Duty, step: Step, facts: GroupFacts, members: list[MemberId]) -> None:
    """Send ADMIN_UP for these members."""
    serving = [m for m in duty.serving(facts) if m not in members]
    serving.sort(key=lambda m: bool(facts.member(m).session_open))
    await duty.group.admin_state(
        "up",
        members,
        at=serving[0] if serving else members[0],
        outside=(),
        name=duty.approvers(step.group),
        reason=duty.audit_reason(),
        accelerated=False,
        commit=_commit_up(duty, step),
    )


async def admin_up(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Bring a Logical Group back up, but for those whom only their announced restart brings up."""
    due = recovery.yet_to_restart(step.members, facts, duty.state)
    down = [m.id for m in facts.some(step.members) if "ADMIN" in m.notes and m.id not in due]
    if not down:
        # A former executor's ADMIN_DOWN that is still open would take them down after this.
        invariants.nobody_else(facts, duty.plan)
        await duty.done(step, how="seen")
        return
    if duty.tried_for(step) > duty.plan.policy.limits.admin_down:
        raise TooLate(f"{step.id}: {', '.join(down)} still DOWN")
    await duty.intend(step, facts)
    try:
        await bring_up(duty, step, facts, down)
    except MemberUnreachable:
        await duty.pause(duty.plan.policy.settle)
