"""Votes in words count as reactions do: bound to what was read, and only as long as they stand."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engine.journal import Kind
from tests.simulation.night import (
    CHANNEL,
    Night,
    small_package,
)
from tests.simulation.played import Played
from tests.simulation.voting import (
    ANA,
    BEN,
    NOOR,
    OPA,
    SPARSE,
    gone_down,
    last_answer_after_the_end,
    of_kind,
    play_at_g2,
    play_with_g2_stored_late,
    told,
)
from tests.simulation.writing import code_of, write


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    return partial(play_at_g2, small_package(tmp_path), proposal=Night.react)


def test_a_failover_is_approved_by_two_who_write(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: write(night, gate, ANA, "yes"))
        night.later(40, lambda: write(night, gate, BEN, "yes"))

    night = play(people)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    votes = of_kind(night, Kind.VOTED)
    assert [(v["user"], v["source"]) for v in votes] == [(ANA, "text"), (BEN, "text")]
    opened = of_kind(night, Kind.GATE_OPENED)
    assert {v["code"] for v in votes} == {opened[0]["code"]}
    assert night.broken() == {}


def test_a_reaction_and_a_word_are_two_votes_of_two_people_and_one_of_one(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: night.react(gate, ANA, "yes"))
        night.later(40, lambda: write(night, gate, ANA, "yes"))

    assert not gone_down(play(people, hours=0.2))

    def two(night: Night, gate: str, step: str) -> None:
        people(night, gate, step)
        night.later(60, lambda: write(night, gate, BEN, "yes"))

    night = play(two)
    assert gone_down(night)
    assert night.broken() == {}


def test_a_code_of_something_else_is_refused_each_time_and_recorded_once(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: write(night, gate, ANA, "yes"))
        for after in (30, 40):
            night.later(after, lambda: write(night, gate, BEN, "yes", code=code_of(night, "G1")))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    answers = told(night, BEN)
    assert len(answers) == 2
    assert all("is not the code of G2; read its message" in one for one in answers)
    assert len(of_kind(night, Kind.REFUSED)) == 1
    assert len(of_kind(night, Kind.VOTED)) == 1
    assert told(night, ANA) == []


def test_a_gate_that_is_no_longer_asked_is_refused_and_the_open_one_named(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: write(night, "G1", ANA, "yes", at="G2"))
        night.later(21, lambda: write(night, "G7", BEN, "yes", code="7K3F", at="G2"))

    night = play(people, hours=0.2)

    assert of_kind(night, Kind.VOTED) == []
    (ana,), (ben,) = told(night, ANA), told(night, BEN)
    assert "G1 is no longer open (approved and begun); G2 is, with a message of its own" in ana
    assert "G7 is not open; G2 is, with a message of its own" in ben


def test_a_written_no_holds_the_run_with_its_reason(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(
            20, lambda: write(night, gate, NOOR, "no", reason="a policy is being installed")
        )

    night = play(people)

    assert night.state.hold is not None
    assert night.state.hold.reason == "G2 rejected by noor (a policy is being installed)"
    assert not gone_down(night)
    assert night.broken() == {}


def test_who_may_only_stop_may_write_a_no_but_no_yes(play):
    policy = replace(SPARSE, operators=("on call",))

    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: write(night, gate, OPA, "yes"))
        night.later(40, lambda: write(night, gate, OPA, "no"))

    night = play(people, policy=policy)

    (answer,) = told(night, OPA)
    assert "approving needs one of these roles: firewall, network" in answer
    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"


@pytest.mark.parametrize("how", ["word", "deleted", "edited"])
def test_a_written_yes_taken_back_in_the_grace_time_stops_the_failover(play, how):
    def take_back(night: Night) -> None:
        place = (CHANNEL, "G2")
        if how == "word":
            write(night, "G2", BEN, "withdraw")
        elif how == "deleted":
            night.crowd.shown[place] = [b for b in night.crowd.shown[place] if b.user != BEN]
        else:
            night.crowd.shown[place] = [
                replace(b, choice="withdraw") if b.user == BEN else b
                for b in night.crowd.shown[place]
            ]

    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: write(night, gate, ANA, "yes"))
        night.later(40, lambda: write(night, gate, BEN, "yes"))
        night.later(44, partial(take_back, night))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert len(of_kind(night, Kind.WITHDRAWN)) == 1
    assert night.broken() == {}


def test_a_withdrawal_outlasts_a_reaction_until_its_author_writes_again(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(10, lambda: night.react(gate, ANA, "yes"))
        night.later(20, lambda: night.react(gate, BEN, "yes"))
        night.later(24, lambda: write(night, gate, BEN, "withdraw"))
        night.later(30, lambda: night.react(gate, BEN, "yes", added=False))
        night.later(40, lambda: night.react(gate, BEN, "yes"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    (answer,) = told(night, BEN)
    assert "your `withdraw` stands" in answer

    def again(night: Night, gate: str, step: str) -> None:
        people(night, gate, step)
        night.later(60, lambda: write(night, gate, BEN, "yes"))

    after = play(again)
    assert gone_down(after)
    assert after.broken() == {}


def test_a_word_whose_event_was_lost_is_counted_by_the_next_look(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: write(night, gate, ANA, "yes", heard=False))
        night.later(40, lambda: write(night, gate, BEN, "yes", heard=False))

    night = play(people)

    assert gone_down(night)
    assert night.broken() == {}


def test_a_vote_written_before_we_know_that_its_message_stands_is_counted(tmp_path: Path):
    played = play_with_g2_stored_late(small_package(tmp_path), write)

    assert gone_down(played)
    assert of_kind(played, Kind.REFUSED) == []
    assert played.broken() == {}


def test_a_vote_at_a_run_that_has_ended_is_answered(tmp_path: Path):
    to, text = last_answer_after_the_end(small_package(tmp_path), write)

    assert (to, text[:26]) == (NOOR, "`reject` changed nothing: ")
