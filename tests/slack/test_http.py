"""HTTP mode: only what Slack signed just now is heard, and kept before it is acked."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest
import structlog

from bot.http import LARGEST_BODY, Endpoint, NotReadable, payload
from bot.listening import CannotListen
from bot.signature import SIGNATURE, TIMESTAMP, signature
from tests.slack.house import ANA, CHANNEL, RITA, House, SlacksClock
from tests.slack.watch import PATIENCE_S

SECRET = "localslack-signs"
FORM = "application/x-www-form-urlencoded"
MINUTES = 60


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    built = House(slack, transport="http")
    await built.connect()
    yield built
    await built.close()


class Sender:
    """Sends requests that may be Slack's, or look like it."""

    def __init__(self, house: House, session: aiohttp.ClientSession) -> None:
        self.house = house
        self._session = session

    async def send(
        self,
        body: bytes,
        *,
        secret: str = SECRET,
        content_type: str = FORM,
        age_s: float = 0,
        at: str = "",
        **headers: str,
    ) -> tuple[int, str]:
        timestamp = at or str(int(SlacksClock(self.house.slack).now().timestamp() - age_s))
        given = {
            TIMESTAMP: timestamp,
            SIGNATURE: signature(secret, timestamp, body),
            "Content-Type": content_type,
            **headers,
        }
        wanted = {name: value for name, value in given.items() if value}
        async with self._session.post(
            self.house.url, data=io.BytesIO(body), headers=wanted
        ) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def sender(house) -> AsyncIterator[Sender]:
    async with aiohttp.ClientSession() as session:
        yield Sender(house, session)


def command(text: str, trigger: str = "1.2.3") -> bytes:
    fields = {
        "command": "/hotfix",
        "text": text,
        "channel_id": CHANNEL,
        "user_id": RITA,
        "user_name": "rita",
        "trigger_id": trigger,
        "response_url": "",
        "team_id": "T0000HOTFIX",
    }
    return urlencode(fields).encode()


def mention(text: str, ts: str = "1700000000.000100") -> bytes:
    event = {
        "type": "app_mention",
        "user": ANA,
        "text": f"<@U0000HOTFIX> {text}",
        "ts": ts,
        "channel": CHANNEL,
        "event_ts": ts,
    }
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": "T0000HOTFIX",
            "event_id": "Ev1",
            "event": event,
            "authorizations": [{"user_id": "U0000HOTFIX", "team_id": "T0000HOTFIX"}],
        }
    ).encode()


async def test_a_signed_command_is_stored_and_answered(house, sender):
    run = house.add_run()
    status, text = await sender.send(command("halt"))
    assert (status, text) == (200, f"Understood: `halt` for `{run}`.")
    assert [row.body["verb"] for row in house.rows] == ["halt"]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"secret": "another"}, "its signature is wrong"),
        ({SIGNATURE: ""}, "it is not signed"),
        ({SIGNATURE: "v0=" + "0" * 64}, "its signature is wrong"),
        ({TIMESTAMP: ""}, "it is not signed"),
        ({"at": "soon"}, "its timestamp is none"),
        ({"age_s": 5 * MINUTES + 2}, "s away from our clock"),
        ({"age_s": -5 * MINUTES - 2}, "s away from our clock"),
    ],
)
async def test_what_slack_did_not_sign_just_now_is_refused_logged_and_changes_nothing(
    house, sender, how, why
):
    house.add_run()
    with structlog.testing.capture_logs() as logged:
        status, text = await sender.send(command("halt"), **how)

    assert status == 401
    assert house.rows == []
    assert house.inbox.puts == 0
    (line,) = [one for one in logged if one["event"] == "a request is refused"]
    assert why in line["why"]
    assert (line["status"], line["sender"]) == (401, "127.0.0.1")
    assert "halt" not in str(line)
    assert "halt" not in text


@pytest.mark.parametrize("age_s", [5 * MINUTES - 5, -5 * MINUTES + 5])
async def test_a_clock_that_is_some_minutes_wrong_is_borne(house, sender, age_s):
    house.add_run()
    assert (await sender.send(command("halt"), age_s=age_s))[0] == 200


async def test_a_copy_of_a_request_changes_nothing_more(house, sender):
    house.add_run()
    at = str(int(SlacksClock(house.slack).now().timestamp()))
    for _ in range(2):
        assert (await sender.send(command("halt"), at=at))[0] == 200
    assert len(house.rows) == 1


