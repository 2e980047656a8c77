"""The judges: each promise's check in the journal, and each objection of the witness."""

from tests.mutation.trials import Safety, safety

PROMISES = "engine/promises.py"
UNIT = "unit/test_promises.py"
WITNESS = "engine/rehearsal/witness.py"
WRONG_NIGHTS = "ssh/test_wrong_nights.py::test_the_witness_objects"
VERDICT = "bot/demo/verdict.py"
SAID = "unit/test_verdict.py"

P2 = f"{UNIT}::test_p2_notices_every_way_in_which_an_approval_is_none"
P3 = f"{UNIT}::test_p3_notices_a_second_start_and_accepts_one_after_the_device_showed_nothing"
P5 = f"{UNIT}::test_p5_notices_an_installation_before_cloning_was_off_and_a_debt_forgotten"
BEFORE_SHOWN = f"{UNIT}::test_p12_notices_a_vote_that_counts_before_its_gate_was_shown"
BY_BUTTON = f"{UNIT}::test_p12_notices_a_vote_by_a_button_that_was_not_pressed_there"


def judge(name: str, promise: str, old: str, new: str, by: str) -> Safety:
    """Return the entry of one sentence in the judge that reads a journal."""
    why = "The night would be called kept, and nobody would look again."
    return safety(name, promise=promise, why=why, file=PROMISES, old=old, new=new, by=(by,))


def objection(name: str, promise: str, old: str, new: str) -> Safety:
    """Return the entry of one objection of the witness."""
    why = "The one judge that knows nothing of our journal would be silent."
    return safety(
        name, promise=promise, why=why, file=WITNESS, old=old, new=new, by=(WRONG_NIGHTS,)
    )


