"""What storage keeps and promises: frozen records and Protocols, standard library only.

This is the one module of `storage` that the engine may know. No SQL, no driver and no
decision belongs here: storage keeps what it is given, in order, and gives it back.

Every call on a database may raise `StorageDown`; that is not repeated at each.

All Protocols are synchronous. Callers on an event loop go through `asyncio.to_thread`
(question: async drivers? answer: no; one thread per process is simpler and was measured
faster on SQLite; given up: nothing, a run writes hundreds of rows per hour).

Chain of a stream: `hash` of a record is the SHA-256 of the canonical JSON of
(stream, seq, epoch, kind, at, by, body, prev), where `prev` is the hash of the record before
it and `GENESIS` for the first. `record_hash` is the single definition, for writers and judges.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

GENESIS = "0" * 64
HOUSE = "house"
"""The stream of what belongs to no run: freezes, owed cloning, refusals before a run exists."""

LOOKS = "look:"
"""What the stream of a group's daily looks begins with, e.g. `look:site-1`. One for each group, so
that years of them are in nobody's way who reads the house."""

UNREADABLE = "unreadable"
"""The kind of a word, and the one key of a record's body, whose cells somebody spoilt."""

Json = Any
"""A JSON-compatible value. Checked where it is read back, not by its type."""

Body = Mapping[str, Json]
"""JSON-compatible content of a record: str, int, float, bool, None, list, dict with str keys."""


def is_run(stream: str) -> bool:
    """Tell a run's stream from those of the house and of the daily looks."""
    return stream != HOUSE and not stream.startswith(LOOKS)


class StorageRefusal(Exception):
    """Storage did not do it, and nothing was written."""


class LeaseLost(StorageRefusal):
    """The epoch given is not the one in force: another holder has taken over."""


class StreamMoved(StorageRefusal):
    """The stream has grown since it was read: somebody else wrote."""


class WordWaiting(StorageRefusal):
    """Something was said that counts for this run; it must be heard before the append."""


class GroupBusy(StorageRefusal):
    """Another open run occupies this group."""


class NewerDatabase(StorageRefusal):
    """The database was written by a newer version of Hotfix Bot than this one."""


class DatabaseInUse(StorageRefusal):
    """Another process holds this embedded database (the `flock` beside it)."""


class DatabaseAway(StorageRefusal):
    """It cannot be opened now; the same may work a moment later, by itself."""


