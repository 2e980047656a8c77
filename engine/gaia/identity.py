"""What a Security Group is: version, platform and mode, found before anything depends on them.

The line that asks is the same for every version. What the device says and what the settings pin
must not contradict each other; a pin says what the device does not.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from engine.errors import PlanRefused, UnexpectedOutput
from engine.facts import NOTHING_PINNED, Identity
from engine.gaia.dialect import CHASSIS, GATEWAY, PLATFORMS, VSNEXT, VSX
from engine.gaia.picture import read_stat
from engine.gaia.text import cleaned, marked

_RELEASE = re.compile(r"^Check Point Gaia (R\d[\d.]*(?:SP)?)\s*$", re.MULTILINE)


def identify_line() -> str:
    """Return the line for the group address that every version understands.

    Source: SGMUP (`asg stat -i local_id`, the line in /etc/cp-release), PROM (`asg stat -v`).
    """
    return (
        "echo @@local; asg stat -i local_id; echo @@release; cat /etc/cp-release; "
        "echo; echo @@stat; asg stat -v; echo; echo @@over"
    )


def read_identity(text: str, pins: Identity = NOTHING_PINNED) -> Identity:
    """Read what `identify_line` printed.

    A title without a word for a mode is Gateway mode, unless Virtual Systems are shown below it
    [I]. A platform that is neither shown nor pinned stays "", for the planner to refuse.

    Source: PROM, SP76STAT (titles), SGMUP (`Check Point Gaia R80.30SP`).

    Raises:
        UnexpectedOutput: cut off, or nothing says the version.
        PlanRefused: the device contradicts itself or a pin, or does not say which mode.
    """
    sections = marked(cleaned(text), "@@")
    if "over" not in sections or "stat" not in sections:
        raise UnexpectedOutput("the look that finds the version was cut off", text)
    stat = read_stat(sections["stat"])
    release = _RELEASE.search(sections.get("release", ""))
    released = release[1] if release else ""
    if stat.version and released and stat.version != released:
        raise PlanRefused(
            f"asg stat says {stat.version} and /etc/cp-release says {released}: nobody can tell "
            "which version it is"
        )
    version = _agreed("version", stat.version or released, pins.version)
    if not version:
        raise UnexpectedOutput("neither asg stat nor /etc/cp-release says the version", text)
    return Identity(
        version,
        _platform(stat.platform, pins.platform),
        _mode(stat.mode, pins.mode, virtual=stat.names),
    )


def _platform(shown: str, pinned: str) -> str:
    """A title with words that we do not know says nothing against a pin."""
    known = shown in (*PLATFORMS, CHASSIS)
    return _agreed("platform", shown, pinned) if known else pinned or shown


def _mode(shown: str, pinned: str, *, virtual: Collection[int]) -> str:
    if shown or pinned:
        return _agreed("mode", shown, pinned)
    if virtual:
        raise PlanRefused(
            "asg stat shows Virtual Systems and does not say the mode: pin `mode` in the group's "
            f"settings, {VSX} or {VSNEXT}"
        )
    return GATEWAY


def _agreed(what: str, shown: str, pinned: str) -> str:
    """Return what is shown, or where nothing is, what is pinned.

    Raises:
        PlanRefused: they contradict each other.
    """
    if shown and pinned and shown != pinned:
        raise PlanRefused(
            f"the settings pin `{what}` to {pinned}, and the device says {shown}: put right which "
            "is wrong"
        )
    return shown or pinned
