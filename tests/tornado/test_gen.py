"""Coroutines made of generators, and the tools that work with coroutines of any kind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from waterspout.tornado import gen
from waterspout.tornado.concurrent import run_on_executor
from waterspout.tornado.ioloop import IOLoop

number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)


def run(function: Any) -> Any:
    """Run a coroutine function on a loop of its own."""
    loop = IOLoop(make_current=False)
    try:
        return loop.run_sync(function, timeout=5)
    finally:
        loop.close()


async def late(value: Any) -> Any:
    """Return *value*, or raise it, not at once."""
    await asyncio.sleep(0)
    if isinstance(value, BaseException):
        raise value
    return value


class TestCoroutine:
    """`coroutine`."""

    def test_what_may_be_yielded(self) -> None:
        """Futures, coroutines of both kinds, threads, lists, dicts, nothing."""

        @gen.coroutine
        def inner(value: Any) -> Any:
            yield gen.sleep(0)
            return value

        @gen.coroutine
        def outer() -> Any:
            with ThreadPoolExecutor(1) as executor:
                from_thread = yield executor.submit(int, "3")
            yield None
            yield gen.moment
            several = yield [inner(4), late(5), {"six": late(6)}]
            done = yield gen.maybe_future(7)
            return (yield inner(1)), (yield late(2)), from_thread, several, done

        assert run(outer) == (1, 2, 3, [4, 5, {"six": 6}], 7)

    def test_begun_before_the_loop(self) -> None:
        """It goes on in the loop's thread, not in that of what it waits for."""
        loop = IOLoop(make_current=False)
        asyncio.set_event_loop(loop.asyncio_loop)
        started = threading.Event()

        @gen.coroutine
        def begun() -> Any:
            with ThreadPoolExecutor(1) as executor:
                yield executor.submit(started.wait)
                return threading.current_thread()

        try:
            future = begun()
            loop.add_callback(started.set)
            assert loop.run_sync(lambda: future, timeout=5) is threading.current_thread()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def test_native_coroutines_await_it(self) -> None:
        """It returns a future."""

        @gen.coroutine
        def old(value: int) -> Any:
            yield gen.moment
            raise gen.Return(value)

        async def new() -> list[int]:
            return [await old(1), *await asyncio.gather(old(2), late(3))]

        assert run(new) == [1, 2, 3]
        assert gen.is_coroutine_function(old)
        assert not gen.is_coroutine_function(new)

    def test_a_function_that_yields_nothing(self) -> None:
        """Its result, or its exception, is in the future."""

        @gen.coroutine
        def plain(value: int) -> int:
            return 10 // value

        async def main() -> int:
            failed = plain(0)
            with pytest.raises(ZeroDivisionError):
                await failed
            result: int = await plain(2)
            return result

        assert run(main) == 5

    def test_exceptions_come_in_where_it_waits(self) -> None:
        """And can be handled there; they have no context that they did not have."""

        @gen.coroutine
        def careful() -> Any:
            with pytest.raises(KeyError) as caught:
                yield late(KeyError("x"))
            assert caught.value.__context__ is None
            with pytest.raises(gen.BadYieldError) as bad:
                yield 5
            return str(bad.value)

        assert run(careful) == "yielded unknown object 5"

    def test_cancellation(self) -> None:
        """A cancelled future cancels the coroutine that waits for it."""

        @gen.coroutine
        def waits(future: Any) -> Any:
            yield future

        async def main() -> tuple[bool, bool]:
            future = asyncio.get_running_loop().create_future()
            waiting = waits(future)
            before = waiting.done()
            future.cancel()
            await asyncio.wait({waiting})
            return before, waiting.cancelled()

        assert run(main) == (False, True)

    def test_context_variables_stay_inside(self) -> None:
        """A coroutine sees those of its caller, and its own changes through every yield."""

        @gen.coroutine
        def inner() -> Any:
            assert number.get() == 1
            number.set(2)
            yield gen.sleep(0)
            assert number.get() == 2
            yield gen.moment
            return number.get()

        async def main() -> tuple[int, int]:
            number.set(1)
            return await inner(), number.get()

        assert run(main) == (2, 1)

    def test_another_kind_of_thing_to_yield(self) -> None:
        """``convert_yielded.register``."""

        class Later:
            def __init__(self, value: int) -> None:
                self.value = value

        gen.convert_yielded.register(Later, lambda later: gen.maybe_future(later.value))

        @gen.coroutine
        def main() -> Any:
            return (yield Later(3))

        assert run(main) == 3


