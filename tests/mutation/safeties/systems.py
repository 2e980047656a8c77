"""Virtual Systems: a member is what all of them are, and the rehearsal's judge sees them too."""

from tests.mutation.trials import safety

WITNESS = "engine/rehearsal/witness.py"
GROUP = "engine/rehearsal/group.py"
JUDGED = "unit/test_enforced.py"
NIGHTS = "simulation/test_virtual.py"
REHEARSED = "unit/test_rehearsal_virtual.py"

SAFETIES = (
    safety(
        "a member is in service only with all its Virtual Systems",
        promise="P1",
        why="What one of them carried would be carried by nobody.",
        file="engine/facts.py",
        old="        and all(virtual_in_service(one, words) for one in member.virtual)\n",
        by=(
            f"{JUDGED}::test_an_ill_virtual_system_forbids_the_failover_and_is_named",
            f"{NIGHTS}::test_a_night_holds_where_one_virtual_system_is_ill",
        ),
    ),
    safety(
        "without a policy only a Virtual Switch or Router is well",
        promise="P1",
        why="What a Virtual System without policy should carry, nobody would carry.",
        file="engine/facts.py",
        old="    return well and (bool(one.kind) or enforces(one.policy))\n",
        new="    return well\n",
        by=(
            f"{JUDGED}::test_an_ill_virtual_system_forbids_the_failover_and_is_named",
            "simulation/test_identity.py::"
            "test_without_a_policy_all_are_ill_that_no_list_calls_a_switch",
        ),
    ),
    safety(
        "only what the device calls a Virtual Switch or Router needs no policy",
        promise="P1",
        why="A Virtual System that lost its policy would pass for one that has none.",
        file="engine/gaia/virtual.py",
        old="        if row[2] in _KINDS and ",
        new="        if ",
        by=(
            "unit/test_parsers.py::"
            "test_only_switches_and_routers_without_a_policy_are_listed_as_such",
        ),
    ),
    safety(
        "a Virtual System that nobody lists any more forbids a failover",
        promise="P1",
        why="It would pass for one that was never there.",
        file="engine/invariants.py",
        old="    problems += lost_virtual("
        "plan.concerning(facts).others(going_back), state.baseline)\n",
        by=(f"{JUDGED}::test_a_virtual_system_that_is_not_listed_any_more_forbids_the_failover",),
    ),
    safety(
        "a Virtual System that nobody lists any more forbids an installation",
        promise="P1",
        why="Who carries the traffic alone lost it after the failover.",
        file="engine/invariants.py",
        old="    problems += lost_virtual([m for m in outside if m.answered], state.baseline)\n",
        by=(
            f"{JUDGED}::test_a_virtual_system_lost_once_a_group_is_down_forbids_the_installation_"
            "and_is_rescued",
        ),
    ),
    safety(
        "a Virtual System that nobody lists any more brings the group up",
        promise="P1",
        why="Nobody carries what it carried.",
        file="engine/invariants.py",
        old=" + lost_virtual([m for m in outside if m.answered], known)",
        by=(
            f"{JUDGED}::test_a_virtual_system_lost_once_a_group_is_down_forbids_the_installation_"
            "and_is_rescued",
        ),
    ),
    safety(
        "a member is not back without a Virtual System that it had",
        promise="P10",
        why="It would be called back, and B would go down.",
        file="engine/steps/changing.py",
        old="    points += lost_virtual(back, duty.state.baseline)\n",
        by=(f"{NIGHTS}::test_a_member_is_not_back_while_nobody_lists_one_of_its_virtual_systems",),
    ),
    safety(
        "a Virtual System has the policy that it has on the others",
        promise="P1",
        why="It would decide otherwise on the members that carry traffic.",
        file="engine/enforced.py",
        old="    return problems + _same_virtual(members)\n",
        new="    return problems\n",
        by=(f"{JUDGED}::test_another_policy_of_a_virtual_system_forbids_the_failover",),
    ),
    safety(
        "a policy of a Virtual System that was installed meanwhile is told",
        promise="P11",
        why="Nobody approved the night with it.",
        file="engine/enforced.py",
        old="        if was and one.policy and not _alike(was, one.policy, same_take=False):\n",
        new="        if False:\n",
        by=(
            f"{JUDGED}::test_a_policy_of_a_virtual_system_installed_meanwhile_is_told_of_it_alone",
        ),
    ),
    safety(
        "the witness sees an act in another context than 0",
        promise="P1",
        why="The vendor demands VS 0 for every command of the procedure.",
        file=WITNESS,
        old='        if number:\n            self._object(at, f"{command} was run',
        new='        if False:\n            self._object(at, f"{command} was run',
        by=(f"{REHEARSED}::test_acting_in_another_context_is_refused_or_objected_to",),
    ),
    safety(
        "the witness counts a member with an ill Virtual System as away",
        promise="P1",
        why="What the Virtual System carried would be carried by nobody.",
        file=GROUP,
        old="            if m.state in (ACTIVE, self.setup.standby_word) and m.ill_systems\n",
        new="            if False\n",
        by=(f"{REHEARSED}::test_the_witness_objects_when_others_go_down_while_a_system_is_ill",),
    ),
    safety(
        "a verification that failed on all members alike forbids a failover",
        promise="P1",
        why="Nobody could tell what the members that stay enforce.",
        file="engine/gaia/readings.py",
        old="((number, own) in well or one_for_all)",
        new="((number, own) in well)",
        by=(
            "unit/test_parsers.py::"
            "test_a_verification_that_failed_counts_where_nothing_in_the_table_explains_it",
        ),
    ),
    safety(
        "a verification that failed on all members alike is said to be one thing",
        promise="P10",
        why="At night people would look for N broken members, and find none.",
        file="engine/enforced.py",
        old="    if len(failed) == len(held) > 1 and ",
        new="    if False and ",
        by=(
            f"{JUDGED}::test_a_verification_that_failed_on_all_alike_is_one_thing_and_one_sentence",
        ),
    ),
)
