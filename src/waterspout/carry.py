"""Take the running context along into iterators that outlive the call.

Theory of operation. A context variable set inside a generator stays set in whoever advances it,
also while the generator is suspended: pushing the request's context in the generator's body, as
Flask does, leaves it current on a worker thread when the generator is abandoned, and it cannot be
popped from another thread. Here nothing is pushed. The variables of the moment are copied once
(`contextvars.copy_context`, a constant-time copy that holds the live request context), and each
step of the iterator runs inside that copy. Between two steps, and after a `close` from any thread,
the outer context is as it was; and no step can run teardown functions a second time. They run once,
where the request ends: `RequestContext.keep_context` asks the pipeline to end it after the body.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from contextvars import Context, copy_context
from functools import wraps
from typing import Any, Generic, TypeVar, overload

from .current import request_var

__all__ = ["AsyncContextStream", "ContextStream", "capture", "carry", "stream_with_context"]

T = TypeVar("T")


class ContextStream(Iterator[T]):
    """An iterator whose steps run in a captured context. Closing it closes what it wraps."""

    def __init__(self, items: Iterable[T], context: Context) -> None:
        self._items: Iterator[T] | None = context.run(iter, items)
        self._context = context

    def __next__(self) -> T:
        if self._items is None:
            raise StopIteration
        try:
            return self._context.run(next, self._items)
        except BaseException:  # the end included: a generator that has raised is finished
            self.close()
            raise

    def close(self) -> None:
        """Close the wrapped iterator, on whatever thread; later calls do nothing."""
        items, self._items = self._items, None
        close = getattr(items, "close", None)
        if close is not None:
            self._context.run(close)

    def __del__(self) -> None:
        # Dropped half-way: its `finally` blocks still find the request they belong to.
        if getattr(self, "_items", None) is not None:
            self.close()


class AsyncContextStream(AsyncIterator[T]):
    """An async iterator whose steps run in a captured context."""

    def __init__(self, items: AsyncIterable[T], context: Context) -> None:
        self._items: AsyncIterator[T] = context.run(items.__aiter__)
        self._context = context

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

    def __init__(self, context: Context, function: Callable[[], Any]) -> None:
        self._context = context
        self._function = function

    def __await__(self) -> Generator[Any, Any, T]:
        run = self._context.run
        steps = _awaited(self._function)
        resume: Callable[[Any], Any] = steps.send
        value: Any = None
        while True:
            try:
                waiting_for = run(resume, value)
            except StopIteration as done:
                result: T = done.value
                return result
            try:
                value = yield waiting_for
                resume = steps.send
            except BaseException as error:  # a cancellation, too, belongs to the inner step
                value = error
                resume = steps.throw


async def _awaited(function: Callable[[], Any]) -> Any:
    return await function()


def capture() -> Context:
    """Copy the context variables for the steps of a body, and ask for the request, if there is one,
    to be ended only after its body was sent."""
    ctx = request_var.get(None)
    if ctx is not None:
        ctx.keep_context = True
    return copy_context()


@overload
def carry(items: AsyncIterable[T]) -> AsyncContextStream[T]: ...


@overload
def carry(items: Iterable[T]) -> ContextStream[T]: ...


def carry(items: Any) -> Any:
    """Wrap an iterable, sync or async, so that the context of now is current in its steps."""
    context = capture()
    if hasattr(items, "__aiter__"):
        return AsyncContextStream(items, context)
    return ContextStream(items, context)


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
        def decorated(*args: Any, **kwargs: Any) -> Any:
            return stream_with_context(source(*args, **kwargs))

        return decorated

    if request_var.get(None) is None:
        raise RuntimeError(
            "'stream_with_context' can only be used when a request context is active, such as in"
            " a view function."
        )
    return carry(source)


def _is_iterable(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return True
