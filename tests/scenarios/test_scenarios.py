"""Every scenario as a person would start it: three processes, in real time."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.demo.scenario import names

LIMIT_S = 115
"""Below the time after which a test counts as hanging; a scenario gives up by itself before."""

PROMISES = {f"P{number}" for number in range(1, 13)}


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bot", "demo", *arguments]


@pytest.mark.parametrize("name", names())
def test_a_scenario_comes_out_as_it_says(name: str, tmp_path: Path):
    played = subprocess.run(
        demo("--scenario", name, "--keep", str(tmp_path / "stage")),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )

    assert played.returncode == 0, played.stderr
    line = json.loads(played.stdout)
    assert line["scenario"] == name
    assert line["promises"].keys() == PROMISES
    assert "broken" not in line["promises"].values()
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
        assert len(children) == 3
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=LIMIT_S)
    finally:
        started.kill()
        started.wait()

    assert started.returncode == 0, err
    assert out == ""
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def _children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        status = entry / "status"
        if entry.name.isdigit() and status.exists() and f"PPid:\t{parent}\n" in status.read_text():
            found.append(int(entry.name))
    return found


def test_an_unknown_scenario_is_one_sentence():
    played = subprocess.run(
        demo("--scenario", "instal"), capture_output=True, text=True, check=False, timeout=LIMIT_S
    )

    assert played.returncode == 2
    assert "no scenario is called 'instal'" in played.stderr
    assert played.stdout == ""
