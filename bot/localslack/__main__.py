"""Run a Slack on loopback: `python -m bot.localslack --port 8700 --workspace file.toml`.

Prints one JSON line with its addresses when it is ready, and runs until it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from bot.localslack.seed import demo_workspace, read_seed
from bot.localslack.server import LocalSlack


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m bot.localslack", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--workspace", type=Path, help="TOML file; the demo's without it")
    parser.add_argument("--hurry", type=float, default=1.0, help="as many calls more than Slack")
    given = parser.parse_args()
    seed = read_seed(given.workspace) if given.workspace else demo_workspace()
    asyncio.run(_serve(LocalSlack(seed, hurry=given.hurry), given.host, given.port))


async def _serve(slack: LocalSlack, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await slack.start(host, port)
    except OSError as error:
        why = error.strerror or str(error)
        sys.stderr.write(f"cannot listen on {host}:{port}: {why}; --port 0 takes any free port\n")
        raise SystemExit(2) from error
    app = slack.workspace.app
    ready = {
        "address": slack.address,
        "url": slack.url,
        "base_url": slack.base_url,
        "bot_token": app.bot_token,
        "app_token": app.app_token,
        "signing_secret": app.signing_secret,
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await stopped.wait()
    await slack.stop()


if __name__ == "__main__":
    main()
