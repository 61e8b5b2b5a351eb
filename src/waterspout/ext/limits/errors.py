"""What a request over its limit gets (Flask-Limiter's ``errors``)."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import TooManyRequests

from .limit import Limit

__all__ = ["RateLimitExceeded"]


class RateLimitExceeded(TooManyRequests):
    """A limit is exceeded: 429 with ``Retry-After``, in seconds."""

    def __init__(self, limit: Limit, response: Any = None, retry_after: int | None = None) -> None:
        self.limit = limit
        message = limit.error_message
        said = message() if callable(message) else message
        super().__init__(
            description=str(limit.limit) if said is None else said,
            response=response,
            retry_after=retry_after,
        )
