"""A form as people fill it in: drawn anew meanwhile, kept where it stays, wrong at its field."""

from typing import Any

import pytest
from playwright.async_api import expect

from bot.changing import Place, form
from tests.browser.person import Person, plain
from tests.slack.house import CHANNEL
from tests.unit.builders import plan

PLACE = Place("hf-000001", 1, CHANNEL, "1.000001")
BUTTON = {
    "type": "actions",
    "elements": [{"type": "button", "action_id": "change", "text": plain("Change…")}],
}


class Changing:
    """An app with the form of a proposal."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.errors: dict[str, str] = {}
        app.bolt.action("change")(self._open)
        app.bolt.action("change:groups")(self._draw)
        app.bolt.view("change")(self._take)

    async def _open(self, ack: Any, body: Any, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=form(plan(), PLACE, "1_1"))

    async def _draw(self, ack: Any, body: Any, client: Any) -> None:
        await ack()
        self.app.heard.append(body)
        view, values = body["view"], body["view"]["state"]["values"]
        count = int(values["groups"]["change:groups"]["selected_option"]["value"])
        drawn = form(plan(), PLACE, "1_1", count=count)
        await client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)

    async def _take(self, ack: Any, body: Any) -> None:
        self.app.heard.append(body)
        errors = self.errors
        await (ack(response_action="errors", errors=errors) if errors else ack())


@pytest.fixture
def changing(app) -> Changing:
    return Changing(app)


async def test_a_form_is_filled_in_drawn_anew_refused_at_its_field_and_sent(
    changing: Changing, bot, person: Person
):
    await bot.chat_postMessage(channel=CHANNEL, text="a proposal", blocks=[BUTTON])
    await person.page.get_by_role("button", name="Change…").click()
    dialog = person.page.get_by_role("dialog", name="Change the proposal")
    await expect(dialog.get_by_label("Members of A")).to_have_value("1_1-1_2")
    await expect(dialog.get_by_label("A first: A, then B")).to_be_checked()

    many = dialog.get_by_label("How many Logical Groups")
    await many.select_option("3")
    await expect(dialog.get_by_label("Members of C")).to_have_value("1_4")
    await expect(many).to_have_value("3")
    await expect(many).to_be_focused()

    changing.errors = {"part:3:B": "1_3 is in no group yet."}
    await dialog.get_by_label("Members of B").fill("1_2")
    await dialog.get_by_label("As written below").check()
    await dialog.get_by_label("In this order").fill("C, A, B")
    await dialog.get_by_role("button", name="Propose this").click()
    field = dialog.get_by_label("Members of B")
    await expect(dialog.get_by_role("alert").filter(has_text="in no group yet")).to_be_visible()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_be_focused()

    changing.errors = {}
    await field.fill("1_3")
    await field.press("Enter")
    await expect(dialog).to_have_count(0)
    values = changing.app.heard[-1]["view"]["state"]["values"]
    assert values["part:3:B"]["members"]["value"] == "1_3"
    assert values["order:3"]["order"]["selected_option"]["value"] == "listed"
    assert values["listed:3"]["listed"]["value"] == "C, A, B"


async def test_escape_leaves_the_form_and_changes_nothing(changing: Changing, bot, person: Person):
    await bot.chat_postMessage(channel=CHANNEL, text="a proposal", blocks=[BUTTON])
    await person.page.get_by_role("button", name="Change…").click()
    dialog = person.page.get_by_role("dialog", name="Change the proposal")
    await expect(dialog).to_be_visible()
    await person.page.keyboard.press("Escape")

    await expect(dialog).to_have_count(0)
    assert changing.app.heard == []


async def test_a_form_left_open_is_not_in_a_fresh_page(changing: Changing, bot, person: Person):
    await bot.chat_postMessage(channel=CHANNEL, text="a proposal", blocks=[BUTTON])
    press = person.page.get_by_role("button", name="Change…")
    dialog = person.page.get_by_role("dialog", name="Change the proposal")
    await press.click()
    await expect(dialog).to_be_visible()

    await person.page.reload()

    await expect(person.composer).to_be_editable()
    await expect(press).to_be_visible()
    await expect(dialog).to_have_count(0)
    await press.click()
    await expect(dialog).to_be_visible()
    await person.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
