"""The daily look: each Security Group on which no run is at work, once a day, only reading.

Question: how is it one look a day, whoever else is there? Answer: each is a record in the group's
own stream, under a lease of its own and at the place that was read as the end. Of two workers one
looks; a restart reads what was looked at; a look that an outage kept from being made is made once
when that is over. Given up: a day on which a run changed the group while it was time to look has
none, since its end told how it left the group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import structlog

from engine import drift, rights
from engine.calling import called
from engine.drift import Finding, Known, Look
from engine.errors import MaintenanceError, NotUnderstood, PlanRefused
from engine.fold import RunState
from engine.former import former, formers
from engine.group import LiveGroup
from engine.journal import ENGINE, Kind, debt_of
from engine.planning import occupant
from engine.ports import Clock, GroupSetup, Inventory, People, Shell
from engine.reading import ReadingShell
from storage.records import (
    HOUSE,
    Draft,
    JournalStore,
    Lease,
    LeaseLost,
    Record,
    StorageDown,
    Stores,
    StreamMoved,
)

log = structlog.get_logger(__name__)

LOOKS_WITHIN = timedelta(minutes=10)
"""So long nobody else looks at a group that is being looked at: longer than a look may take."""

BUSY = timedelta(minutes=5)
"""Between two questions whether the run of a group is over. A guess: nobody waits for the look."""


async def look_at(
    setup: GroupSetup, shell: Shell, clock: Clock, journal: JournalStore | None
) -> Look:
    """Look at a group once, through a Shell that can only read; nothing is written.

    Args:
        setup: the group.
        shell: to it; what does more than read is not sent.
        clock: the time.
        journal: former runs and what is owed; None where there is no database yet.

    Raises:
        MaintenanceError, PlanRefused: it cannot be reached, or what it says not be read.
    """
    known = await asyncio.to_thread(_known, journal, setup.name, clock.now())
    live = LiveGroup(ReadingShell(shell), clock, setup.policy, pins=setup.pins)
    facts = await live.observe()
    found = drift.findings(setup.name, facts, known, setup.policy)
    return Look(setup.name, clock.now(), found)


async def look_now(
    setup: GroupSetup, shell: Shell, clock: Clock, journal: JournalStore | None
) -> Look:
    """As `look_at`, for who asks now: what keeps a group from being seen is a finding too.

    So is a run that is at work on it, or begins while we look: its acts are not what is wrong.
    """
    if journal is None:
        return await _looked_or_unseen(setup, shell, clock, None)
    busy = await asyncio.to_thread(occupant, journal, setup.name)
    if not busy:
        look = await _looked_or_unseen(setup, shell, clock, journal)
        busy = await asyncio.to_thread(occupant, journal, setup.name)
        if not busy:
            return look
    now = clock.now()
    held = await asyncio.to_thread(_held, journal, setup.name, now)
    return Look(setup.name, now, drift.at_work(busy, held))


async def _looked_or_unseen(
    setup: GroupSetup, shell: Shell, clock: Clock, journal: JournalStore | None
) -> Look:
    try:
        return await look_at(setup, shell, clock, journal)
    except (MaintenanceError, PlanRefused) as error:
        return await unseen(setup, str(error), clock, journal)


async def unseen(setup: GroupSetup, why: str, clock: Clock, journal: JournalStore | None) -> Look:
    """Return what is known of a group that could not be looked at."""
    known = await asyncio.to_thread(_known, journal, setup.name, clock.now())
    return Look(setup.name, clock.now(), drift.unseen(setup.name, why, known))


def _known(journal: JournalStore | None, group: str, now: datetime) -> Known:
    if journal is None:
        return Known()
    last = next((one for one in formers(journal, group) if one.began), None)
    return Known(debt_of(journal.read(HOUSE), group), last, _held(journal, group, now))


def _held(journal: JournalStore, group: str, now: datetime) -> tuple[Finding, ...]:
    found = []
    for row in journal.runs(group=group):
        records = journal.read(row.id)
        try:
            one = drift.resting(records, RunState.replay(records), now)
        except NotUnderstood as error:
            log.warning("a run is not told of", run=row.id, reason=str(error))
            continue
        found += [one] if one is not None else []
    return tuple(found)


class DailyLooks:
    """Looks at groups when it is time to, and records what was found.

    Args:
        stores: the journal, and the leases under which is looked.
        clock: the time.
        inventory: the groups, with the time of day of each.
        people: to call those who operate.
        holder: the name of this process in its leases.
        redact: takes secrets out of what is recorded.
        listener: told every record once it is durable.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        inventory: Inventory,
        people: People,
        *,
        holder: str,
        redact: Callable[[str], str] = lambda text: text,
        listener: Callable[[Sequence[Record]], None] | None = None,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._inventory = inventory
        self._people = people
        self._holder = holder
        self._redact = redact
        self._listener = listener
        self._since = clock.now()
        self._done: dict[str, date] = {}
        self._rests: dict[str, float] = {}
        self._blind: dict[str, float] = {}
        self._spoilt: set[tuple[str, int]] = set()

    def are_made_of(self, group: str) -> bool:
        """Whether a group is looked at at all."""
        setup = self._inventory.group(group)
        return setup is not None and setup.daily_look is not None

    async def go_round(self, groups: Iterable[str]) -> None:
        """Look at those of these groups at which it is time to, one after the other.

        A group that cannot be looked at keeps no other from being.

        Raises:
            StorageDown: nothing can be recorded now; the next round goes on.
        """
        for name in groups:
            setup = self._inventory.group(name)
            if setup is None or setup.daily_look is None:
                continue
            now = self._clock.now()
            day, moment = drift.last_due(setup.daily_look, setup.timezone, now)
            if self._done.get(name) == day or self._rests.get(name, 0) > self._clock.monotonic():
                continue
            try:
                await self._look_for(setup, day, moment)
            except (LeaseLost, StreamMoved):
                log.info("another worker looked", group=name)
            except StorageDown:
                raise
            except Exception:
                log.exception("a daily look failed", group=name)
                self._rest(name)

    async def _look_for(self, setup: GroupSetup, day: date, moment: datetime) -> None:
        """Look for one day, unless somebody has, or a run is there.

        Raises:
            LeaseLost, StreamMoved: another worker was faster.
        """
        if await asyncio.to_thread(self._is_over, setup.name, day, moment):
            self._done[setup.name] = day
            return
        lease = await asyncio.to_thread(
            self._stores.leases.acquire,
            drift.stream_of(setup.name),
            self._holder,
            ttl_s=LOOKS_WITHIN.total_seconds(),
            now=self._clock.now(),
        )
        if lease is None:
            return
        try:
            await self._look_once(setup, day, moment, lease)
        finally:
            await asyncio.to_thread(self._stores.leases.release, lease)

    async def _look_once(
        self, setup: GroupSetup, day: date, moment: datetime, lease: Lease
    ) -> None:
        stream, journal = drift.stream_of(setup.name), self._stores.journal
        records = await asyncio.to_thread(journal.read, stream)
        if not drift.is_due(day, moment, self._last(records), self._since):
            return
        busy = await asyncio.to_thread(occupant, journal, setup.name)
        look = await (self._of_run(setup) if busy else self._of_group(setup))
        if look is None:
            return
        if busy != await asyncio.to_thread(occupant, journal, setup.name):
            # What was seen was a run at work, and how it ends is told by it.
            return
        look = replace(look, day=day.isoformat(), call=await self._called(setup, look))
        draft = Draft(Kind.LOOKED, self._clock.now(), ENGINE, look.as_json())
        last_seq = records[-1].seq if records else 0
        written = await asyncio.to_thread(
            journal.append, stream, [draft], lease=lease, last_seq=last_seq
        )
        self._done[setup.name] = day
        log.info("looked", group=setup.name, day=look.day, found=[f.key for f in look.findings])
        if self._listener is not None:
            self._listener(written)

    async def _of_run(self, setup: GroupSetup) -> Look | None:
        """Tell of the run that a group is busy with, where nobody ends it; the group is let be."""
        held = await asyncio.to_thread(_held, self._stores.journal, setup.name, self._clock.now())
        if not held:
            self._rest(setup.name)
            return None
        return self._redacted(Look(setup.name, self._clock.now(), held))

    async def _of_group(self, setup: GroupSetup) -> Look | None:
        """Look at a group; None while it may answer yet, as when its SMO moves."""
        shell = setup.open_shell()
        try:
            look = await look_at(setup, shell, self._clock, self._stores.journal)
        except MaintenanceError as error:
            now = self._clock.monotonic()
            since = self._blind.setdefault(setup.name, now)
            if now - since < setup.policy.limits.blind.total_seconds():
                return None
            look = await unseen(setup, str(error), self._clock, self._stores.journal)
        except PlanRefused as error:
            look = await unseen(setup, str(error), self._clock, self._stores.journal)
        except StorageDown:
            raise
        except Exception as error:
            # Told, or it would be tried again every minute.
            log.exception("a daily look failed", group=setup.name)
            mistake = f"a mistake of ours ({type(error).__name__}); the log says more"
            look = await unseen(setup, mistake, self._clock, self._stores.journal)
        finally:
            await shell.close()
        self._blind.pop(setup.name, None)
        return self._redacted(look)

    def _rest(self, group: str) -> None:
        self._rests[group] = self._clock.monotonic() + BUSY.total_seconds()

    def _redacted(self, look: Look) -> Look:
        found = (replace(one, text=self._redact(one.text)) for one in look.findings)
        return replace(look, findings=tuple(found))

    async def _called(self, setup: GroupSetup, look: Look) -> tuple[str, ...]:
        """Return whom to mention: those who operate, where something is for them to settle."""
        if not any(one.mention for one in look.findings):
            return ()
        roles = rights.roles_for("retry", setup.policy)
        return tuple(called(await self._people.reach(roles)))

    def _is_over(self, group: str, day: date, moment: datetime) -> bool:
        """Tell whether nothing is left to be done for a day, as far as the journal says."""
        journal = self._stores.journal
        last = self._last(journal.read(drift.stream_of(group)))
        if not drift.is_due(day, moment, last, self._since):
            return True
        rows = journal.ended(group)
        if not rows:
            return False
        records = journal.read(rows[0].id)
        if not records or not records[0].at <= moment <= records[-1].at:
            return False
        try:
            ended = former(RunState.replay(records))
        except NotUnderstood:
            return False
        return ended is not None and ended.began

    def _last(self, records: Sequence[Record]) -> Look | None:
        """Return the last look that can be read; one that somebody spoilt is said once."""
        for record in reversed(records):
            look = drift.look_of(record)
            if look is not None:
                return look
            place = (record.stream, record.seq)
            if place not in self._spoilt:
                self._spoilt.add(place)
                log.error(
                    "a daily look was changed and cannot be read; the group is looked at as if it "
                    "had not been made (hotfix-bot db check names it)",
                    stream=record.stream,
                    seq=record.seq,
                )
        return None
