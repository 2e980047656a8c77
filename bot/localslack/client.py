"""A client of the control API, for demo, scenarios and tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

Json = dict[str, Any]

# An act takes three seconds at most, when the app is silent; more means that something hangs.
LONGEST_ACT_S = 30.0


class ControlClient:
    """Acts as people, looks at the workspace, and lets things go wrong."""

    def __init__(self, url: str) -> None:
        """Take the address of the server, `http://127.0.0.1:PORT/`."""
        self._url = url.rstrip("/") + "/control/"
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(LONGEST_ACT_S))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def act(self, user: str, do: str, **details: Any) -> Json:  # noqa: ANN401 -- JSON values
        """Let a person act; the answer says what they saw."""
        return await self._post("act", {"user": user, "do": do, **details})

    async def fault(self, kind: str, **details: Any) -> Json:  # noqa: ANN401 -- JSON values
        """Let something go wrong."""
        return await self._post("fault", {"kind": kind, **details})

    async def change(self, what: str, which: str, **new: Any) -> Json:  # noqa: ANN401 -- JSON values
        """Change a user, user group or channel, as an administrator would."""
        return await self._post("change", {"what": what, "id": which, **new})

    async def state(self) -> Json:
        """Return everything, now."""
        return await self._get("state")

    async def channel(self, name: str) -> Json:
        """Return one channel with its messages, by name or id."""
        state = await self.state()
        wanted = name.removeprefix("#")
        found: Json = next(c for c in state["channels"] if wanted in (c["id"], c.get("name")))
        return found

    async def traffic(self, since: int = 0) -> list[Json]:
        """Return what went between app and Slack after that sequence number."""
        answer = await self._get(f"traffic?since={since}")
        lines: list[Json] = answer["traffic"]
        return lines

    async def stream(self) -> AsyncIterator[tuple[str, Json]]:
        """Yield (kind, body) of every change from now on; `ready` comes first."""
        endless = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._url + "stream", timeout=endless) as response:
            kind = ""
            async for raw in response.content:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)

    async def _post(self, path: str, body: Json) -> Json:
        async with self._session.post(self._url + path, json=body) as response:
            response.raise_for_status()
            answer: Json = await response.json()
            return answer

    async def _get(self, path: str) -> Json:
        async with self._session.get(self._url + path) as response:
            response.raise_for_status()
            answer: Json = await response.json()
            return answer
