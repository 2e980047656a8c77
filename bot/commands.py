"""What people type: `/hotfix …` and `@hotfix …` in a thread, read into one command or a mistake.

Pure. A mistake is a sentence that says what was understood, what was not, and the nearest right
command; it is for the person alone and changes nothing. Who may do what is decided by the engine.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.packages import SAFE_NAME
from bot.views.format import code, escape
from engine.errors import UnexpectedOutput
from engine.freezes import ALL
from engine.model import MemberId, Request, by_number, member_id
from engine.proposals import Change

WORDS = ("pause", "halt", "resume", "retry", "abort", "rollback")
"""What people say to a run; what each does is in engine.verbs."""

VOTES = {"approve": "yes", "reject": "no", "withdraw": "withdraw"}
"""What people say at a gate, in its run's thread; how it counts is in engine.gates."""

ANSWERED = ("status", "why", "help", "gates", "approvers", "packages")

FREEZING = ("freeze", "unfreeze")
"""What people say to a group, or to all; see engine.freezes."""

_STOPS = ("halt", "pause", "reject")
"""Words that are read also where they are written in haste: none of them lets anything begin."""

ORDERS = ("install", "uninstall", "finish")
"""What people order; `rollback` too, where no run is open on the group."""

VERBS = (*ORDERS, "change", *WORDS, *FREEZING, *VOTES, *ANSWERED)

LONGEST = 1_000
"""Longer texts are refused unread; the longest sensible command has under 300 characters."""

_TARGET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._#/-]{0,39}")
_MENTION = re.compile(r"^\s*<@[UW][A-Z0-9]+(?:\|[^>]*)?>\s*")
_ANY_MENTION = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>")
_RUN = re.compile(r"hf-[0-9a-z]{1,16}")
_GATE = re.compile(r"[Gg]([1-9][0-9]{0,3})[:,.]?")
_CODE = re.compile(r"[0-9A-Z]{4}")

# A code has no I, L and O (engine.asking): who writes one means the digit that looks like it.
_LOOKALIKES = str.maketrans("ILO", "110")

LONGEST_REASON = 200
"""Of a reason more is not kept: it stands in the journal and in the first lines of a hold."""

_INSTALL = (
    "install <group> <package> [sha256 <sum>] [ticket <id>] [split 1_1-1_4/1_5-1_8] [groups 3] "
    "[without 1_7]"
)


@dataclass(frozen=True)
class Install:
    """Order the installation of a package on a group."""

    group: str
    package: str
    sha256: str = ""
    ticket: str = ""
    split: tuple[tuple[MemberId, ...], ...] = ()
    left_out: tuple[MemberId, ...] = ()
    groups: int = 0
    divide: str = ""

    def request(self, requester: str, channel: str, name: str = "") -> Request:
        """Return what the engine takes, as somebody asks for it."""
        return Request(
            kind="install",
            security_group=self.group,
            package=self.package,
            requester=requester,
            requester_name=name,
            channel=channel,
            sha256=self.sha256,
            ticket=self.ticket,
            split=self.split,
            left_out=self.left_out,
            groups=self.groups,
            divide=self.divide,
        )


@dataclass(frozen=True)
class Uninstall:
    """Order the uninstallation of a package, "" for the newest take that is there.

    `method` is "last_take" or "completely"; "" and None were not said.
    """

    group: str
    package: str = ""
    method: str = ""
    take: int | None = None
    delete: bool = False
    ticket: str = ""
    split: tuple[tuple[MemberId, ...], ...] = ()
    left_out: tuple[MemberId, ...] = ()
    groups: int = 0
    divide: str = ""

    def request(self, requester: str, channel: str, name: str = "") -> Request:
        """Return what the engine takes, as somebody asks for it."""
        return Request(
            kind="uninstall",
            security_group=self.group,
            package=self.package,
            requester=requester,
            requester_name=name,
            channel=channel,
            ticket=self.ticket,
            split=self.split,
            left_out=self.left_out,
            groups=self.groups,
            divide=self.divide,
            method=self.method,
            take=self.take,
            delete=self.delete,
        )


