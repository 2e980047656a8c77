"""Keeps secrets out of journal, log and Slack: known values are replaced wherever they appear.

Only values that we were given are known; what merely looks like a token is caught by its shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from storage.records import Json

REDACTED = "[redacted]"

SHORTEST = 6
"""Shorter values are not searched for: they would black out ordinary words."""

_SHAPES = re.compile(
    r"xox[a-z]-[\w-]{4,}"  # Slack: bot, user and configuration tokens
    r"|xapp-[\w-]{4,}"  # Slack: app-level tokens
    r"|https://hooks\.slack\.com/[\w/-]+"  # a response_url lets anyone answer as the bot
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


class Redactor:
    """Replaces known secrets in text and in JSON values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _SHAPES.sub(REDACTED, text)

    def value(self, value: Json) -> Json:
        """Return a JSON value without secrets, however deep they sit."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(one) for key, one in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self.value(one) for one in value]
        return value
