"""The bot's messages as they stand in Slack at the end: each once, and in the journal's order.

A message is known by the key in its metadata. Read from Slack's own state, not from what the bot
remembers of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MILESTONE = re.compile(r"(?P<run>[^/]+)/m/(?P<seq>\d+)")


@dataclass(frozen=True)
class Post:
    """One message with a key; `ts` orders a channel."""

    ts: str
    key: str


def posts(state: Mapping[str, Any]) -> list[Post]:
    """Return every message with a key, oldest first."""
    return [Post(message["ts"], key) for message in messages(state) if (key := _key(message))]


def messages(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return everything that stands in Slack, oldest first."""
    # A reply that is shown in the channel too is one message in two places.
    found = {
        (message["ts"], channel["id"]): message
        for channel in state["channels"]
        for top in channel["messages"]
        for message in (top, *top["replies"])
    }
    return [message for _, message in sorted(found.items(), key=lambda item: item[0])]


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", ""))


def posted_twice(posted: Sequence[Post]) -> list[str]:
    """Return the keys that stand in Slack more than once."""
    counted = Counter(post.key for post in posted)
    return sorted(key for key, count in counted.items() if count > 1)


def out_of_order(posted: Sequence[Post]) -> list[str]:
    """Say which message about the journal stands after one about a later record."""
    newest: dict[str, int] = {}
    told = []
    for post in posted:
        found = _MILESTONE.fullmatch(post.key)
        if found is None:
            continue
        run, seq = found["run"], int(found["seq"])
        if seq < newest.get(run, 0):
            told.append(f"{post.key} came after {run}/m/{newest[run]}")
        newest[run] = max(seq, newest.get(run, 0))
    return told
