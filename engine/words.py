"""What people say to a run: taken from the inbox in order, before anything else is sent.

Stops are read first: a click waits while Slack is away, and no stop may stand behind it.

A word is taken in the transaction of the record that it causes. A reaction and a written vote are
only hints to look: what counts is what Slack shows when we ask. A click on a gate's button is shown
nowhere, so its row is all there is of it until it is recorded. So it is with a no on a message that
has gone since: it waits until it is read or the message stands anew, and counts then.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from engine import asking, counting, restored, rights, verbs, zoned
from engine.duty import Duty
from engine.errors import Fenced, MaintenanceError, PeopleUnreadable, Stopped, StopUnheard
from engine.fold import GateState, Vote
from engine.journal import Kind
from engine.ports import Ballot
from engine.stopwatch import CLOCKS_DIFFER
from storage.records import UNREADABLE, GroupBusy, InboxRow, LeaseLost, StorageDown, every_waiting

SHELL = "shell:"
"""Prefix of `by` for words said at the command line on the bot's machine."""


async def take_words(duty: Duty) -> None:
    """Take every row that waits for this run: the stops first, and those said meanwhile too.

    Of the clicks of one person on one button's message only the last one waits for Slack.
    """
    rows = await asyncio.to_thread(_waiting, duty)
    await _take_stops(duty, rows)
    last = {_who_clicked(row): row.key for row in rows if row.kind == "click"}
    counted = set[str]()
    for row in rows:
        if _is_stop(row) or row.key in counted:
            continue
        if row.kind == "click" and last[_who_clicked(row)] != row.key:
            await _unknown(duty, row)
            continue
        await _take_stops(duty, await asyncio.to_thread(_waiting, duty, "word"))
        together = _counted_with(duty, row, rows)
        counted |= {one.key for one in together}
        await _take(duty, row, together)


async def some_wait(duty: Duty) -> bool:
    """Tell whether something that was said to this run is still not taken."""
    return bool(await asyncio.to_thread(_waiting, duty))


async def _take_stops(duty: Duty, rows: Sequence[InboxRow]) -> None:
    for row in rows:
        if _is_stop(row):
            await _take(duty, row)


def _waiting(duty: Duty, *kinds: str) -> list[InboxRow]:
    return list(every_waiting(duty.inbox, run=duty.state.run, kinds=kinds or None))


def _is_stop(row: InboxRow) -> bool:
    """Whether this is a stop; one that somebody spoilt may have been one."""
    return row.kind == UNREADABLE or (row.kind == "word" and row.body["verb"] in rights.STOPS)


def _who_clicked(row: InboxRow) -> tuple[str, ...]:
    """Return what two clicks have in common of which only the later one can count."""
    names = ("user", "gate", "code", "channel", "ts")
    return tuple(str(row.body.get(name, "")) for name in names)


def _counted_with(duty: Duty, row: InboxRow, rows: Sequence[InboxRow]) -> Sequence[InboxRow]:
    """Return all rows that one count of the open gate decides, this one among them; or none.

    They only say where to look: a count for each would ask Slack the same each time, and no
    failover begins meanwhile.
    """
    gate = duty.state.open_gate
    if gate is None or not _asks_to_count(gate, row):
        return ()
    return [one for one in rows if _asks_to_count(gate, one)]


def _asks_to_count(gate: GateState, row: InboxRow) -> bool:
    """Whether this is a reaction on the message of an open gate, or a written vote for it.

    A row that cannot be read is neither: it is taken by itself, and spoils no other.
    """
    if gate.shown is None or row.kind not in ("hint", "vote"):
        return False
    body = row.body
    if row.kind == "vote":
        return body.get("gate") in ("", gate.name)
    return (body.get("channel"), body.get("ts")) == gate.shown


