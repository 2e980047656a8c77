"""The Expert shell of a Security Group, whatever shell a login there ends in.

The engine speaks to Expert. Where logins end in gClish, Expert is reached as a person reaches it:
a terminal, `expert`, the password. Such terminals are kept for looks, and each dialogue gets one of
its own; after `member` the login there ends in gClish again, so `expert` is said there too.

The first prompt is read before anything is typed: a login that ends elsewhere than the settings
say is refused. Without the password nothing is done at all: without Expert there is no fence, no
boot id and no number of CPUSE actions, so nobody could tell whether an installation had begun; and
before R82 a group cannot even be taken down.

The password is typed where it is asked for, and never again by itself where Expert did not follow,
whatever the device said instead: looks come every few seconds, and would lock the account.

Source: the vendor's steps ("If your default shell is Gaia gClish, then go to the Expert mode",
R8120); the prompt `[Global] EXL-s01-01> ` EXLLAB; `[Expert@cti-ch01-02:0]# ` SGMUP. What is said
around the password is [B]. That `member` ends in gClish is [B] too: it is "just a SSH wrapper".
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from engine.errors import (
    ConditionFailed,
    MemberUnreachable,
    StepFailed,
    TooLate,
    UnexpectedOutput,
    UnknownPrompt,
)
from engine.gaia.text import cleaned
from engine.ports import Clock, Output, Shell, Terminal

EXPERT, GCLISH = "expert", "gclish"

OUTPUT_LIMIT = 8 * 1024 * 1024
"""Characters of one command, as in `engine.ssh`."""

MOST_KEPT = 2
"""Terminals kept for the next look: while something long runs, the group is looked at beside it."""

PROMPT_WITHIN = timedelta(seconds=30)
"""How long a prompt may take: a login, or going to Expert mode. A guess."""

_STILL_OPEN = timedelta(seconds=0.05)
"""A session that has ended says so at once when it is read."""

_PROMPTS = {
    EXPERT: re.compile(r"(?:^|\n)\[Expert@[^\]\n]*\]# ?\Z"),
    GCLISH: re.compile(r"(?:^|\n)(?:\[Global[^\]\n]*\] )?[A-Za-z0-9._:-]+> ?\Z"),
    "password": re.compile(r"(?:^|\n)Enter expert password:\s*\Z"),
    "refused": re.compile(r"(?:^|\n)Wrong password[^\n]*(?:\n|\Z)"),
}

REDACTED = "[redacted]"

_TAKEN = re.compile(r"^You are in expert mode now", re.MULTILINE)
"""Stands before the first Expert prompt: a session that breaks there was let in. Source: [B]."""

UNANSWERED_LIMIT = 2
"""So often in succession the password may be typed without any answer: sessions break when the SMO
moves, but some device may refuse it by hanging up. A guess; accounts are locked after 3 or more."""

_NO_COMMAND_THERE = re.compile(r"^CLINFR\d+|Invalid command", re.MULTILINE)
"""What gClish says to a line for the Expert shell. Source: SNOW (CLINFR0815 …); words [B]."""


@dataclass(frozen=True)
class Login:
    """How one logs in to a group. `variable` names where the password is set, for people."""

    group: str
    shell: str = EXPERT
    password: str = field(default="", repr=False)
    variable: str = ""

    @property
    def lacking(self) -> str:
        """Say why nothing can be done there, or ""."""
        if self.shell == EXPERT or self.password:
            return ""
        return (
            f"logins to {self.group} end in gClish, and there is no expert password "
            f"({self.variable}, or {self.variable}_FILE): without Expert mode there is no fence, "
            "and nobody could tell whether an installation had begun"
        )


@dataclass
class _Place:
    """Where the password is typed: who types there, and what came of it."""

    typing: asyncio.Lock = field(default_factory=asyncio.Lock)
    unanswered: int = 0
    refusal: str = ""

    def hear(self, shown: str) -> None:
        """Take what was shown after the password where no prompt that we know followed it."""
        if _TAKEN.search(shown):
            self.unanswered = 0
        elif said := _last_line(shown.replace(REDACTED, "")):
            self.refusal = f"answered the expert password with {said!r}"
        else:
            self.unanswered += 1


class Refusals:
    """Where an expert password was typed and Expert did not follow; of all shells of one login.

    A place is the command that leads there: "" for the group address, or `member 1_3`. One member
    that refuses it must not blind us for the group.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def at(self, place: str) -> _Place:
        """Return what is known of a place."""
        return self._places.setdefault(place, _Place())

    def forget(self) -> None:
        """A person asks to try again: it may be typed once more at each place."""
        for one in self._places.values():
            one.unanswered, one.refusal = 0, ""


