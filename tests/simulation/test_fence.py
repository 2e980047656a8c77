"""The fence on the devices: who took over is alone, however late the former executor acts."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import promises
from engine.errors import ConditionFailed, EpochGone, Fenced, MaintenanceError, StepFailed
from engine.fence import Fence
from engine.gaia import guards
from engine.gaia.guards import Stamp
from engine.group import LiveGroup
from engine.journal import Kind
from engine.model import PackageRef, StepKind
from engine.ports import Output
from engine.rehearsal.files import OpenFile, text_file
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell, RehearsalTerminal
from storage.memory import MemoryStores, Shelf
from storage.records import Identity
from tests.simulation import night as stage
from tests.simulation.loop import run_virtual, virtual_clock
from tests.simulation.night import (
    PACKAGE,
    POLICY,
    Night,
    everyone_agrees,
    quick,
    small_package,
)

FENCED = quick(POLICY, fence=True, watch=timedelta(seconds=30))
OWN = POLICY.own_directory
SOON = timedelta(seconds=30)
FORMER = 6
"""Epochs that others had before the executor of a test takes over with the next one."""

_READS = re.compile(
    r"echo @@local;.*|sha256sum .*|gexec -a -g0 -b \S+ -c 'da_cli packages_info status=\w+'|"
    r"df -P /\S+ 2>/dev/null \|\| df -P /\S+; echo @there; \[ -f \S+ \] && wc -c \S+; true|"
    + re.escape(guards.read_epochs(OWN))
)
"""Every line that may be sent as often as one likes. What is not in here acts."""


# ------------------------------------------------------------------------------------ the stage


@dataclass
class Replay:
    """What became of one acting line that a stale executor sent right before the real one."""

    line: str
    status: int | None
    changed: list[str]


@dataclass
class Log:
    """What was sent, in order, and what became of the stale lines."""

    sent: list[str] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    stale: bool = False
    acts: int = 0
    pause_at: int = 0
    pause: Callable[["Watched", str], Any] | None = None
    before_line: Callable[[str], None] | None = None
    before_answer: Callable[[str], Any] | None = None


DATABASE = Identity("db", ("the-one-before",))
"""Which database the executors of these tests have; it was moved from another."""


def stamp(epoch: int) -> Stamp:
    return Stamp(epoch, DATABASE.id, DATABASE.heir_of)


def acting(line: str) -> bool:
    return _READS.fullmatch(line) is None


def older(line: str) -> str:
    """Return the line as the executor before would have sent it."""
    ours = FORMER + 1
    if line.startswith("gexec -a -g0 -c 'echo \"@member") and "epoch.new" in line:
        changed = (
            line.replace(f"n={ours - 1};", f"n={FORMER - 1};")
            .replace(f"n={ours};", f"n={FORMER};")
            .replace(f'echo "{ours} $(cat', f'echo "{FORMER} $(cat')
        )
    else:
        changed = line.replace(f'= "{ours} $(cat', f'= "{FORMER} $(cat')
    assert changed != line, f"this line acts without an epoch in it: {line}"
    return changed


def picture(group: Group) -> list[str]:
    """All that an act could change, member by member."""
    return [
        f"{m.id} {m.state} {m.notes} {m.auto_clone} {m.boots} {m.packages} {m.actions} "
        f"{[(p, f) for p, f in sorted(m.files.files.items()) if not p.endswith('lock')]}"
        for m in group.members.values()
    ] + [str(group.witness.acts)]


class Watched(RehearsalShell):
    """A shell that notes what is sent; before each line that acts a stale executor sends it."""

    log = Log()
    paused: asyncio.Event | None = None

    async def run(self, command: str, *, within: timedelta) -> Output:
        if self.paused is not None:
            await self.paused.wait()
        Watched.log.sent.append(command)
        if acting(command):
            await self.send(command)
        if Watched.log.before_line is not None:
            Watched.log.before_line(command)
        if Watched.log.stale and acting(command):
            await self._replay(command)
        return await super().run(command, within=within)

    async def send(self, text: str) -> None:
        """Pause here where this is the place, as a process that gets no time does."""
        log = Watched.log
        log.acts += 1
        if log.acts == log.pause_at and log.pause is not None:
            await log.pause(self, text)

    async def _replay(self, command: str) -> None:
        stranger = RehearsalShell(self.group)
        before = picture(self.group)
        said = await stranger.run(older(command), within=SOON)
        self._judge(command, said.text, before)
        stranger.drop_all()

    def _judge(self, line: str, said: str, before: list[str]) -> None:
        after = picture(self.group)
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        Watched.log.replays.append(Replay(line, guards.exit_status(said), changed))

    async def terminal(self, command: str, *, within: timedelta) -> Any:
        inner = await super().terminal(command, within=within)
        return WatchedTerminal(self, inner, command)

    async def replay_typed(self, way: str, line: str) -> None:
        """Type a line as a stale executor does, in a session of its own on the same member."""
        stranger = RehearsalShell(self.group)
        before = picture(self.group)
        terminal = await stranger.terminal(way, within=SOON)
        said = ""
        while not said.rstrip().endswith("#"):
            said += await terminal.read(within=SOON)
        await terminal.write(older(line))
        said = ""
        while guards.exit_status(said) is None:
            said += await terminal.read(within=SOON)
        await terminal.close()
        self._judge(line, said, before)

    async def upload(self, source: Path, target: str, **named: Any) -> None:
        Watched.log.sent.append("upload")
        await super().upload(source, target, **named)


class WatchedTerminal:
    """A terminal that notes what is typed."""

    def __init__(self, shell: Watched, inner: RehearsalTerminal, way: str) -> None:
        self._shell = shell
        self._inner = inner
        self._way = way

    async def read(self, *, within: timedelta) -> str:
        return await self._inner.read(within=within)

    async def write(self, text: str) -> None:
        Watched.log.sent.append(text.strip())
        if "@done" in text and Watched.log.stale:
            await self._shell.replay_typed(self._way, text)
        await self._shell.send(text)
        if "@done" not in text and Watched.log.before_answer is not None:
            await Watched.log.before_answer(text)
        await self._inner.write(text)

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(stage, "RehearsalShell", Watched)
    Watched.log = Log()
    return Watched.log


def others_before(night: Night) -> None:
    """Have epochs go by, as executors before this one would."""
    night.stores = MemoryStores(Shelf(identity=DATABASE))
    now = night.clock.now()
    for number in range(FORMER):
        lease = night.stores.leases.acquire("group:site-1", f"former-{number}", ttl_s=60, now=now)
        assert lease is not None
        night.stores.leases.release(lease)


def a_night(tmp_path: Path, *faults: dict[str, Any], members: int = 4, policy=FENCED) -> Night:
    night = Night(
        small_package(tmp_path),
        setup=Setup(members=members, faults=faults, connections=1000),
        policy=policy,
        people=everyone_agrees,
    )
    others_before(night)
    return night


def epochs(group: Group) -> dict[str, str]:
    """What stands in each member's file."""
    path = f"{OWN}/epoch"
    return {
        m.id: m.files.read(path).strip() if m.files.is_file(path) else ""
        for m in group.members.values()
    }


