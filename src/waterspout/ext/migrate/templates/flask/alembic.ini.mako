# Settings of Alembic for this folder; the database is the application's.

[alembic]
# file_template = %%(year)d_%%(month).2d_%%(day).2d_%%(rev)s_%%(slug)s

# What the commands log, on the standard error.

[loggers]
keys = root, alembic, waterspout

[handlers]
keys = console

[formatters]
keys = short

[logger_root]
level = WARNING
handlers = console

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[logger_waterspout]
level = INFO
handlers =
qualname = waterspout.migrate

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = short

[formatter_short]
format = %(levelname)-5.5s [%(name)s] %(message)s
