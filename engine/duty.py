"""What an executor has in hand while it carries out one run: journal, group, people, time.

`Duty` bundles them and offers the few things that every step needs: look and record what is
new, wait, intend, finish. What a step does is in `engine.steps`; what follows what is in
`engine.runner`.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from engine import recovery
from engine.answering import Answer, AnswerQueue
from engine.canon import to_json
from engine.errors import (
    ConditionFailed,
    MaintenanceError,
    MemberUnreachable,
    PeopleUnreadable,
    Stopped,
    TooLate,
    UnexpectedOutput,
)
from engine.facts import GroupFacts, MemberFacts, MemberId, differences, in_service
from engine.fold import RunState
from engine.former import kept_before
from engine.group import LiveGroup
from engine.invariants import (
    cpuse_silent,
    left_out_moved,
    left_service,
    policy_drift,
    policy_drift_together,
    site_failover,
)
from engine.journal import ENGINE, Kind, RunJournal
from engine.model import Plan, Step, StepKind
from engine.ports import Clock, People
from engine.questions import AskedInTime
from engine.stopwatch import Stopwatch
from engine.zoned import said
from storage.records import Draft, InboxRow, InboxStore, Json

T = TypeVar("T")

ANSWER_WITHIN = timedelta(seconds=60)
"""The longest that one answer about people is waited for; then it is unreadable."""

IN_TROUBLE_WITHIN = timedelta(seconds=2)
"""The same while a member that must carry traffic does not, for all questions of one hearing."""

_NO_TIME_S = 0.001
"""Seconds that are not worth a wait of their own."""


@dataclass
class Duty:
    """One executor's hands on one run. Nothing in here survives it; the journal does."""

    journal: RunJournal
    group: LiveGroup
    people: People
    inbox: InboxStore
    answers: AnswerQueue
    clock: Clock
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    asked_again: Callable[[], None] = lambda: None
    listen: Callable[[], Coroutine[Any, Any, None]] | None = None
    tags: tuple[str, ...] = ()
    """What the settings name the group by together with others, now."""
    tried_since: dict[str, float] = field(default_factory=dict)
    looked_at: float = float("-inf")
    session_seen_at: datetime | None = None
    confirmed: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict)
    """Who was found to be one who may vote yes: after which record, and in which roles."""
    unnamed_since: dict[str, float] = field(default_factory=dict)
    """Since when Slack has not said who somebody is who votes; longer than one advance."""
    house_at: int | None = None
    """Where the house ended when it was last looked at for a freeze."""
    _hearing: bool = False
    _trouble_since: float | None = None

    def __post_init__(self) -> None:
        """See to it that no question about people keeps a look from being made."""
        self.people = AskedInTime(self.people, self.looking_on)

    @property
    def state(self) -> RunState:
        """The run as its journal tells it."""
        return self.journal.state

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self.journal.state.the_plan

    @property
    def stopwatch(self) -> Stopwatch:
        """How long ago something in the journal was."""
        return self.journal.stopwatch

    async def decide(
        self, drafts: Sequence[Draft], *, take: Sequence[str] = (), tell: Sequence[Answer] = ()
    ) -> None:
        """Append records together with what single persons are told of them; then tell them.

        See `RunJournal.append`. Whoever was to be told is told, also where we end here.
        """
        self.answers.give(await self.journal.append(drafts, take=take, tell=tell))

    def told(self, moment: datetime) -> str:
        """Return a moment as the group's clocks show it, for a sentence."""
        return said(moment, self.state.zone)

    # -------------------------------------------------------------------------- looking

    async def looking_on(self, question: Coroutine[Any, Any, T]) -> T:
        """Return the answer to a question about people; look on while it does not come.

        While a group is out of service by our act it is looked at as often as the policy asks,
        whatever Slack does. Where such a look shows that a member that must carry traffic does
        not, that comes before what anybody says.

        Raises:
            PeopleUnreadable: no answer in time.
        """
        if not self._hearing:
            self._trouble_since = None
        task = asyncio.ensure_future(question)
        until = self.clock.monotonic() + ANSWER_WITHIN.total_seconds()
        try:
            while True:
                left = until - self.clock.monotonic()
                if self._group_in_hand:
                    left = min(left, self._until_next_look(), self._left_in_trouble())
                done, _ = await asyncio.wait({task}, timeout=max(left, 0))
                if done:
                    return task.result()
                if min(until - self.clock.monotonic(), self._left_in_trouble()) <= _NO_TIME_S:
                    raise PeopleUnreadable("Slack did not answer in time")
                if self._until_next_look() <= _NO_TIME_S:
                    await self._look_meanwhile()
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()

    @property
    def _group_in_hand(self) -> bool:
        step = self.state.next_step()
        return step is not None and self.state.group_in_hand(step)

    def _until_next_look(self) -> float:
        """Return the seconds until the policy's next look is due, or less than none."""
        due = self.looked_at + self.plan.policy.watch.total_seconds()
        return due - self.clock.monotonic()

    def _left_in_trouble(self) -> float:
        if self._trouble_since is None:
            return float("inf")
        until = self._trouble_since + IN_TROUBLE_WITHIN.total_seconds()
        return until - self.clock.monotonic()

    async def _look_meanwhile(self) -> None:
        """Look once between; being blind changes nothing here, whoever asked looks again."""
        step = self.state.next_step()
        try:
            facts = await self.glance()
        except MaintenanceError:
            self.looked_at = self.clock.monotonic()
            return
        if step is None or not step.group:
            return
        members = self.plan.group(step.group).members
        if not left_service(members, facts, self.plan, self.state.baseline):
            self._trouble_since = None
        elif self._trouble_since is None:
            self._trouble_since = self.clock.monotonic()

    async def observe(self, *, full: bool = False) -> GroupFacts:
        """Look, and record the look where it shows something new.

        Where we are blind we look again until the policy's blind limit, and hear what people
        say meanwhile: about 35 seconds are normal when the SMO moves.

        Raises:
            MemberUnreachable, TooLate, UnexpectedOutput: still blind at the limit.
        """
        facts = (await self._patiently(full=full)).listing(self.plan.everyone)
        self.looked_at = self.clock.monotonic()
        await self._record(facts)
        return facts

    async def _patiently(self, *, full: bool) -> GroupFacts:
        until = self.clock.monotonic() + self.plan.policy.limits.blind.total_seconds()
        while True:
            try:
                return await self._look(full=full)
            except (MemberUnreachable, TooLate, UnexpectedOutput):
                # What cannot be read may be passing: a member boots, its database is busy.
                if self.clock.monotonic() >= until:
                    raise
            await self.pause(self.plan.policy.watch)

    async def glance(self) -> GroupFacts:
        """Look once, without patience: right before an act, being blind is a reason to stop."""
        facts = (await self._look()).listing(self.plan.everyone)
        self.looked_at = self.clock.monotonic()
        await self._record(facts)
        return facts

    async def _look(self, *, full: bool = False) -> GroupFacts:
        """Look; what cannot be read raises, and may pass.

        Except where the rest shows that a member left service while a group of ours is down: that
        is not waited for.
        """
        try:
            return await self.group.observe(full=full)
        except UnexpectedOutput:
            step = self.state.next_step()
            if step is None or not self.state.group_in_hand(step):
                raise
            facts = await self.group.observe(full=full, in_part=True)
            members = self.plan.group(step.group).members
            shown = facts.listing(self.plan.everyone)
            if not left_service(members, shown, self.plan, self.state.baseline):
                raise
            return facts

    async def _record(self, facts: GroupFacts) -> None:
        if any(member.session_open for member in facts.members):
            self.session_seen_at = self.clock.now()
            self.stopwatch.see(self.session_seen_at)
        package = self.plan.package.name
        before = self.state.facts
        if before is not None and before.digest(package) == facts.digest(package):
            return
        changes = differences(before.digested(package), facts.digested(package)) if before else ()
        drafts = [
            self.journal.draft(
                Kind.SEEN,
                facts=to_json(facts),
                digest=facts.digest(package),
                changes=list(changes),
            )
        ]
        await self.journal.append(
            [
                *drafts,
                *self._policy_alarm(facts),
                *self._left_out_alarm(before, facts),
                *self._site_alarm(facts),
            ]
        )

    def _site_alarm(self, facts: GroupFacts) -> list[Draft]:
        """Return a record of a Site failover that is not ours: told once, when it is seen."""
        reason = site_failover(facts, self.state)
        if not reason:
            return []
        return [self.journal.draft(Kind.ALARMED, what="site", reason=reason, mention=True)]

    def _policy_alarm(self, facts: GroupFacts) -> list[Draft]:
        """Return at most one record, of what no former one has told."""
        alarms = [alarm for alarm in self.state.alarms if alarm["what"] == "policy"]
        told = {drift for alarm in alarms for drift in alarm.get("drifts", [alarm["reason"]])}
        reason = policy_drift_together(facts, self.state, told)
        if not reason:
            return []
        drifts = [drift for drift in policy_drift(facts, self.state) if drift not in told]
        kind = Kind.ALARMED
        return [
            self.journal.draft(kind, what="policy", reason=reason, drifts=drifts, mention=False)
        ]

    def _left_out_alarm(self, before: GroupFacts | None, facts: GroupFacts) -> list[Draft]:
        """Return a record where a member left out stops being surely out of service."""
        reason = left_out_moved(before, facts, self.plan)
        if not reason:
            return []
        return [self.journal.draft(Kind.ALARMED, what="left out", reason=reason, mention=True)]

    async def pause(self, duration: timedelta) -> None:
        """Wait, or less where somebody nudges; then hear what people said meanwhile."""
        self.nudge.clear()
        sleeper = asyncio.ensure_future(self.clock.sleep(duration))
        nudged = asyncio.ensure_future(self.nudge.wait())
        try:
            await asyncio.wait({sleeper, nudged}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            nudged.cancel()
        await self.hear()

    async def hear(self) -> None:
        """Take what people said; not again while that is being done (it may look, and wait)."""
        if self.listen is None or self._hearing:
            return
        self._hearing = True
        try:
            await self.listen()
        finally:
            self._hearing = False
            self._trouble_since = None

    def still_wanted(self, step: Step) -> None:
        """Stop where people have meanwhile halted the run, or dropped this step from its plan.

        Raises:
            Stopped: nothing was written, and nothing is sent.
        """
        dropped = step.kind is not StepKind.ADMIN_UP and all(
            step.id != planned.id for planned in self.plan.steps
        )
        if self.state.halted or dropped:
            raise Stopped(f"{step.id} is not wanted any more")

    async def settle(
        self, step: Step, test: Callable[[GroupFacts], bool], within: timedelta, what: str
    ) -> GroupFacts:
        """Look until the test holds.

        Raises:
            TooLate: it does not hold at the limit; a time-out stops, it never proceeds.
        """
        until = self.clock.monotonic() + within.total_seconds()
        while True:
            facts = await self.observe()
            if test(facts):
                return facts
            if self.clock.monotonic() >= until:
                raise TooLate(f"{step.id}: {what} was not seen within {_minutes(within)}")
            await self.pause(self.plan.policy.watch)

    async def watching(
        self, work: Coroutine[Any, Any, T], on_look: Callable[[GroupFacts], None]
    ) -> T:
        """Do something while the group is looked at as often as the policy asks.

        `on_look` may raise, and a person's stop does; then the work is cancelled first.
        """
        task = asyncio.ensure_future(work)
        revision = self.plan.revision
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=max(self._until_next_look(), 0))
                if done:
                    return task.result()
                on_look(await self.observe())
                await self.hear()
                if self.state.halted or self.plan.revision != revision:
                    raise Stopped("people decided otherwise meanwhile")
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                # Where both went wrong, what ended the watch is what counts.
                task.exception()

    # ----------------------------------------------------------------------- journalling

    async def intend(
        self,
        step: Step,
        facts: GroupFacts,
        *,
        first: Sequence[Draft] = (),
        house: Sequence[Draft] = (),
        unless: Callable[[InboxRow], bool] | None = None,
        house_at: int | None = None,
        **body: Json,
    ) -> None:
        """Write INTENDED: before the act, durable, and only where no word of a person waits.

        Nor one that belongs to no run, of which `unless` is true; nor where the house does not end
        at `house_at` any more.
        """
        self.still_wanted(step)
        self.tried_since.setdefault(step.id, self.clock.monotonic())
        members = step.members or facts.ids
        before = {m.id: recovery.signs(m) for m in facts.some(members)}
        draft = self.journal.draft(
            Kind.INTENDED,
            step=step.id,
            kind=step.kind,
            attempt=self.state.of(step).attempt,
            members=list(step.members),
            before=before,
            states={m.id: m.state for m in facts.members},
            in_service=self.carrying(facts),
            **body,
        )
        await self.journal.append(
            [*first, draft], unless_word=True, unless=unless, house_at=house_at, house=house
        )

    async def done(
        self,
        step: Step,
        *,
        how: str,
        first: Sequence[Draft] = (),
        house: Sequence[Draft] = (),
        **body: Json,
    ) -> None:
        """Write DONE: the effect was seen."""
        self.tried_since.pop(step.id, None)
        attempt = self.state.of(step).attempt
        draft = self.journal.draft(
            Kind.DONE, step=step.id, kind=step.kind, attempt=attempt, how=how, **body
        )
        await self.journal.append([*first, draft], house=house)

    async def break_off(self, error: Exception, *, take: Sequence[str] = ()) -> None:
        """Write BROKEN: a mistake of ours. It waits for `retry`, so there is no crash loop.

        Args:
            error: the mistake. One that holds the run already is not written again.
            take: rows of the inbox that it came from: they would cause it again and again.
        """
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        hold = self.state.hold
        if hold is not None and hold.reason == reason and not take:
            return
        step = self.state.next_step()
        broken = self.journal.draft(
            Kind.BROKEN,
            step=step.id if step is not None else "",
            reason=reason,
            error="Broken",
            out_of_service=list(self.state.out_of_service()),
        )
        await self.journal.append([broken], take=take)

    def tried_for(self, step: Step) -> timedelta:
        """Return for how long this executor has been trying a step."""
        since = self.tried_since.get(step.id, self.clock.monotonic())
        return timedelta(seconds=self.clock.monotonic() - since)

    async def cpuse_answers(self, step: Step, members: Iterable[MemberFacts]) -> bool:
        """Tell whether the CPUSE of each of these answers; where not, wait a little, and look anew.

        It is away for a moment where its agent restarts, while the member carries its traffic.

        Raises:
            ConditionFailed: one stayed silent for the quiet time.
        """
        key, now = f"cpuse/{step.id}", self.clock.monotonic()
        silent = [cpuse_silent(one) for one in members if one.cpuse_silent]
        if not silent:
            self.tried_since.pop(key, None)
            return True
        if now - self.tried_since.setdefault(key, now) >= self.plan.policy.quiet.total_seconds():
            del self.tried_since[key]
            raise ConditionFailed("; ".join(silent))
        await self.pause(self.plan.policy.watch)
        return False

    async def with_former(self, facts: GroupFacts) -> RunState:
        """Return the run with what former ones know of actions that CPUSE calls in progress.

        They are asked only where it does so while it says of itself that it is idle.
        """
        doubtful = [m for m in facts.members if self.state.busy(m) and not m.agent_busy]
        if not doubtful:
            return self.state
        kept = kept_before(await self.journal.formers(), doubtful)
        return replace(self.state, kept_actions={**self.state.kept_actions, **kept})

    def serving(self, facts: GroupFacts) -> list[MemberId]:
        """Return the members in service, of those that the plan is about."""
        words = self.plan.policy.state_words
        return [m.id for m in self.plan.concerning(facts).members if in_service(m, words)]

    def carrying(self, facts: GroupFacts) -> list[MemberId]:
        """Return all members in service, one that was left out and is back as well."""
        words = self.plan.policy.state_words
        return [m.id for m in self.plan.binding(facts).members if in_service(m, words)]

    def found(self, step: Step, facts: GroupFacts) -> recovery.Findings:
        """Say per member what became of an INSTALL or UNINSTALL that was intended."""
        begun = self.state.of(step)
        quiet_for = self.surely_since(
            begun.committed_at, self.state.taken_up_at, self.session_seen_at
        )
        return recovery.change(step, facts, self.plan, begun, quiet_for)

    def surely_since(self, *moments: datetime | None) -> timedelta:
        """Return how much time has surely passed since the last of these that has been."""
        passed = [self.stopwatch.at_least(one) for one in moments if one is not None]
        return min(passed, default=timedelta(0))

    def approvers(self, group: str) -> str:
        """Return the names for the audit prompt: who approved this group's failover."""
        for step in reversed(self.plan.steps):
            gate = self.state.gates.get(step.id)
            if step.group == group and gate is not None and gate.outcome == "approved":
                return ", ".join(v.name for v in gate.votes.values() if v.choice == "yes")
        return self.state.the_request.requester_name or self.state.the_request.requester

    def audit_reason(self) -> str:
        """Return the reason for the audit prompt: run id and ticket."""
        return f"{self.state.run} {self.state.the_request.ticket}".strip()

    def owed(self, kind: Kind, **body: Json) -> Draft:
        """Return the record for the house's stream about cloning that a group owes."""
        return Draft(
            kind,
            self.clock.now(),
            ENGINE,
            {"group": self.plan.security_group, "run": self.state.run, **body},
        )


def _minutes(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"
