"""Freezes: while one is in force nobody orders a run, and no failover begins.

What is under way goes on until its group is back: stopping there would help nobody.

Question: what is frozen? Answer: a scope, which is the name of a group, a tag that groups bear, or
`all`. A freeze is in force from its beginning to its end, and until then it is coming. It holds for
the groups that were meant when it was said, and for every group that bears its tag later: a tag
that is taken off a group in the settings thaws nothing.

Question: what does another freeze of one scope do? Answer: one that is in force when it is said
takes the place of those that are in force there; one that is said as coming stands beside all
others, also where its time has come before it is taken. Only `unfreeze` and the end of a freeze
thaw; `unfreeze` lifts what is in force and what is coming. Given up: to lift one of several freezes
of a scope.

Question: who lifts a freeze of several groups, where each group has lifters of its own? Answer:
each for those groups on which they may; for the others it stays. So nobody thaws more than they
may, and no freeze is one that nobody can lift.

Question: what if the record of a freeze cannot be read? Answer: it holds for all, until `all` is
lifted by somebody who was told of it; it may have been lifted before, which nobody can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from engine import rights
from engine.appointments import PREPARING
from engine.estimate import work
from engine.journal import Kind
from engine.zoned import said
from storage.records import InboxRow, Record, every_waiting

if TYPE_CHECKING:
    from engine.model import Appointment, Plan, Step
    from storage.records import InboxStore

ALL = "all"
"""The scope that is every group; so no group, and no tag, may be called that."""

SPOILT = "it cannot be read, so nobody knows what it froze; `hotfix-bot db check` says more"
"""Why all is frozen by the record of a freeze that somebody changed."""

FREEZE_ROW = "freeze"
"""Kind of the inbox rows of `freeze` and `unfreeze`."""


@dataclass(frozen=True)
class Freeze:
    """What is frozen, by whom, why, from when and until when.

    Attributes:
        scope: the name of a group, a tag, or `all`.
        by: who said so.
        name: that person's.
        reason: why.
        since: when it was said.
        until: its end; None until it is lifted.
        begins: its beginning, where it was said as coming; None with `since`.
        groups: those that were meant when it was said; none in records of before there were tags.
        zone: the time zone in which its moments are told.
        lifted: the groups for which it was lifted while it stays for others.
        spoilt: the number of its record where nobody can read that; else 0.
    """

    scope: str
    by: str
    name: str
    reason: str
    since: datetime
    until: datetime | None = None
    begins: datetime | None = None
    groups: frozenset[str] = frozenset()
    zone: str = "UTC"
    lifted: frozenset[str] = frozenset()
    spoilt: int = 0

    def over(self, now: datetime) -> bool:
        """Whether its time has passed."""
        return self.until is not None and now >= self.until

    def coming(self, now: datetime) -> bool:
        """Whether its time has not come yet."""
        return self.begins is not None and now < self.begins

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is in force at a moment."""
        return not self.over(moment) and not self.coming(moment)

    def holds_for(self, group: str, tags: Collection[str]) -> bool:
        """Whether it is about a group, which bears these tags now."""
        is_meant = self.scope in (ALL, group, *tags) or group in self.groups
        return is_meant and group not in self.lifted

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether it is in force somewhere between two moments."""
        return (self.begins or self.since) < end and not self.over(start)

    @property
    def announced(self) -> str:
        """The sentence about it while it is coming."""
        begins = self.told(self.begins or self.since)
        return f"{self._what('will be')} from {begins} {self._lasting}: {self.reason}"

    def __str__(self) -> str:
        return f"{self._what('is')} {self._lasting}: {self.reason}"

    def told(self, moment: datetime) -> str:
        """Return a moment in the time zone of this freeze."""
        return said(moment, self.zone)

    @property
    def _lasting(self) -> str:
        return f"until {self.told(self.until)}" if self.until else "until it is lifted"

    def _what(self, verb: str) -> str:
        if self.scope == ALL:
            what = f"everything{f' but {named(self.lifted)}' if self.lifted else ''}"
        else:
            groups = self.groups - self.lifted if self.scope not in self.groups else ()
            what = f"{self.scope}{f' ({named(groups)})' if groups else ''}"
        return f"{what} {verb} frozen by {self.name}"


NAMED = 6
"""More groups than these are counted in a sentence, not named."""


def named(groups: Collection[str]) -> str:
    """Return groups as a sentence names them."""
    return ", ".join(sorted(groups)) if len(groups) <= NAMED else f"{len(groups)} groups"


def meant(scope: str, tags: Mapping[str, Collection[str]]) -> list[str]:
    """Return the groups that a scope means, sorted; `tags` are those of every group there is."""
    return sorted(name for name, borne in tags.items() if scope in (ALL, name, *borne))


def standing(records: Iterable[Record], now: datetime) -> list[Freeze]:
    """Return what is frozen now, and what will be, from the house's records."""
    return [one for one in not_lifted(records) if not one.over(now)]