class StorageDown(Exception):
    """The database cannot be used now: gone, locked beyond waiting, disk full, cut off.

    Nothing was written, or nobody knows: who gets this acts on nothing, and reads before it
    writes again. It is no refusal: the same call may work a moment later, by itself.

    Args:
        cause: what the database or its driver said, in one line.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(f"the database cannot be used now: {cause}")
        self.cause = cause


@dataclass(frozen=True)
class Draft:
    """A record before it has a place in its stream. `at` is an aware moment in UTC."""

    kind: str
    at: datetime
    by: str
    body: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """One thing that happened, in the place it has for ever."""

    stream: str
    seq: int
    epoch: int
    kind: str
    at: datetime
    by: str
    body: Body
    prev: str
    hash: str


@dataclass(frozen=True)
class RunRow:
    """Index row of a run: derived from the fold, written in the append's transaction.

    `id` is the run's stream. Of the open runs that `occupies`, each group has at most one.
    """

    id: str
    group: str
    kind: str
    open: bool
    occupies: bool
    wake_at: datetime | None
    last_seq: int = 0


@dataclass(frozen=True)
class InboxRow:
    """Something heard and not yet decided. `run` is None until it is known which run it is for."""

    key: str
    run: str | None
    kind: str
    body: Body
    at: datetime
    taken_seq: int | None = None


@dataclass(frozen=True)
class Delivery:
    """Where Slack was told what. `state` is "sending", "sent", "failed" or "deleted"."""

    message_key: str
    channel: str
    ts: str | None
    digest: str
    state: str


@dataclass(frozen=True)
class Lease:
    """The right to act on, or to speak for, one resource; `epoch` only ever grows.

    `holder` is "" once the lease was given back, and nobody holds it. `life_s` is how long it lasts
    from each renewal on, as its holder said; 0 where a version took it that did not say.
    """

    resource: str
    holder: str
    epoch: int
    expires_at: datetime
    life_s: float = 0.0

    def within_its_life(self, moment: datetime) -> Lease:
        """Return it as it lasts at most: the clock may have gone back since it was taken."""
        if not self.life_s:
            return self
        longest = moment + timedelta(seconds=self.life_s)
        return replace(self, expires_at=min(self.expires_at, longest))


@dataclass(frozen=True)
class Copied:
    """That a database began as a copy of another one: what happened after that is not in it.

    `id` is what it was called when somebody first acted on it, and stays when it is moved; `last`
    is the moment of its newest record then, None where it had none; `runs` were open then.
    """

    id: str
    last: datetime | None
    runs: frozenset[str]


@dataclass(frozen=True)
class Identity:
    """Which database this is; "" is a copy on which nobody acted yet.

    `heir_of` are the ids of those from which it was moved, and whose work it goes on with.
    `copied` says that it began as a copy.
    """

    id: str
    heir_of: tuple[str, ...] = ()
    copied: Copied | None = None


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII only, no NaN.

    ASCII keeps NUL and lone surrogates escaped, which PostgreSQL would refuse as text.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def record_hash(
    *, stream: str, seq: int, epoch: int, kind: str, at: datetime, by: str, body: Body, prev: str
) -> str:
    """Return the hash that chains a record to the one before it; `at` counts in UTC."""
    moment = at.astimezone(UTC).isoformat()
    text = canonical([stream, seq, epoch, kind, moment, by, body, prev])
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class ChainFault:
    """The first thing wrong in a stream: at which `seq`, and what, in a few words."""

    seq: int
    what: str


A_MOMENT = timedelta(seconds=10)
"""A lease that was taken while somebody looked may seem to begin after that look."""


def for_how_long(lease: Lease | None, moment: datetime) -> timedelta | None:
    """Return for how long nobody holds a lease at a moment; see `LeaseStore.lapsed`."""
    if lease is None or lease.expires_at > lease.within_its_life(moment).expires_at + A_MOMENT:
        return timedelta.max
    over = moment - lease.expires_at
    if lease.holder and over < timedelta(0):
        return None
    return max(over, timedelta(0))


def chain_fault(records: Sequence[Record], *, end: int = 0) -> ChainFault | None:
    """Return the first record that was changed, taken away, inserted or put elsewhere, or None.

    Whoever changes the last record and its hash, or takes it away, leaves no trace in the chain
    itself: compare the head with one that was noted elsewhere, and give `end`.

    Args:
        records: one whole stream, as it is kept.
        end: the last `seq` that is known from elsewhere to have been there.
    """
    prev = GENESIS
    there = {record.seq for record in records}
    for seq, record in enumerate(records, start=1):
        if not record.hash and record.seq in (0, seq):
            return ChainFault(seq, "this record was changed")
        if record.seq != seq:
            if record.seq > seq and seq not in there:
                return ChainFault(seq, "this record is missing")
            return ChainFault(seq, f"order changed: record {record.seq} stands here")
        if _hash_at(record, seq) != record.hash:
            origin = next((n for n in range(1, len(records) + 2) if _fits(record, n)), None)
            if origin is None:
                return ChainFault(seq, "this record was changed")
            return ChainFault(seq, f"order changed: this was written as record {origin}")
        if record.prev != prev:
            return ChainFault(seq, f"it does not follow the record {seq - 1} that stands here now")
        prev = record.hash
    if len(records) < end:
        return ChainFault(len(records) + 1, f"the end is missing: there were {end} records")
    return None


def _fits(record: Record, seq: int) -> bool:
    return _hash_at(record, seq) == record.hash


def _hash_at(record: Record, seq: int) -> str:
    return record_hash(
        stream=record.stream,
        seq=seq,
        epoch=record.epoch,
        kind=record.kind,
        at=record.at,
        by=record.by,
        body=record.body,
        prev=record.prev,
    )


class JournalStore(Protocol):
    """Append-only streams with an index of runs."""

    def read(self, stream: str, *, after: int = 0) -> Sequence[Record]:
        """Return the records of a stream with `seq` greater than `after`, in order."""
        ...

    def append(
        self,
        stream: str,
        drafts: Sequence[Draft],
        *,
        lease: Lease | None,
        last_seq: int,
        index: RunRow | None = None,
        take: Sequence[str] = (),
        put: Sequence[InboxRow] = (),
        no_word_for: str | None = None,
        unless: Callable[[InboxRow], bool] | None = None,
        house_at: int | None = None,
        also: Mapping[str, Sequence[Draft]] | None = None,
        also_index: Sequence[RunRow] = (),
    ) -> Sequence[Record]:
        """Append drafts in one durable transaction and return them as records.

        Args:
            stream: the stream written to, created by its first record.
            drafts: in order; may be empty when only `index`, `take` or `put` is meant.
            lease: the lease under which is written; its epoch must be the one in force (it may
                have expired, as long as nobody has taken over: the epoch decides). None
                only for a stream that needs no lease (`HOUSE`, or a run's first records written
                by whoever holds no lease yet); the records then carry epoch 0.
            last_seq: the `seq` the writer believes to be the last of the stream (0 if none).
            index: the run's index row after these records; `last_seq` in it is set by storage.
            take: keys of inbox rows taken by these records; each must exist and be untaken.
                They are marked with the `seq` of the last record appended.
            put: inbox rows that follow from these records and belong to no run, e.g. what somebody
                is told. One whose key is already there is left as it is.
            no_word_for: refuse if the inbox holds an untaken row for this run that is not in
                `take`.
            unless: refuse where it is true of an untaken row that belongs to no run and is not in
                `take`: what was said to a group bars its runs as well.
            house_at: refuse where `HOUSE` does not end at this `seq` any more: what was read there
                may not be all that counts.
            also: further streams (without lease or expected seq, so with epoch 0) appended in
                the same transaction, e.g. `HOUSE`. They are not among the records returned.
            also_index: the index rows of runs that begin among these further streams.

        Raises:
            LeaseLost: the epoch in force is another, or the lease was given back.
            StreamMoved: `last_seq` is not the last, or an inbox row was already taken or is
                not there.
            WordWaiting: see `no_word_for`, `unless` and `house_at`.
            GroupBusy: `index`, or one of `also_index`, occupies a group that another open run
                occupies.
        """
        ...

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, sorted; for exports and for checking the index."""
        ...

    def runs(self, *, open_only: bool = True, group: str | None = None) -> Sequence[RunRow]:
        """Return index rows, oldest first (by the time of the run's first record, then id)."""
        ...

    def ended(self, group: str | None = None) -> Sequence[RunRow]:
        """Return the index rows of runs that have ended, the one that ended last first.

        By the time of their last records, then the id. One that waited for its time was ordered
        before others that ended before it.
        """
        ...

    def run(self, run: str) -> RunRow | None:
        """Return the index row of one run, or None."""
        ...

    def due(self, now: datetime) -> Sequence[RunRow]:
        """Return the open runs whose `wake_at` is not after `now`, oldest first."""
        ...


