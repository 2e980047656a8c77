"""Somebody who connects while a server stops."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

NOT_LEFT_S = 20.0
"""Who hears nothing for so long was forgotten."""

each_turn = pytest.mark.parametrize("turns", range(6))


async def left_hanging(port: int, turns: int, stop: Callable[[], Awaitable[object]]) -> bool:
    """Connect, stop the server that many turns of the loop later, and say whether it is silent.

    Not silent is also: refused, because the server did not even accept.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=NOT_LEFT_S) as late:
        for _ in range(turns):
            await asyncio.sleep(0)  # noqa: TID251 -- a turn of the loop, no time
        await stop()
        try:
            await asyncio.to_thread(late.recv, 1)
        except ConnectionResetError:
            return False
        except TimeoutError:
            return True
        return False
