"""Messages: posting, threads, edits, sizes, metadata, ephemerals, history."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

CHANNEL = "C0000FWOPS0"


async def error_of(call) -> Any:
    """Return the name of the error that a call ends with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def top(people) -> Any:
    """Return the messages of the channel, oldest first."""
    return (await people.channel("firewall-ops"))["messages"]


async def test_a_reply_stands_in_its_thread(client, people):
    root = await client.chat_postMessage(channel="#firewall-ops", text="root")
    reply = await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root["ts"])
    assert reply["message"]["parent_user_id"] == "U0000HOTFIX"
    (shown,) = await top(people)
    assert shown["thread_ts"] == shown["ts"] == root["ts"]
    assert shown["reply_count"] == 1
    assert [r["text"] for r in shown["replies"]] == ["reply"]


async def test_a_broadcast_reply_is_seen_in_the_channel_too(client, people):
    root = await client.chat_postMessage(channel=CHANNEL, text="root")
    await client.chat_postMessage(
        channel=CHANNEL, text="look", thread_ts=root["ts"], reply_broadcast=True
    )
    assert [m["text"] for m in await top(people)] == ["root", "look"]
    found = await client.conversations_history(channel=CHANNEL)
    assert found["messages"][0]["subtype"] == "thread_broadcast"


async def test_an_edit_keeps_ts_and_reactions_and_takes_blocks_away(client, people):
    blocks = [{"type": "divider"}]
    posted = await client.chat_postMessage(channel=CHANNEL, text="one", blocks=blocks)
    ts = posted["ts"]
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="eyes")
    with_blocks = await client.chat_update(channel=CHANNEL, ts=ts, text="two", blocks=blocks)
    assert "edited" not in with_blocks["message"]
    without = await client.chat_update(channel=CHANNEL, ts=ts, text="three")
    assert "blocks" not in without["message"]
    assert without["message"]["edited"]["user"] == "U0000HOTFIX"
    (shown,) = await top(people)
    assert (shown["ts"], shown["text"], shown["edits"]) == (ts, "three", 2)
    assert shown["reactions"] == [{"name": "eyes", "users": ["U000000ANA0"], "count": 1}]


async def test_what_others_wrote_can_be_neither_edited_nor_deleted(client, people):
    ts = (await people.act("ana", "message", channel="firewall-ops", text="mine"))["ts"]
    assert await error_of(client.chat_update(channel=CHANNEL, ts=ts, text="x")) == (
        "cant_update_message"
    )
    assert await error_of(client.chat_delete(channel=CHANNEL, ts=ts)) == "cant_delete_message"


async def test_a_parent_that_is_deleted_leaves_a_tombstone(client, people):
    root = await client.chat_postMessage(channel=CHANNEL, text="root")
    await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root["ts"])
    await client.chat_delete(channel=CHANNEL, ts=root["ts"])
    (shown,) = await top(people)
    assert shown["subtype"] == "tombstone"
    assert shown["replies"][0]["text"] == "reply"


async def test_sizes_are_enforced(client):
    long = await client.chat_postMessage(channel=CHANNEL, text="x" * 40_001)
    assert len(long["message"]["text"]) == 40_000
    assert long["warning"] == "message_truncated"
    call = client.chat_update(channel=CHANNEL, ts=long["ts"], text="x" * 4_001)
    assert await error_of(call) == "msg_too_long"
    call = client.api_call("chat.postMessage", json={"channel": CHANNEL})
    assert await error_of(call) == "no_text"


async def test_where_one_may_not_post_is_refused(client, people, slack):
    assert await error_of(client.chat_postMessage(channel="C0NOWHERE0", text="x")) == (
        "channel_not_found"
    )
    astray = await client.chat_postMessage(channel=CHANNEL, text="x", thread_ts="1700000000.000001")
    assert "thread_ts" not in astray["message"], "Slack says no more than that"
    call = client.chat_postEphemeral(channel=CHANNEL, user="U0NOBODY00", text="x")
    assert await error_of(call) == "user_not_in_channel"
    await people.change("channel", CHANNEL, is_archived=True)
    assert await error_of(client.chat_postMessage(channel=CHANNEL, text="x")) == "is_archived"
    await people.change("channel", CHANNEL, is_archived=False, members=["rita"])
    assert await error_of(client.chat_postMessage(channel=CHANNEL, text="x")) == "not_in_channel"


async def test_a_reply_to_a_reply_is_refused(client):
    root = await client.chat_postMessage(channel=CHANNEL, text="root")
    reply = await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root["ts"])
    call = client.chat_postMessage(channel=CHANNEL, text="x", thread_ts=reply["ts"])
    assert await error_of(call) == "cannot_reply_to_message"


