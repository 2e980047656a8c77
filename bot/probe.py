"""`/livez` and `/readyz` for orchestrators, balancers and people: how `bot.health` is told.

200 where all is well, else 503; either way the body names each part and why. It holds no secret,
needs none, and changes nothing, but it tells how the inside is: listen where only those can reach
it who may know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from bot.health import Health, Part
from bot.listening import Listen, listening


class Probe:
    """A small HTTP server beside what it tells of."""

    def __init__(self, health: Health, listen: Listen, redact: Callable[[Any], Any]) -> None:
        """Take what to tell, where, and who takes secrets out of it."""
        self._health = health
        self._listen = listen
        self._redact = redact
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Begin to listen, and return the address.

        Raises:
            CannotListen: it is not possible there.
        """
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        return await listening(self._runner, self._listen)

    async def close(self) -> None:
        """Stop listening. Never raises."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return self._told(self._health.alive())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return self._told(await self._health.ready())

    def _told(self, parts: Mapping[str, Part]) -> web.Response:
        ok = all(part.ok for part in parts.values())
        body = {
            "ok": ok,
            "parts": {
                name: {"ok": part.ok, "why": self._redact(part.why)} for name, part in parts.items()
            },
        }
        headers = {"Cache-Control": "no-store"}
        return web.json_response(body, status=200 if ok else 503, headers=headers)
