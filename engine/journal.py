"""Record kinds, and the only writer of a run's stream.

`RunJournal.append` is the only place that appends; it writes under the lease's epoch, and an
append is never under a time-out and cannot be cancelled half way. What the records amount to is
folded in `engine.fold`, when a run is opened and after every append.

Not here: what a record means for people (bot.views), and whether a promise held
(engine.promises reads records with a mind of its own).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from engine.answering import TOLD, Answer
from engine.canon import to_json
from engine.errors import Fenced, Stopped
from engine.facts import GroupFacts
from engine.fold import RunState, index_after
from engine.former import Former, last_formers
from engine.model import Plan, Request
from engine.ports import Clock
from engine.stopwatch import Stopwatch
from storage.records import (
    HOUSE,
    Draft,
    InboxRow,
    JournalStore,
    Json,
    Lease,
    LeaseLost,
    Record,
    RunRow,
    StreamMoved,
    WordWaiting,
    record_hash,
)


class Kind(StrEnum):
    """What can happen in a run. A kind keeps its meaning for ever: old runs are replayed."""

    ORDERED = "ORDERED"
    PLANNED = "PLANNED"
    TAKEN_UP = "TAKEN_UP"
    SEEN = "SEEN"
    GATE_OPENED = "GATE_OPENED"
    GATE_SHOWN = "GATE_SHOWN"
    CLICKED = "CLICKED"
    VOTED = "VOTED"
    WITHDRAWN = "WITHDRAWN"
    REFUSED = "REFUSED"
    GATE_CLOSED = "GATE_CLOSED"
    BARRED = "BARRED"
    INTENDED = "INTENDED"
    COMMITTING = "COMMITTING"
    PROGRESS = "PROGRESS"
    FOUND = "FOUND"
    DONE = "DONE"
    UNDONE = "UNDONE"
    ALARMED = "ALARMED"
    HELD = "HELD"
    REMINDED = "REMINDED"
    ESCALATED = "ESCALATED"
    CALLED = "CALLED"
    ATTENDING = "ATTENDING"
    RETRIED = "RETRIED"
    PAUSED = "PAUSED"
    HALTED = "HALTED"
    RESUMED = "RESUMED"
    ABORTED = "ABORTED"
    ROLLED_BACK = "ROLLED_BACK"
    BROKEN = "BROKEN"
    OWED = "OWED"
    SETTLED = "SETTLED"
    FROZEN = "FROZEN"
    UNFROZEN = "UNFROZEN"
    LOOKED = "LOOKED"
    ENDED = "ENDED"


ENGINE = "engine"
"""`by` of a record that no person caused."""


@dataclass(frozen=True)
class Begun:
    """A run that begins in the transaction of another one's record."""

    run: str
    drafts: tuple[Draft, ...]
    index: RunRow


Listener = Callable[[Sequence[Record]], None]


