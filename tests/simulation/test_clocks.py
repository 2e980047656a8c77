"""The wall clock is stepped in the middle of a night: nothing is begun too early, or too late."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.views import render
from engine import promises
from engine.journal import Kind
from engine.model import Appointment
from engine.policy import Policy
from engine.rehearsal.group import Setup
from storage.records import Record
from tests.simulation.explore import unsafe_in
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import Night, small_package
from tests.simulation.surroundings import PHASES, SPARSE, Surroundings

HOURS = timedelta(hours=3)
MINUTES = timedelta(minutes=2)
RUNS_OUT = {
    "gate open": ["expired"],
    "one vote": ["expired"],
    "approved": ["expired"],
    "going down": ["TooLate"],
    "going down, committed": ["TooLate"],
    "down": ["TooLate"],
    "second gate": ["expired"],
}
"""What a run holds with where hours seem to pass at a phase, until people say `retry`."""


def holds(stage: Night) -> list[str]:
    return [r.body["error"] for r in stage.records() if r.kind == Kind.HELD]


def found(stage: Surroundings, state: Any) -> tuple[Any, ...]:
    """Return how a night ended, and what its judges say."""
    assert stage.troubles.then == [], "not all that was to happen did"
    starts = {m["installs_started"] for m in stage.group.report()["members"]}
    ended = state.ended["state"] if state.ended else state.hold
    return ended, starts, unsafe_in(stage), holds(stage)


@pytest.mark.slow
@pytest.mark.parametrize("step", [HOURS, -HOURS], ids=["forward", "back"])
@pytest.mark.parametrize("phase", PHASES, ids=lambda name: name.replace(" ", "-"))
def test_a_clock_that_is_stepped_by_hours_at_any_phase_leads_to_the_same_end(tmp_path, phase, step):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.troubles.once(PHASES[phase], lambda: stage.step_clock(step))
        stage.begin()
        stage.order()
        end = found(stage, await stage.play(retry=("expired", "TooLate")))
        await stage.close()
        return end

    end = run_virtual(night(small_package(tmp_path)))

    # Only what people are asked, or have approved, runs out, and only where time seems to.
    expired = RUNS_OUT.get(phase, []) if step > timedelta(0) else []
    assert end == ("done", {1}, [], expired)


@pytest.mark.parametrize(
    "steps",
    [
        (timedelta(seconds=3), -timedelta(seconds=3)),
        (MINUTES, -MINUTES),
        (-MINUTES, MINUTES),
        (-MINUTES, -MINUTES),
    ],
    ids=["seconds", "minutes", "minutes-back-first", "always-back"],
)
def test_a_clock_that_is_corrected_at_every_phase_disturbs_nothing(tmp_path, steps):
    async def night(package: Path) -> tuple[Any, ...]:
        stage = Surroundings(package)
        for phase, step in zip(PHASES.values(), cycle(steps)):
            stage.troubles.once(phase, partial(stage.step_clock, step))
        stage.begin()
        stage.order()
        end = found(stage, await stage.play())
        await stage.close()
        return end

    assert run_virtual(night(small_package(tmp_path))) == ("done", {1}, [], [])


# ----------------------------------------------------------------------------- what waits


def seconds_between(tmp_path: Path, first: str, then: str, fate: Any) -> float:
    """Return how long a night took from one record to the next, by a clock that never steps."""

    async def night(package: Path) -> float:
        stage = Surroundings(package)
        at: list[float] = []

        def begin() -> None:
            at.append(stage.steady.monotonic())
            stage.troubles.once(WAITS[then], lambda: at.append(stage.steady.monotonic()))
            fate(stage)

        stage.troubles.once(WAITS[first], begin)
        stage.begin()
        stage.order()
        await stage.play()
        await stage.close()
        return at[1] - at[0]

    return run_virtual(night(small_package(tmp_path)))


WAITS = {
    **PHASES,
    "not started": lambda r: r.kind == Kind.FOUND and r.body["step"] == "A.INSTALL",
}


@pytest.mark.parametrize("step", [MINUTES, HOURS, -HOURS], ids=str)
def test_the_quiet_time_after_an_answer_that_was_lost_is_not_cut_short(tmp_path, step):
    def lose_it(stage: Surroundings) -> None:
        stage.group.add_fault({"name": "drop_sessions", "after_s": 0})
        stage.step_clock(step)

    waited = seconds_between(tmp_path, "install committed", "not started", lose_it)

    assert Policy().quiet.total_seconds() <= waited < 400


@pytest.mark.parametrize("step", [MINUTES, -HOURS], ids=str)
def test_the_grace_time_is_as_long_as_it_was_told(tmp_path, step):
    waited = seconds_between(
        tmp_path, "approved", "going down", lambda stage: stage.step_clock(step)
    )

    assert Policy().failover.grace.total_seconds() <= waited < 80


# ------------------------------------------------------------------------- what runs out


def intended_downs(records: list[Record]) -> list[Record]:
    return [r for r in records if r.kind == Kind.INTENDED and r.body["kind"] == "ADMIN_DOWN"]


async def approved_and_slack_away(package: Path) -> Surroundings:
    """Play a night to the approval of its first failover, after which Slack is away."""
    stage = Surroundings(package)
    stage.troubles.once(PHASES["approved"], lambda: setattr(stage.crowd, "away", True))
    stage.begin()
    stage.order()
    await stage.until(lambda s: stage.crowd.away)
    return stage


@pytest.mark.parametrize("killed", [False, True], ids=["the-same-process", "a-fresh-process"])
def test_an_approval_does_not_live_longer_because_the_clock_was_set_back(tmp_path, killed):
    """Slack is away when it could be used, for longer than it is good."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = await approved_and_slack_away(package)
        stage.step_clock(-HOURS)
        if killed:
            await stage.kill()
            stage.begin()
        else:
            await stage.steady.sleep(timedelta(minutes=11))
        stage.crowd.away = False
        state = await stage.until(lambda s: s.hold is not None, hours=1)
        end = state.hold.error if state.hold else "", intended_downs(stage.records())
        await stage.close()
        return end

    assert run_virtual(night(small_package(tmp_path))) == ("expired", [])


