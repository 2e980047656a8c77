"""How single values of the settings are written: durations, addresses, ids of things in Slack.

What a value is for, its default and the reason for it are said where it is set.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_HIGHEST_PORT = 65_535

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> timedelta:
    """Return a duration from `90s`, `5m`, `1h 30m`; a bare number has no unit and is refused.

    Raises:
        ValueError: not a duration.
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).strip() if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ValueError(f"{value!r} is no duration; write it like 10s, 5m or 1h 30m")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def host_and_port(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:3000` or `[::1]:3000`; port 0 is any free one.

    Raises:
        ValueError: not an address of this kind.
    """
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is no address to listen on; write it like 127.0.0.1:3000")
    return host.removeprefix("[").removesuffix("]"), int(port)


def slack_id(kinds: str, what: str) -> BeforeValidator:
    """Return a check that something is the id of a thing in Slack: names can be taken by others."""

    def known(value: object) -> object:
        if isinstance(value, str) and value and not re.fullmatch(f"[{kinds}][A-Z0-9]+", value):
            begins = " or ".join(kinds)
            raise ValueError(f"{value!r} is no id of {what}; it begins with {begins}")
        return value

    return BeforeValidator(known)


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")  # noqa: TRY004 -- pydantic
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Positive = Annotated[int, BeforeValidator(_no_truth), Field(ge=1)]
PersonId = Annotated[str, slack_id("UW", "a person")]
ChannelId = Annotated[str, slack_id("CG", "a channel")]
UsergroupId = Annotated[str, slack_id("S", "a user group")]


class Section(BaseModel):
    """A table of the settings: it takes the keys it knows, and stays as it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
