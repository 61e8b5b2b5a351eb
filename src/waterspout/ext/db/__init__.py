"""Databases by SQLAlchemy: models, sessions bound to the request, pages, several databases.

    from waterspout.ext.db import SQLAlchemy

    db = SQLAlchemy(app)

    class User(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)

It takes the place of Flask-SQLAlchemy 3.1, with the same names in the same modules. `def` code uses
`db.session`, `async def` code and request handlers use `db.async_session`. See ``docs/db.md``.
"""

from __future__ import annotations

from .asynchronous import NotLoaded
from .extension import SQLAlchemy
from .model import ModelMixin
from .unavailable import DatabaseUnavailable

__all__ = ["DatabaseUnavailable", "ModelMixin", "NotLoaded", "SQLAlchemy"]
