"""Functions of the current application: `url_for`, `redirect`, `abort`, and the URLs of mounted
applications."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import quote

import werkzeug.exceptions
import werkzeug.utils
from werkzeug.exceptions import BadHost
from werkzeug.routing import BuildError, Map, MapAdapter
from werkzeug.wrappers import Response as WerkzeugResponse

from ..context.request_context import _cv_app, _cv_request, current_app, request
from ..http.location import plain_location
from ..http.request import asks_for_socket, names_prefix_alone
from ..security.redirects import is_on_host
from ..typing import Values

if TYPE_CHECKING:
    from werkzeug.wrappers import Request as WerkzeugRequest

    from ..http import Response as OwnResponse
    from ..interfaces import Application

__all__ = ["abort", "bind_map", "build_beyond", "build_url", "is_local_url", "redirect", "url_for"]


def bind_map(url_map: Map, request: WerkzeugRequest, name: str) -> MapAdapter:
    """Bind *url_map* to the server *name* and to a request's scheme, prefix and path."""
    scheme = request.scheme
    if asks_for_socket(request):
        scheme = "wss" if scheme in ("https", "wss") else "ws"
    prefix = request.root_path
    subdomain = url_map.default_subdomain or ""
    # "/app" is another URL than "/app/": Werkzeug redirects from the one to the other.
    path = "" if names_prefix_alone(request) else request.path
    method = request.method
    query = request.query_string.decode("latin-1")
    if type(url_map).bind is Map.bind:
        ascii_name = _to_ascii(name)
        return MapAdapter(url_map, ascii_name, prefix, subdomain, scheme, path, method, query)
    return url_map.bind(
        name,
        script_name=prefix,
        subdomain=subdomain,
        url_scheme=scheme,
        path_info=path,
        default_method=method,
        query_args=query,
    )


@lru_cache(maxsize=256)
def _to_ascii(host: str) -> str:
    """Return a host as `Map.bind` writes it. PERF: the codec takes 10 µs, and hosts repeat."""
    name, colon, port = host.lower().partition(":")
    try:
        return name.encode("idna").decode("ascii") + colon + port
    except UnicodeError:
        raise BadHost() from None


def build_url(
    app: Application,
    endpoint: str,
    values: Values,
    *,
    anchor: str | None,
    method: str | None,
    scheme: str | None,
    external: bool | None,
) -> str:
    """Build the URL of *endpoint* for `App.url_for`.

    Raises `BuildError` unless the app's handlers return a URL, `RuntimeError` outside a request
    without SERVER_NAME, `ValueError` for a scheme on a URL that is not external.
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
        url = f"{url}#{_fragment(anchor)}"
    return url


def build_beyond(app: Application, error: BuildError, endpoint: str, values: Values) -> str:
    """Build the URL of an *endpoint* that *app* itself has no rule for.

    It may be a handler's; or, as ``shop.admin.index``, belong to what is mounted at
    ``/shop/admin``; or to the application that *app* is mounted in. Raises *error* otherwise.
    """
    ctx = _cv_request.get(None) or _cv_app.get(None)
    adapter: MapAdapter | None = None if ctx is None else ctx.url_adapter
    if adapter is None:
        raise error
    given = {key: value for key, value in values.items() if key not in _WORDS}
    root = adapter.script_name.rstrip("/")
    path = _path_beyond(app, endpoint, given, adapter, root)
    if path is None:
        raise error
    if values.get("_external"):
        scheme = values.get("_scheme") or adapter.url_scheme
        path = f"{scheme}://{adapter.get_host(None)}{path}"
    anchor = values.get("_anchor")
    return path if anchor is None else f"{path}#{_fragment(anchor)}"


#: What `url_for` itself is told, among the values of an endpoint.
_WORDS = ("_anchor", "_method", "_scheme", "_external")


def _path_beyond(
    app: Application, endpoint: str, values: Values, adapter: MapAdapter, root: str
) -> str | None:
    path = _path_of_builders(app, endpoint, values, root)
    if path is not None:
        return path
    for prefix, inner in app.waterspout_mounts:
        name = prefix.strip("/").replace("/", ".") + "."
        if endpoint.startswith(name):
            path = _path_in(inner, endpoint[len(name) :], values, adapter, root + prefix)
            if path is not None:
                return path
    for prefix, outer in app.waterspout_mounted_in:
        if root.endswith(prefix):
            path = _path_in(outer, endpoint, values, adapter, root.removesuffix(prefix))
            if path is not None:
                return path
    return None


def _path_in(
    app: Application, endpoint: str, values: Values, adapter: MapAdapter, root: str
) -> str | None:
    """Return the path of an endpoint of *app*, which is at *root*; None if it has no such."""
    values = values.copy()
    app.inject_url_defaults(endpoint, values)
    bound = app.url_map.bind(adapter.server_name, f"{root}/", url_scheme=adapter.url_scheme)
    try:
        return bound.build(endpoint, values)
    except BuildError:
        return _path_of_builders(app, endpoint, values, root)


def _path_of_builders(app: Application, endpoint: str, values: Values, root: str) -> str | None:
    for build in app.waterspout_path_builders:
        path = build(endpoint, values)
        if path is not None:
            return root + path
    return None


def _fragment(anchor: str) -> str:
    return quote(anchor, safe="%!#$&'()*+,/:;=?@")


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: object,
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


def is_local_url(url: str | None) -> bool:
    """Tell whether *url*, which a client has sent, leads to this site: a path, or an absolute URL
    of the host of the running request, as browsers read it.

        target = request.args.get("next")
        return redirect(target if is_local_url(target) else url_for("index"))
    """
    return bool(url) and is_on_host(str(url), request.host)


def abort(code: int | WerkzeugResponse, *args: object, **kwargs: object) -> NoReturn:
    """Raise the HTTP error of a status code, or one whose response is the given one.

    With a current application its `App.aborter` decides which exception belongs to *code*; an
    unknown one is a `LookupError`. Other arguments go to the exception. (Flask's `abort`.)
    """
    if current_app:
        current_app.aborter(code, *args, **kwargs)
    werkzeug.exceptions.abort(code, *args, **kwargs)
