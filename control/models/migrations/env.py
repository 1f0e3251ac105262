"""Alembic's entry: runs the migrations over the connection it is handed."""

from alembic import context

from control.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter most things in place; Alembic then rebuilds the table
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
