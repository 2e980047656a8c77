"""Serves the page in which a person sees the workspace: files of this package, as they lie there.

The page asks nobody but this server, and what it draws can never become markup or script: its
headers say so to the browser as well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from bot.localslack.workspace import Workspace

FOLDER = Path(__file__).parent / "page"

_NAME = re.compile(r"[a-z]+\.(?:html|css|js|svg)")
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # A new version of this package must not meet an old half of its page.
    "Cache-Control": "no-cache",
}


class Pages:
    """Answers `/`, the page's own files, and Slack's addresses of messages and files."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def add_routes(self, app: web.Application) -> None:
        """Take over what a person may open in a browser."""
        app.router.add_get("/", self._index)
        app.router.add_get("/page/{name}", self._part)
        app.router.add_get("/archives/{channel}/{message}", self._permalink)
        app.router.add_get("/files/{user}/{id}/{name}", self._file)

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return _file_of_ours("index.html")

    async def _part(self, request: web.Request) -> web.StreamResponse:
        return _file_of_ours(request.match_info["name"])

    async def _permalink(self, request: web.Request) -> web.StreamResponse:
        """Lead from a message's address to its place in the page."""
        channel = self._workspace.channels.get(request.match_info["channel"])
        thread = request.query.get("thread_ts") or _ts(request.match_info["message"])
        if channel is None or thread not in channel.messages:
            raise web.HTTPNotFound
        place = f"in=app&tab=messages&thread={thread}"
        if not channel.is_im:
            place = f"in={channel.name}&thread={thread}"
        raise web.HTTPFound(f"/#{place}")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["id"] not in self._workspace.files:
            raise web.HTTPNotFound
        raise web.HTTPFound(f"/control/file/{request.match_info['id']}")


def _file_of_ours(name: str) -> web.StreamResponse:
    path = FOLDER / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise web.HTTPNotFound
    headers = {**_HEADERS, "Content-Type": f"{_KINDS[path.suffix]}; charset=utf-8"}
    return web.FileResponse(path, headers=headers)


def _ts(message: str) -> str:
    """Return the timestamp in `p1700000000000100`."""
    digits = message.removeprefix("p")
    return f"{digits[:-6]}.{digits[-6:]}"
