"""The alarm clock: APScheduler as a ticker. Nothing durable, nothing with a meaning.

Question: may APScheduler own what is due? Answer: no. A job missed by seconds is dropped and
deleted by default, a job killed while running is gone, two schedulers on one store run it
twice (all measured). What is due stands in the index as `wake_at`; this only calls `tick`.

Question: may it own the time between two ticks? Answer: no. It reckons by the wall clock: set back
by an hour, it calls nobody for that hour, and no lease is renewed; set forward, it lists each tick
that it missed, seconds of work for some weeks (all measured). So the event loop's timer, which is
monotonic, hands it one tick at a time, and each is due by whatever the wall shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

LONG_DUE = datetime(1970, 1, 1, tzinfo=UTC)
"""When each tick is to run, for the scheduler: a moment that has come by every clock."""


class Alarm:
    """Calls `tick` again and again on the running event loop, one call at a time."""

    def __init__(
        self, tick: Callable[[], Awaitable[None]], *, every: timedelta = timedelta(seconds=1)
    ) -> None:
        self._tick = tick
        self._every = every
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()
        self._wait()

    def stop(self) -> None:
        """Stop ticking; a tick under way is cancelled."""
        if self._timer is not None:
            self._timer.cancel()
        self._scheduler.shutdown(wait=False)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._every.total_seconds(), self._ring)

    def _ring(self) -> None:
        self._wait()
        self._scheduler.add_job(
            self._tick,
            "date",
            run_date=LONG_DUE,
            id="tick",
            replace_existing=True,
            max_instances=1,
            misfire_grace_time=None,
        )
