"""A program of 2015: Flask-Script's manager with Flask-Migrate's command."""

from flask.ext.script import Manager
from flask_migrate import MigrateCommand
from migrate_program import create_app

manager = Manager(create_app)
manager.add_command("db", MigrateCommand)

if __name__ == "__main__":
    manager.run()
