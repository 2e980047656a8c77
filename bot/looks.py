"""The last daily look at each group, for those who ask. Reads the journal, writes nothing."""

from __future__ import annotations

from bot.views import drift
from engine.drift import Look, looks_of, stream_of
from storage.records import JournalStore

_NEVER: tuple[int, Look | None] = (0, None)


class Looks:
    """What was found last. Synchronous: callers on an event loop use a thread."""

    def __init__(self, journal: JournalStore) -> None:
        self._journal = journal
        self._last: dict[str, tuple[int, Look | None]] = {}

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
        seq, look = self._last.get(group, _NEVER)
        news = self._journal.read(stream_of(group), after=seq)
        if news:
            look = next(reversed(looks_of(news)), look)
            self._last[group] = (news[-1].seq, look)
        return look

    def _ended_since(self, look: Look) -> str:
        """Return the run that may have mended what was found, or ""."""
        last = next(iter(self._journal.ended(look.group)), None)
        if last is None:
            return ""
        end = self._journal.read(last.id, after=last.last_seq - 1)
        return last.id if end and end[-1].at > look.at else ""
