"""Slack's markup, drawn: mrkdwn, Block Kit, and that nothing in it becomes markup of the page."""

from typing import Any

import pytest
from playwright.async_api import expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import ControlClient, LocalSlack
from bot.localslack.emoji import NAMES
from tests.browser.person import Person, plain, section

CHANNEL = "C0000FWOPS0"

DRAW = """async (text) => {
  const { mrkdwn } = await import("/page/mrkdwn.js");
  const box = document.createElement("div");
  box.append(...mrkdwn(text));
  return box.getHTML();
}"""

LINE = '<span class="line">{}</span>'

# What people try in places where somebody forgot to escape.
ATTEMPTS = [
    "<script>window.harm = 1</script>",
    "<img src=x onerror='window.harm = 1'>",
    "&lt;script&gt;window.harm = 1&lt;/script&gt;",
    "<javascript:window.harm=1|click>",
    "<data:text/html,<script>window.harm=1</script>|click>",
    "*<img src=x onerror=window.harm=1>*",
    "```<svg onload=window.harm=1>```",
    "`<b>`</code><script>window.harm=1</script>",
    "<!date^1700000000^{time}^javascript:window.harm=1|x>",
    "<@U00000RITA0|<script>window.harm=1</script>>",
    '<https://example.org/" onmouseover="window.harm=1|link>',
    "{{constructor.constructor('window.harm=1')()}} ${window.harm=1}",
]


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("plain", "plain"),
        ("*bold* and _italic_ and ~struck~", None),
        ("`*code*`", "<code>*code*</code>"),
        ("*bold `co*de` end*", "<strong>bold <code>co*de</code> end</strong>"),
        ("2*3*4 and a_b_c and 1~2~3", "2*3*4 and a_b_c and 1~2~3"),
        ("* not bold *", "* not bold *"),
        ("a &lt; b &amp;amp; c", "a &lt; b &amp;amp; c"),
        ("at 14:02:03 o'clock", "at 14:02:03 o'clock"),
        (":no_such_emoji:", ":no_such_emoji:"),
        ("<@U000000ANA0>", '<span class="mention" title="Network">@Ana Okafor</span>'),
        ("<@U00000RITA0>", '<span class="mention mine" title="Firewall">@Rita Marsh</span>'),
        ("<#C0000FWOPS0|x>", '<span class="mention">#firewall-ops</span>'),
        ("<!here>", '<span class="mention mine">@here</span>'),
        ("<!unknown^1|words>", "words"),
        ("<javascript:alert(1)|click>", "<span>click</span>"),
    ],
)
async def test_mrkdwn_reads_as_slack_reads_it(person: Person, text: str, drawn: str | None):
    if drawn is None:
        drawn = "<strong>bold</strong> and <em>italic</em> and <s>struck</s>"

    assert await person.page.evaluate(DRAW, text) == LINE.format(drawn)


async def test_links_open_elsewhere_and_tell_nobody(person: Person):
    shown = await person.page.evaluate(DRAW, "<https://example.org/?a=1&amp;b=2|*not bold*>.")

    assert 'href="https://example.org/?a=1&amp;b=2"' in shown
    assert 'rel="noopener noreferrer"' in shown
    assert "*not bold*</a>." in shown


async def test_lists_quotes_and_fences_keep_their_lines(person: Person):
    shown = await person.page.evaluate(DRAW, "&gt; one\n&gt; two\n1. first\n```\na\n  b\n```")

    assert shown.startswith('<blockquote><span class="line">one</span><span class="line">two')
    assert '<span class="mark">1. </span><span>first</span>' in shown
    assert shown.endswith('<pre tabindex="0">a\n  b</pre>')


async def test_a_moment_is_in_local_time_with_utc_beside_it(person: Person, bot: AsyncWebClient):
    pattern = "<!date^1700000000^{date_short_pretty} at {time_secs}|fallback>"
    await bot.chat_postMessage(channel=CHANNEL, text=f"Expires {pattern}")

    moment = person.said("Expires").locator(".content time")
    await expect(moment).to_have_text("14 Nov 2023 at 17:13:20")
    await expect(moment).to_have_attribute("title", "2023-11-14 22:13:20 UTC")


def card(**more: str) -> dict[str, Any]:
    """Return a task card."""
    return {"type": "task_card", **more}


