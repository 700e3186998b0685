"""alembic's entry: runs the versions on the connection that ``upgrade`` holds the lock with."""

from __future__ import annotations

from alembic import context

from fleet_collector.tables import METADATA
from fleet_migrations import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
