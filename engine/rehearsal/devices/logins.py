"""What a login ends in: the Expert shell, or gClish and from there by password the Expert shell.

Source: the Expert prompt with its title sequence, SGM_upgrade, 00-complete_upgrade_to_R81.log; the
gClish prompt, ElasticXL lab. All that is said around `expert` and its password is [B], and so is
that a one-line command and `member` end in gClish too where that is the login shell: `member` is
"just a SSH wrapper".
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from engine.rehearsal.devices import clish
from engine.rehearsal.devices.host import CONTEXT, Host
from engine.rehearsal.interpreter import SessionLeft, State, process_of, run, run_line
from engine.rehearsal.syntax import UnsupportedSyntax
from engine.rehearsal.terminals import Tty

INTERRUPTED = 130
EXPERT_MODE = """

Warning! All configuration should be done through clish
You are in expert mode now.

"""


async def login(host: Host, state: State, command: str) -> int:
    """Run a one-line command in the login shell; without one, talk at its prompt."""
    in_gclish = host.group.setup.login_shell == "gclish"
    if command:
        return await (clish.one_line(host, state, command) if in_gclish else run(command, state))
    stdin = state.descriptors[0]
    if not isinstance(stdin, Tty):
        return 0
    when = host.group.wall(host.member).strftime("%a %b %d %H:%M:%S %Y")
    stdin.write(f"Last login: {when}\n")
    stdin.write("\nWarning: System diagnostics failed on the following tests: Core Dumps.\n")
    if in_gclish:
        return await _gclish_prompt(host, state, stdin)
    return await _expert_prompt(host, state, stdin, farewell="logout")


async def _expert_prompt(host: Host, state: State, tty: Tty, *, farewell: str) -> int:
    """Talk to a person at the Expert prompt until `exit`."""
    first = "\x1b[?1034h"
    while True:
        tty.write(
            f"\x1b]0;admin@{host.member.host_name}:~\x07{first}"
            f"[Expert@{host.member.host_name}:{state.variables.get(CONTEXT, '0')}]# "
        )
        first = ""
        line = await tty.readline()
        if not line:
            return 0
        try:
            state.status = await _in_foreground(run_line(line, state), tty)
        except SessionLeft as left:
            tty.write(f"{farewell}\n")
            return left.status


async def _gclish_prompt(host: Host, state: State, tty: Tty) -> int:
    """Talk to a person at the prompt of gClish as a login shell, until `exit`."""
    session = clish.Session(host, process_of([], state))
    while True:
        session.screen.say(session.prompt)
        line = (await tty.readline()).strip()
        if line in ("exit", "quit") or tty.ended:
            return 0
        if line == "expert":
            await _expert(host, state, tty)
        elif line:
            await _in_foreground(session.line(line), tty)


async def _expert(host: Host, state: State, tty: Tty) -> None:
    """Ask for the password, and let in whoever knows it."""
    tty.write("Enter expert password:")
    tty.echo = False
    answer = await tty.readline()
    tty.echo = True
    if answer.removesuffix("\n") != host.group.setup.expert_password:
        tty.write("\nWrong password.\n")
        host.group.moment("expert_refused", host.member.id)
        return
    tty.write(EXPERT_MODE)
    await _expert_prompt(host, state, tty, farewell="exit")


async def _in_foreground(work: Coroutine[Any, Any, int], tty: Tty) -> int:
    task = asyncio.get_running_loop().create_task(work)
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
