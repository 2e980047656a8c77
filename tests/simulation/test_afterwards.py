"""Installations that are taken back after a while, unless people keep them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.afterwards import rollback_id
from engine.journal import Kind
from engine.model import Appointment, StepKind
from tests.simulation.night import (
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
)
from tests.simulation.played import Played, Then, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
AFTER = timedelta(hours=72)
BEFORE, NEW = 99, 120


def nobody(_night: Night, _gate: str, _step: str) -> None:
    """Nobody answers."""


def unless(*steps: str) -> Reaction:
    """Everybody agrees, but nobody answers what is asked at these steps."""

    def people(night: Night, gate: str, step: str) -> None:
        if step not in steps:
            everyone_agrees(night, gate, step)

    return people


def play(tmp_path: Path, then: Then, *, people: Reaction = everyone_agrees, **asked: Any) -> Played:
    """Install with a rollback afterwards; what `then` leaves is told of that rollback."""

    async def installed(stage: Night) -> None:
        stage.order(rollback_after=AFTER, rollback_said="rollback after 72h", **asked)
        await stage.until_over()
        assert stage.state().ended is not None, stage.state().hold
        stage.people = people
        stage.follow(rollback_id(stage.run))
        await then(stage)
        await stage.clock.sleep(timedelta(seconds=30))

    return play_night(tmp_path, installed, policy=SPARSE, ticks=timedelta(seconds=15))


async def over(stage: Night) -> None:
    await stage.until_over(hours=200)


async def nothing_more(_stage: Night) -> None:
    """Only what the installation's end left."""


def opened(night: Played) -> list[str]:
    return [r.body["step"] for r in night.records if r.kind == Kind.GATE_OPENED]


def begun_at(night: Played) -> datetime:
    return next(r.at for r in night.records if r.kind == Kind.ORDERED)


def takes(night: Played) -> set[int]:
    return {member["take_after"] for member in night.seen["members"]}


def test_the_end_of_an_installation_begins_its_rollback(tmp_path):
    night = play(tmp_path, nothing_more, people=nobody)

    assert night.state.plan is not None
    assert night.state.plan.kind == "uninstall"
    assert night.state.plan.appointment is not None
    assert night.state.plan.appointment.start == begun_at(night) + AFTER
    assert not night.state.occupies


def test_what_people_keep_stays(tmp_path):
    night = play(tmp_path, over)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "kept"
    assert opened(night) == ["KEEP"]
    assert takes(night) == {NEW}
    assert night.broken() == {}


@pytest.mark.parametrize(("asked", "zone"), [({"zone": "Asia/Tokyo"}, "Asia/Tokyo"), ({}, "UTC")])
def test_it_is_told_in_the_zone_of_its_group_where_the_order_knew_it(tmp_path, asked, zone):
    night = play(tmp_path, nothing_more, **asked)

    assert night.state.the_plan.appointment is not None
    assert night.state.the_plan.appointment.zone == zone


def test_what_nobody_keeps_is_taken_back_when_it_is_due(tmp_path):
    night = play(tmp_path, over, people=unless("KEEP"))

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    assert takes(night) == {BEFORE}
    assert opened(night) == ["KEEP", "PROPOSAL", "B.FAILOVER", "A.FAILOVER"]
    failover = next(
        r.at
        for r in night.records
        if r.kind == Kind.INTENDED and r.body["kind"] == StepKind.ADMIN_DOWN
    )
    assert failover >= begun_at(night) + AFTER
    assert night.broken() == {}


def test_what_nobody_answers_is_asked_again_and_the_hotfix_stays(tmp_path):
    async def then(stage: Night) -> None:
        await stage.clock.sleep(AFTER + timedelta(days=3, hours=1))

    night = play(tmp_path, then, people=nobody)

    assert night.state.ended is None
    assert night.state.hold is None
    assert opened(night) == ["KEEP", *["PROPOSAL"] * 4]
    assert takes(night) == {NEW}
    assert not night.state.occupies


def test_a_no_to_keeping_it_asks_anew_and_keeps_nothing(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))
            night.later(40, lambda: night.react(gate, "U0BEN00001", "no"))

    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(hours=1))

    night = play(tmp_path, then, people=people)

    assert opened(night) == ["KEEP", "KEEP"]
    assert night.state.hold is None
    assert night.state.ended is None


def test_a_no_when_it_is_due_holds_it(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        if step == "PROPOSAL":
            night.later(20, lambda: night.react(gate, "U0ANA00001", "no"))

    night = play(tmp_path, over, people=people)

    assert night.state.hold is not None
    assert night.state.hold.ways[:2] == ("retry", "abort")
    assert takes(night) == {NEW}


def test_it_can_be_brought_forward(tmp_path):
    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(hours=1))
        stage.change(appointment=Appointment(stage.clock.now(), said="now"))
        await over(stage)

    night = play(tmp_path, then, people=unless("KEEP"))

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert takes(night) == {BEFORE}
    assert night.state.last_at is not None
    assert night.state.last_at < begun_at(night) + timedelta(hours=4)
    assert night.broken() == {}


def test_it_can_be_put_off(tmp_path):
    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(hours=1))
        later = stage.clock.now() + timedelta(days=7)
        stage.change(appointment=Appointment(later, said="in 7d"))
        await stage.clock.sleep(AFTER + timedelta(hours=1))

    night = play(tmp_path, then, people=nobody)

    assert opened(night) == ["KEEP", "KEEP.r2"]
    assert night.state.open_gate is not None


def test_it_can_be_cancelled(tmp_path):
    async def then(stage: Night) -> None:
        stage.say("abort")
        await over(stage)

    night = play(tmp_path, then, people=nobody)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "aborted"
    assert takes(night) == {NEW}


@pytest.mark.parametrize("hours", [80, 100])
def test_whoever_was_away_when_it_was_due_asks_and_takes_nothing_back(tmp_path, hours):
    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(minutes=5))
        await stage.kill()
        await stage.clock.sleep(timedelta(hours=hours))
        stage.begin()
        await stage.clock.sleep(timedelta(hours=2))

    night = play(tmp_path, then, people=nobody)

    assert opened(night) == ["KEEP", "PROPOSAL"]
    assert takes(night) == {NEW}


def test_other_runs_go_on_while_it_waits_and_it_holds_where_the_take_has_changed(tmp_path):
    """Somebody uninstalled by hand, or by another run, what it was to take back."""

    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(minutes=5))
        scheduled = stage.run
        stage.people = everyone_agrees
        stage.order(kind="rollback", package="")
        await stage.until_over()
        assert stage.state().ended is not None, stage.state().hold
        stage.people = unless("KEEP")
        stage.follow(scheduled)
        await over(stage)

    night = play(tmp_path, then, people=nobody)

    assert night.state.hold is not None
    assert "take" in night.state.hold.reason
    assert takes(night) == {BEFORE}


def test_it_is_cancelled_at_once_also_while_a_member_is_ill(tmp_path):
    """Nothing of it was under way, so who is out of service is not its business."""

    async def then(stage: Night) -> None:
        stage.group.add_fault({"name": "member_fails", "member": "1_4", "notes": ["ROUTED"]})
        await stage.clock.sleep(timedelta(hours=2))
        stage.say("abort")
        await stage.clock.sleep(timedelta(minutes=5))

    night = play(tmp_path, then, people=nobody)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"
    assert opened(night) == ["KEEP"]
