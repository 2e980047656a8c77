"""Where the house stands and what it is made of, for the tests that check it."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "engine", "storage")


@cache
def own_files() -> list[Path]:
    """Return every file that is ours: what git tracks, or all but left-overs in an archive."""
    if not (ROOT / ".git").exists():
        return [path for path in ROOT.rglob("*") if path.is_file() and not _left_over(path)]
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in files if path.is_file()]


def _left_over(path: Path) -> bool:
    first, *_ = parts = path.relative_to(ROOT).parts
    hidden = first.startswith(".") and first not in {".ci", ".github", ".gitignore"}
    return hidden or "__pycache__" in parts


def own_modules(*packages: str) -> list[Path]:
    """Return our Python files in these packages."""
    return [
        path
        for path in own_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in packages
    ]


def name_of(path: Path) -> str:
    """Return a path as people write it, for messages and test names."""
    return str(path.relative_to(ROOT))
