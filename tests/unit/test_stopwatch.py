"""How long ago something was, by two clocks of which one may be stepped."""

from datetime import timedelta

import pytest

from engine.stopwatch import CLOCKS_DIFFER, Stopwatch
from tests.unit.builders import NOW
from tests.unit.hand_clock import HandClock

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
STEPS = [timedelta(0), timedelta(seconds=3), -timedelta(seconds=3), 2 * MINUTE, HOUR, -HOUR]


def test_time_that_passes_is_the_same_for_all_three():
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    watch.see(NOW)
    clock.move_to(60)

    assert watch.at_least(NOW) == watch.about(NOW) == MINUTE
    assert watch.latest(NOW) == NOW + MINUTE


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_step_of_the_wall_clock_neither_shortens_a_wait_nor_lengthens_a_right(step):
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    watch.see(NOW)
    clock.move_to(30)
    clock.step(step)
    clock.move_to(60)

    assert watch.at_least(NOW) == watch.about(NOW) == MINUTE
    assert watch.latest(NOW) == NOW + MINUTE + max(step, timedelta(0))


def test_a_fresh_process_waits_anew_but_knows_by_the_wall_clock_how_long_ago_it_was():
    clock = HandClock(NOW + HOUR)
    watch = Stopwatch(clock)
    watch.see(NOW)
    clock.step(-2 * HOUR)
    clock.move_to(60)

    assert watch.at_least(NOW) == MINUTE
    assert watch.about(NOW) == HOUR + MINUTE
    assert watch.latest(NOW) == NOW + HOUR + MINUTE


@pytest.mark.parametrize(
    ("ahead", "unknown"), [(CLOCKS_DIFFER, False), (CLOCKS_DIFFER + timedelta(seconds=1), True)]
)
def test_a_right_that_began_in_the_future_has_run_out(ahead, unknown):
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    began = NOW + ahead

    assert watch.about(began) == watch.at_least(began) == timedelta(0)
    assert (watch.latest(began) > began + timedelta(days=1000)) is unknown


def test_a_right_is_as_old_as_what_was_written_since_says():
    """The wall was set back by less than a minute at a time, and shows less than has passed."""
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    later = [NOW + 7 * MINUTE, NOW + 6 * MINUTE, NOW + 8 * MINUTE, NOW + 7 * MINUTE]
    clock.step(7 * MINUTE)

    watch.read([NOW, *later])
    clock.move_to(60)

    assert watch.latest(NOW) == NOW + 10 * MINUTE
    assert watch.latest(later[-1]) == later[-1] + MINUTE
    assert watch.about(NOW) == 8 * MINUTE


@pytest.mark.parametrize(
    ("wall", "after"),
    [(-2 * MINUTE, []), (HOUR, [-2 * MINUTE])],
    ids=["the-present", "a-later-record"],
)
def test_a_right_has_run_out_where_the_clock_was_set_back_after_it_began(wall, after):
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    began, last = NOW - 9 * MINUTE, [NOW + one for one in after]
    clock.step(wall)

    watch.read([began, NOW, *last])

    assert watch.latest(began) > NOW + timedelta(days=1000)
    assert [watch.latest(one) for one in last] == [clock.now() for _ in last]


def test_what_was_first_seen_stays_the_beginning():
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    watch.see(NOW)
    clock.move_to(60)
    watch.see(NOW)

    assert watch.at_least(NOW) == MINUTE


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_moment_of_our_own_is_now_whatever_becomes_of_the_wall_until_it_is_durable(step):
    clock = HandClock(NOW)
    watch = Stopwatch(clock)
    watch.stamp(NOW)
    clock.step(step)
    watch.see(NOW)
    clock.move_to(60)

    assert watch.at_least(NOW) == watch.about(NOW) == MINUTE
    assert watch.latest(NOW) == NOW + MINUTE + max(step, timedelta(0))
