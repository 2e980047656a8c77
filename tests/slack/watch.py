"""Waiting in tests: for something to be published, never for time to pass."""

import asyncio
from typing import Any

from bot.localslack import ControlClient, ManualClock
from bot.localslack.changes import Changes

# Long enough for a slow machine; reached only when a test is about to fail.
PATIENCE_S = 30


class Watch:
    """Reads changes until the one that a test waits for."""

    def __init__(self, changes: Changes) -> None:
        self._subscription = changes.subscribe()

    async def until(self, kind: str, /, **facts: Any) -> dict[str, Any]:
        """Return the next change of that kind which says these facts."""
        async with asyncio.timeout(PATIENCE_S):
            while change := await self._subscription.next():
                body = change.body
                if change.kind == kind and all(body.get(k) == v for k, v in facts.items()):
                    return body
        raise AssertionError("the server stopped first")

    async def until_traffic(self, kind: str, /, **facts: Any) -> dict[str, Any]:
        """Return the next line of the traffic log of that kind which says these facts."""
        return await self.until("traffic", **{"kind": kind, **facts})


async def clock_is_awaited(people: ControlClient, clock: ManualClock, within: float) -> None:
    """Wait until the server waits for its clock; each question lets it run a little."""
    async with asyncio.timeout(PATIENCE_S):
        while not clock.is_awaited_within(within):
            await people.state()
