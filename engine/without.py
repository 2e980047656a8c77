"""`without 1_7` while a run holds: the plan that goes on and leaves a member alone. Pure.

Only a member that is surely out of service, and not by our own act alone, can be left out: nothing
is sent to it any more and nothing is asked of it, and it keeps what it has. People agree to that
with the votes of a failover (WITHOUT), before anything goes on. A step that was begun keeps its id,
so that nothing is begun twice; whatever was not begun is looked at, and asked for, anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from engine import splitting
from engine.errors import PlanRefused
from engine.facts import GroupFacts, MemberId, by_number, spelled, surely_out
from engine.fold import RunState
from engine.model import LogicalGroup, Plan, Step, StepKind
from engine.planner import about_split


def plan_without(
    state: RunState, wanted: Collection[MemberId], facts: GroupFacts, *, by: str
) -> Plan:
    """Revise the plan of a run that holds, so that these members are left out as well.

    Args:
        state: the run.
        wanted: who is to be left out from now on.
        facts: a look of just now.
        by: who wants it, for people to read.

    Raises:
        PlanRefused: somebody may carry traffic, or what remains could not be worked on safely.
    """
    plan = state.the_plan
    new = tuple(sorted(set(wanted) - set(plan.left_out), key=by_number))
    _refuse(state, new, facts)
    revision = plan.revision + 1
    groups = tuple(
        replace(group, members=tuple(m for m in group.members if m not in new))
        for group in plan.groups
    )
    _refuse_what_remains(state, groups, new)
    pending = [s for s in plan.steps if s.kind is StepKind.WITHOUT and not _is_done(state, s)]
    asked = {*new, *(member for step in pending for member in step.members)}
    gate = Step(f"WITHOUT.r{revision}", StepKind.WITHOUT, members=_in_order(asked))
    kept = [note for note in plan.notes if not splitting.is_about_split(note)]
    return replace(
        plan,
        revision=revision,
        groups=groups,
        steps=_steps(state, new, gate, revision),
        left_out=_in_order((*plan.left_out, *new)),
        notes=(*kept, *about_split(groups, facts)),
        cause=f"{by} goes on without {spelled(new)}",
    )


def can_leave_out(state: RunState) -> tuple[MemberId, ...]:
    """Return who is out of service and could be left out, all together, as last seen."""
    facts, plan = state.facts, state.plan
    if facts is None or plan is None:
        return ()
    out = [m.id for m in plan.concerning(facts).members if not _why_not(state, facts, m.id)]
    try:
        plan_without(state, out, facts, by="")
    except PlanRefused:
        return ()
    return tuple(out)


def _refuse(state: RunState, new: Sequence[MemberId], facts: GroupFacts) -> None:
    plan = state.the_plan
    if state.aborted:
        raise PlanRefused("the run goes to its end already, and works on nobody any more")
    if begun := [g.name for g in plan.changing if _is_under_way(state, g.name)]:
        raise PlanRefused(
            f"{begun[0]} was taken out of service and is not changed yet: nobody is left out in "
            "between; `retry` goes on, `abort` brings it up"
        )
    if not new:
        raise PlanRefused(f"left out already: {spelled(plan.left_out) or 'nobody'}; name another")
    if unknown := [one for one in new if one not in plan.members or one not in facts.ids]:
        raise PlanRefused(
            f"there is no member {', '.join(unknown)} in this plan; it is about "
            f"{', '.join(plan.members)}"
        )
    if reasons := [why for one in new if (why := _why_not(state, facts, one))]:
        raise PlanRefused("; ".join(reasons))


def _why_not(state: RunState, facts: GroupFacts, one: MemberId) -> str:
    """Say why this member cannot be left out, or ""."""
    plan, member = state.the_plan, facts.member(one)
    if not surely_out(member, plan.policy.state_words):
        return (
            f"{one} is {member.state}, so it may carry traffic; only a member that is out of "
            "service can be left out"
        )
    if "ADMIN" in member.notes and _in_hand(state, one):
        return f"{one} is out of service because this run took it down; `abort` brings it up"
    return ""


def _in_hand(state: RunState, one: MemberId) -> bool:
    """Whether a member belongs to a Logical Group that was taken down and is not back."""
    group = next((group.name for group in state.the_plan.groups if one in group.members), "")
    back = state.step_of(group, StepKind.RETURN)
    return back is not None and not _is_done(state, back) and _begun(state, group)


def _refuse_what_remains(
    state: RunState, groups: Sequence[LogicalGroup], new: Sequence[MemberId]
) -> None:
    plan, named = state.the_plan, spelled(new)
    if empty := [group.name for group in groups if not group.members]:
        raise PlanRefused(
            f"without {named} nobody would be left in {', '.join(empty)}; `abort`, and order it "
            f"anew without {named}"
        )
    changing = {group.name for group in plan.changing}
    for group in groups:
        back = state.step_of(group.name, StepKind.RETURN)
        if group.name not in changing or back is None or _is_done(state, back):
            continue
        left = sum(len(other.members) for other in groups if other.name != group.name)
        if left < plan.policy.min_in_service:
            raise PlanRefused(
                f"without {named} only {left} would be in service while {group.name} is down, and "
                f"at least {plan.policy.min_in_service} must be"
            )


def _steps(
    state: RunState, new: Collection[MemberId], gate: Step, revision: int
) -> tuple[Step, ...]:
    """Return what was done, the gate, and what is left without these members."""
    plan = state.the_plan
    fresh = {group.name for group in plan.groups if not _begun(state, group.name)}
    kept = [s for s in plan.steps if _is_done(state, s) and s.group not in fresh]
    left = [
        replace(
            step,
            id=f"{step.id.partition('.r')[0]}.r{revision}" if step.group in fresh else step.id,
            members=tuple(m for m in step.members if m not in new),
        )
        for step in plan.steps
        if step not in kept and step.kind is not StepKind.WITHOUT
    ]
    return (*kept, gate, *left)


def _begun(state: RunState, group: str) -> bool:
    """Whether anything was ever intended on a Logical Group: then its steps keep their ids."""
    kinds = (StepKind.ADMIN_DOWN, StepKind.INSTALL, StepKind.UNINSTALL)
    own = [s for s in state.the_plan.steps if s.group == group and s.kind in kinds]
    now = [state.of(step) for step in own]
    return any(one.status != "waiting" or one.attempt > 1 for one in now)


def _is_under_way(state: RunState, group: str) -> bool:
    """Whether a Logical Group was taken in hand, and its change is not done.

    A gate of ours must not come between a failover's gate and what it lets begin, and until the
    change is done a group that is down may yet have to be brought up by itself.
    """
    taken, change = state.taken_by(group), state.changing(group)
    if taken is None or change is None or state.of(taken).status == "waiting":
        return False
    return not _is_done(state, change)


def _is_done(state: RunState, step: Step) -> bool:
    return state.of(step).status == "done"


def _in_order(members: Collection[MemberId]) -> tuple[MemberId, ...]:
    return tuple(sorted(set(members), key=by_number))
