"""Takes back what stands twice: a post that Slack took long after it answered that it did not.

That one stands in a thread is heard from whoever reads threads. Nobody reads channels, so what
stands there and was posted again is looked for.

Question: a person may have said no on the copy; is that lost with it? Answer: as long as a gate is
asked, a copy that shows a no stays, since it is counted from there (`bot.copies`). Given up: a no
that is added within the moment between our look and the deletion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot import lives
from bot.calls import Trouble, called
from bot.reactions import reactors, run_of
from bot.speaking.comparison import Comparison
from bot.speaking.later import Later
from bot.speaking.search import Search
from bot.speaking.wording import GONE
from bot.views import Message
from engine.ports import Clock
from storage.records import Stores

log = structlog.get_logger(__name__)

KEPT = timedelta(seconds=60)
"""Between two looks whether a copy still shows a no. A guess."""


LOOKS = (timedelta(minutes=1), timedelta(minutes=4))
"""Until another post of a message is looked for in a channel, and until once more. A guess."""


YOUNG = timedelta(minutes=10)
"""After a restart: older messages were looked for by the process before. More than `LOOKS`, since
Slack's clock is another."""


class Twins:
    """Knows which messages stand twice, and takes back those that do not count.

    Args:
        stores: where deliveries are kept.
        client: makes each call once.
        clock: for the age of what stands.
        search: finds messages in a channel.
        later: when what Slack refuses for now is tried again.
    """

    def __init__(
        self,
        stores: Stores,
        client: AsyncWebClient,
        clock: Clock,
        search: Search,
        later: Later,
    ) -> None:
        self._stores = stores
        self._client = client
        self._clock = clock
        self._search = search
        self._later = later
        self._found: dict[str, dict[str, str]] = {}
        self._perhaps: dict[str, dict[str, list[timedelta]]] = {}
        self._known: set[str] = set()

    def expect(self, run: str, message: Message) -> None:
        """Hear that nobody knows whether a message was posted: it may be again."""
        if not message.in_thread:
            self._perhaps.setdefault(run, {})[message.key] = list(LOOKS[1:])
            self._later.leave(_unseen(message.key), LOOKS[0])

    async def found(self, run: str, ours: Mapping[str, str]) -> bool:
        """Hear which messages of ours stand in a run's thread; True where one stands twice.

        Args:
            run: the run.
            ours: the key of each, by its place.
        """
        rows = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/")
        known = {row.ts for row in rows}
        stand = {row.message_key for row in rows if row.ts}
        twins = {
            ts: key
            for ts, key in ours.items()
            if run_of(key) == run and key in stand and ts not in known
        }
        if twins:
            began = lives.begun(await asyncio.to_thread(self._stores.journal.read, run))
            twins = {ts: key for ts, key in twins.items() if float(ts) >= began}
        if twins:
            self._found.setdefault(run, {}).update(twins)
        for ts in twins:
            self._later.done(_kept(ts))
        return bool(twins)

    async def take_back(self, current: Comparison) -> float | None:
        """Take back what is found; return the seconds until it can be where that is put off."""
        waits: list[float] = []
        for ts, key in list(self._found.get(current.run, {}).items()):
            stands = current.delivered.get(key)
            if stands is None or stands.ts in (None, ts):
                self._found[current.run].pop(ts)
                continue
            asked = any(m.key == key and m.gate and m.reactions for m in current.messages)
            if asked and self._later.wait(_kept(ts)):
                continue  # nothing waits for it; once its gate is over, there is another round
            if wait := self._later.wait(f"twin {ts}", "chat.delete", "reactions.get"):
                waits.append(wait)
                continue
            try:
                kept = await self._take(current, key, stands.channel, ts, asked=asked)
            except Trouble as trouble:
                self._later.refused(f"twin {ts}", trouble)
                waits.append(self._later.wait(f"twin {ts}"))
            else:
                self._later.done(f"twin {ts}")
                if kept:
                    self._later.leave(_kept(ts), KEPT)
                else:
                    self._found[current.run].pop(ts)
        return min(waits, default=None)

    def _expect_of_another(self, current: Comparison) -> None:
        """Look for what a process before us may have posted again, and not looked for."""
        if current.run in self._known or not current.open:
            return
        self._known.add(current.run)
        now = self._clock.now().timestamp()
        for message in current.messages:
            delivery = current.of(message)
            ts = delivery.ts if delivery is not None else None
            if ts is not None and now - float(ts) < YOUNG.total_seconds():
                self.expect(current.run, message)

    async def look(self, current: Comparison) -> float | None:
        """Look for what may stand twice in the channel; return the seconds until the next look."""
        self._expect_of_another(current)
        perhaps = self._perhaps.get(current.run, {})
        waits: list[float] = []
        for message in [m for m in current.messages if m.key in perhaps]:
            what, reads = _unseen(message.key), self._search.reads(message)
            if not self._later.wait(what, reads):
                try:
                    await self._look_for(current, message)
                except Trouble as trouble:
                    self._later.refused(what, trouble)
                else:
                    self._later.done(what)
                    if not perhaps[message.key]:
                        perhaps.pop(message.key)
                        continue
                    self._later.leave(what, perhaps[message.key].pop(0))
            waits.append(self._later.wait(what, reads))
        return min(waits, default=None)

    async def _look_for(self, current: Comparison, message: Message) -> None:
        known = {row.ts for row in current.delivered.values()}
        found = self._found.setdefault(current.run, {})
        async for ts in self._search.places(current, message):
            if ts not in known:
                found[ts] = message.key

    async def _take(
        self, current: Comparison, key: str, channel: str, ts: str, *, asked: bool
    ) -> bool:
        """Take one back; return True where it is kept, since it shows a no."""
        try:
            if asked and await self._shows_a_no(channel, ts):
                return True
            current.speaking.refuse_late()
            log.warning("a twin is taken back", key=key, ts=ts)
            await called(self._client.chat_delete(channel=channel, ts=ts))
        except Trouble as trouble:
            if trouble.unclear or not trouble.about_content:
                raise
            if trouble.error != GONE:
                log.warning("a twin is not taken back", key=key, ts=ts, error=trouble.error)
        return False

    async def _shows_a_no(self, channel: str, ts: str) -> bool:
        answer = await called(self._client.reactions_get(channel=channel, timestamp=ts, full=True))
        message = answer.get("message") or {}
        said = reactors(message, str(message.get("user")))
        return any(choice == "no" for _, _, choice in said)


def _unseen(key: str) -> str:
    return f"twin of {key}"


def _kept(ts: str) -> str:
    return f"kept twin {ts}"
