"""A member that is out of service is left out of the plan: the others go on, and it is named."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.demo.matching import Timeline
from bot.demo.verdict import Seen, judged
from engine.journal import Kind
from engine.proposals import Change
from engine.rehearsal.group import Setup
from storage.records import HOUSE, Draft, Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import (
    POLICY,
    REQUESTER,
    Night,
    Reaction,
    everyone_agrees,
    quick,
    small_package,
)
from tests.simulation.played import Played
from tests.simulation.test_changed_proposals import change

SPARSE = quick(POLICY, watch=timedelta(seconds=30))
GONE = {"name": "member_fails", "member": "1_5", "after_s": 0}
ILL = {**GONE, "notes": "FSYNC"}
OTHERS = ["1_1", "1_2", "1_3", "1_4"]


class Told(Played):
    """A night, with what the house's stream says and by when the rehearsal began."""

    house: list[Record]
    began: datetime

    def judged_broken(self) -> dict[str, tuple[str, ...]]:
        """Return what either judge calls broken: the journal's, and the devices' witness."""
        seen = Seen("night", self.records, self.seen, Timeline(self.began, 1.0))
        return {
            name: why
            for name, (word, why) in judged(seen).items()
            # Votes are read from Slack's own traffic there, and here there is none.
            if word == "broken" and name not in ("P2", "P12")
        }


def began(night: Night) -> datetime:
    """Return when the rehearsal began."""
    return night.clock.now() - timedelta(seconds=night.group.report()["seconds"])


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Told]:
    package = small_package(tmp_path)

    def played(
        people: Reaction = everyone_agrees,
        *,
        left_out: tuple[str, ...] = ("1_5",),
        hours: float = 6,
        at_holds: Sequence[Callable[[Night], None]] = (),
        **setup: Any,
    ) -> Told:
        """Play a night to its end, or to a hold for which `at_holds` has nothing more."""

        async def night() -> Told:
            stage = Night(
                package,
                setup=Setup(**{"members": 5, "connections": 1000, "faults": [GONE], **setup}),
                policy=SPARSE,
                people=people,
            )
            await stage.clock.sleep(timedelta(minutes=2))
            stage.begin()
            stage.order(left_out=left_out)
            state = await stage.until_over(hours=hours)
            for then in at_holds:
                assert state.hold is not None
                then(stage)
                await stage.clock.sleep(timedelta(minutes=5))
                state = await stage.until_over(hours=hours)
            told = Told(state, stage.group.report(), list(stage.records()), stage.said.texts)
            told.house, told.began = list(stage.stores.journal.read(HOUSE)), began(stage)
            await stage.close()
            return told

        return run_virtual(night())

    return played


def of_kind(night: Played, kind: Kind) -> list[Record]:
    return [record for record in night.records if record.kind == kind]


@pytest.mark.parametrize("fault", [GONE, ILL], ids=["lost", "down with a problem note"])
def test_the_others_get_the_take_and_cloning_stays_owed(play, fault):
    night = play(faults=[fault])

    ended = night.state.ended
    assert ended is not None, night.state.hold
    assert ended["state"] == "done"
    assert ended["left_out"] == ["1_5"]
    assert ended["out_of_service"] == []
    assert ended["takes"] == [120]
    assert {m["id"]: m["take_after"] for m in night.seen["members"]} == {
        **dict.fromkeys(OTHERS, 120),
        "1_5": 99,
    }
    assert night.installs() == {**dict.fromkeys(OTHERS, 1), "1_5": 0}
    assert night.seen["active_min"] == 2
    assert night.seen["connections_lost"] == 0
    assert night.state.cloning_owed
    assert ended["cloning_owed"] is True
    assert night.state.of("CLONING_RESTORE").how.startswith("owed: members are at different takes")
    assert [r.kind for r in night.house if r.body.get("group")] == [Kind.OWED]
    assert night.judged_broken() == {}


def test_one_yes_is_not_enough_for_a_proposal_that_leaves_a_member_out(play):
    def people(night: Night, gate: str, step: str) -> None:
        night.later(20, lambda: night.react(gate, "U0ANA00001", "yes"))

    alone, ordinary = play(people, hours=0.2), play(people, left_out=(), faults=[], hours=0.2)

    assert [r.body["outcome"] for r in of_kind(alone, Kind.GATE_CLOSED)] == []
    assert of_kind(alone, Kind.GATE_OPENED)[0].body["votes"] == 2
    assert [r.body["outcome"] for r in of_kind(ordinary, Kind.GATE_CLOSED)] == ["approved"]


