"""What serves people starts without what only migrates, draws or colours.

structlog loads rich by itself where it finds it; so the test takes the three away, and asks that
nobody on the way misses them.
"""

import subprocess
import sys
from pathlib import Path

from tests.architecture.house import ROOT

# All of `hotfix-bot serve` up to the first word with Slack.
START = """
import sys

for absent in sys.argv[2:]:
    sys.modules[absent] = None

from bot import __main__ as command_line
from bot.logs import set_up_logging
from bot.redaction import Redactor
from storage.stores import open_stores

set_up_logging(Redactor([]), as_json=True)
open_stores(sys.argv[1], acting=True).close()
command_line.app(["serve", "--config", "there-is-none.toml"])
"""


def start(database: str, where: Path, absent: list[str]) -> str:
    """Return what a start says that finds no settings; nothing else may go wrong on the way."""
    done = subprocess.run(
        [sys.executable, "-c", START, database, *absent],
        cwd=where,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stderr


def test_serving_needs_neither_alembic_nor_rich_nor_matplotlib(tmp_path: Path):
    database = f"sqlite:///{tmp_path}/bot.sqlite3"
    start(database, tmp_path, absent=[])  # makes the tables

    said = start(database, tmp_path, absent=["alembic", "rich", "matplotlib"])

    assert "there-is-none.toml: cannot be read" in said, said
    assert "Traceback" not in said, said


def test_a_start_that_needs_what_is_absent_is_noticed(tmp_path: Path):
    said = start(f"sqlite:///{tmp_path}/new.sqlite3", tmp_path, absent=["alembic"])

    assert "alembic" in said
    assert "cannot be read" not in said
