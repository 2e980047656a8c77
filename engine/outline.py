"""What a plan will send to which member, line by line, before anything of it is sent. Pure.

The texts come from `engine.gaia`, as `engine.group` takes them from there. What only the night
can tell is said in words: the number of the package in a member's list, which member is in service
then, and the answers of a dialogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.facts import GroupFacts, MemberId, in_service
from engine.gaia import commands, guards, probe
from engine.gaia.dialect import GATEWAY, Dialect, context, dialect
from engine.headroom import active_site
from engine.model import LAST_TAKE, Plan, Step, StepKind
from engine.splitting import by_sites, site_of, whole_sites

NUMBER = "<N>"
"""Stands for the package's number: it is read on the member right before it is used."""


@dataclass(frozen=True)
class Line:
    """One line that a step sends.

    Attributes:
        on: the member that it runs on, or "" for whichever has the group address.
        how: "reads", "acts", "asks" (a dialogue on a terminal), "goes" (there) or "copies".
        command: the vendor's command.
        sent: the whole line, with the conditions under which it acts and nothing else does.
        note: what only the night can tell.
    """

    on: MemberId
    how: str
    command: str
    sent: str
    note: str = ""


@dataclass(frozen=True)
class Outline:
    """One step of a plan, with all that it sends; none where it waits, or people are asked."""

    step: Step
    lines: tuple[Line, ...]
    note: str = ""


def outline(plan: Plan, facts: GroupFacts) -> tuple[Outline, ...]:
    """Return every step of a plan with its lines, if all goes as the facts let expect."""
    writing = _Writing(plan, facts)
    return tuple(writing.step(step) for step in plan.steps)


