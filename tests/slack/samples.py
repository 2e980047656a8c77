"""Names of fields, ours against those that Slack was seen to send."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

DATA = Path(__file__).parent / "data"

# Required by the description of 2021, and missing in what Slack was seen to answer since.
NO_LONGER_SENT = frozenset({"fields", "channel_actions_ts", "channel_actions_count"})

_OPENAPI = json.loads((DATA / "openapi-responses.json").read_text(encoding="utf-8"))


def sample(name: str) -> Any:
    """Return a recorded answer or payload."""
    return json.loads((DATA / "samples" / f"{name}.json").read_text(encoding="utf-8"))


def unknown_names(ours: Any, theirs: Any) -> list[str]:
    """Return the paths of our fields that the recording does not have."""
    return sorted(set(_unknown(ours, theirs, "")))


def check_schema(method: str, answer: Any) -> None:
    """Check an answer against Slack's description of it.

    The description is of 2021: it lacks fields that came later, so those are allowed.
    """
    schema = _relaxed(_OPENAPI["responses"][method])
    definitions = {name: _relaxed(d) for name, d in _OPENAPI["definitions"].items()}
    jsonschema.Draft4Validator({**schema, "definitions": definitions}).validate(answer)


def _relaxed(schema: Any) -> Any:
    """Return a JSON schema from OpenAPI as Slack writes it."""
    if isinstance(schema, list):
        return [_relaxed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    relaxed = {k: _relaxed(v) for k, v in schema.items() if k != "additionalProperties"}
    if "required" in relaxed:
        relaxed["required"] = [name for name in relaxed["required"] if name not in NO_LONGER_SENT]
    # A list of `items` outside of an array means "one of these" in Slack's description.
    if isinstance(relaxed.get("items"), list):
        relaxed["anyOf"] = relaxed.pop("items")
        if relaxed.get("type") == "array":
            relaxed.pop("anyOf")
    return relaxed


def _unknown(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict) and theirs:
        for name, value in ours.items():
            # Recordings leave out what is null, some leave out `blocks`, and what is kept by
            # channel has the channel's id for a name.
            if name == "blocks" or value is None or path.endswith("/shares/public"):
                continue
            if name not in theirs:
                yield f"{path}/{name}"
            else:
                yield from _unknown(value, theirs[name], f"{path}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and theirs:
        for value in ours:
            yield from _unknown(value, theirs[0], path)
