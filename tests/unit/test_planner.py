"""Plans and refusals."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PlanRefused
from engine.facts import PackageState, by_number, spelled
from engine.packages import package_ref
from engine.planner import plan_install
from engine.ports import PackageFile
from engine.splitting import split
from tests.unit.builders import NAME, PACKAGE, POLICY, REQUEST, facts, member, plan, without_package


def test_eight_members_are_split_as_the_guide_does():
    groups = split([f"1_{n}" for n in range(1, 9)], 2)

    assert [spelled(g.members) for g in groups] == ["1_1-1_4", "1_5-1_8"]


def test_five_members_give_a_the_larger_half():
    assert [g.members for g in split([f"1_{n}" for n in range(1, 6)], 2)] == [
        ("1_1", "1_2", "1_3"),
        ("1_4", "1_5"),
    ]


@given(st.integers(2, 31), st.integers(2, 5))
def test_every_member_is_in_exactly_one_group_and_sizes_differ_by_at_most_one(count, parts):
    members = [f"1_{n}" for n in range(1, count + 1)]
    if parts > count:
        with pytest.raises(PlanRefused):
            split(members, parts)
        return
    groups = split(members, parts)

    assert sorted((m for g in groups for m in g.members), key=by_number) == members
    assert max(len(g.members) for g in groups) - min(len(g.members) for g in groups) <= 1
    assert all(len(g.members) < count for g in groups)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([["1_1", "1_2"], ["1_3"]], "every member exactly once"),
        ([["1_1", "1_2", "1_3", "1_4"]], "all members at once"),
        ([["1_1", "1_2", "1_3"], ["1_4"]], "nearly equal"),
        ([["1_1", "1_1"], ["1_2", "1_3"]], "every member exactly once"),
    ],
)
def test_a_split_that_is_none_is_refused_with_the_reason(wanted, words):
    with pytest.raises(PlanRefused, match=words):
        split(["1_1", "1_2", "1_3", "1_4"], 2, wanted)


def test_smo_last_puts_the_group_of_the_smo_at_the_end():
    from dataclasses import replace

    made = plan_install(
        "hf-1", REQUEST, PACKAGE, without_package(), replace(POLICY, order="smo_last")
    )

    assert [g.name for g in made.groups] == ["B", "A"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"platform": "Chassis"}, "a chassis is not supported"),
        ({"platform": ""}, "does not say the platform"),
        ({"platform": "ElasticXL", "mode": "VSX"}, "in Traditional VSX mode is not supported"),
        ({"platform": "ElasticXL"}, "no ElasticXL of R81.20"),
        ({"mode": "VSNext"}, "VSNext mode is not supported with R81.20"),
        ({"version": "R81.10"}, "is for R81.20, but the group runs R81.10"),
        ({"members": (member(1, packages=()),)}, "one member"),
        (
            {
                "members": tuple(
                    member(n, packages=((NAME, PackageState.INSTALLED),)) for n in (1, 2)
                )
            },
            "already installed on every member",
        ),
        (
            {"members": (member(1), member(2, packages=((NAME, PackageState.INSTALLED),)))},
            "already installed on 1_2, but not",
        ),
        ({"members": (member(1), member(2, take=98))}, "different takes"),
        ({"members": (member(1, take=None), member(2, take=None))}, "take of no member can be"),
        ({"members": (member(1, take=120), member(2, take=120))}, "not newer"),
    ],
)
def test_what_is_unsupported_is_refused_with_a_sentence_that_says_why(changes, words):
    with pytest.raises(PlanRefused, match=words):
        plan_install("hf-1", REQUEST, PACKAGE, facts(**changes), POLICY)


def test_a_plan_that_differs_anywhere_has_another_digest():
    assert plan().digest == plan().digest
    assert plan(revision=2).digest != plan().digest
    assert plan(take_after=121).digest != plan().digest


def test_one_member_left_is_said_in_the_plan():
    made = plan_install("hf-1", REQUEST, PACKAGE, facts(count=2), POLICY)

    assert all("no redundancy" in note for note in made.notes)
    assert len(made.notes) == 2


def test_remarks_on_a_group_are_the_first_notes_of_its_plan():
    seen = without_package()
    made = plan_install("hf-000001", REQUEST, PACKAGE, seen, POLICY, remarks=("no fence",))

    assert made.notes[0] == "no fence"


@pytest.mark.parametrize(
    ("name", "version", "take"),
    [
        ("Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz", "R81.20", 120),
        ("Check_Point_R81_20_jumbo_hf_main_Bundle_T170_FULL.tar", "R81.20", 170),
        ("Check_Point_R80_30SP_JHF_MAIN_Bundle_T101_FULL.tgz", "R80.30SP", 101),
        ("Check_Point_R82_jumbo_hf_main_Bundle_T39_FULL.tgz", "R82", 39),
        ("Check_Point_R82_10_jumbo_hf_main_Bundle_T36_FULL.tgz", "R82.10", 36),
        ("Check_Point_R80_40_JUMBO_HF_Bundle_T94_sk165456_FULL.tgz", "R80.40", 94),
    ],
)
def test_version_and_take_are_read_from_names_seen_in_the_field(name, version, take):
    ref = package_ref(PackageFile(name, Path(name), "00", 1))

    assert (ref.version, ref.take) == (version, take)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Check_Point_R81.10_T338_ScalablePlatform_Upgrade.tar", "is a major version"),
        ("Check_Point_R82_T777_Gaia_Install_and_Upgrade.tgz", "is a major version"),
        ("blink_image_1.1_Check_Point_R82_T777_JHF_T60_SecurityGateway.tgz", "is a blink image"),
        ("DeploymentAgent_R80.30SP_000000027_1.tgz", "is the CPUSE agent itself"),
        ("../Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz", "not named like a hotfix"),
    ],
)
def test_what_is_no_hotfix_bundle_is_refused_with_the_reason(name, words):
    with pytest.raises(PlanRefused, match=words):
        package_ref(PackageFile(name, Path(name), "00", 1))