class _Writing:
    def __init__(self, plan: Plan, facts: GroupFacts) -> None:
        self._plan = plan
        self._facts = plan.concerning(facts)
        self._dialect: Dialect = dialect(plan.version)
        self._directory = plan.policy.own_directory
        self._path = f"{plan.policy.upload_directory}/{plan.package.name}"
        virtual = {one.id for member in self._facts.members for one in member.virtual}
        self._virtual = None if plan.mode == GATEWAY else virtual
        self._active = active_site(facts)
        self._on = {member.auto_clone for member in self._facts.members}

    def step(self, step: Step) -> Outline:
        written = _STEPS.get(step.kind)
        lines, note = written(self, step) if written else ((), _NOTES.get(step.kind, ""))
        return Outline(step, tuple(lines), note)

    # ------------------------------------------------------------------------- sorts of lines

    def _reads(self, command: str, at: MemberId = "", note: str = "") -> Line:
        sent = commands.on_member(at, command) if at else command
        return Line(at, "reads", command, sent, note)

    def _acts(self, command: str, at: MemberId = "", note: str = "") -> Line:
        line = guards.guarded(command, self._guard(at))
        return Line(at, "acts", command, commands.on_member(at, line) if at else line, note)

    def _goes(self, at: MemberId) -> Line:
        command = commands.member_session(at)
        return Line("", "goes", command, command)

    def _asks(
        self, command: str, at: MemberId, outside: Sequence[MemberId], note: str = ""
    ) -> Line:
        line = guards.guarded(command, self._guard(at, outside))
        return Line(at, "asks", command, line, note)

    def _guard(self, at: MemberId, outside: Sequence[MemberId] = ()) -> guards.Guard:
        """Return the conditions, as far as they are known before the night: no epoch yet."""
        return guards.Guard(
            at or None,
            tuple(outside),
            self._directory,
            standing_by=tuple(one for one in outside if self._stands_by(one)),
            said_active=tuple(one for one in outside if self._says_active(one)),
            context="" if self._virtual is None else context(0),
        )

    def _stands_by(self, member: MemberId) -> bool:
        """Tell whether a member's Site will stand by then, as far as our own acts go."""
        return self._active is not None and site_of(member) != self._active

    def _says_active(self, member: MemberId) -> bool:
        """Tell whether a member will then carry and say so, where there are two Sites."""
        return bool(self._facts.said_active) and not self._stands_by(member)

    def _taken_over(self, group: str) -> None:
        """From here on the other Site carries the traffic, where this one is out as a whole."""
        if self._active in whole_sites(self._plan.groups).get(group, ()):
            sites = by_sites(self._plan.members)
            self._active = next(site for site in sites if site != self._active)

    # ------------------------------------------------------------------------- kinds of steps

    def look(self, _step: Step) -> tuple[Sequence[Line], str]:
        line = probe.look_line(
            self._dialect, directory=self._directory, full=True, virtual=self._virtual
        )
        return [self._reads(line)], "one look at everything, which changes nothing"

    def upload(self, _step: Step) -> tuple[Sequence[Line], str]:
        package, path = self._plan.package, self._path
        copied = Line("", "copies", f"sftp {package.name} {path}", path, "resumes where it broke")
        checked = self._reads(commands.file_sha256(path), note=f"must be {package.sha256}")
        directory = self._plan.policy.upload_directory
        room = self._reads(commands.room_for_file(directory, path), note="must have room for it")
        made = self._acts(commands.make_directory(directory))
        return [checked, room, made, copied, checked], "not where the package is imported already"

    def import_package(self, _step: Step) -> tuple[Sequence[Line], str]:
        only = self._plan.members if self._plan.left_out else ()
        line = self._acts(commands.import_package(self._path, only))
        return [line], "not where every member lists it already"

    def verify(self, _step: Step) -> tuple[Sequence[Line], str]:
        members = [member.id for member in self._facts.members]
        return self._verified(members, members[0]), ""

    def ready(self, step: Step) -> tuple[Sequence[Line], str]:
        lines, note = self.look(step)
        return [*lines, *self._verified(step.members, step.members[0])], note

    def _verified(self, members: Sequence[MemberId], at: MemberId) -> list[Line]:
        if self._plan.kind == "uninstall":
            called = {m.id: m.listed(self._plan.package.name) for m in self._facts.some(members)}
            return [self._acts(commands.verify_uninstall(called[one]), one) for one in members]
        return [
            self._reads(commands.available_packages(), at, "gives the number"),
            self._acts(commands.verify(NUMBER, members), at),
        ]

    def cloning_off(self, _step: Step) -> tuple[Sequence[Line], str]:
        if self._on == {False}:
            return [], "nothing, as long as it is off on every member, as it is now"
        return [self._acts(commands.set_cloning(self._dialect, on=False))], ""

    def admin_down(self, step: Step) -> tuple[Sequence[Line], str]:
        outside = [m.id for m in self._facts.others(step.members)]
        serving = [
            m.id
            for m in self._facts.others(step.members)
            if in_service(m, self._plan.policy.state_words)
        ]
        at = (serving or outside)[0]
        command = commands.admin_state(
            self._dialect,
            "down",
            step.members,
            accelerated=bool(self._facts.syncs_accelerated),
        )
        note = "from the first member outside the group that is in service then"
        lines = [self._goes(at), self._asks(command, at, outside, _ANSWERS)]
        self._taken_over(step.group)
        return lines, note

    def install(self, step: Step) -> tuple[Sequence[Line], str]:
        listed = commands.available_packages()
        return self._change(step, listed, commands.install(NUMBER, step.members))

    def uninstall(self, step: Step) -> tuple[Sequence[Line], str]:
        listed, removal = commands.installed_packages(), self._plan.removal
        method = removal.method if removal is not None else LAST_TAKE
        return self._change(step, listed, commands.uninstall(NUMBER, step.members, method))

    def _change(self, step: Step, listed: str, command: str) -> tuple[Sequence[Line], str]:
        at, outside = step.members[0], [m.id for m in self._facts.others(step.members)]
        return [
            self._reads(listed, at, "gives the number"),
            self._goes(at),
            self._asks(command, at, outside, _ANSWERS),
        ], "begun at most once for each member"

    def comeback(self, step: Step) -> tuple[Sequence[Line], str]:
        if self._plan.package.reboots is not False:
            return [], _NOTES[StepKind.RETURN]
        at = next(m.id for m in self._facts.others(step.members))
        command = commands.admin_state(self._dialect, "up", step.members, accelerated=False)
        note = "once it is installed and the quiet time is over, as nobody restarts"
        return [self._goes(at), self._asks(command, at, (), _ANSWERS)], note

    def cloning_restore(self, _step: Step) -> tuple[Sequence[Line], str]:
        if self._on == {False}:
            return [], "nothing, unless the group owes it: it is off now"
        if self._plan.left_out:
            return [], "nothing: owed until the members that are left out show the same take"
        return [self._acts(commands.set_cloning(self._dialect, on=True))], ""

    def delete(self, _step: Step) -> tuple[Sequence[Line], str]:
        lines = []
        for member in self._facts.members:
            lines += [
                self._reads(commands.available_packages(), member.id, "gives the number"),
                self._acts(commands.delete_package(NUMBER, [member.id]), member.id),
            ]
        return lines, ""

    def cleanup(self, _step: Step) -> tuple[Sequence[Line], str]:
        line = commands.remove_file(self._path)
        return [self._acts(line, member.id) for member in self._facts.members], ""


_ANSWERS = "its questions are answered in their order: yes, the approvers' names, run and ticket"

_NOTES = {
    StepKind.PROPOSAL: "people approve the plan",
    StepKind.FAILOVER: "people approve the failover",
    StepKind.START: "people approve the start on members that are out of service already",
    StepKind.ACCEPT: "people approve another take than was announced",
    StepKind.WITHOUT: "people approve going on without members",
    StepKind.RETURN: "only looks; where the package does not reboot, the members are set up again",
    StepKind.SOAK: "only looks",
    StepKind.APPOINTMENT: "waits for the time that was agreed on, then looks at everything again",
}

_STEPS: dict[StepKind, Callable[[_Writing, Step], tuple[Sequence[Line], str]]] = {
    StepKind.PREFLIGHT: _Writing.look,
    StepKind.UPLOAD: _Writing.upload,
    StepKind.IMPORT: _Writing.import_package,
    StepKind.VERIFY: _Writing.verify,
    StepKind.CLONING_OFF: _Writing.cloning_off,
    StepKind.READY: _Writing.ready,
    StepKind.ADMIN_DOWN: _Writing.admin_down,
    StepKind.INSTALL: _Writing.install,
    StepKind.UNINSTALL: _Writing.uninstall,
    StepKind.RETURN: _Writing.comeback,
    StepKind.CLONING_RESTORE: _Writing.cloning_restore,
    StepKind.CLEANUP: _Writing.cleanup,
    StepKind.DELETE: _Writing.delete,
    StepKind.POSTFLIGHT: _Writing.look,
}
