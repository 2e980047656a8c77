"""By which metadata our messages are known, and what of that is read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.reactions import choice_of

EVENT_TYPE = "hotfix"
"""By this type the metadata of our messages is known, which carries their key."""


def key_in(message: Mapping[str, Any], bot: str) -> str:
    """Return the key that a message of ours carries, or "": others can write metadata as well.

    Args:
        message: as Slack shows it, with its metadata.
        bot: the user that the bot is.
    """
    metadata = message.get("metadata") or {}
    if message.get("user") != bot or metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("key") or "")


def shows_a_no(message: Mapping[str, Any]) -> bool:
    """Say whether somebody put a no on a message, perhaps the bot itself."""
    return any(choice_of(str(one["name"])) == "no" for one in message.get("reactions") or ())
