"""People who write their votes: what Slack shows of it, and the row that says where to look."""

from engine.journal import Kind
from engine.ports import Ballot
from storage.records import InboxRow
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
