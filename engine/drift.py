"""What is not as it should be on a Security Group on which no run is at work. Pure.

Question: what is a finding? Answer: what the next run would hold for or be surprised by, and what
an earlier one left open: takes or packages that differ, image auto-clone that is owed or not the
same everywhere, members out of service, a run that nobody ends. Given up: disk, licences, policy;
they are checks of a run, and change by themselves.

How a group is looked at, and how often, does not belong here; see `engine.daily`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from engine.canon import from_json, to_json
from engine.facts import (
    GroupFacts,
    MemberFacts,
    PackageState,
    in_service,
    package_stem,
    spelled,
    surely_out,
)
from engine.fold import RunState
from engine.former import Former
from engine.invariants import described, one_site_carries
from engine.journal import ENGINE
from engine.planner import knowing_words
from engine.policy import Policy
from storage.records import LOOKS, Record

UNTOUCHED = timedelta(days=1)
"""After so long a run that holds is told of: as often as groups are looked at."""

APART = timedelta(hours=6)
"""A look that was made late, so shortly before the next one, is that of both days. A guess."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        key: what it is about, the same each day: "takes", "packages", "cpuse", "owed", "cloning",
            "out", "sites", "unfinished", "held", "busy" or "unseen".
        text: what is wrong, without a full stop.
        do: what a person can do about it.
        mention: whether those who operate are called.
    """

    key: str
    text: str
    do: str
    mention: bool = False


@dataclass(frozen=True)
class Known:
    """What the journal says of a group, beside what a look shows.

    Attributes:
        debt: what was recorded when it was left owing its image auto-clone; None: it owes nothing.
        last: the last run that has ended and by which anything was changed.
        held: open runs that rest, each told by `resting`.
    """

    debt: Mapping[str, Any] | None = None
    last: Former | None = None
    held: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Look:
    """What one look at a group found.

    Attributes:
        group: its name.
        at: when.
        day: for which day, there; "" for one that somebody asked for.
        findings: what is wrong, nothing where all is well.
        call: ids of those who are called because of it.
    """

    group: str
    at: datetime
    findings: tuple[Finding, ...] = ()
    day: str = ""
    call: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return all of it, for a record and for programs."""
        return {
            "group": self.group,
            "day": self.day,
            "findings": [to_json(one) for one in self.findings],
            "call": list(self.call),
        }


def looks_of(records: Iterable[Record]) -> list[Look]:
    """Return what the records of a stream of looks say; not those that somebody spoilt.

    A look that cannot be read was not made, or its group would never be looked at again.
    """
    return [look for record in records if (look := look_of(record)) is not None]


def look_of(record: Record) -> Look | None:
    """Return what a LOOKED record says; None where it cannot be read."""
    body = record.body
    try:
        findings = tuple(from_json(Finding, one) for one in body["findings"])
        group, day, call = str(body["group"]), str(body["day"]), tuple(map(str, body["call"]))
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return Look(group, record.at, findings, day, call)


def stream_of(group: str) -> str:
    """Return the stream of a group's daily looks."""
    return f"{LOOKS}{group}"


# ------------------------------------------------------------------------------------- when


def last_due(at: time, zone: str, now: datetime) -> tuple[date, datetime]:
    """Return the last day there on which it was time to look, and that moment.

    Of a time of day that comes twice the first is meant, and of one that does not come, as much
    later as the clocks go forward.
    """
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    for day in (today, today - _DAY):
        moment = datetime.combine(day, at, place).astimezone(UTC)
        if moment <= now:
            return day, moment
    raise AssertionError("yesterday's time of day has passed")


def is_due(day: date, moment: datetime, last: Look | None, since: datetime) -> bool:
    """Tell whether a group is to be looked at for a day.

    Args:
        day: that day, there.
        moment: when it was time to look.
        last: the last daily look at it; None where there was none.
        since: when this process began: a group that was never looked at is when its time comes.
    """
    if last is None:
        return moment >= since
    # A clock that was wrong for a while has written a day that is still to come.
    if last.day > (day + _DAY).isoformat():
        return True
    return last.day < day.isoformat() and moment - last.at >= APART


# ------------------------------------------------------------------------------- what is wrong


