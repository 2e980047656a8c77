"""Every crash point of a whole installation: killed at each journal append, before and after.

The oracle is the clean night: the same end, the same take everywhere, one start per member, no
promise broken and no objection of the witness.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from engine import promises
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, quick, small_package
from tests.simulation.report import Schedule, report

SETUP = Setup(members=4, connections=1000, frame_s=10.0)
"""Two groups of two: some of a group done and some not is possible, and looks are cheap."""

SPARSE = quick(POLICY, watch=timedelta(seconds=60), soak=timedelta(seconds=60))


def stage_of(package: Path) -> Night:
    return Night(package, setup=SETUP, policy=SPARSE, ticks=timedelta(seconds=3))


async def clean(package: Path) -> int:
    """Play the night undisturbed; return how many appends it has."""
    stage = stage_of(package)
    stage.begin()
    stage.order()
    state = await stage.until_over()
    await stage.close()
    assert state.ended is not None
    assert stage.mortal is not None
    return stage.mortal.appends


async def killed_at(package: Path, point: int, *, after: bool) -> Schedule:
    """Kill the executor at one append, let another take over, and compare the ends."""
    stage = stage_of(package)
    stage.begin(die_at=point, after=after)
    stage.order()
    await stage.until_over()
    await stage.kill()
    await stage.clock.sleep(timedelta(seconds=37))
    stage.begin()
    state = await stage.until_over()
    unsafe = unsafe_in(stage)
    takes = {m["take_after"] for m in stage.group.report()["members"]}
    done = state.ended is not None and state.ended["state"] == "done"
    stuck = "" if done and takes == {120} else f"hold {state.hold}, takes {takes}"
    await stage.close()
    return Schedule(f"append {point} {'after' if after else 'before'}", unsafe, stuck)


def unsafe_in(stage: Night) -> list[str]:
    """Say what the judges of this night object to: the journal's and the devices'."""
    seen = stage.group.report()
    unsafe = [
        f"{promise}: {why}"
        for promise, (verdict, why) in promises.explained(stage.records()).items()
        if verdict == promises.BROKEN
    ]
    unsafe += seen["objections"]
    unsafe += [
        f"{m['id']} was started {m['installs_started']} times"
        for m in seen["members"]
        if m["installs_started"] > 1
    ]
    if seen["active_min"] < 2 or seen["connections_lost"]:
        unsafe.append(f"in service {seen['active_min']}, lost {seen['connections_lost']}")
    return unsafe


def play(package: Path, after: bool, point: int) -> Schedule:
    return run_virtual(killed_at(package, point, after=after))


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_append_the_run_ends_as_if_nothing_had_happened(tmp_path, after):
    package = small_package(tmp_path)
    points = range(1, run_virtual(clean(package)) + 1)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        schedules = list(pool.map(partial(play, package, after), points, chunksize=4))

    report(schedules)
    assert [s for s in schedules if s.unsafe or s.stuck] == []