@dataclass(frozen=True)
class Follow:
    """Order what follows the last run of a group: `verb` is "finish" or "rollback"."""

    verb: str
    group: str
    ticket: str = ""
    left_out: tuple[MemberId, ...] = ()

    def request(self, requester: str, channel: str, name: str = "") -> Request:
        """Return what the engine takes, as somebody asks for it; the package is the last run's."""
        return Request(
            kind=self.verb,
            security_group=self.group,
            package="",
            requester=requester,
            requester_name=name,
            channel=channel,
            ticket=self.ticket,
            left_out=self.left_out,
        )


@dataclass(frozen=True)
class Word:
    """Say something to a run; `target` is a group, a run, or "" for the only one there is."""

    verb: str
    target: str = ""


@dataclass(frozen=True)
class Revision:
    """Have a proposal otherwise; `target` as in `Word`."""

    change: Change
    target: str = ""


@dataclass(frozen=True)
class Vote:
    """A vote as text; see engine.ports.Ballot for what is in it."""

    choice: str
    gate: str = ""
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Question:
    """Something that is answered at once, and changes nothing: one of `ANSWERED`."""

    about: str
    target: str = ""


@dataclass(frozen=True)
class Freezing:
    """Freeze a group, or `all`, or lift that.

    `until` has no zone where the person gave none; None is until somebody lifts it.
    """

    verb: str
    scope: str
    until: datetime | None = None
    reason: str = ""


Order = Install | Uninstall | Follow

Command = Order | Word | Revision | Vote | Question | Freezing


class Mistake(Exception):
    """The text is no command; the message is finished mrkdwn for the person who typed it."""


def read_command(
    text: str, *, groups: Sequence[str], command: str = "/hotfix", in_thread: bool = False
) -> Command:
    """Read what came after the slash command, or after the bot's name in a thread.

    A stop is read more leniently than anything else: see `_stop`.

    Args:
        text: as Slack sent it, with `&`, `<` and `>` escaped.
        groups: the names of the groups that there are, for suggestions.
        command: how the person addressed us, for suggestions.
        in_thread: whether it was said in a run's thread, where no name of a run is needed.

    Raises:
        Mistake: it is no command.
    """
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
    if verb == "install":
        return _install(rest, groups, command)
    if verb == "uninstall":
        return _uninstall(rest, groups, command)
    if verb == "finish" or (verb == "rollback" and len(rest) > 1):
        return _follow(verb, rest, groups, command)
    if verb == "change":
        return _revision(rest, groups, command)
    if verb in VOTES:
        return _vote(verb, rest)
    if verb in FREEZING:
        return _freezing(verb, rest, groups, command)
    if len(rest) > 1:
        raise Mistake(
            f"I understood {code(' '.join(words[:2]))}, but not {code(' '.join(rest[1:]))}; "
            f"`{verb}` takes one group or run: `{command} {verb} {_example(groups)}`"
        )
    target = rest[0] if rest else ""
    if target and not _TARGET.fullmatch(target):
        raise Mistake(
            f"I understood `{verb}`, but {code(target)} can be neither a group nor a run; "
            f"groups: {_listed(groups)}"
        )
    return Word(verb, target) if verb in WORDS else Question(verb, target)


