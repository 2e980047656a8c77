"""Where a night holds, and what it does not do then: each hold comes at the step that sees it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConditionFailed
from engine.facts import GroupFacts
from engine.fold import RunState
from engine.gaia import probe
from engine.group import LiveGroup
from engine.journal import Kind
from engine.policy import Limits, Policy
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.played import Played

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
Story = Callable[[Night], Awaitable[Any]]


def play(
    tmp_path: Path,
    *faults: dict[str, Any],
    people: Reaction = everyone_agrees,
    beside: Story | None = None,
    then: Story | None = None,
    policy: Policy = SPARSE,
    hours: float = 3,
) -> Played:
    """Play a night up to its end or its hold; `beside` goes on meanwhile, `then` afterwards."""

    async def night() -> Played:
        setup = Setup(members=4, faults=faults, connections=1000)
        stage = Night(small_package(tmp_path), setup=setup, policy=policy, people=people)
        stage.begin()
        stage.order()
        tasks = [asyncio.ensure_future(told(stage)) for told in (beside,) if told is not None]
        await stage.until_over(hours=hours)
        if then is not None:
            await then(stage)
        played = Played(
            stage.state(), stage.group.report(), list(stage.records()), stage.said.texts
        )
        for task in tasks:
            task.cancel()
        await stage.close()
        return played

    return run_virtual(night())


def at(gate: str, do: Callable[[Night], None]) -> Reaction:
    """People agree everywhere, and something is arranged when a gate is shown."""

    def people(night: Night, shown: str, step: str) -> None:
        everyone_agrees(night, shown, step)
        if shown == gate:
            do(night)

    return people


def held(night: Played) -> tuple[str, str]:
    """Return where and why the night held first."""
    return next((r.body["step"], r.body["error"]) for r in night.records if r.kind == Kind.HELD)


def intended(night: Played) -> list[str]:
    return [r.body["step"] for r in night.records if r.kind == Kind.INTENDED]


def acts(night: Played, act: str) -> list[str]:
    """Return the members on which the devices saw an act."""
    return [one["member"] for one in night.seen["acts"] if one["act"] == act]


@pytest.mark.parametrize(
    ("fault", "step", "error"),
    [
        ({"name": "disk_full"}, "UPLOAD", "StepFailed"),
        ({"name": "import_missing", "member": "1_3"}, "IMPORT", "TooLate"),
        ({"name": "other_build", "member": "1_3", "build": 101}, "IMPORT", "StepFailed"),
        ({"name": "verify_denied", "member": "1_2", "text": "No room"}, "VERIFY", "StepFailed"),
        ({"name": "down_refused", "member": "1_4"}, "B.READY", "StepFailed"),
        (
            {"name": "install_fails", "member": "1_1", "percent": 40, "message": "No"},
            "A.INSTALL",
            "InDoubt",
        ),
        ({"name": "wrong_take", "member": "1_2", "take": 99}, "A.RETURN", "StepFailed"),
        ({"name": "policy_missing", "member": "1_1"}, "A.RETURN", "ConditionFailed"),
        ({"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}, "A.RETURN", "TooLate"),
        ({"name": "auto_clone_on", "when": "rebooted:1_1"}, "B.READY", "EffectGone"),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_hold_comes_at_the_step_that_sees_it(tmp_path, fault, step, error):
    night = play(tmp_path, fault)

    assert held(night) == (step, error)
    assert night.broken() == {}


def test_a_group_with_another_policy_is_not_back(tmp_path):
    async def install_elsewhere(night: Night) -> None:
        await night.group.wait_for("returned:1_1", within=timedelta(hours=2))
        member = night.group.members["1_1"]
        member.policy = replace(member.policy, name="Another")

    night = play(tmp_path, beside=install_elsewhere)

    assert held(night) == ("A.RETURN", "TooLate")


def test_who_leaves_service_while_a_group_stands_its_time_holds(tmp_path):
    async def come_and_go(night: Night) -> None:
        await night.until(lambda s: s.of("A.RETURN").status == "done")
        fails = {"name": "member_fails", "member": "1_3", "notes": ["FSYNC"], "after_s": 0}
        night.group.add_fault(fails)
        await night.clock.sleep(timedelta(seconds=90))
        night.group.add_fault({"name": "member_recovers", "member": "1_3", "after_s": 0})

    night = play(tmp_path, beside=come_and_go)

    assert held(night) == ("A.SOAK", "ConditionFailed")


def test_a_member_that_leaves_after_everything_was_checked_keeps_the_run_from_its_end(
    tmp_path, monkeypatch
):
    read, nights = probe.read_look, []

    async def come(night: Night) -> None:
        nights.append(night)

    def away(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        facts = read(text, at, *before, **named)
        over = nights[0].records() and nights[0].state().of("POSTFLIGHT").status == "done"
        ill = (replace(m, notes=("FSYNC",)) if m.id == "1_3" else m for m in facts.members)
        return replace(facts, members=tuple(ill)) if over else facts

    monkeypatch.setattr(probe, "read_look", away)
    night = play(tmp_path, beside=come)

    assert held(night) == ("", "ConditionFailed")
    assert "the run cannot end: 1_3 is ACTIVE (FSYNC)" in str(night.state.hold)
    assert night.state.ended is None


def test_a_line_that_acts_is_refused_by_the_device_while_another_member_is_away(tmp_path):
    async def act() -> tuple[list[str], dict[str, str]]:
        night = Night(small_package(tmp_path), setup=Setup(members=4))
        night.group.add_fault({"name": "member_fails", "member": "1_4", "after_s": 0})
        committed: list[str] = []

        async def commit(on: str) -> None:
            committed.append(on)

        live = LiveGroup(night.shell, night.clock, SPARSE)
        with pytest.raises(ConditionFailed, match=r"not all of 1_3, 1_4 are active"):
            await live.admin_state(
                "down",
                ["1_1", "1_2"],
                at="1_3",
                outside=["1_3", "1_4"],
                name="ana",
                reason="hf-1",
                accelerated=False,
                commit=commit,
            )
        states = night.group.states()
        await night.close()
        return committed, states

    committed, states = run_virtual(act())

    assert committed == []
    assert states["1_1"] == states["1_2"] == "ACTIVE"


def test_a_gate_that_facts_reopen_three_times_holds(tmp_path):
    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if step == "A.FAILOVER":
            night.later(48, lambda: night.group.add_fault({"name": "policy_installed"}))

    night = play(tmp_path, people=people)

    assert held(night) == ("A.FAILOVER", "InDoubt")
    assert "changed 3 times while people voted" in str(night.state.hold)
    assert acts(night, "admin_down") == []


def test_retry_leads_out_of_a_gate_that_facts_reopened_three_times(tmp_path):
    asked: list[str] = []

    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        asked.append(step)
        if step == "A.FAILOVER" and asked.count(step) <= 3:
            night.later(48, lambda: night.group.add_fault({"name": "policy_installed"}))

    async def retry(stage: Night) -> None:
        assert stage.state().reopenings == {"A.FAILOVER": 3}
        stage.say("retry")
        await stage.until(lambda s: s.ended is not None)

    night = play(tmp_path, people=people, then=retry, hours=6)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    assert night.state.reopenings == {}
    assert asked.count("A.FAILOVER") == 4


# ---------------------------------------------------------------------------------- too late

DROPPED = {"name": "drop_sessions", "when": "dialogue:admin_down:name"}


@pytest.mark.parametrize(
    ("limits", "fault", "step"),
    [
        (Limits(install=timedelta(minutes=5)), None, "A.INSTALL"),
        (Limits(admin_down=timedelta(seconds=5)), DROPPED, "A.ADMIN_DOWN"),
    ],
    ids=["install", "admin-down"],
)
def test_what_does_not_come_in_time_holds_at_its_step(tmp_path, limits, fault, step):
    night = play(tmp_path, *([fault] if fault else []), policy=quick(SPARSE, limits=limits))

    assert held(night) == (step, "TooLate")


def test_a_group_that_does_not_go_up_in_time_holds(tmp_path):
    async def abort(night: Night) -> None:
        night.group.add_fault(DROPPED)
        night.say("abort")
        await night.until(lambda s: bool(s.aborted))
        await night.until_over()

    night = play(
        tmp_path,
        {"name": "unknown_prompt", "in": "install"},
        then=abort,
        policy=quick(SPARSE, limits=Limits(admin_down=timedelta(seconds=5))),
    )

    assert night.state.hold is not None
    assert (night.state.hold.step, night.state.hold.error) == ("A.ADMIN_UP.r2", "TooLate")


def test_cpuse_that_stays_busy_holds(tmp_path, monkeypatch):
    read, nights = probe.read_look, []

    async def come(night: Night) -> None:
        nights.append(night)

    def busy(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        facts = read(text, at, *before, **named)
        uploaded = nights[0].records() and nights[0].state().of("UPLOAD").status == "done"
        members = (replace(m, agent_busy=bool(uploaded)) for m in facts.members)
        return replace(facts, members=tuple(members))

    monkeypatch.setattr(probe, "read_look", busy)
    limits = Limits(importing=timedelta(minutes=2))
    night = play(tmp_path, beside=come, policy=quick(SPARSE, limits=limits), hours=1)

    assert held(night) == ("IMPORT", "TooLate")


def test_being_blind_for_longer_than_the_limit_holds(tmp_path):
    blind = {"name": "blind", "seconds": 3000, "when": "install_started:1_1"}
    night = play(tmp_path, blind)

    assert held(night) == ("A.INSTALL", "MemberUnreachable")


DB_BUSY = "ERROR: Could not get Security Group from db"


def unreadable(
    monkeypatch,
    seconds: float,
    *,
    section: str = "cloning",
    since_when: Callable[[RunState], bool] = lambda state: state.of("UPLOAD").status == "done",
) -> Story:
    """From the import on, or when it is said, gClish answers so long that its database is busy."""
    read, nights, since = probe.read_look, [], []

    async def come(night: Night) -> None:
        nights.append(night)

    def busy(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        if nights[0].records() and since_when(nights[0].state()):
            since.append(at)
        if since and at - since[0] < timedelta(seconds=seconds):
            head, _, rest = text.partition(f"@@{section}\n")
            text = f"{head}@@{section}\n{DB_BUSY}\n{rest[rest.index('@@') :]}"
        return read(text, at, *before, **named)

    monkeypatch.setattr(probe, "read_look", busy)
    return come


def test_what_cannot_be_read_for_a_moment_is_looked_at_again(tmp_path, monkeypatch):
    night = play(tmp_path, beside=unreadable(monkeypatch, 300))

    assert night.state.hold is None
    assert night.state.of("POSTFLIGHT").status == "done"


def test_what_cannot_be_read_for_longer_than_the_limit_holds_with_its_text(tmp_path, monkeypatch):
    night = play(tmp_path, beside=unreadable(monkeypatch, 3000))

    assert held(night) == ("IMPORT", "UnexpectedOutput")
    assert any(DB_BUSY in str(record.body.get("text", "")) for record in night.records)


def a_was_taken_down(state: RunState) -> bool:
    return state.of("A.ADMIN_DOWN").committed_at is not None


@pytest.mark.parametrize("section", ["cloning", "policy"])
def test_what_cannot_be_read_does_not_blind_for_a_member_that_leaves_with_a_group_down(
    tmp_path, monkeypatch, section
):
    story = unreadable(monkeypatch, 3000, section=section, since_when=a_was_taken_down)
    fault = {"name": "member_fails", "member": "1_4", "when": "admin_down:1_2", "delay_s": 5}
    night = play(tmp_path, fault, beside=story)

    assert "A" in night.state.rescued
    assert night.states()["1_1"] == night.states()["1_2"] == "ACTIVE"
    assert set(night.installs().values()) == {0}
    assert night.broken() == {}


@pytest.mark.parametrize("section", ["cloning", "policy"])
def a_is_at_work(state: RunState) -> bool:
    return state.of("A.INSTALL").committed_at is not None


@pytest.mark.parametrize("since_when", [a_was_taken_down, a_is_at_work])
@pytest.mark.parametrize("section", ["cloning", "policy"])
def test_what_cannot_be_read_for_a_while_is_waited_for_with_a_group_down(
    tmp_path, monkeypatch, section, since_when
):
    night = play(
        tmp_path, beside=unreadable(monkeypatch, 60, section=section, since_when=since_when)
    )

    assert Kind.HELD not in [record.kind for record in night.records]
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    assert night.state.alarms == []


@pytest.mark.parametrize("section", ["cloning", "policy"])
def test_nothing_is_installed_while_it_cannot_be_read_what_must_hold_for_that(
    tmp_path, monkeypatch, section
):
    story = unreadable(monkeypatch, 3000, section=section, since_when=a_was_taken_down)
    night = play(tmp_path, beside=story)

    assert set(night.installs().values()) == {0}
    assert held(night) == ("A.ADMIN_DOWN", "UnexpectedOutput")
    assert night.broken() == {}


def without_take(monkeypatch, member: str, since_when: Callable[[RunState], bool]) -> Story:
    """For a minute cpinfo says on one member only that another one is running."""
    take = re.compile(rf"(@member {member}\b.*?@take\b).*?(?=\n[^\n]*@\w)", re.DOTALL)
    read, nights, since = probe.read_look, [], []

    async def come(night: Night) -> None:
        nights.append(night)

    def busy(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        if nights[0].records() and since_when(nights[0].state()):
            since.append(at)
        if since and at - since[0] < timedelta(seconds=60):
            text, found = take.subn(r"\1\ncpinfo: another instance is running", text, count=1)
            assert found
        return read(text, at, *before, **named)

    monkeypatch.setattr(probe, "read_look", busy)
    return come


def a_is_back(state: RunState) -> bool:
    return state.of("A.INSTALL").status == "done"


@pytest.mark.parametrize(
    ("member", "since_when"),
    [("1_0?4", a_was_taken_down), ("1_0?4", a_is_at_work), ("1_0?2", a_is_back)],
)
def test_a_take_that_cannot_be_read_for_a_while_moves_no_traffic(
    tmp_path, monkeypatch, member, since_when
):
    night = play(tmp_path, beside=without_take(monkeypatch, member, since_when))

    assert Kind.HELD not in [record.kind for record in night.records]
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    assert night.state.alarms == []
    assert acts(night, "admin_up") == []


# -------------------------------------------------------------------------------- the rescue


def test_a_member_that_is_away_for_one_look_turns_no_night_around(tmp_path):
    async def recover_between_two_looks(night: Night) -> None:
        while not any(m.id == "1_3" and m.notes for m in members_seen(night)):
            await night.clock.sleep(timedelta(seconds=1))
        await night.clock.sleep(timedelta(seconds=4))
        night.group.add_fault({"name": "member_recovers", "member": "1_3", "after_s": 0})

    fails = {"name": "member_fails", "member": "1_3", "notes": ["FSYNC"]}
    night = play(
        tmp_path, {**fails, "when": "admin_down:1_2"}, beside=recover_between_two_looks, hours=1
    )

    assert "A.RESCUE_UP" not in intended(night)
    assert acts(night, "admin_up") == []


def members_seen(night: Night) -> Sequence[Any]:
    """Return the members as the executor saw them last."""
    records = night.records()
    facts = night.state().facts if records else None
    return facts.members if facts else ()


def test_a_member_that_fails_while_others_install_is_told_and_no_reason_to_act(tmp_path):
    fault = {"name": "member_fails", "member": "1_3", "when": "install_progress:1_1:16"}
    limits = Limits(install=timedelta(minutes=8))
    night = play(tmp_path, fault, policy=quick(SPARSE, limits=limits))

    assert held(night) == ("A.INSTALL", "TooLate")
    assert [a["what"] for a in night.state.alarms] == ["traffic"]
    assert "A.RESCUE_UP" not in intended(night)
    assert acts(night, "admin_up") == []


# ------------------------------------------------------------------------- killed in between


def test_killed_right_after_a_failover_the_next_executor_sees_it_and_orders_nothing(tmp_path):
    async def kill(night: Night) -> None:
        await night.group.wait_for("admin_down:1_2", within=timedelta(hours=1))
        await night.kill()
        night.begin()
        await night.until_over()

    night = play(tmp_path, then=kill, hours=0.0)

    assert acts(night, "admin_down") == ["1_1", "1_2", "1_3", "1_4"]
    assert night.state.of("A.ADMIN_DOWN").how == "seen"
    assert night.broken() == {}


def test_auto_clone_that_comes_on_during_the_work_is_told_before_the_first_restart(tmp_path):
    night = play(tmp_path, {"name": "auto_clone_on", "when": "install_progress:1_1:40"})

    (alarm,) = [r for r in night.records if r.kind == Kind.ALARMED]
    restarted = next(
        r.at for r in night.records if any("DETACHED" in c for c in r.body.get("changes", ()))
    )
    assert (alarm.body["what"], alarm.body["mention"]) == ("cloning on", True)
    assert alarm.at < restarted
    assert held(night) == ("A.INSTALL", "InDoubt")
    assert night.state.hold is not None
    assert "auto-clone" in night.state.hold.reason
