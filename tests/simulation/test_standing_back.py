"""A worker that may not act any more stands back by itself, before anybody else has to stop it."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import Fenced
from engine.journal import Kind
from storage.records import Record, StorageDown
from tests.simulation.loop import run_virtual
from tests.simulation.night import small_package
from tests.simulation.test_two_workers import ended, intended
from tests.simulation.two_workers import TwoWorkers


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
