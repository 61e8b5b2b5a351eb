"""How Alembic runs the migrations in this folder, for `waterspout db`."""

from waterspout.ext.migrate.environment import run_migrations

# What stands here is passed on to alembic's `context.configure`, for instance:
# run_migrations(include_schemas=True, compare_server_default=True)
run_migrations()
