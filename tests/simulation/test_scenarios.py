"""The demo's scenarios in virtual time: the same files, the same verdict, no sockets."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.commands.appointing import Clocks
from bot.commands.kinds import VOTES, Move, Order, Revision, Vote, Word
from bot.commands.reading import read_command
from bot.commands.scheduling import moved_to
from bot.demo.expectation import differences
from bot.demo.matching import Timeline
from bot.demo.moments import Moments
from bot.demo.props import write_package
from bot.demo.scenario import Deed, Scenario, load, names, orders
from bot.demo.verdict import Seen, shortfalls, verdict
from engine.facts import Identity
from engine.journal import Kind
from engine.rehearsal.group import Setup
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import CHANNEL, REQUESTER, Night, quick
from tests.simulation.writing import click, code_of, write

PEOPLE_SLOWER = 10.0
"""Simulated seconds for one real second of a person: as the grace time is, 10 s for 1 s."""

LOOK_EVERY = timedelta(seconds=0.25)
HOURS = 6.0

BOT = "U0HOTFIX"
GROUP = "site-1"
IDS = {"rita": REQUESTER, "ana": "U0ANA00001", "ben": "U0BEN00001", "noor": "U0NOOR0001"}
CHOICES = {"white_check_mark": "yes", "x": "no"}
TOLD = {Kind.HELD: "held", Kind.BROKEN: "held", Kind.ENDED: "ended", Kind.HALTED: "halted"}


class Play:
    """One scenario on the stage of a simulated night."""

    def __init__(self, scenario: Scenario, package: Path) -> None:
        self.scenario = scenario
        self.moments = Moments()
        setup = Setup(**{**scenario.group, "faults": scenario.faults})
        rules = scenario.settings.get("policy", {})
        own = scenario.settings.get("groups", {}).get(GROUP, {})
        pins = Identity(**{k: own[k] for k in ("version", "platform", "mode") if k in own})
        self.night = Night(
            package, setup=setup, people=self._asked, pins=pins, policy=quick(**rules)
        )
        self.gates: dict[str, str] = {}
        self.traffic: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self.records: list[Record] = []
        self.earlier: list[list[Record]] = []
        self.kills = 0
        self.killed = False
        self.told_by_slack: list[tuple[str, str]] = []
        self.undone: list[str] = []

    async def until_over(self) -> Seen:
        """Play to the end, and return what was seen."""
        self.night.begin()
        _, _, ordered = self.scenario.order.text.partition(" ")
        command = read_command(ordered, groups=[GROUP], clocks=self._clocks())
        self._order(command, "rita")
        self.night.group.start()
        acting = [self._deed(deed) for deed in self.scenario.people]
        acting.append(self._kills())
        tasks = [asyncio.ensure_future(one) for one in (self._follow(), *self._device())]
        over: asyncio.Future[Any] = asyncio.gather(self.moments.wait(self.scenario.until), *acting)
        limit: asyncio.Future[Any] = asyncio.ensure_future(self._limit())
        await asyncio.wait({over, limit}, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            over.result()
        for task in (*tasks, limit):
            task.cancel()
        over.cancel()
        await asyncio.gather(*tasks, limit, over, return_exceptions=True)
        self._read_on()
        seen = self._seen()
        await self.night.close()
        return seen

    def _clocks(self) -> Clocks:
        """Return what times are read by, as in the demo's settings; any window is long enough."""
        zones, shortest = {GROUP: "Europe/Berlin"}, {GROUP: timedelta(seconds=1)}
        return Clocks(self.night.clock.now(), zones, shortest)

    def _order(self, command: object, user: str) -> None:
        """Have somebody order a run, as the real command does."""
        if isinstance(command, Word):
            command = Order(command.verb, command.target)
        assert isinstance(command, Order)
        request = command.request(IDS[user], CHANNEL, user)
        if self.records:
            self._read_on()
            self.earlier.append(self.records)
            self.records = []
        self.night.order(request)

    async def _limit(self) -> None:
        # Not the bare sleep: a kill drops every one of those.
        await self.night.clock.sleep(timedelta(hours=HOURS))

    def _seen(self) -> Seen:
        report = self.night.group.report()
        now = self.night.clock.now()
        return Seen(
            scenario=self.scenario.name,
            records=self.records,
            earlier=self.earlier,
            device=report,
            timeline=Timeline(now - timedelta(seconds=report["seconds"]), 1.0),
            traffic=self.traffic,
            said=self.said,
            bot_user=BOT,
            names={user: name for name, user in IDS.items()},
            kills=self.kills,
            told=self._told(),
        )

    def _told(self) -> dict[str, list[str]]:
        """Return what each person was told alone; `said` outlives every executor."""
        told: dict[str, list[str]] = {}
        for user, text in [*self.told_by_slack, *self.night.said.texts]:
            told.setdefault(user, []).append(text)
        return told

    # ---------------------------------------------------------------------- moments

    def _asked(self, _night: Night, gate: str, step: str) -> None:
        failovers = sum(name.startswith("gate:") for name in self.gates)
        proposals = sum(name.startswith("proposal") for name in self.gates)
        again = f":{proposals + 1}" if proposals else ""
        name = f"proposal{again}" if step == "PROPOSAL" else f"gate:{failovers + 1}"
        self.gates[name] = gate
        self.moments.say(name)

    async def _follow(self) -> None:
        while True:
            self._read_on()
            await self.night.clock.sleep(LOOK_EVERY)

    def _read_on(self) -> None:
        last = self.records[-1].seq if self.records else 0
        for record in self.night.stores.journal.read(self.night.run, after=last):
            self.records.append(record)
            step = record.body.get("step", "")
            self.moments.say(f"record:{record.kind}")
            self.moments.say(f"record:{record.kind}:{step}")
            before = {Kind.INTENDED: "step", Kind.DONE: "done"}.get(Kind(record.kind))
            self.moments.say(f"{before}:{step}" if before else TOLD.get(Kind(record.kind), ""))
            if record.kind == Kind.ENDED:
                self.moments.say(f"ended:{len(self.earlier) + 1}")

    def _device(self) -> list[Coroutine[Any, Any, None]]:
        named = self.scenario.moments
        return [self._device_says(name) for name in named if name.startswith("device:")]

    async def _device_says(self, name: str) -> None:
        moment = name.removeprefix("device:")
        # A kill drops every sleep, and with it the limit of this wait.
        while not await self.night.group.wait_for(moment, within=timedelta(hours=HOURS)):
            pass
        self.moments.say(name)

    # ------------------------------------------------------------------------ acting

    async def _deed(self, deed: Deed) -> None:
        self.undone.append(f"{deed.user}: {deed.do} on {deed.on}")
        await self.moments.wait(deed.on)
        await self.night.clock.sleep(timedelta(seconds=deed.after_s * PEOPLE_SLOWER))
        if deed.do == "say":
            self._say(deed)
        elif deed.do == "command":
            ordered = deed.text.partition(" ")[2]
            command = read_command(ordered, groups=[GROUP], clocks=self._clocks())
            self._order(command, deed.user)
        elif deed.do == "write":
            self._write(self.gates[deed.at or deed.on], deed)
        elif deed.do == "click":
            self._click(self.gates[deed.at or deed.on], deed)
        elif deed.do in ("recover", "break"):
            name = "member_recovers" if deed.do == "recover" else "member_fails"
            self.night.group.add_fault({"name": name, "member": deed.member, "after_s": 0})
        else:
            where = deed.at or deed.on
            await self.moments.wait(where)
            self._react(self.gates[where], deed)
        self.undone.remove(f"{deed.user}: {deed.do} on {deed.on}")

    def _say(self, deed: Deed) -> None:
        command = read_command(deed.text, groups=[GROUP], in_thread=True)
        if isinstance(command, Move):
            to = moved_to(command, GROUP, self._clocks())
            self.night.change(IDS[deed.user], appointment=to)
        elif isinstance(command, Revision):
            self.night.change(IDS[deed.user], **vars(command.change))
        else:
            self.night.say(deed.text, IDS[deed.user])

    def _write(self, gate: str, deed: Deed) -> None:
        """Write a vote, as the real person types it."""
        text = deed.text.format(gate=gate, code=code_of(self.night, gate))
        vote = read_command(text, groups=())
        assert isinstance(vote, Vote)
        user, ts = IDS[deed.user], f"{self.night.clock.now().timestamp():.6f}"
        self.said.append({"user": user, "ts": ts, "text": f"<@{BOT}> {text}"})
        write(self.night, vote.gate, user, vote.choice, code=vote.code, reason=vote.reason)

    def _click(self, gate: str, deed: Deed) -> None:
        """Press a button; without a bot it fails, and nothing is left of it."""
        assert bool(deed.fails) == self.killed
        if self.killed:
            # What Slack's own client says then; nothing of it reaches the bot, ever.
            self.told_by_slack.append((IDS[deed.user], f'That did not work: "{deed.fails}"'))
            return
        user, verb, now = IDS[deed.user], deed.text.lower(), self.night.clock.now().timestamp()
        action_ts, envelope = f"{now:.6f}", f"click {len(self.traffic)}"
        value = f"{self.night.run}/{gate}/{code_of(self.night, gate)}"
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "container": {"message_ts": gate, "channel_id": CHANNEL},
            "actions": [{"action_id": f"vote:{verb}", "value": value, "action_ts": action_ts}],
        }
        line = {"at": now, "envelope_id": envelope, "ok": True}
        self.traffic.append({"kind": "delivery", "payload": payload, **line})
        self.traffic.append({"kind": "ack", **line})
        click(self.night, gate, user, VOTES[verb])

    def _react(self, gate: str, deed: Deed) -> None:
        user, added = IDS[deed.user], deed.do == "react"
        event = {
            "type": "reaction_added" if added else "reaction_removed",
            "user": user,
            "reaction": deed.emoji,
            "item": {"channel": CHANNEL, "ts": self.night.place_of(gate)},
        }
        at = self.night.clock.now().timestamp()
        event["event_ts"] = f"{at + len(self.traffic) / 1e6:.6f}"
        self.traffic.append({"kind": "delivery", "at": at, "payload": {"event": event}})
        self.night.react(gate, user, CHOICES[deed.emoji], added=added)

    async def _kills(self) -> None:
        for number, kill in enumerate(self.scenario.kills, start=1):
            await self.moments.wait(kill.when)
            await self.night.clock.sleep(timedelta(seconds=kill.after_s * PEOPLE_SLOWER))
            await self.night.kill()
            self.killed = True
            self.kills += 1
            self.moments.say(f"killed:{number}")
            pause = timedelta(seconds=kill.restart_after_s * PEOPLE_SLOWER)
            await self.night.clock.sleep(pause)
            self.night.begin()
            self.killed = False
            self.moments.say(f"started:{number}")


