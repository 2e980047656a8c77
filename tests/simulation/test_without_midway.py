"""A member fails in the middle of a run: people go on without it, and it is named until the end."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.promises import explained
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.test_without import Told, began

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
Then = Callable[[Night], None]


def without(*members: str) -> Then:
    return lambda night: night.change(left_out=members)


def play(
    tmp_path: Path,
    *faults: dict[str, Any],
    at_holds: Sequence[Then],
    people: Reaction = everyone_agrees,
    **setup: Any,
) -> Told:
    """Play a night; at each hold the next thing is said, and at a hold more it is over."""

    async def night() -> Told:
        made = Setup(**{"members": 5, "connections": 1000, "faults": faults, **setup})
        stage = Night(small_package(tmp_path), setup=made, policy=SPARSE, people=people)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        for then in at_holds:
            assert state.hold is not None, state.ended
            then(stage)
            await stage.clock.sleep(timedelta(minutes=1))
            state = await stage.until_over()
        told = Told(state, stage.group.report(), list(stage.records()), stage.said.texts)
        told.began = began(stage)
        await stage.close()
        return told

    return run_virtual(night())


def asked(night: Told) -> list[str]:
    return [r.body["step"] for r in night.records if r.kind == Kind.GATE_OPENED]


def ways(night: Told) -> list[list[str]]:
    return [list(r.body["ways"]) for r in night.records if r.kind == Kind.HELD]


def ended(night: Told) -> dict[str, Any]:
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.judged_broken() == {}
    assert night.seen["connections_lost"] == 0
    return dict(night.state.ended)


def test_before_anything_was_done_the_others_go_on(tmp_path):
    gone = {"name": "member_fails", "member": "1_5", "after_s": 30}
    night = play(tmp_path, gone, at_holds=[without("1_5")])

    end = ended(night)
    assert (end["state"], end["left_out"], end["takes"]) == ("done", ["1_5"], [120])
    assert ways(night)[0][-1] == "without 1_5"
    assert asked(night) == ["PROPOSAL", "WITHOUT.r2", "A.FAILOVER.r2", "B.FAILOVER.r2"]
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 1, "1_4": 1, "1_5": 0}
    assert night.state.cloning_owed
    assert night.state.the_plan.cause == "rita goes on without 1_5"


def test_one_of_a_group_that_is_done_does_not_stop_the_next(tmp_path):
    gone = {"name": "member_fails", "member": "1_2", "when": "returned:1_2", "delay_s": 60}
    night = play(tmp_path, gone, at_holds=[without("1_2")])

    end = ended(night)
    assert (end["state"], end["left_out"]) == ("done", ["1_2"])
    assert night.installs() == dict.fromkeys(["1_1", "1_2", "1_3", "1_4", "1_5"], 1)
    assert night.seen["active_min"] >= 2


def test_one_that_does_not_come_back_is_left_behind_and_nothing_is_begun_twice(tmp_path):
    stuck = {"name": "stuck_down", "member": "1_2", "notes": "FSYNC", "when": "rebooted:1_2"}
    night = play(tmp_path, stuck, at_holds=[without("1_2")])

    end = ended(night)
    assert (end["state"], end["left_out"]) == ("done", ["1_2"])
    assert night.installs() == dict.fromkeys(["1_1", "1_2", "1_3", "1_4", "1_5"], 1)
    assert asked(night) == ["PROPOSAL", "A.FAILOVER", "WITHOUT.r2", "B.FAILOVER.r2"]
    committed = [r.body["step"] for r in night.records if r.kind == Kind.COMMITTING]
    assert committed.count("A.INSTALL") == 1
    assert "1_2 is out of service" in night.state.of("CLONING_RESTORE").how
    assert night.state.cloning_owed


def test_at_the_very_end_too_it_can_be_left_behind(tmp_path):
    gone = {"name": "member_fails", "member": "1_5", "when": "returned:1_5", "delay_s": 290}
    retry = [lambda night: night.say("retry")]
    night = play(tmp_path, gone, at_holds=[*retry, without("1_5")])

    assert ended(night)["left_out"] == ["1_5"]


@pytest.mark.parametrize(
    ("fault", "said", "reason"),
    [
        ({"member": "1_5", "after_s": 30}, {"left_out": ("1_4",)}, "1_4 is ACTIVE, so it may"),
        ({"member": "1_5", "after_s": 30}, {"left_out": ("1_9",)}, "no member 1_9 in this plan"),
        ({"member": "1_5", "after_s": 30}, {"left_out": ()}, "left out already: nobody"),
        (
            {"member": "1_5", "after_s": 30},
            {"left_out": ("1_5",), "order": "swap"},
            "`without` is said alone, not with order",
        ),
    ],
)
def test_what_cannot_be_left_out_is_refused_and_nothing_changes(tmp_path, fault, said, reason):
    gone = {"name": "member_fails", **fault}
    night = play(tmp_path, gone, at_holds=[lambda night: night.change(**said)])

    assert any(reason in text for _, text in night.said), night.said
    assert night.state.the_plan.revision == 1
    assert night.state.hold is not None


def test_nobody_is_left_out_who_is_down_by_us_or_whose_group_would_be_empty(tmp_path):
    unknown = {"name": "unknown_prompt", "in": "install", "text": "Really? "}
    night = play(
        tmp_path,
        unknown,
        members=4,
        at_holds=[without("1_1"), without("1_1", "1_2")],
    )

    told = [text for _, text in night.said if "not done" in text]
    assert all("A was taken out of service and is not changed yet" in text for text in told)
    assert len(told) == 2
    assert not any(way.startswith("without") for offered in ways(night) for way in offered)


def no_to_that(night: Night, gate: str, step: str) -> None:
    """People agree to everything but to go on without somebody."""
    choice = "no" if step.startswith("WITHOUT") else "yes"
    night.later(20, lambda: night.react(gate, "U0ANA00001", choice))
    night.later(45, lambda: night.react(gate, "U0BEN00001", choice))


def test_a_no_holds_and_an_abort_does_not_leave_anybody_out_by_itself(tmp_path):
    gone = {"name": "member_fails", "member": "1_5", "after_s": 30}
    night = play(
        tmp_path,
        gone,
        people=no_to_that,
        at_holds=[without("1_5"), lambda night: night.say("abort")],
    )

    assert night.state.ended is None
    assert night.state.hold is not None
    assert asked(night) == ["PROPOSAL", "WITHOUT.r2", "WITHOUT.r2"]
    assert night.judged_broken() == {}


def test_a_plan_that_goes_on_without_an_approval_is_found_out(tmp_path):
    gone = {"name": "member_fails", "member": "1_5", "after_s": 30}
    night = play(tmp_path, gone, at_holds=[without("1_5")])
    unasked = [r for r in night.records if not str(r.body.get("step", "")).startswith("WITHOUT")]

    why = explained(unasked)["P2"][1]
    assert any("1_5 left out, and nobody agreed" in one for one in why)


def test_while_people_are_asked_with_a_group_out_the_others_are_watched(tmp_path):
    """1_2 does not come back; while people say nothing to that, a member that carries fails."""
    stuck = {"name": "stuck_down", "member": "1_2", "notes": "FSYNC", "when": "rebooted:1_2"}

    def people(night: Night, gate: str, step: str) -> None:
        if step.startswith("WITHOUT"):
            fault = {"name": "member_fails", "member": "1_4", "after_s": 60}
            night.later(1, lambda: night.group.add_fault(fault))
        else:
            everyone_agrees(night, gate, step)

    night = play(tmp_path, stuck, people=people, at_holds=[without("1_2")])

    opened = next(r.at for r in night.records if r.body.get("step") == "WITHOUT.r2")
    alarms = [r for r in night.records if r.kind == Kind.ALARMED and r.body["what"] == "traffic"]
    assert "1_4" in alarms[0].body["reason"]
    assert alarms[0].at - opened < timedelta(minutes=5)
    assert alarms[0].body["mention"]
