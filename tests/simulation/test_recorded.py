"""Runs that other versions recorded: read as they were meant, and gone on with; see tests.recorded.

And the other way round: what only a newer version knows is refused, and nothing is sent.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.chronicle import header, lines, plan_lines
from bot.runs import NoSuchRun, Runs
from bot.views import render
from engine.errors import NotUnderstood
from engine.fold import RunState
from engine.journal import Kind
from engine.model import StepKind
from engine.rehearsal.group import Setup
from storage.memory import MemoryStores
from storage.records import Draft, Record, RunRow, StorageDown, chain_fault
from tests.recorded import outcome, recordings, records_of
from tests.recorded.__main__ import SCRIPTS, Script, begun
from tests.simulation.effects import Effects
from tests.simulation.explore import SPARSE, unsafe_in
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package
from tests.simulation.played import Played, play_night
from tests.simulation.surroundings import PHASES, Surroundings
from tests.simulation.writing import a_newer_run

ALL = recordings()
OPEN = [file for file in ALL if file.stem.startswith("open-")]


SINCE_THEN = {Kind.CALLED, Kind.ATTENDING}
"""Kinds that are newer than the last recordings; the next ones (`tests.recorded`) have them."""


STEPS_SINCE_THEN = {StepKind.WITHOUT, StepKind.APPOINTMENT, StepKind.KEEP}
"""The same of steps."""

OF_THE_HOUSE = {Kind.FROZEN, Kind.UNFROZEN, Kind.LOOKED}
"""What is in no run's journal."""


