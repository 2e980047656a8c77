"""The lines that act, each with its conditions in the same line, and the lines of the fence.

A look may be old by the time a command arrives; a guard is checked by the device's own shell in
the same breath as the act. Exit statuses, told by `@done <status>`:

    94  the context of Virtual System (or Gateway) 0 could not be entered
    95  this is not the member we meant
    96  a member that must carry traffic does not
    97  fenced: the member does not keep the epoch of whoever sent this line
    98  a session of ours is still open there

What the epoch is for, and who writes it when, is in `engine.fence`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.errors import ConditionFailed, EpochGone, MaintenanceError, SessionOpen, StepFailed
from engine.facts import MemberId, by_number

CONTEXT = 94
WRONG_MEMBER = 95
TRAFFIC = 96
FENCED = 97
SESSION_OPEN = 98

LOCK_WAIT_S = 2
"""How long a line waits for the lock. A look holds it for an instant to tell whether it is free,
and that must not read as an open session."""

BOOT_ID = "/proc/sys/kernel/random/boot_id"
"""Differs after each boot, also after one into an older snapshot. Source: Linux, random(4)."""

_DONE = re.compile(r"@done (\d+)\s*$", re.MULTILINE)

END_OF_LINE = r'\$\s*\?\s*"'
"""A pattern for the end of a guarded line as a terminal echoes it; what follows is the device's.
Blanks: a long line is broken at the terminal's width."""


@dataclass(frozen=True)
class Stamp:
    """Who may act: an epoch, and the database that counted it. Another's says nothing about ours.

    `heir_of` are the databases from which ours was moved; their lower epochs are former ones.
    """

    epoch: int
    database: str
    heir_of: tuple[str, ...] = ()

    def kept(self, boot_id: str) -> str:
        """Return what stands in a member's file while our lines may act in this boot."""
        return f"{self.epoch} {boot_id} {self.database}"


@dataclass(frozen=True)
class Guard:
    """What must be true on the device for the act to begin.

    Attributes:
        member: the member that the line must run on; None: whichever has the group address.
        outside: the members that must be in service; empty for acts that only help.
        directory: where our lock and our epoch live on a member.
        stamp: what the member must keep for its present boot, or None: no fence.
        standing_by: those of `outside` whose Site stood by when it was last looked at.
        said_active: with two Sites, those of `outside` that carried then and said so themselves.
        context: the command that enters the context in which acts belong, or "".
    """

    member: MemberId | None
    outside: tuple[MemberId, ...]
    directory: str
    stamp: Stamp | None = None
    standing_by: tuple[MemberId, ...] = ()
    said_active: tuple[MemberId, ...] = ()
    context: str = ""


def guarded(command: str, guard: Guard) -> str:
    """Return one line for the Expert shell that runs `command` only where the guard holds.

    The command replaces the subshell (`exec`) and so inherits the lock: while its dialogue
    lives, nobody else of ours can begin another on that member. Without `outside` the line has no
    single quote, so that it can be handed to another member in single quotes.

    Source: `asg stat -i local_id | active_ids` SGMUP, SMO; the fence is our own design.
    """
    conditions = [f"flock -w {LOCK_WAIT_S} 9 || exit {SESSION_OPEN}"]
    if guard.member is not None:
        here = f'asg stat -i local_id | grep -qxE "{_either(guard.member)} *"'
        conditions.append(f"{here} || exit {WRONG_MEMBER}")
    if guard.stamp is not None:
        ours = guard.stamp.kept(f"$(cat {BOOT_ID})")
        kept = f'[ "$(cat {guard.directory}/epoch)" = "{ours}" ]'
        conditions.append(f"{kept} || exit {FENCED}")
    if guard.context:
        conditions.append(f"{{ {guard.context}; }} >/dev/null || exit {CONTEXT}")
    if guard.outside:
        traffic = carrying(guard.outside, guard.standing_by)
        if guard.said_active:
            traffic = f"{traffic} && {still_say_active(guard.said_active)}"
        conditions.append(f"{traffic} || exit {TRAFFIC}")
    inside = "; ".join(conditions)
    lock = f"{guard.directory}/lock"
    return f'mkdir -p {guard.directory}; ( {inside}; exec {command} ) 9>{lock}; echo "@done $?"'


def carrying(members: Sequence[MemberId], standing_by: Collection[MemberId] = ()) -> str:
    """Return a test that every one of these members is active, or stands by where its Site does.

    Whether `asg stat -i active_ids` lists the members of a Standby Site is not known. So all of
    them may be listed; or else those of the Active Site are, and each of the others says itself
    that it stands by (or is active) without a problem. Nobody passes without one or the other:
    a member that is ill, is away or does not answer in time says neither; nor do all of them
    where nobody is listed as active: then no Site carries anything already. And when the Sites
    changed places since the look, those that were active are listed no more, and it fails: that
    is not the failover that people said yes to.

    Source: `active_ids` SGMUP; `cphaprob state` SGMUP, and that a healthy member of a Standby
    Site says STANDBY or ACTIVE there [I]; `gexec … -b` SGMUP.
    """
    resting = [one for one in sorted(members, key=by_number) if one in standing_by]
    if not resting:
        return all_active(members)
    active = [one for one in members if one not in resting]
    asked = f'gexec -a -g0 -b {",".join(resting)} -c "cphaprob state"'
    good = r"\(local\) .* (STANDBY|ACTIVE) |Active PNOTEs: *None *$"
    healthy = f"[ \"$({asked} | grep -cE '{good}')\" = {2 * len(resting)} ]"
    somebody = "asg stat -i active_ids | grep -q _"
    first = f"{all_active(active) if active else somebody} && "
    return f"{{ {all_active(members)} || {{ {first}{healthy}; }}; }}"


