"""chat.*: posting, editing, deleting.

Source: docs.slack.dev/reference/methods, pages of the methods.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from bot.localslack.blocks import check_blocks
from bot.localslack.limits import POST_PER_CHANNEL, POST_PER_WORKSPACE
from bot.localslack.model import Channel, Ephemeral, Json, Message
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.parts import Call

# Slack cuts what is longer when it is posted, and refuses what is longer than 4,000 in an edit.
LONGEST_TEXT = 40_000
LONGEST_EDIT = 4_000
MOST_ATTACHMENTS = 100
# "Metadata must be below 8 KB": docs.slack.dev/messaging/message-metadata.
LARGEST_METADATA = 8_192
# What Slack shows as text when there are only blocks.
NO_TEXT = "This content can't be displayed."

# What an edit answers of a message: less than a post, nothing of thread and reactions.
_OF_EDIT = frozenset(
    {
        "type",
        "user",
        "text",
        "team",
        "bot_id",
        "app_id",
        "bot_profile",
        "edited",
        "blocks",
        "attachments",
        "files",
        "metadata",
    }
)

_TS = re.compile(r"\d{1,12}\.\d{6}")


def post_message(call: Call) -> Json:
    """chat.postMessage."""
    channel = _destination(call)
    call.limit(("chat.postMessage", channel.id), POST_PER_CHANNEL)
    call.limit(("chat.postMessage",), POST_PER_WORKSPACE)
    if channel.is_archived:
        raise Refused("is_archived")
    if channel.is_read_only:
        raise Refused("restricted_action")
    parent = _parent_of_post(call, channel)
    text, blocks, attachments = _content(call)
    message = Message(
        channel=channel.id,
        ts=call.workspace.new_ts(),
        user=call.workspace.app.bot_user,
        text=text[:LONGEST_TEXT] or NO_TEXT,
        blocks=blocks,
        attachments=attachments,
        metadata=_metadata(call),
        thread_ts=parent.ts if parent else None,
        by_app=True,
    )
    if parent and call.arguments.flag("reply_broadcast"):
        message.is_broadcast, message.subtype = True, "thread_broadcast"
    call.workspace.post(message)
    call.parts.events.message(message)
    answer = {
        "channel": channel.id,
        "ts": message.ts,
        "message": _without_channel(call.workspace.shown(message)),
    }
    if len(text) > LONGEST_TEXT:
        answer["warning"] = "message_truncated"
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def update(call: Call) -> Json:
    """chat.update: text without blocks takes the blocks away; `ts` and reactions stay."""
    channel = call.channel()
    message = call.message(channel)
    if not message.by_app:
        raise Refused("cant_update_message")
    if channel.is_archived:
        raise Refused("is_archived")
    text, blocks, attachments = _content(call)
    if len(text) > LONGEST_EDIT:
        raise Refused("msg_too_long")
    metadata = _metadata(call) if "metadata" in call.arguments else message.metadata
    # People see "(edited)" only when an edit came without blocks.
    call.workspace.edit(
        message,
        mark=not blocks,
        text=text or NO_TEXT,
        blocks=blocks,
        attachments=attachments,
        metadata=metadata,
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": {k: v for k, v in call.workspace.shown(message).items() if k in _OF_EDIT},
    }


def delete(call: Call) -> Json:
    """chat.delete: an app may delete only its own."""
    channel = call.channel()
    message = call.message(channel)
    if not message.by_app:
        raise Refused("cant_delete_message")
    call.workspace.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    """chat.postEphemeral."""
    channel = call.writable_channel()
    user = call.arguments.required("user")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    parent = thread_parent(call, channel)
    text, blocks, attachments = _content(call)
    told = call.workspace.tell(
        Ephemeral(
            channel=channel.id,
            ts=call.workspace.new_ts(),
            to=user,
            text=text or NO_TEXT,
            blocks=blocks,
            attachments=attachments,
            thread_ts=parent.ts if parent else None,
        )
    )
    return {"message_ts": told.ts}


def get_permalink(call: Call) -> Json:
    """chat.getPermalink."""
    channel = call.channel()
    message = call.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": call.workspace.permalink(message)}


def _parent_of_post(call: Call, channel: Channel) -> Message | None:
    """Return the message whose thread is meant; a post to one that is gone stands outside of any.

    Slack says nothing then (slack-go/slack#1571): only the answer lacks `message.thread_ts`.
    """
    try:
        return thread_parent(call, channel)
    except Refused as refused:
        if refused.error != "thread_not_found":
            raise
        return None


def thread_parent(call: Call, channel: Channel) -> Message | None:
    """Return the message whose thread is meant, if one is.

    Raises:
        Refused: `invalid_thread_ts`, `thread_not_found`, `cannot_reply_to_message`.
    """
    thread_ts = call.arguments.text("thread_ts")
    if not thread_ts:
        return None
    if not _TS.fullmatch(thread_ts):
        raise Refused("invalid_thread_ts")
    parent = channel.messages.get(thread_ts)
    if parent is None:
        raise Refused("thread_not_found")
    # Slack asks for the parent's ts, never a reply's.
    if parent.is_reply:
        raise Refused("cannot_reply_to_message")
    return parent


def _destination(call: Call) -> Channel:
    """Return where to post; a person's id means the direct conversation."""
    which = call.arguments.text("channel")
    person = call.workspace.users.get(which)
    if person is None:
        return call.joined_channel()
    call.require_scope("im:write")
    if person.is_bot or person.deleted:
        raise Refused("channel_not_found")
    return call.workspace.direct(person.id)


def _content(call: Call) -> tuple[str, list[Json], list[Json]]:
    text = call.arguments.text("text")
    given = call.arguments.nested("blocks")
    blocks = check_blocks(given, without=call.workspace.without_blocks) if given else []
    attachments = call.arguments.nested("attachments") or []
    if not isinstance(attachments, list):
        raise Refused("invalid_attachments")
    if len(attachments) > MOST_ATTACHMENTS:
        raise Refused("too_many_attachments")
    if not text and not blocks and not attachments:
        raise Refused("no_text")
    return text, blocks, attachments


def _metadata(call: Call) -> Json | None:
    metadata = call.arguments.nested("metadata")
    if not metadata:
        return None
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(metadata)) > LARGEST_METADATA:
        raise Refused("metadata_too_large")
    return {"event_type": metadata["event_type"], "event_payload": metadata["event_payload"]}


def _without_channel(shown: Json) -> Json:
    return {k: v for k, v in shown.items() if k != "channel"}
