"""The windows that stand in a group's settings: failovers begin in them alone. Pure.

Question: a group may be changed on Saturdays from two to five. What of an order for six, for half
past four, or for no time at all? Answer:

- An appointment lies inside one window, or is refused with the nearest one and how it is written.
  Where it says no end, the end of the window is its end; at that the run holds before the next
  Logical Group, as at the end of every window (`engine.appointments`).
- Windows that overlap or adjoin are one.
- Nobody is there to be asked what a time means on the night on which the clocks change. So of two
  readings the one counts that leaves less: the later beginning, the earlier end. A time that is
  left out is the moment of the change.

- A `rollback` that installs (what was taken back before, or uninstalled) is an installation, and
  keeps to the windows as each one does. What a run does counts, not the word for it.

Given up: that what people take back waits, where that takes a package away or a run turns round.
They say so when something is wrong, or have said when it is due; and each of its failovers has a
gate all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.errors import PlanRefused
from engine.model import Appointment, Plan, Request, StepKind
from engine.policy import Span, Windows
from engine.zoned import lasting, offset_text, said

DAY, WEEK = 24 * 60, 7 * 24 * 60
"""In minutes, as spans are counted."""

FOLLOWING = ("finish", "rollback")
"""Kinds of a request of which only the plan tells whether they wait for a window."""

_LONGEST_WRITTEN = timedelta(hours=12)
"""Of a window that is longer than a command can say, the part that is offered in words."""

_WEEKS_AHEAD = 4
"""So far the next one is looked for: a change of the clocks may leave one out, and not two."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """One of them, on its day: from a moment until before another, in UTC."""

    start: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether it is open then."""
        return self.start <= moment < self.until

    def away(self, moment: datetime) -> timedelta:
        """Return how far it is from a moment."""
        return max(self.start - moment, moment - self.until, timedelta(0))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans of the week without those that overlap or adjoin, over its end as well."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    while len(joined) > 1 and joined[-1][1] >= WEEK + joined[0][0]:
        _, end = joined.pop(0)
        joined[-1] = joined[-1][0], max(joined[-1][1], WEEK + end)
    return tuple(joined)


def open_at(windows: Windows, moment: datetime) -> Window | None:
    """Return the window that is open at a moment."""
    return next((one for one in _around(windows, moment) if one.holds(moment)), None)


def nearest(windows: Windows, wanted: datetime, now: datetime) -> Window | None:
    """Return the window nearest to a moment of which enough is to come; None without any.

    The one that is open, or comes next, where that is now.
    """
    found = {*_around(windows, wanted), *_around(windows, now)}
    left = [one for one in found if one.until - max(one.start, now) >= windows.shortest]
    return min(left, key=lambda one: (one.away(wanted), one.start), default=None)


def offered(windows: Windows, now: datetime) -> Appointment | None:
    """Return the appointment for whoever says no time: the open window, or the next one."""
    window = nearest(windows, now, now) if windows.spans else None
    if window is None:
        return None
    return Appointment(max(window.start, now), window.until, zone=windows.zone)


def fitted(windows: Windows, appointment: Appointment) -> Appointment | None:
    """Return an appointment with the end of its window; None where it is not wholly inside one."""
    if not windows.spans:
        return appointment
    window = open_at(windows, appointment.start)
    if window is None or (appointment.until or window.until) > window.until:
        return None
    return replace(appointment, until=appointment.until or window.until)


def ordered(request: Request, windows: Windows, now: datetime) -> Request:
    """Return a request that keeps to the windows of its group.

    What follows a run is known once it is planned: see `once_planned`.

    Raises:
        PlanRefused: it says no time, or one that is not wholly inside of one.
    """
    return request if request.kind in FOLLOWING else _kept(request, windows, now)


def once_planned(request: Request, plan: Plan, now: datetime) -> Request:
    """Return a request that keeps to the windows where what follows a run has to.

    Without a time the window that is open is meant, where enough of it is left.

    Raises:
        PlanRefused: it says no time and none is open, or one that is not wholly inside of one.
    """
    if request.kind not in FOLLOWING:
        return request
    bound = binding(plan)
    meant = request.appointment or offered(bound, now)
    if meant is not None and meant.start <= now:
        request = replace(request, appointment=meant)
    return _kept(request, bound, now)


def _kept(request: Request, windows: Windows, now: datetime) -> Request:
    if not windows.spans:
        return request
    if request.appointment is None:
        raise PlanRefused(
            f"{request.security_group} {rule(windows)}, and no time was said; "
            f"{suggested(windows, now, now)}"
        )
    kept = kept_inside(request.appointment, request.security_group, windows, now)
    return replace(request, appointment=kept)


