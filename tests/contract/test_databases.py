"""What only a database promises: durability, one acting process, take-over, migrations."""

from __future__ import annotations

import errno
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from engine.errors import RecordSpoilt
from engine.fold import RunState
from storage import migrate
from storage.database import BUSY_S, Database
from storage.journal import due_runs
from storage.leases import refuse_lost
from storage.records import (
    HOUSE,
    UNREADABLE,
    DatabaseInUse,
    Draft,
    InboxRow,
    NewerDatabase,
    RunRow,
    StorageDown,
    StorageRefusal,
    StreamMoved,
    WordWaiting,
)
from storage.stores import open_stores
from storage.tables import METADATA
from tests.contract.places import DatabasePlace
from tests.contract.postgres import PostgresServer
from tests.contract.test_stores import assert_chained

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
DRAFTS = [Draft("ORDERED", NOW, "U1")]


@contextmanager
def writer(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that appends as fast as it can; killed at the end if it still lives."""
    command = [sys.executable, "-m", "tests.contract.writer", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(process: subprocess.Popen[str], count: int) -> int:
    """Wait for so many appends and return the last seq that was acknowledged."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    return int(lines[-1])


def file_of(place: DatabasePlace) -> Path:
    return Path(place.url.removeprefix("sqlite:///"))


def run_sql(place: DatabasePlace, *statements: str) -> None:
    with (
        closing(Database(place.url, acting=True)) as database,
        database.alter() as connection,
    ):
        for statement in statements:
            connection.execute(text(statement))


# ---------------------------------------------------------------- durability


def test_sqlite_writes_through_to_the_disk(sqlite: DatabasePlace):
    sqlite.open().close()
    with closing(Database(sqlite.url, acting=True)) as database:
        for opened in (database.write, database.read):
            with opened() as session:
                assert session.scalar(text("PRAGMA synchronous")) == 2
                assert session.scalar(text("PRAGMA journal_mode")) == "wal"
                assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_sqlite_has_a_writer_from_the_first_statement_on(sqlite: DatabasePlace):
    sqlite.open().close()
    with closing(Database(sqlite.url, acting=True)) as database, database.write() as session:
        session.scalar(text("SELECT 1"))
        with (
            closing(sqlite3.connect(file_of(sqlite), timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")


def test_postgres_commits_durably_on_a_server_that_does_not(postgres: PostgresServer):
    database = Database(postgres.new_database(), acting=True)
    with closing(database), database.write() as session:
        assert session.scalar(text("SHOW synchronous_commit")) == "on"
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"


@pytest.mark.parametrize("appends", [1, 7, 40])
def test_a_writer_killed_in_the_middle_leaves_a_whole_prefix(database: DatabasePlace, appends: int):
    with writer(database.url) as process:
        last = acknowledged(process, appends)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    stores = database.open()
    records = stores.journal.read("run-1")
    assert len(records) >= last
    assert len(records) % 2 == 0
    assert_chained(records)
    assert_chained(stores.journal.read(HOUSE))
    assert len(stores.journal.read(HOUSE)) * 2 == len(records)
    row = stores.journal.run("run-1")
    assert row is not None
    assert row.last_seq == len(records)
    assert [waiting.key for waiting in stores.inbox.waiting()] in ([], [f"w{len(records)}"])


# -------------------------------------------------------- one acting process


def test_a_second_acting_process_is_refused_and_told_who_has_it(sqlite: DatabasePlace):
    with writer(sqlite.url) as process:
        acknowledged(process, 1)
        with pytest.raises(DatabaseInUse, match=rf"hotfix\.db .*process {process.pid}$"):
            sqlite.open()
        with pytest.raises(DatabaseInUse):
            migrate.upgrade(sqlite.url)
        process.kill()
        process.wait(10)
        sqlite.open()


def test_a_second_opening_in_the_same_process_is_refused_too(sqlite: DatabasePlace):
    stores = sqlite.open()
    with pytest.raises(DatabaseInUse, match=str(os.getpid())):
        sqlite.open()
    stores.close()
    sqlite.open()


def test_the_holder_named_is_the_present_one(sqlite: DatabasePlace):
    file_of(sqlite).with_name("hotfix.db.lock").write_text("123456789\n")
    sqlite.open()
    with pytest.raises(DatabaseInUse, match=rf"process {os.getpid()}$"):
        sqlite.open()


@pytest.mark.parametrize("then", ["nobody", "another"])
def test_a_process_whose_lock_was_removed_is_down_and_another_may_act(
    sqlite: DatabasePlace, then: str
):
    """People take a lock for a stale one, and remove it under the service that has it."""
    first = sqlite.open()
    first.journal.append("run-1", [Draft("ORDERED", NOW, "U1")], lease=None, last_seq=0)
    file_of(sqlite).with_name("hotfix.db.lock").unlink()
    second = sqlite.open() if then == "another" else None

    calls: list[Callable[[], object]] = [
        lambda: first.journal.read("run-1"),
        lambda: first.inbox.put(InboxRow("w", None, "halt", {}, NOW)),
        first.try_out,
    ]
    for call in calls:
        with pytest.raises(StorageDown, match=r"hotfix\.db\.lock was taken away"):
            call()
    if second is not None:
        assert second.inbox.waiting() == []
        second.try_out()
    first.close()
    if second is None:
        assert len(sqlite.open().journal.read("run-1")) == 1


def test_another_name_of_the_file_is_the_same_database(sqlite: DatabasePlace, tmp_path: Path):
    sqlite.open()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(DatabaseInUse):
        open_stores(f"sqlite:///{tmp_path}/link/hotfix.db", acting=True)


def test_a_failed_opening_leaves_no_lock(sqlite: DatabasePlace):
    sqlite.open().close()
    run_sql(sqlite, "UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(NewerDatabase):
            sqlite.open()


def test_the_command_line_reads_and_hears_beside_the_acting_process(sqlite: DatabasePlace):
    with writer(sqlite.url) as process:
        acknowledged(process, 3)
        beside = sqlite.open(acting=False)
        assert len(beside.journal.read("run-1")) >= 3
        assert beside.inbox.put(InboxRow("halt:1", None, "halt", {}, NOW))
        acknowledged(process, 3)
    assert [row.key for row in beside.inbox.waiting() if row.kind == "halt"] == ["halt:1"]


def test_who_does_not_act_writes_nothing_but_words(database: DatabasePlace):
    database.open().close()
    beside = database.open(acting=False)
    beside.inbox.put(InboxRow("w", None, "halt", {}, NOW))
    refused = [
        lambda: beside.journal.append("run-1", DRAFTS, lease=None, last_seq=0),
        lambda: beside.leases.acquire("group:g", "me", ttl_s=60, now=NOW),
        lambda: beside.inbox.drop("w"),
        lambda: beside.evidence.keep(b""),
    ]
    for act in refused:
        with pytest.raises(StorageRefusal, match="not to act"):
            act()
    assert len(beside.inbox.waiting()) == 1


def test_the_files_are_for_their_owner_alone(sqlite: DatabasePlace):
    sqlite.open().journal.append("run-1", DRAFTS, lease=None, last_seq=0)
    files = sorted(file_of(sqlite).parent.glob("hotfix.db*"))
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


# ----------------------------------------------------------------- take-over


def test_the_lock_proves_the_former_process_dead_so_its_lease_is_free(sqlite: DatabasePlace):
    with writer(sqlite.url) as process:
        acknowledged(process, 1)
        process.kill()
        process.wait(10)
        stores = sqlite.open()
        dead = stores.leases.current("group:g")
        assert dead is not None
        assert dead.epoch == 1

        lease = stores.leases.acquire("group:g", "writer", ttl_s=60, now=NOW)

        assert lease is not None
        assert lease.epoch == 2
        other = stores.leases.acquire("group:g", "another", ttl_s=60, now=NOW)
        assert other is None


def test_opening_without_the_lock_frees_no_lease(sqlite: DatabasePlace):
    lease = sqlite.open().leases.acquire("group:g", "worker-1", ttl_s=60, now=NOW)
    assert sqlite.open(acting=False).leases.current("group:g") == lease


def test_on_postgres_nobody_knows_who_is_dead_before_the_lease_ends(postgres: PostgresServer):
    place = DatabasePlace("postgres", postgres.new_database(), shared=True)
    with writer(place.url) as process:
        acknowledged(process, 1)
        process.kill()
        process.wait(10)
    with closing(place.open()) as stores:
        assert stores.leases.acquire("group:g", "another", ttl_s=60, now=NOW) is None


def test_on_postgres_the_time_of_the_database_decides(postgres: PostgresServer):
    with closing(open_stores(postgres.new_database(), acting=True)) as stores:
        lease = stores.leases.acquire("group:g", "worker-1", ttl_s=60, now=NOW)
        assert lease is not None
        ahead = NOW + timedelta(days=4000)
        assert stores.leases.acquire("group:g", "worker-2", ttl_s=60, now=ahead) is None
        assert stores.leases.renew(lease, ttl_s=60, now=ahead).expires_at < ahead


def test_a_take_over_waits_for_the_append_under_way(postgres: PostgresServer):
    url = postgres.new_database()
    with (
        closing(open_stores(url, acting=True)) as other,
        closing(Database(url, acting=True)) as database,
        ThreadPoolExecutor() as pool,
    ):
        lease = other.leases.acquire("group:g", "worker-1", ttl_s=0, now=NOW)
        assert lease is not None
        with database.write() as session:
            refuse_lost(session, lease, shared=True)
            taking = pool.submit(other.leases.acquire, "group:g", "worker-2", ttl_s=60, now=NOW)
            assert_still_waiting(taking.done)
        taken = taking.result(10)
        assert taken is not None
        assert taken.epoch == 2


def test_a_word_waits_for_the_append_under_way(postgres: PostgresServer):
    url = postgres.new_database()
    with (
        closing(open_stores(url, acting=False)) as other,
        closing(Database(url, acting=True)) as database,
        ThreadPoolExecutor() as pool,
    ):
        with database.write() as session:
            database.lock(session, ["run-1"])
            hearing = pool.submit(other.inbox.put, InboxRow("w", "run-1", "halt", {}, NOW))
            assert other.inbox.put(InboxRow("v", "run-2", "halt", {}, NOW))
            assert_still_waiting(hearing.done)
        assert hearing.result(10)


def test_what_belongs_to_no_run_waits_for_an_append_that_looks_at_it(postgres: PostgresServer):
    url = postgres.new_database()
    looking, go_on = threading.Event(), threading.Event()

    def look(_: InboxRow) -> bool:
        looking.set()
        return not go_on.wait(10)

    with (
        closing(open_stores(url, acting=True)) as acting,
        closing(open_stores(url, acting=False)) as other,
        ThreadPoolExecutor() as pool,
    ):
        acting.inbox.put(InboxRow("order", None, "order", {}, NOW))
        appending = pool.submit(
            acting.journal.append, "run-1", DRAFTS, lease=None, last_seq=0, unless=look
        )
        assert looking.wait(10)
        hearing = pool.submit(other.inbox.put, InboxRow("f", None, "freeze", {}, NOW))
        assert_still_waiting(hearing.done)
        go_on.set()
        assert hearing.result(10)
        assert len(appending.result(10)) == 1


def assert_still_waiting(done: object) -> None:
    threading.Event().wait(0.3)
    assert callable(done)
    assert not done()


# ---------------------------------------------------------------- migrations


def test_the_tables_are_what_the_migrations_make(database: DatabasePlace):
    database.open().close()
    with (
        closing(Database(database.url, acting=True)) as opened,
        opened.alter() as connection,
    ):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_revisions_named_are_the_revisions_there():
    config = Config()
    config.set_main_option("script_location", str(ROOT / "storage" / "migrations"))
    script = ScriptDirectory.from_config(config)
    there = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(there)) == migrate.REVISIONS
    assert script.get_heads() == [migrate.REVISIONS[-1]]


@pytest.mark.parametrize("acting", [True, False])
def test_a_database_of_a_newer_version_is_refused(database: DatabasePlace, acting: bool):
    database.open().close()
    run_sql(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabase, match="9999"):
        database.open(acting=acting)
    with pytest.raises(NewerDatabase):
        migrate.upgrade(database.url)


def test_only_an_acting_process_upgrades(database: DatabasePlace, monkeypatch: pytest.MonkeyPatch):
    database.open().close()
    run_sql(database, "UPDATE alembic_version SET version_num = '0000'")
    monkeypatch.setattr(migrate, "REVISIONS", ("0000", *migrate.REVISIONS))
    with pytest.raises(StorageRefusal, match="db upgrade"):
        database.open(acting=False)


def test_upgrading_twice_changes_nothing(database: DatabasePlace):
    assert migrate.upgrade(database.url) == (None, migrate.REVISIONS[-1])
    stores = database.open()
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
    stores.close()
    assert migrate.upgrade(database.url) == (migrate.REVISIONS[-1],) * 2
    assert len(database.open().journal.read("run-1")) == 1


def test_a_database_of_the_first_revision_gets_an_id_and_loses_nothing(database: DatabasePlace):
    stores = database.open()
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
    stores.close()
    run_sql(
        database,
        "DROP TABLE identity",
        "ALTER TABLE leases DROP COLUMN life_s",
        "UPDATE alembic_version SET version_num = '0001'",
    )

    with pytest.raises(StorageRefusal, match="db upgrade"):
        database.open(acting=False)
    assert migrate.upgrade(database.url) == ("0001", migrate.REVISIONS[-1])
    stores = database.open()
    assert len(stores.journal.read("run-1")) == 1
    assert re.fullmatch("[0-9a-f]{16}", stores.identity.id)


def test_a_failed_migration_leaves_nothing_behind(
    database: DatabasePlace, monkeypatch: pytest.MonkeyPatch
):
    def fails(connection: Connection) -> None:
        run_alembic(connection)
        raise RuntimeError("in the middle")

    run_alembic = migrate._run_alembic
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "_run_alembic", fails)
        with pytest.raises(RuntimeError, match="middle"):
            database.open()
    with closing(Database(database.url, acting=True)) as opened:
        assert migrate.stored_revision(opened) is None
    database.open()


def test_many_first_openings_make_one_schema(postgres: PostgresServer):
    place = DatabasePlace("postgres", postgres.new_database(), shared=True)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: place.open(acting=False), range(4)))
    assert all(list(stores.journal.runs()) == [] for stores in opened)
    place.close()


def test_reading_makes_no_tables_in_a_file_that_has_none(sqlite: DatabasePlace):
    file_of(sqlite).touch()
    with pytest.raises(StorageRefusal, match="is no database of Hotfix Bot: it is empty"):
        sqlite.open(acting=False)
    assert file_of(sqlite).read_bytes() == b""

    with closing(Database(sqlite.url, acting=True)) as made, made.read() as session:
        assert session.scalar(text("PRAGMA user_version")) == 0
    with pytest.raises(StorageRefusal, match="is no database of Hotfix Bot: it is empty"):
        sqlite.open(acting=False)
    assert migrate.upgrade(sqlite.url)[0] is None


@pytest.mark.parametrize("table", ["mine", "journal"])
def test_a_file_of_another_program_is_left_as_it_is(sqlite: DatabasePlace, table: str):
    with closing(sqlite3.connect(file_of(sqlite))) as other, other:
        other.execute(f"CREATE TABLE {table} (x)")
    before = file_of(sqlite).read_bytes()
    says = rf"no database of Hotfix Bot: it is not empty, .*\({table}\)"
    with pytest.raises(StorageRefusal, match=says):
        sqlite.open(acting=False)
    assert file_of(sqlite).read_bytes() == before
    assert [path.name for path in file_of(sqlite).parent.iterdir()] == ["hotfix.db"]
    with pytest.raises(StorageRefusal, match=says):
        migrate.upgrade(sqlite.url)
    with closing(sqlite3.connect(file_of(sqlite))) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [(table,)]


def test_a_start_with_a_current_schema_does_not_import_alembic(database: DatabasePlace):
    program = (
        "import sys; from storage.stores import open_stores\n"
        "open_stores(sys.argv[1], acting=True).close()\n"
        "print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", program, database.url]
    printed = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]
    assert printed == ["True", "False"]


