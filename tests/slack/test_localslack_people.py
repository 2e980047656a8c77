"""What people do and see: commands, clicks, forms, the home tab."""

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.slack.app import BUTTONS, FORM
from tests.slack.samples import sample, unknown_names

CHANNEL = "C0000FWOPS0"
OPS = {"channel": "#firewall-ops"}


async def gate(app) -> Any:
    """Return the `ts` of a message with buttons."""
    posted = await app.client.chat_postMessage(channel=CHANNEL, text="gate", blocks=BUTTONS)
    return posted["ts"]


async def test_the_answer_to_a_command_is_seen_by_its_author_only(app, people):
    answer = await people.act("rita", "command", **OPS, text="/hotfix status")
    assert [e["text"] for e in answer["saw"]] == ["heard"]
    state = await people.state()
    assert list(state["ephemerals"]) == ["U00000RITA0"]
    (body,) = app.heard
    assert (body["command"], body["text"]) == ("/hotfix", "status")
    assert unknown_names(body, sample("SlashCommandPayload")) == []


async def test_names_in_a_command_are_escaped_as_the_manifest_asks(app, people):
    text = "/hotfix ask @ana @fw-approvers <b> & #firewall-ops"
    await people.act("rita", "command", **OPS, text=text)
    assert app.heard[0]["text"] == (
        "ask <@U000000ANA0|ana> <!subteam^S0FWAPPROV0|@fw-approvers>"
        f" &lt;b&gt; &amp; <#{CHANNEL}|firewall-ops>"
    )


async def test_an_answer_in_channel_is_seen_by_all(app, people):
    app.answer = {"text": "for all", "response_type": "in_channel"}
    await people.act("rita", "command", **OPS, text="/hotfix status")
    assert [m["text"] for m in (await people.channel("firewall-ops"))["messages"]] == ["for all"]


async def test_commands_do_not_work_in_threads(app, people):
    ts = await gate(app)
    answer = await people.act("rita", "command", **OPS, text="/hotfix status", thread_ts=ts)
    assert answer["error"] == "not_supported_in_threads"
    assert app.heard == []


async def test_an_unknown_command_never_leaves_the_client(app, people):
    answer = await people.act("rita", "command", **OPS, text="/hotfx status")
    assert answer["saw"][0]["text"] == "/hotfx is not a valid command."


async def test_a_command_without_a_connection_fails_visibly(slack, people):
    answer = await people.act("rita", "command", **OPS, text="/hotfix status")
    assert answer["error"] == "dispatch_failed"
    assert answer["saw"][0]["text"] == '/hotfix failed with the error "dispatch_failed"'


async def test_a_command_without_an_ack_fails_visibly_and_is_not_repeated(
    app, people, watch, clock
):
    await people.fault("lose_ack")
    acting = asyncio.create_task(people.act("rita", "command", **OPS, text="/hotfix status"))
    await watch.until_traffic("ack", error="lost")
    clock.advance(3)
    answer = await acting
    assert answer["error"] == "operation_timeout"
    assert len(app.heard) == 1


async def test_a_response_address_has_five_uses_and_thirty_minutes(app, people, clock):
    await people.act("rita", "command", **OPS, text="/hotfix status")
    url = app.heard[0]["response_url"]
    async with aiohttp.ClientSession() as session:

        async def use(url=url):
            async with session.post(url, json={"text": "more"}) as response:
                return response.status, (await response.json()).get("error")

        assert [await use() for _ in range(6)] == [(200, None)] * 5 + [(404, "used_url")]
        await people.act("rita", "command", **OPS, text="/hotfix status")
        clock.advance(30 * 60 + 1)
        assert await use(app.heard[1]["response_url"]) == (404, "expired_url")
    seen = (await people.state())["ephemerals"]["U00000RITA0"]
    assert [e["text"] for e in seen].count("more") == 5


