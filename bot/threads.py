"""Reading back: what people said in a run's thread is heard, whether its event arrived or not.

Each open run's thread is read at start, whenever Slack greets a connection, and every minute; that
of a run that ended while nobody listened once more, for who spoke to it then is owed an answer. A
message that names the bot becomes the same inbox row as its event, under the same key, so that it
is heard exactly once, however often it is found. It counts as of when it was found; only a time in
it is read as of when it was said. What it does is decided by whoever acts; this belongs to the
process that faces Slack.

Question: from where is a thread read? Answer: at the first time from its root, since rows of later
messages do not prove that an earlier one was heard; after that from the last message of a reading
that went through to the end, less `OVERLAP`. A thread that fits into one answer is read whole each
time, since that costs no more. What stood there is told to whoever posts: a message of ours that is
missing was deleted by somebody, and one that stands twice is taken back. That place is kept in
memory only: reading too much is harmless, and after a restart it is the right thing. Given up: a
message that is edited into a word for the bot long after it was written, and whose event is lost,
is found at the next start where its thread is long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot import lives
from bot.copies import said_on
from bot.hearing import NAMED, Hearing
from bot.inbox import Follow, put
from bot.metadata import key_in
from bot.people import Identity, Self, for_bot, only_named
from bot.permalinks import permalink
from bot.questions import SlackRefused, asked
from bot.reactions import reactors
from bot.rounds import Rounds
from bot.standing import concerns_all
from bot.thread import pages
from engine.errors import PeopleUnreadable
from engine.ports import Clock
from storage.records import InboxRow, Stores

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=60)
"""Between two readings: with a call per run this stays within the 50 a minute that Slack allows."""

PACE = timedelta(seconds=1.5)
"""Between two calls: 40 a minute, so that whoever counts votes finds some of the 50 left."""

OVERLAP_S = 60
"""Seconds read again. A guess: Slack does not promise that messages appear in the order of their
times, and it delivers within a few seconds."""

LAST_WORDS = timedelta(days=1)
"""How long after its end a run's thread is read again when events may have been missed."""

Stood = Callable[[str, str, str, Collection[str], Mapping[str, str]], Awaitable[None]]
"""Told run, thread, from where it was read, the places of the messages that stand there, and of
those of ours the keys, by place."""


