"""What a dry plan says would be sent is what a night then sends, line by line."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.dryrun import DryPlan, dry_plan, text
from engine.errors import NotReading
from engine.gaia.dialect import dialect
from engine.gaia.probe import look_line
from engine.model import Request
from engine.outline import NUMBER
from engine.ports import GroupSetup, Output, Terminal
from engine.reading import ReadingShell, refuse_acts
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.simulation.loop import run_virtual
from tests.simulation.night import CHANNEL, PACKAGE, POLICY, REQUESTER, Night, Shelf, small_package


class Typed:
    """A terminal, and what is typed on it."""

    def __init__(self, inner: Terminal, sent: list[str]) -> None:
        self._inner = inner
        self._sent = sent

    async def read(self, *, within: timedelta) -> str:
        return await self._inner.read(within=within)

    async def write(self, text: str) -> None:
        self._sent.append(text.rstrip("\n"))
        await self._inner.write(text)

    async def close(self) -> None:
        await self._inner.close()


class Overheard:
    """A Shell, and everything that went through it."""

    def __init__(self, inner: RehearsalShell) -> None:
        self._inner = inner
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def run(self, command: str, *, within: timedelta) -> Output:
        self.sent.append(command)
        return await self._inner.run(command, within=within)

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        self.sent.append(command)
        return Typed(await self._inner.terminal(command, within=within), self.sent)

    async def upload(
        self,
        source: Path,
        target: str,
        *,
        within: timedelta,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.sent.append(target)
        await self._inner.upload(source, target, within=within, progress=progress)


REQUEST = Request("install", "site-1", PACKAGE, REQUESTER, CHANNEL)


UNINSTALL = replace(REQUEST, kind="uninstall", package="", method="last_take", take=99, delete=True)


async def planned(night: Night, request: Request = REQUEST) -> DryPlan:
    setup = GroupSetup("site-1", CHANNEL, night.policy, lambda: night.shell)
    return await dry_plan(request, setup, night.shell, Shelf(night.package), night.clock)


@pytest.mark.parametrize(
    ("setup", "request_"),
    [
        (Setup(members=5), REQUEST),
        (Setup(sites=[2, 2]), REQUEST),
        (Setup(sites=[4, 2]), REQUEST),
        (Setup(members=4, imported=({"name": PACKAGE, "installed": True},)), UNINSTALL),
    ],
    ids=["one Site", "by Site", "across Sites", "uninstall"],
)
def test_what_a_dry_plan_says_is_what_the_night_sends(tmp_path, setup, request_):
    async def play() -> tuple[DryPlan, list[str], Night]:
        night = Night(small_package(tmp_path), setup=setup)
        dry = await planned(night, request_)
        night.begin()
        assert night.worker is not None
        heard = Overheard(night.shell)
        inventory: Any = night.worker._inventory
        inventory.shell = heard
        night.order(request_)
        await night.until_over()
        await night.close()
        return dry, heard.sent, night

    dry, sent, night = run_virtual(play())
    assert night.state().ended is not None

    told = [
        (one.step.id, line)
        for one in dry.steps
        for line in one.lines
        if not line.command.startswith("echo @@")  # a look goes on from what was known then
    ]
    assert len(told) > 20
    at = 0
    for step, line in told:
        wanted = re.compile(re.escape(line.sent).replace(re.escape(NUMBER), r"\d+"))
        found = next((n for n in range(at, len(sent)) if wanted.fullmatch(sent[n])), None)
        assert found is not None, f"{step}: {line.sent} was not sent after {sent[at - 1]}"
        at = found
    acting = {one for one in sent if _acts(one)}
    patterns = [re.escape(line.sent).replace(re.escape(NUMBER), r"\d+") for _, line in told]
    unsaid = [one for one in acting if not any(re.fullmatch(p, one) for p in patterns)]
    # What a dialogue is answered is said in words.
    assert {one for one in unsaid if one != "y"} == {
        one for one in unsaid if "hf-" in one or one.startswith(("ana", "ben"))
    }


def _acts(line: str) -> bool:
    try:
        refuse_acts(line)
    except NotReading:
        return True
    return False


def test_a_dry_plan_does_nothing_to_the_group(tmp_path):
    async def play() -> tuple[DryPlan, Group]:
        night = Night(small_package(tmp_path), setup=Setup(members=8))
        before = night.group.auto_clones()
        dry = await planned(night)
        assert night.group.auto_clones() == before
        await night.close()
        return dry, night.group

    dry, group = run_virtual(play())
    assert group.witness.acts == []
    shown = "\n".join(text(dry))
    assert "A  1_1-1_4  (while A is down 4 members carry what 8 carry now: 2.0 times" in shown
    assert "1_5 asks: g_clusterXL_admin -b 1_1-1_4 down -a" in shown
    assert f"1_1 asks: gclish -c 'installer install {NUMBER} member_ids 1_1-1_4'" in shown
    assert dry.as_json()["facts"]["members"][0]["take"] == 99


@pytest.mark.parametrize("version", ["R82", "R81.10", "R80.30SP"])
async def test_a_shell_that_can_only_read_reads_a_whole_look(version):
    group = Group(Setup(members=2, version=version), SystemClock())
    shell = ReadingShell(RehearsalShell(group))
    line = look_line(dialect(version), directory=POLICY.own_directory, full=True)
    output = await shell.run(line, within=timedelta(seconds=30))
    assert "@@over" in output.text
    await shell.close()
    await group.stop()
