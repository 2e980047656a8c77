"""The processes on the stage: rehearsal, localslack, a database, and those of the product."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.demo.children import Child, ChildFailed
from bot.demo.device import DeviceControl
from bot.demo.link import Link
from bot.demo.postgres import PostgresServer, free_port
from bot.demo.props import Props, hurry, lay_out, write_settings
from bot.demo.scenario import Scenario
from bot.demo.watchdog import Watchdog
from bot.http import PATH
from bot.localslack.client import ControlClient
from engine.clock import SystemClock

CONNECTED_WITHIN = timedelta(seconds=30)
LOOK_EVERY = timedelta(milliseconds=50)


@dataclass
class Stage:
    """The processes, and the ways to them."""

    props: Props
    clock: SystemClock
    began: float
    rehearsal: Child
    localslack: Child
    product: dict[str, Child]
    database: PostgresServer | None
    links: dict[str, Link]
    slack: ControlClient
    device: DeviceControl
    client_key: Path
    address: str
    away: set[str] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)

    request_url: str = ""

    @property
    def bot(self) -> Child:
        """The process that talks to Slack."""
        return self.product["bot"]

    @property
    def children(self) -> Sequence[Child]:
        """All that must run, unless it is away on purpose."""
        return (self.rehearsal, self.localslack, *self.product.values())

    def name_of(self, holder: str) -> str | None:
        """Return the process of ours that a lease or a record names: `host:pid:word`."""
        _, _, rest = holder.partition(":")
        pid = rest.partition(":")[0]
        return self.names.get(int(pid)) if pid.isdigit() else None

    async def start(self, name: str) -> None:
        """Start one process of the product; who talks to Slack is waited for until Slack sees it.

        Raises:
            ChildFailed: it ended, or does not connect.
        """
        child = self.product[name]
        before = await self._connections()
        await child.start(self.props.environment)
        self.names[child.pid] = name
        child.keep_output()
        if name.startswith("bot"):
            await self.connected(name, more_than=before)
        self.away.discard(name)

    async def connected(self, name: str = "bot", *, more_than: int = 0) -> None:
        """Wait until Slack sees the bot: has more connections, or gets its challenge back.

        Raises:
            ChildFailed: it ended, or does not connect.
        """
        child = self.product[name]
        until = self.clock.monotonic() + CONNECTED_WITHIN.total_seconds()
        while not await self._is_reached(more_than):
            child.refuse_dead()
            if self.clock.monotonic() > until:
                raise ChildFailed(f"{name} does not connect to Slack:\n{child.last_words()}")
            await self.clock.sleep(LOOK_EVERY)

    async def _is_reached(self, more_than: int) -> bool:
        if self.request_url:
            answer = await self.slack.change("app", "", request_url=self.request_url)
            return bool(answer["ok"])
        return await self._connections() > more_than

    async def _connections(self) -> int:
        return int((await self.slack.state())["connections"])

    async def kill(self, name: str) -> None:
        """SIGKILL, and wait until Slack has noticed."""
        self.away.add(name)
        before = await self._connections()
        await self.product[name].kill()
        while name.startswith("bot") and await self._connections() >= before > 0:
            await self.clock.sleep(LOOK_EVERY)

    def refuse_dead(self) -> None:
        """Say so when a process ended that nobody killed.

        Raises:
            ChildFailed: with its last words.
        """
        for child in self.children:
            if child.name not in self.away:
                child.refuse_dead()

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
    postgres = played.database == "postgres"
    database = PostgresServer(props.log("postgres")) if postgres else None
    links: dict[str, Link] = {}
    watchdog = Watchdog()
    rehearsal, localslack, product = _children(props, played, watchdog)
    try:
        await asyncio.gather(rehearsal.start(), localslack.start(), _started(database))
        device, place = await asyncio.gather(rehearsal.first_line(), localslack.first_line())
        if database is not None:
            for name in played.processes[played.serves :]:
                links[name] = await Link(database.port).open()
        port = free_port() if played.transport == "http" else None
        urls = _urls(props, played, database, links)
        write_settings(props, played, device, place, urls, http_port=port)
        async with ControlClient(place["url"]) as slack:
            stage = Stage(
                props,
                clock,
                began,
                rehearsal,
                localslack,
                product,
                database,
                links,
                slack,
                DeviceControl(device["control_port"]),
                Path(device["client_key"]),
                place["url"],
                request_url=f"http://127.0.0.1:{port}{PATH}" if port else "",
            )
            for name in product:
                await stage.start(name)
            yield stage
    finally:
        for child in reversed([rehearsal, localslack, *product.values()]):
            await asyncio.shield(child.stop())
        watchdog.close()
        for link in links.values():
            await link.close()
        if database is not None:
            await in_thread(database.remove)


def _urls(
    props: Props, played: Scenario, database: PostgresServer | None, links: Mapping[str, Link]
) -> dict[str, str]:
    """Return the address of the database for each process."""
    if database is None:
        return {"bot": f"sqlite:///{props.folder / 'hotfix.db'}"}
    ports = {name: link.port for name, link in links.items()}
    return {name: database.url(port=ports.get(name)) for name in played.processes}


async def _started(database: PostgresServer | None) -> None:
    if database is not None:
        await in_thread(database.start)


async def in_thread(work: Callable[[], None]) -> None:
    """Do something in a thread, to its end also where we are cancelled meanwhile."""
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await doing
        raise


def _children(
    props: Props, played: Scenario, watchdog: Watchdog
) -> tuple[Child, Child, dict[str, Child]]:
    """Return the rehearsal, localslack and what is the product, none of them started."""
    keys = ["--directory", str(props.folder / "keys")]
    faster = ["--hurry", str(hurry(props.speed))]

    def child(name: str, *command: str) -> Child:
        return Child(name, [sys.executable, "-m", *command], props.log(name), watchdog)

    def ours(name: str) -> Child:
        own = ["--config", str(props.settings_of(name)), "--log", "console"]
        if name not in played.facing:
            return child(name, "bot", "worker", *own)
        return child(name, "bot", "serve", *(["--no-worker"] if played.workers else []), *own)

    return (
        child("rehearsal", "engine.rehearsal.server", "--config", str(props.rehearsal), *keys),
        child("localslack", "bot.localslack", "--workspace", str(props.workspace), *faster),
        {name: ours(name) for name in played.processes},
    )
