"""The output of a handler: written, sent in parts, or finished in one go.

Everything goes to ``request.connection``. Until the header section is sent (`flush`), status,
header fields and content may still change; `finish` of a response of which nothing is sent yet
adds its length and its entity tag.
"""

from __future__ import annotations

from asyncio import Future
from typing import TYPE_CHECKING, Any

from ...http.prepared import answer_of, usual_answer
from ..escape import json_encode, utf8
from ..httputil import ResponseStartLine
from ..httputil.delegates import WholeConnection
from .context_entry import is_own, run_own
from .etags import asked_tags, client_has_it, digest, tags_as_shipped

if TYPE_CHECKING:
    from ..httputil import HTTPConnection
    from .interfaces import Handler

_TAGGED = frozenset({"GET", "HEAD"})

_LIST_REFUSED = (
    ". Lists not accepted for security reasons; see"
    " http://www.tornadoweb.org/en/stable/web.html#tornado.web.RequestHandler.write"
)


def write(handler: Handler, chunk: str | bytes | dict[Any, Any]) -> None:
    """Add *chunk* to the content; a dict as JSON, with the content type of JSON.

    Raises `RuntimeError` after `finish`, TypeError for other types.
    """
    if handler._finished:
        raise RuntimeError("Cannot write() after finish()")
    if isinstance(chunk, str):
        handler._write_buffer.append(chunk.encode())
    elif isinstance(chunk, bytes):
        handler._write_buffer.append(chunk)
    elif isinstance(chunk, dict):
        handler._write_buffer.append(json_encode(chunk).encode())
        handler.set_header("Content-Type", "application/json; charset=UTF-8")
    else:
        # NOTE: a list at the top of a JSON answer could once be read by other sites.
        hint = _LIST_REFUSED if isinstance(chunk, list) else ""  # type: ignore[unreachable]
        raise TypeError(f"write() only accepts bytes, unicode, and dict objects{hint}")


def flush(handler: Handler, include_footers: bool = False) -> Future[None]:
    """Send what has been written, the header section first. *include_footers* says that it is the
    end of the response, for the transforms."""
    chunk = b"".join(handler._write_buffer)
    handler._write_buffer = []
    request = handler.request
    connection: HTTPConnection = request.connection
    if handler._headers_written:
        for transform in handler._transforms:
            chunk = transform.transform_chunk(chunk, include_footers)
        if request.method == "HEAD":
            done: Future[None] = Future()
            done.set_result(None)
            return done
        return connection.write(chunk)
    handler._headers_written = True
    for transform in handler._transforms:
        handler._status_code, handler._headers, chunk = transform.transform_first_chunk(
            handler._status_code, handler._headers, chunk, include_footers
        )
    if hasattr(handler, "_new_cookie"):
        _add_cookies(handler)
    if request.method == "HEAD":
        chunk = b""
    # Here the response is complete as far as it goes: with include_footers, altogether.
    start_line = ResponseStartLine("", handler._status_code, handler._reason)
    return connection.write_headers(start_line, handler._headers, chunk)


def finish(handler: Handler, chunk: str | bytes | dict[Any, Any] | None = None) -> Future[None]:
    """Write *chunk* and end the response. The future is done when all of it is sent.

    Raises `RuntimeError` the second time, and for content with a status that has none.
    """
    if handler._waterspout_waited and not is_own(handler):
        return run_own(handler, finish, handler, chunk)
    if handler._finished:
        raise RuntimeError("finish() called twice")
    if chunk is not None:
        handler.write(chunk)
    if handler._headers_written or handler._transforms:
        future = send_in_parts(handler)
    else:
        future = send_usual(handler)
    handler._finished = True
    handler._log()
    handler.on_finish()
    handler._break_cycles()
    return future


# -- the end of a response, by what is known of it -------------------------------------------------


