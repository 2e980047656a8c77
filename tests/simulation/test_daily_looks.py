"""The daily look: once a day, by one worker, only where no run is, and whatever was down then."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine import daily, drift, promises
from engine.drift import Finding, Look
from engine.facts import GroupFacts
from engine.group import LiveGroup
from engine.journal import Kind
from engine.ports import GroupSetup
from engine.rehearsal.group import Setup
from storage.records import HOUSE, UNREADABLE, Draft
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import Night, everyone_agrees, small_package
from tests.simulation.two_workers import TwoWorkers
from tests.simulation.writing import freeze
from tests.unit.nights import SPARSE

AT = time(22, 10)
DAY = 24 * 3600
FAILED = {"name": "member_fails", "member": "1_4", "after_s": 0}


def looks(night: Night) -> list[Look]:
    records = night.stores.journal.read(drift.stream_of("site-1"))
    assert {record.kind for record in records} <= {Kind.LOOKED}
    return drift.looks_of(records)


def found(night: Night) -> list[list[str]]:
    return [[one.key for one in look.findings] for look in looks(night)]


def after_start(look: Look) -> int:
    """Whole minutes from the start until it was looked."""
    return round((look.at - START).total_seconds() // 60)


async def passes(night: Night, seconds: float) -> None:
    await night.clock.sleep(timedelta(seconds=seconds))


def played(
    tmp_path: Path,
    do: Callable[[Night], Awaitable[Any]],
    *faults: dict[str, Any],
    **how: Any,
) -> Night:
    """Have an executor at work beside whatever is done, on a group of four; return the stage."""

    async def night() -> Night:
        setup = Setup(members=4, faults=faults)
        ticks = timedelta(seconds=15)
        kept: dict[str, Any] = {"setup": setup, "policy": SPARSE, "ticks": ticks}
        stage = Night(small_package(tmp_path), **{**kept, "daily_look": AT, **how})
        stage.group.start()
        stage.begin()
        await do(stage)
        await stage.close()
        return stage

    return run_virtual(night())


# ------------------------------------------------------------------------------ once a day


def test_a_group_is_looked_at_when_its_time_comes_once_a_day(tmp_path):
    night = played(tmp_path, lambda night: passes(night, 2 * DAY + 1800), FAILED)

    assert [look.day for look in looks(night)] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert [after_start(look) - 10 for look in looks(night)] == [0, 1440, 2880]
    assert found(night) == [["out"]] * 3
    assert night.group.report()["acts"] == []
    assert night.stores.journal.read(HOUSE) == []


def test_a_group_that_is_in_order_is_looked_at_and_nothing_is_found(tmp_path):
    night = played(tmp_path, lambda night: passes(night, DAY))

    assert found(night) == [[]]


def test_without_a_time_nothing_is_looked_at(tmp_path):
    night = played(tmp_path, lambda night: passes(night, DAY), FAILED, daily_look=None)

    assert looks(night) == []
    assert night.shell._logins == []


def test_a_restart_does_not_look_again(tmp_path):
    async def restart(night: Night) -> None:
        await passes(night, 720)
        await night.kill()
        night.begin()
        await passes(night, 1800)

    assert found(played(tmp_path, restart, FAILED)) == [["out"]]


def test_what_was_missed_while_it_was_down_is_made_up_for_once(tmp_path):
    async def down_for_three_days(night: Night) -> None:
        await passes(night, 720)
        await night.kill()
        await passes(night, 3 * DAY)
        night.begin()
        await passes(night, 1800)

    night = played(tmp_path, down_for_three_days)

    assert [look.day for look in looks(night)] == ["2026-03-02", "2026-03-05"]


# ------------------------------------------------------------------- workers and the database


def two_workers(tmp_path: Path, do: Callable[[TwoWorkers, list[Any]], Awaitable[None]]) -> Any:
    async def night() -> TwoWorkers:
        setup = Setup(members=4, faults=(FAILED,))
        stage = TwoWorkers(
            small_package(tmp_path), setup=setup, daily_look=AT, ticks=timedelta(seconds=5)
        )
        await do(stage, [stage.add(), stage.add()])
        await stage.close()
        return stage

    return run_virtual(night())


def test_of_two_workers_one_looks(tmp_path, monkeypatch):
    seen = observed(monkeypatch)

    async def a_day(stage: TwoWorkers, _: list[Any]) -> None:
        await passes(stage, DAY + 1800)

    night = two_workers(tmp_path, a_day)

    assert found(night) == [["out"]] * 2
    assert len(seen) == 2


def test_an_outage_of_the_database_over_the_moment_ends_nothing(tmp_path):
    async def away(stage: TwoWorkers, processes: list[Any]) -> None:
        await passes(stage, 300)
        for process in processes:
            process.database_away = True
        await passes(stage, 3600)
        assert looks(stage) == []
        for process in processes:
            process.database_is_back()
        await passes(stage, 600)
        assert len(looks(stage)) == 1
        await passes(stage, DAY)

    night = two_workers(tmp_path, away)

    assert [look.day for look in looks(night)] == ["2026-03-02", "2026-03-03"]


def test_a_worker_that_was_stopped_in_the_middle_of_a_look_records_none_later(tmp_path):
    async def night() -> list[list[str]]:
        stage = TwoWorkers(
            small_package(tmp_path),
            setup=Setup(members=4, faults=(FAILED,)),
            daily_look=AT,
            ticks=timedelta(seconds=5),
        )
        first = stage.add()
        await passes(stage, 605)
        while stage.stores.leases.current(drift.stream_of("site-1")) is None:
            await passes(stage, 0.01)
        first.stop()
        stage.add()
        await passes(stage, 1800)
        first.go_on()
        await passes(stage, 600)
        told = found(stage)
        await stage.close()
        return told

    assert run_virtual(night()) == [["out"]]


def test_a_group_that_another_worker_looks_at_is_left_to_it(tmp_path, monkeypatch):
    seen = opened(monkeypatch)

    async def beside(night: Night) -> None:
        stream = drift.stream_of("site-1")
        night.stores.leases.acquire(stream, "another", ttl_s=1200, now=night.clock.now())
        await passes(night, 900)
        assert seen == []
        await passes(night, 900)

    night = played(tmp_path, beside)

    assert found(night) == [[]]
    assert seen == ["site-1"]


def observed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note every look that is made at all."""
    seen: list[bool] = []
    observe = LiveGroup.observe

    async def noted(self: LiveGroup, *, full: bool = False) -> GroupFacts:
        seen.append(full)
        return await observe(self, full=full)

    monkeypatch.setattr(LiveGroup, "observe", noted)
    return seen


