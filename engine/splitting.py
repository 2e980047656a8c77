"""Which members are worked on together: Logical Groups for any members of one Site or two. Pure.

The vendor asks for groups of nearly equal size, consecutive ids, the larger half first [C: R82
guide; chassis guide: 8 members give 1_1-1_4 and 1_5-1_8, 5 give three and two]. How two Sites are
divided stands in no copy of the guide that could be read; it is the project's own decision:

    auto           two groups, and the Sites differ by at most one member: one group per Site.
                   Otherwise `across_sites`; where that is impossible, by Site
    by_site        every group within one Site, those of the Standby Site first [C: the dual
                   chassis page; B for Maestro and ElasticXL]
    across_sites   every group has its share of each Site, and where a Site cannot be shared
                   equally the larger shares go to the groups in turn, Site after Site: 3 and 3
                   members give A = 1_1-1_2,2_1 and B = 1_3,2_2-2_3. So sizes differ by one at most,
                   except in `keeps_ahead`: 5 and 3 give A = 1_1-1_3,2_1-2_2
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase

from engine.errors import PlanRefused
from engine.facts import MemberId, by_number
from engine.model import LogicalGroup

HOW = ("auto", "by_site", "across_sites")

Parts = Sequence[Sequence[MemberId]]


def site_of(member: MemberId) -> int:
    """Return the Site that a member stands on."""
    return by_number(member)[0]


def by_sites(members: Iterable[MemberId]) -> dict[int, tuple[MemberId, ...]]:
    """Return the members of each Site, both in order."""
    found: dict[int, tuple[MemberId, ...]] = {}
    for member in sorted(members, key=by_number):
        found[site_of(member)] = (*found.get(site_of(member), ()), member)
    return found


def split(
    members: Sequence[MemberId],
    count: int,
    wanted: Parts = (),
    *,
    how: str = "auto",
    first: int = 0,
) -> tuple[LogicalGroup, ...]:
    """Divide members into Logical Groups A, B and so on.

    Args:
        members: all that the plan is about.
        count: how many groups; not used where the members of each are given.
        wanted: the members of A, B and so on, as somebody gave them, or ().
        how: one of `HOW`; it matters where there are two Sites.
        first: the Site whose groups go first in a split by Site; 0 is the one of the lowest ids.

    Raises:
        PlanRefused: these members cannot be divided so, or the wanted split is none of them.
    """
    ordered = sorted(members, key=by_number)
    if wanted:
        if fault := _fault(ordered, wanted):
            raise PlanRefused(fault)
        return _named([sorted(part, key=by_number) for part in wanted])
    if not 2 <= count <= min(len(ordered), len(ascii_uppercase)):
        raise PlanRefused(f"{len(ordered)} members cannot be divided into {count} groups")
    sites = by_sites(ordered)
    if len(sites) == 1:
        return _named(_divided(ordered, count))
    if goes_by_site(ordered, count, how):
        return _named(_by_site(sites, count, first))
    return _named(_across(sites, count))


def goes_by_site(members: Iterable[MemberId], count: int, how: str) -> bool:
    """Tell whether `split` divides these members by Site; never where there is one Site only."""
    sizes = [len(part) for part in by_sites(members).values()]
    if len(sizes) < 2 or how == "across_sites":
        return False
    if how == "by_site" or (count == len(sizes) and spread(sizes) <= 1):
        return True
    return min(sizes) < count


def _named(parts: Parts) -> tuple[LogicalGroup, ...]:
    return tuple(
        LogicalGroup(letter, tuple(part))
        for letter, part in zip(ascii_uppercase, parts, strict=False)
    )


def _divided(members: Sequence[MemberId], count: int, turn: int = 0) -> list[list[MemberId]]:
    """Divide members into consecutive parts; the larger ones are those from `turn` on, round."""
    size, larger = divmod(len(members), count)
    parts, start = [], 0
    for index in range(count):
        end = start + size + ((index - turn) % count < larger)
        parts.append(list(members[start:end]))
        start = end
    return parts


def _across(sites: dict[int, tuple[MemberId, ...]], count: int) -> list[list[MemberId]]:
    for site, members in sites.items():
        if len(members) < count:
            raise PlanRefused(
                f"Site {site} has {_members(len(members))}, so {count} groups cannot each take a "
                "share of it: make fewer groups, or split by Site"
            )
    shares, turn = [], 0
    for members in sites.values():
        shares.append(_divided(members, count, turn))
        turn += 0 if keeps_ahead(sites, count) else len(members) % count
    return [[member for share in part for member in share] for part in zip(*shares, strict=True)]


def keeps_ahead(sites: Mapping[int, Sequence[MemberId]], count: int) -> bool:
    """Tell whether the same group takes the larger share of both Sites.

    That is so for two groups and two Sites with odd numbers of members that are two apart (5 and
    3, 7 and 5, …; 3 and 1 cannot be shared), as it was decided for 5 and 3. Shares in turn would
    make groups of equal size, but leave as many members up on one Site as on the other while A is
    down, where the device may move the traffic; so the larger Site keeps more members up always,
    and the sizes differ by two.
    """
    sizes = sorted(len(members) for members in sites.values())
    if not count == len(sizes) == 2:
        return False
    return sizes[0] >= count and sizes[0] % 2 == 1 and spread(sizes) == 2


def _by_site(
    sites: dict[int, tuple[MemberId, ...]], count: int, first: int
) -> list[list[MemberId]]:
    if count < len(sites):
        raise PlanRefused(f"{len(sites)} Sites cannot be {count} groups by Site")
    groups = dict.fromkeys(sites, 1)
    for _ in range(count - len(sites)):
        # The Site with the largest groups gets one more; of equal ones the one of the lower ids.
        most = max(sites, key=lambda site: (-(-len(sites[site]) // groups[site]), -site))
        groups[most] += 1
    order = sorted(sites, key=lambda site: (site != first, site))
    return [part for site in order for part in _divided(sites[site], groups[site])]


def _members(count: int) -> str:
    return f"{count} member{'' if count == 1 else 's'}"


# ------------------------------------------------------------------------- what somebody wants


def _fault(members: Sequence[MemberId], wanted: Parts) -> str:
    """Say why the wanted parts are no split of these members, or ""."""
    named = [member for part in wanted for member in part]
    if sorted(named, key=by_number) != list(members):
        return "the split must name every member exactly once: " + ", ".join(members)
    if len(wanted) < 2:
        return "all members at once would stop the traffic; give two groups or more"
    if len(wanted) > len(ascii_uppercase):
        return f"more than {len(ascii_uppercase)} groups have no letters to go by"
    if not all(wanted):
        return "a Logical Group needs at least one member"
    return size_fault(wanted)


def size_fault(parts: Parts) -> str:
    """Say why these parts are not nearly equal, as the vendor asks, or "".

    On two Sites the groups of a split by Site may differ, if those of each Site do not; and so
    may those of which `keeps_ahead` is true.
    """
    if spread([len(part) for part in parts]) <= 1:
        return ""
    sites = by_sites(member for part in parts for member in part)
    if len(sites) == 1:
        return "the vendor asks for groups of nearly equal size (one member apart)"
    shares = {
        site: [sum(1 for one in part if site_of(one) == site) for part in parts] for site in sites
    }
    whole = all(len({site_of(one) for one in part}) == 1 for part in parts)
    if whole:
        shares = {site: [share for share in of if share] for site, of in shares.items()}
    even = all(spread(of) <= 1 for of in shares.values())
    if even and (whole or keeps_ahead(sites, len(parts))):
        return ""
    return (
        "the vendor asks for groups of nearly equal size (one member apart); on two Sites they "
        "may stand on one Site each instead"
    )


def spread(sizes: Sequence[int]) -> int:
    """Return by how much the largest differs from the smallest."""
    return max(sizes) - min(sizes)


# ------------------------------------------------------------------------ what follows from it


def whole_sites(groups: Iterable[LogicalGroup]) -> dict[str, tuple[int, ...]]:
    """Return per Logical Group the Sites that are out as a whole while it is down.

    There are none where all members stand on one Site: then that is a question of headroom.
    """
    given = list(groups)
    sites = by_sites(member for group in given for member in group.members)
    if len(sites) < 2:
        return {}
    return {
        group.name: gone
        for group in given
        if (gone := tuple(s for s, of in sites.items() if set(of) <= set(group.members)))
    }


def by_one_site(groups: Iterable[LogicalGroup]) -> bool:
    """Tell whether every group stands on one Site, so that this is a split by Site."""
    return all(len(by_sites(group.members)) == 1 for group in groups)


def left_alone(groups: Sequence[LogicalGroup]) -> tuple[str, ...]:
    """Return the groups of which one member alone remains in service while they are down."""
    count = sum(len(group.members) for group in groups)
    return tuple(group.name for group in groups if count - len(group.members) == 1)


_ABOUT = ("while ", "Site ", "members of ")


def is_about_split(note: str) -> bool:
    """Tell whether a note of a plan comes from `notes`; another split has others."""
    return note.startswith(_ABOUT)


def notes(
    groups: Sequence[LogicalGroup], active: int | None = None, *, told_apart: bool = True
) -> tuple[str, ...]:
    """Return what people must know of a split before they agree to it, in the groups' order.

    Args:
        groups: the Logical Groups in the order in which they are worked on.
        active: the Site that carries the traffic now; None where there is one, or nobody said.
        told_apart: whether what members call themselves says which Site carries.
    """
    told: list[str] = []
    alone, whole = left_alone(groups), whole_sites(groups)
    sites = by_sites(member for group in groups for member in group.members)
    for group in groups:
        if group.name in alone:
            told.append(
                f"while {group.name} is down one member carries everything: no redundancy, and "
                "the group may have no SMO"
            )
        for site in whole.get(group.name, ()):
            others = [other for other in sites if other != site]
            if active is None or site != active:
                told.append(
                    f"while {group.name} is down Site {site} is out as a whole, and "
                    f"{_named_sites(others)} has no other Site to fall back on"
                )
            else:
                active = others[0]
                told.append(
                    f"while {group.name} is down {_named_sites(others)} takes over from Site "
                    f"{site}. {STAYS}"
                )
    if len(sites) > 1 and not any(whole.values()):
        told.append(f"Site failovers: {_BY_ITSELF}")
    if len(sites) > 1 and not told_apart:
        told.append(UNGUARDED)
    return tuple(told)


# [B] Of dual chassis it is known that the default mode ("Active Up") leaves the traffic where it
# is, and that a mode with a primary one gives it back. No command that shows the mode stands in
# the sources, so it is not read, and the sentence says both.
STAYS = (
    "As delivered the traffic stays there when the other Site is back; a group that is set to "
    "prefer one Site goes back by itself. We do not read that setting, and move nothing back"
)

UNGUARDED = (
    "members of the Standby Site call themselves ACTIVE, so no condition in a line can tell on the "
    "device that no Site took over: only our looks do, by what is shown of the Sites, right before "
    "each act and while a group is down"
)

# [B] The device compares how many members of each Site are up.
_BY_ITSELF = (
    "no Site is out as a whole, but while one has fewer members up the device may make the other "
    "one active by itself; whether it goes back by itself is the group's own setting. It would be "
    "posted at once"
)


def _named_sites(sites: Sequence[int]) -> str:
    return " and ".join(f"Site {site}" for site in sites)
