"""What an appointment allows when; every moment is reckoned from it, not from now."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine import appointments
from engine.estimate import too_long
from engine.model import Appointment, Plan, StepKind
from engine.policy import GatePolicy
from tests.unit.builders import NOW, plan

START = NOW + timedelta(hours=6)
UNTIL = START + timedelta(hours=2)
GATE = GatePolicy()


def planned(*, until: bool = True, **policy: Any) -> Plan:
    made = plan()
    made = replace(made, policy=replace(made.policy, **policy))
    return appointments.appointed(made, Appointment(START, UNTIL if until else None))


def kinds(one: Plan) -> list[StepKind]:
    return [step.kind for step in one.steps]


def test_a_plan_without_an_appointment_stays_as_it_is():
    assert appointments.appointed(plan(), None) == plan()
    assert "appointment" not in plan().as_json()


def test_it_waits_once_everything_is_prepared_that_touches_no_traffic():
    steps = kinds(planned())

    place = steps.index(StepKind.APPOINTMENT)
    assert steps[place - 1] is StepKind.VERIFY
    assert steps[place + 1] is StepKind.CLONING_OFF


def test_it_waits_right_after_the_proposal_where_it_is_prepared_in_the_window():
    assert kinds(planned(prepare="in_window"))[1] is StepKind.APPOINTMENT


def test_it_goes_on_a_while_before_its_time_where_it_is_prepared():
    lead = timedelta(minutes=20)

    assert appointments.opens_at(planned(gate_lead=lead)) == START - lead
    assert appointments.opens_at(planned(gate_lead=lead, prepare="in_window")) == START
    assert appointments.opens_at(plan()) is None


def test_no_gate_waits_for_votes_longer_than_its_window():
    def expires(at: timedelta) -> timedelta:
        moment = appointments.expires_at(planned(), StepKind.FAILOVER, GATE, START + at)
        return moment - START

    assert expires(timedelta(minutes=-20)) == GATE.approval_expiry
    assert expires(timedelta(minutes=10)) == timedelta(minutes=10) + GATE.approval_expiry
    assert expires(timedelta(hours=1, minutes=50)) == timedelta(hours=2)


def test_no_approval_is_good_before_its_time_or_after_its_window():
    def good(at: timedelta) -> timedelta:
        moment = appointments.good_until(planned(), StepKind.FAILOVER, GATE, START + at)
        return moment - START

    assert good(timedelta(minutes=-20)) == GATE.execution_expiry
    assert good(timedelta(hours=1, minutes=55)) == timedelta(hours=2)


def test_a_proposal_for_later_waits_a_day_at_most():
    def waits(ahead: timedelta) -> timedelta:
        made = replace(planned(), appointment=Appointment(NOW + ahead))
        return appointments.expires_at(made, StepKind.PROPOSAL, GATE, NOW) - NOW

    assert waits(timedelta(hours=6)) == timedelta(hours=6) - planned().policy.gate_lead
    assert waits(timedelta(days=6)) == appointments.PROPOSAL_LIFE
    assert waits(timedelta(minutes=31)) == GATE.approval_expiry


def test_no_proposal_waits_for_votes_longer_than_its_window_but_a_rollbacks():
    def expires(made: Plan) -> timedelta:
        asked = START + timedelta(minutes=10)
        return appointments.expires_at(made, StepKind.PROPOSAL, GATE, asked) - START

    assert expires(planned()) == UNTIL - START
    assert expires(planned(until=False)) == timedelta(minutes=10) + appointments.PROPOSAL_LIFE
    after = replace(planned(), follows="hf-000001")
    assert expires(after) == timedelta(minutes=10) + appointments.PROPOSAL_LIFE


def test_who_is_late_goes_on_by_himself_only_for_a_while_or_within_the_window():
    late = planned().policy.late

    assert appointments.latest_at(planned(until=False), None) == START + late
    said = START + timedelta(hours=5)
    assert appointments.latest_at(planned(until=False), said) == said + late
    assert appointments.latest_at(planned(), said) == UNTIL
    assert appointments.latest_at(plan(), None) is None


@pytest.mark.parametrize(("minutes", "short"), [(30, True), (300, False)])
def test_a_window_that_is_too_short_for_the_work_is_said(minutes, short):
    made = replace(planned(), appointment=Appointment(START, START + timedelta(minutes=minutes)))

    assert bool(too_long(made)) is short
    assert too_long(planned(until=False)) == ""
