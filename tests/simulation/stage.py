"""The whole product in virtual time: worker, speaker and a Slack, a rehearsal, any stores.

Unlike `tests.simulation.night` everything an executor does to the world is numbered here
(`tests.simulation.effects`), so that it can be killed around each single effect, and Slack is
the stand-in itself, reached by the real client without a socket.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from slack_sdk.web.async_client import AsyncWebClient

from bot.config.settings import RoleSettings
from bot.localslack.model import Message
from bot.localslack.parts import Parts
from bot.localslack.seed import demo_workspace
from bot.localslack.webapi import WebApi
from bot.people import Self, SlackPeople
from bot.speaking.speaker import Speaker
from engine.fold import RunState
from engine.journal import Kind
from engine.ports import Clock, People
from engine.rehearsal.shell import RehearsalShell
from engine.worker import Worker
from storage.memory import MemoryStores
from storage.records import InboxRow, Record, Stores
from storage.stores import open_stores
from tests.simulation.effects import Effects, Killed, Life, Loopback, MortalShell, MortalStores
from tests.simulation.night import CHANNEL, ROLES, Crowd, Night, Shelf, Site

EMOJI = {"yes": "white_check_mark", "no": "x"}
_OWNER: ContextVar[str] = ContextVar("owner", default="")


# ---------------------------------------------------------------------------- whose tasks


class Owners:
    """Remembers whose task each task is, so that a death ends exactly the dead one's.

    A task belongs to whom the task that made it belongs to, but what runs on a simulated device
    belongs to the device: it goes on when its executor dies.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._of: WeakKeyDictionary[asyncio.Task[Any], str] = WeakKeyDictionary()
        loop.set_task_factory(self._make)

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Any, **named: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **named)
        maker = asyncio.current_task(loop)
        owner = self._of.get(maker, "") if maker is not None else ""
        self._of[task] = "device" if _on_a_device(coro) else owner or _OWNER.get()
        return task

    def of(self, owner: str) -> list[asyncio.Task[Any]]:
        """Return the tasks of one owner that still run."""
        return [task for task, whose in self._of.items() if whose == owner and not task.done()]


def _on_a_device(coro: Any) -> bool:
    path = coro.cr_code.co_filename if hasattr(coro, "cr_code") else ""
    return "/engine/rehearsal/" in path and not path.endswith("/shell.py")


# -------------------------------------------------------------------------------- stores


class Vault(Protocol):
    """Where the stores live, and what the next process finds after a death."""

    stores: Any

    def reopen(self) -> None:
        """Open again what the dead one left."""
        ...

    def clear(self) -> None:
        """Leave nothing behind."""
        ...


class MemoryVault:
    """Stores in memory."""

    def __init__(self) -> None:
        self.stores: Any = MemoryStores()

    def reopen(self) -> None:
        """See Vault."""
        self.stores = self.stores.reopened()

    def clear(self) -> None:
        """See Vault."""


class FileVault:
    """Stores in an SQLite file.

    What a dead process left is copied and opened elsewhere: the file, and the log beside it that
    was not yet merged. So nothing of the former opening is closed properly, as after `kill -9`.
    """

    def __init__(self, folder: Path) -> None:
        self._first = self._folder = folder
        self._openings = 0
        self._dead: list[Any] = []
        self.stores: Any = open_stores(self._url(folder), acting=True)

    def reopen(self) -> None:
        """See Vault."""
        self._dead.append(self.stores)
        self._openings += 1
        # Forks of one night would meet in a folder that is named by the opening alone.
        name = f"{self._first.name}-{os.getpid()}-{self._openings}"
        former, self._folder = self._folder, self._first.with_name(name)
        self._folder.mkdir()
        for file in former.iterdir():
            if not file.name.endswith(".lock"):
                shutil.copy(file, self._folder / file.name)
        self.stores = open_stores(self._url(self._folder), acting=True)

    def clear(self) -> None:
        """Remove what this process made; nothing can be opened afterwards."""
        for folder in self._first.parent.glob(f"{self._first.name}-{os.getpid()}-*"):
            shutil.rmtree(folder)

    def _url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/hotfix.db"


# --------------------------------------------------------------------------------- Slack


