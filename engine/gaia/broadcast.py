"""Taking apart what the members print when the group's broadcast command asks them all at once.

A look asks everybody: each member's answer begins with `@member <id>` and ends with `@end`, lines
of ours. It does not matter how the command orders the answers, or whether it puts `[1_01]` before
each line; where it does, the lines of members may interleave (SGMUP). What cannot be told apart is
no answer. One member asked alone has no need of such lines, but may have the same prefix.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.errors import UnexpectedOutput
from engine.facts import MemberId, member_id
from engine.gaia.text import marked

_PREFIX = re.compile(r"\[(\d{1,2}_\d{1,2})\] ?")
_EACH_PREFIX = re.compile(rf"^{_PREFIX.pattern}", re.MULTILINE)
_MEMBER = "@member "


@dataclass
class _Answer:
    """What stands under one `@member`; `prefix` is the member that its lines are marked with."""

    prefix: MemberId
    head: str
    lines: list[str] = field(default_factory=list)
    ended: bool = False
    mixed: bool = False

    def hear(self, line: str) -> None:
        self.lines.append(line)
        self.ended = self.ended or line.strip() == "@end"


def by_member(text: str) -> dict[MemberId, dict[str, str]]:
    """Return the sections of each member that answered whole.

    Whoever did not (it boots), names itself so that it cannot be read, answers twice, or whose
    lines are mixed with another's (a marker is repeated), is left out: as silent as one that is
    away, and it blinds us for none of the others.

    Source: our own lines.
    """
    found: dict[MemberId, dict[str, str]] = {}
    twice: set[MemberId] = set()
    for one, sections in _whole(_answers(text.splitlines())):
        if one in found:
            twice.add(one)
        found[one] = sections
    return {one: sections for one, sections in found.items() if one not in twice}


def of_one(member: MemberId, text: str) -> str:
    """Return what one member said, asked alone, without the `[1_01]` before each of its lines.

    Lines that are marked with another member's id stay as they are, so nobody reads them as its.

    Source: SGMUP (the prefix, without `-g0`); that `-g0` leaves it out is [I].
    """

    def bare(prefix: re.Match[str]) -> str:
        return "" if member_id(prefix[1]) == member else prefix[0]

    return _EACH_PREFIX.sub(bare, text)


def _whole(answers: Iterable[_Answer]) -> Iterator[tuple[MemberId, dict[str, str]]]:
    for answer in answers:
        with contextlib.suppress(UnexpectedOutput):
            one = member_id(answer.head)
            sections = marked("\n".join(answer.lines), "@")
            if "end" in sections and not answer.mixed and answer.prefix in ("", one):
                yield one, sections


def _answers(lines: Iterable[str]) -> list[_Answer]:
    """Give each line to the answer that it belongs to.

    A line without the prefix, among those with one, is of the only answer that has not ended; where
    there are several, nobody can tell, and none of them is whole.
    """
    found: list[_Answer] = []
    under: dict[MemberId, _Answer] = {}
    for line in lines:
        prefixed = _PREFIX.match(line)
        prefix = member_id(prefixed[1]) if prefixed else ""
        rest = line[prefixed.end() :] if prefixed else line
        if rest.startswith(_MEMBER):
            under[prefix] = _Answer(prefix, rest.removeprefix(_MEMBER))
            found.append(under[prefix])
        elif prefix in under:
            under[prefix].hear(rest)
        elif "" in under:
            under[""].hear(line)
        elif line.strip():
            open_ = [one for one in under.values() if not one.ended]
            for one in open_:
                one.mixed = one.mixed or len(open_) > 1
                one.hear(line)
    return found
