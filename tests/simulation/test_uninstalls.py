"""Nights that uninstall, that finish what another night began, and that take it back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.model import StepKind
from tests.simulation.night import (
    PACKAGE,
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
)
from tests.simulation.played import Played, Then, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
THERE = ({"name": PACKAGE, "installed": True},)
LAST: dict[str, Any] = {"kind": "uninstall", "package": "", "method": "last_take"}


def play(
    tmp_path: Path,
    *faults: dict[str, Any],
    people: Reaction = everyone_agrees,
    then: Then | None = None,
    order: dict[str, Any] | None = None,
    package: str = PACKAGE,
    **setup: Any,
) -> Played:
    async def ordered(stage: Night) -> None:
        stage.order(**(order or {}))
        await stage.until_over(hours=4)
        if then is not None:
            await then(stage)
        await stage.clock.sleep(timedelta(seconds=5))

    made = {"faults": faults, **setup}
    return play_night(tmp_path, ordered, package=package, setup=made, policy=SPARSE, people=people)


def takes(night: Played) -> set[int]:
    return {member["take_after"] for member in night.seen["members"]}


def uninstalls(night: Played) -> dict[str, int]:
    return {m["id"]: m["uninstalls_started"] for m in night.seen["members"]}


def kinds(night: Played) -> list[str]:
    return [s.kind for s in night.state.the_plan.steps]


async def nobody(_: Night) -> None:
    """Nobody says anything."""


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


@pytest.mark.parametrize("word", ["Not Installed", "Available for Download"])
def test_where_the_list_says_otherwise_that_it_is_gone_the_take_decides(tmp_path, word):
    night = play(tmp_path, order={**LAST, "take": 99}, imported=THERE, uninstalled_state=word)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    assert Kind.HELD not in night.kinds()
    assert takes(night) == {99}
    assert set(uninstalls(night).values()) == {1}
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


def test_the_package_is_deleted_afterwards_where_that_was_said(tmp_path):
    night = play(tmp_path, order={**LAST, "take": 99, "delete": True}, imported=THERE)

    assert night.state.ended is not None, night.state.hold
    assert {one["member"] for one in night.seen["acts"] if one["act"] == "delete"} == {
        m["id"] for m in night.seen["members"]
    }
    assert night.state.of("DELETE").how == "acted"
    assert night.broken() == {}


def test_each_member_is_told_its_own_number_of_what_is_deleted(tmp_path):
    """On one member another package stands first; each act has an intent of its own."""
    another = {"name": PACKAGE.replace("T120", "T89"), "members": ["1_3"]}
    order = {**LAST, "take": 99, "delete": True}
    night = play(tmp_path, order=order, imported=(another, *THERE))

    assert night.state.ended is not None, (night.state.hold, night.said)
    deleted = [a for a in night.seen["acts"] if a["act"] == "delete"]
    everyone = [m["id"] for m in night.seen["members"]]
    assert [(a["member"], list(a["group"]), a["package"]) for a in deleted] == [
        (one, [one], PACKAGE) for one in everyone
    ]
    intents = [r for r in night.records if r.kind == Kind.INTENDED and r.body["step"] == "DELETE"]
    assert [r.body["members"] for r in intents] == [[one] for one in everyone]
    assert night.broken() == {}


# ------------------------------------------------------------------------- another take


def other_take(tmp_path: Path, then: Then, people: Reaction = everyone_agrees) -> Played:
    order = {**LAST, "take": 99}
    return play(
        tmp_path,
        people=people,
        order=order,
        then=then,
        imported=THERE,
        uninstall_gives_back="nothing",
    )


def test_another_take_than_announced_holds_before_the_second_group(tmp_path):
    night = other_take(tmp_path, nobody)

    assert night.state.hold is not None
    assert night.state.hold.step == "A.RETURN"
    both = "1_1 came back at take 0, expected 99; 1_2 came back at take 0, expected 99"
    assert night.state.hold.reason == both
    assert night.state.hold.ways[:2] == ("change take 0", "rollback")
    assert uninstalls(night) == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}


def test_people_can_accept_the_take_that_came_back(tmp_path):
    async def then(stage: Night) -> None:
        stage.change(take=0)
        await stage.until(lambda s: s.ended is not None)

    night = other_take(tmp_path, then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert takes(night) == {0}
    opened = [r.body["step"] for r in night.records if r.kind == Kind.GATE_OPENED]
    assert opened == ["PROPOSAL", "A.FAILOVER", "ACCEPT.r2", "B.FAILOVER.r2"]
    assert night.broken() == {}


def test_what_is_accepted_is_what_came_back_and_nothing_else(tmp_path):
    async def then(stage: Night) -> None:
        stage.change(take=98)
        await stage.clock.sleep(timedelta(minutes=1))

    night = other_take(tmp_path, then)

    assert night.state.hold is not None
    assert any("came back at take 0, not at take 98" in text for _, text in night.said)


def test_what_came_back_otherwise_can_be_taken_back(tmp_path):
    async def then(stage: Night) -> None:
        stage.say("rollback")
        await stage.until(lambda s: s.ended is not None)

    night = other_take(tmp_path, then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "rolled back"
    assert takes(night) == {120}
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert night.broken() == {}
    assert night.seen["objections"] == []


def refused_other_take(night: Played, group: str) -> None:
    """It holds at the group's RETURN; nobody is offered the other take, nor may say it."""
    assert night.state.hold is not None, night.state.ended
    assert night.state.hold.step == f"{group}.RETURN"
    assert night.state.hold.ways == ("retry", "abort")
    assert any("would stay at different takes" in text for _, text in night.said), night.said
    assert night.state.the_plan.revision == 1