@dataclass(frozen=True)
class LoopClock:
    """Localslack's time, from the virtual clock."""

    clock: Clock

    def now(self) -> float:
        """See bot.localslack.clock.Clock."""
        return self.clock.now().timestamp()

    def call_later(self, seconds: float, callback: Any) -> asyncio.TimerHandle:
        """See bot.localslack.clock.Clock."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class Chat:
    """A Slack in this process, with the people of the night in its one channel."""

    def __init__(self, clock: Clock) -> None:
        seed = demo_workspace()
        names = {user: f"user{n}" for n, user in enumerate(ROLES)}
        seed["users"] = [{"id": u, "name": n, "real_name": n.title()} for u, n in names.items()]
        seed["channels"] = [
            {"id": CHANNEL, "name": "firewall-ops", "members": [*names.values(), "hotfix"]}
        ]
        seed["usergroups"] = []
        self.clock = clock
        self.parts = Parts.build(seed, LoopClock(clock))
        self.api = WebApi(self.parts)
        self.token = seed["app"]["bot_token"]

    def client(self, life: Life) -> AsyncWebClient:
        """Return a client of one executor."""
        session: Any = Loopback(self.api, life)
        return AsyncWebClient(self.token, base_url="http://localslack/api/", session=session)

    def people(self, client: AsyncWebClient, stores: Stores) -> SlackPeople:
        """Return what an executor knows of people."""
        roles = {
            role: RoleSettings(members=tuple(u for u, has in ROLES.items() if role in has))
            for role in ("network", "firewall")
        }
        return SlackPeople(client, self.clock, Self(client), roles, stores.deliveries)

    def messages(self) -> list[Message]:
        """Return the messages of the channel and its threads, oldest first."""
        channel = self.parts.workspace.channel(CHANNEL)
        return sorted(channel.messages.values(), key=lambda m: m.ts)

    def of(self, key: str) -> Iterator[Message]:
        """Find messages by the key in their metadata."""
        return (m for m in self.messages() if key_of(m) == key)

    def react(self, message: Message, user: str, choice: str) -> None:
        """Add a person's reaction."""
        self.parts.workspace.react(user, message, EMOJI[choice])


def key_of(message: Message) -> str:
    """Return the key that the speaker put into a message."""
    return str(((message.metadata or {}).get("event_payload") or {}).get("key", ""))


# --------------------------------------------------------------------------------- stage


class Executor:
    """One process of the product: a worker, and with a Slack a speaker."""

    def __init__(self, stage: "Stage", number: int) -> None:
        self.name = f"executor-{number}"
        self.life = Life(stage.effects, on_death=self._end_at_once)
        self.died = asyncio.Event()
        self.shell = RehearsalShell(stage.group)
        self._owners = stage.owners
        self._speaker: Speaker | None = None
        stores: Any = MortalStores(stage.stores, self.life)
        shell: Any = MortalShell(self.shell, self.life)
        owner = _OWNER.set(self.name)
        people = self._people(stage, stores)
        self.worker = Worker(
            stores,
            stage.clock,
            Site(stage.policy, shell),
            people,
            stage.said,
            Shelf(stage.package),
            holder=self.name,
            listener=self._listen,
        )
        if stage.chat is not None:
            self._speaker = self._speaking(stage, stores, stage.chat.client(self.life))
            if isinstance(people, SlackPeople):
                people.on_gone = self._speaker.gone
        self._ticking = asyncio.ensure_future(self._tick(stage))
        _OWNER.reset(owner)

    def _people(self, stage: "Stage", stores: Any) -> People:
        if stage.chat is None:
            return Mortal(stage.crowd, self.life)
        return stage.chat.people(stage.chat.client(self.life), stores)

    def _speaking(self, stage: "Stage", stores: Any, client: AsyncWebClient) -> Speaker:
        async def on_shown(run: str, gate: str, channel: str, ts: str) -> None:
            body = {"gate": gate, "channel": channel, "ts": ts}
            row = InboxRow(f"shown:{run}/{gate}/{ts}", run, "shown", body, stage.clock.now())
            await asyncio.to_thread(stores.inbox.put, row)
            self.worker.wake(run)

        return Speaker(
            stores, client, stage.clock, lambda _request: CHANNEL, on_shown, holder=self.name
        )

    def _listen(self, records: Sequence[Record]) -> None:
        if self._speaker is not None:
            for run in {record.stream for record in records}:
                self._speaker.wake(run)

    async def _tick(self, stage: "Stage") -> None:
        try:
            while True:
                if self._speaker is not None:
                    await self._speaker.catch_up()
                await self.worker.tick()
                await stage.clock.sleep(stage.ticks)
        except Killed:
            return

    def _end_at_once(self) -> None:
        """Let a death be one: its connections break and its tasks end in the loop's next turn."""
        asyncio.get_running_loop().call_soon(self._drop)

    def _drop(self) -> None:
        for task in self._owners.of(self.name):
            task.cancel()
        self.shell.drop_all()
        self.died.set()

    async def end(self) -> None:
        """Wait until it is gone where it died, or end it."""
        if not self.life.dead:
            self.life.dead = True
            self._drop()
        await self.died.wait()
        if doomed := self._owners.of(self.name):
            await asyncio.wait(doomed)


