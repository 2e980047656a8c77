"""Gates, over many policies, people and ballots: compared with a plain search of what may be."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.facts import CpuseAction, GroupFacts, InstalledPolicy, MemberHealth, PackageState
from engine.fold import GateState, Vote
from engine.gates import (
    called,
    can_ever_pass,
    decide,
    in_force,
    misread,
    missing,
    refusal,
    standing,
)
from engine.policy import GatePolicy
from engine.ports import Ballot, Person
from tests.unit.builders import NAME, NOW, facts, member

ROLES = ("network", "firewall", "duty")
USERS = ("ana", "ben", "cem", "noor", "rita")
CODE = "7K3F"
SOONEST, LATEST = timedelta(seconds=-10), timedelta(hours=3)


def opened(**changes: Any) -> GateState:
    asked = GateState(
        step="A.FAILOVER",
        number=2,
        code=CODE,
        opening=1,
        plan_digest="p",
        facts_digest="f",
        facts={},
        evidence={},
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )
    return replace(asked, **changes)


roles = st.frozensets(st.sampled_from(ROLES))
offices = st.fixed_dictionaries(dict.fromkeys(USERS, roles))
choices = st.sampled_from(("yes", "no", "withdraw"))
moments = st.timedeltas(SOONEST, LATEST).map(lambda passed: NOW + passed)


@st.composite
def policies(draw: st.DrawFn) -> GatePolicy:
    """Any policy, also one that no house would write."""
    needs = draw(st.dictionaries(st.sampled_from(ROLES), st.integers(1, 2), max_size=2))
    return GatePolicy(
        votes=draw(st.integers(0, 4)),
        voters=tuple(draw(st.lists(st.sampled_from(ROLES), unique=True))),
        needs=tuple(needs.items()),
        requester_may_vote=draw(st.booleans()),
        fallback=draw(st.sampled_from(("", "duty"))),
        fallback_fills_needs=draw(st.booleans()),
    )


@st.composite
def ballots(draw: st.DrawFn) -> Ballot:
    """Anything that somebody may show, write or press."""
    source = draw(st.sampled_from(("reaction", "text", "button")))
    if source == "reaction":
        return Ballot(draw(st.sampled_from(USERS)), draw(choices.filter(_no_word)), source)
    gate = draw(st.sampled_from(("G2", "G2", "G2", "", "G3"))) if source == "text" else "G2"
    code = draw(st.sampled_from((CODE, CODE, "ZZZZ", "")))
    return Ballot(draw(st.sampled_from(USERS)), draw(choices), source, gate, code)


def _no_word(choice: str) -> bool:
    return choice != "withdraw"


def voted(offices_: dict[str, frozenset[str]], users: Sequence[str], choice: str = "yes"):
    return [Vote(user, user, choice, "reaction", offices_[user], NOW) for user in users]


# -------------------------------------------------------------------------------- enough votes


def seats_left(policy: GatePolicy, votes: Sequence[Vote]) -> int:
    """The fewest seats that stay empty, over every way to seat these persons."""
    seats = [role for role, count in policy.needs for _ in range(count)]

    def may_sit(vote: Vote, role: str) -> bool:
        stands_in = bool(policy.fallback) and policy.fallback_fills_needs
        return role in vote.roles or (stands_in and policy.fallback in vote.roles)

    for filled in range(min(len(seats), len(votes)), -1, -1):
        for taken in combinations(seats, filled):
            for sitting in permutations(votes, filled):
                if all(may_sit(v, role) for v, role in zip(sitting, taken, strict=True)):
                    return len(seats) - filled
    raise AssertionError("nobody on no seat is always possible")


def lacking(policy: GatePolicy, votes: Sequence[Vote]) -> int:
    return max(policy.votes - len(votes), seats_left(policy, votes), 0)


def said_to_be_lacking(policy: GatePolicy, votes: Sequence[Vote]) -> int:
    told = missing(policy, votes)
    return int(told.partition(" ")[0]) if told else 0


people = st.lists(st.sampled_from(USERS), unique=True)


@given(policies(), offices, people)
def test_what_is_missing_is_what_the_best_seating_leaves(policy, offices, users):
    votes = voted(offices, users)

    assert said_to_be_lacking(policy, votes) == lacking(policy, votes)


@given(policies(), offices, people, st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter(policy, offices, users, chance):
    votes = voted(offices, users)
    other = list(votes)
    chance.shuffle(other)

    assert said_to_be_lacking(policy, other) == said_to_be_lacking(policy, votes)


@given(policies(), offices, people)
def test_one_more_yes_never_makes_more_missing(policy, offices, users):
    for end in range(len(users)):
        fewer, more = voted(offices, users[:end]), voted(offices, users[: end + 1])
        assert said_to_be_lacking(policy, more) in (
            said_to_be_lacking(policy, fewer),
            said_to_be_lacking(policy, fewer) - 1,
        )


@given(policies(), offices, st.sampled_from([*USERS, None]))
def test_a_policy_can_pass_exactly_when_some_people_who_may_vote_are_enough(
    policy, offices, requester
):
    policy = replace(policy, fallback="")
    able = [
        user
        for user in USERS
        if not refusal(
            Ballot(user, "yes", "reaction"),
            Person(user, user),
            offices[user],
            policy,
            requester=requester or "",
            halters=(),
        )
    ]
    some = any(
        not missing(policy, voted(offices, who))
        for count in range(len(able) + 1)
        for who in combinations(able, count)
    )
    members = {role: [u for u in USERS if role in offices[u]] for role in ROLES}

    assert (can_ever_pass(policy, members, requester) == "") == some


# -------------------------------------------------------------------------------- one person


def plainly(said: Sequence[Ballot]) -> Ballot | None:
    """What one person says at G2, told by the rules and not by how they are carried out."""
    heard = [b for b in said if b.gate in ("", "G2")]
    right = [b for b in heard if not misread(b, opened())]
    kinds = {source: [b for b in right if b.source == source] for source in ("text", "button")}
    stand = [b for b in right if b.source == "reaction"]
    stand += [kind[-1] for kind in kinds.values() if kind]
    for choice in ("no", "withdraw", "yes"):
        if any(b.choice == choice for b in stand):
            return next(b for b in stand if b.choice == choice)
    return heard[-1] if heard else None


@given(st.lists(ballots(), max_size=12))
def test_each_person_has_one_ballot_and_of_all_ways_the_one_that_stops_wins(said):
    stand = standing(said, opened())

    for user in USERS:
        expected = plainly([b for b in said if b.user == user])
        found = stand.get(user)
        assert (found and found.user) == (expected and expected.user)
        if expected is not None and found is not None:
            assert found.choice == expected.choice
            assert bool(misread(found, opened())) == bool(misread(expected, opened()))


@given(st.lists(ballots(), max_size=10), st.randoms(use_true_random=False))
def test_how_the_ballots_of_different_people_lie_between_each_other_does_not_matter(said, chance):
    queues = {user: [b for b in said if b.user == user] for user in USERS}
    mixed = []
    while left := [user for user in USERS if queues[user]]:
        mixed.append(queues[chance.choice(left)].pop(0))

    assert standing(mixed, opened()) == standing(said, opened())


@given(st.lists(ballots(), max_size=10))
def test_the_same_said_again_changes_nothing(said):
    twice = [one for ballot in said for one in (ballot, ballot)]

    assert standing(twice, opened()) == standing(said, opened())


@given(st.lists(ballots(), max_size=8), ballots().filter(lambda b: b.choice != "yes"))
def test_nothing_that_stops_becomes_a_yes_by_being_said_last(said, stop):
    stop = replace(stop, gate="G2" if stop.source != "reaction" else "")

    assert standing([*said, stop], opened())[stop.user].choice != "yes"


# ------------------------------------------------------------------------------------ who may


@given(policies(), roles, roles, st.sampled_from(("reaction", "text", "button")))
def test_the_requesters_own_yes_counts_only_where_the_policy_says_so(policy, has, halt, source):
    told = refusal(
        Ballot("rita", "yes", source, "G2", CODE),
        Person("rita", "rita"),
        has,
        policy,
        requester="rita",
        halters=halt,
        gate=opened(),
    )

    may = policy.requester_may_vote and bool(policy.roles & has)
    assert (told == "") == may


@given(policies(), roles, roles, choices, st.sampled_from(USERS))
def test_an_account_that_may_not_vote_never_does(policy, has, halt, choice, user):
    assert refusal(
        Ballot(user, choice, "button", "G2", CODE),
        Person(user, user, "it is a guest"),
        has,
        policy,
        requester="rita",
        halters=halt,
        gate=opened(),
    )


@given(policies(), roles, roles, st.sampled_from(USERS))
def test_whoever_may_say_yes_may_say_no(policy, has, halt, user):
    def told(choice: str) -> str:
        return refusal(
            Ballot(user, choice, "reaction"),
            Person(user, user),
            has,
            policy,
            requester="rita",
            halters=halt,
            gate=opened(),
        )

    assert told("yes") or not told("no")
    assert user != "rita" or not told("no")


# ------------------------------------------------------------------------------------ deciding


@given(
    policies(),
    offices,
    st.lists(st.sampled_from(USERS), unique=True),
    st.sets(st.sampled_from(USERS)),
    moments,
    st.booleans(),
)
def test_a_gate_is_decided_as_the_rules_say(policy, offices, users, against, now, approved):
    votes = voted(offices, [u for u in users if u not in against])
    votes += voted(offices, sorted(against), "no")
    gate = opened(votes={vote.user: vote for vote in votes})
    until = gate.expires_at
    if approved:
        until = NOW + timedelta(minutes=50)
        gate = replace(gate, outcome="approved", good_until=until)
    decision = decide(policy, gate, now)
    yes = [vote for vote in votes if vote.choice == "yes"]

    if against:
        expected = "rejected"
    elif now >= until:
        expected = "expired"
    else:
        expected = "open" if lacking(in_force(policy, gate), yes) else "approved"
    assert decision.outcome == expected
    counted = [vote.user for vote in decision.counted]
    assert sorted(counted) == sorted(against or {vote.user for vote in yes})


@given(policies(), offices, people, moments, st.timedeltas(timedelta(0), LATEST))
def test_what_has_expired_stays_so(policy, offices, users, now, later):
    votes = {vote.user: vote for vote in voted(offices, users)}
    gate = opened(votes=votes)

    if decide(policy, gate, now).outcome == "expired":
        assert decide(policy, gate, now + later).outcome == "expired"


@given(policies(), offices, people)
def test_the_fallback_has_no_part_in_it_before_it_is_called(policy, offices, users):
    without = {user: has - {"duty"} for user, has in offices.items()}
    policy = replace(
        policy, fallback="duty", voters=tuple(r for r in policy.voters if r != "duty"), needs=()
    )
    gate = opened(votes={vote.user: vote for vote in voted(offices, users)})
    plain = opened(votes={vote.user: vote for vote in voted(without, users)})

    assert decide(policy, gate, NOW).outcome == decide(policy, plain, NOW).outcome
    for user in users:
        yes = Ballot(user, "yes", "button", "G2", CODE)
        told = [
            refusal(yes, Person(user, user), offices[user], policy, requester="",
                    halters=(), gate=one)
            for one in (gate, called(gate, NOW))
        ]  # fmt: skip
        may_at_once = bool(policy.roles & offices[user])
        assert [one == "" for one in told] == [may_at_once, may_at_once or "duty" in offices[user]]


# ---------------------------------------------------------------------------- the facts digest

words = st.text("abc123", max_size=5)
numbers = st.none() | st.integers(0, 1_000_000)
healths = st.builds(
    MemberHealth,
    id=st.just("1_1"),
    log_free_mb=numbers,
    root_free_mb=numbers,
    licences=numbers,
    core_dumps=st.lists(words).map(tuple),
    clock_offset_s=st.none() | st.floats(-10, 10),
    connections=numbers,
)


actions = st.builds(CpuseAction, st.integers(1, 99), words, words, st.integers(0, 100), words)


@st.composite
def noise(draw: st.DrawFn) -> GroupFacts:
    """The same group, looked at again: all that changes by itself is drawn."""
    seen = tuple(
        replace(
            member(number),
            own_state=draw(words),
            agent_busy=draw(st.none() | st.booleans()),
            action=draw(st.none() | actions),
            session_open=draw(st.none() | st.booleans()),
            unread=draw(words),
            epoch=draw(words),
            policy=InstalledPolicy("Standard", draw(words), "9107a1ef3"),
            packages=((NAME, PackageState.AVAILABLE), *draw(_OTHER_PACKAGES)),
        )
        for number in range(1, 5)
    )
    return facts(
        *seen,
        at=draw(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=_UTC)),  # noqa: DTZ001 -- hypothesis adds the zone
        seen_from=draw(st.sampled_from(["1_1", "1_2"])),
        health=tuple(draw(st.lists(healths, max_size=2))),
        syncs_accelerated=draw(st.none() | st.booleans()),
        trouble=draw(st.lists(words).map(tuple)),
    )


_UTC = st.just(UTC)
_OTHER_PACKAGES = st.lists(
    st.tuples(st.just("Check_Point_other.tgz"), st.sampled_from(PackageState)), max_size=1
)


@given(noise())
def test_what_changes_by_itself_does_not_change_the_digest(seen):
    assert seen.digest(NAME) == facts().digest(NAME)


@pytest.mark.parametrize(
    "seen",
    [
        facts(member(2, state="DOWN")),
        facts(member(2, notes=("FSYNC",))),
        facts(member(2, boot_id="boot-again")),
        facts(member(2, take=120)),
        facts(member(2, packages=((NAME, PackageState.INSTALLED),))),
        facts(member(2, packages=())),
        facts(member(2, policy=InstalledPolicy("Other", "12Mar24 10:51", "9107a1ef3"))),
        facts(member(2, policy=InstalledPolicy("Standard", "12Mar24 10:51", "0"))),
        facts(member(2, policy=None)),
        facts(member(2, auto_clone=True)),
        facts(member(2, agent_build="2673")),
        facts(member(2, answered=False)),
        facts(count=5),
        facts(count=3),
        facts(smo="1_2"),
        facts(sync=False),
        facts(version="R82"),
        facts(platform="ElasticXL"),
        facts(mode="VSNext"),
    ],
)
def test_what_people_approved_changes_the_digest(seen):
    assert seen.digest(NAME) != facts().digest(NAME)


@given(st.permutations(["FSYNC", "ADMIN", "IAC"]))
def test_the_order_in_which_a_device_prints_its_notes_does_not_matter(notes):
    assert facts(member(2, notes=tuple(notes))).digest(NAME) == facts(
        member(2, notes=("ADMIN", "FSYNC", "IAC"))
    ).digest(NAME)
