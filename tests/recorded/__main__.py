"""Records runs of today's version, for those that will follow; see `tests.recorded`."""

import contextlib
import json
import sys
import tempfile
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bot.verification import exported
from engine.journal import Kind
from engine.policy import Policy
from engine.rehearsal.group import Setup
from storage.records import Record
from tests.recorded import FOLDER, outcome, recordings
from tests.simulation.effects import Effects
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    PACKAGE,
    REQUESTER,
    Night,
    Reaction,
    everyone_agrees,
    small_package,
)
from tests.simulation.stage import Stage
from tests.simulation.surroundings import PHASES, SPARSE, Phase, Surroundings
from tests.simulation.writing import click, freeze

ROOT = Path(__file__).parents[2]

LARGEST_KB = 300


@dataclass(frozen=True)
class Script:
    """A night worth keeping.

    Attributes:
        policy: what governs it.
        faults: what goes wrong on the devices.
        people: what they do at gates.
        setup: how the devices are otherwise than in most of these nights.
        order: what is asked for otherwise than an installation.
        before: what the night before left, where this one goes on with it.
        then: what happens besides.
        until: where the recording is cut; without it the run ends.
    """

    policy: Policy = SPARSE
    faults: tuple[dict[str, Any], ...] = ()
    people: Reaction = everyone_agrees
    setup: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Surroundings], Awaitable[None]] | None = None
    then: Callable[[Surroundings], Awaitable[None]] | None = None
    until: Phase | None = None


def _no_to_b(night: Night, gate: str, step: str) -> None:
    if step == "B.FAILOVER" and night.orders == 1:
        night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
    else:
        everyone_agrees(night, gate, step)


def _later(seconds: float, word: str, at: str = "A.FAILOVER") -> Reaction:
    """Everybody agrees; some time after one gate was shown, somebody says a word."""

    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if step == at:
            night.later(seconds, lambda: night.say(word))

    return people


def _talkative(night: Night, gate: str, step: str) -> None:
    """Somebody takes a vote back and gives it again; the run is halted, and later paused."""
    everyone_agrees(night, gate, step)
    if step == "A.FAILOVER":
        night.later(30, lambda: night.react(gate, "U0ANA00001", "yes", added=False))
        night.later(40, lambda: night.react(gate, "U0ANA00001", "yes"))
        night.later(44, lambda: night.say("rollback"))
        for after_s, word in ((60, "halt"), (1500, "resume"), (1520, "pause"), (3000, "resume")):
            night.later(after_s, partial(night.say, word))


def _pressing(night: Night, gate: str, step: str) -> None:
    """People who press buttons; one takes a yes back and gives it again, another is refused."""
    night.later(10, lambda: click(night, gate, REQUESTER, "yes"))
    night.later(20, lambda: click(night, gate, "U0ANA00001", "yes"))
    night.later(25, lambda: click(night, gate, "U0ANA00001", "withdraw"))
    night.later(30, lambda: click(night, gate, "U0NOOR0001", "yes"))
    night.later(40, lambda: click(night, gate, "U0ANA00001", "yes"))


def _one_is_asleep(night: Night, gate: str, step: str) -> None:
    """Nobody but Ana answers until the fallback was called; then Ben, who is of it, does."""
    night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))
    if step == "PROPOSAL":
        return
    night.later(1200, lambda: night.react(gate, "U0BEN00001", "yes"))


async def _held_then(stage: Surroundings, word: str) -> None:
    await stage.until(lambda s: s.hold is not None)
    await stage.steady.sleep(timedelta(minutes=3))
    stage.say(word)


async def _rolls_back(stage: Surroundings) -> None:
    await _held_then(stage, "rollback")


async def _aborts(stage: Surroundings) -> None:
    await _held_then(stage, "abort")


async def _recovers(stage: Surroundings) -> None:
    await stage.until(lambda s: s.hold is not None)
    stage.group.add_fault({"name": "member_recovers", "member": "1_3", "after_s": 0})
    await _held_then(stage, "retry")


async def _killed(stage: Surroundings) -> None:
    await stage.dies_at(PHASES["install committed"])
    await stage.steady.sleep(timedelta(minutes=5))
    stage.begin()
    await stage.dies_at(PHASES["second gate"])
    stage.begin()


async def _aborted_before(stage: Surroundings) -> None:
    stage.order()
    await _aborts(stage)
    await stage.until(lambda s: s.ended is not None)


async def _accepts(stage: Surroundings) -> None:
    await stage.until(lambda s: s.hold is not None)
    await stage.steady.sleep(timedelta(minutes=3))
    stage.change(take=0)


def _frozen_a_while(night: Night, gate: str, step: str) -> None:
    """After both have agreed somebody freezes the group, and lifts that later."""
    everyone_agrees(night, gate, step)
    if step == "A.FAILOVER":
        night.later(50, partial(freeze, night, "freeze"))
        night.later(400, partial(freeze, night, "unfreeze"))


_WITH_FALLBACK = replace(
    SPARSE, failover=replace(SPARSE.failover, voters=("network",), fallback="firewall")
)

_FAILS_EARLY: dict[str, Any] = {
    "name": "member_fails",
    "member": "1_3",
    "when": "admin_down:1_2",
    "delay_s": 5,
}
_STAYS_DOWN: dict[str, Any] = {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}

