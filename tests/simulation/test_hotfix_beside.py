"""Nights with a hotfix beside the Jumbo: the take says nothing of it, the list of packages does."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine import promises
from engine.fold import RunState
from engine.rehearsal.group import Setup
from engine.rehearsal.member import AVAILABLE, INSTALLED
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, everyone_agrees, small_package

HOTFIX = "fw1_wrapper_HOTFIX_R81_20_sk700.tgz"


def play(
    tmp_path: Path, beside: Callable[[Night], Awaitable[Any]], **changes: Any
) -> tuple[RunState, Night]:
    async def night() -> tuple[RunState, Night]:
        setup = Setup(members=4, connections=1000, **changes)
        package = small_package(tmp_path, HOTFIX)
        stage = Night(package, setup=setup, policy=POLICY, people=everyone_agrees)
        stage.begin()
        stage.order()
        await beside(stage)
        await stage.until_over()
        state = stage.state()
        await stage.close()
        return state, stage

    return run_virtual(night())


async def nothing(_night: Night) -> None:
    """Nobody interferes."""


def test_a_hotfix_is_installed_on_every_member_and_the_take_stays(tmp_path):
    for reboots in (True, False):
        state, night = play(tmp_path, nothing, reboots=reboots)

        assert state.ended is not None, state.hold
        assert state.ended["state"] == "done"
        members = night.group.members.values()
        shown = [(m.take, one.state) for m in members if (one := m.package(HOTFIX)) is not None]
        assert shown == [(99, INSTALLED)] * 4
        judged = promises.explained(night.records())
        assert {p: why for p, (word, why) in judged.items() if word == "broken"} == {}
        assert night.group.report()["connections_lost"] == 0


def test_a_hotfix_that_nobody_lists_at_the_end_holds(tmp_path):
    async def lose_it(night: Night) -> None:
        await night.until(lambda s: s.of("B.RETURN").status == "done")
        lost = night.group.members["1_4"].package(HOTFIX)
        assert lost is not None
        lost.state = AVAILABLE

    state, _ = play(tmp_path, lose_it)

    assert state.hold is not None
    assert (state.hold.step, state.hold.error) == ("POSTFLIGHT", "StepFailed")
    assert f"{HOTFIX} is not listed as installed on 1_4" in state.hold.reason
