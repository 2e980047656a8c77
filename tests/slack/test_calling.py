"""Who can be reached, what waits for whom, and who is written to: asked of a Slack on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.localslack.methods import METHODS
from bot.localslack.refusal import Refused
from engine.journal import Kind
from engine.ports import Reach
from storage.records import Delivery
from tests.slack.house import ANA, BEN, CHANNEL, NOOR, RITA, House
from tests.slack.test_speaker import REFUSED_FOR_LONG, Stage, expected
from tests.slack.test_speaker import stage as stage
from tests.slack.watch import PATIENCE_S, Watch
from tests.unit.nights import night, until

NOW = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
"""What the clock of a house says."""

ROLES = {"network", "firewall"}


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    built = House(slack)
    yield built
    await built.close()


def at(hour: int, day: int = 2) -> int:
    return int(NOW.replace(day=day, hour=hour).timestamp())


async def reached(house: House) -> dict[str, Reach]:
    return {one.user: one for one in await house.people.reach(ROLES)}


# --------------------------------------------------------------------------------------- reach


async def test_time_zone_and_do_not_disturb_say_who_can_be_reached(house, people):
    await people.change("user", "ana", tz="America/New_York")
    await people.change("user", "ben", tz="Asia/Tokyo", dnd_start=at(21), dnd_end=at(23))
    await people.change("user", "rita", dnd_start=at(23), dnd_end=at(7, 3))

    found = await reached(house)

    assert found[ANA] == Reach(ANA, "ana", frozenset({"network"}), "awake", "17:00")
    assert found[BEN].state == "quiet"
    assert found[BEN].until == NOW.replace(hour=23)
    assert found[BEN].local == "07:00"
    assert (found[NOOR].state, found[NOOR].local) == ("quiet", "22:00")
    assert found[NOOR].until == NOW.replace(day=3, hour=7)
    assert (found[RITA].state, found[RITA].roles) == ("awake", frozenset({"firewall"}))


async def test_who_may_not_vote_at_all_is_nobody_to_be_called(house, people):
    await people.change("user", "ben", deleted=True)
    await people.change("user", "noor", is_restricted=True)

    assert (await reached(house)).keys() == {ANA, RITA}


@pytest.mark.parametrize("method", ["dnd.info", "users.info"])
async def test_what_slack_does_not_say_is_not_known_and_stops_nothing(house, people, method):
    await people.fault("server_error", method=method, n=99)

    found = await reached(house)

    assert {one.state for one in found.values()} == {"unknown"}
    assert found.keys() == {ANA, BEN, NOOR, RITA}


async def test_a_user_group_that_cannot_be_read_adds_nobody(house, people):
    await people.fault("server_error", method="usergroups.users.list", n=99)

    assert (await reached(house)).keys() == {ANA, RITA}


async def test_an_answer_is_remembered_for_a_while_and_a_failure_is_not(house, people):
    await people.fault("server_error", method="dnd.info", n=99)
    await reached(house)
    await people.fault("clear")
    await reached(house)
    before = await _asked(people)
    await reached(house)

    assert await _asked(people) == before


async def _asked(people) -> int:
    methods = [line.get("method") for line in await people.traffic()]
    return methods.count("dnd.info") + methods.count("users.info")


# ------------------------------------------------------------------------------------ commands


def wait_at(house: House, gate: str = "G2") -> str:
    """Have a run that waits at a gate, whose message stands."""
    records = until(night("good"), Kind.GATE_SHOWN, gate=gate)
    shown = records[-1]
    link = "https://hotfix-demo.slack.com/archives/C0000FWOPS0/p1?thread_ts=1.0&cid=C0000FWOPS0"
    body = {**shown.body, "channel": CHANNEL, "link": link}
    return house.play([*records[:-1], replace(shown, body=body)])


async def say(people, text: str, user: str = "ana") -> str:
    watch = await people.act(user, "command", channel=CHANNEL, text=f"/hotfix {text}")
    assert watch["ok"], watch
    return str(watch)


async def answer(people, watch: Watch, text: str, user: str = "ana", to: str = ANA) -> str:
    await say(people, text, user)
    told = await watch.until("ephemeral_posted", to=to)
    return str(told["text"])


async def test_gates_names_those_that_wait_for_who_asks_with_the_way_there(house, people, watch):
    wait_at(house)
    await house.connect()

    told = await answer(people, watch, "gates")

    assert told.startswith("*Waiting for you:*\n*G2 · ")
    assert "site-1*: the failover of A; 0 of 2; still needed: 2 more people" in told
    assert "&amp;cid=C0000FWOPS0|vote there>" in told
    async with asyncio.timeout(PATIENCE_S):
        while house.rows:
            await people.state()


async def test_gates_that_wait_for_others_are_told_as_that(house, people, watch):
    wait_at(house)
    await house.connect()

    told = await answer(people, watch, "gates", "gus", "U000000GUS0")

    assert told.startswith("No gate waits for you. Open, for others:\n*G2 · ")


async def test_without_any_gate_that_is_said_in_words(house, people, watch):
    await house.connect()

    assert await answer(people, watch, "gates") == "No gate waits for you, and none is open."


async def test_who_cannot_be_identified_is_told_so(house, people, watch):
    wait_at(house)
    await house.connect()
    await people.fault("server_error", method="users.info", n=99)

    assert "Slack could not be asked who you are" in await answer(people, watch, "gates")


async def test_packages_tells_what_is_in_the_repository(house, people, watch):
    await house.connect()

    told = await answer(people, watch, "packages")

    assert told == "The package repository is empty."


async def test_approvers_tells_who_is_needed_and_who_of_them_is_awake(house, people, watch):
    await people.change("user", "ana", tz="America/New_York")
    await house.connect()

    told = await answer(people, watch, "approvers site-1")

    assert "*A failover* needs 2 people of firewall or network." in told
    assert "*Can be reached now:* ana (network, 17:00 there)" in told
    assert "*In quiet hours:*" in told
    assert f"<@{NOOR}>" not in told, "it is no call"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("approvers", "Which group? There is `site-1`"),
        ("approvers site-9", "There is no group `site-9`"),
    ],
)
async def test_approvers_of_an_unknown_group_names_those_there_are(
    house, people, watch, text, said
):
    await house.connect()

    assert said in await answer(people, watch, text)


async def test_in_a_thread_approvers_is_about_its_group(house, people, watch):
    run = wait_at(house)
    root = await house.post(f"{run}/root")
    await house.connect()

    await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="approvers")
    told = await watch.until("ephemeral_posted", to=ANA)

    assert "*Who approves on `site-1`*" in told["text"]
    assert told["thread_ts"] == root


# ---------------------------------------------------------------------------------------- home


async def published(watch: Watch, user: str) -> str:
    """Return all that the home of somebody says, once it is published."""
    view = (await watch.until("home_published", user=user))["view"]
    return json.dumps(view["blocks"], ensure_ascii=False)


async def test_the_home_of_a_house_where_nothing_happens_says_so_in_words(house, people, watch):
    house.homes.start()
    await house.connect()

    await people.act("ana", "open_home")
    shown = await published(watch, ANA)

    for words in ("No gate waits for you.", "No run is open.", "No run has ended yet."):
        assert words in shown
    assert "`site-1` in <#C0000FWOPS0>: no run is open" in shown


async def test_the_home_shows_what_waits_for_its_reader_and_how_everything_stands(
    house, people, watch
):
    run = wait_at(house)
    await house.post(f"{run}/root")
    house.append_to_house("OWED", group="site-2", run="hf-000009", was=True)
    house.homes.start()
    await house.connect()

    await people.act("ana", "open_home")
    mine = await published(watch, ANA)
    await people.act("gus", "open_home")
    theirs = await published(watch, "U000000GUS0")

    assert "the failover of A" in mine
    assert "<!date^" in mine
    assert "|vote there>" in mine
    assert "No gate waits for you." in theirs
    assert "Waiting for approval G2" in theirs
    assert f"archives/{CHANNEL}/p" in theirs, "the way to the thread"
    assert "`site-2` in <#C0000OTHER0>: no run is open; ⚠️ *auto-clone is owed*" in theirs


async def test_the_home_says_what_is_frozen_and_no_longer_what_was(house, people, watch):
    house.append_to_house("FROZEN", scope="all", name="noor", reason="year's end", until=None)
    house.append_to_house(
        "FROZEN", scope="site-2", name="noor", reason="old", until="2026-03-02T21:00:00+00:00"
    )
    house.homes.start()
    await house.connect()

    await people.act("ana", "open_home")
    shown = await published(watch, ANA)

    assert "`site-1` in <#C0000FWOPS0>: no run is open; ❄️ *everything is frozen by noor" in shown
    assert "until it is lifted: year's end*" in shown
    assert "old" not in shown


async def test_the_home_says_what_will_be_frozen_of_the_groups_that_are_meant(house, people, watch):
    body = {"scope": "emea", "name": "noor", "reason": "fair", "groups": ["site-2"]}
    times = {"begins": "2026-03-06T17:00:00+00:00", "until": "2026-03-09T05:00:00+00:00"}
    house.append_to_house("FROZEN", **body, **times)
    house.homes.start()
    await house.connect()

    await people.act("ana", "open_home")
    shown = await published(watch, ANA)

    assert "`site-1` in <#C0000FWOPS0>: no run is open\\n" in shown
    assert (
        "`site-2` in <#C0000OTHER0>: no run is open; 🗓️ emea (site-2) will be frozen by noor from "
        "Fri 6 Mar 17:00 UTC until Mon 9 Mar 05:00 UTC: fair"
    ) in shown


async def test_the_home_of_those_who_opened_it_follows_what_happens(house, people, watch):
    house.homes.start()
    await house.connect()
    await people.act("ana", "open_home")
    assert "No run is open." in await published(watch, ANA)

    wait_at(house)
    house.homes.changed()

    assert "the failover of A" in await published(watch, ANA)


async def test_a_home_that_says_the_same_is_not_published_again(house, people, watch):
    house.homes.start()
    await house.connect()
    await people.act("ana", "open_home")
    await published(watch, ANA)

    house.homes.changed()
    await people.act("ben", "open_home")
    await published(watch, BEN)

    calls = [line for line in await people.traffic() if line.get("method") == "views.publish"]
    assert len(calls) == 2


async def test_a_home_that_slack_refuses_is_shown_at_the_next_look(house, people, watch):
    await people.fault("server_error", method="views.publish", n=3)
    house.homes.start()
    await house.connect()
    await people.act("ana", "open_home")
    await watch.until_traffic("api", method="views.publish", ok=False)
    await people.fault("clear")

    await people.act("ana", "open_home")

    assert "No run is open." in await published(watch, ANA)


async def test_the_messages_tab_is_no_home(house, people, watch):
    house.homes.start()
    await house.connect()
    await people.act("ana", "open_home", tab="messages")
    await people.act("ben", "open_home")
    await published(watch, BEN)

    calls = [line for line in await people.traffic() if line.get("method") == "views.publish"]
    assert len(calls) == 1


# -------------------------------------------------------------------------------- written to one


def reminded(*users: str) -> list[Any]:
    """A night up to its first reminder, which calls these."""
    records = until(night("expired"), Kind.REMINDED)
    last = records[-1]
    return [*records[:-1], replace(last, body={**last.body, "call": list(users)})]


def direct(stage: Stage) -> dict[str, list[str]]:
    """What stands in the conversations with single persons."""
    found: dict[str, list[str]] = {}
    for channel in stage.slack.workspace.channels.values():
        if channel.is_im:
            found[channel.members[0]] = [m.text for m in channel.messages.values()]
    return found


async def test_who_was_called_is_written_to_once_also_after_a_restart(stage: Stage):
    records = reminded(ANA, BEN)
    run = stage.append(records)
    first = stage.speaker()
    await first.settle(run)
    await first.close()
    await stage.speaker().settle(run)

    assert {user: len(texts) for user, texts in direct(stage).items()} == {ANA: 1, BEN: 1}
    assert "waits for you" in direct(stage)[ANA][0]


async def test_who_cannot_be_written_to_costs_nothing(stage: Stage):
    records = reminded("U0NOBODY01", ANA)
    run = stage.append(records)
    await stage.speaker().settle(run)

    assert direct(stage).keys() == {ANA}
    assert stage.keys() == [key for key in expected(records) if "/dm/" not in key]
    assert stage.delivery(f"{run}/dm/{records[-1].seq}/U0NOBODY01").state == "sent"


@pytest.mark.parametrize("fault", REFUSED_FOR_LONG, ids=lambda fault: str(fault["kind"]))
async def test_no_emoji_keeps_back_who_is_called(stage: Stage, fault: dict[str, Any]):
    records = reminded(ANA, BEN)
    run = stage.append(records)
    speaker = stage.speaker()
    await stage.people.fault(method="reactions.add", **fault)

    await speaker.speak(run)

    assert direct(stage).keys() == {ANA, BEN}
    assert stage.keys() == [key for key in expected(records) if "/dm/" not in key]
    await stage.people.fault("clear")
    await speaker.settle(run)
    shown = stage.standing(f"{run}/proposal")["reactions"]
    assert {one["name"] for one in shown} == {"white_check_mark", "x"}


async def test_who_could_not_be_written_to_for_a_moment_is_written_to_then(stage: Stage):
    records = reminded(ANA, BEN)
    run = stage.append(records[:-1])
    speaker = stage.speaker()
    await speaker.settle(run)
    keys = [f"{run}/dm/{records[-1].seq}/{user}" for user in (ANA, BEN)]
    post = METHODS["chat.postMessage"]
    refused: list[str] = []

    def refuse_once(call: Any) -> Any:
        channel = call.arguments.text("channel")
        if channel in (ANA, BEN) and channel not in refused:
            refused.append(channel)
            raise Refused("ratelimited")
        return post(call)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "chat.postMessage", refuse_once)
        stage.append(records[-1:])
        await speaker.settle(run)

    assert refused == [ANA, BEN], "one that waits keeps nobody else back"
    assert {user: len(texts) for user, texts in direct(stage).items()} == {ANA: 1, BEN: 1}
    assert [stage.delivery(key).state for key in keys] == ["sent", "sent"]


async def test_what_was_perhaps_written_is_not_written_again(stage: Stage):
    records = reminded(ANA)
    run = stage.append(records)
    key = f"{run}/dm/{records[-1].seq}/{ANA}"
    stage.stores.deliveries.save(Delivery(key, ANA, None, "digest", "sending"))
    await stage.speaker().settle(run)

    assert direct(stage) == {}
    assert stage.delivery(key).state == "sent"


async def until_woken(people, house: House) -> None:
    """Wait until a run was woken by what somebody did."""
    async with asyncio.timeout(PATIENCE_S):
        while not house.woken:
            await people.state()


async def test_the_home_shows_what_is_scheduled_and_one_press_cancels_it(house, people, watch):
    run = house.play(until(night("appointed"), Kind.DONE, step="VERIFY"))
    house.homes.start()
    await house.connect()
    await people.act("ana", "open_home")
    mine = await published(watch, ANA)
    await people.act("gus", "open_home")
    theirs = await published(watch, "U000000GUS0")

    for shown in (mine, theirs):
        assert "*Tue 3 Mar 05:00 CET (UTC+1), your time <!date^" in shown
        assert "`site-1`: install take 120; appointed; lacking then: 2 more people;" in shown
        assert "ordered by rita" in shown
        assert "No run is open." in shown, "nothing of it is under way"
    assert "Cancel it" in mine
    assert "Cancel it" not in theirs

    pressed = await people.act("ana", "click", home=True, action_id="word:abort", value=f"{run} 0")

    assert pressed["ok"], pressed
    await until_woken(people, house)
    (row,) = house.rows
    assert (row.run, row.body["verb"], row.body["user"]) == (run, "abort", ANA)
    assert row.body["seen"] == 0
