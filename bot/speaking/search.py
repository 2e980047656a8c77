"""Finds what stands in Slack: in a thread, or in a channel from its newest message back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import called
from bot.metadata import EVENT_TYPE
from bot.speaking.comparison import Comparison
from bot.views import Message
from storage.records import Delivery

# A lost message is looked for so many pages back; it was sent shortly before. A guess.
PAGES_LOOKED_AT = 5
PAGE = 200


class Search:
    """Looks in Slack, with the client of whoever speaks."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    @staticmethod
    def reads(message: Message) -> str:
        """Return the method by which a message is looked for."""
        return "conversations.replies" if message.in_thread else "conversations.history"

    async def look_for(self, current: Comparison, message: Message) -> str | None:
        """Return where a message stands that we may have posted, or None where it is not seen."""
        async for ts in self.places(current, message):
            return ts
        return None

    async def places(self, current: Comparison, message: Message) -> AsyncIterator[str]:
        """Go through all places where a message stands, by its metadata.

        Nothing of a former life of the run, which may have used the same key.
        """
        root = current.of(current.root)
        async for found in self.stood(current.channel, root if message.in_thread else None):
            metadata = found.get("metadata") or {}
            if metadata.get("event_type") != EVENT_TYPE or float(found["ts"]) < current.begun:
                continue
            if metadata.get("event_payload", {}).get("key") == message.key:
                yield str(found["ts"])

    async def stood(self, channel: str, root: Delivery | None) -> AsyncIterator[dict[str, Any]]:
        """Go through the messages of a thread, or of the channel from its newest back."""
        cursor: str | None = None
        page = 0
        # A thread comes oldest first, so all of it is read; a channel has no end.
        while root is not None or page < PAGES_LOOKED_AT:
            page += 1
            asked: dict[str, Any] = {"channel": channel, "limit": PAGE, "cursor": cursor}
            if root is not None and root.ts is not None:
                call = self._client.conversations_replies(
                    ts=root.ts, include_all_metadata=True, **asked
                )
            else:
                call = self._client.conversations_history(include_all_metadata=True, **asked)
            answer = await called(call)
            for found in answer.get("messages", []):
                yield found
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return
