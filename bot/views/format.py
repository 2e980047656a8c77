"""How text becomes Slack text: escaping, cutting, times, and the few blocks that we use.

Everything that did not come from our own source (names, reasons, device output) goes through
`escape`, `code` or `preformatted`, so that it can neither mention anybody nor look like ours.
Which words a message uses does not belong here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Block = dict[str, Any]

# Source: docs.slack.dev/reference/block-kit; 13,200 characters in all is undocumented and was
# measured by others (slackapi/bolt-js#2509), so we stay below it.
LONGEST_SECTION = 3_000
LONGEST_HEADER = 150
LONGEST_QUESTION = 300
LONGEST_SPOKEN = 75
MOST_BLOCKS = 50
MOST_CHARACTERS = 12_500
# `text` of an edit may have 4,000 characters; it is the summary for screen readers.
LONGEST_TEXT = 3_000
# One name or reason in a sentence; a guess at what a person still reads.
LONGEST_PHRASE = 600
# Device text shown in a message; more becomes a file.
LONGEST_SHOWN = 1_500
# What is read of a device's text at all; the engine keeps less.
LONGEST_PRINTED = 20_000

# Digits of a hash that people compare, 48 bits; a guess at what somebody still reads.
SHORT_HEAD = 12

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.")
_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,20}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9./_?=&%:-]{1,300}")
# Control characters, marks that turn the direction of writing, and halves of surrogate pairs
# (which no JSON encoder of Slack's accepts).
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def visible(text: str, *, keep: str = "") -> str:
    """Return the text without ANSI sequences and characters that nobody sees."""
    bare = _ANSI.sub("", text)
    return "".join(c for c in bare if c in keep or unicodedata.category(c) not in _UNSEEN)


def printed(text: str) -> str:
    """Return what a device printed, without what nobody sees at its ends of lines."""
    seen = visible(text[-LONGEST_PRINTED:], keep="\n\t")
    return "\n".join(line.rstrip() for line in seen.splitlines()).strip("\n")


def phrase(text: str, longest: int = LONGEST_PHRASE) -> str:
    """Return text from elsewhere as one line of plain text."""
    line = visible(" ".join(_ANSI.sub("", text[: 10 * longest]).split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def escape(text: str, longest: int = LONGEST_PHRASE) -> str:
    """Return text from elsewhere as one line of mrkdwn that mentions nobody."""
    return _escaped(phrase(text, longest))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str, longest: int = LONGEST_PHRASE) -> str:
    """Return text from elsewhere in code type."""
    inner = escape(text, longest).replace("`", "'")
    return f"`{inner}`" if inner.strip() else ""


def button(
    label: str, action: str, value: str, question: str, *, style: str = "", spoken: str = ""
) -> Block:
    """Return a button that asks once more before it does anything.

    `spoken` is what a screen reader says of it; without one, label and question.
    """
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
        "accessibility_label": phrase(spoken or f"{label}: {question}", LONGEST_SPOKEN),
        "confirm": {
            "title": {"type": "plain_text", "text": f"{label}?"},
            "text": {"type": "plain_text", "text": phrase(question, LONGEST_QUESTION)},
            "confirm": {"type": "plain_text", "text": label},
            "deny": {"type": "plain_text", "text": "Leave it"},
        },
    }
    if style:
        made["style"] = style
    return made


def clip(mrkdwn: str, longest: int) -> str:
    """Cut finished mrkdwn, never inside an entity or a date, and say so with an ellipsis."""
    if len(mrkdwn) <= longest:
        return mrkdwn
    cut = mrkdwn[: longest - 2]
    cut = re.sub(r"&[a-z]{0,3}$", "", cut)
    if cut.rfind("<") > cut.rfind(">"):
        cut = cut[: cut.rfind("<")]
    return f"{cut}`…" if cut.count("`") % 2 else f"{cut}…"


def mention(user: str, name: str = "") -> str:
    """Mention a person, if that is an id of Slack's; else only name them."""
    return f"<@{user}>" if _USER.fullmatch(user) else escape(name or user, 80)


