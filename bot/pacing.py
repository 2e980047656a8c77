"""How often Slack may be asked and told: one budget for every run of this process.

`Pace` is about what people read: who may post or edit next; it answers at once, and nobody sleeps
in it. `Turns` is about Slack's limits: every call of every client waits there for its turn, so
that no method is called more often than its tier allows, whoever calls it, and so that a
`Retry-After` is heeded by all and not only by the call that met it.

Source: docs.slack.dev/apis/web-api/rate-limits. Tiers are per method, app and workspace; other
processes of the same app are not counted here, and what they use up is met as a `Retry-After`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from engine.ports import Clock

# Slack asks for about one post a second and channel, and 50 edits a minute in all.
POST_INTERVAL = timedelta(seconds=1)
EDIT_INTERVAL = timedelta(seconds=3)
EDIT_INTERVAL_PER_RUN = timedelta(seconds=1.3)

CALLS_A_MINUTE = 50
"""What a method of Slack's third tier allows; the other tiers are taken in proportion to it."""

GATE = 0
"""The rank of an edit that people wait for; everything else has a higher one."""


@dataclass
class Pace:
    """One budget of edits for the workspace, and one of posts for each channel.

    Two edits are `edit_interval_per_run` apart, whichever runs they belong to. Two edits of one
    run are further apart: `edit_interval`, and for what nobody decides on also so far that each
    run gets its turn.
    """

    clock: Clock
    post_interval: timedelta
    edit_interval: timedelta
    edit_interval_per_run: timedelta
    next_edit: float = float("-inf")
    next_post: dict[str, float] = field(default_factory=dict)
    next_of: dict[str, tuple[float, float]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)

    def take_post(self, channel: str) -> float:
        """Return 0 and take the turn, or the seconds until there is one."""
        now = self.clock.monotonic()
        if wait := _left(self.next_post.get(channel, now), now):
            return wait
        self.next_post[channel] = now + self.post_interval.total_seconds()
        return 0

    def take_edit(self, run: str, rank: int, live_runs: int) -> float:
        """Return 0 and take the turn, or the seconds until it makes sense to ask again.

        Of all runs that wait and may go, the lowest rank goes first (gates), then who has waited
        longest.
        """
        self.waiting[run] = rank
        now = self.clock.monotonic()
        if wait := max(_left(self.next_edit, now), self._of(run, now)):
            return wait
        here = [one for one in self.waiting if one == run or one not in self.away]
        ready = [one for one in here if not self._of(one, now)]
        if min(ready, key=lambda one: self.waiting[one]) != run:
            return max(self.edit_interval_per_run.total_seconds(), _SHORTEST_S)
        del self.waiting[run]
        apart = self.edit_interval_per_run.total_seconds()
        own = self.edit_interval.total_seconds()
        self.next_edit = now + apart
        self.next_of[run] = (now + own, now + max(own, apart * live_runs))
        return 0

    def _of(self, run: str, now: float) -> float:
        """Return the seconds until this run may edit again, by what it waits with."""
        gate, other = self.next_of.get(run, (now, now))
        return _left(gate if self.waiting[run] == GATE else other, now)

    @contextmanager
    def aside(self, run: str) -> Iterator[None]:
        """Meanwhile a run does something else, for who knows how long, and keeps its place in line.

        Whoever waits for it would wait for what Slack refuses that run.
        """
        self.away.add(run)
        try:
            yield
        finally:
            self.away.discard(run)

    def withdraw(self, run: str) -> None:
        """A run that does not wait (any more) is in nobody's way."""
        self.waiting.pop(run, None)


_SHORTEST_S = 0.05
"""Between two questions for a turn that another has, where edits need no distance at all."""


def _left(until: float, now: float) -> float:
    """Return the seconds until then; less than a `timedelta` can say is none."""
    return wait if (wait := until - now) >= timedelta.resolution.total_seconds() else 0.0


# ------------------------------------------------------------------------------ Slack's limits


@dataclass(frozen=True)
class Rate:
    """So many calls at once, and so many a minute in the long run: never more than both in one."""

    burst: int
    per_minute: float


# A fifth of what a tier allows may come at once, four fifths follow over the minute: so that in
# no minute, wherever it begins, there are more calls than the tier allows.
TIER_2 = Rate(4, 16)
TIER_3 = Rate(10, 40)
TIER_4 = Rate(20, 80)
# `Pace` keeps edits 1.3 s apart already; a burst of them does not happen.
EDITS = Rate(3, 47)
# One a second and channel, "short bursts" more: two is careful.
POSTS = Rate(2, 60)

RATES: Mapping[str, Rate] = {
    "auth.test": TIER_4,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": POSTS,
    "chat.update": EDITS,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "dnd.info": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "reactions.add": TIER_3,
    "reactions.get": TIER_3,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.update": TIER_4,
}
"""What is not named is not limited here; its `Retry-After` is heeded all the same."""


class Turns:
    """Gives each call its turn, in the order in which they were asked for."""

    def __init__(self, clock: Clock, calls_a_minute: float = CALLS_A_MINUTE) -> None:
        self._clock = clock
        self._share = calls_a_minute / CALLS_A_MINUTE
        self._next: dict[tuple[str, str], float] = {}
        self._held: dict[str, float] = {}

    async def take(self, method: str, channel: str = "") -> None:
        """Return when this method may be called.

        Args:
            method: by its name in Slack's documents.
            channel: where to; only posts have a limit for each channel.
        """
        if wait := self._reserved(method, channel if method == "chat.postMessage" else ""):
            await self._clock.sleep(timedelta(seconds=wait))
        while wait := self.held(method):
            await self._clock.sleep(timedelta(seconds=wait))

    def hold(self, method: str, seconds: float) -> None:
        """Slack said `Retry-After`: nobody calls this method before that."""
        until = self._clock.monotonic() + seconds
        self._held[method] = max(until, self._held.get(method, float("-inf")))

    def held(self, method: str) -> float:
        """Return the seconds for which Slack said that this method is not to be called; 0 is now.

        For who has something else to do than to wait.
        """
        return _left(self._held.get(method, float("-inf")), self._clock.monotonic())

    def _reserved(self, method: str, channel: str) -> float:
        """Take the next place in a method's line, and return the seconds until it comes."""
        rate = RATES.get(method)
        if rate is None:
            return 0
        now = self._clock.monotonic()
        apart = 60 / (rate.per_minute * self._share)
        place = max(now, self._next.get((method, channel), now))
        self._next[method, channel] = place + apart
        return _left(place - (rate.burst - 1) * apart, now)
