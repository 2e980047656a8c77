"""`hotfix-bot demo`: the bot, a Slack and a Security Group as three processes, and who plays along.

Without `--auto` a person plays in a browser; with it, or with `--scenario`, people of the scenario
do, and it ends with one JSON line. Standard output carries that line alone; what happens now is
told on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot import wiring
from bot.config import load as load_settings
from bot.demo import scenario as scenarios
from bot.demo.children import Child, ChildFailed
from bot.demo.device import DeviceControl
from bot.demo.expectation import differences
from bot.demo.journal_watch import JournalWatch
from bot.demo.matching import Timeline
from bot.demo.moments import Moments
from bot.demo.narration import Narrator
from bot.demo.people import Crowd
from bot.demo.props import PACKAGE, Props, lay_out, leaks, write_settings
from bot.demo.scenario import Kill, Scenario, ScenarioWrong
from bot.demo.verdict import Seen, line, shortfalls, verdict
from bot.localslack.client import ControlClient
from engine.clock import SystemClock

AUTO_SPEED = 150.0
"""Simulated seconds per real second: an installation of 20 minutes takes 8 seconds."""

OWN_SPEED = 30.0
"""For a person who looks on: an installation of 20 minutes takes 40 seconds."""

CONNECTED_WITHIN = timedelta(seconds=30)
LOOK_EVERY = timedelta(milliseconds=50)

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
    try:
        return asyncio.run(_run(options, played))
    except (ChildFailed, wiring.SettingsWrong) as error:
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
    options.auto = options.auto or options.scenario is not None
    return options


async def _run(options: argparse.Namespace, played: Scenario) -> int:
    """Give the processes a folder, and take it away again where nobody needs it."""
    _end_on_sigterm()
    keep = options.keep is not None
    folder = options.keep or Path(tempfile.mkdtemp(prefix="hotfix-demo-"))
    speed = options.speed or (AUTO_SPEED if options.auto else OWN_SPEED)
    props = Props(folder.resolve(), speed, options.auto)
    code = FAILED
    try:
        async with _stage(props, played) as stage:
            code = await (_play(stage, played) if options.auto else _show(stage))
    finally:
        if keep or code == FAILED:
            sys.stderr.write(f"Settings, journal and logs are in {props.folder}\n")
        else:
            shutil.rmtree(props.folder, ignore_errors=True)
    return code


def _end_on_sigterm() -> None:
    """Let SIGTERM end us as Ctrl-C does, so that our processes end with us."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


# ------------------------------------------------------------------------------- the stage


@dataclass
class Stage:
    """The three processes, and the ways to them."""

    props: Props
    clock: SystemClock
    began: float
    rehearsal: Child
    localslack: Child
    bot: Child
    slack: ControlClient
    device: DeviceControl
    client_key: Path
    address: str

    async def start_bot(self) -> None:
        """Start the bot, and wait until Slack sees it.

        Raises:
            ChildFailed: it ended, or does not connect.
        """
        await self.bot.start(self.props.environment)
        self.bot.keep_output()
        until = self.clock.monotonic() + CONNECTED_WITHIN.total_seconds()
        while (await self.slack.state())["connections"] == 0:
            self.bot.refuse_dead()
            if self.clock.monotonic() > until:
                raise ChildFailed(f"the bot does not connect to Slack:\n{self.bot.last_words()}")
            await self.clock.sleep(LOOK_EVERY)

    async def kill_bot(self) -> None:
        """SIGKILL, and wait until Slack has noticed."""
        await self.bot.kill()
        while (await self.slack.state())["connections"] > 0:
            await self.clock.sleep(LOOK_EVERY)

    @property
    def took_s(self) -> float:
        """Real seconds since the beginning."""
        return self.clock.monotonic() - self.began


