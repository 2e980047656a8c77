"""An order with a time is said back before anything is stored: what was understood, and when.

To whoever gives it alone, with two buttons. What is pressed is the command itself, read again as
of the moment at which it was said: `in 3h` stays three hours after that, however long somebody
thinks about it. Where it would mean another moment now (the settings have changed), nothing is
ordered. Pure; whether somebody may order is decided by the engine, as for every order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.commands.kinds import Mistake, Order
from bot.views import schedule
from bot.views.format import Block, code, section, span
from bot.views.words import ids
from engine.model import Appointment

YES, NO = "order:yes", "order:no"
"""The two buttons; the value of both says what is ordered."""

LONGEST_VALUE = 2_000
"""Slack's limit for the value of a button."""

LONGEST_OPTION = 200
"""Characters of one that are said back: a split of many members is told with the proposal."""

UNREADABLE = "This button cannot be read; give the command again."


@dataclass(frozen=True)
class Asked:
    """An order that was said back and is not given yet; Slack keeps it in the buttons for us.

    Attributes:
        key: of the inbox row that it becomes; both buttons make one of that key, so that only the
            first press counts.
        user: who gave the command; nobody else can press for them.
        name: that person's.
        channel: where it was given.
        text: the command, as Slack sent it.
        at: when it was said, in ISO 8601.
        start: the moment that was shown, in ISO 8601.
        until: the end of the window that was shown; "" where it is none.
        zone: the group's time zone.
    """

    key: str
    user: str
    name: str
    channel: str
    text: str
    at: str
    start: str
    until: str
    zone: str

    def packed(self) -> str:
        """Return it as Slack keeps it.

        Raises:
            Mistake: it is too long for that.
        """
        value = json.dumps(list(asdict(self).values()), ensure_ascii=False, separators=(",", ":"))
        if len(value) > LONGEST_VALUE:
            raise Mistake("That is too long for an order with a time; name fewer members in it.")
        return value

    @classmethod
    def of(cls, pressed: Mapping[str, Any]) -> Asked | None:
        """Return what a button says; None where it is none of ours."""
        try:
            fields = json.loads(str(pressed.get("value", "")))
            return cls(*(str(one) for one in fields))
        except (TypeError, ValueError):
            return None

    def means(self, appointment: Appointment | None) -> bool:
        """Say whether this is the moment that was shown."""
        return appointment is not None and self == _with(self, appointment)


def asked(
    key: str, to: Mapping[str, str], name: str, text: str, at: datetime, appointment: Appointment
) -> Asked:
    """Return an order that is to be said back."""
    blank = Asked(key, to["user"], name, to["channel"], text, at.isoformat(), "", "", "")
    return _with(blank, appointment)


def _with(one: Asked, appointment: Appointment) -> Asked:
    until = appointment.until.isoformat() if appointment.until is not None else ""
    when = {"start": appointment.start.isoformat(), "until": until, "zone": appointment.zone}
    return Asked(**{**asdict(one), **when})


def wanted(order: Order) -> str:
    """Say what an order is for and when, as it was understood, as finished mrkdwn."""
    without = f" without {ids(order.left_out)}" if order.left_out else ""
    what = {
        "install": f"install {code(order.package)} on",
        "uninstall": f"uninstall {code(order.package or 'the newest take')} from",
        "finish": "finish the last run on",
        "rollback": "roll back the last run on",
    }[order.kind]
    back = ""
    if order.rollback_after is not None:
        after = span(order.rollback_after)
        back = f"; unless people keep it, its rollback is asked for {after} after its end"
    options = "".join(f", {code(one, LONGEST_OPTION)}" for one in _options(order))
    return f"{what} {code(order.group)}{without}{options}{back}{_when(order.appointment)}"


def _options(order: Order) -> list[str]:
    """Return what else was said of an order, in the words of a command."""
    split = "/".join(ids(group) for group in order.split).replace(", ", ",") or order.divide
    said = {
        order.method.replace("_", " "): order.method,
        f"to take {order.take}": order.take is not None,
        "delete": order.delete,
        f"split {split}": split,
        f"groups {order.groups}": order.groups,
        f"ticket {order.ticket}": order.ticket,
    }
    return [words for words, is_said in said.items() if is_said]


def _when(appointment: Appointment | None) -> str:
    if appointment is None:
        return ""
    if not appointment.said:
        which = "no time was said, so in the group's window that is open or comes next"
        return f". When: {which}, {schedule.when(appointment)}"
    if appointment.until is None:
        return f". When: {schedule.when(appointment)}"
    # An end before the beginning is one of the next day: a slip in it is best seen by the length.
    length = span(appointment.until - appointment.start)
    return f". When: {schedule.when(appointment)}; open for {length}"


def blocks(text: str, value: str) -> tuple[Block, ...]:
    """Return the question with its two buttons."""
    return (section(text), {"type": "actions", "elements": [_yes(value), _no(value)]})


def _yes(value: str) -> Block:
    return {**_button("Order it", YES, value), "style": "primary"}


def _no(value: str) -> Block:
    return _button("Never mind", NO, value)


def _button(label: str, action: str, value: str) -> Block:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
    }


def too_late(
    appointment: Appointment, now: datetime, shortest: timedelta, done: str = "ordered"
) -> str:
    """Say why something cannot be ordered any more, as finished mrkdwn; "" where it can.

    `done` is what else would have been done with it.
    """
    if appointment.until is None:
        if appointment.start > now:
            return ""
        return f"Nothing was {done}: {schedule.when(appointment)} has passed. Give it another time."
    left = appointment.until - now
    if left >= shortest:
        return ""
    kept = f"{span(left)} of the window are left" if left > timedelta(0) else "its window is over"
    return f"Nothing was {done}: {kept}, {schedule.when(appointment)}. Give it another time."
