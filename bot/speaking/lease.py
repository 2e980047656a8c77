"""Who speaks for a run: the process that holds its lease.

Question: how do several processes not say it twice? Answer: who holds the lease `chat:<run>`
speaks, and "sending" is saved under its epoch; a call to Slack begins only in the first two thirds
of the lease's life. Given up: a process that is stopped between the save and the call, for longer
than that, posts a twin; when it finds that it lost the lease it takes its twin back.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from engine.ports import Clock
from storage.records import Lease, LeaseLost, Stores

LEASE_TTL = timedelta(seconds=60)
"""How long a speaker may be silent, unless the settings say otherwise."""


class SpeakingLease:
    """The right of this process to speak for one run, taken when there is something to say.

    Args:
        run: the run.
        stores: where leases are kept.
        clock: for their age.
        holder: the name of this process in its leases.
        ttl: how long it may be silent before another may speak for the run.
    """

    def __init__(self, run: str, stores: Stores, clock: Clock, holder: str, ttl: timedelta) -> None:
        self.held: Lease | None = None
        self._run = run
        self._stores = stores
        self._clock = clock
        self._holder = holder
        self._ttl = ttl
        self._held_since = float("-inf")

    async def take(self) -> Lease | None:
        """Return the lease, taken or renewed where it is time; None where another speaks."""
        asked, ttl_s = self._clock.monotonic(), self._ttl.total_seconds()
        if self.held is not None and asked - self._held_since < ttl_s / 3:
            return self.held
        leases, now = self._stores.leases, self._clock.now()
        if self.held is None:
            self.held = await asyncio.to_thread(
                leases.acquire, f"chat:{self._run}", self._holder, ttl_s=ttl_s, now=now
            )
        else:
            try:
                self.held = await asyncio.to_thread(leases.renew, self.held, ttl_s=ttl_s, now=now)
            except LeaseLost:
                self.held = None
        self._held_since = asked
        return self.held

    def refuse_late(self) -> None:
        """Stop speaking at two thirds of the lease's life, whatever the store would say.

        Raises:
            LeaseLost: it is older.
        """
        age = self._clock.monotonic() - self._held_since
        if self.held is None or age > self._ttl.total_seconds() * 2 / 3:
            raise LeaseLost("the lease to speak was not renewed in time")

    def lost(self) -> None:
        """Another may have it; it is asked for anew before the next word."""
        self.held = None

    async def give_back(self) -> None:
        """Let another speak, if this process may."""
        lease, self.held = self.held, None
        if lease is not None:
            await asyncio.to_thread(self._stores.leases.release, lease)
