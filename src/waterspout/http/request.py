"""The request object of views: Werkzeug's and Flask's properties over an `Incoming`
message or over a WSGI environ.

Werkzeug's class computes its fields in the constructor. Here they are non-data descriptors:
a request from a gateway computes only those that are read, and Werkzeug's own constructor
still works for an environ.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.datastructures import EnvironHeaders, Headers, IfRange, ImmutableMultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.utils import get_content_length, get_host
from werkzeug.wrappers import Request as WerkzeugRequest

from .. import json
from ..context.variables import current_config, request_var
from ..observed import ObservedType
from ..typing import Argument, JSONValue, Values
from .awaitable import awaitable
from .cached_property import made_once
from .debugging import attach_enctype_error_multidict
from .fields import ReceivedHeaders, headers_of
from .forms import URLENCODED, FormParser, OwnFormParser, multi_dict, parse_fields
from .message import Incoming
from .request_parts import Bounded, Dated, Limit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import FileStorage, MultiDict
    from werkzeug.exceptions import HTTPException
    from werkzeug.formparser import FormDataParser
    from werkzeug.routing import Rule

__all__ = ["Request", "asks_for_socket", "names_prefix_alone", "split_blueprint_path"]

R = TypeVar("R", bound="Request")

_UNDERSCORE = ord("_")  # PERF: see `message`, 0.04 µs instead of 0.53


@cache
def split_blueprint_path(name: str) -> tuple[str, ...]:
    """List a blueprint's dotted name and those of its parents: ``a.b`` → ``("a.b", "a")``."""
    parts = [name]
    while "." in name:
        name = name.rpartition(".")[0]
        parts.append(name)
    return tuple(parts)


def asks_for_socket(request: WerkzeugRequest) -> bool:
    """Tell whether a request (of Werkzeug's class, too) asks for a WebSocket."""
    if isinstance(request, Request):
        upgrade = request.waterspout_field(b"upgrade")
    else:
        upgrade = request.headers.get("Upgrade")
    return upgrade is not None and upgrade.lower() == "websocket"


def names_prefix_alone(request: WerkzeugRequest) -> bool:
    """Tell whether a request names the application's prefix without a slash: ``/app``, where the
    application's root is ``/app/``."""
    incoming: Incoming | None = getattr(request, "waterspout_incoming", None)
    if incoming is not None:
        return not incoming.path
    return not request.environ.get("PATH_INFO")


