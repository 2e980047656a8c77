"""What a CPUSE package says of itself: `hf.config`, some tar layers deep inside the archive.

The archive is somebody else's: it is read as a stream, nothing of it is ever written to disk or
kept in memory beyond one block, no link is followed, and how deep, how much and how long is read
has bounds. What it says may contradict the file's name; who judges that is `engine.packages`.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from engine.ports import HotfixConfig

CONFIG = "hf.config"

_BLOCK = 512
_CHUNK = 256 * 1024
_GZIP = b"\x1f\x8b"
_FILE, _LINKS, _LONG_NAME, _PAX = b"0\x00", b"12", b"L", b"x"


@dataclass(frozen=True)
class Bounds:
    """How far an archive is read. A real bundle of 3.2 GB grows by less than 5 in all its layers.

    Attributes:
        layers: archives inside of each other.
        entries: files in all of them together.
        growth: unpacked bytes of all layers, in sizes of the file; and at least `least` bytes.
        config: bytes of `hf.config`, and of a long name.
        within: for all of it; then what was found so far counts.
    """

    layers: int = 6
    entries: int = 200_000
    growth: int = 100
    least: int = 64 * 1024 * 1024
    config: int = 64 * 1024
    within: timedelta = timedelta(minutes=3)


class BadArchive(Exception):
    """The archive is broken, or made to do harm; the message ends a sentence about the file."""


class _Broken(BadArchive):
    """What looked like an archive is none; inside of another that is no reason to refuse it."""


class _OutOfTime(Exception):
    pass


@dataclass(frozen=True)
class Inside:
    """What was found; `why` says why there is no `config`."""

    config: HotfixConfig | None
    why: str = ""


class _Source(Protocol):
    def read(self, count: int) -> bytes:
        """Return up to so many bytes, and none at the end."""
        ...


def read_inside(path: Path, bounds: Bounds = Bounds()) -> Inside:
    """Return what `hf.config` in a package says.

    Of several the bundle's own counts (PACKAGE_TYPE=BUNDLE), else the one of the fewest layers: a
    bundle holds the packages that it is made of, each with its own.

    Raises:
        BadArchive: it cannot be read, or is not what a package may be.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        reading = _Reading(bounds, path.stat().st_size)
        why = f"it has no {CONFIG}"
        try:
            for config in reading.configs(_File(file, reading), 1):
                if config.package_type.upper() == "BUNDLE":
                    return Inside(config)
        except _OutOfTime:
            why = f"no {CONFIG} was found within {bounds.within.total_seconds():.0f} s"
    return Inside(reading.best, "" if reading.best else why)


@dataclass
class _Reading:
    """One walk through an archive, with what is left of its bounds."""

    bounds: Bounds
    size: int
    best: HotfixConfig | None = None
    _layer_of_best: int = 1_000
    _unpacked: int = 0
    _entries: int = 0
    _until: float = 0.0

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.bounds.within.total_seconds()

    def count(self, unpacked: int) -> None:
        """Count bytes that were unpacked.

        Raises:
            BadArchive, _OutOfTime: a bound is passed.
        """
        self._unpacked += unpacked
        if self._unpacked > max(self.bounds.least, self.bounds.growth * self.size):
            raise BadArchive(
                f"unpacks to more than {self.bounds.growth} times its size; that is no package"
            )
        if time.monotonic() > self._until:
            raise _OutOfTime

    def configs(self, source: _Source, layer: int) -> Iterator[HotfixConfig]:
        """Yield each `hf.config`, and remember the best.

        Raises:
            BadArchive: see `read_inside`.
        """
        if layer > self.bounds.layers:
            raise BadArchive(f"has more than {self.bounds.layers} archives inside of each other")
        start = _Pushed(source)
        if start.peek(2) == _GZIP:
            start = _Pushed(_Gunzip(start, self))
        if not _sum_is_right(start.peek(_BLOCK)):
            if layer == 1:
                raise BadArchive("is no tar archive, packed or not")
            return
        for name, part in _entries(start, self):
            if name.rsplit("/", 1)[-1] == CONFIG:
                config = _read_config(part, self.bounds.config)
                if layer < self._layer_of_best:
                    self.best, self._layer_of_best = config, layer
                yield config
            elif part.size > _BLOCK:
                # Where the outer one is cut off, reading on in it says so again.
                with suppress(_Broken):
                    yield from self.configs(part, layer + 1)

    def entry(self) -> None:
        """Count one more file.

        Raises:
            BadArchive: too many.
        """
        self._entries += 1
        if self._entries > self.bounds.entries:
            raise BadArchive(f"has more than {self.bounds.entries} files")


