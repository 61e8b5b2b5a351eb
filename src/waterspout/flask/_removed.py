"""The names that Flask removed between 0.10 and 3.0, by the module programs import them from.

Each module concerned ends with `__getattr__ = removed_names("flask.X", ...)`.
"""

from __future__ import annotations

from ..peers.removed_names import Removed

_JSON = {
    "JSONEncoder": Removed(
        ".flask._json_classes:JSONEncoder", "a 'flask.json.provider.JSONProvider' in 'app.json'"
    ),
    "JSONDecoder": Removed(
        ".flask._json_classes:JSONDecoder", "a 'flask.json.provider.JSONProvider' in 'app.json'"
    ),
}
_STACKS = {
    "_app_ctx_stack": Removed(
        ".flask._stacks:app_ctx_stack", "'flask.globals.app_ctx', or 'flask.g' to keep things in"
    ),
    "_request_ctx_stack": Removed(
        ".flask._stacks:request_ctx_stack",
        "'flask.globals.request_ctx', or 'flask.g' to keep things in",
    ),
}
_SAFE_JOIN = {
    "safe_join": Removed(".flask._standins:safe_join", "'werkzeug.security.safe_join'"),
}
_TOTAL_SECONDS = {
    "total_seconds": Removed("datetime:timedelta.total_seconds", "'timedelta.total_seconds()'"),
}
_SIGNALS_AVAILABLE = {
    "signals_available": Removed(
        ".flask._standins:SIGNALS_AVAILABLE", "nothing: signals are always there"
    ),
}

TOP_LEVEL = {
    **_JSON,
    **_STACKS,
    **_SAFE_JOIN,
    **_SIGNALS_AVAILABLE,
    "Markup": Removed("markupsafe:Markup", "'markupsafe.Markup'"),
    "escape": Removed("markupsafe:escape", "'markupsafe.escape'"),
}
_LOOKUPS = {
    "_lookup_req_object": Removed(
        ".flask._standins:lookup_req_object", "'flask.request' and others"
    ),
    "_lookup_app_object": Removed(".flask._standins:lookup_app_object", "'flask.g'"),
    "_find_app": Removed(".flask._standins:find_app", "'flask.current_app'"),
}
GLOBALS = {**_STACKS, **_LOOKUPS}
#: Modules that had the stacks because they imported them.
STACKS = _STACKS
APP = {**_STACKS, **_JSON}
CLI = {
    "DispatchingApp": Removed(".flask._standins:DispatchingApp", "'flask run'"),
    "call_factory": Removed(".flask._standins:call_factory", "a call"),
}
TESTING = {
    "make_test_environ_builder": Removed(
        ".flask._standins:make_test_environ_builder", "'flask.testing.EnvironBuilder'"
    ),
}
WRAPPERS = {
    "JSONMixin": Removed(".flask._standins:JSONMixin", "nothing: 'Request' has what it gave")
}
HELPERS = {
    **_SAFE_JOIN,
    "get_env": Removed(".flask._old_app:env", "'os.environ'"),
    "_PackageBoundObject": Removed(".flask.sansio.scaffold:Scaffold", "'flask.Blueprint'"),
    "_endpoint_from_view_func": Removed(
        ".flask.sansio.scaffold:_endpoint_from_view_func", "'view_func.__name__'"
    ),
    "url_quote": Removed("urllib.parse:quote", "'urllib.parse.quote'"),
    "jsonify": Removed(".flask.json:jsonify", "'flask.jsonify'"),
    **_TOTAL_SECONDS,
    "locked_cached_property": Removed(
        "werkzeug.utils:cached_property", "'werkzeug.utils.cached_property'"
    ),
}
JSON = {
    **_JSON,
    "htmlsafe_dumps": Removed(
        "jinja2.utils:htmlsafe_json_dumps", "'jinja2.utils.htmlsafe_json_dumps'"
    ),
    "tojson_filter": Removed("jinja2.utils:htmlsafe_json_dumps", "Jinja's filter 'tojson'"),
}
SESSIONS = _TOTAL_SECONDS
SIGNALS = _SIGNALS_AVAILABLE
