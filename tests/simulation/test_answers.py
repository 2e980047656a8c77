"""Whoever said something is told what came of it, whoever dies on the way."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.answering import TOLD, Answer, give
from engine.journal import Kind
from engine.rehearsal.group import Setup
from storage.memory import MemoryStores
from storage.records import HOUSE, InboxRow, StorageDown, every_waiting
from tests.simulation.effects import Effects, Fate, Killed
from tests.simulation.loop import START, run_virtual
from tests.simulation.night import CHANNEL, POLICY, REQUESTER, ROLES, Night, small_package
from tests.simulation.scene import NOBODY
from tests.simulation.stage import Stage
from tests.simulation.writing import click, write

VOTER, OTHER = list(ROLES)[1:3]
TWO = replace(POLICY, proposal=replace(POLICY.proposal, votes=2))


REFUSED = 6
ANSWERED = REFUSED + 3
"""One of nine things counts, one had no effect, and a question leaves no record."""

NEVER = 0

Told = list[tuple[str, str]]


def everything_said(stage: Night) -> None:
    """Say, at a proposal that nobody has approved, what each way to answer knows."""
    stage.say("retry")
    stage.say("resume", NOBODY)
    write(stage, "G1", NOBODY, "yes")
    click(stage, "G1", VOTER, "yes")
    click(stage, "G1", "U0EVA00001", "yes")
    click(stage, "G1", OTHER, "withdraw")
    here = {"channel": CHANNEL, "user": REQUESTER}
    other = {"kind": "install", "security_group": "site-1", "package": "x.tgz", "channel": CHANNEL}
    request = {**other, "requester": REQUESTER, "requester_name": "rita"}
    lifting = {"verb": "unfreeze", "scope": "site-1", "user": REQUESTER, "reason": ""}
    rows: dict[str, dict[str, Any]] = {
        "order": {"request": request, "answer": here},
        "plan": {"request": {**request, "package": "y.tgz"}, "answer": here},
        "freeze": {**lifting, "answer": here},
    }
    for kind, body in rows.items():
        stage.stores.inbox.put(InboxRow(f"cmd:{kind}", None, kind, body, stage.clock.now()))


async def night(package: Path, dies_at: int) -> tuple[Stage, list[str]]:
    """Return the stage after all was said and taken, and the effects from there on."""
    asyncio.get_running_loop().set_exception_handler(_quiet)
    effects = Effects()
    setup = Setup(members=4, connections=1000)
    stage = Stage(package, effects=effects, setup=setup, policy=TWO, people=lambda *_: None)
    stage.begin()
    stage.order()
    await stage.until(lambda s: s.open_gate is not None and s.open_gate.shown is not None)
    begun = len(effects.names)

    def fate(number: int, _name: str) -> Fate:
        return Fate.DIES if number - begun == dies_at else Fate.GOES_ON

    effects.fate = fate
    everything_said(stage)
    await stage.clock.sleep(timedelta(seconds=30))
    if stage.died:
        await stage.kill()
        stage.begin()
        await stage.clock.sleep(timedelta(seconds=30))
    return stage, effects.names[begun:]


def _quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


async def play(package: Path, dies_at: int) -> tuple[Told, Told, list[str]]:
    """Return what was told, what waits to be told, and the effects."""
    stage, names = await night(package, dies_at)
    waiting = list(every_waiting(stage.stores.inbox))
    assert {row.kind for row in waiting} <= {TOLD}, waiting
    left = [(row.body["answer"]["user"], row.body["text"]) for row in waiting]
    kinds = [r.kind for r in [*stage.records(), *stage.stores.journal.read(HOUSE)]]
    assert kinds.count(Kind.REFUSED) == REFUSED, kinds
    await stage.close()
    return stage.said.texts, left, names


def test_whoever_dies_each_answer_is_given_or_waits_to_be_given(tmp_path):
    package = small_package(tmp_path)

    told, left, names = run_virtual(play(package, NEVER))
    assert len(set(told)) == len(told) == ANSWERED
    assert left == []
    assert len(names) > 3 * ANSWERED

    waited = 0
    for number, name in enumerate(names, start=1):
        after, kept, _ = run_virtual(play(package, number))
        assert set(told) <= {*after, *kept}, f"killed at {number}, {name}"
        assert len(after) + len(kept) <= ANSWERED + 1, f"killed at {number}, {name}: told twice"
        waited += len(kept) > 0
    assert waited >= REFUSED, "an answer waits where its process died before it gave it"


class NoDatabase:
    """Somebody who looks up where an answer belongs, and cannot."""

    async def answer(
        self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
    ) -> bool:
        raise StorageDown("it is away")


def test_an_answer_waits_on_where_the_database_is_away_as_it_is_given():
    inbox = MemoryStores().inbox
    row = Answer({"user": REQUESTER}, "done").row("told:1", START, redact=str)
    inbox.put(row)

    with pytest.raises(StorageDown):
        asyncio.run(give(row, NoDatabase(), inbox, START))

    assert [one.key for one in inbox.waiting()] == ["told:1"]
