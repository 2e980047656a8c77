"""What must hold before each step, as sentences about what does not. Pure.

An invariant may forbid what makes things worse, never what makes them better: bringing a group
up, and looking, are always allowed. Conditions bind the members that must carry traffic. One that
the plan leaves out is surely out of service when a group goes down, and nothing is asked of it; or
it is fully in service again, and bound like the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from engine import headroom
from engine.enforced import changes, described_virtual, lost_virtual, same_policy
from engine.errors import ConditionFailed, SessionOpen
from engine.facts import (
    GroupFacts,
    MemberFacts,
    MemberId,
    PackageState,
    in_service,
    is_initial,
    spelled,
    surely_out,
)
from engine.fold import RunState
from engine.model import LogicalGroup, Plan, Step, StepKind
from engine.splitting import site_of, whole_sites
from engine.zoned import lasting


def check(step: Step, facts: GroupFacts, state: RunState) -> None:
    """Raise unless everything that this step needs is true in these facts.

    Raises:
        ConditionFailed: with every reason, one sentence each.
        SessionOpen: nothing else stands against it.
    """
    problems = _CHECKS.get(step.kind, _nothing)(step, facts, state)
    if step.kind in _BEFORE_DOWN:
        problems += _left_out_in_doubt(facts, state.the_plan)
    if problems:
        raise ConditionFailed("; ".join([*problems, *open_sessions(facts)]))
    nobody_else(facts, state.the_plan)


def _left_out_in_doubt(facts: GroupFacts, plan: Plan) -> list[str]:
    """One left out may carry traffic only as a healthy member does; else nobody can rely on it."""
    words = plan.policy.state_words
    return [
        f"{member.id}, which this plan leaves out, is {described(member)}: neither surely out of "
        f"service nor healthy; bring {member.id} fully into service, or take it out of service by "
        "hand, and retry"
        for member in facts.some(plan.left_out)
        if not surely_out(member, words) and not in_service(member, words)
    ]


def nobody_else(facts: GroupFacts, plan: Plan) -> None:
    """Raise where a session of ours still lives on a member: what it was told may yet happen.

    Raises:
        SessionOpen: with every such member.
    """
    sessions = open_sessions(facts)
    if sessions:
        raise SessionOpen("; ".join(sessions), f"{plan.policy.own_directory}/lock")


def open_sessions(facts: GroupFacts) -> list[str]:
    """Say on which members a session of ours, or of a former executor, is open."""
    return [f"a session of ours is still open on {m.id}" for m in facts.members if m.session_open]


def _nothing(_step: Step, _facts: GroupFacts, _state: RunState) -> list[str]:
    return []


IN_DANGER = "ACTIVE(!)"
"""A member has a problem, and had to become active all the same: whose it is does not matter."""


def left_service(
    group: Sequence[str], facts: GroupFacts, plan: Plan, known: GroupFacts | None = None
) -> list[str]:
    """Say what outside a Logical Group carries traffic no more, or that one shows ACTIVE(!).

    `known` is what was seen when the plan began. Two active Sites are no reason here: to bring
    the group up does not part them.
    """
    outside = plan.concerning(facts).others(group)
    left = members_out(group, facts, plan) + lost_virtual([m for m in outside if m.answered], known)
    return left + nobody_took_over(outside, facts)


def members_out(group: Sequence[str], facts: GroupFacts, plan: Plan) -> list[str]:
    """Say which member outside a Logical Group is not in service, or that one shows ACTIVE(!)."""
    asked = {m.id for m in plan.concerning(facts).others(group)}
    return [
        f"{m.id} is {described(m)}"
        for m in facts.members
        if m.state == IN_DANGER or (m.id in asked and not in_service(m, plan.policy.state_words))
    ]


def carrying_traffic(group: Sequence[str], facts: GroupFacts, plan: Plan) -> list[str]:
    """Say which member outside a Logical Group does not carry traffic as it must (P1)."""
    outside = plan.binding(facts).others(group)
    problems = [
        f"{member.id} is {described(member)}, but it must carry traffic"
        for member in outside
        if not in_service(member, plan.policy.state_words)
    ]
    problems += [
        f"{member.id}, which this plan leaves out, is {described(member)}: the group is in danger"
        for member in facts.some(plan.left_out)
        if member.state == IN_DANGER
    ]
    if len(outside) < plan.policy.min_in_service or not outside:
        problems.append("no member would be left to carry traffic")
    if not facts.sync:
        problems.append("connections are not synchronised to the active members")
    problems += one_site_carries(outside, facts)
    return problems + same_policy([m for m in outside if m.policy is not None])


def one_site_carries(members: Sequence[MemberFacts], facts: GroupFacts) -> list[str]:
    """Say that not exactly one Site is active, or which of these members stands by where one is.

    Two that are active both answer for the same addresses: connections are lost, and which Site
    would take over from which cannot be told.
    """
    active = _active_sites(facts)
    if len(active) > 1:
        return [f"{len(active)} Sites are active at once ({_shown_sites(facts)})"]
    return nobody_took_over(members, facts)


def nobody_took_over(members: Sequence[MemberFacts], facts: GroupFacts) -> list[str]:
    """Say that no Site carries the traffic, or which of these members stands by where one does.

    A healthy member of a Standby Site is in service. Where nobody has taken over, all of them may
    be healthy and nothing is carried. A device that shows no Site's state says nothing of this.
    """
    if len(facts.sites) < 2 or not any(site.state for site in facts.sites):
        return []
    active = _active_sites(facts)
    if not active:
        return [f"no Site is active ({_shown_sites(facts)})"]
    return [
        f"{member.id} stands by, but Site {site_of(member.id)} is active"
        for member in members
        if site_of(member.id) in active and "STANDBY" in (member.state, member.own_state)
    ]


def _active_sites(facts: GroupFacts) -> set[int]:
    """Return the Sites that are active, but for one on which every member is surely out.

    Nothing says that the word for a Site goes as soon as its last member does.
    """
    manned = {site_of(member.id) for member in facts.members if not surely_out(member)}
    return {one for one in facts.active_sites if one in manned}


def _shown_sites(facts: GroupFacts) -> str:
    active = _active_sites(facts)
    return ", ".join(
        f"Site {site.id} {site.state or 'not shown'}"
        + (" without a member" if site.id in facts.active_sites and site.id not in active else "")
        for site in facts.sites
    )


def site_failover(facts: GroupFacts, state: RunState) -> str:
    """Say that another Site is active than at the last look, where that is not our doing; else "".

    Ours is what a Logical Group causes that is a Site as a whole, from when it is taken down until
    it stood for its time: the other Site takes over, and the device may let this one take it back.
    """
    before, now = state.active_site, headroom.active_site(facts)
    if before is None or now is None or before == now:
        return ""
    for name, sites in whole_sites(state.the_plan.groups).items():
        if (before in sites or now in sites) and _in_hand(name, state):
            return ""
    return f"Site {now} is active now, and Site {before} was before"


def _in_hand(group: str, state: RunState) -> bool:
    """Tell whether a Logical Group was taken down and has not stood for its time since."""
    open_ = group in state.rescued
    for step in state.the_plan.steps:
        if step.group == group and step.kind is StepKind.ADMIN_DOWN:
            open_ = open_ or state.of(step).status != "waiting"
        if step.group == group and step.kind is StepKind.SOAK and state.of(step).status == "done":
            open_ = False
    return open_


def described(member: MemberFacts) -> str:
    """Say a member's state as its peers and itself see it, with its problem notes."""
    notes = f" ({', '.join(member.notes)})" if member.notes else ""
    if member.unread and not member.answered:
        return f"{member.state}, and its answer cannot be read ({member.unread})"
    if not member.answered:
        return f"{member.state}, and does not answer"
    if member.own_state != member.state:
        return f"{member.state} for its peers and {member.own_state} for itself{notes}"
    if is_initial(member.policy):
        return f"{member.state} with InitialPolicy{notes}"
    ill = [described_virtual(one, member) for one in member.virtual]
    return "; ".join([f"{member.state}{notes}", *(text for text in ill if text)])


