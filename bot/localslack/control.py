"""The control API: for tests, scenarios and the page, never for the bot.

    POST /control/act     a person acts           (see `acts`)
    POST /control/change  the workspace changes   {what: usergroup | user | channel, id, ...}
                          or the app's settings   {what: app, request_url | socket_mode}
    POST /control/fault   something goes wrong    (see `faults`)
    GET  /control/state   everything, now
    GET  /control/traffic what went between app and Slack  (?since=SEQ)
    GET  /control/stream  server-sent events of all changes
    GET  /control/file/ID the bytes of a file

It answers 200 with `{"ok": false, "error": ...}` when something is refused, as the Web API does.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from bot.localslack.acts import Acts
from bot.localslack.model import Channel, Json, User, UserGroup
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.changes import Change
    from bot.localslack.faults import Fault
    from bot.localslack.parts import Parts

_Work = Callable[[Json], Awaitable[Json]]

_CHANGEABLE = {
    "usergroup": frozenset({"users", "disabled", "name"}),
    "user": frozenset(
        {
            "deleted",
            "is_restricted",
            "is_ultra_restricted",
            "is_stranger",
            "has_2fa",
            "is_admin",
            "tz",
            "dnd_start",
            "dnd_end",
        }
    ),
    "channel": frozenset(
        {
            *("is_archived", "is_ext_shared", "is_org_shared", "is_pending_ext_shared"),
            *("is_private", "is_read_only", "members", "name"),
        }
    ),
}


class Control:
    """Answers `/control/...`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._acts = Acts(parts)

    def add_routes(self, app: web.Application) -> None:
        """Take over what belongs to the control API."""
        app.router.add_post("/control/act", self._doing(self._acts.perform))
        app.router.add_post("/control/fault", self._doing(self._fault))
        app.router.add_post("/control/change", self._doing(self._change))
        app.router.add_get("/control/state", self._state)
        app.router.add_get("/control/traffic", self._traffic)
        app.router.add_get("/control/stream", self._stream)
        app.router.add_get("/control/file/{id}", self._file)

    def _doing(self, work: _Work) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                answer = await work(_object(await request.json()))
            except ValueError:
                answer = {"ok": False, "error": "invalid_json"}
            except Refused as refused:
                answer = refused.answer()
            return web.json_response(answer)

        return handle

    async def _state(self, _request: web.Request) -> web.Response:
        state = self._parts.workspace.state()
        return web.json_response(state | {"connections": self._parts.sockets.count})

    async def _traffic(self, request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        return web.json_response({"traffic": self._parts.traffic.lines(since)})

    async def _file(self, request: web.Request) -> web.Response:
        file = self._parts.workspace.files.get(request.match_info["id"])
        if file is None or file.content is None:
            return web.Response(status=404)
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=file.content, headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        subscription = self._parts.changes.subscribe()
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        try:
            await response.prepare(request)
            await response.write(b"event: ready\ndata: {}\n\n")
            while change := await subscription.next():
                await response.write(_as_event(change))
        except ConnectionError:
            return response
        finally:
            self._parts.changes.unsubscribe(subscription)
        return response

    async def _fault(self, asked: Json) -> Json:
        fault = self._parts.faults.plan(asked)
        self._parts.traffic.record("fault", fault=fault.kind, ok=True, **fault.details)
        if fault.kind == "disconnect":
            return {"ok": True, "disconnected": await self._disconnect(fault)}
        if fault.kind == "silent":
            return {"ok": True, "silent": self._parts.sockets.fall_silent(fault.left)}
        if fault.kind == "outage":
            await self._parts.sockets.disconnect("none")
        elif fault.kind == "revoke_token":
            app = self._parts.workspace.app
            which = app.app_token if fault.details.get("token") == "app" else app.bot_token
            app.revoked.add(which)
        elif fault.kind == "clear":
            self._parts.workspace.app.revoked.clear()
        return {"ok": True}

    async def _disconnect(self, fault: Fault) -> int:
        reason = str(fault.details.get("reason", "refresh_requested"))
        return await self._parts.sockets.disconnect(reason, fault.left)

    async def _change(self, asked: Json) -> Json:
        what = str(asked.get("what"))
        if what == "app":
            return await self._change_app(asked)
        if what not in _CHANGEABLE:
            raise Refused("unknown_change", known=["app", *sorted(_CHANGEABLE)])
        new = {k: v for k, v in asked.items() if k in _CHANGEABLE[what]}
        which = str(asked.get("id", ""))
        match what:
            case "usergroup":
                self._change_usergroup(self._parts.workspace.usergroup(which), new)
            case "channel":
                self._change_channel(self._parts.workspace.channel(which), new)
            case _:
                self._change_user(self._parts.workspace.user(which), new)
        return {"ok": True}

    async def _change_app(self, asked: Json) -> Json:
        """Set how deliveries reach the app; an address is asked for its challenge first."""
        app = self._parts.workspace.app
        if url := asked.get("request_url"):
            await self._parts.http.verify(str(url))
            app.listens_at(str(url))
            await self._parts.sockets.disconnect("link_disabled")
        elif "socket_mode" in asked:
            app.manifest.setdefault("settings", {})["socket_mode_enabled"] = asked["socket_mode"]
        return {"ok": True}

    def _change_usergroup(self, group: UserGroup, new: Json) -> None:
        before = list(group.users)
        if "users" in new:
            new["users"] = [self._parts.workspace.user(u).id for u in new["users"]]
        _set(group, new)
        self._parts.workspace.publish("usergroup_changed", usergroup=group.id, users=group.users)
        if group.users != before:
            self._parts.events.members_changed(group, before)
            group.updated_at = int(self._parts.clock.now())

    def _change_channel(self, channel: Channel, new: Json) -> None:
        was_shared = channel.is_ext_shared
        if "members" in new:
            new["members"] = [self._parts.workspace.user(u).id for u in new["members"]]
        _set(channel, new)
        self._parts.workspace.publish("channel_changed", channel=channel.id)
        if channel.is_ext_shared and not was_shared:
            self._parts.events.channel_shared(channel)

    def _change_user(self, user: User, new: Json) -> None:
        _set(user, new)
        self._parts.workspace.publish("user_changed", user=user.id)


@web.middleware
async def refuse_foreign_pages(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse what a page of another site sends: a browser on this machine can reach loopback."""
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden
    return await handler(request)


def _object(body: object) -> Json:
    if not isinstance(body, dict):
        raise Refused("json_not_object")
    return body


def _set(thing: UserGroup | Channel | User, new: Json) -> None:
    for name, value in new.items():
        setattr(thing, name, value)


def _as_event(change: Change) -> bytes:
    body = json.dumps({"at": change.at, **change.body})
    return f"id: {change.seq}\nevent: {change.kind}\ndata: {body}\n\n".encode()
