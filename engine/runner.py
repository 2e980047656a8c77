"""How a run goes: from its first step to its end, in one path for every occasion.

An approval, a resume, an alarm and a restart all come to `advance`. The state is what the
journal says; the world is what a look says; nothing is remembered in between. Read this first.

    next step ──► may it start? ──► look ──► did it happen already? ──► may it happen now?
                  (gate, hold,               (after a crash)            (invariants)
                   halt)                                                      │
            DONE ◄── verify ◄── settle ◄── act ◄── INTENDED, written first ◄──┘

What a step does is in `engine.steps`; what people say to it, in `engine.words`; how they are
asked, in `engine.asking`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from engine import asking, freezes, invariants, promises, recovery, restored, waits, words
from engine.afterwards import rollback_of
from engine.duty import Duty
from engine.errors import (
    ConditionFailed,
    EffectGone,
    Fenced,
    MaintenanceError,
    MemberUnreachable,
    PlanRefused,
    SessionOpen,
    Stopped,
    UnexpectedOutput,
    WindowEnded,
)
from engine.facts import GroupFacts, MemberFacts, in_service
from engine.fold import RunState
from engine.journal import Begun, Kind, planned_body
from engine.model import Repetition, Step, StepKind
from engine.planner import can_roll_back, plan_degraded_end
from engine.proposals import other_take_fault
from engine.steps import FULL_LOOK, HANDLERS
from engine.steps.changing import alarm_outside, change
from engine.steps.rescuing import (
    bring_back,
    nothing_started,
    rescue,
    rescue_step,
    traffic_trouble,
)
from engine.without import can_leave_out
from storage.records import Draft, StorageDown


async def advance(duty: Duty) -> RunState:
    """Carry a run as far as it goes now: to a gate, a hold, or its end.

    Raises:
        Fenced, StorageDown: nothing more was written or sent; the next advance folds anew.
    """
    try:
        return await _go_on(duty)
    except (Fenced, StorageDown, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 -- our mistake, outside of any step: as in a step
        await duty.break_off(error)
        return duty.state


async def _go_on(duty: Duty) -> RunState:
    await restored.hold(duty)
    duty.listen = lambda: words.take_words(duty)
    await duty.hear()
    while step := duty.state.next_step():
        if duty.state.resting:
            if not await _keep_watch(duty, step):
                break
            continue
        revision = duty.plan.revision
        try:
            await _end_rescue(duty)
            if not await _one_step(duty, step):
                break
        except Stopped:
            if not await _heard(duty, step):
                break
        except MemberUnreachable as error:
            if not await _rides_out(duty, step):
                await _hold(duty, step, error, revision)
        except SessionOpen as error:
            if not await _waits_for_session(duty, step.id):
                await _hold(duty, step, error, revision)
        except MaintenanceError as error:
            await _hold(duty, step, error, revision)
        except (Fenced, StorageDown, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 -- our mistake: stop loudly, never loop
            await duty.break_off(error)
    if duty.state.next_step() is None and duty.state.ended is None:
        if duty.state.hold is not None and duty.state.out_of_service():
            await _look(duty)
            await _remind_if_due(duty)
        elif await _end(duty):
            return await _go_on(duty)
    return duty.state


async def _one_step(duty: Duty, step: Step) -> bool:
    """Bring one step on; False where the run now waits for people or for time."""
    if step.kind is StepKind.APPOINTMENT:
        return await waits.keep_appointment(duty, step)
    if step.kind is StepKind.PREFLIGHT and not duty.state.occupies:
        return await waits.prepare(duty, step, partial(carry_out, duty, step))
    if step.kind is StepKind.READY:
        waits.inside(duty, step)
    if step.kind is StepKind.ADMIN_DOWN:
        return await _fail_over(duty, _beside(duty, step, -1), step)
    if step.repetition is Repetition.ONCE and duty.plan.starts_down(step):
        return await _start(duty, _beside(duty, step, -1), step)
    if step.repetition is not Repetition.GATE:
        await carry_out(duty, step)
        return True
    if not await asking.ask(duty, step):
        return _asked_again(duty, step) or await _looks_on(duty, step)
    if step.kind in (StepKind.PROPOSAL, StepKind.ACCEPT):
        await duty.done(step, how="approved")
        return True
    if step.kind is StepKind.KEEP:
        kept = duty.journal.draft(
            Kind.DONE, step=step.id, kind=step.kind, how="approved", attempt=1
        )
        await waits.end_before_it_began(duty, "kept", kept)
        return False
    if step.kind in (StepKind.DEGRADED, StepKind.WITHOUT):
        return await _agree(duty, step)
    if step.kind is StepKind.START:
        return await _start(duty, step, _beside(duty, step, +1))
    return await _fail_over(duty, step, _beside(duty, step, +1))


async def _heard(duty: Duty, step: Step) -> bool:
    """Hear what came before an act; False where some of it waits for Slack, and so the run does.

    Asked again at once, Slack would say the same: the worker's pauses are the time to wait.
    """
    await duty.hear()
    return not await words.some_wait(duty) or await _looks_on(duty, step)


def _asked_again(duty: Duty, gate: Step) -> bool:
    """After a gate was closed the loop goes on (to its hold, or to READY again)."""
    now = duty.state.gate_of(gate)
    return now is not None and not now.open


async def carry_out(duty: Duty, step: Step) -> None:
    """Look, and let the step's own coroutine decide, act and verify."""
    facts = await duty.observe(full=step.kind in FULL_LOOK)
    await HANDLERS[step.kind](duty, step, facts)