def left_out_moved(before: GroupFacts | None, facts: GroupFacts, plan: Plan) -> str:
    """Say which member left out was surely out of service in the look before and is not now."""
    words = plan.policy.state_words
    return "; ".join(
        f"{now.id}, which this plan leaves out, is {described(now)}"
        + (", with auto-clone on" if now.auto_clone else "")
        for now in facts.some(plan.left_out)
        if before is not None
        and surely_out(before.member(now.id), words)
        and not surely_out(now, words)
    )


# ---------------------------------------------------------------------------- per step kind


def _preflight(_step: Step, seen: GroupFacts, state: RunState) -> list[str]:
    plan = state.the_plan
    facts = plan.concerning(seen)
    problems = [
        f"{member.id} is {described(member)}"
        for member in facts.others(plan.starting)
        if not in_service(member, plan.policy.state_words)
    ]
    problems += started_while_down(facts.some(plan.starting), plan)
    if set(facts.ids) != set(plan.members):
        problems.append("the members are not those of the plan: " + ", ".join(facts.ids))
    problems += _takes_as_planned(facts, plan)
    cloning = {member.auto_clone for member in facts.others(plan.starting)}
    if len(cloning) > 1 or None in cloning:
        problems.append("image auto-clone does not show the same on every member")
    if not facts.sync:
        problems.append("connections are not synchronised to the active members")
    starting = plan.starting
    problems += same_policy(plan.binding(seen).others(starting))
    problems += _idle(facts.members, state)
    problems += _packages_as_planned(facts, plan)
    problems += _sites_synchronised(plan.groups, facts)
    return problems + _healthy(facts, state)


