"""Who will be there: what counts is what a failover would count, and it is about one time."""

from tests.mutation.trials import safety

PLAYED = "simulation/test_attendance.py"
PURE = "engine/attendance.py"

SAFETIES = (
    safety(
        "who asks for a run does not count among those who will be there",
        promise="P1",
        why="By day it would seem enough, and at night nobody else is up.",
        file="engine/verbs.py",
        old="    if refused := attendance.refusal(duty.state, person, roles):\n",
        new='    if refused := "":\n',
        by=(f"{PLAYED}::test_whoever_asked_for_the_run_or_may_approve_nothing_is_refused",),
    ),
    safety(
        "who changes the plan counts no longer among those who will be there",
        promise="P1",
        why="By day it would seem enough, and at night their yes does not count.",
        file=PURE,
        old="    return policy.requester_may_vote or one.user not in _askers(state)\n",
        new="    return True\n",
        by=(f"{PLAYED}::test_whoever_changes_the_plan_counts_no_longer",),
    ),
    safety(
        "another time asks anew who will be there",
        promise="P1",
        why="Who is up on Saturday need not be on Sunday.",
        file="engine/fold.py",
        old="        if self.plan.appointment != agreed:\n",
        new="        if False:\n",
        by=(f"{PLAYED}::test_another_time_asks_anew",),
    ),
    safety(
        "that nobody of a role will be left is told by day",
        promise="P1",
        why="It would be found out at two in the night.",
        file="engine/verbs.py",
        old="    alone = [] if there else _nobody_comes(",
        new="    alone = [] if True else _nobody_comes(",
        by=(f"{PLAYED}::test_it_is_told_at_once_where_nobody_of_a_role_will_be_left",),
    ),
    safety(
        "it stops nothing that nobody said they will be there",
        promise="P10",
        why="People who forgot a button would find nothing done.",
        file="engine/waits.py",
        old="    _refuse_late(duty)\n    if why := await _in_the_way(duty):\n",
        new="    _refuse_late(duty)\n"
        "    if not duty.state.attending:\n"
        "        return False\n"
        "    if why := await _in_the_way(duty):\n",
        by=(
            f"{PLAYED}::test_those_who_are_needed_are_called_at_once_and_at_each_third_of_the_time",
        ),
    ),
    safety(
        "it is told each time that nobody of a role will be left",
        promise="P1",
        why="Told once for Saturday, it would be found out on Sunday at two in the night.",
        file="engine/verbs.py",
        old="    if not lacking:\n",
        new="    if not lacking or any(a['what'] == 'attendance' for a in duty.state.alarms):\n",
        by=(
            f"{PLAYED}::test_that_nobody_of_a_role_will_be_left_is_told_each_time_that_it_becomes_"
            "so",
        ),
    ),
    safety(
        "nobody is called in their sleep where that can wait",
        promise="P1",
        why="Who is called in the night for another night stops reading calls.",
        file="engine/calling.py",
        old="    return up if up <= opens - appointments.CALLED_AHEAD else None\n",
        new="    return None\n",
        by=(f"{PLAYED}::test_where_all_sleep_they_are_called_when_the_first_of_them_is_up",),
    ),
    safety(
        "nobody is called twice",
        promise="P8",
        why="Each restart would call everybody again.",
        file=PURE.replace("attendance", "appointments"),
        old="    return first + left * calls / CALLS if left >= CALLED_AHEAD else None\n",
        new="    return first if left >= CALLED_AHEAD else None\n",
        by=(f"{PLAYED}::test_after_a_restart_nobody_is_called_twice",),
    ),
)
