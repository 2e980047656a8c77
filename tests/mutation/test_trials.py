"""The trials themselves, on a tiny tree: what is noticed, and what must not pass for it."""

from pathlib import Path

import pytest

from tests.mutation.trials import Bench, Edit, Safety, Stale

GATE = """
def may_start(votes):
    if votes < 2:
        return False
    return True
"""

TESTS = """
import pytest
from engine.gate import may_start

def test_one_vote_is_not_enough():
    assert not may_start(1)

def test_two_are():
    assert may_start(2)

def test_that_fails_anyway():
    assert may_start(0)

@pytest.fixture
def stage():
    assert not may_start(1)

def test_on_a_stage(stage):
    pass

def test_that_lacks_something():
    pytest.skip("needs postgres: not installed")
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root = tmp_path / "root"
    # A package with an `__init__`: else the installed engine would be taken for it.
    files = {"engine/__init__.py": "", "engine/gate.py": GATE, "tests/test_gate.py": TESTS}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-ra"\n')
    (tmp_path / "copies").mkdir()
    return Bench(root, tmp_path / "copies")


def safety(old: str, new: str, *tests: str) -> Safety:
    named = tuple(f"test_gate.py::{test}" for test in tests or ("test_one_vote_is_not_enough",))
    return Safety("votes are counted", "P2", "", (Edit("engine/gate.py", old, new),), named)


def test_a_safety_whose_test_fails_without_it_is_noticed(bench):
    assert bench.judge(safety("votes < 2", "False")).noticed


def test_a_safety_that_no_test_misses_is_not_noticed(bench):
    outcome = bench.judge(safety("votes < 2", "False", "test_two_are"))

    assert not outcome.noticed
    assert outcome.what == "its tests pass all the same"


@pytest.mark.parametrize("old", ["votes < 3", "return", "votes < 2\n"])
def test_text_that_does_not_stand_there_exactly_once_fails(bench, old):
    with pytest.raises(Stale, match=r"engine/gate\.py stands [02] times"):
        bench.judge(safety(old, "False"))


def test_an_edit_that_changes_nothing_fails(bench):
    with pytest.raises(Stale, match="stays as it is"):
        bench.judge(safety("votes < 2", "votes < 2"))


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("votes <", "could not run"),
        ("nothing_of_this_name", "the code is broken, not less safe: NameError"),
    ],
)
def test_code_that_is_broken_is_not_noticed(bench, new, told):
    outcome = bench.judge(safety("votes < 2", new))

    assert not outcome.noticed
    assert told in outcome.what


@pytest.mark.parametrize("test", ["test_that_fails_anyway", "test_that_is_not_there"])
def test_a_test_that_does_not_pass_before_proves_nothing(bench, test):
    outcome = bench.judge(safety("votes < 2", "False", test))

    assert not outcome.noticed
    assert outcome.what == "its tests do not pass on the code as it is"


def test_a_stage_that_cannot_be_set_is_not_noticed(bench):
    outcome = bench.judge(safety("votes < 2", "False", "test_on_a_stage"))

    assert not outcome.noticed
    assert outcome.what == "no test failed, something around it did"


def test_a_test_that_was_skipped_proves_nothing(bench):
    with pytest.raises(Exception, match="needs postgres: not installed"):
        bench.judge(safety("votes < 2", "False", "test_that_lacks_something"))
