"""A plan made of the real group without anything of it being carried out: look, plan, tell.

Everything goes through a Shell that can only read (`engine.reading`). No run comes of it, no gate,
and no record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any

from engine import freezes, invariants, windows
from engine.answering import Answer, AnswerQueue, answer_key
from engine.appointments import when
from engine.canon import to_json
from engine.errors import MaintenanceError, PlanRefused
from engine.estimate import work
from engine.facts import GroupFacts, spelled
from engine.fold import RunState
from engine.former import kept_before, last_formers
from engine.group import LiveGroup
from engine.headroom import active_site, headroom, in_words
from engine.model import Appointment, LogicalGroup, Plan, Request, StepKind
from engine.outline import NUMBER, Outline, outline
from engine.planning import beside, planned, refuse_unless_allowed, understood
from engine.ports import Clock, GroupSetup, Inventory, Packages, People, Shell
from engine.reading import ReadingShell
from engine.uninstalling import WORDS
from engine.zoned import lasting, zone_named
from storage.records import HOUSE, InboxRow, JournalStore, Lease, StorageDown, Stores

RUN = "hf-dryrun"
"""Stands where a run has its id; no run is made."""

_LOOKS = (StepKind.PREFLIGHT, StepKind.READY, StepKind.POSTFLIGHT)


@dataclass(frozen=True)
class DryPlan:
    """The plan that would be proposed, what it was made of, and what it would send.

    Attributes:
        plan: as an order would propose it now.
        facts: what was seen.
        steps: each with the lines that it would send.
        refusals: why an order would be refused now all the same.
        holds: for what the run would hold at PREFLIGHT now; "" as well while another one goes on,
            which keeps the group from looking as it will.
        rollback_after: how long after its end it would be taken back, unless people keep it.
    """

    plan: Plan
    facts: GroupFacts
    steps: tuple[Outline, ...]
    refusals: tuple[str, ...] = ()
    holds: str = ""
    rollback_after: timedelta | None = None

    @property
    def minutes(self) -> int:
        """How long the work takes, without the time for votes; an estimate."""
        return round(work(self.plan, self.plan.steps).total_seconds() / 60)

    def staying(self, group: LogicalGroup) -> str:
        """Say what the members that stay carry while a group is down, or that nothing is done."""
        if group not in self.plan.changing:
            return "as it should be already: nothing is done to it"
        members = self.plan.members
        return in_words(group.name, headroom(group.members, members, active_site(self.facts)))

    @property
    def order(self) -> str:
        """What was asked for, in the words of a command."""
        plan, removal = self.plan, self.plan.removal
        if plan.phase != "fresh":
            return f"{plan.phase} {plan.security_group}"
        how = ""
        if removal is not None and plan.package.is_jumbo:
            how = f" {WORDS[removal.method]}"
        return f"{plan.kind} {plan.security_group} {plan.package.name}{how}"

    @property
    def takes(self) -> str:
        """Which takes this leads from and to, and how the one afterwards is known."""
        plan = self.plan
        before = "not known" if plan.take_before is None else str(plan.take_before)
        source = f" ({plan.removal.source})" if plan.removal is not None else ""
        return f"take {before} -> {plan.take_after}{source}"

    @property
    def what(self) -> str:
        """What the group is."""
        plan = self.plan
        return (
            f"{plan.platform}, {plan.mode} mode, {plan.version}, {len(plan.everyone)} members, "
            f"SMO {self.facts.smo or 'none'}"
        )

    @property
    def warnings(self) -> list[str]:
        """What people should know of it although nothing stands against it, one sentence each."""
        return [*self.plan.notes, *invariants.worth_telling(self.facts)]

    @property
    def obstacles(self) -> list[str]:
        """What stands against it now, one sentence each."""
        refused = [f"An order would be refused now: {reason}" for reason in self.refusals]
        held = [f"The run would hold at PREFLIGHT now: {self.holds}"] if self.holds else []
        return refused + held

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        plan, package, removal = self.plan, self.plan.package, self.plan.removal
        return {
            "group": plan.security_group,
            "kind": plan.kind,
            "phase": plan.phase,
            "package": {"name": package.name, "version": package.version, "take": package.take}
            | {"sha256": package.sha256, "size": package.size}
            | {"kind": package.kind, "reboots": package.reboots},
            "take": {"before": plan.take_before, "after": plan.take_after}
            | ({"source": removal.source} if removal is not None else {}),
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
            "appointment": _appointed(plan.appointment),
            "rollback_after_s": round(self.rollback_after.total_seconds())
            if self.rollback_after is not None
            else None,
            "notes": list(plan.notes),
            "warnings": self.warnings,
            "would_refuse": list(self.refusals),
            "would_hold": self.holds,
            "estimate_min": self.minutes,
            "steps": [_told(one) for one in self.steps],
            "facts": to_json(self.facts),
        }


def _appointed(appointment: Appointment | None) -> dict[str, Any] | None:
    """Return when it would begin, in ISO 8601: in UTC, and as the group's clocks show it."""
    if appointment is None:
        return None
    ends = {"start": appointment.start, "until": appointment.until}
    told: dict[str, Any] = {"zone": appointment.zone}
    for name, at in ends.items():
        told[name] = at.astimezone(UTC).isoformat() if at is not None else None
        there = at.astimezone(zone_named(appointment.zone)) if at is not None else None
        told[f"{name}_there"] = there.isoformat() if there is not None else None
    return told


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
    request: Request,
    setup: GroupSetup,
    shell: Shell,
    packages: Packages,
    clock: Clock,
    journal: JournalStore | None = None,
) -> DryPlan:
    """Look at the real group through a Shell that can only read, and plan.

    Args:
        request: what was asked for.
        setup: its group.
        shell: to the group; what does more than read is not sent.
        packages: the repository.
        clock: the time.
        journal: former runs, freezes and who is at work; None where there is no database yet.

    Raises:
        PlanRefused: no plan is made of this.
        MaintenanceError: the group cannot be reached, or what it says not be read.
    """
    live = LiveGroup(ReadingShell(shell), clock, setup.policy, pins=setup.pins)

    async def look() -> GroupFacts:
        return await live.observe(full=True)

    busy, refused, frozen = await asyncio.to_thread(_barred, journal, setup, request, clock)
    request, outside = _in_its_window(request, setup, clock)
    plan, facts = await planned(
        RUN,
        request,
        setup,
        packages,
        journal,
        look,
        clock,
        beside="" if refused else busy,
    )
    refusals = [why for why in (refused, frozen, outside) if why]
    holds = "" if busy else await asyncio.to_thread(_holds, plan, facts, journal)
    steps, after = outline(plan, facts), request.rollback_after
    return DryPlan(plan, facts, steps, tuple(refusals), holds, after)


