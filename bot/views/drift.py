"""What a daily look found, in a group's channel and in a line of a list. Pure.

It is told once a day while something is wrong, and once when all is in order again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from bot.views.format import (
    LONGEST_TEXT,
    Block,
    capitalised,
    clip,
    code,
    context,
    escape,
    fit,
    mention,
    moment,
    section,
)
from bot.views.message import Message
from engine.drift import Finding, Look, look_of
from storage.records import Record

MORE = "… the rest does not fit here; `hotfix-bot look` prints it all"


def told(records: Sequence[Record]) -> tuple[Message, ...]:
    """Return what should stand of the last look at a group; what former days told, stands.

    Args:
        records: the group's own stream of looks.
    """
    looks = list(islice(filter(None, map(look_of, reversed(records))), 2))
    if not looks:
        return ()
    last, before = looks[0], looks[1:]
    key = f"{records[-1].stream}/{last.day}"
    if last.findings:
        return (_wrong(key, last),)
    if any(one.findings for one in before):
        return (_in_order_again(key, last),)
    return ()


def _wrong(key: str, look: Look) -> Message:
    head = (
        f"⚠️ *{code(look.group, 80)} is not as it should be* · {things(look)} at the daily look, "
        f"{moment(look.at)}"
    )
    found = _findings(look.findings)
    calls = list(_called(look))
    text = clip("\n".join([head, *found, *calls]), LONGEST_TEXT)
    blocks: list[Block] = [section(head), *(section(one) for one in found)]
    blocks += [section(*calls)] if calls else []
    blocks.append(context(_where_from(look)))
    return Message(key, text, fit(blocks, more=MORE), in_thread=False)


def _in_order_again(key: str, look: Look) -> Message:
    text = f"✅ {code(look.group, 80)} is in order again, seen {moment(look.at)}."
    return Message(key, text, (section(text),), in_thread=False)


def _findings(findings: Sequence[Finding]) -> list[str]:
    """Return one paragraph for each thing to do, which may settle several."""
    return [
        "\n".join([*(f"• {_sentence(escape(one.text))}" for one in alike), f"→ {_sentence(do)}"])
        for do, alike in groupby(findings, key=lambda one: escape(one.do))
    ]


def _sentence(text: str) -> str:
    return f"{capitalised(text)}."


def _called(look: Look) -> Iterator[str]:
    """Name whom it is for, where somebody must settle something."""
    if look.call:
        called = " ".join(mention(user) for user in look.call)
        yield f"{called}: auto-clone is owed until this is settled."


def _where_from(look: Look) -> str:
    name = escape(look.group, 80)
    return (
        "Nothing was sent to it but what reads, and nothing is done about this by itself. "
        f"`hotfix-bot look {name}` looks again."
    )


def things(look: Look) -> str:
    """Say how much is wrong."""
    count = len(look.findings)
    return "1 thing is wrong" if count == 1 else f"{count} things are wrong"


def line(look: Look, longest: int = 160) -> str:
    """Return what was found as one line, or that all was well."""
    if not look.findings:
        return f"in order when last looked at, {moment(look.at)}"
    found = escape("; ".join(one.text for one in look.findings), longest)
    return f"⚠️ {things(look)} when last looked at, {moment(look.at)}: {found}"
