"""Whether the bot waited when Slack told it to: read from the traffic, not from what it says.

Slack's `Retry-After` is for a method, whoever calls it; a caller that did not meet it must heed it
as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

UNDER_WAY_S = 0.5
"""Seconds after a refusal in which a call may still come that was sent before it was read."""


def refused_for_rate(traffic: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the method of each call that was refused for its rate, in order."""
    return [str(line["method"]) for line in traffic if _waits_s(line)]


def impatient(traffic: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which calls came before the time that Slack had named for their method."""
    told = []
    until: dict[str, tuple[float, float]] = {}
    for line in traffic:
        if line.get("kind") != "api":
            continue
        method, at = str(line["method"]), float(line["at"])
        since, end = until.get(method, (0.0, 0.0))
        if since + UNDER_WAY_S < at < end:
            told.append(f"{method} was called {end - at:.1f} s before its time")
        if wait := _waits_s(line):
            until[method] = (at, at + wait)
    return told


def _waits_s(line: Mapping[str, Any]) -> float:
    return float(line.get("retry_after") or 0) if line.get("kind") == "api" else 0.0
