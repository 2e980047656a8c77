"""What is ordered for later while another run has the group: it waits, and acts on nothing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.model import Appointment, StepKind
from tests.simulation.loop import START
from tests.simulation.night import POLICY, Night, everyone_agrees, quick
from tests.simulation.played import Played, Then, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
DUE = START + timedelta(hours=6)
WINDOW = Appointment(DUE, DUE + timedelta(hours=3), said="window 04:00-07:00")


def nobody(_night: Night, _gate: str, _step: str) -> None:
    """Nobody answers."""


def play(tmp_path: Path, then: Then, **night: Any) -> Played:
    return play_night(tmp_path, then, **{"policy": SPARSE, "ticks": timedelta(seconds=5), **night})


async def asked_about(stage: Night) -> str:
    """Have a run that waits for its approval; return its id."""
    stage.people = nobody
    stage.order()
    await stage.until(lambda s: s.open_gate is not None)
    stage.people = everyone_agrees
    return stage.run


async def beside(stage: Night, first: str, appointment: Appointment = WINDOW) -> str:
    """Order the second one for later, until it waits for the first one; return its id."""
    stage.order(appointment=appointment)
    await stage.until(lambda s: bool(s.waits_for), hours=1)
    assert stage.state().waits_for == f"site-1 is busy with {first}"
    return stage.run


def acts(stage: Night) -> list[str]:
    return [r.body["kind"] for r in stage.records() if r.kind == Kind.INTENDED]


async def aborted(stage: Night, run: str) -> None:
    stage.run = run
    stage.say("abort")
    await stage.until(lambda s: s.ended is not None, hours=1)
    assert stage.state().ended is not None


def test_an_order_for_later_beside_a_run_is_taken_and_prepared_once_that_is_over(tmp_path):
    async def then(stage: Night) -> None:
        first = await asked_about(stage)
        second = await beside(stage, first)
        index = stage.stores.journal.run(second)
        assert index is not None
        assert not index.occupies
        await stage.clock.sleep(timedelta(hours=1))
        assert acts(stage) == []
        await aborted(stage, first)
        stage.run = second
        await stage.until(lambda s: s.at_appointment, hours=1)
        assert stage.clock.now() < START + timedelta(hours=3), "it is prepared by day"
        await stage.until_over(hours=12)

    night = play(tmp_path, then)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    downs = [r.at for r in night.records if r.body.get("kind") == StepKind.ADMIN_DOWN]
    assert downs[0] >= DUE
    assert night.broken() == {}
    (note,) = (one for one in night.state.the_plan.notes if "is busy with" in one)
    assert "looked at anew" in note


def test_what_waits_for_another_run_goes_on_waiting_after_a_restart(tmp_path):
    async def then(stage: Night) -> None:
        first = await asked_about(stage)
        second = await beside(stage, first)
        await stage.kill()
        await stage.clock.sleep(timedelta(minutes=5))
        stage.begin()
        await stage.clock.sleep(timedelta(minutes=5))
        assert acts(stage) == []
        await aborted(stage, first)
        stage.run = second
        await stage.until(lambda s: s.at_appointment, hours=1)

    night = play(tmp_path, then)

    assert night.state.at_appointment
    assert night.kinds().count(Kind.BARRED) == 1


@pytest.mark.parametrize("prepare", ["now", "in_window"])
def test_what_the_other_run_changed_is_said_by_day_and_nothing_is_begun(tmp_path, prepare):
    """It installs the same package: what was planned beside it is not true any more."""

    async def then(stage: Night) -> None:
        first = await asked_about(stage)
        second = await beside(stage, first)
        stage.follow(first)
        await stage.until(lambda s: s.ended is not None, hours=5)
        assert stage.clock.now() < DUE
        stage.run = second
        assert stage.state().hold is None, "it was not looked at in the midst of the other one"
        await stage.until_over(hours=1)

    night = play(tmp_path, then, policy=quick(SPARSE, prepare=prepare))

    assert night.state.hold is not None
    assert night.state.hold.at < DUE
    assert night.state.hold.step == "PREFLIGHT"
    assert "1_1 already has" in night.state.hold.reason
    assert night.state.hold.ways[:2] == ("retry", "abort")
    assert Kind.INTENDED not in night.kinds()
    assert not night.state.occupies


def test_what_comes_too_late_for_its_window_asks(tmp_path):
    async def then(stage: Night) -> None:
        await beside(stage, await asked_about(stage), Appointment(DUE, DUE + timedelta(hours=1)))
        await stage.until_over(hours=12)

    night = play(tmp_path, then)

    assert night.state.hold is not None
    assert "the window ended at" in night.state.hold.reason
    assert "is busy with" in night.state.hold.reason
    assert Kind.INTENDED not in night.kinds()


def test_who_is_due_is_not_kept_by_one_for_later_that_waits_for_its_votes(tmp_path):
    async def then(stage: Night) -> None:
        stage.order(appointment=WINDOW)
        first = stage.run
        await stage.until(lambda s: s.at_appointment, hours=1)
        stage.people = nobody
        stage.order(appointment=Appointment(DUE + timedelta(hours=15)))
        await stage.until(lambda s: s.open_gate is not None, hours=1)
        stage.people = everyone_agrees
        stage.follow(first)
        await stage.until_over(hours=12)

    night = play(tmp_path, then)

    assert night.state.ended is not None, (night.state.hold, night.state.waits_for)
    assert night.broken() == {}


def said_to_an_order(tmp_path: Path, ready: Any, **asked: Any) -> str:
    """Return the refusal of an order beside a run of which something is true."""

    async def then(stage: Night) -> None:
        stage.order()
        first = stage.run
        await stage.until(ready)
        stage.order(**asked)
        await stage.clock.sleep(timedelta(minutes=1))
        assert [row.id for row in stage.stores.journal.runs()] == [first]
        stage.run = first

    texts = [text for _, text in play(tmp_path, then).said]
    (refused,) = [text for text in texts if "did not begin" in text]
    return refused


def test_what_an_older_version_has_as_busy_is_so_no_more_once_it_is_taken_up(tmp_path):
    """It had a run for later keep its group until its proposal was approved."""

    async def then(stage: Night) -> None:
        stage.people = nobody
        stage.order(appointment=WINDOW)
        first = stage.run
        await stage.until(lambda s: s.open_gate is not None and s.open_gate.shown is not None)
        await stage.kill()
        runs = stage.stores._door.shelf.runs
        runs[first] = replace(runs[first], occupies=True)
        stage.begin()
        await stage.clock.sleep(timedelta(minutes=1))
        assert stage.stores.journal.run(first) == stage.state().index()
        stage.order()
        await stage.until(lambda s: s.open_gate is not None, hours=1)

    night = play(tmp_path, then)

    assert night.state.open_gate is not None


def test_nothing_is_planned_beside_a_run_that_works_on_members(tmp_path):
    text = said_to_an_order(
        tmp_path, lambda s: s.of("A.RETURN").status == "done", appointment=WINDOW
    )

    assert "which works on its members; order it once that is over." in text


@pytest.mark.parametrize("kind", ["finish", "rollback"])
def test_what_is_about_the_last_run_is_not_planned_beside_it(tmp_path, kind):
    text = said_to_an_order(
        tmp_path,
        lambda s: s.open_gate is not None,
        kind=kind,
        package="",
        appointment=WINDOW,
    )

    assert f"`{kind}` is about the last run; order it once that is over." in text


def test_what_is_to_begin_at_once_is_not_ordered_beside_a_run(tmp_path):
    text = said_to_an_order(tmp_path, lambda s: s.open_gate is not None)

    assert "is busy with hf-" in text
