"""Times in orders: anywhere among the options, read where the group stands, or refused."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.commands.appointing import Clocks
from bot.commands.kinds import Cancel, Mistake, Move, Order, Question
from bot.commands.reading import read_command
from bot.commands.scheduling import moved_to
from engine.canon import from_json, to_json
from engine.model import Appointment, Request
from tests.unit.builders import NAME

GROUPS = ["site-1", "site-2"]
# In Berlin it is Saturday, 19:30.
NOW = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)
CLOCKS = Clocks(
    NOW,
    {"site-1": "Europe/Berlin", "site-2": "America/New_York"},
    {"site-2": timedelta(seconds=10)},
)
AT_TWO = Appointment(
    datetime(2026, 11, 29, 1, tzinfo=UTC), None, said="at 02:00", zone="Europe/Berlin"
)
WINDOW = Appointment(
    datetime(2026, 12, 5, 1, tzinfo=UTC),
    datetime(2026, 12, 5, 4, tzinfo=UTC),
    said="window sat 02:00-05:00",
    zone="Europe/Berlin",
)
THREE_DAYS = timedelta(hours=72)


def read(text: str):
    return read_command(text, groups=GROUPS, clocks=CLOCKS)


def refusal(text: str, clocks: Clocks | None = CLOCKS) -> str:
    with pytest.raises(Mistake) as mistake:
        read_command(text, groups=GROUPS, clocks=clocks)
    return str(mistake.value)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        (f"install site-1 {NAME} at 02:00", Order("install", "site-1", NAME, appointment=AT_TWO)),
        (
            f"install site-1 {NAME} ticket at without 1_4 window sat 02:00-05:00 groups 2",
            Order(
                "install",
                "site-1",
                NAME,
                ticket="at",
                left_out=("1_4",),
                groups=2,
                appointment=WINDOW,
            ),
        ),
        (
            f"install site-1 {NAME} rollback after 72h ticket CHG1 at 02:00",
            Order(
                "install",
                "site-1",
                NAME,
                ticket="CHG1",
                appointment=AT_TWO,
                rollback_after=THREE_DAYS,
                rollback_said="rollback after 72h",
            ),
        ),
        (
            "uninstall site-1 at 02:00 last take ticket in",
            Order("uninstall", "site-1", ticket="in", method="last_take", appointment=AT_TWO),
        ),
        (
            f"uninstall site-1 {NAME} completely window sat 02:00-05:00 to take 99 delete",
            Order(
                "uninstall",
                "site-1",
                NAME,
                method="completely",
                take=99,
                delete=True,
                appointment=WINDOW,
            ),
        ),
        ("finish site-1 at 02:00", Order("finish", "site-1", appointment=AT_TWO)),
        (
            "rollback site-1 at 02:00 ticket CHG1",
            Order("rollback", "site-1", ticket="CHG1", appointment=AT_TWO),
        ),
    ],
)
def test_a_time_may_stand_anywhere_among_the_options(text, order):
    assert read(text) == order


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("sat 02:00", "but not `sat`; write `at sat 02:00`."),
        ("02:00 ticket CHG1", "but not `02:00`; write `at 02:00`."),
        ("ticket CHG1 tomorrow 02:00-05:00", "not `tomorrow`; write `window tomorrow 02:00-05:00`"),
        ("tomorrow 2am", "at tomorrow`, but `2am` is no time of day; write `at tomorrow 02:00`."),
        ("2 pm", "at`, but `2 pm` is no time of day; write `at 14:00`."),
        ("2pm", "at`, but `2pm` is no time of day; write `at 14:00`."),
        ("tomorrow", "at tomorrow`, but not at what time; write it like `at tomorrow 02:00`."),
        ("tonight", "but not `tonight`; say at what time, like `at 22:00`."),
        ("tonight 02:00", "but not `tonight`; write `at 02:00`."),
    ],
)
def test_a_time_without_the_word_before_it_is_told_with_that_word(words, told):
    for order in ("install site-1 a.tgz", "uninstall site-1", "finish site-1", "rollback site-1"):
        with pytest.raises(Mistake) as raised:
            read(f"{order} {words}")
        assert told in str(raised.value)


def test_a_time_without_its_word_is_still_the_value_of_an_option():
    assert read("install site-1 a.tgz ticket tonight").ticket == "tonight"


def test_a_time_is_read_where_the_group_stands_and_its_windows_may_be_shorter():
    order = read(f"install site-2 {NAME} at 02:00 for 10s")
    assert order.appointment == Appointment(
        datetime(2026, 11, 29, 7, tzinfo=UTC),
        datetime(2026, 11, 29, 7, 0, 10, tzinfo=UTC),
        said="at 02:00 for 10s",
        zone="America/New_York",
    )


def test_the_request_carries_what_was_said_of_time_also_through_the_inbox():
    order = read(f"install site-1 {NAME} at 02:00 rollback after 72h")
    request = from_json(Request, to_json(order.request("U1", "C1")))
    assert request.appointment == AT_TWO
    assert (request.rollback_after, request.rollback_said) == (THREE_DAYS, "rollback after 72h")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("install site-1 at 02:00", "I understood `install site-1`, but not which package"),
        (
            f"install site-1 {NAME} at 2am",
            f"I understood `install site-1 {NAME} at`, but `2am` is no time of day; write "
            "`at 02:00`.",
        ),
        (
            f"install site-1 {NAME} at 2026-11-28 18:00",
            "that has passed: it is Sat 28 Nov 19:30 CET (UTC+1) now; write `at 2026-11-29 18:00`",
        ),
        (
            f"install site-1 {NAME} at 02:00 in 3h",
            f"I understood `install site-1 {NAME} at 02:00`, but `in` says a second time when",
        ),
        (
            f"install site-1 {NAME} rollback after 72h rollback after 3d",
            "`rollback` says it a second time",
        ),
        (f"install site-1 {NAME} rollback 72h", "not after how long; write `rollback after 72h`"),
        (
            f"install site-1 {NAME} after 3h",
            "write `in 3h` for when it begins, or `rollback after 3h` to have it taken back",
        ),
        ("uninstall site-1 last take after 3 days", "write `in 3d` for when it begins."),
        ("uninstall site-1 last take after soon", "write `in 72h` for when it begins."),
        ("uninstall site-1 last take after 3h", "write `in 3h` for when it begins."),
        (
            "uninstall site-1 completely rollback after 72h",
            "not `rollback`: only an installation is ordered with its rollback",
        ),
        ("finish site-1 in 3 hours", "write `in 3h`"),
        (f"install site-1 {NAME} window 02:00-02:10", "a window lasts at least 30 min"),
    ],
)
def test_a_mistake_says_what_was_understood_and_what_would_be_right(text, told):
    assert told in refusal(text)


def test_where_no_time_can_be_said_it_is_refused_and_not_left_out():
    told = refusal(f"install site-1 {NAME} at 02:00", None)
    assert told.endswith("but no time can be said here; leave `at 02:00` out.")


# --------------------------------------------------------------------------------- the schedule


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("schedule", Question("schedule")),
        ("Schedule site-1", Question("schedule", "site-1")),
        ("schedule cancel hf-1a2b3c", Cancel("hf-1a2b3c")),
        ("schedule cancel", Cancel()),
        ("cancel hf-1a2b3c", Cancel("hf-1a2b3c")),
        ("<@U0000HOTFIX> Cancel", Cancel()),
        ("schedule move hf-1a2b3c at 02:00", Move(("at", "02:00"), "hf-1a2b3c")),
        ("schedule move site-1 window 1:00", Move(("window", "1:00"), "site-1")),
        ("<@U0000HOTFIX> move at 02:00", Move(("at", "02:00"))),
        ("<@U0000HOTFIX> move NOW", Move(("NOW",))),
        ("move hf-1a2b3c-rollback now", Move(("now",), "hf-1a2b3c-rollback")),
    ],
)
def test_what_is_said_of_the_schedule_is_understood(text, command):
    assert read(text) == command


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schedule sit-1", "did you mean `/hotfix schedule site-1`?"),
        ("schedule everything", "not `everything`; write `/hotfix schedule [group]`"),
        ("schedule cancle hf-1a2b3c", "did you mean `/hotfix schedule cancel hf-1a2b3c`?"),
        ("schedule cancel hf-1a2b3c hf-9z", "but not `hf-9z`; cancel one run at a time"),
        ("schedule move hf-1a2b3c", "not to when; write `/hotfix move hf-1a2b3c at 02:00`"),
        ("move hf-1a2b3c windov 02:00-05:00", "`/hotfix move hf-1a2b3c window 02:00-05:00`?"),
        ("move hf-1a2b3c sat 02:00", "did you mean `/hotfix move hf-1a2b3c at sat 02:00`?"),
        ("move hf-1a2b3c 02:00", "did you mean `/hotfix move hf-1a2b3c at 02:00`?"),
        ("move hf-1a2b3c 2026-12-24 2:00", "`/hotfix move hf-1a2b3c at 2026-12-24 2:00`?"),
        ("move hf-1a2b3c fri 22:00-02:00", "`/hotfix move hf-1a2b3c window fri 22:00-02:00`?"),
        ("move sat 02:00", "I understood `move`, but not `sat`; did you mean `/hotfix move at sat"),
        ("cancle hf-1a2b3c", "Did you mean `/hotfix cancel hf-1a2b3c`?"),
        ("unschedule hf-1a2b3c", "Did you mean `/hotfix schedule cancel hf-1a2b3c`?"),
        ("unschedule", "Did you mean `/hotfix schedule cancel`?"),
        ("reschedule site-1 in 3h", "Did you mean `/hotfix schedule move site-1 in 3h`?"),
        ("reschedule site-1", "not to when; write `/hotfix move site-1 at 02:00`"),
        ("move hf-1a2b3c now please", "I understood `move hf-1a2b3c now`, but not `please`"),
        ("move", "I understood `move`, but not to when"),
        ("move `!` at 02:00", "can be neither a run nor a group"),
    ],
)
def test_a_mistake_about_the_schedule_says_what_would_be_right(text, told):
    assert told in refusal(text)


def test_something_is_moved_to_a_moment_where_its_group_stands():
    assert moved_to(Move(("at", "02:00"), "hf-1a2b3c"), "site-1", CLOCKS) == AT_TWO
    now = moved_to(Move(("now",)), "site-2", CLOCKS)
    assert now == Appointment(NOW, None, said="now", zone="America/New_York")
    with pytest.raises(Mistake) as mistake:
        moved_to(Move(("at", "02:00", "please"), "hf-1a2b3c"), "site-1", CLOCKS)
    assert str(mistake.value) == ("I understood `move hf-1a2b3c at 02:00`, but not `please`.")
