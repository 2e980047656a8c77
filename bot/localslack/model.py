"""The things in a workspace, and how Slack shows each of them to an app."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]


@dataclass
class Team:
    """The workspace itself."""

    id: str
    name: str
    domain: str
    url: str = ""


@dataclass
class App:
    """The app under test, as it is installed in this workspace."""

    id: str
    name: str
    bot_user: str
    bot_id: str
    bot_token: str
    app_token: str
    manifest: Json
    signing_secret: str = "localslack-signs"  # noqa: S105 -- of a Slack on loopback
    installed_at: int = 0
    revoked: set[str] = field(default_factory=set)

    @property
    def scopes(self) -> frozenset[str]:
        """Return the scopes that the manifest asked for."""
        return frozenset(self.manifest.get("oauth_config", {}).get("scopes", {}).get("bot", []))

    @property
    def bot_events(self) -> frozenset[str]:
        """Return the events that the manifest subscribes to."""
        settings = self.manifest.get("settings", {})
        return frozenset(settings.get("event_subscriptions", {}).get("bot_events", []))

    @property
    def commands(self) -> dict[str, Json]:
        """Return the slash commands by name; without their scope there are none."""
        if "commands" not in self.scopes:
            return {}
        declared = self.manifest.get("features", {}).get("slash_commands", [])
        return {command["command"]: command for command in declared}

    @property
    def uses_sockets(self) -> bool:
        """Say whether deliveries go over sockets."""
        return bool(self.manifest.get("settings", {}).get("socket_mode_enabled"))

    def listens_at(self, url: str) -> None:
        """Turn Socket Mode off, and have everything sent to one Request URL."""
        settings = self.manifest.setdefault("settings", {})
        settings["socket_mode_enabled"] = False
        for part in ("event_subscriptions", "interactivity"):
            settings.setdefault(part, {})["request_url"] = url
        for command in self.commands.values():
            command["url"] = url

    @property
    def is_interactive(self) -> bool:
        """Say whether clicks reach the app."""
        settings = self.manifest.get("settings", {})
        return bool(settings.get("interactivity", {}).get("is_enabled"))

    @property
    def has_home(self) -> bool:
        """Say whether the app has a home tab."""
        home = self.manifest.get("features", {}).get("app_home", {})
        return bool(home.get("home_tab_enabled"))

    @property
    def takes_messages(self) -> bool:
        """Say whether people can write to the app directly: its messages tab has a composer."""
        home = self.manifest.get("features", {}).get("app_home", {})
        read_only = home.get("messages_tab_read_only_enabled")
        return bool(home.get("messages_tab_enabled", True) and not read_only)

    def profile(self, team_id: str) -> Json:
        """Return the `bot_profile` of its messages."""
        return {
            "id": self.bot_id,
            "app_id": self.id,
            "name": self.name,
            "icons": _icons(),
            "deleted": False,
            "updated": self.installed_at,
            "team_id": team_id,
        }


@dataclass
class User:
    """A person, or the app's own user."""

    id: str
    name: str
    real_name: str
    tz: str = "Europe/London"
    title: str = ""
    email: str = ""
    is_bot: bool = False
    deleted: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    has_2fa: bool = True
    dnd_start: int = 0
    dnd_end: int = 0

    def shown(self, team: Team, app: App, at: float, *, with_email: bool) -> Json:
        """Return what `users.info` says."""
        profile: Json = {
            "title": self.title,
            "phone": "",
            "skype": "",
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            "avatar_hash": "g0000000000",
            "team": team.id,
        }
        if with_email and self.email:
            profile["email"] = self.email
        if self.is_bot:
            profile |= {"api_app_id": app.id, "always_active": True, "bot_id": app.bot_id}
        if self.deleted:
            return {**self._identity(team), "deleted": True, "profile": profile}
        return {**self._identity(team), **self._standing(at), "profile": profile}

    def _identity(self, team: Team) -> Json:
        return {
            "id": self.id,
            "team_id": team.id,
            "name": self.name,
            "deleted": self.deleted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 0,
        }

    def _standing(self, at: float) -> Json:
        moment = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(self.tz))
        offset = moment.utcoffset()
        return {
            "color": "2b6cb0",
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": moment.tzname() or self.tz,
            "tz_offset": int(offset.total_seconds()) if offset else 0,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_stranger": self.is_stranger,
            "has_2fa": self.has_2fa,
            "is_email_confirmed": True,
        }


