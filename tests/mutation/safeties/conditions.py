"""What must hold before each step, and what a group must show when it is back (P1, P5, P10)."""

from tests.mutation.trials import Edit, Safety, safety

INVARIANTS = "engine/invariants.py"
GOES_BACK = "unit/test_invariants.py::test_on_the_way_back_who_serves_may_go_down_however_ill"
FAILOVER = "unit/test_invariants.py::test_each_missing_condition_forbids_the_failover_and_is_named"
INSTALLATION = "unit/test_invariants.py::test_an_installation_needs_exactly_its_group_admin_down"
FIRST_LOOK = (
    "unit/test_invariants.py::test_the_first_look_wants_all_members_alike_and_nothing_installed"
)
AT_READY = (
    "unit/test_invariants.py::test_lost_licences_new_core_dumps_and_a_full_disk_are_seen_at_ready"
)
FILLED = "unit/test_invariants.py::test_what_the_work_itself_has_filled_is_not_asked_for_again"
HELD_WHERE = "simulation/test_holds.py::test_a_hold_comes_at_the_step_that_sees_it"
SPELLINGS = "unit/test_spellings.py"
OTHER = "simulation/test_other_devices.py"
DUMPS = f"{OTHER}::test_a_hold_for_core_dumps_says_what_lets_a_retry_go_on"

