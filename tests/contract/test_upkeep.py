"""What an operator does to a whole database: nothing is lost, and nobody acts meanwhile."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from engine.fence import Fence
from engine.gaia.guards import Guard, guarded
from storage import upkeep as upkeep_module
from storage.copying import copy_all
from storage.database import Database
from storage.identity import mark_moved
from storage.records import (
    HOUSE,
    DatabaseInUse,
    Delivery,
    Draft,
    Identity,
    InboxRow,
    Record,
    RunRow,
    StorageDown,
    StorageRefusal,
    Stores,
    Upkeep,
)
from storage.stores import open_stores
from storage.upkeep import open_copy, open_upkeep
from tests.contract.places import DatabasePlace
from tests.contract.postgres import PostgresServer
from tests.contract.test_stores import assert_chained

NOW = datetime(2026, 11, 22, 1, 2, 3, 456, tzinfo=UTC)
ODD = {"text": "a\0b \ud800 ü 🔥", "n": 1.5, "none": None, "list": [1, {"z": 1, "a": 2}]}


def index(run: str, **changes: object) -> RunRow:
    row = RunRow(run, f"group-{run}", "install", open=True, occupies=True, wake_at=NOW)
    return replace(row, **changes)  # type: ignore[arg-type]  # a test's shorthand


def fill(stores: Stores, runs: int = 3, records: int = 4) -> None:
    """Write some of everything, odd texts among it."""
    for number in range(runs):
        run = f"run-{number}"
        lease = stores.leases.acquire(f"group:{number}", "worker", ttl_s=60, now=NOW)
        stores.inbox.put(InboxRow(f"w{number}", run, "halt", ODD, NOW))
        stores.inbox.put(InboxRow(f"v{number}", None, "command", {}, NOW))
        for seq in range(records):
            drafts = [Draft("SEEN", NOW + timedelta(seconds=seq), "ü", ODD)]
            stores.journal.append(run, drafts, lease=lease, last_seq=seq, index=index(run))
        taken = [f"w{number}"]
        stores.journal.append(run, [], lease=lease, last_seq=records, take=taken)
        stores.deliveries.save(Delivery(f"{run}/root", "C1", f"{number}.1", "d", "sent"))
        assert lease is not None
        stores.leases.release(lease)
    stores.journal.append(HOUSE, [Draft("OWED", NOW, "engine")], lease=None, last_seq=0)
    stores.evidence.keep(b"\0\xff" * 5000)


def everything(stores: Stores) -> dict[str, object]:
    journal = stores.journal
    return {
        "records": {stream: list(journal.read(stream)) for stream in journal.streams()},
        "runs": list(journal.runs(open_only=False)),
        "inbox": list(stores.inbox.waiting()),
        "deliveries": list(stores.deliveries.all("")),
        "epochs": [lease and lease.epoch for lease in map(stores.leases.current, leases(stores))],
    }


def leases(stores: Stores) -> list[str]:
    return [f"group:{number}" for number in range(4)]


@contextmanager
def kept(url: str, *, acting: bool = False) -> Iterator[Upkeep]:
    with closing(open_upkeep(url, acting=acting)) as upkeep:
        yield upkeep


@pytest.fixture
def filled(database: DatabasePlace) -> str:
    stores = database.open()
    fill(stores)
    stores.close()
    return database.url


@pytest.fixture
def elsewhere(database: DatabasePlace, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the other kind."""
    if database.shared:
        return f"sqlite:///{tmp_path / 'moved.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


# ----------------------------------------------------------------------- backup


def test_a_backup_while_the_service_writes_holds_one_moment(
    database: DatabasePlace, tmp_path: Path
):
    """The writer goes on between any two rows that are copied."""
    stores = database.open()
    fill(stores)
    before = everything(stores)
    file = tmp_path / "backup.db"
    with kept(database.url) as upkeep:
        rows = upkeep.backup(file)
    stores.journal.append("run-0", [Draft("SEEN", NOW, "U1")], lease=None, last_seq=4)

    assert rows["journal"] == 13
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*backup*")] == ["backup.db"]
    with closing(open_stores(f"sqlite:///{file}", acting=True)) as copy:
        assert everything(copy) == before


