"""The times in a command: what they mean in each zone, and that nothing in them is guessed."""

import re
import string
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local_time import for_everyone, written
from bot.time_words import AHEAD, TimeUnclear
from bot.times import (
    APPOINTING,
    LONGEST_WINDOW,
    SHORTEST_WINDOW,
    after,
    appointment,
)
from engine.model import Appointment
from engine.zoned import said

BERLIN, LONDON, NEW_YORK = "Europe/Berlin", "Europe/London", "America/New_York"
SAO_PAULO, LORD_HOWE = "America/Sao_Paulo", "Australia/Lord_Howe"
ZONES = (BERLIN, LONDON, NEW_YORK, SAO_PAULO, LORD_HOWE, "UTC", "America/Santiago", "Asia/Kolkata")

# A Saturday evening; in Berlin it is 19:30.
NOW = "2026-11-28 18:30"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(text: str, now: str = NOW, zone: str = BERLIN) -> tuple[Appointment, int]:
    return appointment(text.split(), 0, now=utc(now), zone=zone, understood="install site-1 a.tgz")


def unclear(text: str, now: str = NOW, zone: str = BERLIN) -> str:
    with pytest.raises(TimeUnclear) as raised:
        read(text, now, zone)
    return str(raised.value)


def offered(told: str) -> list[str]:
    """Return what a mistake says to write; `like` is only an example."""
    return re.findall(r"(?:write|, or) `((?:at|in|window) [^`]*)`", told)


def window_of(text: str) -> tuple[datetime, datetime | None]:
    found, count = read(text)
    assert (found.said, count) == (text, len(text.split()))
    return found.start, found.until


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc", "", "Europe"])
def test_a_moment_in_a_zone_that_is_none_is_said_in_utc(zone):
    assert said(utc("2026-11-28 04:00"), zone) == "Sat 28 Nov 04:00 UTC"
    assert said(utc("2026-11-28 04:00"), BERLIN) == "Sat 28 Nov 05:00 CET (UTC+1)"


def test_a_moment_may_be_a_window_of_some_length():
    assert window_of("at 02:00 for 3h") == (utc("2026-11-29 01:00"), utc("2026-11-29 04:00"))
    assert window_of("in 3h FOR 90m") == (utc("2026-11-28 21:30"), utc("2026-11-28 23:00"))


def test_where_a_moment_is_asked_about_its_length_stands_in_each_way_out():
    told = unclear("at 2026-10-25 02:30 for 90m", now="2026-10-20 10:00")
    assert offered(told) == [
        "at 2026-10-25 02:30 UTC+2 for 90m",
        "at 2026-10-25 02:30 UTC+1 for 90m",
    ]


def test_a_day_by_the_hands_of_a_clock_that_goes_forward_is_an_hour_less():
    found, _ = read("at 2027-03-27 12:00 for 24h")
    assert found.until == utc("2027-03-28 11:00")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("in 3h for", "but not how long"),
        ("in 3h for ever", "`ever` is no duration"),
        ("in 3h for 10m", "and a window lasts at least 30 min; write `in 3h for 30m`"),
        ("at 02:00 for 2d", "lasts at most 24 h 0 min; write `at 02:00 for 24h`"),
        ("window 02:00-05:00 for 3h", "but not `for`: a window says its end"),
    ],
)
def test_a_length_is_read_as_strictly_as_a_window(text, told):
    assert told in unclear(text)


@pytest.mark.parametrize("text", ["in 60s for 20s", "at 19:31 for 20s", "window 19:31-19:32"])
def test_a_group_that_lives_faster_has_shorter_windows(text):
    found, _ = appointment(
        text.split(),
        0,
        now=utc(NOW),
        zone=BERLIN,
        understood="",
        shortest=timedelta(seconds=20),
    )
    assert found.start == utc("2026-11-28 18:31")
    with pytest.raises(TimeUnclear):
        read(text)


# ----------------------------------------------------------------------------- what is meant