async def _looks_on(duty: Duty, gate: Step) -> bool:
    """While people are asked with a group of ours down, look as often as in a hold; True then."""
    step = _worked_on(duty, gate)
    if not duty.state.group_in_hand(step):
        return False
    with contextlib.suppress(MaintenanceError):
        await alarm_outside(duty, step, await duty.observe())
    await duty.pause(duty.plan.policy.watch)
    return True


def _worked_on(duty: Duty, step: Step) -> Step:
    """Return the step itself, or the one that waits behind it for people to agree (WITHOUT)."""
    steps = duty.plan.steps
    after = steps[steps.index(step) + 1 :] if step.kind is StepKind.WITHOUT else ()
    return next((one for one in after if one.group), step)


async def _agree(duty: Duty, step: Step) -> bool:
    """Take the approval of an end, or of a plan, with members out of service.

    After the same last look as before a failover.
    """
    facts = await asking.last_look(duty, step)
    if facts is None:
        return _asked_again(duty, step)
    await duty.done(step, how="approved", **_approval(duty, step, facts))
    return True


async def _fail_over(duty: Duty, gate_step: Step, down: Step) -> bool:
    """Take a group down: the last look, then gate and intent in one transaction, then the act.

    As long as no member is down by our act this is a failover and needs its approval anew, also
    after a crash. Once some are, the others follow without asking: half a group down helps nobody.
    A member that somebody else took down is a fact that nobody approved.
    """
    facts = await _went_down(duty, down)
    if facts is None:
        begun = duty.state.of(down)
        if recovery.may_still_go_down(begun, duty.plan, duty.surely_since(begun.committed_at)):
            await duty.pause(duty.plan.policy.watch)
            return True
        facts = await asking.last_look(duty, gate_step)
        if facts is None:
            return _asked_again(duty, gate_step)
        invariants.check(down, facts, duty.state)
        await _intend_failover(duty, gate_step, down, facts)
    await HANDLERS[StepKind.ADMIN_DOWN](duty, down, facts)
    return True


async def _start(duty: Duty, gate_step: Step, change_: Step) -> bool:
    """Begin the work on members that are out of service already: nothing fails over.

    As long as nothing was committed it needs its approval anew, with a last look, also after a
    crash; the gate is passed, and the work intended, in one transaction.
    """
    begun = duty.state.of(change_).committed_at is not None
    facts = await (duty.observe() if begun else asking.last_look(duty, gate_step))
    if facts is None:
        return _asked_again(duty, gate_step)
    intend = partial(_intend_failover, duty, gate_step, change_, facts)
    await change(duty, change_, facts, intend)
    return True


async def _went_down(duty: Duty, down: Step) -> GroupFacts | None:
    """Return what is seen where this attempt took members down: it was committed, and some are."""
    if duty.state.of(down).committed_at is None:
        return None
    facts = await duty.observe()
    seen = recovery.any_is(recovery.admin_down(down, facts), recovery.Finding.HAPPENED)
    return facts if seen else None


