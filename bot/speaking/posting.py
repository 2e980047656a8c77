"""Posts what is not there yet, in order, and never twice.

Question: how is a message neither lost nor posted twice, when Slack has no key for a repeated
post? Answer: "sending" is saved before the call, and every message carries its key in its
metadata; after an unclear post it is looked for in the channel or thread before it is posted
again. Given up: order within one second of another speaker's posts in the same channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called
from bot.metadata import EVENT_TYPE
from bot.pacing import Pace
from bot.speaking.attachments import Attachments
from bot.speaking.comparison import Comparison, digest
from bot.speaking.later import Later
from bot.speaking.losses import Losses
from bot.speaking.search import Search
from bot.speaking.twins import Twins
from bot.speaking.wording import Wording
from bot.standing import CHANNEL_SHUT
from bot.views import Message
from engine.ports import Clock
from storage.records import Delivery, LeaseLost, Stores

log = structlog.get_logger(__name__)

POST = "chat.postMessage"

TWIN_LOOKS = 10
"""How often we look which of two messages the present speaker took for its own. A guess."""


class Posting:
    """Posts messages, one at a time.

    Args:
        stores: where deliveries are kept.
        client: makes each call once, without retries: a blind retry would post twice.
        clock: for the time between two looks at a twin.
        pace: whose turn it is in a channel.
        wording: how a message is said.
        search: finds a message that may have been posted.
        attachments: what belongs to a message that stands.
        losses: begins anew where the thread is gone.
        twins: takes back what stands twice.
        later: when what Slack refuses for now is tried again.
        posted: told the key of each message that was finished.
        look_again: time between two looks at what stands in the place of a twin.
    """

    def __init__(
        self,
        stores: Stores,
        client: AsyncWebClient,
        clock: Clock,
        pace: Pace,
        wording: Wording,
        search: Search,
        attachments: Attachments,
        losses: Losses,
        twins: Twins,
        later: Later,
        posted: Callable[[str], None],
        *,
        look_again: timedelta,
    ) -> None:
        self._stores = stores
        self._client = client
        self._clock = clock
        self._pace = pace
        self._wording = wording
        self._search = search
        self._attachments = attachments
        self._losses = losses
        self._twins = twins
        self._later = later
        self._posted = posted
        self._look_again = look_again

    async def post_one(self, current: Comparison) -> float | None:
        """Post the next message; return when the one after it is due, or None without any.

        What is put off of a message that stands, or of what is written to one person, is passed
        over; a post to all never is, so that they stand in order. Where Slack refuses it, all posts
        of the run wait, and its edits do not.
        """
        unsent = current.unsent()
        waits = {m.key: self._put_off(current, m) for m in unsent}
        message = next((m for m in unsent if not waits[m.key]), None)
        if message is None:
            return min(waits.values(), default=None)
        delivery = current.of(message)
        if delivery is None or delivery.ts is None:
            refused = _post_of(current)
            unclear = delivery is not None and delivery.state == "sending"
            reads = (self._search.reads(message),) if unclear else ()
            if wait := self._later.wait(refused, POST, *reads):
                return wait
            if wait := self._pace.take_post(message.direct or current.channel):
                return wait
            if message.direct:
                await self._write_to(current, message)
                return 0
            try:
                delivery = await self._stand(current, message, delivery)
            except Trouble as trouble:
                if trouble.error == "thread_not_found" or _is_locked(current, trouble):
                    await self._losses.begin_anew(current, trouble)
                    return 0
                self._later.refused(refused, trouble)
                return self._later.wait(refused)
            self._later.done(refused)
        await self._attachments.finish(current, message, delivery)
        self._posted(message.key)
        return 0

    def is_out(self, current: Comparison) -> bool:
        """Say whether nothing is left to post but what Slack refuses for now."""
        if self._later.wait(_post_of(current)):
            return True
        return all(self._put_off(current, message) for message in current.unsent())

    def _put_off(self, current: Comparison, message: Message) -> float:
        """Return the seconds for which a message is passed over."""
        if message.direct:
            return self._later.wait(message.key)
        delivery = current.of(message)
        stands = delivery is not None and delivery.ts is not None
        return self._attachments.put_off(message) if stands else 0

    async def _write_to(self, current: Comparison, message: Message) -> None:
        """Write to one person, at most once: what it says stands in the thread as well.

        It is let go where Slack refuses it, and where nobody knows whether it was said. Where Slack
        certainly did nothing, and may do it later, it is said then, as long as it is due.
        """
        delivery = Delivery(message.key, message.direct, None, digest(message), "sending")
        former = current.of(message)
        if former is None or former.state == "failed":
            await current.save(delivery)
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
                if _may_be_taken_later(trouble):
                    await current.save(replace(delivery, state="failed"))
                    self._later.refused(message.key, trouble)
                    return
                log.warning("not written to", key=message.key, error=trouble.error)
        self._later.done(message.key)
        await current.save(replace(delivery, state="sent"))

    async def _stand(
        self, current: Comparison, message: Message, former: Delivery | None
    ) -> Delivery:
        """Return the delivery of a message that stands in Slack now, posted or found again."""
        perhaps = former is not None and former.state == "sending"
        if former is not None and perhaps:
            self._twins.expect(current.run, message)
            ts = await self._search.look_for(current, message)
            if ts:
                log.info("found again", key=message.key, ts=ts)
                # Nobody knows what it says: it may be older than the last attempt.
                return await current.save(replace(former, ts=ts, digest=""))
        sending = Delivery(message.key, current.channel, None, digest(message), "sending")
        await current.save(sending)
        try:
            ts = await self._post(current, message)
        except Trouble as trouble:
            # An attempt before this one may still come to be seen: then it is looked for each time.
            if not (trouble.unclear or perhaps):
                await current.save(replace(sending, state="failed"))
            raise
        try:
            return await current.save(replace(sending, ts=ts))
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
            await self._clock.sleep(self._look_again)
        else:
            return
        if stands != ts:
            log.warning("a twin is taken back", key=sending.message_key, ts=ts)
            await called(self._client.chat_delete(channel=sending.channel, ts=ts))

    async def _post(self, current: Comparison, message: Message) -> str:
        """Post a message, without its blocks where Slack does not take them."""
        root = current.of(current.root)
        message = await self._wording.linked(current, message)
        thread: dict[str, Any] = {}
        if message.in_thread and root is not None:
            thread = {"thread_ts": root.ts, "reply_broadcast": message.broadcast}
        payload = {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}}
        answer = await self._wording.say(
            lambda content: self._client.chat_postMessage(
                channel=current.channel,
                metadata=payload,
                unfurl_links=False,
                unfurl_media=False,
                **content,
                **thread,
            ),
            message,
            current,
        )
        if thread and root is not None and await self._is_stray(root, answer):
            await self._take_back_stray(current.channel, message.key, str(answer["ts"]))
        return str(answer["ts"])

    async def _is_stray(self, root: Delivery, answer: Mapping[str, Any]) -> bool:
        """Say whether a post stands outside of the thread of this root.

        Slack need not say where a post stands. Where it does not, the root is asked for: while that
        stands, so does the post below it.

        Raises:
            Trouble: nobody knows; it is unclear, so the post is looked for before another is made.
        """
        said = (answer.get("message") or {}).get("thread_ts")
        if said:
            return bool(said != root.ts)
        try:
            return await self._losses.is_gone(root)
        except Trouble as trouble:
            raise Trouble(trouble.error, unclear=True, retry_after=trouble.retry_after) from trouble

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


def _post_of(current: Comparison) -> str:
    return f"{POST} {current.run}"


def _is_locked(current: Comparison, trouble: Trouble) -> bool:
    """Say whether somebody locked this thread: what stands in it says that it was open before."""
    root = current.of(current.root)
    if trouble.error != "restricted_action_thread_locked" or root is None or root.ts is None:
        return False
    below = (d.ts for m in current.messages if m.in_thread and (d := current.of(m)))
    return any(ts is not None and float(ts) > float(root.ts) for ts in below)


def _may_be_taken_later(trouble: Trouble) -> bool:
    """Say whether a person was certainly not written to, for a reason that is not about them."""
    about_all = not trouble.about_content and trouble.error not in CHANNEL_SHUT
    return about_all and not trouble.unclear
