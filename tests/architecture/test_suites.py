"""The JSON lines and the demands of `tests/suites.py`, tried on a small tree of tests."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.house import ROOT

TESTS = {
    "unit/test_good.py": "def test_good(): pass\n",
    "unit/test_bad.py": "def test_bad(): assert 0\n",
    "simulation/test_counts.py": (
        "import os, pathlib\n"
        "def test_counts():\n"
        "    path = pathlib.Path(os.environ['HOTFIX_SIMULATION_REPORT'])\n"
        '    path.write_text(\'{"schedules": 7, "unsafe": 0, "stuck": 0}\')\n'
    ),
    "ssh/test_lacks.py": (
        "import pytest\ndef test_lacks(): pytest.skip('needs ssh: nobody may listen here')\n"
    ),
    "slack/test_module.py": (
        "import pytest\npytest.skip('needs chromium: none here', allow_module_level=True)\n"
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TESTS.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("__init__.py", "conftest.py", "suites.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run_pytest(tree: Path, **environment: str) -> tuple[dict[str, Any], list[str]]:
    """Return the JSON lines by suite, and all lines."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("HOTFIX_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tree,
        env=outside | {"HOTFIX_SIMULATION_REPORT": str(tree / "figures.json")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.strip().splitlines()
    tallies = [json.loads(line) for line in lines if line.startswith("{")]
    return {tally["suite"]: tally for tally in tallies}, lines


def test_each_suite_prints_one_line_and_pytest_closes(tree: Path):
    suites, lines = run_pytest(tree)

    assert suites["unit"].pop("seconds") < 60
    assert suites["unit"] == {"suite": "unit", "passed": 1, "failed": 1, "skipped": 0}
    assert suites["simulation"]["schedules"] == 7
    assert suites["ssh"]["skipped"] == 1
    assert suites["slack"]["skipped"] == 1
    assert "1 failed, 2 passed, 2 skipped" in lines[-1]


def test_a_skip_for_the_lack_of_something_required_fails(tree: Path):
    suites, lines = run_pytest(tree, HOTFIX_REQUIRE="postgres,ssh")

    assert suites["ssh"]["failed"] == 1
    assert suites["slack"]["skipped"] == 1
    assert any("HOTFIX_REQUIRE lists ssh" in line for line in lines)


def test_a_module_that_skips_itself_fails_as_well(tree: Path):
    suites, _ = run_pytest(tree, HOTFIX_REQUIRE="chromium")

    assert suites["slack"]["failed"] == 1


def test_a_name_that_is_no_suite_is_told_in_one_sentence():
    done = subprocess.run(
        [ROOT / "tests" / "run", "untit"], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 2
    assert "no suite named 'untit'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