def refused(group: Group, status: int) -> list[str]:
    return [
        str(e["member"])
        for e in group.witness.events
        if e["what"] == "refused" and e["status"] == status
    ]


# ------------------------------------------------------------------------- a whole night, stale


def but_not_b(night: Night, gate: str, step: str) -> None:
    """Everybody agrees but to the failover of B."""
    if gate == "G3":
        night.later(20, lambda: night.react(gate, "U0NOOR0001", "no"))
    else:
        everyone_agrees(night, gate, step)


THERE = (
    "epoch.new",
    "mkdir -p /var/log/upload",
    "installer import",
    "installer verify",
    "auto-clone state off",
    "1_1-1_2 down",
    "installer install",
)


@pytest.mark.parametrize(
    ("faults", "people", "word", "ends", "lines"),
    [
        ((), everyone_agrees, "", "done", (*THERE, "1_3-1_4 down", "auto-clone state on", "rm -f")),
        ((), but_not_b, "rollback", "rolled back", (*THERE, "installer uninstall")),
        (
            ({"name": "unknown_prompt", "in": "install"},),
            everyone_agrees,
            "abort",
            "aborted",
            (*THERE, "1_1-1_2 up"),
        ),
    ],
    ids=["install", "rollback", "abort"],
)
def test_every_acting_line_of_a_whole_night_refuses_the_executor_before(
    tmp_path, log, faults, people, word, ends, lines
):
    async def play() -> tuple[Night, Any]:
        night = a_night(tmp_path, *faults)
        night.people = people
        log.stale = True
        night.begin()
        night.order()
        state = await night.until_over()
        if word:
            night.say(word)
            state = await night.until(lambda s: s.ended is not None)
        await night.close()
        return night, state

    night, state = run_virtual(play())

    assert (state.ended or {}).get("state") == ends, state.hold
    acts = [line for line in log.sent if "@done" in line or "epoch.new" in line]
    assert [one.line.strip() for one in log.replays] == acts
    for words in lines:
        assert any(words in one.line for one in log.replays), words
    first, *later = log.replays
    assert "epoch.new" in first.line  # the take-over itself: until then nobody was too late
    for one in later:
        assert one.changed == [], one.line
        assert "epoch.new" in one.line or one.status == 97, one.line
    assert night.group.report()["objections"] == []