def named(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"


# ------------------------------------------------------------------------ older versions


def test_what_is_recorded_exercises_all_that_can_happen():
    records = [record for file in ALL for record in records_of(file)]
    plans = [r.body["plan"] for r in records if r.kind == Kind.PLANNED]

    assert set(Kind) - {r.kind for r in records} == {
        Kind.BROKEN,
        *OF_THE_HOUSE,
        *SINCE_THEN,
    }
    assert {step["kind"] for plan in plans for step in plan["steps"]} == (
        set(StepKind) - STEPS_SINCE_THEN
    )


@pytest.mark.parametrize("file", ALL, ids=named)
def test_a_recorded_run_means_what_it_meant(file):
    records = records_of(file)

    assert chain_fault(records) is None
    assert outcome(records) == json.loads(file.with_suffix(".json").read_text())


@pytest.mark.parametrize("file", ALL, ids=named)
def test_a_recorded_run_can_be_told_at_each_of_its_moments(file):
    records = records_of(file)

    for end in range(2, len(records) + 1):
        assert render(records[:end])
    assert header(records)["run"] == records[0].stream
    assert len(lines(records)) == len(records)
    assert plan_lines(records)


TWINS = {
    **{name: script for name, script in SCRIPTS.items() if script.until is not None},
    "open-held": Script(until=PHASES["install dialogue"]),
}
"""A night of today in whose phase `until` the devices are as when a recording was cut."""


def put(stores: MemoryStores, records: list[Record], row: RunRow) -> None:
    """Have a database in which there is this run, as it was written then."""
    shelf = stores._door.shelf
    shelf.streams[row.id] = list(records)
    shelf.runs[row.id] = row


@pytest.mark.parametrize("file", OPEN, ids=named)
def test_an_open_recorded_run_is_taken_up_and_ends(tmp_path, file):
    """The devices are brought to that state by a night of today, whose journal is then lost."""
    records = records_of(file)

    async def night(package: Path) -> tuple[Any, ...]:
        twin = TWINS[file.stem]
        assert twin.until is not None
        stage = await begun(twin, package)
        beside = asyncio.ensure_future(twin.then(stage)) if twin.then is not None else None
        await stage.dies_at(twin.until)
        if beside is not None:
            beside.cancel()
        stage.stores = stage.vault.stores = MemoryStores()
        put(stage.stores, records, replace(RunState.replay(records).index(), open=True))
        stage.run = records[0].stream
        stage.step_clock(records[-1].at - stage.clock.now() + timedelta(seconds=20))
        stage._shown -= {f"G{n}" for n in range(1, 9)}
        stage.begin()
        state = await stage.play(retry=("expired", "UnknownPrompt"))
        found = state.ended or state.hold, stage.records(), unsafe_in(stage)
        await stage.close()
        return found

    end, after, unsafe = run_virtual(night(small_package(tmp_path)))

    assert end["state"] == "done"
    assert unsafe == []
    assert after[: len(records)] == records
    assert chain_fault(after) is None


# ------------------------------------------------------------------------ newer versions


def a_new_kind(records: list[Record]) -> Draft:
    return Draft("CAMPAIGN", records[-1].at, "engine", {"wave": 2})


def a_new_step(records: list[Record]) -> Draft:
    body = json.loads(json.dumps(records[1].body))
    body["plan"]["steps"][3]["kind"] = "SNAPSHOT"
    return Draft(Kind.PLANNED, records[-1].at, "engine", body)


def a_new_rule(records: list[Record]) -> Draft:
    body = json.loads(json.dumps(records[1].body))
    body["plan"]["policy"]["failover"]["not_before_noon"] = True
    return Draft(Kind.PLANNED, records[-1].at, "engine", body)


NEWER: dict[str, tuple[Callable[[list[Record]], Draft], str]] = {
    "kind": (a_new_kind, "the kind CAMPAIGN"),
    "step": (a_new_step, "a plan with steps.3.kind = 'SNAPSHOT'"),
    "rule": (a_new_rule, "a plan with policy.failover.not_before_noon"),
}


@cache
def at_a_gate() -> tuple[Record, ...]:
    return tuple(records_of(next(f for f in OPEN if f.stem == "open-at-a-gate")))


def of_a_newer_version(stores: MemoryStores, what: str) -> tuple[str, str]:
    """Have an open run in a database that version 9.0.0 went on with; return it and a sentence."""
    records = list(at_a_gate())
    run = records[0].stream
    put(stores, records, RunState.replay(records).index())
    make, said = NEWER[what]
    took = {"holder": "newer", "version": "9.0.0"}
    drafts = [Draft(Kind.TAKEN_UP, records[-1].at, "engine", took), make(records)]
    stores.journal.append(run, drafts, lease=None, last_seq=len(records))
    place = len(records) + len(drafts)
    return run, f"{run} was written by version 9.0.0, and record {place} has {said}, which"


@pytest.mark.parametrize("what", NEWER)
def test_what_only_a_newer_version_knows_is_left_to_it_and_nothing_is_sent(tmp_path, what):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package, with_slack=True, effects=Effects())
        run, sentence = of_a_newer_version(stage.stores, what)
        stage.run = run
        before = stage.records()
        with structlog.testing.capture_logs() as logged:
            stage.begin()
            await stage.steady.sleep(timedelta(minutes=20))
        left = stage.stores.leases.acquire(
            "group:site-1", "a newer one", ttl_s=60, now=stage.clock.now()
        )
        found = stage.sends(0), stage.records() == before, left, sentence, logged
        assert stage.chat is not None
        told = stage.chat.messages()
        await stage.close()
        return *found, told

    sent, untouched, left, sentence, logged, told = run_virtual(night(small_package(tmp_path)))

    assert sent == []
    assert untouched
    assert left is not None, "the lease is kept from the version that knows this run"
    assert told == []
    errors = [line for line in logged if line["log_level"] == "error"]
    assert sorted(line["event"] for line in errors) == [
        "a run is not told",
        "an open run is left to a newer version; nothing is sent for it",
    ]
    assert all(line["reason"].startswith(sentence) for line in errors)


@pytest.mark.parametrize("what", NEWER)
def test_who_asks_how_such_a_run_stands_is_told_why_nobody_can_say(what):
    stores = MemoryStores()
    run, sentence = of_a_newer_version(stores, what)
    runs = Runs(stores.journal, stores.deliveries, ["site-1"])

    assert runs.status("").startswith(sentence)
    assert "As last read (record " in runs.status("")
    with pytest.raises(NoSuchRun, match=run):
        runs.why("site-1", "U0ANA00001")
    with pytest.raises(NotUnderstood, match=run):
        header(stores.journal.read(run))