@pytest.mark.parametrize(
    ("text", "zone", "now", "start"),
    [
        ("at 02:00", BERLIN, NOW, "2026-11-29 01:00"),
        ("at 19:31", BERLIN, NOW, "2026-11-28 18:31"),
        ("at 19:30", BERLIN, NOW, "2026-11-29 18:30"),  # that minute is not to come any more
        ("at sat 02:00", BERLIN, NOW, "2026-12-05 01:00"),
        ("at sat 23:00", BERLIN, NOW, "2026-11-28 22:00"),
        ("at saturday 02:00", BERLIN, NOW, "2026-12-05 01:00"),
        ("AT Sunday 02:00", BERLIN, NOW, "2026-11-29 01:00"),
        ("at fri 20:00", BERLIN, NOW, "2026-12-04 19:00"),
        ("at tomorrow 02:00", BERLIN, NOW, "2026-11-29 01:00"),
        ("at today 23:59", BERLIN, NOW, "2026-11-28 22:59"),
        ("at 2026-12-24 02:00", BERLIN, NOW, "2026-12-24 01:00"),
        # The day is the group's: in Berlin it is Sunday already, in New York still Saturday.
        ("at tomorrow 02:00", BERLIN, "2026-11-28 23:30", "2026-11-30 01:00"),
        ("at tomorrow 02:00", NEW_YORK, "2026-11-28 23:30", "2026-11-29 07:00"),
        ("at sun 02:00", LORD_HOWE, "2026-11-28 18:30", "2026-12-05 15:00"),
        # Summer is another offset, and Sao Paulo has none any more.
        ("at 2027-07-01 02:00", BERLIN, NOW, "2027-07-01 00:00"),
        ("at 2027-07-01 02:00", LONDON, NOW, "2027-07-01 01:00"),
        ("at 2027-07-01 02:00", NEW_YORK, NOW, "2027-07-01 06:00"),
        ("at 2027-07-01 02:00", SAO_PAULO, NOW, "2027-07-01 05:00"),
        ("at 2027-01-01 02:00", SAO_PAULO, NOW, "2027-01-01 05:00"),
        ("at 2027-07-01 02:00", LORD_HOWE, NOW, "2027-06-30 15:30"),
        # Ends of years, and leap days.
        ("at 00:30", BERLIN, "2026-12-31 20:00", "2026-12-31 23:30"),
        ("at tomorrow 12:00", NEW_YORK, "2026-12-31 20:00", "2027-01-01 17:00"),
        ("at 12:00", BERLIN, "2028-02-28 12:00", "2028-02-29 11:00"),
        ("at 2028-02-29 02:00", BERLIN, "2027-06-01 12:00", "2028-02-29 01:00"),
        ("at 2028-11-28 02:00", BERLIN, "2027-11-28 12:00", "2028-11-28 01:00"),
        # In front of a change, behind it, and in it with an offset.
        ("at 2026-10-25 01:59", BERLIN, "2026-10-24 12:00", "2026-10-24 23:59"),
        ("at 2026-10-25 02:30 UTC+2", BERLIN, "2026-10-24 12:00", "2026-10-25 00:30"),
        ("at 2026-10-25 02:30 UTC+1", BERLIN, "2026-10-24 12:00", "2026-10-25 01:30"),
        ("at 02:30UTC+1", BERLIN, "2026-10-24 22:00", "2026-10-25 01:30"),
        ("at 2026-10-25 03:00", BERLIN, "2026-10-24 12:00", "2026-10-25 02:00"),
        ("at 2026-10-25 01:30 UTC+0", LONDON, "2026-10-24 12:00", "2026-10-25 01:30"),
        ("at sun 01:30 utc-4", NEW_YORK, "2026-10-31 12:00", "2026-11-01 05:30"),
        ("at sun 01:30 UTC-5", NEW_YORK, "2026-10-31 12:00", "2026-11-01 06:30"),
        ("at sun 01:45 UTC+10:30", LORD_HOWE, "2026-04-04 01:00", "2026-04-04 15:15"),
        ("at 2027-03-28 03:00", BERLIN, NOW, "2027-03-28 01:00"),
        # Its first 02:30 is over, and so is all of it: the next day's is meant.
        ("at 02:30", BERLIN, "2026-10-25 01:30", "2026-10-26 01:30"),
    ],
)
def test_a_time_of_day_is_the_next_such_moment_in_the_groups_zone(text, zone, now, start):
    found, count = read(text, now, zone)

    assert (found.start, found.until) == (utc(start), None)
    assert (found.said, found.zone, count) == (text, zone, len(text.split()))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("3h", timedelta(hours=3)),
        ("90m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1D2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("366d", timedelta(days=366)),
    ],
)
@pytest.mark.parametrize("now", [NOW, "2026-10-24 22:30", "2027-03-27 22:30"])
def test_a_duration_is_elapsed_time_also_where_the_clocks_change(text, length, now):
    assert read(f"in {text}", now)[0].start == utc(now) + length
    assert after(["after", text], 0, understood="x") == (length, 2)
    assert after(["rollback", "after", text], 0, understood="x") == (length, 3)


