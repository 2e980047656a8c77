"""One call to Slack's Web API, and what it means that it did not work.

Slack has no key for a repeated post, so a call is made once here, and the caller is told whether
it may have been done all the same. Whether and when to try again is the caller's to decide.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.tokens import TokenWatch

# Refusals that say nothing about the content: the same call may succeed later.
_LATER = frozenset(
    {
        "account_inactive",
        "channel_not_found",
        "enterprise_is_restricted",
        "fatal_error",
        "internal_error",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "ratelimited",
        "rate_limited",
        "read_only_channel",
        "request_timeout",
        "restricted_action",
        "restricted_action_thread_locked",
        "service_unavailable",
        "team_added_to_org",
        "token_expired",
        "token_revoked",
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


def without_retries(client: AsyncWebClient) -> AsyncWebClient:
    """Return a client to the same place that calls once: whether to repeat is decided here."""
    return AsyncWebClient(
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
        raise _refused(error) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Trouble(f"{type(error).__name__}: {error}", unclear=True) from error
    data: dict[str, Any] = answer.data
    return data


def _refused(error: SlackApiError) -> Trouble:
    response: Any = error.response
    # A body that is no JSON comes with the raw response of aiohttp instead of Slack's answer.
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    name = str(data.get("error") or "") if isinstance(data, dict) else ""
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
