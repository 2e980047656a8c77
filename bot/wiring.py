"""The composition root: the only place that names concrete stores, shells and clocks.

Everything else takes what it needs as an argument. Nothing is decided here, and there is no demo
here either: a demo is the product with another Slack address and another inventory.
"""

from __future__ import annotations

import asyncio
import os
import secrets as random_words
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import time, timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import structlog
from slack_bolt.app.async_app import AsyncApp

from bot.app import slack_app, web_client
from bot.approvers import Approvers
from bot.channels import Channels
from bot.config.mistakes import NotToBeHad, SettingsWrong
from bot.config.secrets import Secrets, expert_variable
from bot.config.settings import Settings
from bot.config.values import host_and_port
from bot.device_check import identified
from bot.doors import Doors
from bot.health import Health, Part
from bot.hearing import Hearing
from bot.helping import Help
from bot.home import Homes
from bot.http import Endpoint
from bot.inbox import following, hearing_stops, storing
from bot.leftovers import Leftovers
from bot.listening import CannotListen
from bot.overview import Overview
from bot.pacing import Turns
from bot.packages import PackageFolder
from bot.people import PlainAnswers, Self, SlackAnswers, SlackPeople
from bot.permalinks import permalink
from bot.probe import Probe
from bot.reach import QuietHours
from bot.redaction import Redactor
from bot.runs import Runs
from bot.socket import Sockets
from bot.speaking.speaker import Speaker
from bot.standing import Standing
from bot.threads import Threads
from bot.tokens import TokenCheck, TokenWatch
from bot.unattended import Unattended
from engine import daily
from engine.alarm import Alarm
from engine.clock import SystemClock
from engine.drift import Look
from engine.dryrun import DryPlan, dry_plan
from engine.logins import Login, Refusals, logged_in
from engine.model import Request
from engine.ports import Clock, GroupSetup, Shell
from engine.ssh import SshSettings, SshShell
from engine.worker import Worker
from storage import migrate
from storage.database import embedded_file
from storage.records import DatabaseInUse, InboxRow, Record, StorageDown, Stores, Upkeep
from storage.stores import open_stores
from storage.upkeep import open_copy, open_upkeep

log = structlog.get_logger(__name__)

_ONE_PROCESS = (
    "an SQLite database has one process that hears, acts and speaks: "
    "for more, name a postgresql+psycopg:// url in [storage]"
)

SPEAKER_LOOKS_EVERY = timedelta(seconds=5)
"""How late people may be told what another process did, when every hint of it is lost."""


def our_version() -> str:
    """Return the version of this program."""
    try:
        return version("hotfix-bot")
    except PackageNotFoundError:
        return "unknown"


# --------------------------------------------------------------------------------- inventory


