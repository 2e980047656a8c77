"""What tests with a Slack on loopback share."""

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import ControlClient, LocalSlack, ManualClock
from tests.slack.app import ExampleApp
from tests.slack.watch import Watch


@pytest.fixture
def clock() -> ManualClock:
    """Return the time that the server lives in."""
    return ManualClock()


@pytest.fixture
async def slack(clock: ManualClock) -> AsyncIterator[LocalSlack]:
    """Run a Slack with the demo's workspace."""
    server = LocalSlack(clock=clock)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def people(slack: LocalSlack) -> AsyncIterator[ControlClient]:
    """Return what acts as people."""
    async with ControlClient(slack.url) as client:
        yield client


@pytest.fixture
def client(slack: LocalSlack) -> AsyncWebClient:
    """Return Slack's own client, as the bot."""
    return AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)


@pytest.fixture
def watch(slack: LocalSlack) -> Watch:
    """Return what waits for changes from now on."""
    return Watch(slack.changes)


@pytest.fixture
async def app(slack: LocalSlack) -> AsyncIterator[ExampleApp]:
    """Run an app with one connection."""
    example = ExampleApp(slack)
    await example.connect()
    yield example
    await example.close()
