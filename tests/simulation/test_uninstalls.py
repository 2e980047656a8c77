"""Nights that uninstall, that finish what another night began, and that take it back."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.model import StepKind
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    PACKAGE,
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.played import Played

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
THERE = ({"name": PACKAGE, "installed": True},)
LAST: dict[str, Any] = {"kind": "uninstall", "package": "", "method": "last_take"}
Then = Callable[[Night], Awaitable[Any]]


def play(
    tmp_path: Path,
    *faults: dict[str, Any],
    people: Reaction = everyone_agrees,
    then: Then | None = None,
    order: dict[str, Any] | None = None,
    **setup: Any,
) -> Played:
    async def night() -> Played:
        made = Setup(**{"members": 4, "faults": faults, "connections": 1000, **setup})
        stage = Night(small_package(tmp_path), setup=made, policy=SPARSE, people=people)
        stage.begin()
        stage.order(**(order or {}))
        await stage.until_over(hours=4)
        if then is not None:
            await then(stage)
        await stage.clock.sleep(timedelta(seconds=5))
        played = Played(
            stage.state(), stage.group.report(), list(stage.records()), stage.said.texts
        )
        await stage.close()
        return played

    return run_virtual(night())


def takes(night: Played) -> set[int]:
    return {member["take_after"] for member in night.seen["members"]}


def uninstalls(night: Played) -> dict[str, int]:
    return {m["id"]: m["uninstalls_started"] for m in night.seen["members"]}


def kinds(night: Played) -> list[str]:
    return [s.kind for s in night.state.the_plan.steps]


def test_the_last_take_goes_and_the_one_that_was_said_comes_back(tmp_path):
    night = play(tmp_path, order={**LAST, "take": 99}, imported=THERE)

    assert night.state.ended is not None, night.said
    assert night.state.ended["state"] == "done"
    assert takes(night) == {99}
    assert set(uninstalls(night).values()) == {1}
    assert set(night.installs().values()) == {0}
    assert night.broken() == {}
    assert night.seen["objections"] == []
    assert night.seen["auto_clone"] == {"before": "on", "after": "on"}
    assert StepKind.UPLOAD not in kinds(night)
    assert StepKind.VERIFY in kinds(night)


def test_what_the_run_before_saw_is_expected(tmp_path):
    async def then(stage: Night) -> None:
        stage.order(**LAST)
        await stage.until_over()

    night = play(tmp_path, then=then)

    assert night.state.ended is not None, night.said
    assert takes(night) == {99}
    removal = night.state.the_plan.removal
    assert removal is not None
    assert "saw take 99 before it installed take 120" in removal.source
    assert night.broken() == {}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"method": ""}, "`last take` gives back"),
        ({"method": "last_take"}, "no run of ours saw what was there before take 120"),
        ({"method": "last_take", "take": 120}, "take 120 is not older than take 120"),
        ({"method": "completely", "take": 99}, "cannot lead to take 99"),
    ],
)
def test_what_was_not_said_is_asked(tmp_path, asked, told):
    order = {"kind": "uninstall", "package": "", **asked}
    night = play(tmp_path, order=order, imported=THERE)

    assert night.records == []
    assert any(told in text for _, text in night.said), night.said
