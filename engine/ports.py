"""What the engine asks of the world: time, a shell on a Security Group, people, a package store.

A docstring here is a contract; an adapter only points to it. Implementations live in
`engine.clock`, `engine.ssh`, `engine.rehearsal.shell` and `bot`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Protocol

from engine.facts import NOTHING_PINNED, Identity
from engine.policy import Policy


class Clock(Protocol):
    """The only source of time and of waiting."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step back; only differences mean something."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait; may be cancelled."""
        ...


@dataclass(frozen=True)
class Output:
    """What a command printed (stdout and stderr together), and its exit status if known."""

    text: str
    status: int | None


class Terminal(Protocol):
    """One interactive session on a pseudo-terminal, e.g. after `member 1_5`."""

    async def read(self, *, within: timedelta) -> str:
        """Return what has come since the last read, at least one character.

        Returns "" once the far side has closed the session, and raises `TimeoutError` when
        nothing comes within the limit.

        Raises:
            TimeoutError: silence for `within`; the session is still open.
            MemberUnreachable: the connection broke.
        """
        ...

    async def write(self, text: str) -> None:
        r"""Type text; line ends are `\n`.

        Raises:
            MemberUnreachable: the connection broke before or while typing.
        """
        ...

    async def close(self) -> None:
        """Close the session; what it started on the device goes on. Never raises."""
        ...


class Shell(Protocol):
    """One Security Group as its operators see it over SSH, logged in to the Expert shell.

    The group address answers from the SMO. When the SMO moves, sessions drop and for about
    35 seconds nobody answers; that is `MemberUnreachable` for whoever asks meanwhile.
    """

    async def run(self, command: str, *, within: timedelta) -> Output:
        """Run one command line without a terminal on the kept session to the group address.

        A session that was lost earlier is opened again before the command is sent; a command
        is sent at most once.

        Raises:
            MemberUnreachable: no session, or it broke; the command may or may not have run.
            TooLate: no end within the limit; the command may still run.
            UnexpectedOutput: more output than the adapter's limit (8 MiB).
        """
        ...

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        """Open a session of its own with a pseudo-terminal that runs `command`.

        Raises:
            MemberUnreachable: no connection within the limit.
        """
        ...

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Copy a local file to the group address by sftp, else scp; resumes a partial file.

        `progress` is called with (bytes there, bytes in all). The caller compares checksums.

        Raises:
            MemberUnreachable, TooLate, StepFailed: not copied as a whole (e.g. disk full).
        """
        ...

    async def close(self) -> None:
        """Close all sessions. Never raises."""
        ...


@dataclass(frozen=True)
class Ballot:
    """One thing that a person says at a gate, as it stands now.

    Attributes:
        user: who says it.
        choice: "yes", "no", or "withdraw" for a word or a button that takes back what its author
            said before.
        source: "reaction" on the gate's message, "text" in the run's thread, or "button": a click
            on the gate's message, which Slack does not show and the journal keeps.
        gate: the gate that a text names; "" where it names none (only a stop may).
        code: the code that a text repeats from the gate's message, or that a button carries; only
            a yes needs one.
        reason: what its author gave as the reason, as typed.
        above: where a text stands that was written before the gate's message stood; it is no
            answer to that by itself, and counts only as a no of which we have just heard.
    """

    user: str
    choice: str
    source: str
    gate: str = ""
    code: str = ""
    reason: str = ""
    above: str = ""


@dataclass(frozen=True)
class Person:
    """Who a Slack id is now, and whether that account may vote at all.

    `unfit` is "" or the reason why not: deactivated, a bot, a guest, of another workspace.
    `timezone` is "" where it is not known. Where `hidden`, Slack says that it does not show this
    account; it is unfit then, but a stop needs nobody's account: its roles decide.
    """

    id: str
    name: str
    unfit: str = ""
    timezone: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Reach:
    """Whether one person can be reached now, as far as Slack tells. It decides nothing.

    Attributes:
        user: who.
        name: what they are called, or their id.
        roles: those of the roles asked about that they are in.
        state: "awake" outside of their quiet hours (which does not say that they look at Slack),
            "quiet" within them, "unknown" where Slack did not say.
        local: their time of day when asked, e.g. "03:12"; "" where not known.
        until: when their quiet hours end, where they are in them.
    """

    user: str
    name: str
    roles: frozenset[str] = frozenset()
    state: str = "unknown"
    local: str = ""
    until: datetime | None = None