def findings(group: str, facts: GroupFacts, known: Known, policy: Policy) -> tuple[Finding, ...]:
    """Return what is wrong with a group that was seen.

    Args:
        group: its name.
        facts: a quick look.
        known: what the journal says of it.
        policy: its own, in which the words of its version need not be.
    """
    policy = knowing_words(policy, facts)
    members = [m for m in facts.members if m.answered]
    settle = _settled_by(group, known.last)
    alike = Alike.of(members)
    return (
        *_takes(alike, known.last, settle),
        *_packages(alike, known.last, settle),
        *_silent(members),
        *_cloning(facts, alike, known, settle, policy),
        *_out(facts, known.last, policy),
        *_sites(facts, policy),
        *known.held,
    )


def unseen(group: str, why: str, known: Known) -> tuple[Finding, ...]:
    """Return what is wrong with a group that could not be looked at, and what is known anyway."""
    found = [
        Finding(
            "unseen",
            f"it could not be looked at: {why.rstrip('.')}",
            "see whether it answers at its address; `hotfix-bot check` says what is wrong with "
            "the way there",
        )
    ]
    settle = _settled_by(group, known.last)
    if known.debt is not None:
        found.append(_owed(known, "", settle))
    elif _left_open(known.last):
        found.append(Finding("unfinished", f"{_ended(known.last)}", settle))
    return (*found, *known.held)


