"""Windows of the settings: nothing is appointed outside, and a window ends when it ends."""

from tests.mutation.trials import safety

PURE = "engine/windows.py"
UNIT = "unit/test_windows.py"
PLAYED = "simulation/test_windows.py"

SAFETIES = (
    safety(
        "no order outside of the windows",
        promise="P2",
        why="A group that may be changed on Saturday nights would fail over at noon.",
        file="engine/orders.py",
        old="        request = windows.ordered(request, setup.policy.windows, self._clock.now())\n",
        new="",
        by=(f"{PLAYED}::test_what_is_ordered_outside_of_the_windows_is_refused_and_makes_no_run",),
    ),
    safety(
        "no order without a time where there are windows",
        promise="P2",
        why="Whoever says no time would begin at once, whatever the settings allow.",
        file=PURE,
        old="    if request.appointment is None:\n        raise PlanRefused(\n",
        new="    if request.appointment is None:\n        return request\n    if False:\n"
        "        raise PlanRefused(\n",
        by=(f"{PLAYED}::test_what_is_ordered_outside_of_the_windows_is_refused_and_makes_no_run",),
    ),
    safety(
        "no run is moved out of the windows",
        promise="P2",
        why="A held run would go on in the business day as soon as somebody says `move now`.",
        file="engine/proposals.py",
        old="    appointment = windows.moved(plan, appointment, now)\n",
        new="",
        by=(
            f"{PLAYED}::test_a_run_that_holds_goes_on_in_the_next_window_and_is_moved_nowhere_else",
        ),
    ),
    safety(
        "an appointment ends with its window",
        promise="P2",
        why="The second failover would begin after the window in which the first one did.",
        file=PURE,
        old="    return replace(appointment, until=appointment.until or window.until)\n",
        new="    return appointment\n",
        by=(
            f"{PLAYED}::test_a_run_in_a_window_of_the_settings_ends_with_it_before_the_next_group",
        ),
    ),
    safety(
        "what ends after its window is refused",
        promise="P2",
        why="A window that somebody makes longer in words would be longer than the settings say.",
        file=PURE,
        old="    if window is None or (appointment.until or window.until) > window.until:\n",
        new="    if window is None:\n",
        by=(f"{UNIT}::test_an_appointment_is_wholly_inside_of_a_window_or_refused",),
    ),
    safety(
        "a time that comes twice is the later beginning",
        promise="P2",
        why="On one night of the year the window would open an hour too early.",
        file=PURE,
        old="            _, start = _readings(first",
        new="            start, _ = _readings(first",
        by=(f"{UNIT}::test_on_a_night_on_which_the_clocks_change_the_narrower_window_holds",),
    ),
    safety(
        "a time that comes twice is the earlier end",
        promise="P2",
        why="On one night of the year the window would stay open an hour too long.",
        file=PURE,
        old="            until, _ = _readings(first",
        new="            _, until = _readings(first",
        by=(f"{UNIT}::test_on_a_night_on_which_the_clocks_change_the_narrower_window_holds",),
    ),
)
