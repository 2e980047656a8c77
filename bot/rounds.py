"""Rounds: one thing is done again and again, every so often, and soon where somebody asks for it.

Whatever goes wrong in one round is logged, and the next one comes: what is looked after here is
found again by looking again. What is done in a round does not belong here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from engine.ports import Clock
from storage.records import StorageDown


class Rounds:
    """Goes round until it is closed."""

    def __init__(
        self,
        clock: Clock,
        every: timedelta,
        go: Callable[[], Awaitable[None]],
        *,
        log: Any,  # noqa: ANN401 -- structlog does not tell the type of its loggers
        failed: str,
    ) -> None:
        """Take what is needed; nothing is done yet.

        Args:
            clock: for the time between two rounds.
            every: how long that is, from the end of one round.
            go: one round.
            log: told of a round that failed.
            failed: what is logged then.
        """
        self._clock = clock
        self._every = every
        self._go = go
        self._log = log
        self._failed = failed
        self._nudge = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with a round."""
        self._task = asyncio.ensure_future(self._run())

    def go_soon(self) -> None:
        """Go round as soon as possible; during a round, once more after it."""
        self._nudge.set()

    async def close(self) -> None:
        """Go round no longer. Never raises."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            self._nudge.clear()
            try:
                await self._go()
            except StorageDown as error:
                # The next round finds what this one did not.
                self._log.warning(self._failed, error=str(error))
            except Exception:  # noqa: BLE001 -- it is logged; the next round must come
                self._log.exception(self._failed)
            await self._rest()

    async def _rest(self) -> None:
        sleeper = asyncio.ensure_future(self._clock.sleep(self._every))
        nudged = asyncio.ensure_future(self._nudge.wait())
        try:
            await asyncio.wait({sleeper, nudged}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            nudged.cancel()
