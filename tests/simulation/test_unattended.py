"""No worker is left, and a process that hears and tells lives on: it says so, once, and no wolf."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.runs import Runs
from bot.speaking.speaker import Speaker
from bot.unattended import Unattended
from engine.policy import Policy
from storage.records import InboxRow, StorageDown
from tests.simulation.effects import Effects, Life
from tests.simulation.loop import run_virtual
from tests.simulation.night import CHANNEL, POLICY, REQUESTER, ROLES, quick, small_package
from tests.simulation.stage import Stage, key_of

MINUTE = timedelta(minutes=1)
LEASE = MINUTE
TTL_S = LEASE.total_seconds()


class Replica:
    """A process that hears and tells, and acts on nothing."""

    def __init__(self, stage: Stage, name: str, *, mute: bool = False) -> None:
        assert stage.chat is not None
        stores: Any = stage.stores
        self.answered: list[InboxRow] = []
        self._clock = stage.clock

        async def on_shown(run: str, gate: str, channel: str, ts: str) -> None:
            body = {"gate": gate, "channel": channel, "ts": ts}
            row = InboxRow(f"shown:{run}/{gate}/{ts}", run, "shown", body, stage.clock.now())
            await asyncio.to_thread(stores.inbox.put, row)

        async def in_roles(roles: Any) -> frozenset[str]:
            return frozenset(user for user, has in ROLES.items() if set(has) & set(roles))

        async def follow(row: InboxRow) -> None:
            self.answered.append(row)
            await asyncio.to_thread(stores.inbox.drop, row.key)

        life = Life(Effects(), on_death=lambda: None)
        client = stage.chat.client(life)
        self.speaker = Speaker(
            stores, client, stage.clock, lambda _request: CHANNEL, on_shown, holder=name
        )
        self.unattended = Unattended(
            stores,
            stage.clock,
            lease_ttl=LEASE,
            in_roles=in_roles,
            speaks_for=self.speaker.speaks_for,
            wake=self.speaker.wake,
            follow=follow,
        )
        self.runs = Runs(stores.journal, stores.deliveries, ["site-1"], stage.clock)
        self.runs.unattended = lambda: self.unattended.since
        self._speaking = asyncio.ensure_future(self._speak())
        self.unattended.start()

    async def _speak(self) -> None:
        while True:
            await self.speaker.catch_up()
            await self._clock.sleep(timedelta(seconds=5))

    async def close(self) -> None:
        await self.unattended.close()
        self._speaking.cancel()
        await self.speaker.close()


def said(stage: Stage, end: str) -> list[str]:
    """What stands in Slack about an absence, by the end of its key."""
    assert stage.chat is not None
    return [
        message.text
        for message in stage.chat.messages()
        if "/unattended/" in key_of(message) and key_of(message).endswith(end)
    ]


def at_night(tmp_path: Path, play: Callable[[Stage], Any], policy: Policy | None = None) -> None:
    """Play with a Slack and one worker."""

    async def night() -> None:
        stage = Stage(
            small_package(tmp_path),
            effects=Effects(),
            with_slack=True,
            policy=policy or quick(POLICY),
        )
        stage.begin()
        try:
            await play(stage)
        finally:
            await stage.close()

    run_virtual(night())


def root(stage: Stage) -> str:
    assert stage.chat is not None
    return next(stage.chat.of(f"{stage.run}/root")).text


async def no_worker_while_a_is_down(stage: Stage) -> list[Replica]:
    """Kill the only worker with A down; two replicas live on."""
    stage.order()
    await stage.until(lambda state: bool(state.out_of_service()))
    await stage.kill()
    return [Replica(stage, "bot-1"), Replica(stage, "bot-2")]


def test_that_no_worker_is_left_is_told_also_where_the_databases_clock_went_back(tmp_path: Path):
    async def play(stage: Stage) -> None:
        replicas = await no_worker_while_a_is_down(stage)
        leases = stage.stores.leases
        dead = leases.current("group:site-1")
        assert dead is not None
        ahead = stage.clock.now() + timedelta(hours=3)
        assert leases.acquire("group:site-1", dead.holder, ttl_s=TTL_S, now=ahead)
        await stage.clock.sleep(5 * MINUTE)
        (told,) = said(stage, "/gone")
        assert "Nobody acts on `site-1` since" in told
        for one in replicas:
            await one.close()

    at_night(tmp_path, play)


def test_that_no_worker_is_left_is_told_once_and_that_one_is_back_as_well(tmp_path: Path):
    async def play(stage: Stage) -> None:
        replicas = await no_worker_while_a_is_down(stage)
        before = len(stage.records())
        await stage.clock.sleep(2 * MINUTE)
        assert said(stage, "/gone") == []
        await stage.clock.sleep(3 * MINUTE)
        (told,) = said(stage, "/gone")
        assert f"<@{REQUESTER}>" in told
        assert "Nobody acts on `site-1` since" in told
        assert "out of service: 1_" in told
        assert "g_clusterXL_admin -b 1_" in told
        assert "Nobody acts on `site-1`" in root(stage)
        assert all("Nobody acts on `site-1`" in one.runs.status("site-1") for one in replicas)
        assert all(not one.unattended.state().ok for one in replicas)
        await stage.clock.sleep(20 * MINUTE)
        assert said(stage, "/gone") == [told]
        assert said(stage, "/back") == []
        assert len(stage.records()) == before
        assert stage.stores.leases.lapsed("group:site-1", now=stage.clock.now()) is not None

        stage.begin()
        await stage.clock.sleep(3 * MINUTE)
        assert said(stage, "/gone") == [told]
        assert len(said(stage, "/back")) == 1
        assert "Nobody acts" not in root(stage)
        assert all("Nobody acts" not in one.runs.status("site-1") for one in replicas)
        assert all(one.unattended.state().ok for one in replicas)
        for one in replicas:
            await one.close()

    at_night(tmp_path, play)


def test_while_a_group_is_being_changed_nobody_is_told_to_bring_it_up_by_hand_at_once(
    tmp_path: Path,
):
    async def play(stage: Stage) -> None:
        stage.order()
        await stage.until(lambda state: state.of("A.INSTALL").committed_at is not None)
        await stage.kill()
        replica = Replica(stage, "bot-1")
        await stage.clock.sleep(5 * MINUTE)
        (told,) = said(stage, "/gone")
        assert "g_clusterXL_admin -b 1_1-1_4 up" in told
        assert "But not before CPUSE is idle on 1_1-1_4" in told
        await replica.close()

    at_night(tmp_path, play)


def test_of_a_take_over_nobody_is_told(tmp_path: Path):
    async def play(stage: Stage) -> None:
        replicas = await no_worker_while_a_is_down(stage)
        await stage.clock.sleep(2 * MINUTE)  # a lease that ran out a minute ago
        stage.begin()
        await stage.clock.sleep(5 * MINUTE)
        assert said(stage, "") == []
        for one in replicas:
            await one.close()

    at_night(tmp_path, play)


def test_a_database_that_was_away_is_no_absence(tmp_path: Path, monkeypatch):
    async def play(stage: Stage) -> None:
        replicas = await no_worker_while_a_is_down(stage)
        looks = replicas[0].unattended
        await replicas[1].close()
        await looks.close()
        stage.stores.leases.acquire("group:site-1", "w", ttl_s=TTL_S, now=stage.clock.now())
        await stage.clock.sleep(10 * MINUTE)
        await looks.look()  # it ran out long ago, and its holder has not come back yet

        def away(**_named: Any) -> Any:
            raise StorageDown("away")

        with monkeypatch.context() as gone:
            gone.setattr(stage.stores.journal, "runs", away)
            with pytest.raises(StorageDown):
                await looks.look()
        await looks.look()
        assert looks.since == {}
        await looks.look()
        assert list(looks.since) == ["site-1"]
        await replicas[0].close()

    at_night(tmp_path, play)


def test_who_ordered_or_said_something_hears_once_that_it_waits(tmp_path: Path):
    async def play(stage: Stage) -> None:
        await stage.kill()
        replicas = [Replica(stage, "bot-1"), Replica(stage, "bot-2")]
        stage.order()
        (row,) = stage.stores.inbox.waiting()
        answer = {"channel": CHANNEL, "user": REQUESTER}
        stage.stores.inbox.drop(row.key)
        body = {**row.body, "answer": answer}
        told = InboxRow("cmd:told", None, "order", body, stage.clock.now())
        stage.stores.inbox.put(told)
        await stage.clock.sleep(2 * MINUTE - timedelta(seconds=1))
        assert [one.answered for one in replicas] == [[], []]
        await stage.clock.sleep(10 * MINUTE)
        (answered,) = [row for one in replicas for row in one.answered]
        assert answered.body["answer"] == answer
        assert "Nobody acts on `site-1`" in answered.body["text"]
        assert all("Nobody acts on `site-1`" in one.runs.status("") for one in replicas)
        assert all(one.runs.nobody_for("site-1") for one in replicas)
        for one in replicas:
            await one.close()

    at_night(tmp_path, play)


def test_a_run_that_waits_for_people_has_a_worker_that_holds_its_group(tmp_path: Path):
    async def play(stage: Stage) -> None:
        stage.people = lambda *_: None  # nobody votes
        replica = Replica(stage, "bot-1")
        stage.order()
        await stage.clock.sleep(8 * MINUTE)
        step = stage.state().next_step()
        assert step is not None
        assert step.kind == "PROPOSAL"
        assert said(stage, "") == []
        assert replica.unattended.state().ok
        await replica.close()

    at_night(tmp_path, play)


def test_only_who_speaks_for_a_run_notes_that_nobody_acts(tmp_path: Path):
    async def play(stage: Stage) -> None:
        speaking, other = await no_worker_while_a_is_down(stage)
        await stage.clock.sleep(MINUTE)
        await speaking.unattended.close()
        await stage.clock.sleep(8 * MINUTE)
        assert not other.unattended.state().ok
        assert stage.stores.deliveries.all(f"{stage.run}/unattended") == []
        await speaking.unattended.look()
        await speaking.unattended.look()
        await stage.clock.sleep(MINUTE)
        assert len(said(stage, "/gone")) == 1
        for one in (speaking, other):
            await one.close()

    at_night(tmp_path, play)
