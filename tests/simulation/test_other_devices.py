"""Nights on devices that say or do the same things otherwise than the recorded ones."""

from datetime import timedelta
from typing import Any

from engine.journal import Kind
from tests.simulation.night import POLICY, REQUESTER, Night, quick
from tests.simulation.played import Played, Then, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))


async def to_the_end(night: Night) -> None:
    """Order, and wait for the end or a hold."""
    night.order()
    await night.until_over(hours=4)


async def then_say(word: str, night: Night) -> None:
    """Say a word once the run holds, and wait for what comes of it."""
    await to_the_end(night)
    night.say(word, REQUESTER)
    await night.clock.sleep(timedelta(seconds=5))
    await night.until_over(hours=4)


def played(tmp_path: Any, then: Then = to_the_end, *, package: str = "", **setup: Any) -> Played:
    """Play a night with another device, four members of it."""
    named = {"package": package} if package else {}
    return play_night(tmp_path, then, policy=SPARSE, setup=setup, **named)


def orders(night: Played, *kinds: str) -> list[str]:
    """Return what the devices were ordered to do, of these kinds, with the member."""
    return [f"{one['what']} {one['member']}" for one in night.seen["acts"] if one["act"] in kinds]


# ------------------------------------------------------------------- da_status and the actions


async def _abort_at_work(night: Night) -> None:
    night.order()
    await night.until(lambda state: bool(state.progress.get("A.INSTALL")))
    await night.clock.sleep(timedelta(minutes=4))
    night.say("abort", REQUESTER)
    await night.until_over(hours=4)


def test_an_installation_that_only_its_action_shows_is_waited_for(tmp_path):
    night = played(tmp_path, tells_busy=False)

    assert night.state.ended is not None, night.state.hold
    assert night.seen["objections"] == []


def test_an_abort_waits_for_an_action_in_progress(tmp_path):
    night = played(tmp_path, _abort_at_work, tells_busy=False)

    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["under_way"]
    assert orders(night, "admin_up", "auto_clone_on") == []
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
