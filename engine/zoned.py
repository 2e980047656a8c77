"""A moment as the clocks of a time zone show it, like `Sat 28 Nov 02:00 CET (UTC+1)`.

And how long something lasts. Pure; every surface says a moment in this form. Which moments the
words of a person mean does not belong here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

# Not strftime: what that prints depends on the locale of the process.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def said(moment: datetime, zone: str) -> str:
    """Return a moment for people there; in UTC where this machine knows no such zone."""
    local = moment.astimezone(zone_named(zone))
    return f"{date_text(local)} {clock_text(local)}"


def clock_text(local: datetime, hands: datetime | None = None) -> str:
    """Return `02:00 CET (UTC+1)`; `hands` is what the clock shows where that is no time of it."""
    name, offset = local.tzname() or "", offset_text(local.utcoffset() or timedelta())
    # Some zones have no letters of their own, only `-03`.
    named = f"{name} ({offset})" if name.isalpha() and name != "UTC" else offset
    shown = "UTC" if name == "UTC" else named
    return f"{hands or local:%H:%M} {shown}"


def date_text(local: datetime) -> str:
    """Return `Sat 28 Nov`."""
    weekday = WEEKDAYS[local.weekday()][:3].capitalize()
    return f"{weekday} {local.day} {_MONTHS[local.month - 1]}"


def offset_text(offset: timedelta) -> str:
    """Return an offset as it is said and written: `UTC+2`, `UTC-3`, `UTC+10:30`."""
    hours, minutes = divmod(abs(round(offset.total_seconds() / 60)), 60)
    sign = "-" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}:{minutes:02}" if minutes else f"UTC{sign}{hours}"


def lasting(duration: timedelta) -> str:
    """Return a duration in full minutes, like `3 h 05 min` or `40 min`."""
    minutes = int(duration.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def zone_named(name: str) -> tzinfo:
    """Return a time zone; UTC where this machine knows none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
