"""Votes as Slack carried them, against votes as the journal counted them.

Read with a mind of its own: from the traffic of localslack, not from what the bot asked there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.journal import Kind
from storage.records import Record

SOURCES = ("reaction", "text", "button")

CHOICES = {"white_check_mark": "yes", "heavy_check_mark": "yes", "x": "no"}

_SPOKEN = re.compile(
    r"<@(?P<bot>\w+)>\s+(?P<verb>approve|reject|withdraw)\s+(?P<gate>G\d+)\b(?:\s+(?P<code>\w{4})\b)?"
)

_PRESSED = re.compile(r"vote:(?P<verb>approve|reject|withdraw)")

SETTLE = timedelta(seconds=1.5)
"""A vote that came later than this before a gate's end may have come too late to be counted."""


@dataclass(frozen=True)
class Touch:
    """One vote that a person gave, or took away: by a reaction, in words, or with a button."""

    at: datetime
    ts: str
    user: str
    choice: str
    added: bool
    source: str = "reaction"


@dataclass(frozen=True)
class Asking:
    """One gate's message, as long as votes on it can count."""

    step: str
    gate: str
    code: str
    ts: str
    shown_at: datetime
    over_at: datetime | None


def touches(traffic: Sequence[Mapping[str, Any]], bot_user: str) -> list[Touch]:
    """Return every vote that people put or took by a reaction, once each, in order."""
    found: dict[tuple[str, ...], Touch] = {}
    for line in traffic:
        event = (line.get("payload") or {}).get("event") or {}
        kind = event.get("type")
        choice = CHOICES.get(str(event.get("reaction", "")).split("::")[0])
        if line.get("kind") != "delivery" or kind not in ("reaction_added", "reaction_removed"):
            continue
        if choice is None or event.get("user") == bot_user:
            continue
        # An event may be sent late; its own time says when somebody acted.
        at = datetime.fromtimestamp(float(event["event_ts"]), UTC)
        ts = str((event.get("item") or {}).get("ts", ""))
        touch = Touch(at, ts, str(event["user"]), choice, kind == "reaction_added")
        key = (str(kind), ts, touch.user, str(event["reaction"]), str(event["event_ts"]))
        found.setdefault(key, touch)
    return list(found.values())


def pressed(traffic: Sequence[Mapping[str, Any]], asked: Sequence[Asking]) -> list[Touch]:
    """Return every click that votes, once each, as far as Slack heard that it arrived."""
    acks = [line for line in traffic if line.get("kind") == "ack" and line["ok"]]
    acked = {_sent_as(line) for line in acks}
    found: dict[tuple[str, ...], Touch] = {}
    for line in traffic:
        payload = line.get("payload") or {}
        if line.get("kind") != "delivery" or payload.get("type") != "block_actions":
            continue
        action, where = payload["actions"][0], payload["container"]
        verb = _PRESSED.fullmatch(str(action.get("action_id", "")))
        if verb is None or _sent_as(line) not in acked:
            continue
        ts, user = str(where["message_ts"]), str(payload["user"]["id"])
        given = verb["verb"] != "withdraw"
        choice = "no" if verb["verb"] == "reject" else "yes"
        _, gate, code = str(action["value"]).split("/")
        if any((one.ts, one.gate, one.code) == (ts, gate, code) for one in asked):
            at = datetime.fromtimestamp(float(action["action_ts"]), UTC)
            touch = Touch(at, ts, user, choice, given, "button")
            found.setdefault((ts, user, str(action["action_ts"])), touch)
    return list(found.values())


def _sent_as(line: Mapping[str, Any]) -> object:
    """Return what ties a delivery to its ack, over a socket or over HTTP."""
    return line.get("envelope_id") or line.get("request_id")


def spoken(
    said: Sequence[Mapping[str, Any]], asked: Sequence[Asking], bot_user: str
) -> list[Touch]:
    """Return every vote that was written to the bot, whether it was there to hear it or not."""
    found = []
    for message in said:
        words = _SPOKEN.match(str(message.get("text", "")))
        if words is None or words["bot"] != bot_user:
            continue
        at = datetime.fromtimestamp(float(message["ts"]), UTC)
        choice = "no" if words["verb"] == "reject" else "yes"
        given = words["verb"] != "withdraw"
        # A yes needs the gate's code; without it nothing is counted.
        free = words["verb"] != "approve"
        places = [
            one.ts
            for one in asked
            if one.gate == words["gate"] and (free or one.code == words["code"])
        ]
        found += [Touch(at, ts, str(message["user"]), choice, given, "text") for ts in places]
    return found