def test_the_plain_words_of_the_schema_know_a_second_occupant(database: DatabasePlace):
    """The index refuses even what slipped past the look before it."""
    stores = database.open()
    index = RunRow("run-1", "g", "install", open=True, occupies=True, wake_at=None)
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0, index=index)
    stores.close()
    with pytest.raises(Exception, match=r"(?i)unique"):
        run_sql(
            database,
            'INSERT INTO runs (id, "group", kind, open, occupies, last_seq)'
            " SELECT 'run-2', \"group\", kind, open, occupies, last_seq FROM runs",
        )


def test_due_runs_are_found_by_their_index(sqlite: DatabasePlace):
    sqlite.open().close()
    with closing(Database(sqlite.url, acting=True)) as database, database.read() as session:
        bind = session.get_bind()
        query = due_runs(NOW).compile(bind, compile_kwargs={"literal_binds": False})
        values = tuple(query.construct_params().values())
        sql = f"EXPLAIN QUERY PLAN {query}"
        plan = session.connection().exec_driver_sql(sql, tuple(map(str, values)))
        assert any("USING INDEX runs_due" in row[3] for row in plan)


# ----------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://", "names a file"),
        ("sqlite:///:memory:", "names a file"),
        ("sqlite:////nowhere/at/all/hotfix.db", "does not exist"),
        ("mysql://root:secret@host/hotfix", "mysql is not supported"),
        ("postgres", "cannot be read"),
        ("sqlite:////usr", "Is a directory"),
        ("postgresql+psycopg://nobody@localhost/none?nonsense=3", "nonsense"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, says: str):
    with pytest.raises(StorageRefusal, match=says) as refusal:
        open_stores(url, acting=True)
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_no_database_is_refused(sqlite: DatabasePlace):
    file_of(sqlite).write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageRefusal, match="is no SQLite database"):
        sqlite.open()


