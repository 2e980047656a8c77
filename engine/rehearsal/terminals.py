"""A simulated pseudo-terminal: echo, line discipline, Ctrl-C.

The person (or the bot) is on one side, programs are on the other. Sessions are in
`engine.rehearsal.sessions`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

INTERRUPT = "\x03"
END_OF_FILE = "\x04"


class Tty:
    """One pseudo-terminal."""

    is_tty = True

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._lines: deque[str] = deque()
        self._partial = ""
        self._ended = False
        self._news = asyncio.Event()
        self.foreground: asyncio.Task[int] | None = None
        self.echo = True

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will be typed, and all that was is read."""
        return self._ended and not self._lines

    def write(self, text: str) -> None:
        """Take what a program prints; a line feed becomes carriage return and line feed."""
        self._show(text.replace("\n", "\r\n"))

    async def readline(self) -> str:
        """Return the next typed line, or "" when the session ended."""
        while not self._lines and not self._ended:
            self._news.clear()
            await self._news.wait()
        return self._lines.popleft() if self._lines else ""

    async def read(self) -> str:
        """Return what is typed until the session ends."""
        text = ""
        while line := await self.readline():
            text += line
        return text

    def typed(self, text: str) -> None:
        """Take what the person types: echo it, and pass on whole lines."""
        for char in text.replace("\r\n", "\n").replace("\r", "\n"):
            if char == INTERRUPT:
                self._show("^C")
                self._partial = ""
                if self.foreground is not None:
                    self.foreground.cancel()
            elif char == END_OF_FILE:
                self.hang_up()
            elif char == "\n":
                self._echo("\r\n")
                self._lines.append(self._partial + "\n")
                self._partial = ""
            else:
                self._echo(char)
                self._partial += char
        self._news.set()

    def _echo(self, text: str) -> None:
        if self.echo:
            self._show(text)

    def hang_up(self) -> None:
        """Nothing more will be typed."""
        self._ended = True
        self._news.set()
