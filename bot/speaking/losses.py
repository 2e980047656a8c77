"""What somebody deleted comes back: noticed, asked for, and posted anew.

That something is missing is heard from whoever reads threads or counts votes. Slack may only show
it late, so the message itself is asked for before it is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called
from bot.reactions import a_no_on, lost_under, reactors, run_of
from bot.speaking.comparison import Comparison
from bot.speaking.later import Later
from bot.speaking.wording import GONE
from bot.views import Message
from engine.ports import Clock
from storage.records import Delivery, InboxRow, Stores

log = structlog.get_logger(__name__)


class Losses:
    """Knows which messages somebody missed, and gives up those that are gone.

    Args:
        stores: where deliveries are kept.
        client: makes each call once.
        clock: for when it was heard what people said on a message that is taken away.
        later: when what Slack does not say now is asked again.
    """

    def __init__(self, stores: Stores, client: AsyncWebClient, clock: Clock, later: Later) -> None:
        self._stores = stores
        self._client = client
        self._clock = clock
        self._later = later
        self._missed: dict[str, set[str]] = {}

    async def missing(self, run: str, thread: str, oldest: str, there: Collection[str]) -> set[str]:
        """Return the places of messages that should stand in a run's thread, and do not.

        Args:
            run: the run.
            thread: the place of its root.
            oldest: from where the thread was read.
            there: the places of the messages that stand there.
        """
        rows = await asyncio.to_thread(self._stores.deliveries.all, f"{run}/")
        root = next((row for row in rows if row.message_key == f"{run}/root"), None)
        if root is None or root.ts != thread:
            return set()
        # What stands in a former thread was posted before this root.
        since = max(float(oldest), float(thread))
        return {
            row.ts
            for row in rows
            if row.ts and row.state == "sent" and row.channel == root.channel
            if float(row.ts) >= since or row is root
            if row.ts not in there and "/former/" not in row.message_key
        }

    async def run_at(self, channel: str, ts: str) -> str | None:
        """Return the run that a message at this place tells of; None where it tells of none."""
        row = await asyncio.to_thread(self._stores.deliveries.by_ts, channel, ts)
        if row is not None and "/former/" not in row.message_key:
            return run_of(row.message_key)
        return None

    def miss(self, run: str, places: Collection[str]) -> None:
        """Look after these messages in the run's next round."""
        self._missed.setdefault(run, set()).update(places)

    def forget(self, run: str) -> None:
        """Nothing is missing of a run of which nothing is told here."""
        self._missed.pop(run, None)

    async def look_after(self, current: Comparison) -> float | None:
        """Ask for each message that somebody missed.

        Returns 0 where one of them is gone, the seconds until Slack may be asked where it does not
        say that now, and None where nothing is missing.
        """
        missed = self._missed.get(current.run)
        if not missed:
            return None
        what = f"missed of {current.run}"
        if wait := self._later.wait(what, "reactions.get"):
            return wait
        try:
            gone = await self._give_up(current, missed)
        except Trouble as trouble:
            self._later.refused(what, trouble)
            return self._later.wait(what)
        self._later.done(what)
        missed.clear()
        return 0 if gone else None

    async def _give_up(self, current: Comparison, missed: Collection[str]) -> bool:
        """Have what is gone of these messages posted anew; True where any is."""
        gone = False
        for message in current.messages:
            delivery = current.of(message)
            if delivery is None or delivery.ts not in missed or delivery.state != "sent":
                continue
            if await self.is_gone(delivery):
                await self.lose(current, message, delivery)
                gone = True
        return gone

    async def begin_anew(self, current: Comparison, trouble: Trouble) -> None:
        """The thread is gone: the next round posts another root, and goes on below that."""
        log.warning("the thread is gone", run=current.run, error=trouble.error)
        await self.lose(current, current.root, current.delivered[current.root.key])

    async def lose(self, current: Comparison, message: Message, delivery: Delivery) -> None:
        """Somebody deleted a message: it is posted again, with what it says by then.

        With the root its thread is nowhere to be found in the channel, so whatever people vote on
        follows into the new one. What was told once stays in the former thread.

        Question: a person may have said no there; is that lost with it? Answer: each no that
        stands when we take the message away is heard first, as if Slack had told of it, and one
        of which Slack tells later counts as well (`engine.words`). A yes has to be given anew.
        """
        lost = [(message, delivery)]
        if message is current.root:
            asked = (m for m in current.messages if m.gate and m.reactions)
            lost += [(m, d) for m in asked if (d := current.of(m)) and d.ts]
        for one, stood in reversed(lost):  # the root last: a crash before it begins here again
            log.warning("a message is gone, and posted again", key=one.key, ts=stood.ts)
            if one is not message:
                await self._take_away(current.run, stood)
            await current.save(replace(stood, message_key=lost_under(stood), state="deleted"))
            await current.save(replace(stood, ts=None, digest="", state="failed"))

    async def is_gone(self, delivery: Delivery) -> bool:
        """Ask for a message itself.

        Raises:
            Trouble: Slack did not say whether it stands.
        """
        try:
            answer = await called(
                self._client.reactions_get(channel=delivery.channel, timestamp=delivery.ts)
            )
        except Trouble as trouble:
            if trouble.error == GONE:
                return True
            raise
        return bool((answer.get("message") or {}).get("subtype") == "tombstone")

    async def _take_away(self, run: str, stood: Delivery) -> None:
        """Nobody shall vote where votes are no longer read; a no that stands there is heard."""
        try:
            await self._hear_each_no(run, stood)
            await called(self._client.chat_delete(channel=stood.channel, ts=stood.ts or ""))
        except Trouble as trouble:
            if trouble.unclear or trouble.retry_after is not None:
                raise
            log.warning("not taken away", key=stood.message_key, error=trouble.error)

    async def _hear_each_no(self, run: str, stood: Delivery) -> None:
        """Store a hint for each no on a message; the same ones each time."""
        answer = await called(
            self._client.reactions_get(channel=stood.channel, timestamp=stood.ts, full=True)
        )
        message = answer.get("message") or {}
        for user, emoji, choice in reactors(message, str(message.get("user"))):
            if choice == "no":
                key = f"lost:{stood.channel}/{stood.ts}/{user}/{emoji}"
                body = a_no_on(stood, user, emoji)
                hint = InboxRow(key=key, run=run, kind="hint", body=body, at=self._clock.now())
                await asyncio.to_thread(self._stores.inbox.put, hint)
