"""The words for who will be there when the time of a run has come, and the message that asks it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.views import schedule
from bot.views.format import (
    LONGEST_SPOKEN,
    Block,
    context,
    escape,
    fit,
    listed,
    mention,
    phrase,
    section,
)
from bot.views.message import Message, told
from bot.views.story import Story
from engine import attendance
from engine.fold import Attendance
from storage.records import Record

THERE, AWAY = "there", "away"

_HOW = "`@hotfix there` or `@hotfix away` in the thread says it; it approves nothing."


def lines(story: Story, *, how_to_say_it: bool = True) -> list[str]:
    """Return who will be there and who is lacking; nothing where that is not asked of this run."""
    state = story.state
    asked = attendance.is_asked(state)
    if not asked and not state.attending:
        return []
    lacking = escape(attendance.lacking(state))
    coming, away = attendance.coming(state), attendance.away(state)
    there = f"{_named(coming)}" if coming else "nobody has said so yet"
    enough = f"Lacking: {lacking}" if lacking else "Enough for each failover"
    how = f" {_HOW}" if asked and lacking and how_to_say_it else ""
    gone = f" Away: {_named(away)}." if away else ""
    return [f"*There at its time:* {there}. {enough}.{gone}{how}"]


def who_comes(story: Story, record: Record, key: str) -> Message:
    """Return the live message that asks those who are needed, with a button for each answer."""
    state = story.state
    appointment = story.plan.appointment
    if appointment is None or not attendance.is_asked(state) or state.called_at != record.at:
        first = "🙋 It was asked who will be there; that is over."
        return Message(key, first, fit([section(first, *lines(story))]), live=True)
    when = schedule.both(appointment.start, appointment.zone)
    first = f"🙋 {_called(record)}Who of you will be there? The failovers begin {when}."
    blocks = [
        section(first, *lines(story, how_to_say_it=False)),
        {"type": "actions", "elements": _buttons(story)},
        context(
            "Or in words: `@hotfix there`, `@hotfix away`. It approves nothing: each failover is "
            "asked for when it is due. Who is lacking is called again."
        ),
    ]
    return Message(key, first, fit(blocks), live=True)


def called_again(story: Story, record: Record, key: str) -> Message | None:
    """Return the reminder of those who are still lacking; None where nobody is."""
    appointment = story.plan.appointment
    if not record.body.get("lacking") or appointment is None:
        return None
    when = schedule.both(appointment.start, appointment.zone)
    return told(
        key,
        f"⏰ {_called(record)}Still lacking when the failovers begin, {when}: "
        f"{escape(str(record.body['lacking']))}. {_HOW}",
        broadcast=True,
    )


def _buttons(story: Story) -> list[Block]:
    run, group = story.state.run, story.plan.security_group
    yes = _button("I will be there", THERE, run, f"I will be there for {run} on {group}")
    no = _button("I will be away", AWAY, run, f"I will be away for {run} on {group}")
    return [{**yes, "style": "primary"}, no]


def _button(label: str, word: str, run: str, spoken: str) -> Block:
    """Return a button that asks nothing once more: what it says can be said otherwise later."""
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": f"word:{word}",
        "value": run,
        "accessibility_label": phrase(spoken, LONGEST_SPOKEN),
    }


def _named(people: Sequence[Attendance]) -> str:
    return listed(escape(one, 160) for one in attendance.names(people))


def _called(record: Record) -> str:
    users = [str(user) for user in record.body.get("call", ())]
    return f"{' '.join(mention(user) for user in users)} " if users else ""
