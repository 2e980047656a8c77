"""Every crash point of a whole installation: killed at each journal append, before and after.

The oracle is the clean night: the same end, the same take everywhere, one start per member, no
promise broken and no objection of the witness.
"""

from pathlib import Path

import pytest

from engine import promises
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, quick, small_package
from tests.simulation.report import Schedule, report
from datetime import timedelta

SETUP = {"members": 4, "connections": 1000, "frame_s": 10.0}
"""Two groups of two: some of a group done and some not is possible, and looks are cheap."""

SPARSE = quick(POLICY, watch=timedelta(seconds=60))


async def _clean(package: Path) -> int:
    stage = Night(package, setup=Setup(**SETUP), policy=SPARSE)
    stage.begin()
    stage.order()
    state = await stage.until_over()
    await stage.close()
    assert state.ended is not None
    assert stage.mortal is not None
    return stage.mortal.appends


async def _killed_at(package: Path, point: int, *, after: bool) -> Schedule:
    stage = Night(package, setup=Setup(**SETUP), policy=SPARSE)
    stage.begin(die_at=point, after=after)
    stage.order()
    await stage.until_over()
    await stage.kill()
    await stage.clock.sleep(timedelta(seconds=37))
    stage.begin()
    state = await stage.until_over()
    seen = stage.group.report()
    broken = [
        f"{p}: {why}"
        for p, (v, why) in promises.explained(stage.records()).items()
        if v == "broken"
    ]
    unsafe = [*broken, *seen["objections"]]
    unsafe += [
        f"{m['id']} started {m['installs_started']} times"
        for m in seen["members"]
        if m["installs_started"] > 1
    ]
    if seen["active_min"] < 2 or seen["connections_lost"]:
        unsafe.append(f"in service {seen['active_min']}, lost {seen['connections_lost']}")
    ended = state.ended is not None and state.ended["state"] == "done"
    takes = {m["take_after"] for m in seen["members"]}
    stuck = "" if ended and takes == {120} else f"hold {state.hold}, takes {takes}"
    await stage.close()
    return Schedule(f"append {point} {'after' if after else 'before'}", unsafe, stuck)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_append_the_run_ends_as_if_nothing_had_happened(
    tmp_path: Path, after: bool
):
    package = small_package(tmp_path)
    points = run_virtual(_clean(package))
    schedules = [
        run_virtual(_killed_at(package, point, after=after)) for point in range(1, points + 1)
    ]
    report(schedules)
    assert [s for s in schedules if s.unsafe or s.stuck] == []
