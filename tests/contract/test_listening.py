"""What one process hears of the others: see `storage.records.Stores.listen`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from storage import listening
from storage.records import HOUSE, Draft, InboxRow, Stores, StreamMoved
from storage.stores import open_stores
from tests.contract.places import Place
from tests.contract.postgres import PostgresServer

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DRAFTS = [Draft("ORDERED", NOW, "U1")]
WAIT_S = 20.0


class Ear:
    """Collects what was heard."""

    def __init__(self) -> None:
        self._heard: queue.Queue[str] = queue.Queue()

    def __call__(self, run: str) -> None:
        self._heard.put(run)

    def next(self) -> str:
        """Return what is heard next; fails where nothing is."""
        return self._heard.get(timeout=WAIT_S)

    @property
    def silent(self) -> bool:
        return self._heard.empty()


@contextmanager
def listening_on(stores: Stores) -> Iterator[Ear]:
    """Listen, from when nothing can be missed any more."""
    ear = Ear()
    stop = stores.listen(ear)
    try:
        assert ear.next() == ""
        yield ear
    finally:
        stop()


@pytest.fixture
def two(postgres: PostgresServer) -> Iterator[tuple[Stores, Stores]]:
    url = postgres.new_database()
    with (
        closing(open_stores(url, acting=True)) as ours,
        closing(open_stores(url, acting=True)) as other,
    ):
        yield ours, other


def listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "storage-listener"]


def test_whoever_listens_may_stop_at_once_and_twice(place: Place):
    stores = place.open()
    stop = stores.listen(lambda run: None)
    stop()
    stop()
    assert listeners() == []


def test_appends_and_words_of_others_are_heard_in_order(two: tuple[Stores, Stores]):
    ours, other = two
    with listening_on(ours) as ear:
        other.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
        other.inbox.put(InboxRow("w1", "run-2", "halt", {}, NOW))
        other.inbox.put(InboxRow("w2", None, "command", {}, NOW))
        other.journal.append(HOUSE, DRAFTS, lease=None, last_seq=0)
        assert [ear.next() for _ in range(3)] == ["run-1", "run-2", ""]


def test_our_own_are_not_heard_nor_what_was_refused_or_was_there(two: tuple[Stores, Stores]):
    ours, other = two
    other.inbox.put(InboxRow("w1", "run-1", "halt", {}, NOW))
    with listening_on(ours) as ear:
        ours.journal.append("run-2", DRAFTS, lease=None, last_seq=0)
        other.inbox.put(InboxRow("w1", "run-1", "halt", {}, NOW))
        with pytest.raises(StreamMoved):
            other.journal.append("run-3", DRAFTS, lease=None, last_seq=7)
        other.journal.append("run-4", DRAFTS, lease=None, last_seq=0)
        assert ear.next() == "run-4"
        assert ear.silent


def test_what_is_heard_can_be_read(two: tuple[Stores, Stores]):
    """The hint comes after the commit, never before."""
    ours, other = two
    with listening_on(ours) as ear:
        for seq in range(20):
            other.journal.append("run-1", DRAFTS, lease=None, last_seq=seq)
            assert ear.next() == "run-1"
            assert len(ours.journal.read("run-1")) == seq + 1


def test_listening_outlives_the_server_and_says_that_something_may_be_missed(
    mortal_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(listening, "RETRY_S", 0.01)
    url = mortal_postgres.new_database()
    with closing(open_stores(url, acting=True)) as ours, listening_on(ours) as ear:
        mortal_postgres.stop()
        mortal_postgres.start()
        assert ear.next() == ""
        with closing(open_stores(url, acting=True)) as other:
            other.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
            assert ear.next() == "run-1"
    assert listeners() == []


def test_listening_ends_with_the_stores_also_while_the_server_is_gone(
    mortal_postgres: PostgresServer,
):
    ear = Ear()
    with closing(open_stores(mortal_postgres.new_database(), acting=True)) as stores:
        stores.listen(ear)
        assert ear.next() == ""
        mortal_postgres.stop()
    assert listeners() == []


def test_a_loop_that_has_ended_does_no_harm(two: tuple[Stores, Stores]):
    ours, other = two
    heard = Ear()

    def closed(run: str) -> None:
        heard(run)
        raise RuntimeError("Event loop is closed")

    stop = ours.listen(closed)
    assert heard.next() == ""
    other.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
    assert heard.next() == "run-1"
    stop()
