"""Nights with a Slack that takes its time: a group that is down is looked at all the same.

The greatest time between two looks counts, from the failover until the group is back. A look that
fails counts as one: while the SMO moves all are blind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

import engine.group
from bot.app import web_client
from bot.pacing import Turns
from bot.people import SlackAnswers
from engine.answering import MOST_WAITING, Answer, AnswerQueue
from engine.fold import RunState
from engine.journal import Kind
from engine.model import StepKind
from engine.rehearsal.group import Setup
from storage.memory import MemoryStores
from storage.records import InboxStore, every_waiting
from tests.simulation.loop import START, VirtualClock, run_virtual, virtual_clock
from tests.simulation.night import Night, everyone_agrees, small_package

ANA, BEN, NOOR = "U0ANA00001", "U0BEN00001", "U0NOOR0001"

LONGEST_S = 18.0
"""The policy's watch is 15 s; a look itself takes up to two."""


@pytest.fixture
def looks(monkeypatch) -> list[float]:
    """Return when looks were begun, as they come."""
    begun: list[float] = []
    real = engine.group.LiveGroup.observe

    async def observe(self: engine.group.LiveGroup, **how: Any) -> Any:
        begun.append(asyncio.get_running_loop().time())
        return await real(self, **how)

    monkeypatch.setattr(engine.group.LiveGroup, "observe", observe)
    return begun


def begun(state: RunState, kind: StepKind) -> bool:
    """Whether the first group's step of that kind has begun."""
    step = state.step_of("A", kind) if state.plan is not None else None
    return step is not None and state.of(step).status != "waiting"


