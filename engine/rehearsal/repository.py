"""What CPUSE knows of packages: kinds, versions, what needs what, and what an uninstall gives back.

A package is known by its file name; a scenario says more in `packages` or `imported` of its group.

Sources: the dossier of device facts, sections 3.3, 3.4 and 8. The sentences of `WHY_NOT` are [I]
but for those that name a source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.rehearsal.member import AVAILABLE, INSTALLED, JUMBO, PART, Member, Package

SIZE = 3_219_985_395
"""Bytes of a Jumbo where nothing else is said; R81.20 T120, dossier 8."""

KINDS = (JUMBO, "hotfix", "major")
"""`hotfix` is a private one, beside or on top of a Jumbo."""

_ABOUT = frozenset(["name", "kind", "requires", "display", "version", "take", "size", "reboots"])
_WHERE = frozenset(["members", "installed"])

PREVIOUS, NOTHING = "previous", "nothing"
METHODS = {"last_take": PREVIOUS, "completely": NOTHING}
"""`da_cli uninstall … method=`: what it gives back. Source: a captured collection [C:DACLI]. The
dialogue of gClish is not known to ask which is meant: there the Setup decides [I]."""

WHY_NOT = {
    "version": "Installation is not allowed. The package is for {wanted}, this is {version}.",
    "requires": "Installation is not allowed. {missing} must be installed first.",
    "again": "Package is already installed and can not be re-installed.",  # DACLI
    "dependent": "Uninstall the hotfix(es) {dependent} and try again",  # SNOW
    "newer": "A newer version is installed on top of {name}",  # DACLI, cut off there
    "absent": "This package is not installed.",  # DACLI
    "space": "Not enough disk space to import the package.",
}
MAY_INSTALL = "Installation is allowed."
MAY_UNINSTALL = "This package can be uninstalled."

_TAKE = re.compile(r"_T(\d+)_", re.IGNORECASE)
_VERSION = re.compile(r"_R(\d{2})(?:[_.](\d{2}))?(SP)?_", re.IGNORECASE)


def check(
    packages: Sequence[Mapping[str, Any]],
    imported: Sequence[str | Mapping[str, Any]],
    gives_back: object,
) -> None:
    """Refuse what cannot be played.

    Raises:
        ValueError: a package with an unknown key or kind, or an uninstall that gives back what?
    """
    for entry in packages:
        _check_one(entry, _ABOUT)
    for one in imported:
        if not isinstance(one, str):
            _check_one(one, _ABOUT | _WHERE)
    if gives_back not in (PREVIOUS, NOTHING) and not str(gives_back).isdigit():
        raise ValueError(
            f"uninstall_gives_back is {PREVIOUS!r}, {NOTHING!r} or a take, not {gives_back!r}"
        )


def _check_one(entry: Mapping[str, Any], known: frozenset[str]) -> None:
    if "name" not in entry:
        raise ValueError("a package needs a name")
    if unknown := entry.keys() - known:
        raise ValueError(f"a package has no {', '.join(sorted(unknown))}")
    if entry.get("kind", JUMBO) not in KINDS:
        raise ValueError(f"the kind {entry['kind']!r} is not one of {', '.join(KINDS)}")


def described(entry: Mapping[str, Any], *, reboots: bool) -> Package:
    """Return a package as a table of the scenario says it; what it leaves out says its name."""
    name = str(entry["name"])
    return Package(
        name,
        int(entry.get("take", take_of(name))),
        AVAILABLE,
        int(entry.get("size", SIZE)),
        hashlib.sha256(name.encode()).hexdigest(),
        bool(entry.get("reboots", reboots)),
        kind=str(entry.get("kind", kind_of(name))),
        requires=tuple(entry.get("requires", ())),
        display=str(entry.get("display", name)),
        version=str(entry.get("version", version_of(name))),
    )


def kind_of(name: str) -> str:
    """Return the kind that a file name says."""
    if "_Upgrade" in name:
        return "major"
    return JUMBO if take_of(name) else "hotfix"


def take_of(name: str) -> int:
    """Return the take that a file name says; 0 where it says none."""
    match = _TAKE.search(name)
    return int(match.group(1)) if match else 0


def version_of(name: str) -> str:
    """Return the version that a file name says, as `R81.20`; "" where it says none."""
    match = _VERSION.search(name)
    if not match:
        return ""
    return (
        f"R{match.group(1)}{f'.{match.group(2)}' if match.group(2) else ''}{match.group(3) or ''}"
    )


def against_install(member: Member, package: Package, version: str) -> str:
    """Return why CPUSE does not install this package on a member; "" where it does."""
    own = member.package(package.name)
    if own is not None and own.state in (INSTALLED, PART):
        return WHY_NOT["again"]
    if package.version not in ("", version) and package.kind != "major":
        return WHY_NOT["version"].format(wanted=package.version, version=version)
    there = {p.name for p in member.packages if p.state == INSTALLED}
    missing = [name for name in package.requires if name not in there]
    return WHY_NOT["requires"].format(missing=", ".join(missing)) if missing else ""


def against_uninstall(member: Member, package: Package) -> str:
    """Return why CPUSE does not uninstall this package from a member; "" where it does."""
    own = member.package(package.name)
    if own is None or own.state not in (INSTALLED, PART):
        return WHY_NOT["absent"]
    dependent = [p.name for p in member.installed() if package.name in p.requires]
    if dependent:
        return WHY_NOT["dependent"].format(dependent=", ".join(dependent))
    return WHY_NOT["newer"].format(name=package.name) if own.state == PART else ""


def put_in_force(member: Member, package: Package, at: float) -> None:
    """Install a package: a Jumbo takes the place of the one before, a hotfix stands beside."""
    if package.kind == JUMBO:
        package.previous_take = member.take
        for other in member.installed():
            if other.kind == JUMBO:
                other.state = PART
    package.state, package.installed_at = INSTALLED, at


def take_out(member: Member, package: Package, gives_back: str) -> None:
    """Uninstall a package; `gives_back` is what a Jumbo leaves: `previous`, `nothing`, a take."""
    previous = package.previous_take
    package.state, package.installed_at = AVAILABLE, None
    if package.kind != JUMBO:
        return
    below = [p for p in member.packages if p.state == PART and p.kind == JUMBO]
    wanted = previous if gives_back == PREVIOUS else 0 if gives_back == NOTHING else int(gives_back)
    back = next((p for p in below if p.take == wanted), None)
    if back is not None:
        back.state = INSTALLED
    else:
        member.base_take = wanted or 0
    if gives_back == NOTHING:
        for other in below:
            other.state = AVAILABLE
