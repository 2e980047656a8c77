"""The last daily look at each group, for those who ask. Reads the journal, writes nothing."""

from __future__ import annotations

from bot.views import drift
from engine.drift import Look, look_of, stream_of
from storage.records import JournalStore


class Looks:
    """What was found last. Synchronous: callers on an event loop use a thread."""

    def __init__(self, journal: JournalStore) -> None:
        self._journal = journal
        self._last: dict[str, tuple[int, Look]] = {}

    def line(self, group: str, *, wrong: bool = False) -> str:
        """Say what was found last and when, as finished mrkdwn; "" where nothing is to be said.

        Args:
            group: its name.
            wrong: whether that all was well is nothing to be said.
        """
        look = self._last_of(group)
        if look is None or (wrong and not look.findings):
            return ""
        since = self._ended_since(look) if look.findings else ""
        return f"{drift.line(look)}{f'; {since} has ended since' if since else ''}"

    def _last_of(self, group: str) -> Look | None:
        # Years of them need not be read again for each answer.
        seq, look = self._last.get(group, (0, None))
        news = self._journal.read(stream_of(group), after=seq)
        if news:
            look = look_of(news[-1])
            self._last[group] = (news[-1].seq, look)
        return look

    def _ended_since(self, look: Look) -> str:
        """Return the run that may have mended what was found, or ""."""
        rows = self._journal.runs(group=look.group, open_only=False)
        last = next((row for row in reversed(rows) if not row.open), None)
        if last is None:
            return ""
        end = self._journal.read(last.id, after=last.last_seq - 1)
        return last.id if end and end[-1].at > look.at else ""
