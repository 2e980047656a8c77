"""A stage on which anything may happen at any time: what the machine of `test_machine.py` moves.

Executors die or stall at an effect, the database and Slack go away, links break, members fail and
are worked on by others, clocks step, people say whatever they like. What happens because of
somebody else is noted with its moment, so that a judge can tell it from what we did.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import MemberUnreachable
from engine.fold import RunState
from engine.rehearsal.group import Setup
from storage.records import StorageDown
from tests.simulation.effects import COMMITS, Effects, Fate, Killed
from tests.simulation.explore import SPARSE
from tests.simulation.loop import VirtualClock
from tests.simulation.night import REQUESTER, ROLES, Night, everyone_agrees, quick
from tests.simulation.stage import Executor, Stage
from tests.simulation.surroundings import SteppedClock
from tests.simulation.writing import click

NOBODY = "U0EVE00001"
"""Somebody in the channel who is in no role."""

PEOPLE = [*ROLES, NOBODY]

WORDS = ("pause", "halt", "resume", "retry", "abort", "rollback")

MOMENTS = (
    "ORDERED",
    "CLONING_OFF",
    "A.READY",
    "A.FAILOVER",
    "A.INSTALL",
    "A.RETURN",
    "B.READY",
    "B.FAILOVER",
    "B.INSTALL",
    "B.RETURN",
    "CLONING_RESTORE",
)
"""Steps at whose beginning a scene may leave its undisturbed course; a failover begins with its
approval, an installation with the answer that commits."""

DEVICE_EFFECTS = ("send", "reply", "open", "upload", "heard", "type")
"""How the names of effects begin that need the link between an executor and the group."""


class Database:
    """What the stores of every executor stand on: it can be away, also in a commit.

    Its own clock decides when a lease has expired, as on PostgreSQL, so a step of the executors'
    clocks does not reach it.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.away = False
        self.fails_in: int | None = None
        self.fails_after = False
        self.on_failure: Callable[[], None] = lambda: None

    def pass_in(self, *, commit: bool) -> bool:
        """Come in, if it is there; tell whether it goes away with this commit done.

        Raises:
            StorageDown: it is away, or goes away now, with nothing done.
        """
        if self.away:
            raise StorageDown("the connection was refused")
        if not commit or self.fails_in is None:
            return False
        self.fails_in -= 1
        if self.fails_in > 0:
            return False
        self.fails_in, self.away = None, True
        self.on_failure()
        if not self.fails_after:
            raise StorageDown("the connection broke before the commit")
        return True


class ReachedStores:
    """Stores of an executor over that database."""

    def __init__(self, inner: Any, database: Database) -> None:
        self._inner = inner
        for name in COMMITS:
            setattr(self, name, _ReachedStore(getattr(inner, name), COMMITS[name], database))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _ReachedStore:
    def __init__(self, inner: Any, writes: set[str], database: Database) -> None:
        self._inner = inner
        self._writes = writes
        self._database = database

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._inner, method)

        def call(*args: Any, **named: Any) -> Any:
            if "ttl_s" in named:
                named["now"] = self._database.clock.now()
            lost = self._database.pass_in(commit=method in self._writes)
            result = real(*args, **named)
            if lost:
                raise StorageDown("the connection broke after the commit")
            return result

        return call


