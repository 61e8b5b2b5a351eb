"""What stands before a view, or a method of a request handler, and may refuse: the core of
`login_required` and its like.

An ``async def`` function stays one, so that it runs on the event loop. What a refusal returns is
what any view may; for a request handler it is written as the handler's response.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, cast

from waterspout import current_app

from .current import load_current_user

if TYPE_CHECKING:
    from waterspout import RequestHandler

__all__ = ["guarded"]

F = TypeVar("F", bound=Callable[..., object])
Refusal = Callable[[], object]


def guarded(func: F, refusal: Callable[[], Refusal | None]) -> F:
    """Return *func* with *refusal* asked before: None lets in, a function gives the answer."""
    if iscoroutinefunction(func):

        @wraps(func)
        async def guarded_async(*args: object, **kwargs: object) -> object:
            await load_current_user()
            refuse = refusal()
            if refuse is None:
                return await func(*args, **kwargs)
            answer = refuse()
            return _given(args, await answer if isawaitable(answer) else answer)

        return cast("F", guarded_async)

    @wraps(func)
    def guarded_sync(*args: object, **kwargs: object) -> object:
        refuse = refusal()
        if refuse is None:
            return current_app.ensure_sync(func)(*args, **kwargs)
        answer = refuse()
        # A coroutine is awaited by whoever called: views and handlers' methods may return one.
        return _given_later(args, answer) if isawaitable(answer) else _given(args, answer)

    return cast("F", guarded_sync)


async def _given_later(args: tuple[object, ...], answer: Any) -> object:
    return _given(args, await answer)


def _given(args: tuple[object, ...], answer: object) -> object:
    """Return *answer* as a view does; where the first of *args* is a handler, write it there."""
    # NOTE: there are no handlers where nobody has imported their module, and it is not for us to.
    web = sys.modules.get("waterspout.tornado.web")
    if web is None or not args or not isinstance(args[0], web.RequestHandler):
        return answer
    handler: RequestHandler = args[0]
    response = current_app.make_response(answer)
    handler.set_status(response.status_code)
    handler.clear_header("Content-Type")
    for name, value in response.headers:
        if name.lower() != "content-length":
            handler.add_header(name, value)
    handler.finish(response.get_data())
    return None
