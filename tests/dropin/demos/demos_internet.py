"""The part of the Internet that the demos talk to, on this machine: a server with fixed pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

#: Answers a request: method, URL with its host, headers, → type and text; None: not found.
Answer = Callable[[str, str, dict[str, str]], "tuple[str, str] | None"]


@contextmanager
def internet(answer: Answer, tls: SSLContext | None = None) -> Iterator[int]:
    """Serve what *answer* gives; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            scheme = "http" if tls is None else "https"
            url = f"{scheme}://{self.headers['Host']}{self.path}"
            found = answer(self.command, url, dict(self.headers))
            kind, text = found or ("text/plain", "There is no such thing.")
            body = text.encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
