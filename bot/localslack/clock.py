"""The time that localslack lives in: the wall's, or one that a test moves by hand.

Question: limits, retries and expiries must be testable without waiting for them; where does
time come from? Answer: one `Clock` is handed to everything, and waiting is a callback on it.
Given up: asyncio's own time-outs, which only know the loop's clock.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Timer(Protocol):
    """A call that is due later and can be taken back."""

    def cancel(self) -> None:
        """Make sure the call does not happen."""


class Clock(Protocol):
    """What localslack asks for the time."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after that many seconds of this clock."""


class WallClock:
    """Real time, from any source of seconds and the running loop."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def now(self) -> float:
        """See `Clock`."""
        return self._now()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """See `Clock`."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class _ManualTimer:
    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Time that passes only when somebody says so."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._timers: list[_ManualTimer] = []

    def now(self) -> float:
        """See `Clock`."""
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """See `Clock`."""
        timer = _ManualTimer(self._now + seconds, callback)
        self._timers.append(timer)
        return timer

    def is_awaited_within(self, seconds: float) -> bool:
        """Say whether anybody waits for a moment that is no further than this."""
        end = self._now + seconds
        return any(timer.due <= end and not timer.cancelled for timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Let time pass and make every call that became due, in order."""
        end = self._now + seconds
        while due := [t for t in self._timers if t.due <= end and not t.cancelled]:
            timer = min(due, key=lambda t: t.due)
            self._timers.remove(timer)
            self._now = max(self._now, timer.due)
            timer.callback()
        self._timers = [t for t in self._timers if not t.cancelled]
        self._now = end


async def pause(clock: Clock, seconds: float) -> None:
    """Wait that long on this clock."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await until(clock, seconds, never)


async def until(clock: Clock, seconds: float, awaited: asyncio.Future[T]) -> T | None:
    """Return what is awaited, or None when that many seconds pass first."""

    def give_up() -> None:
        if not awaited.done():
            awaited.cancel()

    timer = clock.call_later(seconds, give_up)
    try:
        await asyncio.wait([awaited])
    finally:
        timer.cancel()
    return None if awaited.cancelled() else awaited.result()
