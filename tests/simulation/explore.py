"""Kills an executor at every moment of a night, and again in what follows, by forking.

The night is played once. At each moment that is asked for the process forks: in the child the
executor dies there, another one takes over, and the night goes on to its end, which is compared
with the undisturbed one; the parent plays on as if nothing had happened. So a schedule costs
only what comes after its last death, and deaths within deaths are forks within forks.
"""

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bot.views import render
from engine import promises
from engine.fold import Hold, RunState
from engine.rehearsal.group import Setup
from tests.simulation.effects import Effects, Fate, Killed
from tests.simulation.loop import run_virtual
from tests.simulation.night import PACKAGE, POLICY, Night, everyone_agrees, quick
from tests.simulation.report import Schedule
from tests.simulation.stage import FileVault, MemoryVault, Stage, key_of

SHARDS = 2
"""Processes that explore side by side; each plays the undisturbed night for itself."""

CHILD_LIMIT_S = 60
"""Seconds of computing after which a schedule counts as stuck; one takes well under one second. Not
of the clock on the wall: on a busy machine, with deaths that follow its own, it may wait longer."""

ABSENCES = (2, 37, 150)
"""Simulated seconds until the next executor starts: at once, as usual, and longer than the
quiet time."""

SPARSE = quick(POLICY, watch=timedelta(seconds=60), soak=timedelta(seconds=60))


@dataclass(frozen=True)
class Plot:
    """What is played.

    Attributes:
        groups: Logical Groups; two of two members, or more of one each.
        back: the second failover is rejected, and what was done to the first group is taken back.
        uninstall: the newest take goes and the one below comes back; else a take is installed.
        slack: a real speaker and real people over a localslack.
        file: the database is an SQLite file.
        stalls: the first executor is not killed but stands still, a second one takes over when
            the lease has run out, and the first one wakes in the middle of the second one's work.
        sites: two Sites of two members, of which the other one takes over each time.
        stays: the second Site never takes over, so that the first one is rescued; then `abort`.
        starts: another night ended with a member of the first group down; this one takes back
            what it did, and what is down needs a start instead of a failover.
        accepts: another take comes back than announced, and people accept that.
    """

    groups: int = 2
    back: bool = False
    uninstall: bool = False
    slack: bool = False
    file: bool = False
    stalls: bool = False
    sites: bool = False
    stays: bool = False
    starts: bool = False
    accepts: bool = False

    @property
    def name(self) -> str:
        """Name it in reports."""
        way = "uninstall" if self.back else "install"
        if self.uninstall:
            way = "newest take, and back" if self.back else "newest take"
        marks = ["with Slack"] * self.slack + ["on a file"] * self.file
        marks += ["two executors"] * self.stalls + ["two Sites"] * self.sites
        marks += ["no takeover"] * self.stays + ["from a start"] * self.starts
        marks += ["another take"] * self.accepts
        return ", ".join([f"{way}, {self.groups} groups", *marks])

    def stage(self, package: Path, effects: Effects, folder: Path) -> Stage:
        """Set it up."""
        there = [{"name": PACKAGE, "installed": True}] if self.uninstall else []
        setup = Setup(
            members=4 if self.groups == 2 else self.groups,
            sites=[2, 2] if self.sites else [],
            connections=1000,
            frame_s=10.0,
            imported=there,
            uninstall_gives_back="nothing" if self.accepts else "previous",
            faults=[*[NEVER_TAKES_OVER] * self.stays, *[STAYS_DOWN] * self.starts],
        )
        stage = Stage(
            package,
            effects=effects,
            vault=FileVault(folder) if self.file else MemoryVault(),
            with_slack=self.slack,
            setup=setup,
            policy=quick(SPARSE, groups=self.groups, fence=self.stalls),
            people=rejects_b if self.back else everyone_agrees,
            ticks=timedelta(seconds=20 if self.file else 3),
        )
        if self.uninstall:
            stage.asked = {"kind": "uninstall", "package": "", "method": "last_take", "take": 99}
        return stage

    async def before(self, stage: Stage) -> None:
        """Play what was before the night in which executors die."""
        stage.begin()
        if self.starts:
            stage.order()
            await stage.until(lambda s: s.hold is not None)
            stage.say("abort")
            await stage.until(lambda s: s.ended is not None)
            stage.asked = {"kind": "rollback", "package": ""}

    def word(self, hold: Hold) -> str | None:
        """Return what people say to this hold where all goes as the plot has it, or None."""
        if hold.error == "rejected":
            return "rollback"
        if self.stays and hold.step.endswith("READY"):
            return "abort"
        if self.accepts and hold.step.endswith("RETURN"):
            return ACCEPTED
        return None


