"""Whether the account that runs the service can read a file, as far as whoever checks can see.

Question: which account is that, where an administrator checks as root? Answer: the owner of the
packages' folder, which the service writes beside. Where that is root too nothing is judged but
that the file can be read now. Given up: access lists, and folders further up than the file's own.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path


def unreadable(files: Iterable[Path], owned: Path) -> Iterator[str]:
    """Say which of these files the service could not read; one that is not there is not judged.

    Args:
        files: what the service reads.
        owned: a folder that belongs to the account that runs it.
    """
    me = os.geteuid()
    there = [path for path in files if path.is_file()]
    for path in there:
        if not os.access(path, os.R_OK):
            yield f"{path} cannot be read by {_named(me)}, who runs this check"
    runs = owned.stat().st_uid if owned.is_dir() else me
    if me != 0 or runs == me:
        return
    for path in there:
        if not may_read(path, runs, _groups_of(runs)):
            yield (
                f"{path} cannot be read by {_named(runs)}, who owns {owned} and so should be who "
                f"runs the service (looked up by root, who runs this check): chown it"
            )


def may_read(path: Path, uid: int, gids: Collection[int]) -> bool:
    """Tell whether an account can read a file, by the modes of the file and of its folder."""
    return _lets(path, uid, gids, 0o4) and _lets(path.parent, uid, gids, 0o1)


def _lets(path: Path, uid: int, gids: Collection[int], bit: int) -> bool:
    seen = path.stat()
    if seen.st_uid == uid:
        return bool(seen.st_mode & bit << 6)
    return bool(seen.st_mode & (bit << 3 if seen.st_gid in gids else bit))


def _named(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _groups_of(uid: int) -> Collection[int]:
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return ()
    return os.getgrouplist(account.pw_name, account.pw_gid)
