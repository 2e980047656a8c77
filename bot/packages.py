"""The package repository: a folder of CPUSE packages, each with its published SHA-256 beside it.

Question: where does the checksum come from? Answer: from a `.sha256` file beside the package, as
`sha256sum` writes it, or from the command; never from the file itself, since then it would prove
nothing.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.archives import BadArchive, Inside, read_inside
from engine.errors import PlanRefused
from engine.ports import PackageFile

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
"""What a package may be called: no path, no space, nothing that a shell would read."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

_BLOCK = 1024 * 1024

SUFFIXES = (".tgz", ".tar")


@dataclass(frozen=True)
class Found:
    """A package in the repository as a list tells it; `sha256` is what is published, or "".

    `problem` says why it is no package, `no_checksum` why it has no published checksum.
    """

    file: PackageFile
    problem: str = ""
    no_checksum: str = ""


class PackageFolder:
    """See engine.ports.Packages."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}
        self._inside: dict[tuple[Path, int, int], Inside | BadArchive] = {}
        # One file at a time: a bundle has gigabytes, and two readers only slow each other.
        self._reading = threading.Lock()

    async def find(self, name: str, *, sha256: str | None = None) -> PackageFile:
        """See engine.ports.Packages."""
        return await asyncio.to_thread(self._find, name, sha256)

    async def names(self) -> Sequence[str]:
        """See engine.ports.Packages."""
        return await asyncio.to_thread(self._names)

    def _find(self, name: str, sha256: str | None) -> PackageFile:
        if not SAFE_NAME.fullmatch(name):
            raise PlanRefused(
                f"{name!r} cannot be a package's name; give the file name alone, without a path"
            )
        path = self._directory / name
        if path.is_symlink() or not path.is_file():
            raise PlanRefused(f"there is no package {name}{self._offer(name)}")
        expected = _given(sha256) if sha256 else _published(path)
        size, actual = self._digest(path)
        if actual != expected:
            raise PlanRefused(
                f"the checksum of {name} is {actual}, but {expected} was expected; copy the "
                "package into the repository again"
            )
        inside = self._look_inside(path)
        return PackageFile(name, path, actual, size, inside.config, inside.why)

    async def all(self) -> Sequence[Found]:
        """Return every package, with its published checksum but without checking its content."""
        return await asyncio.to_thread(lambda: [self._found(name) for name in self._names()])

    def _found(self, name: str) -> Found:
        path = self._directory / name
        published, no_checksum = "", ""
        try:
            published = _published(path)
        except PlanRefused as refused:
            no_checksum = str(refused)
        size = path.stat().st_size
        try:
            inside = self._look_inside(path)
        except PlanRefused as refused:
            return Found(PackageFile(name, path, published, size), str(refused))
        file = PackageFile(name, path, published, size, inside.config, inside.why)
        return Found(file, no_checksum=no_checksum)

    def _look_inside(self, path: Path) -> Inside:
        """Return what the package says of itself, read again only where size or time differ.

        Raises:
            PlanRefused: it is no archive that a package could be.
        """
        with self._reading:
            shown = path.stat()
            mark = (path, shown.st_size, shown.st_mtime_ns)
            if mark not in self._inside:
                try:
                    self._inside[mark] = read_inside(path)
                except BadArchive as bad:
                    self._inside[mark] = bad
                except OSError as error:
                    raise PlanRefused(f"{path.name} cannot be read: {error.strerror}") from error
            found = self._inside[mark]
        if isinstance(found, BadArchive):
            raise PlanRefused(f"{path.name} {found}, so it is not used")
        return found

    def _names(self) -> list[str]:
        if not self._directory.is_dir():
            return []
        return sorted(
            path.name
            for path in self._directory.iterdir()
            if path.suffix in SUFFIXES
            and path.is_file()
            and not path.is_symlink()
            and SAFE_NAME.fullmatch(path.name)
        )

    def _offer(self, name: str) -> str:
        names = self._names()
        close = difflib.get_close_matches(name, names, n=1)
        if close:
            return f"; did you mean {close[0]}?"
        if names:
            return f"; there are: {', '.join(names[:10])}"
        return "; the repository is empty"

    def _digest(self, path: Path) -> tuple[int, str]:
        """Return size and checksum, read again only where size or time of change differ."""
        with self._reading:
            shown = path.stat()
            mark = (shown.st_size, shown.st_mtime_ns)
            known = self._known.get(path)
            if known is not None and known[0] == mark:
                return mark[0], known[1]
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            after = path.stat()
            if (after.st_size, after.st_mtime_ns) != mark:
                raise PlanRefused(f"{path.name} is being written just now; try again later")
            self._known[path] = (mark, digest.hexdigest())
            return mark[0], digest.hexdigest()


def _given(sha256: str) -> str:
    wanted = sha256.strip().lower()
    if not _SHA256.fullmatch(wanted):
        raise PlanRefused(f"{sha256!r} is no SHA-256; it has 64 digits from 0 to 9 and a to f")
    return wanted


def _published(path: Path) -> str:
    beside = path.with_name(f"{path.name}.sha256")
    try:
        words = beside.read_text(encoding="utf-8")[:4096].split()
    except (OSError, UnicodeDecodeError) as error:
        raise PlanRefused(
            f"{path.name} has no published checksum; put {beside.name} beside it, or add "
            "`sha256 <sum>` to the command"
        ) from error
    if not words or not _SHA256.fullmatch(words[0].lower()):
        raise PlanRefused(f"{beside.name} holds no SHA-256; write it as sha256sum does")
    return words[0].lower()
