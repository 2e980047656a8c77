"""The rehearsal's control channel: one JSON line asks, one answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

LONGEST_ANSWER = 1 << 24
"""Bytes; a report of 31 members with all acts is under one million."""


class DeviceControl:
    """Asks the rehearsal what it saw, and lets things go wrong there."""

    def __init__(self, port: int) -> None:
        """Take the port of the control channel on 127.0.0.1."""
        self._port = port

    async def report(self) -> dict[str, Any]:
        """Return what the witness says."""
        return await self._ask({"do": "report"})

    async def fault(self, **fault: Any) -> None:  # noqa: ANN401 -- JSON values
        """Let something happen to the group."""
        await self._ask({"do": "fault", "fault": fault})

    async def wait(self, moment: str, *, within_s: float) -> bool:
        """Wait for a moment of the device; False when it does not come in time."""
        answer = await self._ask({"do": "wait", "moment": moment, "within_s": within_s})
        return bool(answer.get("ok"))

    async def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Ask on a connection of its own: `wait` may take long.

        Raises:
            RuntimeError: the rehearsal refused.
        """
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, limit=LONGEST_ANSWER
        )
        try:
            writer.write(json.dumps(order).encode() + b"\n")
            await writer.drain()
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        if not answer.get("ok") and "error" in answer:
            raise RuntimeError(f"the rehearsal refused {order['do']}: {answer['error']}")
        return answer
