"""Which moments of recorded nights are shown as pictures, and which messages of each.

A kind of message is a root, gate or end by how it stands, or a message of the thread by the kind
of the record behind it. How a moment is staged and photographed is in `tests.browser.pictures`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.views import Message, render
from engine.journal import Kind
from engine.model import StepKind
from storage.records import Record
from tests.unit.nights import NIGHTS, night

QUIET = {Kind.SEEN, Kind.PROGRESS, Kind.INTENDED, Kind.COMMITTING}
"""Records after which nothing looks otherwise that did not a record later."""


@dataclass(frozen=True)
class Exhibit:
    """One picture.

    Attributes:
        name: of the file, without its ending.
        night: which one; see `tests.unit.nights`.
        until: kind and body of the record up to which the night is shown; the n-th such one.
        shown: keys of messages below the run, or kinds of records in the thread.
        nth: see `until`.
        last: so many of them, the newest; 0 is all.
    """

    name: str
    night: str
    until: tuple[str, Mapping[str, Any]]
    shown: tuple[str, ...]
    nth: int = 1
    last: int = 0

    def records(self) -> Sequence[Record]:
        """Return the night up to the moment."""
        kind, body = self.until
        records = night(self.night)
        found = (
            place
            for place, record in enumerate(records, start=1)
            if record.kind == kind and body.items() <= dict(record.body).items()
        )
        for _ in range(self.nth - 1):
            next(found)
        return records[: next(found)]

    def messages(self, records: Sequence[Record]) -> list[Message]:
        """Return what the picture shows."""
        kinds = kinds_in(records)
        named = {f"thread {kind}" for kind in self.shown}
        messages = render(records)
        shown = [m for m in messages if below_run(m) in self.shown or kinds[m.key] in named]
        return shown[-self.last :]

    def said(self, records: Sequence[Record]) -> Any:
        """Return what can be read in the picture."""
        return [[m.text, list(m.cards or m.blocks), m.gate] for m in self.messages(records)]

    def digest(self) -> str:
        """Return what says whether the picture still shows what is said.

        Codes, digests and heads of journals differ from night to night, since the place of the
        package is part of a plan; they are left out.
        """
        records = self.records()
        text = _HASHES.sub("#", json.dumps(self.said(records), ensure_ascii=False))
        for record in records:
            if record.kind == Kind.GATE_OPENED:
                text = text.replace(str(record.body["code"]), "#")
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_HASHES = re.compile(r"\b[0-9a-f]{8,64}\b")


def at(kind: Kind, /, **body: Any) -> tuple[str, Mapping[str, Any]]:
    """Name a record."""
    return str(kind), body


A = {"step": "A.FAILOVER"}
BACK = (Kind.VOTED, Kind.WITHDRAWN)
WORK = (Kind.DONE, Kind.INTENDED)
GUS = at(Kind.REFUSED, name="gus")
SUPERSEDED = at(Kind.GATE_CLOSED, outcome="superseded")

SOME = "some will be there"
TOO_SHORT = "appointed for the window alone"
IN_WINDOWS = "in a window of the settings"

EXHIBITS = (
    # What is asked, and how it ends.
    Exhibit("proposal", "good", at(Kind.GATE_SHOWN, gate="G1"), ("proposal",)),
    Exhibit("proposal-begun", "good", at(Kind.DONE, kind="PREFLIGHT"), ("proposal",)),
    Exhibit("proposal-expired", "expired", at(Kind.HELD), ("proposal",)),
    Exhibit("gate-open", "good", at(Kind.GATE_SHOWN, gate="G2"), ("gate/G2",)),
    Exhibit("gate-partly-voted", "good", at(Kind.VOTED, **A), ("gate/G2",)),
    Exhibit("gate-in-grace", "good", at(Kind.GATE_CLOSED, **A), ("gate/G2",)),
    Exhibit("gate-begun", "good", at(Kind.INTENDED, step="A.ADMIN_DOWN"), ("gate/G2",)),
    Exhibit("gate-rejected", "rejected", at(Kind.HELD), ("gate/G3",)),
    Exhibit("gate-expired", "failover expired", at(Kind.HELD), ("gate/G2",)),
    Exhibit("gate-superseded", "asked again", SUPERSEDED, ("gate/G2",)),
    Exhibit("gate-asked-again", "asked again", at(Kind.GATE_SHOWN, gate="G3"), ("gate/G3",)),
    Exhibit("gate-degraded", "degraded", at(Kind.GATE_SHOWN, gate="G3"), ("gate/G3",)),
    Exhibit("gate-degraded-begun", "degraded", at(Kind.ENDED), ("gate/G3",)),
    # What the thread says of votes.
    Exhibit("votes", "good", at(Kind.GATE_CLOSED, **A), (Kind.VOTED, Kind.GATE_CLOSED), last=3),
    Exhibit("votes-refused", "votes that do not count", GUS, (Kind.REFUSED,)),
    Exhibit("votes-withdrawn", "withdrawn", at(Kind.WITHDRAWN), BACK, last=3),
    Exhibit("votes-void", "asked again", SUPERSEDED, (Kind.GATE_CLOSED,), last=1),
    Exhibit("policy-changed", "asked again", SUPERSEDED, (Kind.ALARMED,), last=1),
    Exhibit("reminder", "failover expired", at(Kind.REMINDED, **A), (Kind.REMINDED,)),
    Exhibit("called", "called", at(Kind.ESCALATED), (Kind.REMINDED, Kind.ESCALATED), last=2),
    Exhibit("gate-with-fallback", "called", at(Kind.ESCALATED), ("gate/G2",)),
    # What it says of the work.
    Exhibit("preparing", "good", at(Kind.DONE, kind="IMPORT"), ("PREPARING",)),
    Exhibit("installing", "good", at(Kind.PROGRESS), (Kind.INTENDED,), nth=9),
    Exhibit("milestones", "good", at(Kind.DONE, step="A.SOAK"), WORK, last=4),
    Exhibit("paused", "paused", at(Kind.RESUMED), (Kind.PAUSED,)),
    Exhibit("halted", "halted while down", at(Kind.REMINDED), (Kind.HALTED, Kind.REMINDED)),
    Exhibit("resumed", "halted while down", at(Kind.RESUMED), (Kind.RESUMED,)),
    Exhibit("restarted", "restarted", at(Kind.ENDED), (Kind.TAKEN_UP,)),
    Exhibit("rescue", "rescued", at(Kind.HELD), (Kind.ALARMED, Kind.DONE, Kind.HELD), last=3),
    Exhibit("hold", "unknown prompt", at(Kind.HELD), (Kind.HELD,)),
    Exhibit("ways-out", "rejected and aborted", at(Kind.ENDED), (Kind.HELD, Kind.ABORTED)),
    Exhibit("rolled-back", "rolled back", at(Kind.ROLLED_BACK), (Kind.ROLLED_BACK,)),
    Exhibit("retried", "retried", at(Kind.RETRIED), (Kind.RETRIED,)),
    # How the run stands.
    Exhibit("root-waiting", "good", at(Kind.GATE_SHOWN, gate="G2"), ("root",)),
    Exhibit("root-installing", "good", at(Kind.PROGRESS), ("root",), nth=9),
    Exhibit("root-held", "unknown prompt", at(Kind.HELD), ("root",)),
    Exhibit("root-done", "good", at(Kind.ENDED), ("root",)),
    Exhibit("root-owed", "rejected and aborted", at(Kind.ENDED), ("root",)),
    Exhibit("root-left-out", "without a member", at(Kind.ENDED), ("root",)),
    # What waits for its time.
    Exhibit("proposal-for-later", "appointed", at(Kind.GATE_SHOWN, gate="G1"), ("proposal",)),
    Exhibit("root-scheduled", "appointed", at(Kind.DONE, step="VERIFY"), ("root",)),
    Exhibit("root-window-over", TOO_SHORT, at(Kind.HELD), ("root",)),
    Exhibit("proposal-in-windows", IN_WINDOWS, at(Kind.GATE_SHOWN, gate="G1"), ("proposal",)),
    Exhibit("root-next-window", IN_WINDOWS, at(Kind.HELD), ("root",)),
    Exhibit("waits", "frozen when due", at(Kind.BARRED), (Kind.BARRED,)),
    Exhibit("who-comes-answered", SOME, at(Kind.ATTENDING, there=False), (Kind.CALLED,)),
    Exhibit("who-is-lacking", SOME, at(Kind.CALLED, number=2), (Kind.CALLED,), last=1),
    Exhibit("nobody-of-a-role", "nobody of a role", at(Kind.ALARMED), (Kind.ALARMED,)),
    Exhibit("moved", "moved", at(Kind.PLANNED, revision=2), (Kind.PLANNED,)),
    Exhibit("keep", "kept", at(Kind.GATE_SHOWN, gate="G1"), ("gate/G1",)),
    Exhibit("keep-no", "kept", at(Kind.GATE_CLOSED, outcome="rejected"), ("gate/G1",)),
    Exhibit("kept", "kept", at(Kind.ENDED), ("gate/G2",)),
    Exhibit("keep-due", "nobody answers", at(Kind.DONE, how="due"), ("gate/G1",)),
    Exhibit("keep-put-off", "put off", at(Kind.PLANNED, revision=2), ("gate/G1",)),
    Exhibit("rollback-due", "nobody answers", at(Kind.GATE_SHOWN, gate="G2"), ("proposal/G2",)),
    Exhibit("end-with-rollback", "with its rollback", at(Kind.ENDED), ("end",)),
    Exhibit("end", "good", at(Kind.ENDED), ("end",)),
    Exhibit("end-degraded", "degraded", at(Kind.ENDED), ("end",)),
)


def below_run(message: Message) -> str:
    """Return a message's key without the run's."""
    return message.key.partition("/")[2]


def kinds_in(records: Sequence[Record]) -> dict[str, str]:
    """Return the kind of every message that should stand now, by its key."""
    asked = [str(r.body["step"]) for r in records if r.kind == Kind.GATE_OPENED]
    return {message.key: _kind(message, records, asked) for message in render(records)}


def _kind(message: Message, records: Sequence[Record], asked: Sequence[str]) -> str:
    what, *rest = below_run(message).split("/")
    if what == "dm":
        return "to one person"
    if what == "m":
        return f"thread {'PREPARING' if rest[1:] else records[int(rest[0]) - 1].kind}"
    sign = message.text.partition(" ")[0]
    if not message.gate:
        return f"{what} {sign}"
    step = asked[int(message.gate.removeprefix("G")) - 1]
    (kind,) = [part for part in step.split(".") if part in StepKind.__members__]
    return f"{kind} {sign}"


def kinds_of_all_nights() -> dict[str, str]:
    """Return every kind of message that a recorded night ever shows, with a night that does."""
    found: dict[str, str] = {}
    for name in NIGHTS:
        records = night(name)
        for end in range(2, len(records) + 1):
            if records[end - 1].kind not in QUIET or end == len(records):
                found |= dict.fromkeys(kinds_in(records[:end]).values(), name)
    return found
