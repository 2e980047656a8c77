"""The last daily look at each group, for those who ask. Reads the journal, writes nothing."""

from __future__ import annotations

from engine.drift import Look, look_of, stream_of
from storage.records import JournalStore


class Looks:
    """What was found last. Synchronous: callers on an event loop use a thread."""

    def __init__(self, journal: JournalStore) -> None:
        self._journal = journal
        self._last: dict[str, tuple[int, Look]] = {}

    def last(self, group: str) -> Look | None:
        """Return the last daily look at a group; None where it was never looked at."""
        # Years of them need not be read again for each answer.
        seq, look = self._last.get(group, (0, None))
        news = self._journal.read(stream_of(group), after=seq)
        if news:
            look = look_of(news[-1])
            self._last[group] = (news[-1].seq, look)
        return look
