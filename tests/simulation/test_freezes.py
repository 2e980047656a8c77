"""Freezes: nobody orders, no failover begins, what is under way goes on, and who may say so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from engine.duty import Duty
from engine.freezes import REACHES
from engine.journal import Kind
from engine.model import Appointment, Step
from engine.rehearsal.group import Setup
from engine.worker import Worker
from storage.records import HOUSE, Draft, Record
from tests.simulation.explore import SPARSE
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package
from tests.simulation.played import Played
from tests.simulation.test_holds import acts, at, intended, play
from tests.simulation.test_stops import RIGHTS
from tests.simulation.writing import freeze as say

ANA, BEN, EVE = "U0ANA00001", "U0BEN00001", "U0EVE00001"


def house(night: Night) -> list[Record]:
    return list(night.stores.journal.read(HOUSE))


def barred(night: Played) -> list[tuple[str, bool]]:
    return [
        (r.body["step"], bool(r.body["reason"])) for r in night.records if r.kind == Kind.BARRED
    ]


def alone(
    tmp_path,
    do: Callable[[Night], None],
    *,
    order_after: float = 30,
    tags: tuple[str, ...] = (),
    due_in: timedelta | None = None,
) -> Night:
    """Let somebody speak where no run is, then somebody order; return after a while."""

    async def night() -> Night:
        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=SPARSE, tags=tags)
        stage.begin()
        do(stage)
        due = stage.clock.now() + due_in if due_in is not None else None
        order = partial(stage.order, appointment=Appointment(due)) if due else stage.order
        stage.later(order_after, order)
        await stage.clock.sleep(timedelta(seconds=order_after + 60))
        await stage.close()
        return stage

    return run_virtual(night())


# ------------------------------------------------------------------------------- orders


@pytest.mark.parametrize("scope", ["site-1", "all", "emea"])
def test_while_frozen_an_order_is_refused_with_who_why_and_until_when(tmp_path, scope):
    stage = alone(tmp_path, lambda night: say(night, "freeze", scope), tags=("pci", "emea"))

    kinds = [r.kind for r in house(stage)]
    assert kinds == [Kind.FROZEN, Kind.REFUSED]
    assert stage.stores.journal.runs(open_only=False) == []
    done, refused = [text for _, text in stage.said.texts]
    assert "New orders are refused and no failover begins" in done
    assert "frozen by ben until it is lifted: fair" in refused
    assert stage.shell._logins == []


def test_after_its_moment_an_order_is_taken_without_anybody_lifting_it(tmp_path):
    def freeze(night: Night) -> None:
        say(night, "freeze", until=(night.clock.now() + timedelta(seconds=20)).isoformat())

    stage = alone(tmp_path, freeze)

    assert [r.kind for r in house(stage)] == [Kind.FROZEN]
    assert len(stage.stores.journal.runs()) == 1


def test_lifted_an_order_is_taken(tmp_path):
    def freeze_and_lift(night: Night) -> None:
        say(night, "freeze")
        night.later(10, partial(say, night, "unfreeze", user="U0RITA0001"))

    stage = alone(tmp_path, freeze_and_lift)

    assert [(r.kind, r.body["scope"]) for r in house(stage)] == [
        (Kind.FROZEN, "site-1"),
        (Kind.UNFROZEN, "site-1"),
    ]
    assert len(stage.stores.journal.runs()) == 1


@pytest.mark.parametrize(
    ("verb", "scope", "user", "words"),
    [
        ("freeze", "site-1", EVE, "`freeze` needs one of these roles"),
        ("freeze", "all", EVE, "`freeze` needs one of these roles"),
        ("unfreeze", "site-1", BEN, "site-1 is not frozen"),
        ("freeze", "site-9", BEN, "there is no group or tag site-9"),
    ],
)
def test_what_is_refused_changes_nothing_and_is_told_and_recorded(
    tmp_path, verb, scope, user, words
):
    stage = alone(tmp_path, lambda night: say(night, verb, scope, user))

    (refused,) = house(stage)
    assert (refused.kind, refused.by, refused.body["word"]) == (Kind.REFUSED, user, verb)
    assert [words in text for who, text in stage.said.texts if who == user] == [True]
    assert len(stage.stores.journal.runs()) == 1


def test_to_freeze_takes_a_right_of_its_own(tmp_path):
    policy = replace(SPARSE, rights=RIGHTS)

    async def night() -> Night:
        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=policy)
        stage.begin()
        say(stage, "freeze", user=ANA)
        await stage.clock.sleep(timedelta(seconds=10))
        await stage.close()
        return stage

    assert [r.kind for r in house(run_virtual(night()))] == [Kind.REFUSED]


def test_who_slack_cannot_name_does_not_freeze_yet_and_orders_nothing(tmp_path):
    def away(night: Night) -> None:
        night.crowd.away = True
        say(night, "freeze")

    stage = alone(tmp_path, away)

    (refused,) = house(stage)
    assert (refused.kind, "request" in refused.body) == (Kind.REFUSED, True)
    assert any("could not be asked who you are" in text for _, text in stage.said.texts)
    assert [row.kind for row in stage.stores.inbox.waiting()] == ["freeze"]


# ------------------------------------------------------------------------- a freeze to come


def coming(begins_s: float, ends_s: float, **body: str) -> Callable[[Night], None]:
    """Freeze from a while after now until another while after it."""

    def do(night: Night) -> None:
        begins, ends = (
            (night.clock.now() + timedelta(seconds=seconds)).isoformat()
            for seconds in (begins_s, ends_s)
        )
        say(night, "freeze", begins=begins, until=ends, **body)

    return do


@pytest.mark.parametrize(("begins_s", "ordered"), [(20, 0), (3600, 1), (36_000, 1)])
def test_before_a_freeze_begins_orders_are_taken_and_from_then_on_refused(
    tmp_path, begins_s, ordered
):
    stage = alone(tmp_path, coming(begins_s, 90_000))

    assert len(stage.stores.journal.runs()) == ordered
    assert "site-1 will be frozen by ben from" in stage.said.texts[0][1]
    assert "Orders for a time inside of it are refused from now on" in stage.said.texts[0][1]


@pytest.mark.parametrize(("begins_s", "notes"), [(1_200, 1), (36_000, 0)])
def test_a_run_whose_work_reaches_into_a_freeze_is_proposed_and_says_so(tmp_path, begins_s, notes):
    stage = alone(tmp_path, coming(begins_s, 90_000))

    said = [note for note in stage.state().the_plan.notes if note.startswith(REACHES)]
    assert len(said) == notes
    assert all("no failover begins in it" in note for note in said)


@pytest.mark.parametrize(("due_h", "ordered"), [(1, 1), (2, 0), (3, 0), (4, 1)])
def test_a_run_for_a_time_inside_of_a_freeze_to_come_is_refused(tmp_path, due_h, ordered):
    freeze = coming(2 * 3600, 4 * 3600, scope="emea")
    stage = alone(tmp_path, freeze, tags=("emea",), due_in=timedelta(hours=due_h))

    assert len(stage.stores.journal.runs()) == ordered
    refused = [text for _, text in stage.said.texts if "is inside of that" in text]
    assert len(refused) == 1 - ordered
    assert all("emea (site-1) will be frozen by ben from" in text for text in refused)


@pytest.mark.parametrize("begins_s", [20, 50], ids=["votes-missing", "in-the-grace-time"])
def test_a_freeze_that_begins_between_gate_and_failover_keeps_it_from_beginning(tmp_path, begins_s):
    night = play(tmp_path, people=at("G2", coming(begins_s, 90_000)), hours=0.3)

    assert acts(night, "admin_down") == []
    assert "A.ADMIN_DOWN" not in intended(night)
    assert barred(night) == [("A.FAILOVER", True)]
    assert "site-1 is frozen by ben until" in night.state.gates["A.FAILOVER"].barred
    (told,) = [alarm for alarm in night.state.alarms if alarm["what"] == "freeze"]
    assert "site-1 will be frozen by ben from" in told["reason"]
    assert "by our estimate the work takes until about" in told["reason"]


def test_who_votes_on_a_proposal_is_told_once_of_a_freeze_that_is_announced_meanwhile(tmp_path):
    night = play(tmp_path, people=at("G1", coming(36, 90_000)), hours=0.2)

    (told,) = [one for one in night.state.alarms if one["what"] == "freeze"]
    assert (told["mention"], night.kinds().count(Kind.ALARMED)) == (True, 1)


def set_clock(night: Night, seconds: float) -> None:
    night.clock._start += timedelta(seconds=seconds)


def test_a_clock_that_is_set_back_lets_no_freeze_begin_late(tmp_path):
    def do(night: Night) -> None:
        coming(50, 90_000)(night)
        night.later(30, partial(set_clock, night, -300))

    night = play(tmp_path, people=at("G2", do), hours=0.3)

    assert acts(night, "admin_down") == []
    assert barred(night) == [("A.FAILOVER", True)]


def test_a_clock_that_is_set_forward_ends_no_freeze_early(tmp_path):
    begun = list[str]()

    def do(night: Night) -> None:
        until = night.clock.now() + timedelta(seconds=400)
        night.later(5, partial(say, night, "freeze", until=until.isoformat()))
        night.later(30, partial(set_clock, night, 480))
        night.later(390, lambda: begun.append(night.state().of("A.ADMIN_DOWN").status))

    night = play(tmp_path, people=at("G2", do))

    assert begun == ["waiting"]
    assert night.state.ended is not None
    assert barred(night) == [("A.FAILOVER", True), ("A.FAILOVER", False)]


def test_a_freeze_that_is_over_before_the_gate_expires_lets_the_failover_begin(tmp_path):
    night = play(tmp_path, people=at("G2", coming(50, 400)))

    assert night.state.ended is not None
    assert barred(night) == [("A.FAILOVER", True), ("A.FAILOVER", False)]
    assert night.broken() == {}


def test_a_freeze_of_a_tag_holds_for_an_open_run_also_where_it_is_taken_off_the_group(tmp_path):
    def freeze(night: Night) -> None:
        night.later(5, partial(say, night, "freeze", "emea", groups=["site-1"]))

    night = play(tmp_path, people=at("G2", freeze), hours=0.3)

    assert barred(night) == [("A.FAILOVER", True)]
    assert "emea (site-1) is frozen by ben" in night.state.gates["A.FAILOVER"].barred


def test_a_freeze_recorded_after_the_last_look_refuses_the_intent(tmp_path, monkeypatch):
    nights, refused, intend = list[Night](), list[str](), Duty.intend

    async def late(duty: Duty, step: Step, *args: Any, **named: Any) -> None:
        if step.id == "A.ADMIN_DOWN" and not refused:
            refused.append(step.id)
            recorded(nights[0], None)
        await intend(duty, step, *args, **named)

    monkeypatch.setattr(Duty, "intend", late)

    night = play(tmp_path, people=at("G2", nights.append), hours=0.3)

    assert refused == ["A.ADMIN_DOWN"]
    assert "A.ADMIN_DOWN" not in intended(night)
    assert barred(night) == [("A.FAILOVER", True)]


# -------------------------------------------------------------------- secrets in a reason

SECRET = "hunter2secret"


@pytest.fixture
def redacting(monkeypatch):
    """Let executors take a secret out of what they record."""
    redact = partial(Worker, redact=lambda text: text.replace(SECRET, "[redacted]"))
    monkeypatch.setattr("tests.simulation.night.Worker", redact)


def recorded(night: Night, begins_s: float | None) -> None:
    """Have a freeze that was recorded by a version that took no secrets out."""
    begins = night.clock.now() + timedelta(seconds=begins_s) if begins_s is not None else None
    body = {"scope": "site-1", "name": "ben", "reason": f"move off {SECRET}"}
    times = {"begins": begins.isoformat() if begins else None}
    draft, last = Draft(Kind.FROZEN, night.clock.now(), BEN, {**body, **times}), house(night)
    night.stores.journal.append(HOUSE, [draft], lease=None, last_seq=len(last))


def test_a_freeze_to_come_with_a_secret_in_its_reason_is_told_once(tmp_path, redacting):
    night = play(tmp_path, people=at("G1", partial(recorded, begins_s=1500)), hours=0.2)

    (alarm,) = [one for one in night.state.alarms if one["what"] == "freeze"]
    assert "move off [redacted]" in alarm["reason"]


def test_a_gate_that_a_freeze_with_a_secret_bars_says_so_once(tmp_path, redacting):
    def do(night: Night) -> None:
        night.later(5, partial(recorded, night, None))

    night = play(tmp_path, people=at("G2", do), hours=0.2)

    assert barred(night) == [("A.FAILOVER", True)]
    assert SECRET not in str([r.body for r in night.records])


def test_a_run_that_waits_for_a_freeze_with_a_secret_says_so_once(tmp_path, redacting):
    async def play_it() -> list[Record]:
        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=SPARSE)
        stage.begin()
        stage.order(appointment=Appointment(stage.clock.now() + timedelta(minutes=5)))
        stage.later(120, partial(recorded, stage, None))
        await stage.clock.sleep(timedelta(minutes=15))
        await stage.close()
        return list(stage.records())

    waits = [r for r in run_virtual(play_it()) if r.kind == Kind.BARRED]

    assert len(waits) == 1
    assert "move off [redacted]" in waits[0].body["reason"]


def test_a_refused_order_with_a_secret_is_recorded_without_it(tmp_path, redacting):
    async def play_it() -> list[Record]:
        stage = Night(small_package(tmp_path), setup=Setup(members=4), policy=SPARSE)
        stage.begin()
        say(stage, "freeze")
        stage.later(30, partial(stage.order, package=f"{SECRET}.tgz"))
        await stage.clock.sleep(timedelta(seconds=90))
        await stage.close()
        return house(stage)

    _, refused = run_virtual(play_it())

    assert refused.body["request"]["package"] == "[redacted].tgz"


# ----------------------------------------------------------------------------- open runs


def frozen_at(gate: str, after_s: float, **lifted: float) -> Callable[[Night, str, str], None]:
    """Let everybody agree, and somebody freeze after a gate was shown."""

    def do(night: Night) -> None:
        night.later(after_s, partial(say, night, "freeze"))
        for seconds in lifted.values():
            night.later(seconds, partial(say, night, "unfreeze"))

    return at(gate, do)


@pytest.mark.parametrize("after_s", [5, 50], ids=["votes-missing", "in-the-grace-time"])
def test_no_failover_begins_in_a_freeze_and_the_gate_says_so_once(tmp_path, after_s):
    night = play(tmp_path, people=frozen_at("G2", after_s), hours=0.3)

    assert "A.ADMIN_DOWN" not in intended(night)
    assert acts(night, "admin_down") == []
    assert barred(night) == [("A.FAILOVER", True)]
    gate = night.state.gates["A.FAILOVER"]
    assert "site-1 is frozen by ben" in gate.barred
    assert len(gate.votes) == 2, "votes are kept"
    assert gate.outcome == ""


def test_after_a_freeze_the_votes_that_stood_begin_it_with_a_grace_time_of_its_own(tmp_path):
    night = play(tmp_path, people=frozen_at("G2", 50, lifted_s=400))

    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    assert barred(night) == [("A.FAILOVER", True), ("A.FAILOVER", False)]
    over = next(r for r in night.records if r.kind == Kind.BARRED and not r.body["reason"])
    down = next(r for r in night.records if r.body.get("kind") == "ADMIN_DOWN")
    assert down.at - over.at >= night.state.the_plan.policy.failover.grace
    assert night.broken() == {}


def test_a_freeze_that_ends_by_itself_lets_the_failover_begin(tmp_path):
    def freeze(night: Night) -> None:
        until = night.clock.now() + timedelta(minutes=5)
        night.later(5, partial(say, night, "freeze", until=until.isoformat()))

    night = play(tmp_path, people=at("G2", freeze))

    assert night.state.ended is not None
    assert barred(night) == [("A.FAILOVER", True), ("A.FAILOVER", False)]


def test_what_is_under_way_goes_on_until_its_group_is_back(tmp_path):
    async def freeze(night: Night) -> None:
        await night.group.wait_for("admin_down:1_1", within=timedelta(hours=1))
        say(night, "freeze")

    night = play(tmp_path, beside=freeze, hours=2)

    assert night.state.of("A.RETURN").status == "done"
    assert "B.ADMIN_DOWN" not in intended(night)
    assert barred(night) == [("B.FAILOVER", True)]


def test_a_no_ends_a_frozen_gate_all_the_same(tmp_path):
    def freeze(night: Night) -> None:
        night.later(5, partial(say, night, "freeze"))
        night.later(300, lambda: night.react("G2", ANA, "no"))

    night = play(tmp_path, people=at("G2", freeze))

    assert night.state.hold is not None
    assert night.state.hold.error == "rejected"


def test_a_gate_that_nobody_approves_in_time_expires_also_in_a_freeze(tmp_path):
    night = play(tmp_path, people=frozen_at("G2", 5), hours=3)

    assert night.state.hold is not None
    assert night.state.hold.error == "expired"
    assert "A.ADMIN_DOWN" not in intended(night)
