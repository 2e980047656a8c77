"""conversations.*: what an app may know of channels and what was said there.

Source: docs.slack.dev/reference/methods, pages of the methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.localslack.methods.paging import page
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.arguments import Arguments
    from bot.localslack.model import Channel, Json, Message
    from bot.localslack.parts import Call

_KIND_OF_TYPE = {
    "public_channel": "channels",
    "private_channel": "groups",
    "im": "im",
    "mpim": "mpim",
}


def info(call: Call) -> Json:
    """conversations.info."""
    channel = call.channel()
    call.require_scope(f"{channel.kind}:read")
    shown = call.workspace.shown_channel(channel)
    if call.arguments.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def list_all(call: Call) -> Json:
    """conversations.list."""
    return _listed(call, list(call.workspace.channels.values()))


def of_user(call: Call) -> Json:
    """users.conversations."""
    user = call.workspace.user(call.arguments.text("user") or call.workspace.app.bot_user)
    channels = [c for c in call.workspace.channels.values() if user.id in c.members]
    return _listed(call, channels)


def members(call: Call) -> Json:
    """conversations.members."""
    channel = call.channel()
    call.require_scope(f"{channel.kind}:read")
    shown, metadata = page(channel.members, call.arguments)
    return {"members": shown, "response_metadata": metadata}


def history(call: Call) -> Json:
    """conversations.history: newest first, without replies unless they were broadcast."""
    channel = _readable(call)
    top = [m for m in channel.messages.values() if m.is_in_channel]
    found = sorted(_between(top, call.arguments), key=lambda m: m.ts, reverse=True)
    shown, metadata = page(found, call.arguments)
    answer = {
        "messages": _shown(call, shown),
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": sum(m.pinned for m in channel.messages.values()),
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    return answer | _when_more(metadata)


def replies(call: Call) -> Json:
    """conversations.replies: the parent, then its replies, oldest first."""
    channel = _readable(call)
    asked = channel.messages.get(call.arguments.text("ts"))
    if asked is None:
        raise Refused("thread_not_found")
    parent = channel.messages.get(asked.thread_ts or asked.ts, asked)
    answers = sorted(_between(channel.thread(parent.ts), call.arguments), key=lambda m: m.ts)
    shown, metadata = page([parent, *answers], call.arguments, default=1_000)
    answer = {"messages": _shown(call, shown), "has_more": bool(metadata["next_cursor"])}
    return answer | _when_more(metadata)


def open_direct(call: Call) -> Json:
    """conversations.open, for one person."""
    users = call.arguments.names("users")
    if not users:
        raise Refused("users_list_not_supplied")
    if len(users) > 1:
        call.require_scope("mpim:write")
        raise Refused("method_not_supported_for_channel_type")
    call.require_scope("im:write")
    user = call.workspace.user(users[0])
    if user.deleted:
        raise Refused("user_disabled")
    channel = call.workspace.direct(user.id)
    if call.arguments.flag("return_im"):
        return {"channel": call.workspace.shown_channel(channel)}
    return {"channel": {"id": channel.id}}


def join(call: Call) -> Json:
    """conversations.join."""
    channel = call.channel()
    if channel.is_private or channel.is_im:
        raise Refused("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refused("is_archived")
    if call.workspace.app.bot_user not in channel.members:
        channel.members.append(call.workspace.app.bot_user)
        call.workspace.publish("channel_changed", channel=channel.id)
    return {"channel": call.workspace.shown_channel(channel)}


def _listed(call: Call, channels: list[Channel]) -> Json:
    wanted = []
    for name in call.arguments.names("types") or ["public_channel"]:
        if name not in _KIND_OF_TYPE:
            raise Refused("invalid_types")
        call.require_scope(f"{_KIND_OF_TYPE[name]}:read")
        wanted.append(_KIND_OF_TYPE[name])
    bot = call.workspace.app.bot_user
    found = [
        c
        for c in channels
        if c.kind in wanted
        and (c.kind == "channels" or bot in c.members)
        and not (c.is_archived and call.arguments.flag("exclude_archived"))
    ]
    shown, metadata = page(found, call.arguments)
    return {
        "channels": [_in_list(call, c) for c in shown],
        "response_metadata": metadata,
    }


def _in_list(call: Call, channel: Channel) -> Json:
    shown = call.workspace.shown_channel(channel) | {"num_members": len(channel.members)}
    shown.pop("is_read_only", None)
    return shown


def _readable(call: Call) -> Channel:
    channel = call.channel()
    call.require_scope(f"{channel.kind}:history")
    if call.workspace.app.bot_user not in channel.members:
        raise Refused("not_in_channel")
    return channel


def _between(messages: list[Message], arguments: Arguments) -> list[Message]:
    """Keep what lies between `oldest` and `latest`, compared as the decimal strings they are."""
    oldest, latest = arguments.text("oldest", "0"), arguments.text("latest")
    inclusive = arguments.flag("inclusive")

    def lies_between(message: Message) -> bool:
        ts = _as_number(message.ts)
        low, high = _as_number(oldest), _as_number(latest or "9" * 12)
        return low <= ts <= high if inclusive else low < ts < high

    return [m for m in messages if lies_between(m)]


def _as_number(ts: str) -> int:
    seconds, _, micros = ts.partition(".")
    try:
        return int(seconds or 0) * 1_000_000 + int(micros.ljust(6, "0")[:6])
    except ValueError as error:
        raise Refused("invalid_ts_oldest") from error


def _shown(call: Call, messages: list[Message]) -> list[Json]:
    with_metadata = call.arguments.flag("include_all_metadata")
    shown = [call.workspace.shown(m, with_metadata=with_metadata) for m in messages]
    return [{k: v for k, v in m.items() if k != "channel"} for m in shown]


def _when_more(metadata: Json) -> Json:
    """Slack sends no `response_metadata` here when there is no further page."""
    return {"response_metadata": metadata} if metadata["next_cursor"] else {}