async def test_metadata_comes_back_only_when_asked_for(client):
    metadata = {"event_type": "gate", "event_payload": {"key": "run-1/G2"}}
    posted = await client.chat_postMessage(channel=CHANNEL, text="gate", metadata=metadata)
    await client.chat_update(channel=CHANNEL, ts=posted["ts"], text="gate, edited")
    silent = await client.conversations_history(channel=CHANNEL)
    assert "metadata" not in silent["messages"][0]
    full = await client.conversations_history(channel=CHANNEL, include_all_metadata=True)
    assert full["messages"][0]["metadata"] == metadata
    replies = await client.conversations_replies(
        channel=CHANNEL, ts=posted["ts"], include_all_metadata=True
    )
    assert replies["messages"][0]["metadata"] == metadata
    call = client.chat_postMessage(channel=CHANNEL, text="x", metadata={"event_type": "gate"})
    assert await error_of(call) == "invalid_metadata_format"


async def test_history_comes_newest_first_in_pages(client, people):
    for number in range(5):
        await people.act("rita", "message", channel="firewall-ops", text=str(number))
    first = await client.conversations_history(channel=CHANNEL, limit=2)
    assert [m["text"] for m in first["messages"]] == ["4", "3"]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_history(channel=CHANNEL, limit=2, cursor=cursor)
    assert [m["text"] for m in second["messages"]] == ["2", "1"]
    oldest = second["messages"][1]["ts"]
    since = await client.conversations_history(channel=CHANNEL, oldest=oldest)
    assert [m["text"] for m in since["messages"]] == ["4", "3", "2"]


async def test_an_ephemeral_message_is_seen_by_one_person_only(client, people):
    await client.chat_postEphemeral(channel=CHANNEL, user="U000000GUS0", text="not you")
    state = await people.state()
    assert [e["text"] for e in state["ephemerals"]["U000000GUS0"]] == ["not you"]
    assert list(state["ephemerals"]) == ["U000000GUS0"]
    assert await top(people) == []


async def test_a_permalink_says_the_thread(client, slack):
    root = await client.chat_postMessage(channel=CHANNEL, text="root")
    reply = await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root["ts"])
    answer = await client.chat_getPermalink(channel=CHANNEL, message_ts=reply["ts"])
    plain = reply["ts"].replace(".", "")
    assert answer["permalink"] == (
        f"{slack.url}archives/{CHANNEL}/p{plain}?thread_ts={root['ts']}&cid={CHANNEL}"
    )


async def test_replies_come_oldest_first_in_pages_from_a_moment_on(client, people):
    root = (await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"]
    said = [
        await people.act("rita", "message", channel=CHANNEL, thread_ts=root, text=str(number))
        for number in range(5)
    ]
    asked = {"channel": CHANNEL, "ts": root, "oldest": said[0]["ts"]}

    first = await client.conversations_replies(**asked, limit=3)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_replies(**asked, limit=3, cursor=cursor)

    assert [m["text"] for m in first["messages"]] == ["root", "1", "2"]
    assert first["has_more"]
    assert [m["text"] for m in second["messages"]] == ["3", "4"]
    assert not second["has_more"]
    assert "response_metadata" not in second.data


async def test_a_reply_that_is_edited_or_deleted_by_its_author_is_shown_so(client, people):
    root = (await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"]
    places = [
        await people.act("rita", "mention", channel=CHANNEL, thread_ts=root, text=text)
        for text in ("one", "two")
    ]
    await people.act("rita", "edit", channel=CHANNEL, ts=places[0]["ts"], text="@hotfix other")
    await people.act("rita", "delete", channel=CHANNEL, ts=places[1]["ts"])

    (_, shown) = (await client.conversations_replies(channel=CHANNEL, ts=root))["messages"]

    assert (shown["ts"], shown["text"]) == (places[0]["ts"], "<@U0000HOTFIX> other")
    assert shown["edited"]["user"] == "U00000RITA0"
    assert shown["thread_ts"] == root
    assert shown["parent_user_id"] == "U0000HOTFIX"


async def test_an_edit_sends_a_mention_anew_and_a_deletion_sends_none(client, people, app, watch):
    root = (await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"]
    said = await people.act("rita", "mention", channel=CHANNEL, thread_ts=root, text="one")
    await watch.until_traffic("ack", ok=True)
    await people.act("rita", "edit", channel=CHANNEL, ts=said["ts"], text="@hotfix two")
    await watch.until_traffic("ack", ok=True)
    await people.act("rita", "delete", channel=CHANNEL, ts=said["ts"])
    await people.act("rita", "mention", channel=CHANNEL, thread_ts=root, text="three")
    await watch.until_traffic("ack", ok=True)

    heard = [body["event"] for body in app.events("app_mention")]
    texts = [event["text"].removeprefix("<@U0000HOTFIX> ") for event in heard]
    assert texts == ["one", "two", "three"]
    assert [event.get("edited", {}).get("user") for event in heard] == [None, "U00000RITA0", None]
    assert heard[0]["ts"] == heard[1]["ts"]
    envelopes = [body["event_id"] for body in app.events("app_mention")]
    assert len(set(envelopes)) == 3
    assert {event["thread_ts"] for event in heard} == {root}
