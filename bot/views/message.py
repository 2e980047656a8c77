"""One message that should stand in Slack: what it says, where, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.views.format import LONGEST_TEXT, Block, clip


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
        direct: the person whom it is written to alone; said once, and let go where Slack refuses.
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


def told(key: str, *lines: str, broadcast: bool = False) -> Message:
    """Return a message of finished mrkdwn lines that is said once."""
    text = "\n".join(line for line in lines if line)
    return Message(key, clip(text, LONGEST_TEXT), broadcast=broadcast)