@pytest.mark.parametrize("kind", ["finish", "rollback"])
def test_another_take_is_not_accepted_where_others_stay_at_theirs(tmp_path, kind):
    """Finishing an uninstall, or taking an install back: the rest of the group stays as it is."""
    other_way = kind == "rollback"

    async def then(stage: Night) -> None:
        object.__setattr__(stage.group.setup, "uninstall_gives_back", "nothing")
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)
        stage.order(kind=kind, package="", method="", take=None)
        await stage.until_over()
        stage.change(take=0)
        await stage.clock.sleep(timedelta(minutes=1))

    uninstall = {"order": {**LAST, "take": 99}, "imported": THERE}
    first: dict[str, Any] = {} if other_way else uninstall
    night = play(tmp_path, people=rejecting("B.FAILOVER"), then=then, **first)

    refused_other_take(night, "A" if other_way else "B")
    assert night.broken() == {}


# --------------------------------------------------------------------- finish and rollback


def rejecting(step_rejected: str) -> Reaction:
    def people(night: Night, gate: str, step: str) -> None:
        if step == step_rejected and night.orders == 1:
            night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
        else:
            everyone_agrees(night, gate, step)

    return people


def after_abort(kind: str, **asked: Any) -> Then:
    async def then(stage: Night) -> None:
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)
        stage.order(kind=kind, package="", **asked)
        await stage.until_over()

    return then


def test_another_night_finishes_the_groups_that_are_left(tmp_path):
    night = play(tmp_path, people=rejecting("B.FAILOVER"), then=after_abort("finish"))

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "done"
    assert takes(night) == {120}
    assert set(night.installs().values()) == {1}
    assert [g.name for g in night.state.the_plan.changing] == ["B"]
    assert night.seen["auto_clone"] == {"before": "on", "after": "on"}
    assert night.state.ended["cloning_owed"] is False
    assert night.broken() == {}
    assert night.seen["objections"] == []


def test_a_run_that_was_aborted_is_taken_back(tmp_path):
    night = play(tmp_path, people=rejecting("B.FAILOVER"), then=after_abort("rollback"))

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert takes(night) == {99}
    assert uninstalls(night) == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert [g.name for g in night.state.the_plan.changing] == ["A"]
    assert night.seen["auto_clone"] == {"before": "on", "after": "on"}
    assert night.broken() == {}


