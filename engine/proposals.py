"""What people want otherwise in a proposal, and the plan that follows from it. Pure.

A change is possible while the proposal is asked and nothing was done: it makes a new revision of
the plan, from a fresh look, and asks for it anew under another code. The rules of a split are the
planner's; here they are also told part by part, for whoever fills in a form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine import windows
from engine.appointments import appointed, when
from engine.errors import PlanRefused
from engine.facts import GroupFacts, MemberId, by_number, spelled
from engine.fold import RunState
from engine.model import (
    COMPLETELY,
    Appointment,
    LogicalGroup,
    Plan,
    Removal,
    Request,
    Step,
    StepKind,
)
from engine.planner import (
    about_split,
    concerned,
    install_steps,
    plan_install,
    uninstall_steps,
)
from engine.policy import Policy
from engine.splitting import by_sites, is_about_split, size_fault
from engine.uninstalling import made

REVISIONS_LIMIT = 20
"""So many revisions of one proposal; each is a message of its own. A guess: nobody needs more."""

ORDERS = ("vendor", "smo_last", "swap", "listed")


@dataclass(frozen=True)
class Change:
    """What somebody wants otherwise; what is left empty stays as it is.

    Attributes:
        split: the Logical Groups A, B and so on, by their members.
        groups: how many Logical Groups; their members follow from that.
        divide: "by_site" or "across_sites", where there are two Sites.
        order: "vendor" (A first), "smo_last", "swap" (of two, the other one first) or "listed".
        listed: the letters of all groups in the order wanted, with `order` "listed".
        left_out: exactly these members are left out; () is nobody, and None as it is.
        take: the take that is expected after an uninstall.
        appointment: when it may fail over.
    """

    split: tuple[tuple[MemberId, ...], ...] = ()
    groups: int = 0
    divide: str = ""
    order: str = ""
    listed: tuple[str, ...] = ()
    left_out: tuple[MemberId, ...] | None = None
    take: int | None = None
    appointment: Appointment | None = None


def parts_of(plan: Plan) -> tuple[tuple[MemberId, ...], ...]:
    """Return the members of A, B and so on, whichever of them goes first."""
    return tuple(group.members for group in sorted(plan.groups, key=lambda one: one.name))


def parts_without(plan: Plan, left_out: Sequence[MemberId]) -> tuple[tuple[MemberId, ...], ...]:
    """Return the plan's parts without these members, or () where that is no split any more.

    Whoever ordered a split keeps it where a member less still leaves parts of nearly equal size;
    a member that is taken in again is in no part yet.
    """
    parts = tuple(tuple(m for m in part if m not in left_out) for part in parts_of(plan))
    members = [one for part in parts for one in part]
    return parts if set(left_out) >= set(plan.left_out) and not split_faults(members, parts) else ()


def plan_change(state: RunState, change: Change, facts: GroupFacts, *, by: str) -> Plan:
    """Revise the plan of a proposal.

    Args:
        state: the run, whose proposal is open.
        change: what is wanted otherwise.
        facts: a look of just now.
        by: who wants it, for people to read.

    Raises:
        PlanRefused: no plan can be made like that, or it would be the same one.
    """
    plan = state.the_plan
    revision = plan.revision + 1
    if revision > REVISIONS_LIMIT:
        raise PlanRefused(f"it was changed {REVISIONS_LIMIT - 1} times already; order it anew")
    if plan.phase != "fresh":
        raise PlanRefused(
            "what is left to do, and in which groups, follows from the run before it; say `abort`, "
            "and order it anew, with `without 1_7` where a member is out of service"
        )
    if change.take is not None and plan.removal is None:
        raise PlanRefused("the take of an installation is the one of its package")
    wanted_out = plan.left_out if change.left_out is None else change.left_out
    left_out = tuple(sorted(set(wanted_out), key=by_number))
    renewed = bool(change.split or change.groups or change.divide)
    kept = () if renewed else parts_without(plan, left_out)
    made_anew = not kept
    split = change.split or kept
    order = change.order if change.order in ("vendor", "smo_last") else "vendor"
    if not change.order and made_anew:
        order = plan.policy.order
    remarks = [note for note in plan.notes if not is_about_split(note)]
    policy = replace(plan.policy, split=change.divide or plan.policy.split)
    fresh = _planned_anew(
        plan,
        replace(state.the_request, split=split, left_out=left_out, groups=0, divide=""),
        facts,
        replace(policy, groups=change.groups or len(plan.groups), order=order),
        _removal(plan, change, by),
        plan.take_after if change.take is None else change.take,
    )
    groups = fresh.groups
    if not made_anew and change.order in ("", "swap"):
        groups = _listed(groups, [group.name for group in plan.groups])
    if change.order == "swap":
        groups = _swapped(groups)
    if change.order == "listed":
        groups = _listed(groups, change.listed)
    changed = (*_left_out_changed(plan, left_out), *what_changed(plan, groups))
    if fresh.take_after != plan.take_after:
        changed += (f"take expected afterwards: {plan.take_after} → {fresh.take_after}",)
    if not changed:
        raise PlanRefused("the proposal says that already")
    changed_plan = replace(
        fresh,
        revision=revision,
        groups=groups,
        steps=_steps(fresh, groups, revision),
        policy=policy,
        notes=(*remarks, *about_split(groups, facts)),
        cause=f"changed by {by}: {'; '.join(changed)}",
    )
    return appointed(changed_plan, plan.appointment)


def plan_move(state: RunState, appointment: Appointment, now: datetime, *, by: str) -> Plan:
    """Revise a plan so that it keeps another appointment: people agree to that before it does.

    Possible as long as no member is out of service by this run, also where it holds because a
    window ended between two Logical Groups. A scheduled rollback is brought forward by it: whether
    the hotfix is kept is not asked any more once its time has come.

    Raises:
        PlanRefused: it cannot be moved now, or not to then, or it has that appointment.
    """
    plan, step = state.the_plan, state.next_step()
    if state.aborted or state.rolled_back:
        raise PlanRefused("it goes to its end already")
    if step is None or step.kind in (StepKind.WITHOUT, StepKind.ACCEPT, StepKind.DEGRADED):
        raise PlanRefused("people are asked about something else first")
    if worked_on := [group.name for group in plan.changing if _is_worked_on(state, group.name)]:
        raise PlanRefused(f"{worked_on[0]} is worked on; wait until it is back, and was watched")
    appointment = windows.moved(plan, appointment, now)
    if plan.appointment == appointment:
        raise PlanRefused("it has that appointment")
    revision = plan.revision + 1
    if revision > REVISIONS_LIMIT:
        raise PlanRefused(f"it was changed {REVISIONS_LIMIT - 1} times already; order it anew")
    done = tuple(one for one in plan.steps if _stays_done(state, one))
    asked = (StepKind.PROPOSAL, StepKind.APPOINTMENT)
    left = [one for one in plan.steps if one not in done and one.kind not in asked]
    if plan.is_scheduled_rollback and appointment.start <= now:
        left = [one for one in left if one.kind is not StepKind.KEEP]
    first = [replace(s, id=f"{s.kind}.r{revision}") for s in left if s.kind is StepKind.KEEP]
    left = [one for one in left if one.kind is not StepKind.KEEP]
    moved = replace(
        plan,
        revision=revision,
        steps=(
            *first,
            Step(f"{StepKind.PROPOSAL}.r{revision}", StepKind.PROPOSAL),
            *(replace(one, id=f"{_base(one)}.r{revision}") if one.group else one for one in left),
        ),
        cause=f"moved by {by}: {when(plan.appointment)} → {when(appointment)}",
    )
    moved = appointed(moved, appointment)
    return replace(moved, steps=(*done, *moved.steps))


def _is_worked_on(state: RunState, group: str) -> bool:
    """Whether a Logical Group was taken out of service by this run, and is not settled since."""
    taken, last = state.taken_by(group), state.step_of(group, StepKind.SOAK)
    begun = taken is not None and state.of(taken).status != "waiting"
    return begun and (last is None or state.of(last).status != "done")


def _stays_done(state: RunState, step: Step) -> bool:
    """Whether a step is done for good; what READY saw of a group that was not taken is old then."""
    taken = state.taken_by(step.group) if step.kind is StepKind.READY else None
    is_old = taken is not None and state.of(taken).status == "waiting"
    return state.of(step).status == "done" and not is_old


def _swapped(groups: tuple[LogicalGroup, ...]) -> tuple[LogicalGroup, ...]:
    if len(groups) != 2:
        names = ",".join(group.name for group in reversed(groups))
        raise PlanRefused(f"of {len(groups)} groups say the whole order, e.g. `order {names}`")
    return groups[::-1]


def _listed(groups: tuple[LogicalGroup, ...], wanted: Sequence[str]) -> tuple[LogicalGroup, ...]:
    if fault := order_fault([group.name for group in groups], wanted):
        raise PlanRefused(fault)
    return tuple(sorted(groups, key=lambda group: list(wanted).index(group.name)))


def order_fault(names: Sequence[str], wanted: Sequence[str]) -> str:
    """Say why this is no order of all groups, or "" where it is."""
    if sorted(wanted) == sorted(names):
        return ""
    return f"the order must name every group exactly once: {', '.join(sorted(names))}"


def _planned_anew(
    plan: Plan,
    request: Request,
    facts: GroupFacts,
    policy: Policy,
    removal: Removal | None,
    after: int,
) -> Plan:
    """Plan the same thing from a fresh look."""
    if removal is None:
        return plan_install(plan.run, request, plan.package, facts, policy)
    left_out, seen, policy = concerned(request, plan.package, facts, policy)
    request = replace(request, left_out=left_out)
    return made(plan.run, request, plan.package, seen, policy, removal, after)


def _removal(plan: Plan, change: Change, by: str) -> Removal | None:
    """Return what an uninstall takes away, and from where the take afterwards is known now."""
    if plan.removal is None or change.take is None:
        return plan.removal
    if not plan.package.is_jumbo:
        raise PlanRefused(f"{plan.package.name} is no Jumbo, so the take stays as it is")
    if change.take >= plan.package.take:
        raise PlanRefused(f"take {change.take} is not older than take {plan.package.take}")
    if plan.removal.method == COMPLETELY and change.take:
        raise PlanRefused("`completely` leaves no Jumbo Hotfix, so it cannot lead to another take")
    return replace(plan.removal, source=f"{by} said so")


def plan_other_take(state: RunState, change: Change, back: Step | None, *, by: str) -> Plan:
    """Revise a plan so that what a group came back with, against what was announced, is expected.

    People agree to that before anything goes on. `back` is the RETURN that found it.

    Raises:
        PlanRefused: not that take came back, or the others would not end at it.
    """
    plan, facts = state.the_plan, state.facts
    if back is None or facts is None or change.take is None or plan.removal is None:
        raise PlanRefused(NOT_FROM_AN_UNINSTALL)
    now = facts.member(back.members[0]).take
    if change.take != now:
        raise PlanRefused(f"{back.group} came back at take {now}, not at take {change.take}")
    if fault := other_take_fault(state, back):
        raise PlanRefused(fault)
    done = tuple(step for step in plan.steps if state.of(step).status == "done")
    revision = plan.revision + 1
    left = (step for step in plan.steps if state.of(step).status != "done")
    after = tuple(replace(s, id=f"{_base(s)}.r{revision}", take=now) for s in left)
    gate = Step(f"ACCEPT.r{revision}", StepKind.ACCEPT)
    source = f"{back.group} came back at it, where take {plan.take_after} was expected; {by} agrees"
    return replace(
        plan,
        revision=revision,
        take_after=now,
        steps=(*done, gate, *after),
        removal=replace(plan.removal, source=source),
        cause=f"another take came back: {by} accepts take {now} in place of {plan.take_after}",
    )


NOT_FROM_AN_UNINSTALL = "no group came back from an uninstall at another take than expected"


def other_take_fault(state: RunState, back: Step) -> str:
    """Say why what a group came back with cannot be what is expected of all, or "".

    Groups that this plan does not work on (any more) stay at the take that they have.
    """
    plan, change = state.the_plan, state.changing(back.group)
    if state.facts is None or change is None or change.kind is not StepKind.UNINSTALL:
        return NOT_FROM_AN_UNINSTALL
    now = state.facts.member(back.members[0]).take
    ahead = {step.group for step in plan.steps if state.of(step).status != "done"}
    staying = [
        member for group in plan.groups if group.name not in ahead for member in group.members
    ]
    other = [member for member in state.facts.some(staying) if member.take != now]
    if not other:
        return ""
    return (
        f"{other[0].id} is at take {other[0].take} and is not worked on any more, so the members "
        "would stay at different takes"
    )


def _base(step: Step) -> str:
    """Return a step's id without the revision that it may name."""
    return f"{step.group}.{step.kind}" if step.group else str(step.kind)


