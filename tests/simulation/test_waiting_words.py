"""Words behind other words: what waits for Slack keeps no stop and no freeze from being heard."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.views.conversation import render
from engine.errors import PeopleUnreadable, StopUnheard
from engine.fold import RunState
from engine.journal import Kind
from engine.ports import Ballot, Person
from engine.rehearsal.group import Setup
from storage.records import HOUSE, InboxRow
from tests.simulation.explore import SPARSE
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package
from tests.simulation.writing import click
from tests.simulation.writing import freeze as say_freeze

ANA, BEN, NOOR, ZOE = "U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0ZOE00001"
MANY = 250


def open_at_g2(tmp_path, do: Callable[[Night], None], *, minutes: float) -> tuple[Night, RunState]:
    """Have a run ask for its first failover, let something happen then, and wait so long."""

    async def night() -> tuple[Night, RunState]:
        def people(stage: Night, gate: str, step: str) -> None:
            if gate == "G1":
                stage.later(10, lambda: stage.react(gate, ANA, "yes"))

        package = small_package(tmp_path)
        stage = Night(package, setup=Setup(members=4), policy=SPARSE, people=people)
        stage.begin()
        stage.order()
        await stage.until(lambda s: "A.FAILOVER" in s.gates and bool(s.gates["A.FAILOVER"].shown))
        do(stage)
        await stage.clock.sleep(timedelta(minutes=minutes))
        state = stage.state()
        await stage.close()
        return stage, state

    return run_virtual(night())


def freezing(night: Night) -> list[str]:
    """Return what the house's stream tells of freezes: who orders owes cloning there as well."""
    return [r.kind for r in night.stores.journal.read(HOUSE) if r.kind != Kind.OWED]


def crowd_of_clicks(night: Night, count: int = MANY) -> None:
    """Let so many people who are no approvers press a button while Slack is away."""
    night.crowd.away = True
    for number in range(count):
        click(night, "G2", f"U0X{number:07}", "yes", key=f"act:{number}")


def test_a_halt_is_taken_before_the_hundreds_of_rows_that_wait_before_it(tmp_path):
    def do(night: Night) -> None:
        crowd_of_clicks(night)
        night.later(30, lambda: night.say("halt", NOOR))

    _, state = open_at_g2(tmp_path, do, minutes=3)

    assert state.halted == NOOR


def test_what_waits_is_read_to_its_end_and_counts_once_slack_is_back(tmp_path):
    def do(night: Night) -> None:
        crowd_of_clicks(night)
        night.later(30, lambda: click(night, "G2", BEN, "no"))
        night.later(60, lambda: setattr(night.crowd, "away", False))

    _, state = open_at_g2(tmp_path, do, minutes=10)

    assert state.gates["A.FAILOVER"].outcome == "rejected"


def test_a_freeze_behind_hundreds_of_rows_is_taken(tmp_path):
    def do(night: Night) -> None:
        body = {"verb": "status", "user": ZOE, "answer": {}}
        for number in range(MANY):
            night.stores.inbox.put(
                InboxRow(f"evt:asked/{number}", None, "asked", body, night.clock.now())
            )
        night.later(5, lambda: say_freeze(night, "freeze"))

    stage, _ = open_at_g2(tmp_path, do, minutes=1)

    assert freezing(stage) == [Kind.FROZEN]


def test_a_stop_said_while_slack_hangs_over_the_rows_before_it_is_taken_next(tmp_path):
    halted: list[datetime] = []

    def do(night: Night) -> None:
        ballots = night.crowd.ballots

        async def slow(channel: str, ts: str) -> object:
            await night.clock.sleep(timedelta(seconds=29))
            return await ballots(channel, ts)

        night.crowd.ballots = slow  # type: ignore[method-assign,assignment]  # Slack is slow
        for number in range(15):  # each of them has to be asked about by itself
            click(night, "G2", f"U0X{number:07}", "withdraw", key=f"act:{number}")
        night.later(10, lambda: halted.append(night.clock.now()))
        night.later(10, lambda: night.say("halt", NOOR))

    stage, _ = open_at_g2(tmp_path, do, minutes=20)

    (record,) = [r for r in stage.records() if r.kind == Kind.HALTED]
    assert record.at - halted[0] < timedelta(seconds=60)