# ----------------------------------------------------------------------------------- sources


class _File:
    def __init__(self, file: BinaryIO, reading: _Reading) -> None:
        self._file = file
        self._reading = reading

    def read(self, count: int) -> bytes:
        self._reading.count(0)
        return self._file.read(min(count, _CHUNK))


class _Gunzip:
    """Unpacks; never more than one chunk at a time, however little it was packed from."""

    def __init__(self, source: _Source, reading: _Reading) -> None:
        self._source = source
        self._reading = reading
        self._zlib = zlib.decompressobj(wbits=31)
        self._waiting = b""

    def read(self, count: int) -> bytes:
        while True:
            if self._zlib.eof:
                # Another member may follow; zeros that fill a block up are no member.
                rest = self._zlib.unused_data or self._source.read(_CHUNK)
                rest = rest.lstrip(b"\0")
                if not rest.startswith(_GZIP):
                    return b""
                self._zlib, self._waiting = zlib.decompressobj(wbits=31), rest
            packed = self._waiting or self._source.read(_CHUNK)
            if not packed:
                raise _Broken("is cut off")
            try:
                found = self._zlib.decompress(packed, max(1, min(count, _CHUNK)))
            except zlib.error as error:
                raise _Broken(f"cannot be unpacked ({error})") from error
            self._waiting = self._zlib.unconsumed_tail
            if found:
                self._reading.count(len(found))
                return found


