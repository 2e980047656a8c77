"""The lines that act, each with its conditions in the same line.

A look may be old by the time a command arrives; a guard is checked by the device's own shell in
the same breath as the act. Exit statuses, told by `@done <status>`:

    95  this is not the member we meant
    96  a member that must carry traffic does not
    97  fenced: a newer executor has been here
    98  a session of ours is still open there
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import ConditionFailed, Fenced, MaintenanceError, StepFailed
from engine.model import MemberId, by_number

WRONG_MEMBER = 95
TRAFFIC = 96
FENCED = 97
SESSION_OPEN = 98

_DONE = re.compile(r"^@done (\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Guard:
    """What must be true on the device for the act to begin.

    Attributes:
        member: the member that the line must run on.
        outside: the members that must be in service; empty for acts that only help.
        directory: where our lock (and epoch) live on a member.
        epoch: the executor's epoch to compare with the one on the device, or None: no fence.
    """

    member: MemberId
    outside: tuple[MemberId, ...]
    directory: str
    epoch: int | None = None


def guarded(command: str, guard: Guard) -> str:
    """Return one line for the Expert shell that runs `command` only where the guard holds.

    The command replaces the subshell (`exec`) and so inherits the lock: while its dialogue
    lives, nobody else of ours can begin another on that member.

    Source: `asg stat -i local_id | active_ids` SGMUP, SMO; the fence is our own design.
    """
    lock = f"{guard.directory}/lock"
    conditions = [
        f"flock -n 9 || exit {SESSION_OPEN}",
        f"[ \"$(asg stat -i local_id | tr -d ' ')\" = {guard.member} ] || exit {WRONG_MEMBER}",
    ]
    if guard.epoch is not None:
        conditions.append(
            f'e=$(cat {guard.directory}/epoch) && [ {guard.epoch} -ge "$e" ] || exit {FENCED}'
        )
    if guard.outside:
        conditions.append(f"{all_active(guard.outside)} || exit {TRAFFIC}")
    inside = "; ".join(conditions)
    return f'mkdir -p {guard.directory}; ( {inside}; exec {command} ) 9>{lock}; echo "@done $?"'


def all_active(members: Sequence[MemberId]) -> str:
    """Return a test that every one of these members is active.

    Source: `asg stat -i active_ids` prints one id per line, padded on the right (SGMUP).
    """
    names = "|".join(sorted(members, key=by_number))
    return f"[ \"$(asg stat -i active_ids | grep -cxE '({names}) *')\" = {len(members)} ]"


def exit_status(text: str) -> int | None:
    """Return the status that a guarded line ended with, or None while it has not ended.

    Source: our own `echo "@done $?"`; the echo of the typed line does not match.
    """
    found = _DONE.search(text)
    return int(found[1]) if found else None


def refusal(status: int, guard: Guard) -> MaintenanceError | Fenced | None:
    """Return the error that an exit status of a guard stands for, or None for the command's own.

    Source: the table in this module's docstring.
    """
    if status == WRONG_MEMBER:
        return StepFailed(f"the session did not end up on {guard.member}; nothing was sent")
    if status == TRAFFIC:
        carrying = ", ".join(guard.outside)
        return ConditionFailed(f"not all of {carrying} are active; nothing was sent")
    if status == FENCED:
        return Fenced(f"{guard.member} has seen a newer executor")
    if status == SESSION_OPEN:
        return StepFailed(f"a session of ours is still open on {guard.member}; nothing was sent")
    return None
