"""Names that the drop-in adds to installed modules: those that Werkzeug, Jinja,
MarkupSafe, itsdangerous and Flask-Migrate removed, and our server.

`Patches.by_module` says what happens to a module right after it was imported. Programs that
import a removed name get a DeprecationWarning that says what to write; nothing else about the
modules changes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType

from ..peers.removed_names import Removed, removed_names

_ABSENT: object = object()


def _moved(target_module: str, *names: str) -> Iterator[tuple[str, Removed]]:
    """Yield names that another module still has."""
    for name in names:
        yield name, Removed(f"{target_module}:{name}", f"'{target_module}.{name}'")


def _standin(module: str, instead: str, *names: str) -> Iterator[tuple[str, Removed]]:
    """Yield names that only `dropin/legacy` has."""
    for name in names:
        yield name, Removed(f".dropin.legacy.{module}:{name}", instead)


_URLS = dict(
    _standin(
        "urls",
        "the functions of 'urllib.parse'",
        *("URL", "url_decode", "url_encode", "url_fix", "url_join", "url_parse", "url_quote"),
        *("url_quote_plus", "url_unparse", "url_unquote", "url_unquote_plus"),
    )
)
_ESCAPE = dict(
    [
        *_standin("text", "'markupsafe.escape'", "escape"),
        *_standin("text", "'html.unescape'", "unescape"),
    ]
)
_WRAPPERS = {
    "BaseRequest": Removed("werkzeug.wrappers:Request", "'werkzeug.wrappers.Request'"),
    "BaseResponse": Removed("werkzeug.wrappers:Response", "'werkzeug.wrappers.Response'"),
    **dict(
        _standin(
            "wrappers",
            "'Request' and 'Response', which have what the mixins gave",
            *("AcceptMixin", "AuthorizationMixin", "CORSRequestMixin", "CORSResponseMixin"),
            *("CommonRequestDescriptorsMixin", "CommonResponseDescriptorsMixin"),
            *("ETagRequestMixin", "ETagResponseMixin", "ResponseStreamMixin", "StreamOnlyMixin"),
            *("UserAgentMixin", "WWWAuthenticateMixin"),
        )
    ),
}
_MIDDLEWARE = dict(
    [
        *_moved("werkzeug.middleware.dispatcher", "DispatcherMiddleware"),
        *_moved("werkzeug.middleware.shared_data", "SharedDataMiddleware"),
    ]
)

_MARKUP = dict(_moved("markupsafe", "Markup", "escape"))
_PASSING = {
    f"{old}{kind}": Removed(f"jinja2.utils:{new}", f"'jinja2.{new}'")
    for old, new in {
        "context": "pass_context",
        "evalcontext": "pass_eval_context",
        "environment": "pass_environment",
    }.items()
    for kind in ("filter", "function")
}

#: Module → names that old programs import from it.
REMOVED: dict[str, dict[str, Removed]] = {
    "werkzeug": {
        "__version__": Removed(
            ".dropin.legacy.version:__version__", "'importlib.metadata.version(\"werkzeug\")'"
        ),
        **_URLS,
        **_ESCAPE,
        **_WRAPPERS,
        **_MIDDLEWARE,
        **dict(
            [
                *_moved("werkzeug.utils", "secure_filename", "redirect", "import_string"),
                *_moved("werkzeug.utils", "cached_property", "find_modules"),
                *_moved("werkzeug.security", "generate_password_hash", "check_password_hash"),
                *_moved("werkzeug.exceptions", "abort", "Aborter"),
                *_moved("werkzeug.http", "HTTP_STATUS_CODES", "http_date", "parse_date"),
                *_moved("werkzeug.http", "parse_options_header", "dump_cookie", "parse_cookie"),
                *_moved("werkzeug.http", "generate_etag", "quote_etag", "unquote_etag"),
                *_moved("werkzeug.datastructures", "MultiDict", "ImmutableMultiDict"),
                *_moved("werkzeug.datastructures", "CombinedMultiDict", "ImmutableDict"),
                *_moved("werkzeug.datastructures", "Headers", "EnvironHeaders", "FileStorage"),
                *_moved("werkzeug.datastructures", "Authorization", "WWWAuthenticate"),
                *_moved("werkzeug.local", "Local", "LocalManager", "LocalProxy", "LocalStack"),
                *_moved("werkzeug.local", "release_local"),
                *_moved("werkzeug.test", "EnvironBuilder", "create_environ", "run_wsgi_app"),
                *_moved("werkzeug.wsgi", "get_current_url", "get_host", "responder", "wrap_file"),
                *_moved("werkzeug.wsgi", "FileWrapper", "LimitedStream", "ClosingIterator"),
                *_moved("werkzeug.debug", "DebuggedApplication"),
                *_moved("werkzeug.urls", "iri_to_uri", "uri_to_iri"),
                *_standin("security", "'hmac.compare_digest'", "safe_str_cmp"),
            ]
        ),
    },
    "werkzeug.urls": _URLS,
    "werkzeug.utils": _ESCAPE,
    "werkzeug.security": dict(
        [
            *_standin("security", "'hmac.compare_digest'", "safe_str_cmp"),
            *_standin("security", "'hashlib.pbkdf2_hmac'", "pbkdf2_bin", "pbkdf2_hex"),
        ]
    ),
    "werkzeug.wrappers": _WRAPPERS,
    "werkzeug.wsgi": {
        **_MIDDLEWARE,
        **dict(
            _standin(
                "wsgi",
                "a routing of your own, or 'werkzeug.middleware.dispatcher'",
                *("get_script_name", "peek_path_info", "pop_path_info"),
            )
        ),
        **dict(_standin("wsgi", "'environ[\"QUERY_STRING\"]'", "get_query_string")),
        **dict(_standin("wsgi", "a loop over 'stream'", "make_line_iter", "make_chunk_iter")),
    },
    "werkzeug.local": {"get_ident": Removed("threading:get_ident", "'threading.get_ident'")},
    "werkzeug.http": {
        "cookie_date": Removed("werkzeug.http:http_date", "'werkzeug.http.http_date'"),
        "parse_authorization_header": Removed(
            "werkzeug.datastructures:Authorization.from_header",
            "'werkzeug.datastructures.Authorization.from_header'",
        ),
        "parse_www_authenticate_header": Removed(
            "werkzeug.datastructures:WWWAuthenticate.from_header",
            "'werkzeug.datastructures.WWWAuthenticate.from_header'",
        ),
    },
    "werkzeug.serving": {
        "run_with_reloader": Removed(
            "werkzeug._reloader:run_with_reloader", "'waterspout run --reload'"
        ),
    },
    "jinja2": {**_MARKUP, **_PASSING},
    "jinja2.utils": {
        **_MARKUP,
        **_PASSING,
        "soft_unicode": Removed("markupsafe:soft_str", "'markupsafe.soft_str'"),
        "unicode_urlencode": Removed("jinja2.utils:url_quote", "'urllib.parse.quote'"),
    },
    "jinja2.filters": {
        **_PASSING,
        "soft_unicode": Removed("markupsafe:soft_str", "'markupsafe.soft_str'"),
    },
    "jinja2.ext": {
        **_PASSING,
        **dict(_standin("text", "nothing: Jinja has them", "autoescape", "AutoEscapeExtension")),
        **dict(_standin("text", "nothing: Jinja has them", "with_", "WithExtension")),
    },
    "markupsafe": {"soft_unicode": Removed("markupsafe:soft_str", "'markupsafe.soft_str'")},
    "itsdangerous": {
        "json": Removed("json", "'import json'"),
        **dict(
            _standin(
                "jws",
                "'URLSafeTimedSerializer', or a library for JWT",
                *("JSONWebSignatureSerializer", "TimedJSONWebSignatureSerializer"),
            )
        ),
    },
}

#: The same for extensions of Flask.
EXTENSIONS: dict[str, dict[str, Removed]] = {
    "flask_migrate": {
        "MigrateCommand": Removed("flask_migrate.cli:db", "'flask db', or 'manage.py db' with it"),
    },
}


class Patches:
    """Changes made to foreign modules, kept so that they can be taken back."""

    def __init__(self) -> None:
        self._undo: list[tuple[ModuleType, str, object]] = []
        self._werkzeug_run_simple: object = _ABSENT

    def by_module(self) -> dict[str, Callable[[ModuleType], None]]:
        """Return what to do to each module, by its name."""
        return {
            **dict.fromkeys({**REMOVED, **EXTENSIONS}, self.keep_removed_names),
            "werkzeug.serving": self.serve_with_waterspout,
            "werkzeug": self.serve_from_package,
        }

    def keep_removed_names(self, module: ModuleType) -> None:
        """Let *module* answer for the names it once had."""
        before = vars(module).get("__getattr__")
        names = {**REMOVED, **EXTENSIONS}[module.__name__]
        self._set(module, "__getattr__", removed_names(module.__name__, names, before))

    def serve_with_waterspout(self, module: ModuleType) -> None:
        """Make `werkzeug.serving.run_simple` start our server, whoever calls it."""
        self.keep_removed_names(module)
        self._werkzeug_run_simple = vars(module)["run_simple"]
        self._set(module, "run_simple", run_simple)

    def serve_from_package(self, module: ModuleType) -> None:
        """Do the same for `from werkzeug import run_simple`."""
        self.keep_removed_names(module)
        if vars(module)["run_simple"] is run_simple:  # it has just imported the name from .serving
            self._undo.append((module, "run_simple", self._werkzeug_run_simple))
        else:
            self._set(module, "run_simple", run_simple)

    def undo(self) -> None:
        """Take every change back, the last one first."""
        while self._undo:
            module, name, before = self._undo.pop()
            if before is _ABSENT:
                delattr(module, name)
            else:
                setattr(module, name, before)

    def _set(self, module: ModuleType, name: str, value: object) -> None:
        self._undo.append((module, name, vars(module).get(name, _ABSENT)))
        setattr(module, name, value)


def run_simple(
    hostname: str, port: int, application: object, *args: object, **kwargs: object
) -> None:
    """Serve *application* with `waterspout.server.run_simple`, which takes the same arguments.

    The server is imported when it is needed, not when a program imports `werkzeug.serving`.
    """
    server = importlib.import_module("..server", __package__)
    server.run_simple(hostname, port, application, *args, **kwargs)
