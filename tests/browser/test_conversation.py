"""What is said in a channel, and what people do with it."""

import re

from playwright.async_api import expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import ControlClient
from tests.browser.person import Person, plain, section
from tests.slack.app import BUTTONS, ExampleApp

CHANNEL = "C0000FWOPS0"


async def test_what_the_app_says_appears_changes_and_goes(person: Person, bot: AsyncWebClient):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Preparing, *1 of 5*"))["ts"]
    message = person.message(ts)
    await expect(message.locator("strong")).to_have_text("1 of 5")
    await expect(message.locator(".head")).to_contain_text("hotfix")

    await bot.chat_update(channel=CHANNEL, ts=ts, text="Preparing, *2 of 5*")
    await expect(message.locator("strong")).to_have_text("2 of 5")

    await bot.chat_delete(channel=CHANNEL, ts=ts)
    await expect(message).to_have_count(0)


async def test_people_write_and_mention(person: Person, app: ExampleApp):
    await person.composer.press_sequentially("hello @hot")
    await expect(person.suggestions).to_contain_text(["@hotfix"])
    await person.composer.press("Enter")
    await expect(person.composer).to_have_value("hello @hotfix ")

    await person.composer.press_sequentially("how are you?")
    await person.composer.press("Enter")

    said = person.said("how are you?")
    await expect(said.locator(".mention")).to_have_text("@hotfix")
    await expect(said.locator(".name")).to_have_text("Rita Marsh")
    await expect(person.composer).to_have_value("")


async def test_a_thread_opens_beside_takes_replies_and_counts_them(
    person: Person, bot: AsyncWebClient
):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="HF-1"))["ts"]
    await bot.chat_postMessage(channel=CHANNEL, text="uploaded", thread_ts=ts)
    await expect(person.message(ts).locator(".thread-link")).to_contain_text("1 reply")
    await expect(person.message(ts).locator(".thread-link")).to_contain_text("1 new")

    await person.opens_thread(person.message(ts))
    await expect(person.thread.get_by_role("article")).to_have_count(2)
    await person.reply.fill("thank you")
    await person.reply.press("Enter")

    await expect(person.thread.get_by_role("article").last).to_contain_text("thank you")
    await expect(person.message(ts).locator(".thread-link")).to_contain_text("2 replies")
    await expect(person.message(ts).locator(".thread-link .unread")).to_have_count(0)
    await expect(person.said("thank you")).to_have_count(0)

    await person.thread.get_by_role("button", name="Close the thread").click()
    await expect(person.thread).to_be_hidden()


async def test_a_reply_for_all_stands_in_the_channel_too(person: Person, bot: AsyncWebClient):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="HF-2 waits"))["ts"]
    gate = await bot.chat_postMessage(
        channel=CHANNEL, text="Gate G2", thread_ts=ts, reply_broadcast=True
    )
    shown = person.message(gate["ts"])
    await expect(shown).to_contain_text("In the thread")
    await bot.chat_update(channel=CHANNEL, ts=ts, text="HF-2 goes on")

    await shown.get_by_role("button", name="HF-2 goes on").click()

    await expect(person.thread.get_by_role("article")).to_have_count(2)
    await expect(person.thread).to_contain_text("Also shown in the channel")


async def test_reactions_are_clicked_counted_and_taken_back(
    person: Person, bot: AsyncWebClient, app: ExampleApp, people: ControlClient
):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Gate"))["ts"]
    await bot.reactions_add(channel=CHANNEL, timestamp=ts, name="white_check_mark")
    pill = person.message(ts).get_by_role("button", name=re.compile("^white check mark, "))
    await expect(pill).to_have_attribute("aria-pressed", "false")

    await pill.click()
    await expect(pill).to_have_attribute("aria-pressed", "true")
    await expect(pill).to_contain_text("2")
    await expect(pill).to_have_attribute("aria-label", "white check mark, 2: hotfix, you")
    await people.act("ana", "react", channel=CHANNEL, ts=ts, emoji="white_check_mark")
    await expect(pill).to_contain_text("3")

    await pill.click()
    await expect(pill).to_contain_text("2")
    await expect(pill).to_have_attribute("aria-pressed", "false")


