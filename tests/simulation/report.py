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


def report(schedules: Sequence[Schedule]) -> None:
    """Add to the figures of this run of the suite."""
    place = os.environ.get("HOTFIX_SIMULATION_REPORT")
    if not place:
        return
    path = Path(place)
    sums = {"schedules": 0, "unsafe": 0, "stuck": 0}
    if path.exists() and path.read_text():
        sums |= json.loads(path.read_text())
    sums["schedules"] += len(schedules)
    sums["unsafe"] += sum(bool(s.unsafe) for s in schedules)
    sums["stuck"] += sum(bool(s.stuck) for s in schedules)
    path.write_text(json.dumps(sums))
