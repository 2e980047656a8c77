"""An approval is of these facts, by these persons: what changes after it was given."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.policy import GatePolicy, Policy
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, Reaction, everyone_agrees, quick, small_package
from tests.simulation.played import Played
from tests.simulation.test_faults import SPARSE
from tests.simulation.writing import click

ANA, BEN, NOOR = "U0ANA00001", "U0BEN00001", "U0NOOR0001"
ZOE = "U0ZOE00001"
"""Somebody in no role."""


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    package = small_package(tmp_path)

    def played(at: Reaction, *, gate: str = "G2", policy: Policy = SPARSE) -> Played:
        def people(night: Night, shown: str, step: str) -> None:
            (at if shown == gate else everyone_agrees)(night, shown, step)

        async def night() -> Played:
            stage = Night(package, setup=Setup(members=4), policy=policy, people=people)
            stage.begin()
            stage.order()
            state = await stage.until_over(hours=1)
            result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
            await stage.close()
            return result

        return run_virtual(night())

    return played


def of_kind(night: Played, kind: Kind, step: str = "A.FAILOVER") -> list[dict[str, Any]]:
    return [dict(r.body) for r in night.records if r.kind == kind and r.body.get("step") == step]


def both_agree(night: Night, gate: str) -> None:
    night.later(20, lambda: night.react(gate, ANA, "yes"))
    night.later(40, lambda: night.react(gate, BEN, "yes"))


# ------------------------------------------------------------------------- facts of others


def take_down(night: Night, member: str) -> None:
    night.group.admin_down(night.group.member(member))


@pytest.mark.parametrize("taken", [("1_1",), ("1_1", "1_2")], ids=["one", "the whole group"])
def test_members_that_somebody_else_took_down_in_the_grace_time_are_no_failover_of_ours(
    play, taken
):
    def at(night: Night, gate: str, step: str) -> None:
        both_agree(night, gate)
        for member in taken:
            night.later(44, partial(take_down, night, member))

    night = play(at)

    for kind in (Kind.INTENDED, Kind.COMMITTING):
        assert of_kind(night, kind, "A.ADMIN_DOWN") == []
    closed = of_kind(night, Kind.GATE_CLOSED)[-1]
    assert closed["outcome"] == "superseded"
    assert "1_1" in str(closed["reason"])
    assert set(closed["fallen"]) == {ANA, BEN}
    assert night.state.hold is not None
    assert night.state.hold.step == "A.READY"
    assert "1_1 is DOWN (ADMIN)" in night.state.hold.reason
    assert {m for m, state in night.states().items() if state != "ACTIVE"} == set(taken)
    assert night.broken() == {}


# ------------------------------------------------------------------------ persons who change


def leaves(night: Night, user: str = BEN) -> None:
    night.crowd.roles_of.pop(user)


def is_deactivated(night: Night) -> None:
    night.crowd.unfit[BEN] = "it was deactivated"


@pytest.mark.parametrize(
    ("change", "why"),
    [(leaves, "approving needs one of these roles"), (is_deactivated, "it was deactivated")],
)
@pytest.mark.parametrize("vote", [Night.react, click], ids=["reaction", "click"])
def test_a_yes_falls_where_its_author_may_not_vote_any_more_in_the_grace_time(
    play, change, why, vote
):
    def at(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: vote(night, gate, ANA, "yes"))
        night.later(40, lambda: vote(night, gate, BEN, "yes"))
        night.later(43, lambda: change(night))

    night = play(at)

    assert of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN") == []
    (fell,) = of_kind(night, Kind.WITHDRAWN)
    assert fell["user"] == BEN
    assert why in str(fell["reason"])
    (told,) = [text for to, text in night.said if to == BEN and "counts no longer" in text]
    assert why in told
    assert night.broken() == {}


def test_a_yes_falls_where_its_author_left_the_role_long_before_the_last_one(play):
    def at(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: night.react(gate, ANA, "yes"))
        night.later(60, partial(leaves, night, ANA))
        night.later(660, lambda: night.react(gate, BEN, "yes"))

    night = play(at)

    assert of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN") == []
    assert [body["outcome"] for body in of_kind(night, Kind.GATE_CLOSED)] == ["expired"]
    assert [body["user"] for body in of_kind(night, Kind.WITHDRAWN)] == [ANA]


def test_a_click_that_fell_stands_nowhere_when_its_author_is_in_the_role_again(play):
    def at(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: click(night, gate, BEN, "yes"))
        night.later(30, partial(leaves, night, BEN))
        night.later(40, lambda: night.react(gate, ANA, "yes"))
        night.later(60, lambda: night.crowd.roles_of.update({BEN: {"firewall"}}))
        night.later(80, lambda: night.react(gate, NOOR, "no", added=False))

    night = play(at)

    assert of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN") == []
    assert [body["user"] for body in of_kind(night, Kind.VOTED)] == [BEN, ANA]


NEEDS = quick(SPARSE, failover=GatePolicy(votes=2, needs=(("network", 1), ("firewall", 1))))


def test_who_is_in_another_role_now_is_matched_by_that(play):
    def at(night: Night, gate: str, step: str) -> None:
        both_agree(night, gate)
        night.later(43, lambda: night.crowd.roles_of.update({BEN: {"network"}}))

    night = play(at, policy=NEEDS)

    assert of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN") == []
    assert [body["roles"] for body in of_kind(night, Kind.VOTED)][-1] == ["network"]
    assert night.state.hold is not None
    assert night.state.hold.error == "expired"


def test_a_no_stays_where_its_author_has_left_and_a_yes_cannot_be_read(play):
    def at(night: Night, gate: str, step: str) -> None:
        def later(night: Night) -> None:
            night.crowd.unreadable.add(ANA)
            night.react(gate, NOOR, "no")

        night.later(20, lambda: night.react(gate, ANA, "yes"))
        night.later(40, lambda: later(night))
        night.later(40.5, partial(leaves, night, NOOR))

    night = play(at)

    assert [body["outcome"] for body in of_kind(night, Kind.GATE_CLOSED)] == ["rejected"]


def test_of_one_whom_slack_does_not_name_it_is_told_once_and_the_gate_ends_in_its_time(play):
    def at(night: Night, gate: str, step: str) -> None:
        night.crowd.unreadable.add(ZOE)
        night.later(10, lambda: night.react(gate, ZOE, "no"))
        both_agree(night, gate)

    night = play(at)

    assert of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN") == []
    (barred,) = of_kind(night, Kind.BARRED)
    assert barred["reason"] == f"Slack does not say who {ZOE} is"
    assert barred["unnamed"] == [ZOE]
    (closed,) = of_kind(night, Kind.GATE_CLOSED)
    assert closed["outcome"] == "expired"
    assert closed["reason"] == f"expired: not approved; {barred['reason']}"


def test_where_slack_names_them_after_all_the_votes_that_stand_count(play):
    def at(night: Night, gate: str, step: str) -> None:
        night.crowd.unreadable.add(ZOE)
        night.later(10, lambda: night.react(gate, ZOE, "yes"))
        both_agree(night, gate)
        night.later(200, lambda: night.crowd.unreadable.clear())

    night = play(at)

    assert [bool(body["reason"]) for body in of_kind(night, Kind.BARRED)] == [True, False]
    assert len(of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN")) == 1


def test_while_slack_is_away_a_gate_ends_in_its_time(play):
    def at(night: Night, gate: str, step: str) -> None:
        night.later(10, lambda: setattr(night.crowd, "away", True))
        both_agree(night, gate)

    night = play(at)

    assert [body["outcome"] for body in of_kind(night, Kind.GATE_CLOSED)] == ["expired"]
    assert of_kind(night, Kind.BARRED) == []


def test_a_person_who_cannot_be_read_at_the_last_look_lets_nothing_begin(play):
    def at(night: Night, gate: str, step: str) -> None:
        both_agree(night, gate)
        night.later(43, lambda: night.crowd.unreadable.add(BEN))

    night = play(at)

    assert of_kind(night, Kind.INTENDED, "A.ADMIN_DOWN") == []
    assert of_kind(night, Kind.WITHDRAWN) == []
