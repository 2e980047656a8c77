"""Groups that may fail over only in their windows: what is ordered, moved, held, taken back."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config.windows import read_windows
from engine.afterwards import rollback_id
from engine.journal import Kind
from engine.model import Appointment, StepKind
from engine.policy import Policy, Windows
from engine.rehearsal.group import Setup
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import (
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
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


def play(
    tmp_path: Path,
    then: Then,
    *,
    policy: Policy = NIGHTS,
    people: Reaction = everyone_agrees,
    **asked: Any,
) -> Played:
    async def night() -> Played:
        stage = Night(
            small_package(tmp_path),
            setup=Setup(members=4, connections=1000),
            policy=policy,
            people=people,
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
@pytest.mark.parametrize("kind", ["install", "uninstall"])
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


async def roll_back(stage: Night) -> None:
    """Roll back the last run of the group, by hand and at once."""
    stage.order(kind="rollback", package="")
    await over(stage)
    assert stage.state().ended is not None, (stage.state().hold, stage.said.texts)


async def bring_forward(stage: Night) -> None:
    """Roll back what was a way back already: outside of the windows, then in the next one."""
    stage.order(kind="rollback", package="")
    await a_while(stage)
    assert stage.records() == []
    stage.order(kind="rollback", package="", appointment=Appointment(stage.clock.now()))
    await a_while(stage)
    assert stage.records() == []
    stage.order(kind="rollback", package="", appointment=Appointment(DUE + DAY))
    await stage.until(lambda s: s.ended is not None or s.hold is not None, hours=40)


def test_the_rollback_of_a_rollback_installs_and_so_keeps_to_the_windows(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        await stage.clock.sleep(timedelta(hours=4))
        await roll_back(stage)
        await bring_forward(stage)

    night = play(tmp_path, then, policy=policy("tue-wed 04:00-07:00"), appointment=Appointment(DUE))

    assert "site-1 fails over only in its windows" in told(night)
    assert "no time was said; next is Wed 4 Mar 04:00 UTC to Wed 4 Mar 07:00 UTC" in told(night)
    assert "is not inside; next is Wed 4 Mar 04:00 UTC" in told(night)
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.the_plan.kind == "install"
    assert all(DUE + DAY <= at < DUE + DAY + timedelta(hours=3) for at in failovers(night))
    assert len(failovers(night)) == 2
    assert night.broken() == {}


def test_what_a_run_that_turned_has_taken_back_comes_again_in_the_windows_alone(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        stage.say("rollback")
        await stage.until(lambda s: s.ended is not None)
        await bring_forward(stage)

    night = play(tmp_path, then, appointment=Appointment(DUE))

    assert "no time was said; next is Wed 4 Mar 04:00 UTC" in told(night)
    assert night.state.the_plan.kind == "install"
    assert night.state.the_plan.appointment == Appointment(DUE + DAY, ENDS + DAY)
    assert failovers(night)
    assert all(DUE + DAY <= at < ENDS + DAY for at in failovers(night))
    assert night.broken() == {}


def _no_at(place: int) -> Reaction:
    """Return people who agree, and say no where a failover is asked for that often."""
    asked: list[str] = []

    def people(night: Night, gate: str, step: str) -> None:
        if step.endswith(".FAILOVER"):
            asked.append(gate)
        if len(asked) == place:
            night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
        else:
            everyone_agrees(night, gate, step)

    return people


async def half_done(stage: Night) -> None:
    """It holds before its second group, and people end it there."""
    await over(stage)
    assert stage.state().hold is not None
    stage.say("abort")
    await stage.until(lambda s: s.ended is not None)
    stage.people = everyone_agrees


@pytest.mark.parametrize("word", ["finish", "rollback"])
def test_a_way_back_that_was_left_half_done_does_not_wait_for_a_window(tmp_path, word):
    """Members differ then: to have to wait for days, with auto-clone owed, would be worse."""

    async def then(stage: Night) -> None:
        await over(stage)
        await stage.clock.sleep(timedelta(hours=4))
        stage.people = _no_at(2)
        stage.order(kind="rollback", package="")
        await half_done(stage)
        appointment = Appointment(DUE + DAY) if word == "rollback" else None
        stage.order(kind=word, package="", appointment=appointment)
        await stage.until(lambda s: s.ended is not None or s.hold is not None, hours=40)

    there = policy("tue-wed 04:00-07:00")
    night = play(tmp_path, then, policy=there, appointment=Appointment(DUE))

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.the_plan.gives_back is (word == "finish")
    (failover,) = failovers(night)
    assert (failover >= DUE + DAY) is (word == "rollback")
    assert night.broken() == {}


def test_the_rest_of_an_installation_keeps_to_the_windows(tmp_path):
    async def then(stage: Night) -> None:
        await half_done(stage)
        await stage.clock.sleep(timedelta(hours=4))
        stage.order(kind="finish", package="")
        await a_while(stage)
        assert stage.records() == []
        stage.order(kind="finish", package="", appointment=Appointment(DUE + DAY))
        await stage.until(lambda s: s.ended is not None or s.hold is not None, hours=40)

    there = policy("tue-wed 04:00-07:00")
    night = play(tmp_path, then, policy=there, appointment=Appointment(DUE), people=_no_at(2))

    assert "no time was said; next is Wed 4 Mar 04:00 UTC" in told(night)
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert not night.state.the_plan.gives_back
    assert all(DUE + DAY <= at < DUE + DAY + timedelta(hours=3) for at in failovers(night))


def test_the_rest_of_an_installation_goes_on_at_once_in_the_window_that_is_open(tmp_path):
    async def then(stage: Night) -> None:
        await half_done(stage)
        stage.order(kind="finish", package="")
        await over(stage)

    there = policy("tue-wed 04:00-07:00")
    night = play(tmp_path, then, policy=there, appointment=Appointment(DUE), people=_no_at(2))

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "done"
    (failover,) = failovers(night)
    assert failover < DUE + timedelta(hours=3)
    assert night.broken() == {}


def test_a_rollback_that_installs_is_moved_nowhere_but_into_a_window(tmp_path):
    async def then(stage: Night) -> None:
        await over(stage)
        await stage.clock.sleep(timedelta(hours=4))
        await roll_back(stage)
        stage.order(kind="rollback", package="", appointment=Appointment(DUE + DAY))
        await stage.until(lambda s: s.plan is not None)
        stage.change(appointment=Appointment(stage.clock.now(), said="now"))
        await a_while(stage)

    night = play(tmp_path, then, policy=policy("tue-wed 04:00-07:00"), appointment=Appointment(DUE))

    assert night.state.the_plan.revision == 1
    assert "is not inside; " in told(night)


@pytest.mark.parametrize("forward", [True, False], ids=["brought forward", "due"])
def test_a_scheduled_rollback_is_carried_out_outside_of_the_windows(tmp_path, forward):
    async def then(stage: Night) -> None:
        stage.people = everyone_agrees_but_on_keeping
        await over(stage)
        stage.follow(rollback_id(stage.run))
        await stage.clock.sleep(DUE + timedelta(hours=4) - stage.clock.now())
        if forward:
            stage.change(appointment=Appointment(stage.clock.now(), said="now"))
        await stage.until(lambda s: s.ended is not None, hours=100)

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
    due = DUE + timedelta(hours=4 if forward else 72)
    assert len(failovers(night)) == 2
    assert all(due <= at < due + timedelta(hours=3) for at in failovers(night))
    assert night.broken() == {}


def test_a_gate_that_is_open_as_the_window_ends_holds_with_the_way_on(tmp_path):
    def nobody_for_b(night: Night, gate: str, step: str) -> None:
        if step != "B.FAILOVER":
            everyone_agrees_but_on_keeping(night, gate, step)

    async def then(stage: Night) -> None:
        stage.people = nobody_for_b
        await over(stage)
        stage.people = everyone_agrees_but_on_keeping
        stage.change(appointment=Appointment(DUE + DAY))
        await stage.until(lambda s: s.ended is not None, hours=40)

    night = play(tmp_path, then, policy=policy("tue-wed 04:00-04:30"), appointment=Appointment(DUE))

    (held,) = [r.body for r in night.records if r.kind == Kind.HELD]
    assert held["step"] == "B.FAILOVER"
    assert (
        "not approved; the window ended at Tue 3 Mar 04:30 UTC, before Logical Group B"
        in (held["reason"])
    )
    assert held["ways"] == ["move", "abort", "rollback"]
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.broken() == {}


def test_a_proposal_ends_with_its_window_and_is_asked_again_at_another_time(tmp_path):
    async def then(stage: Night) -> None:
        stage.people = lambda *_: None
        await stage.clock.sleep(DUE + timedelta(minutes=2) - stage.clock.now())
        stage.order(appointment=Appointment(stage.clock.now()))
        await over(stage)
        stage.say("retry")
        await a_while(stage)
        stage.people = everyone_agrees_but_on_keeping
        stage.change(appointment=Appointment(DUE + DAY))
        await stage.until(lambda _: bool(failovers_of(stage)), hours=40)

    night = play(tmp_path, then)

    first, again = [r.body for r in night.records if r.kind == Kind.HELD]
    assert first["reason"].endswith(
        "; the window ended at Tue 3 Mar 04:20 UTC, and nothing had begun"
    )
    assert again["error"] == "WindowEnded"
    assert first["ways"] == again["ways"] == ["move", "abort"]
    assert DUE + DAY <= failovers(night)[0] < ENDS + DAY


def test_an_order_for_too_little_of_a_window_is_refused(tmp_path):
    async def then(stage: Night) -> None:
        assert stage.records() == []
        await stage.clock.sleep(DUE + timedelta(minutes=11) - stage.clock.now())
        stage.order(appointment=Appointment(stage.clock.now()))
        await a_while(stage)

    night = play(tmp_path, then, appointment=Appointment(ENDS - timedelta(minutes=14)))

    assert night.records == []
    assert "04:06 UTC leaves 14 min, where 15 min are needed; nearest is Tue" in told(night)
    assert "04:11 UTC leaves 9 min, where 15 min are needed; next is Wed" in told(night)


def failovers_of(stage: Night) -> bool:
    return any(r.kind == Kind.INTENDED and r.body["kind"] == "ADMIN_DOWN" for r in stage.records())


def everyone_agrees_but_on_keeping(night: Night, gate: str, step: str) -> None:
    if step != "KEEP":
        night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))
        night.later(45, lambda: night.react(gate, "U0BEN00001", "yes"))
