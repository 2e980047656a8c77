"""What the engine tells single persons: given one after another, and never waited for.

An answer is a courtesy; whoever waited for Slack with a group out of service would not look at it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import timedelta

import structlog

from engine.ports import Answers

log = structlog.get_logger(__name__)

MOST_WAITING = 200
"""So many answers wait at most; where Slack takes none the oldest are let go. A guess."""

GIVEN_WITHIN = timedelta(seconds=60)
"""How long one answer may keep the others waiting."""


class AnswerQueue:
    """See engine.ports.Answers: returns at once. Needs a running event loop when first used.

    Args:
        answers: how an answer is given in the end.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._waiting: deque[tuple[dict[str, str], str, tuple[str, str] | None]] = deque()
        self._giving: asyncio.Task[None] | None = None

    async def answer(
        self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
    ) -> None:
        """See engine.ports.Answers."""
        if len(self._waiting) >= MOST_WAITING:
            dropped, *_ = self._waiting.popleft()
            log.warning("answer not given", user=dropped.get("user"), error="too many wait")
        self._waiting.append((to, text, file))
        if self._giving is None or self._giving.done():
            self._giving = asyncio.ensure_future(self._give())

    async def _give(self) -> None:
        while self._waiting:
            to, text, file = self._waiting.popleft()
            try:
                async with asyncio.timeout(GIVEN_WITHIN.total_seconds()):
                    await self._answers.answer(to, text, file=file)
            except TimeoutError:
                log.warning("answer not given", user=to.get("user"), error="no time left")
            except Exception:
                log.exception("answer not given", user=to.get("user"))

    async def close(self, within: timedelta = timedelta(seconds=2)) -> None:
        """Give what still waits, as far as there is time. Never raises."""
        if self._giving is None:
            return
        await asyncio.wait({self._giving}, timeout=within.total_seconds())
        self._giving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._giving
