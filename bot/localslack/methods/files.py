"""files.*: the upload in three steps, and what is known of a file afterwards.

Source: docs.slack.dev/messaging/working-with-files.
"""

from __future__ import annotations

import mimetypes
from pathlib import PurePath
from typing import TYPE_CHECKING

from bot.localslack.blocks import check_blocks
from bot.localslack.ids import secret
from bot.localslack.methods.chat import thread_parent
from bot.localslack.model import Channel, File, Json, Message
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.parts import Call

# 1 GB is Slack's limit; what a demo keeps in memory is smaller.
LARGEST_FILE = 50 * 1024 * 1024


def get_upload_url(call: Call) -> Json:
    """files.getUploadURLExternal."""
    name = call.arguments.required("filename")
    length = call.arguments.number("length", 0)
    if length <= 0 or length > LARGEST_FILE:
        raise Refused("invalid_arguments")
    file = File(
        id=call.workspace.ids.new("F"),
        name=name,
        length=length,
        user=call.workspace.app.bot_user,
        created_at=int(call.workspace.now()),
        upload_ticket=secret(),
    )
    call.workspace.files[file.id] = file
    return {
        "upload_url": f"{call.workspace.team.url}upload/v1/{file.upload_ticket}",
        "file_id": file.id,
    }


def complete_upload(call: Call) -> Json:
    """files.completeUploadExternal: shares the files in one message, if a channel is given."""
    given = call.arguments.nested("files")
    if not isinstance(given, list) or not given:
        raise Refused("invalid_arguments")
    files = [_uploaded(call, item) for item in given]
    which = call.arguments.text("channel_id")
    channel = _destination(call, which) if which else None
    for file in files:
        file.completed = True
    if channel is not None:
        _share(call, files, channel)
    return {"files": [shown_file(call, f) for f in files]}


def info(call: Call) -> Json:
    """files.info."""
    file = call.workspace.files.get(call.arguments.text("file"))
    if file is None or not file.completed:
        raise Refused("file_not_found")
    return {
        "file": shown_file(call, file),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }


def shown_file(call: Call, file: File) -> Json:
    """Return a file as Slack shows it."""
    kind = mimetypes.guess_type(file.name)[0] or "text/plain"
    private = f"{call.workspace.team.url}files-pri/{call.workspace.team.id}-{file.id}"
    return {
        "id": file.id,
        "created": file.created_at,
        "timestamp": file.created_at,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": kind,
        "filetype": PurePath(file.name).suffix.removeprefix(".") or "text",
        "user": file.user,
        "user_team": call.workspace.team.id,
        "editable": False,
        "size": file.length,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": bool(file.shares),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{private}/{file.name}",
        "url_private_download": f"{private}/download/{file.name}",
        "permalink": f"{call.workspace.team.url}files/{file.user}/{file.id}/{file.name}",
        "channels": list(file.shares),
        "groups": [],
        "ims": [],
        "shares": {"public": file.shares} if file.shares else {},
        "has_more_shares": False,
        "file_access": "visible",
    }


def _uploaded(call: Call, item: object) -> File:
    if not isinstance(item, dict):
        raise Refused("invalid_arguments")
    file = call.workspace.files.get(str(item.get("id")))
    if file is None or file.content is None:
        raise Refused("file_not_found")
    file.title = str(item.get("title") or file.name)
    return file


def _destination(call: Call, which: str) -> Channel:
    channel = call.workspace.channels.get(which)
    if channel is None:
        raise Refused("channel_not_found")
    if call.workspace.app.bot_user not in channel.members:
        raise Refused("not_in_channel")
    if channel.is_archived:
        raise Refused("is_archived")
    return channel


def _share(call: Call, files: list[File], channel: Channel) -> None:
    parent = thread_parent(call, channel)
    blocks = call.arguments.nested("blocks")
    message = Message(
        channel=channel.id,
        ts=call.workspace.new_ts(),
        user=call.workspace.app.bot_user,
        text=call.arguments.text("initial_comment"),
        blocks=check_blocks(blocks, without=call.workspace.without_blocks) if blocks else [],
        thread_ts=parent.ts if parent else None,
        subtype="file_share",
        by_app=True,
    )
    place: Json = {
        "ts": message.ts,
        "channel_name": channel.name,
        "team_id": call.workspace.team.id,
    }
    if parent:
        place["thread_ts"] = parent.ts
    for file in files:
        file.shares.setdefault(channel.id, []).append(place)
    message.files = [shown_file(call, file) for file in files]
    call.workspace.post(message)
    call.parts.events.message(message)
