"""Run a handler's methods in its own context, whoever calls them.

SECURITY: see `handler_context`. Methods that run code of the program, or read the request, enter
it; methods that only keep bytes or fields for later need not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar, cast

from ..httputil.delegates import WholeConnection

if TYPE_CHECKING:
    from .interfaces import Handler

__all__ = ["in_own_context", "is_own", "run_own"]

F = TypeVar("F", bound=Callable[..., object])
R = TypeVar("R")


def is_own(handler: Handler) -> bool:
    """Whether the caller is in the context of the request that *handler* answers."""
    try:
        connection = handler.request.connection
    except AttributeError:  # of one that a test has made without a request
        return True
    return not isinstance(connection, WholeConnection) or connection.is_own()


def run_own(handler: Handler, function: Callable[..., R], /, *args: object, **kwargs: object) -> R:
    """Call *function* in the context of the request that *handler* answers."""
    # Asked first: most callers are in it, and each further call copies the keywords.
    if is_own(handler):
        return function(*args, **kwargs)
    found: R = handler.request.connection.run(function, *args, **kwargs)
    return found


def in_own_context(method: F) -> F:
    """Let a method of a handler run in the handler's own context."""

    @wraps(method)
    def entered(self: Handler, /, *args: object, **kwargs: object) -> object:
        if is_own(self):
            return method(self, *args, **kwargs)
        return run_own(self, method, self, *args, **kwargs)

    return cast("F", entered)
