"""Logging for a process that serves: JSON lines, or lines for people; secrets are redacted.

Called once, by whoever starts a process, never at import.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog
from structlog.typing import Processor

from bot.redaction import Redactor

NOISY = {
    "slack_bolt": "ERROR",  # it warns that our own way to authorize is not its usual one
    "slack_sdk": "WARNING",
    "apscheduler": "WARNING",
    "asyncssh": "WARNING",
    "aiohttp.access": "WARNING",
    "alembic": "WARNING",
}
"""From which level on libraries are heard that tell more than their users need."""


def set_up_logging(redactor: Redactor, *, as_json: bool, level: str = "INFO") -> None:
    """Send everything that is logged, also by libraries, to standard error."""

    def redact(
        _logger: object, _name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {key: redactor.value(_plain(value)) for key, value in event.items()}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    # Tracebacks become text before they are redacted: a token may stand in an exception.
    ends: Sequence[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        last,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ends)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in NOISY.items():
        logging.getLogger(name).setLevel(least)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _plain(value: object) -> object:
    """Return what can be redacted: a value of another kind becomes text first."""
    if isinstance(value, (str, int, float, bool, list, tuple, dict, type(None))):
        return value
    return str(value)
