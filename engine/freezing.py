"""What people say about freezes is taken: recorded in the house's stream, and answered.

What is frozen, and what a freeze means, is in `engine.freezes`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import structlog

from engine import house, rights
from engine.answering import Answer
from engine.errors import NotUnderstood, PeopleUnreadable
from engine.fold import RunState
from engine.freezes import (
    NAMED,
    Freeze,
    asked_for,
    groups_of,
    meant,
    named,
    not_lifted,
    replaced_by,
    shortened,
    told_of,
    waiting_rows,
)
from engine.journal import Kind
from engine.stopwatch import CLOCKS_DIFFER
from storage.records import HOUSE, Draft, InboxRow, StorageDown, StreamMoved

if TYPE_CHECKING:
    from engine.answering import AnswerQueue
    from engine.ports import Clock, GroupSetup, Inventory, People, Person
    from storage.records import Stores

log = structlog.get_logger(__name__)

WAITS = timedelta(hours=24)
"""So long what was said waits for Slack to say by whom; then it is refused, and has to be said
again. A guess: longer than Slack was ever away, and no failover begins without Slack anyway."""

_MEANS = (
    "New orders are refused and no failover begins; what is under way goes on until its group is "
    "back."
)
_MEANS_LATER = (
    "Orders for a time inside of it are refused from now on. From its beginning on all orders are, "
    "and no failover begins; what is under way then goes on until its group is back."
)

AGAIN = timedelta(seconds=5)
"""Between two questions to a Slack that did not answer."""


@dataclass(frozen=True)
class _Judged:
    """Who said something about a freeze, and whether that person may.

    Attributes:
        person: who it is; None where nobody can say.
        refused: why that person may not, or "".
        lifts: the groups for which that person may lift, where it is for some only.
        keeps: why not for the others.
    """

    person: Person | None
    refused: str = ""
    lifts: tuple[str, ...] = ()
    keeps: str = ""


def _came_late(row: InboxRow, held: Sequence[Freeze]) -> str:
    """Say what its author had not seen who said a word that was found after a freeze, or "".

    As with a word that ends a stop, only one that came late is judged by two clocks.
    """
    if not held or not row.body.get("said"):
        return ""
    said, began = datetime.fromisoformat(row.body["said"]), max(one.since for one in held)
    if row.at - said <= CLOCKS_DIFFER or said >= began:
        return ""
    then, since = held[-1].told(said), held[-1].told(began)
    return (
        f"it was said at {then}, and came late; since {since}, by the bot's own clock, {held[-1]}; "
        "say `unfreeze` again where it is still meant"
    )


class Freezes:
    """Takes what people say about freezes: records it in the house's stream, and answers."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        inventory: Inventory,
        answers: AnswerQueue,
        people: People,
        *,
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._inventory = inventory
        self._answers = answers
        self._people = people
        self._redact = redact
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
        # One moment for all that follows: what is recorded is what was judged.
        now = self._clock.now()
        found = not_lifted(await asyncio.to_thread(self._stores.journal.read, HOUSE))
        stand = [one for one in found if not one.over(now)]
        is_lifting = row.body["verb"] == rights.UNFREEZE
        held = [one for one in stand if one.scope == row.body["scope"]]
        if is_lifting and not held:
            # What is over by this clock may still bar a gate, which goes by the time that passed.
            held = [one for one in found if one.scope == row.body["scope"]]
        try:
            judged = await self._judge(row, held, now)
        except PeopleUnreadable as error:
            if self._clock.now() - row.at < WAITS:
                raise
            judged = _Judged(None, f"Slack could not be asked who you are: {error}")
        if judged.person is None or judged.refused:
            await self._refuse(row, judged.refused)
        elif is_lifting and (late := _came_late(row, held)):
            await self._refuse(row, late)
        elif is_lifting:
            await self._lift(row, judged, held, stand, now)
        else:
            await self._freeze(row, judged.person, held, now)

    async def _lift(
        self,
        row: InboxRow,
        judged: _Judged,
        held: Sequence[Freeze],
        stand: Sequence[Freeze],
        now: datetime,
    ) -> None:
        """Lift all of a scope that was not lifted; say what stands all the same.

        Where somebody may lift it for some groups only, it stays for the others.
        """
        scope, person = row.body["scope"], judged.person
        beside = [told_of(one, now) for one in self._beside(stand, scope)]
        if not held or person is None:
            await self._refuse(row, "; ".join([f"{scope} is not frozen", *beside]))
            return
        lifted = [told_of(one, now) for one in held if not one.over(now)] or [
            f"{held[-1]}; by this clock that was over"
        ]
        where = f" for {named(judged.lifts)} alone" if judged.lifts else ""
        still = f" For the others it stays: {judged.keeps}." if judged.keeps else ""
        still += "".join(f" But {one}." for one in beside)
        await self._write(
            row,
            Kind.UNFROZEN,
            now,
            f"Lifted{where}: {'; and '.join(lifted)}.{still}",
            scope=scope,
            name=person.name,
            groups=list(judged.lifts),
            spoilt=[one.spoilt for one in held if one.spoilt],
        )

    async def _freeze(
        self, row: InboxRow, person: Person, held: Sequence[Freeze], now: datetime
    ) -> None:
        """Freeze; `held` is what stands of the same scope."""
        said = replace(asked_for(row, now), name=person.name)
        former = replaced_by(said, held, now)
        # What was frozen by a tag stays so, whatever bears the tag by now.
        said = replace(said, groups=said.groups.union(self._groups(row), *groups_of(former)))
        more = f" It replaces: {'; and '.join(map(str, former))}." if former else ""
        more += " So it ends earlier than that." if shortened(said, former) else ""
        more += "".join(f" Beside it: {told_of(o, now)}." for o in held if o not in former)
        more += "".join(f" {one}." for one in await asyncio.to_thread(self._met, said))
        means = _MEANS_LATER if said.coming(now) else _MEANS
        await self._write(
            row,
            Kind.FROZEN,
            now,
            f"Done: {told_of(said, now)}. {means}{more}",
            scope=said.scope,
            name=said.name,
            reason=said.reason,
            begins=said.begins.isoformat() if said.begins else None,
            until=said.until.isoformat() if said.until else None,
            groups=sorted(said.groups),
            zone=said.zone,
        )

    def _met(self, said: Freeze) -> list[str]:
        """Say which runs have an appointment that begins in a freeze: they wait, and then ask."""
        found, tags = list[str](), self._tags()
        for row in self._stores.journal.runs():
            if not said.holds_for(row.group, tags.get(row.group, ())):
                continue
            with contextlib.suppress(NotUnderstood):
                state = RunState.replay(self._stores.journal.read(row.id))
                due = state.plan.appointment if state.plan is not None else None
                if due is not None and due.start > said.since and said.holds_at(due.start):
                    at = said.told(due.start)
                    found.append(f"{row.id} on {row.group} is due in it, {at}: it waits, then asks")
        return found

    def _groups(self, row: InboxRow) -> list[str]:
        """Return the groups that are meant: by the settings of whoever heard it, and by ours."""
        heard = row.body.get("groups") or ()
        return sorted({*heard, *meant(row.body["scope"], self._tags())})

    def _tags(self) -> dict[str, tuple[str, ...]]:
        return {one.name: one.tags for one in self._setups(self._inventory.names())}

    def _setups(self, names: Iterable[str]) -> list[GroupSetup]:
        """Return those groups that the settings have, sorted by name."""
        found = [self._inventory.group(name) for name in sorted(names)]
        return [setup for setup in found if setup is not None]

    def _beside(self, stand: Iterable[Freeze], scope: str) -> list[Freeze]:
        """Return what else stands, of other scopes, for any group that this scope means."""
        tags = self._tags()
        groups = meant(scope, tags)
        return [
            one
            for one in stand
            if one.scope != scope and any(one.holds_for(group, tags[group]) for group in groups)
        ]

    async def _judge(self, row: InboxRow, held: Sequence[Freeze], now: datetime) -> _Judged:
        """Return who says so, and whether that person may.

        To freeze takes the right on every group that is meant, and on those for which what is
        replaced holds. To replace a freeze by one that ends earlier takes the right to lift it.
        A freeze is lifted for those of its groups on which somebody may lift.

        Raises:
            PeopleUnreadable: Slack cannot say.
        """
        act, scope = row.body["verb"], row.body["scope"]
        former, cut, acts = held, list[Freeze](), [act]
        if act == rights.FREEZE:
            said = asked_for(row, now)
            former = replaced_by(said, held, now)
            cut = shortened(said, former)
            acts += [rights.UNFREEZE] if cut else []
        names = {*self._groups(row)}.union(*groups_of(former))
        setups = self._setups(names)
        unknown = names - {setup.name for setup in setups}.union(*groups_of(former))
        if act == rights.UNFREEZE and held:
            # Also where no group of it is in the settings any more: then it takes all of them.
            setups = [
                one for one in setups if any(f.holds_for(one.name, one.tags) for f in held)
            ] or self._setups(self._inventory.names())
        elif unknown or not setups:
            return _Judged(None, f"there is no group or tag {scope}")
        person = await self._people.person(row.body["user"])
        roles = await self._people.roles(row.body["user"])
        shared = await self._people.shared(row.body.get("answer", {}).get("channel", ""))
        if shared:
            return _Judged(person, shared)
        refusals = dict[str, str]()
        for setup, needed in product(setups, acts):
            if refused := rights.refusal(needed, person, roles, setup.policy):
                where = f", on {setup.name}" if scope != setup.name else ""
                why = f"; it would end before this: {cut[0]}" if needed != act else ""
                refusals.setdefault(setup.name, f"{refused}{where}{why}")
        first = next(iter(refusals.values()), "")
        may = tuple(one.name for one in setups if one.name not in refusals)
        if act == rights.UNFREEZE and refusals and any(name in names for name in may):
            return _Judged(person, lifts=may, keeps="; ".join([*refusals.values()][:NAMED]))
        return _Judged(person, first)

    async def _refuse(self, row: InboxRow, reason: str) -> None:
        names = ("verb", "scope", "begins", "until", "reason")
        said = {name: row.body.get(name) for name in names}
        now, verb = self._clock.now(), row.body["verb"]
        told = f"`{verb}` was understood, but nothing was changed: {reason}."
        await self._write(row, Kind.REFUSED, now, told, word=verb, said=said, reason=reason)

    async def _write(
        self,
        row: InboxRow,
        kind: Kind,
        now: datetime,
        text: str,
        **body: Any,  # noqa: ANN401 -- JSON
    ) -> None:
        """Record what a row came to, and tell its author the text: both or none."""
        draft = Draft(kind, now, row.body["user"], body)
        answer = Answer({**row.body.get("answer", {}), "user": row.body["user"]}, text)
        told = await house.write(self._stores, draft, row, answer, redact=self._redact)
        self._answers.give([told])