AHEAD = timedelta(seconds=3)


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_a_word_that_was_said_before_a_stop_does_not_end_it(tmp_path, verb):
    """Two processes hear people, and the clock of the one that hears the first word is ahead."""

    def do(night: Night) -> None:
        night.say("pause", NOOR)

        def both() -> None:
            body = {"verb": verb, "user": BEN, "answer": {}}
            at = night.clock.now() + AHEAD
            night.stores.inbox.put(InboxRow("word:first", night.run, "word", body, at))
            night.say("halt", NOOR)

        night.later(30, both)

    stage, state = open_at_g2(tmp_path, do, minutes=2)

    assert state.halted == NOOR
    (refused,) = [r for r in stage.records() if r.kind == Kind.REFUSED]
    assert "somebody said stop after that" in refused.body["reason"]
    assert any(user == BEN and f"say `{verb}` again" in text for user, text in stage.said.texts)


def test_a_stop_whose_moment_lies_ahead_is_ended_by_the_next_word(tmp_path):
    """Its host's clock was ahead, or was set back since: no word would be later for hours."""

    def do(night: Night) -> None:
        body = {"verb": "halt", "user": NOOR, "answer": {}}
        at = night.clock.now() + timedelta(hours=3)
        night.stores.inbox.put(InboxRow("word:halt", night.run, "word", body, at))
        night.later(30, lambda: night.say("resume", BEN))

    _, state = open_at_g2(tmp_path, do, minutes=2)

    assert state.halted == ""
    assert state.resumed_at is not None


def found(
    night: Night, verb: str, user: str, *, said_ago: float | None, clock_ahead: float = 0
) -> None:
    """Have a word heard now that was said so many seconds ago, by Slack's clock if it tells."""
    now = night.clock.now() + timedelta(seconds=clock_ahead)
    body = {"verb": verb, "user": user, "answer": {}}
    if said_ago is not None:
        body["said"] = (night.clock.now() - timedelta(seconds=said_ago)).isoformat()
    night.stores.inbox.put(InboxRow(f"evt:{verb}/{now}", night.run, "word", body, now))


@pytest.mark.parametrize("verb", ["resume", "abort"])
@pytest.mark.parametrize("stop_said", [0, None])
def test_a_word_that_was_said_before_a_stop_and_found_after_it_does_not_end_it(
    tmp_path, verb, stop_said
):
    """Its event was lost. The stop was said in the thread, or by the command, without a moment."""

    def do(night: Night) -> None:
        night.later(30, lambda: found(night, "halt", NOOR, said_ago=stop_said))
        night.later(120, lambda: found(night, verb, BEN, said_ago=100))

    stage, state = open_at_g2(tmp_path, do, minutes=4)

    assert state.halted == NOOR
    (refused,) = [r for r in stage.records() if r.kind == Kind.REFUSED]
    assert "somebody said stop" in refused.body["reason"]
    assert f"say `{verb}` again" in refused.body["reason"]


@pytest.mark.parametrize(
    ("halt", "resume"),
    [
        ({"said_ago": 200}, {"said_ago": 100}),
        ({"said_ago": None}, {"said_ago": 7200, "clock_ahead": -7200}),
    ],
    ids=["both found late", "who halts is two hours ahead of Slack"],
)
def test_a_word_that_was_said_after_a_stop_ends_it(tmp_path, halt, resume):
    def do(night: Night) -> None:
        night.later(30, lambda: found(night, "halt", NOOR, **halt))
        night.later(60, lambda: found(night, "resume", BEN, **resume))

    _, state = open_at_g2(tmp_path, do, minutes=2)

    assert state.halted == ""
    assert state.resumed_at is not None


@pytest.mark.parametrize(("after_hold", "attempts"), [(-480, 1), (5, 2)])
def test_a_retry_that_is_found_late_is_for_no_hold_that_began_since(tmp_path, after_hold, attempts):
    """Its author saw an earlier one; a second installation would be asked for by nobody."""

    async def night() -> Night:
        fault = {"name": "install_fails", "member": "1_1"}
        setup = Setup(members=2, faults=(fault,))
        stage = Night(small_package(tmp_path), setup=setup, policy=SPARSE)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        assert state.hold is not None
        held_for = (stage.clock.now() - state.hold.at).total_seconds()
        await stage.clock.sleep(timedelta(minutes=10))
        found(stage, "retry", BEN, said_ago=600 + held_for - after_hold)
        await stage.clock.sleep(timedelta(minutes=1))
        await stage.close()
        return stage

    records = run_virtual(night()).records()

    begun = [r for r in records if r.kind == Kind.COMMITTING and r.body["step"] == "A.INSTALL"]
    refused = [r.body["reason"] for r in records if r.kind == Kind.REFUSED and r.body.get("word")]
    assert len(begun) == attempts
    assert len(refused) == 2 - attempts
    assert all("came late" in why and "say `retry` again" in why for why in refused)


