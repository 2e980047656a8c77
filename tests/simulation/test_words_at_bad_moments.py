"""Words, votes and faults at the worst moment: between two looks, twice, or while we come back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine import promises
from engine.facts import GroupFacts
from engine.gaia import probe
from engine.journal import Kind
from engine.policy import Limits
from engine.ports import PackageFile
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, Shelf, everyone_agrees, quick, small_package
from tests.simulation.played import Played

Direction = Callable[[Night], None]


def directed(
    package: Path,
    at_g2: Direction,
    *faults: dict[str, Any],
    after: Callable[[Night], Any] | None = None,
    hours: float = 1,
) -> Played:
    """Play a night on which everybody agrees, and something is arranged when G2 is shown."""

    def people(night: Night, name: str, step: str) -> None:
        everyone_agrees(night, name, step)
        if name == "G2":
            at_g2(night)

    async def play() -> Played:
        stage = Night(
            package,
            setup=Setup(members=4, faults=faults, connections=1000),
            policy=quick(POLICY, watch=timedelta(seconds=30)),
            people=people,
        )
        stage.begin()
        stage.order()
        state = await stage.until_over(hours=hours)
        if after is not None:
            await after(stage)
            state = stage.state()
        played = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
        await stage.close()
        return played

    return run_virtual(play())


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return small_package(tmp_path)


def another_smo_for_a_moment(night: Night) -> None:
    """The SMO is another member at the last look, and the former one again three seconds later."""

    def smo(member: str) -> None:
        night.group.smo = member
        night.group.silence(0.01, "the SMO moved")

    night.later(54, partial(smo, "1_2"))
    night.later(57, partial(smo, "1_1"))


def acts_after(played: Played, kind: str) -> list[str]:
    """Return the steps intended or committed after the first record of a kind."""
    first = next(r.seq for r in played.records if r.kind == kind)
    acts = [r for r in played.records if r.kind in (Kind.INTENDED, Kind.COMMITTING)]
    return [r.body["step"] for r in acts if r.seq > first]


# ------------------------------------------------------------------- between two looks


def test_a_difference_that_passes_at_the_last_look_does_not_enter_the_intent(package):
    night = directed(package, another_smo_for_a_moment)

    changes = [r.body["changes"] for r in night.records if r.kind == Kind.SEEN]
    assert ["smo: 1_1 → 1_2"] in changes
    assert night.broken() == {}
    assert night.installs()["1_1"] == 1


def test_an_abort_between_two_looks_takes_no_group_down(package):
    def direct(night: Night) -> None:
        another_smo_for_a_moment(night)
        night.later(60, partial(night.say, "abort"))

    night = directed(package, direct)

    assert night.state.ended is not None
    assert "A.ADMIN_DOWN" not in acts_after(night, Kind.ABORTED)
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.broken() == {}


def test_a_halt_between_two_looks_takes_no_group_down(package):
    def direct(night: Night) -> None:
        another_smo_for_a_moment(night)
        night.later(60, partial(night.say, "halt"))

    night = directed(package, direct, hours=0.3)

    assert acts_after(night, Kind.HALTED) == []
    assert night.broken() == {}


@pytest.mark.parametrize("word", ["halt", "abort"])
def test_a_word_between_the_two_looks_of_a_rescue_comes_first(package, word):
    def direct(night: Night) -> None:
        async def say() -> None:
            await night.group.wait_for("failed", within=timedelta(hours=1))
            night.say(word)

        night.later(0, lambda: waiting.append(asyncio.ensure_future(say())))

    waiting: list[asyncio.Future[None]] = []
    fault = {"name": "member_fails", "member": "1_3", "when": "admin_down:1_2", "delay_s": 5}
    night = directed(package, direct, fault, hours=0.3)

    assert night.broken() == {}
    if word == "halt":
        assert acts_after(night, Kind.HALTED) == []
    else:
        assert night.states()["1_1"] == night.states()["1_2"] == "ACTIVE"


# ---------------------------------------------------------------------------- aborted twice


@pytest.mark.parametrize("again_after", [1, 30, 70])
def test_a_second_abort_does_not_leave_the_group_down(package, again_after):
    def direct(night: Night) -> None:
        night.later(62, partial(night.say, "abort"))
        night.later(62 + again_after, partial(night.say, "abort"))

    night = directed(package, direct)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "aborted"
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.seen["auto_clone"] == {"before": "on", "after": "on"}
    assert night.broken() == {}


def test_an_abort_while_a_package_without_reboot_waits_brings_the_group_up(package):
    async def late_abort() -> Night:
        stage = Night(
            package,
            setup=Setup(members=4, connections=1000, reboots=False),
            # Held before the quiet time is over, after which it would be brought up without a word.
            policy=quick(POLICY, limits=Limits(comeback=timedelta(seconds=60))),
        )
        stage.begin()
        stage.order()
        held = (await stage.until(lambda s: s.hold is not None)).hold
        assert held is not None
        assert (held.step, held.error) == ("A.RETURN", "TooLate")
        stage.say("abort")
        await stage.until(lambda s: s.ended is not None, hours=1)
        await stage.close()
        return stage

    night = run_virtual(late_abort())

    assert set(night.group.states().values()) == {"ACTIVE"}
    ended = night.state().ended
    assert ended is not None
    assert ended["state"] == "aborted"


def test_an_order_that_meets_a_mistake_of_ours_is_refused_once(package, monkeypatch):
    asked = []

    async def unreadable(self: Shelf, name: str, *, sha256: str | None = None) -> PackageFile:
        asked.append(name)
        raise PermissionError(13, "Permission denied")

    async def order() -> Night:
        stage = Night(package, setup=Setup(members=4))
        stage.begin()
        stage.order()
        await stage.clock.sleep(timedelta(minutes=1))
        await stage.close()
        return stage

    monkeypatch.setattr(Shelf, "find", unreadable)
    night = run_virtual(order())

    assert len(asked) == 1
    assert "a mistake of ours (PermissionError" in night.said.texts[0][1]


# ------------------------------------------------------------- what was there, and is not


def test_a_member_that_the_device_no_longer_lists_does_not_count_as_in_service(
    package, monkeypatch
):
    read = probe.read_look

    def without_the_dead(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        facts = read(text, at, *before, **named)
        there = tuple(m for m in facts.members if m.answered or m.id != "1_4")
        return replace(facts, members=there)

    monkeypatch.setattr(probe, "read_look", without_the_dead)
    fault = {"name": "member_fails", "member": "1_4", "when": "admin_down:1_2", "delay_s": 5}
    night = directed(package, lambda _: None, fault, hours=0.5)

    assert set(night.installs().values()) == {0}
    assert night.states()["1_1"] == night.states()["1_2"] == "ACTIVE"
    assert night.broken() == {}


def test_an_smo_that_moves_between_upload_and_import_costs_one_retry(package):
    async def retry(stage: Night) -> None:
        stage.say("retry")
        await stage.until(lambda s: s.of("IMPORT").status == "done", hours=0.2)

    fault = {
        "name": "smo_moves",
        "member": "1_2",
        "seconds": 4000,
        "when": "command:installer import",
    }
    night = directed(package, lambda _: None, fault, after=retry)

    assert night.state.of("IMPORT").status == "done"
    assert [r.body["steps"] for r in night.records if r.kind == Kind.UNDONE] == [["UPLOAD"]]
    assert night.broken() == {}


# --------------------------------------------------------------------- approved, then undone

FAILS_AND_RECOVERS = {
    "name": "member_fails",
    "member": "1_3",
    "notes": ["FSYNC"],
    "when": "admin_down:1_2",
    "delay_s": 5,
}


async def recover_and_retry(stage: Night) -> None:
    """The member is as it was before, and somebody says retry while the approval is still good."""
    stage.group.add_fault({"name": "member_recovers", "member": "1_3", "after_s": 0})
    await stage.clock.sleep(timedelta(minutes=1))
    stage.say("retry")
    await stage.until(lambda s: s.ended is not None)


def test_after_a_rescue_the_approval_is_spent_even_where_the_facts_are_the_same(package):
    night = directed(package, lambda _: None, FAILS_AND_RECOVERS, after=recover_and_retry)

    assert night.state.ended is not None
    opened = [r for r in night.records if r.kind == Kind.GATE_OPENED]
    assert [r.body["step"] for r in opened].count("A.FAILOVER") == 2
    assert night.broken() == {}


def test_a_failover_on_an_approval_that_was_undone_breaks_its_promise(package):
    night = directed(package, lambda _: None, FAILS_AND_RECOVERS, after=recover_and_retry)
    undone = next(r.seq for r in night.records if r.kind == Kind.UNDONE)

    asked_once = [r for r in night.records if r.kind != Kind.GATE_OPENED or r.seq < undone]

    assert "undone since" in " ".join(promises.explained(asked_once)["P2"][1])


def test_a_vote_that_was_counted_is_not_refused_when_slack_tells_of_it_again_later(package):
    def told_late(night: Night) -> None:
        """Slack keeps back what it could not deliver, and delivers it after a minute or five."""
        for user in ("U0BEN00001", "U0NOOR0001"):
            night.later(300, partial(night.react, "G2", user, "yes"))

    played = directed(package, told_late)
    refused = [
        r.body["user"]
        for r in played.records
        if r.kind == Kind.REFUSED and r.body["step"] == "A.FAILOVER"
    ]

    assert played.state.ended is not None
    assert refused == ["U0NOOR0001"], "who was not counted is told; ben was"
