"""A Shell that can only read: for dry runs and plans, where nothing may happen on a device.

The allow-list is the Shell's own, so that no caller can forget it: every command line is taken to
pieces as the Expert shell would, down into what `gexec` and `gclish` are handed, and each command
in it must be one that reads. What is not on the list, and what cannot be taken to pieces for sure,
is refused before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from engine.errors import NotReading
from engine.ports import Output, Shell, Terminal


class ReadingShell:
    """See engine.ports.Shell; only what reads comes through."""

    def __init__(self, shell: Shell) -> None:
        """Take the Shell that the readings go to."""
        self._shell = shell

    async def run(self, command: str, *, within: timedelta) -> Output:
        """See engine.ports.Shell.

        Raises:
            NotReading: the line does something else than read, or may; it was not sent.
        """
        refuse_acts(command)
        return await self._shell.run(command, within=within)

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        """Refuse: what is typed in a session cannot be judged beforehand.

        Raises:
            NotReading: always.
        """
        raise NotReading("no terminal is opened where only reading is allowed")

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Refuse: nothing is copied to a device.

        Raises:
            NotReading: always.
        """
        raise NotReading("nothing is uploaded where only reading is allowed")

    async def close(self) -> None:
        """See engine.ports.Shell."""
        await self._shell.close()


def refuse_acts(line: str) -> None:
    """Raise unless every command in a line for the Expert shell only reads.

    Raises:
        NotReading: with the first that is not on the list, or that cannot be judged.
    """
    for words in _commands(_OUR_LOCK.sub(" true ", line)):
        name, *given = words
        reads = _READS.get(name)
        if reads is None or not reads(given):
            _refuse(f"`{' '.join(words).replace(_OPAQUE, '…')[:80]}` is not known to only read")


def _refuse(why: str) -> NoReturn:
    raise NotReading(f"{why}; nothing was sent")


# ------------------------------------------------------------------------------- the allow-list

Arguments = Sequence[str]


def _any(_given: Arguments) -> bool:
    return True


def _exactly(*allowed: str) -> Callable[[Arguments], bool]:
    """Allow exactly these arguments, each entry a whole list of them."""
    return lambda given: " ".join(given) in allowed


def _matching(pattern: str) -> Callable[[Arguments], bool]:
    """Allow arguments that, joined by blanks, match as a whole."""
    compiled = re.compile(pattern)
    return lambda given: compiled.fullmatch(" ".join(given)) is not None


def _gclish(given: Arguments) -> bool:
    """`gclish [-a] [-b <id>] -c "show …"`: one command of gClish, and one that shows."""
    options, command = list(given[:-1]), given[-1] if given else ""
    if not options or options.pop() != "-c":
        return False
    known = re.fullmatch(r"(-a|-b \d+_\d+|-a -b \d+_\d+)?", " ".join(options)) is not None
    shows = re.fullmatch(r"show [\w ./-]+", command) is not None
    return known and shows


def _gexec(given: Arguments) -> bool:
    """`gexec [-a] [-f] [-g|-g0] [-b <ids>] -c '<line>'`: the line is judged like any other."""
    options, line = list(given[:-1]), given[-1] if given else ""
    if not options or options.pop() != "-c" or _OPAQUE in line:
        return False
    if re.fullmatch(r"(-a|-f|-g0?|-b [\d_,-]+)( (-a|-f|-g0?|-b [\d_,-]+))*", " ".join(options)):
        refuse_acts(line)
        return True
    return False


_READS: Mapping[str, Callable[[Arguments], bool]] = {
    # The shell's own, and tools that write nothing but what they print. Not sort, sed, awk, find
    # and tee: each of them can write a file or run a command.
    "echo": _any,
    "true": _any,
    "[": _any,
    "cat": _any,
    "cut": _any,
    "grep": _any,
    "head": _any,
    "tail": _any,
    "tr": _any,
    "wc": _any,
    "df": _any,
    "sha256sum": _any,
    "date": _matching(r"(\+\S*)?"),
    "hostname": _exactly("", "-i"),
    # A function of the login shell [B]; which context a session of ours is in changes nobody else.
    ".": _exactly("/etc/profile.d/vsenv.sh"),
    "vsenv": _matching(r"\d*"),
    # Check Point's. Source of each: engine.gaia, where it is used.
    "asg": _matching(r"stat( -v| -i \w+| vs( all)?)?|policy verify(_amw)?( -a)?"),
    "asg_conns": _any,
    "clock_verifier": _exactly("-v"),
    "core_dump_verifier": _matching(r"-v( -a)?|-a( -v)?"),
    "cphaprob": _exactly("state", "stat", "syncstat", "list", "-a if", "-l list"),
    "cpinfo": _exactly("-y all"),
    "cplic": _exactly("print", "print -x"),
    "cluster-cli": _matching(r"show [\w ]+"),
    "da_cli": _matching(
        r"da_status|packages_info( status=\w+)?|package_info package=\S+"
        rf"|get_status_of_action actionID=(\d+|{chr(0)})"
    ),
    "fw": _matching(r"stat|tab -t connections -s|ver"),
    "g_clusterXL_admin": _exactly("-h"),
    "gclish": _gclish,
    "gexec": _gexec,
    "vsx": _matching(r"stat( -\w+)?( \d+)?"),
}