class Scene(Stage):
    """The stage, and everything that may befall it.

    Args:
        package: what is installed.
        groups: Logical Groups; two of two members, or more of one each.
        several: the database is one for several executors, whose epoch is kept on the members.
            Else it is a file whose lock lets one executor in at a time.
    """

    def __init__(self, package: Path, *, groups: int, several: bool) -> None:
        super().__init__(
            package,
            effects=Effects(),
            setup=Setup(members=4 if groups == 2 else groups, connections=1000, frame_s=10.0),
            policy=quick(SPARSE, groups=groups, fence=several),
            people=self._see_a_gate,
            ticks=timedelta(seconds=5),
        )
        self.several = several
        self.agreeing = True
        self.database = Database(self.clock)
        self.date = SteppedClock(self.clock)
        self.clock: Any = self.date
        self.absence_s = 30.0
        self.meddled: list[tuple[float, str]] = []
        self.failed: set[str] = set()
        self.said_at: dict[str, int] = {}
        self.gates: list[str] = []
        self._fates: dict[int, tuple[int, Fate]] = {}
        self._cut_off: set[int] = set()
        self._supervisor = asyncio.ensure_future(self._supervise())

    # -------------------------------------------------------------------- executors

    def begin(self, **_named: Any) -> None:
        """Start an executor beside those that live."""
        number = self.executors + 1
        self.effects = Effects(partial(self._fate, number))
        self.effects.on_stall = self._begin_soon
        real: Any = self.stores
        reached: Any = ReachedStores(real, self.database)
        self.stores = reached
        super().begin()
        self.stores = real

    def _fate(self, executor: int, _number: int, name: str) -> Fate:
        if executor in self._cut_off and name.startswith(DEVICE_EFFECTS):
            raise MemberUnreachable("no route to the group")
        left, fate = self._fates.pop(executor, (0, Fate.GOES_ON))
        if left > 1:
            self._fates[executor] = (left - 1, fate)
            return Fate.GOES_ON
        return fate if left else Fate.GOES_ON

    @property
    def awake(self) -> list[Executor]:
        """The executors that live and do not stand still."""
        return [e for e in self.living if not e.life.dead and not stands_still(e)]

    def newest(self) -> Executor | None:
        """Return the executor that was started last, of those awake."""
        return self.awake[-1] if self.awake else None

    def meets(self, fate: Fate, *, in_effects: int) -> None:
        """Let the newest executor die or stall at one of its next effects."""
        if (executor := self.newest()) is not None:
            self._fates[self.living.index(executor) + 1] = (in_effects, fate)

    @property
    def stalled(self) -> list[Executor]:
        """The executors that stand still."""
        return [e for e in self.living if stands_still(e)]

    def wake_the_stalled(self) -> None:
        """Let those that stand still go on."""
        for executor in self.stalled:
            if executor.life.stalled is not None:
                executor.life.stalled.set_result(None)

    async def _supervise(self) -> None:
        """Start another executor when none is left, after a while."""
        while True:
            await self.date.sleep(timedelta(seconds=5))
            if self.living and all(e.life.dead for e in self.living):
                await self.date.sleep(timedelta(seconds=self.absence_s))
                for executor in self.living:
                    await executor.end()
                if not self.several:
                    self.vault.reopen()
                    self.stores = self.vault.stores
                self.begin()

    def cut_off(self, executor: Executor, seconds: float) -> None:
        """Let one executor not reach the group for a while."""
        number = self.living.index(executor) + 1
        self._cut_off.add(number)
        for login in list(executor.shell._logins):
            login.drop("the connection was lost")
        self.later(seconds, lambda: self._cut_off.discard(number))

    # ----------------------------------------------------------------- what goes away

    def lose_database(self, *, in_commits: int, after: bool, seconds: float) -> None:
        """Let the database go away in one of the next commits, and come back after a while."""
        database = self.database
        database.fails_in, database.fails_after = in_commits, after
        database.on_failure = lambda: self.later(seconds, self._database_is_back)

    def _database_is_back(self) -> None:
        self.database.away = False

    def lose_slack(self, seconds: float) -> None:
        """Let nobody be asked for a while."""
        self.crowd.away = True
        self.later(seconds, self._slack_is_back)

    def _slack_is_back(self) -> None:
        self.crowd.away = False

    def step_clock(self, minutes: float) -> None:
        """Correct the date on the machines that executors run on."""
        self.date.ahead += timedelta(minutes=minutes)

    # ----------------------------------------------------------------- what others do

    def meddle(self, what: str, **details: Any) -> None:
        """Let a fault happen that is nobody's of ours."""
        self.group.add_fault({"name": what, **details})
        self.meddled.append((self.group.now, what))
        if what == "member_fails":
            self.failed.add(details["member"])

    def reboot(self, member: str) -> None:
        """Let somebody restart a member."""
        self.group.advance()
        self.group.reboot(self.group.member(member))
        self.failed.discard(member)
        self.meddled.append((self.group.now, "reboot"))

    def recover_the_failed(self) -> None:
        """Let somebody repair what has failed."""
        for member in sorted(self.failed):
            self.meddle("member_recovers", member=member)
        self.failed.clear()

    def change_take(self, member: str, take: int) -> None:
        """Let somebody install something else by hand."""
        self.group.advance()
        self.group.member(member).foreign_take = take
        self.meddled.append((self.group.now, "take"))

    # ------------------------------------------------------------------------- people

    def _see_a_gate(self, night: Night, gate: str, step: str) -> None:
        self.gates.append(gate)
        if self.agreeing:
            everyone_agrees(night, gate, step)

    def _show_gates(self) -> None:
        """Gates are posted by an executor, and read in Slack."""
        if self.awake and not self.database.away and not self.crowd.away:
            super()._show_gates()

    def react(self, gate: str, user: str, choice: str, *, added: bool = True) -> None:
        """React; where nobody can keep the event, only the reaction stands."""
        waiting = len(self.stores.inbox.waiting())
        super().react(gate, user, choice, added=added)
        if (self.database.away or not self.awake) and len(self.stores.inbox.waiting()) > waiting:
            self.stores.inbox.drop(f"evt:{self._hints}")

    def press(self, gate: str, user: str, choice: str) -> None:
        """Press a button, where somebody is there who can keep that; else its author sees it."""
        if self.awake and not self.database.away and not self.crowd.away:
            click(self, gate, user, choice)

    def say(self, verb: str, user: str = REQUESTER) -> None:
        """Say a word, where somebody is there who can keep it; else its author sees that."""
        if self.awake and not self.database.away and not self.crowd.away:
            records = self.records()
            super().say(verb, user)
            self.said_at[f"word:{self._hints}"] = records[-1].seq if records else 0

    # --------------------------------------------------------------------------- seeing

    async def until(
        self, true: Callable[[RunState], bool], *, hours: float = 6, every_s: float = 15
    ) -> RunState:
        """Let time pass until something is true of the run, whoever dies meanwhile."""
        state = self.state()
        limit = self.clock.monotonic() + hours * 3600
        while not (state.last_seq and true(state)) and self.clock.monotonic() < limit:
            await self.clock.sleep(timedelta(seconds=every_s))
            for record in self.records()[state.last_seq :]:
                state.apply(record)
        return state

    async def undisturbed_until(self, moment: str) -> None:
        """Play until a step of `MOMENTS` begins."""
        await self.until(lambda state: _begins(state, moment), every_s=2)

    async def until_it_moves(self, *, hours: float) -> None:
        """Play until one more step is done, one more gate is opened, or it holds."""
        before = self.state()
        await self.until(
            lambda s: (
                (s.gates_asked, _done(s)) != (before.gates_asked, _done(before))
                or (s.hold is not None and before.hold is None)
            ),
            hours=hours,
        )

    # -------------------------------------------------------------------------- healing

    async def heal(self) -> None:
        """Let everything work that does not depend on us, and people agree."""
        self._fates.clear()
        self._cut_off.clear()
        self.database.fails_in = None
        self._database_is_back()
        self._slack_is_back()
        await self.kill_the_stalled()
        self.agreeing = True
        self._heal_members()
        for gate in self.gates:
            self._agree(gate)
        await self.clock.sleep(timedelta(minutes=5))

    def _heal_members(self) -> None:
        group = self.group
        group.advance()
        stuck = {
            f.member for f in group.faults if f.fired_at is not None and f.name == "stuck_down"
        }
        group.faults = [f for f in group.faults if f.fired_at is not None]
        for member in group.members.values():
            member.files.full = lambda: False
            if member.id in self.failed | stuck:
                self.meddle("member_recovers", member=member.id)
        if any(m.policy.name == "InitialPolicy" for m in group.members.values()):
            self.later(120, lambda: self.meddle("policy_installed"))

    def _agree(self, gate: str) -> None:
        for user in PEOPLE:
            self.react(gate, user, "no", added=False)
        for user in ("U0ANA00001", "U0BEN00001"):
            self.react(gate, user, "yes")
            if any(g.name == gate and user in g.clicks for g in self.state().gates.values()):
                self.press(gate, user, "yes")

    async def close(self) -> None:
        """End everything that still runs."""
        self._supervisor.cancel()
        await super().close()