def test_a_take_over_by_the_executor_before_writes_nothing_anywhere(tmp_path, log):
    """As above, for the very first line: before a newer one has written, it is no stale one."""

    async def play() -> tuple[list[str], list[str]]:
        night = a_night(tmp_path)
        night.begin()
        night.order()
        await night.until(lambda s: s.of("PREFLIGHT").status == "done")
        before = picture(night.group)
        stranger = RehearsalShell(night.group)
        await stranger.run(guards.write_epoch(OWN, stamp(FORMER)), within=SOON)
        after = picture(night.group)
        await night.close()
        return before, after

    before, after = run_virtual(play())

    assert before == after


def test_take_over_writes_before_its_first_look_and_after_each_restart(tmp_path, log):
    async def play() -> tuple[list[str], Night]:
        night = a_night(tmp_path)
        night.begin()
        night.order()
        await night.until(lambda s: bool(s.run))
        await night.kill()
        log.sent.clear()
        night.begin()
        await night.until_over()
        sent = list(log.sent)
        await night.close()
        return sent, night

    sent, night = run_virtual(play())

    assert sent[0] == guards.read_epochs(OWN)
    assert sent[1] == guards.write_epoch(OWN, stamp(FORMER + 2))
    assert sent[2].startswith("echo @@local")
    boots = {m.id: m.boot_id for m in night.group.members.values()}
    assert epochs(night.group) == {m: f"{FORMER + 2} {boot} db" for m, boot in boots.items()}
    assert all(m.boots == 1 for m in night.group.members.values())
    assert refused(night.group, 97) == []


def test_without_a_fence_members_keep_no_epoch_but_lines_still_take_the_lock(tmp_path, log):
    async def play() -> Night:
        night = a_night(tmp_path, policy=quick(FENCED, fence=False))
        night.begin()
        night.order()
        await night.until_over()
        await night.close()
        return night

    night = run_virtual(play())

    assert set(epochs(night.group).values()) == {""}
    assert all("flock" in line for line in log.sent if "@done" in line)
    assert not [line for line in log.sent if acting(line) and "epoch" in line]


@pytest.mark.parametrize("planned", [False, True], ids=["added", "kept"])
def test_an_open_run_has_a_fence_where_its_plan_or_the_present_settings_have_one(tmp_path, planned):
    """As after a restart on a database that others may act on as well, or on one of its own."""

    async def whole() -> dict[str, str]:
        night = a_night(tmp_path, policy=replace(FENCED, fence=planned))
        night.begin()
        night.order()
        await night.until(lambda s: "A.FAILOVER" in s.gates)
        await night.kill()
        night.policy = replace(FENCED, fence=not planned)
        night.begin()
        await night.until(lambda s: s.of("A.ADMIN_DOWN").status == "done")
        await night.close()
        return epochs(night.group)

    taken_over = {one.split()[0] for one in run_virtual(whole()).values()}
    assert taken_over == {str(FORMER + 2)}


@pytest.mark.parametrize("when", ["admin_down:1_1", "install_started:1_1", "state:1_2:ACTIVE"])
def test_a_member_reverted_to_an_old_snapshot_refuses_the_old_executor_and_serves_the_new(
    tmp_path, log, when
):
    async def play() -> tuple[Night, Any, list[int | None]]:
        night = a_night(
            tmp_path,
            {"name": "snapshot_taken", "member": "1_4", "after_s": 1},
            {"name": "snapshot_revert", "member": "1_4", "when": when},
        )
        for member in night.group.members.values():
            member.files.make_folder(OWN)
            member.files.put(f"{OWN}/epoch", text_file(f"{FORMER} {member.boot_id} db\n"))
        stale: list[int | None] = []

        async def act_at_once() -> None:
            assert await night.group.wait_for("rebooted:1_4", within=timedelta(hours=3))
            assert epochs(night.group)["1_4"].startswith(f"{FORMER} ")
            line = guards.guarded("echo acted", guards.Guard("1_4", (), OWN, stamp(FORMER)))
            said = await RehearsalShell(night.group).run(
                f"gexec -a -g0 -b 1_4 -c '{line}'", within=SOON
            )
            assert "acted" not in said.text
            stale.append(guards.exit_status(said.text))

        await night.clock.sleep(timedelta(seconds=2))
        night.group.advance()
        late = asyncio.ensure_future(act_at_once())
        night.begin()
        night.order()
        state = await night.until(lambda s: s.ended is not None or s.hold is not None)
        if state.ended is None:
            await night.until(lambda s: not s.out_of_service(), hours=1)
            await night.clock.sleep(timedelta(minutes=10))
            night.say("retry")
            state = await night.until(lambda s: s.ended is not None)
        await late
        await night.close()
        return night, state, stale

    night, state, stale = run_virtual(play())

    assert stale == [97]
    assert (state.ended or {}).get("state") == "done"
    boots = {m.id: m.boot_id for m in night.group.members.values()}
    assert epochs(night.group) == {m: f"{FORMER + 1} {boot} db" for m, boot in boots.items()}


