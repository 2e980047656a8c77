"""Did it happen? Each sign leads to one finding."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from engine import recovery
from engine.duty import Duty
from engine.facts import CpuseAction, MemberFacts, PackageState
from engine.fold import RunState, StepState
from engine.model import StepKind
from engine.recovery import Finding
from engine.stopwatch import Stopwatch
from tests.unit.builders import NAME, NOW, facts, member, plan
from tests.unit.hand_clock import HandClock

STEP = plan().step("A.INSTALL")
DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
INSTALLED = ((NAME, PackageState.INSTALLED),)
UNKNOWN = ((NAME, PackageState.UNKNOWN),)
SILENT = {"packages": None, "agent_busy": None, "action": None}
AT_WORK = CpuseAction(8, "Install", "in progress", 57, "Installing:")
FORMER = CpuseAction(7, "Install", "in progress", 100, "Going to reboot:")
BEFORE = {f"1_{n}": {"boot_id": f"boot-{n}", "take": 99, "action": 7} for n in (1, 2)}
SHORT = timedelta(0)
LONG = timedelta(seconds=121)
LONGEST = plan().policy.limits.install + timedelta(seconds=1)


def begun(*, committed: bool = True) -> StepState:
    return StepState(
        status="intended", intended_at=NOW, committed_at=NOW if committed else None, before=BEFORE
    )


@pytest.mark.parametrize(
    ("changes", "committed", "quiet_for", "finding"),
    [
        ({**DOWN}, False, SHORT, Finding.NOT_HAPPENED),
        ({**DOWN, "session_open": True}, False, SHORT, Finding.UNDER_WAY),
        ({**DOWN, "agent_busy": True}, False, SHORT, Finding.CANNOT_TELL),
        ({**DOWN}, True, SHORT, Finding.UNDER_WAY),
        ({**DOWN}, True, LONG, Finding.NOT_HAPPENED),
        ({**DOWN, "session_open": True}, True, LONG, Finding.UNDER_WAY),
        ({**DOWN, "agent_busy": True}, True, LONG, Finding.UNDER_WAY),
        ({**DOWN, "action": AT_WORK}, False, SHORT, Finding.CANNOT_TELL),
        ({**DOWN, "action": AT_WORK}, True, LONG, Finding.UNDER_WAY),
        ({**DOWN, "action": FORMER}, False, SHORT, Finding.NOT_HAPPENED),
        ({**DOWN, "action": FORMER}, True, SHORT, Finding.UNDER_WAY),
        ({**DOWN, "action": FORMER, "agent_busy": True}, True, LONG, Finding.UNDER_WAY),
        ({**DOWN, "action": AT_WORK, "packages": INSTALLED}, True, LONG, Finding.UNDER_WAY),
        ({**DOWN, "action": AT_WORK, "packages": UNKNOWN}, True, LONG, Finding.UNDER_WAY),
        (
            {"boot_id": "another", "action": AT_WORK, "packages": INSTALLED},
            True,
            LONG,
            Finding.HAPPENED,
        ),
        ({"boot_id": "another", "action": AT_WORK}, True, LONG, Finding.UNDER_WAY),
        ({"boot_id": "another", "action": AT_WORK}, True, LONGEST, Finding.CANNOT_TELL),
        ({**DOWN, "action": AT_WORK}, True, LONGEST, Finding.UNDER_WAY),
        ({**DOWN, "packages": INSTALLED}, True, SHORT, Finding.HAPPENED),
        ({**DOWN, "packages": INSTALLED, "agent_busy": True}, True, SHORT, Finding.UNDER_WAY),
        ({"answered": False, "state": "DETACHED"}, True, SHORT, Finding.UNDER_WAY),
        ({"answered": False, "state": "DETACHED"}, False, SHORT, Finding.CANNOT_TELL),
        ({**DOWN, **SILENT}, True, LONG, Finding.UNDER_WAY),
        ({**DOWN, **SILENT}, False, LONG, Finding.CANNOT_TELL),
        ({**DOWN, "boot_id": "another"}, True, LONG, Finding.CANNOT_TELL),
        ({**DOWN, "boot_id": None}, True, LONG, Finding.CANNOT_TELL),
        ({**DOWN, "packages": UNKNOWN}, False, SHORT, Finding.CANNOT_TELL),
        ({**DOWN, "packages": UNKNOWN}, True, SHORT, Finding.UNDER_WAY),
        ({**DOWN, "packages": UNKNOWN}, True, LONG, Finding.CANNOT_TELL),
        ({**DOWN, "packages": UNKNOWN, "session_open": True}, True, LONG, Finding.UNDER_WAY),
        (
            {**DOWN, "action": CpuseAction(8, "Install", "failure", 40, "no")},
            True,
            LONG,
            Finding.CANNOT_TELL,
        ),
    ],
)
def test_each_sign_leads_to_one_finding_and_never_to_a_guess(
    changes, committed, quiet_for, finding
):
    seen = facts(member(1, **changes), member(2, **DOWN))

    found = recovery.change(STEP, seen, plan(), begun(committed=committed), quiet_for)

    assert found["1_1"].finding is finding, found["1_1"].why


@pytest.mark.parametrize(
    ("changes", "seen", "finding"),
    [
        ({"boot_id": "another"}, 8, Finding.CANNOT_TELL),
        ({"boot_id": "another", "agent_busy": True}, 8, Finding.UNDER_WAY),
        ({"boot_id": "another"}, 9, Finding.UNDER_WAY),
        ({"boot_id": None}, 8, Finding.UNDER_WAY),
        ({}, 8, Finding.UNDER_WAY),
    ],
)
def test_an_action_that_was_seen_before_a_restart_is_over_after_it(changes, seen, finding):
    """Where it left no effect too: else what CPUSE never closes would be waited for for ever."""
    shown = member(1, **{**DOWN, "action": AT_WORK, **changes})
    at_it = replace(begun(), actions={"1_1": seen})

    found = recovery.change(STEP, facts(shown), plan(), at_it, LONG)

    assert found["1_1"].finding is finding, found["1_1"].why
    assert found["1_1"].over is (finding is Finding.CANNOT_TELL)


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, 8),
        ({"boot_id": "another"}, None),
        ({"boot_id": None}, None),
        ({"action": FORMER}, None),
        ({"action": replace(AT_WORK, status="failure")}, None),
    ],
)
def test_what_is_seen_before_a_restart_is_what_goes_on_since_the_step_began(changes, action):
    seen = member(1, **{**DOWN, "action": AT_WORK, **changes})

    assert recovery.begun_since(seen, begun()) == action


def test_what_is_kept_as_in_progress_is_over_only_where_that_was_found():
    odd = {"boot_id": "another", "action": AT_WORK}
    seen = facts(member(1, **odd), member(2, **odd))
    at_it = replace(begun(), actions={"1_1": 8})

    found = recovery.change(STEP, seen, plan(), at_it, LONG)

    assert recovery.kept(STEP, seen, found) == {"1_1": 8}


AVAILABLE = ((NAME, PackageState.AVAILABLE),)
SAID_GONE = ((NAME, PackageState.ABSENT),)
GONE = CpuseAction(8, "Uninstall", "success", 100, "")


@pytest.mark.parametrize(
    ("kind", "changes", "finding"),
    [
        ("jumbo", {"packages": INSTALLED, "take": 120}, Finding.NOT_HAPPENED),
        ("jumbo", {"packages": AVAILABLE, "take": 99}, Finding.HAPPENED),
        ("jumbo", {"packages": (), "take": 99}, Finding.HAPPENED),
        ("jumbo", {"packages": (), "take": 0}, Finding.HAPPENED),
        ("jumbo", {"packages": (), "take": 120}, Finding.NOT_HAPPENED),
        ("jumbo", {"packages": (), "take": None}, Finding.NOT_HAPPENED),
        ("hotfix", {"packages": AVAILABLE, "take": 99}, Finding.HAPPENED),
        ("hotfix", {"packages": (), "take": 99}, Finding.NOT_HAPPENED),
        ("hotfix", {"packages": SAID_GONE, "take": 99}, Finding.HAPPENED),
        ("jumbo", {"packages": SAID_GONE, "take": 120}, Finding.NOT_HAPPENED),
        ("hotfix", {"packages": (), "take": 99, "action": GONE}, Finding.HAPPENED),
        (
            "hotfix",
            {"packages": (), "take": 99, "action": replace(GONE, status="failure")},
            Finding.CANNOT_TELL,
        ),
        (
            "hotfix",
            {"packages": (), "take": 99, "action": replace(GONE, type="Verify")},
            Finding.CANNOT_TELL,
        ),
    ],
)
def test_what_is_not_listed_is_uninstalled_only_where_something_else_says_so(
    kind, changes, finding
):
    """A list of packages may be incomplete; the take, or CPUSE's own action, is the other sign."""
    step = replace(STEP, id="A.UNINSTALL", kind=StepKind.UNINSTALL)
    about = plan(package=replace(plan().package, kind=kind))
    seen = facts(member(1, **{**DOWN, **changes}), member(2, **DOWN))

    found = recovery.change(step, seen, about, begun(), LONG)

    assert found["1_1"].finding is finding, found["1_1"].why


