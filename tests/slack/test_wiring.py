"""The whole service, wired as it serves: it begins with Slack, without Slack, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from bot.config.mistakes import SettingsWrong
from bot.config.secrets import Secrets
from bot.config.settings import RoleSettings, Settings, SlackSettings, StorageSettings
from bot.http import PATH, Endpoint
from bot.localslack import ControlClient, LocalSlack
from bot.threads import PACE
from bot.views import render
from bot.wiring import Base, Facing, Service, acting_service, facing_service, service, stores_to_act
from engine.canon import to_json
from engine.clock import SystemClock
from engine.drift import Finding, Look, stream_of
from engine.journal import Kind
from engine.model import Request
from storage.memory import MemoryStores
from storage.records import HOUSE, Delivery, Draft, InboxRow
from tests.slack.house import CHANNEL, PACKAGE, SlacksClock, StillClock, add_run, settings
from tests.slack.watch import PATIENCE_S, Watch, clock_is_awaited

SECRETS = Secrets(bot_token="xoxb-localslack", app_token="xapp-localslack")


def settings_here(slack: LocalSlack, folder: Path, **changes: object) -> Settings:
    storage = StorageSettings(url=f"sqlite:///{folder / 'hotfix.db'}")
    return settings(slack).model_copy(update={"storage": storage, **changes})


@pytest.fixture
async def serving(slack: LocalSlack, tmp_path: Path) -> AsyncIterator[Service]:
    chosen = settings_here(slack, tmp_path)
    with stores_to_act(chosen) as stores:
        built = service(chosen, SECRETS, stores)
        yield built
        await built.close()


async def test_a_service_connects_and_answers(serving, people, watch: Watch):
    await serving.start()
    await watch.until("connection_opened", open=1)

    seen = await people.act("rita", "command", channel=CHANNEL, text="/hotfix status")

    assert "No run is open on `site-1`, `site-2`." in seen["saw"][0]["text"]


class ShortSleeps(StillClock):
    """A clock on which the pace of calls takes no time, and nothing longer ever comes."""

    async def sleep(self, duration: timedelta) -> None:
        if duration > PACE:
            await super().sleep(duration)
        self.passed += duration


async def test_what_was_said_while_nobody_listened_is_heard_at_start_and_at_each_greeting(
    slack, client, people, watch: Watch, tmp_path
):
    async def say(text: str) -> None:
        await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text=text)

    async def heard(count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            while len(rows := stores.inbox.waiting()) < count:
                await people.state()
        return [row.body["verb"] for row in rows]

    chosen = settings_here(slack, tmp_path)
    with stores_to_act(chosen) as stores:
        add_run(stores, StillClock())
        root = str((await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"])
        stores.deliveries.save(Delivery("hf-000001/root", CHANNEL, root, "digest", "sent"))
        facing = Facing(Base(chosen, SECRETS, stores, ShortSleeps()))
        await say("pause")
        facing.start()
        try:
            assert await heard(1) == ["pause"]
            await say("halt")
            await facing.connect()
            assert await heard(2) == ["pause", "halt"]
        finally:
            await facing.close()


async def test_a_daily_look_is_told_in_the_channel_of_its_group(slack, people, tmp_path):
    def there() -> list[str]:
        return [m.text for m in slack.workspace.channels[CHANNEL].messages.values()]

    chosen = settings_here(slack, tmp_path)
    wrong = Finding("out", "1_3 is DOWN (ADMIN)", "look at it on the device")
    with stores_to_act(chosen) as stores:
        look = Look("site-1", StillClock().now(), (wrong,), "2026-03-02")
        draft = Draft(Kind.LOOKED, look.at, "engine", look.as_json())
        stores.journal.append(stream_of("site-1"), [draft], lease=None, last_seq=0)
        facing = Facing(Base(chosen, SECRETS, stores, ShortSleeps()))
        facing.start()
        facing.heard(stream_of("site-1"))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not there():
                    await people.state()
        finally:
            await facing.close()

    (text,) = there()
    assert "1_3 is DOWN (ADMIN)" in text


async def test_a_service_begins_without_slack(serving, slack):
    await slack.stop()

    with structlog.testing.capture_logs() as logged:
        await serving.start()

    events = [line["event"] for line in logged]
    assert "user groups were not checked" in events
    assert "serving" in events


async def test_where_nobody_else_can_act_an_unknown_group_is_refused_at_once(
    slack, people, tmp_path
):
    chosen = settings_here(slack, tmp_path)
    asked = Request("install", "site-9", PACKAGE, "U000000RITA", CHANNEL)
    with stores_to_act(chosen) as stores:
        body = {"request": to_json(asked), "answer": {}}
        stores.inbox.put(InboxRow("cmd:1", None, "order", body, SystemClock().now()))
        built = service(chosen, SECRETS, stores)
        try:
            await built.start()
            async with asyncio.timeout(PATIENCE_S):
                while not (refused := list(stores.journal.read(HOUSE))):
                    await people.state()
        finally:
            await built.close()

    assert ["there is no group site-9" in one.body["reason"] for one in refused] == [True]


def too_few(slack: LocalSlack, folder: Path) -> Settings:
    """Settings of which a user group holds fewer people than a gate asks for."""
    few = {
        "network": RoleSettings(usergroup="S0FWAPPROV0"),
        "firewall": RoleSettings(),
    }
    slack.workspace.usergroups["S0FWAPPROV0"].users = ["U000000ANA0"]
    return settings_here(slack, folder, roles=few)


async def test_a_gate_that_a_user_group_cannot_pass_is_refused(slack, tmp_path):
    chosen = too_few(slack, tmp_path)
    with stores_to_act(chosen) as stores:
        built = service(chosen, SECRETS, stores)
        try:
            with pytest.raises(SettingsWrong, match="nobody can pass the failover gate"):
                await built.start()
        finally:
            await built.close()


async def test_a_user_group_that_shrank_keeps_nobody_away_from_an_open_run(slack, tmp_path):
    chosen = too_few(slack, tmp_path)
    with stores_to_act(chosen) as stores:
        add_run(stores, StillClock())
        built = service(chosen, SECRETS, stores)
        try:
            with structlog.testing.capture_logs() as logged:
                await built.start()
            told = (await built.base.health.ready())["approvers"]
            slack.workspace.usergroups["S0FWAPPROV0"].users += ["U000000BEN0", "U00000NOOR0"]
            await built.base.people.changed("usergroup", "S0FWAPPROV0")
            await built.base.approvers.look()
            again = (await built.base.health.ready())["approvers"]
        finally:
            await built.close()

    events = [line["event"] for line in logged]
    assert events.count("a gate or a right lacks people") == 1
    assert "serving" in events
    assert not told.ok
    assert "nobody can pass the failover gate" in told.why
    assert again.ok


async def test_a_process_that_does_not_act_hears_and_stores_for_those_who_do(
    slack, people, watch: Watch, tmp_path
):
    chosen = settings_here(slack, tmp_path)
    with stores_to_act(chosen) as stores:
        built = facing_service(chosen, SECRETS, stores)
        try:
            with structlog.testing.capture_logs() as logged:
                await built.start()
            await watch.until("connection_opened", open=1)
            text = f"/hotfix install site-1 {PACKAGE}"
            await people.act("rita", "command", channel=CHANNEL, text=text)
            waiting = stores.inbox.waiting()
        finally:
            await built.close()

    assert [row.kind for row in waiting] == ["order"]
    began = next(line for line in logged if line["event"] == "serving")
    assert (began["acts_on"], began["hears_slack"]) == ([], True)


async def test_a_process_that_only_acts_opens_no_socket_and_says_on_what_it_acts(slack, tmp_path):
    chosen = settings_here(slack, tmp_path)
    with stores_to_act(chosen) as stores:
        built = acting_service(chosen, SECRETS, stores, groups=frozenset({"site-2"}))
        try:
            with structlog.testing.capture_logs() as logged:
                await built.start()
        finally:
            await built.close()

    began = next(line for line in logged if line["event"] == "serving")
    assert (began["acts_on"], began["hears_slack"]) == (["site-2"], False)
    async with ControlClient(slack.url) as people:
        calls = {line.get("method") for line in await people.traffic()}
    assert "apps.connections.open" not in calls


async def test_two_processes_behind_one_address_hear_an_event_once_whichever_it_reaches(
    slack, client, people, clock, watch: Watch, tmp_path
):
    way = SlackSettings(api_url=slack.base_url, transport="http", listen="127.0.0.1:0")
    chosen = settings_here(slack, tmp_path).model_copy(update={"slack": way})
    secrets = Secrets(bot_token="xoxb-localslack", signing_secret="localslack-signs")
    stores, time = MemoryStores(), SlacksClock(slack)
    add_run(stores, StillClock())
    root = str((await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"])
    stores.deliveries.save(Delivery("hf-000001/root", CHANNEL, root, "digest", "sent"))
    two = [facing_service(chosen, secrets, stores, clock=time) for _ in range(2)]
    try:
        urls = []
        for built in two:
            await built.start()
            assert built.facing is not None
            assert isinstance(built.facing._way, Endpoint)
            urls.append(f"http://{built.facing._way.address}{PATH}")
        slack.workspace.app.listens_at(urls[0])
        await people.fault("lose_ack")
        await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="pause")
        await watch.until_traffic("ack", ok=False, error="lost")
        slack.workspace.app.listens_at(urls[1])
        await clock_is_awaited(people, clock, within=3)
        clock.advance(3)
        again = await watch.until_traffic("delivery", ok=True, retry_attempt=1)
        await watch.until_traffic("ack", ok=True)
        waiting = stores.inbox.waiting()
    finally:
        for built in two:
            await built.close()

    assert again["url"] == urls[1]
    assert [(row.kind, row.body["verb"]) for row in waiting] == [("word", "pause")]


async def test_two_processes_that_hear_the_same_store_it_once_and_tell_it_once(
    slack, people, watch: Watch, tmp_path
):
    chosen, stores = settings_here(slack, tmp_path), MemoryStores()
    run = add_run(stores, StillClock())
    two = [facing_service(chosen, SECRETS, stores) for _ in range(2)]
    try:
        for built in two:
            await built.start()
        await watch.until("connection_opened", open=4)
        await people.fault("duplicate_envelope", n=2)
        await people.act("rita", "command", channel=CHANNEL, text=f"/hotfix halt {run}")
        async with asyncio.timeout(PATIENCE_S):
            while not stores.deliveries.all(f"{run}/root"):
                await people.state()
        for built in two:
            assert built.facing is not None
            await built.facing._speaker.settle(run)
        waiting = stores.inbox.waiting()
    finally:
        for built in two:
            await built.close()

    standing = slack.workspace.channels[CHANNEL].messages.values()
    keys = [m.metadata["event_payload"]["key"] for m in standing if m.metadata]
    assert [(row.kind, row.body["verb"]) for row in waiting] == [("word", "halt")]
    assert sorted(keys) == sorted(m.key for m in render(stores.journal.read(run)))
    lease = stores.leases.current(f"chat:{run}")
    assert lease is not None
    assert lease.holder == ""


async def test_a_process_without_a_worker_of_its_own_says_where_nobody_acts(
    slack: LocalSlack, tmp_path: Path
):
    def heard(text: str) -> str:
        body = {"command": "/hotfix", "channel_id": CHANNEL, "user_id": "U0ANA", "text": text}
        return base.hearing.hear({**body, "trigger_id": text}).text

    chosen, clock = settings_here(slack, tmp_path), StillClock()
    with stores_to_act(chosen) as stores:
        alone, whole = facing_service(chosen, SECRETS, stores), service(chosen, SECRETS, stores)
        assert "workers" in await alone.base.health.ready()
        assert "workers" not in await whole.base.health.ready()

        run = add_run(stores, clock)
        base = Base(chosen, SECRETS, stores, clock)
        assert "Nobody acts" not in heard("halt") + heard(f"install site-2 {PACKAGE}")
        base.runs.unattended = lambda: {"site-1": clock.now(), "site-2": clock.now()}
        halted, ordered = heard("halt"), heard(f"install site-2 {PACKAGE}")
        assert halted.startswith(
            f"Understood: `halt` for `{run}`.\n🛑 Nobody acts on `site-1` since"
        )
        assert "every member is in service" in halted
        assert "🛑 Nobody acts on `site-2` since" in ordered
        status = heard("status")
        assert "Nobody acts on `site-1`" in status
        assert "Nobody acts on `site-2`" in status
