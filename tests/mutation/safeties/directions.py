"""The way back and the other nights: uninstall, finish, and the rollback of who is down."""

from tests.mutation.trials import safety

NIGHTS = "simulation/test_uninstalls.py"
UNINSTALLING = "engine/uninstalling.py"
PLANS = "unit/test_uninstalling.py"

SAFETIES = (
    safety(
        "a start that began nothing is asked for anew",
        promise="P2",
        why="It would be begun hours later on votes that were for then.",
        file="engine/steps.py",
        old="    if begun.committed_at is not None and duty.plan.starts_down(step) and not duty."
        "state.aborted:\n",
        new="    if False:\n",
        by=(f"{NIGHTS}::test_a_start_that_was_killed_before_it_began_is_asked_anew",),
    ),
    safety(
        "how much goes is asked, never guessed",
        promise="P6",
        why="All of it would go where one take was meant, and nobody would have decided that.",
        file=UNINSTALLING,
        old="    if request.method not in WORDS:\n"
        "        raise PlanRefused(_which_is_meant(package, recorded))\n",
        by=(f"{NIGHTS}::test_what_was_not_said_is_asked",),
    ),
    safety(
        "the take expected afterwards is known, or said",
        promise="P6",
        why="What comes back could be compared with nothing.",
        file=UNINSTALLING,
        old="    if said is None and recorded is None:\n",
        new="    if False:\n",
        by=(f"{NIGHTS}::test_what_was_not_said_is_asked",),
    ),
    safety(
        "what stands on top goes first",
        promise="P10",
        why="A hotfix would lose what it stands on, or CPUSE refuse in the night.",
        file=UNINSTALLING,
        old="    if others:\n        raise PlanRefused(",
        new="    if False:\n        raise PlanRefused(",
        by=(f"{PLANS}::test_what_stands_on_top_is_named",),
    ),
    safety(
        "the newest take goes first",
        promise="P10",
        why="CPUSE refuses it, with a group out of service.",
        file=UNINSTALLING,
        old="    if newer:\n",
        new="    if False:\n",
        by=(f"{PLANS}::test_what_stands_on_top_is_named",),
    ),
    safety(
        "another take holds before the second group",
        promise="P10",
        why="Both groups would go to a take that nobody announced.",
        file="engine/steps.py",
        old="    if wrong and not points:\n        raise StepFailed",
        new="    if False:\n        raise StepFailed",
        by=(f"{NIGHTS}::test_another_take_than_announced_holds_before_the_second_group",),
    ),
    safety(
        "what is accepted is what came back",
        promise="P2",
        why="People would agree to a take that no member has.",
        file="engine/proposals.py",
        old="    if change.take != now:\n",
        new="    if False:\n",
        by=(f"{NIGHTS}::test_what_is_accepted_is_what_came_back_and_nothing_else",),
    ),
    safety(
        "another take is accepted by people",
        promise="P2",
        why="Whoever said it first would decide alone for both groups.",
        file="engine/proposals.py",
        old="        steps=(*done, gate, *after),\n",
        new="        steps=(*done, *after),\n",
        by=(f"{NIGHTS}::test_people_can_accept_the_take_that_came_back",),
    ),
    safety(
        "work on members that are down needs an approval",
        promise="P2",
        why="They would be worked on without anybody's yes, only for being ill.",
        file="engine/runner.py",
        old="    if duty.state.of(change_).committed_at is None and not await asking.last_look(\n"
        "        duty, gate_step, facts\n    ):\n",
        new="    if False:\n",
        by=(
            f"{NIGHTS}::test_a_start_is_asked_again_when_the_members_that_are_down_look_otherwise",
        ),
    ),
    safety(
        "who may carry traffic again is not worked on without a failover",
        promise="P1",
        why="It would restart with the connections that it has taken meanwhile.",
        file="engine/invariants.py",
        old="        elif not surely_out(member, plan.policy.state_words):\n"
        "            problems.append(\n"
        '                f"{member.id} is {described(member)}, so it may carry traffic: that',
        new="        elif False:\n"
        "            problems.append(\n"
        '                f"{member.id} is {described(member)}, so it may carry traffic: that',
        by=(
            f"{NIGHTS}::test_a_member_that_takes_traffic_again_is_not_worked_on_without_a_failover",
        ),
    ),
    safety(
        "another take is accepted only where all members can end at it",
        promise="P10",
        why="The run would lead to members at different takes, with everybody's approval.",
        file="engine/proposals.py",
        old="    if fault := other_take_fault(state, back):\n        raise PlanRefused(fault)\n",
        by=(f"{NIGHTS}::test_another_take_is_not_accepted_where_others_stay_at_theirs",),
    ),
    safety(
        "another take is offered only where it would be accepted",
        promise="P10",
        why="At night people say what the hold offers first.",
        file="engine/runner.py",
        old="if not other_take_fault(duty.state, step) else []",
        new="if True else []",
        by=(f"{NIGHTS}::test_another_take_is_not_accepted_where_others_stay_at_theirs",),
    ),
    safety(
        "what is deleted on a member has an intent of its own",
        promise="P8",
        why="An act would stand in no journal, and a stop would come after all of them.",
        file="engine/steps.py",
        old="        await duty.intend(replace(step, members=(one,)), facts)\n",
        new="        await duty.intend(step, facts)\n",
        by=(f"{NIGHTS}::test_each_member_is_told_its_own_number_of_what_is_deleted",),
    ),
    safety(
        "nobody is told another member's number of a package",
        promise="P10",
        why="Another package would be deleted, and nothing asks before.",
        file="engine/group.py",
        old="        line = commands.delete_package(number, [member])\n",
        new='        line = commands.delete_package(number, ["1_1", "1_2", "1_3", "1_4"])\n',
        by=(f"{NIGHTS}::test_each_member_is_told_its_own_number_of_what_is_deleted",),
    ),
    safety(
        "an abort brings up nobody whom others took down",
        promise="P10",
        why="Somebody works on it by hand, and it would carry traffic under their hands.",
        file="engine/verbs.py",
        old='    if not_ours and case in ("down_not_started", "interrupted"):\n',
        new="    if False:\n",
        by=(
            f"{NIGHTS}::test_an_abort_after_a_failed_start_brings_up_nobody_whom_others_took_down",
        ),
    ),
    safety(
        "an abort that waited first brings up nobody whom others took down",
        promise="P10",
        why="Right after a restart the work may be under way; then it turns out that it is not.",
        file="engine/steps.py",
        old='"down_not_started" if ours else "left_down"',
        new='"down_not_started"',
        by=(f"{NIGHTS}::test_an_abort_brings_up_nobody_whom_others_took_down",),
    ),
    safety(
        "nobody whom others took down is rescued",
        promise="P10",
        why="A member that may be broken would carry traffic, and nobody would have said so.",
        file="engine/runner.py",
        old="    if duty.plan.starts_down(step):\n        return False\n",
        by=(f"{NIGHTS}::test_nobody_whom_others_took_down_is_rescued",),
    ),
    safety(
        "what brings members up by hand names nobody whom others took down",
        promise="P10",
        why="Whoever copies it at night would undo what somebody else is at work on.",
        file="engine/fold.py",
        old="facts.others(self.the_plan.starting)",
        new="facts.members",
        by=(f"{NIGHTS}::test_nobody_whom_others_took_down_is_rescued",),
    ),
    safety(
        "a member that is down is not finished",
        promise="P1",
        why="A failover would leave the traffic to a group with a member missing.",
        file="engine/following.py",
        old="    if wrong:\n        hint",
        new="    if False:\n        hint",
        by=(f"{NIGHTS}::test_a_member_that_is_down_is_not_finished",),
    ),
    safety(
        "a member that is neither here nor there is not guessed at",
        promise="P3",
        why="Somebody else works there; it would be installed over, or uninstalled from.",
        file="engine/following.py",
        old="        if not _is_at(member, package, start, has=has):\n",
        new="        if False:\n",
        by=(f"{PLANS}::test_a_member_that_is_neither_here_nor_there_is_named",),
    ),
    safety(
        "a plan of differing members holds where they differ otherwise",
        promise="P10",
        why="Somebody installed meanwhile: the plan is about members that are not so any more.",
        file="engine/invariants.py",
        old="    if plan.takes:\n",
        new="    if False:\n",
        by=(f"{PLANS}::test_a_plan_of_differing_members_holds_where_they_differ_otherwise",),
    ),
)
