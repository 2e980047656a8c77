"""Identifiers shaped as Slack's, in an order that a person can follow in a log."""

from __future__ import annotations

import secrets
from collections import Counter

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Slack's ids have nine characters or more; new ones have eleven.
_LENGTH = 11


class Ids:
    """Makes ids that are unique within one workspace."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def new(self, prefix: str) -> str:
        """Return `F0000000001`, `Ev000000001`, and so on."""
        self._counts[prefix] += 1
        return prefix + _base36(self._counts[prefix]).rjust(_LENGTH - len(prefix), "0")


def secret() -> str:
    """Return something that cannot be guessed, for addresses that carry their own permission."""
    return secrets.token_urlsafe(18)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
