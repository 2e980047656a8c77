"""Anything may happen at any time: Hypothesis moves the whole product, and two judges watch.

After every move nothing unsafe was done; in the end, once everything works again and people say
what the run asks for, it ends. A failure is printed as the shortest story that leads to it.

HOTFIX_SCHEDULES says how many stories are told. `few` and `usual` tell the same ones every time.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulation.effects import Fate
from tests.simulation.loop import VirtualLoop
from tests.simulation.night import REQUESTER, small_package
from tests.simulation.report import Schedule, report
from tests.simulation.scene import (
    MOMENTS,
    NOBODY,
    PEOPLE,
    WORDS,
    Scene,
    tail,
    tell_unless_killed,
)
from tests.simulation.verdicts import Judge, brought_to_an_end

SIZE = os.environ.get("HOTFIX_SCHEDULES", "few")
STORIES = {"few": 40, "usual": 250, "all": 5000}[SIZE]
MOVES = 15
"""Moves in one story, at most."""

MEMBERS = st.sampled_from(["1_1", "1_2", "1_3", "1_4"])
THEN = st.sampled_from([0, 5, 60, 600])
SECONDS = st.sampled_from([10, 60, 300, 1500])
EFFECTS = st.integers(1, 40)

OCCASIONS = (
    "policy_missing",
    "stuck_down",
    "install_fails",
    "wrong_take",
    "unknown_prompt",
    "down_refused",
    "import_missing",
    "other_build",
    "verify_denied",
    "disk_full",
    "upload_truncated",
    "slow_return",
)

told: list[Schedule] = []
logged: list[str] = []


class Unsafe(AssertionError):
    """Something was done that must not be."""


class Stuck(AssertionError):
    """A run does not come to its end."""


def goes_on(story: Any) -> bool:
    return story.judge.state.ended is None


def may_have_another(story: Any) -> bool:
    return goes_on(story) and story.scene.several and 0 < len(story.scene.awake) < 3


class Story(RuleBasedStateMachine):
    """One run, from its order to its end, and all that befalls it.

    Each move says how many simulated seconds pass after it (`then`).
    """

    package: Path

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.surprises: list[str] = []
        self.loop.set_exception_handler(tell_unless_killed(self.surprises))
        self.wrong = ""
        logged.clear()

    @initialize(
        groups=st.sampled_from([2, 3]),
        several_executors=st.booleans(),
        undisturbed_until=st.sampled_from(MOMENTS),
    )
    def an_install_is_ordered(
        self,
        groups: int,
        several_executors: bool,
        undisturbed_until: str,
    ) -> None:
        async def begin() -> Scene:
            scene = Scene(self.package, groups=groups, several=several_executors)
            scene.begin()
            scene.order()
            await scene.undisturbed_until(undisturbed_until)
            return scene

        self.scene = self.loop.run_until_complete(begin())
        self.judge = Judge(self.scene)
        self.happens(0)

    def happens(self, then: int, do: Callable[[], object] | None = None) -> None:
        """Let something happen and some time pass; both judges look."""

        async def play() -> None:
            if do is not None:
                do()
            await self.scene.clock.sleep(timedelta(seconds=then))

        self.loop.run_until_complete(play())
        self.look()

    def befalls(self, then: int, what: str, member: str, **details: Any) -> None:
        """Let something befall a member, where there is one of that name."""
        if member in self.scene.group.members:
            self.happens(then, lambda: self.scene.meddle(what, member=member, **details))

    # --------------------------------------------------------------------------- time

    @rule(then=st.sampled_from([5, 30, 120, 600, 3600]))
    def time_passes(self, then: int) -> None:
        self.happens(then)

    @precondition(goes_on)
    @rule()
    def a_step_is_done_or_people_are_asked(self) -> None:
        self.loop.run_until_complete(self.scene.until_it_moves(hours=0.75))
        self.look()

    @precondition(goes_on)
    @rule(minutes=st.sampled_from([-10, -2, 2, 10]), then=THEN)
    def the_clock_steps(self, minutes: int, then: int) -> None:
        self.happens(then, lambda: self.scene.step_clock(minutes))

    # -------------------------------------------------------------------------- people

    @precondition(goes_on)
    @rule(agree=st.booleans())
    def people_agree_from_now_on(self, agree: bool) -> None:
        self.scene.agreeing = agree

    @precondition(lambda self: goes_on(self) and self.scene.gates)
    @rule(
        who=st.sampled_from(PEOPLE),
        choice=st.sampled_from(["yes", "no"]),
        gates_ago=st.sampled_from([0, 0, 1]),
        then=THEN,
    )
    def somebody_votes(self, who: str, choice: str, gates_ago: int, then: int) -> None:
        gate = self.scene.gates[-1 - min(gates_ago, len(self.scene.gates) - 1)]
        self.happens(then, lambda: self.scene.react(gate, who, choice))

    @precondition(lambda self: goes_on(self) and self.scene.gates)
    @rule(who=st.sampled_from(PEOPLE), choice=st.sampled_from(["yes", "no"]), then=THEN)
    def somebody_takes_a_vote_back(self, who: str, choice: str, then: int) -> None:
        gate = self.scene.gates[-1]
        self.happens(then, lambda: self.scene.react(gate, who, choice, added=False))

    @precondition(lambda self: goes_on(self) and self.scene.gates)
    @rule(
        who=st.sampled_from(PEOPLE),
        choice=st.sampled_from(["yes", "yes", "withdraw", "no"]),
        gates_ago=st.sampled_from([0, 0, 1]),
        then=THEN,
    )
    def somebody_presses_a_button(self, who: str, choice: str, gates_ago: int, then: int) -> None:
        gate = self.scene.gates[-1 - min(gates_ago, len(self.scene.gates) - 1)]
        self.happens(then, lambda: self.scene.press(gate, who, choice))

    @precondition(goes_on)
    @rule(word=st.sampled_from(WORDS), who=st.sampled_from([REQUESTER, NOBODY]), then=THEN)
    def somebody_says(self, word: str, who: str, then: int) -> None:
        self.happens(then, lambda: self.scene.say(word, who))

    @precondition(lambda self: goes_on(self) and self.judge.state.resting)
    @rule(then=THEN)
    def somebody_says_what_helps(self, then: int) -> None:
        hold = self.judge.state.hold
        word = hold.ways[0] if hold is not None and hold.ways else "resume"
        self.happens(then, lambda: self.scene.say(word))

    # ----------------------------------------------------------------------- executors

    @precondition(lambda self: goes_on(self) and self.scene.awake)
    @rule(in_effects=EFFECTS, absence_s=st.sampled_from([2, 37, 150]), then=THEN)
    def the_executor_dies(self, in_effects: int, absence_s: int, then: int) -> None:
        self.scene.absence_s = absence_s
        self.happens(then, lambda: self.scene.meets(Fate.DIES, in_effects=in_effects))

    @precondition(may_have_another)
    @rule(in_effects=EFFECTS, then=THEN)
    def the_executor_stalls(self, in_effects: int, then: int) -> None:
        self.happens(then, lambda: self.scene.meets(Fate.STALLS, in_effects=in_effects))

    @precondition(lambda self: goes_on(self) and self.scene.stalled)
    @rule(then=THEN)
    def the_stalled_wake(self, then: int) -> None:
        self.happens(then, self.scene.wake_the_stalled)

    @precondition(may_have_another)
    @rule(then=THEN)
    def another_executor_starts(self, then: int) -> None:
        self.happens(then, self.scene.begin)

    # -------------------------------------------------------------------- what goes away

    @precondition(goes_on)
    @rule(then=THEN)
    def all_sessions_drop(self, then: int) -> None:
        self.happens(then, lambda: self.scene.meddle("drop_sessions"))

    @precondition(goes_on)
    @rule(seconds=SECONDS, then=THEN)
    def nobody_reaches_the_group(self, seconds: int, then: int) -> None:
        self.happens(then, lambda: self.scene.meddle("blind", seconds=seconds))

    @precondition(lambda self: goes_on(self) and self.scene.awake)
    @rule(seconds=SECONDS, then=THEN)
    def an_executor_does_not_reach_the_group(self, seconds: int, then: int) -> None:
        executor = self.scene.awake[0]
        self.happens(then, lambda: self.scene.cut_off(executor, seconds))

    @precondition(goes_on)
    @rule(seconds=SECONDS, then=THEN)
    def slack_is_away(self, seconds: int, then: int) -> None:
        self.happens(then, lambda: self.scene.lose_slack(seconds))

    @precondition(goes_on)
    @rule(in_commits=st.integers(1, 10), after=st.booleans(), seconds=SECONDS, then=THEN)
    def the_database_goes_away(self, in_commits: int, after: bool, seconds: int, then: int) -> None:
        self.happens(
            then,
            lambda: self.scene.lose_database(in_commits=in_commits, after=after, seconds=seconds),
        )

    # ------------------------------------------------------------------- what others do

    @precondition(goes_on)
    @rule(member=MEMBERS, then=THEN)
    def somebody_restarts_a_member(self, member: str, then: int) -> None:
        if member in self.scene.group.members:
            self.happens(then, lambda: self.scene.reboot(member))

    @precondition(goes_on)
    @rule(member=MEMBERS, notes=st.sampled_from([[], ["FSYNC"]]), then=THEN)
    def a_member_fails(self, member: str, notes: list[str], then: int) -> None:
        self.befalls(then, "member_fails", member, notes=notes)

    @precondition(lambda self: goes_on(self) and self.scene.failed)
    @rule(then=THEN)
    def the_failed_members_recover(self, then: int) -> None:
        self.happens(then, self.scene.recover_the_failed)

    @precondition(goes_on)
    @rule(name=st.sampled_from(OCCASIONS), member=MEMBERS, then=THEN)
    def something_will_go_wrong(self, name: str, member: str, then: int) -> None:
        self.befalls(then, name, member)

    @precondition(goes_on)
    @rule(name=st.sampled_from(["Standard", "Other"]), then=THEN)
    def somebody_installs_policy(self, name: str, then: int) -> None:
        self.happens(then, lambda: self.scene.meddle("policy_installed", text=name))

    @precondition(goes_on)
    @rule(member=MEMBERS, then=THEN)
    def somebody_switches_cloning_on(self, member: str, then: int) -> None:
        self.befalls(then, "auto_clone_on", member)

    @precondition(goes_on)
    @rule(member=MEMBERS, take=st.sampled_from([77, 119]), then=THEN)
    def somebody_changes_a_take(self, member: str, take: int, then: int) -> None:
        if member in self.scene.group.members:
            self.happens(then, lambda: self.scene.change_take(member, take))

    @precondition(goes_on)
    @rule(what=st.sampled_from(["smo_moves", "core_dump"]), member=MEMBERS, then=THEN)
    def something_odd_befalls(self, what: str, member: str, then: int) -> None:
        self.befalls(then, what, member)

    # --------------------------------------------------------------------------- judges

    def look(self) -> None:
        wrong = self.judge.unsafe() + self.surprises + logged
        if wrong:
            self.wrong = "; ".join(wrong)
            raise Unsafe(f"{self.wrong}\n{tail(self.scene.records())}")

    def teardown(self) -> None:
        stuck = ""
        try:
            if hasattr(self, "judge") and not self.wrong:
                stuck = self.loop.run_until_complete(brought_to_an_end(self.scene))
                self.look()
                if stuck:
                    raise Stuck(f"{stuck}\n{tail(self.scene.records(), 30)}")
        finally:
            told.append(Schedule("story", [self.wrong] if self.wrong else [], stuck))
            self._close()

    def _close(self) -> None:
        if hasattr(self, "scene"):
            self.loop.run_until_complete(self.scene.close())
        if left := asyncio.all_tasks(self.loop):
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()


def _only_mistakes(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Keep what an executor logs of a mistake of ours that it could not journal."""
    if event["event"] in ("advance failed", "order failed"):
        logged.append(f"{event['event']}: {event.get('exc_info')}")
    raise structlog.DropEvent


@pytest.fixture
def quiet() -> Iterator[None]:
    """Executors log to us."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, _only_mistakes],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    yield
    structlog.reset_defaults()


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
def test_whatever_happens_nothing_unsafe_is_done_and_the_run_ends(tmp_path):
    class WithPackage(Story):
        package = small_package(tmp_path)

    told.clear()
    try:
        run_state_machine_as_test(
            WithPackage,
            settings=settings(
                max_examples=STORIES,
                stateful_step_count=MOVES,
                derandomize=SIZE != "all",
                database=None,
                deadline=None,
                print_blob=SIZE == "all",
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        report("drawn", told)
    assert len(told) >= STORIES
