"""Freezes: while one is in force nobody orders a run, and no failover begins.

What is under way goes on until its group is back: stopping there would help nobody.

Question: what is frozen? Answer: a scope, which is the name of a group, or `all`. The newest
record of a scope is what holds there, and a group is frozen while its own scope or `all` is. Other
scopes (tags, windows, a beginning that is not now) are more words of a scope and more fields of
FROZEN. Given up: two freezes of one scope at once; the later one replaces the former.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from engine import house, rights
from engine.errors import PeopleUnreadable
from engine.journal import Kind
from storage.records import (
    HOUSE,
    Draft,
    InboxRow,
    Record,
    StorageDown,
    StreamMoved,
    every_waiting,
)

if TYPE_CHECKING:
    from engine.ports import Answers, Clock, Inventory, People, Person
    from storage.records import InboxStore, Stores

log = structlog.get_logger(__name__)

ALL = "all"
"""The scope that is every group; so no group may be called that."""

FREEZE_ROW = "freeze"
"""Kind of the inbox rows of `freeze` and `unfreeze`."""

WAITS = timedelta(hours=24)
"""So long what was said waits for Slack to say by whom; then it is refused, and has to be said
again. A guess: longer than Slack was ever away, and no failover begins without Slack anyway."""


@dataclass(frozen=True)
class Freeze:
    """What is frozen, by whom, why and until when; without `until` it lasts until it is lifted."""

    scope: str
    by: str
    name: str
    reason: str
    since: datetime
    until: datetime | None = None

    def over(self, now: datetime) -> bool:
        """Whether its time has passed."""
        return self.until is not None and now >= self.until

    def __str__(self) -> str:
        what = "everything is" if self.scope == ALL else f"{self.scope} is"
        return f"{what} frozen by {self.name} {_until(self.until)}: {self.reason}"


def _until(moment: datetime | None) -> str:
    return f"until {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "until it is lifted"


def in_force(records: Iterable[Record], now: datetime) -> dict[str, Freeze]:
    """Return what is frozen now, by scope, from the house's records."""
    found: dict[str, Freeze] = {}
    for record in records:
        body = record.body
        if record.kind == Kind.FROZEN:
            until = datetime.fromisoformat(body["until"]) if body.get("until") else None
            found[body["scope"]] = Freeze(
                body["scope"], record.by, body["name"], body["reason"], record.at, until
            )
        elif record.kind == Kind.UNFROZEN:
            found.pop(body["scope"], None)
    return {scope: freeze for scope, freeze in found.items() if not freeze.over(now)}


def of_group(records: Iterable[Record], group: str, now: datetime) -> Freeze | None:
    """Return the freeze that holds for a group now, if there is one; its own before that of all."""
    found = in_force(records, now)
    return found.get(group) or found.get(ALL)


def waiting_rows(inbox: InboxStore) -> list[InboxRow]:
    """Return what was said about freezes and is not decided yet, in order."""
    return [row for row in every_waiting(inbox, kinds=(FREEZE_ROW,)) if row.kind == FREEZE_ROW]


def bars(row: InboxRow, group: str) -> bool:
    """Whether a row asks for a freeze of this group: until it is decided no failover begins."""
    asks = row.kind == FREEZE_ROW and row.body["verb"] == rights.FREEZE
    return asks and row.body["scope"] in (group, ALL)


AGAIN = timedelta(seconds=5)
"""Between two questions to a Slack that did not answer."""