async def test_a_click_says_what_was_clicked(app, people, watch):
    ts = await gate(app)
    assert (await people.act("ana", "click", **OPS, ts=ts, action_id="approve"))["ok"]
    await watch.until("ephemeral_posted", text="heard")
    (body,) = app.heard
    (action,) = body["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("approve", "gate", "G2")
    assert body["container"]["message_ts"] == body["message"]["ts"] == ts
    assert body["user"]["id"] == "U000000ANA0"
    assert unknown_names(body, sample("BlockActionPayload")) == []


async def test_a_click_can_change_the_message(app, people, watch):
    ts = await gate(app)
    app.answer = {"text": "approved", "replace_original": True}
    await people.act("ana", "click", **OPS, ts=ts, action_id="approve")
    await watch.until("message_changed", ts=ts)
    assert (await people.channel("firewall-ops"))["messages"][0]["text"] == "approved"
    late = await people.act("ben", "click", **OPS, ts=ts, action_id="approve")
    assert late == {"ok": False, "error": "action_not_found"}


async def test_a_click_without_a_connection_fails_visibly(client, people):
    posted = await client.chat_postMessage(channel=CHANNEL, text="gate", blocks=BUTTONS)
    answer = await people.act("ana", "click", **OPS, ts=posted["ts"], action_id="approve")
    assert answer["error"] == "dispatch_failed"
    assert answer["saw"]


async def test_a_button_in_an_ephemeral_message_works(app, people, client):
    await client.chat_postEphemeral(
        channel=CHANNEL, user="U000000ANA0", text="only you", blocks=BUTTONS
    )
    ts = (await people.state())["ephemerals"]["U000000ANA0"][0]["ts"]
    await people.act("ana", "click", **OPS, ts=ts, action_id="approve")
    assert app.heard[0]["container"]["is_ephemeral"]
    other = await people.act("ben", "click", **OPS, ts=ts, action_id="approve")
    assert other["error"] == "message_not_found"


async def test_a_form_is_opened_refused_and_sent(app, people, watch):
    ts = await gate(app)
    await people.act("ana", "click", **OPS, ts=ts, action_id="open")
    opened = await watch.until("view_opened", user="U000000ANA0")
    assert opened["view"]["callback_id"] == "reason"
    empty = await people.act("ana", "submit", values={})
    assert (empty["error"], empty["blocks"]) == ("missing_input", ["why"])
    app.submission_answer = {"response_action": "errors", "errors": {"why": "say more"}}
    refused = await people.act("ana", "submit", values={"text": "no"})
    assert refused["errors"] == {"why": "say more"}
    app.submission_answer = {}
    sent = await people.act("ana", "submit", values={"text": "because", "when": "morning"})
    assert sent["is_open"] is False
    values = app.heard[-1]["view"]["state"]["values"]
    assert values["why"]["text"] == {"type": "plain_text_input", "value": "because"}
    assert values["until"]["when"]["selected_option"]["value"] == "morning"
    assert unknown_names(app.heard[-1], sample("ViewSubmissionPayload")) == []
    assert (await people.state())["views"] == []


async def test_a_trigger_works_once_and_soon(app, people, client, clock):
    ts = await gate(app)
    for _ in range(2):
        await people.act("ana", "click", **OPS, ts=ts, action_id="approve")
    used, late = (body["trigger_id"] for body in app.heard)
    await client.views_open(trigger_id=used, view=FORM)
    clock.advance(3.5)
    for trigger, error in (
        (used, "exchanged_trigger_id"),
        (late, "expired_trigger_id"),
        ("1.invented", "invalid_trigger_id"),
    ):
        with pytest.raises(SlackApiError) as caught:
            await client.views_open(trigger_id=trigger, view=FORM)
        assert caught.value.response["error"] == error


async def test_a_view_is_checked(client):
    bad = {"type": "modal", "title": {"type": "plain_text", "text": "x" * 25}, "blocks": []}
    with pytest.raises(SlackApiError) as caught:
        await client.views_open(trigger_id="1.x", view=bad)
    answer = caught.value.response
    assert answer["error"] == "invalid_arguments"
    assert "must be less than 25 characters [json-pointer:/view/title/text]" in answer["errors"]


async def test_the_home_tab_is_opened_and_published(app, people, client, watch):
    await people.act("noor", "open_home")
    await watch.until_traffic("ack", ok=True)
    (body,) = app.events("app_home_opened")
    assert body["event"]["tab"] == "home"
    home = {"type": "home", "blocks": [*BUTTONS]}
    await client.views_publish(user_id="U00000NOOR0", view=home)
    app.answer = None
    assert (await people.act("noor", "click", home=True, action_id="approve"))["ok"]
    assert app.heard[-1]["container"]["type"] == "view"
    seen = await people.act("noor", "open_home")
    assert seen["view"]["type"] == "home"
    await watch.until_traffic("delivery", ok=True)
    await watch.until_traffic("ack", ok=True)


async def test_what_people_type_is_escaped_except_names(people):
    await people.act("ana", "message", **OPS, text="@ben <!channel> a & b @nobody")
    (message,) = (await people.channel("firewall-ops"))["messages"]
    assert message["text"] == "<@U000000BEN0> &lt;!channel&gt; a &amp; b @nobody"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("halt fw1.example.com!", "halt <http://fw1.example.com|fw1.example.com>!"),
        ("see https://example.com/a, ok", "see <https://example.com/a>, ok"),
        ("install site-1 Check_Point_R81.20_T99.tgz", "install site-1 Check_Point_R81.20_T99.tgz"),
        ("ask ana@example.com", "ask ana@example.com"),
    ],
)
async def test_addresses_that_people_type_become_links(people, typed, sent):
    await people.act("ana", "message", **OPS, text=typed)
    (message,) = (await people.channel("firewall-ops"))["messages"]
    assert message["text"] == sent


