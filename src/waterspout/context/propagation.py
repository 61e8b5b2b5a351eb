"""Iterators and generators that run in the context of the request that made them.

Theory of operation. A body is made while it is sent: on a WSGI server after the request has
left its context, and a context that was pushed inside a generator would stay current in the code
that advances it. So each step of the iterator makes the request's context current and restores
what was current before (`Entered`). Nothing is copied: other context variables are those of the
code that advances the iterator, which on our server and under ASGI is the request's own
`contextvars.Context`, and on a WSGI server the thread that has run the request.

No step runs teardown functions. They run once, at the end of the request:
`RequestContext.keep_context` puts that off until the body has been sent.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from contextvars import Context
from functools import wraps
from typing import Any, Generic, TypeVar, overload

from ..typing import Argument, Function
from .variables import pushed_var, request_var

__all__ = ["AsyncContextStream", "ContextStream", "Entered", "carry", "stream_with_context"]

T = TypeVar("T")


class Entered:
    """The contexts that are current when this is made: that of the request, whose end is put
    off until its body has been sent, and that of the application."""

    __slots__ = ("_application", "_request")

    def __init__(self) -> None:
        self._request = request_var.get(None)
        self._application = pushed_var.get(None)
        if self._request is not None:
            self._request.keep_context = True

    @property
    def variables(self) -> Context | None:
        """The `contextvars.Context` that belongs to the request alone, if it has one."""
        found: Context | None = getattr(self._request, "variables", None)
        return found

    def is_current(self) -> bool:
        """Whether the contexts are current here."""
        return request_var.get(None) is self._request and pushed_var.get(None) is self._application

    def run(self, function: Callable[..., T], /, *args: Argument) -> T:
        """Call *function* with the contexts current, and put back what was current before."""
        of_request = request_var.set(self._request)
        of_application = pushed_var.set(self._application)
        try:
            return function(*args)
        finally:
            pushed_var.reset(of_application)
            request_var.reset(of_request)


class ContextStream(Iterator[T]):
    """An iterator whose steps run in the context it was made in. Closing it closes what it
    wraps."""

    def __init__(self, items: Iterable[T]) -> None:
        self._context = Entered()
        self._items: Iterator[T] | None = iter(items)

    def __next__(self) -> T:
        if self._items is None:
            raise StopIteration
        try:
            item: T = self._context.run(next, self._items)
            return item
        except BaseException:  # StopIteration too: a generator that has raised is finished
            self.close()
            raise

    def close(self) -> None:
        """Close the wrapped iterator; later calls do nothing."""
        items, self._items = self._items, None
        close = getattr(items, "close", None)
        if close is not None:
            self._context.run(close)

    def __del__(self) -> None:
        # Abandoned half-way: its `finally` blocks still run in the request's context.
        if getattr(self, "_items", None) is not None:
            self.close()


class AsyncContextStream(AsyncIterator[T]):
    """An async iterator whose steps run in the context it was made in."""

    def __init__(self, items: AsyncIterable[T]) -> None:
        self._context = Entered()
        self._items: AsyncIterator[T] = items.__aiter__()

    def __anext__(self) -> _InContext[T]:
        return _InContext(self._context, self._items.__anext__)

    async def aclose(self) -> None:
        """Close the wrapped iterator."""
        aclose = getattr(self._items, "aclose", None)
        if aclose is not None:
            await _InContext(self._context, aclose)


class _InContext(Generic[T]):
    """Awaits ``function()`` with every step of it run in *context*."""

    __slots__ = ("_context", "_function")

    def __init__(self, context: Entered, function: Callable[[], Awaitable[T]]) -> None:
        self._context = context
        self._function = function

    def __await__(self) -> Generator[object, object, T]:
        run = self._context.run
        steps = _awaited(self._function)
        resume: Function = steps.send
        value: object = None
        while True:
            try:
                waiting_for = run(resume, value)
            except StopIteration as done:
                result: T = done.value
                return result
            try:
                value = yield waiting_for
                resume = steps.send
            except BaseException as error:  # a cancellation, too, is for the inner step
                value = error
                resume = steps.throw


async def _awaited(function: Callable[[], Awaitable[T]]) -> T:
    return await function()


@overload
def carry(items: AsyncIterable[T]) -> AsyncContextStream[T]: ...


@overload
def carry(items: Iterable[T]) -> ContextStream[T]: ...


def carry(items: Any) -> object:
    """Wrap an iterable, sync or async, so that its steps run in the current context."""
    return AsyncContextStream(items) if hasattr(items, "__aiter__") else ContextStream(items)


@overload
def stream_with_context(generator_or_function: AsyncIterable[T]) -> AsyncIterator[T]: ...


@overload
def stream_with_context(generator_or_function: Iterable[T]) -> Iterator[T]: ...


@overload
def stream_with_context(
    generator_or_function: Callable[..., AsyncIterator[T]],
) -> Callable[..., AsyncIterator[T]]: ...


@overload
def stream_with_context(
    generator_or_function: Callable[..., Iterator[T]],
) -> Callable[..., Iterator[T]]: ...


def stream_with_context(generator_or_function: Any) -> Any:
    """Keep `request`, `session` and `g` usable in a generator that makes a response's body.

    Give it a generator, sync or async, or decorate a generator function with it. The generator sees
    the request's live objects; teardown functions wait until it has ended or was closed. Raises
    `RuntimeError` outside a request. (Flask's `stream_with_context`.)

        @app.get("/lines")
        def lines():
            @stream_with_context
            def generate():
                yield "Hello "
                yield request.args["name"]
            return generate()
    """
    source = generator_or_function
    if not (hasattr(source, "__aiter__") or _is_iterable(source)):

        @wraps(source)
        def decorated(*args: Argument, **kwargs: Argument) -> object:
            return stream_with_context(source(*args, **kwargs))

        return decorated

    if request_var.get(None) is None:
        raise RuntimeError(
            "'stream_with_context' can only be used when a request context is active, such as in"
            " a view function."
        )
    return carry(source)


def _is_iterable(value: object) -> bool:
    try:
        iter(value)  # type: ignore[call-overload]  # it is asked
    except TypeError:
        return False
    return True
