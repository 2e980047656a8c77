"""Runs the subset of POSIX shell that `engine.rehearsal.syntax` reads, with bash's exit statuses.

Question: why not run a real bash? Answer: every member has files, locks and time of its own, and
two simulated hours must pass in milliseconds. Given up: constructs outside of the subset, which are
refused loudly. The real bash judges this one in `tests/unit/test_interpreter_against_bash.py`.

Stages of a pipeline run one after the other, each into a buffer.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeGuard

from engine.rehearsal import syntax
from engine.rehearsal.files import Files, OpenFile, glob_matches
from engine.rehearsal.streams import Buffer, FromText, IntoFile, Nowhere, Sink, Source
from engine.rehearsal.syntax import UnsupportedSyntax, Word

LOOP_LIMIT = 100_000
"""Turns of one loop before we call it endless; a bot's line needs a few thousand at most."""

COMMAND_NOT_FOUND = 127


class Machine(Protocol):
    """What a shell needs of the member that it runs on."""

    @property
    def files(self) -> Files:
        """The member's file system."""
        ...

    def program(self, name: str) -> Program | None:
        """Return the program of this name."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        ...

    def left(self, status: int) -> None:
        """Take note that a subshell was left by `exit`, or by the command it became."""
        ...


@dataclass
class Process:
    """What a program sees."""

    args: list[str]
    stdin: Source
    stdout: Sink
    stderr: Sink
    machine: Machine
    shell: State

    @property
    def on_terminal(self) -> bool:
        """Tell whether the output goes to a terminal."""
        return self.stdout.is_tty

    def out(self, text: str) -> None:
        """Write to standard output."""
        self.stdout.write(text)

    def err(self, text: str) -> None:
        """Write to standard error."""
        self.stderr.write(text)


Program = Callable[[Process], Awaitable[int]]
Descriptor = Sink | Source | OpenFile


@dataclass
class State:
    """A shell: variables, descriptors, working folder, last status."""

    machine: Machine
    descriptors: dict[int, Descriptor]
    variables: dict[str, str] = field(default_factory=dict)
    status: int = 0
    folder: str = "/home/admin"
    substituted: int | None = None
    opened: list[OpenFile] = field(default_factory=list)

    def copy(self) -> State:
        """Return what a subshell starts with."""
        return State(
            self.machine, dict(self.descriptors), dict(self.variables), self.status, self.folder
        )

    def close(self) -> None:
        """Close the files that this shell opened for itself; their locks go."""
        for file in self.opened:
            file.unlock()

    def path(self, name: str) -> str:
        """Return the absolute path of a name."""
        return posixpath.normpath(posixpath.join(self.folder, name))


class _Exit(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _RedirectFailed(Exception):
    pass


async def run(text: str, state: State) -> int:
    """Run shell text in this shell and return its exit status.

    Raises:
        UnsupportedSyntax: outside of the subset.
    """
    try:
        await _sequence(syntax.parse(text), state)
    except _Exit as leaving:
        state.status = leaving.status
    return state.status


class SessionLeft(Exception):
    """`exit` was typed at a prompt."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def run_line(text: str, state: State) -> int:
    """Run one line typed at a prompt.

    Raises:
        SessionLeft: the line ended the shell.
        UnsupportedSyntax: outside of the subset.
    """
    try:
        await _sequence(syntax.parse(text), state)
    except _Exit as leaving:
        raise SessionLeft(leaving.status) from leaving
    return state.status


async def _sequence(tree: syntax.Sequence, state: State) -> int:
    for item in tree.items:
        await _node(item, state)
    return state.status


async def _node(node: syntax.Node, state: State) -> int:
    match node:
        case syntax.Simple():
            state.status = await _simple(node, state)
        case syntax.Pipeline():
            state.status = await _pipeline(node, state)
        case syntax.AndOr():
            await _node(node.first, state)
            for operator, following in node.rest:
                if (state.status == 0) == (operator == "&&"):
                    await _node(following, state)
        case syntax.Sequence():
            await _sequence(node, state)
        case _:
            state.status = await _compound(node, state)
    return state.status


async def _compound(
    node: syntax.Subshell | syntax.Block | syntax.If | syntax.While | syntax.For | syntax.Case,
    state: State,
) -> int:
    saved = dict(state.descriptors)
    opened: list[OpenFile] = []
    try:
        await _redirect(node.redirects, state, opened)
        match node:
            case syntax.Subshell():
                return await _subshell(node.body, state)
            case syntax.Block():
                return await _sequence(node.body, state)
            case syntax.If():
                return await _if(node, state)
            case syntax.While():
                return await _while(node, state)
            case syntax.For():
                return await _for(node, state)
            case syntax.Case():
                return await _case(node, state)
    except _RedirectFailed:
        return 1
    finally:
        state.descriptors = saved
        for file in opened:
            file.unlock()


