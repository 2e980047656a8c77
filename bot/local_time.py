"""What a clock on the wall says in a zone: which moments it means, and a moment as people say it.

Pure. Twice a year a time of day comes twice, or not at all. Which of them a person meant is never
guessed here: `moments` returns all of them, and says why they are not exactly one. The words of a
command do not belong here; see `bot.times`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Not strftime: what that prints depends on the locale of the process.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class WallTime:
    """A time of day in some zone; the offset from UTC says which of two is meant, None neither."""

    clock: time
    offset: timedelta | None = None


def moments(day: date, wall: WallTime, zone: ZoneInfo) -> tuple[tuple[datetime, ...], str]:
    """Return the moments, in UTC, that a time of day can mean, and why that is not clear, or "".

    Of a time that the clocks leave out these are the last minute before and the first after it.
    """
    local = datetime.combine(day, wall.clock)
    early, late = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    here = f"{wall.clock:%H:%M}"
    if early.astimezone(zone).replace(tzinfo=None) != local:
        change = _change(early, late, zone)
        forward = f"does not exist on {_date(local)} in {zone}, where the clocks go forward"
        return (change - _MINUTE, change), f"{here} {forward} {_turned(change, zone)}"
    found = (early,) if early == late else (early, late)
    if wall.offset is not None:
        meant = tuple(one for one in found if _offset(one, zone) == wall.offset)
        if meant:
            return meant, ""
        offsets = " and ".join(offset_text(_offset(one, zone)) for one in found)
        return found, (
            f"at {here} on {_date(local)} the clocks of {zone} are at {offsets}, not at "
            f"{offset_text(wall.offset)}"
        )
    if early == late:
        return found, ""
    back = f"comes twice on {_date(local)} in {zone}, where the clocks go back"
    return found, f"{here} {back} {_turned(_change(early, late, zone), zone)}"


def said(moment: datetime, zone: str) -> str:
    """Return a moment for people there, like `Sat 28 Nov 02:00 CET (UTC+1)`."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{_date(local)} {_clock(local)}"


def for_everyone(moment: datetime, zone: str) -> str:
    """Return a moment that Slack shows each reader in their own time, and as `said` elsewhere."""
    at = int(moment.timestamp())
    return f"<!date^{at}^{{date_short_pretty}} {{time}}|{said(moment, zone)}>"


def written(moment: datetime, zone: ZoneInfo, *, day: bool = True) -> str:
    """Return a moment as a command takes it, with the offset only where the time comes twice."""
    local = moment.astimezone(zone).replace(second=0, microsecond=0)
    _, unclear = moments(local.date(), WallTime(local.time()), zone)
    offset = f" {offset_text(_offset(moment, zone))}" if unclear else ""
    return f"{f'{local.date()} ' if day else ''}{local:%H:%M}{offset}"


def offset_text(offset: timedelta) -> str:
    """Return an offset as it is said and written: `UTC+2`, `UTC-3`, `UTC+10:30`."""
    hours, minutes = divmod(abs(round(offset.total_seconds() / 60)), 60)
    sign = "-" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}:{minutes:02}" if minutes else f"UTC{sign}{hours}"


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks change that do so between two moments."""
    former = _offset(before, zone)
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        before, after = (middle, after) if _offset(middle, zone) == former else (before, middle)
    return after.replace(microsecond=0)


def _turned(change: datetime, zone: ZoneInfo) -> str:
    """Say from what to what the clocks go, like `from 03:00 CEST to 02:00 CET`."""
    before, after = (change - _MINUTE).astimezone(zone), change.astimezone(zone)
    return f"from {_clock(before, before + _MINUTE)} to {_clock(after)}"


def _clock(local: datetime, hands: datetime | None = None) -> str:
    """Return `02:00 CET (UTC+1)`; `hands` is what the clock shows where that is no time of it."""
    name, offset = local.tzname() or "", offset_text(local.utcoffset() or timedelta())
    # Some zones have no letters of their own, only `-03`.
    named = f"{name} ({offset})" if name.isalpha() and name != "UTC" else offset
    shown = "UTC" if name == "UTC" else named
    return f"{hands or local:%H:%M} {shown}"


def _date(local: datetime) -> str:
    weekday = WEEKDAYS[local.weekday()][:3].capitalize()
    return f"{weekday} {local.day} {_MONTHS[local.month - 1]}"


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
