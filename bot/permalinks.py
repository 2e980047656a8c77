"""The address of a message, for whoever is to find it from elsewhere."""

from __future__ import annotations

import asyncio

from slack_sdk.web.async_client import AsyncWebClient

from bot.questions import UNREADABLE, asked
from engine.errors import PeopleUnreadable

WITHIN_S = 3.0
"""Seconds; votes at a gate count only once this was asked. A guess: Slack answers in under one."""


async def permalink(client: AsyncWebClient, channel: str, ts: str) -> str:
    """Return the address of a message, or "" where Slack does not say it soon. Never raises."""
    try:
        async with asyncio.timeout(WITHIN_S):
            answer = await asked(lambda: client.chat_getPermalink(channel=channel, message_ts=ts))
        return str(answer["permalink"])
    except (PeopleUnreadable, *UNREADABLE):
        return ""
