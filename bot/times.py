"""When a command is to be carried out: `at sat 02:00`, `in 3h for 2h`, `window 02:00-05:00`.

And how long after something else: `rollback after 72h`. Pure: now and the zone are the caller's.
Days and times of day are the group's; durations are elapsed time, and a day of one is 24 hours.
Where no day is said, the next time is meant that is not over. Nothing is guessed: where the clocks
leave a time out, or show it twice, every moment that can be meant is named with its offset from
UTC and how to write it. How the words are written is in `bot.time_words`; what becomes of an
appointment does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.local_time import WallTime, moments, written
from bot.time_words import (
    AHEAD,
    HOW,
    CalendarWords,
    Days,
    Reader,
    TimeUnclear,
    duration,
    is_duration,
)
from bot.views.format import code, span
from engine.model import Appointment
from engine.zoned import offset_text, said

APPOINTING = ("at", "in", "window")
"""The words that an appointment begins with."""

SHORTEST_WINDOW = timedelta(minutes=30)
"""A guess: about what one failover takes, with the looks before and after it. A group that lives
faster says so in its policy."""

LONGEST_WINDOW = timedelta(hours=24)
"""A guess: what is open for longer is no window, and more likely a slip."""

_HALF_YEAR = timedelta(days=183)
_DAY = timedelta(days=1)


def appointment(
    words: Sequence[str],
    place: int,
    *,
    now: datetime,
    zone: str,
    understood: str,
    shortest: timedelta = SHORTEST_WINDOW,
) -> tuple[Appointment, int]:
    """Read what begins at a place in the words with one of `APPOINTING`; also how many they are.

    Of a window that is open already, the start is now. `for 2h` behind a moment makes a window.

    Args:
        words: a command's, without HTML's escapes.
        place: where the first word of the appointment is.
        now: the time, aware.
        zone: the group's, as in its settings.
        understood: what was read before, for a mistake.
        shortest: a window that is shorter is refused.

    Raises:
        TimeUnclear: it is no time, one that is past or too far, or one that must be asked about.
    """
    reader, now = Reader(words, place, understood), now.astimezone(UTC)
    keyword = reader.take()
    if keyword == "in":
        start, until = now + duration(reader), None
    else:
        start, until = _Calendar(reader, keyword, now, ZoneInfo(zone), shortest).read()
    if reader.next.lower() == "for":
        until = start + _length(reader, keyword, shortest)
    return Appointment(start, until, reader.taken, zone), reader.count


def moment(
    words: Sequence[str],
    place: int,
    *,
    now: datetime,
    zone: str,
    understood: str,
    begun: datetime | None = None,
) -> tuple[datetime, int]:
    """Read `from fri 18:00`, `until mon 06:00`, `in 3h` or `for 2h`; also how many words that is.

    Args:
        words: a command's, without HTML's escapes.
        place: where the first word of it is.
        now: the time, aware.
        zone: in which days and times of day are meant.
        understood: what was read before, for a mistake.
        begun: when that begins of which it is the end; None where it begins now.

    Raises:
        TimeUnclear: it is no time, one that is not to come, or one that must be asked about.
    """
    reader, now = Reader(words, place, understood), now.astimezone(UTC)
    keyword, after = reader.take(), (begun or now).astimezone(UTC)
    if keyword in ("in", "for"):
        return after + duration(reader), reader.count
    spoken = now if begun is not None else None
    return _Calendar(reader, keyword, after, ZoneInfo(zone), spoken=spoken).read()[0], reader.count


def _length(reader: Reader, keyword: str, shortest: timedelta) -> timedelta:
    """Read `for 2h`, how long a moment's window is."""
    before = reader.taken
    if keyword == "window":
        raise reader.unclear("not `for`: a window says its end; leave one of both out")
    reader.take()
    length = duration(reader)
    for limit, beyond, word in _limits(length, shortest):
        if beyond:
            right = code(f"{before} for {_in_letters(limit)}")
            raise reader.unclear(
                f"that lasts {span(length)}, and a window lasts at {word} {span(limit)}; write "
                f"{right}"
            )
    return length


def _limits(length: timedelta, shortest: timedelta) -> tuple[tuple[timedelta, bool, str], ...]:
    """Return the limits of a window, whether it is beyond each, and of which kind that is."""
    return (
        (shortest, length < shortest, "least"),
        (LONGEST_WINDOW, length > LONGEST_WINDOW, "most"),
    )


