"""Which database this is, so that two of them never act as one.

Each has a random id, which whoever acts writes on the devices beside its epoch (`engine.fence`):
epochs of two databases grow from the same number and say nothing about each other. So:

- what `db backup` writes has no id; it gets its own when a process first opens it to act. Which
  runs are open in it is written down at that moment: nobody may go on with those before a person
  has looked (`engine.restored`);
- what `db move` writes has a new one, and knows the ids of those whose work it goes on with;
- what was moved from says where it went, and nobody acts on it or writes a word into it again.

Question: what of a file that was copied by hand, or a server's own dump? Answer: it carries the id
along, and nobody can tell it from the original; deploy/GUARANTEES.md says so.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlmodel import col, select

from storage.records import Copied, Identity, StorageDown, StorageRefusal
from storage.tables import IdentityTable, JournalTable, RunsTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from storage.database import Database


NOTHING = "-"
"""Stands where a copy holds no record."""


def new_id() -> str:
    """Return an id that no other database has."""
    return secrets.token_hex(8)


def settle(database: Database) -> Identity:
    """Return which database this is; one that never had an id gets it before anybody acts."""
    with database.read() as session:
        found = identity_of(session)
    if found.id or not database.acting:
        return found
    with database.write() as session:
        database.lock(session, ["identity"])
        row = session.get(IdentityTable, 1) or IdentityTable()
        if not row.id:
            row.id = new_id()
            row.copied = _as_found(session, row.id)
        session.add(row)
        session.flush()
        return identity_of(session)


def identity_of(session: Session) -> Identity:
    """Return what is kept; a copy that nobody acted on has no id yet."""
    row = session.get(IdentityTable, 1) or IdentityTable()
    return Identity(row.id, tuple(row.heir_of.split()), _copied(row.copied))


def _as_found(session: Session, name: str) -> str:
    """Say what a copy holds as somebody first acts on it: its newest record, its open runs."""
    runs = session.exec(select(RunsTable.id).where(col(RunsTable.open)).order_by(RunsTable.id))
    return " ".join([name, _newest(session), *runs])


def _newest(session: Session) -> str:
    """Return the moment of the newest record, or `-` where there is none, or none to be read."""
    try:
        last = session.exec(select(func.max(JournalTable.at))).first()
    except ValueError:
        return NOTHING
    if last is None:
        return NOTHING
    # SQLite keeps moments in UTC, without a zone.
    return (last if last.tzinfo is not None else last.replace(tzinfo=UTC)).isoformat()


def also_copied(session: Session, runs: Iterable[str]) -> None:
    """Have runs be among those that a copy held, where this is one: its index did not say it."""
    row = session.get(IdentityTable, 1)
    if row is None or not row.copied:
        return
    name, last, *known = row.copied.split()
    row.copied = " ".join([name, last, *sorted({*known, *runs})])
    session.add(row)


def _copied(said: str | None) -> Copied | None:
    if not said:
        return None
    name, last, *runs = said.split()
    return Copied(name, None if last == NOTHING else datetime.fromisoformat(last), frozenset(runs))


def moved_to(session: Session) -> str:
    """Return where everything went that was in here, or ""."""
    return session.exec(select(IdentityTable.moved_to)).first() or ""


def refuse_moved(database: Database) -> None:
    """Raise where everything went elsewhere.

    Raises:
        StorageRefusal: it did; the sentence says where.
    """
    with database.read() as session:
        where = moved_to(session)
    if where:
        raise StorageRefusal(in_words(where))


def refuse_word_after_move(session: Session) -> None:
    """Raise where everything went elsewhere while we were open; else it stays until we commit.

    Raises:
        StorageDown: nothing that is written here would ever be read.
    """
    query = select(IdentityTable.moved_to).with_for_update(read=True)
    where = session.exec(query).first() or ""
    if where:
        raise StorageDown(in_words(where))


def in_words(where: str) -> str:
    """Say that a database is one no more, and what leads on."""
    return (
        f"this database was moved to {where}: name that one as url in [storage]. "
        "If the move never came to its end, run hotfix-bot db move once more; if the other is "
        "lost, hotfix-bot db backup writes a copy of this one that can be used"
    )


def become_copy(session: Session) -> None:
    """Have this be a copy of what it was, with no id yet."""
    session.merge(IdentityTable(row=1))


def become_heir(session: Session, of: Session) -> None:
    """Have this be another database, which goes on with the work of one that was moved here.

    What that one never saw as a copy, this one did not see either.
    """
    theirs = of.get(IdentityTable, 1) or IdentityTable()
    heir_of = f"{theirs.id} {theirs.heir_of}".strip()
    session.merge(IdentityTable(row=1, id=new_id(), heir_of=heir_of, copied=theirs.copied))


def mark_moved(database: Database, where: str) -> None:
    """Say, durably and before anything is copied, where everything goes; "" takes it back."""
    with database.write() as session:
        row = session.get(IdentityTable, 1) or IdentityTable()
        row.moved_to = where
        session.add(row)
