"""Logins to the simulated group: one-line commands, terminals, and what drops them.

Both the in-process shell and the SSH server use these, so that they behave alike.
"""

from __future__ import annotations

import asyncio

from engine.rehearsal.devices import host_of
from engine.rehearsal.devices.host import Host
from engine.rehearsal.devices.logins import login
from engine.rehearsal.group import Group
from engine.rehearsal.interpreter import State
from engine.rehearsal.streams import FromText, Sink, Source
from engine.rehearsal.syntax import UnsupportedSyntax
from engine.rehearsal.terminals import Tty


class Refused(Exception):
    """The group address does not answer now."""


class Login:
    """One connection to the group address, which ends at the member that is the SMO."""

    by_address = True

    def __init__(self, group: Group) -> None:
        group.start()
        if not group.answering or group.smo is None:
            raise Refused("the group address does not answer")
        self.group = group
        self.member = group.members[group.smo]
        self.path = [self.member.id]
        self.dropped = asyncio.Event()
        self.why = ""
        self._tasks: set[asyncio.Task[int]] = set()
        group.sessions.append(self)

    @property
    def open(self) -> bool:
        """Tell whether it still stands."""
        return not self.dropped.is_set()

    def drop(self, why: str) -> None:
        """Close it from the far side; what runs in it gets a hang-up."""
        self.why = why
        self.dropped.set()
        if self in self.group.sessions:
            self.group.sessions.remove(self)
        for task in list(self._tasks):
            task.cancel()

    def close(self) -> None:
        """Close it from the near side."""
        self.drop("closed by us")

    def start(self, command: str, stdin: Source, stdout: Sink, stderr: Sink) -> asyncio.Task[int]:
        """Run a command line in this session; no command line is a login shell."""
        host = host_of(self.group, self.member)
        state = State(host, {0: stdin, 1: stdout, 2: stderr})
        self.group.moment(f"command:{command}")
        task = asyncio.get_running_loop().create_task(self._run(command, host, state))
        if isinstance(stdin, Tty):
            stdin.foreground = None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not self.open:
            task.cancel()
        return task

    async def _run(self, command: str, host: Host, state: State) -> int:
        try:
            return await login(host, state, command)
        except UnsupportedSyntax as problem:
            self.group.unsupported.append(str(problem))
            raise
        finally:
            state.close()


def nothing() -> FromText:
    """Return the standard input of a command without a terminal."""
    return FromText()
