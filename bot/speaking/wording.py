"""With how much of its content a message is said: as much as Slack takes, and never with nothing.

Task cards first, then blocks, then the text alone. What was refused is not tried again, but for the
cards where the settings want them with each message.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called
from bot.permalinks import permalink
from bot.speaking.comparison import Comparison
from bot.views import Message, linked

log = structlog.get_logger(__name__)

GONE = "message_not_found"

NOT_EDITABLE = frozenset({GONE, "cant_update_message", "edit_window_closed", "is_inactive"})
"""Refusals that are about the message and not about what it says: no other content is taken."""

_CARDS_UNKNOWN = frozenset({"invalid_blocks", "invalid_blocks_format"})


class Wording:
    """Says messages, and remembers what Slack did not take of them.

    Args:
        client: for the addresses of messages.
        task_cards: "on", "off", or "auto": until Slack does not know these blocks.
    """

    def __init__(self, client: AsyncWebClient, task_cards: str) -> None:
        self._client = client
        self._task_cards = task_cards
        self._uncarded: set[str] = set()
        self._plain: set[str] = set()

    async def linked(self, current: Comparison, message: Message) -> Message:
        """Return a message with the addresses of those that it leads to, as far as they stand."""
        found = []
        for label, key in message.links:
            place = current.delivered.get(key)
            if place is None or place.ts is None:
                continue
            if address := await permalink(self._client, place.channel, place.ts):
                found.append((label, address))
        return linked(message, found)

    async def say(
        self,
        call: Callable[[dict[str, Any]], Coroutine[Any, Any, Any]],
        message: Message,
        current: Comparison,
        *,
        stands: bool = False,
    ) -> dict[str, Any]:
        """Post or edit with all of a message's content; with its text alone where refused.

        Args:
            call: makes the call with this content.
            message: what is said.
            current: the comparison in which it was due.
            stands: whether the message stands already, and is edited.

        Raises:
            LeaseLost: the lease to speak is too old for it.
            Trouble: Slack does not take it in any wording, or not now.
        """
        current.speaking.refuse_late()
        content: dict[str, Any] = {"text": message.text, "parse": "none", "link_names": False}
        refused: list[tuple[Callable[[Message, Trouble], None], Trouble]] = []
        for blocks, is_due, given_up in (
            (message.cards, self._may_have_cards(message), self._without_cards),
            (message.blocks, message.key not in self._plain, self._without_blocks),
        ):
            if blocks and is_due:
                try:
                    said = await called(call({**content, "blocks": list(blocks)}))
                except Trouble as trouble:
                    if not trouble.about_content or trouble.error in NOT_EDITABLE:
                        raise
                    refused.append((given_up, trouble))
                else:
                    break
        else:
            # An empty list takes away blocks of a former edit. A message that is posted has none.
            said = await called(call({**content, "blocks": []} if stands else content))
        # Only now it is known that more was too much, and not everything.
        for give_up, why in refused:
            give_up(message, why)
        return said

    def _may_have_cards(self, message: Message) -> bool:
        return self._task_cards != "off" and message.key not in self._uncarded

    def _without_blocks(self, message: Message, trouble: Trouble) -> None:
        log.warning("said without blocks", key=message.key, error=trouble.error)
        self._plain.add(message.key)

    def _without_cards(self, message: Message, trouble: Trouble) -> None:
        """A workspace that does not know task cards gets sections, and is not asked again."""
        log.warning("said without task cards", key=message.key, error=trouble.error)
        if self._task_cards == "auto":
            self._uncarded.add(message.key)
            if trouble.error in _CARDS_UNKNOWN:
                self._task_cards = "off"
