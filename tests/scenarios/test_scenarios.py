"""Scenarios as a person would start them: three processes, in real time.

Some scenarios tell of a device alone: another platform, mode, version, split or kind of package.
What processes could add to them (start and end, Slack, a database, kills, more than one worker)
is the same in each, and tests/simulation/test_scenarios.py plays every one of them in virtual time
in every run, with the same verdict. So of those `OF_DEVICES`, three are played here: `elasticxl`
(other commands and words throughout), `vsx` (a platform that is pinned, and Virtual Systems) and
`dual-site` (a split by Site, whose takeover is measured). All others are played always.

    HOTFIX_SCENARIOS=all tests/run scenarios     plays all; so does `tests/run scenarios --all`

`deploy/demo --list` lists all of them, and `deploy/demo --scenario NAME` plays any.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from bot.demo.scenario import load, names
from tests.simulation.test_scenarios import why_not

AT_ONCE = 3
"""Nights that are played at the same time; two kept two cores at work for a quarter of it."""

LIMIT_S = 240
"""Below the time after which a test counts as hanging; a scenario gives up by itself before."""

OF_DEVICES = {
    "dual-site",
    "dual-site-5-3",
    "elasticxl",
    "elasticxl-two-members",
    "five-members",
    "r80-30sp",
    "r82",
    "smo-last",
    "three-groups",
    "vsnext",
    "vsnext-elasticxl",
    "vsx",
    "vsx-dual-site",
    "vsx-one-vs-without-policy",
}
PLAYED_OF_THEM = {"elasticxl", "vsx", "dual-site"}

Played = subprocess.CompletedProcess[str]
PROMISES = {f"P{number}" for number in range(1, 13)}


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bot", "demo", *arguments]


@pytest.fixture(scope="module")
def plays(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Played]]]:
    """All that is wanted here, a few at once: a night waits much more than it works."""
    wanted = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "plays" in item.fixturenames
    ]
    not_started: list[str] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(play, name, tmp_path_factory.mktemp(name), not_started)
            for name in wanted
        }
        pool.shutdown(cancel_futures=True)
    told = request.config.pluginmanager.get_plugin("terminalreporter")
    assert told is not None
    for line in not_started:
        told.write_line(f"\n{line}")


def play(name: str, folder: Path, not_started: list[str]) -> Played:
    """Play one; where the system does not even start a process, once more, and that is told.

    Seen once among the 68 of a run. It says nothing of the scenario, of which nothing ran.
    """
    command = demo("--scenario", name, "--keep", str(folder / "stage"))
    try:
        return completed(command)
    except OSError as error:
        not_started.append(f"{name} was started twice: {error!r}")
        return completed(command)


def completed(command: list[str]) -> Played:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)


def wanted() -> list[str]:
    """Return the scenarios that this run plays as processes."""
    if os.environ.get("HOTFIX_SCENARIOS", "some") == "all":
        return names()
    return [name for name in names() if name not in OF_DEVICES - PLAYED_OF_THEM]


@pytest.mark.parametrize("name", wanted())
def test_a_scenario_comes_out_as_it_says(name: str, plays: Mapping[str, Future[Played]]):
    played = plays[name].result()

    if played.returncode == 2 and "PostgreSQL" in played.stderr:
        pytest.skip(f"needs postgres: {played.stderr.strip()}")
    assert played.returncode == 0, played.stderr
    line = json.loads(played.stdout)
    assert line["scenario"] == name
    assert line["promises"].keys() == PROMISES
    assert "broken" not in line["promises"].values()
    assert line["posted_twice"] == []
    assert all(fault["fired_at"] is not None for fault in line["faults"])


def test_a_person_can_play_and_ctrl_c_ends_everything(tmp_path: Path):
    stage = tmp_path / "stage"
    started = subprocess.Popen(
        demo("--keep", str(stage)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert started.stderr is not None
        told = [line for _ in range(3) if (line := started.stderr.readline().strip())]
        assert any(line.startswith("Open  http://127.0.0.1:") for line in told), told
        children = _children(started.pid)
        assert len(children) == 4, "rehearsal, localslack, the bot, and who ends them if we cannot"
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=LIMIT_S)
    finally:
        started.kill()
        started.wait()

    assert started.returncode == 0, err
    assert out == ""
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_nothing_is_left_when_the_stage_is_killed(tmp_path: Path):
    stage = tmp_path / "stage"
    started = subprocess.Popen(
        demo("--keep", str(stage)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    with started, started.stderr:
        try:
            _line_with(started.stderr, "Open  http://")
            children = _children(started.pid)
        finally:
            started.kill()
    assert len(children) == 4
    until = time.monotonic() + LIMIT_S
    while (left := _running(children)) and time.monotonic() < until:
        threading.Event().wait(0.05)

    assert left == []


def _line_with(told: IO[str], wanted: str) -> str:
    """Read on until a line that begins so, and return it."""
    return next(line for line in told if line.startswith(wanted))


def _running(processes: list[int]) -> list[int]:
    """Return those that run: not those that nobody has buried yet."""
    found = []
    for pid in processes:
        status = Path(f"/proc/{pid}/status")
        with contextlib.suppress(OSError):
            if "\nState:\tZ" not in status.read_text():
                found.append(pid)
    return found


def _children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        status = entry / "status"
        if entry.name.isdigit() and status.exists() and f"PPid:\t{parent}\n" in status.read_text():
            found.append(int(entry.name))
    return found


def test_whatever_is_left_out_here_is_played_in_virtual_time():
    assert OF_DEVICES > PLAYED_OF_THEM
    assert set(names()) > OF_DEVICES
    for name in OF_DEVICES:
        assert why_not(load(name)) == "", name


def test_an_unknown_scenario_is_one_sentence():
    played = subprocess.run(
        demo("--scenario", "instal"), capture_output=True, text=True, check=False, timeout=LIMIT_S
    )

    assert played.returncode == 2
    assert "no scenario is called 'instal'" in played.stderr
    assert played.stdout == ""
