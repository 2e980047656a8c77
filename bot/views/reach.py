"""The words for who can be reached, and the messages that call people to a gate.

All of it stands in the journal. A person is mentioned, or written to, only where the record of a
call names them; who that is was decided when it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.views.format import (
    LONGEST_TEXT,
    Block,
    channel,
    clip,
    context,
    escape,
    link,
    mention,
    moment,
    section,
)
from bot.views.message import Message, told
from bot.views.story import Opening, Story
from bot.views.words import asked_about
from engine.gates import can_help
from engine.policy import GatePolicy
from storage.records import Record

Person = Mapping[str, Any]


def who_is_awake(story: Story, opening: Opening) -> list[Block]:
    """Return who of those who can still help at an open gate can be reached, and who sleeps."""
    if opening.reach is None or opening.reach_at is None:
        return []
    requester, authors = story.state.the_request.requester, story.state.authors
    able = [
        one
        for one in opening.reach
        if can_help(
            opening.policy,
            opening.gate,
            one["user"],
            one["roles"],
            requester=requester,
            authors=authors,
        )
    ]
    told_as_of = f"As of {moment(opening.reach_at)}, as far as Slack tells."
    return [section(*people_lines(able)), context(told_as_of)]


def awake_for_failovers(opening: Opening) -> list[str]:
    """Return, for the proposal, how those who are needed later can be reached now."""
    if opening.reach is None:
        return []
    roles = opening.plan.policy.failover.roles
    return people_lines([one for one in opening.reach if roles & set(one["roles"])])


def people_lines(people: Sequence[Person]) -> list[str]:
    """Return who of these can be reached, who sleeps, and that nobody is awake where it is so."""
    by = {state: [p for p in people if p["state"] == state] for state in ("awake", "quiet")}
    unknown = [p for p in people if p["state"] not in by]
    lines = []
    if not people:
        lines.append("⚠️ *Who could approve is not known now:* Slack did not say.")
    elif not by["awake"]:
        known = "is known to be awake" if unknown else "is awake"
        lines.append(f"⚠️ *Nobody who may approve {known} now.*")
    for title, found in (
        ("Can be reached now", by["awake"]),
        ("In quiet hours", by["quiet"]),
        ("Not known", unknown),
    ):
        if found:
            lines.append(f"*{title}:* {', '.join(_named(one) for one in found)}")
    return lines


def _named(one: Person) -> str:
    local = f", {escape(str(one['local']), 10)} there" if one.get("local") else ""
    until = ""
    if one["state"] == "quiet" and one.get("until"):
        until = f", until {moment(datetime.fromisoformat(one['until']))}"
    roles = escape(", ".join(one["roles"]), 80)
    return f"{escape(str(one['name']), 80)} ({roles}{local}{until})"


def fallback_words(opening: Opening) -> str:
    """Say from when on a fallback role may approve too; "" where there is none."""
    policy, gate = opening.policy, opening.gate
    since = policy.fallback_from(gate.opened_at, gate.expires_at)
    if since is None:
        return ""
    who, what = f"members of {escape(policy.fallback, 60)}", _what_it_counts_for(policy)
    if gate.escalated_at is not None:
        return f"*Fallback* since {moment(gate.escalated_at)} {who} may approve too{what}"
    return f"*Fallback* from {moment(since)} on {who} may approve too{what}"


def _what_it_counts_for(policy: GatePolicy) -> str:
    if not policy.needs:
        return ""
    roles = ", ".join(escape(role, 60) for role, _ in policy.needs)
    return f", also in place of {roles}" if policy.fallback_fills_needs else f", not for {roles}"


# ------------------------------------------------------------------------------------- calls


def reminded(opening: Opening, record: Record, key: str) -> Message:
    """Return the reminder in the thread: it mentions those who can still help, and nobody else."""
    gate = opening.gate
    last = "*Last reminder:* " if record.body.get("last") else ""
    return told(
        key,
        f"⏰ {_called(record)}{last}{gate.name} ({gate.code}) still waits: "
        f"{escape(opening.missing) or 'nothing is missing'}. It expires "
        f"{moment(gate.expires_at)}.",
        broadcast=True,
    )


def escalated(opening: Opening, record: Record, key: str) -> Message:
    """Return the message that calls the members of the fallback role."""
    gate = opening.gate
    return told(
        key,
        f"⏫ {_called(record)}{gate.name} ({gate.code}) still waits: "
        f"{escape(opening.missing) or 'nothing is missing'}. From now on members of "
        f"{escape(str(record.body['role']), 60)} may approve too"
        f"{_what_it_counts_for(opening.policy)}. It expires {moment(gate.expires_at)}.",
        broadcast=True,
    )


def _called(record: Record) -> str:
    users = [str(user) for user in record.body.get("call", ())]
    return f"{' '.join(mention(user) for user in users)} " if users else ""


def written_to(story: Story, opening: Opening, record: Record) -> Iterable[Message]:
    """Return what is written to each person who was called and has not voted since.

    Nothing once the gate is over: who reads late must not be sent to what is closed.
    """
    if not opening.gate.open or opening.gate.outcome or story.state.ended is not None:
        return
    for user in record.body.get("call", ()):
        if user not in opening.gate.votes:
            yield _direct(opening, record, str(user))


def _direct(opening: Opening, record: Record, user: str) -> Message:
    gate, plan = opening.gate, opening.plan
    what = asked_about(opening.step)
    where = link(gate.link, "its message")
    place = f" in {there}" if gate.shown and (there := channel(gate.shown[0])) else ""
    text = (
        f"⏰ *{gate.name} · {gate.code} · {escape(plan.security_group, 80)}*: {what} waits for "
        f"you: {escape(opening.missing) or 'nothing is missing'}. It expires "
        f"{moment(gate.expires_at)}.\nRead {where}{place}, and vote there; what is said here is "
        "not counted."
    )
    key = f"{record.stream}/dm/{record.seq}/{user}"
    return Message(key, clip(text, LONGEST_TEXT), in_thread=False, direct=user)
