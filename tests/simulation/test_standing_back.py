"""A worker that may not act any more stands back by itself, before anybody else has to stop it."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.speaking.lease import SpeakingLease
from engine.errors import Fenced
from engine.journal import Kind
from engine.worker import Worker
from storage.memory import MemoryStores
from storage.records import Lease, LeaseLost, Record, StorageDown
from tests.simulation.loop import run_virtual
from tests.simulation.night import small_package
from tests.simulation.test_two_workers import ended, intended
from tests.simulation.two_workers import TwoWorkers
from tests.unit.builders import NOW
from tests.unit.hand_clock import HandClock


def test_while_the_database_is_away_no_line_may_be_sent_however_fresh_the_lease(tmp_path):
    async def night(package: Path) -> None:
        stage = TwoWorkers(package)
        first = stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        worker = stage.workers[0]
        worker._may_send("site-1")
        first.database_away = True
        await stage.play(5)
        with pytest.raises(StorageDown, match="did not answer"):
            worker._may_send("site-1")
        first.database_is_back()
        await stage.play(5)
        worker._may_send("site-1")
        await stage.close()

    run_virtual(night(small_package(tmp_path)))


def test_a_lease_that_grew_old_in_an_act_stops_it_and_breaks_nothing_off(tmp_path):
    """As where the process was suspended: nobody else has the lease, and it goes on by itself."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        first = stage.add()
        refused: list[str] = []

        def grows_old(record: Record) -> bool:
            if intended("CLONING_OFF")(record):
                first.stops_at = lambda _record: False
                lease, since = stage.workers[0]._leases["site-1"]
                stage.workers[0]._leases["site-1"] = (lease, since - 60)
                try:
                    stage.workers[0]._may_send("site-1")
                except Fenced as error:
                    refused.append(str(error))
            return False

        first.stops_at = grows_old
        stage.order()
        await stage.play_until(lambda: ended(stage))
        found = stage.state().ended, [r.kind for r in stage.records()], refused
        await stage.close()
        return found

    end, kinds, refused = run_virtual(night(small_package(tmp_path)))

    assert refused == ["the lease on site-1 was not renewed in time"]
    assert end["state"] == "done"
    assert {Kind.BROKEN, Kind.HELD} & set(kinds) == set()


class SlowLeases:
    """Leases of a database that answers half a minute after it has granted one."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._granted = MemoryStores().leases

    def acquire(self, resource: str, holder: str, **how: Any) -> Lease | None:
        lease = self._granted.acquire(resource, holder, **how)
        self._take_time()
        return lease

    def renew(self, lease: Lease, **how: Any) -> Lease:
        longer = self._granted.renew(lease, **how)
        self._take_time()
        return longer

    def _take_time(self) -> None:
        self._clock.move_to(self._clock.monotonic() + 30)


def slow_stores(clock: HandClock) -> Any:
    kept = MemoryStores()
    return SimpleNamespace(journal=kept.journal, inbox=kept.inbox, leases=SlowLeases(clock))


async def test_a_lease_ages_from_when_it_was_asked_for_and_not_from_the_answer():
    """Else a worker acts while its lease is another's already, where the database is slow."""
    clock, nobody = HandClock(NOW), cast("Any", None)
    worker = Worker(slow_stores(clock), clock, nobody, nobody, nobody, nobody, holder="me")

    await worker._lease("site-1")
    worker._may_send("site-1")
    await worker._renew()
    worker._may_send("site-1")
    clock.move_to(clock.monotonic() + 11)
    with pytest.raises(Fenced, match="not renewed in time"):
        worker._may_send("site-1")


async def test_a_lease_that_was_granted_slowly_is_as_old_when_it_is_first_used():
    clock, nobody = HandClock(NOW), cast("Any", None)
    worker = Worker(slow_stores(clock), clock, nobody, nobody, nobody, nobody, holder="me")

    await worker._lease("site-1")
    clock.move_to(41)
    with pytest.raises(Fenced, match="not renewed in time"):
        worker._may_send("site-1")


async def test_the_lease_to_speak_ages_from_when_it_was_asked_for_too():
    clock = HandClock(NOW)
    speaking = SpeakingLease("hf-1", slow_stores(clock), clock, "me", timedelta(seconds=60))

    assert await speaking.take() is not None
    speaking.refuse_late()
    clock.move_to(41)
    with pytest.raises(LeaseLost, match="not renewed in time"):
        speaking.refuse_late()


def test_a_worker_that_lost_its_lease_has_nothing_under_way_any_more(tmp_path):
    async def night(package: Path) -> tuple[bool, bool]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().of("A.INSTALL").committed_at is not None)
        before = under_way(stage)
        await stage.workers[0]._lose("site-1")
        after = under_way(stage)
        await stage.close()
        return before, after

    assert run_virtual(night(small_package(tmp_path))) == (True, False)


def under_way(stage: TwoWorkers) -> bool:
    """Tell whether the worker is in the middle of advancing a run."""
    tasks = [hand.task for hand in stage.workers[0]._hands.values()]
    return any(task is not None and not task.done() for task in tasks)
