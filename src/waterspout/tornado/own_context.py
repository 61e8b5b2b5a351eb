"""The context that a request handler's code runs in, whoever calls it.

A handler that waits, or is a WebSocket, is touched by others: a timer, a callback that a thread
has put on the loop, a handler of another user. They run in contexts of their own, where `request`,
`session` and the user are somebody else's, or nobody's.

SECURITY: so whatever of a handler runs code of the program, or asks for its request, goes through
`OwnContext.run` (by `WholeConnection.run`): one user's answer never has another's session.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from ..current import enter, request_var

if TYPE_CHECKING:
    from ..context import RequestContext

__all__ = ["OwnContext"]

T = TypeVar("T")


class OwnContext:
    """The variables of one request's code, of which *ctx* is the request's context."""

    __slots__ = ("_context", "_ctx")

    def __init__(self, ctx: RequestContext) -> None:
        self._ctx = ctx
        if request_var.get(None) is ctx:
            self._context = copy_context()
        else:  # it has ended, or was never started here: there is no more of it than this
            self._context = Context()
            self._context.run(enter, ctx)

    def copy(self) -> Context:
        """Return a context for a task beside the request's own."""
        # NOTE: a task that shared the request's could not take a step while a thread is in it.
        return copy_context() if request_var.get(None) is self._ctx else self._context.copy()

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call *function* with these variables."""
        if request_var.get(None) is self._ctx:
            return function(*args, **kwargs)
        entered = False

        def call() -> T:
            nonlocal entered
            entered = True
            return function(*args, **kwargs)

        try:
            return self._context.run(call)
        except RuntimeError:
            if entered:
                raise
        return self._context.copy().run(call)  # somebody is in it: a thread, or an outer call