@pytest.mark.parametrize(
    ("taken_up_s", "seen_s", "finding"),
    [
        (None, None, Finding.NOT_HAPPENED),
        (-60, -60, Finding.NOT_HAPPENED),
        (60, None, Finding.UNDER_WAY),
        (None, 60, Finding.UNDER_WAY),
        (-60, 60, Finding.UNDER_WAY),
    ],
)
def test_after_a_take_over_and_after_an_open_session_the_quiet_time_begins_anew(
    taken_up_s, seen_s, finding
):
    """All moments are known to this process as they come."""
    clock: Any = HandClock(NOW)
    stopwatch = Stopwatch(clock)
    moments: dict[str, datetime] = {}
    for name, after_s in sorted(
        {"committed": 0, "taken up": taken_up_s, "seen": seen_s}.items(), key=lambda m: m[1] or 0
    ):
        if after_s is not None:
            clock.move_to(after_s)
            moments[name] = clock.now()
            stopwatch.see(clock.now())
    clock.move_to(121)
    state = RunState(plan=plan(), steps={STEP.id: begun()}, taken_up_at=moments.get("taken up"))
    hand: Any = SimpleNamespace(state=state, stopwatch=stopwatch)
    nobody: Any = None
    duty = Duty(hand, nobody, nobody, nobody, nobody, clock, session_seen_at=moments.get("seen"))

    found = duty.found(STEP, facts(member(1, **DOWN), member(2, **DOWN)))

    assert found["1_1"].finding is finding


