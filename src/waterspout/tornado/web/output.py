"""The output of a handler: written, sent in parts, or finished in one go.

Everything goes to ``request.connection``. Until the header section is sent (`flush`), status,
header fields and content may still change; `finish` of a response of which nothing is sent yet
adds its length and its entity tag.
"""

from __future__ import annotations

from asyncio import Future
from typing import TYPE_CHECKING

from ...http.prepared import answer_of, usual_answer
from ...typing import JSONObject
from ..escape import json_encode, utf8
from ..httputil import ResponseStartLine
from ..httputil.delegates import WholeConnection
from .context_entry import is_own, run_own

if TYPE_CHECKING:
    from ..httputil import HTTPConnection
    from .interfaces import Handler

_TAGGED = frozenset({"GET", "HEAD"})

_LIST_REFUSED = (
    ". Lists not accepted for security reasons; see"
    " http://www.tornadoweb.org/en/stable/web.html#tornado.web.RequestHandler.write"
)


def write(self: Handler, chunk: str | bytes | JSONObject) -> None:
    """Add *chunk* to the content; a dict as JSON, with the content type of JSON.

    Raises `RuntimeError` after `finish`, TypeError for other types.
    """
    if self._finished:
        raise RuntimeError("Cannot write() after finish()")
    if isinstance(chunk, str):
        self._write_buffer.append(chunk.encode())
    elif isinstance(chunk, bytes):
        self._write_buffer.append(chunk)
    elif isinstance(chunk, dict):
        self._write_buffer.append(json_encode(chunk).encode())
        self.set_header("Content-Type", "application/json; charset=UTF-8")
    else:
        # NOTE: a list at the top of a JSON answer could once be read by other sites.
        hint = _LIST_REFUSED if isinstance(chunk, list) else ""  # type: ignore[unreachable]
        raise TypeError(f"write() only accepts bytes, unicode, and dict objects{hint}")


def flush(self: Handler, include_footers: bool = False) -> Future[None]:
    """Send what has been written, the header section first. *include_footers* says that it is the
    end of the response, for the transforms."""
    chunk = b"".join(self._write_buffer)
    self._write_buffer = []
    request = self.request
    connection: HTTPConnection = request.connection
    if self._headers_written:
        for transform in self._transforms:
            chunk = transform.transform_chunk(chunk, include_footers)
        if request.method == "HEAD":
            done: Future[None] = Future()
            done.set_result(None)
            return done
        return connection.write(chunk)
    self._headers_written = True
    for transform in self._transforms:
        self._status_code, self._headers, chunk = transform.transform_first_chunk(
            self._status_code, self._headers, chunk, include_footers
        )
    if hasattr(self, "_new_cookie"):
        _add_cookies(self)
    if request.method == "HEAD":
        chunk = b""
    # Here the response is complete as far as it goes: with include_footers, altogether.
    start_line = ResponseStartLine("", self._status_code, self._reason)
    return connection.write_headers(start_line, self._headers, chunk)


def finish(self: Handler, chunk: str | bytes | JSONObject | None = None) -> Future[None]:
    """Write *chunk* and end the response. The future is done when all of it is sent.

    Raises `RuntimeError` the second time, and for content with a status that has none.
    """
    if self.waterspout_waited and not is_own(self):
        return run_own(self, finish, self, chunk)
    if self._finished:
        raise RuntimeError("finish() called twice")
    if chunk is not None:
        self.write(chunk)
    if self._headers_written or self._transforms:
        future = send_in_parts(self)
    else:
        future = send_usual(self)
    self._finished = True
    self._log()
    self.on_finish()
    if self.waterspout_has_ui:
        self._break_cycles()
    return future


def written_so_far(self: Handler) -> tuple[int, str, list[tuple[str, str]], bytes] | None:
    """Return status, reason, header fields and content; None once a part of it is sent."""
    if self._headers_written:
        return None
    content = b"".join(self._write_buffer)
    return self._status_code, self._reason, list(self._headers.get_all()), content


# -- the end of a response, by what is known of it -------------------------------------------------


