"""Errors of a handler: the log line, and the error page."""

from __future__ import annotations

import traceback
from sys import exc_info
from types import TracebackType
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from ..escape import xhtml_escape
from ..httputil import HTTPHeaders, ResponseStartLine, responses
from ..httputil.delegates import WholeConnection
from ..log import app_log, gen_log
from .errors import Finish, HTTPError

if TYPE_CHECKING:
    from .interfaces import Handler


def handle_request_exception(self: Handler, error: BaseException) -> None:
    """End the request that *error*, which is being handled, has interrupted."""
    if isinstance(error, Finish):
        if not self._finished:
            self.finish(*error.args)
        return
    if _escalates(self, error):
        self._finished = True
        self.on_finish()
        return
    try:
        self.log_exception(*exc_info())
    except Exception:
        app_log.error("Error in exception logger", exc_info=True)
    if not self._finished:
        self.send_error(_status_of(error), exc_info=exc_info())


def _status_of(error: BaseException) -> int:
    """Return the status that *error* stands for: an `HTTPError`'s, or that of the errors that
    `abort` and the framework raise (a full queue of threads, a database that is down)."""
    if isinstance(error, HTTPError):
        return error.status_code
    return (isinstance(error, HTTPException) and error.code) or 500


def _escalates(self: Handler, error: BaseException) -> bool:
    """Whether the core application that the handler belongs to takes the error; not where the
    program has written an error page for its handlers."""
    escalate = getattr(self.request.connection, "escalate", None)
    if escalate is None or self._finished or self._headers_written:
        return False
    if isinstance(error, HTTPError) and error.status_code == 405:
        error.waterspout_allowed = allowed_methods(self)
    ours = f"{__package__}.handler"
    own_page = any(
        "write_error" in vars(cls) for cls in type(self).__mro__ if cls.__module__ != ours
    )
    return not own_page and isinstance(error, Exception) and bool(escalate(error))


def log_exception(
    self: Handler,
    typ: type[BaseException] | None,
    value: BaseException | None,
    tb: TracebackType | None,
) -> None:
    """Log an `HTTPError` as a warning if it has a message, and what `abort` raises as one; anything
    else with its traceback."""
    if isinstance(value, HTTPException) and value.code:
        gen_log.warning("%d %s: %s", value.code, self._request_summary(), value)
    elif not isinstance(value, HTTPError):
        app_log.error(
            "Uncaught exception %s\n%r",
            self._request_summary(),
            self.request,
            exc_info=None if typ is None or value is None else (typ, value, tb),
        )
    elif message := value.get_message():
        gen_log.warning("%d %s: %s", value.status_code, self._request_summary(), message)


def request_summary(self: Handler) -> str:
    """Return a request in a few words, for the log."""
    request = self.request
    return f"{request.method} {request.uri} ({request.remote_ip})"


def send_error(self: Handler, status_code: int = 500, **kwargs: Any) -> None:
    """Replace what has not been sent yet by an error page, and finish.

    When the head has been sent this is not possible; the response is cut off instead.
    """
    if self._headers_written:
        gen_log.error("Cannot send error response after headers written")
        if not self._finished:
            _cut_off(self)
        return
    self.clear()
    reason = kwargs.get("reason")
    if "exc_info" in kwargs:
        error = kwargs["exc_info"][1]
        if isinstance(error, HTTPError) and error.reason:
            reason = error.reason
    self.set_status(status_code, reason=reason)
    if "exc_info" in kwargs:
        _set_fields_of(self, kwargs["exc_info"][1])
    if status_code == 405:
        self.set_header("Allow", ", ".join(allowed_methods(self)))
    try:
        if status_code != 304:
            self.write_error(status_code, **kwargs)
    except Exception:
        app_log.error("Uncaught exception in write_error", exc_info=True)
    if not self._finished:
        self.finish()


def _set_fields_of(self: Handler, error: BaseException) -> None:
    """Set the header fields that belong to *error*, such as Retry-After."""
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name.lower() != "content-type":
                self.set_header(name, value)


def allowed_methods(self: Handler) -> list[str]:
    """Return the methods that the handler has, for the Allow field of a 405 (RFC 9110 section
    15.5.6)."""
    cls = type(self)
    return sorted(
        name
        for name in self.SUPPORTED_METHODS
        if getattr(cls, name.lower(), None) not in (None, cls._unimplemented_method)
    )


def _cut_off(self: Handler) -> None:
    """End a response of which a part is sent, so that the client can tell that it is not whole."""
    connection = self.request.connection
    if not isinstance(connection, WholeConnection):
        try:
            self.finish()
        except Exception:
            gen_log.error("Failed to flush partial response", exc_info=True)
        return
    connection.cut()
    self._finished = True
    self._log()
    self.on_finish()
    self._break_cycles()


def give_up(self: Handler) -> None:
    """Respond with 500, and nothing else, for a handler whose error page has failed as well: its
    client would wait for ever."""
    self._finished = True
    connection = self.request.connection
    connection.set_close_callback(None)
    if not self._headers_written:
        self._headers_written = True
        start_line = ResponseStartLine("", 500, responses[500])
        connection.write_headers(start_line, HTTPHeaders({"Content-Length": "0"}))
    connection.finish()


def write_error(self: Handler, status_code: int, **kwargs: Any) -> None:
    """Finish with a page that says the status, or with a traceback if the setting
    ``serve_traceback`` asks for it."""
    if self._should_not_send_content(status_code):
        self.finish()
    elif self.settings.get("serve_traceback") and "exc_info" in kwargs:
        self.set_header("Content-Type", "text/plain")
        self.finish("".join(traceback.format_exception(*kwargs["exc_info"])))
    else:
        said = f"{status_code}: {xhtml_escape(self._reason)}"
        self.finish(f"<html><title>{said}</title><body>{said}</body></html>")