def test_the_people_of_scenarios_exist_in_simulated_nights():
    acting = {deed.user for name in names() for deed in load(name).people}

    assert acting <= IDS.keys() | {"gus"}


def _only_in_slack(deed: Deed) -> bool:
    vote = deed.do == "say" and deed.text.partition(" ")[0] in VOTES
    unknown = deed.user not in IDS and deed.do not in ("break", "recover")
    typed = deed.do == "submit" or (deed.do == "command" and not orders(deed))
    return unknown or typed or vote


def why_not(scenario: Scenario) -> str:
    """Return why a scenario cannot be played in virtual time, or ""."""
    if scenario.needs_processes:
        return f"only as processes: {scenario.needs_processes}"
    if any(_only_in_slack(deed) for deed in scenario.people):
        return "what this scenario shows is in Slack, which is not simulated here"
    return ""


@pytest.mark.parametrize("name", names())
def test_a_scenario_comes_out_as_it_says_in_virtual_time(name: str, tmp_path: Path):
    scenario = load(name)
    if reason := why_not(scenario):
        pytest.skip(reason)
    package = tmp_path / scenario.package
    write_package(package, scenario, size=500)

    async def night() -> tuple[Seen, list[str]]:
        play = Play(scenario, package)
        return await play.until_over(), play.undone

    seen, undone = run_virtual(night())
    told = verdict(seen)

    assert undone == []
    assert shortfalls(told, seen) == []
    assert differences(told, scenario.expect) == []
