"""What people say at the last moment, or while Slack is away, and what they may not say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.views.conversation import render
from engine.errors import Stopped
from engine.journal import Kind
from engine.policy import Rights
from engine.ports import Ballot
from engine.steps import traffic
from engine.steps.rescuing import rescue_step
from storage.records import InboxRow, Record
from tests.simulation.explore import SPARSE
from tests.simulation.night import CHANNEL, REQUESTER, Crowd, Night
from tests.simulation.played import Played
from tests.simulation.test_holds import acts, at, intended, members_seen, play
from tests.unit.test_resolving import committed

ANA, BEN, NOOR, ZOE = "U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0ZOE00001"

RIGHTS = Rights(order=("firewall",), operate=("noc",), halt=("network",), freeze=("noc",))


class AtTheLastLook(Crowd):
    """People of whom something happens between the count at a gate and the last look."""

    def __init__(self, night: Night) -> None:
        super().__init__(night.crowd.shown)
        self.night = night
        self.counted = 0

    async def ballots(self, channel: str, ts: str) -> Sequence[Ballot]:
        gate = self.night.state().gates["A.FAILOVER"] if ts == "G2" else None
        if gate is None or gate.starts_at is None or self.night.clock.now() < gate.starts_at:
            return await super().ballots(channel, ts)
        self.counted += 1
        if self.counted == 2:
            self.it_happens()
        return await super().ballots(channel, ts)

    def it_happens(self) -> None:
        raise NotImplementedError


def people(night: Night, crowd: AtTheLastLook) -> None:
    assert night.worker is not None
    night.crowd = night.worker._people = crowd


# ----------------------------------------------------------------------------- the last look


class Leaves(AtTheLastLook):
    """Ben takes his vote back, and Slack goes away before anybody can see it."""

    def it_happens(self) -> None:
        self.shown[CHANNEL, "G2"] = [b for b in self.shown[CHANNEL, "G2"] if b.user != BEN]
        self.night.later(300, partial(setattr, self, "away", False))
        self.away = True


def test_slack_that_goes_away_between_gate_and_act_means_no_failover(tmp_path):
    night = play(tmp_path, people=at("G2", lambda n: people(n, Leaves(n))), hours=0.3)

    assert "A.ADMIN_DOWN" not in intended(night)
    assert [r.body["user"] for r in night.records if r.kind == Kind.WITHDRAWN] == [BEN]


class TakesBack(AtTheLastLook):
    """Ben takes his vote back, and its event is lost."""

    def it_happens(self) -> None:
        self.shown[CHANNEL, "G2"] = [b for b in self.shown[CHANNEL, "G2"] if b.user != BEN]


def test_a_vote_taken_back_between_gate_and_act_means_no_failover(tmp_path):
    night = play(tmp_path, people=at("G2", lambda n: people(n, TakesBack(n))), hours=0.3)

    assert "A.ADMIN_DOWN" not in intended(night)
    assert [r.body["user"] for r in night.records if r.kind == Kind.WITHDRAWN] == [BEN]


class Halts(AtTheLastLook):
    """Somebody says halt after all words were taken, and right before the intent."""

    def it_happens(self) -> None:
        self.night.say("halt")


def test_a_stop_that_waits_when_an_act_is_intended_wins(tmp_path):
    night = play(tmp_path, people=at("G2", lambda n: people(n, Halts(n))), hours=0.3)

    assert "A.ADMIN_DOWN" not in intended(night)
    assert night.state.halted


def test_a_vote_taken_back_and_given_again_has_its_grace_time_again(tmp_path):
    def think_twice(night: Night) -> None:
        night.later(48, lambda: night.react("G2", BEN, "yes", added=False))
        night.later(120, lambda: night.react("G2", BEN, "yes"))

    night = play(tmp_path, people=at("G2", think_twice), hours=0.3)

    voted = [r for r in night.records if r.kind == Kind.VOTED and r.body["user"] == BEN]
    down = next(r for r in night.records if r.body.get("kind") == "ADMIN_DOWN")
    assert down.at - voted[-1].at >= night.state.the_plan.policy.failover.grace


# ---------------------------------------------------------------------------- in a dialogue


def test_a_stop_said_in_a_dialogue_comes_before_its_last_answer(tmp_path):
    async def halt(night: Night) -> None:
        await night.group.wait_for("dialogue:admin_down:name", within=timedelta(hours=1))
        night.say("halt")

    night = play(tmp_path, beside=halt, hours=0.3)

    assert "A.ADMIN_DOWN" in intended(night)
    assert night.state.halted
    assert [r for r in night.records if r.kind == Kind.COMMITTING] == []
    assert acts(night, "admin_down") == []


def test_a_member_that_fails_in_a_dialogue_keeps_its_last_answer_back(tmp_path):
    fails = {"name": "member_fails", "member": "1_3", "when": "dialogue:admin_down:confirm"}
    night = play(tmp_path, {**fails, "notes": ["FSYNC"]}, hours=1)

    assert "A.ADMIN_DOWN" in intended(night)
    assert [r for r in night.records if r.kind == Kind.COMMITTING] == []
    assert acts(night, "admin_down") == []


async def test_a_stop_that_waits_or_was_heard_keeps_the_answer_back_that_brings_a_group_up():
    """Bringing up helps, and is a person's to stop all the same."""
    for heard in (False, True):
        duty = await committed()
        if heard:
            await duty.journal.write(Kind.HALTED, by=ANA)
        else:
            said = {"verb": "halt", "user": ANA}
            duty.inbox.put(InboxRow("halt", duty.state.run, "word", said, duty.clock.now()))
        up = rescue_step(duty.plan.group("A"))

        with pytest.raises(Stopped):
            await traffic._commit_up(duty, up)("1_3")
        assert duty.state.of(up).committed_at is None


