"""`db.Table`: a table whose metadata is that of its bind key."""

from __future__ import annotations

from typing import Any

from waterspout.ext import needs_extra

with needs_extra("db"):
    import sqlalchemy as sa

__all__ = ["table_class"]


class _Table(sa.Table):
    """What `db.Table` is a subclass of, for type annotations."""


def table_class(db: Any) -> type[_Table]:
    """Return the class `db.Table`: ``Table(name, *columns, bind_key=None)``. Where a
    ``MetaData`` stands after the name, as SQLAlchemy has it, that one is used."""

    class Table(_Table):
        def __new__(cls, *args: object, bind_key: str | None = None, **kwargs: object) -> Any:
            if args and not (len(args) > 1 and isinstance(args[1], sa.MetaData)):
                args = (args[0], db.make_metadata(bind_key), *args[1:])
            return super().__new__(cls, *args, **kwargs)

    return Table
