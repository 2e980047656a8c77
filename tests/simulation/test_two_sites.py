"""Nights with two Sites: who takes over from whom, what that is, and what is not ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import promises
from engine.errors import ConditionFailed
from engine.group import LiveGroup
from engine.journal import Kind
from engine.policy import Policy
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.simulation.effects import Effects, Fate
from tests.simulation.explore import Plot
from tests.simulation.explore import play as play_with_deaths
from tests.simulation.loop import run_virtual, virtual_clock
from tests.simulation.night import POLICY, Night, Reaction, everyone_agrees, small_package


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Night]:
    def whole(
        sites: list[int],
        *,
        policy: Policy = POLICY,
        people: Reaction = everyone_agrees,
        faults: tuple[dict[str, Any], ...] = (),
        **setup: Any,
    ) -> Night:
        async def night() -> Night:
            stage = Night(
                small_package(tmp_path),
                setup=Setup(sites=sites, **{"sync_all_sites": True, **setup}),
                policy=policy,
                people=people,
            )
            for fault in faults:
                stage.group.add_fault(fault)
            stage.begin()
            stage.order()
            await stage.until_over()
            await stage.close()
            return stage

        return run_virtual(night())

    return whole


SITE_FAILS_OVER = {"name": "site_failover", "after_s": 0}
ILL = {"name": "member_fails", "member": "2_1", "notes": "FSYNC", "after_s": 0}


def alarms(stage: Night) -> list[str]:
    return [r.body["reason"] for r in stage.records() if r.kind == Kind.ALARMED]


def not_by_us(stage: Night) -> list[str]:
    done = [r for r in stage.records() if r.kind == Kind.DONE and r.body["step"] == "POSTFLIGHT"]
    found: list[str] = done[-1].body["not_by_us"]
    return found


def well(stage: Night) -> None:
    state, seen = stage.state(), stage.group.report()
    assert state.hold is None
    assert state.ended is not None
    assert state.ended["state"] == "done"
    assert {m["take_after"] for m in seen["members"]} == {120}
    assert {m["installs_started"] for m in seen["members"]} == {1}
    assert seen["connections_lost"] == 0
    assert seen["objections"] == []
    assert seen["unsupported"] == []
    assert "broken" not in promises.judge(stage.records()).values()


@pytest.mark.parametrize("lists_standby", [True, False], ids=["listed", "not listed"])
@pytest.mark.parametrize("word", ["STANDBY", "UP", "ACTIVE"])
@pytest.mark.parametrize("active", [1, 2])
def test_the_standby_site_goes_first_and_then_takes_over(play, active, word, lists_standby):
    stage = play([2, 2], standby_word=word, active_site=active, lists_standby=lists_standby)

    well(stage)
    first = stage.state().the_plan.groups[0].members
    assert {one[0] for one in first} == {str(3 - active)}
    assert stage.group.active_site == 3 - active
    assert alarms(stage) == []
    assert not_by_us(stage) == []


def test_a_site_that_takes_the_traffic_back_when_it_is_whole_is_no_surprise(play):
    stage = play([2, 2], site_returns=True)

    well(stage)
    assert stage.group.active_site == 1
    assert alarms(stage) == []


@pytest.mark.parametrize("lists_standby", [True, False], ids=["listed", "not listed"])
def test_across_two_sites_no_site_takes_over(play, lists_standby):
    stage = play([5, 3], lists_standby=lists_standby)

    well(stage)
    assert stage.state().the_plan.groups[0].members == ("1_1", "1_2", "1_3", "2_1", "2_2")
    assert stage.group.active_site == 1
    assert alarms(stage) == []


def test_a_site_failover_that_is_not_ours_is_told_at_once_and_voids_the_open_gate(play):
    """It happens while a gate has one vote of two: what that was for is not so any more."""

    def slowly(night: Night, gate: str, step: str) -> None:
        if gate == "G2":
            night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))
            night.later(60, lambda: night.group.add_fault(SITE_FAILS_OVER))
            return
        everyone_agrees(night, gate, step)

    stage = play([5, 3], people=slowly)

    well(stage)
    assert alarms(stage) == ["Site 2 is active now, and Site 1 was before"]
    closed = [r.body for r in stage.records() if r.kind == Kind.GATE_CLOSED]
    void = next(body for body in closed if body["outcome"] != "approved")
    assert void["outcome"] == "superseded"
    assert any(one.startswith("sites: ") for one in not_by_us(stage))


def test_without_synchronisation_to_all_sites_a_split_by_site_holds_before_anything(play):
    stage = play([2, 2], sync_all_sites=False)

    hold = stage.state().hold
    assert hold is not None
    assert hold.step == "PREFLIGHT"
    assert "synchronisation to all Sites is off" in hold.reason
    assert {m["installs_started"] for m in stage.group.report()["members"]} == {0}


def test_a_member_of_the_standby_site_that_falls_ill_keeps_its_site_from_taking_over(play):
    """It falls ill while people vote on the group that its Site is to stand in for."""

    def slowly(night: Night, gate: str, step: str) -> None:
        if step == "B.FAILOVER":
            night.later(5, lambda: night.group.add_fault(ILL))
        everyone_agrees(night, gate, step)

    stage = play([2, 2], people=slowly, lists_standby=False)

    hold = stage.state().hold
    assert hold is not None
    assert "2_1 is DOWN (FSYNC)" in hold.reason
    assert stage.group.active_site == 1
    started = {m["id"]: m["installs_started"] for m in stage.group.report()["members"]}
    assert (started["1_1"], started["1_2"]) == (0, 0)


def test_a_site_that_does_not_take_over_brings_the_one_that_went_down_back_in_two_minutes(play):
    """Nobody carries anything: that is not waited out, however healthy the others are."""
    stage = play([2, 2], faults=({"name": "site_stays", "after_s": 0},))

    hold = stage.state().hold
    assert hold is not None
    assert hold.step == "B.READY"
    assert hold.reason == "no Site is active (Site 1 ACTIVE without a member, Site 2 STANDBY)"
    begun = {r.body["step"]: r.at for r in stage.records() if r.kind == Kind.INTENDED}
    assert (begun["B.RESCUE_UP"] - begun["B.ADMIN_DOWN"]).total_seconds() < 120
    ours = [m for m in stage.group.report()["members"] if m["id"] in ("1_1", "1_2")]
    assert [(m["state"], m["installs_started"]) for m in ours] == [("ACTIVE", 0)] * 2


@pytest.mark.parametrize("durable", ["before", "after"])
def test_an_executor_that_dies_at_the_end_of_a_rescue_leaves_no_second_failover(tmp_path, durable):
    """The group is up again: it does not go down again by the approval of before, and it holds."""
    deaths: list[int] = []

    def fate(number: int, name: str) -> Fate:
        if deaths or name != f"commit journal.append DONE+UNDONE {durable}":
            return Fate.GOES_ON
        deaths.append(number)
        return Fate.DIES

    async def night() -> tuple[dict[str, Any], list[Any]]:
        plot = Plot(sites=True, stays=True)
        stage = plot.stage(small_package(tmp_path), Effects(fate), tmp_path)
        await plot.before(stage)
        await play_with_deaths(plot, stage, deaths)
        found = stage.group.report(), stage.records()
        await stage.close()
        return found

    seen, records = run_virtual(night())

    assert len(deaths) == 1
    downs = [act["member"] for act in seen["acts"] if act["act"] == "admin_down"]
    assert sorted(downs) == ["1_1", "1_2", "2_1", "2_2"]
    held = [r.body for r in records if r.kind == Kind.HELD]
    assert [(body["step"], body["reason"]) for body in held] == [
        ("B.READY", "no Site is active (Site 1 ACTIVE without a member, Site 2 STANDBY)")
    ]
    assert seen["objections"] == []
    assert "broken" not in promises.judge(records).values()


@pytest.mark.parametrize("lists_standby", [True, False], ids=["listed", "not listed"])
def test_a_line_is_not_sent_where_the_sites_changed_places_and_all_are_listed(lists_standby):
    """After the look, and before the line: what was the Standby Site carries everything now."""

    async def commit(_member: str) -> None:
        raise AssertionError("nothing may be committed")

    async def whole() -> None:
        setup = Setup(sites=[2, 2], sync_all_sites=True, lists_standby=lists_standby)
        group = Group(setup, virtual_clock())
        live = LiveGroup(RehearsalShell(group), group.clock, POLICY)
        assert (await live.observe()).said_active == ("1_1", "1_2")
        group.add_fault(SITE_FAILS_OVER)
        await group.sleep(60)
        with pytest.raises(ConditionFailed, match="not all of 1_1, 1_2 are active"):
            await live.admin_state(
                "down",
                ["2_1", "2_2"],
                at="1_1",
                outside=["1_1", "1_2"],
                name="ana",
                reason="r",
                accelerated=False,
                commit=commit,
            )
        assert set(group.states().values()) == {"ACTIVE", "STANDBY"}

    run_virtual(whole())
