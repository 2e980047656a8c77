"""The ordinary programs of the Expert prompt: echo, grep, flock, sha256sum and their like.

Only the options that the bot's lines need; another option is refused loudly. What only a
Security Group has is in `engine.rehearsal.devices`.
"""

from __future__ import annotations

import posixpath
import re

from engine.rehearsal.files import OpenFile
from engine.rehearsal.interpreter import Process, Program
from engine.rehearsal.syntax import UnsupportedSyntax

NOT_SIMULATED = frozenset(
    [
        "awk",
        "jq",
        "find",
        "xargs",
        "ssh",
        "scp",
        "sftp",
        "vi",
        "perl",
        "python",
        "python3",
        "tcpdump",
        "bash",
        "sh",
        "nohup",
        "timeout",
        "watch",
        "top",
        "ps",
        "kill",
        "killall",
        "dd",
        "tar",
        "gzip",
        "mount",
        "diff",
        "cmp",
        "less",
        "more",
        "tee",
        "uniq",
        "paste",
        "tac",
        "rev",
        "md5sum",
        "sha1sum",
        "crontab",
        "su",
        "sudo",
        "screen",
    ]
)
"""Programs that a real member has and this one does not: a line that needs them is refused."""


def _options(process: Process, flags: str, valued: str = "") -> tuple[dict[str, str], list[str]]:
    """Split arguments into single-letter options and the rest."""
    options: dict[str, str] = {}
    rest: list[str] = []
    args = list(process.args)
    while args:
        argument = args.pop(0)
        if argument == "--":
            return options, rest + args
        if not argument.startswith("-") or argument == "-":
            rest.append(argument)
            continue
        letters = argument[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in valued:
                options[letter] = letters or (args.pop(0) if args else "")
                letters = ""
            elif letter in flags:
                options[letter] = ""
            else:
                raise UnsupportedSyntax(f"the option {argument} of {' '.join(process.args)!r}")
    return options, rest


async def _input(process: Process, paths: list[str], name: str) -> tuple[str, int]:
    if not paths:
        return await process.stdin.read(), 0
    text, status = "", 0
    for path in paths:
        if path == "-":
            text += await process.stdin.read()
            continue
        if process.machine.files.is_folder(process.shell.path(path)):
            process.err(f"{name}: {path}: Is a directory\n")
            status = 1
            continue
        try:
            text += process.machine.files.read(process.shell.path(path))
        except FileNotFoundError:
            process.err(f"{name}: {path}: No such file or directory\n")
            status = 1
    return text, status


async def _true(_process: Process) -> int:
    return 0


async def _false(_process: Process) -> int:
    return 1


async def _echo(process: Process) -> int:
    args, end, escapes = list(process.args), "\n", False
    while args and re.fullmatch(r"-[neE]+", args[0]):
        option = args.pop(0)
        end = "" if "n" in option else end
        escapes = "e" in option or escapes
    text = " ".join(args)
    process.out((_unescaped(text) if escapes else text) + end)
    return 0


def _unescaped(text: str) -> str:
    known = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "0": "\0"}
    return re.sub(r"\\([ntr\\a])", lambda m: known[m.group(1)], text)


async def _printf(process: Process) -> int:
    template, *args = process.args or [""]
    template = _unescaped(template)
    conversions = re.findall(r"%(-?\d*(?:\.\d+)?)([sdi%])", template)
    if len(re.findall("%", template)) != sum(2 if c == "%" else 1 for _, c in conversions):
        raise UnsupportedSyntax(f"printf {template!r}")
    while True:
        process.out(_formatted(template, args))
        if not args or not any(c != "%" for _, c in conversions):
            return 0


def _formatted(template: str, args: list[str]) -> str:
    def one(match: re.Match[str]) -> str:
        if match.group(2) == "%":
            return "%"
        value = args.pop(0) if args else ""
        if match.group(2) == "s":
            return f"%{match.group(1)}s" % value
        return f"%{match.group(1)}d" % int(value or "0")

    return re.sub(r"%(-?\d*(?:\.\d+)?)([sdi%])", one, template)


async def _cat(process: Process) -> int:
    text, status = await _input(process, process.args, "cat")
    process.out(text)
    return status


async def _mkdir(process: Process) -> int:
    options, paths = _options(process, "p", "m")
    for name in paths:
        path = process.shell.path(name)
        if "p" not in options and not process.machine.files.is_folder(posixpath.dirname(path)):
            process.err(f"mkdir: cannot create directory '{name}': No such file or directory\n")
            return 1
        if "p" not in options and process.machine.files.is_folder(path):
            process.err(f"mkdir: cannot create directory '{name}': File exists\n")
            return 1
        process.machine.files.make_folder(path)
    return 0


