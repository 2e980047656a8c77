"""Brings the schema to the revision that this version of Hotfix Bot knows.

Alembic is imported only when something is to be done, so that a normal start does not pay for it;
what is stored is looked up with plain SQL, and `REVISIONS` says here what the files in
`migrations/versions` say there (the contract suite compares them).

Question: may a command line migrate? Answer: it may create a schema that is not there on a server,
but nothing in a file, whose name may be mistaken; and it may never change one, since the running
process of the version before still uses it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from storage.database import Database
from storage.records import NewerDatabase, StorageRefusal
from storage.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

REVISIONS = ("0001", "0002", "0003")
"""Every revision there ever was, oldest first; the last is the one this code works with."""

FIRST_TABLES = frozenset(("journal", "runs", "inbox"))
"""What our databases had from the first revision on: who has them all is one of ours."""


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring a database to the newest revision; return the one it had, if any, and the new one.

    Raises:
        DatabaseInUse: a process acts on this embedded database.
        NewerDatabase: a newer version has written it.
        StorageDown: it is damaged, or does not answer.
    """
    with closing(Database(url, acting=True)) as database:
        database.refuse_damaged()
        before = stored_revision(database)
        make_current(database)
    return before, REVISIONS[-1]


def make_current(database: Database) -> None:
    """Create or upgrade the schema where it is due.

    Raises:
        NewerDatabase: a newer version has written it.
        StorageRefusal: it is older, and this process does not act.
    """
    revision = stored_revision(database)
    if revision == REVISIONS[-1]:
        return
    if revision is None and database.embedded and not database.acting:
        raise StorageRefusal(
            f"{database.shown} is no database of Hotfix Bot: it is empty;"
            " hotfix-bot serve makes one there"
        )
    if revision is not None and revision not in REVISIONS:
        raise NewerDatabase(
            f"the database has revision {revision}; this version of Hotfix Bot knows"
            f" up to {REVISIONS[-1]}: install the version that wrote it, or a newer one"
        )
    if revision is not None and not database.acting:
        raise StorageRefusal(
            f"the database has revision {revision} and needs {REVISIONS[-1]}:"
            " start the new version of the service, or run hotfix-bot db upgrade"
        )
    with database.alter() as connection:
        _run_alembic(connection)


def stored_revision(database: Database) -> str | None:
    """Return the revision written in the database, or None where there is no schema yet.

    Raises:
        StorageRefusal: it has our tables, but does not say of which revision they are; or it has
            tables of another program.
    """
    revision: str | None = None
    with database.read() as session:
        connection = session.connection()
        # In this order: both come in one transaction, maybe between these two looks.
        tables = set(inspect(connection).get_table_names())
        if inspect(connection).has_table("alembic_version"):
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is not None:
        return revision
    if tables >= FIRST_TABLES:
        raise StorageRefusal(
            "the database has its tables, but not their revision (alembic_version is lost): "
            "go on with a backup"
        )
    strange = tables - {"alembic_version"} if database.embedded else tables & METADATA.tables.keys()
    if strange:
        raise StorageRefusal(
            f"{database.shown} is no database of Hotfix Bot: it is not empty, and holds tables"
            f" of another program ({', '.join(sorted(strange)[:3])})"
        )
    return None


def _run_alembic(connection: Connection) -> None:
    """Run what is missing inside the transaction of this connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