async def _take(duty: Duty, row: InboxRow, together: Sequence[InboxRow] = ()) -> None:
    """Take one row, or all of those that are counted together.

    A row that finds a mistake of ours breaks the run off and is taken by that: it would find the
    same mistake for ever, and no word behind it, not even a stop, would be heard.
    """
    try:
        if together:
            await _count(duty, together)
        else:
            await _ROWS.get(row.kind, _unknown)(duty, row)
    except (MaintenanceError, Fenced, Stopped, StorageDown, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 -- our mistake: stop loudly, hear the others
        await duty.break_off(error, take=await _untaken(duty, together or [row]))


async def _untaken(duty: Duty, rows: Sequence[InboxRow]) -> list[str]:
    keys = {row.key for row in rows}
    return [one.key for one in await asyncio.to_thread(_waiting, duty) if one.key in keys]


async def _unknown(duty: Duty, row: InboxRow) -> None:
    # Under the lease: to an executor that was replaced, a gate of its successor is unknown, and
    # the votes on it would be lost.
    try:
        await asyncio.to_thread(duty.inbox.drop, row.key, lease=duty.journal.lease)
    except LeaseLost as error:
        raise Fenced(str(error)) from error


async def _unreadable(duty: Duty, row: InboxRow) -> None:
    """Somebody spoilt this row; it may have been a stop, so nothing is sent before people look."""
    step = duty.state.next_step()
    held = duty.journal.draft(
        Kind.HELD,
        step=step.id if step is not None else "",
        reason=(
            f"a word for this run ({row.key}) was changed in the database and cannot be read; it "
            "may have been a stop. See hotfix-bot db check, and retry where nobody said one"
        ),
        error="UnexpectedOutput",
        out_of_service=list(duty.state.out_of_service()),
        ways=["retry", "abort"],
        by_hand=duty.state.by_hand(),
        by_hand_waits=duty.state.by_hand_waits(),
    )
    await duty.journal.append([held], take=[row.key])


async def _shown(duty: Duty, row: InboxRow) -> None:
    """A gate's message stands in Slack; from now on its votes count.

    It may stand there anew, because somebody deleted the former one. The reactions on that one
    went with it: what cannot be read any more does not count, and nobody took it back, so it is no
    withdrawal. What was written in the thread can still be read, and is counted as ever.
    """
    gate = next((g for g in duty.state.gates.values() if g.name == row.body["gate"]), None)
    place = (row.body["channel"], row.body["ts"])
    if gate is None or (gate.shown is not None and not _stands_anew(duty, gate, place)):
        await _unknown(duty, row)
        return
    lost = [vote for vote in gate.votes.values() if vote.source == "reaction"]
    again = {} if gate.shown is None else _lost_with(gate.shown, lost)
    draft = duty.journal.draft(
        Kind.GATE_SHOWN,
        step=gate.step,
        gate=gate.name,
        channel=row.body["channel"],
        ts=row.body["ts"],
        link=row.body.get("link", ""),
        expires_at=asking.expires_anew(duty, gate),
        **again,
    )
    await duty.journal.append([draft], take=[row.key])


def _stands_anew(duty: Duty, gate: GateState, place: tuple[str, str]) -> bool:
    """Whether a message followed the one that this gate had; of two the later one stands."""
    if gate is not duty.state.open_gate or gate.shown is None or gate.shown == place:
        return False
    return place[1] > gate.shown[1]


def _lost_with(former: tuple[str, str], lost: Sequence[Vote]) -> dict[str, Any]:
    return {
        "lost": list(former),
        "fallen": [vote.user for vote in lost],
        "names": [vote.name for vote in lost],
    }


async def _hint(duty: Duty, row: InboxRow) -> None:
    """Somebody reacted where no open gate stands now: tell the voter that it does not count."""
    place = (row.body["channel"], row.body["ts"])
    gate = next((g for g in duty.state.openings if place in (g.shown, *g.former)), None)
    if gate is None:
        await _unknown(duty, row)
        return
    if gate is duty.state.open_gate:
        await _on_former(duty, gate, row)
    elif row.body["added"] and not _counted(gate, row):
        now = duty.state.open_gate
        also = f"; {now.name} is, with a message of its own" if now is not None else ""
        await _too_late(duty, row, f"{_over(gate)}{also}", former=gate)
    else:
        await _unknown(duty, row)


async def _on_former(duty: Duty, gate: GateState, row: InboxRow) -> None:
    """Somebody reacted on a message of an open gate that stands no longer, or counts no longer.

    A no counts all the same: nobody took it off, the message went with it. A yes does not: what is
    asked is read, and approved, where it stands now.
    """
    body = row.body
    if not body["added"] or await _taken_off(duty, row):
        await _unknown(duty, row)
        return
    if body["choice"] != "no":
        where = f": {gate.link}" if gate.link else " in the thread of this run"
        reason = f"you gave it on a former message of {gate.name}; the one that counts stands"
        await _too_late(duty, row, f"{reason} elsewhere{where}", former=gate)
        return
    stop = Ballot(body["user"], "no", "reaction", gate.name)
    with contextlib.suppress(PeopleUnreadable):
        await counting.clicked(
            duty, gate, stop, row.at, take=[row.key], to={"channel": body["channel"]}
        )


async def _taken_off(duty: Duty, row: InboxRow) -> bool:
    """Whether a reaction that cannot be read any more was taken off after this was heard."""
    rows = await asyncio.to_thread(_waiting, duty, "hint")
    after = itertools.dropwhile(lambda one: one.key != row.key, rows)
    return any(one.body == {**row.body, "added": False} for one in after)


async def _vote(duty: Duty, row: InboxRow) -> None:
    """Somebody wrote a vote into the thread, for a gate that is not open, or not shown yet."""
    gate, named = duty.state.open_gate, row.body["gate"]
    if gate is not None and named in ("", gate.name):
        # We may have been away between posting its message and knowing that it stands: then the
        # vote waits until we know.
        return
    former = next((g for g in duty.state.openings if g.name == named), None)
    if former is not None:
        reason = _over(former)
    else:
        reason = f"{named} is not open" if named else "nothing is asked now"
    if gate is not None:
        reason = f"{reason}; {gate.name} is, with a message of its own"
    await _too_late(duty, row, reason, former=former)


async def _click(duty: Duty, row: InboxRow) -> None:
    """Somebody pressed a button of a gate's message: it is for the opening that was asked there.

    While Slack cannot say who that is the row waits, and with it the bar before any failover:
    unlike a reaction, it cannot be found again.
    """
    gate, body = duty.state.open_gate, row.body
    if gate is not None and gate.shown is None and body["gate"] == gate.name:
        return
    places = (gate.shown, *gate.former) if gate is not None and gate.name == body["gate"] else ()
    stands = (body["channel"], body["ts"]) in places
    if gate is not None and not stands and (gate.name, gate.code) == (body["gate"], body["code"]):
        # Its message stands twice, since Slack took a post late. A stop needs less than a yes.
        stands = body["choice"] != "yes"
        if not stands:
            where = f": {gate.link}" if gate.link else " in the thread of this run"
            reason = f"you pressed it on a second copy of the message of {gate.name}; the one that "
            await _too_late(duty, row, f"{reason}counts stands elsewhere{where}", former=gate)
            return
    if gate is None or not stands:
        former = next((g for g in duty.state.openings if g.name == body["gate"]), None)
        reason = _over(former) if former else f"{body['gate']} is no longer open"
        if gate is not None:
            reason = f"{reason}; {gate.name} is, with a message of its own"
        await _too_late(duty, row, reason, former=former)
        return
    pressed, later = datetime.fromisoformat(body["pressed"]), gate.clicks.get(body["user"])
    if later is not None and later.pressed > pressed:
        told = f"You pressed another button of {gate.name} after that."
        await duty.decide([], take=[row.key], tell=[verbs.answer(duty, row, told)])
        return
    if body["choice"] != "no" and asking.has_expired(duty, gate):
        reason = f"{gate.name} expired before your click could be counted"
        await _too_late(duty, row, reason, former=gate)
        return
    click = Ballot(body["user"], body["choice"], "button", gate.name, body["code"])
    with contextlib.suppress(PeopleUnreadable):
        await counting.clicked(duty, gate, click, pressed, take=[row.key], to=body["answer"])


async def _count(duty: Duty, rows: Sequence[InboxRow]) -> None:
    """Read all ballots of the open gate, for all that tells of votes there."""
    # Slack away: the hint stays, and with it the bar before any failover. One of a no stays also
    # while the gate is open: its message may have gone, and then nothing else tells of it.
    gate = duty.state.open_gate
    if gate is None:
        return
    try:
        above = {hint.key for hint in await counting.count(duty, gate, [*map(_hinted, rows)])}
        for row in rows:
            if row.key in above:
                await _above(duty, gate, row)
    except StopUnheard:
        return
    except PeopleUnreadable:
        for row in rows:
            if gate.outcome != "approved" and row.body["choice"] != "no":
                await _unknown(duty, row)


def _hinted(row: InboxRow) -> counting.Hint:
    body = row.body
    added, word = body.get("added", True), body.get("ts", "") if row.kind == "vote" else ""
    return counting.Hint(row.key, body["user"], body["choice"], added, word)


async def _above(duty: Duty, gate: GateState, row: InboxRow) -> None:
    """Somebody wrote a vote while the gate was asked, but before its message stood.

    A no counts all the same: the run's first message shows already what is asked, and a stop needs
    less than a yes.
    """
    if row.body["choice"] == "no":
        stop = Ballot(row.body["user"], "no", "text", gate.name)
        await counting.clicked(duty, gate, stop, row.at, take=[row.key], to=row.body["answer"])
        return
    reason = f"you wrote it before the message of {gate.name} stood; read that, and write anew"
    await _too_late(duty, row, reason, former=gate)


def _counted(gate: GateState, row: InboxRow) -> bool:
    """Whether Slack tells late, or again, of a vote that was read from the message and counted."""
    vote = gate.votes.get(row.body["user"])
    return vote is not None and vote.choice == row.body["choice"]


def _over(gate: GateState) -> str:
    over = gate.outcome if gate.outcome != "approved" else "approved and begun"
    return f"{gate.name} is no longer open ({over})"


async def _too_late(duty: Duty, row: InboxRow, reason: str, *, former: GateState | None) -> None:
    """Refuse a vote that comes too late, once, and tell its author each time.

    At an opening that another one followed, a stop is told to whoever asked for the run as well:
    its author may believe that it stopped something.
    """
    step = former.step if former is not None else ""
    late = former is not None and former not in duty.state.gates.values()
    user, choice = row.body["user"], row.body["choice"]
    present = duty.state.gates.get(step)
    draft = duty.journal.draft(
        Kind.REFUSED,
        by=user,
        step=step,
        user=user,
        choice=choice,
        reason=reason,
        late=late,
    )
    again = present is not None and (user, choice, reason) in present.refused
    begins = {"withdraw": "There is nothing to take back"}.get(row.body["choice"], _IN_VAIN)
    told = verbs.answer(duty, row, f"{begins}: {reason}.")
    await duty.decide([] if again else [draft], take=[row.key], tell=[told])


_IN_VAIN = "Your vote does not count"


async def _word(duty: Duty, row: InboxRow) -> None:
    taker = verbs.VERBS.get(row.body["verb"])
    if taker is None:
        await verbs.not_known(duty, row)
        return
    refused = await _may_not(duty, row)
    if refused:
        await verbs.refuse(duty, row, refused)
        return
    if former := restored.said_before(duty.state, row):
        await verbs.refuse(duty, row, former)
        return
    if row.key in duty.state.overtaken or _said_before_a_stop(duty, row):
        again = f"say `{row.body['verb']}` again where it is still meant"
        await verbs.refuse(duty, row, f"somebody said stop after that; {again}")
        return
    if stale := _for_another_rest(duty, row):
        await verbs.refuse(duty, row, stale)
        return
    if late := _came_late(duty, row):
        await verbs.refuse(duty, row, late)
        return
    try:
        await taker(duty, row)
    except GroupBusy as busy:
        await verbs.refuse(duty, row, f"{busy}; say it again when that has ended")


def _for_another_rest(duty: Duty, row: InboxRow) -> str:
    """Say what stands now where a button ends a rest that is not the one its presser saw, or "".

    A stop is for whatever goes on. Words have no number, and messages of before had none.
    """
    state, seen = duty.state, row.body.get("seen")
    if row.body["verb"] in rights.STOPS or seen is None or seen == state.stopped_by:
        return ""
    hold = state.hold
    now = f"it holds because {hold.reason}" if hold is not None else "it goes on"
    if hold is None and state.resting:
        now = "it is halted" if state.halted else "it is paused"
    return f"that button was for a moment that is over, and now {now}; read the run's first message"


def _said_before_a_stop(duty: Duty, row: InboxRow) -> bool:
    """Whether Slack says that a stop was said after this word, which was heard after that stop."""
    stopped, said = duty.state.stop_said, _said_in_thread(row)
    ends = row.body["verb"] in verbs.ENDS_A_STOP
    return ends and stopped is not None and said is not None and said < stopped


def _came_late(duty: Duty, row: InboxRow) -> str:
    """Say what its author had not seen yet who said a word that was found long after, or "".

    Its event was lost or late, and it would end a rest that began meanwhile. Where one moment is
    Slack's and the other ours, the two clocks may differ: so only a word that came late is judged
    by them, and both moments are told. One that is heard as it is said is for what stands now.
    """
    state, verb, said = duty.state, row.body["verb"], _said_in_thread(row)
    if said is None or verb not in verbs.ENDS_A_REST or row.at - said <= CLOCKS_DIFFER:
        return ""
    rests = [(state.hold.at, f"it holds because {state.hold.reason}")] if state.hold else []
    stop = state.stop_taken if state.halted or state.paused else None
    if stop is not None and verb in verbs.ENDS_A_STOP:
        rests.append((stop, "somebody said stop"))
    for began, what in rests:
        if said < began:
            then, since = zoned.said(said, state.zone), zoned.said(began, state.zone)
            return (
                f"it was said at {then}, and came late; since {since}, by the bot's own clock, "
                f"{what}; say `{verb}` again where it is still meant"
            )
    return ""


def _said_in_thread(row: InboxRow) -> datetime | None:
    """Return Slack's moment of a word; a button names what its presser saw instead."""
    said = row.body.get("said")
    return datetime.fromisoformat(said) if said and "seen" not in row.body else None


async def _may_not(duty: Duty, row: InboxRow) -> str:
    """Return why this person's word has no effect, or "" where it has.

    A stop is never refused because Slack cannot be asked who somebody is. Whoever said it at the
    bot's machine has all rights: they could end the process.
    """
    user, verb = row.body["user"], row.body["verb"]
    requester = duty.state.the_request.requester
    if user.startswith(SHELL):
        return ""
    try:
        person = await duty.people.person(user)
        roles = await duty.people.roles(user)
        shared = await duty.people.shared(row.body.get("answer", {}).get("channel", ""))
    except PeopleUnreadable as error:
        free = verb in rights.STOPS or rights.is_own(verb, user, requester)
        return "" if free else f"Slack could not be asked who you are: {error}"
    if shared and verb not in rights.STOPS:
        return shared
    return rights.refusal(verb, person, roles, duty.plan.policy, requester=requester)


Taker = Callable[[Duty, InboxRow], Awaitable[None]]

_ROWS: dict[str, Taker] = {
    "shown": _shown,
    UNREADABLE: _unreadable,
    "hint": _hint,
    "vote": _vote,
    "click": _click,
    "word": _word,
}
