"""Nights of groups with Virtual Systems: what each shows is watched like the member itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.facts import Identity
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package

SYSTEMS = (
    {"id": 1, "name": "Berlin", "policy": "Berlin_Policy"},
    {"id": 2, "name": "Bern", "policy": "Bern_Policy"},
)
PINS = Identity(platform="Maestro")


async def begun(folder: Path, *faults: dict[str, object]) -> Night:
    setup = Setup(members=4, mode="VSX", virtual=SYSTEMS, faults=faults, connections=1000)
    night = Night(small_package(folder), setup=setup, pins=PINS)
    night.begin()
    night.order()
    return night


def held_by(fault: dict[str, object], folder: Path) -> tuple[str, list[str]]:
    """Play a night with one fault until it holds; return why, and what was objected to."""

    async def whole() -> tuple[str, list[str]]:
        night = await begun(folder, fault)
        state = await night.until(lambda seen: seen.hold is not None or seen.ended is not None)
        await night.close()
        return state.hold.reason if state.hold else "ended", night.group.witness.objections()

    return run_virtual(whole())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            {"name": "stuck_down", "member": "1_1", "vs": 1, "notes": ["AMW"]},
            "A.RETURN: 1_1 is ACTIVE; VS 1 (Berlin) is DOWN (AMW)",
        ),
        (
            {"name": "policy_missing", "member": "1_2", "vs": 2},
            "A.RETURN: 1_2 is ACTIVE; VS 2 (Bern) is ACTIVE with InitialPolicy",
        ),
        (
            {"name": "member_fails", "member": "1_4", "vs": 2, "when": "rebooted:1_2"},
            "1_4 is ACTIVE; VS 2 (Bern) is DOWN (ROUTED)",
        ),
    ],
)
def test_a_night_holds_where_one_virtual_system_is_ill(fault, reason, tmp_path):
    held, objections = held_by(fault, tmp_path)

    assert reason in held
    assert objections == []


def test_a_member_is_not_back_while_nobody_lists_one_of_its_virtual_systems(tmp_path):
    async def whole() -> str:
        night = await begun(tmp_path)
        await night.until(lambda seen: seen.of("A.INSTALL").status == "done")
        night.group.setup = replace(night.group.setup, virtual=SYSTEMS[:1])
        state = await night.until(lambda seen: seen.hold is not None or seen.ended is not None)
        await night.close()
        return state.hold.reason if state.hold else "ended"

    assert run_virtual(whole()) == (
        "A.RETURN: VS 2 of 1_1 is not listed any more; VS 2 of 1_2 is not listed any more"
    )
