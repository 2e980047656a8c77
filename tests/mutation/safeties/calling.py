"""Calling people: a fallback counts from its time on, and nobody is called for nothing (P2)."""

from tests.mutation.trials import safety

GATES = "engine/gates.py"
CALLING = "engine/calling.py"
UNIT = "unit/test_fallback.py"
NIGHTS = "simulation/test_calling.py"
SLACK = "slack/test_calling.py"
EARLY = f"{UNIT}::test_before_it_is_called_a_yes_of_the_fallback_is_refused_with_when_it_will_count"

SAFETIES = (
    safety(
        "the fallback is called only once its time has come",
        promise="P2",
        why="Those who know the group would be passed over from the first minute on.",
        file=GATES,
        old=" and not gate.outcome and now >= since",
        new=" and not gate.outcome",
        by=(f"{UNIT}::test_the_fallback_is_called_once_at_its_time_and_never_before",),
    ),
    safety(
        "a yes of the fallback counts only once it was called",
        promise="P2",
        why="As above: its members could approve at once.",
        file=GATES,
        old="    if gate.escalated_at is None or not policy.fallback:\n",
        new="    if not policy.fallback:\n",
        by=(EARLY,),
    ),
    safety(
        "the fallback sits in for nobody before it is called",
        promise="P2",
        why="A voter who is of the fallback too would stand for a role that nobody of has voted.",
        file=GATES,
        old='not policy.fallback:\n        return replace(policy, fallback="")\n',
        new="not policy.fallback:\n        return policy\n",
        by=(f"{UNIT}::test_it_sits_in_for_nobody_before_it_is_called",),
    ),
    safety(
        "a role that is needed stays needed when the fallback is called",
        promise="P2",
        why="Two managers would take a group down that no network engineer has looked at.",
        file=GATES,
        old="return policy.fallback_fills_needs and policy.fallback in vote.roles",
        new='return policy.fallback != "" and policy.fallback in vote.roles',
        by=(f"{UNIT}::test_a_role_that_is_needed_stays_needed_unless_the_policy_says_so",),
    ),
    safety(
        "a gate that only a fallback could pass is refused at start",
        promise="P2",
        why="A policy would pass for sound of which every gate waits until its fallback is called.",
        file=GATES,
        old='    policy = replace(policy, fallback="")\n    persons',
        new="    persons",
        by=(f"{UNIT}::test_a_gate_that_only_the_fallback_could_pass_is_one_that_nobody_can",),
    ),
    safety(
        "the fallback is called before votes are counted",
        promise="P12",
        why="A yes that stands there would be refused with a time that is over.",
        file="engine/counting.py",
        old="    await calling.escalate_if_due(duty, gate)\n",
        by=(
            f"{NIGHTS}::test_the_fallback_is_called_at_half_the_time_and_its_yes_counts_from_then_on",
        ),
    ),
    safety(
        "a reminder calls only those who can still help",
        promise="P12",
        why="Who is called for nothing reads the next call as meant for others.",
        file=CALLING,
        old="        and gates.can_help(\n"
        "            policy, gate, one.user, one.roles, requester=requester, "
        "authors=duty.state.authors\n        )\n",
        by=(f"{NIGHTS}::test_a_reminder_mentions_who_can_still_help_and_nobody_else",),
    ),
    safety(
        "a gate that is over is nothing to be written about",
        promise="P12",
        why="Somebody would be woken for a gate that was decided meanwhile.",
        file="bot/views/reach.py",
        old="or opening.gate.outcome or story.state.ended is not None:\n        return\n",
        new="and False:\n        return\n",
        by=(f"{NIGHTS}::test_each_of_them_is_written_to_once_until_they_vote_or_it_is_over",),
    ),
    safety(
        "a person is written to at most once for a call",
        promise="P12",
        why="A crash in the middle would wake them a second time.",
        file="bot/speaking/posting.py",
        old='if former is None or former.state == "failed":',
        new="if True:",
        by=(f"{SLACK}::test_what_was_perhaps_written_is_not_written_again",),
    ),
    safety(
        "who could not be written to for a moment is written to then",
        promise="P12",
        why="One refusal for the rate, and nobody is woken for a gate that waits.",
        file="bot/speaking/posting.py",
        old="                if _may_be_taken_later(trouble):\n",
        new="                if False:\n",
        by=(f"{SLACK}::test_who_could_not_be_written_to_for_a_moment_is_written_to_then",),
    ),
    safety(
        "no emoji keeps anything back",
        promise="P12",
        why="Nobody would be called while Slack refuses an emoji that no vote needs.",
        file="bot/speaking/attachments.py",
        old="            self._later.refused(message.key, trouble)\n            return\n",
        new="            raise\n",
        by=(f"{SLACK}::test_no_emoji_keeps_back_who_is_called",),
    ),
    safety(
        "P2 is judged by the role of each vote",
        promise="P2",
        why="The night would be called kept, and nobody would look again.",
        file="engine/promises.py",
        old="if counted and not asked & set(record.body",
        new="if False and not asked & set(record.body",
        by=(
            "unit/test_promises.py::test_p2_notices_a_vote_in_a_role_that_was_not_asked_or_not_yet",
        ),
    ),
)