NEVER_TAKES_OVER: dict[str, Any] = {"name": "site_stays", "after_s": 0}
STAYS_DOWN: dict[str, Any] = {"name": "stuck_down", "member": "1_2", "notes": ["FSYNC"]}

ACCEPTED = "change take 0"
"""What people say where no Jumbo Hotfix is left."""


Pick = Callable[[int, Sequence[int]], bool]
"""Whether it happens at this moment (a death, a stall, a waking), after what happened at these."""


def rejects_b(night: Night, gate: str, step: str) -> None:
    """People agree, but not with the second failover."""
    if step == "B.FAILOVER":
        night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
    else:
        everyone_agrees(night, gate, step)


# ------------------------------------------------------------------------------- a night


async def play(plot: Plot, stage: Stage, deaths: Sequence[int]) -> RunState:
    """Play to the end, whoever dies on the way; the next executor comes after a while."""
    said: list[str] = []
    stage.order()
    while True:
        state = await stage.until(
            lambda s: _word_for(plot, stage, s, said) is not None or _over(stage, s)
        )
        if stage.died:
            await stage.kill()
            await stage.clock.sleep(timedelta(seconds=ABSENCES[deaths[-1] % len(ABSENCES)]))
            stage.begin()
        elif (word := _word_for(plot, stage, state, said)) is not None:
            said.append(word)
            if word == "retry":
                await stage.kill_the_stalled()
            if word == ACCEPTED:
                stage.change(take=0)
            else:
                stage.say(word)
            await stage.clock.sleep(timedelta(seconds=30))
        elif await _stays(stage, state):
            return state


async def _stays(stage: Stage, state: RunState) -> bool:
    """Tell whether it ended, or holds for good: what was said before a death is heard later."""
    if state.hold is None:
        return True
    await stage.clock.sleep(timedelta(minutes=5))
    return stage.state().hold == state.hold and not stage.died


MOST_RETRIES = 2


def _word_for(plot: Plot, stage: Stage, state: RunState, said: Sequence[str]) -> str | None:
    """Return what a person says to a run that holds, or None: then it holds for good.

    Where a process stands still and its session is open, the run holds, and rightly so: nobody
    can tell what it will do. A person ends that process and says retry; and once more where an
    installation that began so late takes longer than its limit.
    """
    if state.hold is None or state.ended is not None:
        return None
    if (word := plot.word(state.hold)) is not None:
        return word if word not in said else None
    stalled = any(executor.life.stalled is not None for executor in stage.living)
    return "retry" if stalled and said.count("retry") < MOST_RETRIES else None


def _over(stage: Stage, state: RunState) -> bool:
    """Tell whether all is done and said, or the run holds for good."""
    if state.hold is not None and state.ended is None:
        return True
    return state.ended is not None and not _unsaid(stage)


def _unsaid(stage: Stage) -> list[str]:
    """Say what does not stand in Slack exactly once and as it should."""
    if stage.chat is None:
        return []
    stand: dict[str, list[str]] = {}
    for message in stage.chat.messages():
        stand.setdefault(key_of(message), []).append(message.text)
    wanted = {message.key: message.text for message in render(stage.records())}
    wrong = [f"{key} stands {len(stand.get(key, []))} times" for key in wanted]
    wrong = [one for one in wrong if not one.endswith("stands 1 times")]
    wrong += [f"{key} is outdated" for key, text in wanted.items() if stand.get(key) != [text]]
    return wrong + [f"{key} should not be there" for key in stand.keys() - wanted.keys()]


def unsafe_in(stage: Night, *, lost: int = 0) -> list[str]:
    """Say what the judges of this night object to: the journal's and the devices'.

    `lost`: so many connections are lost by what fails on the devices, whoever dies.
    """
    seen = stage.group.report()
    unsafe = [
        f"{promise}: {why}"
        for promise, (verdict, why) in promises.explained(stage.records()).items()
        if verdict == promises.BROKEN
    ]
    unsafe += seen["objections"]
    for member in seen["members"]:
        for started in ("installs_started", "uninstalls_started"):
            if member[started] > 1:
                unsafe.append(f"{member['id']}: {member[started]} {started}")
    if stage.stores.journal.run(stage.run) != stage.state().index():
        unsafe.append("the index of runs is not what the journal says")
    if seen["connections_lost"] > lost:
        unsafe.append(f"{seen['connections_lost']} connections lost")
    return unsafe


def ending(stage: Stage) -> dict[str, Any]:
    """Return all that must not depend on who died when."""
    seen, state = stage.group.report(), stage.state()
    return {
        "state": (state.ended or {}).get("state"),
        "hold": state.hold.reason if state.hold else None,
        "owed": state.cloning_owed,
        "members": seen["members"],
        "active_min": seen["active_min"],
        "auto_clone": seen["auto_clone"],
        "connections_lost": seen["connections_lost"],
        "unsaid": _unsaid(stage),
    }


