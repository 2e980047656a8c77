"""A browser, a Slack on loopback, a small app in it, and a page that watches its own manners."""

import shutil
from collections.abc import AsyncIterator, Callable
from inspect import iscoroutinefunction

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import ControlClient, LocalSlack
from tests.browser.chromium import open_browser
from tests.browser.person import PATIENCE_MS, Person
from tests.slack.app import ExampleApp


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All share one browser, so all share its event loop."""
    for item in items:
        waits = iscoroutinefunction(getattr(item, "obj", None))
        if waits and "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run Debian's Chromium, once for all tests."""
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium: on Debian, apt-get install chromium")
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def slack() -> AsyncIterator[LocalSlack]:
    """Run a Slack with the demo's workspace."""
    server = LocalSlack(hurry=100)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def people(slack: LocalSlack) -> AsyncIterator[ControlClient]:
    """Return what acts as people who use another browser."""
    async with ControlClient(slack.url) as client:
        yield client


@pytest.fixture
def bot(slack: LocalSlack) -> AsyncWebClient:
    """Return Slack's own client, as the app."""
    return AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)


@pytest_asyncio.fixture(loop_scope="session")
async def app(slack: LocalSlack) -> AsyncIterator[ExampleApp]:
    """Run an app with one connection."""
    example = ExampleApp(slack)
    await example.connect()
    yield example
    await example.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Return a browser that has never been here, in New York."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 900}, timezone_id="America/New_York", locale="en-GB"
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, slack: LocalSlack) -> AsyncIterator[Page]:
    """Return a page; at the end it must have made no mistake and asked nobody but its server."""
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda said: wrong.append(said.text) if _is_breach(said.text) else None)
    page.on("request", _note_strangers(slack.url, wrong))
    yield page
    assert wrong == []


@pytest_asyncio.fixture(loop_scope="session")
async def person(page: Page, slack: LocalSlack) -> Person:
    """Return somebody who has just opened the page, as Rita."""
    person = Person(page)
    await person.opens(slack.url)
    return person


def _is_breach(text: str) -> bool:
    return "Content Security Policy" in text or "TrustedHTML" in text or "Refused to" in text


def _note_strangers(url: str, wrong: list[str]) -> Callable[[Request], None]:
    def note(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            wrong.append(f"asked {request.url}")

    return note