def _steps(fresh: Plan, groups: Sequence[LogicalGroup], revision: int) -> tuple[Step, ...]:
    """Return the steps, with ids of their own where the target may be another one now.

    The proposal is such a step too: votes for the former one are told from votes for this.
    """
    return tuple(
        replace(step, id=f"{step.id}.r{revision}")
        if step.group or step.kind is StepKind.PROPOSAL
        else step
        for step in _in_order(fresh, groups)
    )


def _in_order(fresh: Plan, groups: Sequence[LogicalGroup]) -> tuple[Step, ...]:
    if fresh.removal is None:
        return install_steps(groups, fresh.take_after)
    return uninstall_steps(groups, fresh.take_after, delete=fresh.removal.delete)


def what_changed(plan: Plan, groups: Sequence[LogicalGroup]) -> tuple[str, ...]:
    """Say in words what these groups are otherwise than those of the plan."""
    if {g.name: g.members for g in plan.groups} != {g.name: g.members for g in groups}:
        return (f"Logical Groups, in this order: {_told(plan.groups)} → {_told(groups)}",)
    before, now = (", ".join(g.name for g in one) for one in (plan.groups, groups))
    return (f"order: {before} → {now}",) if before != now else ()


def _left_out_changed(plan: Plan, left_out: Sequence[MemberId]) -> tuple[str, ...]:
    if tuple(left_out) == plan.left_out:
        return ()
    before, now = (spelled(one) or "nobody" for one in (plan.left_out, left_out))
    return (f"left out: {before} → {now}",)


