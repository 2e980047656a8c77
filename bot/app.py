"""The Slack app: Bolt with listeners that only answer and wake.

Every event that the manifest subscribes to has a listener, if only one that says nothing: what
nobody listens to is not acked, and Slack sends it three times more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import SlackClient
from bot.hearing import HELP, NOTHING, Heard
from bot.inbox import HEARD, Follow, HelpFor, Middleware
from bot.modals import show
from bot.pacing import Turns
from bot.people import Self
from bot.standing import Standing
from engine.ports import Answers

RETRIES = 2
"""How often a refused or failed call is repeated before whoever asked hears of it."""

REQUEST_TIMEOUT_S = 10
"""Seconds for one call; Slack answers in well under one."""

_ALL = re.compile(r".*", re.DOTALL)


def web_client(
    api_url: str,
    token: str,
    *heed: AsyncRetryHandler,
    turns: Turns | None = None,
    standing: Standing | None = None,
) -> SlackClient:
    """Return a client for questions; the speaker, whose posts must not be repeated, has its own.

    A refusal for the rate is waited out by the client itself, for all who share its turns.

    Args:
        api_url: where Slack's Web API is.
        token: the bot's token.
        heed: those who read every answer, before anybody has a call repeated.
        turns: see SlackClient.
        standing: see SlackClient.
    """
    handlers: list[AsyncRetryHandler] = [
        *heed,
        AsyncConnectionErrorRetryHandler(),
        AsyncServerErrorRetryHandler(max_retry_count=RETRIES),
    ]
    return SlackClient(
        turns=turns,
        standing=standing,
        repeats=RETRIES,
        token=token,
        base_url=api_url,
        timeout=REQUEST_TIMEOUT_S,
        retry_handlers=handlers,
    )


def slack_app(
    client: AsyncWebClient,
    token: str,
    me: Self,
    store: Middleware,
    answers: Answers,
    follow: Follow,
    help_for: HelpFor,
    opened: Callable[[str], None],
    changed: Callable[[str, str], Awaitable[None]],
) -> AsyncApp:
    """Return the app, ready to be connected.

    Args:
        client: for Bolt's own calls.
        token: the bot's token.
        me: who the bot is.
        store: the middleware of `bot.inbox`.
        answers: how a person is told something that is no answer to a command.
        follow: does what a stored row asks for; see `bot.inbox`.
        help_for: what one person can type; see `bot.helping`.
        opened: told who looks at the app's home; see `bot.home`.
        changed: told which "channel" or "usergroup" is not what it was; see `bot.people`.
    """

    async def authorize() -> AuthorizeResult:
        # Bolt's own acks an event when Slack cannot say who we are, and loses it; an error that
        # is not Slack's leaves it unacked, so that it comes again.
        identity = await me.identity()
        return AuthorizeResult(
            enterprise_id=None,
            team_id=identity.team,
            bot_user_id=identity.user,
            bot_id=identity.bot,
            bot_token=token,
        )

    # A client without a token: Bolt warns about two ways to authorize otherwise.
    bare = AsyncWebClient(
        base_url=client.base_url, timeout=client.timeout, retry_handlers=client.retry_handlers
    )
    app = AsyncApp(
        logger=logging.getLogger("slack_bolt"), client=bare, authorize=authorize, token=None
    )
    app.use(store)

    @app.command(_ALL)
    async def command(ack: AsyncAck, context: AsyncBoltContext) -> None:
        heard = _heard(context)
        text = await help_for(heard.to["user"]) if heard.about == HELP else heard.text
        if heard.blocks:
            await ack(text=text, blocks=list(heard.blocks))
        else:
            await (ack(text) if text else ack())
        if heard.row is not None:
            await follow(heard.row)

    @app.action(_ALL)
    async def action(ack: AsyncAck, context: AsyncBoltContext) -> None:
        await ack()
        heard = _heard(context)
        if heard.form is None:
            await answer(context)
        elif refused := await show(client, heard.form):
            await answers.answer(heard.to, refused)

    async def answer(context: AsyncBoltContext) -> None:
        heard = _heard(context)
        if heard.row is not None:
            await follow(heard.row)
        if heard.text and (heard.row is None or heard.told):
            await answers.answer(heard.to, heard.text)

    @app.view(_ALL)
    async def view(ack: AsyncAck, context: AsyncBoltContext) -> None:
        errors = _heard(context).errors
        if errors:
            await ack(response_action="errors", errors=errors)
            return
        await ack()
        await answer(context)

    @app.event("channel_shared")
    async def channel_shared(event: dict[str, Any]) -> None:
        await changed("channel", str(event.get("channel", "")))

    @app.event("subteam_members_changed")
    async def members_changed(event: dict[str, Any]) -> None:
        await changed("usergroup", str(event.get("subteam_id", "")))

    @app.event("subteam_updated")
    async def group_updated(event: dict[str, Any]) -> None:
        await changed("usergroup", str((event.get("subteam") or {}).get("id", "")))

    @app.event("app_home_opened")
    async def home(event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            opened(str(event["user"]))

    for kind in ("reaction_added", "reaction_removed", "app_mention", _ALL):
        app.event(kind)(answer)
    return app


def _heard(context: AsyncBoltContext) -> Heard:
    heard = context.get(HEARD, NOTHING)
    return heard if isinstance(heard, Heard) else NOTHING
