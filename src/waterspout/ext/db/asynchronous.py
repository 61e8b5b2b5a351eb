"""The half of `SQLAlchemy` for `async def` code: `async_session` and the ``async_…`` methods."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from waterspout import abort
from waterspout.ext import needs_extra
from waterspout.typing import Kwargs

from .pagination import Pagination, SelectPagination
from .session import ContextRegistry, Session
from .types import Row
from .unavailable import DatabaseUnavailable

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import event, exc
    from sqlalchemy.ext.asyncio import (
        AsyncEngine,
        AsyncSession,
        async_scoped_session,
        async_sessionmaker,
    )
    from sqlalchemy.util.concurrency import in_greenlet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engines import AppEngines

__all__ = ["AsyncSessions", "NotLoaded"]

T = TypeVar("T")

#: The task that closes a session with its loop, among the session's ``info``.
_CLOSING = "waterspout.closing"


class NotLoaded(exc.MissingGreenlet):
    """An attribute was read that its query had not loaded, in `async def` code, which cannot wait
    for the database in the middle of an expression."""


class AsyncSessions:
    """What `SQLAlchemy` has for `async def` views, request handlers and tasks on the event loop."""

    #: The session of the current context, for ``async def`` code; closed when the context ends.
    async_session: async_scoped_session[AsyncSession]
    _async_sync_class: type[object]

    def _engines_here(self) -> AppEngines:
        raise NotImplementedError

    def _set_up_async(self, options: Kwargs) -> None:
        """Make `async_session` with the *options* of the session."""
        of_session = {k: v for k, v in options.items() if k not in {"class_", "query_cls"}}
        # What was read stays readable after a commit: to load it anew would have to be awaited.
        of_session.setdefault("expire_on_commit", False)
        kind = options.get("class_", Session)
        self._async_sync_class = type(kind.__name__, (kind,), {})
        event.listen(self._async_sync_class, "do_orm_execute", _refuse_hidden_loads)
        factory = async_sessionmaker(sync_session_class=self._async_sync_class, **of_session)

        def make() -> AsyncSession:
            engines = self._engines_here()
            made: AsyncSession = factory(db=self, engines=engines.binds_on_loop())
            if not engines.serves_here():
                closing = asyncio.get_running_loop().create_task(_close_with_loop(made))
                made.info[_CLOSING] = closing
            return made

        self._async_sessions = ContextRegistry(make, self._close_async_session)
        self.async_session = async_scoped_session(factory, object)
        self.async_session.registry = self._async_sessions  # type: ignore[assignment]  # it has the same methods

    async def _close_async_session(self) -> None:
        session = self._async_sessions.pop()
        if session is None:  # the program has called `remove`
            return
        closing = session.info.pop(_CLOSING, None)
        try:
            await session.close()
        except DatabaseUnavailable:  # there is nothing to be undone any more
            await session.invalidate()
        if closing is not None:
            closing.cancel()

    @property
    def async_engines(self) -> Mapping[str | None, AsyncEngine]:
        """The current application's engines on the running loop, by bind key.

        Raises:
            RuntimeError: There is no application context, or no event loop runs here.
        """
        return self._engines_here().on_loop()

    @property
    def async_engine(self) -> AsyncEngine:
        """The engine of the default database on the running loop."""
        return self.async_engines[None]

    async def async_get_or_404(
        self, entity: type[T], ident: Any, *, description: str | None = None, **kwargs: Any
    ) -> T:
        """Return the row of *entity* with the primary key *ident*.

        Raises:
            NotFound: There is none; *description* is shown on the page.
        """
        found = await self.async_session.get(entity, ident, **kwargs)
        if found is None:
            abort(404, description=description)
        return found

    async def async_first_or_404(
        self, statement: sa.Select[object], *, description: str | None = None
    ) -> Row:
        """Return the first result of *statement*: an object, or the first column.

        Raises:
            NotFound: There is none.
        """
        found = (await self.async_session.execute(statement)).scalar()
        if found is None:
            abort(404, description=description)
        return found

    async def async_one_or_404(
        self, statement: sa.Select[object], *, description: str | None = None
    ) -> Row:
        """Return the only result of *statement*.

        Raises:
            NotFound: There is none, or there are several.
        """
        try:
            return (await self.async_session.execute(statement)).scalar_one()
        except (exc.NoResultFound, exc.MultipleResultsFound):
            abort(404, description=description)

    async def async_paginate(
        self,
        select: sa.Select[object],
        *,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination:
        """Do as `SQLAlchemy.paginate`. The page that it returns is complete; ``prev()`` and
        ``next()`` of it would have to be awaited: ask for the page by its number instead.

        Raises:
            NotFound: There is no such page, with *error_out*.
        """

        def query(session: Any) -> Pagination:
            return SelectPagination(
                page,
                per_page,
                max_per_page,
                error_out=error_out,
                count=count,
                select=select,
                session=session,
            )

        return await self.async_session().run_sync(query)


async def _close_with_loop(session: AsyncSession) -> None:
    """Close *session* before its loop is: a loop that is made for one call (a test client's, a
    script's) ends before the context does, and cancels us."""
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        if _CLOSING in session.info:
            await session.close()


def _refuse_hidden_loads(state: Any) -> None:
    """Say what was not loaded, and how to load it, where code that cannot wait asks for it."""
    if in_greenlet() or not (state.is_relationship_load or state.is_column_load):
        return
    if state.is_relationship_load:
        path = state.loader_strategy_path
        name = f"{path[0].class_.__name__}.{path[1].key}"
        why = f"{name} is not loaded"
        advice = f"add .options(selectinload({name})) to the query"
    else:
        name = state.bind_mapper.class_.__name__
        why = (
            f"A row of {name} has no values: a rollback, or a commit with expire_on_commit, has let"
            " go of them, or the column is deferred"
        )
        advice = "write 'await db.async_session.refresh(row)' before you read it"
    raise NotLoaded(
        f"{why}; to load it here would block the event loop: {advice}, or read it by 'await"
        " row.awaitable_attrs.<name>'."
    )
