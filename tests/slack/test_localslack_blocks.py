"""Block Kit: what is refused, with the path of what is wrong."""

import pytest

from bot.localslack.blocks import check_blocks
from bot.localslack.refusal import Refused


def text(length, kind="mrkdwn"):
    return {"type": kind, "text": "x" * length}


def section(length):
    return {"type": "section", "text": text(length)}


def button(**fields):
    return {"type": "button", "action_id": "a", "text": text(5, "plain_text"), **fields}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


def test_what_slack_takes_is_taken_and_completed():
    blocks = check_blocks(
        [
            section(3_000),
            {"type": "header", "text": text(150, "plain_text")},
            {"type": "divider", "block_id": "line"},
            {"type": "context", "elements": [text(10)] * 10},
            actions(*(button(action_id=str(n), value="v" * 2_000) for n in range(3))),
            {
                "type": "plan",
                "title": "Steps",
                "tasks": [
                    {
                        "type": "task_card",
                        "task_id": "1",
                        "title": "Import",
                        "status": "in_progress",
                    }
                ],
            },
        ]
    )
    assert all(block["block_id"] for block in blocks)
    assert blocks[2]["block_id"] == "line"
    assert blocks[0]["text"]["verbatim"] is False


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        ([section(1)] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section(3_001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section(0)], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
        (
            [{"type": "section", "fields": [text(2_001)]}],
            "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
        ),
        (
            [{"type": "section", "fields": [text(1)] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            [{"type": "header", "text": text(151, "plain_text")}],
            "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            [{"type": "header", "text": text(1)}],
            "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
        ),
        (
            [actions(button(text=text(76, "plain_text")))],
            "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
        ),
        (
            [actions(button(value="v" * 2_001))],
            "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        (
            [actions(button(action_id="i" * 256))],
            "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
        ),
        (
            [actions(*(button(action_id=str(n)) for n in range(26)))],
            "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [actions(button(), button())],
            '`action_id` "a" already exists [json-pointer:/blocks/0/elements]',
        ),
        (
            [actions(button(style="loud"))],
            "unsupported style: loud [json-pointer:/blocks/0/elements/0/style]",
        ),
        (
            [actions(button(confirm={"title": text(101, "plain_text"), "text": text(1)}))],
            "must be less than 101 characters"
            " [json-pointer:/blocks/0/elements/0/confirm/title/text]",
        ),
        (
            [{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}],
            '`block_id` "b" already exists for another block [json-pointer:/blocks/1/block_id]',
        ),
        (
            [{"type": "divider", "block_id": "b" * 256}],
            "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
        ),
        (
            [{"type": "context", "elements": [text(1)] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
        ),
        ([{"type": "marquee"}], "unsupported type: marquee [json-pointer:/blocks/0]"),
        (
            [{"type": "task_card", "task_id": "1", "title": "t", "status": "completed"}],
            "unsupported status: completed [json-pointer:/blocks/0/status]",
        ),
        (
            [{"type": "plan", "title": "t", "tasks": [{"type": "section"}]}],
            "unsupported type: section [json-pointer:/blocks/0/tasks/0]",
        ),
        (
            [{"type": "plan", "tasks": []}],
            "must be a string [json-pointer:/blocks/0/title]",
        ),
        (
            [{"type": "task_card", "task_id": "1", "title": "t", "details": text(3)}],
            "must provide a rich_text block [json-pointer:/blocks/0/details]",
        ),
        (
            [{"type": "task_card", "task_id": "1", "title": "t", "sources": [{"type": "file"}]}],
            "unsupported type [json-pointer:/blocks/0/sources/0]",
        ),
        (
            [{"type": "table", "rows": [[]] * 101}],
            "no more than 100 items allowed [json-pointer:/blocks/0/rows]",
        ),
    ],
)
def test_what_slack_refuses_is_refused_with_its_path(blocks, fault):
    with pytest.raises(Refused) as caught:
        check_blocks([dict(block) for block in blocks])
    assert caught.value.error == "invalid_blocks"
    assert fault in caught.value.fields["errors"]
    assert f"[ERROR] {fault}" in caught.value.fields["response_metadata"]["messages"]


def test_all_blocks_together_may_be_too_long():
    check_blocks([section(2_640) for _ in range(5)])
    with pytest.raises(Refused) as caught:
        check_blocks([section(2_641) for _ in range(5)])
    assert caught.value.error == "msg_blocks_too_long"


@pytest.mark.parametrize("blocks", ["text", {"type": "section"}, ["section"]])
def test_what_is_no_list_of_blocks_is_refused(blocks):
    with pytest.raises(Refused) as caught:
        check_blocks(blocks)
    assert caught.value.error == "invalid_blocks_format"


def test_an_older_slack_refuses_blocks_that_it_does_not_know():
    plan = {"type": "plan", "title": "Steps", "tasks": []}
    check_blocks([dict(plan)])

    with pytest.raises(Refused) as caught:
        check_blocks([dict(plan)], without=frozenset({"plan", "task_card"}))

    assert caught.value.error == "invalid_blocks"
    assert "unsupported type: plan [json-pointer:/blocks/0]" in caught.value.fields["errors"]
