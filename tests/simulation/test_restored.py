"""A copy of the database is put in its place after the night went on without it."""

import shutil
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.model import Appointment
from storage.records import InboxRow
from storage.stores import open_stores
from storage.upkeep import open_upkeep
from tests.simulation.explore import unsafe_in
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import Reaction, everyone_agrees, small_package
from tests.simulation.stage import FileVault
from tests.simulation.surroundings import PHASES, Phase, Surroundings

COPY = "this database is a copy from Mon 2 Mar"
Then = Callable[["Restored"], Awaitable[None]]
APPROVALS = ("gate open", "one vote", "approved", "going down", "going down, committed")


class Restored(Surroundings):
    """A night whose database is taken away, and a copy of it put in its place."""

    def __init__(self, folder: Path) -> None:
        self.home, self.copy = folder / "home", folder / "backup.db"
        self.home.mkdir()
        super().__init__(small_package(folder), vault=FileVault(self.home))
        for member in self.group.members.values():
            # What a look finds changed holds a run in any case; here nothing was.
            member.auto_clone = False
        self.acted = self.known = 0
        self.found: Any = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self.home / 'hotfix.db'}"

    def back_up(self) -> None:
        with closing(open_upkeep(self.url, acting=False)) as upkeep:
            upkeep.backup(self.copy)

    async def restore(self) -> None:
        """End what acts, put the copy in place, and start again five minutes later."""
        for executor in self.living:
            await executor.end()
        if self._audience is not None:
            self._audience.cancel()  # it reads what is closed now; the next start has its own
            self._audience = None
        self.stores.close()
        for file in self.home.iterdir():
            file.unlink()
        shutil.copy(self.copy, self.home / "hotfix.db")
        await self.steady.sleep(timedelta(minutes=5))
        self.people = lambda _night, _gate, _step: None
        vault: Any = self.vault
        stores: Any = open_stores(self.url, acting=True)
        vault.stores = self.stores = stores
        self.acted, self.known = len(self.group.report()["acts"]), len(self.records())
        self.begin()

    async def idle(self, minutes: float) -> None:
        await self.steady.sleep(timedelta(minutes=minutes))

    @property
    def acts(self) -> list[str]:
        """What was done on devices since."""
        return [one["act"] for one in self.group.report()["acts"][self.acted :]]

    @property
    def kinds(self) -> list[str]:
        return [str(record.kind) for record in self.records()[self.known :]]


def play(
    tmp_path: Path,
    phase: Phase,
    then: Then,
    *,
    first: Then | None = None,
    people: Reaction = everyone_agrees,
    **order: Any,
) -> Restored:
    """Copy the database at a phase, play on as `first` has it, restore it, and play on."""

    async def night() -> Restored:
        stage = Restored(tmp_path)
        stage.people = people
        stage.troubles.once(phase, stage.back_up)
        stage.begin()
        stage.order(**order)
        await (first or aborted)(stage)
        await stage.restore()
        await then(stage)
        stage.found = stage.state(), unsafe_in(stage)
        await stage.close()
        return stage

    return run_virtual(night())


async def aborted(stage: Restored) -> None:
    """People abort the run when group A is down."""
    stage.troubles.once(PHASES["down"], lambda: stage.later(1, lambda: stage.say("abort")))
    state = await stage.until(lambda s: s.ended is not None)
    assert state.ended is not None
    assert state.ended["state"] == "aborted"


async def killed(stage: Restored) -> None:
    """Nothing more happens in the database's first life."""
    await stage.until(lambda _s: stage.copy.exists())


async def killed_with_a_down(stage: Restored) -> None:
    """The first life ends as soon as group A is down."""
    await stage.dead_at(PHASES["down"])


async def nobody_speaks(stage: Restored) -> None:
    await stage.idle(20)


@pytest.mark.parametrize("phase", APPROVALS)
def test_a_copy_holds_and_begins_nothing_on_the_votes_that_still_stand(tmp_path, phase):
    stage = play(tmp_path, PHASES[phase], nobody_speaks)

    hold = stage.state().hold
    assert stage.acts == []
    assert hold is not None
    assert hold.reason.startswith(COPY)
    assert hold.step == "A.READY"
    assert hold.ways == ("retry", "abort")
    assert "VOTED" not in stage.kinds
    assert stage.state().open_gate is None


