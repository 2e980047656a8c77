"""Our group is brought back by itself, because a member that must carry traffic does not."""

from __future__ import annotations

from engine import invariants, recovery
from engine.duty import Duty
from engine.facts import GroupFacts
from engine.journal import Kind
from engine.model import LogicalGroup, Step, StepKind
from engine.recovery import Finding
from engine.steps.traffic import bring_up


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
