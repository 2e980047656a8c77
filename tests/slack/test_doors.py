"""A channel in which nobody can be asked: nothing counts there, and who should know is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.app import web_client
from bot.channels import REMEMBERED, Channels
from bot.doors import Doors
from bot.people import Self, SlackPeople
from bot.standing import Standing
from engine.errors import PeopleUnreadable
from storage.records import Lease
from tests.slack.house import ANA, BEN, CHANNEL, NOOR, RITA, ROLES, House

SHUT = {"is_archived": True}
AGAIN = {"is_archived": False}
OUT = {"members": ["rita", "ana", "ben", "noor", "gus"]}
IN = {"members": ["rita", "ana", "ben", "noor", "gus", "hotfix"]}


@dataclass
class Porch:
    """A run that waits, and who looks after its channel."""

    house: House
    doors: Doors
    people: SlackPeople
    standing: Standing
    run: str
    gate: str
    speaks: list[Lease | None] = field(default_factory=list)


@pytest.fixture
async def porch(slack) -> AsyncIterator[Porch]:
    house = House(slack)
    standing = Standing()
    client = web_client(slack.base_url, "xoxb-localslack", standing=standing)
    channels = Channels(client, house.clock, standing)
    deliveries = house.stores.deliveries
    people = SlackPeople(client, house.clock, Self(client), ROLES, deliveries, channels=channels)
    run = house.add_run()
    _, gate = await house.ask(run)
    lease = house.stores.leases.acquire(f"chat:{run}", "one", ttl_s=3600, now=house.clock.now())
    speaks: list[Lease | None] = [lease]
    doors = Doors(
        client,
        house.clock,
        house.stores,
        channels,
        standing,
        people.in_roles,
        lambda _run: speaks[0],
    )
    yield Porch(house, doors, people, standing, run, gate, speaks)
    await house.handler.client.close()
    house.stores.close()


def told(porch: Porch, slack) -> dict[str, list[str]]:
    """What each person was told directly."""
    bot = slack.workspace.app.bot_user
    return {
        next(u for u in channel.members if u != bot): [m.text for m in channel.messages.values()]
        for channel in slack.workspace.channels.values()
        if channel.is_im
    }


@pytest.mark.parametrize(("shut", "again"), [(SHUT, AGAIN), (OUT, IN)], ids=["archived", "out"])
async def test_nothing_counts_where_people_cannot_be_asked(porch, people, shut, again):
    await people.act("ana", "react", channel=CHANNEL, ts=porch.gate, emoji="white_check_mark")
    await people.change("channel", CHANNEL, **shut)

    with pytest.raises(PeopleUnreadable):
        await porch.people.ballots(CHANNEL, porch.gate)

    await people.change("channel", CHANNEL, **again)
    porch.house.clock.passed += 2 * REMEMBERED
    assert [b.user for b in await porch.people.ballots(CHANNEL, porch.gate)] == [ANA]


async def test_an_open_channel_is_not_remembered_for_long(porch, people):
    await porch.people.ballots(CHANNEL, porch.gate)
    await people.change("channel", CHANNEL, **SHUT)
    porch.house.clock.passed += 2 * REMEMBERED

    with pytest.raises(PeopleUnreadable, match="archived"):
        await porch.people.ballots(CHANNEL, porch.gate)


async def test_requester_and_those_on_duty_are_told_directly_and_once(porch, slack, people):
    await people.change("channel", CHANNEL, **SHUT)
    for _ in range(3):
        await porch.doors.look()

    heard = told(porch, slack)

    assert heard.keys() == {RITA, ANA, BEN, NOOR}
    assert all(len(texts) == 1 for texts in heard.values())
    assert "unarchive it" in heard[RITA][0]
    assert "hotfix-bot halt site-1" in heard[RITA][0]
    assert "unarchive it" in porch.standing.reason


async def test_another_time_is_told_again(porch, slack, people):
    for change in (SHUT, AGAIN, SHUT):
        await people.change("channel", CHANNEL, **change)
        porch.house.clock.passed += 2 * REMEMBERED
        await porch.doors.look()

    assert len(told(porch, slack)[RITA]) == 2


async def test_when_it_is_open_again_nothing_is_refused_any_more(porch, people):
    for change in (SHUT, AGAIN):
        await people.change("channel", CHANNEL, **change)
        porch.house.clock.passed += 2 * REMEMBERED
        await porch.doors.look()

    assert porch.standing.reason == ""


async def test_one_process_tells_it(porch, slack, people):
    porch.speaks[0] = None
    await people.change("channel", CHANNEL, **SHUT)

    await porch.doors.look()

    assert told(porch, slack) == {}


async def test_what_only_a_post_can_show_is_told_too(porch, slack, people):
    porch.standing.refused("chat.postMessage", CHANNEL, "restricted_action")

    await porch.doors.look()
    await porch.doors.look()

    assert len(told(porch, slack)[RITA]) == 1
    assert "restricted_action" in porch.standing.reason, "a look cannot show that it is over"
