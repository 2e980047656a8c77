"""All stores in memory: the promises of the real ones, except that nothing outlives a process.

For simulations, rehearsals and tests. The contract suite that judges SQLite and PostgreSQL judges
this too; no shortcut belongs here that the suite would notice.

Question: how does a simulation kill a process? Answer: it drops its `MemoryStores` and goes on
with `reopened()`: what was appended is there, the leases of the dead one are free, and whoever
still holds the old one gets an error. Given up: torn writes, which the databases exclude.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from storage.chain import chained, in_utc, plain
from storage.records import (
    GENESIS,
    HOUSE,
    Delivery,
    Draft,
    GroupBusy,
    Identity,
    InboxRow,
    Lease,
    LeaseLost,
    Record,
    RunRow,
    StreamMoved,
    WordWaiting,
    for_how_long,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass
class Shelf:
    """What a database file would hold; outlives the `MemoryStores` that open it."""

    streams: dict[str, list[Record]] = field(default_factory=dict)
    identity: Identity = field(default_factory=lambda: Identity(secrets.token_hex(8)))
    runs: dict[str, RunRow] = field(default_factory=dict)
    inbox: dict[str, InboxRow] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    evidence: dict[str, bytes] = field(default_factory=dict)

    def end_of(self, stream: str) -> tuple[int, str]:
        """Return seq and hash of the last record of a stream."""
        records = self.streams.get(stream)
        return (records[-1].seq, records[-1].hash) if records else (0, GENESIS)

    def began(self, run: str) -> tuple[datetime, str]:
        """Return what runs are sorted by: the moment of the first record, then the id."""
        records = self.streams.get(run)
        return (records[0].at if records else _LAST, run)

    def ended(self, row: RunRow) -> tuple[datetime, str]:
        """Return what runs that have ended are sorted by: the moment of the last record, the id."""
        last = self.streams.get(row.id, [])[row.last_seq - 1 : row.last_seq]
        return (last[0].at if last else _FIRST, row.id)


class Door:
    """One opening of a shelf: lets one thread in at a time, and nobody once it is closed."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._lock = threading.RLock()
        self._closed = False

    def __enter__(self) -> Shelf:
        self._lock.acquire()
        if self._closed:
            self._lock.release()
            raise RuntimeError("these stores are closed")
        return self.shelf

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def close(self) -> None:
        """Let nobody in any more; waits for who is inside."""
        with self._lock:
            self._closed = True


