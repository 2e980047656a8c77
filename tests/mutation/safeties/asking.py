"""People: who may say yes, when it is enough, and that it is true right before the act (P2, P7)."""

from tests.mutation.trials import Edit, Safety, safety

GATES = "engine/gates.py"
ASKING = "engine/asking.py"
COUNTING = "engine/counting.py"
WORDS = "engine/words.py"
VERBS = "engine/verbs.py"
CHANGED = "simulation/test_changed_proposals.py"
FAULTS = "simulation/test_faults.py"
HOLD_GOOD = "simulation/test_approvals_hold.py"
HOLDS = "simulation/test_holds.py"
BUTTONS = "simulation/test_button_votes.py"
COUNTS = "unit/test_counting.py"
FORMER = "simulation/test_former_messages.py"
WENT = f"{FORMER}::test_a_no_that_went_with_the_message_of_its_gate_ends_it"
ON_WHAT_WENT = (
    f"{FORMER}::test_on_a_message_that_went_a_yes_and_a_no_that_was_taken_off_change_nothing"
)
STOPS = "simulation/test_stops.py"
BAD_MOMENTS = "simulation/test_words_at_bad_moments.py"
WHO = "unit/test_gates.py::test_who_may_vote_and_who_may_stop"
STANDS = "unit/test_gates.py::test_of_reactions_and_words_the_last_word_stands_and_a_stop_wins"

