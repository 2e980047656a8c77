"""How long steps take, as an estimate; waiting for people is not in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from engine.appointments import PREPARING
from engine.model import Plan, Step, StepKind

# Minutes of work. Source: a vendor engineer's logs of two-member groups (2022): import under a
# minute, verify 7 s, install until back in service 17 to 21 min. Upload and the looks are guesses.
_MINUTES: Mapping[StepKind, float] = {
    StepKind.PREFLIGHT: 1,
    StepKind.UPLOAD: 2,
    StepKind.IMPORT: 1,
    StepKind.VERIFY: 1,
    StepKind.CLONING_OFF: 1,
    StepKind.READY: 1,
    StepKind.ADMIN_DOWN: 1,
    StepKind.INSTALL: 16,
    StepKind.UNINSTALL: 16,
    StepKind.RETURN: 4,
    StepKind.CLONING_RESTORE: 1,
    StepKind.CLEANUP: 0.5,
    StepKind.POSTFLIGHT: 1,
    StepKind.ADMIN_UP: 1,
    StepKind.COMEBACK: 2,
    StepKind.DELETE: 0.5,
}

_WITHOUT_RESTART: Mapping[StepKind, float] = {StepKind.RETURN: 2}
"""Nobody boots: the quiet time, and bringing the members up. How much shorter an installation is
that needs no restart no source says."""


def work(plan: Plan, steps: Iterable[Step]) -> timedelta:
    """Estimate how long these steps take."""
    minutes = 0.0
    soak = timedelta(0)
    shorter = _WITHOUT_RESTART if plan.package.reboots is False else {}
    for step in steps:
        minutes += shorter.get(step.kind, _MINUTES.get(step.kind, 0))
        soak += plan.policy.soak if step.kind is StepKind.SOAK else timedelta(0)
    return timedelta(minutes=minutes) + soak


def too_long(plan: Plan) -> str:
    """Say that the work is longer than its window, by our estimate, or ""."""
    appointment = plan.appointment
    if appointment is None or appointment.until is None:
        return ""
    later = [step for step in plan.steps if step.kind not in PREPARING]
    takes, window = work(plan, later), appointment.until - appointment.start
    if takes <= window:
        return ""
    return (
        f"the work takes about {_minutes(takes)}, and the window is {_minutes(window)} long: at "
        "its end the run holds before the next Logical Group"
    )


def _minutes(duration: timedelta) -> str:
    return f"{int(duration.total_seconds()) // 60} min"
