"""What is in the package repository: each package, what it is, and the groups that it fits.

For people to choose from. Nothing is decided here: an order looks at the group, and checks the
package's content, which a list of gigabytes does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.packages import Found, PackageFolder
from bot.views.format import code, escape, size
from engine.errors import NotUnderstood, PlanRefused
from engine.facts import GroupFacts
from engine.fold import RunState
from engine.model import PackageRef
from engine.packages import package_ref
from storage.records import JournalStore

MOST_TOLD = 20
"""So many packages stand in an answer in Slack; more are in `hotfix-bot packages`."""


@dataclass(frozen=True)
class Known:
    """What was last known of a group: from a look, else from the settings; "" and None: nothing."""

    version: str = ""
    take: int | None = None


@dataclass(frozen=True)
class Entry:
    """One package. `problem` says why it cannot be installed; then what it is may not be known.

    Attributes:
        fits: groups of its version, whose take is not there yet as far as was last seen.
        unknown: groups of which no version is known.
    """

    name: str
    size: int
    problem: str = ""
    kind: str = ""
    version: str = ""
    take: int | None = None
    reboots: bool | None = None
    sha256: str = ""
    remarks: tuple[str, ...] = ()
    fits: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


async def entries(folder: PackageFolder, groups: Mapping[str, Known]) -> list[Entry]:
    """Return every package of the repository, by name."""
    return [_entry(found, groups) for found in await folder.all()]


def _entry(found: Found, groups: Mapping[str, Known]) -> Entry:
    if found.problem:
        return Entry(found.file.name, found.file.size, found.problem)
    try:
        ref = package_ref(found.file)
    except PlanRefused as refused:
        return Entry(found.file.name, found.file.size, str(refused))
    return Entry(
        name=ref.name,
        size=ref.size,
        problem="" if ref.sha256 else found.no_checksum,
        kind=ref.kind,
        version=ref.version,
        take=ref.take if ref.is_jumbo else None,
        reboots=ref.reboots,
        sha256=ref.sha256,
        remarks=ref.remarks,
        fits=tuple(name for name, known in groups.items() if _fits(ref, known)),
        unknown=tuple(name for name, known in groups.items() if not known.version),
    )


def _fits(ref: PackageRef, known: Known) -> bool:
    if ref.version != known.version:
        return False
    return not ref.is_jumbo or known.take is None or known.take < ref.take


def last_known(journal: JournalStore, pinned: Mapping[str, str]) -> dict[str, Known]:
    """Return what is known of each group; `pinned` has the versions of the settings, or ""."""
    return {name: _last_known(journal, name, pinned[name]) for name in sorted(pinned)}


def _last_known(journal: JournalStore, group: str, version: str) -> Known:
    newest: GroupFacts | None = None
    for row in (*journal.runs(group=group), *journal.ended(group)):
        try:
            state = RunState.replay(journal.read(row.id))
        except NotUnderstood:
            continue
        # Those that follow ended before this one, so what they have seen is older still.
        if newest is not None and not row.open and state.last_at and state.last_at <= newest.at:
            break
        # One for later is ordered before another run, and looks after it.
        if state.facts is not None and (newest is None or state.facts.at >= newest.at):
            newest = state.facts
    if newest is None:
        return Known(version)
    takes = {member.take for member in newest.members if member.take is not None}
    return Known(version or newest.version, min(takes, default=None))


# ------------------------------------------------------------------------------------ for people


def lines(found: Sequence[Entry]) -> list[str]:
    """Return the list as lines of plain text."""
    if not found:
        return ["The repository is empty."]
    told = []
    for one in found:
        told.append(f"{one.name}  {size(one.size)}")
        told += [f"    {line}" for line in _about(one)]
    return told


def answer(found: Sequence[Entry]) -> str:
    """Return the list as finished mrkdwn."""
    if not found:
        return "The package repository is empty."
    told = ["*In the package repository*"]
    for one in found[:MOST_TOLD]:
        about = "; ".join(escape(line, 400) for line in _about(one))
        told.append(f"• {code(one.name, 200)} ({size(one.size)}): {about}")
    if len(found) > MOST_TOLD:
        told.append(f"… and {len(found) - MOST_TOLD} more; `hotfix-bot packages` lists all.")
    return "\n".join(told)


def _about(one: Entry) -> Iterable[str]:
    if one.version:
        what = f"take {one.take}" if one.kind == "jumbo" else "a hotfix that leaves the take"
        restart = "" if one.reboots else ", members need not restart"
        yield f"{one.version}, {what}{restart if one.reboots is not None else ''}"
    if one.problem:
        yield f"cannot be installed: {one.problem}"
        return
    yield f"fits {', '.join(one.fits)}" if one.fits else "fits no group as last seen"
    if one.unknown:
        yield f"not looked at yet: {', '.join(one.unknown)}"


async def known_groups(journal: JournalStore, pinned: Mapping[str, str]) -> dict[str, Known]:
    """As `last_known`, in a thread."""
    return await asyncio.to_thread(last_known, journal, pinned)
