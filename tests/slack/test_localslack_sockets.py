"""Socket Mode with Slack's own libraries: acks, retries, duplicates, refreshes."""

from typing import Any

import aiohttp
import pytest

from bot.localslack.events import RETRY_AFTER_S
from tests.slack.raw import send
from tests.slack.samples import sample, unknown_names
from tests.slack.watch import clock_is_awaited

CHANNEL = "C0000FWOPS0"
APP = "xapp-localslack"


async def post(app) -> Any:
    """Return the `ts` of a message of the bot."""
    return (await app.client.chat_postMessage(channel=CHANNEL, text="gate"))["ts"]


async def test_hello_says_what_the_libraries_read(slack, people, watch):
    opened = await send("POST", slack.base_url + "apps.connections.open", token=APP)
    url = opened.body["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        hello = await socket.receive_json()
    again = await send("GET", url.replace("ws:", "http:"))
    assert again.status == 408, "a ticket works once"
    assert hello["type"] == "hello"
    assert hello["num_connections"] == 1
    assert hello["debug_info"]["approximate_connection_time"] > 3_600
    assert hello["connection_info"] == {"app_id": "A0000HOTFIX"}


async def test_a_reaction_reaches_the_app(app, people, watch):
    ts = await post(app)
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="white_check_mark")
    await watch.until_traffic("ack", ok=True)
    (body,) = app.events("reaction_added")
    assert body["event"]["item"] == {"type": "message", "channel": CHANNEL, "ts": ts}
    assert body["event"]["item_user"] == "U0000HOTFIX"
    assert unknown_names(body, sample("ReactionAddedPayload")) == []
    await people.act("ana", "unreact", channel=CHANNEL, ts=ts, emoji="white_check_mark")
    await watch.until_traffic("ack", ok=True)
    (body,) = app.events("reaction_removed")
    assert unknown_names(body, sample("ReactionRemovedPayload")) == []


async def test_the_bots_own_reaction_is_delivered_and_dropped_by_bolt(app, watch):
    ts = await post(app)
    await app.client.reactions_add(channel=CHANNEL, timestamp=ts, name="eyes")
    delivered = await watch.until_traffic("delivery", ok=True)
    assert delivered["payload"]["event"]["user"] == "U0000HOTFIX"
    await watch.until_traffic("ack", ok=True)
    assert app.events("reaction_added") == []


async def test_only_what_the_manifest_subscribes_to_is_delivered(app, people, watch):
    await people.act("ana", "message", channel="firewall-ops", text="just talk")
    await people.act("ana", "mention", channel="firewall-ops", text="status")
    await watch.until_traffic("ack", ok=True)
    kinds = [
        t["payload"]["event"]["type"] for t in await people.traffic() if t["kind"] == "delivery"
    ]
    assert kinds == ["app_mention"]
    (body,) = app.events("app_mention")
    assert body["event"]["text"] == "<@U0000HOTFIX> status"
    assert unknown_names(body, sample("AppMentionPayload")) == ["/context_team_id"]


async def test_messages_are_delivered_where_the_manifest_says_so(slack, app, people, watch):
    events = slack.workspace.app.manifest["settings"]["event_subscriptions"]["bot_events"]
    events.append("message.channels")
    await people.act("ana", "message", channel="firewall-ops", text="just talk")
    delivered = await watch.until_traffic("delivery", ok=True)
    assert delivered["payload"]["event"]["channel_type"] == "channel"


async def test_an_ack_that_is_lost_brings_the_event_again(app, people, watch, clock):
    ts = await post(app)
    await people.fault("lose_ack", n=2)
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("ack", error="lost")
    clock.advance(3)
    again = await watch.until_traffic("delivery", ok=True, retry_attempt=1)
    await watch.until_traffic("ack", error="lost")
    clock.advance(3)
    await watch.until_traffic("delivery", ok=False, retry_attempt=1)
    await clock_is_awaited(people, clock, within=RETRY_AFTER_S[1])
    clock.advance(RETRY_AFTER_S[1])
    third = await watch.until_traffic("delivery", ok=True, retry_attempt=2)
    await watch.until_traffic("ack", ok=True)
    assert again["payload"]["event_id"] == third["payload"]["event_id"]
    assert len(app.events("reaction_added")) == 3


async def test_an_event_without_a_connection_is_tried_by_the_schedule(app, people, watch, clock):
    ts = await post(app)
    await app.close()
    await watch.until("connection_closed", open=0)
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("delivery", error="dispatch_failed", retry_attempt=0)
    await watch.until_traffic("delivery", error="dispatch_failed", retry_attempt=1)
    await app.connect()
    await clock_is_awaited(people, clock, within=RETRY_AFTER_S[1])
    clock.advance(RETRY_AFTER_S[1])
    await watch.until_traffic("delivery", ok=True, retry_attempt=2)
    await watch.until_traffic("ack", ok=True)
    assert len(app.events("reaction_added")) == 1


async def test_an_envelope_may_come_twice(app, people, watch):
    ts = await post(app)
    await people.fault("duplicate_envelope")
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")
    for _ in range(2):
        await watch.until_traffic("ack")
    first, second = app.events("reaction_added")
    assert first["event_id"] == second["event_id"]