def _told(groups: Sequence[LogicalGroup]) -> str:
    return ", ".join(f"{group.name} ({spelled(group.members)})" for group in groups)


# ---------------------------------------------------------------------------- part by part


def split_faults(
    members: Sequence[MemberId], wanted: Sequence[Sequence[MemberId]]
) -> dict[int, str]:
    """Say of each part of a wanted split what is wrong with it; nothing where all is well.

    Whoever fills in a form is told at the field; the planner refuses the same splits.
    """
    faults: dict[int, list[str]] = {}
    first: dict[MemberId, int] = {}
    for index, part in enumerate(wanted):
        told = faults.setdefault(index, [])
        if not part:
            told.append("a Logical Group needs at least one member")
        if unknown := sorted(set(part) - set(members), key=by_number):
            told.append(f"{', '.join(unknown)} is not in this Security Group")
        if twice := sorted({m for m in part if part.count(m) > 1}, key=by_number):
            told.append(f"{', '.join(twice)} stands here twice")
        taken = [m for m in dict.fromkeys(part) if first.setdefault(m, index) != index]
        told += [f"{m} stands in {_letter(first[m])} as well" for m in taken]
    last = len(wanted) - 1
    if missing := sorted(set(members) - first.keys(), key=by_number):
        faults[last].append(f"{spelled(missing)} is in no group yet")
    sizes = [len(part) for part in wanted]
    if len(wanted) < 2:
        faults[last].append("all members at once would stop the traffic; make two groups or more")
    elif not any(faults.values()) and size_fault(wanted):
        large = sizes.index(max(sizes))
        sites = len(by_sites(members))
        but = "; or let each group stand on one Site" if sites > 1 else ""
        faults[large].append(
            f"{max(sizes)} members here and {min(sizes)} in {_letter(sizes.index(min(sizes)))}: "
            f"sizes may differ by one at most{but}"
        )
    return {index: "; ".join(told) for index, told in faults.items() if told}


def _letter(index: int) -> str:
    return chr(ord("A") + index)
