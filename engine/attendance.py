"""Who will be there when the time of a run has come: said by day, by those whom it will need. Pure.

Question: a failover at two in the night needs a yes of two roles. Who finds out by day that nobody
of one of them will be up? Answer:

- Who may approve the failovers says `there` or `away`, from the order until its time has come. The
  last word of a person stands.
- It counts as their yes at a failover would: the same roles and the same matching, and never of who
  asks for the run. So where nothing is lacking here, those who said it can pass each failover.
- Once the run waits for its time those who are still needed are called, and again at one and two
  thirds of that time (`engine.calling`); until then, and after, the proposal says who is lacking.
- It approves nothing, and where it lacks nothing is stopped: the gates ask all the same.
- It is about one time: where the run is moved, all of it falls.

Given up: the fallback role. It is called where the others do not answer, and promises nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from engine import gates
from engine.errors import Missed, WindowEnded
from engine.fold import Attendance, RunState, Vote
from engine.policy import GatePolicy
from engine.ports import Ballot, Person

SOME_TIME = datetime.min.replace(tzinfo=UTC)
"""The moment of a yes that nobody has given."""


def is_asked(state: RunState) -> bool:
    """Whether it can be said now who will be there: the time of the run has not come yet."""
    plan, hold = state.plan, state.hold
    if plan is None or plan.is_scheduled_rollback or not state.before_appointment:
        return False
    missed = hold is not None and hold.error in (Missed.__name__, WindowEnded.__name__)
    return not missed and not (state.at_appointment and state.waits_for)


def coming(state: RunState) -> tuple[Attendance, ...]:
    """Return who will be there and counts, in the order in which they said so."""
    policy = _policy(state)
    found = [one for one in state.attending.values() if one.there and _counts(state, policy, one)]
    return tuple(sorted(found, key=lambda one: (one.at, one.user)))


def away(state: RunState) -> tuple[Attendance, ...]:
    """Return who said that they will not be there, in the order in which they said so."""
    found = [one for one in state.attending.values() if not one.there]
    return tuple(sorted(found, key=lambda one: (one.at, one.user)))


def lacking(state: RunState) -> str:
    """Say who is still needed to pass a failover with those who will be there, or ""."""
    return gates.missing(_policy(state), [_as_vote(one) for one in coming(state)])


def could_help(state: RunState, user: str, roles: Collection[str]) -> bool:
    """Tell whether it would bring the failovers nearer if this person were there too."""
    policy, known = _policy(state), state.attending.get(user)
    if known is not None or not policy.roles & set(roles):
        return False
    if not policy.requester_may_vote and user in _askers(state):
        return False
    votes = [_as_vote(one) for one in coming(state)]
    more = Vote(user, user, "yes", "", frozenset(roles), SOME_TIME)
    return gates.wanting(policy, [*votes, more]) < gates.wanting(policy, votes)


def refusal(state: RunState, person: Person, roles: Collection[str]) -> str:
    """Return why somebody's word about it has no effect, or "" where it counts."""
    ballot = Ballot(person.id, "yes", "text")
    return gates.refusal(
        ballot,
        person,
        roles,
        _policy(state),
        requester=state.the_request.requester,
        halters=(),
        authors=state.authors,
    )


def nobody_left(state: RunState, members: Mapping[str, Collection[str]], user: str) -> str:
    """Say what the failovers would lack with everybody but those who are away, or "".

    Args:
        state: the run.
        members: the persons of each role that the failovers ask for.
        user: who says now that they are away.
    """
    gone = {user, *(one.user for one in away(state))}
    left = {role: [one for one in people if one not in gone] for role, people in members.items()}
    requester = state.the_request.requester
    return gates.can_ever_pass(_policy(state), left, requester, tuple(state.authors))


def _policy(state: RunState) -> GatePolicy:
    return replace(state.the_plan.policy.failover, fallback="")


def _askers(state: RunState) -> frozenset[str]:
    return frozenset({state.the_request.requester, *state.authors})


def _counts(state: RunState, policy: GatePolicy, one: Attendance) -> bool:
    return policy.requester_may_vote or one.user not in _askers(state)


def _as_vote(one: Attendance) -> Vote:
    return Vote(one.user, one.name, "yes", "", one.roles, one.at)


def names(people: Sequence[Attendance]) -> list[str]:
    """Return what these are called, each with their roles."""
    return [f"{one.name} ({', '.join(sorted(one.roles))})" for one in people]
