"""The nouns of a maintenance: order, plan, Logical Groups, steps.

Pure data with its own arithmetic. What decides (invariants, gates, recovery, planner) and what
acts (group, runner) is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from engine.canon import digest_of, to_json
from engine.facts import GroupFacts, Identity, MemberId, in_service, surely_out
from engine.policy import GatePolicy, Policy


class StepKind(StrEnum):
    """What a step does. A kind keeps its meaning for ever: old runs are replayed."""

    PROPOSAL = "PROPOSAL"
    PREFLIGHT = "PREFLIGHT"
    UPLOAD = "UPLOAD"
    IMPORT = "IMPORT"
    VERIFY = "VERIFY"
    CLONING_OFF = "CLONING_OFF"
    READY = "READY"
    FAILOVER = "FAILOVER"
    ADMIN_DOWN = "ADMIN_DOWN"
    INSTALL = "INSTALL"
    UNINSTALL = "UNINSTALL"
    RETURN = "RETURN"
    SOAK = "SOAK"
    CLONING_RESTORE = "CLONING_RESTORE"
    CLEANUP = "CLEANUP"
    POSTFLIGHT = "POSTFLIGHT"
    ADMIN_UP = "ADMIN_UP"
    COMEBACK = "COMEBACK"
    DEGRADED = "DEGRADED"
    START = "START"
    ACCEPT = "ACCEPT"
    DELETE = "DELETE"
    APPOINTMENT = "APPOINTMENT"
    KEEP = "KEEP"
    WITHOUT = "WITHOUT"


class Repetition(StrEnum):
    """How a step may be repeated after a crash."""

    READ = "freely"
    CONVERGENT = "look, then again"
    ONCE = "once"
    WAIT = "only looks"
    GATE = "people"


REPETITION: dict[StepKind, Repetition] = {
    StepKind.PROPOSAL: Repetition.GATE,
    StepKind.PREFLIGHT: Repetition.READ,
    StepKind.UPLOAD: Repetition.CONVERGENT,
    StepKind.IMPORT: Repetition.CONVERGENT,
    StepKind.VERIFY: Repetition.READ,
    StepKind.CLONING_OFF: Repetition.CONVERGENT,
    StepKind.READY: Repetition.READ,
    StepKind.FAILOVER: Repetition.GATE,
    StepKind.ADMIN_DOWN: Repetition.CONVERGENT,
    StepKind.INSTALL: Repetition.ONCE,
    StepKind.UNINSTALL: Repetition.ONCE,
    StepKind.RETURN: Repetition.WAIT,
    StepKind.SOAK: Repetition.WAIT,
    StepKind.CLONING_RESTORE: Repetition.CONVERGENT,
    StepKind.CLEANUP: Repetition.CONVERGENT,
    StepKind.POSTFLIGHT: Repetition.READ,
    StepKind.ADMIN_UP: Repetition.CONVERGENT,
    StepKind.COMEBACK: Repetition.WAIT,
    StepKind.DEGRADED: Repetition.GATE,
    StepKind.START: Repetition.GATE,
    StepKind.ACCEPT: Repetition.GATE,
    StepKind.DELETE: Repetition.CONVERGENT,
    StepKind.APPOINTMENT: Repetition.WAIT,
    StepKind.KEEP: Repetition.GATE,
    StepKind.WITHOUT: Repetition.GATE,
}


@dataclass(frozen=True)
class LogicalGroup:
    """A part of the Security Group that is worked on while the others carry the traffic."""

    name: str
    members: tuple[MemberId, ...]


@dataclass(frozen=True)
class Step:
    """One kind of act on one target. `id` is unique in a run and never used again for another.

    `take` is what its members show once it is done, where the step is about that.
    """

    id: str
    kind: StepKind
    group: str = ""
    members: tuple[MemberId, ...] = ()
    take: int | None = None

    @property
    def repetition(self) -> Repetition:
        """How it may be repeated after a crash."""
        return REPETITION[self.kind]


@dataclass(frozen=True)
class PackageRef:
    """The package that a plan is about. `path` is local to the bot.

    Attributes:
        take: of a Jumbo the take that it brings; of any other hotfix its own number, or 0.
        kind: "jumbo", or "hotfix" for what leaves the take of the Jumbo as it is.
        reboots: whether members restart; None is not said, and then they are expected to.
        remarks: sentences about it that every proposal says.
    """

    name: str
    sha256: str
    size: int
    path: str
    version: str
    take: int
    kind: str = "jumbo"
    reboots: bool | None = None
    remarks: tuple[str, ...] = ()

    @property
    def is_jumbo(self) -> bool:
        """Whether it brings a take."""
        return self.kind == "jumbo"


LAST_TAKE, COMPLETELY = "last_take", "completely"
"""What an uninstall gives back: the take before this one, or the version without any."""


@dataclass(frozen=True)
class Removal:
    """How a package is uninstalled. `source` says where the take expected afterwards comes from.

    `delete`: afterwards it is taken out of every member's CPUSE repository as well.
    """

    method: str
    source: str
    delete: bool = False


@dataclass(frozen=True)
class Appointment:
    """From when on a run may fail over, and until when, where it is a window.

    `said` are the words that asked for it, and `zone` the time zone that they were said in.
    """

    start: datetime
    until: datetime | None = None
    said: str = ""
    zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be said of an order beside what it is, and of what; left out, it was not said.

    `left_out` are members out of service that the plan is to leave alone. `split` gives the members
    of each Logical Group; else `groups` says how many there are, and `divide` how two Sites are
    divided ("by_site" or "across_sites"). 0 and "" are as the policy has it. `method`, `take` and
    `delete` are about an uninstall: see `Removal`. `appointment` is None for at once.
    `rollback_after`: how long after its end an installation is taken back, unless people keep it;
    None is never.
    """

    sha256: str = ""
    ticket: str = ""
    split: tuple[tuple[MemberId, ...], ...] = ()
    left_out: tuple[MemberId, ...] = ()
    groups: int = 0
    divide: str = ""
    method: str = ""
    take: int | None = None
    delete: bool = False
    appointment: Appointment | None = None
    rollback_after: timedelta | None = None
    rollback_said: str = ""


