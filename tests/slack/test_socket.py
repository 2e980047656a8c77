"""Two connections to Slack, and a watchdog that brings back a lost one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from bot.localslack import ControlClient
from bot.socket import ASK_ANEW_AFTER, SILENT_AFTER, STAGGER, Sockets
from tests.slack.house import CHANNEL, House
from tests.slack.watch import PATIENCE_S, Watch

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
        silent_after=timedelta(days=1),  # a minute of this clock has no ping in it
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


class MovedClock:
    """A clock that passes only when a test moves it; see engine.ports.Clock."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 22, 0, tzinfo=UTC) + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, duration: timedelta) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._passed + duration.total_seconds(), woken))
        await woken

    async def move(self, people: ControlClient, seconds: float) -> None:
        """Let time pass in steps of a second, and each time whoever has waited for it."""
        for _ in range(int(seconds)):
            self._passed += 1
            for due, woken in list(self._sleepers):
                if due <= self._passed:
                    self._sleepers.remove((due, woken))
                    if not woken.done():
                        woken.set_result(None)
            await people.state()

    def stand_still(self, seconds: float) -> None:
        """Let time pass at once, as for a process that was stopped."""
        self._passed += seconds


class Kept:
    """Two connections whose time a test moves."""

    def __init__(self, house: House, people: ControlClient) -> None:
        self.clock = MovedClock()
        self.people = people
        self.house = house
        self._reacted = 0
        self.sockets = Sockets(
            house.bolt,
            "xapp-localslack",
            self.clock,
            connections=2,
            on_hello=lambda: None,
        )

    async def connect(self, watch: Watch) -> None:
        """Open both, the second when the first question for an address has cooled down."""
        await self.sockets.start()
        await watch.until("connection_opened", open=1)
        await until(self.people, lambda: self.sockets.connected() == 1)
        await self.clock.move(self.people, STAGGER.total_seconds())
        await watch.until("connection_opened", open=2)
        await until(self.people, lambda: self.sockets.connected() == 2)

    async def hear(self, ts: str, *, on: int = 1) -> None:
        """Have people react until Slack was heard at this moment on so many connections."""

        def heard() -> int:
            return sum(age == 0 for age in self.sockets.quiet())

        while heard() < on:
            name = EMOJI[self._reacted % len(EMOJI)]
            do = "unreact" if self._reacted % (2 * len(EMOJI)) >= len(EMOJI) else "react"
            await self.people.act("ana", do, channel=CHANNEL, ts=ts, emoji=name)
            self._reacted += 1
            await self.people.state()


EMOJI = ("eyes", "tada", "wave", "rocket")


async def until(people: ControlClient, holds: Callable[[], bool]) -> None:
    """Wait until something holds; each question to the server lets others run."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await people.state()


@pytest.fixture
async def kept(house, people) -> AsyncIterator[Kept]:
    built = Kept(house, people)
    yield built
    await built.sockets.close()


def replaced(logged: list[Any]) -> list[int]:
    """Return which connections were replaced, in order."""
    event = "a connection to Slack is replaced"
    return [line["connection"] for line in logged if line["event"] == event]


async def test_a_connection_that_is_open_and_silent_is_replaced_although_it_says_it_is_connected(
    kept, people, watch
):
    await kept.connect(watch)
    ts = await kept.house.post("a message")
    assert (await people.fault("silent", n=1))["silent"] == 1
    deaf = kept.sockets._lines[0].client
    with structlog.testing.capture_logs() as logged:
        # The first was heard at its greeting, before the second was opened.
        for _ in range(int((SILENT_AFTER - STAGGER).total_seconds()) // 5):
            await kept.clock.move(people, 5)
            await kept.hear(ts)
        assert kept.sockets.connected() == 2
        assert replaced(logged) == []
        assert await deaf.is_connected()

        stays = kept.sockets._lines[1].client
        await kept.clock.move(people, 5)
        await kept.hear(ts)
        await until(people, lambda: kept.sockets.connected() == 2)

    assert replaced(logged) == [0]
    assert deaf.closed
    assert kept.sockets._lines[1].client is stays


async def test_two_silent_connections_are_never_replaced_at_once(kept, people, watch):
    await kept.connect(watch)
    await people.fault("silent", n=2)
    await people.fault("refuse_connection", n=1)
    with structlog.testing.capture_logs() as logged:
        await kept.clock.move(people, SILENT_AFTER.total_seconds() + 2 * 5)
        assert replaced(logged) == [0]
        assert not kept.sockets.state().ok
        await watch.until_traffic("socket", event="refused")
        await kept.clock.move(people, ASK_ANEW_AFTER.total_seconds())
        assert replaced(logged) == [0], "the first has not been greeted yet"


async def test_both_come_back_one_after_the_other(kept, people, watch):
    await kept.connect(watch)
    await people.fault("silent", n=2)
    with structlog.testing.capture_logs() as logged:
        await kept.clock.move(people, SILENT_AFTER.total_seconds() + 5)
        await watch.until("connection_opened")
        await until(people, lambda: kept.sockets.connected() == 1)
        assert replaced(logged) == [0]
        await kept.clock.move(people, 10)
        await watch.until("connection_opened")
        await until(people, lambda: kept.sockets.connected() == 2)

    assert replaced(logged) == [0, 1]
    assert kept.sockets.state().ok


async def test_a_process_that_stood_still_blames_nobody_for_the_silence(kept, people, watch):
    await kept.connect(watch)
    ts = await kept.house.post("a message")
    with structlog.testing.capture_logs() as logged:
        kept.clock.stand_still(3_600)
        await kept.clock.move(people, 1)
        await kept.hear(ts, on=2)
        await kept.clock.move(people, 10)

    assert replaced(logged) == []
    assert kept.sockets.connected() == 2


async def test_a_limit_on_addresses_is_waited_for_as_long_as_slack_says(kept, people, watch):
    def asked(traffic: list[dict[str, Any]]) -> int:
        return sum(line.get("method") == "apps.connections.open" for line in traffic)

    await people.fault("rate_limit", method="apps.connections.open", seconds=90)
    with structlog.testing.capture_logs() as logged:
        await kept.sockets.start()
        await watch.until_traffic("api", method="apps.connections.open", ok=False)
        await kept.clock.move(people, 89)
        assert asked(await people.traffic()) == 1
        assert not kept.sockets.state().ok
        await kept.clock.move(people, 2)
        await watch.until("connection_opened", open=1)

    (line,) = [one for one in logged if "no address" in one["event"]]
    assert (line["reason"], line["again_in_s"]) == ("ratelimited", 90)
    assert replaced(logged) == [], "nobody is to blame, and a new one would have to wait as well"


async def test_without_an_answer_addresses_are_asked_for_more_and_more_rarely(kept, people, watch):
    await people.fault("server_error", method="apps.connections.open", n=3)
    with structlog.testing.capture_logs() as logged:
        await kept.sockets.start()
        for _ in range(3):
            await watch.until_traffic("api", method="apps.connections.open", ok=False)
            await until(people, lambda: bool(kept.clock._sleepers))
            await kept.clock.move(people, 20)
        await watch.until("connection_opened", open=1)

    waits = [one["again_in_s"] for one in logged if "no address" in one["event"]]
    assert waits == [5, 10, 15]
