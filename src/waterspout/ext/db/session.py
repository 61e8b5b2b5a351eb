"""The session that finds the database of a table, and what keeps one for each context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from waterspout import app_ctx, current_app
from waterspout.ext import needs_extra

from .types import Row

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import exc, orm

__all__ = ["ContextRegistry", "Session"]

S = TypeVar("S")


class Session(orm.Session):
    """SQLAlchemy's session, which uses the engine of a table's bind key.

    A subclass becomes `db.session` by ``SQLAlchemy(session_options={"class_": MySession})``.
    *engines* are those to use in place of ``db.engines``.
    """

    def __init__(
        self,
        db: Any,
        engines: Mapping[str | None, sa.Engine | sa.Connection] | None = None,
        **kwargs: Any,
    ) -> None:
        # Within a transaction that somebody else has begun, a commit ends a savepoint of ours.
        kwargs.setdefault("join_transaction_mode", "create_savepoint")
        super().__init__(**kwargs)
        self._db = db
        self._engines = engines
        self.model_changes: dict[object, tuple[Row, str]] = {}

    def add(self, instance: object, *args: Any, **kwargs: Any) -> None:
        """Put *instance* into the session.

        Raises:
            InvalidRequestError: It belongs to another session.
        """
        try:
            super().add(instance, *args, **kwargs)
        except exc.InvalidRequestError as error:
            raise _explained(error) from error

    def refresh(self, instance: object, *args: Any, **kwargs: Any) -> None:
        """Read *instance* anew.

        Raises:
            InvalidRequestError: It belongs to another session, or to none.
        """
        try:
            super().refresh(instance, *args, **kwargs)
        except exc.InvalidRequestError as error:
            raise _explained(error) from error

    def get_bind(
        self,
        mapper: Any = None,
        *,
        clause: Any = None,
        bind: sa.Engine | sa.Connection | None = None,
        **kwargs: Any,
    ) -> sa.Engine | sa.Connection:
        """Return *bind*, or the engine of the mapped class's or the clause's table, or the default
        one.

        Raises:
            UnboundExecutionError: There is no database for the table's bind key.
        """
        if bind is not None:
            return bind
        engines = self._db.session_binds if self._engines is None else self._engines
        tables = []
        if mapper is not None:
            try:
                tables.append(sa.inspect(mapper).local_table)
            except exc.NoInspectionAvailable as error:
                if isinstance(mapper, type):
                    raise orm.exc.UnmappedClassError(mapper) from error
                raise
        if isinstance(clause, sa.UpdateBase):
            tables.append(clause.table)
        elif clause is not None:
            tables.append(clause)
        for table in tables:
            engine = _engine_of(table, engines)
            if engine is not None:
                return engine
        if None in engines:
            return engines[None]
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kwargs)


def _explained(error: exc.InvalidRequestError) -> exc.InvalidRequestError:
    """Return an error that says what to do about a row of another session: `db.session` and
    `db.async_session` have their own."""
    if "already attached" not in str(error) and "not persistent" not in str(error):
        return error
    return exc.InvalidRequestError(
        f"{error}. A row belongs to the session that has loaded it, db.session or db.async_session;"
        " current_user to that of its loader. Bring it over by 'row = await"
        " db.async_session.merge(row)' ('db.session.merge(row)' in def code), or write its key:"
        " author_id=current_user.id."
    )


def _engine_of(
    table: object, engines: Mapping[str | None, sa.Engine | sa.Connection]
) -> sa.Engine | sa.Connection | None:
    """Return the engine for a table that belongs to a bind key, None for what does not."""
    if not isinstance(table, sa.Table) or "bind_key" not in table.metadata.info:
        return None
    key = table.metadata.info["bind_key"]
    if key not in engines:
        raise exc.UnboundExecutionError(f"Bind key '{key}' is not in 'SQLALCHEMY_BINDS' config.")
    return engines[key]


class ContextRegistry(Generic[S]):
    """One session for each application context, made on first use, with the face of SQLAlchemy's
    `ScopedRegistry`. *end*, `def` or ``async def``, is called when the context ends.

    A session is held by its context alone. So none is seen by a later one, as it is where
    contexts are told apart by numbers that are used again.
    """

    def __init__(
        self, createfunc: Callable[[], S], end: Callable[[], object], blocks: bool = False
    ) -> None:
        self.createfunc = createfunc
        self._end = end
        self._blocks = blocks
        self._sessions: WeakKeyDictionary[Any, S] = WeakKeyDictionary()

    def __call__(self) -> S:
        """Return the session of the current context."""
        found = self._sessions.get(_context())
        return self._begin(self.createfunc()) if found is None else found

    def has(self) -> bool:
        """Whether the current context has a session."""
        return _context() in self._sessions

    def set(self, session: S) -> None:
        """Have *session* for the current context."""
        self._begin(session)

    def clear(self) -> None:
        """Forget the session of the current context."""
        self.pop()

    def pop(self) -> S | None:
        """Forget the session of the current context, and return it."""
        return self._sessions.pop(_context(), None)

    def _begin(self, session: S) -> S:
        if self._blocks:
            _warn_of_loop()
        context = _context()
        self._sessions[context] = session
        context.call_on_close(self._end)
        return session


def _context() -> Any:
    return app_ctx._get_current_object()  # type: ignore[attr-defined]  # a proxy


def _warn_of_loop() -> None:
    """In debug mode, say that `db.session` holds up the event loop it is used on."""
    if asyncio._get_running_loop() is not None and current_app.debug:
        current_app.logger.warning(
            "db.session is used on the event loop, and holds up all requests while it waits for"
            " the database: use 'await db.async_session…' here, or a 'def' view."
        )
