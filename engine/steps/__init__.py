"""One coroutine per kind of step: look, decide, intend, act, settle, verify.

Each gets a fresh look, may be called again after any crash, and returns either with the step
done or so that the runner calls it again: nothing is remembered between two calls but the
journal. A person's stop comes as `Stopped`, and everything that the world refuses as a
`MaintenanceError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.duty import Duty
from engine.facts import GroupFacts
from engine.model import Step, StepKind
from engine.steps.changing import change, comeback, soak
from engine.steps.finishing import cloning_restore, delete, postflight
from engine.steps.preparing import cloning_off, import_package, preflight, verify
from engine.steps.traffic import admin_down, admin_up, ready
from engine.uploads import cleanup, upload

FULL_LOOK = frozenset({StepKind.PREFLIGHT, StepKind.READY, StepKind.POSTFLIGHT})

Handler = Callable[[Duty, Step, GroupFacts], Awaitable[None]]

HANDLERS: dict[StepKind, Handler] = {
    StepKind.PREFLIGHT: preflight,
    StepKind.UPLOAD: upload,
    StepKind.IMPORT: import_package,
    StepKind.VERIFY: verify,
    StepKind.CLONING_OFF: cloning_off,
    StepKind.READY: ready,
    StepKind.ADMIN_DOWN: admin_down,
    StepKind.INSTALL: change,
    StepKind.UNINSTALL: change,
    StepKind.RETURN: comeback,
    StepKind.SOAK: soak,
    StepKind.CLONING_RESTORE: cloning_restore,
    StepKind.CLEANUP: cleanup,
    StepKind.DELETE: delete,
    StepKind.POSTFLIGHT: postflight,
    StepKind.ADMIN_UP: admin_up,
    StepKind.COMEBACK: comeback,
}
