"""Who will be there at the time of a run: asked by day, called again, and approving nothing."""

from datetime import timedelta
from typing import Any

import pytest

from engine import attendance
from engine.journal import Kind
from engine.model import Appointment
from tests.simulation.loop import START
from tests.simulation.night import REQUESTER, Night, everyone_agrees
from tests.simulation.played import Played, Then
from tests.simulation.test_appointments import AT, DUE, SPARSE, over, play

ANA, BEN, NOOR = "U0ANA00001", "U0BEN00001", "U0NOOR0001"


def waiting(state: Any) -> bool:
    return bool(state.at_appointment and state.calls)


async def prepared(stage: Night) -> None:
    await stage.until(waiting)


async def moment(stage: Night) -> None:
    await stage.clock.sleep(timedelta(seconds=30))


def of(night: Played, kind: Kind) -> list[Any]:
    return [record for record in night.records if record.kind == kind]


def says(*words: tuple[str, str]) -> Then:
    async def then(stage: Night) -> None:
        await prepared(stage)
        for verb, user in words:
            stage.say(verb, user)
            await moment(stage)

    return then


def test_those_who_are_needed_are_called_at_once_and_at_each_third_of_the_time(tmp_path):
    night = play(tmp_path, AT, over)

    calls = of(night, Kind.CALLED)
    assert [call.body["number"] for call in calls] == [1, 2, 3]
    first, opens = calls[0].at, DUE - SPARSE.gate_lead
    for call, share in zip(calls, (0, 1, 2), strict=True):
        assert abs(call.at - (first + (opens - first) * share / 3)) < timedelta(minutes=1)
    assert calls[0].body["lacking"] == "2 more people"
    assert REQUESTER not in calls[0].body["call"]
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"  # nobody said a word, and nothing was stopped


def test_whoever_said_it_is_called_no_more_and_enough_is_said_to_be_enough(tmp_path):
    night = play(tmp_path, AT, says(("there", ANA), ("there", BEN)))

    assert attendance.lacking(night.state) == ""
    assert [one.user for one in attendance.coming(night.state)] == [ANA, BEN]
    assert not attendance.could_help(night.state, ANA, {"network"})


def test_the_last_word_of_a_person_stands(tmp_path):
    night = play(tmp_path, AT, says(("there", ANA), ("there", BEN), ("away", ANA)))

    assert [one.user for one in attendance.away(night.state)] == [ANA]
    assert attendance.lacking(night.state) == "1 more person"


def test_whoever_asked_for_the_run_or_may_approve_nothing_is_refused(tmp_path):
    night = play(tmp_path, AT, says(("there", REQUESTER), ("there", "U0NOBODY01")))

    assert of(night, Kind.ATTENDING) == []
    refused = [r for r in of(night, Kind.REFUSED) if r.body.get("word") == "there"]
    assert [r.by for r in refused] == [REQUESTER, "U0NOBODY01"]
    assert "somebody else has to approve it" in refused[0].body["reason"]
    assert "needs one of these roles: firewall, network" in refused[1].body["reason"]


def test_it_is_told_at_once_where_nobody_of_a_role_will_be_left(tmp_path):
    async def then(stage: Night) -> None:
        stage.crowd.roles_of = {REQUESTER: {"firewall"}, ANA: {"network"}, BEN: {"firewall"}}
        await says(("away", BEN))(stage)

    night = play(tmp_path, AT, then)

    (alarm,) = [a for a in night.state.alarms if a["what"] == "attendance"]
    assert "without ben nobody could approve the failovers" in alarm["reason"]
    assert night.state.hold is None