def logged_in(shell: Shell, login: Login, clock: Clock, refusals: Refusals | None = None) -> Shell:
    """Return a shell that speaks to Expert through one whose logins end as `login` says.

    `refusals` outlive the shell where another one to the same group follows it.
    """
    if login.shell != GCLISH:
        return InExpert(shell, login)
    return FromGclish(shell, login, clock, refusals or Refusals())


class InExpert:
    """Logins end in Expert, as the settings say; see engine.ports.Shell."""

    def __init__(self, inner: Shell, login: Login) -> None:
        self._inner = inner
        self._login = login
        self._seen = False

    async def run(self, command: str, *, within: timedelta) -> Output:
        """See engine.ports.Shell.

        Raises:
            ConditionFailed: the login ends in gClish.
        """
        output = await self._inner.run(command, within=within)
        if not self._seen and _NO_COMMAND_THERE.search(output.text[:4000]):
            await self._look_at_prompt()
        self._seen = True
        return output

    async def _look_at_prompt(self) -> None:
        terminal = await self._inner.terminal("", within=PROMPT_WITHIN)
        try:
            shown = await _Prompts(terminal).next(EXPERT, GCLISH)
        finally:
            await terminal.close()
        if shown != EXPERT:
            raise _contradicted(self._login, "gClish", GCLISH)

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        """See engine.ports.Shell."""
        return await self._inner.terminal(command, within=within)

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """See engine.ports.Shell."""
        await self._inner.upload(source, target, within=within, progress=progress)

    async def close(self) -> None:
        """See engine.ports.Shell."""
        await self._inner.close()