@pytest.mark.parametrize("phase", APPROVALS)
def test_after_retry_a_copy_asks_again_with_a_code_that_nobody_has_seen(tmp_path, phase):
    async def retry(stage: Restored) -> None:
        await stage.idle(2)
        stage.say("retry")
        await stage.idle(10)
        assert stage.acts == []
        everyone_agrees(stage, "G3", "A.FAILOVER")
        stage.people = everyone_agrees
        await stage.until(lambda s: s.ended is not None or s.hold is not None)

    stage = play(tmp_path, PHASES[phase], retry)

    state, unsafe = stage.found
    assert state.ended is not None, state.hold
    assert state.ended["state"] == "done"
    assert unsafe == []
    records = stage.records()
    codes = [r.body["code"] for r in records if r.kind == Kind.GATE_OPENED]
    assert len(set(codes)) == len(codes) == 4
    first, second = [
        r.body["code"]
        for r in records
        if r.body.get("step") == "A.FAILOVER" and r.kind == Kind.GATE_OPENED
    ]
    assert first != second


def test_a_gate_of_a_copy_has_no_code_that_was_asked_without_it(tmp_path):
    """The same gate, of the same number, about the same facts: words for that one still stand."""
    asked: list[str] = []

    async def until_third(stage: Restored) -> None:
        await stage.until(lambda s: s.hold is not None)
        stage.say("retry")
        state = await stage.until(lambda s: s.gates_asked == 3)
        asked.append(state.gates["A.FAILOVER"].code)

    async def retry(stage: Restored) -> None:
        await stage.idle(2)
        stage.say("retry")
        state = await stage.until(lambda s: s.gates_asked == 3)
        asked.append(state.gates["A.FAILOVER"].code)

    def nobody_after_the_proposal(night: Any, gate: str, step: str) -> None:
        if step == "PROPOSAL":
            everyone_agrees(night, gate, step)

    play(tmp_path, PHASES["gate open"], retry, first=until_third, people=nobody_after_the_proposal)

    first, second = asked
    assert first != second


def test_a_word_that_was_said_before_does_not_end_the_hold_and_a_stop_does_count(tmp_path):
    """The thread is read back: what stands there is new to the copy."""

    async def read_back(stage: Restored) -> None:
        for verb, ago in (("retry", 6), ("abort", 5), ("halt", 5)):
            said = (stage.clock.now() - timedelta(minutes=ago)).isoformat()
            body = {"verb": verb, "user": "U0RITA0001", "answer": {}, "said": said}
            row = InboxRow(f"evt:{verb}", stage.run, "word", body, stage.clock.now())
            stage.stores.inbox.put(row)
        await stage.idle(10)

    stage = play(tmp_path, PHASES["gate open"], read_back)

    state = stage.state()
    assert state.hold is not None
    assert state.hold.reason.startswith(COPY)
    assert not state.aborted
    assert state.halted
    told = [text for _, text in stage.said.texts]
    assert sum("before the bot was started with a copy" in text for text in told) == 2


def test_a_group_that_is_down_is_told_and_not_brought_up_before_somebody_says_so(tmp_path):
    async def trouble(stage: Restored) -> None:
        await stage.idle(2)
        stage.group.add_fault({"name": "member_fails", "member": "1_3", "after_s": 0})
        await stage.idle(10)
        hold = stage.state().hold
        assert hold is not None
        assert hold.reason.startswith(COPY)
        assert {"1_1", "1_2"} <= set(hold.out_of_service)
        held = [r for r in stage.records() if r.kind == Kind.HELD]
        assert held[-1].body["by_hand"] == "g_clusterXL_admin -b 1_1-1_2 up"
        assert stage.acts == []
        stage.say("abort")
        await stage.idle(10)

    stage = play(tmp_path, PHASES["down"], trouble, first=killed_with_a_down)

    assert set(stage.acts) == {"admin_up"}
    assert stage.group.states()["1_1"] == "ACTIVE"


def test_what_is_scheduled_in_a_copy_holds_until_somebody_says_so(tmp_path):
    async def retry(stage: Restored) -> None:
        await stage.idle(2)
        hold = stage.state().hold
        assert hold is not None
        assert hold.reason.startswith(COPY)
        stage.say("retry")
        await stage.idle(2)
        assert stage.state().hold is None

    at = Appointment(START + timedelta(hours=6), said="in 6h")
    prepared = _is_done("VERIFY")
    stage = play(tmp_path, prepared, retry, first=killed, appointment=at)

    assert stage.acts == []
    assert stage.state().at_appointment


def _is_done(step: str) -> Phase:
    return lambda record: record.kind == Kind.DONE and record.body.get("step") == step


def test_a_copy_that_was_answered_is_not_held_at_the_next_start(tmp_path):
    async def retry(stage: Restored) -> None:
        await stage.idle(2)
        stage.say("retry")
        await stage.idle(2)
        await stage.kill()
        stage.begin()
        await stage.idle(2)

    stage = play(tmp_path, PHASES["gate open"], retry)

    assert stage.kinds.count("HELD") == 1
    assert stage.kinds.count("TAKEN_UP") == 2
    assert stage.state().open_gate is not None
