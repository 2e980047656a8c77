"""How much more each member carries while a Logical Group is out of service. Pure.

Members of a Standby Site carry nothing: what counts is the Site that is active, and only where
that is out as a whole, the other one. Counted are members and, after a full look, connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.facts import GroupFacts, MemberId, spelled
from engine.splitting import by_sites, site_of

WARN = 0.7
FAIL = 0.9
"""Shares of the limit from which people are told, and from which the run holds. Guesses."""


@dataclass(frozen=True)
class Headroom:
    """Who carries the traffic now, and who while a group is down."""

    carrying: tuple[MemberId, ...]
    staying: tuple[MemberId, ...]

    @property
    def times(self) -> float:
        """How many times what it carries now each carries then."""
        return len(self.carrying) / len(self.staying) if self.staying else float("inf")

    def each_then(self, connections: dict[MemberId, int]) -> int | None:
        """Return how many connections each that stays will carry; None where nobody stays."""
        total = sum(connections.get(one, 0) for one in self.carrying)
        return total // len(self.staying) if self.staying else None


def active_site(facts: GroupFacts) -> int | None:
    """Return the Site that is active; None where there is one Site only, or not one active."""
    return facts.active_site


def standby_site(facts: GroupFacts) -> int | None:
    """Return the Site that is not active; None where that cannot be told."""
    active = active_site(facts)
    others = [site.id for site in facts.sites if site.id != active]
    return others[0] if active is not None and len(others) == 1 else None


def active_among(sites: object) -> int | None:
    """Return the Site that is active in the words of a facts digest: `Site 1 ACTIVE`, …."""
    shown = [str(one).split() for one in sites] if isinstance(sites, (list, tuple)) else []
    by_word = [
        [words[1] for words in shown if len(words) == 3 and words[2].upper() == one]
        for one in ("ACTIVE", "UP")
    ]
    active = by_word[0] or by_word[1]
    return int(active[0]) if len(active) == 1 and active[0].isdigit() else None


def headroom(
    group: Iterable[MemberId], members: Sequence[MemberId], active: int | None = None
) -> Headroom:
    """Return who carries the traffic of these members now, and who while a group is down."""
    down = set(group)
    sites = by_sites(members)
    carrying = sites.get(active, ()) if active is not None else ()
    carrying = carrying or tuple(members)
    staying = tuple(one for one in carrying if one not in down)
    if not staying:
        staying = tuple(one for one in members if one not in down)
    return Headroom(tuple(carrying), staying)


def in_words(name: str, seen: Headroom) -> str:
    """Say in a line what those that stay carry while a group is down."""
    now, then = len(seen.carrying), len(seen.staying)
    if seen.staying == seen.carrying:
        return f"while {name} is down nobody who carries traffic now is missing"
    who = "1 member carries" if then == 1 else f"{then} members carry"
    where = ""
    if {site_of(one) for one in seen.staying} != {site_of(one) for one in seen.carrying}:
        where = f" ({spelled(seen.staying)}, the other Site)"
    return (
        f"while {name} is down {who}{where} what {now} carry now: {seen.times:.1f} times as much "
        "each"
    )
