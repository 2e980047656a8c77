"""Who may: order, operate, halt, freeze; and that nobody may where nobody can be asked (P2, P7)."""

from tests.mutation.trials import Edit, Safety, safety

RIGHTS = "engine/rights.py"
ORDERS = "simulation/test_orders.py"
STOPS = "simulation/test_stops.py"
EACH = "unit/test_rights.py::test_each_right_is_for_its_own_roles_alone"
NOBODY = "unit/test_rights.py::test_a_right_without_roles_is_nobodys_and_never_everybodys"
UNUSED = (
    "unit/test_config.py::test_a_right_that_nobody_has_is_refused_also_where_its_user_group_turns_"
    "out_empty"
)

SAFETIES = (
    safety(
        "who speaks of stopping is told that nothing was stopped, and what stops",
        promise="P7",
        why="Who types `stop everything` at night would look for the word in a list of all words.",
        file="bot/commands/reading.py",
        old="    if any(word.lower() in _TO_STOP for word in bare):\n",
        new="    if False:\n",
        by=(
            "unit/test_commands.py::"
            "test_who_speaks_of_stopping_is_told_first_what_stops_and_that_nothing_was_stopped",
        ),
    ),
    safety(
        "haste behind a stop names no run",
        promise="P7",
        why="`halt now` would look for a run of that name, and stop none.",
        file="bot/commands/reading.py",
        old="all(word.lower() in _AT_ONCE for word in bare)",
        new="not bare",
        by=(
            "unit/test_commands.py::"
            "test_outside_of_a_thread_words_of_haste_behind_a_stop_name_nothing",
        ),
    ),
    safety(
        "by a group the run under way is meant",
        promise="P7",
        why="A halt for a group would go to a run that waits for its time, beside the one at work.",
        file="bot/runs.py",
        old="found = [row for row in found if row.occupies] or found",
        new="found = found[:1]",
        by=(
            "unit/test_scheduled.py::test_by_a_group_the_run_is_meant_that_is_under_way_there_and_"
            "none_that_waits",
        ),
    ),
    safety(
        "a right needs a role that has it",
        promise="P2",
        why="Everybody in the channel could order, operate and freeze.",
        file=RIGHTS,
        old="if allowed & set(roles):",
        new="if not allowed or allowed & set(roles):",
        by=(NOBODY,),
    ),
    safety(
        "one right is not another",
        promise="P2",
        why="Who may only halt would retry and roll back.",
        file=RIGHTS,
        old="    if act == HALT:\n        return frozenset(policy.rights.halt)\n",
        new="    if act != ORDER:\n        return frozenset(policy.rights.halt)\n",
        by=(EACH,),
    ),
    safety(
        "an account that may not operate",
        promise="P2",
        why="A guest, or somebody who left, would order and operate.",
        file=RIGHTS,
        old="    if person.unfit:\n",
        new="    if False:\n",
        by=("unit/test_rights.py::test_an_account_that_is_unfit_may_nothing_in_whatever_role",),
    ),
    safety(
        "whoever ordered a run does not go on alone",
        promise="P2",
        why="Ordering would be operating.",
        file=RIGHTS,
        old='_OWN = ("halt", "pause", "abort", CHANGE)',
        new='_OWN = ("halt", "pause", "abort", CHANGE, "resume", "retry", "rollback")',
        by=("unit/test_rights.py::test_whoever_ordered_a_run_may_stop_it_but_not_go_on",),
    ),
    safety(
        "who may order is asked as an order is taken",
        promise="P2",
        why="Anybody whom the channel lets in would have a proposal made.",
        file="engine/orders.py",
        old="        await refuse_unless_allowed("
        "self._people, request.requester, setup.policy, said_in)\n",
        by=(f"{ORDERS}::test_who_may_not_order_is_refused_before_anything_is_looked_at",),
    ),
    safety(
        "who may not order is told no plan",
        promise="P11",
        why="Anybody whom the channel lets in would learn what every member of a firewall runs.",
        file="engine/dryrun.py",
        old="        await refuse_unless_allowed("
        "self._people, request.requester, setup.policy, channel)\n",
        by=(
            "simulation/test_dry_runs.py::test_where_no_plan_can_be_made_one_sentence_says_why"
            "[request_4-`install` needs one of these roles]",
        ),
    ),
    safety(
        "a dry run goes through a shell that can only read",
        promise="P2",
        why="A mistake in a look would act on a group that nobody approved anything for.",
        file="engine/dryrun.py",
        old="LiveGroup(ReadingShell(shell),",
        new="LiveGroup(shell,",
        by=("simulation/test_dry_runs.py::test_nothing_but_what_reads_reaches_the_group",),
    ),
    Safety(
        "who cannot be named does not order",
        "P2",
        "A Slack that is away would be a way around the roles.",
        (
            Edit(
                "engine/planning.py",
                '        raise PlanRefused(f"Slack could not be asked who you are: {error}") '
                "from error\n",
                "        return\n",
            ),
        ),
        (f"{ORDERS}::test_who_slack_cannot_name_does_not_order",),
    ),
    safety(
        "a stop is heard while Slack is away",
        promise="P7",
        why="Nobody could stop a night in which Slack cannot be asked.",
        file="engine/words.py",
        old="free = verb in rights.STOPS or",
        new="free =",
        by=(f"{STOPS}::test_a_stop_is_heard_while_slack_is_away",),
    ),
    safety(
        "what is no stop waits for Slack",
        promise="P2",
        why="Anybody could go on with a run while Slack is away.",
        file="engine/words.py",
        old="free = verb in rights.STOPS or rights.is_own(verb, user, requester)",
        new="free = True",
        by=(f"{STOPS}::test_whoever_ordered_a_run_may_abort_it_while_slack_is_away",),
    ),
    safety(
        "a right that nobody has is refused at start",
        promise="P7",
        why="A night would find out that nobody may halt it.",
        file="bot/config/contradictions.py",
        old="        yield from _unused(settings, group, policy.rights, usergroups)\n",
        by=(UNUSED,),
    ),
    safety(
        "whoever may order is a possible requester",
        promise="P2",
        why="A gate that locks everybody out would be found at night, and be lowered then.",
        file="bot/config/contradictions.py",
        old="    for person in sorted(may_order & frozenset().union(*members.values())):",
        new="    for person in sorted(may_order - frozenset().union(*members.values())):",
        by=(
            "unit/test_config.py::test_only_who_may_order_can_lock_a_gate_by_asking",
            "unit/test_config.py::test_a_user_groups_members_are_judged_as_possible_requesters",
        ),
    ),
    safety(
        "a channel that others share decides nothing",
        promise="P2",
        why="People of another organisation would read what is asked, and vote beside ours.",
        file="bot/channels.py",
        old="    if not any(shown.get(mark) for mark in _SHARED):\n",
        new="    if True:\n",
        by=(
            "slack/test_people.py::test_in_a_channel_that_others_share_nothing_is_ordered_and_no_"
            "vote_can_be_read",
        ),
    ),
    safety(
        "nothing is ordered in a channel that others share",
        promise="P2",
        why="A night would be planned before the eyes of another organisation.",
        file="engine/planning.py",
        old="refused = shared or rights.refusal(",
        new="refused = rights.refusal(",
        by=(f"{ORDERS}::test_nothing_is_ordered_in_a_channel_that_others_share",),
    ),
    safety(
        "no word but a stop is taken in a channel that others share",
        promise="P2",
        why="A run would be gone on with there.",
        file="engine/words.py",
        old="    if shared and verb not in rights.STOPS:\n",
        new="    if False:\n",
        by=(f"{STOPS}::test_in_a_shared_channel_no_word_is_taken_but_a_stop",),
    ),
    safety(
        "who left a user group is forgotten as Slack says so",
        promise="P2",
        why="For a minute somebody who was removed would still approve.",
        file="bot/people.py",
        old="            self._usergroups.pop(which, None)\n",
        new="            pass\n",
        by=(
            "slack/test_people.py::test_slacks_word_of_a_change_in_a_user_group_empties_what_is_"
            "remembered",
        ),
    ),
    safety(
        "another organisation's member is a stranger",
        promise="P2",
        why="Anybody of any Enterprise organisation in a shared channel could approve.",
        file="bot/people.py",
        old="not (theirs and theirs == me.organisation)",
        new="not theirs",
        by=(
            "slack/test_people.py::test_only_a_known_and_equal_organisation_lets_another_"
            "workspaces_member_pass",
        ),
    ),
    safety(
        "a stop of one whom Slack does not show is heard",
        promise="P7",
        why="It would be refused because of what Slack says of an account, at the worst moment.",
        file=RIGHTS,
        old="    if person.hidden and (act in STOPS or own):\n",
        new="    if False:\n",
        by=(
            "unit/test_rights.py::test_one_whom_slack_does_not_show_may_stop_a_run_and_nothing_else_of_others",
        ),
    ),
)
