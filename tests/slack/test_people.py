"""Who is who, what they vote now, and how one of them is told something: failing closed."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.people import SlackAnswers, SlackPeople
from engine.errors import PeopleUnreadable
from engine.ports import Ballot
from tests.slack.house import ANA, BEN, BOT, CHANNEL, GUS, NOOR, RITA, ROLES, House
from tests.slack.watch import Watch

YES = "white_check_mark"


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    """Build the Slack side of a bot; these tests need no connection."""
    built = House(slack)
    yield built
    await built.handler.client.close()
    built.stores.close()


@pytest.fixture
def asked(house) -> SlackPeople:
    """Return what the engine asks."""
    return SlackPeople(house.client, house.clock, house.me, ROLES)


async def react(people, ts: str, *reactions: tuple[str, str]) -> None:
    for user, emoji in reactions:
        await people.act(user, "react", channel=CHANNEL, ts=ts, emoji=emoji)


# ------------------------------------------------------------------------------------- ballots


async def test_ballots_are_what_the_message_shows_now_without_the_bots_own(house, people, asked):
    ts = await house.post("hf-000001/gate/G2")
    for name in (YES, "x"):
        await house.client.reactions_add(channel=CHANNEL, timestamp=ts, name=name)
    assert await asked.ballots(CHANNEL, ts) == []

    await react(people, ts, ("ana", YES), ("ben", "heavy_check_mark"), ("noor", "no_entry"))
    await react(people, ts, ("gus", "eyes"), ("rita", YES), ("rita", "x"))

    assert await asked.ballots(CHANNEL, ts) == [
        Ballot(ANA, "yes", "reaction"),
        Ballot(BEN, "yes", "reaction"),
        Ballot(NOOR, "no", "reaction"),
        Ballot(RITA, "no", "reaction"),
        Ballot(RITA, "yes", "reaction"),
    ]


async def test_a_ballot_taken_back_is_gone(house, people, asked):
    ts = await house.post("hf-000001/gate/G2")
    await react(people, ts, ("ana", YES))
    await people.act("ana", "unreact", channel=CHANNEL, ts=ts, emoji=YES)

    assert await asked.ballots(CHANNEL, ts) == []


async def test_two_emoji_of_one_meaning_are_one_ballot(house, people, asked):
    ts = await house.post("hf-000001/gate/G2")
    await react(people, ts, ("ana", YES), ("ana", "heavy_check_mark"))

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "yes", "reaction")]


async def test_everybody_is_counted_however_many_there_are(house, people, asked):
    ts = await house.post("hf-000001/gate/G2")
    await react(people, ts, *((who, YES) for who in ("ana", "ben", "noor", "rita", "gus")))

    assert {b.user for b in await asked.ballots(CHANNEL, ts)} == {ANA, BEN, NOOR, RITA, GUS}


async def test_a_message_that_is_gone_is_no_empty_ballot(house, asked):
    with pytest.raises(PeopleUnreadable, match="message_not_found"):
        await asked.ballots(CHANNEL, "1800000000.000009")


@pytest.mark.parametrize("method", ["reactions.get", "auth.test"])
async def test_slack_away_is_no_empty_ballot(house, people, asked, method):
    ts = await house.post("hf-000001/gate/G2")
    await react(people, ts, ("ana", YES))
    await people.fault("server_error", method=method, n=9)

    with pytest.raises(PeopleUnreadable):
        await asked.ballots(CHANNEL, ts)


async def test_slack_that_cannot_be_reached_is_no_empty_ballot(house, slack, asked):
    ts = await house.post("hf-000001/gate/G2")
    await slack.stop()

    with pytest.raises(PeopleUnreadable):
        await asked.ballots(CHANNEL, ts)


async def test_a_rate_limit_is_waited_for(house, people, asked, clock):
    ts = await house.post("hf-000001/gate/G2")
    await react(people, ts, ("ana", YES))
    await people.fault("rate_limit", method="reactions.get", seconds=0)

    assert len(await asked.ballots(CHANNEL, ts)) == 1


# ------------------------------------------------------------------------------------- persons


async def test_a_person_has_a_name_and_may_vote(asked):
    person = await asked.person(ANA)

    assert (person.id, person.unfit) == (ANA, "")
    assert person.name
    assert person.timezone


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"deleted": True}, "it was deactivated"),
        ({"is_restricted": True}, "it is a guest"),
        ({"is_ultra_restricted": True}, "it is a guest"),
        ({"is_stranger": True}, "it is of another organisation"),
    ],
)
async def test_an_account_that_may_not_vote_says_why(people, asked, change, reason):
    await people.change("user", ANA, **change)

    assert (await asked.person(ANA)).unfit == reason


async def test_a_bot_may_not_vote(asked):
    assert (await asked.person(BOT)).unfit == "it is a bot"
    assert (await asked.person(GUS)).unfit == "it is a guest"


async def test_nobody_knows_who_this_is(asked):
    with pytest.raises(PeopleUnreadable, match="user_not_found"):
        await asked.person("U0NOBODY00")


# --------------------------------------------------------------------------------------- roles


async def test_roles_come_from_settings_and_from_user_groups(asked):
    assert await asked.roles(ANA) == {"network"}
    assert await asked.roles(BEN) == {"network"}
    assert await asked.roles(RITA) == {"firewall"}
    assert await asked.roles(GUS) == frozenset()


async def test_a_user_group_is_asked_again_after_a_minute(house, people, asked):
    assert await asked.roles(BEN) == {"network"}
    await people.change("usergroup", "S0FWAPPROV0", users=["noor"])
    house.clock.passed += timedelta(seconds=60)
    assert await asked.roles(BEN) == {"network"}

    house.clock.passed += timedelta(seconds=1)

    assert await asked.roles(BEN) == frozenset()


async def test_a_user_group_that_cannot_be_read_is_not_an_empty_one(house, people, asked):
    assert await asked.roles(BEN) == {"network"}
    await people.change("usergroup", "S0FWAPPROV0", disabled=True)
    house.clock.passed += timedelta(minutes=2)

    with pytest.raises(PeopleUnreadable):
        await asked.roles(BEN)
    assert await asked.roles(ANA), "who stands in the settings needs no user group"


# ------------------------------------------------------------------------------------- answers


async def whispered(watch: Watch, user: str) -> dict[str, Any]:
    return await watch.until("ephemeral_posted", to=user)


async def test_an_answer_uses_the_commands_own_address_while_it_works(house, people, watch):
    house.handler.client.auto_reconnect_enabled = False
    await house.connect()
    await people.act("rita", "command", channel=CHANNEL, text="/hotfix install site-1 x.tgz")
    (row,) = house.rows
    watch_from_here = await whispered(watch, RITA)
    assert "Understood" in watch_from_here["text"]

    await house.answers.answer(row.body["answer"], "not begun")

    assert (await whispered(watch, RITA))["text"] == "not begun"


async def test_an_address_that_no_longer_works_falls_back_to_the_channel(house, slack, watch):
    to = {"channel": CHANNEL, "user": RITA, "response_url": f"{slack.url}commands/gone"}

    await house.answers.answer(to, "not begun")

    assert (await whispered(watch, RITA))["text"] == "not begun"


async def test_an_answer_about_a_run_is_given_in_its_thread(house, watch):
    root = await house.post(f"{house.add_run()}/root")

    await house.answers.answer({"channel": CHANNEL, "user": ANA, "run": "hf-000001"}, "no vote")

    assert (await whispered(watch, ANA))["thread_ts"] == root


async def test_a_person_who_left_the_channel_is_written_to(house, people, watch):
    await people.change("channel", CHANNEL, members=["rita", "hotfix"])

    await house.answers.answer({"channel": CHANNEL, "user": ANA}, "no vote")

    posted = await watch.until("message_posted", text="no vote")
    assert posted["channel"].startswith("D")


async def test_an_answer_that_nobody_can_hear_is_let_go(house, people, slack):
    await house.answers.answer({"user": "shell:root"}, "halted")
    await house.answers.answer({}, "halted")
    await slack.stop()
    await SlackAnswers(house.client, house.stores.deliveries).answer(
        {"channel": CHANNEL, "user": ANA}, "no vote"
    )