class People(Protocol):
    """What Slack shows now, and who is who. Fails closed: no answer is `PeopleUnreadable`."""

    async def ballots(self, channel: str, ts: str) -> Sequence[Ballot]:
        """Return what people say at a gate now, the bot's own excluded.

        That is the reactions on its message, and the words that stand in the thread, in the
        order in which they were said; those above its message say so. Words may name another
        gate.

        Raises:
            PeopleUnreadable: Slack did not answer, or the message is gone.
            StopUnheard: a stop stands there that was not in the inbox until now.
        """
        ...

    async def person(self, user: str) -> Person:
        """Return who this is now; one whom Slack does not show is `hidden`.

        Raises:
            PeopleUnreadable: Slack did not answer.
        """
        ...

    async def shared(self, channel: str) -> str:
        """Return why a channel is not one of ours alone, or "": then nobody orders there.

        Raises:
            PeopleUnreadable: Slack did not answer.
        """
        ...

    async def roles(self, user: str) -> frozenset[str]:
        """Return the names of the roles that this person is in now.

        Raises:
            PeopleUnreadable: a user group could not be read.
        """
        ...

    async def members(self, role: str) -> frozenset[str]:
        """Return everybody who is in a role now.

        Raises:
            PeopleUnreadable: a user group could not be read.
        """
        ...

    async def reach(self, roles: Collection[str]) -> Sequence[Reach]:
        """Return who is in one of these roles now and may vote at all, and how to reach them.

        Best effort, so that people know whom to call: it answers within ten seconds and never
        raises. Who could not be asked about is "unknown"; a role whose members could not be read
        adds nobody; only so many are asked about. Nothing may be decided by this.
        """
        ...


class Answers(Protocol):
    """How the engine says something to one person, outside of any run's thread."""

    async def answer(
        self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
    ) -> bool:
        """Tell the person named in `to` (as it came in with the command). Best effort.

        Returns False where it may succeed later: Slack is away, or says to wait.

        `file` is the name and the content of what is too long to be said; it is for that person
        alone, too.
        """
        ...


@dataclass(frozen=True)
class HotfixConfig:
    """What a package says of itself, in `hf.config` inside of it; "" and None: not said.

    Attributes:
        patch_name: PATCH_NAME.
        take: TAKE_NUMBER.
        branch: BRANCH_NAME; it names a version too.
        package_type: PACKAGE_TYPE, e.g. BUNDLE.
        category: CATEGORY, e.g. JUMBO.
        base_version: DIRECT_BASE_VERSION, the version that it is for.
        reboots: whether members restart.
    """

    patch_name: str = ""
    take: int | None = None
    branch: str = ""
    package_type: str = ""
    category: str = ""
    base_version: str = ""
    reboots: bool | None = None


@dataclass(frozen=True)
class PackageFile:
    """A CPUSE package in the repository, with the checksum that was published for it.

    `config` is what it says of itself, `no_config` why that is not known.
    """

    name: str
    path: Path
    sha256: str
    size: int
    config: HotfixConfig | None = None
    no_config: str = ""


class Packages(Protocol):
    """The package repository."""

    async def find(self, name: str, *, sha256: str | None = None) -> PackageFile:
        """Return the package, its content checked against its published or given SHA-256.

        Raises:
            PlanRefused: not there, no published checksum, another checksum, an unsafe name, or no
                archive that a package could be.
        """
        ...

    async def names(self) -> Sequence[str]:
        """Return the file names on offer, sorted."""
        ...


@dataclass(frozen=True)
class GroupSetup:
    """One Security Group of the inventory: how to reach it and what governs runs on it.

    `remarks` are sentences that every proposal for it says first; `pins` is what the settings say
    that it is, "" where that is left to looking. `shell` is where its logins end, "expert" or
    "gclish"; what `open_shell` returns speaks to Expert in either case. `asked_again` is called
    where a person asks to go on: a password that a device refused may then be tried once more.
    `tags` name it together with others.
    `daily_look` is the time of day, in `timezone`, at which it is looked at where no run is on it;
    None is never.
    """

    name: str
    channel: str
    policy: Policy
    open_shell: Callable[[], Shell]
    remarks: tuple[str, ...] = ()
    pins: Identity = NOTHING_PINNED
    shell: str = "expert"
    asked_again: Callable[[], None] = lambda: None
    tags: tuple[str, ...] = ()
    timezone: str = "UTC"
    daily_look: time | None = None


class Inventory(Protocol):
    """The Security Groups that may be worked on."""

    def group(self, name: str) -> GroupSetup | None:
        """Return a group by its name, or None."""
        ...

    def names(self) -> Sequence[str]:
        """Return all names, sorted."""
        ...
