"""How long what this worker does not know is left to another one that may.

Settings and versions change one process at a time, so one that knows a group, or a word of an
order, may be restarting just now. Question: when is it true that nobody does? Answer: when nobody
has held the group's lease for twice its life, as long as whoever acts on it, or wants to, would not
leave it alone, and when we have seen it wait for as long: we may be the first that is back after a
time without any. Given up: where truly nobody knows it, that is said two to three lives late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

from engine.ports import Clock
from storage.records import LeaseStore

LIVES = 2
"""For so many lives of its lease a group is left to others."""


class Patience:
    """Since when this worker has seen what waits that it does not know.

    Args:
        leases: who acts on a group.
        clock: the time.
        lease_ttl: the life of a lease.
        alone: no other process can act on this database, so nothing is left to one.
    """

    def __init__(
        self, leases: LeaseStore, clock: Clock, lease_ttl: timedelta, *, alone: bool
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._enough = LIVES * lease_ttl
        self._alone = alone
        self._since: dict[str, float] = {}

    def forget_but(self, waiting: Collection[str]) -> None:
        """Forget what waits no longer."""
        self._since = {key: at for key, at in self._since.items() if key in waiting}

    def begins(self, key: str) -> bool:
        """Note that something waits; return whether that is new."""
        new = key not in self._since
        self._since.setdefault(key, self._clock.monotonic())
        return new

    async def is_over(self, key: str, group: str, *, ours: bool = False) -> bool:
        """Return whether nobody else will take what waits for a group.

        Args:
            key: what waits.
            group: the group.
            ours: we hold its lease, so nobody else can.
        """
        self.begins(key)
        if self._alone:
            return True
        waited = timedelta(seconds=self._clock.monotonic() - self._since[key])
        if waited < self._enough or ours:
            return waited >= self._enough
        lapsed = await asyncio.to_thread(
            self._leases.lapsed, f"group:{group}", now=self._clock.now()
        )
        return lapsed is not None and lapsed >= self._enough
