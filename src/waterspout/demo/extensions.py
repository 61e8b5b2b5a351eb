"""The extensions, without an application: `make_app` joins them to one."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase

from waterspout.ext.auth import LoginManager
from waterspout.ext.cache import Cache
from waterspout.ext.db import ModelMixin, SQLAlchemy
from waterspout.ext.forms import CSRFProtect
from waterspout.ext.limits import Limiter
from waterspout.ext.limits.util import get_remote_address
from waterspout.ext.logs import Logs
from waterspout.ext.mail import Mail
from waterspout.ext.migrate import Migrate
from waterspout.ext.rooms import Rooms
from waterspout.ext.sessions import Session
from waterspout.ext.tasks import Tasks

__all__ = [
    "Model",
    "cache",
    "csrf",
    "db",
    "limiter",
    "logs",
    "mail",
    "migrate",
    "rooms",
    "sessions",
    "tasks",
    "users",
]


class Model(ModelMixin, DeclarativeBase):
    """The base of the models; their tables have the class's name in snake case."""


cache = Cache()
csrf = CSRFProtect()
db = SQLAlchemy(model_class=Model)
limiter = Limiter(get_remote_address)
logs = Logs()
mail = Mail()
migrate = Migrate()
rooms = Rooms()
sessions = Session()
tasks = Tasks()
users = LoginManager()
