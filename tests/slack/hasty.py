"""A clock that runs fast: sockets need real waiting, and nobody wants to wait for pacing."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from bot.localslack import WallClock

START = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)


class HastyClock:
    """See engine.ports.Clock; a second of it takes a fraction of one."""

    def __init__(self, speed: float = 100.0) -> None:
        self._speed = speed
        self._began = time.monotonic()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    async def sleep(self, duration: timedelta) -> None:
        seconds = max(0.0, duration.total_seconds()) / self._speed
        await asyncio.sleep(seconds)  # noqa: TID251 -- a hundredth of what was asked for

    def as_slack(self) -> WallClock:
        """Return the same time for a Slack on loopback, so that its limits fit our pace."""
        return WallClock(lambda: self.now().timestamp())


class HandClock(HastyClock):
    """A hasty clock that a test moves; only waiting goes on by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = timedelta(0)

    def monotonic(self) -> float:
        return self.passed.total_seconds()
