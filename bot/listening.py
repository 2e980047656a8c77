"""HTTP servers of ours: how one begins to listen at an address, and how it stops."""

from __future__ import annotations

import asyncio

from aiohttp import web

Listen = tuple[str, int]
"""Host, and port; 0 is any free one."""

TURNS_TO_ARRIVE = 3
"""Of the loop, until aiohttp reads a connection that was just accepted: its transport, the news of
it, its handler. One that is not read yet when aiohttp closes is waited for, for nothing."""


class CannotListen(Exception):
    """The address is not ours, or somebody has it; the message says which and why."""


class Site(web.TCPSite):
    """An address to listen at; who connects in the moment in which it stops is not forgotten.

    asyncio loses a connection that was accepted in the last turn of its loop before the server
    closed: it stays open, and nobody reads it (github.com/python/cpython/issues/109564). So this
    accepts nobody first, and closes some turns later.
    """

    async def stop(self) -> None:
        """See aiohttp."""
        if isinstance(self._server, asyncio.Server):
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener)
            for _ in range(TURNS_TO_ARRIVE):
                await asyncio.sleep(0)  # noqa: TID251 -- a turn of the loop, no time
        await super().stop()


async def listening(runner: web.AppRunner, listen: Listen) -> str:
    """Begin to listen, and return the address `host:port`.

    Raises:
        CannotListen: it is not possible there.
    """
    await runner.setup()
    host, port = listen
    try:
        await Site(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        why = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {host}:{port}: {why}") from error
    bound = runner.addresses[0][1]
    return f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
