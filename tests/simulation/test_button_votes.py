"""Votes by a button: bound to the message that was clicked, kept and taken back in the journal."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from engine.journal import Kind
from engine.ports import Person
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    REQUESTER,
    Night,
    everyone_agrees,
    small_package,
)
from tests.simulation.played import Played
from tests.simulation.voting import (
    ANA,
    BEN,
    NOOR,
    OPA,
    SPARSE,
    ZOE,
    all_but_g2,
    gone_down,
    last_answer_after_the_end,
    of_kind,
    play_at_g2,
    play_with_g2_stored_late,
    told,
)
from tests.simulation.writing import click, write


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    return partial(play_at_g2, small_package(tmp_path), proposal=click)


def test_a_failover_is_approved_by_two_who_press_a_button_and_each_is_told(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes"))
        night.later(40, lambda: click(night, gate, BEN, "yes"))

    night = play(people)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    votes = of_kind(night, Kind.VOTED)
    assert [(v["user"], v["source"]) for v in votes] == [(ANA, "button"), (BEN, "button")]
    assert len(of_kind(night, Kind.CLICKED)) == 2
    assert told(night, ANA, "G2") == ["Your yes at G2 is counted. Still missing: 1 more person."]
    assert told(night, BEN, "G2") == ["Your yes at G2 is counted. That is enough."]
    assert night.broken() == {}


def test_a_reaction_a_word_and_a_click_of_one_person_are_one_vote(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: night.react(gate, ANA, "yes"))
        night.later(30, lambda: write(night, gate, ANA, "yes"))
        night.later(40, lambda: click(night, gate, ANA, "yes"))
        night.later(41, lambda: click(night, gate, ANA, "yes"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert len(of_kind(night, Kind.VOTED)) == 1
    assert len(of_kind(night, Kind.CLICKED)) == 1

    def three(night: Night, gate: str, step: str) -> None:
        people(night, gate, step)
        night.later(60, lambda: click(night, gate, BEN, "yes"))

    assert gone_down(play(three))


def test_a_click_that_is_delivered_twice_counts_once(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes", key="act:twice"))
        night.later(25, lambda: click(night, gate, ANA, "yes", key="act:twice"))

    night = play(people, hours=0.2)

    assert len(of_kind(night, Kind.VOTED)) == 1
    assert len(told(night, ANA, "G2")) == 1


def test_a_check_mark_that_is_taken_away_does_not_take_the_click_back_and_its_author_is_told(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes"))
        night.later(25, lambda: night.react(gate, ANA, "yes"))
        night.later(30, lambda: night.react(gate, ANA, "yes", added=False))
        night.later(60, lambda: click(night, gate, BEN, "yes"))

    night = play(people)

    assert gone_down(night)
    assert of_kind(night, Kind.WITHDRAWN) == []
    (answer,) = [text for text in told(night, ANA, "G2") if "still counts" in text]
    assert "press Withdraw or write `@hotfix withdraw G2`" in answer
    assert night.broken() == {}


@pytest.mark.parametrize("given", ["reaction", "word", "click"])
def test_the_withdraw_button_takes_every_yes_back_in_the_grace_time(play, given):
    def say_yes(night: Night, gate: str) -> None:
        if given == "reaction":
            night.react(gate, BEN, "yes")
        else:
            (write if given == "word" else click)(night, gate, BEN, "yes")

    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: night.react(gate, ANA, "yes"))
        night.later(40, partial(say_yes, night, gate))
        night.later(44, lambda: click(night, gate, BEN, "withdraw"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert len(of_kind(night, Kind.WITHDRAWN)) == 1
    assert "You have no vote at G2 any more" in told(night, BEN, "G2")[-1]
    assert night.broken() == {}

    def again(night: Night, gate: str, step: str) -> None:
        people(night, gate, step)
        night.later(60, lambda: click(night, gate, BEN, "yes"))

    after = play(again)
    assert gone_down(after)
    assert after.broken() == {}


def test_a_written_withdrawal_outlasts_a_click(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(10, lambda: click(night, gate, ANA, "yes"))
        night.later(20, lambda: write(night, gate, BEN, "withdraw"))
        night.later(30, lambda: click(night, gate, BEN, "yes"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert (
        "your `withdraw` stands. To vote after all, write `approve`" in told(night, BEN, "G2")[-1]
    )


def test_a_click_of_one_whom_slack_does_not_show_is_refused_and_keeps_nobody_waiting(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.crowd.hidden.add(ZOE)
        night.later(10, lambda: click(night, gate, ZOE, "yes"))
        everyone_agrees(night, gate, step)

    night = play(people, hours=0.2)

    assert gone_down(night)
    (answer,) = told(night, ZOE)
    assert "does not count: this account may not vote: Slack does not show this account" in answer


def test_about_a_click_of_one_whom_slack_does_not_name_now_it_is_asked_with_pauses(play):
    asked: Counter[str] = Counter()

    def people(night: Night, gate: str, step: str) -> None:
        real = night.crowd.person

        async def person(user: str) -> Person:
            asked[f"{night.clock.now():%H:%M}"] += user == ZOE
            assert asked.total() < 1000, "asked without a pause"
            return await real(user)

        night.crowd.person = person  # type: ignore[method-assign]  # counted
        night.crowd.unreadable.add(ZOE)
        night.later(50, lambda: click(night, gate, ZOE, "yes"))
        everyone_agrees(night, gate, step)

    night = play(people, hours=0.6)

    assert not gone_down(night)
    closed = [body["outcome"] for body in of_kind(night, Kind.GATE_CLOSED)]
    assert closed == ["approved", "expired"]
    told_at_gate = [body["reason"] for body in of_kind(night, Kind.BARRED)]
    assert told_at_gate == [f"Slack does not say who {ZOE} is"]
    assert max(asked.values()) <= 12


def test_a_no_by_a_button_ends_the_gate(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes"))
        night.later(40, lambda: click(night, gate, REQUESTER, "no"))

    night = play(people)

    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"
    assert told(night, REQUESTER, "G2") == ["Your no at G2 is counted: it ends G2."]
    assert night.broken() == {}


@pytest.mark.parametrize(
    ("user", "choice", "why"),
    [
        (REQUESTER, "yes", "somebody else has to approve it"),
        ("U0EVE00001", "yes", "approving needs one of these roles"),
        ("U0EVE00001", "no", "only approvers, the requester and those"),
        (ANA, "withdraw", "You have no vote at G2 that could be taken back"),
    ],
)
def test_a_click_without_effect_is_answered_with_the_reason_and_stands_nowhere(
    play, user, choice, why
):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, user, choice))
        night.later(30, lambda: click(night, gate, user, choice))

    night = play(people, hours=0.2)

    answers = told(night, user, "G2")
    assert len(answers) == 2
    assert all(why in one for one in answers)
    assert of_kind(night, Kind.CLICKED) == of_kind(night, Kind.VOTED) == []
    assert len(of_kind(night, Kind.REFUSED)) == (0 if choice == "withdraw" else 1)


def test_a_refused_click_does_not_count_once_its_author_is_in_the_role(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, OPA, "yes"))
        night.later(30, lambda: night.crowd.roles_of.update({OPA: {"network"}}))
        night.later(40, lambda: click(night, gate, BEN, "yes"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert [v["user"] for v in of_kind(night, Kind.VOTED)] == [BEN]


def test_a_click_on_the_message_of_a_gate_that_is_over_never_counts_for_the_open_one(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, "G1", ANA, "yes"))
        night.later(21, lambda: click(night, "G1", NOOR, "no"))
        night.later(30, lambda: click(night, "G2", BEN, "yes", at="G1"))
        night.later(40, lambda: click(night, "G1", NOOR, "yes", at="G2"))

    night = play(people, hours=0.2)

    assert of_kind(night, Kind.VOTED) == of_kind(night, Kind.CLICKED) == []
    (ana,) = told(night, ANA, "G2")
    assert ana.startswith("Your vote does not count: G1 is no longer open (approved and begun); G2")
    assert len(told(night, BEN, "G2")) == 1
    assert len(told(night, NOOR, "G1")) == 2
    assert night.state.hold is None
    assert night.broken() == {}


def test_a_click_on_the_message_of_a_former_opening_does_not_count_for_the_next_one(
    tmp_path: Path,
):
    async def night() -> Played:
        def people(night: Night, gate: str, step: str) -> None:
            if gate == "G1":
                everyone_agrees(night, gate, step)
            if gate == "G2":
                night.later(10, lambda: click(night, gate, ANA, "no"))
            if gate == "G3":
                night.later(10, lambda: click(night, "G2", BEN, "yes"))
                night.later(11, lambda: click(night, "G2", NOOR, "yes"))

        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=SPARSE, people=people)
        stage.begin()
        stage.order()
        await stage.until(lambda s: s.hold is not None)
        stage.say("retry")
        await stage.until(lambda s: any(g.name == "G3" for g in s.gates.values()))
        await stage.clock.sleep(timedelta(seconds=60))
        state = stage.state()
        result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
        await stage.close()
        return result

    played = run_virtual(night())

    assert [v["user"] for v in of_kind(played, Kind.VOTED)] == [ANA]
    asked = played.state.open_gate
    assert asked is not None
    assert (asked.name, asked.opening, dict(asked.votes), dict(asked.clicks)) == ("G3", 2, {}, {})
    for user in (BEN, NOOR):
        (answer,) = told(played, user, "G2")
        assert answer.startswith(
            "Your vote does not count: G2 is no longer open (rejected); G3 is, with"
        )
    assert played.broken() == {}


def test_a_click_waits_while_slack_cannot_say_who_it_is_and_no_failover_begins(play):
    def away(night: Night, is_away: bool) -> None:
        night.crowd.away = is_away

    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes"))
        night.later(40, lambda: click(night, gate, BEN, "yes"))
        night.later(43, lambda: away(night, True))
        night.later(44, lambda: click(night, gate, NOOR, "no"))
        night.later(400, lambda: away(night, False))

    night = play(people)

    assert not gone_down(night)
    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"
    assert told(night, NOOR, "G2") == ["Your no at G2 is counted: it ends G2."]


def test_of_two_clicks_that_arrive_in_the_wrong_order_the_later_one_stands(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes"))
        night.later(60, lambda: click(night, gate, ANA, "withdraw"))
        night.later(61, lambda: click(night, gate, ANA, "yes", pressed_ago=30))
        night.later(80, lambda: click(night, gate, BEN, "yes"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert "You pressed another button of G2 after that." in told(night, ANA, "G2")[-1]
    assert night.broken() == {}


def test_a_click_before_we_know_that_its_message_stands_waits_and_counts(tmp_path: Path):
    played = play_with_g2_stored_late(small_package(tmp_path), click)

    assert gone_down(played)
    assert of_kind(played, Kind.REFUSED) == []
    assert played.broken() == {}


@pytest.mark.parametrize("after", [False, True])
def test_a_click_survives_a_death_before_and_after_the_record_that_takes_it(tmp_path: Path, after):
    async def night() -> Played:
        setup = Setup(members=4, connections=1000)
        stage = Night(small_package(tmp_path), setup=setup, policy=SPARSE, people=all_but_g2)
        stage.begin()
        stage.order()
        await stage.until(lambda s: any(g.name == "G2" and g.shown for g in s.gates.values()))
        await stage.kill()
        click(stage, "G2", ANA, "yes")
        click(stage, "G2", BEN, "yes")
        # The second append of this life is the one that takes the first click.
        stage.begin(die_at=2, after=after)
        assert stage.mortal is not None
        await stage.mortal.dead.wait()
        await stage.kill()
        stage.begin()
        state = await stage.until_over()
        result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
        await stage.close()
        return result

    played = run_virtual(night())

    assert [v["user"] for v in of_kind(played, Kind.VOTED)] == [ANA, BEN]
    assert [c["user"] for c in of_kind(played, Kind.CLICKED)] == [ANA, BEN]
    assert gone_down(played)
    assert played.broken() == {}


def test_a_click_at_a_run_that_has_ended_is_answered(tmp_path: Path):
    to, text = last_answer_after_the_end(small_package(tmp_path), click)

    assert (to, text[:26]) == (NOOR, "`reject` changed nothing: ")


COPY = "999.9"
"""Where a second copy of a gate's message stands: a post that Slack took late."""


def test_a_no_on_a_second_copy_of_a_gates_message_stops_it(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "no", at=COPY))
        night.later(40, lambda: click(night, gate, BEN, "yes"))
        night.later(41, lambda: click(night, gate, NOOR, "yes"))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert told(night, ANA, "G2") == ["Your no at G2 is counted: it ends G2."]
    assert [(v["user"], v["choice"]) for v in of_kind(night, Kind.VOTED)] == [(ANA, "no")]


def test_a_yes_on_a_second_copy_never_counts_and_its_author_is_told(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, ANA, "yes", at=COPY))
        night.later(40, lambda: click(night, gate, BEN, "yes", at=COPY))

    night = play(people, hours=0.2)

    assert not gone_down(night)
    assert of_kind(night, Kind.VOTED) == []
    (answer,) = told(night, ANA, "G2")
    assert "second copy of the message of G2; the one that counts stands" in answer