async def test_the_emoji_window_has_three_at_hand_and_finds_the_rest(
    person: Person, bot: AsyncWebClient
):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Gate"))["ts"]
    message = person.message(ts)
    await message.hover()
    await message.get_by_role("button", name="Add a reaction").click()
    window = person.page.get_by_role("dialog", name="React")
    await expect(window.locator(".picker-hand button")).to_have_count(3)

    await window.get_by_role("searchbox").fill("hour")
    await expect(window.get_by_role("button", name="hourglass", exact=True)).to_be_visible()
    await person.page.keyboard.press("Enter")

    await expect(window).to_have_count(0)
    pill = message.locator('.reaction[data-emoji="hourglass"]')
    await expect(pill).to_have_attribute("aria-pressed", "true")

    await pill.click()
    await expect(pill).to_have_count(0)


async def test_a_button_asks_first_where_the_app_wants_it(
    person: Person, bot: AsyncWebClient, app: ExampleApp
):
    button = {
        **BUTTONS[1]["elements"][0],
        "confirm": {
            "title": plain("Approve G2?"),
            "text": {"type": "mrkdwn", "text": "A goes *out of service*."},
            "confirm": plain("Approve"),
            "deny": plain("Not yet"),
        },
    }
    blocks = [BUTTONS[0], {**BUTTONS[1], "elements": [button]}]
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Gate", blocks=blocks))["ts"]
    press = person.message(ts).get_by_role("button", name="Approve")
    dialog = person.page.get_by_role("dialog", name="Approve G2?")

    await press.click()
    await expect(dialog.locator("strong")).to_have_text("out of service")
    await expect(dialog.get_by_role("button", name="Not yet")).to_be_focused()
    await person.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert app.heard == []

    app.answer = "1 of 2"
    await press.click()
    await dialog.get_by_role("button", name="Approve").click()

    await expect(person.said("1 of 2")).to_contain_text("Only visible to you")
    assert app.heard[0]["actions"][0]["value"] == "G2"


async def test_a_whisper_is_for_one_person_and_can_be_dismissed(
    person: Person, bot: AsyncWebClient
):
    await bot.chat_postEphemeral(channel=CHANNEL, user="U00000RITA0", text="You asked for it")
    whisper = person.said("You asked for it")
    await expect(whisper).to_contain_text("Only visible to you")

    await person.becomes("Ana Okafor")
    await expect(whisper).to_have_count(0)

    await person.becomes("Rita Marsh")
    await whisper.get_by_role("button", name="Dismiss").click()
    await expect(whisper).to_have_count(0)


async def test_a_form_is_filled_in_refused_and_taken(
    person: Person, bot: AsyncWebClient, app: ExampleApp
):
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Gate", blocks=BUTTONS))["ts"]
    await person.message(ts).get_by_role("button", name="Reject").click()
    form = person.page.get_by_role("dialog", name="Why?")
    await expect(form.get_by_label("Reason")).to_be_focused()

    await form.get_by_role("button", name="Reject").click()
    await expect(form.get_by_role("alert").first).to_have_text("Please fill this in.")

    app.submission_answer = {"response_action": "errors", "errors": {"why": "Too short"}}
    await form.get_by_label("Reason").fill("no")
    await form.get_by_role("button", name="Reject").click()
    await expect(form.get_by_role("alert").first).to_have_text("Too short")

    app.submission_answer = {}
    await form.get_by_label("Reason").fill("the lab is not ready")
    await form.get_by_label("Until (optional)").select_option("morning")
    await form.get_by_role("button", name="Reject").click()
    await expect(form).to_have_count(0)
    values = app.heard[-1]["view"]["state"]["values"]
    assert values["why"]["text"]["value"] == "the lab is not ready"
    assert values["until"]["when"]["selected_option"]["value"] == "morning"


async def test_a_choice_in_a_message_reaches_the_app(
    person: Person, bot: AsyncWebClient, app: ExampleApp
):
    who = {"type": "users_select", "action_id": "approve", "placeholder": plain("Who?")}
    blocks = [section("Who takes over?", block_id="who", accessory=who)]
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Who?", blocks=blocks))["ts"]

    await person.message(ts).get_by_role("combobox").select_option("Ben Lindqvist")

    await expect(person.said("heard")).to_have_count(1)
    assert app.heard[0]["actions"][0]["selected_user"] == "U000000BEN0"


