"""The last run of a group is the one that ended last: one for later is ordered before others."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine import daily
from engine.former import formers
from engine.model import Appointment
from tests.simulation.loop import START
from tests.simulation.night import Night, everyone_agrees
from tests.simulation.test_beside import play

UNINSTALL: dict[str, Any] = {"kind": "uninstall", "package": "", "method": "last_take"}
LATER = Appointment(START + timedelta(hours=20))


def agree_but_at(step: str) -> Callable[[Night, str, str], None]:
    def people(night: Night, gate: str, shown: str) -> None:
        if shown != step:
            everyone_agrees(night, gate, shown)

    return people


async def ended(stage: Night) -> str:
    await stage.until(lambda s: s.ended is not None, hours=24)
    assert stage.state().ended is not None, stage.state().hold
    return stage.run


async def ordered_first(stage: Night) -> str:
    """Have an uninstallation for later, and an uninstallation and an installation before it."""
    stage.order()
    await ended(stage)
    stage.order(**UNINSTALL, appointment=LATER)
    first = stage.run
    await stage.until(lambda s: s.at_appointment, hours=1)
    stage.order(**UNINSTALL)
    await ended(stage)
    stage.order()
    last = await ended(stage)
    assert next(formers(stage.stores.journal, "site-1")).run == last
    stage.follow(first)
    return first


def test_finish_goes_on_with_a_run_for_later_that_was_ended_in_the_middle(tmp_path: Path):
    async def then(stage: Night) -> None:
        first = await ordered_first(stage)
        stage.people = agree_but_at("B.FAILOVER")
        await stage.until(
            lambda s: s.open_gate is not None and s.open_gate.step == "B.FAILOVER", hours=24
        )
        stage.say("abort")
        await ended(stage)
        assert stage.worker is not None
        setup = stage.worker._inventory.group("site-1")
        assert setup is not None
        look = await daily.look_now(setup, setup.open_shell(), stage.clock, stage.stores.journal)
        assert any(f"{first} ended" in one.text for one in look.findings)
        stage.order(kind="finish", package="")
        await stage.until(lambda s: s.open_gate is not None, hours=1)
        assert f"finish of {first}," in stage.state().the_plan.cause

    left = play(tmp_path, then).state

    assert left.the_plan.kind == "uninstall"
    assert [group.name for group in left.the_plan.changing] == ["B"]


def test_rollback_takes_back_a_run_for_later_that_ended_last(tmp_path: Path):
    async def then(stage: Night) -> None:
        first = await ordered_first(stage)
        await ended(stage)
        stage.people = agree_but_at("PROPOSAL")
        stage.order(kind="rollback", package="")
        await stage.until(lambda s: s.open_gate is not None, hours=1)
        assert f"rollback of {first}," in stage.state().the_plan.cause

    left = play(tmp_path, then).state

    assert (left.the_plan.kind, left.the_plan.take_after) == ("install", 120)
