"""The software of a Logical Group changes while it is down, and its members come back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from engine import invariants, planner, recovery
from engine.duty import Duty
from engine.enforced import lost_virtual, same_policy
from engine.errors import (
    ConditionFailed,
    EffectGone,
    InDoubt,
    MemberUnreachable,
    NotNow,
    SessionOpen,
    StepFailed,
    TooLate,
)
from engine.facts import GroupFacts, MemberFacts, MemberId, in_service, is_initial, spelled
from engine.gaia.dialect import dialect
from engine.journal import Kind, planned_body
from engine.model import LAST_TAKE, Step, StepKind
from engine.recovery import Finding
from engine.steps.preparing import in_turn
from engine.steps.traffic import (
    bring_up,
    cloning_on_again,
    committing,
    outside,
    still_carrying,
    still_tonight,
    taken_over,
)

Intend = Callable[[], Awaitable[None]]


async def change(duty: Duty, step: Step, facts: GroupFacts, intend: Intend | None = None) -> None:
    """INSTALL or UNINSTALL on a group that is down; begun at most once per attempt (P3).

    `intend` writes the intent where that is more than usual: with the gate that it passes.
    """
    begun = duty.state.of(step)
    if begun.committed_at is None and not await _cpuse_answers(duty, step, facts):
        return
    if begun.status == "intended":
        await alarm_cloning(duty, step, facts)
    if begun.status == "intended" and not await _resolved(duty, step, facts):
        return
    if duty.state.of(step).status == "done":
        return
    if begun.committed_at is not None and duty.plan.starts_down(step) and not duty.state.aborted:
        # Nothing came of it, and its approval was for then: the runner asks for it anew.
        return
    if duty.state.aborted:
        ours = not duty.plan.starts_down(step)
        await replan_abort(duty, "down_not_started" if ours else "left_down", step.group)
        return
    _downs_still_there(duty, step, facts)
    still_tonight(duty, step)
    invariants.check(step, facts, duty.state)
    await (intend() if intend is not None else duty.intend(step, facts))
    removal = duty.plan.removal

    async def begin() -> None:
        starting = duty.group.change(
            step.kind,
            duty.plan.package,
            step.members,
            at=step.members[0],
            outside=outside(duty, step, facts),
            name=duty.approvers(step.group),
            reason=duty.audit_reason(),
            commit=committing(duty, step),
            method=removal.method if removal is not None else LAST_TAKE,
        )
        try:
            await duty.watching(starting, lambda seen: still_carrying(duty, step, seen))
        except NotNow as refused:
            if duty.state.of(step).committed_at is not None:
                # It may have begun all the same: nobody asks a second time (P3).
                raise StepFailed(str(refused)) from refused
            raise

    try:
        await in_turn(duty, step, begin)
    except MemberUnreachable:
        if duty.tried_for(step) > duty.plan.policy.limits.admin_down:
            raise
        await duty.pause(duty.plan.policy.settle)


async def _cpuse_answers(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Wait for the CPUSE of whom the work is about; not where traffic is in danger meanwhile."""
    if invariants.carrying_traffic(step.members, facts, duty.plan):
        return True
    return await duty.cpuse_answers(step, facts.some(step.members))