async def test_a_body_that_was_changed_on_its_way_is_refused(house, sender):
    house.add_run()
    at = str(int(SlacksClock(house.slack).now().timestamp()))
    of_another = signature(SECRET, at, command("status"))
    status, _ = await sender.send(command("halt"), at=at, **{SIGNATURE: of_another})
    assert status == 401
    assert house.rows == []


async def test_slacks_challenge_is_answered_only_when_it_is_signed(sender):
    asked = json.dumps({"type": "url_verification", "challenge": "c4a11e"}).encode()
    status, text = await sender.send(asked, content_type="application/json")
    assert (status, json.loads(text)) == (200, {"challenge": "c4a11e"})
    status, text = await sender.send(asked, content_type="application/json", secret="another")
    assert status == 401
    assert "c4a11e" not in text


async def test_a_look_at_the_certificate_is_answered_and_does_nothing(house, sender):
    house.add_run()
    body = b"ssl_check=1&" + command("halt")
    assert await sender.send(body, **{SIGNATURE: ""}) == (200, "")
    async with aiohttp.ClientSession() as session:
        async with session.get(house.url + "?ssl_check=1") as answer:
            assert answer.status == 200
        async with session.get(house.url) as answer:
            assert answer.status == 405
    assert house.rows == []


async def test_a_body_that_is_too_large_is_not_read(house, sender):
    status, _ = await sender.send(b"x" * (LARGEST_BODY + 1))
    assert status == 413


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'["a list"]'),
        ("application/json", b"\xff\xfe"),
        (FORM, b"payload=nonsense"),
        (FORM, b"payload=7"),
        (FORM, b"&".join(b"a=1" for _ in range(200))),
    ],
)
async def test_what_cannot_be_read_is_refused_although_it_is_signed(sender, content_type, body):
    with pytest.raises(NotReadable):
        payload(content_type, body)
    assert (await sender.send(body, content_type=content_type))[0] == 400


async def test_the_word_payload_in_a_command_does_not_hide_it(house, sender):
    run = house.add_run()
    body = command("halt") + b"&payload=%7B%7D"
    assert (await sender.send(body))[1] == f"Understood: `halt` for `{run}`."


async def test_a_database_error_is_no_ack_and_slack_sends_the_event_again(
    house, people, watch, clock
):
    root, _ = await house.ask(house.add_run())
    house.inbox.failures = 1
    await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="pause")
    failed = await watch.until_traffic("ack", ok=False)
    assert failed["status"] == 500
    again = await watch.until_traffic("delivery", ok=True, retry_attempt=1)
    await watch.until_traffic("ack", ok=True)

    assert [row.body["verb"] for row in house.rows] == ["pause"]
    assert again["payload"]["event"]["text"].endswith("pause")


async def test_an_event_is_acked_only_when_its_row_is_there(house, sender):
    root, _ = await house.ask(house.add_run())
    event = json.loads(mention("halt"))
    event["event"]["thread_ts"] = root
    holds, goes_on = asyncio.Event(), asyncio.Event()
    loop, put = asyncio.get_running_loop(), house.inbox.put

    def slow(row):
        loop.call_soon_threadsafe(holds.set)
        asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result(PATIENCE_S)
        return put(row)

    house.inbox.put = slow
    sending = asyncio.ensure_future(
        sender.send(json.dumps(event).encode(), content_type="application/json")
    )
    async with asyncio.timeout(PATIENCE_S):
        await holds.wait()
    await asyncio.wait([sending], timeout=0.2)
    assert not sending.done(), "acked before the row was there"
    goes_on.set()
    assert (await sending)[0] == 200
    assert [row.body["verb"] for row in house.rows] == ["halt"]


async def test_a_port_that_somebody_has_is_one_sentence(house):
    assert house.endpoint is not None
    port = int(house.endpoint.address.rpartition(":")[2])
    clock = SlacksClock(house.slack)
    other = Endpoint(house.bolt, SECRET, clock, ("127.0.0.1", port), on_hello=lambda: None)
    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}: "):
        await other.start()


async def test_the_state_tells_the_address_and_when_slack_was_last_heard(house, sender):
    assert house.endpoint is not None
    told = house.endpoint.state()
    assert told.ok
    assert "no signed request since the start" in told.why
    await sender.send(command("status"))
    assert "last signed request 0 s ago" in house.endpoint.state().why
    await house.endpoint.close()
    assert not house.endpoint.state().ok