def not_lifted(records: Iterable[Record]) -> list[Freeze]:
    """Return what was frozen and neither lifted nor replaced, also where it is over by a clock."""
    found: list[Freeze] = []
    for record in records:
        if record.kind == Kind.FROZEN:
            new = _read(record)
            gone = replaced_by(new, [f for f in found if f.scope == new.scope], record.at)
            found = [*(one for one in found if one not in gone), new]
        elif record.kind == Kind.UNFROZEN:
            found = _lifted(found, record.body)
    return found


def _lifted(found: list[Freeze], body: Mapping[str, Any]) -> list[Freeze]:
    """Return what stands after a lifting: one of some groups leaves the freeze to the others.

    One that cannot be read lifts nothing.
    """
    try:
        scope, groups = _text(body["scope"]), _texts(body.get("groups"))
        known = body.get("spoilt") or []
        if not isinstance(known, list):
            return found
    except (KeyError, TypeError):
        return found
    ended = [f for f in found if f.scope == scope and (not f.spoilt or f.spoilt in known)]
    if not groups:
        return [one for one in found if one not in ended]
    return [replace(one, lifted=one.lifted | groups) if one in ended else one for one in found]


def _read(record: Record) -> Freeze:
    try:
        return _readable(record)
    except (KeyError, TypeError, ValueError):
        name = f"record {record.seq} of the house"
        return Freeze(ALL, record.by, name, SPOILT, record.at, spoilt=record.seq)