_GONE: dict[str, Any] = {"name": "member_fails", "member": "1_5", "after_s": 0}

_THERE: dict[str, Any] = {"imported": ({"name": PACKAGE, "installed": True},)}
_UNINSTALL: dict[str, Any] = {
    "kind": "uninstall",
    "package": "",
    "method": "last_take",
    "take": 99,
}
_ANOTHER_TAKE = Script(
    setup={**_THERE, "uninstall_gives_back": "nothing"}, order=_UNINSTALL, then=_accepts
)
_OF_A_GROUP_THAT_IS_DOWN = Script(
    faults=(_STAYS_DOWN,),
    before=_aborted_before,
    order={"kind": "rollback", "package": ""},
)


def _at(kind: Kind, step: str) -> Phase:
    return lambda record: record.kind == kind and record.body.get("step") == step


SCRIPTS = {
    "install": Script(),
    "pressed": Script(people=_pressing),
    "escalated": Script(policy=_WITH_FALLBACK, people=_one_is_asleep),
    "rollback": Script(people=_no_to_b, then=_rolls_back),
    "abort": Script(faults=({"name": "unknown_prompt", "in": "install"},), then=_aborts),
    "rescue": Script(faults=(_FAILS_EARLY,), then=_recovers),
    "talkative": Script(people=_talkative),
    "degraded": Script(faults=(_STAYS_DOWN,), people=_later(300, "abort"), then=_aborts),
    "killed": Script(then=_killed),
    "open-at-a-gate": Script(until=PHASES["gate open"]),
    "open-approved": Script(until=PHASES["approved"]),
    "open-down": Script(until=PHASES["down"]),
    "open-installing": Script(until=PHASES["installing"]),
    "open-second-gate": Script(until=PHASES["second gate"]),
    "open-held": Script(
        faults=({"name": "unknown_prompt", "in": "install"},), until=lambda r: r.kind == Kind.HELD
    ),
    "frozen": Script(people=_frozen_a_while),
    "without": Script(faults=(_GONE,), setup={"members": 5}, order={"left_out": ("1_5",)}),
    "uninstall": Script(setup=_THERE, order={**_UNINSTALL, "delete": True}),
    "another-take": _ANOTHER_TAKE,
    "finish": Script(
        people=_no_to_b, before=_aborted_before, order={"kind": "finish", "package": ""}
    ),
    "rollback-next-night": Script(
        people=_no_to_b, before=_aborted_before, order={"kind": "rollback", "package": ""}
    ),
    "rollback-of-a-down-group": _OF_A_GROUP_THAT_IS_DOWN,
    "open-uninstalling": Script(
        setup=_THERE, order=_UNINSTALL, until=_at(Kind.PROGRESS, "A.UNINSTALL")
    ),
    "open-accept": replace(_ANOTHER_TAKE, until=_at(Kind.GATE_SHOWN, "ACCEPT.r2")),
    "open-start": replace(_OF_A_GROUP_THAT_IS_DOWN, until=_at(Kind.INTENDED, "C.UNINSTALL")),
}


async def begun(script: Script, package: Path) -> Surroundings:
    """Set the stage, play the night before, and order the one that is recorded."""
    devices = {"members": 4, "connections": 1000, "frame_s": 10.0, "faults": script.faults}
    stage = Surroundings(
        package,
        setup=Setup(**{**devices, **script.setup}),
        policy=script.policy,
        people=script.people,
        effects=Effects(),
    )
    stage.begin()
    if script.before is not None:
        await script.before(stage)
    stage.order(**script.order)
    return stage


async def _play(script: Script, package: Path) -> list[Record]:
    stage = await begun(script, package)
    if script.then is not None:
        await script.then(stage)
    await stage.until(lambda s: s.ended is not None or _is_over(script, stage))
    records = stage.records()
    await stage.close()
    return _cut(records, script.until)


def _is_over(script: Script, stage: Stage) -> bool:
    return script.until is not None and any(script.until(r) for r in stage.records())


def _cut(records: Sequence[Record], until: Phase | None) -> list[Record]:
    if until is None:
        return list(records)
    last = next(place for place, record in enumerate(records) if until(record))
    return list(records[: last + 1])


def main(between: str = "") -> None:
    """Write a folder for the present version, unless it is there.

    `between`: the name of a folder for what no folder has yet, between two releases.
    """
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    folder = FOLDER / (between or version)
    known = {file.stem for file in recordings()} if between else set()
    if folder.exists():
        sys.exit(f"{folder} is there already, and is never written again")
    folder.mkdir()
    with tempfile.TemporaryDirectory() as away, contextlib.chdir(away):
        small_package(Path())
        for name, script in SCRIPTS.items():
            if name in known:
                continue
            records = run_virtual(_play(script, Path(PACKAGE)))
            lines = "".join(f"{line}\n" for line in exported(records))
            if len(lines) > LARGEST_KB * 1000:
                sys.exit(f"{name} has {len(lines)} characters; keep recordings small")
            (folder / f"{name}.jsonl").write_text(lines)
            (folder / f"{name}.json").write_text(json.dumps(outcome(records), indent=1) + "\n")
            print(name, len(records), "records", len(lines) // 1000, "kB")  # noqa: T201 -- a tool


if __name__ == "__main__":
    main(*sys.argv[1:2])
