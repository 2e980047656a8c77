"""The virtual loop itself: time jumps, calls take none of it, and a deadlock is an error."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import SystemClock
from engine.ports import Clock
from tests.simulation.loop import START, Deadlock, run_virtual, virtual_clock

HOUR = timedelta(hours=1)


def test_two_simulated_hours_take_milliseconds():
    async def night() -> timedelta:
        clock = virtual_clock()
        await clock.sleep(2 * HOUR)
        return clock.now() - START

    began = time.perf_counter()
    passed = run_virtual(night())

    assert passed == 2 * HOUR
    assert time.perf_counter() - began < 0.5


def test_sleepers_wake_in_the_order_of_their_timers():
    async def night() -> list[tuple[str, float]]:
        clock = virtual_clock()
        woke: list[tuple[str, float]] = []

        async def sleeper(name: str, hours: float) -> None:
            await clock.sleep(hours * HOUR)
            woke.append((name, clock.monotonic()))

        await asyncio.gather(sleeper("late", 3), sleeper("early", 1), sleeper("middle", 2))
        return woke

    assert run_virtual(night()) == [("early", 3600.0), ("middle", 7200.0), ("late", 10800.0)]


def test_a_limit_passes_in_virtual_time():
    async def night() -> datetime:
        clock = virtual_clock()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await asyncio.Event().wait()
        return clock.now()

    assert run_virtual(night()) == START + timedelta(minutes=10)


def test_time_moves_across_more_than_a_day():
    async def soak() -> datetime:
        clock = virtual_clock()
        await clock.sleep(timedelta(hours=72))
        return clock.now()

    assert run_virtual(soak()) == START + timedelta(hours=72)


def test_a_call_that_would_go_to_a_thread_takes_no_time_and_lets_others_run():
    async def night() -> list[str]:
        came: list[str] = []
        asyncio.get_running_loop().call_soon(came.append, "another")
        came.append(await asyncio.to_thread(lambda: f"{virtual_clock().monotonic():.0f} s"))
        return came

    assert run_virtual(night()) == ["another", "0 s"]


def test_a_call_is_made_even_where_its_caller_gives_up():
    async def night() -> list[str]:
        came: list[str] = []
        writing = asyncio.get_running_loop().run_in_executor(None, came.append, "written")
        writing.cancel()
        await virtual_clock().sleep(HOUR)
        return came

    assert run_virtual(night()) == ["written"]


def test_an_error_of_such_a_call_arrives_and_time_goes_on():
    async def night() -> float:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        await virtual_clock().sleep(HOUR)
        return virtual_clock().monotonic()

    assert run_virtual(night()) == 3600.0


def test_a_deadlock_is_an_error_that_says_who_waits():
    async def waits_forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="waits_forever"):
        run_virtual(waits_forever())


def test_a_failure_of_the_run_comes_through():
    async def fails() -> None:
        await virtual_clock().sleep(HOUR)
        raise LookupError("no member 1_9")

    with pytest.raises(LookupError, match="1_9"):
        run_virtual(fails())


def test_two_clocks_of_one_loop_agree_whenever_they_were_made():
    async def night() -> tuple[datetime, datetime]:
        first = virtual_clock()
        await first.sleep(HOUR)
        return first.now(), virtual_clock().now()

    assert run_virtual(night()) == (START + HOUR, START + HOUR)


def test_a_virtual_clock_needs_a_virtual_loop():
    async def on_a_real_loop() -> None:
        virtual_clock()

    with pytest.raises(TypeError, match="run_virtual"):
        asyncio.run(on_a_real_loop())


async def test_the_system_clock_tells_aware_utc_and_never_steps_back():
    clock: Clock = SystemClock()

    before, mark = clock.now(), clock.monotonic()
    await clock.sleep(timedelta(milliseconds=2))

    assert before.tzinfo is UTC
    assert clock.now() > before
    assert clock.monotonic() > mark


async def test_the_system_clock_takes_a_negative_duration_for_none():
    await SystemClock().sleep(timedelta(seconds=-1))
