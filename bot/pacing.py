"""How often Slack may be told something: posts by channel, edits by workspace.

Whoever asks is told to go or how long to wait; nobody sleeps here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from engine.ports import Clock

# Slack asks for about one post a second and channel, and 50 edits a minute in all.
POST_INTERVAL = timedelta(seconds=1)
EDIT_INTERVAL = timedelta(seconds=3)
EDIT_INTERVAL_PER_RUN = timedelta(seconds=1.3)


@dataclass
class Pace:
    """One budget of edits for the workspace, and one of posts for each channel."""

    clock: Clock
    post_interval: timedelta
    edit_interval: timedelta
    edit_interval_per_run: timedelta
    next_edit: float = float("-inf")
    next_post: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)

    def take_post(self, channel: str) -> float:
        """Return 0 and take the turn, or the seconds until there is one."""
        now = self.clock.monotonic()
        if wait := _left(self.next_post.get(channel, now), now):
            return wait
        self.next_post[channel] = now + self.post_interval.total_seconds()
        return 0

    def take_edit(self, run: str, rank: int, live_runs: int) -> float:
        """Return 0 and take the turn, or the seconds until it makes sense to ask again.

        The lowest rank of all runs that wait goes first (gates), then who has waited longest.
        """
        self.waiting[run] = rank
        now = self.clock.monotonic()
        if wait := _left(self.next_edit, now):
            return wait
        interval = max(self.edit_interval, self.edit_interval_per_run * live_runs).total_seconds()
        first = min(self.waiting, key=lambda one: self.waiting[one])
        if first != run:
            return interval
        del self.waiting[run]
        self.next_edit = now + interval
        return 0

    def withdraw(self, run: str) -> None:
        """A run that does not wait (any more) is in nobody's way."""
        self.waiting.pop(run, None)


def _left(until: float, now: float) -> float:
    """Return the seconds until then; less than a `timedelta` can say is none."""
    return wait if (wait := until - now) >= timedelta.resolution.total_seconds() else 0.0
