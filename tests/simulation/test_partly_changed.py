"""Nights in which a member fails its installation, and another of its Logical Group does not."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.former import former
from engine.journal import Kind
from tests.simulation.night import POLICY, REQUESTER, Night, everyone_agrees, quick
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


def reasons(night: Played) -> list[str]:
    return [str(r.body["reason"]) for r in night.records if r.kind == Kind.HELD]


@pytest.mark.parametrize("words", [("abort",), ("retry", "abort"), ("retry", "retry", "abort")])
def test_who_failed_is_brought_up_and_nobody_says_that_nothing_was_started(tmp_path, words):
    night = play(tmp_path, lambda stage: said(stage, *words))

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "aborted"
    assert night.states() == dict.fromkeys(night.states(), "ACTIVE")
    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["interrupted"]
    assert [r for r in night.records if r.kind == Kind.UNDONE] == []
    assert night.state.cloning_owed
    assert night.installs()["1_2"] == 1
    assert night.broken() == {}


def test_who_came_back_at_the_new_take_left_no_state_and_takes_no_new_attempt(tmp_path):
    night = play(tmp_path, lambda stage: said(stage, "retry"))

    assert "1_2 was changed by a former attempt and is back" in reasons(night)[-1]
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}


def test_no_rollback_begins_while_a_member_is_down_by_an_attempt_that_was_undone(tmp_path):
    async def then(stage: Night) -> None:
        await type_up(stage, "1_2")
        await said(stage, "retry", "rollback")

    night = play(tmp_path, then, faults=({"name": "unknown_prompt", "in": "install"},))

    (undone,) = [r.body["steps"] for r in night.records if r.kind == Kind.UNDONE]
    assert "A.ADMIN_DOWN" in undone
    refused = [r.body["reason"] for r in night.records if r.kind == Kind.REFUSED]
    assert refused[-1] == "a group is out of service by this run; first `abort` or `retry`"
    assert night.states()["1_1"] == "DOWN"


def test_an_abort_before_the_uninstall_begins_does_not_doubt_the_installation(tmp_path):
    """It was seen done; the group that is down for the way back is as it was before that."""

    def people(stage: Night, shown: str, step: str) -> None:
        if shown == "G3":
            stage.later(10, lambda: stage.say("rollback"))
        else:
            everyone_agrees(stage, shown, step)

    async def then(stage: Night) -> None:
        stage.order()
        await stage.until(lambda state: state.of("A.ADMIN_DOWN.r2").committed_at is not None)
        stage.say("abort", REQUESTER)
        await stage.until_over()

    night = play_night(tmp_path, then, policy=SPARSE, people=people)

    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["down_not_started"]
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.state.ended is not None, night.state.hold
    left = former(night.state)
    assert left is not None
    assert left.began


async def type_up(stage: Night, member: str) -> None:
    """Somebody brings a member up by hand, and answers what is asked."""
    line = f"g_clusterXL_admin -b {member} up"
    terminal = await stage.shell.terminal(line, within=timedelta(minutes=1))
    for answer in ("Y", "ben", "by hand"):
        await terminal.read(within=timedelta(seconds=20))
        await terminal.write(f"{answer}\n")
    await stage.clock.sleep(timedelta(minutes=1))
    await terminal.close()


def test_an_abort_while_another_member_is_at_work_says_who_and_what_helps(tmp_path):
    async def then(stage: Night) -> None:
        stage.say("abort")
        await stage.clock.sleep(timedelta(minutes=14))
        stage.say("abort")
        await stage.until(lambda state: state.ended is not None, hours=2)

    night = play(tmp_path, then, wait=1)

    words = [r.body for r in night.records if r.kind == Kind.REFUSED and r.body.get("word")]
    (refused,) = [body["reason"] for body in words]
    assert refused.startswith("the work on 1_2 goes on (")
    assert refused.endswith("say `abort` again once it has ended")
    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"


def test_a_retry_waits_for_the_member_that_still_installs(tmp_path):
    """Told at once that one has failed; what may begin anew is known when the other has ended."""

    async def then(stage: Night) -> None:
        await said(stage, "retry")

    night = play(tmp_path, then, wait=0)

    first, second = [r.body["reason"] for r in night.records if r.kind == Kind.HELD]
    assert "1_2: under way" in first
    assert "1_2: happened" in second
    assert "under way" not in second
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert night.broken() == {}
    assert night.seen["objections"] == []