class InboxStore(Protocol):
    """Heard, not yet decided."""

    def put(self, row: InboxRow) -> bool:
        """Store a row durably; return False where its key is already there (a duplicate)."""
        ...

    def waiting(
        self,
        *,
        run: str | None = None,
        kinds: Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[InboxRow]:
        """Return untaken rows in the order in which they were put.

        Never by `at`: of two processes that hear people, one clock may be ahead, and any clock may
        be set back, but of two words the one that was heard last holds.

        One that somebody spoilt has the kind UNREADABLE, and hides no other.

        Args:
            run: of one run, or (None) of all.
            kinds: only of these kinds, as they were put; None is every kind.
            after: the key of a row, taken or not: only what comes after it. Who reads on from the
                last one it got sees every row, however many wait; see `every_waiting`.
            limit: so many at once.
        """
        ...

    def drop(self, key: str, *, seq: int = 0, lease: Lease | None = None) -> None:
        """Mark a row as taken without a record of a run, e.g. a duplicate or a stale hint.

        A row that is already taken, or not there, is left alone. Who judges a row by what it
        remembers of a run gives its lease: what looks stale to it may be news to its successor.

        Raises:
            LeaseLost: the lease is not in force; the row still waits.
        """
        ...


def every_waiting(
    inbox: InboxStore, *, run: str | None = None, kinds: Collection[str] | None = None
) -> Iterator[InboxRow]:
    """Yield every untaken row, first heard first, page by page; see `InboxStore.waiting`.

    What is put meanwhile may come as well; a row that was taken meanwhile may still come.
    """
    after: str | None = None
    while True:
        rows = inbox.waiting(run=run, kinds=kinds, after=after, limit=PAGE)
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].key