async def _subshell(body: syntax.Sequence, state: State) -> int:
    inner = state.copy()
    try:
        return await _sequence(body, inner)
    except _Exit as leaving:
        inner.machine.left(leaving.status)
        return leaving.status
    finally:
        inner.close()


async def _pipeline(node: syntax.Pipeline, state: State) -> int:
    status, carried = 0, ""
    for index, command in enumerate(node.commands):
        stage = state.copy() if len(node.commands) > 1 else state
        pipe = Buffer()
        if index > 0:
            stage.descriptors[0] = FromText(carried)
        if index < len(node.commands) - 1:
            stage.descriptors[1] = pipe
        try:
            status = await _node(command, stage)
        except _Exit as leaving:
            if stage is state:
                raise
            status = leaving.status
        carried = pipe.text
    return (0 if status else 1) if node.negated else status


async def _if(node: syntax.If, state: State) -> int:
    for condition, body in node.branches:
        if await _sequence(condition, state) == 0:
            return await _sequence(body, state)
    if node.otherwise is not None:
        return await _sequence(node.otherwise, state)
    return 0


async def _while(node: syntax.While, state: State) -> int:
    status = 0
    for _ in _turns():
        if (await _sequence(node.condition, state) == 0) == node.until:
            break
        try:
            status = await _sequence(node.body, state)
        except _Continue:
            continue
        except _Break:
            status = 0
            break
    return status


async def _for(node: syntax.For, state: State) -> int:
    status = 0
    for value in await _fields(node.words, state):
        state.variables[node.name] = value
        try:
            status = await _sequence(node.body, state)
        except _Continue:
            continue
        except _Break:
            status = 0
            break
    return status


def _turns() -> Iterator[int]:
    yield from range(LOOP_LIMIT)
    raise UnsupportedSyntax(f"a loop of more than {LOOP_LIMIT} turns")


async def _case(node: syntax.Case, state: State) -> int:
    subject = await _joined(node.subject, state)
    for patterns, body in node.arms:
        for pattern in patterns:
            glob = await _as_glob(pattern, state)
            if glob_matches(glob, subject, slashes=True):
                state.status = 0
                return await _sequence(body, state)
    return 0


async def _simple(node: syntax.Simple, state: State) -> int:
    state.substituted = None
    words = await _fields(node.words, state)
    saved = dict(state.descriptors)
    opened: list[OpenFile] = []
    keep = False
    try:
        await _redirect(node.redirects, state, opened)
        if not words:
            for name, value in node.assignments:
                state.variables[name] = await _joined(value, state)
            return _status_of_substitution(state)
        if words[0] == "exec" and len(words) == 1:
            keep = True
            state.opened += opened
            return 0
        before = dict(state.variables)
        for name, value in node.assignments:
            state.variables[name] = await _joined(value, state)
        try:
            return await _execute(words, state)
        finally:
            for name, _ in node.assignments:
                state.variables.pop(name, None)
                if name in before:
                    state.variables[name] = before[name]
    except _RedirectFailed:
        return 1
    finally:
        if not keep:
            state.descriptors = saved
            for file in opened:
                file.unlock()


def _status_of_substitution(state: State) -> int:
    return 0 if state.substituted is None else state.substituted


async def _execute(words: list[str], state: State) -> int:
    name, *args = words
    match name:
        case "exit":
            raise _Exit(_number(args[0]) % 256 if args else state.status)
        case "exec":
            raise _Exit(await _execute(args, state))
        case "break" | "continue":
            raise _Break if name == "break" else _Continue
        case "cd":
            return _change_folder(args, state)
        case "read":
            return await _read(args, state)
        case "export":
            return _export(args, state)
        case "unset":
            for variable in args:
                state.variables.pop(variable, None)
            return 0
        case "set" | "eval" | "trap" | "return" | "source" | "." | "local" | "shift" | "wait":
            raise UnsupportedSyntax(f"the builtin {name}")
        case "command":
            return await _command(args, state)
        case _:
            return await _program(name, args, state)


async def _program(name: str, args: list[str], state: State) -> int:
    program = state.machine.program(posixpath.basename(name) if "/" in name else name)
    process = process_of(args, state)
    if program is None:
        process.err(f"bash: {name}: command not found\n")
        return COMMAND_NOT_FOUND
    return await program(process)


