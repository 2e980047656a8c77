"""What gClish lists of packages: per member, narrow or wide, and one package in detail.

Source: dossier 3.3. Narrow with wrapped names: R80.30SP; wide, with a section of majors: R81.10.
The form "Display name / Type" and the detail of one package are from an ordinary Gaia R82.10: that
a group prints them per member, like its other lists, is [I], and so is which scopes have the form.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.rehearsal.devices.host import Host
from engine.rehearsal.member import AVAILABLE, INSTALLED, JUMBO, Member, Package

TYPED = {"R82.10": ("imported", "installed")}
"""Versions and scopes whose list has the column Type instead of Status [I]."""

STATUS_WIDTH = 25
NARROW, WRAP_AT, WRAPPED = 50, 46, 54
WIDE = 96
TYPED_WIDTH = 81

EDGE = "** ************************************************************************* **"
BANNER = [
    EDGE,
    "**             Connection error. Packages list might be incomplete           **",
    EDGE,
]
"""Harmless noise of a machine without the internet; recorded on the SMO only."""

MAJORS = [
    EDGE,
    "**                                 Majors                                    **",
    EDGE,
]

_DETAIL_STATES = {AVAILABLE: "Imported"}
"""What one package's detail says: `Imported`, where the lists say `Available for Install`."""


def packages(host: Host, members: list[Member], scope: str) -> str:
    """`show installer packages [all|imported|installed]`."""
    form = _form(host, scope)
    blocks = []
    for member in members:
        shown = [p for p in member.packages if _in_scope(p, scope)]
        lines = [f"{member.padded}:"]
        if member.id == host.group.smo:
            lines += BANNER
        lines += form([p for p in shown if p.kind != "major"])
        if majors := [p for p in shown if p.kind == "major"]:
            lines += MAJORS + form(majors)
        blocks.append("\n".join(lines))
    return _queried(blocks)


def _form(host: Host, scope: str) -> Callable[[list[Package]], list[str]]:
    if scope in TYPED.get(host.group.setup.version, ()):
        return _typed
    return _wide if host.group.dialect.wide_lists else _narrow


def _narrow(shown: list[Package]) -> list[str]:
    lines = [f"{'Display name':<{NARROW}}{'Status':<{STATUS_WIDTH}}"]
    for package in shown:
        name, status = package.shown_name, f"{package.state:<{STATUS_WIDTH}}"
        if len(name) <= WRAP_AT:
            lines.append(f"{name:<{NARROW}}{status}")
            continue
        lines.append(f"{name[:WRAP_AT]:<{NARROW + STATUS_WIDTH}}")
        lines.append(f"{'       ' + name[WRAP_AT:]:<{WRAPPED}}{status}")
    return lines


def _wide(shown: list[Package]) -> list[str]:
    head = f"{'Display name':<{WIDE}}{'Status':<{STATUS_WIDTH}}"
    return [head, *(f"{p.shown_name:<{WIDE}}{p.state:<{STATUS_WIDTH}}" for p in shown)]


def _typed(shown: list[Package]) -> list[str]:
    head = f"{'Display name':<{TYPED_WIDTH}}Type"
    return [head, *(f"{p.shown_name:<{TYPED_WIDTH}}{_type(p)}" for p in shown)]


def _type(package: Package) -> str:
    return "Major" if package.kind == "major" else "Hotfix"


def _in_scope(package: Package, scope: str) -> bool:
    if scope == "installed":
        return package.state == INSTALLED
    if scope == "imported":
        return package.state in (AVAILABLE, INSTALLED)
    return True


def detail(host: Host, members: list[Member], wanted: str) -> str:
    """`show installer package N|NAME`; the number is a place in the list of what is imported."""
    local = [p for p in host.member.packages if _in_scope(p, "imported")]
    chosen = next((p for p in local if wanted in (p.name, p.shown_name)), None)
    if wanted.isdigit() and 0 < int(wanted) <= len(local):
        chosen = local[int(wanted) - 1]
    blocks = []
    for member in members:
        own = member.package(chosen.name) if chosen else None
        lines = _detail(host, member, own) if own else ["Package was not found"]
        blocks.append("\n".join([f"{member.padded}:", *lines]))
    return _queried(blocks)


def _detail(host: Host, member: Member, package: Package) -> list[str]:
    when = package.installed_at
    stamp = host.group.wall(member).strftime("%a %b %d %H:%M:%S %Y")
    contains = sorted(p.name for p in member.packages if _below(p, package)) or ["None"]
    above = sorted(p.name for p in member.packages if _below(package, p)) or ["None"]
    facts = [
        ("Display name", [package.shown_name]),
        ("File name", [package.name]),
        ("Description", ["No Description"]),
        ("Size", [_size(package.size)]),
        ("Type", [_type(package)]),
        ("Status", [_DETAIL_STATES.get(package.state, package.state)]),
        ("Requires reboot", [str(package.reboots).lower()]),
        ("Recommended", ["false"]),
        ("Contains", contains),
        ("Contained-in", above),
        ("Downloaded on", ["N/A"]),
        ("Imported on", [stamp]),
        ("Installed on", ["N/A" if when is None else stamp]),
        ("Installation log", ["N/A"]),
    ]
    lines = []
    for name, values in facts:
        lines.append(f"{name + ':':<18}{values[0]}")
        lines += [f"{'':<18}{value}" for value in values[1:]]
    return lines


def _below(one: Package, other: Package) -> bool:
    return one.kind == other.kind == JUMBO and one.take < other.take


def _size(size: int) -> str:
    return f"{size / 1e9:.3f} GB" if size >= 1e9 else f"{size / 1e6:.2f} MB"


def build(host: Host, members: list[Member]) -> str:
    """`show installer status build`."""
    number = host.group.setup.da_build
    return _queried(
        [f"{m.padded}:\nBuild number: {number} (agent build is up to date)" for m in members]
    )


def _queried(blocks: list[str]) -> str:
    return "\nQuerying cluster members...\n\n" + "\n\n".join(blocks) + "\n"
