"""The small parts that several commands are made of: names, members, takes, options with a value.

Each is read exactly, or refused as a `Mistake` that says what was understood until there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from bot.commands.kinds import Mistake
from bot.views.format import code, escape
from engine.errors import UnexpectedOutput
from engine.facts import MemberId, by_number, member_id

TARGET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._#/-]{0,39}")
RUN = re.compile(r"hf-[0-9a-z]{1,16}(?:-rollback)?")
"""The id of a run, or of the one that takes it back at its time; see engine.afterwards."""

LONGEST_REASON = 200
"""Of a reason more is not kept: it stands in the journal and in the first lines of a hold."""

NOBODY = "none"
"""Said where no member is left out, or none any more."""

_DIVIDED = ("by_site", "across_sites")
"""How two Sites may be divided, said in place of a split; see engine.splitting."""


def known_group(name: str, package: str, groups: Sequence[str], command: str, verb: str) -> str:
    """Return the name of a group that there is; `package` follows it in what would be right."""
    if name in groups:
        return name
    close = difflib.get_close_matches(name.lower(), groups, n=1)
    if close:
        right = f"{command} {verb} {close[0]} {package}".strip()
        raise Mistake(
            f"I understood `{verb}`, but there is no group {code(name)}. Did you mean "
            f"{code(right)}?"
        )
    raise Mistake(
        f"I understood `{verb}`, but there is no group {code(name)}; groups: {listed(groups)}"
    )


def read_options(
    words: list[str], understood: str, usage: str, known: Sequence[str]
) -> dict[str, str]:
    """Return each option that is known here with its value; the words are used up."""
    found: dict[str, str] = {}
    while words:
        name = words.pop(0)
        if name.lower() not in known:
            close = difflib.get_close_matches(name.lower(), known, n=1)
            right = f"; did you mean `{close[0]}`?" if close else f": {usage}"
            raise Mistake(f"I understood {code(understood)}, but not {code(name)}{right}")
        if not words:
            raise Mistake(f"I understood {code(understood)}, but nothing follows {code(name)}")
        if name.lower() in found:
            raise Mistake(f"I understood {code(understood)}, but {code(name)} is there twice")
        found[name.lower()] = words.pop(0)
    return found


def read_groups(
    found: Mapping[str, str], understood: str
) -> tuple[tuple[tuple[MemberId, ...], ...], int, str]:
    """Return the members of each Logical Group, or how many there are and how Sites are divided."""
    split = found.get("split", "")
    count = _count(found["groups"], understood) if "groups" in found else 0
    if split.lower() in _DIVIDED:
        return (), count, split.lower()
    if split and count:
        raise Mistake(
            f"I understood {code(understood)}, but a `split` says how many groups; leave one out."
        )
    return _split(split, understood), count, ""


def _count(text: str, understood: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise Mistake(
            f"I understood {code(f'{understood} groups')}, but {code(text, 80)} is no number of "
            "groups."
        )
    return int(text)


def _split(text: str, understood: str) -> tuple[tuple[MemberId, ...], ...]:
    if not text:
        return ()
    try:
        return tuple(tuple(read_members(part)) for part in text.split("/"))
    except UnexpectedOutput as error:
        raise Mistake(
            f"I understood {code(understood)}, but {code(text, 80)} is no split; write the "
            "Logical Groups like `split 1_1-1_4/1_5-1_8`"
        ) from error


def read_left_out(text: str, understood: str) -> tuple[MemberId, ...]:
    """Return who is left out."""
    if text.lower() == NOBODY:
        return ()
    try:
        return tuple(read_members(text))
    except UnexpectedOutput as error:
        raise Mistake(
            f"I understood {code(understood)}, but {code(text, 80)} are no members; write who is "
            "left out like `without 1_7` or `without 1_6,1_7`"
        ) from error


def read_members(part: str) -> list[MemberId]:
    """Return the members of `1_1-1_4,1_7`.

    Raises:
        UnexpectedOutput: it is no such list.
    """
    found: list[MemberId] = []
    for piece in part.split(","):
        first, dash, last = piece.partition("-")
        site, low = by_number(member_id(first))
        other, high = by_number(member_id(last)) if dash else (site, low)
        if other != site or high < low:
            raise UnexpectedOutput("not a range of one Site", piece)
        found += [f"{site}_{number}" for number in range(low, high + 1)]
    return found


def read_take(text: str, understood: str) -> int:
    """Return a take."""
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise Mistake(
            f"I understood {code(understood)}, but {code(text, 80)} is no take; it is a number, "
            "and 0 where no Jumbo Hotfix is left"
        )
    return int(text)


def read_sum(text: str, understood: str) -> str:
    """Return a SHA-256 in small letters, "" where none was said."""
    if text and not _SHA256.fullmatch(text):
        raise Mistake(
            f"I understood {code(understood)}, but {code(text, 80)} is no SHA-256; it has 64 "
            "digits from 0 to 9 and a to f"
        )
    return text.lower()


def read_ticket(text: str, understood: str) -> str:
    """Return a ticket's id, "" where none was said."""
    if text and not _TICKET.fullmatch(text):
        raise Mistake(f"I understood {code(understood)}, but {code(text, 80)} is no ticket's id")
    return text


def example(groups: Sequence[str]) -> str:
    """Return the name of a group to show how something is written."""
    return escape(groups[0], 80) if groups else "&lt;group&gt;"


def listed(names: Sequence[str]) -> str:
    """Return names as people read them."""
    return ", ".join(code(name, 80) for name in names) or "none"