def _at(member: MemberFacts) -> str:
    """Say which take a member shows."""
    unread = f"the take of {member.id} cannot be read"
    return unread if member.take is None else f"{member.id} is at take {member.take}"


def _takes_as_planned(facts: GroupFacts, plan: Plan) -> list[str]:
    """Members are alike in a fresh plan; where they differ, as they did when it was made."""
    if plan.takes:
        return [
            f"{_at(member)}, and was at take {plan.before(member.id)} when this was planned"
            for member in facts.members
            if member.take != plan.before(member.id)
        ]
    takes = sorted({str(member.take) for member in facts.members})
    return [f"members are at different takes: {', '.join(takes)}"] if len(takes) > 1 else []


def _packages_as_planned(facts: GroupFacts, plan: Plan) -> list[str]:
    """Whoever is to be changed is not changed yet, and whoever is not to be is already."""
    name = plan.package.name
    to_change = {one for group in plan.changing for one in group.members}
    uninstalls = plan.kind == "uninstall"
    problems = []
    for member in facts.members:
        has = member.package(name) is PackageState.INSTALLED
        if has and (member.id in to_change) is not uninstalls:
            problems.append(f"{member.id} already has {name}")
        if not has and (member.id in to_change) is uninstalls:
            problems.append(f"{member.id} does not have {name}")
    return problems


def started_while_down(members: Sequence[MemberFacts], plan: Plan) -> list[str]:
    """A member on which work starts without a failover carries nothing, and answers."""
    problems = []
    for member in members:
        if not member.answered:
            problems.append(f"{member.id} is {described(member)}")
        elif not surely_out(member, plan.policy.state_words):
            problems.append(
                f"{member.id} is {described(member)}, so it may carry traffic: that needs a "
                "failover; abort, and order it again"
            )
    return problems


def _sites_synchronised(groups: Sequence[LogicalGroup], facts: GroupFacts) -> list[str]:
    """A Site that takes over alone must have the connections of the other one.

    Source: `Sync to all chassis/sites` in `asg stat -v` [B: that it is this line].
    """
    alone = {name: sites for name, sites in whole_sites(groups).items() if sites}
    if not alone or facts.sync_all:
        return []
    shown = "is not shown" if facts.sync_all is None else "is off"
    return [
        f"synchronisation to all Sites {shown}, but {name} is a Site as a whole: without it "
        "connections would be lost"
        for name in alone
    ]


