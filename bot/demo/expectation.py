"""[expect]: dotted keys of the verdict, and what they must be.

    "state" = "done"
    "members.*.installs_started" = 1        every member
    "members.1_1-1_4.take_after" = 120      a range of members
    "gates.1.voters" = ["ana", "ben"]       the second gate (counted from 0), or by name: gates.G2
    "took_s" = { at_most = 60 }             also at_least, contains, one_of

A list must have as many elements as expected; a table in it must have the keys expected, and may
have more. Who voted is compared without regard to order: which of two votes comes first within
one look, Slack does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.facts import by_number

COMPARISONS = frozenset({"at_least", "at_most", "contains", "one_of"})
UNORDERED = frozenset({"voters", "against"})


@dataclass(frozen=True)
class Expectation:
    """One key, and what must be found there."""

    key: str
    wanted: Any


def read_expectations(raw: Mapping[str, Any], prefix: str = "") -> tuple[Expectation, ...]:
    """Return the expectations of a table; tables inside it extend the key.

    Raises:
        ValueError: a comparison that does not exist.
    """
    found: list[Expectation] = []
    for name, wanted in raw.items():
        key = f"{prefix}{name}"
        if isinstance(wanted, Mapping) and not wanted.keys() & COMPARISONS:
            found += read_expectations(wanted, f"{key}.")
            continue
        if isinstance(wanted, Mapping) and wanted.keys() - COMPARISONS:
            unknown = ", ".join(sorted(wanted.keys() - COMPARISONS))
            raise ValueError(f"expect {key}: no comparison is called {unknown}")
        found.append(Expectation(key, wanted))
    return tuple(found)


def differences(verdict: Mapping[str, Any], expected: Sequence[Expectation]) -> list[str]:
    """Return a sentence for each thing that is not as expected."""
    told: list[str] = []
    for one in expected:
        places = list(_places(verdict, one.key.split("."), ""))
        if not places:
            told.append(f"{one.key}: expected {_shown(one.wanted)}, but there is nothing there")
        told += [
            f"{place}: {found!r}, expected {_shown(one.wanted)}"
            for place, found in places
            if not _fits(found, one.wanted, one.key.rpartition(".")[2])
        ]
    return told


def _places(value: Any, rest: Sequence[str], path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- JSON
    """Yield every place that a key names, with its value."""
    if not rest:
        yield path, value
        return
    name, *deeper = rest
    if isinstance(value, Mapping):
        if name in value:
            yield from _places(value[name], deeper, _joined(path, name))
        elif name == "*":
            for key, one in value.items():
                yield from _places(one, deeper, _joined(path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, one in enumerate(value):
            called = _called(one, index)
            if name in ("*", str(index), called) or _in_range(name, called):
                yield from _places(one, deeper, _joined(path, called))


def _called(one: Any, index: int) -> str:  # noqa: ANN401 -- JSON
    """Return what an element of a list is called: its id, its name, or its place."""
    if isinstance(one, Mapping):
        return str(one.get("id") or one.get("name") or index)
    return str(index)


def _in_range(name: str, called: str) -> bool:
    first, dash, last = name.partition("-")
    if not dash or "_" not in called:
        return False
    return by_number(first) <= by_number(called) <= by_number(last)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fits(found: Any, wanted: Any, name: str = "") -> bool:  # noqa: ANN401 -- JSON
    if isinstance(wanted, Mapping) and wanted.keys() & COMPARISONS:
        return all(_compares(found, how, value) for how, value in wanted.items())
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and _fits(found[key], value, key) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if name in UNORDERED and isinstance(found, list):
            found, wanted = sorted(found), sorted(wanted)
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_fits(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return type(found) is type(wanted) and bool(found == wanted)


def _compares(found: Any, how: str, value: Any) -> bool:  # noqa: ANN401 -- JSON
    match how:
        case "at_least":
            return isinstance(found, int | float) and bool(found >= value)
        case "at_most":
            return isinstance(found, int | float) and bool(found <= value)
        case "contains":
            return isinstance(found, str | list) and value in found
        case _:
            return found in value


def _shown(wanted: Any) -> str:  # noqa: ANN401 -- JSON
    if isinstance(wanted, Mapping):
        return ", ".join(f"{how.replace('_', ' ')} {value!r}" for how, value in wanted.items())
    return repr(wanted)
