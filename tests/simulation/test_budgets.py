"""Twenty runs in one workspace, in virtual time, against the limits that Slack has."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import SlackClient
from bot.config.settings import RoleSettings, Settings
from bot.hearing import Hearing
from bot.pacing import TIER_3, Turns
from bot.people import Self, SlackPeople
from bot.runs import Runs
from bot.speaking.speaker import Speaker
from bot.standing import Standing
from bot.threads import Threads
from bot.views import render
from engine.errors import PeopleUnreadable
from engine.fold import RunState
from engine.journal import Kind
from engine.ports import Clock
from storage.memory import MemoryStores
from storage.records import Draft, Record
from tests.simulation.effects import Effects, Life, Loopback
from tests.simulation.loop import run_virtual, virtual_clock
from tests.simulation.night import CHANNEL
from tests.simulation.stage import Chat
from tests.unit.nights import night, until

RUNS = 20
ROLES = {"network": RoleSettings(usergroup="S0FWAPPROV0")}


class Twenty:
    """Twenty runs that are told at once, and at whose gates votes are counted again and again."""

    def __init__(self) -> None:
        self.clock: Clock = virtual_clock()
        self.chat = Chat(self.clock)
        self.stores = MemoryStores()
        life = Life(Effects(), on_death=lambda: None)
        session: Any = Loopback(self.chat.api, life)
        client = SlackClient(
            turns=Turns(self.clock),
            standing=Standing(),
            repeats=2,
            token=self.chat.token,
            base_url="http://localslack/api/",
            session=session,
        )
        self.client: AsyncWebClient = client
        self.people = SlackPeople(client, self.clock, Self(client), ROLES, self.stores.deliveries)
        self.speaker = Speaker(
            self.stores, client, self.clock, lambda _: CHANNEL, _nothing, holder="one"
        )
        runs = Runs(self.stores.journal, self.stores.deliveries, [])
        hearing = Hearing(Settings(), runs, self.stores.deliveries, self.clock)
        self.threads = Threads(client, self.clock, Self(client), hearing, self.stores, _nothing)
        self.counted = Counter[str]()

    def append(self, run: str, records: Sequence[Record]) -> None:
        """Let these happen in a run."""
        there = list(self.stores.journal.read(run))
        state = RunState.replay([*there, *(replace(one, stream=run) for one in records)])
        drafts = [Draft(one.kind, one.at, one.by, one.body) for one in records]
        index = replace(state.index(), id=run, group=f"group of {run}")
        self.stores.journal.append(run, drafts, lease=None, last_seq=len(there), index=index)
        self.speaker.wake(run)

    async def count(self, run: str, until_s: float) -> None:
        """Ask who votes, as whoever acts does: a little later each time that nothing moved."""
        while self.clock.monotonic() < until_s:
            stands = self.stores.deliveries.all(f"{run}/gate/G2")
            if stands and stands[0].ts:
                try:
                    await self.people.ballots(CHANNEL, stands[0].ts)
                    self.counted[run] += 1
                except PeopleUnreadable:
                    self.counted["not answered"] += 1
            await self.clock.sleep(timedelta(seconds=30))

    def calls(self) -> list[dict[str, Any]]:
        """Return every call that was made."""
        return [line for line in self.chat.parts.traffic.lines(0) if line["kind"] == "api"]


async def _nothing(*_: object) -> None:
    """Nobody acts on what is heard or shown here."""


def test_twenty_runs_are_told_and_asked_about_without_ever_being_told_to_wait():
    asked = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    voted = until(night("good"), Kind.INTENDED, step="A.INSTALL")

    async def told() -> Twenty:
        twenty = Twenty()
        runs = [f"hf-{number:06}" for number in range(RUNS)]
        for run in runs:
            twenty.append(run, asked)
        twenty.threads.start()
        counting = [asyncio.ensure_future(twenty.count(run, until_s=900.0)) for run in runs]
        for one in voted[len(asked) :]:
            await twenty.clock.sleep(timedelta(seconds=20))
            for run in runs:
                twenty.append(run, [one])
        await asyncio.gather(*(twenty.speaker.settle(run) for run in runs))
        await asyncio.gather(*counting)
        await twenty.threads.close()
        await twenty.speaker.close()
        return twenty

    twenty = run_virtual(told())
    calls = twenty.calls()

    assert [call["method"] for call in calls if call.get("error") == "ratelimited"] == []
    for method in ("reactions.get", "conversations.replies", "chat.update", "reactions.add"):
        assert _most_in_a_minute(calls, method) <= TIER_3.burst + TIER_3.per_minute, method
    assert min(twenty.counted[f"hf-{n:06}"] for n in range(RUNS)) >= 10
    assert twenty.counted["not answered"] == 0
    for run in (f"hf-{number:06}" for number in range(RUNS)):
        root = next(twenty.chat.of(f"{run}/root"))
        assert "Installing on A" in root.text, "the last edit is always sent"
    keys = Counter(one for one in _keys(twenty))
    assert len(keys) == RUNS * len(render(voted))
    assert set(keys.values()) == {1}


def _keys(twenty: Twenty) -> list[str]:
    payloads = [(m.metadata or {}).get("event_payload", {}) for m in twenty.chat.messages()]
    return [payload["key"] for payload in payloads if payload]


def _most_in_a_minute(calls: Sequence[dict[str, Any]], method: str) -> int:
    times = [float(call["at"]) for call in calls if call["method"] == method]
    return max(sum(1 for other in times if at <= other < at + 60) for at in times)


def test_a_time_to_wait_is_heeded_by_everybody_and_for_that_method_alone():
    async def asked() -> list[tuple[str, float, bool]]:
        twenty = Twenty()
        twenty.chat.parts.faults.plan({"kind": "rate_limit", "method": "users.info", "seconds": 40})
        user = next(iter(twenty.chat.parts.workspace.users))
        questions = [twenty.client.users_info(user=user) for _ in range(5)]
        other = twenty.client.usergroups_list()
        await asyncio.gather(*questions, other)
        return [(c["method"], round(float(c["at"]), 3), bool(c["ok"])) for c in twenty.calls()]

    calls = run_virtual(asked())
    began = min(at for _, at, _ in calls)
    (refused,) = [at for method, at, ok in calls if not ok]
    after = [at for method, at, _ in calls if method == "users.info" and at > refused]

    assert next(at for method, at, _ in calls if method == "usergroups.list") == began
    assert after, "the refused question is asked again"
    assert min(after) >= began + 40
