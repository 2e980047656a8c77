"""Steps as task cards: the same steps as in the sections, with the four statuses of Slack."""

from collections import Counter
from typing import Any

import pytest
from slack_sdk.models.blocks import PlanBlock, TaskCardBlock

from bot.views import Message, render
from bot.views.cards import COMPLETE, ERROR, IN_PROGRESS, PENDING, task
from engine.journal import Kind
from tests.unit.nights import NIGHTS, night, until


def plan_of(message: Message) -> dict[str, Any]:
    found = [block for block in message.cards if block["type"] == "plan"]
    assert len(found) == 1
    return found[0]


def root(records: Any) -> Message:
    return render(records)[0]


def titles(message: Message, status: str) -> list[str]:
    return [t["title"] for t in plan_of(message)["tasks"] if t["status"] == status]


@pytest.mark.parametrize("name", NIGHTS)
def test_every_card_is_one_that_slacks_own_library_takes(name):
    records = night(name)
    for end in range(2, len(records) + 1, 7):
        for message in render(records[:end]):
            for block in message.cards:
                if block["type"] != "plan":
                    continue
                PlanBlock(**{k: v for k, v in block.items() if k != "type"}).to_dict()
                ids = Counter(card["task_id"] for card in block["tasks"])
                assert max(ids.values()) == 1
                for card in block["tasks"]:
                    TaskCardBlock(**{k: v for k, v in card.items() if k != "type"}).to_dict()


def test_the_group_in_hand_is_shown_step_by_step_and_the_rest_in_a_card_each():
    records = until(night("good"), Kind.PROGRESS, step="A.INSTALL")
    message = root(records)

    assert titles(message, COMPLETE)[0] == "Preparation: done"
    assert titles(message, COMPLETE)[-1] == "A (1_1-1_2): out of service"
    assert titles(message, IN_PROGRESS) == ["A (1_1-1_2): installing on A"]
    assert titles(message, PENDING) == [
        "A (1_1-1_2): back in service",
        "A (1_1-1_2): stable",
        "B (1_3-1_4): to come, 6 steps",
        "At the end: to come, 3 steps",
    ]
    assert plan_of(message)["title"].startswith("Plan: ")


def test_a_step_that_waits_for_people_says_so_with_gate_and_code():
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    code = [r.body["code"] for r in records if r.kind == Kind.GATE_OPENED][-1]

    assert titles(root(records), IN_PROGRESS) == [
        f"A (1_1-1_2): waiting for approval of the failover of A: G2 ({code})"
    ]


def test_a_held_step_is_in_error_and_nothing_is_in_progress():
    message = root(until(night("rejected"), Kind.HELD))

    (stopped,) = titles(message, ERROR)
    assert stopped.endswith(": stopped here")
    assert titles(message, IN_PROGRESS) == []


def test_an_ended_run_has_no_plan_any_more():
    assert root(night("good")).cards == ()


def test_an_installation_has_a_card_for_members_that_show_the_same():
    records = until(night("good"), Kind.PROGRESS, step="A.INSTALL")
    live = next(m for m in render(records) if m.cards and m.in_thread and "Installing" in m.text)
    shown = plan_of(live)

    said = records[-1].body["members"]
    assert len(shown["tasks"]) == len(set(said.values()))
    assert {card["status"] for card in shown["tasks"]} <= {IN_PROGRESS, PENDING, COMPLETE}
    assert shown["title"] == "Installing take 120 on A (1_1-1_2)"


def test_the_preparation_is_a_plan_of_five_steps():
    records = until(night("good"), Kind.DONE, step="IMPORT")
    live = next(m for m in render(records) if m.cards and m.in_thread and "Preparing" in m.text)

    assert plan_of(live)["title"] == "Preparation: 3 of 5"
    assert titles(live, IN_PROGRESS) == ["Package verified: under way"]
    assert titles(live, PENDING) == ["Auto-clone off"]


def test_a_title_is_one_line_and_not_longer_than_slack_takes():
    card = task("x" * 300, "a\nb" * 300, PENDING, ["one", "two\x1b[31m"])

    assert len(card["task_id"]) <= 255
    assert len(card["title"]) <= 255
    assert "\n" not in card["title"]
    (section,) = card["details"]["elements"]
    assert section["elements"][0]["text"] == "one\ntwo"
