"""The writer of a run's stream: what it lets through, and that it never lags behind the store."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from engine.canon import to_json
from engine.clock import SystemClock
from engine.journal import Kind, RunJournal
from storage.memory import MemoryStores
from storage.records import Draft, Lease, Record
from tests.unit.builders import NOW, REQUEST

RUN = "hf-000001"


class Slow:
    """A journal that is kept waiting in the middle of an append."""

    def __init__(self, stores: MemoryStores) -> None:
        self._journal = stores.journal
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def append(self, *args: Any, **named: Any) -> Sequence[Record]:
        self.begun.set()
        self.goes_on.wait(30)
        return self._journal.append(*args, **named)


def begun() -> tuple[MemoryStores, Lease]:
    stores = MemoryStores()
    lease = stores.leases.acquire("group:site-1", "me", ttl_s=60, now=NOW)
    assert lease is not None
    ordered = Draft(Kind.ORDERED, NOW, REQUEST.requester, {"request": to_json(REQUEST)})
    stores.journal.append(RUN, [ordered], lease=lease, last_seq=0)
    return stores, lease


async def test_a_cancelled_append_is_over_when_its_caller_is():
    stores, lease = begun()
    slow = Slow(stores)
    journal = await RunJournal.open(slow, RUN, lease, SystemClock())
    writing = asyncio.ensure_future(journal.write(Kind.PAUSED, by="U0ANA00001"))
    await asyncio.to_thread(slow.begun.wait, 30)

    writing.cancel()
    await asyncio.wait([writing], timeout=0.05)
    slow.goes_on.set()
    await asyncio.wait([writing])

    assert writing.cancelled()
    assert [r.kind for r in stores.journal.read(RUN)] == [Kind.ORDERED, Kind.PAUSED]
    assert journal.state.last_seq == 2


async def test_a_secret_does_not_reach_the_journal():
    stores, lease = begun()
    journal = await RunJournal.open(
        stores.journal,
        RUN,
        lease,
        SystemClock(),
        redact=lambda text: text.replace("s3cret", "[redacted]"),
    )

    await journal.write(Kind.ALARMED, what="traffic", reason="s3cret", lines=[{"a": "x s3cret"}])

    (record,) = stores.journal.read(RUN, after=1)
    assert record.body["reason"] == "[redacted]"
    assert record.body["lines"] == [{"a": "x [redacted]"}]