class FromGclish:
    """Logins end in gClish, and go on to Expert by password; see engine.ports.Shell."""

    def __init__(self, inner: Shell, login: Login, clock: Clock, refusals: Refusals) -> None:
        self._inner = inner
        self._login = login
        self._clock = clock
        self._refusals = refusals
        self._idle: list[Terminal] = []
        self._numbers = itertools.count(1)

    async def run(self, command: str, *, within: timedelta) -> Output:
        """See engine.ports.Shell.

        Raises:
            ConditionFailed: no Expert mode; nothing was sent.
        """
        until = self._clock.monotonic() + within.total_seconds()
        terminal = await self._a_terminal(within)
        keep = False
        try:
            output, rest = await self._typed(terminal, command, until)
            keep = len(self._idle) < MOST_KEPT and await _is_at_prompt(terminal, rest)
        finally:
            if not keep:
                await terminal.close()
        self._idle += [terminal] if keep else []
        return output

    async def _typed(self, terminal: Terminal, command: str, until: float) -> tuple[Output, str]:
        """Type one line; return what it prints, and what came after that.

        It stands between marks that the echo does not hold. Through `cat`, so that nothing paints
        as for a person, and with nothing to read from. The last one begins a line of its own
        whatever stands before it: `da_cli` need not end its JSON with a line end.

        Raises:
            MemberUnreachable, TooLate, UnexpectedOutput: as `run`.
        """
        number = next(self._numbers)
        await terminal.write(
            f'( echo "@be""gin {number}"; ( {command} ) </dev/null 2>&1; '
            f's=$?; echo; echo "@en""d {number} $s" ) | cat\n'
        )
        end = re.compile(rf"^@end {number} (\d+)\r*\n", re.MULTILINE)
        heard, found = "", None
        while found is None:
            left = until - self._clock.monotonic()
            try:
                text = await terminal.read(within=timedelta(seconds=max(left, 0.001)))
            except TimeoutError as late:
                raise TooLate(f"no end within the limit: {command[:80]}") from late
            if not text:
                raise MemberUnreachable("the session broke before the command ended")
            before, heard = max(0, len(heard) - len("@end  255\r\r\n") - 12), heard + text
            if len(heard) > OUTPUT_LIMIT:
                raise UnexpectedOutput(
                    f"more than {OUTPUT_LIMIT} characters from {command[:80]}", heard[:2000]
                )
            found = end.search(heard, before)
        printed = heard[: found.start()].partition(f"@begin {number}")[2]
        text = re.sub(r"\r+\n", "\n", printed).removeprefix("\n").removesuffix("\n")
        return Output(text, int(found[1])), heard[found.end() :]

    async def _a_terminal(self, within: timedelta) -> Terminal:
        """Return a terminal in Expert: a kept one that is still open, or a new one."""
        while self._idle:
            terminal = self._idle.pop()
            try:
                await terminal.read(within=_STILL_OPEN)
            except TimeoutError:
                return terminal
            except MemberUnreachable:
                pass
            await terminal.close()
        return await self._open(within)

    async def _open(self, within: timedelta) -> Terminal:
        """Open a session, see that its first prompt is gClish's, and go to Expert."""
        if self._login.lacking:
            raise ConditionFailed(self._login.lacking)
        self._refuse_again("")
        terminal = await self._inner.terminal("", within=min(within, PROMPT_WITHIN))
        well = False
        try:
            prompts = _Prompts(terminal, self._login.password)
            if await prompts.next(EXPERT, GCLISH) == EXPERT:
                raise _contradicted(self._login, "the Expert shell", EXPERT)
            await self._to_expert(terminal, prompts, "")
            well = True
        finally:
            if not well:
                await terminal.close()
        return terminal

    async def _to_expert(self, terminal: Terminal, prompts: _Prompts, place: str) -> None:
        """Say `expert`, and the password; by one session at a time, as another may be refused.

        Raises:
            ConditionFailed: it was refused, now or before.
            UnknownPrompt, MemberUnreachable: Expert did not follow, and that is remembered.
        """
        await terminal.write("expert\n")
        if await prompts.next("password", EXPERT) == EXPERT:
            return
        known = self._refusals.at(place)
        async with known.typing:
            self._refuse_again(place)
            try:
                await terminal.write(f"{self._login.password}\n")
                let_in = await prompts.next(EXPERT, "refused", GCLISH) == EXPERT
            except BaseException:
                known.hear(prompts.shown)
                raise
            known.unanswered = 0
            if not let_in:
                known.refusal = "refused the expert password"
            self._refuse_again(place)

    def _refuse_again(self, place: str) -> None:
        """Raise where the password may not be typed at a place before a person asks for it.

        Raises:
            ConditionFailed: so it is.
        """
        known, what = self._refusals.at(place), ""
        if known.refusal:
            what = known.refusal
        elif known.unanswered >= UNANSWERED_LIMIT:
            what = f"did not answer the expert password, {known.unanswered} times in succession"
        if what:
            where = f"`{place}` on {self._login.group}" if place else self._login.group
            raise ConditionFailed(
                f"{where} {what}, and it is not tried again by itself, or the account may be "
                f"locked: set {self._login.variable} right and start the service anew; or where "
                "the device is right by now, say `retry` (or order again), and it is tried once"
            )

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        """See engine.ports.Shell; `command` is typed in Expert, and what it leads to as well.

        Raises:
            ConditionFailed: no Expert mode; nothing was sent.
        """
        self._refuse_again(command)
        terminal = await self._open(within)
        well = False
        try:
            prompts = _Prompts(terminal, self._login.password)
            await terminal.write(f"{command}\n")
            if await prompts.next(EXPERT, GCLISH) == GCLISH:
                await self._to_expert(terminal, prompts, command)
            well = True
        finally:
            if not well:
                await terminal.close()
        return _Handed(terminal, prompts.last)

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """See engine.ports.Shell. Whether a login in gClish takes files differs by version [B]."""
        try:
            await self._inner.upload(source, target, within=within, progress=progress)
        except StepFailed as failed:
            raise StepFailed(
                f"{failed}; logins end in gClish, which may take no files: copy the package to "
                f"{target} on the SMO by hand, then retry"
            ) from failed

    async def close(self) -> None:
        """See engine.ports.Shell."""
        while self._idle:
            await self._idle.pop().close()
        await self._inner.close()