def test_a_server_that_is_not_there_is_a_refusal(postgres: PostgresServer):
    with pytest.raises(StorageRefusal, match="cannot be opened"):
        open_stores(postgres.url("nothing"), acting=True)


def test_a_taken_row_names_the_record_that_took_it(database: DatabasePlace):
    stores = database.open()
    stores.inbox.put(InboxRow("w1", "run-1", "halt", {}, NOW))
    stores.inbox.put(InboxRow("w2", "run-1", "halt", {}, NOW))
    stores.journal.append("run-1", DRAFTS * 3, lease=None, last_seq=0, take=["w1"])
    stores.inbox.drop("w2", seq=2)
    stores.close()
    with closing(Database(database.url, acting=False)) as opened, opened.read() as session:
        rows = session.connection().execute(text("SELECT key, taken_seq FROM inbox ORDER BY key"))
        assert [tuple(row) for row in rows] == [("w1", 3), ("w2", 2)]


def test_a_stream_still_moves_on_after_a_refusal(database: DatabasePlace):
    stores = database.open()
    for seq in range(30):
        with pytest.raises(StreamMoved):
            stores.journal.append("run-1", DRAFTS, lease=None, last_seq=seq + 1)
        stores.journal.append("run-1", DRAFTS, lease=None, last_seq=seq)
    assert_chained(stores.journal.read("run-1"))


