"""Brings live messages up to date where they stand, gates first."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble
from bot.pacing import Pace
from bot.speaking.comparison import Comparison, digest
from bot.speaking.later import Later
from bot.speaking.losses import Losses
from bot.speaking.wording import GONE, NOT_EDITABLE, Wording
from bot.views import Message
from engine.ports import Clock
from storage.records import Delivery, LeaseLost, Stores

log = structlog.get_logger(__name__)

EDIT = "chat.update"


class Editing:
    """Edits messages, one at a time, the one first that was left alone for longest.

    Args:
        stores: which runs are open, among whom the edits are shared out.
        client: makes each call once.
        clock: for when a message was edited.
        pace: whose turn it is.
        wording: how a message is said.
        losses: posts anew what is gone.
        later: when what Slack refuses for now is tried again.
    """

    def __init__(
        self,
        stores: Stores,
        client: AsyncWebClient,
        clock: Clock,
        pace: Pace,
        wording: Wording,
        losses: Losses,
        later: Later,
    ) -> None:
        self._stores = stores
        self._client = client
        self._clock = clock
        self._pace = pace
        self._wording = wording
        self._losses = losses
        self._later = later
        self._edited_at: dict[str, float] = {}

    def up_to_date(self, key: str) -> None:
        """A message says now what it should: it was posted, or is being edited."""
        self._edited_at[key] = self._clock.monotonic()

    async def edit_one(self, current: Comparison) -> float | None:
        """Bring one live message up to date, if it is our turn; return when to come again.

        An edit that Slack refuses for now is put off: it keeps no post back for longer than one
        call, and no other edit.
        """
        stale = current.stale()
        waits = {m.key: self._later.wait(_edit_of(m), EDIT) for m in stale}
        stale = [m for m in stale if not waits[m.key]]
        if not stale:
            self._pace.withdraw(current.run)
            return min(waits.values(), default=None)
        message = min(stale, key=lambda m: (_rank(m), self._edited_at.get(m.key, 0.0)))
        live = len(await asyncio.to_thread(self._stores.journal.runs))
        if wait := self._pace.take_edit(current.run, _rank(message), max(1, live)):
            return wait
        self.up_to_date(message.key)
        try:
            await self._edit(current, message, current.delivered[message.key])
        except Trouble as trouble:
            self._later.refused(_edit_of(message), trouble, method=EDIT)
        else:
            self._later.done(_edit_of(message))
        return 0

    async def _edit(self, current: Comparison, message: Message, delivery: Delivery) -> None:
        try:
            await self._wording.say(
                lambda content: self._client.chat_update(
                    channel=delivery.channel, ts=delivery.ts or "", **content
                ),
                message,
                current,
                stands=True,
            )
        except Trouble as trouble:
            if trouble.error not in NOT_EDITABLE:
                raise
            await self._replace(current, message, delivery, trouble)
            return
        try:
            await current.save(replace(delivery, digest=digest(message)))
        except LeaseLost:
            await self._was_late(delivery)
            raise

    async def _was_late(self, delivery: Delivery) -> None:
        """We edited after another had taken over, perhaps over what is newer: it edits once more.

        Without a lease, which we have no more; nothing but what stands there is in doubt. Given up:
        a process that dies between its late edit and this.
        """
        rows = await asyncio.to_thread(self._stores.deliveries.all, delivery.message_key)
        for row in rows:
            if (row.message_key, row.ts) == (delivery.message_key, delivery.ts):
                log.warning("edited too late; who speaks now does it again", key=row.message_key)
                await asyncio.to_thread(self._stores.deliveries.save, replace(row, digest=""))

    async def _replace(
        self, current: Comparison, message: Message, delivery: Delivery, trouble: Trouble
    ) -> None:
        """A message that can no longer be edited: what was deleted, and the root, is posted anew.

        Another one stays as it is, if it still stands: the votes on a gate are bound to its place.
        """
        if trouble.error == GONE or message is current.root:
            await self._losses.lose(current, message, delivery)
            return
        log.warning("cannot be edited", key=message.key, error=trouble.error)
        await current.save(replace(delivery, digest=digest(message)))


def _edit_of(message: Message) -> str:
    return f"{EDIT} {message.key}"


def _rank(message: Message) -> int:
    """Gates first: people are deciding on what they read there."""
    return 0 if message.gate else 1
