"""Two executors never act on one Security Group (P9), and a group never waits for a dead one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from engine import promises
from engine.journal import Kind
from engine.worker import LEASE_TTL
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import Site, small_package
from tests.simulation.two_workers import TwoWorkers


def intended(step: str) -> Callable[[Record], bool]:
    return lambda record: record.kind == Kind.INTENDED and record.body["step"] == step


def of(kind: Kind) -> Callable[[Record], bool]:
    return lambda record: record.kind == kind


MOMENTS = {
    "before the upload": intended("UPLOAD"),
    "before auto-clone goes off": intended("CLONING_OFF"),
    "before A goes down": intended("A.ADMIN_DOWN"),
    "before A is installed": intended("A.INSTALL"),
    "while a gate is open": of(Kind.GATE_SHOWN),
    "at a vote": of(Kind.VOTED),
}


def taken_up(stage: TwoWorkers) -> list[Record]:
    return [r for r in stage.records() if r.kind == Kind.TAKEN_UP]


def faults_of(stage: TwoWorkers) -> list[str]:
    """Say what the judges object to, the journal's and the devices'."""
    seen = stage.group.report()
    wrong = [
        f"{name}: {why}"
        for name, (verdict, why) in promises.explained(stage.records()).items()
        if verdict == promises.BROKEN
    ]
    wrong += seen["objections"]
    wrong += [m["id"] for m in seen["members"] if m["installs_started"] != 1]
    wrong += [m["id"] for m in seen["members"] if m["take_after"] != 120]
    if seen["connections_lost"]:
        wrong.append(f"{seen['connections_lost']} connections lost")
    return wrong


def ended(stage: TwoWorkers) -> bool:
    return stage.state().ended is not None


@pytest.mark.parametrize(
    ("awake_after_s", "ticks"), [(1, False), (240, True)], ids=["at-once", "late"]
)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda name: name.replace(" ", "-"))
def test_a_worker_that_was_stopped_does_nothing_when_it_goes_on(
    tmp_path, moment, awake_after_s, ticks
):
    """Without a tick it does not learn from the database that its lease is lost."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        first = stage.add()
        first.stops_at = MOMENTS[moment]
        stage.order()
        await stage.play_until(lambda: first.stopped)
        stage.add()

        await stage.play_until(lambda: taken_up(stage) != [])
        await stage.play(awake_after_s)
        first.ticks = ticks
        before = list(first.acts)
        with structlog.testing.capture_logs() as logged:
            first.go_on()
            await stage.play_until(lambda: ended(stage))
        records, wrong = list(stage.records()), faults_of(stage)
        late = first.acts[len(before) :]
        await stage.close()
        return records, wrong, late, [line["event"] for line in logged]

    records, wrong, late, logged = run_virtual(night(small_package(tmp_path)))

    assert (wrong, late) == ([], [])
    (taken,) = [r for r in records if r.kind == Kind.TAKEN_UP]
    assert taken.body["holder"] == "worker-2"
    assert {r.epoch for r in records if r.seq < taken.seq} == {1}
    assert {r.epoch for r in records if r.seq >= taken.seq} == {2}
    assert {"fenced", "lease lost"} & set(logged)
    assert "advance failed" not in logged


def test_a_group_whose_worker_is_gone_is_taken_over_at_the_next_tick(tmp_path):
    async def night(package: Path) -> tuple[datetime, list[Record]]:
        stage = TwoWorkers(package)
        first = stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        stage.add()
        await stage.play(5)
        first.stop()
        stopped_at = stage.clock.now()
        await stage.play_until(lambda: taken_up(stage) != [], hours=0.1)
        found = stopped_at, taken_up(stage)
        await stage.close()
        return found

    stopped_at, (taken,) = run_virtual(night(small_package(tmp_path)))

    assert taken.at - stopped_at <= LEASE_TTL + timedelta(seconds=2)


