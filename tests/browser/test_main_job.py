"""The main job, clicked through against the real processes: bot, Slack and Security Group.

It leaves screenshots of each moment in HOTFIX_SCREENSHOTS, or in `.screenshots` beside this file.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, expect

from bot.demo import scenario
from bot.demo.processes import Stage, opened
from bot.demo.props import Props
from tests.browser.camera import take
from tests.browser.person import Person

pytestmark = pytest.mark.slow

SPEED = 120.0  # an installation of 20 minutes takes ten seconds
A_STEP_MS = 60_000
AN_INSTALLATION_MS = 120_000

ORDER = f"/hotfix install site-1 {scenario.PACKAGE}"


@pytest_asyncio.fixture(loop_scope="session")
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Start what `deploy/demo` starts."""
    async with opened(Props(tmp_path, SPEED, auto=False), scenario.load("install")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def rita(context: BrowserContext, stage: Stage) -> Person:
    """Return Rita in front of the page that the demo prints."""
    person = Person(await context.new_page())
    await person.opens(stage.address)
    return person


def gate(person: Person, number: int, *, in_thread: bool = False) -> Locator:
    """Return the message that asks."""
    heading = person.page.get_by_role("heading", name=re.compile(rf"^\S+ G{number} · "))
    place = person.thread if in_thread else person.log
    return place.get_by_role("article").filter(has=heading)


def root(person: Person) -> Locator:
    """Return the run's message in the channel."""
    return person.log.get_by_role("article").filter(has=person.page.locator(".thread-link"))


async def approves(person: Person, number: int, name: str) -> None:
    """Become somebody and put the check mark to a gate."""
    await person.becomes(name)
    await person.reacts(gate(person, number), "white check mark")


async def test_an_installation_from_the_order_to_the_end_report(rita: Person):
    page = rita.page
    await rita.composer.fill(ORDER)
    await rita.composer.press("Enter")
    proposal = gate(rita, 1)
    await expect(proposal).to_contain_text("A (1_1-1_4)")
    await expect(proposal).to_contain_text("SMO: 1_1 (in A)")
    await take(page, "1-proposal", proposal)

    await rita.reacts(proposal, "white check mark")
    await expect(page.locator(".private").last).to_contain_text("Only visible to you")
    await expect(proposal).to_contain_text("0 of 1")

    await approves(rita, 1, "Ana Okafor")
    await expect(gate(rita, 2)).to_contain_text("Still missing 2", timeout=A_STEP_MS)
    await rita.opens_thread(root(rita))
    asked = gate(rita, 2, in_thread=True)
    await take(page, "2-gate", asked)
    await take(page, "3-gate-votes", asked, block="end")
    await approves(rita, 2, "Ana Okafor")
    await expect(gate(rita, 2)).to_contain_text("1 of 2 — ana")
    await approves(rita, 2, "Ben Lindqvist")
    await expect(gate(rita, 2)).to_contain_text("Approved by ana")

    progress = rita.thread.get_by_role("article").filter(has_text="Installing take 120")
    await expect(progress).to_contain_text(re.compile(r"\d+ %"), timeout=A_STEP_MS)
    await root(rita).evaluate("(one) => one.scrollIntoView()")
    await take(page, "4-installing", progress, block="end")

    await expect(gate(rita, 3)).to_contain_text("Still missing 2", timeout=AN_INSTALLATION_MS)
    await rita.becomes("Noor Haddad")
    await gate(rita, 3).get_by_role("button", name="Approve G3").click()
    asks = page.get_by_role("dialog", name="Approve?")
    await expect(asks).to_contain_text(re.compile(r"G3 · [0-9A-Z]{4} · site-1: B \(1_5-1_8\)"))
    await expect(asks).to_contain_text("A (1_1-1_4) carries the traffic")
    await take(page, "7-confirm", asks)
    await asks.get_by_role("button", name="Approve").click()
    await expect(gate(rita, 3)).to_contain_text("1 of 2 — noor")
    await expect(page.locator(".private").last).to_contain_text("Your yes at G3 is counted.")
    await rita.becomes("Ben Lindqvist")
    await gate(rita, 3).get_by_role("button", name="Approve G3").click()
    await asks.get_by_role("button", name="Approve").click()
    await expect(gate(rita, 3).get_by_role("button", name="Approve G3")).to_have_count(0)

    end = rita.said("Promises, judged from the journal")
    await expect(end).to_contain_text("every member is in service", timeout=AN_INSTALLATION_MS)
    rows = (await end.locator("pre").inner_text()).splitlines()[1:]
    assert [row.split()[1:3] for row in rows] == [["99", "120"]] * 8
    in_thread = rita.thread.get_by_role("article").filter(has_text="Promises, judged")
    await take(page, "6-end-report", in_thread)


async def test_a_rejected_failover_holds_and_is_ended_by_a_button(rita: Person):
    page = rita.page
    await rita.writes(ORDER)
    await expect(gate(rita, 1)).to_be_visible()
    await approves(rita, 1, "Ana Okafor")
    await expect(gate(rita, 2)).to_contain_text("Still missing 2", timeout=A_STEP_MS)
    await rita.becomes("Ben Lindqvist")
    await rita.reacts(gate(rita, 2), "x")

    held = rita.said("HELD · every member is in service")
    await expect(held.last).to_contain_text("every member is in service", timeout=A_STEP_MS)
    await rita.opens_thread(root(rita))
    await expect(root(rita).get_by_role("heading")).to_contain_text("HELD")
    await root(rita).evaluate("(one) => one.scrollIntoView()")
    await expect(root(rita).get_by_role("button", name="Abort")).to_be_in_viewport()
    told = rita.thread.get_by_role("article").filter(has_text="HELD")
    await take(page, "5-hold", told.last, block="end")

    await rita.becomes("Rita Marsh")
    await root(rita).get_by_role("button", name="Abort").click()
    await page.get_by_role("dialog").get_by_role("button", name="Abort").click()

    await expect(root(rita).get_by_role("heading")).to_contain_text("Ended", timeout=A_STEP_MS)