def bar(reason: str, unnamed: Iterable[str]) -> str:
    """Escape why a gate is barred; whom Slack does not name to us it may name to who reads this."""
    told = escape(reason)
    for user in unnamed:
        told = told.replace(user, mention(user))
    return told


def link(address: str, label: str) -> str:
    """Return finished mrkdwn as a link, or as it is where that is no address of a message."""
    return f"<{_escaped(address)}|{label}>" if _ADDRESS.fullmatch(address) else label


def channel(place: str) -> str:
    """Name a channel, if that is an id of Slack's; else ""."""
    return f"<#{place}>" if _CHANNEL.fullmatch(place) else ""


def moment(at: datetime) -> str:
    """Return a moment that each reader sees in their own time, in UTC where that fails."""
    at = at.astimezone(UTC)
    fallback = at.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time_secs}}|{fallback}>"


def span(duration: timedelta) -> str:
    """Return a duration as people say it."""
    seconds = max(0, round(duration.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def lowered(text: str) -> str:
    """Return a sentence's beginning as its middle: only the first letter changes."""
    return f"{text[:1].lower()}{text[1:]}"


def capitalised(text: str) -> str:
    """Return a text that begins with a capital letter, for the beginning of a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def times(count: int) -> str:
    """Return how often, in words where there are words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listed(items: Iterable[str]) -> str:
    """Join with commas and a final `and`."""
    *first, last = list(items) or [""]
    return f"{', '.join(first)} and {last}" if first else last


# ------------------------------------------------------------------------------------ blocks


def header(text: str) -> Block:
    """Return a heading; it is plain text and can mention nobody."""
    return {"type": "header", "text": {"type": "plain_text", "text": phrase(text, LONGEST_HEADER)}}


def section(*lines: str) -> Block:
    """Return a paragraph of finished mrkdwn lines."""
    text = clip("\n".join(line for line in lines if line), LONGEST_SECTION)
    return {"type": "section", "text": {"type": "mrkdwn", "text": text or "-"}}


def context(*lines: str) -> Block:
    """Return small print of finished mrkdwn lines."""
    text = clip("\n".join(line for line in lines if line), LONGEST_SECTION)
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text or "-"}]}


def head_line(seq: int, hash_: str) -> Block:
    """Return where the journal stood, so that `hotfix-bot verify --head` can be asked later."""
    return context(f"journal {seq} · {hash_[:SHORT_HEAD]}")


def divider() -> Block:
    """Return a line across."""
    return {"type": "divider"}


def preformatted(text: str, longest: int = LONGEST_SHOWN) -> Block:
    """Return text from elsewhere as it stands; nothing in it is mrkdwn.

    Of too much the end is kept: a device says last what it wants.
    """
    shown = printed(text) or "-"
    if len(shown) > longest:
        shown = f"…{shown[1 - longest :]}"
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": shown}]}
        ],
    }


def fit(
    blocks: Sequence[Block],
    *,
    most: int = MOST_BLOCKS,
    room: int = MOST_CHARACTERS,
    more: str = "… the rest does not fit here; `hotfix-bot show` prints it all",
) -> tuple[Block, ...]:
    """Return as many blocks as Slack takes; what is left out is said, never silently lost."""
    kept: list[Block] = []
    for block in blocks:
        room -= length(block)
        if room < 0 or len(kept) >= most - 1:
            return (*kept, context(more))
        kept.append(block)
    return tuple(kept)


def length(value: object) -> int:
    """Return how many characters of blocks are shown."""
    if isinstance(value, dict):
        return sum(
            len(inner) if key in ("text", "title") and isinstance(inner, str) else length(inner)
            for key, inner in value.items()
        )
    if isinstance(value, list):
        return sum(length(inner) for inner in value)
    return 0