def test_whoever_changes_the_plan_counts_no_longer(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(30, lambda: night.say("there", ANA))
            night.later(60, lambda: night.change(ANA, order="swap"))

    async def then(stage: Night) -> None:
        await stage.until(lambda s: s.the_plan.revision == 2)

    night = play(tmp_path, AT, then, people=people)

    assert night.state.attending.keys() == {ANA}
    assert attendance.coming(night.state) == ()
    assert attendance.lacking(night.state) == "2 more people"


def test_another_time_asks_anew(tmp_path):
    later = Appointment(DUE + timedelta(days=1), said="tomorrow")

    async def then(stage: Night) -> None:
        await says(("there", ANA))(stage)
        stage.change(ANA, appointment=later)
        await stage.until(lambda s: s.the_plan.revision == 2)

    night = play(tmp_path, AT, then)

    assert night.state.attending == {}
    assert night.state.calls == 0


def test_it_approves_nothing_and_once_the_time_has_come_it_is_refused(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        if step == "PROPOSAL":
            night.later(30, lambda: night.react(gate, ANA, "yes"))
        else:
            night.later(60, lambda: night.say("there", NOOR))

    async def then(stage: Night) -> None:
        await says(("there", ANA), ("there", BEN))(stage)
        await over(stage)

    night = play(tmp_path, AT, then, people=people)

    assert night.state.hold is not None
    assert night.state.hold.error == "expired"
    late = [r for r in of(night, Kind.REFUSED) if r.body.get("word") == "there"]
    assert late
    assert "votes count at the gates" in late[0].body["reason"]


def test_after_a_restart_nobody_is_called_twice(tmp_path):
    async def then(stage: Night) -> None:
        await prepared(stage)
        await stage.kill()
        stage.begin()
        await stage.clock.sleep(timedelta(minutes=10))

    night = play(tmp_path, AT, then)

    assert [r.body["number"] for r in of(night, Kind.CALLED)] == [1]


def test_of_the_calls_that_came_due_while_nobody_was_there_one_is_made(tmp_path):
    async def then(stage: Night) -> None:
        await prepared(stage)
        await stage.kill()
        await stage.clock.sleep(timedelta(hours=4, minutes=30))
        stage.begin()
        await stage.clock.sleep(timedelta(minutes=5))

    night = play(tmp_path, AT, then)

    assert [r.body["number"] for r in of(night, Kind.CALLED)] == [1, 3]


def test_what_goes_on_soon_calls_nobody(tmp_path):
    soon = Appointment(DUE - timedelta(hours=4, minutes=55), said="in 1h")

    night = play(tmp_path, soon, over)

    assert of(night, Kind.CALLED) == []


async def put_off_and_away_again(stage: Night) -> None:
    await says(("away", BEN))(stage)
    stage.change(appointment=Appointment(DUE + timedelta(days=1), said="tomorrow"))
    await stage.until(lambda s: s.the_plan.revision == 2)
    stage.say("away", BEN)
    await moment(stage)


@pytest.mark.parametrize(
    "then",
    [says(("away", BEN), ("there", BEN), ("away", BEN)), put_off_and_away_again],
    ids=["who changes their mind", "another time"],
)
def test_that_nobody_of_a_role_will_be_left_is_told_each_time_that_it_becomes_so(tmp_path, then):
    async def only_two(stage: Night) -> None:
        stage.crowd.roles_of = {REQUESTER: {"firewall"}, ANA: {"network"}, BEN: {"firewall"}}
        await then(stage)

    night = play(tmp_path, AT, only_two)

    assert len([a for a in night.state.alarms if a["what"] == "attendance"]) == 2


def test_what_is_said_again_is_recorded_once(tmp_path):
    night = play(tmp_path, AT, says(("away", ANA), ("away", ANA)))

    assert len(of(night, Kind.ATTENDING)) == 1


def test_where_all_sleep_they_are_called_when_the_first_of_them_is_up(tmp_path):
    up = START + timedelta(hours=2)

    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(hours=2, minutes=5))

    def asleep(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        night.crowd.states = dict.fromkeys((ANA, BEN, NOOR), "quiet")
        night.crowd.until = dict.fromkeys((ANA, BEN, NOOR), up)

    night = play(tmp_path, AT, then, people=asleep)

    put_off, called = of(night, Kind.CALLED)
    assert put_off.body == {"number": 0, "put_off": up.isoformat()}
    assert up <= called.at < up + timedelta(minutes=2)
    assert called.body["number"] == 1


def test_a_call_that_finds_nobody_is_made_again_and_after_a_while_stands(tmp_path):
    def roles_unread(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        roles = night.crowd.roles_of
        night.later(40, lambda: setattr(night.crowd, "roles_of", {}))
        night.later(400, lambda: setattr(night.crowd, "roles_of", roles))

    async def then(stage: Night) -> None:
        await stage.clock.sleep(timedelta(minutes=20))

    night = play(tmp_path, AT, then, people=roles_unread)

    (call,) = of(night, Kind.CALLED)
    assert set(call.body["call"]) == {ANA, BEN, NOOR}


def test_who_is_late_is_asked_no_more_who_will_be_there(tmp_path):
    async def then(stage: Night) -> None:
        await prepared(stage)
        await stage.kill()
        await stage.clock.sleep(timedelta(hours=8))
        stage.begin()
        await stage.until(lambda s: s.hold is not None)
        stage.say("there", ANA)
        await moment(stage)

    night = play(tmp_path, AT, then)

    assert night.state.hold is not None
    assert not attendance.is_asked(night.state)
    assert of(night, Kind.ATTENDING) == []


def test_a_run_that_is_paused_calls_nobody_before_it_goes_on(tmp_path):
    async def then(stage: Night) -> None:
        await prepared(stage)
        stage.say("pause")
        await stage.clock.sleep(timedelta(hours=3))

    night = play(tmp_path, AT, then)

    assert night.state.paused
    assert night.state.next_call is None
    assert len(of(night, Kind.CALLED)) == 1
