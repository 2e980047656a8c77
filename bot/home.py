"""The app's home, kept up to date for those who have opened it.

Question: for whom is it published? Answer: for whoever has opened it since this process began; a
restart forgets them, and their next look brings them back, since Slack tells of each. Given up: a
home that stays open over a restart is old until it is opened again.

What changed is not asked: a view is made anew for each of them, a while after anything happened,
and published only where it differs from what they have.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called
from bot.overview import Overview, Run, Snapshot, gate_line, run_line, scheduled_line
from bot.scheduled import Scheduled
from bot.views.home import GroupLine, Home, ScheduledLine, home
from bot.views.schedule import stop
from bot.views.words import state_word
from engine.errors import PeopleUnreadable
from engine.ports import Clock
from storage.records import StorageDown, canonical

log = structlog.get_logger(__name__)

MOST_READERS = 50
"""So many homes are kept up to date, those opened last: with one call each, a round of them is
half of the 100 that Slack allows a minute."""

APART = timedelta(seconds=30)
"""Between two rounds for all: what happens meanwhile is shown together. Who opens their home does
not wait for it."""


class Homes:
    """Publishes the home of each person who looks at it.

    Args:
        client: for `views.publish`.
        clock: for the time between two rounds.
        overview: what there is to show.
        command: the slash command's name, for what is said there.
    """

    def __init__(
        self, client: AsyncWebClient, clock: Clock, overview: Overview, command: str
    ) -> None:
        self._client = client
        self._clock = clock
        self._overview = overview
        self._command = command
        self._readers: OrderedDict[str, str] = OrderedDict()
        self._just_opened: set[str] = set()
        self._changed = asyncio.Event()
        self._opened = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to publish."""
        self._tasks = [
            asyncio.ensure_future(self._for_those_who_come()),
            asyncio.ensure_future(self._for_all()),
        ]

    def opened(self, user: str) -> None:
        """Somebody looks at their home now."""
        self._readers[user] = ""
        self._readers.move_to_end(user)
        while len(self._readers) > MOST_READERS:
            self._readers.popitem(last=False)
        self._just_opened.add(user)
        self._opened.set()

    def changed(self) -> None:
        """Something happened in some run; may be called as often as one likes."""
        self._changed.set()

    async def close(self) -> None:
        """Stop publishing. Never raises."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _for_those_who_come(self) -> None:
        while True:
            await self._opened.wait()
            self._opened.clear()
            come, self._just_opened = sorted(self._just_opened), set()
            await self._publish(come)

    async def _for_all(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._publish(list(self._readers))
            await self._clock.sleep(APART)

    async def _publish(self, users: Sequence[str]) -> None:
        if not users:
            return
        try:
            now = await self._overview.snapshot()
            for user in users:
                await self._show(user, now)
        except StorageDown as error:
            log.warning("the home is not shown", error=str(error))
        except Exception:
            log.exception("the home is not shown")

    async def _show(self, user: str, now: Snapshot) -> None:
        view = await self._view(user, now)
        told = canonical(view)
        if self._readers.get(user) == told:
            return
        try:
            await called(self._client.views_publish(user_id=user, view=view))
        except Trouble as trouble:
            log.warning("the home is not shown", user=user, error=trouble.error)
            return
        if user in self._readers:
            self._readers[user] = told

    async def _view(self, user: str, now: Snapshot) -> dict[str, Any]:
        waiting: list[str] | None
        try:
            found = await self._overview.waiting_for(user, now.open)
            waiting = [gate_line(run, opening) for run, opening in found]
        except PeopleUnreadable:
            waiting = None
        ahead = [(run, one) for run in now.open if (one := run.scheduled) is not None]
        states = {
            run.row.group: f"{state_word(run.story)}, {run.row.id}" if run.story else run.row.id
            for run in now.open
            if run.scheduled is None
        }
        groups = [
            GroupLine(
                name,
                channel,
                states.get(name, ""),
                now.frozen.get(name, ""),
                name in now.owed,
                now.to_come.get(name, ""),
                now.looked[name],
            )
            for name, channel in sorted(now.groups.items())
        ]
        going = [run for run in now.open if run.scheduled is None]
        running, ended = ([run_line(run) for run in part] for part in (going, now.ended))
        scheduled = await self._scheduled(user, ahead)
        return home(Home(waiting, groups, running, ended, self._command, scheduled))

    async def _scheduled(
        self, user: str, ahead: Sequence[tuple[Run, Scheduled]]
    ) -> list[ScheduledLine]:
        """Return what will happen when, each with a way to cancel it for who may."""
        try:
            may = await self._overview.may_cancel(user, [run for run, _ in ahead])
        except PeopleUnreadable:
            may = frozenset()
        return [
            ScheduledLine(
                scheduled_line(run, one),
                stop(run.story.state) if run.story and run.row.id in may else None,
            )
            for run, one in sorted(ahead, key=lambda pair: (pair[1].start, pair[1].run))
        ]
