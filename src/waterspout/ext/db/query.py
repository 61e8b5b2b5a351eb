"""The class of `Model.query`: SQLAlchemy's, with answers for a web page."""

from __future__ import annotations

from waterspout import abort
from waterspout.ext import needs_extra

from .pagination import Pagination, QueryPagination
from .types import Row

with needs_extra("db"):
    from sqlalchemy import exc, orm

__all__ = ["Query"]


class Query(orm.Query[Row]):
    """SQLAlchemy's (legacy) query, whose missing rows are 404 answers."""

    def get_or_404(self, ident: object, description: str | None = None) -> Row:
        """Return the row with the primary key *ident*.

        Raises:
            NotFound: There is none.
        """
        found = self.get(ident)
        if found is None:
            abort(404, description=description)
        return found

    def first_or_404(self, description: str | None = None) -> Row:
        """Return the first row.

        Raises:
            NotFound: There is none.
        """
        found = self.first()
        if found is None:
            abort(404, description=description)
        return found

    def one_or_404(self, description: str | None = None) -> Row:
        """Return the only row.

        Raises:
            NotFound: There is none, or there are several.
        """
        try:
            return self.one()
        except (exc.NoResultFound, exc.MultipleResultsFound):
            abort(404, description=description)

    def paginate(
        self,
        *,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination:
        """Return one page of the rows; the arguments are those of `Pagination`."""
        return QueryPagination(
            page, per_page, max_per_page, error_out=error_out, count=count, query=self
        )
