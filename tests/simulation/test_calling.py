"""Calling people: reminders, the fallback role, and who can be reached, in virtual nights."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.views import render
from engine.journal import Kind
from engine.policy import GatePolicy, Policy
from engine.rehearsal.group import Setup
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, REQUESTER, Night, Reaction, quick, small_package
from tests.simulation.played import Played

ANA, BEN, NOOR, MAX, MIA = (
    "U0ANA00001",
    "U0BEN00001",
    "U0NOOR0001",
    "U0MAX00001",
    "U0MIA00001",
)
SPARSE = quick(POLICY, watch=timedelta(seconds=30))
STRICT = replace(SPARSE, failover=GatePolicy(votes=2, needs=(("network", 1), ("firewall", 1))))
WITH_FALLBACK = replace(SPARSE, failover=replace(SPARSE.failover, fallback="managers"))

Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    package = small_package(tmp_path)

    def played(
        at_g2: Reaction, *, policy: Policy = SPARSE, asleep: tuple[str, ...] = (), kill_s: float = 0
    ) -> Played:
        def people(night: Night, gate: str, step: str) -> None:
            if gate == "G1":
                night.later(10, lambda: night.react(gate, ANA, "yes"))
            elif gate == "G2":
                at_g2(night, gate, step)

        async def night() -> Played:
            stage = Night(
                package, setup=Setup(members=4, connections=1000), policy=policy, people=people
            )
            stage.crowd.roles_of |= {MAX: {"managers"}, MIA: {"managers"}}
            stage.crowd.states = dict.fromkeys(asleep, "quiet")
            stage.begin()
            stage.order()
            if kill_s:
                await stage.until(lambda s: s.gates_asked == 2)
                await stage.clock.sleep(timedelta(seconds=30))
                await stage.kill()
                await stage.clock.sleep(timedelta(seconds=kill_s))
                stage.begin()
            state = await stage.until(
                lambda s: s.hold is not None or s.of("A.ADMIN_DOWN").status != "waiting"
            )
            result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
            await stage.close()
            return result

        return run_virtual(night())

    return played


def nobody(night: Night, gate: str, step: str) -> None:
    """Nobody answers."""


def of(night: Played, kind: Kind, step: str = "A.FAILOVER") -> list[Record]:
    return [r for r in night.records if r.kind == kind and r.body.get("step") == step]


def minutes(night: Played, records: list[Record]) -> list[float]:
    shown = of(night, Kind.GATE_SHOWN)[0].at
    return [round((r.at - shown).total_seconds() / 60, 1) for r in records]


def texts(night: Played, until: int | None = None) -> list[str]:
    return [m.text for m in render(night.records[:until])]


# ------------------------------------------------------------------------------------ reminders


def test_people_are_reminded_at_the_thirds_and_once_more_before_the_end(play):
    night = play(nobody)
    reminders = of(night, Kind.REMINDED)

    assert minutes(night, reminders) == [10, 20, 27]
    assert [r.body["last"] for r in reminders] == [False, False, True]
    assert night.state.hold is not None
    assert night.state.hold.error == "expired"


def test_a_reminder_mentions_who_can_still_help_and_nobody_else(play):
    night = play(lambda n, g, _: n.later(60, lambda: n.react(g, ANA, "yes")), policy=STRICT)
    first = of(night, Kind.REMINDED)[0]
    told = next(t for t in texts(night) if t.startswith("⏰"))

    assert first.body["call"] == [BEN, NOOR]
    assert (f"<@{BEN}>" in told, f"<@{NOOR}>" in told) == (True, True)
    assert f"<@{ANA}>" not in told
    assert f"<@{REQUESTER}>" not in told


def test_each_of_them_is_written_to_once_until_they_vote_or_it_is_over(play):
    night = play(lambda n, g, _: n.later(60, lambda: n.react(g, ANA, "yes")), policy=STRICT)
    reminders = of(night, Kind.REMINDED)
    last = reminders[-1].seq
    direct = [m for m in render(night.records[:last]) if m.direct]

    assert [m.direct for m in direct] == [BEN, NOOR] * 3
    assert len({m.key for m in direct}) == 6
    assert "the failover of A waits for you: 1 more person: 1 of firewall" in direct[0].text
    assert [m for m in render(night.records) if m.direct] == []


def test_an_executor_that_was_away_gives_the_reminder_that_is_due_once(play):
    night = play(nobody, kill_s=22 * 60)

    reminders = of(night, Kind.REMINDED)

    assert [r.body["number"] for r in reminders] == [2, 3]


# ----------------------------------------------------------------------------------- the fallback


def test_the_fallback_is_called_at_half_the_time_and_its_yes_counts_from_then_on(play):
    def people(night: Night, gate: str, _step: str) -> None:
        night.later(30, lambda: night.react(gate, ANA, "yes"))
        night.later(60, lambda: night.react(gate, MAX, "yes"))

    night = play(people, policy=WITH_FALLBACK)
    (refused,), (called,) = of(night, Kind.REFUSED), of(night, Kind.ESCALATED)
    voted = of(night, Kind.VOTED)

    assert f"counts from Mon 2 Mar {called.at:%H:%M} UTC on" in refused.body["reason"]
    assert minutes(night, [called]) == [15]
    assert called.body["call"] == [MAX, MIA]
    assert [(r.body["user"], r.seq > called.seq) for r in voted] == [(ANA, False), (MAX, True)]
    assert night.state.gates["A.FAILOVER"].outcome == "approved"
    assert any(t.startswith(f"⏫ <@{MAX}> <@{MIA}> G2") for t in texts(night))
    assert [user for user, text in night.said if "fallback" in text] == [MAX]


def test_without_the_fallback_the_same_votes_are_not_enough(play):
    def people(night: Night, gate: str, _step: str) -> None:
        night.later(30, lambda: night.react(gate, ANA, "yes"))
        night.later(60, lambda: night.react(gate, MAX, "yes"))

    night = play(people, policy=SPARSE)

    assert of(night, Kind.ESCALATED) == []
    assert night.state.gates["A.FAILOVER"].outcome == "expired"


def test_a_fallback_that_was_due_while_nobody_was_there_is_called_at_the_return(play):
    night = play(
        lambda n, g, _: n.later(20 * 60, lambda: n.react(g, MIA, "yes")),
        policy=WITH_FALLBACK,
        kill_s=16 * 60,
    )

    assert len(of(night, Kind.ESCALATED)) == 1
    assert [r.body["user"] for r in of(night, Kind.VOTED)] == [MIA]


def test_a_gate_that_is_approved_in_time_calls_no_fallback(play):
    def people(night: Night, gate: str, _step: str) -> None:
        night.later(30, lambda: night.react(gate, ANA, "yes"))
        night.later(60, lambda: night.react(gate, BEN, "yes"))

    night = play(people, policy=WITH_FALLBACK)

    assert of(night, Kind.ESCALATED) == []
    assert night.state.of("A.ADMIN_DOWN").status != "waiting"


# ------------------------------------------------------------------------------ who can be reached


def gate_text(night: Played, seq: int) -> str:
    gate = next(m for m in render(night.records[:seq]) if m.gate == "G2")
    return "\n".join(str(block) for block in gate.blocks)


def test_the_gate_says_who_is_awake_and_who_sleeps_of_those_still_needed(play):
    night = play(lambda n, g, _: n.later(60, lambda: n.react(g, ANA, "yes")), asleep=(NOOR,))
    opened, voted = of(night, Kind.GATE_OPENED)[0].seq, of(night, Kind.VOTED)[0].seq

    assert "*Can be reached now:* ana (network), ben (firewall)" in gate_text(night, opened)
    assert "*In quiet hours:* noor (firewall, network)" in gate_text(night, opened)
    assert "rita (" not in gate_text(night, opened).partition("Can be reached")[2]
    assert "*Can be reached now:* ben (firewall)" in gate_text(night, voted)


def test_where_everybody_sleeps_the_gate_says_so_first(play):
    night = play(nobody, asleep=(ANA, BEN, NOOR))
    opened = of(night, Kind.GATE_OPENED)[0].seq

    assert "⚠️ *Nobody who may approve is awake now.*" in gate_text(night, opened)


def test_the_proposal_says_it_too_also_of_those_who_are_needed_later(play):
    night = play(nobody, asleep=(ANA, BEN, NOOR))
    proposal = next(m for m in render(night.records[:3]) if m.gate == "G1")
    shown = "\n".join(str(block) for block in proposal.blocks)

    assert shown.count("Nobody who may approve is awake now") == 1