def test_of_a_freeze_and_its_end_the_word_that_was_said_last_holds(tmp_path):
    def do(night: Night) -> None:
        say_freeze(night, "freeze")

        def both() -> None:
            body = {"verb": "unfreeze", "scope": "site-1", "user": BEN, "answer": {}}
            at = night.clock.now() + AHEAD
            night.stores.inbox.put(InboxRow("cmd:first", None, "freeze", body, at))
            say_freeze(night, "freeze")

        night.later(30, both)

    stage, _ = open_at_g2(tmp_path, do, minutes=2)

    assert freezing(stage) == [Kind.FROZEN, Kind.UNFROZEN, Kind.FROZEN]


def test_a_resume_said_after_the_stop_ends_it(tmp_path):
    def do(night: Night) -> None:
        night.say("halt", NOOR)
        night.later(30, lambda: night.say("resume", BEN))

    _, state = open_at_g2(tmp_path, do, minutes=2)

    assert state.halted == ""


def test_of_the_clicks_of_one_person_only_the_last_one_waits(tmp_path):
    left: list[str] = []

    def do(night: Night) -> None:
        night.crowd.away = True
        for number in range(MANY):
            click(night, "G2", BEN, "yes", key=f"act:ben/{number}")
        click(night, "G2", ANA, "yes", key="act:ana")
        later = partial(click, night, "G2", BEN, "no", key="act:ben/last")
        night.later(20, later)
        waiting = night.stores.inbox.waiting
        night.later(50, lambda: left.extend(row.key for row in waiting(run=night.run)))
        night.later(60, lambda: setattr(night.crowd, "away", False))

    _, state = open_at_g2(tmp_path, do, minutes=10)

    assert left == ["act:ana", "act:ben/last"]
    assert state.gates["A.FAILOVER"].outcome == "rejected"


def test_a_halt_whose_event_was_lost_is_found_at_the_last_look_and_goes_first(tmp_path):
    def do(night: Night) -> None:
        real, found = night.crowd.ballots, list[str]()

        async def ballots(channel: str, ts: str) -> Sequence[Ballot]:
            gate = night.state().gates["A.FAILOVER"]
            if gate.starts_at is not None and night.clock.now() >= gate.starts_at and not found:
                found.append(ts)
                night.say("halt", NOOR)
                raise StopUnheard("somebody said stop")
            return await real(channel, ts)

        night.crowd.ballots = ballots  # type: ignore[method-assign]  # Slack shows it
        night.later(20, lambda: night.react("G2", ANA, "yes"))
        night.later(40, lambda: night.react("G2", BEN, "yes"))

    _, state = open_at_g2(tmp_path, do, minutes=5)

    assert state.halted == NOOR
    assert state.of("A.ADMIN_DOWN").status == "waiting"


def test_a_word_that_only_a_newer_version_knows_changes_nothing_and_is_answered(tmp_path):
    stage, state = open_at_g2(tmp_path, lambda night: night.say("drain", ZOE), minutes=1)

    assert state.open_gate is not None
    assert not state.resting
    refused = [r.body["word"] for r in stage.records() if r.kind == Kind.REFUSED]
    assert refused == ["drain"]
    assert stage.stores.inbox.waiting() == []
    ((user, told),) = stage.said.texts
    assert user == ZOE
    assert told == (
        "`drain` changed nothing: this version does not know that word; say it again once the "
        "newer one runs everywhere."
    )


def test_a_reaction_at_an_opening_that_is_over_is_answered_and_refused_once(tmp_path):
    def do(night: Night) -> None:
        night.react("G2", ANA, "no")
        night.later(60, lambda: night.say("retry", BEN))
        night.later(400, lambda: night.react("G2", NOOR, "no"))
        night.later(420, lambda: night.react("G2", NOOR, "no"))
        night.later(440, lambda: night.react("G2", BEN, "yes"))

    stage, state = open_at_g2(tmp_path, do, minutes=10)

    assert state.gates["A.FAILOVER"].name == "G3"
    refused = [r.body for r in stage.records() if r.kind == Kind.REFUSED]
    assert [(r["user"], r["choice"], r["late"]) for r in refused] == [
        (NOOR, "no", True),
        (BEN, "yes", True),
    ]
    told = [text for user, text in stage.said.texts if user == NOOR]
    over = "Your vote does not count: G2 is no longer open (rejected)"
    assert told == [f"{over}; G3 is, with a message of its own."] * 2
    assert state.gates["A.FAILOVER"].votes == {}
    (shown,) = [m.text for m in render(stage.records()) if "wants to stop" in m.text]
    assert "It changes nothing: G2 is no longer open (rejected)" in shown


