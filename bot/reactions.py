"""Which reactions are votes, and which messages can be voted on.

Question: which emoji mean yes and no? Answer: check marks and crosses only. Thumbs are left out:
people use them to say "seen", and a failover must not begin because somebody was polite.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from storage.records import Delivery

YES = frozenset({"white_check_mark", "heavy_check_mark", "ballot_box_with_check"})
NO = frozenset(
    {
        "x",
        "no_entry",
        "no_entry_sign",
        "negative_squared_cross_mark",
        "heavy_multiplication_x",
        "octagonal_sign",
        "stop_sign",
    }
)

_TONE = re.compile(r"::skin-tone-[2-6]$")

# Source: Slack's short names and their older twins, as in iamcal/emoji-data `short_names`.
_TWINS = {"stop_sign": "octagonal_sign", "thumbsup": "+1", "thumbsdown": "-1"}

_GATE_KEY = re.compile(r"[^/]+/(?:gate/[^/]+|proposal(?:/[^/]+)?)")


def plain_name(emoji: str) -> str:
    """Return the one name of an emoji: no colons, no skin tone, no twin."""
    name = _TONE.sub("", emoji.strip(":"))
    return _TWINS.get(name, name)


def choice_of(emoji: str) -> str:
    """Return "yes" or "no", or "" where an emoji is no vote."""
    name = plain_name(emoji)
    if name in YES:
        return "yes"
    return "no" if name in NO else ""


def reactors(message: Mapping[str, Any], bot: str) -> Iterable[tuple[str, str, str]]:
    """Return who voted on a message: user, emoji and choice; perhaps not everybody."""
    for reaction in message.get("reactions") or ():
        if choice := choice_of(str(reaction["name"])):
            for user in reaction.get("users") or ():
                if user != bot:
                    yield str(user), plain_name(str(reaction["name"])), choice


def a_no_on(stands: Delivery, user: str, emoji: str) -> dict[str, Any]:
    """Return the body of the hint that somebody put a no on a message."""
    return {
        "channel": stands.channel,
        "ts": stands.ts,
        "user": user,
        "emoji": emoji,
        "choice": "no",
        "added": True,
    }


def run_of(message_key: str) -> str:
    """Return the run that a message tells about."""
    return message_key.partition("/")[0]


def lost_under(delivery: Delivery) -> str:
    """Return under which key it is kept where a message stood that somebody deleted."""
    run, _, rest = delivery.message_key.partition("/")
    return f"{run}/former/{delivery.ts}/{rest}"


def lost_key(former: Delivery) -> str:
    """Return the key of the message that stood where `lost_under` keeps it."""
    run, _, rest = former.message_key.partition("/former/")
    return f"{run}/{rest.partition('/')[2]}"


def stood_as(delivery: Delivery) -> str:
    """Return the key of the message that stands, or once stood, at a place."""
    return lost_key(delivery) if "/former/" in delivery.message_key else delivery.message_key


def is_gate(message_key: str) -> bool:
    """Say whether a message asks people for votes."""
    return _GATE_KEY.fullmatch(message_key) is not None