# --------------------------------------------------------------------------- one group, two hands


class Two:
    """One group and two executors on it, each with a lease of its own; the second is newer."""

    def __init__(self, *, members: int = 4) -> None:
        self.clock = virtual_clock()
        self.group = Group(Setup(members=members, connections=1000), self.clock)
        self.stores = MemoryStores(Shelf(identity=DATABASE))
        self.first = self.executor("first")
        self.second: LiveGroup | None = None

    def executor(self, holder: str) -> LiveGroup:
        former = self.stores.leases.current("group:site-1")
        if former is not None:
            self.stores.leases.release(former)
        lease = self.stores.leases.acquire("group:site-1", holder, ttl_s=60, now=self.clock.now())
        assert lease is not None
        fence = Fence(lease, self.stores.leases, self.stores.identity, OWN)
        return LiveGroup(RehearsalShell(self.group), self.clock, FENCED, fence=fence)


def play(story: Callable[[Two], Any]) -> Any:
    async def whole() -> Any:
        two = Two()
        try:
            return await story(two)
        finally:
            await two.group.stop()

    return run_virtual(whole())


async def take_down(live: LiveGroup, commit: Callable[[str], Any]) -> str:
    return await live.admin_state(
        "down",
        ["1_1", "1_2"],
        at="1_3",
        outside=["1_3", "1_4"],
        name="ana",
        reason="hf-1",
        accelerated=False,
        commit=commit,
    )


async def go_on(_: str, *, restart_announced: bool | None = None) -> None:
    """Nothing stands against the answer."""


def test_after_a_take_over_the_former_executor_can_neither_look_nor_act_nor_write():
    async def story(two: Two) -> None:
        package = PackageRef(PACKAGE, "ab" * 32, 1, __file__, "R81.20", 120)
        await two.first.observe()
        await two.executor("second").observe()
        before = picture(two.group)

        acts = [
            lambda: two.first.set_cloning(on=False),
            lambda: two.first.import_package(package),
            lambda: two.first.upload(package),
            lambda: two.first.remove_upload(package, ["1_4"]),
            lambda: take_down(two.first, go_on),
            lambda: two.first.observe(),
        ]
        for act in acts:
            with pytest.raises(Fenced):
                await act()
        assert picture(two.group) == before
        assert two.group.witness.acts == []

    play(story)


def test_an_executor_whose_lease_grew_old_sends_no_line_that_acts_not_even_in_an_open_session(log):
    """Also where members keep no epoch, so that nothing there would refuse it."""

    async def story(two: Two) -> None:
        shell, may = Watched(two.group), Allowance()
        live = LiveGroup(shell, two.clock, FENCED, may_send=may.use)
        await live.observe()
        log.sent.clear()

        for act in (
            lambda: live.set_cloning(on=False),
            lambda: live.remove_upload(
                PackageRef(PACKAGE, "ab" * 32, 1, "/p", "R81.20", 120), ["1_4"]
            ),
            lambda: take_down(live, go_on),
        ):
            with pytest.raises(Fenced):
                await act()
        assert shell._terminals == []
        may.left = 1
        with pytest.raises(Fenced):
            await take_down(live, go_on)
        assert log.sent == []

    play(story)


def test_an_executor_whose_lease_grew_old_puts_no_epoch_up(log):
    async def story(two: Two) -> None:
        lease = two.stores.leases.current("group:site-1")
        assert lease is not None
        fence, may = Fence(lease, two.stores.leases, DATABASE, OWN), Allowance()
        live = LiveGroup(Watched(two.group), two.clock, FENCED, fence=fence, may_send=may.use)
        with pytest.raises(Fenced):
            await live.observe()
        assert log.sent == []

        may.left = 2
        await live.observe()
        for member in two.group.members.values():
            member.files.remove(f"{OWN}/epoch")
        with pytest.raises(Fenced):
            await live.set_cloning(on=False)
        assert set(epochs(two.group).values()) == {""}

    play(story)


