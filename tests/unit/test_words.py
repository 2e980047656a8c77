"""Words are taken under the lease: who was replaced can lose none of them."""

from datetime import timedelta
from typing import Any

import pytest

from engine import words
from engine.canon import to_json
from engine.clock import SystemClock
from engine.duty import Duty
from engine.errors import Fenced
from engine.journal import RunJournal, planned_body
from storage.memory import MemoryStores
from storage.records import Draft, InboxRow, Lease
from tests.unit.builders import NOW, REQUEST, plan, without_package

RUN = "hf-000001"
HINT = {"channel": "C", "ts": "9.9", "user": "ana", "choice": "yes", "added": True}


def taken(stores: MemoryStores, holder: str, *, hours: int) -> Lease:
    at = NOW + timedelta(hours=hours)
    lease = stores.leases.acquire("group:site-1", holder, ttl_s=60, now=at)
    assert lease is not None
    return lease


async def test_a_vote_on_a_gate_that_only_the_successor_knows_is_left_to_the_successor():
    stores = MemoryStores()
    nobody: Any = None
    former = taken(stores, "former", hours=0)
    drafts = [
        Draft("ORDERED", NOW, "rita", {"request": to_json(REQUEST)}),
        Draft("PLANNED", NOW, "engine", planned_body(plan(), without_package())),
    ]
    stores.journal.append(RUN, drafts, lease=former, last_seq=0)
    journal = await RunJournal.open(stores.journal, RUN, former, SystemClock())
    duty = Duty(journal, nobody, nobody, stores.inbox, nobody, SystemClock())
    taken(stores, "successor", hours=1)
    stores.inbox.put(InboxRow("evt:1", RUN, "hint", HINT, NOW))

    with pytest.raises(Fenced, match="epoch 1 of former is over"):
        await words.take_words(duty)

    assert [row.key for row in stores.inbox.waiting()] == ["evt:1"]
