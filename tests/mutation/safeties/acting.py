"""On the device: dialogues, guarded lines, the answer that commits, and the rescue (P1, P6, P7)."""

from tests.mutation.trials import Edit, Safety, safety

GUARDS = "engine/gaia/guards.py"
OTHER_DEVICES = "simulation/test_other_devices.py"
DIALOGUES = "engine/gaia/dialogues.py"
PREPARING = "engine/steps/preparing.py"
TRAFFIC = "engine/steps/traffic.py"
CHANGING = "engine/steps/changing.py"
GROUP = "engine/group.py"
RUNNER = "engine/runner.py"
FAULTS = "simulation/test_faults.py"
HOLDS = "simulation/test_holds.py"
RESTARTS = "unit/test_restarts.py"
PARTLY = "simulation/test_partly_changed.py"
STOPS = "simulation/test_stops.py"
TWO_SITES = "simulation/test_two_sites.py"
SURROUNDINGS = "simulation/test_surroundings.py"
BAD_MOMENTS = "simulation/test_words_at_bad_moments.py"
HELD_WHERE = f"{HOLDS}::test_a_hold_comes_at_the_step_that_sees_it"
LATE = f"{HOLDS}::test_what_does_not_come_in_time_holds_at_its_step"

SAFETIES = (
    safety(
        "a dialogue about another package is not answered",
        promise="P3",
        why="A number that counts in another list would install, or take away, something else.",
        file="engine/gaia/dialogues.py",
        old="and not _is_named(package, self._package)",
        new="and False",
        by=(
            "unit/test_dialogues.py::test_a_confirmation_that_names_another_package_is_not_answered",
        ),
    ),
    safety(
        "what a given up attempt left is known to later runs",
        promise="P10",
        why="A group with two takes on which neither finish nor rollback can be ordered.",
        file="engine/former.py",
        old="began = began or _left_otherwise(state)",
        new="pass",
        by=(
            f"{PARTLY}::"
            "test_what_an_attempt_that_was_given_up_left_behind_is_finished_or_taken_back",
        ),
    ),
    safety(
        "nobody is told to bring up what CPUSE is at work on",
        promise="P10",
        why="Whoever copies the line at night puts traffic on members that restart under it.",
        file="engine/fold.py",
        old="        if at_work:\n            return (\n",
        new="        if False:\n            return (\n",
        by=(f"{STOPS}::test_nobody_is_told_to_bring_up_by_hand_what_cpuse_is_at_work_on",),
    ),
    safety(
        "nobody is told to bring up who is yet to restart",
        promise="P10",
        why="Whoever copies the line at night puts traffic on members that restart under it.",
        file="engine/fold.py",
        old="        if due := self._changed_in_this_boot():\n",
        new="        if due := frozenset[str]():\n",
        by=(f"{RESTARTS}::test_nobody_is_told_to_bring_up_who_is_yet_to_restart",),
    ),
    safety(
        "who is yet to restart is not brought up as by a package without a restart",
        promise="P1",
        why="It restarts while the next group is down, and nobody carries traffic.",
        file=CHANGING,
        old="        and m.id not in due\n",
        by=(f"{RESTARTS}::test_only_who_does_not_restart_is_brought_up",),
    ),
    safety(
        "an abort does not bring up who is yet to restart",
        promise="P1",
        why="Its end would call a member in service that drops its traffic at any moment.",
        file=TRAFFIC,
        old=' if "ADMIN" in m.notes and m.id not in due]\n',
        new=' if "ADMIN" in m.notes]\n',
        by=(f"{RESTARTS}::test_an_abort_brings_up_whom_no_restart_brings_up",),
    ),
    safety(
        "a group is back only after the restart that was announced",
        promise="P1",
        why="Brought up by hand before it, it would be relied on at the next failover.",
        file=CHANGING,
        old="        elif member.id in due:\n",
        new="        elif False:\n",
        by=(f"{RESTARTS}::test_a_member_in_service_in_its_old_boot_is_not_back",),
    ),
    safety(
        "what the dialogue announced is recorded",
        promise="P1",
        why="Of a package that does not say it, nobody would know that members restart.",
        file=GROUP,
        old="            await commit(on, restart_announced=script.restart_announced)\n",
        new="            await commit(on, restart_announced=False)\n",
        by=(
            "simulation/test_late_restarts.py::"
            "test_a_late_restart_is_waited_for_before_the_next_group_goes_down",
        ),
    ),
    safety(
        "a change that began and failed is told so by an abort",
        promise="P10",
        why="Who reads that nothing was started looks at no packages, and takes differ.",
        file="engine/verbs.py",
        old="    if unclear and recovery.ended_without_effect(findings):\n"
        '        return "interrupted"\n',
        new="    if unclear and recovery.ended_without_effect(findings):\n"
        '        return "down_not_started"\n',
        by=(f"{PARTLY}::test_who_failed_is_brought_up_and_nobody_says_that_nothing_was_started",),
    ),
    safety(
        "an abort doubts only what was begun and never seen done",
        promise="P10",
        why="People would read that nobody can tell what came of an installation that succeeded.",
        file="engine/fold.py",
        old="            self.never_done -= set(self.the_plan.step(step).members)\n",
        new="            pass\n",
        by=(
            f"{PARTLY}::test_an_abort_before_the_uninstall_begins_does_not_doubt_the_installation",
        ),
    ),
    safety(
        "who came back changed has not left the state in which it was put",
        promise="P4",
        why="The group would be taken for one that nobody took down, with a member down in it.",
        file=CHANGING,
        old="    if len(up) > len(back) and down is not None:\n",
        new="    if up and down is not None:\n",
        by=(
            f"{PARTLY}::test_who_came_back_at_the_new_take_left_no_state_and_takes_no_new_attempt",
        ),
    ),
    safety(
        "no rollback begins where an undone attempt left a member down",
        promise="P2",
        why="Another group would be taken down while a member of the former one is.",
        file="engine/verbs.py",
        old=" or _left_down(duty)\n",
        new="\n",
        by=(
            f"{PARTLY}::"
            "test_no_rollback_begins_while_a_member_is_down_by_an_attempt_that_was_undone",
        ),
    ),
    safety(
        "an abort brings up nobody whom others took down after a rescue",
        promise="P1",
        why="Somebody works on a member, and it would be put into service under their hands.",
        file="engine/fold.py",
        old='        self.down_undone -= {body.get("rescued", "")}\n',
        new="",
        by=(f"{OTHER_DEVICES}::test_an_abort_leaves_down_whom_others_took_down_after_the_rescue",),
    ),
    safety(
        "the lock on the device",
        promise="P9",
        why="Two dialogues of ours at once on one member.",
        file=GUARDS,
        old='conditions = [f"flock -w {LOCK_WAIT_S} 9 || exit {SESSION_OPEN}"]',
        new='conditions = ["true"]',
        by=("unit/test_guards.py::test_while_a_dialogue_lives_no_other_can_begin",),
    ),
    safety(
        "the right member",
        promise="P1",
        why="A session that ended up elsewhere would take down or install there.",
        file=GUARDS,
        old='conditions.append(f"{here} || exit {WRONG_MEMBER}")',
        new="pass",
        by=("unit/test_guards.py::test_another_member_than_meant_does_not_act",),
    ),
    safety(
        "the traffic condition in the line that acts",
        promise="P1",
        why="A member that left service since the look would be alone with nobody.",
        file=GUARDS,
        old='conditions.append(f"{traffic} || exit {TRAFFIC}")',
        new="pass",
        by=("unit/test_guards.py::test_a_member_outside_that_is_not_active_forbids_the_act",),
    ),
    safety(
        "the traffic condition is asked for by those who act",
        promise="P1",
        why="A guard that nobody fills in guards nothing.",
        file=GROUP,
        old="        guard = self._guard(at, outside)\n",
        new="        guard = self._guard(at)\n",
        by=(
            "simulation/test_holds.py::test_a_line_that_acts_is_refused_by_the_device_while_another_member_is_away",
        ),
    ),
    safety(
        "a confirmation that may be all that is asked for commits",
        promise="P2",
        why="Members would go down with no COMMITTING record: no rescue, and an abort that "
        "leaves them down.",
        file="engine/gaia/dialogues.py",
        old="                commits=confirming_acts,\n",
        by=(f"{OTHER_DEVICES}::test_before_a_confirmation_that_may_act_comes_every_check",),
    ),
    safety(
        "who is kept down after a restart is told, with what brings it up",
        promise="P5",
        why="People would wait for half an hour for a member that nobody brings up.",
        file="engine/steps/changing.py",
        old="    _people_are_needed(duty, step, facts, kept, bare)\n",
        by=(f"{OTHER_DEVICES}::test_who_is_down_for_good_after_a_restart_is_told_soon",),
    ),
    safety(
        "who takes traffic without its policy is told, whoever else is still away",
        promise="P6",
        why="What is sent there would be lost for half an hour, and nobody would know.",
        file=CHANGING,
        old="    if bare_long or (kept_long",
        new="    if (kept_long",
        by=(f"{RESTARTS}::test_a_return_holds_early_where_people_are_needed_nobody",),
    ),
    safety(
        "who is kept down is not told while others are still on their way",
        promise="P10",
        why="An abort of that hold does not wait for them any more.",
        file=CHANGING,
        old="(kept_long and missing <= {*kept_long})",
        new="kept_long",
        by=(f"{RESTARTS}::test_a_return_holds_early_where_people_are_needed_nobody",),
    ),
    safety(
        "a time to be told begins anew with who was well in between",
        promise="P10",
        why="A member that passes through it once more would hold a night that goes well.",
        file=CHANGING,
        old="            duty.tried_since.pop(key, None)\n    since",
        new="            pass\n    since",
        by=(f"{RESTARTS}::test_who_had_its_policy_in_between_is_waited_for_anew",),
    ),
    safety(
        "a return that is too late names what people can do for whom",
        promise="P6",
        why="The command that helps would be lost among what is missing.",
        file=CHANGING,
        old="helps = _without_restart(due) + _by_hand(kept, bare)",
        new="helps = _without_restart(due)",
        by=(f"{RESTARTS}::test_a_return_that_is_too_late_names_what_people_can_do_for_whom",),
    ),
    safety(
        "what a device says against switching cloning is told",
        promise="P6",
        why="People would not know that somebody's lock on the configuration is in the way.",
        file="engine/steps/preparing.py",
        old='raise TooLate(f"{late}{_said(said)}") from late',
        new="raise",
        by=(f"{OTHER_DEVICES}::test_a_configuration_that_is_locked_is_told_in_the_devices_words",),
    ),
    safety(
        "an import that goes on without its installer is waited for",
        promise="P4",
        why="A night would hold for an import that is at work and succeeds.",
        file=GROUP,
        old="            if not done and (aborted or status not in _IMPORTING):\n",
        new="            if not done:\n",
        by=(f"{OTHER_DEVICES}::test_an_import_whose_installer_ends_early_is_waited_for",),
    ),
    safety(
        "an import that says nothing yet is no refusal",
        promise="P4",
        why="A night would hold for an import that is at work and succeeds.",
        file=GROUP,
        old='_IMPORTING = (\n    "",\n',
        new="_IMPORTING = (\n",
        by=(f"{OTHER_DEVICES}::test_an_import_whose_installer_ends_early_is_waited_for",),
    ),
    safety(
        "after a confirmation that commits, an early end is looked at",
        promise="P4",
        why="What the device did would count as not done, and people would be asked anew.",
        file=GROUP,
        old="            if status is not None and committed:\n                return\n",
        by=(f"{OTHER_DEVICES}::test_an_admin_down_that_only_wants_to_be_confirmed_is_one",),
    ),
    safety(
        "an abort brings up who is down by an attempt that was undone",
        promise="P5",
        why="A group of ours would stay down, and cloning be switched on around it.",
        file="engine/verbs.py",
        old="        return await _case_of_undone(duty)\n",
        new='        return "nothing_down", ""\n',
        by=(f"{OTHER_DEVICES}::test_an_abort_brings_up_who_went_down_in_an_undone_attempt",),
    ),
    safety(
        "the epoch in the line that acts",
        promise="P9",
        why="An executor that was replaced would act late.",
        file=GUARDS,
        old='conditions.append(f"{kept} || exit {FENCED}")',
        new="pass",
        by=("unit/test_guards.py::test_only_the_epoch_that_the_member_keeps_in_this_boot_may_act",),
    ),
    safety(
        "a prompt stands at the end of what was printed",
        promise="P6",
        why="Words in the middle of a text would be answered.",
        file=DIALOGUES,
        old="if asked := prompt.pattern.fullmatch(said):",
        new="if asked := prompt.pattern.match(said):",
        by=("unit/test_dialogues.py::test_words_inside_the_text_are_no_prompt",),
    ),
    safety(
        "a question below one sentence more than recorded is not answered",
        promise="P6",
        why="A yes to all takes at once, or to no way back, below a question that is known.",
        file=DIALOGUES,
        old=r"""re.compile(r"\s*".join(["", *said, ""]))""",
        new=r"""re.compile(r".*?".join(["", *said, ""]), re.DOTALL)""",
        by=(
            "unit/test_dialogues.py::"
            "test_a_question_below_one_sentence_more_than_recorded_is_not_answered",
            "unit/test_dialogues.py::test_nor_is_one_about_the_admin_state",
        ),
    ),
    safety(
        "a box is no frame",
        promise="P6",
        why="What the device says in it would be dropped with what the frames show.",
        file=DIALOGUES,
        old="{2,}",
        new="{1,}",
        by=(
            "unit/test_dialogues.py::test_what_stands_in_a_box_of_one_cell_is_said_and_is_no_frame",
        ),
    ),
    safety(
        "a prompt is answered in its order",
        promise="P6",
        why="A name would be typed where a confirmation is asked for.",
        file=DIALOGUES,
        old="            if prompt.required:\n                break\n",
        by=("unit/test_dialogues.py::test_a_prompt_out_of_order_is_not_answered",),
    ),
    safety(
        "a prompt is answered once",
        promise="P6",
        why="A second `y` went into the audit log of a public playbook.",
        file=DIALOGUES,
        old="self._waiting = self._waiting[index + 1 :]",
        new="self._waiting = self._waiting[index:]",
        by=("unit/test_dialogues.py",),
    ),
    safety(
        "the confirmation names the members that we mean",
        promise="P1",
        why="A yes to all members at once.",
        file=DIALOGUES,
        old="                self._check(asked)\n",
        by=(
            "unit/test_dialogues.py::test_a_confirmation_that_names_other_members_is_not_answered",
        ),
    ),
    safety(
        "an unknown prompt holds",
        promise="P6",
        why="It would be waited for as if nothing had been asked.",
        file=GROUP,
        old="            raise self._script.stuck() from error\n",
        new='            raise MemberUnreachable("silent") from error\n',
        by=(f"{FAULTS}::test_an_unknown_prompt_is_not_answered_and_abort_brings_the_group_up",),
    ),
    safety(
        "one odd member is not read as healthy",
        promise="P6",
        why="What cannot be read would count as in service.",
        file="engine/gaia/probe.py",
        old="answered=False, notes=notes, unread=why)",
        new="answered=True, own_state=state, notes=notes, policy=policies.get(one), unread=why)",
        by=(
            "simulation/test_looks.py::test_one_member_that_cannot_be_read_is_not_in_service_and_"
            "blinds_nobody",
        ),
    ),
    safety(
        "an agent that does not say whether it is busy is not idle",
        promise="P6",
        why="A second start into an installation that works.",
        file="engine/gaia/probe.py",
        old='    raise UnexpectedOutput(f"CPUSE does not say whether it is busy: {shown!r}", '
        "str(agent))\n",
        new="    return False\n",
        by=(
            "unit/test_parsers.py::test_an_agent_that_does_not_say_whether_it_is_busy_is_not_"
            "taken_for_idle",
        ),
    ),
    Safety(
        "a look that was cut off is none",
        "P6",
        "Half of an answer would read as a whole one. Its end and each member's own end cover for "
        "each other: both are off.",
        (
            Edit(
                "engine/gaia/probe.py",
                '    if "over" not in sections:\n        raise UnexpectedOutput("the look was',
                '    if False:\n        raise UnexpectedOutput("the look was',
            ),
            Edit(
                "engine/gaia/broadcast.py",
                'if "end" in sections and not answer.mixed',
                "if not answer.mixed",
            ),
        ),
        (
            "unit/test_parsers.py::test_cut_at_any_byte_a_reading_is_true_or_an_error_but_never_"
            "better_than_the_whole",
            "simulation/test_looks.py::test_a_member_whose_answer_is_cut_off_did_not_answer",
        ),
    ),
    Safety(
        "what marks a member's lines is not what it said",
        "P1",
        "Every number and every end of an action would be unreadable, at the first step.",
        (
            Edit(
                "engine/gaia/broadcast.py",
                'return "" if member_id(prefix[1]) == member else prefix[0]',
                "return prefix[0]",
            ),
        ),
        (
            "unit/test_broadcast.py::test_one_member_is_read_without_the_prefix_of_its_lines",
            "simulation/test_other_devices.py::test_a_member_asked_alone_is_understood_however_the_"
            "broadcast_shows_it",
        ),
    ),
    Safety(
        "the lines of another member are not what this one said",
        "P1",
        "An index of another member's list would install another package here.",
        (
            Edit(
                "engine/gaia/broadcast.py",
                'return "" if member_id(prefix[1]) == member else prefix[0]',
                'return ""',
            ),
        ),
        ("unit/test_broadcast.py::test_one_member_is_read_without_the_prefix_of_its_lines",),
    ),
    Safety(
        "a member that the device does not list any more is not in service",
        "P1",
        "Who is gone would be nobody's concern. Both ways of looking add it: both are off.",
        (
            Edit(
                "engine/duty.py",
                "facts = (await self._patiently(full=full)).listing(self.plan.everyone)",
                "facts = await self._patiently(full=full)",
            ),
            Edit(
                "engine/duty.py",
                "facts = (await self._look()).listing(self.plan.everyone)",
                "facts = await self._look()",
            ),
        ),
        (
            f"{BAD_MOMENTS}::test_a_member_that_the_device_no_longer_lists_does_not_count_as_in_"
            "service",
        ),
    ),
    safety(
        "COMMITTING before the answer that commits",
        promise="P3",
        why="After a crash behind the answer nobody would know that it was typed.",
        file=GROUP,
        old="                await self._commit(self._at)\n",
        by=("simulation/test_night.py",),
    ),
    Safety(
        "a person's stop is looked for at COMMITTING",
        "P7",
        "A stop said during the dialogue would come after the answer. What waits in the inbox "
        "and what was taken by the last look are two ways of hearing it: both are off.",
        (
            Edit(
                TRAFFIC,
                "            cloning={m.id: m.auto_clone for m in facts.members if m.answered},\n"
                "        )\n"
                "        await duty.journal.append([] if written else [draft], unless_word=True)",
                "            cloning={m.id: m.auto_clone for m in facts.members if m.answered},\n"
                "        )\n        await duty.journal.append([] if written else [draft])",
            ),
            Edit(
                TRAFFIC,
                "        facts = await duty.glance()\n        duty.still_wanted(step)\n",
                "        facts = await duty.glance()\n",
            ),
        ),
        (f"{STOPS}::test_a_stop_said_in_a_dialogue_comes_before_its_last_answer",),
    ),
    safety(
        "each answer that may act has its own look",
        promise="P1",
        why="A stop, or a member that fails, between two such answers would come too late.",
        file=GROUP,
        old="                await self._commit(self._at)\n",
        new="                if not committed:\n                    await self._commit(self._at)\n",
        by=(
            f"{OTHER_DEVICES}::test_a_stop_after_a_confirmation_that_may_act_keeps_the_reason_back",
            f"{OTHER_DEVICES}::test_a_member_that_fails_after_a_confirmation_keeps_the_reason_back",
        ),
    ),
    safety(
        "the traffic is looked at before the answer that commits",
        promise="P1",
        why="The dialogue took its time; who must carry traffic may have left since.",
        file=TRAFFIC,
        old="        duty.still_wanted(step)\n        still_carrying(duty, step, facts)\n",
        new="        duty.still_wanted(step)\n",
        by=(f"{STOPS}::test_a_member_that_fails_in_a_dialogue_keeps_its_last_answer_back",),
    ),
    safety(
        "a verification that is denied holds",
        promise="P1",
        why="The device says that it cannot be installed; the group would go down for it.",
        file=GROUP,
        old="        if denied or missing or installer.ABORTED in refused:\n",
        new="        if False:\n",
        by=(HELD_WHERE,),
    ),
    safety(
        "an import that a member refuses holds",
        promise="P10",
        why="One member would install another build of the same name.",
        file=GROUP,
        old="            if not done and (aborted or status not in _IMPORTING):\n",
        new="            if False:\n",
        by=(HELD_WHERE,),
    ),
    safety(
        "an import that was aborted is not waited for",
        promise="P10",
        why="Twenty minutes later people read that it is late, without what the device said.",
        file=GROUP,
        old="            if not done and (aborted or status not in _IMPORTING):\n",
        new="            if not done and status not in _IMPORTING:\n",
        by=(
            "unit/test_spellings.py::"
            "test_an_import_that_was_aborted_is_refused_whatever_its_rows_said_last",
        ),
    ),
    safety(
        "ACTIVE(!) in the answer holds",
        promise="P1",
        why="The device kept a member active because the others are ill.",
        file=GROUP,
        old='if "ACTIVE(!)" in cleaned(text):',
        new="if False:",
        by=(HELD_WHERE,),
    ),
    safety(
        "a command that ended without asking holds",
        promise="P6",
        why="Nothing was begun, and it would be waited for.",
        file=GROUP,
        old="            if status is not None:\n                self._ended_early(status)\n",
        by=(
            "simulation/test_fence.py::test_after_a_take_over_the_former_executor_can_neither_look_nor_act_nor_write",
        ),
    ),
    safety(
        "an effect that does not show in time holds",
        promise="P6",
        why="A time-out stops; it never proceeds.",
        file="engine/duty.py",
        old='                raise TooLate(f"{step.id}: {what} was not seen within '
        '{_minutes(within)}")\n',
        new="                return facts\n",
        by=(HELD_WHERE,),
    ),
    safety(
        "an installation that does not end in time holds",
        promise="P6",
        why="It would be watched for ever, with half of the group away.",
        file=CHANGING,
        old="if _since(duty, begun.committed_at or begun.intended_at) > "
        "duty.plan.policy.limits.install:",
        new="if False:",
        by=(LATE,),
    ),
    safety(
        "a group that does not come back in time holds",
        promise="P10",
        why="It would be waited for all night.",
        file=CHANGING,
        old="if _waited(duty, step) > duty.plan.policy.limits.comeback:",
        new="if False:",
        by=(f"{FAULTS}::test_retry_gives_a_group_that_is_late_the_whole_time_again",),
    ),
    safety(
        "a group that does not go down in time holds",
        promise="P1",
        why="The command would be repeated for ever.",
        file=TRAFFIC,
        old="    if duty.tried_for(step) > duty.plan.policy.limits.admin_down:\n"
        '        raise TooLate(f"{step.id}: {recovery.told(findings)}")\n',
        by=(LATE,),
    ),
    safety(
        "a group that does not go up in time holds",
        promise="P10",
        why="People would not hear that it stays down.",
        file=TRAFFIC,
        old="    if duty.tried_for(step) > duty.plan.policy.limits.admin_down:\n"
        "        raise TooLate(f\"{step.id}: {', '.join(down)} still DOWN\")\n",
        by=(f"{HOLDS}::test_a_group_that_does_not_go_up_in_time_holds",),
    ),
    safety(
        "CPUSE that stays busy holds",
        promise="P6",
        why="The night would wait for somebody else's work without a word.",
        file=PREPARING,
        old="if duty.tried_for(step) > duty.plan.policy.limits.importing:",
        new="if False:",
        by=(f"{HOLDS}::test_cpuse_that_stays_busy_holds",),
    ),
    safety(
        "being blind too long holds",
        promise="P6",
        why="Nobody would hear that we see nothing.",
        file="engine/duty.py",
        old="                if self.clock.monotonic() >= until:\n                    raise\n"
        "            await self.pause",
        new="                pass\n            await self.pause",
        by=(f"{HOLDS}::test_being_blind_for_longer_than_the_limit_holds",),
    ),
    safety(
        "a rescue looks twice",
        promise="P1",
        why="One odd answer would turn a night around.",
        file=RUNNER,
        old="        facts = await duty.observe()\n        trouble = traffic_trouble",
        new="        trouble = traffic_trouble",
        by=(f"{HOLDS}::test_a_member_that_is_away_for_one_look_turns_no_night_around",),
    ),
    safety(
        "a rescue brings nothing up that may be installing",
        promise="P3",
        why="A member in the middle of an installation would carry traffic.",
        file=RUNNER,
        old="if not trouble or not ours or not nothing_started(duty, down, facts):",
        new="if not trouble or not ours:",
        by=(
            f"{HOLDS}::test_a_member_that_fails_while_others_install_is_told_and_no_reason_to_act",
        ),
    ),
    Safety(
        "what people said between the two looks of a rescue comes first",
        "P7",
        "A halt would be followed by an act. The rescue asks, and so does every intent: both are "
        "off.",
        (
            Edit(
                RUNNER,
                "        if duty.state.last_seq != heard:\n            # Somebody",
                "        if False:\n            # Somebody",
            ),
            Edit(
                "engine/duty.py",
                "        if self.state.halted or dropped:\n",
                "        if dropped:\n",
            ),
        ),
        (f"{STOPS}::test_a_halt_between_the_two_looks_of_a_rescue_keeps_it_back",),
    ),
    safety(
        "a group of ours comes up again when the others fail",
        promise="P1",
        why="Nobody would carry the traffic while people are being woken.",
        file=RUNNER,
        old="    await _rescued(duty, duty.state.next_step() or step)\n",
        by=(f"{FAULTS}::test_a_member_of_b_failing_before_the_install_brings_a_back_up",),
    ),
    safety(
        "a rescue that was cut off is brought to its end",
        promise="P2",
        why="The group is up again, and the approval of before would take it down once more.",
        file=RUNNER,
        old="    if name := duty.state.rescuing:\n",
        new='    if name := "":\n',
        by=(
            f"{TWO_SITES}::test_an_executor_that_dies_at_the_end_of_a_rescue_leaves_no_second_"
            "failover",
        ),
    ),
    safety(
        "a rescue that nobody was told of holds",
        promise="P1",
        why="The run would go on to the next failover, and the Site still does not take over.",
        file=RUNNER,
        old="    if duty.state.untold_rescue:\n",
        new="    if False:\n",
        by=(
            f"{TWO_SITES}::test_an_executor_that_dies_at_the_end_of_a_rescue_leaves_no_second_"
            "failover",
        ),
    ),
    safety(
        "an unknown host key is refused",
        promise="P9",
        why="Somebody else's machine would be told to install, and our name with it.",
        file="engine/ssh.py",
        old="known_hosts=str(settings.known_hosts),",
        new="known_hosts=None,",
        by=("ssh/test_shell_contract.py::test_an_unknown_host_key_is_refused",),
    ),
    safety(
        "what is typed for the audit is one plain line",
        promise="P6",
        why="A line break in somebody's name would answer the next question.",
        file="engine/gaia/text.py",
        old=r'one_line = re.sub(r"[^ -~]+", " ", plain)',
        new="one_line = plain",
        by=(
            "unit/test_dialogues.py::test_what_is_typed_into_an_audit_prompt_is_one_short_ascii_line",
        ),
    ),
    safety(
        "an old failover is not gone on with",
        promise="P2",
        why="A bot that was away for days would install on the approval of then.",
        file=CHANGING,
        old="    still_tonight(duty, step)\n    invariants",
        new="    invariants",
        by=(
            f"{SURROUNDINGS}::test_a_group_found_down_after_days_is_not_installed_on_the_approval_of_then",
        ),
    ),
    safety(
        "a clock that was set back makes no failover young",
        promise="P2",
        why="After days away a bot whose clock is behind would install on the approval of then.",
        file=TRAFFIC,
        old="    lasted = [duty.stopwatch.latest(one) - one for",
        new="    lasted = [duty.stopwatch.about(one) for",
        by=(f"{SURROUNDINGS}::test_days_do_not_pass_unseen_because_the_clock_was_set_back",),
    ),
    safety(
        "the rest of a group is not taken down days later",
        promise="P2",
        why="A bot that was away for days would go on taking members down.",
        file=TRAFFIC,
        old="        still_tonight(duty, step)\n        still_carrying",
        new="        still_carrying",
        by=(f"{SURROUNDINGS}::test_half_a_group_found_down_after_days_is_not_taken_down_further",),
    ),
    safety(
        "a confirmation that leaves a member out is not answered",
        promise="P6",
        why="A part of a group would be installed, and all of it waited for.",
        file="engine/gaia/dialogues.py",
        old="_ids(members) != self._members:",
        new="not _ids(members) <= self._members:",
        by=(
            "unit/test_dialogues.py::test_a_confirmation_that_leaves_a_member_out_is_not_answered",
        ),
    ),
    safety(
        "a warning that asks nothing does not take the confirmation for its own",
        promise="P6",
        why="It would be answered without a look at whom and what it names.",
        file="engine/gaia/dialogues.py",
        old="                _all_of(_CLONE_WARNING, _recorded(_SURE)),\n",
        new='                _all_of(_CLONE_WARNING, "(?s:.*)", _recorded(_SURE)),\n',
        by=(
            "unit/test_dialogues.py::test_a_clone_warning_that_asks_nothing_hides_no_confirmation",
        ),
    ),
    safety(
        "an admin state other than meant is not confirmed",
        promise="P1",
        why="A group that is to come up would go down.",
        file="engine/gaia/dialogues.py",
        old='f"<blade> state change to {state} on <blades>: <members>"',
        new='"<blade> state change to"\n) + r"\\s*(?:up|down)\\s*" + _recorded(\n'
        '"on <blades>: <members>"',
        by=("unit/test_dialogues.py::test_an_admin_state_other_than_meant_is_not_confirmed",),
    ),
    safety(
        "a stop that waits keeps back the answer that brings a group up",
        promise="P7",
        why="Who said halt would see members come up after it.",
        file="engine/steps/traffic.py",
        old="        draft = duty.journal.draft(\n"
        "            Kind.COMMITTING, step=step.id, attempt=duty.state.of(step).attempt, on=on\n"
        "        )\n"
        "        await duty.journal.append([] if written else [draft], unless_word=True)",
        new="        draft = duty.journal.draft(\n"
        "            Kind.COMMITTING, step=step.id, attempt=duty.state.of(step).attempt, on=on\n"
        "        )\n"
        "        await duty.journal.append([] if written else [draft])",
        by=(
            "simulation/test_stops.py::test_a_stop_that_waits_or_was_heard_keeps_the_answer_back_"
            "that_brings_a_group_up",
        ),
    ),
    safety(
        "a stop that was heard keeps back the answer that brings a group up",
        promise="P7",
        why="Who said halt would see members come up after it.",
        file="engine/steps/traffic.py",
        old="        duty.still_wanted(step)\n"
        "        draft = duty.journal.draft(\n"
        "            Kind.COMMITTING, step=step.id",
        new="        draft = duty.journal.draft(\n            Kind.COMMITTING, step=step.id",
        by=(
            "simulation/test_stops.py::test_a_stop_that_waits_or_was_heard_keeps_the_answer_back_"
            "that_brings_a_group_up",
        ),
    ),
)