SAFETIES = (
    judge(
        "a failover outside of the windows is noticed",
        "P2",
        '        return "the group has windows, and that was in none"\n',
        "        return None\n",
        f"{UNIT}::test_p2_notices_a_failover_outside_of_the_windows_of_its_group",
    ),
    judge(
        "an installation outside of the windows is noticed, whatever it is called",
        "P2",
        "    return (*asked[:1], *mine[:1]) in ways_back\n",
        '    return plan["phase"] == "rollback"\n',
        f"{UNIT}::test_p2_takes_no_word_for_it_that_something_is_taken_back",
    ),
    judge(
        "P1 is judged",
        "P1",
        "if missing else None\n        )",
        "if False else None\n        )",
        f"{UNIT}::test_p1_notices_a_member_missing_at_the_act",
    ),
    judge(
        "P2 is judged: an approved gate",
        "P2",
        'if not opened or not closed or closed[-1].body["outcome"] != "approved":\n'
        '        return f"{at}: a failover without an approved gate"',
        "if not opened or not closed:\n        return None",
        P2,
    ),
    judge(
        "P2 is judged: an approval that was undone",
        "P2",
        'if any(r.seq > opened[-1].seq and gate in r.body["steps"] for r in '
        "_of(before, Kind.UNDONE)):",
        "if False:",
        "simulation/test_words_at_bad_moments.py::test_a_failover_on_an_approval_that_was_undone_"
        "breaks_its_promise",
    ),
    judge(
        "P2 is judged: a vote taken back with a button",
        "P2",
        "kinds = (Kind.VOTED, Kind.WITHDRAWN, Kind.CLICKED, Kind.GATE_SHOWN)",
        "kinds = (Kind.VOTED, Kind.WITHDRAWN, Kind.GATE_SHOWN)",
        f"{UNIT}::test_p2_notices_a_vote_that_was_taken_back_with_a_button",
    ),
    judge(
        "P12 is judged: a vote by a button that nobody pressed",
        "P12",
        'if body.get("source") == "button" and click != body["choice"]:',
        "if False:",
        BY_BUTTON,
    ),
    judge(
        "P12 is judged: a click on another message",
        "P12",
        'here = shown.get(body["step"]) == (body["channel"], body["ts"])',
        "here = True",
        BY_BUTTON,
    ),
    judge(
        "P2 is judged: enough votes",
        "P2",
        'if len(standing) < opened[-1].body["votes"]:',
        "if False:",
        P2,
    ),
    judge(
        "P2 is judged: who may vote, asked again after the approval",
        "P2",
        'if seen is None or seen["after"] < closed.seq:',
        "if seen is None:",
        f"{UNIT}::test_p2_notices_whose_right_to_vote_was_not_seen_again_after_the_approval",
    ),
    judge(
        "P2 is judged: the requester",
        "P2",
        "own = askers & _standing(before, gate, since=opened[-1].seq)",
        "own = set[str]()",
        P2,
    ),
    judge(
        "P2 is judged: who changed the plan",
        "P2",
        'askers |= {r.body["author"] for r in planned if r.body.get("author")}',
        "",
        f"{UNIT}::test_p2_notices_an_approval_by_whoever_changed_the_plan",
    ),
    judge(
        "P2 is judged: in time",
        "P2",
        'if intended.at >= datetime.fromisoformat(closed[-1].body["good_until"]):',
        "if False:",
        P2,
    ),
    judge(
        "P2 is judged: the plan",
        "P2",
        'if intended.body["plan_digest"] != opened[-1].body["plan_digest"]:',
        "if False:",
        P2,
    ),
    judge(
        "P2 is judged: the facts",
        "P2",
        'if intended.body["facts_digest"] != opened[-1].body["facts_digest"]:',
        "if False:",
        P2,
    ),
    judge(
        "P2 is judged: an act past its intent",
        "P2",
        "        elif attempt not in intended:",
        "        elif False:",
        f"{UNIT}::test_p2_notices_an_act_that_was_committed_without_its_intent",
    ),
    judge("P3 is judged: once per attempt", "P3", "elif key in committed:", "elif False:", P3),
    judge(
        "P3 is judged: an attempt that somebody asked for",
        "P3",
        'if body["attempt"] > 1 and body["step"] not in again:',
        "if False:",
        P3,
    ),
    judge(
        "P4 is judged",
        "P4",
        'if record.kind == Kind.INTENDED and body["step"] in done:',
        "if False:",
        f"{UNIT}::test_p4_notices_a_done_step_that_is_begun_again_from_memory",
    ),
    judge(
        "P5 is judged: cloning off first",
        "P5",
        'yield None if off else f"record {record.seq}: begun before cloning was off"',
        "yield None",
        P5,
    ),
    judge(
        "P5 is judged: a debt",
        "P5",
        'yield None if settled != said else "cloning',
        'yield None if True else "cloning',
        P5,
    ),
    judge(
        "P5 is judged: to whom cloning goes back",
        "P5",
        "if record.kind == Kind.SETTLED and (differ := _differ_in(records, record)):",
        "if differ := '':",
        f"{UNIT}::test_p5_notices_cloning_that_went_back_to_unlike_members",
    ),
    judge(
        "P6 is judged",
        "P6",
        'yield None if shown else f"record {record.seq}: nothing is shown',
        'yield None if True else f"record {record.seq}: nothing is shown',
        f"{UNIT}::test_p6_notices_a_hold_that_hides_what_was_printed",
    ),
    judge(
        "P7 is judged",
        "P7",
        "if halted and record.kind in (Kind.INTENDED, Kind.COMMITTING):",
        "if False:",
        f"{UNIT}::test_p7_notices_an_act_after_a_halt",
    ),
    judge(
        "P8 is judged",
        "P8",
        "if record.seq != place or record.prev != prev or record.hash != expected:",
        "if False:",
        f"{UNIT}::test_p8_notices_a_changed_a_missing_and_a_moved_record",
    ),
    judge(
        "P9 is judged",
        "P9",
        "if record.epoch < highest:",
        "if False:",
        f"{UNIT}::test_p9_notices_an_older_executor_writing_after_a_newer_one",
    ),
    judge(
        "P10 is judged",
        "P10",
        'yield None if fits else f"record',
        'yield None if True else f"record',
        f"{UNIT}::test_p10_notices_an_end_that_calls_two_takes_done",
    ),
    judge(
        "P1 is judged: who carries traffic in the boot of before",
        "P1",
        "if due := sorted(_to_restart(records, down) & serving):",
        "if due := sorted(set[str]()):",
        f"{UNIT}::test_p1_notices_who_is_to_carry_traffic_in_the_boot_of_before",
    ),
    judge(
        "P10 is judged: an end before the restart",
        "P10",
        "if due := sorted(_to_restart(records, record) - left_out):",
        "if due := sorted(set[str]()):",
        f"{UNIT}::test_p10_notices_an_end_before_the_restart",
    ),
    safety(
        "the witness sees a restart that is still to come",
        promise="P1",
        why="The one judge that knows nothing of our journal would be silent.",
        file=WITNESS,
        old="if due := [m for m in outside if m in self._to_restart and m not in absent]:",
        new="if due := list[str]():",
        by=(
            "ssh/test_wrong_nights.py::"
            "test_the_witness_objects_to_members_whose_restart_is_still_to_come",
        ),
    ),
    judge(
        "P12 is judged: the code",
        "P12",
        'if written and body["code"] != codes.get(body["step"]):',
        "if False:",
        f"{UNIT}::test_p12_notices_a_written_yes_with_the_code_of_something_else",
    ),
    judge(
        "P12 is judged: a gate that was shown",
        "P12",
        'yield None if body["step"] in shown else f"record',
        'yield None if True else f"record',
        BEFORE_SHOWN,
    ),
    judge(
        "P12 is judged: a gate that was closed",
        "P12",
        'if record.kind == Kind.GATE_CLOSED and body["outcome"] != "approved":\n'
        '            shown.pop(body["step"], None)\n',
        "if False:\n            pass\n",
        BEFORE_SHOWN,
    ),
    objection(
        "the witness sees who was absent at a failover",
        "P1",
        "        if absent:\n"
        "            self._object(\n                act.at,\n"
        '                f"{act.member} was ordered down while ',
        "        if False:\n            self._object(\n                act.at,\n"
        '                f"{act.member} was ordered down while ',
    ),
    objection("the witness sees a second start", "P3", "if key in starts.pending:", "if False:"),
    objection(
        "the witness sees a start on a member in service",
        "P1",
        "if act.member in act.carrying:",
        "if False:",
    ),
    safety(
        "the witness knows who carries connections",
        promise="P1",
        why="With two Sites a state word does not tell it: whoever stands by may be called ACTIVE.",
        file="engine/rehearsal/group.py",
        old="                carrying=tuple(self.carrying()),\n",
        new="",
        by=("ssh/test_wrong_nights.py::test_the_witness_objects_with_two_sites",),
    ),
    objection(
        "the witness sees all members at once",
        "P1",
        "if set(act.group) >= set(self.members) and len(self.members) > 1:",
        "if False:",
    ),
    objection("the witness sees a restart with cloning on", "P5", "if auto_clone:", "if False:"),
    objection(
        "the witness sees cloning go on while members differ",
        "P5",
        "if len(set(of.values())) > 1:",
        "if False:",
    ),
    objection(
        "the witness sees a start while others are away",
        "P1",
        "        if absent:\n"
        "            self._object(\n                act.at,\n"
        '                f"{act.act} was started on',
        "        if False:\n            self._object(\n                act.at,\n"
        '                f"{act.act} was started on',
    ),
    objection(
        "the witness sees a failover of all members",
        "P1",
        "        if not outside:\n",
        "        if False:\n",
    ),
    safety(
        "an act without a record breaks a promise",
        promise="P8",
        why="What nobody intended happened, and the journal does not know.",
        file=VERDICT,
        old='matched.without_record:\n        yield f"witness: {batch}, and no record',
        new='[]:\n        yield f"witness: {batch}, and no record',
        by=(f"{SAID}::test_an_act_without_a_record_breaks_what_it_concerns",),
    ),
    judge(
        "P1 is judged: who is left out was out of service",
        "P1",
        'if (state := states.get(member, "")).upper() not in OUT:',
        'if (state := states.get(member, "")).startswith("?"):',
        "unit/test_without.py::test_p1_knows_from_the_plan_who_was_left_out_and_that_it_was_out_of_"
        "service",
    ),
    judge(
        "P5 is judged: auto-clone was off where it counts at each commitment",
        "P5",
        "if on := sorted(one for one in cloning if states[one].upper() not in OUT):",
        "if on := list[str]():",
        "unit/test_without.py::test_p5_reads_where_auto_clone_was_on_when_an_installation_was_"
        "committed",
    ),
    judge(
        "P2 is judged: who is out at a degraded end was out when people agreed",
        "P2",
        'if worse := sorted(set(end.body.get("out_of_service", ())) - set(shown)):',
        "if worse := list[str]():",
        f"{UNIT}::test_p2_asks_of_a_degraded_end_what_it_asks_of_a_failover",
    ),
    judge(
        "P2 is judged: who is out at a degraded end was shown so, where that is written",
        "P2",
        "if shown is None:  # journals",
        "if True:  # journals",
        f"{UNIT}::test_p2_goes_by_who_was_shown_out_of_service_at_a_degraded_end_where_that_is_"
        "written",
    ),
    judge(
        "P2 is judged: a degraded end is approved as a failover is",
        "P2",
        'if "facts_digest" in record.body:  # journals',
        "if False:  # journals",
        f"{UNIT}::test_p2_notices_a_degraded_end_with_too_few_votes",
    ),
    judge(
        "P10 is judged: the end names who was left out",
        "P10",
        'if unsaid := sorted(left_out - set(body.get("left_out", ()))):',
        "if unsaid := list[str]():",
        "unit/test_without.py::test_p10_asks_of_a_member_left_out_only_that_the_end_names_it",
    ),
    safety(
        "only the absence of members left out is no offence",
        promise="P1",
        why="A member that should have carried traffic would be excused.",
        file=VERDICT,
        old="agreed = bool(members) and left_out.issuperset(members)",
        new="agreed = bool(members)",
        by=(
            "unit/test_without.py::test_what_the_witness_objects_to_is_no_offence_where_only_a_"
            "member_left_out_was_away",
        ),
    ),
    safety(
        "what the witness objects to breaks a promise",
        promise="P1",
        why="Its objections would be read by nobody.",
        file=VERDICT,
        old="broken = word == BROKEN or bool(objections)",
        new="broken = word == BROKEN",
        by=(f"{SAID}::test_what_the_witness_objects_to_breaks_a_promise",),
    ),
    safety(
        "a secret that was seen breaks a promise",
        promise="P11",
        why="It would stand in Slack, and the night would be called good.",
        file=VERDICT,
        old="    yield from seen.leaks\n",
        new="    yield from ()\n",
        by=(f"{SAID}::test_a_secret_that_was_seen_breaks_p11",),
    ),
)
