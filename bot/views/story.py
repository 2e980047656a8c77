"""What the views know of a run: its folded state, and what the fold does not keep for people.

The fold keeps what decides. People also want to read how a gate ended after it was asked again,
and what somebody is called; that is gathered here, from the same records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.fold import GateState, RunState, Vote
from engine.gates import in_force, missing
from engine.journal import Kind
from engine.model import Appointment, Plan, Step, StepKind
from engine.policy import GatePolicy
from storage.records import Record


@dataclass
class Opening:
    """One time that a gate was asked; asked again, it is another one with its own message.

    `reach` is who could approve and how to reach them, as found at `reach_at`; None in records of
    before this was asked.
    """

    gate: GateState
    plan: Plan
    step: Step
    asked: Mapping[str, Any]
    headroom: Mapping[str, Any]
    head: tuple[int, str]
    reach: Sequence[Mapping[str, Any]] | None = None
    reach_at: datetime | None = None
    closed_at: datetime | None = None
    begun_at: datetime | None = None

    @property
    def policy(self) -> GatePolicy:
        """Who must say yes here, from the beginning."""
        return self.plan.policy_at(self.step.kind)

    @property
    def rules(self) -> GatePolicy:
        """Who may say yes here now: with the fallback once it was called."""
        return in_force(self.policy, self.gate)

    @property
    def yes(self) -> tuple[Vote, ...]:
        """Who said yes and still does, in the order in which they were heard."""
        return tuple(vote for vote in self.gate.votes.values() if vote.choice == "yes")

    @property
    def was_agreed(self) -> bool:
        """Whether it was approved, and what it was asked for has begun."""
        return self.begun_at is not None and self.gate.outcome != "expired"

    @property
    def missing(self) -> str:
        """What is still needed, or ""."""
        return missing(self.rules, self.yes)


@dataclass
class Installation:
    """One attempt to install on a Logical Group."""

    step: Step
    attempt: int
    intended_at: datetime
    members: Mapping[str, str] = field(default_factory=dict)
    committed_at: datetime | None = None
    done_at: datetime | None = None
    undone: str = ""


@dataclass
class Story:
    """Everything that a message may tell, up to the record taken last."""

    state: RunState = field(default_factory=RunState)
    names: dict[str, str] = field(default_factory=dict)
    openings: dict[int, Opening] = field(default_factory=dict)
    installations: dict[tuple[str, int], Installation] = field(default_factory=dict)
    headroom: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    takes_before: dict[str, int | None] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()
    not_by_us: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    cloning: str = ""
    out_before: tuple[str, ...] = ()
    appointed_before: Appointment | None = None

    def take(self, record: Record) -> None:
        """Take one more record into account."""
        self.out_before = self.state.out_of_service()
        plan = self.state.plan
        self.appointed_before = plan.appointment if plan is not None else None
        self.state.apply(record)
        if note := getattr(self, f"_on_{record.kind.lower()}", None):
            note(record, record.body)
        for gate in self.state.gates.values():
            self.openings[gate.number].gate = gate

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self.state.the_plan

    @property
    def opening(self) -> Opening | None:
        """The gate that waits for people now."""
        gate = self.state.open_gate
        return self.openings[gate.number] if gate else None

    def name(self, user: str) -> str:
        """Return what a person is called, or their id."""
        return self.names.get(user, user)

    def _on_ordered(self, _: Record, body: Mapping[str, Any]) -> None:
        request = self.state.the_request
        self.names[request.requester] = request.requester_name or request.requester

    def _on_planned(self, _: Record, body: Mapping[str, Any]) -> None:
        if not self.takes_before and self.state.facts is not None:
            self.takes_before = {m.id: m.take for m in self.state.facts.members}

    def _on_gate_opened(self, record: Record, body: Mapping[str, Any]) -> None:
        gate, plan = self.state.gates[body["step"]], self.plan
        step = plan.step(gate.step)
        headroom = self.headroom.get(step.group, {})
        self.openings[gate.number] = Opening(
            gate, plan, step, body, headroom, head=(record.seq, record.hash)
        )
        self._on_reminded(record, body)

    def _on_reminded(self, record: Record, body: Mapping[str, Any]) -> None:
        gate = self.state.gates.get(body.get("step", ""))
        if gate is None or "reach" not in body:
            return
        opening = self.openings[gate.number]
        opening.reach, opening.reach_at = body["reach"], record.at
        for one in body["reach"]:
            self.names.setdefault(one["user"], one["name"])

    def _on_escalated(self, record: Record, body: Mapping[str, Any]) -> None:
        self._on_reminded(record, body)

    def _on_voted(self, _: Record, body: Mapping[str, Any]) -> None:
        self.names[body["user"]] = body["name"]

    def _on_attending(self, _: Record, body: Mapping[str, Any]) -> None:
        self.names[body["user"]] = body["name"]

    def _on_refused(self, _: Record, body: Mapping[str, Any]) -> None:
        if body.get("user") and body.get("name"):
            self.names[body["user"]] = body["name"]

    def _on_gate_closed(self, record: Record, body: Mapping[str, Any]) -> None:
        self.openings[self.state.gates[body["step"]].number].closed_at = record.at

    def _on_aborted(self, record: Record, body: Mapping[str, Any]) -> None:
        for opening in self.openings.values():
            if opening.begun_at is None and opening.closed_at is None:
                opening.closed_at = record.at

    def _on_rolled_back(self, record: Record, body: Mapping[str, Any]) -> None:
        self._on_aborted(record, body)

    def _on_intended(self, record: Record, body: Mapping[str, Any]) -> None:
        if body.get("kind") not in (StepKind.INSTALL, StepKind.UNINSTALL):
            return
        key = (body["step"], int(body.get("attempt", 1)))
        if key not in self.installations:
            step = self.plan.step(body["step"])
            self.installations[key] = Installation(step, key[1], record.at)

    def _on_committing(self, record: Record, body: Mapping[str, Any]) -> None:
        if running := self._running(body["step"]):
            running.committed_at = running.committed_at or record.at

    def _on_progress(self, _: Record, body: Mapping[str, Any]) -> None:
        if running := self._running(body["step"]):
            running.members = body["members"]

    def _on_undone(self, _: Record, body: Mapping[str, Any]) -> None:
        for step in body["steps"]:
            if running := self._running(step):
                running.undone = str(body.get("reason", "")) or "undone"

    def _on_retried(self, _: Record, body: Mapping[str, Any]) -> None:
        for step in body["again"]:
            if running := self._running(step):
                running.undone = "a new attempt follows"

    def _running(self, step: str) -> Installation | None:
        mine = [i for (one, _), i in self.installations.items() if one == step]
        return mine[-1] if mine and not mine[-1].undone else None

    def _on_done(self, record: Record, body: Mapping[str, Any]) -> None:
        kind, step = body.get("kind"), body["step"]
        if step in self.state.gates:
            self.openings[self.state.gates[step].number].begun_at = record.at
        if "trouble" in body:  # of a full look: the first one, or the one at its appointment
            self.trouble = tuple(body["trouble"])
        if kind == StepKind.PREFLIGHT and self.state.baseline is not None:
            self.takes_before = {m.id: m.take for m in self.state.baseline.members}
        if kind == StepKind.READY:
            self.headroom[self.plan.step(step).group] = body.get("headroom", {})
        if kind in (StepKind.INSTALL, StepKind.UNINSTALL) and (running := self._running(step)):
            running.done_at = record.at
        if kind == StepKind.POSTFLIGHT:
            self.not_by_us = tuple(body.get("not_by_us", ()))
            self.crashes = tuple(body.get("crashes", ()))
        if kind == StepKind.CLONING_RESTORE:
            self.cloning = str(body.get("how", ""))


def told_kind(record: Record) -> Kind | None:
    """Return the kind of a record, or None where this version has no words for it."""
    return Kind(record.kind) if record.kind in Kind.__members__ else None
