"""Pictures of each kind of message, for the page about approvals.

A night is staged in a Slack on loopback up to a moment: every message as the views render it then,
posted when it was due, with the reactions of those who had voted. Then the page is photographed.

    python -m tests.browser.pictures             makes all of deploy/pictures anew
    python -m tests.browser.pictures NAME …      some of them

It needs Chromium, and the fonts Liberation and Noto Color Emoji, so that they look the same
everywhere.
"""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from PIL import Image, ImageOps
from playwright.async_api import Browser, FloatRect, Locator, Page
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import ControlClient, LocalSlack, ManualClock
from bot.localslack.seed import Seed, demo_workspace
from bot.views import Message, render
from engine.journal import Kind
from storage.records import Record
from tests.browser.chromium import open_browser
from tests.browser.exhibits import EXHIBITS, QUIET, Exhibit
from tests.browser.scenes import SCENES, Scene
from tests.simulation.night import CHANNEL

FOLDER = Path(__file__).parents[2] / "deploy" / "pictures"
DIGESTS = FOLDER / "shown.json"
"""What each picture shows, as `Exhibit.digest` tells it: so that a test finds old ones."""

# Those who act in the nights, by the names that the demo's workspace has for them.
NIGHT_IDS = {
    "rita": "U0RITA0001",
    "ana": "U0ANA00001",
    "ben": "U0BEN00001",
    "noor": "U0NOOR0001",
    "gus": "U0GUS00001",
    "max": "U0MAX00001",
}
MANAGER = {"name": "max", "real_name": "Max Duarte", "title": "Duty manager"}
EMOJI = {"yes": "white_check_mark", "no": "x"}

# A message is as wide as in a window of this size; high enough for the longest thread.
WIDTH, HEIGHT = 900, 6_000
MARGIN = 14
ALL = (*EXHIBITS, *SCENES)

COLOURS = 128
"""Of a palette: text and a few emoji need no more, and files are a third as large."""


class Staged:
    """A night in Slack, up to a moment."""

    def __init__(self, slack: LocalSlack, places: dict[str, str]) -> None:
        self.slack = slack
        self.places = places


@asynccontextmanager
async def staged(records: Sequence[Record]) -> AsyncIterator[Staged]:
    """Bring a night to Slack, message by message, each at its time."""
    due = _due(records)
    clock = ManualClock(records[0].at.timestamp())
    slack = LocalSlack(_seed(), clock=clock, hurry=1_000)
    await slack.start()
    client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
    places: dict[str, str] = {}
    for message in render(records):
        clock.advance(max(0.0, due[message.key] - clock.now()))
        root = next(iter(places.values()), None)
        answer = await client.chat_postMessage(
            channel=message.direct or CHANNEL,
            text=message.text,
            blocks=list(message.cards or message.blocks),
            thread_ts=None if message.direct else root,
            reply_broadcast=message.broadcast,
        )
        places[message.key] = str(answer["ts"])
        if message.gate:
            await _react(slack, client, places[message.key], _votes(records, message))
    clock.advance(max(0.0, records[-1].at.timestamp() - clock.now()))
    yield Staged(slack, places)
    await slack.stop()


async def _react(
    slack: LocalSlack, client: AsyncWebClient, ts: str, votes: Sequence[tuple[str, str]]
) -> None:
    for name in EMOJI.values():
        await client.reactions_add(channel=CHANNEL, timestamp=ts, name=name)
    async with ControlClient(slack.url) as people:
        for user, choice in votes:
            await people.act(user, "react", channel=CHANNEL, ts=ts, emoji=EMOJI[choice])


def _votes(records: Sequence[Record], message: Message) -> list[tuple[str, str]]:
    """Return who reacts below a gate, as its last record leaves them."""
    number, votes = 0, {}
    for record in records:
        number += record.kind == Kind.GATE_OPENED
        if f"G{number}" != message.gate or "step" not in record.body:
            continue
        if record.kind in (Kind.VOTED, Kind.REFUSED) and record.body.get("choice") in EMOJI:
            votes[str(record.body["user"])] = str(record.body["choice"])
        elif record.kind == Kind.WITHDRAWN:
            votes.pop(str(record.body["user"]), None)
    return [(user, choice) for user, choice in votes.items() if user in NIGHT_IDS.values()]


