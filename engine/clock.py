"""The real clock: the one module that reads the machine's time and really sleeps.

Everybody else takes an `engine.ports.Clock`, so that a test can move time. Reckoning with
moments (windows, expiry, time zones) does not belong here.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock; see engine.ports.Clock."""

    def now(self) -> datetime:
        """See engine.ports.Clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See engine.ports.Clock. Must be called while an event loop runs, whose time it is."""
        return asyncio.get_running_loop().time()

    async def sleep(self, duration: timedelta) -> None:
        """See engine.ports.Clock; a duration of zero or less only lets others run."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))
