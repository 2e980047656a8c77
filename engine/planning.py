"""From what somebody asks for to a plan: who may ask, the package, former runs, and one look.

Orders and dry runs both come through here, so that what is told beforehand is what is proposed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

from engine import freezes, rights
from engine.appointments import appointed
from engine.errors import NotUnderstood, PeopleUnreadable, PlanRefused
from engine.fold import RunState
from engine.following import goes_on_with, last_change, plan_after
from engine.former import Former, former
from engine.model import GroupFacts, PackageRef, Plan, Policy, Request
from engine.packages import package_ref
from engine.planner import plan_install
from engine.ports import Clock, GroupSetup, Packages, People
from engine.uninstalling import plan_uninstall
from storage.records import HOUSE, JournalStore

FORMERS_LIMIT = 30
"""So many ended runs of a group are read for what they saw; one that is older tells little."""

Look = Callable[[], Awaitable[GroupFacts]]


async def planned(
    run: str,
    request: Request,
    setup: GroupSetup,
    packages: Packages,
    journal: JournalStore | None,
    look: Look,
    clock: Clock,
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

    Raises:
        PlanRefused: no plan can be made of it.
        MaintenanceError: the group cannot be reached, or what it says not be read.
    """
    plan, facts = await _planned_now(run, request, setup, packages, journal, look)
    plan = appointed(plan, request.appointment)
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
    if request.kind == "install":
        package = await _package(packages, request.package, request.sha256)
        facts = await look()
        return plan_install(run, request, package, facts, policy, remarks=remarks), facts
    formers = await asyncio.to_thread(_formers, journal, request.security_group)
    if request.kind == "uninstall":
        facts = await look()
        return plan_uninstall(run, request, facts, policy, formers, remarks=remarks), facts
    last = last_change(formers, request)
    package = last.plan.package
    if goes_on_with(request, last) == "install":
        package = await _package(packages, package.name, request.sha256 or package.sha256)
    facts = await look()
    plan = plan_after(run, request, last, package, facts, policy, remarks=remarks)
    return plan, facts


async def _package(packages: Packages, name: str, sha256: str) -> PackageRef:
    return package_ref(await packages.find(name, sha256=sha256 or None))


def _formers(journal: JournalStore | None, group: str) -> Sequence[Former]:
    return list(islice(formers(journal, group), FORMERS_LIMIT)) if journal is not None else []


def formers(journal: JournalStore, group: str) -> Iterator[Former]:
    """Yield the runs of a group that have ended, newest first; none that cannot be read."""
    for row in reversed(journal.runs(group=group, open_only=False)):
        with contextlib.suppress(NotUnderstood):
            one = former(RunState.replay(journal.read(row.id)))
            if one is not None:
                yield one


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