def _in_its_window(request: Request, setup: GroupSetup, clock: Clock) -> tuple[Request, str]:
    """Return a request as an order would have it, or as it is, and why that would be refused."""
    try:
        return windows.ordered(request, setup.policy.windows, clock.now()), ""
    except PlanRefused as refused:
        return request, str(refused)


def _barred(
    journal: JournalStore | None, setup: GroupSetup, request: Request, clock: Clock
) -> tuple[str, str, str]:
    """Return the run that has the group, and why that, or a freeze, bars an order; each or ""."""
    if journal is None:
        return "", "", ""
    house, now = journal.read(HOUSE), clock.now()
    frozen = freezes.against(house, setup.name, now, request.appointment, tags=setup.tags)
    return *beside(journal, request), frozen


def _holds(plan: Plan, facts: GroupFacts, journal: JournalStore | None) -> str:
    """Return for what the first full look of the run would hold, as things are now."""
    preflight = next(step for step in plan.steps if step.kind is StepKind.PREFLIGHT)
    state = RunState(run=RUN, plan=plan, facts=facts)
    if journal is not None:
        formers = last_formers(journal, plan.security_group)
        state.kept_actions = kept_before(formers, facts.members)
    try:
        invariants.check(preflight, facts, state)
    except MaintenanceError as error:
        return str(error)
    return ""


# ----------------------------------------------------------------------------------- in words


_LEGEND = (
    "Each line names where it runs. `reads` changes nothing, `acts` changes something, `goes`",
    "opens a shell on a member, `asks` is typed there and asks back first, and `copies` uploads.",
)


def text(dry: DryPlan) -> list[str]:
    """Return all of it as lines for people."""
    plan = dry.plan
    lines = [
        f"{plan.security_group}: {dry.what}",
        f"{dry.order}: {dry.takes}",
        *_times(dry),
        "",
        "Logical Groups, in this order",
        *(f"  {g.name}  {spelled(g.members)}  ({dry.staying(g)})" for g in plan.groups),
    ]
    lines += [f"  left out: {spelled(plan.left_out)}"] if plan.left_out else []
    lines += ["", *(f"Warning: {one}" for one in dry.warnings)] if dry.warnings else []
    lines += ["", *dry.obstacles] if dry.obstacles else []
    lines += ["", "Steps, and what each would send"]
    for one in dry.steps:
        lines.append(f"  {one.step.id}{f'  ({one.note})' if one.note else ''}")
        for line in one.lines:
            looks = one.step.kind in _LOOKS and line.how == "reads" and not line.on
            command = "one line that reads everything; --json shows it" if looks else line.command
            note = f"  ({line.note})" if line.note else ""
            lines.append(f"      {line.on or 'group address'} {line.how}: {command}{note}")
    return [*lines, "", *_LEGEND, _number(dry), _estimate(dry)]


