"""The words that every message shares: of steps, of the run's state, of members, of the work left.

One place, so that root, gate and thread call a thing by the same name. Layout is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.views import schedule
from bot.views.format import escape, lowered, size, span
from bot.views.story import Opening, Story
from engine.estimate import work
from engine.facts import MemberFacts, in_service, package_stem, spelled
from engine.headroom import active_among, headroom, in_words
from engine.invariants import described
from engine.model import LogicalGroup, Plan, Step, StepKind
from engine.policy import GatePolicy
from engine.splitting import left_alone

DOING: Mapping[StepKind, str] = {
    StepKind.PROPOSAL: "Waiting for approval of the proposal",
    StepKind.PREFLIGHT: "Checking the group",
    StepKind.UPLOAD: "Uploading the package",
    StepKind.IMPORT: "Importing the package",
    StepKind.VERIFY: "Verifying the package",
    StepKind.CLONING_OFF: "Switching auto-clone off",
    StepKind.READY: "Checking before the failover of {group}",
    StepKind.FAILOVER: "Waiting for approval of the failover of {group}",
    StepKind.ADMIN_DOWN: "Taking {group} out of service",
    StepKind.INSTALL: "Installing on {group}",
    StepKind.UNINSTALL: "Uninstalling from {group}",
    StepKind.RETURN: "Waiting for {group} to come back",
    StepKind.SOAK: "Watching {group} after its return",
    StepKind.CLONING_RESTORE: "Restoring auto-clone",
    StepKind.CLEANUP: "Removing the uploaded file",
    StepKind.POSTFLIGHT: "Comparing with before",
    StepKind.ADMIN_UP: "Bringing {group} back up",
    StepKind.COMEBACK: "Waiting for {group} to carry traffic again",
    StepKind.DEGRADED: "Waiting for approval to end with members out of service",
    StepKind.START: "Waiting for approval to start on {group}",
    StepKind.ACCEPT: "Waiting for approval of another take",
    StepKind.DELETE: "Deleting the package",
    StepKind.APPOINTMENT: "Waiting for the appointment",
    StepKind.KEEP: "Asking whether the hotfix is kept",
    StepKind.WITHOUT: "Waiting for approval to go on without members",
}

TITLES: Mapping[StepKind, str] = {
    StepKind.PROPOSAL: "proposal approved",
    StepKind.PREFLIGHT: "group checked",
    StepKind.UPLOAD: "package uploaded",
    StepKind.IMPORT: "package imported",
    StepKind.VERIFY: "package verified",
    StepKind.CLONING_OFF: "auto-clone off",
    StepKind.READY: "checks before the failover",
    StepKind.FAILOVER: "approval of the failover",
    StepKind.ADMIN_DOWN: "out of service",
    StepKind.INSTALL: "installed",
    StepKind.UNINSTALL: "uninstalled",
    StepKind.RETURN: "back in service",
    StepKind.SOAK: "stable",
    StepKind.CLONING_RESTORE: "auto-clone restored",
    StepKind.CLEANUP: "uploaded file removed",
    StepKind.POSTFLIGHT: "compared with before",
    StepKind.ADMIN_UP: "brought back up",
    StepKind.COMEBACK: "carries traffic again",
    StepKind.DEGRADED: "degraded end approved",
    StepKind.START: "approval of the start",
    StepKind.ACCEPT: "another take approved",
    StepKind.WITHOUT: "members left out, as approved",
    StepKind.DELETE: "package deleted",
    StepKind.APPOINTMENT: "the appointment has come",
    StepKind.KEEP: "keep it, or roll back",
}


def work_left(story: Story) -> str:
    """Say how much work is left, as the estimate that it is."""
    state = story.state
    steps = [s for s in story.plan.steps if state.of(s).status != "done"]
    return f"about {span(work(story.plan, steps))} of work left (an estimate), plus time for votes"


def doing(step: Step) -> str:
    """Say what goes on in a step."""
    return DOING[step.kind].format(group=step.group)


def titled(step: Step) -> str:
    """Name a step in a list, as what is true once it is done."""
    return TITLES[step.kind]


def parts(plan: Plan) -> list[list[Step]]:
    """Return a plan's steps in its parts: the preparation, each Logical Group, the end."""
    found: list[list[Step]] = []
    for step in plan.steps:
        if not found or found[-1][-1].group != step.group:
            found.append([])
        found[-1].append(step)
    return found


def part_named(plan: Plan, part: Sequence[Step]) -> str:
    """Name a part of a plan."""
    if part[0].group:
        return group_named(plan.group(part[0].group))
    return "Preparation" if part[0] is plan.steps[0] else "At the end"


def group_named(group: LogicalGroup) -> str:
    """Return `A (1_1-1_4)`."""
    return f"{group.name} ({spelled(group.members)})"


def others_named(plan: Plan, group: str) -> str:
    """Return the Logical Groups that carry the traffic while one is down."""
    return ", ".join(group_named(one) for one in plan.groups if one.name != group)


