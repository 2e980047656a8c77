"""The product's own home, as its reader sees it: what waits, how each group stands, what ended."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Locator, expect

from bot.localslack import LocalSlack
from engine.journal import Kind
from tests.browser.camera import take
from tests.browser.person import Person
from tests.slack.house import House
from tests.slack.test_calling import wait_at
from tests.slack.watch import PATIENCE_S
from tests.unit.nights import night, until


@pytest_asyncio.fixture(loop_scope="session")
async def house(slack: LocalSlack) -> AsyncIterator[House]:
    """Return the Slack side of the bot, connected."""
    built = House(slack)
    built.homes.start()
    await built.connect()
    yield built
    await built.close()


async def opens_home(person: Person, name: str) -> Locator:
    """Become somebody and open the app's home."""
    await person.becomes(name)
    await person.page.get_by_role("navigation").get_by_role("button", name="hotfix").click()
    return person.page.get_by_role("region", name="Home")


async def test_a_home_where_nothing_happens_says_so(person: Person, house: House):
    home = await opens_home(person, "Ana Okafor")

    for words in ("No gate waits for you.", "No run is open.", "No run has ended yet."):
        await expect(home).to_contain_text(words)
    await expect(home).to_contain_text("site-1 in #firewall-ops: no run is open")


async def test_the_home_shows_what_waits_with_the_way_there_and_follows(
    person: Person, house: House
):
    run = wait_at(house)
    await house.post(f"{run}/root")
    house.append_to_house("OWED", group="site-2", run=run, was=True)
    home = await opens_home(person, "Ana Okafor")

    waiting = home.get_by_text("the failover of A").first
    await expect(waiting).to_contain_text("0 of 2; still needed: 2 more people")
    await expect(waiting).not_to_contain_text("<!date")
    await expect(waiting.get_by_role("link", name="vote there")).to_have_attribute(
        "href",
        "https://hotfix-demo.slack.com/archives/C0000FWOPS0/p1?thread_ts=1.0&cid=C0000FWOPS0",
    )
    await expect(home.get_by_role("link", name="thread", exact=True)).to_be_visible()
    await expect(home).to_contain_text("auto-clone is owed")
    await take(person.page, "home", home)
    await person.sees_no_overflow()

    voted = until(night("good"), Kind.VOTED, step="A.FAILOVER")[-1]
    house.go_on([voted])
    house.homes.changed()

    await expect(waiting).to_contain_text("1 of 2")


async def test_who_cannot_help_sees_that_nothing_waits_for_them(person: Person, house: House):
    wait_at(house)

    home = await opens_home(person, "Gus Weber")

    await expect(home).to_contain_text("No gate waits for you.")
    await expect(home).to_contain_text("Waiting for approval G2")


async def test_who_may_cancels_what_is_scheduled_with_one_press_and_others_only_read_it(
    person: Person, house: House
):
    run = house.play(until(night("appointed"), Kind.DONE, step="VERIFY"))

    home = await opens_home(person, "Gus Weber")
    await expect(home).to_contain_text(
        "install take 120; appointed; lacking then: 2 more people; ordered by rita"
    )
    await expect(home.get_by_role("button", name="Cancel")).to_have_count(0)

    home = await opens_home(person, "Ana Okafor")
    await take(person.page, "home-scheduled", home)
    await person.sees_no_overflow()
    await home.get_by_role("button", name="Cancel").click()
    asked = person.page.get_by_role("dialog")
    await expect(asked).to_contain_text("nothing is begun at its time")
    await asked.get_by_role("button", name="Cancel it").click()

    async with asyncio.timeout(PATIENCE_S):
        while not house.woken:
            await person.page.title()  # each question lets others run
    (row,) = house.rows
    assert (row.run, row.body["verb"]) == (run, "abort")
