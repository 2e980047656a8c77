"""What an executor does about an installation that was intended: it goes on, waits, or holds."""

from typing import Any, cast

import pytest

from engine.answering import AnswerQueue
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import InDoubt, StepFailed
from engine.facts import CpuseAction, GroupFacts, PackageState
from engine.journal import Kind, RunJournal, planned_body
from engine.steps import changing
from storage.memory import MemoryStores
from storage.records import Draft
from tests.simulation.night import Crowd, Said
from tests.unit.builders import NAME, NOW, REQUEST, facts, member, plan
from tests.unit.hand_clock import HandClock

RUN, STEP = "hf-000001", plan().step("A.INSTALL")
DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
INSTALLED = {**DOWN, "packages": ((NAME, PackageState.INSTALLED),)}
FAILED = {**DOWN, "action": CpuseAction(8, "Install", "failure", 40, "no space")}
RESTARTED = {**DOWN, "boot_id": "another"}


async def committed() -> Duty:
    """Return an executor whose installation was committed five minutes ago, and nothing after."""
    stores = MemoryStores()
    lease = stores.leases.acquire("group:site-1", "me", ttl_s=60, now=NOW)
    assert lease is not None
    before = {f"1_{n}": {"boot_id": f"boot-{n}", "take": 99, "action": 7} for n in (1, 2)}
    bodies: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(plan(), facts())),
        (Kind.INTENDED, {"step": STEP.id, "before": before}),
        (Kind.COMMITTING, {"step": STEP.id, "on": "1_1"}),
    ]
    drafts = [Draft(kind, NOW, "engine", body) for kind, body in bodies]
    stores.journal.append(RUN, drafts, lease=lease, last_seq=0)
    clock = HandClock(NOW)
    journal = await RunJournal.open(stores.journal, RUN, lease, clock)
    clock.move_to(300)
    return Duty(
        journal=journal,
        group=cast("Any", None),
        people=Crowd(),
        inbox=stores.inbox,
        answers=AnswerQueue(Said(), stores.inbox),
        clock=clock,
    )


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


async def test_after_a_retry_a_session_that_may_stay_open_for_ever_is_not_waited_for():
    duty = await committed()
    await duty.journal.write(Kind.RETRIED, step=STEP.id, again=[])

    with pytest.raises(InDoubt, match="our former session is still open there"):
        await changing._resolved(duty, STEP, seen(FAILED, {**DOWN, "session_open": True}))
