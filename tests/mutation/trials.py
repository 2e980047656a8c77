"""Tries one safety: is it noticed when it is switched off?

A trial is two runs of the same few tests: on the code as it is, where they must pass, and on a
copy in which the safety is switched off, where one of them must fail. What does not start any
more, or fails for a name that is not there, says nothing about tests, so it does not count.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = ("bot", "engine", "storage", "tests", "deploy", "pyproject.toml")
"""What the tests read; without hidden folders, so that a copy takes an instant."""

LIMIT_S = 300
"""For one run of pytest. A guess, for a busy machine: most take 2 to 6 s on an idle one."""

FAILED = 1
"""Pytest's exit status where tests ran and some failed; 2 to 5 mean that they did not run."""

_OUR_SLIP = re.compile(
    r"\b(NameError|UnboundLocalError|SyntaxError|IndentationError|ImportError|ModuleNotFoundError)"
    r"\b"
)

_FAILURE = re.compile(r"^FAILED ", re.MULTILINE)

_LACKING = re.compile(r"^SKIPPED .*?(needs \w+: .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """Text that stands exactly once in a file, and what stands there with the safety off."""

    file: str
    old: str
    new: str = ""


@dataclass(frozen=True)
class Safety:
    """One thing that keeps a night safe.

    Attributes:
        name: what it does, in a few words.
        promise: the promise or principle of the design that rests on it.
        why: what would happen without it.
        edits: how it is switched off. More than one where two safeties cover for each other:
            then both are off, and `why` says so.
        noticed_by: tests that notice, the narrowest, as pytest names them below `tests/`.
    """

    name: str
    promise: str
    why: str
    edits: tuple[Edit, ...]
    noticed_by: tuple[str, ...]


def safety(
    name: str, *, promise: str, why: str, file: str, old: str, new: str = "", by: tuple[str, ...]
) -> Safety:
    """Return a safety that stands in one place."""
    return Safety(name, promise, why, (Edit(file, old, new),), by)


class Stale(AssertionError):
    """The entry does not fit the code any more."""


class Lacking(Exception):
    """The machine lacks what these tests need; the message says what."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; `what` is a sentence, `output` what pytest printed."""

    noticed: bool
    what: str
    output: str = ""


@dataclass(frozen=True)
class _Ran:
    status: int | None
    output: str


class Bench:
    """Copies of one source tree, on which safeties are switched off one at a time."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Copy what is needed once, so that nobody's editing disturbs the trials.

        Args:
            root: the source tree.
            folder: an empty one for the copies.
        """
        self._folder = folder
        self._sound = folder / "as it is"
        self._sound.mkdir()
        for name in NEEDED:
            _copy(root / name, self._sound / name)
        self._passed: dict[tuple[str, ...], _Ran] = {}
        self._turns: dict[tuple[str, ...], Lock] = {}
        self._guard = Lock()

    def check(self, safety: Safety) -> Mapping[str, str]:
        """Return the files as they read with the safety switched off.

        Raises:
            Stale: an old text is not there exactly once, or nothing would change.
        """
        changed: dict[str, str] = {}
        for edit in safety.edits:
            text = changed.get(edit.file) or _read(self._sound / edit.file)
            times = text.count(edit.old)
            if times != 1:
                raise Stale(f"{safety.name}: in {edit.file} stands {times} times: {edit.old!r}")
            changed[edit.file] = text.replace(edit.old, edit.new)
            if changed[edit.file] == text:
                raise Stale(f"{safety.name}: the text in {edit.file} stays as it is")
        return changed

    def judge(self, safety: Safety) -> Outcome:
        """Switch a safety off and see whether its tests notice.

        Raises:
            Stale: see `check`.
            Lacking: a test was skipped for the lack of something, so nothing can be said.
        """
        changed = self.check(safety)
        before = self._as_it_is(safety.noticed_by)
        lacking = _LACKING.search(before.output)
        if before.status == 0 and lacking is not None:
            raise Lacking(lacking[1])
        if before.status != 0:
            return Outcome(False, "its tests do not pass on the code as it is", before.output)
        with self._switched_off(changed) as tree:
            after = _pytest(tree, safety.noticed_by)
        return _told(after)

    def _as_it_is(self, tests: tuple[str, ...]) -> _Ran:
        """Run tests on the code as it is, once for all safeties that name the same ones."""
        with self._guard:
            turn = self._turns.setdefault(tests, Lock())
        with turn:
            if tests not in self._passed:
                self._passed[tests] = _pytest(self._sound, tests)
            return self._passed[tests]

    @contextmanager
    def _switched_off(self, changed: Mapping[str, str]) -> Iterator[Path]:
        tree = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            for name in NEEDED:
                _copy(self._sound / name, tree / name)
            for file, text in changed.items():
                (tree / file).write_text(text)
            yield tree
        finally:
            shutil.rmtree(tree)


def _read(path: Path) -> str:
    if not path.is_file():
        raise Stale(f"{path.name} is not there any more")
    return path.read_text()


def _copy(source: Path, target: Path) -> None:
    """Copy with modification times, so that what Python compiled before is used again."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
    elif source.exists():
        shutil.copy2(source, target)


def _pytest(tree: Path, tests: Sequence[str]) -> _Ran:
    """Run tests in a tree of their own, with nothing of the machine's settings of ours."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("HOTFIX_")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=short", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=tree,
            env={**outside, "PYTHONPATH": str(tree)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return _Ran(None, str(late.output or ""))
    return _Ran(done.returncode, done.stdout)


def _told(ran: _Ran) -> Outcome:
    slip = _OUR_SLIP.search(ran.output)
    if ran.status == 0:
        return Outcome(False, "its tests pass all the same", ran.output)
    if ran.status is None:
        return Outcome(False, f"its tests did not end within {LIMIT_S} s", ran.output)
    if ran.status != FAILED:
        return Outcome(False, f"its tests could not run (status {ran.status})", ran.output)
    if _FAILURE.search(ran.output) is None:
        return Outcome(False, "no test failed, something around it did", ran.output)
    if slip is not None:
        return Outcome(False, f"the code is broken, not less safe: {slip[1]}", ran.output)
    return Outcome(True, "noticed")
