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
from tests.simulation.night import POLICY, Night, everyone_agrees, quick, small_package
from tests.simulation.report import Schedule, report

SETUP = Setup(members=4, connections=1000, frame_s=10.0)
"""Two groups of two: some of a group done and some not is possible, and looks are cheap."""

SPARSE = quick(POLICY, watch=timedelta(seconds=60), soak=timedelta(seconds=60))


def stage_of(package: Path) -> Night:
    return Night(package, setup=SETUP, policy=SPARSE, ticks=timedelta(seconds=3))


def rejects_b(night: Night, gate: str, step: str) -> None:
    """People agree, but not with the second failover."""
    if step == "B.FAILOVER":
        night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
    else:
        everyone_agrees(night, gate, step)


async def play_back(stage: Night) -> None:
    """Let the night go on; where it holds for the rejection, somebody says rollback."""
    state = await stage.until_over()
    if state.hold is not None and not state.rolled_back:
        stage.say("rollback")
        await stage.until(lambda s: s.ended is not None)


async def rolled_back(package: Path, point: int | None, *, after: bool) -> tuple[int, Schedule]:
    """Install on A, have B rejected, take A back; kill the executor at one append."""
    stage = Night(package, setup=SETUP, policy=SPARSE, ticks=timedelta(seconds=3), people=rejects_b)
    stage.begin(die_at=point, after=after)
    stage.order()
    await play_back(stage)
    assert stage.mortal is not None
    appends = stage.mortal.appends
    if point is not None:
        await stage.kill()
        await stage.clock.sleep(timedelta(seconds=37))
        stage.begin()
        await play_back(stage)
    state, seen = stage.state(), stage.group.report()
    unsafe = [one for one in unsafe_in(stage) if one]
    unsafe += [m["id"] for m in seen["members"] if m["uninstalls_started"] > 1]
    ended = state.ended is not None and state.ended["state"] == "rolled back"
    takes = {m["take_after"] for m in seen["members"]}
    stuck = "" if ended and takes == {99} else f"hold {state.hold}, takes {takes}"
    await stage.close()
    return appends, Schedule(f"rollback, append {point}", unsafe, stuck)


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


ROLLBACK_STEP = 2
"""Every second append of the longer night, the other half before than after: the usual run
has to stay short."""


def play_rollback(package: Path, after: bool, point: int) -> Schedule:
    return run_virtual(rolled_back(package, point, after=after))[1]


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_on_the_way_back_the_rollback_ends_as_if_nothing_had_happened(tmp_path, after):
    package = small_package(tmp_path)
    appends, undisturbed = run_virtual(rolled_back(package, None, after=False))
    assert (undisturbed.unsafe, undisturbed.stuck) == ([], "")
    points = range(1 if after else 2, appends + 1, ROLLBACK_STEP)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        schedules = list(pool.map(partial(play_rollback, package, after), points, chunksize=2))

    report(schedules)
    assert [s for s in schedules if s.unsafe or s.stuck] == []
