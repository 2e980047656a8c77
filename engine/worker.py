"""Which run is advanced when, and by whom: leases, wakes, at most one `advance` per run.

`wake` is idempotent and only a hint; what is due is read from the index and the inbox. Leases
decide who may act: the holder renews every third of their life and stops sending at two thirds
by its own monotonic clock; an append checks the epoch in the store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from engine import last_read, restored, runner
from engine.answering import Answer, AnswerQueue, answer_key
from engine.daily import DailyLooks
from engine.dryrun import DryRuns
from engine.duty import Duty
from engine.errors import Fenced, NotUnderstood, RecordSpoilt
from engine.fence import Fence
from engine.fold import RunState
from engine.freezing import Freezes
from engine.group import LiveGroup
from engine.journal import Kind, RunJournal
from engine.orders import Orders
from engine.outage import Outage, log_by_hand
from engine.patience import Patience
from engine.planning import is_understood
from engine.policy import Policy
from engine.ports import Answers, Clock, GroupSetup, Inventory, Packages, People, Shell
from engine.stopwatch import Stopwatch
from storage.records import (
    UNREADABLE,
    InboxRow,
    Lease,
    LeaseLost,
    Record,
    RunRow,
    StorageDown,
    Stores,
    StreamMoved,
    every_waiting,
)

log = structlog.get_logger(__name__)

LEASE_TTL = timedelta(seconds=60)
"""How long a worker may be silent before another may resume its runs."""

RECHECK = timedelta(seconds=60)
"""Open gates are read back from Slack at least so often, in case an event was lost."""

DAILY_LOOKS = timedelta(seconds=60)
"""Between two questions whether a group is to be looked at; one that is blind waits so long."""

BACKOFF_MAX = timedelta(seconds=30)
"""The longest pause between two advances of a run that did not get on."""

_ANSWERED = ("word", "vote", "click")
"""Rows of a run whose author is told what became of them."""

SETTINGS = "settings"
"""What the alarm is about that says that the settings do not have a run's group."""


@dataclass
class _Hand:
    """What this worker holds for one run."""

    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    last_end: float = float("-inf")
    last_seq: int = -1
    backoff: timedelta = timedelta(seconds=1)
    epoch: int | None = None
    group: str = ""
    left_alone: bool = False
    stopwatch: Stopwatch | None = None
    outage: Outage | None = None
    unnamed_since: dict[str, float] = field(default_factory=dict)


