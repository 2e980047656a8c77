"""What a daily look found, told in the group's channel: once a day, and never twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.runs import Runs
from engine.drift import Finding, Look, stream_of
from engine.journal import Kind
from storage.records import UNREADABLE, Draft
from tests.slack.test_speaker import CHANNEL, Stage, stage
from tests.unit.builders import NOW

__all__ = ["stage"]

SITE = stream_of("site-1")
OUT = Finding("out", "1_3 is DOWN (ADMIN)", "look at it on the device")
OWED = Finding("owed", "image auto-clone is owed since hf-1", "order `finish site-1`", mention=True)


def look(stage: Stage, day: str, *findings: Finding, call: tuple[str, ...] = ()) -> None:
    """Have a group looked at, as a worker records it."""
    told = Look("site-1", NOW, findings, day, call)
    draft = Draft(Kind.LOOKED, NOW, "engine", told.as_json())
    there = stage.stores.journal.read(SITE)
    stage.stores.journal.append(SITE, [draft], lease=None, last_seq=len(there))


def speaker(stage: Stage, **settings: Any) -> Any:
    return stage.speaker(looked_at={"site-1": CHANNEL}, **settings)


async def test_what_is_wrong_stands_in_the_channel_with_what_to_do(stage: Stage):
    look(stage, "2026-03-02", OUT, OWED, call=("U000000ANA0",))

    await speaker(stage).settle(SITE)

    (message,) = stage.messages()
    assert stage.keys() == [f"{SITE}/2026-03-02"]
    assert "thread_ts" not in message
    shown = "\n".join(str(block) for block in message["blocks"])
    for words in ("is not as it should be", "1_3 is DOWN (ADMIN)", "`finish site-1`"):
        assert words in message["text"]
        assert words in shown
    assert "<@U000000ANA0>" in message["text"]


async def test_it_is_said_once_a_day_while_it_is_wrong_and_once_that_it_is_in_order(stage: Stage):
    told = []
    for day, findings in enumerate([[OUT], [OUT], [], [], [OUT]], start=2):
        look(stage, f"2026-03-0{day}", *findings)
        await speaker(stage).settle(SITE)
        await speaker(stage).settle(SITE)
        told.append(len(stage.keys()))

    assert told == [1, 2, 3, 3, 4]
    assert "is in order again" in stage.messages()[2]["text"]


async def test_a_look_that_somebody_spoilt_keeps_no_later_one_from_being_told(stage: Stage):
    look(stage, "2026-03-02", OUT)
    await speaker(stage).settle(SITE)
    spoilt = Draft("UNKNOWN", NOW, "engine", {UNREADABLE: {}})
    stage.stores.journal.append(SITE, [spoilt], lease=None, last_seq=1)
    await speaker(stage).settle(SITE)
    known = Runs(stage.stores.journal, stage.stores.deliveries, ["site-1"])
    assert "1_3 is DOWN (ADMIN)" in known.status("")

    look(stage, "2026-03-04")
    await speaker(stage).settle(SITE)

    assert stage.keys() == [f"{SITE}/2026-03-02", f"{SITE}/2026-03-04"]
    assert "is in order again" in stage.messages()[1]["text"]


async def test_a_group_that_was_always_in_order_is_not_spoken_of(stage: Stage):
    look(stage, "2026-03-02")

    await speaker(stage).settle(SITE)

    assert stage.messages() == []


async def test_after_days_without_slack_only_what_is_so_now_is_told(stage: Stage):
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        look(stage, day, OUT)

    await speaker(stage).settle(SITE)

    assert stage.keys() == [f"{SITE}/2026-03-04"]


async def test_a_post_whose_answer_was_lost_is_found_again(stage: Stage):
    look(stage, "2026-03-02", OUT)
    await stage.people.fault("lose_response", method="chat.postMessage", n=2)

    await speaker(stage).settle(SITE)

    assert stage.keys() == [f"{SITE}/2026-03-02"]


async def test_of_two_speakers_one_tells_it(stage: Stage):
    look(stage, "2026-03-02", OUT)
    one, other = speaker(stage, holder="one"), speaker(stage, holder="other")

    one.wake(SITE)
    other.wake(SITE)
    await one.settle(SITE)
    await other.settle(SITE)
    await stage.clock.sleep(timedelta(minutes=3))
    await other.catch_up()
    await other.settle(SITE)

    assert stage.keys() == [f"{SITE}/2026-03-02"]


async def test_what_no_hint_told_of_is_found_by_looking(stage: Stage):
    look(stage, "2026-03-02", OUT)
    speaking = speaker(stage)

    await speaking.catch_up()
    await speaking.settle(SITE)

    assert stage.keys() == [f"{SITE}/2026-03-02"]


async def test_a_group_that_is_not_in_the_settings_any_more_is_told_nowhere(stage: Stage):
    look(stage, "2026-03-02", OUT)

    await stage.speaker().settle(SITE)

    assert stage.messages() == []


async def test_what_a_device_says_mentions_nobody(stage: Stage):
    look(stage, "2026-03-02", replace(OUT, text="1_3 is <!channel> & <@U000000ANA0>"))

    await speaker(stage).settle(SITE)

    (message,) = stage.messages()
    assert "&lt;!channel&gt; &amp; &lt;@U000000ANA0&gt;" in message["text"]
    assert "<!channel>" not in str(message)


async def test_a_thread_below_it_is_no_runs(stage: Stage):
    look(stage, "2026-03-02", OUT)
    await speaker(stage).settle(SITE)
    ts = stage.delivery(f"{SITE}/2026-03-02").ts
    assert ts is not None

    runs = Runs(stage.stores.journal, stage.stores.deliveries, ["site-1"])

    assert runs.in_thread(CHANNEL, ts) == ""
