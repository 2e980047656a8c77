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
                "        if not drift.is_due(day, moment, self._last(records), self._since):\n"
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
    safety(
        "who asks for a look lets a group be on which a run is at work",
        promise="P9",
        why="Another process would log in to a group in the middle of a failover.",
        file=DAILY,
        old="    if not busy:\n        look = await _looked_or_unseen(",
        new="    if True:\n        look = await _looked_or_unseen(",
        by=(
            f"{PLAYED}::test_who_asks_beside_a_run_at_work_reads_whose_it_is_and_no_advice_for_the_"
            "devices",
        ),
    ),
    safety(
        "who asks for a look reads nothing of a run that began meanwhile",
        promise="P12",
        why="Who reads that members are down brings up by hand what is being installed on.",
        file=DAILY,
        old="        if not busy:\n            return look\n    now",
        new="        return look\n    now",
        by=(f"{PLAYED}::test_who_asks_reads_nothing_of_a_run_that_began_while_it_was_looked",),
    ),
    safety(
        "a spoilt look is as if it had not been made",
        promise="P11",
        why="Its group would never be looked at again, and nobody would be told.",
        file=DAILY,
        old="            if look is not None:\n                return look\n",
        new="            return look\n",
        by=(
            f"{PLAYED}::test_a_look_that_was_spoilt_is_as_if_it_had_not_been_made_and_that_is_said_"
            "once",
        ),
    ),
    safety(
        "the last run of a group is the one that ended last",
        promise="P1",
        why="`finish` would plan the wrong way, where one for later was ordered before others.",
        file="engine/former.py",
        old="    for row in journal.ended(group):",
        new="    for row in reversed([r for r in journal.runs(group=group, open_only=False)]):",
        by=(
            "simulation/test_last_ended.py::test_finish_goes_on_with_a_run_for_later_that_was_ended"
            "_in_the_middle",
        ),
    ),
)
