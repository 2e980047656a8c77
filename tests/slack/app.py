"""A small app made with Slack's own libraries, for tests of localslack."""

from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack


class ExampleApp:
    """Remembers what it hears, and answers with what a test tells it to."""

    def __init__(self, slack: LocalSlack) -> None:
        self._slack = slack
        self.client = AsyncWebClient(token="xoxb-localslack", base_url=slack.base_url)
        self.bolt = AsyncApp(client=self.client)
        self.heard: list[dict[str, Any]] = []
        self.answer: str | dict[str, Any] | None = "heard"
        self.submission_answer: dict[str, Any] = {}
        self._handlers: list[AsyncSocketModeHandler] = []
        self._listen()

    async def connect(self) -> AsyncSocketModeHandler:
        """Open one more connection."""
        handler = AsyncSocketModeHandler(self.bolt, "xapp-localslack")
        self._handlers.append(handler)
        await handler.connect_async()
        return handler

    async def close(self) -> None:
        """Close all connections."""
        for handler in self._handlers:
            await handler.close_async()

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a type that were heard."""
        return [b for b in self.heard if b.get("event", {}).get("type") == kind]

    def _listen(self) -> None:
        app = self.bolt

        @app.command("/hotfix")
        async def command(ack, body):
            self.heard.append(body)
            await ack(self.answer)

        @app.action("approve")
        async def action(ack, body, respond):
            self.heard.append(body)
            await ack()
            if self.answer:
                await respond(self.answer)

        @app.action("open")
        async def open_form(ack, body, client):
            self.heard.append(body)
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)

        @app.view("reason")
        async def submitted(ack, body):
            self.heard.append(body)
            await ack(**self.submission_answer)

        for kind in (
            "reaction_added",
            "reaction_removed",
            "app_mention",
            "app_home_opened",
            "subteam_members_changed",
            "channel_shared",
        ):
            app.event(kind)(self._remember)

    async def hear_click(self, ack, body):
        """Remember a click, and ack it; for elements that a test adds."""
        self.heard.append(body)
        await ack()

    async def _remember(self, body):
        self.heard.append(body)


FORM = {
    "type": "modal",
    "callback_id": "reason",
    "title": {"type": "plain_text", "text": "Why?"},
    "submit": {"type": "plain_text", "text": "Reject"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "until",
            "optional": True,
            "label": {"type": "plain_text", "text": "Until"},
            "element": {
                "type": "static_select",
                "action_id": "when",
                "options": [
                    {"text": {"type": "plain_text", "text": "Morning"}, "value": "morning"}
                ],
            },
        },
    ],
}

BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Gate 2"}},
    {
        "type": "actions",
        "block_id": "gate",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "value": "G2",
                "style": "primary",
                "text": {"type": "plain_text", "text": "Approve"},
            },
            {
                "type": "button",
                "action_id": "open",
                "value": "G2",
                "text": {"type": "plain_text", "text": "Reject"},
            },
        ],
    },
]
