"""Socket Mode: two connections, so that one stays while Slack renews the other, and a watchdog.

The watchdog is for two faults of the client library that were seen: a connection address that is
refused is tried again for ever, and a connection can stay deaf without noticing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from engine.ports import Clock

log = structlog.get_logger(__name__)

STAGGER = timedelta(seconds=5)
"""Between the first connections: `apps.connections.open` is of the slowest tier, so that two
processes that start together do not use it up."""

LOOK_EVERY = timedelta(seconds=5)

ASK_ANEW_AFTER = timedelta(seconds=15)
"""Down for so long: the address may be refused, so the next attempt asks Slack for another."""

REPLACE_AFTER = timedelta(seconds=60)
"""Down for so long: the client is given up, and a new one takes its place."""


@dataclass
class _Line:
    """One connection, and since when it is down."""

    client: Any
    task: asyncio.Task[None]
    down_since: float | None = None


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
    ) -> None:
        """Take what is needed; nothing is connected yet.

        Args:
            app: the Slack app.
            app_token: the app-level token.
            clock: for the watchdog.
            connections: how many at once.
            on_hello: called whenever Slack greets a new connection: events may have been missed.
        """
        self._app = app
        self._token = app_token
        self._clock = clock
        self._wanted = connections
        self._on_hello = on_hello
        self._lines: list[_Line] = []
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; Slack may be away, then it goes on trying."""
        self._watch = asyncio.ensure_future(self._run())

    async def connected(self) -> int:
        """Return how many connections work now."""
        working = [await line.client.is_connected() for line in self._lines]
        return sum(working)

    async def close(self) -> None:
        """Disconnect. Never raises."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        for line in self._lines:
            await self._drop(line)
        self._lines.clear()

    async def _run(self) -> None:
        for number in range(self._wanted):
            if number:
                await self._clock.sleep(STAGGER)
            self._lines.append(self._line())
        while True:
            await self._clock.sleep(LOOK_EVERY)
            for place, line in enumerate(self._lines):
                if await self._is_lost(line):
                    log.warning("a connection to Slack is replaced", connection=place)
                    self._lines[place] = self._line()
                    await self._drop(line)

    async def _is_lost(self, line: _Line) -> bool:
        """Look after one connection; True when it must be replaced."""
        if await line.client.is_connected():
            line.down_since = None
            return False
        now = self._clock.monotonic()
        if line.down_since is None:
            line.down_since = now
        down_s = now - line.down_since
        if down_s >= ASK_ANEW_AFTER.total_seconds():
            line.client.wss_uri = None
        return down_s >= REPLACE_AFTER.total_seconds()

    def _line(self) -> _Line:
        handler = AsyncSocketModeHandler(self._app, self._token)
        client: Any = handler.client  # its `connect` and `close` have no type hints
        client.message_listeners.append(self._hear)
        return _Line(client, asyncio.ensure_future(client.connect()))

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
