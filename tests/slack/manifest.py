"""The app manifest: read as Slack reads it, and written for the code, which has no YAML.

Question: which of two files is the source? Answer: `deploy/slack-manifest.yaml`, since people
create the app from it and its comments give the reason for each scope. The bot and the Slack on
loopback read `bot/slack-manifest.json`, which lies in the wheel and needs no library; this module
writes it, and `test_manifest` compares the two. Given up: one file, at the price of a run-time
dependency on a YAML parser for the sake of a demo.

    python -m tests.slack.manifest
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

HOUSE = Path(__file__).parents[2]
SOURCE = HOUSE / "deploy" / "slack-manifest.yaml"
TWIN = HOUSE / "bot" / "slack-manifest.json"

FOR_HTTP = "#http "
"""In front of each line of the source that is needed where Slack calls the bot."""


def read() -> Any:
    """Return the manifest as it stands: for Socket Mode."""
    return yaml.safe_load(SOURCE.read_text(encoding="utf-8"))


def read_for_http() -> Any:
    """Return the manifest after the change that its first lines ask for."""
    text = SOURCE.read_text(encoding="utf-8").replace(FOR_HTTP, "")
    return yaml.safe_load(re.sub(r"(socket_mode_enabled:) true", r"\1 false", text))


def as_json(manifest: Any) -> str:
    """Return the twin's content."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TWIN.write_text(as_json(read()), encoding="utf-8")
