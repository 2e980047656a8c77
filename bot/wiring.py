"""The composition root: the only place that names concrete stores, shells and clocks.

Everything else takes what it needs as an argument. Nothing is decided here, and there is no demo
here either: a demo is the product with another Slack address and another inventory.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets as random_words
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import structlog

from bot.app import slack_app, web_client
from bot.config import Secrets, Settings, SettingsWrong, unsatisfiable
from bot.hearing import Hearing
from bot.inbox import storing
from bot.packages import PackageFolder
from bot.people import Self, SlackAnswers, SlackPeople
from bot.redaction import Redactor
from bot.runs import Runs
from bot.socket import Sockets
from bot.speaker import Speaker
from engine.alarm import Alarm
from engine.clock import SystemClock
from engine.errors import PeopleUnreadable
from engine.ports import Clock, GroupSetup, Shell
from engine.ssh import SshSettings, SshShell
from engine.worker import Worker
from storage.records import InboxRow, Record, Stores
from storage.stores import open_stores

log = structlog.get_logger(__name__)


def our_version() -> str:
    """Return the version of this program."""
    try:
        return version("hotfix-bot")
    except PackageNotFoundError:
        return "unknown"


# --------------------------------------------------------------------------------- inventory


class SettingsInventory:
    """See engine.ports.Inventory: the groups of the settings, reached over SSH."""

    def __init__(self, settings: Settings) -> None:
        self._groups = {name: _setup(settings, name) for name in settings.groups}

    def group(self, name: str) -> GroupSetup | None:
        """See engine.ports.Inventory."""
        return self._groups.get(name)

    def names(self) -> Sequence[str]:
        """See engine.ports.Inventory."""
        return sorted(self._groups)


def _setup(settings: Settings, name: str) -> GroupSetup:
    group, policy = settings.groups[name], settings.policy_of(name)
    ssh = SshSettings(
        address=group.address,
        port=group.port,
        username=group.username,
        known_hosts=settings.ssh.known_hosts,
        client_keys=settings.ssh.client_keys,
        keepalive=settings.ssh.keepalive,
        connect_within=settings.ssh.connect_within,
    )

    def open_shell() -> Shell:
        return SshShell(ssh)

    return GroupSetup(
        name=name,
        channel=group.channel,
        policy=policy.policy(),
        open_shell=open_shell,
        epoch_fence=policy.fence,
    )


# ---------------------------------------------------------------------------------- the stores


@contextmanager
def stores_to_act(settings: Settings) -> Iterator[Stores]:
    """Open the stores as the process that acts; an embedded database has at most one."""
    stores = open_stores(settings.storage.url, acting=True)
    try:
        yield stores
    finally:
        stores.close()


@contextmanager
def stores_to_read(settings: Settings) -> Iterator[Stores]:
    """Open the stores beside a running service: to read, and to put words into the inbox.

    Raises:
        SettingsWrong: there is no database yet; reading must not make one somewhere.
    """
    file = re.fullmatch(r"sqlite:///(.+)", settings.storage.url)
    if file and not Path(file[1]).exists():
        raise SettingsWrong(f"there is no database at {file[1]}; hotfix-bot serve makes it")
    stores = open_stores(settings.storage.url, acting=False)
    try:
        yield stores
    finally:
        stores.close()


# ----------------------------------------------------------------------------------- serving


@dataclass
class Service:
    """Everything that serves, wired together; see `service`."""

    settings: Settings
    stores: Stores
    worker: Worker
    speaker: Speaker
    people: SlackPeople
    sockets: Sockets
    alarm: Alarm
    _waking: asyncio.Future[None] | None = None
    _ticking: bool = False

    async def start(self) -> None:
        """Begin: what waits is taken up, what is missing in Slack is delivered.

        Raises:
            SettingsWrong: a gate that nobody could ever pass.
        """
        # Devices first: what is under way must not wait until Slack answers, or gives up.
        self.alarm.start()
        self._ticking = True
        self.wake_all()
        await self.speaker.catch_up()
        await self._refuse_the_impossible()
        self.sockets.start()
        log.info("serving", groups=sorted(self.settings.groups), version=our_version())

    def wake_all(self) -> None:
        """Have all open runs advanced: at start and reconnect, so that ballots are read back."""
        self._waking = asyncio.ensure_future(self._wake_all())

    async def _wake_all(self) -> None:
        for row in await asyncio.to_thread(self.stores.journal.runs):
            self.worker.wake(row.id)
            self.speaker.wake(row.id)

    async def _refuse_the_impossible(self) -> None:
        try:
            usergroups = await self.people.usergroups()
        except PeopleUnreadable as error:
            # Not a reason to stay away from runs that are under way; gates fail closed anyway.
            log.warning("user groups were not checked", error=str(error))
            return
        wrong = list(unsatisfiable(self.settings, usergroups))
        if wrong:
            raise SettingsWrong("\n".join(wrong))

    async def close(self) -> None:
        """Stop. Nothing is finished first: whatever is open goes on at the next start."""
        if self._ticking:
            self.alarm.stop()
        if self._waking is not None:
            self._waking.cancel()
        await self.sockets.close()
        await self.worker.close()
        await self.speaker.close()


def service(
    settings: Settings, secrets: Secrets, stores: Stores, *, clock: Clock | None = None
) -> Service:
    """Wire everything together; nothing runs yet. Needs a running event loop."""
    clock = clock or SystemClock()
    redactor = Redactor(secrets.values)
    client = web_client(settings.slack.api_url, secrets.bot_token)
    me = Self(client)
    people = SlackPeople(client, clock, me, settings.roles)
    answers = SlackAnswers(client, stores.deliveries)
    inventory = SettingsInventory(settings)

    def listen(records: Sequence[Record]) -> None:
        for run in {record.stream for record in records}:
            speaker.wake(run)

    worker = Worker(
        stores,
        clock,
        inventory,
        people,
        answers,
        PackageFolder(settings.packages.directory),
        holder=f"{socket.gethostname()}:{os.getpid()}:{random_words.token_hex(4)}",
        redact=redactor.text,
        listener=listen,
        version=our_version(),
    )
    speaker = Speaker(
        stores,
        client,
        clock,
        lambda group: settings.groups[group].channel,
        partial(_shown, stores, clock, worker.wake),
        post_interval=settings.slack.post_every,
        edit_interval=settings.slack.edit_every,
        edit_interval_per_run=settings.slack.edit_per_run,
    )
    runs = Runs(stores.journal, stores.deliveries, inventory.names())
    hearing = Hearing(settings, runs, stores.deliveries, clock)
    store = storing(hearing, stores.inbox)
    app = slack_app(client, secrets.bot_token, me, store, answers, worker.wake)
    sockets = Sockets(
        app,
        secrets.app_token,
        clock,
        connections=settings.slack.connections,
        on_hello=lambda: built.wake_all(),
    )
    built = Service(settings, stores, worker, speaker, people, sockets, Alarm(worker.tick))
    return built


async def _shown(
    stores: Stores,
    clock: Clock,
    wake: Callable[[str], None],
    run: str,
    gate: str,
    channel: str,
    ts: str,
) -> None:
    """A gate's message stands in Slack: from now on its votes count."""
    row = InboxRow(
        key=f"shown:{run}/{gate}/{ts}",
        run=run,
        kind="shown",
        body={"gate": gate, "channel": channel, "ts": ts},
        at=clock.now(),
    )
    await asyncio.to_thread(stores.inbox.put, row)
    wake(run)


async def serve(settings: Settings, secrets: Secrets) -> None:
    """Serve until the process is told to stop; SIGTERM has no path of its own."""
    secrets.need_slack()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with stores_to_act(settings) as stores:
        serving = service(settings, secrets, stores)
        try:
            await serving.start()
            await stopped.wait()
        finally:
            await serving.close()
