"""Tampered journals: the first record that was changed, taken away, inserted or moved is named."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.verification import Known, NotReadable, exported, imported, judged
from engine.journal import Kind, first_records
from storage.chain import chained
from storage.records import HOUSE, Delivery, Draft, InboxRow, Record, RunRow, canonical, record_hash
from storage.stores import open_stores
from tests.unit.builders import REQUEST, plan, without_package
from tests.unit.test_cli import RUN, StillClock
from tests.unit.test_config import SMALL

NOW = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
RECORD = "UPDATE journal SET CELL WHERE stream = 'hf-000001' AND seq = 4"


@pytest.fixture
def records() -> list[Record]:
    return chained(HOUSE, [Draft("OWED", NOW, "engine", {"n": n}) for n in range(1, 7)], epoch=3)


def rehashed(record: Record, **changes) -> Record:
    """The record as somebody writes it who knows how hashes are made."""
    changed = replace(record, **changes)
    fields = {**vars(changed)}
    del fields["hash"]
    return replace(changed, hash=record_hash(**fields))


def at(records: list[Record]) -> list[Record]:
    """Number records by where they stand, as a table that was edited shows them."""
    return [replace(record, seq=seq) for seq, record in enumerate(records, start=1)]


def fault(records: list[Record], **known) -> tuple[int, str] | None:
    found = judged(HOUSE, records, **known).fault
    return (found.seq, found.what) if found else None


def test_what_nobody_touched_is_unbroken(records):
    assert fault(records) is None
    assert judged(HOUSE, records).chain == "unbroken"
    assert fault(records, known=Known(least=6), ends=f"6:{records[5].hash[:12]}") is None
    assert fault([]) is None


@pytest.mark.parametrize(
    "change", [{"body": {"n": 9}}, {"by": "U1"}, {"kind": "SETTLED"}, {"epoch": 4}, {"hash": "0"}]
)
def test_a_changed_record_is_named(records, change):
    records[2] = replace(records[2], **change)
    assert fault(records) == (3, "this record was changed")


def test_a_record_that_was_changed_together_with_its_hash_breaks_the_next(records):
    records[2] = rehashed(records[2], body={"n": 9})
    assert fault(records) == (4, "it does not follow the record 3 that stands here now")


@pytest.mark.parametrize("gone", [1, 3, 5])
def test_a_missing_record_is_named(records, gone):
    del records[gone - 1]
    assert fault(records) == (gone, "this record is missing")


def test_a_missing_record_whose_gap_was_closed_is_named(records):
    assert fault(at(records[:2] + records[3:])) == (
        3,
        "order changed: this was written as record 4",
    )


def test_swapped_records_are_named(records):
    records[1], records[2] = records[2], records[1]
    assert fault(records) == (2, "order changed: record 3 stands here")
    assert fault(at(records)) == (2, "order changed: this was written as record 3")


def test_an_inserted_record_is_named(records):
    forged = rehashed(records[2], body={"forged": True}, prev=records[1].hash)
    assert fault(at([*records[:2], forged, *records[2:]])) == (
        4,
        "order changed: this was written as record 3",
    )


def test_a_missing_end_is_named_where_it_is_known(records):
    assert fault(records[:5]) is None
    assert fault(records[:5], known=Known(least=6)) == (
        6,
        "the end is missing: there were 6 records",
    )
    assert fault(records[:4], ends=f"6:{records[5].hash}") == (
        5,
        "the end is missing: there were 6 records",
    )


def test_a_record_put_behind_the_known_end_is_named(records):
    row = RunRow(HOUSE, "", "", open=True, occupies=False, wake_at=None, last_seq=5)
    assert fault(records, known=Known(row)) == (6, "inserted at the end: the index knows 5 records")


@pytest.mark.parametrize("form", ["{seq}:{hash}", "journal {seq} · {hash}", "{seq} · {hash}…"])
def test_a_head_is_looked_for_at_its_place_however_it_was_copied(records, form):
    shown = form.format(seq=4, hash=records[3].hash[:12])
    assert fault(records, ends=shown) is None
    other = form.format(seq=5, hash=records[3].hash[:12])
    assert fault(records, ends=other) == (
        5,
        f"it is not the record whose hash begins with {records[3].hash[:12]}",
    )


def test_a_stream_that_was_written_anew_from_the_middle_on_has_another_head(records):
    """Everything in it fits, so that only a head noted elsewhere can tell."""
    noted = records[4].hash[:12]
    anew = chained(
        HOUSE, [Draft("OWED", NOW, "engine", {"n": n}) for n in (1, 2, 3, 4, 0, 0)], epoch=3
    )
    assert fault(anew) is None
    assert fault(anew, ends=f"5:{noted}") == (
        5,
        f"it is not the record whose hash begins with {noted}",
    )
    assert fault(anew, ends=noted) == (6, f"no record has a hash that begins with {noted}")


@pytest.mark.parametrize("head", ["x", "42:", "3f9a", "42:3F9A1C0D2B7E"])
def test_what_is_no_head_is_refused(records, head):
    with pytest.raises(NotReadable, match="is no head of a journal"):
        judged(HOUSE, records, ends=head)


def test_records_of_a_whole_chain_that_make_no_run_are_said_and_not_a_traceback(records):
    odd = chained("hf-1", [Draft(Kind.ENDED, NOW, "engine", {})], epoch=0)
    verdict = judged("hf-1", odd)
    assert not verdict.good
    assert verdict.broken == ["hf-1: it does not begin with an order"]
    odd = chained("hf-1", [Draft(Kind.ORDERED, NOW, "engine", {})], epoch=0)
    assert "cannot be read as a run" in judged("hf-1", odd).broken[0]


# ------------------------------------------------------------------------- as a file


def test_a_file_gives_back_what_was_exported(records):
    lines = list(exported(records))
    assert imported(lines) == {HOUSE: records}
    assert lines[0] == canonical(json.loads(lines[0]))


@pytest.mark.parametrize("line", ["", "[]", "{}", "nothing", '{"at": "2026-03-02"}'])
def test_a_line_that_is_no_record_is_refused_by_its_number(records, line):
    lines = [*exported(records), line]
    with pytest.raises(NotReadable, match="line 7 is no record"):
        imported(lines)


# ------------------------------------------------------------------- the command line


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, and a database with one run and the house, as a service left it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hotfix.toml").write_text(SMALL)
    drafts, index = first_records(
        RUN, REQUEST, plan(), without_package(), StillClock(), by=REQUEST.requester
    )
    later = [Draft(Kind.REMINDED, NOW, "engine", {"step": ""}) for _ in range(4)]
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.inbox.put(InboxRow("w1", RUN, "word", {}, NOW))
        stores.journal.append(
            RUN, [*drafts, *later], lease=None, last_seq=0, index=index, take=["w1"]
        )
        stores.journal.append(HOUSE, later, lease=None, last_seq=0)
    told("db", "check", "--rebuild")
    return tmp_path


def told(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.output


def test_the_daily_looks_are_no_run_and_are_checked_like_the_house(home):
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        body = {"group": "site-1", "day": "2026-03-02", "findings": [], "call": []}
        looked = Draft(Kind.LOOKED, NOW, "engine", body)
        stores.journal.append("look:site-1", [looked], lease=None, last_seq=0)
        stores.deliveries.save(Delivery("look:site-1/2026-03-02", "C1", "1.1", "d", "sent"))

    assert "1 run" in told("db", "check", "--rebuild")
    assert "look:site-1: 1 records" in told("verify")

    tampered("DELETE FROM journal WHERE stream = 'look:site-1'")
    assert "look:site-1: its records are missing" in told("db", "check", code=1)


def tampered(*statements: str) -> None:
    with closing(sqlite3.connect("hotfix.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            ["UPDATE journal SET body = '{}' WHERE stream = 'hf-000001' AND seq = 4"],
            "broken at record 4: this record was changed",
        ),
        (
            ["UPDATE journal SET body = 'no json' WHERE stream = 'hf-000001' AND seq = 4"],
            "broken at record 4: this record was changed",
        ),
        (
            ["DELETE FROM journal WHERE stream = 'hf-000001' AND seq = 3"],
            "broken at record 3: this record is missing",
        ),
        (
            ["DELETE FROM journal WHERE stream = 'hf-000001' AND seq = 6"],
            "broken at record 6: the end is missing: there were 6 records",
        ),
        (
            [
                "DELETE FROM journal WHERE stream = 'hf-000001' AND seq = 6",
                "UPDATE runs SET last_seq = 5 WHERE id = 'hf-000001'",
            ],
            "broken at record 6: the end is missing: there were 6 records",
        ),
        (
            [
                "UPDATE journal SET seq = 99 WHERE stream = 'hf-000001' AND seq = 4",
                "UPDATE journal SET seq = 4 WHERE stream = 'hf-000001' AND seq = 5",
                "UPDATE journal SET seq = 5 WHERE stream = 'hf-000001' AND seq = 99",
            ],
            "broken at record 4: order changed: this was written as record 5",
        ),
        (
            [
                "INSERT INTO journal SELECT stream, 7, epoch, kind, at, by, body, hash, prev"
                " FROM journal WHERE stream = 'hf-000001' AND seq = 6"
            ],
            "broken at record 7: this record was changed",
        ),
        (
            ["DELETE FROM journal WHERE stream = 'hf-000001'"],
            "broken at record 1: the end is missing: there were 6 records",
        ),
    ],
)
def test_a_tampered_database_is_found_out_and_only_the_stream_it_concerns(home, statements, says):
    assert f"{RUN}: 6 records, head " in told("verify")
    assert "6 records in" in told("db", "check") or "10 records in 2 streams" in told("db", "check")
    tampered(*statements)

    said = told("verify", code=1)
    assert says in said
    assert "house: 4 records, head " in said
    assert json.loads(told("verify", RUN, "--json", code=1))[RUN]["chain"] == says
    told("verify", HOUSE)
    assert f"wrong: {RUN}: chain {says}" in told("db", "check", code=1)
    said = told("db", "check", "--rebuild", code=1)
    assert "was not rebuilt" in said


@pytest.mark.parametrize(
    "cell",
    [
        "at = 'yesterday'",
        "at = 7",
        "at = X'00'",
        "body = X'7B7D'",
        "body = '{\"a\":NaN}'",
        "body = '[]'",
        "body = '" + "[" * 5000 + "'",
        "epoch = 'x'",
        "epoch = X'00'",
        "kind = X'00'",
        "by = 1.5",
        "hash = X'00'",
        "prev = X'00'",
    ],
)
def test_a_cell_that_cannot_be_read_is_a_record_that_was_changed(home, cell):
    tampered(RECORD.replace("CELL", cell))

    says = "broken at record 4: this record was changed"
    assert says in told("verify", code=1)
    assert f"wrong: {RUN}: chain {says}" in told("db", "check", code=1)
    assert "wrong, here as there" in told("db", "backup", "copy.db", code=1)
    (home / "x.jsonl").write_text(told("export", RUN))
    assert says in told("verify", "--file", "x.jsonl", code=1)


def test_a_record_whose_number_cannot_be_read_was_changed(home):
    """The last one: any other leaves a gap, which comes first."""
    tampered(
        "UPDATE journal SET seq = 'x' WHERE stream = 'hf-000001' "
        "AND seq = (SELECT max(seq) FROM journal WHERE stream = 'hf-000001')"
    )

    assert "this record was changed" in told("verify", code=1)


@pytest.mark.parametrize("body", ['{"step":"","step":""}', '{"step": ""}', '{"step":"\\u0041"}'])
def test_a_text_that_says_the_same_in_other_characters_was_changed(home, body):
    """Of two values for one key another reader takes the other one."""
    tampered(RECORD.replace("CELL", f"body = '{body}'"))

    assert "broken at record 4: this record was changed" in told("verify", code=1)


def test_one_run_that_cannot_be_read_hides_no_other(home):
    other, request = "hf-000002", replace(REQUEST, security_group="site-2")
    planned = replace(plan(), run=other, security_group="site-2")
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        drafts, index = first_records(
            other, request, planned, without_package(), StillClock(), by="U1"
        )
        stores.journal.append(other, drafts, lease=None, last_seq=0, index=index)
    for change in ("at = 'yesterday'", "body = '{}'", "at = '2026-03-02 22:00:00', body = 'x'"):
        tampered(RECORD.replace("CELL", change).replace("seq = 4", "seq = 2"))
        said = told("runs")
        assert f"{RUN}  site-1  ?  cannot be read" in said
        assert f"{other}  site-2  " in said
        assert "record 2" in told("show", RUN, code=2)
    tampered("UPDATE runs SET wake_at = 'soon', last_seq = 'x' WHERE id = 'hf-000001'")
    assert f"{other}  site-2  " in told("runs")


def test_an_index_whose_cells_cannot_be_read_is_named_and_made_anew(home):
    tampered("UPDATE runs SET wake_at = 'soon', last_seq = 'x'")
    assert f"{RUN}  site-1  " in told("runs")
    assert "chain unbroken" in told("verify")
    said = told("db", "check", code=1)
    assert f"wrong: {RUN}: the index says last_seq -1, not 6" in said
    assert f"wrong: {RUN}: the index says wake_at 1970" in said
    told("db", "check", "--rebuild")
    assert "everything fits" in told("db", "check")


@pytest.mark.parametrize("cell", ["body = 'x'", "body = X'00'", "at = 'yesterday'", "body = '[]'"])
@pytest.mark.parametrize("taken", ["NULL", "6"])
def test_a_word_whose_cells_cannot_be_read_is_named(home, cell, taken):
    tampered("UPDATE inbox SET CELL, taken_seq = N".replace("CELL", cell).replace("N", taken))
    told("verify")
    assert f"wrong: {RUN}: the word w1 was changed, and cannot be read" in told(
        "db", "check", code=1
    )


@pytest.mark.parametrize("lost", ["", " AND kind = 'SETTLED'"], ids=["all", "its end"])
def test_a_house_that_lost_what_a_run_told_it_is_found_out(home, lost):
    told_here = [
        Draft(Kind.OWED, NOW, "engine", {"was": True}),
        Draft(Kind.SETTLED, NOW, "engine", {}),
    ]
    there = [replace(draft, body={**draft.body, "run": RUN}) for draft in told_here]
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.journal.append(RUN, told_here, lease=None, last_seq=6, also={HOUSE: there})
    told("db", "check", "--rebuild")
    told("verify")
    tampered("DELETE FROM journal WHERE stream = 'house'LOST".replace("LOST", lost))

    says = f"house: {RUN} told SETTLED 1 times, and it stands here 0 times"
    for words in (["verify"], ["verify", HOUSE], ["db", "check"]):
        assert says in told(*words, code=1)


@pytest.mark.parametrize("named_by", ["inbox", "deliveries", "leases"])
def test_a_run_that_was_taken_away_whole_is_named_by_what_is_left_of_it(home, named_by):
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.deliveries.save(Delivery(f"{RUN}/root", "C1", "1.1", "d", "sent"))
        stores.leases.acquire(f"chat:{RUN}", "one", ttl_s=60, now=NOW)
    tampered("DELETE FROM journal WHERE stream = 'hf-000001'", "DELETE FROM runs")
    for table in {"inbox", "deliveries", "leases"} - {named_by}:
        tampered("DELETE FROM TABLE".replace("TABLE", table))

    assert f"{RUN}: 0 records" in told("verify", code=1)
    assert RUN in told("db", "check", code=1)


def test_a_head_from_the_thread_is_checked_against_the_database(home):
    head = json.loads(told("verify", RUN, "--json"))[RUN]["head"]
    assert "unbroken" in told("verify", RUN, "--head", f"journal 6 · {head[:12]}")
    assert "broken at record 5" in told("verify", RUN, "--head", f"5:{head[:12]}", code=1)
    assert "name it" in told("verify", "--head", head, code=2)
    assert "is no head" in told("verify", RUN, "--head", "six", code=2)
    assert "is no head" in told("verify", RUN, "--head", "", code=2)
    assert "name it" in told("verify", "--head", "", code=2)


def test_an_export_is_checked_without_the_database(home):
    lines = told("export", RUN)
    (home / "x.jsonl").write_text(lines)
    (home / "hotfix.db").unlink()
    assert f"{RUN}: 6 records, head " in told("verify", "--file", "x.jsonl")

    (home / "x.jsonl").write_text(lines.replace('"epoch":0', '"epoch":1', 1))
    assert "broken at record 1: this record was changed" in told(
        "verify", "--file", "x.jsonl", code=1
    )
    for odd in (
        lines.replace('"step":""', '"step":NaN', 1),
        lines.replace('"step":""', '"step":"","step":""', 1),
        lines.replace('"step":""', '"step":' + "[" * 100_000, 1),
        lines.replace(NOW.isoformat(), "0001-01-01T00:00:00+14:00"),
    ):
        assert odd != lines
        (home / "x.jsonl").write_text(odd)
        assert "is no record" in told("verify", "--file", "x.jsonl", code=2)
    (home / "x.jsonl").write_text("nonsense")
    assert "line 1 is no record" in told("verify", "--file", "x.jsonl", code=2)
    assert "cannot be read" in told("verify", "--file", "y.jsonl", code=2)


def test_a_stream_that_is_not_there_is_no_traceback(home):
    for command in ("verify", "export"):
        assert "there is no run hf-000009; did you mean" in told(command, "hf-000009", code=2)


# --------------------------------------------------------------------------- hotfix-bot db


def test_an_index_that_does_not_fit_is_named_and_made_anew(home):
    tampered("UPDATE runs SET open = 0, last_seq = 4", "UPDATE inbox SET taken_seq = 5")
    said = told("db", "check", code=1)
    assert f"wrong: {RUN}: the index says open False, not True" in said
    assert f"wrong: {RUN}: the index says last_seq 4, not 6" in said
    assert "db check --rebuild" in said

    assert "made anew from the journal: 1 run" in told("db", "check", "--rebuild")
    assert "everything fits" in told("db", "check")


def test_a_run_that_the_index_lost_is_put_back(home):
    tampered("DELETE FROM runs")
    assert f"wrong: {RUN}: the index does not have it" in told("db", "check", code=1)
    assert json.loads(told("db", "check", "--rebuild", "--json"))["rebuilt"] == 1


def test_a_word_taken_by_no_record_and_changed_evidence_are_named(home):
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        digest = stores.evidence.keep(b"what the device said")
    tampered("UPDATE evidence SET blob = X'00'", "UPDATE inbox SET run = 'hf-9'")
    said = told("db", "check", code=1)
    assert "wrong: hf-9: w1 was taken by record 6, which is not there" in said
    assert f"wrong: evidence {digest[:12]}… was changed" in said


def test_nothing_is_changed_under_a_service_that_acts(home):
    with closing(open_stores("sqlite:///hotfix.db", acting=True)):
        for words in (
            ["upgrade"],
            ["check", "--rebuild"],
            ["move", "sqlite:///other.db"],
            ["prune", "--older-than", "1d"],
        ):
            assert "stop it first" in told("db", *words, code=2)
        assert "everything fits" in told("db", "check")
        assert "every chain is whole" in told("db", "backup", "copy.db")


def test_a_backup_is_a_database_like_any_other(home):
    said = told("db", "backup", "copy.db")
    assert said.startswith("copy.db holds 10 records, 1 run, 1 inbox row.\n")
    assert "is there already" in told("db", "backup", "copy.db", code=2)
    (home / "copy.db").replace("hotfix.db")
    assert "everything fits" in told("db", "check")


def test_a_backup_of_a_tampered_database_says_so(home):
    tampered("DELETE FROM journal WHERE stream = 'hf-000001' AND seq = 3")
    said = told("db", "backup", "copy.db", code=1)
    assert f"wrong, here as there: {RUN}: chain broken at record 3" in said


def test_a_move_says_what_to_do_next(home):
    said = told("db", "move", "sqlite:///moved.db")
    assert "Moved 10 records, 1 run, 1 inbox row." in said
    assert "write this into [storage]" in said
    assert f'url = "sqlite:///{home / "moved.db"}"' in said.splitlines()
    assert "not empty" in told("db", "move", "sqlite:///moved.db", code=2)


def test_upgrade_says_from_where_to_where(home):
    assert "at revision 0003 already" in told("db", "upgrade")
    (home / "hotfix.db").unlink()
    assert "was empty; its tables were made, at revision 0003" in told("db", "upgrade")
    tampered("UPDATE alembic_version SET version_num = '9999'")
    assert "install the version that wrote it" in told("db", "upgrade", code=2)


def test_pruning_leaves_the_journal_and_what_keeps_the_bot_silent(home):
    ended = {"state": "done", "takes": [], "members": {}, "promises": {}}
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.journal.append(RUN, [Draft(Kind.ENDED, NOW, "e", ended)], lease=None, last_seq=6)
        for name in ("root", "gate/G1", "told"):
            stores.deliveries.save(Delivery(f"{RUN}/{name}", "C1", "1.1", "", "sent"))
    assert "0 runs ended" in told("db", "prune", "--older-than", "1d")
    told("db", "check", "--rebuild")

    assert "0 runs ended" in told("db", "prune", "--older-than", "90000d")
    said = told("db", "prune", "--older-than", "1d")
    assert "1 run ended before" in said
    assert "1 inbox row, 2 deliveries" in said
    assert "everything fits" in told("db", "check")
    with closing(open_stores("sqlite:///hotfix.db", acting=False)) as stores:
        assert [row.message_key for row in stores.deliveries.all("")] == [f"{RUN}/told"]
        assert len(stores.journal.read(RUN)) == 7


def test_pruning_leaves_a_run_alone_of_which_something_is_still_to_be_told(over):
    """Slack took all but its last message: without the rest the whole night would be told again."""
    tampered("DELETE FROM deliveries WHERE message_key IN ('hf-000001/end', 'hf-000001/told')")

    said = told("db", "prune", "--older-than", "1d")

    assert f"{RUN} was left alone: Slack does not show it to its end yet" in said
    assert "0 runs ended before" in said
    assert "Removed: nothing" in said
    assert RUN in told("db", "prune", "--older-than", "1d", "--json")


@pytest.mark.parametrize(
    "gone",
    [
        "DELETE FROM journal WHERE stream = 'hf-000001'",
        "DELETE FROM journal WHERE stream = 'hf-000001' AND seq = 3",
        "DELETE FROM journal WHERE stream = 'hf-000001' AND seq > 5",
    ],
)
def test_pruning_leaves_a_run_alone_whose_journal_is_not_whole(home, gone):
    """The words that a run took are what tells that its end was cut off, and the index forged."""
    ended = {"state": "done", "takes": [], "members": {}, "promises": {}}
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.journal.append(RUN, [Draft(Kind.ENDED, NOW, "e", ended)], lease=None, last_seq=6)
    told("db", "check", "--rebuild")
    tampered(gone, "UPDATE runs SET last_seq = 5")

    said = told("db", "prune", "--older-than", "1d")

    assert f"{RUN} was left alone: its journal is not whole" in said
    assert "Removed: nothing" in said
    assert f"{RUN}: " in told("verify", code=1)


def test_a_damaged_file_is_called_that_and_is_not_called_current(home):
    file = home / "hotfix.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 12288) + whole[-4096:])

    for words in (["db", "upgrade"], ["db", "check"], ["verify"], ["db", "backup", "copy.db"]):
        assert "the file is damaged; stop the service and go on with a backup" in told(
            *words, code=2
        )


def test_an_empty_file_is_no_database_and_stays_empty(home):
    (home / "hotfix.db").write_bytes(b"")
    for words in (["verify"], ["db", "check"]):
        assert "is no database of Hotfix Bot: it is empty" in told(*words, code=2)
    assert (home / "hotfix.db").read_bytes() == b""


def test_where_there_are_no_records_nothing_is_called_whole(home):
    (home / "hotfix.db").unlink()
    told("db", "upgrade")

    assert "no records" in told("verify", code=1)
    said = told("db", "check", code=1)
    assert "no records" in said
    assert "everything fits" not in said


def test_pruning_removes_what_was_told_of_old_looks_and_never_of_the_last_one(home):
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        for place, day in enumerate(("2026-03-01", "2026-03-02", "2026-03-03")):
            body = {"group": "site-1", "day": day, "findings": [], "call": []}
            looked = Draft(Kind.LOOKED, NOW, "engine", body)
            stores.journal.append("look:site-1", [looked], lease=None, last_seq=place)
            stores.deliveries.save(Delivery(f"look:site-1/{day}", "C1", f"1.{place}", "d", "sent"))

    assert "Removed: nothing" in told("db", "prune", "--older-than", "90000d")
    assert "2 deliveries" in told("db", "prune", "--older-than", "1d")

    assert "everything fits" in told("db", "check")
    with closing(open_stores("sqlite:///hotfix.db", acting=False)) as stores:
        kept = [row.message_key for row in stores.deliveries.all("look:")]
        assert len(stores.journal.read("look:site-1")) == 3
    assert kept == ["look:site-1/2026-03-03"], "or it would be told again"


@pytest.mark.parametrize("age", ["400", "0d", "-1d", "1y", "d", "1000000d"])
def test_an_age_that_is_none_is_refused(home, age):
    assert "number of days" in told("db", "prune", "--older-than", age, code=2)


# -------------------------------------------------------- what other tables know of an end

ENDED = {"state": "aborted", "takes": [], "members": {}, "promises": {}}


@pytest.fixture
def over(home: Path) -> Path:
    """The same with a run that has ended with its record 7, and was told to its end."""
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        ended = Draft(Kind.ENDED, NOW, "engine", ENDED)
        stores.journal.append(RUN, [ended], lease=None, last_seq=6)
        for name in ("root", "m/5", "m/7/live", "end", "told"):
            stores.deliveries.save(Delivery(f"{RUN}/{name}", "C1", "1.1", "d", "sent"))
    told("db", "check", "--rebuild")
    assert "everything fits" in told("db", "check")
    told("verify")
    return home


CUT = "DELETE FROM journal WHERE stream = 'hf-000001' AND seq > 6"


@pytest.mark.parametrize(
    ("left", "says"),
    [
        ("/m/7/live", "there were 7 records"),
        ("/end", f"the message {RUN}/end says that the run has ended"),
        ("/told", f"the message {RUN}/told says that the run has ended"),
    ],
)
@pytest.mark.parametrize("index", ["UPDATE runs SET last_seq = 6, open = 1", "DELETE FROM runs"])
def test_an_end_that_was_cut_off_is_known_by_what_was_told(over, left, says, index):
    tampered(
        CUT,
        index,
        "DELETE FROM deliveries WHERE message_key NOT LIKE '%LEFT'".replace("LEFT", left),
    )

    says = f"chain broken at record 7: the end is missing: {says}"
    assert says in told("verify", code=1)
    said = told("db", "check", code=1)
    assert f"wrong: {RUN}: {says}" in said
    assert "it lost records" in said
    assert "on with a backup" in said
    assert "--rebuild" not in said
    assert "was not rebuilt" in told("db", "check", "--rebuild", code=1)


def test_an_end_that_was_cut_off_is_known_by_an_index_that_says_ended(over):
    tampered(CUT, "UPDATE runs SET last_seq = 6", "DELETE FROM deliveries")

    says = "broken at record 7: the end is missing: the index says that the run has ended"
    assert says in told("verify", code=1)
    said = told("db", "check", code=1)
    assert says in said
    assert "--rebuild" not in said


def test_what_was_pruned_fits_although_only_its_end_is_still_told(over):
    assert "1 run ended before" in told("db", "prune", "--older-than", "1d")
    assert "everything fits" in told("db", "check")
    assert "chain unbroken" in told("verify", RUN)


def test_a_lost_index_row_accuses_no_record(home):
    """The last word was taken by a record before the end, as in every run."""
    tampered("UPDATE inbox SET taken_seq = 4", "DELETE FROM runs")

    assert "inserted" not in told("verify")
    said = told("db", "check", code=1)
    assert "the index does not have it" in said
    assert "--rebuild" in said


def test_a_record_behind_the_end_is_named_by_its_number(over):
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        halted = Draft(Kind.HALTED, NOW, "U1", {})
        stores.journal.append(RUN, [halted], lease=None, last_seq=7)
    tampered("UPDATE runs SET last_seq = 8")

    says = "chain broken at record 8: it stands behind the end of the run"
    assert says in told("verify", code=1)
    assert f"wrong: {RUN}: {says}" in told("db", "check", code=1)


@pytest.fixture
def owing(home: Path) -> Path:
    """The same with a run that told the house what its group owed, and that it is settled."""
    own = [Draft(Kind.OWED, NOW, "engine", {"was": True}), Draft(Kind.SETTLED, NOW, "engine", {})]
    there = [replace(draft, body={**draft.body, "run": RUN}) for draft in own]
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.journal.append(RUN, own, lease=None, last_seq=6, also={HOUSE: there})
    told("db", "check", "--rebuild")
    told("verify")
    return home


def test_a_run_that_lost_what_it_told_the_house_is_found_out(owing):
    tampered(
        "DELETE FROM journal WHERE stream = 'hf-000001' AND seq > 7", "UPDATE runs SET last_seq = 7"
    )

    says = f"house: SETTLED of {RUN} stands here 1 times, and in its own journal 0 times"
    for words in (["verify"], ["verify", HOUSE], ["db", "check"]):
        assert says in told(*words, code=1)


def test_a_run_that_only_the_house_still_names_is_gone(owing):
    tampered("DELETE FROM journal WHERE stream = 'hf-000001'")
    tampered(
        "DELETE FROM runs", "DELETE FROM inbox", "DELETE FROM deliveries", "DELETE FROM leases"
    )

    for words in (["verify"], ["verify", HOUSE], ["db", "check"]):
        assert f"house: it names {RUN}, whose journal is gone" in told(*words, code=1)


def test_one_run_that_this_version_cannot_read_takes_no_command_away(home):
    newer = [Draft("FUTURE", NOW, "engine", {})]
    with closing(open_stores("sqlite:///hotfix.db", acting=True)) as stores:
        stores.journal.append("hf-000009", newer, lease=None, last_seq=0)
        stores.journal.append(RUN, newer, lease=None, last_seq=6)
    tampered("UPDATE runs SET last_seq = 7")
    found = (
        "hf-000009: it does not begin with an order",
        "record 7 has the kind FUTURE",
    )

    for words in (["verify"], ["db", "check"], ["db", "backup", "copy.db"]):
        said = told(*words, code=1)
        assert all(one in said for one in found)
    assert "promises held" not in said
    assert "made anew from the journal: 0 runs" in told("db", "check", "--rebuild", code=1)
    with closing(open_stores("sqlite:///hotfix.db", acting=False)) as stores:
        assert [row.id for row in stores.journal.runs()] == [RUN], "its row stays as it was"

    tampered("DELETE FROM journal WHERE stream = 'hf-000001' AND seq = 3")
    assert f"{RUN}: chain broken at record 3" in told("db", "check", code=1)


def test_an_export_whose_run_has_not_ended_says_what_nobody_can_see_there(over):
    note = "has not ended here: only a head from the thread (--head) shows"
    lines = told("export", RUN)
    (over / "x.jsonl").write_text(lines)
    assert "has not ended" not in told("verify", "--file", "x.jsonl")

    (over / "x.jsonl").write_text("".join(lines.splitlines(keepends=True)[:5]))
    assert note in told("verify", "--file", "x.jsonl")
    assert note in json.loads(told("verify", "--file", "x.jsonl", "--json"))[RUN]["note"]
    head = json.loads(lines.splitlines()[6])["hash"][:12]
    assert "there were 7 records" in told(
        "verify", "--file", "x.jsonl", "--head", f"7:{head}", code=1
    )