async def test_nobody_writes_where_the_manifest_lets_the_app_only_read_to_people(people, client):
    direct = (await client.conversations_open(users="U000000ANA0"))["channel"]["id"]
    assert (await client.chat_postMessage(channel=direct, text="told"))["ok"]

    answer = await people.act("ana", "message", channel=direct, text="and now?")

    assert answer["error"] == "messages_tab_disabled"


async def test_who_is_not_in_the_channel_sees_and_does_nothing(people, client):
    ts = (await client.chat_postMessage(channel=CHANNEL, text="gate"))["ts"]
    await people.act("gus", "leave", **OPS)
    for act in ("react", "message", "command"):
        answer = await people.act("gus", act, **OPS, ts=ts, emoji="x", text="/hotfix status")
        assert answer["error"] == "not_in_channel"
    await people.act("gus", "join", **OPS)
    assert (await people.act("gus", "react", **OPS, ts=ts, emoji="x"))["ok"]


async def test_a_change_of_a_user_group_is_told(app, people, watch):
    await people.change("usergroup", "fw-approvers", users=["ben", "rita"])
    await watch.until_traffic("ack", ok=True)
    (body,) = app.events("subteam_members_changed")
    assert body["event"]["added_users"] == ["U00000RITA0"]
    assert sorted(body["event"]["removed_users"]) == ["U000000ANA0", "U00000NOOR0"]


async def test_a_channel_that_becomes_shared_is_told(app, people, watch):
    await people.change("channel", "firewall-ops", is_ext_shared=True)
    await watch.until_traffic("ack", ok=True)
    assert app.events("channel_shared")[0]["event"]["channel"] == CHANNEL