async def _intend_failover(duty: Duty, gate_step: Step, down: Step, facts: GroupFacts) -> None:
    passed = duty.journal.draft(
        Kind.DONE, step=gate_step.id, kind=gate_step.kind, how="approved", attempt=1
    )
    first = [passed] if duty.state.of(gate_step).status != "done" else []
    await duty.intend(
        down,
        facts,
        first=first,
        unless=lambda row: freezes.bars(
            row, duty.plan.security_group, duty.clock.now(), tags=duty.tags
        ),
        house_at=duty.house_at,
        **_approval(duty, gate_step, facts),
    )


def _approval(duty: Duty, gate_step: Step, facts: GroupFacts) -> dict[str, Any]:
    """Return what an act that people approved is recorded with: whose yes, and what is true."""
    gate = duty.state.gates[gate_step.id]
    voters = [vote.user for vote in gate.votes.values() if vote.choice == "yes"]
    return {
        "gate": gate.name,
        "gate_step": gate.step,
        "opening": gate.opening,
        "voters": voters,
        "confirmed": {
            user: {"after": seq, "roles": sorted(roles)}
            for user, (seq, roles) in duty.confirmed.items()
            if user in voters
        },
        "plan_digest": duty.plan.digest,
        "facts_digest": duty.plan.facts_digest(facts),
    }


def _beside(duty: Duty, step: Step, offset: int) -> Step:
    steps = duty.plan.steps
    return steps[steps.index(step) + offset]


async def _rides_out(duty: Duty, step: Step) -> bool:
    """After a lost session, look again rather than hold: the SMO moves, and sessions drop.

    What was under way is seen by the next look; the blind limit bounds it.
    """
    duty.tried_since.setdefault(step.id, duty.clock.monotonic())
    if duty.tried_for(step) > duty.plan.policy.limits.blind:
        return False
    await duty.pause(duty.plan.policy.watch)
    return True


async def _waits_for_session(duty: Duty, step: str) -> bool:
    """While a session of ours is open on a member, look again until the quiet time is over."""
    key = f"session/{step}"
    since = duty.tried_since.setdefault(key, duty.clock.monotonic())
    if duty.clock.monotonic() - since > duty.plan.policy.quiet.total_seconds():
        del duty.tried_since[key]
        return False
    await duty.pause(duty.plan.policy.watch)
    return True


# --------------------------------------------------------------------------------- holding


async def _hold(duty: Duty, step: Step, error: MaintenanceError, revision: int) -> None:
    """Stop here and say why; first bring our group up where that is the safe thing to do.

    What went wrong in a step of a former revision of the plan is no reason to hold: people said
    how to go on while we looked.
    """
    # A gate was passed already where its ADMIN_DOWN did not settle; a rescue leads back to READY.
    await _rescued(duty, duty.state.next_step() or step)
    if duty.plan.revision != revision:
        return
    step = duty.state.next_step() or step
    undone = _gone(duty, error)
    held = duty.journal.draft(
        Kind.HELD,
        step=step.id,
        reason=str(error),
        error=type(error).__name__,
        out_of_service=list(duty.state.out_of_service()),
        ways=_ways(duty, step, error),
        text=error.text[-2000:] if isinstance(error, UnexpectedOutput) else "",
        by_hand=duty.state.by_hand(),
        by_hand_waits=duty.state.by_hand_waits(),
    )
    await duty.journal.append([*undone, held])


def _gone(duty: Duty, error: MaintenanceError) -> list[Draft]:
    """Return the UNDONE record for a step whose effect is gone (P4)."""
    if not isinstance(error, EffectGone):
        return []
    lost, _, how = str(error).partition(": ")
    group = lost.partition(".")[0] if "." in lost else ""
    steps = [
        s.id
        for s in duty.plan.steps
        if duty.state.of(s).status != "waiting" and (s.id == lost or (group and s.group == group))
    ]
    return [duty.journal.draft(Kind.UNDONE, steps=steps, by="a look", reason=how)]


def _ways(duty: Duty, step: Step, error: MaintenanceError) -> list[str]:
    """Return the words that help here, the best first."""
    if isinstance(error, WindowEnded):
        return ["move", "abort", *(["rollback"] if can_roll_back(duty.state) else [])]
    out = ",".join(can_leave_out(duty.state))
    return [*_ways_for(duty, step), *([f"without {out}"] if out else [])]