SAFETIES = (
    safety(
        "an approval expires",
        promise="P2",
        why="A yes of the evening would take a group down in the morning.",
        file=GATES,
        old="if until is not None and now >= until:",
        new="if False:",
        by=("unit/test_gates.py::test_an_open_gate_expires_and_an_approved_one_has_its_own_end",),
    ),
    safety(
        "who asks does not approve",
        promise="P2",
        why="One person would do it alone.",
        file=GATES,
        old="if ballot.user == requester and not policy.requester_may_vote:",
        new="if False:",
        by=(WHO,),
    ),
    safety(
        "who changes a plan does not approve it",
        promise="P2",
        why="One person would decide what is done, and that it is done.",
        file=GATES,
        old="if ballot.user in authors and not policy.requester_may_vote:",
        new="if False:",
        by=(f"{CHANGED}::test_whoever_changed_the_proposal_approves_no_gate_of_that_plan",),
    ),
    safety(
        "a change that nobody could approve is refused",
        promise="P2",
        why="The night would wait for a yes that cannot come.",
        file=VERBS,
        old="    if lacking := await _nobody_left(duty, plan, user):",
        new='    if lacking := "":',
        by=(f"{CHANGED}::test_a_change_without_whose_author_nobody_could_approve_is_refused",),
    ),
    safety(
        "a yes needs a role",
        promise="P2",
        why="Everybody in the channel would approve.",
        file=GATES,
        old="if not may_approve:",
        new="if False:",
        by=(WHO,),
    ),
    safety(
        "an account that may not vote",
        promise="P2",
        why="A guest, a bot or somebody who left would approve.",
        file=GATES,
        old='        return f"this account may not vote: {person.unfit}"\n',
        new="        pass\n",
        by=(WHO,),
    ),
    safety(
        "enough persons",
        promise="P2",
        why="One yes would be two.",
        file=GATES,
        old="short = max(policy.votes - len(votes), 0)",
        new="short = 0",
        by=("unit/test_gates.py::test_two_distinct_approvers_are_enough_and_one_is_not",),
    ),
    safety(
        "distinct persons",
        promise="P2",
        why="One person in two roles would be two persons.",
        file=GATES,
        old="short = max(policy.votes - len(votes), 0)",
        new="short = max(policy.votes - sum(len(vote.roles) for vote in votes), 0)",
        by=("unit/test_gates.py::test_two_distinct_approvers_are_enough_and_one_is_not",),
    ),
    safety(
        "as many of each role as the policy says",
        promise="P2",
        why="Two of one team would do where one of each is asked for.",
        file=GATES,
        old="        if seat not in holder:\n",
        new="        if False:\n",
        by=("unit/test_gates.py::test_needs_are_met_exactly_when_some_seating_meets_them",),
    ),
    safety(
        "any no ends a gate",
        promise="P7",
        why="Enough others would outvote a stop.",
        file=GATES,
        old="    if stops:\n",
        new="    if False:\n",
        by=("unit/test_gates.py::test_any_no_ends_it_however_many_said_yes",),
    ),
    safety(
        "of one person's ballots the one that stops wins",
        promise="P7",
        why="Somebody's no would be undone by a yes that was there before.",
        file=GATES,
        old='_STOPS_FIRST = ("no", "withdraw", "yes")',
        new='_STOPS_FIRST = ("yes", "withdraw", "no")',
        by=(STANDS,),
    ),
    safety(
        "a written yes has the code of what is asked",
        promise="P12",
        why="A yes to something else, or to facts of before, would count.",
        file=GATES,
        old='not in _LAST_STANDS or ballot.choice != "yes" or ballot.code == gate.code:',
        new="not in _LAST_STANDS or True:",
        by=("unit/test_gates.py::test_a_wrong_code_is_refused_without_telling_the_right_one",),
    ),
    safety(
        "the code is asked for where votes are recorded",
        promise="P12",
        why="As above; what decides must also be asked.",
        file=COUNTING,
        old="    ) or gates.misread(ballot, gate)\n",
        new="    )\n",
        by=(
            "simulation/test_text_votes.py::test_a_code_of_something_else_is_refused_each_time_"
            "and_recorded_once",
        ),
    ),
    safety(
        "a word is for the gate that it names",
        promise="P12",
        why="A yes to the first failover would be one to the second.",
        file=GATES,
        old='for_this = ballot.gate in ("", gate.name)',
        new="for_this = True",
        by=(STANDS,),
    ),
    safety(
        "of one person's clicks the last one stands",
        promise="P2",
        why="A yes that its author took back with a button would stand beside that.",
        file=GATES,
        old='_LAST_STANDS = ("text", "button")',
        new='_LAST_STANDS = ("text",)',
        by=(
            "unit/test_gate_properties.py::test_each_person_has_one_ballot_and_of_all_ways_the_"
            "one_that_stops_wins",
        ),
    ),
    safety(
        "a click is for the message that was clicked",
        promise="P12",
        why="A click on a gate that is over would be one on the gate that is open.",
        file=WORDS,
        old="    if gate is None or not stands:\n",
        new="    if gate is None:\n",
        by=(
            f"{BUTTONS}::test_a_click_on_the_message_of_a_former_opening_does_not_count_for_the_"
            "next_one",
        ),
    ),
    safety(
        "a no on a message that has gone counts once it stands anew",
        promise="P2",
        why="Somebody said stop, we heard it, and the failover would begin all the same.",
        file=WORDS,
        old="if place in (g.shown, *g.former)), None)",
        new="if place == g.shown), None)",
        by=(WENT,),
    ),
    safety(
        "a no on a message that cannot be read waits also while its gate is open",
        promise="P2",
        why="Where the message is gone nothing else tells of it any more.",
        file=WORDS,
        old=' and row.body["choice"] != "no":\n                await _unknown',
        new=":\n                await _unknown",
        by=(f"{WENT}[open]",),
    ),
    safety(
        "a yes on a message that has gone is no no",
        promise="P12",
        why="Whoever agrees would stop the run.",
        file=WORDS,
        old='    if body["choice"] != "no":\n',
        new="    if False:\n",
        by=(ON_WHAT_WENT,),
    ),
    safety(
        "a no that was taken off before its message went counts no more",
        promise="P12",
        why="Somebody took it back in time, and it would end the gate all the same.",
        file=WORDS,
        old=" or await _taken_off(duty, row):\n",
        new=":\n",
        by=(ON_WHAT_WENT,),
    ),
    safety(
        "a no written before the message of its gate stood is counted",
        promise="P12",
        why="The run's first message asks already; its author would believe that it stopped.",
        file=COUNTING,
        old="[hint for hint in hints if _stands_above(gate, ballots, hint)]",
        new="list[Hint]()",
        by=(f"{COUNTS}::test_a_no_written_before_the_message_stood_is_counted",),
    ),
    safety(
        "all that tells of votes at a gate is decided by one count",
        promise="P2",
        why="A crowd that reacts keeps what is approved from beginning: we may only ask slowly.",
        file=WORDS,
        old="    return [one for one in rows if _asks_to_count(gate, one)]\n",
        new="    return [row]\n",
        by=(
            f"{COUNTS}::test_all_that_tells_of_votes_at_a_gate_is_decided_by_one_count_and_each_"
            "is_told",
        ),
    ),
    safety(
        "who was refused for their roles is not asked about again",
        promise="P2",
        why="As above: each count would ask of everybody who reacted.",
        file=COUNTING,
        old="    return refused if refused is not None and refused[0] is None else None\n",
        new="    return None\n",
        by=(
            f"{COUNTS}::test_who_was_refused_for_their_roles_is_not_asked_about_again_until_they_"
            "have_one",
        ),
    ),
    safety(
        "a refusal is new until it is recorded",
        promise="P12",
        why="Whoever Slack does not call fit for another reason would not be told which.",
        file=COUNTING,
        old="    return refused if refused is not None and refused[0] is None else None\n",
        new="    return refused\n",
        by=(
            f"{COUNTS}::test_all_that_tells_of_votes_at_a_gate_is_decided_by_one_count_and_each_"
            "is_told",
        ),
    ),
    safety(
        "a yes written before the message of its gate stood does not count",
        promise="P2",
        why="Nobody could read there what it is a yes to.",
        file=COUNTING,
        old="    shown = [one for one in ballots if not one.above]\n",
        new="    shown = list(ballots)\n",
        by=(f"{COUNTS}::test_another_word_written_before_the_message_stood_is_refused",),
    ),
    safety(
        "a word that was edited into a no is said when it was edited",
        promise="P12",
        why="Its author reads a no in the thread, and the failover would begin.",
        file="bot/people.py",
        old='max(float(message["ts"]), float(edited.get("ts", 0)))',
        new='float(message["ts"])',
        by=(
            "slack/test_people.py::test_a_word_above_the_message_says_so_until_its_author_edits_it",
        ),
    ),
    safety(
        "a click that waited until its gate expired is not called counted",
        promise="P12",
        why="Told that it is enough, its author would go to bed, and the run holds.",
        file=WORDS,
        old='    if body["choice"] != "no" and asking.has_expired(duty, gate):\n',
        new="    if False:\n",
        by=(f"{COUNTS}::test_a_click_that_waited_until_its_gate_expired_is_told_so",),
    ),
    safety(
        "a no that waited until its gate expired is a no",
        promise="P12",
        why="The record would say that nobody answered, where somebody said no.",
        file=WORDS,
        old='    if body["choice"] != "no" and asking.has_expired(duty, gate):\n',
        new="    if asking.has_expired(duty, gate):\n",
        by=(f"{COUNTS}::test_a_no_that_waited_until_its_gate_expired_is_counted",),
    ),
    safety(
        "a click waits where nobody can say whose it is",
        promise="P12",
        why="It stands nowhere in Slack: let go, a no would be lost.",
        file=WORDS,
        old="    with contextlib.suppress(PeopleUnreadable):\n"
        "        await counting.clicked(duty, gate, click, pressed, take=[row.key], "
        'to=body["answer"])\n',
        new="    try:\n"
        "        await counting.clicked(duty, gate, click, pressed, take=[row.key], "
        'to=body["answer"])\n'
        "    except PeopleUnreadable:\n        await _unknown(duty, row)\n",
        by=(
            f"{BUTTONS}::test_a_click_waits_while_slack_cannot_say_who_it_is_and_no_failover_"
            "begins",
        ),
    ),
    safety(
        "a click stands in the journal",
        promise="P12",
        why="It would be forgotten with the next count, which finds nothing of it in Slack.",
        file=COUNTING,
        old="        drafts.append(_click_draft(duty, gate, kept))\n",
        new="        pass\n",
        by=(f"{BUTTONS}::test_a_failover_is_approved_by_two_who_press_a_button_and_each_is_told",),
    ),
    safety(
        "clicks that arrive in the wrong order",
        promise="P2",
        why="A yes that was taken back would stand again when it arrives late.",
        file=WORDS,
        old="    if later is not None and later.pressed > pressed:\n",
        new="    if False:\n",
        by=(f"{BUTTONS}::test_of_two_clicks_that_arrive_in_the_wrong_order_the_later_one_stands",),
    ),
    safety(
        "a refused click stands nowhere",
        promise="P2",
        why="Told that it does not count, its author would find that it does, once in a role.",
        file=COUNTING,
        old="    if told := await _clicked_in_vain(duty, gate, click, drafts):\n",
        new="    if (told := await _clicked_in_vain(duty, gate, click, drafts)) and "
        "drafts.append(\n        _click_draft(duty, gate, Click(click.user, click.choice, "
        "click.code, pressed))\n    ) is None:\n",
        by=(f"{BUTTONS}::test_a_refused_click_does_not_count_once_its_author_is_in_the_role",),
    ),
    safety(
        "who takes a check mark away is told that a click stands",
        promise="P12",
        why="They would believe that their yes is gone, and the failover would begin on it.",
        file=COUNTING,
        old='    if still is not None and still.choice == "yes":\n',
        new="    if False:\n",
        by=(
            f"{BUTTONS}::test_a_check_mark_that_is_taken_away_does_not_take_the_click_back_and_"
            "its_author_is_told",
        ),
    ),
    safety(
        "nothing can be pressed at a gate that is over",
        promise="P12",
        why="People would press in vain, at the very moment when they want to stop something.",
        file="bot/views/gates.py",
        old='if gate.outcome in ("rejected", "expired", "superseded") or opening.begun_at:',
        new='if gate.outcome in ("rejected", "expired", "superseded"):',
        by=("unit/test_views.py::test_the_buttons_vanish_with_the_record_that_closes_the_gate",),
    ),
    safety(
        "a policy that nobody could satisfy is noticed",
        promise="P2",
        why="People would be tempted to lower it in the middle of a night.",
        file=GATES,
        old='            persons.pop(asker or "", None)\n',
        new="            pass\n",
        by=("unit/test_gates.py::test_a_policy_that_locks_everyone_out_is_noticed_per_requester",),
    ),
    safety(
        "a vote taken back before the act is gone",
        promise="P2",
        why="The failover would begin on a yes that its author took back.",
        file=COUNTING,
        old='if user not in shown or shown[user].choice == "withdraw"',
        new="if False",
        by=(f"{FAULTS}::test_a_vote_withdrawn_in_the_grace_time_stops_the_failover",),
    ),
    safety(
        "an approval ends with a vote that is taken back",
        promise="P2",
        why="Given again, it would begin at once: the former grace time is over.",
        file="engine/fold.py",
        old='self._gate(body["step"], votes=votes, outcome="", starts_at=None, good_until=None)\n'
        '        if body.get("reason"):',
        new='self._gate(body["step"], votes=votes)\n        if body.get("reason"):',
        by=(f"{STOPS}::test_a_vote_taken_back_and_given_again_has_its_grace_time_again",),
    ),
    safety(
        "the grace time",
        promise="P7",
        why="There would be no moment to take back a vote that was the last one needed.",
        file=ASKING,
        old="return _grace_is_over(duty, gate)",
        new="return True",
        by=(f"{FAULTS}::test_a_vote_withdrawn_in_the_grace_time_stops_the_failover",),
    ),
    Safety(
        "without Slack no failover begins",
        "P2",
        "Votes that were taken back meanwhile would count.",
        (
            Edit(
                ASKING,
                "step, decision)\n        return False\n    return True",
                "step, decision)\n        return True\n    return True",
            ),
        ),
        (f"{FAULTS}::test_slack_away_at_the_last_look_means_no_failover_until_it_is_back",),
    ),
    safety(
        "Slack that goes away at the last look",
        promise="P2",
        why="Between the gate and the act somebody may have taken a vote back.",
        file=ASKING,
        old="    if not await _count(duty, step):\n        return None\n    facts",
        new="    await _count(duty, step)\n    facts",
        by=(f"{STOPS}::test_slack_that_goes_away_between_gate_and_act_means_no_failover",),
    ),
    safety(
        "the votes of the last look",
        promise="P2",
        why="A reaction taken off a moment ago would count.",
        file=ASKING,
        old="    if not await _count(duty, step):\n        return None\n    facts",
        new="    facts",
        by=(f"{STOPS}::test_a_vote_taken_back_between_gate_and_act_means_no_failover",),
    ),
    safety(
        "the facts of the approval",
        promise="P2",
        why="People approved what they were shown, and not what is there now.",
        file=ASKING,
        old="if seen == gate.facts_digest:",
        new="if True:",
        by=(
            f"{BAD_MOMENTS}::test_a_difference_that_passes_at_the_last_look_does_not_enter_the_intent",
        ),
    ),
    safety(
        "whose votes fell is told when it is asked again",
        promise="P2",
        why="They believe that they have voted, and nobody calls them.",
        file="bot/views/gates.py",
        old="    if fallen:\n",
        new="    if False:\n",
        by=(
            "unit/test_views.py::test_a_gate_that_is_asked_again_names_what_changed_and_mentions_"
            "whose_votes_fell",
        ),
    ),
    safety(
        "who may vote is asked again after the vote",
        promise="P2",
        why="Somebody who left the role, or the company, would take a group down.",
        file=COUNTING,
        old='    if same and ballot.choice == "no":',
        new="    if same:",
        by=(
            f"{HOLD_GOOD}::test_a_yes_falls_where_its_author_may_not_vote_any_more_in_the_grace_time",
        ),
    ),
    safety(
        "whoever is in another role is matched by that",
        promise="P2",
        why="A seat would be filled by somebody who left it.",
        file=COUNTING,
        old="if same and known is not None and not _others(duty, gate, known.roles, roles):",
        new="if same:",
        by=(f"{HOLD_GOOD}::test_who_is_in_another_role_now_is_matched_by_that",),
    ),
    safety(
        "a no counts although another voter cannot be read",
        promise="P7",
        why="A stop would wait for an answer about somebody else.",
        file=COUNTING,
        old="            unread[ballot.user] = error\n            continue\n",
        new="            raise error\n",
        by=(f"{HOLD_GOOD}::test_a_no_stays_where_its_author_has_left_and_a_yes_cannot_be_read",),
    ),
    safety(
        "who cannot be read at the last look lets nothing begin",
        promise="P2",
        why="Nobody knows whether that person may still vote.",
        file=COUNTING,
        old="    if unread:\n        raise Unnamed(unread)\n",
        new="",
        by=(f"{HOLD_GOOD}::test_a_person_who_cannot_be_read_at_the_last_look_lets_nothing_begin",),
    ),
    safety(
        "a click that fell stands nowhere",
        promise="P12",
        why="Its author was told that it counts no longer, and it would.",
        file="engine/fold.py",
        old='            self._gate(body["step"], clicks=clicks)\n',
        new="            pass\n",
        by=(
            f"{HOLD_GOOD}::test_a_click_that_fell_stands_nowhere_when_its_author_is_in_the_role_again",
        ),
    ),
    safety(
        "what somebody else took down is no failover of ours",
        promise="P2",
        why="Past the last look the rest of the group would follow, on facts nobody approved.",
        file="engine/runner.py",
        old="    if duty.state.of(down).committed_at is None:\n        return None\n"
        "    facts = await duty.observe()\n",
        new="    facts = await duty.observe()\n",
        by=(
            f"{HOLD_GOOD}::test_members_that_somebody_else_took_down_in_the_grace_time_are_no_"
            "failover_of_ours",
        ),
    ),
    safety(
        "what people said while a difference was looked at twice",
        promise="P7",
        why="What was said in these ten seconds may have changed plan and gate.",
        file=ASKING,
        old="    if duty.state.last_seq != heard:\n        return None\n",
        by=(f"{STOPS}::test_an_abort_while_a_difference_is_looked_at_twice_is_all_that_happens",),
    ),
    safety(
        "the plan of the approval",
        promise="P2",
        why="People approved one plan, and another would be carried out.",
        file=ASKING,
        old="if gate.plan_digest != duty.plan.digest:",
        new="if False:",
        by=("unit/test_last_look.py::test_only_an_approval_of_this_plan_lets_it_begin",),
    ),
    safety(
        "before a failover the votes are read first, and the group is looked at then",
        promise="P2",
        why="Slack may take minutes, and it would begin on what was true before.",
        file=ASKING,
        old="    if not await _count(duty, step):\n        return None\n"
        "    facts = await _seen_at_once(duty)\n",
        new="    facts = await _seen_at_once(duty)\n"
        "    if not await _count(duty, step):\n        return None\n",
        by=("unit/test_last_look.py::test_what_changes_while_slack_shows_the_votes_is_seen",),
    ),
    safety(
        "votes that were read before a while of blindness are read again",
        promise="P2",
        why="Whoever took theirs back meanwhile would see it begin all the same.",
        file=ASKING,
        old="        await duty.observe()\n        return None\n",
        new="        return await duty.observe()\n",
        by=(
            "unit/test_last_look.py::test_votes_that_were_shown_before_a_while_of_blindness_are_"
            "asked_for_again",
        ),
    ),
    safety(
        "a degraded end has a last look, as a failover has",
        promise="P2",
        why="People agreed to one member out of service, and it would end with three.",
        file="engine/runner.py",
        old="    facts = await asking.last_look(duty, step)\n    if facts is None:\n",
        new="    facts = await duty.observe()\n    if facts is None:\n",
        by=(
            "simulation/test_faults.py::test_whoever_fails_before_the_last_look_of_a_degraded_"
            "end_has_people_asked_again",
        ),
    ),
    safety(
        "nobody who served when people agreed to a degraded end is out at the end",
        promise="P2",
        why="Between the last look and the end a member may fail.",
        file="engine/runner.py",
        old="return [m for m in ill if m.id in served]",
        new="return []",
        by=(
            "unit/test_last_look.py::test_who_failed_after_people_agreed_to_an_end_without_them_"
            "is_not_agreed_to",
        ),
    ),
    safety(
        "who was shown in service at a degraded end is not out at the end",
        promise="P2",
        why="Between the last look and the end a member may fail.",
        file="engine/runner.py",
        old='return [m for m in ill if m.id not in gate.evidence["out_of_service"]]',
        new="return []",
        by=(
            "unit/test_last_look.py::test_an_old_degraded_gate_is_judged_by_its_facts_and_a_new_"
            "one_by_what_it_showed",
        ),
    ),
    safety(
        "who was shown out of service at a degraded end is agreed to, whatever is the matter",
        promise="P2",
        why="The gate would be undone and asked again for ever; the run could never end.",
        file="engine/runner.py",
        old='if "out_of_service" in gate.evidence:',
        new="if False:",
        by=(f"{FAULTS}::test_after_an_abort_a_member_without_its_policy_is_agreed_to_once",),
    ),
    safety(
        "a degraded end is asked about as the group is now",
        promise="P2",
        why="No record shows what the digest does not cover, and people would agree unaware.",
        file=ASKING,
        old="    if step.kind is StepKind.DEGRADED:\n        facts",
        new="    if False:\n        facts",
        by=(
            "unit/test_last_look.py::test_a_degraded_gate_shows_who_is_out_of_service_by_a_look_"
            "of_now",
        ),
    ),
    safety(
        "a degraded end that is undone again and again holds",
        promise="P2",
        why="People would be called all night, and each yes thrown away.",
        file="engine/fold.py",
        old="                    self.reopenings[step] = self.reopenings.get(step, 0) + 1\n",
        new="                    pass\n",
        by=(
            "unit/test_last_look.py::test_a_degraded_gate_that_is_undone_counts_as_one_that_"
            "facts_reopened",
        ),
    ),
    safety(
        "a gate that facts reopened again and again holds",
        promise="P2",
        why="Somebody else works there; people would be worn down into saying yes.",
        file=ASKING,
        old="if duty.state.reopenings.get(step.id, 0) >= REOPENINGS_LIMIT:",
        new="if False:",
        by=(f"{HOLDS}::test_a_gate_that_facts_reopen_three_times_holds",),
    ),
    safety(
        "retry leads out of a gate that facts reopened again and again",
        promise="P2",
        why="The hold names it as a way, and it would hold again for ever.",
        file="engine/fold.py",
        old="self.reopenings.pop(self.hold.step, None)",
        new="pass",
        by=(f"{HOLDS}::test_retry_leads_out_of_a_gate_that_facts_reopened_three_times",),
    ),
    safety(
        "an approval is spent with what was undone",
        promise="P4",
        why="After a rescue the same approval would take the group down again.",
        file="engine/fold.py",
        old="            if step in self.gates and self.gates[step].open:\n                # What",
        new="            if False:\n                # What",
        by=(
            f"{BAD_MOMENTS}::test_after_a_rescue_the_approval_is_spent_even_where_the_facts_are_"
            "the_same",
        ),
    ),
    safety(
        "an abort ends the gate that is open",
        promise="P7",
        why="A yes after the abort would count.",
        file="engine/fold.py",
        old="        for gate in [g for g in self.gates.values() if g.open and not "
        "self._passed(g)]:\n",
        new="        for gate in []:\n",
        by=(f"{STOPS}::test_a_vote_right_after_an_abort_counts_nowhere",),
    ),
    safety(
        "a word needs a role",
        promise="P2",
        why="Everybody in the channel could abort, or resume.",
        file="engine/rights.py",
        old="    if allowed & set(roles):\n",
        new="    if True:\n",
        by=(f"{STOPS}::test_a_word_of_somebody_without_a_role_is_refused",),
    ),
    safety(
        "a stop is taken though Slack cannot say who it is",
        promise="P7",
        why="With Slack away nobody could stop the night.",
        file=WORDS,
        old="        free = verb in rights.STOPS or rights.is_own",
        new="        free = rights.is_own",
        by=(f"{STOPS}::test_a_stop_is_heard_while_slack_is_away",),
    ),
    Safety(
        "a halt sends nothing",
        "P7",
        "The next step would begin all the same. The flow rests, and every intent asks: both are "
        "off.",
        (
            Edit(
                "engine/fold.py",
                "return self.hold is not None or bool(self.halted) or self._paused_here()",
                "return self.hold is not None or self._paused_here()",
            ),
            Edit(
                "engine/duty.py",
                "        if self.state.halted or dropped:\n",
                "        if dropped:\n",
            ),
        ),
        (f"{FAULTS}::test_halt_while_a_group_is_down_sends_nothing_until_resume",),
    ),
    safety(
        "a pause stops before the next group",
        promise="P7",
        why="The second group would go down while people wait to look at the first.",
        file="engine/fold.py",
        old="return self.hold is not None or bool(self.halted) or self._paused_here()",
        new="return self.hold is not None or bool(self.halted)",
        by=(f"{STOPS}::test_a_pause_takes_no_further_group_down",),
    ),
    safety(
        "nobody's word waits when an act is intended",
        promise="P7",
        why="A stop in the inbox would be read after the act.",
        file="engine/duty.py",
        old="            [*first, draft], unless_word=True, unless=unless, house_at=house_at, ",
        new="            [*first, draft], unless=unless, house_at=house_at, ",
        by=(f"{STOPS}::test_a_stop_that_waits_when_an_act_is_intended_wins",),
    ),
    safety(
        "a rollback goes back only where nothing is down",
        promise="P1",
        why="Another group would be taken down beside the one that is out.",
        file=VERBS,
        old="    if in_hand and not otherwise:\n",
        new="    if False:\n",
        by=(f"{STOPS}::test_no_rollback_begins_while_a_group_is_down",),
    ),
    safety(
        "a change is bound to the revision that was seen",
        promise="P2",
        why="Two who swap the groups of one proposal would swap them back.",
        file=VERBS,
        old="    if plan.revision == revision:",
        new="    if True:",
        by=(f"{CHANGED}::test_of_two_who_change_the_same_revision_the_first_does",),
    ),
    safety(
        "votes fall with the proposal that they were for",
        promise="P2",
        why="A yes to one plan would count for another.",
        file=VERBS,
        old="append([*superseded, planned, *on], take=[row.key])",
        new="append([planned, *on], take=[row.key])",
        by=(
            f"{CHANGED}::test_the_votes_for_the_former_proposal_fall_and_do_not_count_for_the_new_one",
        ),
    ),
    safety(
        "a plan is changed before anything is done",
        promise="P4",
        why="Steps that were done would be dropped from the plan.",
        file=VERBS,
        old="if step is None or step.kind is not StepKind.PROPOSAL:",
        new="if step is None:",
        by=(f"{CHANGED}::test_afterwards_it_cannot_be_changed_and_is_told_why",),
    ),
    safety(
        "a changed plan is made from a fresh look",
        promise="look, never remember",
        why="It would be planned for the members and the SMO of half an hour ago.",
        file=VERBS,
        old="facts = await duty.glance()",
        new="facts = duty.state.facts",
        by=(f"{CHANGED}::test_it_is_planned_from_a_fresh_look",),
    ),
    safety(
        "a changed step has an id of its own",
        promise="P4",
        why="What the journal says of one group's step would be read as said of another group's.",
        file="engine/proposals.py",
        old="        if step.group or step.kind is StepKind.PROPOSAL\n",
        new="        if False\n",
        by=(
            "unit/test_proposals.py::"
            "test_a_new_revision_has_another_digest_and_steps_of_its_own_for_each_group",
        ),
    ),
    safety(
        "a proposal that leaves members out takes a failover's votes",
        promise="P2",
        why="One person would decide that the group works on with less than it has.",
        file="engine/model.py",
        old="        proposed = kind is StepKind.PROPOSAL and not self.left_out\n",
        new="        proposed = kind is StepKind.PROPOSAL\n",
        by=(
            "simulation/test_without.py::"
            "test_one_yes_is_not_enough_for_a_proposal_that_leaves_a_member_out",
        ),
    ),
    safety(
        "a button ends only the hold that its presser saw",
        promise="look, never remember",
        why="A Retry for a hold of an hour ago would go on over one that nobody has read.",
        file="engine/words.py",
        old="    if stale := _for_another_rest(duty, row):\n",
        new="    if stale := False:\n",
        by=(
            "simulation/test_stops.py::"
            "test_a_button_of_a_hold_that_is_over_does_nothing_and_says_what_stands_now",
        ),
    ),
    safety(
        "who asked may stop without any role",
        promise="P7",
        why="Whoever ordered the run and sees what is wrong could not stop it by a vote.",
        file="engine/gates.py",
        old="may_approve or ballot.user in (requester, *authors) or",
        new="may_approve or",
        by=("unit/test_gates.py::test_who_may_vote_and_who_may_stop",),
    ),
    safety(
        "who changed the plan may stop it without any role",
        promise="P7",
        why="Whoever changed it last could not take it back by a vote.",
        file="engine/gates.py",
        old="ballot.user in (requester, *authors) or set(halters)",
        new="ballot.user == requester or set(halters)",
        by=("unit/test_gates.py::test_who_may_vote_and_who_may_stop",),
    ),
    safety(
        "a wrong code hides no right vote of the same person",
        promise="P12",
        why="Who mistyped a code and then pressed Approve would not count, and never know why.",
        file="engine/gates.py",
        old="    if misread(ballot, gate):\n        return len(_STOPS_FIRST)\n",
        by=(
            "unit/test_gates.py::test_of_reactions_and_words_the_last_word_stands_and_a_stop_wins",
        ),
    ),
    safety(
        "a no of one whom Slack does not show counts by their role",
        promise="P2",
        why="An approver's no would be refused, for a reason that says nothing about them.",
        file=GATES,
        old=' and not (person.hidden and ballot.choice == "no")',
        by=(
            "unit/test_gates.py::test_of_one_whom_slack_does_not_show_a_no_counts_by_role_and_no_yes",
        ),
    ),
    safety(
        "what waits for Slack is asked about with pauses",
        promise="P12",
        why="A click that cannot be decided would have the group looked at without any pause.",
        file="engine/runner.py",
        old="            if not await _heard(duty, step):\n                break\n",
        new="            await duty.hear()\n",
        by=(
            f"{BUTTONS}::test_about_a_click_of_one_whom_slack_does_not_name_now_it_is_asked_with_pauses",
        ),
    ),
    safety(
        "a gate ends in its time also where Slack does not name somebody",
        promise="P2",
        why="One reaction would leave it open for ever, and nobody were told why.",
        file=ASKING,
        old="        await _judge(duty, step, unread.users)\n",
        by=(
            f"{HOLD_GOOD}::"
            "test_of_one_whom_slack_does_not_name_it_is_told_once_and_the_gate_ends_in_its_time",
        ),
    ),
    safety(
        "a gate ends in its time also while Slack is away",
        promise="P2",
        why="The run would rest without end, and hold nobody to what is to be done.",
        file=ASKING,
        old="        if decision.outcome in _ENDED:\n            await",
        new="        if False:\n            await",
        by=(f"{HOLD_GOOD}::test_while_slack_is_away_a_gate_ends_in_its_time",),
    ),
    safety(
        "a vote whose author Slack does not name lets nothing be approved",
        promise="P2",
        why="It may be an approver's no.",
        file=ASKING,
        old='barred or (str(Unnamed(unnamed)) if unnamed else "")',
        new='""',
        by=(
            f"{HOLD_GOOD}::"
            "test_of_one_whom_slack_does_not_name_it_is_told_once_and_the_gate_ends_in_its_time",
        ),
    ),
)
