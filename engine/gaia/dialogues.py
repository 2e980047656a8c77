"""Dialogues: which question may come, in which order, and the one answer that each gets.

Pure: text goes in, an answer or nothing comes out. Each prompt is answered at most once, never
out of order, and only when it stands at the end of what was printed: a public playbook matched
"Are you sure" anywhere, typed one `y` too many, and the audit log now says "User: y".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import StepFailed, UnknownPrompt
from engine.facts import MemberId, by_number, member_id, package_stem
from engine.gaia.refusals import REFUSALS, lock_hint
from engine.gaia.text import cleaned
from engine.model import PackageRef

_SURE = r"Are you sure\? \(Y - yes, any other key - no\)\s*\Z"

# Source: SGMUP says blades; R82 says members elsewhere, and may here [B].
_MEMBERS = "(?:blades|members)"


@dataclass(frozen=True)
class Prompt:
    """One question. `commits` marks the answer after which the device begins to act."""

    name: str
    pattern: re.Pattern[str]
    answer: str
    required: bool = True
    commits: bool = False
    names_members: bool = False


@dataclass(frozen=True)
class Answer:
    """What to type next."""

    prompt: str
    text: str
    commits: bool


class Dialogue:
    """One conversation with a device, from the command to the answer that commits."""

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
        self.transcript = ""

    @property
    def committed(self) -> bool:
        """Whether the last answer that commits was given."""
        return not any(prompt.commits for prompt in self._waiting)

    def hear(self, text: str) -> Answer | None:
        """Take in what was printed; return the answer to the prompt that it ends with, if any.

        Source: SGMUP logs for order and words of every prompt.

        Raises:
            StepFailed: the device refused instead of asking.
            UnknownPrompt: a prompt names other members, or another package, than we mean.
        """
        self.transcript += text
        self._since_answer += text
        shown = cleaned(self._since_answer)
        for index, prompt in enumerate(self._waiting):
            if prompt.pattern.search(shown):
                self._check_members(prompt, shown)
                self._check_package(prompt, shown)
                self._waiting = self._waiting[index + 1 :]
                self._since_answer = ""
                return Answer(prompt.name, prompt.answer, prompt.commits)
            if prompt.required:
                break
        refused = next((words for words in REFUSALS if words in shown), None)
        if refused is not None:
            why = _line_with(shown, refused)
            raise StepFailed(f"the device refused: {why}{lock_hint(why)}")
        return None

    def stuck(self) -> UnknownPrompt:
        """Return the error for a dialogue that went silent before it was answered to its end.

        Source: our rule P6: an unknown prompt is never answered.
        """
        expected = self._waiting[0].name if self._waiting else "the end"
        shown = cleaned(self._since_answer).strip()
        last = shown.splitlines()[-1].strip() if shown else "nothing"
        return UnknownPrompt(
            f"expected {expected}, but the device shows {last!r}; nothing was answered", shown
        )

    def _check_members(self, prompt: Prompt, shown: str) -> None:
        if not prompt.names_members:
            return
        found = list(re.finditer(rf"on {_MEMBERS}:[ \t]*([0-9_,\- \t]+)", shown))
        named = _ids(found[-1][1]) if found else frozenset()
        if named != self._members:
            raise UnknownPrompt(
                f"the device asks about {found[-1][1].strip() if found else 'no members'}, "
                f"we mean {', '.join(sorted(self._members, key=by_number))}; nothing was answered",
                shown,
            )

    def _check_package(self, prompt: Prompt, shown: str) -> None:
        """A number that counts in another list than we read would be another package's."""
        if not prompt.names_members or self._package is None:
            return
        found = re.findall(rf"\(([^()]*)\)\s+on {_MEMBERS}:", shown)
        if not found or not _is_named(found[-1], self._package):
            raise UnknownPrompt(
                f"the device asks about {' '.join(found[-1].split()) if found else 'no package'}, "
                f"we mean {self._package.name}; nothing was answered",
                shown,
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
    """Read `1_01,1_02` or `1_1-1_4`; a range stays within its Site."""
    members: set[MemberId] = set()
    for part in re.split(r"[,\s]+", text.strip()):
        if not part:
            continue
        first, _, last = part.partition("-")
        site, low = by_number(member_id(first))
        _, high = by_number(member_id(last or first))
        members |= {f"{site}_{number}" for number in range(low, high + 1)}
    return frozenset(members)


def _line_with(text: str, words: str) -> str:
    return next(line.strip() for line in text.splitlines() if words in line)[:200]


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
                re.compile(
                    rf"(?:blade|member) state change to {state} on {_MEMBERS}:.*?{_SURE}",
                    re.DOTALL,
                ),
                "y",
                commits=confirming_acts,
                names_members=True,
            ),
            Prompt("your name", re.compile(r"Enter your full name:\s*\Z"), name),
            Prompt(
                "the reason",
                re.compile(r"Enter reason for .*?\[Maintenance\]:\s*\Z", re.DOTALL),
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
    return Dialogue(
        [
            Prompt(
                "the reboot notice",
                re.compile(r"Do you want to continue\? \(\[y\]es / \[n\]o\)\s*\Z"),
                "y",
                required=False,
            ),
            Prompt(
                "the clone warning",
                re.compile(rf"image auto-clone(?:(?!You are about to).)*?{_SURE}", re.DOTALL),
                "y",
                required=False,
            ),
            Prompt(
                "the confirmation",
                re.compile(
                    rf"You are about to perform\s+{what} \(.*?\) on {_MEMBERS}:.*?{_SURE}",
                    re.DOTALL,
                ),
                "y",
                names_members=True,
            ),
            Prompt("your name", re.compile(r"Enter your full name:\s*\Z"), name),
            Prompt(
                "the reason",
                re.compile(rf"Enter reason for\s+{what}.*?\[Maintenance\]:\s*\Z", re.DOTALL),
                reason,
                commits=True,
            ),
        ],
        members,
        of,
    )
