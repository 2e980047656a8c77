"""A delivery to the app: what is told, and what it means that nobody acknowledged it.

It is the same over a socket (`sockets`) and to a Request URL (`http`); `courier` knows which way
it goes. How often one is tried is decided where it comes from: see `events` and `acts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.localslack.model import Json

SECONDS_TO_ACK = 3.0


@dataclass(frozen=True)
class Delivery:
    """One thing to tell the app, once.

    Attributes:
        kind: `events_api`, `slash_commands` or `interactive`.
        payload: what to tell.
        accepts_response: whether the acknowledgement may say something.
        attempt: how often it was tried before.
        reason: why the last attempt failed.
    """

    kind: str
    payload: Json
    accepts_response: bool
    attempt: int = 0
    reason: str = ""


class NotDelivered(Exception):
    """Nobody acknowledged: `dispatch_failed` without a connection, else `operation_timeout`.

    `reason` is what the next attempt tells the app; after a final one there is none.
    """

    def __init__(self, error: str, reason: str = "timeout", *, is_final: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.reason = reason
        self.is_final = is_final
