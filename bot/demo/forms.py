"""Forms as people see them: fields and choices by what is written on them, never by an id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


class NotThere(Exception):
    """There is no such field or choice; the message says what there is."""


def filled(view: Json, fields: Mapping[str, str]) -> dict[str, str]:
    """Return what is filled in by block, given by the labels of fields and choices.

    Raises:
        NotThere: the form has no such field, or the field no such choice.
    """
    by_label = {b["label"]["text"]: b for b in view["blocks"] if b.get("type") == "input"}
    values = {}
    for label, wanted in fields.items():
        if label not in by_label:
            raise NotThere(f"no field is called {label!r}; there are {', '.join(by_label)}")
        block = by_label[label]
        values[str(block["block_id"])] = _value(block["element"], wanted)
    return values


def _value(element: Json, wanted: str) -> str:
    if "options" not in element:
        return wanted
    choices = {one["text"]["text"]: str(one["value"]) for one in element["options"]}
    if wanted not in choices:
        raise NotThere(f"there is no choice {wanted!r}; there are {', '.join(choices)}")
    return choices[wanted]
