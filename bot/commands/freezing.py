"""`freeze` and `unfreeze`: what, from when, until when, and why."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import datetime

from bot.commands.appointing import Clocks
from bot.commands.grammar import LONGEST_REASON, listed
from bot.commands.kinds import Freezing, Mistake
from bot.views.format import code

_BEGINNING = ("from", "in")
_END = ("until", "for")
_AT_ONE_GO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](.+)")


def read_freezing(
    verb: str,
    words: Sequence[str],
    scopes: Sequence[str],
    command: str,
    clocks: Clocks | None,
) -> Freezing:
    """Read what follows `freeze` or `unfreeze`; `scopes` is all that can be named there."""
    if not words:
        lifting = f"`{command} unfreeze &lt;group, tag or all&gt;`"
        usage = freeze_usage(command) if verb == "freeze" else lifting
        raise Mistake(f"I understood `{verb}`, but not what: {usage}")
    scope, rest = words[0], list(words[1:])
    if scope not in scopes:
        raise _unknown(verb, scope, scopes, command)
    if verb == "unfreeze":
        if rest:
            raise Mistake(f"I understood `{verb} {scope}`, but not {code(' '.join(rest))}")
        return Freezing(verb, scope)
    begins, until, left = _times(scope, rest, clocks)
    timed, low = len(left) < len(rest), [word.lower() for word in left]
    # Without a time only `because` tells a reason from a time that was not understood.
    at = low.index("because") if "because" in low else -1
    reason = " ".join(left[at + 1 :] if timed or at >= 0 else ())[:LONGEST_REASON]
    if at > 0:
        raise Mistake(
            f"I understood `freeze {scope}`, but not {code(' '.join(left[:at]))}: "
            f"{freeze_usage(command)}"
        )
    if not reason:
        raise Mistake(f"I understood `freeze {scope}`, but not why: {freeze_usage(command)}")
    return Freezing(verb, scope, until, reason, begins)


def _unknown(verb: str, scope: str, scopes: Sequence[str], command: str) -> Mistake:
    close = difflib.get_close_matches(scope.lower(), scopes, n=1)
    right = f" Did you mean {code(f'{command} {verb} {close[0]}')}?" if close else ""
    return Mistake(
        f"I understood `{verb}`, but there is no group or tag {code(scope)}.{right} There is: "
        f"{listed(scopes)}"
    )


def _times(
    scope: str, rest: Sequence[str], clocks: Clocks | None
) -> tuple[datetime | None, datetime | None, list[str]]:
    """Read the beginning and the end, which may both be missing; also return what is left."""
    begins: datetime | None = None
    until: datetime | None = None
    left, so_far = list(rest), f"freeze {scope}"
    while left and left[0].lower() in (*_BEGINNING, *_END):
        word = left[0].lower()
        if clocks is None:
            raise Mistake(f"I understood {code(so_far)}, but no time can be said here.")
        if until is not None or (begins is not None and word in _BEGINNING):
            twice = (word in _BEGINNING) == (begins is not None)
            how = "that is there twice" if twice else "the beginning stands before the end"
            raise Mistake(f"I understood {code(so_far)}, but not {code(word)}: {how}.")
        moment, count = _moment(scope, left, clocks, so_far, begins)
        begins, until = (moment, until) if word in _BEGINNING else (begins, moment)
        so_far = f"{so_far} {' '.join(left[:count])}"
        left = left[count:]
    return begins, until, left


def _moment(
    scope: str, words: list[str], clocks: Clocks, so_far: str, begins: datetime | None
) -> tuple[datetime, int]:
    """Read one moment; also in ISO 8601, where it may say its offset from UTC."""
    whole = _AT_ONE_GO.fullmatch(words[1]) if len(words) > 1 else None
    if whole is None:
        return clocks.moment(words, scope, so_far, begins)
    try:
        found = datetime.fromisoformat(words[1])
    except ValueError as error:
        raise Mistake(
            f"I understood {code(so_far)}, but {code(words[1], 80)} is no date and time; write it "
            f"like `{words[0]} 2026-12-24 18:00`, or with an offset like "
            f"`{words[0]} 2026-12-24T18:00+01:00`"
        ) from error
    if found.tzinfo is None:
        words[1:2] = [whole[1], whole[2]]
        return clocks.moment(words, scope, so_far, begins)
    if found <= (begins or clocks.now):
        passed = "is not after the beginning" if begins else "has passed"
        raise Mistake(f"I understood {code(so_far)}, but {code(words[1], 80)} {passed}.")
    return found, 2


def freeze_usage(command: str) -> str:
    """Return how a freeze is written, as finished mrkdwn."""
    return (
        f"`{command} freeze &lt;group, tag or all&gt; [from fri 18:00] [until 2026-12-24 18:00] "
        "because …`"
    )
