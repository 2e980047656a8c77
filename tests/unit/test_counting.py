"""Rows that tell of votes, taken at an open gate: what is counted of them, and who is told what."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from engine import words
from engine.canon import to_json
from engine.duty import Duty
from engine.journal import Kind, planned_body
from engine.ports import Ballot
from storage.records import InboxRow
from tests.simulation.night import Crowd
from tests.unit.builders import NAME, NOW, REQUEST, facts, plan
from tests.unit.on_duty import RUN, on_duty

STEP = "A.FAILOVER"
CHANNEL = "C0FIREWALL"
PLACE = (CHANNEL, "7")
NOOR = "U0NOOR0001"


async def asking(*ballots: Ballot) -> Duty:
    """Return an executor a minute after it asked for the first failover; Slack shows this."""
    asked = {
        "step": STEP,
        "code": "7K3F",
        "plan_digest": plan().digest,
        "facts_digest": facts().digest(NAME),
        "facts": facts().digested(NAME),
        "evidence": {},
        "expires_at": (NOW + timedelta(minutes=30)).isoformat(),
    }
    story: list[tuple[Kind, Mapping[str, Any]]] = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(plan(), facts())),
        (Kind.GATE_OPENED, asked),
        (Kind.GATE_SHOWN, {"step": STEP, "channel": CHANNEL, "ts": PLACE[1]}),
    ]
    return await on_duty(story, since_s=60, people=Crowd({PLACE: list(ballots)}))


def put(duty: Duty, kind: str, **body: Any) -> None:
    body = {"answer": {"channel": CHANNEL, "user": body["user"]}, **body}
    key = f"row:{len(duty.inbox.waiting())}"
    duty.inbox.put(InboxRow(key, RUN, kind, body, duty.clock.now()))


def put_written(duty: Duty, choice: str, ts: str) -> None:
    verb = {"yes": "approve", "no": "reject", "withdraw": "withdraw"}[choice]
    put(duty, "vote", verb=verb, gate="", choice=choice, user=NOOR, ts=ts)


def votes(duty: Duty) -> list[tuple[str, str]]:
    return [(one.user, one.choice) for one in duty.state.gates[STEP].votes.values()]


def answered(duty: Duty) -> list[str]:
    return [str(row.body["text"]) for row in duty.inbox.waiting() if "text" in row.body]


# ------------------------------------------------------ words above the message of the gate


async def test_a_no_written_before_the_message_stood_is_counted():
    duty = await asking(Ballot(NOOR, "no", "text", above="6.5"))
    put_written(duty, "no", "6.5")

    await words.take_words(duty)

    assert votes(duty) == [(NOOR, "no")]
    assert answered(duty) == ["Your no at G1 is counted: it ends G1."]


@pytest.mark.parametrize(
    ("choice", "begins"),
    [("yes", "Your vote does not count"), ("withdraw", "There is nothing to take back")],
)
async def test_another_word_written_before_the_message_stood_is_refused(choice, begins):
    duty = await asking(Ballot(NOOR, choice, "text", code="7K3F", above="6.5"))
    put_written(duty, choice, "6.5")

    await words.take_words(duty)

    assert votes(duty) == []
    told = "you wrote it before the message of G1 stood; read that, and write anew"
    assert answered(duty) == [f"{begins}: {told}."]
    put(duty, "hint", channel=CHANNEL, ts="7", user="U0ANA00001", choice="yes", added=True)
    await words.take_words(duty)
    assert votes(duty) == []


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([], "6.5"),
        ([Ballot(NOOR, "no", "text", above="5.5")], "6.5"),
        ([Ballot(NOOR, "no", "text", "G9", above="6.5")], "6.5"),
        ([Ballot(NOOR, "no", "text", above="6.5")], ""),
        ([Ballot(NOOR, "no", "text", above="6.5"), Ballot(NOOR, "withdraw", "text")], "6.5"),
    ],
    ids=["deleted", "an old one stands", "edited", "heard by a former version", "taken back"],
)
async def test_a_no_above_the_message_that_is_not_what_was_heard_is_none(shown, said):
    duty = await asking(*shown)
    put_written(duty, "no", said)

    await words.take_words(duty)

    assert votes(duty) == []
    assert [row for row in duty.inbox.waiting() if row.kind == "vote"] == []
