"""Which account can read a key: told before the night, by whoever checks."""

import os
from pathlib import Path

import pytest

from bot.accounts import may_read, unreadable


@pytest.mark.parametrize(
    ("mode", "folder", "mine", "in_group", "others"),
    [
        (0o400, 0o755, True, False, False),
        (0o440, 0o755, True, True, False),
        (0o444, 0o755, True, True, True),
        (0o444, 0o750, True, True, False),
        (0o040, 0o755, False, True, False),
    ],
)
def test_the_modes_of_the_file_and_its_folder_say_who_reads_it(
    tmp_path: Path, mode: int, folder: int, mine: bool, in_group: bool, others: bool
):
    key = tmp_path / "key"
    key.write_text("secret")
    key.chmod(mode)
    tmp_path.chmod(folder)
    seen = key.stat()

    assert may_read(key, seen.st_uid, ()) is mine
    assert may_read(key, seen.st_uid + 1, (seen.st_gid,)) is in_group
    assert may_read(key, seen.st_uid + 1, (seen.st_gid + 1,)) is others
    tmp_path.chmod(0o700)


def test_a_key_that_the_service_cannot_read_is_named_with_who_looked(tmp_path: Path):
    key, packages = tmp_path / "key", tmp_path / "packages"
    key.write_text("secret")
    packages.mkdir()
    tmp_path.chmod(0o755)
    if os.geteuid() == 0:
        key.chmod(0o600)
        os.chown(packages, 54321, 54321)
        expected = f"{key} cannot be read by user 54321, who owns {packages} and so should be who"
    else:
        key.chmod(0)
        expected = f"{key} cannot be read by "

    (told,) = unreadable([key, tmp_path / "not there"], packages)
    assert told.startswith(expected)
    assert "who runs this check" in told

    key.chmod(0o644)
    assert list(unreadable([key], packages)) == []
