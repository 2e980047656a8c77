"""The durable inbox: what somebody said is stored before Slack hears that we have it.

A Bolt middleware. When the store fails, the error leaves the middleware, Bolt answers 500, and the
Socket Mode adapter sends no ack: Slack sends an event again, and tells a person that their command
failed. A duplicate is acked and dropped.

What needs no more than an answer is stored too (`bot.hearing.ASKED`), and taken once the answer
was given: whoever asks twice by Slack's fault is told once, and nobody waits in vain because we
were killed in between, or Slack took no answer then. What is left, `bot.leftovers` gives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from slack_bolt import BoltResponse
from slack_bolt.context.async_context import AsyncBoltContext

from bot.hearing import ASKED, HELP, LOOKED_UP, Heard, Hearing
from bot.people import PlainAnswers
from engine.answering import TOLD, give, let_go, waits
from engine.ports import Answers, Clock
from storage.records import InboxRow, InboxStore

log = structlog.get_logger(__name__)

HEARD = "heard"
"""Under this name the listeners find what the middleware heard."""

Middleware = Callable[..., Awaitable[BoltResponse | None]]

HelpFor = Callable[[str], Awaitable[str]]
"""Returns what one person can type."""

Follow = Callable[[InboxRow], Awaitable[None]]
"""What is done about a row that was stored just now."""


LookUp = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Answers a question that needs more than our own store; see `bot.overview`."""


def following(
    inbox: InboxStore,
    answers: Answers,
    wake: Callable[[str], None],
    help_for: HelpFor,
    look_up: LookUp,
    clock: Clock,
) -> Follow:
    """Return what follows on a stored row: an answer, or the run that it is for is woken."""
    plain = PlainAnswers(answers)

    async def say(row: InboxRow) -> str:
        about = row.body.get("about", "")
        if about in LOOKED_UP:
            return await look_up(row.body)
        if about == HELP:
            return await help_for(row.body["answer"]["user"])
        return str(row.body["text"])

    async def follow(row: InboxRow) -> None:
        if row.kind == ASKED:
            if not await asyncio.to_thread(waits, inbox, row):
                return
            if let_go(row, clock.now()) or await answers.answer(row.body["answer"], await say(row)):
                await asyncio.to_thread(inbox.drop, row.key)
        elif row.kind == TOLD:
            await give(row, plain, inbox, clock.now())
        elif row.run is not None:
            wake(row.run)

    return follow


def hearing_stops(
    hearing: Hearing, inbox: InboxStore
) -> Callable[[Mapping[str, Any]], Awaitable[bool]]:
    """Return what stores a stop that stands in a thread, under the key of its event.

    It returns True where that was not heard before.
    """

    def store(message: Mapping[str, Any]) -> bool:
        heard = hearing.mention(message)
        if heard.row is None or heard.row.run is None:
            return False
        row = put(inbox, replace(heard, instead=None))
        if row is not None:
            log.info("a stop was heard at the gate", key=row.key, run=row.run)
        return row is not None

    async def hear(message: Mapping[str, Any]) -> bool:
        return await asyncio.to_thread(store, message)

    return hear


def put(inbox: InboxStore, heard: Heard) -> InboxRow | None:
    """Store what was heard; return the row that is new, or None where nothing of it is.

    Of an edited message that was heard as it read before, what its author is told is new; that is
    put first, so that it is not told of an edit that another process hears at this moment.
    """
    if heard.row is None:
        return None
    told = heard.instead is not None and inbox.put(heard.instead)
    fresh = inbox.put(heard.row)
    if heard.instead is not None and fresh:
        inbox.drop(heard.instead.key)
    if heard.mark is not None:
        inbox.put(heard.mark)
    if fresh:
        return heard.row
    return heard.instead if told else None


def storing(hearing: Hearing, inbox: InboxStore) -> Middleware:
    """Return the middleware that stores what is heard."""

    async def store(
        body: Mapping[str, Any],
        context: AsyncBoltContext,
        next: Callable[[], Awaitable[None]],  # noqa: A002 -- Bolt hands arguments over by name
    ) -> BoltResponse | None:
        heard = await asyncio.to_thread(hearing.hear, body)
        if heard.row is not None:
            fresh = await asyncio.to_thread(put, inbox, heard)
            if fresh is None:
                log.info("heard before", key=heard.row.key)
                return BoltResponse(status=200, body="")
            log.info("heard", key=fresh.key, kind=fresh.kind, run=fresh.run)
            heard = heard if fresh is heard.row else Heard(fresh)
        context[HEARD] = heard
        await next()
        return None

    return store
