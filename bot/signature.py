"""Whether a request comes from Slack, and is not an old one sent again.

Slack signs `v0:<timestamp>:<raw body>` with the app's signing secret. The timestamp is signed too,
so that a request which somebody has copied is good for five minutes only; what is repeated within
them meets the inbox, which takes each thing once.

Source: docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

SIGNATURE = "X-Slack-Signature"
TIMESTAMP = "X-Slack-Request-Timestamp"

REPLAY_WINDOW = timedelta(minutes=5)
"""How far a request's time may be from ours, either way: Slack's own number."""

_LONGEST_TIMESTAMP = 12
"""Digits; Slack's have ten until the year 2286."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what Slack puts into the header `X-Slack-Signature`."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def fault(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return why a request is not taken for Slack's, or "" where it is.

    Args:
        secret: the app's signing secret, never "".
        headers: of the request, by name in any case.
        body: the raw body, before anything was read in it.
        now: our time.
    """
    given, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not secret or not given or not timestamp:
        return "it is not signed"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
        return "its timestamp is none"
    away = abs(now.timestamp() - int(timestamp))
    if away > REPLAY_WINDOW.total_seconds():
        return f"its timestamp is {away:.0f} s away from our clock"
    # Bytes: a comparison of text that is not ASCII raises instead of saying no.
    wanted = signature(secret, timestamp, body).encode()
    if not hmac.compare_digest(wanted, given.encode("utf-8", "surrogateescape")):
        return "its signature is wrong"
    return ""
