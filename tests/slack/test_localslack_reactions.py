"""Reactions: who reacts now, and what is refused."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

CHANNEL = "C0000FWOPS0"


async def error_of(call) -> Any:
    """Return the name of the error that a call ends with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


@pytest.fixture
async def ts(client):
    """Return a message of the bot."""
    return (await client.chat_postMessage(channel=CHANNEL, text="gate"))["ts"]


async def test_people_and_the_bot_react_and_take_it_back(client, people, ts):
    await client.reactions_add(channel=CHANNEL, timestamp=ts, name="white_check_mark")
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji=":white_check_mark:")
    await client.reactions_remove(channel=CHANNEL, timestamp=ts, name="white_check_mark")
    message = (await client.reactions_get(channel=CHANNEL, timestamp=ts, full=True))["message"]
    assert message["reactions"] == [
        {"name": "white_check_mark", "users": ["U000000ANA0"], "count": 1}
    ]
    assert (await people.act("ana", "unreact", channel=CHANNEL, ts=ts, emoji="white_check_mark"))[
        "ok"
    ]
    message = (await client.reactions_get(channel=CHANNEL, timestamp=ts, full=True))["message"]
    assert "reactions" not in message


async def test_only_full_tells_everybody(client, people, ts):
    for user in ("rita", "ana", "ben", "noor"):
        await people.act(user, "react", channel=CHANNEL, ts=ts, emoji="eyes")
    short = (await client.reactions_get(channel=CHANNEL, timestamp=ts))["message"]["reactions"][0]
    assert (len(short["users"]), short["count"]) == (3, 4)
    full = (await client.reactions_get(channel=CHANNEL, timestamp=ts, full=True))["message"]
    assert len(full["reactions"][0]["users"]) == 4


async def test_names_are_not_canonical(client, people, ts):
    for user, name in (("ana", "+1"), ("ben", "thumbsup"), ("noor", "+1::skin-tone-3")):
        assert (await people.act(user, "react", channel=CHANNEL, ts=ts, emoji=name))["ok"]
    message = (await client.reactions_get(channel=CHANNEL, timestamp=ts, full=True))["message"]
    assert [r["name"] for r in message["reactions"]] == ["+1", "thumbsup", "+1::skin-tone-3"]


@pytest.mark.parametrize("name", ["", "no_such_emoji", "x::skin-tone-2", "+1::skin-tone-9"])
async def test_unknown_names_are_refused(client, ts, name):
    call = client.api_call(
        "reactions.add", params={"channel": CHANNEL, "timestamp": ts, "name": name}
    )
    assert await error_of(call) == "invalid_name"


async def test_what_cannot_be_is_refused(client, people, ts):
    await client.reactions_add(channel=CHANNEL, timestamp=ts, name="x")
    call = client.reactions_add(channel=CHANNEL, timestamp=ts, name="x")
    assert await error_of(call) == "already_reacted"
    call = client.reactions_remove(channel=CHANNEL, timestamp=ts, name="eyes")
    assert await error_of(call) == "no_reaction"
    call = client.reactions_add(channel=CHANNEL, timestamp="1700000000.000001", name="x")
    assert await error_of(call) == "message_not_found"
    call = client.reactions_add(channel=CHANNEL, timestamp="yesterday", name="x")
    assert await error_of(call) == "bad_timestamp"
    assert await error_of(client.api_call("reactions.add", params={"name": "x"})) == (
        "no_item_specified"
    )
    refused = await people.act("ana", "unreact", channel=CHANNEL, ts=ts, emoji="x")
    assert refused == {"ok": False, "error": "no_reaction"}


async def test_pinning_twice_is_refused(slack, client, ts):
    slack.workspace.app.manifest["oauth_config"]["scopes"]["bot"].append("pins:write")
    await client.pins_add(channel=CHANNEL, timestamp=ts)
    assert await error_of(client.pins_add(channel=CHANNEL, timestamp=ts)) == "already_pinned"
