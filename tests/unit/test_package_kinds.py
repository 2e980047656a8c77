"""What a package is: by its name, by what it says of itself, and where both contradict."""

import re
from pathlib import Path

import pytest

from engine.canon import from_json
from engine.errors import PlanRefused
from engine.facts import PackageState
from engine.model import PackageRef, Plan
from engine.packages import package_ref
from engine.planner import plan_install
from engine.ports import HotfixConfig, PackageFile
from tests.unit.builders import POLICY, REQUEST, facts, member, plan

T120 = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"
JUMBO = HotfixConfig(
    patch_name="BUNDLE_R81_20_JUMBO_HF_MAIN",
    take=120,
    branch="R81_20_jumbo_hf_main",
    package_type="BUNDLE",
    category="JUMBO",
    base_version="R81.20",
)


def ref(name: str, config: HotfixConfig | None = None, why: str = "") -> PackageRef:
    return package_ref(PackageFile(name, Path(name), "00", 1, config, why))


def refusal(name: str, config: HotfixConfig | None = None, why: str = "") -> str:
    with pytest.raises(PlanRefused) as refused:
        ref(name, config, why)
    return str(refused.value)


def said(**changes: object) -> HotfixConfig:
    return HotfixConfig(**{**vars(JUMBO), **changes})


def test_name_and_config_that_agree_are_one_package_without_remarks():
    found = ref(T120, JUMBO)

    assert (found.kind, found.version, found.take, found.reboots) == ("jumbo", "R81.20", 120, None)
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"take": 121}, r"its name says take 120, but its hf.config says TAKE_NUMBER=121"),
        ({"base_version": "R82"}, r"its name says R81.20, but .* DIRECT_BASE_VERSION=R82"),
        ({"branch": "R82_10_jumbo_hf_main"}, r"its name says R81.20, but .* BRANCH_NAME=R82_10"),
        ({"category": "MISC"}, r"its name says a Jumbo, but its hf.config says CATEGORY=MISC"),
        ({"category": "MAJOR"}, r"is no hotfix: its hf.config says CATEGORY=MAJOR"),
    ],
)
def test_a_config_that_contradicts_the_name_is_refused_with_both(changes, words):
    assert re.search(words, refusal(T120, said(**changes)))


def test_without_a_config_the_name_counts_and_the_proposal_says_so():
    found = ref(T120, None, "it has no hf.config")
    made = plan_install("hf-1", REQUEST, found, facts(), POLICY)

    assert found.take == 120
    assert "was read from its name alone: it has no hf.config" in made.notes[0]


def test_a_qa_build_and_a_special_one_are_told_as_such():
    qa = ref("Check_Point_R81_10_JHF_QA_MAIN_Bundle_T172_FULL.tar")
    special = ref("Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T84_SPECIAL_FULL.tgz")

    assert (qa.kind, qa.take) == ("jumbo", 172)
    assert "is a QA build" in qa.remarks[0]
    assert (special.version, special.take) == ("R81.20", 84)
    assert "is a special build" in special.remarks[0]


@pytest.mark.parametrize(
    ("name", "version", "number"),
    [
        ("Check_Point_R82_10_ga_time_fix_main_Bundle_T9_FULL.tgz", "R82.10", 9),
        ("fw1_wrapper_HOTFIX_R81_20_JHF_T99_700.tgz", "R81.20", 0),
        ("Check_Point_R81.10_HOTFIX_sk180605.tgz", "R81.10", 0),
    ],
)
def test_a_hotfix_that_is_no_jumbo_leaves_the_take_as_it_is(name, version, number):
    found = ref(name)
    seen = facts(*(member(n, packages=()) for n in range(1, 5)), version=version)
    made = plan_install("hf-1", REQUEST, found, seen, POLICY)

    assert (found.kind, found.version, found.take) == ("hotfix", version, number)
    assert (made.take_before, made.take_after) == (99, 99)
    assert {step.take for step in made.steps if step.kind == "RETURN"} == {99}
    assert any("the take stays as it is" in note for note in made.notes)


def test_a_hotfix_whose_name_says_no_version_gets_it_from_its_config():
    name = "HOTFIX_MAIN_PRIVATE_700.tgz"

    assert ref(name, HotfixConfig(category="MISC", base_version="R81.20")).version == "R81.20"
    assert "cannot be known" in refusal(name, None, "it has no hf.config")
    assert "nobody can tell what it is" in refusal("tools_R81_20.tgz", None, "it has no hf.config")
    assert ref("tools.tgz", JUMBO).take == 120


def test_a_hotfix_for_a_group_whose_take_was_not_seen_is_refused():
    unseen = facts(*(member(n, packages=(), take=None) for n in range(1, 5)))
    with pytest.raises(PlanRefused, match="the take of no member can be read"):
        plan_install("hf-1", REQUEST, ref("x_HOTFIX_R81_20_y.tgz"), unseen, POLICY)


def test_a_package_without_a_restart_says_so_in_the_plan():
    found = ref(T120, said(reboots=False))

    assert found.reboots is False
    assert "members need not restart" in found.remarks[0]


def test_a_hotfix_that_is_there_already_is_refused():
    name = "x_HOTFIX_R81_20_y.tgz"
    have = ((name, PackageState.INSTALLED),)
    there = facts(*(member(n, packages=have) for n in range(1, 5)))
    with pytest.raises(PlanRefused, match="already installed on every member"):
        plan_install("hf-1", REQUEST, ref(name), there, POLICY)


def test_plans_of_before_there_were_kinds_have_the_digest_they_had():
    package = plan().as_json()["package"]

    assert set(package) == {"name", "sha256", "size", "path", "version", "take"}
    assert from_json(Plan, plan().as_json()) == plan()