def ends_in_gclish(shown: str) -> bool:
    """Tell whether gClish's prompt stands at the end of what a terminal shows.

    Source: `[Global] EXL-s01-01> ` EXLLAB; without `[Global]` it is Clish's [B].
    """
    return _PROMPTS[GCLISH].search(shown) is not None


def _contradicted(login: Login, ends_in: str, right: str) -> ConditionFailed:
    return ConditionFailed(
        f"a login to {login.group} ends in {ends_in}, but its settings say shell = "
        f'"{login.shell}"; nothing was sent: set shell = "{right}"'
    )


def _last_line(shown: str) -> str:
    return next((line.strip()[:200] for line in reversed(shown.splitlines()) if line.strip()), "")


class _Prompts:
    """Reads a terminal up to the next prompt; each is looked for only where it can come."""

    def __init__(self, terminal: Terminal, secret: str = "", heard: str = "") -> None:
        self._terminal = terminal
        self._secret = secret
        self._heard = heard
        self.last = ""

    @property
    def shown(self) -> str:
        """What stands there since the last prompt; not the secret, should a device echo it."""
        shown = cleaned(self._heard)
        return shown.replace(self._secret, REDACTED) if self._secret else shown

    async def next(self, *wanted: str) -> str:
        """Return which of these prompts stands at the end of what is shown.

        Raises:
            UnknownPrompt: something else does; nothing was answered.
            MemberUnreachable: nothing came, or the session ended.
        """
        while True:
            shown = cleaned(self._heard)
            for name in wanted:
                if _PROMPTS[name].search(shown):
                    self.last, self._heard = shown.rpartition("\n")[2], ""
                    return name
            try:
                text = await self._terminal.read(within=PROMPT_WITHIN)
            except TimeoutError as silence:
                raise self._unknown(wanted) from silence
            if not text:
                raise MemberUnreachable("the session was closed before a prompt came")
            self._heard += text

    def _unknown(self, wanted: tuple[str, ...]) -> Exception:
        last = _last_line(self.shown)
        if not last:
            return MemberUnreachable("the login shows no prompt")
        return UnknownPrompt(
            f"expected the prompt of {' or '.join(wanted)}, but the login shows "
            f"{last!r}; nothing was answered",
            self.shown,
        )


async def _is_at_prompt(terminal: Terminal, heard: str) -> bool:
    """Tell whether a terminal can be used again: the Expert prompt stands there."""
    try:
        return await _Prompts(terminal, heard=heard).next(EXPERT) == EXPERT
    except (MemberUnreachable, UnknownPrompt):
        return False


class _Handed:
    """A terminal in Expert whose prompt was read already, and is read once more."""

    def __init__(self, terminal: Terminal, prompt: str) -> None:
        self._terminal = terminal
        self._prompt = prompt

    async def read(self, *, within: timedelta) -> str:
        """See engine.ports.Terminal."""
        prompt, self._prompt = self._prompt, ""
        return prompt or await self._terminal.read(within=within)

    async def write(self, text: str) -> None:
        """See engine.ports.Terminal."""
        await self._terminal.write(text)

    async def close(self) -> None:
        """See engine.ports.Terminal."""
        await self._terminal.close()
