"""`WSGIContainer`: a WSGI application behind Tornado's interface for requests."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from ..peers.imported_names import imported_names
from . import version
from .concurrent import chain_future, dummy_executor
from .httputil import (
    HTTPHeaders,
    HTTPServerRequest,
    ResponseStartLine,
    split_host_and_port,
)
from .log import access_log, app_log

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["HTTPRequest", "WSGIContainer", "to_wsgi_str"]

HTTPRequest = HTTPServerRequest

#: Containers' answers under way; asyncio holds its tasks weakly.
_tasks: set[asyncio.Task[None]] = set()


def to_wsgi_str(s: bytes) -> str:
    """Return bytes as WSGI carries them: one character a byte (PEP 3333)."""
    return s.decode("latin-1")


class WSGIContainer:
    """Answers requests by a WSGI application: for `HTTPServer`, a router's target, or a
    ``FallbackHandler``.

    The application runs in threads of *executor*; without one on the event loop's thread, as in
    Tornado, where it holds up everything else.
    """

    def __init__(self, wsgi_application: WSGIApplication, executor: Executor | None = None) -> None:
        self.wsgi_application = wsgi_application
        self.executor: Executor = dummy_executor if executor is None else executor

    def __call__(self, request: HTTPServerRequest) -> None:
        """Answer *request*, soon."""
        task = asyncio.get_running_loop().create_task(self.waterspout_answer(request))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def waterspout_answer(self, request: HTTPServerRequest) -> None:
        try:
            await self.handle_request(request)
        except Exception:
            app_log.error("Exception in a WSGI application: %r", request, exc_info=True)
            _answer_500(request)

    async def handle_request(self, request: HTTPServerRequest) -> None:
        """Run the application and write its response to ``request.connection``.

        Raises `RuntimeError` if the application does not call ``start_response``.
        """
        started: list[Any] = []
        chunks: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            started[:] = status, headers
            return chunks.append

        result: Iterable[bytes] = await self._waterspout_run(
            self.wsgi_application, self.environ(request), start_response
        )
        try:
            pieces = iter(result)
            while (chunk := await self._waterspout_run(next, pieces, None)) is not None:
                chunks.append(chunk)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if not started:
            raise RuntimeError("WSGI app did not call start_response")
        code, _, reason = started[0].partition(" ")
        self._waterspout_write(request, int(code), reason, started[1], b"".join(chunks))
        self._log(int(code), request)

    async def _waterspout_run(self, function: Callable[..., object], *args: object) -> Any:
        running = self.executor.submit(function, *args)
        future = asyncio.get_running_loop().create_future()
        chain_future(running, future)
        return await future

    def _waterspout_write(
        self,
        request: HTTPServerRequest,
        code: int,
        reason: str,
        fields: list[tuple[str, str]],
        body: bytes,
    ) -> None:
        headers = HTTPHeaders()
        for name, value in fields:
            headers.add(name, value)
        if code != 304:
            headers.setdefault("Content-Length", str(len(body)))
            headers.setdefault("Content-Type", "text/html; charset=UTF-8")
        headers.setdefault("Server", f"TornadoServer/{version}")
        connection = request.connection
        connection.write_headers(ResponseStartLine("HTTP/1.1", code, reason), headers, body)
        connection.finish()

    def environ(self, request: HTTPServerRequest) -> WSGIEnvironment:
        """Return the WSGI environ (PEP 3333) of *request*."""
        host, port = split_host_and_port(request.host)
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": to_wsgi_str(unquote_to_bytes(request.path)),
            "QUERY_STRING": request.query,
            "REMOTE_ADDR": request.remote_ip,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port or (443 if request.protocol == "https" else 80)),
            "SERVER_PROTOCOL": request.version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": request.protocol,
            "wsgi.input": BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": self.executor is not dummy_executor,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            # SECURITY: `X_Real_Ip` must never pass as `X-Real-Ip` (CVE-2026-3902).
            if "_" in name:
                continue
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            environ[key] = value
        # What a body had on its way, be it packed or in chunks, is not what the program reads.
        if request.body or "CONTENT_LENGTH" in environ:
            environ["CONTENT_LENGTH"] = str(len(request.body))
        return environ

    def _log(self, status_code: int, request: HTTPServerRequest) -> None:
        log = access_log.info
        if status_code >= 400:
            log = access_log.warning if status_code < 500 else access_log.error
        summary = f"{request.method} {request.uri} ({request.remote_ip})"
        log("%d %s %.2fms", status_code, summary, 1000 * request.request_time())


def _answer_500(request: HTTPServerRequest) -> None:
    body = b"Internal Server Error"
    headers = HTTPHeaders({"Content-Type": "text/plain", "Content-Length": str(len(body))})
    start = ResponseStartLine("HTTP/1.1", 500, "Internal Server Error")
    request.connection.write_headers(start, headers, body)
    request.connection.finish()


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.wsgi",
        __package__,
        """
        import concurrent.futures, tornado, typing
        from types import TracebackType
        from . import escape, httputil
        from .ioloop import IOLoop
        """,
    )
