"""A bot's Slack side without an engine behind it: real Bolt, real connections, stores in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.app import slack_app, web_client
from bot.config.policies import GateSettings, PolicySettings, ProposalSettings
from bot.config.settings import GroupSettings, RoleSettings, Settings, SlackSettings
from bot.hearing import Hearing
from bot.helping import Help
from bot.home import Homes
from bot.http import PATH, Endpoint
from bot.inbox import following, hearing_stops, storing
from bot.leftovers import Leftovers
from bot.localslack import LocalSlack
from bot.localslack.model import Message
from bot.overview import Overview
from bot.people import Self, SlackAnswers, SlackPeople
from bot.reach import QuietHours
from bot.runs import Runs
from bot.threads import Threads
from engine.fold import RunState
from engine.journal import first_records
from engine.model import Request
from storage.memory import MemoryStores
from storage.records import (
    HOUSE,
    Delivery,
    Draft,
    InboxRow,
    InboxStore,
    Lease,
    Record,
    RunRow,
    Stores,
)
from tests.unit.builders import NAME, plan, without_package

CHANNEL = "C0000FWOPS0"
RITA, ANA, BEN, NOOR, GUS = (
    "U00000RITA0",
    "U000000ANA0",
    "U000000BEN0",
    "U00000NOOR0",
    "U000000GUS0",
)
BOT = "U0000HOTFIX"
PACKAGE = NAME
NIGHT = QuietHours.read("22:00-07:00")
ROLES = {
    "network": RoleSettings(members=(ANA,), usergroup="S0FWAPPROV0"),
    "firewall": RoleSettings(members=(RITA,)),
}


class StillClock:
    """A clock that a test moves; see engine.ports.Clock."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 22, 0, tzinfo=UTC) + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.Event().wait()


