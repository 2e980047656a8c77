"""Socket Mode: two connections, so that one stays while Slack renews the other, and a watchdog.

The watchdog is for faults of the client library that were seen: an address that is refused is
tried again for ever; and a connection can be open, be called connected, and be deaf. So a
connection is judged by its last frame: Slack's own pings and the answers to ours come every few
seconds, whatever people do.

Question: what if both are silent? Answer: one is replaced, and the other only once that one has
been greeted or had its time, so that there is always one that nobody touches. Given up: some
seconds, when all is lost anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import time
from typing import Any

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called, without_retries
from bot.health import Part
from engine.ports import Clock

log = structlog.get_logger(__name__)

STAGGER = timedelta(seconds=5)
"""Between two questions for an address: `apps.connections.open` is of the slowest tier, so that
two processes that start together do not use it up."""

BACKOFF_FIRST = timedelta(seconds=5)
BACKOFF_LONGEST = timedelta(seconds=15)
"""Between questions that are not answered: nobody hears us meanwhile, and a limit of Slack's comes
with its own `Retry-After`, which goes before."""

PING_EVERY_S = 5.0
"""Seconds of the machine's clock, by which the library works."""

LOOK_EVERY = timedelta(seconds=5)

LOOK_LATE = timedelta(seconds=10)
"""A look that comes so much too late says that we stood still: what Slack sent meanwhile is not
read yet, so it judges nobody."""

SILENT_AFTER = timedelta(seconds=30)
"""Open, but without a frame for so long: six pings without an answer."""

ASK_ANEW_AFTER = timedelta(seconds=15)
"""Down for so long: the address may be refused, so the next attempt asks Slack for another."""

REPLACE_AFTER = timedelta(seconds=60)
"""Down for so long: the client is given up, and a new one takes its place."""

_FRAMES = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG)