async def _rm(process: Process) -> int:
    options, paths = _options(process, "frv")
    status = 0
    for name in paths:
        path = process.shell.path(name)
        if "r" in options and process.machine.files.is_folder(path):
            for inner in [f for f in process.machine.files.files if f.startswith(path + "/")]:
                process.machine.files.remove(inner)
            process.machine.files.folders -= {
                f for f in process.machine.files.folders if (f + "/").startswith(path + "/")
            }
        elif not process.machine.files.remove(path) and "f" not in options:
            process.err(f"rm: cannot remove '{name}': No such file or directory\n")
            status = 1
    return status


async def _mv(process: Process) -> int:
    _, paths = _options(process, "f")
    source, target = (process.shell.path(p) for p in paths)
    try:
        file = process.machine.files.get(source)
    except FileNotFoundError:
        process.err(f"mv: cannot stat '{paths[0]}': No such file or directory\n")
        return 1
    if process.machine.files.is_folder(target):
        target = f"{target}/{posixpath.basename(source)}"
    process.machine.files.put(target, file)
    process.machine.files.remove(source)
    return 0


async def _touch(process: Process) -> int:
    for name in process.args:
        path = process.shell.path(name)
        if not process.machine.files.is_file(path):
            process.machine.files.write(path, "")
    return 0


async def _ls(process: Process) -> int:
    options, paths = _options(process, "1ad")
    status = 0
    for name in paths or ["."]:
        path = process.shell.path(name)
        if process.machine.files.is_file(path) or "d" in options:
            process.out(f"{name}\n")
        elif process.machine.files.is_folder(path):
            process.out("".join(f"{n}\n" for n in process.machine.files.listing(path)))
        else:
            process.err(f"ls: cannot access {name}: No such file or directory\n")
            status = 2
    return status


async def _flock(process: Process) -> int:
    options, rest = _options(process, "nuxe", "w")
    if len(rest) != 1 or not rest[0].isdigit() or not options.keys() & set("nuw"):
        raise UnsupportedSyntax(f"flock {' '.join(process.args)}")
    file = process.shell.descriptors.get(int(rest[0]))
    if not isinstance(file, OpenFile):
        process.err(f"flock: {rest[0]}: Bad file descriptor\n")
        return 1
    if "u" in options:
        file.unlock()
        return 0
    for _ in range(int(options.get("w") or "0")):
        if file.lock():
            return 0
        await process.machine.sleep(1)
    return 0 if file.lock() else 1


_POSIX_CLASSES = {
    "[:space:]": r"\s",
    "[:digit:]": r"\d",
    "[:alnum:]": "A-Za-z0-9",
    "[:alpha:]": "A-Za-z",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:blank:]": r" \t",
}


def expression(pattern: str, *, extended: bool, fixed: bool = False) -> str:
    """Translate a POSIX regular expression into one of ours."""
    if fixed:
        return re.escape(pattern)
    for name, meaning in _POSIX_CLASSES.items():
        pattern = pattern.replace(name, meaning)
    if extended:
        return pattern
    swapped, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            end = pattern.index("]", at + 2)
            swapped += pattern[at : end + 1]
            at = end
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            swapped += pattern[at] if pattern[at] in "|(){}+?" else "\\" + pattern[at]
        elif char in "|(){}+?":
            swapped += "\\" + char
        else:
            swapped += char
        at += 1
    return swapped


async def _grep(process: Process) -> int:
    options, rest = _options(process, "cxEqoviFwsh", "eAm")
    pattern = options["e"] if "e" in options else rest.pop(0)
    source = expression(pattern, extended="E" in options, fixed="F" in options)
    if "w" in options:
        source = rf"\b(?:{source})\b"
    compiled = re.compile(source, re.IGNORECASE if "i" in options else 0)
    find = compiled.fullmatch if "x" in options else compiled.search
    text, problem = await _input(process, rest, "grep")
    lines = text.splitlines()
    hits = [bool(find(line)) != ("v" in options) for line in lines]
    if "m" in options:
        for index in [i for i, hit in enumerate(hits) if hit][int(options["m"]) :]:
            hits[index] = False
    if "c" in options:
        process.out(f"{sum(hits)}\n")
    elif "q" not in options:
        _show_hits(process, options, compiled, list(zip(lines, hits, strict=True)))
    if any(hits):
        return 0
    return 2 if problem else 1


def _show_hits(
    process: Process,
    options: dict[str, str],
    compiled: re.Pattern[str],
    hits: list[tuple[str, bool]],
) -> None:
    following = int(options.get("A") or "0")
    left = 0
    for line, hit in hits:
        if hit and "o" in options:
            process.out("".join(f"{m.group()}\n" for m in compiled.finditer(line) if m.group()))
            continue
        left = following + 1 if hit else left - 1
        if left > 0:
            process.out(f"{line}\n")


