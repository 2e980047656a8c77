"""What is wrong with the settings, in sentences: one each, with file, key and the nearest key.

What is a mistake is decided elsewhere.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

KnownKeys = Callable[[tuple[str, ...]], list[str]]
"""Returns the keys of the section at a place."""


class SettingsWrong(Exception):
    """The settings cannot be used; the message says where and why, one sentence per line."""


class NotToBeHad(SettingsWrong):
    """They cannot be used now: another process has what they name, or it is not there yet."""


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


_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TOML_NAME = re.compile(r"\s*(\[{1,2}[\w.\-\" ]+\]{1,2}|[\w.\-]+)")


def misspelt(fault: str, text: str) -> str:
    """Say what is wrong with TOML and where, for who does not know its words.

    Of the line only the key or the section is shown: a value may be a secret.
    """
    lines = text.splitlines()
    place = _TOML_PLACE.search(fault)
    number = int(place[1]) if place and place[1] else len(lines)
    name = _TOML_NAME.match(lines[number - 1]) if 0 < number <= len(lines) else None
    where = f"line {number}, {name[1]}" if name else f"line {number}"
    told = fault[: place.start()] if place else fault
    if told.startswith(("Cannot overwrite", "Cannot mutate", "Duplicate inline")):
        return f"{where}: this is set above already; keep one of the two"
    if told.startswith("Cannot declare"):
        return f"{where}: this section stands above already; put its keys into one"
    hint = "; text stands in quotation marks" if told == "Invalid value" else ""
    return f"{where}: {told[:1].lower()}{told[1:]}{hint}"
