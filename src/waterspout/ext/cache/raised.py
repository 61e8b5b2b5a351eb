"""HTTP errors that views raise, as values that a cache may keep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from .types import Value

__all__ = ["Raised", "outcome"]

#: SECURITY: the errors that are everybody's (RFC 9110, section 15.1). 401, 403 and 429 are one
#: client's, and 5xx are over before a timeout is.
_KEPT = frozenset({404, 405, 410, 414, 501})


@dataclass(frozen=True, slots=True)
class Raised:
    """An HTTP error that a view raised; from the cache it is raised again, for its handlers."""

    error: HTTPException

    @property
    def response(self) -> Response:
        """What would be sent if nobody handled the error."""
        return self.error.get_response()

    @property
    def may_be_kept(self) -> bool:
        """Whether others may have it, too."""
        return self.error.code in _KEPT


async def outcome(call: Callable[[], Awaitable[Value]]) -> Value:
    """Return a view's value, or the `Raised` that holds its HTTP error."""
    try:
        return await call()
    except HTTPException as error:
        return Raised(error)
