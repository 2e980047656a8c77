"""What is wrong with the settings, in sentences: one each, with file, key and the nearest key.

What is a mistake is decided elsewhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

KnownKeys = Callable[[tuple[str, ...]], list[str]]
"""Returns the keys of the section at a place."""


class SettingsWrong(Exception):
    """The settings cannot be used; the message says where and why, one sentence per line."""


def sentences(
    error: ValidationError, file: Path, known_keys: KnownKeys, inside: tuple[str, ...] = ()
) -> str:
    """Return what pydantic refused, one sentence per line.

    Args:
        error: what it refused.
        file: where that stands.
        known_keys: which keys may stand at a place; a wrong one is told the nearest of them.
        inside: the place of the table that was judged.
    """
    return "\n".join(_sentence(one, file, known_keys, inside) for one in error.errors())


def _sentence(
    error: Any,  # noqa: ANN401 -- pydantic's dict
    file: Path,
    known_keys: KnownKeys,
    inside: tuple[str, ...],
) -> str:
    place = (*inside, *(str(part) for part in error["loc"]))
    key = ".".join(place)
    match error["type"]:
        case "extra_forbidden":
            return f"{file}: {key} is not a setting{nearest(place[-1], known_keys(place[:-1]))}"
        case "missing":
            written = difflib.get_close_matches(place[-1], [str(k) for k in error["input"]], n=1)
            return f"{file}: {key} is missing{f'; you wrote {written[0]}' if written else ''}"
        case "value_error":
            return f"{file}: {key}: {error['ctx']['error']}"
        case "literal_error":
            return f"{file}: {key} is {error['input']!r}, but may be {error['ctx']['expected']}"
        case "tuple_type":
            return f'{file}: {key} is {error["input"]!r}, but must be a list like ["…"]'
        case _:
            message = error["msg"][0].lower() + error["msg"][1:]
            return f"{file}: {key} is {error['input']!r}, but {message}"


def nearest(word: str, known: list[str]) -> str:
    """Return a hint at the known word that was meant, or at all of them; "" without any."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