def _downs_still_there(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Nobody came up meanwhile; whom a former attempt changed came back by itself.

    Raises:
        EffectGone: somebody did, and the group is to be taken down anew.
        ConditionFailed: some are changed and carry traffic, so no attempt begins on all anew.
    """
    down = duty.state.step_of(step.group, StepKind.ADMIN_DOWN)
    up = [m for m in facts.some(step.members) if m.answered and m.state != "DOWN"]
    back = [m.id for m in up if recovery.changed(m, step, duty.plan)]
    back = [one for one in back if one in duty.state.committed_to]
    if len(up) > len(back) and down is not None:
        away = [m.id for m in up if m.id not in back]
        raise EffectGone(f"{down.id}: {', '.join(away)} left the state DOWN")
    if back and down is not None:
        raise ConditionFailed(
            f"{', '.join(back)} was changed by a former attempt and is back, so the work on "
            f"{step.group} is not begun again; an abort brings up who is left, and then finish or "
            "rollback makes all members alike"
        )


async def _resolved(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Find out what became of an installation that was intended; True when it may begin.

    Raises:
        InDoubt, StepFailed: a person must look.
        SessionOpen: nothing is under way but a session that may yet commit.
    """
    findings = duty.found(step, facts)
    if recovery.all_are(findings, Finding.HAPPENED):
        # An action that CPUSE keeps as in progress over the restart; nobody need wait for it.
        kept = recovery.kept(step, facts, findings)
        await duty.done(step, how="seen", found=recovery.told(findings), kept=kept)
        return True
    if _may_still_show(duty, step, recovery.may_lag(findings)):
        await _wait_for_install(duty, step, facts, findings)
        return False
    if recovery.any_is(findings, Finding.CANNOT_TELL):
        if _others_are_waited_for(duty, step, findings):
            await _wait_for_install(duty, step, facts, findings)
            return False
        text = recovery.told(findings) + _perhaps_cloned(duty, step)
        failed = recovery.ended_without_effect(findings)
        raise StepFailed(text) if failed else InDoubt(text)
    if recovery.only_sessions(findings):
        raise SessionOpen(recovery.told(findings), f"{duty.plan.policy.own_directory}/lock")
    if recovery.any_is(findings, Finding.UNDER_WAY):
        await _wait_for_install(duty, step, facts, findings)
        return False
    if recovery.any_is(findings, Finding.HAPPENED):
        raise InDoubt(f"only a part of the group was changed: {recovery.told(findings)}")
    await duty.journal.write(Kind.FOUND, step=step.id, started=False, found=recovery.told(findings))
    return True


def _others_are_waited_for(duty: Duty, step: Step, findings: recovery.Findings) -> bool:
    """Tell whether what failed on one member waits for the work that goes on on others.

    People are told at once. What they say then, `retry`, begins a new attempt only where nothing of
    the former one is at work any more, so it waits for that: where all that is unclear stood in the
    hold that they answered.
    """
    answered = duty.state.answered
    if answered is None or answered.step != step.id:
        return False
    unclear = {m: one.why for m, one in findings.items() if one.finding is Finding.CANNOT_TELL}
    named = set(re.findall(r"\d+_\d+", answered.reason))
    known = unclear.keys() <= named and all(why in answered.reason for why in unclear.values())
    return known and recovery.any_is_at_work(findings)


def _may_still_show(duty: Duty, step: Step, members: Sequence[MemberId]) -> bool:
    """Tell whether the quiet time runs since one of these was first seen without the effect."""
    now, quiet = duty.clock.monotonic(), duty.plan.policy.quiet.total_seconds()
    first = [duty.tried_since.setdefault(f"lag/{step.id}/{one}", now) for one in members]
    return any(now - since < quiet for since in first)


async def _wait_for_install(
    duty: Duty, step: Step, facts: GroupFacts, findings: recovery.Findings
) -> None:
    """Watch an installation that runs by itself: report, raise the alarm, keep the limit."""
    begun = duty.state.of(step)
    if _since(duty, begun.committed_at or begun.intended_at) > duty.plan.policy.limits.install:
        raise TooLate(f"{step.id}: {recovery.told(findings)}")
    await _report_progress(duty, step, facts)
    await alarm_outside(duty, step, facts)
    await duty.pause(duty.plan.policy.watch)


async def _report_progress(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Record progress where a person would see a difference."""
    shown = {m.id: _progress(m, step, duty) for m in facts.some(step.members)}
    last, begun = duty.state.progress.get(step.id, {}).get("members"), duty.state.of(step)
    found = {m.id: recovery.begun_since(m, begun) for m in facts.some(step.members)}
    actions = {one: action for one, action in found.items() if action is not None}
    if shown != last or not actions.items() <= begun.actions.items():
        await duty.journal.write(Kind.PROGRESS, step=step.id, members=shown, actions=actions)


def _progress(member: MemberFacts, step: Step, duty: Duty) -> str:
    if not member.answered:
        return "restarting"
    if recovery.changed(member, step, duty.plan):
        return "installed" if step.kind is StepKind.INSTALL else "uninstalled"
    if member.cpuse_silent:
        return "CPUSE does not answer"
    action = member.action
    if not member.at_work or action is None:
        return "waiting"
    return f"{action.progress or 0} %"


async def alarm_outside(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Say at once when a member that must carry traffic does not, and nothing can be done."""
    problems = invariants.carrying_traffic(step.members, facts, duty.plan)
    told = [a for a in duty.state.alarms if a["what"] in ("traffic", "recovered")]
    last = told[-1] if told else {"what": "recovered", "reason": ""}
    reason = "; ".join(problems)
    if not problems and last["what"] == "traffic":
        await duty.journal.write(
            Kind.ALARMED,
            what="recovered",
            reason="every member that must carry traffic does so again",
            step=step.id,
            mention=False,
        )
    if problems and (last["what"], last["reason"]) != ("traffic", reason):
        await duty.journal.write(
            Kind.ALARMED, what="traffic", reason=reason, step=step.id, mention=True
        )


async def alarm_cloning(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Say at once that auto-clone is on again: until the restart one command saves the work.

    Once for each time that it was switched on: it spreads to whoever comes back.
    Source: dossier 6, row 1; CH-U2 (a member clones the SMO's software during its boot).
    """
    on = cloning_on_again(duty, facts)
    told = [a["what"] for a in duty.state.alarms if a["what"] in (CLONING_ON, CLONING_OFF)]
    known = bool(told) and told[-1] == CLONING_ON
    if on and not known:
        command = dialect(duty.plan.version).set_cloning.format(state="off")
        reason = (
            f"image auto-clone is on again on {', '.join(on)}, not by us; run `{command}` in gClish"
        )
        await duty.journal.write(
            Kind.ALARMED, what=CLONING_ON, reason=reason, step=step.id, mention=True
        )
    if known and not on and any(m.auto_clone is False for m in facts.members):
        reason = "image auto-clone is off again"
        await duty.journal.write(
            Kind.ALARMED, what=CLONING_OFF, reason=reason, step=step.id, mention=False
        )


CLONING_ON, CLONING_OFF = "cloning on", "cloning off"
"""What an alarm says of image auto-clone."""


def _perhaps_cloned(duty: Duty, step: Step) -> str:
    """Say that auto-clone was on while a group was worked on, and what helps then; or "".

    Whom that was told of is in the alarm: a hold's reason names the members that are unclear.
    """
    told = [a for a in duty.state.alarms if a["what"] == CLONING_ON]
    if not any(str(a.get("step", "")).startswith(f"{step.group}.") for a in told):
        return ""
    command = dialect(duty.plan.version).set_cloning.format(state="off")
    return (
        "; image auto-clone was on meanwhile, so whoever restarted may have the SMO's software "
        f"again. Switch it off everywhere (`{command}` in gClish), then `abort`, and order it again"
    )


async def comeback(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Wait until every member of the group carries traffic again (RETURN and COMEBACK)."""
    expected = step.take if step.kind is StepKind.RETURN else None
    await alarm_outside(duty, step, facts)
    await alarm_cloning(duty, step, facts)
    open_points = _not_back(duty, step, facts, expected)
    if not open_points:
        await duty.done(step, how="seen", take=facts.member(step.members[0]).take)
        return
    kept, bare = _kept_down(duty, step, facts), _without_policy(duty, step, facts)
    if _waited(duty, step) > duty.plan.policy.limits.comeback:
        due = recovery.yet_to_restart(step.members, facts, duty.state)
        helps = _without_restart(due) + _by_hand(kept, bare)
        raise TooLate(f"{step.id}: {'; '.join(open_points)}{helps}")
    if await _left_admin_down(duty, step, facts):
        return
    _people_are_needed(duty, step, facts, kept, bare)
    await duty.pause(duty.plan.policy.watch)


def _without_restart(due: Sequence[MemberId]) -> str:
    """Say what to do where the restart that follows a change did not come, or nothing.

    Source: POLM for the command.
    """
    if not due:
        return ""
    return (
        f". The announced restart did not come on {', '.join(due)}, and only it brings the change "
        f"into force: `retry` looks again; by hand, `reboot -b {spelled(due)}` in gClish restarts "
        "them, and they come back into service by it"
    )


def _waited(duty: Duty, step: Step) -> timedelta:
    """Return how long the group had to come back: since the step before it was done."""
    steps = duty.plan.steps
    before = steps[steps.index(step) - 1]
    return _since(duty, duty.state.of(before).done_at)


def _since(duty: Duty, moment: datetime | None) -> timedelta:
    """Return the time since a moment, or since people last said `retry` or `resume`."""
    given = (duty.state.retried_at, duty.state.resumed_at)
    moments = [m for m in (moment, *given) if m is not None]
    return min((duty.stopwatch.about(moment) for moment in moments), default=timedelta(0))


def _not_back(duty: Duty, step: Step, facts: GroupFacts, expected: int | None) -> list[str]:
    """Say what is still missing.

    A wrong take is an error once no member of the group is on its way any more: then the whole
    group is there to be judged, and people can say how to go on with it.
    """
    words = duty.plan.policy.state_words
    points, wrong = [], []
    due = recovery.yet_to_restart(step.members, facts, duty.state)
    for member in facts.some(step.members):
        if not in_service(member, words):
            points.append(f"{member.id} is {invariants.described(member)}")
        elif member.id in due:
            points.append(f"{member.id} has not restarted since its software changed")
        elif expected is not None and member.take is None:
            points.append(f"the take of {member.id} cannot be read")
        elif expected is not None and member.take != expected:
            wrong.append(f"{member.id} came back at take {member.take}, expected {expected}")
    if wrong and not points:
        raise StepFailed("; ".join(wrong) + _perhaps_cloned(duty, step))
    points += wrong
    outside = duty.plan.concerning(facts).others(step.members)
    carrying = [m for m in outside if in_service(m, words)]
    back = [m for m in facts.some(step.members) if in_service(m, words)]
    points += same_policy([*carrying[:1], *back])
    points += lost_virtual(back, duty.state.baseline)
    if not facts.sync:
        points.append("connections are not synchronised")
    return points + invariants.one_site_carries(duty.plan.concerning(facts).members, facts)


async def _left_admin_down(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Bring members up that did not restart: a package without a reboot leaves them down.

    Installed, idle, the same boot as before and the quiet time over: then no restart is coming,
    unless one was announced. That may be late, and whoever is up when it comes drops its traffic.
    """
    change = duty.state.changing(step.group)
    if step.kind is not StepKind.RETURN or change is None:
        return False
    begun = duty.state.of(change)
    if begun.done_at is None or duty.stopwatch.at_least(begun.done_at) < duty.plan.policy.quiet:
        return False
    due = recovery.yet_to_restart(step.members, facts, duty.state)
    waiting = [
        m.id
        for m in facts.some(step.members)
        if m.answered
        and not m.at_work
        and not m.cpuse_silent
        and m.state == "DOWN"
        and m.notes == ("ADMIN",)
        and m.boot_id == begun.before.get(m.id, {}).get("boot_id")
        and m.id not in due
    ]
    if not waiting:
        return False
    await duty.intend(step, facts, act="up")
    await bring_up(duty, step, facts, waiting)
    return True


def _kept_down(duty: Duty, step: Step, facts: GroupFacts) -> list[MemberId]:
    """Return whom somebody else keeps down.

    Our order ends with a restart. Who shows ADMIN after it was taken down by somebody, for good or
    anew: whether that is over is for people to say.
    """
    change = duty.state.changing(step.group)
    if step.kind is not StepKind.RETURN or change is None:
        return []
    before = duty.state.of(change).before
    return [
        m.id
        for m in facts.some(step.members)
        if _restarted_into_admin(m, before.get(m.id, {})) and not duty.state.busy(m)
    ]


def _without_policy(duty: Duty, step: Step, facts: GroupFacts) -> list[MemberId]:
    """Return who takes traffic, itself or in a Virtual System, and has no policy but the first."""
    words = duty.plan.policy.state_words
    return [
        m.id
        for m in facts.some(step.members)
        if m.answered and m.state in words
        if is_initial(m.policy)
        or any(is_initial(one.policy) and one.state in words for one in m.virtual)
    ]


def _people_are_needed(
    duty: Duty,
    step: Step,
    facts: GroupFacts,
    kept: Sequence[MemberId],
    bare: Sequence[MemberId],
) -> None:
    """Hold where waiting helped nobody for the quiet time, and name all for whom people can act.

    Who takes traffic without its policy is told whoever else is still on the way: what is sent
    there is lost. Who is kept down is told alone only when nobody else is missing.

    Raises:
        ConditionFailed: with the commands that help.
    """
    kept_long = _for_long(duty, step, "kept", kept)
    bare_long = _for_long(duty, step, "without policy", bare)
    words = duty.plan.policy.state_words
    missing = {m.id for m in facts.some(step.members) if not in_service(m, words)}
    if bare_long or (kept_long and missing <= {*kept_long}):
        stuck = facts.some(one for one in step.members if one in {*kept, *bare})
        told = "; ".join(f"{m.id} is {invariants.described(m)}" for m in stuck)
        raise ConditionFailed(f"{step.id}: {told}{_by_hand(kept, bare)}")


def _for_long(duty: Duty, step: Step, what: str, now_so: Sequence[MemberId]) -> list[MemberId]:
    """Return which of these were seen so in every look of the quiet time."""
    now, quiet = duty.clock.monotonic(), duty.plan.policy.quiet.total_seconds()
    keys = {one: f"{what}/{step.id}/{one}" for one in step.members}
    for one, key in keys.items():
        if one not in now_so:
            duty.tried_since.pop(key, None)
    since = {one: duty.tried_since.setdefault(keys[one], now) for one in now_so}
    return [one for one, began in since.items() if now - began >= quiet]


def _by_hand(kept: Sequence[MemberId], bare: Sequence[MemberId]) -> str:
    """Say what brings these back into service by hand, or nothing.

    Source: dossier 6, rows 10 and 11.
    """
    up = (
        f". Somebody keeps {', '.join(kept)} down since the restart, perhaps by the permanent "
        "form: where that is over, run `clusterXL_admin up` there in the Expert mode, then say "
        "`retry`"
    )
    policy = (
        ". Traffic goes there without the policy that belongs there: install that again, or run "
        f"`asg_blade_config pull_config` in gClish on {', '.join(bare)} and then "
        f"`reboot -b {spelled(bare)}`; then say `retry`"
    )
    return (up if kept else "") + (policy if bare else "")


def _restarted_into_admin(member: MemberFacts, before: Mapping[str, object]) -> bool:
    restarted = member.boot_id is not None and member.boot_id != before.get("boot_id")
    down = member.state == "DOWN" and member.notes == ("ADMIN",)
    return member.answered and restarted and down


async def soak(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Let the group stand for the configured time; anything that leaves service holds.

    At its end comes a full look: what was just changed may crash and be in service again.
    """
    over = all_in_service(duty, step, facts)
    if over and _waited(duty, step) >= duty.plan.policy.soak:
        seen = await duty.observe(full=True)
        if problems := invariants.worse_than_before(seen, duty.state):
            raise ConditionFailed("; ".join(problems))
        over = all_in_service(duty, step, seen)
        if over:
            await duty.done(step, how="stable")
            return
    left = duty.plan.policy.soak - _waited(duty, step) if over else duty.plan.policy.settle
    await duty.pause(min(duty.plan.policy.watch, max(left, timedelta(seconds=0.01))))


def all_in_service(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Tell whether everybody is in service; False while one Site takes over from another.

    Raises:
        ConditionFailed: somebody is not, or no Site took over in time.
    """
    words = duty.plan.policy.state_words
    concerned = duty.plan.concerning(facts).members
    ill = [f"{m.id} is {invariants.described(m)}" for m in concerned if not in_service(m, words)]
    if ill:
        raise ConditionFailed("; ".join(ill))
    return taken_over(duty, step, [m.id for m in concerned], facts)


async def replan_abort(duty: Duty, case: str, group: str = "") -> None:
    """Write the plan's revision that leads to the nearest safe end."""
    plan = planner.plan_abort(duty.state, case=case, group=group)
    facts = duty.state.facts
    if facts is None:
        raise InDoubt("the group was never seen")
    await duty.journal.write(Kind.PLANNED, **planned_body(plan, facts))
