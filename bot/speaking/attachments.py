"""What belongs to a message that stands: its votes may come, its emoji, its file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called
from bot.pacing import Pace
from bot.speaking.comparison import Comparison
from bot.speaking.later import Later
from bot.speaking.search import Search
from bot.speaking.wording import Wording
from bot.views import Message
from engine.ports import Clock
from storage.records import Delivery

log = structlog.get_logger(__name__)

_FOR_A_FILE = (
    "conversations.replies",
    "files.getUploadURLExternal",
    "files.completeUploadExternal",
)

OnShown = Callable[[str, str, str, str], Awaitable[None]]
"""Told run, gate, channel and ts when a gate's message stands."""


class Attachments:
    """Adds to messages what belongs to them.

    Args:
        client: for emoji and files.
        clock: for waiting until a file may be posted.
        pace: a file is a message too.
        search: for a file that is there already.
        wording: for the addresses in a file.
        later: when what Slack refuses for now is tried again.
        on_shown: told that a gate's message stands, again after a restart as long as the journal
            has no GATE_SHOWN.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        pace: Pace,
        search: Search,
        wording: Wording,
        later: Later,
        on_shown: OnShown,
    ) -> None:
        self._client = client
        self._clock = clock
        self._pace = pace
        self._search = search
        self._wording = wording
        self._later = later
        self._on_shown = on_shown
        self._shown: set[tuple[str, str, str]] = set()

    async def finish(self, current: Comparison, message: Message, delivery: Delivery) -> None:
        """Do what belongs to a message that stands: votes may come, emoji, file.

        Emoji and file are conveniences: where Slack does not take them now, that is put off, and
        nothing waits for them.
        """
        current.delivered[message.key] = delivery
        await self._confirm(current, message)
        try:
            for name in message.reactions:
                await self._react(delivery, name)
            if message.file is not None:
                whole = await self._wording.linked(current, message)
                await self._upload(current, whole.file or message.file)
        except Trouble as trouble:
            self._later.refused(message.key, trouble)
            return
        self._later.done(message.key)
        await current.save(replace(delivery, state="sent"))

    def put_off(self, message: Message) -> float:
        """Return the seconds until a message that stands may be finished; 0 is now."""
        emoji = ("reactions.add",) if message.reactions else ()
        file = _FOR_A_FILE if message.file is not None else ()
        return self._later.wait(message.key, *emoji, *file)

    async def confirm_gates(self, current: Comparison) -> None:
        """Tell of each gate whose message stands that it does, until the journal says so."""
        for message in current.messages:
            if message.gate:
                await self._confirm(current, message)

    async def _confirm(self, current: Comparison, message: Message) -> None:
        """Tell that a gate's message stands, until the journal says so."""
        delivery = current.of(message)
        if not message.gate or delivery is None or delivery.ts is None:
            return
        place = (message.gate, delivery.ts)
        if place in current.shown or (current.run, *place) in self._shown:
            return
        if not message.reactions and any(gate == message.gate for gate, _ in current.shown):
            return  # it stands anew, but nobody votes there any more
        await self._on_shown(current.run, message.gate, delivery.channel, delivery.ts)
        self._shown.add((current.run, *place))

    async def _react(self, delivery: Delivery, name: str) -> None:
        """Add an emoji for people to click. It is a convenience: refused, it is let go."""
        try:
            await called(
                self._client.reactions_add(
                    channel=delivery.channel, timestamp=delivery.ts or "", name=name
                )
            )
        except Trouble as trouble:
            if trouble.error == "already_reacted":
                return
            if trouble.unclear or trouble.retry_after is not None:
                raise
            log.warning("no reaction", key=delivery.message_key, error=trouble.error)

    async def _upload(self, current: Comparison, file: tuple[str, str]) -> None:
        """Put a file into the thread, unless it is there; a file is a convenience too."""
        name, content = file
        root = current.of(current.root)
        if root is None or root.ts is None:
            return
        try:
            async for found in self._search.stood(current.channel, root):
                if any(one.get("name") == name for one in found.get("files", ())):
                    return
            while wait := self._pace.take_post(current.channel):  # a file is a message too
                await self._clock.sleep(timedelta(seconds=wait))
            await called(
                self._client.files_upload_v2(
                    channel=current.channel,
                    thread_ts=root.ts,
                    filename=name,
                    title=name,
                    content=content,
                )
            )
        except Trouble as trouble:
            if trouble.unclear or trouble.retry_after is not None:
                raise
            log.warning("no file", file=name, error=trouble.error)