def test_an_approval_is_as_old_as_what_was_written_since_for_a_fresh_process_too(tmp_path):
    """The wall is set back to after the approval: alone it says that hardly any time passed."""

    async def night(package: Path) -> tuple[Any, ...]:
        stage = await approved_and_slack_away(package)
        await stage.steady.sleep(timedelta(minutes=7))
        stage.say("resume")  # whatever is answered, the record says when
        await stage.steady.sleep(timedelta(minutes=1))
        stage.step_clock(-timedelta(minutes=7))
        await stage.kill()
        stage.begin()
        await stage.steady.sleep(timedelta(minutes=5))
        stage.crowd.away = False
        state = await stage.until(
            lambda s: bool(s.hold or intended_downs(stage.records())), hours=1
        )
        end = state.hold.error if state.hold else "", intended_downs(stage.records())
        await stage.close()
        return end

    assert run_virtual(night(small_package(tmp_path))) == ("expired", [])


def test_a_fresh_process_whose_clock_is_ahead_begins_nothing_that_the_members_say_is_early(
    tmp_path,
):
    """It holds until the clock is right, and then waits for the time; or until people say so."""
    appointment = Appointment(START + timedelta(hours=4), START + timedelta(hours=7), "UTC")
    ahead = timedelta(hours=4)

    async def night(package: Path, *, mended: bool) -> tuple[Any, ...]:
        stage = Surroundings(package)
        stage.begin()
        stage.order(appointment=appointment)
        await stage.until(lambda s: s.at_appointment, hours=2)
        await stage.kill()
        stage.step_clock(ahead)
        stage.begin()
        state = await stage.until(lambda s: s.hold is not None, hours=1)
        held = state.hold.error if state.hold else "", state.hold.reason if state.hold else ""
        if mended:
            stage.step_clock(-ahead)
        stage.say("retry")
        await stage.until(lambda s: bool(s.gates.get("A.FAILOVER")), hours=6)
        true_time = START + timedelta(seconds=stage.steady.monotonic())
        await stage.close()
        return *held, true_time

    package = small_package(tmp_path)

    error, reason, went_on = run_virtual(night(package, mended=True))
    assert error == "ClocksDiffer"
    assert "the clocks of 4 of 4 members are 3 h 59 min or more behind this machine's" in reason
    due = appointment.start - SPARSE.gate_lead
    assert due <= went_on < due + timedelta(minutes=5)

    _, _, at_once = run_virtual(night(package, mended=False))
    assert at_once < START + timedelta(hours=1)


