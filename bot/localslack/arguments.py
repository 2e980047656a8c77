"""The arguments of a call, however the caller sent them.

slack_sdk sends some methods with GET, some with POST and a query, some with JSON; the Node SDK
sends forms in which nested values are JSON strings. All of that arrives here as one mapping.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from aiohttp import web

    from bot.localslack.model import Json

# Strings that are not JSON although they may look like it.
_NESTED = frozenset({"blocks", "attachments", "metadata", "view", "files", "unfurls"})


async def read_arguments(request: web.Request) -> Json:
    """Merge query, form and JSON body.

    Raises:
        Refused: `invalid_json`, `json_not_object`.
    """
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        arguments |= _read_json(await request.text())
    elif request.can_read_body:
        form = await request.post()
        arguments |= {k: v for k, v in form.items() if isinstance(v, str)}
    return {k: _nested(v) if k in _NESTED else v for k, v in arguments.items()}


def _read_json(body: str) -> Json:
    if not body:
        return {}
    try:
        read = json.loads(body)
    except ValueError as error:
        raise Refused("invalid_json") from error
    if not isinstance(read, dict):
        raise Refused("json_not_object")
    # A token in a JSON body does not count with Slack: only the header does.
    return {k: v for k, v in read.items() if v is not None and k != "token"}


def _nested(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class Arguments:
    """Reads single arguments in the type that is wanted."""

    def __init__(self, given: Json) -> None:
        self.given = given

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        value = self.given.get(name, default)
        return value if isinstance(value, str) else str(value)

    def required(self, name: str) -> str:
        """Return a string that must be there.

        Raises:
            Refused: `invalid_arguments`, with the name.
        """
        value = self.text(name)
        if not value:
            message = f"[ERROR] missing required field: {name}"
            raise Refused("invalid_arguments", response_metadata={"messages": [message]})
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.given.get(name, default)
        if isinstance(value, str):
            return value.lower() in ("true", "1")
        return bool(value)

    def number(self, name: str, default: int) -> int:
        """Return a whole number.

        Raises:
            Refused: `invalid_limit` for the one such argument that pages have.
        """
        try:
            return int(self.given.get(name) or default)
        except (TypeError, ValueError) as error:
            raise Refused(f"invalid_{name}") from error

    def names(self, name: str) -> list[str]:
        """Return a list, also when it was sent as `a,b`."""
        value = self.given.get(name) or []
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return [str(part) for part in value]

    def nested(self, name: str) -> Any:  # noqa: ANN401 -- JSON values
        """Return a value that may be anything."""
        return self.given.get(name)
