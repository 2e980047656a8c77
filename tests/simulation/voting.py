"""Nights on which people vote at the first failover gate, by whatever way, and what came of it."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from engine.journal import Kind
from engine.policy import Policy
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import POLICY, Night, Reaction, everyone_agrees, quick
from tests.simulation.played import Played

ANA, BEN, NOOR, OPA = "U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0OPA00001"
ZOE = "U0ZOE00001"
"""Somebody in no role."""
SPARSE = quick(POLICY, watch=timedelta(seconds=30))

Vote = Callable[[Night, str, str, str], None]
"""One way to vote: takes the night, the gate's name, the user and the choice."""


def play_at_g2(
    package: Path, at_g2: Reaction, *, proposal: Vote, policy: Policy = SPARSE, hours: float = 6
) -> Played:
    """Play a night of which G2 is the first failover; `proposal` is how Ana votes at G1."""

    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(10, lambda: proposal(night, gate, ANA, "yes"))
        else:
            (at_g2 if gate == "G2" else everyone_agrees)(night, gate, step)

    async def night() -> Played:
        setup = Setup(members=4, connections=1000)
        stage = Night(package, setup=setup, policy=policy, people=people)
        stage.crowd.roles_of = {**stage.crowd.roles_of, OPA: {"on call"}}
        stage.begin()
        stage.order()
        state = await stage.until_over(hours=hours)
        result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
        waiting = stage.stores.inbox.waiting(run=stage.run)
        await stage.close()
        assert [row for row in waiting if row.kind == "click"] == []
        return result

    return run_virtual(night())


def play_with_g2_stored_late(package: Path, vote: Vote) -> Played:
    """Play a night on which two vote before the bot knows that the message of G2 stands."""

    class Late(Night):
        """The process died between posting the message of G2 and storing that it stands."""

        def _post(self, gate: str) -> None:
            if gate == "G2":
                vote(self, gate, ANA, "yes")
                vote(self, gate, BEN, "yes")
                self.later(90, partial(super()._post, gate))
            else:
                super()._post(gate)

    async def night() -> Played:
        setup = Setup(members=4, connections=1000)
        stage = Late(package, setup=setup, policy=SPARSE, people=all_but_g2)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        result = Played(state, stage.group.report(), list(stage.records()), stage.said.texts)
        await stage.close()
        return result

    return run_virtual(night())


def last_answer_after_the_end(package: Path, vote: Vote) -> tuple[str, str]:
    """Play a night, vote no when it is over, and return who was told what, the last time."""

    async def night() -> list[tuple[str, str]]:
        stage = Night(package, setup=Setup(members=4), policy=SPARSE)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        assert state.ended is not None
        vote(stage, "G3", NOOR, "no")
        await stage.clock.sleep(timedelta(seconds=60))
        texts = stage.said.texts
        waiting = stage.stores.inbox.waiting(run=stage.run)
        await stage.close()
        assert waiting == []
        return texts

    return run_virtual(night())[-1]


def all_but_g2(night: Night, gate: str, step: str) -> None:
    """Agree everywhere else, and leave G2 to the test."""
    if gate != "G2":
        everyone_agrees(night, gate, step)


def gone_down(night: Played) -> bool:
    return night.state.of("A.ADMIN_DOWN").status != "waiting"


def told(night: Played, user: str, gate: str = "") -> list[str]:
    """Return what somebody was told, of one gate where it is named."""
    return [text for to, text in night.said if to == user and gate in text]


def of_kind(night: Played, kind: Kind, step: str = "A.FAILOVER") -> list[dict[str, object]]:
    return [dict(r.body) for r in night.records if r.kind == kind and r.body.get("step") == step]
