"""URLs out of endpoints, inside and outside of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from werkzeug.routing import BuildError, MapAdapter

from .context import _cv_app, _cv_request

if TYPE_CHECKING:
    from .app import App


def build_url(
    app: App,
    endpoint: str,
    values: dict[str, Any],
    *,
    anchor: str | None,
    method: str | None,
    scheme: str | None,
    external: bool | None,
) -> str:
    """Build the URL of *endpoint* for `App.url_for`.

    Raises `BuildError` unless the app's handlers have another answer, `RuntimeError` outside
    a request without SERVER_NAME, `ValueError` for a scheme on a URL that is not external.
    """
    ctx = _cv_request.get(None)
    adapter: MapAdapter | None
    if ctx is not None:
        adapter = ctx.url_adapter
        if endpoint[:1] == ".":
            blueprint = ctx.request.blueprint
            endpoint = endpoint[1:] if blueprint is None else f"{blueprint}{endpoint}"
        if external is None:
            external = scheme is not None
    else:
        outer = _cv_app.get(None)
        adapter = app.create_url_adapter(None) if outer is None else outer.url_adapter
        if adapter is None:
            raise RuntimeError(
                "Unable to build URLs outside an active request"
                " without 'SERVER_NAME' configured. Also configure"
                " 'APPLICATION_ROOT' and 'PREFERRED_URL_SCHEME' as"
                " needed."
            )
        if external is None:
            external = True
    # An insecure URL must not come of a scheme that is silently dropped.
    if scheme is not None and not external:
        raise ValueError("When specifying '_scheme', '_external' must be True.")
    app.inject_url_defaults(endpoint, values)
    try:
        url = cast("MapAdapter", adapter).build(
            endpoint, values, method=method, url_scheme=scheme, force_external=external
        )
    except BuildError as error:
        values.update(_anchor=anchor, _method=method, _scheme=scheme, _external=external)
        return app.handle_url_build_error(error, endpoint, values)
    if anchor is not None:
        fragment = quote(anchor, safe="%!#$&'()*+,/:;=?@")
        url = f"{url}#{fragment}"
    return url