def test_a_package_that_came_as_tar_is_asked_about_by_the_name_that_is_listed(tmp_path):
    async def then(stage: Night) -> None:
        stage.order(kind="rollback", package="")
        await stage.until_over()

    tar = PACKAGE.replace(".tgz", ".tar")
    night = play(tmp_path, then=then, package=tar)

    assert night.state.the_plan.package.name == tar
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert takes(night) == {99}
    assert set(uninstalls(night).values()) == {1}
    verified = night.state.of("VERIFY")
    assert verified.how == "allowed on every member"
    assert night.broken() == {}


STUCK = {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}


async def end_degraded(stage: Night) -> None:
    stage.say("abort")
    await stage.until(lambda s: s.ended is not None)


def test_members_that_are_down_go_back_without_a_failover(tmp_path):
    async def then(stage: Night) -> None:
        await end_degraded(stage)
        stage.order(kind="rollback", package="")
        await stage.until_over()

    night = play(tmp_path, STUCK, then=then)

    assert night.state.ended is not None, (night.state.hold, night.said)
    assert takes(night) == {99}
    assert uninstalls(night) == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    opened = [r.body["step"] for r in night.records if r.kind == Kind.GATE_OPENED]
    assert opened == ["PROPOSAL", "C.START", "A.FAILOVER"]
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.broken() == {}


def test_a_member_that_is_down_is_not_finished(tmp_path):
    async def then(stage: Night) -> None:
        await end_degraded(stage)
        stage.order(kind="finish", package="")
        await stage.clock.sleep(timedelta(minutes=2))

    night = play(tmp_path, STUCK, then=then)

    assert night.records == []
    assert any("1_2 is out of service" in text for _, text in night.said), night.said


def test_a_member_that_takes_traffic_again_is_not_worked_on_without_a_failover(tmp_path):
    """It recovers while people vote on the start: it may carry traffic, so nothing begins."""

    def people(night: Night, gate: str, step: str) -> None:
        if step == "C.START":
            night.group.add_fault({"name": "member_recovers", "member": "1_2", "after_s": 0})
        everyone_agrees(night, gate, step)

    async def then(stage: Night) -> None:
        await end_degraded(stage)
        stage.order(kind="rollback", package="")
        await stage.until_over()

    night = play(tmp_path, STUCK, people=people, then=then)

    assert night.state.hold is not None
    assert "it may carry traffic" in night.state.hold.reason
    assert uninstalls(night) == {"1_1": 0, "1_2": 0, "1_3": 0, "1_4": 0}


