"""The one JSON form of what is journaled, and its digest.

`to_json` and `from_json` are the only way in and out. A field may be added with a default; it
never changes its meaning.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from storage.records import Json, canonical

T = TypeVar("T")

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


class Unfamiliar(ValueError):
    """A newer version wrote these data: the message names the first that this one does not know."""


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Return the adapter of a type; building one is slow, so each is built once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(value: object) -> Json:
    """Return the JSON form of a dataclass: durations as ISO 8601, moments in UTC."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_json(kind: type[T], data: object) -> T:
    """Return the value that `to_json` was given.

    Raises:
        pydantic.ValidationError: the data was not written by `to_json`.
    """
    value: T = _adapter(kind).validate_python(data)
    return value


def whole_from_json(kind: type[T], data: object) -> T:
    """Return the value that `to_json` was given, of which nothing was dropped in reading.

    Raises:
        Unfamiliar: it has a field, or a value, that only a newer version knows.
    """
    try:
        value = from_json(kind, data)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(one) for one in wrong["loc"])
        raise Unfamiliar(f"{where} = {str(wrong['input'])[:60]!r}") from error
    if dropped := _dropped(data, to_json(value)):
        raise Unfamiliar(dropped)
    return value


def _dropped(given: Json, understood: Json, place: str = "") -> str:
    """Name the first field that reading has dropped, or ""; a plan is read at each step."""
    if isinstance(given, dict):
        if extra := given.keys() - understood.keys():
            return f"{place}{min(extra)}"
        pairs = [(one, understood[name], name) for name, one in given.items()]
    elif isinstance(given, (list, tuple)):
        pairs = [(one, other, "") for one, other in zip(given, understood, strict=True)]
    else:
        return ""
    for one, other, name in pairs:
        if isinstance(one, (dict, list, tuple)):
            within = f"{place}{name}." if name else place
            if found := _dropped(one, other, within):
                return found
    return ""


def digest_of(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of a JSON-compatible value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's 32: no I, L, O or U, so that nobody takes a letter for a digit."""


def digest_in_letters(text: str, count: int) -> str:
    """Return a digest short enough to read out: five bits in each of `count` letters and digits."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return "".join(LETTERS[number >> 5 * place & 31] for place in reversed(range(count)))
