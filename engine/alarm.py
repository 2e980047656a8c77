"""The alarm clock: APScheduler as a ticker. Nothing durable, nothing with a meaning.

Question: may APScheduler own what is due? Answer: no. A job missed by seconds is dropped and
deleted by default, a job killed while running is gone, two schedulers on one store run it
twice (all measured). What is due stands in the index as `wake_at`; this only calls `tick`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Alarm:
    """Calls `tick` again and again on the running event loop."""

    def __init__(
        self, tick: Callable[[], Awaitable[None]], *, every: timedelta = timedelta(seconds=1)
    ) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._scheduler.add_job(
            tick,
            "interval",
            seconds=every.total_seconds(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking; a tick under way goes to its end."""
        self._scheduler.shutdown(wait=False)
