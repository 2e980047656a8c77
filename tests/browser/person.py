"""Somebody in front of the page: what they do, in their words, and where they look."""

from typing import Any

from playwright.async_api import Locator, Page, expect

# Long enough for a machine with other work; reached only when a test is about to fail.
PATIENCE_MS = 15_000

expect.set_options(timeout=PATIENCE_MS)


class Person:
    """Uses one page, as one or several people of the workspace."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def composer(self) -> Locator:
        """Where one writes to the channel."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def reply(self) -> Locator:
        """Where one writes in the thread."""
        return self.page.get_by_role("textbox", name="Reply", exact=True)

    @property
    def log(self) -> Locator:
        """The channel's messages."""
        return self.page.get_by_role("log", name="Messages")

    @property
    def thread(self) -> Locator:
        """The thread beside it."""
        return self.page.get_by_role("complementary", name="Thread")

    @property
    def suggestions(self) -> Locator:
        """What is suggested while one types."""
        return self.page.get_by_role("option")

    async def opens(self, url: str) -> None:
        """Open the page and see the channel."""
        await self.page.goto(url)
        await expect(self.composer).to_be_editable()

    def message(self, ts: str) -> Locator:
        """Return a message in the channel."""
        return self.log.locator(f'article[data-ts="{ts}"]')

    def said(self, text: str) -> Locator:
        """Return the messages in the channel that say something."""
        return self.log.get_by_role("article").filter(has_text=text)

    async def becomes(self, name: str) -> None:
        """Choose who to be."""
        await self.page.locator("#sidebar label.person", has_text=name).click()
        await expect(self.page.locator(".me")).to_contain_text(name)

    async def writes(self, text: str) -> None:
        """Type and send to the channel."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def reacts(self, message: Locator, name: str) -> None:
        """Click a reaction that is there already."""
        await message.get_by_role("button", name=f"{name},").click()

    async def opens_thread(self, message: Locator) -> None:
        """Open the thread of a message by its replies."""
        await message.locator(".thread-link").click()
        await expect(self.thread).to_be_visible()

    async def sees_no_overflow(self) -> None:
        """Nothing is wider than the screen, and the page itself does not scroll."""
        assert await self.page.evaluate(
            "document.documentElement.scrollWidth <= innerWidth &&"
            " document.documentElement.scrollHeight <= innerHeight &&"
            " [...document.querySelectorAll('.log, .foot, .bar, .sidebar-body')].every("
            "   (one) => one.scrollWidth <= one.clientWidth + 1)"
        )


def plain(text: str) -> dict[str, Any]:
    """Return a plain text object."""
    return {"type": "plain_text", "text": text}


def section(text: str, **more: Any) -> dict[str, Any]:
    """Return a section of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}
