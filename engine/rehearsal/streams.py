"""What a simulated program reads from and writes to.

Terminals are in `engine.rehearsal.terminals`; this is what they have in common with pipes.
"""

from __future__ import annotations

from typing import Protocol

from engine.rehearsal.files import OpenFile


class Sink(Protocol):
    """Where a program writes."""

    is_tty: bool

    def write(self, text: str) -> None:
        """Take text."""
        ...


class Source(Protocol):
    """Where a program reads."""

    async def readline(self) -> str:
        """Return the next line with its line end, or "" at the end."""
        ...

    async def read(self) -> str:
        """Return everything until the end."""
        ...


class Buffer:
    """A sink that keeps everything, e.g. one side of a pipe."""

    is_tty = False

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        """Keep text."""
        self._parts.append(text)

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)


class Nowhere:
    """`/dev/null` for writing."""

    is_tty = False

    def write(self, text: str) -> None:
        """Forget text."""


class IntoFile:
    """A file open for writing."""

    is_tty = False

    def __init__(self, file: OpenFile) -> None:
        self.file = file

    def write(self, text: str) -> None:
        """Append text."""
        self.file.write(text)


class FromText:
    """A source with known content: a pipe, a file, or nothing."""

    def __init__(self, text: str = "") -> None:
        self._text = text

    async def readline(self) -> str:
        """Return the next line."""
        line, newline, self._text = self._text.partition("\n")
        return line + newline

    async def read(self) -> str:
        """Return the rest."""
        text, self._text = self._text, ""
        return text
