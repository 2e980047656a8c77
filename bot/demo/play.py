"""Plays a scenario to its end: people act, the bot is killed and started, and all is judged."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any

from bot import wiring
from bot.config import load
from bot.demo.expectation import differences
from bot.demo.journal_watch import JournalWatch
from bot.demo.matching import Timeline
from bot.demo.moments import Moments
from bot.demo.narration import Narrator
from bot.demo.people import Crowd
from bot.demo.processes import Stage
from bot.demo.props import leaks
from bot.demo.scenario import Kill, Scenario
from bot.demo.verdict import Seen, line, shortfalls, verdict

REPORTS = 5
"""Times that the witness is asked, to know its time by the answer that was least delayed."""


async def play(stage: Stage, played: Scenario) -> bool:
    """Play a scenario to its end, judge it, and print the line; True if all came as expected."""
    told = Narrator(stage.clock, stage.began)
    told.say(f"{played.name}: {played.about}")
    moments = Moments()
    moments.listeners.append(told.moment)
    crowd = Crowd(stage.slack, stage.device, moments, stage.clock)
    kills = _Kills(stage, moments, told)
    settings = load(stage.props.settings).settings
    with wiring.stores_to_read(settings) as stores:
        journal = JournalWatch(stores, moments, stage.clock)
        journal.on_record = told.record
        journal.keen = lambda: kills.waits_for_a_record
        wrong = await _night(stage, played, moments, crowd, journal, kills)
        seen = await _gather(stage, played, journal, kills.done)
    if stage.bot.exit_code:
        wrong.append(f"the bot ended with {stage.bot.exit_code}, told to stop")
    outcome = verdict(seen)
    wrong += shortfalls(outcome, seen)
    wrong += differences(outcome, played.expect)
    for sentence in wrong:
        sys.stderr.write(f"✗ {sentence}\n")
    told.say("as expected" if not wrong else f"{len(wrong)} differences")
    sys.stdout.write(line(outcome) + "\n")
    sys.stdout.flush()
    return not wrong


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
    acting = asyncio.ensure_future(_all_act(played, moments, crowd, kills))
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
    waiting: set[asyncio.Future[object]] = {mine, *others}  # type: ignore[arg-type]  # sets are invariant
    while not mine.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _all_act(played: Scenario, moments: Moments, crowd: Crowd, kills: _Kills) -> None:
    await crowd.watching.wait()
    deeds = asyncio.ensure_future(crowd.play(played.people))
    killing = asyncio.ensure_future(kills.play(played.kills))
    await crowd.order(played.order)
    await asyncio.gather(moments.wait(played.until), deeds, killing)


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
    report, timeline = await _report(stage)
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


async def _report(stage: Stage) -> tuple[dict[str, Any], Timeline]:
    """Ask the witness, and find out how its time and ours go together: by the quickest answer."""
    quickest, began, report = float("inf"), stage.clock.now(), dict[str, Any]()
    for _ in range(REPORTS):
        asked = stage.clock.monotonic()
        report = await stage.device.report()
        took = stage.clock.monotonic() - asked
        if took < quickest:
            quickest = took
            ago = report["seconds"] / stage.props.speed + took / 2
            began = stage.clock.now() - timedelta(seconds=ago)
    return report, Timeline(began, stage.props.speed)
