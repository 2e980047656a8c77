"""Has runs spoken of: at most one at a time per run, again when something happened meanwhile.

What is said is in `bot.views`, how it is delivered in `bot.speaker`; this only sees to it that
nothing stays unsaid because Slack was away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.people import UNREADABLE
from engine.errors import MaintenanceError
from engine.ports import Clock

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=60)
"""After a failure the pause doubles up to this: Slack away is told once a minute, not faster."""


class Speech:
    """Calls `speak` for a run as often as there is something new."""

    def __init__(self, speak: Callable[[str], Awaitable[None]], clock: Clock) -> None:
        self._speak = speak
        self._clock = clock
        self._news: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def about(self, run: str) -> None:
        """Say soon what is new about a run; may be called as often as one likes."""
        self._news.setdefault(run, asyncio.Event()).set()
        task = self._tasks.get(run)
        if task is None or task.done():
            self._tasks[run] = asyncio.ensure_future(self._go_on(run))

    async def close(self) -> None:
        """Stop speaking; what is left is said at the next start. Never raises."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _go_on(self, run: str) -> None:
        news, pause = self._news[run], FIRST_PAUSE
        while news.is_set():
            news.clear()
            try:
                await self._speak(run)
            except (*UNREADABLE, MaintenanceError) as error:
                log.warning("not delivered yet", run=run, error=str(error))
            except Exception:
                # A mistake of ours in a message must not silence the messages after it.
                log.exception("speaking failed", run=run)
            else:
                pause = FIRST_PAUSE
                continue
            news.set()
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