def test_a_worker_that_ends_gives_its_groups_back_and_the_next_begins_at_once(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        stage.add()
        ended_at = stage.clock.now()
        await stage.end(0)
        await stage.play_until(lambda: ended(stage))
        found = ended_at, taken_up(stage), faults_of(stage)
        await stage.close()
        return found

    ended_at, (taken,), wrong = run_virtual(night(small_package(tmp_path)))

    assert taken.at - ended_at <= timedelta(seconds=2)
    assert wrong == []


def test_two_workers_do_not_quarrel_over_an_order(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.add()
        stage.order()
        await stage.play_until(lambda: ended(stage))
        found = faults_of(stage), taken_up(stage), stage.said.texts
        await stage.close()
        return found

    wrong, taken, said = run_virtual(night(small_package(tmp_path)))

    assert (wrong, taken) == ([], [])
    assert [text for _, text in said if "did not begin" in text] == []


# ------------------------------------------------------------------------------------- zones


def test_a_worker_of_another_zone_neither_takes_orders_nor_takes_over(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add(groups=frozenset({"site-9"}))
        stage.order()
        await stage.play(300)
        before = list(stage.stores.journal.runs()), len(stage.stores.inbox.waiting())
        first = stage.add(groups=frozenset({"site-1"}))
        await stage.play_until(lambda: stage.state().open_gate is not None)
        first.stop()
        await stage.play(600)
        found = before, taken_up(stage), stage.said.texts
        await stage.close()
        return found

    before, taken, said = run_virtual(night(small_package(tmp_path)))

    assert before == ([], 1)
    assert (taken, said) == ([], [])


def test_an_open_run_whose_group_left_the_settings_is_told_once(tmp_path):
    class Empty(Site):
        def group(self, name: str) -> None:
            return None

    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        await stage.end(0)
        with structlog.testing.capture_logs() as logged:
            stage.add(site=Empty(stage.policy, stage.shell))
            await stage.play(900)
        found = list(stage.records()), [line["event"] for line in logged]
        await stage.close()
        return found

    records, logged = run_virtual(night(small_package(tmp_path)))

    told = [r.body["reason"] for r in records if r.kind == Kind.ALARMED]
    assert told == ["site-1 is not in the settings any more"]
    assert logged.count("an open run is left alone") == 1


# -------------------------------------------------------------------------- the database away


@pytest.mark.parametrize("away_s", [20, 300], ids=["shortly", "beyond-the-lease"])
@pytest.mark.parametrize(
    "moment",
    ["before A goes down", "before A is installed"],
    ids=lambda name: name.replace(" ", "-"),
)
def test_nothing_is_sent_while_the_database_is_away_and_the_night_goes_on_by_itself(
    tmp_path, moment, away_s
):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        first = stage.add()
        first.loses_database_at = MOMENTS[moment]
        stage.order()
        with structlog.testing.capture_logs() as logged:
            await stage.play_until(lambda: first.database_away)
            before = stage.group.report()["acts"]
            await stage.play(away_s)
            after = stage.group.report()["acts"]
            first.database_is_back()
            await stage.play_until(lambda: ended(stage))
        found = before, after, faults_of(stage), list(stage.records()), logged
        await stage.close()
        return found

    before, after, wrong, records, logged = run_virtual(night(small_package(tmp_path)))

    assert after == before
    assert wrong == []
    assert [r.kind for r in records if r.kind in (Kind.BROKEN, Kind.HELD, Kind.TAKEN_UP)] == []
    told = [line["event"] for line in logged if line["log_level"] == "error"]
    assert told.count("the database does not answer; nothing is sent until it does") == 1
    assert "the database answers again" in [line["event"] for line in logged]


def test_a_lease_that_could_not_be_renewed_goes_to_a_worker_that_has_a_database(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        first = stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        first.database_away = True
        stage.add()
        await stage.play_until(lambda: taken_up(stage) != [])
        first.database_is_back()
        await stage.play_until(lambda: ended(stage))
        found = faults_of(stage), taken_up(stage)
        await stage.close()
        return found

    wrong, (taken,) = run_virtual(night(small_package(tmp_path)))

    assert wrong == []
    assert taken.body["holder"] == "worker-2"


def test_an_order_that_waited_for_the_database_is_taken_when_it_is_back(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        first = stage.add()
        first.database_away = True
        stage.order()
        await stage.play(120)
        before = list(stage.stores.journal.runs())
        first.database_is_back()
        await stage.play(30)
        found = before, list(stage.stores.journal.runs())
        await stage.close()
        return found

    before, after = run_virtual(night(small_package(tmp_path)))

    assert before == []
    assert len(after) == 1
