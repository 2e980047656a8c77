"""One Slack on loopback: Web API, deliveries both ways, control API and the page on one port.

Question: how can anyone run and test the whole bot without a workspace? Answer: a real server
that enforces what Slack enforces, so that the bot only gets another `slack.api_url`. Given up:
what only large organisations have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from bot.listening import Site
from bot.localslack.clock import Clock, WallClock
from bot.localslack.control import Control, refuse_foreign_pages
from bot.localslack.methods.files import LARGEST_FILE
from bot.localslack.pages import Pages
from bot.localslack.parts import Parts
from bot.localslack.seed import Seed, demo_workspace
from bot.localslack.webapi import WebApi

if TYPE_CHECKING:
    from bot.localslack.changes import Changes
    from bot.localslack.workspace import Workspace

# Streams and sockets end by themselves when the server stops; what does not, is cut off.
SECONDS_TO_STOP = 1.0


class LocalSlack:
    """A server that an app cannot tell from Slack."""

    def __init__(
        self, seed: Seed | None = None, *, clock: Clock | None = None, hurry: float = 1.0
    ) -> None:
        """Take what is in the workspace.

        Args:
            seed: people, channels and the app; without it the demo's.
            clock: where time comes from.
            hurry: how many times as many calls as Slack allows are allowed here, for a night
                that is played that many times as fast.
        """
        self._parts = Parts.build(seed or demo_workspace(), clock or WallClock(), hurry=hurry)
        self._runner: web.AppRunner | None = None
        self._address = ""

    @property
    def address(self) -> str:
        """Return `host:port`."""
        return self._address

    @property
    def url(self) -> str:
        """Return the address of the server as a whole, with a slash at its end."""
        return f"http://{self._address}/"

    @property
    def base_url(self) -> str:
        """Return what a client takes as the address of the Web API."""
        return f"{self.url}api/"

    @property
    def workspace(self) -> Workspace:
        """Return the state, for whoever runs in the same process."""
        return self._parts.workspace

    @property
    def changes(self) -> Changes:
        """Return where to subscribe to changes, for whoever runs in the same process."""
        return self._parts.changes

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes any that is free."""
        app = web.Application(middlewares=[refuse_foreign_pages], client_max_size=LARGEST_FILE)
        WebApi(self._parts).add_routes(app)
        Control(self._parts).add_routes(app)
        Pages(self.workspace).add_routes(app)
        app.router.add_get("/link/", self._parts.sockets.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SECONDS_TO_STOP)
        await self._runner.setup()
        site = Site(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        self._address = f"{host}:{bound[1]}"
        self._parts.workspace.team.url = self.url

    async def stop(self) -> None:
        """Close everything."""
        self._parts.events.close()
        self._parts.changes.close()
        await self._parts.sockets.close()
        await self._parts.http.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
