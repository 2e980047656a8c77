"""How the windows of a group are written in the settings: `sat 02:00-05:00`, `daily 01:00-04:00`.

A day, days from one to another, or `daily`; then a time of day and another one, which is on the
next day where it is not later. What is open when that says is decided in `engine.windows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.config.mistakes import nearest
from engine.policy import Span
from engine.windows import DAY, WEEK, merged

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY = "daily"

_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
# Some keyboards make a longer dash of the one that was typed.
_TIMES = re.compile(rf"{_CLOCK} ?[-\u2013] ?{_CLOCK}")

_HOW = "write it like 'sat 02:00-05:00', 'mon-thu 22:00-02:00' or 'daily 01:00-04:00'"


def read_windows(texts: Sequence[str]) -> tuple[Span, ...]:
    """Return the parts of every week that are written; what overlaps or adjoins is one.

    Raises:
        ValueError: one is no window, or they leave no time out.
    """
    spans = merged(span for text in texts for span in _spans(text))
    if any(end - begin >= WEEK for begin, end in spans):
        raise ValueError("these leave no time out; write [] where it may be any time")
    return spans


def refuse_too_short(texts: Sequence[str], shortest: timedelta) -> None:
    """Refuse windows in which nothing may be ordered.

    Raises:
        ValueError: one is shorter than the shortest that is taken, with all that adjoins it.
    """
    for begin, end in read_windows(texts):
        length = timedelta(minutes=end - begin)
        if length < shortest:
            day, clock = DAYS[begin // DAY], f"{begin % DAY // 60:02}:{begin % 60:02}"
            raise ValueError(
                f"the window of {day} {clock} lasts {_minutes(length)}, and shortest_window is "
                f"{_minutes(shortest)}"
            )


def _spans(text: str) -> Iterator[Span]:
    days, _, times = " ".join(text.lower().split()).partition(" ")
    named = _days(days, text)
    found = _TIMES.fullmatch(times)
    if not found:
        midnight = "; the end of a day is 00:00" if "24:" in times else ""
        raise ValueError(f"{text!r} is no window; {_HOW}{midnight}")
    first, minute, last, other = (int(part) for part in found.groups())
    begin, end = first * 60 + minute, last * 60 + other
    if begin == end:
        raise ValueError(
            f"{text!r} is empty, or longer than a window may be; a whole day is two: "
            f"'{days} 00:00-12:00' and '{days} 12:00-00:00'"
        )
    length = (end - begin) % DAY
    for day in named:
        yield day * DAY + begin, day * DAY + begin + length


def _days(word: str, text: str) -> list[int]:
    """Return the numbers of the days that are named, Monday's is 0."""
    if word == DAILY:
        return list(range(len(DAYS)))
    if not word or word[0].isdigit():
        raise ValueError(f"{text!r} does not say on which days; {_HOW}")
    first, _, last = word.replace("\u2013", "-").partition("-")
    for day in (first, last or first):
        if day not in DAYS:
            raise ValueError(
                f"{text!r} names no day that is known: {day!r}{nearest(day, [*DAYS, DAILY])}"
            )
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [(begin + n) % len(DAYS) for n in range((end - begin) % len(DAYS) + 1)]


def _minutes(length: timedelta) -> str:
    return f"{length.total_seconds() / 60:g} min"