PAGE = 100
"""Rows read from the inbox at once."""


class LeaseStore(Protocol):
    """One holder per resource, with an epoch that grows at each change of holder."""

    def acquire(self, resource: str, holder: str, *, ttl_s: float, now: datetime) -> Lease | None:
        """Take a free or expired lease with epoch + 1, or return None while another holds it.

        The same holder asking again gets its own lease renewed with the same epoch, unless it
        was given back. A store whose lock proves that no other process lives (embedded) gives
        back all leases of the former process when it is opened, so they are free at once.

        Whoever is refused leaves it at one life of its holder's from now at most: after a clock
        that went back (a failover to a server that lags) a dead holder would else keep it for as
        long as that. Who lives renews it meanwhile.

        A database shared by several machines measures by its own time and not by `now`, since
        their clocks may differ; `expires_at` is then in its time.
        """
        ...

    def renew(self, lease: Lease, *, ttl_s: float, now: datetime) -> Lease:
        """Return the lease with a later expiry.

        Raises:
            LeaseLost: somebody else holds it now, or it was given back.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; a lease that is already lost is left alone."""
        ...

    def current(self, resource: str) -> Lease | None:
        """Return the lease in force, expired or not, or None if there never was one."""
        ...

    def lapsed(self, resource: str, *, now: datetime) -> timedelta | None:
        """Return for how long nobody has held it, or None while somebody does.

        By the same time as `acquire`. One that was given back counts from when it would have run
        out; one that nobody ever held, for ever (`timedelta.max`). So does one that would last
        longer than its life: nobody has renewed it since the clock went back, and since when
        nobody holds it cannot be told.
        """
        ...


class DeliveryStore(Protocol):
    """Derived: what was told where; can be found again in Slack by message metadata."""

    def all(self, prefix: str) -> Sequence[Delivery]:
        """Return the deliveries whose key begins with `prefix`, in the order of their keys."""
        ...

    def save(self, delivery: Delivery, *, lease: Lease | None = None) -> None:
        """Insert or replace by `message_key`.

        Args:
            delivery: what was told, or is about to be.
            lease: the lease under which it is told; its epoch must be the one in force, as for
                an append. So of two who want to tell the same, one is refused beforehand.

        Raises:
            LeaseLost: the epoch in force is another, or the lease was given back.
        """
        ...

    def by_ts(self, channel: str, ts: str) -> Delivery | None:
        """Return the delivery that stands at this place in Slack, or None."""
        ...


class EvidenceStore(Protocol):
    """Long outputs, kept by their hash so that retention never breaks a chain."""

    def keep(self, blob: bytes) -> str:
        """Store the blob once and return its SHA-256 in hex."""
        ...

    def get(self, sha256: str) -> bytes | None:
        """Return the blob, or None where it was retired or never kept."""
        ...


