"""What stands in Slack stays right: deleted, shut out, refused, or asked too often (P2, P12)."""

from tests.mutation.trials import safety

PEOPLE = "bot/people.py"
LOSSES = "bot/speaking/losses.py"
SPEAKING = "slack/test_speaker.py"
BUDGETS = "simulation/test_budgets.py"
DELETED = "simulation/test_deleted_messages.py"
DOORS = "slack/test_doors.py"
ALONE = "simulation/test_unattended.py"
EACH_ANSWER = (
    "simulation/test_answers.py::test_whoever_dies_each_answer_is_given_or_waits_to_be_given"
)

SAFETIES = (
    safety(
        "every call waits for its turn",
        promise="P12",
        why="Twenty open gates would use up what Slack allows, and a stop could not be read.",
        file="bot/calls.py",
        old="                await self.turns.take(api_method, channel)\n",
        new="                pass\n",
        by=(
            f"{BUDGETS}::test_twenty_runs_are_told_and_asked_about_without_ever_being_told_to_wait",
        ),
    ),
    safety(
        "a time to wait is heeded by everybody",
        promise="P12",
        why="Slack refuses an app for longer that goes on asking.",
        file="bot/calls.py",
        old="            self.turns.hold(method, refused.retry_after)\n",
        new="            pass\n",
        by=(f"{BUDGETS}::test_a_time_to_wait_is_heeded_by_everybody_and_for_that_method_alone",),
    ),
    safety(
        "votes on a deleted message fall",
        promise="P2",
        why="What nobody can read or take back any more would approve.",
        file="engine/words.py",
        old='    lost = [vote for vote in gate.votes.values() if vote.source == "reaction"]\n',
        new="    lost: list[Vote] = []\n",
        by=(
            f"{DELETED}::test_an_approval_whose_message_is_deleted_in_the_grace_time_begins_nothing",
        ),
    ),
    safety(
        "a gate's message that was deleted stands anew",
        promise="P12",
        why="People would be asked, and have nothing to answer on.",
        file=LOSSES,
        old="            if await self.is_gone(delivery):\n",
        new="            if False:\n",
        by=(
            f"{SPEAKING}::test_a_gate_that_somebody_deleted_stands_anew_and_can_be_voted_on_there",
        ),
    ),
    safety(
        "what is missing is asked for before it is posted again",
        promise="P12",
        why="A message that Slack only shows late would stand there twice.",
        file=LOSSES,
        old='        return bool((answer.get("message") or {}).get("subtype") == "tombstone")\n',
        new="        return True\n",
        by=(f"{SPEAKING}::test_what_is_only_not_seen_yet_is_asked_for_and_left_alone",),
    ),
    safety(
        "a written no outlasts the message that it was about",
        promise="P12",
        why="Deleting a gate's message would silence who wrote against it.",
        file=PEOPLE,
        old="        since = min([ts, *stood], key=float)\n",
        new="        since = ts\n",
        by=(
            "slack/test_people.py::test_words_below_a_message_that_was_deleted_are_ballots_at_the_"
            "one_after_it",
        ),
    ),
    safety(
        "nothing counts in a channel that is shut",
        promise="P2",
        why="An archived channel can be read, but nobody can stop anything there.",
        file=PEOPLE,
        old="        await self._channels.refuse_shut(channel)\n",
        by=(f"{DOORS}::test_an_open_channel_is_not_remembered_for_long",),
    ),
    safety(
        "an open channel is not remembered for long",
        promise="P2",
        why="A failover would begin in a channel that was archived in its grace time.",
        file="bot/channels.py",
        old="<= REMEMBERED.total_seconds()",
        new="<= 3600",
        by=(f"{DOORS}::test_an_open_channel_is_not_remembered_for_long",),
    ),
    safety(
        "the judge counts no vote that fell with its message",
        promise="P2",
        why="Nobody would notice a failover approved by what cannot be read.",
        file="engine/promises.py",
        old='            standing -= set(record.body.get("fallen", ()))\n',
        new="            pass\n",
        by=(f"{DELETED}::test_the_judge_counts_no_vote_that_fell_with_its_message",),
    ),
    safety(
        "that no worker is left is told",
        promise="P12",
        why="Half of a group would be down, and read as work in progress, for as long as nobody "
        "looks; who said halt would wait.",
        file="bot/speaking/comparison.py",
        old="        if absence is not None:\n",
        new="        if False:\n",
        by=(f"{ALONE}::test_that_no_worker_is_left_is_told_once_and_that_one_is_back_as_well",),
    ),
    safety(
        "a take-over is no absence",
        promise="P12",
        why="Whoever is called at each new start of a worker does not come when none is left.",
        file="bot/unattended.py",
        old="            if group in self._suspected and at <= long_ago\n",
        by=(
            f"{ALONE}::test_of_a_take_over_nobody_is_told",
            f"{ALONE}::test_a_database_that_was_away_is_no_absence",
        ),
    ),
    safety(
        "a worker that the database kept away may come back first",
        promise="P12",
        why="Each outage of the database would end with an alarm that nobody acts.",
        file="bot/unattended.py",
        old="            self._suspected = {}  # a worker that was kept away as well comes back\n",
        by=(f"{ALONE}::test_a_database_that_was_away_is_no_absence",),
    ),
    safety(
        "one process tells that nobody acts",
        promise="P12",
        why="Each replica would note an absence of its own, and people be called for each.",
        file="bot/unattended.py",
        old="        if lease is None:\n            return\n        key",
        new="        key",
        by=(f"{ALONE}::test_only_who_speaks_for_a_run_notes_that_nobody_acts",),
    ),
    safety(
        "where nobody acts, what is being changed is not brought up by hand at once",
        promise="P1",
        why="A member would take traffic, and restart under it when CPUSE is done.",
        file="bot/views/unattended.py",
        old='hand += f" But {waits}." if waits else ""',
        new="pass",
        by=(
            f"{ALONE}::test_while_a_group_is_being_changed_nobody_is_told_to_bring_it_up_by_hand_"
            "at_once",
        ),
    ),
    safety(
        "an edit that came too late is made again by who speaks now",
        promise="P12",
        why="A gate that was approved would read as one that waits, for good.",
        file="bot/speaking/editing.py",
        old="            await self._was_late(delivery)\n",
        new="",
        by=(f"{SPEAKING}::test_a_speaker_stopped_before_its_edit_leaves_nothing_outdated",),
    ),
    safety(
        "what a person is told is kept with what was decided",
        promise="P12",
        why="Killed between the two, whoever said something would wait for an answer in vain.",
        file="engine/journal.py",
        old="                    put=told,\n",
        new="",
        by=(EACH_ANSWER,),
    ),
    safety(
        "why an order or a freeze is refused is kept with the refusal",
        promise="P12",
        why="Killed between the two, its author would believe that it is being looked at.",
        file="engine/house.py",
        old="                put=[told],\n",
        new="",
        by=(EACH_ANSWER,),
    ),
    safety(
        "an answer is given once",
        promise="P12",
        why="Whoever gives what was left would tell it a second time, and a third.",
        file="engine/answering.py",
        old="        await asyncio.to_thread(inbox.drop, row.key)\n",
        new="        pass\n",
        by=(EACH_ANSWER,),
    ),
    safety(
        "an answer that Slack does not take is kept",
        promise="P12",
        why="Who said something in an outage would wait for an answer in vain.",
        file="engine/answering.py",
        old="    if given or old:\n",
        new="    if True:\n",
        by=("slack/test_leftovers.py::test_an_answer_that_slack_does_not_take_waits_for_a_day",),
    ),
    safety(
        "an answer to a question that Slack does not take is kept",
        promise="P12",
        why="Who asked something in an outage would wait for an answer in vain.",
        file="bot/inbox.py",
        old='or await answers.answer(row.body["answer"], await say(row)):',
        new='or await answers.answer(row.body["answer"], await say(row)) in (True, False):',
        by=("slack/test_leftovers.py::test_an_answer_that_slack_does_not_take_waits_for_a_day",),
    ),
    safety(
        "an answer is given by one of two processes that found it left",
        promise="P12",
        why="They go round at the same pace, and whoever asked would be told each answer twice.",
        file="bot/inbox.py",
        old="            if not await asyncio.to_thread(waits, inbox, row):\n",
        new="            if False:\n",
        by=(
            "slack/test_leftovers.py::test_an_answer_that_another_process_gave_meanwhile_is_not_"
            "given_again",
        ),
    ),
    safety(
        "a file is handed over once, however often its answer is tried",
        promise="P12",
        why="In an outage that takes files and no texts, it would be written to them each minute.",
        file="bot/people.py",
        old="        if handed in self._handed:",
        new="        if handed == self._handed:",
        by=(
            "slack/test_leftovers.py::test_a_file_is_handed_over_once_however_often_its_answer_is_"
            "tried",
        ),
    ),
    safety(
        "nobody writes for a day to somebody who has left",
        promise="P12",
        why="Two calls a minute to Slack for a day, for each answer.",
        file="bot/people.py",
        old=" or refused.error in CHANNEL_SHUT\n",
        new="\n",
        by=("slack/test_no_answers.py::test_an_answer_is_let_go_where_slack_will_never_take_it",),
    ),
    safety(
        "an answer that nobody needs any more is let go",
        promise="P12",
        why="It would be given years later, and asked for each minute until then.",
        file="engine/answering.py",
        old="    return old\n",
        new="    return False\n",
        by=("slack/test_leftovers.py::test_an_answer_that_slack_does_not_take_waits_for_a_day",),
    ),
    safety(
        "an answer that a process left is given by who faces Slack",
        promise="P12",
        why="It would wait for ever.",
        file="bot/leftovers.py",
        old="kinds=(ASKED, TOLD)",
        new="kinds=(ASKED,)",
        by=(
            "slack/test_leftovers.py::test_an_answer_of_the_engine_that_a_killed_process_left_is_"
            "given_as_plain_text",
        ),
    ),
    safety(
        "an answer that breaks keeps no other from being given",
        promise="P12",
        why="Everybody who was answered after it would wait for ever.",
        file="bot/leftovers.py",
        old="            except Exception:  # or",
        new="            except ArithmeticError:  # or",
        by=("slack/test_leftovers.py::test_an_answer_that_breaks_keeps_no_other_from_being_given",),
    ),
)