@pytest.mark.parametrize(
    ("changes", "only"),
    [
        ({"session_open": True}, True),
        ({"agent_busy": True}, False),
        ({"agent_busy": True, "session_open": True}, False),
        ({"action": AT_WORK, "session_open": True}, False),
        ({}, False),
    ],
)
def test_only_an_open_session_is_under_way_where_nothing_else_shows_signs(changes, only):
    seen = facts(member(1, **DOWN, **changes), member(2, **DOWN))

    assert recovery.only_sessions(recovery.change(STEP, seen, plan(), begun(), SHORT)) is only


def test_a_session_on_one_member_does_not_hide_the_work_on_another():
    seen = facts(member(1, **DOWN, session_open=True), member(2, **DOWN, agent_busy=True))

    found = recovery.change(STEP, seen, plan(), begun(), SHORT)

    assert not recovery.only_sessions(found)
    assert recovery.any_is_at_work(found)


def test_only_where_nothing_else_is_unclear_may_a_restarted_member_show_the_effect_later():
    back = member(1, **{**DOWN, "boot_id": "another"})
    failed = member(2, **DOWN, action=CpuseAction(8, "Install", "failure", 40, "no space"))

    def lagging(*members: MemberFacts) -> list[str]:
        return recovery.may_lag(recovery.change(STEP, facts(*members), plan(), begun(), LONG))

    assert lagging(back, member(2, **DOWN, packages=INSTALLED)) == ["1_1"]
    assert lagging(back, failed) == []


@pytest.mark.parametrize(
    ("takes", "otherwise"), [((118, 118), True), ((118, 119), False), ((120, 120), False)]
)
def test_only_a_group_that_is_alike_came_back_at_another_take(takes, otherwise):
    """What people would accept with one word is one take for the whole group."""
    seen = facts(*(member(n, take=take) for n, take in enumerate(takes, start=1)))

    assert recovery.came_back_otherwise(plan().step("A.RETURN"), seen, plan()) is otherwise


def test_a_member_whose_boot_cannot_be_read_has_not_restarted():
    """An action in progress is not over because of that."""
    unread = {**DOWN, "boot_id": None, "action": AT_WORK, "packages": INSTALLED}
    found = recovery.change(STEP, facts(member(1, **unread)), plan(), begun(), LONG)

    assert found["1_1"].finding is Finding.UNDER_WAY


