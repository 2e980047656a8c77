"""`/livez` and `/readyz` of a service as it serves, towards a Slack on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from bot.config.mistakes import SettingsWrong
from bot.config.secrets import Secrets
from bot.config.settings import HealthSettings, SlackSettings
from bot.health import CHORE_LATE
from bot.localslack import ControlClient, LocalSlack
from bot.tokens import ASK_EVERY
from bot.wiring import Service, acting_service, service, stores_to_act
from storage.records import StorageDown
from storage.stores import DatabaseStores
from tests.slack.house import StillClock
from tests.slack.test_wiring import SECRETS, settings_here
from tests.slack.watch import PATIENCE_S, Watch

ANYWHERE = "127.0.0.1:0"
SIGNING = "localslack-signs"


class Asked:
    """A service, and what it says of itself over HTTP."""

    def __init__(self, built: Service, session: aiohttp.ClientSession) -> None:
        self.service = built
        self.clock = built.base.clock
        self.logged: list[Any] = []
        self._session = session

    async def start(self) -> None:
        with structlog.testing.capture_logs() as logged:
            await self.service.start()
        self.logged = list(logged)

    @property
    def address(self) -> str:
        told = next(line for line in self.logged if line["event"] == "telling how we are")
        return str(told["address"])

    async def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self._session.get(f"http://{self.address}{path}") as answer:
            return answer.status, await answer.json()

    async def until(self, path: str, holds: Callable[[int, dict[str, Any]], bool]) -> Any:
        """Ask until what is told is so, and return its parts."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status, told = await self.ask(path)
                if holds(status, told["parts"]):
                    return told["parts"]

    async def until_ready(self) -> Any:
        return await self.until("/readyz", lambda status, _: status == 200)

    async def close(self) -> None:
        await self.service.close()


class BriefClock(StillClock):
    """A clock that a test moves; a sleep ends when enough of it has passed."""

    async def sleep(self, duration: Any) -> None:
        until = self.passed + duration
        while self.passed < until:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)


@pytest.fixture(params=["socket", "http"])
async def asked(slack: LocalSlack, tmp_path: Path, request) -> AsyncIterator[Asked]:
    way = SlackSettings(api_url=slack.base_url, transport=request.param, listen=ANYWHERE)
    health = HealthSettings(listen=ANYWHERE)
    chosen = settings_here(slack, tmp_path, health=health).model_copy(update={"slack": way})
    of_each = {
        "socket": Secrets(bot_token="xoxb-localslack", app_token="xapp-localslack"),
        "http": Secrets(bot_token="xoxb-localslack", signing_secret=SIGNING),
    }
    secrets = of_each[request.param]
    with stores_to_act(chosen) as stores:
        async with aiohttp.ClientSession() as session:
            built = Asked(service(chosen, secrets, stores, clock=BriefClock()), session)
            yield built
            await built.close()


async def test_a_service_that_has_all_it_needs_is_alive_and_ready(asked):
    await asked.start()

    ready = await asked.until_ready()
    assert set(ready) == {"database", "tokens", "slack", "slack takes", "approvers"}
    assert ready["database"] == {"ok": True, "why": "it answers"}
    status, alive = await asked.ask("/livez")
    assert (status, alive["ok"]) == (200, True)
    assert set(alive["parts"]) == {"event loop", "worker", "speaker"}
    assert "localslack" not in str((ready, alive)), "no secret"


async def test_a_token_that_is_revoked_makes_it_not_ready_with_slacks_reason(
    asked, people: ControlClient
):
    await asked.start()
    await asked.until_ready()
    await people.fault("revoke_token")
    asked.clock.passed += ASK_EVERY

    parts = await asked.until(
        "/readyz", lambda status, parts: status == 503 and not parts["tokens"]["ok"]
    )
    assert parts["tokens"] == {"ok": False, "why": "Slack refuses the bot token: token_revoked"}
    assert parts["database"]["ok"]
    assert (await asked.ask("/livez"))[0] == 200, "a new start would not help"

    await people.fault("clear")
    asked.clock.passed += ASK_EVERY
    await asked.until_ready()