def still_say_active(members: Sequence[MemberId]) -> str:
    """Return a test that each of these members calls itself ACTIVE.

    Where `asg stat -i active_ids` lists the members of a Standby Site as well, it lists everybody
    also where no Site took over, or where the Sites changed places: then only a member's own word
    tells. Where members of a Standby Site call themselves ACTIVE too, no line can tell, and people
    read that in the proposal (`engine.splitting`).

    Source: as `carrying`.
    """
    names = ",".join(sorted(members, key=by_number))
    asked = f'gexec -a -g0 -b {names} -c "cphaprob state"'
    return f"[ \"$({asked} | grep -cE '\\(local\\) .* ACTIVE ')\" = {len(members)} ]"


def all_active(members: Sequence[MemberId]) -> str:
    """Return a test that every one of these members is active.

    Source: `asg stat -i active_ids` prints one id per line, padded on the right (SGMUP).
    """
    names = "|".join(_either(one) for one in sorted(members, key=by_number))
    return f"[ \"$(asg stat -i active_ids | grep -cxE '({names}) *')\" = {len(members)} ]"


def _either(member: MemberId) -> str:
    """Return a pattern for a member's id in either spelling, `1_1` or `1_01`.

    Source: SGMUP (`1_1`); both are in use, and other commands print `1_01`.
    """
    return member.replace("_", "_0?")


def exit_status(text: str) -> int | None:
    """Return the status that a guarded line ended with, or None while it has not ended.

    Source: our own `echo "@done $?"`; the echo of the typed line does not match.
    """
    found = _DONE.search(text)
    return int(found[1]) if found else None


def printed(text: str) -> str:
    """Return what the command of a guarded line printed, without the line's own end.

    Source: our own `echo "@done $?"`.
    """
    return _DONE.split(text, maxsplit=1)[0]


def refusal(status: int, guard: Guard) -> MaintenanceError | None:
    """Return the error that an exit status of a guard stands for, or None for the command's own.

    Source: the table in this module's docstring.
    """
    where = guard.member or "the member with the group address"
    if status == CONTEXT:
        return StepFailed(f"{where} does not go to the context of 0; nothing was sent")
    if status == WRONG_MEMBER:
        return StepFailed(f"the session did not end up on {where}; nothing was sent")
    if status == TRAFFIC:
        carrying = ", ".join(guard.outside)
        return ConditionFailed(f"not all of {carrying} are active; nothing was sent")
    if status == FENCED:
        return EpochGone(f"{where} does not keep our epoch; nothing was sent", guard.member)
    if status == SESSION_OPEN:
        return SessionOpen(
            f"a session of ours is still open on {where}; nothing was sent",
            f"{guard.directory}/lock",
        )
    return None


# ------------------------------------------------------------------------- the fence's own lines


def kept_here(directory: str) -> str:
    """Return the part of a member's line that says whether our lock is held and what epoch it has.

    Source: flock(1); our own files. Opened with `>>` only where it is there, so that a look makes
    nothing.
    """
    lock = f"{directory}/lock"
    return (
        f"echo @lock; if [ -e {lock} ]; then ( flock -n 9 && echo free || echo held ) 9>>{lock}; "
        f'else echo free; fi; echo @epoch; echo "$(cat {directory}/epoch 2>/dev/null)"'
    )


def read_epochs(directory: str) -> str:
    """Return the line for the group address with which every member says what it keeps of us.

    Source: SGMUP for `gexec -a -g0 -c`, which reaches members that are DOWN too.
    """
    return _on_every_member(kept_here(directory))


def write_epoch(directory: str, stamp: Stamp) -> str:
    """Return the line for the group address that writes the epoch on every member in reach.

    It never lowers one: two executors that write at once do so one after the other (a lock of its
    own, so that an open dialogue does not keep the epoch out), and a higher number stays. So does
    whatever another database has written; of one whose work we go on with, and of the versions
    before databases had ids, only lower numbers are replaced. What is no number is replaced. A new
    file is moved into its place, so that nobody reads half of it.

    Source: SGMUP for `gexec -a -g0 -c`; flock(1); the rest is our own design.
    """
    file = f"{directory}/epoch"
    known = " || ".join(f'[ "$d" = "{one}" ]' for one in (stamp.database, "", *stamp.heir_of))
    write = (
        f"mkdir -p {directory}; ( flock -w {LOCK_WAIT_S} 8 || exit {SESSION_OPEN}; "
        f'e=$(cut -d" " -f1 {file} 2>/dev/null); d=$(cut -s -d" " -f3 {file} 2>/dev/null); '
        f"{known} || exit {FENCED}; "
        f'n={stamp.epoch - 1}; [ "$d" = "{stamp.database}" ] && n={stamp.epoch}; '
        f'[ "${{e:-0}}" -gt $n ] 2>/dev/null && exit {FENCED}; '
        f'echo "{stamp.kept(f"$(cat {BOOT_ID})")}" >{file}.new && mv -f {file}.new {file} '
        f") 8>{file}.lock; "
    )
    return _on_every_member(write + kept_here(directory))


def _on_every_member(line: str) -> str:
    """No single quote may occur in the line."""
    said = f'echo "@member $(asg stat -i local_id)"; echo @boot; cat {BOOT_ID}; {line}; echo @end'
    return f"gexec -a -g0 -c '{said}'; echo @@over"