def test_nothing_is_sent_to_it_or_about_it(play):
    night = play(faults=[ILL])

    sent = [act for act in night.seen["acts"] if not act["act"].startswith("auto_clone")]
    assert {act["act"] for act in sent} == {"import", "admin_down", "install"}
    assert all(act["member"] != "1_5" and "1_5" not in act["group"] for act in sent)


def test_both_judges_object_where_the_plan_does_not_leave_it_out(play):
    """The witness saw what it objects to; only the plan's record says that people agreed."""
    night = play()
    assert night.seen["absent"]
    assert all(members == ["1_5"] for members in night.seen["absent"])
    for record in night.records:
        if record.kind == Kind.PLANNED:
            del record.body["plan"]["left_out"]

    assert {"P1", "P10"} <= night.judged_broken().keys()


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (("1_1",), "1_1 is ACTIVE, so it may carry traffic"),
        (("1_9",), "there is no member 1_9 that could be left out; the members are 1_1, 1_2"),
        (("1_5", "1_2"), "1_2 is ACTIVE"),
    ],
)
def test_a_member_in_service_or_one_that_is_not_there_cannot_be_left_out(play, named, words):
    night = play(left_out=named, hours=0.1)

    assert night.records == []
    told = " ".join(text for to, text in night.said if to == REQUESTER)
    assert words in told
    assert f"without {','.join(named)}" in told


def comes_back(gate: str, after: float) -> Reaction:
    """People who agree, and a member that comes back into service after a gate was shown."""

    def people(night: Night, shown: str, step: str) -> None:
        everyone_agrees(night, shown, step)
        if shown == gate:
            fault = {"name": "member_recovers", "member": "1_5", "after_s": 0}
            night.later(after, lambda: night.group.add_fault(fault))

    return people


def went_on_without(night: Told) -> None:
    """Check that the others got the take, and that the one that is back was only looked at."""
    ended = night.state.ended
    assert ended is not None, night.state.hold
    assert (ended["state"], ended["left_out"], ended["takes"]) == ("done", ["1_5"], [120])
    assert night.installs() == {**dict.fromkeys(OTHERS, 1), "1_5": 0}
    assert night.seen["connections_lost"] == 0
    assert night.state.cloning_owed
    assert night.judged_broken() == {}


@pytest.mark.parametrize(
    ("gate", "after"), [("G1", 0), ("G2", 120)], ids=["before anything is done", "a group is down"]
)
def test_fully_back_in_service_it_carries_traffic_too_and_the_run_goes_on(play, gate, after):
    night = play(comes_back(gate, after), faults=[ILL])

    went_on_without(night)
    down = [r for r in of_kind(night, Kind.INTENDED) if r.body["kind"] == "ADMIN_DOWN"]
    assert "1_5" in down[-1].body["in_service"]


def test_back_in_service_while_a_gate_is_open_its_votes_fall_and_people_are_asked_again(play):
    night = play(comes_back("G3", 0), faults=[ILL])

    closed = [r.body for r in of_kind(night, Kind.GATE_CLOSED) if r.body["step"] == "B.FAILOVER"]
    # Approved by two, and superseded by the last look before the act.
    assert [b["outcome"] for b in closed] == ["approved", "superseded", "approved"]
    assert "1_5: state surely out of service → may carry traffic" in closed[1]["reason"]
    went_on_without(night)


def back_with_cloning_on(after: str) -> Reaction:
    """People who agree, and a member that comes back with auto-clone on when a step was begun."""

    def people(night: Night, gate: str, step: str) -> None:
        def back() -> None:
            if night.state().of(after).status == "waiting":
                night.later(0.2, back)
                return
            for name in ("member_recovers", "auto_clone_on"):
                night.group.add_fault({"name": name, "member": "1_5", "after_s": 0})

        everyone_agrees(night, gate, step)
        if gate == "G2":
            night.later(0.2, back)

    return people