def process_of(args: list[str], state: State) -> Process:
    """Return what a program sees that this shell starts."""
    stdin, stdout, stderr = (state.descriptors.get(fd) for fd in (0, 1, 2))
    return Process(
        args,
        stdin if _reads(stdin) else FromText(),
        stdout if _writes(stdout) else Nowhere(),
        stderr if _writes(stderr) else Nowhere(),
        state.machine,
        state,
    )


def _reads(descriptor: Descriptor | None) -> TypeGuard[Source]:
    return descriptor is not None and hasattr(descriptor, "readline")


def _writes(descriptor: Descriptor | None) -> TypeGuard[Sink]:
    return descriptor is not None and hasattr(descriptor, "is_tty")


async def _command(args: list[str], state: State) -> int:
    if args[:1] != ["-v"]:
        return await _program(args[0], args[1:], state)
    status = 1
    for name in args[1:]:
        if state.machine.program(name) is not None:
            status = 0
            stdout = state.descriptors.get(1)
            if _writes(stdout):
                stdout.write(f"{name}\n")
    return status


def _change_folder(args: list[str], state: State) -> int:
    folder = state.path(args[0] if args else "/home/admin")
    if not state.machine.files.is_folder(folder):
        stderr = state.descriptors.get(2)
        if _writes(stderr):
            stderr.write(f"bash: cd: {folder}: No such file or directory\n")
        return 1
    state.folder = folder
    return 0


async def _read(args: list[str], state: State) -> int:
    names = [a for a in args if a != "-r"] or ["REPLY"]
    if any(n.startswith("-") for n in names):
        raise UnsupportedSyntax(f"read {' '.join(args)}")
    stdin = state.descriptors.get(0)
    line = await stdin.readline() if _reads(stdin) else ""
    values = line.strip().split(None, len(names) - 1)
    for index, name in enumerate(names):
        state.variables[name] = values[index] if index < len(values) else ""
    return 0 if line.endswith("\n") else 1


def _export(args: list[str], state: State) -> int:
    for argument in args:
        name, equals, value = argument.partition("=")
        if equals:
            state.variables[name] = value
    return 0


# redirections


async def _redirect(redirects: list[syntax.Redirect], state: State, opened: list[OpenFile]) -> None:
    for redirect in redirects:
        fields = await _fields([redirect.target], state)
        target = fields[0] if len(fields) == 1 else ""
        if redirect.operator == ">&":
            _duplicate(redirect.fd, target, state)
            continue
        try:
            descriptor = _open(redirect, target, state, opened)
        except OSError as problem:
            stderr = state.descriptors.get(2)
            reason = "No space left on device" if problem.errno else "No such file or directory"
            if _writes(stderr):
                stderr.write(f"bash: {target}: {reason}\n")
            raise _RedirectFailed from problem
        if redirect.fd == -1:
            state.descriptors[1] = state.descriptors[2] = descriptor
        else:
            state.descriptors[redirect.fd] = descriptor


def _duplicate(fd: int, target: str, state: State) -> None:
    if target == "-":
        state.descriptors.pop(fd, None)
    elif target.isdigit() and int(target) in state.descriptors:
        state.descriptors[fd] = state.descriptors[int(target)]
    else:
        raise UnsupportedSyntax(f"{fd}>&{target}")


def _open(
    redirect: syntax.Redirect, target: str, state: State, opened: list[OpenFile]
) -> Descriptor:
    files, path = state.machine.files, state.path(target)
    if not target:
        raise UnsupportedSyntax("a redirection to nothing")
    if path == "/dev/null":
        return FromText() if redirect.operator == "<" else Nowhere()
    if redirect.operator == "<":
        return FromText(files.read(path))
    if redirect.operator == ">" or not files.is_file(path):
        files.write(path, "")
    file = OpenFile(files, path)
    opened.append(file)
    return IntoFile(file) if redirect.fd in (-1, 1, 2) else file


# words


async def _fields(words: list[Word], state: State) -> list[str]:
    fields: list[str] = []
    for word in words:
        if word.plain is not None:
            fields.append(word.plain)
            continue
        for pieces in await _split(word, state):
            fields += _globbed(pieces, state)
    return fields


Pieces = list[tuple[str, bool]]


async def _split(word: Word, state: State) -> list[Pieces]:
    fields: list[Pieces] = []
    current: Pieces | None = None
    for part in word.parts:
        value = await _value(part, state)
        if isinstance(part, syntax.Text) or part.quoted:
            current = [*(current or []), (value, part.quoted)]
            continue
        if value[:1].isspace() and current is not None:
            fields.append(current)
            current = None
        for index, piece in enumerate(value.split()):
            if index and current is not None:
                fields.append(current)
                current = None
            current = [*(current or []), (piece, False)]
        if value[-1:].isspace() and current is not None:
            fields.append(current)
            current = None
    if current is not None:
        fields.append(current)
    return fields