class Request(WerkzeugRequest, metaclass=ObservedType):
    """A request (Flask's `Request`): Werkzeug's properties, the rule and arguments that matched,
    and body values that are plain in `def` and `async def` views alike.

    With AWAITABLE_VALUES on, and an `async def` view or hook, ``form``, ``files``, ``values`` and
    the results of `get_json` and `get_data` also accept ``await`` (`None`, `True` and `False`
    cannot), so that code written for Quart runs.
    """

    json_module: Any = json

    #: The rule that matched, None if none did.
    url_rule: Rule | None = None
    #: The converted variable parts of the URL, None if no rule matched.
    view_args: Values | None = None
    #: The error or redirect that routing ended in.
    routing_exception: HTTPException | None = None
    #: The message of the native server or ASGI; None for a request from a WSGI environ.
    waterspout_incoming: Incoming | None = None
    shallow = False
    _waterspout_given_input: IO[bytes] | None = None

    max_content_length: int | None = Limit("MAX_CONTENT_LENGTH", None)  # type: ignore[assignment]
    max_form_memory_size: int | None = Limit(  # type: ignore[assignment]
        "MAX_FORM_MEMORY_SIZE", 500_000
    )
    max_form_parts: int | None = Limit("MAX_FORM_PARTS", 1_000)  # type: ignore[assignment]
    max_form_size: int | None = Limit("MAX_FORM_SIZE", None)  # type: ignore[assignment]
    form_data_parser_class: type[FormDataParser] = FormParser
    date: datetime | None = Dated()  # type: ignore[assignment]
    if_modified_since: datetime | None = Dated()  # type: ignore[assignment]
    if_unmodified_since: datetime | None = Dated()  # type: ignore[assignment]
    if_range: IfRange = Dated(IfRange)  # type: ignore[assignment]

    @classmethod
    def waterspout_from(cls: type[R], incoming: Incoming) -> R:
        """Make the request object of a received message. A subclass with a constructor of its own
        is called with the environ, as Flask calls it."""
        if cls.__init__ is not WerkzeugRequest.__init__:
            request = cls(incoming.to_environ())
            request.waterspout_incoming = incoming
            return request
        request = cls.__new__(cls)
        request.waterspout_incoming = incoming
        return request

    # -- fields that Werkzeug's constructor sets from an environ ---------------

    def _waterspout_message(self) -> Incoming:
        incoming = self.waterspout_incoming
        if incoming is None:
            raise AttributeError("this request has neither a message nor an environ")
        return incoming

    @made_once
    def method(self) -> str:  # type: ignore[override]
        """The request method, upper case."""
        return self._waterspout_message().method.upper()

    @made_once
    def scheme(self) -> str:  # type: ignore[override]
        """``http`` or ``https``."""
        return self._waterspout_message().scheme

    @made_once
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The address that received the request: (host, port), or (path, None) for a UNIX
        socket."""
        return self._waterspout_message().server

    @made_once
    def root_path(self) -> str:  # type: ignore[override]
        """The prefix the application is mounted under, without a trailing slash."""
        return self._waterspout_message().root_path.rstrip("/")

    @made_once
    def path(self) -> str:  # type: ignore[override]
        """The decoded path below `root_path`, with a leading slash."""
        return "/" + self._waterspout_message().path.lstrip("/")

    @made_once
    def query_string(self) -> bytes:  # type: ignore[override]
        """The raw query string, without the question mark."""
        return self._waterspout_message().query

    @made_once
    def remote_addr(self) -> str | None:  # type: ignore[override]
        """The client's address, None for a UNIX socket."""
        client = self._waterspout_message().client
        return None if client is None else client[0]

    @property
    def is_from_trusted_proxy(self) -> bool:
        """Whether a trusted proxy sent the request: one of the server's ``trusted_proxies``, or,
        under WSGI, one that Werkzeug's `ProxyFix` counts. Fields that only such a proxy sets, such
        as ``X-Request-ID``, can be trusted then."""
        incoming = self.waterspout_incoming
        if incoming is not None and incoming.is_from_trusted_proxy:
            return True
        environ = self.__dict__.get("environ")
        return environ is not None and "werkzeug.proxy_fix.orig" in environ

    @made_once
    def headers(self) -> Headers:  # type: ignore[override]
        """The header fields; repeated ones are joined (RFC 9110 §5.3). If the `environ` was made,
        they are a view of it, and a hook that changes it changes them."""
        fields: dict[str, str] = {}
        for raw, value in self._waterspout_message().headers:
            if _UNDERSCORE in raw:  # SECURITY: see Incoming.to_environ
                continue
            name = raw.decode("latin-1").title()
            text = value.decode("latin-1").strip(" \t")
            if name in fields:
                text = f"{fields[name]}{'; ' if name == 'Cookie' else ','}{text}"
            fields[name] = text
        values = "".join(fields.values())
        if "\n" in values or "\r" in values:
            return Headers(fields)  # raises `ValueError`
        return headers_of(list(fields.items()), ReceivedHeaders)  # checked above, all at once

    def waterspout_field(self, name: bytes) -> str | None:
        """Return the header field *name* (lower case), None if it was not sent.

        PERF: 1.5 µs; to make `headers` for the few fields that a form needs takes ten times that.
        """
        incoming = self.waterspout_incoming
        made = "headers" in self.__dict__ or type(self).headers is not _HEADERS
        if made or incoming is None:
            return self.headers.get(name.decode())
        found = incoming.header(name)
        return None if found is None else found.decode("latin-1")

    @made_once
    def host(self) -> str:
        """The requested host, with its port unless that is the scheme's default; "" if it has
        characters that a host cannot have. Raises `SecurityError` (400) for one that is not in
        `trusted_hosts`."""
        sent = self.waterspout_field(b"host")
        server = self.server if sent is None else None
        return get_host(self.scheme, sent, server, self.trusted_hosts)

    @property
    def content_type(self) -> str | None:  # type: ignore[override]
        """The media type of the body with its parameters, None if there is none."""
        return self.waterspout_field(b"content-type")

    @made_once
    def content_length(self) -> int | None:
        """The length of the body in bytes as the client gave it; None if it gave none, or
        sends the body in chunks."""
        return get_content_length(
            self.waterspout_field(b"content-length"), self.waterspout_field(b"transfer-encoding")
        )

    @made_once
    def _parsed_content_type(self) -> tuple[str, dict[str, str]]:  # type: ignore[override]
        return parse_options_header(self.waterspout_field(b"content-type"))

    @made_once
    def args(self) -> MultiDict[str, str]:
        """The values in the query string."""
        fields = parse_fields(self.query_string)
        return cast("MultiDict[str, str]", multi_dict(self.parameter_storage_class, fields))

    @made_once
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """The cookies (RFC 6265); of several with one name the first."""
        incoming = self.waterspout_incoming
        if incoming is None or "headers" in self.__dict__:
            sent = ";".join(self.headers.getlist("Cookie"))
        else:  # PERF: without making all headers
            sent = (incoming.header(b"cookie") or b"").decode("latin-1")
        storage: Any = self.dict_storage_class
        found: Any = parse_cookie(sent, cls=storage)
        return cast("ImmutableMultiDict[str, str]", found)

    @made_once
    def environ(self) -> WSGIEnvironment:  # type: ignore[override]
        """The WSGI environ, made on demand where a server of ours received the request."""
        environ = self._waterspout_message().to_environ()
        environ["wsgi.input"] = self._waterspout_given_input = self._waterspout_body_file()
        environ["werkzeug.request"] = self
        if type(self).headers is _HEADERS:
            self.__dict__["headers"] = EnvironHeaders(environ)
        return environ

    # -- the body --------------------------------------------------------------

    def _waterspout_body_file(self) -> IO[bytes]:
        body = self._waterspout_message().body
        if isinstance(body, bytes):
            return BytesIO(body)
        if body.seekable():
            body.seek(0)
        return body

    @made_once
    def stream(self) -> IO[bytes]:
        """The body as a binary file. It was received whole (bounded, spooled) before the
        view ran, unless the route streams or VIEW_BEFORE_BODY says otherwise. Raises 413 above
        `max_content_length`."""
        limit = self.max_content_length
        if self.waterspout_incoming is None or self._waterspout_has_other_input():
            environ = self.environ
            chunked = self.content_length is None and "wsgi.input_terminated" in environ
            if chunked and limit is not None:
                return cast("IO[bytes]", Bounded(environ["wsgi.input"], limit))
            inherited: Any = WerkzeugRequest.stream
            found: IO[bytes] = inherited.__get__(self)
            return found
        body = self._waterspout_message().body
        if limit is None:
            return self._waterspout_body_file()
        if isinstance(body, bytes):
            size: int | None = len(body)
        elif body.seekable():
            size = body.seek(0, 2)
        else:  # it arrives while it is read
            size = self.content_length
            if size is None:
                return cast("IO[bytes]", Bounded(body, limit))
        if size is not None and size > limit:
            raise RequestEntityTooLarge()
        return self._waterspout_body_file()

    def _waterspout_has_other_input(self) -> bool:
        """Whether a hook has replaced the body in the environ."""
        environ = self.__dict__.get("environ")
        return environ is not None and environ["wsgi.input"] is not self._waterspout_given_input

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body piece by piece as it arrives, on a route with ``stream=True``;
        elsewhere the buffered body in pieces. The client is paused while a piece is handled.

        Raises `ClientDisconnected` (400) if the client disconnects first.
        """
        channel = None if self.waterspout_incoming is None else self.waterspout_incoming.channel
        if channel is not None:
            while chunk := await channel.receive():
                yield chunk
            return
        stream = self.stream
        while chunk := stream.read(65536):
            yield chunk

    async def disconnected(self) -> None:
        """Return when the client has gone; never, where the server cannot detect that."""
        peer = None if self.waterspout_incoming is None else self.waterspout_incoming.peer
        if peer is None:
            await asyncio.get_running_loop().create_future()
        assert peer is not None
        await peer.disconnected()

    def waterspout_must_close(self) -> bool:
        """Whether `close` or the end of the request has anything to do: files were received,
        or an environ refers back to the request."""
        made = self.__dict__
        # PERF: a urlencoded form leaves no files; to skip the end of its request saves 8 %.
        own_close = "close" in made or type(self).close is not Request.close
        return bool(made.get("files")) or "environ" in made or own_close

    # -- what the URL matched ----------------------------------------------------

    @property
    def endpoint(self) -> str | None:
        """The endpoint that matched, None if none did."""
        rule = self.url_rule
        return None if rule is None else rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The registered (dotted) name of the blueprint that matched, if any."""
        endpoint = self.endpoint
        if endpoint is not None and "." in endpoint:
            return endpoint.rpartition(".")[0]
        return None

    @property
    def blueprints(self) -> list[str]:
        """The names of the current blueprint and its parents, innermost first."""
        name = self.blueprint
        return [] if name is None else list(split_blueprint_path(name))

    # -- body values that also accept await ----------------------------------------

    @property
    def want_form_data_parsed(self) -> bool:
        """Whether there is a form to parse: there is a content type."""
        return bool(self.waterspout_field(b"content-type"))

    def make_form_data_parser(self) -> FormDataParser:
        """Make the form parser, with the limits of this request."""
        if self.form_data_parser_class is FormParser:
            return OwnFormParser(self)
        parser = super().make_form_data_parser()
        if isinstance(parser, FormParser):
            parser.max_form_size = self.max_form_size
        return parser

    def _load_form_data(self) -> None:
        values = self.__dict__
        if "form" in values:
            return
        if self.want_form_data_parsed:
            if self.waterspout_incoming is None and self._waterspout_is_for_handler():
                self.get_data()  # kept: the handler reads the body after a hook has read the form
            parser = self.make_form_data_parser()
            stream = self._get_stream_for_parsing()
            mimetype = self.mimetype
            # Our parser of urlencoded forms does not use length and parameters.
            alone = type(parser) is OwnFormParser and mimetype == URLENCODED
            length, options = (None, None) if alone else (self.content_length, self.mimetype_params)
            read = parser.parse(stream, mimetype, length, options)
        else:
            storage = self.parameter_storage_class
            read = self.stream, storage(), storage()
        values["stream"], values["form"], values["files"] = read
        config = current_config()
        if (
            config is not None
            and config["DEBUG"]
            and self.mimetype != "multipart/form-data"
            and not values["files"]
        ):
            attach_enctype_error_multidict(self)
        if self._waterspout_awaitable_values:
            values["form"] = awaitable(values["form"])
            values["files"] = awaitable(values["files"])

    def _waterspout_is_for_handler(self) -> bool:
        """Whether the endpoint takes the message itself, as a request handler does."""
        ctx = request_var.get(None)
        if ctx is None or self.url_rule is None:
            return False
        view = ctx.app.waterspout_plan_for(self.url_rule).view
        return getattr(view, "takes_message", False)

    @made_once
    def form(self) -> ImmutableMultiDict[str, str]:
        """The fields of a form in the body; its files are in `files`."""
        self._load_form_data()
        return self.form

    @made_once
    def files(self) -> ImmutableMultiDict[str, FileStorage]:
        """The files of a form, as Werkzeug's `FileStorage`."""
        self._load_form_data()
        return self.files

    @property
    def _waterspout_awaitable_values(self) -> bool:
        """Whether body values accept ``await``: AWAITABLE_VALUES is on, and the view or a hook of
        this request is `async def`."""
        ctx = request_var.get(None)
        return (
            ctx is not None
            and bool(ctx.app.config["AWAITABLE_VALUES"])
            and bool(ctx.app.waterspout_plan_for(self.url_rule).awaits)
        )

    @made_once
    def values(self) -> Any:
        """Query and form values together, the form's only for methods with a body."""
        found = super().values
        return awaitable(found) if self._waterspout_awaitable_values else found

    def get_data(self, *args: Argument, **kwargs: Argument) -> Any:
        """Return the body as bytes, or as str with ``as_text=True`` (Werkzeug's `get_data`)."""
        value = super().get_data(*args, **kwargs)
        if not self._waterspout_awaitable_values:
            return value
        value = awaitable(value)
        if "_cached_data" in self.__dict__ and isinstance(value, bytes):
            self._cached_data = value
        return value

    def get_json(self, *args: Argument, **kwargs: Argument) -> JSONValue:
        """Return the body parsed as JSON (Werkzeug's `get_json`): 415 for another content
        type, 400 for bad JSON, unless *force* or *silent* say otherwise."""
        value = super().get_json(*args, **kwargs)
        if not self._waterspout_awaitable_values:
            return value
        made = awaitable(value)
        if made is not value and any(kept is value for kept in self._cached_json):
            # The same object at each call: what a hook changes in it, the view sees.
            self._cached_json = (made, made)
        return made

    def on_json_loading_failed(self, e: ValueError | None) -> JSONValue:
        """Respond with 400 for a body that is not JSON; the parser's message only in debug mode.

        Raises `BadRequest` (400).
        """
        try:
            return super().on_json_loading_failed(e)
        except BadRequest as error:
            config = current_config()
            if config is not None and config["DEBUG"]:
                raise
            raise BadRequest() from error


#: As it is before a program replaces it.
_HEADERS = Request.headers