# ------------------------------------------------------------------------------- freezes


def approved_and(night: Night, after_s: float, do: Callable[[], None]) -> None:
    """Let two people approve G2 at 20 and 40 s, so that its grace time is over at 50 s."""
    night.later(20, lambda: night.react("G2", ANA, "yes"))
    night.later(40, lambda: night.react("G2", BEN, "yes"))
    night.later(after_s, do)


def slow_to_name(night: Night, user: str, seconds: float) -> None:
    real = night.crowd.person

    async def person(who: str) -> Person:
        if who == user:
            await night.clock.sleep(timedelta(seconds=seconds))
        return await real(who)

    night.crowd.person = person  # type: ignore[method-assign,assignment]  # Slack is slow to say who that is


def test_a_freeze_bars_from_when_it_was_said_not_from_when_slack_has_answered(tmp_path):
    def do(night: Night) -> None:
        slow_to_name(night, NOOR, 8)
        approved_and(night, 46, partial(say_freeze, night, "freeze", user=NOOR))

    stage, state = open_at_g2(tmp_path, do, minutes=5)

    assert state.of("A.ADMIN_DOWN").status == "waiting"
    assert "site-1 is frozen by noor" in state.gates["A.FAILOVER"].barred
    assert [r.kind for r in stage.records()].count(Kind.BARRED) == 1


def test_a_freeze_that_is_refused_bars_only_so_long(tmp_path):
    def do(night: Night) -> None:
        slow_to_name(night, ZOE, 8)
        approved_and(night, 46, partial(say_freeze, night, "freeze", user=ZOE))

    stage, state = open_at_g2(tmp_path, do, minutes=5)

    assert freezing(stage) == [Kind.REFUSED]
    assert state.of("A.ADMIN_DOWN").status != "waiting"


def test_the_last_word_about_a_freeze_holds_however_slow_slack_was_about_the_first(tmp_path):
    def do(night: Night) -> None:
        slow_to_name(night, BEN, 3)
        say_freeze(night, "freeze", user=NOOR)

        def both() -> None:
            say_freeze(night, "unfreeze", user=BEN)
            say_freeze(night, "freeze", user=NOOR)

        night.later(10, both)

    stage, _ = open_at_g2(tmp_path, do, minutes=2)

    kinds = freezing(stage)
    assert kinds == [Kind.FROZEN, Kind.UNFROZEN, Kind.FROZEN]


def test_a_freeze_said_while_slack_is_away_waits_and_bars_and_so_does_its_end(tmp_path):
    def do(night: Night) -> None:
        night.crowd.away = True
        say_freeze(night, "freeze", user=NOOR)
        night.later(120, lambda: setattr(night.crowd, "away", False))
        night.later(121, lambda: night.react("G2", ANA, "yes"))
        night.later(122, lambda: night.react("G2", BEN, "yes"))

    stage, state = open_at_g2(tmp_path, do, minutes=6)

    assert freezing(stage) == [Kind.FROZEN]
    assert state.of("A.ADMIN_DOWN").status == "waiting"
    assert "site-1 is frozen by noor" in state.gates["A.FAILOVER"].barred


def test_of_one_whom_slack_never_names_it_is_told_at_the_gate_and_refused_in_a_day(tmp_path):
    def do(night: Night) -> None:
        real = night.crowd.person

        async def person(who: str) -> Person:
            if who == ZOE:
                raise PeopleUnreadable("user_not_found")
            return await real(who)

        night.crowd.person = person  # type: ignore[method-assign,assignment]  # nobody knows Zoe
        say_freeze(night, "freeze", user=ZOE)
        night.later(120, lambda: night.react("G2", ANA, "yes"))

    stage, state = open_at_g2(tmp_path, do, minutes=5)
    assert "`freeze site-1` was said by U0ZOE00001" in state.gates["A.FAILOVER"].barred

    stage, _ = open_at_g2(tmp_path, do, minutes=25 * 60)
    assert freezing(stage) == [Kind.REFUSED]
