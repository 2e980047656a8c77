"""A gate's message goes while what somebody said on it is not counted yet: a no is not lost."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PeopleUnreadable
from engine.journal import Kind
from storage.records import InboxRow
from tests.simulation.night import CHANNEL, Night, small_package
from tests.simulation.played import Played
from tests.simulation.voting import ANA, BEN, NOOR, gone_down, of_kind, play_at_g2, told
from tests.simulation.writing import click

ANEW = "G2 anew"


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    return partial(play_at_g2, small_package(tmp_path), proposal=click, hours=0.15)


def goes(night: Night) -> None:
    """Let the message of G2 be gone, and stand anew some seconds later."""
    ballots = night.crowd.ballots

    async def gone(channel: str, ts: str) -> Any:
        if ts == "G2":
            raise PeopleUnreadable("Slack refused: message_not_found")
        return await ballots(channel, ts)

    night.crowd.ballots = gone  # type: ignore[method-assign]  # this message is gone
    body = {"gate": "G2", "channel": CHANNEL, "ts": ANEW}
    row = InboxRow(f"shown:{ANEW}", night.run, "shown", body, night.clock.now())

    def stands() -> None:
        night.stores.inbox.put(row)

    night.later(3, stands)


@pytest.mark.parametrize("approved_before", [False, True], ids=["open", "in the grace time"])
def test_a_no_that_went_with_the_message_of_its_gate_ends_it(play, approved_before):
    def people(night: Night, gate: str, step: str) -> None:
        def no_on_what_goes() -> None:
            night.react(gate, NOOR, "no")
            goes(night)

        night.later(20, lambda: click(night, gate, ANA, "yes"))
        if approved_before:
            night.later(30, lambda: click(night, gate, BEN, "yes"))
        else:
            night.later(60, lambda: click(night, gate, BEN, "yes", at=ANEW))
        night.later(33, no_on_what_goes)

    night = play(people)

    assert not gone_down(night)
    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"
    assert told(night, NOOR) == ["Your no at G2 is counted: it ends G2."]
    no = [vote for vote in of_kind(night, Kind.VOTED) if vote["choice"] == "no"]
    assert [(vote["user"], vote["source"]) for vote in no] == [(NOOR, "reaction")]
    assert night.broken() == {}


def test_on_a_message_that_went_a_yes_and_a_no_that_was_taken_off_change_nothing(play):
    def people(night: Night, gate: str, step: str) -> None:
        def said_on_what_goes() -> None:
            goes(night)
            night.react(gate, NOOR, "no")
            night.react(gate, NOOR, "no", added=False)

        night.later(20, said_on_what_goes)
        night.later(40, lambda: night.react(gate, BEN, "yes"))
        night.later(60, lambda: click(night, gate, ANA, "yes", at=ANEW))

    night = play(people)

    assert not gone_down(night)
    assert night.state.hold is None
    assert [vote["user"] for vote in of_kind(night, Kind.VOTED)] == [ANA]
    (answer,) = told(night, BEN, "G2")
    assert answer.startswith("Your vote does not count: you gave it on a former message of G2; ")
    assert night.broken() == {}