class SettingsInventory:
    """See engine.ports.Inventory: the groups of the settings, reached over SSH."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._groups = {name: _setup(settings, secrets, name) for name in settings.groups}

    def group(self, name: str) -> GroupSetup | None:
        """See engine.ports.Inventory."""
        return self._groups.get(name)

    def names(self) -> Sequence[str]:
        """See engine.ports.Inventory."""
        return sorted(self._groups)


def login_of(settings: Settings, secrets: Secrets, name: str) -> Login:
    """Return how one logs in to a group."""
    shell, password = settings.groups[name].shell, secrets.expert_password(name)
    return Login(name, shell, password, expert_variable(name))


def _setup(settings: Settings, secrets: Secrets, name: str) -> GroupSetup:
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

    login, refusals = login_of(settings, secrets, name), Refusals()

    def open_shell() -> Shell:
        return logged_in(SshShell(ssh), login, SystemClock(), refusals)

    return GroupSetup(
        name=name,
        channel=group.channel,
        policy=policy.policy(group.timezone),
        open_shell=open_shell,
        remarks=(unfenced,) if (unfenced := settings.unfenced(name)) else (),
        pins=group.pins,
        shell=group.shell,
        asked_again=refusals.forget,
        tags=group.tags,
        timezone=group.timezone,
        daily_look=time.fromisoformat(policy.daily_look) if policy.daily_look else None,
    )


async def plan_dry(settings: Settings, secrets: Secrets, request: Request) -> DryPlan:
    """Look at a real group through a Shell that can only read, and plan; nothing is kept.

    Raises:
        PlanRefused: no plan is made of this.
        MaintenanceError: the group cannot be reached, or what it says not be read.
    """
    setup = _setup(settings, secrets, request.security_group)
    shell = setup.open_shell()
    try:
        packages = PackageFolder(settings.packages.directory)
        with ExitStack() as opened:
            there = is_there(settings)
            journal = opened.enter_context(stores_to_read(settings)).journal if there else None
            return await dry_plan(request, setup, shell, packages, SystemClock(), journal)
    finally:
        await shell.close()


async def look_now(settings: Settings, secrets: Secrets, names: Sequence[str]) -> list[Look]:
    """Look at groups, one after the other and only reading; nothing is kept."""
    found: list[Look] = []
    with ExitStack() as opened:
        there = is_there(settings)
        journal = opened.enter_context(stores_to_read(settings)).journal if there else None
        for name in names:
            setup = _setup(settings, secrets, name)
            shell = setup.open_shell()
            try:
                found.append(await daily.look_now(setup, shell, SystemClock(), journal))
            finally:
                await shell.close()
    return found


async def identify(settings: Settings, secrets: Secrets) -> tuple[list[str], list[str]]:
    """Ask every group what it is; return what they are, and what is wrong with which.

    Not those whose expert password is lacking, which is wrong already.
    """
    names = [n for n in sorted(settings.groups) if not login_of(settings, secrets, n).lacking]
    setups = [_setup(settings, secrets, name) for name in names]
    return await identified(setups, SystemClock())


# ---------------------------------------------------------------------------------- the stores


@contextmanager
def stores_to_act(settings: Settings) -> Iterator[Stores]:
    """Open the stores as a process that acts or speaks; an embedded database has at most one.

    Raises:
        NotToBeHad: it has one already.
    """
    try:
        stores = open_stores(settings.storage.url, acting=True)
    except DatabaseInUse as error:
        raise NotToBeHad(f"{error}, and {_ONE_PROCESS}") from error
    try:
        yield stores
    finally:
        stores.close()


def is_there(settings: Settings) -> bool:
    """Say whether a database was made already, as far as one can tell without opening it."""
    file = embedded_file(settings.storage.url)
    return file is None or file.exists()


@contextmanager
def stores_to_read(settings: Settings) -> Iterator[Stores]:
    """Open the stores beside a running service: to read, and to put words into the inbox.

    Raises:
        SettingsWrong: there is no database yet; reading must not make one somewhere.
    """
    _refuse_absent(settings)
    stores = open_stores(settings.storage.url, acting=False)
    try:
        yield stores
    finally:
        stores.close()


def _refuse_absent(settings: Settings) -> None:
    if not is_there(settings):
        file = embedded_file(settings.storage.url)
        raise SettingsWrong(f"there is no database at {file}; hotfix-bot serve makes it")


@contextmanager
def upkeep(settings: Settings, *, acting: bool) -> Iterator[Upkeep]:
    """Open the database to look after it; `acting` where it is changed or moved from.

    Raises:
        SettingsWrong: there is none yet, or a process acts on it that must be stopped first.
    """
    _refuse_absent(settings)
    with _stopped_first():
        opened = open_upkeep(settings.storage.url, acting=acting)
    with closing(opened):
        yield opened


def file_address(url: str) -> str | None:
    """Return the address of an SQLite file as it reads in every folder; None for a server."""
    file = embedded_file(url)
    return None if file is None else f"sqlite:///{file}"


@contextmanager
def upkeep_of(file: Path) -> Iterator[Upkeep]:
    """Open a backup to check it."""
    with closing(open_copy(file)) as opened:
        yield opened


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Bring the tables to what this version needs; return the revision before and now.

    Raises:
        SettingsWrong: a process acts on the database that must be stopped first.
    """
    with _stopped_first():
        return migrate.upgrade(settings.storage.url)


@contextmanager
def _stopped_first() -> Iterator[None]:
    try:
        yield
    except DatabaseInUse as error:
        raise SettingsWrong(f"{error}; stop it first") from error


# ------------------------------------------------------------------------- what all share


@dataclass
class Wakes:
    """Whom to tell in this process that a run has news; each half puts itself in."""

    to_act: Callable[[str], None] = lambda _run: None
    to_speak: Callable[[str], None] = lambda _run: None


