"""The contract of a stop: nothing accepted is lost, and it ends in time."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from server_load import Load
from server_process import Program, Start

SERVE = """
from waterspout.server import ServerSettings, Timeouts, serve
serve("served_app:app", port=0, loop={loop!r}, timeouts={{"graceful": {grace}}})
"""
ASK = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def serving(start: Start, loop: str = "auto", grace: float = 10) -> tuple[Program, int]:
    program = start(source=SERVE.format(loop=loop, grace=grace))
    return program, program.port()


def connect(clients: ExitStack, port: int) -> socket.socket:
    return clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=15))


def read_answer(sock: socket.socket) -> bytes:
    """Return one answer with a short body of declared length."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        assert piece, f"closed after {data!r}"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(4096)
    return head + b"\r\n\r\n" + body


def test_sigterm_under_load_loses_nothing(start: Start, loop_name: str) -> None:
    """Kept and fresh connections, views on the loop and in threads."""
    program, port = serving(start, loop_name)

    async def load() -> Load:
        async with Load(port, ("/", "/thread", "/wait/0.02"), kept=12, fresh=12) as running:
            await running.until_answered(300)
            program.signal(signal.SIGTERM)
            await running.until_refused()
        return running

    running = asyncio.run(load())
    assert running.lost == []
    assert running.answered > 300
    assert program.wait() == 0, program.output


def test_connections_queued_in_the_kernel_are_answered(
    start: Start, clients: ExitStack, loop_name: str
) -> None:
    """A busy loop accepts nobody; whoever the kernel let in meanwhile is served all the same."""
    program, port = serving(start, loop_name)
    busy = connect(clients, port)
    busy.sendall(ASK % b"/hold-loop/0.7")
    program.wait_for_line("note: holding")
    queued = [connect(clients, port) for _ in range(100)]
    for sock in queued:
        sock.sendall(ASK % b"/")
    program.signal(signal.SIGTERM)
    for sock in [busy, *queued]:
        assert b"200 OK" in read_answer(sock)
    assert program.wait() == 0, program.output


def test_running_requests_finish_and_say_close(
    start: Start, clients: ExitStack, loop_name: str
) -> None:
    program, port = serving(start, loop_name)
    on_loop, in_thread = connect(clients, port), connect(clients, port)
    on_loop.sendall(ASK % b"/wait/0.5")
    in_thread.sendall(ASK % b"/hold-thread/0.5")
    program.wait_for_line("note: waiting")
    program.wait_for_line("note: holding")
    program.signal(signal.SIGTERM)
    for sock, body in ((on_loop, b"waited"), (in_thread, b"held")):
        answer = read_answer(sock)
        assert answer.endswith(body)
        assert b"connection: close" in answer.lower()
        assert sock.recv(1) == b""
    assert program.wait() == 0
    assert program.notes()[-4:] == ["shutdown async", "shutdown", "inner out", "lifespan out"]


def test_a_connection_in_use_gets_one_more_answer(start: Start, clients: ExitStack) -> None:
    """A client that was answered just now may have sent its next request already."""
    program = start(  # a linger time that no busy machine uses up before the second request
        source="from waterspout.server import serve\n"
        "serve('served_app:app', port=0, timeouts={'linger': 8.0})\n"
    )
    port = program.port()
    sock = connect(clients, port)
    holder = connect(clients, port)
    holder.sendall(ASK % b"/wait/2.0")
    program.wait_for_line("note: waiting")
    sock.sendall(ASK % b"/")
    assert b"connection: close" not in read_answer(sock).lower()
    program.signal(signal.SIGTERM)
    with pytest.raises(OSError), ExitStack() as late:  # it has noted the signal
        while True:
            connect(late, port)
    sock.sendall(ASK % b"/")
    assert b"connection: close" in read_answer(sock).lower()
    assert sock.recv(1) == b""
    assert read_answer(holder).endswith(b"waited")
    assert program.wait() == 0


def test_a_connection_that_has_not_spoken_gets_its_answer(
    start: Start, clients: ExitStack, loop_name: str
) -> None:
    """A client does not ask again where its first request fails; also with no linger time."""
    program = start(
        source="from waterspout.server import serve, serving\n"
        "serving._FIRST_WORD = 8.0  # a second is not enough for this test on a busy machine\n"
        f"serve('served_app:app', port=0, loop={loop_name!r}, timeouts={{'linger': 0}})\n"
    )
    port = program.port()
    holder, late = connect(clients, port), connect(clients, port)
    holder.sendall(ASK % b"/wait/2.0")
    program.wait_for_line("note: waiting")
    program.signal(signal.SIGTERM)
    with pytest.raises(OSError), ExitStack() as refused:  # it has noted the signal
        while True:
            connect(refused, port)
    late.sendall(ASK % b"/")
    assert b"connection: close" in read_answer(late).lower()
    assert read_answer(holder).endswith(b"waited")
    assert program.wait() == 0