async def test_a_call_of_anybody_finds_out_that_the_token_is_refused(asked, people):
    await asked.start()
    await asked.until_ready()
    await people.fault("revoke_token")
    run = asked.service.base
    with pytest.raises(Exception, match="token_revoked"):
        await run.client.conversations_info(channel="C0000FWOPS0")
    status, told = await asked.ask("/readyz")
    assert status == 503
    assert "token_revoked" in told["parts"]["tokens"]["why"]


async def test_a_database_that_is_gone_makes_it_not_ready_but_no_less_alive(asked, monkeypatch):
    await asked.start()
    await asked.until_ready()

    def gone(*_: object, **__: object) -> None:
        raise StorageDown("connection refused")

    asked.service.base.health.database(gone)
    status, told = await asked.ask("/readyz")
    assert status == 503
    assert told["parts"]["database"]["why"] == "it does not answer: connection refused"
    assert (await asked.ask("/livez"))[0] == 200


async def test_a_database_that_can_only_be_read_makes_it_not_ready(asked, monkeypatch):
    def read_only(_: object) -> None:
        raise StorageDown("cannot execute INSERT in a read-only transaction")

    monkeypatch.setattr(DatabaseStores, "try_out", read_only)
    await asked.start()
    _, told = await asked.ask("/readyz")
    assert not told["parts"]["database"]["ok"]
    assert "read-only transaction" in told["parts"]["database"]["why"]


async def test_looks_that_end_no_more_make_it_not_alive(asked):
    await asked.start()
    await asked.until_ready()
    hangs = asyncio.Event()

    async def for_ever() -> None:
        await hangs.wait()

    watched = asked.service.base.health.watched("worker", for_ever)
    hanging = asyncio.ensure_future(watched())
    asked.clock.passed += 2 * CHORE_LATE

    parts = await asked.until("/livez", lambda status, _: status == 503)
    assert not parts["worker"]["ok"]
    hangs.set()
    await hanging


@pytest.mark.parametrize("asked", ["socket"], indirect=True)
async def test_without_a_connection_to_slack_it_is_not_ready(asked, people, watch: Watch):
    await people.fault("refuse_connection", n=1000)
    await asked.start()
    await watch.until_traffic("socket", event="refused")
    parts = await asked.until("/readyz", lambda _, parts: parts["tokens"]["ok"])
    assert parts["slack"] == {
        "ok": False,
        "why": "Socket Mode: 0 of 2 connections work; no frame yet",
    }


@pytest.mark.parametrize("asked", ["http"], indirect=True)
async def test_over_http_it_is_ready_when_it_listens_and_no_app_token_is_needed(asked):
    await asked.start()
    parts = await asked.until_ready()
    assert parts["slack"]["why"].startswith("HTTP mode: listens on 127.0.0.1:")
    assert asked.service.base.secrets.app_token == ""


async def test_who_only_acts_is_asked_for_what_it_needs(slack, tmp_path):
    chosen = settings_here(slack, tmp_path, health=HealthSettings(listen=ANYWHERE))
    with stores_to_act(chosen) as stores:
        async with aiohttp.ClientSession() as session:
            built = acting_service(chosen, SECRETS, stores, groups=frozenset({"site-1"}))
            asked = Asked(built, session)
            try:
                await asked.start()
                ready = await asked.until_ready()
                _, alive = await asked.ask("/livez")
            finally:
                await asked.close()
    assert set(ready) == {"database", "tokens", "slack takes", "approvers"}
    assert set(alive["parts"]) == {"event loop", "worker"}


async def test_a_port_that_somebody_has_is_refused_in_one_sentence(asked, slack, tmp_path):
    await asked.start()
    taken = HealthSettings(listen=asked.address)
    base = asked.service.base
    other = Service(base)
    base.settings = base.settings.model_copy(update={"health": taken})
    with pytest.raises(SettingsWrong, match=f"health.listen: cannot listen on {asked.address}: "):
        await other._tell_health()
    assert other._tokens is not None
    await other._tokens.close()