# ------------------------------------------------------------------------- the exploration


class Explorer:
    """Plays one plot in this process and all forks of it."""

    def __init__(self, plot: Plot, package: Path, pick: Pick, folder: Path) -> None:
        self._plot = plot
        self._package = package
        self._pick = pick
        self.results = folder / "results"
        self._deaths: list[int] = []
        self._told: list[str] = []
        self._folder = folder
        self._clean: dict[str, Any] = {}

    def run(self) -> None:
        """Play the undisturbed night, then again with a fork at every picked moment."""
        self._clean = run_virtual(self._play(lambda _number, _name: Fate.GOES_ON, "clean"))
        lost = self._clean["connections_lost"] and not self._plot.stays
        if self._clean["unsaid"] or self._clean["hold"] or lost:
            raise AssertionError(f"the undisturbed night went wrong: {self._clean}")
        run_virtual(self._play(self._fate, "forked"))

    async def _play(self, fate: Callable[[int, str], Fate], folder: str) -> dict[str, Any]:
        (self._folder / folder).mkdir()
        asyncio.get_running_loop().set_exception_handler(_tell_unless_killed)
        effects = Effects()
        stage = self._plot.stage(self._package, effects, self._folder / folder)
        try:
            await self._plot.before(stage)
            effects.fate = fate
            await play(self._plot, stage, self._deaths)
            if self._deaths:
                self._judge(stage)
            await stage.close()
            return ending(stage)
        except BaseException:
            if not self._deaths:
                raise
            self._leave([], traceback.format_exc())
            raise

    def _fate(self, number: int, name: str) -> Fate:
        """Fork where this moment was picked; only in the child something happens there."""
        if not self._pick(number, self._deaths):
            return Fate.GOES_ON
        loop = asyncio.get_running_loop()
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            if status:
                self._tell([number], [name], [], f"ended with status {status}")
            return Fate.GOES_ON
        asyncio._set_running_loop(loop)  # it is still ours, in this process too
        signal.setitimer(signal.ITIMER_PROF, CHILD_LIMIT_S)
        self._deaths.append(number)
        self._told.append(name)
        if not self._plot.stalls:
            return Fate.DIES
        return Fate.OTHER_WAKES if len(self._deaths) > 1 else Fate.STALLS

    def _judge(self, stage: Stage) -> None:
        end = ending(stage)
        differs = {k: v for k, v in end.items() if v != self._clean[k]}
        unsafe = unsafe_in(stage, lost=self._clean["connections_lost"])
        stage.vault.clear()
        self._leave(unsafe, f"not as undisturbed: {differs}" if differs else "")

    def _leave(self, unsafe: Sequence[str], stuck: str) -> None:
        """Write what came of it, and end this process without any farewell."""
        self._tell(self._deaths, self._told, unsafe, stuck)
        os._exit(0)

    def _tell(
        self, deaths: Sequence[int], told: Sequence[str], unsafe: Sequence[str], stuck: str
    ) -> None:
        places = "; ".join(f"{n} {name}" for n, name in zip(deaths, told, strict=True))
        what = "stalled, woken" if self._plot.stalls else "killed"
        line = json.dumps([f"{self._plot.name}: {what} at {places}", list(unsafe), stuck[-2000:]])
        with self.results.open("a") as file:
            file.write(line + "\n")


def _tell_unless_killed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


def _fast_folder() -> Path | None:
    """Return a folder in memory: a process that is killed, not a machine, is what we try."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


def explore(plot: Plot, package: Path, pick: Pick) -> list[Schedule]:
    """Play all picked schedules of a plot, on all cores; `pick` must be picklable."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(SHARDS, mp_context=spawn) as pool:
        shards = pool.map(partial(_shard, plot, package, pick), range(SHARDS))
        return [schedule for shard in shards for schedule in shard]


def _shard(plot: Plot, package: Path, pick: Pick, shard: int) -> list[Schedule]:
    # What the executors log of so many nights would hide what the explorer says.
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        explorer = Explorer(plot, package, partial(_mine, pick, shard), Path(folder))
        explorer.results.touch()
        explorer.run()
        lines = explorer.results.read_text().splitlines()
    return [Schedule(name, unsafe, stuck) for name, unsafe, stuck in map(json.loads, lines)]


def _mine(pick: Pick, shard: int, number: int, deaths: Sequence[int]) -> bool:
    """Share the first deaths out; what follows one belongs to who has it."""
    return (bool(deaths) or number % SHARDS == shard) and pick(number, deaths)
