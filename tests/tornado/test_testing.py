"""Tornado's test cases with our server and our client, without an installed Tornado."""

from __future__ import annotations

import asyncio
import logging
import socket
import unittest
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from waterspout.tornado import gen, testing
from waterspout.tornado.httpclient import (
    HTTPClient,
    HTTPClientError,
    HTTPRequest,
    HTTPStreamClosedError,
    HTTPTimeoutError,
)
from waterspout.tornado.ioloop import IOLoop
from waterspout.tornado.testing import (
    AsyncHTTPSTestCase,
    AsyncHTTPTestCase,
    AsyncTestCase,
    ExpectLog,
    gen_test,
)
from waterspout.tornado.web import Application, RequestHandler


def outcome(case: type[unittest.TestCase], name: str = "test") -> unittest.TestResult:
    """Run one test of a case."""
    result = unittest.TestResult()
    case(name).run(result)
    return result


def passes(case: type[unittest.TestCase]) -> None:
    result = outcome(case)
    assert result.wasSuccessful(), (result.errors, result.failures)
    assert result.testsRun == 1


def text_of(result: unittest.TestResult) -> str:
    """Return the one thing that went wrong."""
    ((_, text),) = [*result.errors, *result.failures]
    return text


# -- test cases ----------------------------------------------------------------------------------


