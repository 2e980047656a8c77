"""One message that should stand in Slack: what it says, where, and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.views.format import LONGEST_TEXT, Block, clip, escape, fit, section


@dataclass(frozen=True)
class Message:
    """A message as it should stand now; the speaker makes Slack so.

    Attributes:
        key: unique for ever, and found again in the message's metadata: `hf-1a2b3c/root`.
        text: escaped mrkdwn; what notifications and screen readers get.
        blocks: what people see; without any, they see the text.
        in_thread: below the root message; the root itself is not.
        broadcast: also shown in the channel.
        live: edited in place when its content changes; others are told once.
        reactions: emoji names that the bot adds, for people to click.
        gate: the gate that is voted on here, "" elsewhere.
        file: name and content of a text file that goes with it.
        cards: the blocks with Slack's plan and task cards, where the workspace takes them; the same
            is said by `blocks`, which stand otherwise.
        direct: the person whom it is written to alone; said once, and let go where Slack refuses.
        links: label and key of messages that it leads to, where they stand when it is said.
    """

    key: str
    text: str
    blocks: tuple[Block, ...] = ()
    in_thread: bool = True
    broadcast: bool = False
    live: bool = False
    reactions: tuple[str, ...] = ()
    gate: str = ""
    file: tuple[str, str] | None = None
    direct: str = ""
    links: tuple[tuple[str, str], ...] = ()
    cards: tuple[Block, ...] = ()


def told(key: str, *lines: str, broadcast: bool = False) -> Message:
    """Return a message of finished mrkdwn lines that is said once."""
    text = "\n".join(line for line in lines if line)
    return Message(key, clip(text, LONGEST_TEXT), broadcast=broadcast)


def linked(message: Message, addresses: Sequence[tuple[str, str]]) -> Message:
    """Return a message with the addresses of what it leads to, each a label and a permalink."""
    if not addresses:
        return message
    links = " · ".join(f"<{address}|{escape(label, 80)}>" for label, address in addresses)
    made = replace(message, text=message.text if message.blocks else f"{message.text}\n{links}")
    if message.blocks:
        *body, last = message.blocks
        made = replace(made, blocks=fit([*body, section(links), last]))
    if message.file is not None:
        name, content = message.file
        listed = "\n".join(f"- [{label}]({address})" for label, address in addresses)
        made = replace(made, file=(name, f"{content}\n## In Slack\n\n{listed}\n"))
    return made


def moved(run: str, former: str, first: str) -> Message:
    """Return what a new thread begins with, where the message above the former one was deleted.

    Args:
        run: the run.
        former: the place of the deleted message.
        first: the key of a message that stands in the former thread, or "".
    """
    text = (
        "⚠️ The message above the former thread of this run was deleted. What was told there still "
        "stands there, and votes written there count; the run goes on here."
    )
    links = (("what was told before", first),) if first else ()
    return Message(f"{run}/moved/{former}", text, links=links)
