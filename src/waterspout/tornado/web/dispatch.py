"""Receive a request for a handler, make the handler, and start it."""

from __future__ import annotations

from asyncio import Future, ensure_future, wait
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from ...typing import Settings
from ..httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from ..httputil.delegates import settled
from .handler import RequestHandler
from .lifecycle import fail_body, lose_body, note_streaming, preparation, streams, tell_gone
from .rendering import forget_templates
from .static import StaticFileHandler

if TYPE_CHECKING:
    from .interfaces import HandlerSite
    from .router import Target
    from .transforms import OutputTransform

# NOTE: shared by all requests without arguments in the path, and so never changed.
_NONE: Any = {}


class _HandlerDelegate(HTTPMessageDelegate):
    """One request on its way to one handler.

    A server that has the whole request (its `body` included) needs only `begin`, or what it
    does.
    """

    handler: RequestHandler
    _running: Future[None]
    _told_gone = False

    def __init__(
        self,
        application: HandlerSite,
        request: HTTPServerRequest,
        handler_class: type[RequestHandler],
        handler_kwargs: dict[str, object] | None,
        path_args: list[bytes | None] | None,
        path_kwargs: dict[str, bytes | None] | None,
    ) -> None:
        self.application = application
        self.connection = request.connection
        self.request = request
        self.handler_class = handler_class
        self.handler_kwargs = handler_kwargs or _NONE
        self.path_args = path_args or ()
        self.path_kwargs = path_kwargs or _NONE
        self.stream_request_body = streams(handler_class)
        self._body = bytearray()  # pieces of a few bytes in a list would take thirty times as much

    @property
    def target(self) -> Target:
        """The handler, and what it is given."""
        given = self.handler_kwargs, self.path_args, self.path_kwargs
        return self.application, self.handler_class, *given

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Start a handler that streams the body; the result is done when it is prepared."""
        if not self.stream_request_body:
            return None
        self.request.waterspout_body_future = Future()
        return self.execute()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Hand on a piece of the body, or keep it."""
        if self.stream_request_body:
            return self._hand_on(chunk)
        self._body += chunk
        return None

    async def _hand_on(self, chunk: bytes) -> None:
        """Give a piece to the handler; where that fails, the handler's request has failed."""
        try:
            await settled(self.handler.data_received(chunk))
        except Exception as error:
            fail_body(self.request, error)
            await wait({self._running})

    def finish(self) -> None:
        """Start the handler, or tell it that the body is complete."""
        if self.stream_request_body:
            if not self.request.waterspout_body_future.done():
                self.request.waterspout_body_future.set_result(None)
            return
        self.request.body = bytes(self._body)
        self.execute()

    def on_connection_close(self) -> None:
        """Tell a handler that streams, unless it knows; another one has not been made."""
        if self.stream_request_body and hasattr(self, "handler"):
            self._tell_gone()
        self._body.clear()

    def _tell_gone(self) -> None:
        told, self._told_gone = self._told_gone, True
        try:
            if not told:
                tell_gone(self.handler)
        finally:
            lose_body(self.request)  # should the program's own method have forgotten to

    def execute(self) -> Awaitable[None] | None:
        """Start the handler in a task of its own; what is returned for one that streams is
        done when it is prepared."""
        running = self._running = ensure_future(self.begin())
        running.add_done_callback(_look_at)
        return preparation(self.handler)

    def begin(self) -> Coroutine[object, None, None]:
        """Make the handler, and return the coroutine that takes it through the request."""
        application, request = self.application, self.request
        forget_changed(application.settings)
        handler = self.handler = self.handler_class(application, request, **self.handler_kwargs)
        handler.waterspout_waited = True
        told = self._tell_gone if self.stream_request_body else handler.on_connection_close
        self.connection.set_close_callback(told)
        if self.stream_request_body:
            note_streaming(handler)
        transforms = transforms_for(application, request)
        return one_coroutine(handler._execute(transforms, *self.path_args, **self.path_kwargs))


def one_coroutine(result: Awaitable[None] | None) -> Coroutine[object, None, None]:
    """Return what `RequestHandler._execute` has returned as a coroutine: a program's own may be
    decorated by `gen.coroutine`, or be `def`."""
    return result if isinstance(result, Coroutine) else settled(result)


def forget_changed(settings: Settings) -> None:
    """With the settings of debug mode, forget the templates and the hashes of files, which may
    have changed."""
    if not settings.get("compiled_template_cache", True):
        forget_templates(RequestHandler)
    if not settings.get("static_hash_cache", True):
        settings.get("static_handler_class", StaticFileHandler).reset()


def transforms_for(application: HandlerSite, request: HTTPServerRequest) -> list[OutputTransform]:
    """Make the output transforms of *request*."""
    makers = application.transforms
    return [make(request) for make in makers] if makers else []


def _look_at(running: Future[None]) -> None:
    """Have the loop log what a handler's coroutine raises, which it should not."""
    if not running.cancelled():
        running.result()
