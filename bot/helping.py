"""`help` for one person: what they may do, as Slack says now who they are.

What somebody may not do is left out, so that nobody learns at night which words are not theirs.
Where Slack cannot say who asks, all words are shown: help decides nothing.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.commands.help import help_text
from bot.commands.kinds import WORDS
from bot.config.settings import Settings
from engine import rights
from engine.errors import PeopleUnreadable
from engine.ports import People

WITHIN = timedelta(seconds=2)
"""A command has to be answered within Slack's three seconds."""

ACTS = (rights.ORDER, rights.CHANGE, *WORDS, rights.FREEZE, rights.UNFREEZE)


class Help:
    """Tells people what they can type."""

    def __init__(self, settings: Settings, people: People) -> None:
        self._settings = settings
        self._people = people

    async def __call__(self, user: str) -> str:
        """Return what this person can type, as finished mrkdwn."""
        command, groups = self._settings.slack.command, sorted(self._settings.groups)
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                may = await self._acts(user)
        except (PeopleUnreadable, TimeoutError):
            told = "Slack could not be asked who you are, so these are the words for everybody:"
            return f"{told}\n{help_text(command, groups)}"
        return help_text(command, groups, may=may)

    async def _acts(self, user: str) -> frozenset[str]:
        """Return what this person may do on some group, or to a run of their own."""
        person, roles = await self._people.person(user), await self._people.roles(user)
        policies = [self._settings.policy_of(name).policy() for name in self._settings.groups]
        return frozenset(
            act
            for act in ACTS
            for policy in policies
            if not rights.refusal(act, person, roles, policy)
        )
