"""What every suite prints and demands, as a pytest plugin that `tests/conftest.py` loads.

One JSON line for each suite (a folder of `tests/`) before pytest's closing line. A suite that
counts more than tests (simulation: schedules, unsafe, stuck) adds JSON objects, a line each, to the
file that the environment names, HOTFIX_SIMULATION_REPORT, and the line takes the sums over.

A test that lacks something of the machine says `pytest.skip("needs ssh: ...")`. With
HOTFIX_REQUIRE=ssh that skip fails: what was not tried must not look like a success.
"""

import json
import os
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest


@dataclass
class Tally:
    """How one suite went; an error before or after a test counts as a failure."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


class SuiteLines:
    """Counts results by suite and prints a line for each."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        tally = self._tally(report.nodeid)
        tally.seconds += report.duration
        if report.failed:
            tally.failed += 1
        elif report.skipped:
            tally.skipped += 1
        elif report.when == "call":
            tally.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._tally(report.nodeid).failed += 1
        elif report.skipped:
            self._tally(report.nodeid).skipped += 1

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        yield  # the list of failures and skips first, so that only the closing line comes after
        for suite, tally in self._tallies.items():
            terminalreporter.write_line(json.dumps(_line(suite, tally)))

    def _tally(self, nodeid: str) -> Tally:
        parts = PurePosixPath(nodeid.split("::")[0]).parts
        suite = parts[1] if len(parts) > 2 and parts[0] == "tests" else "tests"
        return self._tallies.setdefault(suite, Tally())


def _line(suite: str, tally: Tally) -> dict[str, Any]:
    line = {"suite": suite, **asdict(tally), "seconds": round(tally.seconds, 1)}
    report = os.environ.get(f"HOTFIX_{suite.upper()}_REPORT")
    if report and Path(report).exists():
        sums = Counter[str]()
        for figures in map(json.loads, Path(report).read_text().splitlines()):
            sums.update({name: one for name, one in figures.items() if isinstance(one, int)})
        line |= sums
    return line


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SuiteLines(), "suite-lines")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _demand(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _demand(report)
    return report


def _demand(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip for the lack of something required into a failure."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    for name in os.environ.get("HOTFIX_REQUIRE", "").split(","):
        if name and f"needs {name}" in reason:
            report.outcome = "failed"
            report.longrepr = f"{reason} (and HOTFIX_REQUIRE lists {name})"