# ------------------------------------------------------------------------------------- runs


def test_a_run_that_changes_the_group_at_that_time_is_the_look_of_that_day(tmp_path):
    async def order(night: Night) -> None:
        night.order()
        state = await night.until_over()
        assert state.ended is not None
        assert night.clock.now() > START + timedelta(minutes=30)
        await passes(night, 3 * 3600)
        assert looks(night) == []
        await passes(night, DAY)

    night = played(tmp_path, order)

    assert [look.day for look in looks(night)] == ["2026-03-03"]
    broken = [v for v, _ in promises.explained(night.records()).values() if v == promises.BROKEN]
    assert broken == []


def test_after_a_proposal_that_nobody_approved_the_group_is_looked_at(tmp_path):
    async def order(night: Night) -> None:
        night.order()
        await passes(night, 1500)
        assert looks(night) == []
        night.say("abort")
        await passes(night, 1800)

    night = played(tmp_path, order, people=lambda *_: None)

    assert [look.day for look in looks(night)] == ["2026-03-02"]
    assert after_start(looks(night)[0]) >= 25


def test_a_run_that_is_ordered_in_the_same_moment_goes_on_as_ever(tmp_path):
    async def order(night: Night) -> None:
        await passes(night, 600)
        night.order()
        await night.until_over()
        await passes(night, 3600)

    night = played(tmp_path, order)

    assert night.state().ended is not None
    assert [m["take_after"] for m in night.group.report()["members"]] == [120] * 4
    assert len(looks(night)) <= 1


