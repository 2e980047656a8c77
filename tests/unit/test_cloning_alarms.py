"""Image auto-clone that somebody switches on while a group is worked on: who is told, and when."""

from typing import Any

import pytest

from engine.canon import to_json
from engine.duty import Duty
from engine.errors import InDoubt, StepFailed
from engine.facts import GroupFacts
from engine.journal import Kind, planned_body
from engine.steps import changing
from tests.unit.builders import REQUEST, facts, member, plan
from tests.unit.on_duty import on_duty

INSTALL, RETURN = plan().step("A.INSTALL"), plan().step("A.RETURN")
DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",), "auto_clone": None}
OFF = facts(member(1, **DOWN), member(2, **DOWN))
ON = facts(member(1, **DOWN), member(2, **DOWN), member(3, auto_clone=True))
WIDER = facts(member(1, auto_clone=True), member(3, auto_clone=True))
UNREAD = facts(*(member(n, auto_clone=None) for n in range(1, 5)))


async def at_work(*, off: bool = True) -> Duty:
    """Return an executor whose installation on A was committed; cloning was seen off before."""
    before = {f"1_{n}": {"boot_id": f"boot-{n}", "take": 99, "action": 7} for n in (1, 2)}
    story: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(plan(), facts())),
        *([(Kind.DONE, {"step": "CLONING_OFF", "how": "seen"})] if off else []),
        (Kind.INTENDED, {"step": INSTALL.id, "before": before}),
        (Kind.COMMITTING, {"step": INSTALL.id, "on": "1_1"}),
    ]
    return await on_duty(story, since_s=300)


async def alarms(duty: Duty, *looks: GroupFacts) -> list[tuple[str, bool]]:
    for seen in looks:
        await changing.alarm_cloning(duty, INSTALL, seen)
    return [(one["what"], one["mention"]) for one in duty.state.alarms]


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([OFF], []),
        ([UNREAD], []),
        ([ON, ON, WIDER], [("cloning on", True)]),
        ([ON, UNREAD, WIDER], [("cloning on", True)]),
        ([ON, OFF, OFF], [("cloning on", True), ("cloning off", False)]),
        ([ON, OFF, ON], [("cloning on", True), ("cloning off", False), ("cloning on", True)]),
    ],
    ids=["off", "not readable", "it spreads", "for a moment", "off again", "on once more"],
)
async def test_each_time_that_it_is_switched_on_people_are_called_once(looks, told):
    assert await alarms(await at_work(), *looks) == told


async def test_what_we_have_not_switched_off_is_no_alarm():
    assert await alarms(await at_work(off=False), ON) == []


async def test_the_alarm_names_the_members_and_the_command():
    duty = await at_work()
    await alarms(duty, ON)

    (alarm,) = duty.state.alarms
    assert "on again on 1_3, not by us" in alarm["reason"]
    assert "`set smo image auto-clone state off` in gClish" in alarm["reason"]


@pytest.mark.parametrize(("look", "told"), [(ON, True), (OFF, False)])
async def test_a_hold_says_that_it_was_on_also_where_it_is_off_by_then(look, told):
    duty = await at_work()
    await alarms(duty, look, OFF)
    old = facts(*(member(n, boot_id="another") for n in (1, 2)))
    for one in ("1_1", "1_2"):
        duty.tried_since[f"lag/{INSTALL.id}/{one}"] = duty.clock.monotonic() - 120

    with pytest.raises(InDoubt) as held:
        await changing._resolved(duty, INSTALL, old)
    with pytest.raises(StepFailed) as back:
        changing._not_back(duty, RETURN, old, 120)

    for error in (held, back):
        assert ("image auto-clone was on meanwhile" in str(error.value)) is told
        assert ("then `abort`, and order it again" in str(error.value)) is told