def asked_about(step: Step) -> str:
    """Name what a gate asks, in the middle of a sentence."""
    return {
        StepKind.PROPOSAL: "the proposal",
        StepKind.FAILOVER: f"the failover of {escape(step.group, 10)}",
        StepKind.START: f"the start on {escape(step.group, 10)}, which is out of service",
        StepKind.ACCEPT: "another take than was announced",
        StepKind.KEEP: "whether the hotfix is kept",
        StepKind.WITHOUT: f"going on without {ids(step.members)}",
    }.get(step.kind, "the end with members out of service")


def what_for(plan: Plan) -> str:
    """Say in a few words what a plan does: `install take 120`, `uninstall take 120 (to take 99)`.

    Where members are at different takes, it says that it finishes or takes back.
    """
    back = f" (to {take_words(plan.take_after)})"
    done = f"uninstall {brought(plan)}{back}" if plan.removal else ""
    done = done or f"install {brought(plan)}"
    return {"finish": f"finish, {done}", "rollback": f"roll back, {done}"}.get(plan.phase, done)


def take_words(take: int | None) -> str:
    """Name a take; a version without any has none."""
    if take == 0:
        return "no Jumbo Hotfix"
    return f"take {'?' if take is None else take}"


def ids(members: Iterable[str]) -> str:
    """Spell member ids; what is no id (there should be none) is only escaped."""
    given = list(members)
    try:
        return spelled(given)
    except ValueError:
        return escape(", ".join(given), 200)


def out_words(out: Iterable[str], plan: Plan | None = None) -> str:
    """Say who is out of service, and who is left out of the plan for being so."""
    given, left_out = list(out), plan.left_out if plan is not None else ()
    others = "every other member is in service" if left_out else "every member is in service"
    said = f"out of service: {ids(given)}" if given else others
    return f"{said}; left out: {ids(left_out)}" if left_out else said


def left_out_named(plan: Plan) -> str:
    """Return `, without 1_7` for the first line of what is asked, or ""."""
    return f", without {ids(plan.left_out)}" if plan.left_out else ""


def alone_named(plan: Plan, group: str = "") -> str:
    """Say for the first line of what is asked that one member alone would be left, or "".

    Without `group` it is about the whole plan.
    """
    changing = [one.name for one in plan.changing]
    alone = [n for n in left_alone(plan.groups) if group in ("", n) and n in changing]
    if not alone:
        return ""
    when = "" if group else f" while {' or '.join(alone)} is down"
    return f", one member alone carries the traffic{when}: no redundancy"


def staying(plan: Plan, facts: Mapping[str, object]) -> list[str]:
    """Say for each group what the members that stay carry, from what a gate's facts show."""
    active = active_among(facts.get("sites"))
    return [
        in_words(group.name, headroom(group.members, plan.members, active)) for group in plan.groups
    ]


def how_far(story: Story, step: Step) -> str:
    """Say how far the file is that is sent just now, or that the run waits there; or ""."""
    if story.state.waits_to_prepare and step == story.state.next_step():
        return f"waits: {escape(story.state.waits_for, 160)}"
    told = story.state.progress.get(step.id, {})
    if told.get("size"):
        return f"{int(told['sent']) * 100 // int(told['size'])} % of {size(int(told['size']))}"
    return escape(str(told.get("note", "")), 160)


def brought(plan: Plan) -> str:
    """Name what a plan installs: a take, or a hotfix that leaves the take as it is."""
    if plan.package.is_jumbo:
        return f"take {plan.package.take}"
    return f"hotfix {package_stem(plan.package.name)[:80]}"


def left_out_words(plan: Plan) -> str:
    """Say what it means that members are left out, or ""."""
    if not plan.left_out:
        return ""
    return (
        f"{ids(plan.left_out)} {'is' if len(plan.left_out) == 1 else 'are'} left out: out of "
        f"service when this was planned. Nothing is sent there, {brought(plan)} is not "
        f"{'un' if plan.removal else ''}installed there, and auto-clone, where it was on, stays "
        "owed until every member shows the same take"
    )


def member_words(member: MemberFacts, story: Story) -> str:
    """Say a member's state in words."""
    if in_service(member, story.plan.policy.state_words):
        return "in service"
    progress = _progress_of(member.id, story)
    if not member.answered:
        return "restarting" if progress else f"{member.state}, does not answer"
    if member.state == "DOWN" and "ADMIN" in member.notes:
        return f"taken out{f', {progress}' if progress else ''}"
    return described(member)


def _progress_of(member: str, story: Story) -> str:
    running = [i for i in story.installations.values() if member in i.step.members and not i.undone]
    if not running:
        return ""
    back = story.state.step_of(running[-1].step.group, StepKind.RETURN)
    if back is not None and story.state.of(back).status == "done":
        return ""
    if running[-1].done_at is not None:
        return "installed" if running[-1].step.kind is StepKind.INSTALL else "uninstalled"
    if running[-1].committed_at is None:
        return ""
    return str(running[-1].members.get(member, "installing"))


# -------------------------------------------------------------------------- the run's state