def _done(state: RunState) -> int:
    return sum(step.status == "done" for step in state.steps.values())


def _begins(state: RunState, moment: str) -> bool:
    if state.plan is None or moment == "ORDERED":
        return state.plan is not None
    gate = state.gates.get(moment)
    if moment.endswith(".FAILOVER"):
        return gate is not None and gate.outcome == "approved"
    if moment.endswith(".INSTALL"):
        return state.of(moment).committed_at is not None
    ids = [step.id for step in state.plan.steps]
    step = state.next_step()
    return step is None or ids.index(step.id) >= ids.index(moment)


def stands_still(executor: Executor) -> bool:
    """Tell whether an executor has stalled, and was not woken."""
    stalled = executor.life.stalled
    return not executor.life.dead and stalled is not None and not stalled.done()


def tell_unless_killed(surprises: list[str]) -> Callable[..., None]:
    """Return a loop's exception handler that notes what nobody caught, a death excepted."""

    def tell(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), Killed):
            surprises.append(f"{context['message']}: {context.get('exception')!r}")

    return tell


def tail(records: Sequence[Any], count: int = 12) -> str:
    """Say how a journal ends, for who reads about a failure."""
    return "\n".join(
        f"  {r.seq:4} {r.epoch} {r.at:%H:%M:%S} {r.kind} "
        + " ".join(f"{k}={r.body[k]!s:.160}" for k in ("step", "reason", "word") if r.body.get(k))
        for r in records[-count:]
    )