def test_what_an_earlier_run_owes_is_owed_on_where_only_who_is_left_out_has_it_on(play):
    """All others have it off when the run switches it off: that alone would say that it was off."""

    def owes(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if gate == "G1":
            body = {"group": "site-1", "run": "hf-earlier", "was": True}
            draft = Draft(Kind.OWED, night.clock.now(), "engine", body)
            night.stores.journal.append("house", [draft], lease=None, last_seq=0)
            for member in night.group.members.values():
                member.auto_clone = False
            night.later(0.2, lambda: back(night))

    def back(night: Night) -> None:
        if night.state().of("UPLOAD").status == "waiting":
            night.later(0.2, lambda: back(night))
            return
        for name in ("member_recovers", "auto_clone_on"):
            night.group.add_fault({"name": name, "member": "1_5", "after_s": 0})

    night = play(owes, faults=[ILL])

    (off,) = [r for r in night.records if r.body.get("step") == "CLONING_OFF" and "how" in r.body]
    assert off.body["how"] == "acted"
    assert [r.body["was"] for r in of_kind(night, Kind.OWED)] == [True]
    assert night.state.ended is not None
    assert night.state.ended["cloning_owed"] is True


def test_back_with_auto_clone_on_it_is_switched_off_again_before_the_next_group(play):
    night = play(back_with_cloning_on("A.RETURN"), faults=[ILL])

    (alarm,) = of_kind(night, Kind.ALARMED)
    assert (alarm.body["what"], alarm.body["mention"]) == ("left out", True)
    assert alarm.body["reason"] == "1_5, which this plan leaves out, is ACTIVE, with auto-clone on"
    (undone,) = of_kind(night, Kind.UNDONE)
    assert undone.body["steps"] == ["CLONING_OFF"]
    assert undone.body["reason"] == "1_5, left out of the plan, came back with auto-clone on"
    assert of_kind(night, Kind.HELD) == []
    assert night.state.facts is not None
    assert night.state.facts.member("1_5").auto_clone is False
    went_on_without(night)


@pytest.mark.parametrize("after", ["A.ADMIN_DOWN", "A.INSTALL"], ids=["early", "in the dialogue"])
def test_back_with_auto_clone_on_while_a_group_is_down_nothing_is_installed(play, after):
    def by_hand(night: Night) -> None:
        assert not any(m["installs_started"] for m in night.group.report()["members"])
        night.group.members["1_5"].auto_clone = False
        night.say("retry")

    night = play(back_with_cloning_on(after), faults=[ILL], at_holds=[by_hand])

    (held,) = of_kind(night, Kind.HELD)
    assert (held.body["step"], held.body["reason"]) == (
        "A.INSTALL",
        "image auto-clone is on on 1_5, which this plan leaves out: switch it off there by hand, "
        "and retry",
    )
    went_on_without(night)


def test_what_is_the_matter_with_an_ill_one_voids_nobodys_approval(play):
    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if step.endswith("FAILOVER"):
            notes = "ROUTED" if step.startswith("A.") else "FSYNC, AMW"
            fails = {**GONE, "notes": notes}
            night.later(5, lambda: night.group.add_fault(fails))

    night = play(people, faults=[ILL])

    closed = [(r.body["step"], r.body["outcome"]) for r in of_kind(night, Kind.GATE_CLOSED)]
    assert closed == [
        ("PROPOSAL", "approved"),
        ("A.FAILOVER", "approved"),
        ("B.FAILOVER", "approved"),
    ]
    told = [change for r in of_kind(night, Kind.SEEN) for change in r.body["changes"]]
    assert {"1_5: notes FSYNC → ROUTED", "1_5: notes ROUTED → FSYNC AMW"} & set(told)
    went_on_without(night)


def in_danger(night: Night, member: str) -> None:
    """Let a member that is down with a problem become active all the same."""
    night.group.members[member].forced_state = "ACTIVE(!)"
    night.group.settle("INTERFACE ACTIVE CHECK")


def test_back_and_not_healthy_no_group_is_taken_down_before_it_is_one_or_the_other(play):
    def people(night: Night, gate: str, step: str) -> None:
        everyone_agrees(night, gate, step)
        if gate == "G3":
            night.later(0, lambda: in_danger(night, "1_5"))

    def recovers(night: Night) -> None:
        night.group.add_fault({"name": "member_recovers", "member": "1_5", "after_s": 0})
        night.later(60, lambda: night.say("retry"))

    night = play(people, faults=[ILL], at_holds=[lambda night: night.say("retry"), recovers])

    held = [r.body for r in of_kind(night, Kind.HELD)]
    assert [b["step"] for b in held] == ["B.READY", "B.READY"]
    assert all("neither surely out of service nor healthy" in b["reason"] for b in held)
    went_on_without(night)


def test_back_in_service_between_two_groups_a_rollback_goes_through_as_well(play):
    def people(night: Night, gate: str, step: str) -> None:
        if step == "B.FAILOVER":
            back = {"name": "member_recovers", "member": "1_5", "after_s": 0}
            night.later(0, lambda: night.group.add_fault(back))
            night.later(10, lambda: night.say("rollback"))
        else:
            everyone_agrees(night, gate, step)

    night = play(people, faults=[ILL])

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "rolled back"
    assert night.judged_broken() == {}


def test_it_fails_before_the_proposal_is_approved_and_is_left_out_by_a_change(play):
    fails = {"name": "member_fails", "member": "1_5", "after_s": 0}

    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            night.later(10, lambda: night.group.add_fault(fails))
            night.later(60, lambda: change(night, Change(left_out=("1_5",))))
        else:
            everyone_agrees(night, gate, step)

    night = play(people, left_out=(), faults=[])

    first, second = of_kind(night, Kind.PLANNED)
    assert "left_out" not in first.body["plan"]
    assert second.body["plan"]["left_out"] == ["1_5"]
    assert second.body["cause"] == (
        "changed by rita: left out: nobody → 1_5; Logical Groups, in this order: "
        "A (1_1-1_3), B (1_4-1_5) → A (1_1-1_2), B (1_3-1_4)"
    )
    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "done"
    assert night.state.cloning_owed
    assert night.judged_broken() == {}


def test_one_that_came_back_is_taken_in_again_by_a_change(play):
    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G1":
            back = {"name": "member_recovers", "member": "1_5", "after_s": 0}
            night.later(0, lambda: night.group.add_fault(back))
            night.later(60, lambda: change(night, Change(order="swap")))
            night.later(90, lambda: change(night, Change(left_out=())))
        else:
            everyone_agrees(night, gate, step)

    night = play(people, faults=[ILL])

    assert "1_5 is ACTIVE, so it may carry traffic" in " ".join(text for _, text in night.said)
    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["left_out"] == []
    assert night.installs() == dict.fromkeys([*OTHERS, "1_5"], 1)
    assert not night.state.cloning_owed
    assert night.judged_broken() == {}


def test_rolled_back_it_is_still_left_out(play):
    def people(night: Night, gate: str, step: str) -> None:
        if gate == "G3" and not night.state().rolled_back:
            night.later(10, lambda: night.say("rollback"))
        else:
            everyone_agrees(night, gate, step)

    night = play(people)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "rolled back"
    assert night.state.ended["left_out"] == ["1_5"]
    assert night.state.cloning_owed
    assert {m["id"]: m["uninstalls_started"] for m in night.seen["members"]} == {
        "1_1": 1,
        "1_2": 1,
        "1_3": 0,
        "1_4": 0,
        "1_5": 0,
    }
    assert night.judged_broken() == {}


@pytest.mark.parametrize("after", [False, True], ids=["before it is durable", "after it is"])
@pytest.mark.parametrize("die_at", [6, 14, 20, 26, 34, 44])
def test_killed_at_some_points_it_ends_the_same(tmp_path: Path, die_at: int, after: bool):
    package = small_package(tmp_path)

    async def night() -> tuple[Any, dict[str, Any], list[Record], Any]:
        setup = Setup(members=5, connections=1000, faults=[GONE])
        stage = Night(package, setup=setup, policy=SPARSE)
        await stage.clock.sleep(timedelta(minutes=2))
        stage.begin(die_at=die_at, after=after)
        stage.order(left_out=("1_5",))
        await stage.until_over()
        assert stage.mortal is not None
        assert stage.mortal.dead.is_set()
        await stage.kill()
        stage.begin()
        state = await stage.until_over()
        result = (state, stage.group.report(), list(stage.records()), began(stage))
        await stage.close()
        return result

    state, seen, records, since = run_virtual(night())
    told = Told(state, seen, records, [])
    told.began = since

    assert state.ended is not None, state.hold
    assert (state.ended["state"], state.ended["left_out"]) == ("done", ["1_5"])
    assert told.installs() == {**dict.fromkeys(OTHERS, 1), "1_5": 0}
    assert state.cloning_owed
    assert told.judged_broken() == {}