async def _egrep(process: Process) -> int:
    process.args.insert(0, "-E")
    return await _grep(process)


async def _tr(process: Process) -> int:
    options, sets = _options(process, "ds")
    text = await process.stdin.read()
    first = _characters(sets[0])
    if "d" in options:
        process.out("".join(c for c in text if c not in first))
        return 0
    if len(sets) == 2:
        second = _characters(sets[1])
        second += second[-1] * (len(first) - len(second))
        text = text.translate(str.maketrans(first, second[: len(first)]))
        first = second
    if "s" in options:
        squeezed = ""
        for char in text:
            if not (char in first and squeezed.endswith(char)):
                squeezed += char
        text = squeezed
    process.out(text)
    return 0


def _characters(text: str) -> str:
    text = _unescaped(text)
    text = text.replace("[:space:]", " \t\n\r\v\f").replace("[:digit:]", "0123456789")
    return re.sub(
        r"(.)-(.)",
        lambda m: "".join(chr(c) for c in range(ord(m.group(1)), ord(m.group(2)) + 1)),
        text,
    )


async def _wc(process: Process) -> int:
    options, paths = _options(process, "lcw")
    text, status = await _input(process, paths, "wc")
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    chosen = [str(counts[o]) for o in "lwc" if o in options]
    if len(chosen) != 1:
        raise UnsupportedSyntax(f"wc {' '.join(process.args)}")
    process.out(" ".join([*chosen, *paths]) + "\n")
    return status


async def _head(process: Process) -> int:
    lines, paths = _line_count(process)
    text, status = await _input(process, paths, "head")
    process.out("".join(text.splitlines(keepends=True)[: int(lines)]))
    return status


async def _tail(process: Process) -> int:
    lines, paths = _line_count(process)
    text, status = await _input(process, paths, "tail")
    every = text.splitlines(keepends=True)
    if lines.startswith("+"):
        process.out("".join(every[int(lines) - 1 :]))
    else:
        process.out("".join(every[-int(lines) :] if int(lines) else []))
    return status


def _line_count(process: Process) -> tuple[str, list[str]]:
    if process.args and re.fullmatch(r"-\d+", process.args[0]):
        return process.args[0][1:], process.args[1:]
    options, paths = _options(process, "", "n")
    return options.get("n", "10"), paths


async def _sed(process: Process) -> int:
    options, rest = _options(process, "nE", "e")
    script = options.get("e") or rest.pop(0)
    text, status = await _input(process, rest, "sed")
    lines = text.splitlines(keepends=True)
    if "n" in options and (chosen := re.fullmatch(r"(\d+|\$)(?:,(\d+|\$))?p", script)):
        first, last = (len(lines) if g == "$" else int(g or "0") for g in chosen.groups())
        process.out("".join(lines[first - 1 : last or first]))
        return status
    change = re.fullmatch(r"s(.)(.*?)\1(.*?)\1(g?)", script)
    if not change or "n" in options:
        raise UnsupportedSyntax(f"sed {script!r}")
    compiled = re.compile(expression(change.group(2), extended="E" in options))
    replacement = re.sub(r"&", r"\\g<0>", change.group(3))
    count = 0 if change.group(4) else 1
    process.out("".join(compiled.sub(replacement, line, count=count) for line in lines))
    return status


async def _cut(process: Process) -> int:
    options, paths = _options(process, "s", "dfc")
    text, status = await _input(process, paths, "cut")
    for line in text.splitlines():
        if "c" in options:
            pieces, joint = list(line), ""
        else:
            joint = options.get("d", "\t")
            if joint not in line:
                process.out("" if "s" in options else f"{line}\n")
                continue
            pieces = line.split(joint)
        chosen = _positions(options.get("c") or options.get("f") or "", len(pieces))
        process.out(joint.join(pieces[i - 1] for i in chosen) + "\n")
    return status


def _positions(ranges: str, count: int) -> list[int]:
    chosen: set[int] = set()
    for part in ranges.split(","):
        first, dash, last = part.partition("-")
        start = int(first or "1")
        chosen |= set(range(start, (int(last or count) if dash else start) + 1))
    return [i for i in sorted(chosen) if i <= count]


async def _sort(process: Process) -> int:
    options, paths = _options(process, "unr")
    text, status = await _input(process, paths, "sort")
    lines = text.splitlines()
    if "u" in options:
        lines = list(set(lines))
    numeric = "n" in options

    def key(line: str) -> tuple[int, str]:
        number = re.match(r"\s*-?\d+", line)
        return (int(number.group()) if numeric and number else 0, line)

    process.out("".join(f"{line}\n" for line in sorted(lines, key=key, reverse="r" in options)))
    return status