class PassingClock(StillClock):
    """A clock on which waiting takes no time; `meanwhile` happens in each wait."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def sleep(self, duration: timedelta) -> None:
        self.passed += duration
        if self.meanwhile is not None:
            await self.meanwhile()


class FragileInbox:
    """An inbox whose database fails as often as a test asks; see storage.records.InboxStore."""

    def __init__(self, inbox: InboxStore) -> None:
        self._inbox = inbox
        self.failures = 0
        self.puts = 0

    def put(self, row: InboxRow) -> bool:
        self.puts += 1
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        return self._inbox.put(row)

    def waiting(self, **which: Any) -> Any:
        return self._inbox.waiting(**which)

    def drop(self, key: str, *, seq: int = 0, lease: Lease | None = None) -> None:
        self._inbox.drop(key, seq=seq, lease=lease)


class SlacksClock(StillClock):
    """The wall clock of a Slack on loopback, as two machines that are set right share one."""

    def __init__(self, slack: LocalSlack) -> None:
        super().__init__()
        self._slack = slack

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._slack.workspace.now(), UTC) + self.passed


class House:
    """The Slack side of a bot, connected to a Slack on loopback over a socket or by HTTP."""

    def __init__(
        self,
        slack: LocalSlack,
        clock: StillClock | None = None,
        *,
        transport: str = "socket",
        window: Sequence[str] = (),
    ) -> None:
        self.transport = transport
        self.slack = slack
        self.settings = settings(slack, window)
        self.clock = clock or StillClock()
        self.stores = MemoryStores()
        self.inbox = FragileInbox(self.stores.inbox)
        self.woken: list[str] = []
        self.client = web_client(slack.base_url, "xoxb-localslack")
        self.me = Self(self.client)
        groups = sorted(self.settings.groups)
        tags = self.settings.tags
        self.runs = Runs(self.stores.journal, self.stores.deliveries, groups, self.clock, tags)
        hearing = Hearing(self.settings, self.runs, self.stores.deliveries, self.clock)
        self.answers = SlackAnswers(self.client, self.stores.deliveries)
        self.people = SlackPeople(
            self.client, self.clock, self.me, ROLES, self.stores.deliveries, NIGHT
        )
        self.people.on_stop = hearing_stops(hearing, self.inbox)
        help_for = Help(self.settings, self.people)
        overview = Overview(self.settings, self.people, self.stores, self.client, self.clock)
        self.homes = Homes(self.client, self.clock, overview, "/hotfix")
        follow = following(
            self.inbox, self.answers, self.woken.append, help_for, overview.answer, self.clock
        )
        self.bolt = slack_app(
            self.client,
            "xoxb-localslack",
            self.me,
            storing(hearing, self.inbox),
            self.answers,
            follow,
            help_for,
            self.homes.opened,
            self.people.changed,
        )
        self.threads = Threads(self.client, self.clock, self.me, hearing, self.stores, follow)
        self.follow = follow
        self.leftovers = Leftovers(self.stores, follow, self.clock)
        self.hearing = hearing
        self.handler = AsyncSocketModeHandler(self.bolt, "xapp-localslack")
        self.endpoint: Endpoint | None = None

    async def connect(self) -> None:
        if self.transport == "socket":
            await self.handler.connect_async()
            return
        secret, anywhere = self.slack.workspace.app.signing_secret, ("127.0.0.1", 0)
        self.endpoint = Endpoint(
            self.bolt, secret, SlacksClock(self.slack), anywhere, on_hello=lambda: None
        )
        await self.endpoint.start()
        self.slack.workspace.app.listens_at(self.url)

    @property
    def url(self) -> str:
        """The Request URL in HTTP mode."""
        assert self.endpoint is not None
        return f"http://{self.endpoint.address}{PATH}"

    async def close(self) -> None:
        await self.homes.close()
        await self.handler.close_async()
        if self.endpoint is not None:
            await self.endpoint.close()
        self.stores.close()

    @property
    def rows(self) -> list[InboxRow]:
        return list(self.stores.inbox.waiting())

    def add_run(self, run: str = "hf-000001", group: str = "site-1") -> str:
        """Have a run that waits for the approval of its proposal."""
        return add_run(self.stores, self.clock, run, group)

    def end_run(self, run: str, group: str = "site-1") -> None:
        """Have a run that is over."""
        ended = Draft("ENDED", self.clock.now(), "engine", {"state": "done"})
        index = RunRow(run, group, "install", open=False, occupies=False, wake_at=None)
        self.stores.journal.append(run, [ended], lease=None, last_seq=2, index=index)

    def play(self, records: Sequence[Record]) -> str:
        """Let these happen to a run; return it."""
        run = records[0].stream
        drafts = [Draft(r.kind, r.at, r.by, r.body) for r in records]
        index = RunState.replay(records).index()
        self.stores.journal.append(run, drafts, lease=None, last_seq=0, index=index)
        return run

    def go_on(self, records: Sequence[Record]) -> None:
        """Let more happen to that run."""
        run = records[0].stream
        there = list(self.stores.journal.read(run))
        drafts = [Draft(r.kind, r.at, r.by, r.body) for r in records]
        index = RunState.replay([*there, *records]).index()
        self.stores.journal.append(run, drafts, lease=None, last_seq=len(there), index=index)

    def append_to_house(self, kind: str, **body: Any) -> None:
        """Let something happen that outlives a run."""
        there = list(self.stores.journal.read(HOUSE))
        draft = Draft(kind, self.clock.now(), "engine", body)
        self.stores.journal.append(HOUSE, [draft], lease=None, last_seq=len(there))

    async def ask(self, run: str = "hf-000001", gate: str = "gate/G2") -> tuple[str, str]:
        """Post a run's root and a gate's message in its thread; return both places."""
        root = await self.post(f"{run}/root")
        return root, await self.post(f"{run}/{gate}", thread_ts=root)

    async def post(
        self, key: str, thread_ts: str | None = None, blocks: Sequence[dict[str, Any]] = ()
    ) -> str:
        """Post a message of a run, as the speaker does, and return its place."""
        said = await self.client.chat_postMessage(
            channel=CHANNEL, text=key, thread_ts=thread_ts or None, blocks=list(blocks) or None
        )
        ts = str(said["ts"])
        self.stores.deliveries.save(Delivery(key, CHANNEL, ts, "digest", "sent"))
        return ts


async def post_copy(house: House, key: str, root: str) -> str:
    """Have Slack take a post late, which was posted again: nobody here knows its place."""
    metadata = {"event_type": "hotfix", "event_payload": {"key": key}}
    said = await house.client.chat_postMessage(
        channel=CHANNEL, text=key, thread_ts=root, metadata=metadata
    )
    return str(said["ts"])


def add_run(
    stores: Stores, clock: StillClock, run: str = "hf-000001", group: str = "site-1"
) -> str:
    """Have a run that waits for the approval of its proposal."""
    request = Request("install", group, PACKAGE, RITA, CHANNEL, "rita")
    facts = without_package()
    drafts, index = first_records(
        run, request, plan(run=run, security_group=group), facts, clock, by=RITA
    )
    stores.journal.append(run, drafts, lease=None, last_seq=0, index=index)
    return run


def chatter(slack: LocalSlack, root: str, count: int) -> None:
    """Have people talk in a thread, without the bot."""
    workspace = slack.workspace
    for number in range(count):
        workspace.post(Message(CHANNEL, workspace.new_ts(), GUS, f"talk {number}", thread_ts=root))


def app_writes(slack: LocalSlack, root: str, text: str) -> None:
    """Have another app write in a thread, in a person's name."""
    workspace = slack.workspace
    ts = workspace.new_ts()
    workspace.post(Message(CHANNEL, ts, GUS, text, thread_ts=root, by_app=True))


def settings(slack: LocalSlack, window: Sequence[str] = ()) -> Settings:
    """Settings for two groups, one of them told in a channel of its own.

    `window`: when the first may fail over, where not at any time.
    """
    gate = {"voters": ("network", "firewall")}
    first = {"window": tuple(window)} if window else {}
    return Settings(
        slack=SlackSettings(api_url=slack.base_url),
        policy=PolicySettings(
            proposal=ProposalSettings(**gate), failover=GateSettings(**gate), operators=("network",)
        ),
        roles=ROLES,
        groups={
            "site-1": GroupSettings(address="192.0.2.1", channel=CHANNEL, **first),
            "site-2": GroupSettings(
                address="192.0.2.2", channel="C0000OTHER0", timezone="Europe/Berlin", tags=("emea",)
            ),
        },
    )