async def test_the_app_has_a_home(person: Person, bot: AsyncWebClient, app: ExampleApp):
    view = {"type": "home", "blocks": [section("Two gates wait for *you*")]}
    await person.page.get_by_role("navigation").get_by_role("button", name="hotfix").click()
    await expect(person.page.get_by_text("has not put anything here")).to_be_visible()

    await bot.views_publish(user_id="U00000RITA0", view=view)

    home = person.page.get_by_role("region", name="Home")
    await expect(home).to_contain_text("Two gates wait for you")
    await person.page.get_by_role("tab", name="Messages").click()
    await bot.chat_postMessage(channel="U00000RITA0", text="for you alone")
    await expect(person.said("for you alone")).to_be_visible()
    await person.writes("hello")
    await expect(
        person.page.get_by_text("messages to this app has been turned off")
    ).to_be_visible()
    await expect(person.said("hello")).to_have_count(0)


async def test_a_file_is_shown_and_can_be_kept(person: Person, bot: AsyncWebClient):
    lines = "\n".join(f"line {number}" for number in range(1, 21))
    await bot.files_upload_v2(
        channel=CHANNEL, filename="output.txt", content=lines, initial_comment="What it printed"
    )
    message = person.said("What it printed")
    await expect(message.locator("pre")).to_contain_text("line 8")
    await expect(message.locator("pre")).not_to_contain_text("line 9")
    await message.get_by_role("button", name="Show all 20 lines").click()
    await expect(message.locator("pre")).to_contain_text("line 20")

    async with person.page.expect_download() as download:
        await message.get_by_role("link", name="output.txt").click()
    kept = await download.value
    assert kept.suggested_filename == "output.txt"
    assert (await kept.path()).read_text() == lines


async def test_what_is_new_is_marked_for_each_person(
    person: Person, bot: AsyncWebClient, people: ControlClient
):
    await bot.chat_postMessage(channel=CHANNEL, text="read by rita")
    await expect(person.said("read by rita")).to_be_visible()
    await person.page.get_by_role("navigation").get_by_role("button", name="hotfix").click()

    await people.act("ana", "message", channel=CHANNEL, text="not read yet")
    channel = person.page.get_by_role("navigation").get_by_role("button", name="firewall-ops")
    await expect(channel).to_contain_text("1 new")
    await expect(person.page).to_have_title(re.compile(r"^\(1\) "))

    await channel.click()
    await expect(person.log.get_by_role("separator").filter(has_text="New")).to_be_visible()
    await expect(channel).not_to_contain_text("new")
    await expect(person.page).to_have_title(re.compile("^#firewall-ops"))


async def test_who_reads_further_up_stays_there(
    person: Person, bot: AsyncWebClient, people: ControlClient
):
    for number in range(30):
        text = f"line {number}\n\n\nend of {number}"
        await people.act("ana", "message", channel=CHANNEL, text=text)
    await expect(person.said("end of 29")).to_be_in_viewport()
    latest = person.page.get_by_role("button", name="Latest")
    await expect(latest).to_be_hidden()

    await person.said("line 0").scroll_into_view_if_needed()
    await expect(latest).to_be_visible()
    await bot.chat_postMessage(channel=CHANNEL, text="one more")
    await expect(person.said("one more")).to_have_count(1)
    await expect(person.said("one more")).not_to_be_in_viewport()

    await latest.click()
    await expect(person.said("one more")).to_be_in_viewport()
    await expect(latest).to_be_hidden()


async def test_a_message_longer_than_the_screen_is_read_from_its_beginning(
    person: Person, bot: AsyncWebClient
):
    text = "\n".join(f"fact {number}" for number in range(60))
    blocks = [{"type": "header", "text": plain("Gate G2")}, section(text)]
    await bot.chat_postMessage(channel=CHANNEL, text="Gate G2", blocks=blocks)

    await expect(person.log.get_by_role("heading", name="Gate G2")).to_be_in_viewport()
    await expect(person.page.get_by_role("button", name="Latest")).to_be_visible()