class Stage(Night):
    """A night whose executors are numbered in all they do.

    With `with_slack` the people are real `SlackPeople` over a localslack, and a speaker speaks.
    """

    def __init__(
        self,
        package: Path,
        *,
        effects: Effects,
        vault: Vault | None = None,
        with_slack: bool = False,
        **night: Any,
    ) -> None:
        super().__init__(package, **night)
        self.effects = effects
        self.effects.on_stall = self._begin_soon
        self.vault = vault or MemoryVault()
        self.stores = self.vault.stores
        self.owners = Owners(asyncio.get_running_loop())
        self.chat = Chat(self.clock) if with_slack else None
        self.living: list[Executor] = []
        self._audience: asyncio.Task[None] | None = None

    # -------------------------------------------------------------------- the executors

    def begin(self, **_named: Any) -> None:
        """Start an executor, as a fresh process would; beside one that stands still."""
        if self._audience is None:
            self._audience = asyncio.ensure_future(self._look_on())
        self.executors += 1
        self.living.append(Executor(self, self.executors))

    def _begin_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.begin)

    @property
    def died(self) -> bool:
        """Whether the newest executor is dead."""
        return self.living[-1].died.is_set()

    async def kill(self) -> None:
        """End all executors; open what they left."""
        for executor in self.living:
            await executor.end()
        self.vault.reopen()
        self.stores = self.vault.stores

    async def kill_the_stalled(self) -> None:
        """End the executors that stand still, as a person does who finds a frozen process."""
        for executor in self.living:
            if executor.life.stalled is not None and not executor.life.stalled.done():
                await executor.end()

    async def close(self) -> None:
        """End everything that still runs."""
        if self._audience is not None:
            self._audience.cancel()
        for executor in self.living:
            await executor.end()
        await self.group.stop()

    async def _look_on(self) -> None:
        """The people, who read whether or not an executor lives."""
        while True:
            self._show_gates()
            await self.clock.sleep(timedelta(seconds=5))

    # --------------------------------------------------------------------------- people

    def _show_gates(self) -> None:
        if self.chat is None:
            super()._show_gates()
            return
        for message in self.chat.messages():
            key = key_of(message)
            gate = "G1" if key.endswith("/proposal") else key.partition("/gate/")[2]
            if gate and gate not in self._shown:
                self._shown.add(gate)
                self.people(self, gate, self._step_of(gate))

    def _step_of(self, gate: str) -> str:
        opened = [r for r in self.records() if r.kind == Kind.GATE_OPENED]
        return str(opened[int(gate.removeprefix("G")) - 1].body["step"])

    def react(self, gate: str, user: str, choice: str, *, added: bool = True) -> None:
        """Put a reaction on a gate's message; the event gets lost where nobody is there."""
        if self.chat is None:
            super().react(gate, user, choice, added=added)
            return
        where = "proposal" if gate == "G1" else f"gate/{gate}"
        message = next(self.chat.of(f"{self.run}/{where}"))
        self.chat.react(message, user, choice)
        for executor in self.living:
            if not executor.life.dead:
                executor.worker.wake(self.run)

    # --------------------------------------------------------------------------- seeing

    def records(self) -> list[Record]:
        """Return what the journal holds, read beside the executor's own stores."""
        return list(self.stores.journal.read(self.run))

    async def until(self, true: Callable[[RunState], bool], *, hours: float = 6) -> RunState:
        """Let the night go on until something is true of the run, or the executor has died."""
        state = self.state()
        limit = self.clock.monotonic() + hours * 3600
        while self.clock.monotonic() < limit:
            if state.last_seq and true(state):
                break
            sleeping = asyncio.ensure_future(self.clock.sleep(timedelta(seconds=15)))
            dying = asyncio.ensure_future(self.living[-1].died.wait())
            await asyncio.wait({sleeping, dying}, return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            dying.cancel()
            if self.died:
                break
            for record in self.stores.journal.read(self.run, after=state.last_seq):
                state.apply(record)
        return state


class Mortal:
    """Anything asynchronous that a dead executor can no longer ask."""

    def __init__(self, inner: Crowd, life: Life) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        async def ask(*args: Any) -> Any:
            await self._life.awake()
            return await getattr(self._inner, name)(*args)

        return ask
