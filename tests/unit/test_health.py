"""What a process says of itself: alive where a start would not help, ready where all is there."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from bot.health import APP_TOKEN, CHORE_LATE, LOOP_LATE, Health, Part
from storage.records import StorageDown
from tests.unit.hand_clock import HandClock


class StandingClock(HandClock):
    """A clock on which whoever waits waits for ever."""

    async def sleep(self, duration):
        await asyncio.Event().wait()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 3, 2, 22, 0, tzinfo=UTC))


@pytest.fixture
def health(clock) -> Health:
    return Health(clock)


async def test_a_chore_that_does_not_come_to_its_end_is_no_life(health, clock):
    goes_on = asyncio.Event()
    goes_on.set()

    async def look() -> None:
        await goes_on.wait()

    watched = health.watched("worker", look)
    await watched()
    assert health.alive()["worker"].ok

    goes_on.clear()
    hanging = asyncio.ensure_future(watched())
    clock.move_to(CHORE_LATE.total_seconds() + 1)
    told = health.alive()["worker"]
    assert not told.ok
    assert "181 s since the last good one" in told.why

    goes_on.set()
    await hanging
    assert health.alive()["worker"].ok


async def test_a_chore_that_always_fails_is_no_life_and_says_how(health, clock):
    async def look() -> None:
        raise RuntimeError("secret words")

    watched = health.watched("speaker", look)
    with pytest.raises(RuntimeError):
        await watched()
    clock.move_to(CHORE_LATE.total_seconds() + 1)

    told = health.alive()["speaker"]
    assert not told.ok
    assert "the last one failed: RuntimeError" in told.why
    assert "secret" not in told.why


async def test_a_loop_that_stands_still_is_seen_in_the_age_of_its_beat(health, clock):
    assert not health.alive()["event loop"].ok
    health.start()
    for _ in range(2):
        await asyncio.sleep(0)  # noqa: TID251 -- lets the beat begin
    assert health.alive()["event loop"].ok
    clock.move_to(LOOP_LATE.total_seconds() + 1)
    assert not health.alive()["event loop"].ok
    await health.close()


async def test_a_token_that_slack_refuses_is_named_with_slacks_reason_until_slack_answers(health):
    assert (await health.ready())["tokens"] == Part(ok=False, why="Slack has not answered yet")
    health.slack_answers()
    assert (await health.ready())["tokens"].ok

    health.slack_refused("token_revoked")
    told = (await health.ready())["tokens"]
    assert told == Part(ok=False, why="Slack refuses the bot token: token_revoked")
    health.slack_answers(APP_TOKEN)
    assert not (await health.ready())["tokens"].ok, "one token says nothing of the other"

    health.slack_answers()
    assert health.refusal == ""
    assert (await health.ready())["tokens"].ok


async def test_a_database_that_does_not_answer_is_told_with_its_words(health):
    def down() -> None:
        raise StorageDown("connection refused")

    health.database(down)
    told = (await health.ready())["database"]
    assert told == Part(ok=False, why="it does not answer: connection refused")
    health.database(lambda: None)
    assert (await health.ready())["database"] == Part(ok=True, why="it answers")


async def test_a_database_that_hangs_is_asked_once_however_many_want_to_know(health, monkeypatch):
    monkeypatch.setattr("bot.health.DATABASE_WITHIN", type(LOOP_LATE)(milliseconds=10))
    asked, goes_on = [], threading.Event()

    def hangs() -> None:
        asked.append(1)
        goes_on.wait(10)

    health.database(hangs)
    told = [(await health.ready())["database"] for _ in range(3)]
    goes_on.set()
    await health.close()

    assert not any(part.ok for part in told)
    assert len(asked) == 1


async def test_the_way_to_slack_is_told_as_who_keeps_it_says(health):
    health.way("slack", lambda: Part(ok=False, why="0 of 2 connections work"))
    assert (await health.ready())["slack"] == Part(ok=False, why="0 of 2 connections work")