async def test_a_duplicate_may_have_another_event_id(app, people, watch):
    ts = await post(app)
    await people.fault("duplicate_envelope", new_event_id=True)
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")
    for _ in range(2):
        await watch.until_traffic("ack", ok=True)
    first, second = app.events("reaction_added")
    assert first["event_id"] != second["event_id"]
    assert first["event"] == second["event"]


async def test_all_connections_may_be_cut_at_once(app, people, watch):
    await app.connect()
    cut = await people.fault("disconnect", reason="none", n=2)
    assert cut["disconnected"] == 2
    await watch.until("connection_closed", open=0)


async def test_an_event_may_be_lost(app, people, watch):
    ts = await post(app)
    await people.fault("drop_event")
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")
    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("ack", ok=True)
    assert [b["event"]["user"] for b in app.events("reaction_added")] == ["U000000BEN0"]


async def test_the_event_of_one_act_goes_astray_and_no_other(app, people, watch):
    ts = await post(app)
    lost = {"kind": "drop_event"}
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x", fault=lost)
    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("ack", ok=True)
    assert [b["event"]["user"] for b in app.events("reaction_added")] == ["U000000BEN0"]


@pytest.mark.parametrize("renamed", [False, True])
async def test_an_event_may_be_sent_again_later(app, people, watch, clock, renamed):
    ts = await post(app)
    twice = {"kind": "double_event", "seconds": 2, "new_event_id": renamed}
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x", fault=twice)
    await watch.until_traffic("ack", ok=True)
    await clock_is_awaited(people, clock, within=2)
    assert len(app.events("reaction_added")) == 1
    clock.advance(2)
    await watch.until_traffic("ack", ok=True)
    first, second = app.events("reaction_added")
    assert (first["event_id"] != second["event_id"]) == renamed
    assert first["event"] == second["event"]


async def test_events_may_come_in_the_wrong_order(app, people, watch, clock):
    ts = await post(app)
    late = {"kind": "late_event", "seconds": 2}
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x", fault=late)
    await people.act("ana", "unreact", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("ack", ok=True)
    await clock_is_awaited(people, clock, within=2)
    clock.advance(2)
    await watch.until_traffic("ack", ok=True)
    kinds = [b["event"]["type"] for b in app.heard if "event" in b]
    assert kinds == ["reaction_removed", "reaction_added"]


async def test_a_fault_for_an_act_without_an_event_is_refused(app, people):
    ts = await post(app)
    for fault, error in (("drop_event", "no_event"), ("outage", "unknown_fault")):
        answer = await people.act("ana", "leave", channel=CHANNEL, ts=ts, fault={"kind": fault})
        assert answer["error"] == error
        await people.act("ana", "join", channel=CHANNEL)


async def test_each_envelope_goes_to_one_of_the_connections(app, people, watch):
    await app.connect()
    ts = await post(app)
    for name in ("x", "eyes", "+1", "-1"):
        await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji=name)
        await watch.until_traffic("ack", ok=True)
    used = [t["connection"] for t in await people.traffic() if t["kind"] == "delivery"]
    assert sorted(used) == [1, 1, 2, 2]


async def test_an_app_that_is_asked_to_leave_comes_back(app, people, watch):
    ts = await post(app)
    assert await people.fault("disconnect", reason="refresh_requested") == {
        "ok": True,
        "disconnected": 1,
    }
    await watch.until_traffic("socket", event="opened")
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("ack", ok=True)
    assert len(app.events("reaction_added")) == 1


async def test_a_connection_is_refreshed_at_the_end_of_its_life(app, watch, clock):
    clock.advance(18_051)
    warned = await watch.until_traffic("socket", event="disconnect")
    assert warned["reason"] == "warning"
    await watch.until_traffic("socket", event="opened")


async def test_there_are_at_most_ten_connections(slack, clock):
    sockets = []
    async with aiohttp.ClientSession() as session:
        for _ in range(11):
            clock.advance(60)  # a new address a minute is always allowed
            opened = await send("POST", slack.base_url + "apps.connections.open", token=APP)
            sockets.append(await session.ws_connect(opened.body["url"]))
        frames = [await socket.receive_json() for socket in sockets]
    assert [f["type"] for f in frames] == ["hello"] * 10 + ["disconnect"]
    assert frames[-1]["reason"] == "too_many_websockets"


async def test_opening_connections_is_limited(slack):
    url = slack.base_url + "apps.connections.open"
    replies = [await send("POST", url, token=APP) for _ in range(11)]
    assert [r.status for r in replies] == [200] * 10 + [429]
    assert replies[-1].headers["Retry-After"] == "60"


async def test_an_outage_closes_everything_and_ends(app, people, watch, clock):
    await people.fault("outage", seconds=60)
    await watch.until("connection_closed", open=0)
    assert (await send("POST", app.client.base_url + "auth.test")).status == 503
    clock.advance(61)
    assert (await app.client.auth_test())["ok"]
