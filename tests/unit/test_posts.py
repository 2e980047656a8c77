"""What stands in Slack at the end: a message posted twice or out of order is found."""

from typing import Any

from bot.demo.posts import out_of_order, posted_twice, posts


def message(ts: str, key: str = "", replies: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    said: dict[str, Any] = {"ts": ts, "text": "something", "replies": list(replies)}
    if key:
        said["metadata"] = {"event_type": "hotfix", "event_payload": {"key": key}}
    return said


def state(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"channels": [{"id": "C1", "messages": list(messages)}, {"id": "C2", "messages": []}]}


def test_messages_of_people_and_those_in_order_are_not_remarked():
    thread = (message("2.0", "r/m/2"), message("3.0"), message("4.0", "r/m/7"))
    found = posts(state(message("1.0", "r/root", thread), message("5.0")))

    assert [post.key for post in found] == ["r/root", "r/m/2", "r/m/7"]
    assert posted_twice(found) == []
    assert out_of_order(found) == []


def test_a_reply_that_is_shown_in_the_channel_too_is_one_message():
    broadcast = message("2.0", "r/end")
    found = posts(state(message("1.0", "r/root", (broadcast,)), broadcast))

    assert posted_twice(found) == []


def test_a_message_that_stands_twice_is_found():
    thread = (message("2.0", "r/gate/G1"), message("3.0", "r/gate/G1"))

    assert posted_twice(posts(state(message("1.0", "r/root", thread)))) == ["r/gate/G1"]


def test_a_message_before_an_older_one_is_found_in_each_run_by_itself():
    thread = (message("2.0", "r/m/7"), message("3.0", "other/m/2"), message("4.0", "r/m/5"))
    found = posts(state(message("1.0", "r/root", thread)))

    assert out_of_order(found) == ["r/m/5 came after r/m/7"]
