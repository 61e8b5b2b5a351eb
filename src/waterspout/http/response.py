"""The response object of views and hooks: Werkzeug's class, with async bodies.

A body may also be an async iterable; the native server and ASGI iterate over it on the
loop, WSGI through a private loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from werkzeug.http import dump_cookie, http_date
from werkzeug.utils import get_content_type
from werkzeug.wrappers import Response as WerkzeugResponse

from .. import json
from ..concurrency.private_loop import PrivateLoop
from ..context.variables import current_config
from ..observed import ObservedType
from .awaitable import Ready
from .conditions import precondition_status, range_applies
from .cookies import check_cookie, check_prefix
from .fields import add_field, headers_of
from .ranges import usable_range

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Request as WerkzeugRequest

__all__ = ["Response", "blocking_iterator"]

_set_data = WerkzeugResponse.set_data
_status = WerkzeugResponse.status
_content_type = lru_cache(maxsize=64)(get_content_type)
#: Whether Werkzeug's objects have just the attributes that all versions so far have.
_is_known = vars(WerkzeugResponse(b"")).keys() == {
    *("headers", "_status", "_status_code", "direct_passthrough", "_on_close", "response")
}
#: Characters of a cookie's value that need no quotes: those of signed values.
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
#: Fields that would be wrong in a 412, which has no content.
_OF_CONTENT = (
    *("Content-Type", "Content-Encoding", "Content-Disposition", "Content-Length"),
    *("Cache-Control", "Expires", "X-Sendfile"),
)
#: The request fields that Werkzeug's `make_conditional` reads.
_CONDITIONS = frozenset(
    f"HTTP_{name}"
    for name in (
        *("RANGE", "IF_RANGE", "IF_MATCH", "IF_UNMODIFIED_SINCE"),
        *("IF_NONE_MATCH", "IF_MODIFIED_SINCE"),
    )
)
#: Placeholder of the date in a cookie's frame; a checked cookie cannot contain it.
_DATE = "\0"


class Response(Ready, WerkzeugResponse, metaclass=ObservedType):
    """A response (Flask's `Response`): Werkzeug's class with ``text/html`` as the default
    type, and bodies that may be sync or async iterables of str or bytes.

    ``await response`` gives the response: code written for Quart awaits what makes one.
    """

    default_mimetype: str | None = "text/html"
    json_module: Any = json
    autocorrect_location_header = False

    def __init__(
        self,
        response: Iterable[bytes] | bytes | Iterable[str] | str | None = None,
        status: int | str | HTTPStatus | None = None,
        headers: Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]] | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        cls = type(self)
        kind = type(response)
        if (
            (kind is str or kind is bytes)
            and status is None
            and headers is None
            and mimetype is None
            and content_type is None
            and _is_known
            and self.default_mimetype is not None
            and self.default_status == 200
            and self.automatically_set_content_length
            and cls.set_data is _set_data
            and cls.status is _status
        ):
            # PERF: what Werkzeug makes of a text alone. It searches for each field before it sets
            # it, and raises inside where there is none: 39,000 instructions, this 8,000.
            body: Any = response.encode() if kind is str else response  # type: ignore[union-attr]
            content_type = _content_type(self.default_mimetype, "utf-8")
            fields = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
            self.headers = headers_of(fields)
            self._status = "200 OK"
            self._status_code = 200
            self.direct_passthrough = direct_passthrough
            self._on_close = []
            self.response = [body]
            return
        super().__init__(response, status, headers, mimetype, content_type, direct_passthrough)

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """The setting MAX_COOKIE_SIZE (bytes): `set_cookie` warns above it."""
        config = current_config()
        if config is not None:
            return int(config["MAX_COOKIE_SIZE"])
        return super().max_cookie_size

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: timedelta | int | None = None,
        expires: str | datetime | int | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
        partitioned: bool = False,
    ) -> None:
        """Set a cookie (Werkzeug's `set_cookie`).

        Raises `ValueError` for a name or attribute that would break the field apart, and, with
        the setting COOKIE_PREFIX_CHECK, for a ``__Host-`` or ``__Secure-`` name that browsers
        would not take.
        """
        if key.startswith("__"):
            check_cookie(key, domain, expires)
            config = current_config()
            if config is not None and config["COOKIE_PREFIX_CHECK"]:
                check_prefix(key, domain, path, secure or partitioned)
        if (
            max_age is None
            and not isinstance(expires, str)
            and isinstance(value, str)
            and not value.encode().translate(None, _PLAIN)
        ):
            dated = expires is not None
            attributes = (path, domain, secure, httponly, samesite, partitioned)
            start, middle, end = _cookie_frame(key, dated, *attributes)
            date = "" if expires is None else http_date(expires)
            text = f"{start}{value}{middle}{date}{end}"
            limit = self.max_cookie_size
            if not limit or len(text) <= limit:
                add_field(self.headers, "Set-Cookie", text)
                return
        check_cookie(key, domain, expires)
        super().set_cookie(
            key, value, max_age, expires, path, domain, secure, httponly, samesite, partitioned
        )

    def make_conditional(
        self,
        request_or_environ: WSGIEnvironment | WerkzeugRequest,
        accept_ranges: bool | str = False,
        complete_length: int | None = None,
    ) -> Self:
        """Make a 2xx response to GET or HEAD what the request's conditions ask for: 412 (without
        content), 304, 206 with a part, or itself. Return self. (Werkzeug's `make_conditional`.)

        The ETag and Last-Modified fields are compared, in the order of RFC 9110 section 13.2.2;
        NOTE: Werkzeug evaluates Range first, and sends parts of another version. Parts are sent
        only with *accept_ranges* and *complete_length*, in bytes.

        Raises 416 `RequestedRangeNotSatisfiable` for a range behind the end.
        """
        environ: WSGIEnvironment
        if isinstance(request_or_environ, dict):
            environ = request_or_environ
        else:
            environ = request_or_environ.environ
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return self
        plain = environ
        if not _CONDITIONS.isdisjoint(environ):
            plain = {key: environ[key] for key in environ if key not in _CONDITIONS}
        if plain is not environ and 200 <= self.status_code <= 299:
            etag, modified = self.headers.get("ETag"), self.headers.get("Last-Modified")

            def field(name: str) -> str | None:
                value: str | None = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
                return value

            status = precondition_status(field, etag, modified)
            if status != 200:
                self.status_code = status
                self.headers.pop("X-Sendfile", None)  # some proxies send the file whatever comes
            if status == 412:
                _drop_content(self)
            elif status == 200 and method == "GET" and self.status_code == 200 and complete_length:
                part = usable_range(field("Range"), complete_length)
                if part is not None and range_applies(field("If-Range"), etag, modified):
                    plain["HTTP_RANGE"] = part
        super().make_conditional(plain, accept_ranges, complete_length)
        return self

    def iter_encoded(self) -> Iterator[bytes]:
        """Iterate over the body as bytes; an async body through a private event loop."""
        body: Any = self.response
        if hasattr(body, "__aiter__"):
            return _encoded(blocking_iterator(body))
        return super().iter_encoded()


def _drop_content(response: Response) -> None:
    """Close the body and put an empty one in its place."""
    close = getattr(response.response, "close", None)
    if close is not None:
        close()
    for name in _OF_CONTENT:
        response.headers.pop(name, None)
    response.direct_passthrough = False
    response.response = []


def is_made_while_sent(response: WerkzeugResponse) -> bool:
    """Whether the body is a generator or another lazy iterable of the program."""
    return not (response.is_sequence or response.direct_passthrough)


# PERF: 19,000 instructions a cookie. The attributes of an application's cookies are few, and the
# check of their types keeps 1 apart from True, which is written in another way.
@lru_cache(maxsize=128, typed=True)
def _cookie_frame(
    key: str,
    dated: bool,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: str | None,
    partitioned: bool,
) -> tuple[str, str, str]:
    """Return what Werkzeug writes before a cookie's plain value, between it and the date, and
    after the date; without a date the second is all that follows the value."""
    check_cookie(key, domain, None)
    text = dump_cookie(
        key,
        expires=_DATE if dated else None,
        path=path,
        domain=domain,
        secure=secure,
        httponly=httponly,
        max_size=0,
        samesite=samesite,
        partitioned=partitioned,
    )
    name, _, attributes = text.partition("=")
    middle, _, end = attributes.partition(_DATE)
    return f"{name}=", middle, end


def _encoded(items: Iterator[str | bytes]) -> Iterator[bytes]:
    try:
        for item in items:
            yield item.encode() if isinstance(item, str) else item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def blocking_iterator(source: Any) -> Iterator[Any]:
    """Read an async iterable from synchronous code, on an event loop of its own that is
    closed with the iterator. It sees, and changes, the context variables of the reader."""
    iterator = source.__aiter__()

    async def step() -> object:
        return await iterator.__anext__()

    with PrivateLoop() as private:
        try:
            while True:
                try:
                    item = private.run(step())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                private.run(aclose())