class RunJournal:
    """The only writer of a run's stream. One per executor and run, under a lease."""

    def __init__(
        self,
        store: JournalStore,
        lease: Lease,
        clock: Clock,
        state: RunState,
        *,
        stopwatch: Stopwatch | None = None,
        redact: Callable[[str], str] = lambda text: text,
        listener: Listener | None = None,
    ) -> None:
        self.state = state
        self.lease = lease
        self.stopwatch = stopwatch or Stopwatch(clock)
        self._store = store
        self._clock = clock
        self._redact = redact
        self._listener = listener
        self._lock = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        store: JournalStore,
        run: str,
        lease: Lease,
        clock: Clock,
        *,
        stopwatch: Stopwatch | None = None,
        redact: Callable[[str], str] = lambda text: text,
        listener: Listener | None = None,
    ) -> RunJournal:
        """Read the run's records and return its writer.

        `stopwatch` is the one that this process already has for this run.
        """
        records = await asyncio.to_thread(store.read, run)
        state = RunState.replay(records)
        journal = cls(
            store, lease, clock, state, stopwatch=stopwatch, redact=redact, listener=listener
        )
        journal.stopwatch.read([record.at for record in records])
        return journal

    async def records(self) -> Sequence[Record]:
        """Return all records of the run, as they stand in the store."""
        return await asyncio.to_thread(self._store.read, self.state.run)

    async def house(self) -> Sequence[Record]:
        """Return all records of what outlives a run."""
        return await asyncio.to_thread(self._store.read, HOUSE)

    async def cloning_debt(self) -> Mapping[str, Any] | None:
        """Return what an earlier run wrote when it left this group owing its auto-clone (P5)."""
        group = self.state.the_request.security_group
        return debt_of(await self.house(), group)

    async def formers(self) -> Sequence[Former]:
        """Return what the runs of this group that ended last leave to this one, newest first."""
        group = self.state.the_request.security_group
        return await asyncio.to_thread(last_formers, self._store, group)

    async def occupant(self) -> str:
        """Return which other open run has this one's group, or ""."""
        group = self.state.the_request.security_group
        rows = await asyncio.to_thread(self._store.runs, group=group)
        return next((r.id for r in rows if r.occupies and r.id != self.state.run), "")

    def foreseen(self, draft: Draft) -> Record:
        """Return the record that a draft would become now, chained to the last one we read."""
        fields: dict[str, Any] = {
            "stream": self.state.run,
            "seq": self.state.last_seq + 1,
            "epoch": self.lease.epoch,
            "kind": str(draft.kind),
            "at": draft.at,
            "by": draft.by,
            "body": draft.body,
            "prev": self.state.last_hash,
        }
        return Record(**fields, hash=record_hash(**fields))

    def draft(self, kind: Kind, /, *, by: str = ENGINE, **body: Json) -> Draft:
        """Return a record to be, stamped with the present moment."""
        return Draft(kind=kind, at=self._clock.now(), by=by, body=cleaned(body, self._redact))

    async def write(self, kind: Kind, /, *, by: str = ENGINE, **body: Json) -> None:
        """Append one record; see `append`."""
        await self.append([self.draft(kind, by=by, **body)])

    async def append(
        self,
        drafts: Sequence[Draft],
        *,
        take: Sequence[str] = (),
        tell: Sequence[Answer] = (),
        unless_word: bool = False,
        unless: Callable[[InboxRow], bool] | None = None,
        house_at: int | None = None,
        house: Sequence[Draft] = (),
        begins: Begun | None = None,
    ) -> Sequence[InboxRow]:
        """Append records in one transaction, with the index row that follows from them.

        Returns the rows in which `tell` waits now, to be given by whoever asked for this.

        Args:
            drafts: in order.
            take: keys of inbox rows that these records decide.
            tell: what single persons are told of it; see `Duty.decide`.
            unless_word: refuse while a person's word for this run waits in the inbox.
            unless: refuse while a row that belongs to no run waits of which this is true.
            house_at: refuse where what outlives a run does not end at this number any more.
            house: records for the stream of what outlives a run, in the same transaction.
            begins: another run that begins in the same transaction.

        Raises:
            Fenced: another executor has taken over.
            Stopped: a word is waiting (`unless_word`, `unless`), or was just heard (`house_at`).
            GroupBusy: a run that left its group to others (`RunState.occupies`) wants it again,
                and another one has it.
        """
        work = asyncio.ensure_future(
            self._append(drafts, take, tell, unless_word, unless, house_at, house, begins)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The transaction goes to its end before we do: memory never lags behind the store.
            await asyncio.wait([work])
            if not work.cancelled():
                # Nobody is left to hear that it was refused; the store knows.
                work.exception()
            raise

    async def _append(
        self,
        drafts: Sequence[Draft],
        take: Sequence[str],
        tell: Sequence[Answer],
        unless_word: bool,  # noqa: FBT001 -- private, called in one place
        unless: Callable[[InboxRow], bool] | None,
        house_at: int | None,
        house: Sequence[Draft],
        begins: Begun | None,
    ) -> Sequence[InboxRow]:
        also = {HOUSE: list(house)} if house else {}
        also |= {begins.run: list(begins.drafts)} if begins is not None else {}
        async with self._lock:
            preview = index_after(self.state, drafts)
            told = self._rows(tell)
            for draft in drafts:
                self.stopwatch.stamp(draft.at)
            try:
                records = await asyncio.to_thread(
                    self._store.append,
                    self.state.run,
                    drafts,
                    lease=self.lease,
                    last_seq=self.state.last_seq,
                    index=preview,
                    take=take,
                    put=told,
                    no_word_for=self.state.run if unless_word else None,
                    unless=unless,
                    house_at=house_at,
                    also=also or None,
                    also_index=[begins.index] if begins is not None else [],
                )
            except (LeaseLost, StreamMoved) as error:
                raise Fenced(str(error)) from error
            except WordWaiting as error:
                raise Stopped(str(error)) from error
            for record in records:
                self.stopwatch.see(record.at)
                self.state.apply(record)
        if self._listener is not None:
            self._listener(records)
        return told

    def _rows(self, tell: Sequence[Answer]) -> Sequence[InboxRow]:
        """Return the rows of what is told after the last record: two never have the same key."""
        now = self._clock.now()
        place = f"{TOLD}:{self.state.run}/{self.state.last_seq}/{now.isoformat()}"
        return [
            answer.row(f"{place}/{number}", now, redact=self._redact)
            for number, answer in enumerate(tell)
        ]

    def as_written(self, text: str) -> str:
        """Return a text as a record has it; compare so what is told with what was recorded."""
        return self._redact(text)


def cleaned(value: Json, redact: Callable[[str], str]) -> Json:
    """Return what is to be recorded: as JSON, and without secrets."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: cleaned(one, redact) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        ordered = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [cleaned(one, redact) for one in ordered]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def debt_of(house: Sequence[Record], group: str) -> Mapping[str, Any] | None:
    """Return what was written when a group was left owing its auto-clone; None: it owes nothing."""
    said = [r for r in house if r.body.get("group") == group]
    debts = [r for r in said if r.kind in (Kind.OWED, Kind.SETTLED)]
    return debts[-1].body if debts and debts[-1].kind == Kind.OWED else None


def first_records(
    run: str,
    request: Request,
    plan: Plan,
    facts: GroupFacts,
    clock: Clock,
    *,
    by: str,
    version: str = "",
) -> tuple[list[Draft], RunRow]:
    """Return a new run's first records and its index row: one transaction makes the run.

    `version` is this program's, for whoever reads them with another one.
    """
    now = clock.now()
    drafts = [
        Draft(Kind.ORDERED, now, by, {"request": to_json(request), "version": version}),
        Draft(Kind.PLANNED, now, ENGINE, planned_body(plan, facts)),
    ]
    state = RunState(run=run)
    return drafts, index_after(state, drafts)


def planned_body(plan: Plan, facts: GroupFacts, *, author: str = "") -> dict[str, Any]:
    """Return the body of a PLANNED record: the plan, its digest and the facts it was made of.

    `author` is who changed the proposal by it: like the requester, they do not approve it.
    """
    return {
        **({"author": author} if author else {}),
        "plan": plan.as_json(),
        "digest": plan.digest,
        "revision": plan.revision,
        "cause": plan.cause,
        "facts": to_json(facts),
    }