def test_a_run_that_nobody_touches_is_told_of_each_day_and_its_group_let_be(tmp_path, monkeypatch):
    async def reject(night: Night) -> None:
        night.order()
        await night.until_over()
        assert night.state().hold is not None
        seen.clear()
        await passes(night, 2 * DAY)

    def agree_to_the_proposal(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            everyone_agrees(night, gate, step)
        else:
            night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))

    seen = opened(monkeypatch)
    night = played(tmp_path, reject, people=agree_to_the_proposal)

    assert found(night) == [["held"]]
    assert seen == []
    assert night.run in looks(night)[0].findings[0].text


async def told_now(night: Night) -> list[tuple[str, str, str]]:
    """What who asks now reads of the group."""
    assert night.worker is not None
    setup = night.worker._inventory.group("site-1")
    assert setup is not None
    look = await daily.look_now(setup, setup.open_shell(), night.clock, night.stores.journal)
    return [(one.key, one.text, one.do) for one in look.findings]


def test_who_asks_beside_a_run_at_work_reads_whose_it_is_and_no_advice_for_the_devices(
    tmp_path, monkeypatch
):
    seen = opened(monkeypatch)
    told: list[tuple[str, str, str]] = []

    async def order(night: Night) -> None:
        night.order()
        await night.until(lambda s: s.of("A.ADMIN_DOWN").status == "done")
        assert [m["state"] for m in night.group.report()["members"]].count("DOWN") == 2
        told.extend(await told_now(night))

    night = played(tmp_path, order, daily_look=None)

    ((key, text, do),) = told
    assert key == "busy"
    assert seen == []
    assert f"{night.run} is at work on it" in text
    assert "g_clusterXL_admin" not in f"{text} {do}"


def test_who_asks_reads_nothing_of_a_run_that_began_while_it_was_looked(tmp_path, monkeypatch):
    look_at = daily.look_at
    told: list[tuple[str, str, str]] = []

    async def order(night: Night) -> None:
        async def look_while_it_begins(*given: Any) -> Look:
            look = await look_at(*given)
            night.order()
            await night.until(lambda state: state.open_gate is not None)
            return replace(look, findings=(Finding("out", "1_1 is DOWN", "bring it up"),))

        monkeypatch.setattr(daily, "look_at", look_while_it_begins)
        told.extend(await told_now(night))

    played(tmp_path, order, daily_look=None, people=lambda *_: None)

    assert [key for key, _, _ in told] == ["busy"]


# ------------------------------------------------------------------ a record that was spoilt


def spoil(night: Night, place: int) -> None:
    """Change a look in the database, as its reader then gets it."""
    records = night.stores._door.shelf.streams[drift.stream_of("site-1")]
    at = datetime(1970, 1, 1, tzinfo=UTC)
    records[place] = replace(records[place], at=at, body={UNREADABLE: {}}, hash="")


def test_a_look_that_was_spoilt_is_as_if_it_had_not_been_made_and_that_is_said_once(tmp_path):
    said: list[Any] = []

    async def days(night: Night) -> None:
        await passes(night, 1800)
        spoil(night, 0)
        with capture_logs() as logs:
            await passes(night, DAY)
            spoil(night, 1)
            await night.kill()
            night.begin()
            assert night.worker is not None
            night.worker._looks._since = START
            await passes(night, 1800)
        said.extend(one["seq"] for one in logs if "cannot be read" in one["event"])

    night = played(tmp_path, days)

    records = night.stores.journal.read(drift.stream_of("site-1"))
    assert [look.day for look in drift.looks_of(records)] == ["2026-03-03"]
    assert len(records) == 3
    assert said == [1, 2, 1], "each once by each process"


