"""Follows a run's journal from beside it: reading only, as any colleague at the console could."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from bot.demo.moments import Moments
from engine.journal import Kind
from engine.ports import Clock
from storage.records import Record, StorageDown, Stores

RELAXED = timedelta(milliseconds=60)
"""Between two reads when nothing depends on how quickly we see a record."""

KEEN = timedelta(milliseconds=3)
"""While a kill waits for a record: between a COMMITTING and the device's first sign are about
20 ms."""


class JournalWatch:
    """Says every record of a run as moments, and keeps the records.

    Once it has ended it follows the next one that somebody orders; `earlier` are those before.
    """

    def __init__(self, stores: Stores, moments: Moments, clock: Clock, group: str) -> None:
        """Take where the journal is, whom to tell, and the Security Group that is acted on."""
        self._stores = stores
        self._moments = moments
        self._clock = clock
        self._group = group
        self.run = ""
        self.holders: dict[int, str] = {}
        self.records: list[Record] = []
        self.earlier: list[list[Record]] = []
        self.keen: Callable[[], bool] = lambda: False
        self.on_record: Callable[[Record], None] = lambda _record: None

    async def follow(self) -> None:
        """Read for ever."""
        while True:
            # A scenario may take the database away; whoever depends on it says so, not we.
            with contextlib.suppress(StorageDown):
                await self.read_on()
            await self._clock.sleep(KEEN if self.keen() else RELAXED)

    async def acting(self) -> str:
        """Return who holds the group's lease, "" for nobody."""
        lease = await asyncio.to_thread(self._stores.leases.current, f"group:{self._group}")
        return lease.holder if lease else ""

    async def read_on(self) -> None:
        """Take in what is new."""
        for record in await asyncio.to_thread(self._new):
            self.records.append(record)
            self.on_record(record)
            self._say(record)

    def _new(self) -> list[Record]:
        if not self.run or (self.records and self.records[-1].kind == Kind.ENDED):
            rows = self._stores.journal.runs(open_only=False)
            known = len(self.earlier) + bool(self.run)
            if len(rows) > known:
                self.earlier += [self.records] if self.run else []
                self.run, self.records = rows[known].id, []
        if not self.run:
            return []
        last = self.records[-1].seq if self.records else 0
        found = list(self._stores.journal.read(self.run, after=last))
        if any(record.epoch not in self.holders for record in found):
            self._note_holder()
        return found

    def _note_holder(self) -> None:
        """Remember who wrote under the lease's epoch: a journal names only who took over."""
        lease = self._stores.leases.current(f"group:{self._group}")
        if lease is not None and lease.holder:
            self.holders[lease.epoch] = lease.holder

    def _say(self, record: Record) -> None:
        step = str(record.body.get("step", ""))
        self._moments.say(f"record:{record.kind}", seq=record.seq)
        if step:
            self._moments.say(f"record:{record.kind}:{step}", seq=record.seq)
        if record.kind == Kind.INTENDED:
            self._moments.say(f"step:{step}", seq=record.seq)
        if record.kind == Kind.DONE:
            self._moments.say(f"done:{step}", seq=record.seq)
