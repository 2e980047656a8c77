"""A proposal that people change: another plan, asked anew; and what is refused, and why."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.canon import to_json
from engine.journal import Kind
from engine.proposals import Change
from engine.rehearsal.group import Setup
from storage.records import InboxRow, Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    POLICY,
    REQUESTER,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.played import Played

ANA, BEN, NOOR, OPA = "U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0OPA00001"
SPARSE = quick(POLICY, watch=timedelta(seconds=30))


def change(
    night: Night, wanted: Change, *, user: str = REQUESTER, revision: int = 1, key: str = ""
) -> None:
    """Submit a change, as the form or a word in the thread does."""
    body = {
        "verb": "change",
        "user": user,
        "answer": {},
        "change": to_json(wanted),
        "revision": revision,
    }
    name = key or f"view:{user}:{len(night.records())}:{wanted}"
    night.stores.inbox.put(InboxRow(name, night.run, "word", body, night.clock.now()))


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    package = small_package(tmp_path)

    def played(people: Reaction, *, hours: float = 6, **setup: Any) -> Played:
        async def night() -> Played:
            policy = setup.pop("policy", SPARSE)
            stage = Night(
                package,
                setup=Setup(**{"members": 4, "connections": 1000, **setup}),
                policy=policy,
                people=people,
            )
            stage.crowd.roles_of = {**stage.crowd.roles_of, OPA: {"on call"}}
            stage.begin()
            stage.order()
            state = await stage.until_over(hours=hours)
            result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
            await stage.close()
            return result

        return run_virtual(night())

    return played


def of_kind(night: Played, kind: Kind) -> list[Record]:
    return [record for record in night.records if record.kind == kind]


def told(night: Played, user: str) -> str:
    return " ".join(text for to, text in night.said if to == user)


def planned(night: Played) -> list[list[tuple[str, tuple[str, ...]]]]:
    return [
        [(g["name"], tuple(g["members"])) for g in record.body["plan"]["groups"]]
        for record in of_kind(night, Kind.PLANNED)
    ]


def downs(night: Played) -> list[list[str]]:
    return [
        record.body["members"]
        for record in of_kind(night, Kind.INTENDED)
        if record.body["kind"] == "ADMIN_DOWN"
    ]


def at_g1(do: Callable[[Night], None]) -> Reaction:
    """People of whom somebody does something at the first proposal, and all agree afterwards."""

    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(30, lambda: do(night))
        else:
            everyone_agrees(night, gate, step)

    return people


def test_swapped_and_agreed_to_the_other_group_goes_first(play):
    night = play(at_g1(lambda stage: change(stage, Change(order="swap"))))

    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    first, second = planned(night)
    assert second == first[::-1]
    assert downs(night) == [["1_3", "1_4"], ["1_1", "1_2"]]
    closed = of_kind(night, Kind.GATE_CLOSED)[0].body
    assert closed["outcome"] == "superseded"
    assert closed["changed_by"] == "rita"
    revised = of_kind(night, Kind.PLANNED)[1].body
    assert revised["cause"] == "changed by rita: order: A, B → B, A"
    opened = of_kind(night, Kind.GATE_OPENED)
    assert [r.body["step"] for r in opened[:2]] == ["PROPOSAL", "PROPOSAL.r2"]
    assert opened[0].body["code"] != opened[1].body["code"]
    assert opened[0].body["plan_digest"] != opened[1].body["plan_digest"]
    assert opened[1].body["plan_digest"] == revised["digest"]
    assert night.broken() == {}


def test_a_change_is_not_made_without_what_only_a_newer_version_knows(play):
    def newer(stage: Night) -> None:
        wanted = {**to_json(Change(order="swap")), "only_members": ["1_1"]}
        body = {"verb": "change", "user": REQUESTER, "answer": {}, "change": wanted, "revision": 1}
        stage.stores.inbox.put(InboxRow("view:1", stage.run, "word", body, stage.clock.now()))

    night = play(at_g1(newer), hours=0.3)

    assert len(planned(night)) == 1
    assert "it says only_members, which this version does not know" in told(night, REQUESTER)


def test_the_votes_for_the_former_proposal_fall_and_do_not_count_for_the_new_one(play):
    two = quick(SPARSE, proposal=quick(POLICY).failover)

    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(20, lambda: night.react(gate, ANA, "yes"))
            night.later(40, lambda: change(night, Change(order="swap")))
            night.later(80, lambda: night.react("G1", BEN, "yes"))
        elif gate == "G2":
            night.later(60, lambda: night.react(gate, BEN, "yes"))

    night = play(people, policy=two, hours=0.3)

    closed = of_kind(night, Kind.GATE_CLOSED)
    assert [r.body["outcome"] for r in closed] == ["superseded"]
    assert closed[0].body["fallen"] == [ANA]
    assert night.state.open_gate is not None
    assert set(night.state.open_gate.votes) == {BEN}
    assert "G1 is no longer open (superseded)" in told(night, BEN)
    assert night.state.of("PREFLIGHT").status == "waiting"
    assert night.broken() == {}


def test_three_groups_are_three_failovers(play):
    wanted = Change(split=(("1_1", "1_4"), ("1_2",), ("1_3",)), order="listed", listed=tuple("CAB"))
    night = play(at_g1(lambda stage: change(stage, wanted)))

    assert night.state.ended is not None
    assert downs(night) == [["1_3"], ["1_1", "1_4"], ["1_2"]]
    assert night.seen["active_min"] == 2
    assert night.broken() == {}


def test_of_two_who_change_the_same_revision_the_first_does(play):
    def both(night: Night) -> None:
        change(night, Change(order="swap"), user=ANA)
        change(night, Change(order="swap"), user=BEN)

    night = play(at_g1(both), hours=0.5)

    assert len(planned(night)) == 2
    assert "you changed revision 1 of the plan, and it is at revision 2 meanwhile" in told(
        night, BEN
    )
    assert "`change`" not in told(night, ANA)


def test_afterwards_it_cannot_be_changed_and_is_told_why(play):
    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if gate == "G2":
            night.later(5, lambda: change(night, Change(order="swap"), revision=1))

    night = play(people)

    assert len(planned(night)) == 1
    assert "only while it is asked, and it was approved" in told(night, REQUESTER)
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"


def test_only_the_requester_approvers_of_the_proposal_and_operators_change_it(play):
    policy = quick(
        SPARSE,
        proposal=quick(POLICY).proposal.__class__(votes=1, voters=("network",)),
        operators=("on call",),
    )

    def tries(night: Night) -> None:
        change(night, Change(order="swap"), user=BEN)
        night.later(20, lambda: change(night, Change(order="swap"), user=OPA))

    night = play(at_g1(tries), policy=policy, hours=0.2)

    assert "`change` needs one of these roles: network, on call" in told(night, BEN)
    assert told(night, OPA) == ""
    assert len(planned(night)) == 2


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Change(split=(("1_1", "1_2"), ("1_3",))), "every member exactly once"),
        (Change(split=(("1_1", "1_2", "1_3", "1_4"),)), "all members at once"),
        (Change(split=(("1_1", "1_2", "1_3"), ("1_4",))), "nearly equal"),
        (Change(groups=5), "4 members cannot be divided into 5 groups"),
        (Change(order="vendor"), "the proposal says that already"),
        (Change(order="listed", listed=("A",)), "every group exactly once: A, B"),
    ],
)
def test_what_is_no_plan_is_refused_and_the_proposal_stands(play, wanted, words):
    night = play(at_g1(lambda stage: change(stage, wanted)), hours=0.2)

    assert len(planned(night)) == 1
    assert words in told(night, REQUESTER)
    assert night.state.open_gate is not None
    assert night.state.open_gate.name == "G1"
    refused = of_kind(night, Kind.REFUSED)
    assert [r.body["word"] for r in refused] == ["change"]


def test_it_is_planned_from_a_fresh_look(play):
    fault = {"name": "smo_moves", "member": "1_4", "after_s": 20}

    def late(night: Night) -> None:
        change(night, Change(order="smo_last"))
        night.later(50, lambda: change(night, Change(order="smo_last")))

    night = play(at_g1(late), faults=[fault], hours=0.2)

    assert "the group cannot be seen now (the group address does not answer)" in told(
        night, REQUESTER
    )
    # The SMO was in A when the first proposal was made, and B would have gone first then.
    assert "the proposal says that already" in told(night, REQUESTER)
    assert [r.body["changes"] for r in of_kind(night, Kind.SEEN)] == [["smo: 1_1 → 1_4"]]


def test_one_submission_that_comes_twice_is_one_change(play):
    def twice(night: Night) -> None:
        change(night, Change(order="swap"), key="view:V1:h1")
        night.later(60, lambda: change(night, Change(order="swap"), key="view:V1:h1"))

    night = play(at_g1(twice), hours=0.2)

    assert len(planned(night)) == 2
    assert told(night, REQUESTER) == ""


@pytest.mark.parametrize("after", [False, True], ids=["before it is durable", "after it is"])
@pytest.mark.parametrize("die_at", [3, 4, 5])
def test_killed_around_the_change_it_is_changed_once(tmp_path: Path, die_at: int, after: bool):
    package = small_package(tmp_path)

    async def night() -> tuple[list[str], list[str]]:
        people = at_g1(lambda stage: change(stage, Change(order="swap"), key="view:V1:h1"))
        stage = Night(package, setup=Setup(members=4), policy=SPARSE, people=people)
        stage.begin(die_at=die_at, after=after)
        stage.order()
        await stage.until(lambda _: False, hours=0.05)
        assert stage.mortal is not None
        assert stage.mortal.dead.is_set()
        await stage.kill()
        stage.begin()
        state = await stage.until_over(hours=2)
        kinds = [str(record.kind) for record in stage.records()]
        order = [group.name for group in state.the_plan.groups]
        await stage.close()
        return kinds, order

    kinds, order = run_virtual(night())

    assert kinds.count("PLANNED") == 2
    assert order == ["B", "A"]
    assert kinds[-1] == "ENDED"


def test_whoever_changed_the_proposal_approves_no_gate_of_that_plan(play):
    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(30, lambda: change(night, Change(order="swap"), user=ANA))
        elif gate == "G2":
            night.later(30, lambda: night.react(gate, ANA, "yes"))
            night.later(60, lambda: night.react(gate, BEN, "yes"))
        else:
            night.later(30, lambda: night.react(gate, ANA, "yes"))
            night.later(60, lambda: night.react(gate, BEN, "yes"))

    night = play(people, hours=0.4)

    assert [r.body["user"] for r in of_kind(night, Kind.VOTED)] == [BEN, BEN]
    assert "you changed this plan, so somebody else has to approve it" in told(night, ANA)
    assert downs(night) == []
    assert night.broken() == {}


def test_who_may_vote_on_what_they_asked_for_may_so_on_what_they_changed(play):
    own = quick(POLICY).proposal.__class__(votes=1, voters=("network",), requester_may_vote=True)

    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(30, lambda: change(night, Change(order="swap"), user=ANA))
        elif gate == "G2":
            night.later(30, lambda: night.react(gate, ANA, "yes"))

    night = play(people, policy=quick(SPARSE, proposal=own), hours=0.3)

    assert [r.body["user"] for r in of_kind(night, Kind.VOTED)] == [ANA]
    assert night.state.of("PROPOSAL.r2").status == "done"
    assert night.broken() == {}


def test_a_change_without_whose_author_nobody_could_approve_is_refused(play):
    def alone(night: Night) -> None:
        del night.crowd.roles_of[NOOR]
        change(night, Change(order="swap"), user=ANA)

    night = play(at_g1(alone), hours=0.2)

    assert len(planned(night)) == 1
    assert "without you the failover gate could never pass; it would lack 1 more person" in told(
        night, ANA
    )
    assert night.state.open_gate is not None