@asynccontextmanager
async def _stage(props: Props, played: Scenario) -> AsyncIterator[Stage]:
    """Start everything; end everything, whatever happens."""
    clock = SystemClock()
    began = clock.monotonic()
    props.folder.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(lay_out, props, played)
    python = sys.executable
    keys = str(props.folder / "keys")
    rehearsal = Child(
        "rehearsal",
        [python, "-m", "engine.rehearsal.server", "--config", str(props.rehearsal)]
        + ["--directory", keys],
        props.log("rehearsal"),
    )
    hurry = ["--hurry", str(max(1.0, props.speed / 10))] if props.auto else []
    localslack = Child(
        "localslack",
        [python, "-m", "bot.localslack", "--port", "0", "--workspace", str(props.workspace)]
        + hurry,
        props.log("localslack"),
    )
    bot = Child(
        "the bot",
        [python, "-m", "bot", "serve", "--config", str(props.settings), "--log", "console"],
        props.log("bot"),
    )
    children = (bot, localslack, rehearsal)
    try:
        await asyncio.gather(rehearsal.start(), localslack.start())
        device, place = await asyncio.gather(rehearsal.first_line(), localslack.first_line())
        write_settings(props, device, place)
        async with ControlClient(place["url"]) as slack:
            stage = Stage(
                props,
                clock,
                began,
                rehearsal,
                localslack,
                bot,
                slack,
                DeviceControl(device["control_port"]),
                Path(device["client_key"]),
                place["url"],
            )
            await stage.start_bot()
            yield stage
    finally:
        for child in children:
            await asyncio.shield(child.stop())


