"""A gate's message is deleted while people vote: what cannot be read any more does not count."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine import promises
from engine.fold import RunState
from engine.journal import Kind
from storage.records import Record
from tests.simulation.effects import Effects
from tests.simulation.explore import Plot
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, everyone_agrees, small_package
from tests.simulation.stage import Stage

ANA, BEN, NOOR = "U0ANA00001", "U0BEN00001", "U0NOOR0001"


def deletes(stage: Stage, gate: str) -> None:
    """An administrator deletes a gate's message."""
    assert stage.chat is not None
    message = next(stage.chat.of(f"{stage.run}/gate/{gate}"))
    stage.chat.parts.workspace.delete(message)
    for executor in stage.living:
        executor.worker.wake(stage.run)


@pytest.fixture
def night(tmp_path: Path) -> Callable[[Callable[[Stage], None]], list[Record]]:
    package = small_package(tmp_path)

    def played(at_g2: Callable[[Stage], None], hours: float = 3) -> list[Record]:
        def people(night: Night, gate: str, step: str) -> None:
            assert isinstance(night, Stage)
            if gate == "G2":
                at_g2(night)
            else:
                everyone_agrees(night, gate, step)

        async def play() -> list[Record]:
            stage = Plot(slack=True).stage(package, Effects(), tmp_path)
            stage.people = people
            stage.begin()
            stage.order()
            await stage.until(lambda s: s.ended is not None or s.hold is not None, hours=hours)
            records = stage.records()
            await stage.close()
            return records

        return run_virtual(play())

    return played


def again(records: list[Record]) -> Record:
    """The record of the message that stands anew."""
    (found,) = [r for r in records if r.kind == Kind.GATE_SHOWN and r.body.get("lost")]
    return found


def test_votes_on_a_deleted_message_fall_and_are_asked_for_again(night):
    def at_g2(stage: Stage) -> None:
        stage.later(20, lambda: stage.react("G2", ANA, "yes"))
        stage.later(40, lambda: deletes(stage, "G2"))
        stage.later(300, lambda: stage.react("G2", BEN, "yes"))
        stage.later(320, lambda: stage.react("G2", NOOR, "yes"))

    records = night(at_g2)
    shown = again(records)
    down = next(r for r in records if r.kind == Kind.INTENDED and r.body["kind"] == "ADMIN_DOWN")

    assert shown.body["fallen"] == [ANA]
    assert down.seq > shown.seq
    assert sorted(down.body["voters"]) == sorted([BEN, NOOR])
    assert not [r for r in records if r.kind == Kind.WITHDRAWN], "nobody took anything back"
    assert promises.judge(records)["P2"] == promises.judge(records)["P12"] == "held"


def test_the_judge_counts_no_vote_that_fell_with_its_message(night):
    def at_g2(stage: Stage) -> None:
        stage.later(10, lambda: deletes(stage, "G2"))
        stage.later(120, lambda: everyone_agrees(stage, "G2", "A.FAILOVER"))

    records = night(at_g2)
    shown = again(records)
    down = next(r for r in records if r.kind == Kind.INTENDED and r.body["kind"] == "ADMIN_DOWN")
    assert promises.judge(records)["P2"] == "held"

    fell = {**shown.body, "fallen": list(down.body["voters"])}
    place = records.index(down)
    later = replace(shown, seq=down.seq - 1, body=fell)

    assert promises.judge([*records[:place], later, *records[place:]])["P2"] == "broken"


def test_an_approval_whose_message_is_deleted_in_the_grace_time_begins_nothing(night):
    def at_g2(stage: Stage) -> None:
        def gone(_: object = None) -> None:
            closed = [r for r in stage.records() if r.kind == Kind.GATE_CLOSED]
            if any(r.body["step"] == "A.FAILOVER" for r in closed):
                deletes(stage, "G2")
            else:
                stage.later(1, gone)

        stage.later(20, lambda: stage.react("G2", ANA, "yes"))
        stage.later(30, lambda: stage.react("G2", BEN, "yes"))
        stage.later(31, gone)

    records = night(at_g2, hours=0.3)
    shown = again(records)
    state = RunState.replay(records)

    assert shown.body["fallen"] == [ANA, BEN]
    assert state.open_gate is not None
    assert state.open_gate.outcome == ""
    assert state.open_gate.votes == {}
    assert state.of("A.ADMIN_DOWN").status == "waiting"


def test_a_run_whose_gate_was_deleted_ends_as_any_other(night):
    def at_g2(stage: Stage) -> None:
        stage.later(10, lambda: deletes(stage, "G2"))
        stage.later(120, lambda: everyone_agrees(stage, "G2", "A.FAILOVER"))

    records = night(at_g2)

    assert again(records).body["fallen"] == []
    assert RunState.replay(records).ended is not None
    assert set(promises.judge(records).values()) <= {"held", "not exercised"}
