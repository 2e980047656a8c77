"""A restart that was announced and is still to come: who waits for it, and what is said of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from engine import recovery
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import ConditionFailed, TooLate
from engine.facts import GroupFacts, InstalledPolicy, PackageState, VirtualFacts
from engine.journal import Kind, planned_body
from engine.model import Step, StepKind
from engine.steps import changing, traffic
from tests.unit.builders import NAME, PACKAGE, REQUEST, facts, member, plan
from tests.unit.hand_clock import HandClock
from tests.unit.on_duty import on_duty

OURS = ("1_1", "1_2")
CHANGED: dict[str, Any] = {"take": 120, "packages": ((NAME, PackageState.INSTALLED),)}
WAITING = {**CHANGED, "state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
RESTARTED = {**CHANGED, "boot_id": "another"}


def group_of(first: dict[str, Any], second: dict[str, Any]) -> GroupFacts:
    return facts(member(1, **first), member(2, **second))


def story(
    announced: bool | None,
    *,
    done: bool = True,
    reboots: bool | None = None,
    seen: GroupFacts | None = None,
) -> list[tuple[Kind, dict[str, Any]]]:
    about = plan(package=replace(PACKAGE, reboots=reboots))
    before = {f"1_{n}": {"boot_id": f"boot-{n}", "take": 99, "action": 7} for n in (1, 2)}
    said = {} if announced is None else {"restart_announced": announced}
    bodies: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(about, facts())),
        (Kind.INTENDED, {"step": "A.INSTALL", "before": before}),
        (Kind.COMMITTING, {"step": "A.INSTALL", "on": "1_1", **said}),
    ]
    if done:
        bodies.append((Kind.DONE, {"step": "A.INSTALL", "how": "seen"}))
    if seen is not None:
        bodies.append((Kind.SEEN, {"facts": to_json(seen)}))
    return bodies


async def installed(announced: bool | None, **how: Any) -> Duty:
    """Return an executor five minutes after the installation on A was committed."""
    return await on_duty(story(announced, **how), since_s=300)


@pytest.fixture
def brought_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whom ADMIN_UP was sent for."""
    sent: list[str] = []

    async def bring_up(_duty: Duty, _step: Step, _facts: GroupFacts, who: Sequence[str]) -> None:
        sent.extend(who)

    monkeypatch.setattr(changing, "bring_up", bring_up)
    monkeypatch.setattr(traffic, "bring_up", bring_up)
    return sent


RETURN = plan().step("A.RETURN")


@pytest.mark.parametrize(
    ("announced", "reboots", "waits"),
    [
        (True, None, True),
        (True, False, True),
        (False, None, False),
        (False, False, False),
        (False, True, True),
        (None, None, True),
        (None, True, True),
        (None, False, False),
    ],
)
async def test_only_who_does_not_restart_is_brought_up(announced, reboots, waits, brought_up):
    duty = await installed(announced, reboots=reboots)

    acted = await changing._left_admin_down(duty, RETURN, group_of(WAITING, WAITING))

    assert (acted, brought_up) == ((False, []) if waits else (True, ["1_1", "1_2"]))


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        (CHANGED, True),
        (RESTARTED, False),
        ({**CHANGED, "boot_id": None}, True),
        ({**CHANGED, "answered": False}, False),
        ({}, True),
    ],
)
async def test_another_boot_is_the_restart(changes, due):
    duty = await installed(True)

    found = recovery.yet_to_restart(OURS, group_of(changes, RESTARTED), duty.state)

    assert found == (["1_1"] if due else [])


@pytest.mark.parametrize(("changes", "due"), [(CHANGED, True), ({}, False)])
async def test_where_an_installation_failed_no_restart_follows(changes, due):
    """An abort drops the step of which only a part was seen done; who has the effect restarts."""
    duty = await installed(True, done=False)

    found = recovery.yet_to_restart(OURS, group_of({}, changes), duty.state)

    assert found == (["1_2"] if due else [])


async def test_a_member_in_service_in_its_old_boot_is_not_back():
    duty = await installed(True)

    points = changing._not_back(duty, RETURN, group_of(CHANGED, RESTARTED), 120)

    assert points == ["1_1 has not restarted since its software changed"]


async def test_a_restart_that_does_not_come_holds_with_what_helps(brought_up):
    duty = await installed(True)
    limit = duty.plan.policy.limits.comeback.total_seconds()
    cast("HandClock", duty.clock).move_to(limit + 1)

    with pytest.raises(TooLate) as held:
        await changing.comeback(duty, RETURN, group_of(WAITING, RESTARTED))

    assert "The announced restart did not come on 1_1, and only it" in str(held.value)
    assert "`retry` looks again; by hand, `reboot -b 1_1` in gClish" in str(held.value)
    assert brought_up == []


