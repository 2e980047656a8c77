"""auth, users, usergroups, team, bots, dnd, emoji: who is who, and who is calling.

Source: docs.slack.dev/reference/methods, pages of the methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.localslack.methods.paging import page
from bot.localslack.refusal import Refused
from bot.localslack.sockets import check_may_connect

if TYPE_CHECKING:
    from bot.localslack.model import Json, User
    from bot.localslack.parts import Call


def api_test(call: Call) -> Json:
    """api.test: says back what it was told, also an error."""
    told = {k: v for k, v in call.arguments.given.items() if k != "token"}
    if error := call.arguments.text("error"):
        raise Refused(error, args=told)
    return {"args": told} if told else {}


def auth_test(call: Call) -> Json:
    """auth.test."""
    workspace = call.workspace
    return {
        "url": workspace.team.url,
        "team": workspace.team.name,
        "user": workspace.users[workspace.app.bot_user].name,
        "team_id": workspace.team.id,
        "user_id": workspace.app.bot_user,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(call: Call) -> Json:
    """apps.connections.open."""
    check_may_connect(call.workspace)
    url = call.parts.sockets.issue_url(call.address)
    if call.arguments.flag("debug_reconnects"):
        url += "&debug_reconnects=true"
    return {"url": url}


def users_info(call: Call) -> Json:
    """users.info."""
    return {"user": _shown(call, _known(call, call.arguments.text("user")))}


def users_list(call: Call) -> Json:
    """users.list."""
    shown, metadata = page(list(call.workspace.users.values()), call.arguments, default=1_000)
    return {
        "members": [_shown(call, u) for u in shown],
        "cache_ts": int(call.workspace.now()),
        "response_metadata": metadata,
    }


def lookup_by_email(call: Call) -> Json:
    """users.lookupByEmail."""
    email = call.arguments.text("email")
    for user in call.workspace.users.values():
        if email and user.email == email:
            return {"user": _shown(call, user)}
    raise Refused("users_not_found")


def usergroups_list(call: Call) -> Json:
    """usergroups.list."""
    arguments = call.arguments
    groups = [
        group
        for group in call.workspace.usergroups.values()
        if not group.disabled or arguments.flag("include_disabled")
    ]
    return {
        "usergroups": [
            group.shown(
                call.workspace.team,
                with_users=arguments.flag("include_users"),
                with_count=arguments.flag("include_count"),
            )
            for group in groups
        ]
    }


def usergroups_users_list(call: Call) -> Json:
    """usergroups.users.list: by id only."""
    group = call.workspace.usergroups.get(call.arguments.text("usergroup"))
    if group is None:
        raise Refused("no_such_subteam")
    if group.disabled and not call.arguments.flag("include_disabled"):
        raise Refused("subteam_not_found")
    return {"users": list(group.users)}


def team_info(call: Call) -> Json:
    """team.info."""
    team = call.workspace.team
    return {
        "team": {
            "id": team.id,
            "name": team.name,
            "url": team.url,
            "domain": team.domain,
            "email_domain": "",
            "icon": {"image_default": True},
            "is_verified": False,
        }
    }


def bots_info(call: Call) -> Json:
    """bots.info."""
    app = call.workspace.app
    if call.arguments.text("bot", app.bot_id) != app.bot_id:
        raise Refused("bot_not_found")
    profile = app.profile(call.workspace.team.id)
    names = ("id", "deleted", "name", "updated", "app_id", "icons")
    return {"bot": {name: profile[name] for name in names} | {"user_id": app.bot_user}}


def dnd_info(call: Call) -> Json:
    """dnd.info."""
    user = _known(call, call.arguments.text("user") or call.workspace.app.bot_user)
    return {
        "dnd_enabled": user.dnd_end > user.dnd_start,
        "next_dnd_start_ts": user.dnd_start or 1,
        "next_dnd_end_ts": user.dnd_end or 1,
        "snooze_enabled": False,
    }


def emoji_list(_call: Call) -> Json:
    """emoji.list: the workspace's own, of which there are none."""
    return {"emoji": {}, "cache_ts": "1.000000"}


def _known(call: Call, user_id: str) -> User:
    user = call.workspace.users.get(user_id)
    if user is None:
        raise Refused("user_not_found")
    return user


def _shown(call: Call, user: User) -> Json:
    workspace = call.workspace
    with_email = "users:read.email" in workspace.app.scopes
    return user.shown(workspace.team, workspace.app, workspace.now(), with_email=with_email)
