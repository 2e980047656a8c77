"""What an executor does about an installation that was intended: it goes on, waits, or holds."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine import recovery
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import InDoubt, NotNow, StepFailed
from engine.facts import CpuseAction, GroupFacts, PackageState
from engine.journal import Kind, planned_body
from engine.recovery import Finding, Found
from engine.steps import changing
from tests.unit.builders import NAME, REQUEST, facts, member, plan
from tests.unit.hand_clock import HandClock
from tests.unit.on_duty import on_duty

STEP = plan().step("A.INSTALL")
DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
INSTALLED = {**DOWN, "packages": ((NAME, PackageState.INSTALLED),)}
FAILED = {**DOWN, "action": CpuseAction(8, "Install", "failure", 40, "no space")}
RESTARTED = {**DOWN, "boot_id": "another"}


async def committed() -> Duty:
    """Return an executor whose installation was committed five minutes ago, and nothing after."""
    before = {f"1_{n}": {"boot_id": f"boot-{n}", "take": 99, "action": 7} for n in (1, 2)}
    story: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(plan(), facts())),
        (Kind.INTENDED, {"step": STEP.id, "before": before}),
        (Kind.COMMITTING, {"step": STEP.id, "on": "1_1"}),
    ]
    return await on_duty(story, since_s=300)


def seen(first: dict[str, Any], second: dict[str, Any]) -> GroupFacts:
    return facts(member(1, **first), member(2, **second))


async def test_what_shows_nowhere_may_begin_again():
    duty = await committed()

    assert await changing._resolved(duty, STEP, seen(DOWN, DOWN))
    assert duty.state.of(STEP).committed_at is None


async def test_what_shows_everywhere_is_done():
    duty = await committed()

    assert await changing._resolved(duty, STEP, seen(INSTALLED, INSTALLED))
    assert duty.state.of(STEP).status == "done"


@pytest.mark.parametrize(
    ("first", "second", "error", "words"),
    [
        (INSTALLED, DOWN, InDoubt, "only a part of the group was changed"),
        (DOWN, RESTARTED, InDoubt, "restarted without the effect"),
        (FAILED, FAILED, StepFailed, "no space"),
    ],
    ids=["half", "cannot tell", "failed"],
)
async def test_what_shows_in_part_or_badly_holds(first, second, error, words):
    duty = await committed()
    duty.tried_since[f"lag/{STEP.id}/1_2"] = duty.clock.monotonic() - 120

    with pytest.raises(error, match=words):
        await changing._resolved(duty, STEP, seen(first, second))

    assert duty.state.of(STEP).status == "intended"


async def retried(duty: Duty, reason: str) -> None:
    """Hold so, and have people answer it."""
    await duty.journal.write(
        Kind.HELD, step=STEP.id, reason=reason, error="failed", out_of_service=[], ways=[]
    )
    await duty.journal.write(Kind.RETRIED, step=STEP.id, again=[])


NO_SPACE = "1_1: cannot tell (CPUSE action 8 ended: failure no space)"
WORKS = {**DOWN, "agent_busy": True}


async def test_a_failure_that_people_know_waits_for_the_member_that_still_installs(monkeypatch):
    duty, waited = await committed(), []

    async def wait(*asked: object) -> None:
        waited.append(asked)

    monkeypatch.setattr(changing, "_wait_for_install", wait)
    await retried(duty, f"{NO_SPACE}; 1_2: under way (CPUSE is at work)")

    assert not await changing._resolved(duty, STEP, seen(FAILED, WORKS))
    assert waited


@pytest.mark.parametrize("reason", ["cannot see the group", NO_SPACE.replace("1_1", "1_10")])
async def test_a_failure_that_people_do_not_know_holds_at_once(reason):
    duty = await committed()
    await retried(duty, reason)

    with pytest.raises((InDoubt, StepFailed), match="no space"):
        await changing._resolved(duty, STEP, seen(FAILED, WORKS))


@pytest.mark.parametrize(
    "others",
    [[recovery._OPEN], [recovery._OPEN, recovery._QUIET]],
    ids=["a session alone", "and one without a sign yet"],
)
async def test_after_a_retry_a_session_that_may_stay_open_for_ever_is_not_waited_for(others):
    duty = await committed()
    await retried(duty, NO_SPACE)
    findings = {
        "1_1": Found(Finding.CANNOT_TELL, "CPUSE action 8 ended: failure no space"),
        **{f"1_{n}": Found(Finding.UNDER_WAY, why) for n, why in enumerate(others, start=2)},
    }

    assert not changing._others_are_waited_for(duty, STEP, findings)


@pytest.mark.parametrize(("typed", "error"), [(True, StepFailed), (False, NotNow)])
async def test_an_installer_that_may_have_begun_is_not_asked_again(monkeypatch, typed, error):
    """A refusal that passes is waited out only where the answer that commits was never typed."""
    duty, asked = await committed(), list[float]()
    clock = cast("HandClock", duty.clock)
    await duty.journal.write(Kind.FOUND, step=STEP.id, started=False, found="")

    async def refuse(*_what: object, **_how: object) -> None:
        asked.append(duty.clock.monotonic())
        if typed:
            await duty.journal.write(Kind.COMMITTING, step=STEP.id, on="1_1")
        raise NotNow("ERROR: Could not get Security Group from db")

    async def watching(work: Any, _look: object) -> None:
        await work

    async def pause(_for: object) -> None:
        clock.move_to(clock.monotonic() + 60)

    monkeypatch.setattr(duty, "group", SimpleNamespace(change=refuse))
    monkeypatch.setattr(duty, "watching", watching)
    monkeypatch.setattr(duty, "pause", pause)

    with pytest.raises(StepFailed) as raised:
        await changing.change(duty, STEP, seen(DOWN, DOWN))

    assert raised.type is error
    assert (len(asked) == 1) is typed
