"""`freeze` and `unfreeze`: what, until when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.commands.grammar import LONGEST_REASON, listed
from bot.commands.kinds import Freezing, Mistake
from bot.views.format import code
from engine.freezes import ALL


def read_freezing(verb: str, words: Sequence[str], groups: Sequence[str], command: str) -> Freezing:
    """Read what follows `freeze` or `unfreeze`."""
    if not words:
        raise Mistake(f"I understood `{verb}`, but not what: {freeze_usage(command)}")
    scope, rest = words[0], list(words[1:])
    if scope != ALL and scope not in groups:
        raise Mistake(
            f"I understood `{verb}`, but there is no group {code(scope)}; groups: "
            f"{listed([*groups, ALL])}"
        )
    if verb == "unfreeze":
        if rest:
            raise Mistake(f"I understood `{verb} {scope}`, but not {code(' '.join(rest))}")
        return Freezing(verb, scope)
    at = next((place for place, word in enumerate(rest) if word.lower() == "because"), len(rest))
    until, reason = rest[:at], " ".join(rest[at + 1 :])[:LONGEST_REASON]
    if not reason:
        raise Mistake(f"I understood `freeze {scope}`, but not why: {freeze_usage(command)}")
    if not until:
        return Freezing(verb, scope, None, reason)
    if until[0].lower() != "until" or len(until) == 1:
        raise Mistake(
            f"I understood `freeze {scope}`, but not {code(' '.join(until))}: "
            f"{freeze_usage(command)}"
        )
    return Freezing(verb, scope, _moment("T".join(until[1:]), f"freeze {scope}"), reason)


def _moment(text: str, understood: str) -> datetime:
    """Read an ISO date and time. A date alone is refused: nobody knows which end of it is meant."""
    try:
        moment = datetime.fromisoformat(text) if "T" in text else None
    except ValueError:
        moment = None
    if moment is None:
        raise Mistake(
            f"I understood `{understood}`, but {code(text, 80)} is no date and time; write it like "
            "`until 2026-12-24 18:00`, or with a zone like `until 2026-12-24T18:00+01:00`"
        )
    return moment


def freeze_usage(command: str) -> str:
    """Return how both are written, as finished mrkdwn."""
    return (
        f"`{command} freeze &lt;group or all&gt; [until 2026-12-24 18:00] because …`, "
        f"`{command} unfreeze &lt;group or all&gt;`"
    )
