"""One undisturbed night."""

from pathlib import Path

from engine import promises
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package


def test_an_installation_goes_from_order_to_done(tmp_path: Path):
    async def night() -> Night:
        stage = Night(small_package(tmp_path), setup=Setup(members=8))
        stage.begin()
        stage.order()
        await stage.until_over()
        await stage.close()
        return stage

    stage = run_virtual(night())
    state, seen = stage.state(), stage.group.report()

    assert state.hold is None
    assert state.ended is not None
    assert state.ended["state"] == "done"
    assert {m["take_after"] for m in seen["members"]} == {120}
    assert {m["installs_started"] for m in seen["members"]} == {1}
    assert (seen["active_min"], seen["connections_lost"]) == (4, 0)
    assert seen["auto_clone"] == {"before": "on", "after": "on"}
    assert seen["objections"] == []
    assert seen["unsupported"] == []
    verdicts = promises.judge(stage.records())
    assert "broken" not in verdicts.values()
    assert {p for p, v in verdicts.items() if v == "held"} >= {"P1", "P2", "P3", "P5", "P8", "P10"}
