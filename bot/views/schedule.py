"""The words for what waits for its time: when that is, what happens until then, and how to stop it.

A moment is said as the clocks in the group's zone show it, and again as Slack shows each reader
their own time. When what may begin is decided in `engine.appointments`.
"""

from __future__ import annotations

from datetime import datetime

from bot.views.format import Block, button, code, escape, moment, span
from bot.views.story import Opening, Story
from engine import appointments, windows
from engine.fold import RunState
from engine.model import Appointment, Plan, Request, StepKind
from engine.zoned import said

MOVE = "@hotfix move"
"""Said in the thread of a run, it brings it forward or puts it off; the time follows."""

SOME_TIME = "at sat 02:00"
"""A time, as an example."""


def there(at: datetime, zone: str) -> str:
    """Return a moment as the group's clocks show it, as plain text."""
    return said(at, zone)


def both(at: datetime, zone: str) -> str:
    """Return a moment as the group's clocks show it, and each reader's."""
    return f"{there(at, zone)}, your time {moment(at)}"


def when(appointment: Appointment) -> str:
    """Return from when, and until when, as finished mrkdwn."""
    begins = both(appointment.start, appointment.zone)
    if appointment.until is None:
        return begins
    return f"from {begins}; until {both(appointment.until, appointment.zone)}"


def shortly(appointment: Appointment) -> str:
    """Return the same in a few words of plain text, for a first line."""
    begins = there(appointment.start, appointment.zone)
    if appointment.until is None:
        return begins
    return f"{begins} until {there(appointment.until, appointment.zone)}"


# ------------------------------------------------------------------------------ how it stands


def is_ahead(state: RunState) -> bool:
    """Whether the run has an appointment that it still waits for, or is to wait for."""
    plan = state.plan
    if state.ended is not None or plan is None or plan.appointment is None:
        return False
    kinds = (StepKind.APPOINTMENT, StepKind.KEEP)
    return any(s.kind in kinds and state.of(s).status != "done" for s in plan.steps)


def can_be_cancelled(state: RunState) -> bool:
    """Whether nothing of it is under way, so that a word ends it without any act on a device."""
    return is_ahead(state) and not state.occupies and state.hold is None and not state.resting


def state_word(story: Story) -> str:
    """Say in a few words how a run with an appointment stands; "" where that says nothing."""
    state, opening, plan = story.state, story.opening, story.plan
    if plan.appointment is None:
        return ""
    starts = there(plan.appointment.start, plan.appointment.zone)
    if opening is None:
        return _between(state, plan, starts)
    gate, kind = opening.gate, opening.step.kind
    if gate.outcome == "approved":
        late = begins(opening)
        if late is None or late == gate.starts_at:
            return ""
        return f"Approved {gate.name}, begins {there(late, plan.appointment.zone)}"
    if kind is StepKind.KEEP:
        return f"Keep it? {gate.name}, due {starts}"
    if kind is StepKind.PROPOSAL and plan.is_scheduled_rollback:
        return f"Rollback due, waiting for approval {gate.name}"
    return f"Waiting for approval {gate.name}, for {starts}" if is_ahead(state) else ""


def begins(opening: Opening) -> datetime | None:
    """Return when what a gate was approved for begins; None before that."""
    gate = opening.gate
    if gate.starts_at is None:
        return None
    return appointments.begins_at(opening.plan, opening.step.kind, gate.starts_at)


def _between(state: RunState, plan: Plan, starts: str) -> str:
    """Say how it stands where nobody is asked."""
    step = state.next_step()
    if state.aborted or step is None:
        return ""
    if step.kind is StepKind.APPOINTMENT:
        return (
            f"Due, and waits: {state.waits_for}" if state.waits_for else f"Scheduled for {starts}"
        )
    if step.kind is StepKind.KEEP:
        return f"Keep it? Due {starts}"
    if state.waits_to_prepare:
        return f"Scheduled for {starts}, and waits: {state.waits_for}"
    due = step.kind is StepKind.PROPOSAL and plan.is_scheduled_rollback
    return "Rollback due" if due else ""


def next_words(story: Story) -> str:
    """Say what comes next in a run that waits for its appointment; "" elsewhere."""
    state, plan = story.state, story.plan
    opens = appointments.opens_at(plan)
    if plan.appointment is None or opens is None:
        return ""
    if state.waits_to_prepare:
        return f"it waits: {escape(state.waits_for)}. It goes on by itself when that is over"
    if not state.at_appointment:
        return ""
    zone = plan.appointment.zone
    if state.waits_for:
        latest = appointments.latest_at(plan, _last_said(state)) or plan.appointment.start
        return (
            f"its time has come, and it waits: {escape(state.waits_for)}. It goes on by itself "
            f"when that is over; from {both(latest, zone)} on it asks first"
        )
    first = (
        "a full look, and the first approval" if opens < plan.appointment.start else "a full look"
    )
    return f"{both(opens, zone)}: {first}. Until then the group is free for other runs"


