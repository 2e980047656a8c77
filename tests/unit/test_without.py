"""A member that is out of service is left out of a plan: who may be, what binds, who judges it."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changing import OUT, Place, chosen_out, form, read_form
from bot.commands.kinds import Mistake, Order, Revision
from bot.commands.reading import read_command
from bot.demo.matching import written
from engine import invariants, promises
from engine.canon import digest_of, from_json
from engine.errors import ConditionFailed, PlanRefused
from engine.facts import GroupFacts, InstalledPolicy, MemberFacts, PackageState, surely_out
from engine.fold import RunState
from engine.gaia.commands import import_package
from engine.journal import planned_body
from engine.model import Plan
from engine.planner import plan_install
from engine.proposals import Change, plan_change
from engine.rehearsal.witness import Act, Witness
from tests.unit.builders import NAME, PACKAGE, POLICY, REQUEST, facts, member, plan, records
from tests.unit.test_verdict import ALL as FOUR
from tests.unit.test_verdict import NIGHT, broken, device, seen

GONE: dict[str, Any] = {"state": "LOST", "answered": False, "own_state": ""}
DOWN: dict[str, Any] = {"state": "DOWN", "own_state": "DOWN", "notes": ("FSYNC",)}
PLACE = Place("hf-000001", 1, "C0FIREWALL", "1.000001")


def looked(*away: int, count: int = 5, **how: Any) -> GroupFacts:
    """A group that has never seen the package, with some members away."""
    changes = how or GONE
    members = (
        member(n, packages=(), **(changes if n in away else {})) for n in range(1, count + 1)
    )
    return facts(*members, count=count)


def planned(*out: str, seen_: GroupFacts | None = None, **policy: Any) -> Plan:
    request = replace(REQUEST, left_out=out)
    look = seen_ or looked(*(int(one[2:]) for one in out))
    return plan_install("hf-000001", request, PACKAGE, look, replace(POLICY, **policy))


# --------------------------------------------------------------------------------- the plan


@given(st.data(), st.integers(3, 12), st.integers(2, 4), st.sampled_from([GONE, DOWN]))
def test_every_member_not_left_out_is_in_exactly_one_group_and_no_step_names_another(
    data, count, groups, how
):
    out = data.draw(st.sets(st.integers(1, count), min_size=1, max_size=count))
    names = tuple(f"1_{n}" for n in out)
    try:
        made = planned(*names, seen_=looked(*out, count=count, **how), groups=groups)
    except PlanRefused:
        assert count - len(out) < max(2, groups)
        return

    assert set(made.left_out) == set(names)
    assert sorted(made.members) == sorted({f"1_{n}" for n in range(1, count + 1)} - set(names))
    sizes = [len(group.members) for group in made.groups]
    assert len(sizes) == groups
    assert max(sizes) - min(sizes) <= 1
    assert not any(set(step.members) & set(names) for step in made.steps)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"notes": ("FSYNC",)},
        {"state": "ACTIVE(!)", "own_state": "ACTIVE(!)"},
        {"own_state": "DOWN"},
        {"state": "DOWN"},
        {"answered": False, "own_state": ""},
        {"state": "STANDBY", "own_state": "STANDBY"},
    ],
)
def test_whoever_may_carry_traffic_is_not_left_out(state):
    with pytest.raises(PlanRefused, match=r"1_5 is .*only a member that is out of service"):
        planned("1_5", seen_=facts(member(5, **state), count=5))


def test_a_word_of_the_policy_for_a_healthy_member_counts_as_in_service():
    waits = MemberFacts(id="1_5", state="INIT", answered=True, own_state="INIT")

    assert surely_out(waits, ("ACTIVE",))
    assert not surely_out(waits, ("ACTIVE", "INIT"))


OUT_WORDS = ["DOWN", "Down", "LOST", "DETACHED", "INIT", "NOT STARTED"]
OTHER_WORDS = ["Active", "ACTIVE(!)", "STANDBY", "BACKUP", "READY", "PROBLEM", "UNKNOWN", "", "UP"]


@pytest.mark.parametrize("state", [*OUT_WORDS, *OTHER_WORDS])
def test_only_words_that_mean_it_say_that_a_member_is_out(state):
    for_its_peers = MemberFacts(id="1_5", state=state, answered=False)
    for_itself = MemberFacts(id="1_5", state="DOWN", answered=True, own_state=state)

    assert surely_out(for_its_peers) is (state in OUT_WORDS)
    assert surely_out(for_itself) is (state in OUT_WORDS)
    expected = "held" if state in OUT_WORDS else "broken"
    assert verdict(WITHOUT, down(state), promise="P1") == expected


@pytest.mark.parametrize(
    ("out", "count", "words"),
    [
        (("1_9",), 5, "there is no member 1_9"),
        (("1_2",), 2, "without 1_2 one member remains"),
        (("1_1", "1_2"), 2, "without 1_1, 1_2 none remains"),
    ],
)
def test_what_cannot_be_planned_without_it_is_refused_with_a_sentence(out, count, words):
    away = [int(one[2:]) for one in out if int(one[2:]) <= count]
    with pytest.raises(PlanRefused, match=words):
        planned(*out, seen_=looked(*away, count=count))


def test_as_many_as_must_stay_in_service_are_counted_without_it():
    assert planned("1_5", min_in_service=2)
    with pytest.raises(PlanRefused, match="only 2 would be in service, and at least 3 must be"):
        planned("1_5", min_in_service=3)


def test_who_orders_with_a_member_away_is_told_how_to_leave_it_out():
    lost = replace(looked(5).members[4], take=None)
    with pytest.raises(PlanRefused, match=r"different takes .*1_5: \?\); .*say `without 1_5`"):
        planned(seen_=replace(looked(), members=(*looked().members[:4], lost)))
    with pytest.raises(PlanRefused, match=r"different takes \([^;]*\)$"):
        planned(seen_=facts(member(5, take=98), count=5))


def test_its_take_and_packages_do_not_count():
    other = facts(*(member(n, packages=()) for n in range(1, 5)), count=5)
    ill = member(5, take=120, packages=((NAME, PackageState.INSTALLED),), **DOWN)
    made = planned("1_5", seen_=replace(other, members=(*other.members[:4], ill)))

    assert made.take_before == 99


def test_a_plan_that_leaves_nobody_out_reads_and_has_the_digest_as_before_there_was_this():
    ordinary, without_one = plan(), planned("1_5")

    assert "left_out" not in ordinary.as_json()
    assert "left_out" not in planned_body(ordinary, looked())["plan"]
    assert ordinary.digest == digest_of(ordinary.as_json())
    assert from_json(Plan, ordinary.as_json()) == ordinary
    assert from_json(Plan, without_one.as_json()) == without_one
    assert without_one.digest != replace(without_one, left_out=()).digest


def test_a_change_takes_one_out_and_in_again_and_says_so():
    state = RunState(run="hf-000001", request=REQUEST, plan=planned(seen_=looked()))
    out = plan_change(state, Change(left_out=("1_5",)), looked(5), by="ana")
    again = RunState(run="hf-000001", request=REQUEST, plan=out)
    back = plan_change(again, Change(left_out=()), looked(), by="ana")

    assert out.cause.startswith("changed by ana: left out: nobody → 1_5; ")
    assert back.cause.startswith("changed by ana: left out: 1_5 → nobody; ")
    assert (out.left_out, back.left_out) == (("1_5",), ())
    kept = plan_change(again, Change(order="swap"), looked(5), by="ana")
    assert kept.left_out == ("1_5",)
    with pytest.raises(PlanRefused, match="1_5 is ACTIVE"):
        plan_change(again, Change(order="swap"), looked(), by="ana")


def test_an_ordered_split_is_kept_where_it_fits_without_the_member():
    request = replace(REQUEST, split=(("1_1", "1_3", "1_5"), ("1_2", "1_4")))
    ordered = plan_install("hf-000001", request, PACKAGE, looked(), POLICY)
    state = RunState(run="hf-000001", request=request, plan=ordered)

    kept = plan_change(state, Change(left_out=("1_5",)), looked(5), by="ana")
    assert [group.members for group in kept.groups] == [("1_1", "1_3"), ("1_2", "1_4")]
    uneven = plan_change(state, Change(left_out=("1_4",)), looked(4), by="ana")
    assert [group.members for group in uneven.groups] == [("1_1", "1_2"), ("1_3", "1_5")]
    drawn = form(ordered, PLACE, "1_1", seen=looked(5), left_out=("1_5",))
    typed = [b["element"]["initial_value"] for b in drawn["blocks"] if "part:" in str(b)]
    assert typed == ["1_1,1_3", "1_2,1_4"]


def test_a_form_can_be_sent_with_more_members_left_out_than_slack_has_boxes_for():
    out = tuple(f"1_{n}" for n in range(3, 15))
    made = planned(*out, seen_=looked(*range(3, 15), count=14))
    drawn = form(made, PLACE, "1_1", seen=looked(*range(3, 15), count=14))
    (box,) = [block for block in drawn["blocks"] if block.get("block_id") == "out"]
    ticked = box["element"]["initial_options"]
    view = {**drawn, "state": {"values": {"out": {OUT: {"selected_options": ticked}}}}}

    assert len(ticked) == 10
    assert "Not offered here, and left as they are: 1_13-1_14." in box["hint"]["text"]
    assert chosen_out(view, made) == out
    view["state"]["values"]["out"][OUT]["selected_options"] = ticked[1:]
    assert chosen_out(view, made) == out[1:]


def test_a_form_says_how_old_the_look_is_and_what_looks_anew():
    drawn = form(planned(seen_=looked()), PLACE, "1_1", seen=looked())

    first = drawn["blocks"][0]["text"]["text"]
    assert re.search(
        r"Who is out of service is as of <!date\^\d+\^.*; `@hotfix change without", first
    )


# ----------------------------------------------------------------------------- conditions


def check(step: str, fifth: MemberFacts) -> str:
    made = planned("1_5")
    seen_ = facts(fifth, count=5)
    fresh = facts(*(member(n, packages=()) for n in range(1, 5)), fifth, count=5)
    if step == "A.INSTALL":
        admin = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
        seen_ = facts(member(1, **admin), member(2, **admin), fifth, count=5)
    state = RunState(run="hf-000001", plan=made, baseline=seen_)
    try:
        invariants.check(made.step(step), fresh if step == "PREFLIGHT" else seen_, state)
    except ConditionFailed as failed:
        return str(failed)
    return ""


BEFORE_DOWN = ["PREFLIGHT", "A.READY", "A.ADMIN_DOWN"]
OTHER_POLICY = InstalledPolicy("Lax", "3Jan2026  1:00:00", "11")
ILL = {"take": 98, "auto_clone": True, "policy": None, "agent_busy": True, "packages": ()}


@pytest.mark.parametrize("step", BEFORE_DOWN)
@pytest.mark.parametrize("how", [GONE, DOWN, {**DOWN, **ILL}], ids=["lost", "down", "all wrong"])
def test_nothing_is_asked_of_it_but_that_it_is_out_of_service(step, how):
    assert check(step, member(5, **how)) == ""


@pytest.mark.parametrize("step", [*BEFORE_DOWN, "A.INSTALL"])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, ""),
        ({"policy": OTHER_POLICY}, "1_5 has policy Lax of"),
        ({"auto_clone": True}, "image auto-clone is on on 1_5"),
    ],
    ids=["healthy", "another policy", "auto-clone on"],
)
def test_fully_in_service_again_it_is_bound_like_every_member_outside_the_group(step, how, words):
    said = check(step, member(5, **how))

    if step == "PREFLIGHT" and "auto_clone" in how:
        assert said == ""  # it is switched off before the first gate
        return
    assert (words in said) if words else (said == "")


def test_what_is_the_matter_with_it_otherwise_does_not_hold_the_run():
    assert check("A.READY", member(5, take=98, agent_busy=True, packages=())) == ""


@pytest.mark.parametrize("step", BEFORE_DOWN)
@pytest.mark.parametrize(
    "how",
    [
        {"state": "ACTIVE(!)", "own_state": "ACTIVE(!)"},
        {"notes": ("FSYNC",)},
        {"own_state": "DOWN"},
        {"policy": replace(OTHER_POLICY, name="InitialPolicy")},
    ],
)
def test_neither_surely_out_nor_healthy_no_group_is_taken_down_and_only_what_helps_is_named(
    step, how
):
    said = check(step, member(5, **how))

    assert "1_5, which this plan leaves out, is" in said
    assert "neither surely out of service nor healthy; bring 1_5 fully into service, or" in said
    assert "abort" not in said


def test_members_that_are_not_left_out_are_asked_everything():
    made = planned("1_5")
    seen_ = facts(member(4, **DOWN), member(5, **GONE), count=5)
    state = RunState(run="hf-000001", plan=made, baseline=facts(count=5))

    with pytest.raises(ConditionFailed, match="1_4 is DOWN"):
        invariants.check(made.step("A.ADMIN_DOWN"), seen_, state)


def test_cloning_goes_back_only_when_it_too_shows_the_take_and_can_be_reached():
    made = planned("1_5")
    restore = made.step("CLONING_RESTORE")
    state = RunState(run="hf-000001", plan=made)
    others = [member(n, take=120) for n in range(1, 5)]

    for fifth in (
        member(5, **GONE, take=None),
        member(5, take=99, **DOWN),
        member(5, take=120, **DOWN),
        member(5, take=99),
    ):
        with pytest.raises(ConditionFailed, match="so cloning stays off and is owed"):
            invariants.check(restore, facts(*others, fifth, count=5), state)
    invariants.check(restore, facts(*others, member(5, take=120), count=5), state)


def test_who_is_out_of_service_and_how_to_bring_them_up_is_said_of_the_others():
    made = planned("1_5")
    ill = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
    state = RunState(run="hf-000001", plan=made, facts=facts(member(5, **ill), count=5))

    assert state.out_of_service() == ()
    assert state.by_hand() == ""


def test_the_package_is_imported_on_the_members_that_are_named():
    assert import_package("/p.tgz") == 'gclish -c "installer import local /p.tgz"'
    assert import_package("/p.tgz", ("1_1", "1_2", "1_4")) == (
        'gclish -c "installer import local /p.tgz member_ids 1_1-1_2,1_4"'
    )


@given(
    st.sampled_from([GONE, DOWN, {**DOWN, **ILL}, {**DOWN, "notes": ("AMW",)}]),
    st.sampled_from([{}, {"notes": ("FSYNC",)}, {"take": 98}, {"state": "READY"}]),
)
def test_approvals_are_bound_to_no_more_of_it_than_whether_it_is_surely_out(out, not_out):
    made, lost = planned("1_5"), facts(member(5, **GONE), count=5)
    ill, back = facts(member(5, **out), count=5), facts(member(5, **not_out), count=5)

    assert made.facts_digest(ill) == made.facts_digest(lost)
    assert made.facts_digest(back) == made.facts_digest(facts(count=5))
    assert made.facts_digest(back) != made.facts_digest(ill)
    fourth = facts(member(4, notes=("FSYNC",)), member(5, **out), count=5)
    assert made.facts_digest(fourth) != made.facts_digest(ill)
    assert planned(seen_=looked()).facts_digest(back) == back.digest(NAME)


def test_one_in_danger_alarms_and_stops_an_act_also_where_it_is_left_out():
    made = planned("1_5")
    fifth = member(5, state="ACTIVE(!)", own_state="ACTIVE(!)", notes=("FSYNC",))
    seen_ = facts(fifth, count=5)

    assert invariants.left_service(("1_1", "1_2"), seen_, made) == ["1_5 is ACTIVE(!) (FSYNC)"]
    assert invariants.carrying_traffic(("1_1", "1_2"), seen_, made) == [
        "1_5, which this plan leaves out, is ACTIVE(!) (FSYNC): the group is in danger"
    ]
    assert invariants.left_service(("1_1", "1_2"), facts(member(5, **DOWN), count=5), made) == []


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (DOWN, {}, "1_5, which this plan leaves out, is ACTIVE"),
        (
            GONE,
            {"auto_clone": True},
            "1_5, which this plan leaves out, is ACTIVE, with auto-clone on",
        ),
        (DOWN, {"notes": ("FSYNC",)}, "1_5, which this plan leaves out, is ACTIVE (FSYNC)"),
        (DOWN, GONE, ""),
        ({}, {"notes": ("FSYNC",)}, ""),
        ({}, DOWN, ""),
    ],
)
def test_it_is_told_once_that_one_left_out_may_carry_traffic_again(before, now, said):
    first, second = (facts(member(5, **how), count=5) for how in (before, now))

    assert invariants.left_out_moved(first, second, planned("1_5")) == said


# ------------------------------------------------------------------------------ the judges


def verdict(*drafts: tuple[str, dict[str, Any]], promise: str) -> str:
    return promises.judge(records(*drafts))[promise]


def down(fifth: str, in_service: tuple[str, ...] = ("1_1", "1_2", "1_3", "1_4")):
    body = {
        "step": "A.ADMIN_DOWN",
        "kind": "ADMIN_DOWN",
        "members": ["1_1", "1_2"],
        "in_service": list(in_service),
        "states": {**dict.fromkeys(FOUR, "ACTIVE"), "1_5": fifth},
        "attempt": 1,
    }
    return ("INTENDED", body)


WITHOUT = ("PLANNED", planned_body(planned("1_5"), looked(5)))
WITH = ("PLANNED", planned_body(planned(seen_=looked()), looked()))


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        ([WITHOUT, down("LOST")], "held"),
        ([WITH, WITHOUT, down("LOST")], "held"),
        ([WITH, down("LOST")], "broken"),
        ([WITHOUT, down("LOST", ("1_1", "1_2", "1_3"))], "broken"),
        ([WITHOUT, down("ACTIVE")], "broken"),
        ([WITHOUT, down("ACTIVE", (*FOUR, "1_5"))], "held"),
        ([WITHOUT, down("ACTIVE(!)")], "broken"),
        ([("PLANNED", planned_body(planned("1_5"), looked())), down("LOST")], "broken"),
    ],
)
def test_p1_knows_from_the_plan_who_was_left_out_and_that_it_was_out_of_service(drafts, expected):
    assert verdict(*drafts, promise="P1") == expected


@pytest.mark.parametrize(
    ("state", "on", "expected"),
    [("ACTIVE", True, "broken"), ("ACTIVE", False, "held"), ("DOWN", True, "held")],
)
def test_p5_reads_where_auto_clone_was_on_when_an_installation_was_committed(state, on, expected):
    off = ("DONE", {"step": "CLONING_OFF", "kind": "CLONING_OFF", "how": "acted", "attempt": 1})
    body = {"step": "A.INSTALL", "attempt": 1, "on": "1_1", "in_service": []}
    seen_ = {"states": {"1_5": state, "1_4": "ACTIVE"}, "cloning": {"1_5": on, "1_4": False}}

    assert verdict(WITHOUT, off, ("COMMITTING", {**body, **seen_}), promise="P5") == expected
    assert verdict(WITHOUT, off, ("COMMITTING", body), promise="P5") == "held"


@pytest.mark.parametrize(
    ("fifth", "said", "expected"),
    [
        (None, ["1_5"], "held"),
        (99, ["1_5"], "held"),
        (None, [], "broken"),
        (None, ["1_4"], "broken"),
    ],
)
def test_p10_asks_of_a_member_left_out_only_that_the_end_names_it(fifth, said, expected):
    takes = {**dict.fromkeys(FOUR, 120), "1_5": fifth}
    ended = ("ENDED", {"state": "done", "members": takes, "left_out": said})

    assert verdict(WITHOUT, ended, promise="P10") == expected
    unlike = ("ENDED", {**ended[1], "members": {**takes, "1_4": 99}})
    assert verdict(WITHOUT, unlike, promise="P10") == "broken"


def without_the_fourth() -> list[tuple[str, dict[str, Any]]]:
    body = planned_body(replace(plan(), left_out=("1_4",)), looked(4, count=4))
    return [(k, body if k == "PLANNED" else b) for k, b in NIGHT]


@pytest.mark.parametrize(
    ("absent", "expected"),
    [(["1_4"], set()), (["1_3", "1_4"], {"P1"}), (["1_3"], {"P1"}), ([], {"P1"})],
)
def test_what_the_witness_objects_to_is_no_offence_where_only_a_member_left_out_was_away(
    absent, expected
):
    objection = "1_1 was ordered down while somebody was away (at 3 s)"
    told = device(objections=[objection], absent=[absent])

    assert broken(seen(*without_the_fourth(), device=told)) == expected
    assert broken(seen(device=told)) == {"P1"}


def act(what: str, group: tuple[str, ...], away: tuple[str, ...]) -> Act:
    states = {f"1_{n}": "DOWN" if f"1_{n}" in away else "ACTIVE" for n in range(1, 4)}
    return Act(1.0, what, group[0], group, states, {})


@pytest.mark.parametrize("what", ["admin_down", "install"])
def test_the_witness_names_who_was_away_unless_nobody_was_left(what):
    witness = Witness(["1_1", "1_2", "1_3"], {})
    witness.act(act(what, ("1_1",), ("1_1", "1_3") if what == "install" else ("1_3",)))
    witness.act(act(what, ("1_2", "1_1"), ("1_1", "1_2", "1_3")))

    assert witness.absent() == [["1_3"], []]
    assert len(witness.objections()) == 2


def test_what_is_done_to_a_member_left_out_has_no_record():
    body = {"step": "IMPORT", "kind": "IMPORT", "members": [], "attempt": 1}
    (one,) = written(records(WITH, WITHOUT, ("INTENDED", body)))

    assert one.members == {"1_1", "1_2", "1_3", "1_4"}


# --------------------------------------------------------------------------- words and form


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (f"install site-1 {NAME} without 1_7", Order("install", "site-1", NAME, left_out=("1_7",))),
        (
            f"install site-1 {NAME} without 1_07,1_8",
            Order("install", "site-1", NAME, left_out=("1_7", "1_8")),
        ),
        (f"install site-1 {NAME} without none", Order("install", "site-1", NAME)),
        ("change without 1_7", Revision(Change(left_out=("1_7",)))),
        ("change without none", Revision(Change(left_out=()))),
        ("change site-1 swap", Revision(Change(order="swap"), "site-1")),
    ],
)
def test_it_is_said_at_the_order_and_at_the_proposal(text, command):
    assert read_command(text, groups=["site-1"]) == command


@pytest.mark.parametrize("text", [f"install site-1 {NAME} without {{}}", "change without {}"])
@pytest.mark.parametrize("wrong", ["seven", "1_7;reboot", "1_7/1_8", "7"])
def test_what_are_no_members_is_a_mistake(text, wrong):
    with pytest.raises(Mistake, match=r"are no members; write who is left out like"):
        read_command(text.format(wrong), groups=["site-1"])


def fields(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["block_id"]: one for one in view["blocks"] if "block_id" in one}


def sent(view: dict[str, Any], *out: str) -> dict[str, Any]:
    """Return a form as Slack sends it, with these boxes ticked and all else as drawn."""
    values: dict[str, Any] = {}
    for block_id, block in fields(view).items():
        element = block["element"]
        match element["type"]:
            case "checkboxes":
                ticked = [one for one in element["options"] if one["value"] in out]
                value: dict[str, Any] = {"selected_options": ticked}
            case "plain_text_input":
                value = {"value": element["initial_value"]}
            case _:
                value = {"selected_option": element["initial_option"]}
        values[block_id] = {element["action_id"]: value}
    return {**view, "state": {"values": values}}


def test_the_form_offers_only_members_that_are_out_of_service():
    made = planned(seen_=looked())

    assert "out" not in fields(form(made, PLACE, "1_1", seen=looked()))
    assert "out" not in fields(form(made, PLACE, "1_1"))
    box = fields(form(made, PLACE, "1_1", seen=looked(5, **DOWN)))["out"]
    assert [one["value"] for one in box["element"]["options"]] == ["1_5"]
    assert box["element"]["options"][0]["text"]["text"] == "1_5: DOWN (FSYNC)"
    assert "initial_options" not in box["element"]


def test_ticked_its_fields_are_drawn_for_the_others_and_it_is_sent_as_a_change():
    made, away = planned(seen_=looked()), looked(5)
    first = form(made, PLACE, "1_1", seen=away)
    ticked = sent(first, "1_5")
    assert chosen_out(ticked, made) == ("1_5",)
    change, errors = read_form(ticked, made)
    assert "1_5 is not in this Security Group" in " ".join(errors.values())

    drawn = form(made, PLACE, "1_1", count=2, seen=away, left_out=("1_5",))
    parts = [key for key in fields(drawn) if key.startswith("part:")]
    assert not set(parts) & set(fields(first))
    assert fields(drawn)["out"]["element"]["initial_options"][0]["value"] == "1_5"
    change, errors = read_form(sent(drawn, "1_5"), made)
    assert errors == {}
    assert change.left_out == ("1_5",)
    assert change.split == (("1_1", "1_2"), ("1_3", "1_4"))
    assert plan_change(
        RunState(run="hf-000001", request=REQUEST, plan=made), change, away, by="ana"
    ).left_out == ("1_5",)


def test_where_it_is_left_out_already_the_form_is_filled_in_so_and_can_take_it_in_again():
    made = planned("1_5")
    view = form(made, PLACE, "1_1", seen=looked())
    kept, errors = read_form(sent(view, "1_5"), made)
    assert kept.left_out is None
    assert "says that already" in " ".join(errors.values())

    drawn = form(made, PLACE, "1_1", count=2, seen=looked(), left_out=())
    change, errors = read_form(sent(drawn), made)
    assert errors == {}
    assert change.left_out == ()
    assert change.split == (("1_1", "1_2", "1_3"), ("1_4", "1_5"))
    assert fields(drawn)["out"]["element"]["action_id"] == OUT
