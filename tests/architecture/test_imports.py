"""The contracts of import-linter hold, and each of them would notice."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.house import PACKAGES, ROOT

LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"

# One line for each contract that breaks it, and where to put it.
PLANTED = {
    "bot drives engine, engine writes to storage, never upwards": (
        "storage/records.py",
        "import engine.model",
    ),
    "engine sees of storage only its records": ("engine/ports.py", "import storage.memory"),
    "only wiring names stores": ("bot/__init__.py", "import storage.memory"),
    "Slack stays in bot": ("engine/ports.py", "import aiohttp"),
    "SSH stays in two engine modules": ("bot/__init__.py", "import asyncssh"),
    "the alarm clock stays in one module": ("bot/__init__.py", "import apscheduler"),
    "SQL stays in storage": ("bot/__init__.py", "import sqlalchemy"),
    "stand-ins are known only to those who set the stage": (
        "bot/commands/reading.py",
        "import engine.rehearsal",
    ),
    "the rehearsal and the parser are written apart, so that one checks the other": (
        "engine/gaia/__init__.py",
        "import engine.rehearsal",
    ),
    "judges do not share the judged one's mind": (
        "engine/rehearsal/witness.py",
        "import engine.gates",
    ),
    "inside engine: verbs know nouns, nouns know nobody": (
        "engine/errors.py",
        "import engine.ports",
    ),
    "no import cycles between siblings": ("storage/records.py", "import storage.memory"),
}


def lint_imports(where: Path) -> str:
    """Return what lint-imports says of the house that stands there."""
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_every_contract_is_kept():
    said = lint_imports(ROOT)

    assert ", 0 broken." in said, said


def test_every_contract_notices_what_breaks_it(tmp_path: Path):
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in PLANTED.values():
        with (tmp_path / name).open("a") as module:
            module.write(f"\n{line}\n")

    said = lint_imports(tmp_path)

    for contract in PLANTED:
        assert f"{contract} BROKEN" in said, said
    assert "Contracts: 0 kept" in said, said
