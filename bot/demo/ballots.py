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

CHOICES = {"white_check_mark": "yes", "heavy_check_mark": "yes", "x": "no"}

_SPOKEN = re.compile(
    r"<@(?P<bot>\w+)>\s+(?P<verb>approve|reject|withdraw)\s+(?P<gate>G\d+)\b(?:\s+(?P<code>\w{4})\b)?"
)

SETTLE = timedelta(seconds=1.5)
"""A vote that came later than this before a gate's end may have come too late to be counted."""


@dataclass(frozen=True)
class Touch:
    """One vote that a person gave, or took away: by a reaction on a message, or in words."""

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
    """Return every vote that people put or took, once each, in order."""
    found: dict[str, Touch] = {}
    for line in traffic:
        event = (line.get("payload") or {}).get("event") or {}
        kind = event.get("type")
        choice = CHOICES.get(str(event.get("reaction", "")).split("::")[0])
        if line.get("kind") != "delivery" or kind not in ("reaction_added", "reaction_removed"):
            continue
        if choice is None or event.get("user") == bot_user:
            continue
        at = datetime.fromtimestamp(float(line["at"]), UTC)
        ts = str((event.get("item") or {}).get("ts", ""))
        touch = Touch(at, ts, str(event["user"]), choice, kind == "reaction_added")
        found.setdefault(str(event["event_ts"]), touch)
    return list(found.values())


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
    words = spoken(said, askings(records), bot_user)
    return sorted([*touches(traffic, bot_user), *words], key=lambda touch: touch.at)


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
        if body.get("step") == step and (closed or passed):
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
        if record.kind != Kind.VOTED or body.get("source") not in ("reaction", "text"):
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
            taken_back = any(
                not t.added and (t.user, t.choice) == (touch.user, touch.choice) and t.at > touch.at
                for t in here
            )
            late = one.over_at is not None and touch.at > one.over_at - SETTLE
            if not touch.added or taken_back or late:
                continue
            if not _answered(records, one.step, touch):
                yield f"{touch.user} voted {touch.choice} at {one.gate}, and nothing came of it"


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
    standing = False
    for touch in touched:
        if touch.ts in places and touch.user == user and touch.choice == "yes" and touch.at <= at:
            standing = touch.added
    return standing
