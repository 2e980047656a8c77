"""A night that was played, and what it left behind."""

from dataclasses import dataclass
from typing import Any

from engine import promises
from engine.fold import RunState
from storage.records import Record


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