def brief(dry: DryPlan) -> list[str]:
    """Return what a person reads first: everything but the lines that would be sent."""
    plan = dry.plan
    names = [group.name for group in plan.changing]
    return [
        f"A dry run of `{dry.order}`: nothing was begun, and nobody was asked.",
        f"{plan.security_group} is {dry.what}. It would go from {dry.takes}.",
        *_times(dry),
        *(f"{g.name}: {spelled(g.members)} ({dry.staying(g)})" for g in plan.groups),
        *([f"Left out: {spelled(plan.left_out)}."] if plan.left_out else []),
        *(f":warning: {one}" for one in dry.warnings),
        *(f":no_entry: {one}" for one in dry.obstacles),
        f"{len(plan.steps)} steps; the order of the groups is {', '.join(names) or 'none'}. "
        f"{_estimate(dry)}",
    ]


def _times(dry: DryPlan) -> list[str]:
    """Say when it would begin, on the group's clocks and in UTC, and when it is taken back."""
    told, appointment = list[str](), dry.plan.appointment
    if appointment is not None:
        there, utc = when(appointment), when(replace(appointment, zone="UTC"))
        told.append(f"When: {there}{f', in UTC {utc}' if utc != there else ''}.")
    if dry.rollback_after is not None:
        told.append(
            f"Afterwards: its rollback is asked for {lasting(dry.rollback_after)} after its end, "
            "unless people keep it."
        )
    return told


def _number(dry: DryPlan) -> str:
    sent = any(NUMBER in line.command for one in dry.steps for line in one.lines)
    what = f"{NUMBER} is the package's number in a member's list: it is read there right before it"
    return f"{what} is used." if sent else "No line names a package by its number."


def _estimate(dry: DryPlan) -> str:
    return (
        f"Estimate: about {dry.minutes} min of work, and the time for votes. Nothing was sent but "
        "what reads."
    )


# ------------------------------------------------------------------------------ asked in Slack


class DryRuns:
    """Answers whoever asks what would be done; whoever may order may ask.

    Args:
        stores: journal and inbox; nothing is written but that a question was taken.
        clock: the time.
        inventory: the groups.
        packages: the repository.
        answers: how the person is told.
        people: who it is.
        shell_of: returns the kept shell of a group.
        redact: takes secrets out of what is told.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        inventory: Inventory,
        packages: Packages,
        answers: AnswerQueue,
        people: People,
        shell_of: Callable[[GroupSetup], Shell],
        redact: Callable[[str], str],
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._inventory = inventory
        self._packages = packages
        self._answers = answers
        self._people = people
        self._shell_of = shell_of
        self._redact = redact

    async def take(self, row: InboxRow, lease: Lease | None) -> None:
        """Answer one question, once; it is gone then, also where a mistake of ours came of it.

        Args:
            row: the question.
            lease: on its group, so that one worker alone answers; None where there is no group.

        Raises:
            LeaseLost: another worker answers.
        """
        said = row.body["request"]
        group = said["security_group"]
        to = {**row.body.get("answer", {}), "user": said["requester"]}
        asked = f"plan {said['kind']} {group} {said['package']}".strip()
        file: tuple[str, str] | None = None
        mistake: Exception | None = None
        try:
            dry = await self._planned(understood(said), to.get("channel", ""))
            told = "\n".join(brief(dry))
            whole = "\n".join(text(dry))
            file = (f"plan-{group}.txt", f"{whole}\n")
        except PlanRefused as error:
            told = f"I understood `{asked}`, and no plan can be made: {_sentence(str(error))}"
        except MaintenanceError as error:
            told = (
                f"I understood `{asked}`, but {group} could not be looked at: "
                f"{_sentence(str(error))}"
            )
        except StorageDown:
            raise
        except Exception as error:  # noqa: BLE001 -- or it would be tried again every second
            mistake = error
            told = (
                f"I understood `{asked}`, but no plan came of it: a mistake of ours "
                f"({type(error).__name__}); the log says more."
            )
        now, answer = self._clock.now(), Answer(to, told, file)
        answered = answer.row(answer_key(row), now, redact=self._redact)
        await asyncio.to_thread(self._stores.inbox.put, answered)
        await asyncio.to_thread(self._stores.inbox.drop, row.key, lease=lease)
        self._answers.give([answered])
        if mistake is not None:
            raise mistake

    async def _planned(self, request: Request, channel: str) -> DryPlan:
        setup = self._inventory.group(request.security_group)
        if setup is None:
            known = ", ".join(self._inventory.names()) or "none"
            raise PlanRefused(f"there is no group {request.security_group}; known: {known}")
        await refuse_unless_allowed(self._people, request.requester, setup.policy, channel)
        shell = self._shell_of(setup)
        journal = self._stores.journal
        return await dry_plan(request, setup, shell, self._packages, self._clock, journal)


def _sentence(reason: str) -> str:
    return reason if reason.endswith((".", "?")) else f"{reason}."
