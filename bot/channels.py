"""Whether people can be asked in a channel: as Slack says now, each time that it matters.

An archived channel can still be read: the votes in it stand, but nobody could stop what they
allow. So whoever counts votes asks here first, and an answer that did not come is no yes.

What is told of it, and to whom, is for `bot.standing` and `bot.doors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.questions import SlackRefused, asked
from bot.standing import CHANNEL_SHUT, Standing
from engine.errors import PeopleUnreadable
from engine.ports import Clock

REMEMBERED = timedelta(seconds=1)
"""How long an answer holds: as long as the votes of one gate take to be counted. A guess."""


class Channels:
    """Asks Slack about channels."""

    def __init__(self, client: AsyncWebClient, clock: Clock, standing: Standing) -> None:
        """Take whom to ask, and who is told of what was found."""
        self._client = client
        self._clock = clock
        self._standing = standing
        self._open: dict[str, float] = {}

    async def shared(self, channel: str) -> str:
        """Return why a channel is not one of ours alone, or "".

        Raises:
            PeopleUnreadable: Slack did not say so.
        """
        try:
            await self.refuse_shut(channel)
        except SlackRefused as refused:
            if refused.error in ("is_ext_shared", "is_org_shared"):
                return CHANNEL_SHUT[refused.error].partition(";")[0]
            raise
        return ""

    def forget(self, channel: str) -> None:
        """Ask anew: something about this channel has changed."""
        self._open.pop(channel, None)

    async def refuse_shut(self, channel: str) -> None:
        """Return where people can be asked in a channel.

        Raises:
            PeopleUnreadable: they cannot, or Slack did not say so.
        """
        now = self._clock.monotonic()
        if now - self._open.get(channel, float("-inf")) <= REMEMBERED.total_seconds():
            return
        answer = await asked(lambda: self._client.conversations_info(channel=channel))
        shown: dict[str, Any] = answer.get("channel") or {}
        error = _shut(shown)
        if error:
            self._standing.shut(channel, error)
            raise SlackRefused(error, f"people cannot be asked: {CHANNEL_SHUT[error]}")
        self._standing.seen_open(channel)
        self._open[channel] = now


_SHARED = ("is_ext_shared", "is_pending_ext_shared", "is_shared", "is_org_shared")
"""Slack's marks of a channel in which people of other workspaces read and write, or soon may."""

_WITH_OTHERS = ("is_ext_shared", "is_pending_ext_shared")


def shared_as(shown: Mapping[str, Any]) -> str:
    """Return how a channel, as Slack shows it, is not one of ours alone, as its error; "" if it is.

    `is_shared` alone does not say with whom: then it may be anybody.
    """
    if not any(shown.get(mark) for mark in _SHARED):
        return ""
    within = shown.get("is_org_shared") and not any(shown.get(mark) for mark in _WITH_OTHERS)
    return "is_org_shared" if within else "is_ext_shared"


def _shut(shown: dict[str, Any]) -> str:
    """Return Slack's error for a channel in which nothing can be posted, or ""."""
    if not shown:
        raise PeopleUnreadable("what Slack says of the channel cannot be read")
    if shown.get("is_archived"):
        return "is_archived"
    if how := shared_as(shown):
        return how
    if shown.get("is_member") is False and not shown.get("is_im"):  # Slack need not say it
        return "not_in_channel"
    return ""