async def test_block_kit_is_drawn(person: Person, bot: AsyncWebClient):
    cell = {"type": "raw_text", "text": "1_1"}
    text = {"type": "text", "text": "  raw *text*", "style": {"bold": True}}
    items = [{"type": "rich_text_section", "elements": [{"type": "text", "text": "item"}]}]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain(":tada: Done")},
        section("x", fields=[{"type": "mrkdwn", "text": "*Field*"}, plain("*plain*")]),
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "_small_"}]},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_preformatted", "elements": [text]},
                {"type": "rich_text_list", "style": "ordered", "elements": items},
                {
                    "type": "rich_text_quote",
                    "elements": [{"type": "user", "user_id": "U000000BEN0"}],
                },
            ],
        },
        {"type": "table", "rows": [[cell, cell], [cell, cell]]},
        {
            "type": "plan",
            "title": "Steps",
            "tasks": [
                card(task_id="1", title="uploaded", status="complete"),
                card(task_id="2", title="import", status="in_progress"),
            ],
        },
        {
            "type": "markdown",
            "text": "## Head\n\n**strong** [link](https://example.org)\n\n- one\n- two",
        },
        {"type": "image", "image_url": "https://example.org/x.png", "alt_text": "Load by hour"},
        {"type": "alert", "text": "something new"},
    ]
    ts = (await bot.chat_postMessage(channel=CHANNEL, text="Done", blocks=blocks))["ts"]
    message = person.message(ts)

    await expect(message.get_by_role("heading", name="Done")).to_contain_text("🎉")
    await expect(message.locator(".field")).to_have_text(["Field", "*plain*"])
    await expect(message.locator("pre strong")).to_have_text("  raw *text*")
    await expect(message.locator("ol.rich li")).to_have_text(["item"])
    await expect(message.locator("blockquote .mention")).to_have_text("@Ben Lindqvist")
    await expect(message.get_by_role("cell")).to_have_text(["1_1", "1_1"])
    await expect(message.locator(".task")).to_have_text(["✓uploaded (done)", "import (under way)"])
    await expect(message.locator(".block-markdown strong")).to_have_text("strong")
    await expect(message.locator(".block-markdown li")).to_have_text(["one", "two"])
    await expect(message.get_by_role("img", name="Load by hour")).to_be_visible()
    await expect(message).to_contain_text("which this page does not draw")


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_nothing_in_a_text_becomes_markup(
    person: Person, bot: AsyncWebClient, people: ControlClient, attempt: str
):
    blocks: list[dict[str, Any]] = [
        section(attempt),
        {"type": "header", "text": plain(attempt)},
        {"type": "markdown", "text": f"{attempt} [x](javascript:window.harm=1)"},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": attempt},
                        {"type": "link", "url": "javascript:window.harm=1", "text": attempt},
                    ],
                }
            ],
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "x",
                    "url": "javascript:window.harm=1",
                    "text": plain(attempt[:75]),
                }
            ],
        },
    ]
    ts = (await bot.chat_postMessage(channel=CHANNEL, text=attempt, blocks=blocks))["ts"]
    await bot.chat_postMessage(channel=CHANNEL, text=attempt, thread_ts=ts)
    await people.act("ana", "message", channel=CHANNEL, text=attempt)
    await people.act("ana", "message", channel=CHANNEL, text="the last one")
    await expect(person.said("the last one")).to_be_visible()

    for link in await person.log.get_by_role("link").all():
        assert (await link.get_attribute("href") or "").startswith(("http:", "https:"))
    found = "script:not([src]), [onerror], [onload], [onmouseover], .log img, .log svg:not(.icon)"
    await expect(person.page.locator(found)).to_have_count(0)
    await person.message(ts).locator("button.button").click()
    assert await person.page.evaluate("window.harm") is None


async def test_names_and_files_are_text_as_well(
    page: Any, slack: LocalSlack, bot: AsyncWebClient, people: ControlClient
):
    slack.workspace.users["U000000ANA0"].real_name = "<img src=x onerror=window.harm=1>"
    slack.workspace.users["U000000ANA0"].title = "<script>window.harm=1</script>"
    slack.workspace.channels[CHANNEL].topic = "<b>topic</b>"
    person = Person(page)
    await person.opens(slack.url)
    await people.act("ana", "message", channel=CHANNEL, text="hello")
    await bot.files_upload_v2(
        channel=CHANNEL, filename="<svg onload=window.harm=1>.txt", content="<script>x</script>"
    )

    await expect(person.said("hello").locator(".name")).to_have_text(
        "<img src=x onerror=window.harm=1>"
    )
    await expect(person.said("<svg onload").locator("pre")).to_have_text("<script>x</script>")
    await expect(page.locator(".about").first).to_have_text("<b>topic</b>")
    assert await page.evaluate("window.harm") is None


async def test_the_browser_is_told_to_run_nothing_else(person: Person, slack: LocalSlack):
    for path in ("", "page/main.js", "page/theme.css"):
        answer = await person.page.request.get(slack.url + path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("page/..%2Fserver.py", "page/nothing.js", "page/.html"):
        assert (await person.page.request.get(slack.url + path)).status == 404


async def test_every_emoji_that_slack_takes_can_be_drawn(person: Person):
    unknown = await person.page.evaluate(
        """async (names) => {
          const { emojiFor } = await import("/page/emoji.js");
          return names.filter((name) => !emojiFor(name));
        }""",
        sorted(NAMES),
    )

    assert unknown == []
