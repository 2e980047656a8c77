"""Nights as the engine itself recorded them, for tests of what people read about them."""

import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.model import Policy
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
WITH_FALLBACK = replace(SPARSE, failover=replace(SPARSE.failover, fallback="managers"))


def recorded(
    *faults: dict[str, Any],
    people: Reaction = everyone_agrees,
    then: Callable[[Night], Awaitable[Any]] | None = None,
    hours: float = 6,
    policy: Policy = SPARSE,
    left_out: tuple[str, ...] = (),
) -> list[Record]:
    """Return the journal of one night; whoever is left out of it has failed before."""

    async def night(package: Path) -> list[Record]:
        failed = [{"name": "member_fails", "member": one, "after_s": 0} for one in left_out]
        setup = Setup(members=4 + len(left_out), faults=[*failed, *faults], connections=1000)
        stage = Night(package, setup=setup, policy=policy, people=people)
        stage.crowd.roles_of["U0MAX00001"] = {"managers"}
        stage.crowd.states["U0NOOR0001"] = "quiet"
        await stage.clock.sleep(timedelta(minutes=2 if left_out else 0))
        stage.begin()
        stage.order(left_out=left_out)
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


def _only_the_proposal(night: Night, gate: str, step: str) -> None:
    if gate == "G1":
        everyone_agrees(night, gate, step)


def _late(night: Night, gate: str, step: str) -> None:
    """One person answers, late; the fallback role, when it is called, makes up the number."""
    if gate == "G2":
        night.later(400, lambda: night.react(gate, "U0ANA00001", "yes"))
        night.later(1_000, lambda: night.react(gate, "U0MAX00001", "yes"))
    else:
        everyone_agrees(night, gate, step)


def _a_policy_between(night: Night, gate: str, step: str) -> None:
    """Somebody installs policy after the failover was approved, before it begins."""
    everyone_agrees(night, gate, step)
    if gate == "G2":
        night.later(48, lambda: night.group.add_fault({"name": "policy_installed", "after_s": 0}))


def _pausing(night: Night, gate: str, step: str) -> None:
    everyone_agrees(night, gate, step)
    if gate == "G2":
        night.later(500, lambda: night.say("pause"))
        night.later(3_000, lambda: night.say("resume"))


def the_wrong_ones_too(night: Night, gate: str, step: str) -> None:
    """Who asked tries to approve, and somebody without a role to stop it."""
    everyone_agrees(night, gate, step)
    if gate == "G2":
        night.later(5, lambda: night.react(gate, "U0RITA0001", "yes"))
        night.later(8, lambda: night.react(gate, "U0GUS00001", "no"))


async def retry(stage: Night) -> None:
    """Somebody says retry, and it goes on to its end or to the next hold."""
    stage.say("retry")
    await stage.clock.sleep(timedelta(minutes=1))
    await stage.until_over()


NIGHTS: dict[str, Callable[[], list[Record]]] = {
    "good": recorded,
    "rejected": lambda: recorded(people=rejecting("G3")),
    "rejected and aborted": lambda: recorded(people=rejecting("G3"), then=abort),
    "rolled back": lambda: recorded(people=rejecting("G3"), then=roll_back),
    "degraded": lambda: recorded(
        {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}, then=abort
    ),
    "expired": lambda: recorded(people=_nobody),
    "failover expired": lambda: recorded(people=_only_the_proposal),
    "called": lambda: recorded(people=_late, policy=WITH_FALLBACK),
    "asked again": lambda: recorded(people=_a_policy_between),
    "votes that do not count": lambda: recorded(people=the_wrong_ones_too),
    "paused": lambda: recorded(people=_pausing),
    "retried": lambda: recorded(people=rejecting("G3"), then=retry),
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
    "one is away": lambda: recorded(
        {"name": "member_fails", "member": "1_4", "after_s": 0, "notes": "FSYNC"},
        people=_nobody,
        hours=0.05,
    ),
    "without a member": lambda: recorded(left_out=("1_5",)),
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
