"""Nights in which the CPUSE of a member does not answer while the member carries its traffic."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from engine.facts import GroupFacts
from engine.fold import RunState
from engine.gaia import probe
from engine.journal import Kind
from tests.simulation.night import POLICY, Night, quick
from tests.simulation.played import Played, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
Since = Callable[[RunState], bool]


def play(tmp_path: Any, monkeypatch: Any, *silent: tuple[str, timedelta, Since]) -> Played:
    """Play a night; each of `silent` is a member, and for how long from when its agent is away."""
    read, nights = probe.read_look, list[Night]()
    began: dict[str, datetime] = {}

    def look(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        for member, lasts, since in silent:
            if nights and since(nights[0].state()):
                began.setdefault(member, at)
            if member in began and at - began[member] < lasts:
                agent = re.compile(rf"(@member {member}\b.*?@agent\n).*?(?=\n[^\n]*@\w)", re.DOTALL)
                text = agent.sub(r"\1Failed to connect to DAService", text, count=1)
        return read(text, at, *before, **named)

    async def then(night: Night) -> None:
        night.order()
        await night.until(lambda state: state.plan is not None)
        nights.append(night)
        await night.until_over(hours=4)

    monkeypatch.setattr(probe, "read_look", look)
    return play_night(tmp_path, then, policy=SPARSE)


def going_down(state: RunState) -> bool:
    return state.of("A.ADMIN_DOWN").committed_at is not None


def down(state: RunState) -> bool:
    return state.of("A.ADMIN_DOWN").status == "done"


def back(state: RunState) -> bool:
    return state.of("A.SOAK").status == "done"


def test_an_agent_that_is_away_for_a_moment_turns_no_failover_back_and_is_waited_for(
    tmp_path, monkeypatch
):
    """Outside the group that goes down, on the group before its work, and when the next is due."""
    moment = timedelta(seconds=40)
    night = play(
        tmp_path,
        monkeypatch,
        ("1_3", moment, going_down),
        ("1_2", moment, down),
        ("1_1", moment, back),
    )

    assert night.state.alarms == []
    assert Kind.HELD not in night.kinds()
    assert night.state.ended is not None
    assert night.installs() == dict.fromkeys(("1_1", "1_2", "1_3", "1_4"), 1)
    assert (night.broken(), night.seen["objections"]) == ({}, [])


def test_an_agent_that_stays_away_holds_before_the_next_group_goes_down(tmp_path, monkeypatch):
    night = play(tmp_path, monkeypatch, ("1_3", timedelta(days=1), going_down))

    hold = night.state.hold
    assert night.state.alarms == []
    assert hold is not None
    assert (hold.step, hold.error) == ("B.READY", "ConditionFailed")
    assert "CPUSE cannot be asked on 1_3 (da_status did not answer in JSON)" in hold.reason
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}


def test_nothing_is_planned_where_nobody_knows_what_is_installed(tmp_path, monkeypatch):
    read = probe.read_look

    def look(text: str, at: datetime, *before: Any, **named: Any) -> GroupFacts:
        return read(text.replace("@packages\n", "@packages\nno\n@x\n", 1), at, *before, **named)

    async def then(night: Night) -> None:
        night.order()
        await night.clock.sleep(timedelta(minutes=2))

    monkeypatch.setattr(probe, "read_look", look)
    said = [text for _, text in play_night(tmp_path, then, policy=SPARSE).said]

    assert any("CPUSE cannot be asked on 1_1" in text for text in said), said
