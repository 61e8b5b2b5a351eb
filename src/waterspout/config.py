"""Settings: what they are, and where a program's values for them come from.

`SETTINGS` is the one table of every setting the framework reads. An app starts from
`DEFAULT_CONFIG`, with which it behaves as Flask 3.1 does (the "compat" preset), or from
that plus `MODERN_DEFAULTS` (the "modern" preset). The presets differ in nothing else.

`Config` is the dict an app keeps its settings in, with Flask's ways to fill it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType, ModuleType
from typing import IO, Any, Generic, NamedTuple, Self, TypeVar, overload

from werkzeug.datastructures import ImmutableDict
from werkzeug.utils import import_string

from .typing import OwnApp, SettingValue, Values

__all__ = ["DEFAULT_CONFIG", "MODERN_DEFAULTS", "SETTINGS", "Config", "ConfigAttribute", "Setting"]

T = TypeVar("T")

_same: object = object()

# NOTE: not MappingProxyType: programs copy and pickle their settings.
_NO_FIELDS: Mapping[str, str] = ImmutableDict()
#: SECURITY: no guessing of types (nosniff), no full URLs for other sites, no frames in their pages.
_SAFE_FIELDS: Mapping[str, str] = ImmutableDict(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Content-Security-Policy": "frame-ancestors 'self'",
    }
)


class Setting(NamedTuple):
    """One row of `SETTINGS`.

    `default` holds for the compat preset, and for the modern one too unless `modern` says
    otherwise. `unit` is empty where the value is no quantity.
    """

    default: SettingValue
    about: str
    unit: str = ""
    modern: SettingValue = _same


#: Every setting, by name. The meaning of None is part of each line.
SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        # -- running and errors
        "DEBUG": Setting(None, "Show errors in the browser and reload on changes; None: off."),
        "TESTING": Setting(
            False, "Raise unhandled exceptions in the test instead of responding with 500."
        ),
        "PROPAGATE_EXCEPTIONS": Setting(
            None, "Raise unhandled exceptions in the server; None: when DEBUG or TESTING is on."
        ),
        "TRAP_HTTP_EXCEPTIONS": Setting(
            False, "Treat HTTP errors as ordinary exceptions, without their error pages."
        ),
        "TRAP_BAD_REQUEST_ERRORS": Setting(
            None,
            "Treat a missing form or query key as an exception instead of 400; None: when DEBUG"
            " is on.",
        ),
        "CANCEL_ON_DISCONNECT": Setting(
            False,
            "Cancel the `async def` view of a GET when its client disconnects; a route's option"
            " on_disconnect takes precedence.",
            modern=True,
        ),
        "AWAITABLE_VALUES": Setting(
            False,
            "Let `async def` views also await plain values: request.form, get_json(),"
            " render_template().",
            modern=True,
        ),
        "STREAM_KEEPS_CONTEXT": Setting(
            False, "Keep request, session and g readable while a body is streamed.", modern=True
        ),
        "CHECK_ROUTES": Setting(
            False,
            "Raise at registration for a rule with braces, as in '/items/{id}', or without a"
            " parameter that its view needs.",
            modern=True,
        ),
        "DEFAULT_HEADERS": Setting(
            _NO_FIELDS,
            "Header fields, by name, added to every response that does not set them itself.",
            modern=_SAFE_FIELDS,
        ),
        # -- secrets and the session cookie
        "SECRET_KEY": Setting(
            None, "Key that signs the session and other cookies; None: no session."
        ),
        "SECRET_KEY_FALLBACKS": Setting(
            None, "List of old secret keys, which still verify but no longer sign; None: none."
        ),
        "PERMANENT_SESSION_LIFETIME": Setting(
            timedelta(days=31),
            "Lifetime of a permanent session, from the last response that sent its cookie.",
            "timedelta or seconds",
        ),
        "SESSION_REFRESH_EACH_REQUEST": Setting(
            True,
            "Send the cookie of a permanent session with every response, which extends its"
            " lifetime.",
        ),
        "SESSION_COOKIE_NAME": Setting("session", "Name of the session cookie."),
        "SESSION_COOKIE_DOMAIN": Setting(
            None, "Domain attribute of the session cookie; None: only the host that set it."
        ),
        "SESSION_COOKIE_PATH": Setting(
            None, "Path attribute of the session cookie; None: APPLICATION_ROOT."
        ),
        "SESSION_COOKIE_HTTPONLY": Setting(True, "Hide the session cookie from scripts."),
        "SESSION_COOKIE_SECURE": Setting(False, "Send the session cookie over HTTPS only."),
        "SESSION_COOKIE_PARTITIONED": Setting(
            False, "Keep a separate session cookie for each embedding site (CHIPS); implies Secure."
        ),
        "SESSION_COOKIE_SAMESITE": Setting(
            None,
            "SameSite attribute of the session cookie: 'Strict', 'Lax' or 'None'; None: not"
            " sent, the browser decides.",
            modern="Lax",
        ),
        "SESSION_COOKIE_OVERSIZE": Setting(
            "warn",
            "What a session cookie above MAX_COOKIE_SIZE does: 'warn', and the browser drops"
            " it, or 'error'.",
            modern="error",
        ),
        "SESSION_COOKIE_PRIVATE": Setting(
            False,
            "Add Cache-Control: private to responses that set the session cookie.",
            modern=True,
        ),
        "MAX_COOKIE_SIZE": Setting(
            4093, "Largest Set-Cookie line, above it a warning; 0: no check.", "bytes"
        ),
        "COOKIE_PREFIX_CHECK": Setting(
            False,
            "Raise ValueError for __Host- and __Secure- cookies without the attributes they"
            " require, which browsers drop.",
            modern=True,
        ),
        "CSRF_COOKIE_NAME": Setting(
            "_xsrf", "Name of the cookie with the token against cross-site requests."
        ),
        "CROSS_SITE_CHECK": Setting(
            False,
            "Refuse, with 403, a request that a page of another origin sent with a method other"
            " than GET, HEAD, OPTIONS and TRACE.",
            modern=True,
        ),
        "CROSS_SITE_ORIGINS": Setting(
            (),
            "List of other origins that CROSS_SITE_CHECK allows, such as 'https://example.com';"
            " '*': any.",
        ),
        # -- addresses
        "SERVER_NAME": Setting(
            None,
            "host[:port] of the site, for URLs built outside a request and for subdomains;"
            " None: unknown.",
        ),
        "APPLICATION_ROOT": Setting("/", "Path prefix of URLs built outside a request."),
        "PREFERRED_URL_SCHEME": Setting("http", "Scheme of URLs built outside a request."),
        "TRUSTED_HOSTS": Setting(
            None, "Hosts (or .suffixes) that a request may name, others get 400; None: any."
        ),
        "PROVIDE_AUTOMATIC_OPTIONS": Setting(True, "Respond to OPTIONS for every rule."),
        # -- bodies
        "MAX_CONTENT_LENGTH": Setting(
            None, "Largest request body, above it 413; None: no limit.", "bytes", modern=1024 * 1024
        ),
        "VIEW_BEFORE_BODY": Setting(
            True,
            "Start a `def` view before its body has arrived, if the body is chunked or above"
            " MAX_CONTENT_LENGTH: the view reads it as it arrives, and may raise the limit"
            " first.",
            modern=False,
        ),
        "MAX_FORM_MEMORY_SIZE": Setting(
            500_000, "Largest form field that is not a file, above it 413; None: no limit.", "bytes"
        ),
        "MAX_FORM_SIZE": Setting(
            None,
            "Largest form, its files not counted, above it 413; None: no limit.",
            "bytes",
            modern=1024 * 1024,
        ),
        "MAX_FORM_PARTS": Setting(
            1_000, "Most parts of a multipart form, above it 413; None: no limit.", "parts"
        ),
        "JSON_PROVIDER": Setting(
            "stdlib",
            "'stdlib' (Flask's output), 'msgspec' (see waterspout.json.fast), or an import name;"
            " read at the first use of app.json.",
            modern="msgspec",
        ),
        # -- WebSockets
        "WEBSOCKET_CHECK_ORIGIN": Setting(
            True, "Refuse, with 403, WebSockets that pages of other origins open."
        ),
        "WEBSOCKET_ORIGINS": Setting(
            None,
            "List of other origins whose pages may open WebSockets, '*': any; None: only the"
            " own origin.",
        ),
        "WEBSOCKET_MAX_MESSAGE_SIZE": Setting(
            1024 * 1024,
            "Largest message received, above it close code 1009; None: no limit.",
            "bytes, after decompression",
        ),
        "WEBSOCKET_QUEUE": Setting(
            16,
            "Received messages that may wait for the function; reading pauses at that number.",
            "messages",
        ),
        "WEBSOCKET_PING_INTERVAL": Setting(
            20.0, "Time between two keep-alive pings; None: no pings.", "seconds"
        ),
        "WEBSOCKET_PING_TIMEOUT": Setting(
            20.0, "Drop a client that sends nothing for this long after a ping.", "seconds"
        ),
        "WEBSOCKET_CLOSE_TIMEOUT": Setting(
            10.0,
            "Time limit for the client's close frame, and for the function to end after it.",
            "seconds",
        ),
        "WEBSOCKET_IDLE_TIMEOUT": Setting(
            None,
            "Close with code 1001 after this long without a message in either direction; None:"
            " never.",
            "seconds",
        ),
        "WEBSOCKET_MESSAGE_RATE": Setting(
            None,
            "Rate of messages from a client, averaged over ten seconds, above it close code"
            " 1008; None: no limit.",
            "messages a second",
        ),
        "WEBSOCKET_MAX_FRAGMENTS": Setting(
            1024,
            "Most fragments of one message, above it close code 1008; None: no limit.",
            "fragments",
        ),
        "WEBSOCKET_PING_RATE": Setting(
            50.0,
            "Rate of pings and pongs from a client, averaged over ten seconds, above it close"
            " code 1008; None: no limit.",
            "pings and pongs a second",
        ),
        "WEBSOCKET_PER_CLIENT": Setting(
            None,
            "Most open WebSockets of one address in one process, the next gets 429; None: no"
            " limit.",
            "connections",
        ),
        "WEBSOCKET_MAX_UNSENT": Setting(
            16 * 1024 * 1024,
            "Messages that may wait for a client that does not read; it is disconnected at the"
            " next message above this; None: no limit.",
            "bytes",
        ),
        "WEBSOCKET_COMPRESSION": Setting(
            True, "Compress messages of 512 bytes and more; takes 36 KiB of memory a connection."
        ),
        # -- files and templates
        "SEND_FILE_MAX_AGE_DEFAULT": Setting(
            None,
            "How long browsers may cache sent files; None: they revalidate each time.",
            "seconds or timedelta",
        ),
        "USE_X_SENDFILE": Setting(False, "Let the proxy send files, by the field X-Sendfile."),
        "SEND_FILE_FOLLOW_SYMLINKS": Setting(
            True,
            "Let send_from_directory follow symbolic links that lead out of its directory.",
            modern=False,
        ),
        "SEND_FILE_PRECOMPRESSED": Setting(
            False,
            "Send the variant of a static file, name.br or name.gz beside it, to who accepts it.",
        ),
        "TEMPLATES_AUTO_RELOAD": Setting(None, "Reload changed templates; None: when DEBUG is on."),
        "TORNADO_TEMPLATES": Setting(
            (".tornado.html",),
            "Suffixes, or folders ('old/'), of the templates that Tornado's engine renders.",
        ),
        "JINJA_TEMPLATES": Setting(
            (".jinja.html",),
            "Suffixes, or folders, of the templates that Jinja renders; other names: Jinja in"
            " views, Tornado's engine in handlers.",
        ),
        "EXPLAIN_TEMPLATE_LOADING": Setting(False, "Log where each template was searched."),
        # -- logging
        "TRACEBACK": Setting(
            "all",
            "Frames that tracebacks show in the log and on the error page: 'all', or 'program':"
            " runs of the framework's are one line.",
            modern="program",
        ),
        "LOG_LEVEL": Setting(
            None,
            "Level of app.logger, as a name or number; None: DEBUG in debug mode, else unchanged.",
        ),
        "LOG_FILE": Setting(
            None, "File that is logged to as well, relative to the instance path; None: no file."
        ),
        "LOG_FILE_MAX_BYTES": Setting(
            10 * 1024 * 1024, "Size at which LOG_FILE is rotated; 0: never.", "bytes"
        ),
        "LOG_FILE_BACKUPS": Setting(
            5, "Rotated files kept beside LOG_FILE (.1 is the newest); 0: none.", "files"
        ),
    }
)

#: The values an app starts from: Flask 3.1.3's defaults, and ours that keep its behaviour.
DEFAULT_CONFIG: Mapping[str, SettingValue] = MappingProxyType(
    {name: setting.default for name, setting in SETTINGS.items()}
)

#: What the modern preset changes in `DEFAULT_CONFIG`.
MODERN_DEFAULTS: Mapping[str, SettingValue] = MappingProxyType(
    {name: setting.modern for name, setting in SETTINGS.items() if setting.modern is not _same}
)


#: The settings of WebSockets that a route may have for itself, as options in lower case.
SOCKET_OPTIONS = frozenset(
    name.removeprefix("WEBSOCKET_").lower() for name in SETTINGS if name.startswith("WEBSOCKET_")
) - {"check_origin", "origins"}


class ConfigAttribute(Generic[T]):
    """An attribute of the app that is kept in its configuration under *name*.

    *get_converter* is applied to the value when it is read.
    """

    def __init__(self, name: str, get_converter: Callable[[SettingValue], T] | None = None) -> None:
        self.__name__ = name
        self.get_converter = get_converter

    @overload
    def __get__(self, obj: None, owner: object = None) -> Self: ...

    @overload
    def __get__(self, obj: OwnApp, owner: object = None) -> T: ...

    def __get__(self, obj: OwnApp, owner: object = None) -> T | Self:
        if obj is None:
            return self
        value: SettingValue = obj.config[self.__name__]
        convert = self.get_converter
        if convert is not None:
            value = convert(value)
        found: T = value
        return found

    def __set__(self, obj: OwnApp, value: SettingValue) -> None:
        obj.config[self.__name__] = value


class Config(dict[str, SettingValue]):
    """A dict of settings, with ways to fill it from files, objects and the environment.

    Only upper-case names count as settings, so a configuration module may have helpers in
    lower case. Relative file names start at *root_path*.

        app.config.from_object("shop.settings")
        app.config.from_envvar("SHOP_SETTINGS", silent=True)
    """

    def __init__(
        self, root_path: str | os.PathLike[str], defaults: Mapping[str, SettingValue] | None = None
    ) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path

    def from_mapping(
        self, mapping: Mapping[str, SettingValue] | None = None, **kwargs: SettingValue
    ) -> bool:
        """Take the upper-case items of *mapping* (or an iterable of pairs) and the keywords.

        Returns True.
        """
        for key, value in dict(mapping or {}, **kwargs).items():
            if key.isupper():
                self[key] = value
        return True

    def from_object(self, obj: object | str) -> None:
        """Take the upper-case attributes of a module, class or instance, or of the object
        with that import name. Properties of a class need an instance of it."""
        if isinstance(obj, str):
            obj = import_string(obj)
        for name in dir(obj):
            if name.isupper():
                self[name] = getattr(obj, name)

    def from_pyfile(self, filename: str | os.PathLike[str], silent: bool = False) -> bool:
        """Run a Python file and take its upper-case names.

        Returns whether it was loaded: False if the file is missing and *silent* is set;
        otherwise a missing file raises `OSError`.
        """
        module = ModuleType("config")

        def run(file: IO[bytes]) -> ModuleType:
            exec(compile(file.read(), path, "exec"), module.__dict__)
            return module

        path = module.__file__ = os.path.join(self.root_path, filename)
        if _read(path, "rb", run, silent) is None:
            return False
        self.from_object(module)
        return True

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, SettingValue]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Take the upper-case items of what *load* makes of an open file.

        *text* opens the file as text, else as bytes: ``from_file("site.toml",
        load=tomllib.load, text=False)``. Returns and raises as `from_pyfile`.
        """
        path = os.path.join(self.root_path, filename)
        mapping = _read(path, "r" if text else "rb", lambda file: load(file) or {}, silent)
        return mapping is not None and self.from_mapping(mapping)

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Run the Python file that an environment variable names, as `from_pyfile`.

        Returns False for an unset variable with *silent*, else raises `RuntimeError`.
        """
        filename = os.environ.get(variable_name)
        if filename:
            return self.from_pyfile(filename, silent=silent)
        if silent:
            return False
        raise RuntimeError(
            f"The environment variable {variable_name!r} is not set; make it the path of the"
            " configuration file to load."
        )

    def from_prefixed_env(
        self, prefix: str = "FLASK", *, loads: Callable[[str], SettingValue] = json.loads
    ) -> bool:
        """Take the environment variables that begin with *prefix* and an underscore.

        *loads* (JSON by default) turns each text into a value; where it fails, the text is
        the value. ``FLASK_DB__POOL__size=5`` sets ``config["DB"]["POOL"]["size"]``, making
        the dicts in between. Variables are taken in sorted order. Returns True.
        """
        start = f"{prefix}_"
        for name in sorted(os.environ):
            if not name.startswith(start):
                continue
            value: SettingValue = os.environ[name]
            try:
                value = loads(value)
            except Exception:  # whatever a loader raises, the text stays
                pass
            *parents, last = name[len(start) :].split("__")
            target: dict[str, SettingValue] = self
            for parent in parents:
                target = target.setdefault(parent, {})
            target[last] = value
        return True

    def get_namespace(
        self, namespace: str, lowercase: bool = True, trim_namespace: bool = True
    ) -> Values:
        """Collect the settings whose names begin with *namespace*.

        With *trim_namespace* the keys lose that beginning, with *lowercase* they are in
        lower case: ``Mail(**config.get_namespace("MAIL_"))``.
        """
        start = len(namespace) if trim_namespace else 0
        return {
            (key[start:].lower() if lowercase else key[start:]): value
            for key, value in self.items()
            if key.startswith(namespace)
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict.__repr__(self)}>"


def _read(path: str, mode: str, load: Callable[[IO[Any]], T], silent: bool) -> T | None:
    """Return what *load* makes of the file, None if it is missing and *silent* is set."""
    try:
        with open(path, mode) as file:
            return load(file)
    except OSError as error:
        if silent and error.errno in (errno.ENOENT, errno.EISDIR, errno.ENOTDIR):
            return None
        error.strerror = f"Unable to load configuration file ({error.strerror})"
        raise
