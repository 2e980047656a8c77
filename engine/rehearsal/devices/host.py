"""One member as a machine with a shell: which programs it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.rehearsal import programs
from engine.rehearsal.files import Files
from engine.rehearsal.group import Group
from engine.rehearsal.interpreter import Process, Program
from engine.rehearsal.member import Member

CONTEXT = "INSTANCE_VSID"
"""The variable in which `vsenv` keeps the Virtual System of a shell [B]."""

REFUSALS = frozenset({94, 95, 96, 97, 98})
"""Statuses with which a line of the bot refuses to act: the wrong context, the wrong member,
traffic elsewhere, fenced, a session is open."""


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