async def test_an_abort_brings_up_whom_no_restart_brings_up(brought_up):
    duty = await installed(True)
    up = Step("A.ADMIN_UP.r2", StepKind.ADMIN_UP, "A", OURS)

    await traffic.admin_up(duty, up, group_of(WAITING, {**WAITING, "boot_id": "another"}))

    assert brought_up == ["1_2"]


@pytest.mark.parametrize(
    ("first", "told"), [(WAITING, True), ({**WAITING, "boot_id": "another"}, False)]
)
async def test_nobody_is_told_to_bring_up_who_is_yet_to_restart(first, told):
    duty = await installed(True, seen=group_of(first, RESTARTED))

    assert duty.state.by_hand() == "g_clusterXL_admin -b 1_1 up"
    assert duty.state.by_hand_waits().startswith("not before 1_1 restarted:") is told


async def test_the_wait_ends_only_with_the_limit(brought_up, monkeypatch):
    duty, paused = await installed(True), []

    async def pause(_self: Duty, how_long: timedelta) -> None:
        paused.append(how_long)

    monkeypatch.setattr(Duty, "pause", pause)
    await changing.comeback(duty, RETURN, group_of(WAITING, WAITING))

    assert (brought_up, len(paused)) == ([], 1)


async def test_whose_cpuse_is_silent_may_yet_restart_and_is_not_brought_up(brought_up):
    duty = await installed(announced=False)

    silent = {**WAITING, "packages": None, "agent_busy": None, "action": None}
    await changing._left_admin_down(duty, RETURN, group_of(silent, WAITING))

    assert brought_up == ["1_2"]


AWAY = {"state": "LOST", "own_state": "", "answered": False}
KEPT = {**WAITING, "boot_id": "another"}
BARE = {**RESTARTED, "policy": InstalledPolicy("InitialPolicy", "22Aug22 08:54", "7fe2a401f")}
IN_ONE_SYSTEM = {
    **RESTARTED,
    "virtual": (VirtualFacts(2, state="ACTIVE", policy=InstalledPolicy("InitialPolicy", "")),),
}
UP, POLICY = "clusterXL_admin up", "pull_config"


async def told_after(looks: Sequence[tuple[GroupFacts, float]]) -> str:
    """Return what a RETURN holds with after these looks, each at so many seconds; "" if nothing."""
    duty = await installed(True)
    for seen, at_s in looks:
        cast("HandClock", duty.clock).move_to(300 + at_s)
        kept = changing._kept_down(duty, RETURN, seen)
        bare = changing._without_policy(duty, RETURN, seen)
        try:
            changing._people_are_needed(duty, RETURN, seen, kept, bare)
        except ConditionFailed as failed:
            return str(failed)
    return ""


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (KEPT, RESTARTED, [UP]),
        (KEPT, AWAY, []),
        (BARE, AWAY, [POLICY]),
        (IN_ONE_SYSTEM, RESTARTED, [POLICY]),
        (KEPT, BARE, [UP, POLICY]),
        (AWAY, AWAY, []),
    ],
)
async def test_a_return_holds_early_where_people_are_needed_nobody(first, second, told):
    seen = group_of(first, second)

    said = await told_after([(seen, 0), (seen, 60), (seen, 120)])

    assert [command for command in (UP, POLICY) if command in said] == told
    assert not await told_after([(seen, 0), (seen, 119)])


async def test_who_had_its_policy_in_between_is_waited_for_anew():
    bare, well = group_of(BARE, RESTARTED), group_of(RESTARTED, RESTARTED)

    assert not await told_after([(bare, 0), (well, 60), (bare, 120), (bare, 180)])
    assert POLICY in await told_after([(bare, 0), (well, 60), (bare, 120), (bare, 240)])


async def test_a_return_that_is_too_late_names_what_people_can_do_for_whom(monkeypatch):
    """One that is kept down is not told alone while another is away: at the limit it is."""
    duty = await installed(True)
    monkeypatch.setattr(changing, "_waited", lambda *_: timedelta(hours=1))

    with pytest.raises(TooLate, match=r"1_2 is LOST.*Somebody keeps 1_1 down.*clusterXL_admin up"):
        await changing.comeback(duty, RETURN, group_of(KEPT, AWAY))
