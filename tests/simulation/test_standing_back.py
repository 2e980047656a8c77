"""A worker that may not act any more stands back by itself, before anybody else has to stop it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Fenced
from engine.journal import Kind
from storage.records import Record, StorageDown
from tests.simulation.loop import run_virtual
from tests.simulation.night import small_package
from tests.simulation.test_two_workers import ended, intended, taken_up
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

        def grows_old(record: Record) -> bool:
            if intended("CLONING_OFF")(record):
                first.stops_at = lambda _record: False
                lease, since = stage.workers[0]._leases["site-1"]
                stage.workers[0]._leases["site-1"] = (lease, since - 60)
                with pytest.raises(Fenced):
                    stage.workers[0]._may_send("site-1")
            return False

        first.stops_at = grows_old
        stage.order()
        await stage.play_until(lambda: ended(stage))
        found = stage.state().ended, [r.kind for r in stage.records()]
        await stage.close()
        return found

    end, kinds = run_virtual(night(small_package(tmp_path)))

    assert end["state"] == "done"
    assert {Kind.BROKEN, Kind.HELD} & set(kinds) == set()


def test_a_worker_that_lost_its_lease_has_nothing_under_way_any_more(tmp_path):
    async def night(package: Path) -> list[bool]:
        stage = TwoWorkers(package)
        first = stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().of("A.INSTALL").committed_at is not None)
        first.stop()
        stage.add()
        await stage.play_until(lambda: taken_up(stage) != [])
        first.go_on()
        await stage.clock.sleep(timedelta(seconds=2))
        under_way = [hand.task is not None and not hand.task.done() for hand in hands(stage)]
        await stage.close()
        return under_way

    assert run_virtual(night(small_package(tmp_path))) == [False]


def hands(stage: TwoWorkers) -> list[Any]:
    return list(stage.workers[0]._hands.values())
