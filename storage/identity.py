"""Which database this is, so that two of them never act as one.

Each has a random id, which whoever acts writes on the devices beside its epoch (`engine.fence`):
epochs of two databases grow from the same number and say nothing about each other. So:

- what `db backup` writes has no id; it gets its own when a process first opens it to act;
- what `db move` writes has a new one, and knows the ids of those whose work it goes on with;
- what was moved from says where it went, and nobody acts on it or writes a word into it again.

Question: what of a file that was copied by hand, or a server's own dump? Answer: it carries the id
along, and nobody can tell it from the original; deploy/GUARANTEES.md says so.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlmodel import select

from storage.records import Identity, StorageDown, StorageRefusal
from storage.tables import IdentityTable

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.database import Database


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
        row.id = row.id or new_id()
        session.add(row)
        session.flush()
        return identity_of(session)


def identity_of(session: Session) -> Identity:
    """Return what is kept; a copy that nobody acted on has no id yet."""
    row = session.get(IdentityTable, 1) or IdentityTable()
    return Identity(row.id, tuple(row.heir_of.split()))


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


def become(session: Session, *, heir_of: tuple[str, ...] | None) -> None:
    """Have this be another database: the heir of these, or (None) a copy with no id yet."""
    row = session.get(IdentityTable, 1) or IdentityTable()
    row.id = "" if heir_of is None else new_id()
    row.heir_of = " ".join(heir_of or ())
    row.moved_to = ""
    session.add(row)


def mark_moved(database: Database, where: str) -> None:
    """Say, durably and before anything is copied, where everything goes; "" takes it back."""
    with database.write() as session:
        row = session.get(IdentityTable, 1) or IdentityTable()
        row.moved_to = where
        session.add(row)
