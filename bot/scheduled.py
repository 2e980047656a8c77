"""What will happen when: the runs that wait for their time. Pure.

For the app's home, the command line, and who asks. A run is in this list from its order until its
appointment has come; then it is a run as any other. How a moment is told to people is in
`bot.views.schedule`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.views import schedule
from bot.views.story import Story
from bot.views.words import brought, take_words, what_for
from engine import attendance
from engine.model import Plan, StepKind


@dataclass(frozen=True)
class Scheduled:
    """One run that waits for its time.

    Attributes:
        run: its id.
        group: the Security Group.
        kind: what was ordered: "install", "uninstall", "finish" or "rollback".
        what: that in a few words of plain text.
        start: when it may begin; of a scheduled rollback, when it is due.
        until: the end of its window; None where it is none.
        state: "waiting for approval", "appointed", "waits: …" (what is in the way), "keep asked",
            "due" (a rollback that nobody has kept), or "held: …".
        lacking: who still has to say that they will be there; "" where nobody is lacking.
        by: who ordered it.
        zone: the time zone in which it was ordered.
    """

    run: str
    group: str
    kind: str
    what: str
    start: datetime
    until: datetime | None
    state: str
    lacking: str
    by: str
    zone: str

    def as_json(self) -> dict[str, Any]:
        """Return it for programs; moments in ISO 8601."""
        return {
            "run": self.run,
            "group": self.group,
            "kind": self.kind,
            "what": self.what,
            "start": self.start.isoformat(),
            "until": self.until.isoformat() if self.until is not None else None,
            "state": self.state,
            "lacking": self.lacking,
            "ordered_by": self.by,
        }

    def __str__(self) -> str:
        until = f" until {schedule.there(self.until, self.zone)}" if self.until is not None else ""
        lacking = f"there at its time: lacking {self.lacking}  " if self.lacking else ""
        return (
            f"{schedule.there(self.start, self.zone)}{until}  {self.run}  {self.group}  "
            f"{self.what}  {self.state}  {lacking}ordered by {self.by}"
        )


def scheduled(story: Story) -> Scheduled | None:
    """Return what a run waits to do; None where it waits for no time."""
    plan, request = story.plan, story.state.the_request
    if plan.appointment is None or not schedule.is_ahead(story.state):
        return None
    return Scheduled(
        run=story.state.run,
        group=plan.security_group,
        kind=request.kind,
        what=_what(plan),
        start=plan.appointment.start,
        until=plan.appointment.until,
        state=_state(story),
        lacking=attendance.lacking(story.state) if attendance.is_asked(story.state) else "",
        by=request.requester_name or request.requester,
        zone=plan.appointment.zone,
    )


def in_order(stories: Iterable[Story]) -> list[Scheduled]:
    """Return what is scheduled, what comes first first."""
    found = [one for story in stories if (one := scheduled(story)) is not None]
    return sorted(found, key=lambda one: (one.start, one.run))


def _what(plan: Plan) -> str:
    if plan.is_scheduled_rollback:
        return f"keep {brought(plan)}, or roll back to {take_words(plan.take_after)}"
    return what_for(plan)


def _state(story: Story) -> str:
    state, step = story.state, story.state.next_step()
    if state.hold is not None:
        return f"held: {state.hold.reason}"
    if state.resting:
        return "halted" if state.halted else "paused"
    if step is not None and step.kind is StepKind.KEEP:
        return "keep asked"
    if step is not None and step.kind is StepKind.PROPOSAL:
        return "due" if story.plan.is_scheduled_rollback else "waiting for approval"
    return f"waits: {state.waits_for}" if state.waits_for else "appointed"
