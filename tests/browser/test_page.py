"""The page itself: who one is, keys, colours, narrow screens, the connection, the inspector."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import ControlClient, LocalSlack
from tests.browser.person import Person, plain, section
from tests.slack.app import BUTTONS, ExampleApp

CHANNEL = "C0000FWOPS0"

# Every visible text against what is painted behind it; WCAG's formula.
CONTRASTS = """() => {
  const channels = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([red, green, blue]) => {
    const part = (value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return channels(getComputedStyle(document.body).backgroundColor);
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.closest("button:disabled, .visually-hidden, .emoji")) continue;
    const [one, other] = [channels(getComputedStyle(element).color), behind(element)]
      .map(luminance).sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) low.push(`${contrast.toFixed(2)} ${element.className}: ${text}`);
  }
  return low;
}"""


async def fill_channel(bot: AsyncWebClient, people: ControlClient) -> str:
    """Put one of everything into the channel."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain("⛔ G2 · 7K3F · site-1")},
        section("*Facts* `ACTIVE` <@U000000ANA0> <https://example.org|a link>\n> quoted"),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small print"}]},
        BUTTONS[1],
    ]
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="G2", blocks=blocks))["ts"]
    await bot.reactions_add(channel=CHANNEL, timestamp=ts, name="x")
    await bot.chat_postMessage(channel=CHANNEL, text="a reply", thread_ts=ts)
    await bot.chat_postEphemeral(channel=CHANNEL, user="U00000RITA0", text="for you")
    await people.act("rita", "react", channel=CHANNEL, ts=ts, emoji="eyes")
    await people.act("ana", "message", channel=CHANNEL, text="hello all")
    return str(ts)


async def test_who_one_is_stays_after_a_reload(person: Person):
    await person.becomes("Noor Haddad")
    await expect(person.page).to_have_url(re.compile("as=noor"))

    await person.page.reload()

    await expect(person.page.locator(".me")).to_contain_text("Noor Haddad")
    await person.writes("it is me")
    await expect(person.said("it is me").locator(".name")).to_have_text("Noor Haddad")


async def test_all_of_it_works_with_keys(person: Person, bot: AsyncWebClient):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Gate"))["ts"]
    message = person.message(ts)
    await expect(message).to_be_visible()
    keys = person.page.keyboard

    await keys.press("p")
    await keys.press("2")
    await expect(person.page.locator(".me")).to_contain_text("Ana Okafor")
    await keys.press("k")
    await expect(message).to_be_focused()
    await keys.press("1")
    await expect(message.locator('[data-emoji="white_check_mark"]').first).to_contain_text("1")
    await expect(message).to_be_focused()
    await keys.press("r")
    await keys.type("tada")
    await keys.press("Enter")
    await expect(message.locator('.reaction[data-emoji="tada"]')).to_be_visible()
    await keys.press("t")
    await expect(person.thread).to_be_visible()
    await keys.press("m")
    await keys.type("by key")
    await keys.press("Enter")
    await expect(person.thread).to_contain_text("by key")
    await person.reply.blur()
    await keys.press("Escape")
    await expect(person.thread).to_be_hidden()
    await keys.press("/")
    await expect(person.composer).to_be_focused()
    await expect(person.composer).to_have_value("/")


async def test_help_explains_keys_and_switches_single_letters_off(person: Person):
    await person.page.keyboard.press("?")
    help_ = person.page.get_by_role("dialog", name="Keys")
    await expect(help_).to_contain_text("React with ✅ ❌ 👀")
    await help_.get_by_label("Single letters are keys").uncheck()
    await help_.get_by_role("button", name="Close").click()
    await expect(help_).to_have_count(0)

    await person.page.keyboard.press("?")
    await person.page.keyboard.press("i")

    await expect(help_).to_have_count(0)
    await expect(person.page.locator("#inspector")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 390])
async def test_a_narrow_screen_shows_one_thing_at_a_time(
    person: Person, bot: AsyncWebClient, people: ControlClient, width: int
):
    ts = await fill_channel(bot, people)
    page = person.page
    await page.set_viewport_size({"width": width, "height": 780})
    await expect(page.get_by_role("navigation")).to_be_hidden()
    await expect(person.message(ts)).to_be_attached()
    await person.sees_no_overflow()

    await person.opens_thread(person.message(ts))
    await expect(person.reply).to_be_in_viewport()
    await person.sees_no_overflow()
    await page.get_by_role("button", name="Back to the channel").click()
    await expect(person.thread).to_be_hidden()

    await page.get_by_role("button", name="become another person").click()
    await page.get_by_role("dialog").get_by_text("Ben Lindqvist").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(person.composer).to_have_attribute("placeholder", re.compile("as Ben"))

    await page.get_by_role("button", name="Channels").click()
    await expect(page.get_by_role("navigation")).to_be_visible()
    await person.sees_no_overflow()
    await page.get_by_role("navigation").get_by_role("button", name="firewall-ops").click()
    await expect(page.get_by_role("navigation")).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_text_has_enough_contrast(
    person: Person, bot: AsyncWebClient, people: ControlClient, app: ExampleApp, theme: Any
):
    ts = await fill_channel(bot, people)
    page = person.page
    await page.emulate_media(color_scheme=theme)
    await person.opens_thread(person.message(ts))
    await page.keyboard.press("i")
    await expect(page.locator("#inspector")).to_contain_text("chat.postMessage")
    assert await page.evaluate(CONTRASTS) == []

    await page.keyboard.press("Escape")
    await person.composer.fill("/hotfix ")
    await person.composer.click()
    await expect(person.suggestions.first).to_be_visible()
    assert await page.evaluate(CONTRASTS) == []