def _last_said(state: RunState) -> datetime | None:
    """Return when people last said that it may go on."""
    approved = [gate.closed_at for gate in state.gates.values() if gate.outcome == "approved"]
    return max(filter(None, (*approved, state.retried_at)), default=None)


def stop(state: RunState) -> Block:
    """Return the button that cancels what is scheduled: the word `abort`, asked once more.

    What it does is also true of a run that has begun meanwhile.
    """
    return button(
        "Cancel it",
        "word:abort",
        f"{state.run} {state.stopped_by}",
        f"{state.run} on {state.the_plan.security_group} ends, and nothing is begun at its time. "
        "Where it has begun meanwhile, it goes to its nearest safe end.",
        style="danger",
        spoken=f"Cancel {state.run} on {state.the_plan.security_group}",
    )


def move_words(plan: Plan) -> str:
    """Say how a run is moved, and to when for example."""
    return f"`{MOVE} {later_time(plan)}` in the thread moves it; the approval is asked anew"


def later_time(plan: Plan) -> str:
    """Return a time after its own that a run may be moved to, as an example."""
    due = plan.appointment
    return other_time(plan, due.until or due.start) if due is not None else SOME_TIME


def other_time(plan: Plan, since: datetime) -> str:
    """Return a time that a run may be moved to: where its group has windows, the next one."""
    there = windows.binding(plan)
    found = windows.nearest(there, since, since)
    return windows.written(found, there, since) if found is not None else SOME_TIME


# -------------------------------------------------------------------------------- what is asked


def appointment_lines(plan: Plan, asked_at: datetime) -> list[str]:
    """Return what a proposal says of its appointment; nothing where it begins at once.

    `asked_at` is when the proposal was asked: what was past by then is not told as if it came.
    """
    appointment = plan.appointment
    if appointment is None:
        return []
    zone, start = appointment.zone, appointment.start
    asked = f" ({code(appointment.said, 80)})" if appointment.said else ""
    lines = [f"*When:* {when(appointment)}{asked}"]
    if windows.binding(plan).spans:
        rule = windows.rule(plan.policy.windows)
        lines.append(f"• {code(plan.security_group, 80)} {escape(rule, 400)}.")
    if plan.is_scheduled_rollback:
        return lines
    opens = appointments.opens_at(plan) or start
    waits, ahead = opens > asked_at, start > asked_at
    if plan.policy.prepare == "now":
        free = "; then the group is free for other runs until the appointment" if waits else ""
        then = both(opens, zone) if waits else "Once it is prepared"
        lines += [
            "• *With this approval:* the package is prepared at once, without touching "
            f"traffic{free}.",
            f"• *{then}:* a full look, auto-clone off, and the first failover is asked for.",
        ]
    elif waits:
        lines.append(
            "• *With this approval* nothing is begun: also the preparation waits for the "
            "appointment."
        )
    else:
        lines.append(
            "• *With this approval* it is prepared at once; once it is prepared, the first "
            "failover is asked for."
        )
    if ahead:
        good = appointments.good_until(plan, StepKind.FAILOVER, plan.policy.failover, start)
        lines.append(
            f"• A failover that is approved before its time is good until {both(good, zone)}."
        )
    if appointment.until is None:
        before = f"No failover begins before {there(start, zone)}. " if ahead else ""
        lines.append(
            f"• {before}More than {span(plan.policy.late)} late nothing begins by itself: people "
            "are asked."
        )
    else:
        lines.append(
            "• No failover begins outside of the window. At its end the run holds before the next "
            "Logical Group, never inside one, and people are asked."
        )
    return lines


def rollback_lines(plan: Plan, request: Request) -> list[str]:
    """Return what it means that an installation is ordered with its rollback."""
    if request.rollback_after is None:
        return []
    before = f", at take {plan.take_before}" if plan.package.is_jumbo and plan.take_before else ""
    return [
        f"*Afterwards:* {code(request.rollback_said or 'rollback', 80)}. With the end of this "
        "installation a run of its own begins, which asks whether the hotfix is kept.",
        "• Kept, with the votes of a failover: it stays, and that run ends.",
        f"• Not kept within {span(request.rollback_after)}: the rollback is due and asked for, "
        "each day anew. Nothing is taken back without approval, and the hotfix stays meanwhile.",
        f"• A rollback gives back the software of before{before}. What was configured or written "
        "since then stays as it is.",
    ]
