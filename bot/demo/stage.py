"""`hotfix-bot demo`: the bot, a Slack and a Security Group as three processes, and who plays along.

Without `--auto` a person plays in a browser; with it, or with `--scenario`, people of the scenario
do, and it ends with one JSON line. Standard output carries that line alone; what happens now is
told on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot.config.mistakes import SettingsWrong
from bot.demo import scenario as scenarios
from bot.demo.children import ChildFailed
from bot.demo.play import play
from bot.demo.postgres import PostgresFailed, PostgresMissing
from bot.demo.processes import Stage, opened
from bot.demo.props import Props
from bot.demo.scenario import PACKAGE, Scenario, ScenarioWrong

AUTO_SPEED = 150.0
"""Simulated seconds per real second: an installation of 20 minutes takes 8 seconds."""

OWN_SPEED = 30.0
"""For a person who looks on: an installation of 20 minutes takes 40 seconds."""

FAILED, USAGE = 1, 2


def main(argv: Sequence[str]) -> int:
    """Play, and return the exit code: 0 only if everything came as expected."""
    options = _options(argv)
    if options.list:
        for name in scenarios.names():
            sys.stdout.write(f"{name:<24} {scenarios.load(name).about}\n")
        return 0
    try:
        played = scenarios.load(options.scenario or "install")
    except ScenarioWrong as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    if options.keep and options.keep.exists() and any(options.keep.iterdir()):
        sys.stderr.write(f"{options.keep} is not empty; --keep wants a new folder\n")
        return USAGE
    try:
        return asyncio.run(_run(options, played))
    except PostgresMissing as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except (ChildFailed, PostgresFailed, SettingsWrong) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return FAILED


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hotfix-bot demo", description=__doc__)
    parser.add_argument("--auto", action="store_true", help="the people are played as well")
    parser.add_argument("--scenario", metavar="NAME", help="what is played; implies --auto")
    parser.add_argument("--list", action="store_true", help="say which scenarios there are")
    parser.add_argument("--speed", type=float, metavar="N", help="simulated seconds per second")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave settings and logs there")
    options = parser.parse_args(list(argv))
    if options.speed is not None and not 0 < options.speed < math.inf:
        parser.error("argument --speed: it is a number above 0")
    if options.keep is not None and not options.list:
        try:
            options.keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"argument --keep: {options.keep} cannot be made: {error.strerror}")
    options.auto = options.auto or options.scenario is not None
    return options


async def _run(options: argparse.Namespace, played: Scenario) -> int:
    """Give the processes a folder, and take it away again where nobody needs it."""
    _end_on_sigterm()
    keep = options.keep is not None
    folder = options.keep or Path(tempfile.mkdtemp(prefix="hotfix-demo-"))
    speed = options.speed or _speed(options, played)
    password = str(played.group.get("expert_password", ""))
    props = Props(
        folder.resolve(),
        speed,
        options.auto,
        transport=played.transport,
        expert_password=password,
    )
    code = FAILED
    try:
        async with opened(props, played) as stage:
            passed = await (play(stage, played) if options.auto else _show(stage))
            code = 0 if passed else FAILED
    finally:
        if keep or code == FAILED:
            sys.stderr.write(f"Settings, journal and logs are in {props.folder}\n")
        else:
            shutil.rmtree(props.folder, ignore_errors=True)
    return code


def _speed(options: argparse.Namespace, played: Scenario) -> float:
    if not options.auto:
        return OWN_SPEED
    return played.speed or AUTO_SPEED


def _end_on_sigterm() -> None:
    """Let SIGTERM end us as Ctrl-C does, so that our processes end with us."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _show(stage: Stage) -> bool:
    """Let a person play, until Ctrl-C; who kills the bot sees it start again."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    sys.stderr.write(
        f"""
Open  {stage.address}
and type, as any of the people there:

    /hotfix install site-1 {PACKAGE}

Another person then approves with a check mark on the message that asks.
To see it survive:  kill -9 {stage.bot.pid}
Settings and logs are in {stage.props.folder}. Ctrl-C ends it.
"""
    )
    while not stopped.is_set():
        for child in (stage.localslack, stage.rehearsal):
            child.refuse_dead()
        if not stage.bot.alive:
            sys.stderr.write("The bot is gone, and is started again. ")
            await stage.start("bot")
            sys.stderr.write(f"Now it is process {stage.bot.pid}.\n")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await stopped.wait()
    return True
