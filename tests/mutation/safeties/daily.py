"""The daily look: only reading, only where no run is at work, once a day, and never mute (P5)."""

from tests.mutation.trials import Edit, Safety, safety

DAILY = "engine/daily.py"
DRIFT = "engine/drift.py"
PLAYED = "simulation/test_daily_looks.py"
SPOKEN = "slack/test_daily_looks.py"
UNIT = "unit/test_drift.py"

SAFETIES = (
    safety(
        "a daily look goes through a shell that can only read",
        promise="P2",
        why="A mistake in a look would act on a group that nobody approved anything for.",
        file=DAILY,
        old="LiveGroup(ReadingShell(shell),",
        new="LiveGroup(shell,",
        by=(f"{PLAYED}::test_nothing_but_what_reads_reaches_the_group",),
    ),
    safety(
        "a group on which a run is at work is let be",
        promise="P9",
        why="A second process would log in to a group in the middle of a failover.",
        file=DAILY,
        old="(self._of_run(setup) if busy else self._of_group(setup))",
        new="self._of_group(setup)",
        by=(f"{PLAYED}::test_a_run_that_nobody_touches_is_told_of_each_day_and_its_group_let_be",),
    ),
    safety(
        "what was seen while a run began is not told",
        promise="P12",
        why="A channel would read that members are down, which a run takes down with approval.",
        file=DAILY,
        old="if busy != await asyncio.to_thread(occupant, journal, setup.name):",
        new="if False:",
        by=(f"{PLAYED}::test_what_was_seen_while_a_run_began_is_not_told",),
    ),
    Safety(
        "a day is looked for once",
        "P12",
        "Each restart would say the same once more, until nobody reads it.",
        (
            Edit(
                DAILY,
                "        if not drift.is_due(day, moment, last, self._since):\n"
                "            return True\n",
            ),
            Edit(
                DAILY,
                "        if not drift.is_due(day, moment, _last(records), self._since):\n"
                "            return\n",
            ),
        ),
        (f"{PLAYED}::test_a_restart_does_not_look_again",),
    ),
    safety(
        "of two workers one looks",
        promise="P12",
        why="Two would log in at once, each morning.",
        file=DAILY,
        old="        if lease is None:\n            return\n",
        by=(f"{PLAYED}::test_a_group_that_another_worker_looks_at_is_left_to_it",),
    ),
    safety(
        "a group that does not answer is told of",
        promise="P5",
        why="Who is silent for days would pass for in order.",
        file=DAILY,
        old="            if now - since < setup.policy.limits.blind.total_seconds():\n",
        new="            if True:\n",
        by=(
            f"{PLAYED}::test_a_group_that_does_not_answer_is_told_of_once_and_is_in_order_the_next_"
            "day",
        ),
    ),
    safety(
        "what a group owes is looked at daily and calls those who operate",
        promise="P5",
        why="Auto-clone would stay off for months, and a new member would come without a take.",
        file=DRIFT,
        old="settle, mention=True)",
        new="settle)",
        by=(
            f"{UNIT}::test_what_a_group_owes_is_told_with_how_to_settle_it_and_calls_those_who_"
            "operate",
        ),
    ),
    safety(
        "what a device says in a daily look mentions nobody",
        promise="P12",
        why="A banner on a device could call a whole channel, or look like ours.",
        file="bot/views/drift.py",
        old="_sentence(escape(one.text))",
        new="_sentence(one.text)",
        by=(f"{SPOKEN}::test_what_a_device_says_mentions_nobody",),
    ),
    safety(
        "a daily look is no run",
        promise="P11",
        why="The index could not be made anew from the journal any more.",
        file="storage/records.py",
        old="return stream != HOUSE and not stream.startswith(LOOKS)",
        new="return stream != HOUSE",
        by=(
            "unit/test_verification.py::test_the_daily_looks_are_no_run_and_are_checked_like_the_"
            "house",
        ),
    ),
)
