"""What others write: people their votes, with the row that says where to look; a newer version."""

from datetime import timedelta
from typing import Any

from engine.journal import Kind
from engine.ports import Ballot
from storage.records import Draft, InboxRow, RunRow
from tests.simulation.night import CHANNEL, Night

VERBS = {"yes": "approve", "no": "reject", "withdraw": "withdraw"}


def code_of(night: Night, gate: str) -> str:
    """Read the code that a gate's message shows."""
    opened = [r for r in night.records() if r.kind == Kind.GATE_OPENED]
    return str(opened[int(gate.removeprefix("G")) - 1].body["code"])


def write(
    night: Night,
    gate: str,
    user: str,
    choice: str,
    *,
    code: str = "",
    reason: str = "",
    at: str = "",
    heard: bool = True,
) -> None:
    """Write a vote into the thread, below the message of the gate `at` (the one named).

    A yes has the right code unless another is given. Where it is not `heard`, its event is lost.
    """
    code = code or (code_of(night, gate) if choice == "yes" else "")
    ballot = Ballot(user, choice, "text", gate, code, reason)
    night.crowd.shown.setdefault((CHANNEL, at or gate), []).append(ballot)
    if heard:
        said = len(night.crowd.shown[CHANNEL, at or gate])
        key = f"evt:app_mention/{at or gate}/{user}/{said}"
        body = {"verb": VERBS[choice], "gate": gate, "choice": choice, "user": user, "answer": {}}
        night.stores.inbox.put(InboxRow(key, night.run, "vote", body, night.clock.now()))


def click(
    night: Night,
    gate: str,
    user: str,
    choice: str,
    *,
    at: str = "",
    key: str = "",
    pressed_ago: float = 0,
) -> None:
    """Press a button of a gate's message: all that is left of it is the row.

    The button is that of `gate`, on the message of the gate `at` (the same one). With a `key` of a
    former click it is the same click again.
    """
    now = night.clock.now()
    pressed = now - timedelta(seconds=pressed_ago)
    body = {
        "verb": VERBS[choice],
        "gate": gate,
        "code": code_of(night, gate),
        "choice": choice,
        "user": user,
        "channel": CHANNEL,
        "ts": at or gate,
        "pressed": pressed.isoformat(),
        "answer": {},
    }
    key = key or f"act:{at or gate}:{user}:{pressed.timestamp()}"
    night.stores.inbox.put(InboxRow(key, night.run, "click", body, now))


def freeze(
    night: Night, verb: str, scope: str = "site-1", user: str = "U0BEN00001", **body: Any
) -> None:
    """Freeze a group, or lift that."""
    night._hints += 1
    row = {"verb": verb, "scope": scope, "user": user, "until": None, "reason": "fair", **body}
    key = f"cmd:freeze:{night._hints}"
    night.stores.inbox.put(InboxRow(key, None, "freeze", row, night.clock.now()))


def a_newer_run(night: Night, *, occupies: bool = False) -> str:
    """Have another open run of the group, of which this version cannot read the last record."""
    made = [Draft(r.kind, r.at, r.by, r.body) for r in night.records()[:2]]
    drafts = [*made, Draft("CAMPAIGN", night.clock.now(), "engine", {"wave": 2})]
    row = RunRow("hf-newer000", "site-1", "install", True, occupies, None)
    night.stores.journal.append(row.id, drafts, lease=None, last_seq=0, index=row)
    return row.id
