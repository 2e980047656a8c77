"""The last look before a failover, where no night shows it: of which plan, and how late it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from engine import asking
from engine.canon import to_json
from engine.duty import Duty
from engine.errors import MemberUnreachable
from engine.facts import GroupFacts, InstalledPolicy
from engine.fold import RunState, foreseen
from engine.journal import Kind, planned_body
from engine.planner import plan_degraded_end
from engine.ports import Ballot
from engine.runner import not_agreed_to
from storage.memory import MemoryStores
from storage.records import Draft, InboxRow, Record
from tests.simulation.night import ROLES, Crowd
from tests.unit.builders import NAME, NOW, REQUEST, facts, member, plan
from tests.unit.on_duty import on_duty
from tests.unit.test_gates import gate

STEP = "A.FAILOVER"
PLACE = ("C0FIREWALL", "7")
VOTERS = ("U0ANA00001", "U0BEN00001")


def approved(plan_digest: str) -> list[tuple[Kind, Mapping[str, Any]]]:
    """Return what a run holds whose first failover was approved."""
    later = (NOW + timedelta(hours=1)).isoformat()
    asked = {
        "step": STEP,
        "code": "7K3F",
        "plan_digest": plan_digest,
        "facts_digest": facts().digest(NAME),
        "facts": facts().digested(NAME),
        "evidence": {},
        "expires_at": later,
    }
    vote = {"step": STEP, "choice": "yes", "source": "reaction"}
    closed = {"outcome": "approved", "starts_at": NOW.isoformat(), "good_until": later}
    return [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(plan(), facts())),
        (Kind.GATE_OPENED, asked),
        (Kind.GATE_SHOWN, {"step": STEP, "channel": PLACE[0], "ts": PLACE[1]}),
        *(
            (Kind.VOTED, {**vote, "user": user, "name": user, "roles": sorted(ROLES[user])})
            for user in VOTERS
        ),
        (Kind.GATE_CLOSED, {"step": STEP, **closed}),
    ]


class Seen:
    """A group of which each look shows the next of these; a mistake is raised, the last stays."""

    def __init__(self, *shown: GroupFacts | Exception) -> None:
        self.shown = list(shown)

    async def observe(self, *, full: bool = False, in_part: bool = False) -> GroupFacts:
        now = self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]
        if isinstance(now, Exception):
            raise now
        return now


async def after_a_minute(plan_digest: str) -> Duty:
    """Return an executor a minute after the approval, which still stands in Slack."""
    crowd = Crowd({PLACE: [Ballot(user, "yes", "reaction") for user in VOTERS]})
    duty = await on_duty(approved(plan_digest), since_s=60, people=crowd)
    duty.group = cast("Any", Seen(facts()))
    return duty


@pytest.mark.parametrize(
    ("digest", "begins", "outcome"),
    [(plan().digest, True, "approved"), ("of another plan", False, "superseded")],
    ids=["this plan", "another plan"],
)
async def test_only_an_approval_of_this_plan_lets_it_begin(digest, begins, outcome):
    duty = await after_a_minute(digest)

    seen = await asking.last_look(duty, duty.plan.step(STEP))

    assert (seen == facts()) is begins
    assert duty.state.gates[STEP].outcome == outcome


async def test_what_changes_while_slack_shows_the_votes_is_seen(monkeypatch):
    duty = await after_a_minute(plan().digest)
    read, paused = duty.people.ballots, list[timedelta]()
    policy = InstalledPolicy("Emergency_Policy", "13Mar24 02:10", "77aa")

    async def ballots(channel: str, ts: str) -> Sequence[Ballot]:
        duty.group = cast("Any", Seen(facts(member(3, policy=policy))))
        return await read(channel, ts)

    async def pause(duration: timedelta) -> None:
        paused.append(duration)

    monkeypatch.setattr(duty.people, "ballots", ballots)
    monkeypatch.setattr(duty, "pause", pause)

    assert await asking.last_look(duty, duty.plan.step(STEP)) is None
    assert duty.state.gates[STEP].outcome == "superseded"
    assert paused == [duty.plan.policy.settle]


async def test_votes_that_were_shown_before_a_while_of_blindness_are_asked_for_again(monkeypatch):
    duty = await after_a_minute(plan().digest)
    duty.group = cast("Any", Seen(MemberUnreachable("1_1"), facts()))

    assert await asking.last_look(duty, duty.plan.step(STEP)) is None
    assert duty.state.gates[STEP].outcome == "approved"

    assert await asking.last_look(duty, duty.plan.step(STEP)) == facts()


def test_who_failed_after_people_agreed_to_an_end_without_them_is_not_agreed_to():
    ill = {"state": "DOWN", "own_state": "DOWN", "notes": ("FSYNC",)}
    made = plan_degraded_end(RunState(plan=plan()))
    agreed, now = facts(member(2, **ill)), facts(member(2, **ill), member(3, **ill))
    asked = gate(step=made.steps[-1].id, facts=made.digested(agreed))
    state = RunState(plan=made, gates={asked.step: asked})

    assert not_agreed_to(state, agreed.some(["1_2"])) == []
    assert [m.id for m in not_agreed_to(state, now.some(["1_2", "1_3"]))] == ["1_3"]


def test_an_old_degraded_gate_is_judged_by_its_facts_and_a_new_one_by_what_it_showed():
    made = plan_degraded_end(RunState(plan=plan()))
    ill = facts(member(2, policy=InstalledPolicy("InitialPolicy", "22Aug22 08:54", "7fe2a401f")))
    asked = gate(step=made.steps[-1].id, facts=made.digested(ill))
    old = RunState(plan=made, gates={asked.step: asked})
    shown = replace(asked, evidence={"out_of_service": ["1_2"]})
    new = RunState(plan=made, gates={asked.step: shown})

    assert not_agreed_to(old, ill.some(["1_2"])) == list(ill.some(["1_2"]))
    assert not_agreed_to(new, ill.some(["1_2"])) == []
    assert not_agreed_to(new, ill.some(["1_3"])) == list(ill.some(["1_3"]))


async def test_a_degraded_gate_shows_who_is_out_of_service_by_a_look_of_now(monkeypatch):
    made = plan_degraded_end(RunState(plan=plan()))
    story = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, planned_body(made, facts())),
    ]
    duty = await on_duty(story, since_s=60)

    async def look() -> GroupFacts:
        """What no digest covers, so that no record shows it: it calls itself otherwise."""
        return facts(member(2, own_state="NOT STARTED"))

    monkeypatch.setattr(duty, "observe", look)

    assert not await asking.ask(duty, made.steps[-1])
    assert duty.state.gates[made.steps[-1].id].evidence["out_of_service"] == ["1_2"]


def test_a_degraded_gate_that_is_undone_counts_as_one_that_facts_reopened():
    made = plan_degraded_end(RunState(plan=plan()))
    end = made.steps[-1].id
    state = RunState(plan=made, gates={one: gate(step=one) for one in (end, STEP)})

    undone = [Draft(Kind.UNDONE, NOW, "engine", {"steps": [end, STEP], "by": "a look"})]

    assert foreseen(state, undone).reopenings == {end: 1}


async def test_a_freeze_that_is_taken_while_the_house_is_read_lets_nothing_begin(monkeypatch):
    duty = await after_a_minute(plan().digest)
    read = duty.journal.house
    asked = {"verb": "freeze", "scope": "site-1", "user": "U0BEN00001", "reason": "fair"}
    duty.inbox.put(InboxRow("k", None, "freeze", asked, duty.clock.now()))

    async def house() -> Sequence[Record]:
        """Read, and as soon as that is done, the freeze stands there and waits no more."""
        records = await read()
        duty.inbox = MemoryStores().inbox
        return records

    monkeypatch.setattr(duty.journal, "house", house)

    assert await asking.last_look(duty, duty.plan.step(STEP)) is None
