"""A night that was played, and what it left behind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import promises
from engine.fold import RunState
from engine.rehearsal.group import Setup
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import PACKAGE, Night, small_package

Then = Callable[[Night], Awaitable[Any]]
"""What happens in a night once somebody is at work in it."""


@dataclass
class Played:
    state: RunState
    seen: dict[str, Any]
    records: list[Record]
    said: list[tuple[str, str]]

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records]

    def broken(self) -> dict[str, tuple[str, ...]]:
        return {p: w for p, (v, w) in promises.explained(self.records).items() if v == "broken"}

    def installs(self) -> dict[str, int]:
        return {m["id"]: m["installs_started"] for m in self.seen["members"]}

    def states(self) -> dict[str, str]:
        return {m["id"]: m["state"] for m in self.seen["members"]}


def play_night(tmp_path: Path, then: Then, *, package: str = PACKAGE, **night: Any) -> Played:
    """Play a night with four members, and return what its run left.

    `night` is what a Night takes; of `setup`, what is other than usual.
    """
    setup = Setup(**{"members": 4, "connections": 1000, **night.pop("setup", {})})

    async def played() -> Played:
        stage = Night(small_package(tmp_path, package), setup=setup, **night)
        stage.begin()
        await then(stage)
        left = Played(stage.state(), stage.group.report(), list(stage.records()), stage.said.texts)
        await stage.close()
        return left

    return run_virtual(played())
