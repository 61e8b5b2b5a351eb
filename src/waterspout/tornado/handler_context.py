"""The context that a request handler's code runs in, whoever calls it.

A handler that waits, or is a WebSocket, is touched by others: a timer, a callback that a thread
has put on the loop, a handler of another user. They run in contexts of their own, where `request`,
`session` and the user are somebody else's, or nobody's.

SECURITY: so whatever of a handler runs code of the program, or asks for its request, goes through
`OwnContext.run` (by `WholeConnection.run`): one user's answer never has another's session.

Theory of operation. A handler that waits is entered in the request's one `contextvars.Context`, the
object that its task runs in, so that what it has set is seen, and what is set is seen by it. The
task has left it while it waits; whoever else calls is on the loop's thread, and has left it before
the loop goes on. Where somebody may be inside, a thread of the pool (`RequestThread.steps_inside`)
or an outer call, and where the caller is on another thread, a copy takes its place.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, TypeVar

from ..context.variables import enter, request_var

if TYPE_CHECKING:
    from ..concurrency.request_thread import RequestThread
    from ..context.request_context import RequestContext

__all__ = ["OwnContext"]

T = TypeVar("T")


class OwnContext:
    """The variables of one request's code, of which *ctx* is the request's context.

    *thread* is the thread of a request whose handler waits; None if it has ended in its first
    step, or is not run by an event loop.
    """

    __slots__ = ("_ctx", "_thread", "_variables")

    def __init__(self, ctx: RequestContext, thread: RequestThread | None = None) -> None:
        self._ctx = ctx
        self._thread = thread
        if thread is not None:
            self._variables = thread.context
        elif request_var.get(None) is ctx:
            self._variables = copy_context()
        else:  # it has ended, or was never started here: there is no more of it than this
            self._variables = Context()
            self._variables.run(enter, ctx)

    def copy(self) -> Context:
        """Return a context for a task beside the request's own."""
        # NOTE: a task that shared the request's could not take a step while a thread, or a loop
        # that runs within the handler's step (nest_asyncio), is in it.
        return self._variables.copy()

    def run(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        """Call *function* with these variables."""
        if request_var.get(None) is self._ctx:
            return function(*args, **kwargs)
        entered = False

        def call() -> T:
            nonlocal entered
            entered = True
            if request_var.get(None) is self._ctx:
                return function(*args, **kwargs)
            token = enter(self._ctx)  # the request has ended
            try:
                return function(*args, **kwargs)
            finally:
                request_var.reset(token)

        if self._may_enter():
            try:
                return self._variables.run(call)
            except RuntimeError:
                if entered:
                    raise  # else an outer call is inside
        return self._variables.copy().run(call)

    def _may_enter(self) -> bool:
        thread = self._thread
        if thread is None:
            return True
        return not thread.steps_inside and _get_running_loop() is thread.lane.loop
