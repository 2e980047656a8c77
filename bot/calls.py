"""Calls to Slack's Web API: each in its turn, and what it means that one did not work.

Every client of this process is a `SlackClient` with the same `Turns`, so that all runs share what
Slack allows, and with the same `Standing`, so that a refusal which concerns everybody is told once.

Slack has no key for a repeated post, so `called` makes a call once, and the caller is told whether
it may have been done all the same. Whether and when to try again is the caller's to decide.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.pacing import Turns
from bot.questions import named
from bot.standing import CHANNEL_SHUT, TOKEN_REFUSED, Standing
from bot.tokens import TokenWatch

# Refusals that say nothing about the content: the same call may succeed later.
_LATER = frozenset(
    {
        *TOKEN_REFUSED,
        *CHANNEL_SHUT,
        "access_denied",
        "accesslimited",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "external_channel_migrating",
        "fatal_error",
        "internal_error",
        "missing_scope",
        "no_permission",
        "org_login_required",
        "ratelimited",
        "rate_limited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
# Slack says of these that a part of the call may have been done.
_UNCLEAR = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class Trouble(Exception):
    """Slack did not do it. `unclear` where it may have."""

    def __init__(self, error: str, *, unclear: bool, retry_after: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.unclear = unclear
        self.retry_after = retry_after

    @property
    def about_content(self) -> bool:
        """Whether other content might be taken."""
        return not self.unclear and self.error not in _LATER and self.retry_after is None


class NoAnswer(SlackClientError):
    """What came is no answer of Slack's, so nobody knows what became of the call."""


class SlackClient(AsyncWebClient):
    """Slack's own client, whose every call waits for its turn and is noticed.

    Args:
        turns: what Slack allows, shared with the other clients of the process; None for a client
            that nobody shares a workspace with.
        standing: told what Slack refuses and takes.
        repeats: how often a call that was refused for its rate is made again, after the time that
            Slack names; more is up to whoever asks.
        kept: what AsyncWebClient takes.
    """

    def __init__(
        self,
        *,
        turns: Turns | None = None,
        standing: Standing | None = None,
        repeats: int = 0,
        **kept: Any,  # noqa: ANN401 -- as AsyncWebClient has them
    ) -> None:
        super().__init__(**kept)
        self.turns = turns
        self.standing = standing
        self._repeats = repeats

    async def api_call(self, api_method: str, **how: Any) -> Any:  # noqa: ANN401 -- passed on
        """Call a method in its turn; see AsyncWebClient."""
        channel = _channel_in(how)
        for attempt in range(self._repeats + 1):
            if self.turns is not None:
                await self.turns.take(api_method, channel)
            try:
                answer = await self._answer(api_method, **how)
            except SlackApiError as error:
                refused = refusal(error)
                self._notice(api_method, channel, refused, error)
                if refused.retry_after is None or attempt == self._repeats:
                    raise
            else:
                if self.standing is not None:
                    self.standing.took(api_method, channel, in_thread=_in_thread(how))
                return answer
        raise AssertionError("a loop that returns or raises")

    async def _answer(self, method: str, **how: Any) -> Any:  # noqa: ANN401 -- passed on
        try:
            answer = await super().api_call(method, **how)
        except AttributeError as error:  # slack_sdk takes any JSON, and any text, for an object
            raise NoAnswer(f"{method}: what came is no object") from error
        if not isinstance(answer.data, dict):
            raise NoAnswer(f"{method}: what came is no object")
        return answer

    def _notice(self, method: str, channel: str, refused: Trouble, error: SlackApiError) -> None:
        if refused.retry_after is not None and self.turns is not None:
            self.turns.hold(method, refused.retry_after)
        elif self.standing is not None:
            data = getattr(error.response, "data", None)
            needed = str(data.get("needed") or "") if isinstance(data, dict) else ""
            self.standing.refused(method, channel, refused.error, needed)


def _channel_in(how: Mapping[str, Any]) -> str:
    """Return the conversation that a call names, or ""."""
    return _named_in(how, "channel") or _named_in(how, "channel_id")


def _in_thread(how: Mapping[str, Any]) -> bool:
    return bool(_named_in(how, "thread_ts"))


def _named_in(how: Mapping[str, Any], name: str) -> str:
    given = (how.get(place) for place in ("json", "params", "data"))
    return next((str(one[name]) for one in given if isinstance(one, dict) and one.get(name)), "")


def without_retries(client: AsyncWebClient) -> AsyncWebClient:
    """Return a client to the same place that calls once: whether to repeat is decided here.

    It shares the turns of the other, and what is known of how we stand with Slack.
    """
    return SlackClient(
        turns=getattr(client, "turns", None),
        standing=getattr(client, "standing", None),
        token=client.token,
        base_url=client.base_url,
        timeout=client.timeout,
        ssl=client.ssl,
        proxy=client.proxy,
        session=client.session,
        trust_env_in_session=client.trust_env_in_session,
        headers={k: v for k, v in client.headers.items() if k.lower() != "user-agent"},
        retry_handlers=[one for one in client.retry_handlers if isinstance(one, TokenWatch)],
    )


async def called(call: Awaitable[Any]) -> dict[str, Any]:
    """Return Slack's answer.

    Raises:
        Trouble: Slack did not do it, or nobody knows.
    """
    try:
        answer = await call
    except SlackApiError as error:
        raise refusal(error) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Trouble(f"{type(error).__name__}: {error}", unclear=True) from error
    data: dict[str, Any] = answer.data
    return data


def refusal(error: SlackApiError) -> Trouble:
    """Return what it means that Slack, or something in its place, refused a call."""
    response: Any = error.response
    # A body that is no JSON comes with the raw response of aiohttp instead of Slack's answer.
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    name = named(error)
    if status == 429 or name in ("ratelimited", "rate_limited"):
        headers = getattr(response, "headers", None) or {}
        after = next((v for k, v in headers.items() if k.lower() == "retry-after"), "1")
        return Trouble("ratelimited", unclear=False, retry_after=_seconds(after))
    unclear = status >= 500 or not name or name in _UNCLEAR
    return Trouble(name or f"HTTP {status}", unclear=unclear)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        return max(0.0, float(text))
    return 1.0
