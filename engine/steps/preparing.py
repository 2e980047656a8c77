"""Before any traffic moves: the first look, the package in every member's CPUSE, cloning off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from engine import invariants
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import EffectGone, NotNow, StepFailed, TooLate
from engine.facts import GroupFacts, MemberId, PackageState, surely_out
from engine.gaia.refusals import has_code, lock_hint
from engine.journal import Kind
from engine.model import Step
from engine.uploads import everywhere, stored_otherwise

T = TypeVar("T")

LISTED = (PackageState.AVAILABLE, PackageState.INSTALLED)


async def preflight(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Record what is true before anything changes, or hold."""
    if not await duty.cpuse_answers(step, duty.plan.concerning(facts).members):
        return
    state = await duty.with_former(facts)
    invariants.check(step, facts, state)
    told, kept = invariants.worth_telling(facts), state.kept_actions
    await duty.done(step, how="looked", facts=to_json(facts), trouble=told, kept=kept)


async def import_package(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Import the package on every member; lists differ per member, so each is read."""
    package = duty.plan.package
    if not await duty.cpuse_answers(step, duty.plan.concerning(facts).members):
        return
    if everywhere(duty, facts):
        await duty.done(step, how="seen")
        return
    if any(duty.state.busy(member) for member in duty.plan.concerning(facts).members):
        await _wait_while_busy(duty, step)
        return
    if await duty.group.uploaded_sha256(package) != package.sha256:
        raise EffectGone("UPLOAD: the file is not where the group address leads now")
    await duty.intend(step, facts)
    seen = duty.plan.concerning(facts).members
    lacking = _lacking(duty, facts)
    # An import without names may reach the local member alone: who still lacks it is named.
    only = lacking if duty.plan.left_out or len(lacking) < len(seen) else ()
    try:
        await in_turn(
            duty,
            step,
            lambda: duty.watching(duty.group.import_package(package, only), lambda _: None),
        )
    except StepFailed as failed:
        if hint := stored_otherwise(facts, package.name, str(failed)):
            raise StepFailed(f"{failed}{hint}") from failed
        raise
    last = [facts]

    def is_everywhere(now: GroupFacts) -> bool:
        last[:] = [now]
        return everywhere(duty, now)

    limit = duty.plan.policy.limits.importing
    try:
        await duty.settle(step, is_everywhere, limit, "the package in every member's list")
    except TooLate as late:
        raise TooLate(f"{late}; not listed on {', '.join(_lacking(duty, last[0]))}") from late
    await duty.done(step, how="acted")


def _lacking(duty: Duty, facts: GroupFacts) -> list[MemberId]:
    """Return the members that the plan is about and that do not list the package."""
    package, seen = duty.plan.package.name, duty.plan.concerning(facts).members
    return [m.id for m in seen if m.package(package) not in LISTED]


async def _wait_while_busy(duty: Duty, step: Step) -> None:
    """CPUSE still works on what a lost session began, or on somebody else's: let it end."""
    duty.tried_since.setdefault(step.id, duty.clock.monotonic())
    if duty.tried_for(step) > duty.plan.policy.limits.importing:
        raise TooLate(f"{step.id}: CPUSE stayed busy")
    await duty.pause(duty.plan.policy.watch)


async def in_turn(duty: Duty, step: Step, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask CPUSE again where it refuses only because it is busy, for as long as the quiet time.

    A session that was lost, or an executor that died, may have left an import or a verification
    at work, which no look shows before it ends.

    Raises:
        NotNow: the refusal stood for the quiet time.
    """
    until = duty.clock.monotonic() + duty.plan.policy.quiet.total_seconds()
    while True:
        try:
            return await ask()
        except NotNow:
            if duty.clock.monotonic() >= until:
                raise
        await duty.pause(duty.plan.policy.watch)
        duty.still_wanted(step)


async def verify(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Ask CPUSE whether the package can be installed on the members that lack it."""
    package = duty.plan.package
    seen = duty.plan.concerning(facts).members
    if not await duty.cpuse_answers(step, seen):
        return
    if duty.plan.kind == "uninstall":
        await _verify_uninstall(duty, step, facts)
        return
    lacking = [m.id for m in seen if m.package(package.name) is PackageState.AVAILABLE]
    if not lacking and duty.plan.phase != "fresh" and not duty.plan.changing:
        await duty.done(step, how="nothing is left to install")
        return
    if not lacking:
        raise StepFailed(f"no member shows {package.name} as available for install")
    await duty.intend(step, facts)
    await in_turn(duty, step, lambda: duty.group.verify(package, lacking, at=lacking[0]))
    await duty.done(step, how="allowed on every member", members=lacking)


async def _verify_uninstall(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Ask CPUSE whether the package can be uninstalled from the members that are to lose it."""
    members = [one for group in duty.plan.changing for one in group.members]
    if not members:
        await duty.done(step, how="nothing is left to uninstall")
        return
    await duty.intend(step, facts)
    listed = as_listed(duty, facts, members)
    offered = await in_turn(duty, step, lambda: duty.group.verify_uninstall(listed))
    how = "allowed on every member" if offered else "this CPUSE cannot be asked before"
    await duty.done(step, how=how, members=members)


def as_listed(duty: Duty, facts: GroupFacts, members: Sequence[MemberId]) -> dict[MemberId, str]:
    """Return what each member calls the package: a `.tar` is listed as `.tgz`."""
    return {m.id: m.listed(duty.plan.package.name) for m in facts.some(members)}


async def cloning_off(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Switch image auto-clone off; from here on the group owes what it was (P5)."""
    debt = None if duty.state.cloning_owed else await duty.journal.cloning_debt()
    packages = _packages_of(debt, duty.plan.package.name)
    if cloning(duty, facts) == {False}:
        first, told = [], []
        if debt is not None:
            first = [duty.journal.draft(Kind.OWED, was=True, inherited=True, packages=packages)]
            told = [duty.owed(Kind.OWED, was=True, packages=packages)]
        await duty.done(step, how="seen", first=first, house=told)
        return
    owed = []
    house = []
    # One left out that came back with it on is no reason to switch it on everywhere at the end.
    others = {member.auto_clone for member in duty.plan.concerning(facts).members}
    if debt is not None or (not duty.state.cloning_owed and others != {False}):
        owed = [duty.journal.draft(Kind.OWED, was=True, packages=packages)]
        house = [duty.owed(Kind.OWED, was=True, packages=packages)]
    await duty.intend(step, facts, first=owed, house=house)
    await switch_cloning(duty, step, on=False)
    await duty.done(step, how="acted")


async def switch_cloning(duty: Duty, step: Step, *, on: bool) -> None:
    """Switch image auto-clone and look until every member shows it.

    Raises:
        TooLate: not shown in time; with what the device said to it, and what helps.
    """
    said = await duty.group.set_cloning(on=on)
    word = "on" if on else "off"
    limit = duty.plan.policy.limits.cloning
    try:
        await duty.settle(
            step,
            lambda seen: cloning(duty, seen) == {on},
            limit,
            f"auto-clone {word} on every member",
        )
    except TooLate as late:
        raise TooLate(f"{late}{_said(said)}") from late


def _said(text: str) -> str:
    """Return what a device said to a command that had no effect, for a hold's reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if has_code(line)] or lines[-2:]
    if not told:
        return ""
    said = f"; the device said: {' '.join(told)[:200]}"
    return said + lock_hint(said)


def _packages_of(debt: Mapping[str, Any] | None, package: str) -> list[str]:
    """Return the packages in which members may differ while auto-clone is owed."""
    former = debt.get("packages", ()) if debt is not None else ()
    return list(dict.fromkeys([*former, package]))


def cloning(duty: Duty, facts: GroupFacts) -> set[bool | None]:
    """Return how auto-clone stands where it counts; of who is left out, where it may carry.

    gClish does not reach a member that is DOWN: one on which work starts so may show nothing.
    """
    words, left_out = duty.plan.policy.state_words, duty.plan.left_out
    back = [m for m in facts.some(left_out) if m.answered and not surely_out(m, words)]
    seen = (*duty.plan.concerning(facts).members, *back)
    silent = {m.id for m in facts.some(duty.plan.starting) if m.auto_clone is None}
    return {member.auto_clone for member in seen if member.id not in silent}