@pytest.mark.parametrize("cell", ["body = 'x'", "body = X'00'", "at = 'yesterday'", "body = '[]'"])
def test_a_word_that_somebody_spoilt_hides_no_other(sqlite: DatabasePlace, cell: str):
    stores = sqlite.open()
    for name in ("w1", "w2", "w3"):
        stores.inbox.put(InboxRow(name, "run-1", "word", {"verb": "halt"}, NOW))
    with closing(sqlite3.connect(file_of(sqlite))) as other, other:
        other.execute("UPDATE inbox SET CELL WHERE key = 'w2'".replace("CELL", cell))

    found = {row.key: row.kind for row in stores.inbox.waiting(run="run-1")}
    assert found == {"w1": "word", "w2": UNREADABLE, "w3": "word"}
    with pytest.raises(WordWaiting):
        stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0, no_word_for="run-1")
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0, take=["w1", "w2", "w3"])
    assert stores.inbox.waiting() == []


def test_a_run_that_somebody_spoilt_hides_no_other(sqlite: DatabasePlace):
    stores = sqlite.open()
    for run in ("run-1", "run-2"):
        index = RunRow(run, run, "install", open=True, occupies=True, wake_at=NOW)
        stores.journal.append(run, DRAFTS, lease=None, last_seq=0, index=index)
    with closing(sqlite3.connect(file_of(sqlite))) as other, other:
        other.execute("UPDATE runs SET wake_at = 'soon', last_seq = 'x' WHERE id = 'run-1'")
        other.execute("UPDATE journal SET at = 'yesterday' WHERE stream = 'run-1'")

    assert {row.id: row.last_seq for row in stores.journal.runs()} == {"run-1": -1, "run-2": 1}
    assert [row.id for row in stores.journal.due(NOW)] == ["run-2"]
    (record,) = stores.journal.read("run-1")
    assert record.hash == ""
    with pytest.raises(RecordSpoilt, match="record 1 of run-1"):
        RunState.replay([record])


