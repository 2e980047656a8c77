"""From what somebody asks for to a plan: who may ask, the package, former runs, and one look.

Orders and dry runs both come through here, so that what is told beforehand is what is proposed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine import freezes, rights, windows
from engine.appointments import appointed
from engine.canon import Unfamiliar, whole_from_json
from engine.errors import PeopleUnreadable, PlanRefused
from engine.facts import GroupFacts
from engine.following import goes_on_with, last_change, plan_after
from engine.former import Former, last_formers
from engine.invariants import cpuse_silent
from engine.journal import Kind
from engine.model import ORDER_KINDS, PackageRef, Plan, Request, StepKind
from engine.packages import package_ref
from engine.planner import plan_install
from engine.policy import Policy
from engine.ports import Clock, GroupSetup, Packages, People
from engine.uninstalling import plan_uninstall
from storage.records import HOUSE, JournalStore

Look = Callable[[], Awaitable[GroupFacts]]


async def planned(
    run: str,
    request: Request,
    setup: GroupSetup,
    packages: Packages,
    journal: JournalStore | None,
    look: Look,
    clock: Clock,
    *,
    beside: str = "",
) -> tuple[Plan, GroupFacts]:
    """Look, and plan what was asked for.

    Args:
        run: the id of the run.
        request: what was asked for.
        setup: its group.
        packages: the repository.
        journal: where the group's ended runs stand; None where there is none yet.
        look: how the group is looked at.
        clock: the time; a freeze that comes before the work is done is noted.
        beside: the run that has the group now, where this one is for later.

    Raises:
        PlanRefused: no plan can be made of it.
        MaintenanceError: the group cannot be reached, or what it says not be read.
    """
    plan, facts = await _planned_now(run, request, setup, packages, journal, look)
    request = windows.once_planned(request, plan, clock.now())
    if beside:
        plan = replace(plan, notes=(*plan.notes, _planned_beside(setup.name, beside)))
    plan = appointed(plan, request.appointment, looks_first=bool(beside))
    if journal is None:
        return plan, facts
    house = await asyncio.to_thread(journal.read, HOUSE)
    return freezes.noted(plan, house, clock.now(), tags=setup.tags), facts


async def _planned_now(
    run: str,
    request: Request,
    setup: GroupSetup,
    packages: Packages,
    journal: JournalStore | None,
    look: Look,
) -> tuple[Plan, GroupFacts]:
    policy, remarks = setup.policy, setup.remarks

    async def seen() -> GroupFacts:
        facts = await look()
        _refuse_silent(facts.without(request.left_out))
        return facts

    if request.kind == "install":
        package = await _package(packages, request.package, request.sha256)
        facts = await seen()
        return plan_install(run, request, package, facts, policy, remarks=remarks), facts
    formers = await asyncio.to_thread(_formers, journal, request.security_group)
    if request.kind == "uninstall":
        facts = await seen()
        return plan_uninstall(run, request, facts, policy, formers, remarks=remarks), facts
    last = last_change(formers, request)
    package = last.plan.package
    if goes_on_with(request, last) == "install":
        package = await _package(packages, package.name, request.sha256 or package.sha256)
    facts = await seen()
    plan = plan_after(run, request, last, package, facts, policy, remarks=remarks)
    return plan, facts


def _refuse_silent(facts: GroupFacts) -> None:
    """Where CPUSE says nothing of a member, nobody knows what is installed there."""
    if silent := [cpuse_silent(member) for member in facts.members if member.cpuse_silent]:
        raise PlanRefused(f"{'; '.join(silent)}; then order it again")


async def _package(packages: Packages, name: str, sha256: str) -> PackageRef:
    return package_ref(await packages.find(name, sha256=sha256 or None))


def _formers(journal: JournalStore | None, group: str) -> Sequence[Former]:
    return last_formers(journal, group) if journal is not None else []


def understood(asked: Mapping[str, Any]) -> Request:
    """Return an order as it was asked for, of which every word is known.

    Raises:
        PlanRefused: a newer version wrote it, with something that this one would leave out.
    """
    try:
        request = whole_from_json(Request, asked)
    except Unfamiliar as unfamiliar:
        unknown = str(unfamiliar)
    else:
        if request.kind in ORDER_KINDS:
            return request
        unknown = f"kind = {request.kind[:60]!r}"
    raise PlanRefused(
        f"the order says {unknown}, which this version does not know, and no newer one took it. "
        "Order it without that, or again once the newer version runs everywhere"
    )


def is_understood(asked: Mapping[str, Any]) -> bool:
    """Tell whether every word of an order is known."""
    try:
        understood(asked)
    except PlanRefused:
        return False
    return True


async def refuse_unless_allowed(people: People, user: str, policy: Policy, channel: str) -> None:
    """Ask Slack who asks for a plan, in which roles that person is now, and who else reads there.

    Raises:
        PlanRefused: it may not order, or not there, or nobody can say who it is.
    """
    try:
        person = await people.person(user)
        roles = await people.roles(user)
        shared = await people.shared(channel)
    except PeopleUnreadable as error:
        raise PlanRefused(f"Slack could not be asked who you are: {error}") from error
    refused = shared or rights.refusal(rights.ORDER, person, roles, policy)
    if refused:
        raise PlanRefused(refused)


def occupant(journal: JournalStore, group: str) -> str:
    """Return the open run of a group that lets no other one begin, or ""."""
    return next((row.id for row in journal.runs(group=group) if row.occupies), "")


_CHANGES_NO_MEMBER = (
    *(StepKind.UPLOAD, StepKind.IMPORT, StepKind.CLONING_OFF),
    *(StepKind.CLONING_RESTORE, StepKind.CLEANUP),
)
"""What a run may have begun while another one is planned beside it."""


def beside(journal: JournalStore, request: Request) -> tuple[str, str]:
    """Return the run that has the group of an order, and why nothing is planned beside it; or "".

    What is for later is, as long as that run has changed no member: what is seen in the midst of
    its work would be no plan's truth. When it is over the new one looks again, before anything is
    done, and holds where that is not what it was planned from.
    """
    busy = occupant(journal, request.security_group)
    if not busy:
        return "", ""
    refused = f"{request.security_group} is busy with {busy}"
    if request.appointment is None:
        return busy, refused
    intended = [one.body.get("kind") for one in journal.read(busy) if one.kind == Kind.INTENDED]
    if any(kind not in _CHANGES_NO_MEMBER for kind in intended):
        return busy, f"{refused}, which works on its members; order it once that is over"
    if request.kind not in ("install", "uninstall"):
        why = f"`{request.kind}` is about the last run"
        return busy, f"{refused}, and {why}; order it once that is over"
    return busy, ""


def _planned_beside(group: str, busy: str) -> str:
    return (
        f"{group} is busy with {busy} now. Nothing of this is begun before that is over; then the "
        "group is looked at anew, and where it is not as planned here the run holds"
    )