@pytest.mark.parametrize(
    ("text", "zone", "now", "start", "until"),
    [
        ("window 02:00-05:00", BERLIN, NOW, "2026-11-29 01:00", "2026-11-29 04:00"),
        ("window sat 02:00-05:00", BERLIN, NOW, "2026-12-05 01:00", "2026-12-05 04:00"),
        ("window sat 02:00 - 05:00", BERLIN, NOW, "2026-12-05 01:00", "2026-12-05 04:00"),
        ("window sat 02:00\u201305:00", BERLIN, NOW, "2026-12-05 01:00", "2026-12-05 04:00"),
        ("window 2026-12-24 22:00-02:00", BERLIN, NOW, "2026-12-24 21:00", "2026-12-25 01:00"),
        ("window 2026-12-31 22:00-02:00", BERLIN, NOW, "2026-12-31 21:00", "2027-01-01 01:00"),
        (
            "window 2028-02-28 23:00-01:00", LONDON, "2028-01-01", "2028-02-28 23:00",
            "2028-02-29 01:00",
        ),
        ("window tomorrow 20:00-20:00", BERLIN, NOW, "2026-11-29 19:00", "2026-11-30 19:00"),
        # Under way: it begins now, also if it began yesterday.
        ("window 18:00-20:30", BERLIN, NOW, NOW, "2026-11-28 19:30"),
        ("window 22:00-02:00", BERLIN, "2026-11-28 00:10", "2026-11-28 00:10", "2026-11-28 01:00"),
        (
            "window fri 22:00-02:00", BERLIN, "2026-11-28 00:10", "2026-11-28 00:10",
            "2026-11-28 01:00",
        ),
        (
            "window 2026-11-27 22:00-02:00", BERLIN, "2026-11-28 00:10", "2026-11-28 00:10",
            "2026-11-28 01:00",
        ),
        # Over: without a day the next one is meant.
        ("window 18:00-19:30", BERLIN, NOW, "2026-11-29 17:00", "2026-11-29 18:30"),
        ("window sat 18:00-19:30", BERLIN, NOW, "2026-12-05 17:00", "2026-12-05 18:30"),
        # Elapsed time across a change: 01:00-04:00 is four hours, and two.
        (
            "window 2026-10-25 01:00-04:00", BERLIN, "2026-10-24", "2026-10-24 23:00",
            "2026-10-25 03:00",
        ),
        ("window 2027-03-28 01:00-04:00", BERLIN, NOW, "2027-03-28 00:00", "2027-03-28 02:00"),
        (
            "window 2026-11-01 00:00-02:00", NEW_YORK, "2026-10-24", "2026-11-01 04:00",
            "2026-11-01 07:00",
        ),
        (
            "window 2026-04-05 01:00-02:30", LORD_HOWE, "2026-04-01", "2026-04-04 14:00",
            "2026-04-04 16:00",
        ),
        (
            "window 2026-10-04 01:00-03:00", LORD_HOWE, "2026-10-01", "2026-10-03 14:30",
            "2026-10-03 16:00",
        ),
        # Both ends with an offset, and the end read from a clock that was put back.
        (
            "window 2026-10-25 02:10 UTC+2 - 02:50 UTC+1", BERLIN, "2026-10-24",
            "2026-10-25 00:10", "2026-10-25 01:50",
        ),
        (
            "window 2026-10-25 02:45 UTC+2-02:15 UTC+1", BERLIN, "2026-10-24",
            "2026-10-25 00:45", "2026-10-25 01:15",
        ),
        (
            "window sun 01:30UTC-5-04:00", NEW_YORK, "2026-10-31", "2026-11-01 06:30",
            "2026-11-01 09:00",
        ),
    ],
)  # fmt: skip
def test_a_window_has_its_beginning_and_its_end_in_the_groups_zone(text, zone, now, start, until):
    found, count = read(text, now, zone)

    assert (found.start, found.until) == (utc(start), utc(until))
    assert (found.said, count) == (text, len(text.split()))


def test_what_stands_around_an_appointment_is_left_to_the_command():
    text = "install site-1 a.tgz ticket CHG1 window sat 02:00 - 05:00 without 1_7"

    found, count = appointment(text.split(), 5, now=utc(NOW), zone=BERLIN, understood="install")

    assert (found.said, count) == ("window sat 02:00 - 05:00", 5)
    assert read("at 02:00 at")[1] == 2
    assert after(["x", "rollback", "after", "72h", "x"], 1, understood="")[1] == 3


# --------------------------------------------------------------------------- what is asked about


