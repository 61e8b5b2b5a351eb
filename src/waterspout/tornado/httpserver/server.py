"""`HTTPServer`: our server with Tornado's arguments, on a loop that the program looks after.

Sockets are served as soon as they are added; the loop may be started later. `stop` ends
listening only, and what runs goes on; `close_all_connections` ends that too.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping

from ...application.lifespan import Lifespan
from ...server.serving import Server
from ...server.settings import Limits, ServerSettings, Timeouts
from ...server.sockets import Listener
from ..configurable import Configurable
from ..core_adapter import Host, app_of
from ..httputil import (
    HTTPConnection,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
)
from ..ioloop import IOLoop
from ..netutil import bind_sockets, ssl_options_to_context
from ..process import fork_processes
from ..replaced_methods import NotesReplaced
from ..routing import _CallableAdapter
from .bodies import DecompressedBody, PiecesOf
from .tornado_server import TornadoServer

__all__ = ["HTTPServer"]

_MAX_BUFFER_SIZE = 100 * 1024 * 1024
_MAX_HEADER_SIZE = 64 * 1024
_SHORTEST_FIELD = len("A:\r\n")
#: Where Tornado has no limit, and ours counts.
_NO_LIMIT = sys.maxsize

Callback = HTTPServerConnectionDelegate | Callable[[HTTPServerRequest], object]


class _Serving:
    """What an `HTTPServer` keeps of its arguments, and what it is doing: beside its attributes,
    whose names belong to programs."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.decompress = False
        self.chunk_size: int | None = None
        self.max_body_size = _MAX_BUFFER_SIZE
        self.body_timeout: float | None = None
        self.server: TornadoServer | None = None
        self.lifespan: Lifespan  # from then on