def _field(block_id: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    label = {"type": "plain_text", "text": block_id}
    return {"type": "input", "block_id": block_id, "label": label, "element": element, **more}


def _form(*blocks: dict[str, Any]) -> dict[str, Any]:
    title, submit = ({"type": "plain_text", "text": text} for text in ("Change", "Propose"))
    return {"type": "modal", "title": title, "submit": submit, "blocks": list(blocks)}


TYPED = {"type": "plain_text_input", "action_id": "typed", "initial_value": "as it was"}


async def opened(app, people, client, watch, view: dict[str, Any]) -> dict[str, Any]:
    ts = await gate(app)
    await people.act("ana", "click", **OPS, ts=ts, action_id="approve")
    await client.views_open(trigger_id=app.heard[-1]["trigger_id"], view=view)
    shown: dict[str, Any] = (await watch.until("view_opened", user="U000000ANA0"))["view"]
    return shown


async def test_a_field_keeps_what_was_filled_in_as_long_as_its_ids_stay(app, people, client, watch):
    options = [{"text": {"type": "plain_text", "text": n}, "value": n} for n in ("2", "3")]
    choice = {"type": "static_select", "action_id": "many", "options": options}
    many = _field("many", {**choice, "initial_option": options[0]}, dispatch_action=True)
    view = await opened(app, people, client, watch, _form(many, _field("a", TYPED)))
    assert view["state"]["values"]["a"]["typed"]["value"] == "as it was"

    unasked = await people.act("ana", "click", view_id=view["id"], action_id="typed", value="x")
    assert unasked["error"] == "action_not_found"

    values = {"a": "as I want it"}
    app.bolt.action("many")(app.hear_click)
    await people.act("ana", "click", view_id=view["id"], action_id="many", value="3", values=values)
    told = app.heard[-1]["view"]["state"]["values"]
    assert told["many"]["many"]["selected_option"]["value"] == "3"
    assert told["a"]["typed"]["value"] == "as I want it"

    drawn = _form(many, _field("a", TYPED), _field("b", TYPED))
    answer = await client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    held = answer["view"]["state"]["values"]
    assert held["a"]["typed"]["value"] == "as I want it"
    assert held["b"]["typed"]["value"] == "as it was"

    with pytest.raises(SlackApiError) as caught:
        await client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    assert caught.value.response["error"] == "hash_conflict"


async def test_a_form_is_not_sent_with_what_a_client_would_not_take(app, people, client, watch):
    short = _field("short", {**TYPED, "max_length": 12})
    await opened(app, people, client, watch, _form(short))

    for wrong in ("", "far too long for it"):
        refused = await people.act("ana", "submit", values={"short": wrong})
        assert (refused["error"], refused["blocks"]) == ("missing_input", ["short"])


async def test_errors_are_for_fields_that_the_form_has(app, people, watch):
    ts = await gate(app)
    await people.act("ana", "click", **OPS, ts=ts, action_id="open")
    await watch.until("view_opened", user="U000000ANA0")
    app.submission_answer = {"response_action": "errors", "errors": {"elsewhere": "wrong"}}

    refused = await people.act("ana", "submit", values={"text": "no"})

    assert refused["error"] == "invalid_errors"
    assert len((await people.state())["views"]) == 1


@pytest.mark.parametrize(
    ("element", "fault"),
    [
        (
            {
                "type": "radio_buttons",
                "action_id": "r",
                "options": [{"text": {"type": "plain_text", "text": "A"}, "value": "a"}],
                "initial_option": {"text": {"type": "plain_text", "text": "A"}, "value": "b"},
            },
            "must be one of the options [json-pointer:/blocks/0/element/initial_option]",
        ),
        (
            {"type": "plain_text_input", "action_id": "t", "max_length": 3001},
            "must be between 1 and 3000 [json-pointer:/blocks/0/element/max_length]",
        ),
    ],
)
async def test_a_field_of_a_view_is_checked(client, element, fault):
    with pytest.raises(SlackApiError) as caught:
        await client.views_open(trigger_id="1.x", view=_form(_field("f", element)))

    assert fault in caught.value.response["errors"]
