"""How Alembic runs the migrations in this folder, for ``waterspout db`` and the first start."""

from waterspout.ext.migrate.environment import run_migrations

run_migrations()
