"""When the group's clocks show a time twice next, for whoever orders something for then."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

PLACEHOLDER = "{overlap}"
"""Stands for that time in what somebody types."""

ZONE = "Europe/Berlin"
"""The group's, where two such moments are never more than a year apart."""


def next_overlap(now: datetime) -> str:
    """Return the next local time that is shown twice, as commands read it: `2027-10-31 02:30`."""
    zone, day = ZoneInfo(ZONE), now.astimezone(ZoneInfo(ZONE))
    while True:
        day += timedelta(days=1)
        twice = day.replace(hour=2, minute=30, second=0, microsecond=0, tzinfo=zone)
        first, again = (twice.replace(fold=fold).timestamp() for fold in (0, 1))
        if again > first:
            return f"{twice:%Y-%m-%d %H:%M}"
