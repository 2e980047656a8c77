"""How this process is: whether it gets on (`/livez`), and whether it may be relied on (`/readyz`).

Everybody reports here what they see anyway; only the database is asked, since a silent one must
not pass for a good one.

Question: what is a reason to be started again, and what is none? Answer: only what a start can
mend makes a process not alive: its event loop, its looks at what is due. A database or a Slack
that is away makes it not ready, however long that is. Given up: an orchestrator does not help
where a step on a device hangs; each of those has a limit of its own.

How it is told over HTTP does not belong here; see `bot.probe`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from engine.ports import Clock
from storage.records import StorageDown

BOT_TOKEN = "bot token"  # noqa: S105 -- what it is called, not what it is
APP_TOKEN = "app token"  # noqa: S105 -- what it is called, not what it is

BEAT = timedelta(seconds=1)
"""How often the event loop shows that it runs."""

LOOP_LATE = timedelta(seconds=15)
"""A beat that is older: something blocks the loop, and acks come too late for Slack's 3 s."""

CHORE_LATE = timedelta(minutes=3)
"""A look at what is due that did not come to its end for so long. One takes milliseconds; with a
database that swallows everything, the limits of storage end it within about a minute."""

DATABASE_WITHIN = timedelta(seconds=5)
"""A question to the database may take so long; a probe of an orchestrator waits no longer."""


@dataclass(frozen=True)
class Part:
    """One thing, whether it is well, and why."""

    ok: bool
    why: str


@dataclass
class _Chore:
    ended: float
    went: str = "it has only begun"


class Health:
    """What is known of this process. One per process; needs a running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chores: dict[str, _Chore] = {}
        self._refused: dict[str, str] = {}
        self._answered: dict[str, float] = {}
        self._database: Callable[[], object] | None = None
        self._asking: asyncio.Future[Part] | None = None
        self._ways: dict[str, Callable[[], Part]] = {}
        self._beating: asyncio.Task[None] | None = None
        self._beat_at: float | None = None

    # ------------------------------------------------------------------ what others report

    def slack_refused(self, reason: str, token: str = BOT_TOKEN) -> None:
        """Slack does not take a token of ours any more, and says why, e.g. `token_revoked`."""
        self._refused[token] = reason

    def slack_answers(self, token: str = BOT_TOKEN) -> None:
        """Slack has answered to a token of ours: it takes it."""
        self._refused.pop(token, None)
        self._answered[token] = self._clock.monotonic()

    @property
    def refusal(self) -> str:
        """Why Slack takes a token of ours no longer, or "" while it does."""
        return "; ".join(f"Slack refuses the {t}: {why}" for t, why in self._refused.items())

    def watched(
        self, name: str, chore: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        """Return the same chore; while it is called again and again, it must come to its end."""
        state = self._chores[name] = _Chore(self._clock.monotonic())

        async def watched() -> None:
            try:
                await chore()
            except Exception as error:
                state.went = f"the last one failed: {type(error).__name__}"
                raise
            state.ended, state.went = self._clock.monotonic(), "they come to their end"

        return watched

    def database(self, ask: Callable[[], object]) -> None:
        """Take the question that finds out whether the database answers; called in a thread."""
        self._database = ask

    def way(self, name: str, state: Callable[[], Part]) -> None:
        """Take who says whether Slack reaches us, and how."""
        self._ways[name] = state

    def start(self) -> None:
        """Begin to watch the event loop."""
        self._beating = asyncio.ensure_future(self._beat())

    async def close(self) -> None:
        """Watch no longer. Never raises."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        if self._asking is not None:
            await asyncio.wait([self._asking])

    # -------------------------------------------------------------------------- what is told

    def alive(self) -> Mapping[str, Part]:
        """Say of each part that a new start could mend whether it gets on."""
        told = {"event loop": self._loop()}
        for name, chore in self._chores.items():
            ago = self._ago(chore.ended)
            told[name] = Part(
                ago <= CHORE_LATE.total_seconds(),
                f"looks at what is due: {chore.went}; {_seconds(ago)} since the last good one",
            )
        return told

    async def ready(self) -> Mapping[str, Part]:
        """Say of each part that is needed whether it can be relied on."""
        told = {"database": await self._ask_database()}
        told["tokens"] = self._tokens()
        told |= {name: state() for name, state in self._ways.items()}
        return told

    async def _beat(self) -> None:
        while True:
            self._beat_at = self._clock.monotonic()
            await self._clock.sleep(BEAT)

    def _loop(self) -> Part:
        if self._beat_at is None:
            return Part(ok=False, why="it has not run yet")
        ago = self._ago(self._beat_at)
        return Part(ago <= LOOP_LATE.total_seconds(), f"its last beat is {_seconds(ago)} old")

    def _tokens(self) -> Part:
        if self.refusal:
            return Part(ok=False, why=self.refusal)
        answered = self._answered.get(BOT_TOKEN)
        if answered is None:
            return Part(ok=False, why="Slack has not answered yet")
        return Part(ok=True, why=f"Slack took them {_seconds(self._ago(answered))} ago")

    async def _ask_database(self) -> Part:
        """Ask, one question at a time: one that hangs is not joined by one per probe."""
        if self._database is None:
            return Part(ok=False, why="nobody asks it yet")
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(_asked(self._database))
        done, _ = await asyncio.wait([self._asking], timeout=DATABASE_WITHIN.total_seconds())
        if not done:
            return Part(ok=False, why=f"no answer within {_seconds(DATABASE_WITHIN.seconds)}")
        return self._asking.result()

    def _ago(self, moment: float) -> float:
        return max(0.0, self._clock.monotonic() - moment)


async def _asked(database: Callable[[], object]) -> Part:
    try:
        await asyncio.to_thread(database)
    except StorageDown as error:
        return Part(ok=False, why=f"it does not answer: {error.cause}")
    return Part(ok=True, why="it answers")


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s"
