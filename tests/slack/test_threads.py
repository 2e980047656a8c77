"""Words in a thread are heard exactly once: by event, late, twice, or only by reading back."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.hearing import EDITED, ONLY_NAMED, moment_of
from bot.localslack.model import Message
from bot.threads import LAST_WORDS
from tests.slack.house import ANA, BOT, CHANNEL, House, PassingClock, app_writes, chatter, post_copy
from tests.slack.watch import Watch

CALL = "conversations.replies"


@pytest.fixture(params=["socket", "http"])
async def house(slack, request) -> AsyncIterator[House]:
    """Build the Slack side of a bot that is away: it is connected where a test does it."""
    built = House(slack, PassingClock(), transport=request.param)
    yield built
    await built.close()


async def say(people, root: str, text: str, user: str = "ana") -> str:
    said = await people.act(user, "mention", channel=CHANNEL, thread_ts=root, text=text)
    return str(said["ts"])


def verbs(house: House) -> list[Any]:
    return [row.body["verb"] for row in house.rows]


async def begun(house: House) -> str:
    """Begin a run and return its thread."""
    return await house.post(f"{house.add_run()}/root")


async def told_ana(people) -> list[str]:
    """Return what Ana was told, as nobody else sees it."""
    shown = (await people.state())["ephemerals"].get(ANA, [])
    return [one["text"] for one in shown]


async def calls(people) -> list[dict[str, Any]]:
    """Return the arguments with which threads were asked for."""
    traffic = await people.traffic()
    return [line["args"] for line in traffic if line.get("method") == CALL]


# ------------------------------------------------------------------------------- heard at all


async def test_a_word_said_while_the_bot_was_away_is_heard_after_its_start(house, people):
    root = await begun(house)
    ts = await say(people, root, "halt")
    house.clock.passed += timedelta(hours=1)

    await house.threads.read_back()

    (row,) = house.rows
    assert datetime.fromisoformat(row.body["said"]) == moment_of(ts)
    assert (row.kind, row.run, row.body["verb"], row.body["user"]) == (
        "word",
        "hf-000001",
        "halt",
        ANA,
    )
    assert row.key == f"evt:app_mention/{CHANNEL}/{ts}"
    assert row.at == house.clock.now(), "it counts as of when it was found"
    assert row.body["answer"] == {"channel": CHANNEL, "user": ANA, "thread_ts": root}
    assert house.woken == ["hf-000001"]


async def test_a_lifting_that_is_read_back_says_when_it_was_said(house, people):
    root = await begun(house)
    ts = await say(people, root, "unfreeze site-1")
    house.clock.passed += timedelta(hours=1)

    await house.threads.read_back()

    (row,) = house.rows
    assert (row.kind, row.body["verb"]) == ("freeze", "unfreeze")
    assert datetime.fromisoformat(row.body["said"]) == moment_of(ts)


async def test_words_are_heard_in_the_order_in_which_they_were_said(house, people):
    root = await begun(house)
    for text in ("pause", "approve G2 7K3F", "resume", "retry"):
        await say(people, root, text)

    await house.threads.read_back()

    assert verbs(house) == ["pause", "approve", "resume", "retry"]


async def test_what_is_not_said_to_the_bot_is_not_heard(house, slack, people):
    root = await begun(house)
    mention = f"<@{BOT}> abort"
    await people.act("ana", "message", channel=CHANNEL, thread_ts=root, text="abort!")
    await people.act("ana", "message", channel=CHANNEL, thread_ts=root, text="<@U000000BEN0> abort")
    await people.act("ana", "mention", channel=CHANNEL, text="abort")
    await house.client.chat_postMessage(channel=CHANNEL, thread_ts=root, text=mention)
    app_writes(slack, root, mention)
    gone = await say(people, root, "abort")
    await people.act("ana", "delete", channel=CHANNEL, ts=gone)

    await house.threads.read_back()

    assert house.rows == []


async def test_a_word_to_a_run_that_ended_while_nobody_listened_is_heard_once(house, people):
    over, open_one = house.add_run(), house.add_run("hf-000002", "site-2")
    roots = [await house.post(f"{run}/root") for run in (over, open_one)]
    for root in roots:
        await say(people, root, "halt")
    house.end_run(over)

    await house.threads.read_back()
    await house.threads.read_back()

    assert [row.run for row in house.rows] == [open_one]
    assert await told_ana(people) == [f"`{over}` has ended."]
    assert [asked["ts"] for asked in await calls(people)] == [roots[1], roots[0], roots[1]]


async def test_a_run_that_ends_between_two_readings_is_read_once_more(house, people):
    root = await begun(house)
    await house.threads.read_back()
    await say(people, root, "halt")
    house.end_run("hf-000001")

    await house.threads.read_back()
    await house.threads.read_back()

    assert await told_ana(people) == ["`hf-000001` has ended."]
    assert len(await calls(people)) == 2


async def test_after_a_greeting_what_ended_lately_is_read_again_and_nothing_older(house, people):
    root = await begun(house)
    house.end_run("hf-000001")
    await house.threads.read_back()
    await say(people, root, "halt")

    await house.threads.read_back()
    assert await told_ana(people) == []

    house.threads.read_soon()
    await house.threads.read_back()
    assert await told_ana(people) == ["`hf-000001` has ended."]

    house.clock.passed += LAST_WORDS + timedelta(seconds=1)
    asked = len(await calls(people))
    house.threads.read_soon()
    await house.threads.read_back()
    assert len(await calls(people)) == asked


async def test_of_an_ended_run_words_alone_are_heard(house, people, monkeypatch):
    """Whoever deleted one of its messages may have wanted that: nothing is posted anew."""
    told = list[str]()

    async def stood(run: str, *_: object) -> None:
        told.append(run)

    monkeypatch.setattr(house.threads, "_stood", stood)
    root = await begun(house)
    await house.threads.read_back()
    house.end_run("hf-000001")
    await house.client.chat_delete(channel=CHANNEL, ts=root)

    await house.threads.read_back()

    assert told == ["hf-000001"]
    assert len(await calls(people)) == 2


# ------------------------------------------------------------------------------- exactly once


async def test_a_word_is_heard_once_however_often_it_is_found(house, people):
    root = await begun(house)
    await say(people, root, "halt")

    await house.threads.read_back()
    house.inbox.drop(house.rows[0].key, seq=7)
    for _ in range(3):
        await house.threads.read_back()

    assert house.rows == []
    assert house.woken == ["hf-000001"]


async def test_a_word_that_appears_behind_a_later_one_is_heard(house, slack, people):
    root = await begun(house)
    early = slack.workspace.new_ts()
    await say(people, root, "pause")
    await house.threads.read_back()

    slack.workspace.post(Message(CHANNEL, early, ANA, f"<@{BOT}> retry", thread_ts=root))
    await house.threads.read_back()

    assert verbs(house) == ["pause", "retry"]


async def test_an_event_that_comes_late_and_under_another_id_is_a_duplicate(house, people, watch):
    root = await begun(house)
    await house.connect()
    await people.fault("drop_event")
    await say(people, root, "halt")
    lost = await watch.until_traffic("delivery", error="dropped")
    await house.threads.read_back()
    assert verbs(house) == ["halt"]
    house.inbox.drop(house.rows[0].key, seq=7)

    late = {**lost["payload"], "event_id": "Ev0ANOTHER"}
    answer = await house.bolt.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=late))

    assert answer.status == 200
    assert house.rows == []
    assert house.woken == ["hf-000001"]


async def test_a_word_whose_event_arrived_is_not_heard_again(house, people, watch):
    root = await begun(house)
    await house.connect()
    await say(people, root, "retry")
    await watch.until_traffic("ack", ok=True)

    await house.threads.read_back()

    assert verbs(house) == ["retry"]


async def test_a_lost_word_before_one_that_was_heard_is_found(house, people, watch):
    root = await begun(house)
    await house.connect()
    await people.fault("drop_event")
    await say(people, root, "pause")
    await watch.until_traffic("delivery", error="dropped")
    await say(people, root, "status")
    await watch.until("ephemeral_posted", to=ANA)

    await house.threads.read_back()

    assert "pause" in [row.body.get("verb") for row in house.rows]


# ---------------------------------------------------------------------------- only named


def types(slack, root: str, text: str) -> None:
    """Have ana write what Slack leaves as it is typed, as it does with what is pasted."""
    slack.workspace.post(Message(CHANNEL, slack.workspace.new_ts(), ANA, text, thread_ts=root))


async def test_a_stop_to_a_name_without_a_mention_is_read_back(house, slack):
    root = await begun(house)
    types(slack, root, "@hotfix halt!")

    for _ in range(3):
        await house.threads.read_back()

    assert verbs(house) == ["halt"]


async def test_what_else_is_said_to_a_name_without_a_mention_is_answered_once(
    house, slack, people, watch
):
    root = await begun(house)
    for text in ("@hotfix resume", "@hotfix approve G2 7K3F", "@hotfix2 halt", "`@hotfix halt`"):
        types(slack, root, text)

    for _ in range(3):
        await house.threads.read_back()

    assert house.rows == []
    told = (await people.state())["ephemerals"][ANA]
    assert [(one["text"], one["thread_ts"]) for one in told] == [(ONLY_NAMED, root)] * 2


# --------------------------------------------------------------------------------- edited


async def edit(people, ts: str, text: str) -> None:
    await people.act("ana", "edit", channel=CHANNEL, ts=ts, text=f"@hotfix {text}")


@pytest.mark.parametrize("first", ["hatl", "status", "approve G2 7K3F", "resume", "pause"])
async def test_a_stop_made_by_an_edit_is_heard_once(house, people, watch, first):
    root = await begun(house)
    await house.connect()
    ts = await say(people, root, first)
    await watch.until_traffic("ack", ok=True)
    await edit(people, ts, "halt")
    await watch.until_traffic("ack", ok=True)

    await house.threads.read_back()

    (row,) = [row for row in house.rows if row.body.get("verb") == "halt"]
    assert row.key.startswith(f"evt:app_mention/{CHANNEL}/{ts}/")
    assert (row.run, row.kind, row.body["user"]) == ("hf-000001", "word", ANA)
    said = datetime.fromisoformat(row.body["said"])
    assert said == moment_of(f"{ts.split('.')[0]}.000000"), "by the edit, told in whole seconds"


async def test_a_stop_made_by_an_edit_is_read_back_where_its_event_was_lost(house, people, watch):
    root = await begun(house)
    await house.connect()
    ts = await say(people, root, "hatl")
    await watch.until_traffic("ack", ok=True)
    await people.fault("drop_event")
    await edit(people, ts, "halt")
    await watch.until_traffic("delivery", error="dropped")

    for _ in range(3):
        await house.threads.read_back()

    assert verbs(house) == ["halt"]


@pytest.mark.parametrize("late", [False, True], ids=["by-its-event", "read-back"])
async def test_a_halt_that_its_author_explains_afterwards_halts_nothing_anew(
    house, people, watch, late
):
    root = await begun(house)
    await house.connect()
    ts = await say(people, root, "halt")
    await watch.until_traffic("ack", ok=True)
    if late:
        await people.fault("drop_event")
    await edit(people, ts, "halt -- false alarm, ignore this, I said resume")
    if not late:
        await watch.until_traffic("ack", ok=True)
    else:
        await watch.until_traffic("delivery", error="dropped")

    for _ in range(3):
        await house.threads.read_back()

    assert verbs(house) == ["halt"]
    await watch.until("ephemeral_posted", to=ANA, text=EDITED)


async def test_a_vote_made_by_an_edit_is_looked_for(house, people, watch):
    root, _ = await house.ask(house.add_run())
    await house.connect()
    ts = await say(people, root, "approve G2")
    await watch.until_traffic("ack", ok=True)
    await edit(people, ts, "approve G2 7K3F")
    await watch.until_traffic("ack", ok=True)

    (row,) = [row for row in house.rows if row.kind == "vote"]
    assert (row.body["verb"], row.body["user"]) == ("approve", ANA)


@pytest.mark.parametrize("first", ["resmue", "retry"])
async def test_what_goes_on_is_heard_once_and_of_an_edit_its_author_is_told(
    house, people, watch, first
):
    root = await begun(house)
    await house.connect()
    ts = await say(people, root, first)
    await watch.until_traffic("ack", ok=True)
    before = [row.key for row in house.rows if row.kind == "word"]
    await edit(people, ts, "resume")
    told = await watch.until("ephemeral_posted", to=ANA, text=EDITED)

    for _ in range(3):
        await house.threads.read_back()

    assert [row.key for row in house.rows if row.kind == "word"] == before
    assert told["thread_ts"] == root
    texts = [shown["text"] for shown in (await people.state())["ephemerals"][ANA]]
    assert texts.count(EDITED) == 1


async def test_what_was_first_heard_as_it_reads_after_an_edit_is_not_heard_again(
    house, people, watch
):
    root = await begun(house)
    await house.connect()
    await people.fault("drop_event")
    ts = await say(people, root, "resmue")
    await watch.until_traffic("delivery", error="dropped")
    await edit(people, ts, "resume")
    await watch.until_traffic("ack", ok=True)

    for _ in range(3):
        house.clock.passed += timedelta(minutes=2)
        await house.threads.read_back()

    assert verbs(house) == ["resume"]
    assert ANA not in (await people.state())["ephemerals"]


# ------------------------------------------------------------------------- what is only answered


async def test_a_mistake_made_while_the_bot_was_away_is_answered_once(house, people, watch: Watch):
    root = await begun(house)
    await say(people, root, "approve G2")

    for _ in range(3):
        await house.threads.read_back()

    told = await watch.until("ephemeral_posted", to=ANA)
    assert "a yes needs the code of G2" in told["text"]
    assert told["thread_ts"] == root
    assert house.rows == []
    told_to = (await people.state())["ephemerals"]
    assert len(told_to[ANA]) == 1


# -------------------------------------------------------------------------------------- bounded


async def test_a_long_thread_is_read_in_pages_and_then_only_its_end(house, slack, people, clock):
    root = await begun(house)
    await say(people, root, "pause")
    chatter(slack, root, 450)
    clock.advance(3600)
    await say(people, root, "resume")

    await house.threads.read_back()
    assert verbs(house) == ["pause", "resume"]
    assert len(await calls(people)) == 3

    last = await say(people, root, "halt")
    await house.threads.read_back()
    assert verbs(house) == ["pause", "resume", "halt"]
    (again,) = (await calls(people))[3:]
    assert 0 < float(last) - float(again["oldest"]) < 61


async def test_a_limit_in_the_middle_is_waited_for(house, slack, people):
    root = await begun(house)
    chatter(slack, root, 250)
    await say(people, root, "halt")
    waits: list[int] = []

    async def limited() -> None:
        waits.append(1)
        await people.fault("rate_limit", method=CALL, seconds=0)

    house.clock.meanwhile = limited
    await house.threads.read_back()

    assert waits == [1], "there is a pause before the second page"
    assert verbs(house) == ["halt"]


async def test_a_reading_that_breaks_off_is_made_again_from_where_it_began(house, slack, people):
    root = await begun(house)
    await say(people, root, "pause")
    chatter(slack, root, 250)
    await say(people, root, "halt")

    async def gone() -> None:
        await people.fault("server_error", method=CALL, n=3)

    house.clock.meanwhile = gone
    await house.threads.read_back()
    assert verbs(house) == ["pause"]

    house.clock.meanwhile = None
    await house.threads.read_back()
    assert verbs(house) == ["pause", "halt"]


async def test_a_thread_that_cannot_be_read_does_not_keep_others_from_it(house, slack, people):
    first = await begun(house)
    second = await house.post(f"{house.add_run('hf-000002', 'site-2')}/root")
    await say(people, second, "halt")
    slack.workspace.channels[CHANNEL].messages.pop(first)

    await house.threads.read_back()

    assert [row.run for row in house.rows] == ["hf-000002"]


# ------------------------------------------------------------------------ what stands twice


async def test_a_no_on_a_second_copy_says_to_look_at_the_gate_that_counts(house, people):
    root = await begun(house)
    ts = await house.post("hf-000001/gate/G2", thread_ts=root)
    copy = await post_copy(house, "hf-000001/gate/G2", root)
    await people.act("ana", "react", channel=CHANNEL, ts=copy, emoji="x")

    for _ in range(2):
        await house.threads.read_back()

    (row,) = house.rows
    assert (row.kind, row.run, row.body["ts"]) == ("hint", "hf-000001", ts)
    assert (row.body["user"], row.body["choice"], row.body["added"]) == (ANA, "no", True)
    assert house.woken == ["hf-000001"]


async def test_who_says_yes_on_a_second_copy_is_told_where_it_would_count(house, people, watch):
    root = await begun(house)
    await house.post("hf-000001/gate/G2", thread_ts=root)
    copy = await post_copy(house, "hf-000001/gate/G2", root)
    await people.act("ana", "react", channel=CHANNEL, ts=copy, emoji="white_check_mark")

    await house.threads.read_back()

    told = await watch.until("ephemeral_posted", to=ANA)
    assert told["text"].startswith("Your ✅ does not count: it stands on a second copy")
    assert "|the message that counts>" in told["text"]
    assert house.rows == []


async def test_the_event_of_a_no_on_a_second_copy_has_the_threads_read_soon(house, people, watch):
    root = await begun(house)
    await house.post("hf-000001/gate/G2", thread_ts=root)
    copy = await post_copy(house, "hf-000001/gate/G2", root)
    asked: list[str] = []
    house.hearing.on_copy = lambda: asked.append("soon")
    await house.connect()

    await people.act("ana", "react", channel=CHANNEL, ts=copy, emoji="x")
    await watch.until_traffic("ack", ok=True)

    assert asked == ["soon"]
