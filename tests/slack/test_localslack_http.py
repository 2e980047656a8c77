"""HTTP deliveries of the stand-in, taken and checked by Slack's own library."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.listening import Site
from bot.localslack import ControlClient, ManualClock
from bot.localslack.events import RETRY_AFTER_S
from tests.slack.app import BUTTONS
from tests.slack.raw import send
from tests.slack.watch import clock_is_awaited

CHANNEL = "C0000FWOPS0"


@pytest.fixture
def clock() -> ManualClock:
    """Begin now: Slack's library compares with the machine's own time."""
    return ManualClock(time.time())


class Served:
    """An app of Bolt's behind HTTP: it keeps what it was sent, and answers as a test says."""

    def __init__(self, slack) -> None:
        self.client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
        self.bolt = AsyncApp(client=self.client, signing_secret=slack.workspace.app.signing_secret)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.heard: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.url = ""
        self._bolt = self.bolt.server(port=0, path="/slack/events").web_app
        self._runner: web.AppRunner | None = None

        @self.bolt.command("/hotfix")
        async def command(ack, body):
            self.heard.append(body)
            await ack("heard")

        @self.bolt.action("approve")
        async def action(ack, body):
            self.heard.append(body)
            await ack()

        @self.bolt.event("reaction_added")
        async def reaction(body):
            self.heard.append(body)

    async def serve(self) -> None:
        @web.middleware
        async def keep(request, handler):
            self.requests.append((dict(request.headers), await request.read()))
            if self.statuses and (status := self.statuses.pop(0)) != 200:
                headers = self.headers | ({"Location": self.url} if status == 302 else {})
                return web.Response(status=status, headers=headers)
            return await handler(request)

        app = web.Application(middlewares=[keep])
        app.router.add_routes([web.post("/slack/events", self._answer)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await Site(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/slack/events"

    async def _answer(self, request):
        route = next(iter(self._bolt.router.routes()))
        return await route.handler(request)

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.fixture
async def served(slack, people: ControlClient) -> AsyncIterator[Served]:
    app = Served(slack)
    await app.serve()
    assert await people.change("app", "", request_url=app.url) == {"ok": True}
    app.requests.clear()
    yield app
    await app.close()


async def gate(app: Served, **more: Any) -> Any:
    return (await app.client.chat_postMessage(channel=CHANNEL, text="gate", **more))["ts"]


async def react(app: Served, people: ControlClient) -> None:
    ts = await gate(app)
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="x")


async def test_an_address_is_asked_for_its_challenge_before_it_is_called(slack, people, served):
    lines = [t for t in await people.traffic() if t.get("type") == "url_verification"]
    assert [line["ok"] for line in lines] == [True]
    assert not slack.workspace.app.uses_sockets

    served.statuses = [404]
    refused = await people.change("app", "", request_url=served.url)
    assert refused["error"] == "url_verification_failed"
    nobody = await people.change("app", "", request_url="http://127.0.0.1:9/slack/events")
    assert (nobody["error"], nobody["reason"]) == ("url_verification_failed", "dispatch_failed")


async def test_with_request_urls_no_connection_is_opened(served, slack):
    url = slack.base_url + "apps.connections.open"
    answer = await send("POST", url, token="xapp-localslack")
    assert answer.body["error"] == "socket_mode_disabled"


async def test_events_are_signed_json(served, people, watch):
    await react(served, people)
    await watch.until_traffic("ack", ok=True)

    ((headers, body),) = served.requests
    assert headers["Content-Type"] == "application/json"
    assert "X-Slack-Retry-Num" not in headers
    verifier = SignatureVerifier("localslack-signs")
    assert verifier.is_valid_request(body, headers)
    assert not SignatureVerifier("another").is_valid_request(body, headers)
    assert served.heard[0]["event"]["reaction"] == "x"


async def test_a_command_is_a_form_and_its_answer_is_seen_by_the_person_alone(served, people):
    seen = await people.act("rita", "command", channel=CHANNEL, text="/hotfix status & <more>")

    assert [(m["text"], m["is_ephemeral"]) for m in seen["saw"]] == [("heard", True)]
    ((headers, _),) = served.requests
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert served.heard[0]["text"] == "status &amp; &lt;more&gt;"


async def test_a_click_is_json_in_one_field_of_a_form(served, people):
    ts = await gate(served, blocks=BUTTONS)

    await people.act("ana", "click", channel=CHANNEL, ts=ts, action_id="approve")

    assert served.requests[0][1].startswith(b"payload=%7B")
    assert served.heard[0]["actions"][0]["value"] == "G2"


async def test_an_event_is_tried_at_once_and_after_one_and_five_minutes(
    served, people, watch, clock
):
    served.statuses = [500, 503, 404, 500]
    await react(served, people)
    for attempt in range(4):
        if attempt > 1:
            await clock_is_awaited(people, clock, within=RETRY_AFTER_S[attempt - 1])
            clock.advance(RETRY_AFTER_S[attempt - 1])
        await watch.until_traffic("delivery", ok=False, retry_attempt=attempt)

    asked = [
        (h.get("X-Slack-Retry-Num"), h.get("X-Slack-Retry-Reason")) for h, _ in served.requests
    ]
    assert asked == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert served.heard == []
    assert len({body for _, body in served.requests}) == 1, "the same event each time"
    clock.advance(3_600)
    await people.state()
    assert len(served.requests) == 4


async def test_an_app_may_ask_not_to_be_told_again(served, people, watch, clock):
    served.statuses, served.headers = [500], {"X-Slack-No-Retry": "1"}
    await react(served, people)
    await watch.until_traffic("delivery", ok=False, error="http_service_error")
    clock.advance(3_600)
    for _ in range(5):
        await people.state()
    assert len(served.requests) == 1


async def test_who_answers_after_three_seconds_has_not_answered(served, people, watch, clock):
    await people.fault("lose_ack")
    await react(served, people)
    await watch.until_traffic("ack", ok=False, error="lost")
    await clock_is_awaited(people, clock, within=3)
    clock.advance(3)
    await watch.until_traffic("delivery", ok=False, reason="http_timeout")
    await watch.until_traffic("ack", ok=True)

    assert served.requests[1][0]["X-Slack-Retry-Reason"] == "http_timeout"
    assert len(served.heard) == 2


async def test_a_command_is_not_tried_again_and_the_person_sees_why(served, people, clock, watch):
    await people.fault("lose_ack")
    asking = people.act("rita", "command", channel=CHANNEL, text="/hotfix status")
    seeing = asyncio.ensure_future(asking)
    await watch.until_traffic("ack", ok=False, error="lost")
    await clock_is_awaited(people, clock, within=3)
    clock.advance(3)
    seen = await seeing

    assert seen["error"] == "operation_timeout"
    assert 'failed with the error "operation_timeout"' in seen["saw"][0]["text"]
    clock.advance(3_600)
    await people.state()
    assert len(served.requests) == 1


async def test_nobody_there_is_told_to_the_person_as_slack_does(served, people):
    await served.close()
    seen = await people.act("rita", "command", channel=CHANNEL, text="/hotfix status")
    assert seen["error"] == "dispatch_failed"


async def test_an_event_may_come_twice_also_under_another_id(served, people, watch):
    await people.fault("duplicate_envelope", new_event_id=True)
    await react(served, people)
    await watch.until_traffic("ack", ok=True)
    while len(served.heard) < 2:
        await people.state()
    first, second = served.heard
    assert first["event_id"] != second["event_id"]
    assert first["event"] == second["event"]


async def test_a_request_may_be_lost_on_its_way(served, people, watch):
    await people.fault("lose_request")
    await react(served, people)
    await watch.until_traffic("delivery", ok=False, error="dispatch_failed")
    await watch.until_traffic("ack", ok=True)
    ((headers, _),) = served.requests
    assert headers["X-Slack-Retry-Reason"] == "connection_failed"


async def test_two_redirects_are_followed_and_no_more(served, people, watch):
    served.statuses = [302, 302, 302]
    await react(served, people)
    failed = await watch.until_traffic("delivery", ok=False)
    assert failed["reason"] == "too_many_redirects"
