"""Which database this is: an id of its own, whose work it goes on with, and where it went."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    identity = op.create_table(
        "identity",
        sa.Column("row", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("heir_of", sa.String(), nullable=False),
        sa.Column("moved_to", sa.String(), nullable=False),
    )
    row = {"row": 1, "id": secrets.token_hex(8), "heir_of": "", "moved_to": ""}
    op.bulk_insert(identity, [row])
