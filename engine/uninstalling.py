"""The plan of an uninstallation, or the sentence that says why there is none. Pure.

Newest take first, and what stands on top before what stands below. Two things are never guessed:
whether the last take alone or all of it goes, and which take is expected afterwards. That is
announced in the proposal with where it is known from, and the first group is looked at before the
second one is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import PlanRefused
from engine.facts import GroupFacts, PackageState, package_stem
from engine.former import Former, take_under
from engine.model import COMPLETELY, LAST_TAKE, PackageRef, Plan, Removal, Request
from engine.packages import HOTFIX, package_ref
from engine.planner import about_split, common_take, concerned, grouped, uninstall_steps
from engine.policy import Policy
from engine.ports import PackageFile

WORDS = {LAST_TAKE: "last take", COMPLETELY: "completely"}
"""How people say what is to be given back."""

NO_TAKE = 0
"""The take of a version without any Jumbo Hotfix, as `cpinfo -y all` shows it to us."""


def plan_uninstall(
    run: str,
    request: Request,
    facts: GroupFacts,
    policy: Policy,
    formers: Sequence[Former],
    *,
    remarks: Sequence[str] = (),
) -> Plan:
    """Plan the uninstallation of the newest take from a group that is alike throughout.

    Args:
        run: the id of the run.
        request: what was asked for; its package may be "", for the newest take there is.
        facts: a quick look.
        policy: what governs the group.
        formers: the ended runs of this group, newest first.
        remarks: sentences that every proposal for the group says first.

    Raises:
        PlanRefused: unsupported, forbidden by what is installed, or something was not said.
    """
    package = _beside(request, facts, formers) or _newest(request, facts)
    left_out, seen, policy = concerned(request, package, facts, policy)
    take = common_take(seen, policy)
    _refuse_unlike(package, seen)
    if not package.is_jumbo:
        removal, after = _leaving_the_take(request, package, take)
        asked = replace(request, left_out=left_out)
        return made(run, asked, package, seen, policy, removal, after, remarks=remarks)
    _refuse_stack(package, seen)
    if take != package.take:
        raise PlanRefused(
            f"the members show take {take}, but the newest package that "
            f"they list as installed is {package.name}; look at that by hand first"
        )
    removal, after, doubt = _expected(request, package, formers)
    return made(
        run,
        replace(request, left_out=left_out),
        package,
        seen,
        policy,
        removal,
        after,
        remarks=(*remarks, *doubt),
    )


def made(
    run: str,
    request: Request,
    package: PackageRef,
    seen: GroupFacts,
    policy: Policy,
    removal: Removal,
    after: int,
    *,
    remarks: Sequence[str] = (),
) -> Plan:
    """Return the plan, where package, method and expected take are known.

    `seen` and `policy` are as `engine.planner.concerned` returns them.

    Raises:
        PlanRefused: the members cannot be divided so.
    """
    groups = grouped(seen, request, policy)
    return Plan(
        run=run,
        revision=1,
        kind="uninstall",
        phase="fresh",
        security_group=request.security_group,
        package=package,
        groups=groups,
        steps=uninstall_steps(groups, after, delete=removal.delete),
        policy=policy,
        version=seen.version,
        platform=seen.platform,
        mode=seen.mode,
        take_before=package.take if package.is_jumbo else after,
        take_after=after,
        notes=(*remarks, *about_split(groups, seen)),
        left_out=request.left_out,
        removal=removal,
    )


def installed_ref(name: str) -> PackageRef:
    """Return a package that is known by its name on a device alone: nothing of it is uploaded.

    Raises:
        PlanRefused: not the name of a Jumbo Hotfix Accumulator bundle.
    """
    found = package_ref(PackageFile(name, Path(name), "", 0))
    if not found.is_jumbo:
        raise PlanRefused(f"{name} is no Jumbo Hotfix Accumulator")
    return replace(found, path="", remarks=())


def _installed(facts: GroupFacts) -> dict[str, list[str]]:
    """Return every package that is listed as installed, with the members that do."""
    found: dict[str, list[str]] = {}
    for member in facts.members:
        for name, state in member.packages or ():
            if state is PackageState.INSTALLED:
                found.setdefault(name, []).append(member.id)
    return found


def jumbos(names: Sequence[str]) -> list[PackageRef]:
    """Return those of these packages that are Jumbo bundles, newest take first."""
    found = []
    for name in names:
        try:
            found.append(installed_ref(name))
        except PlanRefused:
            continue
    return sorted(found, key=lambda one: -one.take)


def _beside(request: Request, facts: GroupFacts, formers: Sequence[Former]) -> PackageRef | None:
    """Return the hotfix beside the Jumbo that is meant by its name, None where it is none.

    It is installed, so it is for the version of the group, whatever its name says of that. Whether
    its members restart is known from a former run's archive, or not at all.
    """
    wanted = package_stem(request.package)
    listed = _installed(facts.without(request.left_out))
    found = [name for name in listed if request.package and package_stem(name) == wanted]
    if not found or _is_version(found[0]) or jumbos(found):
        return None
    known = (one.plan.package for one in formers if package_stem(one.package) == wanted)
    reboots = next((package.reboots for package in known), None)
    return PackageRef(found[0], "", 0, "", facts.version, 0, kind=HOTFIX, reboots=reboots)


def _leaving_the_take(
    request: Request, package: PackageRef, take: int | None
) -> tuple[Removal, int]:
    """Return how a hotfix beside the Jumbo is uninstalled, and the take that stays.

    Whatever stands on top of it CPUSE tells at VERIFY [C: SNOW, "Uninstall the hotfix(es) X and
    try again"]: in which order hotfixes stand on each other is shown nowhere.
    """
    if take is None:
        raise PlanRefused(
            f"the take of {request.security_group} was not seen, so nobody could tell that "
            f"{package.name} left it as it is"
        )
    if request.take not in (None, take):
        raise PlanRefused(
            f"{package.name} is no Jumbo, so its uninstallation leaves take {take} as it is, and "
            f"leads to no take {request.take}"
        )
    source = "it is no Jumbo Hotfix Accumulator, so the take stays as it is"
    return Removal(LAST_TAKE, source, request.delete), take


def _newest(request: Request, facts: GroupFacts) -> PackageRef:
    """Return the package that is meant: the one named, or the newest one installed."""
    seen = facts.without(request.left_out)
    there = jumbos(list(_installed(seen)))
    if not request.package:
        if not there:
            raise PlanRefused("no Jumbo Hotfix is listed as installed, so there is nothing to do")
        return there[0]
    wanted = package_stem(request.package)
    found = [one for one in there if package_stem(one.name) == wanted]
    if not found:
        others = (name for name in _installed(seen) if not jumbos([name]))
        names = (*(one.name for one in there), *(n for n in others if not _is_version(n)))
        shown = ", ".join(names) or "none"
        raise PlanRefused(f"{request.package} is installed on no member; installed: {shown}")
    return found[0]


def _refuse_unlike(package: PackageRef, seen: GroupFacts) -> None:
    """All members must be alike in it."""
    have = _installed(seen).get(package.name, [])
    lacking = [m.id for m in seen.members if m.id not in have]
    if lacking:
        raise PlanRefused(
            f"{package.name} is installed on {', '.join(have)}, but not on {', '.join(lacking)}; "
            "`rollback` takes back what a run of ours has done in part"
        )


def _refuse_stack(package: PackageRef, seen: GroupFacts) -> None:
    """What stands on top goes first.

    Source: a newer take blocks the uninstall [C: DACLI]; "a private hotfix on top of a Jumbo first"
    [C: DACLI, SNOW]. That every other hotfix installed stands on the Jumbo is [I]: none was seen
    without one below, and to refuse costs one look by a person.
    """
    names = list(_installed(seen))
    newer = [one for one in jumbos(names) if one.take > package.take]
    if newer:
        raise PlanRefused(
            f"take {newer[0].take} ({newer[0].name}) is installed on top of take {package.take}; "
            "uninstall that first"
        )
    known = {one.name for one in jumbos(names)}
    others = [name for name in names if name not in known and not _is_version(name)]
    if others:
        raise PlanRefused(
            f"{', '.join(sorted(others))} {'is' if len(others) == 1 else 'are'} installed on top "
            f"of take {package.take}; uninstall {'that' if len(others) == 1 else 'those'} first"
        )


def _is_version(name: str) -> bool:
    """Tell whether a package is a version, not a hotfix: it is below every take.

    Source: names seen in the field (domain facts, section 8).
    """
    lower = name.lower()
    return lower.startswith(("blink_image", "deploymentagent")) or any(
        word in lower for word in ("_upgrade", "_install_and")
    )


def _expected(
    request: Request, package: PackageRef, formers: Sequence[Former]
) -> tuple[Removal, int, tuple[str, ...]]:
    """Return what goes, the take expected afterwards, and what people must know of a doubt."""
    recorded = take_under(formers, package.name)
    if request.method not in WORDS:
        raise PlanRefused(_which_is_meant(package, recorded))
    said, who = request.take, request.requester_name or request.requester
    if request.method == COMPLETELY:
        if said:
            raise PlanRefused(
                f"`completely` leaves no Jumbo Hotfix, so it cannot lead to take {said}; say "
                f"`last take to take {said}`, or `completely` alone"
            )
        source = "completely means that no Jumbo Hotfix is left"
        return Removal(COMPLETELY, source, request.delete), NO_TAKE, ()
    if said is not None and said >= package.take:
        raise PlanRefused(f"take {said} is not older than take {package.take}")
    if said is None and recorded is None:
        raise PlanRefused(
            f"no run of ours saw what was there before take {package.take}, so say which take you "
            "expect: `last take to take 45` (`to take 0` where there was none)"
        )
    if said is None:
        take, run = recorded or (0, "")
        source = f"{run} saw take {take} before it installed take {package.take}"
        return Removal(LAST_TAKE, source, request.delete), take, ()
    doubt: tuple[str, ...] = ()
    if recorded is not None and recorded[0] != said:
        doubt = (
            f"{who} expects take {said}, but {recorded[1]} saw take {recorded[0]} before it "
            f"installed take {package.take}",
        )
    return Removal(LAST_TAKE, f"{who} said so", request.delete), said, doubt


def _which_is_meant(package: PackageRef, recorded: tuple[int, str] | None) -> str:
    """Ask for what was not said, with what each of both gives back."""
    back = (
        f"take {recorded[0]}, which {recorded[1]} saw before"
        if recorded
        else "the take that was there before, which no run of ours saw (say it as well: `last take "
        "to take 45`)"
    )
    return (
        f"take {package.take} can be uninstalled in two ways, and you did not say which: `last "
        f"take` gives back {back}; `completely` leaves no Jumbo Hotfix at all; say one of both"
    )
