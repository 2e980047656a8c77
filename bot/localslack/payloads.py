"""What Slack sends to an app, field by field.

Source: the recorded payloads that Slack publishes with its SDKs; `enterprise_*` and other fields
that only large organisations have are left out or null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.localslack.model import Channel, Ephemeral, Json, Message, User, View

if TYPE_CHECKING:
    from bot.localslack.workspace import Workspace

# Deprecated by Slack, but still in every payload.
VERIFICATION_TOKEN = "localslack-verification"  # noqa: S105 -- stands for a token that is none


def event_callback(workspace: Workspace, event: Json, *, is_ext_shared: bool = False) -> Json:
    """Wrap an event as the Events API does."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team.id,
        "context_team_id": workspace.team.id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.ids.new("Ev"),
        "event_time": int(workspace.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team.id,
                "user_id": workspace.app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": is_ext_shared,
        "event_context": workspace.ids.new("EC"),
    }


def reaction_event(kind: str, user: str, message: Message, name: str, event_ts: str) -> Json:
    """Return a `reaction_added` or `reaction_removed` event; it does not tell the thread."""
    return {
        "type": kind,
        "user": user,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "item_user": message.user,
        "event_ts": event_ts,
    }


def message_event(workspace: Workspace, message: Message, channel: Channel, kind: str) -> Json:
    """Return a `message` or `app_mention` event."""
    event: Json = {
        "type": kind,
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.team.id,
        "channel": channel.id,
        "event_ts": message.ts,
    }
    if message.blocks:
        event["blocks"] = message.blocks
    if message.is_reply:
        event["thread_ts"] = message.thread_ts
    if message.edited:
        event["edited"] = message.edited
    if kind == "message":
        event["channel_type"] = {"channels": "channel", "groups": "group", "im": "im"}[channel.kind]
        if message.subtype:
            event["subtype"] = message.subtype
        if message.by_app:
            event |= {"bot_id": workspace.app.bot_id, "app_id": workspace.app.id}
    return event


def slash_command(
    workspace: Workspace,
    user: User,
    channel: Channel,
    *,
    command: str,
    text: str,
    response_url: str,
    trigger_id: str,
) -> Json:
    """Return what a slash command carries."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team.id,
        "team_domain": workspace.team.domain,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": workspace.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _interaction(workspace: Workspace, kind: str, user: User, trigger_id: str) -> Json:
    return {
        "type": kind,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": workspace.team.id,
        },
        "api_app_id": workspace.app.id,
        "token": VERIFICATION_TOKEN,
        "trigger_id": trigger_id,
        "team": {"id": workspace.team.id, "domain": workspace.team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def block_actions_on_message(
    workspace: Workspace,
    user: User,
    message: Message | Ephemeral,
    action: Json,
    *,
    response_url: str,
    trigger_id: str,
) -> Json:
    """Return what a click on a message carries."""
    channel = workspace.channels[message.channel]
    is_ephemeral = isinstance(message, Ephemeral)
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": is_ephemeral,
        "is_app_unfurl": False,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload = _interaction(workspace, "block_actions", user, trigger_id) | {
        "container": container,
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [action],
    }
    # Slack does not send back what only one person saw.
    if isinstance(message, Message):
        payload["message"] = workspace.shown(message)
    return payload


def block_actions_on_view(
    workspace: Workspace, user: User, view: View, action: Json, trigger_id: str
) -> Json:
    """Return what a click in a modal or home tab carries."""
    return _interaction(workspace, "block_actions", user, trigger_id) | {
        "container": {"type": "view", "view_id": view.id},
        "view": workspace.shown_view(view),
        "actions": [action],
    }


def view_submission(workspace: Workspace, user: User, view: View, trigger_id: str) -> Json:
    """Return what the submit button of a modal carries."""
    shown = workspace.shown_view(view)
    return _interaction(workspace, "view_submission", user, trigger_id) | {"view": shown}


def view_closed(workspace: Workspace, user: User, view: View) -> Json:
    """Return what closing a modal carries, when the app asked to be told."""
    payload = _interaction(workspace, "view_closed", user, "")
    del payload["trigger_id"]
    return payload | {"view": workspace.shown_view(view), "is_cleared": False}
