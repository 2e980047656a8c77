"""Finds the run that somebody means, and says how runs stand. Reads the journal, writes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from bot.looks import Looks
from bot.views import attendance, schedule
from bot.views.format import bar, code, escape, moment
from bot.views.story import Story
from bot.views.unattended import nobody, nobody_on
from bot.views.words import counted, headline, needs, steps_done
from engine import last_read
from engine.attendance import is_asked
from engine.clock import SystemClock
from engine.errors import NotUnderstood, RecordSpoilt
from engine.fold import RunState
from engine.freezes import ALL, Freeze, against, coming, in_force, told_of
from engine.model import Appointment
from engine.ports import Clock
from storage.records import HOUSE, DeliveryStore, JournalStore, Record, RunRow, is_run


class NoSuchRun(Exception):
    """Nobody can tell which run is meant; the message is finished mrkdwn."""


class Runs:
    """The runs of this house. Synchronous: callers on an event loop use a thread."""

    def __init__(
        self,
        journal: JournalStore,
        deliveries: DeliveryStore,
        groups: Sequence[str],
        clock: Clock | None = None,
        tags: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._journal = journal
        self._deliveries = deliveries
        self._groups = groups
        self._clock = clock or SystemClock()
        self._tags = tags or {}
        self._looks = Looks(journal)
        self.unattended: Callable[[], Mapping[str, datetime]] = dict
        """Returns the groups on which nobody acts, each with since when; see `bot.unattended`."""

    def in_thread(self, channel: str, thread_ts: str) -> str:
        """Return the run that a thread tells about, or ""."""
        root = self._deliveries.by_ts(channel, thread_ts)
        found = root.message_key.partition("/")[0] if root else ""
        return found if is_run(found) else ""

    def is_open(self, run: str) -> bool:
        """Say whether a run is there and has not ended."""
        row = self._journal.run(run)
        return row is not None and row.open

    def is_busy(self, group: str) -> bool:
        """Say whether a run is under way on a group; one that waits for its time is not."""
        return any(row.group == group and row.occupies for row in self._journal.runs())

    def revision(self, run: str) -> int:
        """Return at which revision a run's plan is: what a person sees who changes it now.

        Raises:
            NoSuchRun: a newer version wrote the run.
        """
        return self.story(run).plan.revision

    def story(self, run: str) -> Story:
        """Return what is known of a run.

        Raises:
            NoSuchRun: a newer version wrote some of it.
        """
        try:
            return story_of(self._journal.read(run))
        except NotUnderstood as error:
            raise NoSuchRun(escape(str(error))) from error

    def open_one(self, target: str) -> str:
        """Return the open run that a person means by a group, a run, or nothing.

        By a group, or by nothing, one that is under way is meant, and none that waits for its time.

        Raises:
            NoSuchRun: there is none, or more than one.
        """
        found = [row for row in self._journal.runs() if target in ("", row.id, row.group)]
        found = [row for row in found if row.occupies] or found
        if found or not target:
            return self._the_only(found)
        if self._journal.run(target) is not None:
            raise NoSuchRun(f"{code(target)} has ended.")
        if target in self._groups:
            raise NoSuchRun(f"No run is open on {code(target)}.")
        raise NoSuchRun(f"There is no run or group {code(target)}{self._nearest(target)}")

    def scheduled_one(self, target: str) -> str:
        """Return the run that waits for its time and is meant by a group, a run, or nothing.

        Raises:
            NoSuchRun: there is none, or more than one.
        """
        return self._waiting_one(target, schedule.is_ahead)

    def attended_one(self, target: str) -> str:
        """Return the run for which it can be said who will be there, meant likewise.

        Raises:
            NoSuchRun: there is none, or more than one.
        """
        return self._waiting_one(target, is_asked)

    def _waiting_one(self, target: str, waits: Callable[[RunState], bool]) -> str:
        rows = [row for row in self._journal.runs() if target in ("", row.id, row.group)]
        found = [row for row in rows if self._is(row.id, waits)]
        if found:
            return self._the_only(found)
        if not rows and target:
            self.open_one(target)  # says what is wrong with the target
        busy = f"; {code(rows[0].id)} is open, and goes on now" if rows else ""
        on = f" by {code(target)}" if target else ""
        raise NoSuchRun(f"Nothing is scheduled{on}{busy}.")

    def movable_one(self, target: str) -> str:
        """Return the run that somebody moves: by a group, or nothing, one that waits for its time.

        Raises:
            NoSuchRun: there is none, or more than one.
        """
        rows = [row for row in self._journal.runs() if target in ("", row.group)]
        found = [row for row in rows if self._is(row.id, schedule.is_ahead)]
        return self._the_only(found) if found else self.open_one(target)

    def _is(self, run: str, waits: Callable[[RunState], bool]) -> bool:
        try:
            return waits(self.story(run).state)
        except NoSuchRun:
            return False

    def _the_only(self, rows: Sequence[RunRow]) -> str:
        if len(rows) == 1:
            return rows[0].id
        if not rows:
            raise NoSuchRun("No run is open.")
        named = ", ".join(f"{code(row.id)} ({escape(row.group)})" for row in rows)
        raise NoSuchRun(f"Which run? Open runs: {named}.")

    def _nearest(self, target: str) -> str:
        known = [*self._groups, *(row.id for row in self._journal.runs(open_only=False))]
        close = difflib.get_close_matches(target, known, n=1)
        return f"; did you mean {code(close[0])}?" if close else "."

    # ------------------------------------------------------------------------- how it stands

    def status(self, target: str) -> str:
        """Say how a run, a group or everything stands, as finished mrkdwn.

        Raises:
            NoSuchRun: the target is neither a run nor a group.
        """
        rows = self._journal.runs(open_only=False)
        if not target:
            lines = [*self._unattended(self._groups), *self._told_of(self.freezes())]
            lines += [told for group in self._groups for told in self._looked(group, wrong=True)]
            return "\n".join([*lines, self._overview([row for row in rows if row.open])])
        mine = [row for row in rows if target in (row.id, row.group)]
        if mine:
            group = mine[-1].group
            ended = [row for row in self._journal.ended(group) if target in (row.id, row.group)]
            told = [row for row in mine if row.open] or ended[:1]
            lines = [*self._unattended([group]), *self._frozen(group)]
            lines += [self._told(row) for row in told]
            return "\n".join([*lines, *self._looked(group)])
        if target in self._groups:
            lines = [*self._unattended([target]), *self._frozen(target)]
            lines += [f"There was never a run on {code(target)}."]
            return "\n".join([*lines, *self._looked(target)])
        raise NoSuchRun(f"There is no run or group {code(target)}{self._nearest(target)}")

    def freezes(self) -> Sequence[Freeze]:
        """Return what is frozen now, `all` first, and then what will be."""
        now, house = self._clock.now(), self._journal.read(HOUSE)
        found = sorted(in_force(house, now), key=lambda one: (one.scope != ALL, one.scope))
        return [*found, *coming(house, now)]

    def frozen_for(self, group: str, appointment: Appointment | None) -> str:
        """Say which freeze would have an order refused now, as plain text; or ""."""
        now, tags = self._clock.now(), self._tags.get(group, ())
        return against(self._journal.read(HOUSE), group, now, appointment, tags=tags)

    def _frozen(self, group: str) -> list[str]:
        tags = self._tags.get(group, ())
        return self._told_of(one for one in self.freezes() if one.holds_for(group, tags))

    def _told_of(self, freezes: Iterable[Freeze]) -> list[str]:
        now = self._clock.now()
        return [f"{'🗓️' if f.coming(now) else '🧊'} {escape(told_of(f, now))}" for f in freezes]

    def _looked(self, group: str, *, wrong: bool = False) -> list[str]:
        """Say what the last daily look found; with `wrong` only where something was."""
        line = self._looks.line(group, wrong=wrong)
        return [f"{code(group, 80)}: {line}"] if line else []

    def nobody_for(self, group: str) -> str:
        """Say that nobody acts on a group, as finished mrkdwn; "" where somebody does."""
        since = self.unattended().get(group)
        return f"🛑 {nobody(group, since)}" if since is not None else ""

    def nobody_on(self, run: str) -> str:
        """Say that nobody acts on the group of a run, with who is down; "" where somebody does.

        Raises:
            NoSuchRun: a newer version wrote the run.
        """
        row, away = self._journal.run(run), self.unattended()
        if row is None or row.group not in away:
            return ""
        return f"🛑 {nobody_on(self.story(run).state, away[row.group])}"

    def _unattended(self, groups: Iterable[str]) -> list[str]:
        """Say on which of these nobody acts, where no open run says it."""
        busy = {row.group for row in self._journal.runs()}
        return [told for one in groups if one not in busy and (told := self.nobody_for(one))]

    def why(self, target: str, user: str) -> str:
        """Say who is still needed at what is asked now, and whose vote did not count and why.

        Raises:
            NoSuchRun: nobody can tell which run is meant.
        """
        story = self.story(self.open_one(target))
        opening = story.opening
        if opening is None:
            hold = story.state.hold
            held = f" Held since {moment(hold.at)}: {escape(hold.reason)}" if hold else ""
            return f"Nothing is asked now. *{escape(headline(story))}*{held}"
        gate = opening.gate
        if gate.outcome == "approved":
            lines = [f"{gate.name} is approved, and about to start."]
        else:
            lines = [f"{gate.name} waits until {moment(gate.expires_at)}: {counted(opening)}."]
            lines += [f"Still needed: {escape(opening.missing)}."] if opening.missing else []
            told = bar(gate.barred, gate.unnamed)
            lines += [f"Cannot be approved for now: {told}."] if gate.barred else []
        lines += [f"Who must approve: {needs(opening, story)}."]
        reasons = {who: reason for who, _, reason in gate.refused if who not in gate.votes}
        click = gate.clicks.get(user)
        if user not in reasons and user not in gate.votes and click is None:
            lines.append("No vote of yours was seen.")
        if click is not None:
            lines.append(_pressed(gate.name, click.choice))
        for who, reason in sorted(reasons.items(), key=lambda one: one[0] != user):
            whose = "Your vote" if who == user else f"The vote of {escape(story.name(who), 80)}"
            lines.append(f"{whose} does not count: {escape(reason)}.")
        return "\n".join(lines)

    def _overview(self, rows: Sequence[RunRow]) -> str:
        busy = {row.group for row in rows}
        idle = [code(group) for group in self._groups if group not in busy]
        lines = [self._told(row) for row in rows]
        if idle:
            lines.append(f"No run is open on {', '.join(idle)}.")
        return "\n".join(lines) or "There are no groups in the settings."

    def _told(self, row: RunRow) -> str:
        records = self._journal.read(row.id)
        try:
            story = story_of(records)
        except NotUnderstood as error:
            return escape(f"{error}. {last_read.sentence(last_read.last_read(records, error))}")
        lines = [self.nobody_on(row.id), f"*{escape(headline(story))}*"]
        appointment = story.plan.appointment
        if appointment is not None and schedule.is_ahead(story.state):
            lines += [f"When: {schedule.when(appointment)}", *attendance.lines(story)]
        hold = story.state.hold
        if hold is not None:
            lines.append(f"Held since {moment(hold.at)}: {escape(hold.reason)}")
        opening = story.opening
        if opening is not None and opening.missing:
            lines.append(f"{opening.gate.name} still needs {escape(opening.missing)}")
        last = moment(records[-1].at)
        lines.append(f"{steps_done(story)}; last record {last}")
        return "\n".join(line for line in lines if line)


def _pressed(gate: str, choice: str) -> str:
    """Say what stands of somebody's clicks, which nothing in Slack shows."""
    if choice == "withdraw":
        return f"You pressed Withdraw: no yes of yours counts at {gate} until you press Approve."
    if choice == "no":
        return "You pressed Reject."
    return (
        "You pressed Approve, and that stands. Taking a check mark away does not take it back; "
        f"Withdraw does, or `@hotfix withdraw {gate}`."
    )


def story_of(records: Sequence[Record]) -> Story:
    """Return what is known of a run from its records.

    Raises:
        NotUnderstood: a newer version wrote some of them, or nobody can read one.
    """
    story = Story()
    for record in records:
        try:
            story.take(record)
        except NotUnderstood:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise RecordSpoilt(record.stream, record.seq) from error
    if not records or story.state.plan is None:
        raise RecordSpoilt(records[0].stream if records else "the run", len(records) + 1)
    return story
