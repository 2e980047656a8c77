"""A PostgreSQL server that is there and changed, or odd: what a store says, and that it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from storage import migrate
from storage.database import Database
from storage.records import Draft, StorageDown, StorageRefusal, Stores
from storage.stores import open_stores
from storage.tables import HOLDINGS
from tests.contract.postgres import PostgresServer, pgbouncer

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DRAFTS = [Draft("ORDERED", NOW, "U1")]


@dataclass
class Served:
    """A database with our tables, used by somebody who owns nothing; and its administrator."""

    server: PostgresServer
    name: str
    user: str

    @property
    def url(self) -> str:
        return self.server.url(self.name).replace("hotfix@", f"{self.user}@")

    def administer(self, *statements: str) -> None:
        with self.server.connect(self.name) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def end_sessions(self) -> None:
        """As a restart of the server, or of what stands before it, does."""
        with self.server.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                [self.name],
            )


@pytest.fixture
def served(postgres: PostgresServer) -> Iterator[Served]:
    url = postgres.new_database()
    open_stores(url, acting=True).close()
    name = url.partition("@/")[2].partition("?")[0]
    made = Served(postgres, name, f"user_of_{name}")
    made.administer(
        f"CREATE ROLE {made.user} LOGIN",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {made.user}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {made.user}",
    )
    yield made
    made.end_sessions()
    made.administer(f"DROP OWNED BY {made.user}", f"DROP ROLE {made.user}")


def append(stores: Stores) -> None:
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=len(stores.journal.read("run-1")))


def acquire(stores: Stores) -> None:
    stores.leases.acquire("group:g", "me", ttl_s=0.0, now=NOW)


def try_out(stores: Stores) -> None:
    stores.try_out()


# ------------------------------------------------------------------- changed under our hands

CHANGES = {
    "a right is taken away": (
        "REVOKE UPDATE ON leases FROM {user}",
        "GRANT UPDATE ON leases TO {user}",
        "permission denied",
        acquire,
    ),
    "no record may be written": (
        "REVOKE INSERT ON journal FROM {user}",
        "GRANT INSERT ON journal TO {user}",
        "permission denied",
        append,
    ),
    "a table has another name": (
        "ALTER TABLE leases RENAME TO leases_",
        "ALTER TABLE leases_ RENAME TO leases",
        "does not exist",
        acquire,
    ),
    "a column has another name": (
        "ALTER TABLE leases RENAME holder TO holder_",
        "ALTER TABLE leases RENAME holder_ TO holder",
        "does not exist",
        acquire,
    ),
    "the schema is shut": (
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "does not exist",
        acquire,
    ),
    "sessions begin read-only": (
        "ALTER ROLE {user} SET default_transaction_read_only = on",
        "ALTER ROLE {user} RESET default_transaction_read_only",
        "read-only transaction",
        append,
    ),
    "sessions look elsewhere": (
        "ALTER ROLE {user} SET search_path = nowhere",
        "ALTER ROLE {user} RESET search_path",
        "does not exist",
        append,
    ),
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda name: name.replace(" ", "-"))
def test_what_an_administrator_changed_is_down_and_over_once_it_is_put_right(
    served: Served, change: str
):
    spoil, mend, says, call = CHANGES[change]
    with closing(open_stores(served.url, acting=True)) as stores:
        append(stores)
        served.administer(spoil.format(user=served.user))
        served.end_sessions()  # sessions begin as the role says now, and have nothing cached
        for asked in (call, call, try_out):
            with pytest.raises(StorageDown, match=says):
                asked(stores)

        served.administer(mend.format(user=served.user))

        for asked in (try_out, call, append):
            asked(stores)
        assert [record.seq for record in stores.journal.read("run-1")][:2] == [1, 2]


def test_a_mistake_in_a_statement_of_ours_is_not_called_down(served: Served):
    def mistaken(database: Database) -> None:
        with database.read() as session:
            session.execute(text("SELECT 1 FROM"))

    with (
        closing(Database(served.url, acting=True)) as database,
        pytest.raises(Exception, match="syntax error") as raised,
    ):
        mistaken(database)
    assert not isinstance(raised.value, StorageDown)


def test_asking_whether_it_can_be_written_writes_nothing(served: Served):
    def kept() -> list[object]:
        place = text("xmin"), text("ctid")
        with database.read() as session:
            return [list(session.execute(select(*place).select_from(table))) for table in HOLDINGS]

    with (
        closing(open_stores(served.url, acting=True)) as stores,
        closing(Database(served.url, acting=False)) as database,
    ):
        append(stores)
        acquire(stores)
        before = kept()
        stores.try_out()
        assert kept() == before


# -------------------------------------------------------------------------------- a pooler


@pytest.fixture
def pooled(served: Served) -> Iterator[str]:
    """Each transaction gets a session that nobody had before."""
    with pgbouncer(served.server, served.user) as url:
        yield url(served.name)


def test_behind_a_pooler_nothing_rests_on_a_session(pooled: str):
    with closing(open_stores(pooled, acting=True)) as stores, ThreadPoolExecutor(4) as pool:
        looks: list[Callable[[], object]] = [stores.journal.runs, stores.inbox.waiting]
        looking = [pool.submit(look) for look in looks * 20]
        for _ in range(20):
            append(stores)
        for looked in looking:
            looked.result(60)
        stores.try_out()
        assert len(stores.journal.read("run-1")) == 20


def test_behind_a_pooler_every_transaction_that_writes_is_durable_and_waits_for_no_lock_for_ever(
    pooled: str,
):
    with closing(Database(pooled, acting=True)) as database:
        for _ in range(3):
            with database.write() as session:
                assert session.scalar(text("SHOW synchronous_commit")) == "on"
                assert session.scalar(text("SHOW lock_timeout")) == "10s"
                assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"


# -------------------------------------------------------------------------- of another kind


def encoded(postgres: PostgresServer, encoding: str) -> str:
    """Make a database that keeps text like that, and return its name."""
    name = f"in_{encoding.lower()}"
    with postgres.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C'"
            " TEMPLATE template0".encode()
        )
    return name


def test_a_database_that_does_not_know_what_it_keeps_is_refused(postgres: PostgresServer):
    name = encoded(postgres, "SQL_ASCII")
    for acting in (True, False):
        with pytest.raises(StorageRefusal, match=f"{name} has the encoding SQL_ASCII.*'UTF8'"):
            open_stores(postgres.url(name), acting=acting)
    with pytest.raises(StorageRefusal, match="SQL_ASCII"):
        migrate.upgrade(postgres.url(name))


@pytest.mark.parametrize("pooler", [False, True], ids=["direct", "pooled"])
@pytest.mark.parametrize(
    "setting",
    ["datestyle = 'German'", "client_encoding = 'LATIN1'", "timezone = '<+03>-3'"],
)
def test_what_sessions_begin_with_changes_nothing_that_is_read(
    served: Served, setting: str, pooler: bool
):
    served.administer(f"ALTER ROLE {served.user} SET {setting}")
    drafts = [Draft("ORDERED", NOW, "Zoë 中", {"says": "中"})]
    with ExitStack() as opened:
        address = opened.enter_context(pgbouncer(served.server, served.user)) if pooler else None
        url = address(served.name) if address else served.url
        stores = opened.enter_context(closing(open_stores(url, acting=True)))
        stores.journal.append("run-1", drafts, lease=None, last_seq=0)
        for _ in range(3):
            (record,) = stores.journal.read("run-1")
            assert (record.at, record.by, record.body) == (NOW, "Zoë 中", {"says": "中"})
            served.end_sessions()
