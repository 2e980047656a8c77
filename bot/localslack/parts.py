"""The parts of one running localslack, as its methods and its control API see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.localslack.answers import Answers
from bot.localslack.changes import Changes
from bot.localslack.courier import Courier
from bot.localslack.events import Events
from bot.localslack.faults import Faults
from bot.localslack.http import HttpMode
from bot.localslack.limits import Allowance, RateLimiter
from bot.localslack.refusal import Refused
from bot.localslack.sockets import SocketMode
from bot.localslack.traffic import Traffic
from bot.localslack.workspace import Workspace

if TYPE_CHECKING:
    from bot.localslack.arguments import Arguments
    from bot.localslack.clock import Clock
    from bot.localslack.model import Channel, Message
    from bot.localslack.seed import Seed


class RateLimited(Exception):
    """The caller must wait; Slack answers 429."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Parts:
    """Everything that one server consists of."""

    clock: Clock
    changes: Changes
    workspace: Workspace
    faults: Faults
    traffic: Traffic
    limiter: RateLimiter
    sockets: SocketMode
    http: HttpMode
    courier: Courier
    events: Events
    answers: Answers

    @classmethod
    def build(cls, seed: Seed, clock: Clock, *, hurry: float = 1.0) -> Parts:
        """Put the parts together."""
        changes = Changes()
        workspace = Workspace(seed, clock.now, changes)
        faults = Faults(clock.now)
        traffic = Traffic(clock.now, changes)
        sockets = SocketMode(clock, workspace, faults, traffic)
        http = HttpMode(clock, workspace, faults, traffic)
        courier = Courier(workspace, sockets, http)
        events = Events(clock, workspace, courier, faults, traffic)
        answers = Answers(workspace, events)
        limiter = RateLimiter(lambda: clock.now() * hurry)
        return cls(
            clock,
            changes,
            workspace,
            faults,
            traffic,
            limiter,
            sockets,
            http,
            courier,
            events,
            answers,
        )


@dataclass(frozen=True)
class Call:
    """One call of a Web API method by the app."""

    parts: Parts
    arguments: Arguments
    address: str

    @property
    def workspace(self) -> Workspace:
        """Return the workspace that is called."""
        return self.parts.workspace

    def limit(self, key: tuple[str, ...], allowance: Allowance) -> None:
        """Count this call.

        Raises:
            RateLimited: it was one too many.
        """
        if seconds := self.parts.limiter.seconds_to_wait(key, allowance):
            raise RateLimited(seconds)

    def require_scope(self, needed: str) -> None:
        """Check a scope that depends on the arguments.

        Raises:
            Refused: `missing_scope`.
        """
        scopes = self.workspace.app.scopes
        if needed not in scopes:
            raise missing_scope(needed, scopes)

    def channel(self, argument: str = "channel") -> Channel:
        """Return the channel named in the arguments, if the app may know of it.

        Raises:
            Refused: `channel_not_found`.
        """
        channel = self.workspace.channel(self.arguments.text(argument))
        hidden = channel.is_private or channel.is_im
        if hidden and self.workspace.app.bot_user not in channel.members:
            raise Refused("channel_not_found")
        return channel

    def joined_channel(self) -> Channel:
        """Return the channel named in the arguments, where the app must be a member.

        Raises:
            Refused: `channel_not_found`, `not_in_channel`.
        """
        channel = self.channel()
        if self.workspace.app.bot_user not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def writable_channel(self) -> Channel:
        """Return the channel named in the arguments, where the app wants to change something.

        Raises:
            Refused: as `joined_channel`, and `is_archived`.
        """
        channel = self.joined_channel()
        if channel.is_archived:
            raise Refused("is_archived")
        return channel

    def message(self, channel: Channel, argument: str = "ts") -> Message:
        """Return the message named in the arguments.

        Raises:
            Refused: `message_not_found`.
        """
        return self.workspace.message(channel, self.arguments.text(argument))


def missing_scope(needed: str, provided: frozenset[str]) -> Refused:
    """Return the error for a scope that the manifest forgot."""
    return Refused("missing_scope", needed=needed, provided=",".join(sorted(provided)))
