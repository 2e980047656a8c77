"""Pages of a long answer: `limit`, `cursor`, `next_cursor`."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.localslack.arguments import Arguments
    from bot.localslack.model import Json

T = TypeVar("T")

LARGEST_PAGE = 1_000


def page(items: Sequence[T], arguments: Arguments, *, default: int = 100) -> tuple[list[T], Json]:
    """Return the page that is asked for, and the `response_metadata` that leads to the next.

    Raises:
        Refused: `invalid_cursor`, `invalid_limit`.
    """
    limit = arguments.number("limit", default)
    if not 1 <= limit <= LARGEST_PAGE:
        raise Refused("invalid_limit")
    start = _position(arguments.text("cursor"))
    end = start + limit
    cursor = _cursor(end) if end < len(items) else ""
    return list(items[start:end]), {"next_cursor": cursor}


def _cursor(position: int) -> str:
    return base64.b64encode(f"next:{position}".encode()).decode()


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except (ValueError, binascii.Error) as error:
        raise Refused("invalid_cursor") from error
