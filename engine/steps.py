"""One coroutine per kind of step: look, decide, intend, act, settle, verify.

Each gets a fresh look, may be called again after any crash, and returns either with the step
done or so that the runner calls it again: nothing is remembered between two calls but the
journal. A person's stop comes as `Stopped`, and everything that the world refuses as a
`MaintenanceError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from engine import headroom, invariants, planner, recovery
from engine.canon import to_json
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
from engine.facts import (
    GroupFacts,
    MemberFacts,
    MemberId,
    PackageState,
    differences,
    in_service,
    surely_out,
)
from engine.journal import Kind, planned_body
from engine.model import LAST_TAKE, LogicalGroup, Step, StepKind
from engine.recovery import Finding
from engine.splitting import whole_sites
from engine.uploads import cleanup, everywhere, stored_otherwise, upload

T = TypeVar("T")

FULL_LOOK = frozenset({StepKind.PREFLIGHT, StepKind.READY, StepKind.POSTFLIGHT})


# ------------------------------------------------------------------------- before traffic


async def preflight(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Record what is true before anything changes, or hold."""
    invariants.check(step, facts, duty.state)
    await duty.done(step, how="looked", facts=to_json(facts), trouble=list(facts.trouble))


async def import_package(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Import the package on every member; lists differ per member, so each is read."""
    package = duty.plan.package
    if everywhere(duty, facts):
        await duty.done(step, how="seen")
        return
    if any(member.agent_busy for member in duty.plan.concerning(facts).members):
        await _wait_while_busy(duty, step)
        return
    if await duty.group.uploaded_sha256(package) != package.sha256:
        raise EffectGone("UPLOAD: the file is not where the group address leads now")
    await duty.intend(step, facts)
    only = duty.plan.members if duty.plan.left_out else ()
    try:
        await _in_turn(
            duty,
            step,
            lambda: duty.watching(duty.group.import_package(package, only), lambda _: None),
        )
    except StepFailed as failed:
        if hint := stored_otherwise(facts, package.name, str(failed)):
            raise StepFailed(f"{failed}{hint}") from failed
        raise
    await duty.settle(
        step,
        lambda seen: everywhere(duty, seen),
        duty.plan.policy.limits.importing,
        "the package in every member's list",
    )
    await duty.done(step, how="acted")


async def _wait_while_busy(duty: Duty, step: Step) -> None:
    """CPUSE still works on what a lost session began, or on somebody else's: let it end."""
    duty.tried_since.setdefault(step.id, duty.clock.monotonic())
    if duty.tried_for(step) > duty.plan.policy.limits.importing:
        raise TooLate(f"{step.id}: CPUSE stayed busy")
    await duty.pause(duty.plan.policy.watch)


async def _in_turn(duty: Duty, step: Step, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask CPUSE again where it refuses only because it is busy, for as long as the quiet time.

    A session that was lost, or an executor that died, may have left an import or a verification
    at work, which no look shows before it ends.

    Raises:
        NotNow: the refusal stood for the quiet time.
    """
    until = duty.clock.monotonic() + duty.plan.policy.quiet.total_seconds()
    while True:
        try:
            return await ask()
        except NotNow:
            if duty.clock.monotonic() >= until:
                raise
        await duty.pause(duty.plan.policy.watch)
        duty.still_wanted(step)


async def verify(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Ask CPUSE whether the package can be installed on the members that lack it."""
    package = duty.plan.package
    seen = duty.plan.concerning(facts).members
    if duty.plan.kind == "uninstall":
        await _verify_uninstall(duty, step, facts)
        return
    lacking = [m.id for m in seen if m.package(package.name) is PackageState.AVAILABLE]
    if not lacking and duty.plan.phase != "fresh" and not duty.plan.changing:
        await duty.done(step, how="nothing is left to install")
        return
    if not lacking:
        raise StepFailed(f"no member shows {package.name} as available for install")
    await duty.intend(step, facts)
    await _in_turn(duty, step, lambda: duty.group.verify(package, lacking, at=lacking[0]))
    await duty.done(step, how="allowed on every member", members=lacking)


async def _verify_uninstall(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Ask CPUSE whether the package can be uninstalled from the members that are to lose it."""
    members = [one for group in duty.plan.changing for one in group.members]
    if not members:
        await duty.done(step, how="nothing is left to uninstall")
        return
    await duty.intend(step, facts)
    listed = _as_listed(duty, facts, members)
    offered = await _in_turn(duty, step, lambda: duty.group.verify_uninstall(listed))
    how = "allowed on every member" if offered else "this CPUSE cannot be asked before"
    await duty.done(step, how=how, members=members)


def _as_listed(duty: Duty, facts: GroupFacts, members: Sequence[MemberId]) -> dict[MemberId, str]:
    """Return what each member calls the package: a `.tar` is listed as `.tgz`."""
    return {m.id: m.listed(duty.plan.package.name) for m in facts.some(members)}


async def cloning_off(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Switch image auto-clone off; from here on the group owes what it was (P5)."""
    debt = None if duty.state.cloning_owed else await duty.journal.cloning_debt()
    packages = _packages_of(debt, duty.plan.package.name)
    if _cloning(duty, facts) == {False}:
        first, told = [], []
        if debt is not None:
            first = [duty.journal.draft(Kind.OWED, was=True, inherited=True, packages=packages)]
            told = [duty.owed(Kind.OWED, was=True, packages=packages)]
        await duty.done(step, how="seen", first=first, house=told)
        return
    owed = []
    house = []
    # One left out that came back with it on is no reason to switch it on everywhere at the end.
    others = {member.auto_clone for member in duty.plan.concerning(facts).members}
    if debt is not None or (not duty.state.cloning_owed and others != {False}):
        owed = [duty.journal.draft(Kind.OWED, was=True, packages=packages)]
        house = [duty.owed(Kind.OWED, was=True, packages=packages)]
    await duty.intend(step, facts, first=owed, house=house)
    await duty.group.set_cloning(on=False)
    await duty.settle(
        step,
        lambda seen: _cloning(duty, seen) == {False},
        duty.plan.policy.limits.cloning,
        "auto-clone off on every member",
    )
    await duty.done(step, how="acted")


def _packages_of(debt: Mapping[str, Any] | None, package: str) -> list[str]:
    """Return the packages in which members may differ while auto-clone is owed."""
    former = debt.get("packages", ()) if debt is not None else ()
    return list(dict.fromkeys([*former, package]))


def _cloning(duty: Duty, facts: GroupFacts) -> set[bool | None]:
    """Return how auto-clone stands where it counts; of who is left out, where it may carry.

    gClish does not reach a member that is DOWN: one on which work starts so may show nothing.
    """
    words, left_out = duty.plan.policy.state_words, duty.plan.left_out
    back = [m for m in facts.some(left_out) if m.answered and not surely_out(m, words)]
    seen = (*duty.plan.concerning(facts).members, *back)
    silent = {m.id for m in facts.some(duty.plan.starting) if m.auto_clone is None}
    return {member.auto_clone for member in seen if member.id not in silent}


# -------------------------------------------------------------------------- the failover


async def ready(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Check everything that the failover needs; what is seen becomes the gate's evidence."""
    if back := _back_with_cloning_on(duty, facts):
        reason = f"{', '.join(back)}, left out of the plan, came back with auto-clone on"
        await duty.journal.write(Kind.UNDONE, steps=["CLONING_OFF"], by="a look", reason=reason)
        return
    _effects_still_there(duty, step, facts)
    invariants.check(step, facts, duty.state)
    change = duty.state.changing(step.group)
    package, at = duty.plan.package, step.members[0]
    if change is not None and change.kind is StepKind.INSTALL:
        await _in_turn(duty, step, lambda: duty.group.verify(package, step.members, at=at))
    elif duty.plan.phase == "fresh":
        # On the way back nothing may stand in between that the dialogue does not ask itself.
        listed = _as_listed(duty, facts, step.members)
        await _in_turn(duty, step, lambda: duty.group.verify_uninstall(listed))
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
    words = duty.plan.policy.state_words
    out = {m.id for m in facts.some(duty.plan.left_out) if surely_out(m, words)}
    on = [m.id for m in facts.others(out) if m.auto_clone]
    off_step = duty.state.of("CLONING_OFF")
    if on and off_step.status == "done":
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
        if _taken_over(duty, step, _outside(duty, step, facts), facts):
            await duty.done(step, how="seen")
            return
        await duty.pause(duty.plan.policy.settle)
        return
    if duty.tried_for(step) > duty.plan.policy.limits.admin_down:
        raise TooLate(f"{step.id}: {recovery.told(findings)}")
    left = [one for one, found in findings.items() if found.finding is not Finding.HAPPENED]
    if len(left) < len(step.members):
        _still_tonight(duty, step)
        _still_carrying(duty, step, facts)
    try:
        await duty.group.admin_state(
            "down",
            left,
            at=_helper(duty, step, facts),
            outside=_outside(duty, step, facts),
            name=duty.approvers(step.group),
            reason=duty.audit_reason(),
            accelerated=_accelerated(duty),
            commit=_commit(duty, step),
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
    over = _taken_over(duty, step, _outside(duty, step, seen), seen)
    return over and recovery.all_are(recovery.admin_down(step, seen), Finding.HAPPENED)


TAKE_OVER = timedelta(seconds=30)
"""How long a Site may need to take over from another one before that counts as not happening.

A guess: nobody measured it. Connections are lost from the first second on, so it is short.
"""


def _taken_over(duty: Duty, step: Step, members: Sequence[MemberId], seen: GroupFacts) -> bool:
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


def _still_carrying(duty: Duty, step: Step, facts: GroupFacts) -> None:
    problems = invariants.carrying_traffic(step.members, facts, duty.plan)
    if problems:
        raise ConditionFailed("; ".join(problems))


def _still_out(duty: Duty, step: Step, facts: GroupFacts) -> None:
    problems = invariants.started_while_down(facts.some(step.members), duty.plan)
    if problems:
        raise ConditionFailed("; ".join(problems))


def _outside(duty: Duty, step: Step, facts: GroupFacts) -> list[MemberId]:
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


def _commit(duty: Duty, step: Step) -> Callable[[MemberId], Awaitable[None]]:
    """Return what happens right before the answer that commits: a look, then COMMITTING."""

    async def commit(on: MemberId) -> None:
        facts = await duty.glance()
        duty.still_wanted(step)
        _still_carrying(duty, step, facts)
        if cloning := invariants.cloning_on(facts, duty.plan):
            raise ConditionFailed("; ".join(cloning))
        if duty.plan.starts_down(step):
            _still_out(duty, step, facts)
        draft = duty.journal.draft(
            Kind.COMMITTING,
            step=step.id,
            attempt=duty.state.of(step).attempt,
            on=on,
            in_service=duty.carrying(facts),
            states={m.id: m.state for m in facts.members},
            cloning={m.id: m.auto_clone for m in facts.members if m.answered},
        )
        await duty.journal.append([draft], unless_word=True)

    return commit


def _commit_up(duty: Duty, step: Step) -> Callable[[MemberId], Awaitable[None]]:
    """Bringing up is never forbidden; only a person's stop comes before it."""

    async def commit(on: MemberId) -> None:
        duty.still_wanted(step)
        draft = duty.journal.draft(
            Kind.COMMITTING, step=step.id, attempt=duty.state.of(step).attempt, on=on
        )
        await duty.journal.append([draft], unless_word=True)

    return commit


# ---------------------------------------------------------------------------- the install


Intend = Callable[[], Awaitable[None]]


async def change(duty: Duty, step: Step, facts: GroupFacts, intend: Intend | None = None) -> None:
    """INSTALL or UNINSTALL on a group that is down; begun at most once per attempt (P3).

    `intend` writes the intent where that is more than usual: with the gate that it passes.
    """
    begun = duty.state.of(step)
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
    _still_tonight(duty, step)
    invariants.check(step, facts, duty.state)
    await (intend() if intend is not None else duty.intend(step, facts))
    removal = duty.plan.removal
    starting = duty.group.change(
        step.kind,
        duty.plan.package,
        step.members,
        at=step.members[0],
        outside=_outside(duty, step, facts),
        name=duty.approvers(step.group),
        reason=duty.audit_reason(),
        commit=_commit(duty, step),
        method=removal.method if removal is not None else LAST_TAKE,
    )
    try:
        await duty.watching(starting, lambda seen: _still_carrying(duty, step, seen))
    except MemberUnreachable:
        if duty.tried_for(step) > duty.plan.policy.limits.admin_down:
            raise
        await duty.pause(duty.plan.policy.settle)


def _still_tonight(duty: Duty, step: Step) -> None:
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


def _downs_still_there(duty: Duty, step: Step, facts: GroupFacts) -> None:
    down = duty.state.step_of(step.group, StepKind.ADMIN_DOWN)
    up = [m.id for m in facts.some(step.members) if m.answered and m.state != "DOWN"]
    if up and down is not None:
        raise EffectGone(f"{down.id}: {', '.join(up)} left the state DOWN")


async def _resolved(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Find out what became of an installation that was intended; True when it may begin.

    Raises:
        InDoubt, StepFailed: a person must look.
        SessionOpen: nothing is under way but a session that may yet commit.
    """
    findings = duty.found(step, facts)
    if recovery.all_are(findings, Finding.HAPPENED):
        await duty.done(step, how="seen", found=recovery.told(findings))
        return True
    if recovery.any_is(findings, Finding.CANNOT_TELL):
        text = recovery.told(findings)
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
    last = duty.state.progress.get(step.id, {}).get("members")
    if shown != last:
        await duty.journal.write(Kind.PROGRESS, step=step.id, members=shown)


def _progress(member: MemberFacts, step: Step, duty: Duty) -> str:
    if not member.answered:
        return "restarting"
    if recovery.changed(member, step, duty.plan):
        return "installed" if step.kind is StepKind.INSTALL else "uninstalled"
    action = member.action
    if not member.agent_busy or action is None:
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


async def comeback(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Wait until every member of the group carries traffic again (RETURN and COMEBACK)."""
    expected = step.take if step.kind is StepKind.RETURN else None
    await alarm_outside(duty, step, facts)
    open_points = _not_back(duty, step, facts, expected)
    if not open_points:
        await duty.done(step, how="seen", take=facts.member(step.members[0]).take)
        return
    if _waited(duty, step) > duty.plan.policy.limits.comeback:
        raise TooLate(f"{step.id}: {'; '.join(open_points)}")
    if await _left_admin_down(duty, step, facts):
        return
    await duty.pause(duty.plan.policy.watch)


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
    for member in facts.some(step.members):
        if not in_service(member, words):
            points.append(f"{member.id} is {invariants.described(member)}")
        elif expected is not None and member.take != expected:
            wrong.append(f"{member.id} came back at take {member.take}, expected {expected}")
    if wrong and not points:
        raise StepFailed("; ".join(wrong))
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

    Installed, idle, the same boot as before and the quiet time over: then no restart is coming.
    """
    change = duty.state.changing(step.group)
    if step.kind is not StepKind.RETURN or change is None:
        return False
    begun = duty.state.of(change)
    if begun.done_at is None or duty.stopwatch.at_least(begun.done_at) < duty.plan.policy.quiet:
        return False
    waiting = [
        m.id
        for m in facts.some(step.members)
        if m.answered
        and not m.agent_busy
        and m.state == "DOWN"
        and m.notes == ("ADMIN",)
        and m.boot_id == begun.before.get(m.id, {}).get("boot_id")
    ]
    if not waiting:
        return False
    await duty.intend(step, facts, act="up")
    await bring_up(duty, step, facts, waiting)
    return True


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


async def soak(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Let the group stand for the configured time; anything that leaves service holds."""
    over = _all_in_service(duty, step, facts)
    if over and _waited(duty, step) >= duty.plan.policy.soak:
        await duty.done(step, how="stable")
        return
    left = duty.plan.policy.soak - _waited(duty, step) if over else duty.plan.policy.settle
    await duty.pause(min(duty.plan.policy.watch, max(left, timedelta(seconds=0.01))))


def _all_in_service(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Tell whether everybody is in service; False while one Site takes over from another.

    Raises:
        ConditionFailed: somebody is not, or no Site took over in time.
    """
    words = duty.plan.policy.state_words
    concerned = duty.plan.concerning(facts).members
    ill = [f"{m.id} is {invariants.described(m)}" for m in concerned if not in_service(m, words)]
    if ill:
        raise ConditionFailed("; ".join(ill))
    return _taken_over(duty, step, [m.id for m in concerned], facts)


# ------------------------------------------------------------------------------- the end


async def cloning_restore(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Put image auto-clone back to what it was, only when every member has the same software.

    One that is left out too: it would be cloned over, or clone others. Where only such a member
    stands against it the run ends, and the group goes on owing it.
    """
    if not duty.state.cloning_owed:
        await duty.done(step, how="it was off before")
        return
    try:
        invariants.check(step, facts, duty.state)
    except ConditionFailed as differing:
        if not duty.state.aborted and not _only_left_out_differ(duty, facts):
            raise
        await duty.done(step, how=f"owed: {differing}")
        return
    settled = [duty.journal.draft(Kind.SETTLED, seen=_software(duty, facts))]
    if _cloning(duty, facts) != {True}:
        await duty.intend(step, facts)
        await duty.group.set_cloning(on=True)
        await duty.settle(
            step,
            lambda seen: _cloning(duty, seen) == {True},
            duty.plan.policy.limits.cloning,
            "auto-clone on on every member",
        )
    done = duty.journal.draft(Kind.DONE, step=step.id, kind=step.kind, how="acted", attempt=1)
    await duty.journal.append([*settled, done], house=[duty.owed(Kind.SETTLED)])


def _only_left_out_differ(duty: Duty, facts: GroupFacts) -> bool:
    concerned = duty.plan.concerning(facts).members
    return bool(duty.plan.left_out) and not invariants.unlike(concerned, duty.state)


def _software(duty: Duty, facts: GroupFacts) -> dict[MemberId, dict[str, Any]]:
    """Return each member's take and packages, for whoever judges afterwards."""
    return {
        m.id: {"take": m.take, "packages": [list(one) for one in m.packages]} for m in facts.members
    }


async def delete(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Take the uninstalled package out of every member's CPUSE repository."""
    package, members = duty.plan.package, duty.plan.concerning(facts).members
    there = [m.id for m in members if m.package(package.name) is PackageState.AVAILABLE]
    wrong = [m.id for m in members if m.package(package.name) is PackageState.INSTALLED]
    if wrong:
        raise ConditionFailed(f"{package.name} is installed on {', '.join(wrong)} again")
    if not there:
        await duty.done(step, how="seen")
        return
    for one in there:
        # Lists differ per member, so each is told its own number: an act, and an intent, for each.
        await duty.intend(replace(step, members=(one,)), facts)
        await _in_turn(duty, step, partial(duty.group.delete_package, package, one))
    await duty.settle(
        step,
        lambda seen: all(
            m.package(package.name) is PackageState.ABSENT
            for m in duty.plan.concerning(seen).members
        ),
        duty.plan.policy.limits.verify,
        f"{package.name} out of every member's list",
    )
    await duty.done(step, how="acted")


async def postflight(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Compare with PREFLIGHT: exactly the hotfix, and every other difference by name."""
    if not _all_in_service(duty, step, facts):
        await duty.pause(duty.plan.policy.settle)
        return
    concerned = duty.plan.concerning(facts).members
    wrong = [f"{m.id} is at take {m.take}" for m in concerned if m.take != step.take]
    if wrong:
        raise StepFailed(f"expected take {step.take}: {', '.join(wrong)}")
    _is_listed_as_it_should(duty, concerned)
    problems = same_policy(concerned)
    if problems:
        raise ConditionFailed("; ".join(problems))
    await duty.done(
        step, how="looked", facts=to_json(facts), not_by_us=list(not_by_us(duty, facts))
    )


def _is_listed_as_it_should(duty: Duty, members: Sequence[MemberFacts]) -> None:
    """What leaves the take as it is shows in the list of packages alone."""
    package = duty.plan.package
    if package.is_jumbo or duty.plan.phase == "rollback":
        return
    goes = duty.plan.kind == "uninstall"
    has = {m.id: m.package(package.name) is PackageState.INSTALLED for m in members}
    if wrong := [one for one, installed in has.items() if installed is goes]:
        listed = "still" if goes else "not"
        raise StepFailed(f"{package.name} is {listed} listed as installed on {', '.join(wrong)}")


def not_by_us(duty: Duty, facts: GroupFacts) -> tuple[str, ...]:
    """Name the differences to PREFLIGHT that the hotfix does not explain."""
    baseline = duty.state.baseline
    if baseline is None:
        return ()
    package = duty.plan.package.name
    expected = ("take ", "boot id ", "package ")
    seen = differences(baseline.digested(package), facts.digested(package))
    unexpected = [
        one
        for one in seen
        if not one.partition(": ")[2].startswith(expected)
        and not _only_signature(one)
        and not (duty.state.cloning_owed and one.endswith(": auto clone on → off"))
        and not _planned_takeover(one, duty, facts)
    ]
    unexpected += invariants.policy_drift(facts, duty.state)
    for health in facts.health:
        before = baseline.health_of(health.id)
        if health.licences != before.licences:
            unexpected.append(f"{health.id}: licences {before.licences} → {health.licences}")
        dumps = sorted(set(health.core_dumps) - set(before.core_dumps))
        if dumps:
            unexpected.append(f"{health.id}: new core dumps {', '.join(dumps)}")
    return tuple(unexpected)


def _planned_takeover(difference: str, duty: Duty, facts: GroupFacts) -> bool:
    """Tell whether a difference is that the other Site took over, as the proposal announced.

    Only where a Logical Group is a Site as a whole, and one Site is active; any other Site
    failover is not by us.
    """
    if not any(whole_sites(duty.plan.groups).values()) or facts.active_site is None:
        return False
    where, _, what = difference.partition(": ")
    before, _, now = what.removeprefix("state ").partition(" → ")
    words = duty.plan.policy.state_words
    return where in ("sites", "smo") or (what.startswith("state ") and {before, now} <= set(words))


def _only_signature(difference: str) -> bool:
    """A policy's signature differs between takes; name and date are compared by themselves."""
    return difference.partition(": ")[2].startswith("policy ")


# -------------------------------------------------------------------------------- aborts


async def admin_up(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Bring a Logical Group back up on which nothing was started."""
    down = [m.id for m in facts.some(step.members) if "ADMIN" in m.notes]
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


async def replan_abort(duty: Duty, case: str, group: str = "") -> None:
    """Write the plan's revision that leads to the nearest safe end."""
    plan = planner.plan_abort(duty.state, case=case, group=group)
    facts = duty.state.facts
    if facts is None:
        raise InDoubt("the group was never seen")
    await duty.journal.write(Kind.PLANNED, **planned_body(plan, facts))


def traffic_trouble(duty: Duty, step: Step, facts: GroupFacts) -> list[str]:
    """Say what outside the group carries traffic no more, or that one shows ACTIVE(!)."""
    return invariants.left_service(step.members, facts, duty.plan, duty.state.baseline)


def nothing_started(duty: Duty, step: Step, facts: GroupFacts) -> bool:
    """Tell whether every sign says that no installation was begun on the group of this step."""
    change = duty.state.changing(step.group)
    begun = duty.state.of(change) if change is not None else None
    if change is None or begun is None or begun.status == "waiting":
        return True
    findings = duty.found(change, facts)
    return recovery.all_are(findings, Finding.NOT_HAPPENED)


async def rescue(duty: Duty, step: Step, facts: GroupFacts, why: str) -> None:
    """Bring our group back up by itself: a member that must carry traffic does not.

    Only where every sign says that nothing was started there; covered by the failover's
    approval, and not done while people have halted the run.
    """
    up = rescue_step(duty.plan.group(step.group))
    await duty.journal.write(Kind.ALARMED, what="rescue", reason=why, step=step.id, mention=True)
    await bring_back(duty, up, facts, why)


def rescue_step(group: LogicalGroup) -> Step:
    """Return the step that brings a Logical Group up by itself; it is in no plan."""
    return Step(f"{group.name}.RESCUE_UP", StepKind.ADMIN_UP, group.name, group.members)


async def bring_back(duty: Duty, up: Step, facts: GroupFacts, why: str) -> None:
    """Carry out a rescue, or bring one to its end; a failover after it needs a new gate."""
    if down := [m.id for m in facts.some(up.members) if "ADMIN" in m.notes]:
        await duty.intend(up, facts, act="rescue")
        await bring_up(duty, up, facts, down)
    await duty.settle(
        up,
        lambda seen: not any("ADMIN" in m.notes for m in seen.some(up.members)),
        duty.plan.policy.limits.admin_down,
        "the group without admin-down",
    )
    kinds = (
        (StepKind.READY,),
        (StepKind.FAILOVER,),
        (StepKind.ADMIN_DOWN,),
        (StepKind.INSTALL, StepKind.UNINSTALL),
    )
    latest = [duty.state.step_of(up.group, *sort) for sort in kinds]
    undone = [s.id for s in latest if s is not None and duty.state.of(s).status != "waiting"]
    finished = duty.journal.draft(Kind.DONE, step=up.id, kind="RESCUE_UP", how="acted", attempt=1)
    gone = duty.journal.draft(
        Kind.UNDONE, steps=undone, by="the rescue", reason=why, rescued=up.group
    )
    await duty.journal.append([finished, gone])


Handler = Callable[[Duty, Step, GroupFacts], Awaitable[None]]

HANDLERS: dict[StepKind, Handler] = {
    StepKind.PREFLIGHT: preflight,
    StepKind.UPLOAD: upload,
    StepKind.IMPORT: import_package,
    StepKind.VERIFY: verify,
    StepKind.CLONING_OFF: cloning_off,
    StepKind.READY: ready,
    StepKind.ADMIN_DOWN: admin_down,
    StepKind.INSTALL: change,
    StepKind.UNINSTALL: change,
    StepKind.RETURN: comeback,
    StepKind.SOAK: soak,
    StepKind.CLONING_RESTORE: cloning_restore,
    StepKind.CLEANUP: cleanup,
    StepKind.DELETE: delete,
    StepKind.POSTFLIGHT: postflight,
    StepKind.ADMIN_UP: admin_up,
    StepKind.COMEBACK: comeback,
}
