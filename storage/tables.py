"""The tables, all of them. Only shapes: who reads and writes them is in the stores.

A body is kept as the canonical JSON text that was hashed, not as a JSON type: a database that
sorts keys or rewrites numbers would break the chain. Keys compare byte by byte on every database
(PostgreSQL would otherwise sort by the language of the server).

The conditions of partial indexes are in the words that our queries have on that database, since
SQLite uses such an index only for a query that says the same.

A change here needs a new file in `migrations/versions` and its name in `migrate.REVISIONS`; the
contract suite compares the two.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, Text, text
from sqlmodel import Field, SQLModel

METADATA = SQLModel.metadata

Key = String().with_variant(String(collation="C"), "postgresql")


class JournalTable(SQLModel, table=True):
    """Everything that happened: the only truth. Rows are never changed."""

    __tablename__ = "journal"

    stream: str = Field(primary_key=True, sa_type=Key)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: int
    kind: str
    at: datetime
    by: str
    body: str = Field(sa_type=Text)
    prev: str
    hash: str


class RunsTable(SQLModel, table=True):
    """Index of runs, derived from the journal."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "runs_one_occupies_a_group",
            "group",
            unique=True,
            sqlite_where=text("open = 1 AND occupies = 1"),
            postgresql_where=text("open AND occupies"),
        ),
        Index(
            "runs_due",
            "wake_at",
            sqlite_where=text("open = 1"),
            postgresql_where=text("open"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    group: str = Field(sa_type=Key)
    kind: str
    open: bool
    occupies: bool
    wake_at: datetime | None = None
    last_seq: int


class InboxTable(SQLModel, table=True):
    """Heard, not yet decided. `place` is the order in which it was heard; see `InboxStore`."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index(
            "inbox_waiting",
            "run",
            sqlite_where=text("taken_seq IS NULL"),
            postgresql_where=text("taken_seq IS NULL"),
        ),
    )

    place: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, sa_type=Key)
    run: str | None = Field(default=None, sa_type=Key)
    kind: str
    body: str = Field(sa_type=Text)
    at: datetime
    taken_seq: int | None = None


class DeliveriesTable(SQLModel, table=True):
    """Where Slack was told what."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_place", "channel", "ts"),)

    message_key: str = Field(primary_key=True, sa_type=Key)
    channel: str
    ts: str | None = None
    digest: str
    state: str


class LeasesTable(SQLModel, table=True):
    """Who may act or speak; a row is never deleted, so that an epoch never shrinks."""

    __tablename__ = "leases"

    resource: str = Field(primary_key=True, sa_type=Key)
    holder: str
    epoch: int
    expires_at: datetime
    life_s: float = 0.0


class IdentityTable(SQLModel, table=True):
    """Which database this is: one row. See `storage.identity`."""

    __tablename__ = "identity"

    row: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: str = ""
    heir_of: str = ""
    moved_to: str = ""
    copied: str | None = None


class EvidenceTable(SQLModel, table=True):
    """Long outputs by hash."""

    __tablename__ = "evidence"

    sha256: str = Field(primary_key=True, sa_type=Key)
    blob: bytes = Field(sa_type=LargeBinary)


HOLDINGS = tuple(table for table in METADATA.sorted_tables if table.name != "identity")
"""The tables of what a database holds, without which database it is."""
