"""What Slack refuses for now is tried again later, and keeps nothing else back meanwhile.

Slack may refuse one method for long while it takes all others. A post that is due must not wait
for an edit, nor for an emoji, and nobody sleeps in a call that Slack has asked us not to make.
What is given up for good, and what must wait for what, is decided where it is said.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.calls import Trouble
from bot.pacing import Turns
from bot.standing import concerns_all
from engine.ports import Clock

log = structlog.get_logger(__name__)


class Later:
    """Knows what was refused, and from when on it may be tried again.

    It forgets with the process: then everything is tried at once, and refused again.

    Args:
        clock: for the pauses.
        turns: what Slack asked all callers of a method to wait; None where nobody shares that.
        first: the first pause after a refusal; it doubles.
        longest: the longest of them; a `Retry-After` may be longer.
    """

    def __init__(
        self, clock: Clock, turns: Turns | None, first: timedelta, longest: timedelta
    ) -> None:
        self._clock = clock
        self._turns = turns
        self._first = first
        self._longest = longest
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def wait(self, what: str, *methods: str) -> float:
        """Return the seconds until something may be tried with these methods; 0 is now."""
        return max(self._left(what), *(self.held(method) for method in methods), 0.0)

    def held(self, method: str) -> float:
        """Return the seconds for which Slack asked not to be asked with a method."""
        shared = self._turns.held(method) if self._turns is not None else 0.0
        return max(self._left(method), shared)

    def refused(self, what: str, trouble: Trouble, *, method: str = "") -> None:
        """Put something off; where Slack named a time, everything else with that method too."""
        failures = self._failures.get(what, 0)
        self._failures[what] = failures + 1
        pause = min(self._first * float(2 ** min(failures, 16)), self._longest)
        wait = max(pause.total_seconds(), trouble.retry_after or 0)
        self._put_off(what, wait)
        if method and trouble.retry_after:
            self._put_off(method, trouble.retry_after)
        if not concerns_all(trouble.error):  # that is told once, for all runs
            log.warning("put off", what=what, error=trouble.error, again_in_s=wait)

    def leave(self, what: str, wait: timedelta) -> None:
        """Put something off that was not refused, but is not due."""
        self._put_off(what, wait.total_seconds())

    def done(self, what: str) -> None:
        """It was done, or is let go."""
        self._failures.pop(what, None)
        self._not_before.pop(what, None)

    def _put_off(self, what: str, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        self._not_before[what] = max(until, self._not_before.get(what, float("-inf")))

    def _left(self, what: str) -> float:
        left = self._not_before.get(what, float("-inf")) - self._clock.monotonic()
        return left if left >= timedelta.resolution.total_seconds() else 0.0