def test_a_start_needs_its_approval(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        if step != "C.START":
            everyone_agrees(night, gate, step)

    async def then(stage: Night) -> None:
        await end_degraded(stage)
        stage.order(kind="rollback", package="")
        await stage.until_over()

    night = play(tmp_path, STUCK, people=people, then=then)

    assert night.state.hold is not None
    assert night.state.hold.error == "expired"
    assert set(uninstalls(night).values()) == {0}


def test_a_start_is_asked_again_when_the_members_that_are_down_look_otherwise(tmp_path):
    """Its approval is bound to what was seen, and the last look sees something else."""

    def people(night: Night, gate: str, step: str) -> None:
        if step == "C.START" and gate == "G2":
            night.group.add_fault({"name": "member_fails", "member": "1_2", "notes": ["ROUTED"]})
        everyone_agrees(night, gate, step)

    async def then(stage: Night) -> None:
        await end_degraded(stage)
        stage.order(kind="rollback", package="")
        await stage.until_over()

    night = play(tmp_path, STUCK, people=people, then=then)

    opened = [r.body["step"] for r in night.records if r.kind == Kind.GATE_OPENED]
    assert opened == ["PROPOSAL", "C.START", "C.START", "A.FAILOVER"]
    assert uninstalls(night) == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert night.broken() == {}


async def killed_at_the_start(stage: Night) -> None:
    """A rollback of a group that is down dies when its last answer is due."""
    await end_degraded(stage)
    stage.order(kind="rollback", package="")
    assert stage.mortal is not None
    stage.mortal.die_after(Kind.COMMITTING, "C.UNINSTALL")
    await stage.until_over()
    await stage.kill()


def test_a_start_that_was_killed_before_it_began_is_asked_anew(tmp_path):
    """Killed at COMMITTING; meanwhile both who agreed say no: nothing is begun on their old yes."""

    async def then(stage: Night) -> None:
        await killed_at_the_start(stage)
        await stage.clock.sleep(timedelta(minutes=20))
        gate = stage.state().gates["C.START"]
        for vote in gate.votes.values():
            stage.react(gate.name, vote.user, "yes", added=False)
            stage.react(gate.name, vote.user, "no")
        stage.begin()
        await stage.until_over()

    night = play(tmp_path, STUCK, then=then)

    assert night.state.hold is not None
    assert "rejected by" in night.state.hold.reason
    assert set(uninstalls(night).values()) == {0}
    assert night.broken() == {}


# ------------------------------------------------------------ who is down by others' hands


def after_a_down_by_hand(go_on: Then, *faults: dict[str, Any]) -> Then:
    """A run ends after A; then somebody takes 1_1 down by hand, and a rollback is ordered."""

    async def then(stage: Night) -> None:
        await end_degraded(stage)
        stage.group.admin_down(stage.group.member("1_1"))
        await stage.clock.sleep(timedelta(minutes=2))
        for fault in faults:
            stage.group.add_fault(fault)
        stage.order(kind="rollback", package="")
        await go_on(stage)

    return then


def left_alone(night: Played) -> bool:
    """Whether 1_1 is as somebody's hand left it, and no step is about bringing it up."""
    ups = [r for r in night.records if "_UP" in str(r.body.get("kind", ""))]
    sent = [a for a in night.seen["acts"] if a["act"] == "admin_up" and a["member"] == "1_1"]
    return night.states()["1_1"] == "DOWN" and not ups and not sent


def test_an_abort_brings_up_nobody_whom_others_took_down(tmp_path):
    """Killed at COMMITTING and aborted at once: it may be under way, and then it is not."""

    async def go_on(stage: Night) -> None:
        assert stage.mortal is not None
        stage.mortal.die_after(Kind.COMMITTING, "C.UNINSTALL")
        await stage.until_over()
        await stage.kill()
        stage.say("abort")
        stage.begin()
        await stage.until_over()

    night = play(tmp_path, people=rejecting("B.FAILOVER"), then=after_a_down_by_hand(go_on))

    (aborted,) = [r for r in night.records if r.kind == Kind.ABORTED]
    assert aborted.body["case"] == "under_way"
    assert night.state.the_plan.cause.startswith("degraded end")
    causes = [r.body["cause"] for r in night.records if r.kind == Kind.PLANNED]
    assert "abort: left_down" in causes
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "degraded"
    assert night.state.ended["out_of_service"] == ["1_1"]
    assert set(uninstalls(night).values()) == {0}
    assert left_alone(night)
    assert night.broken() == {}


def test_an_abort_after_a_failed_start_brings_up_nobody_whom_others_took_down(tmp_path):
    async def go_on(stage: Night) -> None:
        await stage.until_over()
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)

    fails = {"name": "install_fails", "member": "1_1", "percent": 32}
    night = play(tmp_path, people=rejecting("B.FAILOVER"), then=after_a_down_by_hand(go_on, fails))

    (aborted,) = [r for r in night.records if r.kind == Kind.ABORTED]
    assert aborted.body["case"] == "left_down"
    assert night.state.ended is not None, (night.state.hold, night.said)
    assert night.state.ended["state"] == "degraded"
    assert left_alone(night)
    assert night.broken() == {}


def test_nobody_whom_others_took_down_is_rescued(tmp_path):
    """A member that must carry traffic fails in the dialogue: it holds, and sends nothing."""

    async def go_on(stage: Night) -> None:
        await stage.until_over()

    fails = {"name": "member_fails", "member": "1_4", "when": "dialogue:uninstall:name"}
    night = play(tmp_path, people=rejecting("B.FAILOVER"), then=after_a_down_by_hand(go_on, fails))

    assert night.state.hold is not None, night.state.ended
    assert night.state.hold.step == "C.UNINSTALL"
    assert night.state.of("C.UNINSTALL").status == "intended"
    assert "1_4 is DETACHED" in night.state.hold.reason
    assert night.state.by_hand() == ""
    assert set(uninstalls(night).values()) == {0}
    assert left_alone(night)