class HTTPServer(NotesReplaced, Configurable, HTTPServerConnectionDelegate):
    """Serves *request_callback*: an `Application`, a router, another
    `HTTPServerConnectionDelegate`, or a function that takes a request.

    *no_keep_alive* answers one request a connection. *xheaders* believes what a proxy says in
    ``X-Real-Ip`` or ``X-Forwarded-For`` (the last address that is not in *trusted_downstream*)
    and ``X-Scheme`` or ``X-Forwarded-Proto``: for servers that only a proxy reaches. *protocol*
    (``https``) is what requests say they came by. *ssl_options* is a context, or a dict as for
    `netutil.ssl_options_to_context`. *decompress_request* unpacks bodies in gzip. Sizes are
    bytes: *max_header_size* (64 KiB), *max_body_size* (as *max_buffer_size*, 100 MiB), of an
    unpacked body too; *chunk_size*, of the pieces a program gets. Times are seconds:
    *idle_connection_timeout* (an hour), *body_timeout* for the whole of a body (none).

    Raises OSError for unusable certificates.
    """

    _waterspout_watched = frozenset({"start_request"})
    _waterspout: _Serving

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if any("handle_stream" in vars(base) for base in cls.__mro__):
            raise TypeError(
                f"{cls.__name__}.handle_stream would never be called: Waterspout's HTTPServer reads"
                " its connections itself. Override start_request or on_close, or use a TCPServer."
            )

    def __init__(self, *args: object, **kwargs: object) -> None:
        # `Configurable` calls `initialize` with the arguments.
        pass

    def initialize(
        self,
        request_callback: Callback,
        no_keep_alive: bool = False,
        xheaders: bool = False,
        ssl_options: Mapping[str, object] | ssl.SSLContext | None = None,
        protocol: str | None = None,
        decompress_request: bool = False,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        idle_connection_timeout: float | None = None,
        body_timeout: float | None = None,
        max_body_size: int | None = None,
        max_buffer_size: int | None = None,
        trusted_downstream: list[str] | None = None,
    ) -> None:
        """Take the arguments of the constructor; may be overridden."""
        self.request_callback = request_callback
        self.xheaders = xheaders
        self.protocol = protocol
        self.ssl_options = ssl_options
        self.trusted_downstream = trusted_downstream
        self._sockets: dict[int, socket.socket] = {}
        self._pending_sockets: list[socket.socket] = []
        self._waterspout = own = _Serving(
            ServerSettings(
                ssl_context=None if ssl_options is None else _server_context(ssl_options),
                limits=_limits(max_header_size or _MAX_HEADER_SIZE, no_keep_alive),
                timeouts=_timeouts(idle_connection_timeout or 3600.0),
            )
        )
        own.decompress = decompress_request
        own.chunk_size = chunk_size
        own.max_body_size = max_body_size or max_buffer_size or _MAX_BUFFER_SIZE
        own.body_timeout = body_timeout

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        """Return this class: programs may configure a subclass."""
        return HTTPServer

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        """Return this class."""
        return HTTPServer

    # -- sockets -------------------------------------------------------------------------------

    def listen(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Serve on *port* of *address*, by default of every address of this machine."""
        self.add_sockets(bind_sockets(port, address, family, backlog, flags, reuse_port))

    def bind(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Listen, but let `start` begin to serve: for several processes."""
        self._pending_sockets += bind_sockets(port, address, family, backlog, flags, reuse_port)

    def start(self, num_processes: int | None = 1, max_restarts: int | None = None) -> None:
        """Serve what was bound, in *num_processes* forks of this process (None or 0: one a
        processor; 1: in this process). No loop may be there yet for more than one."""
        if num_processes != 1:
            fork_processes(num_processes, max_restarts)
        sockets, self._pending_sockets = self._pending_sockets, []
        self.add_sockets(sockets)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Serve on bound, listening sockets, on the current loop. They are closed by `stop`."""
        for sock in sockets:
            self._sockets[sock.fileno()] = sock
            sock.setblocking(False)
            _begun(self).listen_on(Listener(sock))

    def add_socket(self, socket: socket.socket) -> None:
        """Do what `add_sockets` does with one socket."""
        self.add_sockets([socket])

    # -- the end -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop listening; open connections are still served."""
        own = self._waterspout
        if own.server is not None:
            own.server.stop_accepting(drain=False)
            if own.lifespan.has_hooks:
                IOLoop.current().add_callback(own.lifespan.shutdown)
        for sock in (*self._sockets.values(), *self._pending_sockets):
            sock.close()
        self._sockets.clear()
        self._pending_sockets.clear()

    async def close_all_connections(self) -> None:
        """Drop every connection, and wait until the last one is gone; not for the handlers, which
        may wait for what never comes."""
        server = self._waterspout.server
        if server is None:
            return
        server.stopping = not self._sockets  # this is the end: handlers of WebSockets are cancelled
        server.close_connections()
        while server.is_connected:  # noqa: ASYNC110
            await asyncio.sleep(0)  # a few turns of the loop: they have been aborted
        for _ in range(_LAST_TURNS):
            await asyncio.sleep(0)
        if not self._sockets:
            server.release()
            self._waterspout.server = None

    # -- requests that go by us ------------------------------------------------------------------

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return who takes the next request; may be overridden."""
        delegate: HTTPMessageDelegate
        if isinstance(self.request_callback, HTTPServerConnectionDelegate):
            delegate = self.request_callback.start_request(server_conn, request_conn)
        else:
            delegate = _CallableAdapter(self.request_callback, request_conn)
        own = self._waterspout
        if own.chunk_size is not None:
            delegate = PiecesOf(own.chunk_size, delegate)
        if own.decompress:
            delegate = DecompressedBody(delegate, own.max_body_size, own.chunk_size or _PIECE)
        return delegate

    #: As shipped: while the class has this method, its call can be skipped.
    _waterspout_start_request = staticmethod(start_request)

    def on_close(self, server_conn: object) -> None:
        """Called when a connection has ended; may be overridden."""


#: Turns of the loop for those that the end of a connection wakes: its handler, and a client on
#: the same loop, as tests have it, which closes its own end.
_LAST_TURNS = 10

#: Bytes of an unpacked body that are made at a time.
_PIECE = 64 * 1024


def _begun(front: HTTPServer) -> Server:
    own = front._waterspout
    if own.server is None:
        own.server = TornadoServer(front, _host(front), own.settings)
        own.server.attach(IOLoop.current().asyncio_loop)
        own.lifespan = Lifespan(own.server.app, own.server.lanes)
        if own.lifespan.has_hooks:
            IOLoop.current().add_callback(own.lifespan.startup)
    return own.server


def _host(front: HTTPServer) -> Host:
    own = front._waterspout
    # An `Application` is asked directly, unless its requests have to go by the server.
    direct = not own.decompress and own.chunk_size is None
    host = app_of(front.request_callback, front) if direct else app_of(front)
    host.max_body_size = own.max_body_size
    host.body_timeout = own.body_timeout
    return host


def _server_context(options: Mapping[str, object] | ssl.SSLContext) -> ssl.SSLContext:
    if isinstance(options, dict) and "certfile" not in options:
        raise KeyError('missing key "certfile" in ssl_options')
    return ssl_options_to_context(options, server_side=True)


def _limits(header: int, no_keep_alive: bool) -> Limits:
    return Limits(
        request_line=header,
        header_bytes=header,
        header_field=header,
        cookie_field=header,
        header_count=max(1, header // _SHORTEST_FIELD),
        requests_per_connection=1 if no_keep_alive else _NO_LIMIT,
        connection_age=math.inf,
        max_connections=_NO_LIMIT,
    )


def _timeouts(idle: float) -> Timeouts:
    # Tornado waits as long for the first byte of a request as for the end of its header section,
    # and without end for a body (but for `body_timeout`) and for who reads a response.
    return Timeouts(keep_alive=idle, header=idle, body_idle=math.inf, body_rate=0, write=math.inf)
