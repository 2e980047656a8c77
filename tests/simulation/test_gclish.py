"""Nights on a group whose logins end in gClish: fenced, cut off, and with a wrong password."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import promises
from engine.fold import RunState
from engine.journal import Kind
from engine.policy import Policy
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, everyone_agrees, quick, small_package

PASSWORD = "Vier-Augen-Prinzip"
SPARSE = quick(POLICY, watch=timedelta(seconds=30))


def play(
    tmp_path: Path, *, policy: Policy = SPARSE, die_at: int | None = None, **changes: Any
) -> tuple[RunState, Night]:
    async def night() -> tuple[RunState, Night]:
        setup = Setup(
            members=4,
            connections=1000,
            login_shell="gclish",
            expert_password=PASSWORD,
            **changes,
        )
        package = small_package(tmp_path)
        stage = Night(package, setup=setup, policy=policy, people=everyone_agrees)
        stage.begin(die_at=die_at, after=True)
        stage.order()
        await stage.until_over()
        if die_at is not None:
            assert stage.mortal is not None
            assert stage.mortal.dead.is_set()
            await stage.kill()
            stage.begin()
            await stage.until_over()
        state = stage.state()
        await stage.close()
        return state, stage

    return run_virtual(night())


def well(state: RunState, night: Night) -> None:
    """Done, nothing twice, and the password nowhere."""
    assert state.ended is not None, state.hold
    assert state.ended["state"] == "done"
    told = night.group.report()
    assert {m["installs_started"] for m in told["members"]} == {1}
    assert told["connections_lost"] == 0
    judged = promises.explained(night.records())
    assert {p: why for p, (word, why) in judged.items() if word == "broken"} == {}
    assert PASSWORD not in str([r.body for r in night.records()])


def test_a_group_is_fenced_through_gclish(tmp_path):
    state, night = play(tmp_path, policy=quick(SPARSE, fence=True))

    well(state, night)
    kept = [m.files.read("/var/log/hotfix-bot/epoch") for m in night.group.members.values()]
    assert all(kept)


@pytest.mark.parametrize("sort", [Kind.COMMITTING, Kind.INTENDED])
def test_a_bot_that_dies_goes_on_through_gclish_and_does_nothing_twice(tmp_path, sort):
    _, whole = play(tmp_path)
    moments = [
        n
        for n, record in enumerate(whole.records(), start=1)
        if record.kind == sort and record.body["step"].split(".")[-1] in ("ADMIN_DOWN", "INSTALL")
    ]
    assert len(moments) == 4

    deaths = 0
    for seq in moments:
        appends = len({r.at for r in whole.records()[:seq]})
        for die_at in (appends, appends + 1):
            state, night = play(tmp_path, die_at=die_at)
            well(state, night)
            deaths += 1
    assert deaths == 8


def test_sessions_that_break_in_a_dialogue_are_looked_after(tmp_path):
    for moment in ("dialogue:admin_down:name", "dialogue:install:name", "install_started:1_1"):
        state, night = play(tmp_path, faults=[{"name": "drop_sessions", "when": moment}])
        well(state, night)


def test_a_password_that_is_refused_in_the_night_holds_once_and_goes_on_at_a_retry(tmp_path):
    async def night() -> tuple[RunState, Night, list[int]]:
        setup = Setup(members=4, connections=1000, login_shell="gclish", expert_password=PASSWORD)
        stage = Night(small_package(tmp_path), setup=setup, policy=SPARSE, people=everyone_agrees)
        stage.begin()
        stage.order()
        await stage.group.wait_for("admin_down:1_1", within=timedelta(hours=2))
        # Somebody changes it on the devices, and the sessions end: the next look types the old one.
        stage.group.setup = replace(setup, expert_password="quite-another-one")
        stage.shell.drop_all()
        tried = []
        for _ in range(2):
            await stage.until(lambda state: state.hold is not None)
            await stage.clock.sleep(timedelta(minutes=20))
            tried.append(refusals(stage))
            stage.say("retry")
            await stage.until(lambda state: state.hold is None)
        stage.group.setup = setup
        await stage.until(lambda state: state.hold is not None)
        stage.say("retry")
        await stage.until(lambda state: state.hold is None)
        await stage.until_over()
        state = stage.state()
        await stage.close()
        return state, stage, tried

    state, stage, tried = run_virtual(night())
    assert tried == [1, 2]
    holds = [r.body["reason"] for r in stage.records() if r.kind == Kind.HELD]
    assert len(holds) == 3
    assert all("site-1 refused the expert password, and it is not tried again" in h for h in holds)
    well(state, stage)


def refusals(night: Night) -> int:
    return sum(1 for _, name in night.group.moments if name.startswith("expert_refused"))


def test_a_password_that_was_refused_for_one_order_is_tried_once_for_the_next(tmp_path):
    async def night() -> tuple[list[int], list[str], bool]:
        setup = Setup(members=4, login_shell="gclish", expert_password=PASSWORD)
        stage = Night(small_package(tmp_path), setup=setup, policy=SPARSE)
        stage.begin()
        stage.group.setup = replace(setup, expert_password="quite-another-one")
        tried = []
        for _ in range(2):
            stage.order()
            await stage.clock.sleep(timedelta(minutes=5))
            tried.append(refusals(stage))
        stage.group.setup = setup
        stage.order()
        await stage.clock.sleep(timedelta(minutes=5))
        planned = bool(stage.records())
        await stage.close()
        return tried, [text for _, text in stage.said.texts], planned

    tried, said, planned = run_virtual(night())
    assert tried == [1, 2]
    assert planned
    assert len([one for one in said if "refused the expert password" in one]) == 2
