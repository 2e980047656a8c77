"""Counting: what people say at a gate now is held against what is recorded of it.

Reactions and words are read where they stand in Slack, whenever it matters; clicks stand in the
journal. The difference becomes records, and who has to know of it is answered. What the votes
amount to is decided elsewhere: `engine.gates` has the rule, `engine.asking` applies it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine import calling, gates
from engine.answering import Answer
from engine.duty import Duty
from engine.errors import PeopleUnreadable, Unnamed
from engine.fold import Click, GateState, RunState, foreseen
from engine.journal import Kind
from engine.ports import Ballot, Person
from engine.rights import HALT, roles_for
from storage.records import Draft


@dataclass(frozen=True)
class Hint:
    """A row of the inbox that tells of a vote: where to look, and whom to answer.

    Attributes:
        key: of the row.
        user: who has just said something, and is answered also where nothing came of it.
        choice: what that was.
        added: False where a reaction was taken away: then its author is told where a yes of theirs
            stands all the same.
        word: where it stands in the thread; "" for a reaction.
    """

    key: str
    user: str
    choice: str
    added: bool = True
    word: str = ""


async def count(duty: Duty, gate: GateState, hints: Sequence[Hint] = ()) -> Sequence[Hint]:
    """Compare what stands now with what is recorded, and record the difference.

    Args:
        duty: the run.
        gate: the gate, open and shown.
        hints: the rows that this count decides, in the order in which they were heard.

    Returns:
        Those that it does not decide: their words stand above the gate's message.

    Raises:
        PeopleUnreadable: Slack cannot be asked; nothing was recorded.
        Unnamed: it does not say who somebody is who says something. Then only what could be read
            was recorded, and no row was taken.
    """
    if gate.shown is None:
        return ()
    gate = await _with_fallback(duty, gate)
    ballots = await _ballots(duty, gate)
    above = [hint for hint in hints if _stands_above(gate, ballots, hint)]
    heard = [hint for hint in hints if hint not in above]
    shown = _standing(gate, ballots)
    drafts, answers, unread = await _difference(
        duty, gate, shown, asked_by={hint.user for hint in heard if hint.added}
    )
    taken = [hint.key for hint in heard] if not unread else []
    for hint in {hint.user: hint for hint in heard}.values():
        still = None if hint.added or hint.choice != "yes" else shown.get(hint.user)
        if still is not None and still.choice == "yes":
            answers.append((hint.user, _stands_all_the_same(gate, still)))
    if drafts or taken or answers:
        await duty.decide(drafts, take=taken, tell=_told_at(duty, gate, answers))
    if unread:
        raise Unnamed(unread)
    return above


async def clicked(
    duty: Duty,
    gate: GateState,
    click: Ballot,
    pressed: datetime,
    *,
    take: Sequence[str],
    to: Mapping[str, str],
) -> None:
    """Take a click: it stands from now on where it has an effect, and all is counted with it.

    A click that is refused stands nowhere: who was told so does not expect it to count once they
    are in another role. Whoever clicked is answered in every case.

    Args:
        duty: the run.
        gate: the gate on whose message the button was pressed, open and shown.
        click: what it says; or a no that went with a former message of this gate, and is shown
            nowhere any more either.
        pressed: when that was, by Slack's time.
        take: keys of inbox rows that this decides.
        to: where its author is answered; see engine.ports.Answers.

    Raises:
        PeopleUnreadable: Slack cannot be asked; nothing was recorded.
    """
    gate = await _with_fallback(duty, gate)
    address = {"run": duty.state.run, **to, "user": click.user}
    drafts = list[Draft]()
    if told := await _clicked_in_vain(duty, gate, click, drafts):
        await duty.decide(drafts, take=take, tell=[Answer(address, told)])
        return
    former = gate.clicks.get(click.user)
    kept = Click(click.user, click.choice, click.code, pressed, click.source)
    if former is None or (former.choice, former.code) != (kept.choice, kept.code):
        drafts.append(_click_draft(duty, gate, kept))
    gate = replace(gate, clicks={**gate.clicks, click.user: kept})
    shown = _standing(gate, await _ballots(duty, gate))
    changes, answers, unread = await _difference(duty, gate, shown)
    if click.user in unread:
        raise unread[click.user]
    drafts += changes
    stands = _told_clicker(foreseen(duty.state, drafts), gate, shown[click.user])
    others = [(user, text) for user, text in answers if user != click.user]
    tell = [Answer(address, stands), *_told_at(duty, gate, others)]
    await duty.decide(drafts, take=take, tell=tell)


async def _with_fallback(duty: Duty, gate: GateState) -> GateState:
    """Call the fallback where it is due, before anything is counted; return the gate as it is."""
    await calling.escalate_if_due(duty, gate)
    return duty.state.gates[gate.step]


async def _clicked_in_vain(duty: Duty, gate: GateState, click: Ballot, drafts: list[Draft]) -> str:
    """Return what to tell of a click that has no effect, or ""; record where it is refused."""
    if click.choice == "withdraw":
        shown = _standing(gate, await _ballots(duty, gate))
        said = click.user in gate.votes or click.user in shown
        return "" if said else f"You have no vote at {gate.name} that could be taken back."
    person = await duty.people.person(click.user)
    refused = _refused(duty, gate, click, person, await duty.people.roles(click.user))
    if refused is None:
        return ""
    draft, told, _ = refused
    drafts += [draft] if draft else []
    return told


def _click_draft(duty: Duty, gate: GateState, click: Click) -> Draft:
    channel, ts = gate.shown or ("", "")
    return duty.journal.draft(
        Kind.CLICKED,
        by=click.user,
        step=gate.step,
        gate=gate.name,
        channel=channel,
        ts=ts,
        user=click.user,
        choice=click.choice,
        code=click.code,
        pressed=click.pressed,
        source=click.source,
    )


def _told_clicker(after: RunState, gate: GateState, stands: Ballot) -> str:
    """Say what a click amounts to, together with what its author says otherwise.

    Args:
        after: the run as it is once the click was taken.
        gate: its gate.
        stands: what its author says now.
    """
    click = gate.clicks[stands.user]
    if stands.choice == "no":
        return f"Your no at {gate.name} is counted: it ends {gate.name}."
    if stands.choice == "withdraw" and click.choice == "withdraw":
        return (
            f"You have no vote at {gate.name} any more, however it was given. "
            f"{_TO_VOTE_AFTER_ALL['button']}"
        )
    if stands.choice == "withdraw":
        return _taken_back(gate, stands)
    yes = [vote for vote in after.gates[gate.step].votes.values() if vote.choice == "yes"]
    lacking = gates.missing(gates.in_force(after.policy_at(gate.step), gate), yes)
    rest = f"Still missing: {lacking}" if lacking else "That is enough"
    barred = f" Nothing can be approved there for now: {gate.barred}." if gate.barred else ""
    return f"Your yes at {gate.name} is counted. {rest}.{barred}"


_TO_VOTE_AFTER_ALL = {
    "text": "To vote after all, write `approve` with the code of its message, or delete that word.",
    "button": "To vote after all, press Approve.",
}


def _taken_back(gate: GateState, ballot: Ballot) -> str:
    said = "you pressed Withdraw" if ballot.source == "button" else "your `withdraw` stands"
    return f"You have no vote at {gate.name}: {said}. {_TO_VOTE_AFTER_ALL[ballot.source]}"


def _stands_all_the_same(gate: GateState, ballot: Ballot) -> str:
    """Say why a check mark that was taken away has changed nothing."""
    why = {
        "button": "you pressed Approve, and nothing of that is left in Slack",
        "text": "you wrote `approve`",
    }.get(ballot.source, "another check mark of yours is on its message")
    return (
        f"Your yes at {gate.name} still counts: {why}. To take it back, press Withdraw or write "
        f"`@hotfix withdraw {gate.name}`."
    )


def _stands_above(gate: GateState, ballots: Sequence[Ballot], hint: Hint) -> bool:
    """Tell whether a word stands above the gate's message, and no later one of its author below."""
    theirs = [one for one in ballots if one.user == hint.user and one.gate in ("", gate.name)]
    later = any(one.source == "text" and not one.above for one in theirs)
    return bool(hint.word) and not later and any(one.above == hint.word for one in theirs)


