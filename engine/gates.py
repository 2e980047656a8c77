"""Gates: who may vote, when votes are enough, and why not. Pure; the one rule for every surface.

A reaction, a button and a word in the thread all come here. Nothing here reads Slack or a
device; the caller brings what is true now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.journal import GateState, Vote
from engine.model import GatePolicy
from engine.ports import Ballot, Person


@dataclass(frozen=True)
class Decision:
    """What the votes amount to now. `missing` says in words what is still needed."""

    outcome: str  # "open", "approved", "rejected" or "expired"
    counted: tuple[Vote, ...]
    missing: str
    reason: str = ""


def one_choice_each(ballots: Iterable[Ballot]) -> dict[str, Ballot]:
    """Reduce ballots to one per person; whoever shows both has said no."""
    chosen: dict[str, Ballot] = {}
    for ballot in ballots:
        if chosen.get(ballot.user) is None or ballot.choice == "no":
            chosen[ballot.user] = ballot
    return chosen


def refusal(
    ballot: Ballot,
    person: Person,
    roles: Collection[str],
    policy: GatePolicy,
    *,
    requester: str,
    operators: Collection[str],
) -> str:
    """Return why a ballot has no effect, or "" where it counts.

    A stop needs less than a yes: a no counts from approvers, the requester and everyone who
    may halt.
    """
    if person.unfit:
        return f"this account may not vote: {person.unfit}"
    may_approve = bool(policy.roles & set(roles))
    if ballot.choice == "no":
        if may_approve or ballot.user == requester or set(operators) & set(roles):
            return ""
        return "only approvers, the requester and operators can stop this run"
    if ballot.user == requester and not policy.requester_may_vote:
        return "you asked for this run, so somebody else has to approve it"
    if not may_approve:
        return f"approving needs one of these roles: {', '.join(sorted(policy.roles)) or 'none'}"
    return ""


def decide(policy: GatePolicy, gate: GateState, now: datetime) -> Decision:
    """Say what the accepted votes of a gate amount to at this moment.

    Any no ends it. An approval that has its own end (`good_until`) is judged by that, an open
    gate by its expiry.
    """
    votes = sorted(gate.votes.values(), key=lambda vote: (vote.at, vote.user))
    stops = [vote for vote in votes if vote.choice == "no"]
    if stops:
        who = ", ".join(vote.name for vote in stops)
        return Decision("rejected", tuple(stops), "", f"rejected by {who}")
    yes = tuple(vote for vote in votes if vote.choice == "yes")
    until = gate.good_until if gate.outcome == "approved" else gate.expires_at
    if until is not None and now >= until:
        late = "approved, but not begun in time" if gate.outcome == "approved" else "not approved"
        return Decision("expired", yes, missing(policy, yes), f"expired: {late}")
    lacking = missing(policy, yes)
    return Decision("open" if lacking else "approved", yes, lacking)


def missing(policy: GatePolicy, votes: Sequence[Vote]) -> str:
    """Say what is still needed, or "" when the votes are enough."""
    unfilled = _unfilled_needs(policy, votes)
    short = max(policy.votes - len(votes), 0)
    if not unfilled and not short:
        return ""
    wanted = [f"{count} of {role}" for role, count in unfilled.items()]
    more = max(short, sum(unfilled.values()))
    people = f"{more} more {'person' if more == 1 else 'people'}"
    return f"{people}: {', '.join(wanted)}" if wanted else people


def _unfilled_needs(policy: GatePolicy, votes: Sequence[Vote]) -> dict[str, int]:
    """Match persons to needs, so that a person in two roles is counted once, and well.

    Augmenting paths (a bipartite matching); counting role by role would deadlock where the
    only person of a second role was already spent on the first.
    """
    seats = [role for role, count in policy.needs for _ in range(count)]
    holder: dict[int, Vote] = {}

    def seated(vote: Vote, tried: set[int]) -> bool:
        for seat, role in enumerate(seats):
            if role not in vote.roles or seat in tried:
                continue
            tried.add(seat)
            if seat not in holder or seated(holder[seat], tried):
                holder[seat] = vote
                return True
        return False

    for vote in votes:
        seated(vote, set())
    unfilled: dict[str, int] = {}
    for seat, role in enumerate(seats):
        if seat not in holder:
            unfilled[role] = unfilled.get(role, 0) + 1
    return unfilled


def can_ever_pass(
    policy: GatePolicy, members: Mapping[str, Collection[str]], requester: str | None
) -> str:
    """Return why a gate could never be approved, or "" where it can.

    Args:
        policy: the gate's policy.
        members: the persons of each role.
        requester: who asks; None to judge without one.
    """
    persons: dict[str, set[str]] = {}
    for role, people in members.items():
        for person in people:
            persons.setdefault(person, set()).add(role)
    if not policy.requester_may_vote and requester:
        persons.pop(requester, None)
    moment = datetime.min.replace(tzinfo=UTC)
    able = [
        Vote(person, person, "yes", "", frozenset(roles), moment)
        for person, roles in sorted(persons.items())
        if policy.roles & roles
    ]
    return missing(policy, able)
