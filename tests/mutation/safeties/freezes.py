"""Freezes: nobody orders, no failover begins, and only who may says so (P2, P7)."""

from tests.mutation.trials import Edit, Safety, safety

WAITING = "simulation/test_waiting_words.py"
REFUSED = (
    "contract/test_stores.py::test_a_waiting_row_of_no_run_refuses_the_append_that_asks_for_that"
)
FREEZES = "engine/freezes.py"
FREEZING = "engine/freezing.py"
ASKING = "engine/asking.py"
PLAYED = "simulation/test_freezes.py"
TAKEN = "unit/test_freezing.py"
FOLDED = "unit/test_freezes.py"
SPOILT = f"{TAKEN}::test_a_freeze_that_cannot_be_read_holds_for_all_until_all_is_lifted"
EACH = f"{TAKEN}::test_each_lifts_for_the_groups_on_which_they_may_and_together_all"
FOLD = "unit/test_freezes.py::test_the_newest_word_about_a_scope_holds_and_all_is_every_group"
OPEN = f"{PLAYED}::test_no_failover_begins_in_a_freeze_and_the_gate_says_so_once"

SAFETIES = (
    safety(
        "an hour is not read without the half of the day behind it",
        promise="P7",
        why="A freeze until `11:30 pm` would be over twelve hours before people think it is.",
        file="bot/time_words.py",
        old="        if _HALF.fullmatch(word):\n            *so_far",
        new="        if False:\n            *so_far",
        by=("unit/test_freeze_words.py::test_what_is_no_freeze_is_told_with_what_would_be_one",),
    ),
    safety(
        "a lifting that came late lifts no freeze that was said since",
        promise="P7",
        why="A word whose event was lost would lift what was frozen after it.",
        file=FREEZING,
        old="elif is_lifting and (late := _came_late(row, held)):",
        new="elif is_lifting and (late := False):",
        by=(
            f"{TAKEN}::test_a_lifting_that_is_found_late_lifts_no_freeze_that_was_said_since"
            "[-5-False]",
        ),
    ),
    safety(
        "by two clocks only a lifting that came late is judged",
        promise="P7",
        why="Where one of them is off nothing would lift a freeze for hours.",
        file=FREEZING,
        old="row.at - said <= CLOCKS_DIFFER or ",
        new="",
        by=(f"{TAKEN}::test_a_lifting_is_not_late_by_a_clock_that_was_ahead_as_somebody_froze",),
    ),
    safety(
        "no order while frozen",
        promise="P7",
        why="A night would be planned while people were told that nothing happens.",
        file="engine/orders.py",
        old="            raise PlanRefused(frozen)\n",
        new="            pass\n",
        by=(f"{PLAYED}::test_while_frozen_an_order_is_refused_with_who_why_and_until_when",),
    ),
    safety(
        "no failover while frozen",
        promise="P7",
        why="A group would go down in the freeze that was meant to keep it up.",
        file=ASKING,
        old="        return frozen\n",
        new='        return ""\n',
        by=(OPEN,),
    ),
    safety(
        "what bars a gate keeps it from being approved",
        promise="P2",
        why="It would be said, and begin all the same.",
        file="engine/gates.py",
        old='Decision("open" if lacking or barred else "approved"',
        new='Decision("open" if lacking else "approved"',
        by=(OPEN,),
    ),
    safety(
        "an approval that was barred has its grace time again",
        promise="P7",
        why="It would begin in the second in which the freeze is over, with nobody prepared.",
        file="engine/fold.py",
        old="unnamed=unnamed, **gone)",
        new="unnamed=unnamed)",
        by=(
            f"{PLAYED}::test_after_a_freeze_the_votes_that_stood_begin_it_with_a_grace_time_of_"
            "its_own",
        ),
    ),
    safety(
        "all is every group",
        promise="P7",
        why="A freeze of everything would freeze nothing.",
        file=FREEZES,
        old="is_meant = self.scope in (ALL, group, *tags) or",
        new="is_meant = self.scope in (group, *tags) or",
        by=(FOLD,),
    ),
    safety(
        "a freeze holds for the groups that were meant",
        promise="P7",
        why="A tag taken off a group in the settings would thaw it, and nobody would have said so.",
        file=FREEZES,
        old=" or group in self.groups\n",
        new="\n",
        by=(
            "unit/test_freezes.py::test_a_tag_is_the_groups_that_were_meant_and_those_that_bear_"
            "it_later",
        ),
    ),
    safety(
        "a freeze that replaces one of a tag holds for its groups",
        promise="P7",
        why="A tag taken off a group would thaw it with the next freeze of that tag.",
        file=FREEZING,
        old="said.groups.union(self._groups(row), *groups_of(former))",
        new="said.groups.union(self._groups(row))",
        by=(
            f"{TAKEN}::test_a_tag_that_is_taken_off_thaws_nothing_also_where_its_freeze_is_"
            "replaced",
        ),
    ),
    safety(
        "a freeze in force stays beside one to come",
        promise="P7",
        why="Who announces a freeze would thaw what is frozen until then.",
        file=FREEZES,
        old="    if new.begins is not None or new.spoilt:\n",
        new="    if new.spoilt:\n",
        by=(f"{FOLDED}::test_what_is_coming_and_what_is_in_force_stand_beside_each_other",),
    ),
    safety(
        "a freeze that was said as coming and is taken late replaces none in force",
        promise="P7",
        why="Slack was away, and a backup of an hour would end a freeze that nobody lifted.",
        file=FREEZES,
        old="    if new.begins is not None or new.spoilt:\n",
        new="    if new.coming(now) or new.spoilt:\n",
        by=(f"{TAKEN}::test_one_whose_time_has_come_before_it_was_decided_cuts_none_in_force",),
    ),
    safety(
        "a freeze to come stays beside one in force",
        promise="P7",
        why="Who freezes today would take away the freeze of Christmas.",
        file=FREEZES,
        old="if not one.coming(now) and not one.spoilt]",
        new="if not one.spoilt]",
        by=(f"{FOLDED}::test_what_is_coming_and_what_is_in_force_stand_beside_each_other",),
    ),
    safety(
        "a freeze whose record cannot be read holds for all",
        promise="P7",
        why="What was frozen would thaw by a spoilt record, or nobody could order or lift at all.",
        file=FREEZES,
        old="return Freeze(ALL, record.by, name, SPOILT,",
        new='return Freeze("", record.by, name, SPOILT,',
        by=(SPOILT,),
    ),
    safety(
        "a freeze whose record cannot be read is not replaced",
        promise="P7",
        why="Nobody knows whether what was said of all later was said of what it froze.",
        file=FREEZES,
        old="if not one.coming(now) and not one.spoilt]",
        new="if not one.coming(now)]",
        by=(SPOILT,),
    ),
    safety(
        "a freeze whose record cannot be read is lifted by who knew of it",
        promise="P7",
        why="What lifted something else before would thaw it.",
        file=FREEZES,
        old="if f.scope == scope and (not f.spoilt or f.spoilt in known)]",
        new="if f.scope == scope]",
        by=(SPOILT,),
    ),
    safety(
        "a freeze is lifted for the groups alone on which somebody may lift",
        promise="P2",
        why="Who may lift on one group would thaw all of them.",
        file=FREEZES,
        old="    if not groups:\n",
        new="    if True:\n",
        by=(EACH,),
    ),
    safety(
        "no freeze is one that nobody can lift",
        promise="P7",
        why="Each group has lifters of its own, and all stays frozen for ever.",
        file=FREEZING,
        old="and refusals and any(name in names for name in may):\n",
        new="and False:\n",
        by=(EACH,),
    ),
    safety(
        "what is over by a clock that was set is lifted",
        promise="P7",
        why="The gates go by the time that passed, and nobody could end that.",
        file=FREEZING,
        old="if is_lifting and not held:",
        new="if False:",
        by=(f"{TAKEN}::test_what_is_over_by_a_clock_that_was_set_is_lifted_all_the_same",),
    ),
    safety(
        "who may lift is asked of what stands",
        promise="P7",
        why="A freeze that is over would keep one that stands from being lifted as a whole.",
        file=FREEZING,
        old="        held = [one for one in stand if",
        new="        held = [one for one in found if",
        by=(f"{TAKEN}::test_who_lifts_needs_no_right_where_nothing_of_that_scope_stands_any_more",),
    ),
    safety(
        "a moment without a zone is none",
        promise="P7",
        why="Each look at the freezes would fail, and with it each gate and each order.",
        file=FREEZES,
        old="    if moment.tzinfo is None:\n",
        new="    if False:\n",
        by=(
            f"{FOLDED}::test_a_freeze_that_somebody_changed_so_that_it_cannot_be_read_holds_for_"
            "all",
        ),
    ),
    safety(
        "a lifting that cannot be read lifts nothing",
        promise="P7",
        why="A freeze would be lifted for groups that nobody named.",
        file=FREEZES,
        old="    if not isinstance(many, list):\n",
        new="    if False:\n",
        by=(
            f"{FOLDED}::test_a_lifting_that_somebody_changed_so_that_it_cannot_be_read_lifts_"
            "nothing",
        ),
    ),
    safety(
        "a freeze begins at its beginning",
        promise="P7",
        why="It would be announced, and the failover begin in it.",
        file=FREEZES,
        old="return self.begins is not None and now < self.begins",
        new="return self.begins is not None",
        by=(f"{FOLDED}::test_a_freeze_begins_at_its_moment_and_not_before",),
    ),
    safety(
        "a clock that is set back lets no freeze begin late",
        promise="P7",
        why="A failover would begin in the freeze, by the time that really passed.",
        file=FREEZES,
        old="not one.coming(max(now, passed))",
        new="not one.coming(now)",
        by=(f"{PLAYED}::test_a_clock_that_is_set_back_lets_no_freeze_begin_late",),
    ),
    safety(
        "a clock that is set forward ends no freeze early",
        promise="P7",
        why="A failover would begin in the freeze, by the time that really passed.",
        file=FREEZES,
        old="if not one.over(min(now, passed))",
        new="if not one.over(now)",
        by=(f"{PLAYED}::test_a_clock_that_is_set_forward_ends_no_freeze_early",),
    ),
    safety(
        "who is asked is told of a freeze that is announced meanwhile",
        promise="P7",
        why="People would approve what cannot be done, and learn that at the gate.",
        file=ASKING,
        old="        await waits.tell_of_freezes(duty)\n",
        by=(
            f"{PLAYED}::test_who_votes_on_a_proposal_is_told_once_of_a_freeze_that_is_announced_"
            "meanwhile",
        ),
    ),
    safety(
        "nothing is ordered for a time inside of a freeze to come",
        promise="P7",
        why="A night would be approved of which it is known that nothing may happen in it.",
        file=FREEZES,
        old="    return into(records, group, now, appointment, tags=tags) if appointment ",
        new='    return "" if appointment ',
        by=(f"{PLAYED}::test_a_run_for_a_time_inside_of_a_freeze_to_come_is_refused",),
    ),
    safety(
        "nothing is moved into a freeze",
        promise="P7",
        why="What may not be ordered for a time would be moved to it.",
        file="engine/verbs.py",
        old="    if start > now and (frozen := ",
        new="    if start < now and (frozen := ",
        by=("simulation/test_appointments.py::test_a_run_that_waits_is_not_moved_into_a_freeze",),
    ),
    safety(
        "who set a freeze does not lift it where lifters are named",
        promise="P2",
        why="The one who wants to go on would end what was to hold others back.",
        file="engine/rights.py",
        old="        return frozenset(policy.rights.lift or policy.rights.freeze)\n",
        new="        return frozenset(policy.rights.freeze)\n",
        by=(f"{TAKEN}::test_who_may_lift",),
    ),
    safety(
        "to replace a freeze by a shorter one takes the right to lift it",
        promise="P2",
        why="Who may not lift would freeze for one more minute.",
        file=FREEZING,
        old="            acts += [rights.UNFREEZE] if cut else []\n",
        by=(f"{TAKEN}::test_who_may_not_lift_does_not_replace_a_freeze_by_one_that_ends_earlier",),
    ),
    safety(
        "a tag takes the right on every group for which it holds",
        promise="P2",
        why="A tag taken off a group would let others thaw it.",
        file=FREEZING,
        old="        names = {*self._groups(row)}.union(*groups_of(former))\n",
        new="        names = {*self._groups(row)}\n",
        by=(f"{TAKEN}::test_a_tag_takes_the_right_on_every_group_for_which_it_holds",),
    ),
    safety(
        "a tag is no group's name",
        promise="P2",
        why="Nobody could tell what a freeze is about.",
        file="bot/config/contradictions.py",
        old="            elif tag in settings.groups:\n",
        new="            elif False:\n",
        by=("unit/test_config.py::test_groups_tags_and_all_share_one_namespace",),
    ),
    Safety(
        "a freeze bars from when it was said",
        "P7",
        "Slack may take seconds to say by whom, and a failover would begin meanwhile.",
        (
            Edit(
                ASKING,
                "    if not await _judge(duty, step) or asked is not None:\n",
                "    if not await _judge(duty, step):\n",
            ),
            Edit(
                "engine/runner.py",
                "        unless=lambda row: freezes.bars(\n"
                "            row, duty.plan.security_group, duty.clock.now(), tags=duty.tags\n"
                "        ),\n",
                "",
            ),
        ),
        (f"{WAITING}::test_a_freeze_bars_from_when_it_was_said_not_from_when_slack_has_answered",),
    ),
    safety(
        "the last look reads the inbox before the house",
        promise="P7",
        why="A freeze that is taken from the one into the other meanwhile would be in neither.",
        file=ASKING,
        old="    asked = await _asked_to_freeze(duty) if step.kind in _BEGINS else None\n"
        "    if not await _judge(duty, step) or asked is not None:\n",
        new="    if not await _judge(duty, step):\n"
        "        return None\n"
        "    if step.kind in _BEGINS and await _asked_to_freeze(duty) is not None:\n",
        by=(
            "unit/test_last_look.py::test_a_freeze_that_is_taken_while_the_house_is_read_lets_"
            "nothing_begin",
        ),
    ),
    safety(
        "a freeze recorded after the last look refuses the intent",
        promise="P7",
        why="It would be taken between that look and the act, and neither waits nor be seen.",
        file="engine/runner.py",
        old="        house_at=duty.house_at,\n",
        by=(f"{PLAYED}::test_a_freeze_recorded_after_the_last_look_refuses_the_intent",),
    ),
    safety(
        "a house that has grown refuses the append, in a database",
        promise="P7",
        why="A freeze that was just recorded would not be seen by the act.",
        file="storage/journal.py",
        old="            if house_at is not None and house_at != _end(session, HOUSE)[0]:\n",
        new="            if False:\n",
        by=(
            "contract/test_stores.py::test_a_house_that_has_grown_refuses_the_append_that_asks_"
            "for_that[sqlite]",
        ),
    ),
    safety(
        "a freeze that waits refuses the append, in memory",
        promise="P7",
        why="It would be said between the last look and the intent, and not be seen.",
        file="storage/memory.py",
        old="            _refuse_unless(shelf, unless, take)\n",
        by=(f"{REFUSED}[memory]",),
    ),
    safety(
        "a freeze that waits refuses the append, in a database",
        promise="P7",
        why="It would be said between the last look and the intent, and not be seen.",
        file="storage/journal.py",
        old="                refuse_unless(session, unless)\n",
        new="                pass\n",
        by=(f"{REFUSED}[sqlite]",),
    ),
    safety(
        "a freeze is not stored in the middle of an append that looks for one",
        promise="P7",
        why="It would be acknowledged before an act that had not seen it.",
        file="storage/journal.py",
        old="            names += [NO_RUN] if unless is not None else []\n",
        by=(
            "contract/test_databases.py::"
            "test_what_belongs_to_no_run_waits_for_an_append_that_looks_at_it",
        ),
    ),
    safety(
        "a freeze waits for Slack to say by whom",
        promise="P7",
        why="It would be acknowledged, and forgotten because Slack was away.",
        file=FREEZING,
        old="            if self._clock.now() - row.at < WAITS:\n                raise\n",
        by=(
            f"{WAITING}::test_a_freeze_said_while_slack_is_away_waits_and_bars_and_so_does_its_end",
        ),
    ),
    safety(
        "who may not freeze does not lift a freeze",
        promise="P2",
        why="Anybody could end what others agreed on.",
        file=FREEZING,
        old="        if judged.person is None or judged.refused:\n",
        new="        if judged.person is None:\n",
        by=(f"{PLAYED}::test_what_is_refused_changes_nothing_and_is_told_and_recorded",),
    ),
    safety(
        "a failover through a bar breaks the promise",
        promise="P2",
        why="The judge would not see it.",
        file="engine/promises.py",
        old="    if barred and barred[-1]:\n",
        new="    if False:\n",
        by=("unit/test_promises.py::test_a_failover_while_its_gate_was_barred_breaks_it",),
    ),
    safety(
        "what is recorded in the house is redacted",
        promise="P11",
        why="A reason may hold a password, and a record cannot be taken back.",
        file="engine/house.py",
        old="    draft = replace(draft, body=cleaned(draft.body, redact))\n",
        by=(f"{TAKEN}::test_a_secret_in_a_reason_is_neither_recorded_nor_told",),
    ),
    safety(
        "what is answered about a freeze is redacted",
        promise="P11",
        why="A reason may hold a password, and a channel has many readers.",
        file="engine/answering.py",
        old='            "text": redact(self.text),\n',
        new='            "text": self.text,\n',
        by=(f"{TAKEN}::test_a_secret_in_a_reason_is_neither_recorded_nor_told",),
    ),
    safety(
        "a refused order is recorded without secrets",
        promise="P11",
        why="What was typed for a package may be a password, and a record cannot be taken back.",
        file="engine/worker.py",
        old="            version=version,\n            redact=redact,\n",
        new="            version=version,\n",
        by=(f"{PLAYED}::test_a_refused_order_with_a_secret_is_recorded_without_it",),
    ),
    safety(
        "a freeze to come is told once whatever its reason holds",
        promise="P12",
        why="People would be called every minute, and look away.",
        file="engine/waits.py",
        old="if not any(written(announced) in one",
        new="if not any(announced in one",
        by=(f"{PLAYED}::test_a_freeze_to_come_with_a_secret_in_its_reason_is_told_once",),
    ),
    safety(
        "what people typed as a reason calls nobody",
        promise="P12",
        why="A reason with <!channel> would wake everybody.",
        file="bot/people.py",
        old="await self._answers.answer(to, html.escape(text, quote=False), file=file)",
        new="await self._answers.answer(to, text, file=file)",
        by=("slack/test_people.py::test_what_the_engine_says_mentions_nobody",),
    ),
)
