"""Which moments a clock on the wall means in a zone, and how a command says a moment.

Pure. Twice a year a time of day comes twice, or not at all. Which of them a person meant is never
guessed here: `moments` returns all of them, and says why they are not exactly one. The words of a
command do not belong here; see `bot.times`. A moment as people say it is in `engine.zoned`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.zoned import clock_text, date_text, offset_text, said

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
        forward = f"does not exist on {date_text(local)} in {zone}, where the clocks go forward"
        return (change - _MINUTE, change), f"{here} {forward} {_turned(change, zone)}"
    found = (early,) if early == late else (early, late)
    if wall.offset is not None:
        meant = tuple(one for one in found if _offset(one, zone) == wall.offset)
        if meant:
            return meant, ""
        offsets = " and ".join(offset_text(_offset(one, zone)) for one in found)
        return found, (
            f"at {here} on {date_text(local)} the clocks of {zone} are at {offsets}, not at "
            f"{offset_text(wall.offset)}"
        )
    if early == late:
        return found, ""
    back = f"comes twice on {date_text(local)} in {zone}, where the clocks go back"
    return found, f"{here} {back} {_turned(_change(early, late, zone), zone)}"


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
    return f"from {clock_text(before, before + _MINUTE)} to {clock_text(after)}"


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
