"""What a set of schedules came to, for the suite's line: schedules, unsafe, stuck."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Schedule:
    """One schedule that was played: what was unsafe about it, and where it got stuck."""

    name: str
    unsafe: Sequence[str]
    stuck: str


def report(search: str, schedules: Sequence[Schedule]) -> None:
    """Add what one search came to; the processes that share a run's tests all write here."""
    line = {
        "search": search,
        "schedules": len(schedules),
        "unsafe": sum(bool(s.unsafe) for s in schedules),
        "stuck": sum(bool(s.stuck) for s in schedules),
    }
    if place := os.environ.get("HOTFIX_SIMULATION_REPORT"):
        with Path(place).open("a") as file:
            file.write(json.dumps(line) + "\n")


def reported() -> dict[str, int]:
    """Return how many schedules each search has played that has ended, in whatever process."""
    place = Path(os.environ.get("HOTFIX_SIMULATION_REPORT", os.devnull))
    lines = map(json.loads, place.read_text().splitlines()) if place.exists() else ()
    return {line["search"]: line["schedules"] for line in lines}
