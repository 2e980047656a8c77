"""Nights as the engine itself recorded them, for tests of what people read about them."""

import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.afterwards import rollback_id
from engine.model import Appointment
from engine.policy import Policy, Windows
from engine.rehearsal.group import Setup
from storage.records import HOUSE, Draft, Record
from tests.simulation.loop import START, run_virtual
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
    ticks: timedelta = timedelta(seconds=1),
    **asked: Any,
) -> list[Record]:
    """Return the journal of one night; whoever is left out of it has failed before.

    `then` may leave the stage following another run: then that is told.
    """

    async def night(package: Path) -> list[Record]:
        failed = [{"name": "member_fails", "member": one, "after_s": 0} for one in left_out]
        setup = Setup(members=4 + len(left_out), faults=[*failed, *faults], connections=1000)
        stage = Night(package, setup=setup, policy=policy, people=people, ticks=ticks)
        stage.crowd.roles_of["U0MAX00001"] = {"managers"}
        stage.crowd.states["U0NOOR0001"] = "quiet"
        await stage.clock.sleep(timedelta(minutes=2 if left_out else 0))
        stage.begin()
        stage.order(left_out=left_out, **asked)
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


DUE = START + timedelta(hours=6)
AT = Appointment(DUE, said="at 05:00", zone="Europe/Berlin")
WINDOW = Appointment(DUE, DUE + timedelta(hours=3), said="window 05:00-08:00", zone="Europe/Berlin")
BRIEF = replace(WINDOW, until=DUE + timedelta(minutes=20))
"""Appointments; the clocks of Berlin are what people there say, whatever the night's are."""

DAILY = Windows(
    tuple((day * 1440 + 300, day * 1440 + 320) for day in range(7)),
    ("daily 05:00-05:20",),
    "Europe/Berlin",
    timedelta(minutes=15),
)
"""Windows of the settings; AT is at the beginning of one."""

SELDOM = timedelta(seconds=15)
LATER: dict[str, Any] = {"ticks": SELDOM, "hours": 24}
AFTER: dict[str, Any] = {
    "rollback_after": timedelta(hours=72),
    "rollback_said": "rollback after 72h",
}


def for_later(*faults: dict[str, Any], **asked: Any) -> list[Record]:
    """Return the journal of a run with an appointment."""
    return recorded(*faults, **{**LATER, "appointment": AT, **asked})


def _some_will_be_there(night: Night, shown: str, step: str) -> None:
    everyone_agrees(night, shown, step)
    if step == "PROPOSAL":
        night.later(3000, lambda: night.say("there", "U0ANA00001"))
        night.later(4000, lambda: night.say("away", "U0NOOR0001"))
        night.later(11_000, lambda: night.say("there", "U0BEN00001"))


def _nobody_of_a_role(night: Night, shown: str, step: str) -> None:
    everyone_agrees(night, shown, step)
    if step == "PROPOSAL":
        night.later(3000, lambda: night.say("away", "U0ANA00001"))
        night.later(4000, lambda: night.say("away", "U0NOOR0001"))


def scheduled(people: Reaction, then: Callable[[Night], Awaitable[Any]]) -> list[Record]:
    """Return the journal of the rollback that an installation was ordered with."""

    async def follow(stage: Night) -> None:
        stage.people = people
        stage.follow(rollback_id(stage.run))
        await then(stage)

    return recorded(then=follow, ticks=SELDOM, **AFTER)


async def until_it_is_over(stage: Night) -> None:
    """It goes on to its end or to a hold, which may take days."""
    await stage.until_over(hours=200)


async def for_days(stage: Night) -> None:
    """Nobody answers for some days after it is due."""
    stage.ticks = timedelta(minutes=10)
    await stage.clock.sleep(timedelta(hours=72 + 30))


async def put_off(stage: Night) -> None:
    """Somebody says that it is to be another day."""
    await stage.clock.sleep(timedelta(hours=1))
    moved = replace(AT, start=stage.clock.now() + timedelta(days=7), said="in 7d")
    stage.change(appointment=moved)
    await stage.clock.sleep(timedelta(minutes=5))


async def away_when_due(stage: Night) -> None:
    """The executor was away at the appointment, and for hours after it."""
    await stage.kill()
    await stage.clock.sleep(timedelta(hours=9))
    stage.begin()
    await stage.until_over()


def _refusing_to_keep(night: Night, gate: str, step: str) -> None:
    if gate == "G1":
        night.later(20, lambda: night.react(gate, "U0ANA00001", "no"))
    else:
        everyone_agrees(night, gate, step)


def _only_what_is_due(night: Night, gate: str, step: str) -> None:
    if step != "KEEP":
        everyone_agrees(night, gate, step)


def _frozen_when_due(night: Night, gate: str, step: str) -> None:
    """Everybody agrees; the group is frozen over the moment at which it goes on."""
    everyone_agrees(night, gate, step)
    if gate == "G1":
        night.later(300, lambda: freeze(night))


def freeze(night: Night) -> None:
    """Freeze the group for seven hours."""
    until = (night.clock.now() + timedelta(hours=7)).isoformat()
    said = {"name": "ana", "reason": "the fair is on", "until": until}
    body = {"scope": "site-1", "groups": ["site-1"], "zone": "Europe/Berlin", **said}
    draft = Draft("FROZEN", night.clock.now(), "U0ANA00001", body)
    journal = night.stores.journal
    journal.append(HOUSE, [draft], lease=None, last_seq=len(journal.read(HOUSE)))


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
    "appointed": lambda: for_later(appointment=WINDOW),
    "appointed for the window alone": lambda: for_later(
        policy=replace(SPARSE, prepare="in_window"), appointment=BRIEF
    ),
    "in a window of the settings": lambda: for_later(policy=replace(SPARSE, windows=DAILY)),
    "some will be there": lambda: for_later(hours=4, people=_some_will_be_there),
    "nobody of a role": lambda: for_later(hours=4, people=_nobody_of_a_role),
    "moved": lambda: for_later(hours=2, then=put_off),
    "frozen when due": lambda: for_later(people=_frozen_when_due, appointment=WINDOW, hours=6.5),
    "away when due": lambda: for_later(hours=0.5, then=away_when_due),
    "with its rollback": lambda: recorded(ticks=SELDOM, **AFTER),
    "kept": lambda: scheduled(_refusing_to_keep, until_it_is_over),
    "taken back": lambda: scheduled(_only_what_is_due, until_it_is_over),
    "nobody answers": lambda: scheduled(_nobody, for_days),
    "put off": lambda: scheduled(_nobody, put_off),
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
