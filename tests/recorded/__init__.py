"""Runs as released versions recorded them: today's version has to understand each of them.

A folder is named for a version. In it are runs as `hotfix-bot export` prints them, and beside each
what came of it (`outcome`). `tests/simulation/test_recorded.py` replays them all, and has today's
engine take up those that are open.

At each release, before its version is raised:

    python -m tests.recorded

writes `tests/recorded/<version>/`, and between two releases, for what no folder has yet,

    python -m tests.recorded <version>.post<number>

Both are for ever: what is there is never written again, and never
removed as long as a run of that version may still be open, or be read, somewhere. When a test here
fails the code is wrong, not the recording. So a kind of record and a kind of step keep their
meaning for ever, and a field may be added only with a default; what changes its meaning gets a new
name. A journal with a name that a version does not know is refused by it (`NotUnderstood`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.verification import imported
from engine import promises
from engine.fold import RunState
from storage.records import Record

FOLDER = Path(__file__).parent


def recordings() -> list[Path]:
    """Return the files of all recorded runs."""
    return sorted(FOLDER.glob("*/*.jsonl"))


def records_of(file: Path) -> list[Record]:
    """Return a recorded run."""
    with file.open(encoding="utf-8") as lines:
        (records,) = imported(lines).values()
    return records


def outcome(records: Sequence[Record]) -> dict[str, Any]:
    """Return what follows from a run's records, and must follow for ever."""
    state = RunState.replay(records)
    steps = {step.id: state.of(step) for step in state.the_plan.steps}
    following = state.next_step()
    return {
        "ended": state.ended["state"] if state.ended else None,
        "hold": state.hold.error if state.hold else None,
        "next": following.id if following else None,
        "steps": {name: [step.status, step.attempt] for name, step in steps.items()},
        "gates": {
            gate.step: [gate.name, gate.code, gate.opening, gate.outcome, sorted(gate.votes)]
            for gate in state.gates.values()
        },
        "out_of_service": list(state.out_of_service()),
        "by_hand": state.by_hand(),
        "cloning_owed": state.cloning_owed,
        "rescued": sorted(state.rescued),
        "halted": state.halted,
        "aborted": state.aborted,
        "rolled_back": state.rolled_back,
        "restarts": state.restarts,
        "alarms": [alarm["what"] for alarm in state.alarms],
        "promises": promises.judge(records),
    }
