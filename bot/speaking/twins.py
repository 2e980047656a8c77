"""Takes back what stands twice: a post that Slack took long after it answered that it did not.

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
from bot.speaking.wording import GONE
from storage.records import Stores

log = structlog.get_logger(__name__)

KEPT = timedelta(seconds=60)
"""Between two looks whether a copy still shows a no. A guess."""


class Twins:
    """Knows which messages stand twice, and takes back those that do not count.

    Args:
        stores: where deliveries are kept.
        client: makes each call once.
        later: when what Slack refuses for now is tried again.
    """

    def __init__(self, stores: Stores, client: AsyncWebClient, later: Later) -> None:
        self._stores = stores
        self._client = client
        self._later = later
        self._found: dict[str, dict[str, str]] = {}

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


def _kept(ts: str) -> str:
    return f"kept twin {ts}"
