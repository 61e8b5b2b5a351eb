"""Uploads: a file in a multipart form that the program saves, and a body that it reads whole.

A saved file is removed by the view, so that the disk does not fill. Beside speed stands the most
memory that the server's processes have held while they were measured.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.client
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import peers
from .load import Figures, Request, Watch
from .report import Bar, Section, markdown
from .servers import LOAD_CORE, Running, Server
from .throughput import Cell, Measured, all_running, expect, take_turns

SMALL, LARGE = 1_000_000, 100_000_000
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW8"
FORM_TYPE = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
RAW_TYPE = ("Content-Type", "application/octet-stream")
#: Starlette and Flask on granian are the bars; the other peers are shown.
BAR = Bar(">=", 1.2)
MIB = 2**20


def uploads(rounds: int, seconds: float) -> Section:
    """Measure small and large uploads on each server, and the memory of the large ones."""
    section = Section("Uploads")
    with tempfile.TemporaryDirectory() as folder:
        form = {size: _form(Path(folder, f"{size}.form"), size) for size in (SMALL, LARGE)}
        raw = Path(folder, "raw")
        raw.write_bytes(_content(SMALL))
        cells = (
            _cell("1 MB in a form, saved", partial(_save, size=SMALL), form[SMALL], 8),
            _cell("1 MB, read whole", _read, raw, 8),
            _cell("100 MB in a form, saved", partial(_save, size=LARGE), form[LARGE], 2),
        )
        with all_running([_with_folder(server, folder) for server in _servers()]) as started:
            for cell in cells:
                _forget_peaks(started)
                measured = take_turns(started, cell, rounds, seconds)
                section.table(cell.name, measured)
                section.tables.append(_peaks(started))
                _judge(section, cell.name, measured)
    return section


def _servers() -> list[Server]:
    return [
        peers.uvicorn("Starlette", "starlette_app"),
        peers.granian("Starlette", "starlette_app"),
        peers.FLASK_GRANIAN,
        peers.FLASK_GUNICORN,
        peers.TORNADO,
        peers.waterspout("flask_app", name="Waterspout, Flask program", dropin=True),
        peers.waterspout("tornado_app", name="Waterspout, Tornado program", dropin=True),
    ]


def _judge(section: Section, name: str, measured: list[Measured]) -> None:
    *others, tornado, ours, handlers = measured
    for other in others:
        section.ratio(f"{name}, against {other.server}", ours, other, BAR)
    section.ratio(f"{name}, Tornado program against Tornado", handlers, tornado, BAR)


def _with_folder(server: Server, folder: str) -> Server:
    return dataclasses.replace(server, env={"BENCH_UPLOADS": folder})


def _content(size: int) -> bytes:
    """Return bytes that look random, with line ends among them, the same at each run."""
    block = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(2**15))
    return (block * (size // len(block) + 1))[:size]


def _form(path: Path, size: int) -> Path:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nA file\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    path.write_bytes(head.encode() + _content(size) + f"\r\n--{BOUNDARY}--\r\n".encode())
    return path


def _cell(name: str, prepare: Callable[..., Request], body: Path, clients: int) -> Cell:
    return Cell(name, partial(prepare, body=body), clients, partial(send, body=body))


def _save(server: Running, body: Path, size: int) -> Request:
    """Check that the file that a server saves is the one that was sent, and return the request."""
    answer = server.ask("/save?digest=1", "POST", body.read_bytes(), dict([FORM_TYPE]))
    expect(answer, f"A file {hashlib.sha256(_content(size)).hexdigest()}".encode())
    return Request("/save", "POST", headers=(FORM_TYPE,))


def _read(server: Running, body: Path) -> Request:
    """Check that a body arrives whole, and return the request."""
    content = body.read_bytes()
    expect(server.ask("/upload", "POST", content, dict([RAW_TYPE])), b"%d" % len(content))
    return Request("/upload", "POST", headers=(RAW_TYPE,))


def send(server: Running, request: Request, seconds: float, clients: int, body: Path) -> Figures:
    """Have each client send the body again and again, until the time is over and its last response
    has come. Raises RuntimeError for a response that is no success.

    The kernel sends the body from the file: a client of wrk would copy it at each request.
    """
    watch = Watch(server)
    taken: list[float] = []
    errors: list[str] = []
    until = time.perf_counter() + seconds

    def client() -> None:
        os.sched_setaffinity(0, {LOAD_CORE})
        try:
            with socket.create_connection(("127.0.0.1", server.port), 30) as sock:
                while time.perf_counter() < until and not errors:
                    began = time.perf_counter()
                    _send_one(sock, request, body)
                    taken.append(time.perf_counter() - began)
        except (OSError, RuntimeError) as error:
            errors.append(f"{server.name}: {error}")

    began = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0])
    took = time.perf_counter() - began
    ordered = sorted(taken)
    p99 = ordered[int(len(ordered) * 0.99)]
    return watch.figures(len(taken), took, statistics.median(ordered) * 1000, p99 * 1000)


def _send_one(sock: socket.socket, request: Request, body: Path) -> None:
    head = f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    with body.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        sock.sendall(f"{head}{fields}Content-Length: {length}\r\n\r\n".encode())
        sock.sendfile(file)
    response = http.client.HTTPResponse(sock)
    with contextlib.closing(response):
        response.begin()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {response.read()!r}")
        response.read()


def _forget_peaks(started: dict[str, Running | str]) -> None:
    for server in started.values():
        if isinstance(server, Running):
            server.forget_peak()


def _peaks(started: dict[str, Running | str]) -> str:
    rows = [
        (name, f"{server.peak() / MIB:.0f}")
        for name, server in started.items()
        if isinstance(server, Running)
    ]
    return markdown(("server", "most resident, MiB"), rows)