@pytest.mark.parametrize(
    ("text", "zone", "now", "clocks", "ways"),
    [
        (
            "at 2026-10-25 02:30", BERLIN, "2026-10-24 12:00",
            "02:30 comes twice on Sun 25 Oct in Europe/Berlin, where the clocks go back from "
            "03:00 CEST (UTC+2) to 02:00 CET (UTC+1)",
            {
                "at 2026-10-25 02:30 UTC+2": "Sun 25 Oct 02:30 CEST (UTC+2)",
                "at 2026-10-25 02:30 UTC+1": "Sun 25 Oct 02:30 CET (UTC+1)",
            },
        ),
        (
            "at 02:00", BERLIN, "2026-10-24 12:00", "02:00 comes twice on Sun 25 Oct",
            {
                "at 2026-10-25 02:00 UTC+2": "Sun 25 Oct 02:00 CEST (UTC+2)",
                "at 2026-10-25 02:00 UTC+1": "Sun 25 Oct 02:00 CET (UTC+1)",
            },
        ),
        (  # The first is over; that the second is meant is not guessed either.
            "at 02:30", BERLIN, "2026-10-25 00:45", "02:30 comes twice on Sun 25 Oct",
            {"at 2026-10-25 02:30 UTC+1": "Sun 25 Oct 02:30 CET (UTC+1)"},
        ),
        (
            "at sun 01:30", LONDON, "2026-10-24 12:00",
            "the clocks go back from 02:00 BST (UTC+1) to 01:00 GMT (UTC+0)",
            {
                "at 2026-10-25 01:30 UTC+1": "Sun 25 Oct 01:30 BST (UTC+1)",
                "at 2026-10-25 01:30 UTC+0": "Sun 25 Oct 01:30 GMT (UTC+0)",
            },
        ),
        (
            "at 2026-11-01 01:00", NEW_YORK, "2026-10-24 12:00",
            "the clocks go back from 02:00 EDT (UTC-4) to 01:00 EST (UTC-5)",
            {
                "at 2026-11-01 01:00 UTC-4": "Sun 1 Nov 01:00 EDT (UTC-4)",
                "at 2026-11-01 01:00 UTC-5": "Sun 1 Nov 01:00 EST (UTC-5)",
            },
        ),
        (
            "at 2026-04-05 01:45", LORD_HOWE, "2026-04-01 12:00",
            "the clocks go back from 02:00 UTC+11 to 01:30 UTC+10:30",
            {
                "at 2026-04-05 01:45 UTC+11": "Sun 5 Apr 01:45 UTC+11",
                "at 2026-04-05 01:45 UTC+10:30": "Sun 5 Apr 01:45 UTC+10:30",
            },
        ),
        (
            "at 2027-03-28 02:30", BERLIN, NOW,
            "02:30 does not exist on Sun 28 Mar in Europe/Berlin, where the clocks go forward from "
            "02:00 CET (UTC+1) to 03:00 CEST (UTC+2)",
            {
                "at 2027-03-28 01:59": "Sun 28 Mar 01:59 CET (UTC+1)",
                "at 2027-03-28 03:00": "Sun 28 Mar 03:00 CEST (UTC+2)",
            },
        ),
        (
            "at 2027-03-28 02:00 UTC+1", BERLIN, NOW, "02:00 does not exist on Sun 28 Mar",
            {
                "at 2027-03-28 01:59": "Sun 28 Mar 01:59 CET (UTC+1)",
                "at 2027-03-28 03:00": "Sun 28 Mar 03:00 CEST (UTC+2)",
            },
        ),
        (
            "at 02:59", NEW_YORK, "2027-03-13 18:00",
            "the clocks go forward from 02:00 EST (UTC-5) to 03:00 EDT (UTC-4)",
            {
                "at 2027-03-14 01:59": "Sun 14 Mar 01:59 EST (UTC-5)",
                "at 2027-03-14 03:00": "Sun 14 Mar 03:00 EDT (UTC-4)",
            },
        ),
        (
            "at 2026-10-04 02:10", LORD_HOWE, "2026-10-01",
            "the clocks go forward from 02:00 UTC+10:30 to 02:30 UTC+11",
            {
                "at 2026-10-04 01:59": "Sun 4 Oct 01:59 UTC+10:30",
                "at 2026-10-04 02:30": "Sun 4 Oct 02:30 UTC+11",
            },
        ),
        (  # In Santiago a day begins at 01:00.
            "at 2026-09-06 00:30", "America/Santiago", "2026-09-01",
            "the clocks go forward from 00:00 UTC-4 to 01:00 UTC-3",
            {
                "at 2026-09-05 23:59": "Sat 5 Sep 23:59 UTC-4",
                "at 2026-09-06 01:00": "Sun 6 Sep 01:00 UTC-3",
            },
        ),
        (
            "at 2026-12-24 02:00 UTC+2", BERLIN, NOW,
            "at 02:00 on Thu 24 Dec the clocks of Europe/Berlin are at UTC+1, not at UTC+2",
            {"at 2026-12-24 02:00": "Thu 24 Dec 02:00 CET (UTC+1)"},
        ),
        (
            "at 2026-10-25 02:30 UTC-7:30", BERLIN, "2026-10-24",
            "are at UTC+2 and UTC+1, not at UTC-7:30",
            {
                "at 2026-10-25 02:30 UTC+2": "Sun 25 Oct 02:30 CEST (UTC+2)",
                "at 2026-10-25 02:30 UTC+1": "Sun 25 Oct 02:30 CET (UTC+1)",
            },
        ),
        (
            "window sun 02:30-05:00", BERLIN, "2026-10-24", "02:30 comes twice on Sun 25 Oct",
            {
                "window 2026-10-25 02:30 UTC+2 - 05:00": "Sun 25 Oct 02:30 CEST (UTC+2) to "
                "Sun 25 Oct 05:00 CET (UTC+1), 3 h 30 min",
                "window 2026-10-25 02:30 UTC+1 - 05:00": "Sun 25 Oct 02:30 CET (UTC+1) to "
                "Sun 25 Oct 05:00 CET (UTC+1), 2 h 30 min",
            },
        ),
        (  # Over midnight, into the change.
            "window sat 22:00-02:15", BERLIN, "2026-10-24", "02:15 comes twice on Sun 25 Oct",
            {
                "window 2026-10-24 22:00 - 02:15 UTC+2": "Sat 24 Oct 22:00 CEST (UTC+2) to "
                "Sun 25 Oct 02:15 CEST (UTC+2), 4 h 15 min",
                "window 2026-10-24 22:00 - 02:15 UTC+1": "Sat 24 Oct 22:00 CEST (UTC+2) to "
                "Sun 25 Oct 02:15 CET (UTC+1), 5 h 15 min",
            },
        ),
        (
            "window 2026-10-25 02:10-02:50", BERLIN, "2026-10-24", "; it is the same with 02:50",
            {
                "window 2026-10-25 02:10 UTC+2 - 02:50 UTC+2": "Sun 25 Oct 02:10 CEST (UTC+2) to "
                "Sun 25 Oct 02:50 CEST (UTC+2), 40 min",
                "window 2026-10-25 02:10 UTC+2 - 02:50 UTC+1": "Sun 25 Oct 02:10 CEST (UTC+2) to "
                "Sun 25 Oct 02:50 CET (UTC+1), 100 min",
                "window 2026-10-25 02:10 UTC+1 - 02:50 UTC+1": "Sun 25 Oct 02:10 CET (UTC+1) to "
                "Sun 25 Oct 02:50 CET (UTC+1), 40 min",
            },
        ),
        (  # Only one of these is long enough, and still it is asked.
            "window 2026-10-25 02:40-02:50", BERLIN, "2026-10-24", "02:40 comes twice",
            {
                "window 2026-10-25 02:40 UTC+2 - 02:50 UTC+1": "Sun 25 Oct 02:40 CEST (UTC+2) to "
                "Sun 25 Oct 02:50 CET (UTC+1), 70 min",
            },
        ),
        (
            "window 2026-10-25 02:45 UTC+2 - 02:15", BERLIN, "2026-10-24", "02:15 comes twice",
            {
                "window 2026-10-25 02:45 UTC+2 - 02:15 UTC+1": "Sun 25 Oct 02:45 CEST (UTC+2) to "
                "Sun 25 Oct 02:15 CET (UTC+1), 30 min",
            },
        ),
        (
            "window 2027-03-28 01:00-02:50", BERLIN, NOW, "02:50 does not exist on Sun 28 Mar",
            {
                "window 2027-03-28 01:00-01:59": "Sun 28 Mar 01:00 CET (UTC+1) to "
                "Sun 28 Mar 01:59 CET (UTC+1), 59 min",
                "window 2027-03-28 01:00-03:00": "Sun 28 Mar 01:00 CET (UTC+1) to "
                "Sun 28 Mar 03:00 CEST (UTC+2), 60 min",
            },
        ),
        (
            "window 2027-03-14 02:30-05:00", NEW_YORK, NOW, "02:30 does not exist on Sun 14 Mar",
            {
                "window 2027-03-14 01:59-05:00": "Sun 14 Mar 01:59 EST (UTC-5) to "
                "Sun 14 Mar 05:00 EDT (UTC-4), 2 h 1 min",
                "window 2027-03-14 03:00-05:00": "Sun 14 Mar 03:00 EDT (UTC-4) to "
                "Sun 14 Mar 05:00 EDT (UTC-4), 2 h 0 min",
            },
        ),
    ],
)  # fmt: skip
def test_a_time_that_the_clocks_show_twice_or_never_is_asked_about(text, zone, now, clocks, ways):
    told = unclear(text, now, zone)

    assert told.startswith(f"I understood `install site-1 a.tgz {text}`, but ")
    assert clocks in told
    assert told.endswith(": write " + ", or ".join(f"`{w}` for {m}" for w, m in ways.items()) + ".")
    starts = {(one.start, one.until) for one, _ in (read(way, now, zone) for way in ways)}
    assert len(starts) == len(ways), "each way is another moment"


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("text", "now", "why"),
    [
        (
            "at 2026-11-28 02:00", NOW,
            "that has passed: it is Sat 28 Nov 19:30 CET (UTC+1) now; write `at 2026-11-29 02:00`.",
        ),
        (
            "at today 19:30", NOW,
            "has passed: it is Sat 28 Nov 19:30 CET (UTC+1) now; write `at 2026-11-29 19:30`.",
        ),
        ("at 2026-10-01 02:00", "2026-10-24 12:00", "now; write `at 2026-10-26 02:00`."),
        # The slip of January.
        ("at 2026-01-03 02:00", "2026-12-30 12:00", "now; write `at 2027-01-03 02:00`."),
        ("at 2028-02-29 02:00", "2028-12-01 12:00", "now; write `at 2028-12-02 02:00`."),
        ("at 0001-01-01 00:30", NOW, "now; write `at 2027-01-01 00:30`."),
        ("window 9999-12-31 22:00-02:00", NOW, "write `window 2026-12-31 22:00-02:00`."),
        (
            "at 9999-12-31 02:00", NOW,
            "that is more than a year ahead; write `at 2026-12-31 02:00`.",
        ),
        (
            "at 2027-11-30 02:00", NOW,
            "that is more than a year ahead; write `at 2026-11-30 02:00`.",
        ),
        (
            "window 2028-12-24 22:00-02:00", NOW,
            "a year ahead; write `window 2026-12-24 22:00-02:00`.",
        ),
        ("window 2026-11-28 02:00-05:00", NOW, "now; write `window 2026-11-29 02:00-05:00`."),
        ("window today 02:00-19:30", NOW, "now; write `window 2026-11-29 02:00-19:30`."),
        (
            "window sat 19:00-19:50", NOW,
            "that ends in 20 min, and 30 min are needed; write `window 2026-12-05 19:00-19:50`.",
        ),
        (
            "window sun 02:00-02:29", NOW,
            "that lasts 29 min, and a window lasts at least 30 min; "
            "write `window 2026-11-29 02:00-02:30`.",
        ),
        # 25 hours, and 25 minutes.
        (
            "window 2026-10-24 12:00-12:00", "2026-10-24",
            "lasts at most 24 h 0 min; write `window 2026-10-24 12:00-11:00`.",
        ),
        (
            "window 2027-03-28 01:45-03:10", NOW,
            "that lasts 25 min, and a window lasts at least 30 min; "
            "write `window 2027-03-28 01:45-03:15`.",
        ),
        (
            "window 2026-10-25 02:15 UTC+1 - 02:45 UTC+2", "2026-10-24",
            "it ends before it begins; write `window 2026-10-24 02:15-02:45`.",
        ),
        (
            "window 2027-03-28 02:10-02:50", NOW,
            "it is the same with 02:50; write `window 2026-11-29 02:10-02:50`.",
        ),
    ],
)  # fmt: skip
def test_what_is_past_or_too_far_or_no_window_is_refused_with_the_nearest_right_one(text, now, why):
    told = unclear(text, now)

    assert told.startswith(f"I understood `install site-1 a.tgz {text}`, but ")
    assert told.endswith(why)
    for way in offered(told):
        read(way, now)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at", "`install site-1 a.tgz at`, but not when; write it like `at 02:00`, `at sat 02:00`"),
        ("window", "window`, but not when; write it like `window 02:00-05:00`"),
        ("at sat", "at sat`, but not at what time; write it like `at sat 02:00`."),
        (
            "window sat",
            "window sat`, but not at what time; write it like `window sat 02:00-05:00`.",
        ),
        ("at 2:00", "at`, but `2:00` is no time of day; write `at 02:00`."),
        ("at sat 2am", "at sat`, but `2am` is no time of day; write `at sat 02:00`."),
        ("at 12am", "write `at 00:00`."),
        ("at 12:30pm", "write `at 12:30`."),
        ("at 2 pm", "at`, but `2 pm` is no time of day; write `at 14:00`."),
        ("at 2:00 p.m. ticket", "at`, but `2:00 p.m.` is no time of day; write `at 14:00`."),
        ("at tomorrow 2:00 PM", "`2:00 PM` is no time of day; write `at tomorrow 14:00`."),
        ("at 2p.m.", "write `at 14:00`."),
        ("at 11 pm", "write `at 23:00`."),
        ("at 12 am", "write `at 00:00`."),
        ("at sat 11:30 pm", "at sat 11:30`, but not `pm`; write `at sat 23:30`."),
        ("at 13:30 pm", "but not `pm`; the hours of a day are counted from 00 to 23: write it"),
        ("at 14 pm", "`14 pm` is no time of day; write it like `at 02:00`"),
        ("at 2 pm Tomorrow", "write `at tomorrow 14:00`."),
        ("at sat 2pm sun", "`2pm` is no time of day; write it like `at 02:00`"),
        ("at 2:30 utc+1", "write `at 02:30 UTC+1`."),
        ("at 2:30 CET", "but not `2:30 CET`; times are those of Europe/Berlin"),
        ("at 10:00-11:00 pm", "but not `10:00-11:00 pm`; the hours of a day are counted"),
        ("window 10:00-11:00 pm", "but not `10:00-11:00 pm`; the hours of a day are counted"),
        ("window 10:00 to 11:00 pm", "but not `10:00 to 11:00 pm`; the hours of a day are"),
        ("window 10:00 pm - 11:00 pm", "but not `10:00 pm`; the hours of a day are counted"),
        ("window 2 pm - 5 pm", "`2 pm` is no time of day; write it like `window 02:00-05:00`"),
        ("at 0200", "write `at 02:00`."),
        ("at 02.30", "write `at 02:30`."),
        ("at 02:30:00", "write `at 02:30`."),
        ("at 24:00", "`24:00` is no time of day; write it like `at 02:00`"),
        ("at 13pm", "`13pm` is no time of day; write it like `at 02:00`"),
        ("at 02:60", "`02:60` is no time of day; write it like `at 02:00`"),
        ("at 3h", "`3h` is a duration; write `in 3h`."),
        ("at noon", "`noon` is no day; write it like"),
        ("at satruday 02:00", "`satruday` is no day; write `at saturday 02:00`."),
        ("window tommorow 02:00-05:00", "write `window tomorrow 02:00-05:00`."),
        (
            "at 02:00 sat",
            "at 02:00`, but the day `sat` stands before the time; write `at sat 02:00`.",
        ),
        ("window 02:00-05:00 sat", "stands before the time; write `window sat 02:00-05:00`."),
        ("at 24.12.2026 02:00", "`24.12.2026` is no day; write it like `2026-12-24`."),
        ("at 12/24 02:00", "`12/24` is no time of day"),
        ("at 2027-02-29 02:00", "there is no day `2027-02-29`."),
        (
            "at 2026-12-24T18:00+01:00",
            "but not `2026-12-24T18:00+01:00`; day and time are two words, and times are those of "
            "Europe/Berlin: write it as it is there",
        ),
        (
            "at 2026-12-24T02:00Z",
            "but not `2026-12-24T02:00Z`; day and time are two words, and times are those of",
        ),
        ("at 2026-12-24T02:00 UTC", "two words, and times are those of Europe/Berlin"),
        ("at 2026-12-24T02:00 pm", "day and time are two words; write it like `at 02:00`"),
        ("at 2026-12-24T18:00", "day and time are two words, like `at 2026-12-24 18:00`."),
        ("at 2026-12-24T18:00:00", "day and time are two words, like `at 2026-12-24 18:00`."),
        ("at 02:30 CEST", "but not `CEST`; times are those of Europe/Berlin"),
        ("at 02:30+02:00", "but not `02:30+02:00`; times are those of Europe/Berlin"),
        ("at 02:30 UTC", "written like `UTC+1` (CET) or `UTC+2` (CEST)."),
        ("at 02:30 Z", "but not `Z`; times are those of"),
        (
            "at sat 02:00-05:00",
            "at sat`, but `02:00-05:00` has an end; write `window sat 02:00-05:00`.",
        ),
        (
            "window sat 02:00",
            "window sat`, but not when it ends; write it like `window sat 02:00-05:00`.",
        ),
        ("window 22:00 tomorrow", "not when it ends; write it like `window 22:00-01:00`."),
        ("window sat 02:00 to 06:00", "not `02:00 to 06:00`; write `window sat 02:00 - 06:00`."),
        ("window 2am-5am", "`2am-5am` is no time of day; write it like `window 02:00-05:00`"),
        ("window sat 20:00-24:00", "the end of a day is `00:00`, write `window sat 20:00-00:00`."),
        ("in", "`install site-1 a.tgz in`, but not how long; write it like `90m`, `3h`"),
        ("window 2:00-24:00", "the end of a day is `00:00`, write `window 02:00-00:00`."),
        ("window 25-24:00", "the end of a day is `00:00`, write it like `window 02:00-05:00`"),
        ("at 500d", "`500d` is a duration; write it like `at 02:00`"),
        ("in 500 days", "`500` is no duration; write it like `90m`"),
        ("in 0 hours", "`0` is no duration; write it like `90m`"),
        ("in 0.0h", "`0.0h` is no duration; write it like `90m`"),
        ("in 0", "`0` is no duration; say of what, like `in 1h`."),
        ("in 99999", "`99999` is no duration; say of what, like `in 1h`."),
        ("in 3 hours", "`3` is no duration; write `in 3h`."),
        ("in 90min", "`90min` is no duration; write `in 90m`."),
        ("in 1.5h", "`1.5h` is no duration; write `in 1h30m`."),
        ("in 0.5d", "`0.5d` is no duration; write `in 12h`."),
        ("in 3", "`3` is no duration; say of what, like `in 3h`."),
        ("in 30m1h", "`30m1h` is no duration; write it like `90m`"),
        ("in h", "`h` is no duration; write it like `90m`"),
        ("in -3h", "`-3h` is no duration"),
        ("in 1h 30m", "in 1h`, but not `30m`; a duration is one word, like `1h30m`."),
        ("in 0m", "that is no time at all"),
        ("in 367d", "that is more than a year; write at most `in 366d`."),
        ("in 9999999d", "that is more than a year; write at most `in 366d`."),
    ],
)  # fmt: skip
def test_a_mistake_says_what_was_read_and_what_was_not_and_how_to_write_it(text, told):
    said_back = unclear(text)

    assert told in said_back
    assert said_back.startswith("I understood `install site-1 a.tgz ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "rollback",
            "I understood `uninstall`, but not after how long; write `rollback after 72h`.",
        ),
        ("rollback 72h", "but not after how long; write `rollback after 72h`."),
        ("rollback after", "`uninstall rollback after`, but not how long; write it like `90m`"),
        ("after soon", "`uninstall after`, but `soon` is no duration"),
        ("rollback after 3 days", "`3` is no duration; write `rollback after 3d`."),
        ("rollback after 400d", "more than a year; write at most `rollback after 366d`."),
    ],
)  # fmt: skip
def test_a_wrong_rollback_after_says_how_to_write_it(text, told):
    with pytest.raises(TimeUnclear, match=re.escape(told)):
        after(text.split(), 0, understood="uninstall")


