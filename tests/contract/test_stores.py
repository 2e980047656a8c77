"""What `storage.records` promises, on memory, SQLite and PostgreSQL alike.

What only a database can promise (durability, locks, migrations) is in `test_databases`.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.memory import MemoryStores
from storage.records import (
    GENESIS,
    HOUSE,
    Delivery,
    Draft,
    GroupBusy,
    InboxRow,
    Lease,
    LeaseLost,
    Record,
    RunRow,
    StorageRefusal,
    Stores,
    StreamMoved,
    WordWaiting,
    every_waiting,
)
from tests.contract.places import DatabasePlace, Place

NOW = datetime(2026, 11, 22, 3, 4, 5, 678901, tzinfo=UTC)
HOUR = timedelta(hours=1)


def draft(kind: str = "ORDERED", at: datetime = NOW, **body: Any) -> Draft:
    return Draft(kind, at, "U1", body)


def run_row(run: str = "run-1", **changes: Any) -> RunRow:
    return replace(
        RunRow(run, "group-1", "install", open=True, occupies=True, wake_at=None), **changes
    )


def word(key: str, run: str | None = "run-1", at: datetime = NOW) -> InboxRow:
    return InboxRow(key, run, "halt", {"user": "U1"}, at)


def held(stores: Stores, resource: str = "group:group-1", holder: str = "worker-1") -> Lease:
    lease = stores.leases.acquire(resource, holder, ttl_s=60, now=NOW)
    assert lease is not None
    return lease


def expired(stores: Stores, resource: str = "group:group-1", holder: str = "worker-1") -> Lease:
    lease = stores.leases.acquire(resource, holder, ttl_s=0, now=NOW)
    assert lease is not None
    return lease


def everything(stores: Stores) -> dict[str, object]:
    """All that can be read, to compare before with after."""
    journal, inbox = stores.journal, stores.inbox
    return {
        "streams": {stream: list(journal.read(stream)) for stream in journal.streams()},
        "runs": list(journal.runs(open_only=False)),
        "inbox": list(inbox.waiting()),
        "deliveries": list(stores.deliveries.all("")),
    }


def assert_chained(records: Sequence[Record]) -> None:
    """Recompute the chain from the words of the contract, without `record_hash`."""
    prev = "0" * 64
    for seq, record in enumerate(records, start=1):
        assert (record.seq, record.prev) == (seq, prev)
        parts = [record.stream, seq, record.epoch, record.kind, record.at.isoformat(), record.by]
        text = json.dumps([*parts, record.body, prev], sort_keys=True, separators=(",", ":"))
        prev = hashlib.sha256(text.encode()).hexdigest()
        assert record.hash == prev


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """Run `act(0)`, `act(1)`, ... in threads that start together; return results or refusals."""
    barrier = threading.Barrier(count)

    def one(number: int) -> object:
        barrier.wait(10)
        try:
            return act(number)
        except StorageRefusal as refusal:
            return refusal

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count), timeout=60))


# ------------------------------------------------------------------- journal


def test_what_was_appended_is_read_back_in_order(stores: Stores):
    lease = held(stores)
    first = stores.journal.append("run-1", [draft("A"), draft("B", n=1)], lease=lease, last_seq=0)
    second = stores.journal.append("run-1", [draft("C", at=NOW + HOUR)], lease=lease, last_seq=2)

    records = stores.journal.read("run-1")

    assert list(records) == [*first, *second]
    assert [(r.seq, r.kind, r.epoch, r.by) for r in records] == [
        (1, "A", 1, "U1"),
        (2, "B", 1, "U1"),
        (3, "C", 1, "U1"),
    ]
    assert records[1].body == {"n": 1}
    assert list(stores.journal.read("run-1", after=1)) == list(records[1:])
    assert list(stores.journal.read("run-1", after=3)) == []
    assert list(stores.journal.read("nothing")) == []


def test_records_of_one_append_are_chained_too(stores: Stores):
    stores.journal.append("run-1", [draft(n=n) for n in range(3)], lease=None, last_seq=0)

    assert_chained(stores.journal.read("run-1"))


def test_each_stream_has_a_chain_of_its_own(stores: Stores):
    for stream in ("run-1", "run-2"):
        for seq in range(3):
            stores.journal.append(stream, [draft(n=seq)], lease=None, last_seq=seq)

    assert list(stores.journal.streams()) == ["run-1", "run-2"]
    for stream in ("run-1", "run-2"):
        assert_chained(stores.journal.read(stream))
    assert stores.journal.read("run-1")[0].prev == GENESIS
    assert stores.journal.read("run-1")[0].hash != stores.journal.read("run-2")[0].hash


@pytest.mark.parametrize(
    "body",
    [
        {"text": "é \x00 \ud800 \U0001f44d", "quote": "'\"\\", "line": "a\r\nb\u2028c"},
        {"numbers": [0, -1, 1.0, 1e300, 0.1, 2**70], "none": None, "true": True},
        {"z": {"b": 1, "a": 2}, "é": [], "Z": {}, "_": ""},
        {"a tuple": (1, 2), "keys": {10: "x", 9: "y"}},
        {"long": "x" * 200_000},
    ],
)
def test_any_body_survives_with_its_hash(place: Place, stores: Stores, body: dict[str, Any]):
    written = stores.journal.append("run-1", [Draft("A", NOW, "é", body)], lease=None, last_seq=0)
    again = place.reopen(stores)

    assert list(again.journal.read("run-1")) == list(written)
    assert_chained(again.journal.read("run-1"))
    again.close()


def test_moments_come_back_in_utc_whatever_zone_they_went_in(place: Place, stores: Stores):
    tokyo = timezone(9 * HOUR)
    there = NOW.astimezone(tokyo)
    index = run_row(wake_at=there)
    stores.journal.append("run-1", [draft(at=there)], lease=None, last_seq=0, index=index)
    stores.inbox.put(word("w", at=there))
    again = place.reopen(stores)

    moments = [
        again.journal.read("run-1")[0].at,
        again.journal.runs()[0].wake_at,
        again.inbox.waiting()[0].at,
    ]
    assert moments == [NOW] * 3
    assert [moment and moment.utcoffset() for moment in moments] == [timedelta(0)] * 3
    assert_chained(again.journal.read("run-1"))
    again.close()


def test_a_naive_moment_is_refused(stores: Stores):
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        stores.journal.append("run-1", [draft(at=naive)], lease=None, last_seq=0)
    with pytest.raises(ValueError, match="zone"):
        stores.inbox.put(word("w", at=naive))
    assert everything(stores) == everything(MemoryStores())


def test_without_a_lease_the_epoch_is_0(stores: Stores):
    assert stores.journal.append(HOUSE, [draft()], lease=None, last_seq=0)[0].epoch == 0


def test_an_append_with_a_lost_lease_writes_nothing(stores: Stores):
    old = expired(stores)
    new = held(stores, holder="worker-2")
    before = everything(stores)

    with pytest.raises(LeaseLost):
        stores.journal.append(
            "run-1", [draft()], lease=old, last_seq=0, index=run_row(), also={HOUSE: [draft()]}
        )

    assert everything(stores) == before
    assert stores.journal.append("run-1", [draft()], lease=new, last_seq=0)[0].epoch == 2


def test_an_append_with_a_lease_that_never_was_is_refused(stores: Stores):
    with pytest.raises(LeaseLost):
        stores.journal.append("run-1", [draft()], lease=Lease("group:x", "me", 1, NOW), last_seq=0)


def test_an_append_after_release_is_refused(stores: Stores):
    lease = held(stores)
    stores.leases.release(lease)
    with pytest.raises(LeaseLost):
        stores.journal.append("run-1", [draft()], lease=lease, last_seq=0)


def test_an_expired_lease_that_nobody_took_may_still_write(stores: Stores):
    lease = expired(stores)
    assert stores.journal.append("run-1", [draft()], lease=lease, last_seq=0)[0].epoch == 1


@pytest.mark.parametrize("believed", [0, 1, 3, -1])
def test_a_stream_that_moved_is_not_appended_to(stores: Stores, believed: int):
    stores.journal.append("run-1", [draft(), draft()], lease=None, last_seq=0)
    before = everything(stores)
    with pytest.raises(StreamMoved):
        stores.journal.append(
            "run-1", [draft()], lease=None, last_seq=believed, also={HOUSE: [draft()]}
        )
    assert everything(stores) == before


def test_an_append_takes_its_inbox_rows_with_it(stores: Stores):
    for key in ("w1", "w2", "w3"):
        stores.inbox.put(word(key))

    stores.journal.append("run-1", [draft(), draft()], lease=None, last_seq=0, take=["w1", "w3"])

    assert [row.key for row in stores.inbox.waiting()] == ["w2"]
    with pytest.raises(StreamMoved):
        stores.journal.append("run-1", [draft()], lease=None, last_seq=2, take=["w2", "w1"])
    assert [row.key for row in stores.inbox.waiting()] == ["w2"]
    assert len(stores.journal.read("run-1")) == 2


def test_an_append_puts_what_follows_from_it(stores: Stores):
    stores.inbox.put(word("w1"))
    stores.inbox.put(word("told:w0", run=None))
    told = [replace(word(key, run=None), kind="told") for key in ("told:w1", "told:w0")]

    stores.journal.append("run-1", [draft()], lease=None, last_seq=0, take=["w1"], put=told)

    rows = {row.key: row for row in stores.inbox.waiting()}
    assert set(rows) == {"told:w1", "told:w0"}
    assert rows["told:w1"] == told[0]
    assert rows["told:w0"].kind != "told", "what is there already is left as it is"
    stores.journal.append("run-1", [], lease=None, last_seq=1, put=[word("told:w2", run=None)])
    assert "told:w2" in {row.key for row in stores.inbox.waiting()}
    with pytest.raises(StreamMoved):
        stores.journal.append("run-1", [], lease=None, last_seq=7, put=[word("told:w3", run=None)])
    assert "told:w3" not in {row.key for row in stores.inbox.waiting()}


def test_a_row_that_is_not_there_cannot_be_taken(stores: Stores):
    with pytest.raises(StreamMoved):
        stores.journal.append("run-1", [draft()], lease=None, last_seq=0, take=["w"])
    assert list(stores.journal.streams()) == []


def test_rows_stay_untaken_when_the_append_is_refused(stores: Stores):
    stores.inbox.put(word("w1"))
    stores.journal.append("run-2", [draft()], lease=None, last_seq=0, index=run_row("run-2"))
    before = everything(stores)
    lost = Lease("group:x", "me", 1, NOW)

    with pytest.raises(LeaseLost):
        stores.journal.append("run-1", [draft()], lease=lost, last_seq=0, take=["w1"])
    with pytest.raises(StreamMoved):
        stores.journal.append("run-1", [draft()], lease=None, last_seq=7, take=["w1"])
    with pytest.raises(GroupBusy):
        stores.journal.append(
            "run-1", [draft()], lease=None, last_seq=0, take=["w1"], index=run_row()
        )

    assert everything(stores) == before


def test_a_waiting_word_of_the_run_refuses_the_append(stores: Stores):
    stores.inbox.put(word("other", run="run-2"))
    stores.inbox.put(word("nobody's", run=None))
    stores.journal.append("run-1", [draft()], lease=None, last_seq=0, no_word_for="run-1")
    stores.inbox.put(word("halt"))
    before = everything(stores)

    with pytest.raises(WordWaiting):
        stores.journal.append("run-1", [draft()], lease=None, last_seq=1, no_word_for="run-1")

    assert everything(stores) == before
    stores.journal.append(
        "run-1", [draft()], lease=None, last_seq=1, take=["halt"], no_word_for="run-1"
    )
    stores.journal.append("run-1", [draft()], lease=None, last_seq=2, no_word_for="run-1")


def test_taking_one_word_does_not_excuse_another(stores: Stores):
    stores.inbox.put(word("halt"))
    stores.inbox.put(word("resume"))
    with pytest.raises(WordWaiting):
        stores.journal.append(
            "run-1", [draft()], lease=None, last_seq=0, take=["halt"], no_word_for="run-1"
        )
    assert len(stores.inbox.waiting()) == 2


def test_a_dropped_word_refuses_nothing(stores: Stores):
    stores.inbox.put(word("halt"))
    stores.inbox.drop("halt")
    stores.journal.append("run-1", [draft()], lease=None, last_seq=0, no_word_for="run-1")


def test_two_open_runs_never_occupy_one_group(stores: Stores):
    journal = stores.journal
    journal.append("run-1", [draft()], lease=None, last_seq=0, index=run_row())
    before = everything(stores)

    with pytest.raises(GroupBusy):
        journal.append("run-2", [draft()], lease=None, last_seq=0, index=run_row("run-2"))
    assert everything(stores) == before

    waiting = run_row("run-2", occupies=False)
    elsewhere = run_row("run-3", group="group-2")
    journal.append("run-2", [draft()], lease=None, last_seq=0, index=waiting)
    journal.append("run-3", [draft()], lease=None, last_seq=0, index=elsewhere)
    journal.append("run-1", [draft()], lease=None, last_seq=1, index=run_row())
    with pytest.raises(GroupBusy):
        journal.append("run-2", [draft()], lease=None, last_seq=1, index=run_row("run-2"))


@pytest.mark.parametrize("leaves", [{"open": False}, {"occupies": False}])
def test_a_group_is_free_once_its_run_has_left_it(stores: Stores, leaves: dict[str, Any]):
    journal = stores.journal
    journal.append("run-1", [draft()], lease=None, last_seq=0, index=run_row())
    journal.append("run-1", [draft()], lease=None, last_seq=1, index=run_row(**leaves))
    journal.append("run-2", [draft()], lease=None, last_seq=0, index=run_row("run-2"))
    assert [row.id for row in journal.runs() if row.occupies] == ["run-2"]


def test_further_streams_are_written_with_the_append_or_not_at_all(stores: Stores):
    journal, lease = stores.journal, held(stores)
    journal.append(HOUSE, [draft("FREEZE")], lease=None, last_seq=0)

    returned = journal.append(
        "run-1",
        [draft("A")],
        lease=lease,
        last_seq=0,
        also={HOUSE: [draft("OWED"), draft("REFUSED")], "run-1-rollback": [draft("ORDERED")]},
    )

    assert [record.stream for record in returned] == ["run-1"]
    assert [record.kind for record in journal.read(HOUSE)] == ["FREEZE", "OWED", "REFUSED"]
    assert {r.epoch for s in (HOUSE, "run-1-rollback") for r in journal.read(s)} == {0}
    for stream in journal.streams():
        assert_chained(journal.read(stream))
    before = everything(stores)
    with pytest.raises(StreamMoved):
        journal.append("run-1", [draft()], lease=lease, last_seq=0, also={HOUSE: [draft()]})
    with pytest.raises(ValueError, match="beside itself"):
        journal.append("run-1", [draft()], lease=lease, last_seq=1, also={"run-1": [draft()]})
    assert everything(stores) == before


def test_an_append_without_records_moves_only_index_and_inbox(stores: Stores):
    stores.inbox.put(word("w"))
    stores.journal.append("run-1", [draft()], lease=None, last_seq=0)

    written = stores.journal.append(
        "run-1", [], lease=None, last_seq=1, index=run_row(wake_at=NOW), take=["w"]
    )

    assert list(written) == []
    assert len(stores.journal.read("run-1")) == 1
    assert stores.journal.run("run-1") == run_row(wake_at=NOW, last_seq=1)
    assert list(stores.inbox.waiting()) == []


# ----------------------------------------------------------------- the index


def test_the_index_follows_the_append(stores: Stores):
    journal = stores.journal
    assert journal.run("run-1") is None
    journal.append("run-1", [draft(), draft()], lease=None, last_seq=0, index=run_row())
    assert journal.run("run-1") == run_row(last_seq=2)
    closed = run_row(open=False, occupies=False, last_seq=99)
    journal.append("run-1", [draft()], lease=None, last_seq=2, index=closed)
    assert journal.run("run-1") == replace(closed, last_seq=3)


def test_runs_come_oldest_first_and_by_group(stores: Stores):
    begun = [("run-b", "g1", 2), ("run-a", "g2", 2), ("run-c", "g1", 1), ("run-B", "g1", 2)]
    for run, group, hours in begun:
        index = run_row(run, group=group, occupies=False)
        drafts = [draft(at=NOW + hours * HOUR), draft(at=NOW)]
        stores.journal.append(run, drafts, lease=None, last_seq=0, index=index)
    closed = run_row("run-c", group="g1", open=False, occupies=False)
    stores.journal.append("run-c", [draft()], lease=None, last_seq=2, index=closed)

    def ids(**which: Any) -> list[str]:
        return [row.id for row in stores.journal.runs(**which)]

    assert ids() == ["run-B", "run-a", "run-b"]
    assert ids(open_only=False) == ["run-c", "run-B", "run-a", "run-b"]
    assert ids(group="g1") == ["run-B", "run-b"]
    assert ids(group="g1", open_only=False) == ["run-c", "run-B", "run-b"]


def test_ended_runs_come_by_when_they_ended_the_last_first(stores: Stores):
    """One that waited for its time was ordered first, and ended last."""
    ends = [("run-a", "g1", 9), ("run-c", "g2", 8), ("run-b", "g1", 5), ("run-B", "g1", 5)]
    for hours, (run, group, end) in enumerate(ends):
        first, over = draft(at=NOW + hours * HOUR), draft("ENDED", at=NOW + end * HOUR)
        going = run_row(run, group=group, occupies=False)
        stores.journal.append(run, [first], lease=None, last_seq=0, index=going)
        closed = replace(going, open=False)
        stores.journal.append(run, [over], lease=None, last_seq=1, index=closed)
    stores.journal.append("open", [draft()], lease=None, last_seq=0, index=run_row("open"))

    assert [row.id for row in stores.journal.ended()] == ["run-a", "run-c", "run-b", "run-B"]
    assert [row.id for row in stores.journal.ended("g1")] == ["run-a", "run-b", "run-B"]
    assert [row.id for row in stores.journal.ended("g3")] == []


def test_due_are_the_open_runs_whose_moment_has_come(stores: Stores):
    moments = {"past": -HOUR, "now": timedelta(0), "soon": timedelta(microseconds=1), "never": None}
    for number, (run, away) in enumerate(moments.items()):
        index = run_row(run, group=run, wake_at=None if away is None else NOW + away)
        at = NOW - number * HOUR
        stores.journal.append(run, [draft(at=at)], lease=None, last_seq=0, index=index)
    closed = run_row("closed", group="closed", open=False, wake_at=NOW - HOUR)
    stores.journal.append("closed", [draft()], lease=None, last_seq=0, index=closed)

    assert [row.id for row in stores.journal.due(NOW)] == ["now", "past"]
    assert [row.id for row in stores.journal.due(NOW.astimezone(timezone(9 * HOUR)))] == [
        "now",
        "past",
    ]
    assert list(stores.journal.due(NOW - 2 * HOUR)) == []


# --------------------------------------------------------------------- inbox


def test_a_key_is_stored_once(stores: Stores):
    assert stores.inbox.put(word("w"))
    assert not stores.inbox.put(replace(word("w", run="run-2"), body={"another": 1}))
    assert list(stores.inbox.waiting()) == [word("w")]
    stores.inbox.drop("w")
    assert not stores.inbox.put(word("w"))
    assert list(stores.inbox.waiting()) == []


def test_waiting_rows_come_in_the_order_heard_whatever_the_clocks_say(stores: Stores):
    heard = [
        ("z", "run-1", 1),
        ("b", "run-2", 0),
        ("a", "run-1", 0),
        ("y", None, 2),
        ("c", None, 0),
    ]
    for key, run, hours in heard:
        stores.inbox.put(word(key, run=run, at=NOW + hours * HOUR))

    def keys(**which: Any) -> list[str]:
        return [row.key for row in stores.inbox.waiting(**which)]

    assert keys() == ["z", "b", "a", "y", "c"]
    assert keys(run="run-1") == ["z", "a"]
    assert keys(limit=2) == ["z", "b"]
    assert keys(after="z") == ["b", "a", "y", "c"]
    assert keys(run="run-3") == []


def test_who_reads_on_sees_every_row_however_many_wait(stores: Stores):
    for number in range(250):
        at = NOW + (number // 90) * HOUR
        stores.inbox.put(word(f"w{number:03}", run=f"run-{number % 2}", at=at))
    stores.inbox.put(replace(word("freeze", run=None, at=NOW + 9 * HOUR), kind="freeze"))
    every = [f"w{number:03}" for number in range(250)]

    assert len(stores.inbox.waiting()) == 100
    assert [row.key for row in every_waiting(stores.inbox)] == [*every, "freeze"]
    assert [row.key for row in every_waiting(stores.inbox, run="run-1")] == every[1::2]
    stores.inbox.drop("w099")
    later = stores.inbox.waiting(after="w099", limit=2)
    assert [row.key for row in later] == ["w100", "w101"]
    assert [row.key for row in stores.inbox.waiting(after="freeze")] == []
    assert [row.key for row in stores.inbox.waiting(kinds=("freeze",))] == ["freeze"]
    assert [row.key for row in stores.inbox.waiting(kinds=("freeze",), run="run-1")] == []


def test_a_house_that_has_grown_refuses_the_append_that_asks_for_that(stores: Stores):
    stores.journal.append(HOUSE, [draft()], lease=None, last_seq=0)
    before = everything(stores)

    for stale in (0, 2):
        with pytest.raises(WordWaiting):
            stores.journal.append("run-1", [draft()], lease=None, last_seq=0, house_at=stale)
    assert everything(stores) == before
    stores.journal.append("run-1", [draft()], lease=None, last_seq=0, house_at=1)


def test_a_waiting_row_of_no_run_refuses_the_append_that_asks_for_that(stores: Stores):
    stores.inbox.put(word("f1", run=None))
    stores.inbox.put(word("f2", run=None))
    stores.inbox.put(word("halt", run="run-2"))
    before = everything(stores)

    def append(last_seq: int, keys: set[str], **more: Any) -> None:
        stores.journal.append(
            "run-1",
            [draft()],
            lease=None,
            last_seq=last_seq,
            unless=lambda row: row.key in keys,
            **more,
        )

    with pytest.raises(WordWaiting):
        append(0, {"f2"})
    assert everything(stores) == before
    append(0, {"halt", "f3"})
    append(1, {"f2"}, take=["f2"])
    append(2, {"f2"})


def test_who_was_replaced_drops_nothing(place: Place):
    former, successor = place.several(2)
    lost = former.leases.acquire("group:g", "former", ttl_s=60, now=NOW)
    assert lost is not None
    former.inbox.put(word("w"))
    former.leases.release(lost)
    now = successor.leases.acquire("group:g", "successor", ttl_s=60, now=NOW)
    assert now is not None

    with pytest.raises(LeaseLost):
        former.inbox.drop("w", lease=lost)

    assert [row.key for row in successor.inbox.waiting()] == ["w"]
    successor.inbox.drop("w", lease=now)
    assert list(former.inbox.waiting()) == []


def test_dropping_twice_or_nothing_changes_nothing(stores: Stores):
    stores.inbox.put(word("w"))
    stores.inbox.drop("w", seq=3)
    stores.inbox.drop("w", seq=4)
    stores.inbox.drop("nothing")
    assert list(stores.inbox.waiting()) == []
    with pytest.raises(StreamMoved):
        stores.journal.append("run-1", [draft()], lease=None, last_seq=0, take=["w"])


# -------------------------------------------------------------------- leases


def test_one_resource_has_one_holder(stores: Stores):
    lease = held(stores)
    assert (lease.resource, lease.holder, lease.epoch) == ("group:group-1", "worker-1", 1)
    assert stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=NOW) is None
    assert stores.leases.current("group:group-1") == lease
    assert held(stores, "chat:run-1", "worker-2").epoch == 1
    assert stores.leases.current("group:none") is None


def test_the_same_holder_keeps_its_epoch(stores: Stores):
    lease = held(stores)
    again = stores.leases.acquire("group:group-1", "worker-1", ttl_s=120, now=NOW)
    assert again is not None
    assert again.epoch == lease.epoch
    assert again.expires_at > lease.expires_at
    assert stores.leases.current("group:group-1") == again


def test_an_expired_lease_goes_to_another_with_the_next_epoch(stores: Stores):
    old = expired(stores)
    new = held(stores, holder="worker-2")
    assert (old.epoch, new.epoch) == (1, 2)
    with pytest.raises(LeaseLost):
        stores.leases.renew(old, ttl_s=60, now=NOW)
    stores.leases.release(old)
    assert stores.leases.current("group:group-1") == new


def test_a_renewed_lease_is_held_longer(stores: Stores):
    lease = expired(stores)
    longer = stores.leases.renew(lease, ttl_s=60, now=NOW)
    assert longer.epoch == lease.epoch
    assert longer.expires_at > lease.expires_at
    assert stores.leases.current("group:group-1") == longer
    assert stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=NOW) is None


def test_a_released_lease_is_free_at_once_and_its_epoch_never_shrinks(stores: Stores):
    epochs = []
    for holder in ("worker-1", "worker-2", "worker-2", "worker-1"):
        lease = held(stores, holder=holder)
        epochs.append(lease.epoch)
        stores.leases.release(lease)
        with pytest.raises(LeaseLost):
            stores.leases.renew(lease, ttl_s=60, now=NOW)
        current = stores.leases.current("group:group-1")
        assert current is not None
        assert (current.holder, current.epoch) == ("", lease.epoch)
    assert epochs == [1, 2, 3, 4]


def test_a_lease_outlives_its_moment_in_utc(stores: Stores):
    expires_at = held(stores).expires_at
    assert expires_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
def test_time_decides_expiry(stores: Stores):
    held(stores)
    just = NOW + timedelta(seconds=60)
    early = just - timedelta(microseconds=1)
    assert stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=early) is None
    taken = stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=just)
    assert taken == Lease("group:group-1", "worker-2", 2, just + timedelta(seconds=60), 60)


def test_one_can_see_whether_somebody_holds_a_lease(stores: Stores):
    assert stores.leases.lapsed("group:group-1", now=NOW) == timedelta.max
    lease = held(stores)
    assert stores.leases.lapsed("group:group-1", now=NOW) is None
    stores.leases.release(lease)
    assert stores.leases.lapsed("group:group-1", now=NOW) == timedelta(0)
    expired(stores)
    assert stores.leases.lapsed("group:group-1", now=NOW) is not None


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
def test_time_decides_for_how_long_nobody_holds_a_lease(stores: Stores):
    held(stores)
    just = NOW + timedelta(seconds=60)
    early = just - timedelta(microseconds=1)
    assert stores.leases.lapsed("group:group-1", now=early) is None
    later = just + timedelta(seconds=7)
    assert stores.leases.lapsed("group:group-1", now=later) == timedelta(seconds=7)


def as_if_the_clock_went_back(place: Place, stores: Stores) -> Lease:
    """Return a lease that was taken by a clock three hours ahead of the one that holds now."""
    if not (isinstance(place, DatabasePlace) and place.shared):
        lease = stores.leases.acquire("group:group-1", "worker-1", ttl_s=60, now=NOW + 3 * HOUR)
        assert lease is not None
        return lease
    # This one goes by the server's clock, which is not ours to set.
    lease = held(stores)
    with closing(Database(place.url, acting=True)) as database, database.write() as session:
        session.execute(text("UPDATE leases SET expires_at = expires_at + interval '3 hours'"))
    return replace(lease, expires_at=lease.expires_at + 3 * HOUR)


def test_no_lease_outlives_a_life_from_now_whatever_the_clock_was(place: Place, stores: Stores):
    ahead = as_if_the_clock_went_back(place, stores)
    refused = stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=NOW)
    kept = stores.leases.current("group:group-1")
    assert refused is None, "whoever has it may live, and renew it"
    assert kept is not None
    assert (kept.holder, kept.epoch) == ("worker-1", ahead.epoch)
    assert ahead.expires_at - kept.expires_at > 2 * HOUR
    again = stores.leases.acquire("group:group-1", "worker-2", ttl_s=120, now=NOW)
    assert again is None
    assert stores.leases.current("group:group-1") == kept, "asking never makes it longer"


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
def test_a_lease_of_a_clock_that_went_back_is_free_a_life_after_somebody_asked(
    place: Place, stores: Stores
):
    as_if_the_clock_went_back(place, stores)
    just = NOW + timedelta(seconds=60)
    early = just - timedelta(microseconds=1)
    for moment in (NOW, early):
        assert stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=moment) is None
    taken = stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=just)
    assert taken == Lease("group:group-1", "worker-2", 2, just + timedelta(seconds=60), 60)


@pytest.mark.parametrize("theirs", [15, 600])
def test_a_lease_lasts_as_long_as_its_holder_says_and_not_who_asks(stores: Stores, theirs: int):
    lease = held(stores)
    for _ in range(2):
        assert stores.leases.acquire("group:group-1", "other", ttl_s=theirs, now=NOW) is None
        assert stores.leases.lapsed("group:group-1", now=NOW) is None
    kept = stores.leases.current("group:group-1")
    assert kept == lease
    assert kept.life_s == 60
    stores.leases.renew(kept, ttl_s=90, now=NOW)
    longer = stores.leases.current("group:group-1")
    assert longer is not None
    assert longer.life_s == 90
    assert longer.expires_at - kept.expires_at > timedelta(seconds=20)


def test_whoever_lives_keeps_a_lease_over_a_clock_that_went_back(place: Place, stores: Stores):
    lease = as_if_the_clock_went_back(place, stores)
    for _ in range(3):
        assert stores.leases.acquire("group:group-1", "worker-2", ttl_s=60, now=NOW) is None
        lease = stores.leases.renew(lease, ttl_s=60, now=NOW)
        assert stores.leases.lapsed("group:group-1", now=NOW) is None
    assert lease.epoch == 1
    assert stores.journal.append("run-1", [draft()], lease=lease, last_seq=0)


def test_a_lease_that_would_last_longer_than_its_life_is_held_by_nobody(
    place: Place, stores: Stores
):
    lease = as_if_the_clock_went_back(place, stores)
    assert stores.leases.lapsed("group:group-1", now=NOW) == timedelta.max
    stores.leases.release(lease)
    assert stores.leases.lapsed("group:group-1", now=NOW) == timedelta.max


# --------------------------------------------------- deliveries and evidence


def test_what_is_told_under_a_lease_that_is_lost_is_refused_and_leaves_all_as_it_was(stores):
    lease = stores.leases.acquire("chat:run-1", "one", ttl_s=60, now=NOW)
    sending = Delivery("run-1/root", "C1", None, "digest", "sending")
    stores.deliveries.save(sending, lease=lease)
    stores.leases.release(lease)
    with pytest.raises(LeaseLost):
        stores.deliveries.save(replace(sending, ts="1.0", state="sent"), lease=lease)
    other = stores.leases.acquire("chat:run-1", "two", ttl_s=60, now=NOW)
    with pytest.raises(LeaseLost):
        stores.deliveries.save(replace(sending, ts="1.0", state="sent"), lease=lease)
    assert stores.deliveries.all("run-1/") == [sending]

    stores.deliveries.save(replace(sending, ts="2.0", state="sent"), lease=other)

    assert stores.deliveries.all("run-1/")[0].ts == "2.0"


def test_a_delivery_is_replaced_by_its_key(stores: Stores):
    first = Delivery("run-1/root", "C1", None, "digest", "sending")
    stores.deliveries.save(first)
    assert list(stores.deliveries.all("run-1/")) == [first]
    sent = replace(first, ts="17.001", state="sent")
    stores.deliveries.save(sent)
    assert list(stores.deliveries.all("run-1/")) == [sent]


def test_deliveries_are_found_by_prefix_and_by_place(stores: Stores):
    keys = [
        "run-1/gate-2",
        "run-1/gate-10",
        "run-1/é",
        "run-1/Gate",
        "run-10/root",
        "RUN-1/root",
        "run_1/x",
        "run%",
    ]
    for number, key in enumerate(keys):
        stores.deliveries.save(Delivery(key, "C1", str(number), "digest", "sent"))

    def found(prefix: str) -> list[str]:
        return [delivery.message_key for delivery in stores.deliveries.all(prefix)]

    assert found("run-1/") == ["run-1/Gate", "run-1/gate-10", "run-1/gate-2", "run-1/é"]
    assert found("run_") == ["run_1/x"]
    assert found("run%") == ["run%"]
    assert found("") == sorted(keys)
    there = stores.deliveries.by_ts("C1", "4")
    assert there is not None
    assert there.message_key == "run-10/root"
    assert stores.deliveries.by_ts("C2", "4") is None


@pytest.mark.parametrize("blob", [b"", b"\x00\xff" * 1000, b"x" * 3_000_000])
def test_evidence_is_kept_once_under_its_hash(place: Place, stores: Stores, blob: bytes):
    digest = stores.evidence.keep(blob)
    assert digest == hashlib.sha256(blob).hexdigest()
    assert stores.evidence.keep(blob) == digest
    again = place.reopen(stores)
    assert again.evidence.get(digest) == blob
    assert again.evidence.get("0" * 64) is None
    again.close()


# ------------------------------------------------------ reopening and closing


def test_all_is_there_after_reopening(place: Place, stores: Stores):
    lease = held(stores)
    stores.inbox.put(word("w1"))
    stores.inbox.put(word("w2"))
    stores.journal.append(
        "run-1", [draft()], lease=lease, last_seq=0, index=run_row(wake_at=NOW), take=["w1"]
    )
    stores.deliveries.save(Delivery("run-1/root", "C1", "1.0", "digest", "sent"))
    before = everything(stores)

    again = place.reopen(stores)

    assert everything(again) == before
    assert not again.inbox.put(word("w1"))
    current = again.leases.current("group:group-1")
    assert current is not None
    assert current.epoch == 1
    again.close()


def test_closed_stores_let_nobody_in(stores: Stores):
    lease = held(stores)
    stores.close()
    with pytest.raises(RuntimeError, match="closed"):
        stores.journal.read("run-1")
    with pytest.raises(RuntimeError, match="closed"):
        stores.journal.append("run-1", [draft()], lease=lease, last_seq=0)
    with pytest.raises(RuntimeError, match="closed"):
        stores.inbox.put(word("w"))
    stores.close()


# --------------------------------------------------------------- concurrency


def test_of_many_writers_to_one_stream_exactly_one_wins(place: Place):
    several = place.several(6)
    for last_seq in range(5):

        def append(number: int, last_seq: int = last_seq) -> object:
            drafts = [draft(by=number)]
            return several[number].journal.append("run-1", drafts, lease=None, last_seq=last_seq)

        results = at_once(6, append)
        assert sorted(type(result).__name__ for result in results) == ["StreamMoved"] * 5 + ["list"]
    records = several[0].journal.read("run-1")
    assert len(records) == 5
    assert_chained(records)


def claims(several: Sequence[Stores], resource: str) -> list[object]:
    return at_once(
        len(several),
        lambda n: several[n].leases.acquire(resource, f"worker-{n}", ttl_s=60, now=NOW),
    )


def test_of_many_claimers_one_gets_the_lease(place: Place):
    several = place.several(4)
    for number in range(8):
        resource = f"group:{number}"
        results = claims(several, resource)
        winners = [result for result in results if isinstance(result, Lease)]
        assert [winner.epoch for winner in winners] == [1]
        assert several[0].leases.current(resource) == winners[0]


def test_of_many_claimers_one_takes_over(place: Place):
    several = place.several(4)
    for number in range(8):
        resource = f"group:{number}"
        expired(several[0], resource, "dead")
        results = claims(several, resource)
        assert [result.epoch for result in results if isinstance(result, Lease)] == [2]


def test_of_many_runs_one_gets_the_group(place: Place):
    several = place.several(5)
    results = at_once(
        5,
        lambda n: several[n].journal.append(
            f"run-{n}", [draft()], lease=None, last_seq=0, index=run_row(f"run-{n}")
        ),
    )
    assert sorted(type(result).__name__ for result in results) == ["GroupBusy"] * 4 + ["list"]
    assert len(several[0].journal.runs(open_only=False)) == 1
    assert len(several[0].journal.streams()) == 1


def test_of_many_takers_one_takes_the_word(place: Place):
    several = place.several(5)
    several[0].inbox.put(word("w", run=None))
    results = at_once(
        5,
        lambda n: several[n].journal.append(
            f"run-{n}", [draft()], lease=None, last_seq=0, take=["w"]
        ),
    )
    assert sorted(type(result).__name__ for result in results) == ["StreamMoved"] * 4 + ["list"]
    assert len(several[0].journal.streams()) == 1


def test_of_many_deliveries_of_one_word_one_is_stored(place: Place):
    several = place.several(6)
    results = at_once(6, lambda n: several[n].inbox.put(word("w")))
    assert sorted(results, key=bool) == [False] * 5 + [True]


def test_further_streams_of_many_writers_keep_one_chain(place: Place):
    several = place.several(4)

    def write(number: int) -> object:
        beside = [HOUSE, "other"] if number % 2 else ["other", HOUSE]
        for seq in range(10):
            also = {stream: [draft(n=number)] for stream in beside}
            several[number].journal.append(
                f"run-{number}", [draft()], lease=None, last_seq=seq, also=also
            )
        return "done"

    assert at_once(4, write) == ["done"] * 4
    for stream in (HOUSE, "other"):
        records = several[0].journal.read(stream)
        assert len(records) == 40
        assert_chained(records)


# ------------------------------------------------------ memory is like the rest


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", ["sqlite", "postgres"], indirect=True)
def test_random_use_ends_as_it_does_in_memory(stores: Stores, seed: int):
    """A few hundred calls, refused or not, give the same answers as the stores in memory."""
    mirror: Stores = MemoryStores()
    chance = random.Random(seed)
    for step in range(250):
        act = random_act(chance, step)
        assert answer(act, stores) == answer(act, mirror), f"seed {seed}, step {step}"
    assert everything(stores) == everything(mirror)


def answer(act: Callable[[Stores], object], stores: Stores) -> object:
    try:
        result = act(stores)
    except StorageRefusal as refusal:
        return type(refusal)
    return replace(result, expires_at=NOW) if isinstance(result, Lease) else result


def random_act(chance: random.Random, step: int) -> Callable[[Stores], object]:
    run, key = f"run-{chance.randrange(3)}", f"w{chance.randrange(40)}"
    at = NOW + chance.randrange(5) * HOUR
    holder, epoch = f"worker-{chance.randrange(2)}", chance.randrange(1, 4)
    lease = chance.choice([None, None, Lease("group:g", holder, epoch, NOW)])
    index = chance.choice(
        [None, run_row(run, open=chance.random() < 0.7, occupies=chance.random() < 0.5, wake_at=at)]
    )
    drafts = [draft(f"K{step}", at=at, n=n) for n in range(chance.randrange(3))]
    take = chance.choice([[], [], [key]])
    no_word_for = chance.choice([None, run])
    also = chance.choice([None, {HOUSE: [draft(at=at)]}])
    stale = chance.random() < 0.1

    def append(stores: Stores) -> object:
        return list(
            stores.journal.append(
                run,
                drafts,
                lease=lease,
                last_seq=len(stores.journal.read(run)) + stale,
                index=index,
                take=take,
                no_word_for=no_word_for,
                also=also,
            )
        )

    acts: list[Callable[[Stores], object]] = [
        append,
        append,
        append,
        lambda stores: stores.inbox.put(word(key, run=chance_run, at=at)),
        lambda stores: stores.inbox.drop(key),
        lambda stores: stores.leases.acquire("group:g", holder, ttl_s=ttl_s, now=NOW),
        lambda stores: stores.leases.release(Lease("group:g", holder, epoch, NOW)),
        lambda stores: stores.leases.current("group:g"),
        lambda stores: list(stores.journal.due(at)),
        lambda stores: list(stores.inbox.waiting(run=run)),
    ]
    chance_run = chance.choice([None, run])
    ttl_s = chance.choice([0.0, 3600.0])
    return chance.choice(acts)
