"""Which way a delivery goes: over the app's sockets, or to its Request URLs; never both.

As with Slack, the app's own settings decide: with Socket Mode on, no Request URL is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.localslack.delivery import Delivery
    from bot.localslack.http import HttpMode
    from bot.localslack.model import Json
    from bot.localslack.sockets import SocketMode
    from bot.localslack.workspace import Workspace


class Courier:
    """Delivers to the app."""

    def __init__(self, workspace: Workspace, sockets: SocketMode, http: HttpMode) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._http = http

    async def deliver(self, delivery: Delivery) -> Json:
        """Deliver one thing once, and return what its acknowledgement wants to be shown.

        Raises:
            NotDelivered: it was not acknowledged in time.
        """
        way = self._sockets if self._workspace.app.uses_sockets else self._http
        return await way.deliver(delivery)
