"""The nouns of a maintenance: members, facts, policy, plan. Pure data with its own arithmetic.

What decides (invariants, gates, recovery, planner) and what acts (group, runner) is elsewhere.
Everything here is frozen and survives a journal: `to_json` and `from_json` are the only way in
and out. A field may be added with a default; it never changes its meaning.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import TypeAdapter

from engine.errors import UnexpectedOutput
from storage.records import Json, canonical

T = TypeVar("T")

MemberId = str
"""`1_3`: Site 1, member 3, without padding. Devices also print `1_03`; see `member_id`."""

_MEMBER = re.compile(r"\s*(\d{1,2})_(\d{1,2})\s*")


def member_id(text: str) -> MemberId:
    """Return the one spelling of a member id that we use.

    Raises:
        UnexpectedOutput: the text is no member id.
    """
    found = _MEMBER.fullmatch(text)
    if found is None:
        raise UnexpectedOutput(f"not a member id: {text.strip()[:40]!r}", text)
    return f"{int(found[1])}_{int(found[2])}"


def by_number(member: MemberId) -> tuple[int, int]:
    """Sort key of member ids: Site, then number."""
    site, number = member.split("_")
    return int(site), int(number)


def spelled(members: Iterable[MemberId], *, padded: bool = False) -> str:
    """Spell member ids as the device's commands take them: `1_1-1_4` or `1_1,1_3-1_4`.

    `padded`: as newer versions print them, `1_01-1_04`.
    """
    ordered = sorted(members, key=by_number)
    runs: list[list[MemberId]] = []
    for member in ordered:
        site, number = by_number(member)
        if runs and by_number(runs[-1][-1]) == (site, number - 1):
            runs[-1].append(member)
        else:
            runs.append([member])
    ends = [(run[0],) if len(run) == 1 else (run[0], run[-1]) for run in runs]
    return ",".join("-".join(_padded(one) if padded else one for one in two) for two in ends)


def _padded(member: MemberId) -> str:
    site, number = by_number(member)
    return f"{site}_{number:02}"


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Return the adapter of a type; building one is slow, so each is built once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(value: object) -> Json:
    """Return the JSON form of a dataclass of this module: durations as ISO 8601, moments in UTC."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_json(kind: type[T], data: object) -> T:
    """Return the value that `to_json` was given.

    Raises:
        pydantic.ValidationError: the data was not written by `to_json`.
    """
    value: T = _adapter(kind).validate_python(data)
    return value


