"""What no step expected ends in BROKEN: told once, waiting for a person, deaf to nothing."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.journal import Kind
from engine.ports import Output
from engine.rehearsal.group import Setup
from engine.rehearsal.shell import RehearsalShell
from storage.records import UNREADABLE, InboxRow, Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package


class Wrong(RehearsalShell):
    """A shell with a mistake of ours in it."""

    mistaken = False

    async def run(self, command: str, *, within: timedelta) -> Output:
        if self.mistaken:
            raise ZeroDivisionError("a mistake of ours")
        return await super().run(command, within=within)


def broken(records: Sequence[Record]) -> list[str]:
    return [r.body["reason"] for r in records if r.kind == Kind.BROKEN]


def test_a_row_that_finds_a_mistake_of_ours_breaks_the_run_once_and_the_next_word_is_heard(
    tmp_path,
):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Night(package, setup=Setup(members=4))
        stage.begin()
        stage.order()
        await stage.until(lambda s: s.open_gate is not None)
        at = stage.clock.now()
        stage.stores.inbox.put(InboxRow("evt:poison", stage.run, "hint", {}, at))
        await stage.until(lambda s: s.hold is not None)
        await stage.clock.sleep(timedelta(minutes=10))
        before, waiting = list(stage.records()), list(stage.stores.inbox.waiting())
        stage.say("retry")
        state = await stage.until(lambda s: s.ended is not None)
        await stage.close()
        return before, waiting, state

    before, waiting, state = run_virtual(night(small_package(tmp_path)))

    (reason,) = broken(before)
    assert reason.startswith("KeyError: 'channel' (_hint, line ")
    assert waiting == []
    assert state.ended is not None
    assert state.ended["state"] == "done"


def test_words_that_somebody_spoilt_hold_their_run_until_people_looked_and_block_no_other(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Night(package, setup=Setup(members=4))
        stage.begin()
        at = stage.clock.now() - timedelta(days=1)
        for number in range(150):  # more than are looked at in one go
            stage.stores.inbox.put(InboxRow(f"odd:{number}", None, UNREADABLE, {}, at))
        stage.order()
        await stage.until(lambda s: s.open_gate is not None)
        stage.stores.inbox.put(InboxRow("evt:spoilt", stage.run, UNREADABLE, {}, at))
        hold = (await stage.until(lambda s: s.hold is not None)).hold
        await stage.clock.sleep(timedelta(minutes=10))
        before, waiting = list(stage.records()), list(stage.stores.inbox.waiting())
        stage.say("retry")
        state = await stage.until(lambda s: s.ended is not None)
        await stage.close()
        return hold, before, waiting, state

    hold, before, waiting, state = run_virtual(night(small_package(tmp_path)))

    assert "evt:spoilt" in hold.reason
    assert "may have been a stop" in hold.reason
    assert [r.kind for r in before].count(Kind.HELD) == 1
    assert waiting == []
    assert (state.ended or {}).get("state") == "done"


def test_a_mistake_in_the_watch_over_a_group_that_is_down_is_told_once_and_does_not_loop(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Night(package, setup=Setup(members=4))
        stage.begin()
        shell = Wrong(stage.group)
        assert stage.worker is not None
        stage.worker._shells["site-1"] = shell
        stage.order()
        await stage.until(lambda s: s.of("A.INSTALL").status != "waiting")
        stage.say("halt")
        await stage.until(lambda s: bool(s.halted))
        shell.mistaken = True
        await stage.clock.sleep(timedelta(hours=1))
        found = list(stage.records())
        shell.mistaken = False
        stage.say("resume")
        stage.say("retry")
        state = await stage.until(lambda s: s.ended is not None)
        await stage.close()
        return found, state

    records, state = run_virtual(night(small_package(tmp_path)))

    (reason,) = broken(records)
    assert reason.startswith("ZeroDivisionError: a mistake of ours")
    assert records[-1].body.get("out_of_service") == ["1_1", "1_2"]
    assert state.ended is not None
    assert state.ended["state"] == "done"
