"""What people can say, once it is read: words, votes, questions and orders, and what is none.

`bot.commands.reading` makes one of these of a text, or a `Mistake`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from engine.model import Options, Request
from engine.proposals import Change

WORDS = ("pause", "halt", "resume", "retry", "abort", "rollback")
"""What people say to a run; what each does is in engine.verbs."""

ATTENDING = ("there", "away")
"""What people say before the time of a run has come: whether they will be there; see
engine.attendance."""

VOTES = {"approve": "yes", "reject": "no", "withdraw": "withdraw"}
"""What people say at a gate, in its run's thread; how it counts is in engine.gates."""

ANSWERED = ("status", "why", "help", "gates", "approvers", "packages", "schedule")

FREEZING = ("freeze", "unfreeze")
"""What people say to a group, to those of a tag, or to all; see engine.freezes."""

ORDERS = ("install", "uninstall", "finish")
"""What people order; `rollback` too, where no run is open on the group."""

VERBS = (
    *(*ORDERS, "plan", "change", "move", "cancel", "without"),
    *(*WORDS, *ATTENDING, *FREEZING, *VOTES, *ANSWERED),
)


@dataclass(frozen=True)
class Order(Options):
    """Order a run: `kind` is "install", "uninstall", "finish" or "rollback".

    `finish` and `rollback` are about the last run of the group, and its package. What is left empty
    was not said, or does not belong to this kind.
    """

    kind: str
    group: str
    package: str = ""

    def request(self, requester: str, channel: str, name: str = "", *, zone: str = "") -> Request:
        """Return what the engine takes, as somebody asks for it; `zone` is the group's."""
        said = {option.name: getattr(self, option.name) for option in fields(Options)}
        return Request(self.kind, self.group, self.package, requester, channel, name, zone, **said)


@dataclass(frozen=True)
class Word:
    """Say something to a run; `target` is a group, a run, or "" for the only one there is."""

    verb: str
    target: str = ""


@dataclass(frozen=True)
class Revision:
    """Have a proposal otherwise; `target` as in `Word`."""

    change: Change
    target: str = ""


@dataclass(frozen=True)
class Move:
    """Have a run at another time, which `words` say; `target` as in `Word`."""

    words: tuple[str, ...]
    target: str = ""


@dataclass(frozen=True)
class Cancel:
    """Have nothing come of a run that waits for its time; `target` as in `Word`."""

    target: str = ""


@dataclass(frozen=True)
class Vote:
    """A vote as text; see engine.ports.Ballot for what is in it."""

    choice: str
    gate: str = ""
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Question:
    """Something that is answered at once, and changes nothing: one of `ANSWERED`."""

    about: str
    target: str = ""


@dataclass(frozen=True)
class Freezing:
    """Freeze a group, those that bear a tag, or `all`, or lift that.

    `begins` is None for at once, `until` for until somebody lifts it.
    """

    verb: str
    scope: str
    until: datetime | None = None
    reason: str = ""
    begins: datetime | None = None


@dataclass(frozen=True)
class Planning:
    """Ask what an order would do; nothing of it is begun."""

    order: Order


Command = Order | Planning | Word | Revision | Move | Cancel | Vote | Question | Freezing


class Mistake(Exception):
    """The text is no command; the message is finished mrkdwn for the person who typed it."""


class StopMeant(Mistake):
    """It is none, but speaks of stopping; `target` is the group or run that it names, or ""."""

    def __init__(self, text: str, target: str) -> None:
        super().__init__(text)
        self.target = target
