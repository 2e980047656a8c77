"""How times are written in a command: durations, days, times of day, and what is wrong with others.

A small strict grammar of our own. Pure, and without any arithmetic of zones: which moments the
words mean is in `bot.times`. What is not in the grammar gets a sentence that says what was read,
what was not, and how to write it; near misses like `2am` are told their right spelling, not taken.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.local_time import WallTime
from bot.views.format import code
from engine.zoned import WEEKDAYS

AHEAD = timedelta(days=366)
"""Nothing is appointed later than this: a year, also over a leap day. A guess: no take lives so
long, and a later date is a slip of the year."""

_DAY = timedelta(days=1)

_WEEKDAY = {short: n for n, name in enumerate(WEEKDAYS) for short in (name[:3], name)}
_NEAR = {"today": 0, "tomorrow": 1}

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OTHER_DAY = re.compile(r"[0-9]{1,4}([./-])[0-9]{1,2}\1[0-9]{0,4}")
_WALL = r"((?:[01][0-9]|2[0-3]):[0-5][0-9])(?: ?(UTC[+-][0-9]{1,2}(?::[0-5][0-9])?))?"
_AT = re.compile(rf"{_WALL}(?= |$)", re.IGNORECASE)
# Some keyboards make a longer dash of the one that was typed.
_SPAN = re.compile(rf"{_WALL} ?[-\u2013] ?{_WALL}(?= |$)", re.IGNORECASE)
_SPOKEN = re.compile(rf"{_WALL} (?:to|until|till|and) {_WALL}(?= |$)", re.IGNORECASE)
_SIDES = ((1, 2), (3, 4))
_OFFSET = re.compile(r"UTC([+-])([0-9]{1,2})(?::([0-9]{2}))?", re.IGNORECASE)
_OTHER_OFFSET = re.compile(r"[+-][0-9]{1,2}(:?[0-9]{2})?|(UTC|GMT)([+-].*)?|Z", re.IGNORECASE)
_DURATION = re.compile(
    r"(?=[0-9])(?:([0-9]{1,7})d)?(?:([0-9]{1,7})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?"
)
_LOOSE_CLOCK = re.compile(r"([0-9]{1,2})(?:[:.h]?([0-9]{2}))?(?::[0-9]{2})?(?:([ap])\.?m\.?)?")
_HALF = re.compile(r"[ap]\.?m\.?", re.IGNORECASE)
_SECONDS = re.compile(r"(?::[0-9]{2}(?:\.[0-9]+)?)?")
_LOOSE_DURATION = re.compile(r"([0-9]{1,5})(?:\.([0-9]))?([a-z]*)")
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
# What a tenth of each unit is, in the next smaller one.
_TENTHS = {"d": (2.4, "h"), "h": (6, "m"), "m": (6, "s")}

_MOST_WORDS = 5
"""No time has more after its day: `01:30 UTC-5 - 03:00 UTC-5`."""

HOW = {
    "at": "write it like `at 02:00`, `at sat 02:00`, `at tomorrow 02:00` or `at 2026-12-24 02:00`",
    "window": "write it like `window 02:00-05:00`, `window sat 22:00-02:00` or "
    "`window 2026-12-24 22:00-02:00`",
}
_HOW_LONG = "write it like `90m`, `3h`, `1h30m` or `2d`"
HOW |= {word: HOW["at"].replace("`at ", f"`{word} ") for word in ("from", "until")}
_SHORT = {"at": "02:00", "window": "02:00-05:00", "from": "02:00", "until": "02:00"}


class TimeUnclear(Exception):
    """The words say no time, or more than one; the message is finished mrkdwn, like a mistake's."""