async def _ballots(duty: Duty, gate: GateState) -> Sequence[Ballot]:
    channel, ts = gate.shown or ("", "")
    return await duty.people.ballots(channel, ts)


def _standing(gate: GateState, ballots: Sequence[Ballot]) -> dict[str, Ballot]:
    """Return what each person says now: in Slack, as we read it, and by their last click."""
    pressed = [
        Ballot(one.user, one.choice, one.source, gate.name, one.code)
        for one in gate.clicks.values()
    ]
    shown = [one for one in ballots if not one.above]
    return gates.standing([*shown, *pressed], gate)


async def _difference(
    duty: Duty, gate: GateState, shown: Mapping[str, Ballot], *, asked_by: Collection[str] = ()
) -> tuple[list[Draft], list[tuple[str, str]], dict[str, PeopleUnreadable]]:
    """Return the records that bring the journal to what stands, whom to tell what, and who is left.

    Who may vote is asked again for every yes, however long it has been recorded. Somebody who
    cannot be read keeps no other's word from being recorded: it may be a no.
    """
    drafts = [
        duty.journal.draft(Kind.WITHDRAWN, by=user, step=gate.step, user=user, name=vote.name)
        for user, vote in gate.votes.items()
        if user not in shown or shown[user].choice == "withdraw"
    ]
    answers: list[tuple[str, str]] = []
    unread: dict[str, PeopleUnreadable] = {}
    for ballot in shown.values():
        try:
            found, answer = await _admitted(duty, gate, ballot)
        except PeopleUnreadable as error:
            unread[ballot.user] = error
            continue
        drafts += found
        if answer and (found or ballot.user in asked_by):
            answers.append((ballot.user, answer))
    return drafts, answers, unread


