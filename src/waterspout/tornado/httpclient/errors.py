"""What a fetch can end with instead of a response."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages import HTTPResponse

__all__ = ["HTTPClientError", "HTTPStreamClosedError", "HTTPTimeoutError"]


class HTTPClientError(Exception):
    """A response with an error status, *code*; 599 where there was no response.

    *response* is the response if there is one.
    """

    def __init__(
        self, code: int, message: str | None = None, response: HTTPResponse | None = None
    ) -> None:
        self.code = code
        self.message = message or responses.get(code, "Unknown")
        self.response = response
        super().__init__(code, message, response)

    def __str__(self) -> str:
        return f"HTTP {self.code}: {self.message}"

    # NOTE: the response holds the error; its repr would hold this one.
    __repr__ = __str__


class HTTPTimeoutError(HTTPClientError):
    """Connecting or the whole exchange took too long."""

    def __init__(self, message: str) -> None:
        super().__init__(599, message)

    def __str__(self) -> str:
        return self.message


class HTTPStreamClosedError(HTTPClientError):
    """The server closed the connection before the response was complete."""

    def __init__(self, message: str) -> None:
        super().__init__(599, message)

    def __str__(self) -> str:
        return self.message
