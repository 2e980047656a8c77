"""Answers that a process left, or that Slack did not take, are given all the same."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import ClientConnectionError

from bot.hearing import ASKED
from bot.overview import Overview
from engine.answering import TOLD, Answer
from storage.records import InboxRow
from tests.slack.house import BEN, CHANNEL, House, PassingClock


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    """Build the Slack side of a bot that is not connected."""
    built = House(slack, PassingClock())
    yield built
    await built.close()


async def test_an_answer_that_a_killed_process_left_is_given(house, people):
    to = {"channel": CHANNEL, "user": BEN}
    body = {"text": "No run is open.", "answer": to}
    row = InboxRow("evt:app_mention/C/1", None, ASKED, body, house.clock.now())
    house.inbox.put(row)
    house.inbox.put(replace(row, key="evt:app_mention/C/2", at=row.at + timedelta(minutes=1)))
    house.clock.passed += timedelta(minutes=1)

    await house.leftovers.give()

    assert len((await people.state())["ephemerals"][BEN]) == 1
    (left,) = house.rows
    assert left.key.endswith("/2"), "whoever stored this one may still be about to answer"


async def test_an_answer_of_the_engine_that_a_killed_process_left_is_given_as_plain_text(
    house, people
):
    to = {"channel": CHANNEL, "user": BEN}
    at = house.clock.now()
    answer = Answer(to, "not begun: <!here> & more", ("plan.txt", "1_1 <up>\n"))
    house.inbox.put(answer.row("told:1", at, redact=str))
    house.clock.passed += timedelta(minutes=1)

    await house.leftovers.give()

    state = await people.state()
    (told,) = state["ephemerals"][BEN]
    assert told["text"].startswith("not begun: &lt;!here&gt; &amp; more\nAll of it is in")
    assert house.rows == []


async def test_an_answer_that_breaks_keeps_no_other_from_being_given(house, people, monkeypatch):
    body = {"text": "", "answer": {"channel": CHANNEL, "user": BEN}, "about": "gates"}
    at = house.clock.now()
    house.inbox.put(InboxRow("evt:app_mention/C/1", None, ASKED, body, at))
    house.inbox.put(
        InboxRow("evt:app_mention/C/2", None, ASKED, {**body, "text": "2", "about": ""}, at)
    )
    house.clock.passed += timedelta(minutes=1)

    async def breaks(*_: object) -> str:
        raise LookupError("a mistake of ours")

    monkeypatch.setattr(Overview, "answer", breaks)
    await house.leftovers.give()

    assert [row.key for row in house.rows] == ["evt:app_mention/C/1"]
    assert len((await people.state())["ephemerals"][BEN]) == 1


async def test_an_answer_that_another_process_gave_meanwhile_is_not_given_again(
    house, people, monkeypatch
):
    body = {"text": "No run is open.", "answer": {"channel": CHANNEL, "user": BEN}}
    for kind in (ASKED, TOLD):
        house.inbox.put(InboxRow(kind, None, kind, body, house.clock.now()))
    listed = house.inbox.waiting(kinds=(ASKED, TOLD))
    house.clock.passed += timedelta(minutes=1)
    await house.leftovers.give()

    for row in listed:
        await house.follow(row)

    assert len((await people.state())["ephemerals"][BEN]) == 2


async def test_a_file_is_handed_over_once_however_often_its_answer_is_tried(house, people):
    to = {"channel": CHANNEL, "user": BEN}
    answer = Answer(to, "the plan", ("plan.txt", "1_1\n"))
    house.inbox.put(answer.row("told:1", house.clock.now(), redact=str))
    await people.fault("rate_limit", method="chat.postMessage", n=100, seconds=3600)
    await people.fault("server_error", method="chat.postEphemeral", n=100)

    for _ in range(3):
        house.clock.passed += timedelta(minutes=1)
        await house.leftovers.give()

    called = [line.get("method") for line in await people.traffic()]
    assert called.count("files.completeUploadExternal") == 1
    assert called.count("chat.postEphemeral") >= 3
    assert [row.key for row in house.rows] == ["told:1"]


@pytest.mark.parametrize("kind", [ASKED, TOLD])
async def test_an_answer_that_slack_does_not_take_waits_for_a_day(house, monkeypatch, kind):
    to = {"channel": CHANNEL, "user": BEN}
    row = Answer(to, "no").row("told:1", house.clock.now(), redact=str)
    house.inbox.put(replace(row, kind=kind))
    house.clock.passed += timedelta(minutes=1)

    async def away(**_: object) -> None:
        raise ClientConnectionError("Slack is away")

    for method in ("chat_postEphemeral", "chat_postMessage"):
        monkeypatch.setattr(house.client, method, away)
    await house.leftovers.give()
    assert [row.key for row in house.rows] == ["told:1"]

    house.clock.passed += timedelta(hours=24)
    await house.leftovers.give()
    assert house.rows == []