def _told_at(duty: Duty, gate: GateState, answers: Sequence[tuple[str, str]]) -> Sequence[Answer]:
    """Return what tells each user their text, in the run's thread."""
    channel, _ = gate.shown or ("", "")
    here = {"channel": channel, "run": duty.state.run}
    return [Answer({**here, "user": user}, text) for user, text in answers]


async def _admitted(duty: Duty, gate: GateState, ballot: Ballot) -> tuple[list[Draft], str]:
    """Return the records that a ballot causes, if any, and what to tell the voter.

    A no that was recorded stays, whoever its author is by now; a yes falls with its author's role.

    Raises:
        PeopleUnreadable: it cannot be told who that is now.
    """
    known = gate.votes.get(ballot.user)
    if ballot.choice == "withdraw":
        return [], "" if known else _taken_back(gate, ballot)
    same = known is not None and known.choice == ballot.choice
    counted = f"Your {ballot.choice} at {gate.name} is counted."
    told = counted if same and ballot.source != "reaction" else ""
    if same and ballot.choice == "no":
        return [], told
    roles = await duty.people.roles(ballot.user)
    refused = _refused_before(duty, gate, ballot, roles)
    if refused is not None:
        return _fallen_with(duty, gate, ballot, refused)
    person = await duty.people.person(ballot.user)
    refused = _refused(duty, gate, ballot, person, roles)
    if refused is not None:
        return _fallen_with(duty, gate, ballot, refused)
    if ballot.choice == "yes":
        duty.confirmed[ballot.user] = (duty.state.last_seq, frozenset(roles))
    if same and known is not None and not _others(duty, gate, known.roles, roles):
        return [], told
    return [_voted(duty, gate, ballot, person, roles)], ""


def _others(
    duty: Duty, gate: GateState, before: Collection[str], now: Collection[str]
) -> frozenset[str]:
    """Return in which roles that matter at this gate somebody was, or is, but not both."""
    policy = duty.state.policy_at(gate.step)
    matter = policy.roles | {policy.fallback}
    return (frozenset(before) ^ frozenset(now)) & matter


def _fallen_with(
    duty: Duty, gate: GateState, ballot: Ballot, refused: tuple[Draft | None, str, str]
) -> tuple[list[Draft], str]:
    """Return the records and the answer of a refusal; a yes of that person that counted falls."""
    draft, told, reason = refused
    drafts = [draft] if draft else []
    known = gate.votes.get(ballot.user)
    if known is None or known.choice != "yes":
        return drafts, told
    fell = duty.journal.draft(
        Kind.WITHDRAWN, step=gate.step, user=ballot.user, name=known.name, reason=reason
    )
    return [fell, *drafts], f"Your yes at {gate.name} counts no longer: {reason}."


def _voted(
    duty: Duty, gate: GateState, ballot: Ballot, person: Person, roles: Collection[str]
) -> Draft:
    return duty.journal.draft(
        Kind.VOTED,
        by=ballot.user,
        step=gate.step,
        user=ballot.user,
        name=person.name,
        choice=ballot.choice,
        source=ballot.source,
        code=ballot.code,
        reason=ballot.reason,
        roles=sorted(roles),
        gate=gate.name,
    )


def _refused_before(
    duty: Duty, gate: GateState, ballot: Ballot, roles: Collection[str]
) -> tuple[Draft | None, str, str] | None:
    """Return a refusal that is recorded already, and holds whoever that is; else None.

    Slack allows few questions a minute: to ask of everybody each time, two approvals would expire
    behind a crowd of people in no role.
    """
    refused = _refused(duty, gate, ballot, Person(ballot.user, ballot.user), roles)
    return refused if refused is not None and refused[0] is None else None


def _refused(
    duty: Duty, gate: GateState, ballot: Ballot, person: Person, roles: Collection[str]
) -> tuple[Draft | None, str, str] | None:
    """Return the record of a refusal, if new, what to tell, and why; None where a ballot counts."""
    reason = gates.refusal(
        ballot,
        person,
        roles,
        duty.state.policy_at(gate.step),
        requester=duty.state.the_request.requester,
        halters=roles_for(HALT, duty.plan.policy),
        gate=gate,
        authors=duty.state.authors,
        zone=duty.state.zone,
    ) or gates.misread(ballot, gate)
    if not reason:
        return None
    told = f"Your vote at {gate.name} does not count: {reason}."
    if (ballot.user, ballot.choice, reason) in gate.refused:
        return None, told, reason
    draft = duty.journal.draft(
        Kind.REFUSED,
        by=ballot.user,
        step=gate.step,
        user=ballot.user,
        name=person.name,
        choice=ballot.choice,
        reason=reason,
    )
    return draft, told, reason
