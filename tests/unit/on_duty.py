"""An executor in the middle of a run that tests write down, without a group to look at."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from engine.answering import AnswerQueue
from engine.duty import Duty
from engine.journal import Kind, RunJournal
from storage.memory import MemoryStores
from storage.records import Draft
from tests.simulation.night import Crowd, Said
from tests.unit.builders import NOW
from tests.unit.hand_clock import HandClock

RUN = "hf-000001"


async def on_duty(
    story: Sequence[tuple[Kind, Mapping[str, Any]]], *, since_s: float, people: Crowd | None = None
) -> Duty:
    """Return an executor that opened a run in which this was written, so many seconds ago."""
    stores, clock = MemoryStores(), HandClock(NOW)
    lease = stores.leases.acquire("group:site-1", "me", ttl_s=60, now=NOW)
    assert lease is not None
    drafts = [Draft(kind, NOW, "engine", body) for kind, body in story]
    stores.journal.append(RUN, drafts, lease=lease, last_seq=0)
    journal = await RunJournal.open(stores.journal, RUN, lease, clock)
    clock.move_to(since_s)
    return Duty(
        journal=journal,
        group=cast("Any", None),
        people=people or Crowd(),
        inbox=stores.inbox,
        answers=AnswerQueue(Said(), stores.inbox, clock),
        clock=clock,
    )