def test_another_file_is_no_database_and_gets_no_lock_beside_it(tmp_path: Path):
    file = tmp_path / "hotfix.toml"
    file.write_text("[slack]\n")
    for acting in (True, False):
        with pytest.raises(StorageRefusal, match=r"hotfix\.toml is no SQLite database"):
            open_stores(f"sqlite:///{file}", acting=acting)
    assert [path.name for path in tmp_path.iterdir()] == ["hotfix.toml"]
    assert file.read_text() == "[slack]\n"


def test_a_file_of_another_user_is_a_refusal(
    sqlite: DatabasePlace, monkeypatch: pytest.MonkeyPatch
):
    """As the system says it; whoever runs the tests may be root, to whom nothing is refused."""
    sqlite.open().close()
    really = os.open

    def refused(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path) == file_of(sqlite):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really(path, flags, mode)

    monkeypatch.setattr(os, "open", refused)
    for acting in (True, False):
        with pytest.raises(StorageRefusal, match=r"cannot be used: Permission denied .*hotfix\.db"):
            open_stores(sqlite.url, acting=acting)


def test_a_file_that_may_only_be_read_is_read_whole(
    sqlite: DatabasePlace, monkeypatch: pytest.MonkeyPatch
):
    """As the system says it; whoever runs the tests may be root, to whom nothing is refused."""
    stores = sqlite.open()
    monkeypatch.setattr(os, "access", lambda *_: False)
    stores.journal.append("run-1", DRAFTS, lease=None, last_seq=0)
    beside = sqlite.open(acting=False)
    assert len(beside.journal.read("run-1")) == 1
    with pytest.raises(StorageDown, match="readonly"):
        beside.inbox.put(InboxRow("w", None, "halt", {}, NOW))
    beside.close()
    stores.close()

    before = sorted(file_of(sqlite).parent.iterdir())
    copy = sqlite.open(acting=False)
    assert len(copy.journal.read("run-1")) == 1
    assert sorted(file_of(sqlite).parent.iterdir()) == before


