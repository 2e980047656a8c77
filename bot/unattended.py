"""Groups on which nobody acts: noticed every minute, and told, once for each time.

For a process that has no worker of its own: where the last worker dies, every reminder and alarm
dies with it, and what was under way would read as under way for ever.

Question: how does one tell a worker that is lacking from one that is slow? Answer: whoever acts on
a group renews its lease every third of its life, also while a run waits for people or for its time,
and takes it within a second where an order waits. Two looks in a row, with an answer of the
database each, must find that nobody holds it, and by the database's clock nobody for twice its
life: that is longer than any take-over, and a worker that the database kept away has come back.
Given up: that is told two to four lives after the death, which is two to four minutes.

Nothing is written under a lease to act, which nobody here holds: that it was noticed is kept among
the deliveries, by whoever speaks for the run, so that several such processes tell it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.health import Part
from bot.hearing import ASKED
from bot.people import is_person
from bot.rounds import Rounds
from bot.views.format import code
from bot.views.unattended import Absence, nobody, note_key
from engine import rights
from engine.errors import NotUnderstood, PeopleUnreadable
from engine.fold import RunState
from engine.ports import Clock
from storage.records import (
    InboxRow,
    Lease,
    LeaseLost,
    RunRow,
    StorageDown,
    Stores,
    every_waiting,
)

log = structlog.get_logger(__name__)

LIVES = 2
"""A lease may be between two holders for so many of its lives before that is told."""

ORDERS = ("order", "plan")
"""Rows of the inbox that are for a group; words are for a run."""


class Unattended:
    """Looks whether somebody acts wherever somebody should."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        *,
        lease_ttl: timedelta,
        in_roles: Callable[[Collection[str]], Awaitable[frozenset[str]]],
        speaks_for: Callable[[str], Lease | None],
        wake: Callable[[str], None],
        follow: Callable[[InboxRow], Awaitable[None]],
        cuts_off: bool = False,
    ) -> None:
        """Take what is needed; nothing is looked at yet.

        Args:
            stores: leases, open runs, what waits, and what was told.
            clock: for the time between two looks, which is one life of a lease.
            lease_ttl: the life of a worker's lease.
            in_roles: who is in some roles now.
            speaks_for: the lease under which this process tells a run, or None.
            wake: has a run told soon.
            follow: answers a person; see `bot.inbox`.
            cuts_off: Slack comes through a balancer, which would keep it from us where we say
                that we are not ready: nobody could be told any more, and no `halt` be heard.
        """
        self._stores = stores
        self._clock = clock
        self._ttl = lease_ttl
        self._in_roles = in_roles
        self._speaks_for = speaks_for
        self._wake = wake
        self._follow = follow
        self._cuts_off = cuts_off
        self._suspected: Mapping[str, datetime] = {}
        self._found: Mapping[str, datetime] = {}
        self.since: Mapping[str, datetime] = {}
        """The groups on which nobody acts, as of the last look, each with since when."""
        self._rounds = Rounds(
            clock, lease_ttl, self.look, log=log, failed="who acts was not looked at"
        )

    def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    async def close(self) -> None:
        """Look no longer. Never raises."""
        await self._rounds.close()

    def state(self) -> Part:
        """Say for /readyz whether somebody acts wherever somebody should."""
        told = "; ".join(
            f"nobody acts on {group} since {at:%Y-%m-%d %H:%M} UTC"
            for group, at in sorted(self.since.items())
        )
        return Part(
            self._cuts_off or not told, told or "somebody acts wherever something is to be done"
        )

    async def look(self) -> None:
        """Look once, and tell what has changed."""
        try:
            runs = await asyncio.to_thread(self._stores.journal.runs)
            waiting = await asyncio.to_thread(self._waiting)
            unheld = await asyncio.to_thread(self._unheld, runs, waiting)
        except StorageDown:
            self._suspected = {}  # a worker that was kept away as well comes back
            raise
        long_ago = self._clock.now() - LIVES * self._ttl
        sure = {
            group: self.since.get(group, at)
            for group, at in unheld.items()
            if group in self._suspected and at <= long_ago
        }
        self._suspected = unheld
        self._found = {g: self._found.get(g, self._clock.now()) for g in sure}
        for group in sure.keys() - self.since.keys():
            log.error("nobody acts on a group", group=group, since=sure[group].isoformat())
        for group in self.since.keys() - sure.keys():
            log.info("somebody acts on a group again", group=group)
        self.since = sure
        for row in runs:
            if row.group in sure or row.group not in unheld:
                await self._tell(row, sure.get(row.group))
        for heard, group in self._with_groups(waiting, runs):
            if group in sure and heard.at < self._found[group]:
                await self._tell_author(heard, group, sure[group])

    # --------------------------------------------------------------------------- looking

    def _waiting(self) -> list[InboxRow]:
        rows = every_waiting(self._stores.inbox, kinds=(*ORDERS, "word"))
        return [row for row in rows if row.kind in (*ORDERS, "word")]

    def _with_groups(
        self, waiting: Collection[InboxRow], runs: Collection[RunRow]
    ) -> list[tuple[InboxRow, str]]:
        of = {row.id: row.group for row in runs}
        return [
            (row, str(row.body["request"]["security_group"]) if row.kind in ORDERS else group)
            for row in waiting
            if (group := of.get(row.run or "", "")) or row.kind in ORDERS
        ]

    def _unheld(
        self, runs: Collection[RunRow], waiting: Collection[InboxRow]
    ) -> dict[str, datetime]:
        """Return the groups that somebody should hold and nobody does, each with since when."""
        now = self._clock.now()
        needed: dict[str, datetime | None] = {row.group: None for row in runs}
        for row, group in self._with_groups(waiting, runs):
            needed.setdefault(group, row.at)
        found: dict[str, datetime] = {}
        for group, waits_since in needed.items():
            lapsed = self._stores.leases.lapsed(f"group:{group}", now=now)
            if lapsed == timedelta.max:
                found[group] = waits_since or self._suspected.get(group, now)
            elif lapsed is not None:
                found[group] = max(now - lapsed, waits_since or now - lapsed)
        return found

    # --------------------------------------------------------------------------- telling

    async def _tell(self, row: RunRow, since: datetime | None) -> None:
        """Note what changed for a run, if it is ours to tell it; the messages follow from that."""
        lease = self._speaks_for(row.id)
        if lease is None:
            return
        key = note_key(row.id)
        kept = await asyncio.to_thread(self._stores.deliveries.all, key)
        noted = Absence.of(row.id, next((d for d in kept if d.message_key == key), None))
        lacking = noted is not None and not noted.is_over(row.last_seq)
        if since is not None and not lacking:
            called = await self._whom(row.id)
            changed = Absence(row.id, since, row.last_seq, called)
        elif since is None and noted is not None and not noted.over:
            changed = replace(noted, over=True)
        else:
            if noted is not None:
                self._wake(row.id)  # a hint may have been lost, or another noted it
            return
        try:
            await asyncio.to_thread(self._stores.deliveries.save, changed.note(""), lease=lease)
        except LeaseLost:
            log.info("another process tells it", run=row.id)
        self._wake(row.id)

    async def _whom(self, run: str) -> tuple[str, ...]:
        """Return who ordered a run and who may operate it, as far as that can be known."""
        records = await asyncio.to_thread(self._stores.journal.read, run)
        try:
            state = RunState.replay(records)
        except NotUnderstood:
            return ()
        users = {state.the_request.requester}
        try:
            users |= await self._in_roles(rights.roles_for("retry", state.the_plan.policy))
        except PeopleUnreadable as unreadable:
            log.warning("who is on duty is not known", error=str(unreadable))
        return tuple(sorted(user for user in users if is_person(user)))

    async def _tell_author(self, heard: InboxRow, group: str, since: datetime) -> None:
        """Tell who said something that it waits; the row that says so is put once by all of us."""
        if not heard.body.get("answer"):
            return
        what = f"`{heard.body['verb']}`" if heard.kind == "word" else f"order for {code(group, 80)}"
        text = (
            f"Your {what} waits. {nobody(group, since)} It is taken up when a worker is back, "
            "whenever that is."
        )
        body = {"text": text, "answer": heard.body["answer"], "about": ""}
        row = InboxRow(f"{heard.key}/waits", None, ASKED, body, self._clock.now())
        if await asyncio.to_thread(self._stores.inbox.put, row):
            await self._follow(row)
