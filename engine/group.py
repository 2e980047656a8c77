"""A live Security Group: look at it, and carry single acts out on it, through a Shell.

What is decided from a look (invariants, recovery) and what is recorded (journal) is not here.
Every act goes through `_converse` or `_tell`, which ask `may_send` right before the first byte,
and send one guarded line: see `engine.gaia.guards` and, for the epoch in it, `engine.fence`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, Protocol

from engine.errors import (
    EpochGone,
    MaintenanceError,
    MemberUnreachable,
    StepFailed,
    TooLate,
)
from engine.facts import NOTHING_PINNED, GroupFacts, Identity, MemberId, by_number
from engine.fence import Fence
from engine.gaia import broadcast, commands, guards, identity, installer, probe, refusals
from engine.gaia.dialect import GATEWAY, Dialect, context, dialect
from engine.gaia.dialogues import Dialogue
from engine.gaia.dialogues import admin_state as admin_state_dialogue
from engine.gaia.dialogues import package as package_dialogue
from engine.gaia.text import audit_text, cleaned
from engine.logins import ends_in_gclish
from engine.model import LAST_TAKE, PackageRef, StepKind
from engine.policy import Policy
from engine.ports import Clock, Output, Shell, Terminal

Commit = Callable[[MemberId], Awaitable[None]]
"""Called right before each answer that commits is typed; raises `Stopped` to prevent it."""


class CommitChange(Protocol):
    """The same where software changes: it is told too whether the device announced a restart."""

    async def __call__(self, on: MemberId, /, *, restart_announced: bool | None = None) -> None:
        """Return where the answer may be typed on a member."""
        ...


PROMPT_END = "]#"
"""The Expert prompt ends so: `[Expert@site-1-ch01-05:0]# `, or without the blank. Source: SGMUP."""

DIALOGUE_LIMIT = timedelta(minutes=10)
"""From opening a dialogue to its last answer. A guess: recorded ones took under one minute."""

ACTION_EVERY = timedelta(seconds=2)
"""Between two questions about an action that takes about six seconds (recorded: verify, 7 s)."""

SIGN_LIMIT = timedelta(seconds=60)
"""How long we stay after the last answer to see a first sign. The recorded playbooks cut their
session after 60 s, and the installation went on."""


_CHANGES = {
    StepKind.INSTALL: (commands.available_packages, "Package Installation"),
    StepKind.UNINSTALL: (commands.installed_packages, "Package Uninstallation"),
}
"""What is listed and asked. The uninstall dialogue is inferred from install's frame [I]."""


_IMPORTING = (
    "",
    "Initiating package import...",
    "Verifying disk space...",
    "Disk space is available",
    "Transferring package...",
    "Package was transferred successfully",
    "Importing package...",
)
"""What a row says while an import is at work; at first, and once between, nothing. Source: SGMUP;
there the installer as well "terminates by timeout and continues in background"."""


