"""Tornado's ``testing``: test cases whose tests are coroutines and talk to a real server.

Each test has an event loop of its own, `AsyncTestCase.io_loop`; `AsyncHTTPTestCase` serves an
application on a free port of it and has a client on the same loop.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
import re
import signal
import socket
import sys
import unittest
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..peers.imported_names import imported_names
from ..typing import Function, Kwargs
from . import gen
from .httpclient import AsyncHTTPClient, HTTPResponse
from .httpserver import HTTPServer
from .ioloop import IOLoop
from .log import app_log
from .netutil import bind_sockets
from .options import define, options, parse_command_line

__all__ = [
    "AsyncHTTPSTestCase",
    "AsyncHTTPTestCase",
    "AsyncTestCase",
    "ExpectLog",
    "bind_unused_port",
    "gen_test",
    "get_async_test_timeout",
    "get_unused_port",
    "main",
    "setup_with_context_manager",
]

_CERTIFICATE = os.path.join(os.path.dirname(__file__), "testing_certificate.pem")

T = TypeVar("T")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def bind_unused_port(
    reuse_port: bool = False, address: str = "127.0.0.1"
) -> tuple[socket.socket, int]:
    """Return a listening socket on a free port, and the port."""
    sock = bind_sockets(0, address, family=socket.AF_INET, reuse_port=reuse_port)[0]
    return sock, sock.getsockname()[1]


def get_unused_port() -> int:
    """Return a port that was free a moment ago; `bind_unused_port` keeps it free."""
    sock, port = bind_unused_port()
    sock.close()
    return port


def get_async_test_timeout() -> float:
    """Return how many seconds a test may wait: ``ASYNC_TEST_TIMEOUT`` in the environment, or 5."""
    try:
        return float(os.environ.get("ASYNC_TEST_TIMEOUT", ""))
    except ValueError:
        return 5.0


# -- test cases --------------------------------------------------------------------------------


class AsyncTestCase(unittest.TestCase):
    """A test case with an event loop. Write tests as coroutines under `gen_test`; `stop` and
    `wait` are the older way, for callbacks."""

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        self.__stopped = False
        self.__running = False
        self.__failure: BaseException | None = None
        self.__stop_args: object = None
        self._test_generator: Any = None

    def setUp(self) -> None:
        super().setUp()
        if type(self).get_new_ioloop is not AsyncTestCase.get_new_ioloop:
            warnings.warn("get_new_ioloop is deprecated", DeprecationWarning, stacklevel=2)
        self.io_loop = self.get_new_ioloop()
        asyncio.set_event_loop(self.io_loop.asyncio_loop)

    def tearDown(self) -> None:
        self._waterspout_cancel_tasks()
        asyncio.set_event_loop(None)
        # A loop that is not the test's own is left to its owner.
        if type(self).get_new_ioloop is AsyncTestCase.get_new_ioloop:
            self.io_loop.close(all_fds=True)
        super().tearDown()
        self.__rethrow()

    def _waterspout_cancel_tasks(self) -> None:
        """End what the test left running, so that it does not run in another test."""
        tasks = [t for t in asyncio.all_tasks(self.io_loop.asyncio_loop) if not t.done()]
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        done, pending = self.io_loop.run_sync(lambda: asyncio.wait(tasks))
        assert not pending
        for task in done:
            if not task.cancelled():
                task.result()

    def get_new_ioloop(self) -> IOLoop:
        """Return the loop of a test. Deprecated to override: `IOLoop.current()` for instance,
        which is not closed after the test."""
        return IOLoop(make_current=False)

    def __rethrow(self) -> None:
        failure, self.__failure = self.__failure, None
        if failure is not None:
            raise failure

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test; what failed outside of it makes it fail."""
        outcome = super().run(result)
        self.__rethrow()
        return outcome

    def _callTestMethod(self, method: Callable[[], object]) -> None:
        # Python itself only warns; a test that never ran must not pass.
        result = method()
        if isinstance(result, Generator) or inspect.iscoroutine(result):
            result.close()  # what is said about it is said here
            raise TypeError(
                "Generator and coroutine test methods should be"
                " decorated with tornado.testing.gen_test"
            )
        if result is not None:
            raise ValueError(f"Return value from test method ignored: {result!r}")

    def _handle_exception(
        self, typ: type[BaseException], value: BaseException, tb: TracebackType | None
    ) -> bool:
        """Let the test fail by an exception that was raised beside it."""
        if self.__failure is None:
            self.__failure = value
        else:
            app_log.error("multiple unhandled exceptions in test", exc_info=(typ, value, tb))
        self.stop()
        return True

    def stop(self, _arg: object = None, **kwargs: object) -> None:
        """Make `wait` return the argument, or a dict of the keywords."""
        assert _arg is None or not kwargs
        self.__stop_args = kwargs or _arg
        if self.__running:
            self.io_loop.stop()
            self.__running = False
        self.__stopped = True

    def wait(
        self, condition: Callable[..., bool] | None = None, timeout: float | None = None
    ) -> Any:
        """Run the loop until `stop` is called, and again until ``condition()`` is true; return
        what `stop` was given.

        Fails after *timeout* seconds (default: `get_async_test_timeout`; 0: never).
        """
        if timeout is None:
            timeout = get_async_test_timeout()
        if not self.__stopped:
            timer = self.io_loop.call_later(timeout, self.__expire, timeout) if timeout else None
            while True:
                self.__running = True
                self.io_loop.start()
                if self.__failure is not None or condition is None or condition():
                    break
            if timer is not None:
                self.io_loop.remove_timeout(timer)
        assert self.__stopped
        self.__stopped = False
        self.__rethrow()
        result, self.__stop_args = self.__stop_args, None
        return result

    def __expire(self, timeout: float) -> None:
        self.__failure = self.failureException(f"Async operation timed out after {timeout} seconds")
        self.stop()


