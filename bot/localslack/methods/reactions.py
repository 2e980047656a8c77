"""reactions.* and pins.*: what an app does to a message that is there.

Source: docs.slack.dev/reference/methods, pages of the methods.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.localslack.refusal import Refused
from bot.localslack.workspace import shown_reaction

if TYPE_CHECKING:
    from bot.localslack.model import Json, Message
    from bot.localslack.parts import Call

# Without `full` Slack may leave people out, and does not say at how many. Few, so that an app
# which forgets `full` notices it here.
MOST_USERS_UNLESS_FULL = 3

# Slack was not seen to tell these here; ask conversations.replies.
_NOT_TOLD = frozenset(
    {
        "channel",
        "thread_ts",
        "parent_user_id",
        "reply_count",
        "reply_users_count",
        "reply_users",
        "latest_reply",
        "is_locked",
        "subscribed",
        "edited",
    }
)

_TS = re.compile(r"\d{1,12}\.\d{6}")


def add(call: Call) -> Json:
    """reactions.add."""
    message = _item(call)
    user, name = call.workspace.app.bot_user, call.arguments.text("name")
    call.workspace.react(user, message, name)
    call.parts.events.reaction("reaction_added", user, message, name)
    return {}


def remove(call: Call) -> Json:
    """reactions.remove: one's own only."""
    message = _item(call)
    user, name = call.workspace.app.bot_user, call.arguments.text("name")
    call.workspace.unreact(user, message, name)
    call.parts.events.reaction("reaction_removed", user, message, name)
    return {}


def get(call: Call) -> Json:
    """reactions.get: who reacts now, without times."""
    if not call.arguments.text("channel") or not call.arguments.text("timestamp"):
        raise Refused("no_item_specified")
    channel = call.joined_channel()
    message = call.message(channel, "timestamp")
    shown = call.workspace.shown(message, with_metadata=False)
    shown = {k: v for k, v in shown.items() if k not in _NOT_TOLD}
    if message.reactions:
        most = None if call.arguments.flag("full") else MOST_USERS_UNLESS_FULL
        shown["reactions"] = [shown_reaction(r, most_users=most) for r in message.reactions]
    shown["permalink"] = call.workspace.permalink(message)
    return {"type": "message", "channel": channel.id, "message": shown}


def pin(call: Call) -> Json:
    """pins.add."""
    message = _item(call)
    if message.pinned:
        raise Refused("already_pinned")
    message.pinned = True
    call.workspace.publish("pinned", channel=message.channel, ts=message.ts)
    return {}


def _item(call: Call) -> Message:
    timestamp = call.arguments.text("timestamp")
    if not call.arguments.text("channel") or not timestamp:
        raise Refused("no_item_specified")
    channel = call.writable_channel()
    if not _TS.fullmatch(timestamp):
        raise Refused("bad_timestamp")
    return call.message(channel, "timestamp")
