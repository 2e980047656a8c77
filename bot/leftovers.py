"""Answers that were left: given by whoever faces Slack, when the process that stored them did not.

It died before it could, or Slack did not take them. They stand in the inbox, so any process can
give them; see `bot.inbox` and `engine.answering`.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import structlog

from bot.hearing import ASKED
from bot.inbox import Follow
from bot.rounds import Rounds
from engine.answering import TOLD
from engine.ports import Clock
from storage.records import StorageDown, Stores

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=60)
"""Between two rounds. A guess: what is late by an outage may be late by a minute more."""

LEFT = timedelta(seconds=60)
"""An answer that waits for so long was not given by the process that stored it, or its question."""


class Leftovers:
    """Gives what was left, again and again."""

    def __init__(self, stores: Stores, follow: Follow, clock: Clock) -> None:
        """Take what is needed; nothing is given yet.

        Args:
            stores: where answers wait.
            follow: does what a stored row asks for.
            clock: for how long they have waited.
        """
        self._stores = stores
        self._follow = follow
        self._clock = clock
        self._rounds = Rounds(clock, EVERY, self.give, log=log, failed="answers not given")

    def start(self) -> None:
        """Begin to give; Slack may be away, then it goes on trying."""
        self._rounds.start()

    async def close(self) -> None:
        """Give no more. Never raises."""
        await self._rounds.close()

    async def give(self) -> None:
        """Give each answer that no process has given.

        Raises:
            StorageDown: the others wait on.
        """
        rows = await asyncio.to_thread(self._stores.inbox.waiting, kinds=(ASKED, TOLD))
        for row in random.sample(rows, len(rows)):  # not in step with another process
            if self._clock.now() - row.at < LEFT:
                continue
            try:
                await self._follow(row)
            except StorageDown:
                raise
            except Exception:  # or one answer would keep all the others back
                log.exception("an answer is left to be given later", key=row.key)
