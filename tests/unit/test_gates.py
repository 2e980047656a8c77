"""Gates: who may vote, when votes are enough, and what ends a gate."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fold import GateState, Vote
from engine.gates import can_ever_pass, decide, misread, missing, refusal, standing
from engine.policy import GatePolicy
from engine.ports import Ballot, Person
from tests.unit.builders import NOW

POLICY = GatePolicy(votes=2, voters=("network", "firewall"))


def vote(user: str, *roles: str, choice: str = "yes") -> Vote:
    return Vote(user, user, choice, "reaction", frozenset(roles), NOW)


def gate(*votes: Vote, **changes: Any) -> GateState:
    state = GateState(
        step="A.FAILOVER",
        number=2,
        code="7K3F",
        opening=1,
        plan_digest="p",
        facts_digest="f",
        facts={},
        evidence={},
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        votes={v.user: v for v in votes},
    )
    return replace(state, **changes)


def test_two_distinct_approvers_are_enough_and_one_is_not():
    assert decide(POLICY, gate(vote("ana", "network")), NOW).outcome == "open"
    in_two_roles = vote("noor", "network", "firewall")
    assert decide(POLICY, gate(in_two_roles), NOW).outcome == "open"
    assert (
        decide(POLICY, gate(vote("ana", "network"), vote("ben", "firewall")), NOW).outcome
        == "approved"
    )


def test_any_no_ends_it_however_many_said_yes():
    votes = [vote("ana", "network"), vote("ben", "firewall"), vote("noor", "network", choice="no")]

    assert decide(POLICY, gate(*votes), NOW).outcome == "rejected"


def test_an_open_gate_expires_and_an_approved_one_has_its_own_end():
    late = NOW + timedelta(minutes=31)
    approved = gate(
        vote("ana", "network"),
        vote("ben", "firewall"),
        outcome="approved",
        good_until=late + timedelta(minutes=5),
    )

    assert (
        decide(POLICY, gate(vote("ana", "network"), vote("ben", "firewall")), late).outcome
        == "expired"
    )
    assert decide(POLICY, approved, late).outcome == "approved"
    assert decide(POLICY, approved, late + timedelta(minutes=5)).outcome == "expired"


def test_a_person_in_two_roles_is_counted_once_and_never_deadlocks():
    needs = GatePolicy(votes=2, needs=(("network", 1), ("firewall", 1)))
    both, net = vote("noor", "network", "firewall"), vote("ana", "network")

    assert missing(needs, [both]) != ""
    for order in permutations([both, net]):
        assert missing(needs, list(order)) == ""


@given(
    st.lists(st.sets(st.sampled_from("abc"), min_size=1), max_size=6),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_needs_are_met_exactly_when_some_seating_meets_them(roles, first, second):
    policy = GatePolicy(votes=0, needs=(("a", first), ("b", second)))
    votes = [vote(f"u{n}", *r) for n, r in enumerate(roles)]
    seats = ["a"] * first + ["b"] * second
    seatable = any(
        all(role in v.roles for v, role in zip(chosen, seats, strict=True))
        for chosen in permutations(votes, len(seats))
    )

    assert (missing(policy, votes) == "") == seatable


def test_whoever_shows_both_has_said_no():
    ballots = [
        Ballot("ana", "yes", "r"),
        Ballot("ana", "no", "r"),
        Ballot("ben", "no", "r"),
        Ballot("ben", "yes", "r"),
    ]

    assert {b.choice for b in standing(ballots, gate()).values()} == {"no"}


def word(choice: str, gate: str = "G2", code: str = "", user: str = "ana") -> Ballot:
    return Ballot(user, choice, "text", gate, code)


TICK, CROSS = Ballot("ana", "yes", "reaction"), Ballot("ana", "no", "reaction")
YES, WRONG, NO, BACK = (
    word("yes", code="7K3F"),
    word("yes", code="7K3G"),
    word("no"),
    word("withdraw"),
)
PRESSED = replace(YES, source="button")


@pytest.mark.parametrize(
    ("ballots", "stands"),
    [
        ([YES], YES),
        ([YES, BACK], BACK),
        ([YES, BACK, YES], YES),
        ([NO, YES], YES),
        ([YES, NO], NO),
        ([word("no", gate="")], word("no", gate="")),
        ([word("no", gate="G3"), word("yes", "G1", "7K3F")], None),
        ([TICK, YES], TICK),
        ([TICK, NO], NO),
        ([CROSS, YES], CROSS),
        ([TICK, BACK], BACK),
        ([CROSS, BACK], CROSS),
        ([WRONG], WRONG),
        ([YES, WRONG], YES),
        ([WRONG, YES], YES),
        ([WRONG, WRONG, TICK], TICK),
        ([BACK, WRONG], BACK),
        ([WRONG, BACK], BACK),
        ([NO, WRONG], NO),
        ([WRONG, PRESSED], PRESSED),
        ([YES, replace(PRESSED, code="7K3G")], YES),
    ],
)
def test_of_reactions_and_words_the_last_word_stands_and_a_stop_wins(ballots, stands):
    assert standing(ballots, gate()).get("ana") == stands


@given(
    st.permutations([TICK, CROSS]), st.lists(st.sampled_from([YES, WRONG, BACK, NO]), max_size=4)
)
def test_nothing_that_is_written_outvotes_a_cross(reactions, words):
    stands = standing([*reactions, *words], gate())["ana"]

    assert stands.choice == "no"


def test_each_persons_words_are_their_own():
    stands = standing([YES, word("withdraw", user="ben"), word("no", user="cem")], gate())

    assert {user: one.choice for user, one in stands.items()} == {
        "ana": "yes",
        "ben": "withdraw",
        "cem": "no",
    }


def test_a_wrong_code_is_refused_without_telling_the_right_one():
    reason = misread(WRONG, gate())

    assert "7K3G is not the code of G2" in reason
    assert "7K3F" not in reason
    assert misread(YES, gate()) == misread(NO, gate()) == misread(TICK, gate()) == ""
    assert "no code is not the code" in misread(word("yes"), gate())


def test_a_rejection_gives_its_reason():
    why = replace(vote("ben", "network", choice="no"), reason="policy is being installed")

    assert decide(POLICY, gate(why), NOW).reason == "rejected by ben (policy is being installed)"


@pytest.mark.parametrize(
    ("user", "roles", "choice", "unfit", "counts"),
    [
        ("ana", {"network"}, "yes", "", True),
        ("rita", {"firewall"}, "yes", "", False),
        ("rita", {"firewall"}, "no", "", True),
        ("rita", set(), "no", "", True),
        ("paul", {"network"}, "yes", "", False),
        ("paul", set(), "no", "", True),
        ("zoe", set(), "yes", "", False),
        ("zoe", set(), "no", "", False),
        ("opa", {"operators"}, "no", "", True),
        ("opa", {"operators"}, "yes", "", False),
        ("ana", {"network"}, "yes", "deactivated", False),
        ("ana", {"network"}, "no", "a guest", False),
    ],
)
def test_who_may_vote_and_who_may_stop(user, roles, choice, unfit, counts):
    reason = refusal(
        Ballot(user, choice, "reaction"),
        Person(user, user, unfit),
        roles,
        POLICY,
        requester="rita",
        halters={"operators"},
        authors={"paul"},
    )

    assert (reason == "") == counts


@pytest.mark.parametrize(
    ("roles", "choice", "counts"),
    [({"network"}, "yes", False), ({"network"}, "no", True), (set(), "no", False)],
)
def test_of_one_whom_slack_does_not_show_a_no_counts_by_role_and_no_yes(roles, choice, counts):
    hidden = Person("ana", "ana", "Slack does not show this account", hidden=True)
    reason = refusal(
        Ballot("ana", choice, "button"), hidden, roles, POLICY, requester="rita", halters=()
    )

    assert (reason == "") == counts


def test_an_empty_role_means_nobody_never_everybody():
    assert refusal(
        Ballot("ana", "yes", "r"),
        Person("ana", "ana"),
        {"network"},
        GatePolicy(votes=1),
        requester="rita",
        halters=(),
    )


def test_a_policy_that_locks_everyone_out_is_noticed_per_requester():
    members = {"network": ["ana"], "firewall": ["rita", "ben"]}

    assert can_ever_pass(POLICY, members, "ben") == ""
    assert can_ever_pass(replace(POLICY, votes=3), members, "ben") != ""
    assert can_ever_pass(GatePolicy(votes=1, needs=(("network", 1),)), members, "ana") != ""
