"""A text read into one command or a mistake: `/hotfix …`, and `@hotfix …` in a thread."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Callable, Sequence

from bot.commands.appointing import Clocks
from bot.commands.changes import CHANGES, read_change
from bot.commands.freezing import read_freezing
from bot.commands.grammar import RUN, TARGET, example, listed
from bot.commands.kinds import (
    ATTENDING,
    FREEZING,
    ORDERS,
    VERBS,
    VOTES,
    WORDS,
    Command,
    Mistake,
    Question,
    StopMeant,
    Vote,
    Word,
)
from bot.commands.orders import read_ordered, read_planning
from bot.commands.scheduling import CANCEL, MOVE, read_move, read_schedule
from bot.commands.votes import HOW_TO_VOTE, read_vote
from bot.views.format import code
from engine.freezes import ALL

_STOPS = ("halt", "pause", "reject", "withdraw")
"""Words that are read also where they are written in haste: none of them lets anything begin."""

_TO_STOP = ("stop", "stopp", "halt")
"""Words that say in any unknown text that something is to stop. They stop nothing by themselves,
since `do not stop` says so too; what does is told first."""

_AT_ONCE = ("now", "it", "all", "everything", "please", "immediately")
"""Words behind a stop that name nothing; a group that is called so is looked for before."""

_OTHERWISE_SAID = {"reschedule": MOVE, "unschedule": CANCEL}
"""What some say for words that stand behind `schedule`."""

LONGEST = 1_000
"""Longer texts are refused unread; the longest sensible command has under 300 characters."""

_LINK = re.compile(r"<(?:https?://|mailto:)(?P<place>[^<>|\s]*)(?:\|(?P<label>[^<>]*))?>")
"""What Slack makes of a word that looks like an address: `fw1.example.com` in a message becomes
`<http://fw1.example.com|fw1.example.com>`."""

_MENTION = re.compile(r"^\s*<@[UW][A-Z0-9]+(?:\|[^>]*)?>\s*")
_ANY_MENTION = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>")


def read_command(
    text: str,
    *,
    groups: Sequence[str],
    command: str = "/hotfix",
    in_thread: bool = False,
    clocks: Clocks | None = None,
    scopes: Sequence[str] | None = None,
    frozen: Callable[[], Sequence[str]] = tuple,
) -> Command:
    """Read what came after the slash command, or after the bot's name in a thread.

    A stop is read more leniently than anything else: see `_stop`.

    Args:
        text: as Slack sent it, with `&`, `<` and `>` escaped.
        groups: the names of the groups that there are, for suggestions.
        command: how the person addressed us, for suggestions.
        in_thread: whether it was said in a run's thread, where no name of a run is needed.
        clocks: what times in it are read by; None where no time can be said.
        scopes: what can be frozen; None is the groups and `all`.
        frozen: returns what can be lifted beside those: what was named so before.

    Raises:
        Mistake: it is no command.
    """
    text = _LINK.sub(_as_typed, text)
    stop = _stop(text, groups, in_thread=in_thread)
    if stop is not None:
        return stop
    words = html.unescape(_MENTION.sub("", text)).split()
    if len(text) > LONGEST:
        raise Mistake(f"That is too long to be a command; see `{command} help`.")
    if not words:
        return Question("help")
    verb, rest = words[0].lower(), words[1:]
    if verb not in VERBS:
        raise _unknown_verb(words, groups, command)
    if verb in ORDERS or (verb == "rollback" and len(rest) > 1):
        return read_ordered(verb, rest, groups, command, clocks)
    if verb == "plan":
        return read_planning(rest, groups, command, clocks)
    if verb == "change":
        return read_change(rest, groups, command)
    if verb == "without":
        return read_change([*rest[:-1], verb, *rest[-1:]], groups, command)
    if verb == "schedule":
        return read_schedule(rest, groups, command)
    if verb == MOVE:
        return read_move(rest, command)
    if verb == CANCEL:
        return read_schedule(words, groups, command)
    if verb in VOTES:
        return read_vote(verb, rest)
    if verb in FREEZING:
        named = [*(scopes if scopes is not None else (*groups, ALL))]
        named += [one for one in frozen() if one not in named] if verb == "unfreeze" else []
        return read_freezing(verb, rest, named, command, clocks)
    if len(rest) > 1:
        raise Mistake(
            f"I understood {code(' '.join(words[:2]))}, but not {code(' '.join(rest[1:]))}; "
            f"`{verb}` takes one group or run: `{command} {verb} {example(groups)}`"
        )
    target = rest[0] if rest else ""
    if target and not TARGET.fullmatch(target):
        raise Mistake(
            f"I understood `{verb}`, but {code(target)} can be neither a group nor a run; "
            f"groups: {listed(groups)}"
        )
    return Word(verb, target) if verb in (*WORDS, *ATTENDING) else Question(verb, target)


def _stop(text: str, groups: Sequence[str], *, in_thread: bool) -> Word | Vote | None:
    """Return the stop that a text is, or None: one of `_STOPS`, as people write them.

    In haste they write `halt!`, `*halt*`, `halt NOW`, `hey @hotfix, halt`. It may stand first, or
    right after any mention; further words are left out, unless one names a group or a run. Outside
    of a run's thread nothing says which run is meant, so there such a name is needed. What is
    quoted was said by somebody else, and other commands are read as ever.
    """
    said = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("&gt;"))
    leading = _MENTION.sub("", said).split(maxsplit=1)
    if leading and leading[0].lower() in VERBS and leading[0].lower() not in _STOPS:
        return None
    pieces = [
        [word for word in html.unescape(piece).split() if _bare(word)]
        for piece in _ANY_MENTION.split(said)
    ]
    for at, piece in enumerate(pieces):
        verb = _bare(piece[0]).lower() if piece else ""
        if verb not in _STOPS:
            continue
        rest = [*piece[1:], *(word for later in pieces[at + 1 :] for word in later)]
        bare = [_bare(word) for word in rest]
        if verb == "withdraw" and not _names_only(bare):
            continue
        if verb in VOTES:
            return read_vote(verb, bare[:1] + rest[1:])
        named = next((word for word in bare if word in groups or RUN.fullmatch(word)), "")
        if named or in_thread or all(word.lower() in _AT_ONCE for word in bare):
            return Word(verb, named)
    return None


def is_bare_stop(text: str) -> bool:
    """Say whether a text is a stop and nothing else: no sentence that speaks of one."""
    words = [bare for word in html.unescape(text).split() if (bare := _bare(word))]
    return bool(words) and words[0].lower() in _STOPS and _names_only(words[1:])


def _names_only(words: Sequence[str]) -> bool:
    """Say whether words behind a stop say at most what is meant, and that it is meant now."""
    left = [word for word in words if word.lower() not in _AT_ONCE]
    return len(left) < 2 and all(TARGET.fullmatch(word) for word in left)


def _as_typed(link: re.Match[str]) -> str:
    """Return the words of a link as its author sees them; one alone where it can be a name."""
    if link["label"]:
        return link["label"]
    place = link["place"].removesuffix("/")
    return place if TARGET.fullmatch(place) else link[0]


def _how_to_stop(command: str, named: str) -> str:
    said = code(f"{command} halt {named}".strip(), 120)
    pause = code(f"{command} pause {named}".strip(), 120)
    return (
        f"*Nothing was stopped. To stop, say {said}*: then nothing more is sent to a device. "
        f"{pause} finishes the group in hand first, and then waits."
    )


def _bare(word: str) -> str:
    """Return a word without punctuation and emphasis around it."""
    return word.strip("*_~`\"'.,:;!?()[]{}-\u2013\u2014\u2018\u2019\u201c\u201d\u2026")


def _unknown_verb(words: Sequence[str], groups: Sequence[str], command: str) -> Mistake:
    verb, rest = words[0].lower(), " ".join(words[1:])
    bare = [_bare(word) for word in words]
    if any(word.lower() in _TO_STOP for word in bare):
        named = next((word for word in bare if word in groups or RUN.fullmatch(word)), "")
        return StopMeant(_how_to_stop(command, named), named)
    if _bare(verb) == "keep":
        return Mistake(
            f"I do not know {code(words[0])}. Where it is asked whether a hotfix is kept, a yes "
            f"keeps it. {HOW_TO_VOTE}"
        )
    if verb in ("yes", "no"):
        return Mistake(f"I do not take {code(words[0])} for a vote. {HOW_TO_VOTE}")
    if verb in CHANGES:
        right = f"{command} change {verb} {rest}".strip()
        return Mistake(f"I do not know {code(words[0])} alone. Did you mean {code(right)}?")
    if meant := _OTHERWISE_SAID.get(verb):
        # Where that is no command either, what would be one is told instead.
        read_schedule([meant, *words[1:]], groups, command)
        right = f"{command} schedule {meant} {rest}".strip()
        return Mistake(f"I do not know {code(words[0])}. Did you mean {code(right)}?")
    close = difflib.get_close_matches(verb, VERBS, n=1)
    if not close:
        return Mistake(
            f"I do not know {code(words[0])}; I know {listed(VERBS)}. See `{command} help`."
        )
    if close[0] in VOTES and command.startswith("/"):
        return Mistake(f"I do not know {code(words[0])}. If you mean to vote: {HOW_TO_VOTE}")
    right = f"{command} {close[0]} {rest}".strip()
    return Mistake(f"I do not know {code(words[0])}. Did you mean {code(right)}?")