def slowly(night: Night, wait_s: float) -> None:
    """From now on each question to Slack, and each answer by it, takes so long."""

    def slow(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def ask(*asked: Any, **named: Any) -> Any:
            await night.clock.sleep(timedelta(seconds=wait_s))
            return await real(*asked, **named)

        return ask

    for name in ("person", "roles", "shared", "ballots"):
        setattr(night.crowd, name, slow(getattr(night.crowd, name)))
    night.said.answer = slow(night.said.answer)  # type: ignore[method-assign, assignment]  # slow


def play(tmp_path, slow: Callable[[Night], None]) -> Night:
    """Play until the first group is back; people speak half a minute into its installation."""
    package = small_package(tmp_path)

    async def night() -> Night:
        stage = Night(package, setup=Setup(members=4, connections=1000), people=everyone_agrees)
        stage.begin()
        stage.order()
        await stage.until(lambda s: begun(s, StepKind.INSTALL), hours=1)
        slow(stage)
        stage.later(30, lambda: said(stage))
        await stage.until(
            lambda s: s.of("A.RETURN").status == "done" or s.hold is not None, hours=2
        )
        await stage.close()
        return stage

    return run_virtual(night())


def said(night: Night) -> None:
    """A check mark that comes too late, and three words of which each needs an answer of Slack."""
    night.react("G2", NOOR, "yes")
    for _ in range(3):
        night.say("resume", NOOR)


def longest_gap(night: Night, looks: list[float]) -> float:
    """Return the greatest time between two looks from the failover until the group was back."""
    at = {
        record.kind + record.body["step"]: (record.at - START).total_seconds()
        for record in night.records()
        if record.kind in (Kind.INTENDED, Kind.DONE)
    }
    first = at[f"{Kind.INTENDED}A.ADMIN_DOWN"]
    last = at.get(f"{Kind.DONE}A.RETURN", looks[-1])
    within = [one for one in looks if first <= one <= last]
    assert len(within) > 20
    return max(after - before for before, after in pairwise(within))


NEVER_S = 10**6


@pytest.mark.parametrize("wait_s", [5, 29, 300, NEVER_S])
def test_a_group_that_is_down_is_looked_at_however_long_slack_takes(tmp_path, looks, wait_s):
    night = play(tmp_path, lambda night: slowly(night, wait_s))

    assert longest_gap(night, looks) <= LONGEST_S
    assert night.state().of("A.RETURN").status == "done"
    refused = [r for r in night.records() if r.kind == Kind.REFUSED and r.body.get("word")]
    assert len(refused) == 3, "each word was decided"


def refusing(clock: VirtualClock) -> SlackAnswers:
    """Return what gives answers by a Slack that has just said `Retry-After: 300` to all of it."""
    turns = Turns(clock)
    for method in ("chat.postEphemeral", "chat.postMessage"):
        turns.hold(method, 300)
    client = web_client("http://127.0.0.1:1/api/", "xoxb-nobody", turns=turns)
    return SlackAnswers(client, MemoryStores().deliveries)


TO = {"channel": "C0FIREWALL", "user": NOOR}


def test_a_group_that_is_down_is_looked_at_while_slack_tells_us_to_wait(tmp_path, looks):
    def slow(night: Night) -> None:
        slowly(night, 29)
        night.said.answer = refusing(night.clock).answer  # type: ignore[method-assign]  # told to wait

    night = play(tmp_path, slow)

    assert longest_gap(night, looks) <= LONGEST_S


def test_an_answer_waits_for_its_turn_within_its_limit_only():
    async def wait() -> float:
        clock = virtual_clock()
        await refusing(clock).answer(TO, "late")
        return clock.monotonic()

    assert run_virtual(wait()) <= 30


def test_a_member_that_must_carry_traffic_comes_before_words_that_wait_for_slack(tmp_path):
    package = small_package(tmp_path)

    async def play_it() -> float:
        night = Night(package, setup=Setup(members=4, connections=1000), people=everyone_agrees)
        night.begin()
        night.order()
        await night.until(lambda s: begun(s, StepKind.ADMIN_DOWN), hours=1)
        night.say("pause", BEN)
        await night.until(lambda s: bool(s.paused), hours=1)
        slowly(night, 29)
        for _ in range(6):
            night.say("rollback", NOOR)
        await night.clock.sleep(timedelta(seconds=2))
        failed = night.clock.now()
        night.group.add_fault(
            {"name": "member_fails", "member": "1_3", "notes": ["FSYNC"], "after_s": 0}
        )
        await night.until(lambda s: bool(s.rescued), hours=1)
        alarm = next(r for r in night.records() if r.body.get("what") == "rescue")
        assert night.state().rescued == {"A"}
        await night.close()
        return (alarm.at - failed).total_seconds()

    # Six words of three questions each would be eight minutes. Words that are refused meanwhile
    # have the two looks of a rescue begin anew, once.
    assert run_virtual(play_it()) <= 75


def test_answers_are_never_waited_for_and_the_oldest_of_too_many_are_left_to_the_inbox():
    told: list[str] = []

    class Stuck:
        async def answer(
            self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
        ) -> bool:
            await clocks[0].sleep(timedelta(seconds=300))
            told.append(text)
            return True

    class Prompt:
        async def answer(
            self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
        ) -> bool:
            told.append(text)
            return True

    clocks: list[VirtualClock] = []

    async def tell(answers: Stuck | Prompt, inbox: InboxStore, wait_s: float) -> float:
        clocks[:] = [virtual_clock()]
        rows = [
            Answer(TO, str(number)).row(f"{number}", clocks[0].now(), redact=str)
            for number in range(MOST_WAITING + 2)
        ]
        for row in rows:
            inbox.put(row)
        queue = AnswerQueue(answers, inbox, clocks[0])
        queue.give(rows)
        took = clocks[0].monotonic()
        await clocks[0].sleep(timedelta(seconds=wait_s))
        await queue.close()
        return took

    inbox = MemoryStores().inbox
    assert run_virtual(tell(Prompt(), inbox, 1)) == 0
    assert told == [str(number) for number in range(2, MOST_WAITING + 2)]
    assert [row.key for row in inbox.waiting()] == ["0", "1"]
    told.clear()
    stuck = MemoryStores().inbox
    assert run_virtual(tell(Stuck(), stuck, 600)) == 0
    assert told == [], "one that takes too long is given up, and the next has its turn"
    assert len(every := list(every_waiting(stuck))) > 100, every
