"""Alembic's entry point: it migrates the connection that `migrations.upgrade` gives it."""

from alembic import context

from askcli.store import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=tables.users.metadata, render_as_batch=True
)
# No transaction of Alembic's own: the caller holds one, with the lock that makes it safe.
context.run_migrations()
