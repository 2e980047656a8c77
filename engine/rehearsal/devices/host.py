"""One member as a machine with a shell: which programs it has, and its login shell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.rehearsal import programs
from engine.rehearsal.files import Files
from engine.rehearsal.group import Group
from engine.rehearsal.interpreter import Process, Program, SessionLeft, State, run_line
from engine.rehearsal.member import Member
from engine.rehearsal.syntax import UnsupportedSyntax
from engine.rehearsal.terminals import Tty

INTERRUPTED = 130

CONTEXT = "INSTANCE_VSID"
"""The variable in which `vsenv` keeps the Virtual System of a shell [B]."""

REFUSALS = frozenset({95, 96, 97, 98})
"""Statuses with which a line of the bot refuses to act: the wrong member, traffic elsewhere,
fenced, a session is open."""


@dataclass
class Host:
    """A member as the interpreter sees it."""

    group: Group
    member: Member
    table: Mapping[str, DeviceProgram]

    @property
    def files(self) -> Files:
        """The member's file system."""
        return self.member.files

    def program(self, name: str) -> Program | None:
        """Return a program of Security Groups, or an ordinary one."""
        device = self.table.get(name)
        if device is None:
            return programs.program(name)

        async def bound(process: Process) -> int:
            self.group.advance()
            return await device(self, process)

        return bound

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        await self.group.sleep(seconds)

    def left(self, status: int) -> None:
        """Tell the witness that a line refused to act; see `REFUSALS`."""
        if status in REFUSALS:
            self.group.refused(self.member, status)

    def on(self, member: Member) -> Host:
        """Return another member as a machine."""
        return Host(self.group, member, self.table)

    def stamp(self) -> str:
        """Return the date as the installer's frames show it."""
        return self.group.wall(self.member).strftime("%a %b %d %H:%M:%S UTC %Y")

    def name_of(self, member: Member) -> str:
        """Return `1_01 (local)` or `1_02`."""
        return f"{member.padded} (local)" if member is self.member else member.padded


DeviceProgram = Callable[[Host, Process], Awaitable[int]]


async def login_shell(host: Host, state: State) -> int:
    """Talk to a person at the Expert prompt until `exit`.

    Source: the prompt with its title sequence, SGM_upgrade, 00-complete_upgrade_to_R81.log.
    """
    stdin = state.descriptors[0]
    if not isinstance(stdin, Tty):
        return 0
    when = host.group.wall(host.member).strftime("%a %b %d %H:%M:%S %Y")
    stdin.write(f"Last login: {when}\n")
    stdin.write("\nWarning: System diagnostics failed on the following tests: Core Dumps.\n")
    first = "\x1b[?1034h"
    while True:
        stdin.write(
            f"\x1b]0;admin@{host.member.host_name}:~\x07{first}"
            f"[Expert@{host.member.host_name}:{state.variables.get(CONTEXT, '0')}]# "
        )
        first = ""
        line = await stdin.readline()
        if not line:
            return 0
        try:
            state.status = await _in_foreground(line, state, stdin)
        except SessionLeft as left:
            stdin.write("logout\n")
            return left.status


async def _in_foreground(line: str, state: State, tty: Tty) -> int:
    task = asyncio.get_running_loop().create_task(run_line(line, state))
    outer, tty.foreground = tty.foreground, task
    try:
        await asyncio.wait({task})
    finally:
        tty.foreground = outer
        if not task.done():
            task.cancel()
    if task.cancelled():
        tty.write("\n")
        return INTERRUPTED
    problem = task.exception()
    if isinstance(problem, UnsupportedSyntax):
        tty.write(f"rehearsal: unsupported: {problem}\n")
    return task.result()
