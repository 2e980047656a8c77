"""What a group is, two Sites, and what is virtual: looked at, never assumed (P1, P2, P6)."""

from tests.mutation.trials import safety

INVARIANTS = "engine/invariants.py"
IDENTITY = "engine/gaia/identity.py"
PICTURE = "engine/gaia/picture.py"
GUARDS = "engine/gaia/guards.py"
SITES = "unit/test_sites.py"
LOOKED = "simulation/test_identity.py"
NIGHTS = "simulation/test_two_sites.py"
DRAWN = "unit/test_picture.py"
SPELLINGS = "unit/test_spellings.py"

SAFETIES = (
    safety(
        "a group that is not what the settings pin is refused",
        promise="P6",
        why="Somebody believes that it is another group, or another machine answers there.",
        file=IDENTITY,
        old="    if shown and pinned and shown != pinned:\n",
        new="    if False:\n",
        by=(f"{LOOKED}::test_a_pin_that_the_device_contradicts_is_refused",),
    ),
    safety(
        "two places that name other versions are no version",
        promise="P6",
        why="The commands of one version would be sent to another.",
        file=IDENTITY,
        old="    if stat.version and released and stat.version != released:\n",
        new="    if False:\n",
        by=(f"{LOOKED}::test_two_places_that_name_other_versions_are_refused",),
    ),
    safety(
        "a member that is shown twice is no reading",
        promise="P6",
        why="Where a line is lost, members of one Site would pass for those of the other.",
        file=PICTURE,
        old="        if member in into:\n",
        new="        if False:\n",
        by=(
            f"{DRAWN}::test_a_row_that_cannot_be_told_apart_is_no_reading_at_all",
            f"{DRAWN}::test_with_a_line_lost_no_member_has_the_state_of_another",
        ),
    ),
    safety(
        "a word halfway between two Sites is nobody's",
        promise="P6",
        why="A member would have the state of the one with its number on the other Site.",
        file=PICTURE,
        old="        if len(away) > 1 and away[0][0] * 2 > away[1][0]:\n",
        new="        if False:\n",
        by=(f"{DRAWN}::test_a_row_that_cannot_be_told_apart_is_no_reading_at_all",),
    ),
    safety(
        "a context that was not entered says nothing of a Virtual System",
        promise="P6",
        why="Each would be judged by the state and the policy of 0.",
        file="engine/gaia/virtual.py",
        old='        return VirtualFacts(number, name, unread="its context was not entered")\n',
        new="        pass\n",
        by=(f"{LOOKED}::test_a_context_that_was_not_entered_is_not_the_state_of_a_virtual_system",),
    ),
    safety(
        "a group goes down only while a Site is active",
        promise="P1",
        why="All members of two Sites may stand by, healthy, and nobody carries anything.",
        file=INVARIANTS,
        old="    problems += one_site_carries(outside, facts)\n",
        by=(f"{SITES}::test_who_must_carry_traffic_and_does_not_is_named_on_two_sites",),
    ),
    safety(
        "a Site that was taken down is down when the other one is active",
        promise="P1",
        why="The installation would begin before anybody has taken the traffic over.",
        file="engine/steps/traffic.py",
        old="    over = taken_over(duty, step, outside(duty, step, seen), seen)\n",
        new="    over = True\n",
        by=(f"{SITES}::test_a_site_is_down_only_when_the_other_one_has_taken_over",),
    ),
    safety(
        "a Site that does not take over is not waited for until a time-out",
        promise="P1",
        why="Nobody carries anything for as long.",
        file="engine/steps/traffic.py",
        old="    if duty.clock.monotonic() - since >= TAKE_OVER.total_seconds():\n",
        new="    if False:\n",
        by=(
            f"{SITES}::test_a_site_that_does_not_take_over_is_waited_for_half_a_minute_and_no_"
            "longer",
        ),
    ),
    safety(
        "a group is brought up where no Site took over",
        promise="P1",
        why="The run would hold, and nobody would carry anything until a person comes.",
        file=INVARIANTS,
        old="    return left + nobody_took_over(outside, facts)\n",
        new="    return left\n",
        by=(
            f"{SITES}::test_that_no_site_took_over_is_reason_to_bring_the_group_up_and_two_active_"
            "ones_are_not",
            f"{NIGHTS}::test_a_site_that_does_not_take_over_brings_the_one_that_went_down_back_in_"
            "two_minutes",
        ),
    ),
    safety(
        "a Site whose members are all out is not active, whatever is shown of it",
        promise="P1",
        why="The picture may be slower than the members, and nobody would be missed.",
        file=INVARIANTS,
        old="{one for one in facts.active_sites if one in manned}",
        new="set(facts.active_sites)",
        by=(
            f"{SITES}::test_that_no_site_took_over_is_reason_to_bring_the_group_up_and_two_active_"
            "ones_are_not",
        ),
    ),
    safety(
        "a member that only the picture shows is a member",
        promise="P1",
        why="Nobody would plan for it, install it, or ask whether it carries traffic.",
        file="engine/gaia/probe.py",
        old='{*_ids(sections["all"]), *stat.states, *own}',
        new='{*_ids(sections["all"])}',
        by=(f"{LOOKED}::test_a_member_that_the_list_of_ids_leaves_out_is_a_member_all_the_same",),
    ),
    safety(
        "what the list of Virtual Systems shows ill is ill",
        promise="P1",
        why="Only one of two pictures would be believed, and that the better one.",
        file="engine/gaia/probe.py",
        old='        stat.add(read_blocks(sections["virtual"]))\n',
        new='        stat.names |= read_blocks(sections["virtual"]).names\n',
        by=(f"{LOOKED}::test_what_only_the_list_of_virtual_systems_shows_ill_is_ill",),
    ),
    safety(
        "a group whose policies are of Virtual Systems is not taken for a gateway",
        promise="P6",
        why="Nobody would ask what its Virtual Systems do.",
        file="engine/gaia/probe.py",
        old="    elif policies.virtual:\n",
        new="    elif False:\n",
        by=(f"{LOOKED}::test_virtual_systems_in_the_table_of_policies_are_not_gateway_mode",),
    ),
    safety(
        "synchronisation that one block shows off is off",
        promise="P1",
        why="Connections of that Virtual System would be lost in the failover.",
        file=PICTURE,
        old="    return all(said) if said else None\n",
        new="    return said[-1] if said else None\n",
        by=(f"{DRAWN}::test_synchronisation_that_one_block_shows_off_is_off",),
    ),
    safety(
        "a verification of a policy that failed is a problem",
        promise="P1",
        why="The device says that something is wrong, and nobody would hear it.",
        file="engine/gaia/readings.py",
        old="        failed = policy.failed and ((number, own) in well or one_for_all)\n",
        new="        failed = False\n",
        by=(
            "unit/test_parsers.py::test_a_verification_that_failed_counts_where_nothing_in_the_"
            "table_explains_it",
        ),
    ),
    safety(
        "ACTIVE (!) is not ACTIVE",
        promise="P1",
        why="It is a member with a problem that had to become active.",
        file="engine/gaia/readings.py",
        old='local[1].upper() + (local[2] or "").strip(), named',
        new="local[1].upper(), named",
        by=(
            "unit/test_parsers.py::test_active_with_a_problem_is_not_active_where_a_blank_is_in_it",
        ),
    ),
    safety(
        "two Sites that are active at once forbid a failover",
        promise="P1",
        why="Both answer for the same addresses, and nobody knows who would take over.",
        file=INVARIANTS,
        old="    if len(active) > 1:\n",
        new="    if False:\n",
        by=(
            f"{SITES}::test_two_sites_that_are_active_at_once_forbid_a_failover_and_an_installation",
        ),
    ),
    safety(
        "a group is back only where one Site is active",
        promise="P10",
        why="Everybody stands by, healthy, and nobody carries anything.",
        file="engine/steps/changing.py",
        old="    return points + invariants.one_site_carries("
        "duty.plan.concerning(facts).members, facts)\n",
        new="    return points\n",
        by=(f"{SITES}::test_a_group_is_not_back_and_a_night_not_over_unless_one_site_is_active",),
    ),
    safety(
        "a night is over only where one Site is active",
        promise="P10",
        why="It would end as done with nobody that carries anything.",
        file="engine/steps/changing.py",
        old="    return taken_over(duty, step, [m.id for m in concerned], facts)\n",
        new="    return True\n",
        by=(f"{SITES}::test_a_group_is_not_back_and_a_night_not_over_unless_one_site_is_active",),
    ),
    safety(
        "that no Site is active is told at the end",
        promise="P8",
        why="It would pass for the takeover that was announced.",
        file="engine/steps/finishing.py",
        old="any(whole_sites(duty.plan.groups).values()) or facts.active_site is None:\n",
        new="any(whole_sites(duty.plan.groups).values()):\n",
        by=(
            f"{SITES}::test_that_no_site_is_active_at_the_end_is_not_the_takeover_that_was_planned",
        ),
    ),
    safety(
        "the device refuses to take a Site down where none is active",
        promise="P1",
        why="All the others only stand by, and nobody took over.",
        file=GUARDS,
        old='    somebody = "asg stat -i active_ids | grep -q _"\n',
        new='    somebody = "true"\n',
        by=(
            "unit/test_guards.py::test_nothing_is_taken_down_where_no_site_is_active_and_all_"
            "others_only_stand_by",
        ),
    ),
    safety(
        "the device asks members of a Standby Site whether they are healthy",
        promise="P1",
        why="Nobody knows whether they are listed as active; unasked, an ill one would pass.",
        file=GUARDS,
        old="""    healthy = f"[ \\"$({asked} | grep -cE '{good}')\\" = {2 * len(resting)} ]"\n""",
        new='    healthy = f"true {asked} {good}"\n',
        by=("unit/test_guards.py::test_a_standby_site_that_could_not_take_over_forbids_the_act",),
    ),
    safety(
        "a Site failover that is not ours is told at once",
        promise="P8",
        why="All the traffic has moved, and nobody would know.",
        file="engine/duty.py",
        old="        reason = site_failover(facts, self.state)\n",
        new='        reason = ""\n',
        by=(
            f"{NIGHTS}::test_a_site_failover_that_is_not_ours_is_told_at_once_and_voids_the_open_"
            "gate",
        ),
    ),
    safety(
        "a Site failover voids the gate that is open",
        promise="P2",
        why="People would go on voting on a picture that is not true any more.",
        file="engine/asking.py",
        old="        if not await _another_site(duty, step):\n"
        "            await calling.remind_if_due(duty, gate)\n",
        new="        await calling.remind_if_due(duty, gate)\n",
        by=(
            f"{NIGHTS}::test_a_site_failover_that_is_not_ours_is_told_at_once_and_voids_the_open_"
            "gate",
        ),
    ),
    safety(
        "an act that cannot enter the context of 0 is none",
        promise="P6",
        why="The vendor demands VS 0 for every command of the procedure.",
        file=GUARDS,
        old="    if guard.context:\n",
        new="    if False:\n",
        by=("unit/test_guards.py::test_an_act_that_cannot_enter_the_context_of_0_is_none",),
    ),
    safety(
        "a word of another column beside two Sites is no state",
        promise="P6",
        why="A member would be in service by what stands there for something else.",
        file=PICTURE,
        old="        if mixed and not (cell.start < head.end and head.start < cell.end):\n",
        new="        if False:\n",
        by=("unit/test_other_layouts.py::test_a_word_that_stands_under_no_heading_is_no_state",),
    ),
    safety(
        "a Site that did not take over is known by its members' own word",
        promise="P1",
        why="Where all are listed as active nobody carries, and the line would be sent.",
        file=GUARDS,
        old="        if guard.said_active:\n",
        new="        if False:\n",
        by=(
            "unit/test_guards.py::test_where_all_are_listed_as_active_a_site_that_did_not_take_"
            "over_is_known_by_its_own_word",
        ),
    ),
    safety(
        "with two Sites whoever carries is asked for its own word",
        promise="P1",
        why="The list of the active ones may have everybody in it.",
        file="engine/group.py",
        old="        self._said_active = frozenset(facts.said_active)\n",
        by=(
            f"{NIGHTS}::test_a_line_is_not_sent_where_the_sites_changed_places_and_all_are_listed",
        ),
    ),
    safety(
        "people are told where no line can tell that no Site took over",
        promise="P10",
        why="They would rely on a condition that says nothing there.",
        file="engine/splitting.py",
        old="        told.append(UNGUARDED)\n",
        new="        pass\n",
        by=(
            "unit/test_splitting.py::test_where_members_of_a_standby_site_call_themselves_active_"
            "people_are_told_in_the_proposal",
        ),
    ),
    safety(
        "a member that is DOWN by hand is so without a blank before the bracket too",
        promise="P3",
        why="Nobody would see that the group went down, or bring it up again.",
        file=PICTURE,
        old='_WORD = re.compile(r"([A-Za-z]+)(!?)(?:',
        new='_WORD = re.compile(r"([A-Za-z]+(?:\\([^()]*\\))?)(!?)(?:',
        by=(f"{SPELLINGS}::test_a_members_state_and_what_stands_in_brackets_behind_it",),
    ),
    safety(
        "a line that is cut off says nothing of synchronisation",
        promise="P6",
        why="It may have said more than Enabled.",
        file=PICTURE,
        old='            if line.endswith("|") if boxed else whole:\n',
        new="            if True:\n",
        by=(
            f"{SPELLINGS}::test_a_line_that_is_cut_off_says_nothing_of_synchronisation",
            f"{DRAWN}::test_no_cut_of_a_picture_says_that_all_is_well",
        ),
    ),
    safety(
        "synchronisation that says more than Enabled is not on",
        promise="P1",
        why="Connections would be lost in the failover.",
        file=PICTURE,
        old=r"\s*[:|]\s*(.*?)\s*\|?$",
        new=r"\s*[:|]\s*(\w*)",
        by=(
            f"{SPELLINGS}::test_synchronisation_is_on_only_where_a_whole_line_says_no_more_than_"
            "that",
        ),
    ),
    safety(
        "colours part no text",
        promise="P1",
        why="A member shown DOWN in red would have no row, and an alarm would read as silence.",
        file="engine/gaia/text.py",
        old='_PAINT.sub("", _OSC.sub("", text))',
        new='_OSC.sub("", text)',
        by=(f"{SPELLINGS}::test_paint_anywhere_changes_nothing_that_is_read",),
    ),
    safety(
        "who is DOWN by hand is so in any case of letters",
        promise="P3",
        why="Where only the member itself says it, nobody would see that the group went down.",
        file="engine/gaia/readings.py",
        old='in ("ADMIN", "ADMIN_DOWN")',
        new='== "ADMIN_DOWN"',
        by=(f"{SPELLINGS}::test_who_is_down_by_hand_is_so_in_any_case_of_letters",),
    ),
)
