"""The daily look by the whole service: over real SSH, and told in a Slack on loopback."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.config.secrets import Secrets
from bot.config.settings import GroupSettings, SshSettings
from bot.localslack import ControlClient, LocalSlack
from bot.wiring import service, stores_to_act
from engine.rehearsal.group import Setup
from engine.rehearsal.server import RehearsalServer
from tests.slack.house import CHANNEL
from tests.slack.test_wiring import settings_here
from tests.slack.watch import PATIENCE_S

SPEED = 60.0


class MorningClock:
    """A clock that goes a minute in a second, and shows 07:59 when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        return datetime(2026, 3, 3, 7, 59, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * SPEED

    async def sleep(self, duration: timedelta) -> None:
        forever = asyncio.Event()
        try:
            async with asyncio.timeout(duration.total_seconds() / SPEED):
                await forever.wait()
        except TimeoutError:
            return


@pytest.mark.slow
async def test_in_the_morning_the_channel_is_told_what_is_wrong(tmp_path):
    server = RehearsalServer(Setup(members=4, speed=SPEED), tmp_path)
    place = await server.start()
    slack = LocalSlack()
    await slack.start()
    server.group.admin_down(server.group.member("1_3"))
    group = GroupSettings(address=place.address, port=place.port, channel=CHANNEL)
    ssh = SshSettings(known_hosts=place.known_hosts, client_keys=(place.client_key,))
    chosen = settings_here(slack, tmp_path, ssh=ssh, groups={"site-1": group})
    secrets = Secrets(bot_token="xoxb-localslack", app_token="xapp-localslack")

    def told() -> list[str]:
        messages = slack.workspace.channels[CHANNEL].messages.values()
        return [m.text for m in messages if "is not as it should be" in m.text]

    try:
        async with ControlClient(slack.url) as people:
            with stores_to_act(chosen) as stores:
                built = service(chosen, secrets, stores, clock=MorningClock())
                await built.start()
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        while not told():
                            await people.state()
                finally:
                    await built.close()
                looked = stores.journal.read("look:site-1")
        assert server.group.witness.acts == []
    finally:
        await slack.stop()
        await server.stop()

    (text,) = told()
    assert "1_3 is DOWN (ADMIN)" in text
    assert "`g_clusterXL_admin -b 1_3 up`" in text
    assert [(r.kind, r.body["day"]) for r in looked] == [("LOOKED", "2026-03-03")]