def test_an_executor_that_gave_its_lease_back_puts_no_epoch_up():
    """Nobody has that epoch any more, and the next lease has another."""

    async def story(two: Two) -> None:
        lease = two.stores.leases.current("group:site-1")
        assert lease is not None
        two.stores.leases.release(lease)

        with pytest.raises(Fenced):
            await two.first.observe()
        assert set(epochs(two.group).values()) == {""}

    play(story)


@dataclass
class Allowance:
    """How often a lease is young enough to send: then it has grown old."""

    left: int = 0

    def use(self) -> None:
        if self.left == 0:
            raise Fenced("the lease was not renewed in time")
        self.left -= 1


def test_a_verify_and_a_change_of_the_former_executor_are_refused_too():
    async def story(two: Two) -> None:
        member = two.group.members["1_1"]
        for one in two.group.members.values():
            two.group.import_package(one, text_file("x"), PACKAGE)
        await two.first.observe()
        await two.executor("second").observe()
        package = PackageRef(PACKAGE, "ab" * 32, 1, "/p", "R81.20", 120)

        with pytest.raises(Fenced):
            await two.first.verify(package, ["1_1"], at="1_1")
        with pytest.raises(Fenced):
            await two.first.change(
                StepKind.INSTALL,
                package,
                ["1_1"],
                at="1_1",
                outside=["1_3"],
                name="ana",
                reason="hf-1",
                commit=go_on,
            )
        assert member.actions == []

    play(story)


@pytest.mark.parametrize("text", ["", "junk", "1", "7 of another boot", "2 3"])
def test_a_file_that_is_lost_or_spoilt_locks_the_rightful_executor_out_only_until_it_looks(text):
    async def story(two: Two) -> None:
        two.executor("between")
        live = two.executor("last")
        await live.observe()
        file = f"{OWN}/epoch"
        for member in two.group.members.values():
            member.files.remove(file)
            if text:
                kept = text if not text.startswith("7") else f"3 {'0' * 8} db"
                member.files.put(file, text_file(f"{kept}\n"))

        with pytest.raises(EpochGone):
            await live.set_cloning(on=False)
        assert not any(act.act.startswith("auto_clone") for act in two.group.witness.acts)
        await live.set_cloning(on=False)
        assert [act.act for act in two.group.witness.acts] == ["auto_clone_off"]

    play(story)


def test_the_former_executor_cannot_bring_a_lost_file_back():
    async def story(two: Two) -> None:
        await two.first.observe()
        await two.executor("second").observe()
        for member in two.group.members.values():
            member.files.remove(f"{OWN}/epoch")

        with pytest.raises(Fenced):
            await two.first.observe()
        with pytest.raises(Fenced):
            await two.first.set_cloning(on=False)
        assert set(epochs(two.group).values()) == {""}

    play(story)


def test_a_higher_epoch_while_the_lease_is_ours_is_a_hold_that_says_the_way_out():
    async def story(two: Two) -> None:
        member = two.group.members["1_3"]
        member.files.make_folder(OWN)
        member.files.put(f"{OWN}/epoch", text_file("57 x db\n"))

        with pytest.raises(ConditionFailed, match=r"1_3 keep epoch 57.*epoch 1.*remove .*/epoch"):
            await two.first.observe()
        assert epochs(two.group) == {"1_1": "", "1_2": "", "1_3": "57 x db", "1_4": ""}
        member.files.remove(f"{OWN}/epoch")
        await two.first.observe()
        assert epochs(two.group)["1_3"] == f"1 {member.boot_id} db"

    play(story)


@pytest.mark.parametrize("epoch", [1, 0])
@pytest.mark.parametrize("lasts", ["boot", "0000"], ids=["this boot", "another boot"])
def test_the_epoch_of_another_database_is_a_hold_that_says_the_way_out_and_stays(lasts, epoch):
    """Each of two databases counts for itself: the same epoch in both, or a lower one there."""

    async def story(two: Two) -> None:
        member = two.group.members["1_3"]
        boot = member.boot_id if lasts == "boot" else lasts
        member.files.make_folder(OWN)
        member.files.put(f"{OWN}/epoch", text_file(f"{epoch} {boot} other\n"))

        for _ in range(2):
            with pytest.raises(
                ConditionFailed, match=r"1_3 keep .* another database \('other'\).*remove .*/epoch"
            ):
                await two.first.observe()
        there = {"1_1": "", "1_2": "", "1_3": f"{epoch} {boot} other", "1_4": ""}
        assert epochs(two.group) == there
        member.files.remove(f"{OWN}/epoch")
        await two.first.observe()
        assert epochs(two.group)["1_3"] == f"1 {member.boot_id} db"

    play(story)


