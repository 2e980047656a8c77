"""Follows a run's journal from beside it: reading only, as any colleague at the console could."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from bot.demo.moments import Moments
from engine.journal import Kind
from engine.ports import Clock
from storage.records import Record, Stores

RELAXED = timedelta(milliseconds=60)
"""Between two reads when nothing depends on how quickly we see a record."""

KEEN = timedelta(milliseconds=3)
"""While a kill waits for a record: between a COMMITTING and the device's first sign are about
20 ms."""


class JournalWatch:
    """Says every record of the one run as moments, and keeps the records."""

    def __init__(self, stores: Stores, moments: Moments, clock: Clock) -> None:
        """Take where the journal is, and whom to tell."""
        self._stores = stores
        self._moments = moments
        self._clock = clock
        self.run = ""
        self.records: list[Record] = []
        self.keen: Callable[[], bool] = lambda: False
        self.on_record: Callable[[Record], None] = lambda _record: None

    async def follow(self) -> None:
        """Read for ever."""
        while True:
            await self.read_on()
            await self._clock.sleep(KEEN if self.keen() else RELAXED)

    async def read_on(self) -> None:
        """Take in what is new."""
        for record in await asyncio.to_thread(self._new):
            self.records.append(record)
            self.on_record(record)
            self._say(record)

    def _new(self) -> list[Record]:
        if not self.run:
            rows = self._stores.journal.runs(open_only=False)
            if not rows:
                return []
            self.run = rows[0].id
        last = self.records[-1].seq if self.records else 0
        return list(self._stores.journal.read(self.run, after=last))

    def _say(self, record: Record) -> None:
        step = str(record.body.get("step", ""))
        self._moments.say(f"record:{record.kind}", seq=record.seq)
        if step:
            self._moments.say(f"record:{record.kind}:{step}", seq=record.seq)
        if record.kind == Kind.INTENDED:
            self._moments.say(f"step:{step}", seq=record.seq)
        if record.kind == Kind.DONE:
            self._moments.say(f"done:{step}", seq=record.seq)