SAFETIES = (
    safety(
        "who must carry traffic is in service",
        promise="P1",
        why="Two groups out of service at once.",
        file=INVARIANTS,
        old="        for member in outside\n"
        "        if not in_service(member, plan.policy.state_words)\n",
        new="        for member in outside\n        if False\n",
        by=(FAILOVER,),
    ),
    safety(
        "somebody is left to carry traffic",
        promise="P1",
        why="`min_in_service` is never gone below.",
        file=INVARIANTS,
        old="if len(outside) < plan.policy.min_in_service or not outside:",
        new="if False:",
        by=("unit/test_invariants.py::test_fewer_than_must_stay_in_service_forbid_the_failover",),
    ),
    safety(
        "connections are synchronised before a failover",
        promise="P1",
        why="A failover without synchronisation loses every connection.",
        file=INVARIANTS,
        old="    if not facts.sync:\n"
        '        problems.append("connections are not synchronised to the active members")\n'
        "    problems += one_site_carries(outside, facts)\n",
        new="    problems += one_site_carries(outside, facts)\n",
        by=(FAILOVER,),
    ),
    safety(
        "the same policy on all who carry traffic",
        promise="P1",
        why="Traffic would move to a member that decides otherwise.",
        file=INVARIANTS,
        old="    return problems + same_policy([m for m in outside if m.policy is not None])",
        new="    return problems",
        by=(FAILOVER,),
    ),
    safety(
        "a policy is compared by its signature at the same take",
        promise="P1",
        why="Two policies of one name and date would pass for one.",
        file="engine/enforced.py",
        old="return not same_take or one.signature == other.signature",
        new="return True",
        by=("unit/test_invariants.py::test_policies_of_one_name_differ_by_their_signature",),
    ),
    safety(
        "InitialPolicy is not in service",
        promise="P1",
        why="A member with InitialPolicy drops the traffic.",
        file="engine/facts.py",
        old=" and not is_initial(policy)",
        by=(FAILOVER,),
    ),
    safety(
        "problem notes are not in service",
        promise="P1",
        why="A member with a problem note may carry nothing.",
        file="engine/facts.py",
        old="        and not member.notes\n",
        by=(FAILOVER,),
    ),
    safety(
        "a member's own word counts beside its peers'",
        promise="P1",
        why="Its peers may not have seen yet that it left.",
        file="engine/facts.py",
        old="        and member.own_state in words\n",
        by=(FAILOVER,),
    ),
    safety(
        "who is taken down was healthy",
        promise="P1",
        why="A group that is ill already would be worked on, and its illness put down to us.",
        file=INVARIANTS,
        old="if one not in going_back)\n"
        "        if not in_service(member, plan.policy.state_words)\n",
        new="if one not in going_back)\n        if False\n",
        by=(FAILOVER,),
    ),
    safety(
        "auto-clone is off before a failover",
        promise="P5",
        why="A member that restarts would be cloned back to the old software.",
        file=INVARIANTS,
        old="    problems += cloning_on(facts, plan)\n    problems += _idle(plan",
        new="    problems += _idle(plan",
        by=(FAILOVER,),
    ),
    safety(
        "CPUSE is idle before a failover",
        promise="P3",
        why="An action of somebody else's would be taken for ours.",
        file=INVARIANTS,
        old="    problems += _idle(plan.concerning(facts).members, state)\n"
        "    problems += _listed(",
        new="    problems += _listed(",
        by=(FAILOVER,),
    ),
    safety(
        "only the action that a change was seen done with is over",
        promise="P3",
        why="An action that somebody else began since would be taken for it.",
        file="engine/fold.py",
        old="        kept = action is not None and self.kept_actions.get(member.id) == action.id\n",
        new="        kept = member.id in self.kept_actions\n",
        by=("unit/test_invariants.py::test_only_the_action_that_was_seen_done_is_over",),
    ),
    safety(
        "what a former run saw over is over for a later one",
        promise="P10",
        why="Where CPUSE never closes an action no run of the group would begin again.",
        file="engine/duty.py",
        old="        kept = kept_before(await self.journal.formers(), doubtful)\n",
        new="        kept: dict[str, int] = {}\n",
        by=(f"{OTHER}::test_what_a_former_run_saw_over_keeps_no_later_one_from_its_work",),
    ),
    safety(
        "a former run says nothing of an action that began after it",
        promise="P3",
        why="What somebody else began since would be taken for over, and worked beside.",
        file="engine/former.py",
        old="        if newest.get(member) == action\n",
        new="",
        by=("unit/test_former.py::test_only_the_action_that_a_former_run_saw_over_is_over_later",),
    ),
    safety(
        "an action from before a step is not taken for it",
        promise="P4",
        why="Where it is never closed, nobody could say what came of the step, with a group down.",
        file="engine/recovery.py",
        old='    if (newest is not None and newest == before.get("action")) or (restarted and',
        new="    if (restarted and",
        by=("unit/test_recovery.py::test_each_sign_leads_to_one_finding_and_never_to_a_guess",),
    ),
    safety(
        "what was seen before a restart is over after it",
        promise="P10",
        why="An attempt without effect that CPUSE never closes would hold the run for ever.",
        file="engine/recovery.py",
        old="    ended = seen_before or changed(",
        new="    ended = changed(",
        by=(
            "unit/test_recovery.py::test_an_action_that_was_seen_before_a_restart_is_over_after_it",
            f"{OTHER}::test_what_came_to_nothing_can_be_given_up_whatever_cpuse_keeps_of_it",
        ),
    ),
    safety(
        "only what was seen before a restart is over after it",
        promise="P3",
        why="What somebody began since would be taken for over, and a group brought up under it.",
        file="engine/recovery.py",
        old="newest is not None and newest == begun.actions.get(member.id)\n",
        new="newest is not None\n",
        by=(
            "unit/test_recovery.py::test_an_action_that_was_seen_before_a_restart_is_over_after_it",
        ),
    ),
    safety(
        "what goes on is noted as seen before a restart only before it",
        promise="P3",
        why="An action from after a restart would be taken for one that it ended.",
        file="engine/recovery.py",
        old="    if member.action is None or not member.at_work or not same_boot:\n",
        new="    if member.action is None or not member.at_work:\n",
        by=(
            "unit/test_recovery.py::test_what_is_seen_before_a_restart_is_what_goes_on_since_the_"
            "step_began",
        ),
    ),
    safety(
        "an action that nobody saw begin is over after its limit",
        promise="P10",
        why="Who was away while it began would hold the run for ever.",
        file="engine/recovery.py",
        old=" or quiet_for > plan.policy.limits.install\n",
        new="\n",
        by=("unit/test_recovery.py::test_each_sign_leads_to_one_finding_and_never_to_a_guess",),
    ),
    safety(
        "what is given up is told to later runs as over",
        promise="P10",
        why="Where CPUSE never closes an action no run of the group would begin again.",
        file="engine/verbs.py",
        old='    kept = await _kept_in(duty, group) if case == "interrupted" else {}\n',
        new="    kept: dict[str, int] = {}\n",
        by=(f"{OTHER}::test_what_came_to_nothing_can_be_given_up_whatever_cpuse_keeps_of_it",),
    ),
    safety(
        "a list that says that a hotfix is gone is believed",
        promise="P10",
        why="What leaves the take as it is could never be seen uninstalled.",
        file="engine/recovery.py",
        old="    if member.says_gone(plan.package.name):\n        return True\n",
        new="",
        by=(
            "unit/test_recovery.py::test_what_is_not_listed_is_uninstalled_only_where_something_"
            "else_says_so",
        ),
    ),
    safety(
        "the package is there before a failover",
        promise="P1",
        why="A group would be down for nothing.",
        file=INVARIANTS,
        old="    problems += _listed(step, facts, state)\n",
        by=(FAILOVER,),
    ),
    safety(
        "on the way back who serves goes down however ill",
        promise="P10",
        why="A hotfix that harms could not be taken back while it does.",
        file=INVARIANTS,
        old='return plan.phase == "rollback" and serves',
        new="return False",
        by=(GOES_BACK,),
    ),
    safety(
        "on the way forward only who is healthy goes down",
        promise="P1",
        why="What was the matter before would pass for what the hotfix did.",
        file=INVARIANTS,
        old='return plan.phase == "rollback" and serves',
        new="return serves",
        by=(GOES_BACK,),
    ),
    safety(
        "on the way back too nobody goes down of whom it is not clear that they serve",
        promise="P1",
        why="Nobody knows what `down` leads to from another state.",
        file=INVARIANTS,
        old='return plan.phase == "rollback" and serves',
        new='return plan.phase == "rollback"',
        by=(GOES_BACK,),
    ),
    safety(
        "no session of ours is open",
        promise="P9",
        why="What was told to that session may yet happen.",
        file=INVARIANTS,
        old="    nobody_else(facts, state.the_plan)\n",
        by=(
            "unit/test_invariants.py::test_an_open_session_alone_is_waited_for_and_never_hides_"
            "another_reason",
        ),
    ),
    safety(
        "the policy of the approval at the failover",
        promise="P2",
        why="Another policy since READY is something that nobody approved.",
        file=INVARIANTS,
        old="    return _before_down(step, facts, state) + drift\n",
        new="    return _before_down(step, facts, state)\n",
        by=("unit/test_invariants.py::test_a_policy_since_ready_forbids_the_failover",),
    ),
    safety(
        "an installation needs the others in service",
        promise="P1",
        why="An installation takes the group out for a quarter of an hour.",
        file=INVARIANTS,
        old="    problems = carrying_traffic(step.members, facts, plan)\n"
        "    starting = step.members if plan",
        new="    problems: list[str] = []\n    starting = step.members if plan",
        by=(INSTALLATION,),
    ),
    Safety(
        "an installation needs its group down by us",
        "P1",
        "Members in service would restart. Two checks that cover for each other, the first of "
        "which leads back to a new gate: both are off.",
        (
            Edit(
                INVARIANTS,
                'elif member.state != "DOWN" or "ADMIN" not in member.notes:',
                "elif False:",
            ),
            Edit("engine/steps/changing.py", "    _downs_still_there(duty, step, facts)\n"),
        ),
        (INSTALLATION,),
    ),
    safety(
        "the first group is at the new take before the second goes down",
        promise="P10",
        why="The second group would follow where the first one's hotfix did not hold.",
        file=INVARIANTS,
        old=" + _takes(facts, state)",
        by=(
            "unit/test_invariants.py::test_at_the_second_failover_the_first_group_must_be_at_the_"
            "new_take",
        ),
    ),
    safety(
        "cloning goes back only when every member shows one take",
        promise="P5",
        why="The next restart would clone the old software over the new.",
        file=INVARIANTS,
        old="    if len(takes) != 1 or None in takes:\n",
        new="    if False:\n",
        by=(
            "unit/test_invariants.py::test_cloning_goes_back_only_when_every_member_shows_the_"
            "same_take",
        ),
    ),
    safety(
        "the members are those of the plan",
        promise="P1",
        why="A member that joined since belongs to no Logical Group.",
        file=INVARIANTS,
        old="if set(facts.ids) != set(plan.members):",
        new="if False:",
        by=(FIRST_LOOK,),
    ),
    safety(
        "all members are at one take before the first",
        promise="P10",
        why="A group half way through somebody else's upgrade is no place to begin.",
        file=INVARIANTS,
        old=" if len(takes) > 1 else []\n\n\ndef _packages",
        new=" if False else []\n\n\ndef _packages",
        by=(FIRST_LOOK,),
    ),
    safety(
        "auto-clone shows the same on every member",
        promise="P5",
        why="What it was could not be given back.",
        file=INVARIANTS,
        old="if len(cloning) > 1 or None in cloning:",
        new="if False:",
        by=(FIRST_LOOK,),
    ),
    safety(
        "nobody has the package yet",
        promise="P3",
        why="A member that has it would be counted as done by us.",
        file=INVARIANTS,
        old="        if has and (member.id in to_change) is not uninstalls:\n",
        new="        if False:\n",
        by=(FIRST_LOOK,),
    ),
    safety(
        "room for the package",
        promise="P10",
        why="A disk that fills up in the middle of an installation.",
        file=INVARIANTS,
        old="if health.log_free_mb is not None and health.log_free_mb < needed_mb:",
        new="if False:",
        by=(AT_READY,),
    ),
    safety(
        "licences that were lost",
        promise="P10",
        why="A member without its licences does not do what it did before.",
        file=INVARIANTS,
        old="if (health.licences or 0) < (before.licences or 0):",
        new="if False:",
        by=(AT_READY,),
    ),
    safety(
        "a clock that is off is told",
        promise="P6",
        why="Times in its logs mislead whoever looks into them, and licences end by that clock.",
        file=INVARIANTS,
        old="abs(one.clock_offset_s) > CLOCK_OFF_S",
        new="False",
        by=(
            "simulation/test_other_devices.py::"
            "test_a_clock_that_is_off_is_told_and_nothing_holds_for_it",
        ),
    ),
    safety(
        "what the work itself has filled is not asked for again",
        promise="P10",
        why="The night would hold at a failover for room that the package has taken.",
        file=INVARIANTS,
        old="factor - imported - uploaded)",
        new="factor)",
        by=(FILLED,),
    ),
    safety(
        "only what an import has filled since is not asked for again",
        promise="P10",
        why="Where the package was there before, as much room is needed as was asked at first.",
        file=INVARIANTS,
        old="    imported = has is PackageState.AVAILABLE and had is PackageState.ABSENT\n",
        new="    imported = has is PackageState.AVAILABLE\n",
        by=(FILLED,),
    ),
    safety(
        "the uploaded file fills one member only",
        promise="P10",
        why="The others would be worked on with less room than an installation needs.",
        file=INVARIANTS,
        old='    uploaded = state.of("UPLOAD").on == member\n',
        new='    uploaded = state.of("UPLOAD").on != ""\n',
        by=(FILLED,),
    ),
    safety(
        "a soak ends with a look at core dumps",
        promise="P10",
        why="What the last group's hotfix crashes would hold nothing, and the night end as done.",
        file="engine/steps/changing.py",
        old="        if problems := invariants.worse_than_before(seen, duty.state):\n",
        new="        if problems := []:\n",
        by=(DUMPS,),
    ),
    safety(
        "a crash of what we changed is not told as by others",
        promise="P10",
        why="Who reads the report would not take it for what the hotfix did.",
        file="engine/steps/finishing.py",
        old="    return member in duty.state.committed_to\n",
        new="    return False\n",
        by=(DUMPS,),
    ),
    safety(
        "core dumps that are new",
        promise="P10",
        why="A process that crashes at the new take is the reason to stop before the second group.",
        file=INVARIANTS,
        old="if len(new_dumps) > plan.policy.core_dumps_allowed:",
        new="if False:",
        by=(AT_READY,),
    ),
    safety(
        "a wrong take at the return holds",
        promise="P10",
        why="A member came back with other software than planned.",
        file="engine/steps/changing.py",
        old="elif expected is not None and member.take != expected:",
        new="elif False:",
        by=(HELD_WHERE,),
    ),
    safety(
        "a returned group has the policy of those who carry traffic",
        promise="P10",
        why="It would be called back, and decide otherwise.",
        file="engine/steps/changing.py",
        old="    points += same_policy([*carrying[:1], *back])\n",
        by=("simulation/test_holds.py::test_a_group_with_another_policy_is_not_back",),
    ),
    safety(
        "anything that leaves service while a group stands its time holds",
        promise="P10",
        why="The time is there to see exactly that.",
        file="engine/steps/changing.py",
        old="    over = all_in_service(duty, step, facts)\n    if over and",
        new="    over = True\n    if over and",
        by=(
            "simulation/test_holds.py::test_who_leaves_service_while_a_group_stands_its_time_holds",
        ),
    ),
    safety(
        "a run ends only with every member in service",
        promise="P10",
        why="The night would be called done with a member out of service.",
        file="engine/runner.py",
        old="    if ill and not agreed:\n        told =",
        new="    if False:\n        told =",
        by=(
            "simulation/test_holds.py::test_a_member_that_leaves_after_everything_was_checked_"
            "keeps_the_run_from_its_end",
        ),
    ),
    safety(
        "a degraded end needs the votes of a failover",
        promise="P10",
        why="Whoever aborts would decide alone that a member stays out of service.",
        file="engine/runner.py",
        old="if ill and duty.state.aborted and not agreed:",
        new="if False:",
        by=(
            "simulation/test_faults.py::test_after_an_abort_a_member_that_stays_away_needs_the_"
            "votes_of_a_failover_to_end",
        ),
    ),
    safety(
        "auto-clone goes off before the first failover",
        promise="P5",
        why="The first member that restarts would be cloned back.",
        file="engine/steps/preparing.py",
        old="    await switch_cloning(duty, step, on=False)\n",
        by=("simulation/test_night.py",),
    ),
    safety(
        "what cloning was is owed until it is given back",
        promise="P5",
        why="An abort would leave cloning off, and nobody would know.",
        file="engine/steps/preparing.py",
        old="        owed = [duty.journal.draft(Kind.OWED, was=True, packages=packages)]\n",
        new="        owed = []\n",
        by=("simulation/test_night.py",),
    ),
    safety(
        "cloning that an earlier run owes is inherited",
        promise="P5",
        why="It would stay off for ever.",
        file="engine/steps/preparing.py",
        old="        if debt is not None:\n",
        new="        if False:\n",
        by=(
            "simulation/test_faults.py::test_cloning_that_an_earlier_run_owes_is_settled_by_the_"
            "run_that_finishes",
        ),
    ),
    safety(
        "cloning that is owed stays so where only a member left out has it on",
        promise="P5",
        why="It would stay off for ever, and nobody would know.",
        file="engine/steps/preparing.py",
        old="    if debt is not None or (not duty.state.cloning_owed and others != {False}):\n",
        new="    if not duty.state.cloning_owed and others != {False}:\n",
        by=(
            "simulation/test_without.py::test_what_an_earlier_run_owes_is_owed_on_where_only_who_"
            "is_left_out_has_it_on",
        ),
    ),
    safety(
        "the others are watched while people are asked about a member that did not come back",
        promise="P1",
        why="A second member could fail, and nobody would be told before somebody votes.",
        file="engine/runner.py",
        old="    step = _worked_on(duty, gate)\n    if not duty.state.group_in_hand(step):\n",
        new="    step = _worked_on(duty, gate)\n    if True:\n",
        by=(
            "simulation/test_without_midway.py::test_while_people_are_asked_with_a_group_out_the_"
            "others_are_watched",
        ),
    ),
    safety(
        "a Virtual Switch stays one where a later look cannot ask",
        promise="P1",
        why="Without a policy it would seem ill, and a rescue would turn the night around.",
        file="engine/gaia/probe.py",
        old='    kinds = read_kinds(sections.get("kinds", "")) or kinds_before\n',
        new='    kinds = read_kinds(sections.get("kinds", ""))\n',
        by=(
            "simulation/test_identity.py::test_a_switch_that_was_seen_stays_one_where_a_later_look_"
            "cannot_ask",
        ),
    ),
    safety(
        "a plan never takes all members at once",
        promise="P1",
        why="A split of one part is an outage.",
        file="engine/splitting.py",
        old="if len(wanted) < 2:",
        new="if False:",
        by=("unit/test_planner.py::test_a_split_that_is_none_is_refused_with_the_reason",),
    ),
    safety(
        "a plan's split names every member once",
        promise="P1",
        why="A member in no group keeps the old software; one in two is worked on twice.",
        file="engine/splitting.py",
        old="if sorted(named, key=by_number) != list(members):",
        new="if False:",
        by=("unit/test_planner.py::test_a_split_that_is_none_is_refused_with_the_reason",),
    ),
    safety(
        "no group takes all members of any Sites",
        promise="P1",
        why="Every group needs a share of each Site, or one Site would be out without being said.",
        file="engine/splitting.py",
        old="if len(members) < count:",
        new="if False:",
        by=("unit/test_splitting.py::test_what_cannot_be_divided_is_refused_with_the_reason",),
    ),
    safety(
        "a Site that takes over alone has the connections of the other",
        promise="P1",
        why="Without synchronisation to all Sites every connection would be lost.",
        file=INVARIANTS,
        old="if not alone or facts.sync_all:",
        new="if True:",
        by=("unit/test_splitting.py::test_a_split_by_site_needs_synchronisation_to_all_sites",),
    ),
    safety(
        "nobody is left with more connections than one can carry",
        promise="P1",
        why="The members that stay would drop what they take over.",
        file=INVARIANTS,
        old="each <= limit * headroom.FAIL:",
        new="True:",
        by=("unit/test_splitting.py::test_a_failover_that_leaves_too_much_to_each_is_refused",),
    ),
    safety(
        "which Site goes first is not guessed",
        promise="P6",
        why="The active Site would be taken out first, and traffic moved twice.",
        file="engine/planner.py",
        old="if not request.split and first is None and goes_by_site(facts.ids, count, how):",
        new="if False:",
        by=("unit/test_splitting.py::test_which_site_goes_first_is_not_guessed",),
    ),
    safety(
        "the Standby Site goes first wherever the SMO stands",
        promise="P6",
        why="The active Site would be taken out first, and traffic moved twice.",
        file="engine/planner.py",
        old="return on_active, facts.smo in group.members",
        new="return False, facts.smo in group.members",
        by=("unit/test_splitting.py::test_the_standby_site_stays_first_where_the_smo_goes_last",),
    ),
    safety(
        "no group takes the larger share of both Sites",
        promise="P1",
        why="Fewer than half would carry what all carried.",
        file="engine/splitting.py",
        old="turn += 0 if keeps_ahead(sites, count) else len(members) % count",
        new="turn += 0",
        by=(
            "unit/test_splitting.py::test_sizes_differ_by_at_most_one_where_the_vendor_asks_it",
            "unit/test_splitting.py::test_members_are_divided_as_it_was_decided",
        ),
    ),
    safety(
        "an ElasticXL Cluster has three members per Site",
        promise="P1",
        why="More is nothing that the vendor supports, so nobody knows what a failover does.",
        file="engine/planner.py",
        old="if crowded or count > ELASTICXL_IN_ALL:",
        new="if False:",
        by=("unit/test_splitting.py::test_more_members_than_there_may_be_are_refused",),
    ),
    safety(
        "whoever may carry traffic is not left out",
        promise="P1",
        why="Nothing would be asked of a member that carries traffic.",
        file="engine/planner.py",
        old="if not surely_out(member, policy.state_words):",
        new="if False:",
        by=("unit/test_without.py::test_whoever_may_carry_traffic_is_not_left_out",),
    ),
    safety(
        "out of service means for its peers and for itself",
        promise="P1",
        why="A member that is ill may carry traffic all the same.",
        file="engine/facts.py",
        old="(member.state, member.own_state) if member.answered else (member.state,)",
        new="(member.state,)",
        by=("unit/test_without.py::test_whoever_may_carry_traffic_is_not_left_out",),
    ),
    safety(
        "a word that nobody knows does not mean out of service",
        promise="P1",
        why="What another version calls its healthy members would be left out.",
        file="engine/facts.py",
        old="view.upper() in OUT_OF_SERVICE and view",
        new='not view.startswith("ACTIVE") and view',
        by=("unit/test_without.py::test_only_words_that_mean_it_say_that_a_member_is_out",),
    ),
    safety(
        "at least two members remain",
        promise="P1",
        why="One would be worked on while nobody carries the traffic.",
        file="engine/planner.py",
        old="if left_out and remain < 2:",
        new="if False:",
        by=(
            "unit/test_without.py::test_what_cannot_be_planned_without_it_is_refused_with_a_sentence",
        ),
    ),
    safety(
        "one left out that is neither surely out nor healthy forbids the failover",
        promise="P1",
        why="It may carry traffic, and nobody can rely on it.",
        file=INVARIANTS,
        old="if step.kind in _BEFORE_DOWN:",
        new="if False:",
        by=(
            "unit/test_without.py::test_neither_surely_out_nor_healthy_no_group_is_taken_down_and_"
            "only_what_helps_is_named",
            "simulation/test_without.py::test_back_and_not_healthy_no_group_is_taken_down_before_"
            "it_is_one_or_the_other",
        ),
    ),
    safety(
        "one left out that is in service again is bound like the others",
        promise="P1",
        why="A member with another policy would carry traffic beside the others.",
        file=INVARIANTS,
        old="outside = plan.binding(facts).others(group)",
        new="outside = plan.concerning(facts).others(group)",
        by=(
            "unit/test_without.py::test_fully_in_service_again_it_is_bound_like_every_member_"
            "outside_the_group",
        ),
    ),
    safety(
        "auto-clone waits for a member left out",
        promise="P5",
        why="It would be cloned over, or clone others, as soon as it restarts.",
        file=INVARIANTS,
        old="    against = unlike(facts.members, state)",
        new="    against = unlike(state.the_plan.concerning(facts).members, state)",
        by=(
            "unit/test_without.py::"
            "test_cloning_goes_back_only_when_it_too_shows_the_take_and_can_be_reached",
        ),
    ),
    safety(
        "auto-clone is off on one left out that came back, before the next group",
        promise="P5",
        why="It would clone the members that restart, or be cloned.",
        file="engine/steps/traffic.py",
        old="if m.auto_clone and not surely_out(m, words)",
        new="if False",
        by=(
            "simulation/test_without.py::test_back_with_auto_clone_on_it_is_switched_off_again_"
            "before_the_next_group",
        ),
    ),
    safety(
        "auto-clone of one left out is looked at before an installation",
        promise="P5",
        why="It came back while the group was taken down.",
        file=INVARIANTS,
        old='if member.state != "DOWN" and member.id not in out',
        new='if member.state != "DOWN" and member.id not in plan.left_out',
        by=(
            "unit/test_without.py::test_fully_in_service_again_it_is_bound_like_every_member_"
            "outside_the_group",
        ),
    ),
    safety(
        "auto-clone is looked at once more right before the answer that commits",
        promise="P5",
        why="A member may come back with it on while the dialogue goes on.",
        file="engine/steps/traffic.py",
        old="if cloning := invariants.cloning_on(facts, duty.plan):",
        new="if cloning := list[str]():",
        by=(
            "simulation/test_without.py::test_back_with_auto_clone_on_while_a_group_is_down_"
            "nothing_is_installed",
        ),
    ),
    safety(
        "one in danger alarms, also where it is left out",
        promise="P1",
        why="The group is about to lose its traffic, and nobody would hear of it.",
        file=INVARIANTS,
        old="if m.state == IN_DANGER or",
        new="if (m.state == IN_DANGER and m.id in asked) or",
        by=(
            "unit/test_without.py::test_one_in_danger_alarms_and_stops_an_act_also_where_it_is_"
            "left_out",
        ),
    ),
    safety(
        "people hear of one left out that may carry traffic again",
        promise="P1",
        why="What they agreed to is not so any more.",
        file="engine/duty.py",
        old="*self._left_out_alarm(before, facts)",
        new="*[]",
        by=(
            "simulation/test_without.py::test_back_with_auto_clone_on_it_is_switched_off_again_"
            "before_the_next_group",
        ),
    ),
    safety(
        "an approval is bound to whether a member left out is surely out",
        promise="P2",
        why="It may carry traffic, and people agreed while it did not.",
        file="engine/model.py",
        old='"state": SURELY_OUT if out else MAY_CARRY',
        new='"state": SURELY_OUT',
        by=(
            "unit/test_without.py::test_approvals_are_bound_to_no_more_of_it_than_whether_it_is_"
            "surely_out",
        ),
    ),
    safety(
        "nothing is imported on a member left out",
        promise="P8",
        why="The command would go to every member.",
        file="engine/steps/preparing.py",
        old="only = lacking if duty.plan.left_out or len(",
        new="only = lacking if len(",
        by=("simulation/test_without.py::test_nothing_is_sent_to_it_or_about_it",),
    ),
    safety(
        "a package is for the version that the group runs",
        promise="P10",
        why="The device may take it.",
        file="engine/planner.py",
        old="if package.version != facts.version:",
        new="if False:",
        by=(
            "unit/test_planner.py::test_what_is_unsupported_is_refused_with_a_sentence_that_says_"
            "why",
        ),
    ),
    safety(
        "what cannot be read of cloning or policies does not blind for those that carry",
        promise="P1",
        why="A member that leaves service with a group down would be seen by nobody.",
        file="engine/duty.py",
        old="full=full, in_part=True)",
        new="full=full)",
        by=(
            "simulation/test_holds.py::test_what_cannot_be_read_does_not_blind_for_a_member_that_"
            "leaves_with_a_group_down",
        ),
    ),
    safety(
        "with no group down everything must be readable",
        promise="P6",
        why="People would be asked about facts of which a part was not seen.",
        file="engine/duty.py",
        old="            return await self.group.observe(full=full)\n",
        new="            return await self.group.observe(full=full, in_part=True)\n",
        by=(
            "simulation/test_holds.py::test_what_cannot_be_read_for_longer_than_the_limit_holds_"
            "with_its_text",
        ),
    ),
    safety(
        "what cannot be read is waited for while those that carry do",
        promise="P6",
        why="A database that is busy for a minute would hold a night with half of the group down.",
        file="engine/duty.py",
        old="            if not left_service(members, shown, self.plan, self.state.baseline):\n"
        "                raise\n",
        by=(
            "simulation/test_holds.py::test_what_cannot_be_read_for_a_while_is_waited_for_with_a_"
            "group_down",
        ),
    ),
    safety(
        "policies that nothing compared are not the same",
        promise="P1",
        why="Where their table cannot be read all of them would look alike.",
        file="engine/enforced.py",
        old="    return not policy.date and not policy.signature\n",
        new="    return False\n",
        by=(
            "unit/test_enforced.py::test_policies_that_nothing_compared_are_not_taken_for_the_same",
        ),
    ),
    safety(
        "a policy whose name is cut keeps its signature",
        promise="P1",
        why="The comparison would be off, without a word, for every long name.",
        file="engine/gaia/readings.py",
        old="len(shown) >= _NAME_WIDTH and whole",
        new="False and whole",
        by=("unit/test_policy_names.py::test_a_cut_name_keeps_what_the_verification_says",),
    ),
    safety(
        "a policy that two commands name differently is not verified",
        promise="P1",
        why="A signature would pass for that of another policy.",
        file="engine/gaia/readings.py",
        old="    if shown is None or not _is_shown_as(name, shown.name):\n",
        new="    if shown is None:\n",
        by=("unit/test_policy_names.py::test_another_name_verifies_nothing",),
    ),
    safety(
        "a policy that nothing compared is said beside others that are",
        promise="P1",
        why="One member could enforce anything by that name.",
        file="engine/enforced.py",
        old="_failed(known) + _unverified(known)",
        new="_failed(known)",
        by=(
            "unit/test_policy_names.py::test_one_that_is_not_verified_is_said_beside_others_that_are",
        ),
    ),
    safety(
        "a policy of a Virtual System that nothing compared is said",
        promise="P1",
        why="A Virtual System could enforce anything by that name.",
        file="engine/enforced.py",
        old="(*_failed(these, number), *_unverified(these, number))",
        new="_failed(these, number)",
        by=("unit/test_policy_names.py::test_a_virtual_system_that_is_not_verified_is_said",),
    ),
    safety(
        "a name that wraps is one row",
        promise="P1",
        why="The rest of a name would pass for the policy, and the night would hold.",
        file="engine/gaia/readings.py",
        old="            if not cells[0] and not number:\n",
        new="            if False:\n",
        by=(
            "unit/test_policy_names.py::"
            "test_a_name_that_wraps_is_one_row_and_what_is_below_nobodys_row_is_nobodys",
        ),
    ),
    safety(
        "a name in fw stat goes up to its date",
        promise="P1",
        why="A policy with a blank in its name could never be verified.",
        file="engine/gaia/readings.py",
        old="date = dated[-1] if dated else 1",
        new="date = 1",
        by=("unit/test_policy_names.py::test_a_name_in_fw_stat_goes_up_to_its_date",),
    ),
    safety(
        "a heading that cannot be read is nobody's",
        promise="P5",
        why="The member before it would show the auto-clone of another.",
        file="engine/gaia/readings.py",
        old='    return ([], "") if _OF_SOMEBODY.match(line) else None\n',
        new="    return None\n",
        by=(
            f"{SPELLINGS}::test_what_stands_under_a_heading_that_cannot_be_read_is_not_the_member_"
            "before",
        ),
    ),
    safety(
        "a status of a policy that says of a failure is failed",
        promise="P6",
        why="A word for what failed that we do not know would read as well.",
        file="engine/gaia/readings.py",
        old='row.get("status", "").lower().startswith(("fail", "error"))',
        new='row.get("status", "").lower() == "failed"',
        by=(f"{SPELLINGS}::test_a_padded_table_of_policies_and_only_what_says_so_is_failed",),
    ),
    safety(
        "the first look wants every member in service",
        promise="P1",
        why="Packages would be sent to a group that is ill already, and people asked about it.",
        file="engine/invariants.py",
        old="        for member in facts.others(plan.starting)\n"
        "        if not in_service(member, plan.policy.state_words)",
        new="        for member in facts.others(plan.starting)\n        if False",
        by=(
            "unit/test_invariants.py::test_the_first_look_wants_every_member_healthy_before_"
            "anything_is_sent",
        ),
    ),
    safety(
        "the first look wants connections synchronised",
        promise="P1",
        why="Hours of preparation for a failover that would lose every connection.",
        file="engine/invariants.py",
        old='        problems.append("connections are not synchronised to the active members")\n'
        "    starting",
        new="        pass\n    starting",
        by=(
            "unit/test_invariants.py::test_the_first_look_wants_connections_synchronised_and_"
            "auto_clone_shown",
        ),
    ),
    safety(
        "the first look wants the same policy on every member",
        promise="P1",
        why="What differed before the night would be found after the window has begun.",
        file="engine/invariants.py",
        old="    problems += same_policy(plan.binding(seen).others(starting))\n",
        by=(
            "unit/test_invariants.py::test_the_first_look_wants_every_member_healthy_before_"
            "anything_is_sent",
        ),
    ),
    safety(
        "the first look wants CPUSE idle",
        promise="P3",
        why="Our import would run into the work of somebody else.",
        file="engine/invariants.py",
        old="    problems += _idle(facts.members, state)\n",
        by=(
            "unit/test_invariants.py::test_the_first_look_wants_every_member_healthy_before_"
            "anything_is_sent",
        ),
    ),
    safety(
        "the first look starts no work on who may carry traffic",
        promise="P1",
        why="Members that came up since the plan was made would count as out of service.",
        file="engine/invariants.py",
        old="    problems += started_while_down(facts.some(plan.starting), plan)\n",
        by=(
            "unit/test_invariants.py::test_the_first_look_starts_no_work_on_who_may_carry_traffic",
        ),
    ),
    safety(
        "auto-clone that no member shows is not the same on all",
        promise="P5",
        why="Nobody could say what it was, so nobody could give it back.",
        file="engine/invariants.py",
        old="if len(cloning) > 1 or None in cloning:",
        new="if len(cloning) > 1:",
        by=(
            "unit/test_invariants.py::test_the_first_look_wants_connections_synchronised_and_"
            "auto_clone_shown",
        ),
    ),
    safety(
        "auto-clone is off right before an installation",
        promise="P5",
        why="Switched on since READY it would overwrite each member that restarts.",
        file="engine/invariants.py",
        old="    problems += cloning_on(facts, plan)\n"
        "    problems += _idle(facts.some(step.members), state)",
        new="    problems += _idle(facts.some(step.members), state)",
        by=(
            "unit/test_invariants.py::test_right_before_an_installation_cloning_cpuse_and_"
            "package_are_looked_at_again",
        ),
    ),
    safety(
        "CPUSE is idle right before an installation",
        promise="P3",
        why="The work of somebody else would be taken for ours.",
        file="engine/invariants.py",
        old="    problems += _idle(facts.some(step.members), state)\n    return problems + _listed",
        new="    return problems + _listed",
        by=(
            "unit/test_invariants.py::test_right_before_an_installation_cloning_cpuse_and_"
            "package_are_looked_at_again",
        ),
    ),
    safety(
        "the package is there right before an installation",
        promise="P3",
        why="Its number would be that of another package, or of none.",
        file="engine/invariants.py",
        old="    problems += _idle(facts.some(step.members), state)\n"
        "    return problems + _listed(step, facts, state)",
        new="    problems += _idle(facts.some(step.members), state)\n    return problems",
        by=(
            "unit/test_invariants.py::test_right_before_an_installation_cloning_cpuse_and_"
            "package_are_looked_at_again",
        ),
    ),
    safety(
        "a group that may carry traffic again is not ready to be worked on",
        promise="P1",
        why="People would be asked for a start, and what follows takes traffic down.",
        file="engine/invariants.py",
        old="        problems += started_while_down(facts.some(step.members), plan)\n"
        "        problems += cloning",
        new="        problems += cloning",
        by=(
            "unit/test_invariants.py::test_work_on_a_group_that_is_out_of_service_already_needs_"
            "as_much",
        ),
    ),
    safety(
        "auto-clone is off before work on who is out of service already",
        promise="P5",
        why="Such a group would be cloned over at its restart.",
        file="engine/invariants.py",
        old="        problems += cloning_on(facts, plan)\n"
        "        problems += _idle(plan.concerning(facts).members, state)\n"
        "        return",
        new="        problems += _idle(plan.concerning(facts).members, state)\n        return",
        by=(
            "unit/test_invariants.py::test_work_on_a_group_that_is_out_of_service_already_needs_"
            "as_much",
        ),
    ),
    safety(
        "CPUSE is idle before work on who is out of service already",
        promise="P3",
        why="Two installations at once on one member.",
        file="engine/invariants.py",
        old="        problems += _idle(plan.concerning(facts).members, state)\n        return",
        new="        return",
        by=(
            "unit/test_invariants.py::test_work_on_a_group_that_is_out_of_service_already_needs_"
            "as_much",
        ),
    ),
    safety(
        "the package is there before work on who is out of service already",
        promise="P3",
        why="People would be asked for what cannot begin.",
        file="engine/invariants.py",
        old="        return problems + _listed(step, facts, state)\n    problems",
        new="        return problems\n    problems",
        by=(
            "unit/test_invariants.py::test_work_on_a_group_that_is_out_of_service_already_needs_"
            "as_much",
        ),
    ),
    safety(
        "who may carry traffic again is not installed without a failover",
        promise="P1",
        why="A member that came up between gate and act would restart with its traffic.",
        file="engine/invariants.py",
        old="    problems += started_while_down(facts.some(starting), plan)\n",
        by=(
            "unit/test_invariants.py::test_work_on_a_group_that_is_out_of_service_already_needs_"
            "as_much",
        ),
    ),
    safety(
        "who is out of service and does not answer is not worked on",
        promise="P3",
        why="Of a member that says nothing nobody knows what CPUSE does there.",
        file="engine/invariants.py",
        old="        if not member.answered:\n"
        '            problems.append(f"{member.id} is {described(member)}")\n'
        "        elif not surely_out",
        new="        if False:\n            pass\n        elif not surely_out",
        by=(
            "unit/test_invariants.py::test_work_on_a_group_that_is_out_of_service_already_needs_"
            "as_much",
        ),
    ),
    safety(
        "cloning waits for what members differ in since an earlier run",
        promise="P5",
        why="A hotfix of the night before would be cloned away, or over every member.",
        file="engine/invariants.py",
        old="(state.the_plan.package.name, *state.cloning_packages)",
        new="(state.the_plan.package.name,)",
        by=(
            "unit/test_invariants.py::test_cloning_does_not_go_back_while_members_differ_in_any_"
            "package_that_is_owed",
        ),
    ),
    safety(
        "cloning waits where a package is in no known state",
        promise="P5",
        why="What nobody can read would pass for alike.",
        file="engine/invariants.py",
        old=" and PackageState.UNKNOWN not in states.values():",
        new=":",
        by=(
            "unit/test_invariants.py::test_cloning_does_not_go_back_while_members_differ_in_any_"
            "package_that_is_owed",
        ),
    ),
    safety(
        "takes that nobody can read are not one take",
        promise="P5",
        why="Members of two takes would clone each other.",
        file="engine/invariants.py",
        old="if len(takes) != 1 or None in takes:\n        seen",
        new="if len(takes) != 1:\n        seen",
        by=(
            "unit/test_invariants.py::test_cloning_goes_back_only_when_every_member_shows_the_"
            "same_take",
        ),
    ),
)