ORDER_KINDS = ("install", "uninstall", "finish", "rollback")
"""What can be ordered."""


@dataclass(frozen=True)
class Request(Options):
    """What a person asked for, as it was understood.

    `kind` is one of `ORDER_KINDS`; the last two are about the group's
    last run, and `package` may be "" there. `zone` is the group's time zone, "" in orders of before
    it was asked for.
    """

    kind: str
    security_group: str
    package: str
    requester: str
    channel: str
    requester_name: str = ""
    zone: str = ""


SURELY_OUT, MAY_CARRY = "surely out of service", "may carry traffic"
"""All that an approval is bound to of a member that the plan leaves out."""


@dataclass(frozen=True)
class Plan:
    """All steps of a run, fixed before the first approval. A change is a new revision.

    `left_out` are members that were out of service when it was made, and that it is not about: it
    sends them nothing and asks nothing of them, but that they stay out of service. `removal` is
    there where it uninstalls. `takes` are the takes of the members in a plan whose members differ
    ("finish", "rollback"); elsewhere all are at `take_before`. Such a plan may have groups without
    steps: they are as they should be, and carry the traffic. `follows` is the installation that
    this rollback was ordered with. `gives_back`: what follows another run leads to what was there
    before that, or is the rest of such a way.
    """

    run: str
    revision: int
    kind: str
    phase: str
    security_group: str
    package: PackageRef
    groups: tuple[LogicalGroup, ...]
    steps: tuple[Step, ...]
    policy: Policy
    version: str
    platform: str
    mode: str
    take_before: int | None
    take_after: int
    notes: tuple[str, ...] = field(default=())
    cause: str = "ordered"
    left_out: tuple[MemberId, ...] = ()
    removal: Removal | None = None
    takes: tuple[tuple[MemberId, int | None], ...] = ()
    appointment: Appointment | None = None
    follows: str = ""
    gives_back: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the whole plan in canonical JSON: what approvals are bound to."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it stands in a journal.

        Who is left out, how Sites are split, what is about uninstalling or differing members, when
        it may begin, and what a package is beside a Jumbo, stands there only where it is said:
        other plans read, and have the digest, as before there was this.
        """
        data: dict[str, Any] = to_json(self)
        for name in ("kind", "reboots", "remarks"):
            if getattr(self.package, name) == getattr(PackageRef, name):
                del data["package"][name]
        for name in ("split", "gate_lead", "late", "prepare", "windows"):
            if getattr(self.policy, name) == getattr(Policy, name):
                del data["policy"][name]
        if self.policy.rights is not None and not self.policy.rights.lift:
            del data["policy"]["rights"]["lift"]
        for name in ("left_out", "removal", "takes", "appointment", "follows", "gives_back"):
            if not getattr(self, name):
                del data[name]
        return data

    def before(self, member: MemberId) -> int | None:
        """Return the take that a member had when this was planned."""
        return dict(self.takes).get(member, self.take_before)

    @property
    def is_scheduled_rollback(self) -> bool:
        """Whether an installation was ordered with it: see `engine.afterwards`."""
        return bool(self.follows)

    @property
    def changing(self) -> tuple[LogicalGroup, ...]:
        """The Logical Groups whose software it changes, in the order in which it does."""
        kinds = (StepKind.INSTALL, StepKind.UNINSTALL)
        named = dict.fromkeys(step.group for step in self.steps if step.kind in kinds)
        return tuple(self.group(name) for name in named)

    def starts_down(self, step: Step) -> bool:
        """Tell whether the members of a group's step are out of service already, not by us."""
        own = [one for one in self.steps if one.group == step.group]
        if not step.group or step not in own:
            return False
        place, gates = own.index(step), (StepKind.START, StepKind.FAILOVER)
        near = own[place:] if step.kind is StepKind.READY else own[place::-1]
        return next((one.kind for one in near if one.kind in gates), None) is StepKind.START

    @property
    def starting(self) -> tuple[MemberId, ...]:
        """The members that are out of service already when they are changed: see START."""
        return tuple(
            one for step in self.steps if step.kind is StepKind.START for one in step.members
        )

    @property
    def identity(self) -> Identity:
        """What the group was when the plan was made."""
        return Identity(self.version, self.platform, self.mode)

    @property
    def members(self) -> tuple[MemberId, ...]:
        """Every member that the plan works on, group by group."""
        return tuple(member for group in self.groups for member in group.members)

    @property
    def everyone(self) -> tuple[MemberId, ...]:
        """Every member of the Security Group that the plan knows, those left out as well."""
        return (*self.members, *self.left_out)

    def concerning(self, facts: GroupFacts) -> GroupFacts:
        """Return what was seen of the members that the plan is about: the others bind nothing."""
        return facts.without(self.left_out) if self.left_out else facts

    def binding(self, facts: GroupFacts) -> GroupFacts:
        """Return what was seen of the members that the plan is about, and of those back in service.

        One left out that carries traffic again is one more member outside every Logical Group.
        """
        words = self.policy.state_words
        back = {m.id for m in facts.some(self.left_out) if in_service(m, words)}
        return facts.without(set(self.left_out) - back) if self.left_out else facts

    def digested(self, facts: GroupFacts) -> dict[str, Any]:
        """Return what approvals of this plan are bound to: the facts of those it is about.

        Of a member left out only whether it is surely out: what is the matter with an ill one
        comes and goes, and would void every approval.
        """
        data = facts.digested(self.package.name)
        for one in data["members"]:
            if one["id"] in self.left_out:
                out = surely_out(facts.member(one["id"]), self.policy.state_words)
                told = {"id": one["id"], "state": SURELY_OUT if out else MAY_CARRY}
                one.clear()
                one.update(told)
        return data

    def facts_digest(self, facts: GroupFacts) -> str:
        """Return the SHA-256 of what approvals of this plan are bound to."""
        return digest_of(self.digested(facts))

    def policy_at(self, kind: StepKind) -> GatePolicy:
        """Return who must say yes at a gate of this kind.

        That members are left out is never less than a failover's decision, the proposal's too: the
        group works with less than it has, and owes them the take and its auto-clone.
        """
        proposed = kind is StepKind.PROPOSAL and not self.left_out
        return self.policy.proposal if proposed else self.policy.failover

    def group(self, name: str) -> LogicalGroup:
        """Return a Logical Group by its letter."""
        return next(group for group in self.groups if group.name == name)

    def step(self, wanted: str) -> Step:
        """Return a step by its id."""
        return next(step for step in self.steps if step.id == wanted)