def binding(plan: Plan) -> Windows:
    """Return the windows that a run must keep to: those it was planned with.

    None for what leads to what was there before, and the rest of that: people say so when something
    is wrong, and members that differ must not have to wait for days.
    """
    return Windows() if plan.gives_back or _turned(plan) else plan.policy.windows


def _turned(plan: Plan) -> bool:
    """Whether a run turned round while it went on: then both ways are in its steps."""
    kinds = {step.kind for step in plan.steps}
    return plan.phase == "rollback" and {StepKind.INSTALL, StepKind.UNINSTALL} <= kinds


def moved(plan: Plan, appointment: Appointment, now: datetime) -> Appointment:
    """Return to when a run is moved, within the windows that its plan was made with.

    Raises:
        PlanRefused: that is not wholly inside of one.
    """
    return kept_inside(appointment, plan.security_group, binding(plan), now)


def kept_inside(
    appointment: Appointment, group: str, windows: Windows, now: datetime
) -> Appointment:
    """Return an appointment with the end of its window.

    Raises:
        PlanRefused: it is not wholly inside of one, or too little of that is left.
    """
    kept = fitted(windows, appointment)
    if kept is None:
        why = "is not inside"
    elif (left := _left(windows, kept, now)) < windows.shortest:
        why = f"leaves {lasting(left)}, where {lasting(windows.shortest)} are needed"
    else:
        return kept
    wanted = _told(Window(appointment.start, appointment.until or appointment.start), windows)
    raise PlanRefused(
        f"{group} {rule(windows)}, and {wanted} {why}; {suggested(windows, appointment.start, now)}"
    )


def _left(windows: Windows, kept: Appointment, now: datetime) -> timedelta:
    """Return how long an appointment is from now on; where nothing binds it, long enough."""
    if not windows.spans or kept.until is None:
        return windows.shortest
    return max(kept.until - max(kept.start, now), timedelta(0))


def rule(windows: Windows) -> str:
    """Say when a group may be changed, to stand behind its name."""
    return f"fails over only in its windows ({in_words(windows)})"


def in_words(windows: Windows) -> str:
    """Return the windows as the settings have them, with their time zone."""
    return f"{', '.join(windows.said)}, {windows.zone}"


def suggested(windows: Windows, wanted: datetime, now: datetime) -> str:
    """Name the window that is nearest to a moment, and how a command says it."""
    window = nearest(windows, wanted, now)
    if window is None:
        return "none is long enough in the weeks to come"
    other = "next" if wanted <= now else "nearest"
    which = "open" if window.holds(now) else other
    return f"{which} is {_told(window, windows)}: write `{written(window, windows, now)}`"


def written(window: Window, windows: Windows, now: datetime) -> str:
    """Return a window as a command says it; of one that is too long for that, its first part."""
    start, until = window.start, window.until
    if until - start > timedelta(minutes=DAY):
        start = max(start, now)
        until = min(until, start + _LONGEST_WRITTEN)
    zone = ZoneInfo(windows.zone)
    begin, end = _clock(start, zone), _clock(until, zone)
    dash = " - " if "UTC" in begin + end else "-"
    return f"window {start.astimezone(zone).date()} {begin}{dash}{end}"


def _told(window: Window, windows: Windows) -> str:
    start, until = (said(one, windows.zone) for one in (window.start, window.until))
    return start if start == until else f"{start} to {until}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time of day as a command says it: with the offset only where it comes twice."""
    local = moment.astimezone(zone).replace(second=0, microsecond=0)
    early, late = _readings(local.replace(tzinfo=None), zone)
    offset = f" {offset_text(local.utcoffset() or timedelta())}" if early != late else ""
    return f"{local:%H:%M}{offset}"


# ------------------------------------------------------------------------------ week by week


def _around(windows: Windows, moment: datetime) -> Iterator[Window]:
    """Yield the windows that may be open at a moment, and those of the weeks after it."""
    zone = ZoneInfo(windows.zone)
    local = moment.astimezone(zone).replace(tzinfo=None)
    monday = local.replace(hour=0, minute=0, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    for week in range(-1, _WEEKS_AHEAD):
        first = monday + timedelta(weeks=week)
        for begin, end in windows.spans:
            _, start = _readings(first + timedelta(minutes=begin), zone)
            until, _ = _readings(first + timedelta(minutes=end), zone)
            if start < until:
                yield Window(start, until)


def _readings(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the earlier and the later moment that a local time means; as a rule they are one."""
    early, late = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early, late
    change = _change(early, late, zone)
    return change, change


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks change that do so between two moments."""
    former = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        same = middle.astimezone(zone).utcoffset() == former
        before, after = (middle, after) if same else (before, middle)
    return after.replace(microsecond=0)