class Stores(Protocol):
    """All stores over one database, as the composition root hands them out."""

    @property
    def journal(self) -> JournalStore:
        """The truth."""
        ...

    @property
    def inbox(self) -> InboxStore:
        """Heard, not yet decided."""
        ...

    @property
    def leases(self) -> LeaseStore:
        """Who may act or speak."""
        ...

    @property
    def deliveries(self) -> DeliveryStore:
        """What Slack was told."""
        ...

    @property
    def evidence(self) -> EvidenceStore:
        """Long outputs by hash."""
        ...

    @property
    def identity(self) -> Identity:
        """Which database this is."""
        ...

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Call `heard` when another process has committed something; return what ends that.

        Only a hint, which may come late, twice or never: polling stays behind it. Where no other
        process can act (memory, SQLite) nothing is ever heard.

        Args:
            heard: gets the run that was written to or spoken about, or "" where that is no one
                run, or where something may have been missed. It is called in a thread of storage
                and must return at once.
        """
        ...

    def try_out(self) -> None:
        """Find out whether the database takes what we read and write; no row is written.

        Raises:
            StorageDown: it does not: gone, read-only, a right taken away. Of a file (SQLite) only
                that it can be read: writing would wait for who writes.
        """
        ...

    def close(self) -> None:
        """Release files, threads and locks."""
        ...


class Snapshot(Protocol):
    """Everything in a database as of one moment, for those who check it."""

    def streams(self) -> Sequence[str]:
        """Return the names of all streams, sorted, also of one that lost its first record."""
        ...

    def records(self, stream: str) -> Sequence[Record]:
        """Return a stream in order, also where it was tampered with."""
        ...

    def runs(self) -> Sequence[RunRow]:
        """Return all index rows, by id."""
        ...

    def inbox(self) -> Sequence[InboxRow]:
        """Return all inbox rows, taken or not, in the order in which they were put."""
        ...

    def told(self) -> Collection[str]:
        """Return the runs that were ever told in Slack, or about to be, as other tables know."""
        ...

    def said(self) -> Sequence[str]:
        """Return the keys of all messages that Slack was told, or is about to be told."""
        ...

    def spoilt_evidence(self) -> Sequence[str]:
        """Return the hashes under which another blob is kept than the one they belong to."""
        ...


class Upkeep(Protocol):
    """What an operator does to a whole database. Everything is one transaction, or nothing."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Hold on to one moment, while others go on writing."""
        ...

    def reindex(self, fold: Callable[[Sequence[Record]], RunRow | None]) -> int:
        """Make the index of runs anew from the journal; return how many rows were made.

        Args:
            fold: gives the row of a run's records; None where it cannot read them: what the index
                says of that run stays as it is.

        Raises:
            StorageRefusal: a process acts, or might at any moment.
        """
        ...

    def backup(self, file: Path) -> Mapping[str, int]:
        """Copy everything into a new embedded database; return the rows of each table.

        Raises:
            StorageRefusal: the file is there already, or its folder is not, or what was copied
                is not whole.
        """
        ...

    def move(self, url: str) -> Mapping[str, int]:
        """Copy everything into an empty database; return the rows of each table.

        Hashes and epochs stay; nobody holds a lease there. This one is marked as moved before
        anything is copied, and refuses all but upkeep from then on; a move that did not come to
        its end can be made again, to the same place.

        Raises:
            StorageRefusal: a process uses this database, or it was moved elsewhere, or the other
                one is not empty, or what was copied is not whole.
        """
        ...

    def prune(
        self,
        runs: Collection[str],
        *,
        keep: Collection[str],
        looks: Mapping[str, str],
        answers: str,
        decided_before: datetime,
    ) -> Mapping[str, int]:
        """Remove what runs need no more; return the rows removed from each table.

        Inbox rows that were taken, and where Slack was told what; never a record.

        Args:
            runs: the ids of ended runs.
            keep: message keys of deliveries that stay.
            looks: streams of daily looks, each with the first day of which what was told stays.
            answers: the kind of inbox rows that tell one person something; whatever else belongs
                to no run stays, or a message that is read back would be heard anew.
            decided_before: so old are those of them that go, where they were taken.
        """
        ...

    def close(self) -> None:
        """Release files and locks."""
        ...
