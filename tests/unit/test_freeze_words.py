"""`freeze` and `unfreeze` as people write them: what, from when, until when, and why."""

from datetime import UTC, datetime

import pytest

from bot.commands.appointing import Clocks
from bot.commands.kinds import Freezing, Mistake
from bot.commands.reading import read_command

BERLIN = "Europe/Berlin"
# In Berlin it is Saturday, 19:30.
NOW = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)
ZONES = {"site-1": BERLIN, "site-2": "America/New_York", "emea": BERLIN, "all": "UTC"}


def read(text: str, now: datetime = NOW, frozen: tuple[str, ...] = ()) -> Freezing:
    command = read_command(
        text,
        groups=["site-1", "site-2"],
        clocks=Clocks(now, ZONES),
        scopes=tuple(ZONES),
        frozen=lambda: frozen,
    )
    assert isinstance(command, Freezing)
    return command


def refusal(text: str, now: datetime = NOW) -> str:
    with pytest.raises(Mistake) as mistake:
        read(text, now)
    return str(mistake.value)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "begins", "until", "reason"),
    [
        ("site-1 because the fair is on", None, None, "the fair is on"),
        (
            "emea from fri 18:00 until mon 06:00 quarter end",
            "2026-12-04 17:00",
            "2026-12-07 05:00",
            "quarter end",
        ),
        ("emea from 2026-12-20 18:00 because x", "2026-12-20 17:00", None, "x"),
        ("all until 2026-12-24 18:00 holidays", None, "2026-12-24 18:00", "holidays"),
        ("site-2 until 20:00 x", None, "2026-11-29 01:00", "x"),
        ("site-1 from 20:00 until 19:00 x", "2026-11-28 19:00", "2026-11-29 18:00", "x"),
        (
            "site-1 from tomorrow 18:00 until tomorrow 22:00 x",
            "2026-11-29 17:00",
            "2026-11-29 21:00",
            "x",
        ),
        (
            "site-1 from 2027-01-15 18:00 until mon 06:00 x",
            "2027-01-15 17:00",
            "2027-01-18 05:00",
            "x",
        ),
        ("site-1 FROM sat 20:00 UNTIL sat 19:00 x", "2026-11-28 19:00", "2026-12-05 18:00", "x"),
        ("site-1 for 2h because of x", None, "2026-11-28 20:30", "of x"),
        ("site-1 in 30s for 90m x", "2026-11-28 18:30:30", "2026-11-28 20:00:30", "x"),
        ("all until 2026-11-29T18:00+02:00 because x", None, "2026-11-29 16:00", "x"),
        ("site-1 until 2026-11-29T18:00 because x", None, "2026-11-29 17:00", "x"),
        ("emea until 02:00 because it lasts until mon 06:00", None, "2026-11-29 01:00",
         "it lasts until mon 06:00"),
    ],
)  # fmt: skip
def test_a_freeze_is_read_in_the_zone_of_what_it_freezes(words, begins, until, reason):
    found = read(f"freeze {words}")

    assert found.scope == words.split()[0]
    assert found.begins == (utc(begins) if begins else None)
    assert found.until == (utc(until) if until else None)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("emae because x", "there is no group or tag `emae`. Did you mean `/hotfix freeze emea`?"),
        ("EMEA because x", "Did you mean `/hotfix freeze emea`?"),
        ("apac because x", "There is: `site-1`, `site-2`, `emea`, `all`"),
        ("site-1", "but not why"),
        ("site-1 quarter end", "but not why"),
        ("site-1 fri 18:00 because x", "but not `fri 18:00`"),
        ("site-1 until 22:00", "but not why"),
        ("site-1 from mon 06:00 oops because x", "but not `oops`"),
        ("site-1 from today 18:00 x", "that has passed: it is Sat 28 Nov 19:30 CET"),
        ("site-1 until 2026-11-27 18:00 x", "that has passed"),
        ("site-1 until 2026-11-27T18:00+01:00 x", "has passed"),
        (
            "site-1 from 2026-12-05 18:00 until 2026-12-04 06:00 x",
            "that is not after the beginning, Sat 5 Dec 18:00 CET (UTC+1)",
        ),
        (
            "site-1 from 2026-12-05 18:00 until 2026-12-05T17:00+00:00 x",
            "is not after the beginning",
        ),
        ("site-1 until 22:00 from 20:00 x", "not `from`: the beginning stands before the end"),
        ("site-1 from 20:00 from 21:00 x", "not `from`: that is there twice"),
        ("site-1 until 20:00 until 21:00 x", "not `until`: that is there twice"),
        ("site-1 until 2am x", "write `until 02:00`"),
        ("site-1 until 11:30 pm release week", "but not `pm`; write `until 23:30`"),
        ("site-1 until 11 pm because x", "`11 pm` is no time of day; write `until 23:00`"),
        ("site-1 until 3h x", "write `for 3h`"),
        ("site-1 from 3h x", "write `in 3h`"),
        ("site-1 from 2028-01-01 10:00 x", "that is more than a year ahead"),
        ("site-1 until 2026-13-01T10:00 x", "is no date and time"),
        (
            "site-1 until 2027-03-28 02:30 x",
            "write `until 2027-03-28 01:59` for",
        ),
        (
            "site-1 from 2027-10-31 02:30 x",
            "write `from 2027-10-31 02:30 UTC+2` for",
        ),
        ("all for the fair", "`the` is no duration"),
    ],
)
def test_what_is_no_freeze_is_told_with_what_would_be_one(words, sentence):
    assert sentence in refusal(f"freeze {words}")


def test_what_was_frozen_before_can_be_lifted_though_nothing_bears_the_tag_any_more():
    assert read("unfreeze apac", frozen=("apac",)) == Freezing("unfreeze", "apac")
    assert "there is no group or tag `apac`" in refusal("unfreeze apac")
    with pytest.raises(Mistake, match="there is no group or tag"):
        read("freeze apac because x", frozen=("apac",))


def test_where_no_time_can_be_said_none_is_taken_for_a_reason():
    with pytest.raises(Mistake, match="no time can be said here"):
        read_command("freeze site-1 until 22:00 because x", groups=["site-1"])
