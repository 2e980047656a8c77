"""The log of everything that went between the app and Slack."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.localslack.changes import Changes

# Enough for a long night; older lines fall off.
LONGEST_LOG = 20_000
# Longer strings are cut in the log, not in the message.
LONGEST_STRING = 500

_SECRET = frozenset({"token", "client_secret", "bot_access_token"})


class Traffic:
    """Remembers calls and deliveries, and publishes each as a change."""

    def __init__(self, now: Callable[[], float], changes: Changes) -> None:
        self._now = now
        self._changes = changes
        self._lines: deque[dict[str, Any]] = deque(maxlen=LONGEST_LOG)
        self._seq = 0

    def record(self, kind: str, **facts: Any) -> None:  # noqa: ANN401 -- JSON values
        """Add a line: `kind` is `api`, `delivery`, `ack`, `response_url`, `socket` or `fault`."""
        self._seq += 1
        line = {"seq": self._seq, "at": self._now(), "kind": kind, **_presentable(facts)}
        self._lines.append(line)
        self._changes.publish(line["at"], "traffic", line)

    def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the lines after that sequence number, oldest first."""
        return [line for line in self._lines if line["seq"] > since]


def _presentable(value: Any) -> Any:  # noqa: ANN401 -- JSON values
    if isinstance(value, dict):
        return {k: "…" if k in _SECRET else _presentable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_presentable(v) for v in value]
    if isinstance(value, str) and len(value) > LONGEST_STRING:
        return value[:LONGEST_STRING] + "…"
    return value
