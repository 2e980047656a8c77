"""Cleaning what a terminal prints, before anything reads it."""

from __future__ import annotations

import re
import unicodedata

from engine.errors import UnexpectedOutput

# Source: SGMUP logs: OSC title sequences ending in BEL, `ESC[?1034h`, `ESC[2J`, `ESC[1;1H`.
_OSC = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_PAINT = re.compile(r"\x1b\[[0-9;:]*[mK]|\x1b\[\?25[hl]|\x1b[()][0-9A-Za-z]|\x1b[=>]")
"""Colours, the rest of a line erased, the cursor hidden: nothing moves, so no text is parted."""
_CSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_DRAWN = str.maketrans("│┃║─━═┌┬┐├┼┤└┴┘╔╦╗╠╬╣╚╩╝", "|||---" + "+" * 18)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def cleaned(text: str) -> str:
    r"""Return text without terminal sequences, with `\n` line ends and no control characters.

    Sequences that move the cursor part the text; those that only paint do not.

    Source: SGMUP logs (line ends of a terminal are `\r\r\n`); PROM (R82 draws tables with `│`);
    that a device paints in colours is [B].
    """
    text = _PAINT.sub("", _OSC.sub("", text))
    text = _CSI.sub("\n", text)
    text = re.sub(r"\r+\n", "\n", text).replace("\r", "\n")
    return _CONTROL.sub("", text).translate(_DRAWN)


def marked(text: str, mark: str) -> dict[str, str]:
    """Cut text at its marker lines; what stands before the first marker (banners) is dropped.

    Source: our own markers; `[1_01]` before a line is what gexec puts there (SGMUP).

    Raises:
        UnexpectedOutput: a marker is repeated, so what follows it may be somebody else's.
    """
    found: dict[str, str] = {}
    name = ""
    marker = re.compile(rf"(?:\[[0-9_]+\])?{mark}([a-z][a-z0-9]*)\s*")
    for line in text.splitlines():
        if mark in line and (match := marker.fullmatch(line)):
            name = match[1]
            if name in found:
                raise UnexpectedOutput(f"the marker {mark}{name} is repeated", text)
            found[name] = ""
        elif name:
            found[name] += line + "\n"
    return found


def audit_text(text: str, instead: str) -> str:
    """Return what may be typed into an audit prompt: printable ASCII, one line, 60 characters.

    Source: `Enter your full name:` and `Enter reason for … [Maintenance]:` (SGMUP); the limit of
    60 is a guess, the recorded table is 64 wide.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    one_line = re.sub(r"[^ -~]+", " ", plain)
    kept = re.sub(r"\s+", " ", one_line).strip()[:60].strip()
    return kept or instead
