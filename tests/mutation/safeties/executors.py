"""One executor at a time, one truth: leases, epochs, the fence, and the stores (P8, P9)."""

from tests.mutation.trials import Edit, Safety, safety

MEMORY = "storage/memory.py"
JOURNAL = "storage/journal.py"
STORES = "contract/test_stores.py"
FENCE = "engine/fence.py"
WORDS = "engine/words.py"
WORKER = "engine/worker.py"
AT_DEVICES = "simulation/test_fence.py"
TWO = "simulation/test_two_workers.py"
PATIENCE = "engine/patience.py"
RECORDED = "simulation/test_recorded.py"
GONE = f"{TWO}::test_an_open_run_whose_group_nobody_has_in_the_settings_is_told_once_and_left_free"
NEWER = f"{TWO}::test_an_order_that_says_what_we_do_not_know_is_left_to_a_newer_version_for_a_while"
UNKNOWN = (
    "simulation/test_orders.py::test_an_order_is_not_done_without_what_only_a_newer_version_knows"
)
FENCED_LATER = (
    f"{AT_DEVICES}::test_an_open_run_has_a_fence_where_its_plan_or_the_present_settings_have_one"
)

LOST_LEASE = f"{STORES}::test_an_append_with_a_lost_lease_writes_nothing"
MOVED = f"{STORES}::test_a_stream_that_moved_is_not_appended_to"
WAITING_WORD = f"{STORES}::test_a_waiting_word_of_the_run_refuses_the_append"
BUSY = f"{STORES}::test_two_open_runs_never_occupy_one_group"
HEARD = f"{STORES}::test_waiting_rows_come_in_the_order_heard_whatever_the_clocks_say"
BEFORE_A_STOP = (
    "simulation/test_waiting_words.py::"
    "test_a_word_that_was_said_before_a_stop_and_found_after_it_does_not_end_it"
)
AFTER_A_STOP = "simulation/test_waiting_words.py::test_a_word_that_was_said_after_a_stop_ends_it"
LAST_HOLDS = (
    "simulation/test_waiting_words.py::"
    "test_of_a_freeze_and_its_end_the_word_that_was_said_last_holds"
)
NO_ROW = f"{STORES}::test_a_row_that_is_not_there_cannot_be_taken"

