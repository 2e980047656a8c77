"""What a CPUSE package is: by its name, and by what it says of itself. Pure.

Where both speak and contradict each other the package is refused with both; where only the name
speaks, the name counts and the proposal says so. What nobody can tell is refused, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import PlanRefused
from engine.model import PackageRef
from engine.ports import HotfixConfig, PackageFile

JUMBO, HOTFIX = "jumbo", "hotfix"

_VERSION = r"R(?P<major>\d{2})(?:[_.](?P<minor>\d{2})(?!\d))?(?P<sp>SP)?(?=[_.\s-]|$)"

# Source of all names: those seen in the field (domain facts, section 8). `\b` is no end of a take,
# because an underscore is a word character.
_JUMBO = re.compile(
    rf"Check_Point_{_VERSION}_"
    r"(?:JUMBO_HF|JHF)(?P<qa>_QA)?(?:_MAIN)?_Bundle_T(?P<take>\d+)"
    r"(?P<special>_sk\d+|_SPECIAL)?_FULL\.(?:tgz|tar)",
    re.IGNORECASE,
)

# `Check_Point_R82_10_ga_time_fix_main_Bundle_T9_FULL.tgz`: its T is a number of its own.
_BUNDLE = re.compile(
    rf"Check_Point_{_VERSION}_\w+?_Bundle_T(?P<take>\d+)(?:_sk\d+|_SPECIAL)?_FULL\.(?:tgz|tar)",
    re.IGNORECASE,
)

# Private and custom hotfixes: `fw1_wrapper_HOTFIX_R76SP_30_JHF.tgz` was seen; others are [B].
_PRIVATE = re.compile(r"(?:^|[_.-])HOTFIX(?:[_.-]|$)", re.IGNORECASE)

_ANY_VERSION = re.compile(rf"(?:^|[_.\s-]){_VERSION}", re.IGNORECASE)

_OTHER_SORTS = {
    r"^blink_image": "is a blink image, which puts a whole version in place of the installed one",
    r"_T\d+_\w*(?:Upgrade|Install)": "is a major version, whose upgrade has a procedure of its "
    "own and closes connections",
    r"^(?:DeploymentAgent|Check_Point_DeploymentAgent)": "is the CPUSE agent itself, which the "
    "vendor does not let one update on members by hand",
    r"(?:^|_)(?:Upgrade|Migration)(?:_|\.)": "is for an upgrade of the version",
}

_OTHER_CATEGORIES = ("MAJOR", "UPGRADE", "BLINK", "AGENT", "DA")
"""CATEGORY of what is no hotfix. Source: DACLI (jumbo, major, misc); the others are [B]."""


@dataclass(frozen=True)
class _Named:
    """What a name says; None and "": it does not."""

    kind: str | None = None
    version: str = ""
    take: int | None = None
    remarks: tuple[str, ...] = ()


def package_ref(file: PackageFile) -> PackageRef:
    """Return what a package is.

    Raises:
        PlanRefused: no hotfix, its name and its `hf.config` contradict each other, or its version
            and what is expected of it cannot be known.
    """
    named = _named(file.name)
    said = file.config or HotfixConfig()
    if said.category.upper() in _OTHER_CATEGORIES:
        raise PlanRefused(
            f"{file.name} is no hotfix: its hf.config says CATEGORY={said.category}; {_ONLY}"
        )
    kind, version, take = _kind(file, named), _version(file, named), _take(file, named)
    if not version or (kind == JUMBO and take is None):
        raise PlanRefused(
            f"{file.name} is not named like a hotfix bundle "
            "(Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz), and "
            f"{file.no_config or 'its hf.config does not say it'}, so its version and take cannot "
            "be known"
        )
    remarks = list(named.remarks)
    if file.config is None and file.no_config:
        remarks.append(
            f"What {file.name} is was read from its name alone: {file.no_config}, which would say "
            "it too."
        )
    if kind == HOTFIX:
        remarks.append(
            f"{file.name} is no Jumbo Hotfix Accumulator: the take stays as it is, and what shows "
            "that it is installed is the list of packages alone."
        )
    if said.reboots is False:
        remarks.append(
            "The package says that members need not restart: each stays out of service until it "
            "is brought back up, which is part of this plan."
        )
    return PackageRef(
        name=file.name,
        sha256=file.sha256,
        size=file.size,
        path=str(file.path),
        version=version,
        take=take or 0,
        kind=kind,
        reboots=said.reboots,
        remarks=tuple(remarks),
    )


_ONLY = "only hotfixes are installed here"


def _named(name: str) -> _Named:
    """Read a name.

    Raises:
        PlanRefused: it names something else than a hotfix.
    """
    for sort, why in _OTHER_SORTS.items():
        if re.search(sort, name, re.IGNORECASE):
            raise PlanRefused(f"{name} {why}; {_ONLY}")
    if found := _JUMBO.fullmatch(name):
        remarks = []
        if found["qa"]:
            remarks.append(f"{name} is a QA build, not one that was released to everybody.")
        if (found["special"] or "").upper() == "_SPECIAL":
            remarks.append(f"{name} is a special build, made for single customers.")
        return _Named(JUMBO, _spelled(found), int(found["take"]), tuple(remarks))
    if found := _BUNDLE.fullmatch(name):
        return _Named(HOTFIX, _spelled(found), int(found["take"]))
    versions = {_spelled(one) for one in _ANY_VERSION.finditer(name)}
    version = versions.pop() if len(versions) == 1 else ""
    return _Named(HOTFIX if _PRIVATE.search(name) else None, version)


def _spelled(found: re.Match[str]) -> str:
    minor = f".{found['minor']}" if found["minor"] else ""
    return f"R{found['major']}{minor}{'SP' if found['sp'] else ''}"


def _kind(file: PackageFile, named: _Named) -> str:
    said = (file.config.category if file.config else "").upper()
    if not said:
        if named.kind is None:
            raise PlanRefused(
                f"{file.name} is not named like a hotfix "
                "(Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz), and "
                f"{file.no_config or 'its hf.config says no CATEGORY'}, so nobody can tell what "
                "it is"
            )
        return named.kind
    kind = JUMBO if said == "JUMBO" else HOTFIX
    if named.kind not in (None, kind):
        word = "a Jumbo" if named.kind == JUMBO else "no Jumbo"
        raise _contradicts(file, word, f"CATEGORY={said}")
    return kind


def _version(file: PackageFile, named: _Named) -> str:
    """Return the version that all agree on, or "" where nobody says one."""
    said = file.config or HotfixConfig()
    for key, text in (("DIRECT_BASE_VERSION", said.base_version), ("BRANCH_NAME", said.branch)):
        found = _ANY_VERSION.search(text)
        if found and named.version and _spelled(found) != named.version:
            raise _contradicts(file, named.version, f"{key}={text}")
        if found and not named.version:
            named = _Named(named.kind, _spelled(found), named.take)
    return named.version


def _take(file: PackageFile, named: _Named) -> int | None:
    said = file.config.take if file.config else None
    if said is not None and named.take not in (None, said):
        raise _contradicts(file, f"take {named.take}", f"TAKE_NUMBER={said}")
    return named.take if named.take is not None else said


def _contradicts(file: PackageFile, name_says: str, config_says: str) -> PlanRefused:
    return PlanRefused(
        f"{file.name} contradicts itself: its name says {name_says}, but its hf.config says "
        f"{config_says}; get it from the vendor again"
    )