def state_word(story: Story) -> str:
    """Say in one word, or a few, how a run stands."""
    state = story.state
    if state.ended is not None:
        return ended_word(story)
    if state.hold is not None:
        return "BROKEN" if state.hold.error == "Broken" else "HELD"
    if state.halted:
        return "HALTED"
    opening = story.opening
    if state.resting:
        return "Paused"
    if scheduled := schedule.state_word(story):
        return scheduled
    if opening is not None and opening.gate.outcome == "approved":
        return f"Approved {opening.gate.name}, about to start"
    if opening is not None:
        return f"Waiting for approval {opening.gate.name}"
    step = state.next_step()
    word = doing(step) if step else "Ending"
    return f"Aborting: {lowered(word)}" if state.aborted else word


def ended_word(story: Story) -> str:
    """Say how a run ended."""
    ended = story.state.ended or {}
    if ended.get("state") == "done":
        return "Done"
    if ended.get("state") == "rolled back":
        return "Rolled back"
    if ended.get("state") == "kept":
        return "Kept"
    return "DEGRADED" if ended.get("state") == "degraded" else "Ended by abort"


def change_of(plan: Plan, group: str) -> Step:
    """Return the step that changes a group's software; the latest, after a rollback."""
    kinds = (StepKind.INSTALL, StepKind.UNINSTALL)
    return next(s for s in reversed(plan.steps) if s.group == group and s.kind in kinds)


def alarming(story: Story) -> bool:
    """Tell whether the run stopped where it should not, so that its first line must say more."""
    state = story.state
    return state.ended is None and (state.hold is not None or bool(state.halted))


def headline(story: Story) -> str:
    """Return the root's first line: state first, then whatever somebody must know at once."""
    state = story.state
    parts = [state_word(story)]
    out = state.out_of_service()
    if alarming(story) or (state.ended is not None and out):
        parts.append(out_words(out, story.plan))
    elif state.ended is not None and story.plan.left_out:
        parts.append(f"left out: {ids(story.plan.left_out)}")
    if state.ended is not None and state.cloning_owed:
        parts.append("auto-clone is owed")
    return " · ".join([*parts, state.run, story.plan.security_group, _short(story.plan)])


def _short(plan: Plan) -> str:
    """Return `T120`, or `T120 → T99` where that is uninstalled: it is not about a new take."""
    if not plan.package.is_jumbo:
        return brought(plan)
    if plan.removal is None:
        return f"T{plan.take_after}"
    return f"T{plan.package.take} → {f'T{plan.take_after}' if plan.take_after else 'none'}"


def steps_done(story: Story) -> str:
    """Say how far the plan has come."""
    steps = story.plan.steps
    done = sum(1 for step in steps if story.state.of(step).status == "done")
    return f"{done} of {len(steps)} steps"


def cloning_words(story: Story) -> str:
    """Say how image auto-clone stands, and whether the group owes it."""
    state = story.state
    if state.cloning_owed:
        left_out = story.plan.left_out
        return (
            "*owed*: it was on, is off for this work, and goes back on when every member shows "
            f"the same take{f', {ids(left_out)} as well, left out here' if left_out else ''}"
        )
    if state.cloning_was is not None:
        return "on again, as it was before"
    facts = story.plan.concerning(state.facts) if state.facts else None
    seen = {m.auto_clone for m in facts.members} if facts else set()
    if seen == {True}:
        return "on"
    return "off" if seen == {False} else "not known on every member"


# ---------------------------------------------------------------------------------- votes


def voter(name: str, roles: Iterable[str], opening: Opening) -> str:
    """Return `ana (network)`, with the roles that matter at this gate."""
    shown = sorted(set(roles) & opening.rules.roles)
    return f"{escape(name, 80)} ({escape(', '.join(shown), 120)})" if shown else escape(name, 80)


def policy_words(policy: GatePolicy) -> str:
    """Say how many persons a policy asks for, and of which roles."""
    people = "1 person" if policy.votes == 1 else f"{policy.votes} people"
    if policy.needs:
        roles = ", ".join(f"{count} of {escape(role, 60)}" for role, count in policy.needs)
        return f"{people}, among them {roles}"
    return f"{people} of {escape(either(policy.roles) or 'no role', 200)}"


def either(roles: Iterable[str]) -> str:
    """Return `firewall, manager or network`: who is in any of these will do."""
    *others, last = sorted(roles) or [""]
    return f"{', '.join(others)} or {last}" if others else last


def needs(opening: Opening, story: Story) -> str:
    """Say who must approve."""
    policy, of_roles = opening.policy, policy_words(opening.policy)
    request = story.state.the_request
    who = escape(request.requester_name or request.requester, 80)
    own = "may vote too" if policy.requester_may_vote else "asked for it and may not approve"
    changed = sorted(story.state.authors - {request.requester})
    if changed and not policy.requester_may_vote:
        who_else = ", ".join(escape(story.name(user), 80) for user in changed)
        own = f"{own}; neither may who changed it: {who_else}"
    return f"{of_roles}; {who} {own}"


def counted(opening: Opening) -> str:
    """Say who is counted so far."""
    names = ", ".join(voter(v.name, v.roles, opening) for v in opening.yes)
    return f"{len(opening.yes)} of {opening.policy.votes}{f' — {names}' if names else ''}"
