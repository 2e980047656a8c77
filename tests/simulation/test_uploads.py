"""The package's way to the group: damaged, without room, far too slow, stored in another build."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.fold import RunState
from engine.journal import Kind
from engine.rehearsal.files import text_file
from engine.rehearsal.group import Setup
from engine.uploads import importing, stored_otherwise
from tests.simulation.loop import run_virtual
from tests.simulation.night import PACKAGE, POLICY, Night, everyone_agrees, quick, small_package
from tests.unit.builders import NAME, facts, member

UPLOADED = f"/var/log/upload/{PACKAGE}"
Then = Callable[[Night], Awaitable[Any]]


def play(tmp_path: Path, then: Then, **changes: Any) -> tuple[RunState, Night]:
    """Play a night up to what `then` waits for."""

    async def night() -> tuple[RunState, Night]:
        setup = Setup(**{"members": 4, "connections": 1000, **changes})
        stage = Night(
            small_package(tmp_path),
            setup=setup,
            policy=quick(POLICY, watch=timedelta(seconds=30)),
            people=everyone_agrees,
        )
        stage.begin()
        stage.order()
        await then(stage)
        state = stage.state()
        await stage.close()
        return state, stage

    return run_virtual(night())


async def prepared(night: Night) -> None:
    await night.until(lambda s: s.of("VERIFY").status == "done" or s.hold is not None)


async def ended(night: Night) -> None:
    await night.until_over()


def files(night: Night) -> list[str]:
    """Return the members on which the file lies."""
    return [one.id for one in night.group.members.values() if UPLOADED in one.files.files]


def notes(night: Night) -> list[str]:
    told = [r for r in night.records() if r.kind == Kind.PROGRESS and r.body["step"] == "UPLOAD"]
    return [str(r.body["note"]) for r in told if "note" in r.body]


def test_a_file_that_arrives_damaged_is_removed_and_sent_once_more(tmp_path):
    state, night = play(tmp_path, prepared, faults=[{"name": "upload_truncated"}])

    assert state.hold is None
    assert state.of("IMPORT").status == "done"
    assert len(notes(night)) == 1
    assert "removed, sent again" in notes(night)[0]


def test_a_file_that_arrives_damaged_twice_is_removed_and_holds(tmp_path):
    twice = [{"name": "upload_truncated"}, {"name": "upload_truncated"}]
    state, night = play(tmp_path, prepared, faults=twice)

    assert state.hold is not None
    assert (state.hold.step, state.hold.error) == ("UPLOAD", "StepFailed")
    assert "2 times" in state.hold.reason
    assert files(night) == []


@pytest.mark.parametrize("size", [100, 512, 4096], ids=["smaller", "as large", "larger"])
def test_another_file_of_that_name_is_never_what_is_imported(tmp_path, size):
    """Somebody left it there: whatever its size, it is our file that the members get."""

    async def left_behind(night: Night) -> None:
        for one in night.group.members.values():
            one.files.put(UPLOADED, text_file("x" * size))
        await prepared(night)

    state, night = play(tmp_path, left_behind)

    assert state.of("VERIFY").status == "done", state.hold
    ours = hashlib.sha256((tmp_path / PACKAGE).read_bytes()).hexdigest()
    assert state.the_plan.package.sha256 == ours
    imported = {m.id: m.package(PACKAGE) for m in night.group.members.values()}
    assert {one.sha256 for one in imported.values() if one is not None} == {ours}
    assert len(notes(night)) == (1 if size < 512 else 0)


def test_without_room_nothing_is_sent(tmp_path):
    state, night = play(tmp_path, prepared, disk_free_mb=0)

    assert state.hold is not None
    assert (state.hold.step, state.hold.error) == ("UPLOAD", "ConditionFailed")
    assert "/var/log/upload has 0 MB free" in state.hold.reason
    assert [r for r in night.records() if r.kind == Kind.INTENDED] == []
    assert files(night) == []


def test_how_far_a_long_upload_is_stands_in_the_journal(tmp_path):
    state, night = play(tmp_path, prepared, upload_mb_per_s=0.000_001)

    assert state.of("UPLOAD").status == "done"
    told = [r.body for r in night.records() if r.kind == Kind.PROGRESS]
    shares = [body["sent"] for body in told if body["step"] == "UPLOAD"]
    assert len(shares) > 3
    assert shares == sorted(set(shares))
    assert {body["size"] for body in told if "size" in body} == {512}


def test_another_build_holds_with_which_one_and_how_to_delete_it(tmp_path):
    stored = PACKAGE.replace("T120", "T101")
    state, _ = play(
        tmp_path,
        prepared,
        faults=[{"name": "other_build", "member": "1_3", "build": 101}],
        imported=[{"name": stored, "members": ["1_3"]}],
    )

    assert state.hold is not None
    assert (state.hold.step, state.hold.error) == ("IMPORT", "StepFailed")
    assert "Build number 101 of this package is already stored" in state.hold.reason
    assert f"1_3 has {stored}" in state.hold.reason
    assert "installer delete <its number> member_ids <member>" in state.hold.reason


def test_no_other_refusal_is_taken_for_another_build():
    assert stored_otherwise(facts(), NAME, "import on 1_1: Not enough disk space") == ""
    assert "1_1 has one that it does not list" in stored_otherwise(
        facts(), NAME, "import on 1_1: Build number 7 of this package is already stored"
    )


def test_the_file_is_nowhere_when_the_night_is_over_although_the_smo_moved(tmp_path):
    state, night = play(tmp_path, ended)

    assert state.ended is not None
    moves = {r.body["facts"]["smo"] for r in night.records() if r.kind == Kind.SEEN}
    assert len(moves) > 1
    assert files(night) == []


def test_the_file_is_not_removed_while_a_member_imports_from_it(tmp_path):
    seen: list[bool] = []

    async def aborted(night: Night) -> None:
        await night.group.wait_for("import", within=timedelta(hours=1))
        night.say("abort")
        while not any(
            r.kind == Kind.INTENDED and r.body["step"].startswith("ABORT.CLEANUP")
            for r in night.records()
        ):
            await night.clock.sleep(timedelta(seconds=1))
            seen.append(bool(files(night)))
        running = [a for m in night.group.members.values() for a in m.actions if a.running]
        assert running == []
        await night.until_over()

    state, night = play(tmp_path, aborted)

    assert state.ended is not None
    assert all(seen[:-1])
    assert len(seen) > 10
    assert files(night) == []


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("Import", "in progress", ["1_2"]),
        ("Import", "success", []),
        ("Verify", "in progress", []),
    ],
)
def test_only_an_import_that_goes_on_keeps_the_file(kind, status, expected):
    one = member(2)
    assert one.action is not None
    busy = replace(one, action=replace(one.action, type=kind, status=status))

    assert importing((member(1), busy, replace(member(3), action=None))) == expected
