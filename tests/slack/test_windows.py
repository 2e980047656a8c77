"""A group with windows in the settings: orders are offered one, and never stored without it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.confirming import NO, YES
from engine.appointments import appointed
from engine.canon import from_json
from engine.journal import Kind, first_records
from engine.model import Appointment, Request
from engine.policy import Policy
from engine.proposals import Change
from storage.records import HOUSE, Draft
from tests.slack.house import CHANNEL, PACKAGE, RITA, House
from tests.slack.test_confirming import buttons, give, press, replaced, told
from tests.unit.builders import plan, without_package

RUN = "hf-000001"
INSTALL = f"/hotfix install site-1 {PACKAGE}"
# It is Monday, 22:00 UTC.
START = datetime.fromisoformat("2026-03-03T02:00+00:00")
UNTIL = START + timedelta(hours=3)
NEXT = "Tue 3 Mar 02:00 UTC to Tue 3 Mar 05:00 UTC: write `window 2026-03-03 02:00-05:00`"


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    built = House(slack, window=("tue 02:00-05:00", "fri 22:00-00:00"))
    await built.connect()
    yield built
    await built.close()


def ordered(house: House) -> Appointment | None:
    (row,) = house.rows
    assert row.kind in ("order", "plan")
    return from_json(Request, row.body["request"]).appointment


async def test_an_order_without_a_time_is_offered_the_next_window_and_stores_nothing(house, people):
    shown = await give(people, f"{INSTALL} ticket CHG1")

    assert (
        "When: no time was said, so in the group's window that is open or comes next, from Tue 3 "
        "Mar 02:00 UTC, your time" in shown["text"]
    )
    assert f"<!date^{int(START.timestamp())}^" in shown["text"]
    assert f"<!date^{int(UNTIL.timestamp())}^" in shown["text"]
    assert "Nothing is ordered yet" in shown["text"]
    assert buttons(shown).keys() == {YES, NO}
    assert house.rows == []

    house.clock.passed = timedelta(hours=1)
    await press(people, shown, YES)
    await replaced(people, shown)

    assert ordered(house) == Appointment(START, UNTIL, zone="UTC")


@pytest.mark.parametrize(("begins", "refused"), [(START, True), (UNTIL, False)])
async def test_what_is_offered_in_a_freeze_is_said_to_be_refused(house, people, begins, refused):
    named = {"scope": "site-1", "name": "max", "reason": "quarter end"}
    times = {"begins": begins.isoformat(), "until": (begins + timedelta(days=1)).isoformat()}
    freeze = Draft(Kind.FROZEN, house.clock.now(), "U0MAX00001", {**named, **times})
    house.stores.journal.append(HOUSE, [freeze], lease=None, last_seq=0)

    shown = await give(people, INSTALL)

    assert ("As things are it would be refused: " in shown["text"]) == refused
    assert ("quarter end" in shown["text"]) == refused


async def test_within_a_window_an_order_without_a_time_is_for_what_is_left_of_it(house, people):
    house.clock.passed = timedelta(hours=5)
    shown = await give(people, INSTALL)
    house.clock.passed += timedelta(minutes=5)

    await press(people, shown, YES)
    await replaced(people, shown)

    assert ordered(house) == Appointment(START + timedelta(hours=1), UNTIL, zone="UTC")


async def test_where_too_little_is_left_of_a_window_the_next_one_is_offered(house, people):
    house.clock.passed = timedelta(hours=6, minutes=40)

    shown = await give(people, INSTALL)

    assert "from Fri 6 Mar 22:00 UTC" in shown["text"]


async def test_who_presses_when_the_offered_window_is_over_has_ordered_nothing(house, people):
    shown = await give(people, INSTALL)
    house.clock.passed = timedelta(hours=8)

    await press(people, shown, YES)

    assert "its window is over" in await replaced(people, shown)
    assert house.rows == []


async def test_a_moment_inside_of_a_window_ends_with_it(house, people):
    shown = await give(people, f"{INSTALL} at tue 02:30")
    assert "until Tue 3 Mar 05:00 UTC" in shown["text"]

    await press(people, shown, YES)
    await replaced(people, shown)

    wanted = Appointment(START + timedelta(minutes=30), UNTIL, said="at tue 02:30", zone="UTC")
    assert ordered(house) == wanted


@pytest.mark.parametrize(
    ("when", "answer"),
    [
        ("at 06:00", f"and that is not inside; nearest is {NEXT}."),
        ("in 30m", f"and that is not inside; nearest is {NEXT}."),
        ("window 01:00-04:00", f"and that is not inside; nearest is {NEXT}."),
        ("at 02:00 for 4h", f"and that is not inside; nearest is {NEXT}."),
        (
            "at 04:40",
            f"20 min of that one are left then, where 30 min are needed; nearest is {NEXT}.",
        ),
        ("at sat 00:00", "write `window 2026-03-06 22:00-00:00`."),
    ],
)
@pytest.mark.parametrize("verb", ["install", "plan install"])
async def test_what_is_outside_is_a_mistake_that_names_the_nearest_window(
    house, people, verb, when, answer
):
    shown = await give(people, f"/hotfix {verb} site-1 {PACKAGE} {when}")

    assert shown["text"].startswith(f"I understood `install site-1 {PACKAGE} {when}`, but site-1 ")
    assert "only in its windows (tue 02:00-05:00, fri 22:00-00:00, UTC)" in shown["text"]
    assert shown["text"].endswith(answer)
    assert house.rows == []


async def test_the_other_group_may_fail_over_at_any_time(house, people):
    shown = await give(people, f"/hotfix install site-2 {PACKAGE}")

    assert "When:" not in shown["text"]
    assert ordered(house) is None


async def test_a_rollback_is_ordered_at_once_and_at_any_time(house, people):
    shown = await give(people, "/hotfix rollback site-1")
    assert "When:" not in shown["text"]
    assert ordered(house) is None

    later = await give(people, "/hotfix rollback site-1 at 06:00")
    assert "When: Tue 3 Mar 06:00 UTC" in later["text"]


async def test_a_plan_says_which_window_it_would_be(house, people):
    shown = await give(people, f"/hotfix plan install site-1 {PACKAGE}")

    assert "from Tue 3 Mar 02:00 UTC" in shown["text"]
    assert ordered(house) == Appointment(START, UNTIL, zone="UTC")


# ---------------------------------------------------------------------------------- a run's move


def schedule(house: House, **of_the_plan: Any) -> None:
    """Have a run that was planned with the group's windows, and waits for the first."""
    at = Appointment(START, UNTIL, zone="UTC")
    request = Request("install", "site-1", PACKAGE, RITA, CHANNEL, "rita", appointment=at)
    policy = Policy(windows=house.settings.windows_of("site-1"))
    made = appointed(plan(run=RUN, policy=policy, **of_the_plan), at)
    drafts, index = first_records(RUN, request, made, without_package(), house.clock, by=RITA)
    house.stores.journal.append(RUN, drafts, lease=None, last_seq=0, index=index)


