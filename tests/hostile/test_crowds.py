"""Many at once: a server in a process of its own, its memory and its end."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_process import Process
from hostile_vector import head
from hostile_wire import Wire, ask, until

KIB = 1024
MIB = 1024 * 1024
IDLE = 10_000


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Process]]:
    """Processes that are ended with the test."""
    started: list[Process] = []
    yield started
    for process in started:
        process.end()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let this process, and what it starts, open a socket for each idle connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 1500
    if hard != resource.RLIM_INFINITY and hard < wanted and "CI" not in os.environ:
        pytest.skip(f"the hard limit of descriptors is {hard}, this needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def start(running: list[Process], folder: Path, **options: object) -> Process:
    process = Process(folder, **options)  # type: ignore[arg-type]  # settings of many types
    running.append(process)
    assert ask(process.address).body == b"hello"
    return process


def test_ten_thousand_idle_connections(
    running: list[Process], tmp_path: Path, many_descriptors: None
) -> None:
    """Each used once and kept; they cost little memory, and a visitor does not notice."""
    process = start(running, tmp_path, limits={"max_connections": IDLE + 100})
    before = process.resident()
    idle = []
    try:
        for _ in range(IDLE):
            wire = Wire(process.address)
            idle.append(wire)
            wire.send(head())
        for wire in idle:
            assert wire.read_answer().status == 200
        each = (process.resident() - before) / IDLE
        assert each < 10 * KIB
        assert ask(process.address).body == b"hello"
        for wire in idle[:: IDLE // 100]:  # still there, all the way through
            wire.send(head())
            assert wire.read_answer().status == 200
        process.terminate()  # idle ones do not hold up the end
        assert process.wait() == 0, process.log
    finally:
        for wire in idle:
            wire.sock.close()


def test_idle_connections_are_closed_at_the_limit(running: list[Process], tmp_path: Path) -> None:
    """Those that were used and those that never spoke, by the server's clock."""
    process = start(running, tmp_path, timeouts={"keep_alive": 1.0, "header": 1.0})
    idle = [Wire(process.address) for _ in range(200)]
    try:
        for wire in idle[:100]:
            wire.send(head())
            assert wire.read_answer().status == 200
        for wire in idle:
            assert wire.read_to_end() == b""
    finally:
        for wire in idle:
            wire.sock.close()


@pytest.mark.parametrize("target", [b"/endless", b"/endless-def"])
def test_slow_readers_cost_no_more_than_their_buffers(
    running: list[Process], tmp_path: Path, target: bytes
) -> None:
    """Answers of 100 MB to forty clients that do not read; others are served; cut in the
    end."""
    process = start(running, tmp_path, timeouts={"write": 2.0})
    before = process.resident()
    slow = [Wire(process.address, receive_buffer=4096) for _ in range(40)]
    try:
        for wire in slow:
            wire.send(head(target=target))
            assert wire.more()
        for _ in range(20):
            assert ask(process.address).body == b"hello"
        grown = process.resident() - before
        assert grown < 40 * 512 * KIB + 10 * MIB
        assert until(lambda: process.descriptors() < 40)  # cut by the write deadline
    finally:
        for wire in slow:
            wire.sock.close()
    assert ask(process.address).body == b"hello"


@pytest.mark.parametrize("target", [b"/large", b"/large-def"])
def test_pipelined_answers_nobody_reads_are_not_made(
    running: list[Process], tmp_path: Path, target: bytes
) -> None:
    """3000 requests for 64 kB each, in one go, from a client that does not read."""
    process = start(running, tmp_path)
    before = process.resident()
    with Wire(process.address, receive_buffer=4096) as wire:
        sender = threading.Thread(target=wire.send, args=(head(target=target) * 3000,))
        sender.start()
        for _ in range(20):
            assert ask(process.address).body == b"hello"
        assert process.resident() - before < 20 * MIB
        for _ in range(3000):
            assert len(wire.read_answer().body) == 65_536
        sender.join()


def test_uploads_to_a_slow_server_do_not_grow_it(running: list[Process], tmp_path: Path) -> None:
    """Ten uploads of 20 MB at once: on the disk, not in memory, and whole."""
    process = start(running, tmp_path)
    before = process.resident()
    wires = [Wire(process.address) for _ in range(10)]
    try:
        for wire in wires:
            wire.send(head(b"Content-Length: %d\r\n" % (20 * MIB), method=b"POST",
                           target=b"/upload"))  # fmt: skip
        for _ in range(19):
            for wire in wires:
                wire.send(b"x" * MIB)
        assert process.resident() - before < 60 * MIB
        for wire in wires:
            wire.send(b"x" * MIB)
            assert wire.read_answer().body == b"%d" % (20 * MIB)
    finally:
        for wire in wires:
            wire.sock.close()


def test_more_connections_than_descriptors(running: list[Process], tmp_path: Path) -> None:
    """Accepting pauses instead of spinning, and goes on by itself."""
    limit = "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    process = start(running, tmp_path, before=limit)
    flood = []
    try:
        for _ in range(900):
            sock = socket.socket()
            sock.settimeout(10)
            sock.connect(process.address)
            flood.append(sock)
        for sock in flood[:100]:  # those that are in are served
            sock.sendall(head())
            assert sock.recv(12) == b"HTTP/1.1 200"
        used = process.seconds_of_cpu()
        threading.Event().wait(1.0)
        assert process.seconds_of_cpu() - used < 0.5
    finally:
        for sock in flood:
            sock.close()
    for _ in range(50):
        assert ask(process.address).body == b"hello"
    process.terminate()
    assert process.wait() == 0, process.log
    assert "Traceback" not in process.log


def test_what_is_under_way_at_sigterm_is_finished(running: list[Process], tmp_path: Path) -> None:
    """An upload, a stream and a thread, all accepted; nothing of them is lost."""
    process = start(running, tmp_path)
    upload, stream, thread = (Wire(process.address) for _ in range(3))
    with upload, stream, thread:
        upload.send(head(b"Content-Length: 3000000\r\n", method=b"POST", target=b"/upload"))
        upload.send(b"x" * 1_000_000)
        stream.send(head(target=b"/slow-stream"))
        assert stream.more()
        thread.send(head(target=b"/slow-thread"))
        assert until(lambda: ask(process.address).status == 200)
        process.terminate()
        upload.send(b"x" * 2_000_000)
        assert upload.read_answer().body == b"3000000"
        assert stream.read_answer().body.endswith(b"piece 19\n")
        assert thread.read_answer().body == b"slept"
        for wire in (upload, stream, thread):
            assert wire.read_to_end() == b""
    assert process.wait() == 0, process.log
    assert "Traceback" not in process.log
