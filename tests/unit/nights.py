"""Nights as the engine itself recorded them, for tests of what people read about them."""

import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.rehearsal.group import Setup
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    POLICY,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)

SPARSE = quick(POLICY, watch=timedelta(seconds=30))


def recorded(
    *faults: dict[str, Any],
    people: Reaction = everyone_agrees,
    then: Callable[[Night], Awaitable[Any]] | None = None,
    hours: float = 6,
) -> list[Record]:
    """Return the journal of one night."""

    async def night(package: Path) -> list[Record]:
        setup = Setup(members=4, faults=faults, connections=1000)
        stage = Night(package, setup=setup, policy=SPARSE, people=people)
        stage.begin()
        stage.order()
        await stage.until_over(hours=hours)
        if then is not None:
            await then(stage)
        await stage.clock.sleep(timedelta(seconds=1))
        records = list(stage.records())
        await stage.close()
        return records

    with tempfile.TemporaryDirectory() as folder:
        return run_virtual(night(small_package(Path(folder))))


def rejecting(gate: str) -> Reaction:
    """People who agree everywhere but at one gate."""

    def people(night: Night, shown: str, step: str) -> None:
        if shown == gate:
            night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
        else:
            everyone_agrees(night, shown, step)

    return people


async def abort(stage: Night) -> None:
    """Somebody says abort, and it ends."""
    stage.say("abort")
    await stage.until(lambda s: s.ended is not None)


async def roll_back(stage: Night) -> None:
    """Somebody says rollback, and it ends."""
    stage.say("rollback")
    await stage.until(lambda s: s.ended is not None)


async def restart(stage: Night) -> None:
    """The executor dies and another one takes the run up."""
    await stage.kill()
    stage.begin()
    await stage.until_over()


def _halting(night: Night, gate: str, step: str) -> None:
    everyone_agrees(night, gate, step)
    if gate == "G2":
        night.later(58, lambda: night.say("halt"))
        night.later(3_000, lambda: night.say("resume"))


def _aborting(night: Night, gate: str, step: str) -> None:
    everyone_agrees(night, gate, step)
    if gate == "G2":
        night.later(500, lambda: night.say("abort"))


def _withdrawing(night: Night, gate: str, step: str) -> None:
    everyone_agrees(night, gate, step)
    if gate == "G2":
        night.later(48, lambda: night.react("G2", "U0BEN00001", "yes", added=False))


def _nobody(night: Night, gate: str, step: str) -> None:
    pass


NIGHTS: dict[str, Callable[[], list[Record]]] = {
    "good": recorded,
    "rejected": lambda: recorded(people=rejecting("G3")),
    "rejected and aborted": lambda: recorded(people=rejecting("G3"), then=abort),
    "rolled back": lambda: recorded(people=rejecting("G3"), then=roll_back),
    "degraded": lambda: recorded(
        {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}, then=abort
    ),
    "expired": lambda: recorded(people=_nobody),
    "withdrawn": lambda: recorded(people=_withdrawing, hours=0.3),
    "restarted": lambda: recorded(hours=0.3, then=restart),
    "rescued": lambda: recorded(
        {"name": "member_fails", "member": "1_3", "when": "admin_down:1_2", "delay_s": 5}
    ),
    "unknown prompt": lambda: recorded({"name": "unknown_prompt", "in": "install"}),
    "unknown prompt, aborted": lambda: recorded(
        {"name": "unknown_prompt", "in": "install"}, then=abort
    ),
    "aborted while installing": lambda: recorded(people=_aborting),
    "halted while down": lambda: recorded(people=_halting),
    "failed": lambda: recorded(
        {"name": "install_fails", "member": "1_1", "percent": 40, "message": "Installation failed"}
    ),
}


@cache
def night(name: str) -> tuple[Record, ...]:
    """Return a night by its name; each is played once.

    In a thread of its own, since a test that asks may already be on a loop.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return tuple(thread.submit(NIGHTS[name]).result())


def until(records: tuple[Record, ...], kind: str, **body: Any) -> tuple[Record, ...]:
    """Return the night up to and with the first record of a kind with these values."""
    for place, record in enumerate(records, start=1):
        if record.kind == kind and body.items() <= dict(record.body).items():
            return records[:place]
    raise LookupError(f"this night has no {kind} with {body}")