def test_idle_connections_do_not_delay_a_stop(
    start: Start, clients: ExitStack, loop_name: str
) -> None:
    """100 kept connections: closed within the linger time, not the grace time."""
    program, port = serving(start, loop_name)
    idle = [connect(clients, port) for _ in range(100)]
    for sock in idle:
        sock.sendall(ASK % b"/")
        read_answer(sock)
    began = time.monotonic()
    program.signal(signal.SIGTERM)
    for sock in idle:
        assert sock.recv(1) == b""
    assert program.wait() == 0
    assert time.monotonic() - began < 5  # the grace time is 10


def test_what_does_not_finish_is_cut_at_the_limit(
    start: Start, clients: ExitStack, loop_name: str
) -> None:
    """Streams, waiting tasks and threads: the process ends all the same, with status 0."""
    program, port = serving(start, loop_name, grace=1)
    for path in (b"/stream", b"/wait/60.0", b"/hold-thread/60.0", b"/to-thread/60.0"):
        connect(clients, port).sendall(ASK % path)
    for words in ("streaming", "waiting", "holding"):
        program.wait_for_line(f"note: {words}", 2 if words == "holding" else 1)
    program.signal(signal.SIGTERM)
    began = time.monotonic()
    assert program.wait() == 0, program.output
    assert time.monotonic() - began < 8
    assert "had to be aborted" in program.output
    assert "lifespan out" in program.notes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_the_process(
    start: Start, clients: ExitStack, number: signal.Signals
) -> None:
    program, port = serving(start, grace=60)
    connect(clients, port).sendall(ASK % b"/wait/60.0")
    program.wait_for_line("note: waiting")
    program.signal(number)
    program.wait_for_line("Stopping when 1 connections")
    program.signal(number)
    assert program.wait() == 128 + number


def test_the_second_signal_works_while_a_view_blocks_the_loop(
    start: Start, clients: ExitStack, loop_name: str
) -> None:
    program, port = serving(start, loop_name, grace=60)
    connect(clients, port).sendall(ASK % b"/hold-loop/60.0")
    program.wait_for_line("note: holding")
    program.signal(signal.SIGTERM)
    began = time.monotonic()
    while program.process.poll() is None and time.monotonic() - began < 10:
        program.signal(signal.SIGTERM)  # the first and the second may fall together
    assert program.wait() == 128 + signal.SIGTERM


def test_the_unix_socket_is_removed_when_forced(start: Start, clients: ExitStack) -> None:
    program = start(
        source="from waterspout.server import serve\nserve('served_app:app', uds='app.sock')\n"
    )
    path = program.wait_for_line("Listening on unix:").split("unix:")[1].split(" (pid")[0]
    sock = clients.enter_context(socket.socket(socket.AF_UNIX))
    sock.connect(path)
    sock.sendall(ASK % b"/wait/60.0")
    program.wait_for_line("note: waiting")
    program.signal(signal.SIGTERM)
    program.wait_for_line("Stopping when")
    program.signal(signal.SIGTERM)
    program.wait()
    with pytest.raises(FileNotFoundError):
        clients.enter_context(socket.socket(socket.AF_UNIX)).connect(path)


def test_drain_delay_answers_new_connections_before_listening_ends(
    start: Start, clients: ExitStack
) -> None:
    """`timeouts.drain`: a balancer has time to notice; then the port is closed."""
    program = start(
        source="from waterspout.server import serve\n"
        "serve('served_app:app', port=0, timeouts={'drain': 1.0})\n"
    )
    port = program.port()
    kept = connect(clients, port)
    kept.sendall(ASK % b"/")
    read_answer(kept)
    program.signal(signal.SIGTERM)
    closed = False
    while not closed:  # until the first answer that says so, `stopping` has not been seen
        sock = connect(clients, port)
        sock.sendall(ASK % b"/")
        closed = b"connection: close" in read_answer(sock).lower()
    assert program.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        connect(clients, port)
