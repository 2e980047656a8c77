"""The first schema: journal, runs, inbox, deliveries, leases, evidence.

Spelled out and not taken from `storage.tables`: what once ran must stay what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("stream", KEY, primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("group", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("occupies", sa.Boolean(), nullable=False),
        sa.Column("wake_at", MOMENT),
        sa.Column("last_seq", sa.Integer(), nullable=False),
    )
    op.create_index(
        "runs_one_occupies_a_group",
        "runs",
        ["group"],
        unique=True,
        sqlite_where=sa.text("open = 1 AND occupies = 1"),
        postgresql_where=sa.text("open AND occupies"),
    )
    op.create_index(
        "runs_due",
        "runs",
        ["wake_at"],
        sqlite_where=sa.text("open = 1"),
        postgresql_where=sa.text("open"),
    )
    op.create_table(
        "inbox",
        sa.Column("place", sa.Integer(), primary_key=True),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("run", KEY),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("taken_seq", sa.Integer()),
    )
    op.create_index(
        "inbox_waiting",
        "inbox",
        ["run"],
        sqlite_where=sa.text("taken_seq IS NULL"),
        postgresql_where=sa.text("taken_seq IS NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("message_key", KEY, primary_key=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("ts", sa.String()),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
    )
    op.create_index("deliveries_place", "deliveries", ["channel", "ts"])
    op.create_table(
        "leases",
        sa.Column("resource", KEY, primary_key=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("sha256", KEY, primary_key=True),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
    )
