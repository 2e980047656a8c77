"""Second copies of our messages: what is said on one, until it is taken back.

Slack may take a post long after it answered that it did not; by then it was posted again. Of the
two one counts. Question: what of a vote on the other? Answer: a stop needs less than a yes, so a ❌
there counts as one on the message itself, and a yes never does; its author is told where to give
it. Which copy is taken back, and when, is up to whoever speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.hearing import ASKED
from bot.reactions import a_no_on, is_gate, reactors
from engine.ports import Clock
from storage.records import Delivery, InboxRow


def said_on(
    message: Mapping[str, Any], stands: Delivery, run: str, bot: str, clock: Clock, where: str
) -> Iterable[InboxRow]:
    """Return what the votes on a copy of a gate's message amount to, each the same row each time.

    A no says to look at the gate, where it is counted; a yes is answered.

    Args:
        message: the copy.
        stands: where the message itself stands.
        run: whose it is.
        bot: the user that the bot is.
        clock: for when it was heard.
        where: the address of the message itself, "" where nobody knows it.
    """
    if not is_gate(stands.message_key) or stands.ts is None:
        return
    for user, emoji, choice in reactors(message, bot):
        key = f"copy:{stands.channel}/{message['ts']}/{user}/{emoji}"
        if choice == "no":
            body = a_no_on(stands, user, emoji)
            yield InboxRow(key=key, run=run, kind="hint", body=body, at=clock.now())
        else:
            to = {"channel": stands.channel, "user": user, "run": run}
            body = {"text": not_counted(where), "answer": to, "about": ""}
            yield InboxRow(key=key, run=None, kind=ASKED, body=body, at=clock.now())


def not_counted(where: str) -> str:
    """Tell who said yes on a copy where it would count, as finished mrkdwn."""
    there = f"<{where}|the message that counts>" if where else "the message that counts"
    return (
        "Your ✅ does not count: it stands on a second copy of a message that Slack took late, and "
        f"that goes away. Give it on {there}."
    )
