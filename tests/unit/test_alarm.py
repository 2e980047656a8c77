"""The alarm clock ticks as time passes, whatever is done to the wall clock meanwhile."""

import asyncio
import sys
from datetime import datetime, timedelta

import pytest

from engine.alarm import Alarm
from tests.simulation.loop import run_virtual, virtual_clock
from tests.simulation.surroundings import SteppedClock

HOUR = timedelta(hours=1)
WEEKS = timedelta(days=20)


@pytest.fixture
def ticking(monkeypatch):
    """Return what plays ten seconds before a step of the wall and ten after, and what came of it:
    when there were ticks, and how much was done for those after the step, in calls.
    """

    def ticking(step: timedelta) -> tuple[list[float], int]:
        async def night() -> tuple[list[float], int]:
            clock = SteppedClock(virtual_clock())

            class Wall(datetime):
                @classmethod
                def now(cls, tz=None):
                    return clock.now().astimezone(tz)

            for module in ("schedulers.base", "triggers.interval", "triggers.date"):
                monkeypatch.setattr(f"apscheduler.{module}.datetime", Wall)

            ticks: list[float] = []

            async def tick() -> None:
                ticks.append(round(clock.monotonic()))

            alarm = Alarm(tick)
            alarm.start()
            await clock.sleep(timedelta(seconds=10.5))
            clock.ahead += step
            calls = await calls_in(clock.sleep(timedelta(seconds=10)))
            alarm.stop()
            await clock.sleep(timedelta(seconds=10))
            return ticks, calls

        return run_virtual(night())

    return ticking


async def calls_in(coro) -> int:
    """Count the calls of functions until something is done."""
    calls = 0

    def count(_frame, event, _arg):
        nonlocal calls
        calls += event == "call"

    former = sys.getprofile()
    sys.setprofile(count)
    try:
        await coro
    finally:
        sys.setprofile(former)
    return calls


@pytest.mark.parametrize(
    "step",
    [-HOUR, -WEEKS, HOUR, WEEKS],
    ids=["an-hour-back", "weeks-back", "an-hour-forward", "weeks-forward"],
)
def test_it_ticks_once_a_second_though_the_wall_clock_is_stepped(ticking, step):
    ticks, calls = ticking(step)
    _, undisturbed = ticking(timedelta(0))

    assert ticks == list(range(1, 21))
    assert calls < 2 * undisturbed


def test_a_tick_that_takes_long_is_not_joined_by_the_next():
    async def night() -> tuple[int, int]:
        clock = virtual_clock()
        running = most = ended = 0

        async def tick() -> None:
            nonlocal running, most, ended
            running += 1
            most = max(most, running)
            await clock.sleep(timedelta(seconds=3.5))
            running -= 1
            ended += 1

        alarm = Alarm(tick)
        alarm.start()
        await clock.sleep(timedelta(seconds=17.5))
        alarm.stop()
        await asyncio.sleep(0)  # noqa: TID251 -- a turn of the loop, no time
        return most, ended

    assert run_virtual(night()) == (1, 4)


def test_a_tick_that_fails_is_followed_by_the_next():
    async def night() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            ticks += 1
            raise RuntimeError("a fault of ours")

        alarm = Alarm(tick)
        alarm.start()
        await virtual_clock().sleep(timedelta(seconds=5.5))
        alarm.stop()
        return ticks

    assert run_virtual(night()) == 5