async def _show(stage: Stage) -> int:
    """Let a person play, until Ctrl-C."""
    sys.stderr.write(
        f"""
Open  {stage.address}
and type, as any of the people there:

    /hotfix install site-1 {PACKAGE}

Another person then approves with a check mark on the message that asks.
Settings and logs are in {stage.props.folder}. Ctrl-C ends it.
"""
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    while not stopped.is_set():
        for child in (stage.bot, stage.localslack, stage.rehearsal):
            child.refuse_dead()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await stopped.wait()
    return 0


# ------------------------------------------------------------------------------- a scenario


async def _play(stage: Stage, played: Scenario) -> int:
    """Play a scenario to its end, judge it, and print the line."""
    told = Narrator(stage.clock, stage.began)
    told.say(f"{played.name}: {played.about}")
    moments = Moments()
    moments.listeners.append(told.moment)
    crowd = Crowd(stage.slack, stage.device, moments, stage.clock)
    kills = _Kills(stage, moments, told)
    settings = load_settings(stage.props.settings).settings
    with wiring.stores_to_read(settings) as stores:
        journal = JournalWatch(stores, moments, stage.clock)
        journal.on_record = told.record
        journal.keen = lambda: kills.waits_for_a_record
        wrong = await _night(stage, played, moments, crowd, journal, kills)
        seen = await _gather(stage, played, journal, kills.done)
    outcome = verdict(seen)
    wrong += shortfalls(outcome, seen)
    wrong += differences(outcome, played.expect)
    for sentence in wrong:
        sys.stderr.write(f"✗ {sentence}\n")
    told.say("as expected" if not wrong else f"{len(wrong)} differences")
    sys.stdout.write(line(outcome) + "\n")
    sys.stdout.flush()
    return FAILED if wrong else 0


async def _night(
    stage: Stage,
    played: Scenario,
    moments: Moments,
    crowd: Crowd,
    journal: JournalWatch,
    kills: _Kills,
) -> list[str]:
    """Let everything happen; return what never came."""
    endless = [
        asyncio.ensure_future(one)
        for one in (
            crowd.watch(),
            journal.follow(),
            crowd.hear_what_is_told(),
            _nobody_dies(stage, kills),
        )
    ]
    endless += [
        asyncio.ensure_future(_device_says(stage, played, moments, name))
        for name in _device_moments(played)
    ]
    acting = asyncio.ensure_future(_all_act(stage, played, moments, crowd, kills))
    try:
        await _first_of(crowd.watching.wait(), endless)
        async with asyncio.timeout(played.limit_s):
            await _first_of(asyncio.shield(acting), endless)
    except TimeoutError:
        return [f"not over after {played.limit_s:.0f} s", *_never(moments, played, crowd, kills)]
    finally:
        for task in (*endless, acting):
            task.cancel()
        await asyncio.gather(*endless, acting, return_exceptions=True)
    await journal.read_on()
    return _never(moments, played, crowd, kills)


async def _first_of(awaited: Awaitable[object], others: Sequence[asyncio.Future[None]]) -> None:
    """Wait for one thing, and fail at once where something else fails meanwhile."""
    mine = asyncio.ensure_future(awaited)
    waiting: set[asyncio.Future[object]] = {mine, *others}  # type: ignore[arg-type]
    while not mine.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _all_act(
    stage: Stage, played: Scenario, moments: Moments, crowd: Crowd, kills: _Kills
) -> None:
    await crowd.watching.wait()
    deeds = asyncio.ensure_future(crowd.play(played.people))
    killing = asyncio.ensure_future(kills.play(played.kills))
    await crowd.order(played.order)
    await asyncio.gather(moments.wait(played.until), deeds, killing)
    _ = stage


def _never(moments: Moments, played: Scenario, crowd: Crowd, kills: _Kills) -> list[str]:
    """Say who still waits for what."""
    never = [
        f"{deed.user} never came to {deed.do}: waits for {deed.on}" for deed in crowd.waiting_for
    ]
    never += [f"the bot was never killed: {kill.when} never came" for kill in kills.waiting_for]
    if moments.facts(played.until) is None:
        never.append(f"the run never {played.until}")
    return never


async def _nobody_dies(stage: Stage, kills: _Kills) -> None:
    """Fail where a process ends that nobody killed."""
    while True:
        stage.localslack.refuse_dead()
        stage.rehearsal.refuse_dead()
        if not kills.under_way:
            stage.bot.refuse_dead()
        await stage.clock.sleep(timedelta(milliseconds=500))


def _device_moments(played: Scenario) -> set[str]:
    named = [deed.on for deed in played.people] + [kill.when for kill in played.kills]
    return {name for name in named if name.startswith("device:")}


async def _device_says(stage: Stage, played: Scenario, moments: Moments, name: str) -> None:
    if await stage.device.wait(name.removeprefix("device:"), within_s=played.limit_s):
        moments.say(name)
    await asyncio.Event().wait()


class _Kills:
    """Kills the bot at the moments that a scenario names, and starts it again."""

    def __init__(self, stage: Stage, moments: Moments, told: Narrator) -> None:
        self._stage = stage
        self._moments = moments
        self._told = told
        self.waiting_for: list[Kill] = []
        self.under_way = False
        self.done = 0

    @property
    def waits_for_a_record(self) -> bool:
        """Whether a kill depends on how soon a record is seen."""
        return any(kill.when.startswith(("record:", "step:", "done:")) for kill in self.waiting_for)

    async def play(self, kills: Sequence[Kill]) -> None:
        """Kill, one after the other."""
        self.waiting_for = list(kills)
        for kill in kills:
            await self._moments.wait(kill.when)
            self.under_way = True
            await self._stage.kill_bot()
            self.done += 1
            self.waiting_for.remove(kill)
            self._told.say(f"the bot is killed (SIGKILL) at {kill.when}")
            await self._stage.clock.sleep(timedelta(seconds=kill.restart_after_s))
            await self._stage.start_bot()
            self.under_way = False
            self._told.say("the bot is started again")


async def _gather(stage: Stage, played: Scenario, journal: JournalWatch, kills: int) -> Seen:
    """Ask everybody what they saw, then let the processes end."""
    report = await stage.device.report()
    now = stage.clock.now()
    timeline = Timeline(
        now - timedelta(seconds=report["seconds"] / stage.props.speed), stage.props.speed
    )
    state = await stage.slack.state()
    traffic = await stage.slack.traffic()
    await stage.bot.stop()
    await journal.read_on()
    texts = {child.log.name: child.log for child in (stage.bot, stage.localslack, stage.rehearsal)}
    seen_in = {name: log.read_text(errors="replace") for name, log in texts.items() if log.exists()}
    seen_in["the journal"] = json.dumps([dict(r.body) for r in journal.records])
    seen_in["Slack"] = json.dumps([state, traffic])
    return Seen(
        scenario=played.name,
        records=journal.records,
        device=report,
        timeline=timeline,
        traffic=traffic,
        bot_user=state["app"]["bot_user"],
        names={user["id"]: user["name"] for user in state["users"]},
        leaks=leaks(stage.props, stage.client_key, seen_in),
        kills=kills,
        took_s=stage.took_s,
    )
