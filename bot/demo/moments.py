"""Who waits for which moment, and who is told: the one switchboard of the stage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]


class Moments:
    """Moments by name. One that has passed counts for whoever asks later."""

    def __init__(self) -> None:
        self._said: dict[str, Facts] = {}
        self._waiting: list[tuple[str, asyncio.Future[Facts]]] = []
        self.listeners: list[Callable[[str, Facts], None]] = []

    def say(self, name: str, **facts: Any) -> None:  # noqa: ANN401 -- JSON values
        """Say that something happened; said again, the first time stays what counts."""
        self._said.setdefault(name, facts)
        for listener in self.listeners:
            listener(name, facts)
        for wanted, future in self._waiting:
            if wanted == name and not future.done():
                future.set_result(facts)

    def facts(self, name: str) -> Facts | None:
        """Return what was said with a moment, or None where it has not come."""
        return self._said.get(name)

    async def wait(self, name: str) -> Facts:
        """Wait for a moment, and return what was said with it."""
        if name in self._said:
            return self._said[name]
        future: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        entry = (name, future)
        self._waiting.append(entry)
        try:
            return await future
        finally:
            self._waiting.remove(entry)
