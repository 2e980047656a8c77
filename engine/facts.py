"""What a look saw of a Security Group: members, Sites, policy, packages; and what it means.

Pure data with its own arithmetic. What reads it off a device is in `engine.gaia`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.canon import digest_of
from engine.errors import UnexpectedOutput
from storage.records import Json

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
    anything. `packages`, `agent_build`, `agent_busy` and `action` are of its CPUSE, which may be
    away while the member carries traffic: see `cpuse_silent`. `epoch` is the text of our file
    there: see `engine.fence`. `virtual` are the Virtual Systems or Virtual Gateways that enforce a
    policy, without 0, which is the member itself.
    """

    id: MemberId
    state: str
    answered: bool
    own_state: str = ""
    notes: tuple[str, ...] = ()
    boot_id: str | None = None
    take: int | None = None
    packages: tuple[tuple[str, PackageState], ...] | None = ()
    policy: InstalledPolicy | None = None
    auto_clone: bool | None = None
    agent_build: str | None = None
    agent_busy: bool | None = None
    action: CpuseAction | None = None
    session_open: bool | None = None
    unread: str = ""
    epoch: str = ""
    virtual: tuple[VirtualFacts, ...] = ()

    @property
    def cpuse_silent(self) -> bool:
        """Whether the member answers, and its CPUSE does not, or not so that we can read it.

        That says nothing of its traffic, and nothing of what CPUSE does: it may be at work.
        `unread` says what could not be read.
        """
        return self.answered and self.packages is None

    @property
    def at_work(self) -> bool:
        """Whether CPUSE changes software, by what it says of itself or by its newest action.

        The two are two commands, and one may lag behind the other: whichever says so counts.
        """
        newest = self.action or CpuseAction(0)
        changing = "install" in newest.type.lower()
        return bool(self.agent_busy) or (changing and newest.status.lower() == "in progress")

    def package(self, name: str) -> PackageState:
        """Return the state of a package; `.tar` and `.tgz` name the same package on a device."""
        if not self.answered or self.packages is None:
            return PackageState.UNKNOWN
        wanted = package_stem(name)
        for listed, state in self.packages:
            if package_stem(listed) == wanted:
                return state
        return PackageState.ABSENT

    def says_gone(self, name: str) -> bool:
        """Whether a package is listed, as one that is not there: more than not to be listed."""
        wanted = package_stem(name)
        return any(
            package_stem(listed) == wanted and state is PackageState.ABSENT
            for listed, state in self.packages or ()
        )

    def listed(self, name: str) -> str:
        """Return a package's name as this member lists it, or the given one where it does not."""
        wanted = package_stem(name)
        listed = self.packages or ()
        return next((one for one, _ in listed if package_stem(one) == wanted), name)


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
    return policy is not None and not is_initial(policy)


def is_initial(policy: InstalledPolicy | None) -> bool:
    """Tell whether the policy is the one that a machine has before its first."""
    return policy is not None and policy.name == "InitialPolicy"


OUT_OF_SERVICE = frozenset({"DOWN", "LOST", "DETACHED", "INIT", "NOT STARTED"})
"""The words of the devices for a member that surely carries no traffic; any other word may."""


def surely_out(member: MemberFacts, words: Sequence[str] = ("ACTIVE",)) -> bool:
    """Tell whether a member is out of service for its peers and, where it answers, for itself.

    More than not `in_service`: one that is ill, or that a word unknown to us describes, may carry
    traffic all the same.
    """
    views = (member.state, member.own_state) if member.answered else (member.state,)
    return all(view.upper() in OUT_OF_SERVICE and view not in words for view in views)


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
