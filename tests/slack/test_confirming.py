"""An order with a time: said back, pressed once by whoever gave it, and only while it is to come.

And the schedule: what waits is told, moved and cancelled in words.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.confirming import NO, YES
from bot.hearing import Heard, Hearing
from engine.afterwards import kept_or_due
from engine.appointments import appointed
from engine.canon import from_json
from engine.journal import first_records
from engine.model import Appointment, Request
from engine.proposals import Change
from tests.slack.house import ANA, CHANNEL, PACKAGE, RITA, House, StillClock
from tests.slack.watch import PATIENCE_S
from tests.unit.builders import plan, without_package

RUN = "hf-000001"
ORDER = f"/hotfix install site-1 {PACKAGE} at 02:00 ticket CHG1"
# It is Monday, 22:00 UTC; site-1 stands in UTC, as by default.
TWO = datetime.fromisoformat("2026-03-03T02:00+00:00")


@pytest.fixture(params=["socket", "http"])
async def house(slack, request) -> AsyncIterator[House]:
    built = House(slack, transport=request.param)
    await built.connect()
    yield built
    await built.close()


async def give(people, text: str = ORDER, user: str = "rita") -> dict[str, Any]:
    """Give a command; return what is shown of it."""
    seen = await people.act(user, "command", channel=CHANNEL, text=text)
    (message,) = seen["saw"]
    assert message["is_ephemeral"]
    shown: dict[str, Any] = message
    return shown


async def press(people, shown: dict[str, Any], action: str, user: str = "rita") -> None:
    place = {"channel": CHANNEL, "ts": shown["ts"]}
    await people.act(user, "click", **place, action_id=action)


async def until(people, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await people.state()


async def replaced(people, shown: dict[str, Any]) -> str:
    """Wait until the question is replaced, and its buttons are gone; return by what."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (now,) = (
                one
                for one in (await people.state())["ephemerals"][RITA]
                if one["ts"] == shown["ts"]
            )
            if not now["blocks"]:
                return str(now["text"])


def buttons(shown: dict[str, Any]) -> dict[str, str]:
    (actions,) = (block for block in shown["blocks"] if block["type"] == "actions")
    return {one["action_id"]: one["value"] for one in actions["elements"]}


async def test_an_order_with_a_time_is_said_back_in_both_zones_and_stores_nothing(house, people):
    shown = await give(people)

    for text in (shown["text"], shown["blocks"][0]["text"]["text"]):
        assert f"Understood: install `{PACKAGE}` on `site-1`" in text
        assert "Tue 3 Mar 02:00 UTC" in text
        assert f"<!date^{int(TWO.timestamp())}^" in text
        assert "Nothing is ordered yet" in text
    assert buttons(shown).keys() == {YES, NO}
    assert house.rows == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "uninstall site-1 last take to take 99 delete groups 2 in 3h",
            "from `site-1`, `last take`, `to take 99`, `delete`, `groups 2`. When:",
        ),
        ("uninstall site-1 completely in 3h", "from `site-1`, `completely`. When:"),
        (
            "uninstall site-1 window tomorrow 02:00-01:00",
            "; open for 23 h 0 min. Nothing is ordered yet",
        ),
        ("uninstall site-1 to take 0 in 3h", "from `site-1`, `to take 0`. When:"),
        (
            f"install site-1 {PACKAGE} in 3h without 1_5 split 1_1,1_3/1_2,1_4 ticket CHG1",
            "on `site-1` without 1_5, `split 1_1,1_3/1_2,1_4`, `ticket CHG1`. When:",
        ),
        (f"install site-1 {PACKAGE} split by_site in 3h", "`site-1`, `split by_site`. When:"),
    ],
)
async def test_all_that_was_said_of_an_order_is_said_back(house, people, text, said):
    shown = await give(people, f"/hotfix {text}")

    assert said in shown["text"]


async def test_a_mistake_in_a_time_is_answered_and_has_no_button(house, people):
    shown = await give(people, f"/hotfix install site-1 {PACKAGE} at 2am")

    assert "`2am` is no time of day; write `at 02:00`" in shown["text"]
    assert not shown["blocks"]
    assert house.rows == []


