"""Killed at every single effect, and again in what follows: the run ends as undisturbed.

An effect is a commit, a command sent, a reply, a call to Slack or its answer; each moment before
and after one is tried. The oracle is the undisturbed night: the same end, the same take and the
same number of starts on each member, each message in Slack once and up to date, no promise
broken and no objection of the witness.

How many schedules are played is set by HOTFIX_SCHEDULES (`tests/run` says which): `few` for a
usual run of all tests, `usual`, or `all`.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.simulation.explore import Plot, explore
from tests.simulation.night import small_package
from tests.simulation.report import report, reported

SIZE = os.environ.get("HOTFIX_SCHEDULES", "few")


@dataclass(frozen=True)
class Sample:
    """Picks a share of the moments for a first, second and third death, always the same ones.

    Attributes:
        shares: of the moments that follow a death, and of those after two of them.
        seed: another one picks others.
    """

    shares: tuple[float, ...]
    seed: int = 0

    def __call__(self, number: int, deaths: Sequence[int]) -> bool:
        if len(deaths) >= len(self.shares):
            return False
        drawn = zlib.crc32(f"{self.seed}:{list(deaths)}:{number}".encode()) / 2**32
        return drawn < self.shares[len(deaths)]


@dataclass(frozen=True)
class Search:
    """A plot, and how much of it is tried by each size of the suite."""

    plot: Plot
    few: tuple[float, ...]
    usual: tuple[float, ...]
    all: tuple[float, ...]

    @property
    def sample(self) -> Sample:
        """Return what is picked this time."""
        return Sample({"few": self.few, "usual": self.usual, "all": self.all}[SIZE])


TRIPLES = 0.0005
ALL = (1.0, 1.0, TRIPLES)

SEARCHES = [
    Search(Plot(), (0.36, 0.001), (1.0, 0.004), ALL),
    Search(Plot(back=True), (0.24,), (1.0, 0.004), ALL),
    Search(Plot(groups=3), (0.14,), (1.0, 0.001), ALL),
    Search(Plot(groups=3, back=True), (0.12,), (1.0, 0.001), ALL),
    Search(Plot(uninstall=True), (0.1,), (0.5,), (1.0, 0.05)),
    Search(Plot(uninstall=True, back=True), (0.03,), (0.2,), (1.0,)),
    Search(Plot(uninstall=True, accepts=True), (0.02,), (0.2, 0.001), (1.0, 0.05)),
    Search(Plot(starts=True), (0.02,), (0.2, 0.001), (1.0, 0.05)),
    Search(Plot(sites=True), (0.015,), (0.2, 0.001), (1.0, 0.05)),
    Search(Plot(sites=True, stays=True), (0.02,), (0.2, 0.001), (1.0, 0.05)),
    Search(Plot(sites=True, back=True), (0.0,), (0.1,), (1.0,)),
    Search(Plot(sites=True, uninstall=True), (0.0,), (0.1,), (1.0,)),
    Search(Plot(slack=True), (0.06,), (0.3,), (1.0, 0.01)),
    Search(Plot(slack=True, back=True), (0.02,), (0.15,), (1.0, 0.01)),
    Search(Plot(file=True), (0.03,), (0.12,), (1.0,)),
    Search(Plot(file=True, back=True), (0.0,), (0.06,), (1.0,)),
    Search(Plot(file=True, groups=3), (0.0,), (0.05,), (1.0,)),
    Search(Plot(file=True, groups=3, back=True), (0.0,), (0.05,), (1.0,)),
]

STALLS = [
    Search(Plot(stalls=True), (0.05, 0.008), (0.2, 0.01), (1.0, 0.1)),
    Search(Plot(stalls=True, back=True), (0.0,), (0.03, 0.005), (1.0, 0.05)),
    Search(Plot(stalls=True, uninstall=True), (0.015, 0.008), (0.03, 0.005), (1.0, 0.05)),
    Search(Plot(stalls=True, slack=True), (0.006, 0.003), (0.1, 0.01), (1.0, 0.05)),
]


def named(search: Search) -> str:
    return search.plot.name


TRIED = [search for search in SEARCHES if any(search.sample.shares)]
STALLED = [search for search in STALLS if any(search.sample.shares)]

LEAST = {"few": 1_000, "usual": 5_000, "all": 5_000}
"""So many schedules are in a suite that was played as a whole: a night that grew shorter, or a
search that lost its place, would else go unseen."""


@pytest.fixture(scope="module", autouse=True)
def enough() -> Iterator[None]:
    """Fail the process that ends the last search, where all have played too few schedules."""
    yield
    played = reported()
    searches = {named(search) for search in (*TRIED, *STALLED)}
    if searches <= played.keys():
        assert sum(played[search] for search in searches) >= LEAST[SIZE]


@pytest.mark.slow
@pytest.mark.parametrize("search", TRIED, ids=named)
def test_killed_at_any_effect_a_run_ends_as_undisturbed(tmp_path, search):
    schedules = explore(search.plot, small_package(tmp_path), search.sample)

    report(named(search), schedules)
    assert [s for s in schedules if s.unsafe or s.stuck] == []


@pytest.mark.slow
@pytest.mark.parametrize("search", STALLED, ids=named)
def test_a_stalled_executor_that_wakes_in_anothers_work_does_no_harm(tmp_path, search):
    schedules = explore(search.plot, small_package(tmp_path), search.sample)

    report(named(search), schedules)
    assert schedules
    assert [s for s in schedules if s.unsafe or s.stuck] == []