class Base:
    """What every process has, whatever it does: settings, stores and Slack's Web API."""

    def __init__(self, settings: Settings, secrets: Secrets, stores: Stores, clock: Clock) -> None:
        self.settings = settings
        self.secrets = secrets
        self.stores = stores
        self.clock = clock
        self.wakes = Wakes()
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{random_words.token_hex(4)}"
        self.redactor = Redactor(secrets.values)
        self.health = Health(clock)
        self.standing = Standing()
        self.health.way("slack takes", self._what_slack_takes)
        self.client = web_client(
            settings.slack.api_url,
            secrets.bot_token,
            TokenWatch(self.health),
            turns=Turns(clock, settings.slack.calls_a_minute),
            standing=self.standing,
        )
        self.me = Self(self.client)
        quiet = QuietHours.read(settings.slack.quiet_hours)
        self.channels = Channels(self.client, clock, self.standing)
        self.people = SlackPeople(
            self.client,
            clock,
            self.me,
            settings.roles,
            stores.deliveries,
            quiet,
            self.channels,
        )
        self.approvers = Approvers(settings, self.people.usergroups, clock)
        self.health.way("approvers", self.approvers.state)
        self.answers = SlackAnswers(self.client, stores.deliveries)
        self.inventory = SettingsInventory(settings, secrets)
        self.runs = Runs(
            stores.journal, stores.deliveries, self.inventory.names(), clock, settings.tags
        )
        self.hearing = Hearing(settings, self.runs, stores.deliveries, clock)
        self.people.on_stop = hearing_stops(self.hearing, stores.inbox)

    def _what_slack_takes(self) -> Part:
        """Say for /readyz whether Slack refuses what no waiting mends."""
        reason = self.standing.reason
        return Part(not reason, reason or "nothing is refused for good")

    async def refuse_the_impossible(self) -> None:
        """Refuse to begin with a gate that nobody could ever pass, where no run is open.

        Raises:
            SettingsWrong: there is one.
        """
        await self.approvers.look()
        lacking = self.approvers.lacking
        with suppress(StorageDown):  # then there may be one
            if lacking and not await asyncio.to_thread(self.stores.journal.runs):
                raise SettingsWrong("\n".join(lacking))


# --------------------------------------------------------------------------------- the halves


class Acting:
    """The half that plans and acts. It needs no socket, but asks Slack who votes."""

    def __init__(self, base: Base, groups: frozenset[str]) -> None:
        self.groups = groups

        def listen(records: Sequence[Record]) -> None:
            for run in {record.stream for record in records}:
                base.wakes.to_speak(run)

        self._worker = Worker(
            base.stores,
            base.clock,
            base.inventory,
            base.people,
            PlainAnswers(base.answers),
            PackageFolder(base.settings.packages.directory),
            holder=base.holder,
            groups=groups,
            redact=base.redactor.text,
            listener=listen,
            version=our_version(),
            lease_ttl=base.settings.storage.lease_ttl,
            alone=base.settings.storage.embedded,
        )
        self._alarm = Alarm(base.health.watched("worker", self._worker.tick))
        base.wakes.to_act = self._worker.wake

    def start(self) -> None:
        """Begin: what is open is taken up at the first tick."""
        self._alarm.start()

    def heard(self, run: str) -> None:
        """Another process has written something about a run."""
        self._worker.heard(run)

    async def close(self) -> None:
        """Stop, and give back what is held. Nothing is finished first."""
        self._alarm.stop()
        await self._worker.close()


def _way(base: Base, app: AsyncApp, on_hello: Callable[[], None]) -> Sockets | Endpoint:
    """Return how Slack reaches us, as the settings say."""
    slack = base.settings.slack
    if slack.transport == "http":
        secret, listen = base.secrets.signing_secret, host_and_port(slack.listen)
        return Endpoint(app, secret, base.clock, listen, on_hello=on_hello)
    token = base.secrets.app_token
    return Sockets(app, token, base.clock, connections=slack.connections, on_hello=on_hello)


@contextmanager
def _told_as_setting(section: str) -> Iterator[None]:
    try:
        yield
    except CannotListen as error:
        raise NotToBeHad(f"{section}.listen: {error}") from error


