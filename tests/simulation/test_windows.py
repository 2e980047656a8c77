"""Groups that may fail over only in their windows: what is ordered, moved, held, taken back."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config.windows import read_windows
from engine.afterwards import rollback_id
from engine.journal import Kind
from engine.model import Appointment, Policy, StepKind, Windows
from engine.rehearsal.group import Setup
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import POLICY, Night, quick, small_package
from tests.simulation.played import Played

DUE = START + timedelta(hours=6)
ENDS = DUE + timedelta(minutes=20)
DAY = timedelta(days=1)
"""It is Monday, 22:00; the windows are on Tuesday and Wednesday at four."""

Then = Callable[[Night], Awaitable[Any]]


def policy(*texts: str) -> Policy:
    there = Windows(read_windows(texts), texts, "UTC", timedelta(minutes=15))
    return quick(POLICY, watch=timedelta(seconds=30), windows=there)


NIGHTS = policy("tue-wed 04:00-04:20")
LONG = policy("tue 04:00-07:00")


def play(tmp_path: Path, then: Then, *, policy: Policy = NIGHTS, **asked: Any) -> Played:
    async def night() -> Played:
        stage = Night(
            small_package(tmp_path),
            setup=Setup(members=4, connections=1000),
            policy=policy,
            ticks=timedelta(seconds=5),
        )
        stage.begin()
        stage.order(**asked)
        await then(stage)
        await stage.clock.sleep(timedelta(seconds=10))
        played = Played(
            stage.state(), stage.group.report(), list(stage.records()), stage.said.texts
        )
        await stage.close()
        return played

    return run_virtual(night())


async def over(stage: Night) -> None:
    await stage.until_over(hours=24)


async def a_while(stage: Night) -> None:
    await stage.clock.sleep(timedelta(minutes=5))


def failovers(night: Played) -> list[datetime]:
    return [
        r.at
        for r in night.records
        if r.kind == Kind.INTENDED and r.body["kind"] == StepKind.ADMIN_DOWN
    ]


def told(night: Played) -> str:
    return "\n".join(text for _, text in night.said)


NEXT = "Tue 3 Mar 04:00 UTC to Tue 3 Mar 04:20 UTC: write `window 2026-03-03 04:00-04:20`"


@pytest.mark.parametrize(
    ("appointment", "why"),
    [
        (None, f"and no time was said; next is {NEXT}"),
        (
            Appointment(DUE - timedelta(hours=1)),
            f"Tue 3 Mar 03:00 UTC is not inside; nearest is {NEXT}",
        ),
        (Appointment(ENDS), f"Tue 3 Mar 04:20 UTC is not inside; nearest is {NEXT}"),
        (Appointment(DUE, ENDS + timedelta(seconds=1)), f"is not inside; nearest is {NEXT}"),
    ],
    ids=["none", "before", "after", "longer"],
)
@pytest.mark.parametrize("kind", ["install", "uninstall", "finish"])
def test_what_is_ordered_outside_of_the_windows_is_refused_and_makes_no_run(
    tmp_path, appointment, why, kind
):
    night = play(tmp_path, a_while, appointment=appointment, kind=kind)

    assert night.records == []
    assert why in told(night)
    assert "did not begin: site-1 fails over only in its windows (tue-wed 04:00-04:20" in told(
        night
    )


def test_a_run_in_a_window_of_the_settings_ends_with_it_before_the_next_group(tmp_path):
    night = play(tmp_path, over, appointment=Appointment(DUE))

    assert night.state.the_plan.appointment == Appointment(DUE, ENDS)
    assert night.state.hold is not None
    assert "the window ended at" in night.state.hold.reason
    assert night.state.hold.ways == ("move", "abort", "rollback")
    assert night.state.of("A.SOAK").status == "done"
    (only,) = failovers(night)
    assert DUE <= only < ENDS
    assert night.broken() == {}


def test_a_run_that_holds_goes_on_in_the_next_window_and_is_moved_nowhere_else(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        stage.change(appointment=Appointment(stage.clock.now(), said="now"))
        stage.change(appointment=Appointment(DUE + timedelta(hours=10)))
        await a_while(stage)
        assert stage.state().the_plan.revision == 1
        stage.change(appointment=Appointment(DUE + DAY))
        await stage.until(lambda s: s.ended is not None, hours=40)

    night = play(tmp_path, then, appointment=Appointment(DUE))

    wednesday = "`window 2026-03-04 04:00-04:20`"
    assert told(night).count(wednesday) == 2, told(night)
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.the_plan.appointment == Appointment(DUE + DAY, ENDS + DAY)
    first, second = failovers(night)
    assert first < ENDS
    assert DUE + DAY <= second < ENDS + DAY
    assert night.broken() == {}


def test_who_takes_back_what_a_window_left_half_done_waits_for_none(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        stage.say("rollback")
        await stage.until(lambda s: s.ended is not None)

    night = play(tmp_path, then, appointment=Appointment(DUE))

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "rolled back"
    assert failovers(night)[-1] > ENDS


def test_a_rollback_that_is_ordered_by_hand_waits_for_no_window(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        stage.order(kind="rollback")
        await over(stage)

    night = play(tmp_path, then, policy=LONG, appointment=Appointment(DUE))

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "done"
    assert night.state.the_plan.appointment is None
    assert len(failovers(night)) == 2


def test_a_scheduled_rollback_is_due_and_brought_forward_outside_of_the_windows(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        stage.people = lambda *_: None
        stage.follow(rollback_id(stage.run))
        await stage.until(lambda s: s.open_gate is not None, hours=1)
        stage.people = everyone_agrees_but_on_keeping
        stage.change(appointment=Appointment(stage.clock.now(), said="now"))
        await stage.until(lambda s: s.ended is not None, hours=10)

    night = play(
        tmp_path,
        then,
        policy=LONG,
        appointment=Appointment(DUE),
        rollback_after=timedelta(hours=72),
        rollback_said="rollback after 72h",
    )

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "done"
    assert night.broken() == {}


def everyone_agrees_but_on_keeping(night: Night, gate: str, step: str) -> None:
    if step != "KEEP":
        night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))
        night.later(45, lambda: night.react(gate, "U0BEN00001", "yes"))
