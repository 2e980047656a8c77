"""Whether every gate can still be passed, and every right used, by the people whom Slack names.

The members of a user group change in Slack, while nobody looks at the settings. It is looked at
before a process serves, and every few minutes as long as it does.

Question: what if a gate cannot be passed any more? Answer: a process that begins on nothing
refuses, as it does for a mistake in the settings (`bot.config.contradictions`): somebody sits
before it. Where a run is open it serves, and says so in the log and in /readyz: members may be out
of service, which only a process that lives can bring up, halt or tell of; no gate opens by that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from bot.config.contradictions import unsatisfiable
from bot.config.settings import Settings
from bot.health import Part
from bot.rounds import Rounds
from engine.errors import PeopleUnreadable
from engine.ports import Clock

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=10)
"""Between two looks: a call for each user group, of the 20 a minute that Slack allows. A guess."""


class Approvers:
    """Looks whether those who have to approve are there."""

    def __init__(
        self,
        settings: Settings,
        usergroups: Callable[[], Awaitable[Mapping[str, frozenset[str]]]],
        clock: Clock,
    ) -> None:
        """Take what is needed; nothing is looked at yet.

        Args:
            settings: gates, rights and roles.
            usergroups: asks Slack who is in each user group that a role names.
            clock: for the time between two looks.
        """
        self._settings = settings
        self._usergroups = usergroups
        # A balancer would keep everything from us where we say that we are not ready, `halt` too.
        self._cuts_off = settings.slack.transport == "http"
        self.lacking: Sequence[str] = ()
        """What cannot be passed or used as of the last look, in sentences."""
        self._rounds = Rounds(clock, EVERY, self.look, log=log, failed="approvers not looked at")

    def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    async def close(self) -> None:
        """Look no longer. Never raises."""
        await self._rounds.close()

    async def look(self) -> None:
        """Look once; where Slack does not say, what was found before stays."""
        try:
            usergroups = await self._usergroups()
        except PeopleUnreadable as error:
            # Not a reason to stay away from runs that are under way; gates fail closed anyway.
            log.warning("user groups were not checked", error=str(error))
            return
        found = list(unsatisfiable(self._settings, usergroups))
        if found and found != self.lacking:
            log.error("a gate or a right lacks people", wrong=found)
        elif self.lacking and not found:
            log.info("gates and rights have their people again")
        self.lacking = found

    def state(self) -> Part:
        """Say for /readyz whether those who have to approve are there."""
        told = "; ".join(self.lacking)
        return Part(not told or self._cuts_off, told or "no gate and no right lacks people")
