"""A question to Slack that something is decided by: answered within its limit, or not at all.

It fails closed: an answer that did not come is `PeopleUnreadable`, never an empty one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from engine.errors import PeopleUnreadable

ASK_WITHIN = timedelta(seconds=30)
"""How long a question to Slack may take, retries included; then it counts as unanswered."""

UNREADABLE = (
    SlackClientError,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    ValueError,  # an answer that is no JSON
    LookupError,  # an answer that lacks what it should have
    TypeError,
)
"""All that can go wrong between us and an answer of Slack's."""


class SlackRefused(PeopleUnreadable):
    """Slack said no to a question; `error` is its name for why."""

    def __init__(self, error: str, said: str = "") -> None:
        super().__init__(said or f"Slack refused: {error}")
        self.error = error


def named(error: SlackApiError) -> str:
    """Return Slack's name for why it refused, or "" where what came is no answer of Slack's.

    That is cut off, or from something between us and Slack: a text, a page, a list.
    """
    data = getattr(error.response, "data", None)  # or aiohttp's own response, unread
    return str(data.get("error") or "") if isinstance(data, dict) else ""


async def asked(call: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """Ask Slack and return its answer.

    Raises:
        PeopleUnreadable: it said no, or nothing within the limit.
    """
    try:
        async with asyncio.timeout(ASK_WITHIN.total_seconds()):
            answer = await call()
    except SlackApiError as error:
        if not (name := named(error)):
            raise PeopleUnreadable("what answered in Slack's place cannot be read") from error
        raise SlackRefused(name) from error
    except TimeoutError as error:
        raise PeopleUnreadable("Slack did not answer in time") from error
    except UNREADABLE as error:
        raise PeopleUnreadable(f"Slack did not answer ({type(error).__name__})") from error
    data = answer.data
    if not isinstance(data, dict):
        raise PeopleUnreadable("Slack's answer cannot be read")
    return data