def digest_of(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of a JSON-compatible value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's 32: no I, L, O or U, so that nobody takes a letter for a digit."""


def digest_in_letters(text: str, count: int) -> str:
    """Return a digest short enough to read out: five bits in each of `count` letters and digits."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return "".join(LETTERS[number >> 5 * place & 31] for place in reversed(range(count)))


# ------------------------------------------------------------------------------------- facts


class PackageState(StrEnum):
    """What CPUSE on one member says of one package."""

    ABSENT = "absent"
    AVAILABLE = "available"
    INSTALLED = "installed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class InstalledPolicy:
    """The security policy that a member enforces, as `asg policy verify` and `fw stat` name it.

    `failed`: its verification failed, and not because of its name, date or signature.
    """

    name: str
    date: str
    signature: str = ""
    failed: bool = False


@dataclass(frozen=True)
class CpuseAction:
    """The newest action of one member's CPUSE agent. `progress` is a percentage, if it has one.

    `status` is "success", "failure", "in progress" or "interrupted". 100 % does not mean done.
    """

    id: int
    type: str = ""
    status: str = ""
    progress: int | None = None
    message: str = ""


@dataclass(frozen=True)
class VirtualFacts:
    """What was seen on one member of one Virtual System or Virtual Gateway.

    `id` is its number, never 0: that one is the member itself. `unread` says what could not be
    read; then nothing else counts. `kind` is "Virtual Switch" or "Virtual Router" where it is one
    of these, which enforce no policy; "" for whatever must.
    """

    id: int
    name: str = ""
    state: str = ""
    notes: tuple[str, ...] = ()
    policy: InstalledPolicy | None = None
    unread: str = ""
    kind: str = ""


@dataclass(frozen=True)
class MemberFacts:
    """What was seen of one member. None or "" means: not seen, never "no".

    `answered` is False where the member did not answer itself (it reboots, or is lost), or not
    so that we can read it (`unread` says what); then only `state`, which its peers report, says
    anything. `epoch` is the text of our file there: see `engine.fence`. `virtual` are the Virtual
    Systems or Virtual Gateways that enforce a policy, without 0, which is the member itself.
    """

    id: MemberId
    state: str
    answered: bool
    own_state: str = ""
    notes: tuple[str, ...] = ()
    boot_id: str | None = None
    take: int | None = None
    packages: tuple[tuple[str, PackageState], ...] = ()
    policy: InstalledPolicy | None = None
    auto_clone: bool | None = None
    agent_build: str | None = None
    agent_busy: bool | None = None
    action: CpuseAction | None = None
    session_open: bool | None = None
    unread: str = ""
    epoch: str = ""
    virtual: tuple[VirtualFacts, ...] = ()

    def package(self, name: str) -> PackageState:
        """Return the state of a package; `.tar` and `.tgz` name the same package on a device."""
        if not self.answered:
            return PackageState.UNKNOWN
        wanted = package_stem(name)
        for listed, state in self.packages:
            if package_stem(listed) == wanted:
                return state
        return PackageState.ABSENT

    def listed(self, name: str) -> str:
        """Return a package's name as this member lists it, or the given one where it does not."""
        wanted = package_stem(name)
        return next((one for one, _ in self.packages if package_stem(one) == wanted), name)


def package_stem(name: str) -> str:
    """Return a package's name without `.tgz` or `.tar`: the device lists a `.tar` as `.tgz`."""
    return re.sub(r"\.(tgz|tar)$", "", name)


@dataclass(frozen=True)
class MemberHealth:
    """What only a full look reads of a member: checks, of which only the result counts."""

    id: MemberId
    log_free_mb: int | None = None
    root_free_mb: int | None = None
    licences: int | None = None
    core_dumps: tuple[str, ...] = ()
    clock_offset_s: float | None = None
    connections: int | None = None


@dataclass(frozen=True)
class Identity:
    """What a Security Group is, or what settings pin of that; "" where it is not known.

    `platform` and `mode` are written as in `GroupFacts`.
    """

    version: str = ""
    platform: str = ""
    mode: str = ""


NOTHING_PINNED = Identity()


@dataclass(frozen=True)
class SiteFacts:
    """One Site and its state, as read: "ACTIVE" (or "UP") or "STANDBY"; "" where none was shown."""

    id: int
    state: str


@dataclass(frozen=True)
class GroupFacts:
    """What one look saw of a Security Group. `health` is empty after a quick look.

    `platform` is "Maestro", "ElasticXL", "Chassis" or "" (not shown), `mode` "Gateway", "VSX" or
    "VSNext". `sync` is "Sync to Active chassis" (or site), `sync_all` the one to all of them;
    None where it was not shown.
    """

    at: datetime
    seen_from: MemberId
    version: str
    platform: str
    mode: str
    smo: MemberId | None
    sync: bool
    members: tuple[MemberFacts, ...]
    health: tuple[MemberHealth, ...] = ()
    syncs_accelerated: bool | None = None
    trouble: tuple[str, ...] = ()
    sites: tuple[SiteFacts, ...] = ()
    sync_all: bool | None = None

    @property
    def identity(self) -> Identity:
        """What the group is."""
        return Identity(self.version, self.platform, self.mode)

    @property
    def active_site(self) -> int | None:
        """The Site that is active; None where there is one Site only, or not one active."""
        active = self.active_sites
        return active[0] if len(self.sites) > 1 and len(active) == 1 else None

    @property
    def active_sites(self) -> tuple[int, ...]:
        """The Sites that are active; UP is an older word for it, where no Site says ACTIVE."""
        by_word = [tuple(s.id for s in self.sites if s.state == one) for one in ("ACTIVE", "UP")]
        return by_word[0] or by_word[1]

    @property
    def standing_by(self) -> tuple[MemberId, ...]:
        """The members of Sites that stand by."""
        resting = {site.id for site in self.sites if site.state == "STANDBY"}
        return tuple(one for one in self.ids if by_number(one)[0] in resting)

    @property
    def said_active(self) -> tuple[MemberId, ...]:
        """With two Sites the members that are on none that stands by, and say so themselves."""
        if len(self.sites) < 2:
            return ()
        resting = self.standing_by
        return tuple(m.id for m in self.members if m.own_state == "ACTIVE" and m.id not in resting)

    @property
    def tells_sites_apart(self) -> bool:
        """Whether what members call themselves says which Site carries; with one Site it does."""
        own = {m.own_state for m in self.some(self.standing_by) if m.answered}
        return len(self.sites) < 2 or (bool(self.said_active) and "ACTIVE" not in own)

    @property
    def ids(self) -> tuple[MemberId, ...]:
        """All members, lowest first."""
        return tuple(member.id for member in self.members)

    def member(self, wanted: MemberId) -> MemberFacts:
        """Return one member's facts; a member that the look did not list is DETACHED."""
        for member in self.members:
            if member.id == wanted:
                return member
        return MemberFacts(id=wanted, state="DETACHED", answered=False)

    def listing(self, expected: Iterable[MemberId]) -> GroupFacts:
        """Return these facts with every expected member: one that nobody lists is DETACHED.

        A member that the device no longer names must not pass for one that was never there.
        """
        ids = sorted({*self.ids, *expected}, key=by_number)
        return replace(self, members=self.some(ids))

    def some(self, wanted: Iterable[MemberId]) -> tuple[MemberFacts, ...]:
        """Return the facts of these members, in their order."""
        return tuple(self.member(one) for one in wanted)

    def others(self, left_out: Iterable[MemberId]) -> tuple[MemberFacts, ...]:
        """Return the facts of all members but these."""
        out = set(left_out)
        return tuple(member for member in self.members if member.id not in out)

    def without(self, left_out: Iterable[MemberId]) -> GroupFacts:
        """Return these facts as if these members did not exist."""
        out = set(left_out)
        health = tuple(one for one in self.health if one.id not in out)
        return replace(self, members=self.others(out), health=health)

    def health_of(self, wanted: MemberId) -> MemberHealth:
        """Return what a full look read of a member, or an empty reading."""
        for health in self.health:
            if health.id == wanted:
                return health
        return MemberHealth(id=wanted)

    def digested(self, package: str | None) -> dict[str, Any]:
        """Return exactly what the facts digest covers: what a failover's approval is bound to.

        Connections, load, disk, clock, uptime, counters and core dumps are checks, of which
        only the result counts; they change by themselves and would void every approval.

        Sites and what is virtual stand there only where there is more than one Site, or anything
        virtual: others have the digest that they had before these were looked at.
        """
        covered: dict[str, Any] = {
            "members": [_digested_member(member, package) for member in self.members],
            "smo": self.smo,
            "sync": self.sync,
            "version": self.version,
            "platform": self.platform,
            "mode": self.mode,
        }
        if len(self.sites) > 1:
            covered["sites"] = [f"Site {site.id} {site.state}" for site in self.sites]
            covered["sync_all"] = self.sync_all
        return covered

    def digest(self, package: str | None) -> str:
        """Return the facts digest for a plan about this package."""
        return digest_of(self.digested(package))


def _digested_member(member: MemberFacts, package: str | None) -> dict[str, Any]:
    policy = [member.policy.name, member.policy.signature] if member.policy else None
    covered: dict[str, Any] = {
        "id": member.id,
        "state": member.state,
        "notes": sorted(member.notes),
        "boot_id": member.boot_id,
        "take": member.take,
        "package": member.package(package) if package else None,
        "policy": policy,
        "auto_clone": member.auto_clone,
        "agent_build": member.agent_build,
    }
    if member.virtual:
        covered["virtual"] = [_digested_virtual(one) for one in member.virtual]
    return covered


def _digested_virtual(one: VirtualFacts) -> str:
    """One text for each, so that a difference is told as one."""
    said = ", ".join([one.state or "not seen", *sorted(one.notes)])
    policy = f"{one.policy.name} {one.policy.signature}".strip() if one.policy else "no policy"
    return f"{one.id}: {said}, {one.kind or policy};"


def in_service(member: MemberFacts, words: Sequence[str] = ("ACTIVE",)) -> bool:
    """Tell whether a member carries traffic and nothing is wrong with it.

    Both views must agree: the word its peers print and its own, without problem notes, and every
    Virtual System or Virtual Gateway on it must be as well. `ACTIVE(!)` is a member with a problem
    that had to become active: not in service.
    """
    return (
        member.answered
        and member.state in words
        and member.own_state in words
        and not member.notes
        and enforces(member.policy)
        and all(virtual_in_service(one, words) for one in member.virtual)
    )


def virtual_in_service(one: VirtualFacts, words: Sequence[str] = ("ACTIVE",)) -> bool:
    """Tell whether a Virtual System or Virtual Gateway does its work on a member."""
    well = not one.unread and one.state in words and not one.notes
    return well and (bool(one.kind) or enforces(one.policy))


def enforces(policy: InstalledPolicy | None) -> bool:
    """Tell whether a policy was seen, and not the one that a machine has before its first."""
    return policy is not None and policy.name != "InitialPolicy"


OUT_OF_SERVICE = frozenset({"DOWN", "LOST", "DETACHED", "INIT", "NOT STARTED"})
"""The words of the devices for a member that surely carries no traffic; any other word may."""


def surely_out(member: MemberFacts, words: Sequence[str] = ("ACTIVE",)) -> bool:
    """Tell whether a member is out of service for its peers and, where it answers, for itself.

    More than not `in_service`: one that is ill, or that a word unknown to us describes, may carry
    traffic all the same.
    """
    views = (member.state, member.own_state) if member.answered else (member.state,)
    return all(view.upper() in OUT_OF_SERVICE and view not in words for view in views)


SURELY_OUT, MAY_CARRY = "surely out of service", "may carry traffic"
"""All that an approval is bound to of a member that the plan leaves out."""


def differences(before: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    """Name field by field what differs between two `digested` facts, for people to read."""
    found = [
        f"{key}: {_seen(key, before.get(key))} → {_seen(key, now.get(key))}"
        for key in sorted((before.keys() | now.keys()) - {"members"})
        if before.get(key) != now.get(key)
    ]
    old = {member["id"]: member for member in before.get("members", [])}
    new = {member["id"]: member for member in now.get("members", [])}
    for one in sorted(old.keys() | new.keys(), key=by_number):
        if one not in old or one not in new:
            found.append(f"{one}: {'appeared' if one in new else 'disappeared'}")
            continue
        for key in old[one]:
            if old[one].get(key) != new[one].get(key):
                before_, now_ = _apart(old[one].get(key), new[one].get(key))
                was, is_ = _seen(key, before_), _seen(key, now_)
                found.append(f"{one}: {key.replace('_', ' ')} {was} → {is_}")
    return tuple(found)


def _apart(was: Json, now: Json) -> tuple[Json, Json]:
    """Return of two lists that say one text for each thing only what is not in both."""
    if not isinstance(was, list) or not isinstance(now, list):
        return was, now
    return [one for one in was if one not in now], [one for one in now if one not in was]


def _seen(key: str, value: Json) -> str:
    """Say a digested value in words: short boot ids, on and off, and never `None`."""
    if value is None:
        return "not seen"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(str(one) for one in value) or "none"
    return str(value)[:8] if key == "boot_id" else str(value)


# ------------------------------------------------------------------------------------ policy


@dataclass(frozen=True)
class GatePolicy:
    """Who must say yes at one sort of gate, and for how long a yes is good.

    `votes` distinct persons in all, each in one of `voters`; and of each role in `needs` as
    many as it says, matched so that nobody is counted for two needs. After a while without enough
    of them, members of `fallback` ("" for none) may approve as well: after `fallback_delay`, or
    where that is None after a share of the time to vote. They sit in for a need only where the
    policy says so. When that is, and what it changes, is decided in `engine.gates`.
    """

    votes: int = 2
    voters: tuple[str, ...] = ()
    needs: tuple[tuple[str, int], ...] = ()
    requester_may_vote: bool = False
    approval_expiry: timedelta = timedelta(minutes=30)
    execution_expiry: timedelta = timedelta(minutes=10)
    grace: timedelta = timedelta(seconds=10)
    fallback: str = ""
    fallback_share: float = 0.5
    fallback_delay: timedelta | None = None
    fallback_fills_needs: bool = False

    @property
    def roles(self) -> frozenset[str]:
        """Every role whose members may vote here from the beginning."""
        return frozenset(self.voters) | {role for role, _ in self.needs}

    def fallback_from(self, opened_at: datetime, expires_at: datetime) -> datetime | None:
        """Return from when members of the fallback may approve; None where there is none."""
        if not self.fallback:
            return None
        life = expires_at - opened_at
        delay = self.fallback_share * life if self.fallback_delay is None else self.fallback_delay
        return opened_at + delay


@dataclass(frozen=True)
class Rights:
    """The roles that may order a run, operate it, halt it, freeze its group, and lift that.

    Without any that may lift, those may that freeze.
    """

    order: tuple[str, ...] = ()
    operate: tuple[str, ...] = ()
    halt: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    lift: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How long each kind of step may take before it holds. A time-out stops, never proceeds.

    Measured on two-member groups (vendor engineer's logs, 2022): import 47 to 56 s, verify 7 s,
    install until back in service 17 to 21 min with a plateau of 8 min. The limits are three
    times that; admin-down was never measured, so its limit is a guess.
    """

    look: timedelta = timedelta(seconds=90)
    upload: timedelta = timedelta(hours=1)
    importing: timedelta = timedelta(minutes=20)
    verify: timedelta = timedelta(minutes=5)
    cloning: timedelta = timedelta(minutes=3)
    admin_down: timedelta = timedelta(minutes=5)
    prompt: timedelta = timedelta(minutes=3)
    install: timedelta = timedelta(minutes=60)
    comeback: timedelta = timedelta(minutes=30)
    blind: timedelta = timedelta(minutes=10)


Span = tuple[int, int]
"""A part of every week, in minutes from Monday 00:00 as the clocks on the wall show them."""


@dataclass(frozen=True)
class Windows:
    """When failovers may begin, week for week: see `engine.windows`. Without spans at any time.

    Attributes:
        spans: from when until when; the end may lie in the week after.
        said: the same as the settings say it, for people.
        zone: the time zone whose clocks count.
        shortest: of a window of which less is left nothing is offered.
    """

    spans: tuple[Span, ...] = ()
    said: tuple[str, ...] = ()
    zone: str = "UTC"
    shortest: timedelta = timedelta(minutes=30)


@dataclass(frozen=True)
class Policy:
    """What governs a run; copied into its plan, so that settings changed later do not reach it.

    `split` is "auto", "by_site" or "across_sites"; `order` is "vendor" or "smo_last".
    `state_words` are what its version prints for members in service: see `engine.gaia.dialect`.
    `rights` is None in plans of before there were any: `operators` has them, beside the approvers.
    `gate_lead`, `late` and `prepare` ("now" or "in_window") are about runs with an appointment: see
    `engine.appointments`. `windows` are those outside of which nothing may be appointed.
    """

    proposal: GatePolicy = GatePolicy(votes=1)
    failover: GatePolicy = GatePolicy()
    operators: tuple[str, ...] = ()
    limits: Limits = Limits()
    split: str = "auto"
    order: str = "vendor"
    groups: int = 2
    min_in_service: int = 1
    watch: timedelta = timedelta(seconds=15)
    quiet: timedelta = timedelta(seconds=120)
    settle: timedelta = timedelta(seconds=10)
    soak: timedelta = timedelta(minutes=5)
    remind: timedelta = timedelta(minutes=5)
    core_dumps_allowed: int = 1
    log_free_factor: float = 3.0
    connections_limit: int = 0
    upload_directory: str = "/var/log/upload"
    own_directory: str = "/var/log/hotfix-bot"
    members_limit: int = 31
    state_words: tuple[str, ...] = ("ACTIVE",)
    fence: bool = False
    rights: Rights | None = None
    gate_lead: timedelta = timedelta(minutes=30)
    late: timedelta = timedelta(minutes=15)
    prepare: str = "now"
    windows: Windows = Windows()


# -------------------------------------------------------------------------------------- plan


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


@dataclass(frozen=True)
class Request(Options):
    """What a person asked for, as it was understood.

    `kind` is "install", "uninstall", "finish" or "rollback"; the last two are about the group's
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
