"""Reads the subset of POSIX shell that is typed at the Expert prompt, into a tree.

What lies outside of the subset is an `UnsupportedSyntax`, never a guess: a rehearsal that guessed
would teach the wrong lesson. How the tree runs does not belong here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn


class UnsupportedSyntax(Exception):
    """A line uses something that the rehearsal does not know: a mistake of ours."""


@dataclass(frozen=True)
class Text:
    """Literal characters."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Variable:
    """`$name`, `${name}`, `${name:-default}`, `${#name}`, `$?`."""

    name: str
    quoted: bool
    default: Word | None = None
    length: bool = False


@dataclass(frozen=True)
class Substitution:
    """`$(commands)`."""

    body: Sequence
    quoted: bool


@dataclass(frozen=True)
class Arithmetic:
    """`$((expression))`; dollar expansions inside are done first."""

    expression: Word
    quoted: bool


Part = Text | Variable | Substitution | Arithmetic


@dataclass(frozen=True)
class Word:
    """Parts that stand together without a blank; `plain` is its one field if nothing expands."""

    parts: tuple[Part, ...]
    plain: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Work out once what never changes."""
        if self.parts and all(
            isinstance(p, Text) and (p.quoted or not set("*?[") & set(p.text)) for p in self.parts
        ):
            text = "".join(p.text for p in self.parts if isinstance(p, Text))
            object.__setattr__(self, "plain", text)


@dataclass(frozen=True)
class Redirect:
    """`9>file`, `2>&1`, `<file`; `fd` -1 means both stdout and stderr (`&>`)."""

    fd: int
    operator: str
    target: Word


@dataclass
class Simple:
    """Assignments, words, redirections."""

    assignments: list[tuple[str, Word]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)


@dataclass
class Pipeline:
    """`! a | b | c`."""

    commands: list[Node]
    negated: bool


@dataclass
class AndOr:
    """`a && b || c`, from left to right."""

    first: Node
    rest: list[tuple[str, Node]]


@dataclass
class Sequence:
    """`a; b; c`."""

    items: list[Node]


@dataclass
class Subshell:
    """`( ... )`."""

    body: Sequence
    redirects: list[Redirect]


@dataclass
class Block:
    """`{ ...; }`."""

    body: Sequence
    redirects: list[Redirect]


@dataclass
class If:
    """`if … then … elif … else … fi`."""

    branches: list[tuple[Sequence, Sequence]]
    otherwise: Sequence | None
    redirects: list[Redirect]


@dataclass
class While:
    """`while … do … done`, or `until`."""

    condition: Sequence
    body: Sequence
    until: bool
    redirects: list[Redirect]


@dataclass
class For:
    """`for name in words; do … done`."""

    name: str
    words: list[Word]
    body: Sequence
    redirects: list[Redirect]


@dataclass
class Case:
    """`case word in pattern) … ;; esac`."""

    subject: Word
    arms: list[tuple[list[Word], Sequence]]
    redirects: list[Redirect]


Node = Simple | Pipeline | AndOr | Sequence | Subshell | Block | If | While | For | Case

_META = " \t\n;&|<>()"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_REDIRECT = re.compile(r"(\d*)(>>|>&|>\||<<|<&|<>|>|<)|(&>>?)")
_BRACES = re.compile(r"\{[^{}\s]*(,|\.\.)[^{}\s]*\}")
_RESERVED = re.compile(
    r"(if|then|elif|else|fi|while|until|do|done|for|in|case|esac|[{}])(?=[\s;&|<>()]|$)"
)
_REFUSED = re.compile(r"(\[\[|function|select|time|coproc)(?=\s)|\(\(|[A-Za-z_]\w*\s*\(\s*\)")


class Parser:
    """A scannerless recursive descent over one piece of text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def program(self) -> Sequence:
        """Read everything."""
        tree = self._sequence()
        if self.at < len(self.text):
            self._refuse(f"unexpected {self.text[self.at]!r}")
        return tree

    # lists

    def _sequence(self, *ends: str) -> Sequence:
        items: list[Node] = []
        while True:
            self._skip(newlines=True)
            if self._done(ends):
                return Sequence(items)
            items.append(self._and_or())
            self._skip()
            if self._looking_at(";;") or self._peek() not in (";", "\n"):
                if self._peek() == "&":
                    self._refuse("a background command")
                if not self._done(ends):
                    self._refuse(f"unexpected {self._peek()!r}")
                return Sequence(items)
            self.at += 1

    def _done(self, ends: tuple[str, ...]) -> bool:
        if self._peek() in ("", ")") or self._looking_at(";;"):
            return True
        word = self._reserved()
        return word is not None and word in ends

    def _and_or(self) -> Node:
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        while True:
            self._skip()
            operator = self.text[self.at : self.at + 2]
            if operator not in ("&&", "||"):
                return AndOr(first, rest) if rest else first
            self.at += 2
            self._skip(newlines=True)
            rest.append((operator, self._pipeline()))

    def _pipeline(self) -> Node:
        self._skip()
        negated = False
        while self._peek() == "!" and self.text[self.at + 1 : self.at + 2] in (" ", "\t"):
            self.at += 1
            negated = not negated
            self._skip()
        commands = [self._command()]
        while True:
            self._skip()
            if self._peek() != "|" or self._looking_at("||"):
                break
            if self._looking_at("|&"):
                self._refuse("|&")
            self.at += 1
            self._skip(newlines=True)
            commands.append(self._command())
        return Pipeline(commands, negated) if negated or len(commands) > 1 else commands[0]

    # commands

    def _command(self) -> Node:
        if _REFUSED.match(self.text, self.at):
            self._refuse("this construct")
        if self._peek() == "(":
            self.at += 1
            body = self._sequence()
            self._expect(")")
            return Subshell(body, self._redirects())
        match self._reserved():
            case None:
                return self._simple()
            case "{":
                self.at += 1
                body = self._sequence("}")
                self._keyword("}")
                return Block(body, self._redirects())
            case "if":
                return self._if()
            case "while" | "until" as word:
                return self._while(word)
            case "for":
                return self._for()
            case "case":
                return self._case()
            case _:
                return self._refuse("an unexpected word")

    def _if(self) -> If:
        branches = []
        otherwise = None
        word = "if"
        while word in ("if", "elif"):
            self._keyword(word)
            condition = self._sequence("then")
            self._keyword("then")
            branches.append((condition, self._sequence("elif", "else", "fi")))
            word = self._reserved() or ""
        if word == "else":
            self._keyword("else")
            otherwise = self._sequence("fi")
        self._keyword("fi")
        return If(branches, otherwise, self._redirects())

    def _while(self, word: str) -> While:
        self._keyword(word)
        condition = self._sequence("do")
        body = self._body()
        return While(condition, body, word == "until", self._redirects())

    def _for(self) -> For:
        self._keyword("for")
        self._skip()
        name = _NAME.match(self.text, self.at)
        if not name:
            self._refuse("for without a name")
        self.at = name.end()
        self._skip(newlines=True)
        self._keyword("in")
        words = []
        self._skip()
        while (word := self._word()) is not None:
            words.append(word)
            self._skip()
        if self._peek() not in (";", "\n"):
            self._refuse("for without do")
        self.at += 1
        self._skip(newlines=True)
        return For(name.group(), words, self._body(), self._redirects())

    def _body(self) -> Sequence:
        self._keyword("do")
        body = self._sequence("done")
        self._keyword("done")
        return body

    def _case(self) -> Case:
        self._keyword("case")
        self._skip()
        subject = self._word()
        if subject is None:
            self._refuse("case without a word")
        self._skip(newlines=True)
        self._keyword("in")
        arms = []
        while True:
            self._skip(newlines=True)
            if self._reserved() == "esac":
                break
            arms.append((self._patterns(), self._sequence("esac")))
            self._skip(newlines=True)
            if not self._looking_at(";;"):
                break
            self.at += 2
        self._keyword("esac")
        return Case(subject, arms, self._redirects())

    def _patterns(self) -> list[Word]:
        if self._peek() == "(":
            self.at += 1
        patterns = []
        while True:
            self._skip()
            pattern = self._word()
            if pattern is None:
                self._refuse("case without a pattern")
            patterns.append(pattern)
            self._skip()
            if self._peek() != "|":
                break
            self.at += 1
        self._expect(")")
        return patterns

    def _simple(self) -> Simple:
        command = Simple()
        while True:
            self._skip()
            redirect = self._redirect()
            if redirect is not None:
                command.redirects.append(redirect)
                continue
            assignment = _ASSIGNMENT.match(self.text, self.at)
            if assignment and not command.words:
                self.at = assignment.end()
                if self._peek() == "(":
                    self._refuse("an array")
                command.assignments.append((assignment.group(1), self._word() or Word(())))
                continue
            word = self._word()
            if word is None:
                break
            command.words.append(word)
        if not (command.words or command.assignments or command.redirects):
            self._refuse("a command was expected")
        return command

    def _redirects(self) -> list[Redirect]:
        redirects: list[Redirect] = []
        while True:
            self._skip()
            redirect = self._redirect()
            if redirect is None:
                return redirects
            redirects.append(redirect)

    def _redirect(self) -> Redirect | None:
        match = _REDIRECT.match(self.text, self.at)
        if not match:
            return None
        digits, operator, both = match.groups()
        if operator in ("<<", "<>", "<&"):
            self._refuse(operator)
        self.at = match.end()
        self._skip()
        target = self._word()
        if target is None:
            self._refuse("a redirection without a target")
        if both:
            return Redirect(-1, both[1:], target)
        fd = int(digits) if digits else (0 if operator == "<" else 1)
        return Redirect(fd, ">" if operator == ">|" else operator, target)

    # words

    def _word(self) -> Word | None:
        start = self.at
        parts: list[Part] = []
        while (char := self._peek()) and char not in _META:
            if char == "\\":
                if self.text[self.at + 1 : self.at + 2] == "\n":
                    self.at += 2
                    continue
                parts.append(Text(self.text[self.at + 1 : self.at + 2] or "\\", quoted=True))
                self.at += 2
            elif char == "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    self._refuse("a quote that does not end")
                parts.append(Text(self.text[self.at + 1 : end], quoted=True))
                self.at = end + 1
            elif char == '"':
                parts += self._double_quoted()
            elif char == "$":
                parts.append(self._dollar(quoted=False))
            elif char == "`":
                self._refuse("backquotes")
            else:
                parts.append(Text(char, quoted=False))
                self.at += 1
        if self.at == start:
            return None
        self._check_literal(parts)
        return Word(tuple(_joined(parts)))

    def _check_literal(self, parts: list[Part]) -> None:
        plain = "".join(p.text if isinstance(p, Text) and not p.quoted else "\0" for p in parts)
        if _BRACES.search(plain):
            self._refuse("brace expansion")
        if plain.startswith("~"):
            self._refuse("a tilde")

    def _double_quoted(self, end: str = '"') -> list[Part]:
        if end == '"':
            self.at += 1
        parts: list[Part] = [Text("", quoted=True)]
        while (char := self._peek()) != end:
            if not char:
                self._refuse("a quote that does not end")
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\"):
                parts.append(Text(self.text[self.at + 1], quoted=True))
                self.at += 2
            elif char == "\\" and self.text[self.at + 1 : self.at + 2] == "\n":
                self.at += 2
            elif char == "$":
                parts.append(self._dollar(quoted=True))
            elif char == "`":
                self._refuse("backquotes")
            else:
                parts.append(Text(char, quoted=True))
                self.at += 1
        self.at += 1
        return parts

    def _dollar(self, *, quoted: bool) -> Part:
        if self._looking_at("$(("):
            return self._arithmetic(quoted=quoted)
        if self._looking_at("$("):
            self.at += 2
            body = self._sequence()
            self._expect(")")
            return Substitution(body, quoted)
        if self._looking_at("${"):
            return self._braced(quoted=quoted)
        following = self.text[self.at + 1 : self.at + 2]
        if name := _NAME.match(self.text, self.at + 1):
            self.at = name.end()
            return Variable(name.group(), quoted)
        if following and following in "?$#0123456789":
            self.at += 2
            return Variable(following, quoted)
        if following and following in "@*!-'\"" and not (quoted and following in "'\""):
            self._refuse(f"${following}")
        self.at += 1
        return Text("$", quoted=True)

    def _braced(self, *, quoted: bool) -> Variable:
        match = re.compile(r"\$\{(#?)([A-Za-z_]\w*|[?$#\d])(:-)?").match(self.text, self.at)
        if not match:
            self._refuse("this parameter expansion")
        self.at = match.end()
        if not match.group(3):
            self._expect("}")
            return Variable(match.group(2), quoted, length=bool(match.group(1)))
        default = self._double_quoted(end="}")
        return Variable(match.group(2), quoted, default=Word(tuple(_joined(default))))

    def _arithmetic(self, *, quoted: bool) -> Arithmetic:
        self.at += 3
        depth, end = 0, self.at
        while depth or not self.text.startswith("))", end):
            if end >= len(self.text):
                self._refuse("arithmetic that does not end")
            depth += {"(": 1, ")": -1}.get(self.text[end], 0)
            end += 1
        inner = Parser(self.text[self.at : end] + '"')
        self.at = end + 2
        inner.at = -1
        expression = Word(tuple(_joined(inner._double_quoted())))
        return Arithmetic(expression, quoted)

    # characters

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _looking_at(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def _reserved(self) -> str | None:
        match = _RESERVED.match(self.text, self.at)
        return match.group(1) if match else None

    def _keyword(self, word: str) -> None:
        self._skip(newlines=True)
        if self._reserved() != word:
            self._refuse(f"{word} was expected")
        self.at += len(word)

    def _expect(self, char: str) -> None:
        self._skip(newlines=True)
        if self._peek() != char:
            self._refuse(f"{char} was expected")
        self.at += 1

    def _skip(self, *, newlines: bool = False) -> None:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t" or (newlines and char == "\n"):
                self.at += 1
            elif self._looking_at("\\\n"):
                self.at += 2
            elif char == "#" and (self.at == 0 or self.text[self.at - 1] in _META):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _refuse(self, what: str) -> NoReturn:
        raise UnsupportedSyntax(f"{what}, at {self.at} of {self.text!r}")


def _joined(parts: list[Part]) -> list[Part]:
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text) and last.quoted == part.quoted:
            joined[-1] = Text(last.text + part.text, last.quoted)
        else:
            joined.append(part)
    return joined


@lru_cache(maxsize=512)
def parse(text: str) -> Sequence:
    """Read shell text into a tree, which nobody changes: lines come again and again.

    Raises:
        UnsupportedSyntax: outside of the subset, or not shell at all.
    """
    return Parser(text).program()
