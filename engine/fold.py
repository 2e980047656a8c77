"""The fold of a run: what is true of it, rebuilt from its records and never stored.

`RunState.replay` is a pure fold over records, and every way into a run (approval, resume, alarm,
restart) begins with it. It knows a record by the name of its kind, and refuses one that it does
not know.

Not here: what can be written, and by whom (engine.journal); what follows from a state for the
next act (engine.runner, engine.gates, engine.invariants).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from engine import appointments
from engine.canon import Unfamiliar, from_json, whole_from_json
from engine.errors import NotUnderstood, RecordSpoilt
from engine.facts import GroupFacts, MemberFacts, by_number, in_service, spelled
from engine.model import Plan, Request, Step, StepKind
from engine.policy import GatePolicy
from storage.records import UNREADABLE, Draft, Json, Record, RunRow

LAST_CALL = timedelta(minutes=1)
"""The last reminder of a gate leaves at least so much time to read it and to vote; a guess."""


_NOT_IN_HAND = (StepKind.READY, StepKind.FAILOVER, StepKind.START, StepKind.SOAK)
"""Steps of a group at which it is not out of service by our act, whatever was done before."""


@dataclass(frozen=True)
class StepState:
    """How far a step has come in its present attempt.

    `actions` is what CPUSE was seen at, by member, before it restarted; `on` where a file was sent.
    """

    status: str = "waiting"  # "waiting", "intended" or "done"
    attempt: int = 1
    intended_at: datetime | None = None
    committed_at: datetime | None = None
    committed_on: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    done_at: datetime | None = None
    how: str = ""
    actions: Mapping[str, int] = field(default_factory=dict)
    on: str = ""


@dataclass(frozen=True)
class Restart:
    """That members restart by themselves after a change; `boot_id` is the boot it was begun in."""

    step: Step
    boot_id: str | None


@dataclass(frozen=True)
class Vote:
    """A vote that was accepted. `at` is when we found it."""

    user: str
    name: str
    choice: str
    source: str
    roles: frozenset[str]
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class Click:
    """The last button that a person pressed at a gate, where it was not refused.

    A reaction and a word stand in Slack, and are read there; of a click nothing is left there, so
    it stands here. `pressed` is Slack's moment of it. A no that went with the message on which it
    was put stands here too; its `source` is "reaction", and `pressed` is when it was heard.
    """

    user: str
    choice: str
    code: str
    pressed: datetime
    source: str = "button"


@dataclass(frozen=True)
class GateState:
    """A gate's present opening: what was asked, who has answered, how it ended.

    `opened_at` is when people could begin to vote, where its message came late. `link` is the
    address of its message, "" where it is not known. `former` is where its message stood before
    somebody deleted it. From `escalated_at` on members of the policy's fallback role may approve
    too. `barred` says why nothing can be approved here for now, whoever votes; `unnamed` are the
    persons in it whom Slack does not name.
    """

    step: str
    number: int
    code: str
    opening: int
    plan_digest: str
    facts_digest: str
    facts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    opened_at: datetime
    expires_at: datetime
    shown: tuple[str, str] | None = None
    former: tuple[tuple[str, str], ...] = ()
    clicks: Mapping[str, Click] = field(default_factory=dict)
    votes: Mapping[str, Vote] = field(default_factory=dict)
    refused: tuple[tuple[str, str, str], ...] = ()
    outcome: str = ""  # "", "approved", "rejected", "expired", "superseded"
    reason: str = ""
    closed_at: datetime | None = None
    starts_at: datetime | None = None
    good_until: datetime | None = None
    reminders: int = 0
    escalated_at: datetime | None = None
    link: str = ""
    barred: str = ""
    unnamed: tuple[str, ...] = ()

    @property
    def reminders_at(self) -> tuple[datetime, ...]:
        """When people are reminded: at one and two thirds of the time to vote, and near its end.

        The last one comes when a tenth is left (three minutes of thirty): late enough to say
        something new, early enough to act on. A time so short that this would be no later than
        the one before has two.
        """
        life = self.expires_at - self.opened_at
        thirds = (self.opened_at + life / 3, self.opened_at + 2 * life / 3)
        last = self.expires_at - max(life / 10, LAST_CALL)
        return (*thirds, last) if last > thirds[1] else thirds

    @property
    def name(self) -> str:
        """`G2`, as people call it."""
        return f"G{self.number}"

    @property
    def open(self) -> bool:
        """Whether votes can change anything: also in the grace time after an approval."""
        return self.outcome in ("", "approved")


@dataclass(frozen=True)
class Attendance:
    """What a person said last about being there when the time of the run has come."""

    user: str
    name: str
    there: bool
    roles: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class Hold:
    """Why the engine stopped itself, and what people can do about it."""

    step: str
    reason: str
    error: str
    at: datetime
    out_of_service: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    text: str = ""
    seq: int = 0


@dataclass(frozen=True)
class Restored:
    """That the run was taken up from a copy of its database: what came after is not known here.

    `copy` is which one, `last` its newest record, `seq` and `at` are of the record that says so.
    Until a person answered the hold that follows, nothing may be done on the strength of what
    stands here.
    """

    copy: str
    last: datetime | None
    seq: int
    at: datetime
    answered: bool = False


@dataclass
class RunState:
    """What is true of a run, rebuilt from its records and from nothing else."""

    run: str = ""
    version: str = ""
    request: Request | None = None
    plan: Plan | None = None
    authors: frozenset[str] = frozenset()
    steps: dict[str, StepState] = field(default_factory=dict)
    gates: dict[str, GateState] = field(default_factory=dict)
    past_gates: tuple[GateState, ...] = ()
    gates_asked: int = 0
    reopenings: dict[str, int] = field(default_factory=dict)
    baseline: GroupFacts | None = None
    facts: GroupFacts | None = None
    active_site: int | None = None
    ready: dict[str, GroupFacts] = field(default_factory=dict)
    hold: Hold | None = None
    halted: str = ""
    paused: str = ""
    aborted: str = ""
    rolled_back: str = ""
    cloning_was: bool | None = None
    cloning_owed: bool = False
    cloning_packages: tuple[str, ...] = ()
    rescued: frozenset[str] = frozenset()
    rescuing: str = ""
    down_undone: frozenset[str] = frozenset()
    untold_rescue: str = ""
    progress: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    committed_to: frozenset[str] = frozenset()
    never_done: frozenset[str] = frozenset()
    restarts_due: dict[str, Restart] = field(default_factory=dict)
    """By member: kept whatever comes of it, and over once the member is in another boot."""
    kept_actions: dict[str, int] = field(default_factory=dict)
    waits_for: str = ""
    attending: dict[str, Attendance] = field(default_factory=dict)
    called_at: datetime | None = None
    calls: int = 0
    call_put_off: datetime | None = None
    alarms: list[Mapping[str, Any]] = field(default_factory=list)
    ended: Mapping[str, Any] | None = None
    restarts: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_seq: int = 0
    last_hash: str = ""
    reminded_at: datetime | None = None
    retried_at: datetime | None = None
    answered: Hold | None = None
    """The hold that people answered last with `retry`."""
    resumed_at: datetime | None = None
    taken_up_at: datetime | None = None
    restored: Restored | None = None
    overtaken: frozenset[str] = frozenset()
    """The words, by their keys, before which a stop was taken though it was said after them."""
    rests_since: int = 0
    stop_said: datetime | None = None
    """Slack's own moment of the last stop for which it tells one."""
    stop_taken: datetime | None = None
    """Our moment of the last stop; None where Slack tells when it was said."""

    @classmethod
    def replay(cls, records: Iterable[Record]) -> RunState:
        """Rebuild the state from a run's records, in order.

        Raises:
            NotUnderstood: a newer version wrote some of them.
        """
        state = cls()
        for record in records:
            state.apply(record)
        return state

    # ------------------------------------------------------------------ what follows

    @property
    def the_plan(self) -> Plan:
        """The plan in force; a run has one from its second record on."""
        if self.plan is None:
            raise LookupError(f"run {self.run} has no plan yet")
        return self.plan

    @property
    def the_request(self) -> Request:
        """What was asked for."""
        if self.request is None:
            raise LookupError(f"run {self.run} was not ordered")
        return self.request

    @property
    def zone(self) -> str:
        """The time zone in which the run was ordered, or moved: in it moments are told."""
        appointment = self.plan.appointment if self.plan is not None else None
        return appointment.zone if appointment else appointments.zone_of(self.the_request)

    def of(self, step: Step | str) -> StepState:
        """Return how far a step has come."""
        return self.steps.get(step if isinstance(step, str) else step.id, StepState())

    def next_step(self) -> Step | None:
        """Return the first step that is not done, or None when the run has ended."""
        if self.ended is not None or self.plan is None:
            return None
        return next((s for s in self.plan.steps if self.of(s).status != "done"), None)

    def step_of(self, group: str, *kinds: StepKind) -> Step | None:
        """Return a Logical Group's step of one of these kinds; the latest, after a rollback."""
        steps = self.plan.steps if self.plan else ()
        return next((s for s in reversed(steps) if s.group == group and s.kind in kinds), None)

    def changing(self, group: str) -> Step | None:
        """Return the step that changes a group's software: its INSTALL or UNINSTALL."""
        return self.step_of(group, StepKind.INSTALL, StepKind.UNINSTALL)

    @property
    def agreed_to_degraded(self) -> bool:
        """Whether people agreed that this run ends with members out of service."""
        steps = self.plan.steps if self.plan else ()
        return any(s.kind is StepKind.DEGRADED and self.of(s).status == "done" for s in steps)

    @property
    def resting(self) -> bool:
        """Whether nothing may be sent: held, halted, or paused between groups."""
        return self.hold is not None or bool(self.halted) or self._paused_here()

    @property
    def unseen(self) -> bool:
        """Whether this comes from a copy, and nobody said yet how it goes on."""
        return self.restored is not None and not self.restored.answered

    @property
    def copies(self) -> tuple[str, ...]:
        """The copy of a database that this comes from, if it does."""
        return (self.restored.copy,) if self.restored is not None else ()

    def _paused_here(self) -> bool:
        if not self.paused:
            return False
        step = self.next_step()
        return step is None or not self.group_in_hand(step)

    def group_in_hand(self, step: Step) -> bool:
        """Whether the step belongs to a Logical Group that is out of service by our act."""
        first = self.taken_by(step.group) if step.group else None
        begun = first is not None and self.of(first).status != "waiting"
        return begun and step.kind not in _NOT_IN_HAND

    def taken_by(self, group: str) -> Step | None:
        """Return the step with which we take a group in hand: its ADMIN_DOWN.

        Where it is out of service already, not by us, that is its INSTALL or UNINSTALL.
        """
        changing = self.changing(group)
        if changing is not None and self.the_plan.starts_down(changing):
            return changing
        return self.step_of(group, StepKind.ADMIN_DOWN)

    @property
    def openings(self) -> tuple[GateState, ...]:
        """Every opening of every gate, as it is or ended; the present ones first."""
        return (*self.gates.values(), *self.past_gates)

    def gate_of(self, step: Step) -> GateState | None:
        """Return the present opening of a gate step."""
        return self.gates.get(step.id)

    @property
    def open_gate(self) -> GateState | None:
        """The gate that waits for people, if there is one."""
        if self.ended is not None:
            return None
        return next((g for g in self.gates.values() if g.open and not self._passed(g)), None)

    def _passed(self, gate: GateState) -> bool:
        return self.of(gate.step).status == "done"

    def busy(self, member: MemberFacts) -> bool:
        """Tell whether CPUSE changes software on a member, or may, where it does not answer.

        What it keeps as in progress of a change of ours that was seen done is over.
        """
        if member.cpuse_silent:
            return True
        action = member.action
        kept = action is not None and self.kept_actions.get(member.id) == action.id
        return bool(member.agent_busy) if kept else member.at_work

    def out_of_service(self) -> tuple[str, ...]:
        """Return the members that were not in service when we last looked, lowest first.

        Not those that the plan leaves out: people know of them, and decided to go on.
        Members that we ordered down and have not seen since count too: while the SMO moves we
        are blind, and whoever asks then must not read that all is well.
        """
        if self.facts is None or self.plan is None:
            return ()
        words = self.plan.policy.state_words
        concerned = self.plan.concerning(self.facts).members
        ill = {m.id for m in concerned if not in_service(m, words)}
        return tuple(sorted(ill | self._ordered_down(), key=by_number))

    def _ordered_down(self) -> frozenset[str]:
        """Return the members of a group whose ADMIN_DOWN was committed after our last look."""
        downs = (s for s in self.the_plan.steps if s.kind is StepKind.ADMIN_DOWN)
        return frozenset(
            member
            for step in downs
            if (committed := self.of(step).committed_at) is not None
            and self.of(step).status == "intended"
            and (self.facts is None or self.facts.at <= committed)
            for member in step.members
        )

    def by_hand(self) -> str:
        """Return the command that brings back what this run took down, or ""."""
        facts = self.plan.concerning(self.facts) if self.facts and self.plan else None
        # Whom others took down before this run, they bring back.
        members = facts.others(self.the_plan.starting) if facts else ()
        down = {m.id for m in members if "ADMIN" in m.notes} | self._ordered_down()
        return f"g_clusterXL_admin -b {spelled(down)} up" if down else ""

    def by_hand_waits(self) -> str:
        """Return until when nobody may be brought back by hand, or "".

        CPUSE may be at work from the answer that commits until the step is done, also where no
        look shows it yet, and the restart that it announced may come later still: a member that is
        up then takes traffic, and restarts under it.
        """
        if self.plan is None or not self.by_hand():
            return ""
        at_work = {
            member
            for step in self.plan.steps
            if step.kind in (StepKind.INSTALL, StepKind.UNINSTALL)
            if self.of(step).status == "intended" and self.of(step).committed_at is not None
            for member in step.members
        }
        if at_work:
            return (
                f"not before CPUSE is idle on {spelled(at_work)}: a member that it is at work on "
                "restarts, and comes back into service by itself"
            )
        if due := self._changed_in_this_boot():
            return (
                f"not before {spelled(due)} restarted: a member whose restart was announced comes "
                "back into service by it"
            )
        return ""

    def _changed_in_this_boot(self) -> frozenset[str]:
        """Return whose software was seen changed, and who had not restarted when we last looked."""
        seen = {m.id: m.boot_id for m in self.facts.members} if self.facts else {}
        return frozenset(
            member
            for member, due in self.restarts_due.items()
            if self.of(due.step).status == "done"
            if due.boot_id is not None and seen.get(member) == due.boot_id
        )

    @property
    def stopped_by(self) -> int:
        """The number of the record that the run rests by: its hold, halt or pause; 0 without one.

        A button that ends a rest names it, so that it ends no other than its presser saw.
        """
        if self.hold is not None:
            return self.hold.seq
        return self.rests_since if self.halted or self.paused else 0

    def wake_at(self) -> datetime | None:
        """Return when this run must be looked at again without anybody asking."""
        if self.ended is not None or self.last_at is None:
            return None
        if self.hold is not None or self.halted:
            return self._remind_at()
        gate = self.open_gate
        if gate is not None and gate.outcome == "approved":
            return self._begins_at(gate)
        if gate is not None:
            return self._gate_alarm(gate)
        if self.at_appointment and not self.waits_for:
            due = appointments.opens_at(self.the_plan)
            looked = self.facts.at if self.facts is not None else self.last_at
            return min(filter(None, (due, looked + appointments.COMPARED_EVERY, self.next_call)))
        return self.last_at

    @property
    def at_appointment(self) -> bool:
        """Whether the run waits until the time that was agreed on."""
        step = self.next_step()
        return step is not None and step.kind is StepKind.APPOINTMENT

    @property
    def waits_to_prepare(self) -> bool:
        """Whether a run for later is to be prepared, and something is in its way."""
        step = self.next_step()
        return step is not None and step.kind is StepKind.PREFLIGHT and self.waits_for != ""

    @property
    def before_appointment(self) -> bool:
        """Whether the run has a step at which it waits for its time, and has not passed it."""
        steps = self.plan.steps if self.plan is not None and self.ended is None else ()
        kind = StepKind.APPOINTMENT
        return any(step.kind is kind and self.of(step).status != "done" for step in steps)

    @property
    def next_call(self) -> datetime | None:
        """Return when people are called next to say whether they will be there; None for never."""
        if not self.at_appointment or self.resting or self.last_at is None:
            return None
        due = appointments.next_call(self.the_plan, self.called_at or self.last_at, self.calls)
        return max(due, self.call_put_off or due) if due is not None else None

    @property
    def occupies(self) -> bool:
        """Whether no other run may be about its group: not while nothing of it is under way.

        One that has switched cloning off, or changed a member, keeps its group until it ends.
        """
        step = self.next_step()
        if self.ended is not None or step is None or self.plan is None:
            return self.ended is None
        begun = any(s.group and self.of(s).status != "waiting" for s in self.plan.steps)
        return not self._waits_at(step) or self.cloning_owed or begun

    def _waits_at(self, step: Step) -> bool:
        """Whether nothing is done at a step but a look, and the run waits for its group after it.

        What is for later waits for the other run at its PREFLIGHT, or at its APPOINTMENT.
        """
        if step.kind in (StepKind.APPOINTMENT, StepKind.KEEP):
            return True
        after = [one.kind for one in self.the_plan.steps[self.the_plan.steps.index(step) + 1 :]]
        if step.kind is StepKind.PROPOSAL and after[:1] == [StepKind.APPOINTMENT]:
            return True
        looks = after[0] if step.kind is StepKind.PROPOSAL and after else step.kind
        return looks is StepKind.PREFLIGHT and StepKind.APPOINTMENT in after

    def _begins_at(self, gate: GateState) -> datetime | None:
        kinds = {step.id: step.kind for step in self.the_plan.steps}
        kind = kinds.get(gate.step)
        if kind is None or gate.starts_at is None:
            return gate.starts_at
        return appointments.begins_at(self.the_plan, kind, gate.starts_at)

    def _remind_at(self) -> datetime | None:
        if not self.out_of_service() or self.plan is None:
            return None
        since = self.reminded_at or (self.hold.at if self.hold else self.last_at)
        return since + self.plan.policy.remind if since else None

    def _gate_alarm(self, gate: GateState) -> datetime:
        """When a gate reminds next, calls its fallback, or expires; whatever comes first."""
        fallback = self.policy_at(gate.step).fallback_from(gate.opened_at, gate.expires_at)
        calls = [fallback] if fallback is not None and gate.escalated_at is None else []
        return min([*gate.reminders_at[gate.reminders :], *calls, gate.expires_at])

    def policy_at(self, gate: str) -> GatePolicy:
        """Return who must say yes at a gate, by its step's id."""
        kinds = {step.id: step.kind for step in self.the_plan.steps}
        return self.the_plan.policy_at(kinds.get(gate, StepKind.FAILOVER))

    def index(self) -> RunRow:
        """Return the index row that follows from this state."""
        request = self.the_request
        return RunRow(
            id=self.run,
            group=request.security_group,
            kind=request.kind,
            open=self.ended is None,
            occupies=self.occupies,
            wake_at=self.wake_at(),
            last_seq=self.last_seq,
        )

    # ---------------------------------------------------------------------- the fold

    def apply(self, record: Record) -> None:
        """Take one more record into account.

        Raises:
            NotUnderstood: it says what this version does not know; nothing may be decided then.
        """
        self.run = record.stream
        self.last_at = record.at
        self.first_at = self.first_at or record.at
        self.last_seq = record.seq
        self.last_hash = record.hash
        if not record.hash and UNREADABLE in record.body:
            raise RecordSpoilt(self.run, record.seq)
        fold = getattr(self, f"_on_{record.kind.lower()}", None)
        if fold is None:
            raise self._not_understood(record, f"the kind {record.kind}")
        fold(record, record.body)

    def _not_understood(self, record: Record, what: str) -> NotUnderstood:
        return NotUnderstood(self.run, record.seq, what, self.version)

    def _step(self, step: str, **changes: Json) -> None:
        self.steps[step] = replace(self.steps.get(step, StepState()), **changes)

    def _again(self, steps: Iterable[str]) -> None:
        for step in steps:
            self.steps[step] = StepState(attempt=self.of(step).attempt + 1)
            if step in self._ids() and self.the_plan.step(step).kind is StepKind.ADMIN_DOWN:
                # Until it is known to be back: an attempt that is undone may have taken it down.
                self.down_undone |= {self.the_plan.step(step).group}

    def _on_ordered(self, _: Record, body: Mapping[str, Any]) -> None:
        self.version = body.get("version", "")
        self.request = from_json(Request, body["request"])

    def _on_planned(self, record: Record, body: Mapping[str, Any]) -> None:
        agreed = self.plan.appointment if self.plan is not None else None
        self.plan = self._understood(record, body["plan"])
        if self.plan.appointment != agreed:
            self.attending, self.called_at, self.calls = {}, None, 0
            self.call_put_off = None
        self.waits_for = ""
        self.rescuing = self.untold_rescue = ""
        if author := body.get("author"):
            self.authors |= {author}
        if body.get("facts"):
            self._look(body["facts"])

    def _understood(self, record: Record, plan: Mapping[str, Any]) -> Plan:
        """Return a plan of which every step, and every rule that governs it, is known."""
        try:
            return whole_from_json(Plan, plan)
        except Unfamiliar as unknown:
            raise self._not_understood(record, f"a plan with {unknown}") from unknown

    def _on_taken_up(self, record: Record, body: Mapping[str, Any]) -> None:
        self.version = body.get("version", "")
        self.restarts += 1
        self.taken_up_at = record.at
        if copy := body.get("copy"):
            last = body.get("last")
            known = datetime.fromisoformat(last) if last else None
            self.restored = Restored(copy, known, record.seq, record.at)

    def _answered(self) -> None:
        if self.restored is not None:
            self.restored = replace(self.restored, answered=True)

    def _on_seen(self, _: Record, body: Mapping[str, Any]) -> None:
        self._look(body["facts"])

    def _look(self, facts: Mapping[str, Any]) -> None:
        """Keep the last look, and which Site was active when one last was."""
        self.facts = from_json(GroupFacts, facts)
        self.active_site = self.facts.active_site or self.active_site

    def _on_gate_opened(self, record: Record, body: Mapping[str, Any]) -> None:
        step = body["step"]
        self.gates_asked += 1
        old = self.gates.get(step)
        self.past_gates = (*self.past_gates, old) if old else self.past_gates
        self.gates[step] = GateState(
            step=step,
            number=self.gates_asked,
            code=body["code"],
            opening=old.opening + 1 if old else 1,
            plan_digest=body["plan_digest"],
            facts_digest=body["facts_digest"],
            facts=body["facts"],
            evidence=body["evidence"],
            opened_at=record.at,
            expires_at=datetime.fromisoformat(body["expires_at"]),
        )

    def _gate(self, step: str, **changes: Json) -> None:
        self.gates[step] = replace(self.gates[step], **changes)

    def _on_gate_shown(self, record: Record, body: Mapping[str, Any]) -> None:
        gate = self.gates[body["step"]]
        former = (*gate.former, gate.shown) if gate.shown is not None else gate.former
        shown = (body["channel"], body["ts"])
        self._gate(body["step"], shown=shown, link=body.get("link", ""), former=former)
        if fallen := set(body.get("fallen", ())):
            votes = {u: v for u, v in self.gates[body["step"]].votes.items() if u not in fallen}
            self._gate(body["step"], votes=votes, outcome="", starts_at=None, good_until=None)
        if body.get("expires_at"):
            until = datetime.fromisoformat(body["expires_at"])
            self._gate(body["step"], opened_at=record.at, expires_at=until)

    def _on_clicked(self, _: Record, body: Mapping[str, Any]) -> None:
        click = Click(
            user=body["user"],
            choice=body["choice"],
            code=body["code"],
            pressed=datetime.fromisoformat(body["pressed"]),
            source=body.get("source", "button"),
        )
        self._gate(body["step"], clicks={**self.gates[body["step"]].clicks, click.user: click})

    def _on_voted(self, record: Record, body: Mapping[str, Any]) -> None:
        vote = Vote(
            user=body["user"],
            name=body["name"],
            choice=body["choice"],
            source=body["source"],
            roles=frozenset(body["roles"]),
            at=record.at,
            reason=body.get("reason", ""),
        )
        gate = self.gates[body["step"]]
        former = gate.votes.get(vote.user)
        if former is not None and former.choice == vote.choice == "yes":
            # In other roles now: what was approved with the former ones is judged anew.
            self._gate(body["step"], outcome="", starts_at=None, good_until=None)
        self._gate(body["step"], votes={**gate.votes, vote.user: vote})

    def _on_withdrawn(self, _: Record, body: Mapping[str, Any]) -> None:
        votes = {u: v for u, v in self.gates[body["step"]].votes.items() if u != body["user"]}
        self._gate(body["step"], votes=votes, outcome="", starts_at=None, good_until=None)
        if body.get("reason"):
            # Its author may not vote any more; a click that fell stands nowhere.
            clicks = {u: c for u, c in self.gates[body["step"]].clicks.items() if u != body["user"]}
            self._gate(body["step"], clicks=clicks)

    def _on_refused(self, _: Record, body: Mapping[str, Any]) -> None:
        gate = self.gates.get(body.get("step", ""))
        if gate is not None:
            entry = (body["user"], body["choice"], body["reason"])
            self._gate(gate.step, refused=(*gate.refused, entry))

    def _on_gate_closed(self, record: Record, body: Mapping[str, Any]) -> None:
        step, outcome = body["step"], body["outcome"]
        starts, until = body.get("starts_at"), body.get("good_until")
        self._gate(
            step,
            outcome=outcome,
            reason=body.get("reason", ""),
            closed_at=record.at,
            starts_at=datetime.fromisoformat(starts) if starts else None,
            good_until=datetime.fromisoformat(until) if until else None,
        )
        if outcome == "superseded":
            self.reopenings[step] = self.reopenings.get(step, 0) + 1
        self._again(body.get("again", ()))

    def _on_barred(self, _: Record, body: Mapping[str, Any]) -> None:
        """Nothing can be approved here for now, or (without a reason) it can again.

        An approval that was not begun is none any more: after the bar people have their grace
        time again.
        """
        if body["step"] not in self.gates:
            self.waits_for = body["reason"]
            return
        gone = {"outcome": "", "starts_at": None, "good_until": None, "closed_at": None}
        unnamed = tuple(body.get("unnamed", ()))
        self._gate(body["step"], barred=body["reason"], unnamed=unnamed, **gone)

    def _on_reminded(self, record: Record, body: Mapping[str, Any]) -> None:
        self.reminded_at = record.at
        if body.get("step") in self.gates:
            former = self.gates[body["step"]].reminders
            self._gate(body["step"], reminders=max(former + 1, body.get("number", 0)))

    def _on_called(self, record: Record, body: Mapping[str, Any]) -> None:
        if body.get("put_off"):
            self.call_put_off = datetime.fromisoformat(body["put_off"])
            return
        self.call_put_off = None
        self.called_at, self.calls = self.called_at or record.at, body["number"]

    def _on_attending(self, record: Record, body: Mapping[str, Any]) -> None:
        said = Attendance(
            user=body["user"],
            name=body["name"],
            there=body["there"],
            roles=frozenset(body["roles"]),
            at=record.at,
        )
        self.attending = {**self.attending, said.user: said}

    def _on_escalated(self, record: Record, body: Mapping[str, Any]) -> None:
        self._gate(body["step"], escalated_at=record.at)

    def _on_intended(self, record: Record, body: Mapping[str, Any]) -> None:
        self._step(
            body["step"],
            status="intended",
            intended_at=record.at,
            before=body.get("before", {}),
        )
        if body.get("act") == "rescue":
            self.rescuing = body["step"].partition(".")[0]

    def _on_committing(self, record: Record, body: Mapping[str, Any]) -> None:
        self._step(body["step"], committed_at=record.at, committed_on=body.get("on", ""))
        step = self.the_plan.step(body["step"]) if body["step"] in self._ids() else None
        if step is not None and step.kind in (StepKind.INSTALL, StepKind.UNINSTALL):
            # Kept whatever comes of it: a new attempt, or an abort, knows no more of this one.
            self.committed_to |= set(step.members)
            self.never_done |= set(step.members)
            self._expect_restarts(step, body.get("restart_announced"))

    def _expect_restarts(self, step: Step, announced: bool | None) -> None:  # noqa: FBT001 -- as it was recorded
        """Note whose restart follows a change: the device announced it, or the package says so.

        Journals of before do not say the former; then all but a package that is known to need no
        restart leads to one.
        """
        needed = self.the_plan.package.reboots
        restart = needed is not False if announced is None else announced or needed is True
        others = {m: due for m, due in self.restarts_due.items() if m not in step.members}
        before = self.of(step).before
        mine = {m: Restart(step, before.get(m, {}).get("boot_id")) for m in step.members}
        self.restarts_due = {**others, **(mine if restart else {})}

    def _on_progress(self, _: Record, body: Mapping[str, Any]) -> None:
        self.progress[body["step"]] = body
        if actions := body.get("actions"):
            known = self.of(body["step"]).actions
            self._step(body["step"], actions={**known, **actions})

    def _on_found(self, _: Record, body: Mapping[str, Any]) -> None:
        if body.get("started") is False:
            self._step(body["step"], committed_at=None, committed_on="")

    def _on_done(self, record: Record, body: Mapping[str, Any]) -> None:
        step = body["step"]
        how, on = body.get("how", ""), body.get("on", "")
        self._step(step, status="done", done_at=record.at, how=how, on=on)
        if body.get("facts"):
            self._look(body["facts"])
        kind = self.the_plan.step(step).kind if self.plan and step in self._ids() else None
        if kind in (StepKind.APPOINTMENT, StepKind.PREFLIGHT):
            self.waits_for = ""
        measured = kind is StepKind.PREFLIGHT or (kind is StepKind.APPOINTMENT and body["facts"])
        if measured and self.facts is not None:
            self.baseline = self.facts
        self.kept_actions = {**self.kept_actions, **body.get("kept", {})}
        if kind in (StepKind.INSTALL, StepKind.UNINSTALL):
            self.never_done -= set(self.the_plan.step(step).members)
        if kind is StepKind.RETURN:
            self.down_undone -= {self.the_plan.step(step).group}
        if kind is StepKind.READY and self.facts is not None:
            self.ready[self.the_plan.step(step).group] = self.facts

    def _ids(self) -> frozenset[str]:
        return frozenset(step.id for step in self.the_plan.steps)

    def _on_undone(self, _: Record, body: Mapping[str, Any]) -> None:
        if body.get("rescued"):
            self.rescued |= {body["rescued"]}
            # A plan that people made meanwhile has ended `rescuing`: they know how it goes on.
            self.untold_rescue = body.get("reason", "") if self.rescuing else ""
            self.rescuing = ""
        for step in body["steps"]:
            if step in self.gates and self.gates[step].open:
                # What people approved is over: a failover after this needs a new gate (P4).
                self._gate(step, outcome="superseded", reason=body.get("reason", ""))
                if step in self._ids() and self.the_plan.step(step).kind is StepKind.DEGRADED:
                    # It is asked again at once, without a hold between: that has a limit too.
                    self.reopenings[step] = self.reopenings.get(step, 0) + 1
        self._again(body["steps"])
        # Brought up by us: whoever is down in it after this is so by somebody else.
        self.down_undone -= {body.get("rescued", "")}

    def _on_alarmed(self, record: Record, body: Mapping[str, Any]) -> None:
        self.alarms.append({**body, "at": record.at.isoformat()})

    def _on_held(self, record: Record, body: Mapping[str, Any]) -> None:
        self.hold = Hold(
            step=body["step"],
            reason=body["reason"],
            error=body["error"],
            at=record.at,
            out_of_service=tuple(body.get("out_of_service", ())),
            ways=tuple(body.get("ways", ())),
            text=body.get("text", ""),
            seq=record.seq,
        )
        self.reminded_at = None
        self.untold_rescue = ""

    def _on_broken(self, record: Record, body: Mapping[str, Any]) -> None:
        self._on_held(record, {**body, "ways": ["retry", "abort"]})

    def _on_retried(self, record: Record, body: Mapping[str, Any]) -> None:
        if self.hold is not None:
            # People know that the facts changed again and again there, and ask once more.
            self.reopenings.pop(self.hold.step, None)
        self.answered, self.hold = self.hold, None
        self.retried_at = record.at
        self._answered()
        self._again(body["again"])

    def _on_paused(self, record: Record, body: Mapping[str, Any]) -> None:
        self.paused, self.rests_since = record.by, record.seq
        self._on_stop(record, body)

    def _on_halted(self, record: Record, body: Mapping[str, Any]) -> None:
        self.halted, self.rests_since = record.by, record.seq
        self._on_stop(record, body)

    def _on_stop(self, record: Record, body: Mapping[str, Any]) -> None:
        self.overtaken |= set(body.get("overtook", ()))
        if body.get("slack_said"):
            said = datetime.fromisoformat(body["slack_said"])
            self.stop_said, self.stop_taken = max(self.stop_said or said, said), None
        else:
            self.stop_taken = record.at

    def _on_resumed(self, record: Record, _: Mapping[str, Any]) -> None:
        self.paused = self.halted = ""
        self.resumed_at = record.at

    def _on_aborted(self, record: Record, body: Mapping[str, Any]) -> None:
        self.aborted = record.by
        self.hold = None
        self.kept_actions = {**self.kept_actions, **body.get("kept", {})}
        self._answered()
        self.halted = self.paused = ""
        for gate in [g for g in self.gates.values() if g.open and not self._passed(g)]:
            self._gate(gate.step, outcome="superseded", reason="aborted")

    def _on_rolled_back(self, record: Record, body: Mapping[str, Any]) -> None:
        self._on_aborted(record, body)
        self.aborted = ""
        self.rolled_back = record.by

    def _on_owed(self, _: Record, body: Mapping[str, Any]) -> None:
        self.cloning_owed = True
        self.cloning_was = body["was"]
        self.cloning_packages = tuple(body.get("packages", ()))

    def _on_settled(self, _: Record, body: Mapping[str, Any]) -> None:
        self.cloning_owed = False

    def _on_ended(self, _: Record, body: Mapping[str, Any]) -> None:
        self.ended = body
        self.hold = None


def index_after(state: RunState, drafts: Sequence[Draft]) -> RunRow:
    """Return the index row as it will be after these drafts."""
    return foreseen(state, drafts).index()


def foreseen(state: RunState, drafts: Sequence[Draft]) -> RunState:
    """Return the run as it will be after these drafts."""
    future = copy.copy(state)
    for name in ("steps", "gates", "reopenings", "ready", "progress"):
        setattr(future, name, dict(getattr(state, name)))
    future.alarms = list(state.alarms)
    for seq, draft in enumerate(drafts, start=state.last_seq + 1):
        future.apply(
            Record(state.run, seq, 0, draft.kind, draft.at, draft.by, draft.body, prev="", hash="")
        )
    return future
