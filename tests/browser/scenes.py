"""Pictures of what only one person sees: an answer, a question asked once more, a form.

Each begins where a recorded night stands, as an exhibit does, and then somebody acts.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from playwright.async_api import Locator, Page
from slack_sdk.web.async_client import AsyncWebClient

from bot.changing import OPEN, Place, form
from bot.localslack import LocalSlack
from bot.overview import Run, gate_line, run_line, scheduled_line
from bot.views import Message, render
from bot.views.drift import told
from bot.views.home import GroupLine, Home, ScheduledLine, home
from bot.views.schedule import stop
from bot.views.story import Story
from bot.views.words import state_word
from engine.drift import Known, Look, findings, stream_of
from engine.fold import RunState
from engine.former import former
from engine.freezes import Freeze
from engine.journal import Kind
from storage.chain import chained
from storage.records import Draft, Record, RunRow
from tests.browser.exhibits import Exhibit, at
from tests.simulation.night import CHANNEL, Night
from tests.slack.app import ExampleApp
from tests.unit.nights import recorded, the_wrong_ones_too

RITA, BEN = "U0RITA0001", "U0BEN00001"


@dataclass(frozen=True)
class Scene(Exhibit):
    """A picture that somebody has to do something for.

    Attributes:
        play: does it, and returns what is photographed.
        content: what is shown then, for `digest`.
    """

    play: Callable[[Page, LocalSlack, "Scene"], Awaitable[Locator]] | None = None
    content: Callable[["Scene"], Any] | None = None

    def said(self, records: Sequence[Record]) -> Any:
        """See `Exhibit`."""
        return self.content(self) if self.content else super().said(records)


async def _told(page: Page, slack: LocalSlack, scene: Scene) -> Locator:
    """Rita is told, alone, in the thread, why her vote does not count."""
    client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
    await page.locator(".thread-link").first.click()
    thread = page.get_by_role("complementary", name="Thread")
    root = await thread.locator("article").first.get_attribute("data-ts")
    await client.chat_postEphemeral(
        channel=CHANNEL, user=RITA, text=_refusal(scene), thread_ts=root
    )
    return thread.locator(".private").last


def _refusal(_scene: Scene) -> str:
    return next(text for user, text in _whispered() if user == RITA)


@cache
def _whispered() -> tuple[tuple[str, str], ...]:
    """Return what the engine told single persons in that night."""
    heard: list[tuple[str, str]] = []

    async def listen(stage: Night) -> None:
        heard.extend(stage.said.texts)

    def play() -> None:
        recorded(people=the_wrong_ones_too, then=listen)

    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(play).result()
    return tuple(heard)


async def _asked_once_more(page: Page, _slack: LocalSlack, _scene: Scene) -> Locator:
    await page.get_by_role("button", name=re.compile("^Approve")).last.click()
    return page.get_by_role("dialog")


async def _changing(page: Page, slack: LocalSlack, scene: Scene) -> Locator:
    app = ExampleApp(slack)

    @app.bolt.action(OPEN)
    async def opened(ack: Any, body: Any, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=_form(scene))

    await app.connect()
    await page.get_by_role("button", name=re.compile("^Change")).last.click()
    dialog = page.get_by_role("dialog")
    await dialog.wait_for()
    await app.close()
    return dialog


def _story(scene: Scene) -> Story:
    story = Story()
    for record in scene.records():
        story.take(record)
    return story


def _form(scene: Scene) -> dict[str, Any]:
    story = _story(scene)
    facts = story.state.facts
    place = Place(story.state.run, 1, CHANNEL, "1.000001")
    return form(story.plan, place, (facts.smo if facts else None) or "", seen=facts)


async def _written_to(page: Page, _slack: LocalSlack, scene: Scene) -> Locator:
    """Ben reads what the app has written to him alone."""
    await _becomes(page, "Ben Lindqvist")
    await page.locator("#sidebar [data-focus=app]").click()
    await page.get_by_role("tab", name="Messages").click()
    return page.get_by_role("log", name="Messages").locator("article").last


def _direct(scene: Scene) -> list[str]:
    return [m.text for m in render(scene.records()) if m.direct == BEN][-1:]


async def _at_home(page: Page, slack: LocalSlack, scene: Scene) -> Locator:
    """Ben opens the home of the app, which is as the bot publishes it then."""
    client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
    await client.views_publish(user_id=BEN, view=_home(scene))
    await _becomes(page, "Ben Lindqvist")
    await page.locator("#sidebar [data-focus=app]").click()
    return page.get_by_role("region", name="Home").locator(".card")


def _home(scene: Scene) -> dict[str, Any]:
    run = Run(
        RunRow(scene.records()[0].stream, "site-1", "install", True, True, None),
        _story(scene),
        CHANNEL,
    )
    assert run.story is not None
    assert run.opening is not None
    groups = [
        GroupLine("site-1", CHANNEL, f"{state_word(run.story)}, {run.row.id}"),
        GroupLine("site-2", CHANNEL, owed=True),
    ]
    return home(Home([gate_line(run, run.opening)], groups, [run_line(run)], []))


async def _home_ahead(page: Page, slack: LocalSlack, scene: Scene) -> Locator:
    """Ben opens the home while a run waits for its time."""
    client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
    await client.views_publish(user_id=BEN, view=_ahead(scene))
    await _becomes(page, "Ben Lindqvist")
    await page.locator("#sidebar [data-focus=app]").click()
    return page.get_by_role("region", name="Home").locator(".card")


def _ahead(scene: Scene) -> dict[str, Any]:
    row = RunRow(scene.records()[0].stream, "site-1", "install", True, False, None)
    run = Run(row, _story(scene), CHANNEL)
    one = run.scheduled
    assert run.story is not None
    assert one is not None
    line = ScheduledLine(scheduled_line(run, one), stop(run.story.state))
    freeze = Freeze(
        *("emea", "U0NOOR0001", "noor", "quarter end"),
        since=one.start,
        begins=one.start + timedelta(days=2),
        until=one.start + timedelta(days=4),
        groups=frozenset({"site-2"}),
        zone="Europe/Berlin",
    )
    groups = [
        GroupLine("site-1", CHANNEL),
        GroupLine("site-2", CHANNEL, coming=freeze.announced),
    ]
    return home(Home([], groups, [], [], scheduled=[line]))


async def _the_next_morning(page: Page, slack: LocalSlack, scene: Scene) -> Locator:
    """The channel is told what the daily look found after a run that was aborted."""
    client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
    message = _looked(scene)
    answer = await client.chat_postMessage(
        channel=CHANNEL, text=message.text, blocks=list(message.blocks)
    )
    return page.get_by_role("log", name="Messages").locator(f'article[data-ts="{answer["ts"]}"]')


def _looked(scene: Scene) -> Message:
    """What is found after that run, with a member that somebody has taken down since."""
    state = RunState.replay(scene.records())
    last, at = former(state), scene.records()[-1].at
    assert state.facts is not None
    assert last is not None
    *others, member = state.facts.members
    down = replace(member, state="DOWN", own_state="DOWN", notes=("ADMIN",))
    facts = replace(state.facts, members=(*others, down))
    known = Known({"run": last.run}, last)
    found = findings("site-1", facts, known, last.plan.policy)
    look = Look("site-1", at, found, str(at.date()), (BEN, RITA))
    stream = stream_of("site-1")
    (record,) = chained(stream, [Draft(Kind.LOOKED, at, "engine", look.as_json())], epoch=1)
    return told([record])[0]


def _shown_of_the_look(scene: Scene) -> Any:
    message = _looked(scene)
    return [message.text, list(message.blocks)]


async def _becomes(page: Page, name: str) -> None:
    await page.locator("#sidebar label.person", has_text=name).click()


SCENES: tuple[Exhibit, ...] = (
    Scene(
        "refusal",
        "votes that do not count",
        at(Kind.REFUSED, name="rita"),
        ("gate/G2",),
        play=_told,
        content=_refusal,
    ),
    Scene("confirm", "good", at(Kind.GATE_SHOWN, gate="G2"), ("gate/G2",), play=_asked_once_more),
    Scene(
        "form",
        "good",
        at(Kind.GATE_SHOWN, gate="G1"),
        ("proposal",),
        play=_changing,
        content=_form,
    ),
    Scene(
        "form-without",
        "without a member",
        at(Kind.GATE_SHOWN, gate="G1"),
        ("proposal",),
        play=_changing,
        content=_form,
    ),
    Scene(
        "reminder-alone",
        "called",
        at(Kind.REMINDED),
        ("gate/G2",),
        play=_written_to,
        content=_direct,
    ),
    Scene(
        "home-scheduled",
        "appointed",
        at(Kind.DONE, step="VERIFY"),
        ("root",),
        play=_home_ahead,
        content=_ahead,
    ),
    Scene(
        "daily-look",
        "rejected and aborted",
        at(Kind.ENDED),
        ("root",),
        play=_the_next_morning,
        content=_shown_of_the_look,
    ),
    Scene("home", "called", at(Kind.REMINDED), ("gate/G2",), play=_at_home, content=_home),
)