def send_in_parts(handler: Handler) -> Future[None]:
    """Send the rest of the response by `flush`."""
    connection = handler.request.connection
    if not handler._headers_written:
        _complete_head(handler)
    # The callback leads back to the handler, and the connection may be there for long.
    connection.set_close_callback(None)
    future = handler.flush(include_footers=True)
    connection.finish()
    return future


def send_whole(handler: Handler) -> Future[None]:
    """Send all of the response at once, in one call of the connection."""
    request = handler.request
    connection: HTTPConnection = request.connection
    if not isinstance(connection, WholeConnection):
        return send_in_parts(handler)
    if hasattr(handler, "_new_cookie"):
        _add_cookies(handler)
    exact = _complete_head(handler)
    buffer = handler._write_buffer
    body = buffer[0] if buffer else b""
    if request.method == "HEAD":
        body, exact = b"", False
    fields = handler._headers._waterspout_by_name()
    handler._headers_written = True
    handler._write_buffer = []
    return connection.answer(answer_of(handler._status_code, handler._reason, fields, body, exact))


def send_usual(handler: Handler) -> Future[None]:
    """Send all of the response at once, 200 with the usual header fields and an entity tag of the
    content; others by `send_whole`, or by `flush` if that is not ours. The header fields
    are not made."""
    if not _flushes_as_shipped(handler):
        return send_in_parts(handler)
    request = handler.request
    connection: HTTPConnection = request.connection
    usual = handler._waterspout_usual
    method = request.method
    if (
        usual is None
        or handler._status_code != 200
        or handler._reason != "OK"
        or method == "HEAD"
        or not isinstance(connection, WholeConnection)
        or hasattr(handler, "_new_cookie")
        or not tags_as_shipped(handler)
    ):
        return send_whole(handler)
    body = b"".join(handler._write_buffer)
    tag = None
    if method == "GET":
        if asked_tags(request) is not None:
            return send_whole(handler)
        tag = digest(body)
    handler._waterspout_answer = written = usual_answer(usual, tag, body)
    handler._waterspout_usual = None
    handler._headers_written = True
    handler._write_buffer = []
    return connection.answer(written)


def _flushes_as_shipped(handler: Any) -> bool:
    try:
        return handler.flush.__func__ is flush
    except AttributeError:  # no method
        return False


def _add_cookies(handler: Handler) -> None:
    for cookie in handler._new_cookie.values():
        handler.add_header("Set-Cookie", cookie.OutputString(None))


def _complete_head(handler: Handler) -> bool:
    """Add the fields that can be told when all of the content is there, which is one piece then.
    Return whether Content-Length says how long it is."""
    buffer = handler._write_buffer
    if len(buffer) > 1:
        handler._write_buffer = buffer = [b"".join(buffer)]
    content = buffer[0] if buffer else b""
    fields = handler._headers._waterspout_by_name()
    status = handler._status_code
    if status == 200 and handler.request.method in _TAGGED and "Etag" not in fields:
        if client_has_it(handler, content, fields):
            handler._write_buffer = []
            handler.set_status(304)
        status = handler._status_code
    if status != 200 and handler._should_not_send_content(status):
        if handler._write_buffer:
            raise RuntimeError(f"Cannot send body with status code HTTP{status}")
        handler._clear_representation_headers()
        return False
    if "Content-Length" in fields:
        return False
    fields["Content-Length"] = str(len(content))
    return True


def redirect(
    handler: Handler, url: str, permanent: bool = False, status: int | None = None
) -> None:
    """Finish with a redirect to *url*: 302, 301 if *permanent*, or *status*.

    Raises `Exception` after the header section was sent.
    """
    if handler._headers_written:
        raise Exception("Cannot redirect after headers have been written")
    if status is None:
        status = 301 if permanent else 302
    else:
        assert isinstance(status, int), "status is a number"
        assert 300 <= status <= 399, f"{status} is no redirect"
    handler.set_status(status)
    handler.set_header("Location", utf8(url))
    handler.finish()