async def test_an_order_for_now_with_its_rollback_is_stored_at_once_and_says_it(house, people):
    shown = await give(people, f"/hotfix install site-1 {PACKAGE} rollback after 72h")

    assert (
        "unless people keep it, its rollback is asked for 72 h 0 min after its end"
        in (shown["text"])
    )
    (row,) = house.rows
    request = from_json(Request, row.body["request"])
    assert request.rollback_after == timedelta(hours=72)
    assert request.appointment is None


async def test_what_is_pressed_is_the_order_as_it_was_said(house, people):
    shown = await give(people, f"/hotfix install site-1 {PACKAGE} in 3h for 90m ticket CHG1")
    house.clock.passed = timedelta(hours=2)

    await press(people, shown, YES)

    text = await replaced(people, shown)
    assert "Tue 3 Mar 01:00 UTC" in text
    assert "I look first; the proposal or the reason follows here" in text
    (row,) = house.rows
    request = from_json(Request, row.body["request"])
    assert request.appointment == Appointment(
        TWO - timedelta(hours=1),
        TWO + timedelta(minutes=30),
        said="in 3h for 90m",
        zone="UTC",
    )
    assert (row.kind, request.ticket, request.requester) == ("order", "CHG1", RITA)
    assert (request.requester_name, request.channel) == ("rita", CHANNEL)
    assert row.key.startswith("cmd:")
    assert row.body["answer"]["user"] == RITA
    assert "replaces" not in row.body["answer"]


async def test_of_two_presses_the_first_counts_whichever_it_is(house, people):
    values = [await give(people), await give(people)]
    body = {
        "type": "block_actions",
        "user": {"id": RITA},
        "container": {"channel_id": CHANNEL, "message_ts": "1.1"},
    }

    def pressed(shown: dict[str, Any], action: str, at: str) -> bool:
        value = buttons(shown)[action]
        action_of = {"action_id": action, "value": value, "action_ts": at}
        row = house.hearing.hear({**body, "actions": [action_of]}).row
        assert row is not None
        return bool(house.inbox.put(row))

    presses = ((YES, "1.2"), (NO, "1.3"), (YES, "1.4"))
    assert [pressed(values[0], one, at) for one, at in presses] == [True, False, False]
    assert [pressed(values[1], one, at) for one, at in presses[1:]] == [True, False]
    assert [row.kind for row in house.rows] == ["order", "asked"]


async def test_whoever_presses_never_mind_has_ordered_nothing(house, people):
    shown = await give(people)

    await press(people, shown, NO)

    assert await replaced(people, shown) == "Never mind: nothing was ordered."
    await until(people, lambda: house.rows == [])


@pytest.mark.parametrize(
    ("text", "passed", "told"),
    [
        (ORDER, timedelta(hours=4), "has passed"),
        (
            f"/hotfix install site-1 {PACKAGE} window 02:00-03:00",
            timedelta(hours=4, minutes=31),
            "29 min of the window are left",
        ),
        (
            f"/hotfix install site-1 {PACKAGE} window 02:00-03:00",
            timedelta(hours=5),
            "its window is over",
        ),
    ],
)
async def test_who_presses_too_late_has_ordered_nothing(house, people, text, passed, told):
    shown = await give(people, text)
    house.clock.passed = passed

    await press(people, shown, YES)

    answer = await replaced(people, shown)
    assert answer.startswith("Nothing was ordered:")
    assert told in answer
    assert house.rows == []


def pressing(house: House, value: str, *, user: str = RITA, channel: str = CHANNEL) -> Heard:
    """Return what a press amounts to, also one that Slack itself would not offer."""
    return house.hearing.hear(
        {
            "type": "block_actions",
            "user": {"id": user},
            "container": {"channel_id": channel, "message_ts": "1.1"},
            "actions": [{"action_id": YES, "value": value, "action_ts": "1.2"}],
        }
    )


