"""A time in which the database was away: what people are told of it.

While it lasts nothing is sent and nothing can be recorded, so only the log can speak, to whoever
looks after the bot's machine. Afterwards the thread says it, to whoever waited there. Noticing it,
and going on, is `engine.worker`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from engine.fold import RunState
from engine.journal import Kind, RunJournal

log = structlog.get_logger(__name__)

TOLD = timedelta(seconds=30)
"""A longer one is told in the thread. A guess: a shorter one delays a night less than one look."""


@dataclass(frozen=True)
class Outage:
    """The database was away, from when and for how long, as this process saw it."""

    since: datetime
    lasted: timedelta

    def after(self, former: Outage | None) -> Outage:
        """Return this one joined with a former one that could not be told yet."""
        if former is None:
            return self
        return Outage(former.since, former.lasted + self.lasted)

    async def tell(self, journal: RunJournal) -> None:
        """Record it for a run, once: also where a former answer to this was lost."""
        since = self.since.isoformat()
        if self.lasted < TOLD or any(one.get("since") == since for one in journal.state.alarms):
            return
        minutes = max(1, round(self.lasted.total_seconds() / 60))
        await journal.write(
            Kind.ALARMED,
            what="database",
            since=since,
            reason=f"the database did not answer for {minutes} min, and nothing was sent meanwhile",
            mention=bool(journal.state.out_of_service()),
        )


def log_by_hand(state: RunState) -> None:
    """Log what a run that must stop now leaves down, and what brings it up without us."""
    if state.by_hand():
        log.error(
            "members are out of service, and nothing brings them up while the database is away",
            run=state.run,
            out_of_service=list(state.out_of_service()),
            by_hand=state.by_hand(),
            by_hand_waits=state.by_hand_waits(),
        )
