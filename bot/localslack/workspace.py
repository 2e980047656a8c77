"""The state of one workspace and what may be done to it, by the app or by people.

Every change is published. Nothing here knows of HTTP, tokens or sockets; who is told of what is
decided by `events`, and what an app may ask by `methods`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bot.localslack import emoji
from bot.localslack.forms import state_of
from bot.localslack.ids import Ids
from bot.localslack.model import (
    App,
    Channel,
    Ephemeral,
    File,
    Json,
    Message,
    Reaction,
    Team,
    User,
    UserGroup,
    View,
)
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.localslack.changes import Changes
    from bot.localslack.seed import Seed

# Slack names the errors, not the numbers; both are guesses from what people report.
MOST_EMOJI_ON_MESSAGE = 50
MOST_EMOJI_OF_ONE_PERSON = 23


class Workspace:
    """People, channels and what was said in them."""

    def __init__(self, seed: Seed, now: Callable[[], float], changes: Changes) -> None:
        self.now = now
        self.changes = changes
        self.ids = Ids()
        self.team = Team(**seed["team"])
        self.app = App(**seed["app"], manifest=seed["manifest"], installed_at=int(now()))
        self.users = {u["id"]: User(**u) for u in seed["users"]}
        if self.app.bot_user not in self.users:
            name = self.app.name
            self.users[self.app.bot_user] = User(self.app.bot_user, name, name, is_bot=True)
        self.usergroups = {g["id"]: self._usergroup(g) for g in seed.get("usergroups", [])}
        self.channels = {c["id"]: self._channel(c) for c in seed["channels"]}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.ephemerals: list[Ephemeral] = []
        self.without_blocks = frozenset(seed.get("without_blocks", ()))
        self._last_ts = 0

    # ------------------------------------------------------------------ finding

    def user(self, who: str) -> User:
        """Return a user by id or name.

        Raises:
            Refused: `user_not_found`.
        """
        found = self.users.get(who) or next(
            (u for u in self.users.values() if u.name == who.removeprefix("@")), None
        )
        if found is None:
            raise Refused("user_not_found")
        return found

    def channel(self, which: str) -> Channel:
        """Return a channel by id or name.

        Raises:
            Refused: `channel_not_found`.
        """
        found = self.channels.get(which) or next(
            (
                c
                for c in self.channels.values()
                if not c.is_im and c.name == which.removeprefix("#")
            ),
            None,
        )
        if found is None:
            raise Refused("channel_not_found")
        return found

    def message(self, channel: Channel, ts: str) -> Message:
        """Return a message.

        Raises:
            Refused: `message_not_found`.
        """
        found = channel.messages.get(ts)
        if found is None or found.subtype == "tombstone":
            raise Refused("message_not_found")
        return found

    def usergroup(self, which: str) -> UserGroup:
        """Return a user group by id or handle.

        Raises:
            Refused: `no_such_subteam`.
        """
        found = self.usergroups.get(which) or next(
            (g for g in self.usergroups.values() if g.handle == which.removeprefix("@")), None
        )
        if found is None:
            raise Refused("no_such_subteam")
        return found

    def direct(self, user: str) -> Channel:
        """Return the conversation between the app and a person, begun if there was none."""
        for channel in self.channels.values():
            if channel.is_im and user in channel.members:
                return channel
        channel = Channel(
            self.ids.new("D"),
            name="",
            members=[user, self.app.bot_user],
            created_at=int(self.now()),
            is_im=True,
        )
        self.channels[channel.id] = channel
        self.publish("channel_changed", channel=channel.id)
        return channel

    # ----------------------------------------------------------------- messages

    def post(self, message: Message) -> Message:
        """Add a message to its channel."""
        channel = self.channels[message.channel]
        channel.messages[message.ts] = message
        if message.is_reply and (parent := channel.messages.get(message.thread_ts or "")):
            parent.thread_ts = parent.ts
        self.publish("message_posted", **self.shown(message))
        return message

    def edit(self, message: Message, *, mark: bool, **new: Any) -> Message:  # noqa: ANN401 -- JSON
        """Replace parts of a message; its `ts` and its reactions stay.

        Args:
            message: the message.
            mark: whether people see "(edited)".
            new: the parts, by their names in `Message`.
        """
        for name, value in new.items():
            setattr(message, name, value)
        message.edits += 1
        if mark:
            message.edited = {"user": message.user, "ts": f"{int(self.now())}.000000"}
        self.publish("message_changed", **self.shown(message))
        return message

    def delete(self, message: Message) -> None:
        """Take a message away; a parent of replies stays as a tombstone."""
        channel = self.channels[message.channel]
        if channel.thread(message.ts):
            message.text, message.blocks = "This message was deleted.", []
            message.user, message.subtype, message.by_app = "USLACKBOT", "tombstone", False
            message.metadata, message.edited, message.pinned = None, None, False
            message.files, message.attachments, message.reactions = [], [], []
        else:
            del channel.messages[message.ts]
        self.publish("message_deleted", channel=channel.id, ts=message.ts)

    def tell(self, ephemeral: Ephemeral) -> Ephemeral:
        """Show something to one person only."""
        self.ephemerals.append(ephemeral)
        self.publish("ephemeral_posted", **self.shown_ephemeral(ephemeral))
        return ephemeral

    def withdraw(self, ephemeral: Ephemeral) -> None:
        """Take an ephemeral message away."""
        self.ephemerals.remove(ephemeral)
        self.publish("ephemeral_deleted", channel=ephemeral.channel, ts=ephemeral.ts)

    # ---------------------------------------------------------------- reactions

    def react(self, user: str, message: Message, name: str) -> None:
        """Add a reaction.

        Raises:
            Refused: `invalid_name`, `already_reacted`, `too_many_emoji`, `too_many_reactions`.
        """
        if not emoji.is_known(name):
            raise Refused("invalid_name")
        reaction = message.reaction(name)
        if reaction is None:
            if len(message.reactions) >= MOST_EMOJI_ON_MESSAGE:
                raise Refused("too_many_emoji")
            reaction = Reaction(name, [])
        if user in reaction.users:
            raise Refused("already_reacted")
        if sum(user in r.users for r in message.reactions) >= MOST_EMOJI_OF_ONE_PERSON:
            raise Refused("too_many_reactions")
        if not reaction.users:
            message.reactions.append(reaction)
        reaction.users.append(user)
        self._publish_reaction("reaction_added", user, message, name)

    def unreact(self, user: str, message: Message, name: str) -> None:
        """Take one's own reaction away.

        Raises:
            Refused: `invalid_name`, `no_reaction`.
        """
        if not emoji.is_known(name):
            raise Refused("invalid_name")
        reaction = message.reaction(name)
        if reaction is None or user not in reaction.users:
            raise Refused("no_reaction")
        reaction.users.remove(user)
        if not reaction.users:
            message.reactions.remove(reaction)
        self._publish_reaction("reaction_removed", user, message, name)

    def _publish_reaction(self, kind: str, user: str, message: Message, name: str) -> None:
        self.publish(kind, channel=message.channel, ts=message.ts, user=user, reaction=name)

    # ------------------------------------------------------------------ showing

    def shown(self, message: Message, *, with_metadata: bool = True) -> Json:
        """Return a message as Slack shows it to an app."""
        shown: Json = {
            "type": "message",
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "team": self.team.id,
            "channel": message.channel,
        }
        if message.by_app:
            shown |= {
                "bot_id": self.app.bot_id,
                "app_id": self.app.id,
                "bot_profile": self.app.profile(self.team.id),
            }
        for name in ("subtype", "blocks", "attachments", "files", "edited", "thread_ts"):
            if value := getattr(message, name):
                shown[name] = value
        if message.pinned:
            shown["pinned_to"] = [message.channel]
        if message.metadata and with_metadata:
            shown["metadata"] = message.metadata
        if message.reactions:
            shown["reactions"] = [shown_reaction(r) for r in message.reactions]
        return shown | self._shown_thread(message)

    def _shown_thread(self, message: Message) -> Json:
        channel = self.channels[message.channel]
        if message.is_reply:
            parent = channel.messages.get(message.thread_ts or "")
            return {"parent_user_id": parent.user} if parent else {}
        replies = channel.thread(message.ts)
        if not replies:
            return {}
        people = list(dict.fromkeys(reply.user for reply in replies))
        return {
            "reply_count": len(replies),
            "reply_users_count": len(people),
            "latest_reply": replies[-1].ts,
            "reply_users": people[:5],
            "is_locked": False,
            "subscribed": False,
        }

    def shown_ephemeral(self, ephemeral: Ephemeral) -> Json:
        """Return an ephemeral message as a page would show it."""
        return {
            "type": "message",
            "subtype": "ephemeral",
            "is_ephemeral": True,
            "channel": ephemeral.channel,
            "ts": ephemeral.ts,
            "to": ephemeral.to,
            "by": ephemeral.kind,
            "text": ephemeral.text,
            "blocks": ephemeral.blocks,
            "attachments": ephemeral.attachments,
            "thread_ts": ephemeral.thread_ts,
        }

    def shown_channel(self, channel: Channel) -> Json:
        """Return a conversation as `conversations.info` shows it."""
        shown: Json = {
            "id": channel.id,
            "created": channel.created_at,
            "is_archived": channel.is_archived,
            "is_im": channel.is_im,
            "is_org_shared": channel.is_org_shared,
            "context_team_id": self.team.id,
            "updated": channel.created_at * 1000,
        }
        if channel.is_im:
            person = next(u for u in channel.members if u != self.app.bot_user)
            return shown | {"user": person, "is_user_deleted": False, "priority": 0}
        return shown | {
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": not channel.is_private,
            "is_group": channel.is_private,
            "is_mpim": False,
            "is_private": channel.is_private,
            "is_general": channel.is_general,
            "is_shared": channel.is_ext_shared or channel.is_org_shared,
            "is_ext_shared": channel.is_ext_shared,
            "is_pending_ext_shared": channel.is_pending_ext_shared,
            "pending_shared": [],
            "pending_connected_team_ids": [],
            "is_member": self.app.bot_user in channel.members,
            "is_read_only": channel.is_read_only,
            "unlinked": 0,
            "creator": channel.creator,
            "shared_team_ids": [self.team.id],
            "topic": _labelled(channel.topic, channel),
            "purpose": _labelled(channel.purpose, channel),
            "previous_names": [],
        }

    def shown_view(self, view: View) -> Json:
        """Return a view as Slack answers it."""
        body = view.body
        return {
            "id": view.id,
            "team_id": self.team.id,
            "type": body["type"],
            "blocks": body.get("blocks", []),
            "private_metadata": body.get("private_metadata", ""),
            "callback_id": body.get("callback_id", ""),
            "state": {"values": state_of(view)},
            "hash": view.hash,
            "title": body.get("title"),
            "clear_on_close": bool(body.get("clear_on_close", False)),
            "notify_on_close": bool(body.get("notify_on_close", False)),
            "close": body.get("close"),
            "submit": body.get("submit"),
            "previous_view_id": view.previous,
            "root_view_id": view.root,
            "app_id": self.app.id,
            "external_id": body.get("external_id", ""),
            "app_installed_team_id": self.team.id,
            "bot_id": self.app.bot_id,
        }

    def permalink(self, message: Message) -> str:
        """Return the address of a message."""
        address = f"{self.team.url}archives/{message.channel}/p{message.ts.replace('.', '')}"
        if message.is_reply:
            address += f"?thread_ts={message.thread_ts}&cid={message.channel}"
        return address

    def state(self) -> Json:
        """Return everything, for the control API and the page."""
        return {
            "now": self.now(),
            "team": {"id": self.team.id, "name": self.team.name, "url": self.team.url},
            "app": {
                "id": self.app.id,
                "name": self.app.name,
                "bot_user": self.app.bot_user,
                "bot_id": self.app.bot_id,
                "commands": list(self.app.commands.values()),
                "scopes": sorted(self.app.scopes),
                "bot_events": sorted(self.app.bot_events),
            },
            "users": [_plain(u) for u in self.users.values()],
            "usergroups": [_plain(g) for g in self.usergroups.values()],
            "channels": [self._channel_state(c) for c in self.channels.values()],
            "ephemerals": self._ephemeral_state(),
            "views": [self._view_state(v) for v in self.views.values() if v.is_open],
            "homes": {user: self.shown_view(view) for user, view in self.homes.items()},
        }

    def publish(self, kind: str, **body: Any) -> None:  # noqa: ANN401 -- JSON values
        """Tell subscribers of a change."""
        self.changes.publish(self.now(), kind, body)

    def new_ts(self) -> str:
        """Return a timestamp that no message has yet."""
        self._last_ts = max(self._last_ts + 1, round(self.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _channel_state(self, channel: Channel) -> Json:
        top = [m for m in channel.messages.values() if m.is_in_channel]
        return {
            **self.shown_channel(channel),
            "members": list(channel.members),
            "messages": [self._message_state(channel, m) for m in sorted(top, key=lambda m: m.ts)],
        }

    def _message_state(self, channel: Channel, message: Message) -> Json:
        replies = [] if message.is_reply else channel.thread(message.ts)
        return {
            **self.shown(message),
            "edits": message.edits,
            "replies": [{**self.shown(r), "edits": r.edits} for r in replies],
        }

    def _ephemeral_state(self) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        for ephemeral in self.ephemerals:
            found.setdefault(ephemeral.to, []).append(self.shown_ephemeral(ephemeral))
        return found

    def _view_state(self, view: View) -> Json:
        return {**self.shown_view(view), "user": view.user, "errors": view.errors}

    # ------------------------------------------------------------------ seeding

    def _user_ids(self, named: Iterable[str]) -> list[str]:
        return [self.user(who).id for who in named]

    def _usergroup(self, given: Json) -> UserGroup:
        users = self._user_ids(given.get("users", []))
        made = int(self.now())
        creator = next(iter(self.users))
        return UserGroup(
            **{
                **given,
                "users": users,
                "created_at": made,
                "updated_at": made,
                "created_by": creator,
            }
        )

    def _channel(self, given: Json) -> Channel:
        members = self._user_ids(given.get("members", []))
        creator = next(iter(self.users))
        return Channel(
            **{"created_at": int(self.now()), "creator": creator, **given, "members": members}
        )


def shown_reaction(reaction: Reaction, *, most_users: int | None = None) -> Json:
    """Return a reaction as Slack shows it; the count is always complete."""
    return {
        "name": reaction.name,
        "users": reaction.users[:most_users],
        "count": len(reaction.users),
    }


def _labelled(value: str, channel: Channel) -> Json:
    return {"value": value, "creator": channel.creator if value else "", "last_set": 0}


def _plain(thing: User | UserGroup) -> Json:
    return {f.name: getattr(thing, f.name) for f in fields(thing)}
