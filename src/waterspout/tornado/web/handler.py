"""`RequestHandler`: the base class of a program's request handlers.

It holds the state of one response and Tornado's names. Its methods are implemented in modules by
subject: arguments, cookies, errors, output, templates, XSRF.

PERF: functions that every request calls are methods themselves (``write = output.write``), the
others are called by methods: together 10 % of a short handler's time.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import Morsel, SimpleCookie
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, overload

from ...import_paths import load
from ...peers.added_names import Added
from ...templating.tornado import BaseLoader
from ...typing import Function, JSONValue, Settings, TemplateNames, User
from ..httputil import HTTPHeaders, HTTPServerRequest
from ..locale import Locale
from ..util import ObjectDict
from . import cookies, etags, fields, lifecycle, locales, origins, output, rendering, uimodule, xsrf
from . import error_pages as failures
from .arguments import Arguments
from .context_entry import in_own_context, run_own
from .errors import HTTPError
from .extras import bind_ui, json_getter, session_of, user_here

if TYPE_CHECKING:
    from asyncio import Future

    from ...http.prepared import Usual, Written
    from ...sessions import SessionMixin
    from .fields import HeaderValue
    from .transforms import OutputTransform
    from .uimodule import UIModule


class RequestHandler(Arguments):
    """Handles one request; subclasses define ``get``, ``post`` and the other methods.

    A method is ``def`` or ``async def``; what it returns is awaited if it is not None. Made
    by the application: subclasses define `initialize`, not ``__init__``.
    """

    #: The methods that are not responded to with 405; may be extended.
    SUPPORTED_METHODS: tuple[str, ...] = (
        *("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"),
    )

    _template_loaders: ClassVar[dict[str, BaseLoader]] = {}
    _template_loader_lock: ClassVar[threading.Lock] = threading.Lock()
    _VALID_HEADER_CHARS: ClassVar[re.Pattern[str]] = fields.VALID_VALUE
    _stream_request_body: ClassVar[bool] = False

    #: Whether another base, after this class, may have a constructor.
    _waterspout_mixed: ClassVar[bool] = False
    #: Whether `ui` was made: its functions hold the handler.
    waterspout_has_ui: bool = False
    #: Whether code other than the request's own may have a reference to the handler.
    waterspout_waited: bool = False
    #: Somebody has asked for what is one client's, see `sessions.ClientUse`.
    waterspout_client_was_asked: bool = False

    #: The `Application`, with what a program has put on it.
    application: Any
    request: HTTPServerRequest
    path_args: list[str]
    path_kwargs: dict[str, str]
    _transforms: list[OutputTransform]
    _prepared_future: Future[None] | None = None
    #: The usual header fields, until `_headers` is read; None after that, and when the response is
    #: written.
    waterspout_usual: Usual | None
    waterspout_fields: HTTPHeaders | None
    #: The entity tag beside the usual fields, and the one that `compute_etag` made last.
    waterspout_tag: str | None
    waterspout_made_tag: str | None = None
    #: The response that was made of the usual fields.
    waterspout_answer: Written
    _write_buffer: list[bytes]
    _status_code: int
    _reason: str
    # Unset until they are read or set:
    _new_cookie: SimpleCookie
    _active_modules: dict[str, UIModule]
    _current_user: User
    _locale: Locale
    _xsrf_token: bytes
    _raw_xsrf_token: tuple[int | None, bytes, float]

    def __init__(self, application: Any, request: HTTPServerRequest, **kwargs: object) -> None:
        if self._waterspout_mixed:
            super().__init__()
        self.application = application
        self.request = request
        self._headers_written = False
        self._finished = False
        self._auto_finish = True
        # Set although they are the class's defaults: an instance's attribute is read faster.
        self.waterspout_waited = self.waterspout_has_ui = False
        self.clear()
        if kwargs:
            self.initialize(**kwargs)
        else:
            self.initialize()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._waterspout_mixed = cls.__mro__[-2] is not Arguments

    @classmethod
    def _waterspout_endpoint(cls, name: str) -> Function:
        """Return this class as an endpoint of a core application (``app.route``)."""
        return load(f"{__package__.rpartition('.')[0]}.core_adapter:endpoint_of")(cls)  # type: ignore[no-any-return]  # by name

    # -- not in Tornado; found after the program's own names --------------------------------

    if TYPE_CHECKING:
        #: The ``ui_methods`` and UI modules of the application, bound to this handler.
        ui: ObjectDict

        @property
        def session(self) -> SessionMixin:
            """The session, the same that a Flask view of the site has. Needs a secret key."""

        @session.setter
        def session(self, value: object) -> None: ...

        def get_json(self) -> JSONValue:
            """Return the value of a JSON body, whatever its Content-Type.

            Raises `HTTPError` 400 if the body is empty or is not JSON.
            """
    else:
        ui = Added(bind_ui)
        session = Added(session_of)
        get_json = Added(json_getter)

    # -- for subclasses ----------------------------------------------------------------------------

    def _initialize(self) -> None:
        pass

    #: Is called with the keyword arguments of the route; may be defined with any parameters.
    initialize: Callable[..., None] = _initialize

    def _unimplemented_method(self, *args: object, **kwargs: object) -> None:
        raise HTTPError(405)

    head: Callable[..., Awaitable[None] | None] = _unimplemented_method
    get: Callable[..., Awaitable[None] | None] = _unimplemented_method
    post: Callable[..., Awaitable[None] | None] = _unimplemented_method
    delete: Callable[..., Awaitable[None] | None] = _unimplemented_method
    patch: Callable[..., Awaitable[None] | None] = _unimplemented_method
    put: Callable[..., Awaitable[None] | None] = _unimplemented_method
    options: Callable[..., Awaitable[None] | None] = _unimplemented_method

    def set_default_headers(self) -> None:
        """Set header fields of every response, error pages too."""

    def prepare(self) -> Awaitable[None] | None:
        """Is called before the HTTP method, which is left out if this finishes the response."""
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a piece of the body; for classes with `stream_request_body`."""
        raise NotImplementedError

    def on_finish(self) -> None:
        """Is called when the response is finished and can no longer be changed."""

    def on_connection_close(self) -> None:
        """Is called when the client disconnects while the response is being made."""
        if self._stream_request_body:
            lifecycle.lose_body(self.request)

    # -- about the request -------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings of the application."""
        settings: Settings = self.application.settings
        return settings

    def require_setting(self, name: str, feature: str = "this feature") -> None:
        """Raise an exception if the application lacks a setting that *feature* needs."""
        if not self.application.settings.get(name):
            raise Exception(
                f"You must define the '{name}' setting in your application to use {feature}"
            )

    # -- the user ----------------------------------------------------------------------------------

    @property
    def current_user(self) -> User:
        """The user of this request: what was set, else `get_current_user`, which is asked
        once."""
        self.waterspout_client_was_asked = True
        if not hasattr(self, "_current_user"):
            self._current_user = run_own(self, self.get_current_user)
        return self._current_user

    @current_user.setter
    def current_user(self, value: object) -> None:
        self._current_user = value

    def get_current_user(self) -> User:
        """Return the user: by default what the application's own user loader says, else
        None. Not a coroutine; where it takes one, set `current_user` in `prepare`."""
        return run_own(self, user_here)

    def get_login_url(self) -> str:
        """Return where to send users who are not logged in: the setting ``login_url``."""
        self.require_setting("login_url", "@tornado.web.authenticated")
        url: str = self.application.settings["login_url"]
        return url

    @property
    def locale(self) -> Locale:
        """The language of the response: what was set, else what the user has chosen, else
        what the browser prefers."""
        if not hasattr(self, "_locale"):
            self._locale = run_own(self, locales.choose, self)
        return self._locale

    @locale.setter
    def locale(self, value: Locale) -> None:
        self._locale = value

    def get_user_locale(self) -> Locale | None:
        """Return the language the user has chosen; for subclasses."""
        return locales.get_user_locale(self)

    def get_browser_locale(self, default: str = "en_US") -> Locale:
        """Return the best language by Accept-Language."""
        return locales.get_browser_locale(self, default)

    # -- cookies -----------------------------------------------------------------------------------

    set_cookie = cookies.set_cookie  # before the property takes the room's name

    @property
    def cookies(self) -> dict[str, Morsel[str]]:
        """The cookies of the request."""
        return self.request.cookies

    @overload
    def get_cookie(self, name: str, default: str) -> str: ...
    @overload
    def get_cookie(self, name: str, default: None = None) -> str | None: ...
    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a cookie of the request."""
        return cookies.get_cookie(self, name, default)

    def clear_cookie(self, name: str, **kwargs: object) -> None:
        """Delete a cookie; domain and path have to be those it was set with."""
        cookies.clear_cookie(self, name, **kwargs)

    def clear_all_cookies(self, **kwargs: object) -> None:
        """Delete all cookies the client sent."""
        cookies.clear_all_cookies(self, **kwargs)

    def set_signed_cookie(
        self,
        name: str,
        value: str | bytes,
        expires_days: float | None = 30,
        version: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Set a cookie that clients can read but not forge (setting ``cookie_secret``)."""
        signed = self.create_signed_value(name, value, version=version)
        self.set_cookie(name, signed, expires_days=expires_days, **kwargs)

    def create_signed_value(
        self, name: str, value: str | bytes, version: int | None = None
    ) -> bytes:
        """Return *value* signed, as `set_signed_cookie` would set it."""
        return cookies.create_signed_value(self, name, value, version)

    def get_signed_cookie(
        self,
        name: str,
        value: str | None = None,
        max_age_days: float = 31,
        min_version: int | None = None,
    ) -> bytes | None:
        """Return the content of a signed cookie, None if it is forged or too old."""
        return cookies.get_signed_cookie(self, name, value, max_age_days, min_version)

    def get_signed_cookie_key_version(self, name: str, value: str | None = None) -> int | None:
        """Return the version of the key that a cookie is signed with."""
        return cookies.get_signed_cookie_key_version(self, name, value)

    set_secure_cookie = set_signed_cookie
    get_secure_cookie = get_signed_cookie
    get_secure_cookie_key_version = get_signed_cookie_key_version

    # -- status and header fields ------------------------------------------------------------------

    clear = fields.clear
    set_status = fields.set_status

    def get_status(self) -> int:
        """Return the status."""
        return self._status_code

    set_header = fields.set_header
    _headers = property(fields.headers_of, fields.replace_headers)

    def add_header(self, name: str, value: HeaderValue) -> None:
        """Add a header field to those of that name."""
        self._headers.add(name, self._convert_header_value(value))

    def clear_header(self, name: str) -> None:
        """Remove a header field."""
        if name in self._headers:
            del self._headers[name]

    _convert_header_value = fields.convert

    def _should_not_send_content(self, status_code: int) -> bool:
        return status_code in (204, 304) or 100 <= status_code < 200

    def _clear_representation_headers(self) -> None:
        fields.clear_representation(self)

    compute_etag = etags.compute_etag
    set_etag_header = etags.set_etag_header
    check_etag_header = etags.check_etag_header

    # -- output ------------------------------------------------------------------------------------

    write = output.write
    flush = output.flush
    finish = output.finish
    redirect = output.redirect
    waterspout_written_so_far = output.written_so_far

    def detach(self) -> Any:
        """Take the connection's stream and end all HTTP on it."""
        self._finished = True
        return self.request.connection.detach()

    def _break_cycles(self) -> None:
        self.ui = None  # type: ignore[assignment]  # as Tornado's; its functions hold the handler

    # -- pages -------------------------------------------------------------------------------------

    @in_own_context
    def render(self, template_name: str, **kwargs: Any) -> Awaitable[None]:
        """Finish with a page made by a template, and by the UI modules in it. In an `App` its
        settings JINJA_TEMPLATES and TORNADO_TEMPLATES say which names are for which engine."""
        return rendering.render(self, template_name, **kwargs)

    @in_own_context
    def render_string(self, template_name: str, **kwargs: object) -> bytes:
        """Return what a template makes of *kwargs* and the usual names."""
        return rendering.render_string(self, template_name, **kwargs)

    def render_linked_js(self, js_files: Iterable[str]) -> str:
        """Return the elements that load the modules' scripts."""
        return rendering.render_linked_js(self, js_files)

    def render_embed_js(self, js_embed: Iterable[bytes]) -> bytes:
        """Return the element with the modules' own script."""
        return rendering.render_embed_js(self, js_embed)

    def render_linked_css(self, css_files: Iterable[str]) -> str:
        """Return the elements that load the modules' style sheets."""
        return rendering.render_linked_css(self, css_files)

    def render_embed_css(self, css_embed: Iterable[bytes]) -> bytes:
        """Return the element with the modules' own style."""
        return rendering.render_embed_css(self, css_embed)

    def get_template_namespace(self) -> TemplateNames:
        """Return the names that templates see; subclasses add to them."""
        return rendering.get_template_namespace(self)

    def get_template_path(self) -> str | None:
        """Return the folder of the templates; None for the one of the calling file."""
        return rendering.get_template_path(self)

    def create_template_loader(self, template_path: str) -> BaseLoader:
        """Return a new loader for a folder of templates."""
        return rendering.create_template_loader(self, template_path)

    @in_own_context
    def static_url(self, path: str, include_host: bool | None = None, **kwargs: object) -> str:
        """Return the URL of a static file, with its version."""
        return rendering.static_url(self, path, include_host, **kwargs)

    @in_own_context
    def reverse_url(self, name: str, *args: object) -> str:
        """Return the URL of the route *name*. Raises KeyError."""
        url: str = self.application.reverse_url(name, *args)
        return url

    def _ui_module(self, name: str, module: type[UIModule]) -> Callable[..., str]:
        return uimodule._ui_module(self, name, module)

    # -- against requests from other sites ---------------------------------------------------------

    @property
    def xsrf_token(self) -> bytes:
        """The token that forms must send; asking for it sets the cookie."""
        return run_own(self, xsrf.xsrf_token, self)

    @in_own_context
    def xsrf_form_html(self) -> str:
        """Return the hidden input that forms must have."""
        return xsrf.xsrf_form_html(self)

    def check_xsrf_cookie(self) -> None:
        """Raise `HTTPError` 403 unless the request repeats the cookie's token."""
        xsrf.check_xsrf_cookie(self)

    def check_trusted_origin(self, origin: str) -> bool:
        """Tell whether a request from *origin* may change something: if the setting
        ``trusted_origins`` has it. Called where ``cross_origin_protection`` is set."""
        return origin in self.application.settings.get("trusted_origins", ())

    def _get_raw_xsrf_token(self) -> tuple[int | None, bytes, float]:
        return xsrf._get_raw_xsrf_token(self)

    def _decode_xsrf_token(self, cookie: str) -> tuple[int | None, bytes | None, float | None]:
        return xsrf._decode_xsrf_token(self, cookie)

    _cross_origin_protection = origins.protect

    def _check_cross_origin(self, check: Callable[[str], bool]) -> str | None:
        return origins.refusal(self, check)

    # -- errors and the log ------------------------------------------------------------------------

    @in_own_context
    def send_error(self, status_code: int = 500, **kwargs: object) -> None:
        """Finish with an error page in place of what has been written; *kwargs* are for
        `write_error`."""
        failures.send_error(self, status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Write the error page; *exc_info* is there if an exception was the cause."""
        failures.write_error(self, status_code, **kwargs)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an exception that the program did not handle."""
        failures.log_exception(self, typ, value, tb)

    def _handle_request_exception(self, e: BaseException) -> None:
        failures.handle_request_exception(self, e)

    def _request_summary(self) -> str:
        return failures.request_summary(self)

    def _log(self) -> None:
        self.application.log_request(self)

    # -- the run of a request ---------------------------------------------------------------------

    async def _execute(
        self, transforms: list[OutputTransform], *args: bytes | None, **kwargs: bytes | None
    ) -> None:
        await lifecycle.execute(self, transforms, args, kwargs)


#: As shipped, to tell whether a program has replaced it.
own_execute = RequestHandler._execute
