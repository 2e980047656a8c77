"""Nights in which CPUSE shows the change, and the announced restart is late, or never comes."""

import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine import promises
from engine.fold import RunState
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import PACKAGE, POLICY, Night, small_package


def play(
    tmp_path: Path,
    story: Callable[[Night], Awaitable[RunState]],
    *,
    order: Mapping[str, Any] | None = None,
    **changes: Any,
) -> tuple[RunState, Night]:
    async def night() -> tuple[RunState, Night]:
        setup = Setup(members=4, connections=1000, **changes)
        stage = Night(small_package(tmp_path), setup=setup, policy=POLICY)
        stage.begin()
        stage.order(**(order or {}))
        state = await story(stage)
        await stage.close()
        return state, stage

    return run_virtual(night())


async def to_its_end(night: Night) -> RunState:
    return await night.until_over()


THERE = [{"name": PACKAGE, "installed": True}]
REMOVAL = {"kind": "uninstall", "package": "", "method": "last_take", "take": 99}


@pytest.mark.parametrize(("there", "order"), [([], {}), (THERE, REMOVAL)])
def test_a_late_restart_is_waited_for_before_the_next_group_goes_down(tmp_path, there, order):
    state, night = play(tmp_path, to_its_end, order=order, imported=there, restart_after_s=700.0)

    assert state.ended is not None, (state.hold, night.said.texts)
    assert state.ended["state"] == "done"
    assert {m.boots for m in night.group.members.values()} == {1}
    assert not [act for act in night.group.witness.acts if act.act == "admin_up"]
    report = night.group.report()
    assert (report["connections_lost"], report["objections"]) == (0, [])
    assert "broken" not in promises.judge(night.records()).values()


def test_a_restart_that_never_comes_holds_until_somebody_restarts_them(tmp_path):
    async def by_hand(night: Night) -> RunState:
        held = (await night.until(lambda s: s.hold is not None)).hold
        assert held is not None
        assert (held.step, held.error) == ("A.RETURN", "TooLate")
        assert "The announced restart did not come on 1_1, 1_2" in held.reason
        assert night.state().by_hand_waits().startswith("not before 1_1-1_2 restarted")
        for one in ("1_1", "1_2"):
            night.group.reboot(night.group.members[one])
        night.say("retry")
        return await night.until(lambda s: s.of("A.RETURN").status == "done")

    state, night = play(tmp_path, by_hand, restart_after_s=math.inf)

    assert state.hold is None
    assert {m.boots for m in night.group.members.values()} == {0, 1}
    assert not [act for act in night.group.witness.acts if act.act == "admin_up"]


def test_an_abort_does_not_bring_up_who_is_yet_to_restart(tmp_path):
    async def aborted(night: Night) -> RunState:
        await night.until(lambda s: s.hold is not None)
        night.say("abort")
        return await night.until(lambda s: s.open_gate is not None)

    state, night = play(tmp_path, aborted, restart_after_s=math.inf)

    assert state.open_gate is not None
    assert state.open_gate.step.startswith("DEGRADED")
    assert night.group.states() == {"1_1": "DOWN", "1_2": "DOWN", "1_3": "ACTIVE", "1_4": "ACTIVE"}