def test_a_backup_never_writes_over_a_file(filled: str, tmp_path: Path):
    file = tmp_path / "backup.db"
    file.write_text("precious")
    with kept(filled) as upkeep:
        with pytest.raises(StorageRefusal, match="is there already"):
            upkeep.backup(file)
        with pytest.raises(StorageRefusal, match="does not exist"):
            upkeep.backup(tmp_path / "nowhere" / "backup.db")
    assert file.read_text() == "precious"


def test_a_backup_of_a_shared_database_can_be_moved_back(postgres: PostgresServer, tmp_path: Path):
    url, file = postgres.new_database(), tmp_path / "backup.db"
    with closing(open_stores(url, acting=True)) as stores:
        fill(stores)
        before = everything(stores)
    with kept(url) as upkeep:
        upkeep.backup(file)
    back = postgres.new_database()
    with kept(f"sqlite:///{file}", acting=True) as upkeep:
        upkeep.move(back)
    with closing(open_stores(back, acting=True)) as stores:
        assert everything(stores) == before


@pytest.mark.parametrize("name", ["a?b.db", "a#b.db", "a%41.db", "a b&mode=ro.db"])
def test_a_backup_is_written_and_checked_under_whatever_name_it_gets(
    filled: str, tmp_path: Path, name: str
):
    folder = tmp_path / "copies"
    folder.mkdir()
    with kept(filled) as upkeep:
        rows = upkeep.backup(folder / name)
    assert rows["journal"] == 13
    assert [path.name for path in folder.iterdir()] == [name]
    with closing(open_copy(folder / name)) as copy, copy.snapshot() as now:
        assert len(now.streams()) == 4


