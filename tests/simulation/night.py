"""One night in virtual time: the real engine, a rehearsal, memory stores, people who vote.

A night can be cut at any journal append, as by `kill -9`: the executor is dropped for real (its
tasks, sessions and stores), and another one takes the run up.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from bot.archives import read_inside
from engine.canon import to_json
from engine.errors import PeopleUnreadable, PlanRefused
from engine.facts import NOTHING_PINNED, Identity, MemberId
from engine.fold import RunState
from engine.journal import Kind
from engine.logins import Login, Refusals, logged_in
from engine.model import Request
from engine.orders import run_id
from engine.policy import GatePolicy, Policy
from engine.ports import Ballot, GroupSetup, PackageFile, Person, Reach, Shell
from engine.proposals import Change
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from engine.worker import Worker
from storage.memory import MemoryStores
from storage.records import Draft, InboxRow, Record
from tests.simulation.loop import virtual_clock

PACKAGE = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"
REQUESTER = "U0RITA0001"
ROLES = {
    REQUESTER: {"firewall"},
    "U0ANA00001": {"network"},
    "U0BEN00001": {"firewall"},
    "U0NOOR0001": {"network", "firewall"},
}
CHANNEL = "C0FIREWALL"
POLICY = Policy(
    proposal=GatePolicy(votes=1, voters=("network", "firewall")),
    failover=GatePolicy(votes=2, voters=("network", "firewall")),
    operators=("firewall",),
    log_free_factor=0.0,
)


class Killed(BaseException):
    """The process died here."""


class Mortal:
    """A journal store that dies at its n-th append, before or after it is durable."""

    def __init__(self, inner: Any, die_at: int | None, *, after: bool) -> None:
        self._inner = inner
        self._die_at = die_at
        self._after = after
        self._record: tuple[str, str] | None = None
        self.appends = 0
        self.dead = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_tell_unless_killed)

    def __getattr__(self, name: str) -> Any:
        if self.dead.is_set():
            raise Killed
        return getattr(self._inner, name)

    def die_after(self, kind: str, step: str) -> None:
        """Die as soon as a record of this kind about this step is durable."""
        self._record = kind, step

    def append(self, stream: str, drafts: Sequence[Draft], **named: Any) -> Sequence[Record]:
        if self.dead.is_set():
            raise Killed
        self.appends += 1
        it = any((draft.kind, draft.body.get("step")) == self._record for draft in drafts)
        last = it or self.appends == self._die_at
        if last and not (it or self._after):
            self._die()
        records: Sequence[Record] = self._inner.append(stream, drafts, **named)
        if last:
            self._die()
        return records

    def _die(self) -> None:
        self._loop.call_soon(self.dead.set)
        raise Killed


def _tell_unless_killed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


@dataclass
class Crowd:
    """People: what Slack shows now, and who they are. `away` is Slack out of reach."""

    shown: dict[tuple[str, str], list[Ballot]] = field(default_factory=dict)
    away: bool = False
    roles_of: dict[str, set[str]] = field(default_factory=lambda: dict(ROLES))
    shared_channels: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    until: dict[str, datetime] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    async def ballots(self, channel: str, ts: str) -> Sequence[Ballot]:
        self._reachable()
        return list(self.shown.get((channel, ts), []))

    async def person(self, user: str) -> Person:
        self._reachable()
        if user in self.unreadable:
            raise PeopleUnreadable(f"Slack does not say who {user} is")
        if user in self.hidden:
            return Person(user, user, "Slack does not show this account", hidden=True)
        return Person(id=user, name=_name(user), unfit=self.unfit.get(user, ""))

    async def shared(self, channel: str) -> str:
        self._reachable()
        return self.shared_channels.get(channel, "")

    async def roles(self, user: str) -> frozenset[str]:
        self._reachable()
        return frozenset(self.roles_of.get(user, ()))

    async def members(self, role: str) -> frozenset[str]:
        self._reachable()
        return frozenset(user for user, mine in self.roles_of.items() if role in mine)

    async def reach(self, roles: Collection[str]) -> Sequence[Reach]:
        if self.away:
            return []
        asked = set(roles)
        return [
            Reach(
                user,
                _name(user),
                frozenset(mine & asked),
                self.states.get(user, "awake"),
                until=self.until.get(user),
            )
            for user, mine in sorted(self.roles_of.items())
            if mine & asked
        ]

    def _reachable(self) -> None:
        if self.away:
            raise PeopleUnreadable("Slack does not answer")


def _name(user: str) -> str:
    return user.removeprefix("U0").rstrip("01").lower()


@dataclass
class Said:
    """What the engine told single persons."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, str, str]] = field(default_factory=list)

    async def answer(
        self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
    ) -> bool:
        self.texts.append((to.get("user", ""), text))
        self.files += [(to.get("user", ""), *file)] if file is not None else []
        return True


