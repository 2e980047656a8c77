"""What the engine tells single persons: kept until it was given, and never waited for.

An answer is a courtesy; whoever waited for Slack with a group out of service would not look at it.
But whoever said something must not be left without a word because a process ended. So an answer
stands in the inbox (`TOLD`) from the transaction on in which it was decided, and is taken once it
was given. Question: who gives it? Answer: whoever decided it, at once; what is left then, by a
death or because Slack does not take it, whoever faces Slack (`bot.leftovers`), for a day.
Given up: one that is given at the moment of a death, or by two at the same moment, is given twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from engine.ports import Answers, Clock
from storage.records import InboxRow, InboxStore, StorageDown, every_waiting

log = structlog.get_logger(__name__)

MOST_WAITING = 200
"""So many answers wait here at most; where Slack takes none the oldest are left to the inbox. A
guess."""

GIVEN_WITHIN = timedelta(seconds=60)
"""How long one answer may keep the others waiting."""

KEPT = timedelta(hours=24)
"""So long an answer waits to be given; after that what it says is of no use any more. A guess."""

TOLD = "told"
"""Kind of the row of an answer that was decided and not given yet. It belongs to no run, and bars
nothing."""


@dataclass(frozen=True)
class Answer:
    """What one person is to be told: plain text, in which nobody is called.

    `to` and `file` are as in engine.ports.Answers.
    """

    to: Mapping[str, str]
    text: str
    file: tuple[str, str] | None = None

    def row(self, key: str, at: datetime, *, redact: Callable[[str], str]) -> InboxRow:
        """Return the row in which it waits until it was given. Secrets are taken out of it."""
        body = {
            "answer": dict(self.to),
            "text": redact(self.text),
            "file": [redact(part) for part in self.file] if self.file else None,
        }
        return InboxRow(key=key, run=None, kind=TOLD, body=body, at=at)


def answer_key(row: InboxRow) -> str:
    """Return the key of the one answer to what somebody said in a row."""
    return f"{TOLD}:{row.key}"


def let_go(row: InboxRow, now: datetime) -> bool:
    """Tell whether an answer waits no longer, given or not; that is logged. See `KEPT`."""
    old = now - row.at > KEPT
    if old:
        log.warning("an answer is let go", key=row.key, since=row.at.isoformat())
    return old


async def give(row: InboxRow, answers: Answers, inbox: InboxStore, now: datetime) -> None:
    """Give an answer that waits, if nobody else has, and take its row; see `KEPT`.

    One that Slack does not take now waits on. A mistake of ours is logged, and the answer let go.

    Raises:
        StorageDown: it waits still, though it may have been given.
    """
    if not await asyncio.to_thread(waits, inbox, row):
        return
    to, file = dict(row.body["answer"]), row.body.get("file")
    given, old = False, let_go(row, now)
    try:
        async with asyncio.timeout(GIVEN_WITHIN.total_seconds()):
            given = not old and await answers.answer(
                to, row.body["text"], file=tuple(file) if file else None
            )
    except TimeoutError:
        log.warning("answer not given", user=to.get("user"), error="no time left")
    except StorageDown:
        raise
    except Exception:
        log.exception("answer not given", user=to.get("user"))
        given = True
    if given or old:
        await asyncio.to_thread(inbox.drop, row.key)


class AnswerQueue:
    """Gives answers one after another. Needs a running event loop when first used.

    Args:
        answers: how an answer is given in the end.
        inbox: where they wait.
        clock: for how long they have waited.
    """

    def __init__(self, answers: Answers, inbox: InboxStore, clock: Clock) -> None:
        self._answers = answers
        self._inbox = inbox
        self._clock = clock
        self._waiting: deque[InboxRow] = deque()
        self._giving: asyncio.Task[None] | None = None

    def give(self, rows: Sequence[InboxRow]) -> None:
        """Give answers that were stored, as soon as may be. Returns at once, and never raises."""
        for row in rows:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                log.warning("an answer is left to be given later", error="too many wait")
            self._waiting.append(row)
        if self._waiting and (self._giving is None or self._giving.done()):
            self._giving = asyncio.ensure_future(self._give())

    async def _give(self) -> None:
        while self._waiting:
            row = self._waiting.popleft()
            try:
                await give(row, self._answers, self._inbox, self._clock.now())
            except StorageDown as error:
                log.warning("an answer is left to be given later", error=str(error))

    async def close(self, within: timedelta = timedelta(seconds=2)) -> None:
        """Give what still waits, as far as there is time. Never raises."""
        if self._giving is None:
            return
        await asyncio.wait({self._giving}, timeout=within.total_seconds())
        self._giving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._giving


def waits(inbox: InboxStore, row: InboxRow) -> bool:
    """Tell whether nobody else has given it meanwhile."""
    return any(one.key == row.key for one in every_waiting(inbox, kinds=(row.kind,)))
