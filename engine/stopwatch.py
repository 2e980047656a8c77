"""How long ago something in a journal was, whatever was done to the wall clock since.

Question: records carry the wall clock, which may be stepped by minutes or hours (a time server
after an outage, a person), and differ between machines. The monotonic clock steps never, but
stands still while its machine is suspended, and says nothing about another process. Which of them
tells how long ago a moment was? Answer: it depends on what a mistake would cost.

- A wait before an act is over when we are sure (`at_least`): that much time has passed since this
  very process first knew of the moment. After a restart such a wait begins anew.
- A right has run out as soon as one of the clocks says so (`latest`), and what was written since
  is such a clock: the order of a journal tells of steps back that the present wall hides. Where the
  wall was set back after a moment, by a later record or by what it shows when a process first reads
  of it, nobody knows how long ago it was: then every right that began at it has run out.
- In between lies what is most probably so (`about`), for limits: the wall clock tells how long
  ago it was when this process first knew of it, the monotonic one tells the rest.

What waits for how long is decided elsewhere. Nothing in here survives its process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.ports import Clock

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far a moment may lie in the future and still mean now: two machines' clocks differ. A guess:
machines that keep time differ by less than a second."""

NEVER_SO_LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _Known:
    """What was known of a moment when this process first knew of it.

    Attributes:
        since: when that was, by the monotonic clock.
        away: how long ago the moment was by the wall clock; less than nothing in the future.
        oldest: how long ago it was by whatever tells the most; None where nobody knows.
    """

    since: float
    away: timedelta
    oldest: timedelta | None


class Stopwatch:
    """Remembers, for one run in one process, when it first knew of each moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[datetime, _Known] = {}
        self._ours: set[datetime] = set()

    def stamp(self, moment: datetime) -> None:
        """Take a moment that this process read off its own wall clock just now.

        However the wall is stepped until the record of it is durable: it was no other time.
        """
        self._ours.add(moment)

    def see(self, moment: datetime) -> None:
        """Begin to measure from a moment, as soon as it is written."""
        self.read([moment])

    def read(self, moments: Sequence[datetime]) -> None:
        """Begin to measure from all moments of a journal, in the order in which it was written."""
        now, since = self._clock.now(), self._clock.monotonic()
        later, oldest = now, timedelta(0)
        was_set_back = False
        for moment in reversed(moments):
            ours = moment in self._ours
            passed = timedelta(0) if ours else later - moment
            was_set_back = was_set_back or passed < -CLOCKS_DIFFER
            oldest += max(passed, timedelta(0))
            later = moment
            away = timedelta(0) if ours else now - moment
            known = _Known(since, away, None if was_set_back else oldest)
            self._known.setdefault(moment, known)
            self._ours.discard(moment)

    def at_least(self, moment: datetime) -> timedelta:
        """Return how much time has surely passed since a moment."""
        self.see(moment)
        return timedelta(seconds=self._clock.monotonic() - self._known[moment].since)

    def about(self, moment: datetime) -> timedelta:
        """Return how much time has most probably passed since a moment; never less than none."""
        surely = self.at_least(moment)
        return surely + max(self._known[moment].away, timedelta(0))

    def latest(self, moment: datetime) -> datetime:
        """Return the latest that it can be now, reckoned from a moment that has been."""
        surely, oldest = self.at_least(moment), self._known[moment].oldest
        if oldest is None:
            return NEVER_SO_LATE
        return max(moment + surely + oldest, self._clock.now())