class Worker:
    """Advances runs. One per process that acts.

    Args:
        stores: journal, inbox and leases.
        clock: the time.
        inventory: all groups, also those that other workers act on.
        people: who votes, and who is who.
        answers: how one person is told something.
        packages: the repository.
        groups: those that this worker acts on, of its network zone; without it all.
        holder: the name of this process in its leases; no other may ever have it.
        lease_ttl: how long it may be silent before another may resume its runs.
        alone: no other process can act on this database.
        redact: takes secrets out of what is journalled.
        listener: told every record once it is durable.
        version: of this program, for the journal.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        inventory: Inventory,
        people: People,
        answers: Answers,
        packages: Packages,
        *,
        holder: str,
        groups: Container[str] | None = None,
        redact: Callable[[str], str] = lambda text: text,
        listener: Callable[[Sequence[Record]], None] | None = None,
        version: str = "",
        lease_ttl: timedelta = LEASE_TTL,
        alone: bool = False,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._inventory = inventory
        self._people = people
        self._answers = queue = AnswerQueue(answers, stores.inbox, clock)
        self._holder = holder
        self._groups = groups
        self._redact = redact
        self._listener = listener
        self._version = version
        self._lease_ttl = lease_ttl
        self._hands: dict[str, _Hand] = {}
        self._leases: dict[str, tuple[Lease, float]] = {}
        self._fences: dict[str, Fence] = {}
        self._shells: dict[str, Shell] = {}
        self._ordering: dict[str, asyncio.Task[None]] = {}
        self._down = False
        self._down_since = (clock.now(), clock.monotonic())
        self._freezes = Freezes(stores, clock, inventory, queue, people, redact=redact)
        self._orders = Orders(
            stores,
            clock,
            inventory,
            packages,
            queue,
            people,
            self._shell,
            version=version,
            redact=redact,
        )
        self._dry_runs = DryRuns(
            stores, clock, inventory, packages, queue, people, self._shell, redact
        )
        self._looks = DailyLooks(
            stores, clock, inventory, people, holder=holder, redact=redact, listener=listener
        )
        self._look_next = float("-inf")
        self._telling = asyncio.Lock()
        self._patience = Patience(stores.leases, clock, lease_ttl, alone=alone)

    # ---------------------------------------------------------------------------- waking

    def wake(self, run: str) -> None:
        """Have a run advanced soon; a run that is being advanced is only nudged."""
        hand = self._hands.setdefault(run, _Hand())
        hand.nudge.set()
        hand.backoff = timedelta(seconds=1)
        self._start(run, hand)

    def heard(self, run: str) -> None:
        """Another process has put something into the inbox: wake the run where it is ours."""
        hand = self._hands.get(run)
        if hand is not None and hand.group in self._leases:
            self.wake(run)

    def _start(self, run: str, hand: _Hand) -> None:
        if not self._down and (hand.task is None or hand.task.done()):
            hand.task = asyncio.ensure_future(self._advance(run, hand))

    async def tick(self) -> None:
        """Look for what is due: orders, words, alarms, gates to read back. Called every second.

        While the database does not answer nothing is begun, nothing is sent, and this goes on.
        """
        try:
            if self._down:
                await self._come_back()
            await self._look_around()
            await self._renew()
        except StorageDown as error:
            self._go_down(error)
        else:
            self._look_daily()

    def _go_down(self, error: StorageDown) -> None:
        """Stop sending; say so once."""
        if not self._down:
            log.error(
                "the database does not answer; nothing is sent until it does", reason=error.cause
            )
            self._down_since = (self._clock.now(), self._clock.monotonic())
        self._down = True

    async def _come_back(self) -> None:
        """Go on where the database lets us write again: a full disk can still be read.

        Raises:
            StorageDown: it does not.
        """
        await self._renew(all_of_them=True)
        # Without a lease nothing was written yet; this one has run out as soon as it is taken.
        await asyncio.to_thread(
            self._stores.leases.acquire,
            "nothing",
            self._holder,
            ttl_s=0.0,
            now=self._clock.now(),
        )
        await asyncio.to_thread(self._stores.try_out)
        open_runs = await asyncio.to_thread(self._stores.journal.runs)
        self._down = False
        since, began = self._down_since
        away = timedelta(seconds=self._clock.monotonic() - began)
        log.info("the database answers again", away_s=round(away.total_seconds()))
        for index in open_runs:
            hand = self._hands.setdefault(index.id, _Hand())
            hand.last_end = float("-inf")
            if index.group in self._leases:
                hand.outage = Outage(since, away).after(hand.outage)

    async def _look_around(self) -> None:
        rows = await asyncio.to_thread(self._rows)
        for row in rows:
            if row.run is not None:
                self._nudge_once(row.run)
            elif row.kind == UNREADABLE:
                await self._set_aside(row)
            elif row.kind == "freeze" and "freezes" not in self._ordering:
                self._ordering["freezes"] = asyncio.ensure_future(self._take_freezes())
            elif row.kind in ("order", "plan") and row.key not in self._ordering:
                self._ordering[row.key] = asyncio.ensure_future(self._order(row))
        for index in await asyncio.to_thread(self._stores.journal.due, self._clock.now()):
            if self._is_mine(index.group):
                self._wake_if_rested(index.id)
        open_runs = await asyncio.to_thread(self._stores.journal.runs)
        for index in open_runs:
            if self._is_mine(index.group):
                self._look_after(index)
        runs = {index.id for index in open_runs} | {row.run for row in rows if row.run is not None}
        self._patience.forget_but(runs | {row.key for row in rows})

    def _rows(self, run: str | None = None) -> list[InboxRow]:
        return list(every_waiting(self._stores.inbox, run=run))

    async def _set_aside(self, row: InboxRow) -> None:
        """Nobody can tell what was asked for: drop it, so that no other has to wait behind it."""
        log.error(
            "a word in the inbox was changed and cannot be read; it is set aside, and whoever said "
            "it has to say it again (hotfix-bot db check names it)",
            key=row.key,
        )
        await asyncio.to_thread(self._stores.inbox.drop, row.key)

    def _is_mine(self, group: str) -> bool:
        """Whether this worker may act on a group, or is to say that nobody can."""
        mine = self._groups is None or group in self._groups
        return mine or self._inventory.group(group) is None

    def _look_after(self, index: RunRow) -> None:
        """Read back what an event may have told; take over what has lost its worker."""
        if index.group in self._leases:
            self._recheck(index.id)
        else:
            self._wake_if_rested(index.id)

    def _nudge_once(self, run: str) -> None:
        """A row may wait on purpose (Slack away): nudge its run, but do not spin."""
        hand = self._hands.setdefault(run, _Hand())
        hand.nudge.set()
        self._wake_if_rested(run)

    def _wake_if_rested(self, run: str) -> None:
        hand = self._hands.setdefault(run, _Hand())
        if self._clock.monotonic() - hand.last_end >= hand.backoff.total_seconds():
            self._start(run, hand)

    def _recheck(self, run: str) -> None:
        hand = self._hands.setdefault(run, _Hand())
        if self._clock.monotonic() - hand.last_end >= RECHECK.total_seconds():
            self._start(run, hand)

    # -------------------------------------------------------------------------- advancing

    async def _advance(self, run: str, hand: _Hand) -> None:
        try:
            await self._advance_what_is_ours(run, hand)
        except Fenced as error:
            log.warning("fenced", run=run, reason=str(error))
            self._leases.pop(hand.group, None)
        except StorageDown as error:
            self._go_down(error)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("advance failed", run=run)
            hand.backoff = min(hand.backoff * 2, BACKOFF_MAX)
        finally:
            hand.last_end = self._clock.monotonic()

    async def _advance_what_is_ours(self, run: str, hand: _Hand) -> None:
        index = await asyncio.to_thread(self._stores.journal.run, run)
        if index is None:
            await self._turn_away(run, None)
            return
        hand.group = index.group
        setup = self._inventory.group(index.group)
        try:
            if setup is None:
                await self._leave_alone(index, hand)
                return
            lease = await self._lease(index.group) if self._is_mine(index.group) else None
            if lease is None:
                return
            if not index.open:
                await self._turn_away(run, lease)
            else:
                await self._with_lease(run, hand, lease, setup)
        except NotUnderstood as error:
            await self._leave_to_newer(run, hand, error)

    async def _leave_alone(self, index: RunRow, hand: _Hand) -> None:
        """The settings have no such group: say so, once, where people read of the run.

        Other settings may have it, so that is said only when nobody with such is there. After that
        the group is free for one that is, and it is seen that nobody acts on it.
        """
        if not await self._patience.is_over(index.id, index.group):
            hand.backoff = timedelta(seconds=1)
            return
        hand.backoff = RECHECK
        if not index.open:
            await self._turn_away(index.id, None)
            return
        reason = f"{index.group} is not in the settings any more"
        if not hand.left_alone:
            log.error("an open run is left alone", run=index.id, reason=reason)
        hand.left_alone = True
        records = await asyncio.to_thread(self._stores.journal.read, index.id)
        if _is_said_of(RunState.replay(records)):
            return
        async with self._telling:  # two runs of one group would lose its lease to each other
            lease = await self._lease(index.group)
            try:
                if lease is not None:
                    journal = await self._journal(index.id, hand, lease)
                    if not _is_said_of(journal.state):
                        await journal.write(
                            Kind.ALARMED, what=SETTINGS, reason=reason, mention=True
                        )
            finally:
                await self._give_back(index.group)

    async def _leave_to_newer(self, run: str, hand: _Hand, error: NotUnderstood) -> None:
        """We cannot read this run: say so once, and let one that can have its group.

        Its words wait for such a one too; whoever said them is told, where none is there.
        """
        records = await asyncio.to_thread(self._stores.journal.read, run)
        known = last_read.last_read(records, error)
        if not hand.left_alone:
            log.error(
                "an open run cannot be read; nothing is sent for it"
                if isinstance(error, RecordSpoilt)
                else "an open run is left to a newer version; nothing is sent for it",
                run=run,
                reason=str(error),
                this_version=self._version,
                **last_read.facts_of(known),
            )
        hand.left_alone = True
        hand.backoff = RECHECK
        over = await self._patience.is_over(run, hand.group, ours=hand.group in self._leases)
        if over:
            await self._tell_that_it_waits(run, f"{error}. {last_read.sentence(known)}")
        if not await self._goes_on_beside(run, hand.group, nobody_newer=over):
            await self._give_back(hand.group)

    async def _tell_that_it_waits(self, run: str, why: str) -> None:
        """Tell once whoever said a word to a run that nobody here can read."""
        for row in await asyncio.to_thread(self._rows, run):
            if row.kind not in _ANSWERED:
                continue
            to = {**row.body.get("answer", {}), "user": row.body["user"]}
            answer = Answer(to, f"`{row.body['verb']}` waits, and nothing is sent for {run}: {why}")
            key = f"{answer_key(row)}/waits"
            told = answer.row(key, self._clock.now(), redact=self._redact)
            if await asyncio.to_thread(self._stores.inbox.put, told):
                self._answers.give([told])

    async def _goes_on_beside(self, run: str, group: str, *, nobody_newer: bool) -> bool:
        """Whether we need the lease of a group for another run than one that we cannot read.

        Without it a night would be fenced in mid-step, and its limits would begin anew. One that
        only waits goes on where `nobody_newer` is there; else it gives way.
        """
        rows = await asyncio.to_thread(self._stores.journal.runs, group=group)
        others = [row for row in rows if row.id != run and not self._is_left_alone(row.id)]
        return any(row.occupies or nobody_newer for row in others)

    def _is_left_alone(self, run: str) -> bool:
        hand = self._hands.get(run)
        return hand is not None and hand.left_alone

    async def _turn_away(self, run: str, lease: Lease | None) -> None:
        """Drop what still waits for a run that has ended, and tell whoever said a word to it."""
        for row in await asyncio.to_thread(self._rows, run):
            told = list[InboxRow]()
            if row.kind in _ANSWERED:
                to = {**row.body.get("answer", {}), "user": row.body["user"]}
                answer = Answer(to, f"`{row.body['verb']}` changed nothing: {run} has ended.")
                told = [answer.row(answer_key(row), self._clock.now(), redact=self._redact)]
            try:
                for one in told:
                    await asyncio.to_thread(self._stores.inbox.put, one)
                await asyncio.to_thread(self._stores.inbox.drop, row.key, lease=lease)
            except LeaseLost as error:
                raise Fenced(str(error)) from error
            self._answers.give(told)

    async def _journal(self, run: str, hand: _Hand, lease: Lease) -> RunJournal:
        hand.stopwatch = hand.stopwatch or Stopwatch(self._clock)
        return await RunJournal.open(
            self._stores.journal,
            run,
            lease,
            self._clock,
            stopwatch=hand.stopwatch,
            redact=self._redact,
            listener=self._listener,
        )

    async def _with_lease(self, run: str, hand: _Hand, lease: Lease, setup: GroupSetup) -> None:
        journal = await self._journal(run, hand, lease)
        hand.left_alone = False
        copied = restored.unknown(self._stores.identity.copied, journal.state)
        begun = journal.state.last_seq > len(("ORDERED", "PLANNED"))
        if copied or (hand.epoch != lease.epoch and begun):
            me = {"holder": self._holder, "version": self._version}
            await journal.write(Kind.TAKEN_UP, **me, **copied)
        hand.epoch = lease.epoch
        plan = journal.state.the_plan
        live = LiveGroup(
            self._shell(setup),
            self._clock,
            plan.policy,
            known=plan.identity,
            fence=self._fence(lease, plan.policy, setup.policy),
            may_send=lambda: self._may_send(setup.name),
            seen=journal.state.facts,
        )
        duty = Duty(
            journal=journal,
            group=live,
            people=self._people,
            inbox=self._stores.inbox,
            answers=self._answers,
            clock=self._clock,
            nudge=hand.nudge,
            asked_again=setup.asked_again,
            tags=setup.tags,
            unnamed_since=hand.unnamed_since,
        )
        hand.nudge.clear()
        try:
            if hand.outage is not None:
                await hand.outage.tell(journal)
                hand.outage = None
            state = await runner.advance(duty)
        except StorageDown:
            log_by_hand(journal.state)
            raise
        moved = state.last_seq != hand.last_seq
        hand.last_seq = state.last_seq
        hand.backoff = timedelta(seconds=1) if moved else min(hand.backoff * 2, BACKOFF_MAX)

    def _fence(self, lease: Lease, policy: Policy, present: Policy) -> Fence | None:
        """Return our epoch on the group's members, put up once per lease.

        A run that was planned without one gets it where the settings have it by now, e.g. since
        the database was moved to where others act as well. One it was planned with it keeps.
        """
        if not (policy.fence or present.fence):
            return None
        fence = self._fences.get(lease.resource)
        if fence is None or fence.epoch != lease.epoch:
            fence = Fence(lease, self._stores.leases, self._stores.identity, policy.own_directory)
            self._fences[lease.resource] = fence
        return fence

    async def _order(self, row: InboxRow) -> None:
        """Make a run of an order, or tell what it would do, unless its group is another's."""
        group = row.body["request"]["security_group"]
        try:
            if not await self._is_to_take(row, group):
                return
            known = self._inventory.group(group) is not None
            lease = await self._lease(group) if known else None
            if known and lease is None:
                return
            if row.kind == "plan":
                await self._dry_runs.take(row, lease)
                return
            run = await self._orders.take(row, lease)
            if run is not None and lease is not None:
                hand = self._hands.setdefault(run, _Hand())
                hand.epoch, hand.group = lease.epoch, group
                if self._listener is not None:
                    self._listener(await asyncio.to_thread(self._stores.journal.read, run))
                self.wake(run)
        except (LeaseLost, StreamMoved):
            log.info("another worker was faster", key=row.key, group=group)
        except StorageDown as error:
            self._go_down(error)
        except Exception:
            log.exception("order failed", key=row.key)
        finally:
            self._ordering.pop(row.key, None)

    async def _is_to_take(self, row: InboxRow, group: str) -> bool:
        """Whether an order is for us: we know what it says, or nobody is there who may know more.

        One that a newer version may understand is left to it, with its group where that is idle.
        """
        known = self._inventory.group(group) is not None
        if known and not self._is_mine(group):
            return False
        if known and is_understood(row.body["request"]):
            return True
        first = self._patience.begins(row.key) and group in self._leases
        if first and not await asyncio.to_thread(self._stores.journal.runs, group=group):
            await self._give_back(group)
        return await self._patience.is_over(row.key, group, ours=group in self._leases)

    async def _take_freezes(self) -> None:
        """Take what people say about freezes, and have open gates judged anew."""
        try:
            decided = await self._freezes.take_all()
            for index in await asyncio.to_thread(self._stores.journal.runs) if decided else ():
                if index.group in self._leases:
                    self.wake(index.id)
        except StorageDown as error:
            self._go_down(error)
        except Exception:
            log.exception("freezes failed")
        finally:
            self._ordering.pop("freezes", None)

    def _look_daily(self) -> None:
        """Look at groups on which no run is, one at a time; orders and runs wait for none."""
        mine = [name for name in self._inventory.names() if self._is_mine(name)]
        mine = [name for name in mine if self._looks.are_made_of(name)]
        now = self._clock.monotonic()
        if mine and "daily looks" not in self._ordering and now >= self._look_next:
            self._look_next = now + DAILY_LOOKS.total_seconds()
            self._ordering["daily looks"] = asyncio.ensure_future(self._go_round(mine))

    async def _go_round(self, groups: Sequence[str]) -> None:
        try:
            await self._looks.go_round(groups)
        except StorageDown as error:
            self._go_down(error)
        except Exception:
            log.exception("daily looks failed")
        finally:
            self._ordering.pop("daily looks", None)

    def _shell(self, setup: GroupSetup) -> Shell:
        """Return the kept shell of a group; connections cost more than looks."""
        if setup.name not in self._shells:
            self._shells[setup.name] = setup.open_shell()
        return self._shells[setup.name]

    # ------------------------------------------------------------------------------ leases

    async def _lease(self, group: str) -> Lease | None:
        resource = f"group:{group}"
        if group in self._leases:
            return self._leases[group][0]
        asked = self._clock.monotonic()
        lease = await asyncio.to_thread(
            self._stores.leases.acquire,
            resource,
            self._holder,
            ttl_s=self._lease_ttl.total_seconds(),
            now=self._clock.now(),
        )
        if lease is not None:
            self._leases[group] = (lease, asked)
        return lease

    async def _give_back(self, group: str) -> None:
        """Let another worker have a group at once."""
        held = self._leases.pop(group, None)
        if held is not None:
            with contextlib.suppress(StorageDown):
                await asyncio.to_thread(self._stores.leases.release, held[0])

    async def _renew(self, *, all_of_them: bool = False) -> None:
        """Renew what is older than a third of its life."""
        for group, (lease, since) in list(self._leases.items()):
            asked = self._clock.monotonic()
            if asked - since < self._lease_ttl.total_seconds() / 3 and not all_of_them:
                continue
            try:
                fresh = await asyncio.to_thread(
                    self._stores.leases.renew,
                    lease,
                    ttl_s=self._lease_ttl.total_seconds(),
                    now=self._clock.now(),
                )
            except LeaseLost:
                await self._lose(group)
                continue
            self._leases[group] = (fresh, asked)

    async def _lose(self, group: str) -> None:
        """Another worker has taken over: end at once what is done for this group."""
        log.warning("lease lost", group=group)
        self._leases.pop(group, None)
        tasks = [h.task for h in self._hands.values() if h.group == group and h.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        shell = self._shells.pop(group, None)
        if shell is not None:
            await shell.close()

    def _may_send(self, group: str) -> None:
        """Stop sending at two thirds of a lease's life, whatever the store would say.

        Raises:
            StorageDown: the database does not answer, so nothing could be recorded.
            Fenced: the lease is too old, or gone.
        """
        if self._down:
            raise StorageDown("it did not answer when it was last asked")
        held = self._leases.get(group)
        limit = self._lease_ttl.total_seconds() * 2 / 3
        if held is None or self._clock.monotonic() - held[1] > limit:
            raise Fenced(f"the lease on {group} was not renewed in time")

    async def close(self) -> None:
        """Stop advancing; what is open goes on when somebody takes it up. Never raises."""
        tasks: list[asyncio.Task[Any]] = [h.task for h in self._hands.values() if h.task]
        tasks += list(self._ordering.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._answers.close()
        for shell in self._shells.values():
            await shell.close()
        for lease, _ in self._leases.values():
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self._stores.leases.release, lease)
        self._leases.clear()


def _is_said_of(state: RunState) -> bool:
    """Whether people were told that the settings do not have this run's group."""
    return any(alarm["what"] == SETTINGS for alarm in state.alarms)
