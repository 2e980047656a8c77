"""Nights with a hotfix beside the Jumbo: the take says nothing of it, the list of packages does."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine import promises
from engine.fold import RunState
from engine.journal import Kind
from engine.model import StepKind
from engine.rehearsal.group import Setup
from engine.rehearsal.member import AVAILABLE, INSTALLED
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, Reaction, everyone_agrees, small_package

HOTFIX = "fw1_wrapper_HOTFIX_R81_20_sk700.tgz"


def play(
    tmp_path: Path,
    beside: Callable[[Night], Awaitable[Any]],
    *,
    people: Reaction = everyone_agrees,
    **changes: Any,
) -> tuple[RunState, Night]:
    async def night() -> tuple[RunState, Night]:
        setup = Setup(members=4, connections=1000, **changes)
        package = small_package(tmp_path, HOTFIX)
        stage = Night(package, setup=setup, policy=POLICY, people=people)
        stage.begin()
        stage.order()
        await beside(stage)
        await stage.until_over()
        state = stage.state()
        await stage.close()
        return state, stage

    return run_virtual(night())


async def nothing(_night: Night) -> None:
    """Nobody interferes."""


def test_a_hotfix_is_installed_on_every_member_and_the_take_stays(tmp_path):
    for reboots in (True, False):
        state, night = play(tmp_path, nothing, reboots=reboots)

        assert state.ended is not None, state.hold
        assert state.ended["state"] == "done"
        members = night.group.members.values()
        shown = [(m.take, one.state) for m in members if (one := m.package(HOTFIX)) is not None]
        assert shown == [(99, INSTALLED)] * 4
        judged = promises.explained(night.records())
        assert {p: why for p, (word, why) in judged.items() if word == "broken"} == {}
        assert night.group.report()["connections_lost"] == 0


def test_a_hotfix_that_nobody_lists_at_the_end_holds(tmp_path):
    async def lose_it(night: Night) -> None:
        await night.until(lambda s: s.of("B.RETURN").status == "done")
        lost = night.group.members["1_4"].package(HOTFIX)
        assert lost is not None
        lost.state = AVAILABLE

    # Where auto-clone is owed, not being alike holds before that: see below.
    state, _ = play(tmp_path, lose_it, auto_clone=False)

    assert state.hold is not None
    assert (state.hold.step, state.hold.error) == ("POSTFLIGHT", "StepFailed")
    assert f"{HOTFIX} is not listed as installed on 1_4" in state.hold.reason


# ------------------------------------------------------------- on half of the group alone


def not_for_b(night: Night, gate: str, step: str) -> None:
    """The first run's second failover is rejected."""
    if step == "B.FAILOVER" and night.orders == 1:
        night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
    else:
        everyone_agrees(night, gate, step)


async def aborted(night: Night) -> None:
    await night.until(lambda s: s.hold is not None)
    night.say("abort")
    await night.until(lambda s: s.ended is not None)


def test_cloning_stays_off_and_owed_while_half_of_the_group_has_the_hotfix(tmp_path):
    state, night = play(tmp_path, aborted, people=not_for_b)

    assert state.ended is not None
    assert (state.ended["state"], state.cloning_owed) == ("aborted", True)
    told = next(r.body["how"] for r in night.records() if _restores(r))
    assert told.startswith(f"owed: members are not alike in {HOTFIX} (1_1: installed, ")
    assert set(night.group.auto_clones().values()) == {False}
    assert night.group.report()["objections"] == []
    assert _broken(night) == {}


def _restores(record: Record) -> bool:
    return record.kind == Kind.DONE and record.body.get("kind") == StepKind.CLONING_RESTORE


def _broken(night: Night) -> dict[str, tuple[str, ...]]:
    judged = promises.explained(night.records())
    return {p: why for p, (word, why) in judged.items() if word == "broken"}


def test_whoever_finishes_it_gives_cloning_back(tmp_path):
    async def finished(night: Night) -> None:
        await aborted(night)
        night.order(kind="finish", package="")

    state, night = play(tmp_path, finished, people=not_for_b)

    assert state.ended is not None, state.hold
    assert (state.ended["state"], state.cloning_owed) == ("done", False)
    assert set(night.group.auto_clones().values()) == {True}
    assert night.group.report()["objections"] == []
    assert _broken(night) == {}


JUMBO = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"


def test_a_later_run_about_something_else_owes_it_too(tmp_path):
    """A Jumbo on every member afterwards makes the takes alike, not the hotfix."""

    async def another(night: Night) -> None:
        await aborted(night)
        night.package = small_package(tmp_path, JUMBO)
        await night.kill()
        night.begin()
        night.order(package=JUMBO)

    state, night = play(tmp_path, another, people=not_for_b)

    assert state.the_plan.package.name == JUMBO
    assert state.hold is not None
    assert state.hold.step == "CLONING_RESTORE"
    assert f"members are not alike in {HOTFIX}" in state.hold.reason
    assert set(night.group.auto_clones().values()) == {False}
    assert night.group.report()["objections"] == []


def order_uninstall(**asked: Any) -> Callable[[Night], Awaitable[Any]]:
    """After the installation somebody wants it gone again."""

    async def order(night: Night) -> None:
        state = await night.until_over()
        assert state.ended is not None, state.hold
        night.order(kind="uninstall", package=HOTFIX, **asked)

    return order


@pytest.mark.parametrize("reboots", [True, False])
def test_a_hotfix_goes_again_by_its_name_and_the_take_stays(tmp_path, reboots):
    state, night = play(tmp_path, order_uninstall(delete=True), reboots=reboots)

    assert state.ended is not None, (state.hold, night.said.texts)
    assert (state.ended["state"], state.the_plan.kind) == ("done", "uninstall")
    assert (state.the_plan.take_before, state.the_plan.take_after) == (99, 99)
    members = night.group.members.values()
    assert [(m.take, m.package(HOTFIX)) for m in members] == [(99, None)] * 4
    judged = promises.explained(night.records())
    assert {p: why for p, (word, why) in judged.items() if word == "broken"} == {}
    report = night.group.report()
    assert report["connections_lost"] == 0
    assert {m["uninstalls_started"] for m in report["members"]} == {1}
    assert night.state().cloning_owed is False


def test_a_hotfix_that_no_run_installed_goes_too_and_leads_to_no_other_take(tmp_path):
    there = ({"name": "Check_Point_private_hotfix.tgz", "installed": True},)
    name = there[0]["name"]

    async def play_it(**asked: Any) -> tuple[RunState, Night]:
        setup = Setup(members=4, connections=1000, imported=there)
        night = Night(small_package(tmp_path), setup=setup, policy=POLICY)
        night.begin()
        night.order(kind="uninstall", package=name, **asked)
        await night.until_over(hours=3)
        state = RunState.replay(night.records())
        await night.close()
        return state, night

    state, night = run_virtual(play_it())
    assert state.ended is not None, (state.hold, night.said.texts)
    assert state.ended["state"] == "done"
    assert {m.take for m in night.group.members.values()} == {99}

    _, night = run_virtual(play_it(take=45))
    assert "leaves take 99 as it is, and leads to no take 45" in night.said.texts[0][1]