def _in_letters(length: timedelta) -> str:
    """Return a duration as a command takes it, rounded up."""
    seconds = -(-length // timedelta(seconds=1))
    if seconds % 3600 == 0:
        return f"{seconds // 3600}h"
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def after(words: Sequence[str], place: int, *, understood: str) -> tuple[timedelta, int]:
    """Read `rollback after 72h`, or `after 72h` alone; also how many words that are.

    Raises:
        TimeUnclear: it is no duration, or one that is too long.
    """
    reader = Reader(words, place, understood)
    first = reader.take()
    if first != "after" and reader.take() != "after":
        right = f"{first} after 72h"
        raise Reader(words, place, understood).unclear(f"not after how long; write `{right}`")
    return duration(reader), reader.count


@dataclass(frozen=True)
class _Meaning:
    """One moment that the words can mean, or one window."""

    start: datetime
    until: datetime | None

    @property
    def last(self) -> datetime:
        return self.until or self.start


@dataclass(frozen=True)
class _Calendar:
    """Finds what an `at` or a `window` means, a `from` or an `until`.

    Of the end of what is still to come `now` is its beginning, and `spoken` when that was said.
    """

    reader: Reader
    keyword: str
    now: datetime
    zone: ZoneInfo
    shortest: timedelta = SHORTEST_WINDOW
    spoken: datetime | None = None

    def read(self) -> tuple[datetime, datetime | None]:
        """Return when it begins and when it ends."""
        spoken = self.spoken.astimezone(self.zone).date() if self.spoken else None
        words = CalendarWords(
            self.reader, self.keyword, self._today, str(self.zone), self._names(), spoken
        )
        days, walls = words.days(), words.walls()
        self._check_distance(days, walls)
        meant, whys = self._first_to_come(days, walls)
        if not meant:
            raise self._refused("it ends before it begins", days, walls)
        if all(one.last <= self.now for one in meant):
            raise self._past(days, walls)
        if whys:
            raise self._question(meant, whys, days, walls)
        self._check(meant[0], days, walls)
        start, until = meant[0].start, meant[0].until
        return max(start, self.now) if until else start, until

    @property
    def _today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def _names(self) -> dict[str, str]:
        months = [(self.now + n * 30 * _DAY).astimezone(self.zone) for n in range(13)]
        return {
            (month.tzname() or "").upper(): offset_text(month.utcoffset() or timedelta())
            for month in months
        }

    def _first_to_come(
        self, days: Days, walls: Sequence[WallTime]
    ) -> tuple[list[_Meaning], list[str]]:
        """Return all that is meant on the first day where not all is over, else on the last."""
        found = self._meanings(days.days[0], walls)
        for day in days.days[1:]:
            if any(one.last > self.now for one in found[0]):
                break
            found = self._meanings(day, walls)
        return found

    def _meanings(self, day: date, walls: Sequence[WallTime]) -> tuple[list[_Meaning], list[str]]:
        """Return what is meant if it begins on a day, and why that is not one thing."""
        starts, why = moments(day, walls[0], self.zone)
        if len(walls) == 1:
            return [_Meaning(start, None) for start in starts], [why] if why else []
        meant, whys = list[_Meaning](), {why: None}
        for start in starts:
            ends, why = self._ends(day, start, walls)
            meant += [_Meaning(start, until) for until in ends if until > start]
            whys[why] = None
        return meant, [why for why in whys if why]

    def _ends(
        self, day: date, start: datetime, walls: Sequence[WallTime]
    ) -> tuple[tuple[datetime, ...], str]:
        begin, end = walls
        if end.clock > begin.clock:
            return moments(day, end, self.zone)
        # Where the clocks go back, 02:45 and then 02:15 can be half an hour of one night.
        same_day, why = moments(day, end, self.zone)
        same_day = tuple(one for one in same_day if one > start)
        if same_day and not why:
            return same_day, ""
        next_day, unclear = moments(day + _DAY, end, self.zone)
        return (*same_day, *next_day), (why if same_day else unclear)

    # ........................................................................ what is refused

    def _check_distance(self, days: Days, walls: Sequence[WallTime]) -> None:
        """Refuse a date that is far off, before anything is reckoned with it."""
        if days.days[-1] < self._today - 2 * _DAY:
            raise self._past(days, walls)
        if days.days[0] > self._today + AHEAD + _DAY:
            raise self._refused("that is more than a year ahead", days, walls)

    def _past(self, days: Days, walls: Sequence[WallTime]) -> TimeUnclear:
        why = f"that has passed: it is {self._said(self.now)} now"
        if self.spoken is not None:
            why = f"that is not after the beginning, {self._said(self.now)}"
        return self._refused(why, days, walls)

    def _refused(self, why: str, days: Days, walls: Sequence[WallTime]) -> TimeUnclear:
        nearest = next(self._nearest(days, walls), "")
        return self.reader.unclear(f"{why}; {f'write `{nearest}`' if nearest else self._how}")

    @property
    def _how(self) -> str:
        return HOW[self.keyword]

    def _question(
        self, meant: Sequence[_Meaning], whys: Sequence[str], days: Days, walls: Sequence[WallTime]
    ) -> TimeUnclear:
        ways = [
            f"`{self._written(one)}` for {self._shown(one)}" for one in meant if self._fits(one)
        ]
        if not ways:
            return self._refused(_joined(whys), days, walls)
        return self.reader.unclear(f"{_joined(whys)}: write {', or '.join(ways)}")

    def _check(self, only: _Meaning, days: Days, walls: Sequence[WallTime]) -> None:
        if only.start > self.now + AHEAD:
            raise self._refused("that is more than a year ahead", days, walls)
        if only.until is None:
            return
        length = only.until - only.start
        for limit, beyond, word in _limits(length, self.shortest):
            if beyond:
                right = replace(only, until=only.start + limit)
                how = f"write `{self._written(right)}`" if self._fits(right) else self._how
                raise self.reader.unclear(
                    f"that lasts {span(length)}, and a window lasts at {word} {span(limit)}; {how}"
                )
        if only.until - self.now < self.shortest:
            left = f"that ends in {span(only.until - self.now)}"
            raise self._refused(f"{left}, and {span(self.shortest)} are needed", days, walls)

    def _fits(self, one: _Meaning) -> bool:
        if one.start > self.now + AHEAD:
            return False
        if one.until is None:
            return one.start > self.now
        left = one.until - max(one.start, self.now)
        return left >= self.shortest and one.until - one.start <= LONGEST_WINDOW

    # ........................................................................ what is offered

    def _nearest(self, days: Days, walls: Sequence[WallTime]) -> Iterator[str]:
        """Yield right spellings of the same time on other days, the likeliest first."""
        bare = [WallTime(wall.clock) for wall in walls]
        for day in (*self._same_date(days.days[0]), *self._coming(days)):
            meant, whys = self._meanings(day, bare)
            if not whys and meant and meant[0].start > self.now and self._fits(meant[0]):
                yield self._written(meant[0])

    def _same_date(self, day: date) -> Iterator[date]:
        """Yield the date in the years at hand, where a wrong year was the likely slip."""
        if abs(day - self._today) > _HALF_YEAR:
            for year in (self._today.year, self._today.year + 1):
                if (day.month, day.day) != (2, 29):
                    yield day.replace(year=year)

    def _coming(self, days: Days) -> Iterator[date]:
        for n in range(15):
            day = self._today + n * _DAY
            if days.step == 1 or day.weekday() == days.days[0].weekday():
                yield day

    def _written(self, one: _Meaning) -> str:
        start = written(one.start, self.zone)
        if one.until is None:
            return f"{self.keyword} {start}{self._length_said}"
        end = written(one.until, self.zone, day=False)
        dash = " - " if "UTC" in start + end else "-"
        return f"window {start}{dash}{end}"

    @property
    def _length_said(self) -> str:
        """What stands behind a moment and makes it a window: it is meant of each way out, too."""
        if self.keyword != "at":
            return ""
        word, _, length = self.reader.ahead.partition(" ")
        length = length.partition(" ")[0]
        return f" for {length.lower()}" if word.lower() == "for" and is_duration(length) else ""

    def _shown(self, one: _Meaning) -> str:
        if one.until is None:
            return self._said(one.start)
        length = span(one.until - one.start)
        return f"{self._said(one.start)} to {self._said(one.until)}, {length}"

    def _said(self, moment: datetime) -> str:
        return said(moment, str(self.zone))


def _joined(whys: Sequence[str]) -> str:
    """Join what is wrong with a beginning and an end, and say only once what is wrong with both."""
    first, *rest = whys
    if rest and first.partition(" ")[2] == rest[0].partition(" ")[2]:
        return f"{first}; it is the same with {rest[0].partition(' ')[0]}"
    return ", and ".join(whys)
