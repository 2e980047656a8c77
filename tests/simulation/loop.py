"""An event loop whose time jumps to the next timer as soon as nobody has anything to do.

Two simulated hours take milliseconds, and a schedule that depends on time depends on nothing
else. Sockets, pipes and child processes do not belong on this loop: it does not wait for them.

Why not patch `asyncio.sleep`? Then each of `wait_for`, `timeout` and `call_later` would need its
own patch. The loop asks its selector to wait until the next timer; a selector that moves time
instead of waiting covers them all.
"""

import asyncio
import concurrent.futures
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Real seconds one call in a thread may take; a guess, far above any database call of a test.
THREAD_LIMIT_S = 60.0

# Where simulated time begins unless a test says otherwise: a Monday night, no holiday, no
# change of daylight saving time near.
START = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)


class Deadlock(RuntimeError):
    """Everybody waits, and no timer and no thread will ever wake anybody."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs callbacks like any loop, and jumps over the time in which there are none.

    While a call is out in a thread the loop waits for it really, so that a slow disk never makes
    a time-out fire.
    """

    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self._calls_out = 0
        # One thread: calls end in the order they began, and so a seed gives the same run.
        self._threads = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        super().__init__(_JumpingSelector(self))
        self.set_default_executor(self._threads)

    def time(self) -> float:
        """Return simulated seconds since the loop was made."""
        return self._elapsed_s

    def jump(self, duration_s: float) -> None:
        """Let simulated time pass."""
        self._elapsed_s += duration_s

    def waits_for_a_thread(self) -> bool:
        """Tell whether a call in a thread has not come back yet."""
        return self._calls_out > 0

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run a blocking call in a thread, and hold the clock until it ends.

        The call is counted until the thread is through with it, also when its caller has long
        given up: what it does to the disk still happens at this moment.
        """
        call = (executor or self._threads).submit(func, *args)
        self._calls_out += 1
        future = asyncio.wrap_future(call, loop=self)
        # After wrap_future, so that the result is on its way before time may jump again.
        call.add_done_callback(lambda _: self.call_soon_threadsafe(self._call_came_back))
        return future

    def _call_came_back(self) -> None:
        self._calls_out -= 1

    async def shutdown_default_executor(self, _within_s: float | None = None) -> None:
        """End the threads and wait for them really, whatever limit Python 3.12 and later pass."""
        self._calls_out += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._calls_out -= 1


class _JumpingSelector(selectors.BaseSelector):
    """A selector that moves its loop's time where another would wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        # A real one beneath: threads wake the loop through a socket pair.
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if events := self._real.select(0):
            return events
        if timeout == 0:
            return []
        if self._loop.waits_for_a_thread():
            return self._wait_for_thread()
        if timeout is None:
            raise Deadlock(_who_waits(self._loop))
        self._loop.jump(timeout)
        return []

    def _wait_for_thread(self) -> list[tuple[selectors.SelectorKey, int]]:
        if events := self._real.select(THREAD_LIMIT_S):
            return events
        raise Deadlock(f"a call in a thread did not come back within {THREAD_LIMIT_S:.0f} s")

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    waiting = "; ".join(f"{task.get_name()} at {_place(task)}" for task in tasks)
    return f"nothing is ready, no timer is set, and these wait: {waiting or 'no task'}"


def _place(task: asyncio.Task[Any]) -> str:
    if not (stack := task.get_stack()):
        return "its end"
    frame = stack[-1]
    return f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"


class VirtualClock:
    """The time of a virtual loop, which began at `start`; see engine.ports.Clock."""

    def __init__(self, loop: VirtualLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, duration: timedelta) -> None:
        seconds = max(0.0, duration.total_seconds())
        await asyncio.sleep(seconds)  # noqa: TID251 -- on this loop it takes no time


def virtual_clock(start: datetime = START) -> VirtualClock:
    """Return a clock of the virtual loop that runs now."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("no virtual loop runs: start with run_virtual(...)")
    return VirtualClock(loop, start)


def run_virtual(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time, on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coro)