def _stop(text: str, groups: Sequence[str], *, in_thread: bool) -> Word | Vote | None:
    """Return the stop that a text is, or None: `halt`, `pause` and `reject`, as people write them.

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
        if verb in VOTES:
            return _vote(verb, [_bare(word) for word in rest[:1]] + rest[1:])
        bare = [_bare(word) for word in rest]
        named = next((word for word in bare if word in groups or _RUN.fullmatch(word)), "")
        if named or in_thread or not rest:
            return Word(verb, named)
    return None


def _bare(word: str) -> str:
    """Return a word without punctuation and emphasis around it."""
    return word.strip("*_~`\"'.,:;!?()[]{}-\u2013\u2014\u2018\u2019\u201c\u201d\u2026")


def _unknown_verb(words: Sequence[str], groups: Sequence[str], command: str) -> Mistake:
    verb, rest = words[0].lower(), " ".join(words[1:])
    if verb in ("yes", "no"):
        return Mistake(f"I do not take {code(words[0])} for a vote. {HOW_TO_VOTE}")
    if verb in _CHANGES:
        right = f"{command} change {verb} {rest}".strip()
        return Mistake(f"I do not know {code(words[0])} alone. Did you mean {code(right)}?")
    close = difflib.get_close_matches(verb, VERBS, n=1)
    if not close:
        return Mistake(
            f"I do not know {code(words[0])}; I know {_listed(VERBS)}. See `{command} help`."
        )
    if close[0] in VOTES and command.startswith("/"):
        return Mistake(f"I do not know {code(words[0])}. If you mean to vote: {HOW_TO_VOTE}")
    right = f"{command} {close[0]} {rest}".strip()
    return Mistake(f"I do not know {code(words[0])}. Did you mean {code(right)}?")


HOW_TO_VOTE = (
    "Put :white_check_mark: or :x: on the message that asks, or write into its thread "
    "`@hotfix approve G2 CODE`, with the gate and the code of its first line, or "
    "`@hotfix reject G2 because …`."
)


def addressed(text: str, user: str) -> bool:
    """Say whether a message, as Slack keeps it, speaks to this user somewhere."""
    return f"<@{user}>" in text or f"<@{user}|" in text


def _vote(verb: str, words: Sequence[str]) -> Vote:
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


def _freezing(verb: str, words: Sequence[str], groups: Sequence[str], command: str) -> Freezing:
    """Read what follows `freeze` or `unfreeze`."""
    if not words:
        raise Mistake(f"I understood `{verb}`, but not what: {_freeze_usage(command)}")
    scope, rest = words[0], list(words[1:])
    if scope != ALL and scope not in groups:
        raise Mistake(
            f"I understood `{verb}`, but there is no group {code(scope)}; groups: "
            f"{_listed([*groups, ALL])}"
        )
    if verb == "unfreeze":
        if rest:
            raise Mistake(f"I understood `{verb} {scope}`, but not {code(' '.join(rest))}")
        return Freezing(verb, scope)
    at = next((place for place, word in enumerate(rest) if word.lower() == "because"), len(rest))
    until, reason = rest[:at], " ".join(rest[at + 1 :])[:LONGEST_REASON]
    if not reason:
        raise Mistake(f"I understood `freeze {scope}`, but not why: {_freeze_usage(command)}")
    if not until:
        return Freezing(verb, scope, None, reason)
    if until[0].lower() != "until" or len(until) == 1:
        raise Mistake(
            f"I understood `freeze {scope}`, but not {code(' '.join(until))}: "
            f"{_freeze_usage(command)}"
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


def _freeze_usage(command: str) -> str:
    return (
        f"`{command} freeze &lt;group or all&gt; [until 2026-12-24 18:00] because …`, "
        f"`{command} unfreeze &lt;group or all&gt;`"
    )


HOW_TO_CHANGE = (
    "After `change`, and the group where it is named, write one or more of: `swap`, `groups 3`, "
    "`order smo_last`, `order B,A`, `split 1_1-1_3/1_4-1_6`, `split by_site` or "
    "`split across_sites` (of two Sites), `without 1_7` (a member that is out of service), "
    "`without none`, `take 99` (the take expected after an uninstall)."
)

_CHANGES = ("swap", "groups", "order", "split", "without", "take")

NOBODY = "none"
"""Said of a proposal: no member is left out any more."""


def _revision(words: Sequence[str], groups: Sequence[str], command: str) -> Revision:
    """Read what follows `change`: first the target, unless that is said by the thread."""
    rest = list(words)
    target = rest.pop(0) if rest and _is_target(rest, groups) else ""
    if not rest:
        understood = f"change {target}".strip()
        raise Mistake(
            f"I understood {code(understood)}, but not what should be different. {HOW_TO_CHANGE} "
            f"For example {code(f'{command} {understood} swap')}."
        )
    found: dict[str, str] = {}
    while rest:
        name = rest.pop(0).lower()
        if name not in _CHANGES:
            close = difflib.get_close_matches(name, _CHANGES, n=1)
            right = f"; did you mean `{close[0]}`?" if close else "."
            raise Mistake(f"I understood `change`, but not {code(name, 80)}{right} {HOW_TO_CHANGE}")
        if name in found or (name == "swap" and "order" in found):
            raise Mistake(f"I understood `change`, but {code(name)} says it twice; say it once.")
        if name != "swap" and not rest:
            raise Mistake(f"I understood `change {name}`, but nothing follows. {HOW_TO_CHANGE}")
        found[name] = "" if name == "swap" else rest.pop(0)
    if "swap" in found and "order" in found:
        raise Mistake("I understood `change`, but `swap` and `order` both say an order; say one.")
    order, listed = _order_wanted(found["order"]) if "order" in found else ("", ())
    split, count, divide = _groups_wanted(found, "change")
    change = Change(
        split=split,
        groups=count,
        divide=divide,
        order="swap" if "swap" in found else order,
        listed=listed,
        left_out=_without(found["without"], "change") if "without" in found else None,
        take=_take(found["take"], "change take") if "take" in found else None,
    )
    return Revision(change, target)


_DIVIDED = ("by_site", "across_sites")
"""How two Sites may be divided, said in place of a split; see engine.splitting."""


def _groups_wanted(
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


def _is_target(words: Sequence[str], groups: Sequence[str]) -> bool:
    """Say whether the first of these names a group or a run, and is no misspelt change."""
    first = words[0]
    if first.lower() in _CHANGES or not _TARGET.fullmatch(first):
        return False
    if first in groups or _RUN.fullmatch(first):
        return True
    return len(words) > 1 and not difflib.get_close_matches(first.lower(), _CHANGES, n=1)


def _count(text: str, understood: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise Mistake(
            f"I understood {code(f'{understood} groups')}, but {code(text, 80)} is no number of "
            "groups."
        )
    return int(text)


def _order_wanted(text: str) -> tuple[str, tuple[str, ...]]:
    if text.lower() in ("vendor", "smo_last"):
        return text.lower(), ()
    letters = tuple(read_order(text))
    if not letters:
        raise Mistake(f"I understood `change order`, but not {code(text, 80)}. {HOW_TO_CHANGE}")
    return "listed", letters


def read_order(text: str) -> list[str]:
    """Return the letters of an order like `B, A` or `B/A`, or nothing where it is none."""
    letters = [one.upper() for one in re.split(r"[\s,/>-]+", text.strip()) if one]
    return letters if all(re.fullmatch(r"[A-Z]", one) for one in letters) else []


def _install(words: Sequence[str], groups: Sequence[str], command: str) -> Install:
    if len(words) < 2 or words[1].lower() in _OPTIONS:
        understood = " ".join(["install", *words[:1]])
        what = "which package" if words else "which group and which package"
        raise Mistake(f"I understood {code(understood)}, but not {what}: {_usage(command)}")
    group, package, rest = words[0], words[1], list(words[2:])
    group = _known_group(group, package, groups, command, "install")
    if not SAFE_NAME.fullmatch(package):
        raise Mistake(
            f"I understood {code(f'install {group}')}, but {code(package)} cannot be a package; "
            "give the file name alone, without a path"
        )
    understood = f"install {group} {package}"
    options = _options(rest, understood, _usage(command), _OPTIONS)
    split, count, divide = _groups_wanted(options, understood)
    return Install(
        group=group,
        package=package,
        sha256=_sum(options.get("sha256", ""), understood),
        ticket=_ticket(options.get("ticket", ""), understood),
        split=split,
        left_out=_without(options["without"], understood) if "without" in options else (),
        groups=count,
        divide=divide,
    )


def _known_group(name: str, package: str, groups: Sequence[str], command: str, verb: str) -> str:
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
        f"I understood `{verb}`, but there is no group {code(name)}; groups: {_listed(groups)}"
    )


_UNINSTALL = (
    "uninstall <group> [<package>] last take|completely [to take 99] [delete] [ticket <id>] "
    "[split 1_1-1_4/1_5-1_8] [groups 3] [without 1_7]"
)

_HOW_MUCH = {("last", "take"): "last_take", ("completely",): "completely"}


def _uninstall(words: Sequence[str], groups: Sequence[str], command: str) -> Uninstall:
    """Read what follows `uninstall`: the words that stand alone first, then options with a value.

    Whether the last take or all of it is meant may be left out here: then the engine asks, and says
    what each of both gives back.
    """
    usage = code(f"{command} {_UNINSTALL}")
    if not words:
        raise Mistake(f"I understood `uninstall`, but not from which group: {usage}")
    rest = list(words[1:])
    package = rest.pop(0) if rest and _is_package(rest[0]) else ""
    group = _known_group(words[0], package, groups, command, "uninstall")
    understood = f"uninstall {group} {package}".strip()
    said, left = _said_alone(rest, understood)
    options = _options(left, understood, usage, _OPTIONS[1:])
    split, count, divide = _groups_wanted(options, understood)
    return Uninstall(
        group=group,
        package=package,
        method=said.get("method", ""),
        take=_take(said["take"], f"{understood} to take") if "take" in said else None,
        delete="delete" in said,
        ticket=_ticket(options.get("ticket", ""), understood),
        split=split,
        left_out=_without(options["without"], understood) if "without" in options else (),
        groups=count,
        divide=divide,
    )


def _is_package(word: str) -> bool:
    known = (*_OPTIONS, "last", "completely", "to", "delete")
    return word.lower() not in known and SAFE_NAME.fullmatch(word) is not None


def _said_alone(words: Sequence[str], understood: str) -> tuple[dict[str, str], list[str]]:
    """Return what `last take`, `completely`, `to take 99` and `delete` say, and what is left."""
    said, left, rest = dict[str, str](), list[str](), list(words)
    while rest:
        lower = tuple(word.lower() for word in rest)
        name, value, length = "", "", 1
        for spoken, method in _HOW_MUCH.items():
            if lower[: len(spoken)] == spoken:
                name, value, length = "method", method, len(spoken)
        if lower[:2] == ("to", "take"):
            if len(rest) == 2:
                raise Mistake(f"I understood {code(understood)}, but nothing follows `to take`")
            name, value, length = "take", rest[2], 3
        if lower[0] == "delete":
            name, value = "delete", "yes"
        if not name:
            # An option and its value, whatever that is: `ticket delete` is a ticket.
            length = 2
            left += rest[:length]
        elif name in said:
            raise Mistake(
                f"I understood {code(understood)}, but {code(' '.join(rest[:length]))} says "
                "something twice; say it once"
            )
        else:
            said[name] = value
        rest = rest[length:]
    return said, left


def _take(text: str, understood: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise Mistake(
            f"I understood {code(understood)}, but {code(text, 80)} is no take; it is a number, "
            "and 0 where no Jumbo Hotfix is left"
        )
    return int(text)


def _follow(verb: str, words: Sequence[str], groups: Sequence[str], command: str) -> Follow:
    """Read what follows `finish`, or `rollback` with more than a name."""
    usage = code(f"{command} {verb} <group> [ticket <id>] [without 1_7]")
    if not words:
        raise Mistake(f"I understood `{verb}`, but not which group: {usage}")
    group = _known_group(words[0], "", groups, command, verb)
    understood = f"{verb} {group}"
    options = _options(list(words[1:]), understood, usage, ("ticket", "without"))
    return Follow(
        verb,
        group,
        ticket=_ticket(options.get("ticket", ""), understood),
        left_out=_without(options["without"], understood) if "without" in options else (),
    )


_OPTIONS = ("sha256", "ticket", "split", "groups", "without")


def _options(words: list[str], understood: str, usage: str, known: Sequence[str]) -> dict[str, str]:
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


def _sum(text: str, understood: str) -> str:
    if text and not _SHA256.fullmatch(text):
        raise Mistake(
            f"I understood {code(understood)}, but {code(text, 80)} is no SHA-256; it has 64 "
            "digits from 0 to 9 and a to f"
        )
    return text.lower()


def _ticket(text: str, understood: str) -> str:
    if text and not _TICKET.fullmatch(text):
        raise Mistake(f"I understood {code(understood)}, but {code(text, 80)} is no ticket's id")
    return text


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


def _without(text: str, understood: str) -> tuple[MemberId, ...]:
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


_HELP = {
    "Order": (*ORDERS, "change"),
    "Stop": ("halt", "pause", "abort", "freeze"),
    "Go on": ("resume", "retry", "rollback"),
}
"""Under which heading help tells each word that takes a right."""


def _needed(word: str) -> str:
    """Return the right that a word takes: to order anything is one and the same."""
    return "install" if word in ORDERS else word


def help_text(command: str, groups: Sequence[str], *, may: Collection[str] | None = None) -> str:
    """Return what can be typed, as finished mrkdwn.

    Args:
        command: the slash command.
        groups: the names of the groups that there are.
        may: what its reader may do; None is everything.
    """
    name = _example(groups)
    words = {
        "install": f"{_usage(command)} plans an installation and asks for approval",
        "uninstall": f"{code(f'{command} {_UNINSTALL}')} plans an uninstallation",
        "finish": f"`{command} finish {name}` goes on, on another night, with what an ended run "
        "left to do",
        "pause": f"`{command} pause {name}` waits after the group in hand",
        "resume": f"`{command} resume {name}` goes on after `pause` or `halt`",
        "halt": f"`{command} halt {name}` sends nothing more, not even to bring a group up",
        "retry": f"`{command} retry {name}` looks again and goes on after a hold",
        "abort": f"`{command} abort {name}` goes to the nearest safe end",
        "rollback": f"`{command} rollback {name}` plans the way back for the groups already done, "
        "also after the run has ended",
        "freeze": f"{_freeze_usage(command)}: meanwhile nobody orders and no failover begins",
        "change": f"`{command} change {name} swap | groups 3 | order smo_last | "
        "split 1_1-1_3/1_4-1_6 | without 1_7` makes another proposal, while one is asked",
    }
    yours = []
    for title, group in _HELP.items():
        lines = [words[word] for word in group if may is None or _needed(word) in may]
        yours += [f"*{title}*", *lines] if lines else []
    if not yours:
        yours = ["You are in no role that may order, operate or stop a run."]
    return "\n".join(
        [
            *yours,
            "*Ask*",
            f"`{command} status [group or run]` tells how things stand",
            f"`{command} why [group or run]` tells who is needed, and why a vote did not count",
            f"`{command} gates` tells which gates wait for you, with the way to each",
            f"`{command} packages` lists the package repository, and which groups each fits",
            f"`{command} approvers {name}` tells who may approve, and who of them is awake",
            "In a run's thread the same words work without a name, e.g. `@hotfix status`.",
            "*Vote*",
            "Votes are reactions on the message that asks, :white_check_mark: yes, :x: no, or "
            "words in its thread: `@hotfix approve G2 CODE` with the code of its first line, "
            "`@hotfix reject G2 because …`, `@hotfix withdraw G2`.",
            f"Groups: {_listed(groups)}",
        ]
    )


def _usage(command: str) -> str:
    return code(f"{command} {_INSTALL}")


def _example(groups: Sequence[str]) -> str:
    return escape(groups[0], 80) if groups else "&lt;group&gt;"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(code(name, 80) for name in names) or "none"