def _readable(record: Record) -> Freeze:
    """Return the freeze of a record.

    Raises:
        KeyError, TypeError, ValueError: somebody changed it, and it cannot be read.
    """
    body = record.body
    return Freeze(
        _text(body["scope"]),
        record.by,
        _text(body["name"]),
        _text(body["reason"]),
        record.at,
        _moment(body.get("until")),
        _moment(body.get("begins")),
        _texts(body.get("groups")),
        _text(body.get("zone") or "UTC"),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> frozenset[str]:
    many = value or []
    if not isinstance(many, list):
        raise TypeError
    return frozenset(map(_text, many))


def _moment(text: str | None) -> datetime | None:
    """Return a moment, which has its zone.

    Raises:
        TypeError, ValueError: it is none.
    """
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def in_force(records: Iterable[Record], now: datetime) -> list[Freeze]:
    """Return what is frozen now."""
    return [one for one in standing(records, now) if not one.coming(now)]


def coming(records: Iterable[Record], now: datetime) -> list[Freeze]:
    """Return what will be frozen, what comes first first."""
    found = [one for one in standing(records, now) if one.coming(now)]
    return sorted(found, key=lambda one: one.begins or one.since)


def of_group(
    records: Iterable[Record], group: str, now: datetime, *, tags: Collection[str]
) -> Freeze | None:
    """Return the freeze that holds for a group now, if there is one: of several the longest."""
    return _longest(one for one in in_force(records, now) if one.holds_for(group, tags))


def by_any_clock(
    records: Iterable[Record],
    group: str,
    now: datetime,
    about: Callable[[datetime], timedelta],
    *,
    tags: Collection[str],
) -> Freeze | None:
    """Return the freeze that holds for a group now, by the wall clock or by the time that passed.

    A wall clock that was set thaws nothing early, and lets no freeze begin late.

    Args:
        records: the house's.
        group: the group.
        now: the time by the wall clock.
        about: returns how long ago a moment was, whatever was done to that clock since.
        tags: those that the group bears.
    """
    found = []
    for one in not_lifted(records):
        passed = one.since + about(one.since)
        if not one.over(min(now, passed)) and not one.coming(max(now, passed)):
            found.append(one)
    return _longest(one for one in found if one.holds_for(group, tags))


def _longest(found: Iterable[Freeze]) -> Freeze | None:
    endless = datetime.max.replace(tzinfo=UTC)
    own_first = sorted(found, key=lambda one: one.scope == ALL)
    return max(own_first, key=lambda one: one.until or endless, default=None)


def against(
    records: Iterable[Record],
    group: str,
    now: datetime,
    appointment: Appointment | None,
    *,
    tags: Collection[str],
) -> str:
    """Say which freeze keeps a run from being ordered, now or for its appointment; or ""."""
    found = [one for one in standing(records, now) if one.holds_for(group, tags)]
    if frozen := _longest(one for one in found if not one.coming(now)):
        return str(replace(frozen, zone=appointment.zone) if appointment else frozen)
    return into(records, group, now, appointment, tags=tags) if appointment else ""


def into(
    records: Iterable[Record],
    group: str,
    now: datetime,
    appointment: Appointment,
    *,
    tags: Collection[str],
) -> str:
    """Say into which freeze of a known time an appointment falls, in its time zone; or ""."""
    moment = appointment.start
    found = [one for one in standing(records, now) if one.holds_for(group, tags)]
    known = [one for one in found if one.coming(now) or one.until is not None]
    then = _longest(one for one in known if one.holds_at(moment))
    if then is None:
        return ""
    then = replace(then, zone=appointment.zone)
    return f"{told_of(then, now)}; {then.told(moment)} is inside of that"


REACHES = "The work reaches into a freeze: "
"""How the note of a plan begins that tells of a freeze to come."""


def reached(
    plan: Plan,
    steps: Iterable[Step],
    records: Iterable[Record],
    now: datetime,
    *,
    tags: Collection[str],
) -> dict[str, str]:
    """Return each freeze to come, as it is announced, into which a window or an estimate reaches.

    With a sentence about that. `steps` are those that the work still consists of.
    """
    appointment, start = plan.appointment, now
    if appointment is not None:
        start, steps = appointment.start, [s for s in steps if s.kind not in PREPARING]
    end, until = max(start, now) + work(plan, steps), "by our estimate the work takes until about"
    if appointment is not None and appointment.until is not None:
        end, until = appointment.until, "its window is open until"
    return {
        one.announced: f"{one.announced}; {until} {one.told(end)}, and no failover begins in it"
        for one in coming(records, now)
        if one.holds_for(plan.security_group, tags) and one.meets(start, end)
    }


def noted(plan: Plan, records: Iterable[Record], now: datetime, *, tags: Collection[str]) -> Plan:
    """Return a plan whose notes say into which freeze its window reaches, or its estimate."""
    notes = [note for note in plan.notes if not note.startswith(REACHES)]
    met = reached(plan, plan.steps, records, now, tags=tags)
    return replace(plan, notes=(*notes, *(f"{REACHES}{why}." for why in met.values())))


def told_of(one: Freeze, now: datetime) -> str:
    """Return the sentence about a freeze that stands."""
    return one.announced if one.coming(now) else str(one)


def replaced_by(new: Freeze, held: Iterable[Freeze], now: datetime) -> list[Freeze]:
    """Return those of its own scope in whose place a freeze comes that is said now."""
    if new.begins is not None or new.spoilt:
        return []
    return [one for one in held if not one.coming(now) and not one.spoilt]


def shortened(new: Freeze, former: Iterable[Freeze]) -> list[Freeze]:
    """Return those that would have lasted longer than the freeze that takes their place."""
    return [one for one in former if new.until is not None and not one.over(new.until)]


def groups_of(held: Iterable[Freeze]) -> list[frozenset[str]]:
    """Return the groups of each, as they were meant, without those for which it was lifted."""
    return [one.groups - one.lifted for one in held]


def asked_for(row: InboxRow, now: datetime) -> Freeze:
    """Return the freeze that a row asks for."""
    body = row.body
    return Freeze(
        body["scope"],
        body["user"],
        "",
        body["reason"],
        now,
        _moment(body.get("until")),
        _moment(body.get("begins")),
        zone=body.get("zone") or "UTC",
    )


def waiting_rows(inbox: InboxStore) -> list[InboxRow]:
    """Return what was said about freezes and is not decided yet, in order."""
    return [row for row in every_waiting(inbox, kinds=(FREEZE_ROW,)) if row.kind == FREEZE_ROW]


def bars(row: InboxRow, group: str, now: datetime, *, tags: Collection[str]) -> bool:
    """Whether a row asks for a freeze of this group: until it is decided no failover begins.

    One that is coming does not, until its time has come.
    """
    if row.kind != FREEZE_ROW or row.body["verb"] != rights.FREEZE:
        return False
    begins = _moment(row.body.get("begins"))
    is_meant = row.body["scope"] in (ALL, group, *tags) or group in row.body.get("groups", ())
    return is_meant and (begins is None or now >= begins)