def _room(step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    """Refuse a failover that would leave each member with more connections than it can carry."""
    plan, limit = state.the_plan, state.the_plan.policy.connections_limit
    connections = {h.id: h.connections for h in facts.health if h.connections is not None}
    seen = headroom.headroom(step.members, plan.members, headroom.active_site(facts))
    each = seen.each_then(connections)
    if not limit or not connections or each is None or each <= limit * headroom.FAIL:
        return []
    return [
        f"each member that stays would carry about {each} connections, more than "
        f"{headroom.FAIL:.0%} of the {limit} that one can"
    ]


def _healthy(facts: GroupFacts, state: RunState) -> list[str]:
    """Judge what only a full look reads: disk, licences, core dumps."""
    problems = []
    for health in state.the_plan.concerning(facts).health:
        needed_mb = _log_needed_mb(health.id, facts, state)
        if health.log_free_mb is not None and health.log_free_mb < needed_mb:
            problems.append(
                f"{health.id} has {health.log_free_mb} MB free in /var/log, needs {needed_mb} MB"
            )
    return problems + worse_than_before(facts, state)


def _log_needed_mb(member: MemberId, facts: GroupFacts, state: RunState) -> int:
    """Return how much room a member needs for what is still to come there.

    What is asked before the first step covers the uploaded file, what an import makes of it, and
    the installation: what of these is there since has its room already.
    """
    package, factor = state.the_plan.package, state.the_plan.policy.log_free_factor
    before = state.baseline or facts
    had, has = (seen.member(member).package(package.name) for seen in (before, facts))
    if has is PackageState.INSTALLED and had in (PackageState.ABSENT, PackageState.AVAILABLE):
        return 0
    imported = has is PackageState.AVAILABLE and had is PackageState.ABSENT
    uploaded = state.of("UPLOAD").on == member
    return int(package.size * max(0.0, factor - imported - uploaded) / 1_000_000)


def worse_than_before(facts: GroupFacts, state: RunState) -> list[str]:
    """Say which member lacks licences, or wrote core dumps, since the plan began."""
    plan, problems = state.the_plan, []
    for health in plan.concerning(facts).health:
        before = state.baseline.health_of(health.id) if state.baseline else health
        if (health.licences or 0) < (before.licences or 0):
            problems.append(
                f"{health.id} shows {health.licences} licences, before {before.licences}"
            )
        new_dumps = set(health.core_dumps) - set(before.core_dumps)
        if len(new_dumps) > plan.policy.core_dumps_allowed:
            problems.append(
                f"{health.id} wrote core dumps: {', '.join(sorted(new_dumps))}; a restart alone "
                "may leave some: where these are no reason to stop, move the files away on "
                f"{health.id}, then `retry`"
            )
    return problems


CLOCK_OFF_S = 120
"""So many seconds from ours a member's clock is told: 10 to 40 s apart is usual [C]."""


def worth_telling(facts: GroupFacts) -> list[str]:
    """Say what people should know of a full look although nothing holds for it."""
    return [
        *facts.trouble,
        *(
            f"the clock of {one.id} is {abs(one.clock_offset_s):.0f} s "
            f"{'ahead of' if one.clock_offset_s > 0 else 'behind'} ours: see NTP there, and here"
            for one in facts.health
            if one.clock_offset_s is not None and abs(one.clock_offset_s) > CLOCK_OFF_S
        ),
    ]


CLOCKS_DISAGREE_S = 900
"""So many seconds from ours most members' clocks say that it may not be the time that was agreed
on. A guess: an appointment may begin as late as that by itself."""


def another_time(facts: GroupFacts) -> str:
    """Say that most members' clocks are far from ours, all on one side, or "".

    One of them that is off says nothing about ours.
    """
    off = [one.clock_offset_s for one in facts.health if one.clock_offset_s is not None]
    behind = [-one for one in off if one < -CLOCKS_DISAGREE_S]
    ahead = [one for one in off if one > CLOCKS_DISAGREE_S]
    most = max(behind, ahead, key=len)
    if 2 * len(most) <= len(off):
        return ""
    far = lasting(timedelta(seconds=min(most)))
    side = "behind" if most is behind else "ahead of"
    return (
        f"the clocks of {len(most)} of {len(off)} members are {far} or more {side} this machine's"
    )


def _idle(members: Sequence[MemberFacts], state: RunState) -> list[str]:
    return [
        cpuse_silent(m) if m.cpuse_silent else f"CPUSE is busy on {m.id}"
        for m in members
        if state.busy(m)
    ]


def cpuse_silent(member: MemberFacts) -> str:
    """Say that nobody knows what CPUSE does on a member, and what shows whether it answers again.

    Source: SGMUP, DACLI: its agent was restarted by hand, and never while it installs.
    """
    return (
        f"CPUSE cannot be asked on {member.id} ({member.unread or 'it does not answer'}): see what "
        "`da_cli da_status` says there, and restart its agent only where nothing is being installed"
    )


def _ready(step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    problems = _before_down(step, facts, state) + _healthy(facts, state) + _takes(facts, state)
    return problems + _room(step, facts, state)


def _before_down(step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    plan = state.the_plan
    going_back = [m.id for m in facts.some(step.members) if _may_go_back(m, plan)]
    problems = carrying_traffic(step.members, facts, plan)
    if plan.starts_down(step):
        problems += started_while_down(facts.some(step.members), plan)
        problems += cloning_on(facts, plan)
        problems += _idle(plan.concerning(facts).members, state)
        return problems + _listed(step, facts, state)
    problems += [
        f"{member.id} is {described(member)}; it is to be taken down, so it must be healthy first"
        for member in facts.some(one for one in step.members if one not in going_back)
        if not in_service(member, plan.policy.state_words)
    ]
    problems += _sites_synchronised(plan.groups, facts)
    problems += lost_virtual(plan.concerning(facts).others(going_back), state.baseline)
    problems += cloning_on(facts, plan)
    problems += _idle(plan.concerning(facts).members, state)
    problems += _listed(step, facts, state)
    return problems


def _may_go_back(member: MemberFacts, plan: Plan) -> bool:
    """Tell whether one may be taken down on the way back however ill it is: so it is mended.

    That it serves must be said by itself and by its peers: from another state nobody knows what
    `down` leads to. Of those that stay all is asked that is asked otherwise.
    Source: dossier 6, row 21.
    """
    words = plan.policy.state_words
    serves = member.answered and member.state in words and member.own_state in words
    return plan.phase == "rollback" and serves


def policy_drift(facts: GroupFacts, state: RunState) -> list[str]:
    """Say where the policy on the group is not the one that the plan began with."""
    return _drift(state.baseline, facts, state) if state.baseline else []


def policy_drift_together(facts: GroupFacts, state: RunState, told: Collection[str]) -> str:
    """Say in one sentence what `policy_drift` says of members, but for what was told; else "".

    A policy comes to all members at once, and thirty messages would bury the gate beside them.
    """
    alike: dict[str, list[MemberId]] = {}
    for member, change in _changes(state.baseline, facts, state) if state.baseline else ():
        if f"policy on {member} {change}" not in told:
            alike.setdefault(change, []).append(member)
    return "; ".join(f"policy on {spelled(who)} {change}" for change, who in alike.items())


def _drift(known: GroupFacts, facts: GroupFacts, state: RunState) -> list[str]:
    return [f"policy on {member} {change}" for member, change in _changes(known, facts, state)]


def _changes(
    known: GroupFacts, facts: GroupFacts, state: RunState
) -> Iterator[tuple[MemberId, str]]:
    """Yield each member that has another policy than was known, and how it changed.

    Only members in service count: a restarting one has InitialPolicy until it fetches the rest.
    """
    words = state.the_plan.policy.state_words
    for member in state.the_plan.concerning(facts).members:
        if in_service(member, words):
            for change in changes(known.member(member.id), member):
                yield member.id, change


def cloning_on(facts: GroupFacts, plan: Plan) -> list[str]:
    """Say where image auto-clone is not surely off; who is left out counts unless surely out."""
    out = {m.id for m in facts.some(plan.left_out) if surely_out(m, plan.policy.state_words)}
    return [
        f"image auto-clone is {'on' if member.auto_clone else 'not readable'} on {member.id}"
        + (
            ", which this plan leaves out: switch it off there by hand, and retry"
            if member.id in plan.left_out
            else ""
        )
        for member in facts.members
        if member.answered and member.auto_clone is not False
        if member.state != "DOWN" and member.id not in out
    ]


def _listed(step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    """The package must be there to install, or be installed to uninstall."""
    plan, change = state.the_plan, state.changing(step.group)
    uninstalls = change is not None and change.kind is StepKind.UNINSTALL
    wanted = PackageState.INSTALLED if uninstalls else PackageState.AVAILABLE
    return [
        f"{member.id} shows the package as {member.package(plan.package.name)}"
        for member in facts.some(step.members)
        if member.package(plan.package.name) is not wanted
    ]


def _takes(facts: GroupFacts, state: RunState) -> list[str]:
    """Every group must be at the take that its last return left it at.

    Of a group that was changed, and came back at a take that nobody expected, none is known.
    """
    plan, problems = state.the_plan, []
    for group in plan.groups:
        done = [s for s in plan.steps if s.group == group.name and state.of(s).status == "done"]
        returns = [s.take for s in done if s.kind is StepKind.RETURN]
        if not returns and any(s.kind in _CHANGES for s in done):
            continue
        problems += [
            f"{_at(m)}, expected {expected}"
            for m in facts.some(group.members)
            if m.take != (expected := returns[-1] if returns else plan.before(m.id))
        ]
    return problems


_CHANGES = (StepKind.INSTALL, StepKind.UNINSTALL)


def _change(step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    plan = state.the_plan
    problems = carrying_traffic(step.members, facts, plan)
    starting = step.members if plan.starts_down(step) else ()
    problems += started_while_down(facts.some(starting), plan)
    for member in facts.some(one for one in step.members if one not in starting):
        if not member.answered:
            problems.append(f"{member.id} is {described(member)}")
        elif member.state != "DOWN" or "ADMIN" not in member.notes:
            problems.append(f"{member.id} is {described(member)}, expected DOWN (ADMIN)")
    outside = plan.concerning(facts).others(step.members)
    problems += lost_virtual([m for m in outside if m.answered], state.baseline)
    problems += cloning_on(facts, plan)
    problems += _idle(facts.some(step.members), state)
    return problems + _listed(step, facts, state)


def _restore(_step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    """One left out counts here too: with other software it would be cloned over (P5).

    While it is out of service nobody reaches it to switch its own auto-clone on.
    """
    words = state.the_plan.policy.state_words
    out = [m.id for m in facts.some(state.the_plan.left_out) if surely_out(m, words)]
    against = unlike(facts.members, state) or [f"{one} is out of service" for one in out]
    return [f"{one}, so cloning stays off and is owed" for one in against]


def unlike(members: Sequence[MemberFacts], state: RunState) -> list[str]:
    """Say in what of which auto-clone would change some of these members they are not alike.

    The take, and whatever was installed or uninstalled since auto-clone is owed: a hotfix beside
    the Jumbo leaves the take as it is.
    """
    takes = {member.take for member in members}
    if len(takes) != 1 or None in takes:
        seen = {m.id: "not seen" if m.take is None else m.take for m in members}
        shown = ", ".join(f"{one}: {take}" for one, take in seen.items())
        return [f"members are at different takes ({shown})"]
    return [
        f"members are not alike in {name} ({shown})"
        for name in dict.fromkeys((state.the_plan.package.name, *state.cloning_packages))
        if (shown := _unlike_in(name, members))
    ]


def _unlike_in(name: str, members: Sequence[MemberFacts]) -> str:
    """Say who has a package and who does not, or "" where all are alike in that."""
    states = {member.id: member.package(name) for member in members}
    has = {state is PackageState.INSTALLED for state in states.values()}
    if len(has) == 1 and PackageState.UNKNOWN not in states.values():
        return ""
    return ", ".join(f"{one}: {state}" for one, state in states.items())


def _admin_down(step: Step, facts: GroupFacts, state: RunState) -> list[str]:
    """As at READY, and with the policy that READY saw: what changed since, nobody approved."""
    approved = state.ready.get(step.group)
    drift = _drift(approved, facts, state) if approved else []
    return _before_down(step, facts, state) + drift


_BEFORE_DOWN = (StepKind.PREFLIGHT, StepKind.READY, StepKind.ADMIN_DOWN)
"""Nobody is down yet. Once a group is, going on is better than to wait for people."""

_CHECKS = {
    StepKind.PREFLIGHT: _preflight,
    StepKind.READY: _ready,
    StepKind.ADMIN_DOWN: _admin_down,
    StepKind.INSTALL: _change,
    StepKind.UNINSTALL: _change,
    StepKind.CLONING_RESTORE: _restore,
}
