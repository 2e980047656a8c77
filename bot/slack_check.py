"""Whether Slack lets us do what the settings need, asked before anybody waits for it.

`hotfix-bot check` prints what is said here. Nothing is changed in Slack by asking.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import SlackClient, Trouble, called
from bot.channels import shared_as
from bot.config.contradictions import unsatisfiable
from bot.config.settings import Settings
from bot.people import Identity, Self, unfit
from bot.standing import CHANNEL_SHUT, TOKEN_REFUSED
from engine.errors import PeopleUnreadable

MANIFEST = Path(__file__).parent / "slack-manifest.json"

WITHIN_S = 10
"""Seconds for one question; somebody waits at a shell."""


async def slack_wrongs(settings: Settings, token: str, app_token: str = "") -> list[str]:
    """Return a sentence for each thing that would not work in Slack as it is now.

    Args:
        settings: what is needed.
        token: the bot's.
        app_token: what Socket Mode connects with; "" where it is not needed.
    """
    client = SlackClient(
        token=token, base_url=settings.slack.api_url, timeout=WITHIN_S, retry_handlers=[]
    )
    try:
        granted = await _scopes(client)
    except Trouble as trouble:
        if trouble.error in TOKEN_REFUSED:
            return [f"Slack refuses the token ({trouble.error}): {TOKEN_REFUSED[trouble.error]}"]
        return [f"Slack at {settings.slack.api_url} could not be asked: {trouble.error}"]
    lacking = sorted(wanted_scopes() - granted)
    wrongs = [
        f"the app lacks the scope {scope}; add it to the app and install it again"
        for scope in lacking
    ]
    wrongs += await _app_token(client, app_token) if app_token else []
    places = {f"groups.{name}: channel": group.channel for name, group in settings.groups.items()}
    places |= {f"slack.channels: {one}": one for one in settings.slack.channels}
    for place, channel in sorted(places.items()):
        wrongs += await _asked(client.conversations_info, _of_channel(place), channel=channel)
    wrongs += await _persons(settings, client)
    known: dict[str, frozenset[str]] = {}
    for name, role in sorted(settings.roles.items()):
        if role.usergroup:
            look = _of_role(name, role.usergroup, known)
            wrongs += await _asked(client.usergroups_users_list, look, usergroup=role.usergroup)
    if all(role.usergroup in known for role in settings.roles.values() if role.usergroup):
        wrongs += unsatisfiable(settings, known)
    return wrongs


async def _app_token(client: AsyncWebClient, app_token: str) -> list[str]:
    """Ask for an address to connect to; nobody connects, and it is let go."""
    try:
        await called(client.apps_connections_open(app_token=app_token))
    except Trouble as trouble:
        return [
            f"Slack refuses the app-level token ({trouble.error}): Socket Mode needs one of this "
            "app (xapp-…) with the scope connections:write"
        ]
    return []


async def _persons(settings: Settings, client: AsyncWebClient) -> list[str]:
    """Say who is named in a role, and could not vote as Slack knows them."""
    roles: dict[str, list[str]] = {}
    for name, role in sorted(settings.roles.items()):
        for person in role.members:
            roles.setdefault(person, []).append(name)
    if not roles:
        return []
    try:
        me = await Self(client).identity()
    except PeopleUnreadable as error:
        return [f"who is in the roles could not be asked: {error}"]
    wrongs: list[str] = []
    for person, named in sorted(roles.items()):
        look = _of_person(f"roles.{', roles.'.join(named)}: {person}", me)
        wrongs += await _asked(client.users_info, look, user=person)
    return wrongs


def wanted_scopes() -> frozenset[str]:
    """Return the scopes that the app's manifest asks for."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return frozenset(manifest["oauth_config"]["scopes"]["bot"])


async def _scopes(client: AsyncWebClient) -> frozenset[str]:
    """Return what the token was granted, as Slack says with each of its answers."""
    headers: dict[str, str] = {}

    async def ask() -> Any:  # noqa: ANN401 -- Slack's answer
        answer = await client.auth_test()
        headers.update({name.lower(): value for name, value in answer.headers.items()})
        return answer

    await called(ask())
    said = headers.get("x-oauth-scopes")
    if said is None:
        return wanted_scopes()  # a stand-in that does not say it refuses the calls themselves
    return frozenset(scope.strip() for scope in said.split(","))


Look = Callable[[dict[str, Any], str], str]
"""From Slack's answer, or its error, to what is wrong; "" for nothing."""


async def _asked(call: Callable[..., Awaitable[Any]], look: Look, **about: str) -> list[str]:
    try:
        wrong = look(await called(call(**about)), "")
    except Trouble as trouble:
        wrong = look({}, trouble.error)
    return [wrong] if wrong else []


def _of_person(place: str, me: Identity) -> Look:
    def look(answer: dict[str, Any], error: str) -> str:
        if error == "user_not_found":
            return f"{place} is nobody that this workspace knows; look the member ID up again"
        if error:
            return f"{place} could not be looked up ({error})"
        why = unfit(answer.get("user") or {}, me)
        return f"{place} may not vote: {why}" if why else ""

    return look


_SHARED = {
    "is_ext_shared": "is shared with another organisation",
    "is_org_shared": "is shared with other workspaces of your organisation",
}


def _of_channel(place: str) -> Look:
    def look(answer: dict[str, Any], error: str) -> str:
        shown = answer.get("channel") or {}
        if not error and shown.get("is_archived"):
            error = "is_archived"
        elif not error and shown.get("is_member") is False:
            error = "not_in_channel"
        if error:
            why = CHANNEL_SHUT.get(error, "Slack does not show this channel")
            return f"{place} ({error}): {why}"
        how = shared_as(shown)
        return f"{place} {_SHARED[how]}; take another one" if how else ""

    return look


def _of_role(role: str, usergroup: str, known: dict[str, frozenset[str]]) -> Look:
    """Look at the members of a user group, and keep them in `known`."""

    def look(answer: dict[str, Any], error: str) -> str:
        if error:
            return f"roles.{role}: its user group cannot be read ({error})"
        known[usergroup] = frozenset(str(user) for user in answer.get("users") or ())
        return "" if answer.get("users") else f"roles.{role}: nobody is in its user group"

    return look
