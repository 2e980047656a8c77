"""What happens now, in short lines for whoever watches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from bot.chronicle import lines
from engine.journal import Kind
from engine.ports import Clock
from storage.records import Record

QUIET = frozenset({Kind.SEEN, Kind.GATE_SHOWN, Kind.INTENDED, Kind.OWED, Kind.PLANNED})
"""Kinds of record that say little to somebody who looks on."""

LONGEST = 140


class Narrator:
    """Writes to standard error, each line with the seconds since the beginning."""

    def __init__(self, clock: Clock, began: float, name_of: Callable[[str], str | None]) -> None:
        """Take the time, when it began, and what whoever holds a lease is called here."""
        self._clock = clock
        self._began = began
        self._name_of = name_of
        self._records: list[Record] = []
        self._progress = ""

    def say(self, text: str) -> None:
        """Write one line."""
        seconds = self._clock.monotonic() - self._began
        sys.stderr.write(f"{seconds:5.1f} s  {text[:LONGEST]}\n")
        sys.stderr.flush()

    def moment(self, name: str, facts: dict[str, Any]) -> None:
        """Tell what a person does or is told."""
        if name == "did":
            self.say(f"{facts['user']} {facts['what']}")
        if name == "told":
            self.say(f"(only to {facts['to']}: {facts['text']})")

    def record(self, record: Record) -> None:
        """Tell what the journal says."""
        self._records.append(record)
        if record.kind in QUIET:
            return
        if record.kind == Kind.TAKEN_UP:
            self.say(f"  taken up by {self._name_of(record.body['holder']) or 'somebody'}")
            return
        line = lines(self._records)[-1]
        if record.kind == Kind.PROGRESS and line.what == self._progress:
            return
        self._progress = line.what if record.kind == Kind.PROGRESS else self._progress
        self.say(f"  {line.what}")
