"""The database is taken away: what a store says then, and that the next call works again."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import database as database_module
from storage import postgres as postgres_module
from storage.records import (
    Delivery,
    Draft,
    InboxRow,
    StorageDown,
    StorageRefusal,
    Stores,
    StreamMoved,
)
from storage.stores import open_stores
from tests.contract.network import Network, wait_for
from tests.contract.places import DatabasePlace
from tests.contract.postgres import PostgresServer

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DRAFTS = [Draft("ORDERED", NOW, "U1")]
LONG = [Draft("SEEN", NOW, "engine", {"text": "x" * 100_000})]


def calls(stores: Stores) -> dict[str, Callable[[], object]]:
    """One call of each way into the database."""
    return {
        "read": lambda: stores.journal.read("run-1"),
        "append": lambda: stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0),
        "index": lambda: stores.journal.runs(),
        "put": lambda: stores.inbox.put(InboxRow("w", "run-1", "halt", {}, NOW)),
        "waiting": lambda: stores.inbox.waiting(),
        "acquire": lambda: stores.leases.acquire("group:g", "me", ttl_s=60, now=NOW),
        "save": lambda: stores.deliveries.save(Delivery("m", "C1", None, "", "sending")),
        "keep": lambda: stores.evidence.keep(b"long"),
    }


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another connection that has the only writer's place."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond what a database has already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_lock_that_is_not_given_back_in_time_is_down(
    sqlite: DatabasePlace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database_module, "BUSY_S", 0.01)
    stores = sqlite.open()
    with locked(Path(sqlite.url.removeprefix("sqlite:///"))):
        for name in ("append", "put", "acquire", "save", "keep"):
            with pytest.raises(StorageDown, match="cannot be used now: database is locked"):
                calls(stores)[name]()
        assert stores.journal.read("run-1") == []

    assert len(stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)) == 1


def test_a_full_disk_is_down_and_leaves_the_stream_as_it_was(sqlite: DatabasePlace):
    stores = sqlite.open()
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
    with full_disk(), pytest.raises(StorageDown, match="disk"):
        stores.journal.append("run-1", LONG, lease=None, last_seq=1)

    assert [record.seq for record in stores.journal.read("run-1")] == [1]
    assert [
        record.seq for record in stores.journal.append("run-1", LONG, lease=None, last_seq=1)
    ] == [2]


def test_a_server_that_is_gone_is_down_and_the_next_call_works_by_itself(
    mortal_postgres: PostgresServer,
):
    with closing(open_stores(mortal_postgres.new_database(), acting=True)) as stores:
        stores.inbox.put(InboxRow("before", "run-2", "halt", {}, NOW))
        mortal_postgres.stop()
        for call in calls(stores).values():
            with pytest.raises(StorageDown, match="cannot be used now"):
                call()

        mortal_postgres.start()

        for call in calls(stores).values():
            call()
        assert [row.key for row in stores.inbox.waiting()] == ["before", "w"]
        assert [record.seq for record in stores.journal.read("run-1")] == [1]


def test_a_server_that_goes_in_the_middle_of_an_append_is_down(mortal_postgres: PostgresServer):
    opened = database_module.Database(mortal_postgres.new_database(), acting=True)

    def interrupted() -> None:
        with opened.write() as session:
            opened.lock(session, ["run-1"])
            mortal_postgres.stop()
            opened.lock(session, ["run-2"])

    with closing(opened), pytest.raises(StorageDown):
        interrupted()


def test_a_server_that_is_reached_and_says_nothing_is_down(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    with (
        Network(postgres.socket) as network,
        closing(open_stores(network.url(postgres.new_database()), acting=True)) as stores,
    ):
        monkeypatch.setattr(postgres_module, "ANSWER_S", 0.1)
        stores.inbox.put(InboxRow("before", "run-2", "halt", {}, NOW))
        with network.cut(), pytest.raises(StorageDown):
            calls(stores)["append"]()
        for call in calls(stores).values():
            call()
        assert [row.key for row in stores.inbox.waiting()] == ["before", "w"]


def test_an_append_whose_answer_is_lost_is_read_and_not_repeated(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    """Nobody knows whether it was written; who looks again finds out, and the chain decides."""
    with (
        Network(postgres.socket) as network,
        closing(open_stores(network.url(postgres.new_database()), acting=True)) as stores,
    ):
        stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
        # Long enough for every answer before the lost one, also on a busy machine.
        with monkeypatch.context() as limited, network.cut_at(b"COMMIT\0"):
            limited.setattr(postgres_module, "ANSWER_S", 3.0)
            with pytest.raises(StorageDown):
                stores.journal.append("run-1", DRAFTS, lease=None, last_seq=1)

        wait_for(lambda: _answers(lambda: len(stores.journal.read("run-1")) == 2))
        with pytest.raises(StreamMoved):
            stores.journal.append("run-1", DRAFTS, lease=None, last_seq=1)


def _answers(ask: Callable[[], bool]) -> bool:
    """Ask; a database that is not back yet says no."""
    try:
        return ask()
    except StorageDown:
        return False


def test_a_lock_on_the_server_is_not_waited_for_for_ever(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    limits = {**postgres_module.SERVER_LIMITS, "lock_timeout": "50ms"}
    monkeypatch.setattr(postgres_module, "SERVER_LIMITS", limits)
    url = postgres.new_database()
    with closing(open_stores(url, acting=True)) as stores:
        other = database_module.Database(url, acting=True)
        with closing(other), other.write() as session:
            other.lock(session, ["run-1"])
            with pytest.raises(StorageDown, match="lock timeout"):
                stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
        assert stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)


def test_who_vanishes_in_a_transaction_does_not_keep_the_others_waiting(
    postgres: PostgresServer,
):
    url = postgres.new_database()
    with closing(open_stores(url, acting=True)) as stores:
        vanished = database_module.Database(url, acting=True)

        def idle() -> None:
            with vanished.write() as session:
                vanished.lock(session, ["run-1"])
                # Shorter for this transaction alone: opening and migrating may take their time.
                session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
                assert stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)

        with closing(vanished), pytest.raises(StorageDown):
            idle()


def test_limits_of_the_server_are_left_where_it_has_some(postgres: PostgresServer):
    url = postgres.new_database()
    with postgres.connect() as connection:
        name = url.partition("@/")[2].partition("?")[0]
        connection.execute(f"ALTER DATABASE {name} SET lock_timeout = '3s'".encode())
    opened = database_module.Database(url, acting=True)
    with closing(opened), opened.read() as session:
        assert session.scalar(text("SHOW lock_timeout")) == "3s"
        assert session.scalar(text("SHOW statement_timeout")) == "20s"
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"


def test_a_refusal_and_a_mistake_of_ours_are_not_called_down(database: DatabasePlace):
    stores = database.open()
    with pytest.raises(StorageRefusal):
        stores.journal.append("run-1", DRAFTS, lease=None, last_seq=7)
    with pytest.raises(ValueError, match="zone"):
        stores.inbox.put(InboxRow("w", None, "halt", {}, NOW.replace(tzinfo=None)))
