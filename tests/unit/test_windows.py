"""Windows of the settings: which one is open, which one is next, and what lies inside one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import times
from bot.config.windows import read_windows
from engine import windows
from engine.appointments import appointed
from engine.canon import from_json, to_json
from engine.errors import PlanRefused
from engine.estimate import too_long
from engine.model import Appointment, Plan, Request, Step, StepKind
from engine.policy import Policy, Span, Windows
from engine.windows import DAY, WEEK, Window, fitted, merged, nearest, offered, open_at
from tests.unit.builders import plan

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
SATURDAY = "sat 02:00-05:00"
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def made(*texts: str, zone: str = "UTC") -> Windows:
    return Windows(read_windows(texts), texts, zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def request(appointment: Appointment | None = None, kind: str = "install") -> Request:
    return Request(kind, "site-1", "p.tgz", "U1", "C1", appointment=appointment)


# ------------------------------------------------------------------------------- what is one


@pytest.mark.parametrize(
    ("texts", "spans"),
    [
        (("sat 22:00-00:00", "sun 00:00-03:00"), 1),
        (("sun 22:00-00:00", "mon 00:00-03:00"), 1),
        (("sat 02:00-05:00", "sat 04:00-06:00"), 1),
        (("sat 02:00-05:00", "sat 05:01-06:00"), 2),
        (("mon-thu 22:00-02:00",), 4),
        (("daily 01:00-04:00",), 7),
        (("daily 22:00-06:00", "sat-sun 06:00-22:00"), 5),
    ],
)
def test_what_overlaps_or_adjoins_is_one_window(texts, spans):
    assert len(made(*texts).spans) == spans


SPANS = st.lists(
    st.tuples(st.integers(0, WEEK - 1), st.integers(1, DAY - 1)).map(lambda x: (x[0], sum(x))),
    min_size=1,
    max_size=6,
)


@given(SPANS, st.integers(0, WEEK - 1))
def test_merging_changes_no_minute_of_the_week(spans, minute):
    def inside(some: Sequence[Span]) -> bool:
        return any(b <= at < e for b, e in some for at in (minute, minute + WEEK))

    assert inside(merged(spans)) == inside(spans)


@given(SPANS)
def test_between_two_windows_there_is_time(spans):
    found = merged(spans)
    follows = [*found[1:], (found[0][0] + WEEK, 0)]

    if len(found) > 1:
        assert all(one[1] < other[0] for one, other in zip(found, follows, strict=True))


# ---------------------------------------------------------------------- where the clocks change


@pytest.mark.parametrize(
    ("zone", "text", "around", "start", "until"),
    [
        # Forward, on 29 March at 02:00: what begins or ends in the hour left out does so then.
        (BERLIN, "sun 02:30-05:00", "2026-03-29T02:00", "2026-03-29T01:00", "2026-03-29T03:00"),
        (BERLIN, "sun 01:00-02:30", "2026-03-29T00:30", "2026-03-29T00:00", "2026-03-29T01:00"),
        # Back, on 25 October at 03:00: the later beginning, and the earlier end.
        (BERLIN, "sun 02:30-05:00", "2026-10-25T02:00", "2026-10-25T01:30", "2026-10-25T04:00"),
        (BERLIN, "sun 01:00-02:30", "2026-10-25T00:00", "2026-10-24T23:00", "2026-10-25T00:30"),
        (BERLIN, "sat 22:00-04:00", "2026-10-25T00:00", "2026-10-24T20:00", "2026-10-25T03:00"),
        (NEW_YORK, "sun 02:30-05:00", "2026-03-08T08:00", "2026-03-08T07:00", "2026-03-08T09:00"),
        (NEW_YORK, "sun 01:30-05:00", "2026-11-01T08:00", "2026-11-01T06:30", "2026-11-01T10:00"),
        (NEW_YORK, "sun 00:00-01:30", "2026-11-01T05:00", "2026-11-01T04:00", "2026-11-01T05:30"),
        (NEW_YORK, "sat 22:00-03:00", "2026-11-01T05:00", "2026-11-01T02:00", "2026-11-01T08:00"),
    ],
)
def test_on_a_night_on_which_the_clocks_change_the_narrower_window_holds(
    zone, text, around, start, until
):
    there = made(text, zone=zone)

    assert open_at(there, utc(around)) == Window(utc(start), utc(until))
    assert open_at(there, utc(start) - timedelta(seconds=1)) is None
    assert open_at(there, utc(until)) is None


def test_a_window_within_the_hour_that_is_left_out_is_not_there_that_night():
    there = made("sun 02:00-03:00", zone=BERLIN)

    assert open_at(there, utc("2026-03-29T01:00")) is None
    found = nearest(there, utc("2026-03-28T12:00"), utc("2026-03-28T12:00"))
    assert found == Window(utc("2026-04-05T00:00"), utc("2026-04-05T01:00"))


def test_two_that_adjoin_at_a_time_that_comes_twice_leave_no_hour_out():
    there = made("sun 01:00-02:30", "sun 02:30-04:00", zone=BERLIN)

    assert open_at(there, utc("2026-10-25T01:00")) == Window(
        utc("2026-10-24T23:00"), utc("2026-10-25T03:00")
    )


WEEKS = [
    (BERLIN, date(2026, 3, 23)),
    (BERLIN, date(2026, 10, 19)),
    (BERLIN, date(2026, 6, 1)),
    (NEW_YORK, date(2026, 3, 2)),
    (NEW_YORK, date(2026, 10, 26)),
]


def by_hand(begin: int, end: int, day: date, zone: str) -> tuple[datetime, datetime]:
    """Go through all minutes as they pass there, and look at the clock on the wall."""
    here, monday = ZoneInfo(zone), datetime.combine(day, time())
    first = monday.replace(tzinfo=here).astimezone(UTC) - 4 * HOUR
    passed = [first + timedelta(minutes=n) for n in range(8 * DAY + 8 * 60)]
    walls = [moment.astimezone(here).replace(tzinfo=None) for moment in passed]

    def seen(minute: int) -> list[datetime]:
        wanted = monday + timedelta(minutes=minute)
        exact = [m for m, wall in zip(passed, walls, strict=True) if wall == wanted]
        later = (m for m, wall in zip(passed, walls, strict=True) if wall > wanted)
        return exact or [next(later)]

    return seen(begin)[-1], seen(end)[0]


@given(
    st.sampled_from(WEEKS), st.integers(5 * DAY + 20 * 60, 6 * DAY + 6 * 60), st.integers(1, 400)
)
def test_the_window_of_a_week_is_what_its_clocks_show(week, begin, length):
    zone, monday = week
    start, until = by_hand(begin, begin + length, monday, zone)
    there = Windows(((begin, begin + length),), zone=zone)

    if start < until:
        assert open_at(there, start) == Window(start, until)
        assert open_at(there, until - timedelta(minutes=1)) == Window(start, until)
    assert open_at(there, start - timedelta(minutes=1)) is None
    assert open_at(there, max(start, until)) is None


# --------------------------------------------------------------------- what is open, and next


def test_what_is_offered_is_the_open_window_or_the_next_one():
    there = made(SATURDAY, zone=BERLIN)
    start, until = utc("2026-03-07T01:00"), utc("2026-03-07T04:00")

    assert offered(there, MONDAY) == Appointment(start, until, zone=BERLIN)
    assert offered(there, start + HOUR) == Appointment(start + HOUR, until, zone=BERLIN)
    little_left = offered(there, until - timedelta(minutes=29))
    assert little_left is not None
    assert little_left.start == start + timedelta(weeks=1)
    assert offered(Windows(), MONDAY) is None


def test_the_nearest_is_the_one_before_where_that_is_still_to_come():
    there = made("sat 02:00-05:00", "wed 02:00-05:00")

    wanted = utc("2026-03-07T06:00")
    found = nearest(there, wanted, MONDAY)
    assert found is not None
    assert found.start == utc("2026-03-07T02:00")
    gone = nearest(there, wanted, wanted)
    assert gone is not None
    assert gone.start == utc("2026-03-11T02:00")


@pytest.mark.parametrize(
    ("start", "until", "fits"),
    [
        ("02:00", None, True),
        ("04:59", None, True),
        ("02:00", "05:00", True),
        ("02:30", "04:00", True),
        ("01:59", None, False),
        ("05:00", None, False),
        ("01:00", "03:00", False),
        ("04:00", "05:01", False),
    ],
)
def test_an_appointment_is_wholly_inside_of_a_window_or_refused(start, until, fits):
    day = "2026-03-07T"
    end = utc(f"{day}{until}") if until else None
    wanted = Appointment(utc(f"{day}{start}"), end, "as said", "UTC")

    found = fitted(made(SATURDAY), wanted)

    kept = replace(wanted, until=end or utc(f"{day}05:00"))
    assert found == (kept if fits else None)


def test_where_no_windows_stand_all_is_as_it_was_said():
    wanted = Appointment(MONDAY)

    assert fitted(Windows(), wanted) == wanted
    assert windows.ordered(request(), Windows(), MONDAY) == request()


def test_an_order_without_a_time_is_refused_with_the_next_window():
    with pytest.raises(PlanRefused) as refused:
        windows.ordered(request(), made(SATURDAY, zone=BERLIN), MONDAY)

    assert str(refused.value) == (
        "site-1 fails over only in its windows (sat 02:00-05:00, Europe/Berlin), and no time was "
        "said; next is Sat 7 Mar 02:00 CET (UTC+1) to Sat 7 Mar 05:00 CET (UTC+1): write "
        "`window 2026-03-07 02:00-05:00`"
    )


def test_an_order_that_leaves_its_window_is_refused_with_that_window():
    wanted = Appointment(utc("2026-03-07T04:00"), utc("2026-03-07T06:00"), zone="UTC")

    with pytest.raises(PlanRefused, match="is not inside; nearest is Sat 7 Mar 02:00 UTC"):
        windows.ordered(request(wanted), made(SATURDAY), MONDAY)


def test_work_that_would_not_end_inside_of_the_window_is_said_where_no_end_was():
    there = made("sat 02:00-03:00")
    kept = fitted(there, Appointment(utc("2026-03-07T02:15"), zone="UTC"))

    assert "and the window is 45 min long: at its end the run holds" in too_long(
        appointed(plan(), kept)
    )


@pytest.mark.parametrize("kind", ["finish", "rollback"])
def test_what_leads_back_waits_for_no_window(kind):
    there = made(SATURDAY)
    back = request(kind=kind)
    leads = replace(plan(), phase=kind, policy=Policy(windows=there), gives_back=True)

    assert windows.ordered(back, there, MONDAY) == back
    assert windows.once_planned(back, leads, MONDAY) == back
    assert windows.moved(leads, Appointment(MONDAY), MONDAY) == Appointment(MONDAY)


@pytest.mark.parametrize("kind", ["finish", "rollback"])
def test_what_goes_on_or_brings_it_again_keeps_to_the_windows_but_not_where_its_run_turned(kind):
    there, order = made(SATURDAY), request(kind=kind)
    on = replace(plan(), phase=kind, policy=Policy(windows=there))

    with pytest.raises(PlanRefused, match="no time was said; next is Sat 7 Mar 02:00 UTC"):
        windows.once_planned(order, on, MONDAY)
    with pytest.raises(PlanRefused):
        windows.moved(on, Appointment(MONDAY), MONDAY)
    inside = request(Appointment(utc("2026-03-07T03:00")), kind=kind)
    kept = windows.once_planned(inside, on, MONDAY).appointment
    assert kept == Appointment(utc("2026-03-07T03:00"), utc("2026-03-07T05:00"))
    removal = Step("A.UNINSTALL.r2", StepKind.UNINSTALL, "A")
    turned = replace(on, phase="rollback", steps=(*on.steps, removal))
    assert windows.moved(turned, Appointment(MONDAY), MONDAY) == Appointment(MONDAY)


@pytest.mark.parametrize(
    ("text", "zone", "now"),
    [
        (SATURDAY, BERLIN, "2026-03-02T12:00"),
        ("sat 22:00-02:00", NEW_YORK, "2026-03-02T12:00"),
        ("sun 02:00-05:00", BERLIN, "2026-10-24T12:00"),
        ("sun 00:30-02:30", BERLIN, "2026-10-24T12:00"),
        ("sun 02:30-05:00", BERLIN, "2026-03-28T12:00"),
        ("sun 01:30-05:00", NEW_YORK, "2026-10-31T12:00"),
        ("mon 11:00-15:00", "UTC", "2026-03-02T12:00"),
    ],
)
def test_what_is_suggested_can_be_said_and_is_that_window(text, zone, now):
    there, at = made(text, zone=zone), utc(now)
    found = nearest(there, at, at)
    assert found is not None

    words = windows.written(found, there, at).split()
    read, count = times.appointment(words, 0, now=at, zone=zone, understood="move")

    assert count == len(words)
    assert (read.start, read.until) == (max(found.start, at), found.until)


@pytest.mark.parametrize("now", ["2026-03-04T12:00", "2026-03-07T14:20"])
def test_of_a_window_that_is_too_long_for_a_command_a_part_is_suggested(now):
    there, at = made("daily 22:00-06:00", "sat-sun 06:00-22:00"), utc(now)
    weekend = utc("2026-03-07T12:00")
    found = nearest(there, weekend, at)
    assert found is not None
    assert found.until - found.start == timedelta(hours=56)

    words = windows.written(found, there, at).split()
    read, _ = times.appointment(words, 0, now=at, zone="UTC", understood="move")

    assert fitted(there, read) == read


# ------------------------------------------------------------------------------- what is kept


def test_a_plan_without_windows_has_the_digest_that_it_had():
    assert "windows" not in plan().as_json()["policy"]


def test_a_plan_keeps_the_windows_that_it_was_made_with():
    planned = replace(plan(), policy=replace(plan().policy, windows=made(SATURDAY, zone=BERLIN)))

    assert from_json(Plan, planned.as_json()) == planned
    assert planned.digest != plan().digest
    assert from_json(Windows, to_json(made(SATURDAY))) == made(SATURDAY)
