"""Orders: what makes a run, what is refused, and that each is answered once."""

from pathlib import Path
from typing import Any

import pytest

from engine.journal import Kind
from engine.model import Request, to_json
from engine.rehearsal.group import Setup
from storage.records import HOUSE, InboxRow
from tests.simulation.loop import run_virtual
from tests.simulation.night import CHANNEL, PACKAGE, REQUESTER, Night, small_package


def orders(tmp_path: Path, *asked: dict[str, Any], **setup: Any) -> Night:
    """Put orders into the inbox at once, and let half a minute pass."""

    async def night() -> Night:
        stage = Night(small_package(tmp_path), setup=Setup(members=4, **setup))
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
            body = {"request": to_json(request), "answer": {}}
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


def test_many_refusals_at_once_are_each_recorded_and_answered_once(tmp_path):
    stage = orders(tmp_path, *[{"package": f"other-{n}.tgz"} for n in range(6)])

    assert len(stage.said.texts) == 6
    assert len(stage.stores.journal.read(HOUSE)) == 6
    assert stage.stores.inbox.waiting() == []


def test_two_orders_for_one_group_make_one_run(tmp_path):
    stage = orders(tmp_path, {}, {})

    assert len(stage.stores.journal.runs()) == 1
    assert ["busy with hf-" in text for _, text in stage.said.texts] == [True]


def test_a_group_that_does_not_answer_is_said_and_makes_no_run(tmp_path):
    stage = orders(tmp_path, {}, faults=({"name": "blind", "seconds": 900, "after_s": 0},))

    assert len(stage.said.texts) == 1
    assert stage.stores.journal.runs(open_only=False) == []