def test_a_database_that_was_moved_takes_over_from_the_one_it_was_moved_from():
    async def story(two: Two) -> None:
        two.executor("between")
        live = two.executor("last")
        for member in two.group.members.values():
            member.files.make_folder(OWN)
            text = f"2 {member.boot_id} the-one-before\n"
            member.files.put(f"{OWN}/epoch", text_file(text))

        await live.observe()

        kept = {m.id: f"3 {m.boot_id} db" for m in two.group.members.values()}
        assert epochs(two.group) == kept
        for member in two.group.members.values():
            member.files.put(f"{OWN}/epoch", text_file(f"3 {member.boot_id} the-one-before\n"))
        with pytest.raises(ConditionFailed, match="keep epoch 3"):
            await live.observe()

    play(story)


def test_a_member_that_cannot_keep_our_epoch_blinds_nobody_but_is_not_acted_on():
    async def story(two: Two) -> None:
        two.group.members["1_3"].files.make_folder(f"{OWN}/epoch")

        facts = await two.first.observe()
        assert len(facts.members) == 4
        with pytest.raises(StepFailed, match=r"cannot be written on 1_3.*then retry"):
            await take_down(two.first, go_on)
        with pytest.raises(StepFailed, match=r"cannot be written on 1_3.*then retry"):
            await two.first.remove_upload(
                PackageRef(PACKAGE, "ab" * 32, 1, "/p", "R81.20", 120), ["1_3"]
            )
        assert two.group.witness.acts == []

    play(story)


def test_a_member_away_at_take_over_gets_the_epoch_before_anything_is_decided_from_its_return():
    async def story(two: Two) -> None:
        await two.first.observe()
        away = two.group.members["1_4"]
        two.group.reboot(away)
        second = two.executor("second")
        facts = await second.observe()
        assert not facts.member("1_4").answered
        assert epochs(two.group)["1_4"].startswith("1 ")

        assert await two.group.wait_for("returned:1_4", within=timedelta(hours=1))
        facts = await second.observe()

        assert facts.member("1_4").epoch == f"2 {away.boot_id} db"

    play(story)


def test_a_dialogue_that_was_open_at_take_over_is_seen_until_it_ends_on_whichever_member():
    async def story(two: Two) -> None:
        await two.first.observe()
        frozen = asyncio.Event()

        async def freeze(_: str) -> None:
            await frozen.wait()

        late = asyncio.ensure_future(take_down(two.first, freeze))
        await two.clock.sleep(timedelta(seconds=20))
        second = two.executor("second")
        for _ in range(3):
            facts = await second.observe()
            assert [m.id for m in facts.members if m.session_open] == ["1_3"]
            await two.clock.sleep(timedelta(seconds=60))
        with pytest.raises(MaintenanceError, match="a session of ours is still open on 1_3"):
            await take_down(second, go_on)

        frozen.set()
        await late
        await two.clock.sleep(timedelta(minutes=1))
        facts = await second.observe()
        assert not any(m.session_open for m in facts.members)
        assert facts.member("1_1").state == "DOWN"

    play(story)


def test_a_session_that_ends_between_take_over_and_look_is_still_one_to_wait_for(monkeypatch):
    """What it did may have come after a part of that look was read."""

    async def story(two: Two) -> None:
        await two.first.observe()
        sitting = OpenFile(two.group.members["1_3"].files, f"{OWN}/lock")
        sitting.files.write(sitting.path, "")
        assert sitting.lock()
        second = two.executor("second")
        fence, look = second._fence, second._look
        assert fence is not None

        async def ending(**how: Any) -> Any:
            sitting.unlock()
            return await look(**how)

        monkeypatch.setattr(second, "_look", ending)
        facts = await second.observe()
        assert [m.id for m in facts.members if m.session_open] == ["1_3"]
        assert not fence.stands

        facts = await second.observe()
        assert not any(m.session_open for m in facts.members)
        assert fence.stands

    play(story)


def test_an_executor_that_was_paused_while_it_wrote_committing_does_not_type_the_answer():
    async def story(two: Two) -> None:
        await two.first.observe()
        sent: list[str] = []

        def may_send() -> None:
            if "COMMITTING" in sent:
                raise Fenced("the lease on site-1 was not renewed in time")

        async def pause(_: str) -> None:
            sent.append("COMMITTING")

        two.first._may_send = may_send
        with pytest.raises(Fenced):
            await take_down(two.first, pause)
        await two.clock.sleep(timedelta(minutes=1))

        assert two.group.witness.acts == []
        assert two.group.states()["1_1"] == "ACTIVE"

    play(story)