# ------------------------------------------------------------------------- what is given back


@pytest.mark.parametrize(
    ("moment", "zone", "told"),
    [
        ("2026-11-28 01:00", BERLIN, "Sat 28 Nov 02:00 CET (UTC+1)"),
        ("2027-07-01 00:00", BERLIN, "Thu 1 Jul 02:00 CEST (UTC+2)"),
        ("2026-12-31 23:30", BERLIN, "Fri 1 Jan 00:30 CET (UTC+1)"),
        ("2026-11-28 07:00", NEW_YORK, "Sat 28 Nov 02:00 EST (UTC-5)"),
        ("2026-11-28 02:00", LONDON, "Sat 28 Nov 02:00 GMT (UTC+0)"),
        ("2026-11-28 02:00", SAO_PAULO, "Fri 27 Nov 23:00 UTC-3"),
        ("2026-06-28 02:00", LORD_HOWE, "Sun 28 Jun 12:30 UTC+10:30"),
        ("2026-11-28 02:00", "Asia/Kolkata", "Sat 28 Nov 07:30 IST (UTC+5:30)"),
        ("2026-11-28 02:00", "UTC", "Sat 28 Nov 02:00 UTC"),
    ],
)
def test_a_moment_is_said_with_its_weekday_and_its_zone_and_slack_shows_everyone_theirs(
    moment, zone, told
):
    at = utc(moment)

    assert said(at, zone) == told
    expected = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{told}>"
    assert for_everyone(at, zone) == expected


