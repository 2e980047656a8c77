"""Appointments: nothing before its time, nothing after its window, nothing late without asking."""

from tests.mutation.trials import safety

WAITS = "engine/waits.py"
PURE = "engine/appointments.py"
PLAYED = "simulation/test_appointments.py"
BESIDE = "simulation/test_beside.py"
AFTERWARDS = "simulation/test_afterwards.py"
UNIT = "unit/test_appointments.py"

SAFETIES = (
    safety(
        "no failover before its time",
        promise="P2",
        why="People approved it for two o'clock, and traffic would move at half past one.",
        file=WAITS,
        old="    return begins == since or since + duty.stopwatch.about(since) >= begins\n",
        new="    return True\n",
        by=(f"{PLAYED}::test_a_run_for_later_is_prepared_at_once_and_fails_over_at_its_time",),
    ),
    safety(
        "a window's end holds before the next group",
        promise="P2",
        why="The second failover would come in the business day.",
        file=WAITS,
        old="    if until is None or _latest(duty) < until:\n",
        new="    if until is None or until:\n",
        by=(f"{PLAYED}::test_a_window_that_ends_holds_before_the_next_group_and_never_inside_one",),
    ),
    safety(
        "no approval outlives its window",
        promise="P2",
        why="An approval in the last minute would let a failover begin after the end.",
        file=PURE,
        old="    last = begins_at(plan, kind, starts_at) + policy.execution_expiry\n"
        "    return min(last, ends_at(plan, kind) or last)\n",
        new="    return begins_at(plan, kind, starts_at) + policy.execution_expiry\n",
        by=(f"{UNIT}::test_no_approval_is_good_before_its_time_or_after_its_window",),
    ),
    safety(
        "whoever is late asks",
        promise="P4",
        why="A bot that comes back at noon would begin what was meant for the night.",
        file=WAITS,
        old="    if plan.appointment is None or latest is None or _latest(duty) < latest:\n",
        new="    if True:\n",
        by=(f"{PLAYED}::test_whoever_was_away_over_the_time_asks_and_begins_nothing",),
    ),
    safety(
        "a clock that was set begins nothing",
        promise="P4",
        why="A time server that is hours ahead would bring the night forward.",
        file=WAITS,
        old="    if now >= due:\n        return True\n",
        new="    if max(now, duty.clock.now()) >= due:\n        return True\n",
        by=(f"{PLAYED}::test_a_machine_whose_clock_is_set_forward_does_not_begin_early",),
    ),
    safety(
        "nothing begins while most members say that it is another time",
        promise="P4",
        why="A restart after the clock was set forward would bring the night forward by hours.",
        file=WAITS,
        old="        _refuse_another_time(duty, step, facts)\n",
        by=(
            "simulation/test_clocks.py::"
            "test_a_fresh_process_whose_clock_is_ahead_begins_nothing_that_the_members_say_is_early",
        ),
    ),
    safety(
        "what is due waits for a freeze to end",
        promise="P7",
        why="It would go on, and prepare a failover, where people said that nothing happens.",
        file=WAITS,
        old="    return await frozen(duty) or await _busy(duty)\n",
        new="    return await _busy(duty)\n",
        by=(
            f"{PLAYED}::test_a_run_that_is_due_while_its_group_is_frozen_waits_and_goes_on_in_its_"
            "window",
        ),
    ),
    safety(
        "what is due is compared with its plan",
        promise="P1",
        why="Days have passed: what was planned may not be what is there.",
        file=WAITS,
        old="        invariants.check(replace(step, kind=StepKind.PREFLIGHT), facts, state)\n"
        "        trouble,",
        new="        trouble,",
        by=(f"{PLAYED}::test_what_changed_by_hand_meanwhile_holds_when_it_is_due",),
    ),
    safety(
        "what waits is compared with its plan every day",
        promise="P10",
        why="That it cannot begin would be told at two in the night, and not the day before.",
        file=WAITS,
        old="        await _compare_with_plan(duty, step)\n        return False\n",
        new="        return False\n",
        by=(f"{PLAYED}::test_what_is_scheduled_is_compared_with_what_is_true_every_day",),
    ),
    safety(
        "nothing is planned in the midst of another run",
        promise="P1",
        why="Members that are being changed would be what people approve a plan for.",
        file="engine/planning.py",
        old="    if any(kind not in _CHANGES_NO_MEMBER for kind in intended):\n",
        new="    if False:\n",
        by=(f"{BESIDE}::test_nothing_is_planned_beside_a_run_that_works_on_members",),
    ),
    safety(
        "what is for later is not looked at in the midst of another run",
        promise="P1",
        why="It would hold for what is only the other one's work, or take that for the truth.",
        file=WAITS,
        old="    if why := await _busy(duty):\n",
        new='    if why := "":\n',
        by=(f"{BESIDE}::test_what_the_other_run_changed_is_said_by_day_and_nothing_is_begun",),
    ),
    safety(
        "what waits for another run does not wait past its time",
        promise="P4",
        why="Its window would end in silence.",
        file=WAITS,
        old="    _refuse_late(duty)\n    if why := await _busy(duty):\n",
        new="    if why := await _busy(duty):\n",
        by=(f"{BESIDE}::test_what_comes_too_late_for_its_window_asks",),
    ),
    safety(
        "a no to keeping it takes nothing back",
        promise="P2",
        why="One voice against keeping it would have it asked for at once, days too early.",
        file="engine/asking.py",
        old="        return [due] if expired else []\n",
        new="        return [due]\n",
        by=(f"{AFTERWARDS}::test_a_no_to_keeping_it_asks_anew_and_keeps_nothing",),
    ),
    safety(
        "a rollback begins with the end of its installation",
        promise="P4",
        why="It would never be asked for, and everybody would rely on it.",
        file="engine/runner.py",
        old="    await duty.journal.append([judged], begins=begins)\n",
        new="    await duty.journal.append([judged])\n",
        by=(f"{AFTERWARDS}::test_the_end_of_an_installation_begins_its_rollback",),
    ),
    safety(
        "the judge knows the time that was agreed on",
        promise="P2",
        why="A failover out of its time would be called approved.",
        file="engine/promises.py",
        old="    if (told := _out_of_time(before, intended)) is not None:\n",
        new="    if False and (told := _out_of_time(before, intended)) is not None:\n",
        by=(
            "unit/test_promises.py::test_p2_notices_a_failover_out_of_the_time_that_was_agreed_on",
        ),
    ),
)
