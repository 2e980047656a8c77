"""How the installer paints its table, with a terminal and without.

Source: dossier 3.3 and the raw stream in SGM_upgrade, 00-complete_upgrade_to_R81.log: on a
terminal every line ends in two carriage returns, because gClish has a terminal of its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from engine.rehearsal.devices.host import Host
from engine.rehearsal.interpreter import Process

TITLE = "Update Service Engine"
FRAME = "+------------------------------------------------------------------------------+"
RULE = "+-------------+----------------------------------------------------------------+"
SCREEN_LINES = 24
BLANK = " " * 80


class Screen:
    """Prints as gClish does."""

    def __init__(self, host: Host, process: Process) -> None:
        self.host = host
        self.process = process
        self.tty = process.on_terminal

    def say(self, text: str) -> None:
        """Print text; line ends as gClish makes them."""
        self.process.out(text.replace("\n", "\r\n") if self.tty else text)

    def clear(self, *, first: bool) -> None:
        """Clear the screen before a series of frames."""
        if first:
            self.say("\n\x1b[2J\n")
        if self.tty:
            self.say("\x1b[1;1H" + f"{BLANK}\n" * SCREEN_LINES + "\x1b[1;1H")

    def frame(self, rows: Sequence[tuple[str, str]]) -> None:
        """Paint one frame."""
        lines = [FRAME, f"|{'Member ID':<13}|{'Status':<64}|", RULE]
        for name, status in rows:
            wrapped = textwrap.wrap(status, 64, drop_whitespace=True) or [""]
            lines.append(f"|{name:<13}|{wrapped[0]:<64}|")
            lines += [f"|{'':<13}|{more:<64}|" for more in wrapped[1:]]
        lines.append(RULE)
        body = "".join(f"{line}\n" for line in lines)
        if not self.tty:
            self.say(f"{self.host.stamp()}{TITLE}\n{body}\n")
            return
        date = f"{self.host.stamp():<160}{TITLE:<160}"
        rest = " " * (BLANK_TAIL if len(rows) else 0)
        self.say(f"\x1b[1;1H{date}\n{body}{rest}\n\x1b[{6 + len(lines)};1H")


BLANK_TAIL = 1120
"""Blanks that wipe the rest of the screen after the table; counted in the recorded stream."""