class Reader:
    """A command's words from a place on, and how many of them were read."""

    def __init__(self, words: Sequence[str], place: int, understood: str) -> None:
        self._words, self._understood = words[place:], understood
        self.count = 0

    @property
    def taken(self) -> str:
        """What was read, as it was said."""
        return " ".join(self._words[: self.count])

    @property
    def next(self) -> str:
        """The next word, or ""."""
        return self._words[self.count] if self.count < len(self._words) else ""

    @property
    def ahead(self) -> str:
        """As many words from here on as a time can have."""
        return " ".join(self._words[self.count : self.count + _MOST_WORDS])

    def take(self) -> str:
        """Return the next word as it is compared: in small letters."""
        word = self.next.lower()
        self.count += 1
        return word

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take the words that a pattern matches, if it does."""
        found = pattern.match(self.ahead)
        if found:
            self.count += len(found[0].split())
        return found

    def unclear(self, what: str) -> TimeUnclear:
        """Return what to say of words that cannot be taken."""
        understood = f"{self._understood} {self.taken}".strip()
        return TimeUnclear(f"I understood {code(understood)}, but {what}.")


def duration(reader: Reader) -> timedelta:
    """Read `3h`, `90m`, `2d` or `1h30m`.

    Raises:
        TimeUnclear: it is no duration, none at all, or one of more than `AHEAD`.
    """
    before, word = reader.taken.lower(), reader.next
    if not word:
        raise reader.unclear(f"not how long; {_HOW_LONG}")
    length = _length(word.lower())
    if length is None:
        right = _how_it_is_meant(reader.ahead.lower(), before)
        raise reader.unclear(f"{code(word, 80)} is no duration; {right}")
    reader.take()
    if _DURATION.fullmatch(reader.next.lower()):
        raise reader.unclear(f"not {code(reader.next, 80)}; a duration is one word, like `1h30m`")
    if not length:
        raise reader.unclear(f"that is no time at all; {_HOW_LONG}")
    if length > AHEAD:
        raise reader.unclear(f"that is more than a year; write at most `{before} {AHEAD.days}d`")
    return length


def is_duration(word: str) -> bool:
    """Say whether a word is written as a duration is, how long ever that is."""
    return _DURATION.fullmatch(word.lower()) is not None


def keyword_left_out(words: Sequence[str]) -> str:
    """Return the `at` or `window` that is missing before a day or a time of day; else "".

    Also before a near miss like `2am`: how that is written is told with the word before it.
    """
    low = words[0].lower() if words else ""
    day = low in _WEEKDAY or low in _NEAR or _ISO_DAY.fullmatch(low) is not None
    if _SPAN.match(" ".join(words[1:] if day else words)):
        return "window"
    low += words[1].lower() if len(words) > 1 and _HALF.fullmatch(words[1]) else ""
    return "at" if day or (_clock_meant(low) and not low.isdecimal()) else ""


def duration_meant(text: str) -> str:
    """Return the duration at the beginning of a text as it is written right, like `3h`.

    "" where it is none, or one that is not taken.
    """
    first, _, rest = text.lower().partition(" ")
    found = _LOOSE_DURATION.fullmatch(first)
    right = first
    if found:
        whole, tenths, unit = int(found[1]), found[2], _UNITS.get(found[3] or rest.split(" ")[0])
        right = f"{whole}{unit}"
        if tenths and unit in _TENTHS:
            factor, smaller = _TENTHS[unit]
            larger = f"{whole}{unit}" if whole else ""
            right = f"{larger}{round(int(tenths) * factor)}{smaller}"
        elif tenths:
            return ""
    length = _length(right)
    return right if length and length <= AHEAD else ""


def _length(word: str) -> timedelta | None:
    """Return how long a duration is; None where it is not written as one is."""
    found = _DURATION.fullmatch(word)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _how_it_is_meant(text: str, before: str) -> str:
    """Return what to write for `3 hours`, `1.5h` or `3`, or how any duration is written."""
    if right := duration_meant(text):
        return f"write `{before} {right}`"
    number, unit, *_ = [*text.split(" "), ""]
    if number.isdecimal() and unit not in _UNITS:
        return f"say of what, like `{before} {duration_meant(f'{number}h') or '1h'}`"
    return _HOW_LONG


@dataclass(frozen=True)
class Days:
    """The days that may be meant, earliest first; `step` is how many days lie between two."""

    days: tuple[date, ...]
    step: int = 1


@dataclass(frozen=True)
class CalendarWords:
    """Reads a day and a time of day, or two.

    Attributes:
        reader: the words, read as far as `keyword`.
        keyword: "at", "from", "until" or "window".
        today: the day in the zone from which on days are looked for.
        zone: its name, for mistakes.
        names: what its clocks call themselves through the year, like CET, and which offset that
            is, like UTC+1; for mistakes too.
        spoken: the day that is meant by `today`, where it is another one.
    """

    reader: Reader
    keyword: str
    today: date
    zone: str
    names: Mapping[str, str]
    spoken: date | None = None

    def days(self) -> Days:
        """Read the day, if one is said; yesterday's window may still be open.

        Raises:
            TimeUnclear: it is none.
        """
        reader, word = self.reader, self.reader.next.lower()
        if not word:
            raise reader.unclear(f"not when; {HOW[self.keyword]}")
        around = [self.today + n * _DAY for n in range(-1, 9)]
        if word in _WEEKDAY:
            reader.take()
            return Days(tuple(day for day in around if day.weekday() == _WEEKDAY[word]), 7)
        if word in _NEAR:
            reader.take()
            return Days(((self.spoken or self.today) + _NEAR[word] * _DAY,))
        if _ISO_DAY.fullmatch(word):
            return Days((self._date(word),))
        if _ISO_DAY.fullmatch(word[:10]) and word[10:11] == "t":
            raise reader.unclear(self._one_word(word))
        if _OTHER_DAY.fullmatch(word):
            raise reader.unclear(f"{code(word, 80)} is no day; write it like `2026-12-24`")
        if word[0].isalpha():
            close = difflib.get_close_matches(word, [*_WEEKDAY, *_NEAR], n=1)
            right = f"write `{self.keyword} {close[0]} {self._short}`" if close else self._how
            raise reader.unclear(f"{code(word, 80)} is no day; {right}")
        return Days(tuple(around))

    def walls(self) -> tuple[WallTime, ...]:
        """Read the time of day, or the window's beginning and end.

        Raises:
            TimeUnclear: it is none.
        """
        reader, so_far = self.reader, self.reader.taken.lower()
        if not reader.next:
            raise reader.unclear(f"not at what time; write it like `{so_far} {self._short}`")
        both = _SPAN.match(reader.ahead)
        half = both and _HALF.fullmatch(reader.ahead[both.end() :].strip().partition(" ")[0])
        if both and half:
            raise reader.unclear(f"not {code(f'{both[0]} {half[0]}')}; {self._halves}")
        if both and self.keyword == "at":
            right = f"window{so_far.removeprefix('at')} {both[0]}"
            raise reader.unclear(f"{code(both[0])} has an end; write {code(right)}")
        found = reader.match(_SPAN if self.keyword == "window" else _AT)
        if not found:
            raise reader.unclear(self._wrong_time(so_far))
        self._check_next()
        parts = found.groups()
        return tuple(
            WallTime(time.fromisoformat(clock), _offset(offset))
            for clock, offset in zip(parts[::2], parts[1::2], strict=True)
        )

    @property
    def _how(self) -> str:
        return HOW[self.keyword]

    @property
    def _short(self) -> str:
        return _SHORT[self.keyword]

    def _date(self, word: str) -> date:
        try:
            day = date.fromisoformat(word)
        except ValueError as error:
            raise self.reader.unclear(f"there is no day {code(word)}") from error
        self.reader.take()
        return day

    def _one_word(self, word: str) -> str:
        """Return what to say of `2026-12-24T02:00`: no offset or half of the day is left out."""
        next_word = self.reader.ahead.partition(" ")[2].partition(" ")[0]
        clock = word[11:16] if self.keyword != "window" and _AT.match(word[11:16]) else self._short
        right = f"day and time are two words, like `{self.keyword} {word[:10]} {clock}`"
        if self._is_zone(next_word) or (word[16:] and not _SECONDS.fullmatch(word[16:])):
            right = f"day and time are two words, and {self._offsets}"
        elif _HALF.fullmatch(next_word):
            right = f"day and time are two words; {self._how}"
        return f"not {code(self.reader.next, 80)}; {right}"

    def _near_miss(self, so_far: str) -> str:
        """Return what to say of `2:00`, `2 pm` or `2am tomorrow`; "" where no clock is meant.

        What stands behind it belongs to it: the time is another one without its half of the day,
        its day or its offset, so none of them is left out of what to write.
        """
        word, *rest = self.reader.ahead.split()
        if rest and _HALF.fullmatch(rest[0]):
            word = f"{word} {rest.pop(0)}"
        clock, behind = _clock_meant(word.lower().replace(" ", "")), [*rest, ""][0]
        if not clock or self.keyword == "window":
            # Also `14 pm` is said back whole.
            return f"{code(word, 80)} is no time of day; {self._how}" if " " in word else ""
        if self._is_day(behind.lower()):
            right = f"{self.keyword} {behind.lower()} {clock}" if so_far == self.keyword else ""
            how = f"write `{right}`" if right else self._how
        elif _OFFSET.fullmatch(behind):
            how = f"write `{so_far} {clock} {behind.upper()}`"
        elif self._is_zone(behind):
            return f"not {code(f'{word} {behind}', 80)}; {self._offsets}"
        else:
            how = f"write `{so_far} {clock}`"
        return f"{code(word, 80)} is no time of day; {how}"

    def _wrong_time(self, so_far: str) -> str:
        word, begin = self.reader.next, _AT.match(self.reader.ahead)
        if found := _SPOKEN.match(self.reader.ahead) or begin:
            behind = self.reader.ahead[found.end() :].split()
            if behind and _HALF.fullmatch(behind[0]):
                return f"not {code(f'{found[0]} {behind[0]}', 80)}; {self._halves}"
        if spoken := _SPOKEN.match(self.reader.ahead):
            first, last = (" ".join(part for part in spoken.group(*two) if part) for two in _SIDES)
            return f"not {code(spoken[0])}; write `{so_far} {first} - {last}`"
        if begin:
            end = datetime.combine(self.today, time.fromisoformat(begin[1])) + timedelta(hours=3)
            return f"not when it ends; write it like `{so_far} {begin[1]}-{end:%H:%M}`"
        if self.keyword == "window" and word.endswith("-24:00"):
            clock = _clock_meant(word.removesuffix("-24:00").lower())
            how = f"write {code(f'{so_far} {clock}-00:00')}" if clock else self._how
            return f"not {code(word, 80)}; the end of a day is `00:00`, {how}"
        if so_far == self.keyword and _DURATION.fullmatch(word.lower()):
            length = duration_meant(word)
            how = f"write `{'for' if self.keyword == 'until' else 'in'} {length}`"
            how = how if length else self._how
            return f"{code(word, 80)} is a duration; {how}"
        if near := self._near_miss(so_far):
            return near
        if _AT.match(word[:5]):
            return f"not {code(word, 80)}; {self._offsets}"
        return f"{code(word, 80)} is no time of day; {self._how}"

    def _check_next(self) -> None:
        """Refuse a word that belongs to the time, and is not understood behind it."""
        reader, word = self.reader, self.reader.next.lower()
        if self._is_day(word):
            first, *rest = reader.taken.lower().split()
            right = f"write `{first} {word} {rest[0]}`" if len(rest) == 1 else self._how
            raise reader.unclear(f"the day {code(word)} stands before the time; {right}")
        if _HALF.fullmatch(word):
            *so_far, last = reader.taken.lower().split()
            clock = _clock_meant(f"{last}{word}") if self.keyword != "window" else ""
            how = f"write `{' '.join(so_far)} {clock}`" if clock else self._halves
            raise reader.unclear(f"not {code(reader.next, 80)}; {how}")
        if self._is_zone(word):
            raise reader.unclear(f"not {code(reader.next, 80)}; {self._offsets}")

    def _is_day(self, word: str) -> bool:
        return word in _WEEKDAY or word in _NEAR or _ISO_DAY.fullmatch(word) is not None

    def _is_zone(self, word: str) -> bool:
        return _OTHER_OFFSET.fullmatch(word) is not None or word.upper() in self.names

    @property
    def _halves(self) -> str:
        return f"the hours of a day are counted from 00 to 23: {self._how}"

    @property
    def _offsets(self) -> str:
        there = " or ".join(
            f"`{offset}` ({name})" if name.isalpha() else f"`{offset}`"
            for name, offset in self.names.items()
        )
        return (
            f"times are those of {self.zone}: write it as it is there, and alone; only behind a "
            f"time that comes twice the offset is said, written like {there}"
        )


def _offset(text: str | None) -> timedelta | None:
    found = _OFFSET.fullmatch(text or "")
    if not found:
        return None
    length = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return -length if found[1] == "-" else length


def _clock_meant(word: str) -> str:
    """Return `02:00` for `2:00`, `2am`, `0200` or `2.00`, or "" where nothing like it was said."""
    found = _LOOSE_CLOCK.fullmatch(word)
    if not found:
        return ""
    hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
    if half and not 1 <= hour <= 12:
        return ""
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else ""