def _due(records: Sequence[Record]) -> dict[str, float]:
    """Return when each message was first there."""
    due: dict[str, float] = {}
    for end, record in enumerate(records, start=1):
        if end == len(records) or (end > 1 and record.kind not in QUIET - {Kind.INTENDED}):
            for message in render(records[:end]):
                due.setdefault(message.key, record.at.timestamp())
    return due


def _seed() -> Seed:
    seed = demo_workspace()
    seed["users"].append(dict(MANAGER))
    for user in seed["users"]:
        user["id"] = NIGHT_IDS[user["name"]]
    seed["channels"][0]["members"].append("max")
    seed["channels"][0]["id"] = CHANNEL
    return seed


async def photograph(browser: Browser, staged: Staged, exhibit: Exhibit) -> bytes:
    """Return the picture of an exhibit, as PNG."""
    records = exhibit.records()
    context = await browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, timezone_id="Europe/Berlin", locale="en-GB"
    )
    page = await context.new_page()
    await page.clock.set_fixed_time(records[-1].at + timedelta(seconds=1))
    await page.goto(staged.slack.url)
    await page.get_by_role("log", name="Messages").locator("article").first.wait_for()
    if isinstance(exhibit, Scene) and exhibit.play:
        picture = await (await exhibit.play(page, staged.slack, exhibit)).screenshot()
    else:
        picture = await page.screenshot(clip=await _box(page, staged, exhibit.messages(records)))
    await context.close()
    return picture


async def _box(page: Page, staged: Staged, messages: Sequence[Message]) -> FloatRect:
    """Return where messages stand: in the channel, or else in the thread."""
    log = page.get_by_role("log", name="Messages")
    if not all(m.broadcast or not m.in_thread for m in messages):
        await log.locator(".thread-link").first.click()
        log = page.get_by_role("complementary", name="Thread")
    ends = (staged.places[m.key] for m in (messages[0], messages[-1]))
    first, last = (log.locator(f'article[data-ts="{ts}"]') for ts in ends)
    await first.wait_for()
    return await _around(first, last)


async def _around(first: Locator, last: Locator) -> FloatRect:
    above, below = await first.bounding_box(), await last.bounding_box()
    assert above is not None
    assert below is not None
    return {
        "x": above["x"],
        "y": above["y"],
        "width": above["width"],
        "height": below["y"] + below["height"] - above["y"],
    }


def smaller(picture: bytes) -> bytes:
    """Return the same picture with a palette, and with room around it."""
    small = io.BytesIO()
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    paper = whole.getpixel((0, 0))
    assert isinstance(paper, tuple)
    framed = ImageOps.expand(whole, MARGIN, fill=paper)
    framed.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


async def taken(browser: Browser, exhibit: Exhibit) -> bytes:
    """Stage a moment and return its picture."""
    async with staged(exhibit.records()) as night:
        return smaller(await photograph(browser, night, exhibit))


async def make(names: Sequence[str]) -> None:
    """Write the pictures that are named, each as soon as it is taken."""
    async with open_browser() as browser:
        for exhibit in ALL:
            if exhibit.name in names:
                picture = await taken(browser, exhibit)
                _write(FOLDER / f"{exhibit.name}.png", picture)
                _note(exhibit)
                print(f"{exhibit.name}: {len(picture) // 1000} kB", flush=True)  # noqa: T201 -- a tool


def _write(path: Path, picture: bytes) -> None:
    path.write_bytes(picture)


def _note(exhibit: Exhibit) -> None:
    made = digests() | {exhibit.name: exhibit.digest()}
    DIGESTS.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def main(names: Sequence[str]) -> None:
    """Make the pictures that are named, or all, and take away those that nobody names."""
    known = [exhibit.name for exhibit in ALL]
    if unknown := sorted({*names} - {*known}):
        sys.exit(f"no picture is called {', '.join(unknown)}; there are: {', '.join(known)}")
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(make(names or known))
    for path in FOLDER.glob("*.png"):
        if path.stem not in known:
            path.unlink()
    kept = {name: digest for name, digest in digests().items() if name in known}
    DIGESTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def digests() -> dict[str, str]:
    """Return what each picture in the folder showed when it was made."""
    kept: dict[str, str] = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    return kept


if __name__ == "__main__":
    main(sys.argv[1:])
