"""Errors of debug mode that explain a mistake in a form or in the URL it is sent to.

The request part of Flask's `flask.debughelpers`. The classes derive from `AssertionError`, so that
no handler for HTTP errors turns them into a response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.routing import RequestRedirect

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

__all__ = [
    "DebugFilesKeyError",
    "FormDataRoutingRedirect",
    "UnexpectedUnicodeError",
    "attach_enctype_error_multidict",
]


class UnexpectedUnicodeError(AssertionError, UnicodeError):
    """Text came where bytes were expected, or the other way round."""


class DebugFilesKeyError(KeyError, AssertionError):
    """A file is asked for that the form could not send, because its ``enctype`` is wrong."""

    def __init__(self, request: Request, key: str) -> None:
        message = (
            f"You tried to access the file {key!r} in the request.files dictionary but it does not"
            f" exist. The mimetype for the request is {request.mimetype!r} instead of"
            " 'multipart/form-data', which means that no file contents were transmitted. Give the"
            ' form enctype="multipart/form-data".'
        )
        names = request.form.getlist(key)
        if names:
            sent = ", ".join(repr(name) for name in names)
            message += f"\n\nOnly file names came with the form. This was submitted: {sent}"
        self.msg = message
        super().__init__(message)

    def __str__(self) -> str:
        return self.msg


class FormDataRoutingRedirect(AssertionError):
    """Routing would redirect a request with a body in a way that makes the browser drop it."""

    def __init__(self, request: Request) -> None:
        redirect = getattr(request, "routing_exception", None)
        if not isinstance(redirect, RequestRedirect):
            raise TypeError(f"{request!r} was not redirected by routing, but ended in {redirect!r}")
        message = (
            f"A request was sent to '{request.url}', but routing issued a redirect to the canonical"
            f" URL '{redirect.new_url}'."
        )
        if redirect.new_url.partition("?")[0] == f"{request.base_url}/":
            message += (
                " The URL was defined with a trailing slash; a request without it is redirected."
            )
        message += (
            " Send requests to the canonical URL, or let routing redirect with 307 or 308:"
            " on other codes browsers drop the form data.\n\n"
            "This exception is only raised in debug mode."
        )
        super().__init__(message)


def attach_enctype_error_multidict(request: Request) -> None:
    """Make a missing key of ``request.files`` raise `DebugFilesKeyError` where a form field of that
    name shows that a file was meant."""
    files: Any = request.files
    plain = type(files)

    def lookup(self: Any, key: str) -> Any:
        try:
            return plain.__getitem__(self, key)
        except KeyError as error:
            if key not in request.form:
                raise
            raise DebugFilesKeyError(request, key).with_traceback(error.__traceback__) from None

    # The class keeps its name, so that only the error message differs.
    members = {"__getitem__": lookup, "__module__": plain.__module__}
    files.__class__ = type(plain.__name__, (plain,), members)
