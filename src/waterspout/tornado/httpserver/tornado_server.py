"""Our server as Tornado's behaves: its log lines, its refusals, its proxy fields, its limits."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ...server import error_responses as answers
from ...server.conduct import Conduct
from ...server.http1.connection import Connection
from ...server.process.loop_stop import at_stop, forget_stop
from ...server.serving import Server
from ..error_messages import tornado_reason
from ..log import app_log, gen_log
from ..xheaders import believed

if TYPE_CHECKING:
    from ...http.message import Incoming
    from ...server.http1.parser import ProtocolError
    from ...server.interfaces import Served
    from ...server.settings import ServerSettings
    from ..connection import ServerConnection
    from ..core_adapter import Host

__all__ = ["TornadoServer"]

_CONDUCT = Conduct(
    takes_connect=True,
    reads_chunks_in_1_0=True,
    says_close_to_1_0=False,
    waits_for_silent_1_0=False,
)
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class Front(Protocol):
    """An `HTTPServer`, as far as the server under it asks."""

    trusted_downstream: Any
    xheaders: bool
    protocol: str | None

    def on_close(self, server_conn: object) -> None: ...


class TornadoServer(Server):
    """The server under an `HTTPServer`."""

    def __init__(self, front: Front, app: Host, settings: ServerSettings) -> None:
        super().__init__(app, settings)
        self._front = front
        self.conduct = _CONDUCT
        self.connections = _Connections(front)
        #: Responses that are sent while their handlers are at work.
        self.under_way: set[ServerConnection] = set()
        self.trusted_downstream = frozenset(front.trusted_downstream or ())
        self.asks_proxies = bool(front.xheaders or front.protocol)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be on *loop*, which goes on for what handlers have written when it is told to stop."""
        super().attach(loop)
        at_stop(loop, self._waits_for_answers)

    def release(self) -> None:
        """Let go of the loop."""
        forget_stop(self.loop, self._waits_for_answers)
        super().release()

    def _waits_for_answers(self) -> bool:
        return any(answer.is_under_way() for answer in self.under_way)

    @property
    def is_connected(self) -> bool:
        """Whether connections are open or being established."""
        return bool(self._opening) or any(not served.lost for served in self.connections)

    def believe(self, incoming: Incoming) -> None:
        """Set the client and the scheme as ``protocol`` and ``xheaders`` want it."""
        origin = incoming.origin
        if self._front.protocol:
            origin = origin._replace(scheme=self._front.protocol)
        if self._front.xheaders:
            address, scheme = believed(
                partial(_text, incoming), "", origin.scheme, self.trusted_downstream
            )
            origin = origin._replace(scheme=scheme)
            if address:
                origin = origin._replace(client=(address, 0))
            incoming.is_from_trusted_proxy = True
        incoming.origin = origin

    def refuse(self, client: tuple[str, int] | None, error: ProtocolError) -> bytes:
        """Log that a request is malformed, and return the response."""
        peer = client[0] if client else ""
        if error.status == 408:
            return b""  # Tornado closes without a word
        if error.status in (414, 431):
            gen_log.info("Unsatisfiable read, closing connection: %s", error.reason)
            return answers.refusal(error, self.date_line)
        text = tornado_reason(error.reason)
        if error.value:
            text += f" {error.value.decode('latin-1')}"
        gen_log.info("Malformed HTTP message from %s: %s", peer, text)
        return _REFUSAL

    def ends_by(self, error: BaseException) -> bool:
        """Let the program end: the loop is its own, and so are the handlers of signals, which
        raise `SystemExit` or `KeyboardInterrupt` out of whatever they interrupt."""
        if not isinstance(error, (SystemExit, KeyboardInterrupt)):
            return False
        # In a turn of its own: uvloop keeps to itself what a protocol raises.
        self.loop.call_soon(_let_out, error)
        return True

    def note_failure(self, sock: socket.socket, error: OSError) -> None:
        """Log that a TLS handshake failed."""
        if isinstance(error, ssl.SSLError):
            gen_log.warning("SSL Error on %s: %s", sock.fileno(), error)


class _Connections(set["Served"]):
    """The open connections, of whose ends the program's server is told."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self._front = front

    def discard(self, connection: object) -> None:
        """Forget a connection that has ended, or has become a WebSocket."""
        known = connection in self
        super().discard(connection)
        if known and isinstance(connection, Connection):
            try:
                self._front.on_close(connection)
            except Exception:
                app_log.error("Error in on_close", exc_info=True)


def _let_out(error: BaseException) -> None:
    raise error


def _text(incoming: Incoming, name: str) -> str:
    return (incoming.header(name.lower().encode()) or b"").decode("latin-1")