class Threads:
    """Reads the threads of open runs, again and again."""

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        me: Self,
        hearing: Hearing,
        stores: Stores,
        follow: Follow,
        *,
        stood: Stood | None = None,
    ) -> None:
        """Take what is needed; nothing is read yet.

        Args:
            client: for questions.
            clock: for the time between them.
            me: who the bot is.
            hearing: what a message amounts to.
            stores: where runs, threads and what was heard are kept.
            follow: does what a stored row asks for.
            stood: told what was seen in the thread of a run.
        """
        self._stood = stood
        self._client = client
        self._clock = clock
        self._me = me
        self._hearing = hearing
        self._stores = stores
        self._follow = follow
        self._read_to: dict[str, str] = {}
        self._short: set[str] = set()
        self._last_words: set[str] = set()
        self._missed = True
        self._rounds = Rounds(clock, EVERY, self.read_back, log=log, failed="threads not read back")
        self._next_call = float("-inf")

    def start(self) -> None:
        """Begin to read; Slack may be away, then it goes on trying."""
        self._rounds.start()

    def read_soon(self) -> None:
        """Read as soon as possible: events may have been missed."""
        self._missed = True
        self._rounds.go_soon()

    async def close(self) -> None:
        """Stop reading. Never raises."""
        await self._rounds.close()

    async def read_back(self) -> None:
        """Hear what was said in the threads of open runs, and of those that have ended since."""
        open_runs = [row.id for row in await asyncio.to_thread(self._stores.journal.runs)]
        self._last_words |= self._read_to.keys() - open_runs
        if self._missed:
            self._last_words |= await asyncio.to_thread(self._ended_lately)
            self._missed = False
        self._read_to = {run: ts for run, ts in self._read_to.items() if run in open_runs}
        for run in open_runs:
            await self._is_read(run)
        for run in sorted(self._last_words):
            if await self._is_read(run, ended=True):
                self._last_words.discard(run)

    def _ended_lately(self) -> set[str]:
        journal, lately = self._stores.journal, set[str]()
        for row in journal.ended():
            last = journal.read(row.id, after=row.last_seq - 1)
            if not last or self._clock.now() - last[-1].at > LAST_WORDS:
                break
            lately.add(row.id)
        return lately

    async def _is_read(self, run: str, *, ended: bool = False) -> bool:
        """Read a thread; False where asking again may help."""
        try:
            await self._read(run, ended=ended)
        except SlackRefused as refused:
            if not concerns_all(refused.error):
                log.warning("a thread was not read back", run=run, error=str(refused))
        except PeopleUnreadable as error:
            log.warning("a thread was not read back", run=run, error=str(error))
            return False
        return True

    async def _read(self, run: str, *, ended: bool) -> None:
        """Read one thread; of an ended run words alone: its messages are left as they are."""
        roots = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/root")
        if not roots or roots[0].ts is None:
            return
        channel, thread = roots[0].channel, roots[0].ts
        me = await self._me.identity()
        newest = self._read_to.get(run, thread)
        oldest = _before(thread if run in self._short else newest)
        there: set[str] = set()
        ours: dict[str, str] = {}
        read = 0
        stood = None if ended else self._stood
        async for page in self._pages(run, channel, thread, oldest, stood):
            read += 1
            for message in page:
                ts = str(message["ts"])
                if message.get("subtype") != "tombstone":
                    there.add(ts)
                if ts != thread and (key := key_in(message, me.user)):
                    ours[ts] = key
                    if not ended:
                        await self._hear_copy(run, key, message, me)
                if ts != thread and (said := _said_to(me, message)) is not None:
                    await self._hear({**said, "channel": channel, "thread_ts": thread})
                newest = max(newest, ts)
        if ended:
            return
        whole = float(oldest) < float(thread)
        self._short = self._short | {run} if whole and read == 1 else self._short - {run}
        self._read_to[run] = newest
        if stood is not None:
            await stood(run, thread, oldest, there, ours)

    async def _hear_copy(
        self, run: str, key: str, message: Mapping[str, Any], me: Identity
    ) -> None:
        """Hear what is said on a message of ours that stands twice, and not in its place."""
        if not any(reactors(message, me.user)):
            return
        rows = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/")
        if any(row.ts == message["ts"] for row in rows):
            return
        stands = next((row for row in rows if row.message_key == key and row.ts), None)
        if stands is None or stands.ts is None:
            return
        if float(message["ts"]) < lives.begun(
            await asyncio.to_thread(self._stores.journal.read, run)
        ):
            return
        where = await permalink(self._client, stands.channel, stands.ts)
        for said in said_on(message, stands, run, me.user, self._clock, where):
            if await asyncio.to_thread(self._stores.inbox.put, said):
                log.info("heard on a second copy", key=said.key, kind=said.kind, run=run)
                await self._follow(said)

    async def _pages(
        self, run: str, channel: str, thread: str, oldest: str, stood: Stood | None
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        try:
            async for page in pages(self._ask, channel, thread, oldest=oldest):
                yield page
        except SlackRefused as refused:
            if refused.error == "thread_not_found" and stood is not None:
                await stood(run, thread, oldest, (), {})
            raise

    async def _ask(self, **question: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        now = self._clock.monotonic()
        if now < self._next_call:
            await self._clock.sleep(timedelta(seconds=self._next_call - now))
        self._next_call = self._clock.monotonic() + PACE.total_seconds()
        return await asked(
            lambda: self._client.conversations_replies(include_all_metadata=True, **question)
        )

    async def _hear(self, message: Mapping[str, Any]) -> None:
        row = await asyncio.to_thread(self._put, message)
        if row is not None:
            log.info("heard by reading back", key=row.key, kind=row.kind, run=row.run)
            await self._follow(row)

    def _put(self, message: Mapping[str, Any]) -> InboxRow | None:
        """Store what a message amounts to; None where it was heard before."""
        return put(self._stores.inbox, self._hearing.mention(message))


def _said_to(me: Identity, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a person says to the bot in this message, as Slack would send an event, or None.

    Of who typed its name only, stops are heard, and anything else is answered.
    """
    if only_named(message, me):
        return {**message, NAMED: True}
    text = for_bot(message, me)
    return None if text is None else {**message, "text": text}


def _before(ts: str) -> str:
    seconds, dot, rest = ts.partition(".")
    return f"{int(seconds) - OVERLAP_S}{dot}{rest}"
