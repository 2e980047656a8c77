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
    safety(
        "what follows a run and goes on, or brings it again, is ordered inside of the windows",
        promise="P2",
        why="The rollback of a rollback would bring the hotfix on in the business day.",
        file="engine/planning.py",
        old="    request = windows.once_planned(request, plan, clock.now())\n",
        new="",
        by=(
            f"{PLAYED}::test_the_rollback_of_a_rollback_installs_and_so_keeps_to_the_windows",
            f"{PLAYED}::test_what_a_run_that_turned_has_taken_back_comes_again_in_the_windows_alone",
        ),
    ),
    safety(
        "what leads back is told from what goes on",
        promise="P2",
        why="What a run is called would decide when traffic moves, not what it does.",
        file="engine/following.py",
        old="    return undone is (request.kind == FINISH)\n",
        new="    return True\n",
        by=(
            f"{PLAYED}::test_a_rollback_that_installs_is_moved_nowhere_but_into_a_window",
            f"{PLAYED}::test_the_rest_of_an_installation_keeps_to_the_windows",
        ),
    ),
    safety(
        "what is taken back waits for no window",
        promise="P2",
        why="A hotfix that does harm would stay for days, until the next window.",
        file=PURE,
        old="    return Windows() if plan.gives_back or _turned(plan) else plan.policy.windows\n",
        new="    return plan.policy.windows\n",
        by=(
            f"{UNIT}::test_what_leads_back_waits_for_no_window",
            f"{PLAYED}::test_a_scheduled_rollback_is_carried_out_outside_of_the_windows",
        ),
    ),
    safety(
        "no order for too little of a window",
        promise="P2",
        why="The window would end in the middle of the work, with the group half done.",
        file=PURE,
        old="    elif (left := _left(windows, kept, now)) < windows.shortest:\n",
        new="    elif (left := _left(windows, kept, now)) < timedelta(0):\n",
        by=(f"{PLAYED}::test_an_order_for_too_little_of_a_window_is_refused",),
    ),
    safety(
        "a gate at the window's end holds with the way on",
        promise="P4",
        why="Whoever is called would say `retry`, and be refused again by the window.",
        file="engine/asking.py",
        old='            "move" if over else "retry",\n',
        new='            "retry",\n',
        by=(f"{PLAYED}::test_a_gate_that_is_open_as_the_window_ends_holds_with_the_way_on",),
    ),
    safety(
        "no proposal outlives its window",
        promise="P2",
        why="People would vote for a day on what cannot begin any more.",
        file="engine/appointments.py",
        old="        ends.append(StepKind.PROPOSAL)\n",
        new="        pass\n",
        by=(f"{PLAYED}::test_a_proposal_ends_with_its_window_and_is_asked_again_at_another_time",),
    ),
    safety(
        "nothing is asked once the window is over",
        promise="P2",
        why="After a `retry` people would be asked for what ends in the same moment.",
        file="engine/asking.py",
        old="    waits.inside(duty, step)\n",
        new="",
        by=(f"{PLAYED}::test_a_proposal_ends_with_its_window_and_is_asked_again_at_another_time",),
    ),
)