@pytest.mark.parametrize("notes", [(), ("FSYNC",)])
def test_a_member_that_is_down_for_another_reason_was_not_taken_down_by_us(notes):
    ill = member(1, state="DOWN", own_state="DOWN", notes=notes)
    found = recovery.admin_down(plan().step("A.ADMIN_DOWN"), facts(ill))

    assert found["1_1"].finding is Finding.NOT_HAPPENED


def test_what_a_silent_member_has_is_not_known_whatever_was_listed_of_it():
    assert member(1, answered=False, packages=()).package(NAME) is PackageState.UNKNOWN
    assert member(1, answered=False, packages=INSTALLED).package(NAME) is PackageState.UNKNOWN


def test_a_member_whose_actions_cannot_be_numbered_is_never_called_not_started():
    before = {one: {**signs, "action": None} for one, signs in BEFORE.items()}
    seen = facts(member(1, **DOWN, action=None), member(2, **DOWN, action=None))

    found = recovery.change(STEP, seen, plan(), replace(begun(), before=before), LONG)

    assert found["1_1"].finding is Finding.CANNOT_TELL


@pytest.mark.parametrize("packages", [AVAILABLE, UNKNOWN])
def test_a_failure_that_the_device_showed_allows_a_new_attempt(packages):
    no = CpuseAction(8, "Install", "failure", 40, "no space")
    failed = member(1, **DOWN, action=no, packages=packages)
    found = recovery.change(STEP, facts(failed, member(2, **DOWN)), plan(), begun(), LONG)

    assert recovery.ended_without_effect(found)


def test_a_restart_without_the_package_does_not_allow_a_new_attempt():
    odd = member(1, **{**DOWN, "boot_id": "another"})
    found = recovery.change(STEP, facts(odd, member(2, **DOWN)), plan(), begun(), LONG)

    assert not recovery.ended_without_effect(found)


@pytest.mark.parametrize(
    ("changes", "quiet_for", "over"),
    [
        ({"boot_id": "another"}, LONG, True),
        ({"boot_id": "another"}, SHORT, False),
        ({"boot_id": "another", "agent_busy": True}, LONG, False),
        ({"boot_id": "another", "session_open": True}, LONG, False),
        ({"answered": False}, LONG, False),
    ],
)
def test_an_interrupted_attempt_is_over_once_nothing_of_it_can_be_at_work(changes, quiet_for, over):
    odd, done = member(1, **{**DOWN, **changes}), member(2, **DOWN, packages=INSTALLED)
    found = recovery.change(STEP, facts(odd, done), plan(), begun(), quiet_for)

    assert recovery.is_over(found) is over


def test_half_a_group_down_is_seen_per_member():
    found = recovery.admin_down(plan().step("A.ADMIN_DOWN"), facts(member(1, **DOWN)))

    assert found["1_1"].finding is Finding.HAPPENED
    assert found["1_2"].finding is Finding.NOT_HAPPENED


@pytest.mark.parametrize(
    ("committed", "quiet_for", "still"),
    [(True, SHORT, True), (True, LONG, False), (False, SHORT, False)],
)
def test_a_committed_admin_down_may_take_effect_until_the_quiet_time_is_over(
    committed, quiet_for, still
):
    assert recovery.may_still_go_down(begun(committed=committed), plan(), quiet_for) is still


@pytest.mark.parametrize(
    ("packages", "undone"),
    [
        ((), False),
        (((NAME, PackageState.AVAILABLE),), False),
        (UNKNOWN, False),
        (INSTALLED, True),
    ],
)
def test_an_uninstallation_that_was_done_is_undone_only_where_the_package_is_installed(
    packages, undone
):
    """Whatever CPUSE does later (an agent's restart, another action) brings nothing back."""
    uninstall = replace(STEP, id="A.UNINSTALL", kind=StepKind.UNINSTALL)
    later = CpuseAction(9, "Update", "interrupted", None, "")
    seen = member(1, packages=packages, action=later)

    assert recovery.is_undone(seen, uninstall, plan()) is undone


@pytest.mark.parametrize(("changes", "undone"), [(SILENT, False), ({}, True)])
def test_what_a_silent_cpuse_does_not_list_is_not_gone(changes, undone):
    assert recovery.is_undone(member(1, **changes), STEP, plan()) is undone
