"""Plain HTTP, for what Slack's libraries would not send."""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        """Return the JSON of the answer."""
        return json.loads(self.text)


async def send(verb: str, url: str, *, token: str = "", **sent: Any) -> Reply:
    """Send one request and read the answer."""
    headers = sent.pop("headers", {})
    if token:
        headers = headers | {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(verb, url, headers=headers, **sent) as response,
    ):
        return Reply(response.status, await response.text(), dict(response.headers))