# --------------------------------------------------------------------------- whatever is typed

minutes = st.datetimes(datetime(2025, 1, 1), datetime(2031, 12, 31)).map(  # noqa: DTZ001 -- UTC next
    lambda t: t.replace(second=0, microsecond=0, tzinfo=UTC)
)
# A day around each change of the clocks of 2026 and 2027, so that they are met at all.
changing = st.tuples(
    st.sampled_from(
        [
            *("2026-03-29", "2026-10-25", "2027-03-28", "2026-03-08", "2026-11-01"),
            *("2026-04-04", "2026-10-03", "2026-09-06", "2026-04-05"),
        ]
    ),
    st.integers(-1440, 1440),
).map(lambda pair: utc(pair[0]) + timedelta(minutes=pair[1]))
moments_to_try = st.one_of(minutes, changing)
zones = st.sampled_from(ZONES)


def tried(words: list[str], now: datetime, zone: str) -> tuple[Appointment, int] | str:
    """Return what is read, or the mistake."""
    try:
        return appointment(words, 0, now=now, zone=zone, understood="install x")
    except TimeUnclear as told:
        return str(told)


def clock_shows(clock: time, at: datetime, zone: ZoneInfo) -> bool:
    return at.astimezone(zone).time() == clock


@given(moments_to_try, st.integers(1, AHEAD // timedelta(minutes=1)), zones)
def test_each_moment_of_the_next_year_can_be_written_and_is_read_as_itself(now, ahead, zone):
    moment = now + timedelta(minutes=ahead)

    found, _ = read(f"at {written(moment, ZoneInfo(zone))}", now.isoformat()[:16], zone)

    assert found.start == moment


@given(moments_to_try, st.times().map(lambda t: t.replace(second=0, microsecond=0)), zones)
def test_a_time_is_the_first_minute_at_which_the_clock_shows_it_or_is_asked_about(now, clock, zone):
    """The clock is watched for two days, minute by minute; nothing is reckoned."""
    there = ZoneInfo(zone)
    watched = [now + timedelta(minutes=n) for n in range(-180, 2 * 1440 + 180)]
    shown = [at for at in watched if clock_shows(clock, at, there)]
    first = next(at for at in shown if at > now)
    day = first.astimezone(there).date()
    twice = sum(at.astimezone(there).date() == day for at in shown) > 1
    text = f"at {clock:%H:%M}"

    before = clock <= now.astimezone(there).time()
    skipped = day > now.astimezone(there).date() + timedelta(days=before)

    answer = tried(text.split(), now, zone)

    if twice or skipped:
        assert isinstance(answer, str)
        assert ("comes twice" in answer, "does not exist" in answer) == (twice, not twice)
    else:
        assert not isinstance(answer, str), answer
        assert answer[0].start == first


@given(changing, st.integers(1, 500_000), st.integers(30, 22 * 60), zones)
def test_a_window_lasts_as_long_as_the_clock_on_the_wall_runs(start, ahead, length, zone):
    there, until = ZoneInfo(zone), start + timedelta(minutes=length)
    now = start - timedelta(minutes=ahead)
    text = f"window {written(start, there)} - {written(until, there, day=False)}"

    answer = tried(text.split(), now, zone)

    # Not up to 24 hours: where the clocks go forward, these are more than a day by the wall.
    assert not isinstance(answer, str), answer
    assert (answer[0].start, answer[0].until) == (start, until)


PIECES = """
    sat sunday today tomorrow 2026-10-25 2027-03-28 2026-02-30 2026-11-01 2020-01-01 02:00 02:30
    01:30 2:00 2am 25:00 02:00-05:00 02:10-02:50 22:00-02:30 - 02:45 UTC+2 UTC-5 UTC+10:30 CEST Z
    pm a.m. 11:30 2026-12-24T02:00Z
    3h 90m 1h30m 0m 3 hours 1.5h for to after rollback ticket <@U1> `x` & 9999-12-31
"""
typed = st.one_of(
    st.lists(st.sampled_from(PIECES.split()), max_size=6),
    st.text(alphabet=string.printable + "<>@!&;`ü٣😀", max_size=40).map(str.split),
)


@given(st.sampled_from(APPOINTING), typed, moments_to_try, zones)
def test_any_words_are_an_appointment_to_come_or_a_mistake_that_mentions_nobody(
    keyword, words, now, zone
):
    answer = tried([keyword, *words], now, zone)

    if isinstance(answer, str):
        assert "<" not in answer
        assert answer.count("`") % 2 == 0
        assert answer.startswith("I understood `install x")
        return
    found, count = answer
    assert 2 <= count <= len(words) + 1
    assert found.said == " ".join([keyword, *words][:count])
    assert now <= found.start <= now + AHEAD
    if found.until is None:
        assert keyword != "window"
        assert found.start > now
    else:
        assert keyword == "window" or " for " in found.said.lower()
        assert SHORTEST_WINDOW <= found.until - found.start <= LONGEST_WINDOW


@given(st.sampled_from(["at", "window"]), typed, changing, zones)
def test_each_way_out_of_a_question_is_read_as_the_question_says(keyword, words, now, zone):
    answer = tried([keyword, *words], now, zone)

    for way in offered(answer) if isinstance(answer, str) and " for " in answer else ():
        found, _ = appointment(way.split(), 0, now=now, zone=zone, understood="install x")
        if found.start > now:
            assert f"`{way}` for {said(found.start, zone)}" in answer
        if found.until and " for " not in way:
            assert f" to {said(found.until, zone)}, " in answer


@given(st.sampled_from(APPOINTING), typed, moments_to_try, zones)
def test_whoever_writes_what_a_mistake_says_is_soon_understood(keyword, words, now, zone):
    texts = [[keyword, *words]]
    for _ in range(4):
        answers = [tried(text, now, zone) for text in texts]
        texts = [way.split() for told in answers if isinstance(told, str) for way in offered(told)]

    assert texts == []
