"""Who can be reached now: time zones, do-not-disturb and the house's quiet hours.

For people to read, and to know whom to call; nothing is decided by it, so that an answer that did
not come is "not known" and stops nothing. It never forbids a vote.

Question: when is somebody asleep? Answer: where they have do-not-disturb hours in Slack, those say
so, and they count alone; where they have none, the house's quiet hours in their own time zone do.
Given up: presence. Slack's "active" says that a client is open, not that somebody reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import PeopleUnreadable
from engine.ports import Clock, Person, Reach

MOST_ASKED = 12
"""Persons asked about at a time, in two calls each: more would not fit into a message. A guess."""

WITHIN_S = 8.0
"""Seconds for all answers together, waiting for their turn (`bot.pacing`) included: a gate does not
open later for it. A guess."""

LIFE = timedelta(minutes=5)
"""How long an answer is remembered: quiet hours change by hand, and rarely. A guess."""


@dataclass(frozen=True)
class QuietHours:
    """From one time of day to another, in anybody's own time zone; it may go over midnight."""

    begin: time
    end: time

    @classmethod
    def read(cls, text: str) -> QuietHours | None:
        """Return the hours of `22:00-07:00`, or None for "".

        Raises:
            ValueError: it is neither.
        """
        if not text:
            return None
        first, dash, last = text.partition("-")
        try:
            hours = cls(_time_of_day(first), _time_of_day(last))
        except ValueError as error:
            raise ValueError(f"{text!r} are no quiet hours; write 22:00-07:00") from error
        if not dash or hours.begin == hours.end:
            raise ValueError(f"{text!r} are no quiet hours; write 22:00-07:00")
        return hours

    def hold(self, local: datetime) -> bool:
        """Tell whether it is quiet at a moment of somebody's own time."""
        now = local.time()
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def over(self, local: datetime) -> datetime:
        """Return when hours that hold now are over, by the clock on that person's wall."""
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        return datetime.combine(day, self.end, tzinfo=local.tzinfo).astimezone(UTC)


def _time_of_day(text: str) -> time:
    return datetime.strptime(text.strip(), "%H:%M").replace(tzinfo=UTC).time()


@dataclass(frozen=True)
class DoNotDisturb:
    """What `dnd.info` says: a person's own hours, and when the present or next ones are."""

    enabled: bool
    begin: datetime
    end: datetime


def standing(
    zone: str, dnd: DoNotDisturb | None, now: datetime, quiet: QuietHours | None
) -> tuple[str, str, datetime | None]:
    """Return state, local time and end of quiet hours; see engine.ports.Reach. Pure.

    Args:
        zone: the person's time zone as Slack names it; "" where it did not.
        dnd: what Slack says of their do-not-disturb hours; None where it did not.
        now: the present moment.
        quiet: the house's quiet hours, for who has none of their own; None for none.
    """
    local = _local(zone, now)
    shown = f"{local:%H:%M}" if local else ""
    if dnd is None:
        return "unknown", shown, None
    if dnd.enabled:
        asleep = dnd.begin <= now < dnd.end
        return ("quiet", shown, dnd.end) if asleep else ("awake", shown, None)
    if quiet is None:
        return "awake", shown, None
    if local is None:
        return "unknown", shown, None
    return ("quiet", shown, quiet.over(local)) if quiet.hold(local) else ("awake", shown, None)


def _local(zone: str, now: datetime) -> datetime | None:
    try:
        return now.astimezone(ZoneInfo(zone)) if zone else None
    except (KeyError, ValueError, OSError):
        return None


Ask = Callable[[str], Awaitable[Mapping[str, Any]]]


class Reachability:
    """Asks Slack who can be reached, within bounds.

    Args:
        clock: the time.
        person: asks who somebody is; see engine.ports.People.
        dnd: asks `dnd.info` about somebody; raises PeopleUnreadable.
        quiet: the house's quiet hours; None for none.
    """

    def __init__(
        self,
        clock: Clock,
        person: Callable[[str], Awaitable[Person]],
        dnd: Ask,
        quiet: QuietHours | None,
    ) -> None:
        self._clock = clock
        self._person = person
        self._dnd = dnd
        self._quiet = quiet
        self._known: dict[str, tuple[float, Person, DoNotDisturb | None]] = {}

    async def of(self, people: Mapping[str, Collection[str]]) -> list[Reach]:
        """Return how these persons can be reached, by their ids with their roles. Never raises.

        Who may not vote at all is left out.
        """
        users = sorted(people)
        asking = {user: asyncio.ensure_future(self._look(user)) for user in users[:MOST_ASKED]}
        if not asking:
            return []
        try:
            await asyncio.wait(asking.values(), timeout=WITHIN_S)
        finally:
            for task in asking.values():
                task.cancel()
        await asyncio.wait(asking.values())
        found = [self._reach(user, frozenset(people[user])) for user in users]
        return [one for one in found if one is not None]

    def _reach(self, user: str, roles: frozenset[str]) -> Reach | None:
        _, person, dnd = self._known.get(user, (0.0, Person(user, user, timezone=""), None))
        if person.unfit:
            return None
        state, local, until = standing(person.timezone, dnd, self._clock.now(), self._quiet)
        return Reach(user, person.name, roles, state, local, until)

    async def _look(self, user: str) -> None:
        now = self._clock.monotonic()
        known = self._known.get(user)
        if known is not None and now - known[0] <= LIFE.total_seconds():
            return
        self._known.pop(user, None)
        try:
            person = await self._person(user)
        except PeopleUnreadable:
            return
        dnd = await self._hours_of(user)
        # What was not said is asked for again the next time.
        since = now if dnd is not None else float("-inf")
        self._known[user] = (since, person, dnd)

    async def _hours_of(self, user: str) -> DoNotDisturb | None:
        try:
            answer = await self._dnd(user)
            begin, end = int(answer["next_dnd_start_ts"]), int(answer["next_dnd_end_ts"])
            return DoNotDisturb(
                bool(answer["dnd_enabled"]),
                datetime.fromtimestamp(begin, UTC),
                datetime.fromtimestamp(end, UTC),
            )
        except (PeopleUnreadable, LookupError, TypeError, ValueError, OSError, OverflowError):
            return None
