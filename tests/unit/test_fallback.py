"""The fallback of a gate: when it is called, what its votes are good for, who can still help."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fold import GateState
from engine.gates import (
    called,
    can_ever_pass,
    can_help,
    decide,
    escalates,
    in_force,
    missing,
    refusal,
)
from engine.policy import GatePolicy
from engine.ports import Ballot, Person
from tests.unit.builders import NOW
from tests.unit.test_gates import gate, vote

POLICY = GatePolicy(votes=2, voters=("network", "firewall"), fallback="managers")
STRICT = GatePolicy(votes=2, needs=(("network", 1), ("firewall", 1)), fallback="managers")
HALF = NOW + timedelta(minutes=15)
MAX = vote("max", "managers")


def refused(choice: str = "yes", at: GateState | None = None, *roles: str) -> str:
    return refusal(
        Ballot("max", choice, "reaction"),
        Person("max", "max"),
        roles or ("managers",),
        POLICY,
        requester="rita",
        halters=(),
        gate=at,
    )


def test_the_fallback_is_called_once_at_its_time_and_never_before():
    assert not escalates(POLICY, gate(), HALF - timedelta(seconds=1))
    assert escalates(POLICY, gate(), HALF)
    assert not escalates(POLICY, called(gate(), HALF), HALF + timedelta(minutes=1))
    assert not escalates(POLICY, gate(outcome="approved"), HALF)
    assert not escalates(replace(POLICY, fallback=""), gate(), HALF)


def test_a_duration_says_when_as_a_share_does():
    soon = replace(POLICY, fallback_delay=timedelta(minutes=5))

    assert escalates(soon, gate(), NOW + timedelta(minutes=5))
    assert not escalates(soon, gate(), NOW + timedelta(minutes=5, seconds=-1))
    assert escalates(replace(POLICY, fallback_share=0.8), gate(), NOW + timedelta(minutes=24))


def test_before_it_is_called_a_yes_of_the_fallback_is_refused_with_when_it_will_count():
    assert "counts from " in refused(at=gate())
    assert f"{HALF:%H:%M} UTC" in refused(at=gate())
    assert refused(at=called(gate(), HALF)) == ""
    assert refused(at=None), "without a gate nothing was called"


def test_a_stop_does_not_wait_until_the_fallback_is_called():
    assert refused("no", gate()) == ""


def test_who_is_a_voter_too_counts_from_the_beginning():
    assert refused("yes", gate(), "managers", "network") == ""


def test_once_called_it_makes_up_the_number():
    ana = vote("ana", "network")
    opened = gate(ana, MAX)

    assert decide(POLICY, called(opened, HALF), HALF).outcome == "approved"
    assert decide(POLICY, called(gate(MAX), HALF), HALF).outcome == "open"


def test_a_role_that_is_needed_stays_needed_unless_the_policy_says_so():
    ana = vote("ana", "network")
    sits_in = replace(STRICT, fallback_fills_needs=True)

    assert decide(STRICT, called(gate(ana, MAX), HALF), HALF).outcome == "open"
    assert decide(sits_in, called(gate(ana, MAX), HALF), HALF).outcome == "approved"


def test_it_sits_in_for_nobody_before_it_is_called():
    """Whoever is a voter and of the fallback counts as a voter from the beginning, and no more."""
    sits_in = replace(STRICT, fallback_fills_needs=True)
    both = vote("noor", "network", "managers")
    opened = gate(vote("ana", "network"), both)

    assert decide(sits_in, opened, NOW).outcome == "open"
    assert decide(sits_in, called(opened, HALF), HALF).outcome == "approved"


@given(
    st.lists(st.sets(st.sampled_from(["network", "firewall", "managers"]), min_size=1), max_size=5),
    st.booleans(),
)
def test_nobody_of_the_fallback_alone_ever_helps_before_it_is_called(roles, fills):
    policy = replace(STRICT, fallback_fills_needs=fills)
    votes = [vote(f"u{n}", *r) for n, r in enumerate(roles)]
    without = [replace(v, roles=v.roles - {"managers"}) for v in votes]

    assert missing(in_force(policy, gate()), votes) == missing(policy, without)


def test_a_gate_that_only_the_fallback_could_pass_is_one_that_nobody_can():
    members = {"network": ["ana", "mia"], "firewall": [], "managers": ["max", "mia"]}
    sits_in = replace(STRICT, fallback_fills_needs=True)

    assert can_ever_pass(sits_in, members, None)
    assert can_ever_pass(POLICY, {**members, "network": ["ana"]}, None)


# ---------------------------------------------------------------------------- who can still help


@pytest.mark.parametrize(
    ("user", "roles", "helps"),
    [
        ("ben", ("firewall",), True),
        ("noor", ("network",), False),
        ("ana", ("network",), False),
        ("rita", ("firewall",), False),
        ("max", ("managers",), False),
        ("zoe", (), False),
    ],
)
def test_only_who_has_a_role_that_is_still_needed_can_help(user, roles, helps):
    opened = gate(vote("ana", "network"))

    assert can_help(STRICT, opened, user, roles, requester="rita") is helps


def test_the_fallback_can_help_once_it_is_called_and_nobody_can_once_it_is_over():
    late = called(gate(), HALF)

    assert can_help(POLICY, late, "max", ("managers",), requester="rita")
    assert not can_help(
        POLICY, replace(late, outcome="expired"), "max", ("managers",), requester=""
    )


@given(st.integers(1, 4), st.integers(0, 2), st.integers(0, 2), st.data())
def test_whoever_cannot_help_is_needed_in_no_shortest_way_to_an_approval(votes, net, fire, data):
    policy = GatePolicy(
        votes=votes, voters=("network",), needs=(("network", net), ("firewall", fire))
    )
    drawn = st.lists(st.sets(st.sampled_from(["network", "firewall"]), min_size=1), max_size=3)
    yes = [vote(f"y{n}", *r) for n, r in enumerate(data.draw(drawn))]
    others = [vote(f"o{n}", *r) for n, r in enumerate(data.draw(drawn))]
    opened = gate(*yes)
    ways = chain.from_iterable(combinations(others, n) for n in range(len(others) + 1))
    enough = [way for way in ways if not missing(policy, [*yes, *way])]
    shortest = [way for way in enough if len(way) == min(len(one) for one in enough)]

    for one in others:
        if any(one in way for way in shortest):
            assert can_help(policy, opened, one.user, one.roles, requester="rita")


# ------------------------------------------------------------------------------------ reminders


def test_a_gate_reminds_at_its_thirds_and_when_a_tenth_is_left():
    minutes = [(at - NOW).total_seconds() / 60 for at in gate().reminders_at]

    assert minutes == [10, 20, 27]


@given(st.integers(1, 7 * 24 * 3600))
def test_reminders_are_in_order_and_leave_time_to_vote(seconds):
    opened = gate(expires_at=NOW + timedelta(seconds=seconds))
    moments = opened.reminders_at

    assert list(moments) == sorted(set(moments))
    assert all(NOW < at < opened.expires_at for at in moments)
    assert len(moments) == (3 if seconds > 180 else 2)
    if len(moments) == 3:
        assert opened.expires_at - moments[-1] >= timedelta(minutes=1)
