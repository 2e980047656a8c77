"""Virtual Systems (Traditional VSX) and Virtual Gateways (VSNext) of a rehearsal's members.

Number 0 is the member itself; here are the others. Each has a state, problem notes and a policy of
its own on every member, and after a reboot each fetches its policy in its own time.

Sources: the dossier of device facts, sections 1.2, 3.7 and 3.10. That a Virtual System waits for
its connections (FSYNC) and that its policy comes after them is [I] from what members do; the
seconds are a guess.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from engine.rehearsal.faults import Fault
from engine.rehearsal.member import (
    INITIAL_POLICY,
    NO_POLICY_KINDS,
    Member,
    Policy,
    VirtualSystem,
)
from engine.rehearsal.witness import Witness

MODES = ("Gateway", "VSX", "VSNext")
"""Modes of a Security Group; "VSX" is Traditional VSX."""

KINDS = ("S", "B", *NO_POLICY_KINDS)
"""The letters in `vsx stat -v`; B is a Virtual System in bridge mode."""

WHILE_BOOTING = ["FSYNC"]
"""Problem notes of a Virtual System until its connections are synchronised [I]."""

POLICY_AFTER_S = 5.0
"""From synchronised connections to the policy; a guess."""

FETCH_S = (60.0, 120.0)
"""Seconds after the login prompt within which a Virtual System is synchronised; a guess."""


def check(mode: str, virtual: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what no group has.

    Raises:
        ValueError: an unknown mode, or Virtual Systems that cannot be.
    """
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is not one of {', '.join(MODES)}")
    if virtual and mode == "Gateway":
        raise ValueError("a group in mode Gateway has no virtual systems")
    ids = [entry.get("id") for entry in virtual]
    if len(set(ids)) < len(ids) or not all(isinstance(i, int) and i > 0 for i in ids):
        raise ValueError(f"virtual systems need different ids above 0, not {ids}")
    for entry in virtual:
        if unknown := entry.keys() - {"id", "name", "policy", "kind"}:
            raise ValueError(f"a virtual system has no {', '.join(sorted(unknown))}")
        kind = entry.get("kind", "S")
        if kind not in KINDS or (kind in NO_POLICY_KINDS and "policy" in entry):
            raise ValueError(f"a virtual system is of no such kind, or has no policy: {entry}")


def systems_of(virtual: Sequence[Mapping[str, Any]], policy: Policy) -> dict[int, VirtualSystem]:
    """Return what one member has of them; `policy` says the date, and the name where none is."""
    return {
        int(entry["id"]): VirtualSystem(
            int(entry["id"]),
            str(entry.get("name", f"VS{entry['id']}")),
            _policy_of(entry, policy),
            kind=str(entry.get("kind", "S")),
        )
        for entry in sorted(virtual, key=lambda entry: int(entry["id"]))
    }


def _policy_of(entry: Mapping[str, Any], policy: Policy) -> Policy:
    if entry.get("kind", "S") in NO_POLICY_KINDS:
        return Policy("-", "", 0)
    return Policy(str(entry.get("policy", policy.name)), policy.date, policy.serial)


class Surroundings(Protocol):
    """What Virtual Systems need of the group whose members have them."""

    now: float
    random: random.Random
    members: dict[str, Member]
    witness: Witness

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Put an event into the queue."""
        ...

    def occasion(self, name: str, member: str | None = None, **details: object) -> Fault | None:
        """Return the armed fault that fits this occasion."""
        ...

    def settle(self, reason: str) -> None:
        """Work out what a change means for members and traffic."""
        ...

    def moment(self, *parts: object) -> None:
        """Say that something happened."""
        ...

    def in_service(self) -> list[str]:
        """Return the members that are in service with all their Virtual Systems."""
        ...

    def wall(self, member: Member | None = None) -> datetime:
        """Return the simulated date."""
        ...


class Virtuals:
    """What happens to the Virtual Systems of all members of a group."""

    def __init__(self, group: Surroundings, policies: Mapping[int, Policy]) -> None:
        self.group = group
        self.policies = dict(policies)

    def booting(self, member: Member, delay: float) -> None:
        """Begin anew on a member that boots: no policy, and each its own time to fetch it."""
        for one in member.virtual.values():
            one.notes = list(WHILE_BOOTING)
            if one.enforces:
                one.policy = Policy(INITIAL_POLICY, one.policy.date, 0)
            seconds = self.group.random.uniform(*FETCH_S) * member.pace + delay
            self._later(member, one.id, seconds, self._synchronised)

    def _later(
        self, member: Member, number: int, seconds: float, happen: Callable[[Member, int], None]
    ) -> None:
        boots = member.boots

        def only_in_this_boot() -> None:
            if member.boots == boots:
                happen(member, number)

        self.group.after(seconds, only_in_this_boot)

    def _synchronised(self, member: Member, number: int) -> None:
        stuck = self.group.occasion("stuck_down", member.id, vs=number)
        self._note(member, number, stuck.notes() if stuck else [])
        self._later(member, number, POLICY_AFTER_S, self._fetched)

    def _fetched(self, member: Member, number: int) -> None:
        if not self.group.occasion("policy_missing", member.id, vs=number):
            member.virtual[number].policy = self.policies[number]
        self._changed(member, number)

    def repaired(self, member: Member, number: int | None = None) -> None:
        """Let somebody repair one of a member's Virtual Systems, or all."""
        for one in member.virtual.values():
            if number in (None, one.id):
                one.notes, one.policy = [], self.policies[one.id]
                self._changed(member, one.id)

    def harm(self, fault: Fault) -> None:
        """Do a fault that acts at once and hits one Virtual System."""
        group, number = self.group, fault.vs
        if fault.name == "policy_installed":
            name = str(fault.details.get("text", self.policies[number].name))
            date = group.wall().strftime("%d%b%y %H:%M")
            serial = self.policies[number].serial + 1
            self.policies[number] = Policy(name, date, serial)
            group.witness.event(group.now, "policy_installed", name=name, vs=number)
        for member in group.members.values():
            if not fault.concerns(member.id) or member.stack != "up":
                continue
            match fault.name:
                case "policy_installed":
                    member.virtual[number].policy = self.policies[number]
                case "member_recovers":
                    self.repaired(member, number)
                case _:
                    self._note(member, number, fault.notes(["ROUTED"]))

    def _note(self, member: Member, number: int, notes: list[str]) -> None:
        member.virtual[number].notes = notes
        self._changed(member, number)

    def _changed(self, member: Member, number: int) -> None:
        group, one = self.group, member.virtual[number]
        word = "DOWN" if one.notes else "ACTIVE"
        group.witness.event(
            group.now, "virtual", member.id, vs=number, state=word, policy=one.policy.name
        )
        group.settle(f"{one.notes[0]} PNOTE" if one.notes else "Virtual System is operational")
        group.moment("virtual", member.id, number, word)
        if not one.notes and member.id in group.in_service():
            group.moment("returned", member.id)
