"""Whose night it is: time zones, daylight saving, do-not-disturb and the house's quiet hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reach import DoNotDisturb, QuietHours, standing

NIGHT = QuietHours.read("22:00-07:00")
NOON = QuietHours.read("12:00-13:30")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def none_of_their_own() -> DoNotDisturb:
    return DoNotDisturb(enabled=False, begin=at("1970-01-01"), end=at("1970-01-01"))


@pytest.mark.parametrize(
    ("zone", "now", "state", "local", "until"),
    [
        ("Europe/Berlin", "2026-01-15 20:59", "awake", "21:59", None),
        ("Europe/Berlin", "2026-01-15 21:00", "quiet", "22:00", "2026-01-16 06:00"),
        ("Europe/Berlin", "2026-01-16 05:59", "quiet", "06:59", "2026-01-16 06:00"),
        ("Europe/Berlin", "2026-01-16 06:00", "awake", "07:00", None),
        ("America/New_York", "2026-01-16 06:00", "quiet", "01:00", "2026-01-16 12:00"),
        ("Asia/Kolkata", "2026-01-16 06:00", "awake", "11:30", None),
        # The clocks go forward at 01:00 UTC: that night is an hour shorter.
        ("Europe/Berlin", "2026-03-28 22:00", "quiet", "23:00", "2026-03-29 05:00"),
        # They go back: 02:30 comes twice, and the night is an hour longer.
        ("Europe/Berlin", "2026-10-25 00:30", "quiet", "02:30", "2026-10-25 06:00"),
        ("Europe/Berlin", "2026-10-25 01:30", "quiet", "02:30", "2026-10-25 06:00"),
    ],
)
def test_quiet_hours_are_those_on_the_persons_own_wall(zone, now, state, local, until):
    expected = (state, local, at(until) if until else None)

    assert standing(zone, none_of_their_own(), at(now), NIGHT) == expected


def test_quiet_hours_within_one_day():
    assert standing("UTC", none_of_their_own(), at("2026-01-15 12:00"), NOON)[0] == "quiet"
    assert standing("UTC", none_of_their_own(), at("2026-01-15 13:30"), NOON)[0] == "awake"


def test_hours_of_their_own_count_alone():
    until = at("2026-01-15 11:00")
    sleeps_by_day = DoNotDisturb(enabled=True, begin=at("2026-01-15 03:00"), end=until)

    by_day = standing("Europe/Berlin", sleeps_by_day, at("2026-01-15 10:00"), NIGHT)
    by_night = standing("Europe/Berlin", sleeps_by_day, at("2026-01-15 02:00"), NIGHT)

    assert by_day == ("quiet", "11:00", until)
    assert by_night == ("awake", "03:00", None)


@pytest.mark.parametrize(
    ("zone", "dnd", "quiet", "state"),
    [
        ("Europe/Berlin", None, NIGHT, "unknown"),
        ("", none_of_their_own(), NIGHT, "unknown"),
        ("Mars/Olympus", none_of_their_own(), NIGHT, "unknown"),
        ("../etc", none_of_their_own(), NIGHT, "unknown"),
        ("Europe/Berlin", none_of_their_own(), None, "awake"),
    ],
)
def test_what_slack_did_not_say_is_not_known(zone, dnd, quiet, state):
    assert standing(zone, dnd, at("2026-01-15 02:00"), quiet)[0] == state


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)),  # noqa: DTZ001 -- in UTC a line later
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]),
)
def test_when_quiet_hours_end_they_have_just_ended_whatever_the_clocks_do(now, zone):
    state, _, until = standing(zone, none_of_their_own(), now, NIGHT)

    if state == "quiet":
        assert until is not None
        assert now < until <= now + timedelta(hours=10)
        assert until.astimezone(ZoneInfo(zone)).strftime("%H:%M") == "07:00"
        assert standing(zone, none_of_their_own(), until, NIGHT)[0] == "awake"


@pytest.mark.parametrize("text", ["22-07", "22:00", "25:00-07:00", "22:00-22:00", "night"])
def test_what_are_no_hours_is_refused(text):
    with pytest.raises(ValueError, match="no quiet hours"):
        QuietHours.read(text)


def test_no_quiet_hours_are_none():
    assert QuietHours.read("") is None
