"""The run of one request through a handler.

``initialize`` has been called when the handler was made. `start` then takes it through body,
arguments, the checks against other sites, ``prepare``, the HTTP method and ``finish``; an
exception on the way ends in ``log_exception`` and ``send_error``. A value of
``prepare`` or the method is awaited if it is not None.

With ``def`` methods nothing is awaited, and many ``async def`` ones wait for nothing. So
`start` is a function that runs as far as it can, and returns a coroutine for the rest if there is
one.
"""

from __future__ import annotations

from asyncio import CancelledError, Future, current_task
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from sys import intern
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ...concurrency.coroutines import go_on
from ...typing import Kwargs
from ..httputil import HTTPInputError
from ..iostream import StreamClosedError
from ..log import app_log
from .error_pages import give_up
from .errors import HTTPError
from .origins import SAFE_METHODS

if TYPE_CHECKING:
    from ..httputil import HTTPServerRequest
    from .interfaces import Handler
    from .transforms import OutputTransform

# Groups that took no part are None; str comes from routers of the program.
_RAW: Any = (bytes, str, type(None))

_ENDED = object()

_NAMES = {
    method: intern(method.lower())
    for method in ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
}


class _BodyLost(StreamClosedError):
    """The client disconnected before the body was complete."""


def lose_body(request: HTTPServerRequest) -> None:
    """End the handler of a streamed *request* without a response."""
    fail_body(request, _BodyLost())


def fail_body(request: HTTPServerRequest, error: Exception) -> None:
    """Make the handler of a streamed *request* fail with *error*, which `data_received` raised."""
    body = request.waterspout_body_future
    if not body.done():
        if isinstance(error, HTTPInputError):
            error = HTTPError(400, f"Invalid body: {error}")
        body.set_exception(error)
        body.exception()  # retrieved, so that it is not logged


def streams(cls: type[Handler]) -> bool:
    """Whether handlers of *cls* take the body of a request piece by piece."""
    return cls._stream_request_body


def note_streaming(self: Handler) -> None:
    """Give the handler the future that is done when it is prepared for the body."""
    self._prepared_future = Future()


def preparation(self: Handler) -> Future[None] | None:
    """Return the future of `note_streaming`, None for a handler that gets the body whole."""
    return self._prepared_future


def tell_gone(self: Handler) -> None:
    """Tell a handler that the client has gone, unless its response is complete."""
    if not self._finished:
        self.on_connection_close()


def start(
    self: Handler,
    transforms: list[OutputTransform],
    args: Sequence[bytes | None],
    kwargs: Mapping[str, bytes | None],
    streams: bool,
) -> Coroutine[object, None, None] | None:
    """Run *handler* as far as nothing has to be awaited; return a coroutine for the rest, None if
    it has ended. *args* and *kwargs* are what the route matched; *streams* says that the handler
    takes its body in pieces.

    Raises nothing but `CancelledError`, when the task is cancelled; neither does what is returned.
    """
    self._transforms = transforms
    request = self.request
    method = request.method
    try:
        if method not in self.SUPPORTED_METHODS:
            raise HTTPError(405)
        if request.waterspout_has_body and not streams:
            try:
                request._parse_body()
            except HTTPInputError as error:
                raise HTTPError(400, f"Invalid body: {error}") from error
        self.path_args = _decoded(self, args) if args else []
        self.path_kwargs = _decoded_by_name(self, kwargs) if kwargs else {}
        if method not in SAFE_METHODS:
            self._cross_origin_protection()
        waiting = self.prepare()
        if waiting is not None or streams:
            return _prepared(self, waiting)
        if self._finished:
            return None
        # PERF: an interned name is looked up in 0.13 µs instead of 0.28.
        answer = getattr(self, _NAMES.get(request.method) or request.method.lower())
        if self.path_args or self.path_kwargs:
            waiting = answer(*self.path_args, **self.path_kwargs)
        else:
            waiting = answer()
        if waiting is not None:
            if type(waiting) is not CoroutineType:
                return _answered(self, waiting)
            # The first step is taken here, so that a method that waits for nothing needs no
            # coroutine around it; `next` with a default returns at its end instead of raising.
            awaited = next(waiting.__await__(), _ENDED)
            if awaited is not _ENDED:
                return _answered(self, go_on(waiting, awaited))
        if self._auto_finish and not self._finished:
            self.finish()
    except (Exception, CancelledError) as error:
        _fail(self, error)
    return None


async def execute(
    self: Handler,
    transforms: list[OutputTransform],
    args: Sequence[bytes | None],
    kwargs: Mapping[str, bytes | None],
) -> None:
    """Run *handler* (`start`) to its end."""
    rest = start(self, transforms, args, kwargs, self._stream_request_body)
    if rest is not None:
        await rest


async def _prepared(self: Handler, waiting: Awaitable[None] | None) -> None:
    """Continue a handler whose ``prepare``, or whose body, has to be awaited."""
    streams = self._stream_request_body
    try:
        if waiting is not None:
            await waiting
        if streams and not self._finished:
            _say_prepared(self)
            try:
                await self.request.waterspout_body_future
            except _BodyLost:
                return
        if self._finished:
            return
        answer = getattr(self, self.request.method.lower())
        waiting = answer(*self.path_args, **self.path_kwargs)
        if waiting is not None:
            await waiting
        if self._auto_finish and not self._finished:
            self.finish()
    except (Exception, CancelledError) as error:
        _fail(self, error)
    finally:
        if streams:
            _say_prepared(self)


async def _answered(self: Handler, waiting: Awaitable[None]) -> None:
    """Continue a handler whose HTTP method has to be awaited."""
    try:
        await waiting
        if self._auto_finish and not self._finished:
            self.finish()
    except (Exception, CancelledError) as error:
        _fail(self, error)


def _fail(self: Handler, error: Exception | CancelledError) -> None:
    """End the response that *error*, which is being handled, has interrupted."""
    try:
        if isinstance(error, CancelledError) and _is_cancelled():
            # Not an error to be logged; but the client is waiting.
            if not self._finished:
                _guarded(self.send_error, 500)
            raise error
        handled = _guarded(self._handle_request_exception, error)
        if not handled and not self._finished:
            _guarded(give_up, self)
    finally:
        if self._stream_request_body:
            _say_prepared(self)


def _say_prepared(self: Handler) -> None:
    """Let the server read the body of a handler that streams it; it waits for this."""
    prepared = self._prepared_future
    if prepared is not None and not prepared.done():
        prepared.set_result(None)


# Values that are neither text nor bytes were made by a converter of the core's routes.


def _decoded(handler: Handler, args: Sequence[Any]) -> list[Any]:
    return [handler.decode_argument(arg) if isinstance(arg, _RAW) else arg for arg in args]


def _decoded_by_name(self: Handler, kwargs: Mapping[str, Any]) -> Kwargs:
    return {
        name: self.decode_argument(arg, name=name) if isinstance(arg, _RAW) else arg
        for name, arg in kwargs.items()
    }


def _is_cancelled() -> bool:
    """Whether this task is being cancelled, not only something it waited for."""
    task = current_task()
    return task is not None and task.cancelling() > 0


def _guarded(function: Callable[..., object], *args: object) -> bool:
    """Call *function* and return True, or log its exception and return False."""
    try:
        function(*args)
    except Exception:
        app_log.error("Exception in exception handler", exc_info=True)
        return False
    return True