class Shelf:
    """A repository with one small package."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def names(self) -> Sequence[str]:
        return [self.path.name]

    async def find(self, name: str, *, sha256: str | None = None) -> PackageFile:
        if name != self.path.name:
            raise PlanRefused(f"{name} is not in the repository")
        data = self.path.read_bytes()
        says = None if data.startswith(b"a hotfix") else read_inside(self.path).config
        return PackageFile(name, self.path, hashlib.sha256(data).hexdigest(), len(data), says)


@dataclass
class Site:
    """The inventory: one group."""

    policy: Policy
    shell: Shell
    pins: Identity = NOTHING_PINNED
    refusals: Refusals = field(default_factory=Refusals)
    daily_look: time | None = None
    tags: tuple[str, ...] = ()

    def group(self, name: str) -> GroupSetup | None:
        if name != "site-1":
            return None
        return GroupSetup(
            name,
            CHANNEL,
            self.policy,
            lambda: self.shell,
            pins=self.pins,
            asked_again=self.refusals.forget,
            daily_look=self.daily_look,
            tags=self.tags,
        )

    def names(self) -> Sequence[str]:
        return ["site-1"]


Reaction = Callable[["Night", str, str], None]
"""What people do when a gate is shown: (night, gate name, step)."""


def everyone_agrees(night: "Night", gate: str, step: str) -> None:
    """Two approvers say yes, a while apart."""
    night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))
    night.later(45, lambda: night.react(gate, "U0BEN00001", "yes"))


class Night:
    """The whole stage of one run."""

    def __init__(
        self,
        package: Path,
        *,
        setup: Setup | None = None,
        policy: Policy = POLICY,
        people: Reaction = everyone_agrees,
        ticks: timedelta = timedelta(seconds=1),
        pins: Identity = NOTHING_PINNED,
        daily_look: time | None = None,
        tags: tuple[str, ...] = (),
    ) -> None:
        self.ticks = ticks
        self.daily_look = daily_look
        self.tags = tags
        self.pins = pins
        self.clock = virtual_clock()
        self.group = Group(setup or Setup(), self.clock)
        self.shell = RehearsalShell(self.group)
        self.stores = MemoryStores()
        self.crowd = Crowd()
        self.said = Said()
        self.package = package
        self.policy = policy
        self.people = people
        self.run = run_id("cmd:1")
        self.orders = 0
        self.asked: dict[str, Any] = {}
        self.executors = 0
        self.worker: Worker | None = None
        self.mortal: Mortal | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._shown: set[str] = set()
        self._hints = 0
        self._said: set[str] = set()

    # --------------------------------------------------------------------- the executor

    def begin(self, *, die_at: int | None = None, after: bool = False) -> None:
        """Start an executor, as a fresh process would."""
        self.executors += 1
        self.shell = RehearsalShell(self.group)
        self.mortal = Mortal(self.stores.journal, die_at, after=after)
        stores, refusals = _Stores(self.stores, self.mortal), Refusals()
        self.worker = Worker(
            stores,
            self.clock,
            Site(
                self.policy,
                self._logged_in(refusals),
                self.pins,
                refusals,
                self.daily_look,
                self.tags,
            ),
            self.crowd,
            self.said,
            Shelf(self.package),
            holder=f"executor-{self.executors}",
            alone=True,
        )
        self._ticker = asyncio.ensure_future(self._tick(self.worker))

    def _logged_in(self, refusals: Refusals) -> Shell:
        setup = self.group.setup
        login = Login("site-1", setup.login_shell, setup.expert_password, "GAIA_EXPERT_PASSWORD")
        return logged_in(self.shell, login, self.clock, refusals)

    async def _tick(self, worker: Worker) -> None:
        while True:
            with contextlib.suppress(Killed):
                await worker.tick()
                self._show_gates()
            await self.clock.sleep(self.ticks)

    async def kill(self) -> None:
        """Drop the executor with everything it had in memory."""
        if self._ticker is not None:
            self._ticker.cancel()
        mine = asyncio.current_task()
        doomed = [t for t in asyncio.all_tasks() if t is not mine and _belongs(t)]
        for task in doomed:
            task.cancel()
        if doomed:
            await asyncio.wait(doomed)
            for task in doomed:
                with contextlib.suppress(BaseException):
                    task.exception()
        self.shell.drop_all()
        self.stores = self.stores.reopened()

    # ------------------------------------------------------------------------- people

    def follow(self, run: str) -> None:
        """From now on what is shown, said and seen is about another run."""
        self.orders += 1
        self.run = run
        self._shown = set()

    def order(
        self,
        request: Request | None = None,
        *,
        left_out: tuple[MemberId, ...] = (),
        **asked: Any,
    ) -> None:
        """Somebody asks for the installation, or for what `asked` says of the request.

        What is shown, said and seen from now on is about the run that it makes.
        """
        key = f"cmd:{self.orders + 1}"
        self.follow(run_id(key))
        request = request or Request(
            "install", "site-1", self.package.name, REQUESTER, CHANNEL, "rita", left_out=left_out
        )
        body = {"request": to_json(replace(request, **{**self.asked, **asked})), "answer": {}}
        self.stores.inbox.put(InboxRow(key, None, "order", body, self.clock.now()))

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Have something happen in simulated seconds."""
        asyncio.get_running_loop().call_later(seconds, do)

    def _show_gates(self) -> None:
        """Do what the speaker does: post each gate once, and say where it stands."""
        opened = [r for r in self.records() if r.kind == Kind.GATE_OPENED]
        for number, record in enumerate(opened, start=1):
            name = f"G{number}"
            if name not in self._shown:
                self._shown.add(name)
                self._post(name)
                self.people(self, name, record.body["step"])

    def _post(self, gate: str) -> None:
        # Another run's message stands elsewhere, although its gates are called the same.
        body = {"gate": gate, "channel": CHANNEL, "ts": self.place_of(gate)}
        key = f"shown:{self.place_of(gate)}"
        self.stores.inbox.put(InboxRow(key, self.run, "shown", body, self.clock.now()))

    def place_of(self, gate: str) -> str:
        """Return where a gate of the present run stands."""
        return gate if self.orders < 2 else f"{gate} of {self.orders}"

    def react(self, gate: str, user: str, choice: str, *, added: bool = True) -> None:
        """Put a reaction on a gate's message, or take it off."""
        ts = self.place_of(gate)
        place = (CHANNEL, ts)
        ballots = [
            b for b in self.crowd.shown.get(place, []) if (b.user, b.choice) != (user, choice)
        ]
        if added:
            ballots.append(Ballot(user, choice, "reaction"))
        self.crowd.shown[place] = ballots
        self._hints += 1
        body = {"channel": CHANNEL, "ts": ts, "user": user, "choice": choice, "added": added}
        row = InboxRow(f"evt:{self._hints}", self.run, "hint", body, self.clock.now())
        self.stores.inbox.put(row)

    def say(self, verb: str, user: str = REQUESTER) -> None:
        """Say a word to the run."""
        self._hints += 1
        body = {"verb": verb, "user": user, "answer": {}}
        row = InboxRow(f"word:{self._hints}", self.run, "word", body, self.clock.now())
        self.stores.inbox.put(row)

    def change(self, user: str = REQUESTER, **wanted: Any) -> None:
        """Have the plan otherwise."""
        self._hints += 1
        body = {
            "verb": "change",
            "user": user,
            "answer": {},
            "change": to_json(Change(**wanted)),
            "revision": self.state().the_plan.revision,
        }
        row = InboxRow(f"word:{self._hints}", self.run, "word", body, self.clock.now())
        self.stores.inbox.put(row)

    # --------------------------------------------------------------------------- seeing

    def records(self) -> Sequence[Record]:
        """Return what the journal holds."""
        return self.stores.journal.read(self.run)

    def state(self) -> RunState:
        """Return the run as its journal tells it."""
        return RunState.replay(self.records())

    async def until(self, true: Callable[[RunState], bool], *, hours: float = 6) -> RunState:
        """Let the night go on until something is true of the run, or the executor has died."""
        limit = self.clock.monotonic() + hours * 3600
        state = RunState()
        while self.clock.monotonic() < limit:
            for record in self.stores.journal.read(self.run, after=state.last_seq):
                state.apply(record)
            dead = self.mortal is not None and self.mortal.dead.is_set()
            if dead or (state.last_seq and true(state)):
                break
            await self.clock.sleep(timedelta(seconds=15))
        return state

    async def until_over(self, *, hours: float = 6) -> RunState:
        """Let the night go on to its end or to a hold."""
        return await self.until(lambda s: s.ended is not None or s.hold is not None, hours=hours)

    async def close(self) -> None:
        """End everything that still runs."""
        await self.kill()
        await self.group.stop()


class _Stores:
    """The stores with a mortal journal."""

    def __init__(self, inner: MemoryStores, journal: Mortal) -> None:
        self._inner = inner
        self.journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _belongs(task: asyncio.Task[Any]) -> bool:
    """Tell whether a task is the executor's: the group's own go on without it."""
    name = getattr(task.get_coro(), "__qualname__", "")
    return name.startswith(
        ("Worker.", "Night._tick", "LiveGroup", "VirtualClock.sleep", "Duty.", "AnswerQueue.")
    )


def small_package(folder: Path, name: str = PACKAGE) -> Path:
    """Write a package of a few bytes, named like a real one."""
    path = folder / name
    path.write_bytes(b"a hotfix" * 64)
    return path


def quick(policy: Policy = POLICY, **changes: Any) -> Policy:
    """Return a policy with some values changed."""
    return replace(policy, **changes)