def votes(
    records: Sequence[Record],
    traffic: Sequence[Mapping[str, Any]],
    said: Sequence[Mapping[str, Any]],
    bot_user: str,
) -> list[Touch]:
    """Return every vote, by whatever way it was given, in order."""
    asked = askings(records)
    given = [
        *touches(traffic, bot_user),
        *spoken(said, asked, bot_user),
        *pressed(traffic, asked),
    ]
    return sorted(given, key=lambda touch: touch.at)


def askings(records: Sequence[Record]) -> list[Asking]:
    """Return the gates that were shown, each with its message."""
    found: list[Asking] = []
    codes: dict[str, str] = {}
    for record in records:
        body = record.body
        if record.kind == Kind.GATE_OPENED:
            codes[body["step"]] = body["code"]
        if record.kind == Kind.GATE_SHOWN:
            step, over = body["step"], _over(records, body["step"], record.seq)
            place = (body["gate"], codes[step], body["ts"])
            found.append(Asking(step, *place, record.at, over))
    return found


def _over(records: Sequence[Record], step: str, since: int) -> datetime | None:
    """Return when an opening of a gate was over: closed for good, or its failover intended."""
    for record in records:
        body = record.body
        if record.seq <= since:
            continue
        closed = record.kind == Kind.GATE_CLOSED and body.get("outcome") != "approved"
        passed = record.kind == Kind.DONE
        moved = record.kind == Kind.GATE_SHOWN  # its message was deleted, and stands anew
        if body.get("step") == step and (closed or passed or moved):
            return record.at
        if record.kind in (Kind.ABORTED, Kind.ROLLED_BACK, Kind.ENDED):
            return record.at
    return None


def miscounted(records: Sequence[Record], touched: Sequence[Touch]) -> list[str]:
    """Say which vote was counted without having been given, or given without any answer."""
    asked = askings(records)
    return [*_invented(records, touched, asked), *_lost(records, touched, asked)]


def _invented(
    records: Sequence[Record], touched: Sequence[Touch], asked: Sequence[Asking]
) -> Iterator[str]:
    for record in records:
        body = record.body
        if record.kind != Kind.VOTED or body.get("source") not in SOURCES:
            continue
        places = {one.ts for one in asked if one.step == body["step"]}
        given = any(
            t.user == body["user"] and t.choice == body["choice"] and t.added and t.ts in places
            for t in touched
            if t.source == body["source"] and t.at <= record.at + timedelta(seconds=0.5)
        )
        if not given:
            yield f"record {record.seq}: {body['user']} never voted {body['choice']} there"


def _lost(
    records: Sequence[Record], touched: Sequence[Touch], asked: Sequence[Asking]
) -> Iterator[str]:
    for one in asked:
        here = [t for t in touched if t.ts == one.ts]
        for touch in here:
            taken_back = any(_takes_back(t, touch) for t in here)
            late = one.over_at is not None and touch.at > one.over_at - SETTLE
            if not touch.added or taken_back or late:
                continue
            if not _answered(records, one.step, touch):
                yield f"{touch.user} voted {touch.choice} at {one.gate}, and nothing came of it"


def _takes_back(later: Touch, touch: Touch) -> bool:
    """A reaction taken away takes back what it was; a withdrawal, every yes of its author."""
    if later.added or later.user != touch.user or later.at <= touch.at:
        return False
    same = (later.source, later.choice) == (touch.source, touch.choice)
    return same or (later.source != "reaction" and touch.choice == "yes")


def _answered(records: Sequence[Record], step: str, touch: Touch) -> bool:
    return any(
        record.kind in (Kind.VOTED, Kind.REFUSED)
        and record.body.get("step") == step
        and record.body.get("user") == touch.user
        for record in records
    )


def stood(
    touched: Sequence[Touch], asked: Sequence[Asking], step: str, user: str, at: datetime
) -> bool:
    """Tell whether a person's yes stood on a gate's message at that moment."""
    places = {one.ts for one in asked if one.step == step and one.shown_at <= at}
    last: dict[str, bool] = {}
    for touch in touched:
        if touch.ts in places and touch.user == user and touch.choice == "yes" and touch.at <= at:
            last[touch.source] = touch.added
    # What was taken back in words or with a button is taken back, however else it was given.
    taken_back = not all(added for source, added in last.items() if source != "reaction")
    return any(last.values()) and not taken_back