class _Addresses:
    """Asks Slack for the addresses of connections: one question at a time, none too soon."""

    def __init__(self, client: AsyncWebClient, token: str, clock: Clock) -> None:
        self._client = client
        self._token = token
        self._clock = clock
        self._turn = asyncio.Lock()
        self._not_before = float("-inf")
        self._backoff = BACKOFF_FIRST

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for one: Slack gives none, or not yet."""
        return self._turn.locked()

    async def next(self) -> str:
        """Return an address that works once; while Slack gives none, go on asking."""
        async with self._turn:
            while True:
                wait = self._not_before - self._clock.monotonic()
                if wait > 0:
                    await self._clock.sleep(timedelta(seconds=wait))
                try:
                    answer = await called(self._client.apps_connections_open(app_token=self._token))
                except Trouble as trouble:
                    self._rest(self._how_long(trouble))
                    continue
                self._backoff = BACKOFF_FIRST
                self._rest(STAGGER)
                return str(answer["url"])

    def _how_long(self, trouble: Trouble) -> timedelta:
        wait = self._backoff
        self._backoff = min(self._backoff * 2, BACKOFF_LONGEST)
        if trouble.retry_after is not None:
            wait = timedelta(seconds=trouble.retry_after)
        log.warning(
            "Slack gives no address for a connection",
            reason=trouble.error,
            again_in_s=wait.total_seconds(),
        )
        return wait

    def _rest(self, wait: timedelta) -> None:
        self._not_before = self._clock.monotonic() + wait.total_seconds()


@dataclass
class _Line:
    """One connection: since when it is down, and when Slack was last heard on which socket."""

    client: Any
    task: asyncio.Task[None]
    since: float
    down_since: float | None = None
    heard_at: float = float("-inf")
    heard_on: object = None

    @property
    def socket(self) -> Any:  # noqa: ANN401 -- the library does not tell its type
        """The socket that is open, or None."""
        socket = self.client.current_session
        return socket if socket is not None and not socket.closed else None

    def quiet(self, now: float) -> float | None:
        """Seconds since the last frame on the open socket; None where there was none on it."""
        socket = self.socket
        return now - self.heard_at if socket is not None and socket is self.heard_on else None


class Sockets:
    """Keeps the app connected to Slack."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        clock: Clock,
        *,
        connections: int,
        on_hello: Callable[[], None],
        silent_after: timedelta = SILENT_AFTER,
    ) -> None:
        """Take what is needed; nothing is connected yet.

        Args:
            app: the Slack app.
            app_token: the app-level token.
            clock: for the watchdog.
            connections: how many at once.
            on_hello: called whenever Slack greets a new connection: events may have been missed.
            silent_after: how long an open connection may be without a frame.
        """
        self._app = app
        self._token = app_token
        self._clock = clock
        self._wanted = connections
        self._on_hello = on_hello
        self._silent_s = silent_after.total_seconds()
        self._addresses = _Addresses(without_retries(app.client), app_token, clock)
        self._lines: list[_Line] = []
        self._replaced: _Line | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; Slack may be away, then it goes on trying."""
        self._watch = asyncio.ensure_future(self._run())

    def connected(self) -> int:
        """Return how many connections work now, by their last frame."""
        now = self._clock.monotonic()
        return sum(self._works(line, now) for line in self._lines)

    def quiet(self) -> list[float | None]:
        """Return for each connection the seconds since its last frame; None: there was none."""
        now = self._clock.monotonic()
        return [line.quiet(now) for line in self._lines]

    def state(self) -> Part:
        """Say whether Slack reaches us."""
        ages = [age for age in self.quiet() if age is not None]
        last = f"last frame {min(ages):.0f} s ago" if ages else "no frame yet"
        working = self.connected()
        why = f"Socket Mode: {working} of {self._wanted} connections work; {last}"
        return Part(ok=working > 0, why=why)

    async def close(self) -> None:
        """Disconnect. Never raises."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        for line in self._lines:
            await self._drop(line)
        self._lines.clear()

    async def _run(self) -> None:
        self._lines.extend(self._line() for _ in range(self._wanted))
        looked = self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK_EVERY)
            now = self._clock.monotonic()
            if now - looked <= (LOOK_EVERY + LOOK_LATE).total_seconds():
                await self._look(now)
            looked = now

    async def _look(self, now: float) -> None:
        """Look after all connections, and replace one at most."""
        lost = [place for place, line in enumerate(self._lines) if self._is_lost(line, now)]
        if not lost or self._is_settling(now):
            return
        place = lost[0]
        line = self._lines[place]
        log.warning("a connection to Slack is replaced", connection=place, quiet_s=line.quiet(now))
        self._replaced = self._lines[place] = self._line()
        await self._drop(line)

    def _is_settling(self, now: float) -> bool:
        """Whether the last one that was replaced has neither been greeted nor had its time."""
        new = self._replaced
        return (
            new is not None
            and not self._works(new, now)
            and now - new.since < REPLACE_AFTER.total_seconds()
        )

    def _works(self, line: _Line, now: float) -> bool:
        quiet = line.quiet(now)
        return quiet is not None and quiet <= self._silent_s

    def _is_lost(self, line: _Line, now: float) -> bool:
        """Look after one connection; True when it must be replaced."""
        if self._works(line, now):
            line.down_since = None
            return False
        if line.quiet(now) is not None:
            return True
        if line.down_since is None or self._addresses.awaited:
            line.down_since = now
        down_s = now - line.down_since
        if down_s >= ASK_ANEW_AFTER.total_seconds():
            line.client.wss_uri = None
        return down_s >= REPLACE_AFTER.total_seconds()

    def _line(self) -> _Line:
        client: Any = _Client(self._token, self._app, self._addresses)
        client.message_listeners.append(self._hear)
        client.socket_mode_request_listeners.append(self._take)
        now = self._clock.monotonic()
        line = _Line(client, asyncio.ensure_future(client.connect()), since=now)

        def heard(socket: object) -> None:
            line.heard_at, line.heard_on = self._clock.monotonic(), socket

        client.heard = heard
        return line

    async def _take(self, client: SocketModeClient, request: SocketModeRequest) -> None:
        """Let the app have a request, and ack it where it was taken, on its own connection."""
        began = time()  # the library measures with it
        response = await run_async_bolt_app(self._app, request)
        await send_async_response(client, request, response, began)

    async def _hear(self, _client: object, message: dict[str, Any], _raw: str | None) -> None:
        if message.get("type") == "hello":
            log.info("connected to Slack")
            self._on_hello()

    async def _drop(self, line: _Line) -> None:
        line.task.cancel()
        try:
            await line.client.close()
        except (OSError, RuntimeError) as error:
            log.info("a connection did not close cleanly", error=type(error).__name__)
        await asyncio.wait([line.task])


class _Client(SocketModeClient):
    """The library's client; it tells of every frame, and waits its turn for an address."""

    def __init__(self, token: str, app: AsyncApp, addresses: _Addresses) -> None:
        super().__init__(
            token, logger=app.logger, web_client=app.client, ping_interval=PING_EVERY_S
        )
        self.heard: Callable[[object], None] = lambda _socket: None
        self._addresses = addresses
        unused, client = self.aiohttp_client_session, self

        class Heard(aiohttp.ClientWebSocketResponse):
            """A socket whose frames are noted, pings and pongs as well."""

            async def receive(self, timeout: float | None = None) -> aiohttp.WSMessage:  # noqa: ASYNC109 -- the library's own signature
                message = await super().receive(timeout)
                if message.type in _FRAMES:
                    client.heard(self)
                return message

        self.aiohttp_client_session = aiohttp.ClientSession(ws_response_class=Heard)
        self._unused = asyncio.ensure_future(unused.close())

    async def issue_new_wss_url(self) -> str:
        """See the library; there each connection asks for itself, and at once."""
        return await self._addresses.next()
