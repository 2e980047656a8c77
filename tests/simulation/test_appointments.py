"""Runs with an appointment: approved by day, prepared at once, failed over in their time alone."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.model import Appointment, StepKind
from storage.records import InboxRow
from tests.simulation.loop import START
from tests.simulation.night import (
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
)
from tests.simulation.played import Played, Then, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
DUE = START + timedelta(hours=6)
LEAD = SPARSE.gate_lead
AT = Appointment(DUE, said="in 6h")
WINDOW = Appointment(DUE, DUE + timedelta(hours=3), said="window 04:00-07:00")
ENDS_EARLY = DUE + timedelta(minutes=20)


def play(
    tmp_path: Path,
    appointment: Appointment,
    then: Then,
    *,
    people: Reaction = everyone_agrees,
    policy: Any = SPARSE,
    **setup: Any,
) -> Played:
    async def ordered(stage: Night) -> None:
        stage.order(appointment=appointment)
        run = stage.run
        await then(stage)
        await stage.clock.sleep(timedelta(seconds=10))
        stage.run = run

    return play_night(
        tmp_path, ordered, setup=setup, policy=policy, people=people, ticks=timedelta(seconds=5)
    )


async def over(stage: Night) -> None:
    await stage.until_over(hours=24)


def when(night: Played, kind: Kind, step: str) -> datetime:
    return next(r.at for r in night.records if r.kind == kind and r.body.get("step") == step)


def failovers(night: Played) -> list[datetime]:
    return [
        r.at
        for r in night.records
        if r.kind == Kind.INTENDED and r.body["kind"] == StepKind.ADMIN_DOWN
    ]


@pytest.mark.parametrize("appointment", [AT, WINDOW], ids=["at", "window"])
def test_a_run_for_later_is_prepared_at_once_and_fails_over_at_its_time(tmp_path, appointment):
    night = play(tmp_path, appointment, over)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    assert when(night, Kind.DONE, "VERIFY") < START + timedelta(hours=1)
    assert DUE - LEAD <= when(night, Kind.DONE, "CLONING_OFF") < DUE
    assert DUE - LEAD <= when(night, Kind.GATE_OPENED, "A.FAILOVER") < DUE
    first, second = failovers(night)
    assert DUE <= first < DUE + timedelta(minutes=2)
    assert first < second
    assert night.broken() == {}


def test_what_is_prepared_in_the_window_touches_nothing_before_it(tmp_path):
    night = play(tmp_path, WINDOW, over, policy=quick(SPARSE, prepare="in_window"))

    assert night.state.ended is not None, night.state.hold
    assert when(night, Kind.DONE, "PROPOSAL") < START + timedelta(hours=1)
    assert when(night, Kind.DONE, "UPLOAD") >= DUE


def test_an_approval_before_the_time_is_good_until_a_while_after_it(tmp_path):
    night = play(tmp_path, AT, over)

    closed = next(
        r for r in night.records if r.kind == Kind.GATE_CLOSED and r.body["step"] == "A.FAILOVER"
    )
    assert closed.at < DUE - timedelta(minutes=20)
    good_until = datetime.fromisoformat(closed.body["good_until"])
    assert good_until == DUE + SPARSE.failover.execution_expiry


def test_a_vote_that_is_taken_back_before_the_time_stops_it(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if step == "A.FAILOVER":
            night.later(600, lambda: night.react(gate, "U0BEN00001", "yes", added=False))

    night = play(tmp_path, AT, over, people=people)

    assert night.state.hold is not None
    assert night.state.hold.error == "expired"
    assert failovers(night) == []


def test_a_window_that_ends_holds_before_the_next_group_and_never_inside_one(tmp_path):
    short = Appointment(DUE, ENDS_EARLY, said="window 04:00-04:20")

    night = play(tmp_path, short, over)

    assert night.state.hold is not None
    assert "the window ended at Tue 3 Mar 04:20 UTC" in night.state.hold.reason
    assert night.state.hold.ways == ("move", "abort", "rollback")
    assert night.state.of("A.SOAK").status == "done"
    assert len(failovers(night)) == 1
    assert set(night.installs().values()) == {0, 1}
    assert night.broken() == {}


def test_a_run_that_holds_after_its_window_goes_on_in_another_one(tmp_path):
    short = Appointment(DUE, ENDS_EARLY)
    tomorrow = DUE + timedelta(days=1)
    next_night = Appointment(tomorrow, tomorrow + timedelta(hours=2))

    async def then(stage: Night) -> None:
        await over(stage)
        stage.change(appointment=next_night)
        await stage.until(lambda s: s.ended is not None, hours=40)

    night = play(tmp_path, short, then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    first, second = failovers(night)
    assert first < ENDS_EARLY
    assert tomorrow <= second < tomorrow + timedelta(hours=2)
    assert night.broken() == {}
    opened = [r.body["step"] for r in night.records if r.kind == Kind.GATE_OPENED]
    assert opened == ["PROPOSAL", "A.FAILOVER", "PROPOSAL.r2", "B.FAILOVER.r2"]


def test_a_run_is_moved_while_it_waits(tmp_path):
    later = Appointment(DUE + timedelta(hours=4))

    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        stage.change(appointment=later)
        await over(stage)

    night = play(tmp_path, AT, then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert later.start <= failovers(night)[0]
    assert night.broken() == {}


def away(stage_hours: float) -> Then:
    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        await stage.kill()
        await stage.clock.sleep(timedelta(hours=stage_hours))
        stage.begin()
        await stage.until_over(hours=6)

    return then


def test_whoever_was_away_over_the_time_asks_and_begins_nothing(tmp_path):
    night = play(tmp_path, AT, away(9))

    assert night.state.hold is not None
    assert "later it had not: nobody was there" in night.state.hold.reason
    assert night.state.hold.ways[:2] == ("retry", "abort")
    assert failovers(night) == []


def test_whoever_comes_late_goes_on_once_people_say_so(tmp_path):
    async def then(stage: Night) -> None:
        await away(9)(stage)
        stage.say("retry", "U0ANA00001")
        await stage.until(lambda s: s.ended is not None)

    night = play(tmp_path, AT, then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.broken() == {}


def test_whoever_was_away_within_the_window_goes_on(tmp_path):
    night = play(tmp_path, WINDOW, away(7))

    assert night.state.ended is not None, night.state.hold
    assert night.broken() == {}


def test_a_window_that_passed_while_nobody_was_there_holds(tmp_path):
    night = play(tmp_path, WINDOW, away(20))

    assert night.state.hold is not None
    assert "the window ended" in night.state.hold.reason
    assert "retry" not in night.state.hold.ways
    assert failovers(night) == []


async def second_run(stage: Night) -> str:
    """Another run of the group that waits for people over the time of the first."""
    first = stage.run
    await stage.until(lambda s: s.at_appointment)
    await stage.clock.sleep(timedelta(hours=5))
    stage.people = lambda *_: None
    stage.order()
    await stage.until(lambda s: s.open_gate is not None, hours=1)
    stage.people = everyone_agrees
    second, stage.run = stage.run, first
    assert second != first
    return second


def test_other_runs_of_the_group_may_be_ordered_while_one_waits(tmp_path):
    async def then(stage: Night) -> None:
        second = await second_run(stage)
        index = stage.stores.journal.run(second)
        assert index is not None
        assert index.open

    night = play(tmp_path, WINDOW, then)

    assert night.state.at_appointment


def test_a_run_that_is_due_while_the_group_is_busy_waits_and_then_asks(tmp_path):
    async def then(stage: Night) -> None:
        second = await second_run(stage)
        await stage.until(lambda s: bool(s.waits_for), hours=3)
        assert stage.state().waits_for == f"site-1 is busy with {second}"
        await stage.until_over(hours=5)

    night = play(tmp_path, AT, then, policy=quick(SPARSE, late=timedelta(minutes=5)))

    assert night.state.hold is not None
    assert "is busy with" in night.state.hold.reason
    assert failovers(night) == []


def test_a_run_that_waits_can_be_aborted_beside_another_one(tmp_path):
    async def then(stage: Night) -> None:
        await second_run(stage)
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None, hours=1)

    night = play(tmp_path, WINDOW, then)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"
    assert night.broken() == {}


def test_what_changed_by_hand_meanwhile_holds_when_it_is_due(tmp_path):
    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        stage.group.add_fault({"name": "member_fails", "member": "1_3", "notes": ["ROUTED"]})
        await over(stage)

    night = play(tmp_path, AT, then)

    assert night.state.hold is not None
    assert night.state.hold.step == "APPOINTMENT"
    assert "1_3" in night.state.hold.reason
    assert failovers(night) == []


def test_who_takes_back_what_a_window_left_half_done_waits_for_no_other_window(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        stage.say("rollback")
        await stage.until(lambda s: s.ended is not None)

    night = play(tmp_path, Appointment(DUE, ENDS_EARLY), then)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "rolled back"
    assert night.broken() == {}


def test_a_run_that_is_moved_at_its_first_gate_looks_again_before_the_next_one(tmp_path):
    """A policy is installed in between: what READY saw of the evening before is old."""
    policy = {"name": "policy_installed", "after_s": 18 * 3600}

    def people(night: Night, gate: str, step: str) -> None:
        if step != "A.FAILOVER":
            everyone_agrees(night, gate, step)

    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.open_gate is not None and s.open_gate.step == "A.FAILOVER")
        stage.change(appointment=Appointment(DUE + timedelta(days=1)))
        await stage.clock.sleep(timedelta(hours=3))
        await over(stage)

    night = play(tmp_path, AT, then, people=people, faults=(policy,))

    assert night.state.ended is not None, night.state.hold
    assert night.broken() == {}


def test_a_run_that_works_on_a_group_is_not_moved(tmp_path):
    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.of("A.INSTALL").status == "done", hours=12)
        stage.change(appointment=Appointment(DUE + timedelta(days=1)))
        await over(stage)

    night = play(tmp_path, AT, then)

    assert night.state.ended is not None, night.state.hold
    assert any("A is worked on; wait until it is back" in text for _, text in night.said)


def test_a_run_that_is_asked_to_go_on_without_a_member_is_not_moved(tmp_path):
    stuck = {"name": "stuck_down", "member": "1_2", "notes": "FSYNC", "when": "rebooted:1_2"}

    def people(night: Night, gate: str, step: str) -> None:
        if not step.startswith("WITHOUT"):
            everyone_agrees(night, gate, step)

    async def then(stage: Night) -> None:
        await over(stage)
        stage.change(left_out=("1_2",))
        await stage.until(lambda s: s.hold is None, hours=1)
        stage.change(appointment=Appointment(DUE + timedelta(days=1)))
        await stage.clock.sleep(timedelta(minutes=5))

    night = play(tmp_path, AT, then, people=people, members=5, faults=(stuck,))

    assert not night.state.at_appointment
    assert any("people are asked about something else first" in text for _, text in night.said)


def test_a_run_that_waits_is_moved_while_another_one_has_its_group(tmp_path):
    later = DUE + timedelta(days=1)

    async def then(stage: Night) -> None:
        second = await second_run(stage)
        await stage.until(lambda s: bool(s.waits_for), hours=3)
        stage.change(appointment=Appointment(later))
        await stage.until(lambda s: s.at_appointment and s.the_plan.revision == 2, hours=1)
        assert stage.stores.journal.run(second) is not None

    night = play(tmp_path, WINDOW, then)

    assert night.state.at_appointment
    assert not night.state.waits_for
    assert night.state.the_plan.appointment == Appointment(later)


def alarms(night: Played) -> list[str]:
    return [alarm["reason"] for alarm in night.state.alarms if alarm["what"] == "schedule"]


def test_what_is_scheduled_is_compared_with_what_is_true_every_day(tmp_path):
    """A member fails on the second day, of four: that is said once, long before it is due."""
    far = Appointment(DUE + timedelta(days=4))

    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        await stage.clock.sleep(timedelta(hours=30))
        stage.group.add_fault({"name": "member_fails", "member": "1_3", "notes": ["ROUTED"]})
        await stage.clock.sleep(timedelta(hours=60))

    night = play(tmp_path, far, then)

    assert night.state.at_appointment
    (told,) = alarms(night)
    assert "as things are it would not begin" in told
    assert "1_3" in told


def test_what_is_scheduled_is_compared_with_what_is_true_after_a_restart(tmp_path):
    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        await stage.kill()
        stage.group.add_fault({"name": "member_fails", "member": "1_3", "notes": ["ROUTED"]})
        await stage.clock.sleep(timedelta(minutes=5))
        stage.begin()
        await stage.clock.sleep(timedelta(minutes=5))

    night = play(tmp_path, AT, then)

    assert len(alarms(night)) == 1


def test_nothing_is_said_daily_while_all_is_as_planned(tmp_path):
    far = Appointment(DUE + timedelta(days=3))

    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(days=2))

    night = play(tmp_path, far, then)

    assert alarms(night) == []
    assert len([r for r in night.records if r.kind == Kind.SEEN]) <= 3


def freeze(stage: Night, verb: str, **body: str) -> None:
    row = {"verb": verb, "scope": "site-1", "user": "U0BEN00001", "until": None, "reason": "fair"}
    row |= body
    key = f"cmd:{verb}"
    stage.stores.inbox.put(InboxRow(key, None, "freeze", row, stage.clock.now()))


def test_a_run_that_is_due_while_its_group_is_frozen_waits_and_goes_on_in_its_window(tmp_path):
    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        freeze(stage, "freeze")
        await stage.until(lambda s: bool(s.waits_for), hours=8)
        assert "frozen by ben" in stage.state().waits_for
        await stage.clock.sleep(timedelta(hours=1))
        freeze(stage, "unfreeze")
        await over(stage)

    night = play(tmp_path, WINDOW, then)

    assert night.state.ended is not None, night.state.hold
    assert failovers(night)[0] > DUE + timedelta(minutes=25)
    assert night.broken() == {}


def test_a_freeze_to_come_that_ends_within_the_window_is_waited_for(tmp_path):
    ends = DUE + timedelta(minutes=25)

    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        begins = DUE - timedelta(hours=2)
        freeze(stage, "freeze", begins=begins.isoformat(), until=ends.isoformat())
        await stage.until(lambda s: bool(s.waits_for), hours=8)
        assert "frozen by ben until" in stage.state().waits_for
        await over(stage)

    night = play(tmp_path, WINDOW, then)

    assert night.state.ended is not None, night.state.hold
    assert failovers(night)[0] > ends
    assert any(f"{night.state.run} on site-1 is due in it" in text for _, text in night.said)
    (told,) = [alarm["reason"] for alarm in night.state.alarms if alarm["what"] == "freeze"]
    assert "its window is open until" in told
    assert night.broken() == {}


def test_a_run_that_waits_is_not_moved_into_a_freeze(tmp_path):
    begins, ends = DUE + timedelta(hours=20), DUE + timedelta(hours=30)

    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        freeze(stage, "freeze", begins=begins.isoformat(), until=ends.isoformat())
        await stage.clock.sleep(timedelta(seconds=30))
        for start in (begins, ends):
            stage.change(appointment=Appointment(start))
            await stage.clock.sleep(timedelta(seconds=30))

    night = play(tmp_path, AT, then)

    assert night.state.the_plan.appointment == Appointment(ends)
    refused = [r.body for r in night.records if r.kind == Kind.REFUSED]
    (moved,) = [body["reason"] for body in refused if body.get("word") == "change"]
    assert "site-1 will be frozen by ben from" in moved
    assert "is inside of that" in moved


def test_a_machine_whose_clock_is_set_forward_does_not_begin_early(tmp_path):
    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.at_appointment)
        stage.clock._start += timedelta(hours=7)
        await over(stage)

    night = play(tmp_path, AT, then)

    assert night.state.hold is not None
    assert "this machine's clock says" in night.state.hold.reason
    assert failovers(night) == []
