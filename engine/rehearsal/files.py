"""The file system of one simulated member: sizes, content hashes, open files and locks.

Large uploads keep only size and SHA-256, so that three gigabytes need no memory. What a command
does with a file does not belong here.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass
class File:
    """One file; `content` is None when only size and hash are kept."""

    content: bytes | None
    size: int
    sha256: str
    damaged: bool = False


@dataclass(eq=False)
class OpenFile:
    """One open file description, which is what a lock belongs to."""

    files: Files
    path: str

    def lock(self) -> bool:
        """Take the lock of the file unless another open file holds it."""
        holder = self.files.locks.setdefault(self.path, self)
        return holder is self

    def unlock(self) -> None:
        """Give the lock back, if it is ours."""
        if self.files.locks.get(self.path) is self:
            del self.files.locks[self.path]

    def write(self, text: str) -> None:
        """Append to the file."""
        self.files.append(self.path, text)


def text_file(text: str) -> File:
    """Return a file with this content."""
    content = text.encode()
    return File(content, len(content), hashlib.sha256(content).hexdigest())


@lru_cache(maxsize=512)
def _as_pattern(glob: str) -> re.Pattern[str]:
    pattern, position = "", 0
    while position < len(glob):
        char = glob[position]
        if char == "*":
            pattern += "[^/]*"
        elif char == "?":
            pattern += "[^/]"
        elif char == "[" and (end := glob.find("]", position + 2)) > 0:
            body = glob[position + 1 : end]
            pattern += "[" + ("^" + body[1:] if body[0] in "!^" else body) + "]"
            position = end
        elif char == "\\" and position + 1 < len(glob):
            position += 1
            pattern += re.escape(glob[position])
        else:
            pattern += re.escape(char)
        position += 1
    return re.compile(pattern)


def glob_matches(glob: str, text: str, *, slashes: bool = False) -> bool:
    """Tell whether a shell pattern matches; with `slashes` a star crosses them, as in `case`."""
    if slashes:
        text, glob = text.replace("/", "\0"), glob.replace("/", "\0")
    return _as_pattern(glob).fullmatch(text) is not None


@dataclass
class Files:
    """A tree of files by absolute path."""

    generated: Callable[[str], str | None] = lambda _path: None
    files: dict[str, File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {"/", "/dev"})
    locks: dict[str, OpenFile] = field(default_factory=dict)
    full: Callable[[], bool] = lambda: False

    def is_file(self, path: str) -> bool:
        """Tell whether this is a file."""
        return path in self.files or self.generated(path) is not None

    def is_folder(self, path: str) -> bool:
        """Tell whether this is a folder."""
        return (path.rstrip("/") or "/") in self.folders

    def get(self, path: str) -> File:
        """Return the file.

        Raises:
            FileNotFoundError: no such file.
        """
        if path in self.files:
            return self.files[path]
        text = self.generated(path)
        if text is None:
            raise FileNotFoundError(path)
        return text_file(text)

    def read(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            FileNotFoundError: no such file.
        """
        content = self.get(path).content
        return "" if content is None else content.decode(errors="replace")

    def check_parent(self, path: str) -> None:
        """Make sure that a file can be created here.

        Raises:
            FileNotFoundError: the folder does not exist.
            OSError: the disk is full.
        """
        if posixpath.dirname(path) not in self.folders:
            raise FileNotFoundError(path)
        if self.full():
            raise OSError(28, "No space left on device")

    def write(self, path: str, text: str) -> None:
        """Replace a file by this text; raises as `check_parent`."""
        self.check_parent(path)
        self.files[path] = text_file(text)

    def append(self, path: str, text: str) -> None:
        """Add text to a file; raises as `check_parent`."""
        self.write(path, (self.read(path) if path in self.files else "") + text)

    def put(self, path: str, file: File) -> None:
        """Store a file whose content need not be kept; raises as `check_parent`."""
        self.check_parent(path)
        self.files[path] = file

    def make_folder(self, path: str) -> None:
        """Create a folder and those above it."""
        path = path.rstrip("/") or "/"
        while path not in self.folders:
            self.folders.add(path)
            path = posixpath.dirname(path)

    def remove(self, path: str) -> bool:
        """Remove a file and say whether it was there."""
        return self.files.pop(path, None) is not None

    def listing(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted."""
        folder = folder.rstrip("/") or "/"
        entries = [*self.files, *self.folders]
        return sorted(
            {posixpath.basename(e) for e in entries if posixpath.dirname(e) == folder} - {""}
        )

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that a shell pattern names, sorted."""
        return sorted(p for p in [*self.files, *self.folders] if glob_matches(pattern, p))
