"""The command line at the bot's machine, as a person there has it: the same settings, no Slack."""

from __future__ import annotations

import asyncio
import shlex
import sys
from datetime import timedelta
from pathlib import Path

from bot.demo.narration import Narrator

WITHIN = timedelta(seconds=30)
"""A command takes a second or two; on a machine that is busy, some more."""


class Shell:
    """Runs `hotfix-bot` and tells what it says."""

    def __init__(self, settings: Path, told: Narrator) -> None:
        """Take the settings, and who tells."""
        self._settings = settings
        self._told = told

    async def run(self, text: str) -> None:
        """Type `hotfix-bot TEXT`.

        Raises:
            RuntimeError: it ended with an error.
        """
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "bot", *shlex.split(text), "--config", str(self._settings)],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        for line in said.decode(errors="replace").splitlines():
            self._told.say(f"    {line}")
        if process.returncode:
            raise RuntimeError(f"hotfix-bot {text} ended with {process.returncode}")