@pytest.mark.parametrize(
    "words", ["mkdir -p /var/log/upload", "installer import", "auto-clone state off", "rm -f"]
)
def test_a_line_that_meets_an_open_session_waits_for_it_then_the_run_holds(tmp_path, log, words):
    """The lock is taken between the look and the line, and never given back."""

    async def whole() -> tuple[Night, Any, float]:
        night = a_night(tmp_path)
        files = night.group.members["1_1"].files
        sitting = OpenFile(files, f"{OWN}/lock")
        began: list[float] = []

        def take(line: str) -> None:
            if words in line and not began:
                began.append(night.clock.monotonic())
                assert sitting.lock()

        log.before_line = take
        night.begin()
        night.order()
        state = await night.until_over()
        took = night.clock.monotonic() - began[0]
        sitting.unlock()
        night.say("retry")
        await night.until(lambda s: s.retried_at is not None)
        assert (await night.until_over()).ended is not None
        await night.close()
        return night, state, took

    night, state, took = run_virtual(whole())

    assert state.hold is not None
    assert state.hold.error == "SessionOpen"
    assert 120 <= took <= 200
    assert refused(night.group, 98)
    assert night.group.report()["objections"] == []


def test_a_run_does_not_end_while_a_session_is_open_anywhere(tmp_path, log):
    async def whole() -> tuple[Any, Any]:
        night = a_night(tmp_path)
        sitting = OpenFile(night.group.members["1_1"].files, f"{OWN}/lock")

        def take(line: str) -> None:
            if "rm -f" in line and "-b 1_4" in line:
                assert sitting.lock()

        log.before_line = take
        night.begin()
        night.order()
        held = await night.until_over()
        sitting.unlock()
        night.say("retry")
        over = await night.until(lambda s: s.ended is not None)
        await night.close()
        return held, over

    held, over = run_virtual(whole())

    assert held.hold is not None
    assert "the run cannot end: a session of ours is still open on 1_1" in held.hold.reason
    assert (over.ended or {}).get("state") == "done"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("die_at", range(6, 62, 8))
def test_killed_anywhere_the_next_executor_puts_its_own_epoch_up(tmp_path, log, die_at, after):
    async def whole() -> tuple[Night, Any]:
        night = a_night(tmp_path)
        night.begin(die_at=die_at, after=after)
        night.order()
        state = await night.until_over()
        if state.ended is None and state.hold is None:
            await night.kill()
            night.begin()
            state = await night.until_over()
        await night.close()
        return night, state

    night, state = run_virtual(whole())

    assert (state.ended or {}).get("state") == "done", state.hold
    boots = {m.id: m.boot_id for m in night.group.members.values()}
    epoch = FORMER + night.executors
    assert epochs(night.group) == {m: f"{epoch} {boot} db" for m, boot in boots.items()}
    assert night.group.report()["objections"] == []
    assert [m["installs_started"] for m in night.group.report()["members"]] == [1, 1, 1, 1]


# -------------------------------------------------------------- a paused executor comes back late


def freeze_at(log: Log, night: Night, act: str, thaw: asyncio.Event) -> asyncio.Event:
    """Pause the first executor right before it types the answer that commits an act."""
    frozen = asyncio.Event()
    shell = night.shell
    assert isinstance(shell, Watched)

    async def hold(text: str) -> None:
        committed = night.records()[-1]
        if committed.kind == Kind.COMMITTING and act in str(committed.body["step"]):
            log.before_answer = None
            if night._ticker is not None:
                night._ticker.cancel()
            shell.paused = thaw
            frozen.set()
            await thaw.wait()

    log.before_answer = hold
    return frozen


@pytest.mark.parametrize("act", ["ADMIN_DOWN", "INSTALL"])
@pytest.mark.parametrize("late_s", [100, 170, 250, 1200])
def test_a_committing_answer_that_is_typed_late_happens_once(tmp_path, log, act, late_s):
    """The worst moment: COMMITTING is durable, the lease is over, and the answer still comes."""

    async def whole() -> tuple[Night, Any]:
        night = a_night(tmp_path)
        thaw = asyncio.Event()
        night.begin()
        frozen = freeze_at(log, night, f"A.{act}", thaw)
        night.order()
        await night.until(lambda s: frozen.is_set())
        night.later(late_s, thaw.set)
        night.begin()
        state = await night.until_over()
        if state.ended is None:
            held = str(state.hold)
            assert "a session of ours is still open" in held or "our former session" in held
            assert late_s > 180
            assert night.group.report()["active_min"] >= 2
            while not thaw.is_set():
                await night.clock.sleep(timedelta(seconds=60))
            await night.clock.sleep(timedelta(seconds=60))
            night.say("retry")
            await night.until(lambda s: s.retried_at is not None)
            state = await night.until_over()
        await night.close()
        return night, state

    night, state = run_virtual(whole())

    assert (state.ended or {}).get("state") == "done"
    assert [m["installs_started"] for m in night.group.report()["members"]] == [1, 1, 1, 1]
    assert night.group.report()["objections"] == []
    broken = {p: w for p, (v, w) in promises.explained(night.records()).items() if v == "broken"}
    assert broken == {}