def _ways_for(duty: Duty, step: Step) -> list[str]:
    if _other_take(duty, step):
        now = duty.state.facts.member(step.members[0]).take if duty.state.facts else None
        accept = [f"change take {now}"] if not other_take_fault(duty.state, step) else []
        back = ["rollback"] if can_roll_back(duty.state) else []
        return [*accept, *back, "retry", "abort"]
    changing = duty.state.changing(step.group) if step.group else None
    if duty.state.group_in_hand(step) and changing is not None:
        begun = duty.state.of(changing)
        if begun.status != "done" and begun.committed_at is None:
            return ["abort", "retry"]
        return ["retry", "abort"]
    return ["retry", "abort", *(["rollback"] if can_roll_back(duty.state) else [])]


def _other_take(duty: Duty, step: Step) -> bool:
    """Tell whether a group is back in service, at another take than was announced."""
    facts = duty.state.facts
    return facts is not None and recovery.came_back_otherwise(step, facts, duty.plan)


async def _rescued(duty: Duty, step: Step) -> bool:
    """Bring the group in hand up by ourselves, where others left service and nothing started.

    Never one that others took out of service before this run: only they know why it is. Two looks
    must agree, so that one odd answer does not turn a night around.
    """
    if not duty.state.group_in_hand(step) or duty.state.halted or duty.state.unseen:
        return False
    if duty.plan.starts_down(step):
        return False
    members = duty.plan.group(step.group)
    down = Step(step.id, step.kind, members.name, members.members)
    try:
        facts = await duty.observe()
        if not traffic_trouble(duty, down, facts):
            return False
        heard = duty.state.last_seq
        await duty.pause(duty.plan.policy.settle)
        if duty.state.last_seq != heard:
            # Somebody said something: that comes first, and the next look decides anew.
            return False
        facts = await duty.observe()
        trouble = traffic_trouble(duty, down, facts)
        ours = any("ADMIN" in m.notes for m in facts.some(members.members))
        if not trouble or not ours or not nothing_started(duty, down, facts):
            return False
        await rescue(duty, down, facts, "; ".join(trouble))
    except (MaintenanceError, Stopped):
        # The hold that follows tells people; they decide.
        return False
    return True


async def _end_rescue(duty: Duty) -> None:
    """Bring a rescue to its end that was begun and not seen through, and hold as it would have.

    Else the group that is up again would go down again, by the approval of before the rescue.

    Raises:
        ConditionFailed: a group was rescued, and people were not told yet.
        SessionOpen: a session of ours is open that could still take it down.
    """
    if name := duty.state.rescuing:
        up = rescue_step(duty.plan.group(name))
        facts = await duty.observe()
        if not nothing_started(duty, up, facts):
            return
        if not any("ADMIN" in m.notes for m in facts.some(up.members)):
            invariants.nobody_else(facts, duty.plan)
        told = [alarm["reason"] for alarm in duty.state.alarms if alarm["what"] == "rescue"]
        await bring_back(duty, up, facts, told[-1])
    if duty.state.untold_rescue:
        raise ConditionFailed(duty.state.untold_rescue)


async def _keep_watch(duty: Duty, step: Step) -> bool:
    """While a run rests with a group of ours down, go on looking; True to stay with it.

    A member that must carry traffic may still fail: then the group in hand is brought up
    (not where people halted the run, or nobody knows yet what a copy does not). Everything else
    waits for a person's word.
    """
    step = _worked_on(duty, step)
    if not duty.state.group_in_hand(step):
        if duty.state.out_of_service():
            await _look(duty)
            await _remind_if_due(duty)
        return False
    if duty.state.halted or duty.state.unseen:
        await _look(duty)
    elif await _rescued(duty, step):
        now = duty.state.next_step() or step
        left = ConditionFailed("a member that must carry traffic left service")
        await _hold(duty, now, left, duty.plan.revision)
        return True
    await _remind_if_due(duty)
    if duty.state.resting:
        await duty.pause(duty.plan.policy.watch)
    return True


async def _look(duty: Duty) -> None:
    """Look without any consequence but its record; being blind changes nothing here."""
    with contextlib.suppress(MaintenanceError):
        await duty.observe()


async def _remind_if_due(duty: Duty) -> None:
    due = duty.state.wake_at()
    if due is None or not duty.state.out_of_service():
        return
    last = due - duty.plan.policy.remind
    if duty.stopwatch.latest(last) >= due:
        await duty.journal.write(
            Kind.REMINDED, out_of_service=list(duty.state.out_of_service()), mention=True
        )


# --------------------------------------------------------------------------------- the end