class Facing:
    """The half that Slack sees: it hears, stores what it heard, and tells what happened.

    With `alone` nobody acts in this process, so it is looked after whether others do.
    """

    def __init__(self, base: Base, *, alone: bool = False) -> None:
        self._base = base
        settings, stores = base.settings, base.stores
        self._speaker = Speaker(
            stores,
            base.client,
            base.clock,
            lambda request: _channel(settings, request),
            self._shown,
            holder=base.holder,
            lease_ttl=settings.storage.lease_ttl,
            post_interval=settings.slack.post_every,
            edit_interval=settings.slack.edit_every,
            edit_interval_per_run=settings.slack.edit_per_run,
            looked_at={name: group.channel for name, group in settings.groups.items()},
            task_cards=settings.slack.task_cards,
        )
        hearing = base.hearing
        help_for = Help(settings, base.people)
        overview = Overview(settings, base.people, stores, base.client, base.clock)
        self._homes = Homes(base.client, base.clock, overview, settings.slack.command)
        follow = following(
            stores.inbox,
            base.answers,
            lambda run: base.wakes.to_act(run),
            help_for,
            overview.answer,
            base.clock,
        )
        app = slack_app(
            base.client,
            base.secrets.bot_token,
            base.me,
            storing(hearing, stores.inbox),
            base.answers,
            follow,
            help_for,
            self._homes.opened,
            base.people.changed,
        )
        self._threads = Threads(
            base.client,
            base.clock,
            base.me,
            hearing,
            stores,
            follow,
            stood=self._speaker.stood,
        )
        self._leftovers = Leftovers(stores, follow, base.clock)
        base.people.on_gone = self._speaker.gone
        self._doors = Doors(
            base.client,
            base.clock,
            stores,
            base.channels,
            base.standing,
            base.people.in_roles,
            self._speaker.speaks_for,
        )
        base.standing.changed = self._doors.look_soon
        self._unattended = Unattended(
            stores,
            base.clock,
            lease_ttl=settings.storage.lease_ttl,
            in_roles=base.people.in_roles,
            speaks_for=self._speaker.speaks_for,
            wake=self._speaker.wake,
            follow=follow,
            cuts_off=settings.slack.transport == "http",
        )
        self._alone = alone
        if alone:
            base.runs.unattended = lambda: self._unattended.since
            base.health.way("workers", self._unattended.state)
        self._way = _way(base, app, self._greeted)
        base.health.way("slack", self._way.state)
        self._waking: asyncio.Future[None] | None = None
        catch_up = base.health.watched("speaker", self._speaker.catch_up)
        self._alarm = Alarm(catch_up, every=SPEAKER_LOOKS_EVERY)
        base.wakes.to_speak = self.heard

    def start(self) -> None:
        """Begin to tell what is missing in Slack."""
        self._alarm.start()
        self._homes.start()
        self._threads.start()
        self._base.hearing.on_copy = self._read_soon_from(asyncio.get_running_loop())
        self._leftovers.start()
        self._doors.start()
        if self._alone:
            self._unattended.start()
        self._greeted()

    async def connect(self) -> None:
        """Begin to hear.

        Raises:
            NotToBeHad: the address to listen on is not ours, or in use.
        """
        with _told_as_setting("slack"):
            await self._way.start()

    def heard(self, run: str) -> None:
        """Something was written about a run, here or by another process."""
        self._speaker.wake(run)
        self._homes.changed()

    def _read_soon_from(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Return what reads threads back soon, from whichever thread it is called."""

        def read_soon() -> None:
            loop.call_soon_threadsafe(self._threads.read_soon)

        return read_soon

    def _greeted(self) -> None:
        """At start and at a new connection events may have been missed: Slack is read back."""
        self._threads.read_soon()
        self._waking = asyncio.ensure_future(self._wake_all())

    async def _wake_all(self) -> None:
        with suppress(StorageDown):  # both halves look by themselves when it is back
            for row in await asyncio.to_thread(self._base.stores.journal.runs):
                self._base.wakes.to_act(row.id)
                self._base.wakes.to_speak(row.id)

    async def _shown(self, run: str, gate: str, channel: str, ts: str) -> None:
        """A gate's message stands in Slack: from now on its votes count."""
        link = await permalink(self._base.client, channel, ts)
        row = InboxRow(
            key=f"shown:{run}/{gate}/{ts}",
            run=run,
            kind="shown",
            body={"gate": gate, "channel": channel, "ts": ts, "link": link},
            at=self._base.clock.now(),
        )
        await asyncio.to_thread(self._base.stores.inbox.put, row)
        self._base.wakes.to_act(run)

    async def close(self) -> None:
        """Stop; what is missing is told after the next start."""
        self._alarm.stop()
        if self._waking is not None:
            self._waking.cancel()
        await self._homes.close()
        await self._unattended.close()
        await self._doors.close()
        await self._leftovers.close()
        await self._threads.close()
        await self._way.close()
        await self._speaker.close()


# ------------------------------------------------------------------------------- the processes


@dataclass
class Service:
    """One process, of one half or both. Needs a running event loop."""

    base: Base
    acting: Acting | None = None
    facing: Facing | None = None
    _begun: list[Acting | Facing] = field(default_factory=list)
    _deaf: Callable[[], None] = lambda: None
    _probe: Probe | None = None
    _tokens: TokenCheck | None = None

    async def start(self) -> None:
        """Begin: what waits is taken up, what is missing in Slack is told.

        Raises:
            SettingsWrong: a gate that nobody could ever pass, and no run is open.
        """
        await self._tell_health()
        # Devices first: what is under way must not wait until Slack answers, or gives up.
        for half in (self.acting, self.facing):
            if half is not None:
                half.start()
                self._begun.append(half)
        self._listen()
        await self.base.refuse_the_impossible()
        self.base.approvers.start()
        if self.facing is not None:
            await self.facing.connect()
        log.info(
            "serving",
            acts_on=sorted(self.acting.groups) if self.acting else [],
            hears_slack=self.facing is not None,
            version=our_version(),
        )

    async def _tell_health(self) -> None:
        """Answer whoever asks how we are, from the first moment on."""
        base = self.base
        base.health.database(base.stores.try_out)
        base.health.start()
        self._tokens = TokenCheck(base.client, base.clock)
        self._tokens.start()
        where = base.settings.health.listen
        if where:
            self._probe = Probe(base.health, host_and_port(where), base.redactor.text)
            with _told_as_setting("health"):
                address = await self._probe.start()
            log.info("telling how we are", address=address, paths=["/livez", "/readyz"])

    def _listen(self) -> None:
        """Hear what other processes commit: a hint, behind which each half looks by itself."""
        loop = asyncio.get_running_loop()

        def heard(run: str) -> None:
            loop.call_soon_threadsafe(self._heard, run)

        self._deaf = self.base.stores.listen(heard)

    def _heard(self, run: str) -> None:
        for half in self._begun:
            if run:
                half.heard(run)

    async def close(self) -> None:
        """Stop. Nothing is finished first: whatever is open goes on at the next start."""
        await asyncio.to_thread(self._deaf)
        for half in reversed(self._begun):
            await half.close()
        self._begun.clear()
        for told in (self._tokens, self._probe):
            if told is not None:
                await told.close()
        await self.base.approvers.close()
        await self.base.health.close()


def _channel(settings: Settings, request: Request) -> str:
    """Return where a run is told: as the settings say now, or said when it was ordered."""
    group = settings.groups.get(request.security_group)
    return group.channel if group is not None else request.channel


def service(
    settings: Settings, secrets: Secrets, stores: Stores, *, clock: Clock | None = None
) -> Service:
    """Wire a process that hears, acts and speaks; nothing runs yet."""
    base = Base(settings, secrets, stores, clock or SystemClock())
    return Service(base, Acting(base, settings.groups_of("")), Facing(base))


def facing_service(
    settings: Settings, secrets: Secrets, stores: Stores, *, clock: Clock | None = None
) -> Service:
    """Wire a process that hears and speaks; others act."""
    base = Base(settings, secrets, stores, clock or SystemClock())
    return Service(base, facing=Facing(base, alone=True))


def acting_service(
    settings: Settings,
    secrets: Secrets,
    stores: Stores,
    *,
    groups: frozenset[str],
    clock: Clock | None = None,
) -> Service:
    """Wire a process that acts on these groups; others hear and speak."""
    base = Base(settings, secrets, stores, clock or SystemClock())
    return Service(base, acting=Acting(base, groups))


async def serve(settings: Settings, secrets: Secrets) -> None:
    """Hear, act and speak until the process is told to stop."""
    secrets.need_slack(settings.slack.transport)
    await _run(settings, partial(service, settings, secrets))


async def serve_facing(settings: Settings, secrets: Secrets) -> None:
    """Hear and speak until the process is told to stop.

    Raises:
        SettingsWrong: nobody else could act on this database.
    """
    secrets.need_slack(settings.slack.transport)
    _refuse_embedded(settings, "serve --no-worker")
    await _run(settings, partial(facing_service, settings, secrets))


async def work(settings: Settings, secrets: Secrets, zone: str) -> None:
    """Act, on the groups of one zone or (where it is "") on all, until told to stop.

    Raises:
        SettingsWrong: no such zone, or nobody else could hear and speak on this database.
    """
    secrets.need_web_api()
    groups = settings.groups_of(zone)
    _refuse_embedded(settings, "worker")
    await _run(settings, partial(acting_service, settings, secrets, groups=groups))


def _refuse_embedded(settings: Settings, command: str) -> None:
    if settings.storage.embedded:
        raise SettingsWrong(f"hotfix-bot {command} cannot be used here: {_ONE_PROCESS}")


async def _run(settings: Settings, wired: Callable[[Stores], Service]) -> None:
    """Run a process until it is told to stop; SIGTERM has no path of its own."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with stores_to_act(settings) as stores:
        serving = wired(stores)
        try:
            await serving.start()
            await stopped.wait()
        finally:
            await serving.close()