class Freezes:
    """Takes what people say about freezes: records it in the house's stream, and answers."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        inventory: Inventory,
        answers: Answers,
        people: People,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._inventory = inventory
        self._answers = answers
        self._people = people
        self._again_at = float("-inf")
        self._waiting: set[str] = set()

    async def take_all(self) -> bool:
        """Take every row that waits: freeze, lift, or refuse; True where something was decided.

        In the order of what was said, one at a time: of two words the last one holds.

        While nobody can say who somebody is, what they said waits, and with it what was said of
        the same scope after that. A mistake of ours over one row keeps no other from being taken.
        """
        behind, decided = set[str](), False
        if self._clock.monotonic() < self._again_at:
            return False
        for row in await asyncio.to_thread(waiting_rows, self._stores.inbox):
            scope = row.body["scope"]
            if scope in behind:
                continue
            try:
                await self._take(row)
                decided = True
            except PeopleUnreadable as error:
                behind.add(scope)
                if row.key not in self._waiting:
                    log.warning("a word about a freeze waits", key=row.key, reason=str(error))
                self._waiting.add(row.key)
            except StreamMoved:
                log.info("another worker was faster", key=row.key)
            except StorageDown:
                raise
            except Exception:
                behind.add(scope)
                log.exception("freeze failed", key=row.key)
        if behind:
            self._again_at = self._clock.monotonic() + AGAIN.total_seconds()
        return decided

    async def _take(self, row: InboxRow) -> None:
        """Take one row.

        Raises:
            PeopleUnreadable: nobody can say who said it; it waits.
            StreamMoved: another worker was faster.
        """
        body = row.body
        scope, lifts = body["scope"], body["verb"] == rights.UNFREEZE
        said_in = body.get("answer", {}).get("channel", "")
        try:
            person, refused = await self._who(body["verb"], body["user"], scope, said_in)
        except PeopleUnreadable as error:
            if self._clock.now() - row.at < WAITS:
                raise
            person, refused = None, f"Slack could not be asked who you are: {error}"
        now = self._clock.now()
        held = in_force(await asyncio.to_thread(self._stores.journal.read, HOUSE), now)
        if person is None or refused:
            await self._refuse(row, refused)
        elif lifts and scope not in held:
            also = f"; {held[ALL]}" if ALL in held else ""
            await self._refuse(row, f"{scope} is not frozen{also}")
        elif lifts:
            await self._write(row, Kind.UNFROZEN, scope=scope, name=person.name)
            still = f" But {held[ALL]}." if scope != ALL and ALL in held else ""
            await self._answer(row, f"Lifted: {held[scope]}.{still}")
        else:
            until = datetime.fromisoformat(body["until"]) if body.get("until") else None
            freeze = Freeze(scope, body["user"], person.name, body["reason"], now, until)
            await self._write(
                row,
                Kind.FROZEN,
                scope=scope,
                name=person.name,
                reason=freeze.reason,
                until=until.isoformat() if until else None,
            )
            former = f" It replaces: {held[scope]}." if scope in held else ""
            await self._answer(
                row,
                f"Done: {freeze}. New orders are refused and no failover begins; what is under "
                f"way goes on until its group is back.{former}",
            )

    async def _who(
        self, act: str, user: str, scope: str, channel: str
    ) -> tuple[Person | None, str]:
        """Return who says so, and why that person may not, or "".

        To freeze all, or lift that, takes the right on every group.

        Raises:
            PeopleUnreadable: Slack cannot say.
        """
        names = self._inventory.names() if scope == ALL else [scope]
        setups = [self._inventory.group(name) for name in names]
        if not setups or None in setups:
            return None, f"there is no group {scope}"
        person = await self._people.person(user)
        roles = await self._people.roles(user)
        shared = await self._people.shared(channel)
        if shared:
            return person, shared
        for setup in setups:
            if setup is not None:
                refused = rights.refusal(act, person, roles, setup.policy)
                if refused:
                    return person, f"{refused}{f', on {setup.name}' if scope == ALL else ''}"
        return person, ""

    async def _refuse(self, row: InboxRow, reason: str) -> None:
        said = {name: row.body.get(name) for name in ("verb", "scope", "until", "reason")}
        await self._write(row, Kind.REFUSED, word=row.body["verb"], said=said, reason=reason)
        await self._answer(
            row, f"`{row.body['verb']}` was understood, but nothing was changed: {reason}."
        )

    async def _write(self, row: InboxRow, kind: Kind, **body: Any) -> None:  # noqa: ANN401 -- JSON
        draft = Draft(kind, self._clock.now(), row.body["user"], body)
        await house.write(self._stores, draft, row)

    async def _answer(self, row: InboxRow, text: str) -> None:
        to = {**row.body.get("answer", {}), "user": row.body["user"]}
        await self._answers.answer(to, text)