class TestMulti:
    """`multi`."""

    def test_lists_and_dicts(self) -> None:
        """In order; the same future twice; nothing at all."""

        async def main() -> Any:
            same = asyncio.ensure_future(late(2))
            return (
                await gen.multi([late(1), same, same]),
                await gen.multi({"a": late(3)}),
                await gen.multi([]),
                await gen.multi({}),
            )

        assert run(main) == ([1, 2, 2], {"a": 3}, [], {})

    def test_the_first_exception_counts(self, caplog: pytest.LogCaptureFixture) -> None:
        """The others are logged, unless they are expected."""

        async def main() -> None:
            with pytest.raises(KeyError):
                await gen.multi([late(1), late(KeyError()), late(ValueError("second"))])
            with pytest.raises(KeyError):
                await gen.multi(
                    [late(KeyError()), late(OSError("third"))], quiet_exceptions=OSError
                )
            with pytest.raises(asyncio.CancelledError):
                await gen.multi([late(asyncio.CancelledError())])

        run(main)
        assert "Multiple exceptions in yield list" in caplog.text
        assert "second" in caplog.text
        assert "third" not in caplog.text


class TestWithTimeout:
    """`with_timeout`."""

    def test_in_time(self) -> None:
        """The outcome is that of what was waited for."""

        async def main() -> Any:
            with pytest.raises(KeyError):
                await gen.with_timeout(timedelta(seconds=5), late(KeyError()))
            assert await gen.with_timeout(timedelta(seconds=5), None) is None
            return await gen.with_timeout(IOLoop.current().time() + 5, late(1))

        assert run(main) == 1

    def test_too_late(self, caplog: pytest.LogCaptureFixture) -> None:
        """It is not cancelled, and what it raises afterwards is logged."""

        async def main() -> None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            with pytest.raises(gen.TimeoutError, match=r"^Timeout$"):
                await gen.with_timeout(timedelta(0), future)
            with pytest.raises(gen.TimeoutError, match=r"^too late$"):
                await gen.with_timeout(timedelta(0), future, message=lambda: "too late")
            with pytest.raises(gen.TimeoutError):
                await gen.with_timeout(0, future, quiet_exceptions=KeyError)
            future.set_exception(KeyError("afterwards"))
            await asyncio.sleep(0)

        run(main)
        assert caplog.text.count("after timeout") == 2  # not by the third, which expected it


class TestWaitIterator:
    """`WaitIterator`."""

    def test_as_they_come(self) -> None:
        """By position; exceptions are raised in their turn."""

        async def main() -> list[Any]:
            futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
            futures[2].set_result("c")
            waiting = gen.WaitIterator(*futures)
            seen: list[Any] = [(await waiting.next(), waiting.current_index)]
            asyncio.get_running_loop().call_soon(futures[0].set_exception, KeyError("a"))
            with pytest.raises(KeyError):
                await waiting.next()
            futures[1].set_result("b")
            seen += [(value, waiting.current_index) async for value in waiting]
            assert waiting.done()
            return seen

        assert run(main) == [("c", 2), ("b", 1)]

    def test_by_name(self) -> None:
        """Keywords name them; both at once is an error."""

        async def main() -> dict[Any, Any]:
            waiting = gen.WaitIterator(x=asyncio.ensure_future(late(1)), y=gen.maybe_future(2))
            found = {}
            async for value in waiting:
                found[waiting.current_index] = value
            with pytest.raises(ValueError, match="not both"):
                gen.WaitIterator(gen.maybe_future(1), z=gen.maybe_future(1))
            return found

        assert run(main) == {"x": 1, "y": 2}


def test_run_on_executor() -> None:
    """Methods that run in a thread of their object's executor."""

    class Worker:
        def __init__(self) -> None:
            self.executor = self.other = ThreadPoolExecutor(1)

        @run_on_executor
        def double(self, value: int) -> int:
            return 2 * value

        @run_on_executor(executor="other")
        def halve(self, value: int) -> int:
            return value // 2

    async def main() -> tuple[int, int]:
        worker = Worker()
        with worker.executor:
            return await worker.double(4), await worker.halve(4)

    assert run(main) == (8, 2)
    with pytest.raises(ValueError, match="not both"):
        run_on_executor(print, executor="x")
