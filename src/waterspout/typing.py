"""Types of a program's return values, hooks and handlers.

The names are Flask's (`flask.typing`); the kinds a view may return are those `App.make_response`
takes.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from werkzeug.datastructures import Headers
    from werkzeug.sansio.response import Response

_T = TypeVar("_T")

# -- values whose type only the program, or another package, knows ---------------------------------
#
# Flask and Tornado type them as `Any`, and so must we: a program that gets one uses it as what it
# is. Each has the name of what it is. Values that are only passed on are `object`.

#: What `json.loads` returns: the program knows its shape.
JSONValue: TypeAlias = Any
JSONObject = dict[str, JSONValue]

#: The value of a setting, whose type its documentation gives; settings by their names.
SettingValue: TypeAlias = Any
Settings = dict[str, SettingValue]

#: The names that a template sees, with their values.
TemplateNames = dict[str, Any]

#: A function of the program, with the parameters and the result that it wants.
Function = Callable[..., Any]

#: The arguments of a call to come, by position and by name.
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

#: A user of the program: what its `get_current_user`, or its loader, returns.
User: TypeAlias = Any

#: An object of a package without types, or of several packages whose classes have no common base.
Untyped: TypeAlias = Any

#: What a call of an ``async def`` function makes; what it yields is the event loop's.
Coro = Coroutine[Any, Any, _T]

#: Values of any kinds by name: the arguments of a view, the options of a route, ASGI's scope.
Values = dict[str, Any]

#: What a view or a hook has returned, before a response is made of it: a `ResponseReturnValue`, if
#: the program is right.
ReturnValue: TypeAlias = Any

#: An argument that is passed on to a function of the program or of a library, which says its kind;
#: and the arguments of methods that programs override with parameters of their own.
Argument: TypeAlias = Any

#: The application, in methods that programs override, where they name their own class of it.
OwnApp: TypeAlias = Any

#: What can be the body of a response, or a whole response. A mapping, so that a TypedDict fits; at
#: run time it must be a dict.
ResponseValue = Union[
    "Response",
    str,
    bytes,
    list[JSONValue],
    Mapping[str, JSONValue],
    Iterator[str],
    Iterator[bytes],
    AsyncIterable[str],
    AsyncIterable[bytes],
]

#: The value of one header: text, or several values for several fields of the name.
HeaderValue = str | list[str] | tuple[str, ...]

HeadersValue = Union["Headers", Mapping[str, HeaderValue], Sequence[tuple[str, HeaderValue]]]

#: What a view returns. An `async def` view returns these, too; see `RouteCallable`.
ResponseReturnValue = Union[
    ResponseValue,
    tuple[ResponseValue, HeadersValue],
    tuple[ResponseValue, int],
    tuple[ResponseValue, int, HeadersValue],
    "WSGIApplication",
]

#: Any subclass of Werkzeug's response, so that a hook may name the one it works on.
ResponseClass = TypeVar("ResponseClass", bound="Response")

#: The key of a registry of hooks: a blueprint's name, or None for the application.
AppOrBlueprintKey = str | None

AfterRequestCallable = (
    Callable[[ResponseClass], ResponseClass] | Callable[[ResponseClass], Awaitable[ResponseClass]]
)
BeforeFirstRequestCallable = Callable[[], None] | Callable[[], Awaitable[None]]
BeforeRequestCallable = (
    Callable[[], ResponseReturnValue | None] | Callable[[], Awaitable[ResponseReturnValue | None]]
)
ShellContextProcessorCallable = Callable[[], Values]
TeardownCallable = (
    Callable[[BaseException | None], None] | Callable[[BaseException | None], Awaitable[None]]
)
TemplateContextProcessorCallable = Callable[[], Values] | Callable[[], Awaitable[Values]]
TemplateFilterCallable = Function
TemplateGlobalCallable = Function
TemplateTestCallable = Callable[..., bool]
URLDefaultCallable = Callable[[str, Values], None]
URLValuePreprocessorCallable = Callable[[str | None, Values | None], None]

#: The argument is the exception; `Any`, because a handler names the class it is registered for.
ErrorHandlerCallable = (
    Callable[[Any], ResponseReturnValue] | Callable[[Any], Awaitable[ResponseReturnValue]]
)

RouteCallable = Callable[..., ResponseReturnValue] | Callable[..., Awaitable[ResponseReturnValue]]

#: What `App.route` decorates: a view, or a class that makes one, such as a request handler.
Routed = RouteCallable | type[Any]


class RouteOptions(TypedDict, total=False):
    """The options of a route, by keyword, in ``@app.get`` and the others (`routing.Rule`)."""

    endpoint: str | None
    defaults: Mapping[str, Any] | None
    host: str | None
    subdomain: str | None
    strict_slashes: bool | None
    merge_slashes: bool | None
    redirect_to: str | Callable[..., str] | None
    build_only: bool
    alias: bool
    provide_automatic_options: bool | None
    #: seconds
    timeout: float | None
    on_disconnect: Literal["cancel", "finish"] | None
    stream: bool
    inline: bool
    #: bytes
    max_content_length: int | None


class RouteOptionsWithMethods(RouteOptions, total=False):
    """The same for ``@app.route``."""

    methods: Collection[str] | None