_OPAQUE = chr(0)
"""Stands in a word for what the device's shell puts there: `$i`, or what a command printed."""

_OUR_LOCK = re.compile(
    r"if \[ -e (?P<lock>/[\w./-]+/lock) \]; then "
    r"\( flock -n 9 && echo free \|\| echo held \) 9>>(?P=lock); else echo free; fi"
)
"""Whether our lock is held, asked so that nothing is made where it is not: see
`engine.gaia.guards.kept_here`. No other redirection to a file is allowed."""


# -------------------------------------------------------------------------- taking to pieces

_BLANKS = " \t"
_OPERATORS = (";;", "&&", "||", ";", "|", "(", ")", "\n")
_HARMLESS = re.compile(r"(?:2>/dev/null|>/dev/null|2>&1|</dev/null)(?![^\s;|&)])")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|[?#0-9]|\{[A-Za-z_]\w*(?::-[\w.-]*)?\})")
_ARITHMETIC = re.compile(r"\$\(\([\w+*/ -]*\)\)")
_OPENING = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "{"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
_ASSIGNMENT = re.compile(r"[a-z]=(.*)", re.DOTALL)


def _commands(line: str) -> Iterator[list[str]]:
    """Yield every simple command in a line, its words without their quotes."""
    words: list[str] = []
    case = ""  # "word" until `in`, "pattern" until `)`, then "" for the commands
    cases = 0
    for sort, text in _pieces(line):
        if sort == "inside":
            yield from _commands(text)
        elif case == "word":
            case = "pattern" if text == "in" else case
        elif case == "pattern":
            if text == "esac" and sort == "bare":
                case, cases = "", cases - 1
            elif text == ")":
                case = ""
        elif sort == "operator":
            if words:
                yield words
            words = []
            if text == ";;" and not cases:
                _refuse("';;' stands outside a `case`")
            if text == ";;":
                case = "pattern"
        elif words:
            words.append(text)
        elif sort == "bare" and text == "case":
            case, cases = "word", cases + 1
        elif sort == "bare" and text in _CLOSING:
            cases -= text == "esac"
        elif not (sort == "bare" and (text in _OPENING or _ASSIGNMENT.fullmatch(text))):
            words.append(text)
    if words:
        yield words
    if cases or case:
        _refuse("a `case` does not end")


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Cut a line into ("operator", …), ("bare", …) and ("word", …); what `$( )` runs is "inside".

    A word is bare where nothing in it was quoted.
    """
    at, inside = 0, list[str]()
    while at < len(line):
        if line[at] in _BLANKS:
            at += 1
            continue
        if harmless := _HARMLESS.match(line, at):
            at = harmless.end()
            continue
        operator = next((one for one in _OPERATORS if line.startswith(one, at)), "")
        if operator:
            yield "operator", operator
            at += len(operator)
            continue
        start, word, at = at, "", at
        while at < len(line) and line[at] not in " \t\n;|&()":
            text, at = _part(line, at, inside)
            word += text
        for run in inside:
            yield "inside", run
        inside.clear()
        if at == start:
            _refuse(f"{line[at]!r} stands where a command may go on by itself")
        plain = not set(line[start:at]) & set("'\"\\")
        yield ("bare" if plain else "word"), word


def _part(line: str, at: int, inside: list[str]) -> tuple[str, int]:
    """Read one part of a word from `at`; return its text and where it ends."""
    char = line[at]
    if char == "'":
        end = line.find("'", at + 1)
        if end < 0:
            _refuse("a quote does not end")
        return line[at + 1 : end], end + 1
    if char == '"':
        return _quoted(line, at + 1, inside)
    if char == "\\":
        return line[at + 1 : at + 2], at + 2
    if char == "$":
        return _expanded(line, at, inside)
    if char in "<>`#":
        _refuse(f"{char!r} may write, or run what cannot be seen")
    return char, at + 1


def _quoted(line: str, at: int, inside: list[str]) -> tuple[str, int]:
    text = ""
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and line[at + 1 : at + 2] in tuple('"$\\`'):
            text, at = text + line[at + 1], at + 2
        elif line[at] == "$":
            more, at = _expanded(line, at, inside)
            text += more
        elif line[at] == "`":
            _refuse("'`' may run what cannot be seen")
        else:
            text, at = text + line[at], at + 1
    if at >= len(line):
        _refuse("a quote does not end")
    return text, at + 1


def _expanded(line: str, at: int, inside: list[str]) -> tuple[str, int]:
    """Read `$name`, `$((…))` or `$(…)`; what the last one runs is judged too."""
    known = _ARITHMETIC.match(line, at) or _VARIABLE.match(line, at)
    if known:
        return _OPAQUE, known.end()
    if line.startswith("$(", at):
        end = _closing(line, at + 2)
        inside.append(line[at + 2 : end])
        return _OPAQUE, end + 1
    if line[at + 1 : at + 2] in ("", " ", '"', ")", "|"):
        return "$", at + 1
    _refuse(f"{line[at : at + 20]!r} cannot be judged")


def _closing(line: str, at: int) -> int:
    """Return where the parenthesis ends whose inside begins at `at`."""
    depth, nothing = 1, list[str]()
    while at < len(line):
        char = line[at]
        if char in "'\"\\$":
            _, at = _part(line, at, nothing)
            continue
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at
        at += 1
    _refuse("a parenthesis does not end")
