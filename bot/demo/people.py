"""The people who play along: they see what stands in Slack, and act there.

They go by what a person goes by. A message is known by the key in its metadata, since that is
what tells one question from another without reading its words.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.demo.device import DeviceControl
from bot.demo.forms import filled
from bot.demo.moments import Moments
from bot.demo.overlap import PLACEHOLDER, next_overlap
from bot.demo.posts import messages
from bot.demo.scenario import EVENTS, Deed, Order
from bot.demo.shell import Shell
from bot.localslack.client import ControlClient
from engine.ports import Clock

CHANNEL = "firewall-ops"

ORDER_IT = "Order it"
"""The button of an order that is said back."""

_TOLD = {"HELD": "held", "BROKEN": "held", "TAKEN_UP": "restarted", "HALTED": "halted"}
"""Kinds of record whose message in the thread is a moment."""

_FIRST_LINE = re.compile(r"(?P<gate>G\d+) · (?P<code>[0-9A-Z]{4}) · ")


class Crowd:
    """Watches Slack, and lets each person do once what the scenario says."""

    def __init__(
        self,
        slack: ControlClient,
        device: DeviceControl,
        shell: Shell,
        moments: Moments,
        clock: Clock,
    ) -> None:
        """Take the places where people act."""
        self._slack = slack
        self._device = device
        self._shell = shell
        self._moments = moments
        self._clock = clock
        self._gates = 0
        self._proposals = 0
        self._ends = 0
        self.watching = asyncio.Event()
        self.waiting_for: list[Deed] = []

    # ------------------------------------------------------------------------- seeing

    async def watch(self) -> None:
        """Say what appears in Slack, for ever."""
        async for kind, body in self._slack.stream():
            if kind == "ready":
                self.watching.set()
            if kind == "message_posted":
                self._seen(body)
            if kind == "view_opened":
                self._moments.say(f"form:{body['user']}", view=body["view"])
            if kind == "ephemeral_posted":
                self._moments.say("told", to=body.get("to", ""), text=body.get("text", ""))

    def _seen(self, message: dict[str, Any]) -> None:
        key = str(message.get("metadata", {}).get("event_payload", {}).get("key", ""))
        _, slash, rest = key.partition("/")
        if not slash:
            return
        place = {"channel": message["channel"], "ts": message["ts"]}
        self._moments.say(f"slack:{rest}", **place)
        if rest.partition("/")[0] == "proposal":
            self._proposals += 1
            asking = "proposal" if self._proposals == 1 else f"proposal:{self._proposals}"
            self._read(asking, message)
            self._moments.say(asking, **place)
        elif rest.startswith("gate/"):
            self._gates += 1
            self._read(f"gate:{self._gates}", message)
            self._moments.say(f"gate:{self._gates}", **place)
        elif rest == "end":
            self._ends += 1
            self._moments.say("ended", **place)
            self._moments.say(f"ended:{self._ends}", **place)

    def _read(self, asking: str, message: dict[str, Any]) -> None:
        """Read in the first line of a message what is asked, as whoever writes a vote must."""
        first = _FIRST_LINE.search(str(message.get("text", "")))
        if first is not None:
            self._moments.say(f"read:{asking}", **first.groupdict())

    async def hear_what_is_told(self) -> None:
        """Say `held` and the like once the thread has told what the journal holds."""
        await asyncio.gather(*(self._hear(kind, moment) for kind, moment in _TOLD.items()))

    async def _hear(self, kind: str, moment: str) -> None:
        record = await self._moments.wait(f"record:{kind}")
        place = await self._moments.wait(f"slack:m/{record['seq']}")
        self._moments.say(moment, **place)

    # ------------------------------------------------------------------------- acting

    async def order(self, order: Order) -> None:
        """Type the command with which it all begins.

        Raises:
            RuntimeError: Slack would not take it.
        """
        self._moments.say("did", user=order.user, what=f"types {order.text}")
        ordered = Deed("", order.user, "command", text=order.text)
        await self._type(ordered)

    async def play(self, deeds: Sequence[Deed]) -> None:
        """Let each deed happen at its moment."""
        self.waiting_for = list(deeds)
        await asyncio.gather(*(self._play(deed) for deed in deeds))

    async def _play(self, deed: Deed) -> None:
        await self._moments.wait(deed.on)
        await self._clock.sleep(timedelta(seconds=deed.after_s))
        await self._do(deed)
        self.waiting_for.remove(deed)

    async def _do(self, deed: Deed) -> None:
        match deed.do:
            case "react" | "unreact":
                place = await self._moments.wait(deed.at or deed.on)
                words = "reacts with" if deed.do == "react" else "takes away"
                self._say(deed, f"{words} :{deed.emoji}: at {deed.at or deed.on}")
                await self._act(deed, deed.do, emoji=deed.emoji, **place)
            case "click":
                await self._press(deed)
            case "say":
                await self._write(deed, deed.text)
            case "write":
                asked = await self._moments.wait(f"read:{deed.at or deed.on}")
                await self._write(deed, deed.text.format(**asked))
            case "command":
                self._say(deed, f"types {deed.text}")
                await self._type(deed)
            case "submit":
                await self._submit(deed)
            case "shell":
                self._say(deed, f"types at the bot's machine: hotfix-bot {deed.text}")
                await self._shell.run(deed.text)
            case "break":
                self._say(deed, f"pulls the plug of {deed.member}")
                await self._device.fault(name="member_fails", member=deed.member, after_s=0)
            case _:
                self._say(deed, f"repairs {deed.member}")
                await self._device.fault(name="member_recovers", member=deed.member, after_s=0)

    async def _type(self, deed: Deed) -> None:
        """Type a command; where it is said back with a button that orders it, press that."""
        text = deed.text.replace(PLACEHOLDER, next_overlap(self._clock.now()))
        answer = await self._act(deed, "command", channel=CHANNEL, text=text)
        for shown in answer.get("saw") or []:
            pressed = _offered(shown).get(ORDER_IT)
            if pressed is not None:
                self._say(deed, f"presses {ORDER_IT}")
                press = Deed("", deed.user, "click", text=ORDER_IT)
                await self._act(press, "click", channel=CHANNEL, ts=shown["ts"], **pressed)

    async def _write(self, deed: Deed, text: str) -> None:
        root = await self._moments.wait("slack:root")
        self._say(deed, f"writes @hotfix {text}")
        place = {"channel": root["channel"], "thread_ts": root["ts"]}
        await self._act(deed, "mention", text=text, **place)

    async def _press(self, deed: Deed) -> None:
        """Press the button with that text, as it stands there now."""
        asking = deed.at or deed.on
        place = await self._moments.wait(asking)
        self._say(deed, f"presses {deed.text} at {asking}")
        shown = next(m for m in messages(await self._slack.state()) if m["ts"] == place["ts"])
        offered = _offered(shown)
        if deed.text not in offered:
            raise RuntimeError(f"{deed.user} finds no button {deed.text} at {asking}")
        await self._act(deed, "click", **offered[deed.text], **place)

    async def _submit(self, deed: Deed) -> None:
        """Fill in the form that this person has open, and send it."""
        ids = {user["name"]: user["id"] for user in (await self._slack.state())["users"]}
        form = await self._moments.wait(f"form:{ids[deed.user]}")
        told = "; ".join(f"{label}: {value}" for label, value in deed.fields.items())
        self._say(deed, f"fills in {told}, and sends the form")
        values = filled(form["view"], deed.fields)
        await self._act(deed, "submit", view_id=form["view"]["id"], values=values)

    def _say(self, deed: Deed, what: str) -> None:
        self._moments.say("did", user=deed.user, what=what)

    async def _act(
        self,
        deed: Deed,
        do: str,
        **details: Any,  # noqa: ANN401 -- JSON values
    ) -> dict[str, Any]:
        if deed.event:
            details["fault"] = EVENTS[deed.event]
        answer = await self._slack.act(deed.user, do, **details)
        error = "" if answer.get("ok") else str(answer.get("error"))
        if error != deed.fails:
            wanted = f", and should fail with {deed.fails}" if deed.fails else ""
            raise RuntimeError(f"{deed.user} tries to {do}: {error or 'it worked'}{wanted}")
        return answer


def _offered(shown: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the buttons of a message by their text, each as whoever presses it sends it."""
    return {
        str(one["text"]["text"]): {name: one[name] for name in ("action_id", "value")}
        for block in shown.get("blocks") or []
        if block["type"] == "actions"
        for one in block["elements"]
    }
