"""What Alembic runs: the migrations, on the connection that `storage.migrate` hands over.

Alembic executes this file; nobody imports it.
"""

from __future__ import annotations

from alembic import context

from storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a column only by copying its table
    transactional_ddl=True,  # ours begins its transactions by hand, so its DDL rolls back too
)
with context.begin_transaction():
    context.run_migrations()
