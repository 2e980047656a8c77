"""The app's home: what waits for its reader, what runs, what is scheduled, what ended. Pure.

Times are shown in the reader's own zone. It may have 100 blocks; what does not fit is said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bot.views.format import (
    MOST_CHARACTERS,
    Block,
    channel,
    code,
    context,
    divider,
    escape,
    fit,
    header,
    length,
    section,
)

MOST_BLOCKS_OF_HOME = 100
MOST_GROUPS = 40
"""Groups shown one by one; more are told by `status`. A guess at what somebody still reads."""

MOST_SCHEDULED = 20
"""Scheduled runs shown, what comes first first. A guess, as the one above."""

AROUND = 800
"""Characters kept for headings, for what is said of a cut, and for the last line."""

AT_A_TIME = 5
"""Lines in one section, so that a long list stays below Slack's 3,000 characters for it."""


@dataclass(frozen=True)
class GroupLine:
    """How one group stands.

    `run` is finished mrkdwn, "" where no run is open on it; `frozen` and `coming` say in sentences
    what freezes there are, and will be.
    `looked` is what the last daily look found, as finished mrkdwn, "" where there was none.
    """

    name: str
    channel: str
    run: str = ""
    frozen: str = ""
    owed: bool = False
    coming: str = ""
    looked: str = ""


@dataclass(frozen=True)
class ScheduledLine:
    """What will happen at some time, as finished mrkdwn, with the button that cancels it.

    `stop` is None for who may not.
    """

    text: str
    stop: Block | None = None


@dataclass(frozen=True)
class Home:
    """What the home of one person shows; all lines are finished mrkdwn.

    `waiting` is None where Slack did not say who the reader is.
    """

    waiting: Sequence[str] | None
    groups: Sequence[GroupLine]
    running: Sequence[str]
    ended: Sequence[str]
    command: str = "/hotfix"
    scheduled: Sequence[ScheduledLine] = ()


def home(shown: Home) -> dict[str, Any]:
    """Return the view to be published."""
    parts = {
        "Waiting for you": _waiting(shown.waiting),
        "Running": _listed(shown.running, "No run is open."),
        "Scheduled": _scheduled(shown),
        "Security Groups": _groups(shown),
        "Ended last": _listed(shown.ended, "No run has ended yet."),
    }
    more = f"… the rest does not fit here; `{escape(shown.command, 40)} status` tells it all"
    blocks: list[Block] = []
    for (title, part), room in zip(parts.items(), _rooms(parts.values()), strict=True):
        if part:
            blocks += [*([divider()] if blocks else []), header(title)]
            blocks += fit(part, most=MOST_BLOCKS_OF_HOME, room=room, more=more)
    last = context(
        f"Votes are given at the message of a gate, not here. `{escape(shown.command, 40)} "
        "help` says what can be asked."
    )
    return {"type": "home", "blocks": [*fit(blocks, most=MOST_BLOCKS_OF_HOME - 1, more=more), last]}


def _rooms(parts: Collection[Sequence[Block]]) -> list[int]:
    """Return how many characters each part may have: what short ones leave, long ones share."""
    wanted = [length(list(part)) for part in parts]
    rooms, left = list(wanted), MOST_CHARACTERS - AROUND
    for at, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        rooms[index] = min(wanted[index], left // (len(wanted) - at))
        left -= rooms[index]
    return rooms


def _waiting(lines: Sequence[str] | None) -> list[Block]:
    if lines is None:
        return [section("⚠️ Slack did not say which roles you are in; open this again in a while.")]
    return _listed(lines, "No gate waits for you.")


def _scheduled(shown: Home) -> list[Block]:
    """Return a block for each, since each may have a button; nothing where nothing is scheduled."""
    if not shown.scheduled:
        return []
    told = [
        {**section(one.text), **({"accessory": one.stop} if one.stop else {})}
        for one in shown.scheduled[:MOST_SCHEDULED]
    ]
    left = len(shown.scheduled) - MOST_SCHEDULED
    more = f"… and {left} more; `{escape(shown.command, 40)} schedule` tells of all"
    return [*told, *([context(more)] if left > 0 else [])]


def _listed(lines: Sequence[str], nothing: str) -> list[Block]:
    if not lines:
        return [section(nothing)]
    parts = [lines[at : at + AT_A_TIME] for at in range(0, len(lines), AT_A_TIME)]
    return [section(*(f"• {line}" for line in part)) for part in parts]


def _groups(shown: Home) -> list[Block]:
    lines = [_group(one) for one in shown.groups[:MOST_GROUPS]]
    blocks = _listed(lines, "There are no groups in the settings.")
    left = len(shown.groups) - MOST_GROUPS
    if left > 0:
        told = f"… and {left} more; `{escape(shown.command, 40)} status` tells of all"
        blocks.append(context(told))
    return blocks


def _group(one: GroupLine) -> str:
    where = f" in {place}" if (place := channel(one.channel)) else ""
    parts = [f"{code(one.name, 80)}{where}: {one.run or 'no run is open'}"]
    if one.frozen:
        parts.append(f"❄️ *{escape(one.frozen, 300)}*")
    if one.coming:
        parts.append(f"🗓️ {escape(one.coming, 300)}")
    if one.owed:
        off = "auto-clone is off until the run ends"
        parts.append(off if one.run else "⚠️ *auto-clone is owed*")
    if one.looked:
        parts.append(one.looked)
    return "; ".join(parts)
