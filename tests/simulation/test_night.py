"""One undisturbed night."""

from datetime import timedelta
from pathlib import Path

from engine import promises
from engine.journal import Kind
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, quick, small_package


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
    assert _asked_after(stage) <= timedelta(seconds=2)
    verdicts = promises.judge(stage.records())
    assert "broken" not in verdicts.values()
    assert {p for p, v in verdicts.items() if v == "held"} >= {"P1", "P2", "P3", "P5", "P8", "P10"}


def _asked_after(stage: Night) -> timedelta:
    """Return how long the engine takes from the order to the proposal, in its own time.

    It tells a wait that does not belong there on any machine, however busy.
    """
    ordered, asked = (
        next(r.at for r in stage.records() if r.kind == kind)
        for kind in (Kind.ORDERED, Kind.GATE_OPENED)
    )
    return asked - ordered


def test_the_smo_moves_as_often_in_either_order_but_late_where_its_group_goes_last(tmp_path: Path):
    """It goes back to the lowest id, as was seen on real members: see `engine.planner._ordered`."""

    async def night(order: str) -> list[str]:
        policy = quick(POLICY, watch=timedelta(seconds=30), order=order)
        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=policy)
        stage.begin()
        stage.order()
        await stage.until_over()
        assert stage.state().ended is not None, stage.state().hold
        wanted = ("smo:", "admin_down:1_1", "admin_down:1_3", "returned:1_3")
        moments = [name for _, name in stage.group.moments if name.startswith(wanted)]
        await stage.close()
        return moments

    vendor, late = (run_virtual(night(order)) for order in ("vendor", "smo_last"))
    moves = [[one for one in moments if one.startswith("smo:")] for moments in (vendor, late)]
    assert moves[0] == moves[1]
    assert moves[0][-1] == "smo:1_1"
    first = [
        next(n for n, one in enumerate(moments) if one.startswith("smo:"))
        for moments in (vendor, late)
    ]
    assert {"admin_down:1_3", "returned:1_3"} <= set(late[: first[1]])
    assert "admin_down:1_3" not in vendor[: first[0]]
