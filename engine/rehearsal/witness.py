"""Records what the devices saw, and objects to what the vendor forbids.

It knows nothing of plans, gates or the engine's checks, so that it can judge them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Act:
    """One thing that somebody ordered, as one member (or the group) saw it.

    `carrying` are the members that carried connections then: a state word does not always tell,
    as healthy members of a Standby Site may be called ACTIVE too.
    """

    at: float
    act: str
    member: str
    group: tuple[str, ...]
    states: Mapping[str, str]
    auto_clone: Mapping[str, bool]
    by: str = ""
    reason: str = ""
    package: str = ""
    carrying: tuple[str, ...] = ()


@dataclass
class Starts:
    """What was started on one member, and how it ended so far."""

    installs: int = 0
    uninstalls: int = 0
    pending: set[str] = field(default_factory=set)


class Witness:
    """What was seen since the start; times are simulated seconds.

    `in_service` are the words of healthy members: those of a Standby Site carry nothing, but would
    take over, so that a group may be taken down while they stand by.
    """

    def __init__(
        self,
        members: Sequence[str],
        takes: Mapping[str, int],
        in_service: Sequence[str] = ("ACTIVE",),
    ) -> None:
        self.members = list(members)
        self.healthy = tuple(in_service)
        self.takes_before = dict(takes)
        self.acts: list[Act] = []
        self.events: list[dict[str, Any]] = []
        self.starts = {m: Starts() for m in members}
        self.active_min = len(self.members)
        self._to_restart: set[str] = set()
        self._objections: list[tuple[str, tuple[str, ...]]] = []

    def act(self, act: Act) -> None:
        """Record an act, and object if the vendor forbids it at this moment."""
        self.acts.append(act)
        match act.act:
            case "admin_down":
                self._judge_down(act)
            case "install" | "uninstall":
                self._judge_start(act)
            case _:
                pass

    def ended(
        self, member: str, act: str, package: str, *, success: bool, restarts: bool = False
    ) -> None:
        """Record how an install or uninstall ended; after a failure a new start is no offence.

        `restarts`: the member said that it restarts by itself, and that is still to come.
        """
        if restarts:
            self._to_restart.add(member)
        if not success:
            self.starts[member].pending.discard(f"{act} {package}")
        opposite = "uninstall" if act == "install" else "install"
        if success:
            self.starts[member].pending.discard(f"{opposite} {package}")

    def gone(self, member: str) -> None:
        """Take note that a member restarts, or fails: it comes back in another boot."""
        self._to_restart.discard(member)

    def cloned(self, member: str) -> None:
        """Take note that a member has another one's software: what was started on it is gone."""
        self.starts[member].pending.clear()

    def event(self, at: float, what: str, member: str = "", **facts: object) -> None:
        """Record something that happened by itself."""
        self.events.append({"at": round(at, 1), "what": what, "member": member, **facts})

    def in_service(self, count: int) -> None:
        """Take note of how many members are in service now."""
        self.active_min = min(self.active_min, count)

    def rebooted(self, at: float, member: str, auto_clone: bool, *, after: str) -> None:  # noqa: FBT001 -- a fact, not a switch
        """Record a reboot that follows an install or uninstall, with image auto-clone as it was."""
        if auto_clone:
            self._object(at, f"{member} rebooted after {after} with image auto-clone on")

    def cloning_on(self, at: float, software: Mapping[str, tuple[int, frozenset[str]]]) -> None:
        """Record that image auto-clone was ordered on, with take and packages of each member.

        Of packages only those count that somebody began to install or uninstall here.
        """
        changed = {act.package for act in self.acts if act.act in ("install", "uninstall")}
        of = {one: (take, has & changed) for one, (take, has) in software.items()}
        if len(set(of.values())) > 1:
            told = "; ".join(
                f"{one} take {take}{''.join(f' and {name}' for name in sorted(has))}"
                for one, (take, has) in of.items()
            )
            self._object(at, f"image auto-clone was ordered on, and members differ: {told}")

    def in_context(self, at: float, member: str, command: str, number: int) -> None:
        """Record that a command which acts was run in another context than 0.

        "You must run all the commands in the context of VS0", or of the Virtual Gateway 0.
        """
        if number:
            self._object(at, f"{command} was run on {member} in the context of VS {number}")

    def objections(self) -> list[str]:
        """Return what the vendor forbids and was done, one sentence each."""
        return [sentence for sentence, _ in self._objections]

    def absent(self) -> list[list[str]]:
        """Return, for each objection, the members whose absence is all that it is about.

        Who reads the plan may know that they were left out of it. Where nobody outside the group
        was in service it is about more, and names none here.
        """
        return [list(members) for _, members in self._objections]

    def _judge_down(self, act: Act) -> None:
        outside = [m for m in self.members if m not in act.group]
        absent = [m for m in outside if act.states[m] not in self.healthy]
        if absent:
            self._object(
                act.at,
                f"{act.member} was ordered down while "
                f"{', '.join(f'{m} was {act.states[m]}' for m in absent)}",
                absent if len(absent) < len(outside) else (),
            )
        if due := [m for m in outside if m in self._to_restart and m not in absent]:
            self._object(
                act.at,
                f"{act.member} was ordered down while the announced restart of "
                f"{', '.join(due)} was still to come",
            )
        if not outside:
            self._object(act.at, f"{act.member} was ordered down together with all members")

    def _judge_start(self, act: Act) -> None:
        starts = self.starts[act.member]
        key = f"{act.act} {act.package}"
        if act.act == "install":
            starts.installs += 1
        else:
            starts.uninstalls += 1
        if key in starts.pending:
            self._object(act.at, f"{act.act} was started twice on {act.member}")
        starts.pending.add(key)
        if act.member in act.carrying:
            self._object(
                act.at,
                f"{act.act} was started on {act.member}, which was {act.states[act.member]}",
            )
        if set(act.group) >= set(self.members) and len(self.members) > 1:
            self._object(act.at, f"{act.act} was started on all members at once ({act.member})")
        outside = [m for m in self.members if m not in act.group]
        absent = [m for m in outside if act.states[m] not in self.healthy]
        if absent:
            self._object(
                act.at,
                f"{act.act} was started on {act.member} while "
                f"{', '.join(f'{m} was {act.states[m]}' for m in absent)}",
                absent if len(absent) < len(outside) else (),
            )

    def _object(self, at: float, sentence: str, absent: Sequence[str] = ()) -> None:
        self._objections.append((f"{sentence} (at {at:.0f} s)", tuple(absent)))

    def acts_as_json(self) -> list[dict[str, Any]]:
        """Return the acts as plain data."""
        return [{**asdict(act), "at": round(act.at, 1)} for act in self.acts]
