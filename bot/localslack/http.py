"""HTTP deliveries: the same as over a socket, to the app's Request URLs, signed as Slack signs.

It knows nothing of who is to be told again; see `events`.

Source: docs.slack.dev/apis/events-api (retries, their headers, `url_verification`) and
docs.slack.dev/authentication/verifying-requests-from-slack (the signature). What a person is told
when a command fails is documented for the three seconds alone; the other names are as people have
seen them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from bot.localslack.clock import Clock, pause, until
from bot.localslack.delivery import SECONDS_TO_ACK, Delivery, NotDelivered
from bot.localslack.ids import secret
from bot.localslack.payloads import VERIFICATION_TOKEN
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.faults import Faults
    from bot.localslack.model import Json
    from bot.localslack.traffic import Traffic
    from bot.localslack.workspace import Workspace

MOST_REDIRECTS = 2
# An answer that is longer is no acknowledgement; a guess, larger than all that Slack would show.
LONGEST_ANSWER = 1 << 20
AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"


@dataclass(frozen=True)
class _Answer:
    """What the app said to one request."""

    status: int
    content_type: str
    text: str
    no_retry: bool = False

    @property
    def payload(self) -> Json:
        """Return what it wants to be shown: JSON, or plain text."""
        if not self.text:
            return {}
        if self.content_type != "application/json":
            return {"text": self.text}
        try:
            said = json.loads(self.text)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


class HttpMode:
    """Calls the app."""

    def __init__(
        self, clock: Clock, workspace: Workspace, faults: Faults, traffic: Traffic
    ) -> None:
        self._clock = clock
        self._workspace = workspace
        self._faults = faults
        self._traffic = traffic
        self._client: aiohttp.ClientSession | None = None
        self._copies: set[asyncio.Task[object]] = set()

    async def deliver(self, delivery: Delivery) -> Json:
        """Send one request, and return what its answer wants to be shown.

        Raises:
            NotDelivered: no good answer came within three seconds.
        """
        request_id = self._workspace.ids.new("Rq")
        kind, payload = delivery.kind, delivery.payload
        about = {"type": kind, "retry_attempt": delivery.attempt, "request_id": request_id}
        url = self._url(kind, payload)
        if not url or self._faults.is_out:
            self._traffic.record(
                "delivery", ok=False, error="dispatch_failed", payload=payload, **about
            )
            raise NotDelivered("dispatch_failed", "connection_failed")
        if self._faults.take("lose_request"):
            self._traffic.record(
                "delivery", ok=False, error="dispatch_failed", payload=payload, **about
            )
            raise NotDelivered("dispatch_failed", "connection_failed")
        if fault := self._faults.take("duplicate_envelope"):
            copy = dict(payload)
            if fault.details.get("new_event_id") and "event_id" in copy:
                copy["event_id"] = self._workspace.ids.new("Ev")
            self._keep(self._send(url, kind, copy, about))
        answer = await self._answered(url, kind, payload, about, delivery.reason)
        return answer.payload if delivery.accepts_response else {}

    async def verify(self, url: str) -> None:
        """Ask an address for a challenge, as Slack does before it takes it as a Request URL.

        Raises:
            Refused: `url_verification_failed`, with what came instead.
        """
        challenge = secret()
        body = {
            "token": VERIFICATION_TOKEN,
            "challenge": challenge,
            "type": "url_verification",
        }
        about: Json = {"type": "url_verification", "retry_attempt": 0}
        try:
            answer = await self._answered(url, "events_api", body, about, "")
        except NotDelivered as failure:
            raise Refused("url_verification_failed", reason=failure.error) from failure
        if challenge not in (answer.text.strip(), answer.payload.get("challenge")):
            raise Refused("url_verification_failed", reason="no challenge in the answer")

    async def close(self) -> None:
        """End what is under way."""
        for copy in list(self._copies):
            copy.cancel()
        if self._client is not None:
            await self._client.close()

    # ------------------------------------------------------------------ private

    def _url(self, kind: str, payload: Json) -> str:
        app = self._workspace.app
        if kind == "slash_commands":
            return str(app.commands.get(payload["command"], {}).get("url", ""))
        settings = app.manifest.get("settings", {})
        part = "event_subscriptions" if kind == "events_api" else "interactivity"
        return str(settings.get(part, {}).get("request_url", ""))

    async def _answered(
        self, url: str, kind: str, payload: Json, about: Json, reason: str
    ) -> _Answer:
        """Send and wait for three seconds.

        Raises:
            NotDelivered: what came was no acknowledgement.
        """
        sending = asyncio.ensure_future(self._send(url, kind, payload, about, reason))
        try:
            answer = await until(self._clock, SECONDS_TO_ACK, sending)
        except aiohttp.TooManyRedirects as error:
            raise self._failed(about, "http_client_error", "too_many_redirects") from error
        except aiohttp.ClientSSLError as error:
            raise self._failed(about, "dispatch_failed", "ssl_error") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._failed(about, "dispatch_failed", "connection_failed") from error
        if answer is not None and self._faults.take("lose_ack"):
            self._traffic.record("ack", ok=False, error="lost", status=answer.status)
            await pause(self._clock, SECONDS_TO_ACK)
            answer = None
        if answer is None:
            raise self._failed(about, "operation_timeout", "http_timeout")
        good = 200 <= answer.status < 300
        self._traffic.record(
            "ack",
            ok=good,
            status=answer.status,
            payload=answer.payload or None,
            request_id=about.get("request_id"),
        )
        if not good:
            whose = "http_service_error" if answer.status >= 500 else "http_client_error"
            raise self._failed(about, whose, "http_error", is_final=answer.no_retry)
        return answer

    def _failed(
        self, about: Json, error: str, reason: str, *, is_final: bool = False
    ) -> NotDelivered:
        self._traffic.record("delivery", ok=False, error=error, reason=reason, **about)
        return NotDelivered(error, reason, is_final=is_final)

    async def _send(
        self, url: str, kind: str, payload: Json, about: Json, reason: str = ""
    ) -> _Answer:
        self._traffic.record("delivery", ok=True, url=url, payload=payload, **about)
        content_type, body = _encoded(kind, payload)
        headers = {"Content-Type": content_type, "User-Agent": AGENT, **self._signed(body)}
        if about["retry_attempt"]:
            headers["X-Slack-Retry-Num"] = str(about["retry_attempt"])
            headers["X-Slack-Retry-Reason"] = reason
        async with self._session().post(
            url, data=body, headers=headers, max_redirects=MOST_REDIRECTS
        ) as response:
            text = (await response.content.read(LONGEST_ANSWER)).decode(errors="replace")
            no_retry = response.headers.get("X-Slack-No-Retry") == "1"
            return _Answer(response.status, response.content_type, text, no_retry)

    def _signed(self, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._clock.now()))
        signed = b"v0:" + timestamp.encode() + b":" + body
        key = self._workspace.app.signing_secret.encode()
        digest = hmac.new(key, signed, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            # The three seconds are reckoned on our clock; this only ends what nobody awaits.
            limit = aiohttp.ClientTimeout(total=10 * SECONDS_TO_ACK)
            self._client = aiohttp.ClientSession(timeout=limit)
        return self._client

    def _keep(self, sending: Any) -> None:  # noqa: ANN401 -- any coroutine
        async def send() -> object:
            try:
                return await sending
            except (aiohttp.ClientError, OSError, TimeoutError):
                return None  # the original is what counts

        task = asyncio.ensure_future(send())
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)


def _encoded(kind: str, payload: Json) -> tuple[str, bytes]:
    """Return content type and body: events are JSON, all else is a form."""
    if kind == "events_api":
        return "application/json", json.dumps(payload).encode()
    fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(fields).encode()