def clicked(house: House, value: str, **who: str) -> str:
    """Return the answer to a press that stores nothing."""
    heard = pressing(house, value, **who)
    assert heard.row is None
    return heard.text


async def test_nobody_presses_for_somebody_else_or_elsewhere_or_what_is_no_order(house, people):
    value = buttons(await give(people))[YES]

    assert clicked(house, value, user=ANA) == f"Only <@{RITA}> can give this order."
    assert "Commands are not taken in this channel" in clicked(house, value, channel="C0000TALK00")
    assert f"asked in <#{CHANNEL}>" in clicked(house, value, channel="C0000OTHER0")
    for broken in ("", "[]", '["a"]', "no", "{}", "7"):
        assert "cannot be read" in clicked(house, broken)


def move_to_berlin(house: House) -> None:
    """Have another time zone in the settings of the group."""
    berlin = house.settings.groups["site-1"].model_copy(update={"timezone": "Europe/Berlin"})
    groups = {**house.settings.groups, "site-1": berlin}
    settings = house.settings.model_copy(update={"groups": groups})
    house.hearing = Hearing(settings, house.runs, house.stores.deliveries, house.clock)


@pytest.mark.parametrize("verb", ["install", "plan install"])
def test_an_order_knows_the_zone_of_its_group_where_no_time_is_said_either(house, verb):
    move_to_berlin(house)
    text = f"{verb} site-1 {PACKAGE} rollback after 72h"
    said = {"command": "/hotfix", "text": text, "channel_id": CHANNEL, "user_id": RITA}

    row = house.hearing.hear({**said, "trigger_id": "1.2"}).row

    assert row is not None
    assert from_json(Request, row.body["request"]).zone == "Europe/Berlin"


async def test_where_the_words_would_mean_another_moment_now_nothing_is_ordered(house, people):
    value = buttons(await give(people))[YES]
    move_to_berlin(house)

    assert clicked(house, value) == (
        "Nothing was ordered: the settings have changed meanwhile. Order it anew."
    )


class RunningClock(StillClock):
    """A clock that never shows the same moment twice, as real ones."""

    def now(self) -> datetime:
        self.passed += timedelta(microseconds=1)
        return super().now()


async def test_on_a_clock_that_runs_the_same_moment_is_meant_by_the_press(house, people):
    house.hearing = Hearing(house.settings, house.runs, house.stores.deliveries, RunningClock())
    command = {
        "command": "/hotfix",
        "text": f"install site-1 {PACKAGE} in 20m for 1h",
        "channel_id": CHANNEL,
        "user_id": RITA,
        "trigger_id": "1.2",
    }
    value = buttons({"blocks": house.hearing.hear(command).blocks})[YES]

    row = pressing(house, value).row

    assert row is not None
    assert from_json(Request, row.body["request"]).appointment is not None


# --------------------------------------------------------------------------------- the schedule


def schedule(house: House, run: str = RUN, group: str = "site-1") -> str:
    """Have a run that waits for its approval, and for two o'clock."""
    appointment = Appointment(TWO, None, said="at 02:00", zone="UTC")
    request = Request("install", group, PACKAGE, RITA, CHANNEL, "rita", appointment=appointment)
    made = appointed(plan(run=run, security_group=group), appointment)
    drafts, index = first_records(run, request, made, without_package(), house.clock, by=RITA)
    house.stores.journal.append(run, drafts, lease=None, last_seq=0, index=index)
    return run


async def told(people, house: House, text: str) -> str:
    """Ask a question that is looked up; return the answer."""
    before = len((await people.state())["ephemerals"].get(RITA, []))
    await people.act("rita", "command", channel=CHANNEL, text=text)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = (await people.state())["ephemerals"].get(RITA, [])
            if len(seen) > before:
                return str(seen[-1]["text"])


async def test_the_schedule_tells_what_waits_when_and_for_whom(house, people):
    house.add_run("hf-000002", "site-2")
    schedule(house)

    for text in ("/hotfix schedule", "/hotfix schedule site-1"):
        answer = await told(people, house, text)
        assert "Tue 3 Mar 02:00 UTC" in answer
        assert "`site-1`" in answer
        assert "waiting for approval" in answer
        assert "ordered by rita" in answer
        assert f"`/hotfix schedule cancel {RUN}`" in answer
        assert "hf-000002" not in answer
    assert await told(people, house, "/hotfix schedule site-2") == (
        "Nothing is scheduled on `site-2`."
    )


