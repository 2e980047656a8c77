"""Orders: what makes a run, what is refused, and that each is answered once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.canon import to_json
from engine.journal import Kind
from engine.model import Request
from engine.orders import run_id
from engine.rehearsal.group import Setup
from storage.records import HOUSE, Draft, InboxRow, StorageDown
from tests.simulation.loop import run_virtual
from tests.simulation.night import CHANNEL, PACKAGE, REQUESTER, Night, small_package


def orders(
    tmp_path: Path,
    *asked: dict[str, Any],
    away: bool = False,
    shared: str = "",
    **setup: Any,
) -> Night:
    """Put orders into the inbox at once, and let half a minute pass; `away` is Slack.

    `shared` is why the channel is not one of ours alone.
    """

    async def night() -> Night:
        stage = Night(small_package(tmp_path), setup=Setup(members=4, **setup))
        stage.crowd.away = away
        stage.crowd.shared_channels = {CHANNEL: shared}
        stage.begin()
        for number, fields in enumerate(asked, start=1):
            request = Request(
                **{
                    "kind": "install",
                    "security_group": "site-1",
                    "package": PACKAGE,
                    "requester": REQUESTER,
                    "channel": CHANNEL,
                }
                | fields
            )
            body = {"request": to_json(request), "answer": {"channel": CHANNEL}}
            stage.stores.inbox.put(
                InboxRow(f"cmd:{number}", None, "order", body, stage.clock.now())
            )
        await stage.until(lambda s: False, hours=0.01)
        await stage.close()
        return stage

    return run_virtual(night())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"security_group": "site-9"}, "there is no group site-9; known: site-1"),
        ({"package": "other.tgz"}, "other.tgz is not in the repository"),
        ({"split": (("1_1",), ("1_2", "1_3", "1_4"))}, "nearly equal size"),
    ],
)
def test_what_cannot_be_planned_is_answered_and_makes_no_run(tmp_path, fields, words):
    stage = orders(tmp_path, fields)

    assert [text for _, text in stage.said.texts if words in text]
    assert stage.stores.journal.runs(open_only=False) == []
    assert [r.kind for r in stage.stores.journal.read(HOUSE)] == [Kind.REFUSED]


@pytest.mark.parametrize("kind", ["order", "plan"])
@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"only_members": ["1_1"]}, "only_members"),
        ({"appointment": {"start": "2026-11-30T03:00:00Z", "weekly": True}}, "appointment.weekly"),
        ({"groups": "by rack"}, "groups = 'by rack'"),
        ({"kind": "drain"}, "kind = 'drain'"),
    ],
)
def test_an_order_is_not_done_without_what_only_a_newer_version_knows(
    tmp_path, fields, unknown, kind
):
    async def night() -> Night:
        stage = Night(small_package(tmp_path))
        stage.begin()
        asked = Request("install", "site-1", PACKAGE, REQUESTER, CHANNEL)
        body = {"request": {**to_json(asked), **fields}, "answer": {}}
        stage.stores.inbox.put(InboxRow("cmd:1", None, kind, body, stage.clock.now()))
        await stage.until(lambda s: False, hours=0.01)
        await stage.close()
        return stage

    stage = run_virtual(night())

    ((user, told),) = stage.said.texts
    assert user == REQUESTER
    assert f"the order says {unknown}, which this version does not know" in told
    assert stage.stores.journal.runs(open_only=False) == []
    assert stage.stores.inbox.waiting() == []
    assert stage.shell._logins == [], "nobody logged in to the group"


def test_many_refusals_at_once_are_each_recorded_and_answered_once(tmp_path):
    stage = orders(tmp_path, *[{"package": f"other-{n}.tgz"} for n in range(6)])

    assert len(stage.said.texts) == 6
    assert len(stage.stores.journal.read(HOUSE)) == 6
    assert stage.stores.inbox.waiting() == []


EVE = "U0EVE00001"


def test_who_may_not_order_is_refused_before_anything_is_looked_at(tmp_path):
    stage = orders(tmp_path, {"requester": EVE})

    assert [(user, "`install` needs one of these roles: firewall, network" in text)
            for user, text in stage.said.texts] == [(EVE, True)]  # fmt: skip
    assert [r.kind for r in stage.stores.journal.read(HOUSE)] == [Kind.REFUSED]
    assert stage.stores.journal.runs(open_only=False) == []
    assert stage.shell._logins == [], "nobody logged in to the group"


def test_who_slack_cannot_name_does_not_order(tmp_path):
    stage = orders(tmp_path, {}, away=True)

    assert ["Slack could not be asked who you are" in t for _, t in stage.said.texts] == [True]
    assert stage.stores.journal.runs(open_only=False) == []


def test_nothing_is_ordered_in_a_channel_that_others_share(tmp_path):
    stage = orders(tmp_path, {}, shared="this channel is shared with another organisation")

    assert ["shared with another organisation" in text for _, text in stage.said.texts] == [True]
    assert stage.stores.journal.runs(open_only=False) == []
    assert stage.shell._logins == []


def test_two_orders_for_one_group_make_one_run(tmp_path):
    stage = orders(tmp_path, {}, {})

    assert len(stage.stores.journal.runs()) == 1
    assert ["busy with hf-" in text for _, text in stage.said.texts] == [True]


def test_a_group_that_does_not_answer_is_said_and_makes_no_run(tmp_path):
    stage = orders(tmp_path, {}, faults=({"name": "blind", "seconds": 900, "after_s": 0},))

    assert len(stage.said.texts) == 1
    assert stage.stores.journal.runs(open_only=False) == []


def test_an_order_whose_id_an_old_run_has_gets_another_one_and_leaves_that_run_alone(tmp_path):
    async def night() -> tuple[Any, ...]:
        stage = Night(small_package(tmp_path), setup=Setup(members=4))
        taken = [run_id("cmd:1"), run_id("cmd:1", 1)]
        for run in taken:
            ended = Draft(Kind.ENDED, stage.clock.now(), "engine", {"state": "done"})
            stage.stores.journal.append(run, [ended], lease=None, last_seq=0)
        stage.begin()
        stage.order()
        await stage.clock.sleep(timedelta(seconds=30))
        runs = [row.id for row in stage.stores.journal.runs()]
        old = [len(stage.stores.journal.read(run)) for run in taken]
        await stage.close()
        return runs, old, list(stage.stores.inbox.waiting())

    runs, old, waiting = run_virtual(night())

    assert runs == [run_id("cmd:1", 2)]
    assert old == [1, 1]
    assert waiting == []


@pytest.mark.parametrize("lost", ["append", "runs"])
def test_an_order_waits_while_the_database_is_away_and_is_then_taken(tmp_path, monkeypatch, lost):
    """It is no mistake of ours: refused for good, it would have to be said again."""

    async def night() -> Night:
        stage = Night(small_package(tmp_path), setup=Setup(members=4))
        real, failed = getattr(stage.stores.journal, lost), list[str]()

        def once_away(*args: Any, **named: Any) -> Any:
            if not failed and ("group" in named or run_id("cmd:1") in args):
                failed.append(lost)
                raise StorageDown("it is away")
            return real(*args, **named)

        monkeypatch.setattr(stage.stores.journal, lost, once_away)
        stage.begin()
        stage.order()
        await stage.until(lambda s: s.open_gate is not None, hours=0.1)
        assert failed
        await stage.close()
        return stage

    stage = run_virtual(night())

    assert stage.said.texts == []
    assert stage.state().open_gate is not None
