"""What is not as it should be on a group without a run, and when it is looked for."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from engine import drift
from engine.drift import Finding, Known, Look
from engine.facts import PackageState, SiteFacts
from engine.fold import RunState
from engine.former import Former
from storage.records import Record
from tests.unit.builders import NAME, NOW, POLICY, facts, member, plan, records
from tests.unit.nights import night

DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
INSTALLED = ((NAME, PackageState.INSTALLED),)
BESIDE = ((NAME, PackageState.AVAILABLE), ("Check_Point_hotfix.tgz", PackageState.INSTALLED))
ABORTED = Former("hf-000007", plan(), "aborted", {}, began=True)
NOTHING = Known()
DEBT = {"run": "hf-000007", "group": "site-1", "was": True}


def found(seen, known: Known = NOTHING) -> list[Finding]:
    return list(drift.findings("site-1", seen, known, POLICY))


def keys(seen, known: Known = NOTHING) -> list[str]:
    return [one.key for one in found(seen, known)]


def test_a_group_that_is_as_it_should_be_has_no_finding():
    everywhere_on = [member(n, auto_clone=True) for n in range(1, 5)]

    assert found(facts()) == []
    assert found(facts(*everywhere_on)) == []
    assert found(facts(), Known(last=ABORTED)) == []


@pytest.mark.parametrize(
    ("seen", "key", "words"),
    [
        (
            facts(member(3, take=120), member(4, take=120)),
            "takes",
            "members are at different takes: 1_1-1_2 at take 99, 1_3-1_4 at take 120",
        ),
        (
            facts(member(4, take=None)),
            "takes",
            "1_1-1_3 at take 99, 1_4 at no take that is known",
        ),
        (
            facts(member(2, packages=BESIDE)),
            "packages",
            "Check_Point_hotfix is installed on 1_2, and not on 1_1,1_3-1_4",
        ),
        (facts(member(3, **DOWN)), "out", "1_3 is DOWN (ADMIN)"),
        (
            facts(member(3, state="LOST", answered=False)),
            "out",
            "1_3 is LOST, and does not answer",
        ),
        (
            facts(member(2, auto_clone=True)),
            "cloning",
            "image auto-clone does not show the same on every member: off on 1_1,1_3-1_4, on on "
            "1_2",
        ),
        (facts(member(2, auto_clone=None)), "cloning", "not readable on 1_2"),
        (
            facts(*(member(n, packages=INSTALLED) for n in (1, 3, 4)), member(2, packages=None)),
            "cpuse",
            "CPUSE does not answer on 1_2",
        ),
        (
            facts(sites=(SiteFacts(1, "STANDBY"), SiteFacts(2, "STANDBY"))),
            "sites",
            "no Site is active",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_named_with_what_to_do(seen, key, words):
    (one,) = found(seen)

    assert (one.key, one.mention) == (key, False)
    assert words in one.text
    assert one.do


def test_what_the_take_says_already_is_not_said_of_its_package_again():
    seen = facts(member(3, take=120, packages=INSTALLED), member(4, take=120, packages=INSTALLED))

    assert keys(seen) == ["takes"]


def test_while_members_differ_auto_clone_that_is_on_is_told_as_a_danger():
    seen = facts(*(member(n, auto_clone=True, take=99 + n // 4) for n in range(1, 5)))

    takes, cloning = found(seen)

    assert takes.key == "takes"
    assert "image auto-clone is on on 1_1-1_4 while members have different software" in cloning.text


def test_a_run_that_left_them_so_is_named_and_says_how_it_is_settled():
    seen = facts(member(3, take=120), member(4, take=120))

    (by_us,) = found(seen, Known(last=ABORTED))
    (by_hand,) = found(seen, Known(last=replace(ABORTED, state="done")))

    assert by_us.text.endswith("; hf-000007 ended aborted")
    assert "order `finish` for site-1" in by_us.do
    assert "`rollback`, which takes it back" in by_us.do
    assert by_hand.do.startswith("no run of ours left it so")


def test_who_was_left_out_is_named_as_long_as_it_is_out_of_service():
    left_out = replace(ABORTED, state="done", plan=plan(left_out=("1_3",)))

    (out,) = found(facts(member(3, **DOWN)), Known(last=left_out))

    assert out.text == "1_3 is DOWN (ADMIN), left out by hf-000007"
    assert "`g_clusterXL_admin -b 1_3 up`" in out.do


def test_what_a_group_owes_is_told_with_how_to_settle_it_and_calls_those_who_operate():
    owing = replace(ABORTED, state="done", cloning_owed=True)

    (off,) = found(facts(), Known(DEBT, owing))
    (on,) = found(facts(member(2, auto_clone=True)), Known(DEBT, owing))

    assert (off.key, off.mention) == ("owed", True)
    assert "owed since hf-000007, and stays off until all members have the same" in off.text
    assert "order `finish` for site-1" in off.do
    assert on.key == "owed"
    assert "and yet it is on on 1_2: a member may be cloned over" in on.text


def test_a_group_that_nobody_can_see_is_told_with_what_is_known_anyway():
    why = "nobody answers at the group address"

    def told(known: Known) -> list[str]:
        return [one.key for one in drift.unseen("site-1", why, known)]

    assert told(Known()) == ["unseen"]
    assert told(Known(last=ABORTED)) == ["unseen", "unfinished"]
    assert told(Known(DEBT, ABORTED)) == ["unseen", "owed"]
    assert why in drift.unseen("site-1", why, Known())[0].text


# ----------------------------------------------------------------------- runs that nobody ends


def held() -> tuple[list[Record], RunState, datetime]:
    """A run that holds, and when somebody last had to do with it."""
    told = night("rejected")
    end = next(n for n in range(1, len(told) + 1) if RunState.replay(told[:n]).hold)
    state = RunState.replay(told[:end])
    assert state.hold is not None
    return list(told[:end]), state, state.hold.at


def test_a_run_that_holds_is_told_of_after_a_day_in_which_nobody_touched_it():
    told, state, at = held()

    assert drift.resting(told, state, at + timedelta(hours=23)) is None
    finding = drift.resting(told, state, at + timedelta(hours=49))

    assert finding is not None
    assert state.run in finding.text
    assert "nobody has touched it for 2 days" in finding.text
    assert "`retry`" in finding.do


def test_who_touches_it_has_it_told_of_a_day_later():
    told, state, at = held()
    said = replace(told[-1], by="U0ANA00001", at=at + timedelta(hours=20))

    assert drift.resting([*told, said], state, at + timedelta(hours=30)) is None


def test_a_run_that_goes_on_is_not_told_of():
    told = records(("ORDERED", {}))

    assert drift.resting(told, RunState(run="hf-000001"), NOW + timedelta(days=9)) is None


# --------------------------------------------------------------------------------------- when

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def looked(day: str, at: str = "08:00") -> Look:
    return Look("site-1", utc(f"{day}T{at}"), day=day)


@pytest.mark.parametrize(
    ("now", "at", "day", "moment"),
    [
        ("2026-03-02T07:00", "08:00", "2026-03-02", "2026-03-02T07:00"),
        ("2026-03-02T06:59", "08:00", "2026-03-01", "2026-03-01T07:00"),
        ("2026-03-01T23:30", "00:15", "2026-03-02", "2026-03-01T23:15"),
        # The clocks go forward: 02:30 does not come, and is told an hour later.
        ("2026-03-29T10:00", "02:30", "2026-03-29", "2026-03-29T01:30"),
        # They go back: 02:30 comes twice, and the first is meant.
        ("2026-10-25T00:29", "02:30", "2026-10-24", "2026-10-24T00:30"),
        ("2026-10-25T00:31", "02:30", "2026-10-25", "2026-10-25T00:30"),
        ("2026-10-25T01:31", "02:30", "2026-10-25", "2026-10-25T00:30"),
    ],
)
def test_it_is_time_once_on_each_day_of_the_zone(now, at, day, moment):
    found = drift.last_due(time.fromisoformat(at), BERLIN, utc(now))

    assert found == (date.fromisoformat(day), utc(moment))


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (looked("2026-03-01"), True),
        (looked("2026-02-01"), True),
        (looked("2026-03-02"), False),
        (looked("2026-03-01", "23:30"), True),  # late on its own day
        (
            replace(looked("2026-03-01"), at=utc("2026-03-02T07:50")),
            False,
        ),  # so late that it is both
        (looked("2026-03-03"), False),  # another process, whose clock is ahead
        (looked("2027-03-02"), True),  # a clock that was wrong
        (None, False),
    ],
)
def test_a_day_is_looked_for_once_and_a_group_without_a_look_when_its_time_comes(last, due):
    day, moment = date(2026, 3, 2), utc("2026-03-02T08:00")
    since = moment + timedelta(minutes=1)

    assert drift.is_due(day, moment, last, since) is due
    assert drift.is_due(day, moment, None, moment - timedelta(minutes=1))