def test_those_on_duty_are_called_again_while_the_clock_is_hours_behind(tmp_path):
    asks = Setup(members=4, faults=({"name": "unknown_prompt", "in": "install"},))

    async def night(package: Path, step: timedelta) -> int:
        stage = Surroundings(package, setup=asks)
        stage.begin()
        stage.order()
        await stage.until(lambda s: s.hold is not None)
        stage.step_clock(step)
        await stage.steady.sleep(timedelta(minutes=31))
        told = [r for r in stage.records() if r.kind == Kind.REMINDED]
        await stage.close()
        return len(told)

    package = small_package(tmp_path)

    assert run_virtual(night(package, timedelta(0))) == 6
    assert run_virtual(night(package, -HOURS)) == 6


# ----------------------------------------------------------------- daylight saving time

CHANGES = {
    "Berlin loses an hour": ("Europe/Berlin", datetime(2026, 3, 29, 0, 40, tzinfo=UTC)),
    "Berlin gains an hour": ("Europe/Berlin", datetime(2026, 10, 25, 0, 40, tzinfo=UTC)),
    "New York loses an hour": ("America/New_York", datetime(2026, 3, 8, 6, 40, tzinfo=UTC)),
    "New York gains an hour": ("America/New_York", datetime(2026, 11, 1, 5, 40, tzinfo=UTC)),
}
SHOWN = re.compile(r"<!date\^(\d+)\^\{date_short_pretty\} at \{time_secs\}\|([-0-9: ]+) UTC>")


@pytest.mark.parametrize("change", CHANGES, ids=lambda name: name.replace(" ", "-"))
def test_a_night_over_a_change_of_daylight_saving_time_goes_and_is_told_as_any_other(
    tmp_path, change
):
    """Slack shows a moment in each reader's zone: what it is given must be the true moment."""
    zone, start = CHANGES[change]

    async def night(package: Path) -> tuple[Any, list[Record]]:
        stage = Surroundings(package, start=start)
        stage.begin()
        stage.order()
        end = found(stage, await stage.play())
        records = stage.records()
        await stage.close()
        return end, records

    end, records = run_virtual(night(small_package(tmp_path)))

    assert end == ("done", {1}, [], [])
    assert records[0].at == start
    offsets = {r.at.astimezone(ZoneInfo(zone)).utcoffset() for r in records}
    assert len(offsets) == 2, "the change does not fall into this night"
    expiring = {
        datetime.fromisoformat(r.body["expires_at"]) - r.at
        for r in records
        if r.kind == Kind.GATE_OPENED
    }
    assert expiring == {Policy().failover.approval_expiry}
    known = {int(r.at.timestamp()) for r in records} | {
        int(datetime.fromisoformat(r.body[name]).timestamp())
        for r in records
        for name in ("expires_at", "starts_at", "good_until")
        if r.body.get(name)
    }
    shown = [found for m in render(records) for found in SHOWN.findall(m.text + str(m.blocks))]
    assert shown
    for epoch, spelled in shown:
        assert int(epoch) in known
        told = datetime.strptime(spelled, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        assert told == datetime.fromtimestamp(int(epoch), UTC).replace(second=0)
    assert promises.BROKEN not in promises.judge(records).values()
