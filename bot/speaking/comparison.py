"""What of a run should stand in Slack, compared with what was delivered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from bot import lives
from bot.reactions import lost_key
from bot.speaking.lease import SpeakingLease
from bot.views import Message, drift, moved, render
from bot.views.unattended import Absence, note_key, with_absence
from engine.canon import from_json
from engine.errors import NotUnderstood
from engine.journal import Kind
from engine.model import Request
from storage.records import (
    LOOKS,
    Delivery,
    DeliveryStore,
    Lease,
    Record,
    Stores,
    canonical,
    is_run,
)

log = structlog.get_logger(__name__)


@dataclass
class Comparison:
    """One comparison, good for one round; what it leads to is saved under its lease.

    Attributes:
        run: the run.
        lease: the lease to speak, as it was then.
        last_seq: the last record that was read.
        channel: where the run is told.
        open: whether it has not ended.
        messages: what should stand, the root first.
        delivered: what was delivered, by key.
        shown: gates with the places where the journal knows that they stand.
        speaking: whether this process may still speak.
        deliveries: where they are kept.
        begun: from when on what stands is of this life of the run; see `bot.lives`.
    """

    run: str
    lease: Lease
    last_seq: int
    channel: str
    open: bool
    messages: Sequence[Message]
    delivered: dict[str, Delivery]
    shown: frozenset[tuple[str, str]]
    speaking: SpeakingLease
    deliveries: DeliveryStore
    begun: float = 0.0

    @property
    def root(self) -> Message:
        """The message above the thread."""
        return self.messages[0]

    def of(self, message: Message) -> Delivery | None:
        """Return what was delivered of a message, or None."""
        return self.delivered.get(message.key)

    def unsent(self) -> list[Message]:
        """Return what must still be posted, or finished after its post, in order."""
        return [m for m in self.messages if (d := self.of(m)) is None or d.state != "sent"]

    def stale(self) -> list[Message]:
        """Return what stands with other content than it should, finished or not."""
        return [
            m
            for m in self.messages
            if m.live and (d := self.of(m)) and d.ts is not None and d.digest != digest(m)
        ]

    async def save(self, delivery: Delivery) -> Delivery:
        """Save what was told, or is about to be; return it.

        Raises:
            LeaseLost: another speaks for the run by now.
        """
        await asyncio.to_thread(self.deliveries.save, delivery, lease=self.lease)
        return delivery


class Comparer:
    """Compares, run by run.

    Args:
        stores: the journal that is read, and where deliveries are kept.
        channel_of: the channel where a request is told; asked once per run, then the delivery
            of its root decides.
        channel_of_group: the channel where the daily looks at a group are told; "" is nowhere.
    """

    def __init__(
        self,
        stores: Stores,
        channel_of: Callable[[Request], str],
        channel_of_group: Callable[[str], str],
    ) -> None:
        self._stores = stores
        self._channel_of = channel_of
        self._channel_of_group = channel_of_group
        self._last: dict[str, tuple[int, Sequence[Message]]] = {}

    async def compare(self, run: str, lease: Lease, speaking: SpeakingLease) -> Comparison | None:
        """Return how a run stands, or None where nothing is to be told of it."""
        records = await asyncio.to_thread(self._stores.journal.read, run)
        length, messages = self._last.get(run, (0, ()))
        if len(records) != length:
            # A round comes with each post and edit; what they say changes with the journal only.
            messages = await self._rendered(run, records)
            self._last[run] = (len(records), messages)
        if is_run(run) and not messages:
            return None
        rows = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/")
        delivered = {row.message_key: row for row in rows}
        root = delivered.get(messages[0].key) if messages else None
        channel = root.channel if root else self._channel(run, records)
        if not channel:
            return None
        shown = frozenset(
            (r.body["gate"], r.body["ts"]) for r in records if r.kind == Kind.GATE_SHOWN
        )
        is_open = is_run(run) and all(r.kind != Kind.ENDED for r in records)
        absence = Absence.of(run, delivered.get(note_key(run))) if is_open else None
        if absence is not None:
            messages = await asyncio.to_thread(with_absence, messages, absence, records, delivered)
        return Comparison(
            run=run,
            lease=lease,
            last_seq=records[-1].seq,
            channel=channel,
            open=is_open,
            messages=_with_former_threads(run, messages, delivered),
            delivered=delivered,
            shown=shown,
            speaking=speaking,
            deliveries=self._stores.deliveries,
            begun=lives.begun(records),
        )

    def _channel(self, run: str, records: Sequence[Record]) -> str:
        if is_run(run):
            return self._channel_of(_request(records))
        return self._channel_of_group(run.removeprefix(LOOKS))

    async def _rendered(self, run: str, records: Sequence[Record]) -> Sequence[Message]:
        """Return what stands to be told; nothing of a run that only a newer version knows."""
        try:
            return await asyncio.to_thread(render if is_run(run) else drift.told, records)
        except NotUnderstood as error:
            log.error("a run is not told", run=run, reason=str(error))  # noqa: TRY400 -- a sentence
            return ()


def digest(message: Message) -> str:
    """Return what a message's content is recognised by."""
    with_cards = [list(message.cards)] if message.cards else []
    content = canonical([message.text, list(message.blocks), *with_cards])
    return hashlib.sha256(content.encode()).hexdigest()


def _with_former_threads(
    run: str, messages: Sequence[Message], delivered: Mapping[str, Delivery]
) -> Sequence[Message]:
    """Say at the top of a thread what became of the one before it."""
    former = [row for row in delivered.values() if lost_key(row) == f"{run}/root" and row.ts]
    if not former:
        return messages
    standing = [row for key, row in delivered.items() if row.ts and "/former/" not in key]
    told: list[Message] = []
    for row in sorted(former, key=lambda one: float(one.ts or 0)):
        below = [one for one in standing if float(one.ts or 0) > float(row.ts or 0)]
        first = min(below, key=lambda one: float(one.ts or 0)).message_key if below else ""
        told.append(moved(run, str(row.ts), first))
    return (messages[0], *told, *messages[1:])


def told_key(run: str) -> str:
    """Return the key of the delivery that says that nothing of an ended run is missing."""
    return f"{run}/told"


def _request(records: Sequence[Record]) -> Request:
    ordered = next(r for r in records if r.kind == Kind.ORDERED)
    return from_json(Request, ordered.body["request"])
