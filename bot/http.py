"""HTTP mode: Slack calls us, at one address for events, commands and clicks.

Question: what does Bolt get? Answer: what it gets over a socket, once the signature has been found
good here: one path through the app for both transports, and bodies that Bolt's own reader would
misread (a command with the word "payload" in it) are read here. Given up: Bolt's adapter.

The answer is Bolt's: 200 only after the inbox has the row (`bot.inbox`), 500 where the database
would not take it, so that Slack sends an event again and a person sees that their command failed.
TLS, and the address that Slack knows, belong to whoever stands before us. Nothing is kept between
two requests, so any number of processes may stand behind one balancer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.health import Part
from bot.listening import Listen, listening
from bot.signature import fault
from engine.ports import Clock

log = structlog.get_logger(__name__)

PATH = "/slack/events"
"""Where Slack is told to call, for everything; Bolt's own custom."""

LARGEST_BODY = 1 << 20
"""Bytes. Slack's largest payloads, views and long threads of blocks, have about 250,000."""

READ_WITHIN = timedelta(seconds=5)
"""A body that comes more slowly is not waited for: Slack has given up after three."""

STOP_WITHIN_S = 3.0
"""Seconds in which requests under way may end when we stop."""

_MOST_FIELDS = 100
_RETRY_HEADERS = ("X-Slack-Retry-Num", "X-Slack-Retry-Reason")


class NotReadable(Exception):
    """A body that is neither JSON nor a form, though its signature was good."""


class Endpoint:
    """Listens for Slack."""

    def __init__(
        self,
        app: AsyncApp,
        signing_secret: str,
        clock: Clock,
        listen: Listen,
        *,
        on_hello: Callable[[], None],
    ) -> None:
        """Take what is needed; nothing listens yet.

        Args:
            app: the Slack app.
            signing_secret: with which Slack signs.
            clock: for the age of a request.
            listen: host and port.
            on_hello: called once we can be reached: events may have been missed.
        """
        self._app = app
        self._secret = signing_secret
        self._clock = clock
        self._listen = listen
        self._on_hello = on_hello
        self._runner: web.AppRunner | None = None
        self._address = ""
        self._heard_at: float | None = None

    @property
    def address(self) -> str:
        """Where it listens, `host:port`; "" while it does not."""
        return self._address

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            CannotListen: it is not possible there.
        """
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_post(PATH, self._hear)
        app.router.add_get(PATH, self._checked)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_WITHIN_S)
        self._address = await listening(self._runner, self._listen)
        log.info("listening for Slack", address=self._address, path=PATH)
        self._on_hello()

    async def close(self) -> None:
        """Stop listening; what is under way gets its answer. Never raises."""
        self._address = ""
        if self._runner is not None:
            await self._runner.cleanup()

    def state(self) -> Part:
        """Say whether Slack can reach us, as far as can be seen from here."""
        if not self._address:
            return Part(ok=False, why="HTTP mode: nothing listens")
        if self._heard_at is None:
            heard = "no signed request since the start"
        else:
            heard = f"last signed request {self._clock.monotonic() - self._heard_at:.0f} s ago"
        return Part(ok=True, why=f"HTTP mode: listens on {self._address}; {heard}")

    async def _checked(self, request: web.Request) -> web.Response:
        """Slack looks at the certificate of an address now and then."""
        found = request.query.get("ssl_check") == "1"
        return web.Response(status=200 if found else 405)

    async def _hear(self, request: web.Request) -> web.Response:
        body = await _read(request)
        if body is None:
            return self._refused(request, 408, "its body did not come")
        wrong = fault(self._secret, request.headers, body, self._clock.now())
        if wrong:
            if _is_ssl_check(request.content_type, body):
                return web.Response()
            return self._refused(request, 401, wrong)
        self._heard_at = self._clock.monotonic()
        try:
            told = payload(request.content_type, body)
        except NotReadable as error:
            return self._refused(request, 400, str(error))
        headers = {
            name: request.headers[name] for name in _RETRY_HEADERS if name in request.headers
        }
        asked = AsyncBoltRequest(mode="socket_mode", body=told, headers=dict(headers))
        return _answer(await self._app.async_dispatch(asked))

    def _refused(self, request: web.Request, status: int, why: str) -> web.Response:
        log.warning("a request is refused", why=why, status=status, sender=request.remote)
        return web.json_response({"error": "invalid_request"}, status=status)


async def _read(request: web.Request) -> bytes | None:
    """Return the body; None when it does not come in time. A large one is aiohttp's 413."""
    try:
        async with asyncio.timeout(READ_WITHIN.total_seconds()):
            return await request.read()
    except TimeoutError:
        return None


def _is_ssl_check(content_type: str, body: bytes) -> bool:
    """Say whether this only looks at our certificate; it is not signed, and does nothing."""
    try:
        return payload(content_type, body).get("ssl_check") == "1"
    except NotReadable:
        return False


def payload(content_type: str, body: bytes) -> dict[str, Any]:
    """Return what Slack says in a body: JSON for events, a form for all else.

    Raises:
        NotReadable: it is neither.
    """
    try:
        text = body.decode()
        if content_type == "application/json":
            told = json.loads(text)
        else:
            told = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
            # A click comes as JSON in one field; a command's fields are its own.
            if "payload" in told and "command" not in told:
                told = json.loads(told["payload"])
    except (ValueError, RecursionError) as error:
        raise NotReadable("its body cannot be read") from error
    if not isinstance(told, dict):
        raise NotReadable("its body is no object")
    return told


def _answer(response: BoltResponse) -> web.Response:
    content_type = _first(response.headers, "content-type", "text/plain").partition(";")[0]
    return web.Response(
        status=response.status, text=response.body or "", content_type=content_type.strip()
    )


def _first(headers: Mapping[str, Any], name: str, without: str) -> str:
    values = headers.get(name) or [without]
    return str(values[0])
