"""The methods of the Web API, by the names that Slack gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.localslack.methods import chat, conversations, files, people, reactions, views

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.localslack.model import Json
    from bot.localslack.parts import Call

METHODS: dict[str, Callable[[Call], Json]] = {
    "api.test": people.api_test,
    "apps.connections.open": people.open_connection,
    "auth.test": people.auth_test,
    "bots.info": people.bots_info,
    "chat.delete": chat.delete,
    "chat.getPermalink": chat.get_permalink,
    "chat.postEphemeral": chat.post_ephemeral,
    "chat.postMessage": chat.post_message,
    "chat.update": chat.update,
    "conversations.history": conversations.history,
    "conversations.info": conversations.info,
    "conversations.join": conversations.join,
    "conversations.list": conversations.list_all,
    "conversations.members": conversations.members,
    "conversations.open": conversations.open_direct,
    "conversations.replies": conversations.replies,
    "dnd.info": people.dnd_info,
    "emoji.list": people.emoji_list,
    "files.completeUploadExternal": files.complete_upload,
    "files.getUploadURLExternal": files.get_upload_url,
    "files.info": files.info,
    "pins.add": reactions.pin,
    "reactions.add": reactions.add,
    "reactions.get": reactions.get,
    "reactions.remove": reactions.remove,
    "team.info": people.team_info,
    "usergroups.list": people.usergroups_list,
    "usergroups.users.list": people.usergroups_users_list,
    "users.conversations": conversations.of_user,
    "users.info": people.users_info,
    "users.list": people.users_list,
    "users.lookupByEmail": people.lookup_by_email,
    "views.open": views.open_modal,
    "views.publish": views.publish_home,
    "views.push": views.push_modal,
    "views.update": views.update,
}
