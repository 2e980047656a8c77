"""Rows that tell of votes, taken at an open gate: what is counted of them, and who is told what."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from engine import words
from engine.canon import to_json
from engine.duty import Duty
from engine.journal import Kind, planned_body
from engine.ports import Ballot, Person
from storage.records import InboxRow
from tests.simulation.night import Crowd
from tests.unit.builders import NAME, NOW, REQUEST, facts, plan
from tests.unit.on_duty import RUN, on_duty

NUMBERS = count()
STEP = "A.FAILOVER"
CHANNEL = "C0FIREWALL"
PLACE = (CHANNEL, "7")
ANA, BEN, NOOR = "U0ANA00001", "U0BEN00001", "U0NOOR0001"
STRANGERS = [f"U0EVE{number:05}" for number in range(3)]


class Asked(Crowd):
    """Keeps what was asked about: the places of messages, and people."""

    def __init__(self, shown: dict[tuple[str, str], list[Ballot]]) -> None:
        super().__init__(shown)
        self.asked: list[str] = []

    async def ballots(self, channel: str, ts: str) -> Sequence[Ballot]:
        self.asked.append(ts)
        return await super().ballots(channel, ts)

    async def person(self, user: str) -> Person:
        self.asked.append(user)
        return await super().person(user)


async def asking(*ballots: Ballot, people: Crowd | None = None, minutes: float = 1) -> Duty:
    """Return an executor so long after it asked for the first failover; Slack shows this."""
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
    return await on_duty(
        story, since_s=60 * minutes, people=people or Crowd({PLACE: list(ballots)})
    )


def put(duty: Duty, kind: str, **body: Any) -> None:
    body = {"answer": {"channel": CHANNEL, "user": body["user"]}, **body}
    duty.inbox.put(InboxRow(f"row:{next(NUMBERS)}", RUN, kind, body, duty.clock.now()))


def put_reaction(duty: Duty, user: str, *, added: bool = True) -> None:
    put(duty, "hint", channel=CHANNEL, ts=PLACE[1], user=user, choice="yes", added=added)


def put_click(duty: Duty, choice: str) -> None:
    pressed = (NOW + timedelta(seconds=30)).isoformat()
    place = {"channel": CHANNEL, "ts": PLACE[1]}
    verb = {"yes": "approve", "no": "reject", "withdraw": "withdraw"}[choice]
    said = {"verb": verb, "gate": "G1", "code": "7K3F", "choice": choice, "user": BEN}
    put(duty, "click", **said, **place, pressed=pressed)


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
    put_reaction(duty, ANA)
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


# ---------------------------------------------------------------- many who say something at once


async def test_all_that_tells_of_votes_at_a_gate_is_decided_by_one_count_and_each_is_told():
    crowd = Asked({PLACE: [Ballot(user, "yes", "reaction") for user in (*STRANGERS, ANA)]})
    duty = await asking(people=crowd)
    for user in (*STRANGERS, ANA):
        put_reaction(duty, user)

    await words.take_words(duty)

    assert crowd.asked == [PLACE[1], *STRANGERS, ANA]
    assert votes(duty) == [(ANA, "yes")]
    told = "Your vote at G1 does not count: approving needs one of these roles: firewall, network."
    assert answered(duty) == [told] * 3


async def test_whoever_toggles_costs_one_count_and_is_told_once():
    crowd = Asked({PLACE: [Ballot(ANA, "yes", "text", "G1", "7K3F")]})
    duty = await asking(people=crowd)
    for added in (True, False, True, False):
        put_reaction(duty, ANA, added=added)

    await words.take_words(duty)

    assert crowd.asked == [PLACE[1], ANA]
    (told,) = answered(duty)
    assert "Your yes at G1 still counts: you wrote `approve`" in told


async def test_who_was_refused_for_their_roles_is_not_asked_about_again_until_they_have_one():
    crowd = Asked({PLACE: [Ballot(STRANGERS[0], "yes", "reaction")]})
    duty = await asking(people=crowd)
    put_reaction(duty, STRANGERS[0])
    await words.take_words(duty)
    crowd.asked.clear()

    put_reaction(duty, BEN)
    await words.take_words(duty)

    assert crowd.asked == [PLACE[1]]
    assert votes(duty) == []

    crowd.roles_of[STRANGERS[0]] = {"network"}
    put_reaction(duty, BEN)
    await words.take_words(duty)

    assert votes(duty) == [(STRANGERS[0], "yes")]


# ------------------------------------------------------------- clicks that wait until it is over


@pytest.mark.parametrize(
    ("choice", "begins"),
    [("yes", "Your vote does not count"), ("withdraw", "There is nothing to take back")],
)
async def test_a_click_that_waited_until_its_gate_expired_is_told_so(choice, begins):
    duty = await asking(minutes=31)
    put_click(duty, choice)

    await words.take_words(duty)

    assert votes(duty) == []
    assert answered(duty) == [f"{begins}: G1 expired before your click could be counted."]


async def test_a_no_that_waited_until_its_gate_expired_is_counted():
    duty = await asking(minutes=31)
    put_click(duty, "no")

    await words.take_words(duty)

    assert votes(duty) == [(BEN, "no")]


async def test_a_click_in_time_is_counted():
    duty = await asking(minutes=29)
    put_click(duty, "yes")

    await words.take_words(duty)

    assert votes(duty) == [(BEN, "yes")]
