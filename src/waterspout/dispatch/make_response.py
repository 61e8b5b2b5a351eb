"""Response objects made of a view's return value, and by `make_response` in a program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from ..context.request_context import current_app
from ..context.variables import app_var
from ..http.prepared import Written
from ..json.records import is_record
from ..typing import ReturnValue

if TYPE_CHECKING:
    from ..http import Request, Response
    from ..interfaces import Application

#: PERF: as tuples; a union written where it is asked for is made anew each time, 2,500
#: instructions.
_TEXTS = (str, bytes, bytearray)
_BODIES = (*_TEXTS, Iterator)
_JSON = (dict, list)
_FIELDS = (Headers, dict, tuple, list)

_KINDS = (
    " The return type must be a string, dict, list, tuple with headers or status,"
    " Response instance, or WSGI callable, but it was a {}."
)


def to_response(app: Application, request: Request, rv: ReturnValue) -> Response:
    """Make a response of *rv*:

    ========================  ====================================================
    str, bytes                the body
    dict, list                its JSON
    dataclass, msgspec        its JSON, if it cannot be called
    struct, attrs object
    iterator, async iterator  a body of str or bytes that is streamed
    `Response`                itself; another Werkzeug response is converted
    WSGI callable             what it answers to the request
    `Written`                 what a request handler wrote
    (rv, status)              one of these with a status, int or ``"404 Missing"``
    (rv, headers)             … with more headers, a dict or list of pairs
    (rv, status, headers)     … with both
    ========================  ====================================================

    Raises `TypeError` for anything else.
    """
    status: Any = None
    headers: Any = None
    if isinstance(rv, tuple):
        rv, status, headers = _unpack(rv)
    if rv is None:
        raise TypeError(
            f"The view function for {request.endpoint!r} did not"
            " return a valid response. The function either returned"
            " None or ended without a return statement."
        )
    if not isinstance(rv, app.response_class):
        if isinstance(rv, _BODIES) or hasattr(rv, "__aiter__"):
            # The class sets status and headers itself, it may have a logic of its own.
            rv = app.response_class(rv, status=status, headers=headers)
            status = headers = None
        elif isinstance(rv, _JSON):
            rv = app.json.response(rv)
        elif type(rv) is Written:
            rv = _response_of(app, rv)
        else:
            rv = _coerced(app, request, rv)
    if status is not None:
        if isinstance(status, _TEXTS):
            rv.status = status
        else:
            rv.status_code = status
    if headers:
        rv.headers.update(headers)
    response: Response = rv
    return response


def as_response(
    app: Application, request: Request, value: Any, func: Callable[..., object]
) -> Response:
    """Return what *func* gave in place of a response: a WSGI callable's answer, as Flask sends
    one too. Raises `TypeError` for anything else."""
    if callable(value):
        made: Any = app.response_class.force_type(value, request.environ)
        response: Response = made
        return response
    name = getattr(func, "__qualname__", None) or repr(func)
    raise TypeError(
        f"The function {name!r} must return a response object, but it returned"
        + (" None. Is a 'return response' missing?" if value is None else f" {value!r}.")
    )


def check_status(response: WerkzeugResponse) -> None:
    """Raise `ValueError` for a status that ends no request: below 200, or not three digits. 101 is
    that of views that have taken over the connection; only a server knows whether they have."""
    code = response.status_code
    if not (200 <= code <= 999 or code == 101):
        raise ValueError(
            f"The status {response.status!r} cannot be the end of a request: a status has three"
            " digits, and one below 200 only announces another answer."
        )


def _response_of(app: Application, written: Written) -> Response:
    """Make the response of a response written by hand, with its header fields and no others."""
    body: Any = written.body
    response = app.response_class(body, f"{written.status} {written.reason}")
    headers = response.headers = Headers(written.pairs())
    location = headers.get("Location")
    if location is not None and not location.isascii():
        # Written fields are bytes as latin-1; a response's location is text, made a URI when it
        # is sent.
        with suppress(UnicodeError):
            headers["Location"] = location.encode("latin-1").decode()
    return response


def _unpack(rv: tuple[object, ...]) -> tuple[object, object, object]:
    if len(rv) == 3:
        return rv
    if len(rv) == 2:
        if isinstance(rv[1], _FIELDS):
            return rv[0], None, rv[1]
        return rv[0], rv[1], None
    raise TypeError(
        "The view function did not return a valid response tuple."
        " The tuple must have the form (body, status, headers),"
        " (body, status), or (body, headers)."
    )


def _coerced(app: Application, request: Request, rv: ReturnValue) -> object:
    kind = type(rv).__name__
    if isinstance(rv, HTTPException):
        # Not through WSGI, whose body would be streamed.
        rv = rv.get_response(request.environ)
    if isinstance(rv, WerkzeugResponse) or callable(rv):
        try:
            return app.response_class.force_type(rv, request.environ)
        except TypeError as error:
            raise TypeError(
                f"{error}\nThe view function did not return a valid response." + _KINDS.format(kind)
            ).with_traceback(sys.exc_info()[2]) from None
    if is_record(rv):
        return app.json.response(rv)
    if iscoroutine(rv):
        rv.close()
        raise TypeError(
            f"The view function for {request.endpoint!r} returned a coroutine that was not"
            " awaited. Make the function 'async def' and await it there."
        )
    raise TypeError("The view function did not return a valid response." + _KINDS.format(kind))


def make_response(*args: ReturnValue) -> Response:
    """Make the response that a view would make by returning *args*, to change it before it is sent.

        response = make_response(render_template("missing.html"), 404)
        response.headers["X-Reason"] = "gone"

    One argument goes to `App.make_response` as it is, several as a tuple (body, status, headers);
    none gives an empty response. (Flask's `make_response`.)
    """
    if not args:
        return current_app.response_class()
    return current_app.make_response(args[0] if len(args) == 1 else args)


def jsonify(*args: object, **kwargs: object) -> Response:
    """Make a JSON response of one value, a list of several, or a dict of keywords.

    No arguments make ``null``. `App.json` of the current application makes it. (Flask's `jsonify`.)

    Raises:
        TypeError: There are positional and keyword arguments.
        RuntimeError: There is no current application.
    """
    ctx = app_var.get(None)
    if ctx is None:
        raise RuntimeError(
            "Working outside of application context.\n\n"
            "jsonify() makes a response of the current application. Call it in a view, or"
            " inside 'with app.app_context():'."
        )
    response: Response = ctx.app.json.response(*args, **kwargs)
    return response
