"""Screenshots of one moment: desktop and phone, light and dark."""

import os
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, ViewportSize

FOLDER = Path(
    os.environ.get("HOTFIX_SCREENSHOTS") or Path(__file__).with_name(".screenshots")
).resolve()

SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
}
THEMES: tuple[Any, ...] = ("light", "dark")

DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def take(page: Page, name: str, shown: Locator, *, block: str = "start") -> None:
    """Leave four pictures; the page is as it was afterwards.

    Args:
        page: what is photographed.
        name: what the moment is called.
        shown: what must be in the picture.
        block: where in it: "start", "center" or "end".
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    for size, viewport in SIZES.items():
        await page.set_viewport_size(viewport)
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            await page.evaluate(DRAWN)
            await shown.evaluate("(one, block) => one.scrollIntoView({ block })", block)
            await page.evaluate(DRAWN)
            await page.screenshot(path=FOLDER / f"{name}-{size}-{theme}.png")
    await page.set_viewport_size(SIZES["desktop"])
    await page.emulate_media(color_scheme="light")
    await page.evaluate(DRAWN)
