"""Facts + package + policy -> Plan, or a refusal with a sentence that says why. Pure.

The procedure is the vendor's Full Connectivity procedure: two or more Logical Groups of nearly
equal size, one worked on while the others carry the traffic, never all members at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine import splitting
from engine.errors import PlanRefused
from engine.facts import GroupFacts, MemberId, PackageState, by_number, surely_out
from engine.fold import RunState
from engine.gaia.dialect import ELASTICXL, dialect, unsupported
from engine.headroom import active_site, standby_site
from engine.model import LogicalGroup, PackageRef, Plan, Request, Step, StepKind
from engine.policy import Policy
from engine.splitting import by_sites, goes_by_site, site_of, split


def plan_install(
    run: str,
    request: Request,
    package: PackageRef,
    facts: GroupFacts,
    policy: Policy,
    *,
    remarks: Sequence[str] = (),
) -> Plan:
    """Plan the installation of a package on a group that is at one take throughout.

    Members that the request leaves out are out of service; the rest is planned as if there were
    no others.

    Raises:
        PlanRefused: unsupported, or the group is not as a fresh installation needs it.
    """
    left_out, facts, policy = concerned(request, package, facts, policy)
    _refuse_package(facts, package)
    take_before = common_take(facts, policy)
    take_after = _take_after(request.security_group, package, take_before)
    groups = grouped(facts, request, policy)
    return Plan(
        run=run,
        revision=1,
        kind="install",
        phase="fresh",
        security_group=request.security_group,
        package=package,
        groups=groups,
        steps=install_steps(groups, take_after),
        policy=policy,
        version=facts.version,
        platform=facts.platform,
        mode=facts.mode,
        take_before=take_before,
        take_after=take_after,
        notes=(*remarks, *package.remarks, *about_split(groups, facts)),
        left_out=left_out,
    )


def about_split(groups: Sequence[LogicalGroup], facts: GroupFacts) -> tuple[str, ...]:
    """Return what people must know of a split of what was seen, before they agree to it."""
    return splitting.notes(groups, active_site(facts), told_apart=facts.tells_sites_apart)


def concerned(
    request: Request, package: PackageRef, facts: GroupFacts, policy: Policy
) -> tuple[tuple[MemberId, ...], GroupFacts, Policy]:
    """Return who is left out, what was seen of the others, and the policy that governs them.

    Raises:
        PlanRefused: unsupported, or somebody cannot be left out.
    """
    left_out = tuple(sorted(set(request.left_out), key=by_number))
    _refuse_unsupported(facts, package, policy)
    policy = knowing_words(replace(policy, split=request.divide or policy.split), facts)
    _refuse_to_leave_out(left_out, facts, policy)
    return left_out, facts.without(left_out), policy


def grouped(facts: GroupFacts, request: Request, policy: Policy) -> tuple[LogicalGroup, ...]:
    """Divide all members that were seen, in the order in which they are worked on.

    Raises:
        PlanRefused: they cannot be divided so.
    """
    groups = _divided(facts, request, policy)
    refuse_too_few_left(groups, groups, policy)
    return _ordered(groups, facts, policy)


def knowing_words(policy: Policy, facts: GroupFacts) -> Policy:
    """Return the policy with every word that healthy members may show, with so many Sites."""
    known = dialect(facts.version).state_words(len(facts.sites))
    words = dict.fromkeys([*policy.state_words, *known])
    return replace(policy, state_words=tuple(words))


def _refuse_to_leave_out(left_out: Sequence[MemberId], facts: GroupFacts, policy: Policy) -> None:
    """Only a member that is out of service already can be left out, and two must remain."""
    if unknown := [one for one in left_out if one not in facts.ids]:
        raise PlanRefused(
            f"there is no member {', '.join(unknown)} that could be left out; the members are "
            f"{', '.join(facts.ids)}"
        )
    for member in facts.some(left_out):
        if not surely_out(member, policy.state_words):
            raise PlanRefused(
                f"{member.id} is {member.state}, so it may carry traffic; only a member that is "
                "out of service can be left out"
            )
    remain = len(facts.members) - len(left_out)
    if left_out and remain < 2:
        raise PlanRefused(
            f"without {', '.join(left_out)} {'one member remains' if remain else 'none remains'}, "
            "and at least two must: one is worked on while another carries the traffic"
        )


ELASTICXL_PER_SITE = 3
ELASTICXL_IN_ALL = 6
"""Source: the R82 guide and lab notes [C]; those of Maestro are a setting, no source has them."""

SITES_LIMIT = 2
"""Source: lab notes [C]; a Security Group of more Sites is in no guide."""


def _refuse_unsupported(facts: GroupFacts, package: PackageRef, policy: Policy) -> None:
    """Refuse versions, platforms, modes and sizes for which the vendor has no such procedure."""
    if package.version != facts.version:
        raise PlanRefused(
            f"{package.name} is for {package.version}, but the group runs {facts.version}"
        )
    if why := unsupported(facts.version, facts.platform, facts.mode):
        raise PlanRefused(why)
    _refuse_sizes(facts, policy)


def _refuse_sizes(facts: GroupFacts, policy: Policy) -> None:
    count, sites = len(facts.members), by_sites(facts.ids)
    if len(sites) > SITES_LIMIT:
        raise PlanRefused(f"{len(sites)} Sites are more than the {SITES_LIMIT} that there may be")
    if facts.platform == ELASTICXL:
        crowded = [site for site, of in sites.items() if len(of) > ELASTICXL_PER_SITE]
        if crowded or count > ELASTICXL_IN_ALL:
            raise PlanRefused(
                f"an ElasticXL Cluster has at most {ELASTICXL_PER_SITE} members per Site and "
                f"{ELASTICXL_IN_ALL} in all, but there are "
                + " and ".join(f"{len(of)} on Site {site}" for site, of in sites.items())
            )
    elif count > policy.members_limit:
        raise PlanRefused(f"{count} members are more than the limit of {policy.members_limit}")


def _refuse_package(facts: GroupFacts, package: PackageRef) -> None:
    if len(facts.members) < 2:
        raise PlanRefused("one member cannot be worked on while another carries the traffic")
    have = [m.id for m in facts.members if m.package(package.name) is PackageState.INSTALLED]
    if len(have) == len(facts.members):
        raise PlanRefused(f"{package.name} is already installed on every member")
    if have:
        raise PlanRefused(
            f"{package.name} is already installed on {', '.join(have)}, but not on the others; "
            "a fresh installation needs all members alike. Where a run of ours left them so, "
            "`finish` goes on with it and `rollback` takes it back"
        )


def common_take(facts: GroupFacts, policy: Policy) -> int:
    """Return the take that all members have.

    Raises:
        PlanRefused: they differ, or it was not seen.
    """
    takes = {member.take for member in facts.members}
    if len(takes) > 1:
        shown = ", ".join(f"{m.id}: {m.take if m.take is not None else '?'}" for m in facts.members)
        away = [m.id for m in facts.members if surely_out(m, policy.state_words)]
        hint = f"; to leave out who is out of service, say `without {','.join(away)}`"
        raise PlanRefused(f"members are at different takes ({shown}){hint if away else ''}")
    take = takes.pop()
    if take is None:
        raise PlanRefused(
            "the take of no member can be read: see what `cpinfo -y all` says there, then ask again"
        )
    return take


def _take_after(group: str, package: PackageRef, before: int) -> int:
    """Return the take that members show once it is installed: a hotfix leaves it as it is."""
    if not package.is_jumbo:
        return before
    if before >= package.take:
        raise PlanRefused(
            f"{group} is at take {before}; {package.name} is take {package.take}, which is not "
            "newer"
        )
    return package.take


def _divided(facts: GroupFacts, request: Request, policy: Policy) -> tuple[LogicalGroup, ...]:
    """Divide the members as the request wants it, else as the policy has it."""
    count, how = request.groups or policy.groups, policy.split
    first = standby_site(facts)
    if not request.split and first is None and goes_by_site(facts.ids, count, how):
        shown = ", ".join(f"Site {site.id} {site.state or '?'}" for site in facts.sites)
        raise PlanRefused(
            "a split by Site begins with the Standby Site, and which that is cannot be told "
            f"({shown or 'no Site shows its state'}); say `split across_sites`, or name the "
            "members of each Logical Group"
        )
    return split(facts.ids, count, request.split, how=how, first=first or 0)


def refuse_too_few_left(
    groups: Sequence[LogicalGroup], going_down: Sequence[LogicalGroup], policy: Policy
) -> None:
    """What a failover would refuse in the night is refused when it is planned.

    Raises:
        PlanRefused: while one of those that go down is down, too few of all are in service.
    """
    most = max(going_down, key=lambda group: len(group.members))
    left = sum(len(group.members) for group in groups) - len(most.members)
    if left < policy.min_in_service:
        raise PlanRefused(
            f"while {most.name} is down only {left} would be in service, and at least "
            f"{policy.min_in_service} must be; make more and smaller groups"
        )


def _ordered(
    groups: tuple[LogicalGroup, ...], facts: GroupFacts, policy: Policy
) -> tuple[LogicalGroup, ...]:
    """`vendor`: A first. `smo_last`: the group with the SMO last, so that it moves late.

    It does not move less often. The lowest id that is active is the SMO (SMO R81, R82), and it was
    seen to go back when that member returned (SGMUP: 1_1, then 1_2, and back; 35 s without an
    answer): in either order it leaves once and returns once. What SGMUP gives as its reason ("to
    avoid extra disconnects due to SMO switching"), and "one SMO move fewer" in our decisions,
    contradict its own log; we go by the log. What remains: until the last group nothing breaks off.

    In a split by Site the Standby Site stays first, also where the SMO stands there: its group is
    the last one of that Site, since the other order moves the traffic of a whole Site once more.
    """
    if policy.order != "smo_last":
        return groups
    standby = standby_site(facts) if splitting.by_one_site(groups) else None

    def rank(group: LogicalGroup) -> tuple[bool, bool]:
        on_active = standby is not None and site_of(group.members[0]) != standby
        return on_active, facts.smo in group.members

    return tuple(sorted(groups, key=rank))


def install_steps(groups: Sequence[LogicalGroup], take: int) -> tuple[Step, ...]:
    """Return the steps of an installation that leads to a take, in order."""
    prepare = (
        StepKind.PROPOSAL,
        StepKind.PREFLIGHT,
        StepKind.UPLOAD,
        StepKind.IMPORT,
        StepKind.VERIFY,
        StepKind.CLONING_OFF,
    )
    steps = [Step(str(kind), kind) for kind in prepare]
    for group in groups:
        steps += group_steps(group, StepKind.INSTALL, take)
    return (*steps, *last_steps(take))


def uninstall_steps(groups: Sequence[LogicalGroup], take: int, *, delete: bool) -> tuple[Step, ...]:
    """Return the steps of an uninstallation that leads to a take, in order; nothing is uploaded."""
    prepare = (StepKind.PROPOSAL, StepKind.PREFLIGHT, StepKind.VERIFY, StepKind.CLONING_OFF)
    steps = [Step(str(kind), kind) for kind in prepare]
    for group in groups:
        steps += group_steps(group, StepKind.UNINSTALL, take)
    last = [StepKind.CLONING_RESTORE, *([StepKind.DELETE] if delete else []), StepKind.POSTFLIGHT]
    return (*steps, *(Step(str(kind), kind, take=take) for kind in last))


def group_steps(
    group: LogicalGroup,
    change: StepKind,
    take: int | None,
    suffix: str = "",
    *,
    is_down: bool = False,
) -> list[Step]:
    """Return what is done with one Logical Group, from READY to SOAK.

    `is_down`: it is out of service already, so that nothing fails over. What is asked is whether
    the work on it may start.
    """
    gate = (StepKind.START,) if is_down else (StepKind.FAILOVER, StepKind.ADMIN_DOWN)
    kinds = (StepKind.READY, *gate, change, StepKind.RETURN, StepKind.SOAK)
    return [
        Step(f"{group.name}.{kind}{suffix}", kind, group.name, group.members, take)
        for kind in kinds
    ]


def last_steps(take: int | None, suffix: str = "") -> tuple[Step, ...]:
    """Return what is done after the last Logical Group."""
    kinds = (StepKind.CLONING_RESTORE, StepKind.CLEANUP, StepKind.POSTFLIGHT)
    return tuple(Step(f"{kind}{suffix}", kind, take=take) for kind in kinds)


def plan_rollback(state: RunState) -> Plan:
    """Revise the plan so that the groups already done go back to the take of before.

    What was installed is uninstalled, and what was uninstalled is installed again. The group that
    was changed last goes back first. Each has a gate of its own.

    Raises:
        PlanRefused: no group was changed, or the take of before was never seen.
    """
    plan = state.the_plan
    if plan.takes:
        raise PlanRefused(
            "this run goes on with what another one began; abort it, and then `rollback` the group"
        )
    revision = plan.revision + 1
    done = tuple(step for step in plan.steps if state.of(step).status == "done")
    changed = [g for g in plan.changing if any(_changes(step, g) for step in done)]
    if not changed:
        raise PlanRefused("no group has been changed, so there is nothing to roll back")
    if plan.take_before is None:
        raise PlanRefused("the take of before was never seen, so nobody can tell what to expect")
    back = StepKind.UNINSTALL if plan.kind == "install" else StepKind.INSTALL
    tail: list[Step] = []
    for group in reversed(changed):
        tail += group_steps(group, back, plan.take_before, f".r{revision}")
    return replace(
        plan,
        revision=revision,
        phase="rollback",
        steps=(*done, *_not_agreed(state), *tail, *last_steps(plan.take_before, f".r{revision}")),
        cause="rollback",
        appointment=None,  # what people take back does not wait for another window
    )


def _not_agreed(state: RunState) -> tuple[Step, ...]:
    """Return the gates at which people have not agreed yet that members are left out.

    They stay in every later plan: nobody is left out without them.
    """
    asked = (step for step in state.the_plan.steps if step.kind is StepKind.WITHOUT)
    return tuple(step for step in asked if state.of(step).status != "done")


def plan_degraded_end(state: RunState) -> Plan:
    """Revise an aborted plan: to end with members out of service takes the votes of a failover."""
    plan = state.the_plan
    revision = plan.revision + 1
    gate = Step(f"DEGRADED.r{revision}", StepKind.DEGRADED)
    return replace(plan, revision=revision, steps=(*plan.steps, gate), cause="degraded end")


def can_roll_back(state: RunState) -> bool:
    """Tell whether `plan_rollback` would make a plan."""
    try:
        plan_rollback(state)
    except PlanRefused:
        return False
    return not state.rolled_back


def _changes(step: Step, group: LogicalGroup) -> bool:
    kinds = (StepKind.INSTALL, StepKind.UNINSTALL)
    return step.kind in kinds and step.group == group.name


def plan_abort(state: RunState, *, case: str, group: str = "") -> Plan:
    """Revise the plan so that it goes to the nearest safe end.

    Args:
        state: the run as it is.
        case: "nothing_down", "down_not_started" (bring `group` up), "interrupted" (nobody
            can tell what came of the work on it, but none of it goes on: bring `group` up),
            "left_down" (none of the work on it goes on, and others took it out of service before
            this run: who brings it up is for them to say), "under_way" (wait until `group` is
            back, and end before the next one) or "not_back" (it did not come back in time, and is
            not waited for again; what we took down is still brought up).
        group: the Logical Group in hand.
    """
    plan = state.the_plan
    done = tuple(step for step in plan.steps if state.of(step).status == "done")
    revision = plan.revision + 1
    tail: list[Step] = []

    def add(kind: StepKind, name: str = "") -> None:
        members = plan.group(name).members if name else ()
        tail.append(Step(f"{name or 'ABORT'}.{kind}.r{revision}", kind, name, members))

    taken = state.taken_by(group) if group else None
    ours = taken is None or not plan.starts_down(taken)
    if case in ("down_not_started", "interrupted", "not_back") and ours:
        add(StepKind.ADMIN_UP, group)
    if case in ("down_not_started", "interrupted"):
        add(StepKind.COMEBACK, group)
    if case == "under_way":
        waiting = [
            step
            for step in plan.steps
            if step.group == group
            and step.kind in (StepKind.INSTALL, StepKind.UNINSTALL, StepKind.RETURN, StepKind.SOAK)
            and state.of(step).status != "done"
        ]
        tail.extend(waiting)
    if state.cloning_owed:
        add(StepKind.CLONING_RESTORE)
    add(StepKind.CLEANUP)
    tail += _not_agreed(state)
    return replace(plan, revision=revision, steps=done + tuple(tail), cause=f"abort: {case}")
