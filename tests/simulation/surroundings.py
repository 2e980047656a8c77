"""A night in surroundings that fail: its database, Slack, the wall clock, days of absence.

The executors' clock can be stepped while the devices' goes on, and their stores can be gone, full,
or lose the answer to a commit. When that happens is told by a record: at that phase of the night.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.fold import RunState
from engine.journal import Kind
from engine.ports import Clock
from engine.rehearsal.group import Setup
from storage.records import Record, StorageDown
from tests.simulation.effects import COMMITS, Effects
from tests.simulation.loop import START
from tests.simulation.night import POLICY, everyone_agrees, quick
from tests.simulation.stage import Stage

SPARSE = quick(POLICY, watch=timedelta(seconds=30), soak=timedelta(seconds=60))

Phase = Callable[[Record], bool]


def _at(kind: Kind, step: str = "", **fields: str) -> Phase:
    def here(record: Record) -> bool:
        body = record.body
        fits = all(body.get(name) == value for name, value in fields.items())
        return record.kind == kind and step in ("", body.get("step")) and fits

    return here


PHASES: dict[str, Phase] = {
    "preparing": _at(Kind.INTENDED, "IMPORT"),
    "gate open": _at(Kind.GATE_SHOWN, "A.FAILOVER"),
    "one vote": _at(Kind.VOTED, "A.FAILOVER"),
    "approved": _at(Kind.GATE_CLOSED, "A.FAILOVER"),
    "going down": _at(Kind.INTENDED, "A.ADMIN_DOWN"),
    "going down, committed": _at(Kind.COMMITTING, "A.ADMIN_DOWN"),
    "down": _at(Kind.DONE, "A.ADMIN_DOWN"),
    "install dialogue": _at(Kind.INTENDED, "A.INSTALL"),
    "install committed": _at(Kind.COMMITTING, "A.INSTALL"),
    "installing": _at(Kind.PROGRESS, "A.INSTALL"),
    "returning": _at(Kind.DONE, "A.INSTALL"),
    "soaking": _at(Kind.DONE, "A.RETURN"),
    "second gate": _at(Kind.GATE_SHOWN, "B.FAILOVER"),
    "restoring": _at(Kind.INTENDED, "CLONING_RESTORE"),
    "ending": _at(Kind.DONE, "POSTFLIGHT"),
}
"""When something happens: as soon as such a record is durable."""


class SteppedClock:
    """The executors' clock: its wall can be stepped, its monotonic time goes on."""

    def __init__(self, inner: Clock, start: datetime = START) -> None:
        self._inner = inner
        self.ahead = start - START

    def now(self) -> datetime:
        return self._inner.now() + self.ahead

    def monotonic(self) -> float:
        return self._inner.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await self._inner.sleep(duration)


class Troubles:
    """What is wrong with the database, and what happens at which record."""

    def __init__(self) -> None:
        self.gone = False
        self.full = False
        self.shut = False
        """We may write into every table but the journal."""
        self.answer_lost_at: Phase = lambda _record: False
        self.then: list[tuple[Phase, Callable[[], None]]] = []

    def once(self, phase: Phase, do: Callable[[], None]) -> None:
        """Have something happen at the first record of a phase."""
        self.then.append((phase, do))

    def refuse(self, *, writes: bool, records: bool = False) -> None:
        """Raise what the stores raise while the database is away."""
        if self.gone:
            raise StorageDown("the connection was refused")
        if self.full and writes:
            raise StorageDown("database or disk is full")
        if self.shut and records:
            raise StorageDown("permission denied for table journal")

    def appended(self, records: Sequence[Record]) -> None:
        """Records are durable: something may happen now, and the writer may not hear of it."""
        for record in records:
            for phase, do in [one for one in self.then if one[0](record)]:
                self.then.remove((phase, do))
                do()
        if any(self.answer_lost_at(record) for record in records):
            self.answer_lost_at = lambda _record: False
            raise StorageDown("the connection was lost")


class Doors:
    """The stores as an executor reaches them."""

    def __init__(self, inner: Any, troubles: Troubles) -> None:
        self._inner = inner
        for name, writes in COMMITS.items():
            setattr(self, name, _Door(getattr(inner, name), writes, troubles))

        self._troubles = troubles

    def try_out(self) -> None:
        self._troubles.refuse(writes=True, records=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Door:
    def __init__(self, inner: Any, writes: set[str], troubles: Troubles) -> None:
        self._inner = inner
        self._writes = writes
        self._troubles = troubles

    def __getattr__(self, method: str) -> Any:
        real, troubles = getattr(self._inner, method), self._troubles

        def call(*args: Any, **named: Any) -> Any:
            troubles.refuse(writes=method in self._writes, records=method == "append")
            result = real(*args, **named)
            if method == "append":
                troubles.appended(result)
            return result

        return call


class Surroundings(Stage):
    """A stage of which everything around the executor can fail."""

    def __init__(self, package: Path, *, start: datetime = START, **stage: Any) -> None:
        named: dict[str, Any] = {
            "setup": Setup(members=4, connections=1000, frame_s=10.0),
            "policy": SPARSE,
            "people": everyone_agrees,
            "ticks": timedelta(seconds=3),
            "effects": Effects(),
        }
        super().__init__(package, **(named | stage))
        self.steady = self.clock
        self.stepped = SteppedClock(self.clock, start)
        self.clock: Any = self.stepped
        self.troubles = Troubles()

    def begin(self, **named: Any) -> None:
        """Start an executor that meets the troubles; people and judges look past them."""
        inner: Any = self.stores
        doors: Any = Doors(inner, self.troubles)
        self.stores = doors
        try:
            super().begin(**named)
        finally:
            self.stores = inner

    async def dies_at(self, phase: Phase) -> None:
        """Go on until the executor dies at the first record of a phase, before it hears of it."""
        await self.dead_at(phase)
        await self.kill()

    async def dead_at(self, phase: Phase) -> None:
        """Go on until the executor dies like that, and leave what it had as it is."""

        def die() -> None:
            life = self.living[-1].life
            life.dead = True
            life._on_death()

        self.troubles.once(phase, die)
        await self.until(lambda _state: False)

    def step_clock(self, change: timedelta) -> None:
        """Set the executors' wall clock forward or back."""
        self.stepped.ahead += change

    def sends(self, since: int) -> list[str]:
        """Name what was sent to devices after so many effects, looks included."""
        sent = ("send ", "open ", "type ", "upload")
        return [name for name in self.effects.names[since:] if name.startswith(sent)]

    async def play(self, hours: float = 12, retry: Sequence[str] = ("expired",)) -> RunState:
        """Go on to the end; people say retry where a run holds for one of these errors."""
        while True:
            state = await self.until(
                lambda s: s.ended is not None or s.hold is not None, hours=hours
            )
            if state.ended is not None or state.hold is None or state.hold.error not in retry:
                return state
            self.say("retry")
            await self.steady.sleep(timedelta(seconds=60))
