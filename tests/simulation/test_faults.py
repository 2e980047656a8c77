"""Nights on which something goes wrong: what the run does about it, and what the devices saw."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.rehearsal.group import Setup
from storage.records import Draft
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    POLICY,
    REQUESTER,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.played import Played

SPARSE = quick(POLICY, watch=timedelta(seconds=30))


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    package = small_package(tmp_path)

    def played(
        *faults: dict[str, Any],
        people: Reaction = everyone_agrees,
        then: Callable[[Night], Any] | None = None,
        policy: Any = SPARSE,
        hours: float = 6,
    ) -> Played:
        async def night() -> Played:
            stage = Night(
                package,
                setup=Setup(members=4, faults=faults, connections=1000),
                policy=policy,
                people=people,
            )
            stage.begin()
            stage.order()
            state = await stage.until_over(hours=hours)
            if then is not None:
                await then(stage)
                state = stage.state()
            await stage.clock.sleep(timedelta(seconds=1))
            result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
            await stage.close()
            return result

        return run_virtual(night())

    return played


def gate(name: str, **votes: str) -> Reaction:
    """People who agree everywhere but do as told at one gate."""

    def people(night: Night, shown: str, step: str) -> None:
        if shown != name:
            everyone_agrees(night, shown, step)
            return
        for after, (user, choice) in enumerate(votes.items(), start=1):
            night.later(20.0 * after, partial(night.react, name, user, choice))

    return people


# ------------------------------------------------------------------------ people say no


def test_a_rejected_second_failover_holds_and_leaves_b_untouched(play):
    night = play(people=gate("G3", U0NOOR0001="no"))

    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.broken() == {}


def test_after_a_rejection_abort_ends_with_cloning_owed(play):
    async def abort(stage: Night) -> None:
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)

    night = play(people=gate("G3", U0NOOR0001="no"), then=abort)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"
    assert night.state.ended["cloning_owed"] is True
    assert night.seen["auto_clone"]["after"] == "off"
    assert night.broken() == {}


def test_a_rollback_midway_takes_a_back_with_a_gate_of_its_own(play):
    async def roll_back(stage: Night) -> None:
        stage.say("rollback")
        await stage.until(lambda s: s.ended is not None)

    night = play(people=gate("G3", U0NOOR0001="no"), then=roll_back)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "rolled back"
    assert night.state.gates_asked == 4
    assert {m["take_after"] for m in night.seen["members"]} == {99}
    assert {m["id"]: m["uninstalls_started"] for m in night.seen["members"]} == {
        "1_1": 1,
        "1_2": 1,
        "1_3": 0,
        "1_4": 0,
    }
    assert night.seen["auto_clone"] == {"before": "on", "after": "on"}
    assert night.seen["objections"] == []
    assert night.broken() == {}


def test_there_is_nothing_to_roll_back_before_a_group_was_changed(play):
    async def roll_back(stage: Night) -> None:
        stage.say("rollback")
        await stage.clock.sleep(timedelta(seconds=30))

    night = play(people=gate("G2", U0NOOR0001="no"), then=roll_back)

    assert night.state.hold is not None
    assert any("nothing to roll back" in text for _, text in night.said)


def test_the_requesters_yes_does_not_count_but_the_requesters_no_stops(play):
    night = play(people=gate("G2", U0RITA0001="yes", U0ANA00001="yes"), hours=0.2)

    assert night.state.of("A.ADMIN_DOWN").status == "waiting"
    assert any("you asked for this run" in text for _, text in night.said)

    night = play(people=gate("G2", U0RITA0001="no"))

    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"


def test_a_vote_withdrawn_in_the_grace_time_stops_the_failover(play):
    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(48, lambda: night.react("G2", "U0BEN00001", "yes", added=False))

    night = play(people=people, hours=0.3)

    assert night.state.of("A.ADMIN_DOWN").status == "waiting"
    assert Kind.WITHDRAWN in night.kinds()
    assert night.broken() == {}


def test_nobody_votes_and_the_gate_expires(play):
    night = play(people=lambda stage, name, step: None)

    assert night.state.hold is not None
    assert night.state.hold.error == "expired"
    assert night.kinds().count(Kind.REMINDED) == 3


def test_slack_away_at_the_last_look_means_no_failover_until_it_is_back(play):
    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(46, lambda: setattr(night.crowd, "away", True))
            night.later(300, lambda: setattr(night.crowd, "away", False))

    night = play(people=people)

    down = next(
        r for r in night.records if r.kind == Kind.INTENDED and r.body["step"] == "A.ADMIN_DOWN"
    )
    opened = next(
        r for r in night.records if r.kind == Kind.GATE_OPENED and r.body["step"] == "A.FAILOVER"
    )
    assert (down.at - opened.at).total_seconds() > 290
    assert night.state.ended is not None
    assert night.broken() == {}


# ------------------------------------------------------------------------ facts change


def test_facts_that_change_after_the_vote_void_it_and_the_gate_is_asked_again(play):
    night = play({"name": "core_dump", "after_s": 1, "member": "1_4"}, people=everyone_agrees)
    assert night.state.ended is not None, "a core dump is a check, not a fact of the digest"

    def people(stage: Night, name: str, step: str) -> None:
        everyone_agrees(stage, name, step)
        if name == "G2":
            stage.later(
                30,
                lambda: stage.group.add_fault(
                    {"name": "member_fails", "member": "1_4", "after_s": 0}
                ),
            )

    night = play(people=people)

    assert (
        any(r.kind == Kind.GATE_CLOSED and r.body["outcome"] == "superseded" for r in night.records)
        or night.state.hold is not None
    )
    assert night.installs() == {"1_1": 0, "1_2": 0, "1_3": 0, "1_4": 0}
    assert night.broken() == {}


# ------------------------------------------------------------------------ with a group down


def test_a_member_of_b_failing_before_the_install_brings_a_back_up(play):
    night = play({"name": "member_fails", "member": "1_3", "when": "admin_down:1_2", "delay_s": 5})

    assert night.state.hold is not None
    assert "A" in night.state.rescued
    assert night.states()["1_1"] == night.states()["1_2"] == "ACTIVE"
    assert set(night.installs().values()) == {0}
    assert night.broken() == {}
    assert night.seen["objections"] == []


def test_after_a_rescue_and_a_recovery_retry_asks_again_and_finishes(play):
    async def retry(stage: Night) -> None:
        stage.group.add_fault({"name": "member_recovers", "member": "1_3", "after_s": 0})
        await stage.clock.sleep(timedelta(minutes=3))
        stage.say("retry")
        await stage.until(lambda s: s.ended is not None)

    night = play(
        {"name": "member_fails", "member": "1_3", "when": "admin_down:1_2", "delay_s": 5},
        then=retry,
    )

    assert night.state.ended is not None
    assert night.state.gates_asked == 4
    assert set(night.installs().values()) == {1}
    assert night.broken() == {}


def test_an_unknown_prompt_is_not_answered_and_abort_brings_the_group_up(play):
    async def abort(stage: Night) -> None:
        held = stage.state().hold
        assert held is not None
        assert held.error == "UnknownPrompt"
        assert stage.group.states()["1_1"] == "DOWN"
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)

    night = play({"name": "unknown_prompt", "in": "install"}, then=abort)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"
    assert set(night.installs().values()) == {0}
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.seen["auto_clone"]["after"] == "on"
    assert night.broken() == {}


def test_abort_while_installing_waits_for_the_group_and_leaves_b_alone(play):
    async def abort(stage: Night) -> None:
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)

    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(500, lambda: night.say("abort"))

    night = play(people=people)

    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.state.ended["cloning_owed"] is True
    assert night.broken() == {}


def test_halt_while_a_group_is_down_sends_nothing_until_resume(play):
    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(58, lambda: night.say("halt"))
            night.later(3000, lambda: night.say("resume"))

    night = play(people=people)

    assert night.state.ended is not None
    halted = next(r for r in night.records if r.kind == Kind.HALTED)
    resumed = next(r for r in night.records if r.kind == Kind.RESUMED)
    acts = [r for r in night.records if r.kind in (Kind.INTENDED, Kind.COMMITTING)]
    assert not [r for r in acts if halted.seq < r.seq < resumed.seq]
    assert set(night.installs().values()) == {1}
    assert night.broken() == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "install_fails", "member": "1_1", "percent": 40, "message": "Installation failed"},
        {"name": "wrong_take", "member": "1_2", "take": 99},
        {"name": "policy_missing", "member": "1_1"},
        {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]},
        {"name": "down_refused", "member": "1_1"},
        {"name": "import_missing", "member": "1_3"},
        {"name": "other_build", "member": "1_3", "build": 101},
        {"name": "verify_denied", "member": "1_2", "text": "Not enough disk space"},
        {"name": "disk_full"},
        {"name": "auto_clone_on", "when": "rebooted:1_1"},
        {"name": "unknown_prompt", "in": "admin_down"},
    ],
    ids=lambda fault: fault["name"],
)
def test_what_the_device_refuses_becomes_a_hold_and_nothing_unsafe(play, fault):
    night = play(fault)

    assert night.state.hold is not None, night.kinds()[-5:]
    assert night.state.hold.error not in ("Broken", "LookupError"), night.state.hold
    assert night.broken() == {}
    assert max(night.installs().values()) <= 1
    assert night.seen["active_min"] >= 2
    assert night.seen["connections_lost"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "drop_sessions", "when": "dialogue:install:name"},
        {"name": "drop_sessions", "when": "install_started:1_1"},
        {"name": "drop_sessions", "when": "dialogue:admin_down:name"},
        {"name": "blind", "seconds": 200, "when": "install_started:1_1"},
        {"name": "blind", "seconds": 100, "when": "import"},
        {"name": "slow_return", "member": "1_1", "seconds": 300},
    ],
    ids=lambda fault: f"{fault['name']}-{fault.get('when', '')}",
)
def test_what_only_disturbs_is_ridden_out(play, fault):
    night = play(fault)

    assert night.state.hold is None, night.state.hold
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    assert set(night.installs().values()) == {1}
    assert night.broken() == {}
    assert night.seen["objections"] == []
    assert night.state.hold is None


def test_a_failed_installation_is_tried_again_only_after_retry(play):
    async def retry(stage: Night) -> None:
        stage.say("retry", REQUESTER)
        await stage.until(
            lambda s: s.ended is not None or (s.hold is not None and s.of("A.INSTALL").attempt > 1)
        )

    night = play(
        {"name": "install_fails", "member": "1_1", "percent": 10, "message": "Installation failed"},
        then=retry,
    )

    assert night.broken() == {}
    assert Kind.RETRIED in night.kinds()


def test_a_word_to_a_run_that_has_ended_is_answered_and_does_not_stay(play):
    async def late(stage: Night) -> None:
        stage.say("abort")
        await stage.clock.sleep(timedelta(seconds=90))
        assert stage.stores.inbox.waiting() == []

    night = play(then=late)

    assert any("has ended" in text for _, text in night.said)


def test_after_an_abort_a_member_that_stays_away_needs_the_votes_of_a_failover_to_end(play):
    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(300, lambda: night.say("abort"))

    async def wait(stage: Night) -> None:
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)

    night = play(
        {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}, people=people, then=wait
    )

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "degraded"
    assert night.state.ended["out_of_service"] == ["1_2"]
    assert night.state.ended["cloning_owed"] is True
    assert any(r.kind == Kind.GATE_OPENED and "DEGRADED" in r.body["step"] for r in night.records)
    assert night.broken() == {}


def test_after_an_abort_a_member_without_its_policy_is_agreed_to_once(play):
    async def end(stage: Night) -> None:
        stage.say("abort")
        await stage.clock.sleep(timedelta(seconds=30))
        await stage.until_over(hours=1)

    night = play({"name": "policy_missing", "member": "1_2"}, then=end)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "degraded"
    assert night.state.ended["out_of_service"] == ["1_2"]
    opened = [r.body for r in night.records if r.kind == Kind.GATE_OPENED]
    ends = [body for body in opened if body["step"].startswith("DEGRADED")]
    assert [body["evidence"]["out_of_service"] for body in ends] == [["1_2"]]
    assert night.broken() == {}


def test_whoever_fails_before_the_last_look_of_a_degraded_end_has_people_asked_again(play):
    degraded: list[str] = []

    def people(night: Night, name: str, step: str) -> None:
        if step.startswith("DEGRADED"):
            degraded.append(name)
            for one in ("1_3", "1_4") if len(degraded) == 1 else ():
                night.group.add_fault({"name": "member_fails", "member": one, "after_s": 0})
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(300, lambda: night.say("abort"))

    async def wait(stage: Night) -> None:
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None)

    stuck = {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}
    night = play(stuck, people=people, then=wait)

    assert len(degraded) == 2
    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["out_of_service"] == ["1_2", "1_3", "1_4"]
    closed = [r.body for r in night.records if r.kind == Kind.GATE_CLOSED]
    ends = [b for b in closed if b["step"].startswith("DEGRADED")]
    assert [b["outcome"] for b in ends] == ["approved", "superseded", "approved"]
    assert "1_3: state ACTIVE" in ends[1]["reason"]
    assert night.broken() == {}


def test_retry_gives_a_group_that_is_late_the_whole_time_again(play):
    async def retry(stage: Night) -> None:
        stage.say("retry")
        await stage.until(lambda s: s.ended is not None)

    night = play({"name": "slow_return", "member": "1_2", "seconds": 2400}, then=retry)

    assert night.kinds().count(Kind.HELD) == 1
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"


def test_a_policy_installed_in_the_night_is_told_and_does_not_lock_the_run(play):
    night = play({"name": "policy_installed", "when": "install_progress:1_1:32"})

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    assert [a for a in night.state.alarms if a["what"] == "policy"]
    last = [r for r in night.records if r.kind == Kind.DONE and r.body["step"] == "POSTFLIGHT"]
    assert any("policy on" in one for one in last[-1].body["not_by_us"])
    assert night.broken() == {}


def test_a_halt_is_heard_while_nobody_answers(play):
    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            night.later(400, lambda: night.say("halt"))

    async def look(stage: Night) -> None:
        await stage.until(lambda s: bool(s.halted))

    night = play(
        {"name": "blind", "seconds": 560, "when": "install_progress:1_1:24"},
        people=people,
        then=look,
        hours=0.25,
    )

    halted = next(r for r in night.records if r.kind == Kind.HALTED)
    opened = next(r for r in night.records if r.kind == Kind.GATE_OPENED and "A." in r.body["step"])
    assert (halted.at - opened.at).total_seconds() < 450
    assert night.broken() == {}


def test_cloning_that_an_earlier_run_owes_is_settled_by_the_run_that_finishes(play):
    def owes(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G1":
            body = {"group": "site-1", "run": "hf-earlier", "was": True}
            night.stores.journal.append(
                "house",
                [Draft(Kind.OWED, night.clock.now(), "engine", body)],
                lease=None,
                last_seq=0,
            )
            for member in night.group.members.values():
                member.auto_clone = False

    night = play(people=owes)

    assert night.state.ended is not None
    assert night.state.ended["cloning_owed"] is False
    assert night.seen["auto_clone"]["after"] == "on"
    assert night.broken() == {}


def test_a_member_that_fails_while_the_group_goes_down_is_not_waited_out(play):
    night = play(
        {"name": "down_refused", "member": "1_2", "when": "admin_down:1_1"},
        {"name": "member_fails", "member": "1_3", "when": "admin_down:1_1", "delay_s": 40},
        hours=1,
    )
    committed = next(r.at for r in night.records if r.kind == Kind.COMMITTING)
    rescue = next(r.at for r in night.records if r.body.get("what") == "rescue")

    assert rescue - committed < timedelta(minutes=3)
    assert night.states()["1_1"] == night.states()["1_2"] == "ACTIVE"
    assert night.state.hold is not None
    assert night.broken() == {}
