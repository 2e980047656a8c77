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

# Where simulated time begins unless a test says otherwise: a Monday night, no holiday, no
# change of daylight saving time near.
START = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)


class Deadlock(RuntimeError):
    """Everybody waits, and no timer will ever wake anybody."""


class Held(BaseException):
    """A blocking call has not begun: its process stands still, and makes it when it goes on."""

    def __init__(self, until: asyncio.Future[None]) -> None:
        super().__init__()
        self.until = until


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs callbacks like any loop, and jumps over the time in which there are none.

    What would go to a thread is done at once, at this moment of simulated time: so a slow disk
    never makes a time-out fire, a seed gives the same run, and a process may be forked.
    """

    def __init__(self) -> None:
        self._elapsed_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return simulated seconds since the loop was made."""
        return self._elapsed_s

    def jump(self, duration_s: float) -> None:
        """Let simulated time pass."""
        self._elapsed_s += duration_s

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Make a blocking call now; who awaits it goes on in the loop's next turn.

        As with a thread, what it does to the disk happens also when its caller gives up.
        """
        future: asyncio.Future[T] = self.create_future()
        self._call(future, func, args)
        return future

    def _call(
        self, future: asyncio.Future[T], func: Callable[..., T], args: tuple[Any, ...]
    ) -> None:
        try:
            self.call_soon(_resolve, future, func(*args))
        except Held as held:
            held.until.add_done_callback(lambda _: self._call(future, func, args))
        except Exception as error:  # noqa: BLE001 -- whatever it is belongs to who awaits it
            self.call_soon(_fail, future, error)


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class _JumpingSelector(selectors.BaseSelector):
    """A selector that moves its loop's time where another would wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[int, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock(_who_waits(self._loop))
        if timeout > 0:
            self._loop.jump(timeout)
        return []

    # The loop registers its own wake-up pipe; nobody writes into it, so nobody waits for it.

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        return self._keys.setdefault(fd, selectors.SelectorKey(fileobj, fd, events, data))

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {key.fileobj: key for key in self._keys.values()}

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        return self._keys[fd]


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
