"""Dialogues: which question may come, in which order, and the one answer that each gets.

Pure: text goes in, an answer or nothing comes out. Each prompt is answered at most once, never
out of order, and only when it stands at the end of what was printed: a public playbook matched
"Are you sure" anywhere, typed one `y` too many, and the audit log now says "User: y".

A question alone says nothing: "Do you want to continue?" and "Are you sure?" stand below whatever
the device has to say. So a prompt is all that was said since the former answer, or since the
frames: where there is one sentence more than was recorded, it is another prompt. What this costs
is a hold where a version merely words something otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import StepFailed, UnexpectedOutput, UnknownPrompt
from engine.facts import MemberId, by_number, member_id, package_stem
from engine.gaia.guards import END_OF_LINE
from engine.gaia.refusals import error_of, refusal_lines
from engine.gaia.text import cleaned
from engine.model import PackageRef

REBOOT_NOTICE = "the reboot notice"
"""The prompt with which the device says that these members will restart."""

# Source: SGMUP says blades; R82 says members elsewhere, and may here [B]. Ids and packages are
# compared with those that we mean wherever a sentence names them.
_PARTS = {
    "<blade>": "(?:blade|member)",
    "<Blade>": "(?:Blade|Member)",
    "<blades>": "(?:blades|members)",
    "<members>": r"(?P<members>[0-9_,\-\s]*)",
    "<package>": r"(?P<package>[^()]*)",
    "<machines>": "(?:machines|members|blades)",
    "<install>": "install(?:ation)?",
    # What it says before an uninstall is not recorded; that these members restart is what counts.
    "<uninstall>": "(?:un-?)?install(?:ation)?",
}

_CONTINUE = "Do you want to continue? ([y]es / [n]o)"
_SURE = "Are you sure? (Y - yes, any other key - no)"
_NAME = "Enter your full name:"
_DEFAULT = "[Maintenance]:"

_LONGEST = 300
"""Of what an unknown prompt said, in characters: a hold's reason is one sentence."""


def _recorded(words: str) -> str:
    """Return a pattern for recorded words, wherever blanks and line ends fall in them."""
    parts = [part for part in re.split(r"(<\w+>)", words) if part.strip()]
    return r"\s*".join(_PARTS.get(part) or _spread(part) for part in parts)


def _spread(words: str) -> str:
    return r"\s*".join(map(re.escape, "".join(words.split())))


def _all_of(*said: str) -> re.Pattern[str]:
    """Return a pattern for all that is said, sentence by sentence, and nothing between."""
    return re.compile(r"\s*".join(["", *said, ""]))


def _maybe(pattern: str) -> str:
    return f"(?:{pattern})?"


# Source: SGMUP (`set smo image …`), EXLLAB (`set cluster configuration image …`).
_CLONE_WARNING = _recorded(
    "Attention! In case image auto-clone is enabled, this operation may be overridden by "
    "auto-cloning from SMO during next boot. To disable image auto-clone run: set"
)
_CLONE_WARNING += rf"\s*(?:{_recorded('smo')}|{_recorded('cluster configuration')})\s*"
_CLONE_WARNING += _recorded("image auto-clone state off")

# Source: ORCH, SGMUP: said by the way, whoever holds the lock; what it refuses is in REFUSALS.
_BY_THE_WAY = re.compile(
    r"^\s*CLINFR0771\s+Config lock is owned by \S+\. "
    r"Use (?:the command )?'lock database override' to acquire the lock\.[ \t]*$",
    re.MULTILINE,
)

# Source: SGMUP logs: a row has two cells, and the last one a rule below. What has one cell is no
# frame, but a box around something that was said.
_BEFORE = re.compile(
    rf"{END_OF_LINE}|Querying cluster members\.\.\.|"
    r"^[ \t]*\|(?:[^|\n]*\|){2,}[ \t]*$(?:\n[ \t]*\+[-+]+\+[ \t]*$)?",
    re.MULTILINE,
)
"""What ends before the device speaks: our own line, the first words of `installer`, each frame."""


