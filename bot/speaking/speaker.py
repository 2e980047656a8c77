"""Goes round for each run: compares, does what is due, waits for its turn, and tries again.

When a run is told, in which order and how soon after a failure, is decided here; how a message is
posted, edited or found again is not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, without_retries
from bot.pacing import EDIT_INTERVAL, EDIT_INTERVAL_PER_RUN, POST_INTERVAL, Pace
from bot.speaking.attachments import Attachments, OnShown
from bot.speaking.comparison import Comparer, told_key
from bot.speaking.editing import Editing
from bot.speaking.later import Later
from bot.speaking.lease import LEASE_TTL, SpeakingLease
from bot.speaking.losses import Losses
from bot.speaking.posting import Posting
from bot.speaking.search import Search
from bot.speaking.twins import Twins
from bot.speaking.wording import Wording
from bot.standing import concerns_all
from engine.drift import stream_of
from engine.model import Request
from engine.ports import Clock
from storage.records import Delivery, Lease, LeaseLost, RunRow, StorageDown, Stores

log = structlog.get_logger(__name__)

LOOKS_EVERY = timedelta(seconds=60)
"""Between two questions whether a daily look is untold, should every hint of it be lost."""

RETRY_FIRST = timedelta(seconds=2)
RETRY_LONGEST = timedelta(seconds=60)


@dataclass
class _Voice:
    """What is in hand for one run: its lease, and where the telling of it stands."""

    lease: SpeakingLease
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    failures: int = 0
    said_until: int = 0


class Speaker:
    """Says what is to be said of each run; at most one at a time per run.

    Args:
        stores: the journal that is read, and where deliveries are kept.
        client: address and token of the Web API; calls go through a client of our own without
            retries, since a blind retry of a post would post twice.
        clock: for pacing and back-off.
        channel_of: the channel where a request is told; asked once per run, then the delivery
            of its root decides.
        on_shown: told (run, gate, channel, ts) when a gate's message stands, again after a
            restart as long as the journal has no GATE_SHOWN.
        holder: the name of this process in its leases; no other may ever have it.
        lease_ttl: how long it may be silent before another may speak for its runs.
        post_interval: between two posts in a channel.
        edit_interval: least time between two edits in the workspace.
        edit_interval_per_run: the same, times the number of open runs.
        looked_at: the groups whose daily looks are told, each with its channel.
        retry_first: the first pause after a failure; it doubles.
        retry_longest: the longest of them.
        task_cards: "on", "off", or "auto": until Slack does not know these blocks.
    """

    def __init__(
        self,
        stores: Stores,
        client: AsyncWebClient,
        clock: Clock,
        channel_of: Callable[[Request], str],
        on_shown: OnShown,
        *,
        holder: str,
        lease_ttl: timedelta = LEASE_TTL,
        post_interval: timedelta = POST_INTERVAL,
        edit_interval: timedelta = EDIT_INTERVAL,
        edit_interval_per_run: timedelta = EDIT_INTERVAL_PER_RUN,
        looked_at: Mapping[str, str] = MappingProxyType({}),
        retry_first: timedelta = RETRY_FIRST,
        retry_longest: timedelta = RETRY_LONGEST,
        task_cards: str = "auto",
    ) -> None:
        self._stores = stores
        self._client = without_retries(client)
        self._clock = clock
        self._holder = holder
        self._lease_ttl = lease_ttl
        self._pace = Pace(clock, post_interval, edit_interval, edit_interval_per_run)
        self._retry_first = retry_first
        self._retry_longest = retry_longest
        wording = Wording(self._client, task_cards)
        search = Search(self._client)
        self._comparer = Comparer(stores, channel_of, lambda group: looked_at.get(group, ""))
        self._looks = [stream_of(group) for group in looked_at]
        self._looks_next = float("-inf")
        later = Later(clock, getattr(self._client, "turns", None), retry_first, retry_longest)
        self._losses = Losses(stores, self._client, clock, later)
        self._twins = Twins(stores, self._client, clock, search, later)
        self._attachments = Attachments(
            self._client, clock, self._pace, search, wording, later, on_shown
        )
        self._editing = Editing(
            stores, self._client, clock, self._pace, wording, self._losses, later
        )
        self._posting = Posting(
            stores,
            self._client,
            clock,
            self._pace,
            wording,
            search,
            self._attachments,
            self._losses,
            self._twins,
            later,
            self._editing.up_to_date,
            look_again=retry_first,
        )
        self._voices: dict[str, _Voice] = {}
        self._finished: set[str] = set()
        self._down = False
        self._closed = False

    # ------------------------------------------------------------------------- speaking

    def wake(self, run: str) -> None:
        """Have a run told soon; may be called as often as one likes."""
        if self._closed:
            return
        voice = self._voice(run)
        voice.told.clear()
        voice.settled.clear()
        voice.nudge.set()
        if voice.task is None or voice.task.done():
            voice.task = asyncio.ensure_future(self._tell(run, voice))

    async def speak(self, run: str) -> None:
        """Say what is to be said; return when every post is out, or Slack refuses for now.

        Edits that must wait for their turn, and retries, go on by themselves afterwards.
        """
        self.wake(run)
        if run in self._voices:
            await self._voices[run].told.wait()

    async def settle(self, run: str) -> None:
        """Like `speak`, and also wait for the last edit."""
        self.wake(run)
        if run in self._voices:
            await self._voices[run].settled.wait()

    async def catch_up(self) -> None:
        """Wake every run of which something may be missing, whoever wrote it.

        Called again and again: a hint from another process may be lost, and a lease must be
        renewed also while there is nothing to say.
        """
        try:
            for row in await asyncio.to_thread(self._stores.journal.runs, open_only=False):
                if await self._has_news(row):
                    self.wake(row.id)
            await self._catch_up_with_looks()
            for voice in list(self._voices.values()):
                if voice.lease.held is not None:
                    await voice.lease.take()
        except StorageDown as error:
            if not self._down:
                log.warning(
                    "the database does not answer; nothing is told until it does",
                    reason=error.cause,
                )
            self._down = True
        else:
            self._down = False

    async def _catch_up_with_looks(self) -> None:
        now = self._clock.monotonic()
        if now < self._looks_next:
            return
        self._looks_next = now + LOOKS_EVERY.total_seconds()
        for stream in self._looks:
            voice = self._voices.get(stream)
            after = voice.said_until if voice is not None else 0
            if await asyncio.to_thread(self._stores.journal.read, stream, after=after):
                self.wake(stream)

    async def _has_news(self, row: RunRow) -> bool:
        voice = self._voices.get(row.id)
        if voice is not None:
            return voice.said_until != row.last_seq
        if row.open:
            return True
        if row.id not in self._finished:
            rows = await asyncio.to_thread(self._stores.deliveries.all, told_key(row.id))
            if all(delivery.message_key != told_key(row.id) for delivery in rows):
                return True
            self._finished.add(row.id)
        return False

    def speaks_for(self, run: str) -> Lease | None:
        """Return the lease under which this process tells a run, or None where another may."""
        voice = self._voices.get(run)
        return voice.lease.held if voice is not None else None

    async def stood(
        self,
        run: str,
        thread: str,
        oldest: str,
        there: Collection[str],
        ours: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Hear what stands in a run's thread, and look after what is missing there.

        Args:
            run: the run.
            thread: the place of its root.
            oldest: from where the thread was read.
            there: the places of the messages that stand there.
            ours: the keys of those of ours, by place.
        """
        if await self._twins.found(run, ours) and not self._closed:
            self.wake(run)
        self._miss(run, await self._losses.missing(run, thread, oldest, there))

    async def gone(self, channel: str, ts: str) -> None:
        """Hear that a message is not where it was posted."""
        run = await self._losses.run_at(channel, ts)
        if run is not None:
            self._miss(run, {ts})

    def _miss(self, run: str, places: Collection[str]) -> None:
        if places and not self._closed:
            self._losses.miss(run, places)
            self.wake(run)

    async def close(self) -> None:
        """Stop speaking; what is missing is said after the next start. Never raises."""
        self._closed = True
        tasks = [voice.task for voice in self._voices.values() if voice.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for voice in self._voices.values():
            voice.told.set()
            voice.settled.set()
            with contextlib.suppress(Exception):
                await voice.lease.give_back()

    def _voice(self, run: str) -> _Voice:
        if run not in self._voices:
            lease = SpeakingLease(run, self._stores, self._clock, self._holder, self._lease_ttl)
            self._voices[run] = _Voice(lease)
        return self._voices[run]

    # ------------------------------------------------------------------------- going round

    async def _tell(self, run: str, voice: _Voice) -> None:
        """Go round until nothing is left to say; the task ends then, and `wake` starts another."""
        while True:
            voice.nudge.clear()
            try:
                with self._pace.aside(run):
                    wait = await self._go_round(run, voice)
                voice.failures = 0
            except Trouble as trouble:
                wait = self._back_off(run, voice, trouble)
            except LeaseLost as error:
                log.info("the lease to speak is asked for anew", run=run, reason=str(error))
                voice.lease.lost()
                wait = 0
            except StorageDown as error:
                wait = self._back_off(run, voice, Trouble(str(error), unclear=False))
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("speaking failed", run=run)
                wait = self._back_off(run, voice, Trouble("ours", unclear=True))
            if wait is None and not voice.nudge.is_set():
                return
            if wait:
                await self._pause(voice, wait)

    def _back_off(self, run: str, voice: _Voice, trouble: Trouble) -> float:
        self._pace.withdraw(run)
        doubled = self._retry_first * float(2 ** min(voice.failures, 16))
        pause = min(doubled, self._retry_longest)
        voice.failures += 1
        wait = max(pause.total_seconds(), trouble.retry_after or 0)
        if not concerns_all(trouble.error):  # that is told once, for all runs
            log.warning("not told yet", run=run, error=trouble.error, again_in_s=wait)
        voice.told.set()
        return wait

    async def _pause(self, voice: _Voice, seconds: float) -> None:
        """Wait for the next turn. After a failure a nudge does not shorten it."""
        sleeper = asyncio.ensure_future(self._clock.sleep(timedelta(seconds=seconds)))
        waits: set[asyncio.Future[Any]] = {sleeper}
        nudged = asyncio.ensure_future(voice.nudge.wait())
        if not voice.failures:
            waits.add(nudged)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            nudged.cancel()

    async def _go_round(self, run: str, voice: _Voice) -> float | None:
        """Compare once and do what is due now.

        Returns the seconds until there is more to do (0: at once) or to look for, or None when all
        is said. An edit comes before a post: what nobody can vote on any more must not look open
        while many posts are due.
        """
        lease = await voice.lease.take()
        current = (
            await self._comparer.compare(run, lease, voice.lease) if lease is not None else None
        )
        if current is None:
            self._losses.forget(run)
            await voice.lease.give_back()
            voice.told.set()
            voice.settled.set()
            return None
        missed = await self._losses.look_after(current)
        if missed == 0:
            return 0
        await self._attachments.confirm_gates(current)
        look = await self._twins.look(current)
        twins = await self._twins.take_back(current)
        edit = await self._editing.edit_one(current)
        post = await self._posting.post_one(current)
        if post != 0 and self._posting.is_out(current) and not voice.nudge.is_set():
            voice.told.set()
        due = [wait for wait in (missed, twins, edit, post) if wait is not None]
        if due:
            return min(due if look is None else (*due, look))
        if not current.open and look is None:
            await current.save(Delivery(told_key(run), current.channel, None, "", "sent"))
            await voice.lease.give_back()
        voice.said_until = current.last_seq
        if not voice.nudge.is_set():
            voice.settled.set()
        return look
