"""Each event in each state of a connection leads to the state that the table says."""

from __future__ import annotations

import asyncio
import socket

import pytest

from waterspout import App
from waterspout.server import ServerSettings
from waterspout.server.http1.connection import Connection
from waterspout.server.http1.state import TRANSITIONS, Event, State, state_of
from waterspout.server.serving import Server
from waterspout.server.settings import Timeouts

FIRST, REST = b"GET / HT", b"TP/1.1\r\nHost: a\r\n\r\n"
WITH_BODY = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE, LAST_PIECE = b"1\r\nx\r\n", b"0\r\n\r\n"

#: The bytes of events; those of a state that expects others are apart.
BYTES = {
    Event.PART: FIRST,
    Event.BODY_BEGINS: WITH_BODY,
    Event.REQUEST: FIRST + REST,
    Event.MALFORMED: b"\0\r\n\r\n",
}
BYTES_IN = {
    (State.HEAD, Event.PART): b"TP",
    (State.HEAD, Event.BODY_BEGINS): REST[:-2] + b"Content-Length: 9\r\n\r\n",
    (State.HEAD, Event.REQUEST): REST,
    (State.BODY, Event.PART): PIECE,
    (State.BODY, Event.REQUEST): LAST_PIECE,
}


class Client:
    """One connection of a server, and the other end of its socket."""

    def __init__(self, server: Server, connection: Connection, sock: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.sock = sock

    async def bring_to(self, state: State) -> None:
        """Lead the new connection into *state*."""
        connection = self.connection
        if state is State.HEAD:
            connection.data_received(FIRST)
        elif state is State.BODY:
            connection.data_received(WITH_BODY)
        elif state in (State.ANSWERING, State.LAST):
            connection.data_received(FIRST + REST)
            if state is State.LAST:
                assert connection.eof_received()
        elif state is State.CLOSING:
            connection.data_received(BYTES[Event.MALFORMED])
        elif state is State.CLOSED:
            connection.abort()
            await connection.disconnected()

    async def let(self, event: Event, released: asyncio.Event) -> None:
        """Let *event* happen, as the loop, the view or the server does."""
        connection = self.connection
        if event in BYTES:
            connection.data_received(BYTES_IN.get((state_of(connection), event), BYTES[event]))
        elif event is Event.ANSWERED:
            released.set()
            assert await asyncio.get_running_loop().sock_recv(self.sock, 9999)
        elif event is Event.END_OF_INPUT:
            if not connection.eof_received():
                connection.transport.close()
        elif event is Event.LOST:
            connection.abort()
        elif event is Event.DEADLINE:
            connection.deadline = 0.0
            connection.on_deadline()
        elif event is Event.STOP:
            self.server.stopping = True
            connection.begin_stop()
            connection.close_if_idle()
        elif event is Event.DETACHED:
            transport, _ = connection.detach()
            transport.abort()
            return
        if connection.transport.is_closing():
            await connection.disconnected()


async def happen(state: State, event: Event) -> State:
    """Return the state of a connection after *event* in *state*."""
    released = asyncio.Event()
    app = App("states", static_folder=None)

    @app.route("/", methods=["GET", "POST"])
    async def view() -> str:
        await released.wait()
        return "here"

    loop = asyncio.get_running_loop()
    server = Server(app, ServerSettings(timeouts=Timeouts(body_idle=1e-9)))
    server.attach(loop)
    here, there = socket.socketpair()
    there.setblocking(False)
    _, connection = await loop.create_connection(lambda: Connection(server), sock=here)
    client = Client(server, connection, there)
    try:
        await client.bring_to(state)
        assert state_of(connection) is state
        await asyncio.wait_for(client.let(event, released), 10)
        return state_of(connection)
    finally:
        released.set()
        task = connection.running.task if connection.running is not None else None
        if not connection.lost:
            connection.abort()
            await connection.disconnected()
        if task is not None:
            await asyncio.wait([task])
        there.close()
        server.release()


@pytest.mark.parametrize(
    ("state", "event", "then"),
    [
        pytest.param(state, event, then, id=f"{state.name}-{event.name}")
        for state, events in TRANSITIONS.items()
        for event, then in events.items()
    ],
)
def test_an_event_leads_to_the_state_of_the_table(state: State, event: Event, then: State) -> None:
    assert asyncio.run(happen(state, event)) is then


def test_the_table_is_complete() -> None:
    """It has every state, and every event that can come in it."""
    answered = {Event.ANSWERED, Event.DETACHED}
    #: In a body its end is that of the request; another cannot begin.
    cannot = {State.BODY: answered | {Event.BODY_BEGINS}, State.CLOSED: set(Event)}
    for state in State:
        has_request = state in (State.ANSWERING, State.LAST)
        missing = cannot.get(state, set() if has_request else answered)
        assert set(TRANSITIONS[state]) == set(Event) - missing


def test_a_refusal_waits_behind_the_response() -> None:
    """Malformed bytes while a request is answered close the connection once it is."""

    async def main() -> bytes:
        released = asyncio.Event()
        app = App("states", static_folder=None)

        @app.get("/")
        async def view() -> str:
            await released.wait()
            return "here"

        loop = asyncio.get_running_loop()
        server = Server(app, ServerSettings())
        server.attach(loop)
        here, there = socket.socketpair()
        there.setblocking(False)
        _, connection = await loop.create_connection(lambda: Connection(server), sock=here)
        connection.data_received(FIRST + REST + BYTES[Event.MALFORMED])
        released.set()
        received = b""
        while piece := await asyncio.wait_for(loop.sock_recv(there, 9999), 10):
            received += piece
        there.close()
        await connection.disconnected()
        server.release()
        return received

    received = asyncio.run(main())
    assert received.index(b"HTTP/1.1 200 OK") < received.index(b"HTTP/1.1 400 Bad Request")
