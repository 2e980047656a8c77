"""An approval is of these facts, by these persons: what changes after it was given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.journal import Kind
from engine.model import Policy
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, Reaction, everyone_agrees, small_package
from tests.simulation.test_faults import SPARSE, Played

ANA, BEN = "U0ANA00001", "U0BEN00001"


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    package = small_package(tmp_path)

    def played(at: Reaction, *, gate: str = "G2", policy: Policy = SPARSE) -> Played:
        def people(night: Night, shown: str, step: str) -> None:
            (at if shown == gate else everyone_agrees)(night, shown, step)

        async def night() -> Played:
            stage = Night(package, setup=Setup(members=4), policy=policy, people=people)
            stage.begin()
            stage.order()
            state = await stage.until_over(hours=1)
            result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
            await stage.close()
            return result

        return run_virtual(night())

    return played


def of_kind(night: Played, kind: Kind, step: str = "A.FAILOVER") -> list[dict[str, object]]:
    return [dict(r.body) for r in night.records if r.kind == kind and r.body.get("step") == step]


def both_agree(night: Night, gate: str) -> None:
    night.later(20, lambda: night.react(gate, ANA, "yes"))
    night.later(40, lambda: night.react(gate, BEN, "yes"))


# ------------------------------------------------------------------------- facts of others


@pytest.mark.parametrize("taken", [("1_1",), ("1_1", "1_2")], ids=["one", "the whole group"])
def test_members_that_somebody_else_took_down_in_the_grace_time_are_no_failover_of_ours(
    play, taken
):
    def at(night: Night, gate: str, step: str) -> None:
        both_agree(night, gate)
        for member in taken:
            night.later(
                44, lambda member=member: night.group.admin_down(night.group.member(member))
            )

    night = play(at)

    for kind in (Kind.INTENDED, Kind.COMMITTING):
        assert of_kind(night, kind, "A.ADMIN_DOWN") == []
    closed = of_kind(night, Kind.GATE_CLOSED)[-1]
    assert closed["outcome"] == "superseded"
    assert "1_1" in str(closed["reason"])
    assert set(closed["fallen"]) == {ANA, BEN}
    assert night.state.hold is not None
    assert night.state.hold.step == "A.READY"
    assert "1_1 is DOWN (ADMIN)" in night.state.hold.reason
    assert {m for m, state in night.states().items() if state != "ACTIVE"} == set(taken)
    assert night.broken() == {}
