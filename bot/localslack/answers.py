"""Answers of the app to one person's act: acknowledgements, response addresses, triggers.

Source: docs.slack.dev/interactivity/handling-user-interaction. A response address lives for
30 minutes and five uses; a trigger for three seconds and one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.localslack.blocks import check_blocks
from bot.localslack.ids import secret
from bot.localslack.model import Ephemeral, Json, Message
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.events import Events
    from bot.localslack.workspace import Workspace

MOST_USES = 5
LIFE_S = 30 * 60.0
TRIGGER_LIFE_S = 3.0


@dataclass
class ResponseAddress:
    """Where an app may answer one act of one person.

    Attributes:
        about: the message that was clicked, or the latest private answer.
    """

    secret: str
    user: str
    channel: str
    expires_at: float
    about: Message | Ephemeral | None = None
    uses: int = 0


class Answers:
    """Issues response addresses and triggers, and takes what comes by them."""

    def __init__(self, workspace: Workspace, events: Events) -> None:
        self._workspace = workspace
        self._events = events
        self._addresses: dict[str, ResponseAddress] = {}
        self._triggers: dict[str, tuple[str, float]] = {}
        self._used_triggers: set[str] = set()

    def open_address(
        self, user: str, channel: str, about: Message | Ephemeral | None = None
    ) -> ResponseAddress:
        """Issue a response address."""
        expires_at = self._workspace.now() + LIFE_S
        address = ResponseAddress(secret(), user, channel, expires_at, about)
        self._addresses[address.secret] = address
        return address

    def url(self, address: ResponseAddress) -> str:
        """Return the address in full."""
        workspace = self._workspace
        return f"{workspace.team.url}commands/{workspace.team.id}/{address.secret}"

    def use(self, key: str, body: Json) -> None:
        """Take an answer that came by a response address.

        Raises:
            Refused: `used_url`, `expired_url`, or what is wrong with the answer.
        """
        address = self._addresses.get(key)
        if address is None or self._workspace.now() > address.expires_at:
            raise Refused("expired_url")
        if address.uses >= MOST_USES:
            raise Refused("used_url")
        address.uses += 1
        self.give(address, body)

    def give(self, address: ResponseAddress, body: Json) -> None:
        """Show an answer: to the person only, unless it says `in_channel`.

        Raises:
            Refused: `no_text`, `invalid_blocks`.
        """
        if body.get("delete_original"):
            self._delete(address)
            return
        text = str(body.get("text") or "")
        blocks = (
            check_blocks(body["blocks"], without=self._workspace.without_blocks)
            if body.get("blocks")
            else []
        )
        attachments = body.get("attachments") or []
        if not text and not blocks and not attachments:
            raise Refused("no_text")
        if body.get("replace_original") and address.about is not None:
            self._replace(address.about, text, blocks)
        elif body.get("response_type") == "in_channel":
            self._post(address, text, blocks, body.get("thread_ts"))
        else:
            self._whisper(address, text, blocks, body.get("thread_ts"))

    def new_trigger(self, user: str) -> str:
        """Issue a trigger: the right to open a modal for that person, soon and once."""
        trigger = f"{self._workspace.ids.new('1')}.{secret()}"
        self._triggers[trigger] = (user, self._workspace.now() + TRIGGER_LIFE_S)
        return trigger

    def use_trigger(self, trigger: str) -> str:
        """Return whose trigger that is, and spend it.

        Raises:
            Refused: `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`.
        """
        if trigger in self._used_triggers:
            raise Refused("exchanged_trigger_id")
        if trigger not in self._triggers:
            raise Refused("invalid_trigger_id")
        user, expires_at = self._triggers.pop(trigger)
        self._used_triggers.add(trigger)
        if self._workspace.now() > expires_at:
            raise Refused("expired_trigger_id")
        return user

    def _post(
        self, address: ResponseAddress, text: str, blocks: list[Json], thread_ts: str | None
    ) -> None:
        workspace = self._workspace
        message = Message(
            channel=address.channel,
            ts=workspace.new_ts(),
            user=workspace.app.bot_user,
            text=text,
            blocks=blocks,
            thread_ts=thread_ts,
            by_app=True,
        )
        self._events.message(workspace.post(message))

    def _whisper(
        self, address: ResponseAddress, text: str, blocks: list[Json], thread_ts: str | None
    ) -> None:
        told = self._workspace.tell(
            Ephemeral(
                channel=address.channel,
                ts=self._workspace.new_ts(),
                to=address.user,
                text=text,
                blocks=blocks,
                thread_ts=thread_ts,
            )
        )
        if not isinstance(address.about, Message):
            address.about = told

    def _replace(self, about: Message | Ephemeral, text: str, blocks: list[Json]) -> None:
        if isinstance(about, Message):
            self._workspace.edit(about, mark=not blocks, text=text, blocks=blocks)
            return
        about.text, about.blocks = text, blocks
        self._workspace.publish("ephemeral_changed", **self._workspace.shown_ephemeral(about))

    def _delete(self, address: ResponseAddress) -> None:
        if isinstance(address.about, Message):
            self._workspace.delete(address.about)
        elif address.about in self._workspace.ephemerals:
            self._workspace.withdraw(address.about)
        address.about = None
