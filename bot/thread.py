"""The messages of a thread, as Slack shows them now, in pages.

Who asks, and what it means that Slack does not answer, is the caller's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from engine.errors import PeopleUnreadable

PAGE = 200
"""Messages asked for at once. Source: Slack recommends no more than 200."""

MOST_PAGES = 50
"""After so many a thread counts as unreadable: ten thousand messages are no night of work, and a
cursor that never ends must not be followed for ever."""

Ask = Callable[..., Awaitable[dict[str, Any]]]
"""Calls conversations.replies with these arguments and returns the answer."""


async def pages(
    ask: Ask, channel: str, thread: str, *, oldest: str
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield the messages of a thread after `oldest`, oldest first; the root may come with them.

    Raises:
        PeopleUnreadable: the thread is longer than anything we know. And whatever `ask` raises.
    """
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        answer = await ask(channel=channel, ts=thread, oldest=oldest, limit=PAGE, cursor=cursor)
        yield list(answer.get("messages") or ())
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
        if cursor is None:
            return
    raise PeopleUnreadable(f"the thread has more than {MOST_PAGES * PAGE} messages")
