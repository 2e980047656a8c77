"""Votes in words: `approve G2 7K3F`, `reject`, `withdraw`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.commands.grammar import LONGEST_REASON
from bot.commands.kinds import VOTES, Mistake, Vote
from bot.views.format import code

_GATE = re.compile(r"[Gg]([1-9][0-9]{0,3})[:,.]?")
_CODE = re.compile(r"[0-9A-Z]{4}")

# A code has no I, L and O (engine.asking): who writes one means the digit that looks like it.
_LOOKALIKES = str.maketrans("ILO", "110")

HOW_TO_VOTE = (
    "Put :white_check_mark: or :x: on the message that asks, or write into its thread "
    "`@hotfix approve G2 CODE`, with the gate and the code of its first line, or "
    "`@hotfix reject G2 because …`."
)


def addressed(text: str, user: str) -> bool:
    """Say whether a message, as Slack keeps it, speaks to this user somewhere."""
    return f"<@{user}>" in text or f"<@{user}|" in text


def after_name(text: str, name: str) -> str | None:
    """Return what follows the bot's name where a message begins with it as typed, else None.

    Slack makes a mention of a name only where its client knows whom it means, and sends no event
    of any other.
    """
    found = re.match(rf"\s*@{re.escape(name)}(?![\w.-]*\w)", text, re.IGNORECASE)
    return text[found.end() :] if name and found else None


def read_vote(verb: str, words: Sequence[str]) -> Vote:
    """Read what follows `approve`, `reject` or `withdraw`.

    A stop needs less than a yes: it may leave out the gate, and take any words for a reason.
    """
    gate = _GATE.fullmatch(words[0]) if words else None
    named, rest = (f"G{gate[1]}", words[1:]) if gate else ("", words)
    if verb != "approve":
        return Vote(VOTES[verb], named, reason=" ".join(rest)[:LONGEST_REASON])
    if not named:
        gate_named = f"that {code(words[0], 80)} is a gate" if words else "which gate"
        raise Mistake(f"I understood `approve`, but not {gate_named}. {HOW_TO_VOTE}")
    if not rest:
        raise Mistake(
            f"I understood `approve {named}`, but a yes needs the code of {named}: it stands in "
            f"the first line of its message. Then write `@hotfix approve {named} CODE`."
        )
    given = rest[0].strip("`*_").upper().translate(_LOOKALIKES)
    if not _CODE.fullmatch(given):
        raise Mistake(
            f"I understood `approve {named}`, but {code(rest[0], 80)} is no code: it has four "
            f"letters and digits, and stands in the first line of the message of {named}."
        )
    right = f"approve {named} {given}"
    if rest[1:]:
        raise Mistake(
            f"I understood `{right}`, but not {code(' '.join(rest[1:]))}; nothing was counted. Did "
            f"you mean `@hotfix {right}`?"
        )
    return Vote("yes", named, given)