# ----------------------------------------------------------------------- what cannot be seen


def test_what_was_seen_while_a_run_began_is_not_told(tmp_path, monkeypatch):
    """What it saw was the run at work, which tells of itself."""
    look_at = daily.look_at

    async def order(night: Night) -> None:
        async def look_while_it_begins(*given: Any) -> Look:
            look = await look_at(*given)
            night.order()
            await night.until(lambda state: state.open_gate is not None)
            return look

        monkeypatch.setattr(daily, "look_at", look_while_it_begins)
        await passes(night, 1200)
        assert night.state().open_gate is not None

    assert looks(played(tmp_path, order, people=lambda *_: None)) == []


def test_nothing_but_what_reads_reaches_the_group(tmp_path, monkeypatch):
    async def act(self: LiveGroup, *, full: bool = False) -> GroupFacts:
        await self._shell.run("reboot", within=timedelta(seconds=30))
        raise AssertionError

    monkeypatch.setattr(LiveGroup, "observe", act)
    night = played(tmp_path, lambda night: passes(night, 2400))

    (look,) = looks(night)
    assert "`reboot` is not known to only read" in look.findings[0].text
    assert night.group.report()["acts"] == []


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every group at which a daily look is begun."""
    seen: list[str] = []
    look_at = daily.look_at

    async def noted(setup: GroupSetup, *given: Any) -> Look:
        seen.append(setup.name)
        return await look_at(setup, *given)

    monkeypatch.setattr(daily, "look_at", noted)
    return seen


def blind(after_s: float, seconds: float) -> dict[str, Any]:
    return {"name": "blind", "after_s": after_s, "seconds": seconds}


def test_a_group_that_answers_again_within_its_limit_is_looked_at_then(tmp_path):
    night = played(tmp_path, lambda night: passes(night, 3600), blind(590, 240))

    assert found(night) == [[]]
    assert after_start(looks(night)[0]) >= 13


def test_a_group_that_does_not_answer_is_told_of_once_and_is_in_order_the_next_day(tmp_path):
    night = played(tmp_path, lambda night: passes(night, DAY + 3600), blind(590, 3600))

    assert found(night) == [["unseen"], []]
    assert after_start(looks(night)[0]) >= 20


def test_a_mistake_of_ours_is_told_once_a_day_and_keeps_nothing_from_going_on(
    tmp_path, monkeypatch
):
    def spoilt(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(drift, "findings", spoilt)
    night = played(tmp_path, lambda night: passes(night, DAY))

    (look,) = looks(night)
    assert "a mistake of ours (ZeroDivisionError)" in look.findings[0].text


# --------------------------------------------------------------------------------- what is owed


def owe(night: Night) -> None:
    body = {"group": "site-1", "run": "hf-000007", "was": True, "packages": []}
    draft = Draft(Kind.OWED, night.clock.now(), "engine", body)
    night.stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)


def test_who_operates_is_called_where_auto_clone_is_owed_and_nowhere_else(tmp_path):
    async def owing(night: Night) -> None:
        owe(night)
        await passes(night, 1800)

    owed = played(tmp_path, owing)
    failed = played(tmp_path, lambda night: passes(night, 1800), FAILED)

    assert found(owed) == [["owed"]]
    assert looks(owed)[0].call == ("U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0RITA0001")
    assert looks(failed)[0].call == ()


def test_without_slack_it_is_looked_all_the_same(tmp_path):
    """Also while a word about a freeze waits for Slack to say whose it is."""

    async def away(night: Night) -> None:
        owe(night)
        night.crowd.away = True
        freeze(night, "freeze")
        await passes(night, 1800)

    (look,) = looks(played(tmp_path, away))

    assert [one.key for one in look.findings] == ["owed"]
    assert look.call == ()