async def test_the_schedule_tells_what_will_be_frozen(house, people):
    schedule(house)
    body = {"scope": "emea", "name": "noor", "reason": "fair", "groups": ["site-2"]}
    house.append_to_house("FROZEN", **body, begins="2026-03-06T17:00:00+00:00")
    sentence = "🗓️ emea (site-2) will be frozen by noor from Fri 6 Mar 17:00 UTC until it is lifted"

    assert sentence in await told(people, house, "/hotfix schedule")
    assert sentence in await told(people, house, "/hotfix schedule site-2")
    assert "frozen" not in await told(people, house, "/hotfix schedule site-1")


@pytest.mark.parametrize("target", [RUN, "site-1", ""])
async def test_what_is_cancelled_is_aborted(house, people, target):
    house.add_run("hf-000002", "site-2")
    schedule(house)

    shown = await give(people, f"/hotfix schedule cancel {target}".rstrip())

    assert shown["text"] == f"Understood: `abort` for `{RUN}`."
    (row,) = house.rows
    assert (row.run, row.body["verb"], row.body["user"]) == (RUN, "abort", RITA)


async def test_what_goes_on_now_is_not_cancelled_by_mistake(house, people):
    house.add_run()

    shown = await give(people, f"/hotfix schedule cancel {RUN}")

    assert shown["text"] == f"Nothing is scheduled by `{RUN}`; `{RUN}` is open, and goes on now."
    assert house.rows == []


@pytest.mark.parametrize(
    ("text", "appointment", "to"),
    [
        (
            f"schedule move {RUN} at 03:00",
            Appointment(TWO + timedelta(hours=1), None, said="at 03:00", zone="UTC"),
            "Tue 3 Mar 03:00 UTC",
        ),
        (
            "schedule move site-1 window 03:00-04:00",
            Appointment(
                TWO + timedelta(hours=1),
                TWO + timedelta(hours=2),
                said="window 03:00-04:00",
                zone="UTC",
            ),
            "Tue 3 Mar 04:00 UTC",
        ),
        (
            f"move {RUN} now",
            Appointment(TWO - timedelta(hours=4), None, said="now", zone="UTC"),
            "to now",
        ),
    ],
)
async def test_what_is_moved_is_bound_to_the_revision_that_stands(
    house, people, text, appointment, to
):
    schedule(house)

    shown = await give(people, f"/hotfix {text}")

    assert f"Understood: move `{RUN}`" in shown["text"]
    assert to in shown["text"]
    (row,) = house.rows
    assert (row.run, row.body["verb"], row.body["revision"]) == (RUN, "change", 1)
    assert from_json(Change, row.body["change"]) == Change(appointment=appointment)


async def test_in_its_thread_a_run_is_moved_and_cancelled_without_its_name(house, people):
    schedule(house)
    root = await house.post(f"{RUN}/root")
    for text in ("move at 03:00", "schedule cancel"):
        await people.act("rita", "mention", channel=CHANNEL, thread_ts=root, text=text)
    await until(people, lambda: len(house.rows) == 2)

    moved, cancelled = house.rows
    change = from_json(Change, moved.body["change"])
    assert change.appointment is not None
    assert replace(change.appointment, said="") == Appointment(TWO + timedelta(hours=1))
    assert (cancelled.run, cancelled.body["verb"]) == (RUN, "abort")
    async with asyncio.timeout(PATIENCE_S):
        while not (seen := (await people.state())["ephemerals"].get(RITA)):
            continue
    assert "Understood: move" in seen[0]["text"]
    assert seen[0]["thread_ts"] == root


