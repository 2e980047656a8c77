"""How we stand with Slack: what it refuses whoever asks, told once and not at each retry.

A refused token, a missing scope and a channel that takes nothing concern every run, and last until
a person does something. They are said in the log when they begin, with what to do, and when they
are over; whoever answers for the health of the process is told what is refused now.

Rate limits and outages pass by themselves and do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger(__name__)

TOKEN_REFUSED: Mapping[str, str] = {
    "account_inactive": "the bot's account was deactivated; have the app installed again",
    "invalid_auth": "the bot's token is not valid; set SLACK_BOT_TOKEN to the app's and restart",
    "not_allowed_token_type": "the token is of another kind; SLACK_BOT_TOKEN begins with xoxb-",
    "not_authed": "no token was sent; set SLACK_BOT_TOKEN and restart",
    "token_expired": "the bot's token has expired; set SLACK_BOT_TOKEN to a new one and restart",
    "token_revoked": (
        "the bot's token was revoked; install the app again, set SLACK_BOT_TOKEN and restart"
    ),
}
"""Errors that say that Slack does not take the token, and what to do."""

CHANNEL_SHUT: Mapping[str, str] = {
    "channel_not_found": "the bot cannot see this channel (any more); invite it: /invite @hotfix",
    "is_archived": "this channel is archived; unarchive it",
    "is_ext_shared": (
        "this channel is shared with another organisation, or about to be: nothing can be approved "
        "or ordered there; end the sharing, or name another channel in the settings"
    ),
    "is_org_shared": (
        "this channel is shared with other workspaces of your organisation: nothing can be "
        "approved or ordered there; name a channel of this workspace alone in the settings"
    ),
    "non_threadable": (
        "this channel allows no threads, and a run is told in one; allow them, or name another "
        "channel in the settings"
    ),
    "not_in_channel": "the bot is not in this channel (any more); invite it: /invite @hotfix",
    "read_only_channel": "this channel is read-only; let the bot post there",
    "restricted_action": "a setting of the workspace keeps the bot from posting in this channel",
    "restricted_action_read_only_channel": "this channel is read-only; let the bot post there",
    "restricted_action_thread_locked": (
        "threads in this channel are locked; let the bot write in them"
    ),
    "thread_only_channel": (
        "this channel takes nothing outside of threads, and a run begins with its own message; let "
        "the bot post there, or name another channel in the settings"
    ),
}
"""Errors that say that nobody can be asked in a channel, and what to do."""

SEEN = frozenset(
    {"channel_not_found", "is_archived", "is_ext_shared", "is_org_shared", "not_in_channel"}
)
"""What a look at a channel shows; the others are met only by posting there."""

IN_THREADS = frozenset({"non_threadable", "restricted_action_thread_locked"})
"""What only a post in a thread shows to be over: all else is taken all the time."""

# Only these show that a channel takes something; an archived one can still be read.
_WRITES = frozenset({"chat.postMessage", "chat.update", "reactions.add"})


class Standing:
    """What Slack refuses now.

    Args:
        changed: told each time what is refused now, as one sentence for people; "" for nothing.
    """

    def __init__(self, changed: Callable[[str], None] = lambda _reason: None) -> None:
        self.changed = changed
        self._refused: dict[str, str] = {}
        self._shut: dict[str, str] = {}

    @property
    def reason(self) -> str:
        """What is refused now, or ""."""
        return "; ".join(self._refused.values())

    def refused(self, method: str, channel: str, error: str, needed: str = "") -> None:
        """Slack refused a call.

        Args:
            method: which one.
            channel: the conversation that it was about, or "".
            error: Slack's name for why.
            needed: the scope that was missing.
        """
        if error in TOKEN_REFUSED:
            self._note("token", f"Slack refuses the token ({error}): {TOKEN_REFUSED[error]}")
        elif error == "missing_scope":
            scope = needed or "a scope"
            what = f"the app lacks the scope {scope}; add it to the app and install it again"
            self._note(f"scope:{method}", f"Slack refuses {method} (missing_scope): {what}")
        elif error in CHANNEL_SHUT and _is_channel(channel):
            self.shut(channel, error)

    def shut(self, channel: str, error: str) -> None:
        """Nobody can be asked in a channel."""
        self._shut[channel] = error
        self._note(f"channel:{channel}", f"channel {channel} ({error}): {CHANNEL_SHUT[error]}")

    def took(self, method: str, channel: str = "", *, in_thread: bool = False) -> None:
        """Slack did what it was asked.

        Args:
            method: which call.
            channel: the conversation that it was about, or "".
            in_thread: whether it wrote in a thread.
        """
        self._over("token")
        self._over(f"scope:{method}")
        if method in _WRITES and (in_thread or self._shut.get(channel) not in IN_THREADS):
            self.opened(channel)

    def opened(self, channel: str) -> None:
        """Something was posted in a channel: people can be asked there (again)."""
        self._shut.pop(channel, None)
        self._over(f"channel:{channel}")

    def seen_open(self, channel: str) -> None:
        """A look at a channel shows nothing that keeps people from being asked there."""
        if self._shut.get(channel) in SEEN:
            self.opened(channel)

    def why_shut(self, channel: str) -> str:
        """Return Slack's error for a channel in which nobody can be asked, or ""."""
        return self._shut.get(channel, "")

    def _note(self, place: str, sentence: str) -> None:
        if self._refused.get(place) == sentence:
            return
        self._refused[place] = sentence
        log.error("Slack refuses what is needed", reason=sentence)
        self.changed(self.reason)

    def _over(self, place: str) -> None:
        sentence = self._refused.pop(place, None)
        if sentence is not None:
            log.info("Slack takes it again", reason=sentence)
            self.changed(self.reason)


def concerns_all(error: str) -> bool:
    """Say whether an error is one of those that are told here, for everybody and once."""
    return error in TOKEN_REFUSED or error in CHANNEL_SHUT or error == "missing_scope"


def _is_channel(channel: str) -> bool:
    """Tell a channel from a person, whom a message can be addressed to as well."""
    return channel[:1] in ("C", "G")
