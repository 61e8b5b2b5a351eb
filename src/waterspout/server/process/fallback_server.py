"""A server that responds with 500 while the application is not running.

The reloader puts it on the listening sockets when the serving process has died, so
that the browser shows what to do instead of waiting for ever. It reads no request
and sends always the same response.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

_TEXT = b"""The application is not running: it ended while it was starting.

The reason is in the log of the server. The next save of a source file starts it again.
"""
_ANSWER = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%b"
) % (len(_TEXT), _TEXT)
_CLIENT_SECONDS = 1.0  # how long one client may keep the others waiting


class Placeholder:
    """Sends the response from a thread of its own until `close`."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        for sock in sockets:
            sock.setblocking(False)  # a client that disconnects must not block `accept`
            self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="waterspout-placeholder")
        self._thread.start()

    def close(self) -> None:
        """Stop; connections that were not accepted stay in the queue."""
        self._wake_writer.close()
        self._thread.join()
        self._wake_reader.close()
        self._selector.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                sock = key.fileobj
                if sock is self._wake_reader:
                    return
                assert isinstance(sock, socket.socket)
                with suppress(OSError):
                    client, _ = sock.accept()
                    with client:
                        self._answer(client)

    @staticmethod
    def _answer(client: socket.socket) -> None:
        client.settimeout(_CLIENT_SECONDS)
        client.recv(65536)
        client.sendall(_ANSWER)
        # A close with unread input resets the connection, and the response may be lost.
        client.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while client.recv(65536):
                pass
