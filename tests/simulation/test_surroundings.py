"""What a night rests on fails: the database, Slack, days without a bot, settings that change."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from engine.journal import Kind
from storage.records import Record
from tests.simulation.explore import _unsaid, unsafe_in
from tests.simulation.loop import run_virtual
from tests.simulation.night import small_package
from tests.simulation.surroundings import PHASES, SPARSE, Phase, Surroundings

AWAY = timedelta(minutes=10)
NOTICED = timedelta(minutes=2)
"""An act that was under way may go on by itself for so long, until its result has to be written."""

WENT_AWAY = "the database does not answer; nothing is sent until it does"


def of(records: Sequence[Record], *kinds: Kind) -> list[Record]:
    return [record for record in records if record.kind in kinds]


def told_of(records: Sequence[Record], what: str) -> list[str]:
    return [r.body["reason"] for r in of(records, Kind.ALARMED) if r.body["what"] == what]


def judged(stage: Surroundings, state: Any) -> tuple[Any, ...]:
    """Return how a night ended, how often each member was installed, and what judges object to."""
    starts = {m["installs_started"] for m in stage.group.report()["members"]}
    return state.ended["state"] if state.ended else state.hold, starts, unsafe_in(stage)


DONE: tuple[Any, ...] = ("done", {1}, [])

MAY_STILL_HAPPEN = {
    "preparing": {"import"},
    "going down, committed": {"admin_down"},
    "install committed": {"install"},
    "restoring": {"auto_clone_on"},
}
"""What is written already when the database goes away, so that anybody can find it."""


def named(phase: str) -> str:
    return phase.replace(" ", "-")


# --------------------------------------------------------------------------- the database


def acts(stage: Surroundings) -> list[Any]:
    seen: list[Any] = stage.group.report()["acts"]
    return seen


async def goes_away(stage: Surroundings, way: str) -> None:
    """Have the database be away for ten minutes from now; nothing is sent once that is noticed."""
    setattr(stage.troubles, way, True)
    await stage.steady.sleep(NOTICED)
    sent, acted = len(stage.effects.names), acts(stage)
    await stage.steady.sleep(AWAY - NOTICED)
    assert stage.sends(sent) == []
    assert acts(stage) == acted
    setattr(stage.troubles, way, False)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gone", "full"])
@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_a_database_that_is_away_at_any_phase_stops_everything_until_it_is_back(
    tmp_path, phase, way
):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        before: list[int] = []

        def begin() -> None:
            setattr(stage.troubles, way, True)
            before.append(len(acts(stage)))

        stage.troubles.once(PHASES[phase], begin)
        stage.begin()
        stage.order()
        with structlog.testing.capture_logs() as logged:
            await stage.until(lambda s: bool(before))
            await goes_away(stage, way)
            acted = {act["act"] for act in acts(stage)[before[0] :]}
            state = await stage.play()
        found = judged(stage, state), stage.records(), logged, acted
        await stage.close()
        return found

    end, records, logged, acted = run_virtual(night(small_package(tmp_path)))

    assert end == DONE
    assert acted <= MAY_STILL_HAPPEN.get(phase, set())
    errors = [line["event"] for line in logged if line["log_level"] == "error"]
    assert errors.count(WENT_AWAY) == 1
    assert told_of(records, "database") == [
        "the database did not answer for 10 min, and nothing was sent meanwhile"
    ]
    assert of(records, Kind.BROKEN, Kind.TAKEN_UP) == []
    held = [r.body["error"] for r in of(records, Kind.HELD)]
    assert held == (["expired"] if phase == "going down" else [])


def test_a_database_is_not_back_while_records_are_refused(tmp_path):
    """Who administers it took one right away: the leases can be written, the journal cannot."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.troubles.once(PHASES["installing"], lambda: setattr(stage.troubles, "shut", True))
        stage.begin()
        stage.order()
        with structlog.testing.capture_logs() as logged:
            await stage.until(lambda _: stage.troubles.shut)
            await goes_away(stage, "shut")
            state = await stage.play()
        found = judged(stage, state), [line["event"] for line in logged]
        await stage.close()
        return found

    end, logged = run_virtual(night(small_package(tmp_path)))

    assert end == DONE
    assert logged.count(WENT_AWAY) == 1
    assert logged.count("the database answers again") == 1


