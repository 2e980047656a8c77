"""Which database acts, and what is known of one that somebody spoilt (P7, P8, P9)."""

from tests.mutation.trials import safety

GUARDS = "engine/gaia/guards.py"
FENCE = "engine/fence.py"
IDENTITY = "storage/identity.py"
UPKEEP = "storage/upkeep.py"
AT_DEVICES = "simulation/test_fence.py"
LINES = "unit/test_guards.py"
AT_UPKEEP = "contract/test_upkeep.py"
VERIFIED = "unit/test_verification.py"

SAFETIES = (
    safety(
        "the id of the database in the line that acts",
        promise="P9",
        why="Two databases count their epochs from the same number: both would pass.",
        file=GUARDS,
        old='return f"{self.epoch} {boot_id} {self.database}"',
        new='return f"{self.epoch} {boot_id} db"',
        by=(f"{AT_UPKEEP}::test_executors_of_two_databases_never_pass_one_fence",),
    ),
    safety(
        "what another database wrote on a member is not written over there",
        promise="P9",
        why="Whoever comes last would lock the other out, who would do the same.",
        file=GUARDS,
        old='        f"{known} || exit {FENCED}; "\n',
        by=(f"{LINES}::test_what_another_database_wrote_stays_whatever_its_epoch_is",),
    ),
    safety(
        "our own epoch in another hand is not written over",
        promise="P9",
        why="The database that ours was moved from has gone on after the move.",
        file=GUARDS,
        old="f'n={stamp.epoch - 1}; [",
        new="f'n={stamp.epoch}; [",
        by=(f"{LINES}::test_our_own_number_in_another_hand_stays",),
    ),
    safety(
        "another database's epoch on a member is a hold",
        promise="P9",
        why="Nobody would hear that another installation works there.",
        file=FENCE,
        old="        if not strange and not newer:\n",
        new="        if not newer:\n",
        by=(
            f"{AT_DEVICES}::test_the_epoch_of_another_database_is_a_hold_that_says_the_way_out_"
            "and_stays",
        ),
    ),
    safety(
        "a database that was moved is not used again",
        promise="P9",
        why="The service and a halt would work on what nobody reads any more.",
        file="storage/stores.py",
        old="        refuse_moved(database)\n",
        by=(
            f"{AT_UPKEEP}::test_a_database_that_was_moved_can_be_used_no_more_and_says_where_it_"
            "went",
        ),
    ),
    safety(
        "a process that has a moved database open writes nothing",
        promise="P7",
        why="A stop would be said to a database that nobody reads any more.",
        file="storage/stores.py",
        old="        database.before_words = refuse_word_after_move\n",
        by=(f"{AT_UPKEEP}::test_whoever_still_has_a_moved_database_open_writes_nothing_into_it",),
    ),
    safety(
        "the old database is marked before anything is moved",
        promise="P9",
        why="A move that died after its commit would leave two databases to act on.",
        file=UPKEEP,
        old="        mark_moved(self._database, where)\n        try",
        new="        try",
        by=(f"{AT_UPKEEP}::test_a_move_that_died_leaves_nobody_to_act_and_can_be_made_again",),
    ),
    safety(
        "where a database went is kept as a whole path",
        promise="P9",
        why="The same words from another folder would make a second heir.",
        file="storage/database.py",
        old="            self.shown = _shown(place.set(database=str(file)))\n",
        by=(f"{AT_UPKEEP}::test_a_move_to_the_same_words_in_another_folder_makes_no_second_heir",),
    ),
    safety(
        "a refused move takes away only what nothing came into",
        promise="P8",
        why="The answer to the commit was lost: the whole database would be removed.",
        file=UPKEEP,
        old="        if file is not None and not stays.is_set():\n",
        new="        if file is not None:\n",
        by=(f"{AT_UPKEEP}::test_a_commit_whose_answer_was_lost_leaves_one_database_to_act_on",),
    ),
    safety(
        "a refused move takes away only a file that it made",
        promise="P8",
        why="It would remove the database that somebody named by mistake.",
        file=UPKEEP,
        old="None if file is None or file.exists() else file",
        new="file",
        by=(f"{AT_UPKEEP}::test_a_move_into_a_database_that_holds_anything_is_refused",),
    ),
    safety(
        "a mark stays where the move may have happened",
        promise="P9",
        why="The answer to the commit was lost: both could be acted on.",
        file=UPKEEP,
        old="            if not stays.is_set():\n",
        new="            if True:\n",
        by=(f"{AT_UPKEEP}::test_a_commit_whose_answer_was_lost_leaves_one_database_to_act_on",),
    ),
    safety(
        "what was moved is another database",
        promise="P9",
        why="The one before it would pass its fence.",
        file=UPKEEP,
        old="                    become(there, heir_of=(ours.id, *ours.heir_of))\n",
        by=(
            f"{AT_UPKEEP}::test_what_was_moved_is_another_database_that_knows_whose_work_it_goes_"
            "on_with",
        ),
    ),
    safety(
        "a backup is another database than its original",
        promise="P9",
        why="Whoever acts on both passes the fence with either.",
        file=UPKEEP,
        old="            _forget_identity(draft)\n",
        by=(
            f"{AT_UPKEEP}::test_a_backup_is_no_database_until_somebody_acts_on_it_and_then_another_"
            "one",
        ),
    ),
    safety(
        "a backup is compared with what was there",
        promise="P8",
        why="An empty file would be called a good backup.",
        file=UPKEEP,
        old="                    refuse_lacking(before, arrived)\n",
        new="                    pass\n",
        by=(f"{AT_UPKEEP}::test_a_backup_that_holds_less_than_there_was_is_none",),
    ),
    safety(
        "a check of a copy makes no file",
        promise="P8",
        why="It would check a new file of its own, which holds nothing and fits.",
        file="storage/database.py",
        old="os.O_RDWR | (os.O_CREAT if makes else 0)",
        new="os.O_RDWR | os.O_CREAT",
        by=(f"{AT_UPKEEP}::test_checking_a_copy_makes_nothing",),
    ),
    safety(
        "a record whose number cannot be read is one that was changed",
        promise="P8",
        why="It would show as a record with other words, or end every check in a crash.",
        file="storage/records.py",
        old="        if not record.hash and record.seq in (0, seq):\n",
        new="        if False:\n",
        by=("unit/test_verification.py::test_a_record_whose_number_cannot_be_read_was_changed",),
    ),
    safety(
        "the text of a record is the one that was hashed",
        promise="P8",
        why="Of two values for one key another reader takes the other one.",
        file="storage/cells.py",
        old='        if canonical(body) != row["body"]:\n',
        new="        if False:\n",
        by=(
            "unit/test_verification.py::test_a_text_that_says_the_same_in_other_characters_was_"
            "changed",
        ),
    ),
    safety(
        "nothing is decided from a record that cannot be read",
        promise="P8",
        why="A kind whose fold needs no body would count as it stands.",
        file="engine/fold.py",
        old="        if not record.hash and UNREADABLE in record.body:\n",
        new="        if False:\n",
        by=("contract/test_databases.py::test_a_run_that_somebody_spoilt_hides_no_other",),
    ),
    safety(
        "a word that cannot be read holds its run",
        promise="P7",
        why="It may have been a stop.",
        file="engine/words.py",
        old="    UNREADABLE: _unreadable,\n",
        by=(
            "simulation/test_our_mistakes.py::test_words_that_somebody_spoilt_hold_their_run_until_"
            "people_looked_and_block_no_other",
        ),
    ),
    safety(
        "the house is compared with what runs told it",
        promise="P5",
        why="Who cuts it off takes away that a group owes its auto-clone.",
        file="bot/verification.py",
        old="            if house[kind, run] < told:\n",
        new="            if False:\n",
        by=("unit/test_verification.py::test_a_house_that_lost_what_a_run_told_it_is_found_out",),
    ),
    safety(
        "an empty head is a mistake",
        promise="P8",
        why="A script whose head is lost would read that all is well.",
        file="bot/verification.py",
        old="    if ends is None:\n",
        new="    if not ends:\n",
        by=(
            "unit/test_verification.py::test_a_head_from_the_thread_is_checked_against_the_database",
        ),
    ),
    safety(
        "pruning leaves alone what is not whole",
        promise="P8",
        why="The words that betray a journal whose end was cut off would be removed by us.",
        file="bot/database.py",
        old="        if stream_fault(row.id, records, known[row.id]) is not None:\n",
        new="        if not records:\n",
        by=(
            "unit/test_verification.py::test_pruning_leaves_a_run_alone_whose_journal_is_not_whole",
        ),
    ),
    safety(
        "what was told says how far a run had come",
        promise="P8",
        why="An end that was cut off, and the index with it, would pass.",
        file="bot/verification.py",
        old='        if told and told["seq"]:\n',
        new="        if False:\n",
        by=(f"{VERIFIED}::test_an_end_that_was_cut_off_is_known_by_what_was_told",),
    ),
    safety(
        "a report that was told says that the run has ended",
        promise="P8",
        why="A run that ended would be open again, and go on.",
        file="bot/verification.py",
        old='    says = f"the message {known.over}" if known.over else ""\n',
        new='    says = ""\n',
        by=(f"{VERIFIED}::test_an_end_that_was_cut_off_is_known_by_what_was_told",),
    ),
    safety(
        "an index that says ended is more than a journal without an end",
        promise="P8",
        why="The index would be made anew from what is left, and the run go on.",
        file="bot/verification.py",
        old="    if known.row and not known.row.open and known.row.last_seq >= len(records):\n",
        new="    if False:\n",
        by=(f"{VERIFIED}::test_an_end_that_was_cut_off_is_known_by_an_index_that_says_ended",),
    ),
    safety(
        "an index is not made from a journal that is not whole, nor advised to be",
        promise="P8",
        why="It would hide that records are missing.",
        file="bot/database.py",
        old="    if found.chains:\n",
        new="    if False:\n",
        by=(f"{VERIFIED}::test_an_end_that_was_cut_off_is_known_by_what_was_told",),
    ),
    safety(
        "only an index accuses a record of having been put behind its end",
        promise="P8",
        why="Where its row is lost, the record after the last word taken would be called forged.",
        file="bot/verification.py",
        old="    if known.row is None or not 0 < known.end < len(records):\n",
        new="    if not 0 < known.end < len(records):\n",
        by=(f"{VERIFIED}::test_a_lost_index_row_accuses_no_record",),
    ),
    safety(
        "nothing stands behind the end of a run",
        promise="P8",
        why="A record with a right hash would be told in words of Python, or pass.",
        file="bot/verification.py",
        old="        behind = ended < len(records)\n",
        new="        behind = False\n",
        by=(f"{VERIFIED}::test_a_record_behind_the_end_is_named_by_its_number",),
    ),
)
