"""One page of many rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from waterspout import abort, has_request_context, request
from waterspout.ext import needs_extra

from .types import Row

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import orm

__all__ = ["Pagination", "QueryPagination", "SelectPagination"]

#: Rows on a page where nobody says how many.
_PER_PAGE = 20


class Pagination:
    """One page of the rows of a query; iterating over it gives its `items`.

    *page* starts at 1; *page* and *per_page* are by default those of the request's query string,
    else 1 and 20. *per_page* is at most *max_per_page* (None: no limit). With *error_out* a page
    that is empty, below 1 or no number is a 404 answer. Without *count* nothing asks for the number
    of all rows, and `total` is None.

    A subclass has `_query_items` and `_query_count`, which read ``self._query_args``: the further
    arguments.
    """

    def __init__(
        self,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = 100,
        error_out: bool = True,
        count: bool = True,
        **kwargs: Any,
    ) -> None:
        self._query_args = kwargs
        self.page, self.per_page = self._prepare_page_args(
            page=page, per_page=per_page, max_per_page=max_per_page, error_out=error_out
        )
        self.max_per_page = max_per_page
        #: The rows of this page.
        self.items: list[Row] = self._query_items()
        if error_out and not self.items and self.page != 1:
            _not_found()
        #: The number of all rows.
        self.total: int | None = self._query_count() if count else None

    @staticmethod
    def _prepare_page_args(
        *,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = None,
        error_out: bool = True,
    ) -> tuple[int, int]:
        if page is None:
            page = _from_request("page", 1, error_out)
        if per_page is None:
            per_page = _from_request("per_page", _PER_PAGE, error_out)
        if max_per_page is not None:
            per_page = min(per_page, max_per_page)
        if error_out and (page < 1 or per_page < 1):
            _not_found()
        return (page if page >= 1 else 1), (per_page if per_page >= 1 else _PER_PAGE)

    @property
    def _query_offset(self) -> int:
        """How many rows stand before this page."""
        return (self.page - 1) * self.per_page

    def _query_items(self) -> list[object]:
        """Return the rows of this page."""
        raise NotImplementedError

    def _query_count(self) -> int:
        """Return the number of all rows."""
        raise NotImplementedError

    @property
    def first(self) -> int:
        """The number of the first row on this page, from 1; 0 if there is none."""
        return self._query_offset + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last row on this page; 0 if there is none."""
        return self._query_offset + len(self.items) if self.items else 0

    @property
    def pages(self) -> int:
        """The number of pages; 0 where the rows were not counted."""
        return -(-self.total // self.per_page) if self.total else 0

    @property
    def has_prev(self) -> bool:
        """Whether a page stands before this one."""
        return self.page > 1

    @property
    def prev_num(self) -> int | None:
        """The number of the page before, or None."""
        return self.page - 1 if self.has_prev else None

    def prev(self, *, error_out: bool = False) -> Pagination:
        """Query the page before."""
        return self._turn(self.page - 1, error_out)

    @property
    def has_next(self) -> bool:
        """Whether a page follows this one."""
        return self.page < self.pages

    @property
    def next_num(self) -> int | None:
        """The number of the next page, or None."""
        return self.page + 1 if self.has_next else None

    def next(self, *, error_out: bool = False) -> Pagination:
        """Query the next page."""
        return self._turn(self.page + 1, error_out)

    def _turn(self, page: int, error_out: bool) -> Pagination:
        other = type(self)(
            page,
            self.per_page,
            self.max_per_page,
            error_out=error_out,
            count=False,
            **self._query_args,
        )
        other.total = self.total
        return other

    def iter_pages(
        self,
        *,
        left_edge: int = 2,
        left_current: int = 2,
        right_current: int = 4,
        right_edge: int = 2,
    ) -> Iterator[int | None]:
        """Yield the numbers of pages for a row of links, with None where some are left out:
        *left_edge* first and *right_edge* last pages, and those around this one."""
        count = self.pages
        shown = {
            *range(1, left_edge + 1),
            *range(self.page - left_current, self.page + right_current + 1),
            *range(count - right_edge + 1, count + 1),
        }
        before = 0
        for number in sorted(shown & {*range(1, count + 1)}):
            if number != before + 1:
                yield None
            yield number
            before = number
        if before != count:
            yield None

    def __iter__(self) -> Iterator[Row]:
        yield from self.items


class SelectPagination(Pagination):
    """A page of a ``select()`` of one entity, run in a session: what `db.paginate` returns."""

    def _query_items(self) -> list[Row]:
        statement = self._query_args["select"].limit(self.per_page).offset(self._query_offset)
        return list(self._query_args["session"].execute(statement).unique().scalars())

    def _query_count(self) -> int:
        bare = self._query_args["select"].options(orm.lazyload("*")).order_by(None)
        counting = sa.select(sa.func.count()).select_from(bare.subquery())
        found: int = self._query_args["session"].execute(counting).scalar()
        return found


class QueryPagination(Pagination):
    """A page of a query: what `Query.paginate` returns."""

    def _query_items(self) -> list[Row]:
        query = self._query_args["query"].limit(self.per_page).offset(self._query_offset)
        return list(query.all())

    def _query_count(self) -> int:
        found: int = self._query_args["query"].order_by(None).count()
        return found


def _from_request(name: str, default: int, error_out: bool) -> int:
    if not has_request_context():
        return default
    try:
        return int(request.args.get(name, default))
    except ValueError:
        if error_out:
            _not_found()
        return default


def _not_found() -> NoReturn:
    abort(404)
