"""That a database began as a copy, with which runs open; and how long each lease lasts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity", sa.Column("copied", sa.String()))
    op.add_column(
        "leases", sa.Column("life_s", sa.Float(), nullable=False, server_default=sa.text("0"))
    )
