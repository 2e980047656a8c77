"""Gates: who may vote, when votes are enough, and why not. Pure; the one rule for every surface.

A reaction, a button and a word in the thread all come here. Nothing here reads Slack or a
device; the caller brings what is true now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine.fold import GateState, Vote
from engine.policy import GatePolicy
from engine.ports import Ballot, Person
from engine.zoned import said


@dataclass(frozen=True)
class Decision:
    """What the votes amount to now. `missing` says in words what is still needed."""

    outcome: str  # "open", "approved", "rejected" or "expired"
    counted: tuple[Vote, ...]
    missing: str
    reason: str = ""


def standing(ballots: Iterable[Ballot], gate: GateState) -> dict[str, Ballot]:
    """Reduce what people show now to one ballot per person.

    Question: what counts where one person says several things? Answer, the safest that is still
    simple:

    1. A word is for the gate that it names. One that names none is for the gate that is open.
    2. Of a person's words the last one stands, as it reads now; a yes with a code that is not
       this gate's replaces nothing, and is refused where its author says nothing else.
    3. Of a person's clicks the last one stands, likewise. It is for the gate whose message was
       clicked; nothing of it is left in Slack, so it stands until its author clicks again.
    4. Between reaction, word and click the one that stops wins: no, then withdraw, then yes. Slack
       does not tell when somebody reacted, so a withdrawal also outlasts a reaction given later.

    Given up: that one way of saying it undoes another. A word is undone by another word, or by
    deleting it; a click by another click; a reaction by taking it away. Who takes a check mark
    away while a yes of another kind stands is told so, and a withdrawal of any kind stops all.
    """
    said: dict[tuple[str, str], Ballot] = {}
    shown: list[Ballot] = []
    for ballot in ballots:
        if ballot.source not in _LAST_STANDS:
            shown.append(ballot)
            continue
        key = (ballot.source, ballot.user)
        former = said.get(key)
        for_this = ballot.gate in ("", gate.name)
        if for_this and (former is None or misread(former, gate) or not misread(ballot, gate)):
            said[key] = ballot
    chosen: dict[str, Ballot] = {}
    for ballot in sorted([*shown, *said.values()], key=lambda one: _weight(one, gate)):
        chosen.setdefault(ballot.user, ballot)
    return chosen


def _weight(ballot: Ballot, gate: GateState) -> int:
    """Return the place of a ballot among one person's: what stops comes first."""
    if misread(ballot, gate):
        return len(_STOPS_FIRST)
    return _STOPS_FIRST.index(ballot.choice)


_LAST_STANDS = ("text", "button")
_STOPS_FIRST = ("no", "withdraw", "yes")


def misread(ballot: Ballot, gate: GateState) -> str:
    """Return why a yes with a code is not about what this gate asks, or "" where it is.

    The reason does not tell the right code: whoever approves has read the message.
    """
    if ballot.source not in _LAST_STANDS or ballot.choice != "yes" or ballot.code == gate.code:
        return ""
    return (
        f"{ballot.code or 'no code'} is not the code of {gate.name}; read its message, and write "
        "the code that stands in its first line"
    )


# ------------------------------------------------------------------------------ the fallback


def escalates(policy: GatePolicy, gate: GateState, now: datetime) -> bool:
    """Tell whether the fallback is to be called now: its time has come, and it was not yet.

    Question: what can it do from then on? Answer: its members may approve as one of the voters
    may. A person who must be of a certain role stays needed, unless the policy lets the fallback
    sit in. Given up: to take that back in the same opening; asked again, it begins anew.
    """
    since = policy.fallback_from(gate.opened_at, gate.expires_at)
    return since is not None and gate.escalated_at is None and not gate.outcome and now >= since


def called(gate: GateState, now: datetime) -> GateState:
    """Return the gate as it is once its fallback was called."""
    return replace(gate, escalated_at=gate.escalated_at or now)


def in_force(policy: GatePolicy, gate: GateState) -> GatePolicy:
    """Return the policy as it is at this gate now: with its fallback once that was called.

    The record decides, not the time: what was counted reads the same for ever.
    """
    if gate.escalated_at is None or not policy.fallback:
        return replace(policy, fallback="")
    return replace(policy, voters=(*policy.voters, policy.fallback))


def can_help(
    policy: GatePolicy,
    gate: GateState,
    user: str,
    roles: Collection[str],
    *,
    requester: str,
    authors: Collection[str] = (),
) -> bool:
    """Tell whether a person's yes would bring an open gate nearer to its approval now."""
    rules = in_force(policy, gate)
    if gate.outcome or user in gate.votes or not rules.roles & set(roles):
        return False
    if user in (requester, *authors) and not rules.requester_may_vote:
        return False
    yes = [vote for vote in gate.votes.values() if vote.choice == "yes"]
    more = Vote(user, user, "yes", "", frozenset(roles), gate.opened_at)
    return wanting(rules, [*yes, more]) < wanting(rules, yes)


