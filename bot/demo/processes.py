"""The three processes: rehearsal, localslack and the bot, and the ways to them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.demo.children import Child, ChildFailed
from bot.demo.device import DeviceControl
from bot.demo.props import Props, lay_out, write_settings
from bot.demo.scenario import Scenario
from bot.localslack.client import ControlClient
from engine.clock import SystemClock

CONNECTED_WITHIN = timedelta(seconds=30)
LOOK_EVERY = timedelta(milliseconds=50)

HURRY = 0.1
"""How many calls more than Slack allows localslack takes, per simulated second in a real one: a
night that goes 150 times as fast has at most 15 times as many messages in a minute."""


@dataclass
class Stage:
    """The three processes, and the ways to them."""

    props: Props
    clock: SystemClock
    began: float
    rehearsal: Child
    localslack: Child
    bot: Child
    slack: ControlClient
    device: DeviceControl
    client_key: Path
    address: str

    async def start_bot(self) -> None:
        """Start the bot, and wait until Slack sees it.

        Raises:
            ChildFailed: it ended, or does not connect.
        """
        await self.bot.start(self.props.environment)
        self.bot.keep_output()
        until = self.clock.monotonic() + CONNECTED_WITHIN.total_seconds()
        while (await self.slack.state())["connections"] == 0:
            self.bot.refuse_dead()
            if self.clock.monotonic() > until:
                raise ChildFailed(f"the bot does not connect to Slack:\n{self.bot.last_words()}")
            await self.clock.sleep(LOOK_EVERY)

    async def kill_bot(self) -> None:
        """SIGKILL, and wait until Slack has noticed."""
        await self.bot.kill()
        while (await self.slack.state())["connections"] > 0:
            await self.clock.sleep(LOOK_EVERY)

    @property
    def took_s(self) -> float:
        """Real seconds since the beginning."""
        return self.clock.monotonic() - self.began


@asynccontextmanager
async def opened(props: Props, played: Scenario) -> AsyncIterator[Stage]:
    """Start everything; end everything, whatever happens."""
    clock = SystemClock()
    began = clock.monotonic()
    props.folder.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(lay_out, props, played)
    rehearsal, localslack, bot = children = _children(props)
    try:
        await asyncio.gather(rehearsal.start(), localslack.start())
        device, place = await asyncio.gather(rehearsal.first_line(), localslack.first_line())
        write_settings(props, device, place)
        async with ControlClient(place["url"]) as slack:
            stage = Stage(
                props,
                clock,
                began,
                rehearsal,
                localslack,
                bot,
                slack,
                DeviceControl(device["control_port"]),
                Path(device["client_key"]),
                place["url"],
            )
            await stage.start_bot()
            yield stage
    finally:
        for child in reversed(children):
            await asyncio.shield(child.stop())


def _children(props: Props) -> tuple[Child, Child, Child]:
    """Return the rehearsal, localslack and the bot, none of them started."""
    keys = ["--directory", str(props.folder / "keys")]
    hurry = ["--hurry", str(max(1.0, props.speed * HURRY))]

    def child(name: str, *command: str) -> Child:
        return Child(name, [sys.executable, "-m", *command], props.log(name))

    return (
        child("rehearsal", "engine.rehearsal.server", "--config", str(props.rehearsal), *keys),
        child("localslack", "bot.localslack", "--workspace", str(props.workspace), *hurry),
        child("bot", "bot", "serve", "--config", str(props.settings), "--log", "console"),
    )