@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_a_commit_whose_answer_was_lost_is_read_again_and_never_written_twice(tmp_path, phase):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.troubles.answer_lost_at = PHASES[phase]
        stage.begin()
        stage.order()
        state = await stage.play()
        found = judged(stage, state), stage.records()
        await stage.close()
        return found

    end, records = run_virtual(night(small_package(tmp_path)))

    assert end == DONE
    assert of(records, Kind.HELD, Kind.BROKEN, Kind.TAKEN_UP) == []
    assert told_of(records, "database") == [], "too short to be told"
    steps = [r.body["step"] for r in of(records, Kind.DONE)]
    assert len(steps) == len(set(steps))


def test_an_outage_is_told_once_in_slack_also_where_the_answer_to_that_is_lost(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package, with_slack=True)
        stage.troubles.once(PHASES["installing"], lambda: setattr(stage.troubles, "gone", True))
        stage.begin()
        stage.order()
        await stage.until(lambda s: stage.troubles.gone)
        await goes_away(stage, "gone")
        stage.troubles.answer_lost_at = lambda r: r.body.get("what") == "database"
        state = await stage.play()
        await stage.until(lambda _: not _unsaid(stage), hours=0.2)
        assert stage.chat is not None
        said = [m.text for m in stage.chat.messages() if "did not answer for 10 min" in m.text]
        found = judged(stage, state), stage.records(), said, _unsaid(stage)
        await stage.close()
        return found

    end, records, said, unsaid = run_virtual(night(small_package(tmp_path)))

    assert end == DONE
    assert len(told_of(records, "database")) == len(said) == 1
    assert said[0].startswith("⚠️ <@U0RITA0001> The database did not answer for 10 min")
    assert unsaid == []