SAFETIES = (
    safety(
        "a reaction at an opening that is over is answered",
        promise="P7",
        why="Who put a cross there would believe that it stopped something.",
        file=WORDS,
        old="next((g for g in duty.state.openings if place in (g.shown, *g.former)), None)",
        new="next((g for g in duty.state.gates.values() if place in (g.shown, *g.former)), None)",
        by=(
            "simulation/test_waiting_words.py::"
            "test_a_reaction_at_an_opening_that_is_over_is_answered_and_refused_once",
        ),
    ),
    safety(
        "an append checks the epoch, in memory",
        promise="P9",
        why="An executor that was replaced would write on.",
        file=MEMORY,
        old="            _refuse_lost_lease(shelf, lease)\n            seq, prev",
        new="            seq, prev",
        by=(f"{LOST_LEASE}[memory]",),
    ),
    safety(
        "an append checks the epoch, in a database",
        promise="P9",
        why="An executor that was replaced would write on.",
        file=JOURNAL,
        old="                refuse_lost(session, lease, shared=True)\n",
        new="                pass\n",
        by=(f"{LOST_LEASE}[sqlite]",),
    ),
    safety(
        "nobody takes a lease over in the middle of an append",
        promise="P9",
        why="A plain look at the lease let a take-over through in a trial.",
        file="storage/leases.py",
        old="row = session.exec(query.with_for_update(read=shared)).first()",
        new="row = session.exec(query).first()",
        by=("contract/test_databases.py::test_a_take_over_waits_for_the_append_under_way",),
    ),
    safety(
        "a new holder is a new epoch, in memory",
        promise="P9",
        why="Nothing would tell the former holder from the present one.",
        file=MEMORY,
        old="                epoch += 1\n",
        by=(f"{STORES}::test_an_expired_lease_goes_to_another_with_the_next_epoch[memory]",),
    ),
    safety(
        "a new holder is a new epoch, in a database",
        promise="P9",
        why="Nothing would tell the former holder from the present one.",
        file="storage/leases.py",
        old="row.holder, row.epoch = holder, row.epoch + 1",
        new="row.holder = holder",
        by=(f"{STORES}::test_an_expired_lease_goes_to_another_with_the_next_epoch[sqlite]",),
    ),
    safety(
        "one resource has one holder, in memory",
        promise="P9",
        why="Two executors on one group.",
        file=MEMORY,
        old="                if old is not None and old.holder and old.expires_at > now:\n",
        new="                if False:\n",
        by=(f"{STORES}::test_one_resource_has_one_holder[memory]",),
    ),
    safety(
        "one resource has one holder, in a database",
        promise="P9",
        why="Two executors on one group.",
        file="storage/leases.py",
        old="                if row.holder and row.expires_at > moment:\n",
        new="                if False:\n",
        by=(f"{STORES}::test_one_resource_has_one_holder[sqlite]",),
    ),
    safety(
        "the database's time decides when a lease ends",
        promise="P9",
        why="A machine whose clock is ahead would take over from a living one.",
        file="storage/database.py",
        old="        if self.embedded:\n            return now\n        moment: datetime",
        new="        if True:\n            return now\n        moment: datetime",
        by=("contract/test_databases.py::test_on_postgres_the_time_of_the_database_decides",),
    ),
    safety(
        "one process acts on an embedded database",
        promise="P9",
        why="SQLite has no leases between processes that share its file.",
        file="storage/database.py",
        old="                self._lock = ProcessLock(lock_of(file))\n",
        new="                pass\n",
        by=(
            "contract/test_databases.py::test_a_second_opening_in_the_same_process_is_refused_too",
        ),
    ),
    safety(
        "who does not act writes nothing but words",
        promise="P9",
        why="The command line would write beside the service.",
        file="storage/database.py",
        old="        if not self.acting:\n            raise StorageRefusal(",
        new="        if False:\n            raise StorageRefusal(",
        by=("contract/test_databases.py::test_who_does_not_act_writes_nothing_but_words[sqlite]",),
    ),
    safety(
        "a stream that moved is not appended to, in memory",
        promise="P8",
        why="A record would be written on the strength of a state that is over.",
        file=MEMORY,
        old="if seq != last_seq:",
        new="if False:",
        by=(MOVED,),
    ),
    safety(
        "a stream that moved is not appended to, in a database",
        promise="P8",
        why="A record would be written on the strength of a state that is over.",
        file=JOURNAL,
        old="if seq != last_seq:",
        new="if False:",
        by=(MOVED,),
    ),
    safety(
        "a row is taken once, in memory",
        promise="P12",
        why="One word would be done twice.",
        file=MEMORY,
        old="            _refuse_taken(shelf, take)\n",
        by=(f"{STORES}::test_an_append_takes_its_inbox_rows_with_it[memory]", f"{NO_ROW}[memory]"),
    ),
    safety(
        "a row is taken once, in a database",
        promise="P12",
        why="One word would be done twice.",
        file="storage/inbox.py",
        old="if wanted and session.exec(_taking(wanted, seq)).rowcount != len(wanted):",
        new="if wanted and session.exec(_taking(wanted, seq)).rowcount < 0:",
        by=(f"{STORES}::test_an_append_takes_its_inbox_rows_with_it[sqlite]", f"{NO_ROW}[sqlite]"),
    ),
    safety(
        "a word that waits refuses the append, in memory",
        promise="P7",
        why="An act would be intended over a stop that is in the inbox.",
        file=MEMORY,
        old="            _refuse_word(shelf, no_word_for, take)\n",
        by=(f"{WAITING_WORD}[memory]",),
    ),
    safety(
        "a word that waits refuses the append, in a database",
        promise="P7",
        why="An act would be intended over a stop that is in the inbox.",
        file=JOURNAL,
        old="                refuse_word(session, no_word_for)\n",
        new="                pass\n",
        by=(f"{WAITING_WORD}[sqlite]",),
    ),
    Safety(
        "a stop stands behind no other row",
        "P7",
        "Votes wait while Slack is away, and a halt behind them would wait with them.",
        (
            Edit(WORDS, "    await _take_stops(duty, rows)\n    last", "    last"),
            Edit(
                WORDS,
                "        if _is_stop(row) or row.key in counted:\n",
                "        if row.key in counted:\n",
            ),
            Edit(
                WORDS,
                'await _take_stops(duty, await asyncio.to_thread(_waiting, duty, "word"))',
                "pass",
            ),
        ),
        (
            "simulation/test_waiting_words.py::"
            "test_a_stop_said_while_slack_hangs_over_the_rows_before_it_is_taken_next",
        ),
    ),
    safety(
        "what was said before a stop does not end it",
        promise="P7",
        why="Read first, it would be undone by an older word behind it.",
        file=WORDS,
        old="if row.key in duty.state.overtaken or",
        new="if",
        by=(
            "simulation/test_waiting_words.py::"
            "test_a_word_that_was_said_before_a_stop_does_not_end_it",
        ),
    ),
    safety(
        "what was said before a stop and found after it does not end it",
        promise="P7",
        why="A word whose event was lost would undo a halt that was said after it.",
        file=WORDS,
        old=" or _said_before_a_stop(duty, row):",
        new=":",
        by=(f"{BEFORE_A_STOP}[0-resume]", f"{BEFORE_A_STOP}[0-abort]"),
    ),
    safety(
        "a word that came late ends no rest that began since",
        promise="P3",
        why="A second installation would begin that nobody asked for who knew of the first.",
        file=WORDS,
        old="    if late := _came_late(duty, row):\n",
        new="    if late := False:\n",
        by=(
            f"{BEFORE_A_STOP}[None-abort]",
            "simulation/test_waiting_words.py::"
            "test_a_retry_that_is_found_late_is_for_no_hold_that_began_since[-480-1]",
        ),
    ),
    safety(
        "by two clocks only a word that came late is judged",
        promise="P7",
        why="Where one of them is off nothing would end a stop for hours.",
        file=WORDS,
        old=" or row.at - said <= CLOCKS_DIFFER:",
        new=":",
        by=(f"{AFTER_A_STOP}[who halts is two hours ahead of Slack]",),
    ),
    safety(
        "of two words in Slack the order is Slack's",
        promise="P7",
        why="A stop that is heard late would seem to be said after what was said after it.",
        file="engine/fold.py",
        old="max(self.stop_said or said, said), None",
        new="max(self.stop_said or said, said), record.at",
        by=(f"{AFTER_A_STOP}[both found late]",),
    ),
    safety(
        "of two words the one that was heard last holds, in memory",
        promise="P7",
        why="A clock that is ahead would put a halt or a freeze before what it was to end.",
        file=MEMORY,
        old="            rows = list(shelf.inbox.values())\n",
        new="            rows = sorted(shelf.inbox.values(), key=lambda row: row.at)\n",
        by=(f"{HEARD}[memory]", LAST_HOLDS),
    ),
    safety(
        "of two words the one that was heard last holds, in a database",
        promise="P7",
        why="A clock that is ahead would put a halt or a freeze before what it was to end.",
        file="storage/inbox.py",
        old="query.order_by(col(InboxTable.place))",
        new="query.order_by(col(InboxTable.at))",
        by=(f"{HEARD}[sqlite]",),
    ),
    safety(
        "every waiting row is read, however many there are",
        promise="P7",
        why="A stop behind a hundred votes would never be heard.",
        file="storage/records.py",
        old="        if len(rows) < PAGE:\n            return\n",
        new="        return\n",
        by=(f"{STORES}::test_who_reads_on_sees_every_row_however_many_wait[memory]",),
    ),
    safety(
        "a word is not stored in the middle of an append",
        promise="P7",
        why="It would be acknowledged as heard before an act that had not seen it.",
        file="storage/inbox.py",
        old="            self._database.share(session, row.run or NO_RUN)\n",
        by=("contract/test_databases.py::test_a_word_waits_for_the_append_under_way",),
    ),
    safety(
        "a group has one run, in memory",
        promise="P1",
        why="Two runs would take two groups of it down.",
        file=MEMORY,
        old="            _refuse_busy_group(shelf, index)\n",
        by=(f"{BUSY}[memory]",),
    ),
    Safety(
        "a group has one run, in a database",
        "P1",
        "Two runs would take two groups of it down. The query gives the reason, and the unique "
        "index holds against what it cannot see: both are off.",
        (
            Edit(JOURNAL, "        if other is not None:\n", "        if False:\n"),
            Edit(
                "storage/tables.py",
                "unique=True,\n            sqlite_where",
                "unique=False,\n            sqlite_where",
            ),
            Edit(
                "storage/migrations/versions/0001_first_schema.py",
                "unique=True,\n        sqlite_where",
                "unique=False,\n        sqlite_where",
            ),
        ),
        (f"{BUSY}[sqlite]",),
    ),
    safety(
        "an intent is on the disk before the act",
        promise="P3",
        why="With the power the last commits vanish, and the act stays.",
        file="storage/database.py",
        old='cursor.execute("PRAGMA synchronous = FULL")',
        new='cursor.execute("PRAGMA synchronous = NORMAL")',
        by=("contract/test_databases.py::test_sqlite_writes_through_to_the_disk",),
    ),
    safety(
        "a writer has the place from its first statement on",
        promise="P9",
        why="What it looked at may not be true any more when it writes.",
        file="storage/database.py",
        old='connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")',
        new='connection.exec_driver_sql("BEGIN")',
        by=("contract/test_databases.py::test_sqlite_has_a_writer_from_the_first_statement_on",),
    ),
    safety(
        "a database that is gone is told as such",
        promise="P3",
        why="A driver's error would look like a mistake of ours, and break the run off.",
        file="storage/database.py",
        old="            raise StorageDown(_one_line(error.orig)) from error\n",
        new="            raise\n",
        by=("contract/test_outages.py::test_a_lock_that_is_not_given_back_in_time_is_down",),
    ),
    safety(
        "a file that was taken away is not written to",
        promise="P8",
        why="SQLite would go on in a file that nobody can find.",
        file="storage/database.py",
        old="if _identity(self.file) != self._identity:",
        new="if False:",
        by=(
            "contract/test_upkeep.py::test_a_file_that_is_taken_away_is_down_and_not_written_to_"
            "in_secret",
        ),
    ),
    safety(
        "each record holds the hash of the one before",
        promise="P8",
        why="A record taken out of the middle would leave no gap.",
        file="storage/chain.py",
        old="        prev = digest\n",
        by=(f"{STORES}::test_records_of_one_append_are_chained_too[memory]",),
    ),
    safety(
        "a hash covers the whole record",
        promise="P8",
        why="Somebody could change who approved.",
        file="storage/records.py",
        old="text = canonical([stream, seq, epoch, kind, moment, by, body, prev])",
        new="text = canonical([stream, seq, epoch, kind, moment, body, prev])",
        by=("unit/test_promises.py::test_p8_notices_a_changed_a_missing_and_a_moved_record",),
    ),
    safety(
        "an append goes to its end before its caller does",
        promise="P3",
        why="A run that is cancelled in a commit would not know what it wrote.",
        file="engine/journal.py",
        old="            await asyncio.wait([work])\n            if not work.cancelled():\n",
        new="            if False:\n",
        by=("unit/test_writing.py::test_a_cancelled_append_is_over_when_its_caller_is",),
    ),
    safety(
        "a right that began in the future has run out",
        promise="P2",
        why="With the wall clock set back an approval would live for hours longer.",
        file="engine/stopwatch.py",
        old="was_set_back or passed < -CLOCKS_DIFFER",
        new="False",
        by=("unit/test_stopwatch.py::test_a_right_that_began_in_the_future_has_run_out",),
    ),
    safety(
        "a right is as old as what was written since says",
        promise="P2",
        why="Small steps back of the clock would each give an approval a little more life.",
        file="engine/stopwatch.py",
        old="            oldest += max(passed, timedelta(0))\n",
        new="            oldest = now - moment\n",
        by=("unit/test_stopwatch.py::test_a_right_is_as_old_as_what_was_written_since_says",),
    ),
    safety(
        "a fresh process measures by the order of the journal",
        promise="P2",
        why="With the clock set back to after an approval, a restart would give it a second life.",
        file="engine/journal.py",
        old="        journal.stopwatch.read([record.at for record in records])\n",
        new="        [journal.stopwatch.see(record.at) for record in records]\n",
        by=(
            "simulation/test_clocks.py::test_an_approval_is_as_old_as_what_was_written_since_"
            "for_a_fresh_process_too",
        ),
    ),
    safety(
        "a wait is over when it surely is",
        promise="P3",
        why="A step of the wall clock would end the quiet time.",
        file="engine/stopwatch.py",
        old="return timedelta(seconds=self._clock.monotonic() - self._known[moment].since)",
        new="return self._clock.now() - moment",
        by=(
            "unit/test_stopwatch.py::test_a_step_of_the_wall_clock_neither_shortens_a_wait_nor_"
            "lengthens_a_right",
        ),
    ),
    # ------------------------------------------------------------------------- the worker
    safety(
        "nothing is sent after two thirds of a lease's life",
        promise="P9",
        why="A holder that cannot renew would act up to the moment of another's take-over.",
        file=WORKER,
        old="if held is None or self._clock.monotonic() - held[1] > limit:",
        new="if held is None:",
        by=(
            "simulation/test_standing_back.py::test_a_lease_that_grew_old_in_an_act_stops_it_and_breaks_nothing_off",
        ),
    ),
    safety(
        "nothing is sent while the database is away",
        promise="P3",
        why="An act without a record of it.",
        file=WORKER,
        old="        if self._down:\n            raise StorageDown(",
        new="        if False:\n            raise StorageDown(",
        by=(
            "simulation/test_standing_back.py::test_while_the_database_is_away_no_line_may_be_sent_however_fresh_the_lease",
        ),
    ),
    safety(
        "a lost lease ends at once what is done for the group",
        promise="P9",
        why="A dialogue would go on beside the new holder's look.",
        file=WORKER,
        old="        for task in tasks:\n            task.cancel()\n        if tasks:\n"
        "            await asyncio.wait(tasks)\n        shell = ",
        new="        shell = ",
        by=(
            "simulation/test_standing_back.py::test_a_worker_that_lost_its_lease_has_nothing_under_way_any_more",
        ),
    ),
    safety(
        "an executor that is fenced writes nothing",
        promise="P9",
        why="It would hold the run that another one carries out.",
        file="engine/runner.py",
        old="        except (Fenced, StorageDown, asyncio.CancelledError):\n            raise\n",
        by=(
            "simulation/test_standing_back.py::test_a_lease_that_grew_old_in_an_act_stops_it_and_breaks_nothing_off",
        ),
    ),
    safety(
        "an executor that was replaced drops no word",
        promise="P12",
        why="A vote at a gate of its successor is unknown to it, and would be lost.",
        file="engine/words.py",
        old="duty.inbox.drop, row.key, lease=duty.journal.lease)",
        new="duty.inbox.drop, row.key)",
        by=("unit/test_words.py",),
    ),
    safety(
        "an executor acts within its zone",
        promise="P9",
        why="It cannot reach the group, and would take its lease all the same.",
        file=WORKER,
        old="mine = self._groups is None or group in self._groups",
        new="mine = True",
        by=(f"{TWO}::test_a_worker_of_another_zone_neither_takes_orders_nor_takes_over",),
    ),
    safety(
        "a group that we do not know is left to others for a while",
        promise="P9",
        why="Its worker may be restarting: an order would be refused, and a false alarm told.",
        file=PATIENCE,
        old="waited < self._enough or ours:\n            return waited >= self._enough\n",
        new="ours:\n            return True\n",
        by=(f"{TWO}::test_an_order_is_not_refused_while_the_worker_that_has_its_group_restarts",),
    ),
    safety(
        "who alone can act on a database leaves nothing to others",
        promise="P7",
        why="What is wrong with an order would be told minutes late.",
        file="bot/wiring.py",
        old="            alone=base.settings.storage.embedded,\n",
        by=(
            "slack/test_wiring.py::"
            "test_where_nobody_else_can_act_an_unknown_group_is_refused_at_once",
        ),
    ),
    safety(
        "what somebody else has taken is not refused",
        promise="P9",
        why="Whoever knows the group may be looking at it, and its order would be gone.",
        file=PATIENCE,
        old="return lapsed is not None and lapsed >= self._enough",
        new="return True",
        by=(f"{TWO}::test_an_order_is_not_refused_while_somebody_has_its_group",),
    ),
    safety(
        "a worker that does not know a group does not take its run",
        promise="P9",
        why="It would be taken from a worker that restarts, and a false alarm told.",
        file=WORKER,
        old="        if not await self._patience.is_over(index.id, index.group):\n",
        new="        if False:\n",
        by=(
            f"{TWO}::test_a_worker_with_other_settings_does_not_take_a_run_from_one_that_restarts"
            "[of-another-zone]",
        ),
    ),
    safety(
        "a group that nobody knows is left free",
        promise="P9",
        why="A worker that knows it again could not take it up, and nobody would say so.",
        file=WORKER,
        old="            finally:\n                await self._give_back(index.group)\n",
        new="            finally:\n                pass\n",
        by=(GONE,),
    ),
    safety(
        "a run whose group nobody knows is not taken again and again",
        promise="P9",
        why="Its epoch would run up, and that nobody acts would never be seen.",
        file=WORKER,
        old="        if _is_said_of(RunState.replay(records)):\n            return\n",
        by=(GONE,),
    ),
    safety(
        "a night keeps its lease beside a run that we cannot read",
        promise="P9",
        why="It is fenced in mid-step each minute, its limits begin anew, and it never holds.",
        file=WORKER,
        old="        if not await self._goes_on_beside(run, hand.group, nobody_newer=over):\n",
        new="        if True:\n",
        by=(
            f"{RECORDED}::"
            "test_a_run_that_we_cannot_read_takes_nothing_from_the_night_beside_it[blind]",
        ),
    ),
    safety(
        "who is at work on a group waits for no newer version",
        promise="P9",
        why="Its night would be fenced in mid-step for two lives of its lease.",
        file=WORKER,
        old="any(row.occupies or nobody_newer for row in others)",
        new="any(nobody_newer for row in others)",
        by=(f"{TWO}::test_who_is_at_work_on_a_group_keeps_it_beside_a_run_of_a_newer_version",),
    ),
    safety(
        "what only waits gives way to a newer version",
        promise="P9",
        why="A run that has members down would wait for one that waits for its time.",
        file=WORKER,
        old="any(row.occupies or nobody_newer for row in others)",
        new="bool(others)",
        by=(
            f"{TWO}::"
            "test_what_only_waits_gives_way_to_a_newer_version_as_long_as_that_may_be_there",
        ),
    ),
    safety(
        "who says a word to a run that nobody can read is told that it waits",
        promise="P7",
        why="Who says halt at night would hear nothing, with members down.",
        file=WORKER,
        old="        if over:\n            await self._tell",
        new="        if not over:\n            await self._tell",
        by=(
            f"{RECORDED}::test_who_says_halt_to_a_run_that_nobody_here_can_read_is_told_once_who_is_down",
        ),
    ),
    safety(
        "a word that a newer version may take is left to it for a while",
        promise="P7",
        why="It would be told to wait while whoever takes it restarts.",
        file=WORKER,
        old="        if over:\n            await self._tell",
        new="        if True:\n            await self._tell",
        by=(
            f"{TWO}::"
            "test_a_word_to_a_run_of_a_newer_version_is_left_to_it_for_a_while_before_that_is_told",
        ),
    ),
    safety(
        "that a word waits is told once",
        promise="P12",
        why="Whoever said it would be told each minute.",
        file=WORKER,
        old='key = f"{answer_key(row)}/waits"',
        new='key = f"{answer_key(row)}/{self._clock.now()}"',
        by=(
            f"{RECORDED}::test_who_says_halt_to_a_run_that_nobody_here_can_read_is_told_once_who_is_down",
        ),
    ),
    safety(
        "of a run that cannot be read nobody is brought up before CPUSE is idle",
        promise="P1",
        why="What came after is not known: a member would take traffic and restart under it.",
        file="engine/last_read.py",
        old="(state.by_hand_waits() or _IDLE_FIRST)",
        new="state.by_hand_waits()",
        by=(
            "unit/test_cli.py::"
            "test_who_is_down_is_told_of_a_run_that_cannot_be_read_as_it_was_last_read",
        ),
    ),
    safety(
        "the database may be away while a run is left to a newer version",
        promise="P9",
        why="Nobody would notice that it is away, and its error would end in no log.",
        file=WORKER,
        old="""        except NotUnderstood as error:
            await self._leave_to_newer(run, hand, error)
""",
        new="""        except NotUnderstood as error:
            with contextlib.suppress(StorageDown):
                await self._leave_to_newer(run, hand, error)
""",
        by=(
            f"{RECORDED}::test_a_run_that_cannot_be_read_is_left_in_peace_while_the_database_is_away",
        ),
    ),
    safety(
        "an order waits while the database is away",
        promise="P12",
        why="One hiccup would refuse it for good, as a mistake of ours.",
        file="engine/orders.py",
        old="except (LeaseLost, StreamMoved, StorageDown):",
        new="except (LeaseLost, StreamMoved):",
        by=(
            "simulation/test_orders.py::"
            "test_an_order_waits_while_the_database_is_away_and_is_then_taken[append]",
        ),
    ),
    safety(
        "an answer waits on while the database is away",
        promise="P12",
        why="One hiccup as its thread is looked up would let it go, as a mistake of ours.",
        file="engine/answering.py",
        old="    except StorageDown:\n        raise\n",
        by=(
            "simulation/test_answers.py::"
            "test_an_answer_waits_on_where_the_database_is_away_as_it_is_given",
        ),
    ),
    safety(
        "an order of a newer version is left to it",
        promise="P3",
        why="In an update the older workers would refuse what the newer ones know.",
        file=WORKER,
        old='if known and is_understood(row.body["request"]):',
        new="if known:",
        by=(f"{NEWER}[order]",),
    ),
    safety(
        "the group of an order of a newer version is left to it",
        promise="P3",
        why="The newer version could never take the group, and so not the order.",
        file=WORKER,
        old="            await self._give_back(group)\n        return await",
        new="            pass\n        return await",
        by=(f"{NEWER}[order]",),
    ),
    safety(
        "the work on a group is not given up for an order of a newer version",
        promise="P9",
        why="Whoever holds a group with members down would let it go.",
        file=WORKER,
        old="first and not await asyncio.to_thread(self._stores.journal.runs, group=group)",
        new="first",
        by=(f"{TWO}::test_such_an_order_is_refused_where_we_are_at_work_and_the_work_goes_on",),
    ),
    safety(
        "nothing is done without what only a newer version knows of it",
        promise="P3",
        why="An order for two members would be done on all.",
        file="engine/canon.py",
        old="if dropped := _dropped(data, to_json(value)):",
        new='if dropped := "":',
        by=(
            f"{UNKNOWN}",
            "simulation/test_changed_proposals.py::"
            "test_a_change_is_not_made_without_what_only_a_newer_version_knows",
        ),
    ),
    safety(
        "what is ordered is known",
        promise="P3",
        why="Anything else would be planned as a rollback.",
        file="engine/planning.py",
        old="        if request.kind in ORDER_KINDS:\n",
        new="        if request.kind:\n",
        by=(UNKNOWN,),
    ),
    safety(
        "a word that only a newer version knows is answered",
        promise="P7",
        why="Whoever said it would believe that it was done.",
        file=WORDS,
        old="        await verbs.not_known(duty, row)\n",
        new="        await _unknown(duty, row)\n",
        by=(
            "simulation/test_waiting_words.py::"
            "test_a_word_that_only_a_newer_version_knows_changes_nothing_and_is_answered",
        ),
    ),
    safety(
        "an order makes one run",
        promise="P3",
        why="An order that Slack sent twice would be done twice.",
        file="engine/orders.py",
        old="            take=[row.key],\n        )\n        return run",
        new="        )\n        return run",
        by=("simulation/test_orders.py::test_two_orders_for_one_group_make_one_run",),
    ),
    Safety(
        "a mistake of ours breaks the run off",
        "P3",
        "It would be made again and again, with half of a group down. The flow catches it in a "
        "step and beside one: both are off.",
        (
            Edit(
                "engine/runner.py",
                "            await duty.break_off(error)\n    if duty.state.next_step()",
                "            raise\n    if duty.state.next_step()",
            ),
            Edit(
                "engine/runner.py",
                "        await duty.break_off(error)\n        return duty.state\n",
                "        raise\n",
            ),
        ),
        (
            "simulation/test_our_mistakes.py::test_a_mistake_in_the_watch_over_a_group_that_is_"
            "down_is_told_once_and_does_not_loop",
        ),
    ),
    safety(
        "a row that finds a mistake of ours is taken by it",
        promise="P7",
        why="No word behind it, not even a stop, would be heard.",
        file="engine/words.py",
        old="await duty.break_off(error, take=await _untaken(duty, together or [row]))",
        new="await duty.break_off(error)",
        by=(
            "simulation/test_our_mistakes.py::test_a_row_that_finds_a_mistake_of_ours_breaks_the_"
            "run_once_and_the_next_word_is_heard",
        ),
    ),
    # -------------------------------------------------------------------------- the fence
    safety(
        "the epoch is written before the first look",
        promise="P9",
        why="What the former executor does after our look would not be in it.",
        file="engine/group.py",
        old="held = frozenset() if fence.stands else await self._put_up(fence)",
        new="held: frozenset[str] = frozenset()",
        by=(f"{AT_DEVICES}::test_take_over_writes_before_its_first_look_and_after_each_restart",),
    ),
    safety(
        "the epoch is written again after a restart",
        promise="P9",
        why="A snapshot may bring an old epoch back.",
        file="engine/group.py",
        old="        if fence.is_lacking(facts):\n",
        new="        if False:\n",
        by=(f"{AT_DEVICES}::test_take_over_writes_before_its_first_look_and_after_each_restart",),
    ),
    safety(
        "an epoch on a member is never lowered",
        promise="P9",
        why="A stale executor would let itself in again.",
        file="engine/gaia/guards.py",
        old="""        f'[ "${{e:-0}}" -gt $n ] 2>/dev/null && exit {FENCED}; '\n""",
        by=("unit/test_guards.py::test_a_higher_epoch_stays_whatever_boot_it_is_of",),
    ),
    safety(
        "a higher epoch on a member is refused",
        promise="P9",
        why="Another installation works there, or our database is an old copy.",
        file=FENCE,
        old="        if not strange and not newer:\n            return\n",
        new="        return\n",
        by=(
            f"{AT_DEVICES}::test_a_higher_epoch_while_the_lease_is_ours_is_a_hold_that_says_the_"
            "way_out",
        ),
    ),
    safety(
        "the database is asked before an epoch is written",
        promise="P9",
        why="An executor that lost its lease could write its epoch where the new one was not yet.",
        file=FENCE,
        old="        await self._check_lease()\n        after =",
        new="        after =",
        by=(f"{AT_DEVICES}::test_the_former_executor_cannot_bring_a_lost_file_back",),
    ),
    safety(
        "a session that is open at take-over is waited for",
        promise="P9",
        why="What passed the guard before the write may yet happen.",
        file=FENCE,
        old="self.stands = self.stands or not any(one.held for one in kept.values())",
        new="self.stands = True",
        by=(
            f"{AT_DEVICES}::test_a_dialogue_that_was_open_at_take_over_is_seen_until_it_ends_on_"
            "whichever_member",
            f"{AT_DEVICES}::test_a_session_that_ends_between_take_over_and_look_is_still_one_to_"
            "wait_for",
        ),
    ),
    safety(
        "whoever was paused in COMMITTING does not type the answer",
        promise="P9",
        why="COMMITTING was written under a lease that is over since.",
        file="engine/group.py",
        old="                may_send()\n",
        by=(
            f"{AT_DEVICES}::test_an_executor_that_was_paused_while_it_wrote_committing_does_not_"
            "type_the_answer",
        ),
    ),
    safety(
        "a run does not end while a session is open",
        promise="P9",
        why="An answer typed late would act on a group that nobody watches.",
        file="engine/runner.py",
        old="    invariants.nobody_else(facts, duty.plan)\n    return facts",
        new="    return facts",
        by=(f"{AT_DEVICES}::test_a_run_does_not_end_while_a_session_is_open_anywhere",),
    ),
    safety(
        "no session is opened under a lease that grew old",
        promise="P9",
        why="Two executors would hold sessions on one group.",
        file="engine/group.py",
        old="        self._may_send()\n        guard = self._guard(at, outside)",
        new="        guard = self._guard(at, outside)",
        by=(
            "simulation/test_fence.py::test_an_executor_whose_lease_grew_old_sends_no_line_that_"
            "acts_not_even_in_an_open_session",
        ),
    ),
    safety(
        "no line is typed under a lease that grew old meanwhile",
        promise="P9",
        why="Where members keep no epoch, nothing there would refuse it.",
        file="engine/group.py",
        old="            self._may_send()\n            await terminal.write",
        new="            await terminal.write",
        by=(
            "simulation/test_fence.py::test_an_executor_whose_lease_grew_old_sends_no_line_that_"
            "acts_not_even_in_an_open_session",
        ),
    ),
    safety(
        "no line without a terminal is sent under a lease that grew old",
        promise="P9",
        why="Where members keep no epoch, nothing there would refuse it.",
        file="engine/group.py",
        old="        self._may_send()\n        guard = self._guard(at)",
        new="        guard = self._guard(at)",
        by=(
            "simulation/test_fence.py::test_an_executor_whose_lease_grew_old_sends_no_line_that_"
            "acts_not_even_in_an_open_session",
        ),
    ),
    safety(
        "no epoch is put up under a lease that grew old",
        promise="P9",
        why="Whoever took over would find members that a former executor claims.",
        file="engine/group.py",
        old="        self._may_send()\n        kept = await fence.put_up",
        new="        kept = await fence.put_up",
        by=("simulation/test_fence.py::test_an_executor_whose_lease_grew_old_puts_no_epoch_up",),
    ),
    safety(
        "no lost epoch is written back under a lease that grew old",
        promise="P9",
        why="Whoever took over would find members that a former executor claims.",
        file="engine/group.py",
        old="        self._may_send()\n        kept = await self._fence.put_up",
        new="        kept = await self._fence.put_up",
        by=("simulation/test_fence.py::test_an_executor_whose_lease_grew_old_puts_no_epoch_up",),
    ),
    safety(
        "a renewed lease ages from when it was asked for",
        promise="P9",
        why="Where the database is slow a worker would act while its lease is another's already.",
        file="engine/worker.py",
        old="            self._leases[group] = (fresh, asked)",
        new="            self._leases[group] = (fresh, self._clock.monotonic())",
        by=(
            "simulation/test_standing_back.py::test_a_lease_ages_from_when_it_was_asked_for_and_"
            "not_from_the_answer",
        ),
    ),
    safety(
        "a lease ages from when it was asked for",
        promise="P9",
        why="Where the database is slow a worker would act while its lease is another's already.",
        file="engine/worker.py",
        old="            self._leases[group] = (lease, asked)",
        new="            self._leases[group] = (lease, self._clock.monotonic())",
        by=(
            "simulation/test_standing_back.py::test_a_lease_that_was_granted_slowly_is_as_old_"
            "when_it_is_first_used",
        ),
    ),
    safety(
        "the lease to speak ages from when it was asked for",
        promise="P12",
        why="Two processes would post the same message where the database is slow.",
        file="bot/speaking/lease.py",
        old="        self._held_since = asked",
        new="        self._held_since = self._clock.monotonic()",
        by=(
            "simulation/test_standing_back.py::test_the_lease_to_speak_ages_from_when_it_was_"
            "asked_for_too",
        ),
    ),
    safety(
        "a lease that was given back puts no epoch up",
        promise="P9",
        why="A worker that ended would claim members that nobody holds, and the next one waits.",
        file="engine/fence.py",
        old="(now.epoch, now.holder) != (self.epoch, self._lease.holder)",
        new="now.epoch != self.epoch",
        by=(
            "simulation/test_fence.py::test_an_executor_that_gave_its_lease_back_puts_no_epoch_up",
        ),
    ),
    safety(
        "ticks come by the monotonic clock",
        promise="P7",
        why="After the wall was set back no lease is renewed and nobody acts, with a group down.",
        file="engine/alarm.py",
        old="        self._wait()\n"
        "        self._scheduler.add_job(\n"
        "            self._tick,\n"
        '            "date",\n'
        "            run_date=LONG_DUE,\n",
        new="        self._scheduler.add_job(\n"
        "            self._tick,\n"
        '            "interval",\n'
        "            seconds=1,\n",
        by=(
            "unit/test_alarm.py::test_it_ticks_once_a_second_though_the_wall_clock_is_stepped"
            "[an-hour-back]",
        ),
    ),
    safety(
        "one tick at a time",
        promise="P9",
        why="A slow database would be asked by more and more of them at once.",
        file="engine/alarm.py",
        old="max_instances=1",
        new="max_instances=9",
        by=("unit/test_alarm.py::test_a_tick_that_takes_long_is_not_joined_by_the_next",),
    ),
    safety(
        "an open run gets a fence where the settings have one by now",
        promise="P9",
        why="Ordered on SQLite and moved to PostgreSQL, several would act by the lease alone.",
        file=WORKER,
        old="if not (policy.fence or present.fence):",
        new="if not policy.fence:",
        by=(f"{FENCED_LATER}[added]",),
    ),
    safety(
        "an open run keeps the fence that it was planned with",
        promise="P9",
        why="A paused process that acts late would no longer be refused.",
        file=WORKER,
        old="if not (policy.fence or present.fence):",
        new="if not present.fence:",
        by=(f"{FENCED_LATER}[kept]",),
    ),
)