def test_a_full_disk_is_a_refusal_and_leaves_no_lock_held(
    sqlite: DatabasePlace, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StorageRefusal, match="No space left"):
            migrate.upgrade(sqlite.url)
    sqlite.open()


def test_a_file_that_somebody_keeps_to_himself_is_told_within_one_limit(
    sqlite: DatabasePlace, monkeypatch: pytest.MonkeyPatch
):
    sqlite.open().close()
    monkeypatch.setattr("storage.database.OPEN_S", 0.3)
    with closing(sqlite3.connect(file_of(sqlite), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(StorageRefusal, match="cannot be opened: database is locked"):
            sqlite.open()
        assert time.monotonic() - began < BUSY_S
        other.execute("ROLLBACK")
    sqlite.open()


def test_a_connection_waits_for_other_writers_once_it_is_open(sqlite: DatabasePlace):
    sqlite.open().close()
    with closing(Database(sqlite.url, acting=True)) as database, database.read() as session:
        assert session.scalar(text("PRAGMA busy_timeout")) == BUSY_S * 1000


@pytest.mark.parametrize("lost", ["DROP TABLE alembic_version", "DELETE FROM alembic_version"])
def test_tables_that_lost_their_revision_are_not_made_anew(database: DatabasePlace, lost: str):
    database.open().close()
    run_sql(database, lost)
    for acting in (True, False):
        with pytest.raises(StorageRefusal, match="alembic_version is lost"):
            database.open(acting=acting)
