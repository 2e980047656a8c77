"""Refusals: what a device prints instead of doing what it was told, and what helps against it."""

from __future__ import annotations

import re

from engine.errors import NotNow, StepFailed
from engine.gaia.text import cleaned

# What the device prints instead of going on. Source: SGMUP logs (exit status was 0).
REFUSALS = (
    "Package index doesn't exist",
    "cannot be performed on members",
    "Action was aborted",
    "Package is not ready for",
    "CLINFR0519",
    "CLINFR0479",
    "CLINFR0815",
    "CLINFR0819",
    "Could not get Security Group from db",
)

_LONGEST = 200
"""Of a refusal, in characters: a hold's reason is one sentence."""

_PASSING = re.compile(
    r"another .*(action|operation)|in progress|not ready for|Security Group from db",
    re.IGNORECASE,
)


def may_pass(refusal: str) -> bool:
    """Tell whether a refusal may be the shadow of another CPUSE action, and end with it.

    Source: "Package is not ready for verify" SGMUP; "Another action is in progress" [I]; "Could
    not get Security Group from db" SGMUP (right after CPUSE was updated).
    """
    return _PASSING.search(refusal) is not None


def error_of(why: str) -> StepFailed:
    """Return the error for a refusal: NotNow where it may pass; with what helps, if we know.

    Source: as `may_pass` and `lock_hint`.
    """
    told = why + lock_hint(why)
    return NotNow(told) if may_pass(why) else StepFailed(told)


def refusal_lines(text: str) -> str:
    """Return the lines with which a device refused, as one; "" where it did not.

    Source: SGMUP logs, see `REFUSALS`.
    """
    lines = [line.strip() for line in cleaned(text).splitlines()]
    told = [line for line in lines if any(words in line for words in REFUSALS)]
    return " ".join(told)[:_LONGEST]


_CODE = re.compile(r"\bCL[A-Z]{4}\d{4}\b|\berror\b", re.IGNORECASE)


def has_code(said: str) -> bool:
    """Tell whether a line is one of gClish's complaints.

    Source: SNOW, SGMUP (`CLINFR0519 Configuration lock present. Can not execute.`).
    """
    return _CODE.search(said) is not None


def lock_hint(said: str) -> str:
    """Return what helps where somebody holds the configuration's lock; "" where that is not it.

    Whose lock that is, and whether it may be taken from them, is for people to say.

    Source: SNOW; the device itself says so (`CLINFR0771 … Use the command 'lock database
    override' to acquire the lock.`).
    """
    if not has_code(said) or re.search(r"\block", said, re.IGNORECASE) is None:
        return ""
    return "; `lock database override` in gClish takes the lock over, then say `retry`"