class AsyncHTTPTestCase(AsyncTestCase):
    """A test case with a server: `get_app` returns what it serves, `fetch` asks it."""

    def setUp(self) -> None:
        super().setUp()
        sock, self.__port = bind_unused_port()
        self.http_client = self.get_http_client()
        self._app = self.get_app()
        self.http_server = self.get_http_server()
        self.http_server.add_sockets([sock])

    def tearDown(self) -> None:
        self.http_server.stop()
        self.io_loop.run_sync(
            self.http_server.close_all_connections, timeout=get_async_test_timeout()
        )
        self.http_client.close()
        del self.http_server
        del self._app
        super().tearDown()

    def get_http_client(self) -> AsyncHTTPClient:
        """Return the client; may be overridden."""
        return AsyncHTTPClient()

    def get_http_server(self) -> HTTPServer:
        """Return the server; may be overridden."""
        return HTTPServer(self._app, **self.get_httpserver_options())

    def get_app(self) -> Any:
        """Return what is served: an `Application`, or anything else for `HTTPServer`."""
        raise NotImplementedError

    def get_httpserver_options(self) -> Kwargs:
        """Return keyword arguments for the server; may be overridden."""
        return {}

    def fetch(self, path: str, raise_error: bool = False, **kwargs: object) -> HTTPResponse:
        """Fetch a path of the server, or an absolute URL, and wait for the response.

        The keywords are those of `AsyncHTTPClient.fetch`; an error status is raised only with
        *raise_error*. Where no response comes (a refused connection, a timeout) it raises.
        """
        url = path if re.match("https?://", path, re.IGNORECASE) else self.get_url(path)
        response: HTTPResponse = self.io_loop.run_sync(
            lambda: self.http_client.fetch(url, raise_error=raise_error, **kwargs),
            timeout=get_async_test_timeout(),
        )
        return response

    def get_http_port(self) -> int:
        """Return the server's port."""
        return self.__port

    def get_protocol(self) -> str:
        """Return the scheme of URLs."""
        return "http"

    def get_url(self, path: str) -> str:
        """Return the absolute URL of a path of the server."""
        return f"{self.get_protocol()}://127.0.0.1:{self.get_http_port()}{path}"


class AsyncHTTPSTestCase(AsyncHTTPTestCase):
    """The same over TLS, with a certificate made for the tests."""

    def get_http_client(self) -> AsyncHTTPClient:
        """Return a client that does not check the certificate."""
        return AsyncHTTPClient(force_instance=True, defaults={"validate_cert": False})

    def get_httpserver_options(self) -> Kwargs:
        """Return what turns TLS on."""
        return {"ssl_options": self.get_ssl_options()}

    def get_ssl_options(self) -> Kwargs:
        """Return the ``ssl_options`` of the server; may be overridden."""
        return AsyncHTTPSTestCase.default_ssl_options()

    @staticmethod
    def default_ssl_options() -> Kwargs:
        """Return options with a certificate for 127.0.0.1 that no authority has signed, and whose
        key everybody knows."""
        return {"certfile": _CERTIFICATE, "keyfile": _CERTIFICATE}

    def get_protocol(self) -> str:
        """Return the scheme of URLs."""
        return "https"


def gen_test(func: Any = None, timeout: float | None = None) -> Any:
    """Make a coroutine, or a generator that yields futures, a test method of `AsyncTestCase`.

    ``@gen_test(timeout=10)`` lets it take longer than `get_async_test_timeout`.
    """
    seconds = get_async_test_timeout() if timeout is None else timeout
    return _test_method(seconds)(func) if func is not None else _test_method(seconds)


