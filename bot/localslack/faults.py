"""Faults that a test or a scenario asks for: what goes wrong next, and how often.

The server asks here before it answers or delivers; nothing goes wrong by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = frozenset(
    {
        "rate_limit",
        "server_error",
        "slow",
        "disconnect",
        "duplicate_envelope",
        "lose_ack",
        "drop_event",
        "double_event",
        "late_event",
        "outage",
        "silent",
        "revoke_token",
        "refuse_connection",
        "lose_response",
        "lose_request",
        "clear",
    }
)

# What can happen to the event that one act causes: lost, sent a second time, sent late.
OF_EVENTS = frozenset({"drop_event", "double_event", "late_event"})

# These happen when they are asked for; the others wait for their occasion.
_AT_ONCE = frozenset({"disconnect", "revoke_token", "silent"})


@dataclass
class Fault:
    """One planned fault.

    Attributes:
        left: how many times it still happens.
        seconds: how long, for those that last; or the `Retry-After` of a rate limit.
        method: the only Web API method concerned, or None for all.
        details: what else the kind knows, such as `reason` of a disconnect.
    """

    kind: str
    left: int
    seconds: float
    method: str | None
    details: dict[str, Any]


class Faults:
    """The faults that are still to come."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._planned: list[Fault] = []
        self._outage_ends = 0.0

    def plan(self, asked: dict[str, Any]) -> Fault:
        """Add a fault from its description.

        Raises:
            Refused: `unknown_fault` with the kinds that there are.
        """
        kind = str(asked.get("kind"))
        if kind not in KINDS:
            raise Refused("unknown_fault", known=sorted(KINDS))
        known = {"kind", "n", "seconds", "method"}
        fault = Fault(
            kind,
            left=int(asked.get("n", 1)),
            seconds=float(asked.get("seconds", 1)),
            method=asked.get("method"),
            details={k: v for k, v in asked.items() if k not in known},
        )
        if kind == "clear":
            self._planned.clear()
            self._outage_ends = 0.0
        elif kind == "outage":
            self._outage_ends = self._now() + fault.seconds
        elif kind not in _AT_ONCE:
            self._planned.append(fault)
        return fault

    def forget(self, fault: Fault) -> bool:
        """Take back a planned fault; say whether it was still to come."""
        if fault not in self._planned:
            return False
        self._planned.remove(fault)
        return True

    def take(self, kind: str, method: str | None = None) -> Fault | None:
        """Return a fault of that kind if one is due here, used up by one."""
        for fault in self._planned:
            if fault.kind == kind and fault.method in (None, method):
                fault.left -= 1
                if fault.left <= 0:
                    self._planned.remove(fault)
                return fault
        return None

    @property
    def is_out(self) -> bool:
        """Say whether Slack is down altogether."""
        return self._now() < self._outage_ends
