"""Nights that the machine of `test_machine.py` found, each as short as it became, by its name."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine import promises
from engine.journal import Kind
from engine.rehearsal.witness import Act, Witness
from tests.simulation.loop import run_virtual
from tests.simulation.night import small_package
from tests.simulation.scene import Scene
from tests.simulation.verdicts import Judge, brought_to_an_end


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return small_package(tmp_path)


@pytest.mark.parametrize("groups", [2, 3])
def test_an_installation_that_a_restart_interrupted_leaves_a_way_out(package, groups):
    """Nobody can tell what came of it, so `retry` is no way; but it is over, so `abort` is one."""

    async def night() -> Scene:
        scene = Scene(package, groups=groups, several=True)
        scene.begin()
        scene.order()
        await scene.undisturbed_until("B.INSTALL")
        await scene.clock.sleep(timedelta(minutes=5))
        scene.reboot("1_3" if groups == 2 else "1_2")
        await scene.until(lambda s: s.hold is not None)
        assert await brought_to_an_end(scene) == ""
        assert Judge(scene).unsafe() == []
        await scene.close()
        return scene

    scene = run_virtual(night())

    held = [r.body["error"] for r in scene.records() if r.kind == Kind.HELD]
    assert held[0] == "InDoubt"
    (aborted,) = [r for r in scene.records() if r.kind == Kind.ABORTED]
    assert aborted.body["case"] == "interrupted"
    ended = scene.state().ended
    assert ended is not None
    assert ended["state"] == "aborted"
    assert set(scene.group.states().values()) == {"ACTIVE"}
    assert promises.BROKEN not in promises.judge(scene.records()).values()


def test_an_installation_that_cloning_took_away_may_be_started_again():
    """The witness took the second attempt, asked for by people and rightly so, for an offence."""
    states = {"1_1": "DOWN", "1_2": "ACTIVE"}
    install = Act(0.0, "install", "1_1", ("1_1",), states, {}, package="hotfix")

    witness = Witness(["1_1", "1_2"], {})
    witness.act(install)
    witness.ended("1_1", "install", "hotfix", success=True)
    witness.cloned("1_1")
    witness.act(install)
    assert witness.objections() == []

    witness.act(install)
    assert len(witness.objections()) == 1