def test_an_order_on_a_full_disk_is_refused_once_in_the_log_and_taken_when_there_is_room(tmp_path):
    """No lease is held yet, so nothing but a write can tell that the database takes none."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.troubles.full = True
        with structlog.testing.capture_logs() as logged:
            stage.begin()
            stage.order()
            await stage.steady.sleep(AWAY)
            before = stage.records(), stage.sends(0)
            stage.troubles.full = False
            await stage.steady.sleep(timedelta(seconds=60))
        found = before, len(stage.records()), [line["event"] for line in logged]
        await stage.close()
        return found

    before, after, logged = run_virtual(night(small_package(tmp_path)))

    assert before == ([], [])
    assert after > 0
    assert logged.count(WENT_AWAY) == 1
    assert logged.count("the database answers again") == 1


def test_nobody_is_rescued_while_the_database_is_away_and_the_log_says_how_to_do_it_by_hand(
    tmp_path,
):
    """No act without an intent, also not one that would help: it could not be told from another's.

    Once the database is back the group is brought up, if the member that failed is still away.
    """

    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.troubles.once(PHASES["down"], lambda: setattr(stage.troubles, "gone", True))
        stage.begin()
        stage.order()
        with structlog.testing.capture_logs() as logged:
            await stage.until(lambda s: stage.troubles.gone)
            stage.group.add_fault({"name": "member_fails", "member": "1_3", "after_s": 0})
            await goes_away(stage, "gone")
        during = stage.group.states()
        state = await stage.until(lambda s: s.hold is not None, hours=1)
        found = during, stage.group.states(), state, unsafe_in(stage), logged
        await stage.close()
        return found

    during, after, state, unsafe, logged = run_virtual(night(small_package(tmp_path)))

    assert (during["1_1"], during["1_2"]) == ("DOWN", "DOWN")
    assert (after["1_1"], after["1_2"]) == ("ACTIVE", "ACTIVE")
    assert state.rescued == {"A"}
    assert unsafe == []
    by_hand = [line for line in logged if line.get("by_hand")]
    assert [line["by_hand"] for line in by_hand] == ["g_clusterXL_admin -b 1_1-1_2 up"]
    assert by_hand[0]["out_of_service"] == ["1_1", "1_2"]


# ------------------------------------------------------------------------ days of absence

DAYS = timedelta(days=3)


async def found_again_after_days(
    package: Path, phase: str, clock_set: timedelta = timedelta(0)
) -> Surroundings:
    """Let the executor die at a phase, and another one start three days later."""
    stage = Surroundings(package)
    stage.begin()
    stage.order()
    await stage.dies_at(PHASES[phase])
    await stage.steady.sleep(DAYS)
    stage.step_clock(clock_set)
    stage.begin()
    await stage.until(lambda s: s.hold is not None or s.ended is not None, hours=3)
    return stage


@pytest.mark.parametrize("phase", ["down", "install dialogue"], ids=named)
@pytest.mark.parametrize("word", ["abort", "retry"])
def test_a_group_found_down_after_days_is_not_installed_on_the_approval_of_then(
    tmp_path, phase, word
):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = await found_again_after_days(package, phase)
        held = stage.state().hold
        begun = [act for act in acts(stage) if act["act"] == "install"]
        stage.say(word)
        await stage.steady.sleep(timedelta(seconds=60))
        end = judged(stage, await stage.play())
        await stage.close()
        return held, begun, end

    held, begun, end = run_virtual(night(small_package(tmp_path)))

    assert (held.error, held.ways) == ("TooLate", ("abort", "retry"))
    assert "the failover of A began at" in held.reason
    assert begun == []
    assert end == (("aborted", {0}, []) if word == "abort" else DONE)


def test_days_do_not_pass_unseen_because_the_clock_was_set_back(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = await found_again_after_days(package, "down", clock_set=-DAYS - timedelta(hours=1))
        found = stage.state().hold, [act for act in acts(stage) if act["act"] == "install"]
        await stage.close()
        return found

    held, begun = run_virtual(night(small_package(tmp_path)))

    assert held.error == "TooLate"
    assert begun == []


def test_half_a_group_found_down_after_days_is_not_taken_down_further(tmp_path):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.begin()
        stage.order()
        await stage.dies_at(PHASES["going down, committed"])
        # The dialogue was cut between the two members.
        stage.group.admin_down(stage.group.member("1_1"))
        before = stage.group.states(), len(acts(stage))
        await stage.steady.sleep(DAYS)
        stage.begin()
        state = await stage.until(lambda s: s.hold is not None, hours=3)
        found = before[0], stage.group.states(), acts(stage)[before[1] :], state.hold
        await stage.close()
        return found

    before, after, since, hold = run_virtual(night(small_package(tmp_path)))

    assert (before["1_1"], before["1_2"]) == ("DOWN", "ACTIVE")
    assert after == before
    assert since == []
    assert hold.error == "TooLate"


# ---------------------------------------------------------------------------------- Slack


def test_the_time_to_vote_begins_when_a_gates_message_stands(tmp_path):
    """Slack is away for longer than a gate lives: it is asked when people can read it."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package, with_slack=True)
        assert stage.chat is not None
        faults = stage.chat.parts.faults

        def goes() -> None:
            faults.plan({"kind": "outage", "seconds": 2 * 3600})

        stage.troubles.once(PHASES["soaking"], goes)
        stage.begin()
        stage.order()
        state = await stage.play()
        found = judged(stage, state), stage.records(), _unsaid(stage)
        await stage.close()
        return found

    end, records, unsaid = run_virtual(night(small_package(tmp_path)))

    assert end == DONE
    assert unsaid == []
    assert of(records, Kind.HELD) == [], "the gate expired before anybody could read it"
    opened, shown = (
        next(r for r in of(records, kind) if r.body["step"] == "B.FAILOVER")
        for kind in (Kind.GATE_OPENED, Kind.GATE_SHOWN)
    )
    assert shown.at - opened.at > timedelta(hours=1)
    expires = datetime.fromisoformat(shown.body["expires_at"])
    assert expires - shown.at == SPARSE.failover.approval_expiry


# ----------------------------------------------------------------------------- the package


def test_a_package_that_left_the_repository_is_asked_for_and_the_run_goes_on_when_it_is_back(
    tmp_path,
):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        elsewhere = package.with_name("elsewhere.tgz")
        stage.troubles.once(_done_with("PREFLIGHT"), lambda: moved(package, elsewhere))
        stage.begin()
        stage.order()
        held = (await stage.until(lambda s: s.hold is not None)).hold
        moved(elsewhere, package)
        stage.say("retry")
        await stage.steady.sleep(timedelta(seconds=60))
        end = judged(stage, await stage.play())
        await stage.close()
        return held, end

    held, end = run_virtual(night(small_package(tmp_path)))

    assert held is not None
    assert held.error == "StepFailed"
    assert "is not in the repository any more; put it back as" in held.reason
    assert end == DONE


def moved(path: Path, to: Path) -> None:
    path.rename(to)


def _done_with(step: str) -> Phase:
    return lambda record: record.kind == Kind.DONE and record.body["step"] == step
