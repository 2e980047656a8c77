"""What an order would do, asked in Slack: told to the person alone, and nothing comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import dryrun
from engine.canon import to_json
from engine.facts import GroupFacts
from engine.group import LiveGroup
from engine.journal import Kind
from engine.model import Appointment, Request
from engine.policy import Policy, Windows
from engine.rehearsal.group import Setup
from storage.records import HOUSE, Draft, InboxRow
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import CHANNEL, PACKAGE, POLICY, REQUESTER, Night, small_package

SATURDAYS = replace(POLICY, windows=Windows(((7320, 7500),), ("sat 02:00-05:00",)))
THERE = ({"name": PACKAGE, "installed": True},)


@dataclass(frozen=True)
class Told:
    """What came of it."""

    texts: list[tuple[str, str]]
    files: list[tuple[str, str, str]]
    house: list[Any]
    runs: list[str]
    acts: list[Any]
    waiting: list[str]
    cloning: set[bool]


def ask(
    tmp_path: Path,
    *,
    first: Callable[[Night], None] = lambda _: None,
    members: int = 8,
    faults: tuple[dict[str, Any], ...] = (),
    imported: tuple[dict[str, Any], ...] = (),
    times: int = 1,
    policy: Policy = POLICY,
    **request: Any,
) -> Told:
    async def play() -> Told:
        made = Setup(members=members, faults=faults, imported=imported)
        night = Night(small_package(tmp_path), setup=made, policy=policy)
        night.begin()
        first(night)
        await night.clock.sleep(timedelta(seconds=30))
        wanted = {"kind": "install", "package": PACKAGE, "requester": REQUESTER, **request}
        asked = Request(security_group="site-1", channel=CHANNEL, **wanted)
        for number in range(times):
            body = {"request": to_json(asked), "answer": {"channel": CHANNEL}}
            row = InboxRow(f"cmd:plan{number}", None, "plan", body, night.clock.now())
            night.stores.inbox.put(row)
        await night.clock.sleep(timedelta(seconds=90))
        told = Told(
            night.said.texts,
            night.said.files,
            [r.kind for r in night.stores.journal.read(HOUSE)],
            [row.id for row in night.stores.journal.runs(open_only=False)],
            list(night.group.witness.acts),
            [row.key for row in night.stores.inbox.waiting()],
            set(night.group.auto_clones().values()),
        )
        await night.close()
        return told

    return run_virtual(play())


def only(told: Told) -> str:
    """Return the one answer, which nothing else came with."""
    ((user, text),) = told.texts
    assert (user, told.runs, told.house, told.acts, told.waiting) == (REQUESTER, [], [], [], [])
    assert told.cloning == {True}
    return text


def test_an_installation_is_told_with_every_line_and_nothing_comes_of_it(tmp_path):
    told = ask(tmp_path)

    text = only(told)
    assert f"`install site-1 {PACKAGE}`: nothing was begun" in text
    assert "take 99 -> 120" in text
    assert "A: 1_1-1_4 (while A is down 4 members carry what 8 carry now" in text
    assert ":no_entry:" not in text
    assert len(text) < 3_000
    ((user, name, whole),) = told.files
    assert (user, name) == (REQUESTER, "plan-site-1.txt")
    assert "1_1 asks: gclish -c 'installer install <N> member_ids 1_1-1_4'" in whole


def test_an_uninstall_is_told_as_well(tmp_path):
    order: dict[str, Any] = {"kind": "uninstall", "package": "", "method": "last_take", "take": 99}
    told = ask(tmp_path, imported=THERE, **order)

    text = only(told)
    assert f"`uninstall site-1 {PACKAGE} last take`" in text
    assert "take 120 -> 99 (U0RITA0001 said so)" in text
    ((_, _, whole),) = told.files
    assert "1_1 asks: gclish -c 'installer uninstall <N> member_ids 1_1-1_4'" in whole


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"package": "Other.tgz"}, "Other.tgz is not in the repository"),
        ({"split": (("1_1",), ("1_2", "1_3", "1_4"))}, "equal size"),
        ({"kind": "uninstall", "package": ""}, "take 99 can be uninstalled in two ways"),
        ({"kind": "finish", "package": ""}, "no run has changed anything on site-1"),
        ({"requester": "U0NOBODY01"}, "`install` needs one of these roles"),
    ],
)
def test_where_no_plan_can_be_made_one_sentence_says_why(tmp_path, request_, reason):
    told = ask(tmp_path, members=4, **request_)

    ((_, text),) = told.texts
    assert text.startswith("I understood `plan ")
    assert "no plan can be made: " in text
    assert reason in text
    assert "\n" not in text
    assert (told.files, told.runs, told.house, told.acts) == ([], [], [], [])
    assert told.waiting == []


def test_what_would_stand_in_the_way_now_is_told(tmp_path):
    def freeze(night: Night) -> None:
        body = {"scope": "all", "name": "ana", "reason": "the fair is on", "until": None}
        draft = Draft(Kind.FROZEN, night.clock.now(), "U0ANA00001", body)
        night.stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)
        night.group.admin_down(night.group.members["1_7"])

    told = ask(tmp_path, first=freeze)

    ((_, text),) = told.texts
    assert ":no_entry: An order would be refused now: " in text
    assert "the fair is on" in text
    assert ":no_entry: The run would hold at PREFLIGHT now: 1_7 is DOWN" in text
    assert told.runs == []


def test_what_nothing_holds_for_is_told_as_a_warning(tmp_path):
    def off(night: Night) -> None:
        night.group.members["1_3"].clock_offset_s = -600

    told = ask(tmp_path, first=off)

    text = only(told)
    assert ":warning: the clock of 1_3 is 600 s behind ours" in text
    assert ":no_entry:" not in text
    ((_, _, whole),) = told.files
    assert "Warning: the clock of 1_3 is 600 s behind ours" in whole


def test_an_open_run_is_named_and_not_disturbed(tmp_path):
    told = ask(tmp_path, first=lambda night: night.order())

    (run,) = told.runs
    (text,) = [text for user, text in told.texts if user == REQUESTER]
    assert f":no_entry: An order would be refused now: site-1 is busy with {run}" in text
    assert text.count(":no_entry:") == 1


def test_for_later_an_open_run_that_has_changed_nothing_is_no_obstacle_and_is_named(tmp_path):
    at = Appointment(START + timedelta(hours=6))

    told = ask(tmp_path, first=lambda night: night.order(), appointment=at)

    (run,) = told.runs
    (text,) = [text for user, text in told.texts if user == REQUESTER]
    assert ":no_entry:" not in text
    assert f":warning: site-1 is busy with {run} now. Nothing of this is begun before" in text


def test_when_it_would_begin_is_told_on_the_clocks_of_its_group_and_in_utc(tmp_path):
    at = START + timedelta(hours=6)
    window = Appointment(at, at + timedelta(hours=3), zone="Asia/Tokyo")

    told = ask(tmp_path, appointment=window, rollback_after=timedelta(hours=72))

    ((_, text),), ((_, _, file),) = told.texts, told.files
    for shown in (text, file):
        assert (
            "When: Tue 3 Mar 13:00 JST (UTC+9) until Tue 3 Mar 16:00 JST (UTC+9), in UTC "
            "Tue 3 Mar 04:00 UTC until Tue 3 Mar 07:00 UTC.\n"
        ) in shown
        assert "Afterwards: its rollback is asked for 72 h 00 min after its end, unless" in shown


def test_a_mistake_of_ours_is_told_once_and_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(dryrun, "outline", lambda *_: 1 / 0)

    assert "a mistake of ours (ZeroDivisionError)" in only(ask(tmp_path))


def test_nothing_but_what_reads_reaches_the_group(tmp_path, monkeypatch):
    async def act(self: LiveGroup, *, full: bool = False) -> GroupFacts:
        await self._shell.run("reboot", within=timedelta(seconds=30))
        raise AssertionError

    monkeypatch.setattr(LiveGroup, "observe", act)

    text = only(ask(tmp_path))
    assert "site-1 could not be looked at: `reboot` is not known to only read" in text


def test_each_question_is_answered_once(tmp_path):
    told = ask(tmp_path, times=2)

    assert len(told.texts) == len(told.files) == 2
    assert told.waiting == []


def test_outside_of_the_windows_of_a_group_it_says_that_an_order_would_be_refused(tmp_path):
    told = ask(tmp_path, policy=SATURDAYS)

    assert "An order would be refused now: site-1 fails over only in its windows" in only(told)


def test_inside_of_the_windows_of_a_group_an_order_would_not_be_refused(tmp_path):
    saturday = datetime(2026, 3, 7, 2, 30, tzinfo=UTC)

    told = ask(tmp_path, policy=SATURDAYS, appointment=Appointment(saturday))

    assert "would be refused" not in only(told)