ACTS = 36
"""How many lines and answers of an installation on four members act; the last test counts them."""


@pytest.mark.parametrize("until_over", [False, True], ids=["150s", "until-over"])
@pytest.mark.parametrize("place", range(1, ACTS + 1, 3))
def test_paused_before_any_act_and_taken_over_it_happens_once(tmp_path, log, place, until_over):
    """The first executor gets no time right before it sends, and goes on there far too late."""

    async def whole() -> tuple[Night, Any, int]:
        night = a_night(tmp_path)
        thaw, paused = asyncio.Event(), asyncio.Event()

        async def pause(shell: Watched, _: str) -> None:
            shell.paused = thaw
            if night._ticker is not None:
                night._ticker.cancel()
            paused.set()
            await thaw.wait()

        log.pause_at, log.pause = place, pause
        night.begin()
        night.order()
        await night.until(lambda s: paused.is_set())
        assert paused.is_set()
        if not until_over:
            night.later(150, thaw.set)
        night.begin()
        state = await night.until_over()
        acts = len(night.group.witness.acts)
        thaw.set()
        await night.clock.sleep(timedelta(minutes=5))
        if state.hold is not None:
            assert until_over
            assert state.hold.error == "SessionOpen"
            night.say("retry")
            await night.until(lambda s: s.retried_at is not None)
            state, acts = await night.until_over(), 0
        await night.close()
        return night, state, acts

    night, state, acts = run_virtual(whole())

    report = night.group.report()
    assert (state.ended or {}).get("state") == "done", state.hold
    assert not acts or acts == len(report["acts"])
    assert [m["installs_started"] for m in report["members"]] == [1, 1, 1, 1]
    assert {m["state"] for m in report["members"]} == {"ACTIVE"}
    assert report["auto_clone"] == {"before": "on", "after": "on"}
    assert report["objections"] == []
    assert report["active_min"] == 2
    broken = {p: w for p, (v, w) in promises.explained(night.records()).items() if v == "broken"}
    assert broken == {}


def test_the_places_before_an_act_are_counted_right(tmp_path, log):
    async def whole() -> Any:
        night = a_night(tmp_path)
        night.begin()
        night.order()
        state = await night.until_over()
        await night.close()
        return state

    assert run_virtual(whole()).ended is not None
    assert log.acts == ACTS


def test_a_session_that_never_ends_holds_with_the_way_to_find_it(tmp_path, log):
    async def whole() -> tuple[Night, Any, float]:
        night = a_night(tmp_path)
        night.begin()
        frozen = freeze_at(log, night, "A.INSTALL", asyncio.Event())
        night.order()
        await night.until(lambda s: frozen.is_set())
        night.begin()
        began = night.clock.monotonic()
        state = await night.until_over()
        took = night.clock.monotonic() - began
        await night.close()
        return night, state, took

    night, state, took = run_virtual(whole())

    assert state.hold is not None
    assert "our former session is still open there" in state.hold.reason
    assert f"`fuser -v {OWN}/lock`" in state.hold.reason
    assert took < 60 + 120 + 90
    assert [m["installs_started"] for m in night.group.report()["members"]] == [0, 0, 0, 0]


def test_an_abort_does_not_end_a_run_while_an_old_session_may_still_commit(tmp_path, log):
    """Killed between the answer and its effect is one thing; paused before the answer another."""

    async def whole() -> tuple[Night, Any, Any]:
        night = a_night(tmp_path)
        thaw = asyncio.Event()
        night.begin()
        frozen = freeze_at(log, night, "A.ADMIN_DOWN", thaw)
        night.order()
        await night.until(lambda s: frozen.is_set())
        night.begin()
        await night.until_over()
        night.say("abort")
        await night.clock.sleep(timedelta(minutes=10))
        still = night.state()
        thaw.set()
        await night.clock.sleep(timedelta(minutes=1))
        night.say("retry")
        state = await night.until(lambda s: s.ended is not None, hours=2)
        await night.close()
        return night, still, state

    night, still, state = run_virtual(whole())

    assert still.ended is None
    assert "a session of ours is still open on 1_3" in str(still.hold)
    assert "ADMIN_UP" in still.hold.step
    assert (state.ended or {}).get("state") == "aborted"
    assert len(night.group.in_service()) == 4
    assert night.group.report()["active_min"] == 2
