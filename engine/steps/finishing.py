"""After the last group: cloning as it was, the package taken out, the last look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from engine import invariants
from engine.canon import to_json
from engine.duty import Duty
from engine.enforced import same_policy
from engine.errors import ConditionFailed, StepFailed
from engine.facts import GroupFacts, MemberFacts, MemberId, PackageState, differences
from engine.journal import Kind
from engine.model import Step
from engine.splitting import whole_sites
from engine.steps.changing import all_in_service
from engine.steps.preparing import cloning, in_turn, switch_cloning


async def cloning_restore(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Put image auto-clone back to what it was, only when every member has the same software.

    One that is left out too: it would be cloned over, or clone others. Where only such a member
    stands against it the run ends, and the group goes on owing it.
    """
    if not duty.state.cloning_owed:
        await duty.done(step, how="it was off before")
        return
    if not duty.state.aborted and not await duty.cpuse_answers(
        step, duty.plan.concerning(facts).members
    ):
        return
    try:
        invariants.check(step, facts, duty.state)
    except ConditionFailed as differing:
        if not duty.state.aborted and not _only_left_out_differ(duty, facts):
            raise
        await duty.done(step, how=f"owed: {differing}")
        return
    settled = [duty.journal.draft(Kind.SETTLED, seen=_software(duty, facts))]
    if cloning(duty, facts) != {True}:
        await duty.intend(step, facts)
        await switch_cloning(duty, step, on=True)
    done = duty.journal.draft(Kind.DONE, step=step.id, kind=step.kind, how="acted", attempt=1)
    await duty.journal.append([*settled, done], house=[duty.owed(Kind.SETTLED)])


def _only_left_out_differ(duty: Duty, facts: GroupFacts) -> bool:
    concerned = duty.plan.concerning(facts).members
    return bool(duty.plan.left_out) and not invariants.unlike(concerned, duty.state)


def _software(duty: Duty, facts: GroupFacts) -> dict[MemberId, dict[str, Any]]:
    """Return each member's take and packages, for whoever judges afterwards."""
    return {
        m.id: {"take": m.take, "packages": [list(one) for one in m.packages or ()]}
        for m in facts.members
    }


async def delete(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Take the uninstalled package out of every member's CPUSE repository."""
    package, members = duty.plan.package, duty.plan.concerning(facts).members
    if not await duty.cpuse_answers(step, members):
        return
    there = [m.id for m in members if m.package(package.name) is PackageState.AVAILABLE]
    wrong = [m.id for m in members if m.package(package.name) is PackageState.INSTALLED]
    if wrong:
        raise ConditionFailed(f"{package.name} is installed on {', '.join(wrong)} again")
    if not there:
        await duty.done(step, how="seen")
        return
    for one in there:
        # Lists differ per member, so each is told its own number: an act, and an intent, for each.
        await duty.intend(replace(step, members=(one,)), facts)
        await in_turn(duty, step, partial(duty.group.delete_package, package, one))
    await duty.settle(
        step,
        lambda seen: all(
            m.package(package.name) is PackageState.ABSENT
            for m in duty.plan.concerning(seen).members
        ),
        duty.plan.policy.limits.verify,
        f"{package.name} out of every member's list",
    )
    await duty.done(step, how="acted")


async def postflight(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Compare with PREFLIGHT: exactly the hotfix, and every other difference by name."""
    if not all_in_service(duty, step, facts):
        await duty.pause(duty.plan.policy.settle)
        return
    concerned = duty.plan.concerning(facts).members
    if not await duty.cpuse_answers(step, concerned):
        return
    wrong = [f"{m.id} is at take {m.take}" for m in concerned if m.take != step.take]
    if wrong:
        raise StepFailed(f"expected take {step.take}: {', '.join(wrong)}")
    _is_listed_as_it_should(duty, concerned)
    problems = same_policy(concerned)
    if problems:
        raise ConditionFailed("; ".join(problems))
    await duty.done(
        step,
        how="looked",
        facts=to_json(facts),
        not_by_us=list(not_by_us(duty, facts)),
        crashes=[told for one, told in _new_dumps(duty, facts).items() if _changed(duty, one)],
    )


def _is_listed_as_it_should(duty: Duty, members: Sequence[MemberFacts]) -> None:
    """What leaves the take as it is shows in the list of packages alone."""
    package = duty.plan.package
    if package.is_jumbo or duty.plan.phase == "rollback":
        return
    goes = duty.plan.kind == "uninstall"
    has = {m.id: m.package(package.name) is PackageState.INSTALLED for m in members}
    if wrong := [one for one, installed in has.items() if installed is goes]:
        listed = "still" if goes else "not"
        raise StepFailed(f"{package.name} is {listed} listed as installed on {', '.join(wrong)}")


def not_by_us(duty: Duty, facts: GroupFacts) -> tuple[str, ...]:
    """Name the differences to PREFLIGHT that the hotfix does not explain."""
    baseline = duty.state.baseline
    if baseline is None:
        return ()
    package = duty.plan.package.name
    expected = ("take ", "boot id ", "package ")
    seen = differences(baseline.digested(package), facts.digested(package))
    unexpected = [
        one
        for one in seen
        if not one.partition(": ")[2].startswith(expected)
        and not _only_signature(one)
        and not (duty.state.cloning_owed and one.endswith(": auto clone on → off"))
        and not _planned_takeover(one, duty, facts)
    ]
    unexpected += invariants.policy_drift(facts, duty.state)
    for health in facts.health:
        before = baseline.health_of(health.id)
        if health.licences != before.licences:
            unexpected.append(f"{health.id}: licences {before.licences} → {health.licences}")
    unexpected += [told for one, told in _new_dumps(duty, facts).items() if not _changed(duty, one)]
    return tuple(unexpected)


def _new_dumps(duty: Duty, facts: GroupFacts) -> dict[MemberId, str]:
    """Say which core dumps each member wrote since PREFLIGHT."""
    baseline = duty.state.baseline or facts
    new = {
        health.id: sorted({*health.core_dumps} - {*baseline.health_of(health.id).core_dumps})
        for health in facts.health
    }
    return {one: f"{one}: new core dumps {', '.join(dumps)}" for one, dumps in new.items() if dumps}


def _changed(duty: Duty, member: MemberId) -> bool:
    """Tell whether this run worked on a member: nobody can say that a crash there is not by it."""
    return member in duty.state.committed_to


def _planned_takeover(difference: str, duty: Duty, facts: GroupFacts) -> bool:
    """Tell whether a difference is that the other Site took over, as the proposal announced.

    Only where a Logical Group is a Site as a whole, and one Site is active; any other Site
    failover is not by us.
    """
    if not any(whole_sites(duty.plan.groups).values()) or facts.active_site is None:
        return False
    where, _, what = difference.partition(": ")
    before, _, now = what.removeprefix("state ").partition(" → ")
    words = duty.plan.policy.state_words
    return where in ("sites", "smo") or (what.startswith("state ") and {before, now} <= set(words))


def _only_signature(difference: str) -> bool:
    """A policy's signature differs between takes; name and date are compared by themselves."""
    return difference.partition(": ")[2].startswith("policy ")
