"""A plan made of the real group without anything of it being carried out: look, plan, tell.

Everything goes through a Shell that can only read (`engine.reading`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.estimate import work
from engine.group import LiveGroup
from engine.headroom import active_site, headroom, in_words
from engine.model import GroupFacts, LogicalGroup, Plan, Request, StepKind, spelled, to_json
from engine.outline import NUMBER, Outline, outline
from engine.packages import package_ref
from engine.planner import plan_install
from engine.ports import Clock, GroupSetup, Packages, Shell
from engine.reading import ReadingShell

RUN = "hf-dryrun"
"""Stands where a run has its id; no run is made."""

_LOOKS = (StepKind.PREFLIGHT, StepKind.READY, StepKind.POSTFLIGHT)


@dataclass(frozen=True)
class DryPlan:
    """The plan that would be proposed, what it was made of, and what it would send."""

    plan: Plan
    facts: GroupFacts
    steps: tuple[Outline, ...]

    @property
    def minutes(self) -> int:
        """How long the work takes, without the time for votes; an estimate."""
        return round(work(self.plan, self.plan.steps).total_seconds() / 60)

    def staying(self, group: LogicalGroup) -> str:
        """Say what the members that stay carry while a group is down."""
        members = self.plan.members
        return in_words(group.name, headroom(group.members, members, active_site(self.facts)))

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        plan, package = self.plan, self.plan.package
        return {
            "group": plan.security_group,
            "kind": plan.kind,
            "package": {"name": package.name, "version": package.version, "take": package.take}
            | {"sha256": package.sha256, "size": package.size}
            | {"kind": package.kind, "reboots": package.reboots},
            "take": {"before": plan.take_before, "after": plan.take_after},
            "platform": plan.platform,
            "mode": plan.mode,
            "version": plan.version,
            "split": [
                {
                    "name": group.name,
                    "members": list(group.members),
                    "staying": self.staying(group),
                }
                for group in plan.groups
            ],
            "left_out": list(plan.left_out),
            "notes": list(plan.notes),
            "estimate_min": self.minutes,
            "steps": [_told(one) for one in self.steps],
            "facts": to_json(self.facts),
        }


def _told(one: Outline) -> dict[str, Any]:
    step = one.step
    return {
        "step": step.id,
        "kind": str(step.kind),
        "group": step.group,
        "members": list(step.members),
        "note": one.note,
        "lines": [
            {
                "on": line.on or "group address",
                "how": line.how,
                "command": line.command,
                "sent": line.sent,
                "note": line.note,
            }
            for line in one.lines
        ],
    }


async def dry_plan(
    request: Request, setup: GroupSetup, shell: Shell, packages: Packages, clock: Clock
) -> DryPlan:
    """Look at the real group through a Shell that can only read, and plan.

    Raises:
        PlanRefused: no plan is made of this.
        MaintenanceError: the group cannot be reached, or what it says not be read.
    """
    package = package_ref(await packages.find(request.package, sha256=request.sha256 or None))
    live = LiveGroup(ReadingShell(shell), clock, setup.policy, pins=setup.pins)
    facts = await live.observe(full=True)
    plan = plan_install(RUN, request, package, facts, setup.policy, remarks=setup.remarks)
    return DryPlan(plan, facts, outline(plan, facts))


def text(dry: DryPlan) -> list[str]:
    """Return it as lines for people."""
    plan = dry.plan
    before = "not known" if plan.take_before is None else str(plan.take_before)
    lines = [
        f"{plan.security_group}: {plan.platform}, {plan.mode} mode, {plan.version}, "
        f"{len(plan.everyone)} members, SMO {dry.facts.smo or 'none'}",
        f"{plan.package.name}: take {before} -> {plan.take_after}",
        "",
        "Logical Groups, in this order",
        *(f"  {g.name}  {spelled(g.members)}  ({dry.staying(g)})" for g in plan.groups),
    ]
    lines += [f"  left out: {spelled(plan.left_out)}"] if plan.left_out else []
    lines += ["", *(f"Warning: {note}" for note in plan.notes)] if plan.notes else []
    lines += ["", "Steps, and what each would send"]
    for one in dry.steps:
        lines.append(f"  {one.step.id}{f'  ({one.note})' if one.note else ''}")
        for line in one.lines:
            looks = one.step.kind in _LOOKS and line.how == "reads" and not line.on
            command = "one line that reads everything; --json shows it" if looks else line.command
            note = f"  ({line.note})" if line.note else ""
            lines.append(f"      {line.on or 'group address'} {line.how}: {command}{note}")
    lines += [
        "",
        f"{NUMBER} is the package's number in a member's list: it is read there right before it "
        "is used.",
        f"Estimate: about {dry.minutes} min of work, and the time for votes. Nothing was sent but "
        "what reads.",
    ]
    return lines