def at_work(run: str, held: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return what is told of a group that a run is about: what it took down is no fault of it.

    No advice for the devices, or somebody would bring up by hand what is being installed on.
    """
    words = f"{run} is at work on it, so it was not looked at"
    return (Finding("busy", words, "see the thread of the run, which tells how it stands"), *held)


def resting(records: Sequence[Record], state: RunState, now: datetime) -> Finding | None:
    """Tell of an open run that holds, was halted or paused, and that nobody touched for a day."""
    if state.ended is not None or not state.resting:
        return None
    said = [record.at for record in records if record.by != ENGINE]
    since = max([*said, *([state.hold.at] if state.hold is not None else [])], default=now)
    if now - since < UNTOUCHED:
        return None
    days = (now - since) // _DAY
    how = f"holds ({state.hold.reason})" if state.hold is not None else "is halted or paused"
    ways = (state.hold.ways if state.hold is not None else ()) or ("resume", "abort")
    ago = "a day" if days == 1 else f"{days} days"
    return Finding(
        "held",
        f"{state.run} {how}, and nobody has touched it for {ago}",
        f"say in its thread how it goes on: {', '.join(f'`{way}`' for way in ways)}",
    )


@dataclass(frozen=True)
class Alike:
    """Whether members that answer have the same software.

    Attributes:
        takes: members by take, in the order of the takes.
        packages: packages that some have and others have not, with both, by name; not those that
            the take says already. Of whom CPUSE says nothing, nothing is said.
    """

    takes: Mapping[int | None, tuple[str, ...]]
    packages: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]

    @classmethod
    def of(cls, members: Sequence[MemberFacts]) -> Alike:
        """Compare them."""
        takes = _grouped(members, lambda m: m.take)
        told = [(m, m.packages) for m in members if m.packages is not None]
        stems = sorted({package_stem(name) for _, listed in told for name, _ in listed})
        packages = {}
        for name in stems:
            has = _grouped([m for m, _ in told], partial(_has, name))
            if len(has) > 1 and has[True] not in takes.values():
                packages[name] = (has[True], has[False])
        return cls(takes, packages)

    def __bool__(self) -> bool:
        return len(self.takes) < 2 and not self.packages


def _has(package: str, member: MemberFacts) -> bool:
    return member.package(package) is PackageState.INSTALLED


def _grouped(
    members: Sequence[MemberFacts], by: Callable[[MemberFacts], Any]
) -> dict[Any, tuple[str, ...]]:
    found: dict[Any, list[str]] = {}
    for member in members:
        found.setdefault(by(member), []).append(member.id)
    ordered = sorted(found, key=lambda value: (value is None, value))
    return {value: tuple(found[value]) for value in ordered}


def _takes(alike: Alike, last: Former | None, settle: str) -> Iterator[Finding]:
    if len(alike.takes) > 1:
        shown = ", ".join(
            f"{spelled(who)} at {'no take that is known' if take is None else f'take {take}'}"
            for take, who in alike.takes.items()
        )
        yield Finding("takes", f"members are at different takes: {shown}{_since(last)}", settle)


def _packages(alike: Alike, last: Former | None, settle: str) -> Iterator[Finding]:
    if alike.packages:
        shown = "; ".join(
            f"{name} is installed on {spelled(has)}, and not on {spelled(lacks)}"
            for name, (has, lacks) in alike.packages.items()
        )
        yield Finding("packages", f"{shown}{_since(last)}", settle)


def _silent(members: Sequence[MemberFacts]) -> Iterator[Finding]:
    if silent := [m for m in members if m.cpuse_silent]:
        told = ", ".join(f"{m.id} ({m.unread})" for m in silent)
        yield Finding(
            "cpuse",
            f"CPUSE does not answer on {told}, so nothing can be installed or uninstalled there",
            "see what `da_cli da_status` says there; its agent is restarted only where nothing is "
            "being installed",
        )


def _since(last: Former | None) -> str:
    return f"; {_ended(last)}" if _left_open(last) else ""


def _left_open(last: Former | None) -> bool:
    return last is not None and (last.state in ("aborted", "degraded") or bool(last.plan.left_out))


def _ended(last: Former | None) -> str:
    if last is None:
        return ""
    left_out = f", with {spelled(last.plan.left_out)} left out" if last.plan.left_out else ""
    return f"{last.run} ended {last.state}{left_out}"


def _settled_by(group: str, last: Former | None) -> str:
    """Say what brings members back together; a run of ours can only go on with one of ours."""
    if last is not None and (_left_open(last) or last.cloning_owed):
        return (
            f"order `finish` for {group}, which goes on with {last.run}, or `rollback`, which "
            "takes it back; `plan` before either says what it would do"
        )
    return "no run of ours left it so: ask who changed it by hand, and bring all to the same"


def _cloning(
    facts: GroupFacts, alike: Alike, known: Known, settle: str, policy: Policy
) -> Iterator[Finding]:
    words = policy.state_words
    seen = [m for m in facts.members if m.answered and not surely_out(m, words)]
    shown = _grouped(seen, lambda m: m.auto_clone)
    on = shown.get(True, ())
    if known.debt is not None:
        yield _owed(known, spelled(on) if on else "", settle)
    elif len(shown) > 1 or None in shown:
        told = {True: "on", False: "off", None: "not readable"}
        parts = ", ".join(f"{told[value]} on {spelled(who)}" for value, who in shown.items())
        yield Finding(
            "cloning",
            f"image auto-clone does not show the same on every member: {parts}",
            "switch it to the same on all by hand: on only where all have the same software",
        )
    elif on and not alike:
        yield Finding(
            "cloning",
            f"image auto-clone is on on {spelled(on)} while members have different software, so "
            "one may be cloned over",
            "switch it off by hand until all are alike",
        )


def _owed(known: Known, on: str, settle: str) -> Finding:
    run = known.debt["run"] if known.debt is not None else ""
    stays = (
        f"and yet it is on on {on}: a member may be cloned over while they differ"
        if on
        else "and stays off until all members have the same software"
    )
    return Finding("owed", f"image auto-clone is owed since {run}, {stays}", settle, mention=True)


def _out(facts: GroupFacts, last: Former | None, policy: Policy) -> Iterator[Finding]:
    ill = [m for m in facts.members if not in_service(m, policy.state_words)]
    if not ill:
        return
    left = dict.fromkeys(last.plan.left_out, f", left out by {last.run}") if last else {}
    told = "; ".join(f"{m.id} is {described(m)}{left.get(m.id, '')}" for m in ill)
    down = [m.id for m in ill if "ADMIN" in m.notes]
    by_hand = f"`g_clusterXL_admin -b {spelled(down)} up` brings up who is down by an administrator"
    yield Finding("out", told, by_hand if down else "look at it on the device")


def _sites(facts: GroupFacts, policy: Policy) -> Iterator[Finding]:
    serving = [m for m in facts.members if in_service(m, policy.state_words)]
    if wrong := one_site_carries(serving, facts):
        yield Finding("sites", "; ".join(wrong), "look at the Sites on the device")