def moving(house: House, text: str, said_before: timedelta) -> Heard:
    """Return what words in the run's thread amount to that are heard some time after."""
    said = int((house.clock.now() - said_before).timestamp())
    event = {"channel": CHANNEL, "user": RITA, "ts": f"{said}.000000", "text": f"<@U0B0T> {text}"}
    return house.hearing.mention({**event, "thread_ts": "1.1"})


async def test_a_time_that_is_read_back_counts_from_when_it_was_said(house):
    target = schedule(house)

    heard = moving(house, f"move {target} in 3h", timedelta(hours=2))
    now = moving(house, f"move {target} now", timedelta(hours=2))

    assert heard.row is not None
    assert now.row is not None
    change, at_once = (from_json(Change, row.body["change"]) for row in (heard.row, now.row))
    assert change.appointment is not None
    assert at_once.appointment is not None
    assert change.appointment.start == house.clock.now() + timedelta(hours=1)
    assert at_once.appointment.start == house.clock.now()


@pytest.mark.parametrize("text", ["in 3h", "at 20:00", "window 20:00-22:10"])
async def test_a_time_that_passed_before_it_was_read_back_moves_nothing(house, text):
    target = schedule(house)

    heard = moving(house, f"move {target} {text}", timedelta(hours=4))

    assert heard.row is not None
    assert heard.row.run is None
    assert heard.text.startswith("Nothing was moved:")
    assert heard.text.endswith("Give it another time.")


async def test_a_plan_with_a_time_is_made_where_it_is_asked_for_in_a_thread(house):
    schedule(house)
    words = f"plan install site-2 {PACKAGE} in 3h"

    heard, late = (moving(house, words, timedelta(hours=ago)) for ago in (1, 4))

    assert heard.row is not None
    request = from_json(Request, heard.row.body["request"])
    assert request.appointment is not None
    assert request.appointment.start == house.clock.now() + timedelta(hours=2)
    assert late.text.startswith("Nothing was planned:")


# ---------------------------------------------------------------------------- who will be there


@pytest.mark.parametrize("target", [RUN, "site-1", ""])
@pytest.mark.parametrize("word", ["there", "away"])
async def test_whoever_will_be_there_or_not_says_so_to_the_run_that_waits(
    house, people, word, target
):
    house.add_run("hf-000002", "site-2")
    schedule(house)

    shown = await give(people, f"/hotfix {word} {target}".rstrip())

    assert shown["text"] == f"Understood: `{word}` for `{RUN}`."
    (row,) = house.rows
    assert (row.run, row.body["verb"], row.body["user"]) == (RUN, word, RITA)


async def test_a_rollback_that_waits_to_be_kept_is_not_meant_by_the_group(house, people):
    due = Appointment(TWO + timedelta(days=2), None, said="rollback after 72h", zone="UTC")
    request = Request("rollback", "site-1", PACKAGE, RITA, CHANNEL, "rita", appointment=due)
    kept = kept_or_due(plan(run="hf-000009"), due, "hf-000008")
    drafts, index = first_records(
        "hf-000009", request, kept, without_package(), house.clock, by=RITA
    )
    house.stores.journal.append("hf-000009", drafts, lease=None, last_seq=0, index=index)
    schedule(house)

    shown = await give(people, "/hotfix there site-1")

    assert shown["text"] == f"Understood: `there` for `{RUN}`."


async def test_nobody_says_so_to_what_waits_for_no_time(house, people):
    house.add_run()

    shown = await give(people, "/hotfix there site-1")

    assert shown["text"] == f"Nothing is scheduled by `site-1`; `{RUN}` is open, and goes on now."
    assert house.rows == []


@pytest.mark.parametrize("word", ["there", "away"])
async def test_the_button_says_the_word(house, word):
    schedule(house)

    heard = house.hearing.hear(
        {
            "type": "block_actions",
            "user": {"id": ANA},
            "container": {"channel_id": CHANNEL, "message_ts": "1.1", "thread_ts": "1.0"},
            "actions": [{"action_id": f"word:{word}", "value": RUN, "action_ts": "1.2"}],
        }
    )

    assert heard.row is not None
    assert (heard.row.run, heard.row.body["verb"], heard.row.body["user"]) == (RUN, word, ANA)
