"""Votes in words count as reactions do: bound to what was read, and only as long as they stand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from engine.journal import Kind
from engine.model import Policy
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    CHANNEL,
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.test_faults import Played
from tests.simulation.writing import code_of, write

ANA, BEN, NOOR, OPA = "U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0OPA00001"
SPARSE = quick(POLICY, watch=timedelta(seconds=30))


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    package = small_package(tmp_path)

    def played(at_g2: Reaction, *, policy: Policy = SPARSE, hours: float = 6) -> Played:
        def people(night: Night, gate: str, step: str) -> None:
            if gate == "G1":
                night.later(10, lambda: night.react(gate, ANA, "yes"))
            else:
                (at_g2 if gate == "G2" else everyone_agrees)(night, gate, step)

        async def night() -> Played:
            setup = Setup(members=4, connections=1000)
            stage = Night(package, setup=setup, policy=policy, people=people)
            stage.crowd.roles_of = {**stage.crowd.roles_of, OPA: {"on call"}}
            stage.begin()
            stage.order()
            state = await stage.until_over(hours=hours)
            result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
            await stage.close()
            return result

        return run_virtual(night())

    return played


def gone_down(night: Played) -> bool:
    return night.state.of("A.ADMIN_DOWN").status != "waiting"


def told(night: Played, user: str) -> list[str]:
    return [text for to, text in night.said if to == user]


def of_kind(night: Played, kind: Kind, step: str = "A.FAILOVER") -> list[dict[str, object]]:
    return [dict(r.body) for r in night.records if r.kind == kind and r.body.get("step") == step]


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
    class Late(Night):
        """The process died between posting the message of G2 and storing that it stands."""

        def _post(self, gate: str) -> None:
            if gate == "G2":
                write(self, gate, ANA, "yes")
                write(self, gate, BEN, "yes")
                self.later(90, partial(super()._post, gate))
            else:
                super()._post(gate)

    def people(night: Night, gate: str, step: str) -> None:
        if gate != "G2":
            everyone_agrees(night, gate, step)

    async def night() -> Played:
        setup = Setup(members=4, connections=1000)
        stage = Late(small_package(tmp_path), setup=setup, policy=SPARSE, people=people)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
        await stage.close()
        return result

    played = run_virtual(night())

    assert gone_down(played)
    assert of_kind(played, Kind.REFUSED) == []
    assert played.broken() == {}


def test_a_vote_at_a_run_that_has_ended_is_answered(tmp_path: Path):
    async def night() -> list[tuple[str, str]]:
        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=SPARSE)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        assert state.ended is not None
        write(stage, "G3", NOOR, "no")
        await stage.clock.sleep(timedelta(seconds=60))
        texts = stage.said.texts
        waiting = stage.stores.inbox.waiting(run=stage.run)
        await stage.close()
        assert waiting == []
        return texts

    assert tuple(part[:26] for part in run_virtual(night())[-1]) == (
        NOOR,
        "`reject` changed nothing: ",
    )