def moved(house: House) -> Appointment | None:
    (row,) = house.rows
    return from_json(Change, row.body["change"]).appointment


@pytest.mark.parametrize("when", ["now", "at 06:00"])
async def test_a_run_is_moved_to_no_time_outside(house, people, when):
    schedule(house)

    shown = await give(people, f"/hotfix schedule move {RUN} {when}")

    assert f"I understood `move {RUN} {when}`, but site-1 fails over only" in shown["text"]
    assert shown["text"].endswith(f" is {NEXT}.")
    assert house.rows == []


async def test_a_run_that_is_moved_to_a_moment_ends_with_its_window(house, people):
    schedule(house)

    await give(people, f"/hotfix schedule move {RUN} at fri 22:30")

    friday = START + timedelta(days=3, hours=20, minutes=30)
    wanted = Appointment(friday, friday + timedelta(minutes=90), "at fri 22:30", "UTC")
    assert moved(house) == wanted


async def test_a_scheduled_rollback_is_brought_forward_at_any_time(house, people):
    schedule(house, kind="uninstall", phase="rollback", gives_back=True)

    await give(people, f"/hotfix schedule move {RUN} now")

    found = moved(house)
    assert found is not None
    assert found.until is None


async def test_the_schedule_names_the_windows_and_how_the_next_one_is_written(house, people):
    windows = "(tue 02:00-05:00, fri 22:00-00:00, UTC)"
    rule = f"`site-1` fails over only in its windows {windows}; next is {NEXT}."

    for text in ("/hotfix schedule", "/hotfix schedule site-1"):
        assert await told(people, house, text) == (
            f"Nothing is scheduled{' on `site-1`' if 'site' in text else ''}.\n{rule}"
        )
    assert "windows" not in await told(people, house, "/hotfix schedule site-2")
    schedule(house)
    shown = await told(people, house, "/hotfix schedule")
    assert shown.endswith(rule)
    assert f"`/hotfix schedule move {RUN} window 2026-03-06 22:00-00:00`" in shown
