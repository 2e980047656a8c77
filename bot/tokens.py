"""Whether Slack takes our tokens: learnt from every answer that it gives, whoever asked.

What follows from it (waiting, telling) is for those who ask, and for `bot.health`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from bot.health import APP_TOKEN, BOT_TOKEN, Health
from bot.questions import UNREADABLE
from engine.ports import Clock

TOKEN_REFUSED = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
"""Slack's names for a token that it takes no longer, or never did."""

ASK_EVERY = timedelta(seconds=60)
"""A token that is revoked while nothing happens is found out within this; `auth.test` allows
hundreds of calls a minute."""

_OF_THE_APP = "apps.connections.open"
"""The one method that is called with the app-level token."""


class TokenWatch(AsyncRetryHandler):
    """Reads every answer to a client, and has nothing repeated."""

    def __init__(self, health: Health) -> None:
        super().__init__(max_retry_count=0)
        self._health = health

    async def can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        """Read the answer; never ask for another try."""
        body = response.body if response is not None else None
        if isinstance(body, Mapping) and "ok" in body:
            token = APP_TOKEN if request.url.endswith(_OF_THE_APP) else BOT_TOKEN
            if body["ok"]:
                self._health.slack_answers(token)
            elif body.get("error") in TOKEN_REFUSED:
                self._health.slack_refused(str(body["error"]), token)
        return False


class TokenCheck:
    """Asks Slack again and again who we are, so that a quiet night does not hide a refusal."""

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        """Take a client whose answers a `TokenWatch` reads."""
        self._client = client
        self._clock = clock
        self._asking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; Slack may be away."""
        self._asking = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Ask no longer. Never raises."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _run(self) -> None:
        while True:
            with suppress(*UNREADABLE):  # the watch has read it, or there was nothing to read
                await self._client.auth_test()
            await self._clock.sleep(ASK_EVERY)