async def test_colours_follow_the_system_until_one_chooses(person: Person):
    page = person.page
    background = "getComputedStyle(document.body).backgroundColor"
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate(background)
    await page.emulate_media(color_scheme="light")
    light = await page.evaluate(background)
    assert dark != light

    await page.keyboard.press("d")
    await page.keyboard.press("d")
    assert await page.evaluate(background) == dark

    await page.reload()
    await expect(person.composer).to_be_editable()
    assert await page.evaluate(background) == dark


async def test_a_lost_connection_is_shown_and_found_again(
    person: Person, slack: LocalSlack, bot: AsyncWebClient
):
    banner = person.page.get_by_role("alert").filter(has_text="Connection lost")
    await expect(banner).to_be_hidden()
    port = int(slack.address.rpartition(":")[2])

    await slack.stop()
    await expect(banner).to_be_visible()

    await slack.start(port=port)
    await bot.chat_postMessage(channel=CHANNEL, text="said meanwhile")
    await expect(person.said("said meanwhile")).to_be_visible()
    await expect(banner).to_be_hidden()
    await person.writes("and on it goes")
    await expect(person.said("and on it goes")).to_be_visible()


async def test_the_lamp_says_whether_the_app_is_there(person: Person, slack: LocalSlack):
    entry = person.page.get_by_role("navigation").get_by_role("button", name="hotfix")
    await expect(entry).to_contain_text("not connected")
    app = ExampleApp(slack)

    await app.connect()
    await expect(entry).not_to_contain_text("not connected")
    await expect(person.page.get_by_text("hotfix is not connected")).to_be_hidden()

    await app.close()
    await expect(entry).to_contain_text("not connected")


async def test_the_inspector_shows_calls_deliveries_acks_and_errors(
    person: Person, bot: AsyncWebClient, app: ExampleApp, people: ControlClient
):
    await bot.chat_postMessage(channel=CHANNEL, text="before it was opened")
    await person.page.keyboard.press("i")
    drawer = person.page.locator("#inspector")
    lines = drawer.locator("details")
    await expect(lines.filter(has_text="before it was opened")).to_have_count(1)

    await person.writes("/hotfix status")
    command = lines.filter(has_text="/hotfix").filter(has_text="ack")
    await expect(command).to_contain_text("rita · status")
    await people.fault("rate_limit", method="chat.postMessage", seconds=1)
    with pytest.raises(Exception, match="ratelimited"):
        await bot.chat_postMessage(channel=CHANNEL, text="too many")

    await drawer.get_by_role("button", name="Problems").click()
    await expect(lines.filter(has_text="429 ratelimited")).to_have_count(1)
    await expect(lines.filter(has_text="before it was opened")).to_have_count(0)
    await drawer.get_by_role("button", name="All", exact=True).click()
    await drawer.get_by_role("searchbox").fill("before it")
    await expect(lines).to_have_count(1)
    await lines.locator("summary").click()
    await expect(lines.locator("pre")).to_contain_text('"method": "chat.postMessage"')

    await drawer.get_by_role("button", name="Close").click()
    await expect(drawer).to_be_hidden()


async def test_addresses_of_messages_and_files_lead_into_the_page(
    person: Person, bot: AsyncWebClient
):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="the root"))["ts"]
    reply = (await bot.chat_postMessage(channel=CHANNEL, text="the reply", thread_ts=ts))["ts"]
    link = await bot.chat_getPermalink(channel=CHANNEL, message_ts=reply)

    await person.page.goto(link["permalink"])

    await expect(person.thread).to_contain_text("the reply")


async def test_what_is_new_is_read_out_and_roles_are_there(
    person: Person, page: Page, people: ControlClient
):
    await people.act("ana", "message", channel=CHANNEL, text="can you hear me?")

    await expect(page.locator("#announcer")).to_have_text("Ana Okafor: can you hear me?")
    await expect(page.locator("#announcer")).to_have_attribute("aria-live", "polite")
    await expect(page.get_by_role("main")).to_have_count(1)
    await expect(page.get_by_role("navigation", name="Channels and people")).to_have_count(1)
    await expect(page.get_by_role("log", name="Messages")).to_have_count(1)
    nameless = await page.evaluate(
        "[...document.querySelectorAll('button')].filter((one) => one.checkVisibility() &&"
        " !one.getAttribute('aria-label') && !one.textContent.trim()).length"
    )
    assert nameless == 0