async def _seq(process: Process) -> int:
    numbers = [int(a) for a in process.args]
    first, last = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    process.out("".join(f"{n}\n" for n in range(first, last + 1)))
    return 0


async def _basename(process: Process) -> int:
    process.out(posixpath.basename(process.args[0].rstrip("/")) + "\n")
    return 0


async def _dirname(process: Process) -> int:
    process.out((posixpath.dirname(process.args[0]) or ".") + "\n")
    return 0


async def _sha256sum(process: Process) -> int:
    status = 0
    for name in process.args:
        try:
            file = process.machine.files.get(process.shell.path(name))
        except FileNotFoundError:
            process.err(f"sha256sum: {name}: No such file or directory\n")
            status = 1
        else:
            process.out(f"{file.sha256}  {name}\n")
    return status


async def _stat(process: Process) -> int:
    options, paths = _options(process, "", "c")
    if options.get("c") != "%s":
        raise UnsupportedSyntax(f"stat {' '.join(process.args)}")
    status = 0
    for name in paths:
        try:
            process.out(f"{process.machine.files.get(process.shell.path(name)).size}\n")
        except FileNotFoundError:
            process.err(f"stat: cannot stat '{name}': No such file or directory\n")
            status = 1
    return status


async def _sleep(process: Process) -> int:
    await process.machine.sleep(float(process.args[0]))
    return 0


async def _bracket(process: Process) -> int:
    if not process.args or process.args[-1] != "]":
        process.err("bash: [: missing `]'\n")
        return 2
    return _condition(process, process.args[:-1])


async def _test(process: Process) -> int:
    return _condition(process, process.args)


def _condition(process: Process, args: list[str]) -> int:
    match args:
        case []:
            return 1
        case ["!", *rest] if rest:
            status = _condition(process, rest)
            return status if status > 1 else 1 - status
        case [value]:
            return 0 if value else 1
        case [operator, value]:
            return _unary(process, operator, value)
        case [left, operator, right]:
            return _binary(process, left, operator, right)
        case [*left, "-a" | "-o" as joint, a, operator, b]:
            first, second = _condition(process, left), _binary(process, a, operator, b)
            both = first == 0 and second == 0
            either = first == 0 or second == 0
            return 0 if (both if joint == "-a" else either) else 1
        case _:
            raise UnsupportedSyntax(f"test {' '.join(args)}")


def _unary(process: Process, operator: str, value: str) -> int:
    files, path = process.machine.files, process.shell.path(value)
    checks = {
        "-n": lambda: value != "",
        "-z": lambda: value == "",
        "-f": lambda: files.is_file(path),
        "-d": lambda: files.is_folder(path),
        "-e": lambda: files.is_file(path) or files.is_folder(path),
        "-r": lambda: files.is_file(path) or files.is_folder(path),
        "-s": lambda: files.is_file(path) and files.get(path).size > 0,
        "-t": lambda: process.on_terminal,
    }
    if operator not in checks:
        raise UnsupportedSyntax(f"test {operator}")
    return 0 if checks[operator]() else 1


def _binary(process: Process, left: str, operator: str, right: str) -> int:
    if operator in ("=", "=="):
        return 0 if left == right else 1
    if operator == "!=":
        return 0 if left != right else 1
    if operator not in ("-eq", "-ne", "-ge", "-gt", "-lt", "-le"):
        raise UnsupportedSyntax(f"test {operator}")
    for side in (left, right):
        if not re.fullmatch(r"\s*[-+]?\d+\s*", side):
            process.err(f"bash: [: {side}: integer expression expected\n")
            return 2
    a, b = int(left), int(right)
    holds = {"-eq": a == b, "-ne": a != b, "-ge": a >= b, "-gt": a > b, "-lt": a < b, "-le": a <= b}
    return 0 if holds[operator] else 1


PROGRAMS: dict[str, Program] = {
    "true": _true,
    ":": _true,
    "false": _false,
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "mkdir": _mkdir,
    "rm": _rm,
    "mv": _mv,
    "touch": _touch,
    "ls": _ls,
    "flock": _flock,
    "grep": _grep,
    "egrep": _egrep,
    "tr": _tr,
    "wc": _wc,
    "head": _head,
    "tail": _tail,
    "sed": _sed,
    "cut": _cut,
    "sort": _sort,
    "seq": _seq,
    "basename": _basename,
    "dirname": _dirname,
    "sha256sum": _sha256sum,
    "stat": _stat,
    "sleep": _sleep,
    "sync": _true,
    "chmod": _true,
    "[": _bracket,
    "test": _test,
}


def program(name: str) -> Program | None:
    """Return an ordinary program.

    Raises:
        UnsupportedSyntax: a real member has it, this one does not.
    """
    if name in NOT_SIMULATED:
        raise UnsupportedSyntax(f"the program {name}")
    return PROGRAMS.get(name)