BLIND = {"name": "blind", "when": "install_started:1_1", "seconds": 20000}


@pytest.mark.parametrize("faults", [[], [BLIND]], ids=["installed", "blind"])
def test_a_run_that_we_cannot_read_takes_nothing_from_the_night_beside_it(tmp_path, faults):
    """Its lease above all: a night that is fenced each minute begins its limits anew."""

    def played(*, beside: bool) -> Played:
        async def then(stage: Night) -> None:
            stage.order()
            await stage.until(lambda s: s.plan is not None)
            if beside:
                a_newer_run(stage)
            await stage.until_over()

        return play_night(tmp_path, then, policy=SPARSE, setup={"faults": faults})

    night, undisturbed = played(beside=True), played(beside=False)

    assert bool(undisturbed.state.hold) is bool(faults)
    assert [(r.at, r.kind) for r in night.records] == [(r.at, r.kind) for r in undisturbed.records]
    assert {r.epoch for r in night.records} == {1}


def test_who_says_halt_to_a_run_that_nobody_here_can_read_is_told_once_who_is_down(tmp_path):
    async def night(package: Path) -> tuple[list[str], list[str]]:
        stage = Night(package, setup=Setup(members=4), policy=SPARSE)
        stage.begin()
        stage.order()
        await stage.until(lambda s: s.of("A.ADMIN_DOWN").status == "done")
        await stage.kill()
        journal, records = stage.stores.journal, list(stage.records())
        index = journal.run(stage.run)
        newer, last = [a_new_kind(records)], records[-1].seq
        journal.append(stage.run, newer, lease=None, last_seq=last, index=index)
        stage.said.texts.clear()
        stage.begin()
        stage.say("halt")
        await stage.clock.sleep(timedelta(minutes=10))
        words = [row.body["verb"] for row in stage.stores.inbox.waiting(kinds=("word",))]
        await stage.close()
        return [text for _, text in stage.said.texts], words

    with structlog.testing.capture_logs() as logged:
        told, waiting = run_virtual(night(small_package(tmp_path)))

    (answer,) = told
    assert answer.startswith("`halt` waits, and nothing is sent for hf-")
    assert "has the kind CAMPAIGN, which this version does not know" in answer
    assert "out of service: 1_1-1_2. What came after that is not known" in answer
    assert "`g_clusterXL_admin -b 1_1-1_2 up`. But not before CPUSE is idle on" in answer
    assert waiting == ["halt"], "whoever can read the run has to hear it"
    (line,) = (line for line in logged if line["event"].startswith("an open run is left"))
    assert line["out_of_service"] == ["1_1", "1_2"]
    assert line["by_hand"] == "g_clusterXL_admin -b 1_1-1_2 up"


def test_a_run_that_cannot_be_read_is_left_in_peace_while_the_database_is_away(
    tmp_path, monkeypatch
):
    async def night(package: Path) -> None:
        stage = Night(package, policy=SPARSE)
        stage.begin()
        stage.order()
        await stage.until(lambda s: s.plan is not None)
        runs, failed = stage.stores.journal.runs, list[Any]()

        def once_away(**named: Any) -> Any:
            if named.get("group") and not failed:
                failed.append(named)
                raise StorageDown("it is away")
            return runs(**named)

        monkeypatch.setattr(stage.stores.journal, "runs", once_away)
        a_newer_run(stage)
        await stage.clock.sleep(timedelta(minutes=3))
        assert failed
        await stage.close()

    with structlog.testing.capture_logs() as logged:
        run_virtual(night(small_package(tmp_path)))

    events = [line["event"] for line in logged]
    assert "the database does not answer; nothing is sent until it does" in events
    assert "the database answers again" in events
