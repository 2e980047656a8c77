"""What will happen when, as programs and people are told it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.chronicle import Line, header, lines
from bot.runs import NoSuchRun, Runs, story_of
from bot.scheduled import in_order, scheduled
from bot.views import render
from engine.drift import Finding, Look, stream_of
from engine.fold import RunState
from engine.journal import Kind
from storage.memory import MemoryStores
from storage.records import Draft, Record
from storage.stores import open_stores
from tests.unit.nights import DUE, WINDOW, night, until
from tests.unit.test_cli import config, database, run, told

__all__ = ["config", "database", "told"]


@pytest.mark.parametrize(
    ("name", "kind", "body", "state"),
    [
        ("appointed", Kind.GATE_SHOWN, {"gate": "G1"}, "waiting for approval"),
        ("appointed", Kind.DONE, {"step": "VERIFY"}, "appointed"),
        ("kept", Kind.GATE_SHOWN, {"gate": "G1"}, "keep asked"),
        ("nobody answers", Kind.GATE_SHOWN, {"gate": "G2"}, "due"),
    ],
)
def test_a_run_that_waits_for_its_time_says_how_it_stands(name, kind, body, state):
    one = scheduled(story_of(until(night(name), str(kind), **body)))

    assert one is not None
    assert one.state == state


def test_what_is_in_the_way_and_why_it_holds_is_said():
    barred = scheduled(story_of(until(night("frozen when due"), Kind.BARRED)))
    held = scheduled(story_of(night("away when due")))

    assert barred is not None
    assert barred.state.startswith("waits: site-1 is frozen by ana")
    assert held is not None
    assert held.state.startswith("held: it was to begin at Tue 3 Mar 05:00 CET (UTC+1)")


def test_what_was_seen_when_its_time_came_is_told():
    *before, begun = until(night("appointed"), Kind.DONE, step="APPOINTMENT")
    seen = replace(begun, body={**begun.body, "trouble": ["the clock of 1_3 is behind"]})

    (prepared,) = (m for m in render([*before, seen]) if "Preparing" in m.text)

    assert "• the clock of 1_3 is behind" in json.dumps(prepared.blocks, ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "kind", "body"),
    [
        ("good", Kind.GATE_SHOWN, {"gate": "G1"}),
        ("appointed", Kind.DONE, {"step": "APPOINTMENT"}),
        ("appointed", Kind.ENDED, {}),
        ("kept", Kind.ENDED, {}),
    ],
)
def test_a_run_without_an_appointment_or_past_it_is_not_scheduled(name, kind, body):
    assert scheduled(story_of(until(night(name), str(kind), **body))) is None


def test_what_comes_first_stands_first():
    later = story_of(until(night("kept"), Kind.GATE_SHOWN, gate="G1"))
    sooner = story_of(until(night("appointed"), Kind.GATE_SHOWN, gate="G1"))

    first, _ = in_order([later, sooner])

    assert first.start == DUE


def put(database: str, records: Sequence[Record]) -> None:
    stores = open_stores(database, acting=True)
    drafts = [Draft(r.kind, r.at, r.by, r.body) for r in records]
    index = RunState.replay(records).index()
    stores.journal.append(records[0].stream, drafts, lease=None, last_seq=0, index=index)
    stores.close()


def test_the_command_line_lists_what_is_scheduled_and_nothing_else(told, database):
    assert told("runs", "--scheduled") == "Nothing is scheduled.\n"
    assert json.loads(told("runs", "--scheduled", "--json")) == []
    stores = open_stores(database, acting=True)
    stores.close()

    records = until(night("appointed"), Kind.DONE, step="VERIFY")
    put(database, records)

    (one,) = json.loads(told("runs", "--scheduled", "--json"))
    assert one == {
        "run": records[0].stream,
        "group": "site-1",
        "kind": "install",
        "what": "install take 120",
        "start": WINDOW.start.isoformat(),
        "until": WINDOW.until.isoformat() if WINDOW.until else None,
        "state": "appointed",
        "lacking": "2 more people",
        "ordered_by": "rita",
    }
    line = told("runs", "--scheduled")
    assert line.startswith("Tue 3 Mar 05:00 CET (UTC+1) until Tue 3 Mar 08:00 CET (UTC+1)  hf-")
    assert line.endswith(
        "  site-1  install take 120  appointed  there at its time: lacking 2 more people  "
        "ordered by rita\n"
    )


def told_of(name: str, kind: str, **body: Any) -> Line:
    """One record of a night, as `show` tells it."""
    records = night(name)
    found = until(records, kind, **body)[-1]
    return next(line for line in lines(records) if line.seq == found.seq)


def test_show_tells_for_when_it_was_ordered_and_what_stood_in_the_way_then():
    ordered, barred = told_of("appointed", "ORDERED"), told_of("frozen when due", "BARRED")

    assert "for Tue 3 Mar 05:00 CET (UTC+1) until Tue 3 Mar 08:00 CET (UTC+1)" in ordered.facts
    assert barred.what == "APPOINTMENT: its time has come, and it waits"
    assert barred.facts[0].startswith("site-1 is frozen by ana")
    assert header(night("appointed"))["appointment"]["said"] == "window 05:00-08:00"
    assert header(night("good"))["appointment"] is None


def test_show_tells_which_rollback_began_with_an_end():
    records = night("with its rollback")

    assert "rollback after 72h" in told_of("with its rollback", "ORDERED").facts
    began = f"{records[0].stream}-rollback began, to be kept or taken back"
    assert began in told_of("with its rollback", "ENDED").facts


def test_a_run_that_only_a_newer_version_reads_is_not_left_out(told, database, config):
    records = until(night("appointed"), Kind.DONE, step="VERIFY")
    put(database, records)
    stores = open_stores(database, acting=True)
    newer = Draft("CAMPAIGN", records[-1].at, "engine", {})
    stores.journal.append(records[0].stream, [newer], lease=None, last_seq=len(records))
    stores.close()

    shown = run("runs", "--scheduled", "--config", str(config))

    assert f"{records[0].stream}  site-1  may be scheduled: " in shown


def house(*runs: Sequence[Record]) -> Runs:
    """Some runs on one group."""
    stores = MemoryStores()
    for records in runs:
        drafts = [Draft(r.kind, r.at, r.by, r.body) for r in records]
        index = RunState.replay(records).index()
        stores.journal.append(records[0].stream, drafts, lease=None, last_seq=0, index=index)
    return Runs(stores.journal, stores.deliveries, ["site-1"])


def waiting_rollback() -> Sequence[Record]:
    return until(night("kept"), Kind.GATE_SHOWN, gate="G1")


def test_by_a_group_the_run_is_meant_that_is_under_way_there_and_none_that_waits():
    """A halt is for what sends something."""
    waits = until(night("appointed"), Kind.DONE, step="VERIFY")
    works = until(night("taken back"), Kind.DONE, step="PREFLIGHT")
    known = house(waits, works)

    assert known.open_one("site-1") == works[0].stream
    assert known.open_one("") == works[0].stream, "a bare halt reaches what sends something"
    assert known.movable_one("") == waits[0].stream
    assert known.open_one(waits[0].stream) == waits[0].stream
    assert known.is_busy("site-1")


def test_the_last_run_of_a_group_is_the_one_that_ended_last():
    """The one that was kept for later was ordered first."""
    kept = night("kept")
    between = [
        replace(r, at=kept[0].at + timedelta(milliseconds=r.seq))
        for r in night("rejected and aborted")
    ]
    assert between[-1].at < kept[-1].at

    known = house(kept, between)
    out = Finding("out", "1_3 is DOWN", "look at it")
    looked = Look("site-1", kept[-1].at - timedelta(seconds=1), (out,), "2026-03-02")
    draft = Draft(Kind.LOOKED, looked.at, "engine", looked.as_json())
    known._journal.append(stream_of("site-1"), [draft], lease=None, last_seq=0)

    told = known.status("site-1").splitlines()

    assert kept[0].stream in told[0]
    assert told[-1].endswith(f"; {kept[0].stream} has ended since")


def test_a_run_that_waits_for_its_time_is_meant_where_it_is_the_only_one():
    known = house(waiting_rollback())

    assert known.open_one("site-1") == waiting_rollback()[0].stream
    assert not known.is_busy("site-1"), "another run may be ordered"


def test_of_two_that_wait_nobody_can_tell_which_is_meant():
    known = house(waiting_rollback(), until(night("appointed"), Kind.DONE, step="VERIFY"))

    for target in ("site-1", ""):
        with pytest.raises(NoSuchRun, match="Which run\\? Open runs: `hf-"):
            known.open_one(target)


def test_the_status_of_a_group_tells_every_open_run_and_when_it_may_begin():
    shown = house(waiting_rollback(), until(night("appointed"), Kind.DONE, step="VERIFY")).status(
        "site-1"
    )

    assert "*Keep it? G1, due Thu 5 Mar 22:56 UTC · hf-" in shown
    assert "*Scheduled for Tue 3 Mar 05:00 CET (UTC+1) · hf-" in shown
    assert "When: from Tue 3 Mar 05:00 CET (UTC+1), your time <!date^" in shown
