"""Plays a scenario to its end: people act, the bot is killed and started, and all is judged."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot import wiring
from bot.config.file import load
from bot.demo.expectation import differences
from bot.demo.journal_watch import JournalWatch
from bot.demo.matching import Timeline
from bot.demo.moments import Moments
from bot.demo.narration import Narrator
from bot.demo.people import Crowd
from bot.demo.posts import messages, posts
from bot.demo.processes import Stage
from bot.demo.props import GROUP, leaks
from bot.demo.scenario import Scenario
from bot.demo.shell import Shell
from bot.demo.troubles import Troubles
from bot.demo.verdict import Seen, line, shortfalls, verdict
from engine.journal import Kind
from storage.records import Record

_HEARD = re.compile(r"\bheard\b.*\bkind=(?:hint|order|vote|word)\b")

REPORTS = 5
"""Times that the witness is asked, to know its time by the answer that was least delayed."""


async def play(stage: Stage, played: Scenario) -> bool:
    """Play a scenario to its end, judge it, and print the line; True if all came as expected."""
    told = Narrator(stage.clock, stage.began, stage.name_of)
    told.say(f"{played.name}: {played.about}")
    moments = Moments()
    moments.listeners.append(told.moment)
    shell = Shell(stage.props.settings, told)
    crowd = Crowd(stage.slack, stage.device, shell, moments, stage.clock)
    settings = load(stage.props.settings).settings
    with wiring.stores_to_read(settings) as stores:
        journal = JournalWatch(stores, moments, stage.clock, GROUP)
        troubles = Troubles(stage, moments, told, journal.acting)
        journal.on_record = told.record
        journal.keen = lambda: troubles.waits_for_a_record
        wrong = await _night(stage, played, moments, crowd, journal, troubles)
        seen = await _gather(stage, played, journal, troubles)
    wrong += [
        f"{child.name} ended with {child.exit_code}, told to stop"
        for child in stage.product.values()
        if child.exit_code
    ]
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
    troubles: Troubles,
) -> list[str]:
    """Let everything happen; return what never came."""
    endless = [
        asyncio.ensure_future(one)
        for one in (
            crowd.watch(),
            journal.follow(),
            crowd.hear_what_is_told(),
            _nobody_dies(stage),
        )
    ]
    endless += [
        asyncio.ensure_future(_device_says(stage, played, moments, name))
        for name in _device_moments(played)
    ]
    acting = asyncio.ensure_future(_all_act(played, moments, crowd, troubles))
    try:
        await _first_of(crowd.watching.wait(), endless)
        async with asyncio.timeout(played.limit_s):
            await _first_of(asyncio.shield(acting), endless)
    except TimeoutError:
        return [f"not over after {played.limit_s:.0f} s", *_never(moments, played, crowd, troubles)]
    finally:
        for task in (*endless, acting):
            task.cancel()
        await asyncio.gather(*endless, acting, return_exceptions=True)
    await journal.read_on()
    return _never(moments, played, crowd, troubles)


async def _first_of(awaited: Awaitable[object], others: Sequence[asyncio.Future[None]]) -> None:
    """Wait for one thing, and fail at once where something else fails meanwhile."""
    mine = asyncio.ensure_future(awaited)
    waiting: set[asyncio.Future[object]] = {mine, *others}  # type: ignore[arg-type]  # sets are invariant
    while not mine.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _all_act(played: Scenario, moments: Moments, crowd: Crowd, troubles: Troubles) -> None:
    await crowd.watching.wait()
    deeds = asyncio.ensure_future(crowd.play(played.people))
    going_wrong = asyncio.ensure_future(troubles.play(played.kills, played.troubles, played.astray))
    await crowd.order(played.order)
    await asyncio.gather(moments.wait(played.until), deeds, going_wrong)


def _never(moments: Moments, played: Scenario, crowd: Crowd, troubles: Troubles) -> list[str]:
    """Say who still waits for what."""
    never = [
        f"{deed.user} never came to {deed.do}: waits for {deed.on}" for deed in crowd.waiting_for
    ]
    never += [f"{one.when} never came, so nothing went wrong there" for one in troubles.waiting_for]
    if moments.facts(played.until) is None:
        never.append(f"the run never {played.until}")
    return never


async def _nobody_dies(stage: Stage) -> None:
    """Fail where a process ends that nobody killed."""
    while True:
        stage.refuse_dead()
        await stage.clock.sleep(timedelta(milliseconds=500))


def _device_moments(played: Scenario) -> set[str]:
    return {name for name in played.moments if name.startswith("device:")}


async def _device_says(stage: Stage, played: Scenario, moments: Moments, name: str) -> None:
    if await stage.device.wait(name.removeprefix("device:"), within_s=played.limit_s):
        moments.say(name)
    await asyncio.Event().wait()


async def _gather(
    stage: Stage, played: Scenario, journal: JournalWatch, troubles: Troubles
) -> Seen:
    """Ask everybody what they saw, then let the processes end."""
    report, timeline = await _report(stage)
    state = await stage.slack.state()
    traffic = await stage.slack.traffic()
    for child in stage.product.values():
        await child.stop()
    await journal.read_on()
    everything = [record for run in (*journal.earlier, journal.records) for record in run]
    _keep_journal(stage.props.folder / "journal.json", everything)
    texts = {child.log.name: child.log for child in stage.children}
    seen_in = {name: log.read_text(errors="replace") for name, log in texts.items() if log.exists()}
    seen_in["the journal"] = json.dumps([dict(r.body) for r in everything])
    seen_in["Slack"] = json.dumps([state, traffic])
    password = stage.database.password if stage.database else None
    return Seen(
        scenario=played.name,
        records=journal.records,
        earlier=journal.earlier,
        device=report,
        timeline=timeline,
        traffic=traffic,
        said=messages(state),
        told={
            user: [one["text"] for one in seen_alone]
            for user, seen_alone in state["ephemerals"].items()
        },
        bot_user=state["app"]["bot_user"],
        names={user["id"]: user["name"] for user in state["users"]},
        leaks=leaks(stage.props, stage.client_key, password, seen_in),
        kills=troubles.kills,
        troubles=troubles.spells,
        acted=_acted(journal, stage),
        posts=posts(state),
        direct=_written_to(state),
        heard_by=[name for name in played.facing if _has_heard(stage, name)],
        took_s=stage.took_s,
    )


def _written_to(state: Mapping[str, Any]) -> list[str]:
    """Return the people whom the bot wrote to directly."""
    return [one["user"] for one in state["channels"] if one.get("is_im") and one["messages"]]


def _has_heard(stage: Stage, name: str) -> bool:
    """Whether a process has taken something from Slack, by what it wrote about it."""
    return _HEARD.search(stage.product[name].log.read_text(errors="replace")) is not None


def _keep_journal(path: Path, records: Sequence[Record]) -> None:
    """Leave the journal beside the logs: a database of the stage's own is gone afterwards."""
    told = [asdict(record) for record in records]
    path.write_text(json.dumps(told, indent=1, default=str, ensure_ascii=False))


def _acted(journal: JournalWatch, stage: Stage) -> list[str]:
    """Return the processes that wrote the journal, each once, in order."""
    named = {r.epoch: str(r.body["holder"]) for r in journal.records if r.kind == Kind.TAKEN_UP}
    holders = sorted({**journal.holders, **named}.items())
    return list(dict.fromkeys(stage.name_of(holder) or holder for _, holder in holders))


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