@dataclass
class UserGroup:
    """A user group: `@handle`."""

    id: str
    handle: str
    name: str
    users: list[str]
    disabled: bool = False
    created_at: int = 0
    updated_at: int = 0
    created_by: str = ""

    def shown(self, team: Team, *, with_users: bool, with_count: bool) -> Json:
        """Return what `usergroups.list` says."""
        shown: Json = {
            "id": self.id,
            "team_id": team.id,
            "is_usergroup": True,
            "is_subteam": True,
            "name": self.name,
            "description": "",
            "handle": self.handle,
            "is_external": False,
            "date_create": self.created_at,
            "date_update": self.updated_at,
            "date_delete": self.updated_at if self.disabled else 0,
            "auto_type": None,
            "auto_provision": False,
            "enterprise_subteam_id": "",
            "created_by": self.created_by,
            "updated_by": self.created_by,
            "deleted_by": None,
            "prefs": {"channels": [], "groups": []},
            "user_count": len(self.users),
        }
        if with_users:
            shown["users"] = list(self.users)
        if not with_count:
            del shown["user_count"]
        return shown


@dataclass
class Reaction:
    """One emoji on a message, and who put it there, in order."""

    name: str
    users: list[str]


@dataclass
class Message:
    """A message in a channel or thread."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str | None = None
    is_broadcast: bool = False
    subtype: str | None = None
    by_app: bool = False
    edited: Json | None = None
    edits: int = 0
    pinned: bool = False
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def is_reply(self) -> bool:
        """Say whether this stands in somebody's thread."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def is_in_channel(self) -> bool:
        """Say whether this is seen without opening a thread."""
        return not self.is_reply or self.is_broadcast

    def reaction(self, name: str) -> Reaction | None:
        """Return the reaction of that name."""
        return next((r for r in self.reactions if r.name == name), None)


@dataclass
class Ephemeral:
    """A message that only one person sees.

    Attributes:
        kind: `app` when the app said it, `slack` when Slack itself tells of a failure.
        answers: the response address that it came by, if any; a later answer may replace it.
    """

    channel: str
    ts: str
    to: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    kind: str = "app"
    answers: str | None = None


@dataclass
class Channel:
    """A conversation: public, private or direct."""

    id: str
    name: str
    members: list[str]
    created_at: int = 0
    creator: str = ""
    topic: str = ""
    purpose: str = ""
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    is_org_shared: bool = False
    is_pending_ext_shared: bool = False
    is_general: bool = False
    is_read_only: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Return the name that scopes use: `channels`, `groups` or `im`."""
        if self.is_im:
            return "im"
        return "groups" if self.is_private else "channels"

    def thread(self, ts: str) -> list[Message]:
        """Return the replies to a message, oldest first."""
        replies = [m for m in self.messages.values() if m.thread_ts == ts and m.ts != ts]
        return sorted(replies, key=lambda m: m.ts)


@dataclass
class File:
    """A file: announced, uploaded, then completed and shared."""

    id: str
    name: str
    length: int
    user: str
    created_at: int
    upload_ticket: str
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    shares: dict[str, list[Json]] = field(default_factory=dict)


@dataclass
class View:
    """A modal or a home tab.

    Attributes:
        filled: what the person has filled in, by `block_id/action_id`; see `forms`.
    """

    id: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    filled: dict[str, Any] = field(default_factory=dict)
    is_open: bool = True


def _icons() -> Json:
    place = "https://a.slack-edge.com/80588/img/plugins/app"
    return {f"image_{size}": f"{place}/bot_{size}.png" for size in (36, 48, 72)}
