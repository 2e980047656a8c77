"""The words for a run on whose group nobody acts, and where in Slack they stand. Pure.

Nothing of it is in the journal, which only who acts on a group may write: that a worker is lacking
is noted among what Slack was told, and the messages follow from the note (`bot.unattended`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.views.format import LONGEST_TEXT, clip, code, fit, mention, moment, section
from bot.views.message import Message, told
from bot.views.words import out_words
from engine.fold import RunState
from storage.records import Delivery, Record

LACKING, BACK = "sent", "over"
"""How a note stands, in the words for deliveries."""


@dataclass(frozen=True)
class Absence:
    """A time in which nobody acts on the group of a run.

    Attributes:
        run: the run.
        since: when the last right to act on its group ran out.
        seq: the last record of the run then; whoever writes another one acts.
        call: whom it is told.
        over: whether a worker was seen again.
    """

    run: str
    since: datetime
    seq: int
    call: tuple[str, ...] = ()
    over: bool = False

    def note(self, channel: str) -> Delivery:
        """Return what is kept of it."""
        kept = {"since": self.since.isoformat(), "seq": self.seq, "call": self.call}
        state = BACK if self.over else LACKING
        return Delivery(note_key(self.run), channel, None, json.dumps(kept), state)

    @classmethod
    def of(cls, run: str, note: Delivery | None) -> Absence | None:
        """Return the last one that was noted of a run, or None."""
        if note is None:
            return None
        kept = json.loads(note.digest)
        since = datetime.fromisoformat(kept["since"])
        return cls(run, since, int(kept["seq"]), tuple(kept["call"]), note.state == BACK)

    def is_over(self, last_seq: int) -> bool:
        """Say whether somebody acts again, as the run stands by now."""
        return self.over or last_seq > self.seq


def note_key(run: str) -> str:
    """Return the key under which the last absence is noted of a run."""
    return f"{run}/unattended"


def nobody(group: str, since: datetime) -> str:
    """Say that nobody acts on a group."""
    return (
        f"Nobody acts on {code(group, 80)} since {moment(since)}: no worker that may is there, or "
        "none reaches the database."
    )


def nobody_on(state: RunState, since: datetime) -> str:
    """Say that nobody acts on the group of a run, who is out of service, and what helps."""
    out = out_words(state.out_of_service(), state.the_plan)
    by_hand, waits = state.by_hand(), state.by_hand_waits()
    hand = f" By hand, on a member in Expert mode: {code(by_hand, 200)}." if by_hand else ""
    hand += f" But {waits}." if waits else ""
    return (
        f"{nobody(state.the_plan.security_group, since)} As last seen, {out}.{hand} Words wait, a "
        f"{code('halt')} too, and nothing goes on, until a worker is started."
    )


def with_absence(
    messages: Sequence[Message],
    absence: Absence,
    records: Sequence[Record],
    delivered: Mapping[str, Delivery],
) -> Sequence[Message]:
    """Return what should stand of a run, with what is to be said of an absence."""
    key = f"{note_key(absence.run)}/{absence.since.isoformat()}"
    begun, ended = delivered.get(f"{key}/gone"), delivered.get(f"{key}/back")
    over = absence.is_over(records[-1].seq)
    if over and (begun is None or begun.state == "failed" or (ended and ended.state == "sent")):
        return messages
    state = RunState.replay(records)
    said = nobody_on(state, absence.since)
    call = "".join(f"{mention(user)} " for user in absence.call)
    gone = told(f"{key}/gone", f"🛑 {call}{said}", broadcast=bool(state.out_of_service()))
    if not over:
        return (_over(messages[0], said), *messages[1:], gone)
    group = code(state.the_plan.security_group, 80)
    return (*messages, gone, told(f"{key}/back", f"▶️ A worker acts on {group} again: it goes on."))


def _over(root: Message, said: str) -> Message:
    """Return the root with the truth above what was under way."""
    first = section(f"🛑 {said}")
    return replace(
        root,
        text=clip(f"🛑 {said} Before: {root.text}", LONGEST_TEXT),
        blocks=fit([*root.blocks[:1], first, *root.blocks[1:]]),
        cards=fit([*root.cards[:1], first, *root.cards[1:]]) if root.cards else (),
    )
