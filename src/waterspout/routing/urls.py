"""URLs, redirects and errors by way of the current application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

import werkzeug.exceptions
import werkzeug.utils
from werkzeug.wrappers import Response as WerkzeugResponse

from ..context.request_context import current_app
from ..http.location import plain_location

if TYPE_CHECKING:
    from ..http import Response as OwnResponse

__all__ = ["abort", "redirect", "url_for"]


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """Build the URL that leads to *endpoint*, through `App.url_for` of the current application.

    An *endpoint* that begins with a dot belongs to the current blueprint. *values* fill the
    variable parts of the rule, the rest becomes the query. *_anchor* is added after ``#``;
    *_method* chooses between rules; *_external* asks for scheme and host (the default outside a
    request), in which *_scheme* replaces the scheme. Raises Werkzeug's `BuildError`. (Flask's
    `url_for`.)
    """
    return current_app.url_for(
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )


def redirect(
    location: str, code: int = 302, Response: type[WerkzeugResponse] | None = None
) -> OwnResponse:
    """Return a response that sends the client to *location*.

    With a current application its `App.redirect` makes the response, and *Response* is not used.
    What browsers would misread in *location* is percent-encoded. (Flask's `redirect`.)
    """
    location = plain_location(str(location))
    if current_app:
        return current_app.redirect(location, code=code)
    made: Any = werkzeug.utils.redirect(location, code=code, Response=Response)
    return cast("OwnResponse", made)


def abort(code: int | WerkzeugResponse, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise the HTTP error of a status code, or one that answers with a response given instead.

    With a current application its `App.aborter` decides which exception belongs to *code*; an
    unknown one is a `LookupError`. Other arguments go to the exception. (Flask's `abort`.)
    """
    if current_app:
        current_app.aborter(code, *args, **kwargs)
    werkzeug.exceptions.abort(code, *args, **kwargs)
