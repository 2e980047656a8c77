"""Slack's way of saying no: `{"ok": false, "error": "..."}`."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """Slack answers with this error name, and with these further fields."""

    def __init__(self, error: str, **fields: Any) -> None:  # noqa: ANN401 -- JSON values
        super().__init__(error)
        self.error = error
        self.fields = fields

    def answer(self) -> dict[str, Any]:
        """Return the body that Slack would send."""
        return {"ok": False, "error": self.error, **self.fields}
