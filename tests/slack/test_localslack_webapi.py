"""The Web API as a whole: arguments, tokens, scopes, rates, shapes of answers."""

import json
from copy import deepcopy
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, demo_workspace
from bot.localslack.limits import RULES
from bot.localslack.methods import METHODS
from tests.slack.raw import send
from tests.slack.samples import check_schema, sample, unknown_names

CHANNEL = "C0000FWOPS0"
BOT = "xoxb-localslack"


def everything() -> dict[str, Any]:
    """Return the demo's workspace with every scope, so that all methods can be tried."""
    seed = deepcopy(demo_workspace())
    scopes = {scope for rules in RULES.values() for scope in rules.scopes}
    seed["manifest"]["oauth_config"]["scopes"]["bot"] = sorted(scopes)
    seed["users"][0]["email"] = "rita@example.com"
    return seed


@pytest.fixture
async def open_client(clock):
    """Return a client that may do everything."""
    server = LocalSlack(everything(), clock=clock)
    await server.start()
    yield AsyncWebClient(token="xoxb-localslack", base_url=server.base_url)
    await server.stop()


async def refusal(call) -> Any:
    """Return the body of the error that a call ends with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response.data


async def test_every_method_has_rules_and_the_reverse():
    assert set(METHODS) == set(RULES)


async def test_arguments_may_come_as_query_form_or_json(slack):
    blocks = [{"type": "divider"}]
    as_form = {"channel": CHANNEL, "text": "form", "blocks": json.dumps(blocks)}
    as_json = {"channel": CHANNEL, "text": "json", "blocks": blocks}
    url = slack.base_url + "chat.postMessage"
    for sent in ({"data": as_form}, {"json": as_json}, {"params": as_form}):
        answer = (await send("POST", url, token=BOT, **sent)).body
        assert answer["ok"], answer
        assert answer["message"]["blocks"][0]["type"] == "divider"
    asked = await send("GET", slack.base_url + "users.info?user=U00000RITA0", token=BOT)
    assert asked.body["user"]["name"] == "rita"


async def test_a_token_may_be_an_argument_but_not_in_json(slack):
    url = slack.base_url + "auth.test"
    assert (await send("POST", url, data={"token": BOT})).body["ok"]
    assert (await send("POST", url, json={"token": BOT})).body["error"] == "not_authed"


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[1]", "json_not_object")])
async def test_json_that_is_none_is_refused(slack, body, error):
    headers = {"Content-Type": "application/json"}
    url = slack.base_url + "auth.test"
    reply = await send("POST", url, token=BOT, headers=headers, data=body)
    assert reply.body["error"] == error


@pytest.mark.parametrize(
    ("method", "token", "error"),
    [
        ("auth.test", "", "not_authed"),
        ("auth.test", "xoxb-other", "invalid_auth"),
        ("auth.test", "xapp-localslack", "not_allowed_token_type"),
        ("apps.connections.open", "xoxb-localslack", "not_allowed_token_type"),
        ("chat.shout", "xoxb-localslack", "unknown_method"),
        ("team.info", "xoxb-localslack", "missing_scope"),
    ],
)
async def test_who_may_not_call_is_told_why(slack, method, token, error):
    answer = (await send("POST", slack.base_url + method, token=token)).body
    assert (answer["ok"], answer["error"]) == (False, error)


async def test_a_scope_that_the_manifest_forgot_is_named(clock):
    seed = demo_workspace()
    seed["manifest"]["oauth_config"]["scopes"]["bot"].remove("chat:write")
    server = LocalSlack(seed, clock=clock)
    await server.start()
    client = AsyncWebClient(token="xoxb-localslack", base_url=server.base_url)
    answer = await refusal(client.chat_postMessage(channel=CHANNEL, text="hi"))
    await server.stop()
    assert answer["error"] == "missing_scope"
    assert answer["needed"] == "chat:write"
    assert "reactions:write" in answer["provided"].split(",")


async def test_a_revoked_token_is_refused(client, people):
    await people.fault("revoke_token")
    assert (await refusal(client.auth_test()))["error"] == "token_revoked"


async def test_posting_is_limited_to_a_burst_and_then_one_a_second(client, clock):
    for number in range(5):
        await client.chat_postMessage(channel=CHANNEL, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=CHANNEL, text="too soon")
    response = caught.value.response
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert response.data == {"ok": False, "error": "ratelimited"}
    clock.advance(1)
    await client.chat_postMessage(channel=CHANNEL, text="now")


async def test_another_channel_has_a_limit_of_its_own(client):
    for number in range(5):
        await client.chat_postMessage(channel=CHANNEL, text=str(number))
    await client.chat_postMessage(channel="U000000ANA0", text="a direct message")


async def test_methods_are_limited_by_their_tier(client, clock):
    for _ in range(20):
        await client.usergroups_list()
    answer = await refusal(client.usergroups_list())
    assert answer["error"] == "ratelimited"
    clock.advance(3)
    await client.usergroups_list()


async def test_slacks_own_retry_handler_gets_through(slack, client, people, watch):
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await people.fault("rate_limit", method="auth.test", n=1, seconds=0)
    assert (await client.auth_test())["ok"]
    calls = [t for t in await people.traffic() if t.get("method") == "auth.test"]
    assert [c["ok"] for c in calls] == [False, True]


async def test_answers_look_as_slack_describes_them(open_client):
    client = open_client
    posted = await client.chat_postMessage(
        channel=CHANNEL,
        text="hello",
        blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}],
    )
    ts = posted["ts"]
    reply = await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=ts)
    calls = {
        "api.test": client.api_test(),
        "auth.test": client.auth_test(),
        "bots.info": client.bots_info(bot="B0000HOTFIX"),
        "chat.getPermalink": client.chat_getPermalink(channel=CHANNEL, message_ts=ts),
        "chat.postEphemeral": client.chat_postEphemeral(
            channel=CHANNEL, user="U000000ANA0", text="psst"
        ),
        "reactions.add": client.reactions_add(channel=CHANNEL, timestamp=ts, name="eyes"),
        "reactions.get": client.reactions_get(channel=CHANNEL, timestamp=ts),
        "reactions.remove": client.reactions_remove(channel=CHANNEL, timestamp=ts, name="eyes"),
        "pins.add": client.pins_add(channel=CHANNEL, timestamp=ts),
        "conversations.info": client.conversations_info(channel=CHANNEL),
        "conversations.join": client.conversations_join(channel=CHANNEL),
        "conversations.list": client.conversations_list(),
        "conversations.members": client.conversations_members(channel=CHANNEL),
        "conversations.open": client.conversations_open(users="U000000ANA0", return_im=True),
        "conversations.replies": client.conversations_replies(channel=CHANNEL, ts=ts),
        "dnd.info": client.dnd_info(user="U000000ANA0"),
        "emoji.list": client.emoji_list(),
        "team.info": client.team_info(),
        "usergroups.list": client.usergroups_list(include_users=True, include_count=True),
        "usergroups.users.list": client.usergroups_users_list(usergroup="S0FWAPPROV0"),
        "users.conversations": client.users_conversations(),
        "users.info": client.users_info(user="U00000RITA0"),
        "users.list": client.users_list(),
        "users.lookupByEmail": client.users_lookupByEmail(email="rita@example.com"),
        "chat.delete": client.chat_delete(channel=CHANNEL, ts=reply["ts"]),
    }
    answers = {method: (await call).data for method, call in calls.items()}
    check_schema("chat.postMessage", posted.data)
    for method, answer in answers.items():
        check_schema(method, answer)


async def test_answers_have_no_fields_that_slack_does_not_send(open_client):
    client = open_client
    posted = await client.chat_postMessage(
        channel=CHANNEL, text="hello", metadata={"event_type": "e", "event_payload": {"a": 1}}
    )
    ts = posted["ts"]
    await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=ts)
    await client.reactions_add(channel=CHANNEL, timestamp=ts, name="eyes")
    uploaded = await client.files_upload_v2(content="abc", filename="a.txt", channel=CHANNEL)
    answers = {
        "chat.postMessage": posted,
        "chat.update": await client.chat_update(channel=CHANNEL, ts=ts, text="changed"),
        "auth.test": await client.auth_test(),
        "bots.info": await client.bots_info(bot="B0000HOTFIX"),
        "conversations.info": await client.conversations_info(channel=CHANNEL),
        "conversations.list": await client.conversations_list(types="public_channel,im"),
        "conversations.replies": await client.conversations_replies(
            channel=CHANNEL, ts=ts, include_all_metadata=True
        ),
        "reactions.get": await client.reactions_get(channel=CHANNEL, timestamp=ts),
        "team.info": await client.team_info(),
        "usergroups.list": await client.usergroups_list(include_users=True),
        "users.info": await client.users_info(user="U00000RITA0"),
    }
    strange = {m: unknown_names(a.data, sample(m)) for m, a in answers.items()}
    known = sample("files.completeUploadExternal")
    strange["files"] = unknown_names(uploaded["files"], known["files"])
    assert [f"{m} {name}" for m, names in strange.items() for name in names] == []


async def test_pages_follow_each_other(client):
    first = await client.conversations_members(channel=CHANNEL, limit=4)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_members(channel=CHANNEL, limit=4, cursor=cursor)
    assert len(first["members"]) == 4
    assert len(second["members"]) == 2
    assert second["response_metadata"]["next_cursor"] == ""
    answer = await refusal(client.conversations_members(channel=CHANNEL, cursor="nonsense"))
    assert answer["error"] == "invalid_cursor"


async def test_who_is_who_can_be_asked(client, people):
    gus = (await client.users_info(user="U000000GUS0"))["user"]
    assert gus["is_restricted"]
    bot = (await client.users_info(user="U0000HOTFIX"))["user"]
    assert bot["is_bot"]
    await people.change("user", "ben", deleted=True)
    assert (await client.users_info(user="U000000BEN0"))["user"]["deleted"]
    group = await client.usergroups_users_list(usergroup="S0FWAPPROV0")
    assert group["users"] == ["U000000BEN0", "U00000NOOR0", "U000000ANA0"]
    for call, error in (
        (client.users_info(user="U0NOBODY00"), "user_not_found"),
        (client.usergroups_users_list(usergroup="S0NOBODY00"), "no_such_subteam"),
        (client.conversations_info(channel="C0NOWHERE0"), "channel_not_found"),
        (client.conversations_open(users="U0NOBODY00"), "user_not_found"),
    ):
        assert (await refusal(call))["error"] == error


async def test_a_file_takes_three_steps_and_its_bytes_can_be_read(client, people, slack):
    root = await client.chat_postMessage(channel=CHANNEL, text="root")
    done = await client.files_upload_v2(
        content="device said: ok",
        filename="log.txt",
        title="Log",
        channel=CHANNEL,
        thread_ts=root["ts"],
        initial_comment="the log",
    )
    shared = (await people.channel("firewall-ops"))["messages"][0]["replies"][0]
    assert shared["text"] == "the log"
    assert shared["files"][0]["title"] == "Log"
    file = await send("GET", f"{slack.url}control/file/{done['file']['id']}")
    assert file.text == "device said: ok"


async def test_a_file_of_another_length_is_refused(client):
    told = await client.files_getUploadURLExternal(filename="a.txt", length=10)
    assert (await send("POST", told["upload_url"], data=b"abc")).status == 400
    call = client.files_completeUploadExternal(files=[{"id": told["file_id"], "title": "a"}])
    assert (await refusal(call))["error"] == "file_not_found"