class _Pushed:
    """A source of which one can see the beginning without taking it."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._seen = b""

    def peek(self, count: int) -> bytes:
        while len(self._seen) < count and (more := self._source.read(count - len(self._seen))):
            self._seen += more
        return self._seen[:count]

    def read(self, count: int) -> bytes:
        if self._seen:
            taken, self._seen = self._seen[:count], self._seen[count:]
            return taken
        return self._source.read(count)

    def exactly(self, count: int) -> bytes:
        """Return so many bytes.

        Raises:
            BadArchive: there are fewer.
        """
        taken = b""
        while len(taken) < count:
            more = self.read(count - len(taken))
            if not more:
                raise _Broken("is cut off")
            taken += more
        return taken


class _Part:
    """One file of a tar archive, read in its turn."""

    def __init__(self, source: _Pushed, size: int) -> None:
        self._source = source
        self.size = self._left = size

    def read(self, count: int) -> bytes:
        if not self._left:
            return b""
        taken = self._source.read(min(count, self._left))
        if not taken:
            raise _Broken("is cut off")
        self._left -= len(taken)
        return taken

    def skip(self) -> None:
        """Read on to its end, and over what fills its last block up."""
        while self.read(_CHUNK):
            pass
        self._source.exactly(-self.size % _BLOCK)


# --------------------------------------------------------------------------------------- tar


def _entries(source: _Pushed, reading: _Reading) -> Iterator[tuple[str, _Part]]:
    """Yield name and content of each plain file; the content is skipped where it is not read.

    Raises:
        BadArchive: a header that nobody may trust.
    """
    long_name = ""
    while True:
        block = source.exactly(_BLOCK)
        if not any(block):
            return
        reading.entry()
        if not _sum_is_right(block):
            raise _Broken("has a damaged header")
        kind, part = block[156:157], _Part(source, _number(block[124:136]))
        name = long_name or _name(block)
        if kind in (_LONG_NAME, _PAX):
            if part.size > reading.bounds.config:
                raise BadArchive("has a name that is too long")
            long_name = _long_name(kind, _all_of(part))
            part.skip()
            continue
        long_name = ""
        if ".." in name.split("/"):
            raise BadArchive(f"has a file that leads out of it ({name[:80]!r})")
        if kind in _LINKS and name.rsplit("/", 1)[-1] == CONFIG:
            raise BadArchive(f"has a link in place of {CONFIG}")
        if kind in _FILE or not kind:
            yield name, part
        elif kind in _LINKS:
            part = _Part(source, 0)
        part.skip()


def _name(block: bytes) -> str:
    name, prefix = (block[at:to].split(b"\0")[0] for at, to in ((0, 100), (345, 500)))
    joined = prefix + b"/" + name if prefix and block[263:265] == b"00" else name
    return joined.decode("utf-8", "replace")


def _long_name(kind: bytes, content: bytes) -> str:
    if kind == _LONG_NAME:
        return content.split(b"\0")[0].decode("utf-8", "replace")
    found = re.search(rb"(?:^|\n)\d+ path=([^\n]*)\n", content)
    return found[1].decode("utf-8", "replace") if found else ""


def _number(digits: bytes) -> int:
    """Read a size: octal digits, or (GNU) a number of eleven bytes after 0x80."""
    if digits[0] == 0x80:
        return int.from_bytes(digits[1:], "big")
    text = digits.strip(b"\0 ")
    if not re.fullmatch(rb"[0-7]*", text):
        raise _Broken("has a damaged header")
    return int(text or b"0", 8)


def _sum_is_right(block: bytes) -> bool:
    """Tell whether this is the header of a file in a tar archive."""
    shown = block[148:156].strip(b"\0 ")
    blank = block[:148] + b" " * 8 + block[156:]
    return re.fullmatch(rb"[0-7]+", shown) is not None and int(shown, 8) == sum(blank)


def _all_of(part: _Part) -> bytes:
    content = b""
    while more := part.read(_CHUNK):
        content += more
    return content


# --------------------------------------------------------------------------------- hf.config


def _read_config(part: _Part, most: int) -> HotfixConfig:
    """Read `hf.config`.

    Source: ORCH (keys, and that the first line is a byte count); that a line is `KEY=VALUE` is
    [I], and so are the keys that say whether the machine restarts: none was seen.

    Raises:
        BadArchive: larger than one may be.
    """
    if part.size > most:
        raise BadArchive(f"has a {CONFIG} of {part.size} bytes")
    said: dict[str, str] = {}
    for line in _all_of(part).decode("utf-8", "replace").splitlines():
        found = re.fullmatch(r"\s*([A-Za-z_]+)\s*[=:]\s*[\"']?([ -~]{0,200}?)[\"']?;?\s*", line)
        if found:
            said.setdefault(found[1].upper(), found[2].strip())
    take = said.get("TAKE_NUMBER", "")
    return HotfixConfig(
        patch_name=said.get("PATCH_NAME", ""),
        take=int(take) if re.fullmatch(r"\d{1,6}", take) else None,
        branch=said.get("BRANCH_NAME", ""),
        package_type=said.get("PACKAGE_TYPE", ""),
        category=said.get("CATEGORY", ""),
        base_version=said.get("DIRECT_BASE_VERSION", ""),
        reboots=_restarts(said),
    )


_SAYS_RESTART = ("REQUIRES_REBOOT", "REBOOT_REQUIRED", "REQUIRE_REBOOT", "NEED_REBOOT", "REBOOT")
_TRUE, _FALSE = ("true", "yes", "1", "y"), ("false", "no", "0", "n")


def _restarts(said: Mapping[str, str]) -> bool | None:
    words = [said[key].lower() for key in _SAYS_RESTART if key in said]
    if any(word in _TRUE for word in words):
        return True
    return False if any(word in _FALSE for word in words) else None
