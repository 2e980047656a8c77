"""What a workspace is made of before anybody says anything.

A seed is plain data, so that a TOML file can be one:

    team = {id, name, domain}
    app = {id, name, bot_user, bot_id, bot_token, app_token, signing_secret}
    manifest = {...}              or manifest_file = "path", relative to the TOML file
    users = [{id, name, real_name, tz, ...}]
    channels = [{id, name, members, ...}]
    usergroups = [{id, handle, name, users}]
    without_blocks = ["plan", "task_card"]   types of blocks that this Slack does not know (yet)

Further fields of users and channels are Slack's own (`is_restricted`, `is_ext_shared`, ...).
"""

from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

Seed = dict[str, Any]

MANIFEST = Path(__file__).parent.parent / "slack-manifest.json"

_DEMO: Seed = {
    "team": {"id": "T0000HOTFIX", "name": "Hotfix Demo", "domain": "hotfix-demo"},
    "app": {
        "id": "A0000HOTFIX",
        "name": "hotfix",
        "bot_user": "U0000HOTFIX",
        "bot_id": "B0000HOTFIX",
        "bot_token": "xoxb-localslack",
        "app_token": "xapp-localslack",
        "signing_secret": "localslack-signs",
    },
    "users": [
        {"id": "U00000RITA0", "name": "rita", "real_name": "Rita Marsh", "title": "Firewall"},
        {"id": "U000000ANA0", "name": "ana", "real_name": "Ana Okafor", "title": "Network"},
        {"id": "U000000BEN0", "name": "ben", "real_name": "Ben Lindqvist", "title": "Firewall"},
        {"id": "U00000NOOR0", "name": "noor", "real_name": "Noor Haddad", "title": "Network lead"},
        {
            "id": "U000000GUS0",
            "name": "gus",
            "real_name": "Gus Weber",
            "title": "Guest",
            "is_restricted": True,
        },
    ],
    "channels": [
        {
            "id": "C0000FWOPS0",
            "name": "firewall-ops",
            "members": ["rita", "ana", "ben", "noor", "gus", "hotfix"],
            "topic": "Firewalls, and what we do to them",
        },
    ],
    "usergroups": [
        {
            "id": "S0FWAPPROV0",
            "handle": "fw-approvers",
            "name": "Firewall approvers",
            "users": ["ben", "noor", "ana"],
        },
    ],
}


def demo_workspace() -> Seed:
    """Return a workspace with one channel, a requester, three approvers and a guest."""
    return {**deepcopy(_DEMO), "manifest": read_manifest(MANIFEST)}


def read_manifest(path: Path) -> dict[str, Any]:
    """Read an app manifest in JSON."""
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def read_seed(path: Path) -> Seed:
    """Read a workspace from a TOML file; what it leaves out comes from the demo's.

    Who names people of its own gets none of the demo's user groups, whose members they are not.
    """
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    seed = demo_workspace()
    if "manifest_file" in given:
        given["manifest"] = read_manifest(path.parent / given.pop("manifest_file"))
    if "users" in given:
        given.setdefault("usergroups", [])
    for part in ("team", "app"):
        given[part] = {**seed[part], **given.get(part, {})}
    return {**seed, **given}
