"""What is planned for an uninstall, for another night, and for the way back; what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from engine.canon import from_json, to_json
from engine.errors import PlanRefused
from engine.facts import GroupFacts, MemberFacts, PackageState
from engine.fold import RunState
from engine.following import plan_after
from engine.former import Former
from engine.gaia import commands
from engine.gaia.installer import action_begun, action_ended
from engine.invariants import check
from engine.model import COMPLETELY, LAST_TAKE, Plan, Request, StepKind
from engine.uninstalling import plan_uninstall
from tests.unit.builders import NAME, PACKAGE, POLICY, REQUEST, facts, member, plan

OLDER = NAME.replace("T120", "T99")
NEWER = NAME.replace("T120", "T130")
ASKED = replace(REQUEST, kind="uninstall", package="", method=LAST_TAKE, take=99)


def at_120(number: int, *more: str, **changes: Any) -> MemberFacts:
    """A member with the package installed on top of take 99, and with what else is named."""
    installed = [(name, PackageState.INSTALLED) for name in (OLDER, NAME, *more)]
    return member(number, **{"take": 120, "packages": tuple(installed), **changes})


def all_at_120(*more: str) -> GroupFacts:
    return facts(*(at_120(number, *more) for number in range(1, 5)))


def planned(request: Request = ASKED, seen: GroupFacts | None = None, *formers: Former) -> Plan:
    return plan_uninstall("hf-2", request, seen or all_at_120(), POLICY, formers)


INSTALLED_IT = Former("hf-1", replace(plan(), take_before=99), "done", {}, began=True)


def test_the_newest_take_is_meant_where_none_is_named():
    made = planned()

    assert (made.package.name, made.take_before, made.take_after) == (NAME, 120, 99)
    assert [s.kind for s in made.steps if not s.group] == [
        StepKind.PROPOSAL,
        StepKind.PREFLIGHT,
        StepKind.VERIFY,
        StepKind.CLONING_OFF,
        StepKind.CLONING_RESTORE,
        StepKind.POSTFLIGHT,
    ]
    assert made.removal is not None
    assert made.removal.source == "rita said so"


def test_a_plan_survives_the_journal_with_all_that_it_says():
    made = planned(replace(ASKED, delete=True))

    assert from_json(Plan, made.as_json()) == made
    assert made.as_json()["removal"]["delete"] is True
    assert "removal" not in plan().as_json()
    assert "takes" not in plan().as_json()


def test_completely_leaves_nothing():
    made = planned(replace(ASKED, method=COMPLETELY, take=None))

    assert made.take_after == 0


def test_what_a_run_of_ours_saw_is_what_is_expected():
    made = planned(replace(ASKED, take=None), None, INSTALLED_IT)

    assert made.take_after == 99
    assert made.removal is not None
    assert made.removal.source.startswith("hf-1 saw take 99")


def test_what_a_person_says_against_it_is_told():
    made = planned(replace(ASKED, take=98), None, INSTALLED_IT)

    assert made.take_after == 98
    assert "expects take 98, but hf-1 saw take 99" in made.notes[0]


def test_the_two_ways_are_told_with_what_each_gives_back():
    with pytest.raises(PlanRefused) as refused:
        planned(replace(ASKED, method="", take=None), None, INSTALLED_IT)

    assert "`last take` gives back take 99, which hf-1 saw before" in str(refused.value)
    assert "`completely` leaves no Jumbo Hotfix" in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "more", "told"),
    [
        (OLDER, (), f"take 120 ({NAME}) is installed on top of take 99; uninstall that first"),
        (NAME, (NEWER,), f"take 130 ({NEWER}) is installed on top of take 120"),
        ("", ("private_fix.tgz",), "private_fix.tgz is installed on top of take 120"),
        (NEWER, (), f"{NEWER} is installed on no member"),
    ],
)
def test_what_stands_on_top_is_named(asked, more, told):
    with pytest.raises(PlanRefused) as refused:
        planned(replace(ASKED, package=asked), all_at_120(*more))

    assert told in str(refused.value)


def test_a_version_is_below_every_take():
    upgrade = "Check_Point_R81.20_T631_ScalablePlatform_Upgrade.tgz"

    assert planned(seen=all_at_120(upgrade)).package.name == NAME


def test_members_must_be_alike():
    with pytest.raises(PlanRefused, match="at different takes"):
        planned(seen=facts(at_120(1), at_120(2), at_120(3)))


# ------------------------------------------------------------------------ what follows a run

ABORTED = Former("hf-1", replace(plan(), take_before=99), "aborted", {}, began=True)


def half_done(**changes: Any) -> GroupFacts:
    return facts(at_120(1, **changes), at_120(2))


def follow(kind: str, seen: GroupFacts, last: Former = ABORTED) -> Plan:
    request = replace(REQUEST, kind=kind, package="")
    return plan_after("hf-2", request, last, PACKAGE, seen, POLICY)


@pytest.mark.parametrize(
    ("kind", "changes", "group", "takes"),
    [
        ("finish", StepKind.INSTALL, "B", (99, 120)),
        ("rollback", StepKind.UNINSTALL, "A", (120, 99)),
    ],
)
def test_one_half_is_changed_and_the_other_stands(kind, changes, group, takes):
    made = follow(kind, half_done())

    assert [g.name for g in made.changing] == [group]
    assert {s.kind for s in made.steps if s.group} >= {StepKind.FAILOVER, changes}
    assert {s.group for s in made.steps if s.group} == {group}
    assert (made.take_before, made.take_after) == takes
    assert set(made.members) == {"1_1", "1_2", "1_3", "1_4"}


def test_a_rolled_back_run_is_finished_the_way_that_it_was_going():
    turned = replace(ABORTED, turned=True)

    assert follow("finish", half_done(), turned).kind == "uninstall"
    assert follow("rollback", half_done(), turned).kind == "install"


def test_who_is_down_goes_first_and_without_a_failover():
    made = follow("rollback", facts(at_120(1, state="DOWN", own_state="DOWN"), at_120(2)))

    assert [(g.name, g.members) for g in made.changing] == [("C", ("1_1",)), ("A", ("1_2",))]
    assert made.starting == ("1_1",)
    kinds = [s.kind for s in made.steps if s.group == "C"]
    assert StepKind.FAILOVER not in kinds
    assert StepKind.ADMIN_DOWN not in kinds


def test_a_member_that_is_neither_here_nor_there_is_named():
    with pytest.raises(PlanRefused, match=r"1_1 is at take 101 .*neither as before .take 99"):
        follow("finish", half_done(take=101))


@pytest.mark.parametrize("kind", ["finish", "rollback"])
def test_nothing_left_is_said(kind):
    seen = all_at_120() if kind == "finish" else facts()

    with pytest.raises(PlanRefused, match="nothing is left"):
        follow(kind, seen)


def test_auto_clone_that_is_owed_is_left_to_do():
    made = follow("finish", all_at_120(), replace(ABORTED, cloning_owed=True))

    assert made.changing == ()
    assert [s.kind for s in made.steps] == [
        StepKind.PROPOSAL,
        StepKind.PREFLIGHT,
        StepKind.CLONING_OFF,
        StepKind.CLONING_RESTORE,
        StepKind.CLEANUP,
        StepKind.POSTFLIGHT,
    ]


def test_a_plan_of_differing_members_holds_where_they_differ_otherwise():
    made = follow("finish", half_done())
    state = RunState(run="hf-2", plan=made, facts=half_done())

    with pytest.raises(Exception, match="1_3 is at take 120, and was at take 99"):
        check(made.step("PREFLIGHT"), facts(at_120(1), at_120(2), member(3, take=120)), state)
    check(made.step("PREFLIGHT"), half_done(), state)


# ------------------------------------------------------------------------------ the devices


def test_how_much_goes_is_said_in_one_place():
    assert set(commands.HOW_MUCH) == {LAST_TAKE, COMPLETELY}
    assert commands.uninstall(2, ["1_1", "1_2"], COMPLETELY) == (
        "gclish -c 'installer uninstall 2 member_ids 1_1-1_2'"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('{"Action ID" : "209", "Message" : "verify_uninstall command delivered"}', 209),
        ("Usage: da_cli <command> [parameters]", None),
    ],
)
def test_an_agent_that_cannot_be_asked_says_so(text, number):
    assert action_begun(text) == number


def test_the_text_of_a_verification_stands_in_json_in_a_string():
    message = r'"{\"message-code\":\"OK\",\"text\":\"This package can be uninstalled.\"}"'
    text = f'{{"Action ID": "3", "Status": "success", "Message": {message}}}'

    assert action_ended(text) == ("success", "This package can be uninstalled.")


def test_a_request_that_is_older_reads_as_ever():
    told = to_json(REQUEST)
    for new in ("method", "take", "delete"):
        del told[new]

    assert from_json(Request, told) == REQUEST
