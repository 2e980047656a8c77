"""Nights in which a member fails its installation, and another of its Logical Group does not."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.night import POLICY, Night, quick
from tests.simulation.played import Played, Then, play_night

FAILS = {"name": "install_fails", "member": "1_1", "percent": 40, "message": "No space"}
SPARSE = quick(POLICY, watch=timedelta(seconds=30))


def play(
    tmp_path: Path, then: Then, *, wait: float = 12, faults: Sequence[dict[str, Any]] = (FAILS,)
) -> Played:
    """Install up to the hold, and so many minutes more: then 1_2 is back, at the new take."""

    async def held(stage: Night) -> None:
        stage.order()
        await stage.until_over()
        await stage.clock.sleep(timedelta(minutes=wait))
        await then(stage)
        await stage.clock.sleep(timedelta(seconds=5))

    return play_night(tmp_path, held, policy=SPARSE, setup={"faults": faults})


async def said(stage: Night, *words: str) -> None:
    """Say words, each where the run rests after the one before."""
    for word in words:
        stage.say(word)
        await stage.clock.sleep(timedelta(minutes=1))
        await stage.until_over(hours=2)


def takes(night: Played) -> list[int]:
    return [member["take_after"] for member in night.seen["members"]]


@pytest.mark.parametrize("words", [("abort",), ("retry", "abort")])
@pytest.mark.parametrize(("kind", "take"), [("finish", 120), ("rollback", 99)])
def test_what_an_attempt_that_was_given_up_left_behind_is_finished_or_taken_back(
    tmp_path, words, kind, take
):
    async def then(stage: Night) -> None:
        await said(stage, *words)
        assert stage.state().ended is not None, stage.state().hold
        stage.order(kind=kind, package="")
        await stage.until_over()

    night = play(tmp_path, then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "done"
    assert set(takes(night)) == {take}
    assert night.seen["auto_clone"]["after"] == "on"
    assert night.broken() == {}
    assert night.seen["objections"] == []


def test_a_run_by_which_nothing_came_about_leaves_nothing_to_finish(tmp_path):
    """Every member of the group fails: the run before it is still the one to take back."""

    async def then(stage: Night) -> None:
        await said(stage, "abort")
        assert stage.state().ended is not None, stage.state().hold
        stage.order(kind="rollback", package="")
        await stage.clock.sleep(timedelta(minutes=1))

    night = play(tmp_path, then, faults=(FAILS, {**FAILS, "member": "1_2"}))

    assert set(takes(night)) == {99}
    assert "no run has changed anything on site-1" in night.said[-1][1]