def test_a_halt_between_the_two_looks_of_a_rescue_keeps_it_back(tmp_path):
    async def halt(night: Night) -> None:
        while not any(m.id == "1_3" and m.notes for m in members_seen(night)):
            await night.clock.sleep(timedelta(seconds=1))
        await night.clock.sleep(timedelta(seconds=4))
        night.say("halt")

    fails = {"name": "member_fails", "member": "1_3", "notes": ["FSYNC"], "when": "admin_down:1_2"}
    night = play(tmp_path, fails, beside=halt, hours=0.5)

    assert night.state.halted
    assert "A.RESCUE_UP" not in intended(night)
    assert acts(night, "admin_up") == []


# ------------------------------------------------------------------------- words, and whose


def test_a_word_of_somebody_without_a_role_is_refused(tmp_path):
    def say(night: Night) -> None:
        night.later(5, partial(night.say, "abort", ZOE))

    night = play(tmp_path, people=at("G2", say))

    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    assert [text for user, text in night.said if user == ZOE and "needs one of these roles" in text]


def put(night: Night, row: InboxRow) -> None:
    night.stores.inbox.put(row)


def refused_words(night: Played) -> list[Record]:
    return [r for r in night.records if r.kind == Kind.REFUSED and r.body.get("word")]


@pytest.mark.parametrize("word", ["pause", "resume", "retry", "abort", "rollback"])
def test_an_approver_who_is_no_operator_may_halt_and_nothing_else(tmp_path, word):
    policy = replace(SPARSE, rights=RIGHTS)

    def say(night: Night) -> None:
        night.later(5, partial(night.say, word, ANA))
        night.later(9, partial(night.say, "halt", ANA))

    night = play(tmp_path, people=at("G2", say), policy=policy, hours=0.3)

    refused = refused_words(night)
    assert [(r.by, r.body["word"]) for r in refused] == [(ANA, word)]
    assert [t for u, t in night.said if u == ANA and f"`{word}` needs one of these roles: noc" in t]
    assert night.state.halted == ANA


def test_whoever_ordered_a_run_may_stop_it_without_a_role_but_not_go_on(tmp_path):
    policy = replace(SPARSE, rights=RIGHTS)

    def say(night: Night) -> None:
        night.crowd.roles_of = {**night.crowd.roles_of, REQUESTER: set()}
        night.later(5, partial(night.say, "pause"))
        night.later(9, partial(night.say, "resume"))
        night.later(13, partial(night.say, "abort"))

    night = play(tmp_path, people=at("G2", say), policy=policy, hours=0.5)

    assert [r.body["word"] for r in refused_words(night)] == ["resume"]
    assert night.state.aborted == REQUESTER


def test_whoever_ordered_a_run_may_abort_it_while_slack_is_away(tmp_path):
    def say(night: Night) -> None:
        night.crowd.away = True
        night.later(5, partial(night.say, "abort", NOOR))
        night.later(9, partial(night.say, "abort"))

    night = play(tmp_path, people=at("G2", say), hours=0.5)

    refused = refused_words(night)
    assert [(r.by, "could not be asked who you are" in r.body["reason"]) for r in refused] == [
        (NOOR, True)
    ]
    assert night.state.aborted == REQUESTER


@pytest.mark.parametrize("word", ["abort", "halt"])
def test_in_a_shared_channel_no_word_is_taken_but_a_stop(tmp_path, word):
    def say(night: Night) -> None:
        night.crowd.shared_channels = {CHANNEL: "this channel is shared with others"}
        body = {"verb": word, "user": BEN, "answer": {"channel": CHANNEL}}
        row = InboxRow("word:shared", night.run, "word", body, night.clock.now())
        night.later(5, partial(put, night, row))

    night = play(tmp_path, people=at("G2", say), hours=0.3)

    assert [r.body["reason"] for r in refused_words(night)] == (
        ["this channel is shared with others"] if word == "abort" else []
    )
    assert bool(night.state.halted) is (word == "halt")


@pytest.mark.parametrize("word", ["halt", "pause"])
def test_a_stop_is_heard_while_slack_is_away(tmp_path, word):
    def stop(night: Night) -> None:
        night.crowd.away = True
        night.later(5, partial(night.say, word, NOOR))

    night = play(tmp_path, people=at("G2", stop), hours=0.3)

    assert (night.state.halted or night.state.paused) == NOOR