class LiveGroup:
    """One Security Group, reached through one Shell."""

    def __init__(
        self,
        shell: Shell,
        clock: Clock,
        policy: Policy,
        *,
        known: Identity | None = None,
        pins: Identity = NOTHING_PINNED,
        fence: Fence | None = None,
        may_send: Callable[[], None] = lambda: None,
        seen: GroupFacts | None = None,
    ) -> None:
        """Take what is needed to look and act; nothing is sent yet.

        Args:
            shell: how it is reached.
            clock: the only source of time.
            policy: limits, and our directory on a member.
            known: what it is known to be; None: the first look finds it out before all else.
            pins: what the settings say that it is; only for that finding out.
            fence: what stands between its members and a former executor, or None.
            may_send: asked right before each first byte; raises to prevent it.
            seen: a former look: the next one need not search all CPUSE actions from the first.
        """
        self._shell = shell
        self._clock = clock
        self._policy = policy
        self._identity = known
        self._pins = pins
        self._virtual: frozenset[int] = frozenset()
        self._kinds: dict[int, str] = {}
        self._standing_by: frozenset[MemberId] = frozenset()
        self._said_active: frozenset[MemberId] = frozenset()
        self._fence = fence
        self._may_send = may_send
        self._actions: dict[MemberId, int] = {}
        if seen is not None:
            self._remember(seen)

    # ------------------------------------------------------------------------------ looks

    async def observe(self, *, full: bool = False, in_part: bool = False) -> GroupFacts:
        """Look once, with one command on the kept session to the group address.

        With a fence our epoch comes first: at take-over before the first look, and on members
        that lack it (they were away, or restarted) before anything is decided from a look.

        `in_part`: what says nothing of the traffic may be lacking; see `probe.read_look`.

        Raises:
            MemberUnreachable: blind: nobody answers at the group address.
            TooLate, UnexpectedOutput: an answer that did not end, or cannot be read.
            Fenced, ConditionFailed: see engine.fence.
        """
        fence = self._fence
        if fence is None:
            return await self._look(full=full, in_part=in_part)
        held = frozenset() if fence.stands else await self._put_up(fence)
        facts = await self._look(full=full, in_part=in_part)
        if fence.is_lacking(facts):
            held |= await self._put_up(fence)
            facts = await self._look(full=full, in_part=in_part)
        members = (replace(m, session_open=True) if m.id in held else m for m in facts.members)
        return replace(facts, members=tuple(members))

    async def _put_up(self, fence: Fence) -> frozenset[MemberId]:
        """Write our epoch; return the members on which a session was open afterwards."""
        self._may_send()
        kept = await fence.put_up(self._shell, within=self._policy.limits.look)
        return frozenset(member for member, one in kept.items() if one.held)

    async def identify(self) -> Identity:
        """Return what the group is, as it was known or as the device says now.

        Raises:
            MemberUnreachable, TooLate, UnexpectedOutput: as `observe`.
            PlanRefused: it contradicts the settings or itself, or its version is not supported.
        """
        if self._identity is None:
            output = await self._shell.run(
                identity.identify_line(), within=self._policy.limits.look
            )
            found = identity.read_identity(output.text, self._pins)
            dialect(found.version)
            self._identity = found
        return self._identity

    async def _look(self, *, full: bool, in_part: bool) -> GroupFacts:
        facts = await self._look_once(full=full, in_part=in_part)
        asked = self._virtual
        self._remember(facts)
        if self._virtual != asked:
            # What is virtual was found just now: it is asked after, in a look that is whole.
            facts = await self._look_once(full=full, in_part=in_part)
            self._remember(facts)
        return facts

    async def _look_once(self, *, full: bool, in_part: bool) -> GroupFacts:
        known = await self.identify()
        words = dialect(known.version)
        line = probe.look_line(
            words,
            directory=self._policy.own_directory,
            full=full,
            actions=self._actions,
            virtual=None if known.mode == GATEWAY else self._virtual,
        )
        output = await self._shell.run(line, within=self._policy.limits.look)
        facts = probe.read_look(
            output.text,
            self._clock.now(),
            self._kinds,
            in_part=in_part,
            cloning_of_all=words.cloning_of_all,
        )
        return replace(
            facts,
            version=facts.version or known.version,
            platform=facts.platform or known.platform,
            mode=facts.mode or known.mode,
            syncs_accelerated=facts.syncs_accelerated if words.accelerated or not full else False,
        )

    def _remember(self, facts: GroupFacts) -> None:
        self._actions |= {m.id: m.action.id for m in facts.members if m.action is not None}
        virtual = [one for m in facts.members for one in m.virtual]
        self._virtual = frozenset(one.id for one in virtual)
        self._kinds = {one.id: one.kind for one in virtual if one.kind} or self._kinds
        self._standing_by = frozenset(facts.standing_by)
        self._said_active = frozenset(facts.said_active)

    async def _words(self) -> Dialect:
        return dialect((await self.identify()).version)

    # ------------------------------------------------------------- acts on the whole group

    async def uploaded_sha256(self, package: PackageRef) -> str | None:
        """Return the checksum of the uploaded file on the device, or None."""
        output = await self._shell.run(
            commands.file_sha256(self._upload_path(package)), within=self._policy.limits.verify
        )
        return installer.sha256_of(output.text)

    async def upload(
        self, package: PackageRef, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Copy the package to the group address.

        Raises:
            StepFailed: the package is not in the repository any more.
        """
        limits = self._policy.limits
        if not await asyncio.to_thread(Path(package.path).is_file):
            raise StepFailed(
                f"{package.name} is not in the repository any more; put it back as "
                f"{package.path}, then retry"
            )
        await self._tell(commands.make_directory(self._policy.upload_directory), limits.look)
        target = self._upload_path(package)
        await self._shell.upload(
            Path(package.path), target, within=limits.upload, progress=progress
        )

    async def room_for_upload(self, package: PackageRef) -> tuple[int | None, int]:
        """Return the free megabytes where it is uploaded to (None: not told), and bytes there."""
        output = await self._shell.run(
            commands.room_for_file(self._policy.upload_directory, self._upload_path(package)),
            within=self._policy.limits.look,
        )
        return installer.room(output.text)

    async def remove_upload_here(self, package: PackageRef) -> None:
        """Remove the uploaded file where the group address leads now."""
        line = commands.remove_file(self._upload_path(package))
        await self._tell(line, self._policy.limits.look)

    async def import_package(self, package: PackageRef, only: Sequence[MemberId] = ()) -> str:
        """Import the uploaded package on every member, or on these; return what was printed.

        The installer may end before the import does, which then goes on: whoever looks will see.

        Raises:
            StepFailed: a member refused for another reason than having it already.
            NotNow: it refused because CPUSE is at work on something else.
        """
        text, _ = await self._tell(
            commands.import_package(self._upload_path(package), only),
            self._policy.limits.importing,
        )
        below = installer.after_frames(text)
        aborted = below if installer.ABORTED in below else ""
        for member, status in installer.last_frame(text).items():
            done = installer.IMPORTED in status or installer.EXISTS in status
            if not done and (aborted or status not in _IMPORTING):
                told = f"{status or 'no status'}. {aborted}" if aborted else status or "no status"
                raise refusals.error_of(f"import on {member}: {told}")
        return text

    async def verify(
        self, package: PackageRef, members: Sequence[MemberId], *, at: MemberId
    ) -> str:
        """Ask CPUSE on member `at` whether the package can be installed on these members.

        Raises:
            StepFailed: not allowed on a member, or refused as a whole.
            NotNow: refused because CPUSE is at work on something else.
        """
        limit = self._policy.limits.verify
        number = await self._number(package, at, commands.available_packages())
        text, _ = await self._tell(commands.verify(number, members), limit, at=at)
        statuses = installer.last_frame(text)
        # The table may list others, too, who need not have the package any more.
        asked = {m: statuses[m] for m in members if m in statuses}
        denied = [f"{m}: {s}" for m, s in asked.items() if s != installer.ALLOWED]
        missing = sorted(set(members) - set(asked))
        refused = installer.after_frames(text)
        if denied or missing or installer.ABORTED in refused:
            told = "; ".join([*denied, *(f"{one}: not listed" for one in missing)])
            raise refusals.error_of(f"verify: {told}. {refused}".strip())
        return text

    async def verify_uninstall(self, listed: Mapping[MemberId, str]) -> bool:
        """Ask CPUSE on each member whether a package can be uninstalled, by its name there.

        False where this CPUSE cannot be asked that: then its own dialogue says so, or not.

        Raises:
            StepFailed: it cannot, on a member.
            NotNow: refused because CPUSE is at work on something else.
            TooLate: no answer within the limit.
        """
        limit, begun = self._policy.limits.verify, dict[MemberId, int]()
        for member, name in listed.items():
            text, _ = await self._tell(commands.verify_uninstall(name), limit, at=member)
            number = installer.action_begun(text)
            if number is not None:
                begun[member] = number
        for member, number in begun.items():
            said = await self._ended(member, number)
            if installer.MAY_BE_UNINSTALLED not in said:
                raise refusals.error_of(
                    f"verify_uninstall on {member}: {said or 'nothing was said'}"
                )
        return len(begun) == len(listed)

    async def _ended(self, member: MemberId, number: int) -> str:
        """Wait for an action of a member's CPUSE that changes nothing; return what it said."""
        limit = self._policy.limits.verify
        until = self._clock.monotonic() + limit.total_seconds()
        while True:
            output = await self._on(member, commands.action_status(number))
            status, said = installer.action_ended(output.text)
            if status != "in progress":
                return said
            if self._clock.monotonic() >= until:
                raise TooLate(f"CPUSE on {member} did not end action {number}")
            await self._clock.sleep(ACTION_EVERY)

    async def delete_package(self, package: PackageRef, member: MemberId) -> str:
        """Take the package out of a member's CPUSE repository; return what was printed.

        Nothing asks which package is meant, so nobody is told another member's number of it.
        Whether it is gone is seen by whoever looks.
        """
        number = await self._number(package, member, commands.available_packages())
        line = commands.delete_package(number, [member])
        text, _ = await self._tell(line, self._policy.limits.verify, at=member)
        return text

    async def set_cloning(self, *, on: bool) -> str:
        """Switch image auto-clone on every member and save the configuration."""
        words = await self._words()
        text, _ = await self._tell(commands.set_cloning(words, on=on), self._policy.limits.cloning)
        return text

    async def remove_upload(self, package: PackageRef, members: Sequence[MemberId]) -> None:
        """Remove the uploaded file, on whichever member the group address was then.

        Raises:
            StepFailed: it is still there.
        """
        for member in members:
            line = commands.remove_file(self._upload_path(package))
            _, status = await self._tell(line, self._policy.limits.look, at=member)
            if status != 0:
                raise StepFailed(f"the uploaded file is still there on {member}")

    # -------------------------------------------------------------------------- dialogues

    async def admin_state(
        self,
        state: str,
        members: Sequence[MemberId],
        *,
        at: MemberId,
        outside: Sequence[MemberId],
        name: str,
        reason: str,
        accelerated: bool,
        commit: Commit,
    ) -> str:
        """Set members administratively down or up, from member `at`; return what was said.

        A session that breaks after the last answer is no error: whoever looks will see.

        Raises:
            StepFailed: refused, or the device answered ACTIVE(!).
            ConditionFailed: a member in `outside` was not active when the line ran.
            UnknownPrompt: nothing was answered to it.
        """
        words = await self._words()
        command = commands.admin_state(words, state, members, accelerated=accelerated)
        script = admin_state_dialogue(
            state,
            members,
            name=audit_text(name, "Hotfix Bot"),
            reason=audit_text(reason, "none"),
            confirming_acts=words.confirming_acts,
        )
        text = await self._converse(at, command, script, outside, commit, stay=True)
        if "ACTIVE(!)" in cleaned(text):
            raise StepFailed(
                "the device answered ACTIVE(!): the members that stay have a problem, so it kept "
                "one of these active"
            )
        return text

    async def change(
        self,
        what: StepKind,
        package: PackageRef,
        members: Sequence[MemberId],
        *,
        at: MemberId,
        outside: Sequence[MemberId],
        name: str,
        reason: str,
        commit: CommitChange,
        method: str = LAST_TAKE,
    ) -> str:
        """Begin INSTALL or UNINSTALL on these members, from one of them; return what was said.

        It goes on by itself after the last answer; whoever looks will see how far it is. `method`
        is how much an uninstall takes away, as far as that can be said.

        Raises:
            StepFailed, ConditionFailed, UnknownPrompt: it was not begun.
            NotNow: nor was it, because CPUSE or the device's database is busy.
        """
        listing, title = _CHANGES[what]
        number = await self._number(package, at, listing())
        install = what is StepKind.INSTALL
        command = (
            commands.install(number, members)
            if install
            else commands.uninstall(number, members, method)
        )
        script = package_dialogue(
            title,
            members,
            package,
            name=audit_text(name, "Hotfix Bot"),
            reason=audit_text(reason, "none"),
        )

        async def announced(on: MemberId) -> None:
            await commit(on, restart_announced=script.restart_announced)

        return await self._converse(at, command, script, outside, announced, stay=False)

    # --------------------------------------------------------------------------- inside

    def _upload_path(self, package: PackageRef) -> str:
        return f"{self._policy.upload_directory}/{package.name}"

    async def _number(self, package: PackageRef, at: MemberId, listing: str) -> int:
        """Read the package's number on the member that will use it, right before use."""
        output = await self._on(at, listing)
        return installer.package_number(output.text, package.name)

    async def _on(
        self, member: MemberId, command: str, *, within: timedelta | None = None
    ) -> Output:
        """Run a command that asks nothing on one member; without `within` it is a look."""
        line = commands.on_member(member, command)
        output = await self._shell.run(line, within=within or self._policy.limits.look)
        return replace(output, text=broadcast.of_one(member, output.text))

    def _guard(self, at: MemberId | None, outside: Sequence[MemberId] = ()) -> guards.Guard:
        stamp = self._fence.stamp if self._fence is not None else None
        known = self._identity
        return guards.Guard(
            at,
            tuple(outside),
            self._policy.own_directory,
            stamp,
            standing_by=tuple(sorted(self._standing_by & set(outside), key=by_number)),
            said_active=tuple(sorted(self._said_active & set(outside), key=by_number)),
            context=context(0) if known is not None and known.mode != GATEWAY else "",
        )

    async def _tell(
        self, command: str, within: timedelta, *, at: MemberId | None = None
    ) -> tuple[str, int]:
        """Run one guarded command without a terminal; return what it printed, and its status.

        Without `at` it runs on whichever member has the group address.
        """
        self._may_send()
        guard = self._guard(at)
        line = guards.guarded(command, guard)
        if at is None:
            output = await self._shell.run(line, within=within)
        else:
            output = await self._on(at, line, within=within)
        text = cleaned(output.text)
        status = guards.exit_status(text)
        if status is None:
            raise MemberUnreachable(f"{at or 'the group address'} did not say how it ended")
        refused = guards.refusal(status, guard)
        if isinstance(refused, EpochGone):
            await self._find_out(refused)
        if refused is not None:
            raise refused
        return guards.printed(output.text), status

    async def _find_out(self, gone: EpochGone) -> None:
        """After a 97: are we stale, or was the member's file lost? In that case it is back now.

        Raises:
            Fenced, ConditionFailed: see engine.fence.
            StepFailed: it cannot be written there.
        """
        if self._fence is None:
            return
        self._may_send()
        kept = await self._fence.put_up(self._shell, within=self._policy.limits.look)
        lacking = [m for m, one in kept.items() if not self._fence.is_kept(one.epoch, one.boot_id)]
        if gone.member in lacking or (gone.member is None and lacking):
            raise StepFailed(
                f"our epoch cannot be written on {', '.join(lacking)}: see whether "
                f"{self._policy.own_directory} can be written there, then retry"
            ) from gone

    async def _converse(
        self,
        at: MemberId,
        command: str,
        script: Dialogue,
        outside: Sequence[MemberId],
        commit: Commit,
        *,
        stay: bool,
    ) -> str:
        """Go to a member, run one guarded command there and answer its questions."""
        self._may_send()
        guard = self._guard(at, outside)
        within = self._policy.limits.prompt
        terminal = await self._shell.terminal(commands.member_session(at), within=within)
        talk = _Talk(terminal, script, guard, at, self._clock, within, commit)
        try:
            await talk.reach_prompt()
            self._may_send()
            await terminal.write(guards.guarded(command, guard) + "\n")
            await talk.answer_all(self._may_send)
            await talk.see_first_signs(until_end=stay)
        except EpochGone as gone:
            await self._find_out(gone)
            raise
        finally:
            await terminal.close()
        return script.transcript


class _Talk:
    """One dialogue on one terminal."""

    def __init__(
        self,
        terminal: Terminal,
        script: Dialogue,
        guard: guards.Guard,
        at: MemberId,
        clock: Clock,
        within: timedelta,
        commit: Commit,
    ) -> None:
        self._terminal = terminal
        self._script = script
        self._guard = guard
        self._at = at
        self._clock = clock
        self._within = within
        self._commit = commit
        self._until = clock.monotonic() + DIALOGUE_LIMIT.total_seconds()

    async def reach_prompt(self) -> None:
        """Read banners until the Expert prompt stands at the end.

        Raises:
            MemberUnreachable: no prompt came.
            StepFailed: it is the prompt of another shell.
        """
        heard = ""
        while True:
            try:
                text = await self._terminal.read(within=self._within)
            except TimeoutError as error:
                raise MemberUnreachable(f"{self._at} shows no prompt") from error
            heard += text
            if not text:
                raise MemberUnreachable(f"{self._at} closed the session")
            last = cleaned(heard).rpartition("\n")[2]
            if last.startswith("[Expert@") and last.rstrip(" ").endswith(PROMPT_END):
                return
            if ends_in_gclish(last):
                raise StepFailed(
                    f"{self._at} ends in gClish, so nothing was sent there: set shell = "
                    '"gclish" for this group'
                )

    async def answer_all(self, may_send: Callable[[], None]) -> None:
        """Answer every question up to the last one that commits.

        Where the first of these may be the last, a command that ends after it is no error: it may
        have acted, so only a look can tell.

        Raises:
            Fenced: our lease grew too old meanwhile; the answer was not typed.
        """
        committed = False
        while not self._script.committed:
            text = await self._hear()
            try:
                answer = self._script.hear(text)
            except StepFailed as refused:
                # What it says behind that may be why, and that it passes.
                await self.see_first_signs(until_end=True)
                raise self._script.refused() from refused
            status = guards.exit_status(cleaned(self._script.transcript))
            if status is not None and committed:
                return
            if status is not None:
                self._ended_early(status)
            if answer is None:
                continue
            if answer.commits:
                # Before each: the device may have taken its time since the one before.
                await self._commit(self._at)
                committed = True
                # Once more: a process that was paused while it wrote COMMITTING must not go on.
                may_send()
            await self._terminal.write(answer.text + "\n")

    async def _hear(self) -> str:
        if self._clock.monotonic() >= self._until:
            raise TooLate(f"the dialogue on {self._at} did not end")
        try:
            text = await self._terminal.read(within=self._within)
        except TimeoutError as error:
            raise self._script.stuck() from error
        if not text:
            raise MemberUnreachable(f"{self._at} closed the session before the end")
        return text

    def _ended_early(self, status: int) -> NoReturn:
        refused = guards.refusal(status, self._guard)
        if refused is not None:
            raise refused
        shown = [line for line in cleaned(self._script.transcript).splitlines() if line.strip()]
        raise StepFailed(f"the command ended (status {status}) without asking: {shown[-2:]}")

    async def see_first_signs(self, *, until_end: bool) -> None:
        """Stay until the act shows signs of life, or (`until_end`) until the command ends.

        Whatever goes wrong here is no error: the answer was typed, so only a look can tell.
        """
        until = self._clock.monotonic() + SIGN_LIMIT.total_seconds()
        said = ""
        if guards.exit_status(cleaned(self._script.transcript)) is not None:
            return
        while (left := until - self._clock.monotonic()) > 0:
            try:
                text = await self._terminal.read(within=timedelta(seconds=left))
            except (TimeoutError, MaintenanceError):
                return
            said += text
            self._script.transcript += text
            ended = guards.exit_status(cleaned(said)) is not None
            if not text or ended or (not until_end and "%" in said):
                return