async def _end(duty: Duty) -> bool:
    """End the run where every member is in service (P10); True where it goes on to a last gate.

    Those that the plan leaves out are named at the end, and need not be. Otherwise it holds and
    says which member is not. After an abort people may end it all the same, DEGRADED, with the
    votes of a failover.
    """
    if duty.state.resting:
        return False
    try:
        facts = await _alone(duty)
    except MaintenanceError as error:
        await _hold_at_end(duty, str(error))
        return False
    words_ = duty.plan.policy.state_words
    concerned = duty.plan.concerning(facts).members
    ill = [m for m in concerned if not in_service(m, words_)]
    agreed = duty.state.agreed_to_degraded
    if ill and duty.state.aborted and not agreed:
        plan = plan_degraded_end(duty.state)
        await duty.journal.write(Kind.PLANNED, **planned_body(plan, facts))
        return True
    if agreed and (worse := not_agreed_to(duty.state, ill)):
        gate = next(s for s in duty.plan.steps if s.kind is StepKind.DEGRADED)
        told = "; ".join(f"{m.id} is {invariants.described(m)}" for m in worse)
        reason = f"{told}, and people agreed while it was in service"
        await duty.journal.write(Kind.UNDONE, steps=[gate.id], by="a look", reason=reason)
        return True
    if ill and not agreed:
        told = "; ".join(f"{m.id} is {invariants.described(m)}" for m in ill)
        await _hold_at_end(duty, told)
        return False
    body: dict[str, Any] = {
        "state": "degraded" if ill else _how_it_ended(duty.state),
        "takes": sorted({m.take for m in concerned if m.take is not None}),
        "members": {m.id: m.take for m in facts.members},
        "out_of_service": [m.id for m in ill],
        "left_out": list(duty.plan.left_out),
        "cloning_owed": duty.state.cloning_owed,
    }
    begins = _begins_with(duty, body, facts)
    draft = duty.journal.draft(Kind.ENDED, **body)
    verdict = promises.judge([*await duty.journal.records(), duty.journal.foreseen(draft)])
    judged = duty.journal.draft(Kind.ENDED, **body, promises=verdict)
    await duty.journal.append([judged], begins=begins)
    return False


def _begins_with(duty: Duty, body: dict[str, Any], facts: GroupFacts) -> Begun | None:
    """Return the rollback that this end begins, and say in it which one, or why there is none."""
    ended = duty.journal.foreseen(duty.journal.draft(Kind.ENDED, **body))
    try:
        begun = rollback_of(duty.state, ended, facts, duty.clock, version=duty.state.version)
    except PlanRefused as refused:
        body["no_rollback"] = str(refused)
        return None
    if begun is not None:
        body["rollback"] = begun.run
    return begun


def not_agreed_to(state: RunState, ill: Sequence[MemberFacts]) -> list[MemberFacts]:
    """Return who is out of service now, and was in service in what people agreed to.

    A gate of before this was written down has only what its digest covers, which does not show
    all that keeps a member out of service; asked again, it has it.
    """
    step = next(s for s in state.the_plan.steps if s.kind is StepKind.DEGRADED)
    gate, words_ = state.gates[step.id], state.the_plan.policy.state_words
    if "out_of_service" in gate.evidence:
        return [m for m in ill if m.id not in gate.evidence["out_of_service"]]
    seen = gate.facts["members"]
    served = {one["id"] for one in seen if one["state"] in words_ and not one["notes"]}
    return [m for m in ill if m.id in served]


async def _alone(duty: Duty) -> GroupFacts:
    """Look, until no session is open any more that could act after the end.

    Raises:
        SessionOpen: one is, after the quiet time.
    """
    facts = await duty.observe()
    while invariants.open_sessions(facts) and await _waits_for_session(duty, "the end"):
        facts = await duty.observe()
    invariants.nobody_else(facts, duty.plan)
    return facts


def _how_it_ended(state: RunState) -> str:
    if state.aborted:
        return "aborted"
    return "rolled back" if state.rolled_back else "done"


async def _hold_at_end(duty: Duty, reason: str) -> None:
    out = ",".join(can_leave_out(duty.state))
    await duty.journal.write(
        Kind.HELD,
        step="",
        reason=f"the run cannot end: {reason}",
        error="ConditionFailed",
        out_of_service=list(duty.state.out_of_service()),
        ways=["retry", *([f"without {out}"] if out else [])],
        by_hand=duty.state.by_hand(),
        by_hand_waits=duty.state.by_hand_waits(),
    )