_GLOB = re.compile(r"[*?]|\[.*\]")


def _globbed(pieces: Pieces, state: State) -> list[str]:
    plain = "".join([text for text, _ in pieces])
    if not any(_GLOB.search(text) for text, quoted in pieces if not quoted):
        return [plain]
    pattern = "".join(_escaped(text) if quoted else text for text, quoted in pieces)
    if not pattern.startswith("/"):
        pattern = f"{_escaped(state.folder)}/{pattern}"
        names = [posixpath.relpath(p, state.folder) for p in state.machine.files.glob(pattern)]
        return names or [plain]
    return state.machine.files.glob(pattern) or [plain]


def _escaped(text: str) -> str:
    return re.sub(r"([*?\[\]\\])", r"\\\1", text)


async def _joined(word: Word, state: State) -> str:
    if word.plain is not None:
        return word.plain
    return "".join([await _value(part, state) for part in word.parts])


async def _as_glob(word: Word, state: State) -> str:
    return "".join(
        [
            _escaped(await _value(part, state)) if part.quoted else await _value(part, state)
            for part in word.parts
        ]
    )


async def _value(part: syntax.Part, state: State) -> str:
    match part:
        case syntax.Text(text=text):
            return text
        case syntax.Variable():
            return await _variable(part, state)
        case syntax.Substitution(body=body):
            inner, output = state.copy(), Buffer()
            inner.descriptors[1] = output
            try:
                state.substituted = await _sequence(body, inner)
            except _Exit as leaving:
                state.substituted = leaving.status
            finally:
                inner.close()
            return output.text.rstrip("\n")
        case syntax.Arithmetic(expression=expression):
            return str(evaluate(await _joined(expression, state), state.variables))


async def _variable(part: syntax.Variable, state: State) -> str:
    special = {"?": str(state.status), "$": "4242", "#": "0", "0": "bash"}
    value = special.get(part.name, state.variables.get(part.name, ""))
    if part.length:
        return str(len(value))
    if not value and part.default is not None:
        return await _joined(part.default, state)
    return value


# arithmetic

_TOKEN = re.compile(r"\s*(\d+|[A-Za-z_]\w*|==|!=|<=|>=|&&|\|\||[-+*/%()<>!])")
_LEVELS = [("||",), ("&&",), ("==", "!="), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%")]


@lru_cache(maxsize=512)
def _tokens(text: str) -> tuple[str, ...]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise UnsupportedSyntax(f"arithmetic {text!r}")
        tokens.append(match.group(1))
        at = match.end()
    return tuple(tokens)


def evaluate(expression: str, variables: dict[str, str]) -> int:
    """Return the value of an arithmetic expression of whole numbers.

    Raises:
        UnsupportedSyntax: an operator outside of the subset, or no expression.
    """
    tokens = list(_tokens(expression.strip()))
    if len(tokens) == 1 and tokens[0].isdigit() and tokens[0][0] != "0":
        return int(tokens[0])
    value = _level(tokens, 0, variables) if tokens else 0
    if tokens:
        raise UnsupportedSyntax(f"arithmetic {expression!r}")
    return value


def _level(tokens: list[str], depth: int, variables: dict[str, str]) -> int:
    if depth == len(_LEVELS):
        return _unary(tokens, variables)
    left = _level(tokens, depth + 1, variables)
    while tokens and tokens[0] in _LEVELS[depth]:
        operator = tokens.pop(0)
        left = _apply(operator, left, _level(tokens, depth + 1, variables))
    return left


def _unary(tokens: list[str], variables: dict[str, str]) -> int:
    if not tokens:
        raise UnsupportedSyntax("arithmetic that ends too early")
    head = tokens.pop(0)
    if head == "(":
        value = _level(tokens, 0, variables)
        if not tokens or tokens.pop(0) != ")":
            raise UnsupportedSyntax("arithmetic without )")
        return value
    if head in ("-", "+", "!"):
        value = _unary(tokens, variables)
        return {"-": -value, "+": value, "!": int(not value)}[head]
    if head.isdigit():
        return int(head, 8) if head.startswith("0") and head != "0" else int(head)
    return evaluate(variables[head], variables) if variables.get(head) else 0


def _apply(operator: str, left: int, right: int) -> int:
    if operator in ("/", "%"):
        if right == 0:
            raise UnsupportedSyntax("a division by zero")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    return int(_OPERATIONS[operator](left, right))


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "||": lambda left, right: bool(left or right),
    "&&": lambda left, right: bool(left and right),
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}


def _number(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise UnsupportedSyntax(f"a number was expected, not {text!r}")
    return int(text)