gen_test.__test__ = False  # type: ignore[attr-defined]  # it is no test, whatever its name says


def _test_method(timeout: float) -> Callable[[Function], Callable[..., None]]:
    def decorate(test: Function) -> Callable[..., None]:
        def begin(self: AsyncTestCase, *args: object, **kwargs: object) -> object:
            result = test(self, *args, **kwargs)
            waits = isinstance(result, Generator) or inspect.iscoroutine(result)
            self._test_generator = result if waits else None
            return result

        started = begin if inspect.iscoroutinefunction(test) else gen.coroutine(begin)

        @functools.wraps(test)
        def run(self: AsyncTestCase, *args: Any, **kwargs: object) -> Any:
            try:
                return self.io_loop.run_sync(
                    functools.partial(started, self, *args, **kwargs), timeout=timeout
                )
            except TimeoutError as error:
                # Thrown in where the test waits, so that the traceback shows the place.
                test = self._test_generator
                if test is not None and getattr(test, "cr_running", True):
                    test.throw(error)
                raise

        return run

    return decorate


def setup_with_context_manager(testcase: unittest.TestCase, cm: AbstractContextManager[T]) -> T:
    """Enter a context manager for the rest of the test; return what it gives."""
    value = cm.__enter__()
    testcase.addCleanup(cm.__exit__, None, None, None)
    return value


# -- logs --------------------------------------------------------------------------------------


class ExpectLog(logging.Filter):
    """In its block, takes the records of *logger* (or of the logger of that name) out whose
    message begins with a match of *regex*; fails at its end if there was none, unless *required*
    is false.

    With *level* only records of that level count, and the logger lets them through. *matched*
    counts them, *logged_stack* tells whether any record of the logger had a traceback.
    """

    def __init__(
        self,
        logger: logging.Logger | str,
        regex: str,
        required: bool = True,
        level: int | None = None,
    ) -> None:
        super().__init__()
        self.logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self.regex = re.compile(regex)
        self.required = required
        self.level = level
        self.matched = 0
        self.deprecated_level_matched = 0
        self.logged_stack = False
        self.orig_level: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for an expected record."""
        if record.exc_info:
            self.logged_stack = True
        message = record.getMessage()
        if not self.regex.match(message):
            return True
        if self.level is None and record.levelno < logging.WARNING:
            self.deprecated_level_matched += 1
        if self.level is not None and record.levelno != self.level:
            app_log.warning(
                "Got expected log message %r at unexpected level (%s vs %s)",
                message,
                logging.getLevelName(self.level),
                record.levelname,
            )
            return True
        self.matched += 1
        return False

    def __enter__(self) -> ExpectLog:
        if self.level is not None and self.level < self.logger.getEffectiveLevel():
            self.orig_level = self.logger.level
            self.logger.setLevel(self.level)
        self.logger.addFilter(self)
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self.orig_level is not None:
            self.logger.setLevel(self.orig_level)
        self.logger.removeFilter(self)
        if typ is not None or not self.required:
            return
        if not self.matched:
            raise AssertionError("did not get expected log message")
        if self.deprecated_level_matched >= self.matched:
            warnings.warn(
                "ExpectLog matched at INFO or below without level argument",
                DeprecationWarning,
                stacklevel=2,
            )


# -- command line ------------------------------------------------------------------------------


def main(**kwargs: Any) -> None:
    """Run tests as `unittest.main` does, with Tornado's options on the command line.

    Without names there, the suite that the main module's ``all()`` returns.
    """
    define(
        "exception_on_interrupt",
        type=bool,
        default=True,
        help="let Ctrl-C raise KeyboardInterrupt, which shows where; else it just ends the process",
    )
    for name in ("verbose", "quiet", "failfast", "catch", "buffer"):
        define(name, type=bool)
    argv = [sys.argv[0], *parse_command_line(sys.argv)]
    if not options.exception_on_interrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    chosen = {
        "verbosity": 0 if options.quiet is not None else 2 if options.verbose is not None else None,
        "failfast": options.failfast,
        "catchbreak": options.catch,
        "buffer": options.buffer,
    }
    kwargs.update((name, value) for name, value in chosen.items() if value is not None)
    if len(argv) > 1:
        unittest.main(module=None, argv=argv, **kwargs)
    else:
        unittest.main(defaultTest="all", argv=argv, **kwargs)


if __name__ == "__main__":
    main()


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.testing",
        __package__,
        """
        import typing
        from collections.abc import Coroutine
        from typing import Optional, Type, Union
        from tornado.platform.asyncio import AsyncIOMainLoop
        from . import netutil
        from .process import Subprocess
        from .util import basestring_type, raise_exc_info
        from .web import Application
        """,
    )