def test_checking_a_copy_makes_nothing(tmp_path: Path):
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(StorageRefusal, match="it is empty"):
        open_copy(empty)
    with pytest.raises(StorageRefusal, match="No such file"):
        open_copy(tmp_path / "none.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE something (x)")
    with pytest.raises(StorageRefusal, match="is no database of Hotfix Bot"):
        open_copy(tmp_path / "other.db")
    assert empty.stat().st_size == 0
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "lost",
    [
        "DELETE FROM journal",
        "DELETE FROM journal WHERE stream = 'run-1' AND seq = 4",
        "UPDATE journal SET hash = 'x' WHERE stream = 'run-1' AND seq = 4",
        "DELETE FROM inbox WHERE key = 'v1'",
    ],
)
def test_a_backup_that_holds_less_than_there_was_is_none(
    filled: str, tmp_path: Path, lost: str, monkeypatch: pytest.MonkeyPatch
):
    def lossy(file: Path) -> None:
        forget(file)
        with closing(sqlite3.connect(file)) as copy, copy:
            copy.execute(lost)

    forget = upkeep_module._forget_identity
    monkeypatch.setattr(upkeep_module, "_forget_identity", lossy)
    with (
        kept(filled) as upkeep,
        pytest.raises(StorageRefusal, match=r"in the copy|did not arrive"),
    ):
        upkeep.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_backup_into_a_folder_that_takes_none_is_a_refusal(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(**_: object) -> tuple[int, str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "copy.db")

    monkeypatch.setattr("storage.upkeep.tempfile.mkstemp", refused)
    with kept(filled) as upkeep, pytest.raises(StorageRefusal, match="Permission denied"):
        upkeep.backup(tmp_path / "copy.db")


# ------------------------------------------------------------------------- move


def test_a_move_takes_everything_along_and_the_service_goes_on_there(filled: str, elsewhere: str):
    with closing(open_stores(filled, acting=True)) as stores:
        before = everything(stores)
    with kept(filled, acting=True) as upkeep:
        rows = upkeep.move(elsewhere)

    assert rows == {
        "deliveries": 3,
        "evidence": 1,
        "inbox": 6,
        "journal": 13,
        "leases": 3,
        "runs": 3,
    }
    with closing(open_stores(elsewhere, acting=True)) as stores:
        assert everything(stores) == before
        for stream in stores.journal.streams():
            assert_chained(stores.journal.read(stream))
        lease = stores.leases.acquire("group:0", "worker-2", ttl_s=60, now=NOW)
        assert lease is not None
        assert lease.epoch == 2
        stores.journal.append("run-0", [Draft("DONE", NOW, "U1")], lease=lease, last_seq=4)
        assert_chained(stores.journal.read("run-0"))
        assert stores.inbox.put(InboxRow("new", None, "halt", {}, NOW))
        assert [row.key for row in stores.inbox.waiting()][-1] == "new"


def test_what_was_moved_is_another_database_that_knows_whose_work_it_goes_on_with(
    filled: str, elsewhere: str, tmp_path: Path
):
    first = identity_of(filled)
    with kept(filled, acting=True) as upkeep:
        upkeep.move(elsewhere)
    second = identity_of(elsewhere)
    assert re.fullmatch("[0-9a-f]{16}", second.id)
    assert second.id != first.id
    assert second.heir_of == (first.id,)

    third = f"sqlite:///{tmp_path / 'third.db'}"
    with kept(elsewhere, acting=True) as upkeep:
        upkeep.move(third)
    assert identity_of(third).heir_of == (second.id, first.id)


def identity_of(url: str, *, acting: bool = False) -> Identity:
    with closing(open_stores(url, acting=acting)) as stores:
        return stores.identity


@pytest.mark.parametrize("acting", [True, False], ids=["serve", "halt"])
def test_a_database_that_was_moved_can_be_used_no_more_and_says_where_it_went(
    filled: str, elsewhere: str, acting: bool
):
    with kept(filled, acting=True) as upkeep:
        upkeep.move(elsewhere)

    where = elsewhere.partition("?")[0].rpartition("/")[2]
    with pytest.raises(StorageRefusal, match=rf"was moved to \S+/{where}\b"):
        open_stores(filled, acting=acting)
    with kept(filled) as upkeep, upkeep.snapshot() as now:
        assert HOUSE in now.streams()


def test_whoever_still_has_a_moved_database_open_writes_nothing_into_it(
    postgres: PostgresServer, tmp_path: Path
):
    """It had no connection for a moment, so that the move did not see it."""
    url = postgres.new_database()
    with closing(open_stores(url, acting=True)) as stores:
        fill(stores)
        lease = stores.leases.acquire("group:0", "late", ttl_s=60, now=NOW)
        assert lease is not None
        with closing(Database(url, acting=True)) as other:
            mark_moved(other, "sqlite:////elsewhere.db")
        calls: list[Callable[[], object]] = [
            lambda: stores.inbox.put(InboxRow("stop", "run-0", "word", {}, NOW)),
            lambda: stores.journal.append("run-0", [], lease=lease, last_seq=4),
            lambda: stores.leases.renew(lease, ttl_s=60, now=NOW),
        ]
        for call in calls:
            with pytest.raises(StorageDown, match="was moved to sqlite:////elsewhere"):
                call()


def test_a_move_that_died_leaves_nobody_to_act_and_can_be_made_again(
    filled: str, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Died(BaseException):
        pass

    def dies(_session: object) -> None:
        raise Died

    monkeypatch.setattr("storage.upkeep.refuse_filled", dies)
    monkeypatch.setattr("storage.upkeep.mark_moved", only_marks)
    with kept(filled, acting=True) as upkeep, pytest.raises(Died):
        upkeep.move(elsewhere)
    with pytest.raises(StorageRefusal, match="was moved to"):
        open_stores(filled, acting=True)
    monkeypatch.undo()

    with kept(filled, acting=True) as upkeep:
        with pytest.raises(StorageRefusal, match="was moved to"):
            upkeep.move(f"sqlite:///{tmp_path / 'third.db'}")
        upkeep.move(elsewhere)
    assert identity_of(elsewhere, acting=True).heir_of


def only_marks(database: Database, where: str) -> None:
    """Do as a process that was killed before it could take its mark back."""
    if where:
        mark_moved(database, where)


def test_a_commit_whose_answer_was_lost_leaves_one_database_to_act_on(
    filled: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
):
    write, source = Database.write, Database(filled, acting=False)
    source.close()

    @contextmanager
    def unanswered(database: Database) -> Iterator[Session]:
        with write(database) as session:
            yield session
            arrived = session.scalar(text("SELECT count(*) FROM journal"))
        if arrived and database.shown != source.shown:
            raise StorageDown("the connection broke after the commit")

    monkeypatch.setattr(Database, "write", unanswered)
    with kept(filled, acting=True) as upkeep, pytest.raises(StorageDown, match="after the commit"):
        upkeep.move(elsewhere)
    monkeypatch.undo()

    with pytest.raises(StorageRefusal, match="was moved to"):
        open_stores(filled, acting=True)
    with closing(open_stores(elsewhere, acting=True)) as stores:
        assert stores.journal.read("run-0")


def test_a_move_that_was_refused_leaves_the_old_database_as_it_was(filled: str, elsewhere: str):
    with closing(open_stores(elsewhere, acting=True)) as stores:
        stores.inbox.put(InboxRow("w", None, "halt", {}, NOW))
    before = identity_of(filled)
    with kept(filled, acting=True) as upkeep, pytest.raises(StorageRefusal, match="not empty"):
        upkeep.move(elsewhere)
    assert identity_of(filled, acting=True) == before


def test_a_backup_is_no_database_until_somebody_acts_on_it_and_then_another_one(
    filled: str, tmp_path: Path
):
    copies = [tmp_path / "one.db", tmp_path / "two.db"]
    with kept(filled) as upkeep:
        upkeep.backup(copies[0])
    shutil.copy(copies[0], copies[1])
    urls = [f"sqlite:///{copy}" for copy in copies]
    assert [identity_of(url).id for url in urls] == ["", ""]

    ids = {identity_of(filled).id, *(identity_of(url, acting=True).id for url in urls)}

    assert len(ids) == 3
    assert "" not in ids
    assert identity_of(urls[0]) == identity_of(urls[0], acting=True)
    assert identity_of(urls[0]).heir_of == ()


def test_what_was_moved_and_is_lost_there_can_be_used_from_a_backup(
    filled: str, elsewhere: str, tmp_path: Path
):
    with kept(filled, acting=True) as upkeep:
        upkeep.move(elsewhere)
    with kept(filled) as upkeep:
        upkeep.backup(tmp_path / "back.db")
    with closing(open_stores(f"sqlite:///{tmp_path / 'back.db'}", acting=True)) as stores:
        assert stores.journal.read("run-0")


def test_a_move_to_the_same_words_in_another_folder_makes_no_second_heir(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with kept(filled, acting=True) as upkeep:
        monkeypatch.chdir(tmp_path / "a")
        upkeep.move("sqlite:///new.db")
        monkeypatch.chdir(tmp_path / "b")
        with pytest.raises(StorageRefusal, match=f"was moved to .*{tmp_path / 'a' / 'new.db'}"):
            upkeep.move("sqlite:///new.db")


def test_a_move_there_and_back_changes_nothing(filled: str, elsewhere: str, tmp_path: Path):
    with closing(open_stores(filled, acting=True)) as stores:
        before = everything(stores)
    with kept(filled, acting=True) as upkeep:
        upkeep.move(elsewhere)
    back = f"sqlite:///{tmp_path / 'back.db'}"
    with kept(elsewhere, acting=True) as upkeep:
        upkeep.move(back)
    with closing(open_stores(back, acting=True)) as returned:
        assert everything(returned) == before


def test_a_move_into_a_database_that_holds_anything_is_refused(filled: str, elsewhere: str):
    with closing(open_stores(elsewhere, acting=True)) as stores:
        stores.inbox.put(InboxRow("w", None, "halt", {}, NOW))
    with kept(filled, acting=True) as upkeep, pytest.raises(StorageRefusal, match="not empty"):
        upkeep.move(elsewhere)
    with closing(open_stores(elsewhere, acting=True)) as stores:
        assert stores.journal.streams() == []
        assert [row.key for row in stores.inbox.waiting()] == ["w"]


def test_a_move_onto_itself_is_refused(filled: str):
    before = identity_of(filled)
    same = pytest.raises(StorageRefusal, match="is this same one")
    with kept(filled, acting=True) as upkeep, same:
        upkeep.move(filled)
    assert identity_of(filled, acting=True) == before


def test_a_refused_move_leaves_no_new_file(filled: str, tmp_path: Path, elsewhere: str):
    with kept(filled, acting=True) as upkeep:
        upkeep.move(elsewhere)
        before = sorted(tmp_path.iterdir())
        with pytest.raises(StorageRefusal, match="was moved to"):
            upkeep.move(f"sqlite:///{tmp_path / 'second.db'}")
        assert sorted(tmp_path.iterdir()) == before


def test_a_move_from_under_an_acting_process_is_refused(sqlite: DatabasePlace):
    sqlite.open()
    with pytest.raises(DatabaseInUse):
        open_upkeep(sqlite.url, acting=True)


def test_a_shared_database_is_moved_only_when_nobody_is_connected(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.upkeep.GONE_TRIES", 2)
    url, there = postgres.new_database(), f"sqlite:///{tmp_path / 'moved.db'}"
    with kept(url, acting=True) as upkeep:
        with closing(open_stores(url, acting=True)) as stores:
            with pytest.raises(StorageRefusal, match="other connections"):
                upkeep.move(there)
            lease = stores.leases.acquire("group:g", "worker-1", ttl_s=60, now=NOW)
            assert lease is not None
            with pytest.raises(StorageRefusal, match="worker-1 holds group:g"):
                upkeep.move(there)
            stores.leases.release(lease)
        monkeypatch.undo()
        assert upkeep.move(there)["leases"] == 1


def test_what_does_not_arrive_as_it_was_leaves_the_other_database_empty(
    filled: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
):
    def lossy(here, there):
        copy_all(here, there)
        there.connection().exec_driver_sql("DELETE FROM inbox WHERE key = 'w1'")

    monkeypatch.setattr("storage.upkeep.copy_all", lossy)
    with kept(filled, acting=True) as upkeep:
        with pytest.raises(StorageRefusal, match="did not arrive as it was"):
            upkeep.move(elsewhere)
        monkeypatch.undo()
        upkeep.move(elsewhere)


# ------------------------------------------------------------------ index, pruning


def folded(records: Sequence[Record]) -> RunRow:
    return index(records[0].stream, last_seq=records[-1].seq, wake_at=None)


def test_the_index_is_made_anew_from_the_journal(filled: str):
    def all_but_one(records: Sequence[Record]) -> RunRow | None:
        return None if records[0].stream == "run-1" else folded(records)

    with kept(filled, acting=True) as upkeep:
        assert upkeep.reindex(all_but_one) == 2
        with upkeep.snapshot() as now:
            assert [(row.id, row.wake_at) for row in now.runs()] == [
                ("run-0", None),
                ("run-1", NOW),
                ("run-2", None),
            ], "what the index says of a run that cannot be read stays"
        assert upkeep.reindex(folded) == 3
        with upkeep.snapshot() as now:
            assert [(row.id, row.last_seq, row.wake_at) for row in now.runs()] == [
                (f"run-{number}", 4, None) for number in range(3)
            ]


def test_an_index_that_cannot_be_made_leaves_the_old_one(filled: str):
    def fails(records: Sequence[Record]) -> RunRow:
        if records[0].stream == "run-2":
            raise StorageRefusal("cannot be folded")
        return folded(records)

    with kept(filled, acting=True) as upkeep:
        with pytest.raises(StorageRefusal, match="cannot be folded"):
            upkeep.reindex(fails)
        with upkeep.snapshot() as now:
            assert [row.wake_at for row in now.runs()] == [NOW] * 3


def test_the_index_is_not_made_under_a_lease(postgres: PostgresServer):
    url = postgres.new_database()
    with closing(open_stores(url, acting=True)) as stores, kept(url, acting=True) as upkeep:
        lease = stores.leases.acquire("group:g", "worker-1", ttl_s=60, now=NOW)
        assert lease is not None
        with pytest.raises(StorageRefusal, match="worker-1 holds group:g"):
            upkeep.reindex(folded)
        stores.leases.release(lease)
        assert upkeep.reindex(folded) == 0


def test_pruning_takes_what_was_told_and_taken_and_never_a_record(filled: str):
    with closing(open_stores(filled, acting=True)) as stores:
        stores.deliveries.save(Delivery("run-1/gate", "C1", "9.9", "d", "sent"))
        stores.deliveries.save(Delivery("run-10/root", "C1", "9.8", "d", "sent"))
        for key in ("look:a/2026-03-02", "look:a/2026-03-03", "look:a b/2026-03-02"):
            stores.deliveries.save(Delivery(key, "C1", f"8.{key}", "d", "sent"))
        stores.inbox.put(InboxRow("late", "run-1", "halt", {}, NOW))
        for key, at in (("told:1", NOW), ("told:2", NOW), ("told:3", NOW + timedelta(hours=1))):
            stores.inbox.put(InboxRow(key, None, "told", {}, at))
        stores.inbox.put(InboxRow("said", None, "unfreeze", {}, NOW))
        for key in ("told:1", "told:3", "said"):
            stores.inbox.drop(key)
        before = everything(stores)
    with kept(filled, acting=True) as upkeep:
        removed = upkeep.prune(
            {"run-1"},
            keep={"run-1/root"},
            looks={"look:a": "2026-03-03"},
            answers="told",
            decided_before=NOW + timedelta(minutes=1),
        )
        assert removed == {"inbox": 2, "deliveries": 2}
        with upkeep.snapshot() as now:
            left = {row.key for row in now.inbox()}
            said = [key for key in now.said() if key.startswith("run-1")]
        assert said == ["run-1/root", "run-10/root"]
        assert left & {"w1", "told:1", "told:2", "told:3"} == {"told:2", "told:3"}
        assert "said" in left, "it proves that this message was heard"
    with closing(open_stores(filled, acting=True)) as stores:
        after = everything(stores)
        keys = [delivery.message_key for delivery in stores.deliveries.all("run-1")]
        looks = {delivery.message_key for delivery in stores.deliveries.all("look:")}
    assert keys == ["run-1/root", "run-10/root"]
    assert looks == {"look:a/2026-03-03", "look:a b/2026-03-02"}
    assert {k: after[k] for k in ("records", "runs", "inbox")} == {
        k: before[k] for k in ("records", "runs", "inbox")
    }


# ------------------------------------------------------------- the file taken away


@pytest.mark.parametrize("taken", ["moved", "replaced"])
def test_a_file_that_is_taken_away_is_down_and_not_written_to_in_secret(
    sqlite: DatabasePlace, taken: str
):
    stores = sqlite.open()
    stores.journal.append("run-1", [Draft("ORDERED", NOW, "U1")], lease=None, last_seq=0)
    file = Path(sqlite.url.removeprefix("sqlite:///"))
    aside = file.with_name("aside.db")
    file.rename(aside)
    if taken == "replaced":
        shutil.copy(aside, file)
    calls: list[Callable[[], object]] = [
        lambda: stores.journal.read("run-1"),
        lambda: stores.inbox.put(InboxRow("w", None, "halt", {}, NOW)),
    ]
    for call in calls:
        with pytest.raises(StorageDown, match="taken away"):
            call()

    aside.replace(file)

    assert stores.inbox.put(InboxRow("w", None, "halt", {}, NOW))
    assert len(stores.journal.read("run-1")) == 1


# ------------------------------------------------------------------- one fence


def test_executors_of_two_databases_never_pass_one_fence(filled: str, tmp_path: Path):
    """The original and its backup both count one more: the same epoch, and not the same line."""
    copy = tmp_path / "copy.db"
    with kept(filled) as upkeep:
        upkeep.backup(copy)
    stamps = []
    for url in (filled, f"sqlite:///{copy}"):
        with closing(open_stores(url, acting=True)) as stores:
            lease = stores.leases.acquire("group:0", "another", ttl_s=60, now=NOW)
            assert lease is not None
            fence = Fence(lease, stores.leases, stores.identity, "/own")
        assert fence.is_kept(fence.stamp.kept("boot"), "boot")
        stamps.append(fence.stamp)

    assert [stamp.epoch for stamp in stamps] == [2, 2]
    lines = [guarded("act", Guard("1_1", (), "/own", stamp)) for stamp in stamps]
    assert lines[0] != lines[1]


# --------------------------------------------------------------------- a copy put in place


def test_a_copy_says_which_runs_were_open_in_it_and_a_move_takes_that_along(
    filled: str, elsewhere: str, tmp_path: Path
):
    with kept(filled) as upkeep:
        upkeep.backup(tmp_path / "copy.db")
    url = f"sqlite:///{tmp_path / 'copy.db'}"
    assert identity_of(filled).copied is None
    assert identity_of(url).copied is None

    copied = identity_of(url, acting=True).copied

    assert copied is not None
    assert copied.id == identity_of(url).id
    assert copied.runs == {"run-0", "run-1", "run-2"}
    assert copied.last == NOW + timedelta(seconds=3)
    if not url_is_shared(elsewhere):
        elsewhere = f"sqlite:///{tmp_path / 'again.db'}"
    with kept(url, acting=True) as upkeep:
        upkeep.move(elsewhere)
    assert identity_of(elsewhere, acting=True).copied == copied


def test_an_index_made_anew_in_a_copy_knows_which_runs_came_with_it(filled: str, tmp_path: Path):
    """It said of one that it was over: whoever goes on with it must not forget what it is from."""
    with kept(filled, acting=True) as upkeep:
        upkeep.reindex(lambda records: replace(folded(records), open=records[0].stream != "run-1"))
        upkeep.backup(tmp_path / "copy.db")
        upkeep.reindex(folded)
    url = f"sqlite:///{tmp_path / 'copy.db'}"
    copied = identity_of(url, acting=True).copied
    assert copied is not None
    assert copied.runs == {"run-0", "run-2"}

    with kept(url, acting=True) as upkeep:
        assert upkeep.reindex(folded) == 3

    assert identity_of(url).copied == replace(copied, runs=copied.runs | {"run-1"})
    assert identity_of(filled).copied is None


def url_is_shared(url: str) -> bool:
    return not url.startswith("sqlite")


def test_what_was_moved_is_no_copy(filled: str, elsewhere: str):
    with kept(filled, acting=True) as upkeep:
        upkeep.move(elsewhere)
    assert identity_of(elsewhere, acting=True).copied is None


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A file with its log beside it, as a killed process leaves them; and its backup."""
    home = tmp_path / "home"
    home.mkdir()
    url = f"sqlite:///{home / 'hotfix.db'}"
    with closing(open_stores(url, acting=True)) as stores:
        fill(stores)
        with kept(url) as upkeep:
            upkeep.backup(tmp_path / "backup.db")
        stores.inbox.put(InboxRow("late", None, "halt", {}, NOW))
        log = (home / "hotfix.db-wal").read_bytes()
    assert log
    (home / "hotfix.db").unlink()
    (home / "hotfix.db-wal").write_bytes(log)
    return home / "hotfix.db"


@pytest.mark.parametrize("acting", [True, False], ids=["serve", "halt"])
def test_a_backup_beside_the_log_of_another_file_is_refused_and_stays_as_it_is(
    killed: Path, tmp_path: Path, acting: bool
):
    shutil.copy(tmp_path / "backup.db", killed)
    before = killed.read_bytes()

    with pytest.raises(StorageRefusal, match=r"beside a log of another file: remove \S+-wal and"):
        open_stores(f"sqlite:///{killed}", acting=acting)

    assert killed.read_bytes() == before
    for name in ("-wal", "-shm"):
        killed.with_name(killed.name + name).unlink(missing_ok=True)
    with closing(open_stores(f"sqlite:///{killed}", acting=True)) as stores:
        assert stores.journal.read("run-0")
    assert [one.name for one in killed.parent.glob("*-wal")] == []


@pytest.mark.parametrize("then", ["gone", "another"])
def test_a_log_that_was_taken_away_ends_all_that_acts_and_nothing_acknowledged_is_lost(
    tmp_path: Path, then: str
):
    """Another process would make a new one; its words stand there, and are never heard here."""
    file = tmp_path / "hotfix.db"
    log = file.with_name("hotfix.db-wal")
    stores = open_stores(f"sqlite:///{file}", acting=True)
    try:
        fill(stores)
        log.rename(tmp_path / "kept")  # so that another one has another number
        if then == "another":
            log.touch()
        with pytest.raises(StorageDown, match=r"hotfix\.db-wal was taken away"):
            stores.inbox.put(InboxRow("after", None, "halt", {}, NOW))
        with pytest.raises(StorageDown, match=r"hotfix\.db-wal was taken away"):
            stores.journal.read("run-0")
    finally:
        stores.close()
    with closing(open_stores(f"sqlite:///{file}", acting=True)) as again:
        assert len(again.journal.read("run-0")) == 4
        assert "after" not in [row.key for row in again.inbox.waiting()]
