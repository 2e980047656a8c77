"""Did it happen? Per member, from what is seen now and what the journal says was intended. Pure.

Some happened, some not, is the normal case after a crash. What cannot be told is CANNOT_TELL and
becomes a hold, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from engine.facts import GroupFacts, MemberFacts, MemberId, PackageState, in_service
from engine.fold import RunState, StepState
from engine.model import Plan, Step, StepKind


class Finding(StrEnum):
    """What a look says about one member and one act."""

    HAPPENED = "happened"
    UNDER_WAY = "under way"
    NOT_HAPPENED = "not happened"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Found:
    """A finding with the sign that it rests on.

    `over`: it cannot be told what came of it, but nothing of it is at work any more.
    """

    finding: Finding
    why: str
    over: bool = False


Findings = Mapping[MemberId, Found]


def all_are(findings: Findings, wanted: Finding) -> bool:
    """Tell whether every member shows this finding."""
    return all(found.finding is wanted for found in findings.values())


def any_is(findings: Findings, wanted: Finding) -> bool:
    """Tell whether at least one member shows this finding."""
    return any(found.finding is wanted for found in findings.values())


def told(findings: Findings) -> str:
    """Say the findings as one sentence per sort."""
    by_sort: dict[str, list[str]] = {}
    for member, found in findings.items():
        by_sort.setdefault(f"{found.finding} ({found.why})", []).append(member)
    return "; ".join(f"{', '.join(members)}: {sort}" for sort, members in by_sort.items())


def admin_down(step: Step, facts: GroupFacts) -> Findings:
    """Say per member whether it is administratively down."""
    return {member.id: _down(member) for member in facts.some(step.members)}


def _down(member: MemberFacts) -> Found:
    if member.state == "DOWN" and "ADMIN" in member.notes:
        return Found(Finding.HAPPENED, "DOWN with note ADMIN")
    if not member.answered:
        return Found(Finding.CANNOT_TELL, f"{member.state}, does not answer")
    return Found(Finding.NOT_HAPPENED, member.state)


def may_still_go_down(begun: StepState, plan: Plan, quiet_for: timedelta) -> bool:
    """Tell whether members may go DOWN by what was committed although none shows it yet.

    Where its session is lost, ADMIN_DOWN may take effect late; nobody is asked anew meanwhile.
    """
    return begun.committed_at is not None and quiet_for < plan.policy.quiet


def admin_up(step: Step, facts: GroupFacts, plan: Plan) -> Findings:
    """Say per member whether it is back in service."""
    words = plan.policy.state_words
    return {
        member.id: Found(Finding.HAPPENED, "in service")
        if in_service(member, words)
        else Found(Finding.NOT_HAPPENED, member.state)
        for member in facts.some(step.members)
    }


def change(
    step: Step,
    facts: GroupFacts,
    plan: Plan,
    begun: StepState,
    quiet_for: timedelta,
) -> Findings:
    """Say per member whether the INSTALL or UNINSTALL that this step intends has happened.

    No COMMITTING record means that the answer which commits was never typed: not started, once
    our old session there is closed. With it, "not started" needs all signs and the quiet time.

    Args:
        step: the step.
        facts: what is seen now.
        plan: the plan in force.
        begun: what the journal says of the step.
        quiet_for: since when nobody can have typed that answer. A former executor that was
            paused between COMMITTING and the answer types it late, so this counts from when there
            was none any more, and not from COMMITTING.
    """
    return {
        member.id: _change(member, step, plan, begun, quiet_for)
        for member in facts.some(step.members)
    }


def only_sessions(findings: Findings) -> bool:
    """Tell whether nothing is under way but a session that is still open, and may yet commit."""
    why = {one.why for one in findings.values() if one.finding is Finding.UNDER_WAY}
    return _OPEN in why and why <= {_OPEN, _QUIET}


def any_is_at_work(findings: Findings) -> bool:
    """Tell whether something is under way that ends by itself: a session may stay open for ever."""
    why = {one.why for one in findings.values() if one.finding is Finding.UNDER_WAY}
    return bool(why - {_OPEN, _QUIET} if _OPEN in why else why)


_OPEN = "our former session is still open there"
_QUIET = "no sign yet, the quiet time is not over"
_RESTARTED = "restarted without the effect"


def may_lag(findings: Findings) -> list[MemberId]:
    """Return who restarted and does not show the effect; nobody where anything else is unclear.

    CPUSE was seen to say so for a while after an installation that did succeed. Source: ORCH.
    """
    unclear = {m: one.why for m, one in findings.items() if one.finding is Finding.CANNOT_TELL}
    return list(unclear) if set(unclear.values()) == {_RESTARTED} else []


def changed(member: MemberFacts, step: Step, plan: Plan) -> bool:
    """Tell whether CPUSE on a member shows the effect that the step is for."""
    shown = member.package(plan.package.name)
    if step.kind is StepKind.INSTALL:
        return shown is PackageState.INSTALLED
    if shown is PackageState.ABSENT:
        return _gone_for_sure(member, plan)
    return shown is PackageState.AVAILABLE


def yet_to_restart(
    members: Sequence[MemberId], facts: GroupFacts, state: RunState
) -> list[MemberId]:
    """Return whose software was changed, and who has not restarted since, though that is to come.

    CPUSE lists a package as installed before the machine restarts; until then it is not in force.
    Whoever carries traffic meanwhile drops it at any moment, so such a member is brought up by
    its restart alone.
    """
    return [
        member.id
        for member in facts.some(members)
        if (due := state.restarts_due.get(member.id)) is not None
        if member.answered and member.boot_id in (due.boot_id, None)
        if state.of(due.step).status == "done" or changed(member, due.step, state.the_plan)
    ]


def is_undone(member: MemberFacts, step: Step, plan: Plan) -> bool:
    """Tell whether a change that was done is surely no longer there."""
    if step.kind is StepKind.INSTALL:
        return not member.cpuse_silent and not changed(member, step, plan)
    return member.package(plan.package.name) is PackageState.INSTALLED


def _gone_for_sure(member: MemberFacts, plan: Plan) -> bool:
    """Tell whether a package that is not listed was uninstalled: a list may be incomplete.

    A Jumbo took its take along. What leaves the take as it is was uninstalled where the list names
    it and says so, or the newest CPUSE action does.
    Source: SGMUP ("Packages list might be incomplete").
    """
    if plan.package.is_jumbo:
        return member.take not in (None, plan.package.take)
    if member.says_gone(plan.package.name):
        return True
    action = member.action
    return (
        action is not None
        and action.type.lower().startswith("uninstall")
        and action.status == "success"
    )


def _change(
    member: MemberFacts, step: Step, plan: Plan, begun: StepState, quiet_for: timedelta
) -> Found:
    committed = begun.committed_at
    shown = member.package(plan.package.name)
    if not member.answered:
        if committed is not None:
            return Found(Finding.UNDER_WAY, f"{member.state}, does not answer: it restarts")
        return Found(Finding.CANNOT_TELL, f"{member.state}, does not answer")
    if member.cpuse_silent:
        unseen = Finding.UNDER_WAY if committed is not None else Finding.CANNOT_TELL
        return Found(unseen, "its CPUSE does not answer")
    if _at_work(member, step, plan, begun, quiet_for):
        if committed is None:
            return Found(Finding.CANNOT_TELL, "CPUSE is busy, but we never committed")
        return Found(Finding.UNDER_WAY, _shown_progress(member))
    if changed(member, step, plan):
        return Found(Finding.HAPPENED, f"the package is {shown}")
    if member.session_open:
        return Found(Finding.UNDER_WAY, _OPEN)
    found = _idle_without_effect(member, plan, begun, quiet_for)
    if shown is PackageState.UNKNOWN and found.finding is Finding.NOT_HAPPENED:
        # No other sign is of an attempt, so none goes on; what became of the package is unknown.
        why = "CPUSE is idle, and lists the package in no known state"
        return Found(Finding.CANNOT_TELL, why, over=True)
    return found


def _at_work(
    member: MemberFacts, step: Step, plan: Plan, begun: StepState, quiet_for: timedelta
) -> bool:
    """Tell whether CPUSE is at work on a member.

    The newest action from before this step was over then, or the step would not have begun. And
    no action outlives a restart, whatever CPUSE keeps of it: after one that has the effect, or was
    seen before it, is over as soon as CPUSE says so. Where nobody saw it begin it may be from
    after the restart, and is over once it had as long as any installation may take.
    """
    before = begun.before.get(member.id, {})
    newest = member.action.id if member.action is not None else None
    restarted = member.boot_id is not None and member.boot_id != before.get("boot_id")
    seen_before = newest is not None and newest == begun.actions.get(member.id)
    ended = seen_before or changed(member, step, plan) or quiet_for > plan.policy.limits.install
    if (newest is not None and newest == before.get("action")) or (restarted and ended):
        return bool(member.agent_busy)
    return member.at_work


def begun_since(member: MemberFacts, begun: StepState) -> int | None:
    """Return the action that CPUSE is at since a step began, where the member has not restarted."""
    before = begun.before.get(member.id, {})
    same_boot = member.boot_id is not None and member.boot_id == before.get("boot_id")
    if member.action is None or not member.at_work or not same_boot:
        return None
    return member.action.id if member.action.id != before.get("action") else None


def kept(step: Step, facts: GroupFacts, findings: Findings) -> dict[MemberId, int]:
    """Return the actions that CPUSE calls in progress although what they were for is over."""
    return {
        m.id: m.action.id
        for m in facts.some(step.members)
        if m.action is not None and m.at_work
        if findings[m.id].finding is Finding.HAPPENED or findings[m.id].over
    }


def _shown_progress(member: MemberFacts) -> str:
    action = member.action
    if action is None:
        return "CPUSE is at work"
    percent = f" {action.progress} %" if action.progress is not None else ""
    return f"CPUSE action {action.id}:{percent} {action.message}".strip()


def _idle_without_effect(
    member: MemberFacts, plan: Plan, begun: StepState, quiet_for: timedelta
) -> Found:
    """Judge a member that is idle and does not show the effect."""
    unclear = partial(Found, Finding.CANNOT_TELL, over=quiet_for >= plan.policy.quiet)
    if begun.committed_at is None:
        return Found(Finding.NOT_HAPPENED, "the answer that commits was never typed")
    before = begun.before.get(member.id, {})
    if member.boot_id is None or member.boot_id != before.get("boot_id"):
        return unclear(_RESTARTED)
    newest = member.action.id if member.action else None
    known = before.get("action")
    if known is None:
        return unclear("CPUSE showed no action numbers to compare with")
    if newest != known:
        text = member.action.message if member.action else ""
        status = member.action.status if member.action else "gone"
        return unclear(f"CPUSE action {newest} ended: {status} {text}".strip())
    if quiet_for < plan.policy.quiet:
        return Found(Finding.UNDER_WAY, _QUIET)
    return Found(Finding.NOT_HAPPENED, "idle, same boot, no newer action, no effect")


def came_back_otherwise(step: Step, facts: GroupFacts, plan: Plan) -> bool:
    """Tell whether all members of a RETURN are in service, alike, at another take than expected."""
    members = facts.some(step.members)
    takes = {member.take for member in members}
    return (
        step.kind is StepKind.RETURN
        and all(in_service(member, plan.policy.state_words) for member in members)
        and len(takes) == 1
        and not takes & {step.take, None}
    )


def ended_without_effect(findings: Findings) -> bool:
    """Tell whether the device showed that an attempt came to nothing, so that retry may add one.

    A member that already has the package does not need another attempt, so it does not matter.
    """
    return bool(findings) and all(
        found.finding in (Finding.NOT_HAPPENED, Finding.HAPPENED)
        or (found.finding is Finding.CANNOT_TELL and "ended: failure" in found.why)
        for found in findings.values()
    )


def is_over(findings: Findings) -> bool:
    """Tell whether nothing that was begun is at work any more, whatever came of it.

    That is enough to bring a group up and end; only a new attempt must know what came of it.
    """
    ended = (Finding.NOT_HAPPENED, Finding.HAPPENED)
    return all(found.finding in ended or found.over for found in findings.values())


def signs(member: MemberFacts) -> dict[str, str | int | None]:
    """Return what INTENDED records of a member, to tell afterwards whether something changed."""
    return {
        "boot_id": member.boot_id,
        "take": member.take,
        "action": member.action.id if member.action else None,
    }
