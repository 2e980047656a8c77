"""How often a method may be called, and which scopes it needs.

Sizes of messages and blocks are in `blocks` and `workspace`; this is only about rates and rights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Source: docs.slack.dev/apis/web-api/rate-limits and the pages of the methods. Slack promises
# "n or more per minute" and tolerates short bursts; how short, it does not say.


@dataclass(frozen=True)
class Allowance:
    """So many calls at once, and so many per minute in the long run."""

    burst: float
    per_minute: float


# An app may have ten connections and opens them all when it starts, so a burst of ten is a guess.
TIER_1 = Allowance(burst=10, per_minute=1)
TIER_2 = Allowance(burst=20, per_minute=20)
TIER_3 = Allowance(burst=50, per_minute=50)
TIER_4 = Allowance(burst=100, per_minute=100)
# One a second and channel, "short bursts" more: five is a guess.
POST_PER_CHANNEL = Allowance(burst=5, per_minute=60)
# "Several hundred" a minute and workspace: three is the least that several can mean.
POST_PER_WORKSPACE = Allowance(burst=300, per_minute=300)


@dataclass(frozen=True)
class Rules:
    """What Slack asks of a caller before the method looks at the arguments.

    Attributes:
        scopes: any one of them is enough; none means none needed.
        tier: None for methods that have limits of their own, or none.
        app_token: whether the app-level token is wanted instead of the bot's.
    """

    scopes: tuple[str, ...] = ()
    tier: Allowance | None = TIER_3
    app_token: bool = False


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")

RULES: dict[str, Rules] = {
    "api.test": Rules(tier=TIER_4),
    "apps.connections.open": Rules(("connections:write",), TIER_1, app_token=True),
    "auth.test": Rules(tier=TIER_4),
    "bots.info": Rules(("users:read",), TIER_3),
    "chat.delete": Rules(("chat:write",), TIER_3),
    "chat.getPermalink": Rules(tier=None),
    "chat.postEphemeral": Rules(("chat:write",), TIER_4),
    "chat.postMessage": Rules(("chat:write",), None),
    "chat.update": Rules(("chat:write",), TIER_3),
    "conversations.history": Rules(_HISTORY, TIER_3),
    "conversations.info": Rules(_READ, TIER_3),
    "conversations.join": Rules(("channels:join",), TIER_3),
    "conversations.list": Rules(_READ, TIER_2),
    "conversations.members": Rules(_READ, TIER_4),
    "conversations.open": Rules(("im:write", "mpim:write"), TIER_3),
    "conversations.replies": Rules(_HISTORY, TIER_3),
    "dnd.info": Rules(("dnd:read",), TIER_3),
    "emoji.list": Rules(("emoji:read",), TIER_2),
    "files.completeUploadExternal": Rules(("files:write",), TIER_4),
    "files.getUploadURLExternal": Rules(("files:write",), TIER_4),
    "files.info": Rules(("files:read",), TIER_4),
    "pins.add": Rules(("pins:write",), TIER_2),
    "reactions.add": Rules(("reactions:write",), TIER_3),
    "reactions.get": Rules(("reactions:read",), TIER_3),
    "reactions.remove": Rules(("reactions:write",), TIER_2),
    "team.info": Rules(("team:read",), TIER_3),
    "usergroups.list": Rules(("usergroups:read",), TIER_2),
    "usergroups.users.list": Rules(("usergroups:read",), TIER_2),
    "users.conversations": Rules(_READ, TIER_3),
    "users.info": Rules(("users:read",), TIER_4),
    "users.list": Rules(("users:read",), TIER_2),
    "users.lookupByEmail": Rules(("users:read.email",), TIER_3),
    "views.open": Rules(tier=TIER_4),
    "views.publish": Rules(tier=TIER_4),
    "views.push": Rules(tier=TIER_4),
    "views.update": Rules(tier=TIER_4),
}


class RateLimiter:
    """One bucket per key; a call takes a token or is told how long to wait."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: dict[tuple[str, ...], tuple[float, float]] = {}

    def seconds_to_wait(self, key: tuple[str, ...], allowance: Allowance) -> int:
        """Take a token and return 0, or take none and return the seconds for `Retry-After`."""
        now = self._now()
        tokens, at = self._buckets.get(key, (allowance.burst, now))
        per_second = allowance.per_minute / 60
        tokens = min(allowance.burst, tokens + max(0.0, now - at) * per_second)
        # A hair of tolerance: 1 token after exactly 1 s must not fail on rounding.
        if tokens >= 1 - 1e-6:
            self._buckets[key] = (max(0.0, tokens - 1), now)
            return 0
        self._buckets[key] = (tokens, now)
        return max(1, math.ceil((1 - tokens) / per_second))