class TestAsyncTestCase:
    """`AsyncTestCase`."""

    def test_gen_test(self) -> None:
        """Coroutines of both kinds, on a loop of the test's own."""
        seen: list[Any] = []

        class Case(AsyncTestCase):
            @gen_test
            async def test(self) -> None:
                await asyncio.sleep(0)
                seen.append(IOLoop.current() is self.io_loop)

            @gen_test(timeout=5)
            def test_old(self) -> Any:
                seen.append((yield gen.maybe_future(2)))

        passes(Case)
        assert outcome(Case, "test_old").wasSuccessful()
        assert seen == [True, 2]

    def test_a_failure_is_a_failure(self) -> None:
        """Wherever it is raised."""

        class Case(AsyncTestCase):
            @gen_test
            async def test(self) -> None:
                await asyncio.sleep(0)
                raise AssertionError("one is not two")

        assert "one is not two" in text_of(outcome(Case))

    def test_a_test_that_hangs(self) -> None:
        """It ends, and the traceback shows where it waited."""

        class Case(AsyncTestCase):
            @gen_test(timeout=0.02)
            def test(self) -> Any:
                yield asyncio.get_running_loop().create_future()  # here it waits

        text = text_of(outcome(Case))
        assert "TimeoutError" in text
        assert "here it waits" in text

    def test_a_forgotten_decorator(self) -> None:
        """A test that would never run does not pass."""

        class Case(AsyncTestCase):
            async def test(self) -> None:
                """Never awaited."""

        assert "decorated with tornado.testing.gen_test" in text_of(outcome(Case))

    def test_stop_and_wait(self) -> None:
        """The older way, with callbacks."""

        class Case(AsyncTestCase):
            def test(self) -> None:
                self.io_loop.add_callback(self.stop, 5)
                assert self.wait() == 5
                self.stop(a=1)
                assert self.wait() == {"a": 1}
                seen: list[int] = []
                for number in range(3):
                    self.io_loop.call_later(0.001 * number, seen.append, number)
                    self.io_loop.call_later(0.001 * number, self.stop)
                self.wait(condition=lambda: len(seen) == 3)

        passes(Case)

    def test_wait_gives_up(self) -> None:
        """After its time."""

        class Case(AsyncTestCase):
            def test(self) -> None:
                self.wait(timeout=0.01)

        assert "timed out after 0.01 seconds" in text_of(outcome(Case))

    def test_what_is_left_running_is_cancelled(self) -> None:
        """It does not run in another test, and the loop is closed."""
        ends: list[str] = []

        class Case(AsyncTestCase):
            @gen_test
            async def test(self) -> None:
                async def forever() -> None:
                    try:
                        await asyncio.Event().wait()
                    finally:
                        ends.append("cancelled")

                self.task = asyncio.ensure_future(forever())
                await asyncio.sleep(0)
                loops.append(self.io_loop.asyncio_loop)

        loops: list[asyncio.AbstractEventLoop] = []
        passes(Case)
        assert ends == ["cancelled"]
        assert loops[0].is_closed()

    def test_the_time_a_test_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From the environment, if a number is there."""
        for text, seconds in (("0.5", 0.5), ("long", 5.0)):
            monkeypatch.setenv("ASYNC_TEST_TIMEOUT", text)
            assert testing.get_async_test_timeout() == seconds


class Site(RequestHandler):
    """What the clients below ask."""

    async def get(self, what: str) -> None:
        match what:
            case "redirect":
                self.redirect("/target?" + self.request.query)
            case "loop":
                self.redirect("/loop")
            case "error":
                self.send_error(418)
            case "slow":
                await asyncio.Event().wait()
            case "stream":
                for piece in ("a", "b", "c"):
                    self.write(piece)
                    await self.flush()
            case _:
                names = ("Authorization", "Accept-Encoding", "If-Modified-Since", "User-Agent")
                self.write({name: self.request.headers.get(name) for name in names})

    head = get

    def post(self, what: str) -> None:
        if what == "see-other":
            self.redirect("/target", status=303)
        else:
            self.write(self.request.body)


class SiteCase(AsyncHTTPTestCase):
    """A test case whose test is a function given to `check`."""

    __test__ = False  # pytest shall not collect it
    check: Callable[[SiteCase], None]

    def get_app(self) -> Application:
        return Application([("/(.*)", Site)], compress_response=True)

    def test(self) -> None:
        type(self).check(self)


def with_site(check: Callable[[SiteCase], None]) -> None:
    """Run *check* with a site to ask."""
    passes(type("Case", (SiteCase,), {"check": check}))


class TestFetch:
    """`AsyncHTTPTestCase.fetch`, and the client behind it."""

    def test_a_response(self) -> None:
        """Code, reason, fields, body, URL, time."""

        def check(case: SiteCase) -> None:
            response = case.fetch("/x", user_agent="me", if_modified_since=datetime(2020, 1, 2))
            assert (response.code, response.reason, response.error) == (200, "OK", None)
            assert b"Thu, 02 Jan 2020 00:00:00 GMT" in response.body
            assert b'"me"' in response.body
            assert response.effective_url == case.get_url("/x")
            assert response.request_time is not None
            assert response.request_time >= 0
            response.rethrow()
            assert "200" in repr(response)
            absolute = case.fetch(case.get_url("/x"), method="HEAD")
            assert (absolute.code, absolute.body) == (200, b"")

        with_site(check)

    def test_an_error_status(self) -> None:
        """Returned, or raised with `raise_error`; `rethrow` raises it."""

        def check(case: SiteCase) -> None:
            response = case.fetch("/error")
            assert response.code == 418
            with pytest.raises(HTTPClientError, match="HTTP 418"):
                response.rethrow()
            with pytest.raises(HTTPClientError) as caught:
                case.fetch("/error", raise_error=True)
            assert caught.value.response is not None
            assert caught.value.response.code == 418

        with_site(check)

    def test_redirects(self) -> None:
        """Followed, as often as allowed; a 303 turns a POST into a GET."""

        def check(case: SiteCase) -> None:
            assert case.fetch("/redirect?a=1").effective_url == case.get_url("/target?a=1")
            assert case.fetch("/redirect", follow_redirects=False).code == 302
            assert case.fetch("/loop", max_redirects=2).code == 302
            assert case.fetch("/see-other", method="POST", body="x").code == 200

        with_site(check)

    def test_credentials_are_for_one_server(self) -> None:
        """They do not follow a redirect to another one."""

        def check(case: SiteCase) -> None:
            own = case.fetch("/redirect", headers={"Authorization": "secret"})
            assert b"secret" in own.body
            named = case.get_url("/").replace("127.0.0.1", "localhost")
            other = case.fetch(named + "x", auth_username="a", auth_password="b")
            assert b"Basic YTpi" in other.body

        with_site(check)

    def test_bodies(self) -> None:
        """Given at once or produced; asked for by 100 Continue or not."""

        async def produce(send: Callable[[bytes], Any]) -> None:
            for piece in (b"a", b"", b"bc"):
                if piece:
                    await send(piece)

        def check(case: SiteCase) -> None:
            assert case.fetch("/", method="POST", body="abc").body == b"abc"
            assert case.fetch("/", method="POST", body_producer=produce).body == b"abc"
            slow = case.fetch("/", method="POST", body="abc", expect_100_continue=True)
            assert slow.body == b"abc"
            with pytest.raises(ValueError, match="Body must be given"):
                case.fetch("/", method="POST")
            with pytest.raises(ValueError, match="Body must not be given"):
                case.fetch("/", body="x")
            with pytest.raises(KeyError, match="unknown method"):
                case.fetch("/", method="BREW")

        with_site(check)

    def test_compressed_responses(self) -> None:
        """Unpacked, and said to have been; or as they are."""

        def check(case: SiteCase) -> None:
            response = case.fetch("/x")
            assert b'"gzip"' in response.body
            plain = case.fetch("/x", decompress_response=False)
            assert b"null" in plain.body

        with_site(check)

    def test_streams(self) -> None:
        """The pieces and the header lines go to callbacks."""
        lines: list[str] = []
        pieces: list[bytes] = []

        def check(case: SiteCase) -> None:
            response = case.fetch(
                "/stream", streaming_callback=pieces.append, header_callback=lines.append
            )
            assert response.body == b""

        with_site(check)
        assert b"".join(pieces) == b"abc"
        assert lines[0] == "HTTP/1.1 200 OK\r\n"
        assert lines[-1] == "\r\n"

    def test_no_response(self) -> None:
        """A timeout, a refused connection, a server that hangs up."""

        def check(case: SiteCase) -> None:
            with pytest.raises(HTTPTimeoutError, match="Timeout during request"):
                case.fetch("/slow", request_timeout=0.05)
            sock, port = testing.bind_unused_port()
            sock.close()
            with pytest.raises(OSError, match=r"refused|Connect"):
                case.fetch(f"http://127.0.0.1:{port}/")

        with_site(check)

    def test_a_server_that_hangs_up(self) -> None:
        """In the middle of a response, or before."""

        async def check(answer: bytes) -> None:
            def hang_up(reader: Any, writer: asyncio.StreamWriter) -> None:
                writer.write(answer)
                writer.close()

            server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            try:
                with pytest.raises(HTTPStreamClosedError):
                    await testing.AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/")
            finally:
                server.close()
                await server.wait_closed()

        for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"):
            asyncio.run(check(answer))

    def test_a_closed_client(self) -> None:
        """It gives up what is under way, and takes no more."""

        async def check() -> None:
            client = testing.AsyncHTTPClient()
            sock, port = testing.bind_unused_port()
            with sock:
                fetching = client.fetch(f"http://127.0.0.1:{port}/")
                await asyncio.sleep(0)
                client.close()
                with pytest.raises(asyncio.CancelledError):
                    await fetching
                with pytest.raises(RuntimeError, match="closed AsyncHTTPClient"):
                    client.fetch("http://127.0.0.1/")

        asyncio.run(check())

    def test_header_injection(self) -> None:
        """A line break goes nowhere."""

        def check(case: SiteCase) -> None:
            with pytest.raises(ValueError, match="line break"):
                case.fetch("/x", headers={"X": "a\r\nY: b"})
            with pytest.raises(ValueError, match="Unsupported URL"):
                case.fetch("http:///x")

        with_site(check)


def test_a_request_object() -> None:
    """`HTTPRequest` in place of keywords; not both."""

    def check(case: SiteCase) -> None:
        request = HTTPRequest(case.get_url("/x"), headers={"User-Agent": "object"})
        client = case.http_client
        response = case.io_loop.run_sync(lambda: client.fetch(request))
        assert b'"object"' in response.body
        with pytest.raises(ValueError, match="kwargs can't be used"):
            client.fetch(request, method="POST")

    with_site(check)


def test_the_client_that_waits() -> None:
    """`HTTPClient`, for scripts."""
    sock, port = testing.bind_unused_port()
    sock.close()
    client = HTTPClient()
    try:
        with pytest.raises(OSError):
            client.fetch(f"http://127.0.0.1:{port}/")
    finally:
        client.close()


def test_https() -> None:
    """`AsyncHTTPSTestCase` brings its own certificate."""

    class Case(AsyncHTTPSTestCase):
        def get_app(self) -> Application:
            return Application([("/(.*)", Site)])

        def test(self) -> None:
            assert self.get_url("/").startswith("https://")
            assert self.fetch("/x").code == 200

    passes(Case)


def test_ports() -> None:
    """A socket that listens, and a number."""
    sock, port = testing.bind_unused_port()
    with sock, socket.create_connection(("127.0.0.1", port)):
        assert testing.get_unused_port() != port


# -- logs ----------------------------------------------------------------------------------------


class TestExpectLog:
    """`ExpectLog`."""

    def test_takes_records_out(self, caplog: pytest.LogCaptureFixture) -> None:
        """Those that match; the others pass."""
        logger = logging.getLogger("k2")
        with ExpectLog("k2", "expected") as log:
            logger.warning("expected %d", 1)
            logger.warning("not so")
            logger.error("expected 2", exc_info=ValueError())
        assert log.matched == 2
        assert log.logged_stack
        assert [record.getMessage() for record in caplog.records] == ["not so"]

    def test_demands_one(self) -> None:
        """Unless it is not required, or the block has failed anyway."""
        message = "did not get expected log message"
        with pytest.raises(AssertionError, match=message), ExpectLog("k2", "x"):
            pass
        with ExpectLog("k2", "x", required=False):
            pass
        with pytest.raises(KeyError), ExpectLog("k2", "x"):
            raise KeyError

    def test_levels(self, caplog: pytest.LogCaptureFixture) -> None:
        """A level lets its records through, and takes only those."""
        logger = logging.getLogger("k2")
        with ExpectLog(logger, "x", level=logging.DEBUG):
            logger.debug("x")
            logger.warning("x")
        assert "unexpected level" in caplog.text
        assert logger.level == logging.NOTSET
        logger.setLevel(logging.INFO)
        try:
            with pytest.warns(DeprecationWarning, match="without level"), ExpectLog(logger, "x"):
                logger.info("x")
        finally:
            logger.setLevel(logging.NOTSET)


def test_setup_with_context_manager() -> None:
    """Entered now, left with the test."""
    seen: list[str] = []

    class Manager:
        def __enter__(self) -> str:
            seen.append("enter")
            return "value"

        def __exit__(self, *args: object) -> None:
            seen.append("exit")

    class Case(unittest.TestCase):
        def test(self) -> None:
            seen.append(testing.setup_with_context_manager(self, Manager()))

    passes(Case)
    assert seen == ["enter", "value", "exit"]
