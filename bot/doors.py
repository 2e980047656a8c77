"""A channel in which nobody can be asked: noticed every minute, and told directly, once.

Who asked for a run, and who may operate it, would else wait for messages that cannot be posted.
What stands still then, and follows when the channel is open again, is the same comparison as ever
(`bot.speaking`); nothing is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called, without_retries
from bot.channels import Channels
from bot.people import is_person
from bot.rounds import Rounds
from bot.standing import CHANNEL_SHUT, Standing, concerns_all
from bot.views.format import code, escape
from bot.views.words import out_words
from engine import rights
from engine.errors import NotUnderstood, PeopleUnreadable
from engine.fold import RunState
from engine.ports import Clock
from storage.records import Delivery, Lease, LeaseLost, Stores

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=60)
"""Between two looks: a call per channel with an open run, of the 50 a minute that Slack allows."""

InRoles = Callable[[Collection[str]], Awaitable[frozenset[str]]]
SpeaksFor = Callable[[str], Lease | None]

TOLD, OPEN = "sent", "over"


class Doors:
    """Looks after the channels of open runs."""

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        stores: Stores,
        channels: Channels,
        standing: Standing,
        in_roles: InRoles,
        speaks_for: SpeaksFor,
    ) -> None:
        """Take what is needed; nothing is looked at yet.

        Args:
            client: to tell people directly.
            clock: for the time between two looks.
            stores: open runs, and who was told already.
            channels: whether people can be asked.
            standing: what Slack refused of late.
            in_roles: who is in some roles now.
            speaks_for: the lease under which this process tells a run, or None.
        """
        self._client = without_retries(client)
        self._stores = stores
        self._channels = channels
        self._standing = standing
        self._in_roles = in_roles
        self._speaks_for = speaks_for
        self._rounds = Rounds(
            clock, EVERY, self.look, log=log, failed="channels were not looked at"
        )

    def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    def look_soon(self, _reason: str = "") -> None:
        """Look as soon as possible: something was refused, or is taken again."""
        self._rounds.go_soon()

    async def close(self) -> None:
        """Look no longer. Never raises."""
        await self._rounds.close()

    async def look(self) -> None:
        """Look at each channel with an open run once, and tell what has changed."""
        looked: set[str] = set()
        for row in await asyncio.to_thread(self._stores.journal.runs):
            roots = await asyncio.to_thread(self._stores.deliveries.all, f"{row.id}/root")
            channel = roots[0].channel if roots else ""
            if not channel:
                continue
            if channel not in looked:
                looked.add(channel)
                with contextlib.suppress(PeopleUnreadable):  # the standing knows of it
                    await self._channels.refuse_shut(channel)
            lease = self._speaks_for(row.id)
            if lease is not None:
                await self._tell(row.id, channel, lease)

    async def _tell(self, run: str, channel: str, lease: Lease) -> None:
        error = self._standing.why_shut(channel)
        key = f"{run}/shut"
        rows = await asyncio.to_thread(self._stores.deliveries.all, key)
        told = next((row.digest for row in rows if row.state == TOLD), "")
        if error == told:
            return
        if error and not await self._tell_people(run, channel, error):
            return
        note = Delivery(key, channel, None, error, TOLD if error else OPEN)
        try:
            await asyncio.to_thread(self._stores.deliveries.save, note, lease=lease)
        except LeaseLost:
            log.info("another process tells it", run=run)

    async def _tell_people(self, run: str, channel: str, error: str) -> bool:
        """Write to everybody who should know; True where somebody could be reached."""
        records = await asyncio.to_thread(self._stores.journal.read, run)
        try:
            state = RunState.replay(records)
        except NotUnderstood:
            return False
        users = {state.the_request.requester}
        try:
            users |= await self._in_roles(rights.roles_for("retry", state.the_plan.policy))
        except PeopleUnreadable as unreadable:
            log.warning("who is on duty is not known", error=str(unreadable))
        text = _words(state, channel, error)
        people = sorted(user for user in users if is_person(user))
        return any([await self._write_to(user, text) for user in people])

    async def _write_to(self, user: str, text: str) -> bool:
        try:
            await called(self._client.chat_postMessage(channel=user, text=text))
        except Trouble as trouble:
            if not concerns_all(trouble.error):
                log.warning("not told directly", user=user, error=trouble.error)
            return False
        return True


def _words(state: RunState, channel: str, error: str) -> str:
    group = state.the_plan.security_group
    out = out_words(state.out_of_service(), state.the_plan)
    return (
        f"⚠️ {code(state.run)} on {escape(group, 80)} cannot be told in <#{channel}>: "
        f"{CHANNEL_SHUT[error]}.\n"
        f"{out.capitalize()}. What a device has begun goes on; no "
        "failover begins while people cannot be asked. Everything follows there once it can be "
        f"written to again. To stop it at the bot's machine: {code(f'hotfix-bot halt {group}')}."
    )
