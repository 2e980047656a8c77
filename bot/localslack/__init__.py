"""A Slack on loopback: enough of it, and strict enough, to run and test an app without Slack.

It imports nothing of the rest of this house, and nothing here is for production.
"""

from __future__ import annotations

from bot.localslack.client import ControlClient
from bot.localslack.clock import ManualClock, WallClock
from bot.localslack.seed import demo_workspace, read_seed
from bot.localslack.server import LocalSlack

__all__ = [
    "ControlClient",
    "LocalSlack",
    "ManualClock",
    "WallClock",
    "demo_workspace",
    "read_seed",
]
