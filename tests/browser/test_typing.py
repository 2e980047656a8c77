"""The composer: commands, suggestions, what was typed before."""

from playwright.async_api import expect

from bot.localslack import LocalSlack
from tests.browser.person import Person
from tests.slack.app import ExampleApp


async def test_a_command_is_suggested_explained_and_answered(person: Person, app: ExampleApp):
    app.answer = "I understood you"
    await expect(person.log).to_contain_text("Type /hotfix to begin")
    await person.composer.press_sequentially("/ho")
    await expect(person.suggestions).to_contain_text(["Plan and run hotfix installs"])
    await person.composer.press("Tab")
    await expect(person.composer).to_have_value("/hotfix ")
    await expect(person.suggestions.first).to_contain_text("/hotfix install")
    await expect(person.suggestions.last).to_contain_text("/hotfix help")

    await person.composer.press_sequentially("ins")
    await expect(person.suggestions).to_have_count(1)
    await person.composer.press("Tab")
    await expect(person.composer).to_have_value("/hotfix install ")
    await expect(person.page.locator("mark")).to_have_text("<group>")
    await person.composer.press_sequentially("site-1 ")
    await expect(person.page.locator("mark")).to_have_text("<package>")
    await person.composer.press_sequentially("T120.tgz")
    await person.composer.press("Enter")

    await expect(person.said("I understood you")).to_contain_text("Only visible to you")
    assert app.heard[0]["text"] == "install site-1 T120.tgz"


async def test_a_command_that_nobody_knows_says_so(person: Person, app: ExampleApp):
    await person.writes("/hotfox help")

    await expect(person.said("/hotfox is not a valid command.")).to_contain_text(
        "Only visible to you"
    )


async def test_a_command_in_a_thread_says_that_it_does_not_work_there(
    person: Person, app: ExampleApp
):
    await person.writes("a beginning")
    await person.said("a beginning").hover()
    await person.said("a beginning").get_by_role("button", name="Reply").click()
    await person.reply.fill("/hotfix status")
    await person.reply.press("Enter")

    await expect(person.thread).to_contain_text("/hotfix is not supported in threads")


async def test_without_the_app_a_command_fails_visibly(person: Person):
    await expect(person.page.get_by_text("hotfix is not connected")).to_be_visible()
    await person.writes("/hotfix status")

    await expect(person.said("dispatch_failed")).to_contain_text("Only visible to you")


async def test_what_one_sent_comes_back_with_the_arrow(person: Person):
    await person.writes("first")
    await expect(person.said("first")).to_be_visible()
    await person.writes("second")
    await expect(person.said("second")).to_be_visible()

    await person.composer.press("ArrowUp")
    await expect(person.composer).to_have_value("second")
    await person.composer.press("ArrowUp")
    await expect(person.composer).to_have_value("first")
    await person.composer.press("ArrowDown")
    await person.composer.press("ArrowDown")
    await expect(person.composer).to_have_value("")


async def test_shift_enter_begins_a_line_and_drafts_stay_with_their_writer(person: Person):
    await person.composer.fill("one")
    await person.composer.press("Shift+Enter")
    await person.composer.press_sequentially("two")
    await person.becomes("Ben Lindqvist")
    await expect(person.composer).to_have_value("")
    await person.becomes("Rita Marsh")
    await expect(person.composer).to_have_value("one\ntwo")

    await person.composer.press("Enter")
    await expect(person.said("one").locator(".line")).to_have_text(["one", "two"])


async def test_emoji_channels_and_groups_are_completed(person: Person):
    await person.composer.press_sequentially(":white_che")
    await expect(person.suggestions.first).to_contain_text(":white_check_mark:")
    await person.composer.press("Enter")
    await person.composer.press_sequentially("@fw")
    await person.composer.press("Enter")
    await person.composer.press_sequentially("#fire")
    await person.composer.press("Enter")
    await expect(person.composer).to_have_value(":white_check_mark: @fw-approvers #firewall-ops ")
    await person.composer.press("Enter")

    said = person.said("@fw-approvers")
    await expect(said.locator(".mention")).to_have_text(["@fw-approvers", "#firewall-ops"])
    await expect(said.get_by_role("img", name="white check mark")).to_have_text("✅")


async def test_what_could_not_be_sent_is_not_lost(person: Person, slack: LocalSlack):
    await slack.stop()
    await person.writes("important")

    await expect(person.page.get_by_text("there is no connection")).to_be_visible()
    await expect(person.composer).to_have_value("important")
