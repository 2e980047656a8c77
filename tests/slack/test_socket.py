"""Two connections to Slack, and a watchdog that brings back a lost one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.socket import Sockets
from tests.slack.house import House
from tests.slack.watch import PATIENCE_S

HURRY = 1000
"""A second of these tests' clock is a millisecond."""


class HurriedClock:
    """See engine.ports.Clock."""

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 22, 0, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() * HURRY

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds() / HURRY)  # noqa: TID251 -- real sockets need real time


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    built = House(slack)
    yield built
    await built.handler.client.close()
    built.stores.close()


@pytest.fixture
async def sockets(house) -> AsyncIterator[Sockets]:
    greetings: asyncio.Queue[str] = asyncio.Queue()
    kept = Sockets(
        house.bolt,
        "xapp-localslack",
        HurriedClock(),
        connections=2,
        on_hello=lambda: greetings.put_nowait("hello"),
    )
    kept.greetings = greetings  # type: ignore[attr-defined] # only these tests look at it
    yield kept
    await kept.close()


async def test_two_connections_are_opened_and_each_greeting_is_told(sockets, watch):
    await sockets.start()
    await watch.until("connection_opened", open=1)
    await watch.until("connection_opened", open=2)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            await sockets.greetings.get()

    assert sockets.connected() == 2


async def test_a_connection_whose_address_is_refused_is_replaced(sockets, people, watch):
    await people.fault("refuse_connection", n=1)
    await sockets.start()

    await watch.until_traffic("socket", event="refused")
    await watch.until("connection_opened", open=2)


async def test_a_refresh_leaves_one_connection_open_and_brings_the_other_back(
    sockets, people, watch
):
    await sockets.start()
    await watch.until("connection_opened", open=2)

    await people.fault("disconnect", reason="refresh_requested", n=1)
    closed = await watch.until("connection_closed")
    await watch.until("connection_opened", open=2)

    assert closed["open"] >= 1


async def test_closing_leaves_nothing_open(sockets, watch, slack):
    await sockets.start()
    await watch.until("connection_opened", open=2)

    await sockets.close()

    await watch.until("connection_closed", open=0)
