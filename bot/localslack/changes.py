"""Who is told when something changes: pages, tests and the stream of the control API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

# A page that is this far behind is gone or stuck; it is better off loading the state again.
LONGEST_BACKLOG = 10_000


@dataclass(frozen=True)
class Change:
    """Something that happened, as a page would want to know it."""

    seq: int
    at: float
    kind: str
    body: dict[str, Any]


class Subscription:
    """The changes from now on, in order; None says that there will be no more."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()

    def put(self, change: Change | None) -> bool:
        """Add a change; False when nobody has been reading for too long."""
        if self._queue.qsize() >= LONGEST_BACKLOG:
            return False
        self._queue.put_nowait(change)
        return True

    async def next(self) -> Change | None:
        """Wait for the next change."""
        return await self._queue.get()


class Changes:
    """Hands every change to every subscriber."""

    def __init__(self) -> None:
        self._seq = 0
        self._subscriptions: list[Subscription] = []

    def publish(self, at: float, kind: str, body: dict[str, Any]) -> Change:
        """Tell all subscribers."""
        self._seq += 1
        change = Change(self._seq, at, kind, body)
        self._subscriptions = [s for s in self._subscriptions if s.put(change)]
        return change

    def subscribe(self) -> Subscription:
        """Begin to receive changes."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Receive no more."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def close(self) -> None:
        """Say to all that there will be no more."""
        for subscription in self._subscriptions:
            subscription.put(None)
        self._subscriptions = []
