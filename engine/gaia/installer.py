"""Reading what the installer prints about packages: frames, lists, sums."""

from __future__ import annotations

import json
import re

from engine.errors import StepFailed, UnexpectedOutput
from engine.facts import MemberId, member_id, package_stem
from engine.gaia.refusals import error_of, refusal_lines
from engine.gaia.text import cleaned

_ROW = re.compile(
    r"\s*\|\s*(\d{1,2}_\d{1,2}|)\s*(?:\(local\))?\s*\|\s*(.*?)\s*\|\s*", re.IGNORECASE
)
_HEAD = re.compile(r"^[ \t]*\|[ \t]*Member ID\b.*$", re.MULTILINE | re.IGNORECASE)

ALLOWED = "Installation is allowed."
ABORTED = "Action was aborted"
EXISTS = "already exists"
IMPORTED = "was successfully imported"


def last_frame(text: str) -> dict[MemberId, str]:
    """Return the status per member of the last table that the installer printed.

    Long texts wrap onto rows with an empty member field. A row that cannot be read is nobody's,
    and neither is what wraps below it.

    Source: SGMUP logs (import, verify; columns of 13 and 64 characters).

    Raises:
        StepFailed: a refusal instead of a table; NotNow where it may pass.
        UnexpectedOutput: no table.
    """
    frames = _HEAD.split(cleaned(text))[1:]
    if not frames and (why := refusal_lines(text)):
        raise error_of(f"the device refused: {why}")
    if not frames:
        raise UnexpectedOutput("the installer printed no table", cleaned(text))
    statuses: dict[MemberId, str] = {}
    member = ""
    for line in frames[-1].splitlines():
        row = _ROW.fullmatch(line)
        if row is None:
            member = "" if line.strip().startswith("|") else member
        elif row[1]:
            member = member_id(row[1])
            statuses[member] = row[2]
        elif member:
            statuses[member] = f"{statuses[member]} {row[2]}".strip()
    if not statuses:
        raise UnexpectedOutput("the installer's table has no rows", cleaned(text))
    return statuses


_TABLE = ("|", "+")


def after_frames(text: str) -> str:
    """Return what stands below the last table: refusals are printed there.

    Source: SGMUP logs (`[Aug 31 15:35:13] … cannot be performed on members :1_02 …`).
    """
    lines = cleaned(text).splitlines()
    last = max((n for n, line in enumerate(lines) if line.strip().startswith(_TABLE)), default=-1)
    return " ".join(line.strip() for line in lines[last + 1 :] if line.strip())


def package_number(text: str, name: str) -> int:
    """Return the number of a package: its place in the local list of what can be installed.

    Source: SGMUP include/get_pkg_index.yml (`da_cli packages_info status=available_for_install`,
    place + 1).

    Raises:
        StepFailed: the package is not in the list.
        UnexpectedOutput: no list.
    """
    start = text.find("{")
    try:
        value = json.loads(text[start:]) if start >= 0 else {}
        names = [package_stem(str(one["filename"])) for one in value["packages"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UnexpectedOutput("packages_info cannot be read", text) from error
    if package_stem(name) not in names:
        raise StepFailed(f"{name} is not in the list of what can be installed there")
    return names.index(package_stem(name)) + 1


MAY_BE_UNINSTALLED = "can be uninstalled"
"""Source: DACLI (`This package can be uninstalled.`)."""

_NOT_OFFERED = re.compile(r"usage|unknown|invalid|not found|not supported", re.IGNORECASE)


def action_begun(text: str) -> int | None:
    """Return the number of the action that `da_cli` began; None where it knows no such command.

    Source: SGMUP, DACLI for the answer in JSON. What a build without the command prints was not
    recorded: no JSON, and a word like "usage" or "unknown", is taken for that [I].

    Raises:
        StepFailed: refused; NotNow where another action explains that.
        UnexpectedOutput: neither.
    """
    shown = cleaned(text)
    start = shown.find("{")
    if start < 0:
        if _NOT_OFFERED.search(shown):
            return None
        raise UnexpectedOutput("da_cli did not answer in JSON", shown)
    answer = _answer(shown)
    number = str(answer.get("Action ID", ""))
    if number.isdigit():
        return int(number)
    why = str(answer.get("Message", "")) or "no action was begun"
    raise error_of(why)


def action_ended(text: str) -> tuple[str, str]:
    """Return status ("success", "failure", "in progress", "interrupted") and text of an action.

    Source: DACLI; the message of a verification is JSON in a string.

    Raises:
        UnexpectedOutput: no status.
    """
    answer = _answer(cleaned(text))
    if "Status" not in answer:
        raise UnexpectedOutput("da_cli does not say what became of the action", cleaned(text))
    message = str(answer.get("Message", ""))
    try:
        inner = json.loads(message)
    except ValueError:
        inner = None
    said = str(inner.get("text", message)) if isinstance(inner, dict) else message
    return str(answer["Status"]), said.strip()


def _answer(text: str) -> dict[str, object]:
    start = text.find("{")
    try:
        value = json.loads(text[start : text.rfind("}") + 1]) if start >= 0 else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnexpectedOutput("da_cli did not answer in JSON", text)
    return value


def sha256_of(text: str) -> str | None:
    """Read `sha256sum`: the sum, or None where the file is not there.

    Source: GNU coreutils.
    """
    found = re.search(r"^([0-9a-f]{64})\s", cleaned(text), re.MULTILINE)
    return found[1] if found else None


def room(text: str) -> tuple[int | None, int]:
    """Read what `commands.room_for_file` printed: free megabytes, or None, and bytes there.

    Source: POSIX format of df (1024-byte blocks), `wc -c`.
    """
    disk, _, file = cleaned(text).partition("@there")
    rows = [line.split() for line in disk.splitlines()]
    free = [int(row[3]) for row in rows if len(row) >= 6 and row[3].isdigit()]
    there = re.search(r"^\s*(\d+)\s", file, re.MULTILINE)
    return (free[-1] * 1024 // 1_000_000 if free else None), int(there[1]) if there else 0
