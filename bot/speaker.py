"""Makes Slack say what the views say: the list of messages, minus what was delivered.

There is no outbox. Asking, reminding, reporting and rendering again are one comparison of
`bot.views.render` with `deliveries`; so after any crash the same comparison goes on.

Question: how is a message neither lost nor posted twice, when Slack has no key for a repeated
post? Answer: "sending" is saved before the call, and every message carries its key in its
metadata; after an unclear post it is looked for in the channel or thread before it is posted
again. Given up: order within one second of another speaker's posts in the same channel.

Question: how do several processes not say it twice? Answer: who holds the lease `chat:<run>`
speaks, and "sending" is saved under its epoch; a call to Slack begins only in the first two thirds
of the lease's life. Given up: a process that is stopped between the save and the call, for longer
than that, posts a twin; when it finds that it lost the lease it takes its twin back.

What a message says, and who may vote, does not belong here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NoReturn

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called, without_retries
from bot.pacing import EDIT_INTERVAL, EDIT_INTERVAL_PER_RUN, POST_INTERVAL, Pace
from bot.permalinks import permalink
from bot.reactions import lost_key, lost_under, run_of
from bot.standing import concerns_all
from bot.views import Message, linked, moved, render
from engine.errors import NotUnderstood
from engine.journal import Kind
from engine.model import Request, from_json
from engine.ports import Clock
from storage.records import (
    Delivery,
    Lease,
    LeaseLost,
    Record,
    RunRow,
    StorageDown,
    Stores,
    canonical,
)

log = structlog.get_logger(__name__)

OnShown = Callable[[str, str, str, str], Awaitable[None]]

EVENT_TYPE = "hotfix"

LEASE_TTL = timedelta(seconds=60)
"""How long a speaker may be silent, unless the settings say otherwise."""

RETRY_FIRST = timedelta(seconds=2)
RETRY_LONGEST = timedelta(seconds=60)

# A lost message is looked for so many pages back; it was sent shortly before. A guess.
PAGES_LOOKED_AT = 5
PAGE = 200

TWIN_LOOKS = 10
"""How often we look which of two messages the present speaker took for its own. A guess."""

GONE = "message_not_found"
_NOT_EDITABLE = frozenset({GONE, "cant_update_message", "edit_window_closed", "is_inactive"})


_CARDS_UNKNOWN = frozenset({"invalid_blocks", "invalid_blocks_format"})


@dataclass
class _Voice:
    """What is in hand for one run."""

    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    shown: set[tuple[str, str]] = field(default_factory=set)
    edited_at: dict[str, float] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    uncarded: set[str] = field(default_factory=set)
    failures: int = 0
    said_until: int = 0
    rendered: tuple[int, Sequence[Message]] = (0, ())
    lease: Lease | None = None
    leased_at: float = float("-inf")


@dataclass
class _Round:
    """One comparison of what should stand with what was delivered."""

    run: str
    lease: Lease
    last_seq: int
    channel: str
    open: bool
    messages: Sequence[Message]
    delivered: dict[str, Delivery]
    shown: frozenset[tuple[str, str]]

    @property
    def root(self) -> Message:
        return self.messages[0]

    def of(self, message: Message) -> Delivery | None:
        return self.delivered.get(message.key)

    def unsent(self) -> list[Message]:
        """Return what must still be posted, or finished after its post, in order."""
        return [m for m in self.messages if (d := self.of(m)) is None or d.state != "sent"]

    def stale(self) -> list[Message]:
        """Return what stands with other content than it should."""
        return [
            m
            for m in self.messages
            if m.live and (d := self.of(m)) and d.state == "sent" and d.digest != digest(m)
        ]


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
        retry_first: timedelta = RETRY_FIRST,
        retry_longest: timedelta = RETRY_LONGEST,
        task_cards: str = "auto",
    ) -> None:
        self._stores = stores
        self._client = without_retries(client)
        self._clock = clock
        self._channel_of = channel_of
        self._on_shown = on_shown
        self._holder = holder
        self._lease_ttl = lease_ttl
        self._pace = Pace(clock, post_interval, edit_interval, edit_interval_per_run)
        self._retry_first = retry_first
        self._retry_longest = retry_longest
        self._task_cards = task_cards
        self._voices: dict[str, _Voice] = {}
        self._finished: set[str] = set()
        self._down = False
        self._closed = False

    # ------------------------------------------------------------------------- speaking

    def wake(self, run: str) -> None:
        """Have a run told soon; may be called as often as one likes."""
        if self._closed:
            return
        voice = self._voices.setdefault(run, _Voice())
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
            for run, voice in list(self._voices.items()):
                if voice.lease is not None:
                    await self._may_speak(run, voice)
        except StorageDown as error:
            if not self._down:
                log.warning(
                    "the database does not answer; nothing is told until it does",
                    reason=error.cause,
                )
            self._down = True
        else:
            self._down = False

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
        return voice.lease if voice is not None else None

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
                await self._give_back(voice)

    # -------------------------------------------------------------------------- the lease

    async def _may_speak(self, run: str, voice: _Voice) -> Lease | None:
        """Return the run's lease, taken or renewed where it is time; None where another speaks."""
        asked, ttl_s = self._clock.monotonic(), self._lease_ttl.total_seconds()
        if voice.lease is not None and asked - voice.leased_at < ttl_s / 3:
            return voice.lease
        leases, now = self._stores.leases, self._clock.now()
        if voice.lease is None:
            voice.lease = await asyncio.to_thread(
                leases.acquire, f"chat:{run}", self._holder, ttl_s=ttl_s, now=now
            )
        else:
            try:
                voice.lease = await asyncio.to_thread(
                    leases.renew, voice.lease, ttl_s=ttl_s, now=now
                )
            except LeaseLost:
                voice.lease = None
        voice.leased_at = asked
        return voice.lease

    def _refuse_late(self, voice: _Voice) -> None:
        """Stop speaking at two thirds of the lease's life, whatever the store would say.

        Raises:
            LeaseLost: it is older.
        """
        age = self._clock.monotonic() - voice.leased_at
        if voice.lease is None or age > self._lease_ttl.total_seconds() * 2 / 3:
            raise LeaseLost("the lease to speak was not renewed in time")

    async def _give_back(self, voice: _Voice) -> None:
        lease, voice.lease = voice.lease, None
        if lease is not None:
            await asyncio.to_thread(self._stores.leases.release, lease)

    # -------------------------------------------------------------------------- speaking

    async def _tell(self, run: str, voice: _Voice) -> None:
        """Go round until nothing is left to say; the task ends then, and `wake` starts another."""
        while True:
            voice.nudge.clear()
            try:
                wait = await self._go_round(run, voice)
                voice.failures = 0
            except Trouble as trouble:
                wait = self._back_off(run, voice, trouble)
            except LeaseLost as error:
                log.info("the lease to speak is asked for anew", run=run, reason=str(error))
                voice.lease = None
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

        Returns the seconds until there is more to do (0: at once), or None when all is said.
        """
        lease = await self._may_speak(run, voice)
        current = await self._compare(run, voice, lease) if lease is not None else None
        if current is None:
            voice.missed.clear()
            await self._give_back(voice)
            voice.told.set()
            voice.settled.set()
            return None
        if voice.missed and await self._look_after(current, voice):
            return 0
        await self._confirm_gates(current, voice)
        waits = [await self._edit_one(current, voice), await self._post_one(current, voice)]
        due = [wait for wait in waits if wait is not None]
        if due:
            return min(due)
        if not current.open:
            await self._save(current, Delivery(told_key(run), current.channel, None, "", "sent"))
            await self._give_back(voice)
        voice.said_until = current.last_seq
        if not voice.nudge.is_set():
            voice.settled.set()
        return None

    async def _compare(self, run: str, voice: _Voice, lease: Lease) -> _Round | None:
        records = await asyncio.to_thread(self._stores.journal.read, run)
        if len(records) != voice.rendered[0]:
            # A round comes with each post and edit; what they say changes with the journal only.
            voice.rendered = (len(records), await self._rendered(run, records))
        messages = voice.rendered[1]
        if not messages:
            return None
        rows = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/")
        delivered = {row.message_key: row for row in rows}
        root = delivered.get(messages[0].key)
        shown = frozenset(
            (r.body["gate"], r.body["ts"]) for r in records if r.kind == Kind.GATE_SHOWN
        )
        return _Round(
            run,
            lease,
            records[-1].seq,
            root.channel if root else self._channel_of(_request(records)),
            all(r.kind != Kind.ENDED for r in records),
            _with_former_threads(run, messages, delivered),
            delivered,
            shown,
        )

    async def _rendered(self, run: str, records: Sequence[Record]) -> Sequence[Message]:
        """Return what stands to be told; nothing of a run that only a newer version knows."""
        try:
            return await asyncio.to_thread(render, records)
        except NotUnderstood as error:
            log.error("a run is not told", run=run, reason=str(error))  # noqa: TRY400 -- a sentence
            return ()

    # -------------------------------------------------------------------------- posting

    async def _post_one(self, current: _Round, voice: _Voice) -> float | None:
        """Post the next message; return when the one after it is due, or None without any."""
        unsent = current.unsent()
        if not unsent:
            if not voice.nudge.is_set():
                voice.told.set()
            return None
        message = unsent[0]
        delivery = current.of(message)
        if delivery is None or delivery.ts is None:
            if wait := self._pace.take_post(message.direct or current.channel):
                return wait
            if message.direct:
                await self._write_to(current, message)
                return 0
            try:
                delivery = await self._stand(current, message, delivery, voice)
            except Trouble as trouble:
                if trouble.error != "thread_not_found":
                    raise
                await self._begin_anew(current, trouble)
                return 0
        await self._finish(current, message, delivery, voice)
        return 0

    async def _write_to(self, current: _Round, message: Message) -> None:
        """Write to one person, at most once: what it says stands in the thread as well.

        It is let go where Slack refuses, and where nobody knows whether it was said.
        """
        delivery = Delivery(message.key, message.direct, None, digest(message), "sending")
        if current.of(message) is None:
            await self._save(current, delivery)
            try:
                await called(
                    self._client.chat_postMessage(
                        channel=message.direct,
                        text=message.text,
                        parse="none",
                        link_names=False,
                        unfurl_links=False,
                        unfurl_media=False,
                    )
                )
            except Trouble as trouble:
                log.warning("not written to", key=message.key, error=trouble.error)
        await self._save(current, replace(delivery, state="sent"))

    async def _stand(
        self, current: _Round, message: Message, former: Delivery | None, voice: _Voice
    ) -> Delivery:
        """Return the delivery of a message that stands in Slack now, posted or found again."""
        if former is not None and former.state == "sending":
            ts = await self._look_for(current, message)
            if ts:
                log.info("found again", key=message.key, ts=ts)
                return await self._save(current, replace(former, ts=ts))
        sending = Delivery(message.key, current.channel, None, digest(message), "sending")
        await self._save(current, sending)
        try:
            ts = await self._post(current, message, voice)
        except Trouble as trouble:
            if not trouble.unclear:
                await self._save(current, replace(sending, state="failed"))
            raise
        try:
            return await self._save(current, replace(sending, ts=ts))
        except LeaseLost:
            await self._take_back_twin(sending, ts)
            raise

    async def _take_back_twin(self, sending: Delivery, ts: str) -> None:
        """We posted after another had taken over: it found our message, or has posted its own."""
        for _ in range(TWIN_LOOKS):
            rows = await asyncio.to_thread(self._stores.deliveries.all, sending.message_key)
            stands = next((d.ts for d in rows if d.message_key == sending.message_key), None)
            if stands is not None:
                break
            await self._clock.sleep(self._retry_first)
        else:
            return
        if stands != ts:
            log.warning("a twin is taken back", key=sending.message_key, ts=ts)
            await called(self._client.chat_delete(channel=sending.channel, ts=ts))

    async def _post(self, current: _Round, message: Message, voice: _Voice) -> str:
        """Post a message, without its blocks where Slack does not take them."""
        root = current.of(current.root)
        message = await self._linked(current, message)
        thread: dict[str, Any] = {}
        if message.in_thread and root is not None:
            thread = {"thread_ts": root.ts, "reply_broadcast": message.broadcast}
        payload = {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}}
        answer = await self._said(
            lambda content: self._client.chat_postMessage(
                channel=current.channel,
                metadata=payload,
                unfurl_links=False,
                unfurl_media=False,
                **content,
                **thread,
            ),
            message,
            voice,
        )
        if thread and (answer.get("message") or {}).get("thread_ts") != thread["thread_ts"]:
            await self._take_back_stray(current.channel, message.key, str(answer["ts"]))
        return str(answer["ts"])

    async def _take_back_stray(self, channel: str, key: str, ts: str) -> NoReturn:
        """Slack posts to a thread whose root is gone, outside of any thread, and says nothing.

        Raises:
            Trouble: always, `thread_not_found`.
        """
        log.warning("posted outside of its thread; taken back", key=key, ts=ts)
        try:
            await called(self._client.chat_delete(channel=channel, ts=ts))
        except Trouble as trouble:
            log.warning("not taken back", key=key, ts=ts, error=trouble.error)
        raise Trouble("thread_not_found", unclear=False)

    async def _linked(self, current: _Round, message: Message) -> Message:
        """Return a message with the addresses of those that it leads to, as far as they stand."""
        found = []
        for label, key in message.links:
            place = current.delivered.get(key)
            if place is None or place.ts is None:
                continue
            if address := await permalink(self._client, place.channel, place.ts):
                found.append((label, address))
        return linked(message, found)

    async def _said(
        self,
        call: Callable[[dict[str, Any]], Coroutine[Any, Any, Any]],
        message: Message,
        voice: _Voice,
    ) -> dict[str, Any]:
        """Post or edit with all of a message's content; with its text alone where refused."""
        self._refuse_late(voice)
        content: dict[str, Any] = {"text": message.text, "parse": "none", "link_names": False}
        if message.cards and self._task_cards != "off" and message.key not in voice.uncarded:
            try:
                return await called(call({**content, "blocks": list(message.cards)}))
            except Trouble as trouble:
                if not trouble.about_content or trouble.error in _NOT_EDITABLE:
                    raise
                self._without_cards(message, voice, trouble)
        if message.blocks and message.key not in voice.plain:
            try:
                return await called(call({**content, "blocks": list(message.blocks)}))
            except Trouble as trouble:
                if not trouble.about_content or trouble.error in _NOT_EDITABLE:
                    raise
                log.warning("said without blocks", key=message.key, error=trouble.error)
                voice.plain.add(message.key)
        # An empty list takes away blocks of a former edit; Slack refuses none for it.
        return await called(call({**content, "blocks": []}))

    def _without_cards(self, message: Message, voice: _Voice, trouble: Trouble) -> None:
        """A workspace that does not know task cards gets sections, and is not asked again."""
        log.warning("said without task cards", key=message.key, error=trouble.error)
        if self._task_cards == "auto":
            voice.uncarded.add(message.key)
            if trouble.error in _CARDS_UNKNOWN:
                self._task_cards = "off"

    async def _look_for(self, current: _Round, message: Message) -> str | None:
        """Return where a message stands that we may have posted, by its metadata."""
        root = current.of(current.root)
        async for found in self._stood(current.channel, root if message.in_thread else None):
            metadata = found.get("metadata") or {}
            if metadata.get("event_type") != EVENT_TYPE:
                continue
            if metadata.get("event_payload", {}).get("key") == message.key:
                return str(found["ts"])
        return None

    async def _stood(self, channel: str, root: Delivery | None) -> AsyncIterator[dict[str, Any]]:
        """Go through the messages of a thread, or of the channel from its newest back."""
        cursor: str | None = None
        page = 0
        # A thread comes oldest first, so all of it is read; a channel has no end.
        while root is not None or page < PAGES_LOOKED_AT:
            page += 1
            asked: dict[str, Any] = {"channel": channel, "limit": PAGE, "cursor": cursor}
            if root is not None and root.ts is not None:
                call = self._client.conversations_replies(
                    ts=root.ts, include_all_metadata=True, **asked
                )
            else:
                call = self._client.conversations_history(include_all_metadata=True, **asked)
            answer = await called(call)
            for found in answer.get("messages", []):
                yield found
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return

    # ------------------------------------------------------------------ after the post

    async def _finish(
        self, current: _Round, message: Message, delivery: Delivery, voice: _Voice
    ) -> None:
        """Do what belongs to a message that stands: votes may come, emoji, file."""
        current.delivered[message.key] = delivery
        await self._confirm(current, message, voice)
        for name in message.reactions:
            await self._react(delivery, name)
        if message.file is not None:
            whole = await self._linked(current, message)
            await self._upload(current, whole.file or message.file)
        await self._save(current, replace(delivery, state="sent"))
        voice.edited_at[message.key] = self._clock.monotonic()

    async def _confirm_gates(self, current: _Round, voice: _Voice) -> None:
        for message in current.messages:
            if message.gate:
                await self._confirm(current, message, voice)

    async def _confirm(self, current: _Round, message: Message, voice: _Voice) -> None:
        """Tell that a gate's message stands, until the journal says so."""
        delivery = current.of(message)
        if not message.gate or delivery is None or delivery.ts is None:
            return
        place = (message.gate, delivery.ts)
        if place in current.shown or place in voice.shown:
            return
        if not message.reactions and any(gate == message.gate for gate, _ in current.shown):
            return  # it stands anew, but nobody votes there any more
        await self._on_shown(current.run, message.gate, delivery.channel, delivery.ts)
        voice.shown.add(place)

    async def _react(self, delivery: Delivery, name: str) -> None:
        """Add an emoji for people to click. It is a convenience: refused, it is let go."""
        try:
            await called(
                self._client.reactions_add(
                    channel=delivery.channel, timestamp=delivery.ts or "", name=name
                )
            )
        except Trouble as trouble:
            if trouble.error == "already_reacted":
                return
            if trouble.unclear or trouble.retry_after is not None:
                raise
            log.warning("no reaction", key=delivery.message_key, error=trouble.error)

    async def _upload(self, current: _Round, file: tuple[str, str]) -> None:
        """Put a file into the thread, unless it is there; a file is a convenience too."""
        name, content = file
        root = current.of(current.root)
        if root is None or root.ts is None:
            return
        try:
            async for found in self._stood(current.channel, root):
                if any(one.get("name") == name for one in found.get("files", ())):
                    return
            while wait := self._pace.take_post(current.channel):  # a file is a message too
                await self._clock.sleep(timedelta(seconds=wait))
            await called(
                self._client.files_upload_v2(
                    channel=current.channel,
                    thread_ts=root.ts,
                    filename=name,
                    title=name,
                    content=content,
                )
            )
        except Trouble as trouble:
            if trouble.unclear or trouble.retry_after is not None:
                raise
            log.warning("no file", file=name, error=trouble.error)

    # -------------------------------------------------------------------------- editing

    async def _edit_one(self, current: _Round, voice: _Voice) -> float | None:
        """Bring one live message up to date, if it is our turn; return when to come again."""
        stale = current.stale()
        if not stale:
            self._pace.withdraw(current.run)
            return None
        message = min(stale, key=lambda m: (_rank(m), voice.edited_at.get(m.key, 0.0)))
        live = len(await asyncio.to_thread(self._stores.journal.runs))
        if wait := self._pace.take_edit(current.run, _rank(message), max(1, live)):
            return wait
        voice.edited_at[message.key] = self._clock.monotonic()
        delivery = current.delivered[message.key]
        try:
            await self._said(
                lambda content: self._client.chat_update(
                    channel=delivery.channel, ts=delivery.ts or "", **content
                ),
                message,
                voice,
            )
        except Trouble as trouble:
            if trouble.error not in _NOT_EDITABLE:
                raise
            await self._replace(current, message, delivery, trouble)
            return 0
        await self._save(current, replace(delivery, digest=digest(message)))
        return 0

    async def _replace(
        self, current: _Round, message: Message, delivery: Delivery, trouble: Trouble
    ) -> None:
        """A message that can no longer be edited: what was deleted, and the root, is posted anew.

        Another one stays as it is, if it still stands: the votes on a gate are bound to its place.
        """
        if trouble.error == GONE or message is current.root:
            await self._lose(current, message, delivery)
            return
        log.warning("cannot be edited", key=message.key, error=trouble.error)
        await self._save(current, replace(delivery, digest=digest(message)))

    async def _begin_anew(self, current: _Round, trouble: Trouble) -> None:
        """The thread is gone: the next round posts another root, and goes on below that."""
        log.warning("the thread is gone", run=current.run, error=trouble.error)
        await self._lose(current, current.root, current.delivered[current.root.key])

    # ------------------------------------------------------- what somebody deleted comes back

    async def stood(self, run: str, thread: str, oldest: str, there: Collection[str]) -> None:
        """Hear what stands in a run's thread, and look after what is missing there.

        Args:
            run: the run.
            thread: the place of its root.
            oldest: from where the thread was read.
            there: the places of the messages that stand there.
        """
        rows = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/")
        root = next((row for row in rows if row.message_key == f"{run}/root"), None)
        if root is None or root.ts != thread:
            return
        # What stands in a former thread was posted before this root.
        since = max(float(oldest), float(thread))
        missing = {
            row.ts
            for row in rows
            if row.ts and row.state == "sent" and row.channel == root.channel
            if float(row.ts) >= since or row is root
            if row.ts not in there and "/former/" not in row.message_key
        }
        self._miss(run, missing)

    async def gone(self, channel: str, ts: str) -> None:
        """Hear that a message is not where it was posted."""
        row = await asyncio.to_thread(self._stores.deliveries.by_ts, channel, ts)
        if row is not None and "/former/" not in row.message_key:
            self._miss(run_of(row.message_key), {ts})

    def _miss(self, run: str, places: Collection[str]) -> None:
        if places and not self._closed:
            self._voices.setdefault(run, _Voice()).missed.update(places)
            self.wake(run)

    async def _look_after(self, current: _Round, voice: _Voice) -> bool:
        """Ask for each message that somebody missed; True where one of them is gone."""
        gone = False
        for message in current.messages:
            delivery = current.of(message)
            if delivery is None or delivery.ts not in voice.missed or delivery.state != "sent":
                continue
            if await self._is_gone(delivery):
                await self._lose(current, message, delivery)
                gone = True
        voice.missed.clear()
        return gone

    async def _is_gone(self, delivery: Delivery) -> bool:
        try:
            answer = await called(
                self._client.reactions_get(channel=delivery.channel, timestamp=delivery.ts)
            )
        except Trouble as trouble:
            if trouble.error == GONE:
                return True
            raise
        return bool((answer.get("message") or {}).get("subtype") == "tombstone")

    async def _take_away(self, stood: Delivery) -> None:
        """Nobody shall vote where votes are no longer read."""
        try:
            await called(self._client.chat_delete(channel=stood.channel, ts=stood.ts or ""))
        except Trouble as trouble:
            if trouble.unclear or trouble.retry_after is not None:
                raise
            log.warning("not taken away", key=stood.message_key, error=trouble.error)

    async def _lose(self, current: _Round, message: Message, delivery: Delivery) -> None:
        """Somebody deleted a message: it is posted again, with what it says by then.

        With the root its thread is nowhere to be found in the channel, so whatever people vote on
        follows into the new one. What was told once stays in the former thread.
        """
        lost = [(message, delivery)]
        if message is current.root:
            asked = (m for m in current.messages if m.gate and m.reactions)
            lost += [(m, d) for m in asked if (d := current.of(m)) and d.ts]
        for one, stood in reversed(lost):  # the root last: a crash before it begins here again
            log.warning("a message is gone, and posted again", key=one.key, ts=stood.ts)
            if one is not message:
                await self._take_away(stood)
            await self._save(
                current, replace(stood, message_key=lost_under(stood), state="deleted")
            )
            await self._save(current, replace(stood, ts=None, digest="", state="failed"))

    async def _save(self, current: _Round, delivery: Delivery) -> Delivery:
        await asyncio.to_thread(self._stores.deliveries.save, delivery, lease=current.lease)
        return delivery


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


def _rank(message: Message) -> int:
    """Gates first: people are deciding on what they read there."""
    return 0 if message.gate else 1


def told_key(run: str) -> str:
    """Return the key of the delivery that says that nothing of an ended run is missing."""
    return f"{run}/told"


def _request(records: Sequence[Record]) -> Request:
    ordered = next(r for r in records if r.kind == Kind.ORDERED)
    return from_json(Request, ordered.body["request"])
