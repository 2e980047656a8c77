"""Every safety is switched off once, and its tests must notice: proof that they bite.

Two trials at a time. `pytest tests/mutation -k "words of its name"` tries some of them.
"""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from tests.mutation.safeties import SAFETIES
from tests.mutation.trials import Bench, Lacking, Outcome, Safety

ROOT = Path(__file__).parents[2]
AT_ONCE = 2

Trial = Callable[[Safety], Outcome]


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(ROOT, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def trial(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Trial]:
    """Begin all trials that were asked for; return how to wait for one of them."""
    asked = [
        cast("Safety", item.callspec.params["safety"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "trial" in item.fixturenames
    ]
    noticed: set[Safety] = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun: dict[Safety, Future[Outcome]] = {one: pool.submit(bench.judge, one) for one in asked}

        def ended(safety: Safety) -> Outcome:
            outcome = begun[safety].result()
            if outcome.noticed:
                noticed.add(safety)
            return outcome

        yield ended
        pool.shutdown(cancel_futures=True)
    report(len(asked), len(noticed))


def report(safeties: int, noticed: int) -> None:
    """Tell the figures of this suite to `tests/suites.py`."""
    place = os.environ.get("HOTFIX_MUTATION_REPORT")
    if place:
        Path(place).write_text(json.dumps({"safeties": safeties, "noticed": noticed}))


def test_each_safety_has_a_name_of_its_own():
    names = [safety.name for safety in SAFETIES]

    assert [name for name in names if names.count(name) > 1] == []


def test_each_safety_is_where_the_list_says(bench):
    for safety in SAFETIES:
        bench.check(safety)


@pytest.mark.slow
@pytest.mark.parametrize("safety", SAFETIES, ids=lambda safety: safety.name)
def test_a_safety_that_is_switched_off_is_noticed(safety: Safety, trial: Trial):
    try:
        outcome = trial(safety)
    except Lacking as lacking:
        pytest.skip(str(lacking))

    assert outcome.noticed, f"{outcome.what}\n{outcome.output[-3000:]}"
