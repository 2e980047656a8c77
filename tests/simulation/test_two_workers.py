"""Two executors never act on one Security Group (P9), and a group never waits for a dead one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from engine import promises
from engine.journal import Kind
from engine.model import Appointment
from engine.worker import LEASE_TTL
from storage.records import Lease, Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import Site, small_package
from tests.simulation.two_workers import TwoWorkers
from tests.simulation.writing import a_newer_run


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


# -------------------------------------------------- settings and versions that change by and by


class Elsewhere(Site):
    """Settings that do not have the group, or not any more."""

    def group(self, name: str) -> None:
        return None

    def names(self) -> Sequence[str]:
        return ["site-9"]


def without_the_group(stage: TwoWorkers, zone: str | None = None) -> None:
    """Start a worker whose settings do not have the group, for a zone of its own or for all."""
    groups = frozenset({zone}) if zone is not None else None
    stage.add(groups=groups, site=Elsewhere(stage.policy, stage.shell))


def epoch(stage: TwoWorkers) -> int:
    lease = stage.stores.leases.current("group:site-1")
    assert lease is not None
    return lease.epoch


def unheld(stage: TwoWorkers) -> timedelta | None:
    return stage.stores.leases.lapsed("group:site-1", now=stage.clock.now())


async def kept(stage: TwoWorkers, lease: Lease, seconds: int) -> None:
    """Have whoever holds a lease live on for so long, and renew it."""
    for _ in range(0, seconds, 20):
        stage.stores.leases.renew(lease, ttl_s=60, now=stage.clock.now())
        await stage.play(20)


def alarms(stage: TwoWorkers) -> list[str]:
    return [r.body["reason"] for r in stage.records() if r.kind == Kind.ALARMED]


@pytest.mark.parametrize("zone", [None, "site-9"], ids=["of-all-groups", "of-another-zone"])
def test_a_worker_with_other_settings_does_not_take_a_run_from_one_that_restarts(tmp_path, zone):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order()
        await stage.play_until(lambda: any(map(intended("A.INSTALL"), stage.records())))
        without_the_group(stage, zone)
        await stage.play(5)
        await stage.end(0)
        await stage.play(90)
        stage.add()
        await stage.play_until(lambda: ended(stage))
        found = faults_of(stage), alarms(stage), taken_up(stage), {r.epoch for r in stage.records()}
        await stage.close()
        return found

    wrong, alarmed, (taken,), epochs = run_virtual(night(small_package(tmp_path)))

    assert (wrong, alarmed) == ([], [])
    assert taken.body["holder"] == "worker-3"
    assert epochs == {1, 2}


def test_an_open_run_whose_group_nobody_has_in_the_settings_is_told_once_and_left_free(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        with structlog.testing.capture_logs() as logged:
            without_the_group(stage)
            without_the_group(stage, "site-9")
            await stage.end(0)
            away = stage.clock.now()
            await stage.play(900)
        told = [r for r in stage.records() if r.kind == Kind.ALARMED]
        free, so_often = unheld(stage), epoch(stage)
        stage.add()
        await stage.play_until(lambda: ended(stage))
        found = told, away, free, so_often, faults_of(stage), alarms(stage), logged
        await stage.close()
        return found

    (told,), away, free, so_often, wrong, alarmed, logged = run_virtual(
        night(small_package(tmp_path))
    )

    assert alarmed == [told.body["reason"]] == ["site-1 is not in the settings any more"]
    assert 2 * LEASE_TTL <= told.at - away <= 3 * LEASE_TTL + timedelta(seconds=2)
    assert free is not None, "the lease is kept from a worker that has the group"
    assert free >= timedelta(minutes=5), "nobody would notice that nobody acts"
    assert so_often <= 3, "each of the two took the lease once at most"
    assert wrong == []
    assert [line["event"] for line in logged].count("an open run is left alone") == 2


def test_an_order_is_not_refused_while_the_worker_that_has_its_group_restarts(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        without_the_group(stage)
        without_the_group(stage, "site-9")
        stage.order()
        await stage.play(100)
        stage.add()
        await stage.play_until(lambda: ended(stage))
        found = faults_of(stage), stage.said.texts, alarms(stage)
        await stage.close()
        return found

    wrong, said, alarmed = run_virtual(night(small_package(tmp_path)))

    assert wrong == []
    assert [text for _, text in said if "did not begin" in text] == []
    assert alarmed == []


def test_an_order_is_not_refused_while_somebody_has_its_group(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        without_the_group(stage)
        leases = stage.stores.leases
        other = leases.acquire("group:site-1", "at a look", ttl_s=60, now=stage.clock.now())
        assert other is not None
        stage.order()
        await kept(stage, other, 500)
        before = list(stage.said.texts)
        leases.release(other)
        await stage.play(300)
        found = before, stage.said.texts
        await stage.close()
        return found

    before, said = run_virtual(night(small_package(tmp_path)))

    assert (before, len(said)) == ([], 1)


def test_an_order_for_a_group_that_nobody_has_is_refused_once_and_soon(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        without_the_group(stage)
        without_the_group(stage, "site-9")
        stage.order()
        await stage.play(2 * LEASE_TTL.total_seconds() - 5)
        before = list(stage.said.texts)
        await stage.play(15)
        after = list(stage.said.texts)
        await stage.play(300)
        found = before, after, stage.said.texts, stage.stores.inbox.waiting()
        await stage.close()
        return found

    before, after, said, waiting = run_virtual(night(small_package(tmp_path)))

    assert (before, waiting) == ([], [])
    assert after == said
    assert ["there is no group site-1; known: site-9." in text for _, text in said] == [True]


def of_a_newer_version(stage: TwoWorkers, kind: str) -> None:
    """Have an order, or a question, that says something which this version does not know."""
    stage.order()
    (row,) = (row for row in stage.stores.inbox.waiting() if row.kind == "order")
    stage.stores.inbox.drop(row.key)
    body = {**row.body, "request": {**row.body["request"], "only_members": ["1_1", "1_2"]}}
    stage.stores.inbox.put(replace(row, key=f"{row.key}/newer", kind=kind, body=body))


@pytest.mark.parametrize("kind", ["order", "plan"])
def test_an_order_that_says_what_we_do_not_know_is_left_to_a_newer_version_for_a_while(
    tmp_path, kind
):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order(package="other.tgz")  # refused, and the group is ours from then on
        await stage.play(30)
        held, already = unheld(stage), len(stage.said.texts)
        of_a_newer_version(stage, kind)
        await stage.play(5)
        leases = stage.stores.leases
        newer = leases.acquire("group:site-1", "a newer one", ttl_s=60, now=stage.clock.now())
        assert newer is not None, "the lease is kept from the version that knows this order"
        await kept(stage, newer, 500)
        meanwhile = stage.said.texts[already:]
        leases.release(newer)
        await stage.play(300)
        found = held, meanwhile, stage.said.texts[already:], list(stage.stores.journal.runs())
        await stage.close()
        return found

    held, meanwhile, said, runs = run_virtual(night(small_package(tmp_path)))

    assert held is None
    assert (meanwhile, runs) == ([], [])
    ((_, told),) = said
    assert "the order says only_members, which this version does not know" in told


def test_such_an_order_is_refused_where_we_are_at_work_and_the_work_goes_on(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = TwoWorkers(package)
        stage.add()
        stage.order()
        await stage.play_until(lambda: any(map(intended("A.INSTALL"), stage.records())))
        run = stage.run
        of_a_newer_version(stage, "order")
        stage.follow(run)
        await stage.play_until(lambda: ended(stage))
        found = faults_of(stage), stage.said.texts, taken_up(stage), stage.stores.inbox.waiting()
        await stage.close()
        return found

    wrong, said, taken, waiting = run_virtual(night(small_package(tmp_path)))

    assert (wrong, taken, waiting) == ([], [], [])
    assert ["says only_members" in text for _, text in said if "did not begin" in text] == [True]


def epochs_beside_a_newer_run(tmp_path: Path, *, ours_waits: bool) -> list[int]:
    """Return which lease has the group, every two minutes; of the two runs one occupies it."""

    async def night(package: Path) -> list[int]:
        stage = TwoWorkers(package, people=lambda *_: None)
        stage.add()
        later = Appointment(stage.clock.now() + timedelta(hours=6))
        stage.order(appointment=later if ours_waits else None)
        await stage.play_until(lambda: stage.state().open_gate is not None)
        a_newer_run(stage, occupies=ours_waits)
        epochs = []
        for _ in range(6):
            await stage.play(120)
            epochs.append(epoch(stage))
        await stage.close()
        return epochs

    return run_virtual(night(small_package(tmp_path)))


def test_who_is_at_work_on_a_group_keeps_it_beside_a_run_of_a_newer_version(tmp_path):
    assert set(epochs_beside_a_newer_run(tmp_path, ours_waits=False)) == {1}


def test_what_only_waits_gives_way_to_a_newer_version_as_long_as_that_may_be_there(tmp_path):
    epochs = epochs_beside_a_newer_run(tmp_path, ours_waits=True)

    assert epochs[0] > 1, "the lease is kept from the version that has the group"
    assert len(set(epochs[1:])) == 1, "what waits is taken up again and again"


def test_a_word_to_a_run_of_a_newer_version_is_left_to_it_for_a_while_before_that_is_told(tmp_path):
    async def night(package: Path) -> tuple[list[str], list[str]]:
        stage = TwoWorkers(package, people=lambda *_: None)
        stage.add()
        stage.order()
        await stage.play_until(lambda: stage.state().open_gate is not None)
        stage.run = a_newer_run(stage)
        stage.say("halt")
        await stage.play(60)
        before = [text for _, text in stage.said.texts]
        await stage.play(300)
        after = [text for _, text in stage.said.texts]
        await stage.close()
        return before, after

    before, after = run_virtual(night(small_package(tmp_path)))

    assert before == []
    assert [text.startswith("`halt` waits") for text in after] == [True]


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
