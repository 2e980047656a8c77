"""Every act that the devices saw has its record before it, and every record its act.

The journal counts in wall time and the witness in simulated seconds; `Timeline` brings them
together. A batch is one command: the same act on the same members in the same moment.

What follows from an act without a record is in `bot.demo.verdict`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.journal import Kind
from storage.records import Record

SLACK_S = 0.3
"""Real seconds by which the two clocks may disagree: the report rounds, and both processes wait
for a processor."""

BATCH_S = 1.0
"""Simulated seconds between the acts of one command on one member and on the next; and SLACK_S of
real time, since a rehearsal that waits for a processor in between loses as many of its own."""

COMMITTED: Mapping[str, str] = {
    "ADMIN_DOWN": "admin_down",
    "INSTALL": "install",
    "UNINSTALL": "uninstall",
    "ADMIN_UP": "admin_up",
    "RETURN": "admin_up",
}
"""Kind of step, act: what begins with a dialogue, so that COMMITTING comes right before it."""

INTENDED: Mapping[str, str] = {
    "CLONING_OFF": "auto_clone_off",
    "CLONING_RESTORE": "auto_clone_on",
    "IMPORT": "import",
    "DELETE": "delete",
}
"""Kind of step, act: what is one command without a dialogue, so that INTENDED comes before it."""


ASKED_AGAIN = frozenset({"import"})
"""What CPUSE may refuse because it is busy: the same command again belongs to the same record."""


@dataclass(frozen=True)
class Timeline:
    """When the rehearsal began, and how fast its time goes."""

    began: datetime
    speed: float

    def moment(self, at: float) -> datetime:
        """Return the wall time of a simulated second."""
        return self.began + timedelta(seconds=at / self.speed)


@dataclass(frozen=True)
class Batch:
    """One command, as the devices saw it."""

    act: str
    members: frozenset[str]
    at: datetime

    def __str__(self) -> str:
        return f"{self.act} on {', '.join(sorted(self.members))} at {self.at:%H:%M:%S.%f}"


@dataclass(frozen=True)
class Written:
    """One record that allows one command."""

    act: str
    step: str
    members: frozenset[str]
    at: datetime
    seq: int


@dataclass
class Matched:
    """What belongs together, and what stands alone."""

    pairs: list[tuple[Batch, Written]] = field(default_factory=list)
    without_record: list[Batch] = field(default_factory=list)
    without_act: list[str] = field(default_factory=list)


def batches(acts: Sequence[Mapping[str, Any]], timeline: Timeline) -> list[Batch]:
    """Return the commands that the witness saw, in order."""
    found: list[tuple[str, tuple[str, ...], float, list[str]]] = []
    longest, before = BATCH_S + SLACK_S * timeline.speed, 0.0
    for act in acts:
        name, group, at, member = act["act"], tuple(act["group"]), float(act["at"]), act["member"]
        last = found[-1] if found else None
        if last and last[:2] == (name, group) and at - before <= longest and member not in last[3]:
            last[3].append(member)
        else:
            found.append((name, group, at, [member]))
        before = at
    return [Batch(name, frozenset(members), timeline.moment(at)) for name, _, at, members in found]


def written(records: Sequence[Record]) -> list[Written]:
    """Return the records that allow a command each, in order."""
    intended: dict[str, Record] = {}
    everyone = frozenset[str]()
    found: list[Written] = []
    for record in records:
        if record.kind == Kind.PLANNED:
            everyone = _everyone(record.body["plan"])
        step = str(record.body.get("step", ""))
        if record.kind == Kind.INTENDED:
            intended[step] = record
            act = INTENDED.get(record.body["kind"])
            if act:
                members = frozenset(record.body["members"]) or everyone
                found.append(Written(act, step, members, record.at, record.seq))
        if record.kind == Kind.COMMITTING and step in intended:
            before = intended[step].body
            act = COMMITTED.get(before["kind"], "nothing")
            members = frozenset(before["members"])
            found.append(Written(act, step, members, record.at, record.seq))
    return found


def match(
    acts: Sequence[Mapping[str, Any]], records: Sequence[Record], timeline: Timeline
) -> Matched:
    """Bring acts and records together: each act with the newest record before it that fits."""
    matched, free = Matched(), written(records)
    for batch in batches(acts, timeline):
        fitting = [one for one in free if _fits(batch, one)]
        if not fitting:
            matched.without_record.append(batch)
            continue
        chosen = fitting[-1]
        spent = chosen.seq - 1 if batch.act in ASKED_AGAIN else chosen.seq
        free = [one for one in free if one.act != batch.act or one.seq > spent]
        matched.pairs.append((batch, chosen))
    matched.without_act = _without_act(matched, records)
    return matched


def _fits(batch: Batch, one: Written) -> bool:
    # One member answers for all of them where auto-clone is switched.
    covered = batch.members <= one.members or batch.act.startswith("auto_clone")
    return one.act == batch.act and covered and one.at <= batch.at + timedelta(seconds=SLACK_S)


def _without_act(matched: Matched, records: Sequence[Record]) -> list[str]:
    """Say which step is recorded as done by an act that no device saw."""
    acted: dict[str, set[str]] = {}
    for batch, one in matched.pairs:
        acted.setdefault(one.step, set()).update(batch.members)
    intended = {r.body["step"]: r.body for r in records if r.kind == Kind.INTENDED}
    told = []
    for record in records:
        step = str(record.body.get("step", ""))
        if record.kind != Kind.DONE or step not in intended:
            continue
        body = intended[step]
        if not _must_have_acted(body, record.body):
            continue
        by_one = INTENDED.get(body["kind"], "").startswith("auto_clone")
        missing = set() if by_one and acted.get(step) else set(body["members"])
        missing -= acted.get(step, set())
        if missing or (by_one and not acted.get(step)):
            told.append(
                f"record {record.seq}: {step} is done, but no act was seen on "
                f"{', '.join(sorted(missing)) or 'any member'}"
            )
    return told


def _must_have_acted(intended: Mapping[str, Any], done: Mapping[str, Any]) -> bool:
    """An installation that is done was started; others may have found their work done already."""
    kind = intended["kind"]
    if kind in ("INSTALL", "UNINSTALL"):
        return True
    return done.get("how") == "acted" and (kind in COMMITTED or kind in INTENDED)


def _everyone(plan: Mapping[str, Any]) -> frozenset[str]:
    """Return every member that a plan is about; what is done to another one has no record."""
    return frozenset(member for group in plan["groups"] for member in group["members"])
