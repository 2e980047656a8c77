"""What people do: they write, react, click, fill in forms, and see what comes of it.

One person at a time asks for one act; the answer tells what that person saw. What Slack would
refuse in its client is refused here, before the app hears of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.localslack import payloads
from bot.localslack.blocks import elements_of
from bot.localslack.delivery import Delivery, NotDelivered
from bot.localslack.faults import OF_EVENTS
from bot.localslack.forms import chosen, fill, may_be, wrong_in
from bot.localslack.methods.views import add_modal, check_view, open_views, replace_body
from bot.localslack.model import Channel, Ephemeral, Json, Message, User, View
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.localslack.faults import Fault
    from bot.localslack.parts import Parts

# What a person's client sends as it is; all else that looks like markup is escaped.
_LIVE = re.compile(r"(<(?:@[A-Z0-9]+|#[A-Z0-9]+|!subteam\^[A-Z0-9]+)(?:\|[^<>]*)?>)")
_MENTION = re.compile(r"(?<![\w<])@([a-z0-9][a-z0-9._-]*)")
_CHANNEL = re.compile(r"(?<![\w<&])#([a-z0-9][a-z0-9_-]*)")

# An address, or a word that looks like one; Slack knows every top-level domain, this a few.
_ADDRESS = re.compile(
    r"(?<![\w<|@./-])(?:https?://[^\s<>|]*[^\s<>|.,:;!?)]"
    r"|(?P<bare>(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|de|io|net|org))(?![\w-]|\.\w))",
    re.IGNORECASE,
)


class Acts:
    """Lets a person of the workspace act."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._workspace = parts.workspace
        self._known: dict[str, Callable[[User, Json], Awaitable[Json]]] = {
            "message": self._message,
            "mention": self._mention,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "unreact": self._unreact,
            "command": self._command,
            "click": self._click,
            "submit": self._submit,
            "close": self._close,
            "open_home": self._open_home,
            "join": self._join,
            "leave": self._leave,
        }

    async def perform(self, asked: Json) -> Json:
        """Do what is asked and tell what the person saw.

        With `fault` (a kind of `faults.OF_EVENTS`, and its details) the event that comes of it
        goes astray.

        Raises:
            Refused: what Slack, or the person's client, says instead.
        """
        do = self._known.get(str(asked.get("do")))
        if do is None:
            raise Refused("unknown_act", known=sorted(self._known))
        user = self._workspace.user(str(asked.get("user", "")))
        if user.deleted:
            raise Refused("account_inactive")
        fault = self._goes_astray(asked["fault"]) if asked.get("fault") else None
        try:
            answer = await do(user, asked)
        finally:
            unused = fault is not None and self._parts.faults.forget(fault)
        if unused:
            raise Refused("no_event")
        return {"ok": True, **answer}

    def _goes_astray(self, asked: Json) -> Fault:
        if asked.get("kind") not in OF_EVENTS:
            raise Refused("unknown_fault", known=sorted(OF_EVENTS))
        fault = self._parts.faults.plan(asked)
        self._parts.traffic.record("fault", fault=fault.kind, ok=True, **fault.details)
        return fault

    # ----------------------------------------------------------------- speaking

    async def _message(self, user: User, asked: Json) -> Json:
        channel = self._joined(user, asked)
        text = str(asked.get("text", ""))
        if not text:
            raise Refused("no_text")
        return self._say(user, channel, self._typed(text), asked)

    async def _mention(self, user: User, asked: Json) -> Json:
        channel = self._joined(user, asked)
        text = f"<@{self._workspace.app.bot_user}> {self._typed(str(asked.get('text', '')))}"
        return self._say(user, channel, text.rstrip(), asked)

    def _say(self, user: User, channel: Channel, text: str, asked: Json) -> Json:
        if channel.is_archived:
            raise Refused("is_archived")
        if channel.is_im and not self._workspace.app.takes_messages:
            raise Refused("messages_tab_disabled")
        thread_ts = self._thread(channel, asked.get("thread_ts"))
        message = Message(
            channel=channel.id,
            ts=self._workspace.new_ts(),
            user=user.id,
            text=text,
            thread_ts=thread_ts,
        )
        self._workspace.post(message)
        self._parts.events.message(message)
        return {"channel": channel.id, "ts": message.ts}

    def _thread(self, channel: Channel, asked: str | None) -> str | None:
        """Return the thread that is meant; the one below a deleted message can be gone on with."""
        if not asked:
            return None
        found = channel.messages.get(asked)
        if found is None:
            raise Refused("message_not_found")
        return found.thread_ts if found.is_reply else asked

    async def _edit(self, user: User, asked: Json) -> Json:
        message = self._own_message(user, asked, "cant_update_message")
        self._workspace.edit(message, mark=True, text=self._typed(str(asked.get("text", ""))))
        self._parts.events.edited(message)
        return {"channel": message.channel, "ts": message.ts}

    async def _delete(self, user: User, asked: Json) -> Json:
        message = self._own_message(user, asked, "cant_delete_message")
        self._workspace.delete(message)
        return {"channel": message.channel, "ts": message.ts}

    # ----------------------------------------------------------------- reacting

    async def _react(self, user: User, asked: Json) -> Json:
        message, name = self._seen_message(user, asked), _emoji(asked)
        self._workspace.react(user.id, message, name)
        self._parts.events.reaction("reaction_added", user.id, message, name)
        return {}

    async def _unreact(self, user: User, asked: Json) -> Json:
        message, name = self._seen_message(user, asked), _emoji(asked)
        self._workspace.unreact(user.id, message, name)
        self._parts.events.reaction("reaction_removed", user.id, message, name)
        return {}

    # ----------------------------------------------------------------- commands

    async def _command(self, user: User, asked: Json) -> Json:
        channel = self._joined(user, asked)
        command, text = _split_command(asked)
        declared = self._workspace.app.commands.get(command)
        if declared is None:
            return self._fail(
                user, channel, asked, "unknown_command", f"{command} is not a valid command."
            )
        if asked.get("thread_ts"):
            return self._fail(
                user,
                channel,
                asked,
                "not_supported_in_threads",
                f"{command} is not supported in threads. Sorry!",
            )
        address = self._parts.answers.open_address(user.id, channel.id)
        payload = payloads.slash_command(
            self._workspace,
            user,
            channel,
            command=command,
            text=self._typed_in_command(text, declared),
            response_url=self._parts.answers.url(address),
            trigger_id=self._parts.answers.new_trigger(user.id),
        )
        before = len(self._workspace.ephemerals)
        try:
            ack = await self._deliver("slash_commands", payload)
        except NotDelivered as failure:
            return self._fail(
                user,
                channel,
                asked,
                failure.error,
                f'{command} failed with the error "{failure.error}"',
            )
        if ack:
            self._parts.answers.give(address, ack)
        return {"channel": channel.id, "saw": self._seen_since(before, user)}

    # ------------------------------------------------------------------- clicks

    async def _click(self, user: User, asked: Json) -> Json:
        if not self._workspace.app.is_interactive:
            raise Refused("interactivity_not_enabled")
        if asked.get("home") or asked.get("view_id"):
            return await self._click_in_view(user, self._view(user, asked), asked)
        return await self._click_on_message(user, asked)

    async def _click_on_message(self, user: User, asked: Json) -> Json:
        shown = self._ephemeral(user, asked) or self._seen_message(user, asked)
        channel = self._workspace.channels[shown.channel]
        action = self._action(shown.blocks, asked)
        about = self._parts.answers.open_address(user.id, channel.id, shown)
        payload = payloads.block_actions_on_message(
            self._workspace,
            user,
            shown,
            action,
            response_url=self._parts.answers.url(about),
            trigger_id=self._parts.answers.new_trigger(user.id),
        )
        before = len(self._workspace.ephemerals)
        try:
            await self._deliver("interactive", payload)
        except NotDelivered as failure:
            return self._fail(
                user,
                channel,
                {"thread_ts": shown.thread_ts},
                failure.error,
                f'That did not work: "{failure.error}"',
            )
        return {"saw": self._seen_since(before, user)}

    async def _click_in_view(self, user: User, view: View, asked: Json) -> Json:
        action = self._action(view.body.get("blocks", []), asked)
        given = {action["block_id"]: asked["value"]} if "value" in asked else {}
        fill(view, {**(asked.get("values") or {}), **given})
        trigger = self._parts.answers.new_trigger(user.id)
        payload = payloads.block_actions_on_view(self._workspace, user, view, action, trigger)
        try:
            await self._deliver("interactive", payload)
        except NotDelivered as failure:
            raise Refused(failure.error) from failure
        return {"view_id": view.id}

    def _action(self, blocks: list[Json], asked: Json) -> Json:
        """Return the `actions` entry for the element that is meant."""
        wanted = asked.get("action_id")
        for block, element in elements_of(blocks):
            silent = block["type"] == "input" and not block.get("dispatch_action")
            if (
                element["action_id"] == wanted
                and not silent
                and may_be(element, asked.get("value"))
            ):
                return {
                    "action_id": element["action_id"],
                    "block_id": block["block_id"],
                    "type": element["type"],
                    **chosen(element, asked.get("value")),
                    "action_ts": self._workspace.new_ts(),
                }
        raise Refused("action_not_found")

    # ------------------------------------------------------------------- modals

    async def _submit(self, user: User, asked: Json) -> Json:
        view = self._view(user, asked)
        fill(view, asked.get("values") or {})
        if missing := wrong_in(view):
            raise Refused("missing_input", blocks=missing)
        trigger = self._parts.answers.new_trigger(user.id)
        payload = payloads.view_submission(self._workspace, user, view, trigger)
        try:
            answer = await self._deliver("interactive", payload)
        except NotDelivered as failure:
            raise Refused(failure.error) from failure
        self._follow(user, view, answer)
        if view.errors:
            raise Refused("errors", errors=view.errors)
        return {"view_id": view.id, "is_open": view.is_open}

    def _follow(self, user: User, view: View, answer: Json) -> None:
        """Do with the modal what the app's `response_action` says."""
        view.errors = {}
        match answer.get("response_action"):
            case "errors":
                view.errors = _errors_for(view, answer)
                self._workspace.publish(
                    "view_refused", user=user.id, view_id=view.id, errors=view.errors
                )
            case "update":
                replace_body(self._workspace, view, check_view(answer.get("view"), "modal"))
            case "push":
                body = check_view(answer.get("view"), "modal")
                add_modal(self._workspace, user.id, body, previous=view)
            case "clear":
                for opened in open_views(self._workspace, user.id):
                    self._shut(opened)
            case _:
                self._shut(view)

    async def _close(self, user: User, asked: Json) -> Json:
        view = self._view(user, asked)
        self._shut(view)
        if view.body.get("notify_on_close"):
            payload = payloads.view_closed(self._workspace, user, view)
            try:
                await self._deliver("interactive", payload)
            except NotDelivered:
                # The person has closed the modal either way and sees nothing.
                return {"view_id": view.id}
        return {"view_id": view.id}

    def _shut(self, view: View) -> None:
        view.is_open = False
        self._workspace.publish("view_closed", user=view.user, view_id=view.id)

    async def _open_home(self, user: User, asked: Json) -> Json:
        if not self._workspace.app.has_home:
            raise Refused("not_enabled")
        self._parts.events.home_opened(user.id, str(asked.get("tab") or "home"))
        home = self._workspace.homes.get(user.id)
        return {"view": self._workspace.shown_view(home) if home else None}

    # --------------------------------------------------------------- membership

    async def _join(self, user: User, asked: Json) -> Json:
        channel = self._workspace.channel(str(asked.get("channel", "")))
        if user.id not in channel.members:
            channel.members.append(user.id)
            self._workspace.publish("channel_changed", channel=channel.id)
        return {"channel": channel.id}

    async def _leave(self, user: User, asked: Json) -> Json:
        channel = self._joined(user, asked)
        channel.members.remove(user.id)
        self._workspace.publish("channel_changed", channel=channel.id)
        return {"channel": channel.id}

    # ------------------------------------------------------------------ private

    async def _deliver(self, kind: str, payload: Json) -> Json:
        return await self._parts.courier.deliver(Delivery(kind, payload, accepts_response=True))

    def _fail(self, user: User, channel: Channel, asked: Json, error: str, text: str) -> Json:
        """Let the person see that it failed, as Slack's client does."""
        told = self._workspace.tell(
            Ephemeral(
                channel=channel.id,
                ts=self._workspace.new_ts(),
                to=user.id,
                text=text,
                thread_ts=asked.get("thread_ts"),
                kind="slack",
            )
        )
        raise Refused(error, saw=[self._workspace.shown_ephemeral(told)])

    def _seen_since(self, before: int, user: User) -> list[Json]:
        new = self._workspace.ephemerals[before:]
        return [self._workspace.shown_ephemeral(e) for e in new if e.to == user.id]

    def _joined(self, user: User, asked: Json) -> Channel:
        channel = self._workspace.channel(str(asked.get("channel", "")))
        if user.id not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def _seen_message(self, user: User, asked: Json) -> Message:
        channel = self._joined(user, asked)
        if channel.is_archived:
            raise Refused("is_archived")
        return self._workspace.message(channel, str(asked.get("ts", "")))

    def _own_message(self, user: User, asked: Json, error: str) -> Message:
        message = self._seen_message(user, asked)
        # Administrators may delete what others wrote, apps too; nobody may write in their name.
        may = message.user == user.id or (user.is_admin and error == "cant_delete_message")
        if not may:
            raise Refused(error)
        return message

    def _ephemeral(self, user: User, asked: Json) -> Ephemeral | None:
        shown = (e for e in self._workspace.ephemerals if e.to == user.id)
        return next((e for e in shown if e.ts == asked.get("ts")), None)

    def _view(self, user: User, asked: Json) -> View:
        if asked.get("home"):
            found = self._workspace.homes.get(user.id)
        else:
            views = open_views(self._workspace, user.id)
            wanted = asked.get("view_id")
            found = next((v for v in reversed(views) if wanted in (None, v.id)), None)
        if found is None:
            raise Refused("view_not_found")
        return found

    def _typed(self, text: str) -> str:
        """Return what Slack makes of what a person typed: names become links, the rest is plain."""
        return self._converted(text, self._mention_link, self._channel_link)

    def _typed_in_command(self, text: str, declared: Json) -> str:
        """Return the text of a command; names become links only if the manifest asks for it."""
        if not declared.get("should_escape"):
            return _escaped(text)
        return self._converted(text, self._named_mention_link, self._channel_link)

    def _converted(
        self,
        text: str,
        mention: Callable[[re.Match[str]], str],
        channel: Callable[[re.Match[str]], str],
    ) -> str:
        def plain(piece: str) -> str:
            return _linked(_CHANNEL.sub(channel, _MENTION.sub(mention, piece)))

        pieces = _LIVE.split(text)
        return "".join(
            piece if index % 2 else plain(_escaped(piece)) for index, piece in enumerate(pieces)
        )

    def _named_mention_link(self, found: re.Match[str]) -> str:
        """Commands carry the name beside the id, messages do not."""
        link = self._mention_link(found)
        if link == found[0]:
            return link
        label = found[1] if link.startswith("<@") else f"@{found[1]}"
        return f"{link[:-1]}|{label}>"

    def _mention_link(self, found: re.Match[str]) -> str:
        for user in self._workspace.users.values():
            if user.name == found[1]:
                return f"<@{user.id}>"
        for group in self._workspace.usergroups.values():
            if group.handle == found[1]:
                return f"<!subteam^{group.id}>"
        return found[0]

    def _channel_link(self, found: re.Match[str]) -> str:
        for channel in self._workspace.channels.values():
            if not channel.is_im and channel.name == found[1]:
                return f"<#{channel.id}|{channel.name}>"
        return found[0]


def _linked(text: str) -> str:
    """Make links of addresses, as Slack does: what was typed without a scheme is the label."""
    return _ADDRESS.sub(
        lambda found: f"<http://{found[0]}|{found[0]}>" if found["bare"] else f"<{found[0]}>", text
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _emoji(asked: Json) -> str:
    return str(asked.get("emoji") or asked.get("name") or "").strip(":")


def _split_command(asked: Json) -> tuple[str, str]:
    """Accept `command` with `text`, or the whole line as `text`."""
    if asked.get("command"):
        return str(asked["command"]), str(asked.get("text", ""))
    command, _, text = str(asked.get("text", "")).partition(" ")
    return command, text.strip()


def _errors_for(view: View, answer: Json) -> dict[str, str]:
    """Return the errors that an app gives, each at a field that the form has.

    Raises:
        Refused: `invalid_errors`; Slack shows such an answer as a failure of the app.
    """
    given = answer.get("errors")
    fields = {b["block_id"] for b in view.body.get("blocks", []) if b.get("type") == "input"}
    if not isinstance(given, dict) or not given or not given.keys() <= fields:
        raise Refused("invalid_errors", fields=sorted(fields))
    return {str(block): str(text) for block, text in given.items()}