def send_in_parts(self: Handler) -> Future[None]:
    """Send the rest of the response by `flush`."""
    connection = self.request.connection
    if not self._headers_written:
        _complete_head(self)
    # The callback leads back to the handler, and the connection may be there for long.
    connection.set_close_callback(None)
    future = self.flush(include_footers=True)
    connection.finish()
    return future


def send_whole(self: Handler, *, tagged: bool = False) -> Future[None]:
    """Send all of the response at once, in one call of the connection. *tagged* says that its
    entity tag has been seen to."""
    request = self.request
    connection: HTTPConnection = request.connection
    if not isinstance(connection, WholeConnection):
        return send_in_parts(self)
    if hasattr(self, "_new_cookie"):
        _add_cookies(self)
    exact = _complete_head(self, tagged=tagged)
    buffer = self._write_buffer
    body = buffer[0] if buffer else b""
    if request.method == "HEAD":
        body, exact = b"", False
    fields = self._headers.waterspout_by_name()
    self._headers_written = True
    self._write_buffer = []
    return connection.answer(answer_of(self._status_code, self._reason, fields, body, exact))


def send_usual(self: Handler) -> Future[None]:
    """Send all of the response at once, 200 with the usual header fields and an entity tag of the
    content; others by `send_whole`, or by `flush` if that is not ours. The header fields
    are not made."""
    try:
        ours = self.flush.__func__ is flush  # type: ignore[attr-defined]  # of methods
    except AttributeError:
        ours = False
    if not ours:
        return send_in_parts(self)
    request = self.request
    connection: HTTPConnection = request.connection
    method = request.method
    if (
        self.waterspout_usual is None
        or self._status_code != 200
        or self._reason != "OK"
        or method == "HEAD"
        or not isinstance(connection, WholeConnection)
        or hasattr(self, "_new_cookie")
    ):
        return send_whole(self)
    if method == "GET" and self.waterspout_tag is None:
        # As `_tag`.
        self.set_etag_header()
        if self.check_etag_header():
            self._write_buffer = []
            self.set_status(304)
    usual = self.waterspout_usual
    if usual is None or self._status_code != 200:  # by methods of the program, or it is 304
        return send_whole(self, tagged=True)
    body = b"".join(self._write_buffer)
    self.waterspout_answer = written = usual_answer(usual, self.waterspout_tag, body)
    self.waterspout_usual = None
    self._headers_written = True
    self._write_buffer = []
    return connection.answer(written)


def _add_cookies(self: Handler) -> None:
    for cookie in self._new_cookie.values():
        self.add_header("Set-Cookie", cookie.OutputString(None))


def _tag(self: Handler) -> None:
    """Give a response its entity tag; make it 304 if the client has the content already."""
    self.set_etag_header()
    if self.check_etag_header():
        self._write_buffer = []
        self.set_status(304)


def _complete_head(self: Handler, *, tagged: bool = False) -> bool:
    """Add the fields that can be told when all of the content is there, which is one piece then;
    the entity tag unless it is *tagged*. Return whether Content-Length says how long it is."""
    buffer = self._write_buffer
    if len(buffer) > 1:
        self._write_buffer = buffer = [b"".join(buffer)]
    content = buffer[0] if buffer else b""
    status = self._status_code
    if not tagged and status == 200 and self.request.method in _TAGGED:
        if "Etag" not in self._headers:
            _tag(self)
        status = self._status_code
    fields = self._headers.waterspout_by_name()
    if status != 200 and self._should_not_send_content(status):
        if self._write_buffer:
            raise RuntimeError(f"Cannot send body with status code HTTP{status}")
        self._clear_representation_headers()
        return False
    if "Content-Length" in fields:
        return False
    fields["Content-Length"] = str(len(content))
    return True


def redirect(self: Handler, url: str, permanent: bool = False, status: int | None = None) -> None:
    """Finish with a redirect to *url*: 302, 301 if *permanent*, or *status*.

    Raises `Exception` after the header section was sent.
    """
    if self._headers_written:
        raise Exception("Cannot redirect after headers have been written")
    if status is None:
        status = 301 if permanent else 302
    else:
        assert isinstance(status, int), "status is a number"
        assert 300 <= status <= 399, f"{status} is no redirect"
    self.set_status(status)
    self.set_header("Location", utf8(url))
    self.finish()