@dataclass(frozen=True)
class Prompt:
    """One question, with all that is said before it; its members and its package must be ours.

    `commits` marks the answer after which the device begins to act.
    """

    name: str
    pattern: re.Pattern[str]
    answer: str
    required: bool = True
    commits: bool = False


@dataclass(frozen=True)
class Answer:
    """What to type next."""

    prompt: str
    text: str
    commits: bool


class Dialogue:
    """One conversation with a device, from the command to the answer that commits.

    `restart_announced`: it said so far that these members restart by themselves.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        members: Sequence[MemberId],
        package: PackageRef | None = None,
    ) -> None:
        self._waiting = list(prompts)
        self._members = frozenset(members)
        self._package = package
        self._since_answer = ""
        self._typed = ""
        self.restart_announced = False
        self.transcript = ""

    @property
    def committed(self) -> bool:
        """Whether the last answer that commits was given."""
        return not any(prompt.commits for prompt in self._waiting)

    def hear(self, text: str) -> Answer | None:
        """Take in what was printed; return the answer to the prompt that it ends with, if any.

        Source: SGMUP logs for order and words of every prompt.

        Raises:
            StepFailed: the device refused instead of asking; NotNow where that may pass.
            UnknownPrompt: a prompt names other members, or another package, than we mean.
        """
        self.transcript += text
        self._since_answer += text
        shown = cleaned(self._since_answer)
        said = self._said(shown)
        for index, prompt in enumerate(self._waiting):
            if asked := prompt.pattern.fullmatch(said):
                self._check(asked)
                self._waiting = self._waiting[index + 1 :]
                self._since_answer, self._typed = "", prompt.answer
                self.restart_announced |= prompt.name == REBOOT_NOTICE
                return Answer(prompt.name, prompt.answer, prompt.commits)
            if prompt.required:
                break
        if why := refusal_lines(shown):
            raise error_of(f"the device refused: {why}")
        return None

    def refused(self) -> StepFailed:
        """Return the error for all that was refused, once the device has said its last word.

        Source: SGMUP (`CLINFR0819 …` alone says that a right is missing; with `ERROR: Could not get
        Security Group from db` behind it, it passes).
        """
        return error_of(f"the device refused: {refusal_lines(self.transcript)}")

    def stuck(self) -> UnknownPrompt:
        """Return the error for a dialogue that went silent before it was answered to its end.

        Source: our rule P6: an unknown prompt is never answered.
        """
        expected = self._waiting[0].name if self._waiting else "the end"
        shown = cleaned(self._since_answer).strip()
        said = " ".join(self._said(shown).split())[-_LONGEST:] or shown.rpartition("\n")[2].strip()
        return UnknownPrompt(
            f"expected {expected}, but the device shows {said or 'nothing'!r}; "
            "nothing was answered",
            shown,
        )

    def _said(self, shown: str) -> str:
        """Return what was said since the former answer, without its echo, and without frames."""
        if self._typed:
            shown = re.sub(rf"\A\s*{_spread(self._typed)}(?:\s|\Z)", "", shown)
        before = list(_BEFORE.finditer(shown))
        return _BY_THE_WAY.sub("", shown[before[-1].end() :] if before else shown)

    def _check(self, asked: re.Match[str]) -> None:
        """A number that counts in another list than we read would be another package's.

        Raises:
            UnknownPrompt: the question names other members, or another package, than we mean.
        """
        named = asked.groupdict()
        members, package = named.get("members"), named.get("package")
        if members is not None and _ids(members) != self._members:
            meant = ", ".join(sorted(self._members, key=by_number))
            raise self._about(members, "members", meant, asked)
        if package is not None and self._package and not _is_named(package, self._package):
            raise self._about(package, "package", self._package.name, asked)

    def _about(self, named: str, what: str, meant: str, asked: re.Match[str]) -> UnknownPrompt:
        return UnknownPrompt(
            f"the device asks about {' '.join(named.split()) or f'no {what}'}, we mean {meant}; "
            "nothing was answered",
            asked[0],
        )


def _is_named(shown: str, package: PackageRef) -> bool:
    """Tell whether a device means this package: by its file's name, or a Jumbo by its display name.

    Source: SGMUP (the file's name); ORCH, DACLI (`R82.10 Jumbo Hotfix Accumulator Take 24`); that
    a group asks by the display name was never seen [I].
    """
    if package_stem("".join(shown.split())) == package_stem(package.name):
        return True
    version, take = re.escape(package.version), package.take
    display = rf"{version}\b.*\bJumbo\b.*\bTake {take}"
    return package.is_jumbo and re.fullmatch(display, " ".join(shown.split())) is not None


def _ids(text: str) -> frozenset[MemberId]:
    """Read `1_01,1_02` or `1_1-1_4`; a range stays within its Site. Nobody where it is no list."""
    members: set[MemberId] = set()
    try:
        for part in re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text).strip(" ,\n\t")):
            first, _, last = part.partition("-")
            site, low = by_number(member_id(first))
            _, high = by_number(member_id(last or first))
            members |= {f"{site}_{number}" for number in range(low, high + 1)}
    except UnexpectedOutput:
        return frozenset()
    return frozenset(members)


def admin_state(
    state: str, members: Sequence[MemberId], *, name: str, reason: str, confirming_acts: bool
) -> Dialogue:
    """Return the dialogue of `g_clusterXL_admin -b … {up|down}`, or of what R82 has for it.

    Where the confirmation may be all that is asked it commits, as the last answer does.

    Source: SGMUP logs, R80.30SP and R81.10. R82 says "and confirm" (EXLLAB); its prompts were not
    recorded, so which of these come there is [I].
    """
    return Dialogue(
        [
            Prompt(
                "the confirmation",
                _all_of(
                    _recorded(
                        "You are about to perform "
                        f"<blade> state change to {state} on <blades>: <members>"
                    ),
                    _maybe(_recorded("This action will change members state")),
                    _recorded(_SURE),
                ),
                "y",
                commits=confirming_acts,
            ),
            Prompt(
                "your name",
                _all_of(
                    _maybe(_recorded(f"<Blade> state change to {state} requires auditing")),
                    _recorded(_NAME),
                ),
                name,
            ),
            Prompt(
                "the reason",
                _all_of(_recorded(f"Enter reason for <blade> state change to {state} {_DEFAULT}")),
                reason,
                commits=True,
            ),
        ],
        members,
    )


def package(
    what: str, members: Sequence[MemberId], of: PackageRef, *, name: str, reason: str
) -> Dialogue:
    """Return the dialogue of `installer install|uninstall <N> member_ids …`.

    The reboot notice is absent where the package does not reboot, the clone warning may be.

    Source: SGMUP logs, R81.10 (install); for several members at once and for uninstall the same
    frame is inferred [I].
    """
    act = "<uninstall>" if "Uninstall" in what else "<install>"
    return Dialogue(
        [
            Prompt(
                REBOOT_NOTICE,
                _all_of(
                    _recorded(f"The <machines>(<members>) will automatically reboot after {act}."),
                    _recorded(_CONTINUE),
                ),
                "y",
                required=False,
            ),
            Prompt(
                "the clone warning",
                _all_of(_CLONE_WARNING, _recorded(_SURE)),
                "y",
                required=False,
            ),
            Prompt(
                "the confirmation",
                _all_of(
                    _maybe(_CLONE_WARNING),
                    _recorded(
                        f"You are about to perform {what} (<package>) on <blades>: <members>"
                    ),
                    _recorded(_SURE),
                ),
                "y",
            ),
            Prompt(
                "your name",
                _all_of(
                    _maybe(_recorded(f"{what} (<package>) requires auditing")), _recorded(_NAME)
                ),
                name,
            ),
            Prompt(
                "the reason",
                _all_of(_recorded(f"Enter reason for {what} (<package>) {_DEFAULT}")),
                reason,
                commits=True,
            ),
        ],
        members,
        of,
    )