def test_a_pause_takes_no_further_group_down(tmp_path):
    async def look(night: Night) -> None:
        before = list(night.records())
        assert [r for r in before if r.kind == Kind.GATE_OPENED][-1].body["step"] == "A.FAILOVER"
        night.say("resume")
        await night.until(lambda s: s.ended is not None)

    night = play(
        tmp_path,
        people=at("G2", lambda night: night.later(300, partial(night.say, "pause"))),
        then=look,
        hours=2,
    )

    assert night.state.of("A.RETURN").status == "done"
    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"


def test_no_rollback_begins_while_a_group_is_down(tmp_path):
    def roll_back(night: Night) -> None:
        night.later(500, partial(night.say, "rollback"))

    night = play(tmp_path, people=at("G3", roll_back))

    assert night.state.ended is not None
    assert night.state.ended["state"] == "done"
    assert [text for _, text in night.said if "a group is out of service by this run" in text]


def test_a_vote_right_after_an_abort_counts_nowhere(tmp_path):
    def abort(night: Night) -> None:
        night.later(44.9, partial(night.say, "abort"))

    night = play(tmp_path, people=at("G2", abort))

    aborted = next(r.seq for r in night.records if r.kind == Kind.ABORTED)
    later = [r for r in night.records if r.seq > aborted]
    assert [r.kind for r in later if r.kind in (Kind.VOTED, Kind.BROKEN)] == []
    assert (BEN, "Your vote does not count: G2 is no longer open (superseded).") in night.said


def test_an_abort_while_a_difference_is_looked_at_twice_is_all_that_happens(tmp_path):
    def direct(night: Night) -> None:
        night.later(54, partial(night.group.add_fault, {"name": "policy_installed"}))
        night.later(60, partial(night.say, "abort"))

    night = play(tmp_path, people=at("G2", direct))

    aborted = next(r.seq for r in night.records if r.kind == Kind.ABORTED)
    later = [r.kind for r in night.records if r.seq > aborted]
    assert {Kind.GATE_CLOSED, Kind.BROKEN} & set(later) == set()
    assert night.state.ended is not None
    assert night.state.ended["state"] == "aborted"


def reject_failovers(night: Night, gate: str, step: str) -> None:
    choice = "yes" if step == "PROPOSAL" else "no"
    night.later(20, partial(night.react, gate, NOOR, choice))


@pytest.mark.parametrize("word", ["retry", "abort"])
def test_a_button_of_a_hold_that_is_over_does_nothing_and_says_what_stands_now(tmp_path, word):
    async def then(night: Night) -> None:
        first = night.state().stopped_by
        assert first
        night.say("retry")
        await night.until(lambda s: s.hold is not None and s.hold.seq > first)
        seen = {"verb": word, "user": BEN, "answer": {}, "seen": first}
        put(night, InboxRow("act:stale", night.run, "word", seen, night.clock.now()))
        await night.clock.sleep(timedelta(minutes=1))

    night = play(tmp_path, people=reject_failovers, then=then)

    (refused,) = refused_words(night)
    assert night.state.hold is not None
    assert f"and now it holds because {night.state.hold.reason}" in refused.body["reason"]
    assert [text for user, text in night.said if user == BEN and "that button was for" in text]
    assert night.state.aborted == ""


def test_a_button_of_the_hold_that_stands_is_taken(tmp_path):
    async def then(night: Night) -> None:
        seen = {"verb": "abort", "user": BEN, "answer": {}, "seen": night.state().stopped_by}
        put(night, InboxRow("act:fresh", night.run, "word", seen, night.clock.now()))
        await night.clock.sleep(timedelta(minutes=1))

    night = play(tmp_path, people=reject_failovers, then=then)

    assert refused_words(night) == []
    assert night.state.aborted == BEN


def test_nobody_is_told_to_bring_up_by_hand_what_cpuse_is_at_work_on(tmp_path):
    """Said with the command while it lasts; where they are back, there is no command either."""

    async def halt(night: Night) -> None:
        await night.group.wait_for("install_progress:1_1:32", within=timedelta(hours=1))
        night.say("halt")
        night.later(1200, partial(night.say, "resume"))

    night = play(tmp_path, beside=halt)
    halted = next(n for n, r in enumerate(night.records) if r.kind == Kind.HALTED)
    resumed = next(n for n, r in enumerate(night.records) if r.kind == Kind.RESUMED)
    before = [f"{one.text}{one.blocks}" for one in render(night.records[: halted + 1])]
    root = next(f"{one.text}{one.blocks}" for one in render(night.records[:resumed]))

    waits = "Not before CPUSE is idle on 1_1-1_2: a member that it is at work on restarts"
    told = [text for text in before if "g_clusterXL_admin -b 1_1-1_2 up" in text]
    assert len(told) == 2, "the root message and the thread"
    assert all(waits in text for text in told)
    assert "every member is in service" in root
    assert "By hand" not in root
    assert night.broken() == {}