class MemoryJournal:
    """See storage.records.JournalStore."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def read(self, stream: str, *, after: int = 0) -> Sequence[Record]:
        """See storage.records.JournalStore."""
        with self._door as shelf:
            return shelf.streams.get(stream, [])[max(after, 0) :]

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
        """See storage.records.JournalStore."""
        with self._door as shelf:
            _refuse_lost_lease(shelf, lease)
            seq, prev = shelf.end_of(stream)
            if seq != last_seq:
                raise StreamMoved(f"{stream} ends at {seq}, not at {last_seq}")
            _refuse_taken(shelf, take)
            _refuse_word(shelf, no_word_for, take)
            _refuse_unless(shelf, unless, take)
            if house_at not in (None, shelf.end_of(HOUSE)[0]):
                raise WordWaiting(f"{HOUSE} does not end at {house_at} any more")
            _refuse_busy_group(shelf, index)
            for one in also_index:
                _refuse_busy_group(shelf, one)
            epoch = lease.epoch if lease else 0
            records = chained(stream, drafts, epoch=epoch, seq=seq, prev=prev)
            others = _chained_beside(shelf, stream, also or {})
            rows = [_indexed(index, seq + len(records))] if index else []
            rows += [_indexed(one, len((also or {})[one.id])) for one in also_index]
            words = [_kept(one) for one in put]
            _keep(shelf, [*records, *others], rows, words)
            for key in take:
                shelf.inbox[key] = replace(shelf.inbox[key], taken_seq=seq + len(records))
            return records

    def streams(self) -> Sequence[str]:
        """See storage.records.JournalStore."""
        with self._door as shelf:
            return sorted(shelf.streams)

    def runs(self, *, open_only: bool = True, group: str | None = None) -> Sequence[RunRow]:
        """See storage.records.JournalStore."""
        with self._door as shelf:
            rows = [
                row
                for row in shelf.runs.values()
                if (row.open or not open_only) and group in (None, row.group)
            ]
            return sorted(rows, key=lambda row: shelf.began(row.id))

    def ended(self, group: str | None = None) -> Sequence[RunRow]:
        """See storage.records.JournalStore."""
        with self._door as shelf:
            rows = [
                row for row in shelf.runs.values() if not row.open and group in (None, row.group)
            ]
            return sorted(rows, key=lambda row: shelf.ended(row), reverse=True)

    def run(self, run: str) -> RunRow | None:
        """See storage.records.JournalStore."""
        with self._door as shelf:
            return shelf.runs.get(run)

    def due(self, now: datetime) -> Sequence[RunRow]:
        """See storage.records.JournalStore."""
        return [row for row in self.runs() if row.wake_at is not None and row.wake_at <= now]


def _refuse_lost_lease(shelf: Shelf, lease: Lease | None) -> None:
    if lease is None:
        return
    now = shelf.leases.get(lease.resource)
    if now is None or (now.epoch, now.holder) != (lease.epoch, lease.holder):
        raise LeaseLost(f"{lease.resource}: epoch {lease.epoch} of {lease.holder} is over")


def _refuse_taken(shelf: Shelf, take: Sequence[str]) -> None:
    for key in take:
        row = shelf.inbox.get(key)
        if row is None or row.taken_seq is not None:
            raise StreamMoved(f"inbox row {key} is not there or already taken")


def _refuse_word(shelf: Shelf, run: str | None, take: Sequence[str]) -> None:
    if run is None:
        return
    for row in shelf.inbox.values():
        if row.run == run and row.taken_seq is None and row.key not in take:
            raise WordWaiting(f"{run}: {row.key} is not taken yet")


def _refuse_unless(
    shelf: Shelf, unless: Callable[[InboxRow], bool] | None, take: Sequence[str]
) -> None:
    if unless is None:
        return
    for row in shelf.inbox.values():
        if row.run is None and row.taken_seq is None and row.key not in take and unless(row):
            raise WordWaiting(f"{row.key} is not taken yet")


def _refuse_busy_group(shelf: Shelf, index: RunRow | None) -> None:
    if index is None or not (index.open and index.occupies):
        return
    for row in shelf.runs.values():
        if row.group == index.group and row.open and row.occupies and row.id != index.id:
            raise GroupBusy(f"{index.group} is occupied by {row.id}")


def _chained_beside(shelf: Shelf, stream: str, also: Mapping[str, Sequence[Draft]]) -> list[Record]:
    if stream in also:
        raise ValueError(f"{stream} cannot be appended to beside itself")
    records: list[Record] = []
    for other, drafts in also.items():
        seq, prev = shelf.end_of(other)
        records += chained(other, drafts, epoch=0, seq=seq, prev=prev)
    return records


def _indexed(index: RunRow, last_seq: int) -> RunRow:
    wake_at = in_utc(index.wake_at) if index.wake_at else None
    return replace(index, wake_at=wake_at, last_seq=last_seq)


def _kept(row: InboxRow) -> InboxRow:
    return replace(row, at=in_utc(row.at), body=plain(row.body))


def _keep(
    shelf: Shelf, records: Sequence[Record], rows: Sequence[RunRow], words: Sequence[InboxRow]
) -> None:
    """Write what was checked; nothing in here can fail."""
    for record in records:
        shelf.streams.setdefault(record.stream, []).append(record)
    for row in rows:
        shelf.runs[row.id] = row
    for word in words:
        shelf.inbox.setdefault(word.key, word)


class MemoryInbox:
    """See storage.records.InboxStore."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, row: InboxRow) -> bool:
        """See storage.records.InboxStore."""
        kept = _kept(row)
        with self._door as shelf:
            return shelf.inbox.setdefault(row.key, kept) is kept

    def waiting(
        self,
        *,
        run: str | None = None,
        kinds: Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[InboxRow]:
        """See storage.records.InboxStore."""
        with self._door as shelf:
            rows = list(shelf.inbox.values())
            keys = [row.key for row in rows]
            if after is not None:
                rows = rows[keys.index(after) + 1 :] if after in keys else []
            found = [
                row
                for row in rows
                if row.taken_seq is None
                and run in (None, row.run)
                and (kinds is None or row.kind in kinds)
            ]
            return found[:limit]

    def drop(self, key: str, *, seq: int = 0, lease: Lease | None = None) -> None:
        """See storage.records.InboxStore."""
        with self._door as shelf:
            _refuse_lost_lease(shelf, lease)
            row = shelf.inbox.get(key)
            if row is not None and row.taken_seq is None:
                shelf.inbox[key] = replace(row, taken_seq=seq)


class MemoryLeases:
    """See storage.records.LeaseStore."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def acquire(self, resource: str, holder: str, *, ttl_s: float, now: datetime) -> Lease | None:
        """See storage.records.LeaseStore."""
        with self._door as shelf:
            old, until = shelf.leases.get(resource), in_utc(now) + timedelta(seconds=ttl_s)
            epoch = old.epoch if old else 0
            if old is None or old.holder != holder:
                if old is not None and old.holder and old.expires_at > now:
                    shelf.leases[resource] = old.within_its_life(in_utc(now))
                    return None
                epoch += 1
            lease = Lease(resource, holder, epoch, until, ttl_s)
            shelf.leases[resource] = lease
            return lease

    def renew(self, lease: Lease, *, ttl_s: float, now: datetime) -> Lease:
        """See storage.records.LeaseStore."""
        with self._door as shelf:
            _refuse_lost_lease(shelf, lease)
            until = in_utc(now) + timedelta(seconds=ttl_s)
            longer = replace(lease, expires_at=until, life_s=ttl_s)
            shelf.leases[lease.resource] = longer
            return longer

    def release(self, lease: Lease) -> None:
        """See storage.records.LeaseStore."""
        with self._door as shelf:
            held = shelf.leases.get(lease.resource)
            if held is not None and (held.epoch, held.holder) == (lease.epoch, lease.holder):
                shelf.leases[lease.resource] = replace(held, holder="")

    def current(self, resource: str) -> Lease | None:
        """See storage.records.LeaseStore."""
        with self._door as shelf:
            return shelf.leases.get(resource)

    def lapsed(self, resource: str, *, now: datetime) -> timedelta | None:
        """See storage.records.LeaseStore."""
        with self._door as shelf:
            return for_how_long(shelf.leases.get(resource), in_utc(now))


class MemoryDeliveries:
    """See storage.records.DeliveryStore."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def all(self, prefix: str) -> Sequence[Delivery]:
        """See storage.records.DeliveryStore."""
        with self._door as shelf:
            rows = [row for key, row in shelf.deliveries.items() if key.startswith(prefix)]
            return sorted(rows, key=lambda row: row.message_key)

    def save(self, delivery: Delivery, *, lease: Lease | None = None) -> None:
        """See storage.records.DeliveryStore."""
        with self._door as shelf:
            _refuse_lost_lease(shelf, lease)
            shelf.deliveries[delivery.message_key] = delivery

    def by_ts(self, channel: str, ts: str) -> Delivery | None:
        """See storage.records.DeliveryStore."""
        rows = self.all("")
        return next((row for row in rows if (row.channel, row.ts) == (channel, ts)), None)


class MemoryEvidence:
    """See storage.records.EvidenceStore."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def keep(self, blob: bytes) -> str:
        """See storage.records.EvidenceStore."""
        digest = hashlib.sha256(blob).hexdigest()
        with self._door as shelf:
            shelf.evidence[digest] = bytes(blob)
        return digest

    def get(self, sha256: str) -> bytes | None:
        """See storage.records.EvidenceStore."""
        with self._door as shelf:
            return shelf.evidence.get(sha256)


class MemoryStores:
    """All stores over one shelf; see storage.records.Stores."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._door = Door(shelf or Shelf())
        self.journal = MemoryJournal(self._door)
        self.inbox = MemoryInbox(self._door)
        self.leases = MemoryLeases(self._door)
        self.deliveries = MemoryDeliveries(self._door)
        self.evidence = MemoryEvidence(self._door)

    def reopened(self) -> MemoryStores:
        """Return what the next process finds, all leases given back; this one is closed."""
        self.close()
        shelf = self._door.shelf
        for resource, lease in shelf.leases.items():
            shelf.leases[resource] = replace(lease, holder="")
        return MemoryStores(shelf)

    @property
    def identity(self) -> Identity:
        """See storage.records.Stores."""
        return self._door.shelf.identity

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """See storage.records.Stores: no other process can write here."""
        return lambda: None

    def try_out(self) -> None:
        """See storage.records.Stores."""
        self.journal.runs()

    def close(self) -> None:
        """See storage.records.Stores."""
        self._door.close()