def refusal(
    ballot: Ballot,
    person: Person,
    roles: Collection[str],
    policy: GatePolicy,
    *,
    requester: str,
    halters: Collection[str],
    gate: GateState | None = None,
    authors: Collection[str] = (),
    zone: str = "UTC",
) -> str:
    """Return why a ballot has no effect, or "" where it counts.

    A stop needs less than a yes: a no counts from approvers, the requester and everyone who
    may halt (`halters`: their roles), also where Slack does not show their account. Whoever changed
    the plan (`authors`) asks for it as much as the requester does. Moments are told in `zone`.
    """
    if person.unfit and not (person.hidden and ballot.choice == "no"):
        return f"this account may not vote: {person.unfit}"
    fallback = bool(policy.fallback) and policy.fallback in roles
    if fallback and ballot.choice == "no":
        return ""  # a stop does not wait until the fallback is called
    since = policy.fallback_from(gate.opened_at, gate.expires_at) if gate is not None else None
    policy = in_force(policy, gate) if gate is not None else replace(policy, fallback="")
    may_approve = bool(policy.roles & set(roles))
    if ballot.choice == "no":
        if may_approve or ballot.user in (requester, *authors) or set(halters) & set(roles):
            return ""
        return "only approvers, the requester and those who may halt can stop this run"
    if ballot.user == requester and not policy.requester_may_vote:
        return "you asked for this run, so somebody else has to approve it"
    if ballot.user in authors and not policy.requester_may_vote:
        return "you changed this plan, so somebody else has to approve it"
    if not may_approve and fallback and since is not None:
        then = "press again then" if ballot.source == "button" else "also one that stands by then"
        return (
            "your role is the fallback here: a yes of yours counts from "
            f"{said(since, zone)} on, {then}"
        )
    if not may_approve:
        return f"approving needs one of these roles: {', '.join(sorted(policy.roles)) or 'none'}"
    return ""


def decide(policy: GatePolicy, gate: GateState, now: datetime, *, barred: str = "") -> Decision:
    """Say what the accepted votes of a gate amount to at this moment.

    Any no ends it. Where something bars the gate (`barred` says what), votes are kept, and nothing
    is approved. An approval that has its own end (`good_until`) is judged by that, an open gate by
    its expiry.
    """
    policy = in_force(policy, gate)
    votes = sorted(gate.votes.values(), key=lambda vote: (vote.at, vote.user))
    stops = [vote for vote in votes if vote.choice == "no"]
    if stops:
        who = ", ".join(f"{vote.name}{_because(vote)}" for vote in stops)
        return Decision("rejected", tuple(stops), "", f"rejected by {who}")
    yes = tuple(vote for vote in votes if vote.choice == "yes")
    until = gate.good_until if gate.outcome == "approved" else gate.expires_at
    if until is not None and now >= until:
        late = "approved, but not begun in time" if gate.outcome == "approved" else "not approved"
        return Decision("expired", yes, missing(policy, yes), f"expired: {late}")
    lacking = missing(policy, yes)
    return Decision("open" if lacking or barred else "approved", yes, lacking, barred)


def _because(vote: Vote) -> str:
    return f" ({vote.reason})" if vote.reason else ""


def missing(policy: GatePolicy, votes: Sequence[Vote]) -> str:
    """Say what is still needed, or "" when the votes are enough.

    `policy` as it is in force: a fallback that was not called has no part in it.
    """
    unfilled = _unfilled_needs(policy, votes)
    more = wanting(policy, votes)
    if not more:
        return ""
    wanted = [f"{count} of {role}" for role, count in unfilled.items()]
    people = f"{more} more {'person' if more == 1 else 'people'}"
    return f"{people}: {', '.join(wanted)}" if wanted else people


def wanting(policy: GatePolicy, votes: Sequence[Vote]) -> int:
    """Return how many persons are still needed, at least."""
    short = max(policy.votes - len(votes), 0)
    return max(short, sum(_unfilled_needs(policy, votes).values()))


def _unfilled_needs(policy: GatePolicy, votes: Sequence[Vote]) -> dict[str, int]:
    """Match persons to needs, so that a person in two roles is counted once, and well.

    Augmenting paths (a bipartite matching); counting role by role would deadlock where the
    only person of a second role was already spent on the first.
    """
    seats = [role for role, count in policy.needs for _ in range(count)]
    holder: dict[int, Vote] = {}

    def sits_in(vote: Vote) -> bool:
        return policy.fallback_fills_needs and policy.fallback in vote.roles

    def seated(vote: Vote, tried: set[int]) -> bool:
        for seat, role in enumerate(seats):
            if not (role in vote.roles or sits_in(vote)) or seat in tried:
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
    policy: GatePolicy,
    members: Mapping[str, Collection[str]],
    requester: str | None,
    authors: Collection[str] = (),
) -> str:
    """Return why a gate could never be approved, or "" where it can; without any fallback.

    Args:
        policy: the gate's policy.
        members: the persons of each role.
        requester: who asks; None to judge without one.
        authors: who changed the plan since.
    """
    policy = replace(policy, fallback="")
    persons: dict[str, set[str]] = {}
    for role, people in members.items():
        for person in people:
            persons.setdefault(person, set()).add(role)
    if not policy.requester_may_vote:
        for asker in (requester, *authors):
            persons.pop(asker or "", None)
    moment = datetime.min.replace(tzinfo=UTC)
    able = [
        Vote(person, person, "yes", "", frozenset(roles), moment)
        for person, roles in sorted(persons.items())
        if policy.roles & roles
    ]
    return missing(policy, able)
