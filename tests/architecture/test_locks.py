"""The lock files pin everything the project names, by hash, and no place to get it from."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, name_of

LOCKS = [ROOT / "deploy" / "requirements.lock", ROOT / "tests" / "requirements.lock"]
PINNED = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)(?: ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(lock: Path) -> dict[str, str]:
    """Return the version of each package."""
    found = (PINNED.match(line) for line in lock.read_text().splitlines())
    return {match[1]: match[2] for match in found if match}


def named_in(requirements: list[str]) -> set[str]:
    """Return the names in requirements, as lock files spell them."""
    names = (re.match(r"[\w.-]+", requirement) for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in names if name}


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_a_lock_holds_pins_hashes_and_remarks_only(lock: Path):
    for line in lock.read_text().splitlines():
        assert PINNED.match(line) or HASH.match(line) or line.startswith("    #"), line


def test_the_locks_pin_what_the_project_names():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run_time = named_in(pyproject["project"]["dependencies"])
    tests = named_in(
        pyproject["project"]["optional-dependencies"]["test"]
        + pyproject["dependency-groups"]["check"]
    )

    assert run_time <= pins(LOCKS[0]).keys()
    assert run_time | tests <= pins(LOCKS[1]).keys()


def test_the_tests_run_with_the_versions_that_users_get():
    deployed, tested = pins(LOCKS[0]), pins(LOCKS[1])

    assert deployed.items() <= tested.items()
