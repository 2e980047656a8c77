"""Two workers over the same stores, each of which can be stopped in its tracks, as by SIGSTOP."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell, RehearsalTerminal
from engine.worker import Worker
from storage.records import Record, StorageDown
from tests.simulation.night import POLICY, Night, Shelf, Site, quick

LOOK_EVERY = timedelta(seconds=5)
"""How often people, and the test, look at what has happened."""


class Process:
    """What one worker is part of: it can be stopped, go on later, and lose its database."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ticks = True
        self.acts: list[str] = []
        self.database_away = False
        self.stops_at: Callable[[Record], bool] = lambda _record: False
        self.loses_database_at: Callable[[Record], bool] = lambda _record: False
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    @property
    def stopped(self) -> bool:
        return not self._goes_on.is_set()

    def stop(self) -> None:
        self._goes_on.clear()

    def go_on(self) -> None:
        self.stops_at = lambda _record: False
        self._goes_on.set()

    def database_is_back(self) -> None:
        self.loses_database_at = lambda _record: False
        self.database_away = False

    def until_it_goes_on(self) -> Generator[Any, Any, Any]:
        return self._goes_on.wait().__await__()


class Stoppable(Coroutine[Any, Any, Any]):
    """A coroutine that makes no step while its process is stopped."""

    def __init__(self, inner: Coroutine[Any, Any, Any], process: Process) -> None:
        self._inner = inner
        self._process = process
        self._held: Generator[Any, Any, Any] | None = None

    def send(self, value: Any) -> Any:
        while self._process.stopped or self._held is not None:
            self._held = self._held or self._process.until_it_goes_on()
            try:
                return next(self._held)
            except StopIteration:
                self._held = None
        return self._inner.send(value)

    def throw(self, *raised: Any) -> Any:
        self._held = None
        return self._inner.throw(*raised)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **named: Any) -> asyncio.Task[Any]:
    """A process's tasks stop with it; what runs on a simulated device goes on."""
    process = _PROCESS.get()
    path = coro.cr_code.co_filename if hasattr(coro, "cr_code") else ""
    device = "/engine/rehearsal/" in path and not path.endswith("/shell.py")
    mine = coro if process is None or device else Stoppable(coro, process)
    return asyncio.Task(mine, loop=loop, **named)


class _Door:
    """One of the stores as a process reaches it: not at all while its database is away."""

    def __init__(self, inner: Any, process: Process) -> None:
        self._inner = inner
        self._process = process

    def __getattr__(self, name: str) -> Any:
        if self._process.database_away:
            raise StorageDown("the connection was refused")
        return getattr(self._inner, name)

    def append(self, *args: Any, **named: Any) -> Sequence[Record]:
        records: Sequence[Record] = self.__getattr__("append")(*args, **named)
        if any(self._process.stops_at(record) for record in records):
            self._process.stop()
        if any(self._process.loses_database_at(record) for record in records):
            self._process.database_away = True
        return records


class _Stores:
    def __init__(self, inner: Any, process: Process) -> None:
        self.journal = _Door(inner.journal, process)
        self.inbox = _Door(inner.inbox, process)
        self.leases = _Door(inner.leases, process)
        self.deliveries = _Door(inner.deliveries, process)
        self.try_out = inner.try_out
        self.identity = inner.identity


class _Watched(RehearsalShell):
    """A shell that notes for which process a terminal was opened, or a file was copied."""

    def __init__(self, group: Group, process: Process) -> None:
        super().__init__(group)
        self._process = process

    async def terminal(self, command: str, *, within: timedelta) -> RehearsalTerminal:
        self._process.acts.append(command)
        return await super().terminal(command, within=within)

    async def upload(self, source: Path, target: str, **named: Any) -> None:
        self._process.acts.append(f"copy to {target}")
        await super().upload(source, target, **named)


class TwoWorkers(Night):
    """A night with as many workers as one likes, of one zone or of several."""

    def __init__(self, package: Path, **night: Any) -> None:
        policy = quick(POLICY, watch=timedelta(seconds=15), soak=timedelta(seconds=60))
        setup = Setup(members=4, connections=1000, frame_s=10.0)
        super().__init__(package, **{"setup": setup, "policy": policy, **night})
        asyncio.get_running_loop().set_task_factory(_make_task)
        self.workers: list[Worker] = []
        self._mine: list[asyncio.Task[Any]] = []

    def add(self, groups: frozenset[str] | None = None, site: Site | None = None) -> Process:
        """Start a worker, as a process of its own would."""
        process = Process(f"worker-{len(self.workers) + 1}")
        stores: Any = _Stores(self.stores, process)
        token = _PROCESS.set(process)
        worker = Worker(
            stores,
            self.clock,
            site or Site(self.policy, _Watched(self.group, process), daily_look=self.daily_look),
            self.crowd,
            self.said,
            Shelf(self.package),
            holder=process.name,
            groups=groups,
        )
        self.workers.append(worker)
        self._mine.append(asyncio.ensure_future(self._tick_on(worker, process)))
        _PROCESS.reset(token)
        return process

    async def _tick_on(self, worker: Worker, process: Process) -> None:
        while True:
            if process.ticks:
                await worker.tick()
            await self.clock.sleep(self.ticks)

    async def end(self, number: int) -> None:
        """End a worker as SIGTERM does."""
        self._mine[number].cancel()
        await asyncio.wait([self._mine[number]])
        await self.workers[number].close()

    async def play(self, seconds: float) -> None:
        """Let time pass, in which gates are shown and people vote."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self._show_gates()
            await self.clock.sleep(LOOK_EVERY)

    async def play_until(self, true: Callable[[], bool], *, hours: float = 3) -> None:
        """Let time pass until something is true.

        Raises:
            AssertionError: it is not, at the limit.
        """
        limit = self.clock.monotonic() + hours * 3600
        while not true():
            assert self.clock.monotonic() < limit, [r.kind for r in self.records()][-5:]
            await self.play(LOOK_EVERY.total_seconds())

    async def close(self) -> None:
        """End everything that still runs."""
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.group.stop()
