"""Looking before acting: what became of an act is seen; what nobody can tell holds (P3, P4)."""

from tests.mutation.trials import safety

SLOW = "simulation/test_slow_slack.py"
RECOVERY = "engine/recovery.py"
OTHER_DEVICES = "simulation/test_other_devices.py"
EACH_SIGN = "unit/test_recovery.py::test_each_sign_leads_to_one_finding_and_never_to_a_guess"
IN_PART = "unit/test_resolving.py::test_what_shows_in_part_or_badly_holds"
MEMBER_LINE = "unit/test_member_line.py"

SAFETIES = (
    safety(
        "of a package that is listed as not installed the take decides",
        promise="P10",
        why="An uninstall that went well would hold half done, and each retry again.",
        file="engine/gaia/readings.py",
        old='if lower in ("available for download", "not installed"):',
        new='if lower == "available for download":',
        by=("unit/test_parsers.py::test_each_word_of_a_packages_state",),
    ),
    safety(
        "what is not listed is not believed to be uninstalled for that alone",
        promise="P3",
        why="A list of packages may be incomplete, and the members would be waited for, or done.",
        file=RECOVERY,
        old="    if shown is PackageState.ABSENT:\n",
        new="    if shown is PackageState.ABSENT:\n        return True\n    if False:\n",
        by=(
            "unit/test_recovery.py::test_what_is_not_listed_is_uninstalled_only_where_something_"
            "else_says_so",
        ),
    ),
    safety(
        "an installation that happened is seen",
        promise="P3",
        why="After a crash behind its end it would be begun a second time.",
        file=RECOVERY,
        old="    if changed(member, step, plan):\n        return Found(Finding.HAPPENED, "
        'f"the package is {shown}")\n',
        by=(EACH_SIGN,),
    ),
    safety(
        "CPUSE at work means under way",
        promise="P3",
        why="A second start into an installation that works.",
        file=RECOVERY,
        old="return Found(Finding.UNDER_WAY, _shown_progress(member))",
        new='return Found(Finding.NOT_HAPPENED, "")',
        by=(EACH_SIGN,),
    ),
    safety(
        "an action in progress is CPUSE at work, whatever its status says",
        promise="P3",
        why="It would count as ended: brought up, and cloning switched on, in mid-installation.",
        file="engine/facts.py",
        old='return bool(self.agent_busy) or (changing and newest.status.lower() == "in progress")',
        new="return bool(self.agent_busy)",
        by=(
            EACH_SIGN,
            f"{OTHER_DEVICES}::test_an_abort_waits_for_an_action_in_progress",
        ),
    ),
    safety(
        "auto-clone that is switched on during the work is told before the restart",
        promise="P5",
        why="Five minutes in which one command saves the night would pass in silence.",
        file="engine/steps/changing.py",
        old='    if begun.status == "intended":\n        await alarm_cloning(duty, step, facts)\n',
        new="",
        by=(
            "simulation/test_holds.py::test_auto_clone_that_comes_on_during_the_work_is_told_before_"
            "the_first_restart",
        ),
    ),
    safety(
        "auto-clone that is on again calls people once each time",
        promise="P5",
        why="Either every look would call them, or a second time would pass in silence.",
        file="engine/steps/changing.py",
        old="    known = bool(told) and told[-1] == CLONING_ON\n",
        new="    known = bool(told)\n",
        by=(
            "unit/test_cloning_alarms.py::test_each_time_that_it_is_switched_on_people_are_called_"
            "once",
        ),
    ),
    safety(
        "a hold says that auto-clone was on while a group was worked on",
        promise="P6",
        why="People would look for why the software is gone, and say `retry` for ever.",
        file="engine/steps/changing.py",
        old="        text = recovery.told(findings) + _perhaps_cloned(duty, step)\n",
        new="        text = recovery.told(findings)\n",
        by=(
            "unit/test_cloning_alarms.py::test_a_hold_says_that_it_was_on_also_where_it_is_off_by_"
            "then",
        ),
    ),
    safety(
        "a sentence about auto-clone that stands alone is of nobody whom gClish does not reach",
        promise="P5",
        why="It would count as off on a member that is DOWN, of which nothing was said.",
        file="engine/gaia/probe.py",
        old="for one, (state, _) in stat.states.items() if state not in OUT_OF_SERVICE]",
        new="for one, (state, _) in stat.states.items()]",
        by=(f"{OTHER_DEVICES}::test_a_night_whose_device_says_of_auto_clone_one_sentence_for_all",),
    ),
    safety(
        "a sentence about auto-clone with anything beside it is not of all",
        promise="P6",
        why="What was said of one member would count as off on the others.",
        file="engine/gaia/readings.py",
        old="    alone = len(said) == 1 and not any(_block(line) for line in lines)\n",
        new="    alone = True\n",
        by=(
            "unit/test_other_layouts.py::test_a_sentence_about_cloning_with_anything_beside_it_is_"
            "nobodys_and_is_shown",
        ),
    ),
    safety(
        "a CPUSE that does not answer takes no member out of service",
        promise="P1",
        why="An agent that restarts for a moment would turn the failover back, and alarm people.",
        file="engine/gaia/probe.py",
        old="        return _Cpuse(unread=str(error))\n",
        new="        raise UnexpectedOutput(str(error), shown) from error\n",
        by=(
            "simulation/test_looks.py::test_a_member_whose_cpuse_cannot_be_read_carries_traffic_and"
            "_nobody_knows_more",
        ),
    ),
    safety(
        "a CPUSE that does not answer may be at work",
        promise="P3",
        why="A group would be taken down, or worked on, while something is installed there.",
        file="engine/fold.py",
        old="        if member.cpuse_silent:\n            return True\n",
        new="",
        by=(
            "unit/test_invariants.py::test_each_missing_condition_forbids_the_failover_and_is_named",
        ),
    ),
    safety(
        "of a change nobody knows while CPUSE does not answer",
        promise="P3",
        why="Its silence would read as idle without effect, and the work be begun once more.",
        file=RECOVERY,
        old="    if member.cpuse_silent:\n",
        new="    if False:\n",
        by=(EACH_SIGN,),
    ),
    safety(
        "what a silent CPUSE does not list is not gone",
        promise="P4",
        why="Software that is there would count as undone, and be asked for and begun anew.",
        file=RECOVERY,
        old="return not member.cpuse_silent and not changed(member, step, plan)",
        new="return not changed(member, step, plan)",
        by=("unit/test_recovery.py::test_what_a_silent_cpuse_does_not_list_is_not_gone",),
    ),
    safety(
        "nobody is brought up whose CPUSE does not answer",
        promise="P1",
        why="It may be at work there, and its restart drop the traffic that came back.",
        file="engine/steps/changing.py",
        old="        and not m.cpuse_silent\n",
        new="",
        by=(
            "unit/test_restarts.py::test_whose_cpuse_is_silent_may_yet_restart_and_is_not_brought_up",
        ),
    ),
    safety(
        "a CPUSE that is away for a moment is waited for",
        promise="P1",
        why="A night would hold with a group down for an agent that restarts in ten seconds.",
        file="engine/duty.py",
        old="        if not silent:\n            self.tried_since.pop(key, None)\n",
        new="        if True:\n            self.tried_since.pop(key, None)\n",
        by=(
            "simulation/test_silent_cpuse.py::test_an_agent_that_is_away_for_a_moment_turns_no_"
            "failover_back_and_is_waited_for",
        ),
    ),
    safety(
        "nothing is planned where CPUSE does not say what is installed",
        promise="P6",
        why="What nobody could read would count as not installed.",
        file="engine/planning.py",
        old="        _refuse_silent(facts.without(request.left_out))\n",
        new="",
        by=(
            "simulation/test_silent_cpuse.py::test_nothing_is_planned_where_nobody_knows_what_is_"
            "installed",
        ),
    ),
    safety(
        "CPUSE at work on something that is not ours cannot be told",
        promise="P3",
        why="Somebody else installs there; we would count it as ours, or add ours to it.",
        file=RECOVERY,
        old='return Found(Finding.CANNOT_TELL, "CPUSE is busy, but we never committed")',
        new='return Found(Finding.NOT_HAPPENED, "")',
        by=(EACH_SIGN,),
    ),
    safety(
        "a member that restarts after the commit is under way",
        promise="P3",
        why="An install ends in a restart; a second start would meet the member when it is back.",
        file=RECOVERY,
        old='return Found(Finding.UNDER_WAY, f"{member.state}, does not answer: it restarts")',
        new='return Found(Finding.NOT_HAPPENED, "")',
        by=(EACH_SIGN,),
    ),
    safety(
        "a silent member cannot be told",
        promise="P3",
        why="Nobody knows what a member does that does not answer.",
        file=RECOVERY,
        old='it restarts")\n        return Found(Finding.CANNOT_TELL, f"{member.state}, does not '
        'answer")',
        new='it restarts")\n        return Found(Finding.NOT_HAPPENED, "")',
        by=(EACH_SIGN,),
    ),
    safety(
        "a package in no known state cannot be told",
        promise="P3",
        why="A word of CPUSE that we do not know would read as not installed.",
        file=RECOVERY,
        old="    if shown is PackageState.UNKNOWN and found.finding is Finding.NOT_HAPPENED:\n",
        new="    if False:\n",
        by=(EACH_SIGN,),
    ),
    safety(
        "a failure that CPUSE shows counts, whatever it calls the package then",
        promise="P3",
        why="A failure would be told as something unknown, and no `retry` begin anew.",
        file=RECOVERY,
        old="    if shown is PackageState.UNKNOWN and found.finding is Finding.NOT_HAPPENED:\n",
        new="    if shown is PackageState.UNKNOWN:\n",
        by=(
            f"{OTHER_DEVICES}::test_a_failed_package_by_another_name_is_not_installed_anew_unseen",
        ),
    ),
    safety(
        "a list that lags behind a restart is waited for",
        promise="P4",
        why="A night would hold whose installation succeeded, and whose members are on their way.",
        file="engine/steps/changing.py",
        old="    if _may_still_show(duty, step, recovery.may_lag(findings)):\n",
        new="    if False:\n",
        by=(f"{OTHER_DEVICES}::test_a_list_that_lags_behind_a_restart_is_waited_for",),
    ),
    safety(
        "a restart without the effect is not waited for without end",
        promise="P3",
        why="A night would show an installation at work that is none, for an hour.",
        file="engine/steps/changing.py",
        old="    return any(now - since < quiet for since in first)\n",
        new="    return bool(first)\n",
        by=(IN_PART,),
    ),
    safety(
        "a session that is still open is under way",
        promise="P3",
        why="Whoever types there may yet type the answer that commits.",
        file=RECOVERY,
        old="    if member.session_open:\n        return Found(Finding.UNDER_WAY, _OPEN)\n",
        by=(EACH_SIGN,),
    ),
    safety(
        "the same boot id",
        promise="P3",
        why="A restart without the package is not the same as nothing begun.",
        file=RECOVERY,
        old='if member.boot_id is None or member.boot_id != before.get("boot_id"):',
        new="if False:",
        by=(EACH_SIGN,),
    ),
    safety(
        "a newer CPUSE action",
        promise="P3",
        why="It was begun and ended badly; a silent second start hides that.",
        file=RECOVERY,
        old="if newest != known:",
        new="if False:",
        by=(EACH_SIGN,),
    ),
    safety(
        "action numbers to compare with",
        promise="P3",
        why="Without a number of before, no newer action cannot be told from none seen.",
        file=RECOVERY,
        old="if known is None:",
        new="if False:",
        by=(
            "unit/test_recovery.py::test_a_member_whose_actions_cannot_be_numbered_is_never_"
            "called_not_started",
        ),
    ),
    safety(
        "the quiet time",
        promise="P3",
        why="CPUSE shows nothing in the first moments after the answer that commits.",
        file=RECOVERY,
        old="if quiet_for < plan.policy.quiet:",
        new="if False:",
        by=(EACH_SIGN,),
    ),
    safety(
        "the quiet time counts from when we are alone",
        promise="P3",
        why="An executor paused between COMMITTING and the answer types it late.",
        file="engine/duty.py",
        old="            begun.committed_at, self.state.taken_up_at, self.session_seen_at\n",
        new="            begun.committed_at\n",
        by=(
            "unit/test_recovery.py::test_after_a_take_over_and_after_an_open_session_the_quiet_time_begins_anew",
        ),
    ),
    safety(
        "only a failure that the device showed allows another attempt",
        promise="P3",
        why="`retry` would add a second start where nobody can tell what the first one did.",
        file=RECOVERY,
        old='(found.finding is Finding.CANNOT_TELL and "ended: failure" in found.why)',
        new="found.finding is Finding.CANNOT_TELL",
        by=(
            "unit/test_recovery.py::test_a_restart_without_the_package_does_not_allow_a_new_"
            "attempt",
        ),
    ),
    safety(
        "what was begun is over only after the quiet time",
        promise="P3",
        why="An abort would bring a group up whose installation is about to show.",
        file=RECOVERY,
        old="over=quiet_for >= plan.policy.quiet)",
        new="over=True)",
        by=(
            "unit/test_recovery.py::test_an_interrupted_attempt_is_over_once_nothing_of_it_can_be_"
            "at_work",
        ),
    ),
    safety(
        "an installation that was intended is looked at",
        promise="P3",
        why="The journal's intent would be taken for leave to begin again.",
        file="engine/steps/changing.py",
        old='if begun.status == "intended" and not await _resolved(duty, step, facts):',
        new='if begun.status == "forgotten" and not await _resolved(duty, step, facts):',
        by=("simulation/test_night.py",),
    ),
    safety(
        "what cannot be told holds",
        promise="P3",
        why="It would be taken for not begun, and begun.",
        file="engine/steps/changing.py",
        old="    if recovery.any_is(findings, Finding.CANNOT_TELL):\n        if _others",
        new="    if False:\n        if _others",
        by=(IN_PART,),
    ),
    safety(
        "half a group changed holds",
        promise="P3",
        why="The half that has the package would be told to install it again.",
        file="engine/steps/changing.py",
        old="    if recovery.any_is(findings, Finding.HAPPENED):\n        raise InDoubt(",
        new="    if False:\n        raise InDoubt(",
        by=(IN_PART,),
    ),
    safety(
        "a group that is down already is not taken down again",
        promise="P3",
        why="After a crash behind the effect the command would be sent a second time.",
        file="engine/steps/traffic.py",
        old="    if recovery.all_are(findings, Finding.HAPPENED) and duty.state.of(step).status == "
        '"intended":\n        if taken_over(',
        new="    if False:\n        if taken_over(",
        by=(
            "simulation/test_holds.py::test_killed_right_after_a_failover_the_next_executor_sees_"
            "it_and_orders_nothing",
        ),
    ),
    safety(
        "what was done is looked at again before the second failover",
        promise="P4",
        why="A hotfix that the first group lost meanwhile would be believed on memory.",
        file="engine/steps/traffic.py",
        old="    _effects_still_there(duty, step, facts)\n    invariants.check",
        new="    invariants.check",
        by=("simulation/test_holds.py::test_a_hold_comes_at_the_step_that_sees_it",),
    ),
    safety(
        "the file is where the group address leads now",
        promise="P4",
        why="The SMO moved since the upload: the import would take what lies there.",
        file="engine/steps/preparing.py",
        old="uploaded_sha256(package) != package.sha256:\n        raise EffectGone(",
        new="uploaded_sha256(package) == b'':\n        raise EffectGone(",
        by=(
            "simulation/test_words_at_bad_moments.py::test_an_smo_that_moves_between_upload_and_"
            "import_costs_one_retry",
        ),
    ),
    safety(
        "the checksum of what arrived",
        promise="P4",
        why="Half a file would be called uploaded.",
        file="engine/uploads.py",
        old="        if found == package.sha256:\n",
        new="        if True:\n",
        by=(
            "simulation/test_uploads.py::test_a_file_that_arrives_damaged_is_removed_and_sent_once_"
            "more",
        ),
    ),
    safety(
        "a group in hand is looked at while Slack does not answer",
        promise="P1",
        why="A member that must carry traffic fails, and nobody sees it before Slack answers.",
        file="engine/duty.py",
        old="                if self._group_in_hand:\n",
        new="                if False:\n",
        by=(f"{SLOW}::test_a_group_that_is_down_is_looked_at_however_long_slack_takes",),
    ),
    safety(
        "traffic comes before words that wait for Slack",
        promise="P1",
        why="The group could be brought up, and stays down until six words are decided.",
        file="engine/duty.py",
        old="        elif self._trouble_since is None:\n",
        new="        elif False:\n",
        by=(
            f"{SLOW}::test_a_member_that_must_carry_traffic_comes_before_words_that_wait_for_slack",
        ),
    ),
    safety(
        "answers are not waited for",
        promise="P1",
        why="Who is told that a vote came late would keep the group unseen for five minutes.",
        file="engine/duty.py",
        old="        self.answers.give(await self.journal.append(drafts, take=take, tell=tell))\n",
        new=(
            "        self.answers.give(await self.journal.append(drafts, take=take, tell=tell))\n"
            "        await self.answers.close(timedelta(hours=1))\n"
        ),
        by=(f"{SLOW}::test_a_group_that_is_down_is_looked_at_however_long_slack_takes",),
    ),
    safety(
        "an answer has a limit, its turn included",
        promise="P11",
        why="With a Retry-After of five minutes one answer would hold up all the others.",
        file="bot/people.py",
        old="ANSWER_WITHIN_S = 10.0\n",
        new="ANSWER_WITHIN_S = 3600.0\n",
        by=(f"{SLOW}::test_an_answer_waits_for_its_turn_within_its_limit_only",),
    ),
    safety(
        "of too many answers the oldest are left to the inbox",
        promise="P11",
        why="They would pile up for as long as Slack is away.",
        file="engine/answering.py",
        old="        if len(self._waiting) >= MOST_WAITING:\n",
        new="        if False:\n",
        by=(
            f"{SLOW}::test_answers_are_never_waited_for_and_the_oldest_of_too_many_are_left_to_the_"
            "inbox",
        ),
    ),
    safety(
        "a Shell that can only read judges each line before it is sent",
        promise="P1",
        why="A dry plan would act on a group that carries traffic, and nobody approved.",
        file="engine/reading.py",
        old="        refuse_acts(command)\n",
        by=("unit/test_reading.py::test_no_acting_line_is_sent_bare_guarded_or_on_a_member",),
    ),
    safety(
        "what a member is handed is judged as well",
        promise="P1",
        why="The act would hide in the quotes of `gexec`.",
        file="engine/reading.py",
        old="        refuse_acts(line)\n        return True",
        new="        return True",
        by=("unit/test_reading.py::test_no_acting_line_is_sent_bare_guarded_or_on_a_member",),
    ),
    safety(
        "what `$( )` runs is judged as well",
        promise="P1",
        why="The act would hide in what a reading command is given.",
        file="engine/reading.py",
        old='        if sort == "inside":\n            yield from _commands(text)\n        elif',
        new='        if sort == "inside":\n            pass\n        elif',
        by=("unit/test_reading.py::test_no_acting_line_is_sent_bare_guarded_or_on_a_member",),
    ),
    safety(
        "where only reading is allowed no terminal opens",
        promise="P1",
        why="What is typed there is judged by nobody.",
        file="engine/reading.py",
        old='        raise NotReading("no terminal is opened where only reading is allowed")',
        new="        return await self._shell.terminal(command, within=within)",
        by=("unit/test_reading.py::test_no_terminal_and_no_upload_comes_through",),
    ),
    safety(
        "the search for the newest CPUSE action ends",
        promise="P1",
        why="One that is told of every number asks on for ever, and no look ends any more.",
        file="engine/gaia/probe.py",
        old="[ $s -lt {ACTIONS_LIMIT} ] && ",
        by=(
            f"{MEMBER_LINE}::test_the_search_for_the_newest_action_ends_however_one_that_is_not_"
            "there_is_told",
        ),
    ),
    safety(
        "an action counts only where the device tells of that number",
        promise="P3",
        why="One that is not there would be counted, and the newest never found.",
        file="engine/gaia/probe.py",
        old='grep -qw "Action ID[^0-9,-]*{number}"',
        new='grep -q "Action Type"',
        by=(
            f"{MEMBER_LINE}::test_the_search_for_the_newest_action_ends_however_one_that_is_not_"
            "there_is_told",
        ),
    ),
    safety(
        "a marker begins on a line of its own",
        promise="P1",
        why="Glued to an answer without a line end it is none, and no member can be read.",
        file="engine/gaia/probe.py",
        old='    return "; echo; ".join(parts)\n',
        new='    return "; ".join(parts)\n',
        by=(f"{MEMBER_LINE}::test_a_marker_after_an_answer_without_a_line_end_is_still_one",),
    ),
    safety(
        "a retry waits for the member that still installs",
        promise="P3",
        why="It would hold again at once, each time that somebody says retry.",
        file="engine/steps/changing.py",
        old="        if _others_are_waited_for(duty, step, findings):\n",
        new="        if False:\n",
        by=(
            "simulation/test_partly_changed.py::test_a_retry_waits_for_the_member_that_still_"
            "installs",
        ),
    ),
    safety(
        "a failure that nobody was told of holds at once, whoever said retry before",
        promise="P11",
        why="With a group down nobody would hear of it for as long as another member installs.",
        file="engine/steps/changing.py",
        old="    return known and recovery.any_is_at_work(findings)\n",
        new="    return recovery.any_is_at_work(findings)\n",
        by=("unit/test_resolving.py::test_a_failure_that_people_do_not_know_holds_at_once",),
    ),
    safety(
        "a session that may stay open for ever is not waited for",
        promise="P3",
        why="People would wait for the limit of an installation that ended long ago.",
        file=RECOVERY,
        old="    return bool(why - {_OPEN, _QUIET} if _OPEN in why else why)\n",
        new="    return bool(why)\n",
        by=(
            "unit/test_resolving.py::test_after_a_retry_a_session_that_may_stay_open_for_ever_is_"
            "not_waited_for",
        ),
    ),
    safety(
        "only where nothing else is unclear a late list is waited for",
        promise="P3",
        why="People would hear of a failed installation only after the quiet time.",
        file="engine/recovery.py",
        old="set(unclear.values()) == {_RESTARTED}",
        new="_RESTARTED in unclear.values()",
        by=(
            "unit/test_recovery.py::test_only_where_nothing_else_is_unclear_may_a_restarted_"
            "member_show_the_effect_later",
        ),
    ),
    safety(
        "a session does not hide the work on another member",
        promise="P3",
        why="A night that goes well would hold, for a session that nobody waits for.",
        file="engine/recovery.py",
        old="return _OPEN in why and why <= {_OPEN, _QUIET}",
        new="return _OPEN in why",
        by=(
            "unit/test_recovery.py::test_a_session_on_one_member_does_not_hide_the_work_on_another",
        ),
    ),
    safety(
        "a group at two takes is not offered to be accepted",
        promise="P10",
        why="With one word people would accept members that differ.",
        file="engine/recovery.py",
        old="        and len(takes) == 1\n",
        by=("unit/test_recovery.py::test_only_a_group_that_is_alike_came_back_at_another_take",),
    ),
    safety(
        "who is down for another reason was not taken down by us",
        promise="P1",
        why="A failure in the group would count as its failover, and its approval as used.",
        file="engine/recovery.py",
        old='member.state == "DOWN" and "ADMIN" in member.notes',
        new='member.state == "DOWN"',
        by=(
            "unit/test_recovery.py::test_a_member_that_is_down_for_another_reason_was_not_taken_"
            "down_by_us",
        ),
    ),
    safety(
        "a boot that cannot be read is no restart",
        promise="P3",
        why="CPUSE at work would be called done, and the next group taken down.",
        file="engine/recovery.py",
        old="restarted = member.boot_id is not None and member.boot_id",
        new="restarted = member.boot_id",
        by=("unit/test_recovery.py::test_a_member_whose_boot_cannot_be_read_has_not_restarted",),
    ),
    safety(
        "what a silent member has is not known",
        promise="P6",
        why="A member that says nothing would count as one from which the package is gone.",
        file="engine/facts.py",
        old="        if not self.answered or self.packages is None:\n",
        new="        if self.packages is None:\n",
        by=(
            "unit/test_recovery.py::test_what_a_silent_member_has_is_not_known_whatever_was_"
            "listed_of_it",
        ),
    ),
)
